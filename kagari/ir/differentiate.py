"""Reverse-mode differentiation of the intermediate representation.

One table holds, for each primitive, the rule that turns the gradient of its result into the gradients of its
arguments. The rules are written with `build.py`, so a gradient is itself IR: it is fused like any other graph, and can
be differentiated again.

The gradient of a complex value a + bi is dL/da + i dL/db, as in PyTorch: that of an argument is the gradient of the
result times the conjugate of the derivative. A gradient of a real argument is the real part.

Rules use the primitive's own result where that is the cheapest form (`tanh`: g * (1 - v * v)), as it is the cheapest
thing to save. Subgradients are PyTorch's: 0 for `abs` at 0, an even split among ties of extrema.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from ..base.dtypes import accumulate, int64
from ..base.symbols import Size, Sym, identical
from . import attention, build, graph
from .build import conj, cos, cosh, digamma, eq, exp, ge, gt, log, lt, neg, pow_, rsqrt, sign, sin, sinh, trunc, where
from .graph import Value

Rule: TypeAlias = Callable[[Value, Value], tuple["Value | None", ...]]

LN2, LN10 = math.log(2.0), math.log(10.0)
HALF_SQRT_PI, TWO_OVER_SQRT_PI = math.sqrt(math.pi) / 2, 2 / math.sqrt(math.pi)

NOT_DIFFERENTIABLE = (
    graph.COMPARE
    | graph.LEAVES
    | graph.UNARY_BITS
    | {
        "detach",
        "floor",
        "ceil",
        "trunc",
        "round",
        "idiv",
        "gcd",
        "bitand",
        "bitor",
        "bitxor",
        "shl",
        "shr",
        "argmax",
        "argmin",
        "argsort",
        "nth",
        "reinterpret",
        "searchsorted",
        "argcummax",
        "argcummin",
    }
)
"""Primitives whose derivative is zero wherever it exists, and those that make or take no floats."""


def differentiate(
    outputs: Sequence[Value], grads: Sequence[Value | None], wrt: Sequence[Value], *, apart: bool = False
) -> list[Value | None]:
    """The gradients of `wrt`, given the gradients `grads` of `outputs`.

    Args:
        outputs: values that were computed from `wrt`.
        grads: for each output its gradient, of the same shape and dtype, or None for zero.
        wrt: the values to differentiate with respect to; leaves or not.
        apart: whether those of them that are made from others count as independent of these.

    Returns:
        For each of `wrt` a value of its shape and dtype, or None where no differentiable path leads to it.
    """
    order = graph.topological(outputs)
    wanted = set(wrt)
    depends: set[Value] = set()
    for v in order:
        if v.dtype.is_differentiable and (v in wanted or not depends.isdisjoint(v.args)):
            depends.add(v)
    total: dict[Value, Value] = {}
    for v, g in zip(outputs, grads):
        if g is not None and v in depends:
            total[v] = total[v] + g if v in total else g
    for v in reversed(order):
        g = total.get(v)
        if g is None or v.op in NOT_DIFFERENTIABLE or (apart and v in wanted):
            continue
        for arg, part in zip(v.args, VJP[v.op](v, g)):
            if part is not None and arg in depends:
                part = graph.cast(part, arg.dtype)
                total[arg] = total[arg] + part if arg in total else part
    return [total.get(v) for v in wrt]


# Element-wise rules. The gradient of an argument is the gradient of the result times a factor.


def _unary(factor: Callable[[Value, Value], Value]) -> Rule:
    """The rule of a function of one argument from its derivative, given the argument and the result."""
    return lambda v, g: (g * conj(factor(v.args[0], v)),)


def _divided(divisor: Callable[[Value, Value], Value]) -> Rule:
    """As `_unary`, for a derivative that is a reciprocal: g / d rounds once where g * (1 / d) rounds twice."""
    return lambda v, g: (g / conj(divisor(v.args[0], v)),)


def _trigamma(x: Value) -> Value:
    """The derivative of digamma: reflected below 1/2, shifted up by 8, then the asymptotic series."""
    low = lt(x, 0.5)
    y = where(low, 1 - x, x)
    series: Value | float = 0.0
    for k in range(8):
        step = y + k
        series = 1 / (step * step) + series
    z = y + 8
    w = 1 / (z * z)
    bernoulli = w * (1 / 6 - w * (1 / 30 - w * (1 / 42 - w * (1 / 30 - w * (5 / 66)))))
    series = series + (1 + 0.5 / z + bernoulli) / z
    # Where the reflection is not used the sine stays away from its zeros, or its own gradient would be NaN there.
    s = sin(math.pi * where(low, x, 0.25))
    return where(low, math.pi**2 / (s * s) - series, series)


def _div(v: Value, g: Value) -> tuple[Value, Value]:
    return g / conj(v.args[1]), neg(g * conj(v / v.args[1]))


def _rem(v: Value, g: Value) -> tuple[Value, Value]:
    a, b = v.args
    return g, neg(g * trunc(a / b))


def _pow(v: Value, g: Value) -> tuple[Value | None, Value | None]:
    """d/da = b a^(b-1), which is 0 for b = 0 even at a = 0; d/db = a^b log a, which is 0 at a = 0 for b >= 0."""
    a, b = v.args
    exponent = graph.literal(b)
    if exponent is not None:
        return (g * conj(exponent * pow_(a, exponent - 1)) if exponent else None), None
    grad_a = where(eq(b, 0), 0, g * conj(b * pow_(a, b - 1)))
    flat = build.bitand(eq(a, 0), ge(build.real(b), 0))
    # Inside the logarithm 1 stands for the 0 that is masked, or the second derivative would be NaN.
    grad_b = g * conj(where(flat, 0, v * log(where(flat, 1, a))))
    return grad_a, grad_b


def _abs(v: Value, g: Value) -> tuple[Value]:
    return (g * sign(v.args[0]),)


def _acosh_slope(x: Value, v: Value) -> Value:
    """1 / sqrt(x² - 1), for complex x by factors, which puts the branch cut where it belongs."""
    return rsqrt(x + 1) * rsqrt(x - 1) if x.dtype.is_complex else rsqrt(x * x - 1)


def _sign(v: Value, g: Value) -> tuple[Value | None]:
    """Of complex x = |x| s: the part of g that turns x, over |x|; a real sign is flat."""
    (x,) = v.args
    if not x.dtype.is_complex:
        return (None,)
    size = build.abs_(x)
    turning = build.sub(g, v * build.real(g * conj(v)))
    return (where(eq(size, 0), 0, turning / where(eq(size, 0), 1, size)),)


def _atan2(v: Value, g: Value) -> tuple[Value, Value]:
    a, b = v.args
    scaled = g / (a * a + b * b)
    return scaled * b, neg(scaled * a)


def _extremum(loses: Callable[[Value, Value], Value]) -> Rule:
    """maximum (`loses` is lt) and minimum (gt): the winner takes all, a tie is split, NaN gives it to both."""

    def rule(v: Value, g: Value) -> tuple[Value, Value]:
        a, b = v.args
        shared = where(eq(a, b), g / 2, g)
        return where(loses(a, b), 0, shared), where(loses(b, a), 0, shared)

    return rule


def _where(v: Value, g: Value) -> tuple[None, Value, Value]:
    condition = v.args[0]
    return None, where(condition, g, 0), where(condition, 0, g)


# Movement: each rule moves the gradient back.


def _zeros(x: Value) -> Value:
    return build.full(x.shape, 0, x.dtype)


def _storage(v: Value, g: Value) -> tuple[Value]:
    real, imag = (graph.reshape(_narrow(g, g.ndim - 1, i, 1), g.shape[:-1]) for i in (0, 1))
    return (build.complex_(real, imag),)


def _permute(v: Value, g: Value) -> tuple[Value]:
    (dims,) = v.attrs
    return (graph.permute(g, tuple(dims.index(d) for d in range(len(dims)))),)


def _flip(x: Value, dim: int) -> Value:
    starts = tuple(x.shape[dim] - 1 if d == dim else 0 for d in range(x.ndim))
    return graph.slice_(x, starts, tuple(-1 if d == dim else 1 for d in range(x.ndim)), x.shape)


def _narrow(x: Value, dim: int, start: Size, length: Size) -> Value:
    """`length` elements along `dim` from `start`."""
    starts = tuple(start if d == dim else 0 for d in range(x.ndim))
    return graph.slice_(x, starts, (1,) * x.ndim, (*x.shape[:dim], length, *x.shape[dim + 1 :]))


def _pad_dim(x: Value, dim: int, low: Size, high: Size) -> Value:
    return graph.pad(x, *(tuple(amount if d == dim else 0 for d in range(x.ndim)) for amount in (low, high)))


def _spread(g: Value, dim: int, start: Size, step: int, size: Size) -> Value:
    """Zeros of `size` along `dim`, with g at start, start + step, ...; `step` is at least 2."""
    count = g.shape[dim]
    columns = _pad_dim(build.unsqueeze(g, dim + 1), dim + 1, 0, step - 1)
    line = graph.reshape(columns, (*g.shape[:dim], count * step, *g.shape[dim + 1 :]))
    # Padded by more than needed and cut: no comparison of symbolic sizes decides how much is missing.
    return _narrow(_pad_dim(line, dim, start, size), dim, 0, size)


def _slice(v: Value, g: Value) -> tuple[Value]:
    (x,), (starts, steps) = v.args, v.attrs
    low: list[Size] = [0] * v.ndim
    high: list[Size] = [0] * v.ndim
    for d, (start, step, size) in enumerate(zip(starts, steps, x.shape)):
        if step < 0:
            g = _flip(g, d)
            start, step = start + step * (v.shape[d] - 1), -step
        if step == 1:
            low[d], high[d] = start, size - start - v.shape[d]
        else:
            g = _spread(g, d, start, step, size)
    # A symbolic amount pads without being compared with 0, which would become a guard.
    if any(isinstance(p, Sym) or p for p in low + high):
        g = graph.pad(g, tuple(low), tuple(high))
    return (g,)


def _diagonal(v: Value, g: Value) -> tuple[Value]:
    """Zeros but on the diagonal. Written as a comparison, it fuses with whatever reads it."""
    (x,), (a, b) = v.args, v.attrs
    first, second = min(a, b), max(a, b)
    line = graph.permute(g, (*range(first), g.ndim - 1, *range(first, g.ndim - 1)))
    on = eq(graph.iota(x.shape, a), graph.iota(x.shape, b))
    return (where(on, graph.expand(build.unsqueeze(line, second), x.shape), 0),)


def _windows(v: Value, g: Value) -> tuple[Value]:
    """Each element gets the sum over the windows that show it.

    Windows that are `step` apart show x[q * step + r] as element r, r + step, ... of windows q, q - 1, ... With zeros
    around the windows these lie on diagonals, whose sum is read in place.
    """
    (x,), (dim, step) = v.args, v.attrs
    if identical(v.shape[-1:], (0,)):
        return (_zeros(x),)
    # Nothing is asked of these sizes: the gradient serves all that the graph does.
    taps, length = ((n + step - 1) // step for n in (v.shape[-1], x.shape[dim]))
    first = graph.permute(g, (g.ndim - 1, *range(g.ndim - 1)))
    # Shapes below: T taps, S step, Q length.
    low: list[Size] = [0] * g.ndim
    high: list[Size] = [0] * g.ndim
    high[0] = taps * step - v.shape[-1]
    low[dim + 1], high[dim + 1] = taps - 1, length - v.shape[dim]
    padded = graph.pad(first, tuple(low), tuple(high))
    apart = graph.reshape(padded, (taps, step, *padded.shape[1:]))  # [T, S, .., Q + T - 1, ..]
    if identical((taps,), (1,)):
        parts = graph.reshape(apart, apart.shape[1:])
    else:
        shown = graph.windows(_flip(apart, 0), dim + 2, length, taps, 1)  # [T, S, .., Q, .., T]
        parts = build.sum_(graph.diagonal(shown, 0, shown.ndim - 1), -1)
    rows = graph.permute(parts, (*range(1, dim + 2), 0, *range(dim + 2, x.ndim + 1)))  # [.., Q, S, ..]
    whole = graph.reshape(rows, (*x.shape[:dim], length * step, *x.shape[dim + 1 :]))
    return (_narrow(whole, dim, 0, x.shape[dim]) if step > 1 else whole,)


def _pad(v: Value, g: Value) -> tuple[Value]:
    (x,) = v.args
    return (graph.slice_(g, v.attrs[0], (1,) * v.ndim, x.shape),)


def _cat(v: Value, g: Value) -> tuple[Value, ...]:
    (dim,) = v.attrs
    parts, start = [], 0
    for x in v.args:
        parts.append(_narrow(g, dim, start, x.shape[dim]))
        start = x.shape[dim] + start
    return tuple(parts)


# Reductions and scans


def _restore(reduced: Value, v: Value) -> Value:
    """A result of the reduction v, expanded to the shape of its argument."""
    (x,), (dims,) = v.args, v.attrs
    return graph.expand(build.keep(reduced, x.shape, dims), x.shape)


def _reduce_extremum(v: Value, g: Value) -> tuple[Value]:
    (x,), (dims,) = v.args, v.attrs
    chosen = eq(x, _restore(v, v))
    ties = graph.cast(graph.reduce("sum", graph.cast(chosen, accumulate(g.dtype)), dims), g.dtype)
    return (where(chosen, _restore(g / ties, v), 0),)


def _exclusive_cumprod(x: Value, dim: int) -> Value:
    """The product of the elements before each one."""
    one = build.full((*x.shape[:dim], 1, *x.shape[dim + 1 :]), 1, x.dtype)
    return _narrow(graph.scan("cumprod", graph.cat((one, x), dim), dim), dim, 0, x.shape[dim])


def _reduce_prod(v: Value, g: Value) -> tuple[Value]:
    """Each element's factor is the product of those before it and of those after it, so zeros need no special case."""
    (x,), (dims,) = v.args, v.attrs
    order = tuple(d for d in range(x.ndim) if d not in dims) + dims
    moved = graph.permute(x, order)
    flat = graph.reshape(moved, (*v.shape, build.count(x, dims)))
    last = v.ndim
    before = _exclusive_cumprod(flat, last)
    after = _flip(_exclusive_cumprod(_flip(flat, last), last), last)
    others = graph.reshape(before * after, moved.shape)
    return (_restore(g, v) * graph.permute(others, tuple(order.index(d) for d in range(x.ndim))),)


