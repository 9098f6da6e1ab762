"""The backward pass: values, accumulation, hooks, modes, errors, depth, memory and threads."""

from __future__ import annotations

import gc
import threading
import weakref
from types import ModuleType
from typing import Any

import pytest
from programs import Program, collector, outcome

import kagari
from kagari.autograd import graph

PROGRAMS, program = collector()


def leaf(t: Any, *values: float, **how: Any) -> Any:
    """A tensor of these values that wants a gradient."""
    return t.tensor(list(values) or [1.0, 2.0, 3.0], requires_grad=True, **how)


# The pass


@program
def accumulates(t: Any) -> Any:
    x = leaf(t)
    (x * x).sum().backward()
    first = x.grad
    (x * 3).sum().backward()
    return x.grad, first is x.grad


@program
def sums_over_uses(t: Any) -> Any:
    x = leaf(t)
    y = x * 2
    (y * y + y + x).sum().backward()
    return x.grad


@program
def same_tensor_as_several_arguments(t: Any) -> Any:
    x = leaf(t)
    (x * x * x).sum().backward()
    (x + x).sum().backward()
    return x.grad


@program
def gradients_are_not_shared(t: Any) -> Any:
    x, y = leaf(t), leaf(t)
    (x + y).sum().backward()
    x.grad.add_(1)
    return x.grad, y.grad


@program
def the_seed_is_left_alone(t: Any) -> Any:
    x, seed = leaf(t), t.ones(3)
    (x * 1).backward(seed)
    x.grad.add_(1)
    return seed, x.grad


@program
def several_roots(t: Any) -> Any:
    x = leaf(t)
    t.autograd.backward([(x * x).sum(), x * 2], [None, t.tensor([1.0, 0.0, 2.0])])
    return x.grad


@program
def roots_that_are_leaves(t: Any) -> Any:
    x = t.tensor(2.0, requires_grad=True)
    x.backward()
    x.backward()
    return x.grad, t.autograd.grad(x, x)


@program
def the_same_root_twice(t: Any) -> Any:
    x = leaf(t)
    y = (x * x).sum()
    t.autograd.backward([y, y])
    return x.grad


@program
def gradients_of_what_is_computed(t: Any) -> Any:
    x = leaf(t)
    a = x * 2
    b = a * a
    return t.autograd.grad(b.sum(), [a, x, b])


@program
def gradients_with_respect_to_a_root(t: Any) -> Any:
    x = leaf(t)
    y = x * 2
    return t.autograd.grad(y, [y, x], t.ones(3))


@program
def the_same_input_twice(t: Any) -> Any:
    x = leaf(t)
    return t.autograd.grad((x * x).sum(), [x, x])


@program
def gradients_of_outputs_beyond_the_first(t: Any) -> Any:
    x = t.arange(6.0).reshape(2, 3).requires_grad_()
    variance, mean = t.var_mean(x, 1)
    mean.sum().backward(retain_graph=True)
    alone = x.grad.clone()
    x.grad = None
    (variance.sum() * mean.sum()).backward()
    return alone, x.grad, mean.output_nr


@program
def gradients_of_captured_outputs(t: Any) -> Any:
    x = t.arange(6.0).reshape(2, 3).requires_grad_()
    variance, mean = t.var_mean(x, 1)
    return t.autograd.grad((variance * mean).sum(), [mean, variance])


@program
def values_with_indices(t: Any) -> Any:
    x = t.arange(6.0).reshape(2, 3).requires_grad_()
    values, indices = x.max(1)
    values.sum().backward()
    return x.grad, indices.requires_grad, indices.grad_fn


@program
def only_the_inputs_asked_for(t: Any) -> Any:
    x, y = leaf(t), leaf(t)
    z = x * y
    z.sum().backward(inputs=[x], retain_graph=True)
    z.sum().backward(inputs=z)
    return x.grad, y.grad, z.grad


@program
def unused_inputs(t: Any) -> Any:
    x, y = leaf(t), leaf(t)
    found = t.autograd.grad(x.sum(), [x, y], allow_unused=True)
    return found, t.autograd.grad(x.sum(), [x, y], materialize_grads=True)


