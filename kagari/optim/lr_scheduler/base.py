"""`LRScheduler`: counts epochs and sets the learning rates of an optimizer's groups."""

from __future__ import annotations

import functools
import warnings
import weakref
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from ...eager import Tensor
from ..optimizer import Optimizer

Rate: TypeAlias = float | Tensor

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from None, the closed "
    "form is used instead of the new chainable form, where available."
)


class LRScheduler:
    r"""The base class of schedules that are functions of the epoch.

    An epoch is what lies between two calls of :meth:`step`; often it is one pass over the data, or one batch. Making a
    schedule is its first step, to epoch 0. A subclass says in :meth:`get_lr` which rates the groups get in epoch
    ``self.last_epoch``; where it has ``_get_closed_form_lr`` too, that is asked when an epoch is given by number.

    Args:
        optimizer (Optimizer): whose rates are changed. Each group gets ``"initial_lr"``, the rate it had.
        last_epoch (int): the epoch to go on after; -1 begins. Default: -1

    Example::

        >>> import kagari as torch
        >>> class Halving(torch.optim.lr_scheduler.LRScheduler):
        ...     def get_lr(self):
        ...         return [lr / 2**self.last_epoch for lr in self.base_lrs]
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = Halving(optimizer)
        >>> for epoch in range(2):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    optimizer: Optimizer
    base_lrs: list[Rate]
    last_epoch: int
    _step_count: int
    _last_lr: list[Rate]
    _is_initial: bool = False
    _get_lr_called_within_step: bool = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        if last_epoch == -1:
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", copied(group["lr"]))
        else:
            for number, group in enumerate(optimizer.param_groups):
                if "initial_lr" not in group:
                    raise KeyError(
                        f"param 'initial_lr' is not specified in param_groups[{number}] when resuming scheduler with "
                        "last_epoch >= 0.\nThis typically happens when:\n"
                        "1. You're trying to resume training from a checkpoint but haven't properly loaded the "
                        "optimizer state\n"
                        "2. You're using last_epoch >= 0 for a fresh training run (not recommended)"
                    )
        self.base_lrs = [copied(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        _note_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        """The step to the first epoch, which no step of the optimizer comes before."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_last_lr(self) -> list[Rate]:
        """The rates of the groups as the last step set them."""
        return self._last_lr

    def get_lr(self) -> list[Rate]:
        """The rates of the groups in epoch ``last_epoch``, given those of the epoch before. :meth:`step` calls it."""
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Goes to the next epoch and sets its rates. Call it after the steps of the optimizer in the epoch before.

        Args:
            epoch (int, optional): the epoch to go to instead. Deprecated.
        """
        if self._step_count == 1:
            self._check_order()
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _check_order(self) -> None:
        """Warns where the first step of the schedule comes before that of the optimizer."""
        if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
            warnings.warn(
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. "
                "Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`.",
                UserWarning,
                stacklevel=3,
            )
        elif not getattr(self.optimizer, "_opt_called", False):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. You should call them in the "
                "opposite order: `optimizer.step()` before `lr_scheduler.step()`. Failure to do this will result in "
                "skipping the first value of the learning rate schedule.",
                UserWarning,
                stacklevel=3,
            )

    def _update_lr(self, epoch: int | None = None) -> None:
        self._get_lr_called_within_step = True
        try:
            if epoch is None:
                self.last_epoch += 1
                rates = self.get_lr()
            else:
                self.last_epoch = epoch
                rates = getattr(self, "_get_closed_form_lr", self.get_lr)()
        finally:
            self._get_lr_called_within_step = False
        self._set_rates(rates)

    def _set_rates(self, rates: Iterable[Rate]) -> None:
        groups = self.optimizer.param_groups
        for group, rate in zip(groups, rates, strict=True):
            put(group, "lr", rate)
        self._last_lr = rates_of(self.optimizer)

    def state_dict(self) -> dict[str, Any]:
        """All that the schedule knows, but for the optimizer."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what :meth:`state_dict` gave. The optimizer's rates are part of the optimizer's own state."""
        self.__dict__.update(state_dict)


class Schedule(LRScheduler):
    """The base of the schedules here: ``_rates`` gives the rates, and who asks for them out of turn is warned.

    Example::

        >>> import kagari as torch
        >>> issubclass(torch.optim.lr_scheduler.StepLR, torch.optim.lr_scheduler.base.Schedule)
        True
    """

    def get_lr(self) -> list[Rate]:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=2,
            )
        return self._rates()

    def _rates(self) -> list[Rate]:
        raise NotImplementedError


def check_optimizer(optimizer: Any) -> None:
    """Refuses what is not an optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def copied(value: Any) -> Any:
    """A value that does not change with a tensor's."""
    return value.detach().clone() if isinstance(value, Tensor) else value


def put(group: dict[str, Any], name: str, value: Rate) -> None:
    """Sets an option of a group; where it is a tensor, that tensor is filled."""
    if isinstance(group[name], Tensor):
        group[name].fill_(float(value))
    else:
        group[name] = value


def rates_of(optimizer: Optimizer) -> list[Rate]:
    """The rates of all groups."""
    return [copied(group["lr"]) for group in optimizer.param_groups]


def for_each_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """An argument that may be one value for all groups, or a list of values."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
            f"param_groups has {count}."
        )
    return list(value)


def _note_steps(optimizer: Optimizer) -> None:
    """Lets the optimizer remember that it has made a step."""
    step: Any = optimizer.step
    if hasattr(step, "_wrapped_by_lr_sched"):
        return
    owner, function = weakref.ref(optimizer), _plain(step)

    @functools.wraps(function)
    def noting(*args: Any, **kwargs: Any) -> Any:
        this: Any = owner()
        this._opt_called = True
        return function(this, *args, **kwargs)

    noting._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = noting  # type: ignore[method-assign]


def _plain(step: Any) -> Callable[..., Any]:
    """A step as a function of the optimizer, which must not keep it alive."""
    if hasattr(step, "__func__"):
        return step.__func__
    return lambda optimizer, *args, **kwargs: step(*args, **kwargs)


__all__ = [
    "EPOCH_DEPRECATION_WARNING",
    "LRScheduler",
    "Rate",
    "Schedule",
    "check_optimizer",
    "copied",
    "for_each_group",
    "put",
    "rates_of",
]
