"""More elements around a tensor: a constant, or elements of its own."""

from __future__ import annotations

from typing import Any

from ..base.dtypes import dtype
from ..base.symbols import Size, hint
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from . import nodes
from .autocast import single
from .check import TYPE_NAMES
from .movement import calls
from .operator import Number, Operator, Tensor, operator
from .samples import args, wanted
from .shapes import listed, narrowed, replaced
from .window import around

Amounts = list[tuple[int, int, int]]
"""For each dimension that is padded: which one, how much before and how much after; negative cuts off."""

_KERNELS = {"reflect": "reflection_pad", "replicate": "replication_pad"}


def _single_at_edges(args: tuple[Any, ...], low: dtype) -> tuple[Any, ...]:
    """Under autocast what repeats elements is in float32, but for reflection in three dimensions, as in PyTorch."""
    mode, rank = args[2], len(args[1]) // 2
    return single(args, low) if mode == "replicate" or (mode == "reflect" and rank < 3) else args


def _padded_node(args: nodes.Arguments) -> str:
    mode = nodes.given(args, 2) or "constant"
    if mode == "constant":
        return "ConstantPadNdBackward0"
    if mode == "circular":
        return "CopySlices"
    return f"{'Reflection' if mode == 'reflect' else 'Replication'}Pad{len(args[1]) // 2}DBackward0"


