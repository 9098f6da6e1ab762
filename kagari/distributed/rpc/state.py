"""What this process has to do with calls: its agent, and how a function is called elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ...futures import Future

if TYPE_CHECKING:
    from .agent import Agent

Call = Callable[..., Future[Any]]


class Here:
    """An agent, and `call(to, function, args, kwargs, timeout)`, which gives a future of the result."""

    def __init__(self, agent: Agent, call: Call) -> None:
        self.agent, self.call = agent, call
        self._lock = threading.Lock()
        self._last = -1
        self._pool = ThreadPoolExecutor(8, "kagari-rpc-then")

    def new_id(self) -> tuple[int, int]:
        """A name that no other reference has: who made it, and its number there."""
        with self._lock:
            self._last += 1
            return self.agent.info.id, self._last

    def handed(self, future: Future[Any]) -> Future[Any]:
        """The same future, whose callbacks may wait for others: they run in threads that read no connection."""
        made: Future[Any] = Future()

        def hand(done: Future[Any]) -> None:
            try:
                made.set_result(done.value())
            except Exception as error:
                made.set_exception(error)

        def later(done: Future[Any]) -> None:
            self._pool.submit(hand, done)

        future.add_done_callback(later)
        return made

    def close(self) -> None:
        """Ends all that runs for calls."""
        self.agent.close()
        self._pool.shutdown(wait=False, cancel_futures=True)


current: list[Here] = []


def here() -> Here:
    """Raises RuntimeError before `init_rpc` and after `shutdown`."""
    if not current:
        raise RuntimeError("RPC has not been initialized. Call torch.distributed.rpc.init_rpc first.")
    return current[0]
