"""Schedules that lead rates up and down between bounds, and momentum the other way."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from typing import Any, Literal

from ..optimizer import Optimizer
from .base import Rate, Schedule, check_optimizer, for_each_group, put


class _Cycling(Schedule):
    """Moves the momentum, or the first of the betas, together with the rate, if asked for."""

    cycle_momentum: bool
    use_beta1: bool

    def _find_momentum(self) -> None:
        """Notes where the optimizer keeps its momentum."""
        if "momentum" not in self.optimizer.defaults and "betas" not in self.optimizer.defaults:
            raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
        self.use_beta1 = "betas" in self.optimizer.defaults

    def _set_momentum(self, group: dict[str, Any], momentum: float) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class CyclicLR(_Cycling):
    r"""The rate goes up and down between two bounds, in straight lines.

    With :math:`s` the distance from the lower bound, from 0 to 1 and back in each cycle, and :math:`f` the scale:

    .. math::
        \gamma_t = \gamma_{base} + (\gamma_{max} - \gamma_{base}) \, s_t \, f

    The scale is 1 (``"triangular"``), :math:`2^{1 - c}` in cycle :math:`c` (``"triangular2"``), or :math:`g^t`
    (``"exp_range"``). Momentum goes the other way. A step belongs after each batch.

    Args:
        optimizer (Optimizer): whose rates are changed.
        base_lr (float or list): the lower bound, for all groups or for each.
        max_lr (float or list): the upper bound, where nothing scales it.
        step_size_up (int): the steps on the way up. Default: 2000
        step_size_down (int, optional): the steps on the way down. Default: as many as up
        mode (str): ``"triangular"``, ``"triangular2"`` or ``"exp_range"``. Default: ``"triangular"``
        gamma (float): :math:`g`. Default: 1.0
        scale_fn (function, optional): the scale, in place of that of `mode`.
        scale_mode (str): whether `scale_fn` is given the ``"cycle"``, from 1, or the ``"iterations"``. Default:
            ``"cycle"``
        cycle_momentum (bool): whether momentum is moved too. Default: ``True``
        base_momentum (float or list): the lower bound of momentum. Default: 0.8
        max_momentum (float or list): the upper bound of momentum. Default: 0.9
        last_epoch (int): the step to go on after; -1 begins. Default: -1

    Source: Smith, *Cyclical learning rates for training neural networks* (2017).

    Example::

        >>> import kagari as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> scheduler = torch.optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.0, max_lr=1.0, step_size_up=4)
        >>> for batch in range(2):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        base_lrs = for_each_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, base_lrs, strict=True):
                put(group, "lr", rate)
        self.max_lrs = for_each_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (float(step_size_down) if step_size_down is not None else up)
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._begin_momentum(base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def _begin_momentum(self, base: float, most: float, last_epoch: int) -> None:
        self._find_momentum()
        self.base_momentums = for_each_group("base_momentum", self.optimizer, base)
        self.max_momentums = for_each_group("max_momentum", self.optimizer, most)
        if last_epoch != -1:
            return
        for low, high, group in zip(self.base_momentums, self.max_momentums, self.optimizer.param_groups, strict=True):
            self._set_momentum(group, high)
            group["max_momentum"], group["base_momentum"] = high, low

    def scale_fn(self, x: float) -> float:
        """The scale in cycle, or after steps, `x`."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return 1 / (2.0 ** (x - 1)) if self.mode == "triangular2" else self.gamma**x

    def _rates(self) -> list[Rate]:
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        position = 1 + self.last_epoch / self.total_size - cycle
        up = position <= self.step_ratio
        distance = position / self.step_ratio if up else (position - 1) / (self.step_ratio - 1)
        share = distance * self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.base_momentums, self.max_momentums, self.optimizer.param_groups, strict=True)
            for low, high, group in bounds:
                self._set_momentum(group, high - (high - low) * share)
        return [low + (high - low) * share for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """All that the schedule knows, but for the optimizer. A scale that is a function is not saved; of an object
        with a call its attributes are.
        """
        state = super().state_dict()
        scale = state.pop("_scale_fn_custom")
        plain = scale is None or isinstance(scale, types.FunctionType)
        state["_scale_fn_custom"] = None if plain else vars(scale).copy()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        known = state_dict.get("_scale_fn_custom")
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "_scale_fn_custom"})
        if known is not None:
            vars(self._scale_fn_custom).update(known)


class OneCycleLR(_Cycling):
    r"""One cycle: the rate rises to its maximum, falls back, and falls on to almost nothing.

    From :math:`\gamma_{max} / d` it goes to :math:`\gamma_{max}` in the first share `pct_start` of all steps, and then
    to :math:`\gamma_{max} / (d \, d')`; with ``three_phase`` by way of where it came from. Between two rates
    :math:`a, b` it follows :math:`b + (a - b)(1 + \cos(\pi x)) / 2`, or a straight line. Momentum goes the other way.
    A step belongs after each batch.

    Args:
        optimizer (Optimizer): whose rates are changed.
        max_lr (float or list): :math:`\gamma_{max}`, for all groups or for each.
        total_steps (int, optional): the number of steps, or
        epochs, steps_per_epoch (int, optional): its two factors.
        pct_start (float): the share of steps on the way up. Default: 0.3
        anneal_strategy (str): ``"cos"`` or ``"linear"``. Default: ``"cos"``
        cycle_momentum (bool): whether momentum is moved too. Default: ``True``
        base_momentum (float or list): the lower bound of momentum. Default: 0.85
        max_momentum (float or list): the upper bound of momentum. Default: 0.95
        div_factor (float): :math:`d`. Default: 25
        final_div_factor (float): :math:`d'`. Default: 1e4
        three_phase (bool): whether the way down stops at the first rate. Default: ``False``
        last_epoch (int): the step to go on after; -1 begins. Default: -1

    Source: Smith and Topin, *Super-convergence: very fast training of neural networks using large learning rates*
    (2018).

    Example::

        >>> import kagari as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
        >>> for batch in range(2):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        self._schedule_phases = _phases(pct_start * self.total_steps - 1, self.total_steps, three_phase)
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_func_type = anneal_strategy
        greatest = for_each_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for rate, group in zip(greatest, optimizer.param_groups, strict=True):
                group["initial_lr"] = rate / div_factor
                group["max_lr"] = rate
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._begin_momentum(base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _begin_momentum(self, base: float | list[float], most: float | list[float], last_epoch: int) -> None:
        self._find_momentum()
        lows = for_each_group("base_momentum", self.optimizer, base)
        highs = for_each_group("max_momentum", self.optimizer, most)
        if last_epoch != -1:
            return
        for low, high, group in zip(lows, highs, self.optimizer.param_groups, strict=True):
            self._set_momentum(group, high)
            group["max_momentum"], group["base_momentum"] = high, low

    def _between(self, start: float, end: float, x: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * x + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * x) + 1)

    def _rates(self) -> list[Rate]:
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(f"Tried to step {step} times. The specified number of total steps is {self.total_steps}")
        start, phases = 0.0, self._schedule_phases
        phase = phases[-1]
        for following in phases:
            phase = following
            if step <= phase["end_step"] or phase is phases[-1]:
                break
            start = phase["end_step"]
        x = (step - start) / (phase["end_step"] - start)
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                momentum = self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], x)
                self._set_momentum(group, momentum)
        return [
            self._between(group[phase["start_lr"]], group[phase["end_lr"]], x) for group in self.optimizer.param_groups
        ]


