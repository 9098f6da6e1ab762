"""Adamax: Adam with the greatest gradient in place of the mean square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..eager import Tensor
from ..eager import fused as rules
from .elementwise import Elementwise
from .optimizer import check_betas, check_not_negative, check_rate, option


class Adamax(Elementwise):
    r"""Adamax: Adam after the infinity norm, a decaying maximum of the gradient's size.

    With learning rate :math:`\gamma`, decay rates :math:`\beta_1, \beta_2` and weight decay :math:`\lambda`:

    .. math::
        \begin{aligned}
            g_t &= \nabla f(\theta_{t-1}) + \lambda \theta_{t-1} \\
            m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t \\
            u_t &= \max(\beta_2 u_{t-1}, |g_t| + \epsilon) \\
            \theta_t &= \theta_{t-1} - \frac{\gamma}{1 - \beta_1^t} \, \frac{m_t}{u_t}
        \end{aligned}

    All parameters of a group are changed by one kernel.

    Args:
        params (iterable): tensors, pairs of name and tensor, or dictionaries that describe groups.
        lr (float or Tensor): :math:`\gamma`. Default: 2e-3
        betas (pair of float): :math:`\beta_1, \beta_2`. Default: (0.9, 0.999)
        eps (float): :math:`\epsilon`. Default: 1e-8
        weight_decay (float): :math:`\lambda`, an L2 penalty. Default: 0
        maximize (bool): climbs instead of descending. Default: ``False``
        foreach, capturable: accepted for PyTorch's sake; a step is always fused.
        differentiable (bool): lets gradients flow through the step, which is then not fused. Default: ``False``

    Source: Kingma and Ba, *Adam: a method for stochastic optimization* (2015).

    Example::

        >>> import kagari as torch
        >>> weight = torch.ones(1, requires_grad=True)
        >>> optimizer = torch.optim.Adamax([weight], lr=0.25)
        >>> (weight * weight).sum().backward()
        >>> optimizer.step()
        >>> round(weight.item(), 4)
        0.75
    """

    _rule = staticmethod(rules.adamax)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_rate(lr)
        check_not_negative(eps=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _tensors(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_inf")

    def _equation(self, group: dict[str, Any], clock: int) -> tuple[tuple[bool, ...], tuple[Any, ...]]:
        (beta1, beta2), decay = group["betas"], group["weight_decay"]
        rate = option(group, "lr") / (1 - beta1**clock)
        return (decay != 0, group["maximize"]), (rate, group["eps"], 1 - beta1, beta2, decay)


__all__ = ["Adamax"]
