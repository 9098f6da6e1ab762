"""Spatial transformers as functions. See :mod:`kagari.nn.functional`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from ..eager import Tensor
from ..eager.calls import call


def _settled(align_corners: bool | None) -> bool:
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please "
            "specify align_corners=True if the old behavior is desired. See the documentation of grid_sample for "
            "details.",
            stacklevel=3,
        )
    return bool(align_corners)


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    r"""Samples an input at the places that a grid holds, as :math:`(x, y)` or :math:`(x, y, z)` from -1 to 1.

    Args:
        input (Tensor): :math:`(N, C, H, W)` or :math:`(N, C, D, H, W)`.
        grid (Tensor): :math:`(N, H_\text{out}, W_\text{out}, 2)` or
            :math:`(N, D_\text{out}, H_\text{out}, W_\text{out}, 3)`.
        mode (str): ``'bilinear'``, ``'nearest'`` or, for images, ``'bicubic'``. Default: ``'bilinear'``
        padding_mode (str): what is outside: ``'zeros'``, the ``'border'``, or a ``'reflection'``.
            Default: ``'zeros'``
        align_corners (bool, optional): whether -1 and 1 are the centres of the outermost elements, or their outer
            edges. Default: ``False``

    Returns:
        A tensor of shape :math:`(N, C, H_\text{out}, W_\text{out})` or
        :math:`(N, C, D_\text{out}, H_\text{out}, W_\text{out})`.

    Source: Jaderberg et al., *Spatial transformer networks* (2015).

    Example::

        >>> import kagari as torch
        >>> x = torch.arange(4.0).reshape(1, 1, 2, 2)
        >>> torch.nn.functional.grid_sample(x, torch.zeros(1, 1, 1, 2), align_corners=True)
        tensor([[[[1.5000]]]])
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    return call("grid_sample")(input, grid, mode, padding_mode, _settled(align_corners))


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    r"""The grid for :func:`grid_sample` that moves an input as affine matrices say.

    Args:
        theta (Tensor): :math:`(N, 2, 3)` or :math:`(N, 3, 4)`.
        size (tuple): the size of the result of :func:`grid_sample`, :math:`(N, C, H, W)` or :math:`(N, C, D, H, W)`.
        align_corners (bool, optional): as in :func:`grid_sample`. Default: ``False``

    Returns:
        A tensor of shape :math:`(N, H, W, 2)` or :math:`(N, D, H, W, 3)`.

    Source: Jaderberg et al., *Spatial transformer networks* (2015).

    Example::

        >>> import kagari as torch
        >>> theta = torch.tensor([[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]])
        >>> torch.nn.functional.affine_grid(theta, (1, 1, 1, 2), align_corners=False)
        tensor([[[[0., 0.],
                  [1., 0.]]]])
    """
    settled = _settled(align_corners)
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    rank = len(size) - 2
    if rank not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{size}."
        )
    if theta.dim() != 3 or tuple(theta.shape)[-2:] != (rank, rank + 1):
        raise ValueError(
            f"Expected a batch of {rank}D affine matrices of shape Nx{rank}x{rank + 1} for size {size}. Got "
            f"{theta.shape}."
        )
    if settled and min(size[2:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. This "
            "is not an intended use case of affine_grid. See the documentation of affine_grid for details.",
            stacklevel=2,
        )
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    if theta.shape[0] != size[0]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{size[0]}, {rank + 1}] but got: "
            f"[{theta.shape[0]}, {rank + 1}]."
        )
    return call("affine_grid")(theta, tuple(size), settled)


__all__ = ["affine_grid", "grid_sample"]
