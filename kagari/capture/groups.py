"""Groups: calls that become one program, so that fusion crosses operators.

The calls of a queue are cut into groups in their order: a group begins with a product of matrices, which the
element-wise calls after it join as its epilogue, and ends before the next one. So the layers of a network give equal
groups, which are compiled once.

A call joins a group with the graph that its own plan was made of. What the group makes of its own is values of one
graph, written to memory only where somebody else reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ..base.dtypes import LOWERED
from ..base.layout import Layout
from ..base.symbols import Guards, Size, Sym
from ..engine.plan import Plan
from ..engine.program import Program
from ..engine.traced import Traced, symbolic_shape
from ..ir.graph import Value
from ..runtime import cpu
from .queue import FRESH, GONE, Call, shape_of
from .segment import Step, single

# Of a program: more calls take long to compile, and lists of more arguments are longer than what they save.
MAX_CALLS, MAX_INPUTS = 24, 40
Place = tuple[int, int, Layout]


@dataclass(slots=True)
class Group:
    """Calls to be compiled together, and why no more joined."""

    calls: list[Call]
    ended: str = ""
    made: dict[Place, None] = field(default_factory=dict)
    own: set[int] = field(default_factory=set)
    read: dict[Place, None] = field(default_factory=dict)


def cut(calls: Sequence[Call]) -> list[Group]:
    """The groups of a queue, in order."""
    groups: list[Group] = []
    for call in calls:
        why = _starts(call) if groups else "the first call"
        if not why:
            why = _unfit(groups[-1], call)
        if why:
            if groups:
                groups[-1].ended = why
            groups.append(Group([]))
        group = groups[-1]
        group.calls.append(call)
        _enter(group, call)
    return groups


def fusible(call: Call) -> str:
    """Why a call can't share a program with others; nothing where it can."""
    shape, origin = call.shape, call.shape.plan.origin
    if origin is None:
        return "of no operator"
    if shape.in_place:
        return f"{shape.name} writes in place"
    if any(not lay.rows for kind, lay in zip(shape.kinds, shape.layouts) if kind == FRESH):
        return f"{shape.name} has a result that is not row after row"
    program = origin.program
    if any(dt in LOWERED for dt in (*program.types, *(lay.dtype for lay in origin.layouts.values()))):
        return f"{shape.name} computes with complex or 8-bit numbers"
    return ""


def _starts(call: Call) -> str:
    program = call.shape.plan.origin.program if call.shape.plan.origin is not None else None
    if program is not None and any(stage.kind == "dot" for stage in program.schedule.stages):
        return f"{call.shape.name} multiplies matrices"
    return fusible(call)


def _unfit(group: Group, call: Call) -> str:
    """Why a call can't join a group."""
    if (why := fusible(group.calls[-1])) != "":
        return why
    if len(group.calls) >= MAX_CALLS:
        return "the program would be too long"
    origin = call.shape.plan.origin
    assert origin is not None
    more = 0
    for number, (slot, offset) in zip(call.shape.positions, call.inputs):
        place = (slot, offset, origin.layouts[number])
        if place in group.made:
            continue
        if slot in group.own:
            return f"{call.shape.name} reads memory by a view that no operator made"
        more += place not in group.read
    return "the program would read too many tensors" if len(group.read) + more > MAX_INPUTS else ""


def _enter(group: Group, call: Call) -> None:
    origin, shape = call.shape.plan.origin, call.shape
    if origin is None:
        return
    for number, (slot, offset) in zip(shape.positions, call.inputs):
        place = (slot, offset, origin.layouts[number])
        if place not in group.made:
            group.read[place] = None
    for kind, lay, (slot, offset) in zip(shape.kinds, shape.layouts, call.outputs):
        group.made.setdefault((slot, offset, lay))
        if kind == FRESH:
            group.own.add(slot)


# From calls to a program


