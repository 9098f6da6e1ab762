"""Tensors of numbers in order, beyond `arange`: indices of triangles, windows of signals, memory in another order."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import dtypes
from ..base import layout as layouts
from . import convert
from .creation import finished
from .formats import check_layout
from .sizes import blank, dtype_of, integer, number

if TYPE_CHECKING:
    from .tensor import Tensor


# Indices of triangles


def _triangle(name: str, row: Any, col: Any, offset: int, dtype: Any, layout: Any, device: Any, lower: bool) -> Tensor:
    """The places of a triangle of a matrix in row-major order: row numbers, then column numbers."""
    rows, columns = integer(name, "row", 1, row), integer(name, "col", 2, col)
    for label, size in (("row", rows), ("col", columns)):
        if size < 0:
            raise RuntimeError(f"{label} must be non-negative, got{size}")
    dt = dtypes.int64 if dtype is None else dtype_of(name, dtype)
    if dt.category != 1:
        raise NotImplementedError(f"\"{name}\" not implemented for '{dt.type_name}'")
    check_layout(name, layout)
    right = np.arange(columns)[None, :] - np.arange(rows)[:, None]
    places = np.stack(np.nonzero(right <= offset if lower else right >= offset))
    made = blank(name, places.shape, dt, device)
    if places.size:
        convert.write(made, places)
    return made


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Where the lower triangle of a matrix is, in row-major order: a row of row numbers and one of column numbers.

    It reaches up to the diagonal `offset` places to the right of the main one.

    >>> import kagari as torch
    >>> torch.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _triangle("tril_indices", row, col, offset, dtype, layout, device, True)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Where the upper triangle of a matrix is, in row-major order: a row of row numbers and one of column numbers.

    It begins at the diagonal `offset` places to the right of the main one.

    >>> import kagari as torch
    >>> torch.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _triangle("triu_indices", row, col, offset, dtype, layout, device, False)


# Ranges and memory


def range(
    start: Any = 0, end: Any = None, step: Any = 1, *, out: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """The numbers from `start` to `end`, which is included. Deprecated: `arange` is like Python's own.

    >>> import kagari as torch
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     torch.range(0, 2)
    tensor([0., 1., 2.])
    """
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
        stacklevel=2,
    )
    if end is None:
        raise TypeError('range() missing 1 required positional arguments: "end"')
    low, high, by = (number("range", n, i + 1, x) for i, (n, x) in enumerate(zip(_BOUNDS, (start, end, step))))
    if by == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"unsupported range: {low} -> {high}")
    if (by > 0) != (high >= low) and high != low:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    check_layout("range", layout)
    count = math.floor((high - low) / by) + 1
    made = blank("range", (count,), dtype, device, out)
    convert.write(made, low + by * np.arange(count))
    return finished(made, out, requires_grad)


_BOUNDS = ("start", "end", "step")


def empty_permuted(
    size: Sequence[int], physical_layout: Sequence[int], *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor with whatever lies in its memory, whose dimensions lie there in the given order, the slowest first.

    >>> import kagari as torch
    >>> torch.empty_permuted((2, 3, 4), (0, 2, 1)).stride()
    (12, 1, 3)
    """
    shape, order = tuple(size), tuple(physical_layout)
    if len(shape) != len(order):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = "
            f"{len(shape)} is not equal to len(physical_layout) = {len(order)}"
        )
    for i, d in enumerate(order):
        if not 0 <= d < len(shape):
            raise RuntimeError(
                f"Dimension out of range (expected to be between 0 and {len(shape) - 1}, but got {d} at index {i}).  "
                "NB: negative dims not currently supported; file an issue if you want it."
            )
        if d in order[:i]:
            raise RuntimeError("Duplicate dim not allowed")
    check_layout("empty_permuted", layout)
    made = blank("empty_permuted", (tuple([shape[d] for d in order]),), dtype, device)
    strides = dict(zip(order, made._layout.strides))
    lay = layouts.layout(shape, tuple([strides[d] for d, _ in enumerate(shape)]), made.dtype, made._layout.meta)
    return finished(convert.wrap(lay, made._storage), None, requires_grad)


