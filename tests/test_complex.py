"""Complex tensors and floats of eight bits against the oracle: values, gradients, views, errors, printing."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari
from kagari.autograd.library import function
from kagari.base import dtypes
from kagari.engine.interpret import interpret
from kagari.ir import build, graph
from kagari.ir.graph import Graph, Value
from kagari.ir.lower import lower
from kagari.ir.spec import verify

pytestmark = [
    pytest.mark.filterwarnings("ignore:Casting complex values to real"),
    pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental"),
]

RANDOM = np.random.default_rng(0)


def z(*shape: int) -> np.ndarray:
    return (RANDOM.standard_normal(shape) + 1j * RANDOM.standard_normal(shape)).astype(np.complex64)


def r(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


X, Y, R, M = z(3, 4), z(3, 4), r(3, 4), RANDOM.random((3, 4)) > 0.5
Zs = np.array([0, 1 + 1j, -1, -1j], np.complex64)
UNARY = [
    "exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "asinh", "acosh",
    "atanh", "exp2", "log2", "log10", "log1p", "expm1", "rsqrt", "reciprocal", "sigmoid", "square", "abs", "angle",
    "neg", "sgn", "positive", "conj_physical", "real", "imag", "sum", "mean", "prod", "isreal", "isnan", "isinf",
    "isfinite", "view_as_real", "t", "std", "var", "norm", "count_nonzero", "any", "all",
]  # fmt: skip
BINARY = ["add", "sub", "mul", "div", "pow", "eq", "ne", "logaddexp"]
REFUSED = [
    "floor", "ceil", "trunc", "round", "sign", "erf", "lgamma", "max", "min", "argmax", "amax", "aminmax", "relu",
    "signbit", "isposinf", "nansum", "softmax0", "frac", "bitwise_not0",
]  # fmt: skip

Program = Callable[..., Any]


def plain(t: Any) -> tuple[str, tuple[int, ...], np.ndarray]:
    t = t.detach()
    t = t.resolve_conj().resolve_neg()
    return str(t.dtype), tuple(t.shape), np.array(t.tolist())


def same(got: Any, want: Any, tolerance: float = 2e-5) -> None:
    (a, b, c), (d, e, f) = plain(got), plain(want)
    assert (a, b) == (d, e)
    np.testing.assert_allclose(c, f, rtol=tolerance, atol=tolerance, equal_nan=True)


def run(program: Program, arrays: tuple[np.ndarray, ...], library: ModuleType) -> tuple[Any, list[Any]]:
    tensors = [library.tensor(a) for a in arrays]
    for t in tensors:
        if t.is_floating_point() or t.is_complex():
            t.requires_grad_()
    return program(library, *tensors), tensors


def agree(program: Program, arrays: tuple[np.ndarray, ...], oracle: ModuleType) -> None:
    """Value and gradients are the oracle's."""
    (want, theirs), (got, ours) = run(program, arrays, oracle), run(program, arrays, kagari)
    same(got, want)
    assert got.requires_grad == want.requires_grad
    if not want.requires_grad:
        return
    seed = np.random.default_rng(1).standard_normal((2, *want.shape))
    seed = seed[0] + 1j * seed[1] if want.is_complex() else seed[0]
    want.backward(oracle.tensor(seed.tolist(), dtype=want.dtype))
    got.backward(kagari.tensor(seed.tolist(), dtype=got.dtype))
    for a, b in zip(ours, theirs):
        assert (a.grad is None) == (b.grad is None)
        if b.grad is not None:
            same(a.grad, b.grad, 1e-4)


@pytest.mark.parametrize("name", UNARY)
def test_one(name: str, oracle: ModuleType) -> None:
    agree(lambda m, a: getattr(m, name)(a), (X,), oracle)
    agree(lambda m, a: getattr(m, name)(a.t()), (X,), oracle)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize(
    "arrays", [(X, Y), (X, R), (R, X), (X, Y[0]), (X[:, 1], Y[0, 0])], ids=["zz", "zr", "rz", "z0", "00"]
)
def test_two(name: str, arrays: tuple[np.ndarray, ...], oracle: ModuleType) -> None:
    if arrays[0].ndim == 1:
        arrays = (arrays[0], np.asarray(arrays[1]))
    if name == "logaddexp" and (arrays[0].dtype != arrays[1].dtype):
        arrays = (X, Y)  # the oracle fails in its own gradient
    agree(lambda m, a, b: getattr(m, name)(a, b), arrays, oracle)


