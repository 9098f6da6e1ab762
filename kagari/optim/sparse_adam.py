"""Adam for parameters of which each step changes a few rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..autograd import no_grad
from ..eager import Tensor
from ..eager import operators as ops
from .elementwise import with_values
from .optimizer import Optimizer, check_betas


class SparseAdam(Optimizer):
    r"""Adam for sparse gradients: moments and parameters change where the gradient has elements, and nowhere else.

    With learning rate :math:`\gamma` and decay rates :math:`\beta_1, \beta_2`, at each place that the gradient has:

    .. math::
        \begin{aligned}
            m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t \\
            v_t &= \beta_2 v_{t-1} + (1 - \beta_2) g_t^2 \\
            \theta_t &= \theta_{t-1} - \gamma \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}
                \frac{m_t}{\sqrt{v_t} + \epsilon}
        \end{aligned}

    Args:
        params (iterable): dense tensors, pairs of name and tensor, or dictionaries that describe groups.
        lr (float or Tensor): :math:`\gamma`. Default: 1e-3
        betas (tuple): :math:`\beta_1, \beta_2`. Default: (0.9, 0.999)
        eps (float): :math:`\epsilon`. Default: 1e-8
        maximize (bool): climbs instead of descending. Default: ``False``

    Raises ValueError for a sparse parameter, and RuntimeError for a dense gradient.

    Source: Kingma and Ba, *Adam: a method for stochastic optimization* (2015).

    Example::

        >>> import kagari as torch
        >>> table = torch.nn.Embedding(10, 3, sparse=True)
        >>> optimizer = torch.optim.SparseAdam(table.parameters())
        >>> table(torch.tensor([1, 4])).sum().backward()
        >>> optimizer.step()
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        if not lr > 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps > 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        sparse = [
            [i, k]
            for i, group in enumerate(self.param_groups)
            for k, param in enumerate(group["params"])
            if param.is_sparse
        ]
        if sparse:
            raise ValueError(f"Sparse params at indices {sparse}: SparseAdam requires dense parameter tensors")

    @no_grad()
    def _update(self) -> None:
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is None:
                    continue
                if not param.grad.is_sparse:
                    raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")
                state = self.state[param]
                if not state:
                    zeros = ops.zeros_like(param), ops.zeros_like(param)
                    state.update(step=0, exp_avg=zeros[0], exp_avg_sq=zeros[1])
                state["step"] += 1
                _move(group, param, param.grad, state)


def _move(group: dict[str, Any], param: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
    grad = (-grad if group["maximize"] else grad).coalesce()
    values, (beta1, beta2) = grad._values(), group["betas"]
    averages = []
    for name, now, beta in (("exp_avg", values, beta1), ("exp_avg_sq", values * values, beta2)):
        before = state[name].sparse_mask(grad)._values()
        change = (now - before) * (1 - beta)
        state[name].add_(with_values(grad, change))
        averages.append(before + change)
    first, second = averages
    rate = float(group["lr"]) * (1 - beta2 ** state["step"]) ** 0.5 / (1 - beta1 ** state["step"])
    param.add_(with_values(grad, first / (second.sqrt() + group["eps"])), alpha=-rate)


__all__ = ["SparseAdam"]