def _reversed_cumsum(x: Value, dim: int) -> Value:
    return _flip(graph.scan("cumsum", _flip(x, dim), dim), dim)


def _cumprod(v: Value, g: Value) -> tuple[Value]:
    """d y_i / d x_k = y_i / x_k for k <= i, without dividing by zero.

    Before the first zero the quotient exists; at the first zero the products without it count, for which a 1 takes its
    place; after it every product contains it. The derivative of this rule is exact where x has no zero.
    """
    (x,), (dim,) = v.args, v.attrs
    zero = eq(x, 0)
    zeros = graph.scan("cumsum", graph.cast(zero, int64), dim)
    first = build.bitand(zero, eq(zeros, 1))
    before = _reversed_cumsum(g * v, dim) / where(zero, 1, x)
    at = _reversed_cumsum(g * graph.scan("cumprod", where(first, 1, x), dim), dim)
    return (where(eq(zeros, 0), before, where(first, at, 0)),)


def _logcumsumexp(v: Value, g: Value) -> tuple[Value]:
    """d y_i / d x_k = exp(x_k - y_i) for k <= i. Summed over i as logarithms, the two signs of g apart."""
    (x,), (dim,) = v.args, v.attrs

    def part(g: Value) -> Value:
        positive = gt(g, 0)
        logarithms = where(positive, log(where(positive, g, 1)) - v, -math.inf)
        return exp(_flip(graph.scan("logcumsumexp", _flip(logarithms, dim), dim), dim) + x)

    return (part(g) - part(neg(g)),)


