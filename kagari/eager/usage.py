"""What programs call of PyTorch's native module, `torch._C`, that asks for nothing native."""

from __future__ import annotations

from contextlib import AbstractContextManager

from . import overriding
from .overriding import disabled as _disabled_torch_function_impl
from .overriding import state

__all__ = [
    "DisableTorchFunction", "DisableTorchFunctionSubclass", "_disabled_torch_function_impl",
    "_is_torch_function_all_disabled", "_is_torch_function_enabled", "_is_torch_function_mode_enabled",
    "_len_torch_function_stack", "_log_api_usage_once",
]  # fmt: skip


def _log_api_usage_once(event: str) -> None:
    """Tells a logger of the use of an interface, where a build has one; there is none here."""


def DisableTorchFunctionSubclass() -> AbstractContextManager[None]:
    """A region in which subclasses of Tensor count as tensors; modes are told of calls."""
    return overriding.plain()


def DisableTorchFunction() -> AbstractContextManager[None]:
    """A region in which neither subclasses nor modes answer calls."""
    return overriding.silence()


def _is_torch_function_enabled() -> bool:
    """Whether subclasses answer calls."""
    return not state.plain


def _is_torch_function_all_disabled() -> bool:
    """Whether neither subclasses nor modes do."""
    return bool(state.plain) and not state.stack


def _is_torch_function_mode_enabled() -> bool:
    """Whether there are modes in this thread."""
    return bool(state.stack)


def _len_torch_function_stack() -> int:
    """How many modes there are in this thread."""
    return len(state.stack)
