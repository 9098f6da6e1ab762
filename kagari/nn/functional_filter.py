"""Images of another size by matrices of weights: filtered ones, and those of bytes.

Data sets have images of many sizes, so nothing here may be made for one of them: the weights are computed by NumPy and
multiplied as matrices, whose kernels are those of all sizes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ..base.dtypes import float32, float64, uint8
from ..eager import Tensor
from ..eager import operators as ops

Scales = tuple[float | None, ...]


def resample_filtered(image: Tensor, size: tuple[int, ...], scales: Scales, mode: str, align_corners: bool) -> Tensor:
    """An image [N, C, H, W] resampled by a filter as wide as the results are apart, so that no pixel is missed."""
    dtype = float64 if image.dtype is float64 else float32
    x = image.to(dtype)
    for dim in (1, 0):
        weights = ops.from_numpy(_weights(image.shape[2 + dim], size[dim], scales[dim], mode, align_corners, True))
        x = x.matmul(weights.to(dtype).t()) if dim else weights.to(dtype).matmul(x)
    return x.to(image.dtype)


def resample_bytes(
    image: Tensor, size: tuple[int, ...], scales: Scales, mode: str, align_corners: bool, antialias: bool
) -> Tensor:
    """An image [N, C, H, W] of bytes resampled along the last dimension, rounded, and then along the one before.

    As PyTorch and Pillow compute it: in whole numbers.
    """
    x = image
    for dim in (1, 0):
        before, count = image.shape[2 + dim], size[dim]
        whole, unit = _whole_weights(before, count, scales[dim], mode, align_corners, antialias)
        weights = ops.from_numpy(whole)
        numbers = x.to(weights.dtype)
        made = numbers.matmul(weights.t()) if dim else weights.matmul(numbers)
        x = made.add_(unit / 2).div_(unit).floor_().clamp_(0, 255)
    return x.to(uint8)


@lru_cache(maxsize=64)
def _whole_weights(
    size: int, count: int, scale: float | None, mode: str, align_corners: bool, antialias: bool
) -> tuple[np.ndarray, float]:
    """The weights [count, size] in multiples of one part in so many, a power of 2: the largest one has 16 bits."""
    weights = _weights(size, count, scale, mode, align_corners, antialias)
    unit = 1.0
    while unit < 2.0**22 and weights.max() * unit * 2 < 2.0**15 - 0.5:
        unit *= 2
    scaled = weights * unit
    whole = np.where(scaled < 0, np.ceil(scaled - 0.5), np.floor(scaled + 0.5))
    exact = np.float32 if np.abs(whole).sum(1).max() * 255 + unit < 2**24 else np.float64
    return whole.astype(exact), unit


@lru_cache(maxsize=64)
def _weights(size: int, count: int, scale: float | None, mode: str, align_corners: bool, antialias: bool) -> np.ndarray:
    """The weights [count, size] of the pixels in each result; see `kagari.ops.resample`."""
    if align_corners:
        ratio = (size - 1) / (count - 1) if count > 1 else 0.0
    else:
        ratio = 1.0 / scale if scale else size / count
    places = np.arange(count)[:, None]
    if antialias:
        reach, kernel = _FILTERS[mode]
        wide = max(ratio, 1.0)
        centre, pixels = (places + 0.5) * ratio, np.arange(size)
        low, high = np.floor(centre - reach * wide + 0.5), np.floor(centre + reach * wide + 0.5)
        made = kernel((pixels - centre + 0.5) / wide) * ((pixels >= low) & (pixels < high))
        filtered: np.ndarray = made / made.sum(1, keepdims=True)
        return filtered
    centre = places * ratio if align_corners else (places + 0.5) * ratio - 0.5
    if mode == "linear":
        centre = np.maximum(centre, 0.0)
    first = np.floor(centre)
    taps = np.arange(2) if mode == "linear" else np.arange(-1, 3)
    shares = _triangle(centre - first - taps) if mode == "linear" else _cubic(centre - first - taps, -0.75)
    looked_up = np.zeros((count, size))
    np.add.at(looked_up, (places, np.clip(first + taps, 0, size - 1).astype(np.int64)), shares)
    return looked_up


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _cubic(x: np.ndarray, a: float) -> np.ndarray:
    """The kernel of Keys."""
    x = np.abs(x)
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _lanczos(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


_FILTERS: dict[str, tuple[int, Callable[[np.ndarray], np.ndarray]]] = {
    "linear": (1, _triangle),
    "cubic": (2, lambda x: _cubic(x, -0.5)),
    "lanczos": (3, _lanczos),
}