# Indexing and products


def _gather(v: Value, g: Value) -> tuple[Value, None]:
    x, index = v.args
    return graph.scatter("scatter_add", _zeros(x), index, g, v.attrs[0]), None


def _pick(v: Value, g: Value) -> tuple[Value, None]:
    """Zeros but at the index. Written as a comparison, it fuses with whatever reads it."""
    (x, index), (dim,) = v.args, v.attrs
    chosen = eq(graph.iota(x.shape, dim), graph.expand(build.unsqueeze(index, dim), x.shape))
    return where(chosen, graph.expand(build.unsqueeze(g, dim), x.shape), 0), None


def _scatter_add(v: Value, g: Value) -> tuple[Value, None, Value]:
    return g, None, graph.gather(g, v.args[1], v.attrs[0])


def _scatter_extremum(v: Value, g: Value) -> tuple[Value, None, Value]:
    """All that is equal to the extremum shares its gradient."""
    (x, index, src), (dim,) = v.args, v.attrs
    kept, chosen = eq(x, v), eq(src, graph.gather(v, index, dim))
    ties = graph.scatter("scatter_add", graph.cast(kept, g.dtype), index, graph.cast(chosen, g.dtype), dim)
    shared = g / ties
    return where(kept, shared, 0), None, where(chosen, graph.gather(shared, index, dim), 0)