@program
def gradients_take_the_leafs_dtype(t: Any) -> Any:
    x = leaf(t, dtype=t.float64)
    (x.float() * 2).sum().backward()
    return x.grad


@program
def gradients_take_the_leafs_strides(t: Any) -> Any:
    x = t.arange(6.0).reshape(2, 3).requires_grad_()
    x.t().backward(t.ones(3, 2))
    return x.grad, x.grad.stride()


@program
def gradients_of_flips_run_forwards_in_memory(t: Any) -> Any:
    x = t.arange(6.0).reshape(2, 3).requires_grad_()
    (g,) = t.autograd.grad(x.flip(-1), x, t.arange(6.0).reshape(2, 3))
    return g, g.stride()


@program
def kept_graphs(t: Any) -> Any:
    x = leaf(t)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


@program
def passes_that_saved_nothing_run_again(t: Any) -> Any:
    x = leaf(t)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    return x.grad


@program
def three_orders(t: Any) -> Any:
    x = leaf(t)
    (first,) = t.autograd.grad((x**4).sum(), x, create_graph=True)
    (second,) = t.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = t.autograd.grad(second.sum(), x)
    return first.detach(), second.detach(), third


@program
def second_order_through_saved_outputs(t: Any) -> Any:
    x = leaf(t, dtype=t.float64)
    y = x.exp() * x.sigmoid() + x.tanh() + t.softmax(x, 0)
    (first,) = t.autograd.grad(y.sum(), x, create_graph=True)
    (first * first).sum().backward()
    return x.grad


@program
def backward_that_creates_a_graph(t: Any) -> Any:
    x = leaf(t)
    (x**3).sum().backward(create_graph=True)
    first = x.grad
    x.grad = None
    first.sum().backward()
    return first.detach(), x.grad


@program
def accumulation_into_a_gradient_with_history(t: Any) -> Any:
    x = leaf(t)
    x.grad = t.ones(3)
    (x**2).sum().backward(create_graph=True)
    return x.grad.detach(), x.grad.requires_grad


@program
def a_penalty_on_the_gradient(t: Any) -> Any:
    w, x = leaf(t, 0.5, -1.0), t.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    (g,) = t.autograd.grad((x @ w).tanh().sum(), x, create_graph=True)
    ((g * g).sum(1).sqrt() - 1).pow(2).mean().backward()
    return w.grad


# Hooks


@program
def tensor_hooks_see_the_sum_once(t: Any) -> Any:
    x, seen = leaf(t), []
    y = x * 1
    y.register_hook(lambda g: seen.append(g.tolist()))
    (y + y * 3).sum().backward()
    return seen, x.grad


@program
def tensor_hooks_replace_in_order(t: Any) -> Any:
    x = leaf(t)
    y = x * 1
    y.register_hook(lambda g: g * 2)
    removed = y.register_hook(lambda g: g * 100)
    y.register_hook(lambda g: g + 1)
    removed.remove()
    y.sum().backward()
    return x.grad


@program
def leaf_hooks(t: Any) -> Any:
    x, seen = leaf(t), []
    x.register_hook(lambda g: g * 3)
    x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.tolist()))
    (x * 2 + x).sum().backward()
    return x.grad, seen


@program
def leaf_hooks_count_for_grad(t: Any) -> Any:
    x = leaf(t)
    x.register_hook(lambda g: g * 3)
    return t.autograd.grad((x * 2 + x).sum(), x)


@program
def node_hooks(t: Any) -> Any:
    x, seen = leaf(t), []
    y = x.exp()
    y.grad_fn.register_prehook(lambda grads: (grads[0] * 2,))
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append((len(inputs), outputs[0].tolist())))
    y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] * 0 + 7,))
    y.sum().backward()
    return seen, x.grad


@program
def retained_gradients(t: Any) -> Any:
    x = leaf(t)
    y = x * 1
    y.retain_grad()
    y.register_hook(lambda g: g * 2)
    (y * 3).sum().backward(retain_graph=True)
    return y.grad, x.grad, y.retains_grad, x.retains_grad


