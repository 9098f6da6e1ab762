"""Where a queue is cut into groups, which become one program each, so that fusion crosses operators.

The order of the calls is kept. A group begins with a product of matrices or a depthwise convolution, which the
element-wise calls after it join as its epilogue, and ends before the next one. So the layers of a network give equal
groups, which are compiled once.

A call that writes in place joins as a value where it overwrites what the group has made itself, or adds what the group
has made to memory that nothing else there reads, as gradients are summed up. Elsewhere, as in the running statistics of
a normalisation, it is put off until after the group, unless that needs what it writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..base.dtypes import LOWERED
from ..base.layout import Layout
from .queue import FRESH, Call

# Of a program: more calls take long to compile, and lists of more arguments are longer than what they save.
MAX_CALLS, MAX_INPUTS = 32, 48
Place = tuple[int, int, Layout]


@dataclass(slots=True)
class Group:
    """Calls to be compiled together, those to be run after them, and why no more joined."""

    calls: list[Call]
    alone: str = ""  # why its only call shares no program
    ended: str = ""
    read: dict[Place, None] = field(default_factory=dict)
    made: dict[Place, None] = field(default_factory=dict)
    own: dict[int, Layout] = field(default_factory=dict)  # the slots that it fills
    updated: dict[int, Place] = field(default_factory=dict)  # the slots of others that it writes to, and where
    after: list[Call] = field(default_factory=list)
    written: set[int] = field(default_factory=set)  # the slots that the calls after it write
    held: set[int] = field(default_factory=set)  # those that they read or write

    def enter(self, call: Call) -> None:
        """Takes a call in."""
        self.calls.append(call)
        shape = call.shape
        if shape.program is None:
            return
        for place in places(call):
            if place not in self.made:
                self.read[place] = None
        for kind, lay, (slot, offset) in zip(shape.kinds, shape.layouts, call.outputs):
            if kind == FRESH:
                self.own[slot] = lay
            if shape.in_place:  # views of what was overwritten show what no value here stands for
                self.made = {place: None for place in self.made if place[0] != slot}
            self.made.setdefault((slot, offset, lay))

    def put_off(self, call: Call) -> None:
        """Takes a call to be run after the group."""
        self.after.append(call)
        self.written.update(slot for slot, _ in call.outputs)
        self.held.update(slot for slot, _ in (*call.inputs, *call.outputs))

    @property
    def launching(self) -> int:
        """How many of its calls compute something; the others are views."""
        return sum(call.shape.launches > 0 for call in self.calls)

    @property
    def slots(self) -> set[int]:
        """All that its calls work on."""
        return {slot for call in (*self.calls, *self.after) for slot, _ in (*call.inputs, *call.outputs)}


def places(call: Call) -> list[Place]:
    """What a call reads, in the order of its program's inputs."""
    origin = call.shape.plan.origin
    assert origin is not None
    return [(slot, offset, origin.layouts[n]) for n, (slot, offset) in zip(call.shape.positions, call.inputs)]


def cut(calls: Sequence[Call]) -> list[Group]:
    """The groups of a queue, in order."""
    groups: list[Group] = []
    for call in calls:
        group = groups[-1] if groups and not groups[-1].alone else None
        if group is not None and call.shape.in_place:
            updated = _updated(group, call)
            if (updated or _overwrites(group, call)) and not _unfit(group, call):
                if updated is not None:
                    group.updated[updated[0]] = updated
                group.enter(call)
            else:
                group.put_off(call)
            continue
        alone = _alone(call)
        why = alone or (_begins(call) or _unfit(group, call) if group is not None else "")
        if why or group is None:
            if group is not None:
                group.ended = why
            group = Group([], alone)
            groups.append(group)
        group.enter(call)
    return groups


def _alone(call: Call) -> str:
    """Why a call can't share a program with others; nothing where it can."""
    shape, origin = call.shape, call.shape.plan.origin
    if origin is None or origin.program is None:
        return f"{shape.name} is no operator"
    if shape.in_place:
        return f"{shape.name} writes in place"
    if any(not lay.rows for kind, lay in zip(shape.kinds, shape.layouts) if kind == FRESH):
        return f"{shape.name} has a result that is not row after row"
    if any(dt in LOWERED for dt in (*origin.program.types, *(lay.dtype for lay in origin.layouts.values()))):
        return f"{shape.name} computes with complex or 8-bit numbers"
    return ""


def _begins(call: Call) -> str:
    program = call.shape.program
    if program is not None and any(stage.kind == "dot" for stage in program.schedule.stages):
        return f"{call.shape.name} multiplies matrices"
    return ""


def _unfit(group: Group, call: Call) -> str:
    """Why a call can't join a group."""
    if len(group.calls) >= MAX_CALLS:
        return "the program would be too long"
    more = 0
    for place in places(call):
        if place[0] in group.written or place[0] in group.updated:
            return f"{call.shape.name} reads what was written in place"
        if place in group.made:
            continue
        if place[0] in group.own:
            return f"{call.shape.name} reads memory by a view that no operator made"
        more += place not in group.read
    return "the program would read too many tensors" if len(group.read) + more > MAX_INPUTS else ""


def _overwrites(group: Group, call: Call) -> bool:
    """Whether an in-place call overwrites all of what the group has made, and nothing put off needs that."""
    if not _plain(call):
        return False
    ((slot, offset),), (lay,) = call.outputs, call.shape.layouts
    return group.own.get(slot) is lay and offset == 0 and slot not in group.held


def _updated(group: Group, call: Call) -> Place | None:
    """Where an in-place call writes what the group has made to memory that no other call of the group looks at."""
    if not _plain(call):
        return None
    ((slot, offset),), (lay,) = call.outputs, call.shape.layouts
    place, read = (slot, offset, lay), places(call)
    if not lay.rows or slot in group.own or slot in group.held or slot in group.updated:
        return None
    if any(p[0] == slot for p in group.read) or [p for p in read if p[0] == slot] != [place]:
        return None
    return place if any(p in group.made for p in read) else None


def _plain(call: Call) -> bool:
    """Whether an in-place call may be a value among others."""
    origin, shape = call.shape.plan.origin, call.shape
    if origin is None or origin.program is None or shape.outputs != 1 or _begins(call):
        return False
    return not any(dt in LOWERED for dt in (*origin.program.types, *(x.dtype for x in origin.layouts.values())))
