"""What the environment decides, read once.

KAGARI_CACHE        0 turns the kernel store off
KAGARI_CACHE_DIR    where the kernel store lies; by default `kagari` in the user's cache directory
KAGARI_CACHE_MB     the store's size limit in MiB, 256 by default
KAGARI_NUM_THREADS  threads for kernels (also OMP_NUM_THREADS); by default the processors this process may use
KAGARI_ISA          compile for less than the processor has: `avx2`
"""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path | None:
    """The kernel store's directory, or None where it is turned off."""
    if os.environ.get("KAGARI_CACHE", "1") == "0":
        return None
    named = os.environ.get("KAGARI_CACHE_DIR")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "kagari"


def cache_limit() -> int:
    """The kernel store's limit in bytes."""
    return int(os.environ.get("KAGARI_CACHE_MB", "256")) << 20


def thread_count() -> int:
    """How many threads kernels use at first."""
    named = os.environ.get("KAGARI_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS")
    return max(1, int(named)) if named and named.isdigit() else processors()


def processors() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def isa() -> str:
    """The instruction set asked for; empty for the processor's own."""
    return os.environ.get("KAGARI_ISA", "")