@program
def a_pass_inside_a_hook(t: Any) -> Any:
    x = leaf(t)

    def hook(g: Any) -> Any:
        with t.enable_grad():
            inner = leaf(t)
            (inner * 3).sum().backward()
            return g * inner.grad

    y = x * 2
    y.register_hook(hook)
    y.sum().backward()
    return x.grad


@program
def next_functions_lead_to_leaves(t: Any) -> Any:
    x = leaf(t)
    node, index = (x * 1).sum().grad_fn.next_functions[0]
    end, _ = node.next_functions[0]
    return node.name(), index, end.name(), end.variable is x, end.next_functions


@program
def next_functions_show_operands_without_history(t: Any) -> Any:
    x, y, row = leaf(t, 1.0, 2.0).exp(), t.ones(2), t.ones(1, 2)
    results = [x + 1, 2 * x, x / 2, 1 - x, x + y, y * x, x * x, x**2, row @ x, t.nn.functional.mse_loss(x, y)]
    results += [t.where(y > 0, y, x), t.cat([y, x]), x.clone().mul_(y), x.sum()]
    return [[f and f.name() for f, _ in r.grad_fn.next_functions] for r in results]


@program
def gradients_by_name(t: Any) -> Any:
    x, y = leaf(t), leaf(t)
    return sorted(t.autograd.grad((x * y * y).sum(), {"x": x, "y": y}).items())


def test_a_number_without_its_history_warns() -> None:
    x = kagari.tensor(1.5, requires_grad=True)
    for kind in (float, complex):
        with pytest.warns(UserWarning, match="Converting a tensor with requires_grad=True to a scalar"):
            assert kind(x) == 1.5
    with kagari.no_grad():
        assert float(x) == 1.5
    assert float(x.detach()) == x.item() == 1.5 and f"{x:.1f}" == "1.5" and int(x) == 1


def test_only_inputs_is_accepted_and_False_warns() -> None:
    x = kagari.ones(2, requires_grad=True)
    (found,) = kagari.autograd.grad((x * 3).sum(), x, None, None, False, True)
    assert found.tolist() == [3, 3]
    with pytest.warns(FutureWarning, match="only_inputs argument is deprecated"):
        kagari.autograd.grad((x * 3).sum(), x, only_inputs=False)


# Modes


@program
def modes_nest(t: Any) -> Any:
    seen = [t.is_grad_enabled()]
    with t.no_grad():
        seen.append(t.is_grad_enabled())
        with t.enable_grad():
            seen.append(t.is_grad_enabled())
        with t.set_grad_enabled(True):
            seen.append(t.is_grad_enabled())
        seen.append(t.is_grad_enabled())
    with t.inference_mode():
        seen += [t.is_grad_enabled(), t.is_inference_mode_enabled()]
    t.set_grad_enabled(False)
    seen.append(t.is_grad_enabled())
    t.set_grad_enabled(True)
    return [*seen, t.is_grad_enabled()]


@program
def modes_decorate(t: Any) -> Any:
    @t.no_grad()
    def f() -> bool:
        return t.is_grad_enabled()

    @t.no_grad
    def g() -> bool:
        return t.is_grad_enabled()

    @t.set_grad_enabled(False)
    def h() -> bool:
        return t.is_grad_enabled()

    @t.inference_mode
    def i() -> bool:
        return t.is_grad_enabled()

    return f(), g(), h(), i(), t.is_grad_enabled(), f.__name__


@program
def modes_decorate_generators(t: Any) -> Any:
    @t.no_grad()
    def numbers() -> Any:
        try:
            got = yield t.is_grad_enabled()
            yield t.is_grad_enabled(), got
        except ValueError:
            yield "caught", t.is_grad_enabled()
        return 5

    running = numbers()
    seen = [next(running), t.is_grad_enabled(), running.send(3), running.throw(ValueError), t.is_grad_enabled()]
    try:
        next(running)
    except StopIteration as end:
        seen.append(end.value)
    return seen


@program
def an_error_leaves_the_mode(t: Any) -> Any:
    try:
        with t.no_grad():
            raise KeyError("a")
    except KeyError:
        return t.is_grad_enabled()


