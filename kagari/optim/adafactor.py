"""Adafactor: Adam's second moments, of a matrix kept as one row and one column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..autograd import no_grad
from ..eager import Tensor
from ..eager import operators as ops
from .optimizer import Optimizer, check_one_element, refuse_complex, refuse_sparse


class Adafactor(Optimizer):
    r"""Adafactor: the running mean of a matrix's squared gradient is estimated by those of its rows and columns.

    With learning rate :math:`\gamma`, decay :math:`\tau`, thresholds :math:`\epsilon_1, \epsilon_2, d`, weight decay
    :math:`\lambda` and :math:`\text{RMS}` the root of the mean of squares:

    .. math::
        \begin{aligned}
            \alpha_t &= \max(\epsilon_2, \text{RMS}(\theta_{t-1})) \min(\gamma, 1 / \sqrt t) \\
            R_t &= R_{t-1} + t^\tau (\text{mean}_{columns}(g_t^2) - R_{t-1}) \\
            C_t &= C_{t-1} + t^\tau (\text{mean}_{rows}(g_t^2) - C_{t-1}) \\
            V_t &= R_t C_t / \max(\text{mean}(R_t), \epsilon_1) \\
            u_t &= g_t / \sqrt{\max(V_t, \epsilon_1^2)} \\
            \theta_t &= (1 - \gamma \lambda) \theta_{t-1} - \alpha_t u_t / \max(1, \text{RMS}(u_t) / d)
        \end{aligned}

    Vectors keep :math:`V_t = V_{t-1} + t^\tau (g_t^2 - V_{t-1})` itself.

    Args:
        params (iterable): tensors, pairs of name and tensor, or dictionaries that describe groups.
        lr (float or Tensor): :math:`\gamma`. Default: 1e-2
        beta2_decay (float): :math:`\tau`. Default: -0.8
        eps (pair of float): :math:`\epsilon_1, \epsilon_2`; ``None`` is the dtype's own. Default: (None, 1e-3)
        d (float): the most that the mean size of an update may be. Default: 1.0
        weight_decay (float): :math:`\lambda`. Default: 0.0
        foreach: accepted for PyTorch's sake.
        maximize (bool): climbs instead of descending. Default: ``False``

    Source: Shazeer and Stern, *Adafactor: adaptive learning rates with sublinear memory cost* (2018).

    Example::

        >>> import kagari as torch
        >>> weight = torch.ones(2, 3, requires_grad=True)
        >>> optimizer = torch.optim.Adafactor([weight], lr=0.25)
        >>> (weight * weight).sum().backward()
        >>> optimizer.step()
        >>> weight[0].tolist(), optimizer.state[weight]["row_var"].shape
        ([0.75, 0.75, 0.75], torch.Size([2, 1]))
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_one_element(lr)
        if not lr >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)
            group.setdefault("maximize", False)
        for values in self.state.values():
            if "step" in values:
                values["step"] = int(values["step"])

    def _saved_state(self, values: dict[str, Any]) -> dict[str, Any]:
        return {**values, "step": ops.full((), float(values["step"]))} if "step" in values else values

    @no_grad()
    def _update(self) -> None:
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    refuse_complex(self, param)
                    refuse_sparse(self, param.grad)
                    state = self.state[param]
                    if not state:
                        state.update(_begin(param))
                    state["step"] += 1
                    _move(group, param, param.grad, state)


def _begin(param: Tensor) -> dict[str, Any]:
    """The state of a parameter before its first step."""
    if param.dim() < 2:
        return {"step": 0, "variance": ops.zeros_like(param)}
    *outer, rows, columns = param.shape
    return {"step": 0, "row_var": param.new_zeros(*outer, rows, 1), "col_var": param.new_zeros(*outer, 1, columns)}


def _move(group: dict[str, Any], param: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
    step, lr = state["step"], float(group["lr"])
    least, floor = group["eps"]
    if least is None:
        least = ops.finfo(param.dtype).eps
    grad = -grad if group["maximize"] else grad
    rate = max(floor, _rms(param)) * min(lr, step**-0.5)
    if group["weight_decay"] != 0:
        param.mul_(1 - lr * group["weight_decay"])
    variance = _variance(grad * grad, state, step ** group["beta2_decay"], least)
    update = grad * variance.clamp(min=least * least).rsqrt()
    param.sub_(update * (rate / max(1.0, _rms(update) / group["d"])))


def _variance(square: Tensor, state: dict[str, Any], weight: float, least: float) -> Tensor:
    """The running mean of the squared gradient, or its estimate by rows and columns."""
    if square.dim() < 2:
        state["variance"].lerp_(square, weight)
        return state["variance"]
    rows = state["row_var"].lerp_(square.mean(-1, keepdim=True), weight)
    columns = state["col_var"].lerp_(square.mean(-2, keepdim=True), weight)
    return rows * columns / rows.mean(-2, keepdim=True).clamp(min=least)


def _rms(x: Tensor) -> float:
    """The root of the mean of squares."""
    return (x * x).mean().sqrt().item()


__all__ = ["Adafactor"]
