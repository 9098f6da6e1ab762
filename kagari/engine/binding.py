"""Bindings made again: what binding a program computed, as straight-line code for all sizes that decide alike.

Binding is arithmetic on sizes and strides, and decisions taken on them. It is run once with numbers that write down
where they came from: each operation becomes a line of a function, each comparison a condition. For sizes that answer
all comparisons alike, the function gives what binding would have given, in a fraction of the time.

Costs that are weighed in floating point leave no conditions. They choose between ways that are all correct, and are
weighed anew where a size has grown or shrunk about fourfold.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..base.dtypes import dtype
from ..base.layout import Layout, contiguous_strides, layout
from ..compiler.kernel import Launch

if TYPE_CHECKING:
    from .program import Bound

Ints = tuple[int, ...]
Made = Callable[..., "Bound | None"]
# Functions of one program for one pattern of strides: a program beyond this is bound from scratch.
MAX_MADE = 6


class Recorder:
    """The lines of a function, as they are computed."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.known: dict[str, str] = {}
        self.closed = False

    def computed(self, value: int, text: str) -> int:
        if self.closed:
            return value
        name = self.known.get(text)
        if name is None:
            name = self.known[text] = f"v{len(self.known)}"
            self.lines.append(f"{name} = {text}")
        return Number(value, name, self)

    def decided(self, answer: bool, text: str) -> bool:
        if not self.closed and text not in self.known:
            self.known[text] = ""
            self.lines.append(f"if {'not ' if answer else ''}({text}): return None")
        return answer

    def needed(self, result: str) -> list[str]:
        """The lines without those whose value nothing uses."""
        used, kept = set(_NAME.findall(result)), []
        for line in reversed(self.lines):
            name, computes, text = line.partition(" = ")
            if not computes or name in used:
                kept.append(line)
                used.update(_NAME.findall(text if computes else line))
        return kept[::-1]


_NAME = re.compile(r"\bv\d+")


class Number(int):
    """A size or a stride, or what was computed of them, that knows its name in the function."""

    name: str
    recorder: Recorder

    def __new__(cls, value: int, name: str, recorder: Recorder) -> Number:
        made = super().__new__(cls, value)
        made.name, made.recorder = name, recorder
        return made

    def __neg__(self) -> int:
        return self.recorder.computed(-int(self), f"-{self.name}")

    def __abs__(self) -> int:
        return self.recorder.computed(abs(int(self)), f"abs({self.name})")

    def __divmod__(self, other: int) -> tuple[Any, Any]:
        return self // other, self % other

    def __bool__(self) -> bool:
        return self.recorder.decided(int(self) != 0, f"{self.name} != 0")

    __hash__ = int.__hash__


def _text(x: int) -> str:
    return x.name if type(x) is Number else f"({int(x)})"


