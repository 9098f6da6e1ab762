"""Adadelta: steps in the unit of the parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..eager import Tensor
from ..eager import fused as rules
from .elementwise import Elementwise
from .optimizer import check_not_negative, check_rate, option


class Adadelta(Elementwise):
    r"""Adadelta: running means of the squares of steps and gradients choose the size of each step.

    With learning rate :math:`\gamma`, decay rate :math:`\rho` and weight decay :math:`\lambda`:

    .. math::
        \begin{aligned}
            g_t &= \nabla f(\theta_{t-1}) + \lambda \theta_{t-1} \\
            v_t &= \rho v_{t-1} + (1 - \rho) g_t^2 \\
            d_t &= \frac{\sqrt{u_{t-1} + \epsilon}}{\sqrt{v_t + \epsilon}} \, g_t \\
            u_t &= \rho u_{t-1} + (1 - \rho) d_t^2 \\
            \theta_t &= \theta_{t-1} - \gamma d_t
        \end{aligned}

    All parameters of a group are changed by one kernel.

    Args:
        params (iterable): tensors, pairs of name and tensor, or dictionaries that describe groups.
        lr (float or Tensor): :math:`\gamma`. Default: 1.0
        rho (float): :math:`\rho`. Default: 0.9
        eps (float): :math:`\epsilon`. Default: 1e-6
        weight_decay (float): :math:`\lambda`, an L2 penalty. Default: 0
        maximize (bool): climbs instead of descending. Default: ``False``
        foreach, capturable: accepted for PyTorch's sake; a step is always fused.
        differentiable (bool): lets gradients flow through the step, which is then not fused. Default: ``False``

    Source: Zeiler, *ADADELTA: an adaptive learning rate method* (2012).

    Example::

        >>> import kagari as torch
        >>> weight = torch.ones(1, requires_grad=True)
        >>> optimizer = torch.optim.Adadelta([weight], rho=0.75, eps=1.0)
        >>> (weight * weight).sum().backward()
        >>> optimizer.step()
        >>> round(weight.item(), 4)
        -0.4142
    """

    _rule = staticmethod(rules.adadelta)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_not_negative(eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _tensors(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")

    def _equation(self, group: dict[str, Any], clock: int) -> tuple[tuple[bool, ...], tuple[Any, ...]]:
        rho, decay = group["rho"], group["weight_decay"]
        return (decay != 0, group["maximize"]), (option(group, "lr"), rho, 1 - rho, group["eps"], decay)


__all__ = ["Adadelta"]
