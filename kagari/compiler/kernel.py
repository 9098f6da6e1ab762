"""What the compiler hands to the engine: code by structure, and launches that give it sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """Functions that several kernels call, in a module of their own. `symbols` are their names, which are no others'.

    The rest is as in a `Kernel`.
    """

    key: str
    symbols: tuple[str, ...]
    write: Callable[[], str]
    level: int = 1


@dataclass(frozen=True, slots=True)
class Kernel:
    """Code for one structure. `key` says all that the code depends on but the target; `write` gives the LLVM IR text.

    `symbol` is the name of the function in that text, `level` LLVM's optimisation level; `parts` are what it calls.
    """

    key: str
    symbol: str
    write: Callable[[], str]
    level: int = 1
    parts: tuple[Part, ...] = ()


@dataclass(slots=True)
class Launch:
    """One call of a kernel: which buffers it gets, its i64 operands and its parallel range.

    The range [0, total) is cut into pieces of `grain` indices shared among the threads; a total of at most one grain
    runs on the calling thread alone.
    """

    kernel: Kernel
    bufs: tuple[int, ...]
    ops: tuple[int, ...]
    total: int
    grain: int
