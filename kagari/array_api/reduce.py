"""Sums, products, extrema, spreads, truth, and products of matrices, as the array API spells them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base.dtypes import dtype as Dtype
from ..base.dtypes import int64, uint64
from ..eager import Tensor, operators
from .dtypes import KINDS, promoted
from .elementwise import together

Axis = int | tuple[int, ...] | None


def _axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    found = range(ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    return tuple(a + ndim if a < 0 else a for a in found)


def _unchanged(x: Tensor, axis: Axis) -> bool:
    """Whether there is nothing to reduce: no axes at all."""
    return axis == () or not x.ndim


def _wide(x: Tensor, dtype: Dtype | None) -> Dtype:
    """The type of a sum or a product: integers are added in 64 bits, unsigned ones as unsigned."""
    if dtype is not None:
        return dtype
    return uint64 if x.dtype in KINDS["unsigned integer"] else int64 if x.dtype.category < 2 else x.dtype


def sum_(x: Tensor, /, *, axis: Axis = None, dtype: Dtype | None = None, keepdims: bool = False) -> Tensor:
    """The sum over axes, over all with None.

    >>> import kagari as torch
    >>> torch.array_api.sum(torch.tensor([1, 2]))
    tensor(3)
    """
    wide = x.to(_wide(x, dtype))
    return wide if _unchanged(x, axis) else operators.sum(wide, _axes(axis, x.ndim), keepdims, dtype=wide.dtype)


def prod(x: Tensor, /, *, axis: Axis = None, dtype: Dtype | None = None, keepdims: bool = False) -> Tensor:
    """The product over axes, over all with None.

    >>> import kagari as torch
    >>> torch.array_api.prod(torch.tensor([2, 3]))
    tensor(6)
    """
    wide = x.to(_wide(x, dtype))
    if not _unchanged(x, axis):
        for a in sorted(_axes(axis, x.ndim), reverse=True):
            wide = operators.prod(wide, a, keepdims, dtype=wide.dtype)
    return wide


def max_(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest element over axes, over all with None.

    >>> import kagari as torch
    >>> torch.array_api.max(torch.tensor([1, 2]))
    tensor(2)
    """
    return operators.clone(x) if axis == () else operators.amax(x, _axes(axis, x.ndim), keepdims)


