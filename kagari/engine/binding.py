"""Plans of further sizes: what binding a program computed, as straight-line code for all sizes that decide alike.

Binding is arithmetic on sizes and strides, and decisions taken on them. It is run once with numbers that write down
where they came from: each operation becomes a line of a function, each comparison a condition. For sizes that answer
all comparisons alike, the function gives the words of the plan in a fraction of the time.

Costs that are weighed in floating point leave no conditions. They choose between ways that are all correct, and are
weighed anew where a size has grown or shrunk about fourfold.
"""

from __future__ import annotations

import operator
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any

from ..base.dtypes import dtype
from ..base.layout import Layout, contiguous_strides, layout
from . import code
from .plan import Frame, Packed, packed
from .program import Program

Ints = tuple[int, ...]
Made = Callable[..., Packed | None]
# Functions of one program for one pattern of strides: a program beyond this is bound from scratch.
MAX_MADE = 6
# Recorded numbers are within these bounds.
LOW, HIGH = -1 << 80, 1 << 80


class Recorder:
    """The lines of a function, as they are computed, and the conditions on which it gives up, between them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.known: dict[str, int] = {}  # what has been computed or decided, by its text
        # For each line the name it sets, "" for a condition, and what it is computed of.
        self._parts: list[tuple[str, tuple[int, ...]]] = []

    def computed(self, value: int, text: str, low: int, high: int, *of: int) -> int:
        if low == high:
            return low
        name = f"v{len(self.known)}"
        self.lines.append(f"{name} = {text}")
        self._parts.append((name, of))
        number = self.known[text] = Number(value, name, self, low, high)
        return number

    def require(self, unless: str, *of: int) -> None:
        if unless not in self.known:
            self.known[unless] = False
            self.lines.append(unless)
            self._parts.append(("", of))

    def needed(self, results: Iterable[int]) -> list[str]:
        """The lines without those whose value nothing uses; conditions that follow each other are one."""
        used, kept = {n.name for n in results if type(n) is Number}, []
        for line, (name, of) in zip(reversed(self.lines), reversed(self._parts)):
            if not name or name in used:
                kept.append((not name, line))
                used.update([n.name for n in of if type(n) is Number])
        lines: list[str] = []
        for conditions, group in groupby(reversed(kept), itemgetter(0)):
            texts = [text for _, text in group]
            lines += [f"if {' or '.join(texts)}: return None"] if conditions else texts
        return lines


class Number(int):
    """A size or a stride, or what was computed of them, that knows its name in the function and its bounds."""

    name: str
    recorder: Recorder
    low: int
    high: int

    def __new__(cls, value: int, name: str, recorder: Recorder, low: int, high: int) -> Number:
        made = super().__new__(cls, value)
        made.name, made.recorder, made.low, made.high = name, recorder, max(low, LOW), min(high, HIGH)
        return made

    def __neg__(self) -> int:
        text = f"-{self.name}"
        known = self.recorder.known.get(text)
        return self.recorder.computed(-int(self), text, -self.high, -self.low, self) if known is None else known

    def __abs__(self) -> int:
        if self.low >= 0:
            return self
        text = f"abs({self.name})"
        known = self.recorder.known.get(text)
        return self.recorder.computed(abs(int(self)), text, 0, HIGH, self) if known is None else known

    def narrow(self, symbol: str, bound: int) -> None:
        """Takes down that it compares so to a constant wherever the function has not given up."""
        if symbol in ("<", "<=", "=="):
            self.high = min(self.high, bound - (symbol == "<"))
        if symbol in (">", ">=", "=="):
            self.low = max(self.low, bound + (symbol == ">"))

    def __divmod__(self, other: int) -> tuple[Any, Any]:
        return self // other, self % other

    def __bool__(self) -> bool:
        return self != 0

    __hash__ = int.__hash__


def _text(x: int) -> str:
    return x.name if type(x) is Number else str(int(x)) if x >= 0 else f"({int(x)})"


def _bounds(x: int) -> tuple[int, int]:
    return (x.low, x.high) if type(x) is Number else (int(x), int(x))


def _alike(a: int, b: int) -> bool:
    """Whether both are one number in every call."""
    return type(a) is type(b) is Number and a.name == b.name


# What is simpler than its operation says, for each: the result, or None. Sizes and strides make up the most of it.


def _sum(a: int, b: int) -> int | None:
    return b if _is(a, 0) else a if _is(b, 0) else None


def _difference(a: int, b: int) -> int | None:
    return a if _is(b, 0) else 0 if _alike(a, b) else None


def _product(a: int, b: int) -> int | None:
    return 0 if _is(a, 0) or _is(b, 0) else b if _is(a, 1) else a if _is(b, 1) else None


def _quotient(a: int, b: int) -> int | None:
    return a if _is(b, 1) else 1 if _alike(a, b) and _bounds(a)[0] > 0 else None


def _remainder(a: int, b: int) -> int | None:
    return 0 if _is(b, 1) or (_alike(a, b) and _bounds(a)[0] > 0) else None


def _is(x: int, constant: int) -> bool:
    return type(x) is not Number and x == constant


# The bounds of the result, for each operation


def _sum_bounds(a: int, b: int, c: int, d: int) -> tuple[int, int]:
    return a + c, b + d


def _difference_bounds(a: int, b: int, c: int, d: int) -> tuple[int, int]:
    return a - d, b - c


def _product_bounds(a: int, b: int, c: int, d: int) -> tuple[int, int]:
    return (a * c, b * d) if a >= 0 and c >= 0 else (LOW, HIGH)


def _quotient_bounds(a: int, b: int, c: int, d: int) -> tuple[int, int]:
    return (a // (d if a >= 0 else c), b // (c if b >= 0 else d)) if c > 0 else (LOW, HIGH)


def _remainder_bounds(a: int, b: int, c: int, d: int) -> tuple[int, int]:
    return (0, d - 1) if c > 0 else (LOW, HIGH)


def _unknown_bounds(a: int, b: int, c: int, d: int) -> tuple[int, int]:
    return LOW, HIGH


def _as_it_is(a: int, b: int) -> int | None:
    return None


def _arithmetic(symbol: str, compute: Any, simpler: Any, bounds: Any, swapped: bool) -> Callable[[Number, Any], Any]:
    def method(self: Number, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        a, b = (other, self) if swapped else (self, other)
        found = simpler(a, b)
        if found is not None:
            return found
        text = f"{_text(a)} {symbol} {_text(b)}"
        known = self.recorder.known.get(text)
        if known is not None:
            return known
        low, high = bounds(*_bounds(a), *_bounds(b))
        return self.recorder.computed(compute(int(a), int(b)), text, low, high, a, b)

    return method


def _comparison(symbol: str, opposite: str, compare: Callable[[int, int], bool]) -> Callable[[Number, Any], Any]:
    def method(self: Number, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        answer = compare(int(self), int(other))
        if _alike(self, other) or _always(symbol, self.low, self.high, *_bounds(other)):
            return answer
        holds, fails = (symbol, opposite) if answer else (opposite, symbol)
        self.recorder.require(f"{self.name} {fails} {_text(other)}", self, other)
        if type(other) is not Number:
            self.narrow(holds, int(other))
        return answer

    return method


def _always(symbol: str, low: int, high: int, other_low: int, other_high: int) -> bool:
    """Whether numbers within these bounds compare alike in every call."""
    if symbol in ("<", ">="):
        return high < other_low or low >= other_high
    if symbol in (">", "<="):
        return low > other_high or high <= other_low
    return high < other_low or low > other_high


for _symbol, _name, _simpler, _limits in (
    ("+", "add", _sum, _sum_bounds),
    ("-", "sub", _difference, _difference_bounds),
    ("*", "mul", _product, _product_bounds),
    ("//", "floordiv", _quotient, _quotient_bounds),
    ("%", "mod", _remainder, _remainder_bounds),
    ("&", "and", _as_it_is, _unknown_bounds),
    ("|", "or", _as_it_is, _unknown_bounds),
    ("<<", "lshift", _as_it_is, _unknown_bounds),
    (">>", "rshift", _as_it_is, _unknown_bounds),
):
    _compute = getattr(operator, f"__{_name}__")
    setattr(Number, f"__{_name}__", _arithmetic(_symbol, _compute, _simpler, _limits, False))
    setattr(Number, f"__r{_name}__", _arithmetic(_symbol, _compute, _simpler, _limits, True))
for _symbol, _opposite, _name in (
    ("==", "!=", "eq"),
    ("!=", "==", "ne"),
    ("<", ">=", "lt"),
    ("<=", ">", "le"),
    (">", "<=", "gt"),
    (">=", "<", "ge"),
):
    setattr(Number, f"__{_name}__", _comparison(_symbol, _opposite, getattr(operator, _name)))


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
    """How one program becomes plans: bound from scratch, or by a function that an earlier binding of the same pattern
    left."""

    def __init__(self, program: Program, frame: Frame) -> None:
        self.program, self.frame = program, frame
        self.target: Any = None
        self.made: dict[Any, list[Made]] = {}
        self.written: dict[Any, Made] = {}
        self.proven: set[Made] = set()
        self.tries: dict[Any, int] = {}
        self.waiting: dict[Any, tuple[Mapping[int, Layout], Ints]] = {}  # what no function was for, the last time

    def packed(self, layouts: Mapping[int, Layout], sizes: Ints, target: Any) -> Packed:
        """The words of the program bound to these layouts, by argument number, and values of its symbols."""
        if target is not self.target:
            self.target, self.made, self.written, self.waiting = target, {}, {}, {}
        words: list[Any] = [n.bit_length() >> 1 for n in sizes]
        strides: list[int] = []
        for lay in layouts.values():
            words.append(lay.dtype)
            if not lay.rows:
                words.append(tuple([s if s < 2 else 2 for s in lay.strides]))
                strides += [s for s in lay.strides if s >= 2]
        key = tuple(words)
        candidates = self.made.get(key)
        if candidates is None:  # most programs are bound once or twice: then a function is not worth its making
            self.made[key], self.tries[key] = [], 0
            return self.scratch(layouts, sizes, target)
        for made in candidates:
            found = made(layouts, *sizes, *strides)
            if found is not None:
                return found if made in self.proven else self.proved(made, found, key, layouts, sizes, target)
        waiting = self.waiting.pop(key, None)
        if waiting is not None:
            candidates.append(made := self.record(*waiting, target))
            found = made(layouts, *sizes, *strides)
            if found is not None:
                return self.proved(made, found, key, layouts, sizes, target)
        if self.tries[key] < MAX_MADE:
            self.tries[key] += 1
            self.waiting[key] = layouts, sizes
        return self.scratch(layouts, sizes, target)

    def scratch(self, layouts: Mapping[int, Layout], sizes: Ints, target: Any) -> Packed:
        return packed(self.frame, self.program.bind(layouts, sizes, target), address=code.soon)

    def immaterial(self, layouts: Mapping[int, Layout], sizes: Ints, target: Any) -> Packed:
        """The program on the device `meta`: its results have layouts, and nothing is computed."""
        bound = self.program.bind(layouts, sizes, target, partial(layout, meta=True))
        return packed(self.frame, replace(bound, temps=[], launches=[]), material=False)

    def proved(
        self, made: Made, found: Packed, key: Any, layouts: Mapping[int, Layout], sizes: Ints, target: Any
    ) -> Packed:
        """The first result of a function, held against binding from scratch; the function is dropped if they differ."""
        scratch = self.scratch(layouts, sizes, target)
        if _plainly(found) == _plainly(scratch):
            self.proven.add(made)
        else:
            self.made[key] = [m for m in self.made[key] if m is not made]
        return scratch

    def record(self, layouts: Mapping[int, Layout], sizes: Ints, target: Any) -> Made:
        """Binds with numbers that write down what becomes of them."""
        recorder, names = Recorder(), [f"a{i}" for i in range(len(sizes))]
        symbols = [Number(n, name, recorder, 2, HIGH) for n, name in zip(sizes, names)]
        shapes = self.program.shapes(tuple(symbols))
        named: dict[int, Pattern] = {}
        for i, lay in layouts.items():
            named[i] = pattern(shapes.get(i, ()), self._named(lay, names, recorder), lay.dtype)
            if i in shapes:
                recorder.require(f"layouts[{i}].shape != ({_listed(shapes[i])})", *shapes[i])
        bound = self.program.bind(named, tuple(symbols), target, pattern)
        outputs: list[Any] = []

        def identity(lay: Any) -> int:
            """The word of a layout: its address, once the function has made it."""
            outputs.append(lay)
            return Number(0, f"id(l{len(outputs) - 1})", recorder, 0, HIGH)

        result = packed(self.frame, bound, identity)
        made = [f"l{k} = {_layout(lay, k, named)}" for k, lay in enumerate(outputs)]
        sets = [f"words[{at}] = {n.name}" for at, n in enumerate(result.words) if type(n) is Number]
        seen = "".join(f"l{k}, " for k in range(self.frame.visible))
        asked = [n for lay in outputs for n in (*lay.shape, *lay.strides)]
        lines = [*recorder.needed((*result.words, *asked)), *made, "words = block[:]", *sets]
        text = "\n ".join(
            [f"def made(layouts, {', '.join(names)}):", *lines, f"return Packed(words, references, ({seen}))"]
        )
        block = array("q", [0 if type(n) is Number else n for n in result.words])
        dtypes = tuple([lay.dtype for lay in outputs])
        key = (text, block.tobytes(), result.references, dtypes)
        function = self.written.get(key)  # sizes of another magnitude are often bound by the very same function
        if function is None:
            constants: dict[str, Any] = {f"d{k}": dt for k, dt in enumerate(dtypes)}
            constants |= {"Packed": Packed, "layout": layout, "references": result.references, "block": block}
            exec(text, constants)
            function = self.written[key] = constants["made"]
        return function

    @staticmethod
    def _named(lay: Layout, names: list[str], recorder: Recorder) -> Ints | None:
        """The strides of a layout as names; None where they follow from its shape."""
        if lay.rows:
            return None
        strides: list[int] = []
        for s in lay.strides:
            if s >= 2:
                names.append(f"a{len(names)}")
            strides.append(Number(s, names[-1], recorder, 2, HIGH) if s >= 2 else s)
        return tuple(strides)


def _plainly(found: Packed) -> tuple[Any, ...]:
    return tuple(found.words), found.references, found.layouts


def _listed(values: Any) -> str:
    return "".join([f"{_text(n)}, " for n in values])


def _layout(lay: Any, k: int, named: Mapping[int, Pattern]) -> str:
    """The text that gives the layout of output k: that of an argument, or one of its own."""
    for i, argument in named.items():
        if lay is argument:
            return f"layouts[{i}]"
    return f"layout(({_listed(lay.shape)}), ({_listed(lay.strides)}), d{k})"
