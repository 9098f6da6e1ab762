"""Running statements again and again."""

from __future__ import annotations

import sys
import textwrap
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from statistics import median
from typing import Any

from ...engine.code import get_num_threads, set_num_threads
from .measurement import Measurement, TaskSpec

timer = timeit.default_timer
_PACKAGE = __name__.partition(".")[0]
_MOST = 1_000_000_000  # executions in a run


class Language(Enum):
    """The language of statements. There is Python alone."""

    PYTHON = 0
    CPP = 1


@contextmanager
def set_torch_threads(count: int) -> Iterator[None]:
    """So many threads for kernels inside."""
    before = get_num_threads()
    set_num_threads(count)
    try:
        yield
    finally:
        set_num_threads(before)


class Timer:
    """Measures how long a statement takes: as `timeit.Timer`, but on one thread, warmed up, and with a full report.

    Args:
        stmt: the statement.
        setup: what is done once before.
        timer: the clock. Default: the system's best one.
        globals: the names that both see; `torch` is always there.
        label, sub_label, description: names in tables, see :class:`Compare`.
        env: where it was measured, if that was at several places.
        num_threads: on how many threads kernels run. Default: 1
        language: Python. ValueError for another one, and for `global_setup`, which belongs to C++.

    >>> from kagari.utils.benchmark import Timer
    >>> measured = Timer("x + 1", "x = torch.ones(3)", label="Sum").timeit(10)
    >>> measured.number_per_run, measured.title, measured.median > 0
    (10, 'Sum', True)
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Language | str = Language.PYTHON,
    ) -> None:
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        if language not in (Language.PYTHON, "py", "python"):
            raise ValueError(f"Invalid language `{language}`: statements are in Python.")
        if global_setup:
            raise ValueError(
                f"global_setup is C++ only, got `{global_setup}`. Most likely this code should be added to `setup`."
            )
        stmt, setup = _dedented(stmt), _dedented(setup)
        self._task_spec = TaskSpec(stmt, setup, "", label, sub_label, description, env, num_threads)
        names = {"torch": sys.modules[_PACKAGE], **(globals or {})}
        self._timer = timeit.Timer(stmt, setup, timer, names)

    def _run(self, number: int) -> float:
        return max(self._timer.timeit(number), 1e-9)

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """One run of `number` executions, after a hundredth of it for warming up."""
        with set_torch_threads(self._task_spec.num_threads):
            self._run(max(number // 100, 2))
            return self._measured(number, [self._run(number)])

    def repeat(self, repeat: int = -1, number: int = -1) -> None:
        """What `timeit.Timer` has it for is done by :meth:`blocked_autorange`. Raises NotImplementedError."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def autorange(self, callback: Callable[[int, float], Any] | None = None) -> None:
        """What `timeit.Timer` has it for is done by :meth:`blocked_autorange`. Raises NotImplementedError."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def blocked_autorange(
        self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2
    ) -> Measurement:
        """Runs for at least `min_run_time` seconds together, each so long that the clock's own time does not count.

        `callback(number, seconds)` is called after each run.
        """
        return self._until(callback, min_run_time, min_run_time, min_run_time, lambda measured: True)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:
        """Runs until the interquartile range is less than `threshold` of the median, or for `max_run_time` seconds."""

        def enough(measured: Measurement) -> bool:
            return len(measured.raw_times) > 3 and measured.meets_confidence(threshold)

        return self._until(callback, 0.05, min_run_time, max_run_time, enough)

    def _until(
        self,
        callback: Callable[[int, float], Any] | None,
        block: float,
        least: float,
        most: float,
        enough: Callable[[Measurement], bool],
    ) -> Measurement:
        with set_torch_threads(self._task_spec.num_threads):
            number, times = self._block_size(block), list[float]()
            while sum(times) < least or (sum(times) < most and not enough(self._measured(number, times))):
                times.append(self._run(number))
                if callback is not None:
                    callback(number, times[-1])
        return self._measured(number, times)

    def _block_size(self, min_run_time: float) -> int:
        """How many executions a run needs for the clock to take less than a ten-thousandth of it."""
        overhead = median(self._run(0) for _ in range(5))
        number = 1
        while number < _MOST:
            taken = self._run(number)
            if taken > min_run_time or (overhead <= 1e-4 * taken and taken >= min_run_time / 1000):
                break
            number *= 10
        return number

    def _measured(self, number: int, times: list[float]) -> Measurement:
        return Measurement(number, times, self._task_spec)


def _dedented(text: str) -> str:
    return textwrap.dedent(text).removeprefix("\n").rstrip()


__all__ = ["Language", "Timer", "set_torch_threads", "timer"]
