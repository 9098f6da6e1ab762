"""Reductions of the elements that are there.

Each puts a value in the place of the others that does not change the result: 0 for a sum, minus infinity for a maximum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..base import dtypes
from ..base.dtypes import bool_, dtype
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.overlay import elements
from ..eager.views import checked_dim
from .tensor import MaskedTensor

Dims = int | tuple[int, ...] | None


def given(input: Tensor | MaskedTensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """The elements, and where they are there, in their shape; None for all. Raises IndexError for a mask of more
    dimensions.
    """
    own = input._mask if isinstance(input, MaskedTensor) else None
    data = elements(input)
    if mask is not None:
        if mask.ndim > data.ndim:
            raise IndexError(
                "_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)"
            )
        mask = ops.broadcast_to(mask if mask.dtype is bool_ else mask != 0, data.shape)
    if own is None or mask is None:
        return data, own if mask is None else mask
    return data, own & mask


def filled(data: Tensor, mask: Tensor | None, value: Any) -> Tensor:
    """Data with a value for what is not there."""
    return data if mask is None else ops.where(mask, data, ops.full((), value, dtype=data.dtype))


def _lowest(name: str, dt: dtype, sign: int) -> Any:
    """The least number of a type, or with `sign` -1 the largest. Raises NotImplementedError for booleans."""
    if dt is bool_:
        raise NotImplementedError(f"identity of {name} on torch.bool input")
    if dt.is_floating_point:
        return -math.inf * sign
    info = ops.iinfo(dt)
    return info.min if sign > 0 else info.max


def _dims(dim: Dims, rank: int) -> tuple[int, ...]:
    """The dimensions of a reduction, all of them where none is named."""
    if dim is None or dim == ():
        return tuple(range(rank))
    return tuple([checked_dim(d, rank) for d in ((dim,) if isinstance(dim, int) else dim)])


def _counted(data: Tensor, mask: Tensor | None, dims: tuple[int, ...], keepdim: bool) -> Tensor:
    """How many elements are there."""
    there = ops.ones_like(data, dtype=dtypes.int64) if mask is None else mask
    return ops.sum(there, dims, keepdim)


def sum(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """The sum of the elements that are there, 0 of none; sums of integers are int64.

    >>> import kagari as torch
    >>> torch.masked.sum(torch.tensor([1.0, 2.0]), 0, mask=torch.tensor([True, False]))
    tensor(1.)
    """
    data, mask = given(input, mask)
    return ops.sum(filled(data, mask, 0), _dims(dim, data.ndim), keepdim, dtype=dtype)


def prod(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """The product of the elements that are there, 1 of none; products of integers are int64.

    >>> import kagari as torch
    >>> torch.masked.prod(torch.tensor([3.0, 2.0]), 0, mask=torch.tensor([True, False]))
    tensor(3.)
    """
    data, mask = given(input, mask)
    result = filled(data, mask, 1)
    if dtype is not None:
        result = result.to(dtype)
    for d in sorted(_dims(dim, data.ndim), reverse=True):
        result = result.prod(d, keepdim)
    return result if data.ndim else result.prod()


def amax(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """The largest element that is there, minus infinity or the least integer of none.

    >>> import kagari as torch
    >>> torch.masked.amax(torch.tensor([3.0, 2.0]), 0, mask=torch.tensor([False, True]))
    tensor(2.)
    """
    return _extreme("amax", 1, input, dim, keepdim, dtype, mask)


def amin(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """The smallest element that is there, infinity or the largest integer of none.

    >>> import kagari as torch
    >>> torch.masked.amin(torch.tensor([3.0, 2.0]), 0, mask=torch.tensor([True, False]))
    tensor(3.)
    """
    return _extreme("amin", -1, input, dim, keepdim, dtype, mask)


def _extreme(name: str, sign: int, input: Tensor, dim: Dims, keepdim: bool, dt: dtype | None, mask: Any) -> Tensor:
    data, mask = given(input if dt is None else input.to(dt), mask)
    result = data if mask is None else filled(data, mask, _lowest(name, data.dtype, sign))
    return getattr(ops, name)(result, _dims(dim, data.ndim), keepdim)


def argmax(
    input: Tensor, dim: int | None = None, *, keepdim: bool = False, dtype: dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The index of the largest element that is there, in the dtype of the elements; 0 of none.

    >>> import kagari as torch
    >>> torch.masked.argmax(torch.tensor([3.0, 2.0]), 0, mask=torch.tensor([False, True]))
    tensor(1.)
    """
    return _place("argmax", 1, input, dim, keepdim, dtype, mask)