PROGRAMS: list[tuple[Program, tuple[np.ndarray, ...]]] = [
    (lambda m, a: a * 2j + 1 - a / (2 - 1j), (X,)),
    (lambda m, a: a * 2j, (R,)),
    (lambda m, a: m.nn.functional.normalize(a) + m.nn.functional.softsign(a), (X,)),
    (lambda m, a: m.vander(a.detach()[0]) + m.nn.functional.silu(a.detach())[0, 0], (X,)),
    (lambda m, a: m.einsum("ij,kj->ik", a, a.conj()) + m.cov(a), (X,)),
    (lambda m, a: a[0, 0] * 2j + a.detach().double()[0, 0] * 3j, (R,)),
    (lambda m, a: m.float_power(a, 2) + m.float_power(a, 1j), (X,)),
    (lambda m, a: m.where(a > 0, 1j, 2.0) + m.where(a > 0, 1, 0.5j), (R,)),
    (lambda m, a: 2**a, (X,)),
    (lambda m, a: 2j**a, (X,)),
    (lambda m, a: a**2 + a**3 + a**0.5 + a**-0.5 + a**-1 + a**-2, (X,)),
    (lambda m, a: a**2.5 + a**1j, (X,)),
    (lambda m, a, b: m.polar(a.abs(), b), (R, R)),
    (lambda m, a, b: m.complex(a, b), (R, R)),
    (lambda m, a: m.view_as_complex(a), (r(3, 2),)),
    (lambda m, a, b: m.where(a > 0, b, b * 2), (R, X)),
    (lambda m, a, b: a @ b.mH, (X, Y)),
    (lambda m, a, b: a @ b[0], (X, Y)),
    (lambda m, a, b: m.bmm(a, b), (z(2, 3, 4), z(2, 4, 5))),
    (lambda m, a, b, c: m.addmm(a, b, c, beta=2, alpha=1j), (z(3, 3), z(3, 4), z(4, 3))),
    (lambda m, a, b: m.dot(a, b), (z(5), z(5))),
    (lambda m, a, b: m.outer(a, b), (z(5), z(4))),
    (lambda m, a, b, c: m.nn.functional.conv2d(a, b, c, 2, 1, 1, 2), (z(2, 4, 5, 5), z(6, 2, 3, 3), z(6))),
    (lambda m, a, b, c: m.nn.functional.conv_transpose2d(a, b, c, 2, 1), (z(2, 4, 3, 3), z(4, 3, 3, 3), z(3))),
    (lambda m, a: m.sinc(a) + m.renorm(a, 2, 0, 0.5), (X,)),
    (lambda m, a, b, c: m.nn.functional.linear(a, b, c), (z(2, 4), z(3, 4), z(3))),
    (lambda m, a, b: m.cat([a, b]), (X, R)),
    (lambda m, a, b: m.stack([a, b], 1), (X, Y)),
    (lambda m, a, i: m.gather(a, 1, i), (X, np.array([[0, 1], [2, 3], [1, 1]]))),
    (lambda m, a, i, b: a.scatter_add(1, i, b), (X, np.array([[0, 1], [2, 3], [1, 1]]), z(3, 2))),
    (lambda m, a: a[1:, [0, 2]], (X,)),
    (lambda m, a, i: a[i], (X, M)),
    (lambda m, a, i: a.masked_fill(i, 1j), (X, M)),
    (lambda m, a: a.cumsum(1), (X,)),
    (lambda m, a: a.cumprod(1), (X,)),
    (lambda m, a: a.prod(0), (X,)),
    (lambda m, a: a.prod(1, keepdim=True), (X,)),
    (lambda m, a: a.mean(1), (X,)),
    (lambda m, a: a.std(1), (X,)),
    (lambda m, a: m.logsumexp(a, 0), (X,)),
    (lambda m, a: a.norm(3), (X,)),
    (lambda m, a: a.sum(dtype=m.complex128), (X,)),
    (lambda m, a: a.flip(0).roll(1).tril().diagonal(), (X,)),
    (lambda m, a, b: (a.t() * b.t() + a.t()[:, ::2].sum()).exp().sum(1), (X, Y)),
    (lambda m, a, b, c: m.addcmul(a, b, c, value=1j), (X, Y, R)),
    (lambda m, a, b, c: m.addcdiv(a, b, c, value=2), (X, Y, X)),
    (lambda m, a, b: m.lerp(a, b, 0.3), (X, Y)),
    (lambda m, a: a.to(m.complex128).to(m.float32), (X,)),
    (lambda m, a: a.cfloat() * 1j, (R,)),
    (lambda m, a: a * 1j, (np.arange(3),)),
    (lambda m, a: a * 1j, (M,)),
    (lambda m, a: a.bool(), (Zs,)),
    (lambda m, a: m.nonzero(a), (Zs,)),
    (lambda m, a: a.angle(), (Zs,)),
    (lambda m, a: a.abs() + a.sgn(), (Zs,)),
    (lambda m, a: a.detach() ** m.tensor([0j, 1, 2, 1 + 1j]), (Zs,)),
    (lambda m, a: a.angle(), (R,)),
    (lambda m, a, b: (a * b).abs().sum() + (a.exp() * b.conj()).real.sum(), (X, Y)),
    (lambda m, a: (a.abs() ** 2).sum().sqrt() + a.imag.sum(), (z(0, 3),)),
    (lambda m, a: a.sum() + a.prod(), (z(0),)),
    (lambda m, a: m.isclose(a, a * (1 + 1e-7)), (X,)),
    (lambda m, a: m.full_like(a, 2j) + m.zeros_like(a) + m.ones_like(a), (X,)),
]


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_program(number: int, oracle: ModuleType) -> None:
    agree(*PROGRAMS[number], oracle)