def _scatter_prod(v: Value, g: Value) -> tuple[Value, None, Value]:
    """The product without the factor itself, by division; where that is 0 and alone so, with a 1 in its place."""
    (x, index, src), (dim,) = v.args, v.attrs
    without = graph.scatter("scatter_prod", build.full(x.shape, 1, x.dtype), index, src, dim)
    zero = eq(src, 0)
    zeros = graph.scatter("scatter_add", build.full(x.shape, 0, int64), index, graph.cast(zero, int64), dim)
    alone = build.bitand(zero, eq(graph.gather(zeros, index, dim), 1))
    others = graph.scatter("scatter_prod", x, index, where(alone, 1, src), dim)
    divided = graph.gather(g * v, index, dim) / where(zero, 1, src)
    return g * without, None, where(alone, graph.gather(g * others, index, dim), divided)


def _scatter(v: Value, g: Value) -> tuple[Value, None, Value]:
    """What was overwritten has no gradient. As in PyTorch, of an index written twice both sources have one."""
    (_, index, src), (dim,) = v.args, v.attrs
    return graph.scatter("scatter", g, index, _zeros(src), dim), None, graph.gather(g, index, dim)


def _dot(v: Value, g: Value) -> tuple[Value, Value]:
    a, b = (conj(build.transpose(x)) for x in v.args)
    return graph.dot(g, b), graph.dot(a, g)