@operator(
    autocast=_single_at_edges,
    namespace="nn.functional",
    method=False,
    out=False,
    fresh=True,
    order="channels",
    samples=calls(
        ((3,), args((1, 2))), ((2, 3), args((1, 0, 2, 1))), ((2, 3), args((-1, 2))), ((2, 3), args((1, 1), value=2)),
        ((2, 3), args((0, 0))), ((2, 5), args((-1, -2, 1, 0), value=1.0)),
        ((2, 3), args((1, 2), "reflect")), ((1, 2, 4, 5), args((2, 0, 3, 1), "reflect")),
        ((2, 3, 4), args((-1, 2, 1, -2), "reflect")), ((2, 2, 3, 2), args((1, 0, 1, 2, 1, 0), "reflect")),
        ((2, 3), args((4, 0), "replicate")), ((1, 2, 3, 4), args((2, 1, 1, 3), "replicate")),
        ((2, 3, 4), args((-1, 2, 1, -2), "replicate")), ((2, 2, 1, 2), args((1, 0, 1, 2, 1, 0), "replicate")),
        ((2, 3), args((3, 2), "circular")), ((1, 2, 3, 4), args((2, 1, 1, 3), "circular")),
        ((2, 3, 4), args((-1, 2, 1, -2), "circular")), ((2, 2, 3, 2), args((1, 0, 1, 2, 1, 0), "circular")),
        ((0, 2, 3), args((1, 2), "reflect")),
    ),
    errors=[
        (args(wanted(3), (1,)), RuntimeError, "Padding length must be divisible by 2"),
        (
            args(wanted(3), (1, 1, 1, 1)),
            RuntimeError,
            "Padding length should be less than or equal to two times the input dimension",
        ),
        (args(wanted(3), (1, 1), "foo"), NotImplementedError, "Unrecognised padding mode foo"),
        (args(wanted(3), (1, 1), "circular"), NotImplementedError, "Padding size 2 is not supported for 1D input"),
        (args(wanted(2, 3), (1, 1), "reflect", 1.0), RuntimeError, "Padding mode \"reflect\" doesn't take in value"),
        (
            args(wanted(1, 2, 3, 4), (1, 1, 3, 1), "reflect"),
            RuntimeError,
            r"Argument #6: Padding size should be less than the corresponding input dimension, but got: padding "
            r"\(3, 1\) at dimension 2 of input \[1, 2, 3, 4\]",
        ),
        (args(wanted(1, 2, 3), (-2, -1), "replicate"), RuntimeError, r"\(W: 3\) is too small. Calculated output W: 0"),
        (args(wanted(1, 0, 3), (1, 1), "replicate"), RuntimeError, r"Expected 2D or 3D .* but got: \[1, 0, 3\]"),
        (args(wanted(1, 2, 3), (4, 4), "circular"), RuntimeError, "Padding value causes wrapping around more than"),
        (
            args(wanted(2, 3, dtype="bool"), (1, 1), "reflect"),
            NotImplementedError,
            "\"reflection_pad1d\" not implemented for 'Bool'",
        ),
    ],
    node=_padded_node,
)  # fmt: skip
def pad(input: Tensor, pad: tuple[int, ...], mode: str = "constant", value: Number | None = None) -> Value:
    """More elements around: `pad` holds two amounts for each dimension, the last dimension first.

    With `constant` these are `value`, by default zeros; with `reflect` those inside, mirrored at the outermost one;
    with `replicate` the outermost one; with `circular` those of the other end. A negative amount cuts elements off.

    >>> import kagari as torch
    >>> torch.nn.functional.pad(torch.tensor([[1, 2, 3]]), (2, 1), "reflect")
    tensor([[3, 2, 1, 2, 3, 2]])
    """
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pad) > 2 * input.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pad)} and input of dimension {input.ndim}"
        )
    amounts = [(input.ndim - 1 - i, pad[2 * i], pad[2 * i + 1]) for i in range(len(pad) // 2)]
    if mode == "constant":
        return _constant(input, amounts, value)
    if value is not None:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    _require_images(input, amounts, mode)
    for d, *amount in amounts:
        (before, after), (low, high) = ([f(n, 0) for n in amount] for f in (max, min))
        if mode == "circular":
            input = _wrapped(around(input, [d], [low], [high]), d, before, after)
        else:
            own = _reflected if mode == "reflect" else _replicated
            input = around(own(input, d, before, after), [d], [low], [high])
    return input


def _constant(x: Value, amounts: Amounts, value: Number | None) -> Value:
    if any(x.shape[d] + min(before, 0) + min(after, 0) < 0 for d, before, after in amounts):
        raise RuntimeError("narrow(): length must be non-negative.")
    padded = around(x, *([a[k] for a in amounts] for k in range(3)))
    inside: Value | None = None
    for d, before, after in amounts if value is not None else ():
        if before > 0 or after > 0:
            place = graph.iota(padded.shape, d)
            within = ir.bitand(ir.ge(place, max(0, before)), ir.lt(place, padded.shape[d] - max(0, after)))
            inside = within if inside is None else ir.bitand(inside, within)
    if inside is None or value is None:
        return padded
    return ir.where(inside, padded, ir.full(padded.shape, value, x.dtype))


# Elements of its own


def _require_images(x: Value, amounts: Amounts, mode: str) -> None:
    """One to three dimensions, behind one or two others, of which none but the batch is empty."""
    rank = len(amounts)
    if not 1 <= rank <= 3 or x.ndim not in (rank + 1, rank + 2):
        raise NotImplementedError(f"Padding size {2 * rank} is not supported for {x.ndim}D input tensor.")
    if mode == "circular":
        if any(x.shape[d] + a + b < 0 or x.shape[d] + min(a, 0) + min(b, 0) < 0 for d, a, b in amounts):
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
        # Where less is left than is added PyTorch reads what it has not written yet.
        if any(max(a, b) > x.shape[d] + min(a, 0) + min(b, 0) for d, a, b in amounts):
            raise RuntimeError("Padding value causes wrapping around more than once.")
        return
    if not x.dtype.category:
        raise NotImplementedError(f"\"{_KERNELS[mode]}{rank}d\" not implemented for '{TYPE_NAMES[x.dtype]}'")
    if any(s == 0 for s in x.shape[x.ndim - rank - 1 :]):
        raise RuntimeError(
            f"Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {listed(x.shape)}"
        )
    for i, (d, a, b) in enumerate(amounts):
        if mode == "reflect" and max(a, b) >= x.shape[d]:
            raise RuntimeError(
                f"Argument #{4 + 2 * i}: Padding size should be less than the corresponding input dimension, but got: "
                f"padding ({a}, {b}) at dimension {d} of input {listed(x.shape)}"
            )
        if x.shape[d] + a + b < 1:
            size = hint(x.shape[d])
            raise RuntimeError(f"input ({'WHD'[i]}: {size}) is too small. Calculated output {'WHD'[i]}: {size + a + b}")


def _joined(before: Value | None, x: Value, after: Value | None, dim: int) -> Value:
    parts = tuple([p for p in (before, x, after) if p is not None])
    return graph.cat(parts, dim) if len(parts) > 1 else x


def _reflected(x: Value, dim: int, before: int, after: int) -> Value:
    def turned(start: Size, count: int) -> Value | None:
        """`count` elements from `start` backwards."""
        return narrowed(x, dim, start, count, -1) if count else None

    return _joined(turned(before, before), x, turned(x.shape[dim] - 2, after), dim)


def _replicated(x: Value, dim: int, before: int, after: int) -> Value:
    def repeated(at: Size, count: int) -> Value | None:
        return graph.expand(narrowed(x, dim, at, 1), replaced(x.shape, dim, count)) if count else None

    return _joined(repeated(0, before), x, repeated(x.shape[dim] - 1, after), dim)


def _wrapped(x: Value, dim: int, before: int, after: int) -> Value:
    def taken(start: Size, count: int) -> Value | None:
        return narrowed(x, dim, start, count) if count else None

    return _joined(taken(x.shape[dim] - before, before), x, taken(0, after), dim)


OPERATORS: tuple[Operator, ...] = (pad,)
