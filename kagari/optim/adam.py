"""Adam: steps of a size that the gradients' own moments choose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..eager import Tensor
from ..eager import fused as rules
from .elementwise import Elementwise
from .optimizer import check_betas, check_implementation, check_not_negative, check_rate, option


class Adam(Elementwise):
    r"""Adam: running means of the gradient and of its square choose the size of each step.

    With learning rate :math:`\gamma`, decay rates :math:`\beta_1, \beta_2` and weight decay :math:`\lambda`:

    .. math::
        \begin{aligned}
            g_t &= \nabla f(\theta_{t-1}) + \lambda \theta_{t-1} \\
            m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t \\
            v_t &= \beta_2 v_{t-1} + (1 - \beta_2) g_t^2 \\
            \theta_t &= \theta_{t-1} - \gamma \, \frac{m_t / (1 - \beta_1^t)}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon}
        \end{aligned}

    With ``amsgrad``, the greatest :math:`v` so far takes the place of :math:`v_t` in the last line. With
    ``decoupled_weight_decay`` it is :class:`AdamW`. All parameters of a group are changed by one kernel.

    Args:
        params (iterable): tensors, pairs of name and tensor, or dictionaries that describe groups.
        lr (float or Tensor): :math:`\gamma`. Default: 1e-3
        betas (pair of float): :math:`\beta_1, \beta_2`. Default: (0.9, 0.999)
        eps (float): :math:`\epsilon`. Default: 1e-8
        weight_decay (float): :math:`\lambda`, an L2 penalty. Default: 0
        amsgrad (bool): whether steps never grow again. Default: ``False``
        maximize (bool): climbs instead of descending. Default: ``False``
        foreach, fused, capturable: accepted for PyTorch's sake; a step is always fused.
        differentiable (bool): lets gradients flow through the step, which is then not fused. Default: ``False``
        decoupled_weight_decay (bool): shrinks the parameters instead of penalising them. Default: ``False``

    Sources: Kingma and Ba, *Adam: a method for stochastic optimization* (2015); Reddi, Kale and Kumar, *On the
    convergence of Adam and beyond* (2018) for ``amsgrad``.

    Example::

        >>> import kagari as torch
        >>> weight = torch.ones(1, requires_grad=True)
        >>> optimizer = torch.optim.Adam([weight], lr=0.25)
        >>> (weight * weight).sum().backward()
        >>> optimizer.step()
        >>> round(weight.item(), 4)
        0.75
    """

    _rule = staticmethod(rules.adam)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        check_rate(lr)
        check_not_negative(eps=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
            raise ValueError("betas must be either both floats or both Tensors")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)
        check_implementation(foreach, fused, differentiable)

    def _sparse_step(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        raise RuntimeError("Adam does not support sparse gradients, please consider SparseAdam instead")

    def _tensors(self, group: dict[str, Any]) -> tuple[str, ...]:
        names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
        return names if group["amsgrad"] else names[:2]

    def _equation(self, group: dict[str, Any], clock: int) -> tuple[tuple[bool, ...], tuple[Any, ...]]:
        beta1, beta2 = group["betas"]
        if not (type(beta1) is type(beta2) is float or group["differentiable"]):
            beta1, beta2 = float(beta1), float(beta2)
        lr, decay = option(group, "lr"), option(group, "weight_decay")
        decays, decoupled = decay != 0, group["decoupled_weight_decay"]
        rate, root = lr / (1 - beta1**clock), (1 - beta2**clock) ** 0.5
        shrinks = 1 - lr * decay if decoupled else decay
        operands = (rate, root, group["eps"], 1 - beta1, beta2, 1 - beta2, shrinks)
        return (decays, decoupled, group["maximize"]), operands


__all__ = ["Adam"]
