"""What programs call as `torch.compiler`: `disable`, `is_compiling`, `reset` and their like."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from . import queue
from .compile import compile as compile
from .compile import list_backends as list_backends
from .function import FUNCTIONS
from .runner import RUNNER, eagerly

_F = TypeVar("_F", bound=Callable[..., Any])


def is_compiling() -> bool:
    """Whether a compiled function is being called, other than one that was found to be faster eagerly.

    >>> import kagari as torch
    >>> torch.compiler.is_compiling(), torch.compile(torch.compiler.is_compiling)()
    (False, True)
    """
    return RUNNER.thread.state.compiling is not None


is_dynamo_compiling = is_compiling


def disable(fn: _F | None = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """A function that runs eagerly also where a compiled one calls it, which splits what that one runs together.

    `recursive` and `reason` are accepted as PyTorch has them.

    >>> import kagari as torch
    >>> torch.compile(torch.compiler.disable(torch.compiler.is_compiling))()
    False
    """
    if fn is None:
        return functools.partial(disable, recursive=recursive, reason=reason)

    return eagerly(fn, queue.READ)


def reset() -> None:
    """Forgets everything that was compiled and measured.

    >>> import kagari as torch
    >>> torch.compiler.reset()
    """
    RUNNER.reset()
    for function in list(FUNCTIONS):
        function.reset()


def report() -> str:
    """What became of all compiled functions that were called: their reports, one after the other.

    >>> import kagari as torch
    >>> double = torch.compile(lambda x: x * 2)
    >>> double(torch.ones(1))
    tensor([2.])
    >>> "1 operators, 1 steps" in torch.compiler.report()
    True
    """
    return "\n".join(str(function.explain()) for function in list(FUNCTIONS) if function.used)


def cudagraph_mark_step_begin() -> None:
    """Does nothing: memory is not reused from one call to the next behind the back of tensors."""


def allow_in_graph(fn: _F) -> _F:
    """The function itself: whatever Python a compiled function calls is run."""
    return fn


def assume_constant_result(fn: _F) -> _F:
    """The function itself: it is called each time."""
    return fn


def nested_compile_region(fn: _F | None = None, **options: Any) -> Any:
    """The function itself: what repeats is compiled once in any case. The options are accepted."""
    return fn if fn is not None else nested_compile_region


def is_exporting() -> bool:
    """Whether a program is being exported: no."""
    return False


STANCES = (
    "default", "eager_then_compile", "aot_eager_then_compile", "eager_on_recompile", "fail_on_recompile", "force_eager",
)  # fmt: skip


class set_stance:
    """Says what happens to calls of compiled functions, in this thread. A function, a context manager, a decorator.

    Args:
        stance (str): ``"force_eager"`` runs them as if they were not compiled. The others of PyTorch's,
            ``"default"``, ``"eager_then_compile"``, ``"aot_eager_then_compile"``, ``"eager_on_recompile"`` and
            ``"fail_on_recompile"``, all mean the same here, where the first calls are eager and nothing is compiled
            again for other sizes.
        skip_guard_eval_unsafe, force_backend: accepted.

    Raises RuntimeError inside of a compiled function, and for another word.

    >>> import kagari as torch
    >>> double = torch.compile(lambda x: x * 2)
    >>> with torch.compiler.set_stance("force_eager"):
    ...     double(torch.ones(1))
    tensor([2.])
    >>> double.used
    {}
    """

    def __init__(
        self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend: Any = None
    ) -> None:
        if stance not in STANCES:
            raise RuntimeError(f"invalid stance {stance!r}: expected one of {', '.join(STANCES)}")
        if is_compiling():
            raise RuntimeError("set_stance() can't be called in a compiled function")
        self.forced = stance == "force_eager"
        self._before = self._set(self.forced)

    @staticmethod
    def _set(forced: bool) -> bool:
        state = RUNNER.thread.state
        before = state.forced_eager
        state.forced_eager = forced
        state.suspended += forced - before
        return before

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        self._set(self._before)

    def __call__(self, fn: _F) -> _F:
        """The function as one that runs with this stance, which is not taken here."""
        self._set(self._before)

        @functools.wraps(fn)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            before = self._set(self.forced)
            try:
                return fn(*args, **kwargs)
            finally:
                self._set(before)

        return wrapped  # type: ignore[return-value]
