"""What tests of the IR and of generated code share: random graphs, and definitions run by engine and interpreter."""

from __future__ import annotations

import ctypes
import mmap
import os
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import pytest

from kagari.base.dtypes import bfloat16, dtype, float32, float64, int64
from kagari.base.layout import contiguous_strides, layout
from kagari.base.symbols import hint, product
from kagari.eager import Tensor, convert
from kagari.engine.function import Function, Parameter
from kagari.engine.interpret import interpret
from kagari.ir import build, graph
from kagari.ir.graph import Graph, Value
from kagari.runtime import cpu

PAGE = mmap.PAGESIZE
# Relative error a compiled kernel may have against the interpreter; integers have none.
TOLERANCE = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 2e-5, "float64": 1e-12}
CANARY = 0xA5


def leaf(shape: tuple, dt: dtype = float32, index: int = 0) -> Value:
    return Value("input", (), (index,), shape, dt)


class RandomGraph:
    """Grows a graph by random legal steps over integers and floats, with many movements and literals.

    Sizes may be symbols: decisions go by their present values.
    """

    limit = 256  # elements

    def __init__(self, seed: int, leaves: Sequence[Value]) -> None:
        self.random, self.values = random.Random(seed), list(leaves)

    def any(self) -> Value:
        return self.random.choice(self.values[-6:])

    def like(self, v: Value) -> Value:
        """Something of the shape and dtype of v."""
        same = [w for w in self.values if hints(w) == hints(v) and w.dtype is v.dtype]
        literal = build.full(v.shape, self.random.choice([0, 1, 2, -1, 3]), v.dtype)
        return self.random.choice([*same, literal])

    def step(self) -> None:
        v = self.any()
        made = getattr(self, self.random.choice([n for n in dir(self) if n.startswith("make_")]))(v)
        if made is not None and prod(hints(made)) <= self.limit:
            self.values.append(made)

    def make_binary(self, v: Value) -> Value:
        return build.pointwise(self.random.choice(["add", "sub", "mul", "maximum", "minimum"]), v, self.like(v))

    def make_broadcast(self, v: Value) -> Value | None:
        w = self.any()
        try:
            return build.mul(v, w)
        except RuntimeError:
            return None

    def make_unary(self, v: Value) -> Value:
        return self.random.choice([build.neg, build.abs_, build.tanh, build.floor])(v)

    def make_where(self, v: Value) -> Value:
        return build.where(build.lt(v, self.like(v)), v, self.like(v))

    def make_power(self, v: Value) -> Value:
        return build.pow_(build.tanh(v), self.random.choice([0, 1, 2, 3]))

    def make_cast(self, v: Value) -> Value:
        return graph.cast(build.tanh(v) * 50, self.random.choice([float32, float64, int64]))

    def make_permute(self, v: Value) -> Value:
        return graph.permute(v, tuple(self.random.sample(range(v.ndim), v.ndim)))

    def make_reshape(self, v: Value) -> Value:
        count = product(v.shape)
        shapes: list[tuple] = [(count,), (1, count), (*v.shape, 1)]
        if hint(count) % 2 == 0:
            shapes += [(2, count // 2), (count // 2, 2)]
        return graph.reshape(v, self.random.choice(shapes))

    def make_expand(self, v: Value) -> Value:
        return graph.expand(v, tuple(self.random.choice([1, 2, 3]) if hint(s) == 1 else s for s in v.shape))

    def make_slice(self, v: Value) -> Value:
        starts, steps, shape = [], [], []
        for s in hints(v):
            step, start = self.random.choice([1, 1, -1, 2]), self.random.randrange(s)
            room = (s - start + step - 1) // step if step > 0 else start + 1
            steps.append(step)
            starts.append(start)
            shape.append(self.random.randint(1, room))
        return graph.slice_(v, tuple(starts), tuple(steps), tuple(shape))

    def make_diagonal(self, v: Value) -> Value | None:
        if v.ndim < 2:
            return None
        a, b = self.random.sample(range(v.ndim), 2)
        n = min(hints(v)[a], hints(v)[b])
        shape = tuple(n if d in (a, b) else s for d, s in enumerate(v.shape))
        return graph.diagonal(graph.slice_(v, (0,) * v.ndim, (1,) * v.ndim, shape), a, b)

    def make_windows(self, v: Value) -> Value | None:
        if not v.ndim:
            return None
        dim, step = self.random.randrange(v.ndim), self.random.choice([1, 1, 2, 3])
        size = self.random.randint(1, hints(v)[dim])
        return graph.windows(v, dim, (hints(v)[dim] - size) // step + 1, size, step)

    def make_pad(self, v: Value) -> Value:
        low, high = ([self.random.choice([0, 0, 1]) for _ in v.shape] for _ in range(2))
        return graph.pad(v, tuple(low), tuple(high))

    def make_cat(self, v: Value) -> Value | None:
        return graph.cat((v, self.like(v)), self.random.randrange(v.ndim)) if v.ndim else None

    def make_reduce(self, v: Value) -> Value:
        dims = tuple(d for d in range(v.ndim) if self.random.random() < 0.5)
        return graph.reduce(self.random.choice(["sum", "max", "min"]), v, dims)

    def make_dot(self, v: Value) -> Value | None:
        return graph.dot(v, build.transpose(self.like(v))) if v.ndim >= 2 else None


class RichGraph(RandomGraph):
    """Larger values, and whole families of kernels as single steps. Nothing jumps where a rounding differs."""

    limit = 6000

    def make_unary(self, v: Value) -> Value:
        return self.random.choice([build.neg, build.abs_, build.tanh])(v)

    def make_where(self, v: Value) -> Value:
        return build.where(build.lt(graph.iota(v.shape, 0), 1), v, self.like(v)) if v.ndim else build.abs_(v)

    def make_cast(self, v: Value) -> Value:
        return graph.cast(v, self.random.choice([float32, float64]))

    def make_scan(self, v: Value) -> Value | None:
        return graph.scan("cumsum", v, self.random.randrange(v.ndim)) if v.ndim else None

    def make_gather(self, v: Value) -> Value | None:
        if not v.ndim:
            return None
        dim = self.random.randrange(v.ndim)
        places = graph.iota(v.shape, self.random.randrange(v.ndim)) * 3 + 1
        return graph.gather(v, build.rem(places, build.full(v.shape, graph.size(v.shape[dim]), int64)), dim)

    def make_softmax(self, v: Value) -> Value | None:
        if not v.ndim or v.dtype is int64:
            return None
        e = build.exp(build.tanh(v))
        return e / build.sum_(e, self.random.randrange(v.ndim), True)

    def make_norm(self, v: Value) -> Value | None:
        if not v.ndim or v.dtype is int64:
            return None
        dim = self.random.choice([None, -1, 0])
        t = build.tanh(v)
        centred = t - build.mean(t, dim, True)
        return centred * build.rsqrt(build.mean(centred * centred, dim, True) + 0.1) + 1


class SmoothGraph(RichGraph):
    """A graph whose gradient does not depend on which of nearly equal values is the largest."""

    limit = 2500

    def make_binary(self, v: Value) -> Value:
        return build.pointwise(self.random.choice(["add", "sub", "mul"]), v, self.like(v))

    def make_reduce(self, v: Value) -> Value:
        return build.sum_(v, self.random.randrange(v.ndim)) if v.ndim else v

    def make_cast(self, v: Value) -> Value:
        return build.sigmoid(v)


def hints(v: Value) -> tuple[int, ...]:
    """The shape at the sizes of the trace."""
    return tuple(hint(s) for s in v.shape)


# Tensors in memory that ends at a page nobody may touch


def guarded(nbytes: int) -> np.ndarray:
    """Bytes filled with the canary, followed by a page that faults when it is touched."""
    pages = -(-max(1, nbytes) // PAGE)
    memory = mmap.mmap(-1, (pages + 1) * PAGE)
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(base + pages * PAGE), PAGE, 0) == 0
    whole = np.frombuffer(memory, np.uint8, pages * PAGE)
    whole[:] = CANARY
    return whole[pages * PAGE - nbytes :]


def strides_of(shape: tuple[int, ...], how: str) -> tuple[int, ...]:
    """Strides in elements:

    `contiguous`, `transposed` (first dimension innermost), `gaps` (every second), `expanded`.
    """
    if how == "transposed":
        return tuple(reversed(contiguous_strides(reversed(shape))))
    strides = contiguous_strides(shape)
    if how == "gaps":
        return tuple(2 * s for s in strides)
    if how == "expanded":
        return (0, *strides[1:])
    return strides


def tensor(values: Any, dt: dtype | None = None, how: str = "contiguous") -> Tensor:
    """A tensor of these values (the first row repeated where it is expanded) in guarded memory."""
    values = np.asarray(values)
    dt = dt or convert.FROM_NUMPY[values.dtype]
    strides = strides_of(values.shape, how)
    span = 1 + sum((n - 1) * s for n, s in zip(values.shape, strides)) if values.size else 0
    memory = guarded(span * dt.itemsize).view(convert.numpy_dtype(dt))
    made = convert.wrap(layout(values.shape, strides, dt), convert.adopt(memory))
    if values.size:
        with np.errstate(all="ignore"):
            convert.raw_array(made)[...] = bfloat16_bits(values) if dt is bfloat16 else values
    return made


def bfloat16_bits(values: np.ndarray) -> np.ndarray:
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32).reshape(np.shape(values))
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(values), 0x7FC0, rounded).astype(np.uint16)


def array(t: Tensor) -> np.ndarray:
    """The values of a tensor; bfloat16 as float32."""
    return convert.array_of(t)


# Definitions through the engine


def compiled(define: Callable[..., Any], count: int, **options: Any) -> Function:
    """A definition over IR values as a function of tensors and numbers."""
    convert.native()
    return Function("defined", tuple(Parameter(f"a{i}", "operand") for i in range(count)), define, **options)


def interpreted(define: Callable[..., Any], operands: Sequence[Any]) -> list[np.ndarray]:
    """The results of a definition under the interpreter."""
    values = [
        Value("input", (), (i,), tuple(x.shape), x.dtype) if isinstance(x, Tensor)
        else Value("scalar", (), (i,), (), float32 if isinstance(x, float) else int64, True)
        for i, x in enumerate(operands)
    ]  # fmt: skip
    results = define(*values)
    outputs = results if isinstance(results, tuple) else (results,)
    return interpret(Graph(values, outputs), [array(x) if isinstance(x, Tensor) else x for x in operands])


def check(define: Callable[..., Any], *operands: Any, tolerance: float = 0, **options: Any) -> Function:
    """Runs a definition through the engine and compares with the interpreter;

    one result also goes into a tensor given.
    """
    function = compiled(define, len(operands), **options)
    result = function.run(operands)
    expected = interpreted(define, operands)
    results = result if isinstance(result, tuple) else (result,)
    assert len(results) == len(expected)
    for t, e in zip(results, expected):
        compare(t, e, tolerance)
    if len(results) == 1:
        check_into(define, operands, results[0], expected[0], tolerance)
    return function


def check_into(
    define: Callable[..., Any], operands: Sequence[Any], like: Tensor, expected: np.ndarray, tolerance: float
) -> None:
    """The result written into memory that is there: what lies before and between its elements stays as it is."""
    target = tensor(np.zeros(like.shape), like.dtype, "gaps" if like.numel() % 2 else "contiguous")
    writing = compiled(lambda target, *rest: define(*rest), len(operands) + 1, into=0)
    writing.run((target, *operands))
    compare(target, expected, tolerance)
    whole, item = target._storage.owner.base, target.element_size()
    free = np.ones(whole.size, bool)
    if target.numel():
        start = whole.size - target._storage.nbytes
        steps = (*(s * item for s in target.stride()), 1)
        np.lib.stride_tricks.as_strided(free[start:], (*target.shape, item), steps)[...] = False
    assert (whole[free] == CANARY).all()


def compare(t: Tensor, expected: np.ndarray, tolerance: float = 0) -> None:
    assert tuple(t.shape) == expected.shape
    values = array(t)
    assert values.dtype == expected.dtype
    tolerance = max(tolerance, TOLERANCE.get(t.dtype.name, 0))
    if tolerance:
        finite = np.abs(expected[np.isfinite(expected)]).astype(np.float64)
        scale = finite.mean() if finite.size else 0.0
        np.testing.assert_allclose(values, expected, rtol=tolerance, atol=tolerance * (scale + 1e-30))
    else:
        np.testing.assert_array_equal(values, expected)


def run_with_256_bit_vectors(file: str, chosen: str) -> None:
    """Runs the chosen tests of a file in another process, as on a processor with AVX2; skips where this is one."""
    if cpu.host_target().vector_bytes <= 32:
        pytest.skip("this processor has no wider vectors")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", file, "-k", chosen]
    done = subprocess.run(
        command, env={**os.environ, "KAGARI_ISA": "avx2"}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-3000:]
