"""Views of windows, and the views of other files as copies: `view_copy` and its kin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

from ..base.dtypes import int64
from ..base.symbols import Size, hint
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from . import diagonal, memory, movement
from .movement import calls
from .operator import Operator, Tensor, operator
from .samples import Make, Sample, args, wanted
from .shapes import narrowed, settled


@operator(
    method=False,
    fresh=True,
    samples=calls(
        ((7,), args(0, 3, 2)), ((3, 8), args(1, 4, 4)), ((3, 8), args(-1, 3, 1)), ((4, 3, 2), args(0, 2, 1)),
        ((5,), args(0, 5, 9)), ((3,), args(0, 0, 2)), ((), args(0, 1, 1)), ((), args(0, 0, 1)),
    ),
    errors=[
        (args(wanted(2), 0, 3, 1), RuntimeError, "maximum size for tensor at dimension 0 is 2 but size is 3"),
        (args(wanted(2), 0, 2, 0), RuntimeError, "step is 0 but must be > 0"),
        (args(wanted(2), 0, -1, 1), RuntimeError, "size is -1 but must be >= 0"),
        (args(wanted(2), 1, 2, 1), IndexError, "Dimension out of range"),
    ],
)  # fmt: skip
def unfold_copy(input: Tensor, dimension: int, size: int, step: int) -> Value:
    """`Tensor.unfold`, all windows of `size` neighbours along a dimension, `step` apart, as a copy.

    >>> import kagari as torch
    >>> torch.unfold_copy(torch.arange(5), 0, 3, 1)
    tensor([[0, 1, 2],
            [1, 2, 3],
            [2, 3, 4]])
    """
    dim = ir.normalize_dim(dimension, input.ndim)
    x = input if input.ndim else graph.reshape(input, (1,))
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if x.shape[dim] < size:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {hint(x.shape[dim])} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if not input.ndim:
        return narrowed(x, 0, 0, size)
    return graph.windows(x, dim, settled((x.shape[dim] - size) // step + 1), size, step)


# `Tensor.unfold`, which another function of the name hides among the records.
unfold_view = replace(
    unfold_copy, name="unfold_view", function=False, fresh=False, out=False, samples=None, errors=[], doc="",
    node="UnfoldBackward0",
)  # fmt: skip


@operator(function=False, method=False, out=False)
def strided_sum(input: Tensor, extent: int, stride: tuple[int, ...], start: int) -> Value:
    """`extent` zeros, with `input_i` added at `start + i . stride`: the transpose of a view by strides."""
    index = ir.full(input.shape, start, int64)
    for d, s in enumerate(stride):
        index = index + graph.iota(input.shape, d) * s
    count: Size = ir.count(input, tuple(range(input.ndim)))
    zeros = ir.full((extent,), 0, input.dtype)
    return graph.scatter("scatter_add", zeros, graph.reshape(index, (count,)), graph.reshape(input, (count,)), 0)


@operator(
    method=False,
    fresh=True,
    samples=calls(
        ((5, 4), args()), ((5, 4), args(1, 1, 3)), ((5, 4), args(0, -3, -1)), ((5, 4), args(0, 0, 9, 2)),
        ((5,), args(0, 3, 1)),
    ),
    errors=[(args(wanted(3, 4), 0, 0, 2, 0), RuntimeError, "slice step must be positive")],
)  # fmt: skip
def slice_copy(input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Value:
    """`input[..., start:end:step, ...]` at `dim` as a copy."""
    at = ir.normalize_dim(dim, input.ndim)
    first, count = diagonal.bounds(input.shape[at], start, end, step)
    return narrowed(input, at, first, count, step)


def _copied(record: Operator, method: bool = False) -> Operator:
    """The record of a view as that of a copy."""
    return replace(
        record, name=f"{record.name}_copy", doc=f"`{record.name}` as a copy.", fresh=True, function=True, method=method,
        out=True, spread="", strict_view=False, aliases=(), inplace=False, samples=_first(record), node="",
    )  # fmt: skip


def _first(record: Operator) -> Callable[[Make], Iterator[Sample]]:
    """The first samples of a view: the others would test its definition again."""

    def samples(make: Make) -> Iterator[Sample]:
        return islice(record.samples(make), 2) if record.samples is not None else iter(())

    return samples


_ANY = calls(((2, 3), args()), ((), args()), ((0, 3), args()))
_plain = replace(_copied(memory.alias), samples=_ANY, doc="A copy of `input`.")
_detached = replace(
    _plain, name="detach_copy", samples=lambda make: iter([((make(2, 3, constant=True),), {})]),
    doc="As `alias_copy`: in PyTorch the copy requires a gradient, too, but has none.",
)  # fmt: skip
_narrowed = replace(_copied(movement.narrow, method=True), errors=movement.narrow.errors[:2])
VIEWS = (
    movement.view, movement.squeeze, movement.unsqueeze, movement.permute, movement.transpose, movement.t,
    movement.expand, movement.select, diagonal.diagonal,
)  # fmt: skip

OPERATORS: tuple[Operator, ...] = (
    unfold_copy, unfold_view, strided_sum, slice_copy, *map(_copied, VIEWS), _narrowed,
    _plain, _detached,
)  # fmt: skip
