"""What the intermediate representation means, in NumPy: the reference that compiled code is compared with.

Arrays have NumPy's type of the same name; bfloat16, which NumPy lacks, is a float32 array of rounded values. Inside a
graph float16 and bfloat16 values are float32 arrays and are rounded where they would reach memory: at a cast to them,
after reductions, scans and dots, and at the outputs. Python numbers (`weak` values) are doubles until they are cast or
meet a tensor.

The corner cases: `idiv` and `rem` truncate, as in C, and raise ZeroDivisionError for integers; `maximum`, `minimum` and
the reductions of that name return NaN if there is one; `sign` of NaN is 0; shifts by the width or more give 0 or -1; on
booleans `add` is or and `mul` is and; an integer to a negative power is 0 unless it is 1 or -1; an index outside of its
dimension, also a negative one, raises IndexError.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..base import dtypes
from ..base.dtypes import dtype
from ..base.symbols import evaluate
from ..ir.graph import ELEMENTWISE, Graph, Value

Array = np.ndarray

_SMALL = {
    **dict.fromkeys((dtypes.float16, dtypes.bfloat16, *dtypes.FLOAT8), "float32"), dtypes.complex32: "complex64",
}  # fmt: skip
CARRIED = {dt: np.dtype(_SMALL.get(dt, dt.name)) for dt in dtypes.ALL}
"""The NumPy type that holds values of a type inside of a graph."""

ROUNDING = frozenset(
    ("reduce_sum", "reduce_prod", "cumsum", "cumprod", "logcumsumexp", "dot", "scatter_add", "scatter_prod")
) | {"attend", "attend_grad"}
"""Primitives whose results are rounded to 16 bits, as a cast's are; others pass float32 on."""


class OutOfBounds(IndexError):
    """An index that is outside of its dimension."""

    def __init__(self, index: int, dim: int, size: int) -> None:
        super().__init__(f"index {index} is out of bounds for dimension {dim} with size {size}")
        self.index, self.dim, self.size = index, dim, size


def out_of_bounds(graph: Graph, inputs: Mapping[int, Array], sizes: Mapping[str, int]) -> OutOfBounds | None:
    """The first index of a graph that is out of bounds, as it stands in one of the integer inputs, by their numbers.

    Where it is negative there, the graph may have added the dimension's size to it.
    """
    arrays = [inputs[v.attrs[0]] if v.op == "input" else 1 for v in graph.inputs]
    try:
        interpret(graph, arrays, sizes)
    except OutOfBounds as found:
        raw = found.index - found.size
        moved = found.index < 0 and any(raw in x for x in inputs.values() if x.dtype.kind == "i")
        return OutOfBounds(raw, found.dim, found.size) if moved else found
    except Exception:  # a graph that the interpreter has no place for: there is an error to be raised already
        return None
    return None


def interpret(graph: Graph, inputs: Sequence[Any], sizes: Mapping[str, int] | None = None) -> list[Array]:
    """Runs a graph.

    Args:
        graph: what to run.
        inputs: an array or a Python number for each of `graph.inputs`.
        sizes: the value of each symbol by name.

    Raises:
        IndexError: an index of gather or scatter is outside of its dimension.
        ZeroDivisionError: an integer is divided by zero.
    """
    memo: dict[Value, Array] = {v: _as_array(x, v) for v, x in zip(graph.inputs, inputs, strict=True)}
    env = dict(sizes or {})
    with np.errstate(all="ignore"):
        for v in graph.values():
            if v not in memo:
                shape = tuple(evaluate(s, env) for s in v.shape)
                memo[v] = _evaluate(v, [memo[a] for a in v.args], shape, env)
        return [_as_output(memo[v], v) for v in graph.outputs]


def round_to(array: Array, dt: dtype) -> Array:
    """The array with the precision of `dt`, in the type that carries `dt`."""
    if dt is dtypes.float16:
        return array.astype(np.float16).astype(np.float32)
    array = array.astype(CARRIED[dt])
    if dt is not dtypes.bfloat16:
        return array
    bits = array.view(np.uint32)
    # To nearest, ties to even: half of the last kept bit, less one if that bit is even.
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(array), np.float32(np.nan), rounded.view(np.float32))


