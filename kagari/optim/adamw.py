"""AdamW: Adam with a weight decay that the gradients' moments do not see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..eager import Tensor
from .adam import Adam


class AdamW(Adam):
    r"""Adam with decoupled weight decay: parameters shrink by the same share, whatever their gradients are.

    With learning rate :math:`\gamma`, decay rates :math:`\beta_1, \beta_2` and weight decay :math:`\lambda`:

    .. math::
        \begin{aligned}
            g_t &= \nabla f(\theta_{t-1}) \\
            \theta'_t &= \theta_{t-1} - \gamma \lambda \theta_{t-1} \\
            m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t \\
            v_t &= \beta_2 v_{t-1} + (1 - \beta_2) g_t^2 \\
            \theta_t &= \theta'_t - \gamma \, \frac{m_t / (1 - \beta_1^t)}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon}
        \end{aligned}

    Args:
        params (iterable): tensors, pairs of name and tensor, or dictionaries that describe groups.
        lr (float or Tensor): :math:`\gamma`. Default: 1e-3
        betas (pair of float): :math:`\beta_1, \beta_2`. Default: (0.9, 0.999)
        eps (float): :math:`\epsilon`. Default: 1e-8
        weight_decay (float): :math:`\lambda`. Default: 1e-2
        amsgrad (bool): whether steps never grow again. Default: ``False``
        maximize (bool): climbs instead of descending. Default: ``False``
        foreach, fused, capturable: accepted for PyTorch's sake; a step is always fused.
        differentiable (bool): lets gradients flow through the step, which is then not fused. Default: ``False``

    Source: Loshchilov and Hutter, *Decoupled weight decay regularization* (2019).

    Example::

        >>> import kagari as torch
        >>> weight = torch.ones(1, requires_grad=True)
        >>> optimizer = torch.optim.AdamW([weight], lr=0.25, weight_decay=1.0)
        >>> weight.grad = torch.zeros(1)
        >>> optimizer.step()
        >>> weight.item()
        0.75
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        # States saved before the option existed do not name it.
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


__all__ = ["AdamW"]
