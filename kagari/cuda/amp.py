"""The older names of mixed precision on GPUs. They warn: `torch.amp` has the newer ones, and GPUs there are none."""

from __future__ import annotations

import warnings
from typing import Any

from .. import amp
from ..base.dtypes import dtype, float16


def _outdated(name: str, newer: str) -> None:
    warnings.warn(
        f"`torch.cuda.amp.{name}(args...)` is deprecated. Please use `torch.amp.{newer}` instead.",
        FutureWarning,
        stacklevel=3,
    )


class autocast(amp.autocast):
    """The older form of `torch.autocast("cuda", ...)`. Warns that it is deprecated, and that there is no GPU."""

    def __init__(self, enabled: bool = True, dtype: dtype = float16, cache_enabled: bool = True) -> None:
        _outdated("autocast", "autocast('cuda', args...)")
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """The older form of `torch.amp.GradScaler("cuda", ...)`. Warns that it is deprecated, and that there is no GPU."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _outdated("GradScaler", "GradScaler('cuda', args...)")
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


def custom_fwd(fwd: Any = None, *, cast_inputs: dtype | None = None) -> Any:
    """The older form of `torch.amp.custom_fwd(..., device_type="cuda")`. Warns that it is deprecated."""
    _outdated("custom_fwd", "custom_fwd(args..., device_type='cuda')")
    return amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Any) -> Any:
    """The older form of `torch.amp.custom_bwd(..., device_type="cuda")`. Warns that it is deprecated."""
    _outdated("custom_bwd", "custom_bwd(args..., device_type='cuda')")
    return amp.custom_bwd(bwd, device_type="cuda")


def amp_definitely_not_available() -> bool:
    """Whether there is no GPU to compute on."""
    return True


__all__ = ["GradScaler", "amp_definitely_not_available", "autocast", "custom_bwd", "custom_fwd"]
