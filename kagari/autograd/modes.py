"""The modes of a thread: whether gradients are recorded, and whether every call goes through Python to be watched."""

from __future__ import annotations

import functools
import inspect
import threading
import traceback
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, TypeVar

from ..engine.function import GRADIENTS, INFERENCE, WATCHED, Hooks

_F = TypeVar("_F", bound=Callable[..., Any])


class _Modes(threading.local):
    value = GRADIENTS


_modes = _Modes()
NOT_SAVED = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
    "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in "
    "autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
)
NOT_CHANGED = (
    "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal "
    "tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
)
anomaly: list[bool] = []  # the `check_nan` of the anomaly modes that are on


def _tell(value: int) -> None:
    """Tells the resident code of this thread's modes: nothing until it is loaded."""


def mode() -> int:
    """This thread's modes as bits; in inference mode nothing is recorded, also where gradients are enabled."""
    value = _modes.value
    return value & ~GRADIENTS if value & INFERENCE else value


Hooks.mode = staticmethod(mode)


def watch(tell: Callable[[int], None]) -> None:
    """Has every change of this module's modes told to native code."""
    global _tell
    _tell = tell  # type: ignore[assignment]
    tell(mode())


def set_mode(value: int) -> None:
    """Sets this thread's modes."""
    _modes.value = value
    _tell(value & ~GRADIENTS if value & INFERENCE else value)  # `mode()`, without the call


def count_change(t: Any) -> None:
    """Counts a change of a tensor's memory that no operator made. Raises RuntimeError where it may not be changed."""
    if t._storage.version < 0 and not _modes.value & INFERENCE:
        raise RuntimeError(NOT_CHANGED)
    t._storage.version += 1


def is_grad_enabled() -> bool:
    """Whether operations record what a backward pass needs.

    >>> import kagari
    >>> kagari.is_grad_enabled()
    True
    """
    return bool(_modes.value & GRADIENTS)


def is_inference_mode_enabled() -> bool:
    """Whether the thread is inside `inference_mode`."""
    return bool(_modes.value & INFERENCE)


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on."""
    return bool(anomaly)


def forward_lines() -> str:
    """The lines of the program that lead to here, Kagari's own left out."""
    stack = [s for s in traceback.extract_stack() if "/kagari/" not in s.filename.replace("\\", "/")]
    return "".join(traceback.format_list(stack))


def restore(bits: int, before: int) -> None:
    """Sets some of this thread's modes to what they were before; others may have changed meanwhile."""
    set_mode((_modes.value & ~bits) | (before & bits))


class _Mode:
    """A context manager that is a decorator too, of functions and of generators.

    Entering it again, or in another thread, is allowed. `_bits` are the modes that it changes.
    """

    _bits = GRADIENTS

    def __init__(self) -> None:
        self._previous: list[int] = []

    def _value(self) -> int:
        raise NotImplementedError

    def _again(self) -> _Mode:
        """A new one like this."""
        return type(self)()

    def __enter__(self) -> None:
        self._previous.append(_modes.value)
        set_mode(self._value())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        restore(self._bits, self._previous.pop())

    def __call__(self, function: _F) -> _F:
        if inspect.isgeneratorfunction(function):
            return self._around_generator(function)  # type: ignore[return-value]

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]

    def _around_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The generator's own code runs in the mode, and whoever iterates over it does not."""

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            running = function(*args, **kwargs)
            resume = functools.partial(next, running)
            try:
                while True:
                    try:
                        with self._again():
                            value = resume()
                    except StopIteration as end:
                        return end.value
                    try:
                        sent = yield value
                        resume = functools.partial(running.send, sent)
                    except GeneratorExit:
                        with self._again():
                            running.close()
                        raise
                    except BaseException as error:
                        resume = functools.partial(running.throw, error)
            finally:
                running.close()

        return wrapped


class _Plain(_Mode):
    """A mode without arguments: it may decorate with or without parentheses."""

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]
        return made(function)

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        super().__init__()


class no_grad(_Plain):
    """Nothing inside records what a backward pass needs. A context manager and a decorator.

    >>> import kagari as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def _value(self) -> int:
        return _modes.value & ~GRADIENTS


class enable_grad(_Plain):
    """Records inside, also within `no_grad`. A context manager and a decorator."""

    def _value(self) -> int:
        return _modes.value | GRADIENTS


class set_grad_enabled(_Mode):
    """Turns recording on or off: at once, and back at the end where it is used in a `with`.

    >>> import kagari as torch
    >>> with torch.set_grad_enabled(False):
    ...     torch.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.mode, self._before = bool(mode), _modes.value
        set_mode(self._value())

    def _value(self) -> int:
        return _modes.value | GRADIENTS if self.mode else _modes.value & ~GRADIENTS

    def _again(self) -> _Mode:
        return set_grad_enabled(self.mode)

    def __enter__(self) -> None:
        set_mode(self._value())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        restore(GRADIENTS, self._before)

    def __call__(self, function: _F) -> _F:
        """The function as one that runs in this mode; the mode is not turned on here."""
        restore(GRADIENTS, self._before)
        return super().__call__(function)


class inference_mode(_Mode):
    """`no_grad` for code whose results never meet a backward pass. `mode=False` turns it off, and gradients on.

    New memory is marked: outside of the mode it can neither be changed in place nor saved for a backward pass, which
    raise RuntimeError, and has no version. A clone made outside is a tensor like others. Views of other tensors are
    not marked; unlike in PyTorch, they want no gradient where those do.

    >>> import kagari as torch
    >>> with torch.inference_mode():
    ...     x = torch.ones(2)
    >>> x.is_inference(), x.clone().is_inference()
    (True, False)
    """

    _bits = GRADIENTS | INFERENCE

    def __new__(cls, mode: Any = True) -> Any:
        """The mode, or the decorated function where it decorates without parentheses."""
        made = super().__new__(cls)
        if not callable(mode):
            return made
        made.__init__()  # type: ignore[misc]
        return made(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self.mode = mode

    def _value(self) -> int:
        value = _modes.value
        return (value & ~GRADIENTS) | INFERENCE if self.mode else (value | GRADIENTS) & ~INFERENCE

    def _again(self) -> _Mode:
        return inference_mode(self.mode)


class set_multithreading_enabled:
    """Whether a backward pass may use several threads of Python. It uses one, so this changes nothing."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        pass


class detect_anomaly(_Mode):
    """Makes a backward pass that fails, or makes NaN, name the line of the forward pass. Slow: for debugging.

    `check_nan` raises RuntimeError where a gradient holds NaN.
    """

    _bits = WATCHED

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__()
        self.check_nan = check_nan

    def _value(self) -> int:
        return _modes.value | WATCHED

    def _again(self) -> _Mode:
        return detect_anomaly(self.check_nan)

    def __enter__(self) -> None:
        super().__enter__()
        anomaly.append(self.check_nan)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        anomaly.pop()


class set_detect_anomaly(_Mode):
    """Turns anomaly detection on or off: at once, and back at the end where it is used in a `with`."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__()
        self.mode, self.check_nan = bool(mode), check_nan
        self._before = (_modes.value, list(anomaly))
        anomaly[:] = [check_nan] if self.mode else []
        set_mode(self._value())

    def _value(self) -> int:
        return _modes.value | WATCHED if self.mode else _modes.value & ~WATCHED

    def _again(self) -> _Mode:
        return set_detect_anomaly(self.mode, self.check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        value, anomaly[:] = self._before
        restore(WATCHED, value)
