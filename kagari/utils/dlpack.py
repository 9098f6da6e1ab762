"""Tensors and memory of other libraries, by the protocol DLPack."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from ..eager import Tensor
from ..eager.operators import from_dlpack


class DLDeviceType(IntEnum):
    """The kinds of devices as DLPack numbers them."""

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLOpenCL = 4
    kDLVulkan = 7
    kDLMetal = 8
    kDLVPI = 9
    kDLROCM = 10
    kDLROCMHost = 11
    kDLExtDev = 12
    kDLCUDAManaged = 13
    kDLOneAPI = 14
    kDLWebGPU = 15
    kDLHexagon = 16
    kDLMAIA = 17


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule with the memory of a tensor, to be given to another library once.

    >>> import kagari as torch
    >>> from kagari.utils.dlpack import from_dlpack, to_dlpack
    >>> x = torch.zeros(2)
    >>> from_dlpack(to_dlpack(x)).fill_(1)
    tensor([1., 1.])
    >>> x
    tensor([1., 1.])
    """
    return tensor.__dlpack__()


__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]
