"""Parts and conjugates of complex tensors, as members of Tensor and as functions.

A conjugate is computed when it is asked for: there is no tensor that waits to be conjugated, so that `is_conj` is
always False.
"""

from __future__ import annotations

from typing import Any

from ..base.dtypes import float16, float32, float64
from .calls import call

_PARTS = (float16, float32, float64)


def view_as_complex(input: Any) -> Any:
    """A view of a real tensor whose last dimension holds real and imaginary parts, as a complex one.

    Raises RuntimeError where memory does not allow it: parts lie beside each other, at even places.

    >>> import kagari as torch
    >>> torch.view_as_complex(torch.tensor([[1.0, 2.0]]))
    tensor([1.+2.j])
    """
    lay = input._layout
    if lay.dtype in _PARTS and lay.ndim and lay.shape[-1] == 2:
        if input.storage_offset() % 2:
            raise RuntimeError("Tensor must have a storage_offset divisible by 2")
        if lay.strides[-1] != 1:
            raise RuntimeError("Tensor must have a last dimension with stride 1")
        if any(s % 2 for s in lay.strides[:-1]):
            raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    return call("view_as_complex")(input)


def real(input: Any) -> Any:
    """The real parts, as a view; a real tensor itself.

    >>> import kagari as torch
    >>> torch.real(torch.tensor([1 + 2j]))
    tensor([1.])
    """
    return call("real")(input) if input.is_complex() else input


def imag(input: Any) -> Any:
    """The imaginary parts, as a view. Raises RuntimeError for a real tensor.

    >>> import kagari as torch
    >>> torch.imag(torch.tensor([1 + 2j]))
    tensor([2.])
    """
    return call("imag")(input)


def conj(input: Any) -> Any:
    """The conjugates; a real tensor itself.

    >>> import kagari as torch
    >>> torch.conj(torch.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    return call("conj_physical")(input) if input.is_complex() else input


def resolve_conj(input: Any) -> Any:
    """The tensor itself: none waits to be conjugated.

    >>> import kagari as torch
    >>> torch.resolve_conj(torch.tensor([1j]).conj())
    tensor([0.-1.j])
    """
    return input


def resolve_neg(input: Any) -> Any:
    """The tensor itself: none waits to be negated.

    >>> import kagari as torch
    >>> torch.resolve_neg(torch.tensor([1.0]))
    tensor([1.])
    """
    return input


def is_conj(input: Any) -> bool:
    """False: no tensor waits to be conjugated.

    >>> import kagari as torch
    >>> torch.is_conj(torch.tensor([1j]))
    False
    """
    return False


def is_neg(input: Any) -> bool:
    """False: no tensor waits to be negated.

    >>> import kagari as torch
    >>> torch.is_neg(torch.tensor([1j]))
    False
    """
    return False


def adjoint(input: Any) -> Any:
    """The conjugates with the last two dimensions exchanged.

    >>> import kagari as torch
    >>> torch.adjoint(torch.tensor([[1j, 2.0]]))
    tensor([[0.-1.j],
            [2.-0.j]])
    """
    return conj(input.mT)


def _real_property(self: Any) -> Any:
    """The real parts, as a view; a real tensor itself."""
    return real(self)


def _set_real(self: Any, value: Any) -> None:
    real(self).copy_(value) if hasattr(value, "dtype") else real(self).fill_(value)


def _imag_property(self: Any) -> Any:
    """The imaginary parts, as a view. Raises RuntimeError for a real tensor."""
    return imag(self)


def _set_imag(self: Any, value: Any) -> None:
    imag(self).copy_(value) if hasattr(value, "dtype") else imag(self).fill_(value)


PROPERTIES = {"real": property(_real_property, _set_real), "imag": property(_imag_property, _set_imag)}
FUNCTIONS = (adjoint, conj, imag, is_conj, is_neg, real, resolve_conj, resolve_neg, view_as_complex)
METHODS = (adjoint, conj, is_conj, is_neg, resolve_conj, resolve_neg)
