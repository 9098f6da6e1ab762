"""What operator definitions are written in: the primitives with PyTorch's promotion and broadcasting.

Everything takes values or Python numbers. `add(x, 1)` on an integer x is an integer, on a float16 x a float16; a Python
float raises integers to the default dtype.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from ..base import dtypes
from ..base.dtypes import bool_, default_dtype, dtype, int64
from ..base.errors import BroadcastError
from ..base.symbols import Size, Sym, product
from . import graph
from .graph import Value

Operand: TypeAlias = Value | complex | bool | Sym


def lift(x: Operand) -> Value:
    """A number as a weak 0-d value."""
    if isinstance(x, Value):
        return x
    if isinstance(x, Sym):
        return graph.size(x)
    if isinstance(x, bool):
        return graph.const(x, bool_, weak=True)
    if isinstance(x, int):
        return graph.const(x, int64, weak=True)
    if isinstance(x, complex):
        return graph.const(x, default_dtype().to_complex(), weak=True)
    return graph.const(float(x), default_dtype(), weak=True)


def result_type(*values: Value) -> dtype:
    """The type that arithmetic with these values has, constants that were numbers as such (`dtypes.arithmetic`)."""
    return dtypes.arithmetic(
        [v.dtype for v in values if v.shape],
        [v.dtype for v in values if not v.shape and not v.weak],
        [v.dtype for v in values if v.weak],
    )


def broadcast_shape(*shapes: tuple[Size, ...]) -> tuple[Size, ...]:
    """The common shape, aligned at the last dimension. Raises BroadcastError naming the last sizes that differ."""
    rank = max(len(s) for s in shapes)
    result: list[Size] = [1] * rank
    for shape in shapes:
        for d in range(rank - 1, rank - len(shape) - 1, -1):
            have, s = result[d], shape[d - rank]
            if have is s or s == have or (isinstance(s, int) and s == 1):
                continue
            if isinstance(have, int) and have == 1:
                result[d] = s
            else:
                raise BroadcastError(have, s, d)
    return tuple(result)


def broadcast_to(x: Value, shape: tuple[Size, ...]) -> Value:
    """x with leading dimensions added and dimensions of size 1 repeated."""
    if len(shape) > x.ndim:
        x = graph.reshape(x, (1,) * (len(shape) - x.ndim) + x.shape)
    return graph.expand(x, shape)


def pointwise(op: str, *operands: Operand, to_float: bool = False, compute: dtype | None = None) -> Value:
    """An element-wise primitive on operands brought to one dtype and one shape.

    `to_float` turns integers into the default dtype first (sqrt, div, ...); `compute` forces the dtype.
    """
    values = [lift(x) for x in operands]
    dt = compute or result_type(*values)
    if to_float and dt.category < 2:
        dt = default_dtype()
    if (dt.is_complex and op not in COMPLEX) or (dt in dtypes.FLOAT8 and op not in _ON_BYTES):
        kernel = f"{op}_vml" if op in graph.UNARY_FLOAT else _KERNELS.get(op, op)
        raise NotImplementedError(f"\"{kernel}_cpu\" not implemented for '{dt.type_name}'")
    shape = broadcast_shape(*(v.shape for v in values))
    args = (broadcast_to(graph.cast(v, dt), shape) for v in values)
    result = graph.elementwise(op, *args)
    result.weak = all(v.weak for v in values)
    return result


COMPLEX = (graph.UNARY_FLOAT - {"erf", "erfc", "erfinv", "lgamma", "digamma"}) | frozenset(
    ["neg", "abs", "sign", "detach", "add", "sub", "mul", "div", "pow", "eq", "ne"]
)
"""Element-wise primitives of complex numbers."""
_ON_BYTES = frozenset(["eq", "ne", "lt", "le", "gt", "ge", "abs", "detach"])
_KERNELS = {"maximum": "max_elementwise", "minimum": "min_elementwise", "rem": "remainder", "idiv": "div_floor"}
"""What PyTorch's messages call primitives."""


