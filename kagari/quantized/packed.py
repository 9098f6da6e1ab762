"""Weights of layers that compute with integers, and the layers as functions: linear maps, convolutions, embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import dtypes
from ..eager import Tensor, operators
from ..eager.calls import call
from .creation import quantize_per_tensor_dynamic
from .scheme import PerChannel, PerTensor, inverse
from .tensor import QuantizedTensor


@dataclass(slots=True)
class _Sums:
    """What the kernels need of a quantized weight: integers, where they have their zeros (None: at 0), and scales,
    shaped to stand beside the channels of the result.
    """

    integers: Tensor
    zeros: Tensor | None
    scales: Tensor
    bias: Tensor | None

    @classmethod
    def of(cls, weight: Any, bias: Tensor | None, channel: int, groups: int, ndim: int) -> _Sums:
        """Those of a weight whose outputs lie along the dimension `channel`, for a result of `ndim` dimensions."""
        integers = weight._integers().contiguous()
        aside = (1,) * max(ndim - 2, 0)
        if isinstance(weight._quantizer, PerTensor):
            scales = operators.tensor([weight._quantizer.scale], dtype=dtypes.float64).float()
            zero = weight._quantizer.zero_point
            zeros = operators.tensor(float(zero)) if zero else None
        else:
            scales = weight._quantizer.scales.float()
            found = weight._quantizer.zero_points
            along = [1] * integers.ndim
            along[channel] = -1
            zeros = found.float().reshape(along) if bool(found.any()) else None
        shaped = None if bias is None else bias.detach().float().reshape((-1, *aside))
        return cls(integers, zeros, scales.reshape((-1, *aside)), shaped)


def _require_weight(weight: Any, bias: Any, channel: int = 0) -> None:
    if not isinstance(weight, QuantizedTensor) or weight.dtype is not dtypes.qint8:
        raise RuntimeError(f"expected a weight of torch.qint8, got {getattr(weight, 'dtype', type(weight).__name__)}")
    if isinstance(weight._quantizer, PerChannel) and weight._quantizer.axis != channel:
        raise RuntimeError(f"expected a scale for each output, which lie along dimension {channel}")
    if bias is not None and bias.ndim != 1:
        raise RuntimeError("bias should be a vector (1D Tensor)")


def _require_input(x: Any, what: str) -> None:
    if not isinstance(x, QuantizedTensor) or x.dtype is not dtypes.quint8:
        raise RuntimeError(f"{what}: expected an input of torch.quint8, got {getattr(x, 'dtype', type(x).__name__)}")


def _scale(a: float, scales: Tensor) -> Tensor:
    """The scales of sums: of the input times of the weight, as float32."""
    return scales * float(np.float32(a))


class LinearPackedParams:
    """The weight and the bias of a linear map; of float16 where the weight is no quantized tensor.

    Raises RuntimeError for a weight of another type than qint8.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self.weight, self.bias = weight, bias
        self.sums: _Sums | None = None
        if isinstance(weight, QuantizedTensor):
            _require_weight(weight, bias)
            self.sums = _Sums.of(weight, bias, 0, 1, 2)
        else:
            self.weight = weight.detach().half().float()

    def __reduce__(self) -> tuple[Any, ...]:
        return LinearPackedParams, self.unpack()

    def unpack(self) -> tuple[Tensor, Tensor | None]:
        """The weight and the bias."""
        return self.weight, self.bias

    def __call__(self, x: Any, scale: float, zero_point: int, relu: bool = False) -> Any:
        """The map of a quantized tensor, quantized with another scale."""
        _require_input(x, "quantized::linear")
        made = self._map(x, relu, scale, zero_point, dtypes.uint8)
        return QuantizedTensor(made, PerTensor(float(scale), int(zero_point)))

    def _map(self, x: Any, relu: bool, scale: float = 1.0, zero_point: int = 0, dt: Any = None) -> Tensor:
        w = self.sums
        if w is None:
            raise RuntimeError("a weight of float16 is for dynamic quantization alone")
        if not x.ndim:
            raise RuntimeError("The dimension for input should be at least one")
        if x.shape[-1] != w.integers.shape[1]:
            raise RuntimeError(
                f"The number of rows in the packB should be equal to K: {w.integers.shape[1]}, got {x.shape[-1]}"
            )
        own = x._uniform()
        return call("quantized_linear")(
            x._integers(), w.integers, own.zero_point, w.zeros, _scale(own.scale, w.scales), w.bias, inverse(scale),
            zero_point, relu, dt,
        )  # fmt: skip

    def dynamic(self, x: Tensor, reduce_range: bool = False, relu: bool = False) -> Tensor:
        """The map of a float32 tensor, which is quantized for that with a scale chosen for its range."""
        if self.sums is None:
            made = operators.linear(x, self.weight, self.bias)
            return made.relu() if relu else made
        if not x.numel():
            return operators.empty((*x.shape[:-1], self.weight.shape[0]))
        return self._map(quantize_per_tensor_dynamic(x, dtypes.quint8, reduce_range), relu)