def _arithmetic(symbol: str, compute: Callable[[int, int], int], swapped: bool) -> Callable[[Number, Any], Any]:
    def method(self: Number, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        a, b = (other, self) if swapped else (self, other)
        return self.recorder.computed(compute(int(a), int(b)), f"{_text(a)} {symbol} {_text(b)}")

    return method


def _comparison(symbol: str, compare: Callable[[int, int], bool]) -> Callable[[Number, Any], Any]:
    def method(self: Number, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        text = f"{self.name} {symbol} {_text(other)}"
        return self.recorder.decided(compare(int(self), int(other)), text)

    return method


for _symbol, _name in (("+", "add"), ("-", "sub"), ("*", "mul"), ("//", "floordiv"), ("%", "mod"), ("&", "and"),
                       ("|", "or"), ("<<", "lshift"), (">>", "rshift")):  # fmt: skip
    _compute = getattr(operator, f"__{_name}__")
    setattr(Number, f"__{_name}__", _arithmetic(_symbol, _compute, False))
    setattr(Number, f"__r{_name}__", _arithmetic(_symbol, _compute, True))
for _symbol, _name in (("==", "eq"), ("!=", "ne"), ("<", "lt"), ("<=", "le"), (">", "gt"), (">=", "ge")):
    setattr(Number, f"__{_name}__", _comparison(_symbol, getattr(operator, _name)))


@dataclass(slots=True)
class Pattern:
    """A layout in recorded numbers: not interned, and without what binding does not ask for."""

    shape: Ints
    strides: Ints
    dtype: dtype

    @property
    def numel(self) -> int:
        """The number of elements."""
        n = 1
        for s in self.shape:
            n *= s
        return n

    @property
    def nbytes(self) -> int:
        """The bytes of its elements."""
        return self.numel * self.dtype.itemsize


def pattern(shape: Ints, strides: Ints | None, dt: dtype) -> Pattern:
    """What `layout` gives, as a pattern."""
    return Pattern(shape, contiguous_strides(shape) if strides is None else strides, dt)


class Bindings:
    """How one program binds: from scratch, or by a function that an earlier binding of the same pattern left."""

    def __init__(self, shapes: Callable[[Ints], Mapping[int, Ints]], scratch: Callable[..., Bound]) -> None:
        self.shapes, self.scratch = shapes, scratch
        self.target: Any = None
        self.made: dict[Any, list[Made]] = {}
        self.proven: set[Made] = set()
        self.tries: dict[Any, int] = {}

    def bind(self, layouts: Mapping[int, Layout], sizes: Ints, target: Any) -> Bound:
        """What `scratch(layouts, sizes, target, layout)` gives; `shapes(sizes)` are those of its inputs."""
        if target is not self.target:
            self.target, self.made = target, {}
        words: list[Any] = [n.bit_length() >> 1 for n in sizes]
        values = list(sizes)
        for lay in layouts.values():
            words.append(lay.dtype)
            if not lay.rows:
                words.append(tuple([s if s < 2 else -1 for s in lay.strides]))
                values += [s for s in lay.strides if s >= 2]
        key = tuple(words)
        candidates = self.made.get(key)
        if candidates is None:  # most programs are bound once: the second time a function is worth its making
            self.made[key], self.tries[key] = [], 0
            return self.scratch(layouts, sizes, target, layout)
        for made in candidates:
            bound = made(layouts, *values)
            if bound is not None:
                return bound if made in self.proven else self.proved(made, bound, key, layouts, sizes, target)
        if self.tries[key] < MAX_MADE:
            self.tries[key] += 1
            candidates.append(self.record(layouts, sizes, target))
        return self.scratch(layouts, sizes, target, layout)

    def proved(
        self, made: Made, bound: Bound, key: Any, layouts: Mapping[int, Layout], sizes: Ints, target: Any
    ) -> Bound:
        """The first result of a function, held against binding from scratch; the function is dropped if they differ."""
        scratch = self.scratch(layouts, sizes, target, layout)
        if _plainly(bound) == _plainly(scratch):
            self.proven.add(made)
        else:
            self.made[key] = [m for m in self.made[key] if m is not made]
        return scratch

    def record(self, layouts: Mapping[int, Layout], sizes: Ints, target: Any) -> Made:
        """Binds with numbers that write down what becomes of them."""
        recorder, names = Recorder(), [f"a{i}" for i in range(len(sizes))]
        symbols = [Number(n, name, recorder) for n, name in zip(sizes, names)]
        shapes = self.shapes(tuple(symbols))
        named: dict[int, Pattern] = {}
        for i, lay in layouts.items():
            named[i] = pattern(shapes.get(i, ()), self._named(lay, names, recorder), lay.dtype)
            if i in shapes:
                numbers = "".join(f"{_text(n)}, " for n in shapes[i])
                recorder.lines.append(f"if layouts[{i}].shape != ({numbers}): return None")
        result = self.scratch(named, tuple(symbols), target, pattern)
        recorder.closed = True
        return _compiled(recorder, names, result)

    @staticmethod
    def _named(lay: Layout, names: list[str], recorder: Recorder) -> Ints | None:
        """The strides of a layout as names; None where they follow from its shape."""
        if lay.rows:
            return None
        strides: list[int] = []
        for s in lay.strides:
            if s >= 2:
                names.append(f"a{len(names)}")
            strides.append(Number(s, names[-1], recorder) if s >= 2 else s)
        return tuple(strides)


def _plainly(bound: Bound) -> tuple[Any, ...]:
    launches = [(x.kernel.key, x.bufs, x.ops, x.total, x.grain) for x in bound.launches]
    return [(o.kind, o.layout, o.arg, o.offset) for o in bound.outputs], bound.temps, launches, bound.work


def _compiled(recorder: Recorder, names: list[str], bound: Bound) -> Made:
    """The function that gives the bound program of other sizes; None where they decide otherwise."""
    constants: dict[str, Any] = {"Launch": Launch, "layout": layout, "Output": None, "Bound": type(bound)}

    def constant(x: Any) -> str:
        constants[f"c{len(constants)}"] = x
        return f"c{len(constants) - 1}"

    def numbers(values: Any) -> str:
        return "".join(f"{_text(n)}, " for n in values)

    outputs = []
    for o in bound.outputs:
        constants["Output"] = type(o)
        lay = f"layouts[{o.arg}]" if o.kind & 1 else (
            f"layout(({numbers(o.layout.shape)}), ({numbers(o.layout.strides)}), {constant(o.layout.dtype)})"
        )  # fmt: skip
        outputs.append(f"Output({o.kind}, {lay}, {o.arg}, {_text(o.offset)})")
    launches = [
        f"Launch({constant(x.kernel)}, {constant(x.bufs)}, ({numbers(x.ops)}), {_text(x.total)}, {_text(x.grain)})"
        for x in bound.launches
    ]
    result = f"Bound([{', '.join(outputs)}], [{numbers(bound.temps)}], [{', '.join(launches)}], {_text(bound.work)})"
    body = "\n ".join([*recorder.needed(result), f"return {result}"])
    exec(f"def made(layouts, {', '.join(names)}):\n {body}", constants)
    made: Made = constants["made"]
    return made
