"""From calls to plans: what is compiled, what is traced, what is remembered, and for how long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graphs import array, compare, compiled, interpreted, tensor

import kagari as torch
from kagari.base.dtypes import float32, float64, int64
from kagari.base.layout import layout
from kagari.engine import code
from kagari.engine import function as engine
from kagari.engine.function import Function, Parameter
from kagari.ir import build as ir
from kagari.ir import graph
from kagari.ir.graph import Value
from kagari.runtime.store import Store

RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kernel that this process has not seen is compiled, as with KAGARI_CACHE=0."""
    code.native()
    monkeypatch.setattr(code, "store", lambda: Store(None, 0))


class Counted(Function):
    """A function that counts the calls its resident table does not know."""

    def __init__(self, define: Any, *kinds: str, **options: Any) -> None:
        code.native()
        parameters = tuple(Parameter(f"a{i}", kind) for i, kind in enumerate(kinds))
        super().__init__("counted", parameters, define, **options)
        self.misses = self.traced_times = 0
        self.call = code.native().operator_function("counted", self.activate(), "")
        _kept.append(self)

    def miss(self, *args: Any, **kwargs: Any) -> Any:
        self.misses += 1
        return super().miss(*args, **kwargs)

    def trace(self, args: tuple[Any, ...]) -> Any:
        self.traced_times += 1
        return super().trace(args)


_kept: list[Counted] = []  # native code points at them


def normal(*shape: int, dtype: Any = np.float32) -> torch.Tensor:
    return tensor(RANDOM.standard_normal(shape).astype(dtype))


# Structure is code, sizes are operands


def test_new_sizes_compile_nothing() -> None:
    sizes = [*RANDOM.permutation(np.arange(2, 300))[:50].tolist(), 512, 1000]
    w, b = normal(64, 48).requires_grad_(), normal(48).requires_grad_()
    v = normal(10, 48).requires_grad_()

    def step(n: int) -> None:
        x = normal(n, 64)
        y = torch.softmax(torch.relu(x @ w + b) @ v.t(), 1)
        y.mean().backward()
        hidden = np.maximum(array(x) @ array(w) + array(b), 0) @ array(v).T
        expected = np.exp(hidden - hidden.max(1, keepdims=True))
        np.testing.assert_allclose(array(y), expected / expected.sum(1, keepdims=True), rtol=1e-4, atol=1e-6)

    for n in (3, 40, 130, 600, 1024, *sizes[:4]):
        step(n)
    before = code.kernels_compiled()
    for n in sizes:
        step(n)
    assert code.kernels_compiled() == before


@pytest.mark.parametrize(
    "define",
    [
        lambda x: ir.transpose(x) * 2,
        lambda x: ir.sum_(x, 0) + ir.amax(x, 0),
        lambda x: ir.mean(x),
        lambda x: graph.cat((x, x * 2), 0),
        lambda x: graph.reshape(ir.exp(x), (x.shape[0] * x.shape[1],)),
        lambda x: graph.scan("cumsum", x, 0),
    ],
)
def test_one_trace_serves_all_sizes(define: Any) -> None:
    counted = Counted(define, "tensor")
    for n in (9, 33, 130, 70):
        counted.call(normal(n, n + 1))
    before = code.kernels_compiled()
    for n in range(10, 60):
        x = normal(n, n + 30)
        compare(counted.call(x), interpreted(define, [x])[0], 1e-4)
    assert counted.traced_times == 1 and code.kernels_compiled() == before


def test_sizes_zero_and_one_are_structure() -> None:
    def define(x: Value) -> Value:
        return ir.softmax(x) if hasattr(ir, "softmax") else x * ir.sum_(x, 1, True)

    counted = Counted(define, "tensor")
    shapes = [(3, 4), (1, 4), (3, 1), (1, 1), (0, 4), (3, 0), (5, 5), (7, 9), (0, 6), (1, 8)]
    for shape in shapes:
        x = normal(*shape)
        compare(counted.call(x), interpreted(define, [x])[0], 1e-5)
    assert counted.traced_times == 7  # the last three are known structures


