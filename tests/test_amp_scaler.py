"""The scale of gradients: how it moves, which steps it leaves out, and what it refuses, next to PyTorch's."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import kagari

INF, NAN = float("inf"), float("nan")


def trained(torch: Any, factors: list[float], **options: Any) -> list[Any]:
    """The state and the weights after each of several steps, whose losses have these factors."""
    w = torch.ones(3, requires_grad=True)
    empty = torch.ones(0, requires_grad=True)
    optimizer = torch.optim.SGD([w, empty], lr=0.25)
    scaler = torch.amp.GradScaler("cpu", **options)
    seen: list[Any] = [scaler.state_dict(), scaler.get_scale()]
    for factor in factors:
        optimizer.zero_grad()
        scaler.scale((w * factor).sum() + empty.sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        seen.append((scaler.state_dict(), scaler.get_scale(), w.tolist()))
    return seen


@pytest.mark.parametrize("factors", [[1.0] * 5, [1.0, INF, 1.0, 1.0, NAN, -INF, 0.5]])
@pytest.mark.parametrize("options", [{}, {"init_scale": 4.0, "growth_interval": 2, "growth_factor": 3.0}])
def test_steps(factors: list[float], options: dict[str, Any], oracle: ModuleType) -> None:
    assert trained(kagari, factors, **options) == trained(oracle, factors, **options)


def test_the_scale_stays_finite() -> None:
    scale = trained(kagari, [1e-30] * 3, init_scale=1e38, growth_interval=1, growth_factor=10.0)[-1][1]
    assert scale == pytest.approx(1e38)


def two_optimizers(torch: Any) -> list[Any]:
    """One of two optimizers has an infinite gradient: it alone leaves its step out, and the scale shrinks."""
    a, b = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    first, second = torch.optim.SGD([a], 0.5), torch.optim.Adam([b], 0.5)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    for loss in scaler.scale([a.sum(), b.sum() * INF]):
        loss.backward()
    scaler.unscale_(first)
    clipped = torch.nn.utils.clip_grad_norm_([a], 0.5).item()
    scaler.step(first)
    scaler.step(second)
    scaler.update()
    return [clipped, a.item(), b.item(), scaler.state_dict()]


def test_two_optimizers(oracle: ModuleType) -> None:
    assert two_optimizers(kagari) == two_optimizers(oracle)


def started(torch: Any, backward: bool = True) -> tuple[Any, Any, Any]:
    """A scaler after a loss, an optimizer, and its parameter."""
    w = torch.ones(2, requires_grad=True)
    scaler = torch.amp.GradScaler("cpu")
    loss = scaler.scale(w.sum())
    if backward:
        loss.backward()
    return scaler, torch.optim.SGD([w], 0.1), w


def fresh(torch: Any, **options: Any) -> Any:
    return torch.amp.GradScaler("cpu", **options)


def again(calls: str) -> Callable[[Any], Any]:
    """Several methods one after the other, of which the last fails."""

    def run(torch: Any) -> None:
        scaler, optimizer, _ = started(torch)
        for name in calls.split():
            if name == "update":
                scaler.update()
            else:
                getattr(scaler, name)(optimizer)

    return run


def half_precision(torch: Any) -> None:
    w = torch.ones(2).half().requires_grad_()
    scaler = fresh(torch, init_scale=2.0)
    scaler.scale((w * 1).sum()).backward()
    scaler.unscale_(torch.optim.SGD([w], 0.1))


REFUSED: dict[str, Callable[[Any], Any]] = {
    "growth factor": lambda t: fresh(t, growth_factor=1.0),
    "backoff factor": lambda t: fresh(t, backoff_factor=1.0),
    "update before scale": lambda t: fresh(t).update(),
    "unscale before scale": lambda t: fresh(t).unscale_(started(t)[1]),
    "step before scale": lambda t: fresh(t).step(started(t)[1]),
    "number": lambda t: fresh(t).scale(3),
    "unscale twice": again("unscale_ unscale_"),
    "step twice": again("step step"),
    "unscale after step": again("step unscale_"),
    "update without step": again("update"),
    "no gradients": lambda t: started(t, False)[0].step(started(t)[1].__class__([t.ones(1, requires_grad=True)], 0.1)),
    "closure": lambda t: started(t)[0].step(started(t)[1], closure=lambda: 0),
    "half precision": half_precision,
    "new scale of two": lambda t: started(t)[0].update(t.ones(2)),
    "new scale with gradient": lambda t: started(t)[0].update(t.ones((), requires_grad=True)),
    "empty state": lambda t: fresh(t).load_state_dict({}),
    "pickled between": lambda t: _pickled_between(t),
}


def _pickled_between(torch: Any) -> None:
    scaler, optimizer, _ = started(torch)
    scaler.step(optimizer)
    pickle.dumps(scaler)


@pytest.mark.parametrize("name", list(REFUSED))
def test_refused(name: str, oracle: ModuleType) -> None:
    errors = []
    for torch in (kagari, oracle):
        with pytest.raises((AssertionError, RuntimeError, ValueError)) as caught:
            REFUSED[name](torch)
        errors.append(caught.value)
    assert type(errors[0]) is type(errors[1])
    assert str(errors[0]).split("\nassert")[0] == str(errors[1])


def test_new_scale_and_state() -> None:
    scaler, optimizer, _ = started(kagari)
    scaler.step(optimizer)
    scaler.update(3.0)
    assert scaler.get_scale() == 3.0
    scaler.update(kagari.tensor(5.0))
    assert scaler.get_scale() == 5.0
    state = scaler.state_dict() | {"_growth_tracker": 7, "growth_interval": 11}
    other = fresh(kagari)
    other.load_state_dict(state)
    assert other.state_dict() == state
    scaler.load_state_dict(state)
    assert scaler.state_dict() == state == pickle.loads(pickle.dumps(scaler)).state_dict()
    scaler.set_growth_factor(4.0)
    scaler.set_backoff_factor(0.25)
    scaler.set_growth_interval(3)
    assert (scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval()) == (4.0, 0.25, 3)


def test_a_scaler_that_is_off() -> None:
    scaler = fresh(kagari, enabled=False)
    w = kagari.ones(2, requires_grad=True)
    optimizer = kagari.optim.SGD([w], 0.5)
    scaler.scale(w.sum()).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [0.5, 0.5] and scaler.get_scale() == 1.0 and scaler.state_dict() == {}
    assert scaler.step(optimizer, closure=lambda: 5.0) == 5.0
    assert not scaler.is_enabled()


def test_scaled_outputs_keep_their_form() -> None:
    scaler = fresh(kagari, init_scale=2.0)
    one = kagari.ones(())
    scaled = scaler.scale([one, (one, one)])
    assert scaled == [2, (2, 2)] and type(scaled[1]) is tuple
    assert scaler.scale(kagari.ones(1).half()).dtype is kagari.float16
    assert list(scaler.scale(x for x in [one])) == [2]


def test_an_optimizer_that_takes_out_the_scale_itself() -> None:
    class Own(kagari.optim.SGD):
        _step_supports_amp_scaling = True
        seen: list[Any] = []  # noqa: RUF012

        def step(self, closure: Any = None) -> Any:
            scale = self.grad_scale if self.grad_scale is None else self.grad_scale.item()
            self.seen.append((scale, self.found_inf.item()))
            return 7

    scaler, _, w = started(kagari)
    optimizer = Own([w], 0.1)
    assert scaler.step(optimizer) == 7 and not hasattr(optimizer, "grad_scale")
    scaler.update()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    assert Own.seen == [(65536.0, 0.0), (None, 0.0)] and w.grad.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("make", [
    lambda t: t.amp.GradScaler(), lambda t: t.cuda.amp.GradScaler(), lambda t: t.cpu.amp.GradScaler(),
])  # fmt: skip
def test_other_forms_warn_as_pytorch(make: Callable[[Any], Any], oracle: ModuleType) -> None:
    found = []
    for torch in (kagari, oracle):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            enabled = make(torch).is_enabled()
        found.append((enabled, [(w.category, str(w.message)) for w in caught]))
    assert found[0] == found[1]
