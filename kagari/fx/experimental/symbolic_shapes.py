"""Sizes that a graph does not fix. The module has PyTorch's name.

A trace with symbols runs every operator on tensors without memory, once for the sizes of the example and once for each
further choice of the symbols' values. What is the same in all of them is a constant of the graph; what is not, is a
:class:`SymInt`, whose expression in the symbols follows from its values.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..node import Node
from .places import stack

Values = tuple[Any, ...]
"""What a number is for the example, and for each further choice of the symbols' values."""


class GuardOnDataDependentSymNode(RuntimeError):
    """A program asks for a value that only running it tells."""


class ConstraintViolationError(RuntimeError):
    """An example does not have the sizes that it is said to have."""


class Line(NamedTuple):
    """`factor * symbol + rest`."""

    symbol: str
    factor: int
    rest: int


class Guard(NamedTuple):
    """A comparison that a program made, and how it came out.

    `left` is how far both sides are apart, where that is a line in one symbol.
    """

    text: str
    sign: str
    answer: bool
    left: Line | None


class Disagreement(RuntimeError):
    """A comparison of a program comes out differently for some choices of the symbols' values."""

    def __init__(self, guard: Guard, apart: Values, choices: Sequence[int]) -> None:
        super().__init__(guard.text)
        self.guard, self.apart, self.choices = guard, apart, choices


@dataclass
class Symbol:
    """A size of an input that is not fixed: its values, and what makes the node that reads it."""

    name: str
    values: Values
    make: Callable[[], Node] | None = None


@dataclass
class Symbols:
    """The symbols of a trace, and what was asked about them."""

    each: list[Symbol] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)

    def expression(self, values: Values) -> str:
        """What has these values, as PyTorch writes it; `?` where no simple expression does."""
        if len(set(values)) == 1:
            return str(values[0])
        if any(type(v) is not int for v in values):
            return "?"
        for symbol in self.each:
            found = _in_one(values, symbol)
            if found is not None:
                return found
        return self._product(values) or self._sum(values) or "?"

    def line(self, values: Values) -> Line | None:
        """The line in one symbol that has these values; None where there is none."""
        found = (_line(values, symbol) for symbol in self.each)
        return next((line for line in found if line is not None), None)

    def _product(self, values: Values) -> str | None:
        repeated = [*self.each, *self.each]
        for count in range(2, len(repeated) + 1):
            for some in itertools.combinations(repeated, count):
                products = [_product(parts) for parts in zip(*(symbol.values for symbol in some))]
                factor = values[0] // products[0] if products[0] else 0
                if factor and all(v == factor * p for v, p in zip(values, products)):
                    names = sorted({symbol.name for symbol in some})
                    powers = {name: sum(symbol.name == name for symbol in some) for name in names}
                    text = "*".join(name if powers[name] == 1 else f"{name}**{powers[name]}" for name in names)
                    return text if factor == 1 else f"{factor}*{text}"
        return None

    def _sum(self, values: Values) -> str | None:
        for first, second in itertools.combinations(self.each, 2):
            rest = {v - a - b for v, a, b in zip(values, first.values, second.values)}
            if len(rest) == 1:
                return _with(" + ".join(sorted((first.name, second.name))), rest.pop())
        return None

    def holds(self, text: str, sign: str, answers: Values, apart: Values) -> bool:
        """Whether a comparison holds. Raises Disagreement where that differs from choice to choice.

        That sizes are not the same may differ: it is a condition on them.
        """
        answer: bool = answers[0]
        if not any(apart):
            return answer  # both sides are one
        guard = Guard(text, sign, answer, self.line(apart) if all(type(v) is int for v in apart) else None)
        others = [choice for choice, other in enumerate(answers) if other is not answer]
        if others and not (sign in ("==", "!=") and answer is (sign == "!=")):
            raise Disagreement(guard, apart, others)
        self.guards.append(guard)
        return answer


def _product(parts: Sequence[Any]) -> Any:
    result = 1
    for part in parts:
        result *= part
    return result


def _with(text: str, rest: int) -> str:
    return text if not rest else f"{text} + {rest}" if rest > 0 else f"{text} - {-rest}"


def _line(values: Values, symbol: Symbol) -> Line | None:
    pairs = dict(zip(symbol.values, values))
    if len(pairs) < 2 or any(pairs[s] != v for s, v in zip(symbol.values, values)):
        return None
    (s0, v0), (s1, v1), *_ = pairs.items()
    factor, left = divmod(v1 - v0, s1 - s0)
    rest = v0 - factor * s0
    same = not left and factor and all(v == factor * s + rest for s, v in pairs.items())
    return Line(symbol.name, factor, rest) if same else None


