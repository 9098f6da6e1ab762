"""Processes that have more to do than others: those that are done keep answering until all are."""

from __future__ import annotations

import abc
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from ...eager import operators as ops
from ..group import ProcessGroup
from ..reducing import all_reduce
from ..work import Work


class JoinHook:
    """What a process that is done does while others are not."""

    def main_hook(self) -> None:
        """Answers what the others ask in one round."""

    def post_hook(self, is_last_joiner: bool) -> None:
        """What is due when all are done; `is_last_joiner` says whether this process was among the last."""


@dataclass
class _Config:
    enable: bool = False
    throw: bool = False
    first: bool = False


class Joinable(abc.ABC):
    """What can be used in a :class:`Join` context. A subclass calls `Join.notify_join_context` before each round."""

    _join_config = _Config()

    @abc.abstractmethod
    def join_hook(self, **kwargs: Any) -> JoinHook:
        """What a process that is done does for it."""

    @property
    @abc.abstractmethod
    def join_device(self) -> Any:
        """The device of what travels."""

    @property
    @abc.abstractmethod
    def join_process_group(self) -> ProcessGroup:
        """The processes."""


class Join:
    """Lets processes do different numbers of rounds: whoever leaves the context keeps answering until all have.

    Args:
        joinables (list of Joinable): what is used in the context, in the order of its use
        enable (bool): whether the context has an effect. Default: ``True``
        throw_on_early_termination (bool): whether all processes raise RuntimeError when the first is done. Default:
            ``False``
        kwargs: for the hooks of all of them.
    """

    def __init__(
        self,
        joinables: Sequence[Joinable],
        enable: bool = True,
        throw_on_early_termination: bool = False,
        **kwargs: Any,
    ) -> None:
        if not joinables:
            raise ValueError("The join context manager requires at least one joinable")
        self._joinables, self._enable = list(joinables), enable
        self._throw = throw_on_early_termination
        self._hooks = [joinable.join_hook(**kwargs) for joinable in self._joinables]
        self._group = self._joinables[0].join_process_group
        if any(joinable.join_process_group is not self._group for joinable in self._joinables):
            raise ValueError("Using join context manager with multiple process groups")

    def __enter__(self) -> Self:
        for i, joinable in enumerate(self._joinables):
            joinable._join_config = _Config(self._enable, self._throw, i == 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for joinable in self._joinables:
            joinable._join_config = _Config()
        if not self._enable or kind is not None:
            return
        last, rounds = True, 0
        while _busy(self._group, 0):
            if self._throw:
                all_reduce(ops.ones(1), group=self._group)
                raise RuntimeError(f"Rank {self._group.rank()} exhausted all inputs.")
            last, rounds = False, rounds + 1
            if rounds == 1000:
                warnings.warn(
                    f"Detected uneven input skew of greater than 1000. This means that rank {self._group.rank()} has "
                    "at least 1000 fewer inputs than other currently-active ranks.",
                    stacklevel=2,
                )
            for hook in self._hooks:
                hook.main_hook()
        for hook in self._hooks:
            hook.post_hook(last)

    @staticmethod
    def notify_join_context(joinable: Joinable) -> Work | None:
        """Says that this process begins a round; the Work gives how many processes do, in the first of its tensors.

        None outside of a context, and for all but the first of its joinables. RuntimeError where another process is
        done and the context says that this is an error.
        """
        config = joinable._join_config
        if not config.enable or not config.first:
            return None
        group = joinable.join_process_group
        work = all_reduce(ops.ones(1), group=group, async_op=True)
        if config.throw:
            assert work is not None
            if int(work.result()[0]) < group.size():
                all_reduce(ops.zeros(1), group=group)
                raise RuntimeError("Detected at least one rank that exhausted inputs. Throwing across all ranks.")
        return work


def _busy(group: ProcessGroup, mine: int) -> int:
    """How many processes have another round."""
    count = ops.full((1,), float(mine))
    all_reduce(count, group=group)
    return int(count)


__all__ = ["Join", "JoinHook", "Joinable"]
