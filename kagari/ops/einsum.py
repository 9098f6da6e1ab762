"""Einstein's summation: sums of products that a short text describes.

Every operand becomes a value with one label for each dimension. Repeated labels of an operand are a diagonal. Two
operands at a time are joined: labels that nothing needs any more are summed, in one of them beforehand, in both of them
by one batched matrix product. So the gradient is that of permutations, sums and products.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..base.dtypes import dtype
from ..base.symbols import Size, hint, product
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .autocast import lower
from .check import TYPE_NAMES, require
from .operator import Operator, Tensor, operator
from .reduce import summed
from .samples import Make, Sample, args, wanted

Label = str | int
"""A letter, or the number of a dimension that an ellipsis stands for, counted from the last one: -1, -2, ..."""


@dataclass(frozen=True, slots=True)
class _Labeled:
    """A value and the labels of its dimensions, all different."""

    value: Value
    labels: tuple[Label, ...]

    def size(self, label: Label) -> Size:
        """The size of the dimension with this label; 1 where there is none."""
        return self.value.shape[self.labels.index(label)] if label in self.labels else 1

    def without(self, dropped: Sequence[Label]) -> _Labeled:
        """Without dimensions of size 1."""
        kept = [(s, n) for s, n in zip(self.value.shape, self.labels) if n not in dropped]
        return _Labeled(graph.reshape(self.value, tuple(s for s, _ in kept)), tuple(n for _, n in kept))

    def summed(self, gone: Sequence[Label]) -> _Labeled:
        """With dimensions summed, of integers as int64."""
        if not gone:
            return self
        dims = tuple(d for d, n in enumerate(self.labels) if n in gone)
        return _Labeled(ir.sum_(summed(self.value), dims), tuple(n for n in self.labels if n not in gone))

    def ordered(self, *groups: Sequence[Label]) -> Value:
        """The value with the labels of each group as one dimension."""
        order = [n for group in groups for n in group]
        x = graph.permute(self.value, tuple(self.labels.index(n) for n in order))
        return graph.reshape(x, tuple(product(tuple(self.size(n) for n in group)) for group in groups))


def _fail(text: str) -> RuntimeError:
    return RuntimeError(f"einsum(): {text}")


def _term(equation: str, start: int, end: int, where: str, ellipsis: str) -> list[str]:
    """The labels in a part of the equation, `...` for an ellipsis.

    Raises RuntimeError for other characters than letters, and dots that are no ellipsis, or that of a second one.
    """
    found: list[str] = []
    at = start
    while at < end:
        c = equation[at]
        if c == ".":
            if "..." in found:
                raise _fail(f"found '.' for {where} {'but' if where == 'output' else 'for which'} an {ellipsis} was "
                            "already found")  # fmt: skip
            if equation[at : min(at + 3, end)] != "...":
                raise _fail(f"found '.' for {where} that is not part of any {ellipsis}")
            found.append("...")
            at += 2
        elif c in string.ascii_letters:
            found.append(c)
        elif c != " ":
            raise _fail(f"invalid subscript given at index {at} in the equation string, subscripts must be in [a-zA-Z]")
        at += 1
    return found


def _terms(equation: str, count: int) -> tuple[list[list[str]], list[str] | None]:
    """The labels of each operand and, where they are given, of the result."""
    arrow = equation.find("->")
    end = len(equation) if arrow < 0 else arrow
    terms: list[list[str]] = []
    start = 0
    for part in equation[:end].split(","):
        if len(terms) == count:
            _term(equation, start, start + len(part), f"operand {len(terms)}", "ellipsis")
            raise _fail("fewer operands were provided than specified in the equation")
        terms.append(_term(equation, start, start + len(part), f"operand {len(terms)}", "ellipsis"))
        start += len(part) + 1
    if len(terms) < count:
        raise _fail("more operands were provided than specified in the equation")
    return terms, None if arrow < 0 else _term(equation, arrow + 2, len(equation), "output", "ellipsis (...)")


def _labeled(x: Value, term: list[str], number: int) -> _Labeled:
    """An operand with its labels, repeated ones as a diagonal."""
    more = x.ndim - len(term) + 1
    if "..." in term and more >= 0:
        at = term.index("...")
        labels: list[Label] = [*term[:at], *range(-more, 0), *term[at + 1 :]]
    else:
        labels = [*term]
    if len(labels) != x.ndim or (more < 0 and "..." in term):
        count = len(term) - ("..." in term)
        raise _fail(
            f"the number of subscripts in the equation ({count}) "
            + ("is more than" if "..." in term else "does not match")
            + f" the number of dimensions ({x.ndim}) for operand {number}"
            + ("" if "..." in term else " and no ellipsis was given")
        )
    for n in dict.fromkeys(labels):
        while labels.count(n) > 1:
            first = labels.index(n)
            second = labels.index(n, first + 1)
            if x.shape[first] != x.shape[second]:
                raise _fail(
                    f"subscript {n} is repeated for operand {number} but the sizes don't match, "
                    f"{hint(x.shape[second])} != {hint(x.shape[first])}"
                )
            x = graph.diagonal(x, first, second)
            labels = [*labels[:first], *labels[first + 1 : second], *labels[second + 1 :], n]
    return _Labeled(x, tuple(labels))


def _sizes(operands: list[_Labeled]) -> dict[Label, Size]:
    """The size of each label. Raises RuntimeError where two operands disagree and neither has 1."""
    known: dict[Label, Size] = {}
    for number, x in enumerate(operands):
        for n in x.labels:
            have, size = known.get(n, 1), x.size(n)
            if have != size and size != 1:
                if have != 1:
                    raise _unlike(n, number, x, have)
                known[n] = size
            known.setdefault(n, size)
    return known


def _unlike(n: Label, number: int, x: _Labeled, have: Size) -> RuntimeError:
    size = hint(x.size(n))
    if isinstance(n, str):
        return _fail(
            f"subscript {n} has size {size} for operand {number} which does not broadcast with previously seen "
            f"size {hint(have)}"
        )
    return _fail(
        f"dimension {x.labels.index(n)} covered by ellipsis in operand {number}has size {size} which does not "
        f"broadcast with previously seen ellipsis with size {hint(have)} for the respective dimension"
    )


def _result(term: list[str] | None, terms: list[list[str]], sizes: dict[Label, Size]) -> tuple[Label, ...]:
    """The labels of the result: those that occur once, in alphabetical order, where the equation does not say it."""
    ellipsis = sorted(n for n in sizes if isinstance(n, int))
    if term is None:
        every = [n for part in terms for n in part if n != "..."]
        return (*ellipsis, *sorted(n for n in set(every) if every.count(n) == 1))
    for n in term:
        if n == "...":
            continue
        if term.count(n) > 1:
            raise _fail(f"output subscript {n} appears more than once in the output")
        if n not in sizes:
            raise _fail(f"output subscript {n} does not appear in the equation for any input operand")
    at = term.index("...") if "..." in term else 0
    return (*term[:at], *(ellipsis if "..." in term else ()), *term[at + ("..." in term) :])


def _joined(a: _Labeled, b: _Labeled, needed: set[Label]) -> _Labeled:
    """The product of two, with the labels summed that are not needed."""
    a, b = (x.without([n for n in x.labels if x.size(n) == 1 and y.size(n) != 1]) for x, y in ((a, b), (b, a)))
    both = [n for n in a.labels if n in b.labels]
    a = a.summed([n for n in a.labels if n not in needed and n not in both])
    b = b.summed([n for n in b.labels if n not in needed and n not in both])
    batch, inner = [n for n in both if n in needed], [n for n in both if n not in needed]
    rows, columns = [n for n in a.labels if n not in both], [n for n in b.labels if n not in both]
    labels = (*batch, *rows, *columns)
    if inner:
        require("bmm", a.value.dtype, 1, 3)
        if a.value.dtype is not b.value.dtype:
            raise RuntimeError(
                f"expected scalar type {TYPE_NAMES[a.value.dtype]} but found {TYPE_NAMES[b.value.dtype]}"
            )
        # Each batch dimension stays one of its own: joined ones would be copied where they don't follow each other.
        batches = [(n,) for n in batch]
        made = graph.dot(a.ordered(*batches, rows, inner), b.ordered(*batches, inner, columns))
        return _Labeled(graph.reshape(made, tuple(_size(n, a, b) for n in labels)), labels)
    left = a.ordered(*[(n,) for n in (*batch, *rows)], *[() for _ in columns])
    right = b.ordered(*[(n,) for n in batch], *[() for _ in rows], *[(n,) for n in columns])
    return _Labeled(ir.mul(left, right), labels)


def _size(n: Label, a: _Labeled, b: _Labeled) -> Size:
    return a.size(n) if n in a.labels else b.size(n)


def _products(make: Make) -> Iterator[Sample]:
    for equation, shapes in (
        ("ij,jk->ki", ((2, 3), (3, 4))), ("bij,bjk->kib", ((2, 3, 4), (2, 4, 5))), ("...i,...i", ((2, 3, 4), (3, 4))),
        ("ij,ij->ij", ((2, 3), (1, 3))), ("ij,ij->", ((2, 3), (2, 1))), ("iij,jkk->ik", ((2, 2, 3), (3, 4, 4))),
        ("ab,bc,cd->ad", ((2, 3), (3, 4), (4, 2))), ("ij,kl->jk", ((2, 3), (4, 5))), ("ij,jk->ik", ((2, 0), (0, 4))),
    ):  # fmt: skip
        yield (equation, *[make(*s) for s in shapes]), {}


def _refused(equation: str, text: str, *shapes: tuple[int, ...]) -> tuple[Sample, type, str]:
    return args(equation, *[wanted(*s) for s in shapes]), RuntimeError, text


def _lower_products(args: tuple[Any, ...], low: dtype) -> tuple[Any, ...]:
    """Under autocast it is in lower precision where two operands are summed together, as that is a matrix product."""
    equation, *operands = args
    terms, output = _terms(equation, len(operands))
    labeled = [_labeled(x, term, number) for number, (x, term) in enumerate(zip(operands, terms))]
    kept = _result(output, terms, _sizes(labeled))
    wide = [n for x in labeled for n in x.labels if n not in kept and x.size(n) != 1]
    return lower(args, low) if len(set(wide)) < len(wide) else args


@operator(
    autocast=_lower_products,
    method=False,
    out=False,
    dtypes="fic",
    samples=_products,
    errors=[
        _refused("ij,jk", "fewer operands were provided than specified", (2, 3)),
        _refused("ij", "more operands were provided than specified", (2, 3), (3, 4)),
        _refused("ij,jk", "subscript j has size 2 for operand 1 which does not broadcast", (2, 3), (2, 3)),
        _refused("ii", "subscript i is repeated for operand 0 but the sizes don't match, 3 != 2", (2, 3)),
        _refused("i1->i", "invalid subscript given at index 1", (2, 3)),
        _refused("i..j", "found '.' for operand 0 that is not part of any ellipsis", (2, 3)),
    ],
    node="ViewBackward0",
)
def einsum(equation: str, *operands: Tensor) -> Value:
    """Sums of products as `"ij,jk->ik"` says it. The function `einsum(equation, *operands)` stands before this one."""
    terms, output = _terms(equation, len(operands))
    labeled = [_labeled(x, term, number) for number, (x, term) in enumerate(zip(operands, terms))]
    labels = _result(output, terms, _sizes(labeled))
    result = labeled[0]
    for number, x in enumerate(labeled[1:], 1):
        needed = {*labels, *(n for later in labeled[number + 1 :] for n in later.labels)}
        result = _joined(result, x, needed)
    result = result.summed([n for n in result.labels if n not in labels])
    return graph.permute(result.value, tuple(result.labels.index(n) for n in labels))


OPERATORS: tuple[Operator, ...] = (einsum,)