def argmin(
    input: Tensor, dim: int | None = None, *, keepdim: bool = False, dtype: dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The index of the smallest element that is there, in the dtype of the elements; 0 of none.

    >>> import kagari as torch
    >>> torch.masked.argmin(torch.tensor([3.0, 2.0]), 0, mask=torch.tensor([True, False]))
    tensor(0.)
    """
    return _place("argmin", -1, input, dim, keepdim, dtype, mask)


def _place(name: str, sign: int, input: Tensor, dim: Any, keepdim: bool, dt: dtype | None, mask: Any) -> Tensor:
    data, mask = given(input, mask)
    result = data if mask is None else filled(data, mask, _lowest(name, data.dtype, sign))
    return getattr(ops, name)(result, dim, keepdim).to(data.dtype if dt is None else dt)


def mean(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """The mean of the elements that are there, NaN of none. Raises ValueError for integers without a `dtype`.

    >>> import kagari as torch
    >>> torch.masked.mean(torch.tensor([1.0, 2.0, 9.0]), 0, mask=torch.tensor([True, True, False]))
    tensor(1.5000)
    """
    data, mask = given(input, mask)
    if dtype is None and not (data.is_floating_point() or data.is_complex()):
        raise ValueError(
            "mean(): Could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
            f"{data.dtype}"
        )
    dims = _dims(dim, data.ndim)
    return ops.sum(filled(data, mask, 0), dims, keepdim, dtype=dtype) / _counted(data, mask, dims, keepdim)


def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """The median of the elements that are there, the lower one of two; NaN of none, for which integers raise
    ValueError.

    >>> import kagari as torch
    >>> torch.masked.median(torch.tensor([1.0, 9.0, 2.0]), 0, mask=torch.tensor([True, False, True]))
    tensor(1.)
    """
    data, mask = given(input, mask)
    along = _dims(dim, data.ndim)[0]
    if mask is None:
        return data.median(along, keepdim).values
    if data.is_floating_point():
        return ops.nanmedian(filled(data, mask, math.nan), along, keepdim).values
    if bool((~mask.any(along)).any()):
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    found = ops.nanmedian(ops.where(mask, data.to(dtypes.float64), math.nan), along, keepdim).values
    return found.to(data.dtype)


def logsumexp(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """log(sum(exp(x))) of the elements that are there, minus infinity of none.

    >>> import kagari as torch
    >>> torch.masked.logsumexp(torch.tensor([1.0, 2.0]), 0, mask=torch.tensor([True, False]))
    tensor(1.)
    """
    data, mask = given(input if dtype is None else input.to(dtype), mask)
    result = data if mask is None else filled(data, mask, _lowest("logsumexp", data.dtype, 1))
    return ops.logsumexp(result, _dims(dim, data.ndim), keepdim).to(data.dtype)


def norm(
    input: Tensor, ord: float | None = 2.0, dim: Dims = None, *, keepdim: bool = False, dtype: dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The norm of the elements that are there as a vector, 0 of none (infinity for `ord` minus infinity).

    >>> import kagari as torch
    >>> torch.masked.norm(torch.tensor([3.0, 4.0, 9.0]), 2, 0, mask=torch.tensor([True, True, False]))
    tensor(5.)
    """
    data, mask = given(input if dtype is None else input.to(dtype), mask)
    result = filled(data, mask, math.inf if ord == -math.inf else 0)
    return ops.norm(result, 2.0 if ord is None else ord, _dims(dim, data.ndim), keepdim)


def var(
    input: Tensor, dim: Dims = None, unbiased: bool | None = None, *, correction: float | None = None,
    keepdim: bool = False, dtype: dtype | None = None, mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The variance of the elements that are there, NaN where there are not enough.

    Args:
        input: any real tensor.
        dim: the dimensions; by default all.
        unbiased: whether it is divided by one less than the number of elements. Default: ``True``
        correction: by how much less, in place of that.
        keepdim: whether the dimensions stay, with size 1.
        dtype: of the result.
        mask: true where an element is there.

    >>> import kagari as torch
    >>> torch.masked.var(torch.tensor([1.0, 3.0, 9.0]), 0, mask=torch.tensor([True, True, False]))
    tensor(2.)
    """
    data, mask = given(input, mask)
    if not (data.is_floating_point() or data.is_complex()):
        data = data - 0 if data.dtype is bool_ else data.to(dtypes.default_dtype())  # booleans have no differences
    data = data if dtype is None else data.to(dtype)
    dims = _dims(dim, data.ndim)
    less = (1 if unbiased in (None, True) else 0) if correction is None else correction
    middle = ops.sum(filled(data, mask, 0), dims, True) / _counted(data, mask, dims, True)
    squares = filled((data - middle).square(), mask, 0)
    count = _counted(data, mask, dims, keepdim) - less
    return ops.sum(squares, dims, keepdim) / count.clamp(min=0)


def std(
    input: Tensor, dim: Dims = None, unbiased: bool | None = None, *, correction: int | None = None,
    keepdim: bool = False, dtype: dtype | None = None, mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The square root of :func:`var`.

    >>> import kagari as torch
    >>> torch.masked.std(torch.tensor([1.0, 5.0, 9.0]), 0, False, mask=torch.tensor([True, True, False]))
    tensor(2.)
    """
    found = var(input, dim, unbiased, correction=correction, keepdim=keepdim, dtype=dtype, mask=mask)
    return found.sqrt()


def _running(name: str, value: int, input: Tensor, dim: int, dt: dtype | None, mask: Tensor | None) -> Tensor:
    data, mask = given(input, mask)
    kind = data.dtype if dt is None else dt
    scan: Callable[..., Tensor] = getattr(ops, name)
    return scan(filled(data, mask, value), _dims(dim, data.ndim)[0], dtype=kind)


def cumsum(input: Tensor, dim: int, *, dtype: dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """Sums of the elements that are there, up to each.

    >>> import kagari as torch
    >>> torch.masked.cumsum(torch.tensor([1.0, 2.0, 4.0]), 0, mask=torch.tensor([True, False, True]))
    tensor([1., 1., 5.])
    """
    return _running("cumsum", 0, input, dim, dtype, mask)


def cumprod(input: Tensor, dim: int, *, dtype: dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """Products of the elements that are there, up to each.

    >>> import kagari as torch
    >>> torch.masked.cumprod(torch.tensor([2.0, 3.0, 4.0]), 0, mask=torch.tensor([True, False, True]))
    tensor([2., 2., 8.])
    """
    return _running("cumprod", 1, input, dim, dtype, mask)


def logaddexp(
    input: Tensor, other: Tensor, *, dtype: dtype | None = None, input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """log(exp(x) + exp(y)) of pairs, of which one may not be there.

    >>> import kagari as torch
    >>> torch.masked.logaddexp(torch.tensor([1.0]), torch.tensor([2.0]), input_mask=torch.tensor([False]))
    tensor([2.])
    """
    sides = [given(input, input_mask), given(other, other_mask)]
    low = [x if m is None else filled(x, m, _lowest("logaddexp", x.dtype, 1)) for x, m in sides]
    return ops.logaddexp(*[x if dtype is None else x.to(dtype) for x in low])
