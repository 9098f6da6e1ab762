"""The other optimizers against the oracle: long trajectories on a small model, saved state both ways, errors."""

from __future__ import annotations

import copy
import inspect
import pickle
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari
from kagari import optim

# name, options
CASES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.01}),
    ("AdamW", {"lr": 0.01, "amsgrad": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.003, "alpha": 0.9, "eps": 1e-6, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.003, "momentum": 0.9}),
    ("RMSprop", {"lr": 0.003, "centered": True}),
    ("RMSprop", {"lr": 0.001, "momentum": 0.5, "centered": True, "maximize": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3}),
    ("Adagrad", {"lr": 0.01, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.1, "rho": 0.5, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    ("Adamax", {}),
    ("Adamax", {"lr": 0.002, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1, "momentum_decay": 0.1}),
    ("NAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("RAdam", {}),
    ("RAdam", {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 20, "weight_decay": 0.1, "maximize": True}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.1, "etas": (0.7, 1.1), "step_sizes": (0.01, 0.2), "maximize": True}),
)
FACTORED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Adafactor", {}),
    ("Adafactor", {"lr": 0.1, "beta2_decay": -0.5, "eps": (1e-3, 0.1), "d": 2.0, "weight_decay": 0.1}),
    ("Adafactor", {"lr": 0.001, "maximize": True}),
)
NAMES = ("RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "ASGD", "Rprop")
EVERY = (*NAMES, "Adafactor")


def each(cases: tuple[tuple[str, dict[str, Any]], ...]) -> Any:
    return pytest.mark.parametrize(("name", "options"), cases, ids=[f"{name} {options}" for name, options in cases])


class Task:
    """A network of one hidden layer and a fifth parameter that gets a gradient in every third step only."""

    def __init__(self, lib: ModuleType, dtype: str = "float32") -> None:
        self.lib = lib
        lib.manual_seed(5)
        kind = getattr(lib, dtype)
        shapes = ((6, 3), (6,), (2, 6), (2,), ())
        self.params = [lib.nn.Parameter(lib.rand(shape, dtype=kind) - 0.5) for shape in shapes]
        self.x, self.y = lib.rand(16, 3, dtype=kind) - 0.5, lib.rand(16, 2, dtype=kind)
        self.steps = 0

    def backward(self) -> Any:
        """New gradients of the loss."""
        w1, b1, w2, b2, last = self.params
        for param in self.params:
            param.grad = None
        hidden = self.lib.tanh(self.x @ w1.T + b1)
        loss = ((hidden @ w2.T + b2 - self.y) ** 2).mean()
        if self.steps % 3 == 1:
            loss = loss + (last * last).sum()
        loss.backward()
        self.steps += 1
        return loss

    def train(self, optimizer: Any, steps: int) -> None:
        for _ in range(steps):
            self.backward()
            optimizer.step()


def trained(lib: ModuleType, name: str, options: dict[str, Any], steps: int, dtype: str = "float32") -> Any:
    task = Task(lib, dtype)
    optimizer = getattr(lib.optim, name)(task.params, **options)
    task.train(optimizer, steps)
    return task, optimizer


_finished: dict[tuple[str, str], Any] = {}


def finished(lib: ModuleType, name: str, options: dict[str, Any]) -> Any:
    """What fifty steps lead to, which several tests look at."""
    key = (lib.__name__, f"{name} {options}")
    if key not in _finished:
        _finished[key] = trained(lib, name, options, 50)
    return _finished[key]


def array(tensor: Any) -> np.ndarray:
    return np.array(tensor.detach().tolist(), dtype=np.float64)


def close(ours: Any, theirs: Any, tolerance: float = 1e-6) -> None:
    """Equal to `tolerance`, relative to the largest element of each tensor: an update rounds at that scale."""
    for mine, other in zip(ours, theirs, strict=True):
        mine, other = array(mine), array(other)
        assert mine.shape == other.shape
        if mine.size:
            np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance * max(1.0, np.abs(other).max()))