@program
def nothing_is_recorded_without_gradients(t: Any) -> Any:
    x = leaf(t)
    with t.no_grad():
        y = x * 2
    return y, y.grad_fn


# Errors


@program
def error_nothing_recorded(t: Any) -> Any:
    t.ones(2).sum().backward()


@program
def error_not_a_scalar(t: Any) -> Any:
    (leaf(t) * 1).backward()


@program
def error_shape_of_the_seed(t: Any) -> Any:
    (leaf(t) * 1).backward(t.ones(2))


@program
def error_number_of_seeds(t: Any) -> Any:
    t.autograd.backward([leaf(t) * 1, leaf(t) * 2], [t.ones(3)])


@program
def error_freed(t: Any) -> Any:
    y = (leaf(t) ** 2).sum()
    y.backward()
    y.backward()


@program
def error_unused(t: Any) -> Any:
    t.autograd.grad(leaf(t).sum(), [leaf(t)])


@program
def error_input_without_gradient(t: Any) -> Any:
    t.autograd.grad(leaf(t).sum(), t.ones(2))


@program
def error_no_inputs(t: Any) -> Any:
    leaf(t).sum().backward(inputs=[])


@program
def error_no_inputs_for_grad(t: Any) -> Any:
    t.autograd.grad(leaf(t).sum(), [])


@program
def error_materialize_and_disallow(t: Any) -> Any:
    x = leaf(t)
    t.autograd.grad(x.sum(), [x], materialize_grads=True, allow_unused=False)


@program
def error_hook_changes_the_shape(t: Any) -> Any:
    y = leaf(t) * 1

    def cut(g: Any) -> Any:
        return g[:2]

    y.register_hook(cut)
    y.sum().backward()


@program
def error_hook_returns_no_tensor(t: Any) -> Any:
    y = leaf(t) * 1
    y.register_hook(lambda g: 3)
    y.sum().backward()


@program
def error_hook_without_gradient(t: Any) -> Any:
    t.ones(2).register_hook(print)


@program
def error_retain_without_gradient(t: Any) -> Any:
    t.ones(2).retain_grad()


@program
def error_post_hook_on_a_result(t: Any) -> Any:
    (leaf(t) * 1).register_post_accumulate_grad_hook(print)


@program
def error_a_result_stops_wanting(t: Any) -> Any:
    (leaf(t) * 1).requires_grad_(False)


@program
def error_grad_of_another_type(t: Any) -> Any:
    leaf(t).grad = 3


@program
def error_grad_of_another_shape(t: Any) -> Any:
    leaf(t).grad = t.ones(2)


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda p: p.__name__)
def test_like_the_oracle(run: Program, oracle: ModuleType) -> None:
    assert outcome(run, kagari) == outcome(run, oracle)


# What needs no oracle


@pytest.mark.parametrize(
    "step", [lambda y: y * 1.0, lambda y: y + 1.0, lambda y: y.view(2)], ids=["saves", "saves nothing", "view"]
)
def test_deep_graphs(step: Any) -> None:
    x = leaf(kagari, 1.0, 2.0)
    y = x
    for _ in range(100_000):
        y = step(y)
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    del y
    for _ in range(100_000):
        x = step(x)
    del x


def test_nodes_without_cycles() -> None:
    gc.disable()
    try:
        x = leaf(kagari)
        y = (x * 2).exp()
        z = y.sigmoid().sum()
        (g,) = kagari.autograd.grad((x.exp() * x).sum(), x, create_graph=True)
        held = [weakref.ref(o) for o in (y, z, g, y.grad_fn, z.grad_fn, g.grad_fn)]
        z.backward()
        del y, z, g
        assert [r() for r in held] == [None] * len(held)
    finally:
        gc.enable()


def test_saved_tensors_are_let_go_by_the_pass() -> None:
    x, w = leaf(kagari), kagari.ones(3)
    y = (x * w).sum()
    held = weakref.ref(w)
    del w
    assert held() is not None
    y.backward()
    assert held() is None