def _carried(v: Value) -> np.dtype:
    """The NumPy type of a value: numbers are in double precision."""
    if v.weak and v.dtype.is_differentiable:
        return np.dtype(np.complex128 if v.dtype.is_complex else np.float64)
    return CARRIED[v.dtype]


def _as_array(x: Any, v: Value) -> Array:
    return np.asarray(x).astype(_carried(v))


def _as_output(array: Array, v: Value) -> Array:
    array = round_to(array, v.dtype)
    return array.astype(np.float16) if v.dtype is dtypes.float16 else array


def _evaluate(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
    if v.op == "cast":
        cast = _cast(args[0], v.dtype)
        # A number is not rounded to 16 bits: it takes part in the arithmetic, which is that of float32.
        return cast.astype(CARRIED[v.dtype]) if v.args[0].weak else round_to(cast, v.dtype)
    if not v.weak:
        args = [a.astype(CARRIED[x.dtype], copy=False) for a, x in zip(args, v.args)]
    if v.op == "size":
        result = np.array(evaluate(v.attrs[0], env))
    elif v.op in ELEMENTWISE:
        result = ELEMENT[v.op](*args)
    else:
        result = STRUCTURE[v.op](v, args, shape, env)
    if v.op in ROUNDING:
        return round_to(result, v.dtype)
    return np.asarray(result).astype(_carried(v), copy=False)


# Element-wise


def _cast(x: Array, dt: dtype) -> Array:
    """Floats become integers by way of int64, so that negative ones wrap in unsigned types."""
    if x.dtype.kind == "c" and not dt.is_complex and dt is not dtypes.bool_:
        x = x.real
    return x.astype(np.int64) if x.dtype.kind == "f" and dt.category == 1 else x


def _pointwise(function: Callable[[float], float]) -> Callable[[Array], Array]:
    vectorized = np.vectorize(function, otypes=[np.float64])
    return lambda x: vectorized(x).astype(x.dtype)


def _lgamma(x: float) -> float:
    return math.inf if math.isinf(x) or (x <= 0 and x == math.floor(x)) else math.lgamma(x)


def _digamma(x: float) -> float:
    """Reflected for negative arguments, shifted above 10, then the asymptotic series."""
    if x == 0:
        return math.copysign(math.inf, -x)
    if math.isinf(x) or math.isnan(x):
        return x if x > 0 else math.nan
    if x < 0:
        return math.nan if x == math.floor(x) else _digamma(1 - x) - math.pi / math.tan(math.pi * x)
    shift = 0.0
    while x < 10:
        shift -= 1 / x
        x += 1
    w = 1 / (x * x)
    series = w * (1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w * (1 / 132)))))
    return shift + math.log(x) - 0.5 / x - series


def _erfinv(x: float) -> float:
    """A first guess by logarithms, then Halley's steps on erf, or on erfc near 1 where erf has no digits left."""
    if not -1 < x < 1:
        return math.copysign(math.inf, x) if abs(x) == 1 else math.nan
    log = math.log1p(-x * x)
    half = 2 / (math.pi * 0.147) + log / 2
    y = math.copysign(math.sqrt(max(math.sqrt(half * half - log / 0.147) - half, 0.0)), x)
    for _ in range(4):
        error = math.erf(y) - x if abs(x) < 0.5 else ((1 - abs(x)) - math.erfc(abs(y))) * math.copysign(1, x)
        step = error / (2 / math.sqrt(math.pi) * math.exp(-y * y))
        y -= step / (1 + y * step)
    return y


def _idiv(a: Array, b: Array) -> Array:
    if a.dtype.kind == "f":
        return np.trunc(a / b)
    _check_divisor(b)
    quotient = a // b
    return quotient + ((quotient * b != a) & ((a < 0) != (b < 0))).astype(a.dtype)


def _rem(a: Array, b: Array) -> Array:
    if a.dtype.kind != "f":
        _check_divisor(b)
    return np.fmod(a, b)


