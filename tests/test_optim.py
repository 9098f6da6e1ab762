"""Optimizers against the oracle: trajectories, groups, saved state, errors; and against their own unfused equations."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari import optim

# name, options
CASES = (
    ("SGD", {}),
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.3}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.3}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.3, "decoupled_weight_decay": True}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "maximize": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True}),
)
IDS = [f"{name} {options}" for name, options in CASES]
NAMES = ("SGD", "Adam", "AdamW")
SHAPES = ((3, 4), (4,), (), (2, 0), (1, 17))


def parameters(lib: ModuleType, dtype: str = "float32") -> list[Any]:
    lib.manual_seed(5)
    return [lib.nn.Parameter(lib.rand(shape, dtype=getattr(lib, dtype)) - 0.5) for shape in SHAPES]


def give_gradients(lib: ModuleType, params: list[Any], step: int) -> None:
    """Gradients from a seed; the second parameter gets none in the first step, the fourth none in the second."""
    lib.manual_seed(100 + step)
    for number, param in enumerate(params):
        grad = lib.rand(param.shape, dtype=param.dtype) - 0.5
        param.grad = None if (step, number) in ((0, 1), (1, 3)) else grad


def values(tensors: Any) -> list[float]:
    return [value for tensor in tensors for value in tensor.detach().reshape(-1).tolist()]


def close(ours: Any, theirs: Any, tolerance: float = 2e-6) -> None:
    assert values(ours) == pytest.approx(values(theirs), rel=tolerance, abs=tolerance)


def train(lib: ModuleType, name: str, options: dict[str, Any], steps: int = 4, dtype: str = "float32") -> Any:
    params = parameters(lib, dtype)
    optimizer = getattr(lib.optim, name)(params, **options)
    for step in range(steps):
        give_gradients(lib, params, step)
        optimizer.step()
    return params, optimizer


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_same_steps_as_the_oracle(name: str, options: dict[str, Any], dtype: str, oracle: ModuleType) -> None:
    close(train(kagari, name, options, dtype=dtype)[0], train(oracle, name, options, dtype=dtype)[0])


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_same_repr_and_saved_state_as_the_oracle(name: str, options: dict[str, Any], oracle: ModuleType) -> None:
    ours, theirs = train(kagari, name, options)[1], train(oracle, name, options)[1]
    assert repr(ours) == repr(theirs)
    assert ours.defaults == theirs.defaults
    ours, theirs = ours.state_dict(), theirs.state_dict()
    assert ours["param_groups"] == theirs["param_groups"]
    assert list(ours["state"]) == list(theirs["state"])
    for mine, other in zip(ours["state"].values(), theirs["state"].values(), strict=True):
        assert list(mine) == list(other)
        for key in mine:
            assert (str(mine[key].dtype).rpartition(".")[2], mine[key].shape) == (
                str(other[key].dtype).rpartition(".")[2],
                other[key].shape,
            )
            close([mine[key]], [other[key]])


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_fused_step_follows_the_equations(name: str, options: dict[str, Any]) -> None:
    fused, _ = train(kagari, name, options)
    leaves = parameters(kagari)
    params = [leaf.clone() for leaf in leaves]
    optimizer = getattr(optim, name)(params, differentiable=True, **options)
    for step in range(4):
        give_gradients(kagari, params, step)
        optimizer.step()
    close(fused, params, 1e-5)
    (params[0] * params[0]).sum().backward()
    assert leaves[0].grad is not None


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_saved_state_continues_the_same_way(name: str, options: dict[str, Any]) -> None:
    expected, _ = train(kagari, name, options, steps=6)
    params, optimizer = train(kagari, name, options, steps=3)
    saved = pickle.loads(pickle.dumps(optimizer.state_dict()))
    resumed = [kagari.nn.Parameter(param.detach().clone()) for param in params]
    other = getattr(optim, name)(resumed)
    other.load_state_dict(saved)
    for step in range(3, 6):
        give_gradients(kagari, resumed, step)
        other.step()
    assert values(resumed) == values(expected)
    assert other.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize("name", NAMES)
def test_signature(name: str, oracle: ModuleType) -> None:
    def listed(lib: ModuleType) -> list[tuple[str, Any, Any]]:
        signature = inspect.signature(getattr(lib.optim, name).__init__)
        return [(p.name, p.default, p.kind) for p in signature.parameters.values()]

    assert listed(kagari) == listed(oracle)


def weight(lib: ModuleType) -> Any:
    return lib.nn.Parameter(lib.ones(2))


BAD = {
    "tensor": lambda t, make: make(weight(t)),
    "number": lambda t, make: make(3),
    "nothing": lambda t, make: make([]),
    "numbers": lambda t, make: make([3]),
    "letters": lambda t, make: make("ab"),
    "result": lambda t, make: make([weight(t) * 2]),
    "same twice": lambda t, make: make([w := weight(t), w]),
    "set in a group": lambda t, make: make([{"params": {weight(t)}}]),
    "group without params": lambda t, make: make([{"lr": 3}]),
    "same in two groups": lambda t, make: make([{"params": [w := weight(t)]}, {"params": [w]}]),
    "group and tensor": lambda t, make: make([{"params": [weight(t)]}, weight(t)]),
    "names for some": lambda t, make: make([("a", weight(t)), weight(t)]),
    "group without names": lambda t, make: make([("a", weight(t))]).add_param_group({"params": [weight(t)]}),
    "group with names": lambda t, make: make([weight(t)]).add_param_group({"params": [("a", weight(t))]}),
    "group that is a list": lambda t, make: make([weight(t)]).add_param_group([weight(t)]),
    "negative lr": lambda t, make: make([weight(t)], lr=-1),
    "lr of two": lambda t, make: make([weight(t)], lr=t.tensor([0.1, 0.2])),
    "negative decay": lambda t, make: make([weight(t)], weight_decay=-1),
    "unknown option": lambda t, make: make([weight(t)], speed=1),
    "fused and foreach": lambda t, make: make([weight(t)], fused=True, foreach=True),
    "fused and differentiable": lambda t, make: make([weight(t)], fused=True, differentiable=True),
    "load fewer groups": lambda t, make: make([weight(t)]).load_state_dict({"state": {}, "param_groups": []}),
    "load fewer params": lambda t, make: make([weight(t)]).load_state_dict(
        {"state": {}, "param_groups": [{"params": []}]}
    ),
    "load nothing": lambda t, make: make([weight(t)]).load_state_dict({}),
    "closure is a number": lambda t, make: make([weight(t)]).step(3),
}
BAD_OF_ONE = {
    "negative momentum": ("SGD", {"momentum": -1}),
    "nesterov alone": ("SGD", {"nesterov": True}),
    "nesterov dampened": ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
    "beta of one": ("Adam", {"betas": (1.0, 0.9)}),
    "negative beta": ("Adam", {"betas": (0.9, -1)}),
    "negative eps": ("AdamW", {"eps": -1}),
}


def complaint(lib: ModuleType, action: Any) -> tuple[Any, ...]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            action()
            said: tuple[Any, ...] = ()
        except Exception as error:
            said = (
                type(error),
                str(error).replace("torch.nn.parameter.", "kagari.nn.parameter.").replace("torch.", "kagari."),
            )
    return said, [warning.category for warning in caught]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", BAD)
def test_same_complaint_as_the_oracle(case: str, name: str, oracle: ModuleType) -> None:
    ours, theirs = (
        complaint(lib, lambda lib=lib: BAD[case](lib, getattr(lib.optim, name))) for lib in (kagari, oracle)
    )
    assert ours == theirs


@pytest.mark.parametrize("case", BAD_OF_ONE)
def test_same_complaint_of_one(case: str, oracle: ModuleType) -> None:
    name, options = BAD_OF_ONE[case]
    ours, theirs = (
        complaint(lib, lambda lib=lib: getattr(lib.optim, name)([weight(lib)], **options)) for lib in (kagari, oracle)
    )
    assert ours == theirs and ours[0]


@pytest.mark.parametrize("name", NAMES)
def test_groups_and_names_print_as_the_oracle_s(name: str, oracle: ModuleType) -> None:
    printed = []
    for lib in (kagari, oracle):
        optimizer = getattr(lib.optim, name)([{"params": [("a", weight(lib))], "lr": 0.5, "note": 3}])
        optimizer.add_param_group({"params": [("b", weight(lib)), ("c", weight(lib))]})
        printed.append((repr(optimizer), optimizer.state_dict()))
    assert printed[0] == printed[1]


def test_groups_have_options_of_their_own() -> None:
    slow, fast = weight(kagari), weight(kagari)
    optimizer = optim.SGD([{"params": slow, "lr": 0.25}, {"params": [fast]}], lr=0.5)
    slow.grad, fast.grad = kagari.ones(2), kagari.ones(2)
    optimizer.step()
    assert slow.tolist() == [0.75, 0.75] and fast.tolist() == [0.5, 0.5]
    optimizer.param_groups[0]["lr"] = 0.0
    optimizer.step()
    assert slow.tolist() == [0.75, 0.75] and fast.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", NAMES)
def test_learning_rate_may_be_a_tensor(name: str) -> None:
    results = []
    for lr in (0.125, kagari.tensor(0.125)):
        param = weight(kagari)
        param.grad = kagari.tensor([1.0, -2.0])
        getattr(optim, name)([param], lr=lr).step()
        results.append(param.tolist())
    assert results[0] == results[1]


def test_state_that_is_replaced_is_used() -> None:
    param = weight(kagari)
    optimizer = optim.Adam([param], lr=0.1)
    param.grad = kagari.ones(2)
    optimizer.step()
    optimizer.state[param]["exp_avg"] = kagari.zeros(2)
    replaced = kagari.nn.Parameter(param.detach().clone())
    optimizer.state[replaced] = optimizer.state.pop(param)
    optimizer.param_groups[0]["params"][0] = replaced
    before = replaced.tolist()
    replaced.grad = kagari.zeros(2)
    optimizer.step()
    assert replaced.tolist() == before
    optimizer.state.clear()
    replaced.grad = kagari.ones(2)
    optimizer.step()
    assert replaced.tolist() == pytest.approx([before[0] - 0.1] * 2, abs=1e-6)


def test_closure_runs_with_gradients_and_its_result_is_returned() -> None:
    param = weight(kagari)
    optimizer = optim.SGD([param], lr=0.25)

    def closure() -> kagari.Tensor:
        optimizer.zero_grad()
        loss = (param * param).sum()
        loss.backward()
        return loss

    with kagari.no_grad():
        assert optimizer.step(closure).item() == 2.0
    assert param.tolist() == [0.5, 0.5]


def test_gradients_are_dropped_or_zeroed() -> None:
    param = weight(kagari)
    optimizer = optim.SGD([param, weight(kagari)])
    param.grad = kagari.ones(2)
    optimizer.zero_grad(set_to_none=False)
    assert param.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert param.grad is None


def test_step_hooks() -> None:
    seen = []

    class Doubling(optim.SGD):
        def step(self, closure: Any = None, times: int = 1) -> None:
            for _ in range(times):
                self._update()

    for make in (optim.SGD, Doubling):
        optimizer = make([weight(kagari)])
        optimizer.register_step_pre_hook(lambda optimizer, args, kwargs: seen.append((args[1:], kwargs)))
        handle = optimizer.register_step_post_hook(lambda *args: seen.append("post"))
        optimizer.step()
        handle.remove()
        optimizer.step()
        assert seen == [((), {}), "post", ((), {})]
        seen.clear()
    optimizer.register_step_pre_hook(lambda optimizer, args, kwargs: (args, {"times": 0}))
    optimizer.param_groups[0]["params"][0].grad = kagari.ones(2)
    optimizer.step()
    assert optimizer.param_groups[0]["params"][0].tolist() == [1.0, 1.0]
    optimizer.register_step_pre_hook(lambda *args: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()


def test_state_hooks() -> None:
    optimizer = optim.SGD([weight(kagari)])
    seen = []
    optimizer.register_state_dict_pre_hook(lambda optimizer: seen.append("saving"))
    optimizer.register_state_dict_post_hook(lambda optimizer, state: {**state, "note": 1})
    optimizer.register_load_state_dict_pre_hook(lambda optimizer, state: seen.append(state["note"]))
    optimizer.register_load_state_dict_post_hook(lambda optimizer: seen.append("loaded"))
    optimizer.load_state_dict(optimizer.state_dict())
    assert seen == ["saving", 1, "loaded"]


def test_loaded_state_takes_the_dtype_of_the_parameter() -> None:
    source = train(kagari, "Adam", {}, dtype="float64")[1]
    params = parameters(kagari)
    optimizer = optim.Adam(params)
    optimizer.load_state_dict(source.state_dict())
    assert optimizer.state[params[0]]["exp_avg"].dtype == kagari.float32


@pytest.mark.parametrize("name", NAMES)
def test_copies_are_independent(name: str) -> None:
    params, optimizer = train(kagari, name, {"lr": 0.1})
    before = values(params)
    for copied in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        theirs = copied.param_groups[0]["params"]
        give_gradients(kagari, theirs, 9)
        copied.step()
        assert values(params) == before != values(theirs)


def test_adamw_is_an_adam() -> None:
    assert isinstance(optim.AdamW([weight(kagari)]), optim.Adam)


def test_optimizer_of_one_s_own() -> None:
    with pytest.raises(NotImplementedError):
        optim.Optimizer([weight(kagari)], {}).step()
    with pytest.raises(ValueError, match="didn't specify a value of required optimization parameter lr"):
        optim.Optimizer([weight(kagari)], {"lr": optim.optimizer.required})
