"""Every operator by its record: against the oracle, and its kernels against the meaning of its graph.

A test is named by operator, dtype and the number of the sample in its record. The oracle tests compare value, dtype,
shape, gradients to second order, the in-place and `out=` forms, and errors; `test_interpreted` needs no oracle.
"""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari
from kagari.base import dtypes
from kagari.engine.interpret import interpret
from kagari.ir.build import default_dtype
from kagari.ir.graph import Graph, Value
from kagari.ops.operator import Operator
from kagari.ops.records import OPERATORS
from kagari.testing.cases import COMPLEX, FLOATS, Array, Case, build, cases, failures, mapped, target

pytestmark = pytest.mark.filterwarnings("ignore")

TOLERANCE = {"float64": 1e-7, "float32": 2e-5, "float16": 2e-3, "bfloat16": 1.6e-2}
TOLERANCE |= {"complex128": 1e-7, "complex64": 2e-5}
# Where values are less exact than that, with the reason.
LOOSE = {
    "lgamma": 1e-4,  # near its zeros at 1 and 2 the relative error of float32 grows
    "digamma": 1e-4,  # the same near 1.46
    "erfinv": 1e-4,
    "prod": 1e-4,
    "cumprod": 1e-4,
    "pow": 1e-4,
}
# Of which the oracle has approximations.
ROUGH = {"_standard_gamma_grad": 1e-2, "_dirichlet_grad": 1e-2}
ROUGH |= dict.fromkeys(("bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "airy_ai"), 2e-5)
# Where nodes have other names than PyTorch's in some form: one step here is several there, and the last one differs
# from form to form; `floor_divide` and `heaviside` have no gradient there, and `positive` is its argument.
OTHER_NODES = {
    "positive", "floor_divide", "heaviside", "zeta", "xlog1py", "trapezoid", "cumulative_trapezoid", "reshape",
    "flatten", "inner", "sum_to_size", "matmul", "linear", "einsum", "conv1d", "conv2d", "conv3d", "conv_transpose1d",
    "conv_transpose2d", "conv_transpose3d", "diff", "corrcoef", "cross_entropy", "cdist", "bilinear",
    "poisson_nll_loss", "gaussian_nll_loss", "batch_norm", "scaled_dot_product_attention", "adaptive_avg_pool2d",
    "adaptive_max_pool2d_with_indices", "adaptive_max_pool3d_with_indices", "local_response_norm",
}  # fmt: skip
ALL = list(cases(OPERATORS))
DIFFERENTIABLE = [
    c
    for c in ALL
    if any(a.differentiable for a in c.arrays)
    and (c.dtype in ("float64", "complex128") or (c.dtype, c.number) == ("float32", 0))
]
IN_PLACE = [
    c
    for c in ALL
    if c.record.inplace and c.dtype in ("float32", "int64", "bool", "complex64") and isinstance(c.args[0], Array)
]
OUT = [c for c in ALL if c.record.out and c.record.function and c.dtype in ("float32", "int64", "complex64")]


def each(found: Sequence[Case]) -> Any:
    """The parameters of a test: one for each case, by its name."""
    return pytest.mark.parametrize("case", found, ids=map(str, found))


def numbers(t: Any) -> np.ndarray:
    """The values of a tensor of either library, bfloat16 as float32."""
    t = t.detach()
    if str(t.dtype).endswith("bfloat16"):
        t = t.to(kagari.float32 if isinstance(t, kagari.Tensor) else _oracle_float())
    t = t.resolve_neg().resolve_conj()
    return np.array((t + 0 if hasattr(t, "_is_zerotensor") and t._is_zerotensor() else t).numpy())


def _oracle_float() -> Any:
    import torch

    return torch.float32


def check(record: Operator, got: Any, want: Any, mask: np.ndarray | None = None, factor: float = 1) -> None:
    """One tensor against the oracle's: dtype, shape, and values where the mask holds."""
    assert str(got.dtype) == str(want.dtype)
    assert tuple(got.shape) == tuple(want.shape)
    name = str(want.dtype).removeprefix("torch.")
    a, b = numbers(got), numbers(want)
    if mask is not None:
        a, b = a[mask], b[mask]
    if name in FLOATS | COMPLEX:
        tolerance = max(TOLERANCE[name], 0 if name in ("float64", "complex128") else LOOSE.get(record.name, 0)) * factor
        tolerance = ROUGH.get(record.name, tolerance)
        wide = complex if name in COMPLEX else float
        np.testing.assert_allclose(a.astype(wide), b.astype(wide), rtol=tolerance, atol=tolerance, equal_nan=True)
    else:
        np.testing.assert_array_equal(a, b)


def parts(result: Any) -> tuple[Any, ...]:
    """The tensors of a result."""
    return tuple(result) if isinstance(result, tuple | list) else (result,)


def call(case: Case, library: ModuleType, requires_grad: bool = False, variant: str = "", **more: Any) -> Any:
    """(the results, the tensors among the arguments) of a case in a library."""
    args, kwargs, tensors = build(case, library, requires_grad)
    return target(case.record, library, variant)(*args, **kwargs, **more), tensors


def outcome(*args: Any, **kwargs: Any) -> Any:
    """What `call` returns, or the exception it raises."""
    try:
        return call(*args, **kwargs)
    except Exception as error:
        return error


@each(ALL)
def test_value(case: Case, oracle: ModuleType) -> None:
    want = outcome(case, oracle)
    if isinstance(want, Exception):
        got = outcome(case, kagari)
        assert isinstance(got, type(want)), f"the oracle raised {want!r}, not {got!r}"
        return
    got, tensors = call(case, kagari)
    assert getattr(got, "_fields", None) == getattr(want[0], "__match_args__", None) if isinstance(got, tuple) else True
    assert len(parts(got)) == len(parts(want[0]))
    for a, b in zip(parts(got), parts(want[0])):
        check(case.record, a, b)
    for t, before in zip(tensors, want[1]):
        check(case.record, t, before)


def seeds(case: Case, wants: Sequence[Any]) -> list[np.ndarray]:
    random = np.random.default_rng(len(str(case)))
    return [random.uniform(0.5, 1.5, tuple(w.shape)) for w in wants]


def gradients(
    outputs: Sequence[Any], weights: Sequence[Any], wrt: Sequence[Any], library: ModuleType, again: bool
) -> Any:
    """The gradients of the weighted outputs; an output that nobody differentiates is left out."""
    pairs = [
        (o, library.tensor(w.tolist(), dtype=o.dtype).reshape(w.shape))
        for o, w in zip(outputs, weights)
        if o is not None and o.requires_grad
    ]
    if not pairs:
        return [None] * len(wrt)
    return library.autograd.grad(
        [o for o, _ in pairs], wrt, [w for _, w in pairs], allow_unused=True, create_graph=again
    )


def differentiated(case: Case, oracle: ModuleType, again: bool) -> Any:
    """(the oracle's gradients, ours, the inputs they are of on both sides), or None where the oracle has none."""
    wanted = outcome(case, oracle, True)
    if isinstance(wanted, Exception):  # what it refuses is in `test_value`; some complex results have no gradient there
        assert case.dtype == "complex128", wanted
        return None
    want, theirs = wanted
    got, ours = call(case, kagari, True)
    assert [p.requires_grad for p in parts(got)] == [p.requires_grad for p in parts(want)]
    if case.record.name not in OTHER_NODES:
        names = ([p.grad_fn.name().split(":")[-1] for p in parts(r) if p.grad_fn is not None] for r in (got, want))
        assert next(names) == next(names)
    if not any(p.requires_grad for p in parts(want)):
        return None
    weights = seeds(case, parts(want))
    theirs, ours = ([t for t, other in zip(found, theirs) if other.requires_grad] for found in (theirs, ours))
    try:
        first = gradients(parts(want), weights, theirs, oracle, again)
    except RuntimeError as error:
        pytest.skip(f"the oracle: {error}")
    return first, gradients(parts(got), weights, ours, kagari, again), theirs, ours


@each(DIFFERENTIABLE)
def test_gradient(case: Case, oracle: ModuleType) -> None:
    found = differentiated(case, oracle, False)
    if found is not None:
        first, mine, theirs, _ = found
        compare_gradients(case, mine, first, theirs, oracle)


@each([c for c in DIFFERENTIABLE if c.dtype == "float64"])
def test_second_gradient(case: Case, oracle: ModuleType) -> None:
    found = differentiated(case, oracle, True)
    if found is None:
        return
    first, mine, theirs, ours = found
    if not all(g is None or bool(oracle.isfinite(g).all()) for g in first):
        return
    if not any(g is not None and g.requires_grad for g in first):
        return
    weights = seeds(case, theirs)
    try:
        second = gradients(first, weights, theirs, oracle, False)
    except RuntimeError as error:
        pytest.skip(f"the oracle: {error}")
    compare_gradients(case, gradients(mine, weights, ours, kagari, False), second, theirs, oracle)


def compare_gradients(
    case: Case, got: Sequence[Any], want: Sequence[Any], wrt: Sequence[Any], oracle: ModuleType
) -> None:
    """Gradients where the oracle's is finite and the input a number; None counts as zeros."""
    for g, w, x in zip(got, want, wrt):
        w = oracle.zeros_like(x) if w is None else w
        mask = np.isfinite(numbers(w)) & ~np.isnan(numbers(x))
        g = kagari.zeros(tuple(w.shape), dtype=getattr(kagari, str(w.dtype)[6:])) if g is None else g
        check(case.record, g, w, mask, factor=10)


@each(IN_PLACE)
def test_in_place(case: Case, oracle: ModuleType) -> None:
    if case.dtype == "bool" and case.record.name in ("cumsum", "cumprod"):
        pytest.skip("PyTorch scans booleans in place only where there is nothing to add up")
    want = outcome(case, oracle, variant="_")
    got = outcome(case, kagari, variant="_")
    if isinstance(want, Exception):
        if isinstance(want, AttributeError):
            pytest.skip(f"the oracle: {want}")
        assert isinstance(got, type(want)), f"the oracle raised {want!r}, not {got!r}"
        return
    assert not isinstance(got, Exception), repr(got)
    assert got[0] is got[1][0]
    for a, b in zip(got[1], want[1]):
        check(case.record, a, b)


@each(OUT)
def test_out(case: Case, oracle: ModuleType) -> None:
    want = outcome(case, oracle)
    if isinstance(want, Exception):
        return
    results = parts(call(case, kagari)[0])
    outs = [kagari.empty(tuple(r.shape), dtype=r.dtype) for r in results]
    returned, _ = call(case, kagari, out=outs[0] if len(outs) == 1 else tuple(outs))
    for r, o, w in zip(parts(returned), outs, parts(want[0])):
        assert r is o
        check(case.record, o, w)


FAILURES = list(failures(OPERATORS))


@pytest.mark.parametrize(("case", "error", "pattern"), FAILURES, ids=[str(f[0]) for f in FAILURES])
def test_error(case: Case, error: type, pattern: str) -> None:
    with pytest.raises(error, match=pattern):
        call(case, kagari)


@pytest.mark.parametrize(("case", "error", "pattern"), FAILURES, ids=[str(f[0]) for f in FAILURES])
def test_error_of_the_oracle(case: Case, error: type, pattern: str, oracle: ModuleType) -> None:
    want = outcome(case, oracle)
    assert isinstance(want, error), f"the oracle gives {want!r}"
    assert re.search(pattern, str(want))


EXAMPLES = [r for r in OPERATORS if ">>>" in r.doc]


@pytest.mark.parametrize("record", EXAMPLES, ids=[r.name for r in EXAMPLES])
def test_example(record: Operator) -> None:
    """The examples in the documentation of a record."""
    example = doctest.DocTestParser().get_doctest(inspect.cleandoc(record.doc), {}, record.name, None, None)
    assert not doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example).failed


# The kernels against the interpreter


def traced(case: Case) -> tuple[Graph, list[Any]]:
    """The graph of a definition at the shapes of a case, and its inputs."""
    leaves: list[Value] = []
    inputs: list[Any] = []
    named = {d.name: d for d in dtypes.ALL}

    def leaf(a: Array) -> Value:
        leaves.append(Value("input", (), (len(leaves),), a.values.shape, named[a.dtype]))
        inputs.append(a.values)
        return leaves[-1]

    def number(kind: str, x: Any) -> Any:
        if kind not in ("operand", "number") or type(x) not in (int, float, bool):
            return x
        dt = {bool: dtypes.bool_, int: dtypes.int64, float: default_dtype()}[type(x)]
        leaves.append(Value("scalar", (), (len(leaves),), (), dt, True))
        inputs.append(x)
        return leaves[-1]

    args, kwargs = mapped(leaf, Array, case.args, case.kwargs)
    params = case.record.params
    kinds = {p.name: p.kind for p in params}
    args = [number(params[min(i, len(params) - 1)].kind, a) for i, a in enumerate(args)]
    kwargs = {name: number(kinds[name], a) for name, a in kwargs.items()}
    return Graph(leaves, parts(case.record.define(*args, **kwargs))), inputs


INTERPRETED = [
    c for c in ALL if c.dtype in ("float32", "int64", "bool", "complex64") and c.record.function and not c.record.spread
]


@each(INTERPRETED)
def test_interpreted(case: Case) -> None:
    try:
        graph, inputs = traced(case)
        wants = interpret(graph, inputs)
    except Exception as error:
        got = outcome(case, kagari)
        assert isinstance(got, type(error) if not isinstance(error, ZeroDivisionError) else RuntimeError)
        return
    got, _ = call(case, kagari)
    for a, v, w in zip(parts(got), graph.outputs, wants):
        assert a.dtype is v.dtype
        assert tuple(a.shape) == w.shape
        if v.dtype.category == 2:
            tolerance = max(TOLERANCE[v.dtype.name], LOOSE.get(case.record.name, 0))
            np.testing.assert_allclose(numbers(a).astype(float), w.astype(float), rtol=tolerance, atol=tolerance)
        elif v.dtype.category == 3:
            np.testing.assert_allclose(numbers(a), w, rtol=TOLERANCE[v.dtype.name], atol=TOLERANCE[v.dtype.name])
        else:
            np.testing.assert_array_equal(numbers(a), w)
