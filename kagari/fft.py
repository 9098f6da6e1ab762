"""Discrete Fourier transforms, as `torch.fft`."""

from __future__ import annotations

from typing import Any

from .eager.answering import told as _told
from .eager.fourier import FFT as _FFT

__all__ = sorted(_FFT)


def __getattr__(name: str) -> Any:
    """A function by its name here. Raises AttributeError for names that are not there."""
    if name not in _FFT:
        raise AttributeError(f"module 'kagari.fft' has no attribute {name!r}")
    found = globals()[name] = _told(_FFT[name], "torch.fft")
    return found


def __dir__() -> list[str]:
    return list(__all__)