def _total(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    """The number of steps of a cycle."""
    if total_steps is not None:
        _check_positive("total_steps", total_steps)
        return total_steps
    if epochs is None or steps_per_epoch is None:
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    _check_positive("epochs", epochs)
    _check_positive("steps_per_epoch", steps_per_epoch)
    return epochs * steps_per_epoch


def _check_positive(name: str, value: Any) -> None:
    if value <= 0 or not isinstance(value, int):
        raise ValueError(f"Expected positive integer {name}, but got {value}")


def _phases(top: float, steps: int, three: bool) -> list[dict[str, Any]]:
    """The ways of a cycle: the step each ends with, and between which options of a group it leads."""

    def way(end: float, start_lr: str, end_lr: str, start_momentum: str, end_momentum: str) -> dict[str, Any]:
        return {
            "end_step": end,
            "start_lr": start_lr,
            "end_lr": end_lr,
            "start_momentum": start_momentum,
            "end_momentum": end_momentum,
        }

    up = way(top, "initial_lr", "max_lr", "max_momentum", "base_momentum")
    if not three:
        return [up, way(steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
    down = way(2 * top, "max_lr", "initial_lr", "base_momentum", "max_momentum")
    return [up, down, way(steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum")]


__all__ = ["CyclicLR", "OneCycleLR"]
