"""Schedules that give an epoch a share of the initial rate.

A schedule says in `_share` which share an epoch has. From one epoch to the next it multiplies the rate by the quotient
of their shares, so that schedules can be chained: what another one did to the rate is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import ClassVar

from ..optimizer import Optimizer
from .base import Rate, Schedule


class _Shares(Schedule):
    """The rate of the epoch before times the quotient of the shares, where they differ."""

    # Whether the epoch in which a schedule is resumed changes the rate that the optimizer was saved with.
    _changes_when_resumed: ClassVar[bool] = True

    def _share(self, epoch: int) -> float:
        raise NotImplementedError

    def _factor(self) -> float:
        before, now = self._share(self.last_epoch - 1) if self.last_epoch > 0 else 1, self._share(self.last_epoch)
        return 1 if before == now else now / before

    def _rates(self) -> list[Rate]:
        resumed = self._is_initial and self.last_epoch > 0
        factor = 1 if resumed and not self._changes_when_resumed else self._factor()
        return [group["lr"] if factor == 1 else group["lr"] * factor for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Rate]:
        return [base * self._share(self.last_epoch) for base in self.base_lrs]


class StepLR(_Shares):
    r"""The rate times :math:`\alpha` after every `step_size` epochs: the share :math:`\alpha^{\lfloor t / s \rfloor}`.

    Args:
        optimizer (Optimizer): whose rates are changed.
        step_size (int): :math:`s`.
        gamma (float): :math:`\alpha`. Default: 0.1
        last_epoch (int): the epoch to go on after; -1 begins. Default: -1

    Example::

        >>> import kagari as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
        >>> for epoch in range(4):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _share(self, epoch: int) -> float:
        return self.gamma ** (epoch // self.step_size)


class MultiStepLR(_Shares):
    r"""The rate times :math:`\alpha` at each milestone: the share :math:`\alpha^n` after :math:`n` of them.

    Args:
        optimizer (Optimizer): whose rates are changed.
        milestones (iterable of int): epochs; one that is there twice counts twice.
        gamma (float): :math:`\alpha`. Default: 0.1
        last_epoch (int): the epoch to go on after; -1 begins. Default: -1

    Example::

        >>> import kagari as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
        >>> for epoch in range(2):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _share(self, epoch: int) -> float:
        return self.gamma ** sum(1 for milestone in self.milestones.elements() if milestone <= epoch)


class ConstantLR(_Shares):
    r"""A share :math:`f` of the rate at first, and all of it from epoch :math:`T` on.

    Args:
        optimizer (Optimizer): whose rates are changed.
        factor (float): :math:`f`, between 0 and 1. Default: 1/3
        total_iters (int): :math:`T`. Default: 5
        last_epoch (int): the epoch to go on after; -1 begins. Default: -1

    Example::

        >>> import kagari as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
        >>> rates = scheduler.get_last_lr()
        >>> for epoch in range(2):
        ...     optimizer.step()
        ...     scheduler.step()
        ...     rates = rates + scheduler.get_last_lr()
        >>> rates
        [0.5, 0.5, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if factor > 1.0 or factor < 0:
            raise ValueError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _share(self, epoch: int) -> float:
        return 1.0 if epoch >= self.total_iters > 0 else self.factor


class LinearLR(_Shares):
    r"""A share of the rate that goes from :math:`a` to :math:`b` in :math:`T` epochs:
    :math:`a + (b - a) \min(t, T) / T`.

    Args:
        optimizer (Optimizer): whose rates are changed.
        start_factor (float): :math:`a`, above 0 and at most 1. Default: 1/3
        end_factor (float): :math:`b`, between 0 and 1. Default: 1.0
        total_iters (int): :math:`T`. Default: 5
        last_epoch (int): the epoch to go on after; -1 begins. Default: -1

    Example::

        >>> import kagari as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2)
        >>> rates = scheduler.get_last_lr()
        >>> for epoch in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        ...     rates = rates + scheduler.get_last_lr()
        >>> rates
        [0.5, 0.75, 1.0, 1.0]
    """

    _changes_when_resumed = False

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if start_factor > 1.0 or start_factor <= 0:
            raise ValueError("Starting multiplicative factor expected to be greater than 0 and less or equal to 1.")
        if end_factor > 1.0 or end_factor < 0:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _share(self, epoch: int) -> float:
        return self.start_factor + (self.end_factor - self.start_factor) * _progress(epoch, self.total_iters)


class ExponentialLR(_Shares):
    r"""The rate times :math:`\alpha` in every epoch: the share :math:`\alpha^t`.

    Args:
        optimizer (Optimizer): whose rates are changed.
        gamma (float): :math:`\alpha`.
        last_epoch (int): the epoch to go on after; -1 begins. Default: -1

    Example::

        >>> import kagari as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
        >>> for epoch in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.125]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _share(self, epoch: int) -> float:
        return self.gamma**epoch

    def _factor(self) -> float:
        # The quotient of the shares, but for the rounding, and however far they are.
        return 1 if self._is_initial else self.gamma


class PolynomialLR(_Shares):
    r"""A share that falls to zero in :math:`T` epochs: :math:`(1 - \min(t, T) / T)^p`.

    Args:
        optimizer (Optimizer): whose rates are changed.
        total_iters (int): :math:`T`. Default: 5
        power (float): :math:`p`. Default: 1.0
        last_epoch (int): the epoch to go on after; -1 begins. Default: -1

    Example::

        >>> import kagari as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=4)
        >>> for epoch in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> round(scheduler.get_last_lr()[0], 6)
        0.25
    """

    _changes_when_resumed = False

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def _share(self, epoch: int) -> float:
        return (1.0 - _progress(epoch, self.total_iters)) ** self.power


def _progress(epoch: int, total: int) -> float:
    """How much of `total` epochs is over."""
    return min(epoch, total) / total if total else 0.0


__all__ = ["ConstantLR", "ExponentialLR", "LinearLR", "MultiStepLR", "PolynomialLR", "StepLR"]
