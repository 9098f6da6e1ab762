"""The exceptions of Kagari, drawn as a tree. Each is also the builtin type PyTorch raises in its place.

RuntimeError
  OutOfMemoryError        a buffer could not be had; says how much was asked and how much the pool holds
  BroadcastError          shapes that can't be brought to one
  LinAlgError             a matrix that an algorithm cannot do with, such as a singular one
  KernelIndexError        an index out of range, found while a kernel ran or because nothing is there
  MissingDeviceError      a device that is not there
CompileError              a template made illegal code: never the user's fault
"""

from __future__ import annotations


class OutOfMemoryError(RuntimeError):
    """Memory for a tensor could not be had."""


class LinAlgError(RuntimeError):
    """A matrix for which an algorithm of linear algebra has no result."""


class BroadcastError(RuntimeError):
    """Two sizes of one dimension differ and neither is 1."""

    def __init__(self, a: object, b: object, dim: int) -> None:
        super().__init__(
            f"The size of tensor a ({_number(a)}) must match the size of tensor b ({_number(b)}) at non-singleton "
            f"dimension {dim}"
        )


class KernelIndexError(IndexError, RuntimeError):
    """An index out of range among a tensor's elements.

    PyTorch raises IndexError in some operators and RuntimeError in others.
    """

    def __init__(self) -> None:
        super().__init__("index out of range in self")


class MissingDeviceError(RuntimeError, AssertionError):
    """A device that is not there.

    PyTorch raises AssertionError for GPUs that it is not built for, and RuntimeError for other devices.
    """


class CompileError(Exception):
    """The code generator made something that LLVM or the verifier rejects."""


def _number(size: object) -> object:
    return getattr(size, "hint", size)
