"""Schedules against the oracle: rates over fifty epochs, what is saved, resuming, chaining, errors and warnings."""

from __future__ import annotations

import copy
import gc
import importlib
import inspect
import pickle
import subprocess
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari.optim import lr_scheduler as schedules


class Halving:
    """A function of the epoch that knows something."""

    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, epoch: float) -> float:
        return self.share ** (epoch / 10)


def chained(lib: ModuleType, o: Any) -> Any:
    s = lib.optim.lr_scheduler
    return s.ChainedScheduler([s.ConstantLR(o, 0.1, 10), s.ExponentialLR(o, 0.9), s.CosineAnnealingLR(o, 20, 0.001)])


def sequential(lib: ModuleType, o: Any) -> Any:
    s = lib.optim.lr_scheduler
    parts = [s.LinearLR(o, 0.1, total_iters=5), s.CosineAnnealingLR(o, 20), s.StepLR(o, 4, 0.5), s.ConstantLR(o, 0.5)]
    return s.SequentialLR(o, parts, [5, 20, 37])


def sequential_of_others(lib: ModuleType, o: Any) -> Any:
    s = lib.optim.lr_scheduler
    parts = [
        s.MultiStepLR(o, [2, 4]),
        s.CosineAnnealingWarmRestarts(o, 3, 2),
        s.PolynomialLR(o, 10, 2.0),
        s.ExponentialLR(o, 0.7),
        s.LambdaLR(o, lambda e: 1 / (e + 2)),
        s.MultiplicativeLR(o, lambda e: 0.9),
    ]
    return s.SequentialLR(o, parts, [6, 20, 27, 35, 40])


def nested(lib: ModuleType, o: Any) -> Any:
    s = lib.optim.lr_scheduler
    first = s.ChainedScheduler([s.ConstantLR(o, 0.5, 3), s.ExponentialLR(o, 0.9)])
    return s.SequentialLR(o, [first, s.StepLR(o, 3, 0.5)], [12])


