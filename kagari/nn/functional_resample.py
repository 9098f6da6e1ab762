"""Images and volumes of another size as functions. See :mod:`kagari.nn.functional`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from numbers import Integral
from typing import Any

from ..base.dtypes import uint8
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.calls import call
from .functional_filter import resample_bytes, resample_filtered

_KINDS = {
    "nearest": ("nearest", (3, 4, 5)),
    "nearest-exact": ("nearest-exact", (3, 4, 5)),
    "area": ("area", (3, 4, 5)),
    "linear": ("linear", (3,)),
    "bilinear": ("linear", (4,)),
    "trilinear": ("linear", (5,)),
    "bicubic": ("cubic", (4,)),
    "lanczos": ("lanczos", (4,)),
}
"""For each mode what is done to a dimension, and how many dimensions an input may have."""


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    r"""Resamples the spatial dimensions of an input to a size, or by a factor. See :class:`~kagari.nn.Upsample`.

    Args:
        input (Tensor): :math:`(N, C, L)`, :math:`(N, C, H, W)` or :math:`(N, C, D, H, W)`.
        size (int or tuple, optional): the spatial sizes of the result.
        scale_factor (float or tuple, optional): what the sizes are multiplied by.
        mode (str): ``'nearest'``, ``'nearest-exact'``, ``'linear'`` (3-D), ``'bilinear'``, ``'bicubic'``,
            ``'lanczos'`` (4-D), ``'trilinear'`` (5-D), or ``'area'``, the mean. Default: ``'nearest'``
        align_corners (bool, optional): whether the outermost elements of input and result lie on each other, or their
            outer edges do. Default: ``False``
        recompute_scale_factor (bool, optional): whether the factor follows from the rounded sizes.
        antialias (bool): whether a smaller image is filtered first, in the modes of 4-D inputs. Default: ``False``

    Raises:
        ValueError: for arguments that exclude each other.
        NotImplementedError: for a mode of inputs with other dimensions.
    """
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | "
                "trilinear"
            )
    else:
        align_corners = bool(align_corners)
    sizes, scales = _targets(input, size, scale_factor, recompute_scale_factor or (mode == "area" and size is None))
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and input.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    if mode == "lanczos" and not antialias:
        raise ValueError("Lanczos mode requires antialias=True")
    if mode == "lanczos" and align_corners:
        raise ValueError("Lanczos mode does not support align_corners=True")
    kind = _kind(mode, input.ndim)
    if kind == "area":
        pools = (ops.adaptive_avg_pool1d, ops.adaptive_avg_pool2d, ops.adaptive_avg_pool3d)
        return pools[input.ndim - 3](input, sizes)
    if input.numel() and min(sizes) > 0:
        if input.dtype is uint8 and mode in ("bilinear", "bicubic", "lanczos"):
            return resample_bytes(input, sizes, scales, kind, bool(align_corners), antialias)
        if antialias and input.is_floating_point():
            return resample_filtered(input, sizes, scales, kind, bool(align_corners))
    return call("resample")(input, sizes, scales, kind, bool(align_corners))


def _targets(
    input: Tensor, size: Any, scale_factor: Any, recompute: bool
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The spatial sizes of the result, and the factors they came from, where these count."""
    dims = input.dim() - 2
    spatial = list(input.shape[2:])
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        if isinstance(size, list | tuple):
            if len(size) != dims:
                raise ValueError(
                    f"Input and output must have the same number of spatial dimensions, but got input with spatial "
                    f"dimensions of {spatial} and output size of {size}. Please provide input tensor in (N, C, d1, d2, "
                    "...,dK) format and output size in (o1, o2, ...,oK) format."
                )
            if not all(isinstance(s, Integral) for s in size):
                raise TypeError(
                    "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got "
                    f"size with types {[type(s) for s in size]}"
                )
            return tuple([int(s) for s in size]), (None,) * dims
        if isinstance(size, bool) or not isinstance(size, Integral):
            raise TypeError(f"interpolate(): argument 'size' must be int or tuple of ints, not {type(size).__name__}")
        return (int(size),) * dims, (None,) * dims
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if isinstance(scale_factor, list | tuple):
        if len(scale_factor) != dims:
            raise ValueError(
                f"Input and scale_factor must have the same number of spatial dimensions, but got input with spatial "
                f"dimensions of {spatial} and scale_factor of shape {scale_factor}. Please provide input tensor in (N, "
                "C, d1, d2, ...,dK) format and scale_factor in (s1, s2, ...,sK) format."
            )
        factors = tuple([float(s) for s in scale_factor])
    else:
        factors = (float(scale_factor),) * dims
    sizes = tuple([math.floor(float(n) * s) for n, s in zip(spatial, factors)])
    return sizes, (None,) * dims if recompute else factors


def _kind(mode: str, ndim: int) -> str:
    """What a mode does to one dimension. Raises NotImplementedError where it does not fit the input."""
    kind, fitting = _KINDS.get(mode, ("", ()))
    if ndim in fitting:
        return kind
    if kind == "linear" and ndim in (3, 4, 5):
        raise NotImplementedError(f"Got {ndim}D input, but {mode} mode needs {fitting[0]}D input")
    raise NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {ndim}D) for the modes: nearest | linear | "
        f"bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
    )


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    r"""The old name of :func:`interpolate`."""
    _warn_of_name("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    r"""The old name of :func:`interpolate` in the mode ``'nearest'``."""
    _warn_of_name("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    r"""The old name of :func:`interpolate` in the mode ``'bilinear'`` with aligned corners."""
    _warn_of_name("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _warn_of_name(name: str) -> None:
    warnings.warn(f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=3)


__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]
