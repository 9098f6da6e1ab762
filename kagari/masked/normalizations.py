"""Normalizations among the elements that are there."""

from __future__ import annotations

import math

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager import operators as ops
from .reductions import filled, given, norm


def softmax(input: Tensor, dim: int, *, dtype: dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """Softmax of the elements that are there, 0 for the others; NaN where none is there.

    >>> import kagari as torch
    >>> torch.masked.softmax(torch.tensor([1.0, 5.0, 1.0]), 0, mask=torch.tensor([True, False, True]))
    tensor([0.5000, 0.0000, 0.5000])
    """
    data, mask = given(input if dtype is None else input.to(dtype), mask)
    return ops.softmax(filled(data, mask, -math.inf), dim)


def log_softmax(input: Tensor, dim: int, *, dtype: dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """The logarithm of :func:`softmax`.

    >>> import kagari as torch
    >>> torch.masked.log_softmax(torch.tensor([1.0, 5.0, 1.0]), 0, mask=torch.tensor([True, False, True]))
    tensor([-0.6931,    -inf, -0.6931])
    """
    data, mask = given(input if dtype is None else input.to(dtype), mask)
    return ops.log_softmax(filled(data, mask, -math.inf), dim)


def softmin(input: Tensor, dim: int, *, dtype: dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """Softmax of the negative elements that are there.

    >>> import kagari as torch
    >>> torch.masked.softmin(torch.tensor([1.0, 5.0, 1.0]), 0, mask=torch.tensor([True, False, True]))
    tensor([0.5000, 0.0000, 0.5000])
    """
    data, mask = given(input if dtype is None else input.to(dtype), mask)
    return ops.softmax(-filled(data, mask, math.inf), dim)


def normalize(
    input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """The elements that are there divided by their norm, which is at least `eps`; 0 for the others.

    >>> import kagari as torch
    >>> torch.masked.normalize(torch.tensor([3.0, 9.0, 4.0]), 2.0, 0, mask=torch.tensor([True, False, True]))
    tensor([0.6000, 0.0000, 0.8000])
    """
    data, mask = given(input if dtype is None else input.to(dtype), mask)
    return filled(data, mask, 0) / norm(data, ord, dim, keepdim=True, mask=mask).clamp(min=eps)