class Compiled:
    """The programs of groups, by structure; None for a structure that could not be compiled."""

    def __init__(self) -> None:
        self.traces: dict[Any, list[Traced]] = {}
        self.refused: dict[Any, str] = {}
        self.programs = 0

    def step(self, group: Group, wanted: set[int]) -> Step | None:
        """A group as one step, which writes the slots that are wanted; None where its calls are to run singly."""
        plan = _Joint(group, wanted)
        if not plan.outputs:
            return None
        key = plan.key()
        if key in self.refused:
            return None
        while True:
            traced = next((t for t in self.traces.get(key, ()) if t.holds(plan.sizes)), None)
            if traced is None:
                traced = plan.trace()
                self.traces.setdefault(key, []).append(traced)
                self.programs += 1
            variant = traced.variant(())
            if traced.holds(plan.sizes):
                break
        layouts = {i: lay for i, (_, _, lay) in enumerate(plan.read)}
        packed = variant.bindings.packed(layouts, plan.sizes, cpu.host_target())
        made = Plan(packed, None)
        shape = shape_of(made.address)
        inputs = [plan.read[i][:2] for i in shape.positions]
        numbers = (*[0] * len(plan.read), *plan.numbers)
        outputs = [(slot, 0) for slot in plan.outputs]
        read = [layouts[i] for i in shape.positions]
        return Step(shape, group.calls[0].state, inputs, outputs, numbers, group.calls, read)


class _Joint:
    """What a group reads and writes, in the order in which its program has it."""

    def __init__(self, group: Group, wanted: set[int]) -> None:
        self.calls = group.calls
        self.read = list(group.read)
        self.numbers: list[int] = []  # the places of Python numbers among those of the queue
        self.outputs: list[int] = []
        names: dict[int, str] = {}
        for *_, lay in self.read:
            for n in lay.shape:
                if n >= 2:
                    names.setdefault(n, f"s{len(names)}")
        for call in group.calls:
            origin = call.shape.plan.origin
            assert origin is not None
            for n in origin.sizes:
                names.setdefault(n, f"s{len(names)}")
            self.numbers += [call.numbers + v.attrs[0] for v in origin.program.graph.inputs if v.op == "scalar"]
            for kind, (slot, _) in zip(call.shape.kinds, call.outputs):
                if kind == FRESH and slot in wanted:
                    self.outputs.append(slot)
        self.names = names
        self.sizes = tuple(names)

    def key(self) -> Any:
        """The structure: the programs of the calls, what each reads, and which sizes are equal."""
        words: list[Any] = []
        for *_, lay in self.read:
            words.append((lay.dtype, tuple([n if n < 2 else self.names[n] for n in lay.shape])))
        source: dict[Place, int] = {place: i for i, place in enumerate(self.read)}
        for call in self.calls:
            origin = call.shape.plan.origin
            assert origin is not None
            words.append(_written(origin.program, self.names) if _has_sizes(origin.program) else origin.program)
            words += [self.names[n] for n in origin.sizes]
            for number, (slot, offset) in zip(call.shape.positions, call.inputs):
                words.append(source[slot, offset, origin.layouts[number]])
            for kind, (slot, offset), lay in zip(call.shape.kinds, call.outputs, call.shape.layouts):
                source[slot, offset, lay] = len(words)
                words.append(kind == FRESH and slot in self.outputs)
        return tuple(words)

    def trace(self) -> Traced:
        """The graphs of all calls as one."""
        guards = Guards()
        names: dict[int, str] = {}
        inputs: dict[int, Value] = {}
        known: dict[Place, Value] = {}
        for i, (slot, offset, lay) in enumerate(self.read):
            known[slot, offset, lay] = inputs[i] = Value(
                "input", (), (i,), symbolic_shape(lay.shape, names, guards), lay.dtype
            )
        symbols = {name: Sym.symbol(name, n, guards) for n, name in self.names.items()}
        number = len(self.read)
        results: dict[int, Value] = {}
        for call in self.calls:
            number = _inline(call, known, inputs, number, symbols, self.names, results)
        outputs = tuple(results[slot] for slot in self.outputs)
        return Traced(inputs, outputs, tuple(self.names.values()), guards, aliases="fresh")


