"""Schedules that follow half a wave of the cosine."""

from __future__ import annotations

import math

from ..optimizer import Optimizer
from .base import Rate, Schedule


class CosineAnnealingLR(Schedule):
    r"""The rate falls as half a wave of the cosine in :math:`T` epochs, and rises again in the next :math:`T`:

    .. math::
        \gamma_t = \eta + (\gamma_0 - \eta) \, \frac{1 + \cos(\pi t / T)}{2}

    It is followed from one epoch to the next, so that what another schedule did to the rate is kept.

    Args:
        optimizer (Optimizer): whose rates are changed.
        T_max (int): :math:`T`.
        eta_min (float): :math:`\eta`, the least rate. Default: 0.0
        last_epoch (int): the epoch to go on after; -1 begins. Default: -1

    Source: Loshchilov and Hutter, *SGDR: stochastic gradient descent with warm restarts* (2017); without restarts.

    Example::

        >>> import kagari as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
        >>> for epoch in range(2):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> round(scheduler.get_last_lr()[0], 6)
        0.5
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def _height(self, epoch: int) -> float:
        return 1 + math.cos(math.pi * epoch / self.T_max)

    def _rates(self) -> list[Rate]:
        groups, epoch = self.optimizer.param_groups, self.last_epoch
        if self._is_initial:
            return [group["lr"] for group in groups]
        if (epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            # The wave was at zero, of which no multiple leads away.
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [
                group["lr"] + (base - self.eta_min) * rise for base, group in zip(self.base_lrs, groups, strict=True)
            ]
        factor = self._height(epoch) / self._height(epoch - 1)
        return [(group["lr"] - self.eta_min) * factor + self.eta_min for group in groups]

    def _get_closed_form_lr(self) -> list[Rate]:
        share = self._height(self.last_epoch) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]


class CosineAnnealingWarmRestarts(Schedule):
    r"""The rate falls as half a wave of the cosine in :math:`T_i` epochs, and starts again from the top:

    .. math::
        \gamma_t = \eta + (\gamma_0 - \eta) \, \frac{1 + \cos(\pi T_{cur} / T_i)}{2}

    :math:`T_{cur}` counts the epochs since the last start; after each start :math:`T_i` is `T_mult` times as long.

    Args:
        optimizer (Optimizer): whose rates are changed.
        T_0 (int): :math:`T_i` at first.
        T_mult (int): how much longer each wave is than the one before. Default: 1
        eta_min (float): :math:`\eta`, the least rate. Default: 0.0
        last_epoch (int): the epoch to go on after; -1 begins. Default: -1

    Source: Loshchilov and Hutter, *SGDR: stochastic gradient descent with warm restarts* (2017).

    Example::

        >>> import kagari as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
        >>> rates = scheduler.get_last_lr()
        >>> for epoch in range(2):
        ...     optimizer.step()
        ...     scheduler.step()
        ...     rates = rates + scheduler.get_last_lr()
        >>> rates
        [1.0, 0.5, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if T_0 <= 0 or not isinstance(T_0, int):
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if T_mult < 1 or not isinstance(T_mult, int):
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ValueError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0 = T_0
        self.T_i: float = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def _rates(self) -> list[Rate]:
        share = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Goes to the next epoch, or to the given one, of which there may be fractions, and sets its rates.

        Args:
            epoch (float, optional): the epoch to go to, as ``epoch + batch / batches`` for a step after each batch.
        """
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
        else:
            self._place(epoch)
        self.last_epoch = math.floor(epoch)
        self._get_lr_called_within_step = True
        try:
            self._set_rates(self.get_lr())
        finally:
            self._get_lr_called_within_step = False

    def _place(self, epoch: float) -> None:
        """Finds the wave that an epoch lies in, and where it lies in it."""
        if epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            waves = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_i = self.T_0 * self.T_mult**waves
            self.T_cur = epoch - self.T_0 * (self.T_mult**waves - 1) / (self.T_mult - 1)


__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]
