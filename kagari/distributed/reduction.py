"""How the tensors of several processes become one."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable

from ..eager import Tensor
from ..eager import operators as ops

RedOpType = enum.Enum(
    "RedOpType", ["SUM", "AVG", "PRODUCT", "MIN", "MAX", "BAND", "BOR", "BXOR", "PREMUL_SUM"], start=0
)


class ReduceOp:
    """The ways to reduce: `SUM`, `AVG`, `PRODUCT`, `MIN`, `MAX`, and of integers `BAND`, `BOR` and `BXOR`.

    >>> import kagari as torch
    >>> torch.distributed.ReduceOp.SUM
    <RedOpType.SUM: 0>
    """

    RedOpType = RedOpType
    SUM, AVG, PRODUCT, MIN = RedOpType.SUM, RedOpType.AVG, RedOpType.PRODUCT, RedOpType.MIN
    MAX, BAND, BOR, BXOR = RedOpType.MAX, RedOpType.BAND, RedOpType.BOR, RedOpType.BXOR
    PREMUL_SUM = RedOpType.PREMUL_SUM


_INTO: dict[RedOpType, Callable[[Tensor, Tensor], Tensor]] = {
    RedOpType.SUM: lambda into, x: into.add_(x),
    RedOpType.AVG: lambda into, x: into.add_(x),
    RedOpType.PRODUCT: lambda into, x: into.mul_(x),
    RedOpType.MIN: lambda into, x: into.copy_(ops.minimum(into, x)),
    RedOpType.MAX: lambda into, x: into.copy_(ops.maximum(into, x)),
    RedOpType.BAND: lambda into, x: into.bitwise_and_(x),
    RedOpType.BOR: lambda into, x: into.bitwise_or_(x),
    RedOpType.BXOR: lambda into, x: into.bitwise_xor_(x),
}
_BITS = (RedOpType.BAND, RedOpType.BOR, RedOpType.BXOR)
_ORDERED = (RedOpType.PRODUCT, RedOpType.MIN, RedOpType.MAX, *_BITS)


def supports_complex(reduceOp: RedOpType) -> bool:
    """Whether complex tensors can be reduced so.

    >>> import kagari as torch
    >>> from kagari.distributed import ReduceOp, supports_complex
    >>> supports_complex(ReduceOp.SUM), supports_complex(ReduceOp.MAX)
    (True, False)
    """
    return reduceOp not in _ORDERED


def check(op: RedOpType, tensor: Tensor, name: str) -> None:
    """Raises what PyTorch raises where elements can't be reduced so."""
    if op not in _INTO:
        raise RuntimeError(f"{name}: cannot use ReduceOp.{op.name}")
    if tensor.is_complex():
        if not supports_complex(op):
            raise ValueError(f"{name} does not support {op} on complex tensors")
    elif tensor.is_floating_point():
        if op in _BITS:
            raise RuntimeError(f"Cannot use ReduceOp.{op.name} with non-integral dtype")
    elif op is RedOpType.AVG:
        raise RuntimeError(f"{name}: ReduceOp.AVG divides, which the desired output type {tensor.dtype} can't hold")


def reduce_into(op: RedOpType, into: Tensor, others: Iterable[Tensor], count: int) -> None:
    """Reduces tensors into the first; `count` is how many there are, which an average divides by."""
    for x in others:
        _INTO[op](into, x)
    if op is RedOpType.AVG:
        into.div_(count)


__all__ = ["ReduceOp", "supports_complex"]
