"""Every kind of kernel against the interpreter, on operands whose memory ends at a page nobody may touch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from graphs import (
    RandomGraph,
    RichGraph,
    SmoothGraph,
    array,
    check,
    compare,
    compiled,
    guarded,
    interpreted,
    run_with_256_bit_vectors,
    tensor,
)  # fmt: skip

from kagari.base import dtypes
from kagari.base.dtypes import dtype, float32, float64, int64
from kagari.base.target import Target
from kagari.compiler.llvm import compile_object
from kagari.eager import Tensor, convert
from kagari.engine.interpret import round_to
from kagari.engine.traced import Traced
from kagari.ir import build as ir
from kagari.ir import graph
from kagari.ir.differentiate import differentiate
from kagari.ir.graph import Value
from kagari.runtime import cpu

RANDOM = np.random.default_rng(0)
REAL = tuple(dt for dt in dtypes.ALL if dt not in dtypes.LOWERED)  # what kernels know
FLOATS = tuple(dt for dt in REAL if dt.category == 2)
INTEGERS = tuple(dt for dt in REAL if dt.category == 1)
LAYOUTS = ("contiguous", "transposed", "gaps", "expanded")
SHAPES: tuple[tuple[int, ...], ...] = (
    (), (1,), (0,), (7,), (300,), (1, 1), (0, 3), (3, 0), (5, 1, 9), (33, 17), (1, 70), (70, 1), (3, 5, 70),
    (2, 3, 4, 5),
)  # fmt: skip


def normal(*shape: int, dt: dtype = float32, how: str = "contiguous") -> Tensor:
    """Random numbers of any dtype, as that dtype holds them."""
    if dt.name == "bool":
        return tensor(RANDOM.integers(0, 2, shape), dt, how)
    if dt.category == 1:
        return tensor(RANDOM.integers(0 if dt.name == "uint8" else -9, 10, shape), dt, how)
    return tensor(round_to(RANDOM.standard_normal(shape).astype(np.float32), dt), dt, how)


def integers(low: int, high: int, *shape: int, dt: dtype = int64, how: str = "contiguous") -> Tensor:
    return tensor(RANDOM.integers(low, high, shape), dt, how)


# Element-wise


@pytest.mark.parametrize("dt", REAL, ids=lambda dt: dt.name)
@pytest.mark.parametrize("how", LAYOUTS)
def test_every_dtype_in_every_layout(dt: dtype, how: str) -> None:
    def define(x: Value, y: Value) -> Value:
        both = ir.maximum(x, y) + x * y if dt.category else ir.bitxor(x, y)
        return ir.where(ir.lt(x, y), both, y)

    for shape in ((33, 17), (9, 130), (2, 3, 21)):
        check(define, normal(*shape, dt=dt, how=how), normal(*shape, dt=dt))
        check(define, normal(*shape, dt=dt), normal(*shape, dt=dt, how=how))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape(shape: tuple[int, ...]) -> None:
    check(lambda x, y: x * 2 + ir.tanh(y), normal(*shape), normal(*shape))
    for how in LAYOUTS[1:] if shape else ():
        check(lambda x: ir.exp(x) - 1, normal(*shape, how=how))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3, 4), (4,)), ((3, 1), (1, 4)), ((5, 1, 7), (6, 1)), ((), (3, 3)), ((1, 1, 1), (2, 3, 40)),
        ((2, 1, 3, 1), (5, 1, 40)),
        ((0, 3), (3,)), ((1, 3), (0, 1)), ((1,), (1,)), ((200, 1), (1, 300)), ((8, 1, 1), (8, 16, 16)),
    ],
)  # fmt: skip
def test_broadcasting(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    check(lambda x, y: (x + y) * ir.sigmoid(x - y), normal(*a), normal(*b))
    check(lambda x, y: ir.where(ir.gt(x, 0), y, x), normal(*a, dt=float64), normal(*b, dt=float64))


def test_every_primitive_on_floats() -> None:
    # lgamma and its like have their own tests, over all floats, in test_vecmath.py
    for dt in (float32, float64):
        x, y = tensor(RANDOM.uniform(0.1, 0.9, (37,)), dt), tensor(RANDOM.uniform(0.1, 0.9, (37,)), dt)
        names = sorted(graph.UNARY_FLOAT - {"acosh"})
        check(lambda x, y, names=names: tuple(graph.elementwise(n, x) for n in names), x, y, tolerance=1e-6)
        names = sorted(graph.UNARY_ANY)
        check(lambda x, y, n=names: tuple(graph.elementwise(m, x * 8 - 4) for m in n), x, y)
        binary = ("add", "sub", "mul", "div", "rem", "pow", "atan2", "maximum", "minimum")
        check(lambda x, y, names=binary: tuple(graph.elementwise(n, x, y) for n in names), x, y, tolerance=1e-6)
        check(lambda x, y: tuple(graph.elementwise(n, x, y) for n in sorted(graph.COMPARE)), x, y)


@pytest.mark.parametrize("dt", (*INTEGERS, dtypes.bool_), ids=lambda dt: dt.name)
def test_every_primitive_on_integers(dt: dtype) -> None:
    x, y = normal(77, dt=dt), normal(77, dt=dt)
    names = ["add", "mul", "maximum", "minimum", "bitand", "bitor", "bitxor", *graph.COMPARE]
    unary = ["bitnot"]
    if dt.category:
        names += ["sub", "pow"]
        unary += ["neg", "abs", "sign", "floor", "ceil", "round", "trunc"]
        check(lambda x, y: tuple(graph.elementwise(n, x, ir.abs_(y)) for n in ("shl", "shr")), x, y)
        divisor = tensor(np.where(array(y) == 0, 1, array(y)), dt)
        check(lambda x, y: tuple(graph.elementwise(n, x, y) for n in ("idiv", "rem", "gcd")), x, divisor)
    check(lambda x, y: tuple(graph.elementwise(n, x, y) for n in names), x, y)
    check(lambda x, y: tuple(graph.elementwise(n, x) for n in unary), x, y)


@pytest.mark.parametrize("source", REAL, ids=lambda dt: dt.name)
def test_casts(source: dtype) -> None:
    x = normal(3, 41, dt=source)
    check(lambda x: tuple(graph.cast(x, to) for to in REAL), x)
    check(lambda x: tuple(graph.cast(x, to) for to in REAL), normal(41, 3, dt=source, how="transposed"))


@pytest.mark.parametrize("dt", FLOATS, ids=lambda dt: dt.name)
def test_nan_and_infinity(dt: dtype) -> None:
    special = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 3.5]
    x, y = (tensor(v, dt) for v in np.meshgrid(special, special))

    def define(x: Value, y: Value) -> tuple[Value, ...]:
        binary = [
            graph.elementwise(n, x, y) for n in ("add", "mul", "div", "maximum", "minimum", *sorted(graph.COMPARE))
        ]
        return (*binary, ir.exp(x), ir.tanh(x), ir.sqrt(x), graph.elementwise("sign", x), ir.where(ir.ne(x, x), y, x))

    check(define, x, y)


def test_wide_integers_wrap() -> None:
    lowest = np.iinfo(np.int64).min
    x, y = tensor(np.array([lowest, lowest, 7, -7, 2**62])), tensor(np.array([-1, 1, -1, 2, 4]))
    check(lambda x, y: (ir.idiv(x, y), ir.rem(x, y), x + y, x * y, ir.neg(x), ir.abs_(x)), x, y)


def test_numbers_are_operands() -> None:
    function = check(lambda x, a, n: x * a + n, normal(50), 0.1, 3)
    check(lambda x, a: x * a, normal(50, dt=float64), 0.1)
    check(lambda x, a: x * a, integers(0, 9, 50), 7)
    for a, n in ((1e30, -4), (float("nan"), 2**40), (-0.0, 0)):
        x = normal(50)
        compare(function.run((x, a, n)), (array(x) * np.float32(a) + np.float32(n)).astype(np.float32))


@pytest.mark.parametrize("dt", REAL, ids=lambda dt: dt.name)
@pytest.mark.parametrize("shape", [(8, 8), (65, 63), (9, 200), (130, 67), (3, 70, 40), (12, 5, 33), (700, 811)])
def test_transposing_copies(dt: dtype, shape: tuple[int, ...]) -> None:
    def turned(x: Value) -> Value:
        return graph.permute(x, (*range(1, x.ndim), 0))

    check(lambda x: graph.permute(x, tuple(reversed(range(x.ndim)))), normal(*shape, dt=dt), aliases="fresh")
    check(
        lambda x, y: ir.where(ir.lt(y, turned(x)), turned(x), y),
        normal(*shape, dt=dt),
        normal(*shape[1:], shape[0], dt=dt),
    )


def test_transposed_and_broadcast_together() -> None:
    x, y, row, column = normal(70, 130), normal(130, 70), normal(70), normal(130, 1)
    check(lambda x, y, r, c: ir.transpose(x) * y + ir.exp(r) - c, x, y, row, column)
    check(lambda x, y: ir.transpose(x) + graph.cast(y, float32), x, normal(130, 70, dt=int64))


def test_views_of_all_kinds() -> None:
    x = normal(12, 31)
    check(lambda x: graph.slice_(x, (11, 0), (-1, 1), (12, 31)) * 2, x)
    check(lambda x: graph.slice_(x, (1, 30), (3, -2), (4, 15)) + 1, x)
    check(lambda x: ir.exp(graph.reshape(graph.permute(x, (1, 0)), (31, 3, 4))), x)
    check(lambda x: graph.expand(graph.reshape(x, (12, 1, 31)), (12, 5, 31)) * 1.5, x)
    check(lambda x: graph.reshape(graph.expand(graph.reshape(x, (12, 1, 31)), (12, 2, 31)), (24, 31)), x)
    check(lambda x: graph.slice_(x, (0, 0), (1, 1), (0, 31)) * 2, x)
    check(lambda x: x + graph.iota(x.shape, 1) * graph.iota(x.shape, 0), x)
    check(lambda x: ir.exp(graph.diagonal(graph.slice_(x, (0, 3), (1, 2), (12, 12)), 1, 0)), x)
    check(lambda x: graph.reduce("max", graph.windows(graph.windows(x, 0, 5, 4, 2), 1, 29, 3, 1), (2, 3)), x)
    check(lambda x: graph.windows(ir.exp(x), 1, 10, 4, 3) * 2, x)
    check(lambda x: graph.windows(x, 1, 0, 40, 3) * 2, x)
    check(lambda x: graph.iota(x.shape, 0), x)
    check(lambda x: ir.full(x.shape, 3, int64), x)


def test_past_the_caches() -> None:
    n = (44 << 20) // 8 + 13
    x = tensor(np.arange(n, dtype=np.float32))
    double = compiled(lambda x: x * 2 + 1, 1)
    np.testing.assert_array_equal(array(double.run((x,))), array(x) * 2 + 1)
    into = compiled(lambda x: x + 1, 1, into=0)
    memory = guarded(4 * n + 4).view(np.float32)
    for start in (0, 1):  # aligned to a cache line or not
        target = convert.from_numpy(memory[start : start + n])
        memory[...] = 0
        into.run((target,))
        assert memory[start : start + n].min() == memory.max() == 1 and memory.sum(dtype=np.float64) == n


# Reductions

REDUCED = [
    ((7, 9), (0, 1)), ((70, 90), (1,)), ((70, 90), (0,)), ((7, 30, 50), (1,)), ((7, 30, 50), (0, 2)),
    ((7, 30, 50), (1, 2)), ((33,), (0,)), ((3, 1, 5), (1,)), ((1, 1), (0, 1)), ((5, 400), (1,)), ((400, 5), (0,)),
    ((2, 3, 4, 5), (0, 2)), ((4, 0), (0,)), ((0, 4), (1,)),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "dims"), REDUCED)
def test_reductions(shape: tuple[int, ...], dims: tuple[int, ...]) -> None:
    def define(x: Value) -> tuple[Value, ...]:
        return tuple(graph.reduce(op, x, dims) for op in ("sum", "prod", "max", "min"))

    for how in LAYOUTS[:3]:
        check(define, normal(*shape, how=how), tolerance=1e-4)
    check(lambda x: graph.reduce("sum", ir.exp(x) * x, dims), normal(*shape), tolerance=1e-4)


@pytest.mark.parametrize("dt", REAL, ids=lambda dt: dt.name)
@pytest.mark.parametrize("dims", [(0,), (1,), (0, 1)])
def test_reductions_of_every_dtype(dt: dtype, dims: tuple[int, ...]) -> None:
    ops = ("sum", "prod", "max", "min") if dt.category else ("max", "min")
    for shape in ((13, 21), (3, 150), (150, 3)):
        check(lambda x: tuple(graph.reduce(op, x, dims) for op in ops), normal(*shape, dt=dt), tolerance=1e-4)


@pytest.mark.parametrize("dt", REAL, ids=lambda dt: dt.name)
def test_wide_blocks_of_columns(dt: dtype) -> None:
    def define(x: Value, row: Value) -> tuple[Value, ...]:
        if not dt.category:
            return tuple(graph.reduce(op, ir.bitxor(x, row), (0,)) for op in ("max", "min"))
        return graph.reduce("sum", x + row, (0,)), graph.reduce("max", x, (0,)), graph.reduce("sum", x, (0,)) * row

    # Fewer and more rows than are added at a time; columns that fill no vector; one block and several.
    for rows, columns in ((1, 300), (3, 257), (4, 600), (9, 1111), (70, 2048)):
        for how in ("contiguous", "gaps", "expanded"):
            check(define, normal(rows, columns, dt=dt, how=how), normal(columns, dt=dt), tolerance=1e-4)


def test_columns_are_reduced_beside_results_of_every_element() -> None:
    def define(x: Value, y: Value, row: Value) -> tuple[Value, ...]:
        return graph.reduce("sum", x * y, (0,)), x * row

    for rows, columns in ((30, 257), (90, 1111)):
        check(define, normal(rows, columns), normal(rows, columns, how="transposed"), normal(columns), tolerance=1e-4)


def test_wide_blocks_of_columns_know_their_place() -> None:
    def define(x: Value, weight: Value) -> tuple[Value, ...]:
        both = [graph.cast(graph.iota(x.shape, d), float32) for d in range(3)]
        scaled = x * ir.rsqrt(ir.abs_(weight) + 1) + both[0] - both[1] * 2 + both[2]
        return graph.reduce("sum", scaled, (0, 1)), graph.reduce("max", scaled, (1,)), graph.reduce("sum", x, (0,))

    for shape in ((3, 5, 300), (2, 7, 513), (1, 9, 1024)):
        check(define, normal(*shape), normal(*shape[:2], 1), tolerance=1e-5)


@pytest.mark.parametrize("op", ["sum", "max", "min", "prod"])
@pytest.mark.parametrize("dt", [float32, float64, int64, dtypes.float16], ids=lambda dt: dt.name)
def test_empty_rows_give_the_neutral_element(op: str, dt: dtype) -> None:
    check(lambda x: graph.reduce(op, x, (1,)), normal(4, 0, dt=dt))
    check(lambda x: graph.reduce(op, x, (0,)), normal(0, 4, dt=dt))
    check(lambda x: graph.reduce(op, x, (0,)), normal(0, dt=dt))


@pytest.mark.parametrize("dt", [float32, float64, int64, dtypes.float16, dtypes.uint8], ids=lambda dt: dt.name)
@pytest.mark.parametrize("size", [3, 7, 9, 15, 16, 17, 33, 40, 64, 131])
def test_reductions_over_windows(dt: dtype, size: int) -> None:
    """Columns of all widths beside each other, whose elements are one or two apart, and what is left over of them."""
    x = normal(3, 5, size, dt=dt)
    for taps, step in ((3, 1), (2, 2), (3, 2)):
        count = (size - taps) // step + 1

        def define(x: Value, taps: int = taps, step: int = step, count: int = count) -> Value:
            rows = graph.windows(x, 1, 2, 3, 2)
            seen = graph.windows(rows, 2, count, taps, step)
            return graph.reduce("max", seen, (3, 4))

        check(define, x)


def test_one_copy_into_another_shape() -> None:
    """A reshape that strides can't express is the shape in which a copy sees what it writes."""
    x = normal(2, 3, 4, 5, 2)
    function = check(lambda x: graph.reshape(graph.permute(x, (0, 3, 1, 4, 2)), (10, 24)), x)
    traced, sizes = function.traced((x,))
    bound = traced.variant(()).program.bind({0: x._layout}, sizes, cpu.host_target())
    assert len(bound.launches) == 1 and not bound.temps


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("dt", ["float32", "float16", "int64"])
def test_zeros_around_what_a_loop_reads(step: int, dt: str) -> None:
    """They are not in memory: one kernel reads windows that begin before an input and end behind it."""
    x = tensor(np.random.default_rng(3).integers(-9, 9, (3, 5, 77)), getattr(dtypes, dt), "contiguous")

    def define(x: Value) -> Value:
        n, rows, columns = x.shape
        whole = graph.pad(x, (0, 1, 2), (0, 1, 2))
        count = (columns + 3) // step
        taps = [graph.slice_(whole, (0, i, j), (1, 1, step), (n, rows, count)) for i in (0, 2) for j in range(2)]
        return ir.add(ir.mul(taps[0], taps[1]), ir.sub(taps[2], taps[3]))

    function = check(define, x)
    traced, sizes = function.traced((x,))
    bound = traced.variant(()).program.bind({0: x._layout}, sizes, cpu.host_target())
    assert len(bound.launches) == 1 and not bound.temps


