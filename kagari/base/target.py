"""What the compiler must know of a processor: its name, its features, and the widths that follow from them."""

from __future__ import annotations

from typing import NamedTuple


class Target(NamedTuple):
    """A processor as the code generator sees it.

    `vector_bytes` is the width of a vector register, `vector_registers` their number. `features` is LLVM's feature
    string. `l2_bytes` is the size of a core's second-level cache.
    """

    triple: str
    cpu: str
    features: str
    vector_bytes: int
    vector_registers: int
    has_fma: bool
    has_bf16_dot: bool
    threads: int
    l2_bytes: int = 1 << 20

    def lanes(self, itemsize: int) -> int:
        """Elements of this size in one vector register."""
        return self.vector_bytes // itemsize
