"""Resilient backpropagation: steps by the signs of gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..eager import Tensor
from ..eager import fused as rules
from .elementwise import Elementwise
from .optimizer import check_rate, filled_like


class Rprop(Elementwise):
    r"""Rprop: each element has a step size of its own; it grows while the gradient keeps its sign.

    With factors :math:`\eta_-, \eta_+`, step sizes between :math:`\Gamma_{\min}` and :math:`\Gamma_{\max}` that begin
    at :math:`\gamma`, and :math:`s_t = g_{t-1} g_t`:

    .. math::
        \begin{aligned}
            \gamma_t &= \text{clamp}(\gamma_{t-1} \cdot \eta, \Gamma_{\min}, \Gamma_{\max}), \quad
                \eta = \eta_+ \text{ if } s_t > 0, \; \eta_- \text{ if } s_t < 0, \; 1 \text{ else} \\
            g_t &= 0 \text{ if } s_t < 0 \\
            \theta_t &= \theta_{t-1} - \gamma_t \, \text{sign}(g_t)
        \end{aligned}

    It is meant for gradients of the whole data set, not of batches. All parameters of a group are changed by one
    kernel.

    Args:
        params (iterable): tensors, pairs of name and tensor, or dictionaries that describe groups.
        lr (float or Tensor): :math:`\gamma`. Default: 1e-2
        etas (pair of float): :math:`\eta_-, \eta_+`. Default: (0.5, 1.2)
        step_sizes (pair of float): :math:`\Gamma_{\min}, \Gamma_{\max}`. Default: (1e-6, 50)
        maximize (bool): climbs instead of descending. Default: ``False``
        foreach, capturable: accepted for PyTorch's sake; a step is always fused.
        differentiable (bool): lets gradients flow through the step, which is then not fused. Default: ``False``

    Source: Riedmiller and Braun, *A direct adaptive method for faster backpropagation learning: the RPROP algorithm*
    (1993).

    Example::

        >>> import kagari as torch
        >>> weight = torch.ones(2, requires_grad=True)
        >>> optimizer = torch.optim.Rprop([weight], lr=0.25)
        >>> weight.grad = torch.tensor([3.0, -0.1])
        >>> optimizer.step()
        >>> weight.tolist()
        [0.75, 1.25]
    """

    _rule = staticmethod(rules.rprop)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        return {**super()._begin(group, param), "step_size": filled_like(param, float(group["lr"]))}

    def _tensors(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("prev", "step_size")

    def _equation(self, group: dict[str, Any], clock: int) -> tuple[tuple[bool, ...], tuple[Any, ...]]:
        return (group["maximize"],), (*group["etas"], *group["step_sizes"])


__all__ = ["Rprop"]