@dataclass(slots=True)
class ConvForm:
    """Stride, padding and the like of a convolution, a number for each dimension."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    output_padding: tuple[int, ...] | None = None  # None: it is not transposed

    @property
    def channel(self) -> int:
        """The dimension of the weight along which outputs lie."""
        return 0 if self.output_padding is None else 1


class ConvPackedParams:
    """The weight, the bias and the form of a convolution. Raises RuntimeError for a weight of another type than qint8,
    and for a transposed one with a scale for each channel.
    """

    def __init__(self, weight: Any, bias: Tensor | None, form: ConvForm) -> None:
        _require_weight(weight, bias, form.channel)
        if form.output_padding is not None and isinstance(weight._quantizer, PerChannel):
            raise RuntimeError("a transposed convolution has one scale for its weight")
        self.weight, self.bias, self.form = weight, bias, form
        self.sums = _Sums.of(weight, bias, form.channel, form.groups, weight.ndim)

    def __reduce__(self) -> tuple[Any, ...]:
        return ConvPackedParams, (self.weight, self.bias, self.form)

    def unpack(self) -> tuple[Tensor, Tensor | None]:
        """The weight and the bias."""
        return self.weight, self.bias

    def __call__(self, x: Any, scale: float, zero_point: int, relu: bool = False, added: Any = None) -> Any:
        """The convolution of a quantized tensor, quantized with another scale; with another one added before that."""
        _require_input(x, "quantized::conv")
        made = self._convolve(x, relu, scale, zero_point, dtypes.uint8, added)
        return QuantizedTensor(made, PerTensor(float(scale), int(zero_point)))

    def _convolve(
        self, x: Any, relu: bool, scale: float = 1.0, zero_point: int = 0, dt: Any = None, added: Any = None
    ) -> Tensor:
        w, form, own = self.sums, self.form, x._uniform()
        if x.ndim != self.weight.ndim:
            raise RuntimeError(f"Expected {self.weight.ndim}D (batched) input to the convolution, got {x.ndim}D")
        start = (x._integers(), w.integers, own.zero_point, w.zeros, _scale(own.scale, w.scales), w.bias,
                 inverse(scale), zero_point)  # fmt: skip
        if form.output_padding is not None:
            return call("quantized_conv_transpose")(
                *start, dt, form.stride, form.padding, form.output_padding, form.dilation, form.groups
            )
        more = () if added is None else (added._integers(), float(np.float32(added.q_scale())), added.q_zero_point())
        return call("quantized_conv")(
            *start, relu, dt, form.stride, form.padding, form.dilation, form.groups, *more
        )  # fmt: skip

    def dynamic(self, x: Tensor, reduce_range: bool = False) -> Tensor:
        """The convolution of a float32 tensor, which is quantized for that with a scale chosen for its range."""
        return self._convolve(quantize_per_tensor_dynamic(x, dtypes.quint8, reduce_range), False)


class EmbeddingPackedParams:
    """The rows of an embedding, each with a scale and a zero point of its own."""

    def __init__(self, weight: Any) -> None:
        if weight.dtype is not dtypes.quint8 or not isinstance(weight._quantizer, PerChannel):
            raise RuntimeError("expected a weight of torch.quint8 with a scale for each row")
        self.weight = weight

    def __reduce__(self) -> tuple[Any, ...]:
        return EmbeddingPackedParams, (self.weight,)

    def unpack(self) -> Tensor:
        """The weight."""
        return self.weight

    def rows(self, indices: Tensor) -> Tensor:
        """The rows at some places, as float32."""
        flat, own = indices.reshape(-1), self.weight._quantizer
        integers = self.weight._integers().index_select(0, flat)
        scales, zeros = own.scales.float()[flat], own.zero_points.float()[flat]
        made = call("dequantize_affine")(integers, scales[:, None], zeros[:, None])
        return made.reshape((*indices.shape, self.weight.shape[1]))


__all__ = ["ConvForm", "ConvPackedParams", "EmbeddingPackedParams", "LinearPackedParams"]
