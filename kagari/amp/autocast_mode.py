"""The region of mixed precision, as a context manager and a decorator."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from copy import copy
from typing import Any, Literal, TypeVar

from ..autograd import casting
from ..base.dtypes import bfloat16, dtype, float16

_F = TypeVar("_F", bound=Callable[..., Any])


def is_autocast_available(device_type: str) -> bool:
    """Whether there is such a thing as autocast for a type of device. Raises RuntimeError for an unknown one.

    >>> import kagari as torch
    >>> torch.amp.is_autocast_available("cpu")
    True
    """
    return casting.checked(device_type, "_is_autocast_available") in casting.DEFAULTS


class autocast:
    """A region in which operators choose the precision they compute in. A context manager and a decorator.

    Products (matrix products, convolutions, attention, recurrent layers, `prelu`) convert their arguments to `dtype`
    and give results of it, with sums in float32; losses, pooling of volumes, long sums of powers and products, linear
    algebra and Fourier transforms convert to float32; `cat`, `stack` and `index_copy` take the widest dtype of their
    arguments. All others compute in the dtype they get. Which rule an operator follows is a part of its record, and
    the rules are PyTorch's for the CPU. In-place forms and calls with `out=` are left alone, and so are float64 and
    integers. Gradients arrive in the dtype of what they are gradients of. The backward pass belongs outside.

    A conversion is a part of the operator's plan. `cache_enabled` is accepted and makes no difference: no converted
    copies of weights are kept, and so none can be out of date.

    Args:
        device_type: `"cpu"`; regions of other devices change nothing, and that of `"cuda"` warns, as there is none.
        dtype: `torch.bfloat16` or `torch.float16`; what `torch.get_autocast_dtype(device_type)` says if None.
        enabled: whether the region is one. `autocast("cpu", enabled=False)` is a way out of another one.
        cache_enabled: as `torch.is_autocast_cache_enabled()` if None.

    Raises ValueError for a device that is no text, RuntimeError for an unknown one, and warns, and does nothing, for
    another dtype. Source: Micikevicius et al., *Mixed Precision Training*, arXiv:1710.03740.

    >>> import kagari as torch
    >>> x, w = torch.ones(2, 3), torch.ones(3, 2, requires_grad=True)
    >>> with torch.autocast("cpu"):
    ...     y = x @ w
    >>> y.dtype
    torch.bfloat16
    >>> y.sum().backward()
    >>> w.grad.dtype
    torch.float32
    """

    def __init__(
        self, device_type: str, dtype: dtype | None = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        if not is_autocast_available(device_type):
            raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
        self.device = device_type
        self.fast_dtype = casting.state.dtypes[device_type] if dtype is None else dtype
        self._cache_enabled = casting.state.cache if cache_enabled is None else cache_enabled
        self._enabled = enabled
        if enabled and device_type == "cuda":
            warnings.warn("CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=2)
            self._enabled = False
        elif enabled and device_type == "cpu" and self.fast_dtype not in (bfloat16, float16):
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                stacklevel=2,
            )
            self._enabled = False
        self._before: list[tuple[bool, Any, bool]] = []

    def __enter__(self) -> autocast:
        state = casting.state
        self._before.append((self.device in state.enabled, state.dtypes[self.device], state.cache))
        casting.set_dtype(self.device, self.fast_dtype)
        casting.enable(self.device, self._enabled)
        state.nesting += 1
        state.cache = self._cache_enabled
        return self

    def __exit__(self, *exception: object) -> Literal[False]:
        enabled, dt, cache = self._before.pop()
        casting.state.nesting -= 1
        casting.state.cache = cache
        casting.enable(self.device, enabled)
        casting.set_dtype(self.device, dt)
        return False

    def __call__(self, func: _F) -> _F:
        """The function as one whose calls are such a region."""
        if not callable(func):
            raise TypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. Did you mean to use autocast "
                "as a context manager? For example:\n    with torch.autocast(device_type=...):\n"
                "        output = model(input)"
            )

        @functools.wraps(func)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            region = copy(self)
            region._before = []  # of this call alone: another thread may be inside of the function
            with region:
                return func(*args, **kwargs)

        return decorated  # type: ignore[return-value]


__all__ = ["autocast", "is_autocast_available"]
