"""L-BFGS: steps by what the last gradients say about the curvature."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..autograd import enable_grad, no_grad
from ..eager import Tensor
from ..eager import operators as ops
from .optimizer import Optimizer, check_rate
from .wolfe import Point, strong_wolfe

_MEMORY = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")


class LBFGS(Optimizer):
    r"""L-BFGS: a quasi-Newton method that keeps no matrix.

    A step makes up to `max_iter` iterations. With :math:`s_i` the last steps and :math:`y_i` the changes of the
    gradient that came of them, each goes along :math:`-H g`, where :math:`H`, an estimate of the inverse of the
    Hessian, is

    .. math::
        \begin{aligned}
            H_0 &= \frac{s_n^T y_n}{y_n^T y_n} I \\
            H_i &= (I - \rho_i s_i y_i^T) H_{i-1} (I - \rho_i y_i s_i^T) + \rho_i s_i s_i^T, \quad
                \rho_i = \frac{1}{y_i^T s_i}
        \end{aligned}

    It keeps ``2 * history_size`` tensors as large as all parameters together. There can be only one group.

    Args:
        params (iterable): tensors, pairs of name and tensor, or one dictionary that describes a group.
        lr (float or Tensor): the length of an iteration's step, or where the search for it begins. Default: 1
        max_iter (int): the most iterations of a step. Default: 20
        max_eval (int, optional): the evaluations of the loss that end a step. Default: ``max_iter * 1.25``
        tolerance_grad (float): an iteration ends the step if no element of the gradient is greater. Default: 1e-7
        tolerance_change (float): and if no parameter, or not the loss, changes by more. Default: 1e-9
        history_size (int): how many steps are remembered. Default: 100
        line_search_fn (str, optional): ``"strong_wolfe"``. Default: ``None``

    Source: Nocedal and Wright, *Numerical optimization* (2006), algorithms 7.4 and 7.5.

    Example::

        >>> import kagari as torch
        >>> weight = torch.tensor([3.0, -2.0], requires_grad=True)
        >>> optimizer = torch.optim.LBFGS([weight], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = ((weight - torch.tensor([1.0, 5.0])) ** 2 * torch.tensor([1.0, 10.0])).sum()
        ...     loss.backward()
        ...     return loss
        >>> loss = optimizer.step(closure)
        >>> weight
        tensor([1., 5.], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_rate(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Makes up to ``max_iter`` iterations.

        Args:
            closure (callable): computes the loss and its gradients anew. The first loss is returned.
        """
        with no_grad():
            return self._iterate(closure)

    def _iterate(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        with enable_grad():
            first = closure()
        loss, grad, evaluations = float(first), self._gradient(), 1
        state["func_evals"] += 1
        if _greatest(grad) <= group["tolerance_grad"]:
            return first
        memory: dict[str, Any] = {name: state.get(name) for name in _MEMORY}
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            self._aim(state, memory, grad)
            memory["prev_loss"], slope = loss, grad.dot(memory["d"]).item()
            if slope > -group["tolerance_change"]:
                break
            last = iteration == group["max_iter"]
            left = max(0, group["max_eval"] - evaluations)
            point, used = self._move(closure, memory, Point(0.0, loss, grad, slope), last, left)
            loss, grad = point.loss, point.grad
            evaluations += used
            state["func_evals"] += used
            if last or evaluations >= group["max_eval"] or _greatest(grad) <= group["tolerance_grad"]:
                break
            moved, tolerance = _greatest(memory["d"] * memory["t"]), group["tolerance_change"]
            if moved <= tolerance or abs(loss - memory["prev_loss"]) < tolerance:
                break
        state.update(memory)
        return first

    def _aim(self, state: dict[str, Any], memory: dict[str, Any], grad: Tensor) -> None:
        """Where to go, ``d``: minus the inverse of the Hessian, as the last steps tell it, times the gradient. And how
        far, ``t``.
        """
        lr = float(self.param_groups[0]["lr"])
        if state["n_iter"] == 1:
            t = min(1.0, 1.0 / grad.abs().sum().item()) * lr
            memory.update(d=-grad, t=t, old_dirs=[], old_stps=[], ro=[], H_diag=1)
        else:
            self._remember(memory, grad - memory["prev_flat_grad"], memory["d"] * memory["t"])
            shares = state.setdefault("al", [None] * self.param_groups[0]["history_size"])
            steps, changes, inverses = memory["old_stps"], memory["old_dirs"], memory["ro"]
            d = -grad
            for i in reversed(range(len(steps))):
                shares[i] = steps[i].dot(d) * inverses[i]
                d = d - changes[i] * shares[i]
            d = d * memory["H_diag"]
            for i in range(len(steps)):
                d = d + steps[i] * (shares[i] - changes[i].dot(d) * inverses[i])
            memory.update(d=d, t=lr)
        memory["prev_flat_grad"] = grad

    def _remember(self, memory: dict[str, Any], change: Tensor, step: Tensor) -> None:
        """Adds the last step, and the change of the gradient that it brought, if the loss curves upwards there."""
        curvature = change.dot(step)
        if curvature.item() <= 1e-10:
            return
        for name, value in (("old_dirs", change), ("old_stps", step), ("ro", 1.0 / curvature)):
            if len(memory[name]) == self.param_groups[0]["history_size"]:
                memory[name].pop(0)
            memory[name].append(value)
        memory["H_diag"] = curvature / change.dot(change)

    def _move(
        self, closure: Callable[[], Any], memory: dict[str, Any], start: Point, last: bool, left: int
    ) -> tuple[Point, int]:
        """Goes along the direction; the point that is reached, and how often the loss was evaluated.

        Without a search the loss at the end of the `last` iteration is not asked for; a search has `left` evaluations.
        """
        search, params = self.param_groups[0]["line_search_fn"], self.param_groups[0]["params"]
        direction = memory["d"]
        if search is None:
            self._go(params, memory["t"], direction)
            return (start, 0) if last else (self._evaluate(closure, memory["t"], direction), 1)
        if search != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        origin = [param.clone() for param in params]

        def evaluate(t: float) -> Point:
            self._go(origin, t, direction)
            return self._evaluate(closure, t, direction)

        point, evaluations = strong_wolfe(evaluate, start, memory["t"], _greatest(direction), 1e-9, left)
        self._go(origin, point.t, direction)
        memory["t"] = point.t
        return point, evaluations

    def _evaluate(self, closure: Callable[[], Any], t: float, direction: Tensor) -> Point:
        with enable_grad():
            loss = closure()
        grad = self._gradient()
        return Point(t, float(loss), grad, grad.dot(direction).item())

    def _gradient(self) -> Tensor:
        """The gradients of all parameters in one row."""
        params = self.param_groups[0]["params"]
        grads = [ops.zeros_like(p) if p.grad is None else p.grad.to_dense() for p in params]
        return ops.cat([_numbers(grad).reshape(-1) for grad in grads])

    def _go(self, origin: list[Tensor], t: float, direction: Tensor) -> None:
        """Sets the parameters to the point that is `t` along the direction."""
        offset = 0
        for param, begin in zip(self.param_groups[0]["params"], origin, strict=True):
            numbers, begin = _numbers(param), _numbers(begin)
            count = numbers.numel()
            numbers.copy_(begin + direction[offset : offset + count].view(numbers.shape) * t)
            offset += count


def _numbers(x: Tensor) -> Tensor:
    """A tensor of real numbers, as which a complex one is seen."""
    return ops.view_as_real(x) if x.is_complex() else x


def _greatest(x: Tensor) -> float:
    """The absolute value of the greatest element."""
    return x.abs().max().item()


__all__ = ["LBFGS"]