def _inline(
    call: Call, known: dict[Place, Value], inputs: dict[int, Value], number: int, symbols: dict[str, Sym],
    names: dict[int, str], results: dict[int, Value],
) -> int:  # fmt: skip
    """Adds a call's graph to what is known. Returns the number of the next argument."""
    origin = call.shape.plan.origin
    assert origin is not None
    program: Program = origin.program
    sizes: dict[str, Size] = {name: symbols[names[n]] for name, n in zip(program.symbols, origin.sizes)}
    places = dict(zip(call.shape.positions, call.inputs))
    new: dict[Value, Value] = {}
    for v in program.graph.inputs:
        i = v.attrs[0]
        if v.op == "scalar":
            new[v] = inputs[number] = Value("scalar", (), (number,), (), v.dtype, v.weak)
            number += 1
        elif i in places:
            new[v] = known[(*places[i], origin.layouts[i])]
            for mine, theirs in zip(v.shape, new[v].shape):
                if isinstance(mine, Sym) and mine._plain():
                    sizes[str(mine)] = theirs
    seen: dict[Any, Size] = {}

    def renamed(x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple([renamed(y) for y in x])
        if not isinstance(x, Sym):
            return x
        if x._key not in seen:
            seen[x._key] = eval(str(x), {}, sizes)
        return seen[x._key]

    fixed = _has_sizes(program)
    for v in program.graph.values():
        if v not in new:
            args = tuple([new[a] for a in v.args])
            shape = renamed(v.shape)
            if fixed:
                shape = tuple(
                    [symbols[names[m]] if isinstance(m, int) and m in names else n for m, n in zip(v.shape, shape)]
                )
            new[v] = Value(v.op, args, renamed(v.attrs), shape, v.dtype, v.weak)
    for kind, (slot, offset), lay, v in zip(call.shape.kinds, call.outputs, call.shape.layouts, program.graph.outputs):
        known[slot, offset, lay] = new[v]
        if kind == FRESH:
            results[slot] = new[v]
    return number


# Programs made for static arguments have sizes written into them: `view(8, -1)`. In a group such a size is the one that
# it is equal to, or another batch size would be another structure.


@lru_cache(maxsize=1 << 14)
def _has_sizes(program: Program) -> bool:
    return any(isinstance(n, int) and n >= 2 for v in program.graph.values() for n in v.shape)


def _written(program: Program, names: dict[int, str]) -> tuple[Any, ...]:
    """A program's graph by what it says, with the names of sizes in place of numbers that are equal to one."""
    order = program.graph.values()
    at = {v: i for i, v in enumerate(order)}
    words: list[Any] = []
    for v in order:
        shape = tuple([names.get(n, n) if isinstance(n, int) else str(n) for n in v.shape])
        words.append((v.op, tuple([at[a] for a in v.args]), str(v.attrs), shape, v.dtype, v.weak))
    return (*words, tuple([at[v] for v in program.graph.outputs]))


def steps(
    calls: Sequence[Call], slots: Sequence[int], compiled: Compiled
) -> tuple[list[Step], list[tuple[Group, bool]]]:
    """How to run a queue: its groups fused where that can be done."""
    groups = cut(calls)
    result: list[Step] = []
    notes: list[tuple[Group, bool]] = []
    later = _read_later(groups)
    for group, reads in zip(groups, later):
        wanted = {s for s in group.own if slots[s] != GONE or s in reads}
        step = compiled.step(group, wanted) if len(group.calls) > 1 else None
        notes.append((group, step is not None))
        if step is not None:
            result.append(step)
        else:
            result += [single(call) for call in group.calls if call.shape.launches]
    return result, notes


def _read_later(groups: Sequence[Group]) -> list[set[int]]:
    """For each group the slots that groups after it read or write."""
    result: list[set[int]] = []
    after: set[int] = set()
    for group in reversed(groups):
        result.append(set(after))
        for call in group.calls:
            after.update(slot for slot, _ in (*call.inputs, *call.outputs))
    return result[::-1]