# Windows of signals


def _window(name: str, length: Any, periodic: bool, how: dict[str, Any], shape: Any) -> Tensor:
    """`shape` of the numbers from -1 to 1 at equal distances; a periodic window leaves the last one out."""
    unknown = [key for key in how if key not in ("dtype", "layout", "device", "pin_memory", "requires_grad")]
    if unknown:
        raise TypeError(f"{name}() got an unexpected keyword argument '{unknown[0]}'")
    length = integer(name, "window_length", 1, length)
    dt = dtype_of(name, how.get("dtype"))
    if dt.category != 2:
        raise RuntimeError(f"{name} expects floating point dtypes, got: {dt}")
    if length < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={length}")
    check_layout(name, how.get("layout"))
    steps = length if periodic else length - 1
    x = 2 * np.arange(length) / steps - 1 if length > 1 else np.zeros(length)
    made = blank(name, (length,), dt, how.get("device"))
    if length:
        convert.write(made, shape(x))
    return finished(made, None, bool(how.get("requires_grad")))


def _cosines(*factors: float) -> Any:
    """A sum of cosines, 1 at the middle of the window for factors that add up to 1."""
    return lambda x: sum(f * np.cos(k * math.pi * x) for k, f in enumerate(factors))


def hann_window(window_length: int, periodic: bool = True, **how: Any) -> Tensor:
    r"""Hann's window :math:`w_n = \frac{1}{2} - \frac{1}{2} \cos(2 \pi n / N)`.

    N is the length where the window is periodic, as a Fourier transform wants it, else one less: then it is symmetric.
    Further arguments are `dtype`, `layout`, `device` and `requires_grad`.

    >>> import kagari as torch
    >>> torch.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("hann_window", window_length, periodic, how, _cosines(0.5, 0.5))


def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, **how: Any
) -> Tensor:
    r"""Hamming's window :math:`w_n = \alpha - \beta \cos(2 \pi n / N)`; the arguments are those of `hann_window`.

    >>> import kagari as torch
    >>> torch.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return _window("hamming_window", window_length, periodic, how, _cosines(alpha, beta))


def blackman_window(window_length: int, periodic: bool = True, **how: Any) -> Tensor:
    r"""Blackman's window :math:`w_n = 0.42 - 0.5 \cos(2 \pi n / N) + 0.08 \cos(4 \pi n / N)`; the arguments are those
    of `hann_window`.

    >>> import kagari as torch
    >>> torch.blackman_window(4)[1:]
    tensor([0.3400, 1.0000, 0.3400])
    """
    return _window("blackman_window", window_length, periodic, how, _cosines(0.42, 0.5, 0.08))


def bartlett_window(window_length: int, periodic: bool = True, **how: Any) -> Tensor:
    r"""Bartlett's window, a triangle: :math:`w_n = 1 - |2 n / N - 1|`; the arguments are those of `hann_window`.

    >>> import kagari as torch
    >>> torch.bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("bartlett_window", window_length, periodic, how, lambda x: 1 - np.abs(x))


def kaiser_window(window_length: int, periodic: bool = True, beta: float = 12.0, **how: Any) -> Tensor:
    r"""Kaiser's window :math:`w_n = I_0(\beta \sqrt{1 - (2 n / N - 1)^2}) / I_0(\beta)`, with the Bessel function
    :math:`I_0`; the arguments are those of `hann_window`.

    >>> import kagari as torch
    >>> torch.kaiser_window(4, beta=0.0)
    tensor([1., 1., 1., 1.])
    """
    return _window(
        "kaiser_window", window_length, periodic, how,
        lambda x: np.i0(beta * np.sqrt(np.maximum(1 - x * x, 0))) / np.i0(beta),
    )  # fmt: skip


FUNCTIONS = (
    bartlett_window, blackman_window, empty_permuted, hamming_window, hann_window, kaiser_window, range, tril_indices,
    triu_indices,
)  # fmt: skip
