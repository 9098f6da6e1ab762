"""Schedules that functions of the epoch describe."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

from ..optimizer import Optimizer
from .base import Rate, Schedule

Function = Callable[[int], float]


class _OfFunctions(Schedule):
    """Keeps one function for each group. Functions are not saved, but what objects with a call know is."""

    lr_lambdas: list[Function]

    def __init__(self, optimizer: Optimizer, lr_lambda: Function | Sequence[Function], last_epoch: int = -1) -> None:
        self.optimizer = optimizer
        count = len(optimizer.param_groups)
        if not isinstance(lr_lambda, (list, tuple)):
            self.lr_lambdas = [lr_lambda] * count  # type: ignore[list-item]
        elif len(lr_lambda) != count:
            raise ValueError(f"Expected {count} lr_lambdas, but got {len(lr_lambda)}")
        else:
            self.lr_lambdas = list(lr_lambda)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        state = {name: value for name, value in super().state_dict().items() if name != "lr_lambdas"}
        state["lr_lambdas"] = [None if isinstance(f, types.FunctionType) else vars(f).copy() for f in self.lr_lambdas]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "lr_lambdas"})
        for function, known in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if known is not None:
                vars(function).update(known)


class LambdaLR(_OfFunctions):
    r"""The initial rate times a function of the epoch: :math:`\gamma_t = \gamma_0 f(t)`.

    Args:
        optimizer (Optimizer): whose rates are changed.
        lr_lambda (function or list): :math:`f`, or one function for each group.
        last_epoch (int): the epoch to go on after; -1 begins. Default: -1

    Example::

        >>> import kagari as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (epoch + 1))
        >>> optimizer.step(); scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def _rates(self) -> list[Rate]:
        return [base * function(self.last_epoch) for function, base in zip(self.lr_lambdas, self.base_lrs, strict=True)]


class MultiplicativeLR(_OfFunctions):
    r"""The rate of the epoch before times a function of the epoch: :math:`\gamma_t = \gamma_{t-1} f(t)`.

    Args:
        optimizer (Optimizer): whose rates are changed.
        lr_lambda (function or list): :math:`f`, or one function for each group.
        last_epoch (int): the epoch to go on after; -1 begins. Default: -1

    Example::

        >>> import kagari as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = torch.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.5)
        >>> for epoch in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.125]
    """

    def _rates(self) -> list[Rate]:
        pairs = zip(self.lr_lambdas, self.optimizer.param_groups, strict=True)
        if self._is_initial:
            return [group["lr"] for _, group in pairs]
        return [group["lr"] * function(self.last_epoch) for function, group in pairs]


__all__ = ["LambdaLR", "MultiplicativeLR"]
