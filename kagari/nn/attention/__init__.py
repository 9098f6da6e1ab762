"""Which kernels may compute attention.

There is one kernel here, whose memory is linear in the lengths of the sequences, with gradients of any order. So it is
`MATH` and `FLASH_ATTENTION` alike, and the choice between those two changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum

from ..functional_attention import kernels


class SDPBackend(IntEnum):
    """The kinds of kernels that PyTorch has for `scaled_dot_product_attention`.

    >>> from kagari.nn.attention import SDPBackend
    >>> SDPBackend.MATH
    <SDPBackend.MATH: 0>
    """

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4

    def __str__(self) -> str:
        return f"SDPBackend.{self.name}"


_ON_THE_CPU = (SDPBackend.MATH, SDPBackend.FLASH_ATTENTION)

WARN_FOR_UNFUSED_KERNELS = False
"""Whether PyTorch warns where it takes a slower kernel; here there is none."""


@contextmanager
def sdpa_kernel(backends: SDPBackend | Sequence[SDPBackend], set_priority: bool = False) -> Iterator[None]:
    """A region in which `scaled_dot_product_attention` may use these kinds of kernels alone. A decorator, too.

    Without `MATH` and `FLASH_ATTENTION` among them a call raises RuntimeError, as the others are for GPUs.
    `set_priority` is accepted and makes no difference. Raises AssertionError for anything but backends.

    >>> import kagari as torch
    >>> from kagari.nn.attention import SDPBackend, sdpa_kernel
    >>> x = torch.ones(1, 2, 4)
    >>> with sdpa_kernel(SDPBackend.MATH):
    ...     torch.nn.functional.scaled_dot_product_attention(x, x, x).shape
    torch.Size([1, 2, 4])
    """
    if not isinstance(backends, SDPBackend | list | tuple):
        raise AssertionError(
            "Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
            f"{type(backends).__name__}"
        )
    before = kernels.available
    kernels.available = any(b in _ON_THE_CPU for b in ([backends] if isinstance(backends, SDPBackend) else backends))
    try:
        yield
    finally:
        kernels.available = before


__all__ = ["SDPBackend", "WARN_FOR_UNFUSED_KERNELS", "sdpa_kernel"]