def _depthwise(v: Value, g: Value) -> tuple[Value, Value]:
    """Each part is linear in both others."""
    (a, b), (part, *form) = v.args, v.attrs
    if part == "output":  # of input and weight
        return graph.depthwise("input", (g, b), a.shape, *form), graph.depthwise("weight", (a, g), b.shape, *form)
    if part == "input":  # of output and weight
        return graph.depthwise("output", (g, b), a.shape, *form), graph.depthwise("weight", (g, a), b.shape, *form)
    return graph.depthwise("input", (b, g), a.shape, *form), graph.depthwise("output", (a, g), b.shape, *form)


def _by_formula(v: Value, g: Value) -> tuple[Value | None, ...]:
    return tuple(differentiate([attention.formula(v)], [g], v.args, apart=True))


def _attend(v: Value, g: Value) -> tuple[Value | None, ...]:
    """The scores are computed again in blocks, from the logarithms of their sums. Those of a mask are made as a whole,
    as its gradient is.
    """
    causal, part = v.attrs
    if part == "logsums":
        return _by_formula(v, g)
    query, key, value, *rest = v.args
    wide = rest[0].dtype
    delta = graph.reduce("sum", graph.cast(g, wide) * graph.cast(v, wide), (v.ndim - 1,))
    args = (query, key, value, g, graph.attend(v.args, causal, "logsums"), delta, *rest)
    leaves = (x for x in graph.topological(rest) if x.op == "input")
    whole = any(x.dtype.is_differentiable for x in leaves)
    others = differentiate([attention.formula(v)], [g], rest, apart=True) if whole else [None] * len(rest)
    return (*(graph.attend_grad(args, causal, i) for i in range(3)), *others)


