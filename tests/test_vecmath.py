"""Every generated function against longdouble references: units in the last place, special values, other targets."""

import ctypes
import functools
import math
from statistics import NormalDist

import llvmlite.binding as llvm
import numpy as np
import pytest

from kagari.base.target import Target
from kagari.compiler import vecmath
from kagari.compiler.llvm import compile_object, disassemble
from kagari.compiler.text import Builder, vector
from kagari.runtime.cpu import load

DTYPES = {"float": np.float32, "double": np.float64}
PI = np.longdouble("3.14159265358979323846264338327950288")
TWO_OPERANDS = ("atan2", "pow")
NAMES = sorted(vecmath.FUNCTIONS)

# Largest error in ulp (float, double), and where the argument is taken from (float, double); None: all numbers.
UNIT = ((-1, 1), (-1, 1))
ANGLES = ((-1e6, 1e6), (-1e9, 1e9))
CASES = {
    "acos": (1.2, 1.2, *UNIT),
    "acosh": (2.1, 2.1, (1, 20), (1, 20)),
    "asin": (2.4, 2.4, *UNIT),
    "asinh": (1.9, 1.9, None, None),
    "atan": (1.5, 1.8, None, None),
    "atan2": (1.7, 1.7, None, None),
    "atanh": (2.2, 2.2, *UNIT),
    "cos": (1.6, 1.6, *ANGLES),
    "cosh": (1.7, 1.7, (-89, 89), (-710, 710)),
    "digamma": (0.6, 3.0, (1e-9, 50), (1e-9, 50)),
    "erf": (2.0, 2.5, (-4.5, 4.5), (-6.5, 6.5)),
    "erfc": (4.2, 5.0, (-4, 9), (-6, 26)),
    "erfinv": (2.5, 4.0, *UNIT),
    "exp": (1.7, 1.6, (-87, 88.7), (-708, 709.7)),
    "exp2": (1.7, 1.7, (-126, 127.9), (-1022, 1023.9)),
    "expm1": (1.7, 2.1, (-20, 88.7), (-40, 709.7)),
    "lgamma": (0.6, 10.0, (1e-9, 60), (1e-9, 60)),
    "log": (1.1, 1.1, None, None),
    "log10": (1.3, 1.3, None, None),
    "log1p": (1.6, 1.6, (-1, 1e9), (-1, 1e9)),
    "log2": (1.2, 1.2, None, None),
    "pow": (2.0, 2.0, None, None),
    "rsqrt": (1.6, 1.6, None, None),
    "sigmoid": (2.3, 2.3, (-86, 50), (-700, 50)),
    "sin": (1.7, 1.7, *ANGLES),
    "sinh": (2.3, 2.3, (-89, 89), (-710, 710)),
    "tan": (0.6, 3.4, *ANGLES),
    "tanh": (2.6, 2.6, (-10, 10), (-20, 20)),
}


STEPS = 20
LGAMMA_SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
DIGAMMA_SERIES = (-1 / 12, 1 / 120, -1 / 252, 1 / 240, -1 / 132, 691 / 32760, -1 / 12)


def digamma(x):
    """Reflection, the recurrence upwards, and the asymptotic series; a pole gives NaN."""
    negative = x < 0
    a = np.where(negative, 1 - x, x)
    cotangent = np.where(negative, -PI / np.tan(PI * (x - np.rint(x))), 0)
    total = np.where(negative & (x == np.rint(x)), np.nan, cotangent)
    for _ in range(STEPS):
        total, a = total - 1 / a, a + 1
    total = total + np.log(a) - 1 / (2 * a) + sum(c / a ** (2 * k + 2) for k, c in enumerate(DIGAMMA_SERIES))
    return np.where(x == np.inf, x, np.where(x == 0, -np.copysign(np.inf, x), total))


def lgamma(x):
    """Reflection, the recurrence upwards, and Stirling's series."""
    negative = x < 0
    a = np.where(negative, 1 - x, x)
    steps, a = sum(np.log(a + k) for k in range(STEPS)), a + STEPS
    total = (a - 0.5) * np.log(a) - a + np.log(2 * PI) / 2 - steps
    total = total + sum(c / a ** (2 * k + 1) for k, c in enumerate(LGAMMA_SERIES))
    total = np.where(negative, np.log(PI / np.abs(np.sin(PI * (x - np.rint(x))))) - total, total)
    return np.where(np.isinf(x), np.inf, np.where((x == 1) | (x == 2), 0, total))


