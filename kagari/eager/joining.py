"""Several tensors as one, and one as several, beyond `cat` and `split`: stacks, grids, blocks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from itertools import combinations as chosen
from itertools import combinations_with_replacement as chosen_again
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import dtypes
from ..engine.function import Hooks
from . import convert, inplace, views
from .calls import call

if TYPE_CHECKING:
    from .tensor import Tensor


# Tensors of at least so many dimensions


def _each(name: str, tensors: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """What `change` makes of one tensor, or of each of several or of a sequence."""
    if len(tensors) == 1 and isinstance(tensors[0], Hooks.tensor_types):
        return change(tensors[0])
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], Sequence) else tensors
    for t in given:
        if not isinstance(t, Hooks.tensor_types):
            raise TypeError(
                f"{name}() received an invalid combination of arguments - got ({type(t).__name__}), but expected "
                "Tensors, or a tuple of Tensors"
            )
    return tuple([change(t) for t in given])


def _at_least(t: Any, ndim: int) -> Any:
    shape = tuple(t._layout.shape)
    if len(shape) >= ndim:
        return t
    if ndim < 3 or not shape:
        return call("reshape")(t, (1,) * (ndim - len(shape)) + shape)
    return call("reshape")(t, (1, *shape, 1) if len(shape) == 1 else (*shape, 1))


def atleast_1d(*tensors: Any) -> Any:
    """A tensor, or each of several, with at least one dimension.

    >>> import kagari as torch
    >>> torch.atleast_1d(torch.tensor(1.0))
    tensor([1.])
    """
    return _each("atleast_1d", tensors, lambda t: _at_least(t, 1))


def atleast_2d(*tensors: Any) -> Any:
    """A tensor, or each of several, with at least two dimensions; missing ones come first.

    >>> import kagari as torch
    >>> torch.atleast_2d(torch.arange(2))
    tensor([[0, 1]])
    """
    return _each("atleast_2d", tensors, lambda t: _at_least(t, 2))


def atleast_3d(*tensors: Any) -> Any:
    """A tensor, or each of several, with at least three dimensions: a vector has them on both sides, a matrix behind.

    >>> import kagari as torch
    >>> torch.atleast_3d(torch.arange(2)).shape
    torch.Size([1, 2, 1])
    """
    return _each("atleast_3d", tensors, lambda t: _at_least(t, 3))


# Joining


def _stacked(name: str, tensors: Any, prepare: Callable[[Any], Any], dim: Callable[[Any], int], out: Any) -> Any:
    given = views.tensors_of(name, tensors)
    if not given:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    prepared = [prepare(t) for t in given]
    return views.cat(prepared, dim(prepared[0]), out=out)


def hstack(tensors: Sequence[Tensor], *, out: Any = None) -> Tensor:
    """Tensors joined side by side: along dimension 1, vectors and numbers along dimension 0.

    >>> import kagari as torch
    >>> torch.hstack((torch.tensor([1, 2]), torch.tensor([3])))
    tensor([1, 2, 3])
    """
    return _stacked("hstack", tensors, lambda t: _at_least(t, 1), lambda t: int(t.ndim > 1), out)


def vstack(tensors: Sequence[Tensor], *, out: Any = None) -> Tensor:
    """Tensors joined one below the other: along dimension 0, vectors and numbers as rows.

    >>> import kagari as torch
    >>> torch.vstack((torch.tensor([1, 2]), torch.tensor([3, 4])))
    tensor([[1, 2],
            [3, 4]])
    """
    return _stacked("vstack", tensors, lambda t: _at_least(t, 2), lambda t: 0, out)


def dstack(tensors: Sequence[Tensor], *, out: Any = None) -> Tensor:
    """Tensors joined in depth: along dimension 2, of tensors with at least three dimensions.

    >>> import kagari as torch
    >>> torch.dstack((torch.tensor([1, 2]), torch.tensor([3, 4])))
    tensor([[[1, 3],
             [2, 4]]])
    """
    return _stacked("dstack", tensors, lambda t: _at_least(t, 3), lambda t: 2, out)


def _column(t: Any) -> Any:
    return t if t.ndim > 1 else call("reshape")(t, (t._layout.numel, 1))


def column_stack(tensors: Sequence[Tensor], *, out: Any = None) -> Tensor:
    """Tensors joined side by side, along dimension 1; vectors are columns.

    >>> import kagari as torch
    >>> torch.column_stack((torch.tensor([1, 2]), torch.tensor([3, 4])))
    tensor([[1, 3],
            [2, 4]])
    """
    return _stacked("column_stack", tensors, _column, lambda t: 1, out)


def block_diag(*tensors: Any) -> Tensor:
    """A matrix of zeros with the matrices as blocks along its diagonal; vectors are rows.

    >>> import kagari as torch
    >>> torch.block_diag(torch.tensor([[1, 1]]), torch.tensor(2))
    tensor([[1, 1, 0],
            [0, 0, 2]])
    """
    given = views.tensors_of("block_diag", tensors)
    if not given:
        return convert.empty((1, 0), dtypes.default_dtype())
    for i, t in enumerate(given):
        if t.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {t.ndim} dimensions"
            )
    blocks = [_at_least(t, 2) for t in given]
    width = sum(b._layout.shape[1] for b in blocks)
    dt, before, rows = blocks[0].dtype, 0, []
    for b in blocks:
        dt = dtypes.promote(dt, b.dtype)
        after = width - before - b._layout.shape[1]
        rows.append(call("pad")(b, (before, after, 0, 0)))
        before += b._layout.shape[1]
    return views.cat([convert.to(r, dt) for r in rows])


# Grids and choices


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Vectors as coordinates of a grid: for each of them its elements at every point, as views.

    The i-th vector varies along dimension i with `indexing="ij"`; with `"xy"` the first two dimensions are exchanged.

    >>> import kagari as torch
    >>> torch.meshgrid(torch.tensor([1, 2]), torch.tensor([3, 4]), indexing="ij")
    (tensor([[1, 1],
            [2, 2]]), tensor([[3, 4],
            [3, 4]]))
    """
    single = len(tensors) == 1 and not isinstance(tensors[0], Hooks.tensor_types)
    given = views.tensors_of("meshgrid", tensors[0] if single else tensors)
    if not given:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing is None:
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.", stacklevel=2
        )
    elif indexing not in ("xy", "ij"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    for t in given:
        if t.ndim > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t!r}")
        if t.dtype is not given[0].dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    swap = indexing == "xy" and len(given) > 1
    lines = [given[1], given[0], *given[2:]] if swap else given
    shape = tuple([t._layout.numel for t in lines])
    reshape, expand = call("reshape"), call("expand")
    grids = [
        expand(reshape(t, tuple([-1 if d == i else 1 for d in range(len(lines))])), shape) for i, t in enumerate(lines)
    ]
    return (grids[1], grids[0], *grids[2:]) if swap else tuple(grids)


