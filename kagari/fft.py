"""Discrete Fourier transforms, as `torch.fft`."""

from __future__ import annotations

from typing import Any

from .eager.fourier import FFT as _FFT

__all__ = sorted(_FFT)


def __getattr__(name: str) -> Any:
    """A function by its name here. Raises AttributeError for names that are not there."""
    if name not in _FFT:
        raise AttributeError(f"module 'kagari.fft' has no attribute {name!r}")
    found = globals()[name] = _FFT[name]
    return found


def __dir__() -> list[str]:
    return list(__all__)
