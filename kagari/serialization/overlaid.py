"""Nested and masked tensors in files: as PyTorch has them, made of the plain tensors that they consist of."""

from __future__ import annotations

import importlib
from reprlib import repr as short
from typing import Any

from ..eager import Tensor

ROOT = __name__.partition(".")[0]


class JaggedKind:
    """Stands for the class of nested tensors of the layout `torch.jagged`."""


class MaskedKind:
    """Stands for the class of masked tensors."""


class DimRange:
    """What PyTorch's compiler notes of a size. Nothing of it is kept."""

    def __setstate__(self, state: Any) -> None:
        """Drops it."""


def rebuild_nested_tensor(line: Tensor, sizes: Tensor, strides: Tensor, begins: Tensor) -> Tensor:
    """A nested tensor of the layout `torch.strided`. Raises RuntimeError where a part would lie beyond the elements."""
    strided: Any = importlib.import_module(f"{ROOT}.nested.strided")
    importlib.import_module(f"{ROOT}.nested")  # gives the class its answers
    _check(line, sizes, strides, begins)
    parts = []
    for shape, steps, begin in zip(sizes.tolist(), strides.tolist(), begins.tolist(), strict=True):
        reach = begin + 1 + sum((n - 1) * s for n, s in zip(shape, steps, strict=True)) if 0 not in shape else begin
        if min((begin, *shape, *steps)) < 0 or reach > line.numel():
            raise RuntimeError(f"a nested tensor of {line.numel()} elements has none of the sizes {shape} at {begin}")
        parts.append(strided.Part(tuple(shape), tuple(steps), begin))
    return strided.rebuild(line, tuple(parts), line.requires_grad)


def rebuild_njt(state: Any) -> Tensor:
    """A nested tensor of the layout `torch.jagged`. Raises RuntimeError where sequences would not lie in the values."""
    if not isinstance(state, dict):
        raise RuntimeError(f"expected the parts of a nested tensor, got {short(state)}")
    jagged: Any = importlib.import_module(f"{ROOT}.nested.jagged")
    importlib.import_module(f"{ROOT}.nested")  # gives the class its answers
    values: Any
    values, offsets, lengths = (state.get(name) for name in ("values", "offsets", "lengths"))
    _check(values, offsets, *(() if lengths is None else (lengths,)))
    ragged = state.get("_ragged_idx")
    if not isinstance(ragged, int) or not 1 <= ragged <= values.ndim:
        raise RuntimeError(f"a nested tensor has no ragged dimension {short(ragged)}")
    made = jagged.rebuild(values, offsets, lengths, ragged, bool(state.get("requires_grad")))
    if any(b < 0 or n < 0 or b + n > values.shape[ragged - 1] for b, n in made._sequences.bounds):
        raise RuntimeError("the sequences of a nested tensor lie beyond its values")
    return made


def rebuild_wrapper(*how: Any) -> Tensor:
    """What a masked tensor is made by; see :func:`of_type`."""
    raise RuntimeError(f"expected a masked tensor, got {short(how)}")


def of_type(function: Any, args: Any, state: Any) -> Tensor:
    """A nested or a masked tensor, which a file has as one of a subclass."""
    if function is rebuild_njt:
        return rebuild_njt(*args)
    data, mask = ((state or {}).get(name) for name in ("_masked_data", "_masked_mask"))
    _check(data, mask)
    masked: Any = importlib.import_module(f"{ROOT}.masked")
    return masked.masked_tensor(data, mask, bool(args[-1]))


def _check(*tensors: Any) -> None:
    for t in tensors:
        if not isinstance(t, Tensor):
            raise RuntimeError(f"expected a tensor, got {type(t).__name__}")


def reduced(t: Any, from_type: Any) -> Any:
    """The call that makes a nested or a masked tensor again."""
    plain = t.detach()
    if not t.is_nested:
        state = {"_masked_data": plain.get_data(), "_masked_mask": t.get_mask()}
        stride = () if t.is_sparse else t.stride()
        how = (MaskedKind, t.dtype, tuple(t.shape), stride, 0, t.layout, t.device, t.requires_grad)
        return from_type, (rebuild_wrapper, MaskedKind, how, state)
    if not hasattr(t, "offsets"):
        integers = [t._nested_tensor_size(), t._nested_tensor_strides(), t._nested_tensor_storage_offsets()]
        line = plain.values().contiguous()
        return rebuild_nested_tensor, (line.requires_grad_(t.requires_grad), *integers)
    parts = {
        "values": plain.values(), "offsets": t.offsets(), "lengths": t.lengths(), "_ragged_idx": t._ragged_idx,
        "_metadata_cache": {}, "requires_grad": t.requires_grad,
    }  # fmt: skip
    return from_type, (rebuild_njt, JaggedKind, (parts,), {})


__all__ = ["DimRange", "JaggedKind", "MaskedKind", "of_type", "rebuild_nested_tensor", "rebuild_njt", "rebuild_wrapper",
           "reduced"]  # fmt: skip
