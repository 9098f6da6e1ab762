"""Convolutions of integers, over one, two and three dimensions."""

from __future__ import annotations

from typing import Any

from .... import nn
from ....base import dtypes
from ....eager import Tensor
from ....eager import operators as ops
from ....nn import functional as F
from ....nn.functional_pool import tuple_of
from ....nn.utils import fuse_conv_bn_weights
from ....quantized.creation import _empty_affine_quantized
from ....quantized.packed import ConvForm, ConvPackedParams
from .. import fused as nni
from ..qat import fused as nniqat
from .base import WeightedQuantizedModule, observed, quantize_weight, require_float, result_parameters


class _ConvNd(WeightedQuantizedModule):
    """What convolutions of integers share; a subclass says over how many dimensions."""

    rank: int
    transposed = False
    _name = ""
    _FLOAT_MODULE: Any = ()
    _packed_params: ConvPackedParams

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self._set_up(in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups, bias, padding_mode)

    def _set_up(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
        output_padding: Any, groups: int, bias: bool, padding_mode: str,
    ) -> None:  # fmt: skip
        super().__init__()
        if padding_mode not in ("zeros", "reflect"):
            raise NotImplementedError(f"Currently only zero-padding is supported by quantized conv, not {padding_mode}")
        for channels, what in ((in_channels, "in_channels"), (out_channels, "out_channels")):
            if channels % groups != 0:
                raise ValueError(f"{what} must be divisible by groups")
        rank = self.rank
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride = tuple_of(kernel_size, rank), tuple_of(stride, rank)
        self.padding, self.dilation = tuple_of(padding, rank), tuple_of(dilation, rank)
        self.output_padding, self.groups, self.padding_mode = tuple_of(output_padding, rank), groups, padding_mode
        shape = (in_channels, out_channels // groups) if self.transposed else (out_channels, in_channels // groups)
        weight = _empty_affine_quantized([*shape, *self.kernel_size], scale=1, zero_point=0, dtype=dtypes.qint8)
        self.set_weight_bias(weight, ops.zeros(out_channels) if bias else None)
        self.scale, self.zero_point = 1.0, 0

    def _get_name(self) -> str:
        return f"Quantized{self._name or type(self).__name__}"

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}", f"kernel_size={self.kernel_size}",
                 f"stride={self.stride}", f"scale={self.scale}", f"zero_point={self.zero_point}"]  # fmt: skip
        ones, zeros = (1,) * self.rank, (0,) * self.rank
        parts += [f"padding={self.padding}"] if self.padding != zeros else []
        parts += [f"dilation={self.dilation}"] if self.dilation != ones else []
        parts += [f"output_padding={self.output_padding}"] if self.output_padding != zeros else []
        parts += [f"groups={self.groups}"] if self.groups != 1 else []
        parts += ["bias=False"] if self.bias() is None else []
        return ", ".join(parts)

    def set_weight_bias(self, w: Tensor, b: Tensor | None) -> None:
        """Sets both."""
        padding = self.padding if self.padding_mode == "zeros" else (0,) * self.rank
        more = self.output_padding if self.transposed else None
        self._packed_params = ConvPackedParams(w, b, ConvForm(self.stride, padding, self.dilation, self.groups, more))

    def _weight_bias(self) -> tuple[Tensor, Tensor | None]:
        return self._packed_params.unpack()

    def weight(self) -> Any:
        """The weight."""
        return self._weight_bias()[0]

    def bias(self) -> Tensor | None:
        """The bias."""
        return self._weight_bias()[1]

    def _padded(self, input: Any) -> Any:
        if input.ndim != self.rank + 2:
            raise ValueError(f"Input shape must be `(N, C, {', '.join('DHW'[-self.rank :])})`!")
        if self.padding_mode == "zeros":
            return input
        amounts = [n for n in reversed(self.padding) for _ in range(2)]
        if not input.is_quantized:
            return F.pad(input, amounts, self.padding_mode)
        padded = F.pad(input.int_repr().float(), amounts, self.padding_mode).to(dtypes.uint8)
        return type(input)(padded, input._quantizer)

    def forward(self, input: Tensor) -> Tensor:
        return self._packed_params(self._padded(input), self.scale, self.zero_point)

    def _save_weight(self, destination: Any, prefix: str) -> None:
        destination[f"{prefix}weight"], destination[f"{prefix}bias"] = self._weight_bias()

    def _load_weight(self, state_dict: Any, prefix: str, missing: list[str]) -> None:
        absent = [prefix + name for name in ("weight", "bias") if prefix + name not in state_dict]
        missing += absent
        if not absent:
            self.set_weight_bias(state_dict.pop(f"{prefix}weight"), state_dict.pop(f"{prefix}bias"))

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The quantized layer of one that was observed. Raises AssertionError for one of another kind."""
        observer = getattr(mod, "activation_post_process", None)
        if isinstance(mod, nniqat._ConvBnNd):
            bn = mod.bn
            mod.weight, mod.bias = fuse_conv_bn_weights(
                mod.weight, mod.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
            )
        elif not hasattr(mod, "weight_fake_quant"):
            require_float(cls, mod, cls._FLOAT_MODULE)
            if isinstance(mod, nni._FusedModule):
                inner = mod[0]
                inner.qconfig = getattr(inner, "qconfig", mod.qconfig)
                mod = inner
        weight_observer = observed(mod, mod.weight, use_precomputed_fake_quant)
        made = cls(*_arguments(mod))
        made.set_weight_bias(quantize_weight(mod.weight, weight_observer), mod.bias)
        made.scale, made.zero_point = result_parameters(observer)
        return made

    @classmethod
    def from_reference(cls, ref_qconv: Any, output_scale: float, output_zero_point: int) -> Any:
        """The quantized layer of a float one that says how its weight is quantized."""
        made = cls(*_arguments(ref_qconv))
        made.set_weight_bias(ref_qconv.get_quantized_weight(), ref_qconv.bias)
        made.scale, made.zero_point = float(output_scale), int(output_zero_point)
        return made


def _arguments(mod: Any) -> tuple[Any, ...]:
    """What another convolution of the same form is made with."""
    has_bias = mod.bias is not None
    if mod.transposed:
        return (mod.in_channels, mod.out_channels, mod.kernel_size, mod.stride, mod.padding, mod.output_padding,
                mod.groups, has_bias, mod.dilation, mod.padding_mode)  # fmt: skip
    return (mod.in_channels, mod.out_channels, mod.kernel_size, mod.stride, mod.padding, mod.dilation, mod.groups,
            has_bias, mod.padding_mode)  # fmt: skip


class Conv1d(_ConvNd):
    """A convolution over one dimension of a quantized tensor with a quantized weight, quantized for the result. The
    arguments are those of :class:`kagari.nn.Conv1d`; `scale` and `zero_point` are those of the result.
    """

    rank, _FLOAT_MODULE = 1, (nn.Conv1d,)


class Conv2d(_ConvNd):
    """A convolution over two dimensions of a quantized tensor with a quantized weight, quantized for the result. The
    arguments are those of :class:`kagari.nn.Conv2d`; `scale` and `zero_point` are those of the result.
    """

    rank, _FLOAT_MODULE = 2, (nn.Conv2d,)


class Conv3d(_ConvNd):
    """A convolution over three dimensions of a quantized tensor with a quantized weight, quantized for the result. The
    arguments are those of :class:`kagari.nn.Conv3d`; `scale` and `zero_point` are those of the result.
    """

    rank, _FLOAT_MODULE = 3, (nn.Conv3d,)


class _ReLU(_ConvNd):
    """The positive part of a convolution."""

    def forward(self, input: Tensor) -> Tensor:
        return self._packed_params(self._padded(input), self.scale, self.zero_point, True)


class ConvReLU1d(_ReLU, Conv1d):
    """The positive part of a convolution of integers."""

    _FLOAT_MODULE: Any = (nni.ConvReLU1d,)


class ConvReLU2d(_ReLU, Conv2d):
    """The positive part of a convolution of integers."""

    _FLOAT_MODULE: Any = (nni.ConvReLU2d,)


class ConvReLU3d(_ReLU, Conv3d):
    """The positive part of a convolution of integers."""

    _FLOAT_MODULE: Any = (nni.ConvReLU3d,)


class ConvAdd2d(Conv2d):
    """A convolution of integers and the addition of another tensor: `forward(input, extra_input)`."""

    _FLOAT_MODULE: Any = (nni.ConvAdd2d,)

    def forward(self, input: Tensor, extra_input: Tensor) -> Tensor:  # type: ignore[override]
        return self._packed_params(self._padded(input), self.scale, self.zero_point, False, extra_input)


class ConvAddReLU2d(Conv2d):
    """The positive part of a convolution of integers and the addition of another tensor."""

    _FLOAT_MODULE: Any = (nni.ConvAddReLU2d,)

    def forward(self, input: Tensor, extra_input: Tensor) -> Tensor:  # type: ignore[override]
        return self._packed_params(self._padded(input), self.scale, self.zero_point, True, extra_input)


class _ConvTransposeNd(_ConvNd):
    """What transposed convolutions of integers share."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        self._set_up(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, groups, bias,
            padding_mode,
        )  # fmt: skip


class ConvTranspose1d(_ConvTransposeNd):
    """A transposed convolution of integers over one dimension; the arguments are those of
    :class:`kagari.nn.ConvTranspose1d`.
    """

    rank, _FLOAT_MODULE = 1, (nn.ConvTranspose1d,)


class ConvTranspose2d(_ConvTransposeNd):
    """A transposed convolution of integers over two dimensions; the arguments are those of
    :class:`kagari.nn.ConvTranspose2d`.
    """

    rank, _FLOAT_MODULE = 2, (nn.ConvTranspose2d,)


class ConvTranspose3d(_ConvTransposeNd):
    """A transposed convolution of integers over three dimensions; the arguments are those of
    :class:`kagari.nn.ConvTranspose3d`.
    """

    rank, _FLOAT_MODULE = 3, (nn.ConvTranspose3d,)


__all__ = [
    "Conv1d", "Conv2d", "Conv3d", "ConvAdd2d", "ConvAddReLU2d", "ConvReLU1d", "ConvReLU2d", "ConvReLU3d",
    "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d",
]  # fmt: skip
