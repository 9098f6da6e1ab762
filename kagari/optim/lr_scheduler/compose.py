"""Schedules made of schedules: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, copied, put, rates_of
from .plateau import ReduceLROnPlateau


class _Composed(LRScheduler):
    """Has its parts saved and loaded as parts of its own state."""

    _schedulers: list[LRScheduler]

    def state_dict(self) -> dict[str, Any]:
        state = {name: value for name, value in super().state_dict().items() if name != "_schedulers"}
        state["_schedulers"] = [scheduler.state_dict() for scheduler in self._schedulers]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "_schedulers"})
        for scheduler, part in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(part)


class SequentialLR(_Composed):
    r"""One schedule up to the first milestone, the next up to the second, and so on. Each begins at its own epoch 0.

    Args:
        optimizer (Optimizer): whose rates are changed, by all of the schedules.
        schedulers (list of LRScheduler): one more than there are milestones.
        milestones (list of int): the epochs in which the next schedule begins.
        last_epoch (int): the epoch to go on after; -1 begins. Default: -1

    Example::

        >>> import kagari as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> schedules = torch.optim.lr_scheduler
        >>> warm, decay = schedules.ConstantLR(optimizer, 0.25), schedules.ExponentialLR(optimizer, 0.5)
        >>> scheduler = schedules.SequentialLR(optimizer, [warm, decay], milestones=[2])
        >>> rates = scheduler.get_last_lr()
        >>> for epoch in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        ...     rates = rates + scheduler.get_last_lr()
        >>> rates
        [0.25, 0.25, 1.0, 0.5]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ) -> None:
        if len(schedulers) < 1:
            raise ValueError("SequentialLR expects at least one scheduler, but got no scheduler.")
        _check_parts("SequentialLR", optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of "
                f"milestone points, but got number of schedulers {len(schedulers)} and the number of milestones to be "
                f"equal to {len(milestones)}"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        # Each schedule has made its first step, on top of those before it. Only the first one's is to be made now.
        for group in optimizer.param_groups:
            put(group, "lr", copied(group["initial_lr"]))
        self.recursive_undo()
        self._schedulers[0]._initial_step()
        self._last_lr = self._schedulers[0].get_last_lr()

    def recursive_undo(self, sched: LRScheduler | None = None) -> None:
        """Takes back the first step of a schedule and of all that are part of it; by default of this one."""
        scheduler = self if sched is None else sched
        if isinstance(scheduler, _Composed):
            for part in scheduler._schedulers:
                self.recursive_undo(part)
        else:
            scheduler.last_epoch -= 1

    def step(self) -> None:  # type: ignore[override]
        """Goes to the next epoch and sets its rates."""
        self.last_epoch += 1
        number = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[number]
        if number > 0 and self._milestones[number - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_Composed):
    r"""All schedules in every epoch, each on top of what those before it did.

    Args:
        schedulers (sequence of LRScheduler): schedules of one optimizer.
        optimizer (Optimizer, optional): that optimizer.

    Example::

        >>> import kagari as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> schedules = torch.optim.lr_scheduler
        >>> warm, decay = schedules.ConstantLR(optimizer, 0.5, 2), schedules.ExponentialLR(optimizer, 0.5)
        >>> scheduler = schedules.ChainedScheduler([warm, decay])
        >>> rates = scheduler.get_last_lr()
        >>> for epoch in range(2):
        ...     optimizer.step()
        ...     scheduler.step()
        ...     rates = rates + scheduler.get_last_lr()
        >>> rates
        [0.5, 0.25, 0.25]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        if len(schedulers) < 1:
            raise ValueError("ChainedScheduler expects at least one scheduler to be chained, but got no scheduler.")
        optimizer = optimizer or schedulers[0].optimizer
        _check_parts("ChainedScheduler", optimizer, schedulers)
        self._schedulers = list(schedulers)
        self.optimizer = optimizer
        self._last_lr = rates_of(optimizer)

    def step(self) -> None:  # type: ignore[override]
        """Lets every schedule make its step."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = rates_of(self.optimizer)


def _check_parts(name: str, optimizer: Optimizer, schedulers: Sequence[LRScheduler]) -> None:
    """Refuses parts that are no schedules by the epoch, or that belong to another optimizer."""
    for number, scheduler in enumerate(schedulers):
        if not hasattr(scheduler, "optimizer"):
            raise TypeError(f"{name} at index {number} should have `optimizer` as its attribute.")
        if isinstance(scheduler, ReduceLROnPlateau):
            raise ValueError(
                f"{name} does not support `ReduceLROnPlateau` scheduler as it requires additional kwargs to be "
                f"specified when calling `step`, but got one at index {number} in the given schedulers sequence."
            )
        if scheduler.optimizer is not optimizer:
            raise ValueError(
                f"{name} expects all schedulers to belong to the same optimizer, but got scheduler "
                f"{type(scheduler).__name__} at index {number} has {scheduler.optimizer}, which is different from "
                f"{type(optimizer).__name__}."
            )


__all__ = ["ChainedScheduler", "SequentialLR"]
