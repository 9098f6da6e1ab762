"""Views, which see the same elements under another shape, and the operators that move elements to new places.

A definition that returns movement of its argument alone is a view; unless the record says that it is `fresh`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..base.dtypes import dtype
from ..base.symbols import Size, hint, product
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from . import nodes
from .autocast import widest
from .bits import reinterpreted
from .operator import Operator, Tensor, operator
from .samples import Make, Sample, args, wanted
from .shapes import expanded, inferred, listed, narrowed, settled, without


def calls(*shaped: tuple[tuple[int, ...], Sample]):
    """Samples: a tensor of each shape and the arguments after it; those of rank 2 and more also not contiguous."""

    def samples(make: Make) -> Iterator[Sample]:
        for shape, (rest, named) in shaped:
            yield (make(*shape), *rest), named
            if len(shape) > 1 and 0 not in shape:
                yield (make(*shape, noncontiguous=True), *rest), named

    return samples


# Shapes


def _reshape_errors(name: str) -> list[tuple[Sample, type, str]]:
    return [
        (args(wanted(6), (7,)), RuntimeError, r"shape '\[7\]' is invalid for input of size 6"),
        (args(wanted(6), (-1, 4)), RuntimeError, r"shape '\[-1, 4\]' is invalid for input of size 6"),
        (args(wanted(6), (-1, -1)), RuntimeError, "only one dimension can be inferred"),
        (args(wanted(6), (-2, 3)), RuntimeError, r"invalid shape dimension -2 at index 0 of shape \[-2, 3\]"),
        (args(wanted(0, 3), (-1, 0)), RuntimeError, "cannot reshape tensor of 0 elements into shape"),
    ]


def _reshaped_node(args: nodes.Arguments) -> str:
    return "ViewBackward0" if args[0].is_contiguous() else "UnsafeViewBackward0"


@operator(
    spread="shape",
    out=False,
    samples=calls(
        ((2, 3), args((6,))), ((2, 3), args((3, 2))), ((4, 6), args((-1, 3))), ((2, 3, 4), args((2, -1))),
        ((), args((1, 1))), ((1,), args(())), ((0, 3), args((3, 0))), ((0,), args((-1, 3))),
        ((4, 6), args((2, 2, 2, -1))),
    ),
    errors=_reshape_errors("reshape"),
    node=_reshaped_node,
)  # fmt: skip
def reshape(input: Tensor, shape: tuple[int, ...]) -> Value:
    """The elements of `input`, in row-major order, under another `shape`; one size may be -1, to be inferred.

    A view where strides can express it, otherwise a copy.

    >>> import kagari as torch
    >>> torch.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    return graph.reshape(input, inferred(shape, product(input.shape)))


@operator(
    spread="shape",
    strict_view=True,
    function=False,
    out=False,
    synonyms={"dtype": "shape", "size": "shape"},
    samples=lambda make: iter([((make(2, 3), (3, 2)), {}), ((make(2, 6), (2, -1, 3)), {}), ((make(), (1,)), {})]),
    errors=_reshape_errors("view"),
)
def view(input: Tensor, shape: Any) -> Value:
    """As `reshape`, and never a copy. Raises RuntimeError where strides can't express the shape.

    With a dtype in place of the shape, the same bits taken for numbers of that dtype.

    >>> import kagari as torch
    >>> torch.arange(4).view(2, 2)
    tensor([[0, 1],
            [2, 3]])
    """
    if isinstance(shape, dtype):
        return reinterpreted(input, shape)
    if any(isinstance(size, float | complex) for size in shape):
        raise TypeError(
            "view() received an invalid combination of arguments - got (tuple), but expected one of: (torch.dtype "
            "dtype), (tuple of ints size)"
        )
    return graph.reshape(input, inferred(shape, product(input.shape)))


@operator(
    out=False,
    samples=calls(
        ((2, 3, 4), args()), ((2, 3, 4), args(1)), ((2, 3, 4), args(0, 1)), ((2, 3, 4), args(-2, -1)), ((), args()),
        ((3,), args()), ((0, 3), args()),
    ),
    errors=[
        (args(wanted(2, 3), 1, 0), RuntimeError, r"flatten\(\) has invalid args: start_dim cannot come after end_dim"),
        (args(wanted(2, 3), 2), IndexError, "Dimension out of range"),
    ],
    node=_reshaped_node,
)  # fmt: skip
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Value:
    """The dimensions from `start_dim` to `end_dim` as one; 0-d becomes 1-d."""
    if not input.ndim:
        return graph.reshape(input, (1,))
    start, end = ir.normalize_dim(start_dim, input.ndim), ir.normalize_dim(end_dim, input.ndim)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    return graph.reshape(input, (*input.shape[:start], product(input.shape[start : end + 1]), *input.shape[end + 1 :]))