MAKERS: dict[str, Callable[[ModuleType, Any], Any]] = {
    "LambdaLR": lambda lib, o: lib.optim.lr_scheduler.LambdaLR(o, lambda epoch: 0.95**epoch),
    "LambdaLR, each": lambda lib, o: lib.optim.lr_scheduler.LambdaLR(o, [lambda epoch: 1 / (epoch + 1), Halving(0.5)]),
    "MultiplicativeLR": lambda lib, o: lib.optim.lr_scheduler.MultiplicativeLR(o, lambda epoch: 1 - epoch / 100),
    "StepLR": lambda lib, o: lib.optim.lr_scheduler.StepLR(o, 7),
    "StepLR, 1": lambda lib, o: lib.optim.lr_scheduler.StepLR(o, 1, 0.9),
    "MultiStepLR": lambda lib, o: lib.optim.lr_scheduler.MultiStepLR(o, [0, 3, 11, 11, 40], 0.3),
    "ConstantLR": lambda lib, o: lib.optim.lr_scheduler.ConstantLR(o),
    "ConstantLR, 0": lambda lib, o: lib.optim.lr_scheduler.ConstantLR(o, 0.5, 0),
    "LinearLR": lambda lib, o: lib.optim.lr_scheduler.LinearLR(o),
    "LinearLR, down": lambda lib, o: lib.optim.lr_scheduler.LinearLR(o, 1.0, 0.0, 30),
    "LinearLR, 0": lambda lib, o: lib.optim.lr_scheduler.LinearLR(o, 0.5, 0.7, 0),
    "ExponentialLR": lambda lib, o: lib.optim.lr_scheduler.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda lib, o: lib.optim.lr_scheduler.PolynomialLR(o),
    "PolynomialLR, 40": lambda lib, o: lib.optim.lr_scheduler.PolynomialLR(o, 40, 0.9),
    "CosineAnnealingLR": lambda lib, o: lib.optim.lr_scheduler.CosineAnnealingLR(o, 12),
    "CosineAnnealingLR, 1": lambda lib, o: lib.optim.lr_scheduler.CosineAnnealingLR(o, 1, 0.01),
    "CosineAnnealingLR, least": lambda lib, o: lib.optim.lr_scheduler.CosineAnnealingLR(o, 60, 0.05),
    "CosineAnnealingWarmRestarts": lambda lib, o: lib.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 7),
    "CosineAnnealingWarmRestarts, 2": lambda lib, o: lib.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 4, 2, 0.01),
    "CyclicLR": lambda lib, o: lib.optim.lr_scheduler.CyclicLR(o, 0.01, 0.1, 7),
    "CyclicLR, 2": lambda lib, o: lib.optim.lr_scheduler.CyclicLR(
        o, [0.01, 0.02], 0.1, 5, 3, "triangular2", base_momentum=0.5, max_momentum=[0.8, 0.7]
    ),
    "CyclicLR, range": lambda lib, o: lib.optim.lr_scheduler.CyclicLR(o, 0.01, 0.1, 7, mode="exp_range", gamma=0.97),
    "CyclicLR, scale": lambda lib, o: lib.optim.lr_scheduler.CyclicLR(
        o, 0.01, 0.1, 7, scale_fn=Halving(0.1), scale_mode="iterations", cycle_momentum=False
    ),
    "OneCycleLR": lambda lib, o: lib.optim.lr_scheduler.OneCycleLR(o, 0.3, total_steps=60),
    "OneCycleLR, three": lambda lib, o: lib.optim.lr_scheduler.OneCycleLR(
        o, [0.3, 0.2], epochs=5, steps_per_epoch=10, three_phase=True, base_momentum=0.5, div_factor=10.0
    ),
    "OneCycleLR, linear": lambda lib, o: lib.optim.lr_scheduler.OneCycleLR(
        o, 0.3, total_steps=50, pct_start=0.1, anneal_strategy="linear", cycle_momentum=False, final_div_factor=10.0
    ),
    "ChainedScheduler": chained,
    "SequentialLR": sequential,
    "SequentialLR, others": sequential_of_others,
    "SequentialLR, nested": nested,
    "SWALR": lambda lib, o: swa(lib).SWALR(o, 0.01),
    "SWALR, linear": lambda lib, o: swa(lib).SWALR(o, [0.01, 0.2], 30, "linear"),
    "SWALR, 0": lambda lib, o: swa(lib).SWALR(o, 0.01, 0),
}
NAMES = tuple(name for name in dir(schedules) if inspect.isclass(getattr(schedules, name)) and name[0] != "_")


def swa(lib: ModuleType) -> ModuleType:
    return importlib.import_module(f"{lib.__name__}.optim.swa_utils")


def an_optimizer(lib: ModuleType, name: str = "SGD", groups: int = 2, **options: Any) -> Any:
    if name == "SGD":
        options.setdefault("momentum", 0.9)
    members = [{"params": [lib.nn.Parameter(lib.ones(2))]} for _ in range(groups)]
    optimizer = getattr(lib.optim, name)(members, **{"lr": 0.1, **options})
    if groups > 1:
        optimizer.param_groups[1]["lr"] = 0.04
    return optimizer


def rates(optimizer: Any) -> list[float]:
    """What a schedule may change."""
    return [float(x) for g in optimizer.param_groups for x in (g["lr"], g.get("momentum", 0), *g.get("betas", ()))]


def run(lib: ModuleType, optimizer: Any, scheduler: Any, epochs: int) -> list[list[float]]:
    """Epochs of one step each, with gradients that are known."""
    found = []
    for _ in range(epochs):
        for group in optimizer.param_groups:
            group["params"][0].grad = lib.tensor([1.0, -0.5])
        optimizer.step()
        scheduler.step()
        found.append([*rates(optimizer), *map(float, scheduler.get_last_lr())])
    return found


def weights(optimizer: Any) -> list[float]:
    return [x for group in optimizer.param_groups for x in group["params"][0].tolist()]


