"""Groups as programs: the graphs of all their calls, joined into one.

A call joins with the graph that its own plan was made of. What the group makes is values of one graph, written to
memory only where somebody else reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..base.layout import Layout
from ..base.symbols import Guards, Size, Sym, evaluate
from ..engine.plan import Plan
from ..engine.program import Program
from ..engine.traced import Traced, symbolic_shape
from ..ir.graph import ELEMENTWISE, Value
from ..runtime import cpu
from .cutting import Group, Place, cut, places
from .queue import FRESH, GONE, IN_PLACE, Call, shape_of
from .segment import Step, single

# Runs of a group in either way before the faster one is chosen.
TRIALS = 4
MAX_CHOICES = 4096


class Compiled:
    """The programs of groups, by structure, and which of them are worth it."""

    def __init__(self) -> None:
        self.traces: dict[Any, list[Traced]] = {}
        self.choices: dict[Any, Choice] = {}  # by structure and sizes
        self.verdicts: dict[Any, bool] = {}  # by structure: whether fusion was faster at the last sizes
        self.refused: dict[Any, str] = {}  # structures that could not be compiled: their calls run one by one
        self.programs = 0

    def knows(self, calls: Sequence[Call], slots: Sequence[int]) -> bool:
        """Whether it is known of the structure of each group if it is to be fused."""
        if not self.verdicts:
            return False
        for group, wanted in _wanted(cut(calls), slots):
            if group.launching < 2:
                continue
            joint = _Joint(group, wanted)
            key = joint.key()
            if joint.outputs and key not in self.verdicts and key not in self.refused:
                return False
        return True

    def step(self, group: Group, wanted: set[int]) -> tuple[Step | None, Choice]:
        """A group as one step, which writes the slots that are wanted; None where there is nothing to write."""
        joint = _Joint(group, wanted)
        if not joint.outputs:
            return None, NONE
        key = joint.key()
        if key in self.refused:
            return None, NONE
        try:
            return self.program(joint, key), self.choice(key, joint.sizes)
        except Exception as error:  # what runs eagerly must not fail because it is compiled
            self.refused[key] = f"{type(error).__name__}: {error}"
            return None, NONE

    def choice(self, key: Any, sizes: tuple[int, ...]) -> Choice:
        """What was measured of a structure at these sizes."""
        choice = self.choices.get((key, sizes))
        if choice is None:
            if len(self.choices) >= MAX_CHOICES:
                self.choices.clear()
            choice = self.choices[key, sizes] = Choice(key)
        return choice

    def program(self, joint: _Joint, key: Any) -> Step:
        """A group's program at its sizes, as a step."""
        while True:
            traced = next((t for t in self.traces.get(key, ()) if t.holds(joint.sizes)), None)
            if traced is None:
                traced = joint.trace()
                self.traces.setdefault(key, []).append(traced)
                self.programs += 1
            variant = traced.variant(())
            if traced.holds(joint.sizes):
                break
        layouts = {i: lay for i, (_, _, lay) in enumerate(joint.read)}
        plan = Plan(variant.bindings.packed(layouts, joint.sizes, cpu.host_target()), None)
        shape = shape_of(plan.address)
        inputs = [joint.read[i][:2] for i in shape.positions]
        numbers = (*[0] * len(joint.read), *joint.numbers)
        outputs = [joint.updated[slot][:2] if slot in joint.updated else (slot, 0) for slot in joint.outputs]
        joint.check(variant.bindings.program, shape.layouts)
        read = [layouts[i] for i in shape.positions]
        return Step(shape, _reporter(joint.calls).state, inputs, outputs, numbers, joint.calls, read)


# Primitives that find out as they run that they can't.
_REPORTING = frozenset(
    ("require", "gather", "pick", "idiv", "rem", "nth", "scatter", "scatter_add", "scatter_prod", "scatter_max",
     "scatter_min")
)  # fmt: skip


def _reporter(calls: Sequence[Call]) -> Call:
    """The call in whose name errors are raised: the first one that can have any."""
    for call in calls:
        origin = call.shape.plan.origin
        if origin is not None and any(v.op in _REPORTING for v in origin.program.graph.values()):
            return call
    return calls[0]


class _Joint:
    """What a group reads and writes, in the order in which its program has it."""

    def __init__(self, group: Group, wanted: set[int]) -> None:
        self.calls, self.updated = group.calls, group.updated
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
                if slot in wanted and (kind == FRESH or (kind == IN_PLACE and slot in self.updated)):
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
            words.append(_written(origin.program, self.names) if origin.program.has_sizes else origin.program)
            words += [self.names[n] for n in origin.sizes]
            words += [source[place] for place in places(call)]
            for kind, (slot, offset), lay in zip(call.shape.kinds, call.outputs, call.shape.layouts):
                source[slot, offset, lay] = len(words)
                words.append((kind, slot in self.outputs and (kind == FRESH or slot in self.updated)))
        return tuple(words)

    def check(self, program: Program, layouts: Sequence[Layout]) -> None:
        """Raises ValueError where memory of others would be read after it was written: an element has to be read by
        the kernel that writes it, and for nothing else.
        """
        users = program.graph.users()
        for k, slot in enumerate(self.outputs):
            if slot not in self.updated:
                continue
            place = self.updated[slot]
            (v,) = [v for v in program.inputs if self.read[v.attrs[0]] == place]
            while v is not program.graph.outputs[k]:
                if len(users[v]) != 1 or v in program.graph.outputs:
                    raise ValueError("memory that is overwritten is read for several values")
                (v,) = users[v]
                if v.op not in ELEMENTWISE and v.op != "reshape":
                    raise ValueError(f"memory that is overwritten is read by {v.op}")
            if users[v] or layouts[k] is not place[2]:
                raise ValueError("memory that is overwritten is read otherwise, or lies otherwise")

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
        return Traced(
            inputs, outputs, tuple(self.names.values()), guards, aliases="fresh", overwrites=bool(self.updated)
        )


