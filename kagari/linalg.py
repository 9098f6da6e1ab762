"""Linear algebra, as `torch.linalg`: functions of vectors, of matrices, and of stacks of matrices."""

from __future__ import annotations

from typing import Any

from .base.errors import LinAlgError as LinAlgError
from .eager import linalg as _linalg
from .eager import operators as _operators
from .eager.answering import told as _told

_OPERATORS = {
    "cross": "linalg_cross", "matmul": "matmul", "vander": "linalg_vander", "vecdot": "linalg_vecdot",
}  # fmt: skip

__all__ = sorted(("LinAlgError", *_OPERATORS, *_linalg.LINALG))


def __getattr__(name: str) -> Any:
    """A function by its name here. Raises AttributeError for names that are not there."""
    if name in _linalg.LINALG:
        found = globals()[name] = _told(_linalg.LINALG[name], "torch.linalg")
        return found
    if name not in _OPERATORS:
        raise AttributeError(f"module 'kagari.linalg' has no attribute {name!r}")
    found = globals()[name] = getattr(_operators, _OPERATORS[name])
    return found


def __dir__() -> list[str]:
    return list(__all__)