def same(ours: Any, theirs: Any) -> None:
    """Equal but for the rounding of numbers, at any depth; dictionaries in order too."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key, value in theirs.items():
            same(ours[key], value)
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            same(mine, other)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-12)
    else:
        assert ours == theirs


def rounding(values: list[float]) -> Any:
    """Parameters of about 1, in float32."""
    return pytest.approx(values, rel=1e-6, abs=1e-6)


# A composed schedule that is part of another one makes its first step twice, and warns.
at_once = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
each_schedule = pytest.mark.parametrize("name", MAKERS)


@at_once
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@each_schedule
def test_fifty_epochs_as_the_oracle(name: str, optimizer: str, oracle: ModuleType) -> None:
    ours, theirs = an_optimizer(kagari, optimizer), an_optimizer(oracle, optimizer)
    mine, other = MAKERS[name](kagari, ours), MAKERS[name](oracle, theirs)
    same([*rates(ours), *mine.get_last_lr()], [*rates(theirs), *other.get_last_lr()])
    same(mine.state_dict(), other.state_dict())
    same(run(kagari, ours, mine, 50), run(oracle, theirs, other, 50))
    same(mine.state_dict(), other.state_dict())
    assert weights(ours) == rounding(weights(theirs))
    assert [list(group) for group in ours.param_groups] == [list(group) for group in theirs.param_groups]


@at_once
@pytest.mark.parametrize("saving", ["ours", "theirs"])
@each_schedule
def test_state_goes_on_in_the_other_library(name: str, saving: str, oracle: ModuleType) -> None:
    source, target = (kagari, oracle) if saving == "ours" else (oracle, kagari)
    expected = an_optimizer(target)
    after = run(target, expected, MAKERS[name](target, expected), 50)[25:]
    first, second = an_optimizer(source), an_optimizer(target)
    scheduler, resumed = MAKERS[name](source, first), MAKERS[name](target, second)
    run(source, first, scheduler, 25)
    resumed.load_state_dict(pickle.loads(pickle.dumps(scheduler.state_dict())))
    for group, other in zip(second.param_groups, first.param_groups, strict=True):
        group.update({key: value for key, value in other.items() if key != "params"})
        group["params"][0].data = target.tensor(other["params"][0].tolist())
        buffer = first.state[other["params"][0]]["momentum_buffer"]
        second.state[group["params"][0]]["momentum_buffer"] = target.tensor(buffer.tolist())
    same(run(target, second, resumed, 25), after)
    assert weights(second) == rounding(weights(expected))


RESUMING: dict[str, Callable[[ModuleType, Any, int], Any]] = {
    "LambdaLR": lambda s, o, e: s.LambdaLR(o, lambda epoch: 0.5**epoch, e),
    "MultiplicativeLR": lambda s, o, e: s.MultiplicativeLR(o, lambda epoch: 0.9, e),
    "StepLR": lambda s, o, e: s.StepLR(o, 3, 0.1, e),
    "MultiStepLR": lambda s, o, e: s.MultiStepLR(o, [3, 3], 0.1, e),
    "ConstantLR": lambda s, o, e: s.ConstantLR(o, 0.5, 3, e),
    "LinearLR": lambda s, o, e: s.LinearLR(o, 0.5, 1.0, 3, e),
    "ExponentialLR": lambda s, o, e: s.ExponentialLR(o, 0.9, e),
    "PolynomialLR": lambda s, o, e: s.PolynomialLR(o, 5, 2.0, e),
    "CosineAnnealingLR": lambda s, o, e: s.CosineAnnealingLR(o, 5, 0.0, e),
    "CosineAnnealingWarmRestarts": lambda s, o, e: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.0, e),
    "CyclicLR": lambda s, o, e: s.CyclicLR(o, 0.1, 1.0, 5, last_epoch=e),
    "OneCycleLR": lambda s, o, e: s.OneCycleLR(o, 1.0, 20, last_epoch=e),
}


@pytest.mark.parametrize("epoch", [-1, 0, 1, 2, 3, 5])
@pytest.mark.parametrize("name", RESUMING)
def test_resumed_by_the_number_of_the_epoch(name: str, epoch: int, oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        o = an_optimizer(lib)
        for group in o.param_groups:
            group.update(initial_lr=0.7, max_lr=1.0, min_lr=1e-3, base_momentum=0.6, max_momentum=0.9)
        scheduler = RESUMING[name](lib.optim.lr_scheduler, o, epoch)
        found.append(([*rates(o), *scheduler.get_last_lr()], run(lib, o, scheduler, 8), scheduler.state_dict()))
    same(*found)


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
@pytest.mark.parametrize("name", RESUMING)
def test_steps_to_given_epochs(name: str, oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        o = an_optimizer(lib)
        scheduler = RESUMING[name](lib.optim.lr_scheduler, o, -1)
        found.append([])
        for epoch in (4, None, 0, 3, None, None, 11):
            scheduler.step(epoch)
            found[-1].append([*rates(o), *scheduler.get_last_lr(), scheduler.last_epoch])
    same(*found)


def test_fractions_of_epochs(oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        o = an_optimizer(lib)
        scheduler = lib.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 3, 2)
        found.append([])
        for batch in range(40):
            scheduler.step(batch / 4)
            found[-1].append([*rates(o), scheduler.last_epoch, scheduler.T_cur, scheduler.T_i])
    same(*found)


PLATEAUS: tuple[dict[str, Any], ...] = (
    {},
    {"mode": "max", "patience": 1, "factor": 0.5},
    {"patience": 2, "threshold": 0.1, "cooldown": 3},
    {"patience": 0, "threshold": 0.05, "threshold_mode": "abs", "min_lr": [0.01, 0.02]},
    {"mode": "max", "patience": 0, "threshold_mode": "abs", "eps": 0.01},
)


def metrics(count: int) -> Iterator[float]:
    """A loss that falls and then stays, with ups and downs."""
    for i in range(count):
        yield max(1.0 - 0.1 * i, 0.3) + 0.01 * (i * 7 % 5)
    yield float("nan")


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_plateau_as_the_oracle(options: dict[str, Any], oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        o = an_optimizer(lib)
        scheduler = lib.optim.lr_scheduler.ReduceLROnPlateau(o, **options)
        found.append([scheduler.state_dict()])
        for i, metric in enumerate(metrics(50)):
            if i == 25:
                saved = copy.deepcopy(scheduler.state_dict())
                scheduler = lib.optim.lr_scheduler.ReduceLROnPlateau(o)
                scheduler.load_state_dict(saved)
            scheduler.step(lib.tensor(metric) if i % 2 else metric)
            found[-1].append(({**scheduler.state_dict()}, rates(o), scheduler.in_cooldown))
    same(*[[str(part) for part in lines] for lines in found])


def test_plateau_with_a_group_more(oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        o = an_optimizer(lib, groups=1)
        scheduler = lib.optim.lr_scheduler.ReduceLROnPlateau(o, patience=0, min_lr=0.05)
        o.add_param_group({"params": [lib.nn.Parameter(lib.ones(1))]})
        scheduler.step(1.0)
        scheduler.step(2.0)
        found.append(scheduler.get_last_lr())
    same(*found)


@at_once
@each_schedule
def test_rates_that_are_tensors(name: str, oracle: ModuleType) -> None:
    """A tensor is filled, and keeps being the optimizer's; what the schedule remembers does not change with it."""
    found = []
    for lib in (kagari, oracle):
        o = an_optimizer(lib, groups=2)
        for group in o.param_groups:
            group["lr"] = lib.tensor(group["lr"], dtype=lib.float64)
        tensors = [group["lr"] for group in o.param_groups]
        scheduler = MAKERS[name](lib, o)
        before = scheduler.get_last_lr()
        remembered = list(map(float, before))
        found.append(run(lib, o, scheduler, 20))
        assert list(map(float, before)) == remembered
        assert all(group["lr"] is tensor for group, tensor in zip(o.param_groups, tensors, strict=True))
        found[-1].append([type(rate) is lib.Tensor for rate in scheduler.get_last_lr()])
    same(*found)


