"""What a legal graph is: for each primitive the conditions on its arguments, attributes, shape and dtype.

`build.py` and the passes make graphs that keep to this; `verify` proves it, in tests and wherever a pass is suspected.
Symbolic sizes are compared by their present values: two sizes that are written differently may be equal by a guard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ..base.dtypes import LOWERED, accumulate, bool_, dtype, int64, uint8
from ..base.errors import CompileError
from ..base.symbols import Size, Sym, hint
from .graph import BINARY, COMPARE, UNARY_ANY, UNARY_BITS, UNARY_FLOAT, Graph, Value
from .printer import ATTRS, format_type, format_value

Check: TypeAlias = Callable[[Value], None]


class _IllegalError(Exception):
    """Why a value is not legal."""


class _TypeError(_IllegalError):
    """A primitive is not there for a dtype: the fault of whoever gave an operator tensors of it."""


def verify(graph: Graph) -> None:
    """Raises CompileError, showing the value and the reason, unless the graph keeps to the specification.

    A primitive that is not there for a dtype raises NotImplementedError, as an operator does.
    """
    for v in graph.inputs:
        if v.op not in ("input", "scalar"):
            raise CompileError(f"Not an input: {format_value(v, [])}")
    known = set(graph.inputs)
    for v in graph.values():
        try:
            _check_value(v)
            _require(v.op not in ("input", "scalar") or v in known, "the graph does not list it among its inputs")
        except _TypeError as reason:
            raise NotImplementedError(
                f"\"{v.op}\" not implemented for '{v.args[0].dtype.type_name}': {reason}"
            ) from None
        except _IllegalError as reason:
            args = [f"<{a.op} {format_type(a)}>" for a in v.args]
            raise CompileError(f"Illegal value: {format_value(v, args)}\n  {reason}") from None


def _check_value(v: Value) -> None:
    check = SPEC.get(v.op)
    if check is None:
        raise _IllegalError("there is no such primitive")
    attrs = ATTRS.get(v.op, ())
    if len(v.attrs) != len(attrs):
        raise _IllegalError(f"it takes the attributes ({', '.join(attrs)}), not {len(v.attrs)}")
    if not isinstance(v.dtype, dtype):
        raise _IllegalError(f"{v.dtype!r} is not a dtype")
    for s in v.shape:
        _require(_is_size(s), "sizes are integers from 0 on, or symbols")
    _require(not v.weak or not v.shape, "a number (weak) has no dimensions")
    arity = ARITY.get(v.op, 1)
    allowed = arity if isinstance(arity, tuple) else (arity,)
    if len(v.args) not in allowed and (arity != -1 or not v.args):
        raise _IllegalError(f"it takes {abs(allowed[0])} arguments")
    check(v)


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise _IllegalError(reason)


# Vocabulary


def _is_size(s: object) -> bool:
    return isinstance(s, Sym) or (type(s) is int and s >= 0)


def _equal(a: tuple[Size, ...], b: tuple[Size, ...]) -> bool:
    return a is b or (len(a) == len(b) and all(x is y or hint(x) == hint(y) for x, y in zip(a, b)))


def _shape(v: Value, expected: tuple[Size, ...]) -> None:
    if not _equal(v.shape, expected):
        raise _IllegalError(f"its shape should be [{', '.join(map(str, expected))}]")


def _dtype(v: Value, expected: dtype) -> None:
    if v.dtype is not expected:
        raise _IllegalError(f"its dtype should be {expected.name}")


def _like(v: Value, x: Value) -> None:
    _shape(v, x.shape)
    _dtype(v, x.dtype)


def _same_dtype(*values: Value) -> None:
    for v in values:
        _require(v.dtype is values[0].dtype, "arguments should have one dtype")


def _same_shape(*values: Value) -> None:
    for v in values:
        _require(_equal(v.shape, values[0].shape), "arguments should have one shape")


def _dim(dim: object, ndim: int) -> None:
    if type(dim) is not int or not 0 <= dim < ndim:
        raise _IllegalError(f"there is no dimension {dim} among {ndim}")


def _without(shape: tuple[Size, ...], dim: int) -> tuple[Size, ...]:
    return shape[:dim] + shape[dim + 1 :]


def _count(shape: tuple[Size, ...]) -> int:
    result = 1
    for s in shape:
        result *= hint(s)
    return result


# Kinds of dtypes


def _any(dt: dtype) -> bool:
    return True


def _float(dt: dtype) -> bool:
    return dt.category > 1


def _real(dt: dtype) -> bool:
    return dt.category < 3


def _real_float(dt: dtype) -> bool:
    return dt.category == 2


def _integer(dt: dtype) -> bool:
    return dt.category == 1


def _integer_or_bool(dt: dtype) -> bool:
    return dt.category < 2


def _number(dt: dtype) -> bool:
    return dt.category > 0


KINDS: dict[str, tuple[Callable[[dtype], bool], str]] = {
    **dict.fromkeys((*UNARY_FLOAT, "div"), (_float, "floats")),
    **dict.fromkeys((*UNARY_ANY, "sub", "rem", "pow", "cumsum", "cumprod", "dot"), (_number, "numbers")),
    **dict.fromkeys(("floor", "ceil", "trunc", "round", "maximum", "minimum"), (_real, "real numbers")),
    **dict.fromkeys(("argsort", "nth", "searchsorted", "argcummax", "argcummin"), (_real, "real numbers")),
    "logcumsumexp": (_real_float, "real floats"),
    **dict.fromkeys(("atan2", "complex", "depthwise", "attend", "attend_grad"), (_real_float, "real floats")),
    **dict.fromkeys(("reduce_sum", "reduce_prod"), (_number, "numbers")),
    **dict.fromkeys((*UNARY_BITS, "bitand", "bitor", "bitxor"), (_integer_or_bool, "integers or booleans")),
    **dict.fromkeys(("idiv", "gcd", "shl", "shr"), (_integer, "integers")),
}
"""The dtypes that primitives take, where not all."""


def _kind(op: str, x: Value) -> None:
    accepts, words = KINDS.get(op, (_any, ""))
    if not accepts(x.dtype):
        raise _TypeError(f"it takes {words}")


# The primitives


def _input(v: Value) -> None:
    _require(type(v.attrs[0]) is int, "its index should be an integer")


def _scalar(v: Value) -> None:
    _input(v)
    _shape(v, ())


def _size(v: Value) -> None:
    _require(_is_size(v.attrs[0]), "it should hold a size")
    _shape(v, ())
    _dtype(v, int64)


def _const(v: Value) -> None:
    _require(type(v.attrs[0]) in (bool, int, float, complex), "it should hold a number")
    _shape(v, ())


def _iota(v: Value) -> None:
    _dim(v.attrs[0], v.ndim)
    _dtype(v, int64)


def _elementwise(v: Value) -> None:
    _same_shape(*v.args)
    _same_dtype(*v.args)
    _kind(v.op, v.args[0])
    _shape(v, v.args[0].shape)
    _dtype(v, v.args[0].dtype.to_real() if v.op == "abs" else v.args[0].dtype)


def _part(v: Value) -> None:
    (x,) = v.args
    _require(x.dtype.is_complex, "it takes complex numbers")
    _shape(v, x.shape)
    _dtype(v, x.dtype.to_real())


def _complex(v: Value) -> None:
    _same_shape(*v.args)
    _same_dtype(*v.args)
    _kind(v.op, v.args[0])
    _shape(v, v.args[0].shape)
    _dtype(v, v.args[0].dtype.to_complex())


def _storage(v: Value) -> None:
    (x,) = v.args
    _require(x.dtype in LOWERED, "it takes complex numbers and floats of eight bits")
    _shape(v, (*x.shape, 2) if x.dtype.is_complex else x.shape)
    _dtype(v, x.dtype.to_real() if x.dtype.is_complex else uint8)


def _reinterpret(v: Value) -> None:
    (x,) = v.args
    _require(x.dtype not in LOWERED, "it takes numbers that kernels compute with")
    _require(_equal(v.shape[:-1], x.shape[:-1]) and v.ndim == x.ndim, "only the last size may change")
    _require(_count(v.shape) * v.dtype.itemsize == _count(x.shape) * x.dtype.itemsize, "the number of bytes changes")


def _compare(v: Value) -> None:
    _same_shape(*v.args)
    _same_dtype(*v.args)
    _shape(v, v.args[0].shape)
    _dtype(v, bool_)


def _where(v: Value) -> None:
    condition, a, b = v.args
    _require(condition.dtype is bool_, "its condition should be boolean")
    _same_shape(condition, a, b)
    _same_dtype(a, b)
    _like(v, a)


def _require_value(v: Value) -> None:
    condition, x = v.args
    _require(condition.dtype is bool_, "its condition should be boolean")
    _same_shape(condition, x)
    _like(v, x)


def _cast(v: Value) -> None:
    _shape(v, v.args[0].shape)


def _reshape(v: Value) -> None:
    (x,) = v.args
    _require(_count(v.shape) == _count(x.shape), "the number of elements changes")
    _dtype(v, x.dtype)


def _permute(v: Value) -> None:
    (x,), (dims,) = v.args, v.attrs
    if sorted(dims) != list(range(x.ndim)):
        raise _IllegalError(f"it should name each of {x.ndim} dimensions once")
    _shape(v, tuple(x.shape[d] for d in dims))
    _dtype(v, x.dtype)


def _expand(v: Value) -> None:
    (x,) = v.args
    _require(v.ndim == x.ndim, "the number of dimensions changes")
    for old, new in zip(x.shape, v.shape):
        single = isinstance(old, int) and old == 1
        if not single and hint(old) != hint(new):
            raise _IllegalError(f"only dimensions of size 1 expand, not {old} to {new}")
    _dtype(v, x.dtype)


def _slice(v: Value) -> None:
    (x,), (starts, steps) = v.args, v.attrs
    _require(len(starts) == len(steps) == v.ndim == x.ndim, "there should be a start and a step for each dimension")
    for start, step, count, size in zip(starts, steps, v.shape, x.shape):
        _require(type(step) is int and step != 0, "steps are integers other than 0")
        first, last = hint(start), hint(start) + step * (hint(count) - 1)
        inside = hint(count) == 0 or (min(first, last) >= 0 and max(first, last) < hint(size))
        if not inside:
            raise _IllegalError(f"elements {first} to {last} are outside of size {size}")
    _dtype(v, x.dtype)


def _diagonal(v: Value) -> None:
    (x,), dims = v.args, v.attrs
    for d in dims:
        _dim(d, x.ndim)
    _require(dims[0] != dims[1], "its dimensions should differ")
    _require(hint(x.shape[dims[0]]) == hint(x.shape[dims[1]]), "its dimensions should have one size")
    _shape(v, (*[s for d, s in enumerate(x.shape) if d not in dims], x.shape[dims[0]]))
    _dtype(v, x.dtype)


def _windows(v: Value) -> None:
    (x,), (dim, step) = v.args, v.attrs
    _dim(dim, x.ndim)
    _require(type(step) is int and step > 0, "its step should be a positive integer")
    _require(v.ndim == x.ndim + 1, "there should be one dimension more")
    count, size, whole = hint(v.shape[dim]), hint(v.shape[-1]), hint(x.shape[dim])
    if count and (count - 1) * step + size > whole:
        raise _IllegalError(f"the last window ends outside of size {whole}")
    if not _equal(_without(v.shape[:-1], dim), _without(x.shape, dim)):
        raise _IllegalError(f"it should change only dimension {dim}")
    _dtype(v, x.dtype)


def _pad(v: Value) -> None:
    (x,), (low, high) = v.args, v.attrs
    _require(len(low) == len(high) == x.ndim, "there should be two amounts for each dimension")
    _require(all(hint(s) >= 0 for s in (*low, *high)), "amounts are not negative")
    _shape(v, tuple(before + s + after for before, s, after in zip(low, x.shape, high)))
    _dtype(v, x.dtype)


def _cat(v: Value) -> None:
    (dim,) = v.attrs
    _dim(dim, v.ndim)
    _same_dtype(*v.args)
    for x in v.args:
        _require(x.ndim == v.ndim, "parts should have as many dimensions")
        if not _equal(_without(x.shape, dim), _without(v.shape, dim)):
            raise _IllegalError(f"parts should differ only along {dim}")
    if sum(hint(x.shape[dim]) for x in v.args) != hint(v.shape[dim]):
        raise _IllegalError(f"sizes along {dim} should add up")
    _dtype(v, v.args[0].dtype)


def _reduce(v: Value) -> None:
    (x,), (dims,) = v.args, v.attrs
    _kind(v.op, x)
    for d in dims:
        _dim(d, x.ndim)
    _require(bool(dims) and dims == tuple(sorted(set(dims))), "its dimensions should be a sorted tuple")
    _shape(v, tuple(s for d, s in enumerate(x.shape) if d not in dims))
    _dtype(v, x.dtype)


def _arg_extremum(v: Value) -> None:
    (x,), (dim,) = v.args, v.attrs
    _dim(dim, x.ndim)
    _shape(v, _without(x.shape, dim))
    _dtype(v, int64)


def _scan(v: Value) -> None:
    (x,) = v.args
    _kind(v.op, x)
    _dim(v.attrs[0], x.ndim)
    _like(v, x)


def _argsort(v: Value) -> None:
    (x,), (dim, descending) = v.args, v.attrs
    _kind(v.op, x)
    _dim(dim, x.ndim)
    _require(type(descending) is bool, "whether it is descending should be a boolean")
    _require(v.ndim == x.ndim, "it should have as many dimensions as its argument")
    if not _equal(_without(v.shape, dim), _without(x.shape, dim)):
        raise _IllegalError(f"its shape should differ only along {dim}")
    if hint(v.shape[dim]) > hint(x.shape[dim]):
        raise _IllegalError(f"there are only {x.shape[dim]} elements along {dim}")
    _dtype(v, int64)


def _nth(v: Value) -> None:
    (x, place), (dim,) = v.args, v.attrs
    _kind(v.op, x)
    _index(x, place, dim)
    _require(_equal(_without(place.shape, dim), _without(x.shape, dim)), "both arguments should have as many rows")
    _shape(v, place.shape)
    _dtype(v, int64)


def _searchsorted(v: Value) -> None:
    (edges, x), (right,) = v.args, v.attrs
    _kind(v.op, x)
    _require(type(right) is bool, "whether it counts what is equal should be a boolean")
    _require(edges.ndim == x.ndim > 0, "both arguments should have as many dimensions, at least 1")
    _require(_equal(edges.shape[:-1], x.shape[:-1]), "both arguments should have as many rows")
    _same_dtype(edges, x)
    _shape(v, x.shape)
    _dtype(v, int64)


def _arg_scan(v: Value) -> None:
    (x,) = v.args
    _kind(v.op, x)
    _dim(v.attrs[0], x.ndim)
    _shape(v, x.shape)
    _dtype(v, int64)


def _index(x: Value, index: Value, dim: int) -> None:
    _dim(dim, x.ndim)
    _require(index.dtype is int64, "its index should be int64")
    _require(index.ndim == x.ndim, "its index should have as many dimensions")
    fits = all(hint(i) <= hint(s) for i, s in zip(_without(index.shape, dim), _without(x.shape, dim)))
    if not fits:
        raise _IllegalError(f"its index should be no larger than what it indexes, but along {dim}")


def _gather(v: Value) -> None:
    x, index = v.args
    _index(x, index, v.attrs[0])
    _shape(v, index.shape)
    _dtype(v, x.dtype)


def _pick(v: Value) -> None:
    (x, index), (dim,) = v.args, v.attrs
    _dim(dim, x.ndim)
    _require(index.dtype is int64, "its index should be int64")
    _require(
        _equal(index.shape, _without(x.shape, dim)), f"its index should have the shape of what it indexes without {dim}"
    )
    _shape(v, index.shape)
    _dtype(v, x.dtype)


def _scatter(v: Value) -> None:
    x, index, src = v.args
    _index(x, index, v.attrs[0])
    _kind(v.op, x)
    _same_dtype(x, src)
    _same_shape(index, src)
    _like(v, x)


def _dot(v: Value) -> None:
    a, b = v.args
    _require(a.ndim == b.ndim >= 2, "both arguments should have as many dimensions, at least 2")
    _require(_equal(a.shape[:-2], b.shape[:-2]), "batch dimensions should be equal")
    if hint(a.shape[-1]) != hint(b.shape[-2]):
        raise _IllegalError(f"inner sizes {a.shape[-1]} and {b.shape[-2]} differ")
    _same_dtype(a, b)
    _kind(v.op, a)
    _shape(v, a.shape[:-1] + b.shape[-1:])
    _dtype(v, a.dtype)


def _scores(v: Value, q: Value, k: Value, values: Value, scale: Value, mask: tuple[Value, ...]) -> None:
    """What both primitives of attention ask of their operands."""
    causal = v.attrs[0]
    _require(type(causal) is bool, "whether it is causal should be a boolean")
    _require(q.ndim == k.ndim == values.ndim >= 2, "operands should have as many dimensions, at least 2")
    batch = q.shape[:-2]
    _require(all(_equal(x.shape[:-2], batch) for x in (k, values, *mask)), "batch dimensions should be equal")
    if hint(q.shape[-1]) != hint(k.shape[-1]):
        raise _IllegalError(f"inner sizes {q.shape[-1]} and {k.shape[-1]} differ")
    _require(hint(k.shape[-2]) == hint(values.shape[-2]), "there should be as many keys as values")
    _same_dtype(q, k, values)
    _kind(v.op, q)
    _require(not scale.shape and scale.dtype is accumulate(q.dtype), "its scale should be a number of the wide dtype")
    for x in mask:
        _require(_equal(x.shape[-2:], (q.shape[-2], k.shape[-2])), "the mask should have the shape of the scores")
        _require(x.dtype in (bool_, q.dtype, scale.dtype), "the mask should be boolean or of a dtype of the operands")


def _attend(v: Value) -> None:
    q, k, values, scale, *mask = v.args
    _scores(v, q, k, values, scale, tuple(mask))
    _require(v.attrs[1] in ("result", "logsums"), "it has the parts `result` and `logsums`")
    logsums = v.attrs[1] == "logsums"
    _shape(v, q.shape[:-1] if logsums else (*q.shape[:-1], values.shape[-1]))
    _dtype(v, scale.dtype if logsums else q.dtype)


def _attend_grad(v: Value) -> None:
    q, k, values, g, logsums, delta, scale, *mask = v.args
    _scores(v, q, k, values, scale, tuple(mask))
    _require(_equal(g.shape, (*q.shape[:-1], values.shape[-1])), "the gradient should have the shape of the result")
    _same_dtype(g, q)
    for x in (logsums, delta):
        _require(
            _equal(x.shape, q.shape[:-1]) and x.dtype is scale.dtype, "there should be a wide number for each query"
        )
    _require(v.attrs[1] in (0, 1, 2), "it is of argument 0, 1 or 2")
    _like(v, v.args[v.attrs[1]])


def _depthwise(v: Value) -> None:
    part, stride, low, dilation = v.attrs
    _require(part in ("output", "input", "weight"), "it is the output, the input or the weights")
    x, w, y = {"output": (*v.args, v), "input": (v, v.args[1], v.args[0]), "weight": (v.args[0], v, v.args[1])}[part]
    _require((x.ndim, w.ndim, y.ndim) == (4, 3, 4), "images have four dimensions, weights three")
    _require(_equal(x.shape[:2], y.shape[:2]), "input and output should have the same images and channels")
    _require(_equal(w.shape[:1], x.shape[1:2]), "each channel should have its weights")
    for x_ in v.args:
        _same_dtype(x_, v)
    _require(all(len(n) == 2 for n in (stride, low, dilation)), "there are two numbers for each attribute")
    _require(all(n >= 1 for n in (*stride, *dilation)), "steps are positive")
    _require(all(hint(n) >= 0 for n in low), "no amount of zeros is negative")


ARITY: dict[str, int | tuple[int, int]] = {
    **dict.fromkeys(("input", "scalar", "size", "const", "iota"), 0),
    **dict.fromkeys(
        (*BINARY, *COMPARE, "complex", "require", "gather", "pick", "dot", "nth", "searchsorted", "depthwise"), 2
    ),
    **dict.fromkeys(("where", "scatter", "scatter_add", "scatter_prod", "scatter_max", "scatter_min"), 3),
    "cat": -1,
    "attend": (4, 5),
    "attend_grad": (7, 8),
}
"""How many arguments a primitive takes where not one; -1 for one or more, two numbers for either."""

SPEC: dict[str, Check] = {
    "input": _input,
    "scalar": _scalar,
    "size": _size,
    "const": _const,
    "iota": _iota,
    **dict.fromkeys(UNARY_FLOAT | UNARY_ANY | UNARY_BITS | BINARY, _elementwise),
    **dict.fromkeys(COMPARE, _compare),
    "where": _where,
    "require": _require_value,
    "cast": _cast,
    "real": _part,
    "imag": _part,
    "complex": _complex,
    "storage": _storage,
    "reinterpret": _reinterpret,
    "reshape": _reshape,
    "permute": _permute,
    "expand": _expand,
    "slice": _slice,
    "diagonal": _diagonal,
    "windows": _windows,
    "pad": _pad,
    "cat": _cat,
    **dict.fromkeys(("reduce_sum", "reduce_prod", "reduce_max", "reduce_min"), _reduce),
    "argmax": _arg_extremum,
    "argmin": _arg_extremum,
    "argsort": _argsort,
    "nth": _nth,
    "searchsorted": _searchsorted,
    "argcummax": _arg_scan,
    "argcummin": _arg_scan,
    "logcumsumexp": _scan,
    "cumsum": _scan,
    "cumprod": _scan,
    "gather": _gather,
    "pick": _pick,
    **dict.fromkeys(("scatter", "scatter_add", "scatter_prod", "scatter_max", "scatter_min"), _scatter),
    "dot": _dot,
    "depthwise": _depthwise,
    "attend": _attend,
    "attend_grad": _attend_grad,
}
"""For each primitive its check, which raises where a value does not keep to it."""
