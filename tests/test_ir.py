"""The representation itself: symbolic sizes, the specification, the printer and the interpreter."""

import math

import numpy as np
import pytest

from kagari.base.dtypes import (
    bfloat16,
    bool_,
    dtype,
    float16,
    float32,
    float64,
    int8,
    int32,
    int64,
    uint8,
)
from kagari.base.errors import BroadcastError, CompileError
from kagari.base.symbols import Guards, Sym, evaluate, identical, is_positive, product
from kagari.engine.interpret import ELEMENT, STRUCTURE, interpret, round_to
from kagari.ir import build, graph
from kagari.ir.fold import FOLD, convert, wrap
from kagari.ir.graph import Graph, Value
from kagari.ir.printer import ATTRS, format_graph
from kagari.ir.spec import ARITY, SPEC, verify


def leaf(shape: tuple, dt: dtype = float32, index: int = 0) -> Value:
    return Value("input", (), (index,), shape, dt)


# Symbolic sizes


@pytest.fixture
def guards() -> Guards:
    return Guards()


def symbols(guards: Guards) -> tuple[Sym, Sym]:
    return Sym.symbol("s0", 6, guards), Sym.symbol("s1", 4, guards)


def test_symbolic_arithmetic(guards: Guards) -> None:
    n, m = symbols(guards)
    expressions = [
        2 * n + m, (n + 1) * (m - 2) * n, 10 - n * m, (6 * n * m) // (2 * n), (n + 1) // m, (n * m + 1) % m, 100 // n,
        product((n, m, 3)),
    ]  # fmt: skip
    assert [x.hint for x in expressions] == [16, 84, -14, 12, 1, 1, 16, 72]
    at = {"s0": 9, "s1": 5}
    assert [evaluate(x, at) for x in expressions] == [23, 270, -35, 15, 2, 1, 11, 135]
    assert not guards.conditions


def test_symbolic_results_that_are_numbers(guards: Guards) -> None:
    n, m = symbols(guards)
    assert n - n == 0 and type(n - n) is int
    assert (n + 2) - n == 2 and n * 0 == 0 and (n * m) // n is not n and identical(((n * m) // n,), (m,))
    assert (n * m) % n == 0 and (4 * n) // n == 4


def test_comparisons_with_one_answer_make_no_guard(guards: Guards) -> None:
    n, m = symbols(guards)
    assert n != 1 and n != 0 and n != m and n == n + 0 and not n < 2 and n >= 2 and n > 1 and n
    assert n * m > n and n * 64 != n and n + 1 > n and n * m >= 4 and not n + m < 4 and n * m + 3 != 6
    assert is_positive(n + m - 3) and not is_positive(n - 2) and not is_positive(0)
    assert not guards.conditions


def test_comparisons_that_depend_on_sizes_become_guards(guards: Guards) -> None:
    n, m = symbols(guards)
    assert n == 6 and n != 7 and n > m and n * 2 == m + 8 and n // 4 <= 2
    assert len(guards.conditions) == 5
    assert all(eval(text, {"s0": 6, "s1": 4}) for text in guards.conditions)
    assert not all(eval(text, {"s0": 9, "s1": 4}) for text in guards.conditions)


def test_identical_shapes_are_written_the_same(guards: Guards) -> None:
    n, m = symbols(guards)
    assert identical((n, m + 1, 3), (n + 0, 1 + m, 3))
    assert not identical((n,), (6,)) and not identical((n, m), (n,)) and not identical((n * m,), (n,))
    assert not guards.conditions


# The specification

X, Y, N, B = leaf((2, 3)), leaf((3, 2)), leaf((2, 3), int64), leaf((2, 3), bool_)


