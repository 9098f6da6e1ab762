"""What the processor can do."""

from __future__ import annotations

from ..runtime.cpu import host_target


def get_cpu_capability() -> str:
    """The vector instructions that kernels are made of: `"AVX512"`, `"AVX2"`, or `"DEFAULT"` for others.

    >>> import kagari as torch
    >>> torch.backends.cpu.get_cpu_capability() in ("AVX512", "AVX2", "DEFAULT")
    True
    """
    target = host_target()
    if not target.triple.startswith("x86_64"):
        return "DEFAULT"
    return {64: "AVX512", 32: "AVX2"}.get(target.vector_bytes, "DEFAULT")


__all__ = ["get_cpu_capability"]