CORNERS = [
    "exp", "log", "sqrt", "cos", "tan", "cosh", "tanh", "asin", "acos", "asinh", "acosh", "atanh", "abs", "angle",
    "expm1", "log2", "log10", "reciprocal", "rsqrt", "sgn", "sigmoid", "square",
]  # fmt: skip


@pytest.mark.parametrize("name", CORNERS)
def test_corners(name: str, oracle: ModuleType) -> None:
    """Zeros of both signs, infinities and NaN in both parts; zeros in results have the oracle's signs."""
    numbers = [0.0, -0.0, 1.0, -1.0, 3.0, float("inf"), -float("inf"), float("nan")]
    values = np.array([complex(a, b) for a in numbers for b in numbers], np.complex64)
    got, want = (getattr(m, name)(m.tensor(values)).numpy() for m in (kagari, oracle))
    for a, b in ((got.real, want.real), (got.imag, want.imag)):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)
        zero = b == 0
        np.testing.assert_array_equal(np.signbit(a[zero]), np.signbit(b[zero]))


def overwritten(m: Any, a: Any, b: Any) -> Any:
    c = a.clone()
    c *= b
    c += 1j
    c[0] = 2
    c[1, 1:3] = 0.5 - 1j
    c[[0, 2], [1, 1]] = 2j
    c[:, 1] = b[:, 0]
    c.mul_(1j)
    c.real.mul_(2)
    c.imag = b.real
    return c.exp_()


def test_in_place(oracle: ModuleType) -> None:
    agree(overwritten, (X, Y), oracle)


def test_second_gradients(oracle: ModuleType) -> None:
    def program(m: Any, a: Any, b: Any) -> Any:
        out = ((a * b).exp() + a / b + a.abs() * b.tanh()).abs().sum()
        grads = m.autograd.grad(out, [a, b], create_graph=True)
        return sum(g.abs().sum() for g in grads)

    agree(program, (X, Y), oracle)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, oracle: ModuleType) -> None:
    """The error's type, and its text as far as no kernel's name is in it."""
    given = (0,) if name.endswith("0") else ()
    name = name.rstrip("0")
    found = []
    for library in (oracle, kagari):
        with pytest.raises(Exception) as error:
            getattr(library, name)(library.tensor(X), *(given if name == "softmax" else ()))
        text = str(error.value).split("\n")[0]
        found.append((type(error.value).__name__, text.partition('" not')[2] or text))
    assert found[0] == found[1]