def erfinv(x: float) -> float:
    """Wichura's normal quantile and one Newton step."""
    a = abs(x)
    if not a < 1:
        return math.copysign(math.inf, x) if a == 1 else math.nan
    y = -NormalDist().inv_cdf((1 - a) / 2) / math.sqrt(2)
    rest = a - math.erf(y) if a < 0.5 else math.erfc(y) - (1 - a)
    return math.copysign(y + rest * math.sqrt(math.pi) / 2 * math.exp(y * y), x)


REFERENCES = {
    **{name: getattr(np, name) for name in ("cos", "cosh", "exp", "exp2", "expm1", "log", "log10", "log1p", "log2")},
    **{name: getattr(np, name) for name in ("sin", "sinh", "tan", "tanh")},
    **{name: getattr(np, "arc" + name[1:]) for name in ("acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh")},
    "digamma": digamma,
    "erf": lambda x: np.array([math.erf(v) for v in x]),
    "erfc": lambda x: np.array([math.erfc(v) for v in x]),
    "erfinv": lambda x: np.array([erfinv(float(v)) for v in x]),
    "lgamma": lgamma,
    "pow": np.power,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}


def reference(name: str, *arrays: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.asarray(REFERENCES[name](*(a.astype(np.longdouble) for a in arrays)), np.longdouble)


def host(cpu: str = "", features: str = "") -> Target:
    cpu = cpu or llvm.get_host_cpu_name()
    features = features or llvm.get_host_cpu_features().flatten()
    return Target(llvm.get_process_triple(), cpu, features, 64, 32, True, False, 1)


def module_text(element: str, lanes: int) -> str:
    """One function `k_<name>(x, y, out, n)` for each function, over whole vectors."""
    b = Builder()
    for name in NAMES:
        x, y, out, count = b.begin_function(f"k_{name}", (("x", "ptr"), ("y", "ptr"), ("out", "ptr"), ("n", "i64")))
        type_ = vector(lanes, element)
        with b.loop(b.int(0), count, max(lanes, 1)) as i:
            sources = (x, y) if name in TWO_OPERANDS else (x,)
            values = [b.load(b.gep(source, i, element), type_) for source in sources]
            result = vecmath.FUNCTIONS[name](b, *values)
            assert result.type == type_
            b.store(result, b.gep(out, i, element))
        b.ret()
        b.end_function()
    return b.module()


@functools.cache
def compiled(element: str, lanes: int, target: Target):
    """A function (name, *arrays) -> array over the compiled module."""
    code = compile_object(module_text(element, lanes), target, 1)
    addresses = dict(zip(NAMES, load(code, tuple(f"k_{name}" for name in NAMES))))
    signature = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)

    def run(name: str, *arrays: np.ndarray) -> np.ndarray:
        step = max(lanes, 1)
        padded = [np.resize(a, -(-a.size // step) * step) for a in arrays]
        out = np.empty_like(padded[0])
        entry = signature(addresses[name])
        entry(padded[0].ctypes.data, padded[-1].ctypes.data, out.ctypes.data, out.size)
        return out[: arrays[0].size]

    return run


def ulps(got: np.ndarray, want: np.ndarray, floor: float = 0) -> np.ndarray:
    """|got - want| in units of the last place of `want` (of `floor` where that is larger).

    Agreeing NaN, infinities and zeros count as 0, others as inf.
    """
    info = np.finfo(got.dtype)
    with np.errstate(all="ignore"):
        rounded = want.astype(got.dtype)
        exponent = np.maximum(np.floor(np.log2(np.maximum(np.abs(want), floor))), info.minexp)
        distance = np.abs(got - want) / np.exp2(exponent - info.nmant)
        same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
        usual = np.isfinite(rounded) & (want != 0)
    return np.where(same & ~usual, 0, np.where(usual & np.isfinite(got), distance, np.inf))


def samples(name: str, element: str) -> list[np.ndarray]:
    """Arguments spread evenly, and evenly in logarithm, over the domain."""
    rng = np.random.default_rng(0)
    count, info = 6000, np.finfo(DTYPES[element])
    interval = CASES[name][2 if element == "float" else 3]
    largest = float(info.max) if interval is None else max(map(abs, interval))
    magnitudes = np.exp(rng.uniform(math.log(info.tiny), math.log(largest), count))
    signed = np.concatenate([magnitudes, -magnitudes])
    if name == "pow":
        x = np.concatenate([magnitudes, np.exp(rng.normal(size=count) / 20)]).astype(info.dtype)
        bound = math.log(float(info.max)) / np.maximum(np.abs(np.log(x.astype(float))), 1e-12)
        return [x, (rng.uniform(-1, 1, x.size) * bound).astype(info.dtype)]
    if interval is None:
        x = np.concatenate([signed, rng.uniform(-10, 10, count)])
        return [x.astype(info.dtype), rng.permutation(x).astype(info.dtype)][: 2 if name in TWO_OPERANDS else 1]
    low, high = interval
    near = rng.uniform(max(low, -3), min(high, 3), count)
    x = np.concatenate([rng.uniform(low, high, count), near, np.clip(signed, low, high)])
    if interval == (-1, 1):
        x = np.concatenate([x, 1 - np.exp(rng.uniform(math.log(info.eps), 0, count))])
    return [x.astype(info.dtype)]


@pytest.mark.parametrize("element", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_accuracy(name: str, element: str):
    arrays = samples(name, element)
    got = compiled(element, 16 if element == "float" else 8, host())(name, *arrays)
    want = reference(name, *arrays)
    normal = ~(np.abs(want) < np.finfo(got.dtype).tiny)
    # Near the zeros of the gamma functions their references are no better than absolutely exact.
    error = np.where(normal, ulps(got, want, 1 / 16 if name in ("digamma", "lgamma") else 0), 0)
    worst = int(np.argmax(error))
    bound = CASES[name][element == "double"]
    message = f"{name}({[a[worst] for a in arrays]}) = {got[worst]!r}, should be {want[worst]!r}"
    assert error[worst] <= bound + (np.finfo(np.longdouble).nmant < 60), message
    assert np.all(np.abs(got[~normal] - want[~normal]) <= np.finfo(got.dtype).tiny)


@pytest.mark.parametrize("element", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_scalars_and_vectors_agree(name: str, element: str):
    arrays = samples(name, element)
    full = compiled(element, 16 if element == "float" else 8, host())(name, *arrays)
    np.testing.assert_array_equal(compiled(element, 0, host())(name, *arrays), full)


def same_values(name: str, got: np.ndarray, want: np.ndarray, arrays: list[np.ndarray]) -> None:
    """A few ulp apart, the same NaN, infinities and signs of zero."""
    error = ulps(got, want)
    signs = np.signbit(got) != np.signbit(want)
    bad = np.flatnonzero((error > 5) | (signs & (want == 0)))
    assert not bad.size, [(name, *(a[i] for a in arrays), got[i], want[i]) for i in bad]


@pytest.mark.parametrize("element", DTYPES)
@pytest.mark.parametrize("name", [n for n in NAMES if n not in TWO_OPERANDS])
def test_special_values(name: str, element: str):
    info = np.finfo(DTYPES[element])
    values = [0.0, 0.5, 1.0, 2.0, 3.0, 8.0, 100.0, 2.5, 1e4, 1e5, np.inf, float(info.tiny)]
    values.append(float(info.smallest_subnormal))
    if name != "digamma":
        values.append(float(info.max))
    x = np.array(values + [-v for v in values] + [np.nan], info.dtype)
    if name in ("lgamma", "digamma"):
        x = x[~((x < -1) & (x > -2e5) & (x != np.rint(x)))]
        if element == "double":
            x = x[np.abs(x) != info.smallest_subnormal]
    want = reference(name, x)
    if name == "sigmoid":
        want = np.where(want < info.tiny, 0, want)
    same_values(name, compiled(element, 16 if element == "float" else 8, host())(name, x), want, [x])


@pytest.mark.parametrize("element", DTYPES)
@pytest.mark.parametrize("name", TWO_OPERANDS)
def test_special_pairs(name: str, element: str):
    info = np.finfo(DTYPES[element])
    values = [0, 0.5, 1, 1 + info.eps, 1 - info.epsneg, 1.5, 2, 3, 4, 1e4, 2.0**40 + 1, info.max, np.inf]
    values += [info.tiny, info.smallest_subnormal]
    values = np.array(values + [-v for v in values] + [np.nan], info.dtype)
    x, y = (a.ravel() for a in np.meshgrid(values, values))
    run = compiled(element, 16 if element == "float" else 8, host())
    same_values(name, run(name, x, y), reference(name, x, y), [x, y])


@pytest.mark.parametrize("element", DTYPES)
def test_negative_arguments_of_the_gamma_functions(element: str):
    x = np.linspace(-9.9, -0.1, 1500).astype(DTYPES[element])
    x = x[np.abs(x - np.rint(x)) > 0.01]
    run = compiled(element, 16 if element == "float" else 8, host())
    tolerance = 1e-6 if element == "float" else 1e-12
    for name in ("lgamma", "digamma"):
        np.testing.assert_allclose(run(name, x), reference(name, x).astype(float), rtol=tolerance, atol=tolerance)


def test_lgamma_near_its_zero():
    """The first terms of the series of lgamma(2 + h)."""
    h = np.array([1e-5, -1e-5, 1e-8, -1e-12, 2.0**-40])
    h = (2 + h) - 2
    want = h * (0.42278433509846714 + h * (0.3224670334241132 - h * 0.06735230105319810))
    got = compiled("double", 8, host())("lgamma", 2 + h)
    np.testing.assert_allclose(got, want, rtol=1e-14)


@pytest.mark.parametrize("element", DTYPES)
def test_denormal_results_are_not_flushed(element: str):
    run = compiled(element, 16 if element == "float" else 8, host())
    info = np.finfo(DTYPES[element])
    x = np.linspace(math.log(info.smallest_subnormal), math.log(info.tiny), 500).astype(info.dtype)
    assert np.max(ulps(run("exp", x), reference("exp", x))) <= 1.5
    y = x / info.dtype.type(math.log(2))
    assert np.max(ulps(run("exp2", y), reference("exp2", y))) <= 1.5
    tens = np.full_like(x, 10)
    powers = x / info.dtype.type(math.log(10))
    assert np.max(ulps(run("pow", tens, powers), reference("pow", tens, powers))) <= 1.5


@pytest.mark.parametrize("element", DTYPES)
@pytest.mark.parametrize("name", ["cosh", "exp", "exp2", "expm1", "sinh"])
def test_around_overflow(name: str, element: str):
    run = compiled(element, 16 if element == "float" else 8, host())
    info = np.finfo(DTYPES[element])
    limit = math.log2(info.max) if name == "exp2" else math.log(info.max)
    x = np.linspace(limit - 2, limit + 3, 1001).astype(info.dtype)
    x = np.concatenate([x, -x])
    same_values(name, run(name, x), reference(name, x), [x])


@pytest.mark.parametrize("element", DTYPES)
@pytest.mark.parametrize("name", ["cos", "sin", "tan"])
def test_angles_of_all_magnitudes(name: str, element: str):
    """The reference is C's, which reduces any angle exactly. The last ones are nearly multiples of pi/2."""
    run = compiled(element, 16 if element == "float" else 8, host())
    rng = np.random.default_rng(0)
    exponents = rng.uniform(-10, np.finfo(DTYPES[element]).maxexp, 4000)
    x = np.exp2(exponents) * rng.choice([-1, 1], exponents.size)
    hard = [6381956970095103 * 2.0**797, 5261692873635770 * 2.0**499, 8139006743102.0, 16367173 * 2.0**72, 2.0**45]
    x = np.array([*x, *(h for h in hard if h < float(np.finfo(DTYPES[element]).max))], DTYPES[element])
    assert np.max(ulps(run(name, x), reference(name, x))) <= CASES[name][element == "double"]


@pytest.mark.parametrize("element", DTYPES)
def test_narrow_targets(element: str):
    """AVX2, whole registers and wider vectors that LLVM must split: no call into a library, the same values."""
    features = llvm.get_host_cpu_features()
    if not (features.get("avx2") and features.get("fma")):
        pytest.skip("this processor has no AVX2")
    target = host("haswell", "+avx2,+fma")
    width = 8 if element == "float" else 4
    calls = [line for line in disassemble(module_text(element, width), target, 1).splitlines() if "call" in line]
    assert all("reduce_far" in line for line in calls), calls
    for name in NAMES:
        arrays = samples(name, element)
        want = compiled(element, 16 if element == "float" else 8, host())(name, *arrays)
        for lanes in (width, 2 * width):
            np.testing.assert_array_equal(compiled(element, lanes, target)(name, *arrays), want, err_msg=name)
