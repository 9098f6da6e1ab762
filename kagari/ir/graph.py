"""The intermediate representation: values made by primitives from other values. Pure, typed, without memory or layout.

A value is a node. It knows its primitive (`op`), its arguments, its static attributes, its shape (sizes or symbols) and
its dtype. Primitives take arguments of exactly the shapes and dtypes listed in `spec.py`; broadcasting and promotion
are the business of `build.py`, which is what operator definitions use.

    op          arguments            attrs            result
    input       -                    (index,)         a tensor operand
    scalar      -                    (index,)         a Python scalar operand, 0-d
    size        -                    (Size,)          a size as a 0-d int64
    const       -                    (number,)        a literal, 0-d
    ELEMENTWISE same shapes          ()               same shape
    cast        x                    ()               same shape, other dtype
    require     condition, x         ()               x; an error where the condition does not hold
    detach      x                    ()               x, taken for a constant by differentiation
    real, imag  x                    ()               the parts of a complex x
    complex     real, imag           ()               the complex number with these parts
    storage     x                    ()               what lies in memory: the parts of a complex x along a dimension
    more, the bytes of floats of eight bits
    reinterpret x                    ()               the bits of an input, taken for another dtype
    reshape     x                    ()               new shape, row-major order kept
    permute     x                    (dims,)          dimensions in another order
    expand      x                    ()               dimensions of size 1 repeated
    slice       x                    (starts, steps)  shape says how many of each dimension; steps may be negative
    diagonal    x                    (dim0, dim1)     two dimensions of one size removed, their diagonal as the last
    windows     x                    (dim, step)      out[.., i, .., j] = x[.., i * step + j, ..], j along the last
    pad         x                    (low, high)      zeros added around
    cat         x0, x1, ...          (dim,)           joined
    iota        -                    (dim,)           index along dim
    reduce_sum, reduce_prod, reduce_max, reduce_min   x, (dims,): dims removed
    argmax, argmin                   x, (dim,)        int64 index of the first extremum, NaN counts as extremum
    cumsum, cumprod                  x, (dim,)        running sum, product
    argsort     x                    (dim, descending) int64 places of the elements in order along dim: the first ones,
    as many as the shape says; equal elements stay in order, NaN is the largest
    nth         x, place             (dim,)           int64 index of the element that comes at a place of that order,
    within bounds or an error
    searchsorted edges[.., n], x[.., m] (right,)      int64 count of the ordered edges below x, or not above it if right
    argcummax, argcummin             x, (dim,)        int64 index of the extremum so far, the last of equal ones, NaN
    counts as extremum
    logcumsumexp x                   (dim,)           logarithm of the running sum of exponentials
    gather      x, index             (dim,)           out[i..] = x[.., index[i..] at dim, ..], index within bounds or an
    error
    pick        x, index             (dim,)           as gather, of one element along dim, which is removed
    scatter_add x, index, src        (dim,)           x with src added at index; of booleans, whether either is true
    scatter_prod, scatter_max, scatter_min            as scatter_add: x multiplied by src, the extremum of both
    scatter     x, index, src        (dim,)           x with src written at index
    dot         a[.., m, k], b[.., k, n]              batched matrix product, floats accumulated in at least fp32
    depthwise   two of x[n, c, h, w], k[c, i, j], y[n, c, p, q] (part, stride, low, dilation): the third, the `output`
    y[n, c, p] = sum over i of x[n, c, p * stride + i * dilation - low] k[c, i], with zeros around x; the `input` or the
    `weight` it is the gradient of, summed over the same triples
    attend      q[.., l, e], k[.., s, e], v[.., s, d], scale, perhaps a mask[.., l, s] (causal, part): the `result`
    softmax(scale q k^T + mask) v, or of each row of scores the `logsums`, the logarithm of the sum of exponentials. A
    boolean mask is true where a query looks at a key; causal: query i looks at keys 0 to i only. A query that looks at
    nothing gives 0, and the logarithm +inf
    attend_grad q, k, v, the gradient of the result, logsums, delta[.., l], scale, perhaps a mask (causal, argument):
    the gradient of argument 0, 1 or 2 where that of the scores is w (h - delta), w = exp(scores - logsums), h = g v^T
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from ..base.dtypes import accumulate, bool_, dtype, int64, uint8
from ..base.symbols import Size, identical

UNARY_FLOAT = frozenset(
    [
        "sqrt",
        "rsqrt",
        "exp",
        "exp2",
        "expm1",
        "log",
        "log2",
        "log10",
        "log1p",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "acosh",
        "atanh",
        "erf",
        "erfc",
        "erfinv",
        "lgamma",
        "digamma",
        "sigmoid",
    ]
)
UNARY_ANY = frozenset(["neg", "abs", "sign", "floor", "ceil", "trunc", "round", "detach"])
UNARY_BITS = frozenset(("bitnot",))
BINARY = frozenset(
    [
        "add",
        "sub",
        "mul",
        "div",
        "idiv",
        "rem",
        "gcd",
        "pow",
        "atan2",
        "maximum",
        "minimum",
        "bitand",
        "bitor",
        "bitxor",
        "shl",
        "shr",
    ]
)
COMPARE = frozenset(["eq", "ne", "lt", "le", "gt", "ge"])
ELEMENTWISE = UNARY_FLOAT | UNARY_ANY | UNARY_BITS | BINARY | COMPARE | {"where", "cast", "require", "complex"}
MOVEMENT = frozenset(
    ["reshape", "permute", "expand", "slice", "diagonal", "windows", "real", "imag", "storage", "reinterpret"]
)
REDUCE = frozenset(["reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "argmax", "argmin"])
LEAVES = frozenset(["input", "scalar", "size", "const", "iota"])


Operation: TypeAlias = Callable[["Value", Any], "Value"]


class Value:
    """A node of the graph. Never changed after it was made.

    `weak` marks a Python number, whose dtype yields to that of tensors in promotion.
    """

    __slots__ = ("op", "args", "attrs", "shape", "dtype", "weak")

    # Arithmetic with values and numbers, as `build.py` defines it.
    __add__: Operation
    __radd__: Operation
    __sub__: Operation
    __rsub__: Operation
    __mul__: Operation
    __rmul__: Operation
    __truediv__: Operation
    __rtruediv__: Operation
    __pow__: Operation
    __rpow__: Operation
    __and__: Operation
    __or__: Operation
    __xor__: Operation
    __lt__: Operation
    __le__: Operation
    __gt__: Operation
    __ge__: Operation
    __neg__: Callable[[Value], Value]
    __invert__: Callable[[Value], Value]

    def __init__(
        self,
        op: str,
        args: tuple[Value, ...],
        attrs: tuple[Any, ...],
        shape: tuple[Size, ...],
        dt: dtype,
        weak: bool = False,
    ) -> None:
        self.op, self.args, self.attrs, self.shape, self.dtype, self.weak = op, args, attrs, shape, dt, weak

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<{self.op} {self.dtype.name}{list(self.shape)}>"


class Graph:
    """Outputs, and the inputs they are made from.

    `inputs` holds the `input` and `scalar` leaves in the order of the arguments.
    """

    __slots__ = ("_values", "inputs", "outputs")

    def __init__(self, inputs: Iterable[Value], outputs: Iterable[Value]) -> None:
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self._values: tuple[Value, ...] | None = None

    def values(self) -> tuple[Value, ...]:
        """Every value the outputs depend on, arguments before their users."""
        if self._values is None:
            self._values = tuple(topological(self.outputs))
        return self._values

    def users(self) -> dict[Value, list[Value]]:
        """For each value, the values that take it as an argument."""
        result: dict[Value, list[Value]] = {}
        for v in self.values():
            result.setdefault(v, [])
            for a in v.args:
                result[a].append(v)
        return result


def topological(outputs: Iterable[Value]) -> list[Value]:
    """Arguments before their users, without recursion."""
    order: list[Value] = []
    state: dict[Value, bool] = {}
    stack = list(outputs)[::-1]
    while stack:
        v = stack[-1]
        if v in state:
            stack.pop()
            if not state[v]:
                state[v] = True
                order.append(v)
            continue
        if not v.args:
            state[v] = True
            order.append(stack.pop())
            continue
        state[v] = False
        stack += [a for a in v.args[::-1] if a not in state]
    return order


def rebuild(outputs: Sequence[Value], new: dict[Value, Value]) -> list[Value]:
    """The graph with some values replaced."""
    stack = list(outputs)
    while stack:
        v = stack[-1]
        if v in new:
            stack.pop()
            continue
        missing = [a for a in v.args if a not in new]
        if missing:
            stack.extend(missing)
            continue
        args = tuple(new[a] for a in v.args)
        new[v] = v if args == v.args else Value(v.op, args, v.attrs, v.shape, v.dtype, v.weak)
        stack.pop()
    return [new[v] for v in outputs]


def elementwise(op: str, *args: Value) -> Value:
    """A primitive applied element by element to arguments of one shape."""
    dt = bool_ if op in COMPARE else args[-1].dtype
    return Value(op, args, (), args[-1].shape, dt.to_real() if op == "abs" else dt)


def cast(x: Value, dt: dtype) -> Value:
    """x in another dtype."""
    return x if x.dtype is dt else Value("cast", (x,), (), x.shape, dt)


def reshape(x: Value, shape: tuple[Size, ...]) -> Value:
    """The elements in the same row-major order, in another shape."""
    # Not `==`, which would make guards of sizes that need not be compared: a reshape between equal shapes does no harm.
    return x if identical(x.shape, shape) else Value("reshape", (x,), (), shape, x.dtype)


def permute(x: Value, dims: tuple[int, ...]) -> Value:
    """The dimensions in another order."""
    if dims == tuple(range(x.ndim)):
        return x
    return Value("permute", (x,), (dims,), tuple(x.shape[d] for d in dims), x.dtype)


def expand(x: Value, shape: tuple[Size, ...]) -> Value:
    """Repeats dimensions of size 1; the rank is kept."""
    return x if x.shape == shape else Value("expand", (x,), (), shape, x.dtype)


def slice_(x: Value, starts: tuple[Size, ...], steps: tuple[int, ...], shape: tuple[Size, ...]) -> Value:
    """Every `steps[d]`-th element of each dimension, from `starts[d]`, as many as `shape[d]`."""
    return Value("slice", (x,), (starts, steps), shape, x.dtype)


def diagonal(x: Value, dim0: int, dim1: int) -> Value:
    """The elements whose indices along two dimensions of one size are equal; they become the last dimension."""
    shape = tuple([s for d, s in enumerate(x.shape) if d not in (dim0, dim1)])
    return Value("diagonal", (x,), (dim0, dim1), (*shape, x.shape[dim0]), x.dtype)


def windows(x: Value, dim: int, count: Size, size: Size, step: int) -> Value:
    """`count` windows of `size` neighbours along `dim`, of which the first ones are `step` apart, as a dimension more.

    All of them have to lie within x.
    """
    return Value("windows", (x,), (dim, step), (*x.shape[:dim], count, *x.shape[dim + 1 :], size), x.dtype)


def pad(x: Value, low: tuple[Size, ...], high: tuple[Size, ...]) -> Value:
    """Zeros around x: so many before and after along each dimension."""
    shape = tuple(before + s + after for before, s, after in zip(low, x.shape, high))
    return Value("pad", (x,), (low, high), shape, x.dtype)


def reduce(op: str, x: Value, dims: tuple[int, ...]) -> Value:
    """`op` without its prefix `reduce_`: sum, prod, max, min; or argmax, argmin over one dimension."""
    if not dims:
        return x
    shape = tuple(s for d, s in enumerate(x.shape) if d not in dims)
    if op in ("argmax", "argmin"):
        return Value(op, (x,), dims, shape, int64)
    return Value(f"reduce_{op}", (x,), (tuple(sorted(dims)),), shape, x.dtype)


def part(op: str, x: Value) -> Value:
    """`real` or `imag` of a complex x."""
    return Value(op, (x,), (), x.shape, x.dtype.to_real(), x.weak)


def join(real: Value, imag: Value) -> Value:
    """The complex number with these parts."""
    return Value("complex", (real, imag), (), real.shape, real.dtype.to_complex())


def storage(x: Value) -> Value:
    """What lies in memory of a value that kernels do not compute with: parts along a dimension more, or bytes."""
    if x.dtype.is_complex:
        return Value("storage", (x,), (), (*x.shape, 2), x.dtype.to_real())
    return Value("storage", (x,), (), x.shape, uint8)


def reinterpret(x: Value, dt: dtype) -> Value:
    """The bits of x taken for another dtype; of another size the last dimension is longer or shorter."""
    old, new = x.dtype.itemsize, dt.itemsize
    shape = x.shape if old == new else (*x.shape[:-1], x.shape[-1] * old // new)
    return Value("reinterpret", (x,), (), shape, dt)


def scan(op: str, x: Value, dim: int) -> Value:
    """`cumsum`, `cumprod` or `logcumsumexp`."""
    return Value(op, (x,), (dim,), x.shape, x.dtype)


def argsort(x: Value, dim: int, descending: bool = False, count: Size | None = None) -> Value:
    """The places of the elements in order along a dimension; of the first `count` ones where that is given."""
    shape = x.shape if count is None else (*x.shape[:dim], count, *x.shape[dim + 1 :])
    return Value("argsort", (x,), (dim, descending), shape, int64)


def nth(x: Value, place: Value, dim: int) -> Value:
    """The index of the element that comes at a place of the ascending order along a dimension."""
    return Value("nth", (x, place), (dim,), place.shape, int64)


def searchsorted(edges: Value, x: Value, right: bool) -> Value:
    """How many of the ordered edges of a row lie below each element of x; with `right`, not above it."""
    return Value("searchsorted", (edges, x), (right,), x.shape, int64)


def arg_scan(op: str, x: Value, dim: int) -> Value:
    """`argcummax` or `argcummin`."""
    return Value(op, (x,), (dim,), x.shape, int64)


def cat(parts: tuple[Value, ...], dim: int) -> Value:
    """The parts joined along a dimension."""
    total: Size = 0
    for p in parts:
        total = p.shape[dim] + total
    first = parts[0]
    return Value("cat", parts, (dim,), (*first.shape[:dim], total, *first.shape[dim + 1 :]), first.dtype)


def gather(x: Value, index: Value, dim: int) -> Value:
    """out[i..] = x[.., index[i..] at dim, ..]."""
    return Value("gather", (x, index), (dim,), index.shape, x.dtype)


def pick(x: Value, index: Value, dim: int) -> Value:
    """One element of each row along a dimension, which is removed."""
    return Value("pick", (x, index), (dim,), index.shape, x.dtype)


def detach(x: Value) -> Value:
    """x without a gradient."""
    return Value("detach", (x,), (), x.shape, x.dtype)


def scatter(op: str, x: Value, index: Value, src: Value, dim: int) -> Value:
    """`scatter`, `scatter_add`, `scatter_prod`, `scatter_max` or `scatter_min`."""
    return Value(op, (x, index, src), (dim,), x.shape, x.dtype)


def dot(a: Value, b: Value) -> Value:
    """The batched matrix product of a[.., m, k] and b[.., k, n]."""
    return Value("dot", (a, b), (), a.shape[:-1] + b.shape[-1:], a.dtype)


LONGEST_TAPS = 7  # of a channel's weights along a dimension: kernels unroll them
LONGEST_STRIDE = 3


def depthwise(
    part: str,
    args: tuple[Value, Value],
    shape: tuple[Size, ...],
    stride: tuple[int, ...],
    low: tuple[Size, ...],
    dilation: tuple[int, ...],
) -> Value:
    """Of an image, the weights of its channels and what they make of it the `output`, `input` or `weight`, of a shape
    that is not empty but along the batch, from the two others. Taps are at most `LONGEST_TAPS`, strides
    `LONGEST_STRIDE`.
    """
    return Value("depthwise", args, (part, stride, low, dilation), shape, args[0].dtype)


def attend(args: tuple[Value, ...], causal: bool, part: str = "result") -> Value:
    """Attention of query, key, value, scale and perhaps a mask: the `result`, or the `logsums` of the scores."""
    query, value = args[0], args[2]
    if part == "logsums":
        return Value("attend", args, (causal, part), query.shape[:-1], accumulate(query.dtype))
    return Value("attend", args, (causal, part), (*query.shape[:-1], value.shape[-1]), query.dtype)


def attend_grad(args: tuple[Value, ...], causal: bool, argument: int) -> Value:
    """The gradient of query, key or value in `attend`."""
    return Value("attend_grad", args, (causal, argument), args[argument].shape, args[argument].dtype)


def const(value: complex | bool, dt: dtype, weak: bool = False) -> Value:
    """A literal."""
    return Value("const", (), (value,), (), dt, weak)


def iota(shape: tuple[Size, ...], dim: int) -> Value:
    """The index along `dim`, as int64."""
    return Value("iota", (), (dim,), shape, int64)


def size(value: Size) -> Value:
    """A size as a number the graph can compute with."""
    return const(value, int64, weak=True) if isinstance(value, int) else Value("size", (), (value,), (), int64, True)


def literal(v: Value) -> Any:
    """The number a value is filled with, where that is written in the graph."""
    while v.op in ("expand", "reshape", "permute") or (v.op == "cast" and v.dtype.is_floating_point):
        (v,) = v.args
    return v.attrs[0] if v.op == "const" else None