def where(condition: Value, a: Operand, b: Operand) -> Value:
    """a where the condition holds, b elsewhere."""
    a, b = lift(a), lift(b)
    dt = result_type(a, b)
    shape = broadcast_shape(condition.shape, a.shape, b.shape)
    args = (broadcast_to(v, shape) for v in (graph.cast(condition, bool_), graph.cast(a, dt), graph.cast(b, dt)))
    return graph.elementwise("where", *args)


def real(x: Value) -> Value:
    """The real part; of a real x that itself."""
    return graph.part("real", x) if x.dtype.is_complex else x


def imag(x: Value) -> Value:
    """The imaginary part of a complex x."""
    return graph.part("imag", x)


def conj(x: Value) -> Value:
    """The conjugate; of a real x that itself."""
    return graph.join(real(x), neg(imag(x))) if x.dtype.is_complex else x


def complex_(a: Operand, b: Operand) -> Value:
    """The complex number a + bi of real ones, which are broadcast."""
    values = [lift(a), lift(b)]
    dt = result_type(*values)
    shape = broadcast_shape(*(v.shape for v in values))
    return graph.join(*(broadcast_to(graph.cast(v, dt), shape) for v in values))


def require(condition: Value, x: Value) -> Value:
    """x; running it is an error where the condition does not hold."""
    return graph.elementwise("require", condition, x)


def _unary(op: str, to_float: bool = False):
    def build(x: Operand) -> Value:
        return pointwise(op, x, to_float=to_float)

    build.__name__ = op
    build.__doc__ = f"The primitive `{op}`, element by element."
    return build


def _binary(op: str, to_float: bool = False):
    def build(a: Operand, b: Operand) -> Value:
        return pointwise(op, a, b, to_float=to_float)

    build.__name__ = op
    build.__doc__ = f"The primitive `{op}`, with promotion and broadcasting."
    return build


neg, abs_, sign = _unary("neg"), _unary("abs"), _unary("sign")
floor, ceil, trunc, round_ = _unary("floor"), _unary("ceil"), _unary("trunc"), _unary("round")
bitnot = _unary("bitnot")
sqrt, rsqrt, exp, exp2, expm1 = (_unary(n, True) for n in ("sqrt", "rsqrt", "exp", "exp2", "expm1"))
log, log2, log10, log1p = (_unary(n, True) for n in ("log", "log2", "log10", "log1p"))
sin, cos, tan, asin, acos, atan = (_unary(n, True) for n in ("sin", "cos", "tan", "asin", "acos", "atan"))
sinh, cosh, tanh, asinh, acosh, atanh = (_unary(n, True) for n in ("sinh", "cosh", "tanh", "asinh", "acosh", "atanh"))
erf, erfc, erfinv, sigmoid = _unary("erf", True), _unary("erfc", True), _unary("erfinv", True), _unary("sigmoid", True)
lgamma, digamma = _unary("lgamma", True), _unary("digamma", True)
add, sub, mul, div = _binary("add"), _binary("sub"), _binary("mul"), _binary("div", True)
idiv, rem, pow_, atan2 = _binary("idiv"), _binary("rem"), _binary("pow"), _binary("atan2", True)
gcd = _binary("gcd")
maximum, minimum = _binary("maximum"), _binary("minimum")
bitand, bitor, bitxor, shl, shr = (_binary(n) for n in ("bitand", "bitor", "bitxor", "shl", "shr"))
eq, ne, lt, le, gt, ge = (_binary(n) for n in ("eq", "ne", "lt", "le", "gt", "ge"))


def _reversed(build):
    return lambda a, b: build(b, a)


for _name, _build in {
    "add": add, "sub": sub, "mul": mul, "truediv": div, "pow": pow_, "and": bitand, "or": bitor, "xor": bitxor,
}.items():  # fmt: skip
    setattr(Value, f"__{_name}__", _build)
    setattr(Value, f"__r{_name}__", _reversed(_build))
for _name, _build in {"lt": lt, "le": le, "gt": gt, "ge": ge, "neg": neg, "invert": bitnot}.items():
    setattr(Value, f"__{_name}__", _build)


# Dimensions