def test_a_decision_on_sizes_makes_two_traces() -> None:
    counted = Counted(lambda x: x * 2 if x.shape[0] > x.shape[1] else x + 1, "tensor")
    for _ in range(2):
        for n, m in ((5, 3), (3, 5), (9, 2), (2, 9)):
            x = normal(n, m)
            compare(counted.call(x), array(x) * 2 if n > m else array(x) + 1)
    assert counted.traced_times == 2


def test_numbers_are_operands() -> None:
    counted = Counted(lambda x, a: x * a, "tensor", "operand")
    x = normal(5)
    counted.call(x, 0.5)
    before = code.kernels_compiled(), counted.misses
    for a in (0.25, -1e30, float("inf"), -0.0, 3.0):
        compare(counted.call(x, a), array(x) * np.float32(a))
    assert (code.kernels_compiled(), counted.misses) == before
    counted.call(x, 3)
    counted.call(x, True)
    assert counted.misses == before[1] + 2  # integers and booleans are other types, so other structures
    compare(counted.call(x, 1 << 40), array(x) * np.float32(1 << 40))
    with pytest.raises((OverflowError, RuntimeError)):
        counted.call(x, 1 << 70)


def test_kernels_are_shared_between_operators() -> None:
    x, y = normal(40, 50), normal(40, 50)
    compiled(lambda x, y: x * y + 3, 2).run((x, y))
    before = code.kernels_compiled()
    compiled(lambda x, y: x * y + 3, 2).run((x, y))
    compiled(lambda x, y: y * 1 * x + 3, 2).run((x, y))
    assert code.kernels_compiled() - before <= 1


@pytest.mark.parametrize(("lost", "kernels"), [("tile", 0), ("contract", 2)])
def test_products_share_the_parts_they_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str, kernels: int
) -> None:
    """Tiles are compiled and kept once for all kernels, and either is made anew where it alone is gone."""
    x, y = normal(9, 5), normal(5, 33)
    store = Store(tmp_path, 1 << 24)
    monkeypatch.setattr(code, "store", lambda: store)

    def made() -> dict[str, int]:
        """What products with two epilogues load, as in a new process."""
        known: dict[str, int] = {}
        monkeypatch.setattr(code, "_addresses", known)
        for define in (lambda x, y: graph.dot(x, y) + 1, lambda x, y: graph.dot(x, y) * 3):
            compare(compiled(define, 2).run((x, y)), *interpreted(define, (x, y)), 1e-5)
        return known

    known = made()
    entries = set(tmp_path.iterdir())
    assert len(entries) == len(known) and sum(key.startswith("contract") for key in known) == 2
    gone = {store._path(f"{code._salt()}|1|{key}") for key in known if key.startswith(lost)}
    assert gone and gone < entries
    for path in gone:
        path.unlink()
    before = code.kernels_compiled()
    made()
    assert set(tmp_path.iterdir()) == entries
    assert code.kernels_compiled() - before == kernels


# The resident table


def test_a_known_call_does_not_miss() -> None:
    counted = Counted(lambda x, y: x + y, "tensor", "tensor")
    tensors = [(normal(n), normal(n)) for n in range(2, 302)]
    for x, y in tensors:
        counted.call(x, y)
    assert counted.misses == 300 and 2 * counted._entries <= counted._capacity
    for x, y in tensors:
        compare(counted.call(x, y), array(x) + array(y))
    assert counted.misses == 300 and counted.traced_times == 1
    for n in range(2, 302):
        counted.call(normal(n), normal(n))  # other tensors, the same layouts
    assert counted.misses == 300


def test_the_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_PLANS", 20)
    counted = Counted(lambda x, a: x * a + 1, "tensor", "operand")
    for n in (*range(2, 90), *range(2, 90)):
        x = normal(n)
        compare(counted.call(x, 2.0), array(x) * 2 + 1)
        compare(counted.call(x, a1=0.5) if n % 2 else counted.miss(x, a1=0.5), array(x) * np.float32(0.5) + 1)
        assert len(counted.plans) <= 20 and counted._entries <= 20 and len(counted._kept) <= 20
    assert counted._capacity <= 64