VJP: dict[str, Rule] = {
    "neg": lambda v, g: (neg(g),),
    "abs": _abs,
    "sign": _sign,
    "real": lambda v, g: (build.complex_(g, 0),),
    "imag": lambda v, g: (build.complex_(0, g),),
    "complex": lambda v, g: (build.real(g), build.imag(g)),
    "storage": _storage,
    "sqrt": _divided(lambda x, v: 2 * v),
    "rsqrt": _unary(lambda x, v: -0.5 * (v * v * v)),
    "exp": _unary(lambda x, v: v),
    "exp2": _unary(lambda x, v: v * LN2),
    "expm1": _unary(lambda x, v: v + 1),
    "log": _divided(lambda x, v: x),
    "log2": _divided(lambda x, v: x * LN2),
    "log10": _divided(lambda x, v: x * LN10),
    "log1p": _divided(lambda x, v: x + 1),
    "sin": _unary(lambda x, v: cos(x)),
    "cos": _unary(lambda x, v: neg(sin(x))),
    "tan": _unary(lambda x, v: 1 + v * v),
    "asin": _unary(lambda x, v: rsqrt(1 - x * x)),
    "acos": _unary(lambda x, v: neg(rsqrt(1 - x * x))),
    "atan": _divided(lambda x, v: x * x + 1),
    "sinh": _unary(lambda x, v: cosh(x)),
    "cosh": _unary(lambda x, v: sinh(x)),
    "tanh": _unary(lambda x, v: 1 - v * v),
    "asinh": _unary(lambda x, v: rsqrt(x * x + 1)),
    "acosh": _unary(_acosh_slope),
    "atanh": _divided(lambda x, v: 1 - x * x),
    "erf": _unary(lambda x, v: TWO_OVER_SQRT_PI * exp(neg(x * x))),
    "erfc": _unary(lambda x, v: -TWO_OVER_SQRT_PI * exp(neg(x * x))),
    "erfinv": _unary(lambda x, v: HALF_SQRT_PI * exp(v * v)),
    "lgamma": _unary(lambda x, v: digamma(x)),
    "digamma": _unary(lambda x, v: _trigamma(x)),
    "sigmoid": _unary(lambda x, v: v * (1 - v)),
    "add": lambda v, g: (g, g),
    "sub": lambda v, g: (g, neg(g)),
    "mul": lambda v, g: (g * conj(v.args[1]), g * conj(v.args[0])),
    "div": _div,
    "rem": _rem,
    "pow": _pow,
    "atan2": _atan2,
    "maximum": _extremum(lt),
    "minimum": _extremum(gt),
    "where": _where,
    "require": lambda v, g: (None, g),
    "cast": lambda v, g: (graph.cast(g, v.args[0].dtype),),
    "reshape": lambda v, g: (graph.reshape(g, v.args[0].shape),),
    "permute": _permute,
    "expand": lambda v, g: (build.sum_to(g, v.args[0].shape),),
    "slice": _slice,
    "diagonal": _diagonal,
    "windows": _windows,
    "pad": _pad,
    "cat": _cat,
    "reduce_sum": lambda v, g: (_restore(g, v),),
    "reduce_prod": _reduce_prod,
    "reduce_max": _reduce_extremum,
    "reduce_min": _reduce_extremum,
    "cumsum": lambda v, g: (_reversed_cumsum(g, v.attrs[0]),),
    "cumprod": _cumprod,
    "logcumsumexp": _logcumsumexp,
    "gather": _gather,
    "pick": _pick,
    "scatter_add": _scatter_add,
    "scatter_prod": _scatter_prod,
    "scatter_max": _scatter_extremum,
    "scatter_min": _scatter_extremum,
    "scatter": _scatter,
    "dot": _dot,
    "depthwise": _depthwise,
    "attend": _attend,
    "attend_grad": _by_formula,
}
"""For each differentiable primitive: (its value, the gradient of that) -> the gradients of its arguments."""
