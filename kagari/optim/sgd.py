"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..eager import Tensor
from ..eager import fused as rules
from ..eager import operators as ops
from .elementwise import Elementwise
from .optimizer import check_implementation, check_one_element, option


class SGD(Elementwise):
    r"""Stochastic gradient descent, with momentum if asked for.

    With learning rate :math:`\gamma`, weight decay :math:`\lambda`, momentum :math:`\mu` and dampening :math:`\tau`:

    .. math::
        \begin{aligned}
            g_t &= \nabla f(\theta_{t-1}) + \lambda \theta_{t-1} \\
            b_t &= \mu b_{t-1} + (1 - \tau) g_t, \quad b_1 = g_1 \\
            \theta_t &= \theta_{t-1} - \gamma b_t
        \end{aligned}

    Without momentum :math:`b_t = g_t`. With ``nesterov``, :math:`g_t + \mu b_t` takes the place of :math:`b_t` in the
    last line. All parameters of a group are changed by one kernel.

    Args:
        params (iterable): tensors, pairs of name and tensor, or dictionaries that describe groups.
        lr (float or Tensor): :math:`\gamma`. Default: 1e-3
        momentum (float): :math:`\mu`. Default: 0
        dampening (float): :math:`\tau`. Default: 0
        weight_decay (float): :math:`\lambda`, an L2 penalty. Default: 0
        nesterov (bool): whether the gradient is looked at ahead; needs momentum and no dampening. Default: ``False``
        maximize (bool): climbs instead of descending. Default: ``False``
        foreach, fused: accepted for PyTorch's sake; a step is always fused.
        differentiable (bool): lets gradients flow through the step, which is then not fused. Default: ``False``

    Source: Sutskever et al., *On the importance of initialization and momentum in deep learning* (2013).

    Example::

        >>> import kagari as torch
        >>> weight = torch.ones(2, requires_grad=True)
        >>> optimizer = torch.optim.SGD([weight], lr=0.25)
        >>> (weight * weight).sum().backward()
        >>> optimizer.step()
        >>> weight.tolist()
        [0.5, 0.5]
    """

    _rule = staticmethod(rules.sgd)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_one_element(lr)
        if lr < 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_implementation(foreach, fused, differentiable)

    def _sparse_step(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        if group["fused"]:
            raise RuntimeError("`_fused_sgd` does not support sparse gradients")
        grad = -grad if group["maximize"] else grad
        if group["weight_decay"] != 0:
            grad = grad + param * float(group["weight_decay"])  # which is an error, as in PyTorch
        momentum = group["momentum"]
        if momentum != 0:
            state = self.state[param]
            before = state.get("momentum_buffer")
            state["momentum_buffer"] = buffer = (
                grad.clone() if before is None else before * momentum + grad * (1 - group["dampening"])
            )
            grad = grad + buffer * momentum if group["nesterov"] else buffer
        param.add_(grad, alpha=-float(group["lr"]))

    def _states(self, group: dict[str, Any], params: list[Tensor]) -> list[dict[str, Any]]:
        # Without momentum nothing is kept, not even that there is nothing.
        return [self.state[param] for param in params] if group["momentum"] != 0 else [{}] * len(params)

    def _tick(self, group: dict[str, Any], states: list[dict[str, Any]]) -> list[bool]:
        return [state.get("momentum_buffer") is None for state in states]

    def _tensors(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] != 0 else ()

    def _run(
        self,
        group: dict[str, Any],
        clock: bool,
        params: list[Tensor],
        grads: list[Tensor],
        states: list[dict[str, Any]],
    ) -> None:
        if clock and group["momentum"] != 0:
            # What a parameter's first gradient is written over.
            for param, state in zip(params, states, strict=True):
                state["momentum_buffer"] = ops.empty_like(param.detach())
        super()._run(group, clock, params, grads, states)

    def _equation(self, group: dict[str, Any], clock: bool) -> tuple[tuple[bool, ...], tuple[Any, ...]]:
        momentum, decay = group["momentum"], option(group, "weight_decay")
        nesterov, first = (group["nesterov"], clock) if momentum != 0 else (False, False)
        operands = (option(group, "lr"), momentum, 1 - group["dampening"], decay)
        return (decay != 0, nesterov, group["maximize"], first), operands


__all__ = ["SGD"]
