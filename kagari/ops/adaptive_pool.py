"""Pooling to a given size: of o windows over n elements window i goes from `floor(i n / o)` to `ceil((i+1) n / o)`.

Element j lies in the windows from `floor(j o / n)` to `ceil((j+1) o / n)`: the transpose of pooling n elements to o has
the form of pooling o elements to n.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

from ..base.dtypes import accumulate, float64, int64
from ..base.symbols import Size, hint, settled
from ..base.symbols import product as product_of
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .autocast import single
from .check import require
from .operator import Operator, Tensor, operator
from .pool import lowest
from .pool_windows import WORDS, require_line
from .samples import Make, Sample, args, wanted
from .shapes import listed, replaced

MAX_LENGTH = 10
"""Up to so many elements a window is written out."""

Sizes = Any
"""One number for all dimensions, or one for each; None for the size of the input."""


def _starts(n: Size, o: Size) -> Value:
    """Where each of o windows over n elements begins: `floor(i n / o)`, an int64 vector.

    In double precision, which has vector instructions for it; the half keeps clear of what is rounded.
    """
    at = ir.mul(graph.cast(graph.iota((o,), 0), float64), n)
    return graph.cast(ir.floor(ir.div(ir.add(at, 0.5), o)), int64)


def _ends(n: Size, o: Size) -> Value:
    """Where each window ends: `ceil((i + 1) n / o)`."""
    at = ir.mul(ir.add(graph.cast(graph.iota((o,), 0), float64), 1), n)
    return graph.cast(ir.ceil(ir.div(ir.sub(at, 0.5), o)), int64)


def _at(vector: Value, dim: int, ndim: int) -> Value:
    """A vector along a dimension, in a shape that broadcasts."""
    return graph.reshape(vector, tuple(vector.shape[0] if d == dim else 1 for d in range(ndim)))


def _block(n: Size, o: Size) -> Size | None:
    """How many elements each of o windows over n has where they do not overlap."""
    return settled(n // o) if n == n // o * o else None


def _shown(x: Value, dim: int, o: Size, fill: Any) -> Value:
    """The windows of x along `dim`, their elements as a dimension at the end; shorter ones are filled up."""
    n = x.shape[dim]
    block = _block(n, o)
    if block is not None:
        blocks = graph.reshape(x, (*x.shape[:dim], o, block, *x.shape[dim + 1 :]))
        return graph.permute(blocks, (*range(dim + 1), *range(dim + 2, x.ndim + 1), dim + 1))
    taps = n // o + 2
    shape = (*replaced(x.shape, dim, o), taps)
    tap = graph.iota(shape, x.ndim)
    start, end = (graph.expand(_at(v, dim, x.ndim + 1), shape) for v in (_starts(n, o), _ends(n, o)))
    index = ir.minimum(ir.add(start, tap), ir.sub(n, 1))
    source = graph.expand(ir.unsqueeze(x, x.ndim), (*x.shape, taps))
    return ir.where(ir.lt(ir.add(start, tap), end), graph.gather(source, index, dim), fill)


def _sums(x: Value, dim: int, o: Size) -> Value:
    """The sum of each window along `dim`: one element after the other where windows are short and overlap."""
    n = x.shape[dim]
    longest = n // o + 2
    if _block(n, o) is not None or longest > MAX_LENGTH:
        return graph.reduce("sum", _shown(x, dim, o, 0), (x.ndim,))
    shape = replaced(x.shape, dim, o)
    start, end = (graph.expand(_at(v, dim, x.ndim), shape) for v in (_starts(n, o), _ends(n, o)))
    total = graph.gather(x, start, dim)
    for t in range(1, MAX_LENGTH):
        if t >= longest:
            break
        there = ir.add(start, t)
        element = graph.gather(x, ir.minimum(there, ir.sub(n, 1)), dim)
        total = ir.add(total, ir.where(ir.lt(there, end), element, 0))
    return total


def _shares(x: Value, dim: int, n: Size) -> Value:
    """x, pooled from n elements along `dim`, divided by the lengths of the windows."""
    o = x.shape[dim]
    lengths = ir.sub(_ends(n, o), _starts(n, o))
    block = _block(n, o)
    return ir.div(x, graph.cast(_at(lengths, dim, x.ndim), x.dtype) if block is None else block)


def _returned(g: Value, dim: int, n: Size) -> Value:
    """The transpose of `_sums`: each of n elements gets the sum over the windows that show it."""
    o = g.shape[dim]
    block = _block(n, o)
    if block is not None:
        each = ir.unsqueeze(g, dim + 1)
        return graph.reshape(graph.expand(each, replaced(each.shape, dim + 1, block)), replaced(g.shape, dim, n))
    return _sums(g, dim, n)


def _targets(name: str, x: Value, output_size: Any, rank: int) -> list[tuple[int, Size]]:
    """The spatial dimensions with the sizes they are pooled to; None keeps a size."""
    sizes = list(output_size) if isinstance(output_size, tuple | list) else [output_size] * rank
    for at, size in enumerate(sizes):
        if size is not None and (not isinstance(size, int) or isinstance(size, bool)):
            kind = type(size).__name__
            raise TypeError(
                f"{name}(): argument 'output_size' must be tuple of ints, but found element of type {kind} at pos {at}"
            )
    if rank == 1:
        require_line(name, x)
        if len(sizes) != 1:
            raise RuntimeError(f"{name}() argument 'output_size' should contain one int (got {len(sizes)})")
    elif len(sizes) != rank:
        raise RuntimeError(
            f"{name}: output_size must be {rank}"
            if "avg" in name
            else f"{name}(): internal error: output_size.size() must be {rank}"
        )
    if x.ndim not in (rank + 1, rank + 2):
        colon = "" if "avg" in name else ":"
        raise RuntimeError(f"{name}(): Expected {rank + 1}D or {rank + 2}D tensor, but got{colon} {listed(x.shape)}")
    lead = x.ndim - rank
    for d in range(lead, x.ndim):
        if x.shape[d] == 0:
            raise RuntimeError(
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                f"{listed(x.shape)} with dimension {d} being empty"
            )
    if any(s is not None and s < 0 for s in sizes):
        if "avg" in name:
            raise RuntimeError(
                f"{name}: elements of output_size must be greater than or equal to 0 but received "
                f"{{{', '.join(map(str, sizes))}}}"
            )
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(s for s in sizes if s is not None)}: "
            f"{listed((*x.shape[:lead], *(hint(x.shape[lead + i]) if s is None else s for i, s in enumerate(sizes))))}"
        )
    return [(lead + i, x.shape[lead + i] if s is None else s) for i, s in enumerate(sizes)]


def _pooled_shape(x: Value, targets: Sequence[tuple[int, Size]]) -> tuple[Size, ...]:
    return reduce(lambda shape, target: replaced(shape, *target), targets, x.shape)


def _is_empty(targets: Sequence[tuple[int, Size]]) -> bool:
    return any(isinstance(o, int) and o == 0 for _, o in targets)


def _averaged(name: str, input: Value, output_size: Any, rank: int) -> Value:
    targets = _targets(name, input, output_size, rank)
    require("adaptive_avg_pool3d_cpu" if rank == 3 else "adaptive_avg_pool2d", input.dtype)
    if _is_empty(targets):
        return ir.full(_pooled_shape(input, targets), 0, input.dtype)
    x = graph.cast(input, accumulate(input.dtype))
    for dim, o in reversed(targets):
        x = _sums(x, dim, o)
    for dim, _ in targets:
        x = _shares(x, dim, input.shape[dim])
    return graph.cast(x, input.dtype)


def _averaged_gradient(name: str, rank: int) -> Any:
    def gradient(g: Value, input: Value, output_size: Sizes) -> list[Value]:
        targets = _targets(name, input, output_size, rank)
        if _is_empty(targets):
            return [ir.full(input.shape, 0, input.dtype)]
        g = graph.cast(g, accumulate(input.dtype))
        for dim, _ in targets:
            g = _shares(g, dim, input.shape[dim])
        for dim, _ in targets:
            g = _returned(g, dim, input.shape[dim])
        return [g]

    return gradient


def _largest(name: str, input: Value, output_size: Any, rank: int) -> tuple[Value, Value]:
    """The largest elements and their places, one axis after the other from the last."""
    targets = _targets(name, input, output_size, rank)
    require(name if rank > 1 else "adaptive_max_pool2d", input.dtype)
    if _is_empty(targets):
        shape = _pooled_shape(input, targets)
        return ir.full(shape, 0, input.dtype), ir.full(shape, 0, int64)
    x, at, last, stride = input, None, input.ndim, product_of(())
    for dim, o in reversed(targets):
        n = x.shape[dim]
        windows = _shown(x, dim, o, lowest(x.dtype))
        x, tap = graph.reduce("max", windows, (last,)), graph.reduce("argmax", windows, (last,))
        here = ir.mul(ir.add(tap, _at(_starts(n, o), dim, last)), stride)
        at = here if at is None else ir.add(here, graph.pick(_shown(at, dim, o, 0), tap, last))
        stride = n * stride
    assert at is not None
    return x, at


def _sizes(rank: int) -> Any:
    shape = (2, 3, 7, 6)[: rank + 2] if rank < 3 else (2, 2, 4, 5, 6)

    def samples(make: Make) -> Iterator[Sample]:
        yield (make(*shape, noncontiguous=True), [5, 3, 4][:rank]), {}
        yield (make(*shape[1:]), 2), {}
        if rank > 1:
            yield (make(*shape), [None, *[2] * (rank - 1)]), {}
        if rank == 3:
            return
        yield (make(*shape), 1), {}
        yield (make(*shape), [3] * rank), {}
        yield (make(*shape), 9), {}
        yield (make(*shape, constant=True), 0), {}
        yield (make(0, *shape[1:]), 2), {}

    return samples


def _errors(kind: str, rank: int) -> list[tuple[Sample, type, str]]:
    shape = (2, 3, 7, 6, 5)[: rank + 2]
    if rank == 1:
        found = [
            (
                args(wanted(2), 1),
                RuntimeError,
                "Expected 2 to 3 dimensions, but got 1-dimensional tensor for argument #1",
            ),
            (args(wanted(*shape), (2, 3)), RuntimeError, r"argument 'output_size' should contain one int \(got 2\)"),
            (
                args(wanted(*shape), (2.0,)),
                TypeError,
                "must be tuple of ints, but found element of type float at pos 0",
            ),
        ]
    else:
        found = [
            (
                args(wanted(*shape[:rank]), 2),
                RuntimeError,
                rf"Expected {rank + 1}D or {rank + 2}D tensor, but got:? \[2, 3",
            ),
            (
                args(wanted(*shape[:-1], 0), 2),
                RuntimeError,
                "Expected input to have non-zero size for non-batch dimensions, but input has sizes",
            ),
        ]
    words = "greater than or equal to 0" if kind == "avg" else "negative dimension -1"
    return [
        *found,
        (args(wanted(*shape), -1), RuntimeError, words),
        (
            args(wanted(*shape), [True] * rank),
            TypeError,
            "must be tuple of ints, but found element of type bool at pos 0",
        ),
        (args(wanted(*shape, dtype="int64"), 2), NotImplementedError, "not implemented for 'Long'"),
    ]


def _averages(rank: int) -> Operator:
    name = f"adaptive_avg_pool{rank}d"

    def pool(input: Tensor, output_size: Sizes) -> Value:
        return _averaged(name, input, output_size, rank)

    pool.__doc__ = f"The mean of each window over the last {WORDS[rank]} dimensions, which get the sizes `output_size`."
    return operator(
        name=name, namespace="torch" if rank == 1 else "nn.functional", method=False, out=False, dtypes="f",
        gradient=_averaged_gradient(name, rank), samples=_sizes(rank), errors=_errors("avg", rank), fresh=True,
        order="channels", autocast=single if rank == 3 else None,
        node="SqueezeBackward1" if rank == 1 else "",
    )(pool)  # fmt: skip


def _extrema(rank: int) -> Operator:
    name = f"adaptive_max_pool{rank}d"

    def pool(input: Tensor, output_size: Sizes) -> tuple[Value, Value]:
        return _largest(name, input, output_size, rank)

    pool.__doc__ = (
        f"The largest element of each window over the last {WORDS[rank]} dimensions, which get the sizes "
        "`output_size`, and its place among those of a channel."
    )
    return operator(
        name=f"{name}_with_indices", namespace="nn.functional", method=False, out=False, dtypes="f",
        differentiable=False, samples=_sizes(rank), errors=_errors("max", rank), fresh=True,
        order="channels", autocast=single if rank == 3 else None,
        node="SqueezeBackward1" if rank == 1 else f"AdaptiveMaxPool{rank}DBackward0",
    )(pool)  # fmt: skip


OPERATORS: tuple[Operator, ...] = (*map(_averages, (1, 2, 3)), *map(_extrema, (1, 2, 3)))
