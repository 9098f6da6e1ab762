"""Muon: momentum made orthogonal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..autograd import no_grad
from ..base.dtypes import bfloat16
from ..eager import Tensor
from ..eager import operators as ops
from .optimizer import Optimizer, check_one_element, refuse_complex, refuse_sparse


class Muon(Optimizer):
    r"""Muon: steps along the orthogonal matrix that is nearest to the momentum of a matrix.

    With learning rate :math:`\gamma`, momentum :math:`\mu` and weight decay :math:`\lambda`:

    .. math::
        \begin{aligned}
            b_t &= \mu b_{t-1} + (1 - \mu) g_t \\
            X_0 &= m_t / \|m_t\|, \quad m_t = \mu b_t + (1 - \mu) g_t \\
            X_{i+1} &= a X_i + b \, (X_i X_i^T) X_i + c \, (X_i X_i^T)^2 X_i \\
            \theta_t &= (1 - \gamma \lambda) \theta_{t-1} - \gamma r X_k
        \end{aligned}

    The iteration, after Newton and Schulz and in bfloat16, brings all singular values near 1. Without ``nesterov``,
    :math:`m_t = b_t`. For a matrix of :math:`m \times n`, :math:`r = \sqrt{\max(1, m / n)}`; for
    ``"match_rms_adamw"``, :math:`r = 0.2 \sqrt{\max(m, n)}`, which makes steps as large as AdamW's.

    Args:
        params (iterable): matrices, pairs of name and matrix, or dictionaries that describe groups.
        lr (float or Tensor): :math:`\gamma`. Default: 1e-3
        weight_decay (float): :math:`\lambda`. Default: 0.1
        momentum (float): :math:`\mu`. Default: 0.95
        nesterov (bool): whether the momentum is looked at ahead. Default: ``True``
        ns_coefficients (three floats): :math:`a, b, c`. Default: (3.4445, -4.775, 2.0315)
        eps (float): the least norm that is divided by. Default: 1e-7
        ns_steps (int): :math:`k`, below 100. Default: 5
        adjust_lr_fn (str, optional): ``"original"`` or ``"match_rms_adamw"``. Default: ``"original"``

    Sources: Jordan et al., *Muon: an optimizer for hidden layers in neural networks* (2024); Liu et al., *Muon is
    scalable for LLM training* (2025).

    Example::

        >>> import kagari as torch
        >>> weight = torch.eye(2).requires_grad_()
        >>> optimizer = torch.optim.Muon([weight], lr=0.5, weight_decay=0.0)
        >>> weight.grad = torch.tensor([[2.0, 0.0], [0.0, -3.0]])
        >>> optimizer.step()
        >>> (weight[0, 0] < 0.75).item(), (weight[1, 1] > 1.25).item()
        (True, True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_one_element(lr)
        if not lr >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not momentum >= 0.0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                if param.dim() != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {param.size()}"
                    )

    @no_grad()
    def _update(self) -> None:
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    refuse_complex(self, param)
                    refuse_sparse(self, param.grad)
                    state = self.state[param]
                    if not state:
                        state["momentum_buffer"] = ops.zeros_like(param.grad)
                    _move(group, param, param.grad, state["momentum_buffer"])


def _move(group: dict[str, Any], param: Tensor, grad: Tensor, buffer: Tensor) -> None:
    momentum, lr = group["momentum"], float(group["lr"])
    buffer.lerp_(grad, 1 - momentum)
    update = _orthogonal(group, grad.lerp(buffer, momentum) if group["nesterov"] else buffer)
    rows, columns = param.shape
    like_adamw = group["adjust_lr_fn"] == "match_rms_adamw"
    ratio = 0.2 * math.sqrt(max(rows, columns)) if like_adamw else math.sqrt(max(1, rows / columns))
    param.mul_(1 - lr * group["weight_decay"])
    param.add_(update, alpha=-lr * ratio)


def _orthogonal(group: dict[str, Any], matrix: Tensor) -> Tensor:
    """The iteration after Newton and Schulz."""
    if group["ns_steps"] >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(group["ns_coefficients"]) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = group["ns_coefficients"]
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix.to(bfloat16) if wide else matrix.to(bfloat16).T
    x = x / (x * x).sum().sqrt().clamp(min=group["eps"])
    for _ in range(group["ns_steps"]):
        square = x @ x.T
        x = ops.addmm(x, ops.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x if wide else x.T).to(matrix.dtype)


__all__ = ["Muon"]