def test_keywords_and_defaults_meet_the_same_plan() -> None:
    def define(x: Value, dim: int, keepdim: bool) -> Value:
        return ir.sum_(x, dim, keepdim)

    code.native()
    parameters = (Parameter("x", "tensor"), Parameter("dim", "static"), Parameter("keepdim", "static", False))
    function = Function("summed", parameters, define)
    call = code.native().operator_function("summed", function.activate(), "")
    x = normal(3, 4)
    expected = array(x).sum(1, keepdims=True)
    for t in (call(x, 1, True), call(x, 1, keepdim=True), call(x, keepdim=True, dim=1), call(keepdim=True, dim=1, x=x)):
        compare(t, expected, 1e-5)
    assert len(function.plans) == 1
    compare(call(x, 1), expected[:, 0], 1e-5)
    compare(call(x, dim=-1), expected[:, 0], 1e-5)
    for args, kwargs in (((), {}), ((x,), {}), ((x, 1, True, 1), {}), ((x, 1), {"dim": 1}), ((x, 1), {"other": 1})):
        with pytest.raises(TypeError):
            call(*args, **kwargs)


def test_static_arguments_count_by_value() -> None:
    counted = Counted(lambda x, shape: graph.reshape(x, shape) * 2, "tensor", "static")
    x = normal(4, 6)
    for i in range(100):
        shape = tuple([(2, 12), (12, 2), (24,)][i % 3])
        compare(counted.call(x, list(shape)), array(x).reshape(shape) * 2)
        compare(counted.call(x, tuple(list(shape))), array(x).reshape(shape) * 2)  # noqa: C414 - a new object each time
    assert len(counted.plans) == 3 and counted._entries <= 3 * engine.MAX_WAYS
    misses = counted.misses
    constant = (2, 12)
    fresh = Counted(lambda x, shape: graph.reshape(x, shape) * 2, "tensor", "static")
    for _ in range(5):
        fresh.call(x, constant)
    assert fresh.misses == 1 and counted.misses == misses


def test_static_arguments_are_told_apart() -> None:
    counted = Counted(lambda x, how: x * 2 if how is True else x + 3 if how == 1 else x - 4, "tensor", "static")
    x = normal(3)
    for _ in range(2):
        compare(counted.call(x, True), array(x) * 2)
        compare(counted.call(x, 1), array(x) + 3)
        wide = (-(1 << 61), 1 << 61, 1 + (1 << 63), 1 - (1 << 63), 1 << 70, (1 << 62) + 1)
        for other in (None, "text", 0, False, 0.5, *wide):
            compare(counted.call(x, other), array(x) - 4)


def test_tensors_as_static_arguments_are_read_each_time() -> None:
    x = normal(3, 4)
    for dim in (1, 0, 1):
        compare(x.sum(torch.tensor(dim)), array(x).sum(dim), 1e-5)
        compare(torch.sum(x, dim=torch.tensor(dim)), array(x).sum(dim), 1e-5)
    sizes = (torch.tensor(2), 6)
    assert x.reshape(sizes).shape == (2, 6)
    sizes[0].fill_(12)
    assert x.reshape((sizes[0], -1)).shape == (12, 1)


def test_gradients_are_part_of_the_key() -> None:
    counted = Counted(lambda x, y: ir.tanh(x) * y, "tensor", "tensor")
    x, y = normal(3), normal(3)
    for _ in range(2):
        for needs in ((False, False), (True, False), (False, True), (True, True)):
            for t, wanted in zip((x, y), needs):
                t.requires_grad_(wanted)
            result = counted.call(x, y)
            assert result.requires_grad == any(needs)
            with torch.no_grad():
                assert not counted.call(x, y).requires_grad
    assert counted.misses == 4 and counted.traced_times == 1


def test_the_default_dtype_is_part_of_what_plans_are_made_under() -> None:
    x = torch.arange(4)
    try:
        for wanted in (torch.float32, torch.float64, torch.float32):
            torch.set_default_dtype(wanted)
            assert (x * 0.5).dtype is torch.sqrt(x).dtype is (x / 2).dtype is wanted
    finally:
        torch.set_default_dtype(torch.float32)


# Layouts


def test_equal_layouts_are_one_object() -> None:
    a, b = normal(3, 4), normal(3, 4)
    assert a._layout is b._layout is layout((3, 4), None, float32) is layout((3, 4), (4, 1), float32)
    assert a.t()._layout is b.t()._layout is layout((4, 3), (1, 4), float32)
    assert (a + b)._layout is a._layout and a[1:]._layout is b[:2]._layout
    assert a._layout is not layout((3, 4), None, float64) and a._layout is not layout((4, 3), None, float32)
    assert (a.t() * 2)._layout is a.t()._layout  # element-wise results keep the order of their inputs


