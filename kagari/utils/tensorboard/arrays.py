"""Numbers as NumPy has them, and images as pictures have them: rows of pixels of three colours."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...base.dtypes import bfloat16, float32
from ...eager import Tensor


def as_array(value: Any) -> Any:
    """A tensor, an array or a number as an array. Raises NotImplementedError for anything else."""
    if isinstance(value, np.ndarray):
        return value
    if np.isscalar(value):
        return np.array([value])
    if isinstance(value, Tensor):
        plain = value.detach().cpu()
        return (plain.to(float32) if plain.dtype is bfloat16 else plain).resolve_conj().resolve_neg().numpy()
    raise NotImplementedError(f"Got {type(value)}, but numpy array or torch tensor are expected.")


def as_picture(value: Any, dataformats: str) -> Any:
    """An image, or several beside each other, as height, width and colours: numbers from 0 to 255, uint8.

    Args:
        value (Tensor or array): bytes, or numbers from 0 to 1.
        dataformats (str): which dimension is which: `CHW`, `HWC`, `HW`, `NCHW` or any other order.

    Raises AssertionError where the dimensions are others, ValueError for letters that mean nothing.
    """
    array = as_array(value)
    letters = dataformats.upper()
    if len(set(letters)) != len(letters):
        raise AssertionError(f"You can not use the same dimension shorthand twice. input_format: {dataformats}")
    if array.ndim != len(letters):
        raise AssertionError(
            "size of input tensor and input format are different. "
            f"tensor shape: {array.shape}, input_format: {dataformats}"
        )
    order = next((o for o in ("HW", "HWC", "NCHW") if sorted(o) == sorted(letters)), None)
    if order is None:
        raise ValueError(f"dataformats must be an order of HW, CHW or NCHW, got {dataformats}")
    array = array.transpose([letters.index(letter) for letter in order])
    if order == "HW":
        array = array[..., None]
    elif order == "NCHW":
        array = beside_each_other(array, 8).transpose(1, 2, 0)
    if array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    if array.dtype == np.uint8:
        return array
    return np.nan_to_num(array.astype(np.float32) * 255, nan=0).clip(0, 255).astype(np.uint8)


def beside_each_other(images: Any, columns: int) -> Any:
    """Images (N, C, H, W) as one (C, H', W'), in rows from left to right; where there are too few it is black."""
    count, channels, height, width = images.shape
    columns = min(count, columns)
    rows = -(-count // columns)
    canvas = np.zeros((rows * columns, channels, height, width), images.dtype)
    canvas[:count] = images
    canvas = canvas.reshape(rows, columns, channels, height, width).transpose(2, 0, 3, 1, 4)
    return canvas.reshape(channels, rows * height, columns * width)


__all__ = ["as_array", "as_picture", "beside_each_other"]
