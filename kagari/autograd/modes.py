"""The modes of a thread: whether gradients are recorded, and whether every call goes through Python to be watched."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from ..engine.function import Hooks

_F = TypeVar("_F", bound=Callable[..., Any])

GRADIENTS, WATCHED = 1, 2


class _Modes(threading.local):
    value = GRADIENTS
    inference = False


_modes = _Modes()
_tell: list[Callable[[int], None]] = []  # the resident code's copy, once it is loaded


def mode() -> int:
    """This thread's modes as bits."""
    return _modes.value


Hooks.mode = staticmethod(mode)  # type: ignore[method-assign]


def watch(tell: Callable[[int], None]) -> None:
    """Has every change of this module's modes told to native code."""
    _tell.append(tell)


def set_mode(value: int) -> None:
    """Sets this thread's modes."""
    _modes.value = value
    for tell in _tell:
        tell(value)


def is_grad_enabled() -> bool:
    """Whether operations record what a backward pass needs.

    >>> import kagari
    >>> kagari.is_grad_enabled()
    True
    """
    return bool(_modes.value & GRADIENTS)


def is_inference_mode_enabled() -> bool:
    """Whether the thread is inside `inference_mode`."""
    return _modes.inference


class _Mode:
    """A context manager that is a decorator too. Entering it again, or in another thread, is allowed."""

    def __init__(self) -> None:
        self._previous: list[int] = []

    def _value(self) -> int:
        raise NotImplementedError

    def __enter__(self) -> None:
        self._previous.append(_modes.value)
        set_mode(self._value())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        set_mode(self._previous.pop())

    def __call__(self, function: _F) -> _F:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self.__class__.__new_like__(self):
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]

    @classmethod
    def __new_like__(cls, other: _Mode) -> _Mode:
        return cls()


class no_grad(_Mode):  # noqa: N801 - PyTorch's name
    """Nothing inside records what a backward pass needs. A context manager and a decorator.

    >>> import kagari as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        made = super().__new__(cls)
        if function is not None:
            made.__init__()  # type: ignore[misc]
            return made(function)
        return made

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        super().__init__()

    def _value(self) -> int:
        return _modes.value & ~GRADIENTS


class enable_grad(no_grad):  # noqa: N801
    """Records inside, also within `no_grad`. A context manager and a decorator."""

    def _value(self) -> int:
        return _modes.value | GRADIENTS


class set_grad_enabled(_Mode):  # noqa: N801
    """Turns recording on or off: at once, and back at the end where it is used in a `with`."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.mode = bool(mode)
        self._previous.append(_modes.value)
        set_mode(self._value())

    def _value(self) -> int:
        return _modes.value | GRADIENTS if self.mode else _modes.value & ~GRADIENTS

    def __enter__(self) -> None:
        set_mode(self._value())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        set_mode(self._previous[-1])

    def __call__(self, function: _F) -> _F:
        set_mode(self._previous[-1])
        return super().__call__(function)

    @classmethod
    def __new_like__(cls, other: _Mode) -> _Mode:
        return cls(other.mode)  # type: ignore[attr-defined]


class inference_mode(_Mode):  # noqa: N801
    """`no_grad` for code whose results never meet a backward pass. `mode=False` changes nothing."""

    def __new__(cls, mode: Any = True) -> Any:
        made = super().__new__(cls)
        if callable(mode):
            made.__init__()  # type: ignore[misc]
            return made(mode)
        return made

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self.mode = mode
        self._inference: list[bool] = []

    def _value(self) -> int:
        return _modes.value & ~GRADIENTS if self.mode else _modes.value

    def __enter__(self) -> None:
        super().__enter__()
        self._inference.append(_modes.inference)
        _modes.inference = _modes.inference or self.mode

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        super().__exit__(kind, error, trace)
        _modes.inference = self._inference.pop()

    @classmethod
    def __new_like__(cls, other: _Mode) -> _Mode:
        return cls(other.mode)  # type: ignore[attr-defined]


class detect_anomaly(_Mode):  # noqa: N801
    """Makes a failing or NaN-making backward name the forward line. Slow: for debugging.

    `check_nan` raises RuntimeError where a gradient holds NaN.
    """

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__()
        self.check_nan = check_nan

    def _value(self) -> int:
        return _modes.value | WATCHED

    def __enter__(self) -> None:
        super().__enter__()
        anomaly.append(self.check_nan)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        super().__exit__(kind, error, trace)
        anomaly.pop()

    @classmethod
    def __new_like__(cls, other: _Mode) -> _Mode:
        return cls(other.check_nan)  # type: ignore[attr-defined]


anomaly: list[bool] = []  # the `check_nan` of the anomaly modes that are entered
