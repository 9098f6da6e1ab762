"""Optimizers whose step is the same arithmetic on each element of a parameter, its gradient and its state."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar

from ..autograd import no_grad
from ..eager import Tensor, fused
from ..eager import operators as ops
from .optimizer import Optimizer

_DENSE = frozenset((Tensor,))
# Options that came later than the optimizers that have them: states saved before do not name them.
_LATER = {
    "amsgrad": False,
    "capturable": False,
    "centered": False,
    "decoupled_weight_decay": False,
    "differentiable": False,
    "foreach": None,
    "fused": None,
    "maximize": False,
    "momentum": 0,
    "nesterov": False,
}


class Elementwise(Optimizer):
    """The base of optimizers that follow a rule of :mod:`kagari.eager.fused`: one native call changes all parameters
    of a group that have made the same number of steps.

    A subclass says in ``_rule`` which rule it is, in ``_tensors`` which parts of a parameter's state the rule changes,
    in ``_begin`` with what they begin if not with zeros, and in ``_equation`` the rule's structure and operands.

    The numbers of a state, ``_numbers``, are kept as Python's and saved as tensors, as PyTorch's files have them:
    counting up a tensor for each parameter would cost more than the update.

    Example::

        >>> import kagari as torch
        >>> issubclass(torch.optim.Adam, torch.optim.elementwise.Elementwise)
        True
    """

    _rule: ClassVar[Callable[..., tuple[Any, ...]]]
    _numbers: ClassVar[tuple[str, ...]] = ("step",)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in _LATER.items():
                if name in self.defaults:
                    group.setdefault(name, value)
        for values in self.state.values():
            for name in self._numbers:
                if name in values:
                    values[name] = (int if name == "step" else float)(values[name])

    def _saved_state(self, values: dict[str, Any]) -> dict[str, Any]:
        saved = {name: ops.full((), float(values[name])) for name in self._numbers if name in values}
        return {**values, **saved}

    def _begin(self, group: dict[str, Any], param: Tensor) -> dict[str, Any]:
        """The state before a parameter's first step."""
        return {"step": 0, **{name: ops.zeros_like(param) for name in self._tensors(group)}}

    def _tensors(self, group: dict[str, Any]) -> tuple[str, ...]:
        raise NotImplementedError

    def _equation(self, group: dict[str, Any], clock: Any) -> tuple[tuple[bool, ...], Sequence[Any]]:
        raise NotImplementedError

    def _tick(self, group: dict[str, Any], states: list[dict[str, Any]]) -> list[Any]:
        """Counts the step; gives for each parameter that on which the operands of its step depend."""
        clocks = []
        for state in states:
            state["step"] = step = state["step"] + 1
            clocks.append(step)
        return clocks

    def _update(self) -> None:
        for group in self.param_groups:
            params, grads = _with_gradients(group["params"])
            if not _DENSE.issuperset(map(type, grads)):
                params, grads = self._change_sparse(group, params, grads)
            if not params:
                continue
            states = self._states(group, params)
            clocks = self._tick(group, states)
            if clocks.count(clocks[0]) == len(clocks):
                self._run(group, clocks[0], params, grads, states)
                continue
            parts: dict[Hashable, list[int]] = {}
            for i, clock in enumerate(clocks):
                parts.setdefault(clock, []).append(i)
            for clock, chosen in parts.items():
                of_params, of_grads = [params[i] for i in chosen], [grads[i] for i in chosen]
                self._run(group, clock, of_params, of_grads, [states[i] for i in chosen])

    def _change_sparse(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Changes the parameters that have a sparse gradient; gives the others."""
        dense: tuple[list[Tensor], list[Tensor]] = [], []
        for param, grad in zip(params, grads):
            if grad.is_sparse:
                with no_grad():
                    self._sparse_step(group, param, grad)
            else:
                dense[0].append(param)
                dense[1].append(grad)
        return dense

    def _sparse_step(self, group: dict[str, Any], param: Tensor, grad: Tensor) -> None:
        """Changes a parameter by its sparse gradient. Raises RuntimeError: most optimizers don't."""
        raise RuntimeError(f"{type(self).__name__} does not support sparse gradients")

    def _states(self, group: dict[str, Any], params: list[Tensor]) -> list[dict[str, Any]]:
        found = self.state
        states = [found[param] for param in params]
        for param, state in zip(params, states):
            if not state:
                state.update(self._begin(group, param.detach()))
        return states

    def _run(
        self,
        group: dict[str, Any],
        clock: Any,
        params: list[Tensor],
        grads: list[Tensor],
        states: list[dict[str, Any]],
    ) -> None:
        structure, operands = self._equation(group, clock)
        names = self._tensors(group)
        if not group["differentiable"]:
            lists = [params, grads, *[[state[name] for state in states] for name in names]]
            fused.update(self._rule, structure, operands, lists)
            return
        for param, grad, state in zip(params, grads, states, strict=True):
            tensors = (param, grad, *[state[name] for name in names])
            new, *values = fused.recorded(self._rule, structure, operands, tensors)
            param.copy_(new)
            state.update(zip(names, values, strict=True))


def _with_gradients(params: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """The parameters that have a gradient, and the gradients."""
    found, grads = [], []
    for param in params:
        grad = param.grad
        if grad is not None:
            found.append(param)
            grads.append(grad)
    return found, grads


def with_values(s: Tensor, values: Tensor) -> Tensor:
    """Values at the places of a coalesced sparse tensor."""
    return ops.sparse_coo_tensor(s._indices(), values, s.shape, is_coalesced=True, check_invariants=False)


__all__ = ["Elementwise", "with_values"]