def _in_one(values: Values, symbol: Symbol) -> str | None:
    """An expression in one symbol that has these values: a line, or a part that is rounded down."""
    line = _line(values, symbol)
    if line is not None:
        name, factor, rest = line
        return _with(name if factor == 1 else f"{factor}*{name}", rest)
    pairs = dict(zip(symbol.values, values))
    if len(pairs) < 3 or any(pairs[s] != v for s, v in zip(symbol.values, values)):
        return None
    for rest, divisor, shift in itertools.product((0, 1, -1), range(2, 33), (0, *range(-1, -9, -1), *range(1, 9))):
        if all(v == (s + shift) // divisor + rest for s, v in pairs.items()):
            part = f"(({_with(symbol.name, shift)})//{divisor})" if shift else f"({symbol.name}//{divisor})"
            return f"({part}) {'+' if rest > 0 else '-'} {abs(rest)}" if rest else part
    return None


class _Sym:
    """What a symbolic number does with others."""

    _values: Values
    _symbols: Symbols
    _text: str
    _make: Callable[[], Node]
    _node: Node | None

    @property
    def node(self) -> Node:
        """The step of the graph that computes it, made when it is used."""
        if self._node is None:
            self._node = self._make()
        return self._node

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__

    def __deepcopy__(self, memo: Any) -> Any:
        return self


class SymInt(_Sym, int):
    """A whole number that depends on sizes that the graph does not fix."""

    __hash__ = int.__hash__


class SymFloat(_Sym, float):
    """A number that depends on sizes that the graph does not fix."""

    __hash__ = float.__hash__


def symbolic(values: Values, symbols: Symbols, make: Callable[[], Node], text: str = "") -> Any:
    """A number with these values: a plain one, where they are all the same."""
    if len(set(values)) == 1:
        return values[0]
    kind: Any = SymInt if isinstance(values[0], int) else SymFloat
    made = kind.__new__(kind, values[0])
    shown = symbols.expression(values)
    made._values, made._symbols, made._make, made._node = tuple(values), symbols, make, None
    made._text = text if shown == "?" and text else shown
    return made


def values_of(value: Any, count: int) -> Values:
    """What a number is for each choice of the symbols' values."""
    return value._values if isinstance(value, _Sym) else (value,) * count


def at(value: Any, choice: int) -> Any:
    """What a number is for one choice of the symbols' values: the example is 0."""
    return value._values[choice] if isinstance(value, _Sym) else value


def argument(value: Any) -> Any:
    """A number as nodes have it."""
    return value.node if isinstance(value, _Sym) else value


_SIGNS = {"add": "+", "sub": "-", "mul": "*", "floordiv": "//", "truediv": "/", "mod": "%", "pow": "**", "neg": "-"}
_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def _arithmetic(name: str, reflected: bool) -> Callable[..., Any]:
    function, sign = getattr(operator, name), _SIGNS[name]

    def compute(self: Any, *other: Any) -> Any:
        if any(not isinstance(o, int | float) for o in other):
            return NotImplemented
        parts = (*other, self) if reflected else (self, *other)
        values = tuple(function(*row) for row in zip(*(values_of(part, len(self._values)) for part in parts)))
        text = f"({parts[0]} {sign} {parts[1]})" if other else f"({sign}{self})"

        def make() -> Node:
            return self.node.graph.call_function(function, tuple(argument(part) for part in parts))

        made = symbolic(values, self._symbols, make, text)
        if isinstance(made, _Sym):
            made.node.meta.update(val=made, stack_trace=stack())
        return made

    return compute


def _comparison(name: str, sign: str) -> Callable[..., Any]:
    function = getattr(operator, name)

    def compare(self: Any, other: Any) -> Any:
        if not isinstance(other, int | float):
            return NotImplemented
        rows = list(zip(self._values, values_of(other, len(self._values))))
        answers, apart = tuple(function(*row) for row in rows), tuple(a - b for a, b in rows)
        return self._symbols.holds(f"{self} {sign} {other}", sign, answers, apart)

    return compare


for _kind in (SymInt, SymFloat):
    for _name in _SIGNS:
        setattr(_kind, f"__{_name}__", _arithmetic(_name, False))
        if _name != "neg":
            setattr(_kind, f"__r{_name}__", _arithmetic(_name, True))
    for _name, _sign in _COMPARISONS.items():
        setattr(_kind, f"__{_name}__", _comparison(_name, _sign))

__all__ = [
    "ConstraintViolationError", "Disagreement", "Guard", "GuardOnDataDependentSymNode", "Line", "SymFloat", "SymInt",
    "Symbol", "Symbols", "argument", "at", "symbolic", "values_of",
]  # fmt: skip
