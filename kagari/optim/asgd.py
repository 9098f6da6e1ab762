"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..eager import Tensor
from ..eager import fused as rules
from .elementwise import Elementwise
from .optimizer import check_not_negative, check_rate


class ASGD(Elementwise):
    r"""Gradient descent with a falling rate, and the mean of the parameters it went through.

    With learning rate :math:`\gamma`, decay term :math:`\lambda_d`, power :math:`\alpha`, start of averaging
    :math:`t_0` and weight decay :math:`\lambda`:

    .. math::
        \begin{aligned}
            g_t &= \nabla f(\theta_{t-1}) + \lambda \theta_{t-1} \\
            \theta_t &= (1 - \lambda_d \eta_t) \theta_{t-1} - \eta_t g_t \\
            \bar\theta_t &= \bar\theta_{t-1} + \mu_t (\theta_t - \bar\theta_{t-1}) \\
            \eta_{t+1} &= \gamma / (1 + \lambda_d \gamma t)^\alpha, \quad \eta_1 = \gamma \\
            \mu_{t+1} &= 1 / \max(1, t - t_0), \quad \mu_1 = 1
        \end{aligned}

    The mean :math:`\bar\theta` is ``ax`` in a parameter's state. All parameters of a group are changed by one kernel.

    Args:
        params (iterable): tensors, pairs of name and tensor, or dictionaries that describe groups.
        lr (float or Tensor): :math:`\gamma`. Default: 1e-2
        lambd (float): :math:`\lambda_d`. Default: 1e-4
        alpha (float): :math:`\alpha`. Default: 0.75
        t0 (float): :math:`t_0`. Default: 1e6
        weight_decay (float): :math:`\lambda`, an L2 penalty. Default: 0
        maximize (bool): climbs instead of descending. Default: ``False``
        foreach, capturable: accepted for PyTorch's sake; a step is always fused.
        differentiable (bool): lets gradients flow through the step, which is then not fused. Default: ``False``

    Source: Polyak and Juditsky, *Acceleration of stochastic approximation by averaging* (1992).

    Example::

        >>> import kagari as torch
        >>> weight = torch.ones(1, requires_grad=True)
        >>> optimizer = torch.optim.ASGD([weight], lr=0.25, lambd=0.0)
        >>> (weight * weight).sum().backward()
        >>> optimizer.step()
        >>> weight.item(), optimizer.state[weight]["ax"].item()
        (0.5, 0.5)
    """

    _rule = staticmethod(rules.asgd)
    _numbers = ("step", "eta", "mu")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_rate(lr)
        check_not_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        return {"step": 0, "eta": float(group["lr"]), "mu": 1.0, **super()._begin(group, param)}

    def _tensors(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("ax",)

    def _tick(self, group: dict[str, Any], states: list[dict[str, Any]]) -> list[Any]:
        clocks = [(state["eta"], state["mu"]) for state in states]
        steps = super()._tick(group, states)
        following = {step: _following(group, step) for step in set(steps)}
        for step, state in zip(steps, states, strict=True):
            state["eta"], state["mu"] = following[step]
        return clocks

    def _equation(self, group: dict[str, Any], clock: tuple[float, float]) -> tuple[tuple[bool, ...], tuple[Any, ...]]:
        (eta, mu), decay = clock, group["weight_decay"]
        operands = (eta, 1 - group["lambd"] * eta, mu, decay)
        return (decay != 0, group["maximize"], mu == 1), operands


def _following(group: dict[str, Any], step: int) -> tuple[float, float]:
    """The rate, and the share of the new parameters in the mean, of the step after this one."""
    lr = float(group["lr"])
    return lr / (1 + group["lambd"] * lr * step) ** group["alpha"], 1 / max(1, step - group["t0"])


__all__ = ["ASGD"]