def raw(
    op: str, *args: Value, attrs: tuple = (), shape: tuple = (2, 3), dt: dtype = float32, weak: bool = False
) -> Value:
    return Value(op, args, attrs, shape, dt, weak)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (raw("sparkle", X), "no such primitive"),
        (raw("add", X), "takes 2 arguments"),
        (raw("add", X, Y), "one shape"),
        (raw("add", X, N), "one dtype"),
        (raw("add", X, X, shape=(3, 2)), r"its shape should be \[2, 3\]"),
        (raw("add", X, X, dt=float64), "its dtype should be float32"),
        (raw("add", X, X, attrs=(1,)), "attributes"),
        (raw("add", X, X, weak=True), "no dimensions"),
        (raw("exp", X, shape=(2, -3)), "sizes are integers from 0 on"),
        (raw("lt", X, X), "its dtype should be bool"),
        (raw("where", N, X, X), "condition should be boolean"),
        (raw("where", B, X, N), "one dtype"),
        (raw("cast", X, shape=(3, 2)), "its shape should be"),
        (raw("reshape", X, shape=(2, 2)), "number of elements"),
        (raw("permute", X, attrs=((0, 0),)), "each of 2 dimensions once"),
        (raw("permute", X, attrs=((1, 0),)), r"should be \[3, 2\]"),
        (raw("expand", X, shape=(2, 4)), "only dimensions of size 1"),
        (raw("expand", X, shape=(1, 2, 3)), "number of dimensions"),
        (raw("slice", X, attrs=((0, 0), (1, 0))), "steps are integers other than 0"),
        (raw("slice", X, attrs=((0, 1), (1, 1))), "elements 1 to 3 are outside of size 3"),
        (raw("slice", X, attrs=((0, 1), (1, -1))), "elements 1 to -1 are outside"),
        (raw("diagonal", X, attrs=(1, 1)), "should differ"),
        (raw("diagonal", X, attrs=(0, 1), shape=(2,)), "should have one size"),
        (raw("windows", X, attrs=(1, 0), shape=(2, 2, 2)), "positive integer"),
        (raw("windows", X, attrs=(1, 2), shape=(2, 2, 2)), "the last window ends outside of size 3"),
        (raw("windows", X, attrs=(1, 1), shape=(1, 2, 2)), "change only dimension 1"),
        (raw("pad", X, attrs=((0, 0), (-1, 0))), "not negative"),
        (raw("pad", X, attrs=((0, 0), (1, 0))), "should be"),
        (raw("cat", X, N, attrs=(0,), shape=(4, 3)), "one dtype"),
        (raw("cat", X, Y, attrs=(0,), shape=(5, 3)), "differ only along 0"),
        (raw("cat", X, X, attrs=(0,), shape=(3, 3)), "add up"),
        (raw("cat", attrs=(0,)), "takes 1 arguments"),
        (raw("iota", attrs=(2,), dt=int64), "no dimension 2"),
        (raw("reduce_sum", X, attrs=((1, 0),), shape=()), "sorted tuple"),
        (raw("reduce_sum", X, attrs=((2,),), shape=()), "no dimension 2"),
        (raw("argmax", X, attrs=(0,), shape=(3,)), "int64"),
        (raw("cumsum", X, attrs=(-1,)), "no dimension -1"),
        (raw("gather", X, B, attrs=(0,)), "index should be int64"),
        (raw("gather", X, leaf((2, 4), int64), attrs=(0,), shape=(2, 4)), "no larger"),
        (raw("scatter", X, N, Y, attrs=(0,)), "one shape"),
        (raw("dot", X, X), "inner sizes 3 and 2"),
        (raw("dot", leaf((2, 2, 3)), leaf((1, 3, 2)), shape=(2, 2, 2)), "batch dimensions"),
        (raw("dot", X, Y, shape=(2, 3)), r"should be \[2, 2\]"),
        (raw("const", attrs=("1",), shape=()), "hold a number"),
        (raw("const", attrs=(1.0,)), r"should be \[\]"),
    ],
)
def test_illegal_values_are_named(value: Value, reason: str) -> None:
    leaves = [v for v in Graph((), [value]).values() if v.op == "input"]
    with pytest.raises(CompileError, match=f"(?s)Illegal value: {value.op} .*{reason}"):
        verify(Graph(leaves, [value]))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (raw("exp", N, dt=int64), "takes floats"),
        (raw("div", N, N, dt=int64), "takes floats"),
        (raw("sub", B, B, dt=bool_), "takes numbers"),
        (raw("neg", B, dt=bool_), "takes numbers"),
        (raw("bitand", X, X), "integers or booleans"),
        (raw("shl", B, B, dt=bool_), "takes integers"),
        (raw("idiv", X, X), "takes integers"),
        (raw("reduce_sum", B, attrs=((0,),), shape=(3,), dt=bool_), "takes numbers"),
    ],
)
def test_primitives_refuse_types_as_operators_do(value: Value, reason: str) -> None:
    leaves = [v for v in Graph((), [value]).values() if v.op == "input"]
    with pytest.raises(NotImplementedError, match=f'"{value.op}" not implemented for \'.*{reason}'):
        verify(Graph(leaves, [value]))


