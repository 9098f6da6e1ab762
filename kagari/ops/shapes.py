"""Shapes as arguments and in messages."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..base.symbols import Size, hint, settled
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value


def listed(shape: Sequence[Size]) -> str:
    """A shape in a message: `[2, 3]`."""
    return f"[{', '.join(str(hint(s)) for s in shape)}]"


def inferred(shape: tuple[int, ...], count: Size) -> tuple[Size, ...]:
    """The shape of `count` elements that a user asked for, its -1 replaced.

    Raises RuntimeError where there is no such shape, and TypeError for what is no shape.
    """
    if any(type(s) is bool for s in shape):
        if type(shape[0]) is bool:
            raise TypeError("argument 'shape' must be tuple of ints, but found element of type bool at pos 0")
        shape = tuple([int(s) if type(s) is bool else s for s in shape])
    for i, s in enumerate(shape):
        if s < -1:
            raise RuntimeError(f"invalid shape dimension {s} at index {i} of shape {listed(shape)}")
    known = math.prod(s for s in shape if s != -1)
    if shape.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if -1 not in shape:
        if known != count:
            raise RuntimeError(f"shape '{listed(shape)}' is invalid for input of size {hint(count)}")
        return shape
    if known == 0 and count == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {listed(shape)} because the unspecified dimension size "
            f"-1 can be any value "
            "and is ambiguous"
        )
    if known == 0 or count % known != 0:
        raise RuntimeError(f"shape '{listed(shape)}' is invalid for input of size {hint(count)}")
    return tuple(settled(count // known) if s == -1 else s for s in shape)


def expanded(x: Value, shape: Sequence[Size]) -> Value:
    """x repeated to a shape, with the errors of `expand`: sizes of -1 are kept, leading dimensions are added."""
    if len(shape) < x.ndim:
        raise RuntimeError(
            f"expand(torch.{{{listed(x.shape)}}}, size={listed(shape)}): the number of sizes provided ({len(shape)}) "
            f"must be greater or "
            f"equal to the number of dimensions in the tensor ({x.ndim})"
        )
    lead = len(shape) - x.ndim
    result: list[Size] = []
    for d, s in enumerate(shape):
        have = x.shape[d - lead] if d >= lead else None
        if have is None:
            if isinstance(s, int) and s < 0:
                raise RuntimeError(
                    f"The expanded size of the tensor ({s}) isn't allowed in a leading, non-existing dimension {d}"
                )
            result.append(s)
        elif isinstance(s, int) and s == -1:
            result.append(have)
        elif (isinstance(have, int) and have == 1 and (not isinstance(s, int) or s >= 0)) or have == s:
            result.append(s if isinstance(have, int) and have == 1 else have)
        else:
            raise RuntimeError(
                f"The expanded size of the tensor ({hint(s)}) must match the existing size ({hint(have)}) at "
                f"non-singleton dimension {d}.  "
                f"Target sizes: {listed(shape)}.  Tensor sizes: {listed(x.shape)}"
            )
    return ir.broadcast_to(x, tuple(result))


def narrowed(x: Value, dim: int, start: Size, length: Size, step: int = 1) -> Value:
    """`length` elements along `dim`: start, start + step, ..."""
    starts = tuple(start if d == dim else 0 for d in range(x.ndim))
    steps = tuple(step if d == dim else 1 for d in range(x.ndim))
    return graph.slice_(x, starts, steps, replaced(x.shape, dim, length))


def replaced(shape: tuple[Size, ...], dim: int, size: Size) -> tuple[Size, ...]:
    """A shape with another size at `dim`."""
    return (*shape[:dim], size, *shape[dim + 1 :])


def without(shape: tuple[Size, ...], dim: int) -> tuple[Size, ...]:
    """A shape with `dim` left out."""
    return shape[:dim] + shape[dim + 1 :]
