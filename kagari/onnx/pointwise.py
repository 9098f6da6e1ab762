"""Operators element by element, as nodes of ONNX."""

from __future__ import annotations

from typing import Any

from ..base.dtypes import bool_, dtype, float32, int64, promote
from .builder import Builder, Translate, Val, number, unsupported

_UNARY = {
    "abs": "Abs", "acos": "Acos", "acosh": "Acosh", "asin": "Asin", "asinh": "Asinh", "atan": "Atan", "atanh": "Atanh",
    "ceil": "Ceil", "cos": "Cos", "cosh": "Cosh", "erf": "Erf", "exp": "Exp", "floor": "Floor", "log": "Log",
    "neg": "Neg", "reciprocal": "Reciprocal", "relu": "Relu", "round": "Round", "sigmoid": "Sigmoid", "sign": "Sign",
    "sin": "Sin", "sinh": "Sinh", "sqrt": "Sqrt", "tan": "Tan", "tanh": "Tanh", "hardswish": "HardSwish",
    "mish": "Mish", "isnan": "IsNaN", "isinf": "IsInf",
}  # fmt: skip
_COMPARISONS = {"eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual"}
_LOGICAL = {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor"}
_IDENTITIES = ("alias", "clone", "contiguous", "detach", "lift_fresh", "lift_fresh_copy", "detach_")


def _unary(kind: str) -> Translate:
    def run(b: Builder, x: Val, **options: Any) -> Val:
        if options:
            raise unsupported(f"the arguments {options}")
        same = b.result.dtype is bool_
        return b.emit(kind, x if same else b.to(x, b.result.dtype))

    return run


def _common(b: Builder, x: Any, y: Any) -> tuple[Val, Val]:
    """Two operands in the dtype that PyTorch compares them in."""
    kinds = [v.dtype for v in (x, y) if isinstance(v, Val)]
    dt = kinds[0] if len(kinds) == 1 else promote(*kinds)
    tensors = [v for v in (x, y) if isinstance(v, Val) and v.rank]
    if len(tensors) == 1:
        dt = tensors[0].dtype
    if any(isinstance(v, float) for v in (x, y)) and not dt.is_floating_point:
        dt = float32
    return b.to(x, dt), b.to(y, dt)


def _comparison(kind: str) -> Translate:
    return lambda b, x, y: b.emit(kind, *_common(b, x, y))


def _logical(kind: str) -> Translate:
    return lambda b, x, y: b.emit(kind, b.to(x, bool_), b.to(y, bool_))


def _bitwise(kind: str, of_booleans: str) -> Translate:
    def run(b: Builder, *operands: Any) -> Val:
        values = [b.to(v, b.result.dtype) for v in operands]
        return b.emit(of_booleans if b.result.dtype is bool_ else kind, *values)

    return run


def _not_equal(b: Builder, x: Any, y: Any) -> Val:
    return b.emit("Not", b.op("Equal", *_common(b, x, y)))


def _binary(kind: str) -> Translate:
    def run(b: Builder, x: Any, y: Any) -> Val:
        return b.emit(kind, b.to(x, b.result.dtype), b.to(y, b.result.dtype))

    return run


def _scaled(b: Builder, y: Any, alpha: Any) -> Val:
    """An operand times a factor."""
    dt = b.result.dtype
    value = b.to(y, dt)
    return value if alpha == 1 else Val(b.op("Mul", value, b.to(alpha, dt)), dt, value.shape)


def _add(b: Builder, x: Any, y: Any, *, alpha: Any = 1) -> Val:
    if b.result.dtype is bool_:
        return b.emit("Or", b.to(x, bool_), b.to(y, bool_))
    return b.emit("Add", b.to(x, b.result.dtype), _scaled(b, y, alpha))


def _sub(b: Builder, x: Any, y: Any, *, alpha: Any = 1) -> Val:
    return b.emit("Sub", b.to(x, b.result.dtype), _scaled(b, y, alpha))


def _rsub(b: Builder, x: Val, y: Any, *, alpha: Any = 1) -> Val:
    return b.emit("Sub", b.to(y, b.result.dtype), _scaled(b, x, alpha))


def _mul(b: Builder, x: Any, y: Any) -> Val:
    return b.emit("And" if b.result.dtype is bool_ else "Mul", b.to(x, b.result.dtype), b.to(y, b.result.dtype))


def _div(b: Builder, x: Any, y: Any, *, rounding_mode: str | None = None) -> Val:
    dt = b.result.dtype
    x, y = b.to(x, dt), b.to(y, dt)
    if rounding_mode is None:
        return b.emit("Div", x, y)
    if rounding_mode == "floor":
        return _floor_divide(b, x, y)
    quotient = b.op("Div", x, y)
    if not dt.is_floating_point:
        return b.made(quotient)
    whole = b.op("Cast", b.op("Cast", quotient, to=number(int64)), to=number(dt))
    return b.made(whole)


def _floor_divide(b: Builder, x: Any, y: Any) -> Val:
    dt = b.result.dtype
    x, y = b.to(x, dt), b.to(y, dt)
    if dt.is_floating_point:
        return b.emit("Floor", b.op("Div", x, y))
    rest = b.op("Mod", x, y)
    return b.emit("Div", b.op("Sub", x, rest), y)


def _remainder(b: Builder, x: Any, y: Any) -> Val:
    dt = b.result.dtype
    x, y = b.to(x, dt), b.to(y, dt)
    if not dt.is_floating_point:
        return b.emit("Mod", x, y)
    whole = b.op("Floor", b.op("Div", x, y))
    return b.emit("Sub", x, b.op("Mul", whole, y))


def _rsqrt(b: Builder, x: Val) -> Val:
    return b.emit("Reciprocal", b.op("Sqrt", b.to(x, b.result.dtype)))


def _clamp(b: Builder, x: Val, low: Any = None, high: Any = None) -> Val:
    dt = b.result.dtype
    value = b.to(x, dt)
    for kind, bound in (("Max", low), ("Min", high)):
        if bound is not None:
            value = Val(b.op(kind, value, b.to(bound, dt)), dt, value.shape)
    return b.made(value.name)


def _gelu(b: Builder, x: Val, *, approximate: str = "none") -> Val:
    return b.emit("Gelu", x, approximate=approximate)


def _silu(b: Builder, x: Val) -> Val:
    return b.emit("Mul", x, b.op("Sigmoid", x))


def _hardsigmoid(b: Builder, x: Val) -> Val:
    return b.emit("HardSigmoid", x, alpha=1 / 6, beta=0.5)


def _elu(b: Builder, x: Val, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Val:
    if scale != 1 or input_scale != 1:
        raise unsupported("a scale of elu")
    return b.emit("Elu", x, alpha=float(alpha))


def _softplus(b: Builder, x: Val, beta: float = 1, threshold: float = 20) -> Val:
    dt = b.result.dtype
    scaled = b.op("Mul", x, b.to(beta, dt))
    soft = b.op("Div", b.op("Softplus", scaled), b.to(beta, dt))
    return b.emit("Where", b.op("Greater", scaled, b.to(threshold, dt)), x, soft)


def _prelu(b: Builder, x: Val, weight: Val) -> Val:
    slope = weight
    if weight.shape != (1,) and x.rank > 2:
        sizes = b.array([-1, *[1] * (x.rank - 2)], int64)
        slope = Val(b.op("Reshape", weight, sizes), weight.dtype, ())
    return b.emit("PRelu", x, slope)


def _glu(b: Builder, x: Val, dim: int = -1) -> Val:
    first, second = b.op("Split", x, outputs=2, axis=dim, num_outputs=2)
    return b.emit("Mul", first, b.op("Sigmoid", second))


def _where(b: Builder, condition: Val, x: Any, y: Any) -> Val:
    return b.emit("Where", condition, b.to(x, b.result.dtype), b.to(y, b.result.dtype))


def _masked_fill(b: Builder, x: Val, mask: Val, value: Any) -> Val:
    return b.emit("Where", mask, b.to(value, b.result.dtype), x)


def _cast(b: Builder, x: Val, *args: Any, **options: Any) -> Val:
    return b.emit("Identity", x) if x.dtype is b.result.dtype else b.made(b.to(x, b.result.dtype).name)


def _exp2(b: Builder, x: Val) -> Val:
    return b.emit("Pow", b.to(2, b.result.dtype), b.to(x, b.result.dtype))


def _logarithm(base: float) -> Translate:
    def run(b: Builder, x: Val) -> Val:
        return b.emit("Div", b.op("Log", b.to(x, b.result.dtype)), b.to(base, b.result.dtype))

    return run


def _with_one(kind: str, after: str, first: bool) -> Translate:
    """`log1p` and `expm1`: a function with 1 added before or taken away behind it."""

    def run(b: Builder, x: Val) -> Val:
        dt: dtype = b.result.dtype
        one, value = b.to(1, dt), b.to(x, dt)
        return b.emit(kind, b.op(after, value, one)) if first else b.emit(after, b.op(kind, value), one)

    return run


def _square(b: Builder, x: Val) -> Val:
    return b.emit("Mul", x, x)


def _dropout(b: Builder, x: Val, p: float, train: bool) -> Val:
    if not train or not p:
        return b.emit("Identity", x)
    return b.emit("Dropout", x, b.to(p, float32), b.to(True, bool_))


POINTWISE: dict[str, Translate] = {
    **{name: _unary(kind) for name, kind in _UNARY.items()},
    **{name: _comparison(kind) for name, kind in _COMPARISONS.items()},
    **{name: _logical(kind) for name, kind in _LOGICAL.items()},
    **{name: lambda b, x, *args, **options: b.emit("Identity", x) for name in _IDENTITIES},
    "add": _add,
    "bitwise_and": _bitwise("BitwiseAnd", "And"),
    "bitwise_not": _bitwise("BitwiseNot", "Not"),
    "bitwise_or": _bitwise("BitwiseOr", "Or"),
    "bitwise_xor": _bitwise("BitwiseXor", "Xor"),
    "celu": lambda b, x, alpha=1.0: b.emit("Celu", x, alpha=float(alpha)),
    "clamp": _clamp,
    "clamp_max": lambda b, x, high: _clamp(b, x, None, high),
    "clamp_min": lambda b, x, low: _clamp(b, x, low),
    "div": _div,
    "dropout": _dropout,
    "elu": _elu,
    "exp2": _exp2,
    "expm1": _with_one("Exp", "Sub", False),
    "floor_divide": _floor_divide,
    "gelu": _gelu,
    "glu": _glu,
    "hardsigmoid": _hardsigmoid,
    "hardtanh": lambda b, x, low=-1, high=1: _clamp(b, x, low, high),
    "leaky_relu": lambda b, x, slope=0.01: b.emit("LeakyRelu", x, alpha=float(slope)),
    "log10": _logarithm(2.302585092994046),
    "log1p": _with_one("Log", "Add", True),
    "log2": _logarithm(0.6931471805599453),
    "log_sigmoid": lambda b, x: b.emit("Neg", b.op("Softplus", b.op("Neg", x))),
    "logical_not": lambda b, x: b.emit("Not", b.to(x, bool_)),
    "masked_fill": _masked_fill,
    "maximum": _binary("Max"),
    "minimum": _binary("Min"),
    "mul": _mul,
    "ne": _not_equal,
    "pow": _binary("Pow"),
    "prelu": _prelu,
    "relu6": lambda b, x: _clamp(b, x, 0, 6),
    "remainder": _remainder,
    "rsqrt": _rsqrt,
    "rsub": _rsub,
    "selu": _unary("Selu"),
    "silu": _silu,
    "softplus": _softplus,
    "softsign": _unary("Softsign"),
    "square": _square,
    "sub": _sub,
    "threshold": lambda b, x, threshold, value: b.emit(
        "Where", b.op("Greater", x, b.to(threshold, x.dtype)), x, b.to(value, x.dtype)
    ),
    "to": _cast,
    "type_as": _cast,
    "where": _where,
}

__all__ = ["POINTWISE"]
