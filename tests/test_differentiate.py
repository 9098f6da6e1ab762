"""Every rule of the differentiation table against central finite differences, to second order."""

import functools
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from kagari.base.dtypes import bool_, float16, float32, float64, int64
from kagari.base.symbols import Guards, Sym, evaluate
from kagari.engine.interpret import interpret
from kagari.ir import build, graph
from kagari.ir.differentiate import NOT_DIFFERENTIABLE, VJP, differentiate
from kagari.ir.graph import Graph, Value
from kagari.ir.simplify import simplify
from kagari.ir.spec import verify

Definition = Callable[..., Value]


def leaf(index: int, shape: tuple, dt=float64) -> Value:
    return Value("input", (), (index,), shape, dt)


def numeric(function: Callable[..., float], arrays: Sequence[np.ndarray], which: int, eps: float = 1e-5) -> np.ndarray:
    """Central differences of a scalar function in one of its arguments."""
    result = np.zeros_like(arrays[which])
    for place in np.ndindex(result.shape):
        values = []
        for step in (eps, -eps):
            moved = [a.copy() for a in arrays]
            moved[which][place] += step
            values.append(function(*moved))
        result[place] = (values[0] - values[1]) / (2 * eps)
    return result


class Case:
    """A scalar target, built from the leaves of a definition and from weights, with the numbers for both."""

    def __init__(
        self, definition: Definition, arrays: Sequence[np.ndarray], shapes: Sequence[tuple], sizes: dict
    ) -> None:
        self.arrays, self.sizes, self.random = arrays, sizes, np.random.default_rng(7)
        self.leaves = [leaf(i, shape) for i, shape in enumerate(shapes)]
        self.weights: list[Value] = []
        self.weight_arrays: list[np.ndarray] = []
        self.target = self.weigh(definition(*self.leaves))

    def weigh(self, v: Value) -> Value:
        """The sum of v times random weights: a number that every element of v has a part in."""
        shape = [evaluate(s, self.sizes) for s in v.shape]
        self.weights.append(leaf(len(self.leaves) + len(self.weights), v.shape))
        self.weight_arrays.append(self.random.uniform(0.5, 1.5, shape))
        return build.sum_(v * self.weights[-1])

    def run(self, v: Value, arrays: Sequence[np.ndarray]) -> np.ndarray:
        return interpret(self.graph(v), [*arrays, *self.weight_arrays], self.sizes)[0]

    def graph(self, v: Value) -> Graph:
        return Graph([*self.leaves, *self.weights], [v])

    def compare(self, which: int, gradient: Value) -> None:
        """A derived gradient, as it is and simplified, with central differences."""
        expected = numeric(lambda *arrays: self.run(self.target, arrays).item(), self.arrays, which)
        plain = self.graph(gradient)
        verify(plain)
        for g in (plain, simplify(plain)):
            (derived,) = interpret(g, [*self.arrays, *self.weight_arrays], self.sizes)
            assert derived.shape == expected.shape
            np.testing.assert_allclose(derived, expected, rtol=2e-5, atol=2e-6)


def check(definition: Definition, *arrays: np.ndarray, order: int = 2, sizes: dict | None = None, shapes=None) -> None:
    """Compares the derived gradients of `definition` at `arrays`, and the gradients of those, with differences."""
    case = Case(definition, arrays, shapes or [a.shape for a in arrays], sizes or {})
    for _ in range(order):
        grads = differentiate([case.target], [graph.const(1.0, float64)], case.leaves)
        for i, g in enumerate(grads):
            case.compare(i, build.full(case.leaves[i].shape, 0, float64) if g is None else g)
        case.target = functools.reduce(build.add, [case.weigh(g) for g in grads if g is not None], case.target)


def spaced(*shape: int, low: float = -1.5, high: float = 1.5, seed: int = 0) -> np.ndarray:
    """Random numbers that differ from each other and from 0 by more than the step of the differences."""
    count = int(np.prod(shape))
    values = np.linspace(low, high, count) + (high - low) / (4 * count)
    return np.random.default_rng(seed).permutation(values).reshape(shape)


ANY, POSITIVE, INSIDE = spaced(2, 3), spaced(2, 3, low=0.3, high=2.5), spaced(2, 3, low=-0.8, high=0.8)
UNARY = {
    "neg": ANY, "abs": ANY, "sqrt": POSITIVE, "rsqrt": POSITIVE, "exp": ANY, "exp2": ANY, "expm1": ANY, "log": POSITIVE,
    "log2": POSITIVE, "log10": POSITIVE, "log1p": POSITIVE, "sin": ANY, "cos": ANY, "tan": INSIDE, "asin": INSIDE,
    "acos": INSIDE, "atan": ANY, "sinh": ANY, "cosh": ANY, "tanh": ANY, "asinh": ANY, "acosh": POSITIVE + 1.2,
    "atanh": INSIDE, "erf": ANY, "erfc": ANY, "erfinv": INSIDE, "lgamma": spaced(2, 3, low=-2.7, high=2.4),
    "digamma": spaced(2, 3, low=-1.6, high=2.2), "sigmoid": ANY,
}  # fmt: skip


