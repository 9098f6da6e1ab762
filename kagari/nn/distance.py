"""Distances between vectors."""

from __future__ import annotations

from ..eager import Tensor
from . import functional as F
from .module import Module


class PairwiseDistance(Module):
    r"""The distance between the vectors of two tensors, along the last dimension.

    .. math::
        \| x - y + \epsilon e \|_p = \left( \sum_i |x_i - y_i + \epsilon|^p \right)^{1/p}

    Args:
        p (float): which norm. Default: 2
        eps (float): keeps the distance away from 0. Default: 1e-6
        keepdim (bool): keeps the last dimension, as one of size 1. Default: ``False``

    Shape:
        - Inputs: :math:`(N, D)` or :math:`(D)`, or any shapes that broadcast.
        - Output: :math:`(N)` or :math:`()`; :math:`(N, 1)` or :math:`(1)` with ``keepdim``.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> round(nn.PairwiseDistance()(torch.tensor([3.0, 4.0]), torch.zeros(2)).item(), 4)
        5.0
    """

    __constants__ = ("norm", "eps", "keepdim")
    norm: float
    eps: float
    keepdim: bool

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    r"""The cosine of the angle between the vectors of two tensors.

    .. math::
        \frac{x_1 \cdot x_2}{\max(\| x_1 \|_2, \epsilon) \max(\| x_2 \|_2, \epsilon)}

    Args:
        dim (int): along which dimension. Default: 1
        eps (float): keeps the division away from 0. Default: 1e-8

    Shape:
        - Inputs: :math:`(*_1, D, *_2)` with :math:`D` at ``dim``, or shapes that broadcast to it.
        - Output: :math:`(*_1, *_2)`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.CosineSimilarity()(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])).tolist()
        [0.0]
    """

    __constants__ = ("dim", "eps")
    dim: int
    eps: float

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


__all__ = ["CosineSimilarity", "PairwiseDistance"]
