"""Sizes that a graph does not fix: numbers that stand for what they are at several sizes of the inputs at once.

A trace with symbols runs every operator on tensors without memory, once for the sizes of the example and once for each
further choice of the symbols' values. What is the same in all of them is a constant of the graph; what is not, is a
:class:`SymInt`, whose expression in the symbols follows from its values.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..node import Node

Values = tuple[Any, ...]
"""What a number is for the example, and for each further choice of the symbols' values."""


class GuardOnDataDependentSymNode(RuntimeError):
    """A program asks for a value that only running it tells."""


class Specialized(RuntimeError):
    """A program does different things at different values of a symbol."""


@dataclass
class Symbol:
    """A size of an input that is not fixed."""

    name: str
    values: Values
    lower: int = 0
    upper: int | None = None
    source: str = ""
    make: Callable[[], Node] | None = None


@dataclass
class Symbols:
    """The symbols of a trace, and what was asked about them."""

    each: list[Symbol] = field(default_factory=list)
    guards: list[tuple[str, Any]] = field(default_factory=list)

    def expression(self, values: Values) -> str | None:
        """What has these values, as PyTorch writes it; None where no simple expression does."""
        if len(set(values)) == 1:
            return str(values[0])
        for symbol in self.each:
            found = _in_one(values, symbol)
            if found is not None:
                return found
        return self._product(values) or self._sum(values)

    def _product(self, values: Values) -> str | None:
        for count in range(2, len(self.each) + 1):
            for some in itertools.combinations(self.each, count):
                products = [_product(parts) for parts in zip(*(symbol.values for symbol in some))]
                factor = values[0] // products[0] if products[0] else 0
                if factor and all(v == factor * p for v, p in zip(values, products)):
                    names = "*".join(sorted(symbol.name for symbol in some))
                    return names if factor == 1 else f"{factor}*{names}"
        return None

    def _sum(self, values: Values) -> str | None:
        for first, second in itertools.combinations(self.each, 2):
            rest = {v - a - b for v, a, b in zip(values, first.values, second.values)}
            if len(rest) == 1:
                return _with(" + ".join(sorted((first.name, second.name))), rest.pop())
        return None

    def holds(self, text: str, decide: Callable[[Values], Values], values: Values) -> bool:
        """Whether a comparison holds. Raises Specialized where that differs from size to size."""
        answers = set(decide(values))
        if len(answers) > 1:
            raise Specialized(text)
        answer: bool = answers.pop()
        self.guards.append((text, answer))
        return answer


def _product(parts: Sequence[Any]) -> Any:
    result = 1
    for part in parts:
        result *= part
    return result


def _with(text: str, rest: int) -> str:
    return text if not rest else f"{text} + {rest}" if rest > 0 else f"{text} - {-rest}"


def _in_one(values: Values, symbol: Symbol) -> str | None:
    """An expression in one symbol that has these values: a line, a rounded-down part, or a power of it."""
    if any(type(v) is not int for v in values):
        return None
    pairs = dict(zip(symbol.values, values))
    if len(pairs) < 2 or any(pairs[s] != v for s, v in zip(symbol.values, values)):
        return None
    (s0, v0), (s1, v1), *_ = pairs.items()
    name = symbol.name
    if (v1 - v0) % (s1 - s0) == 0:
        factor = (v1 - v0) // (s1 - s0)
        rest = v0 - factor * s0
        if factor and all(v == factor * s + rest for s, v in pairs.items()):
            return _with(name if factor == 1 else f"{factor}*{name}", rest)
    for divisor, shift, rest in itertools.product(range(2, 65), range(-8, 9), range(-2, 3)):
        if all(v == (s + shift) // divisor + rest for s, v in pairs.items()):
            part = f"(({_with(name, shift)})//{divisor})" if shift else f"({name}//{divisor})"
            return f"({part})" if not rest else f"({_with(part, rest)})"
    if all(v == s * s for s, v in pairs.items()):
        return f"{name}**2"
    return None


class _Sym:
    """What a symbolic number does with others."""

    _values: Values
    _symbols: Symbols
    _make: Callable[[], Node]
    _node: Node | None

    @property
    def node(self) -> Node:
        """The step of the graph that computes it, made when it is used."""
        if self._node is None:
            self._node = self._make()
        return self._node

    def __str__(self) -> str:
        return self._symbols.expression(self._values) or "?"

    __repr__ = __str__
    __format__ = object.__format__

    def __deepcopy__(self, memo: Any) -> Any:
        return self


class SymInt(_Sym, int):
    """A whole number that depends on sizes that the graph does not fix."""

    __hash__ = int.__hash__

    def __int__(self) -> int:
        return int.__int__(self)

    def __index__(self) -> int:
        return int.__index__(self)


class SymFloat(_Sym, float):
    """A number that depends on sizes that the graph does not fix."""

    __hash__ = float.__hash__


def symbolic(values: Values, symbols: Symbols, make: Callable[[], Node]) -> Any:
    """A number with these values: a plain one, where they are all the same."""
    if len(set(values)) == 1:
        return values[0]
    kind: Any = SymInt if isinstance(values[0], int) else SymFloat
    made = kind.__new__(kind, values[0])
    made._values, made._symbols, made._make, made._node = tuple(values), symbols, make, None
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


def _arithmetic(function: Callable[..., Any], reflected: bool) -> Callable[..., Any]:
    def compute(self: Any, *other: Any) -> Any:
        if any(not isinstance(o, int | float) for o in other):
            return NotImplemented
        parts = (*other, self) if reflected else (self, *other)
        values = [function(*row) for row in zip(*(values_of(part, len(self._values)) for part in parts))]

        def make() -> Node:
            node = self.node
            made: Node = node.graph.call_function(function, tuple(argument(part) for part in parts))
            made.meta["val"] = str(symbolic(tuple(values), self._symbols, make))
            return made

        return symbolic(tuple(values), self._symbols, make)

    return compute


def _comparison(name: str, sign: str) -> Callable[..., Any]:
    function = getattr(operator, name)

    def compare(self: Any, other: Any) -> Any:
        if not isinstance(other, int | float):
            return NotImplemented
        rows = list(zip(self._values, values_of(other, len(self._values))))
        text = f"{self} {sign} {other}"
        return self._symbols.holds(text, lambda _: tuple(function(*row) for row in rows), self._values)

    return compare


for _kind in (SymInt, SymFloat):
    for _name in ("add", "sub", "mul", "floordiv", "truediv", "mod", "pow"):
        setattr(_kind, f"__{_name}__", _arithmetic(getattr(operator, _name), False))
        setattr(_kind, f"__r{_name}__", _arithmetic(getattr(operator, _name), True))
    for _name in ("neg", "abs"):
        setattr(_kind, f"__{_name}__", _arithmetic(getattr(operator, _name), False))
    for _name, _sign in (("eq", "=="), ("ne", "!="), ("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">=")):
        setattr(_kind, f"__{_name}__", _comparison(_name, _sign))

__all__ = [
    "GuardOnDataDependentSymNode",
    "Specialized",
    "SymFloat",
    "SymInt",
    "Symbol",
    "Symbols",
    "argument",
    "at",
    "symbolic",
]