def min_(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest element over axes, over all with None.

    >>> import kagari as torch
    >>> torch.array_api.min(torch.tensor([1, 2]))
    tensor(1)
    """
    return operators.clone(x) if axis == () else operators.amin(x, _axes(axis, x.ndim), keepdims)


def mean(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean over axes, over all with None.

    >>> import kagari as torch
    >>> torch.array_api.mean(torch.tensor([1.0, 2.0]))
    tensor(1.5000)
    """
    return operators.clone(x) if axis == () else operators.mean(x, _axes(axis, x.ndim), keepdims)


def std(x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The standard deviation over axes, over all with None; the count is less by `correction`.

    >>> import kagari as torch
    >>> torch.array_api.std(torch.tensor([1.0, 3.0]))
    tensor(1.)
    """
    return operators.sqrt(var(x, axis=axis, correction=correction, keepdims=keepdims))


def var(x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The variance over axes, over all with None; the count is less by `correction`.

    >>> import kagari as torch
    >>> torch.array_api.var(torch.tensor([1.0, 3.0]))
    tensor(1.)
    """
    if axis == ():
        return operators.zeros_like(x)
    return operators.var(x, _axes(axis, x.ndim), correction=correction, keepdim=keepdims)


def cumulative_sum(
    x: Tensor, /, *, axis: int | None = None, dtype: Dtype | None = None, include_initial: bool = False
) -> Tensor:
    """The sums of the elements up to each one; with `include_initial` a 0 comes first.

    >>> import kagari as torch
    >>> torch.array_api.cumulative_sum(torch.tensor([1, 2, 3]), include_initial=True)
    tensor([0, 1, 3, 6])
    """
    return _running("cumsum", x, axis, dtype, 0 if include_initial else None)


def cumulative_prod(
    x: Tensor, /, *, axis: int | None = None, dtype: Dtype | None = None, include_initial: bool = False
) -> Tensor:
    """The products of the elements up to each one; with `include_initial` a 1 comes first.

    >>> import kagari as torch
    >>> torch.array_api.cumulative_prod(torch.tensor([1, 2, 3]))
    tensor([1, 2, 6])
    """
    return _running("cumprod", x, axis, dtype, 1 if include_initial else None)


def _running(name: str, x: Tensor, axis: int | None, dtype: Dtype | None, first: int | None) -> Tensor:
    if axis is None and x.ndim > 1:
        raise ValueError(f"{name}(): axis must be given for an array of {x.ndim} dimensions")
    axis = 0 if axis is None else axis
    dt = _wide(x, dtype)
    made = getattr(operators, name)(x.to(dt), axis, dtype=dt)
    if first is None:
        return made
    shape = list(x.shape)
    shape[axis] = 1
    return operators.cat([operators.full(tuple(shape), first, dtype=dt), made], axis)


def all_(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all elements over axes are true.

    >>> import kagari as torch
    >>> torch.array_api.all(torch.tensor([1, 0]))
    tensor(False)
    """
    truth = x.bool()
    return truth if axis == () else operators.all(truth, _axes(axis, x.ndim), keepdims)


def any_(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether any element over axes is true.

    >>> import kagari as torch
    >>> torch.array_api.any(torch.tensor([1, 0]))
    tensor(True)
    """
    truth = x.bool()
    return truth if axis == () else operators.any(truth, _axes(axis, x.ndim), keepdims)


def count_nonzero(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """How many elements over axes are not zero.

    >>> import kagari as torch
    >>> torch.array_api.count_nonzero(torch.tensor([1, 0]))
    tensor(1)
    """
    return sum_(x.bool().to(int64), axis=axis, keepdims=keepdims)


def diff(x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Tensor:
    """The differences of neighbours along an axis, taken `n` times.

    >>> import kagari as torch
    >>> torch.array_api.diff(torch.tensor([1, 3, 6]))
    tensor([2, 3])
    """
    parts = [p for p in (prepend, x, append) if p is not None]
    whole = operators.cat(parts, axis) if len(parts) > 1 else x
    for _ in range(n):
        size = whole.size(axis)
        count = size - 1 if size else 0
        later, earlier = whole.narrow(axis, size - count, count), whole.narrow(axis, 0, count)
        whole = operators.subtract(later, earlier)
    return whole


# Products of matrices


def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The product of matrices.

    >>> import kagari as torch
    >>> torch.array_api.matmul(torch.ones(2, 2), torch.ones(2))
    tensor([2., 2.])
    """
    return operators.matmul(*together(x1, x2))


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """Sums of products over pairs of axes: the last of `x1` with the first of `x2`, or those listed.

    >>> import kagari as torch
    >>> torch.array_api.tensordot(torch.ones(2, 3), torch.ones(3, 4), axes=1).shape
    torch.Size([2, 4])
    """
    a, b = together(x1, x2)
    pairs = (range(a.ndim - axes, a.ndim), range(axes)) if isinstance(axes, int) else axes
    left, right = (_axes(tuple(p), x.ndim) for p, x in zip(pairs, (a, b)))
    rows, columns = ([d for d in range(x.ndim) if d not in used] for x, used in ((a, left), (b, right)))
    inner = 1
    for d in left:
        inner *= a.size(d)
    if any(a.size(i) != b.size(j) for i, j in zip(left, right)):
        raise ValueError(f"tensordot(): sizes of axes {left} and {right} differ: {tuple(a.shape)}, {tuple(b.shape)}")
    shape = [a.size(d) for d in rows] + [b.size(d) for d in columns]
    one = a.permute((*rows, *left)).reshape(_count(a, rows), inner)
    other = b.permute((*right, *columns)).reshape(inner, _count(b, columns))
    return operators.matmul(one, other).reshape(shape)


def _count(x: Tensor, dims: Sequence[int]) -> int:
    n = 1
    for d in dims:
        n *= x.size(d)
    return n


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The inner products of vectors along an axis, of which the first are conjugated.

    >>> import kagari as torch
    >>> torch.array_api.vecdot(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor(11)
    """
    if x1.size(axis) != x2.size(axis):
        raise ValueError(f"vecdot(): sizes of axis {axis} differ: {x1.size(axis)} and {x2.size(axis)}")
    dt = promoted(x1.dtype, x2.dtype)
    a, b = (operators.movedim(x.to(dt), axis, -1) for x in (x1, x2))
    a, b = operators.broadcast_tensors(operators.conj(a), b)
    return operators.sum(a * b, -1, dtype=dt)


for _function in (sum_, max_, min_, all_, any_):
    _function.__name__ = _function.__qualname__ = _function.__name__.rstrip("_")
FUNCTIONS = (
    all_, any_, count_nonzero, cumulative_prod, cumulative_sum, diff, matmul, max_, mean, min_, prod, std, sum_,
    tensordot, var, vecdot,
)  # fmt: skip
