"""CRC-32 as zlib has it, for much memory: processors can do it ten times as fast."""

from __future__ import annotations

import ctypes
import os
import zlib
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np

from ..compiler import checksum
from ..compiler.kernel import Kernel
from ..runtime import cpu
from . import code

_LEAST = 1 << 16  # bytes that are worth a call of a kernel
_WORTH_A_KERNEL = 1 << 26  # bytes that a process sums up before it has kernels for it, which may have to be compiled
_BUFFER = 1 << 18
_summed = [0]
_buffers: list[np.ndarray] = []  # that no thread uses


def _is_worth_it(nbytes: int) -> bool:
    if nbytes < _LEAST:
        return False
    _summed[0] += nbytes
    return _summed[0] >= _WORTH_A_KERNEL


def _function(kernel: Kernel | None, kinds: str) -> Callable[..., int] | None:
    """The function of a kernel, whose parameters are pointers or numbers. Other threads go on while it runs."""
    if kernel is None:
        return None
    types = [ctypes.c_void_p if kind == "p" else ctypes.c_ssize_t for kind in kinds]
    return ctypes.CFUNCTYPE(ctypes.c_ssize_t, *types)(code.address(kernel))


@cache
def _fold() -> Callable[..., int] | None:
    return _function(checksum.fold_kernel(cpu.host_target()), "pnp")


@cache
def _fill() -> Callable[..., int] | None:
    return _function(checksum.fill_kernel(cpu.host_target()), "nnpnppn") if hasattr(os, "pread") else None


def _state(before: int) -> Any:
    """The state of a kernel before its first bytes."""
    words = (ctypes.c_uint64 * (checksum.BLOCK // 8 + 2))()
    words[0] = checksum.start(before ^ 0xFFFFFFFF)
    return words


def _of_state(words: Any) -> int:
    """The checksum of what was added to a state: that of the 16 bytes behind it, as they are."""
    return zlib.crc32(memoryview(words).cast("B")[checksum.BLOCK :], 0xFFFFFFFF)


def crc32(data: memoryview, before: int = 0) -> int:
    """The checksum of bytes, behind others whose checksum is `before`. Other threads go on meanwhile."""
    n = len(data)
    fold = _fold() if _is_worth_it(n) else None
    if fold is None:
        return zlib.crc32(data, before)
    whole, state = n - n % checksum.BLOCK, _state(before)
    fold(np.frombuffer(data, np.uint8).ctypes.data, whole, ctypes.addressof(state))
    return zlib.crc32(data[whole:], _of_state(state))


def filled(descriptor: int, offset: int, target: memoryview) -> tuple[int, int]:
    """Fills memory from a place in a file. Returns how many bytes there were, and their checksum.

    What is left to do by other means is what is there after an error, a few bytes at the end, or all of it.
    """
    n = len(target)
    address = np.frombuffer(target, np.uint8).ctypes.data
    fill = _fill() if address % checksum.ALIGNMENT == 0 and _is_worth_it(n) else None
    if fill is None:
        return 0, 0
    try:
        buffer = _buffers.pop()
    except IndexError:
        raw = np.empty(_BUFFER + checksum.ALIGNMENT, np.uint8)
        buffer = raw[-raw.ctypes.data % checksum.ALIGNMENT :]
    state, whole = _state(0), n - n % checksum.BLOCK
    count = fill(descriptor, offset, address, whole, ctypes.addressof(state), buffer.ctypes.data, _BUFFER)
    _buffers.append(buffer)
    return count, _of_state(state) if count else 0


def joined(first: int, second: int, nbytes: int) -> int:
    """The checksum of bytes that follow each other, from that of the first ones and that of the `nbytes` others."""
    return checksum.times(first, _moved(nbytes)) ^ second


@lru_cache(64)
def _moved(nbytes: int) -> int:
    return checksum.power(8 * nbytes)


__all__ = ["crc32", "filled", "joined"]
