"""Parameters are tensors to native code: a call with them is looked up, and what it saves is watched."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari import nn
from kagari.nn import functional as F


def python_calls(compute: Callable[[], Any]) -> list[str]:
    """The Python functions that a computation runs when it is repeated."""
    for _ in range(3):
        compute()
    seen: list[str] = []
    sys.setprofile(lambda frame, event, arg: seen.append(frame.f_code.co_name) if event == "call" else None)
    try:
        compute()
    finally:
        sys.setprofile(None)
    return [name for name in seen if name not in ("<lambda>", "setprofile")]


@pytest.mark.parametrize("requires_grad", [True, False])
def test_a_repeated_call_runs_no_python(requires_grad: bool) -> None:
    weight = nn.Parameter(kagari.ones(3, 3), requires_grad=requires_grad)
    bias = nn.Parameter(kagari.ones(3), requires_grad=requires_grad)
    x = kagari.ones(2, 3)
    for compute in (
        lambda: F.linear(x, weight, bias),
        lambda: kagari.relu(weight),
        lambda: x @ weight,
        lambda: weight * 2 + bias,
    ):
        assert python_calls(compute) == []


def test_gradient_of_a_gradient_after_a_change_in_place(oracle: ModuleType) -> None:
    """Initial values are written in place: the version that counts is the one at the time of the call."""

    def gradients(torch: Any) -> list[list[float]]:
        model = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.linspace(-1, 1, parameter.numel()).reshape(parameter.shape))
        x = torch.linspace(0, 1, 6).reshape(3, 2).requires_grad_()
        (slope,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
        slope.square().sum().backward()
        return [p.grad.flatten().tolist() for p in model.parameters() if p.grad is not None]

    for ours, theirs in zip(gradients(kagari), gradients(oracle), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)


def test_a_changed_parameter_is_noticed(oracle: ModuleType) -> None:
    for torch in (kagari, oracle):
        weight = torch.nn.Parameter(torch.ones(2))
        y = (weight * weight).sum()
        with torch.no_grad():
            weight.add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.backward()