def steps(scheduler: Any, count: int = 1, **how: Any) -> None:
    for _ in range(count):
        scheduler.step(**how)


def replaced_step(s: ModuleType, o: Any) -> None:
    scheduler = s.StepLR(o, 3)
    o.step = lambda: None
    scheduler.step()


def two_optimizers(make: Callable[[ModuleType, Any, Any], Any]) -> Callable[[ModuleType, Any], Any]:
    return lambda s, o: make(s, o, copy.deepcopy(o))


def plateau_with_a_group_more(s: ModuleType, o: Any) -> None:
    scheduler = s.ReduceLROnPlateau(o, patience=0, min_lr=[0.0])
    parameter = copy.deepcopy(o.param_groups[0]["params"][0])
    o.add_param_group({"params": [parameter]})
    scheduler.step(1.0)
    scheduler.step(2.0)


COMPLAINTS: dict[str, Callable[[ModuleType, Any], Any]] = {
    "base": lambda s, o: s.LRScheduler(o),
    "no optimizer": lambda s, o: s.StepLR(3, 3),
    "no optimizer of CyclicLR": lambda s, o: s.CyclicLR(3, 0.1, 1.0),
    "no optimizer of OneCycleLR": lambda s, o: s.OneCycleLR(3, 0.1, 10),
    "no optimizer of LambdaLR": lambda s, o: s.LambdaLR(3, abs),
    "no optimizer of ReduceLROnPlateau": lambda s, o: s.ReduceLROnPlateau(3),
    "resumed": lambda s, o: s.StepLR(o, 3, last_epoch=2),
    "get_lr": lambda s, o: s.StepLR(o, 3).get_lr(),
    "get_lr of CyclicLR": lambda s, o: s.CyclicLR(o, 0.1, 1.0).get_lr(),
    "get_lr of ReduceLROnPlateau": lambda s, o: s.ReduceLROnPlateau(o).get_lr(),
    "step first": lambda s, o: steps(s.StepLR(o, 3)),
    "step first, twice": lambda s, o: steps(s.StepLR(o, 3), 2),
    "step of warm restarts first": lambda s, o: steps(s.CosineAnnealingWarmRestarts(o, 3)),
    "epoch": lambda s, o: steps(s.StepLR(o, 3), epoch=3),
    "another step": replaced_step,
    "fewer functions": lambda s, o: s.LambdaLR(o, []),
    "fewer factors": lambda s, o: s.MultiplicativeLR(o, [abs, abs]),
    "a milestone": lambda s, o: s.MultiStepLR(o, 3),
    "factor above 1": lambda s, o: s.ConstantLR(o, factor=2),
    "negative factor": lambda s, o: s.ConstantLR(o, factor=-1),
    "start of 0": lambda s, o: s.LinearLR(o, start_factor=0),
    "start above 1": lambda s, o: s.LinearLR(o, start_factor=2),
    "negative end": lambda s, o: s.LinearLR(o, end_factor=-1),
    "T_0 of 0": lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
    "T_0 of 1.5": lambda s, o: s.CosineAnnealingWarmRestarts(o, 1.5),
    "T_mult of 0": lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 0),
    "T_mult of 1.5": lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 1.5),
    "negative epoch": lambda s, o: steps(s.CosineAnnealingWarmRestarts(o, 5), epoch=-1),
    "no steps": lambda s, o: s.OneCycleLR(o, 1.0),
    "0 steps": lambda s, o: s.OneCycleLR(o, 1.0, 0),
    "1.5 steps": lambda s, o: s.OneCycleLR(o, 1.0, 1.5),
    "epochs alone": lambda s, o: s.OneCycleLR(o, 1.0, epochs=3),
    "0 epochs": lambda s, o: s.OneCycleLR(o, 1.0, epochs=0, steps_per_epoch=1),
    "epochs of 0 steps": lambda s, o: s.OneCycleLR(o, 1.0, epochs=1, steps_per_epoch=0),
    "all steps up": lambda s, o: s.OneCycleLR(o, 1.0, 5, pct_start=2.0),
    "steps up counted": lambda s, o: s.OneCycleLR(o, 1.0, 5, pct_start=1),
    "unknown strategy": lambda s, o: s.OneCycleLR(o, 1.0, 5, anneal_strategy="x"),
    "two rates for a group": lambda s, o: s.OneCycleLR(o, [1.0, 2.0], 5),
    "beyond the cycle": lambda s, o: steps(s.OneCycleLR(o, 1.0, 5), 6),
    "unknown mode": lambda s, o: s.CyclicLR(o, 0.1, 1.0, mode="x"),
    "two lower bounds": lambda s, o: s.CyclicLR(o, [0.1, 0.2], 1.0),
    "two upper bounds": lambda s, o: s.CyclicLR(o, 0.1, [1.0, 2.0]),
    "two momentums": lambda s, o: s.CyclicLR(o, 0.1, 1.0, base_momentum=[0.1, 0.2]),
    "scale that is a number": lambda s, o: s.CyclicLR(o, 0.1, 1.0, scale_fn=3),
    "factor of 1": lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    "unknown mode of plateau": lambda s, o: s.ReduceLROnPlateau(o, mode="x"),
    "unknown threshold": lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="x"),
    "two least rates": lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0.1, 0.2]),
    "no metric": lambda s, o: s.ReduceLROnPlateau(o).step(),
    "metric that is a word": lambda s, o: s.ReduceLROnPlateau(o).step("a"),
    "metric with an epoch": lambda s, o: s.ReduceLROnPlateau(o).step(1.0, epoch=3),
    "a group more": plateau_with_a_group_more,
    "nothing chained": lambda s, o: s.ChainedScheduler([]),
    "plateau chained": lambda s, o: s.ChainedScheduler([s.ReduceLROnPlateau(o)]),
    "two optimizers chained": two_optimizers(
        lambda s, o, other: s.ChainedScheduler([s.StepLR(o, 2), s.StepLR(other, 2)])
    ),
    "another optimizer chained": two_optimizers(lambda s, o, other: s.ChainedScheduler([s.StepLR(o, 2)], other)),
    "a number chained": lambda s, o: s.ChainedScheduler([s.StepLR(o, 2), 3]),
    "no sequence": lambda s, o: s.SequentialLR(o, [], []),
    "plateau in sequence": lambda s, o: s.SequentialLR(o, [s.StepLR(o, 2), s.ReduceLROnPlateau(o)], [3]),
    "a number in sequence": lambda s, o: s.SequentialLR(o, [3], []),
    "another optimizer in sequence": two_optimizers(lambda s, o, other: s.SequentialLR(other, [s.StepLR(o, 2)], [])),
    "more milestones": lambda s, o: s.SequentialLR(o, [s.StepLR(o, 2)], [3]),
    "epoch in sequence": lambda s, o: s.SequentialLR(o, [s.StepLR(o, 2)], []).step(3),
}


