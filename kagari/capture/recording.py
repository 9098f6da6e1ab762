"""Recordings: the calls that a function makes for tensors of given layouts, run again without the function.

A loop over the steps of a sequence calls the same operators in the same order as long as the sequence is as long as
before. Its calls are noted once, as those of a compiled function are, and from then on native code runs them one after
the other: the same kernels in the same order, so that results are the same to the last bit. Other sizes, types or modes
make another recording.
"""

from __future__ import annotations

import ctypes
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ..autograd.modes import mode
from ..eager import Tensor
from ..engine.code import finish, native
from ..engine.function import CASTING, INFERENCE, Hooks
from . import queue
from .joining import without_joins
from .runner import RUNNER
from .segment import Segment, single

SIGHTS = 8
"""Calls before they are recorded, which takes as long as some ten of them."""

MAX_RECORDINGS, MAX_MET = 256, 4096
_Results = tuple[Tensor, ...]


class _Unrepeatable(Exception):
    """These calls can't be run again for other tensors."""


class _Recording:
    """The calls of a function as words that native code reads, see resident/queue.py."""

    def __init__(self, arguments: Sequence[Tensor], results: Sequence[Tensor]) -> None:
        """Reads the queue. Raises _Unrepeatable for calls that others can't stand for."""
        words = queue.key()
        calls, slots = queue.read(words)
        loaded = native()
        numbers = ctypes.string_at(loaded.queue[queue.NUMBERS], 8 * loaded.queue[queue.NUMBER_COUNT])
        places = array("q", ctypes.string_at(loaded.queue[queue.SLOTS], 8 * queue.SLOT_WORDS * len(slots)))
        records = [places[n : n + queue.SLOT_WORDS] for n in range(0, len(places), queue.SLOT_WORDS)]
        owners = {id(t._storage): n for n, t in enumerate(arguments)}
        if len(owners) != len(arguments):
            raise _Unrepeatable("arguments share memory")
        from_slots, from_results = _slots(records, slots, owners, arguments), _results(records, slots, results)
        written = {slot for call in calls if call.shape.in_place for slot, _ in call.outputs}
        if any(slots[slot] == queue.HELD for slot in written):
            raise _Unrepeatable("an argument is written to")
        steps = without_joins([single(call) for call in calls if call.shape.runs], slots)
        self._segment = Segment(steps, slots, slots.tobytes())
        self._segment.steps.clear()
        # What the words refer to.
        self._plans, self._layouts = {step.shape.plan for step in steps}, [t._layout for t in results]
        self._parts = [array("q", part) for part in (from_slots, from_results, numbers)]
        at = [part.buffer_info()[0] for part in self._parts]
        head = self._segment.address, len(slots), at[0], len(results), at[1], len(self._parts[2]), at[2]
        self._words = array("q", head)
        self.address = self._words.buffer_info()[0]


def _slots(
    records: Sequence[array[int]], slots: Sequence[int], owners: dict[int, int], arguments: Sequence[Tensor]
) -> list[int]:
    words: list[int] = []
    for (storage, _, nbytes, _, first), what in zip(records, slots):
        if what == queue.HELD:
            if storage not in owners:
                raise _Unrepeatable("memory is read that is no argument's")
            number = owners[storage]
            words += (number, first - arguments[number]._offset, nbytes)
        else:
            words += (-1, 0, nbytes)
    return words


def _results(records: Sequence[array[int]], slots: Sequence[int], results: Sequence[Tensor]) -> list[int]:
    pending = {record[0]: n for n, record in enumerate(records) if slots[n] == queue.WANTED}
    seen: dict[int, int] = {}
    words: list[int] = []
    for n, t in enumerate(results):
        storage = id(t._storage)
        if storage not in pending:
            raise _Unrepeatable("a result is an argument")
        words += (pending[storage], id(t._layout), t._offset, t._storage.nbytes, seen.setdefault(storage, n))
        words[-1] = -1 if words[-1] == n else words[-1]
    if len(seen) != len(pending):
        raise _Unrepeatable("somebody else holds what was computed")
    return words


class Recorded:
    """A function whose calls depend on what is static and on the layouts of tensors alone, and change no argument.

    It is called with what is static, in a tuple, and then with the tensors, and returns a tuple of tensors. Calls that
    gradients are recorded of, that are watched or captured, or that get other kinds of tensors, run the function.
    """

    def __init__(self, function: Callable[..., _Results]) -> None:
        self.function = function
        self._known: dict[Any, _Recording | None] = {}  # None: of no use
        self._met: Counter[Any] = Counter()

    def __call__(self, static: tuple[Any, ...], *tensors: Tensor) -> _Results:
        """What the function returns."""
        modes = mode()
        if (
            modes & ~(CASTING | INFERENCE)
            or RUNNER.captures()
            or not all(type(t) in Hooks.tensor_types for t in tensors)
        ):
            return self.function(static, *tensors)
        key = modes, static, *[t._layout for t in tensors]
        recording = self._known.get(key) or self._recording(key, static, tensors)
        if recording is not None:
            finish()
            results = native().replay(recording.address, *tensors)
            if results is not None:
                return results
        return self.function(static, *tensors)

    def _recording(self, key: Any, static: tuple[Any, ...], tensors: Sequence[Tensor]) -> _Recording | None:
        """The recording of a call that was met often enough; None where there is none."""
        if key in self._known:
            return None
        if len(self._met) >= MAX_MET:
            self._met.clear()
        self._met[key] += 1
        if self._met[key] < SIGHTS or not _noted_whole(tensors):
            return None
        loaded = RUNNER.install()
        if not loaded.capture(False):  # another thread captures
            return None
        if len(self._known) >= MAX_RECORDINGS:
            del self._known[next(iter(self._known))]
        self._met.pop(key, None)  # another thread may have been here
        self._known[key], runs = None, RUNNER.runs
        try:
            results = self.function(static, *tensors)
            if RUNNER.runs != runs:
                raise _Unrepeatable("a value is read")
            self._known[key] = _Recording(tensors, results)
        except _Unrepeatable:
            pass
        finally:
            loaded.discard(None)
        return self._known[key]


def _noted_whole(tensors: Sequence[Tensor]) -> bool:
    """Whether calls with these tensors are noted: what works on memory of others runs at once."""
    return all(not t._layout.meta and (t._storage.owner is None or type(t) is not Tensor) for t in tensors)


__all__ = ["Recorded"]