@pytest.mark.parametrize("op", UNARY)
def test_unary(op: str) -> None:
    check(lambda x: build.pointwise(op, x), UNARY[op])


BINARY = {
    "add": (ANY, ANY), "sub": (ANY, ANY), "mul": (ANY, spaced(2, 3, seed=1)), "div": (ANY, spaced(2, 3, seed=1)),
    "rem": (5 * ANY, POSITIVE), "pow": (POSITIVE, spaced(2, 3, seed=1)), "atan2": (ANY, spaced(2, 3, seed=1)),
    "maximum": (ANY, spaced(2, 3, seed=1) + 0.01), "minimum": (ANY, spaced(2, 3, seed=1) + 0.01),
}  # fmt: skip


@pytest.mark.parametrize("op", BINARY)
def test_binary(op: str) -> None:
    check(lambda a, b: build.pointwise(op, a, b), *BINARY[op])


INDEX = np.array([[2, 0, 2], [1, 1, 0]])
ZEROS = np.array([[0.0, 0.7, -1.2, 0.4], [0.5, 0.0, 0.3, 0.0], [1.1, -0.6, 0.8, 0.9]])


def constant(array: np.ndarray) -> Value:
    """An int64 array as rows of constants joined: the graph has no literals with dimensions."""
    parts = tuple(graph.reshape(graph.const(int(i), int64), (1,)) for i in array.flat)
    return graph.reshape(graph.cat(parts, 0), array.shape)


ATTENDED = [spaced(2, 3, 2), spaced(2, 4, 2, seed=4), spaced(2, 4, 3, seed=5), np.array(0.7)]
PICTURES = [spaced(2, 2, 4, 5), spaced(2, 3, 2, seed=4), spaced(2, 2, 2, 3, seed=5)]
SLIDING = ((2, 2), (1, 1), (1, 1))


def slopes(causal: bool, argument: int, *args: Value) -> Value:
    """A gradient of attention; logarithms of sums and deltas are like those that go with it, but of their own."""
    q, k, v, scale, g, logsums, delta = args
    return graph.attend_grad((q, k, v, g, logsums, delta, scale), causal, argument)


