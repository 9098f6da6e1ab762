"""What a compiled function tells of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import queue
from .queue import FRESH, IN_PLACE, Shape
from .runner import Noted
from .segment import Step

if TYPE_CHECKING:
    from .function import CompiledFunction
    from .groups import Part as Cut

_REASONS = {
    queue.READ: "a value was read at {}",
    queue.FULL: "the queue was full, or plans were dropped, at {}",
    queue.ENDED: "the call ended",
    queue.SHARED: "an operator used memory that NumPy or others see as well, at {}",
    queue.OPAQUE: "an operator of the program's own ran at {}",
}


@dataclass(frozen=True)
class Kernel:
    """A step: the operators that were fused into it, what it moves, and why no others are in it."""

    operators: tuple[str, ...]
    bytes: int
    launches: int
    alone: str


@dataclass(frozen=True)
class Part:
    """What ran in one piece. `split` says what ended it."""

    calls: int
    runs: int
    kernels: tuple[Kernel, ...]
    split: str


@dataclass(frozen=True)
class Report:
    """All that a compiled function did. Printed, it is a table."""

    name: str
    parts: tuple[Part, ...]
    way: str

    @property
    def splits(self) -> tuple[str, ...]:
        """Where values were read back."""
        return tuple(p.split for p in self.parts if p.split.startswith("a value"))

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.way}"]
        for number, part in enumerate(self.parts):
            lines.append(f"part {number}: {part.calls} operators, {len(part.kernels)} steps, run {part.runs} times")
            for k in part.kernels:
                lines.append(f"    {' + '.join(k.operators)}   {k.bytes:,} bytes, {k.launches} kernels")
                if k.alone:
                    lines.append(f"        {k.alone}")
            lines.append(f"  ended: {part.split}")
        return "\n".join(lines)


def report(function: CompiledFunction) -> Report:
    """The report of a compiled function."""
    way = {None: "still being measured", True: "runs eagerly, which is faster", False: "captured"}[function.eager]
    parts = tuple(_part(noted) for noted in function.used.values())
    return Report(getattr(function, "__qualname__", repr(function.function)), parts, way)


def _part(noted: Noted) -> Part:
    segment = noted.chosen or noted.ways.get(True) or noted.ways[False]
    why = {id(part.group.calls[-1]): _why(part, segment.steps) for part in noted.parts}
    kernels = tuple(
        Kernel(tuple(c.shape.name for c in s.calls), _bytes(s), s.shape.launches, why.get(id(s.calls[-1]), ""))
        for s in segment.steps
    )
    return Part(len(noted.calls), noted.runs, kernels, _REASONS[noted.reason].format(noted.line))


def _why(part: Cut, steps: Sequence[Step]) -> str:
    """Why the calls of a group are not fused, and why it ends."""
    reasons = []
    if part.fused is not None and part.choice.made and part.fused not in steps:
        single, fused = min(part.choice.single) / 1000, min(part.choice.fused) / 1000
        reasons.append(f"one by one, as {single:.1f} us are less than {fused:.1f} us fused")
    if part.group.alone or part.group.ended:
        reasons.append(f"then a new step: {part.group.alone or part.group.ended}")
    return "; ".join(reasons)


def _bytes(step: Step) -> int:
    """Bytes of the tensors that a step reads and writes, each counted once."""
    shape: Shape = step.shape
    total = sum(lay.nbytes for lay in {(at, lay): lay for at, lay in zip(step.inputs, step.layouts)}.values())
    return total + sum(lay.nbytes for kind, lay in zip(shape.kinds, shape.layouts) if kind in (FRESH, IN_PLACE))