@operator(
    out=False,
    samples=calls(((2, 6), args(1, (2, 3))), ((2, 6), args(-1, (2, -1))), ((6, 2), args(0, (3, 1, 2)))),
    errors=[
        (
            args(wanted(2, 3), 1, (2, 2)),
            RuntimeError,
            r"unflatten: Provided sizes \[2, 2\] don't multiply up to the size of dim 1",
        ),
        (args(wanted(2, 3), 1, ()), RuntimeError, "unflatten: sizes must be non-empty"),
    ],
    node="ViewBackward0",
)
def unflatten(input: Tensor, dim: int, sizes: tuple[int, ...]) -> Value:
    """Dimension `dim` as several of the given sizes, of which one may be -1."""
    at, dim = dim, ir.normalize_dim(dim, input.ndim)
    if not input.ndim:
        raise RuntimeError(
            f"unflatten got an unexpected error:\nDimension specified as {at} but tensor has no dimensions"
        )
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    have = input.shape[dim]
    known = math.prod(s for s in sizes if s != -1)
    if sizes.count(-1) <= 1 and (known != have if -1 not in sizes else known == 0 or have % known != 0):
        raise RuntimeError(
            f"unflatten: Provided sizes {listed(sizes)} don't multiply up to the size of dim {dim} ({hint(have)}) in "
            f"the input tensor"
        )
    return graph.reshape(input, (*input.shape[:dim], *inferred(sizes, have), *input.shape[dim + 1 :]))


@operator(
    out=False,
    samples=calls(
        ((2, 1, 3, 1), args()), ((2, 1, 3), args(1)), ((2, 1, 3), args(0)), ((2, 1, 1), args((1, 2))),
        ((), args(0)), ((1,), args(-1)),
    ),
    errors=[
        (
            args(wanted(2, 3), 4),
            IndexError,
            r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 4\)",
        ),
        (args(wanted(2, 3), (0, 0)), RuntimeError, "dim 0 appears multiple times in the list of dims"),
    ],
    node=lambda args: f"SqueezeBackward{0 if len(args) < 2 else 2 if isinstance(args[1], tuple) else 1}",
)  # fmt: skip
def squeeze(input: Tensor, dim: int | tuple[int, ...] | None = None) -> Value:
    """Without the dimensions of size 1, or without those in `dim` whose size is 1."""
    if isinstance(dim, tuple) and not dim:
        return graph.reshape(input, input.shape)
    dims = ir.normalize_dims(dim, input.ndim)
    return graph.reshape(input, tuple(s for d, s in enumerate(input.shape) if d not in dims or s != 1))


@operator(
    out=False,
    samples=calls(((2, 3), args(0)), ((2, 3), args(-1)), ((2, 3), args(1)), ((), args(0)), ((0, 3), args(2))),
    errors=[
        (
            args(wanted(2, 3), 4),
            IndexError,
            r"Dimension out of range \(expected to be in range of \[-3, 2\], but got 4\)",
        )
    ],
)
def unsqueeze(input: Tensor, dim: int) -> Value:
    """With a dimension of size 1 at `dim`."""
    dim = ir.normalize_dim(dim, input.ndim + 1)
    return graph.reshape(input, (*input.shape[:dim], 1, *input.shape[dim:]))


# The order of dimensions


@operator(
    spread="dims",
    out=False,
    samples=calls(((2, 3, 4), args((2, 0, 1))), ((2, 3), args((-1, 0))), ((), args(())), ((0, 3), args((1, 0)))),
    errors=[
        (
            args(wanted(2, 3), (0,)),
            RuntimeError,
            "number of dimensions in the tensor input does not match the length of the desired",
        ),
        (args(wanted(2, 3), (0, 0)), RuntimeError, r"permute\(\): duplicate dims are not allowed"),
        (
            args(wanted(2, 3), (0, 2)),
            IndexError,
            r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 2\)",
        ),
    ],
)
def permute(input: Tensor, dims: tuple[int, ...]) -> Value:
    """The dimensions in the order `dims`."""
    if len(dims) != input.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            "ordering of dimensions "
            f"i.e. input.dim() = {input.ndim} is not equal to len(dims) = {len(dims)}"
        )
    order = tuple(ir.normalize_dim(d, input.ndim) for d in dims)
    if len(set(order)) < len(order):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return graph.permute(input, order)