def test_inputs_are_listed() -> None:
    with pytest.raises(CompileError, match="does not list it"):
        verify(Graph([], [X + 1]))
    with pytest.raises(CompileError, match="Not an input: const"):
        verify(Graph([graph.const(1, int64)], [X]))


def test_symbolic_shapes_are_legal(guards: Guards) -> None:
    n, m = symbols(guards)
    x = leaf((n, m))
    joined = graph.cat((x, graph.slice_(x, (n - 1, 0), (-1, 1), (n, m))), 0)
    verify(Graph([x], [graph.reshape(joined, (2, n, m)), graph.dot(build.transpose(x), x), build.mean(x)]))
    with pytest.raises(CompileError, match="inner sizes s1 and s0"):
        verify(Graph([x], [Value("dot", (x, x), (), (n, m), float32)]))


def test_every_table_knows_every_primitive() -> None:
    other = {
        "pad", "cat", "cumsum", "cumprod", "argsort", "nth", "searchsorted", "argcummax", "argcummin", "logcumsumexp",
        "gather", "pick", "dot", "scatter", "scatter_add", "scatter_prod", "scatter_max", "scatter_min",
        "depthwise", "attend", "attend_grad",
    }  # fmt: skip
    known = graph.ELEMENTWISE | graph.MOVEMENT | graph.REDUCE | graph.LEAVES | other
    assert set(SPEC) == known
    assert set(ELEMENT) == graph.ELEMENTWISE - {"cast"}
    assert set(STRUCTURE) == known - graph.ELEMENTWISE - {"input", "scalar", "size"}
    assert set(ATTRS) <= known and set(ARITY) <= known and set(FOLD) <= graph.ELEMENTWISE


# The printer


def test_graphs_are_printed_a_value_a_line(guards: Guards) -> None:
    n, _ = symbols(guards)
    x = leaf((n, 64))
    y = build.sum_(graph.pad(x * 2.0, (n - 1, 0), (0, 1)), 0) + build.lift(n)
    assert format_graph(Graph([x], [y])).splitlines() == [
        "%0 = input float32[s0, 64] index=0",
        "%1 = const weak float32[] number=2.0",
        "%2 = reshape float32[1, 1] %1",
        "%3 = expand float32[s0, 64] %2",
        "%4 = mul float32[s0, 64] %0 %3",
        "%5 = pad float32[-1+2*s0, 65] %4 low=(-1+s0, 0) high=(0, 1)",
        "%6 = reduce_sum float32[65] %5 dims=(0)",
        "%7 = size weak int64[] size=s0",
        "%8 = cast float32[] %7",
        "%9 = reshape float32[1] %8",
        "%10 = expand float32[65] %9",
        "%11 = add float32[65] %6 %10",
        "return %11",
    ]


# The interpreter


def run(v: Value, *inputs: object) -> np.ndarray:
    leaves = [w for w in Graph((), [v]).values() if w.op in ("input", "scalar")]
    leaves.sort(key=lambda w: w.attrs[0])
    g = Graph(leaves, [v])
    verify(g)
    return interpret(g, inputs)[0]


def unary(op: str, values: list, dt: dtype = float64) -> np.ndarray:
    return run(graph.elementwise(op, leaf((len(values),), dt)), np.array(values))


def binary(op: str, a: list, b: list, dt: dtype = float64) -> np.ndarray:
    leaves = (leaf((len(v),), dt, i) for i, v in enumerate((a, b)))
    return run(graph.elementwise(op, *leaves), np.array(a), np.array(b))


NAN, INF = math.nan, math.inf


