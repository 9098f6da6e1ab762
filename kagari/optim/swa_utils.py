"""Stochastic weight averaging: the means of parameters, and the schedule of rates that goes with it.

`AveragedModel` and `update_bn`, which know of modules, are in `utils/averaging.py` and shown here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from ..autograd import no_grad
from ..base.later import Later
from ..eager import Tensor
from .lr_scheduler.base import Rate, Schedule, for_each_group
from .optimizer import Optimizer

Average = Callable[[Tensor, Tensor, Tensor | int], Tensor]
Averages = Callable[[list[Tensor], list[Tensor], Tensor | int], None]
_OF_MODULES = ("AveragedModel", "update_bn")
_averaging = Later(f"{__name__.partition('.')[0]}.utils.averaging")


def __getattr__(name: str) -> Any:
    if name not in _OF_MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_averaging, name)


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    r"""An exponential moving average as a function of the mean :math:`m` and the parameter :math:`\theta`:
    :math:`d m + (1 - d) \theta`.

    Args:
        decay (float): :math:`d`, between 0 and 1. Default: 0.999

    Example::

        >>> import kagari as torch
        >>> average = torch.optim.swa_utils.get_ema_avg_fn(0.75)
        >>> average(torch.tensor(4.0), torch.tensor(8.0), 1)
        tensor(5.)
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Tensor | int) -> Tensor:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> Average:
    r"""The mean as a function of the mean :math:`m` so far, the parameter :math:`\theta` and their number :math:`n`:
    :math:`m + (\theta - m) / (n + 1)`.

    Example::

        >>> import kagari as torch
        >>> average = torch.optim.swa_utils.get_swa_avg_fn()
        >>> average(torch.tensor(4.0), torch.tensor(8.0), 3)
        tensor(5.)
    """

    @no_grad()
    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Tensor | int) -> Tensor:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Averages:
    """The exponential moving average of :func:`get_ema_avg_fn` for lists of means, which it changes in place.

    Args:
        decay (float): how much of a mean is kept, between 0 and 1. Default: 0.999

    Example::

        >>> import kagari as torch
        >>> mean = torch.tensor(4.0)
        >>> torch.optim.swa_utils.get_ema_multi_avg_fn(0.75)([mean], [torch.tensor(8.0)], 1)
        >>> mean
        tensor(5.)
    """
    return _for_lists(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> Averages:
    """The mean of :func:`get_swa_avg_fn` for lists of means, which it changes in place.

    Example::

        >>> import kagari as torch
        >>> mean = torch.tensor(4.0)
        >>> torch.optim.swa_utils.get_swa_multi_avg_fn()([mean], [torch.tensor(8.0)], 3)
        >>> mean
        tensor(5.)
    """
    return _for_lists(get_swa_avg_fn())


def _for_lists(average: Average) -> Averages:
    @no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], num_averaged: Tensor | int) -> None:
        for mean, param in zip(averaged, current, strict=True):
            mean.copy_(average(mean, param, num_averaged))

    return update


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


class SWALR(Schedule):
    r"""Leads the rates to one that stays, while parameters are averaged.

    In :math:`T` epochs the rate goes from what it was, :math:`\gamma`, to :math:`\gamma_{swa}`:
    :math:`\alpha \gamma_{swa} + (1 - \alpha) \gamma` with :math:`\alpha = (1 - \cos(\pi t / T)) / 2`, or
    :math:`\alpha = t / T`.

    Args:
        optimizer (Optimizer): whose rates are changed.
        swa_lr (float or list): :math:`\gamma_{swa}`, for all groups or for each.
        anneal_epochs (int): :math:`T`. Default: 10
        anneal_strategy (str): ``"cos"`` or ``"linear"``. Default: ``"cos"``
        last_epoch (int): the epoch to go on after; -1 begins. Default: -1

    Source: Izmailov et al., *Averaging weights leads to wider optima and better generalization* (2018).

    Example::

        >>> import kagari as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.5, anneal_epochs=4, anneal_strategy="linear")
        >>> for epoch in range(2):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float,
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = for_each_group("swa_lr", optimizer, swa_lr)
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """How much of the way is behind in a step."""
        x = max(0, min(1, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * x)) / 2 if self._anneal_strategy == "cos" else x

    def _rates(self) -> list[Rate]:
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        return [self._moved(group, before, now) for group in self.optimizer.param_groups]

    @staticmethod
    def _moved(group: dict[str, Any], before: float, now: float) -> Rate:
        """The rate further on the way from where the way began, which follows from the rate of the step before."""
        target = group["swa_lr"]
        start = target if before == 1 else (group["lr"] - before * target) / (1 - before)
        return target * now + start * (1 - now)


__all__ = sorted(
    ("SWALR", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn", *_OF_MODULES)
)