def _swapped(x: Value, dim0: int, dim1: int) -> Value:
    dim0, dim1 = ir.normalize_dim(dim0, x.ndim), ir.normalize_dim(dim1, x.ndim)
    return ir.transpose(x, dim0, dim1) if dim0 != dim1 else graph.reshape(x, x.shape)


_TRANSPOSED = calls(
    ((2, 3), args(0, 1)), ((2, 3, 4), args(-1, 0)), ((2, 3), args(1, 1)), ((), args(0, -1)), ((0, 3), args(0, 1))
)
_SWAP_ERROR = [
    (
        args(wanted(2, 3), 0, 2),
        IndexError,
        r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 2\)",
    )
]


@operator(out=False, aliases=("swapdims",), samples=_TRANSPOSED, errors=_SWAP_ERROR)
def transpose(input: Tensor, dim0: int, dim1: int) -> Value:
    """Two dimensions exchanged."""
    return _swapped(input, dim0, dim1)


@operator(out=False, samples=_TRANSPOSED, errors=_SWAP_ERROR, node="TransposeBackward0")
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Value:
    """Two dimensions exchanged, under NumPy's name."""
    return _swapped(input, axis0, axis1)


@operator(
    out=False,
    samples=calls(((2, 3), args()), ((3,), args()), ((), args())),
    errors=[(args(wanted(2, 3, 4)), RuntimeError, r"t\(\) expects a tensor with <= 2 dimensions, but self is 3D")],
)
def t(input: Tensor) -> Value:
    """A matrix transposed; vectors and numbers as they are."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return _swapped(input, 0, 1 if input.ndim > 1 else 0)


@operator(
    out=False,
    aliases=("moveaxis",),
    samples=calls(((2, 3, 4), args(0, 2)), ((2, 3, 4), args((0, 1), (-1, 0))), ((2, 3), args(-1, 0))),
    errors=[
        (args(wanted(2, 3), (0, 0), (0, 1)), RuntimeError, r"movedim: repeated dim in `source` \(\[0, 0\]\)"),
        (args(wanted(2, 3), (0, 1), (1, 1)), RuntimeError, r"movedim: repeated dim in `destination` \(\[1, 1\]\)"),
        (args(wanted(2, 3), (0,), (0, 1)), RuntimeError, "movedim: Invalid source or destination dims"),
    ],
    node="PermuteBackward0",
)
def movedim(input: Tensor, source: int | tuple[int, ...], destination: int | tuple[int, ...]) -> Value:
    """The dimensions `source` moved to `destination`; the others keep their order."""
    sources, destinations = ((s,) if isinstance(s, int) else s for s in (source, destination))
    if len(sources) != len(destinations):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({listed(sources)} dims) should contain the same "
            f"number of dims as "
            f"destination ({listed(destinations)} dims)"
        )
    froms, tos = ([ir.normalize_dim(d, input.ndim) for d in dims] for dims in (sources, destinations))
    for name, given, dims in (("source", sources, froms), ("destination", destinations, tos)):
        if len(set(dims)) < len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({listed(given)})")
    rest = iter(d for d in range(input.ndim) if d not in froms)
    return graph.permute(input, tuple(froms[tos.index(d)] if d in tos else next(rest) for d in range(input.ndim)))


# Repetition without a copy

_EXPAND_ERRORS = [
    (
        args(wanted(2, 3), (3, 3)),
        RuntimeError,
        r"The expanded size of the tensor \(3\) must match the existing size \(2\) at non-singleton",
    ),
    (
        args(wanted(2, 3), (3,)),
        RuntimeError,
        r"the number of sizes provided \(1\) must be greater or equal to the number of dimensions",
    ),
    (args(wanted(2, 3), (-1, 2, 3)), RuntimeError, r"\(-1\) isn't allowed in a leading, non-existing dimension 0"),
]


@operator(
    spread="size",
    function=False,
    out=False,
    samples=calls(
        ((2, 1), args((2, 3))), ((3,), args((2, 3))), ((1, 3), args((4, -1))), ((), args((2, 2))), ((1,), args((0,)))
    ),
    errors=_EXPAND_ERRORS,
)
def expand(input: Tensor, size: tuple[int, ...], *, implicit: bool = False) -> Value:
    """Dimensions of size 1 repeated up to `size`, without a copy; -1 keeps a size, and new dimensions come first."""
    return expanded(input, size)


@operator(
    out=False,
    spread="size",
    samples=calls(((2, 1), args((2, 3))), ((3,), args((2, 3)))),
    errors=_EXPAND_ERRORS[:1],
    node="ExpandBackward0",
)
def broadcast_to(input: Tensor, size: tuple[int, ...]) -> Value:
    """`input.expand(size)`."""
    return expanded(input, size)


# Parts


@operator(
    out=False,
    samples=calls(((4, 5), args(1, 1, 3)), ((4, 5), args(-1, -2, 2)), ((4, 5), args(0, 4, 0)), ((5,), args(0, 0, 5))),
    errors=[
        (args(wanted(2, 3), 1, 2, 2), RuntimeError, r"start \(2\) \+ length \(2\) exceeds dimension size \(3\)"),
        (
            args(wanted(2, 3), 1, -4, 1),
            IndexError,
            r"start out of range \(expected to be in range of \[-3, 3\], but got -4\)",
        ),
        (args(wanted(2, 3), 1, 0, -1), RuntimeError, r"narrow\(\): length must be non-negative"),
        (args(wanted(), 0, 0, 1), RuntimeError, r"narrow\(\) cannot be applied to a 0-dim tensor"),
    ],
    node="SliceBackward0",
)
def narrow(input: Tensor, dim: int, start: int, length: int) -> Value:
    """`length` elements along `dim` from `start`, which may count from the end."""
    if not input.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    dim = ir.normalize_dim(dim, input.ndim)
    size = input.shape[dim]
    if size < start or size < -start:
        raise IndexError(
            f"start out of range (expected to be in range of [{-hint(size)}, {hint(size)}], but got {start})"
        )
    first: Size = start if start >= 0 else size + start
    if size < first + length:
        raise RuntimeError(f"start ({hint(first)}) + length ({length}) exceeds dimension size ({hint(size)}).")
    return narrowed(input, dim, first, length)


@operator(
    out=False,
    samples=calls(((4, 5), args(1, 1)), ((4, 5), args(0, -1)), ((3,), args(0, 2)), ((2, 3, 4), args(-2, 0))),
    errors=[
        (
            args(wanted(2, 3), 1, 3),
            IndexError,
            r"select\(\): index 3 out of range for tensor of size \[2, 3\] at dimension 1",
        ),
        (
            args(wanted(2, 3), 1, -4),
            IndexError,
            r"select\(\): index -4 out of range for tensor of size \[2, 3\] at dimension 1",
        ),
        (args(wanted(), 0, 0), IndexError, r"select\(\) cannot be applied to a 0-dim tensor"),
    ],
)
def select(input: Tensor, dim: int, index: int) -> Value:
    """Element `index` along `dim`, which goes."""
    if not input.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = ir.normalize_dim(dim, input.ndim)
    size = input.shape[dim]
    if (size <= index) if index >= 0 else (size < -index):
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {listed(input.shape)} at dimension {dim}"
        )
    return graph.reshape(narrowed(input, dim, index if index >= 0 else size + index, 1), without(input.shape, dim))


@operator(name="slice", function=False, method=False, out=False)
def slice_(input: Tensor, dim: int, start: int, end: int, step: int) -> Value:
    """`input[..., start:end:step, ...]` at `dim`, for 0 <= start, end <= size and a positive step."""
    if end < start:
        end = start
    size = input.shape[dim]
    if start == 0 and step == 1 and size == end:
        return graph.slice_(input, (0,) * input.ndim, (1,) * input.ndim, input.shape)
    return narrowed(input, dim, start, (end - start + step - 1) // step, step)


# Elements at new places


@operator(
    spread="dims",
    out=False,
    fresh=True,
    order="operands",
    samples=calls(
        ((2, 3), args((0,))),
        ((2, 3, 4), args((-1, 0))),
        ((3,), args((0,))),
        ((0, 3), args((1,))),
        ((0, 3), args((0,))),
        ((2, 3), args(())),
    ),
    errors=[
        (args(wanted(2, 3), (0, 0)), RuntimeError, "dim 0 appears multiple times in the list of dims"),
        (
            args(wanted(2, 3), (5,)),
            IndexError,
            r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 5\)",
        ),
    ],
)
def flip(input: Tensor, dims: tuple[int, ...]) -> Value:
    """The order of elements along `dims` reversed; a copy."""
    return turned(input, ir.normalize_dims(dims, input.ndim) if dims else ())


def turned(x: Value, dims: tuple[int, ...]) -> Value:
    """The order of elements along some dimensions reversed; along those without elements there is none."""
    along = [d for d in dims if x.shape[d] != 0]
    starts = tuple([s - 1 if d in along else 0 for d, s in enumerate(x.shape)])
    return graph.slice_(x, starts, tuple([-1 if d in along else 1 for d in range(x.ndim)]), x.shape)


@operator(autocast=widest, function=False, method=False, out=False, fresh=True, order="all channels")
def cat(dim: int, *tensors: Tensor) -> Value:
    """Joins tensors along `dim`, in their common dtype. Vectors of no elements take no part.

    The function `cat(tensors, dim)` stands before this one.
    """
    ndim = max(t.ndim for t in tensors)
    for i, x in enumerate(tensors):
        if not x.ndim:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    dim = ir.normalize_dim(dim, ndim)
    parts = [(i, x) for i, x in enumerate(tensors) if not (x.ndim == 1 and ndim > 1 and x.shape[0] == 0)]
    first = parts[0][1]
    for i, x in parts:
        if x.ndim != first.ndim:
            raise RuntimeError(f"Tensors must have same number of dimensions: got {first.ndim} and {x.ndim}")
        for d, (have, size) in enumerate(zip(first.shape, x.shape)):
            if d != dim and have != size:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {hint(have)} but got size "
                    f"{hint(size)} for tensor "
                    f"number {i} in the list."
                )
    dt = ir.result_type(*tensors)
    joined = [graph.cast(x, dt) for _, x in parts]
    return graph.cat(tuple(joined), dim) if len(joined) > 1 else joined[0]


@operator(
    autocast=widest,
    function=False,
    method=False,
    out=False,
    fresh=True,
    order="all channels",
    node="StackBackward0",
)
def stacked(dim: int, *tensors: Tensor) -> Value:
    """Joins slices along `dim`: the last step of `stack`, which stands before this one."""
    result: Value = cat.define(dim, *tensors)
    return result


def _repeated(x: Value, repeats: tuple[int, ...]) -> Value:
    lead = len(repeats) - x.ndim
    shape = (1,) * lead + x.shape
    for r, s in zip(repeats, shape):
        if r < 0:
            total = [hint(s) * r for r, s in zip(repeats, shape)]
            raise RuntimeError(f"Trying to create tensor with negative dimension {min(total)}: {listed(total)}")
    apart = graph.reshape(x, tuple(n for s in shape for n in (1, s)))
    spread = graph.expand(apart, tuple(n for r, s in zip(repeats, shape) for n in (r, s)))
    return graph.reshape(spread, tuple(settled(s * r) for r, s in zip(repeats, shape)))


@operator(
    spread="repeats",
    fresh=True,
    function=False,
    out=False,
    samples=calls(
        ((2, 3), args((2, 1))), ((2, 3), args((2, 1, 2))), ((3,), args((1,))), ((), args((2,))), ((2, 3), args((0, 1)))
    ),
    errors=[
        (
            args(wanted(2, 3), (2,)),
            RuntimeError,
            "Number of dimensions of repeat dims can not be smaller than number of dimensions",
        ),
        (args(wanted(2, 3), (2, -1)), RuntimeError, r"Trying to create tensor with negative dimension -3: \[4, -3\]"),
    ],
)
def repeat(input: Tensor, repeats: tuple[int, ...]) -> Value:
    """`input` as often along each dimension as `repeats` says; a copy."""
    if len(repeats) < input.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    return _repeated(input, repeats)


@operator(
    spread="dims",
    out=False,
    fresh=True,
    samples=calls(((2, 3), args((2,))), ((2, 3), args((2, 1, 2))), ((3,), args((2, 2)))),
    node="RepeatBackward0",
)
def tile(input: Tensor, dims: tuple[int, ...]) -> Value:
    """As `repeat`, where missing leading repetitions count as 1."""
    return _repeated(input, (1,) * (input.ndim - len(dims)) + dims)


@operator(
    out=False, fresh=True,
    samples=calls(
        ((4, 5), args(1)), ((4, 5), args(2, 1)), ((4, 5), args((1, -2), (0, 1))), ((4, 5), args(7, 0)),
        ((5,), args(0, 0)), ((0, 3), args(1, 1)),
    ),
    errors=[
        (args(wanted(2, 3), (1, 2), (0,)), RuntimeError, "shifts and dimensions must align. shifts: 2, dims:1"),
        (args(wanted(2, 3), ()), RuntimeError, "`shifts` required"),
        (args(wanted(2, 3), 1, 3), IndexError, "Dimension out of range"),
        (args(wanted(), 1, 0), IndexError, "Dimension specified as 0 but tensor has no dimensions"),
    ],
)  # fmt: skip
def roll(input: Tensor, shifts: int | tuple[int, ...], dims: int | tuple[int, ...] = ()) -> Value:
    """Elements moved by `shifts` along `dims`; those that leave at the end enter at the front.

    Without `dims` they move along all dimensions as one.
    """
    moves, along = ((x,) if isinstance(x, int) else x for x in (shifts, dims))
    if not moves:
        raise RuntimeError("`shifts` required")
    if not along and len(moves) == 1:
        flat = graph.reshape(input, (product(input.shape),))
        return graph.reshape(_rolled(flat, moves[0], 0), input.shape)
    if len(moves) != len(along):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(moves)}, dims:{len(along)}")
    result = input
    for shift, d in zip(moves, along):
        if not input.ndim:
            raise IndexError(f"Dimension specified as {d} but tensor has no dimensions")
        result = _rolled(result, shift, ir.normalize_dim(d, input.ndim))
    return result


def _rolled(x: Value, shift: int, dim: int) -> Value:
    size = x.shape[dim]
    if size == 0:
        return x
    shift_by = settled(shift - shift // size * size)
    if shift_by == 0:
        return x
    rest = size - shift_by
    return graph.cat((narrowed(x, dim, rest, shift_by), narrowed(x, dim, 0, rest)), dim)


_TRIANGLES = calls(((3, 4), args()), ((4, 3), args(1)), ((4, 4), args(-2)), ((2, 3, 3), args()), ((0, 3), args()))


def _triangle(name: str, x: Value, keep: Value | None) -> Value:
    if keep is None:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    return ir.where(keep, x, ir.full(x.shape, 0, x.dtype))


def _diagonals(x: Value) -> Value | None:
    """For each element of a matrix how far right of the main diagonal it is."""
    if x.ndim < 2:
        return None
    return ir.sub(graph.iota(x.shape, x.ndim - 1), graph.iota(x.shape, x.ndim - 2))


@operator(
    inplace=True,
    samples=_TRIANGLES,
    errors=[(args(wanted(3)), RuntimeError, "tril: input tensor must have at least 2 dimensions")],
)
def tril(input: Tensor, diagonal: int = 0) -> Value:
    """The lower triangles of matrices: zeros right of the `diagonal`, counted from the main one to the right."""
    right = _diagonals(input)
    return _triangle("tril", input, None if right is None else ir.le(right, diagonal))


@operator(
    inplace=True,
    samples=_TRIANGLES,
    errors=[(args(wanted(3)), RuntimeError, "triu: input tensor must have at least 2 dimensions")],
)
def triu(input: Tensor, diagonal: int = 0) -> Value:
    """The upper triangles of matrices: zeros left of the `diagonal`, counted from the main one to the right."""
    right = _diagonals(input)
    return _triangle("triu", input, None if right is None else ir.ge(right, diagonal))


OPERATORS: tuple[Operator, ...] = (
    reshape, view, flatten, unflatten, squeeze, unsqueeze, permute, transpose, swapaxes, t, movedim, expand,
    broadcast_to, narrow, select, slice_, flip, cat, stacked, repeat, tile, roll, tril, triu,
)  # fmt: skip
