"""Arguments that operators are tried with, by family. A maker `make(*shape, **how)` makes the tensors.

`how` may be: `dtype` (otherwise that of the test), `low` and `high` for the values, `noncontiguous=True`, `values` for
very particular ones, `constant=True` where there is no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Make = Callable[..., Any]
Sample = tuple[tuple[Any, ...], dict[str, Any]]
SPECIAL = [float("nan"), float("inf"), float("-inf"), 0.0, -0.0, 1.0, -1.0, 0.5, -2.5]


@dataclass(frozen=True)
class Wanted:
    """A tensor in the arguments of an error: what a test passes to its maker."""

    shape: tuple[int, ...]
    dtype: str


def wanted(*shape: int, dtype: str = "float32") -> Wanted:
    """A tensor of this shape and dtype among the arguments of an error."""
    return Wanted(shape, dtype)


def args(*positional: Any, **named: Any) -> Sample:
    """Arguments, as a call spells them."""
    return positional, named


def unary(low: float = -3, high: float = 3, special: bool = True, **named: Any) -> Callable[[Make], Iterator[Sample]]:
    """One tensor: a matrix, a number, nothing, not contiguous, more than a vector, and the corner cases of floats."""

    def samples(make: Make) -> Iterator[Sample]:
        yield (make(2, 3, low=low, high=high),), named
        yield (make(low=low, high=high),), named
        yield (make(0, 3),), named
        yield (make(4, 5, low=low, high=high, noncontiguous=True),), named
        yield (make(67, low=low, high=high),), named
        if special:
            yield (make(values=SPECIAL),), named

    return samples


def binary(
    low: float = -3, high: float = 3, numbers: tuple[Any, ...] = (2, -1.5), **named: Any
) -> Callable[[Make], Iterator[Sample]]:
    """Two tensors: of one shape, broadcast, of no dimensions, of no elements, not contiguous; and numbers."""

    def samples(make: Make) -> Iterator[Sample]:
        def some(*shape: int, **how: Any) -> Any:
            return make(*shape, low=low, high=high, **how)

        yield (some(2, 3), some(2, 3)), named
        yield (some(2, 1), some(3)), named
        yield (some(), some(2, 2)), named
        yield (some(), some()), named
        yield (make(0, 3), some(1, 3)), named
        yield (some(4, 5, noncontiguous=True), some(4, 5)), named
        yield (some(3, 21), some(3, 21, noncontiguous=True)), named
        for number in numbers:
            yield (some(3, 7), number), named

    return samples


def mixed(low: float = 1, high: float = 4) -> Callable[[Make], Iterator[Sample]]:
    """Pairs of dtypes, of which one yields."""

    def samples(make: Make) -> Iterator[Sample]:
        for a, b in (
            ("int64", "float32"),
            ("float32", "float64"),
            ("uint8", "int8"),
            ("bool", "int32"),
            ("float16", "bfloat16"),
        ):
            yield (make(2, 3, low=low, high=high, dtype=a), make(3, low=low, high=high, dtype=b)), {}
        yield (make(2, 3, low=low, high=high, dtype="int32"), make(low=low, high=high, dtype="int64")), {}
        yield (make(2, 3, low=low, high=high, dtype="float32"), make(low=low, high=high, dtype="float64")), {}

    return samples


def together(*parts: Callable[[Make], Iterator[Sample]]) -> Callable[[Make], Iterator[Sample]]:
    """The samples of several families."""

    def samples(make: Make) -> Iterator[Sample]:
        for part in parts:
            yield from part(make)

    return samples


def special_pairs(make: Make) -> Iterator[Sample]:
    """Each of the corner cases of floats with each."""
    n = len(SPECIAL)
    yield (make(values=[x for x in SPECIAL for _ in range(n)]), make(values=SPECIAL * n)), {}


def reduced(
    *kinds: dict[str, Any], low: float = -3, high: float = 3, empty: bool = True
) -> Callable[[Make], Iterator[Sample]]:
    """One tensor and, one after the other, named arguments such as `dim` and `keepdim`; numbers and empty tensors."""

    def samples(make: Make) -> Iterator[Sample]:
        for kind in kinds:
            yield (make(3, 4, 5, low=low, high=high),), kind
        first = kinds[0] if kinds else {}
        yield (make(6, 35, low=low, high=high, noncontiguous=True),), first
        yield (make(low=low, high=high),), {k: 0 if k == "dim" and v is not None else v for k, v in first.items()}
        yield (make(1000, low=low, high=high),), {k: 0 if k == "dim" and v is not None else v for k, v in first.items()}
        if empty:
            yield (make(0, 3),), {"dim": 0}
            yield (make(0, 3),), {"dim": 1}

    return samples
