"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..eager import Tensor, fused
from ..eager import operators as ops
from .optimizer import Optimizer, check_implementation, one_element

_sgd_step = fused.sgd_step


class SGD(Optimizer):
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
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
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

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, default in (("nesterov", False), ("maximize", False), ("foreach", None), ("fused", None)):
                group.setdefault(name, default)
            group.setdefault("differentiable", False)

    def _update(self) -> None:
        for group in self.param_groups:
            params, grads = [], []
            for param in group["params"]:
                grad = param.grad
                if grad is not None:
                    params.append(param)
                    grads.append(grad)
            if not params:
                continue
            if group["differentiable"]:
                self._update_differentiably(group, params, grads)
            elif group["momentum"] == 0:
                _run(group, params, grads, None, False)
            else:
                self._update_with_momentum(group, params, grads)

    def _update_with_momentum(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        states = [self.state[param] for param in params]
        new = [i for i, state in enumerate(states) if state.get("momentum_buffer") is None]
        if new:
            # A parameter that gets its first gradient starts with it; the others go on.
            for i in new:
                states[i]["momentum_buffer"] = ops.empty_like(params[i].detach())
            buffers = [states[i]["momentum_buffer"] for i in new]
            _run(group, [params[i] for i in new], [grads[i] for i in new], buffers, True)
            old = sorted({*range(len(params))} - {*new})
            params, grads, states = ([values[i] for i in old] for values in (params, grads, states))
        if params:
            _run(group, params, grads, [state["momentum_buffer"] for state in states], False)

    def _update_differentiably(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        """The equations above in ordinary operations, which autograd records."""
        for param, grad in zip(params, grads, strict=True):
            if group["maximize"]:
                grad = -grad
            if group["weight_decay"] != 0:
                grad = grad + param * group["weight_decay"]
            if group["momentum"] != 0:
                state = self.state[param]
                buffer = state.get("momentum_buffer")
                buffer = grad if buffer is None else buffer * group["momentum"] + grad * (1 - group["dampening"])
                state["momentum_buffer"] = buffer
                grad = grad + buffer * group["momentum"] if group["nesterov"] else buffer
            param.sub_(grad * group["lr"])


def _run(
    group: dict[str, Any], params: list[Tensor], grads: list[Tensor], buffers: list[Tensor] | None, first: bool
) -> None:
    _sgd_step(
        params,
        grads,
        buffers,
        lr=one_element(group["lr"]),
        momentum=group["momentum"],
        dampening=group["dampening"],
        weight_decay=one_element(group["weight_decay"]),
        nesterov=group["nesterov"],
        maximize=group["maximize"],
        first=first,
    )


__all__ = ["SGD"]
