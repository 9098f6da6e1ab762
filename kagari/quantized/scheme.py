"""What a quantized tensor's integers mean: one scale and one zero point, or some for each channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import dtypes
from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager.calls import call

BOUNDS = {dtypes.quint8: (0, 255), dtypes.qint8: (-128, 127), dtypes.qint32: (-(1 << 31), (1 << 31) - 1)}
"""The smallest and the largest integer of each type of quantized tensors."""


class qscheme:
    """How integers stand for numbers: for the whole tensor or by channel, around a zero point or symmetrically."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


qscheme.__module__ = __name__.partition(".")[0]  # where programs find it
per_tensor_affine = qscheme("per_tensor_affine")
per_channel_affine = qscheme("per_channel_affine")
per_tensor_symmetric = qscheme("per_tensor_symmetric")
per_channel_symmetric = qscheme("per_channel_symmetric")
per_channel_affine_float_qparams = qscheme("per_channel_affine_float_qparams")


SCHEMES = (
    per_tensor_affine, per_channel_affine, per_tensor_symmetric, per_channel_symmetric,
    per_channel_affine_float_qparams,
)  # fmt: skip


def inverse(scale: float) -> float:
    """One over a scale, as a float32."""
    with np.errstate(divide="ignore"):
        return float(np.float32(1) / np.float32(scale))


@dataclass(frozen=True, slots=True)
class PerTensor:
    """One scale and one zero point: `x = (q - zero_point) * scale`."""

    scale: float
    zero_point: int
    scheme = per_tensor_affine

    def quantize(self, x: Tensor, dt: dtype) -> Tensor:
        """The integers nearest to the numbers."""
        order = "sum" if dt is dtypes.qint32 else "once"
        return call("quantize_affine")(x, inverse(self.scale), self.zero_point, dtypes.QUANTIZED[dt], order)

    def requantize(self, x: Tensor, dt: dtype) -> Tensor:
        """The integers nearest to the numbers, rounded as the results of arithmetic are: before the zero point."""
        return call("quantize_affine")(x, inverse(self.scale), self.zero_point, dtypes.QUANTIZED[dt], "steps")

    def dequantize(self, integers: Tensor) -> Tensor:
        """The numbers that integers stand for."""
        return call("dequantize_affine")(integers, float(np.float32(self.scale)), self.zero_point)

    def suffixes(self) -> list[str]:
        """What the text of a tensor says of it."""
        return [f"scale={self.scale}", f"zero_point={self.zero_point}"]


@dataclass(frozen=True, slots=True, eq=False)
class PerChannel:
    """A scale and a zero point for each place along the dimension `axis`; with `floats` as float32, else as float64
    and integers.
    """

    scales: Tensor
    zero_points: Tensor
    axis: int
    floats: bool = False

    @property
    def scheme(self) -> qscheme:
        """`torch.per_channel_affine`, or that of float parameters."""
        return per_channel_affine_float_qparams if self.floats else per_channel_affine

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PerChannel) and (
            self.axis == other.axis and self.floats is other.floats and bool(self.scales.equal(other.scales))
            and bool(self.zero_points.equal(other.zero_points))
        )  # fmt: skip

    def _along(self, x: Tensor) -> tuple[Tensor, Tensor]:
        shape = [1] * x.ndim
        shape[self.axis] = -1
        return self.scales.float().reshape(shape), self.zero_points.reshape(shape)

    def quantize(self, x: Tensor, dt: dtype) -> Tensor:
        """The integers nearest to the numbers."""
        scales, zero_points = self._along(x)
        return call("quantize_affine")(x, scales.reciprocal(), zero_points, dtypes.QUANTIZED[dt])

    def dequantize(self, integers: Tensor) -> Tensor:
        """The numbers that integers stand for."""
        return call("dequantize_affine")(integers, *self._along(integers))

    def moved(self, axis: int) -> PerChannel:
        """The same along another dimension."""
        return PerChannel(self.scales, self.zero_points, axis, self.floats)

    def at(self, i: int) -> PerTensor:
        """What holds for one channel."""
        return PerTensor(self.scales[i].item(), int(self.zero_points[i].item()))

    def suffixes(self) -> list[str]:
        """What the text of a tensor says of it."""
        return [f"scale={self.scales}", f"zero_point={self.zero_points}", f"axis={self.axis}"]


Quantizer = PerTensor | PerChannel


def require_quantized(dt: Any) -> dtype:
    """A dtype of quantized tensors. Raises RuntimeError for others, NotImplementedError for those of 4 and 2 bits."""
    if dt in (dtypes.quint4x2, dtypes.quint2x4):
        raise NotImplementedError(f"quantized tensors of {dt.type_name} are not there: integers have 8 or 32 bits")
    if dt not in dtypes.QUANTIZED:
        raise RuntimeError(f"ScalarType {dt.type_name} is not supported in new_qtensor.")
    return dt


def require_zero_points(name: str, zero_points: Sequence[int], dt: dtype) -> None:
    """Raises RuntimeError where a zero point is none of the integers."""
    low, high = BOUNDS[dt]
    for z in zero_points:
        if not low <= z <= high:
            bound = "below lower" if z < low else "above upper"
            raise RuntimeError(f"{name} zero_point {z} is {bound} bound.")


__all__ = [
    "BOUNDS", "PerChannel", "PerTensor", "Quantizer", "SCHEMES", "inverse", "per_channel_affine",
    "per_channel_affine_float_qparams", "per_channel_symmetric", "per_tensor_affine", "per_tensor_symmetric",
    "qscheme", "require_quantized", "require_zero_points",
]  # fmt: skip