def _require(condition: Array, x: Array) -> Array:
    if not condition.all():
        raise ValueError("a value is not allowed")
    return x


def _check_divisor(b: Array) -> None:
    if not np.all(b):
        raise ZeroDivisionError("ZeroDivisionError")


def _pow(a: Array, b: Array) -> Array:
    if a.dtype.kind != "i" or not np.any(b < 0):
        return np.power(a, b)
    inverse = np.where(a == 1, 1, np.where(a == -1, 1 - 2 * (b & 1), 0)).astype(a.dtype)
    return np.where(b < 0, inverse, np.power(a, np.maximum(b, 0)))


def _sign(x: Array) -> Array:
    if x.dtype.kind == "c":
        return x / np.where(x == 0, 1, np.abs(x))
    return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)


def _on_floats(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda x: function(x) if x.dtype.kind == "f" else x


ELEMENT: dict[str, Callable[..., Array]] = {
    "detach": lambda x: x,
    "neg": np.negative, "abs": np.abs, "sign": _sign,
    "floor": _on_floats(np.floor), "ceil": _on_floats(np.ceil), "trunc": _on_floats(np.trunc),
    "round": _on_floats(np.rint),
    "bitnot": np.invert, "bitand": np.bitwise_and, "bitor": np.bitwise_or, "bitxor": np.bitwise_xor,
    "shl": np.left_shift, "shr": np.right_shift,
    "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x), "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1,
    "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "erf": _pointwise(math.erf), "erfc": _pointwise(math.erfc), "erfinv": _pointwise(_erfinv),
    "lgamma": _pointwise(_lgamma), "digamma": _pointwise(_digamma), "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "idiv": _idiv, "rem": _rem, "gcd": np.gcd,
    "pow": _pow,
    "atan2": np.arctan2, "maximum": np.maximum, "minimum": np.minimum,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "where": np.where,
    "require": lambda condition, x: _require(condition, x),
    "complex": lambda a, b: a + 1j * b,
}  # fmt: skip


# Structure: (the value, its arguments, its shape in numbers, the symbols' values) -> the result


def _const(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
    return np.array(v.attrs[0])


def _slice(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
    starts, steps = v.attrs
    index = (evaluate(start, env) + step * np.arange(n) for start, step, n in zip(starts, steps, shape))
    return args[0][np.ix_(*index)] if shape else args[0]


def _windows(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
    dim, step = v.attrs
    if not shape[dim]:
        return np.zeros(shape, args[0].dtype)
    seen = np.lib.stride_tricks.sliding_window_view(args[0], shape[-1], axis=dim)
    return np.take(seen, step * np.arange(shape[dim]), axis=dim)


def _pad(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
    result = np.zeros(shape, args[0].dtype)
    lows = [evaluate(low, env) for low in v.attrs[0]]
    result[tuple(slice(low, low + n) for low, n in zip(lows, args[0].shape))] = args[0]
    return result


def _iota(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
    (dim,) = v.attrs
    line = np.arange(shape[dim]).reshape([-1 if d == dim else 1 for d in range(len(shape))])
    return np.broadcast_to(line, shape)


def _least(dt: np.dtype) -> Any:
    """The neutral element of maximum."""
    return {"f": lambda: -np.inf, "b": lambda: False}.get(dt.kind, lambda: np.iinfo(dt).min)()


def _greatest(dt: np.dtype) -> Any:
    return {"f": lambda: np.inf, "b": lambda: True}.get(dt.kind, lambda: np.iinfo(dt).max)()


def _reduce(function: Callable[..., Array], neutral: Callable[[np.dtype], Any]) -> Callable[..., Array]:
    def run(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
        return function(args[0], axis=v.attrs[0], initial=neutral(args[0].dtype), **_keep_dtype(function, args[0]))

    return run


def _keep_dtype(function: Callable[..., Array], x: Array) -> dict[str, Any]:
    """NumPy would sum small integers in int64."""
    return {"dtype": x.dtype} if function in (np.sum, np.prod) else {}


def _argsort(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
    (x,), (dim, descending) = args, v.attrs
    if descending:  # the last of equal elements comes first in what is sorted from behind
        order = x.shape[dim] - 1 - np.flip(np.argsort(np.flip(x, dim), axis=dim, kind="stable"), dim)
    else:
        order = np.argsort(x, axis=dim, kind="stable")
    return order.take(np.arange(shape[dim]), axis=dim)


def _nth(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
    (x, place), (dim,) = args, v.attrs
    return np.argsort(x, axis=dim, kind="stable")[_positions(place, x.shape, dim)]


def _searchsorted(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
    """By halves: of edges that are not in order, NaN among them, the same ones are looked at as in a kernel."""
    edges, x = args
    low, high = np.zeros(shape, np.int64), np.full(shape, edges.shape[-1])
    while (low < high).any():
        middle = low + (high - low) // 2
        edge = np.take_along_axis(edges, np.minimum(middle, edges.shape[-1] - 1), -1)
        above = (edge > x if v.attrs[0] else edge >= x) | (low >= high)
        low, high = np.where(above, low, middle + 1), np.where(above, np.minimum(middle, high), high)
    return low


def _arg_scan(maximum: bool) -> Callable[..., Array]:
    def run(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
        (x,), (dim,) = args, v.attrs
        running = (np.maximum if maximum else np.minimum).accumulate(x, axis=dim)
        return np.maximum.accumulate(np.where((x == running) | (x != x), _iota(v, args, shape, env), 0), axis=dim)

    return run


def _positions(index: Array, shape: tuple[int, ...], dim: int) -> tuple[Array, ...]:
    """NumPy's index for gather and scatter: each element's own place, but along `dim` what `index` says."""
    bad = index[(index < 0) | (index >= shape[dim])]
    if bad.size:
        raise OutOfBounds(int(bad[0]), dim, shape[dim])
    grid: list[Array] = list(np.indices(index.shape, sparse=True))
    grid[dim] = index
    return tuple(grid)


def _gather(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
    x, index = args
    return x[_positions(index, x.shape, v.attrs[0])]


def _pick(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
    (x, index), (dim,) = args, v.attrs
    index = np.expand_dims(index, dim)
    return x[_positions(index, x.shape, dim)].squeeze(dim)


def _scatter(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
    x, index, src = args
    result = x.copy()
    result[_positions(index, x.shape, v.attrs[0])] = src
    return result


def _scatter_by(step: np.ufunc) -> Callable[..., Array]:
    def run(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
        x, index, src = args
        result = x.copy()
        step.at(result, _positions(index, x.shape, v.attrs[0]), src)
        return result

    return run


def _scores(q: Array, k: Array, scale: Array, mask: Sequence[Array], causal: bool) -> Array:
    scores = np.matmul(q, np.swapaxes(k, -1, -2)) * scale
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, -np.inf)
    for m in mask:
        scores = np.where(m, scores, -np.inf) if m.dtype == bool else scores + m
    return scores


def _attend(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
    (q, k, values, scale, *mask), (causal, part) = args, v.attrs
    scores = _scores(q, k, scale, mask, causal)
    largest = np.max(scores, -1, initial=-np.inf, keepdims=True)
    largest = np.where(largest == -np.inf, 0, largest)
    powers = np.exp(scores - largest)
    total = powers.sum(-1, keepdims=True)
    if part == "logsums":
        return np.where(total == 0, np.inf, largest + np.log(total))[..., 0]
    return np.matmul(powers / np.where(total == 0, 1, total), values)


def _attend_grad(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
    (q, k, values, g, logsums, delta, scale, *mask), (causal, argument) = args, v.attrs
    weights = np.exp(_scores(q, k, scale, mask, causal) - logsums[..., None])
    slopes = weights * (np.matmul(g, np.swapaxes(values, -1, -2)) - delta[..., None]) * scale
    if argument == 0:
        return np.matmul(slopes, k)
    return np.matmul(np.swapaxes(slopes, -1, -2), q) if argument == 1 else np.matmul(np.swapaxes(weights, -1, -2), g)


def _depthwise(v: Value, args: list[Array], shape: tuple[int, ...], env: Mapping[str, int]) -> Array:
    """The sum over all taps, each of which sees the padded input shifted."""
    part, stride, low, dilation = v.attrs
    low = tuple(evaluate(n, env) for n in low)
    x_shape = shape if part == "input" else args[0].shape
    y_shape = shape if part == "output" else args[part == "weight"].shape
    taps = shape[1:] if part == "weight" else args[1].shape[1:]
    spans = [(p - 1) * s + (k - 1) * d + 1 for p, s, k, d in zip(y_shape[2:], stride, taps, dilation)]
    around = [max(a + n, span) for a, n, span in zip(low, x_shape[2:], spans)]
    inner = (slice(None), slice(None), *(slice(a, a + n) for a, n in zip(low, x_shape[2:])))
    padded = np.zeros((*x_shape[:2], *around), args[0].dtype)
    if part != "input":
        padded[inner] = args[0]
    result = padded if part == "input" else np.zeros(shape, args[0].dtype)
    for tap in np.ndindex(*taps):
        places = (slice(i * d, i * d + p * s, s) for i, d, p, s in zip(tap, dilation, y_shape[2:], stride))
        seen = padded[(slice(None), slice(None), *places)]
        if part == "weight":
            result[(slice(None), *tap)] = np.sum(seen * args[1], axis=(0, 2, 3))
            continue
        weights = args[1][(slice(None), *tap)][:, None, None]
        if part == "output":
            result += seen * weights
        else:
            seen += args[0] * weights
    return result[inner] if part == "input" else result


STRUCTURE: dict[str, Callable[[Value, list[Array], tuple[int, ...], Mapping[str, int]], Array]] = {
    "const": _const,
    "iota": _iota,
    "reshape": lambda v, args, shape, env: args[0].reshape(shape),
    "permute": lambda v, args, shape, env: args[0].transpose(v.attrs[0]),
    "real": lambda v, args, shape, env: args[0].real,
    "imag": lambda v, args, shape, env: args[0].imag,
    "reinterpret": lambda v, args, shape, env: np.ascontiguousarray(args[0]).view(CARRIED[v.dtype]).reshape(shape),
    "storage": lambda v, args, shape, env: np.stack((args[0].real, args[0].imag), -1),
    "expand": lambda v, args, shape, env: np.broadcast_to(args[0], shape),
    "slice": _slice,
    "diagonal": lambda v, args, shape, env: np.diagonal(args[0], axis1=v.attrs[0], axis2=v.attrs[1]),
    "windows": _windows,
    "pad": _pad,
    "cat": lambda v, args, shape, env: np.concatenate(args, axis=v.attrs[0]),
    "reduce_sum": _reduce(np.sum, lambda dt: 0),
    "reduce_prod": _reduce(np.prod, lambda dt: 1),
    "reduce_max": _reduce(np.max, _least),
    "reduce_min": _reduce(np.min, _greatest),
    "argmax": lambda v, args, shape, env: np.argmax(args[0], axis=v.attrs[0]),
    "argmin": lambda v, args, shape, env: np.argmin(args[0], axis=v.attrs[0]),
    "argsort": _argsort,
    "nth": _nth,
    "searchsorted": _searchsorted,
    "argcummax": _arg_scan(True),
    "argcummin": _arg_scan(False),
    "logcumsumexp": lambda v, args, shape, env: np.logaddexp.accumulate(args[0], axis=v.attrs[0]),
    "cumsum": lambda v, args, shape, env: np.cumsum(args[0], axis=v.attrs[0], dtype=args[0].dtype),
    "cumprod": lambda v, args, shape, env: np.cumprod(args[0], axis=v.attrs[0], dtype=args[0].dtype),
    "gather": _gather,
    "pick": _pick,
    "scatter": _scatter,
    "scatter_add": _scatter_by(np.add),
    "scatter_prod": _scatter_by(np.multiply),
    "scatter_max": _scatter_by(np.maximum),
    "scatter_min": _scatter_by(np.minimum),
    "dot": lambda v, args, shape, env: np.matmul(*args),
    "depthwise": _depthwise,
    "attend": _attend,
    "attend_grad": _attend_grad,
}