def test_parts_are_made_where_they_are_joined() -> None:
    """Parts of one shape, and what else has it, are one loop; only what lies elsewhere already is copied."""
    x = normal(6, 20)

    def define(x: Value) -> tuple[Value, Value]:
        y = ir.exp(x)
        return graph.cat((y, x, ir.mul(y, 2), ir.mul(y, 2)), 1), ir.mul(y, y)

    function = check(define, x)
    traced, sizes = function.traced((x,))
    bound = traced.variant(()).program.bind({0: x._layout}, sizes, cpu.host_target())
    assert len(bound.launches) == 3 and not bound.temps


def test_reductions_over_sizes_that_turn_out_to_be_one() -> None:
    def define(x: Value) -> Value:
        kept = graph.slice_(x, (0, 0), (1, 1), (x.shape[0], x.shape[1] // 4))
        return ir.exp(graph.reduce("sum", kept, (1,))) + graph.reduce("max", kept, (1,))

    for n in (9, 5, 6):
        check(define, normal(300, n))


@pytest.mark.parametrize("op", ["argmax", "argmin"])
@pytest.mark.parametrize("dt", REAL, ids=lambda dt: dt.name)
def test_arg_extrema(op: str, dt: dtype) -> None:
    for shape in ((33, 45), (3, 700), (300, 4), (1, 5), (5, 1)):
        values = RANDOM.integers(0, 3, shape)  # many ties: the first one counts
        for how in ("contiguous", "transposed"):
            x = tensor(values, dt, how)
            check(lambda x: (graph.reduce(op, x, (0,)), graph.reduce(op, x, (1,))), x)
    check(lambda x: graph.reduce(op, x, (1,)), normal(5, 16, 9, dt=dt))


@pytest.mark.parametrize("op", ["argmax", "argmin", "max", "min", "sum"])
@pytest.mark.parametrize("dt", [float32, float64, dtypes.float16], ids=lambda dt: dt.name)
def test_reductions_of_nan_and_infinity(op: str, dt: dtype) -> None:
    values = RANDOM.standard_normal((9, 150))
    values[0, 77] = values[0, 140] = values[1, 0] = values[2, 149] = np.nan
    values[3] = -np.inf
    values[4] = np.inf
    values[5] = np.nan
    values[6, 3], values[6, 100] = np.inf, np.nan
    values[7, 3] = -np.inf
    check(lambda x: graph.reduce(op, x, (1,)), tensor(values, dt), tolerance=1e-3)
    check(lambda x: graph.reduce(op, x, (0,)), tensor(values.T.copy(), dt), tolerance=1e-3)


@pytest.mark.parametrize(
    ("shape", "dims"),
    [
        ((300000,), (0,)),
        ((700, 500), (0, 1)),
        ((200000, 3), (0,)),
        ((3, 150001), (1,)),
        ((100000, 1, 2), (0,)),
        ((2, 90000, 2), (1,)),
        ((9000, 130), (0,)),
    ],
)
def test_rows_in_pieces(shape: tuple[int, ...], dims: tuple[int, ...]) -> None:
    check(lambda x: graph.reduce("sum", x, dims), integers(-5, 6, *shape))
    check(lambda x: (graph.reduce("max", x, dims), graph.reduce("min", x, dims)), normal(*shape))
    check(lambda x: ir.sqrt(graph.reduce("sum", x * x, dims)) * 0.5, normal(*shape), tolerance=1e-4)
    check(lambda x: graph.reduce("argmax", x, dims[-1:]), normal(*shape))
    check(lambda x: ir.div(graph.reduce("sum", x, dims), 7), normal(*shape, dt=float64), tolerance=1e-9)
    for dt in (dtypes.bfloat16, dtypes.float16, dtypes.bool_, dtypes.uint8):
        check(lambda x: (graph.reduce("max", x, dims), graph.reduce("min", x, dims)), normal(*shape, dt=dt))
    ones = tensor(np.where(RANDOM.random(shape) < 1e-3, 1, 0), dtypes.bfloat16)
    check(lambda x: ir.sum_(x, dims), ones)
    if len(shape) > len(dims):
        rows = shape[0] if 0 not in dims else shape[-1]
        bias = normal(rows) if len(shape) == 2 else None
        if bias is not None:
            check(lambda x, b: ir.amax(x, dims) * b + 1, normal(*shape), bias)
            check(
                lambda x, i, b: ir.amax(x, dims) + graph.gather(b, i, 0), normal(*shape), integers(0, rows, rows), bias
            )
            check(
                lambda x: ir.amax(x, dims) + graph.iota((x.shape[0] if 0 not in dims else x.shape[1],), 0),
                normal(*shape),
            )


# Row kernels: several passes


def softmax(x: Value, dim: int) -> Value:
    e = ir.exp(x - ir.amax(x, dim, True))
    return e / ir.sum_(e, dim, True)


def layer_norm(x: Value, weight: Value, bias: Value) -> tuple[Value, Value, Value]:
    mean = ir.mean(x, -1, True)
    centred = x - mean
    scale = ir.rsqrt(ir.mean(centred * centred, -1, True) + 1e-5)
    return centred * scale * weight + bias, mean, scale


@pytest.mark.parametrize("shape", [(33, 45), (1, 7), (7, 1), (200, 1000), (3, 4, 100), (2, 70000), (0, 5)])
@pytest.mark.parametrize("dim", [0, -1])
def test_softmax(shape: tuple[int, ...], dim: int) -> None:
    check(lambda x: softmax(x, dim), normal(*shape), tolerance=1e-4)
    check(lambda x: softmax(x, dim), normal(*shape, how="transposed"), tolerance=1e-4)


@pytest.mark.parametrize("dt", FLOATS, ids=lambda dt: dt.name)
def test_row_kernels_of_every_float(dt: dtype) -> None:
    x, w, b = normal(20, 64, dt=dt), normal(64, dt=dt), normal(64, dt=dt)
    check(lambda x: softmax(x, 1), x, tolerance=1e-4)
    check(lambda x: ir.log(softmax(x, 0)), x, tolerance=1e-4)
    check(layer_norm, x, w, b, tolerance=1e-4)
    check(
        lambda x, w, b: layer_norm(x, w, b)[0], normal(7, 33, dt=dt, how="transposed"), normal(33, dt=dt), w_like(b, 33)
    )


def w_like(b: Tensor, n: int) -> Tensor:
    return normal(n, dt=b.dtype)


def test_row_kernels_in_place() -> None:
    """A row's memory may be that of its input: what later passes read must not be overwritten by earlier ones."""
    definitions = (
        lambda x: softmax(x, 1),
        lambda x: softmax(x, 0),
        lambda x: ir.exp(x) / ir.sum_(ir.exp(x), 1, True) + x,
        lambda x: ir.tanh(x) * ir.mean(ir.tanh(x) * x, 1, True) - ir.sin(x) * ir.amax(ir.sin(x), 1, True),
        lambda x: x - ir.mean(x),
        lambda x: x / ir.sqrt(ir.sum_(x * x)),
        lambda x: graph.scan("cumsum", x, 1),
        lambda x: graph.scan("cumsum", x, 0),
    )
    for define in definitions:
        for shape in ((33, 45), (200, 700)):
            x = normal(*shape)
            expected = interpreted(define, [x])[0]
            compiled(define, 1, into=0).run((x,))
            compare(x, expected, 1e-4)


def test_in_place_from_other_places() -> None:
    """The memory written to is read elsewhere too: at other places of the same tensor, and as a second argument."""
    definitions = (
        lambda x, y: x + ir.transpose(x),
        lambda x, y: graph.slice_(x, (39, 0), (-1, 1), (40, 40)) * 2,
        lambda x, y: x + graph.dot(y, x),
        lambda x, y: graph.cat(
            (graph.slice_(x, (1, 0), (1, 1), (39, 40)), graph.slice_(x, (0, 0), (1, 1), (1, 40))), 0
        ),
        lambda x, y: graph.scatter("scatter", x, graph.cast(ir.full(x.shape, 3, int64), int64), y, 1),
        lambda x, y: ir.transpose(y),
        lambda x, y: y,
        lambda x, y: graph.scan("cumsum", graph.slice_(y, (39, 0), (-1, 1), (40, 40)), 0),
    )
    for define in definitions:
        x = normal(40, 40)
        expected = interpreted(define, [x, x])[0]
        compiled(define, 2, into=0).run((x, x))
        compare(x, expected, 1e-4)


@pytest.mark.parametrize("shape", [(30, 40), (1, 40), (30, 1), (3, 5, 7)])
def test_reductions_that_follow_each_other(shape: tuple[int, ...]) -> None:
    x = normal(*shape)
    check(lambda x: x / ir.sqrt(ir.sum_(x * x)), x)
    check(lambda x: ir.sum_(softmax(x, -1), 0), x, tolerance=1e-4)
    check(lambda x: ir.sum_(x, 0, True) * ir.sum_(x, -1, True), x, tolerance=1e-3)
    check(lambda x: ir.mean(-ir.log(ir.sum_(ir.exp(x), -1))), x)
    check(lambda x: (ir.amax(x, -1), x - ir.amax(x, -1, True), ir.mean(x)), x, tolerance=1e-4)
    check(lambda x: ir.sum_(ir.sum_(x, -1) * ir.amax(x, -1)), x, tolerance=1e-3)
    check(lambda x: ir.mean((x - ir.mean(x)) * (x - ir.mean(x))), x)
    check(lambda x: graph.reduce("argmax", softmax(x, -1), (x.ndim - 1,)), x)
    check(lambda x: ir.amax(x - ir.mean(x, 0, True), -1), x, tolerance=1e-4)


# Gathers, scatter, scans


@pytest.mark.parametrize(
    "dt", [float32, float64, int64, dtypes.uint8, dtypes.bool_, dtypes.bfloat16], ids=lambda dt: dt.name
)
def test_gather_and_pick(dt: dtype) -> None:
    x = normal(10, 30, dt=dt)
    check(lambda x, i: graph.gather(x, i, 1), x, integers(0, 30, 10, 37))
    check(lambda x, i: graph.gather(x, i, 0), x, integers(0, 10, 37, 30))
    check(
        lambda x, i: graph.gather(x, i, 0),
        normal(10, 30, dt=dt, how="transposed"),
        integers(0, 10, 3, 7, how="transposed"),
    )
    check(lambda x, i: graph.pick(x, i, 1), x, integers(0, 30, 10))
    check(lambda x, i: graph.pick(x, i, 0), x, integers(0, 10, 30))
    check(lambda x, i: graph.gather(x, i, 1), x, integers(0, 30, 10, 0))


def test_gathers_among_other_work() -> None:
    x, i = normal(10, 30), integers(0, 30, 10)
    check(lambda x, i: ir.mean(-graph.pick(ir.log(softmax(x, 1)), i, 1)), x, i)
    check(lambda x, i: graph.pick(ir.exp(x), i, 1) * 2 + ir.sum_(x, 1), x, i, tolerance=1e-4)
    check(lambda x, i: x + graph.gather(x, ir.broadcast_to(graph.reshape(i, (10, 1)), (10, 30)), 1), x, i)
    table, words = normal(50, 16), integers(0, 50, 7)
    check(lambda t, w: graph.gather(t, ir.broadcast_to(graph.reshape(w, (7, 1)), (7, 16)), 0) * 3, table, words)


@pytest.mark.parametrize("bad", [30, -1, 1 << 40, -(1 << 62)])
def test_an_index_out_of_range_is_an_error(bad: int) -> None:
    index = RANDOM.integers(0, 30, (10, 33))
    index[9, 32] = bad
    x, i = normal(10, 30), tensor(index)
    for define in (
        lambda x, i: graph.gather(x, i, 1) * 2,
        lambda x, i: graph.scatter("scatter", x, i, ir.full(i.shape, 1, float32), 1),
        lambda x, i: graph.scatter("scatter_add", x, i, ir.full(i.shape, 1, float32), 1),
    ):
        with pytest.raises(IndexError, match=f"index {bad} is out of bounds for dimension 1 with size 30"):
            compiled(define, 2).run((x, i))


def test_integer_division_by_zero_is_an_error() -> None:
    for n in (1, 17, 200, 100000):
        y = RANDOM.integers(1, 9, n)
        y[n // 2] = 0
        for op in ("idiv", "rem"):
            with pytest.raises(RuntimeError, match="ZeroDivisionError"):
                compiled(lambda x, y: graph.elementwise(op, x, y), 2).run((integers(-9, 9, n), tensor(y)))  # noqa: B023


@pytest.mark.parametrize("function", [ir.log1p, ir.asinh, ir.sinh, ir.tanh, ir.erf, ir.sign], ids=lambda f: f.__name__)
def test_functions_of_numbers_in_half_precision(function: Callable[..., Any]) -> None:
    """Numbers are computed as doubles and rounded to half: LLVM must not make one rounding of the two."""
    check(lambda x, n: x * function(n), normal(3, 7, dt=dtypes.float16), 0.75, tolerance=3e-3)


@pytest.mark.parametrize("op", ["scatter", "scatter_add", "scatter_prod", "scatter_max", "scatter_min"])
@pytest.mark.parametrize("dt", [float32, float64, int64, dtypes.float16, dtypes.uint8], ids=lambda dt: dt.name)
def test_scatter(op: str, dt: dtype) -> None:
    for dim, shape in ((1, (10, 40)), (0, (5, 30)), (1, (3, 7)), (0, (0, 30))):
        x, i = normal(10, 30, dt=dt), integers(0, 30 if dim else 10, *shape)
        src = normal(*shape, dt=dt)
        check(lambda x, i, s, d=dim: graph.scatter(op, x, i, s, d), x, i, src, tolerance=5e-3)
        check(lambda x, i, s, d=dim: graph.scatter(op, x, i, s + s, d) * s.shape[0], x, i, src, tolerance=5e-3)


@pytest.mark.parametrize("op", ["scatter", "scatter_add"])
@pytest.mark.parametrize("dt", [float32, float64, dtypes.float16], ids=lambda dt: dt.name)
def test_scatter_of_rows(op: str, dt: dtype) -> None:
    """An index with one number for each row; some numbers more than once, and rows more than a thread takes."""

    def define(x: Value, i: Value, s: Value) -> Value:
        line = graph.reshape(i, (i.shape[0], *[1] * (s.ndim - 1)))
        return graph.scatter(op, x, graph.expand(line, s.shape), s, 0)

    for shape, rows in (((10, 40), 25), ((10, 2, 3), 4), ((300, 150), 500), ((4, 1), 9), ((4, 30), 0)):
        for how in LAYOUTS[:2]:
            x, i, src = normal(*shape, dt=dt), integers(0, shape[0], rows), normal(rows, *shape[1:], dt=dt, how=how)
            check(define, x, i, src, tolerance=2e-2 if dt.itemsize == 2 else 1e-5)
    with pytest.raises(IndexError):
        compiled(define, 3).run((normal(4, 30, dt=dt), integers(4, 5, 2), normal(2, 30, dt=dt)))


@pytest.mark.parametrize("op", ["cumsum", "cumprod"])
@pytest.mark.parametrize("dt", [float32, float64, int64, dtypes.int8, dtypes.bfloat16], ids=lambda dt: dt.name)
def test_scans(op: str, dt: dtype) -> None:
    for shape, dim in (
        ((10, 30), 1),
        ((10, 30), 0),
        ((300, 200), 1),
        ((2, 3, 4), 1),
        ((0, 3), 0),
        ((3, 0), 1),
        ((5,), 0),
    ):
        for how in LAYOUTS[:2]:
            x = tensor(RANDOM.choice([-1, 1, 1], shape), dt, how)
            check(lambda x: graph.scan(op, x, dim), x, tolerance=2e-2 if dt.itemsize == 2 else 1e-5)  # noqa: B023


# Joined and padded


@pytest.mark.parametrize("dt", [float32, int64, dtypes.bool_, dtypes.float16], ids=lambda dt: dt.name)
def test_cat_and_pad(dt: dtype) -> None:
    x, y = normal(10, 30, dt=dt), normal(10, 5, dt=dt, how="transposed")
    check(lambda x, y: graph.cat((x, y, x), 1), x, y)
    check(lambda x, y: graph.cat((ir.transpose(x), ir.transpose(y)), 0), x, y)
    check(lambda x, y: graph.cat((ir.where(ir.gt(x, 0), x, x), y), 1), x, y)
    check(lambda x: graph.pad(x, (1, 0), (0, 3)), x)
    check(lambda x: graph.pad(ir.transpose(x), (0, 2), (5, 0)), x)
    check(lambda x: graph.pad(graph.slice_(x, (9, 0), (-2, 1), (5, 30)), (1, 1), (1, 1)), x)


def test_cat_of_computed_and_empty_parts() -> None:
    x, y = normal(10, 30), normal(4, 30)
    check(lambda x, y: graph.cat((x * 2, y + 1, graph.slice_(x, (0, 0), (1, 1), (0, 30))), 0) * 3, x, y)
    check(lambda x, y: ir.sum_(graph.cat((ir.exp(x), graph.cat((y, y), 0)), 0), 1), x, y, tolerance=1e-4)
    check(lambda x, y: graph.cat((ir.sum_(x, 0, True), ir.amax(y, 0, True)), 0), x, y, tolerance=1e-4)


# Contractions with what follows them


@pytest.mark.parametrize("dt", FLOATS, ids=lambda dt: dt.name)
def test_products_with_epilogues(dt: dtype) -> None:
    for m, n, k in ((10, 20, 30), (1, 20, 30), (10, 1, 30), (1, 1, 5), (65, 130, 70), (10, 20, 0), (0, 20, 30)):
        x, w, b, r = normal(m, k, dt=dt), normal(n, k, dt=dt), normal(n, dt=dt), normal(m, n, dt=dt)
        how = {"tolerance": {2: 3e-2, 4: 1e-4, 8: 1e-12}[dt.itemsize]}
        check(lambda x, w: graph.dot(x, ir.transpose(w)), x, w, **how)
        check(lambda x, w, b: ir.maximum(graph.dot(x, ir.transpose(w)) + b, 0), x, w, b, **how)
        check(lambda x, w, b, r: ir.tanh(graph.dot(x, ir.transpose(w)) + b) * 0.5 + r, x, w, b, r, **how)


def test_products_among_other_work() -> None:
    x, w, v = normal(20, 30), normal(30, 40), normal(40, 30)
    check(lambda x, w: graph.dot(ir.maximum(x, 0), w) * 2, x, w, tolerance=1e-4)
    check(lambda x, w: graph.dot(x, w) / ir.sum_(w, 0, True), x, w, tolerance=1e-3)
    check(lambda x, w: softmax(graph.dot(x, w), 1), x, w, tolerance=1e-4)
    check(lambda x, w, v: graph.dot(ir.tanh(graph.dot(x, w)), v), x, w, v, tolerance=1e-4)
    check(lambda x, w: (graph.dot(x, w), graph.dot(x, w) + 1, ir.sum_(graph.dot(x, w))), x, w, tolerance=1e-3)
    check(lambda x, w: ir.transpose(graph.dot(x, w)) * 2, x, w, tolerance=1e-4)
    check(
        lambda x, w: graph.dot(graph.slice_(x, (0, 3), (1, 1), (20, 20)), graph.slice_(w, (5, 0), (1, 1), (20, 40))),
        x,
        w,
        tolerance=1e-4,
    )
    check(lambda x, w, s: graph.dot(x, w) * s, x, w, 0.25, tolerance=1e-4)
    check(lambda x, w: graph.cat((graph.dot(x, w), graph.dot(x, w)), 0), x, w, tolerance=1e-4)


def test_products_that_know_their_place() -> None:
    """A causal mask is part of the product's epilogue; so is one that takes the dtype of the result elsewhere."""
    for shape in ((20, 30), (1, 30), (3, 20, 30), (2, 3, 9, 16), (3, 1, 16)):
        x = normal(*shape)

        def define(x: Value) -> Value:
            product = graph.dot(x, ir.transpose(x))
            row, column = (graph.iota(product.shape, product.ndim + d) for d in (-2, -1))
            return ir.where(ir.le(column, row), product * 0.5, -1.0)

        check(define, x, tolerance=1e-4)
        check(lambda x: graph.dot(x, ir.transpose(x)) + graph.iota((*x.shape[:-1], x.shape[-2]), 0), x, tolerance=1e-4)
        check(lambda x: ir.gt(graph.dot(x, ir.transpose(x)), 40.0), x)
        check(lambda x: graph.cast(graph.dot(x, ir.transpose(x)) * 0.01, int64), x)
        check(lambda x: graph.cast(graph.dot(x, ir.transpose(x)), dtypes.float16), x, tolerance=1e-2)


def test_batches_of_products() -> None:
    x, y, b = normal(3, 10, 30), normal(3, 30, 20), normal(3, 1, 20)
    check(lambda x, y: graph.dot(x, y), x, y, tolerance=1e-4)
    check(lambda x, y, b: ir.tanh(graph.dot(x, y) + b), x, y, b, tolerance=1e-4)
    check(lambda x, y: ir.sum_(graph.dot(x, y), 0), x, y, tolerance=1e-4)
    check(
        lambda x, y: graph.dot(x, graph.expand(graph.reshape(y, (1, 30, 20)), (3, 30, 20))),
        x,
        normal(30, 20),
        tolerance=1e-4,
    )
    check(lambda x, y: softmax(graph.dot(x, ir.transpose(y)) * 0.1, -1), x, normal(3, 40, 30), tolerance=1e-4)


# Random graphs


class _Concrete:
    """Makes a trace see the sizes as numbers."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, args: tuple[Any, ...]) -> Traced:
        inputs = {i: Value("input", (), (i,), tuple(a.shape), a.dtype) for i, a in enumerate(args)}
        return Traced(inputs, self.function.define(*inputs.values()), (), _NO_GUARDS)


class _NoGuards:
    conditions: dict[str, None] = {}  # noqa: RUF012


_NO_GUARDS: Any = _NoGuards()


def run_random(define: Callable[..., Any], operands: list[Tensor], symbolic: bool) -> None:
    function = compiled(define, len(operands))
    if not symbolic:
        function.trace = _Concrete(function)  # type: ignore[method-assign]
        function.traced = lambda args: (function.trace(args), ())  # type: ignore[method-assign]
    result = function.run(tuple(operands))
    for t, e in zip(result, interpreted(define, operands), strict=True):
        compare(t, e, 5e-4)


@pytest.mark.parametrize("symbolic", [False, True], ids=["numbers", "symbols"])
@pytest.mark.parametrize("seed", range(60))
def test_random_graphs(seed: int, symbolic: bool) -> None:
    def define(*leaves: Value) -> tuple[Value, ...]:
        grown = RandomGraph(seed, leaves)
        for _ in range(14):
            grown.step()
        return tuple(grown.values[-5:])

    rng = np.random.default_rng(seed)
    shapes = [((2, 3), float32), ((1, 3), float64), ((4, 1, 2), float32), ((3,), int64)]
    operands = [
        tensor(rng.integers(-9, 9, shape) / (1 if dt is int64 else 8), dt, LAYOUTS[(seed + k) % 3])
        for k, (shape, dt) in enumerate(shapes)
    ]
    run_random(define, operands, symbolic)


@pytest.mark.parametrize("seed", range(100))
def test_rich_random_graphs(seed: int) -> None:
    def define(*leaves: Value) -> tuple[Value, ...]:
        grown = RichGraph(seed, leaves)
        for _ in range(12):
            grown.step()
        return tuple(grown.values[-4:])

    rng = np.random.default_rng(seed)
    n, m = rng.integers(2, 60, 2).tolist()
    shapes = [((n, m), float32), ((1, m), float64), ((m, 1, 2), float32), ((m,), int64), ((m, n), float32)]
    operands = [
        tensor(rng.integers(-9, 9, shape) / (1 if dt is int64 else 8), dt, LAYOUTS[rng.integers(3)])
        for shape, dt in shapes
    ]
    run_random(define, operands, seed % 2 == 0)


@pytest.mark.parametrize("seed", range(40))
def test_gradients_of_random_graphs(seed: int) -> None:
    def define(*leaves: Value) -> tuple[Value, ...]:
        grown = SmoothGraph(seed, leaves)
        for _ in range(9):
            grown.step()
        loss = ir.sum_(ir.tanh(grown.values[-1] * 0.1)) + ir.sum_(ir.tanh(grown.values[-2] * 0.1))
        seeds = [graph.const(1.0, float64)]
        found = differentiate([graph.cast(loss, float64)], seeds, leaves)
        return (loss, *(ir.full(x.shape, 0, float64) if g is None else g for g, x in zip(found, leaves)))

    rng = np.random.default_rng(seed)
    n, m = rng.integers(2, 40, 2).tolist()
    shapes = [(n, m), (1, m), (m, 1, 2), (m,), (m, n)]
    operands = [tensor(rng.integers(-9, 9, shape) / 8 + 0.03, float64, LAYOUTS[rng.integers(3)]) for shape in shapes]
    results = compiled(define, len(operands)).run(tuple(operands))
    for t, e in zip(results, interpreted(define, operands), strict=True):
        np.testing.assert_allclose(array(t), e, rtol=1e-4, atol=1e-12)


# Gradients, as the engine derives them


def finite_differences(function: Any, operands: list[Tensor], number: int, weights: np.ndarray) -> np.ndarray:
    """The gradient of the weighted sum of a result with respect to one operand, by central differences."""
    x = array(operands[number])
    result = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        values = []
        for step in (1e-6, -1e-6):
            moved = x.copy()
            moved[place] += step
            changed = [tensor(moved) if i == number else t for i, t in enumerate(operands)]
            values.append(float((array(function.run(tuple(changed))) * weights).sum()))
        result[place] = (values[0] - values[1]) / 2e-6
    return result


@pytest.mark.parametrize(
    ("define", "shapes"),
    [
        (lambda x, y: ir.exp(x) * y, [(3, 4), (4,)]),
        (lambda x: softmax(x, 1), [(3, 5)]),
        (lambda x, w, b: layer_norm(x, w, b)[0], [(3, 6), (6,), (6,)]),
        (lambda x, w, b: ir.tanh(graph.dot(x, ir.transpose(w)) + b), [(4, 3), (5, 3), (5,)]),
        (lambda x, y: graph.cat((x * y, y), 0), [(2, 3), (2, 3)]),
        (lambda x: ir.transpose(graph.pad(x * x, (1, 0), (0, 2))), [(3, 2)]),
        (lambda x: graph.windows(graph.windows(x * x, 0, 3, 2, 1), 1, 2, 3, 2), [(4, 6)]),
        (lambda x: graph.scan("cumsum", ir.sin(x), 1), [(3, 4)]),
        (lambda x: graph.scan("cumprod", x, 0), [(4, 2)]),
        (lambda x: ir.amax(x, 0) * ir.sum_(x), [(4, 3)]),
        (lambda x, y: ir.where(ir.gt(x, y), ir.log(x * x + 1), ir.sigmoid(y)), [(3, 4), (4,)]),
        (lambda x: graph.reshape(graph.slice_(x, (2, 0), (-1, 2), (3, 2)) ** 3, (6,)), [(3, 4)]),
    ],
)
def test_gradients(define: Callable[..., Any], shapes: list[tuple[int, ...]]) -> None:
    operands = [tensor(RANDOM.uniform(0.3, 1.7, shape)) for shape in shapes]
    function = compiled(define, len(operands))
    plain = function.run(tuple(operands))
    weights = RANDOM.standard_normal(tuple(plain.shape))
    for t in operands:
        t.requires_grad_()
    result = function.run(tuple(operands))
    result.backward(tensor(weights))
    for number, t in enumerate(operands):
        expected = finite_differences(function, [o.detach() for o in operands], number, weights)
        np.testing.assert_allclose(array(t.grad), expected, rtol=1e-6, atol=1e-7)
    needs = tuple(range(len(operands)))
    variant = function.traced(tuple(operands))[0].variant(needs)
    assert variant.edges == needs and variant.visible == 1 and variant.backward is not None


# Other processors


def test_with_256_bit_vectors() -> None:
    chosen = "every_dtype or every_shape or primitive or casts or transposing or reductions or extrema or row_kernels"
    run_with_256_bit_vectors(__file__, f"({chosen}) and not pieces")


def test_kernels_compile_for_aarch64() -> None:
    import llvmlite.binding as llvm

    try:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        llvm.Target.from_triple("aarch64-unknown-linux-gnu")
    except RuntimeError:
        pytest.skip("llvmlite was built without AArch64")
    target = Target("aarch64-unknown-linux-gnu", "neoverse-n1", "", 16, 32, True, False, 4)
    x, w, i = normal(20, 30), normal(40, 30), integers(0, 30, 20, 4)
    for define, operands in (
        (lambda x: ir.transpose(ir.exp(x)) * 2, (x,)),
        (lambda x: softmax(x, 1), (x,)),
        (lambda x: (ir.sum_(x, 0), graph.reduce("argmax", x, (1,))), (x,)),
        (lambda x, w: ir.tanh(graph.dot(x, ir.transpose(w))), (x, w)),
        (lambda x, i: graph.gather(x, i, 1), (x, i)),
        (lambda x: graph.cast(x, dtypes.bfloat16), (x,)),
        (lambda x: graph.cast(x, dtypes.float16), (x,)),
        (lambda x: graph.scan("cumsum", x, 0), (x,)),
    ):
        traced, sizes = compiled(define, len(operands)).traced(operands)
        bound = traced.variant(()).program.bind({n: t._layout for n, t in enumerate(operands)}, sizes, target)
        for launch in bound.launches:
            assert compile_object(launch.kernel.write(), target, launch.kernel.level)[:4] == b"\x7fELF"
