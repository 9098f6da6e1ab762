"""Adam: steps of a size that the gradients' own moments choose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..eager import Tensor, fused
from ..eager import operators as ops
from .optimizer import Optimizer, check_implementation, one_element

_adam_step = fused.adam_step


class Adam(Optimizer):
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
        convergence of
    Adam and beyond* (2018) for ``amsgrad``.

    Example::

        >>> import kagari as torch
        >>> weight = torch.ones(1, requires_grad=True)
        >>> optimizer = torch.optim.Adam([weight], lr=0.25)
        >>> (weight * weight).sum().backward()
        >>> optimizer.step()
        >>> round(weight.item(), 4)
        0.75
    """

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
        if isinstance(lr, Tensor):
            if foreach and not capturable:
                raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
            if lr.numel() != 1:
                raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        for index, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {index}: {beta}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
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

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name in ("amsgrad", "maximize", "capturable", "differentiable", "decoupled_weight_decay"):
                group.setdefault(name, False)
            for name in ("foreach", "fused"):
                group.setdefault(name, None)
        # Counted as a number, saved as a tensor: see `_saved_state`.
        for values in self.state.values():
            if "step" in values:
                values["step"] = int(values["step"])

    def _saved_state(self, values: dict[str, Any]) -> dict[str, Any]:
        # PyTorch's files hold the step as a tensor. Counting up a tensor for each parameter would cost more than the
        # update.
        return {**values, "step": ops.full((), float(values["step"]))} if "step" in values else values

    def _update(self) -> None:
        for group in self.param_groups:
            params, grads, states = [], [], []
            for param in group["params"]:
                grad = param.grad
                if grad is not None:
                    state = self.state[param]
                    if not state:
                        _begin(state, param.detach(), group["amsgrad"])
                    state["step"] += 1
                    params.append(param)
                    grads.append(grad)
                    states.append(state)
            if not params:
                continue
            if group["differentiable"]:
                _update_differentiably(group, params, grads, states)
                continue
            steps = [state["step"] for state in states]
            beta1, beta2 = group["betas"]
            amsgrad = group["amsgrad"]
            _adam_step(
                params,
                grads,
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [state["max_exp_avg_sq"] for state in states] if amsgrad else None,
                step=steps[0] if steps.count(steps[0]) == len(steps) else steps,
                lr=one_element(group["lr"]),
                beta1=one_element(beta1),
                beta2=one_element(beta2),
                eps=group["eps"],
                weight_decay=one_element(group["weight_decay"]),
                decoupled=group["decoupled_weight_decay"],
                amsgrad=amsgrad,
                maximize=group["maximize"],
            )


def _begin(state: dict[str, Any], param: Tensor, amsgrad: bool) -> None:
    state["step"] = 0
    state["exp_avg"] = ops.zeros_like(param)
    state["exp_avg_sq"] = ops.zeros_like(param)
    if amsgrad:
        state["max_exp_avg_sq"] = ops.zeros_like(param)


def _update_differentiably(
    group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
) -> None:
    """The equations above in ordinary operations, which autograd records."""
    lr, weight_decay = group["lr"], group["weight_decay"]
    beta1, beta2 = group["betas"]
    for param, grad, state in zip(params, grads, states, strict=True):
        if group["maximize"]:
            grad = -grad
        if group["decoupled_weight_decay"]:
            param.mul_(1 - lr * weight_decay)
        elif weight_decay != 0:
            grad = grad + param * weight_decay
        mean = state["exp_avg"] = state["exp_avg"] * beta1 + grad * (1 - beta1)
        square = state["exp_avg_sq"] = state["exp_avg_sq"] * beta2 + grad * grad * (1 - beta2)
        if group["amsgrad"]:
            square = state["max_exp_avg_sq"] = ops.maximum(state["max_exp_avg_sq"], square)
        mean = mean / (1 - beta1 ** state["step"])
        deviation = (square / (1 - beta2 ** state["step"])).sqrt() + group["eps"]
        param.sub_(mean / deviation * lr)


__all__ = ["Adam"]
