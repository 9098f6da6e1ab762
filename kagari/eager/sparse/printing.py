"""How a sparse tensor prints: its parts as tensors, its size and its layout."""

from __future__ import annotations

from typing import Any

from ...base.dtypes import default_dtype
from .. import convert, printing

_INDENT = len("tensor(")


def text(s: Any, **kwargs: Any) -> str:
    """The text of a sparse tensor in coordinate form."""
    return text_of(s, [("indices", s._at), ("values", s._elements)], s._at.shape[1], newline=True)


def text_of(s: Any, parts: list[tuple[str, Any]], nnz: int, newline: bool) -> str:
    """The text of a sparse tensor of its parts, each with its name."""
    return printing.with_suffixes(
        "tensor(" + (",\n" + " " * _INDENT).join(_part(*part) for part in parts), suffixes(s, nnz), _INDENT,
        newline=newline,
    )  # fmt: skip


def _part(name: str, t: Any) -> str:
    """A tensor that another one consists of, under its name."""
    begin, dt = f"{name}=tensor(", t.dtype
    if not t.numel():
        return f"{begin}[], size={tuple(t.shape)})"
    body = printing.body(convert.raw_array(t), lambda a: convert.numbers_of(a, dt), _INDENT + len(begin))
    return f"{begin}{body})"


def suffixes(s: Any, nnz: int) -> list[str]:
    """What is said behind the parts."""
    found = [f"size={tuple(s.shape)}", f"nnz={nnz}"]
    default = default_dtype()
    if s.dtype not in (default, default.to_complex()) and s.dtype.name not in ("int64", "bool"):
        found.append(f"dtype=torch.{s.dtype.name}")
    found.append(f"layout={s.layout}")
    node = s._node()
    if node is not None:
        found.append(f"grad_fn=<{node.name().rpartition('::')[2]}>")
    elif s._needs:
        found.append("requires_grad=True")
    return found
