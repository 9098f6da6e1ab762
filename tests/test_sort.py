"""Sorting and what rests on it: kernels against the interpreter, results of unknown size and corner cases against the
oracle.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from graphs import check, compiled, tensor

import kagari
from kagari.base import dtypes
from kagari.base.dtypes import dtype
from kagari.base.target import Target
from kagari.compiler.llvm import compile_object
from kagari.engine.interpret import round_to
from kagari.ir import graph

RANDOM = np.random.default_rng(0)
SPECIAL = [float("nan"), float("inf"), float("-inf"), 0.0, -0.0, 1.0, -1.0, float("nan"), -0.0]
REAL = tuple(dt for dt in dtypes.ALL if dt.category <= 2)


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


@pytest.mark.parametrize("size", [1, 2, 23, 24, 25, 26, 255, 256, 257])
def test_rows_of_every_size(size: int) -> None:
    for dt in (dtypes.float32, dtypes.float64, dtypes.bool_):
        check(lambda x: graph.argsort(x, 1), numbers(4, size, dt=dt))


def test_the_kernel_compiles_for_aarch64() -> None:
    import llvmlite.binding as llvm

    try:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        llvm.Target.from_triple("aarch64-unknown-linux-gnu")
    except RuntimeError:
        pytest.skip("llvmlite was built without AArch64")
    target = Target("aarch64-unknown-linux-gnu", "neoverse-n1", "", 16, 32, True, False, 4)
    for x in (numbers(20, 30, dt=dtypes.float32), numbers(20, 900, dt=dtypes.float64)):
        traced, sizes = compiled(lambda x: graph.argsort(x, 1, True, 5), 1).traced((x,))
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


def test_the_median_of_no_integers_is_the_lowest(oracle: ModuleType) -> None:
    for name in ("int64", "int32", "uint8"):
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