def test_corners_of_unary_primitives() -> None:
    cases = {
        "sign": ([-2.0, -0.0, 3.0, NAN], [-1, 0, 1, 0]), "round": ([0.5, 1.5, -2.5], [0, 2, -2]),
        "sigmoid": ([-INF, 0, INF], [0, 0.5, 1]), "rsqrt": ([4, 0, INF], [0.5, INF, 0]),
        "erf": ([0, INF, NAN], [0, 1, NAN]), "erfinv": ([1, -1, 2, 0], [INF, -INF, NAN, 0]),
        "lgamma": ([1, 0, -1, INF, -0.5], [0, INF, INF, INF, math.lgamma(-0.5)]),
        "digamma": ([1, 0, -1, 0.5], [-0.5772156649015329, -INF, NAN, -1.9635100260214235]),
    }  # fmt: skip
    for op, (values, expected) in cases.items():
        np.testing.assert_allclose(unary(op, values), expected, rtol=1e-13, err_msg=op)


def test_erfinv_is_the_inverse_of_erf() -> None:
    x = np.array([-0.999999, -0.7, -1e-9, 1e-300, 0.3, 0.5, 0.99, 1 - 1e-15])
    np.testing.assert_allclose(np.vectorize(math.erf)(unary("erfinv", list(x))), x, rtol=1e-14)


def test_integers_wrap_and_divide_as_in_c() -> None:
    np.testing.assert_array_equal(binary("idiv", [7, -7, 7, -7], [2, 2, -2, -2], int64), [3, -3, -3, 3])
    np.testing.assert_array_equal(binary("rem", [7, -7, 7, -7], [2, 2, -2, -2], int64), [1, -1, 1, -1])
    np.testing.assert_array_equal(binary("rem", [7.5, -7.5], [2, 2]), [1.5, -1.5])
    np.testing.assert_array_equal(unary("neg", [1, 0], uint8), [255, 0])
    np.testing.assert_array_equal(binary("add", [127, -128], [1, -1], int8), [-128, 127])
    np.testing.assert_array_equal(binary("pow", [2, -1, -1, 3, 1], [10, -3, -2, -1, -5], int64), [1024, -1, 1, 0, 1])
    np.testing.assert_array_equal(binary("shl", [1, 1], [3, 32], int32), [8, 0])
    np.testing.assert_array_equal(binary("shr", [-8, -8], [1, 32], int32), [-4, -1])
    assert run(graph.reduce("sum", leaf((3,), uint8), (0,)), np.array([200, 100, 1])) == 45
    for op in ("idiv", "rem"):
        with pytest.raises(ZeroDivisionError):
            binary(op, [1], [0], int64)


def test_booleans_add_as_or_and_multiply_as_and() -> None:
    a, b = [False, False, True, True], [False, True, False, True]
    np.testing.assert_array_equal(binary("add", a, b, bool_), [False, True, True, True])
    np.testing.assert_array_equal(binary("mul", a, b, bool_), [False, False, False, True])


def test_extrema_propagate_nan() -> None:
    np.testing.assert_array_equal(binary("maximum", [1, NAN, 2], [NAN, 1, 3]), [NAN, NAN, 3])
    np.testing.assert_array_equal(binary("minimum", [1, NAN, 2], [NAN, 1, 3]), [NAN, NAN, 2])
    x, values = leaf((2, 3)), np.array([[1, NAN, 2], [3, 1, 3]])
    np.testing.assert_array_equal(run(graph.reduce("max", x, (1,)), values), [NAN, 3])
    np.testing.assert_array_equal(run(graph.reduce("min", x, (1,)), values), [NAN, 1])
    np.testing.assert_array_equal(run(graph.reduce("argmax", x, (1,)), values), [1, 0])
    np.testing.assert_array_equal(run(graph.reduce("argmin", x, (1,)), values), [1, 1])


def test_movement() -> None:
    x, values = leaf((2, 3)), np.arange(6).reshape(2, 3)
    backwards = graph.slice_(x, (1, 2), (-1, -2), (2, 2))
    np.testing.assert_array_equal(run(backwards, values), values[::-1, ::-2])
    np.testing.assert_array_equal(run(graph.pad(x, (1, 0), (0, 2)), values), np.pad(values, [(1, 0), (0, 2)]))
    np.testing.assert_array_equal(run(graph.iota((2, 3), 1)), [[0, 1, 2], [0, 1, 2]])
    np.testing.assert_array_equal(run(graph.scan("cumprod", x + 1, 1), values), [[1, 2, 6], [4, 20, 120]])


