"""Values that are still being computed, with what is to happen when they are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent import futures
from contextlib import suppress
from typing import Any, Generic, TypeVar, cast

_T = TypeVar("_T")
_S = TypeVar("_S")


class Future(Generic[_T]):
    """A value that some thread will set, once.

    Args:
        devices: which GPUs it may lie on; there are none.

    >>> import kagari as torch
    >>> future = torch.futures.Future()
    >>> twice = future.then(lambda done: 2 * done.value())
    >>> future.set_result(3)
    >>> twice.wait(), future.done()
    (6, True)
    """

    def __init__(self, *, devices: Any = None) -> None:
        self._inner: futures.Future[_T] = futures.Future()

    def done(self) -> bool:
        """Whether it has its value, or an error."""
        return self._inner.done()

    def wait(self) -> _T:
        """The value, once it is there. Raises the error that was set in its place."""
        return self._inner.result()

    def value(self) -> _T:
        """The value, which has to be there. RuntimeError if it is not."""
        if not self.done():
            raise RuntimeError("Future is not yet complete: wait() for its value")
        return self._inner.result()

    def set_result(self, result: _T) -> None:
        """Sets the value. RuntimeError if there is one already."""
        try:
            self._inner.set_result(result)
        except futures.InvalidStateError:
            raise RuntimeError("Attempting to mark a completed Future as complete again") from None

    def set_exception(self, result: BaseException) -> None:
        """Sets an error, which `wait` and `value` raise."""
        assert isinstance(result, BaseException), f"{result} is of type {type(result)}, not an Exception."
        self._inner.set_exception(result)

    def then(self, callback: Callable[[Future[_T]], _S]) -> Future[_S]:
        """A future of what the callback gives for this one, when it is done. Errors of the callback are its errors."""
        made: Future[_S] = Future()

        def go(_: futures.Future[_T]) -> None:
            try:
                made.set_result(callback(self))
            except Exception as error:
                made.set_exception(error)

        self._inner.add_done_callback(go)
        return made

    def add_done_callback(self, callback: Callable[[Future[_T]], None]) -> None:
        """Has the callback called with this future when it is done, or at once if it is. Its errors are logged."""
        self._inner.add_done_callback(lambda _: callback(self))


def collect_all(futures: Sequence[Future[Any]]) -> Future[list[Future[Any]]]:
    """A future of all of them, done when they all are.

    >>> import kagari as torch
    >>> first, second = torch.futures.Future(), torch.futures.Future()
    >>> both = torch.futures.collect_all([first, second])
    >>> first.set_result(1), second.set_result(2)
    (None, None)
    >>> [one.value() for one in both.wait()]
    [1, 2]
    """
    given = list(futures)
    left = [None] * len(given)
    made: Future[list[Future[Any]]] = Future()
    if not given:
        made.set_result([])

    def one(_: Future[Any]) -> None:
        left.pop()  # which no other thread can come between
        if not left:
            with suppress(RuntimeError):  # two threads took the last ones together
                made.set_result(given)

    for future in given:
        future.add_done_callback(one)
    return made


def wait_all(futures: Sequence[Future[_T]]) -> list[_T]:
    """The values of all of them, once they are there. Raises the first error.

    >>> import kagari as torch
    >>> first = torch.futures.Future()
    >>> first.set_result(1)
    >>> torch.futures.wait_all([first])
    [1]
    """
    return [future.wait() for future in cast(list[Future[_T]], collect_all(futures).wait())]


__all__ = ["Future", "collect_all", "wait_all"]
