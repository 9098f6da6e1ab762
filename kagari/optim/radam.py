"""RAdam: Adam that waits until it knows the gradients' variance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..eager import Tensor
from ..eager import fused as rules
from .elementwise import Elementwise
from .optimizer import check_betas, check_not_negative, check_rate, option


class RAdam(Elementwise):
    r"""RAdam: Adam whose steps are rectified by how well the variance of the gradient is known.

    With learning rate :math:`\gamma`, decay rates :math:`\beta_1, \beta_2`, weight decay :math:`\lambda` and
    :math:`\rho_\infty = 2 / (1 - \beta_2) - 1`:

    .. math::
        \begin{aligned}
            g_t &= \nabla f(\theta_{t-1}) + \lambda \theta_{t-1} \\
            m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t \\
            v_t &= \beta_2 v_{t-1} + (1 - \beta_2) g_t^2 \\
            \rho_t &= \rho_\infty - 2 t \beta_2^t / (1 - \beta_2^t) \\
            r_t &= \sqrt{\frac{(\rho_t - 4)(\rho_t - 2) \rho_\infty}{(\rho_\infty - 4)(\rho_\infty - 2) \rho_t}} \\
            \theta_t &= \theta_{t-1} - \gamma \, \frac{m_t}{1 - \beta_1^t} \cdot
                \begin{cases}
                    r_t \sqrt{1 - \beta_2^t} / (\sqrt{v_t} + \epsilon) & \rho_t > 5 \\
                    1 & \text{else}
                \end{cases}
        \end{aligned}

    With ``decoupled_weight_decay`` the gradient has no :math:`\lambda`, and :math:`\theta_{t-1}` is first multiplied
    by :math:`1 - \gamma \lambda`. All parameters of a group are changed by one kernel.

    Args:
        params (iterable): tensors, pairs of name and tensor, or dictionaries that describe groups.
        lr (float or Tensor): :math:`\gamma`. Default: 1e-3
        betas (pair of float): :math:`\beta_1, \beta_2`. Default: (0.9, 0.999)
        eps (float): :math:`\epsilon`. Default: 1e-8
        weight_decay (float): :math:`\lambda`. Default: 0
        decoupled_weight_decay (bool): shrinks the parameters instead of penalising them. Default: ``False``
        maximize (bool): climbs instead of descending. Default: ``False``
        foreach, capturable: accepted for PyTorch's sake; a step is always fused.
        differentiable (bool): lets gradients flow through the step, which is then not fused. Default: ``False``

    Source: Liu et al., *On the variance of the adaptive learning rate and beyond* (2020).

    Example::

        >>> import kagari as torch
        >>> weight = torch.ones(1, requires_grad=True)
        >>> optimizer = torch.optim.RAdam([weight], lr=0.25)
        >>> (weight * weight).sum().backward()
        >>> optimizer.step()
        >>> round(weight.item(), 4)
        0.5
    """

    _rule = staticmethod(rules.radam)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
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
        check_not_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _tensors(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def _equation(self, group: dict[str, Any], clock: int) -> tuple[tuple[bool, ...], tuple[Any, ...]]:
        (beta1, beta2), lr, decay = group["betas"], option(group, "lr"), group["weight_decay"]
        decoupled, known = group["decoupled_weight_decay"], 1 - beta2**clock
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * clock * beta2**clock / known
        rate, rectified = lr / (1 - beta1**clock), length > 5
        if rectified:
            share = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            rate = rate * (share * known) ** 0.5
        operands = (rate, group["eps"], 1 - beta1, beta2, 1 - beta2, 1 - lr * decay if decoupled else decay)
        return (decay != 0, decoupled, group["maximize"], rectified), operands


__all__ = ["RAdam"]
