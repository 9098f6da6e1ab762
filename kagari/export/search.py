"""Which sizes a program leaves free: what a run with other sizes than the example's refuses, and what it asks about
them, tells which are fixed, which are equal, and within which bounds they are.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..capture.dynamo.exc import UserError
from ..eager import Tensor
from ..fx.experimental.recorder import Unfit
from ..fx.experimental.symbolic_shapes import ConstraintViolationError, Disagreement, Guard, Symbol
from ..nn import Module
from .dynamic_shapes import Dim, DimHint, Sizes, ValueRanges, int_oo
from .tracing import Leaf, Traced, trace

MOST_RUNS = 256


@dataclass(eq=False)
class Free:
    """A size that is not fixed: the example's, its bounds, and what the user calls it."""

    hint: int
    lower: int
    upper: int
    dim: Dim | None = None
    demanded: bool = True
    source: str = ""

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.source if self.dim is None else self.dim.__name__


@dataclass(frozen=True)
class Place:
    """A dimension of an input: `factor * product of frees + rest`; most have one free size."""

    frees: tuple[Free, ...]
    factor: int = 1
    rest: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether it is a free size itself."""
        return (len(self.frees), self.factor, self.rest) == (1, 1, 0)

    def at(self, choice: dict[Free, int]) -> int:
        """Its size for values of the free ones; the example's where there is none."""
        return self.factor * math.prod(choice.get(free, free.hint) for free in self.frees) + self.rest

    def text(self, names: dict[Free, str]) -> str:
        """Its size as an expression."""
        product = "*".join(sorted(names[free] for free in self.frees))
        text = product if self.factor == 1 else f"{self.factor}*{product}"
        return f"{text} + {self.rest}" if self.rest > 0 else f"{text} - {-self.rest}" if self.rest else text

    def bounds(self) -> ValueRanges:
        """From where to where it goes."""
        endless = any(free.upper >= int_oo for free in self.frees)
        upper = int_oo if endless else self.factor * math.prod(free.upper for free in self.frees) + self.rest
        return ValueRanges(self.factor * math.prod(free.lower for free in self.frees) + self.rest, upper)


Places = dict[tuple[int, int], Place]


@dataclass
class Choices:
    """Values of the free sizes: the example first. `varied` has those that differ from it, `optional` the choices that
    a program may refuse.
    """

    each: list[dict[Free, int]]
    varied: list[list[Free]]
    optional: list[int]


