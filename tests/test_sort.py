"""Sorting and what rests on it: kernels against the interpreter, results of unknown size and corner cases against the
oracle.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from graphs import check, compiled, tensor

import kagari
from kagari.base import dtypes
from kagari.base.dtypes import dtype
from kagari.base.target import Target
from kagari.compiler import sort, sort_merge
from kagari.compiler.llvm import compile_object
from kagari.engine.interpret import round_to
from kagari.ir import graph
from kagari.runtime import cpu

RANDOM = np.random.default_rng(0)
SPECIAL = [float("nan"), float("inf"), float("-inf"), 0.0, -0.0, 1.0, -1.0, float("nan"), -0.0]
REAL = tuple(dt for dt in dtypes.ALL if dt not in dtypes.LOWERED)


def numbers(*shape: int, dt: dtype, how: str = "contiguous") -> kagari.Tensor:
    """Random numbers, many of them equal."""
    values = RANDOM.integers(0 if dt.category < 2 and not dt.is_signed else -99, 100, shape)
    return tensor(round_to((values / 8 if dt.category == 2 else values).astype(np.float32), dt), dt, how)


# The kernel


@pytest.mark.parametrize("dt", REAL, ids=lambda dt: dt.name)
@pytest.mark.parametrize("descending", [False, True])
def test_order_of_every_dtype(dt: dtype, descending: bool) -> None:
    for shape, dim in (((7,), 0), ((33, 70), 1), ((70, 33), 0), ((3, 300, 2), 1)):
        for how in ("contiguous", "transposed", "gaps"):
            check(lambda x, d=dim: graph.argsort(x, d, descending), numbers(*shape, dt=dt, how=how))
    if dt.category == 2:
        check(lambda x: graph.argsort(x, 0, descending), tensor(np.array(SPECIAL), dt))
        check(lambda x: graph.argsort(x, 0, descending), tensor(np.array(SPECIAL * 5), dt))


@pytest.mark.parametrize("count", [0, 1, 5, 300, 2300, 5000])
@pytest.mark.parametrize("descending", [False, True])
def test_first_few(count: int, descending: bool) -> None:
    """Also where every element is among the first few when it comes, so that the memory for them fills many times."""
    for values in (RANDOM.integers(-50, 50, (3, 5000)), np.arange(5000)[None], np.arange(5000)[None, ::-1].copy()):
        for dt in (dtypes.float32, dtypes.int64, dtypes.uint8):
            check(lambda x: graph.argsort(x, 1, descending, count), tensor(values % 251, dt))


@pytest.mark.parametrize("size", [1, 2, 3, 24, 25, 79, 80, 81, 82, 257])
def test_rows_of_every_size(size: int) -> None:
    for dt in (dtypes.float32, dtypes.float64, dtypes.bool_):
        check(lambda x: graph.argsort(x, 1), numbers(4, size, dt=dt))


@pytest.mark.parametrize("dt", REAL, ids=lambda dt: dt.name)
def test_elements_at_places_of_every_dtype(dt: dtype) -> None:
    for shape, dim in (((7,), 0), ((33, 70), 1), ((700, 3), 0), ((4, 3000), 1)):
        for how in ("contiguous", "transposed", "gaps"):
            places = tensor(RANDOM.integers(0, shape[dim], (*shape[:dim], 5, *shape[dim + 1 :])), dtypes.int64, how)
            check(lambda x, p, d=dim: graph.nth(x, p, d), numbers(*shape, dt=dt, how=how), places)
    if dt.category == 2:
        values = tensor(np.array(SPECIAL * 20), dt)
        check(lambda x, p: graph.nth(x, p, 0), values, tensor(np.arange(values.shape[0])))


@pytest.mark.parametrize("threads", [2, 4, 16])
def test_long_rows_are_merged(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    target = cpu.host_target()._replace(threads=threads)
    monkeypatch.setattr(cpu, "host_target", lambda: target)
    monkeypatch.setattr(sort_merge, "PIECE", sort_merge.SEGMENT)
    assert sort_merge.piece_of(1, 70000, target) < 70000 and sort_merge.piece_of(threads, 70000, target) == 70000
    for shape, dim in (((8192,), 0), ((70001,), 0), ((12289, 2), 0), ((3, 65536), 1), ((98305,), 0)):
        for dt in (dtypes.float32, dtypes.int64, dtypes.uint8):
            x = numbers(*shape, dt=dt)
            check(lambda x, d=dim: graph.argsort(x, d, False), x)
            check(lambda x, d=dim: graph.argsort(x, d, True), x)


def test_places_of_more_than_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sort, "WIDE", 20)
    for dt in (dtypes.float32, dtypes.int16, dtypes.bool_):
        for size in (20, 30, 700):
            x, places = numbers(3, size, dt=dt), tensor(RANDOM.integers(0, size, (3, 4)))
            check(lambda x: graph.argsort(x, 1, True), x)
            check(lambda x: graph.argsort(x, 1, False, 1), x)
            check(lambda x, p: graph.nth(x, p, 1), x, places)


@pytest.mark.parametrize("bad", [30, -1, 1 << 40])
def test_a_place_out_of_range_is_an_error(bad: int) -> None:
    with pytest.raises(IndexError, match="out of range"):
        compiled(lambda x, p: graph.nth(x, p, 0), 2).run((numbers(30, dt=dtypes.float32), tensor(np.array([3, bad]))))


def test_the_kernels_compile_for_aarch64() -> None:
    import llvmlite.binding as llvm

    try:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        llvm.Target.from_triple("aarch64-unknown-linux-gnu")
    except RuntimeError:
        pytest.skip("llvmlite was built without AArch64")
    target = Target("aarch64-unknown-linux-gnu", "neoverse-n1", "", 16, 32, True, False, 4)
    definitions = (
        lambda x: graph.argsort(x, 1, True, 5),
        lambda x: graph.argsort(x, 1),
        lambda x: graph.nth(x, graph.argsort(x, 1, False, 3), 1),
        lambda x: graph.searchsorted(x, x, True),
        lambda x: graph.arg_scan("argcummax", x, 0),
        lambda x: graph.scan("logcumsumexp", x, 1),
    )
    long = numbers(80000, 1, dt=dtypes.bfloat16).t()
    for x in (numbers(20, 30, dt=dtypes.float32), numbers(20, 900, dt=dtypes.float64), long):
        for define in definitions:
            traced, sizes = compiled(define, 1).traced((x,))
            bound = traced.variant(()).program.bind({0: x._layout}, sizes, target)
            for launch in bound.launches:
                assert compile_object(launch.kernel.write(), target, launch.kernel.level)[:4] == b"\x7fELF"


# Sorting


@pytest.mark.parametrize("shape", [(100001,), (40, 700), (3, 5000, 2)])
def test_large(shape: tuple[int, ...], oracle: ModuleType) -> None:
    values = RANDOM.standard_normal(shape).astype(np.float32)
    ours, theirs = kagari.from_numpy(values), oracle.from_numpy(values)
    for dim in range(len(shape)):
        for descending in (False, True):
            got = kagari.sort(ours, dim, descending)
            want = oracle.sort(theirs, dim=dim, descending=descending, stable=True)
            np.testing.assert_array_equal(got.values.numpy(), want.values.numpy())
            np.testing.assert_array_equal(got.indices.numpy(), want.indices.numpy())
        k = shape[dim] // 3
        np.testing.assert_array_equal(kagari.topk(ours, k, dim)[0].numpy(), oracle.topk(theirs, k, dim)[0].numpy())


def test_results_have_names_and_the_strides_of_the_input(oracle: ModuleType) -> None:
    x, y = kagari.tensor([3.0, 1.0, 2.0]), oracle.tensor([3.0, 1.0, 2.0])
    assert repr(kagari.sort(x)) == repr(oracle.sort(y))
    assert repr(kagari.topk(x, 2)) == repr(oracle.topk(y, 2))
    assert repr(x.kthvalue(2)) == repr(y.kthvalue(2)) and repr(x.median(0)) == repr(y.median(0))
    assert kagari.sort(kagari.zeros(3, 2).T).values.stride() == oracle.sort(oracle.zeros(3, 2).T).values.stride()


def test_medians_of_many(oracle: ModuleType) -> None:
    values = RANDOM.standard_normal((3, 20001)).astype(np.float32)
    values[1, RANDOM.integers(0, 20001, 500)] = np.nan
    ours, theirs = kagari.from_numpy(values), oracle.from_numpy(values)
    for name in ("median", "nanmedian"):
        got, want = getattr(kagari, name)(ours, 1), getattr(oracle, name)(theirs, 1)
        np.testing.assert_array_equal(got.values.numpy(), want.values.numpy())
    for k in (1, 300, 7000, 20001):
        got, want = kagari.kthvalue(ours, k), oracle.kthvalue(theirs, k)
        np.testing.assert_array_equal(got.values.numpy(), want.values.numpy())


def test_the_median_of_no_integers_is_the_lowest(oracle: ModuleType) -> None:
    for name in ("int64", "int32", "int8", "uint8"):
        got, want = (m.median(m.zeros(0, dtype=getattr(m, name))).item() for m in (kagari, oracle))
        assert got == want


def test_equal_elements_share_the_gradient_of_the_median(oracle: ModuleType) -> None:
    values = [[1.0, 2.0, 2.0], [3.0, 2.0, 0.0]]
    found = []
    for m in (kagari, oracle):
        x = m.tensor(values, requires_grad=True)
        m.median(x).backward()
        found.append(x.grad.tolist())
    assert found[0] == found[1]


# Running extrema and searches


@pytest.mark.parametrize("dt", REAL, ids=lambda dt: dt.name)
def test_scans_and_searches_of_every_dtype(dt: dtype) -> None:
    for shape, dim in (((7,), 0), ((33, 17), 1), ((33, 17), 0), ((3, 2000, 2), 1)):
        for how in ("contiguous", "gaps"):
            x = numbers(*shape, dt=dt, how=how)
            for op in ("argcummax", "argcummin"):
                check(lambda x, op=op, d=dim: graph.arg_scan(op, x, d), x)
            if dt.category == 2:
                check(lambda x, d=dim: graph.scan("logcumsumexp", x, d), x, tolerance=1e-5 if dt.itemsize > 2 else 1e-2)
            edges = numbers(*shape[:-1], 30, dt=dt)
            for right in (False, True):
                check(lambda e, x, right=right: graph.searchsorted(e, x, right), edges, x)


def test_corner_cases_of_scans() -> None:
    x = tensor(np.array(SPECIAL * 2), dtypes.float32)
    for values in (x, tensor(np.array(SPECIAL[1:]), dtypes.float64)):
        check(lambda x: graph.arg_scan("argcummax", x, 0), values)
        check(lambda x: graph.arg_scan("argcummin", x, 0), values)
        check(lambda x: graph.scan("logcumsumexp", x, 0), values, tolerance=1e-6)


# Different values and their number


def outcome(call: Callable[[ModuleType], Any], library: ModuleType) -> Any:
    """Types, shapes and values of the tensors a call gives, or the exception it raises."""
    try:
        result = call(library)
    except Exception as error:
        return type(error), str(error)
    parts = result if isinstance(result, tuple) else (result,)
    return repr([(str(t.dtype).removeprefix("torch."), tuple(t.shape), t.tolist()) for t in parts])


VALUES: list[Any] = [
    [[1, 2, 1], [1, 2, 1], [0, 5, 0]], 3, [True, False, True], [[1.0, float("nan")], [1.0, float("nan")]],
    [[[1, 2], [1, 2]], [[1, 2], [3, 4]]], [], [[], []], list(range(300, 0, -1)),
    [[256, 0], [1, 255], [0, 256], [256, 0]],
]  # fmt: skip


@pytest.mark.parametrize("values", VALUES, ids=range(len(VALUES)))
@pytest.mark.parametrize("dim", [None, 0, 1, -1, 4])
def test_unique(values: Any, dim: int | None, oracle: ModuleType) -> None:
    for inverse, counts in ((False, False), (True, False), (False, True), (True, True)):
        calls = (
            lambda m: m.unique(m.tensor(values), True, inverse, counts, dim),  # noqa: B023
            lambda m: m.tensor(values).unique_consecutive(inverse, counts, dim),  # noqa: B023
        )
        for call in calls:
            assert outcome(call, kagari) == outcome(call, oracle)


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float64", "uint8", "int8", "int32"])
def test_unique_of_other_dtypes(name: str, oracle: ModuleType) -> None:
    def call(m: ModuleType) -> Any:
        return m.unique(m.tensor([[3, 1, 3], [1, 0, 2]]).to(getattr(m, name)), return_inverse=True, return_counts=True)

    assert outcome(call, kagari) == outcome(call, oracle)


def test_unique_takes_tensors_only() -> None:
    with pytest.raises(TypeError, match=r"unique\(\): argument 'input' \(position 1\) must be Tensor, not list"):
        kagari.unique([1])


@pytest.mark.parametrize("values", [[1, 1, 4], [], [1, -1], [[1, 4]], 3, [1.0, 4.0], [True]])
@pytest.mark.parametrize("weights", [None, [0.5, 0.25, 2.0], [1, 2, 3], [1, 2]])
@pytest.mark.parametrize("length", [0, 8, -1])
def test_bincount(values: Any, weights: Any, length: int, oracle: ModuleType) -> None:
    def call(m: ModuleType) -> Any:
        x = m.tensor(values) if values != [] else m.zeros(0, dtype=m.int64)
        return m.bincount(x, None if weights is None else m.tensor(weights), length)

    assert outcome(call, kagari) == outcome(call, oracle)


# Errors that only the values show, and complex numbers


@pytest.mark.parametrize(
    ("call", "pattern"),
    [
        (lambda m: m.quantile(m.ones(3), m.tensor([0.5, 1.5])), r"must be in the range \[0, 1\]"),
        (lambda m: m.nanquantile(m.ones(3), float("nan")), r"must be in the range \[0, 1\]"),
        (lambda m: m.histc(m.tensor([1.0, float("inf")]), 4), "is not finite"),
        (lambda m: m.histogram(m.tensor([1.0, float("nan")]), 4), "is not finite"),
        (lambda m: m.cov(m.ones(2, 3), fweights=m.tensor([1, -2, 3])), "cannot be negative"),
        (lambda m: m.cov(m.ones(2, 3), aweights=m.tensor([1.0, -2.0, 3.0])), "cannot be negative"),
        (lambda m: m.cov(m.ones(2, 3), aweights=m.zeros(3)), "sum to zero"),
        (lambda m: m.sort(m.zeros(2, dtype=m.complex64)), "Sort does not support complex dtypes on CPU"),
    ],
)
def test_values_that_are_refused(call: Callable[[ModuleType], Any], pattern: str, oracle: ModuleType) -> None:
    for m in (kagari, oracle):
        with pytest.raises(RuntimeError, match=pattern):
            call(m)


def test_covariances_of_complex_numbers(oracle: ModuleType) -> None:
    values = [[1 + 1j, 2, -1j], [3, 4j, 1]]
    for name in ("cov", "corrcoef"):
        got, want = (getattr(m, name)(m.tensor(values)) for m in (kagari, oracle))
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-5)


def test_the_gradient_of_large_exponents(oracle: ModuleType) -> None:
    found = []
    for m in (kagari, oracle):
        x = m.tensor([900.0, -900.0, 899.0, 1000.0], dtype=m.float64, requires_grad=True)
        (m.logcumsumexp(x, 0) * m.tensor([1.0, -2.0, 3.0, -1.0])).sum().backward()
        found.append(x.grad.numpy())
    np.testing.assert_allclose(*found, rtol=1e-9)


def test_the_mode_of_many(oracle: ModuleType) -> None:
    values = RANDOM.integers(0, 40, (5, 3000))
    got, want = (m.mode(m.tensor(values), 1) for m in (kagari, oracle))
    np.testing.assert_array_equal(got.values.numpy(), want.values.numpy())
    np.testing.assert_array_equal(values[np.arange(5), got.indices.numpy()], got.values.numpy())


def test_as_many_elements_as_bins() -> None:
    """What is traced where two sizes are equal holds for sizes that are not."""
    for count in (5, 200):
        assert float(kagari.histc(kagari.arange(count) % 3.0, 5, -2, 3).sum()) == count


GRIDS: list[Callable[[ModuleType, Any], Any]] = [
    lambda m, x: m.histogramdd(x, bins=[3, 2], weight=m.tensor([1.0, 2.0, 4.0, 8.0])),
    lambda m, x: m.histogramdd(x, [2, 3], range=[0.0, 1.0, 0.0, 3.0], density=True),
    lambda m, x: m.histogramdd(x, 3),
    lambda m, x: m.histogramdd(x, [m.tensor([0.0, 1.0, 3.0]), m.tensor([0.0, 0.5, 1.0])]),
    lambda m, x: m.histogramdd(x.reshape(2, 2, 2), (2, 2)),
    lambda m, x: m.histogramdd(x[:0], 2),
    lambda m, x: m.histogramdd(x, [3]),
    lambda m, x: m.histogramdd(x, [m.tensor([0.0, 1.0])]),
    lambda m, x: m.histogramdd(x[:, 0], [3]),
    lambda m, x: m.histogramdd(x, 3, range=[0.0, 1.0]),
    lambda m, x: m.histogramdd(x, 3, range=[0.0, 1.0, 3.0, 2.0]),
    lambda m, x: m.histogramdd(x, 3, weight=m.ones(3)),
    lambda m, x: m.histogramdd(x, [0, 3]),
]


@pytest.mark.parametrize("number", range(len(GRIDS)))
def test_histogramdd(number: int, oracle: ModuleType) -> None:
    def call(m: ModuleType) -> Any:
        hist, edges = GRIDS[number](m, m.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0], [2.0, 2.0]]))
        return (hist, *edges)

    assert outcome(call, kagari) == outcome(call, oracle)
