"""Operations between processes that go on while the program does something else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future as Running
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..eager import Tensor
from ..futures import Future

if TYPE_CHECKING:
    from .network.mesh import Mesh, Pending


class Work:
    """An operation under way. Who started it may not touch its tensors until it has been waited for."""

    def wait(self, timeout: timedelta | None = None) -> bool:
        """Waits until it is done, and raises its error if it failed; RuntimeError if it is not done in time."""
        raise NotImplementedError

    def is_completed(self) -> bool:
        """Whether it is done, or has failed."""
        raise NotImplementedError

    def is_success(self) -> bool:
        """Whether it is done and has not failed. RuntimeError while it goes on."""
        if not self.is_completed():
            raise RuntimeError("Work is still in progress")
        return self.exception() is None

    def exception(self) -> BaseException | None:
        """The error that it failed with."""
        raise NotImplementedError

    def result(self) -> list[Tensor]:
        """The tensors that it changes, when it is done."""
        raise NotImplementedError

    def get_future(self) -> Future[list[Tensor]]:
        """The tensors that it changes, as a future."""
        raise NotImplementedError

    def synchronize(self) -> None:
        """Waits until it is done."""
        self.wait()


class CollectiveWork(Work):
    """What a thread of the group does."""

    def __init__(self, running: Running[None], tensors: Sequence[Tensor], name: str, limit: timedelta) -> None:
        self._running, self._tensors, self._name, self._limit = running, list(tensors), name, limit

    def wait(self, timeout: timedelta | None = None) -> bool:
        seconds = (timeout or self._limit).total_seconds()
        try:
            self._running.result(seconds)
        except TimeoutError:
            if self._running.done():
                raise
            raise RuntimeError(
                f"Timed out waiting {round(seconds * 1000)}ms for {self._name} operation to complete"
            ) from None
        return True

    def is_completed(self) -> bool:
        return self._running.done()

    def exception(self) -> BaseException | None:
        return self._running.exception() if self._running.done() else None

    def result(self) -> list[Tensor]:
        self.wait()
        return self._tensors

    def get_future(self) -> Future[list[Tensor]]:
        future: Future[list[Tensor]] = Future()

        def done(running: Running[None]) -> None:
            error = running.exception()
            if error is None:
                future.set_result(self._tensors)
            else:
                future.set_exception(error)

        self._running.add_done_callback(done)
        return future


class MessageWork(Work):
    """One message under way."""

    def __init__(
        self,
        mesh: Mesh,
        pending: Pending,
        tensor: Tensor,
        name: str,
        limit: timedelta,
        arrived: Callable[[], Any] | None = None,
        ranks: Sequence[int] = (),
    ) -> None:
        self._mesh, self._pending, self._tensor, self._name, self._limit = mesh, pending, tensor, name, limit
        self._arrived, self._ranks = arrived, ranks

    def wait(self, timeout: timedelta | None = None) -> bool:
        seconds = (timeout or self._limit).total_seconds()
        try:
            self._pending.wait(seconds, self._name)
        except RuntimeError:
            self._mesh.forget(self._pending)
            raise
        if self._arrived is not None:
            self._arrived()
            self._arrived = None
        return True

    def is_completed(self) -> bool:
        return self._pending.ended

    def exception(self) -> BaseException | None:
        return self._pending.error

    def result(self) -> list[Tensor]:
        self.wait()
        return [self._tensor]

    def source_rank(self) -> int:
        """Which process of the group sent it."""
        return self._ranks.index(self._pending.peer)


__all__ = ["Work"]
