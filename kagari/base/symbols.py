"""Symbolic sizes: polynomials over the sizes a trace was given, with the decisions taken on them recorded as guards.

A trace runs an operator's definition once for all sizes of the same structure. Where the definition compares two sizes,
the answer is that of the sizes at hand (the hint) and the comparison becomes a guard: sizes that answer differently are
traced anew. A comparison with one answer for all sizes of at least 2 makes no guard.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeAlias

Monomial: TypeAlias = tuple[str, ...]
Poly: TypeAlias = dict[Monomial, int]
Terms: TypeAlias = tuple[tuple[Monomial, int], ...]


class Guards:
    """The decisions of one trace, as Python source over the symbols' names."""

    __slots__ = ("conditions",)

    def __init__(self) -> None:
        self.conditions: dict[str, None] = {}

    def decide(self, text: str, answer: bool) -> bool:
        self.conditions[text if answer else f"not ({text})"] = None
        return answer


class Sym:
    """An integer expression over symbols, with its present value as `hint`.

    Symbols stand for sizes of at least 2: sizes 0 and 1 are structure and stay numbers.
    """

    __slots__ = ("_key", "guards", "hint", "poly")

    def __init__(self, poly: Poly, hint: int, guards: Guards) -> None:
        self.poly, self.hint, self.guards = poly, hint, guards
        self._key = tuple(sorted(poly.items()))

    @classmethod
    def symbol(cls, name: str, hint: int, guards: Guards) -> Sym:
        return cls({(name,): 1}, hint, guards)

    # Arithmetic. Results that are constant become int again.

    def _make(self, poly: Poly, hint: int) -> Size:
        poly = {m: c for m, c in poly.items() if c}
        if not poly:
            return 0
        if len(poly) == 1 and () in poly:
            return poly[()]
        return Sym(poly, hint, self.guards)

    def __add__(self, other: Size) -> Size:
        poly = dict(self.poly)
        for m, c in _poly(other).items():
            poly[m] = poly.get(m, 0) + c
        return self._make(poly, self.hint + hint(other))

    __radd__ = __add__

    def __neg__(self) -> Size:
        return self * -1

    def __sub__(self, other: Size) -> Size:
        return self + other * -1

    def __rsub__(self, other: int) -> Size:
        return self * -1 + other

    def __mul__(self, other: Size) -> Size:
        poly: Poly = {}
        for m, c in self.poly.items():
            for n, d in _poly(other).items():
                key = tuple(sorted(m + n))
                poly[key] = poly.get(key, 0) + c * d
        return self._make(poly, self.hint * hint(other))

    __rmul__ = __mul__

    def __floordiv__(self, other: Size) -> Size:
        exact = _divide(self.poly, _poly(other))
        if exact is not None:
            return self._make(exact, self.hint // hint(other))
        return Sym({(f"(({self})//({other}))",): 1}, self.hint // hint(other), self.guards)

    def __rfloordiv__(self, other: int) -> Size:
        return Sym({(f"(({other})//({self}))",): 1}, other // self.hint, self.guards)

    def __mod__(self, other: Size) -> Size:
        if _divide(self.poly, _poly(other)) is not None:
            return 0
        return Sym({(f"(({self})%({other}))",): 1}, self.hint % hint(other), self.guards)

    def __rmod__(self, other: int) -> Size:
        return Sym({(f"(({other})%({self}))",): 1}, other % self.hint, self.guards)

    # Decisions

    def _plain(self) -> bool:
        """A symbol alone, neither product nor sum nor quotient."""
        ((monomial, coefficient), *more) = self._key
        return not more and coefficient == 1 and len(monomial) == 1 and monomial[0][0] == "s"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sym):
            if self._key == other._key:
                return True
            if self._plain() and other._plain():
                return False
        elif not isinstance(other, int):
            return NotImplemented
        if _least_difference(self, other) > 0 or _least_difference(other, self) > 0:
            return False
        return self.guards.decide(f"{self} == {other}", self.hint == hint(other))

    def __hash__(self) -> int:
        return hash(self._key)

    def __lt__(self, other: Size) -> bool:
        if _least_difference(self, other) >= 0:
            return False
        return _least_difference(other, self) > 0 or self.guards.decide(f"{self} < {other}", self.hint < hint(other))

    def __gt__(self, other: Size) -> bool:
        if _least_difference(other, self) >= 0:
            return False
        return _least_difference(self, other) > 0 or self.guards.decide(f"{self} > {other}", self.hint > hint(other))

    def __le__(self, other: Size) -> bool:
        return not self > other

    def __ge__(self, other: Size) -> bool:
        return not self < other

    def __bool__(self) -> bool:
        return self != 0

    def __str__(self) -> str:
        """Python source that computes the value from the symbols."""
        return "+".join("*".join([*([str(c)] if c != 1 or not m else []), *m]) for m, c in self._key)

    def __repr__(self) -> str:
        return f"{self}<{self.hint}>"


Size: TypeAlias = int | Sym


def hint(x: Size) -> int:
    """The present value of a size."""
    return x.hint if isinstance(x, Sym) else x


def evaluate(size: Size, values: Mapping[str, Any]) -> Any:
    """What a size is where its symbols have these values: numbers, or sizes in other symbols."""
    if not isinstance(size, Sym):
        return size
    total: Any = 0
    for names, coefficient in size._key:
        term: Any = coefficient
        for name in names:  # a quotient or a remainder is the text that computes it
            term *= values[name] if name in values else eval(name, {"__builtins__": {}}, dict(values))
        total += term
    return total


def product(sizes: tuple[Size, ...]) -> Size:
    """The number of elements of a shape; 1 for no dimensions."""
    result: Size = 1
    for s in sizes:
        result = result * s
    return result


def settled(size: Size) -> Size:
    """A size that may be 0 or 1, with these as numbers: they are structure, which other sizes are not."""
    for n in (0, 1):
        if not isinstance(size, int) and size == n:
            return n
    return size


def identical(a: tuple[Size, ...], b: tuple[Size, ...]) -> bool:
    """Whether two shapes are written the same way: unlike `==`, this decides nothing and makes no guards."""
    if len(a) != len(b):
        return False
    return all(x is y or (type(x) is type(y) and _terms(x) == _terms(y)) for x, y in zip(a, b))


def is_positive(x: Size) -> bool:
    """Whether a size is above 0 whatever the symbols are; makes no guards."""
    return _least_difference(x, 0) > 0


def _poly(x: Size) -> Poly:
    return x.poly if isinstance(x, Sym) else {(): x}


def _least_difference(a: Size, b: Size) -> float:
    """A bound that a - b is never below, whatever the sizes; -inf where none is known.

    Each symbol is 2 and something that is not negative. Where all that multiplies these rests is positive, the least
    difference is the constant that is left: s0*s1 - s0 = (2+t0)*(2+t1) - (2+t0) = 2 + t0 + 2*t1 + t0*t1.
    """
    return _least(_terms(a), _terms(b))


def _terms(x: Size) -> Terms:
    return x._key if isinstance(x, Sym) else (((), x),)


@lru_cache(maxsize=4096)
def _least(a: Terms, b: Terms) -> float:
    shifted: Poly = {}
    for sign, terms_of in ((1, a), (-1, b)):
        for names, coefficient in terms_of:
            terms: Poly = {(): sign * coefficient}
            for name in names:
                terms = {**{m: 2 * c for m, c in terms.items()}, **{(*m, name): c for m, c in terms.items()}}
            for m, c in terms.items():
                shifted[m] = shifted.get(m, 0) + c
    # Quotients and remainders, whose text begins with a parenthesis, have no known bound.
    if any(m and c and (c < 0 or any(name[0] != "s" for name in m)) for m, c in shifted.items()):
        return -math.inf
    return shifted.get((), 0)


def _divide(a: Poly, b: Poly) -> Poly | None:
    """a / b where b is one monomial that divides every term of a."""
    if len(b) != 1:
        return {(): 1} if a == b else None
    ((divisor, coefficient),) = b.items()
    result: Poly = {}
    for m, c in a.items():
        rest = list(m)
        for name in divisor:
            if name not in rest:
                return None
            rest.remove(name)
        if coefficient == 0 or c % coefficient:
            return None
        result[tuple(rest)] = c // coefficient
    return result
