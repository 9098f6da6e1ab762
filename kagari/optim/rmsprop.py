"""RMSprop: steps divided by a running root mean square of the gradient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..eager import Tensor
from ..eager import fused as rules
from .elementwise import Elementwise
from .optimizer import check_not_negative, check_rate, option


class RMSprop(Elementwise):
    r"""RMSprop: the gradient divided by the root of a running mean of its square.

    With learning rate :math:`\gamma`, smoothing :math:`\alpha`, momentum :math:`\mu` and weight decay :math:`\lambda`:

    .. math::
        \begin{aligned}
            g_t &= \nabla f(\theta_{t-1}) + \lambda \theta_{t-1} \\
            v_t &= \alpha v_{t-1} + (1 - \alpha) g_t^2 \\
            b_t &= \mu b_{t-1} + g_t / (\sqrt{v_t} + \epsilon) \\
            \theta_t &= \theta_{t-1} - \gamma b_t
        \end{aligned}

    With ``centered``, the variance :math:`v_t - \bar g_t^2` takes the place of :math:`v_t` in the third line, where
    :math:`\bar g_t = \alpha \bar g_{t-1} + (1 - \alpha) g_t`. All parameters of a group are changed by one kernel.

    Args:
        params (iterable): tensors, pairs of name and tensor, or dictionaries that describe groups.
        lr (float or Tensor): :math:`\gamma`. Default: 1e-2
        alpha (float): :math:`\alpha`. Default: 0.99
        eps (float): :math:`\epsilon`. Default: 1e-8
        weight_decay (float): :math:`\lambda`, an L2 penalty. Default: 0
        momentum (float): :math:`\mu`. Default: 0
        centered (bool): whether the gradient is divided by its deviation. Default: ``False``
        maximize (bool): climbs instead of descending. Default: ``False``
        foreach, capturable: accepted for PyTorch's sake; a step is always fused.
        differentiable (bool): lets gradients flow through the step, which is then not fused. Default: ``False``

    Sources: Tieleman and Hinton, *Neural networks for machine learning*, lecture 6.5 (2012); Graves, *Generating
    sequences with recurrent neural networks* (2013) for ``centered``.

    Example::

        >>> import kagari as torch
        >>> weight = torch.ones(1, requires_grad=True)
        >>> optimizer = torch.optim.RMSprop([weight], lr=0.25, alpha=0.75)
        >>> (weight * weight).sum().backward()
        >>> optimizer.step()
        >>> round(weight.item(), 4)
        0.5
    """

    _rule = staticmethod(rules.rmsprop)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        check_not_negative(eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _tensors(self, group: dict[str, Any]) -> tuple[str, ...]:
        buffer = ("momentum_buffer",) if group["momentum"] > 0 else ()
        mean = ("grad_avg",) if group["centered"] else ()
        return ("square_avg", *buffer, *mean)

    def _equation(self, group: dict[str, Any], clock: int) -> tuple[tuple[bool, ...], tuple[Any, ...]]:
        alpha, momentum, decay = group["alpha"], group["momentum"], group["weight_decay"]
        operands = (option(group, "lr"), alpha, 1 - alpha, group["eps"], momentum, decay)
        return (decay != 0, group["maximize"], momentum > 0, group["centered"]), operands


__all__ = ["RMSprop"]
