"""What a program asks of GPUs before it falls back to the CPU. There are none: kernels are made for the CPU alone."""

from __future__ import annotations

from . import amp


def is_available() -> bool:
    """Whether there is a GPU that tensors can lie on.

    >>> import kagari as torch
    >>> torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device(type='cpu')
    """
    return False


def device_count() -> int:
    """How many GPUs there are."""
    return 0


def is_initialized() -> bool:
    """Whether a GPU is in use."""
    return False


def is_bf16_supported() -> bool:
    """Whether a GPU computes in bfloat16."""
    return False


def current_device() -> int:
    """The number of the GPU in use. Raises AssertionError: there is none."""
    raise AssertionError("Torch not compiled with CUDA enabled")


def synchronize(device: object = None) -> None:
    """Waits for a GPU. Raises AssertionError: there is none."""
    raise AssertionError("Torch not compiled with CUDA enabled")


def manual_seed(seed: int) -> None:
    """Seeds the generator of the GPU in use, of which there is none."""


def manual_seed_all(seed: int) -> None:
    """Seeds the generators of all GPUs, of which there are none."""


def empty_cache() -> None:
    """Gives back pooled memory of GPUs; that of the CPU is `backends.kagari.empty_cache`'s."""


def memory_allocated(device: object = None) -> int:
    """Bytes of tensors on a GPU."""
    return 0


__all__ = [
    "amp", "current_device", "device_count", "empty_cache", "is_available", "is_bf16_supported", "is_initialized",
    "manual_seed", "manual_seed_all", "memory_allocated", "synchronize",
]  # fmt: skip
