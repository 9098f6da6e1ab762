"""Layers that resample images and volumes to another size."""

from __future__ import annotations

from ..eager import Tensor
from . import functional as F
from .module import Module

Sizes = int | tuple[int, ...]
Factors = float | tuple[float, ...]


class Upsample(Module):
    r"""Resamples the spatial dimensions to a size, or by a factor.

    ============================================  ==========================================================
    mode                                          an element of the result is
    ============================================  ==========================================================
    ``'nearest'``, ``'nearest-exact'``            the nearest element, rounded down or exactly
    ``'linear'``, ``'bilinear'``, ``'trilinear'``  interpolated between two along each dimension
    ``'bicubic'``                                 interpolated between four along each dimension
    ============================================  ==========================================================

    Args:
        size (int or tuple, optional): the spatial sizes of the result.
        scale_factor (float or tuple, optional): what the sizes are multiplied by; either this or ``size``.
        mode (str): how. Default: ``'nearest'``
        align_corners (bool, optional): whether the outermost elements of input and result lie on each other, or their
            outer edges do, in the modes that interpolate. Default: ``False``
        recompute_scale_factor (bool, optional): whether the factor follows from the rounded sizes.

    Shape:
        - Input: :math:`(N, C, L)`, :math:`(N, C, H, W)` or :math:`(N, C, D, H, W)`.
        - Output: the same with the sizes :math:`\lfloor L \cdot \text{scale\_factor} \rfloor`, or ``size``.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.Upsample(scale_factor=2)(torch.tensor([[[1.0, 2.0]]]))
        tensor([[[1., 1., 2., 2.]]])
    """

    __constants__ = ("size", "scale_factor", "mode", "align_corners", "name", "recompute_scale_factor")
    name: str
    size: Sizes | None
    scale_factor: Factors | None
    mode: str
    align_corners: bool | None
    recompute_scale_factor: bool | None

    def __init__(
        self,
        size: Sizes | None = None,
        scale_factor: Factors | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor = tuple([float(factor) for factor in scale_factor])
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        target = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor!r}"
        return f"{target}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    r"""Resamples images, each element being the nearest one. See :class:`Upsample`.

    Shape:
        - Input: :math:`(N, C, H, W)`.
        - Output: :math:`(N, C, H_\text{out}, W_\text{out})`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.UpsamplingNearest2d(scale_factor=2)(torch.ones(1, 1, 2, 3)).shape)
        (1, 1, 4, 6)
    """

    def __init__(self, size: Sizes | None = None, scale_factor: Factors | None = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    r"""Resamples images, interpolating along both dimensions with aligned corners. See :class:`Upsample`.

    Shape:
        - Input: :math:`(N, C, H, W)`.
        - Output: :math:`(N, C, H_\text{out}, W_\text{out})`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> nn.UpsamplingBilinear2d(size=3)(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
        tensor([[[[1.0000, 1.5000, 2.0000],
                  [2.0000, 2.5000, 3.0000],
                  [3.0000, 3.5000, 4.0000]]]])
    """

    def __init__(self, size: Sizes | None = None, scale_factor: Factors | None = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]