def _vectors(tensors: Sequence[Any]) -> None:
    for t in tensors:
        if t.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(t.shape)}")


def cartesian_prod(*tensors: Any) -> Tensor:
    """All choices of one element from each of several vectors, a choice a row; one vector is returned as it is.

    >>> import kagari as torch
    >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    given = views.tensors_of("cartesian_prod", tensors)
    _vectors(given)
    if len(given) == 1:
        return given[0]
    return views.stack([call("reshape")(t, (-1,)) for t in meshgrid(*given, indexing="ij")], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of `r` elements of a vector, in their order, a choice a row.

    >>> import kagari as torch
    >>> torch.combinations(torch.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    _vectors((input,))
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if not r:
        return convert.empty((0,), input.dtype)
    places = list((chosen_again if with_replacement else chosen)(range(input._layout.numel), r))
    index = convert.copied(np.array(places, np.int64).reshape(-1), dtypes.int64)
    return call("reshape")(call("index_select")(input, 0, index), (len(places), r))


# Splitting


def _split(name: str, t: Any, how: Any, dim: int, ndim: int) -> tuple[Tensor, ...]:
    if t.ndim < ndim:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {ndim} dimension, but got a tensor with {t.ndim} dimensions!"
        )
    if isinstance(how, int) and not isinstance(how, bool):
        size = t._layout.shape[dim]
        if not how or size % how:
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {size} is not "
                f"divisible by the split_size {how}!"
            )
    elif not isinstance(how, Sequence) or isinstance(how, str):
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got (Tensor, {type(how).__name__}), but "
            "expected a Tensor and an int or a tuple of ints"
        )
    return views.tensor_split(t, how, dim)


def hsplit(input: Tensor, *how: Any, sections: Any = None, indices: Any = None) -> tuple[Tensor, ...]:
    """Pieces side by side: along dimension 1, those of a vector along dimension 0. So many, or cut at indices.

    >>> import kagari as torch
    >>> torch.hsplit(torch.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    return _split("hsplit", input, _how("hsplit", how, sections, indices), int(input.ndim > 1), 1)


def vsplit(input: Tensor, *how: Any, sections: Any = None, indices: Any = None) -> tuple[Tensor, ...]:
    """Pieces one below the other, along dimension 0: so many, or cut before the given indices.

    >>> import kagari as torch
    >>> torch.vsplit(torch.ones(2, 3), 2)
    (tensor([[1., 1., 1.]]), tensor([[1., 1., 1.]]))
    """
    return _split("vsplit", input, _how("vsplit", how, sections, indices), 0, 2)


def dsplit(input: Tensor, *how: Any, sections: Any = None, indices: Any = None) -> tuple[Tensor, ...]:
    """Pieces in depth, along dimension 2: so many, or cut before the given indices.

    >>> import kagari as torch
    >>> [t.shape for t in torch.dsplit(torch.ones(1, 1, 4), [1])]
    [torch.Size([1, 1, 1]), torch.Size([1, 1, 3])]
    """
    return _split("dsplit", input, _how("dsplit", how, sections, indices), 2, 3)


def _how(name: str, given: tuple[Any, ...], sections: Any, indices: Any) -> Any:
    """The sections or the indices, by position or by name; indices may come as several integers."""
    given = (*given, *[x for x in (sections, indices) if x is not None])
    if not given:
        raise TypeError(f"{name}() received an invalid combination of arguments - got (Tensor), but expected sections")
    return given[0] if len(given) == 1 else given


def _same(name: str, split: Callable[..., Any]) -> Any:
    def function(*args: Any, **kwargs: Any) -> Any:
        return split(*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{split.__name__}`, under the name that PyTorch has for pieces it does not watch."
    return function


UNSAFE = (
    _same("unsafe_chunk", views.chunk),
    _same("unsafe_split", views.split),
    _same("unsafe_split_with_sizes", views.split_with_sizes),
)


def _pieces(name: str, split: Callable[..., Any]) -> Any:
    def function(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        clone = call("contiguous")
        made = tuple([clone(part) for part in split(*args, **kwargs)])
        if out is None:
            return made
        for target, part in zip(out, made, strict=True):
            inplace.write_out(target, part)
        return None

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{split.__name__}`, with the pieces as copies."
    return function


COPIES = (
    _pieces("split_copy", views.split),
    _pieces("split_with_sizes_copy", views.split_with_sizes),
    _pieces("unbind_copy", views.unbind),
)

FUNCTIONS = (
    atleast_1d, atleast_2d, atleast_3d, block_diag, cartesian_prod, column_stack, combinations, dsplit, dstack, hsplit,
    hstack, meshgrid, vsplit, vstack, *COPIES, *UNSAFE,
)  # fmt: skip
METHODS = (dsplit, hsplit, vsplit, *UNSAFE)
ALIASES = {"row_stack": vstack}
