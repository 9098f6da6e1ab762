"""What a compiled function tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import queue
from .queue import FRESH, Shape
from .runner import Noted
from .segment import Step

if TYPE_CHECKING:
    from .function import CompiledFunction

_REASONS = {
    queue.READ: "a value was read at {}",
    queue.FULL: "the queue was full, or plans were dropped, at {}",
    queue.ENDED: "the call ended",
    queue.SHARED: "an operator used memory that NumPy or others see as well, at {}",
    queue.FOREACH: "an optimizer updated its parameters at {}",
}


@dataclass(frozen=True)
class Kernel:
    """A step: the operators that were fused into it, what it moves, and why the next operator is not in it."""

    operators: tuple[str, ...]
    bytes: int
    launches: int
    ended: str


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
                if k.ended:
                    lines.append(f"        then a new step: {k.ended}")
            lines.append(f"  ended: {part.split}")
        return "\n".join(lines)


def report(function: CompiledFunction) -> Report:
    """The report of a compiled function."""
    way = {None: "still being measured", True: "runs eagerly, which is faster", False: "captured"}[function.eager]
    parts = tuple(_part(noted) for noted in function.used.values())
    return Report(getattr(function, "__qualname__", repr(function.function)), parts, way)


def _part(noted: Noted) -> Part:
    segment = noted.chosen or noted.ways.get(True) or noted.ways[False]
    ended = {id(part.group.calls): part.group.ended for part in noted.parts}
    kernels = tuple(
        Kernel(tuple(c.shape.name for c in s.calls), _bytes(s), s.shape.launches, ended.get(id(s.calls), ""))
        for s in segment.steps
    )
    return Part(len(noted.calls), noted.runs, kernels, _REASONS[noted.reason].format(noted.line))


def _bytes(step: Step) -> int:
    """Bytes of the tensors that a step reads and writes, each counted once."""
    shape: Shape = step.shape
    total = sum(lay.nbytes for lay in {(at, lay): lay for at, lay in zip(step.inputs, step.layouts)}.values())
    return total + sum(lay.nbytes for kind, lay in zip(shape.kinds, shape.layouts) if kind == FRESH)
