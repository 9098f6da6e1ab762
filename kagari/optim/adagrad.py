"""Adagrad: a learning rate for each element, which its past gradients make smaller."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..eager import Tensor
from ..eager import fused as rules
from .elementwise import Elementwise, with_values
from .optimizer import check_implementation, check_not_negative, check_rate, filled_like, option


class Adagrad(Elementwise):
    r"""Adagrad: the gradient divided by the root of the sum of all its squares so far.

    With learning rate :math:`\gamma`, its decay :math:`\eta`, weight decay :math:`\lambda` and a first sum
    :math:`s_0 = \tau`:

    .. math::
        \begin{aligned}
            g_t &= \nabla f(\theta_{t-1}) + \lambda \theta_{t-1} \\
            s_t &= s_{t-1} + g_t^2 \\
            \theta_t &= \theta_{t-1} - \frac{\gamma}{1 + (t - 1) \eta} \, \frac{g_t}{\sqrt{s_t} + \epsilon}
        \end{aligned}

    All parameters of a group are changed by one kernel.

    Args:
        params (iterable): tensors, pairs of name and tensor, or dictionaries that describe groups.
        lr (float or Tensor): :math:`\gamma`. Default: 1e-2
        lr_decay (float): :math:`\eta`. Default: 0
        weight_decay (float): :math:`\lambda`, an L2 penalty. Default: 0
        initial_accumulator_value (float): :math:`\tau`. Default: 0
        eps (float): :math:`\epsilon`. Default: 1e-10
        maximize (bool): climbs instead of descending. Default: ``False``
        foreach, fused: accepted for PyTorch's sake; a step is always fused.
        differentiable (bool): lets gradients flow through the step, which is then not fused. Default: ``False``

    Source: Duchi, Hazan and Singer, *Adaptive subgradient methods for online learning and stochastic optimization*
    (2011).

    Example::

        >>> import kagari as torch
        >>> weight = torch.ones(1, requires_grad=True)
        >>> optimizer = torch.optim.Adagrad([weight], lr=0.25)
        >>> (weight * weight).sum().backward()
        >>> optimizer.step()
        >>> weight.item()
        0.75
    """

    _rule = staticmethod(rules.adagrad)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_rate(lr)
        check_not_negative(
            lr_decay=lr_decay, weight_decay=weight_decay, initial_accumulator_value=initial_accumulator_value, eps=eps
        )
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_implementation(foreach, fused, differentiable)
        # The sums are there from the beginning, as PyTorch's are: they may be saved before the first step.
        for group in self.param_groups:
            self._states(group, group["params"])

    def _begin(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        return {"step": 0, "sum": filled_like(param, group["initial_accumulator_value"])}

    def _sparse_step(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        if group["fused"]:
            raise RuntimeError("`fused` does not support sparse grad or complex param")
        if group["weight_decay"] != 0:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        (state,) = self._states(group, [param])
        state["step"] += 1
        grad = (-grad if group["maximize"] else grad).coalesce()
        state["sum"].add_(grad * grad)
        roots = state["sum"].sparse_mask(grad)._values().sqrt() + group["eps"]
        rate = float(group["lr"]) / (1 + (state["step"] - 1) * group["lr_decay"])
        param.add_(with_values(grad, grad._values() / roots), alpha=-rate)

    def _tensors(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("sum",)

    def _equation(self, group: dict[str, Any], clock: int) -> tuple[tuple[bool, ...], tuple[Any, ...]]:
        decay = group["weight_decay"]
        rate = option(group, "lr") / (1 + (clock - 1) * group["lr_decay"])
        return (decay != 0, group["maximize"]), (rate, group["eps"], decay)


__all__ = ["Adagrad"]
