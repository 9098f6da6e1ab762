"""Layers that drop activations at random while training."""

from __future__ import annotations

from ..eager import Tensor
from . import functional as F
from .module import Module


class _DropoutNd(Module):
    """What all of them share: a probability, and whether the input is overwritten."""

    __constants__ = ("p", "inplace")
    p: float
    inplace: bool

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    r"""Zeroes elements at random with probability :math:`p` while training, and scales the others by :math:`1 / (1 -
    p)`.

    In evaluation mode the input passes unchanged.

    Args:
        p (float): the probability of an element to be zeroed. Default: 0.5
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: the same.

    Source: Hinton et al., *Improving neural networks by preventing co-adaptation of feature detectors* (2012).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Dropout(p=0.2).eval()(torch.ones(3)).tolist()
        [1.0, 1.0, 1.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    r"""Zeroes whole channels at random with probability :math:`p` while training, and scales the others by
    :math:`1 / (1 - p)`.

    Where neighbours in a channel are alike, dropping single elements would hardly take information away.

    In evaluation mode the input passes unchanged.

    Args:
        p (float): the probability of a channel to be zeroed. Default: 0.5
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(N, C, L)` or :math:`(C, L)`.
        - Output: the same.

    Source: Tompson et al., *Efficient object localization using convolutional networks* (2014).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Dropout1d(p=1.0)(torch.ones(1, 2, 1)).flatten().tolist()
        [0.0, 0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    r"""Zeroes whole channels at random with probability :math:`p` while training, and scales the others by
    :math:`1 / (1 - p)`.

    Where neighbours in a channel are alike, dropping single elements would hardly take information away.

    In evaluation mode the input passes unchanged.

    Args:
        p (float): the probability of a channel to be zeroed. Default: 0.5
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(N, C, H, W)`.
        - Output: the same.

    Source: Tompson et al., *Efficient object localization using convolutional networks* (2014).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Dropout2d(p=1.0)(torch.ones(1, 2, 1, 1)).flatten().tolist()
        [0.0, 0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    r"""Zeroes whole channels at random with probability :math:`p` while training, and scales the others by
    :math:`1 / (1 - p)`.

    Where neighbours in a channel are alike, dropping single elements would hardly take information away.

    In evaluation mode the input passes unchanged.

    Args:
        p (float): the probability of a channel to be zeroed. Default: 0.5
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(N, C, D, H, W)` or :math:`(C, D, H, W)`.
        - Output: the same.

    Source: Tompson et al., *Efficient object localization using convolutional networks* (2014).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Dropout3d(p=1.0)(torch.ones(1, 2, 1, 1, 1)).flatten().tolist()
        [0.0, 0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    r"""Sets elements to the negative saturation of the :class:`SELU` with probability :math:`p` while training.

    All elements are scaled and shifted so that inputs of mean 0 and variance 1 keep both.

    In evaluation mode the input passes unchanged.

    Args:
        p (float): the probability of an element to be dropped. Default: 0.5
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: the same.

    Source: Klambauer et al., *Self-normalizing neural networks* (2017).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.AlphaDropout(p=0.2).eval()(torch.ones(3)).tolist()
        [1.0, 1.0, 1.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_DropoutNd):
    r"""As :class:`AlphaDropout`, for whole channels.

    In evaluation mode the input passes unchanged.

    Args:
        p (float): the probability of a channel to be dropped. Default: 0.5
        inplace (bool): whether the input is overwritten. Default: ``False``

    Shape:
        - Input: :math:`(N, C, *)`.
        - Output: the same.

    Source: Klambauer et al., *Self-normalizing neural networks* (2017).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.FeatureAlphaDropout(p=0.2).eval()(torch.ones(1, 2)).tolist()
        [[1.0, 1.0]]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)


__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]