def test_indexing() -> None:
    x, index, src = leaf((3, 2)), leaf((2, 2), int64, 1), leaf((2, 2), float32, 2)
    values, places, more = np.arange(6).reshape(3, 2), np.array([[2, 0], [2, 1]]), np.array([[10, 20], [30, 40]])
    np.testing.assert_array_equal(run(graph.gather(x, index, 0), values, places), [[4, 1], [4, 3]])
    added = run(graph.scatter("scatter_add", x, index, src, 0), values, places, more)
    np.testing.assert_array_equal(added, [[0, 21], [2, 43], [44, 5]])
    written = run(graph.scatter("scatter", x, index, src, 0), values, places, more)
    np.testing.assert_array_equal(written, [[0, 20], [2, 40], [30, 5]])
    for bad in (3, -1):
        with pytest.raises(IndexError, match=f"index {bad} is out of bounds for dimension 0 with size 3"):
            run(graph.gather(x, index, 0), values, np.full((2, 2), bad))


def test_half_precision_is_rounded_only_where_it_reaches_memory() -> None:
    x = leaf((1,), float16)
    assert run((x + 2048) - 2048, np.float16([1]))[0] == 1
    stored = graph.cast(graph.cast(x, float32) + 2048, float16)
    result = run(stored - 2048, np.float16([1]))
    assert result[0] == 0 and result.dtype == np.float16


def test_rounding_to_bfloat16() -> None:
    values = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, 3.4e38, NAN, -INF], np.float32)
    np.testing.assert_array_equal(round_to(values, bfloat16), np.array([1, 1, 1 + 2**-6, INF, NAN, -INF], np.float32))
    assert convert(1 + 3 * 2**-8, bfloat16, float32) == 1 + 2**-6


def test_casts() -> None:
    values = np.array([-1.7, 300.5, 0.0, NAN])
    assert list(run(graph.cast(leaf((4,), float64), bool_), values)) == [True, True, False, True]
    assert list(run(graph.cast(leaf((3,), float64), uint8), values[:3])) == [255, 44, 0]
    assert list(run(graph.cast(leaf((3,), float64), int32), values[:3])) == [-1, 300, 0]
    assert [wrap(300, uint8), wrap(200, int8), wrap(2, bool_), wrap(-1, int64)] == [44, -56, True, -1]


def test_sizes_are_operands(guards: Guards) -> None:
    n, m = symbols(guards)
    x = leaf((n, m))
    g = Graph([x], [build.mean(x), graph.reshape(x, (n * m,)) * n])
    for sizes in ({"s0": 6, "s1": 4}, {"s0": 3, "s1": 5}):
        values = np.random.default_rng(0).normal(size=tuple(sizes.values())).astype(np.float32)
        mean, flat = interpret(g, [values], sizes)
        np.testing.assert_allclose(mean, values.mean(), rtol=1e-5)
        np.testing.assert_allclose(flat, values.ravel() * sizes["s0"])


def test_python_numbers_are_doubles() -> None:
    rate = Value("scalar", (), (0,), (), float32, True)
    assert run(graph.cast(rate * 0.1, float64), 0.3) == 0.3 * 0.1
    assert run(rate * leaf((1,), float32, 1), 0.1, np.ones(1))[0] == np.float32(0.1)


# The builder


def test_promotion() -> None:
    half, single, whole = leaf((2,), float16), leaf((), float32), leaf((2,), int64)
    assert (half * 2.5).dtype is float16 and (half + single).dtype is float16 and (half + whole).dtype is float16
    assert (whole + 1).dtype is int64 and (whole + 1.0).dtype is float32 and (whole / 2).dtype is float32
    assert (whole + single).dtype is float32 and (leaf((2,), bool_) + 1).dtype is int64


def test_broadcasting() -> None:
    assert (leaf((2, 1)) + leaf((3,))).shape == (2, 3)
    with pytest.raises(BroadcastError, match=r"size of tensor a \(2\) must match the size of tensor b \(3\)"):
        leaf((2,)) + leaf((3,))
