"""Autocast for a custom autograd.Function: what its `forward` and `backward` compute in."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..autograd import casting
from ..base.dtypes import dtype
from .autocast_mode import autocast
from .state import get_autocast_dtype, is_autocast_enabled

_Method = Callable[..., Any]


def custom_fwd(fwd: Any = None, *, device_type: str, cast_inputs: dtype | None = None) -> Any:
    """Decorates the `forward` of an :class:`autograd.Function` for use in regions of autocast.

    With `cast_inputs` the floating-point tensors among its arguments, also those in lists and dictionaries, are
    converted to that dtype where autocast is on, and `forward` runs with autocast off; float64 stays. Without it
    `forward` runs as it is called. In both cases :func:`custom_bwd` has `backward` run in the same state.

    Raises ValueError for a device that is no text.

    >>> import kagari as torch
    >>> class Product(torch.autograd.Function):
    ...     @staticmethod
    ...     @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    ...     def forward(ctx, a, b):
    ...         ctx.save_for_backward(a, b)
    ...         return a @ b
    ...     @staticmethod
    ...     @torch.amp.custom_bwd(device_type="cpu")
    ...     def backward(ctx, grad):
    ...         a, b = ctx.saved_tensors
    ...         return grad @ b.T, a.T @ grad
    >>> with torch.autocast("cpu"):
    ...     Product.apply(torch.ones(1, 2).bfloat16(), torch.ones(2, 1)).dtype
    torch.float32
    """
    _check(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        ctx._dtype, enabled = get_autocast_dtype(device_type), is_autocast_enabled(device_type)
        ctx._fwd_used_autocast = enabled and cast_inputs is None
        if cast_inputs is None or not enabled:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(*casting.converted(args, cast_inputs), **casting.converted(kwargs, cast_inputs))

    return decorated


def custom_bwd(bwd: Any = None, *, device_type: str) -> Any:
    """Decorates the `backward` of an :class:`autograd.Function`: it runs in the state that :func:`custom_fwd` noted.

    Raises ValueError for a device that is no text.
    """
    _check(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype):
            return bwd(*args, **kwargs)

    return decorated


def _check(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


__all__ = ["custom_bwd", "custom_fwd"]
