"""What a program asks of GPUs before it falls back to the CPU. There are none: kernels are made for the CPU alone."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any, NoReturn

from . import amp

_WITHOUT = "Torch not compiled with CUDA enabled"
default_generators: tuple[Any, ...] = ()


class CUDAGraph:
    """What a GPU repeats without being told again: a type for annotations. Making one raises RuntimeError."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise RuntimeError("Tried to instantiate dummy base class CUDAGraph")


class Event:
    """A mark in what a GPU does: a type for annotations. Making one raises RuntimeError."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise RuntimeError("Tried to instantiate dummy base class Event")


class Stream:
    """A queue of what a GPU has to do: a type for annotations. Making one raises RuntimeError."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise RuntimeError("torch.cuda.Stream requires CUDA support")


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


def current_device() -> NoReturn:
    """The number of the GPU in use. Raises AssertionError: there is none."""
    raise AssertionError(_WITHOUT)


def synchronize(device: object = None) -> NoReturn:
    """Waits for a GPU. Raises AssertionError: there is none."""
    raise AssertionError(_WITHOUT)


def manual_seed(seed: int) -> None:
    """Seeds the generator of the GPU in use, of which there is none."""


def manual_seed_all(seed: int) -> None:
    """Seeds the generators of all GPUs, of which there are none."""


def empty_cache() -> None:
    """Gives back pooled memory of GPUs; that of the CPU is `backends.kagari.empty_cache`'s."""


def memory_allocated(device: object = None) -> int:
    """Bytes of tensors on a GPU."""
    return 0


def max_memory_allocated(device: object = None) -> int:
    """The most bytes of tensors that have been on a GPU at a time."""
    return 0


def memory_reserved(device: object = None) -> int:
    """Bytes that are held on a GPU."""
    return 0


def max_memory_reserved(device: object = None) -> int:
    """The most bytes that have been held on a GPU."""
    return 0


def memory_stats(device: object = None) -> dict[str, Any]:
    """Counts about the memory of a GPU: none."""
    return {}


def get_device_name(device: object = None) -> NoReturn:
    """What a GPU is called. Raises AssertionError: there is none."""
    raise AssertionError(_WITHOUT)


def get_device_capability(device: object = None) -> NoReturn:
    """What a GPU can do, as two numbers. Raises AssertionError: there is none."""
    raise AssertionError(_WITHOUT)


def get_device_properties(device: object = None) -> NoReturn:
    """What a GPU is like. Raises AssertionError: there is none."""
    raise AssertionError(_WITHOUT)


def mem_get_info(device: object = None) -> NoReturn:
    """Free and present bytes of a GPU. Raises AssertionError: there is none."""
    raise AssertionError(_WITHOUT)


def current_stream(device: object = None) -> NoReturn:
    """The queue in use. Raises AssertionError: there is none."""
    raise AssertionError(_WITHOUT)


def default_stream(device: object = None) -> NoReturn:
    """The queue that a GPU begins with. Raises AssertionError: there is none."""
    raise AssertionError(_WITHOUT)


class graph:
    """A region whose work a :class:`CUDAGraph` takes in. Making one raises RuntimeError: it needs a stream."""

    def __init__(self, cuda_graph: object, *args: object, **kwargs: object) -> None:
        Stream()


class StreamContext(nullcontext[None]):
    """A region that uses a queue of a GPU's, of which None alone can be given: there are none.

    Raises AssertionError where it is anything else.
    """

    def __init__(self, stream: None) -> None:
        super().__init__()
        if stream is not None:
            raise AssertionError(_WITHOUT)


def stream(stream: None) -> StreamContext:
    """The region that uses a queue; see :class:`StreamContext`."""
    return StreamContext(stream)


def get_rng_state(device: object = "cuda") -> NoReturn:
    """The state of a GPU's generator. Raises AssertionError: there is none."""
    raise AssertionError(_WITHOUT)


def get_rng_state_all() -> list[Any]:
    """The states of all generators of GPUs."""
    return []


def set_rng_state_all(new_states: Iterable[Any]) -> None:
    """Sets the states of all generators of GPUs, of which there are none.

    Raises AssertionError where a state is given.
    """
    for _ in new_states:
        raise AssertionError(_WITHOUT)


__all__ = [
    "CUDAGraph", "Event", "Stream", "StreamContext", "amp", "current_device", "current_stream", "default_generators",
    "default_stream", "device_count", "empty_cache", "get_device_capability", "get_device_name",
    "get_device_properties", "get_rng_state", "get_rng_state_all", "graph", "is_available", "is_bf16_supported",
    "is_initialized", "manual_seed", "manual_seed_all", "max_memory_allocated", "max_memory_reserved", "mem_get_info",
    "memory_allocated", "memory_reserved", "memory_stats", "set_rng_state_all", "stream", "synchronize",
]  # fmt: skip