def test_a_failing_pass_lets_go_of_its_gradients() -> None:
    x = leaf(kagari)
    y = x * 2
    seen = []

    def fail(g: Any) -> Any:
        seen.append(weakref.ref(g))
        raise ValueError("no")

    y.register_hook(fail)
    with pytest.raises(ValueError, match="no"):
        (y * y + y).sum().backward()
    assert kagari.is_grad_enabled()
    assert seen[0]() is None
    assert x.grad is None


def test_wide_graphs() -> None:
    leaves = [leaf(kagari, float(i)) for i in range(500)]
    total = kagari.zeros(1)
    for i, x in enumerate(leaves):
        total = total + x * float(i)
    total.backward()
    assert [x.grad.item() for x in leaves] == [float(i) for i in range(500)]


def test_many_pending_at_once() -> None:
    x = leaf(kagari, 1.0)
    parts = [x * float(i) for i in range(300)]
    kagari.autograd.backward(parts, [kagari.ones(1)] * 300)
    assert x.grad.item() == sum(range(300))


def test_passes_in_several_threads() -> None:
    shared = leaf(kagari, *([1.0] * 300_000))
    base = shared * 2
    results: list[Any] = []

    def work() -> None:
        own = leaf(kagari)
        for _ in range(50):
            (own * own).sum().backward()
        for _ in range(5):
            (base * 1).sum().backward(retain_graph=True)
        with kagari.no_grad():
            results.append((own.grad.tolist(), kagari.is_grad_enabled()))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [([100.0, 200.0, 300.0], False)] * 4
    assert kagari.is_grad_enabled()
    assert (shared.grad == 40.0).all()


def test_modes_belong_to_their_thread() -> None:
    seen = []
    with kagari.no_grad():
        thread = threading.Thread(
            target=lambda: seen.append((kagari.is_grad_enabled(), (leaf(kagari) * 2).requires_grad))
        )
        thread.start()
        thread.join()
        assert (leaf(kagari) * 2).requires_grad is False
    assert seen == [(True, True)]


def test_anomaly_mode_names_the_forward_line() -> None:
    x = leaf(kagari)
    with (
        kagari.autograd.detect_anomaly(),
        pytest.raises(RuntimeError, match="DivBackward0' returned nan values in its 1th output") as caught,
    ):
        zero = x * 0
        y = zero / zero  # the line
        y.sum().backward()
    assert "y = zero / zero  # the line" in "".join(caught.value.__notes__)
    with kagari.autograd.detect_anomaly(check_nan=False):
        zero = x * 0
        (zero / zero).sum().backward()
    kagari.autograd.set_detect_anomaly(True)
    assert kagari.autograd.is_anomaly_enabled()
    kagari.autograd.set_detect_anomaly(False)
    assert not kagari.autograd.is_anomaly_enabled()


def test_hooks_of_leaves_as_nodes() -> None:
    x, seen = leaf(kagari), []
    end = (x * 1).grad_fn.next_functions[0][0]
    end.register_prehook(lambda grads: (grads[0] * 2,))
    handle = end.register_hook(lambda inputs, outputs: seen.append((inputs, outputs[0].tolist())))
    (x * 1).sum().backward()
    handle.remove()
    (x * 1).sum().backward()
    assert x.grad.tolist() == [4.0, 4.0, 4.0]
    assert seen == [((), [2.0, 2.0, 2.0])]


def test_gradient_edges() -> None:
    x = kagari.ones(2, 3, requires_grad=True)
    _, mean = kagari.var_mean(x, 1)
    node, index = graph.get_gradient_edge(mean)
    assert (node is mean.grad_fn, index) == (True, 1)
    assert isinstance(node, graph.Node)
    with pytest.raises(RuntimeError, match="does not require gradients"):
        graph.get_gradient_edge(kagari.ones(1))


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_names_of_second_derivatives(name: str, oracle: ModuleType) -> None:
    said = []
    for lib in (kagari, oracle):
        x = lib.ones(2, requires_grad=True)
        (slope,) = lib.autograd.grad(getattr(x, name)().sum(), x, create_graph=True)
        said.append(repr(slope))
    assert said[0] == said[1]
