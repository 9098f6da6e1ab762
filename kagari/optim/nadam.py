"""NAdam: Adam with Nesterov's look ahead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..eager import Tensor
from ..eager import fused as rules
from .elementwise import Elementwise
from .optimizer import check_betas, check_not_negative, check_rate, option


class NAdam(Elementwise):
    r"""NAdam: Adam whose momentum looks one step ahead, as Nesterov's does.

    With learning rate :math:`\gamma`, decay rates :math:`\beta_1, \beta_2`, momentum decay :math:`\psi` and weight
    decay :math:`\lambda`:

    .. math::
        \begin{aligned}
            g_t &= \nabla f(\theta_{t-1}) + \lambda \theta_{t-1} \\
            \mu_t &= \beta_1 (1 - \tfrac{1}{2} \, 0.96^{t \psi}) \\
            m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t \\
            v_t &= \beta_2 v_{t-1} + (1 - \beta_2) g_t^2 \\
            \hat m_t &= \frac{\mu_{t+1} m_t}{1 - \prod_{i=1}^{t+1} \mu_i}
                + \frac{(1 - \mu_t) g_t}{1 - \prod_{i=1}^t \mu_i} \\
            \theta_t &= \theta_{t-1} - \gamma \, \frac{\hat m_t}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon}
        \end{aligned}

    With ``decoupled_weight_decay`` the gradient has no :math:`\lambda`, and :math:`\theta_{t-1}` is first multiplied
    by :math:`1 - \gamma \lambda`. All parameters of a group are changed by one kernel.

    Args:
        params (iterable): tensors, pairs of name and tensor, or dictionaries that describe groups.
        lr (float or Tensor): :math:`\gamma`. Default: 2e-3
        betas (pair of float): :math:`\beta_1, \beta_2`. Default: (0.9, 0.999)
        eps (float): :math:`\epsilon`. Default: 1e-8
        weight_decay (float): :math:`\lambda`. Default: 0
        momentum_decay (float): :math:`\psi`. Default: 4e-3
        decoupled_weight_decay (bool): shrinks the parameters instead of penalising them. Default: ``False``
        maximize (bool): climbs instead of descending. Default: ``False``
        foreach, capturable: accepted for PyTorch's sake; a step is always fused.
        differentiable (bool): lets gradients flow through the step, which is then not fused. Default: ``False``

    Source: Dozat, *Incorporating Nesterov momentum into Adam* (2016).

    Example::

        >>> import kagari as torch
        >>> weight = torch.ones(1, requires_grad=True)
        >>> optimizer = torch.optim.NAdam([weight], lr=0.25, momentum_decay=0.0)
        >>> (weight * weight).sum().backward()
        >>> optimizer.step()
        >>> round(weight.item(), 4)
        0.7359
    """

    _rule = staticmethod(rules.nadam)
    _numbers = ("step", "mu_product")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        check_not_negative(eps=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        return {"step": 0, "mu_product": 1.0, **super()._begin(group, param)}

    def _tensors(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def _tick(self, group: dict[str, Any], states: list[dict[str, Any]]) -> list[Any]:
        steps = super()._tick(group, states)
        factors = {step: _mu(group, step) for step in set(steps)}
        for step, state in zip(steps, states, strict=True):
            state["mu_product"] *= factors[step]
        return [(step, state["mu_product"]) for step, state in zip(steps, states, strict=True)]

    def _equation(self, group: dict[str, Any], clock: tuple[int, float]) -> tuple[tuple[bool, ...], tuple[Any, ...]]:
        step, product = clock
        (beta1, beta2), lr, decay = group["betas"], option(group, "lr"), group["weight_decay"]
        decoupled, now, after = group["decoupled_weight_decay"], _mu(group, step), _mu(group, step + 1)
        ahead, rate = lr * (1 - now) / (1 - product), lr * after / (1 - product * after)
        root, shrinks = (1 - beta2**step) ** 0.5, 1 - lr * decay if decoupled else decay
        operands = (ahead, rate, root, group["eps"], 1 - beta1, beta2, 1 - beta2, shrinks)
        return (decay != 0, decoupled, group["maximize"]), operands


def _mu(group: dict[str, Any], step: int) -> float:
    """The momentum of a step."""
    return group["betas"][0] * (1 - 0.5 * 0.96 ** (step * group["momentum_decay"]))


__all__ = ["NAdam"]