ERRORS: list[Program] = [
    lambda m: m.tensor([1j]) < 1,
    lambda m: m.tensor([1j], dtype=m.float32),
    lambda m: m.tensor([1j], dtype=m.int64),
    lambda m: m.zeros(2).add_(1j),
    lambda m: m.zeros(2).mul_(m.tensor(1j)),
    lambda m: m.zeros(2).fill_(1j),
    lambda m: m.zeros(2).__setitem__(0, 1j),
    lambda m: m.full((2,), 1j, dtype=m.float32),
    lambda m: float(m.tensor(1j)),
    lambda m: int(m.tensor(1j)),
    lambda m: m.tensor(1.0).imag,
    lambda m: m.view_as_real(m.ones(2)),
    lambda m: m.view_as_complex(m.ones(3)),
    lambda m: m.view_as_complex(m.ones(2, 2).t()),
    lambda m: m.view_as_complex(m.ones(3, 3)[:, :2]),
    lambda m: m.view_as_complex(m.ones(4)[1:3]),
    lambda m: m.view_as_complex(m.ones(2, dtype=m.int64)),
    lambda m: m.complex(m.ones(2), m.ones(2).double()),
    lambda m: m.complex(m.ones(2, dtype=m.int64), m.ones(2)),
    lambda m: m.tensor([1j], requires_grad=True).backward(),
    lambda m: m.maximum(m.tensor([1j]), m.tensor([1j])),
    lambda m: m.clamp(m.tensor([1j]), 0, 1),
    lambda m: m.promote_types(m.float8_e5m2, m.float32),
    lambda m: m.int64.to_complex(),
    lambda m: m.ones(3).view(m.float64),
    lambda m: m.tensor(1.0).view(m.float16),
    lambda m: m.ones(4, 2).t().view(m.float64),
    lambda m: m.ones(2, 5)[:, :4].view(m.float64),
    lambda m: m.arange(0, 3, dtype=m.complex64),
    lambda m: m.arange(0, 3, 1 + 1j),
    lambda m: m.unique(m.tensor([1j])),
    lambda m: m.isin(m.tensor([1j]), m.tensor([1j])),
    lambda m: m.tensor([1j]).sort(),
    lambda m: m.tensor([1, "a"]),
    lambda m: m.as_tensor([[1], ["a"]]),
    lambda m: m.tensor(["a", "b"]),
    lambda m: m.tensor("a"),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors(number: int, oracle: ModuleType) -> None:
    found = []
    for library in (oracle, kagari):
        with pytest.raises(Exception) as error:
            ERRORS[number](library)
        found.append((type(error.value).__name__, str(error.value).split("\n")[0]))
    assert found[0] == found[1]


def saved(m: Any, t: Any) -> Any:
    file = io.BytesIO()
    m.save(t, file)
    file.seek(0)
    return m.load(file)


PRINTED: list[Program] = [
    lambda m: m.tensor([-1 - 2j, complex(0.0, -0.0)]),
    lambda m: saved(m, m.tensor([1 + 2j, 3])),
    lambda m: saved(m, m.tensor([1.5, 2]).to(m.float8_e4m3fn)),
    lambda m: saved(m, m.tensor([1, 2], dtype=m.uint32)),
    lambda m: m.tensor([1.0, 2.0]).view(m.int32),
    lambda m: m.arange(6.0).reshape(2, 3).t().view(m.int32).stride(),
    lambda m: m.ones(2, 4, dtype=m.int16).view(dtype=m.int64),
    lambda m: m.ones(2, dtype=m.float64).view(m.float16),
    lambda m: m.ones(2, 2).view(m.complex64),
    lambda m: m.ones(2, dtype=m.complex64).view(m.int64),
    lambda m: m.ones(2).to(m.float8_e5m2).view(m.uint8),
    lambda m: m.tensor([60, 200], dtype=m.uint8).view(m.float8_e5m2),
    lambda m: m.nan_to_num(m.tensor([complex(float("nan"), float("inf"))])),
    lambda m: m.tensor([1 + 2j, 3]),
    lambda m: m.tensor(1j),
    lambda m: m.tensor([1.5 + 2j, -3e-9j]),
    lambda m: m.tensor([1e10 + 2j, -3j], dtype=m.complex128),
    lambda m: m.tensor([1j, 1], dtype=m.complex32),
    lambda m: m.zeros(0, dtype=m.complex64),
    lambda m: m.full((2, 2), 1j, requires_grad=True),
    lambda m: m.tensor([float("nan") + 1j, complex(1, float("inf"))]),
    lambda m: m.tensor([1.5, -2.0, 300.0]).to(m.float8_e4m3fn),
    lambda m: m.complex64,
    lambda m: m.cdouble,
    lambda m: m.finfo(m.complex64),
    lambda m: m.finfo(m.float8_e4m3fn),
    lambda m: m.finfo(m.float8_e5m2),
    lambda m: [m.promote_types(a, b) for a in (m.complex32, m.complex64) for b in (m.float64, m.bfloat16, m.int8)],
    lambda m: m.tensor([[1 + 2j]]).tolist(),
    lambda m: (m.tensor(1 + 2j).item(), complex(m.tensor(2))),
    lambda m: (m.tensor([1j]).real.stride(), m.view_as_real(m.ones(2, dtype=m.cfloat)).stride()),
    lambda m: m.tensor(1j).is_complex() and not m.tensor(1j).is_floating_point(),
    lambda m: m.tensor([1j]).type(),
    lambda m: m.result_type(m.ones(2), 1j),
    lambda m: m.can_cast(m.complex64, m.float32),
    lambda m: m.tensor([1j]).numpy().dtype,
]


@pytest.mark.parametrize("number", range(len(PRINTED)))
def test_printed(number: int, oracle: ModuleType) -> None:
    assert repr(PRINTED[number](kagari)) == repr(PRINTED[number](oracle))


def test_lost_parts_are_warned_of_once() -> None:
    program = (
        "import warnings, kagari\n"
        "with warnings.catch_warnings(record=True) as found:\n"
        "    warnings.simplefilter('always')\n"
        "    x = kagari.tensor([1 + 2j])\n"
        "    x.bool(), x.float(), x.double(), kagari.zeros(1).copy_(x)\n"
        "print([str(w.message) for w in found])"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "['Casting complex values to real discards the imaginary part']"


def test_bits_are_shared() -> None:
    x = kagari.zeros(2)
    x.view(kagari.int32).fill_(0x3F800000)
    assert x.tolist() == [1, 1]


def test_other_numbers_need_no_other_plans() -> None:
    x = kagari.ones(3, dtype=kagari.complex64)
    mul = function("mul")
    plans = []
    for k in range(4):
        assert kagari.mul(x, complex(k, 1)).tolist() == [complex(k, 1)] * 3
        plans.append(len(mul.plans))
    assert plans[0] == plans[-1]


def test_views_share_memory() -> None:
    x = kagari.zeros(2, 3, dtype=kagari.complex64)
    x.real[0] = 1
    x.imag[:, 1].fill_(2)
    kagari.view_as_real(x)[1, 2, 1] = 5
    array = x.numpy()
    array[1, 0] = 7j
    assert x.tolist() == [[1, 1 + 2j, 1], [7j, 2j, 5j]]
    assert kagari.view_as_complex(kagari.view_as_real(x)).data_ptr() == x.data_ptr()
    assert kagari.from_numpy(array.T).stride() == (1, 3)


@pytest.mark.parametrize("name", ["randn", "rand"])
def test_random(name: str, oracle: ModuleType) -> None:
    for dtype in ("complex64", "complex128"):
        kagari.manual_seed(3)
        oracle.manual_seed(3)
        for size in (5, 20):
            same(*(getattr(m, name)(size, dtype=getattr(m, dtype)) for m in (kagari, oracle)), 1e-6)


def test_gradcheck() -> None:
    a, b = (kagari.tensor(z(3).astype(np.complex128), requires_grad=True) for _ in range(2))
    assert kagari.autograd.gradcheck(lambda x, y: (x * y.exp() + x.conj()).sum(), (a, b))
    assert kagari.autograd.gradcheck(lambda x, y: (x / y).abs(), (a, b))
    assert kagari.autograd.gradcheck(lambda x, y: (x.sqrt() + y.real * x, y.angle()), (a, b))
    assert kagari.autograd.gradgradcheck(lambda x, y: x * y.exp(), (a, b))
    assert kagari.autograd.gradgradcheck(lambda x, y: x.abs() * y.sgn(), (a, b))
    detached = kagari.autograd.gradcheck(lambda x: x * x.conj().detach(), a, raise_exception=False)
    assert not detached


def test_close_and_made(oracle: ModuleType) -> None:
    x = kagari.testing.make_tensor(2, 3, dtype=kagari.complex64, low=1, high=2, exclude_zero=True)
    kagari.testing.assert_close(x, x + 1e-7j)
    assert float(x.real.min()) >= 1 and float(x.imag.max()) < 2
    texts = []
    for m in (kagari, oracle):
        with pytest.raises(AssertionError) as error:
            m.testing.assert_close(m.tensor([1 + 2j, 3]), m.tensor([1 + 2.5j, 3]))
        texts.append(str(error.value))
    assert texts[0] == texts[1]


# The pass that writes complex arithmetic as real arithmetic


@pytest.mark.parametrize("op", sorted(build.COMPLEX - {"detach"}))
def test_lowered(op: str) -> None:
    """The lowered graph is legal, holds no complex value but its inputs, and means what the other one means."""
    arity = 2 if op in graph.BINARY | graph.COMPARE else 1
    leaves = [Value("input", (), (i,), (3, 4), dtypes.complex128) for i in range(arity)]
    whole = Graph(leaves, [build.pointwise(op, *leaves)])
    verify(whole)
    lowered, counts = lower(whole)
    verify(lowered)
    assert all(not v.dtype.is_complex for v in lowered.values() if v.op != "input")
    given = [x.astype(np.complex128) for x in (X, Y)[:arity]]
    (want,) = interpret(whole, given)
    parts = interpret(lowered, given)
    together = counts == (1,) and whole.outputs[0].dtype.is_complex
    got = parts[0] + 1j * parts[1] if counts == (2,) else parts[0] @ [1, 1j] if together else parts[0]
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def test_parts_that_are_treated_alike_stay_together() -> None:
    """Sums, joins and slices of complex values are those of their storage; the graph means the same."""
    a, b = (Value("input", (), (i,), (3, 4), dtypes.complex128) for i in range(2))
    joined = graph.cat((build.sub(a, b), build.neg(a), build.full((1, 4), 0, dtypes.complex128)), 0)
    kept = graph.slice_(joined, (1, 0), (2, 1), (3, 4))
    whole = Graph((a, b), [build.add(kept, b), graph.pad(graph.cast(a, dtypes.complex64), (0, 1), (1, 0))])
    verify(whole)
    lowered, counts = lower(whole)
    verify(lowered)
    assert counts == (1, 1)
    given = [x.astype(np.complex128) for x in (X, Y)]
    for parts, want in zip(interpret(lowered, given), interpret(whole, given)):
        np.testing.assert_array_equal(parts[..., 0] + 1j * parts[..., 1], want)
    assert lower(Graph((a, b), [build.add(a, 1)]))[1] == (2,)


LAYOUTS: list[Callable[[Any], Any]] = [
    lambda x: x, lambda x: x.t(), lambda x: x[::2], lambda x: x[:, 1:3], lambda x: x.reshape(2, 2, 4)[:, 0],
    lambda x: x[:1], lambda x: x[0, 0],
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(LAYOUTS)))
def test_layouts(number: int, oracle: ModuleType) -> None:
    """Copies, sums and in-place sums over every kind of strides; strides of results are the oracle's."""
    values, pick = z(4, 4), LAYOUTS[number]
    found = []
    for m in (kagari, oracle):
        x = m.tensor(values)
        y = pick(x)
        results = [y.clone(), y + y, y.contiguous() - y, -y, m.cat([y.reshape(-1), y.reshape(-1)]), y * 2j]
        pick(x).add_(y.clone()).sub_(y, alpha=3)
        pick(x).copy_(y + 1)
        found.append([(r.tolist(), r.stride()) for r in (*results, x)])
    for (a, stride), (b, expected) in zip(*found):
        np.testing.assert_allclose(a, b, rtol=1e-5)
        assert stride == expected


# Floats of eight bits

EIGHT = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")


@pytest.mark.parametrize("name", EIGHT)
def test_eight_bits(name: str, oracle: ModuleType) -> None:
    """Every float of 16 bits and some others become the oracle's bytes, and come back as its numbers."""
    upper = (np.arange(1 << 16, dtype=np.uint32) << 16).view(np.float32)
    near = np.array([464, 463.9, 464.1, 480, 61439, 61440, 61441, 2**-10, 1.5 * 2**-9, 2**-17, 247.9, 248], np.float32)
    values = np.concatenate([upper[~np.isnan(upper)], near, r(5000) * 10, np.array([np.nan], np.float32)])
    ours, theirs = (m.tensor(values).to(getattr(m, name)) for m in (kagari, oracle))
    np.testing.assert_array_equal(ours.float().numpy(), theirs.float().numpy())
    assert ours[:100].tolist() == theirs[:100].tolist()
    assert kagari.cat([ours, ours])[: len(values)].isnan().sum() == np.isnan(theirs.float().numpy()).sum()


def test_eight_bits_are_storage() -> None:
    x = kagari.ones(3, requires_grad=True)
    small = x.to(kagari.float8_e5m2)
    small.float().sum().backward()
    assert x.grad.tolist() == [1, 1, 1]
    assert small.detach().reshape(3, 1)[1:].element_size() == 1
    for forbidden in (lambda: small + 1, lambda: small * small, lambda: small.sum(), lambda: -small, small.exp):
        with pytest.raises(NotImplementedError, match="not implemented for 'Float8_e5m2'"):
            forbidden()
