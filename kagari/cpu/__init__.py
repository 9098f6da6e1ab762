"""What a program asks of the CPU in the words that it has for GPUs."""

from __future__ import annotations

import threading

from . import amp


def is_available() -> bool:
    """Whether there is a CPU."""
    return True


def device_count() -> int:
    """How many devices the CPU is: one, of all cores."""
    return 1


def current_device() -> str:
    """The device in use.

    >>> import kagari as torch
    >>> torch.cpu.current_device()
    'cpu'
    """
    return "cpu"


def set_device(device: object) -> None:
    """Chooses a device; there is no choice."""


def synchronize(device: object = None) -> None:
    """Waits for the device; operators are done when they return."""


def is_initialized() -> bool:
    """Whether the device is in use."""
    return True


class Stream:
    """A queue of work. The CPU has one, which is done when an operator returns: all of them are the same."""

    def __init__(self, priority: int = -1) -> None:
        self.priority = priority

    def wait_stream(self, stream: Stream) -> None:
        """Waits for another stream."""

    def wait_event(self, event: Event) -> None:
        """Waits for an event."""

    def record_event(self, event: Event | None = None) -> Event:
        """An event at this place of the stream."""
        return event if event is not None else Event()


class Event:
    """A place in a stream of work, which the CPU has always passed.

    >>> import kagari as torch
    >>> torch.cpu.current_stream().record_event().query()
    True
    """

    def query(self) -> bool:
        """Whether the work before it is done: yes."""
        return True

    def record(self, stream: Stream | None = None) -> None:
        """Puts the event at the end of a stream."""

    def synchronize(self) -> None:
        """Waits for the work before it."""

    def wait(self, stream: Stream | None = None) -> None:
        """Lets a stream wait for it."""


_local = threading.local()
_default = Stream()


def current_stream(device: object = None) -> Stream:
    """The stream that :func:`stream` chose, of this thread."""
    found: Stream = getattr(_local, "stream", _default)
    return found


class StreamContext:
    """A block in which :func:`current_stream` is another one; None changes nothing."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream
        self._before: list[Stream] = []

    def __enter__(self) -> None:
        self._before.append(current_stream())
        _local.stream = self._before[-1] if self.stream is None else self.stream

    def __exit__(self, *exception: object) -> None:
        _local.stream = self._before.pop()


def stream(stream: Stream | None) -> StreamContext:
    """A block in which this is the current stream."""
    return StreamContext(stream)


__all__ = [
    "Event", "Stream", "StreamContext", "amp", "current_device", "current_stream", "device_count", "is_available",
    "is_initialized", "set_device", "stream", "synchronize",
]  # fmt: skip
