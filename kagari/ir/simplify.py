"""The first pass over every graph: equal values become one, constants are computed, identities are applied.

Afterwards movement stands at the leaves: a permute, expand, slice or reshape of an element-wise value has become the
element-wise value of moved arguments, so that kernels see arithmetic in one piece. It remains only on leaves, on
results that are materialised (reductions, products, gathers, joins), on numbers (`weak` values and their casts), which
are computed in double precision before they are spread, and as windows, which would compute an element several times.

Rules change no result but by rounding: where x could be NaN, infinite or -0 they hold for those, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from ..base import dtypes
from ..base.dtypes import LOWERED, accumulate, bool_, dtype
from ..base.symbols import Size, hint, identical, is_positive
from . import build, graph
from .fold import FOLD, convert, wrap
from .graph import BINARY, COMPARE, ELEMENTWISE, MOVEMENT, UNARY_ANY, UNARY_BITS, UNARY_FLOAT, Graph, Value, literal

Rule: TypeAlias = Callable[[Value], "Value | None"]

COMMUTATIVE = frozenset({"add", "mul", "maximum", "minimum", "bitand", "bitor", "bitxor", "eq", "ne"})


def simplify(g: Graph) -> Graph:
    """An equal graph with fewer and simpler values. Inputs keep their identity and order, used or not."""
    done: dict[Value, Value] = {v: v for v in g.inputs}
    known: dict[tuple[Any, ...], Value] = {}
    replaced: dict[Value, tuple[Value, tuple[Any, ...]]] = {}
    shared = _shared_products(g)
    products: set[Value] = set()  # what became of those
    stack = list(g.outputs)[::-1]
    while stack:
        v = stack[-1]
        if v in done:
            stack.pop()
            continue
        if v in replaced:
            # A rule made another value of v, which has been simplified by now.
            result, key = replaced.pop(v)
            done[v] = known[key] = done[result]
            continue
        pending = [a for a in v.args if a not in done]
        if pending:
            stack += pending
            continue
        w, key = _canonical(v, tuple([done[a] for a in v.args]), known)
        if key in known:
            done[v] = known[key]
            continue
        better = None if w.op in _OF_PRODUCTS and w.args[0] in products else _rewrite(w)
        if better is None:
            done[v] = done[w] = known[key] = w
            if v in shared:
                products.add(w)
            continue
        if v.weak and better not in done:
            better.weak = True
        replaced[v] = (better, key)
        stack.append(better)
    return Graph(g.inputs, [done[v] for v in g.outputs])


_OF_PRODUCTS = ("permute", "reduce_sum")


def _shared_products(g: Graph) -> set[Value]:
    """The matrix products that several values need: no rule may make a second product of one."""
    seen: set[Value] = set()
    shared: set[Value] = set()
    for used in (g.outputs, *(v.args for v in g.values())):
        for a in used:
            if a.op == "dot":
                (shared if a in seen else seen).add(a)
    return shared


def _canonical(v: Value, args: tuple[Value, ...], known: dict) -> tuple[Value, tuple[Any, ...]]:
    """v with its simplified arguments, and the key that equal values share."""
    w = v
    if args != v.args:
        w = Value(v.op, args, v.attrs, v.shape, v.dtype, v.weak)
    # The text tells -0.0 from 0.0 and True from 1, and makes NaN equal to itself.
    attrs: Any = repr(v.attrs[0]) if v.op == "const" else v.attrs
    if v.op in ("input", "scalar"):
        attrs = v
    if v.op in COMMUTATIVE:
        swapped = (v.op, args[::-1], attrs, v.shape, v.dtype, v.weak)
        if swapped in known:
            return w, swapped
    return w, (v.op, args, attrs, v.shape, v.dtype, v.weak)


def _rewrite(v: Value) -> Value | None:
    rules = RULES.get(v.op, ())
    if rules and v.op not in MOVEMENT and any(x.dtype in LOWERED for x in (v, *v.args)):
        return None  # what such arithmetic is made of is simplified once it is lowered
    for rule in rules:
        result = rule(v)
        if result is not None:
            return result
    return None


# Numbers


def _filled(v: Value, value: float | int | bool) -> Value:
    """A literal in place of v."""
    number = graph.const(wrap(value, v.dtype), v.dtype, v.weak)
    return number if not v.shape else build.broadcast_to(number, v.shape)


def fold(v: Value) -> Value | None:
    """Arithmetic on literals: in double precision, whatever the dtype."""
    function = FOLD.get(v.op)
    if function is None:
        return None
    numbers = []
    for a in v.args:
        number = literal(a)
        if number is None:
            return None
        numbers.append(number)
    try:
        return _filled(v, function(*numbers))
    except (ArithmeticError, ValueError):
        return None


def fold_cast(v: Value) -> Value | None:
    """A literal of another dtype."""
    (x,) = v.args
    number = literal(x)
    if number is None:
        return None
    try:
        return _filled(v, convert(number, None if x.weak else x.dtype, v.dtype))
    except (ArithmeticError, ValueError):
        return None


# Identities


def literal_right(v: Value) -> Value | None:
    """c + x = x + c: other rules look for literals on the right."""
    a, b = v.args
    if literal(a) is None or literal(b) is not None:
        return None
    return Value(v.op, (b, a), (), v.shape, v.dtype, v.weak)


def neutral(*numbers: float) -> Rule:
    """The rule x op c = x, for c one of `numbers`, told apart by sign of zero."""
    allowed = {(n, math.copysign(1, n)) for n in numbers}

    def neutral_right(v: Value) -> Value | None:
        number = literal(v.args[1])
        if number is None:
            return None
        if v.dtype.is_floating_point:
            return v.args[0] if (number, math.copysign(1, number)) in allowed else None
        return v.args[0] if number in numbers else None

    return neutral_right


def minus_one(v: Value) -> Value | None:
    """x * -1 = x / -1 = -x."""
    return graph.elementwise("neg", v.args[0]) if literal(v.args[1]) == -1 and v.dtype is not bool_ else None


def divide_by_power_of_two(v: Value) -> Value | None:
    """x / c = x * (1 / c) where the reciprocal is exact, in half precision too."""
    c = literal(v.args[1])
    if c is None or abs(math.frexp(c)[0]) != 0.5 or not 2**-14 <= abs(c) <= 2**14:
        return None
    return graph.elementwise("mul", v.args[0], _filled(v.args[1], 1 / c))


def sum_of_negative(v: Value) -> Value | None:
    """a + -b = a - b; -a + b = b - a; a - -b = a + b."""
    a, b = v.args
    if b.op == "neg":
        return graph.elementwise("sub" if v.op == "add" else "add", a, b.args[0])
    if a.op == "neg" and v.op == "add":
        return graph.elementwise("sub", b, a.args[0])
    return None


def product_of_negatives(v: Value) -> Value | None:
    """-a * -b = a * b, and so for quotients."""
    a, b = v.args
    return graph.elementwise(v.op, a.args[0], b.args[0]) if a.op == b.op == "neg" else None


def involution(v: Value) -> Value | None:
    """-(-x) = x, and so for bitnot."""
    return v.args[0].args[0] if v.args[0].op == v.op else None


def attached(v: Value) -> Value | None:
    """Once a graph is differentiated, constants are not told apart."""
    return v.args[0]


def absolute_of_sign(v: Value) -> Value | None:
    """|-x| = ||x|| = |x|."""
    (x,) = v.args
    return graph.elementwise("abs", x.args[0]) if x.op in ("neg", "abs") else None


def power(v: Value) -> Value | None:
    """x^c for the exponents that PyTorch computes in other ways."""
    x, c = v.args[0], literal(v.args[1])
    if c == 0:
        return _filled(v, 1)
    if c == 1:
        return x
    if c in (2, 3):
        square = x * x
        return square if c == 2 else square * x
    if not v.dtype.is_floating_point:
        return None
    if c in (0.5, -0.5):
        return graph.elementwise("sqrt" if c > 0 else "rsqrt", x)
    if c in (-1, -2):
        return 1 / x if c == -1 else 1 / (x * x)
    return None


def decided(v: Value) -> Value | None:
    """where(c, x, y) with a literal condition, or x and y the same."""
    condition, a, b = v.args
    if a is b:
        return a
    known = literal(condition)
    if known is None:
        return None
    return a if known else b


def logic(op: str) -> Rule:
    """On booleans, add and maximum are or, mul and minimum are and."""
    return lambda v: graph.elementwise(op, *v.args) if v.dtype is bool_ else None


_EXACT_INTEGERS = {dtypes.float16: 11, dtypes.bfloat16: 8, dtypes.float32: 24, dtypes.float64: 53}
"""How many bits of an integer each type of float holds."""


def _holds(wide: dtype, narrow: dtype) -> bool:
    """Whether every value of `narrow` is a value of `wide`."""
    if narrow is bool_ or wide is narrow:
        return True
    bits = narrow.itemsize * 8 - narrow.is_signed
    if narrow.category == 1 and wide.category == 1:
        return wide.itemsize * 8 - wide.is_signed >= bits and wide.is_signed >= narrow.is_signed
    if wide.category == 2:
        return bits <= _EXACT_INTEGERS[wide] if narrow.category == 1 else wide.itemsize > narrow.itemsize
    return False


def cast_of_cast(v: Value) -> Value | None:
    """A cast by way of a type that loses nothing goes directly."""
    (x,) = v.args
    if x.op != "cast" or x.args[0].weak or not _holds(x.dtype, x.args[0].dtype):
        return None
    return graph.cast(x.args[0], v.dtype)


# Movement


def unchanged(v: Value) -> Value | None:
    """Movement that moves nothing is left out, and so is a pad by nothing."""
    (x,) = v.args
    if v.op == "permute":
        return x if v.attrs[0] == tuple(range(x.ndim)) else None
    if not identical(v.shape, x.shape):
        return None
    if v.op == "slice":
        starts, steps = v.attrs
        return x if _all_are(starts, 0) and _all_are(steps, 1) else None
    if v.op == "pad":
        return x if _all_are(v.attrs[0], 0) and _all_are(v.attrs[1], 0) else None
    return x


def _all_are(sizes: tuple[Size, ...], number: int) -> bool:
    """Without asking a symbol, which would make a guard."""
    return all(isinstance(s, int) and s == number for s in sizes)


def _is_one(size: Size) -> bool:
    return isinstance(size, int) and size == 1


def is_number(v: Value) -> bool:
    """A Python number or its cast, computed in double precision as one scalar: movement stays outside."""
    return v.weak or (v.op == "cast" and v.args[0].weak)


def into_elementwise(v: Value) -> Value | None:
    """Movement of an element-wise value is the element-wise value of moved arguments."""
    (x,) = v.args
    if x.op not in ELEMENTWISE or is_number(x):
        return None
    return Value(x.op, tuple([Value(v.op, (a,), v.attrs, v.shape, a.dtype) for a in x.args]), (), v.shape, x.dtype)


def reshape_of_reshape(v: Value) -> Value | None:
    """Only the last shape counts."""
    (x,) = v.args
    return graph.reshape(x.args[0], v.shape) if x.op == "reshape" else None


def _groups(a: tuple[Size, ...], b: tuple[Size, ...]) -> list[tuple[int, int, int, int]] | None:
    """Splits two shapes of as many elements into runs of equal products: (start, end) in a, (start, end) in b.

    None where that cannot be told without comparing symbols.
    """
    result, i, j = [], 0, 0
    while i < len(a) or j < len(b):
        begin = (i, j)
        p: Size = 1
        q: Size = 1
        if i < len(a):
            p, i = a[i], i + 1
        if j < len(b) and not (i > begin[0] and _is_one(p)):
            q, j = b[j], j + 1
        while not identical((p,), (q,)):
            if i < len(a) and (hint(p) < hint(q) or j == len(b)):
                p, i = p * a[i], i + 1
            elif j < len(b):
                q, j = q * b[j], j + 1
            else:
                return None
        result.append((begin[0], i, begin[1], j))
    return result


def reshape_of_expand(v: Value) -> Value | None:
    """A reshape that joins or splits repeated dimensions among themselves, and others among themselves, goes inside."""
    (x,) = v.args
    if x.op != "expand":
        return None
    (source,) = x.args
    groups = _groups(x.shape, v.shape)
    if groups is None:
        return None
    inner: list[Size] = []
    for i, end_i, j, end_j in groups:
        repeated = [_is_one(source.shape[d]) for d in range(i, end_i) if not _is_one(x.shape[d])]
        if all(repeated):
            inner += [1] * (end_j - j)
        elif any(repeated):
            return None
        else:
            inner += v.shape[j:end_j]
    return graph.expand(graph.reshape(source, tuple(inner)), v.shape)


def permute_of_permute(v: Value) -> Value | None:
    """The orders compose."""
    (x,) = v.args
    return graph.permute(x.args[0], tuple([x.attrs[0][d] for d in v.attrs[0]])) if x.op == "permute" else None


def permute_of_units(v: Value) -> Value | None:
    """A permute that moves only dimensions of size 1 is a reshape."""
    (x,) = v.args
    order = [d for d in v.attrs[0] if not _is_one(x.shape[d])]
    return graph.reshape(x, v.shape) if order == sorted(order) else None


def permute_of_expand(v: Value) -> Value | None:
    """The order is changed first, while there is less of it."""
    (x,) = v.args
    return graph.expand(graph.permute(x.args[0], v.attrs[0]), v.shape) if x.op == "expand" else None


def transposed_dot(v: Value) -> Value | None:
    """(A B)^T = B^T A^T: the operands' strides change instead of the result's."""
    (x,) = v.args
    order = v.attrs[0]
    last = len(order) - 1
    if x.op != "dot" or order != (*range(last - 1), last, last - 1):
        return None
    return graph.dot(graph.permute(x.args[1], order), graph.permute(x.args[0], order))


def expand_of_expand(v: Value) -> Value | None:
    """Only the last shape counts."""
    (x,) = v.args
    return graph.expand(x.args[0], v.shape) if x.op == "expand" else None


def slice_of_slice(v: Value) -> Value | None:
    """The steps multiply."""
    (x,) = v.args
    if x.op != "slice":
        return None
    starts = tuple(a + s * b for a, s, b in zip(*x.attrs, v.attrs[0]))
    return graph.slice_(x.args[0], starts, tuple(a * b for a, b in zip(x.attrs[1], v.attrs[1])), v.shape)


def slice_of_permute(v: Value) -> Value | None:
    """Slices are taken before the order is changed."""
    (x,) = v.args
    if x.op != "permute":
        return None
    back = [x.attrs[0].index(d) for d in range(v.ndim)]
    starts, steps, shape = (tuple([t[d] for d in back]) for t in (*v.attrs, v.shape))
    return graph.permute(graph.slice_(x.args[0], starts, steps, shape), x.attrs[0])


def slice_of_expand(v: Value) -> Value | None:
    """Of repeated dimensions a slice only changes the size."""
    (x,) = v.args
    if x.op != "expand":
        return None
    (source,) = x.args
    repeated = [_is_one(s) for s in source.shape]
    starts, steps, shape = (
        tuple([alone if r else s for r, s in zip(repeated, sizes)])
        for alone, sizes in ((0, v.attrs[0]), (1, v.attrs[1]), (1, v.shape))
    )
    return graph.expand(graph.slice_(source, starts, steps, shape), v.shape)


def _within(start: Size, count: Size, size: Size) -> bool:
    """Whether `count` elements from `start` lie in `size` whatever the symbols are."""
    end = size - start - count
    return all(is_positive(x + 1) for x in (start, end))


def slice_of_pad(v: Value) -> Value | None:
    """A slice of what was there before the zeros."""
    (x,) = v.args
    if x.op != "pad" or not _all_are(v.attrs[1], 1):
        return None
    starts = tuple(s - low for s, low in zip(v.attrs[0], x.attrs[0]))
    (source,) = x.args
    if not all(_within(s, n, size) for s, n, size in zip(starts, v.shape, source.shape)):
        return None
    return graph.slice_(source, starts, v.attrs[1], v.shape)


def slice_of_cat(v: Value) -> Value | None:
    """A slice of one of the parts."""
    (x,) = v.args
    if x.op != "cat" or not _all_are(v.attrs[1], 1):
        return None
    (dim,) = x.attrs
    start = v.attrs[0][dim]
    for part in x.args:
        if _within(start, v.shape[dim], part.shape[dim]):
            return graph.slice_(part, (*v.attrs[0][:dim], start, *v.attrs[0][dim + 1 :]), v.attrs[1], v.shape)
        start = start - part.shape[dim]
    return None


def windows_of_one(v: Value) -> Value | None:
    """Windows of one element are a slice."""
    (x,), (dim, step) = v.args, v.attrs
    if not _is_one(v.shape[-1]):
        return None
    steps = tuple([step if d == dim else 1 for d in range(x.ndim)])
    return graph.reshape(graph.slice_(x, (0,) * x.ndim, steps, v.shape[:-1]), v.shape)


def windows_of_expand(v: Value) -> Value | None:
    """Windows of what is repeated are repeated, or are windows of less."""
    (x,), (dim, step) = v.args, v.attrs
    if x.op != "expand":
        return None
    (source,) = x.args
    if _is_one(source.shape[dim]):
        return graph.expand(graph.reshape(source, (*source.shape, 1)), v.shape)
    return graph.expand(graph.windows(source, dim, v.shape[dim], v.shape[-1], step), v.shape)


def diagonal_of_expand(v: Value) -> Value | None:
    """Along a repeated dimension all is one, and the other one stays; what else is repeated is so afterwards."""
    (x,), dims = v.args, v.attrs
    if x.op != "expand":
        return None
    (source,) = x.args
    repeated = [d for d in dims if _is_one(source.shape[d])]
    if not repeated:
        return graph.expand(graph.diagonal(source, *dims), v.shape)
    kept = [d for d in range(x.ndim) if d not in dims] + [d for d in dims if d != repeated[0]]
    moved = graph.permute(source, (*kept, repeated[0]))
    return graph.expand(graph.reshape(moved, moved.shape[:-1]), v.shape)


def pad_of_expand(v: Value) -> Value | None:
    """Zeros are put around before dimensions are repeated that have none."""
    (x,), (low, high) = v.args, v.attrs
    if x.op != "expand":
        return None
    (source,) = x.args
    around = [not _all_are((a, b), 0) for a, b in zip(low, high)]
    if any(a and not identical((s,), (n,)) for a, s, n in zip(around, source.shape, x.shape)):
        return None
    return graph.expand(graph.pad(source, low, high), v.shape)


def moved_iota(v: Value) -> Value | None:
    """An index in another order, or repeated, is an index along another dimension, or of another shape."""
    (x,) = v.args
    if x.op != "iota":
        return None
    (dim,) = x.attrs
    if v.op == "permute":
        return graph.iota(v.shape, v.attrs[0].index(dim))
    return graph.iota(v.shape, dim) if identical(v.shape[dim : dim + 1], x.shape[dim : dim + 1]) else None


def joined_nothing(v: Value) -> Value | None:
    """Parts of size 0 drop out; one part needs no joining."""
    (dim,) = v.attrs
    parts = tuple([a for a in v.args if not _all_are((a.shape[dim],), 0)])
    if len(parts) == len(v.args) > 1:
        return None
    return graph.cat(parts, dim) if len(parts) > 1 else (parts or v.args)[0]


# Reductions and products


def reduce_nothing(v: Value) -> Value | None:
    """Dimensions of size 1 are dropped by a reshape; no dimensions at all leave the argument."""
    (x,), (dims,) = v.args, v.attrs
    units = [d for d in dims if _is_one(x.shape[d])]
    if dims and not units:
        return None
    kept = [d for d in range(x.ndim) if d not in units]
    rest = tuple([i for i, d in enumerate(kept) if d in dims])
    return graph.reduce(v.op.removeprefix("reduce_"), graph.reshape(x, tuple([x.shape[d] for d in kept])), rest)


def first_of_one(v: Value) -> Value | None:
    """The extremum among one element is at 0."""
    return _filled(v, 0) if _is_one(v.args[0].shape[v.attrs[0]]) else None


def reduce_of_reduce(v: Value) -> Value | None:
    """Two reductions of one kind are one over the dimensions of both."""
    (x,), (dims,) = v.args, v.attrs
    if x.op != v.op:
        return None
    (source,), (inner,) = x.args, x.attrs
    kept = [d for d in range(source.ndim) if d not in inner]
    return graph.reduce(v.op.removeprefix("reduce_"), source, (*inner, *[kept[d] for d in dims]))


def reduce_of_expand(v: Value) -> Value | None:
    """What is repeated is reduced once: a sum is multiplied by the number of repetitions, an extremum stays."""
    (x,), (dims,) = v.args, v.attrs
    if x.op != "expand":
        return None
    (source,) = x.args
    repeated = [d for d in range(x.ndim) if _is_one(source.shape[d]) and not _is_one(x.shape[d])]
    inside = [d for d in dims if d in repeated]
    if not all(is_positive(x.shape[d]) for d in inside) or (inside and v.op == "reduce_prod"):
        return None
    result = graph.reduce(v.op.removeprefix("reduce_"), source, dims)
    if inside and v.op == "reduce_sum":
        # The count may be above what half precision holds where the product is not.
        wide = accumulate(v.dtype)
        result = graph.cast(build.mul(graph.cast(result, wide), build.count(x, tuple(inside))), v.dtype)
    return graph.expand(result, v.shape)


def outer_product(v: Value) -> Value | None:
    """A matrix product over one inner element is a product of its factors, repeated."""
    a, b = v.args
    if not _is_one(a.shape[-1]):
        return None
    return graph.elementwise("mul", graph.expand(a, v.shape), graph.expand(b, v.shape))


def product_of_integers(v: Value) -> Value | None:
    """A matrix product of integers is a sum of products: kernels for contractions are for floats."""
    a, b = v.args
    if v.dtype.is_floating_point:
        return None
    shape = (*a.shape, b.shape[-1])
    factors = (graph.expand(build.unsqueeze(x, d), shape) for x, d in ((a, a.ndim), (b, b.ndim - 2)))
    return graph.reduce("sum", graph.elementwise("mul", *factors), (a.ndim - 1,))


def sum_of_products(v: Value) -> Value | None:
    """A sum of matrix products over all their batches is one product, over the batches and the inner dimension
    together.
    """
    (x,), (dims,) = v.args, v.attrs
    batch = tuple(range(x.ndim - 2))
    if x.op != "dot" or not batch or dims[: len(batch)] != batch:
        return None
    a, b = x.args
    inner = build.count(a, (*batch, a.ndim - 1))
    rows = graph.permute(a, (a.ndim - 2, *batch, a.ndim - 1))
    whole = graph.dot(graph.reshape(rows, (rows.shape[0], inner)), graph.reshape(b, (inner, b.shape[-1])))
    return graph.reduce("sum", whole, tuple([d - len(batch) for d in dims[len(batch) :]]))


_REDUCE = (reduce_nothing, reduce_of_reduce, reduce_of_expand)
_BITS = frozenset({"bitand", "bitor", "bitxor", "shl", "shr"})

RULES: dict[str, tuple[Rule, ...]] = {
    **dict.fromkeys(UNARY_FLOAT | UNARY_ANY | UNARY_BITS | BINARY | COMPARE, (fold,)),
    "neg": (fold, involution),
    "detach": (attached,),
    "bitnot": (fold, involution),
    "abs": (fold, absolute_of_sign),
    "add": (fold, logic("bitor"), literal_right, neutral(-0.0), sum_of_negative),
    "sub": (fold, neutral(0.0), sum_of_negative),
    "mul": (fold, logic("bitand"), literal_right, neutral(1), minus_one, product_of_negatives),
    "div": (fold, neutral(1), minus_one, divide_by_power_of_two, product_of_negatives),
    "idiv": (fold, neutral(1)),
    "pow": (fold, power),
    "maximum": (fold, logic("bitor"), literal_right),
    "minimum": (fold, logic("bitand"), literal_right),
    "bitand": (fold, literal_right),
    "bitor": (fold, literal_right, neutral(0)),
    "bitxor": (fold, literal_right, neutral(0)),
    "shl": (fold, neutral(0)),
    "shr": (fold, neutral(0)),
    "eq": (fold, literal_right),
    "ne": (fold, literal_right),
    "where": (fold, decided),
    "cast": (fold_cast, cast_of_cast),
    "reshape": (unchanged, into_elementwise, reshape_of_reshape, reshape_of_expand),
    "permute": (
        unchanged,
        into_elementwise,
        permute_of_permute,
        permute_of_expand,
        moved_iota,
        permute_of_units,
        transposed_dot,
    ),
    "expand": (unchanged, into_elementwise, expand_of_expand, moved_iota),
    "slice": (
        unchanged,
        into_elementwise,
        slice_of_slice,
        slice_of_permute,
        slice_of_expand,
        slice_of_pad,
        slice_of_cat,
    ),
    "diagonal": (into_elementwise, diagonal_of_expand),
    "windows": (windows_of_one, windows_of_expand),
    "pad": (unchanged, pad_of_expand),
    "cat": (joined_nothing,),
    "reduce_sum": (*_REDUCE, sum_of_products),
    "reduce_prod": _REDUCE,
    "reduce_max": _REDUCE,
    "reduce_min": _REDUCE,
    "argmax": (first_of_one,),
    "argmin": (first_of_one,),
    "dot": (
        outer_product,
        product_of_integers,
    ),
}
"""For each primitive the rules that are tried in order. A rule returns a simpler value, or None where it is no use."""
