"""Traced programs next to the oracle: graphs, generated code, results, and what users change in graphs."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from math import sqrt
from types import ModuleType
from typing import Any

import pytest

import kagari
import kagari.fx

PROGRAMS = (
    "lambda x: (x + 1) * x - 2 / x", "lambda x: -x ** 2 < 3", "lambda x: lib.relu(x) + x.relu().abs()",
    "lambda x: F.relu(x)", "lambda x: F.softmax(x, dim=1)", "lambda x: F.gelu(x) + F.sigmoid(x) + F.tanh(x)",
    "lambda x: lib.cat([x, x], dim=1)", "lambda x: lib.stack((x, x)).sum(0)", "lambda x: x[0]", "lambda x: x[:, 1:]",
    "lambda x: x[..., None]", "lambda x: x.shape[0] + x.size(1)", "lambda x: x.view(-1, x.shape[0])",
    "lambda x: x.T @ x", "lambda x: x.chunk(2)[0]", "lambda x: lib.topk(x, 2)[0]", "lambda x, y=2: x * y",
    "lambda x: lib.flatten(x, 1)", "lambda x: F.dropout(x, 0.5, training=False)", "lambda x: {'a': x, 'b': [x, (x,)]}",
    "lambda x: x.to(lib.float64)", "lambda x: lib.linalg.norm(x)", "lambda x: lib.einsum('ij,kj->ik', x, x)",
    "lambda x: lib.where(x > 0, x, -float('inf'))", "lambda x: lib.split(x, 1)[0]", "lambda x: x.sum(dim=1).max()",
    "lambda x: F.pad(x, (1, 1))", "lambda x: F.layer_norm(x, (4,))", "lambda x: lib.norm(x)",
    "lambda x: F.max_pool2d(x[None], 2)", "lambda x: lib.ones(3, 4) * x", "lambda x: x + lib.tensor([1.0, 2, 3, 4])",
    "lambda x: F.linear(x, x)", "lambda x: (x.relu(), x)[1]", "lambda x: None",
    "lambda x, *args, k=2, **kwargs: x * k",
)  # fmt: skip


def names(lib: ModuleType) -> dict[str, Any]:
    return {"lib": lib, "F": lib.nn.functional}


def flat(value: Any) -> Any:
    if isinstance(value, dict):
        return [flat(part) for part in value.values()]
    if isinstance(value, list | tuple):
        return [flat(part) for part in value]
    return value.double().reshape(-1).tolist() if hasattr(value, "tolist") else value


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(same(a, b) for a, b in zip(ours, theirs))
    return bool(ours == pytest.approx(theirs, rel=1e-5, abs=1e-6, nan_ok=True)) if ours is not None else theirs is None


@pytest.mark.parametrize("text", PROGRAMS)
def test_functions(oracle: ModuleType, text: str) -> None:
    found = []
    for lib in (kagari, oracle):
        traced = lib.fx.symbolic_trace(eval(text, names(lib)))
        x = lib.arange(12.0).reshape(3, 4) / 4 - 1
        found.append((str(traced.graph), traced.code, traced(x)))
    assert found[0][:2] == found[1][:2]
    assert same(flat(found[0][2]), flat(found[1][2]))


def doubled(x: Any) -> Any:
    return x * 2


@pytest.mark.parametrize(
    ("options", "program"),
    [
        ({}, lambda x: doubled(x) * sqrt(x.shape[0]) + math.floor(x.shape[1] / 2)),
        ({"autowrap_functions": (doubled,)}, lambda x: doubled(x) + 1),
        ({"autowrap_modules": (math, copy)}, lambda x: copy.copy(x) + doubled(x)),
    ],
)
def test_functions_that_are_not_looked_into(
    oracle: ModuleType, options: dict[str, Any], program: Callable[[Any], Any]
) -> None:
    ours, theirs = (lib.fx.Tracer(**options).trace(program) for lib in (kagari, oracle))
    assert str(ours) == str(theirs)


def test_an_unknown_option() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'autowrap'"):
        kagari.fx.Tracer(autowrap=())  # type: ignore[call-arg]


def test_a_method_of_a_tensor_that_is_not_traced() -> None:
    traced = kagari.fx.symbolic_trace(lambda x: kagari.ones(2).where(x > 0, x))
    assert traced(kagari.tensor([-3.0, 4.0])).tolist() == [-3.0, 1.0]


def net(lib: ModuleType) -> Any:
    nn, F = lib.nn, lib.nn.functional

    class Net(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)
            self.norm = nn.BatchNorm2d(2)
            self.layers = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 4)))
            self.scale = nn.Parameter(lib.ones(4))
            self.register_buffer("shift", lib.zeros(4))

        def forward(self, x: Any) -> Any:
            x = F.relu(self.norm(self.conv(x)))
            return self.layers(lib.flatten(x, 1)) * self.scale + self.shift

    return Net().eval()


def test_a_module(oracle: ModuleType) -> None:
    ours, theirs = (lib.fx.symbolic_trace(net(lib)) for lib in (kagari, oracle))
    assert str(ours.graph) == str(theirs.graph)
    assert ours.code == theirs.code
    assert str(ours).replace("kagari", "torch") == str(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_what_a_graph_module_computes_also_as_copy_and_pickle() -> None:
    model = net(kagari)
    x = kagari.randn(2, 1, 4, 4)
    traced = kagari.fx.symbolic_trace(model)
    for made in (traced, copy.copy(traced), copy.deepcopy(traced), pickle.loads(pickle.dumps(traced))):
        assert kagari.equal(made(x), model(x))
        assert made.code == traced.code
    assert type(traced).__name__ == "Net"


@pytest.mark.parametrize(
    "text",
    ("lambda x: x if x else 1", "lambda x: len(x)", "lambda x: [a for a in x]", "lambda x: int(x)", "lambda x: [1][x]"),
)  # fmt: skip
def test_what_cannot_be_traced(oracle: ModuleType, text: str) -> None:
    errors = []
    for lib in (kagari, oracle):
        with pytest.raises(Exception) as caught:
            lib.fx.symbolic_trace(eval(text, names(lib)))
        errors.append((type(caught.value).__name__, str(caught.value)))
    assert errors[0] == errors[1]


def test_everything_is_as_before_after_a_trace() -> None:
    relu, call = kagari.relu, kagari.nn.Module.__call__
    with pytest.raises(kagari.fx.proxy.TraceError):
        kagari.fx.symbolic_trace(lambda x: x if x else 1)
    assert kagari.relu is relu
    assert kagari.nn.Module.__call__ is call


def replaced(lib: ModuleType) -> str:
    traced = lib.fx.symbolic_trace(lambda x: lib.add(x, x))
    for node in traced.graph.nodes:
        if node.target is lib.add:
            with traced.graph.inserting_after(node):
                new = traced.graph.call_function(lib.mul, node.args, node.kwargs)
                node.replace_all_uses_with(new)
            traced.graph.erase_node(node)
    traced.graph.lint()
    traced.recompile()
    return f"{traced.graph}{traced.code}"


def by_hand(lib: ModuleType) -> str:
    graph = lib.fx.Graph()
    x = graph.placeholder("x")
    first = graph.call_function(lib.relu, (x,))
    with graph.inserting_before(first):
        graph.call_method("neg", (x,))
    graph.output((first, graph.node_copy(first)))
    changed = graph.eliminate_dead_code()
    return f"{changed} {graph}{lib.fx.GraphModule({}, graph).code} {x.users} {first.all_input_nodes}"


def transformed(lib: ModuleType) -> str:
    class Swap(lib.fx.Transformer):  # type: ignore[name-defined, misc]
        def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
            return super().call_function(lib.sigmoid if target is lib.relu else target, args, kwargs)

    return str(Swap(lib.fx.symbolic_trace(lambda x: lib.relu(x) + 1)).transform().code)


def by_proxies(lib: ModuleType) -> str:
    graph = lib.fx.Graph()
    x = lib.fx.Proxy(graph.placeholder("x"))
    graph.output((lib.nn.functional.relu(x) if lib is not kagari else x.relu(), (x + 1).node)[1])
    return str(graph).splitlines()[-1]


def erased(lib: ModuleType) -> str:
    graph = lib.fx.symbolic_trace(lambda x: x + 1).graph
    with pytest.raises(RuntimeError) as caught:
        graph.erase_node(list(graph.nodes)[1])
    return str(caught.value)


def rewritten(lib: ModuleType) -> str:
    def program(x: Any, w1: Any, w2: Any) -> Any:
        m1 = lib.cat([w1, w2]).sum()
        m2 = lib.cat([w1, w2]).sum()
        return x + lib.max(m1) + lib.max(m2)

    def repeated(x: Any) -> Any:
        return lib.neg(lib.relu(lib.neg(lib.relu(x)))) + lib.neg(x)

    first, second = lib.fx.symbolic_trace(program), lib.fx.symbolic_trace(repeated)
    matches = lib.fx.replace_pattern(
        first, lambda w1, w2: lib.cat([w1, w2]).sum(), lambda w1, w2: lib.stack([w1, w2]).mean()
    )
    more = lib.fx.replace_pattern(second, lambda a: lib.neg(lib.relu(a)), lambda a: lib.sigmoid(a))
    for made in (first, second):
        made.graph.lint()
    return f"{len(matches)} {len(more)} {first.code}{second.code}"


@pytest.mark.parametrize("change", (replaced, by_hand, transformed, by_proxies, erased, rewritten))
def test_changes(oracle: ModuleType, change: Callable[[ModuleType], str]) -> None:
    assert change(kagari) == change(oracle)


def test_concrete_arguments(oracle: ModuleType) -> None:
    def program(x: Any, flag: Any) -> Any:
        return x + 1 if flag else x

    ours, theirs = (lib.fx.symbolic_trace(program, concrete_args={"flag": True}) for lib in (kagari, oracle))
    assert ours.code == theirs.code
    assert ours(1, True) == 2
    with pytest.raises(AssertionError, match="flag has been specialized to have value True"):
        ours(1, False)


def test_interpreter_shapes_and_fusion() -> None:
    model = net(kagari)
    kagari.nn.init.uniform_(model.norm.running_mean)
    x = kagari.randn(2, 1, 4, 4)
    fused = kagari.fx.experimental.optimization.fuse(model)
    assert "norm" not in dict(fused.named_modules())
    kagari.testing.assert_close(fused(x), model(x), atol=1e-5, rtol=1e-5)
    kagari.testing.assert_close(kagari.fx.Interpreter(fused).run(x), fused(x))
    kagari.fx.passes.shape_prop.ShapeProp(fused).propagate(x)
    assert [tuple(node.meta["tensor_meta"].shape) for node in fused.graph.nodes][:2] == [(2, 1, 4, 4), (2, 2, 2, 2)]
