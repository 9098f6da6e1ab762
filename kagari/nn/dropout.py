"""Layers that drop activations at random while training."""

from __future__ import annotations

from ..eager import Tensor
from . import functional as F
from .module import Module


class Dropout(Module):
    r"""Zeroes elements at random with probability :math:`p` while training, and scales the others by :math:`1 / (1 -
    p)`.

    In evaluation mode the input passes unchanged.

    Args:
        p (float): the probability of an element to be zeroed. Default: 0.5
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same.

    Source: Hinton et al., *Improving neural networks by preventing co-adaptation of feature detectors* (2012).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Dropout(p=0.2).eval()(torch.ones(3)).tolist()
        [1.0, 1.0, 1.0]
    """

    __constants__ = ("p", "inplace")
    p: float
    inplace: bool

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


__all__ = ["Dropout"]
