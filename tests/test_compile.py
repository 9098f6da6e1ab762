"""Compiled functions give what eager ones do: values, gradients, control flow, side effects, errors."""

from __future__ import annotations

import copy
import importlib
import os
import pickle
import threading
from types import ModuleType

import numpy as np
import pytest

import kagari as torch
from kagari.capture import groups
from kagari.capture.runner import RUNNER
from kagari.engine import code
from kagari.runtime.store import Store

F = torch.nn.functional
CALLS = 12  # enough for a segment to be run singly, fused, and in the way that was chosen


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Each test compiles for itself, and every group that can be fused is, whether that is faster or not."""
    monkeypatch.setattr(groups.Choice, "faster_fused", True)
    torch.compiler.reset()
    yield
    assert not RUNNER.compiled.refused
    assert not torch.compiler.is_compiling()


def check(function, *args, calls=CALLS, rtol=1e-5, atol=1e-6):
    """The function compiled gives the same as eagerly, in every call."""
    compiled = torch.compile(function)
    for _ in range(calls):
        torch.testing.assert_close(compiled(*args), function(*args), rtol=rtol, atol=atol)
    return compiled


def test_pointwise_functions_become_one_kernel():
    def f(x, y):
        return ((x * 2 + y).sin() * x).exp().sum(1)

    compiled = check(f, torch.randn(7, 33), torch.randn(7, 33))
    (part,) = compiled.explain().parts
    assert part.calls == 6 and RUNNER.compiled.programs == 1
    assert len(part.kernels) == 1


@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (5,), (3, 1, 4)])
def test_shapes(shape):
    check(lambda x: (x.cos() + 1).mean() * x, torch.randn(shape))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.int32, torch.bool, torch.complex64])
def test_dtypes(dtype):
    x = (torch.randn(4, 6) * 3).to(dtype)
    # Between fused operators a 16-bit float is not rounded.
    loose = {"rtol": 1.6e-2, "atol": 0.2} if dtype is torch.bfloat16 else {}
    check(lambda x: (x * 2 + x).reshape(6, 4).sum(0), x, **loose)


def test_views_and_layouts():
    def f(x):
        a = x.t() * 2
        b = a[1:, ::2].transpose(0, 1) + 1
        c, d = b.split(1)[:2]
        return a.permute(1, 0), b, c * d, torch.cat([b, b + 1]), a.contiguous().view(-1)[3:]

    check(f, torch.randn(6, 8))
    check(f, torch.randn(8, 6).t())


def test_results_without_elements_can_be_used():
    compiled = torch.compile(lambda x: ((x + 1).sum(), x.exp() * 2, x.reshape(0, 5).cos()))
    for _ in range(CALLS):
        total, *empty = compiled(torch.ones(0, 3))
        assert total == 0 and [(e + 1).to(torch.float64).tolist() for e in empty] == [[], []]


def test_in_place_on_values_and_views():
    def f(x):
        y = x * 2
        y[0] += 1
        z = y.view(-1)
        z.mul_(3)
        y[:, 1].zero_()
        w = z + y.reshape(-1)
        y.add_(1)
        return y, z, w

    check(f, torch.randn(3, 4))


def test_in_place_updates_of_what_was_there():
    def f(buffer, x):
        buffer.mul_(0.5).add_(x * x)
        return buffer * 2

    one, other, x = torch.ones(9), torch.ones(9), torch.randn(9)
    compiled = torch.compile(f)
    before = one._version
    for _ in range(CALLS):
        torch.testing.assert_close(compiled(one, x), f(other, x))
        torch.testing.assert_close(one, other)
    assert one._version - before == 2 * CALLS


def test_what_a_group_makes_is_added_to_memory_of_others():
    """In the group where nothing else looks at that memory, after it where something does."""

    def f(buffer, a, b):
        buffer.add_(a @ b)
        first = buffer[0] * 2
        buffer.sub_((a * a) @ b)
        seen = buffer.t() + 1
        product = a @ b
        before = buffer[:, 1] * 3
        buffer.mul_(product)
        buffer[1:].add_(product[1:] * 2)
        flat = buffer.view(-1)
        whole = (a @ b).view(-1) + 1
        flat.add_(whole).mul_(whole)
        return first, seen, before, flat + 1, buffer * 2

    a, b = torch.randn(5, 3), torch.randn(3, 4)
    for held in (True, False):
        one = torch.randn(5, 4)
        other = one.clone()
        compiled = torch.compile((lambda x: f(x, a, b)) if held else (lambda x: f(x * 0.5, a, b)))
        compiled.choose(False)
        for _ in range(CALLS):
            got, want = compiled(one), f(other if held else other * 0.5, a, b)
            torch.testing.assert_close((got, one), (want, other), rtol=1e-3, atol=1e-4)
            one.tanh_()
            other.tanh_()
    assert ("matmul", "add_") in [k.operators[:2] for k in compiled.explain().parts[-1].kernels]


def test_nothing_waits_in_memory_of_others_that_is_still_to_be_read():
    """A softmax leaves its exponentials where its result will be, unless that is read then."""
    compiled = torch.compile(lambda buffer, x: buffer.add_(F.softmax(x * 2, 1) * 3))
    compiled.choose(False)
    x = torch.randn(4, 40)
    one, other = torch.zeros(4, 40), torch.zeros(4, 40)
    for _ in range(CALLS):
        compiled(one, x)
        other.add_(F.softmax(x * 2, 1) * 3)
        torch.testing.assert_close(one, other)


def test_an_error_leaves_memory_of_others_where_it_is():
    compiled = torch.compile(lambda buffer, table, index: buffer.add_(F.embedding(index, table) * 2))
    compiled.choose(False)
    buffer, table = torch.zeros(2, 3), torch.ones(4, 3)
    for _ in range(CALLS):
        compiled(buffer, table, torch.tensor([1, 2]))
    with pytest.raises(IndexError):
        compiled(buffer, table, torch.tensor([1, 4]))
    assert buffer[0, 0] >= 2 * CALLS and buffer.add_(1).shape == (2, 3)


def test_values_read_back_split_and_steer():
    seen = []

    def f(x):
        y = x * 2 + 1
        if y.sum() > 0:
            y = y - 3
        seen.append((y * y).sum().item())
        return y.relu().tolist(), (y + 1).numpy().copy(), str(y * 1)

    compiled = torch.compile(f)
    for x in (torch.ones(3), -torch.ones(3)) * CALLS:
        one, other = compiled(x), f(x)
        assert one[0] == other[0] and one[2] == other[2] and np.array_equal(one[1], other[1])
    assert seen[::2] == seen[1::2]
    splits = compiled.explain().splits
    assert splits and all("test_compile.py" in split for split in splits)


def test_numbers_and_sizes_are_operands():
    def f(x, rate):
        return (x.exp() * rate + 1).log().sum(-1)

    compiled = torch.compile(f)
    for n in range(3):
        compiled(torch.rand(8, 16), 0.1 * n)
        compiled(torch.rand(8, 16), 0.1 * n)
    programs = RUNNER.compiled.programs
    assert programs == 1
    for n in range(2, 30):
        x = torch.rand(n + 20, 2 * n + 60)
        torch.testing.assert_close(compiled(x, 0.01 * n), f(x, 0.01 * n))
        torch.testing.assert_close(compiled(x, 0.01 * n), f(x, 0.01 * n))
    assert RUNNER.compiled.programs == programs


def test_slices_of_a_data_set_are_one_segment():
    data = torch.randn(100, 4)
    compiled = torch.compile(lambda x: (x * 2).sin() + 1)
    for i in range(0, 90, 5):
        x = data[i : i + 5]
        torch.testing.assert_close(compiled(x), (x * 2).sin() + 1)
    assert len(compiled.used) == 1


def test_new_sizes_of_a_known_structure_are_fused_at_once():
    compiled = torch.compile(lambda x: (x * 2 + 1).exp().sum())
    for n in (*[5] * 10, 8, 8, 9, 9):  # every other call is an eager one, to compare
        compiled(torch.ones(n))
    first, *others = compiled.explain().parts
    assert [(len(p.kernels), p.runs) for p in others] == [(1, 1), (1, 1)] and len(first.kernels) == 1


def test_memory_shared_with_numpy():
    def f():
        array = np.ones(3)
        x = torch.from_numpy(array)
        y = x * 2
        array[:] = 5
        t = torch.ones(3) * 1
        seen = t.numpy()
        t.add_(1)
        first = seen.copy()
        z = t * x
        seen[:] = 7
        return y, x + 1, torch.from_numpy(first), z

    compiled = check(f)
    assert any("NumPy" in part.split for part in compiled.explain().parts)


def test_random_operators_draw_the_same_stream():
    def f(x):
        y = F.dropout(x * 2, 0.4)
        return y + torch.rand(5) * torch.randn(5), torch.bernoulli(torch.full((5,), 0.5))

    compiled, x = torch.compile(f), torch.ones(5)
    torch.manual_seed(3)
    eager = [f(x) for _ in range(CALLS)]
    torch.manual_seed(3)
    torch.testing.assert_close([compiled(x) for _ in range(CALLS)], eager)


def test_errors_come_at_their_line_and_leave_order():
    def f(x, y):
        x.add_(1)
        return x @ y

    x = torch.zeros(2, 3)
    compiled = torch.compile(f)
    for n in range(1, 4):
        with pytest.raises(RuntimeError) as raised:
            compiled(x, torch.ones(2, 3))
        with pytest.raises(RuntimeError) as expected:
            f(x.clone(), torch.ones(2, 3))
        assert str(raised.value) == str(expected.value)
        assert any(entry.name == "f" for entry in raised.traceback)
        assert x.tolist() == [[n] * 3] * 2  # what came before has run


def test_kernels_report_errors_at_the_end():
    kept = []

    def f(table, index):
        y = F.embedding(index, table) + 1
        kept.append(y * 2)
        return y

    compiled = torch.compile(f)
    for _ in range(4):
        compiled(torch.ones(4, 2), torch.tensor([1, 3]))
        with pytest.raises(IndexError):
            compiled(torch.ones(4, 2), torch.tensor([1, 4]))
        with pytest.raises(RuntimeError, match="never computed"):
            kept[-1].tolist()
    assert f(torch.ones(4, 2), torch.tensor([0])).tolist() == [[2.0, 2.0]]


def test_an_error_is_that_of_the_operator_that_has_it():
    layer = torch.nn.Linear(3, 4)
    compiled = torch.compile(lambda x, y: F.cross_entropy(layer(x), y))
    for target in (1, 1, 1, 7):
        y = torch.tensor([0, target])
        if target == 1:
            compiled(torch.ones(2, 3), y)
            continue
        with pytest.raises(IndexError, match="Target"):
            compiled(torch.ones(2, 3), y)


def test_activations_are_part_of_the_product_before_them():
    layer = torch.nn.Linear(16, 16)
    for activation in (F.relu, F.gelu, F.silu, lambda x: x * x + 1):
        torch.compiler.reset()
        with torch.no_grad():
            compiled = check(lambda x, act=activation: act(layer(x)), torch.randn(16, 16))
        ((kernel,),) = (part.kernels for part in compiled.explain().parts)
        assert kernel.launches == 1


def test_fullgraph_refuses_to_split():
    with pytest.raises(RuntimeError, match="fullgraph"):
        torch.compile(lambda x: x * x.sum().item(), fullgraph=True)(torch.ones(2))
    assert torch.compile(lambda x: x * x.sum(), fullgraph=True)(torch.ones(2)).tolist() == [2, 2]


def test_gradients():
    w = torch.randn(4, 3, requires_grad=True)

    def f(x):
        h = (x @ w).tanh()
        loss = (h * h.sigmoid()).sum()
        (g,) = torch.autograd.grad(loss, w, create_graph=True)
        (second,) = torch.autograd.grad((g * g).sum(), w)
        return loss.detach(), g.detach(), second

    check(f, torch.randn(5, 4))


def test_hooks_see_values():
    w = torch.ones(3, requires_grad=True)
    seen = []
    w.register_hook(lambda g: seen.append(g.tolist()))

    def f(x):
        w.grad = None
        y = w * x
        y.register_hook(lambda g: g * 2)
        y.exp().sum().backward()
        return w.grad

    x = torch.randn(3)
    check(f, x)
    assert all(values == pytest.approx(seen[0]) for values in seen) and len(seen) == 2 * CALLS


def test_tensors_made_inside_live_on():
    made = []

    @torch.compile
    def f(x):
        made.append(x + 1)
        made.append(made[-1].view(2, 2)[1])
        return made[-1] * 2

    for _ in range(CALLS):
        made.clear()
        assert f(torch.arange(4.0)).tolist() == [6, 8]
        assert [t.tolist() for t in made] == [[1, 2, 3, 4], [3, 4]]


def test_nested_disabled_and_recursive():
    inner = torch.compile(lambda x: x * 2 + 1)
    states = []

    @torch.compiler.disable
    def outside(x):
        states.append(torch.compiler.is_compiling())
        return x.sum().item()

    @torch.compile
    def f(x):
        states.append(torch.compiler.is_compiling())
        return inner(x + 1) * outside(x * 3)

    for _ in range(CALLS):
        assert f(torch.ones(2)).tolist() == [30, 30]
    assert states == [True, False] * CALLS


def test_threads():
    """One thread captures; the others' calls run eagerly, and all of them see what is pending."""
    shared = {}

    @torch.compile
    def f(x):
        y = (x + 1) * 2
        if "reader" not in shared:
            shared["reader"] = threading.Thread(target=lambda: shared.update(read=y.tolist(), more=(y + 1).tolist()))
            shared["reader"].start()
            shared["reader"].join()
        return y * 3

    assert f(torch.ones(2)).tolist() == [12, 12]
    assert shared["read"] == [4, 4] and shared["more"] == [5, 5]
    results = []

    def work():
        results.extend(f(torch.full((50,), float(i))).sum().item() for i in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results.count(300.0) == 4 and sorted(results) == sorted([50 * 6.0 * (i + 1) for i in range(50)] * 4)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # newer Pythons warn of a fork beside threads
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system can't fork")
def test_kernels_are_compiled_while_calls_are_noted(monkeypatch):
    """A thread that runs the same operators at once waits for their kernels, and so does who forks."""
    monkeypatch.setattr(code.config, "processors", lambda: 2)
    monkeypatch.setattr(code, "store", lambda: Store(None, 0))
    monkeypatch.setattr(code, "_addresses", {})  # as in a new process
    x = torch.randn(3, 4, 5, 2, 3, 2)
    seen = []

    def work():
        y = x.permute(5, 3, 1, 0, 2, 4)
        return y.expm1() @ y.transpose(4, 5), y.log_softmax(2)

    def both():
        results = work()
        awaited = list(code._awaited)
        child = os.fork()
        if not child:
            os._exit(not torch.equal(work()[1], results[1]))
        assert os.waitpid(child, 0)[1] == 0
        thread = threading.Thread(target=lambda: seen.append((awaited, work())))
        thread.start()
        thread.join()
        return results

    results = torch.compile(both)()
    ((awaited, aside),) = seen
    assert any("contract" in key for key in awaited) and not code._awaited
    for one, other, right in zip(results, aside, work()):
        assert torch.equal(one, other) and torch.equal(one, right)


def test_plans_dropped_while_they_are_noted():
    @torch.compile
    def f(x):
        y = x * 2
        torch.set_default_dtype(torch.float64)
        torch.set_default_dtype(torch.float32)
        return y + 1

    for _ in range(CALLS):
        assert f(torch.ones(2)).tolist() == [3, 3]


def test_what_never_comes_again_runs_eagerly():
    def f(x, n):
        for _ in range(n):
            x = x + 1
        return x

    compiled = torch.compile(f)
    for n in range(1, 91):
        assert compiled(torch.zeros(2), n).tolist() == [n, n]
    assert compiled.eager


def test_what_can_not_be_compiled_runs_singly(monkeypatch):
    def fails(self):
        raise ValueError("no")

    monkeypatch.setattr(groups._Joint, "trace", fails)
    compiled = check(lambda x: (x * 2).exp() + 1, torch.ones(3))
    assert list(RUNNER.compiled.refused.values()) == ["ValueError: no"]
    assert [k.operators for k in compiled.explain().parts[0].kernels] == [("mul",), ("exp",), ("add",)]
    RUNNER.compiled.refused.clear()


def test_a_reset_begins_anew():
    compiled = check(lambda x: x.exp() + 1, torch.ones(3))
    compiled.choose(True)
    assert "exp + add" in torch.compiler.report() and "eagerly" in str(compiled.explain())
    torch.compiler.reset()
    assert compiled.eager is None and not compiled.used and str(compiled.explain()) not in torch.compiler.report()
    check(lambda x: x.exp() + 1, torch.ones(3))
    assert compiled(torch.zeros(3)).tolist() == [2, 2, 2] and len(compiled.used) == 1


# The interface


def test_arguments(oracle):
    def f(x):
        "doc"
        return x

    assert torch.compile(f, disable=True) is f and torch.compile(f, backend="eager") is f
    compiled = torch.compile(dynamic=True, mode="reduce-overhead")(f)
    assert compiled.__name__ == "f" and compiled.__doc__ == "doc" and compiled.__wrapped__ is f
    for settings in ({"mode": "x"}, {"mode": "default", "options": {}}, {"backend": "nope"}):
        with pytest.raises(RuntimeError) as expected:
            oracle.compile(f, **settings)
        with pytest.raises(RuntimeError) as raised:
            torch.compile(f, **settings)
        assert str(raised.value).split(", see")[0] == str(expected.value).split(", see")[0]
    with pytest.raises(AssertionError, match="A callable function is expected, but <class 'int'> is provided"):
        torch.compile(3)


def test_methods():
    class Model:
        @torch.compile
        def f(self, x):
            return x + self.n

    model = Model()
    model.n = 2
    assert model.f(torch.ones(2)).tolist() == [3, 3]


def test_modules_as_pytorch_wraps_them(oracle):
    def facts(t):
        model = t.nn.Sequential(t.nn.Linear(2, 2), t.nn.ReLU())
        compiled = t.compile(model, **({} if t is torch else {"backend": "eager"}))
        copied, read = copy.deepcopy(compiled), pickle.loads(pickle.dumps(compiled))
        compiled.extra = 3
        found = [model.extra, type(compiled).__name__, isinstance(compiled, t.nn.Module), repr(compiled), len(compiled)]
        found += [list(compiled.state_dict()), [n for n, _ in compiled.named_modules()], list(copied.state_dict())]
        found += [type(read).__name__, list(read.state_dict()), compiled._orig_mod is model, copied._orig_mod is model]
        compiled.eval()
        found += [model.training, compiled.training]
        with pytest.raises(AttributeError) as missing:
            compiled.nothing  # noqa: B018
        return [*found, str(missing.value)]

    assert facts(torch) == facts(oracle)


def test_modules_compiled_in_place():
    model = torch.nn.Linear(3, 2)
    plain = copy.deepcopy(model)
    assert model.compile() is None
    x = torch.randn(4, 3)
    for _ in range(CALLS):
        torch.testing.assert_close(model(x), plain(x))
    assert list(model.state_dict()) == list(plain.state_dict()) and model._compiled_call_impl is not None
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert copied._compiled_call_impl is None and "_compiled_call_impl" not in vars(copied)
        torch.testing.assert_close(copied(x), plain(x))
    for compile in (False, True):
        model = torch.nn.Embedding(3, 2)  # has an attribute that is None
        if compile:
            model.compile()
        assert copy.deepcopy(model).padding_idx is None


def test_stance() -> None:
    doubled = torch.compile(lambda x: x * 2)
    set_stance = torch.compiler.set_stance

    @set_stance("force_eager")
    def calls() -> torch.Tensor:
        return doubled(torch.ones(2))

    for _ in range(3):
        assert calls().tolist() == [2.0, 2.0]
    with set_stance("force_eager"), set_stance("force_eager"):
        doubled(torch.ones(2))
    set_stance("force_eager")
    doubled(torch.ones(2))
    with set_stance("default"):
        assert not doubled.used
        doubled(torch.ones(2))
        assert doubled.calls == 1
    doubled(torch.ones(2))
    set_stance("default")
    assert doubled.calls == 1
    doubled(torch.ones(2))
    assert doubled.calls == 2
    with pytest.raises(RuntimeError, match="invalid stance 'slow'"):
        set_stance("slow")
    with pytest.raises(RuntimeError, match="can't be called in a compiled function"):
        torch.compile(lambda: set_stance("default"))()


def test_settings_of_the_other_compiler(oracle: ModuleType) -> None:
    theirs, ours = (importlib.import_module(f"{name}.config") for name in ("torch._dynamo", "kagari.capture.dynamo"))
    assert {name: getattr(ours, name) for name in ours.__all__} == {
        name: getattr(theirs, name) for name in ours.__all__
    }