STRUCTURE: dict[str, list[tuple]] = {
    "where": [(lambda a, b: build.where(build.lt(a, 0), a * a, b * a), ANY, spaced(2, 3, seed=1))],
    "require": [(lambda x: build.require(build.lt(x, 100), x * x), ANY)],
    "cast": [(lambda x: graph.cast(x, float64) * x, ANY)],
    "reshape": [(lambda x: graph.reshape(x * x, (3, 2)), ANY)],
    "permute": [(lambda x: graph.permute(x * x, (2, 0, 1)), spaced(2, 3, 2))],
    "expand": [
        (lambda x: graph.expand(x * x, (2, 3, 2)), spaced(2, 1, 2)),
        (lambda x: x * build.sum_(x, 1, True), ANY),
    ],
    "slice": [
        (lambda x: graph.slice_(x * x, (1, 0), (1, 1), (2, 2)), spaced(3, 4)),
        (lambda x: graph.slice_(x * x, (2, 3), (-1, -2), (2, 2)), spaced(3, 4)),
        (lambda x: graph.slice_(x * x, (0, 1), (2, 3), (2, 2)), spaced(4, 5)),
        (lambda x: graph.slice_(x * x, (3, 0), (-3, 2), (2, 3)), spaced(4, 6)),
        (lambda x: graph.slice_(x * x, (0, 4), (1, -1), (2, 0)), spaced(2, 5)),
    ],
    "diagonal": [
        (lambda x: graph.diagonal(x * x, 0, 1), spaced(3, 3)),
        (lambda x: graph.diagonal(x * x, 2, 0), spaced(2, 3, 2)),
    ],
    "windows": [
        (lambda x: graph.windows(x * x, 0, 3, 3, 1), spaced(5)),
        (lambda x: graph.windows(x * x, 1, 2, 4, 3), spaced(2, 8, 2)),
        (lambda x: graph.windows(x * x, 1, 2, 2, 3), spaced(2, 7)),
        (lambda x: graph.windows(x * x, 0, 2, 1, 3), spaced(4)),
        (lambda x: graph.windows(graph.windows(x * x, 0, 2, 2, 2), 1, 3, 2, 1), spaced(5, 4)),
        (lambda x: graph.windows(x * x, 0, 0, 3, 1), spaced(2)),
    ],
    "pad": [(lambda x: graph.pad(x * x, (1, 0), (2, 3)), ANY)],
    "cat": [(lambda a, b: graph.cat((a * b, b, a), 1), ANY, spaced(2, 3, seed=1))],
    "reduce_sum": [(lambda x: graph.reduce("sum", x * x, (0, 2)), spaced(2, 3, 2))],
    "reduce_prod": [
        (lambda x: graph.reduce("prod", x, (1,)), ZEROS),
        (lambda x: graph.reduce("prod", x, (0, 2)), spaced(2, 2, 2)),
    ],
    "reduce_max": [(lambda x: graph.reduce("max", x * x, (1, 2)), spaced(2, 3, 2))],
    "reduce_min": [(lambda x: graph.reduce("min", x * x, (0,)), ANY)],
    "cumsum": [(lambda x: graph.scan("cumsum", x * x, 1), ANY)],
    "logcumsumexp": [(lambda x: graph.scan("logcumsumexp", x * x, 1), ANY)],
    "cumprod": [(lambda x: graph.scan("cumprod", x, 1), spaced(2, 4)), (lambda x: graph.scan("cumprod", x, 0), ANY)],
    "pick": [
        (lambda x: graph.pick(x * x, constant(INDEX[:, 0]), 1), spaced(len(INDEX), 4)),
        (lambda x: graph.pick(x * x, constant(INDEX), 1), spaced(INDEX.shape[0], 3, INDEX.shape[1])),
    ],
    "gather": [
        (lambda x: graph.gather(x * x, constant(INDEX), 0), spaced(3, 3)),
        (lambda x: graph.gather(x * x, constant(INDEX), 1), spaced(3, 4)),
    ],
    **{
        f"scatter_{step}": [
            (lambda x, s, op=f"scatter_{step}": graph.scatter(op, x * x, constant(INDEX), s * s, 0), spaced(3, 3), ANY)
        ]
        for step in ("prod", "max", "min")
    },
    "scatter_add": [
        (lambda x, s: graph.scatter("scatter_add", x * x, constant(INDEX), s * s, 0), spaced(3, 3), ANY),
    ],
    "scatter": [
        (
            lambda x, s: graph.scatter("scatter", x * x, constant(np.array([[2, 0, 1]])), s * s, 0),
            spaced(3, 3),
            spaced(1, 3),
        ),
    ],
    "dot": [
        (graph.dot, spaced(2, 3), spaced(3, 2, seed=1)),
        (lambda a, b: graph.dot(a * a, b), spaced(2, 2, 3), spaced(2, 3, 1, seed=1)),
    ],
    "depthwise": [
        (lambda x, w: graph.depthwise("output", (x, w), (2, 2, 2, 3), *SLIDING), *PICTURES[:2]),
        (lambda y, w: graph.depthwise("input", (y, w), (2, 2, 4, 5), *SLIDING), *PICTURES[:0:-1]),
        (lambda x, y: graph.depthwise("weight", (x, y), (2, 3, 2), *SLIDING), *PICTURES[::2]),
    ],
    "attend": [
        (lambda q, k, v, s: graph.attend((q, k, v, s), False), *ATTENDED),
        (lambda q, k, v, s: graph.attend((q, k, v, s), True), *ATTENDED),
        (lambda q, k, v, s: graph.attend((q, k, v, s), True, "logsums"), *ATTENDED),
        (lambda q, k, v, s, m: graph.attend((q, k, v, s, m), False), *ATTENDED, spaced(2, 3, 4, seed=6)),
    ],
    "attend_grad": [
        (functools.partial(slopes, causal, argument), *ATTENDED, *(spaced(2, 3, *n, seed=7) for n in ((3,), (), ())))
        for argument in (0, 1, 2)
        for causal in (False, True)
    ],
}


@pytest.mark.parametrize(("op", "case"), [(op, i) for op, cases in STRUCTURE.items() for i in range(len(cases))])
def test_structure(op: str, case: int) -> None:
    definition, *arrays = STRUCTURE[op][case]
    check(definition, *arrays)


def test_cumprod_with_zeros() -> None:
    check(lambda x: graph.scan("cumprod", x, 1), ZEROS, order=1)