@pytest.mark.parametrize("shape", [(1 << 40, 1 << 40), (1 << 62,), (1 << 100,), (3, 1 << 61)])
def test_sizes_beyond_64_bits_are_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(RuntimeError, match="overflowed"):
        layout(shape, None, float32)
    one = torch.ones(())
    with pytest.raises((RuntimeError, OverflowError)):
        one.expand(*shape)
    with pytest.raises((RuntimeError, OverflowError, TypeError)):
        torch.empty(*shape)


# Many arguments, outputs and buffers


@pytest.mark.parametrize("count", [13, 14, 15, 31, 32, 33, 65, 200])
def test_many_arguments(count: int) -> None:
    def define(*values: Value) -> Value:
        total = values[0]
        for v in values[1:]:
            total = total + v
        return total

    counted = Counted(define, *["operand"] * count)
    tensors = [normal(5).requires_grad_(i % 2 == 0) for i in range(count)]
    for _ in range(2):
        result = counted.call(*tensors)
        compare(result.detach(), np.sum([array(t.detach()) for t in tensors], 0), 1e-4)
    result.sum().backward()
    assert all((t.grad is None) == (i % 2 == 1) for i, t in enumerate(tensors))
    numbers = counted.call(tensors[0].detach(), *[float(i) for i in range(1, count)])
    compare(numbers, array(tensors[0].detach()) + np.float32(sum(range(count))), 1e-5)


@pytest.mark.parametrize("count", [2, 31, 32, 33, 80])
def test_many_outputs(count: int) -> None:
    counted = Counted(lambda x: tuple(x * i for i in range(2, count + 2)), "tensor")
    x = normal(40)
    for _ in range(2):
        for i, t in enumerate(counted.call(x), 2):
            compare(t, array(x) * np.float32(i))
    x.requires_grad_()
    last = counted.call(x)[-1]
    last.sum().backward()
    compare(x.grad, np.full(40, count + 1, np.float32))


@pytest.mark.parametrize("count", [20, 40, 90])
def test_many_saved_tensors(count: int) -> None:
    def define(*values: Value) -> Value:
        total = ir.sin(values[0])
        for v in values[1:]:
            total = total * ir.sigmoid(v)
        return total

    counted = Counted(define, *["tensor"] * count)
    tensors = [normal(3, dtype=np.float64).requires_grad_() for _ in range(count)]
    result = counted.call(*tensors)
    result.sum().backward()
    first = array(tensors[0].detach())
    expected = array(result.detach()) / np.sin(first) * np.cos(first)
    np.testing.assert_allclose(array(tensors[0].grad), expected, rtol=1e-9)
    result = counted.call(*tensors)
    tensors[1].detach().add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        result.sum().backward()


def test_many_temporaries() -> None:
    def define(x: Value) -> Value:
        for _ in range(70):
            x = graph.scan("cumsum", x, 0) * 0.5
        return x

    x = normal(3, dtype=np.float64)
    compare(compiled(define, 1).run((x,)), interpreted(define, [x])[0], 1e-9)


# Several threads


@pytest.fixture
def failures() -> Iterator[list[BaseException]]:
    found: list[BaseException] = []
    yield found
    assert not found, found


def test_threads_miss_and_hit_at_once(failures: list[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_PLANS", 30)
    counted = Counted(lambda x, a: ir.exp(x) * a, "tensor", "operand")

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        try:
            for n in (*range(2, 80), 200_000, *range(2, 80), 300_000):
                x = torch.tensor(rng.standard_normal(n))
                np.testing.assert_allclose(array(counted.call(x, 0.5)), np.exp(array(x)) * 0.5, rtol=1e-12)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_dtypes_and_layouts_are_separate_plans() -> None:
    counted = Counted(lambda x: x + x, "tensor")
    values = np.arange(24).reshape(4, 6)
    for dt in (float32, float64, int64):
        for how in ("contiguous", "transposed", "gaps"):
            for _ in range(2):
                x = tensor(values, dt, how)
                compare(counted.call(x), (values + values).astype(dt.name))
    assert counted.misses == 9 and counted.traced_times == 3
