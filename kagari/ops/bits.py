"""The bits of a tensor taken for numbers of another dtype."""

from __future__ import annotations

from ..base.dtypes import FLOAT8, dtype
from ..base.symbols import hint
from ..ir import graph
from ..ir.graph import Value
from .complex import joined_parts


def reinterpreted(x: Value, dt: dtype) -> Value:
    """The same memory under another dtype; where that has another size, the last dimension is longer or shorter.

    Raises RuntimeError where the last size is no whole number of elements. Whether strides fit is decided when they are
    known.
    """
    if x.dtype is dt:
        return graph.reshape(x, x.shape)
    old, new = x.dtype.itemsize, dt.itemsize
    to = f"to view {x.dtype.type_name} as {dt.type_name} (different element sizes)"
    if old != new and not x.ndim:
        raise RuntimeError(f"self.dim() cannot be 0 {to}")
    if new > old and x.shape[-1] % (new // old) != 0:
        raise RuntimeError(f"self.size(-1) must be divisible by {new // old} {to}, but got {hint(x.shape[-1])}")
    if x.dtype in FLOAT8:
        x = graph.storage(x)
    if x.dtype.is_complex:
        parts = graph.storage(x)
        row = (*parts.shape[:-2], parts.shape[-2] * 2) if x.ndim else (2,)
        x = graph.reshape(parts, row)
    if dt.is_complex:
        x = x if x.dtype is dt.to_real() else graph.reinterpret(x, dt.to_real())
        return joined_parts(graph.reshape(x, (*x.shape[:-1], x.shape[-1] // 2, 2)))
    return x if x.dtype is dt else graph.reinterpret(x, dt)