def translated(value: Any, source: ModuleType, target: ModuleType) -> Any:
    """State of one library for the other."""
    if isinstance(value, source.Tensor):
        return target.tensor(value.tolist(), dtype=getattr(target, str(value.dtype).rpartition(".")[2]))
    if isinstance(value, dict):
        return {key: translated(item, source, target) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(translated(item, source, target) for item in value)
    return value


@each(CASES + FACTORED)
def test_fifty_steps_as_the_oracle(name: str, options: dict[str, Any], oracle: ModuleType) -> None:
    (ours, our_optimizer), (theirs, their_optimizer) = (finished(lib, name, options) for lib in (kagari, oracle))
    close(ours.params, theirs.params)
    assert repr(our_optimizer) == repr(their_optimizer)
    assert our_optimizer.defaults == their_optimizer.defaults
    mine, other = our_optimizer.state_dict(), their_optimizer.state_dict()
    assert mine["param_groups"] == other["param_groups"]
    assert list(mine["state"]) == list(other["state"])
    for part, its in zip(mine["state"].values(), other["state"].values(), strict=True):
        assert list(part) == list(its)
        assert [str(v.dtype).rpartition(".")[2] for v in part.values()] == [
            str(v.dtype).rpartition(".")[2] for v in its.values()
        ]
        close(part.values(), its.values(), 5e-6)


@each(CASES + FACTORED)
def test_float64_as_the_oracle(name: str, options: dict[str, Any], oracle: ModuleType) -> None:
    ours, theirs = (trained(lib, name, options, 10, "float64")[0] for lib in (kagari, oracle))
    close(ours.params, theirs.params, 1e-7 if name in ("ASGD", "NAdam") else 1e-12)  # float32 numbers in the state


@pytest.mark.parametrize("saving", ["ours", "theirs"])
@each(CASES + FACTORED)
def test_state_goes_on_in_the_other_library(
    name: str, options: dict[str, Any], saving: str, oracle: ModuleType
) -> None:
    source, target = (kagari, oracle) if saving == "ours" else (oracle, kagari)
    expected, _ = finished(target, name, options)
    task, optimizer = trained(source, name, options, 25)
    other = Task(target)
    other.steps = 25
    for param, value in zip(other.params, task.params, strict=True):
        param.data = target.tensor(value.tolist())
    resumed = getattr(target.optim, name)(other.params)
    resumed.load_state_dict(translated(optimizer.state_dict(), source, target))
    other.train(resumed, 25)
    close(other.params, expected.params, 2e-6)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@each(CASES)
def test_differentiable_step_is_the_fused_one(name: str, options: dict[str, Any]) -> None:
    fused, _ = trained(kagari, name, options, 4)
    task = Task(kagari)
    leaves = task.params
    params = [leaf.clone() for leaf in leaves]
    optimizer = getattr(optim, name)(params, differentiable=True, **options)
    for _ in range(4):
        task.params = [kagari.nn.Parameter(param.detach()) for param in params]
        task.backward()
        for param, copied in zip(params, task.params, strict=True):
            param.grad = copied.grad
        optimizer.step()
    close(params, fused.params, 1e-5)
    (params[0] * params[0]).sum().backward()
    assert leaves[0].grad is not None and bool((leaves[0].grad != 0).all())


@pytest.mark.parametrize("name", ["RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam"])
def test_differentiable_step_gives_the_learning_rate_a_gradient(name: str) -> None:
    """It is what a difference quotient says."""

    def stepped(lr: Any) -> Any:
        param = kagari.tensor([1.0, -2.0], dtype=kagari.float64)
        param.grad = kagari.tensor([0.5, 3.0], dtype=kagari.float64)
        getattr(optim, name)([param], lr=lr, differentiable=True).step()
        return param.sum()

    lr = kagari.tensor(0.1, requires_grad=True, dtype=kagari.float64)
    stepped(lr).backward()
    quotient = (stepped(0.1 + 1e-5).item() - stepped(0.1 - 1e-5).item()) / 2e-5
    assert lr.grad.item() == pytest.approx(quotient, rel=1e-6)


@pytest.mark.parametrize("name", (*EVERY, "LBFGS", "Muon"))
def test_signature(name: str, oracle: ModuleType) -> None:
    def listed(lib: ModuleType) -> list[tuple[str, Any, Any]]:
        signature = inspect.signature(getattr(lib.optim, name).__init__)
        return [(p.name, p.default, p.kind) for p in signature.parameters.values()]

    assert listed(kagari) == listed(oracle)


def weight(lib: ModuleType) -> Any:
    return lib.nn.Parameter(lib.ones(2))


BAD: tuple[tuple[str, dict[str, Any]], ...] = (
    *((name, {"lr": -0.5}) for name in (*EVERY, "LBFGS")),
    *((name, {"speed": 1}) for name in (*EVERY, "LBFGS")),
    *((name, {"lr": float("nan")}) for name in EVERY),
    *((name, {"weight_decay": -1}) for name in EVERY),
    *((name, {"eps": -1.0}) for name in NAMES),
    *((name, {"betas": betas}) for name in ("Adamax", "NAdam", "RAdam") for betas in ((1.0, 0.9), (0.9, -1))),
    ("RMSprop", {"momentum": -1}),
    ("RMSprop", {"alpha": -1}),
    ("Adagrad", {"lr_decay": -1}),
    ("Adagrad", {"initial_accumulator_value": -1}),
    ("Adagrad", {"fused": True, "foreach": True}),
    ("Adagrad", {"fused": True, "differentiable": True}),
    ("Adadelta", {"rho": 1.5}),
    ("NAdam", {"momentum_decay": -1}),
    ("Rprop", {"etas": (1.5, 1.2)}),
    ("Adafactor", {"beta2_decay": 0.5}),
    ("Adafactor", {"eps": (-1.0, 0.1)}),
    ("Adafactor", {"eps": (None, -0.1)}),
    ("Adafactor", {"d": 0.5}),
)


def complaint(lib: ModuleType, action: Any) -> tuple[Any, str]:
    try:
        action()
    except Exception as error:
        return type(error), str(error)
    return None, ""


@each(BAD)
def test_same_complaint_as_the_oracle(name: str, options: dict[str, Any], oracle: ModuleType) -> None:
    ours, theirs = (
        complaint(lib, lambda lib=lib: getattr(lib.optim, name)([weight(lib)], **options)) for lib in (kagari, oracle)
    )
    assert ours == theirs
    assert ours[0] is not None


@pytest.mark.parametrize("name", (*EVERY, "LBFGS"))
def test_learning_rate_of_two_elements(name: str, oracle: ModuleType) -> None:
    ours, theirs = (
        complaint(lib, lambda lib=lib: getattr(lib.optim, name)([weight(lib)], lr=lib.tensor([0.1, 0.2])))
        for lib in (kagari, oracle)
    )
    assert ours == theirs == (ValueError, "Tensor lr must be 1-element")


@pytest.mark.parametrize("name", EVERY)
def test_learning_rate_may_be_a_tensor(name: str) -> None:
    results = []
    for lr in (0.125, kagari.tensor(0.125)):
        param = weight(kagari)
        param.grad = kagari.tensor([1.0, -2.0])
        getattr(optim, name)([param], lr=lr).step()
        results.append(param.tolist())
    assert results[0] == results[1] != [1.0, 1.0]


@pytest.mark.parametrize("name", EVERY)
def test_copies_are_independent(name: str) -> None:
    task, optimizer = trained(kagari, name, {}, 3)
    before = [param.tolist() for param in task.params]
    for copied in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        theirs = copied.param_groups[0]["params"]
        for param in theirs:
            param.grad = kagari.ones_like(param)
        copied.step()
        assert [param.tolist() for param in task.params] == before != [param.tolist() for param in theirs]


@pytest.mark.parametrize("name", NAMES)
def test_groups_strides_and_empty_parameters(name: str, oracle: ModuleType) -> None:
    """Groups with rates of their own; a transposed parameter, one whose gradient has other strides, an empty one."""
    found = []
    for lib in (kagari, oracle):
        lib.manual_seed(3)
        params = [
            lib.nn.Parameter(lib.rand(3, 4).T),
            lib.nn.Parameter(lib.rand(4, 3)),
            lib.nn.Parameter(lib.rand(0, 2)),
        ]
        optimizer = getattr(lib.optim, name)([{"params": params[:1], "lr": 0.5}, {"params": params[1:]}], lr=0.01)
        for _ in range(3):
            params[0].grad, params[1].grad = lib.rand(3, 4).T - 0.5, lib.rand(3, 4).T - 0.5
            params[2].grad = lib.rand(0, 2)
            optimizer.step()
        found.append(params)
    close(*found)


@pytest.mark.parametrize("differentiable", [False, True])
@pytest.mark.parametrize("name", ("SGD", "Adam", *NAMES))
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_complex_parameters(name: str, differentiable: bool, oracle: ModuleType) -> None:
    """A step treats the parts of a complex number as two numbers."""
    found = []
    for lib in (kagari, oracle):
        lib.manual_seed(3)
        param = lib.complex(lib.rand(2, 3), lib.rand(2, 3)).requires_grad_()
        moved = param.clone() if differentiable else param
        optimizer = getattr(lib.optim, name)([moved], lr=0.02, differentiable=differentiable)
        for _ in range(5):
            moved.grad = lib.complex(lib.rand(2, 3) - 0.5, lib.rand(2, 3) - 0.5)
            optimizer.step()
        values = [moved, *(v for v in optimizer.state[moved].values() if isinstance(v, lib.Tensor) and v.dim())]
        assert all(value.is_complex() for value in values)
        found.append([lib.view_as_real(value.detach()) for value in values])
    close(*found)


@pytest.mark.parametrize("name", ["Adafactor", "Muon"])
def test_no_complex_parameters(name: str, oracle: ModuleType) -> None:
    def act(lib: ModuleType) -> None:
        param = lib.nn.Parameter(lib.ones(2, 2, dtype=lib.complex64))
        param.grad = param.detach()
        getattr(lib.optim, name)([param]).step()

    ours, theirs = (complaint(lib, lambda lib=lib: act(lib)) for lib in (kagari, oracle))
    assert ours == theirs == (RuntimeError, f"{name} does not support complex parameters")


STRANGE = (
    [float("nan"), 1.0, float("inf"), -float("inf"), 0.0, -0.0, 1e-30, 3.0, -2.0],
    [1.0, float("nan"), 1.0, 2.0, 0.0, 1.0, -1e-30, -3.0, 0.0],
    [1.0] * 9,
)


@pytest.mark.parametrize(
    ("name", "options"), [("SGD", {"momentum": 0.9}), ("Adam", {"amsgrad": True}), *((name, {}) for name in EVERY)]
)
def test_gradients_that_are_no_numbers(name: str, options: dict[str, Any], oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        param = lib.nn.Parameter(lib.ones(9))
        optimizer = getattr(lib.optim, name)([param], **options)
        steps = []
        for gradient in STRANGE:
            param.grad = lib.tensor(gradient)
            optimizer.step()
            steps.append(array(param))
        found.append(steps)
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_sums_of_adagrad_are_there_before_the_first_step(oracle: ModuleType) -> None:
    ours, theirs = (
        lib.optim.Adagrad([weight(lib)], initial_accumulator_value=0.5).state_dict() for lib in (kagari, oracle)
    )
    assert translated(ours, kagari, oracle)["param_groups"] == theirs["param_groups"]
    assert ours["state"][0]["sum"].tolist() == theirs["state"][0]["sum"].tolist() == [0.5, 0.5]
    assert ours["state"][0]["step"].item() == theirs["state"][0]["step"].item() == 0


@pytest.mark.parametrize("name", EVERY)
def test_old_states_without_later_options(name: str) -> None:
    _, optimizer = trained(kagari, name, {}, 2)
    saved = optimizer.state_dict()
    for option in ("maximize", "foreach", "differentiable", "capturable"):
        saved["param_groups"][0].pop(option, None)
    task = Task(kagari)
    resumed = getattr(optim, name)(task.params)
    resumed.load_state_dict(saved)
    assert repr(resumed) == repr(optimizer)
    task.train(resumed, 1)


SEARCHES: tuple[dict[str, Any], ...] = (
    {"lr": 0.5},
    {"lr": 0.1, "max_iter": 4, "history_size": 3},
    {"max_iter": 1},
    {"line_search_fn": "strong_wolfe"},
    {"lr": 0.3, "line_search_fn": "strong_wolfe", "max_iter": 6, "max_eval": 9, "history_size": 2},
    {"lr": 30.0, "line_search_fn": "strong_wolfe", "max_iter": 3},
    {"lr": 1e9, "line_search_fn": "strong_wolfe", "max_iter": 3, "max_eval": 40},
    {"lr": 1e-9, "line_search_fn": "strong_wolfe", "max_iter": 3, "max_eval": 20},
    {"line_search_fn": "strong_wolfe", "max_iter": 3, "max_eval": 1},
)


class Valley:
    """Rosenbrock's function of a few numbers, in two parameters; a third one has no gradient."""

    def __init__(self, lib: ModuleType, options: dict[str, Any], dtype: str = "float64") -> None:
        kind = getattr(lib, dtype)
        start = [[-1.2, 1.0], [0.5]]
        self.lib, self.calls = lib, 0
        self.params = [lib.nn.Parameter(lib.tensor(values, dtype=kind)) for values in start]
        self.unused = lib.nn.Parameter(lib.ones(2, 2, dtype=kind))
        self.optimizer = lib.optim.LBFGS([*self.params, self.unused], **options)

    def loss(self) -> Any:
        self.calls += 1
        self.optimizer.zero_grad()
        x = self.lib.cat(self.params)
        loss = (10 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
        loss.backward()
        return loss

    def values(self) -> list[float]:
        return [x for param in self.params for x in param.tolist()]


@pytest.mark.parametrize("options", SEARCHES, ids=str)
def test_valley_as_the_oracle(options: dict[str, Any], oracle: ModuleType) -> None:
    ours, theirs = Valley(kagari, options), Valley(oracle, options)
    for _ in range(4):
        assert ours.optimizer.step(ours.loss).item() == pytest.approx(theirs.optimizer.step(theirs.loss).item(), 1e-6)
        assert ours.values() == pytest.approx(theirs.values(), rel=1e-6, abs=1e-9)
        assert ours.calls == theirs.calls
    mine, other = ours.optimizer.state_dict(), theirs.optimizer.state_dict()
    assert mine["param_groups"] == other["param_groups"]
    mine, other = mine["state"][0], other["state"][0]
    assert list(mine) == list(other)
    for name in ("func_evals", "n_iter"):
        assert mine[name] == other[name]
    for name in ("d", "prev_flat_grad", "old_dirs", "old_stps", "ro"):
        as_lists = [name_of if isinstance(name_of, list) else [name_of] for name_of in (mine[name], other[name])]
        close(*as_lists, 1e-5)
    assert float(mine["t"]) == pytest.approx(float(other["t"]), rel=1e-6)
    assert repr(ours.optimizer) == repr(theirs.optimizer)


@pytest.mark.parametrize("options", [SEARCHES[1], SEARCHES[4]], ids=str)
@pytest.mark.parametrize("saving", ["ours", "theirs"])
def test_search_goes_on_in_the_other_library(options: dict[str, Any], saving: str, oracle: ModuleType) -> None:
    source, target = (kagari, oracle) if saving == "ours" else (oracle, kagari)
    first, second, whole = Valley(source, options), Valley(target, {}), Valley(target, options)
    for _ in range(2):
        first.optimizer.step(first.loss)
    for param, value in zip(second.params, first.params, strict=True):
        param.data = target.tensor(value.tolist(), dtype=target.float64)
    second.optimizer.load_state_dict(translated(first.optimizer.state_dict(), source, target))
    for _ in range(4):
        whole.optimizer.step(whole.loss)
    for _ in range(2):
        second.optimizer.step(second.loss)
    assert second.values() == pytest.approx(whole.values(), rel=1e-6, abs=1e-9)


def test_valley_s_floor_is_found() -> None:
    valley = Valley(kagari, {"line_search_fn": "strong_wolfe", "max_iter": 100})
    valley.optimizer.step(valley.loss)
    assert valley.values() == pytest.approx([1.0, 1.0, 1.0], abs=1e-5)


SEARCH_COMPLAINTS: dict[str, Any] = {
    "two groups": lambda lib: lib.optim.LBFGS([{"params": [weight(lib)]}, {"params": [weight(lib)]}]),
    "no closure": lambda lib: lib.optim.LBFGS([weight(lib)]).step(),
    "unknown search": lambda lib: (v := Valley(lib, {"line_search_fn": "weak"})).optimizer.step(v.loss),
}


@pytest.mark.parametrize("case", SEARCH_COMPLAINTS)
def test_same_complaint_of_the_search(case: str, oracle: ModuleType) -> None:
    ours, theirs = (complaint(lib, lambda lib=lib: SEARCH_COMPLAINTS[case](lib)) for lib in (kagari, oracle))
    assert ours == theirs
    assert ours[0] is not None


ORTHOGONAL: tuple[dict[str, Any], ...] = (
    {},
    {"lr": 0.02, "momentum": 0.5, "nesterov": False, "ns_steps": 3},
    {"lr": 0.01, "weight_decay": 0.0, "adjust_lr_fn": "match_rms_adamw", "ns_coefficients": (2.0, -1.5, 0.5)},
)


@pytest.mark.parametrize("options", ORTHOGONAL, ids=str)
def test_orthogonal_steps_as_the_oracle(options: dict[str, Any], oracle: ModuleType) -> None:
    """The steps are computed in bfloat16, so they agree to some of its units: 1% of the way gone."""
    found = []
    for lib in (kagari, oracle):
        lib.manual_seed(4)
        params = [lib.nn.Parameter(lib.rand(shape) - 0.5) for shape in ((6, 3), (3, 6), (4, 4))]
        optimizer = lib.optim.Muon(params, **options)
        for _ in range(50):
            for param in params:
                param.grad = param.detach() * 3 + lib.rand(param.shape) - 0.5
            optimizer.step()
        found.append((params, optimizer))
    (ours, our_optimizer), (theirs, their_optimizer) = found
    close(ours, theirs, 0.01 * 50 * our_optimizer.param_groups[0]["lr"])
    assert repr(our_optimizer) == repr(their_optimizer)
    assert our_optimizer.state_dict()["param_groups"] == their_optimizer.state_dict()["param_groups"]
    assert [list(state) for state in our_optimizer.state.values()] == [["momentum_buffer"]] * 3


ORTHOGONAL_COMPLAINTS: dict[str, dict[str, Any]] = {
    "negative lr": {"lr": -1.0},
    "negative momentum": {"momentum": -1.0},
    "negative decay": {"weight_decay": -1.0},
    "unknown adjustment": {"adjust_lr_fn": "x"},
    "many steps": {"ns_steps": 100},
    "two coefficients": {"ns_coefficients": (1, 2)},
    "a vector": {},
}


@pytest.mark.parametrize("case", ORTHOGONAL_COMPLAINTS)
def test_same_complaint_of_orthogonal_steps(case: str, oracle: ModuleType) -> None:
    def act(lib: ModuleType) -> None:
        param = lib.nn.Parameter(lib.ones(2) if case == "a vector" else lib.ones(2, 3))
        optimizer = lib.optim.Muon([param], **ORTHOGONAL_COMPLAINTS[case])
        param.grad = lib.ones(2, 3)
        optimizer.step()

    ours, theirs = (complaint(lib, lambda lib=lib: act(lib)) for lib in (kagari, oracle))
    assert ours == theirs
    assert ours[0] is ValueError


def test_search_among_complex_numbers(oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        param = lib.nn.Parameter(lib.tensor([3.0 - 2.0j, 0.5j], dtype=lib.complex128))
        target = lib.tensor([1.0 + 1.0j, 2.0], dtype=lib.complex128)
        optimizer = lib.optim.LBFGS([param], lr=0.5, max_iter=3)

        def closure(lib: Any = lib, param: Any = param, target: Any = target, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            parts = lib.view_as_real(param - target)
            loss = (parts**2 * lib.tensor([1.0, 3.0], dtype=lib.float64)).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        found.append([lib.view_as_real(param.detach())])
    close(*found, 1e-9)
