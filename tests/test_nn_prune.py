"""Pruning against the oracle, from the same seed."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import pytest

import kagari


def linear(t: Any) -> Any:
    return t.nn.Linear(3, 4)


def state(*modules: Any) -> list[Any]:
    """The states, what the weights are now, and the hooks."""
    return [
        (
            [(name, [round(x, 4) for x in value.reshape(-1).tolist()]) for name, value in module.state_dict().items()],
            type(module.weight).__name__,
            [(type(hook).__name__, getattr(hook, "__len__", int)()) for hook in module._forward_pre_hooks.values()],
        )
        for module in modules
    ]


def pruned(t: Any, *steps: Any) -> list[Any]:
    """A layer after some steps of pruning, each the name of a function and its arguments."""
    module = linear(t)
    prune = t.nn.utils.prune
    for name, *args in steps:
        assert getattr(prune, name)(module, *args) is module
    module(t.ones(1, 3)).sum().backward()
    grads = [parameter.grad.tolist() for parameter in module.parameters() if parameter.grad is not None]
    return [state(module), grads, prune.is_pruned(t.nn.Sequential(module))]


def together(t: Any, method: str, scores: bool = False, **kwargs: Any) -> list[Any]:
    first, second = linear(t), t.nn.Linear(4, 2)
    prune = t.nn.utils.prune
    prune.l1_unstructured(second, "weight", 2)
    importance = {(first, "weight"): t.arange(12.0).view(4, 3)} if scores else None
    pairs = [(first, "weight"), (second, "weight")]
    prune.global_unstructured(pairs, getattr(prune, method), importance, **kwargs)
    return state(first, second)


def container(t: Any, *names: str) -> list[Any]:
    methods = []
    for name in names:
        method = t.nn.utils.prune.L1Unstructured(1)
        method._tensor_name = name
        methods.append(method)
    made = t.nn.utils.prune.PruningContainer(*methods[:1])
    for method in methods[1:]:
        made.add_pruning_method(method)
    return [len(made), made[0] is methods[0], [method in methods for method in made], made._tensor_name]


AMOUNTS = (0, 0.0, 1, 0.3, 0.5, 4, 5, 12, 13, 1.0, 1.5, -1, "a")
SCENARIOS = {
    **{
        f"{name} {amount}": lambda t, name=name, amount=amount: pruned(t, (name, "weight", amount))
        for name in ("l1_unstructured", "random_unstructured")
        for amount in AMOUNTS
    },
    **{
        f"random structured {amount} {dim}": lambda t, amount=amount, dim=dim: pruned(
            t, ("random_structured", "weight", amount, dim)
        )
        for amount in (0, 1, 0.5, 2, 5)
        for dim in (0, 1, -1, 3)
    },
    **{
        f"ln structured {amount} {n} {dim}": lambda t, amount=amount, n=n, dim=dim: pruned(
            t, ("ln_structured", "weight", amount, n, dim)
        )
        for amount in (0, 1, 0.5, 5)
        for n in (1, 2, float("inf"))
        for dim in (0, -1, 5)
    },
    "identity": lambda t: pruned(t, ("identity", "weight")),
    "bias": lambda t: pruned(t, ("l1_unstructured", "bias", 2)),
    "custom": lambda t: pruned(t, ("custom_from_mask", "weight", t.tensor([[1, 0, 1]] * 4))),
    "custom of another shape": lambda t: pruned(t, ("custom_from_mask", "weight", t.ones(2))),
    "structured vector": lambda t: pruned(t, ("ln_structured", "bias", 1, 2, 0)),
    "unknown name": lambda t: pruned(t, ("l1_unstructured", "other", 1)),
    "twice": lambda t: pruned(t, ("l1_unstructured", "weight", 0.3), ("l1_unstructured", "weight", 0.3)),
    "three ways": lambda t: pruned(
        t,
        ("random_structured", "weight", 1, 0),
        ("l1_unstructured", "weight", 0.3),
        ("ln_structured", "weight", 1, 2, 1),
    ),
    "and by a mask": lambda t: pruned(
        t, ("l1_unstructured", "weight", 3), ("custom_from_mask", "weight", t.tensor([[1, 0, 1]] * 4))
    ),
    "two parameters": lambda t: pruned(t, ("l1_unstructured", "weight", 0.3), ("random_unstructured", "bias", 2)),
    "removed": lambda t: pruned(t, ("l1_unstructured", "weight", 0.3), ("remove", "weight")),
    "removed from nothing": lambda t: pruned(t, ("l1_unstructured", "weight", 0.3), ("remove", "bias")),
    "by scores": lambda t: pruned(t, ("l1_unstructured", "weight", 1, t.arange(12.0).view(4, 3))),
    "by scores of slices": lambda t: pruned(t, ("ln_structured", "weight", 1, 2, 0, t.arange(12.0).view(4, 3))),
    "by scores of another shape": lambda t: pruned(t, ("l1_unstructured", "weight", 1, t.ones(2))),
    "not pruned": lambda t: pruned(t),
    "together": lambda t: together(t, "L1Unstructured", amount=0.3),
    "together at random": lambda t: together(t, "RandomUnstructured", amount=5),
    "together by scores": lambda t: together(t, "L1Unstructured", scores=True, amount=0.3),
    "together nothing": lambda t: t.nn.utils.prune.global_unstructured([], t.nn.utils.prune.L1Unstructured, amount=1),
    "together a number": lambda t: t.nn.utils.prune.global_unstructured(3, t.nn.utils.prune.L1Unstructured, amount=1),
    "together by a list": lambda t: t.nn.utils.prune.global_unstructured(
        [(linear(t), "weight")], t.nn.utils.prune.L1Unstructured, [3], amount=1
    ),
    "a tensor": lambda t: t.nn.utils.prune.L1Unstructured(0.5).prune(t.arange(4.0)),
    "a tensor with a mask": lambda t: t.nn.utils.prune.L1Unstructured(2).prune(t.arange(4.0), t.tensor([1.0, 1, 0, 1])),
    "a tensor by scores": lambda t: t.nn.utils.prune.L1Unstructured(2).prune(
        t.arange(4.0), importance_scores=t.tensor([3.0, 0.5, 1, 2])
    ),
    "slices of a tensor": lambda t: t.nn.utils.prune.LnStructured(0.5, 2).prune(t.arange(4.0).view(2, 2)),
    "base": lambda t: t.nn.utils.prune.BasePruningMethod(),
    "container": lambda t: container(t, "w", "w"),
    "container of nothing": lambda t: [
        len(t.nn.utils.prune.PruningContainer()),
        [*t.nn.utils.prune.PruningContainer()],
    ],
}


def outcome(scenario: Any, lib: ModuleType) -> tuple[str, ...]:
    importlib.import_module(f"{lib.__name__}.nn.utils.prune")
    lib.manual_seed(0)
    try:
        return "gives", repr(scenario(lib))
    except Exception as error:
        return "raises", type(error).__name__, str(error).replace("torch.", "kagari.")


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_as_the_oracle(name: str, oracle: ModuleType) -> None:
    assert outcome(SCENARIOS[name], kagari) == outcome(SCENARIOS[name], oracle)


def test_methods_for_slices_are_refused_for_parameters_together() -> None:
    prune = kagari.nn.utils.prune
    with pytest.raises(TypeError, match='Only "unstructured" PRUNING_TYPE supported'):
        prune.global_unstructured([(linear(kagari), "weight")], prune.LnStructured, amount=1, n=2)
    with pytest.raises(ValueError, match="acting on the parameter named 'w'"):
        container(kagari, "w", "v")


def test_names_are_the_oracles(oracle: ModuleType) -> None:
    theirs = importlib.import_module("torch.nn.utils.prune")
    public = {name for name, value in vars(theirs).items() if getattr(value, "__module__", "") == theirs.__name__}
    assert {name for name in public if not name.startswith("_")} == set(kagari.nn.utils.prune.__all__)