def said(action: Callable[[], Any]) -> tuple[Any, ...]:
    """The error, and the warnings by their first sentences."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            action()
            error: tuple[Any, ...] = ()
        except Exception as raised:
            error = type(raised), str(raised)
    return error, [(warning.category, str(warning.message).partition(". ")[0]) for warning in caught]


@pytest.mark.parametrize("case", COMPLAINTS)
def test_same_complaint_as_the_oracle(case: str, oracle: ModuleType) -> None:
    ours, theirs = (
        said(lambda lib=lib: COMPLAINTS[case](lib.optim.lr_scheduler, an_optimizer(lib, groups=1)))
        for lib in (kagari, oracle)
    )
    assert ours == theirs


@pytest.mark.parametrize("schedule", ["CyclicLR", "OneCycleLR"])
def test_momentum_has_to_be_there(schedule: str, oracle: ModuleType) -> None:
    ours, theirs = (
        said(
            lambda lib=lib: (
                getattr(lib.optim.lr_scheduler, schedule)(an_optimizer(lib, "Adagrad", 1), 0.1, 5)
                if schedule == "OneCycleLR"
                else lib.optim.lr_scheduler.CyclicLR(an_optimizer(lib, "Adagrad", 1), 0.1, 0.2)
            )
        )
        for lib in (kagari, oracle)
    )
    assert ours == theirs and ours[0][0] is ValueError


@pytest.mark.parametrize(
    "options", [{"swa_lr": [0.1, 0.2]}, {"swa_lr": 0.1, "anneal_strategy": "x"}, {"swa_lr": 0.1, "anneal_epochs": -1}]
)
def test_same_complaint_of_averaging(options: dict[str, Any], oracle: ModuleType) -> None:
    ours, theirs = (
        said(lambda lib=lib: swa(lib).SWALR(an_optimizer(lib, groups=1), **options)) for lib in (kagari, oracle)
    )
    assert ours == theirs and ours[0][0] is ValueError


@pytest.mark.parametrize("name", NAMES)
def test_signature(name: str, oracle: ModuleType) -> None:
    def listed(lib: ModuleType) -> list[tuple[str, Any, Any]]:
        signature = inspect.signature(getattr(lib.optim.lr_scheduler, name).__init__)
        return [(p.name, p.default, p.kind) for p in signature.parameters.values()]

    assert listed(kagari) == listed(oracle)


def test_all_schedules_of_the_oracle_are_here(oracle: ModuleType) -> None:
    assert set(schedules.__all__) == set(oracle.optim.lr_scheduler.__all__)
    assert list(schedules.__all__) == sorted(schedules.__all__)
    assert schedules._LRScheduler is schedules.LRScheduler


def test_means_as_the_oracle(oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        parts = swa(lib)
        mean, param = lib.tensor([1.0, 2.0]), lib.tensor([3.0, -5.0])
        results = [parts.get_ema_avg_fn(0.9)(mean, param, 4), parts.get_swa_avg_fn()(mean, param, lib.tensor(4))]
        for update in (parts.get_ema_multi_avg_fn(), parts.get_swa_multi_avg_fn()):
            means = [mean.clone(), mean.clone() + 1]
            update(means, [param, param], 3)
            results += means
        found.append([result.tolist() for result in results])
    same(*found)
    ours, theirs = (said(lambda lib=lib: swa(lib).get_ema_avg_fn(1.5)) for lib in (kagari, oracle))
    assert ours == theirs and ours[0]


def test_schedules_of_one_s_own() -> None:
    class Falling(schedules.LRScheduler):
        def get_lr(self) -> list[Any]:
            return [group["lr"] / 2 for group in self.optimizer.param_groups]

    optimizer = an_optimizer(kagari, groups=1)
    scheduler = Falling(optimizer)
    assert scheduler.get_last_lr() == [0.05]
    run(kagari, optimizer, scheduler, 2)
    assert scheduler.get_last_lr() == [0.0125]


def test_a_schedule_keeps_its_optimizer_free() -> None:
    """The note of steps is part of the optimizer: it is no cycle, is not saved, and two schedules make one."""
    optimizer = an_optimizer(kagari, groups=1)
    first, second = schedules.StepLR(optimizer, 3), schedules.ExponentialLR(optimizer, 0.9)
    noted = optimizer.step
    schedules.StepLR(optimizer, 3)
    assert optimizer.step is noted
    copied = pickle.loads(pickle.dumps(optimizer))
    copied.step()
    assert "step" not in vars(copied)
    alive = weakref.ref(optimizer)
    gc.disable()
    try:
        del optimizer, noted, first, second
        assert alive() is None
    finally:
        gc.enable()


def test_a_step_that_was_replaced_before() -> None:
    optimizer, made = an_optimizer(kagari, groups=1), []
    optimizer.step = lambda: made.append(1)
    scheduler = schedules.StepLR(optimizer, 1)
    run(kagari, optimizer, scheduler, 2)
    assert made == [1, 1]
    assert scheduler.get_last_lr() == pytest.approx([0.001])


def test_schedules_survive_pickle() -> None:
    optimizer = an_optimizer(kagari, groups=1)
    scheduler = schedules.CosineAnnealingLR(optimizer, 10)
    run(kagari, optimizer, scheduler, 3)
    copied = pickle.loads(pickle.dumps(scheduler))
    assert run(kagari, copied.optimizer, copied, 3) == run(kagari, optimizer, scheduler, 3)


def test_under_the_name_torch() -> None:
    program = (
        "import kagari; kagari.install_as_torch()\n"
        "import torch.optim.lr_scheduler as lr_scheduler\n"
        "from torch.optim.lr_scheduler import StepLR, _LRScheduler\n"
        "from torch.optim.swa_utils import SWALR\n"
        "import torch\n"
        "assert torch.optim.lr_scheduler.StepLR is StepLR is kagari.optim.lr_scheduler.StepLR\n"
        "from torch.optim import RMSprop\n"
        "assert RMSprop is kagari.optim.RMSprop\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
