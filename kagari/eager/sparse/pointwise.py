"""Element-wise arithmetic: functions that keep zero, two sparse tensors, a sparse and a dense one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...base import dtypes
from .. import convert, types
from ..calls import call
from . import coo, members, places, tape
from .coo import Coo

# Of one tensor: those of which a sum of values may be taken afterwards, and those that need the sums first.
LINEAR = {"neg": "Neg", "positive": "Positive", "conj_physical": "ConjPhysical"}
UNARY = {
    "abs": "Abs", "asin": "Asin", "asinh": "Asinh", "atan": "Atan", "atanh": "Atanh", "ceil": "Ceil", "deg2rad":
    "Deg2Rad", "erf": "Erf", "erfinv": "Erfinv", "expm1": "Expm1", "floor": "Floor", "frac": "Frac", "isinf": "Isinf",
    "isnan": "Isnan", "isneginf": "Isneginf", "isposinf": "Isposinf", "log1p": "Log1P", "nan_to_num": "NanToNum",
    "rad2deg": "Rad2Deg", "relu": "Relu", "round": "Round", "sgn": "Sgn", "sign": "Sign", "signbit": "Signbit", "sin":
    "Sin", "sinh": "Sinh", "sqrt": "Sqrt", "square": "Pow", "tan": "Tan", "tanh": "Tanh", "trunc": "Trunc",
}  # fmt: skip
CHANGING = (*UNARY.keys() - {"isinf", "isnan", "isneginf", "isposinf", "signbit"}, "neg", "conj_physical")


def _unary(name: str, node: str) -> Callable[..., Any]:
    def answer(s: Coo, *args: Any, **kwargs: Any) -> Any:
        s = tape.coalesced(s)
        return tape.like(node, call(name)(tape.opened(s), *args, **kwargs), s)

    return answer


def _linear(name: str, node: str) -> Callable[..., Any]:
    """Of one that is its own inverse."""

    def change(values: Any) -> Any:
        return call(name)(values)

    return lambda s: tape.linear(node, change, change, s)


def in_place(name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
    """The form of an answer that changes its first argument."""

    def changing(s: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(s, Coo):
            return into_dense(s, answer(s, *args, **kwargs), name)
        if name in UNARY and not s._ordered:
            raise RuntimeError(f"{name}_ requires coalesced input")
        return members.overwrite(s, answer(s, *args, **kwargs))

    return changing


def into_dense(target: Any, result: Any, name: str) -> Any:
    """A result written into a dense tensor."""
    if result.dtype.category > target.dtype.category:
        raise RuntimeError(
            f"Can't convert result type {result.dtype.type_name} to output {target.dtype.type_name} in {name} operation"
        )
    return call("copy_")(target, result.to_dense())


# Products and quotients


def mul(input: Any, other: Any) -> Any:
    """The product: with a number, with a dense tensor at the places of the sparse one, of two sparse tensors."""
    if not isinstance(input, Coo):
        return _times(other, input)
    return _times(input, other)


def _times(s: Coo, other: Any) -> Any:
    if isinstance(other, Coo):
        return _intersection(s, other)
    if not convert.is_tensor(other) or not (other.ndim or other._needs):
        factor, dt = other.conj() if convert.is_tensor(other) else other.conjugate(), s.dtype
        return tape.linear("Mul", lambda v: call("mul")(v, other), lambda g: (g * factor).to(dt), s)
    if not other.ndim:
        return tape.like("Mul", call("mul")(tape.opened(s), other), s)
    shape = _broadcast(tuple(s.shape), tuple(other.shape))
    if shape != tuple(s.shape):
        s = broadcast_to(s, shape)
    factors = places.taken(call("expand")(other, tuple(shape)), s._at)
    return tape.like("Mul", call("mul")(tape.opened(s), factors), s)


def _broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    rank = max(len(a), len(b))
    left, right = ((1,) * (rank - len(shape)) + shape for shape in (a, b))
    for d, (n, m) in enumerate(zip(left, right)):
        if n != m and 1 not in (n, m):
            raise RuntimeError(
                f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton dimension {d}"
            )
    return tuple([m if n == 1 else n for n, m in zip(left, right)])


def _intersection(a: Coo, b: Coo) -> Any:
    if a.shape != b.shape or len(a.sparse_sizes) != len(b.sparse_sizes):
        if not a.ndim or not b.ndim:
            return _times(a, b.to_dense()) if not b.ndim else _times(b, a.to_dense())
        raise RuntimeError(
            "sparse_binary_op_intersection_cpu(): expects sparse inputs with equal dimensionality, number of sparse "
            "dimensions, and shape of sparse dimensions"
        )
    a, b = tape.coalesced(a), tape.coalesced(b)
    sizes = a.sparse_sizes
    common, first, second = np.intersect1d(
        places.positions(a._at, sizes), places.positions(b._at, sizes), assume_unique=True, return_indices=True
    )
    left = call("index_select")(tape.opened(a), 0, places.whole_numbers(first))
    right = call("index_select")(tape.opened(b), 0, places.whole_numbers(second))
    return tape.closed("Mul", call("mul")(left, right), places.columns(common, sizes), a.shape, True)


def broadcast_to(s: Coo, size: Any) -> Any:
    """A sparse tensor repeated along new dimensions in front, and along those of size 1."""
    size = tuple(size)
    extra, sparse_dim = len(size) - s.ndim, len(s.sparse_sizes)
    sizes, dense = size[: extra + sparse_dim], size[extra + sparse_dim :]
    repeated = [d for d in range(extra + sparse_dim) if d < extra or s.shape[d - extra] != size[d]]
    copies = math.prod(sizes[d] for d in repeated)
    nnz = s._at.shape[1]
    at = np.zeros((len(sizes), copies, nnz), np.int64)
    at[extra:] = convert.array_of(s._at)[:, None]
    if repeated:
        grid = np.indices([sizes[d] for d in repeated]).reshape(len(repeated), -1)
        for k, d in enumerate(repeated):
            at[d] = grid[k][:, None]
    values = call("expand")(tape.opened(s), (nnz, *dense)).unsqueeze(0)
    values = call("expand")(values, (copies, nnz, *dense)).reshape((copies * nnz, *dense))
    return tape.closed("SparseBroadcastTo", values, places.whole_numbers(at.reshape(len(sizes), -1)), size)


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """The quotient by a number, or by a dense tensor without dimensions."""
    _check_divisor(other)
    if rounding_mode is not None:
        input = tape.coalesced(input)
    elif not convert.is_tensor(other) and not isinstance(other, complex):
        dt = input.dtype
        return tape.linear("Div", lambda v: call("div")(v, other), lambda g: (g / other).to(dt), input)
    return tape.like("Div", call("div")(tape.opened(input), other, rounding_mode=rounding_mode), input)


def floor_divide(input: Any, other: Any) -> Any:
    """The quotient, rounded down."""
    _check_divisor(other)
    input = tape.coalesced(input)
    return tape.like("Div", call("floor_divide")(tape.opened(input), other), input)


def _check_divisor(other: Any) -> None:
    if convert.is_tensor(other) and (isinstance(other, Coo) or other.ndim):
        raise RuntimeError(
            "Sparse division requires a scalar or zero-dim dense tensor divisor (got shape "
            f"{list(other.shape)} for divisor)"
        )


def pow(input: Any, exponent: Any) -> Any:
    """The power with a number that is not zero."""
    if not isinstance(input, Coo) or convert.is_tensor(exponent):
        raise Coo.cannot("pow.Tensor_Tensor")
    if exponent == 0:
        raise RuntimeError("pow: cannot raise to zeroth power on sparse tensor; it would make the result tensor dense")
    input = tape.coalesced(input)
    return tape.like("Pow", call("pow")(tape.opened(input), exponent), input)


# Sums


def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """`input + alpha * other`: of two sparse tensors, or of a dense and a sparse one."""
    if not (convert.is_tensor(input) and isinstance(other, Coo)):
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    if not isinstance(input, Coo):
        return _add_to_dense(input, other, alpha)
    if input.shape != other.shape:
        raise RuntimeError(
            f"add: expected sizes of 'self' and 'other' to match, but {list(input.shape)} != {list(other.shape)}"
        )
    if len(input.sparse_sizes) != len(other.sparse_sizes):
        raise RuntimeError(
            "add: expected 'self' and 'other' to have same number of sparse dimensions, but got "
            f"{len(input.sparse_sizes)} and {len(other.sparse_sizes)}"
        )
    if (input._needs or other._needs) and places.recording():
        return tape.called(_Sum, "Add").apply(input, other, alpha)
    return _union(input, other, alpha)


def _union(a: Coo, b: Coo, alpha: Any) -> Coo:
    dt = types.result_type(a, b)
    left, right = a._elements.to(dt), call("mul")(b._elements, alpha).to(dt) if alpha != 1 else b._elements.to(dt)
    if a._at is b._at or np.array_equal(convert.array_of(a._at), convert.array_of(b._at)):
        return coo.made(a._at, call("add")(left, right), a.shape, a._ordered)
    at = call("cat")(1, a._at, b._at)
    both = coo.made(at, call("cat")(0, left, right), a.shape)
    return tape.coalesced(both) if a._ordered and b._ordered else both


class _Sum(tape.Function):
    """The sum of two sparse tensors."""

    @staticmethod
    def forward(ctx: Any, a: Coo, b: Coo, alpha: Any) -> Any:
        """The values of both."""
        ctx.alpha, ctx.dtypes = alpha, (a.dtype, b.dtype)
        return _union(a, b, alpha)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """The gradient for both, with all its places."""
        return grad.to(ctx.dtypes[0]), (grad * ctx.alpha if ctx.alpha != 1 else grad).to(ctx.dtypes[1]), None


def _add_to_dense(dense: Any, s: Coo, alpha: Any) -> Any:
    if dense.shape != s.shape:
        raise RuntimeError(
            f"add: expected 'self' and 'other' to have same size, but self has size {list(dense.shape)} while other "
            f"has size {list(s.shape)} (FYI: dense-sparse addition does not currently support broadcasting)"
        )
    if (dense._needs or s._needs) and places.recording():
        return tape.called(_SumDense, "Add").apply(dense, s, alpha)
    return _total(dense, s, alpha)


def _total(dense: Any, s: Coo, alpha: Any) -> Any:
    dt = types.result_type(dense, s)
    if dt is dtypes.bool_:
        return call("logical_or")(dense, s.to_dense())
    values = s._elements.to(dt)
    return places.put(dense.to(dt), s._at, call("mul")(values, alpha) if alpha != 1 else values)


class _SumDense(_Sum):
    """The sum of a dense and a sparse tensor. The gradient of both has all elements."""

    @staticmethod
    def forward(ctx: Any, dense: Any, s: Coo, alpha: Any) -> Any:
        """The values added in their places."""
        ctx.alpha, ctx.dtypes = alpha, (dense.dtype, s.dtype)
        return _total(dense, s, alpha)


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """`input - alpha * other`."""
    if getattr(input, "dtype", None) is dtypes.bool_ is getattr(other, "dtype", None):
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
            "operator instead."
        )
    return add(input, other, alpha=-alpha)


# Questions


def norm(input: Coo, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None, **further: Any) -> Any:
    """The norm of all elements."""
    dims = () if dim is None else tuple(dim) if isinstance(dim, tuple | list) else (dim,)
    if dims and len({d % max(input.ndim, 1) for d in dims}) != input.ndim:
        raise RuntimeError(
            "norm_sparse currently only supports full reductions, so 'dim' must either be empty or contain all "
            "dimensions of the input"
        )
    if keepdim:
        raise RuntimeError("norm_sparse currently does not support keepdim=True")
    if dtype is not None:
        raise RuntimeError("norm_sparse currently does not support 'dtype' argument")
    values = tape.opened(tape.coalesced(input))
    return call("norm")(values.reshape(-1), 2 if p in ("fro", None) else p)


def any_(input: Coo, *args: Any, **kwargs: Any) -> Any:
    """Whether an element is not zero."""
    if args or kwargs:
        raise Coo.cannot("any.dim")
    return call("any")(tape.coalesced(input)._elements)


_ARITHMETIC = {"add": add, "sub": sub, "mul": mul, "div": div, "floor_divide": floor_divide}
ANSWERS: dict[str, Callable[..., Any]] = {
    **{name: _unary(name, node) for name, node in UNARY.items()},
    **{name: _linear(name, node) for name, node in LINEAR.items()},
    **_ARITHMETIC, "pow": pow, "norm": norm, "any": any_, "_sparse_broadcast_to": broadcast_to,
    "conj": members.conj, "resolve_conj": members.as_it_is,
    "resolve_neg": members.as_it_is,
}  # fmt: skip
ANSWERS |= {f"{name}_": in_place(name, ANSWERS[name]) for name in (*CHANGING, *_ARITHMETIC)}
