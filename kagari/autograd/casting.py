"""Autocast as a state of the thread: for which devices it is on, and to which dtype it goes.

Where it is on for the CPU, two bits of the thread's modes say so to native code, which then takes the form of an
operator that converts its arguments: the rule in its record (`kagari/ops/autocast.py`) says how. The conversion is a
part of that form's plan. There are no converted copies of weights that could be kept, so the cache that PyTorch has
is a setting here that nothing depends on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import Any, TypeVar

from ..base.dtypes import bfloat16, dtype, float16, float32, float64
from ..engine.function import CASTING, CASTS, Hooks
from . import modes
from .library import function

_F = TypeVar("_F", bound=Callable[..., Any])

DEFAULTS = {
    "cpu": bfloat16, "cuda": float16, "xpu": float16, "mps": float16, "hpu": bfloat16, "xla": bfloat16, "ipu": float16,
    "mtia": float16, "maia": bfloat16, "privateuseone": float16,
}  # fmt: skip
"""The devices that PyTorch has autocast for, with the dtype that it goes to."""

_DEVICES = (
    "cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia", "xla", "lazy",
    "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone",
)  # fmt: skip


class _State(threading.local):
    def __init__(self) -> None:
        self.enabled: set[str] = set()
        self.dtypes = dict(DEFAULTS)
        self.nesting, self.cache = 0, True


state = _State()


def checked(device_type: Any, name: str) -> str:
    """A type of device. Raises TypeError for what is no text, RuntimeError for one that there is not."""
    if not isinstance(device_type, str):
        raise TypeError(f"{name}(): argument 'device_type' (position 1) must be str, not {type(device_type).__name__}")
    if device_type not in _DEVICES:
        raise RuntimeError(
            f"Expected one of {', '.join(_DEVICES)} device type at start of device string: {device_type}"
        )
    return device_type


def enable(device_type: str, enabled: bool) -> None:
    """Turns autocast on or off for a type of device, in this thread."""
    (state.enabled.add if enabled else state.enabled.discard)(device_type)
    _tell()


def set_dtype(device_type: str, dt: dtype) -> None:
    """Sets what autocast goes to."""
    state.dtypes[device_type] = dt
    _tell()


def _tell() -> None:
    bits = CASTS.get(state.dtypes["cpu"], 0) if "cpu" in state.enabled else 0
    if modes.mode() & CASTING != bits:
        modes.set_mode((modes.mode() & ~CASTING) | bits)


def snapshot() -> Callable[[], AbstractContextManager[None]]:
    """What makes contexts in which the thread's state of autocast is again what it is now."""
    now = (set(state.enabled), dict(state.dtypes), state.cache)

    @contextmanager
    def again() -> Iterator[None]:
        before = (state.enabled, state.dtypes, state.cache)
        state.enabled, state.dtypes, state.cache = set(now[0]), dict(now[1]), now[2]
        _tell()
        try:
            yield
        finally:
            state.enabled, state.dtypes, state.cache = before
            _tell()

    return again


def in_float32(written: _F) -> _F:
    """The function as one that computes in float32 where autocast is on: tensors of lower precision are converted.

    Inside, autocast is off. For functions composed of operators; those have a rule in their record. As there, a call
    with `out` is left alone.
    """

    @wraps(written)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not is_on() or kwargs.get("out") is not None:
            return written(*args, **kwargs)
        args = tuple([_converted(a, float32) for a in args])
        kwargs = {name: _converted(a, float32) for name, a in kwargs.items()}
        with off():
            return written(*args, **kwargs)

    return call  # type: ignore[return-value]


def is_on() -> bool:
    """Whether there is autocast for the CPU in this thread."""
    return bool(modes.mode() & CASTING)


@contextmanager
def off() -> Iterator[None]:
    """A region without autocast for the CPU."""
    before = modes.mode()
    modes.set_mode(before & ~CASTING)
    try:
        yield
    finally:
        modes.set_mode(before)


def converted(value: Any, target: dtype) -> Any:
    """A value in which the floating-point tensors, also in lists and dictionaries, have a dtype; float64 stays."""
    if isinstance(value, dict):
        return {converted(k, target): converted(v, target) for k, v in value.items()}
    if isinstance(value, list | tuple):
        made = (converted(v, target) for v in value)
        return type(value)(made)
    return _converted(value, target)


def _converted(value: Any, target: dtype) -> Any:
    if not isinstance(value, Hooks.tensor_types):
        return value
    dt = value._layout.dtype
    if dt.category != 2 or dt is float64 or dt is target:
        return value
    return function("to_dtype").run((value, target))