def _inline(
    call: Call, known: dict[Place, Value], inputs: dict[int, Value], number: int, symbols: dict[str, Sym],
    names: dict[int, str], results: dict[int, Value],
) -> int:  # fmt: skip
    """Adds a call's graph to what is known. Returns the number of the next argument."""
    origin = call.shape.plan.origin
    assert origin is not None
    program: Program = origin.program
    sizes: dict[str, Size] = {name: symbols[names[n]] for name, n in zip(program.symbols, origin.sizes)}
    read = dict(zip(call.shape.positions, places(call)))
    new: dict[Value, Value] = {}
    for v in program.graph.inputs:
        i = v.attrs[0]
        if v.op == "scalar":
            new[v] = inputs[number] = Value("scalar", (), (number,), (), v.dtype, v.weak)
            number += 1
        elif i in read:
            new[v] = known[read[i]]
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
            seen[x._key] = evaluate(x, sizes)
        return seen[x._key]

    for v in program.graph.values():
        if v not in new:
            args = tuple([new[a] for a in v.args])
            shape = renamed(v.shape)
            if program.has_sizes:
                shape = tuple(
                    [symbols[names[m]] if isinstance(m, int) and m in names else n for m, n in zip(v.shape, shape)]
                )
            new[v] = Value(v.op, args, renamed(v.attrs), shape, v.dtype, v.weak)
    for kind, (slot, offset), lay, v in zip(call.shape.kinds, call.outputs, call.shape.layouts, program.graph.outputs):
        known[slot, offset, lay] = new[v]
        if kind in (FRESH, IN_PLACE):
            results[slot] = new[v]
    return number


# Programs made for static arguments have sizes written into them: `view(8, -1)`. In a group such a size is the one that
# it is equal to, or another batch size would be another structure.


def _written(program: Program, names: dict[int, str]) -> tuple[Any, ...]:
    """A program's graph by what it says, with the names of sizes in place of numbers that are equal to one."""
    order = program.graph.values()
    at = {v: i for i, v in enumerate(order)}
    words: list[Any] = []
    for v in order:
        shape = tuple([names.get(n, n) if isinstance(n, int) else str(n) for n in v.shape])
        words.append((v.op, tuple([at[a] for a in v.args]), _text(v.attrs), shape, v.dtype, v.weak))
    return (*words, tuple([at[v] for v in program.graph.outputs]))


def _text(x: Any) -> str:
    """Attributes as text: sizes without their present values, and a NaN that is equal to itself."""
    return f"({','.join(map(_text, x))})" if isinstance(x, tuple) else str(x) if isinstance(x, Sym) else repr(x)


@dataclass
class Choice:
    """How long a group takes, one call after the other and fused, at the sizes at hand."""

    key: Any = None
    single: list[int] = field(default_factory=list)
    fused: list[int] = field(default_factory=list)

    @property
    def made(self) -> bool:
        """Whether there are enough runs to choose by."""
        return min(len(self.single), len(self.fused)) >= TRIALS

    @property
    def faster_fused(self) -> bool:
        """Whether the group is to be fused, also where that is as fast, but for chance: it takes less memory."""
        return min(self.fused) <= 1.01 * min(self.single)


NONE = Choice()  # where there is nothing to choose


@dataclass(slots=True)
class Part:
    """A group, with both ways to run it; there is but one where `fused` is None."""

    group: Group
    singles: list[Step]
    fused: Step | None
    after: list[Step]
    choice: Choice

    def steps(self, fused: bool) -> list[Step]:
        """The group's steps."""
        return [*([self.fused] if fused and self.fused is not None else self.singles), *self.after]

    @property
    def chosen(self) -> bool:
        """Whether it is known how the group runs faster."""
        return self.fused is None or self.choice.made

    def note(self, nanoseconds: int, fused: bool) -> None:
        """Takes down a run."""
        (self.choice.fused if fused else self.choice.single).append(nanoseconds)


def parts(calls: Sequence[Call], slots: Sequence[int], compiled: Compiled) -> list[Part]:
    """How to run a queue: its groups, each with its program where it has one."""
    result: list[Part] = []
    for group, wanted in _wanted(cut(calls), slots):
        singles = [single(call) for call in group.calls if call.shape.runs]
        step, choice = compiled.step(group, wanted) if group.launching > 1 else (None, NONE)
        after = [single(call) for call in group.after if call.shape.runs]
        result.append(Part(group, singles, step, after, choice))
    return result


def _wanted(groups: Sequence[Group], slots: Sequence[int]) -> list[tuple[Group, set[int]]]:
    """Each group with the slots that it has to write: those that live on, or that others read."""
    result: list[tuple[Group, set[int]]] = []
    after: set[int] = set()
    for group in reversed(groups):
        wanted = {s for s in (*group.own, *group.updated) if slots[s] != GONE or s in after or s in group.held}
        result.append((group, wanted))
        after |= group.slots
    return result[::-1]