@dataclass
class Search:
    """Runs a module until it takes all choices of the sizes that are left free."""

    mod: Module
    leaves: list[Leaf]
    in_spec: Any
    places: Places
    violations: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    fixes: list[str] = field(default_factory=list)
    conditions: list[Guard] = field(default_factory=list)
    thorough: bool = True

    @property
    def frees(self) -> list[Free]:
        """The free sizes, in the order of the inputs."""
        return list(dict.fromkeys(free for place in self.places.values() for free in place.frees))

    def run(self) -> Traced:
        """The graph. Raises UserError where the program contradicts what was said about sizes."""
        for free in self.frees:
            if free.hint in (0, 1):
                self._fix(free)
        for _ in range(MOST_RUNS):
            choices = self._choices()
            try:
                traced = self._attempt(self.places, choices)
            except Disagreement as found:
                self._settle(found, choices)
            except Unfit as found:
                self._explain(found, choices)
            else:
                for guard in traced.symbols.guards:
                    self._narrow(guard)
                self._check_bounds()
                self._refuse()
                return traced
        raise RuntimeError(f"export: the sizes of the inputs were not settled in {MOST_RUNS} runs")

    # Choices

    def _choices(self) -> Choices:
        frees = self.frees
        example = {free: free.hint for free in frees}
        found = Choices([example], [[]], [])
        other = {free: _others(free) for free in frees}
        for free in frees:
            for value in other[free][:2]:
                found.each.append({**example, free: value})
                found.varied.append([free])
        if len(frees) > 1:
            found.each.append({free: other[free][0] for free in frees if other[free]})
            found.varied.append(frees)
        for free in frees if self.thorough else ():
            for value in other[free][2:]:
                found.optional.append(len(found.each))
                found.each.append({**example, free: value})
                found.varied.append([free])
        return found

    def names(self, places: Places) -> dict[Free, str]:
        """The names of symbols: the first, in the order of letters, of those that the dimensions would have."""
        return {free: name for free, (name, _) in self._named(places).items()}

    def _named(self, places: Places) -> dict[Free, tuple[str, tuple[int, int]]]:
        """The names, and the dimensions that they come from."""
        wanted: dict[Free, list[tuple[bool, str, tuple[int, int]]]] = {}
        for (leaf, dim), place in places.items():
            if len(place.frees) == 1:
                source = f"{self.leaves[leaf].source}.size()[{dim}]"
                number = int(hashlib.sha256(source.encode()).hexdigest(), 16) % 100
                wanted.setdefault(place.frees[0], []).append((not place.is_plain, f"s{number}", (leaf, dim)))
        found: dict[Free, tuple[str, tuple[int, int]]] = {}
        for free, names in wanted.items():
            _, name, key = min(names)
            while name in [taken for taken, _ in found.values()]:
                name = f"s{int(name[1:]) + 1}"
            found[free] = name, key
        return found

    def _attempt(self, places: Places, choices: Choices) -> Traced:
        leaves = []
        for at, leaf in enumerate(self.leaves):
            shapes = [self._shape(at, leaf, places, choice) for choice in choices.each]
            leaves.append(replace(leaf, shapes=shapes))
        names = self.names(places)
        symbols = [Symbol(name, tuple(choice[free] for choice in choices.each)) for free, name in names.items()]
        sources = {name: key for name, key in self._named(places).values() if places[key].is_plain}
        return trace(self.mod, leaves, self.in_spec, symbols, sources)

    @staticmethod
    def _shape(at: int, leaf: Leaf, places: Places, choice: dict[Free, int]) -> tuple[int, ...]:
        if not isinstance(leaf.value, Tensor):
            return ()
        sizes = list(leaf.value.shape)
        for dim in range(len(sizes)):
            place = places.get((at, dim))
            if place is not None:
                sizes[dim] = place.at(choice)
        return tuple(sizes)

    # What a run found

    def _settle(self, found: Disagreement, choices: Choices) -> None:
        """A comparison came out differently: it bounds a size, makes two equal or fixes one, or is a condition."""
        guard = found.guard
        equal = guard.answer is (guard.sign == "==") and guard.sign in ("==", "!=")
        involved = self._involved(found.choices, choices)
        if guard.left is not None and not equal:
            before = [(free.lower, free.upper) for free in self.frees]
            self._narrow(guard)
            if before != [(free.lower, free.upper) for free in self.frees]:
                return
        if set(found.choices) <= set(choices.optional):
            self._condition(guard, involved)
        elif equal and guard.left is None and len(involved) > 1:
            self._join(involved[1], involved[0])
        else:
            self._fix(involved[0])

    @staticmethod
    def _involved(numbers: Sequence[int], choices: Choices) -> list[Free]:
        alone = [choices.varied[number][0] for number in numbers if len(choices.varied[number]) == 1]
        return list(dict.fromkeys(alone)) or choices.varied[numbers[0]]

    def _condition(self, guard: Guard, involved: list[Free]) -> None:
        """A comparison that holds for some values: the program may be called with these."""
        self.thorough = False
        self.conditions.append(guard)
        if any(free.dim is not None for free in involved):
            free = next(free for free in involved if free.dim is not None)
            text = guard.text.replace(self.names(self.places)[free], free.source)
            self._violate(
                free, f"Not all values of {free.label} = {free.source} in the specified range{_spec(free)} satisfy the "
                f"generated guard {text}.",
            )  # fmt: skip

    def _explain(self, found: Unfit, choices: Choices) -> None:
        """An operator refused sizes: two of them are equal, or one is fixed; what lets the program go on is true."""
        if found.choice in choices.optional:
            self.thorough = False
            return
        reached = found.reached  # type: ignore[attr-defined]
        varied = choices.varied[found.choice]
        pairs = [(a, b) for a in varied for b in self.frees if a is not b]
        pairs.sort(key=lambda pair: abs(pair[0].hint - pair[1].hint))
        frees = self.frees
        for one, other in pairs:
            first, second = sorted((one, other), key=frees.index)
            if first.dim is None and second.dim is None:
                first, second = second, first
            if self._goes_on(_joined(self.places, second, (first,), True), reached, [first]):
                self._join(second, first)
                return
        for free in frees if len(frees) > 1 else ():
            for some in self._products(free):
                involved = free in varied or any(other in varied for other in some)
                if involved and self._goes_on(joined := _joined(self.places, free, some), reached, some):
                    self.places = joined
                    return
        for free in varied:
            if len(varied) == 1 or self._goes_on(_fixed(self.places, free), reached, [free]):
                self._fix(free)
                return
        raise found

    def _products(self, free: Free) -> list[tuple[Free, ...]]:
        """The other sizes of which one without a name may be the product, or a multiple, by the example."""
        others = [other for other in self.frees if other is not free]
        pairs = [pair for pair in itertools.combinations(others, 2) if pair[0].hint * pair[1].hint == free.hint]
        multiples = [(other,) for other in others if free.hint % other.hint == 0 and free.hint > other.hint]
        return [*pairs, *multiples] if free.dim is None else []

    def _goes_on(self, places: Places, reached: int, settled: Sequence[Free]) -> bool:
        """Whether a run with other places gets further than before, or is stopped by other sizes at the same step."""
        held, self.places = self.places, places
        choices = self._choices()
        try:
            self._attempt(places, choices)
        except Disagreement as error:
            return bool(error.reached > reached)  # type: ignore[attr-defined]
        except Unfit as error:
            again = set(settled).intersection(choices.varied[error.choice])
            at: int = error.reached  # type: ignore[attr-defined]
            return at > reached or (at == reached and not again)
        finally:
            self.places = held
        return True

    # What follows

    def _violate(self, free: Free, message: str, fix: str = "") -> None:
        if message not in self.violations:
            self.violations.append(message)
            self.labels += [free.label] * (free.label not in self.labels)
        if fix and fix not in self.fixes:
            self.fixes.append(fix)

    def _fix(self, free: Free) -> None:
        self.places = _fixed(self.places, free)
        if free.demanded:
            self._violate(
                free,
                f"You marked {free.label} as dynamic but your code specialized it to be a constant ({free.hint}). If "
                "you're using mark_dynamic, either remove it or use maybe_mark_dynamic. If you're using Dim.DYNAMIC, "
                "replace it with either Dim.STATIC or Dim.AUTO.",
                "" if free.dim is None else f"{free.label} = {free.hint}",
            )

    def _join(self, free: Free, into: Free) -> None:
        """One size is the other one plus what the example has between them."""
        apart = free.hint - into.hint
        if free.dim is not None and into.dim is not None:
            whole = f"{into.label} {'+' if apart > 0 else '-'} {abs(apart)}" if apart else into.label
            both = f"The values of {free.label} = {free.source} and {into.label} = {into.source} must always be"
            how = f"related by {free.label} = {whole}" if apart else "equal"
            self._violate(free, f"{both} {how}.", f"{free.label} = {whole}")
        self.places = _joined(self.places, free, (into,), True)
        into.lower = max(into.lower, free.lower - apart)
        into.upper = min(into.upper, free.upper if free.upper is int_oo else free.upper - apart)
        into.dim, into.source = (into.dim or free.dim), (into.source if into.dim or not free.dim else free.source)

    def _narrow(self, guard: Guard) -> None:
        """Bounds a size by a comparison that is a line in it."""
        if guard.left is None or guard.sign in ("==", "!="):
            return
        names = {name: free for free, name in self.names(self.places).items()}
        free, factor, rest = names[guard.left.symbol], guard.left.factor, guard.left.rest
        sign = guard.sign if guard.answer else {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}[guard.sign]
        if factor < 0:
            factor, rest, sign = -factor, -rest, {"<": ">", "<=": ">=", ">": "<", ">=": "<="}[sign]
        # factor * size + rest SIGN 0
        if sign in ("<", "<="):
            free.upper = min(free.upper, (-rest - (sign == "<")) // factor)
        else:
            free.lower = max(free.lower, -((rest - (sign == ">")) // factor))

    def _check_bounds(self) -> None:
        for free in self.frees:
            dim = free.dim
            if dim is None or (free.lower <= max(dim.root.min, 2) and free.upper >= dim.root.max):
                continue
            lower = max(free.lower, 2)
            guard = f"{lower} <= {free.source}" + (
                "" if free.upper >= int_oo else f" and {free.source} <= {free.upper}"
            )
            bounds = [f"min={lower}"] * (lower != 2) + [f"max={free.upper}"] * (free.upper < int_oo)
            self._violate(
                free, f"Not all values of {free.label} = {free.source} in the specified range{_spec(free)} satisfy the "
                f"generated guard {guard}",
                f"{free.label} = Dim({', '.join([repr(free.label), *bounds])})",
            )  # fmt: skip

    def _refuse(self) -> None:
        if not self.violations:
            return
        listed = "\n".join(f"  - {text}" for text in self.violations)
        fixes = "\n".join(f"  {fix}" for fix in sorted(self.fixes))
        suggested = f"\nSuggested fixes:\n{fixes}" if fixes else ""
        raise UserError(
            f"Constraints violated ({', '.join(sorted(self.labels))})! For more information, run with "
            f'TORCH_LOGS="+dynamic".\n{listed}{suggested}'
        )

    def constraints(self) -> dict[Any, ValueRanges]:
        """The bounds of the free sizes, by their names, and of the dimensions that are made of them."""
        names, found = self.names(self.places), dict[Any, ValueRanges]()
        for place in self.places.values():
            found.setdefault(SizeName(place.text(names)), place.bounds())
        for free, name in names.items():
            found.setdefault(SizeName(name), ValueRanges(free.lower, free.upper))
        return found


class SizeName(str):
    """The name of a size, which prints as it is."""

    def __repr__(self) -> str:
        return str(self)


def _spec(free: Free) -> str:
    """The range of a named size as messages have it; nothing where it has no bounds of its own."""
    assert free.dim is not None
    root = free.dim.root
    lower = f"{root.min} <= " if root.min > 2 else ""
    upper = "" if root.max >= int_oo else f" <= {root.max}"
    return f" {lower}{free.label}{upper}" if lower or upper else ""


def _others(free: Free) -> list[int]:
    """Other values than the example's: two that share its divisors, if there are such, and some that do not."""
    hint, found = free.hint, list[int]()
    wanted = [2 * hint, 3 * hint, 2 * hint + 1, hint + 1, hint + 2, hint + 3, hint - 1, hint - 2, 5 * hint]
    for value in wanted:
        if max(free.lower, 2) <= value <= free.upper and value != hint and value not in found:
            found.append(value)
    return found[:5]


def _fixed(places: Places, free: Free) -> Places:
    """The places where one free size is the example's."""
    found: Places = {}
    for key, place in places.items():
        rest = tuple(other for other in place.frees if other is not free)
        factor = place.factor * free.hint ** (len(place.frees) - len(rest))
        if rest:
            found[key] = Place(rest, factor, place.rest)
    return found


def _joined(places: Places, free: Free, into: tuple[Free, ...], related: bool = False) -> Places:
    """The places where one free size is a multiple of a product of others, or, where it is `related`, another one plus
    what the example has between them.
    """
    product = math.prod(other.hint for other in into)
    multiple = free.hint // product if not related and free.hint % product == 0 else 1
    apart = free.hint - multiple * product
    found: Places = {}
    for key, place in places.items():
        if free not in place.frees:
            found[key] = place
        elif place.frees == (free,):
            found[key] = Place(into, place.factor * multiple, place.rest + place.factor * apart)
        elif not apart:
            others = tuple(other for other in place.frees if other is not free)
            found[key] = Place((*others, *into), place.factor * multiple, place.rest)
    return found


def places_of(leaves: list[Leaf], said: list[Sizes]) -> Places:
    """The free dimensions of the inputs. Raises ConstraintViolationError where the example is none of what is said."""
    places: Places = {}
    named: dict[str, Free] = {}
    for at, (leaf, sizes) in enumerate(zip(leaves, said)):
        for dim, how in sorted(sizes.items()):
            size, source = int(leaf.value.shape[dim]), f"{leaf.source}.size()[{dim}]"
            if isinstance(how, DimHint):
                _place_hint(places, (at, dim), how, size, source, leaf)
            elif isinstance(how, Dim):
                _place_dim(places, (at, dim), how, size, source, named)
            elif how != size:
                raise ConstraintViolationError(
                    f"Static shape constraint of {how} does not match input size of {size}, for {source}"
                )
    return places


def _place_hint(places: Places, key: tuple[int, int], how: DimHint, size: int, source: str, leaf: Leaf) -> None:
    if how.type.name == "STATIC" or (how.type.name == "AUTO" and size in (0, 1)):
        return
    if size in (0, 1):
        raise ValueError(
            "Found the following conflicts between user-specified ranges and inferred ranges from model tracing:\n"
            f"- Received user-specified dim hint Dim.DYNAMIC(min={how.min}, max={how.max}), but export 0/1 specialized "
            f"due to hint of {size} for dimension inputs{leaf.source.removeprefix('L')}.shape[{key[1]}]."
        )
    upper = int_oo if how.max is None else how.max
    lower = max(2, how.min or 2)
    places[key] = Place((Free(size, lower, upper, None, how.type.name == "DYNAMIC", source),))


def _place_dim(places: Places, key: tuple[int, int], how: Dim, size: int, source: str, named: dict[str, Free]) -> None:
    if not how.min <= size <= how.max:
        raise ConstraintViolationError(f"{size} not in range [{max(2, how.min)}, {how.max}]")
    hint, left = divmod(size - how.rest, how.factor)
    if left:
        raise ConstraintViolationError(f"{size} is not of the form {how}, for {source}")
    root = how.root
    free = named.setdefault(root.__name__, Free(hint, root.min, root.max, root, True, source))
    if free.hint != hint:
        raise UserError(
            f'Constraints violated ({root.__name__})! For more information, run with TORCH_LOGS="+dynamic".\n'
            f"  - The values of {how} = {source} and {root.__name__} = {free.source} must always be equal."
        )
    if (how.factor, how.rest) == (1, 0):
        free.source = source if free.source == "" else free.source
    places[key] = Place((free,), how.factor, how.rest)


__all__ = ["Free", "Place", "Search", "SizeName", "places_of"]