def test_every_primitive_is_covered() -> None:
    others = {
        "pad", "cat", "cumsum", "cumprod", "argsort", "nth", "searchsorted", "argcummax", "argcummin", "logcumsumexp",
        "gather", "pick", "dot", "scatter", "scatter_add", "scatter_prod", "scatter_max", "scatter_min",
        "depthwise", "attend", "attend_grad",
    }  # fmt: skip
    known = graph.ELEMENTWISE | graph.MOVEMENT | graph.REDUCE | graph.LEAVES | others
    assert set(VJP) | NOT_DIFFERENTIABLE == known
    assert not set(VJP) & NOT_DIFFERENTIABLE
    of_complex = {"complex", "real", "imag", "sign", "storage"}  # in test_complex.py
    assert set(VJP) - of_complex == set(UNARY) | set(BINARY) | set(STRUCTURE)


def test_symbolic_sizes_need_no_guards() -> None:
    guards = Guards()
    n, m = Sym.symbol("s0", 3, guards), Sym.symbol("s1", 5, guards)

    def definition(x: Value) -> Value:
        flipped = graph.slice_(x * x, (n - 1, 1), (-1, 1), (n, m - 1))
        joined = graph.cat((flipped, build.mean(x, 1, True)), 1)
        return graph.pad(joined, (1, 0), (n, 2)) * build.amax(x)

    check(definition, spaced(3, 5), sizes={"s0": 3, "s1": 5}, shapes=[(n, m)])
    assert not guards.conditions


def gradient(definition: Definition, *arrays: np.ndarray) -> list[np.ndarray]:
    leaves = [leaf(i, a.shape) for i, a in enumerate(arrays)]
    v = definition(*leaves)
    grads = differentiate([v], [build.full(v.shape, 1.0, float64)], leaves)
    return interpret(Graph(leaves, grads), arrays)


def test_subgradients() -> None:
    np.testing.assert_array_equal(gradient(build.abs_, np.array([-2.0, 0.0, 3.0])), [[-1, 0, 1]])
    a, b = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])
    np.testing.assert_array_equal(gradient(build.maximum, a, b), [[0, 0.5, 1], [1, 0.5, 0]])
    np.testing.assert_array_equal(gradient(build.minimum, a, b), [[1, 0.5, 0], [0, 0.5, 1]])
    np.testing.assert_array_equal(gradient(build.amax, np.array([1.0, 4.0, 4.0])), [[0, 0.5, 0.5]])
    np.testing.assert_array_equal(gradient(build.amin, np.array([1.0, 4.0, 1.0])), [[0.5, 0, 0.5]])


def test_power_at_zero() -> None:
    base, exponent = np.array([0.0, 0.0, 0.0, 2.0]), np.array([0.0, 2.0, 1.0, 0.0])
    grad_base, grad_exponent = gradient(build.pow_, base, exponent)
    np.testing.assert_array_equal(grad_base, [0, 0, 1, 0])
    np.testing.assert_allclose(grad_exponent, [0, 0, 0, np.log(2)])
    np.testing.assert_array_equal(gradient(lambda x: build.pow_(x, 2), np.array([0.0, 3.0])), [[0, 6]])


def test_results_that_need_no_gradient() -> None:
    x, y = leaf(0, (3,)), leaf(1, (3,))
    v = build.floor(x) * y
    assert differentiate([v], [v], [x])[0] is None
    assert differentiate([v], [None], [y]) == [None]
    assert differentiate([graph.cast(y, int64)], [None], [y]) == [None]


def test_inner_values_and_gradients_of_several_outputs() -> None:
    x = leaf(0, (3,))
    inner = build.exp(x)
    one = build.full((3,), 1.0, float64)
    grads = differentiate([inner * inner, inner, x], [one, one, one], [x, inner])
    at = np.array([0.1, -0.4, 0.3])
    e = np.exp(at)
    outer, to_inner = interpret(Graph([x], grads), [at])
    np.testing.assert_allclose(to_inner, 2 * e + 1)
    np.testing.assert_allclose(outer, (2 * e + 1) * e + 1)


@pytest.mark.parametrize("dt", [float16, float32])
def test_gradients_have_the_dtype_of_their_value(dt) -> None:
    x = leaf(0, (2,), dt)
    wide = leaf(1, (2,), float64)
    v = build.sum_(build.where(build.lt(x, 0), x * 0.5, build.erf(x) / 3) * wide)
    assert v.dtype is float64
    grads = differentiate([v], [graph.const(1.0, float64)], [x, wide])
    assert [g.dtype for g in grads] == [dt, float64]


def test_a_long_chain_needs_no_recursion() -> None:
    x = leaf(0, ())
    v = x
    for _ in range(5000):
        v = build.sin(v)
    (g,) = differentiate([v], [graph.const(1.0, float64)], [x])
    assert np.isfinite(interpret(Graph([x], [g]), [np.float64(0.5)])[0])


def test_conditions_have_no_gradient() -> None:
    x = leaf(0, (2,))
    condition = leaf(1, (2,), bool_)
    v = build.where(condition, x, 0)
    assert differentiate([v], [v], [condition]) == [None]
