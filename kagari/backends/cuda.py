"""What PyTorch asks of NVIDIA's GPUs, for which there are no kernels yet.

The switches can be set, as in a PyTorch for the CPU. Those of `matmul` steer nothing on the CPU, whose products are all
computed in their operands' dtype; `allow_tf32` is `torch.set_float32_matmul_precision` under another name. Those of
attention steer nothing either, as there is one kernel for it: `torch.nn.attention.sdpa_kernel` says which may run.
"""

from __future__ import annotations

from typing import Any

from ..eager.environment import get_float32_matmul_precision, set_float32_matmul_precision


def is_built() -> bool:
    """Whether kernels for CUDA can be made.

    >>> import kagari as torch
    >>> torch.backends.cuda.is_built()
    False
    """
    return False


class _MatrixProducts:
    """What products of matrices on a GPU may do. A name that is none of these is an AttributeError."""

    __slots__ = ("allow_bf16_reduced_precision_reduction", "allow_fp16_accumulation",
                 "allow_fp16_reduced_precision_reduction")  # fmt: skip

    def __init__(self) -> None:
        self.allow_fp16_reduced_precision_reduction = True
        self.allow_bf16_reduced_precision_reduction = True
        self.allow_fp16_accumulation = False

    @property
    def allow_tf32(self) -> bool:
        """Whether factors of float32 may be rounded to 10 bits of mantissa."""
        return get_float32_matmul_precision() != "highest"

    @allow_tf32.setter
    def allow_tf32(self, allowed: bool) -> None:
        set_float32_matmul_precision("high" if allowed else "highest")

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"Unknown attribute {name}")


matmul = _MatrixProducts()
_attention = dict.fromkeys(("cudnn", "flash", "math", "mem_efficient"), True)


def flash_sdp_enabled() -> bool:
    """What `enable_flash_sdp` has said; True at first.

    >>> import kagari as torch
    >>> torch.backends.cuda.flash_sdp_enabled()
    True
    """
    return _attention["flash"]


def enable_flash_sdp(enabled: bool) -> None:
    """Says whether attention may take the kernel of flash attention."""
    _attention["flash"] = enabled


def mem_efficient_sdp_enabled() -> bool:
    """What `enable_mem_efficient_sdp` has said; True at first."""
    return _attention["mem_efficient"]


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Says whether attention may take the kernel that saves memory."""
    _attention["mem_efficient"] = enabled


def math_sdp_enabled() -> bool:
    """What `enable_math_sdp` has said; True at first."""
    return _attention["math"]


def enable_math_sdp(enabled: bool) -> None:
    """Says whether attention may be computed from products and a softmax."""
    _attention["math"] = enabled


def cudnn_sdp_enabled() -> bool:
    """What `enable_cudnn_sdp` has said; True at first."""
    return _attention["cudnn"]


def enable_cudnn_sdp(enabled: bool) -> None:
    """Says whether attention may take cuDNN's kernel."""
    _attention["cudnn"] = enabled


__all__ = [
    "cudnn_sdp_enabled", "enable_cudnn_sdp", "enable_flash_sdp", "enable_math_sdp", "enable_mem_efficient_sdp",
    "flash_sdp_enabled", "is_built", "math_sdp_enabled", "matmul", "mem_efficient_sdp_enabled",
]  # fmt: skip