def normalize_dims(dims: int | Iterable[int] | None, ndim: int) -> tuple[int, ...]:
    """Non-negative, checked dimensions; None or an empty list means all of them.

    Raises IndexError for a dimension out of range and RuntimeError for one listed twice, worded as PyTorch words them.
    """
    if dims is None or (not isinstance(dims, int) and not tuple(dims)):
        return tuple(range(ndim))
    result = [normalize_dim(d, ndim) for d in ((dims,) if isinstance(dims, int) else dims)]
    for d in result:
        if result.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return tuple(d for d in result if d < ndim)


def normalize_dim(dim: int, ndim: int) -> int:
    """A dimension counted from the front; a 0-d tensor accepts 0 and -1."""
    limit = max(ndim, 1)
    if not -limit <= dim < limit:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-limit}, {limit - 1}], but got {dim})")
    return dim % limit


def keep(x: Value, shape: Sequence[Size], dims: tuple[int, ...], keepdim: bool = True) -> Value:
    """The result of a reduction of `shape` over `dims` with those dimensions back as size 1, where asked for."""
    if not keepdim:
        return x
    return graph.reshape(x, tuple(1 if d in dims else s for d, s in enumerate(shape)))


def sum_(x: Value, dims: int | Iterable[int] | None = None, keepdim: bool = False) -> Value:
    """The sum over dimensions, all where None."""
    dims = normalize_dims(dims, x.ndim)
    return keep(graph.reduce("sum", x, dims), x.shape, dims, keepdim)


def amax(x: Value, dims: int | Iterable[int] | None = None, keepdim: bool = False) -> Value:
    """The largest element over dimensions."""
    dims = normalize_dims(dims, x.ndim)
    return keep(graph.reduce("max", x, dims), x.shape, dims, keepdim)


def amin(x: Value, dims: int | Iterable[int] | None = None, keepdim: bool = False) -> Value:
    """The smallest element over dimensions."""
    dims = normalize_dims(dims, x.ndim)
    return keep(graph.reduce("min", x, dims), x.shape, dims, keepdim)


def prod(x: Value, dims: int | Iterable[int] | None = None, keepdim: bool = False) -> Value:
    """The product over dimensions."""
    dims = normalize_dims(dims, x.ndim)
    return keep(graph.reduce("prod", x, dims), x.shape, dims, keepdim)


def count(x: Value, dims: tuple[int, ...]) -> Size:
    """How many elements a reduction over `dims` joins."""
    return product(tuple(x.shape[d] for d in dims))


def mean(x: Value, dims: int | Iterable[int] | None = None, keepdim: bool = False) -> Value:
    """The sum over dimensions divided by how many elements it joins."""
    dims = normalize_dims(dims, x.ndim)
    return div(sum_(x, dims, keepdim), count(x, dims))


def sum_to(x: Value, shape: tuple[Size, ...]) -> Value:
    """The transpose of `broadcast_to`: sums over what was repeated."""
    if x.shape == shape:
        return x
    lead = x.ndim - len(shape)
    dims = tuple(range(lead)) + tuple(
        d + lead for d, s in enumerate(shape) if isinstance(s, int) and s == 1 and x.shape[d + lead] != 1
    )
    return graph.reshape(graph.reduce("sum", x, dims), shape)


def transpose(x: Value, a: int = -2, b: int = -1) -> Value:
    """Two dimensions swapped."""
    dims = list(range(x.ndim))
    dims[a], dims[b] = dims[b], dims[a]
    return graph.permute(x, tuple(dims))


def full(shape: tuple[Size, ...], value: Operand, dt: dtype) -> Value:
    """One value in a shape and dtype."""
    return broadcast_to(graph.cast(lift(value), dt), shape)


def unsqueeze(x: Value, dim: int) -> Value:
    """A dimension of size 1 more."""
    dim = dim % (x.ndim + 1)
    return graph.reshape(x, (*x.shape[:dim], 1, *x.shape[dim:]))


def astype(x: Value, dt: dtype) -> Value:
    """x in another dtype."""
    return graph.cast(x, dt)
