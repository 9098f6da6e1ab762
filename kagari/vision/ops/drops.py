"""Dropping whole branches and whole regions while a model is trained."""

from __future__ import annotations

from ...eager import Tensor
from ...eager import operators as ops
from ...nn import Module
from ...nn import functional as F


def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    r"""The result of a branch of a residual network, or 0 in its place, with probability ``p``.

    Args:
        input (Tensor): of the shape :math:`(N, *)`.
        p (float): the probability. What is kept is divided by :math:`1 - p`.
        mode (str): ``'batch'`` for all samples at once, ``'row'`` for each by itself.
        training (bool): whether anything is dropped at all. Default: ``True``

    Raises ValueError for another probability or mode.

    Source: Huang and others, Deep Networks with Stochastic Depth, 2016.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    size = [input.shape[0] if mode == "row" else 1] + [1] * (input.ndim - 1)
    kept = ops.empty(size, dtype=input.dtype).bernoulli_(1.0 - p)
    return input * (kept.div_(1.0 - p) if p < 1.0 else kept)


class StochasticDepth(Module):
    """See :func:`stochastic_depth`."""

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input: Tensor) -> Tensor:
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, mode={self.mode})"


def drop_block2d(
    input: Tensor, p: float, block_size: int, inplace: bool = False, eps: float = 1e-6, training: bool = True
) -> Tensor:
    r"""Images with random squares set to 0, and the rest scaled so that the mean stays.

    Args:
        input (Tensor): of the shape :math:`(N, C, H, W)`.
        p (float): how much of them is dropped, about.
        block_size (int): the side of the squares.
        inplace (bool): whether the input is written over. Default: ``False``
        eps (float): added to the denominator. Default: 1e-6
        training (bool): whether anything is dropped at all. Default: ``True``

    Raises ValueError for another probability or number of dimensions.

    Source: Ghiasi and others, DropBlock, 2018.
    """
    return _dropped(input, p, block_size, inplace, eps, training, 2)


def drop_block3d(
    input: Tensor, p: float, block_size: int, inplace: bool = False, eps: float = 1e-6, training: bool = True
) -> Tensor:
    """Videos :math:`(N, C, D, H, W)` with random cubes set to 0. See :func:`drop_block2d`."""
    return _dropped(input, p, block_size, inplace, eps, training, 3)


def _dropped(input: Tensor, p: float, block_size: int, inplace: bool, eps: float, training: bool, dims: int) -> Tensor:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}.")
    if input.ndim != dims + 2:
        raise ValueError(f"input should be {dims + 2} dimensional. Got {input.ndim} dimensions.")
    if not training or p == 0.0:
        return input
    sizes = input.shape[2:]
    side = min(block_size, *sizes)
    rooms = [size - side + 1 for size in sizes]
    share = p / side**dims
    for size, room in zip(sizes, rooms):
        share *= size / room
    starts = ops.empty((*input.shape[:2], *rooms), dtype=input.dtype).bernoulli_(share)
    starts = F.pad(starts, [side // 2] * (2 * dims), value=0)
    pool = F.max_pool2d if dims == 2 else F.max_pool3d
    kept = 1 - pool(starts, kernel_size=side, stride=1, padding=side // 2)
    scale = kept.numel() / (eps + kept.sum())
    return input.mul_(kept).mul_(scale) if inplace else input * kept * scale


class DropBlock2d(Module):
    """See :func:`drop_block2d`."""

    _function = staticmethod(drop_block2d)

    def __init__(self, p: float, block_size: int, inplace: bool = False, eps: float = 1e-6) -> None:
        super().__init__()
        self.p = p
        self.block_size = block_size
        self.inplace = inplace
        self.eps = eps

    def forward(self, input: Tensor) -> Tensor:
        return self._function(input, self.p, self.block_size, self.inplace, self.eps, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, block_size={self.block_size}, inplace={self.inplace})"


class DropBlock3d(DropBlock2d):
    """See :func:`drop_block3d`."""

    _function = staticmethod(drop_block3d)


__all__ = ["DropBlock2d", "DropBlock3d", "StochasticDepth", "drop_block2d", "drop_block3d", "stochastic_depth"]
