"""Layers of quantized tensors without a quantized weight: activations, normalisations, and the ends of a model."""

from __future__ import annotations

from typing import Any

from .... import nn
from ....base.dtypes import dtype
from ....eager import Tensor
from ....eager import operators as ops
from ....quantized import functions
from ....quantized.creation import quantize_per_tensor
from .. import fused as nni


def _parameters(mod: Any) -> tuple[float, int]:
    """The scale and the zero point of the results of a module that was observed."""
    scale, zero_point = mod.activation_post_process.calculate_qparams()
    return float(scale), int(zero_point)


# The ends


class Quantize(nn.Module):
    """Quantizes a float32 tensor.

    Args:
        scale, zero_point, dtype: as those of :func:`kagari.quantize_per_tensor`.

    >>> import kagari as torch
    >>> torch.ao.nn.quantized.Quantize(0.5, 10, torch.quint8)(torch.ones(1)).int_repr()
    tensor([12], dtype=torch.uint8)
    """

    scale: Tensor
    zero_point: Tensor

    def __init__(self, scale: Any, zero_point: Any, dtype: dtype, factory_kwargs: Any = None) -> None:
        super().__init__()
        self.register_buffer("scale", ops.tensor([scale]))
        self.register_buffer("zero_point", ops.tensor([zero_point], dtype=ops.tensor(0).dtype))
        self.dtype = dtype

    def forward(self, X: Tensor) -> Any:
        return quantize_per_tensor(X, float(self.scale), int(self.zero_point), self.dtype)

    @staticmethod
    def from_float(mod: Any, use_precomputed_fake_quant: bool = False) -> Quantize:
        """The module of a stub that was observed."""
        assert hasattr(mod, "activation_post_process")
        return Quantize(*_parameters(mod), mod.activation_post_process.dtype)

    def extra_repr(self) -> str:
        return f"scale={self.scale}, zero_point={self.zero_point}, dtype={self.dtype}"


class DeQuantize(nn.Module):
    """Gives the numbers of a quantized tensor."""

    def forward(self, Xq: Tensor) -> Tensor:
        return Xq.dequantize()

    @staticmethod
    def from_float(mod: Any, use_precomputed_fake_quant: bool = False) -> DeQuantize:
        """The module of a stub."""
        return DeQuantize()


# Activations


class ReLU6(nn.ReLU6):
    """The numbers of a quantized tensor, held between 0 and 6."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace)

    def forward(self, input: Tensor) -> Tensor:
        return functions.find("relu6")(input, self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""

    def _get_name(self) -> str:
        return "QuantizedReLU6"

    @staticmethod
    def from_float(mod: Any, use_precomputed_fake_quant: bool = False) -> ReLU6:
        """The quantized layer of one."""
        return ReLU6(mod.inplace)


class Hardswish(nn.Hardswish):
    """`x * relu6(x + 3) / 6` of a quantized tensor. `scale` and `zero_point` are those of the result."""

    def __init__(self, scale: float, zero_point: int, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.register_buffer("scale", ops.tensor(scale))
        self.register_buffer("zero_point", ops.tensor(zero_point))

    def forward(self, input: Tensor) -> Tensor:
        return functions.find("hardswish")(input, float(self.scale), int(self.zero_point))

    def _get_name(self) -> str:
        return "QuantizedHardswish"

    @staticmethod
    def from_float(mod: Any, use_precomputed_fake_quant: bool = False) -> Hardswish:
        """The quantized layer of one that was observed."""
        return Hardswish(*_parameters(mod))

    @classmethod
    def from_reference(cls, mod: Any, scale: float, zero_point: int) -> Hardswish:
        """The quantized layer of a float one."""
        return cls(float(scale), int(zero_point))


class ELU(nn.ELU):
    """The exponential linear unit of a quantized tensor. `scale` and `zero_point` are those of the result."""

    def __init__(self, scale: float, zero_point: int, alpha: float = 1.0) -> None:
        super().__init__(alpha)
        self.scale, self.zero_point = scale, zero_point

    def forward(self, input: Tensor) -> Tensor:
        return functions.find("elu")(input, self.scale, self.zero_point, self.alpha)

    def _get_name(self) -> str:
        return "QuantizedELU"

    @staticmethod
    def from_float(mod: Any, use_precomputed_fake_quant: bool = False) -> ELU:
        """The quantized layer of one that was observed."""
        return ELU(*_parameters(mod), mod.alpha)

    @classmethod
    def from_reference(cls, mod: Any, scale: float, zero_point: int) -> ELU:
        """The quantized layer of a float one."""
        return cls(float(scale), int(zero_point), mod.alpha)


class LeakyReLU(nn.LeakyReLU):
    """Negative numbers of a quantized tensor made smaller. `scale` and `zero_point` are those of the result."""

    def __init__(
        self, scale: float, zero_point: int, negative_slope: float = 0.01, inplace: bool = False, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(negative_slope, inplace)
        self.register_buffer("scale", ops.tensor(scale))
        self.register_buffer("zero_point", ops.tensor(zero_point))

    def forward(self, input: Tensor) -> Tensor:
        return functions.find("leaky_relu")(
            input, self.negative_slope, self.inplace, float(self.scale), int(self.zero_point)
        )

    def _get_name(self) -> str:
        return "QuantizedLeakyReLU"

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> LeakyReLU:
        """The quantized layer of one that was observed."""
        return cls(*_parameters(mod), mod.negative_slope, mod.inplace)

    @classmethod
    def from_reference(cls, mod: Any, scale: float, zero_point: int) -> LeakyReLU:
        """The quantized layer of a float one."""
        return cls(float(scale), int(zero_point), mod.negative_slope, mod.inplace)


class PReLU(nn.Module):
    """Negative numbers made smaller by slopes that were learned, and are quantized themselves."""

    def __init__(self, output_scale: float, output_zero_point: int, num_parameters: int = 1) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.scale, self.zero_point = output_scale, output_zero_point
        weight = ops.randn(num_parameters)
        self.set_weight(quantize_per_tensor(weight, 1.0, 0, functions.dtypes.quint8))

    def set_weight(self, w: Tensor) -> None:
        """Sets the slopes."""
        self.weight = w

    def forward(self, input: Tensor) -> Tensor:
        return functions.find("prelu")(input, self.weight, self.scale, self.zero_point)

    def _get_name(self) -> str:
        return "QuantizedPReLU"

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> PReLU:
        """The quantized layer of one that was observed."""
        made = cls(*_parameters(mod), mod.num_parameters)
        weight, observer = mod.weight.detach().float(), mod.qconfig.weight()
        observer(weight)
        scale, zero_point = observer.calculate_qparams()
        made.set_weight(quantize_per_tensor(weight, float(scale), int(zero_point), functions.dtypes.quint8))
        return made


class Sigmoid(nn.Sigmoid):
    """The logistic function of a quantized tensor."""

    def __init__(self, output_scale: float, output_zero_point: int) -> None:
        super().__init__()
        self.output_scale, self.output_zero_point = output_scale, output_zero_point

    def forward(self, input: Tensor) -> Tensor:
        return functions.find("sigmoid")(input, self.output_scale, self.output_zero_point)

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Sigmoid:
        """The quantized layer of one that was observed."""
        return cls(*_parameters(mod))


class Softmax(nn.Softmax):
    """Exponentials of a quantized tensor, divided by their sum along a dimension."""

    def __init__(self, dim: int | None = None, scale: float = 1.0, zero_point: int = 0) -> None:
        super().__init__(dim)
        self.scale, self.zero_point = scale, zero_point

    def forward(self, input: Tensor) -> Tensor:
        dim = (0 if input.ndim in (0, 1, 3) else 1) if self.dim is None else self.dim
        return functions.find("softmax")(input, dim, self.scale, self.zero_point)

    def _get_name(self) -> str:
        return "QuantizedSoftmax"

    @staticmethod
    def from_float(mod: Any, use_precomputed_fake_quant: bool = False) -> Softmax:
        """The quantized layer of one that was observed."""
        return Softmax(mod.dim, *_parameters(mod))

    @classmethod
    def from_reference(cls, mod: Any, scale: float, zero_point: int) -> Softmax:
        """The quantized layer of a float one."""
        return cls(mod.dim, float(scale), int(zero_point))


class MaxPool2d(nn.MaxPool2d):
    """The largest number of each window of a quantized tensor."""


class Dropout(nn.Dropout):
    """A quantized tensor as it is: it is not trained."""

    def forward(self, input: Tensor) -> Tensor:
        return input

    def _get_name(self) -> str:
        return "QuantizedDropout"

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Dropout:
        """The quantized layer of one."""
        return cls(mod.p, mod.inplace)

    @classmethod
    def from_reference(cls, mod: Any, scale: float, zero_point: int) -> Dropout:
        """The quantized layer of a float one."""
        return cls(mod.p, mod.inplace)


# Normalisations


def _batch_norm(name: str, base: type, operator: str, kinds: tuple[type, ...]) -> Any:
    """A class of batch normalisation with statistics that were learned."""

    class Made(base):
        """Normalisation of a quantized tensor with a mean and a variance that were learned."""

        def __init__(
            self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, device: Any = None, dtype: Any = None
        ) -> None:
            super().__init__(num_features, eps, momentum)
            self.register_buffer("scale", ops.tensor(1.0))
            self.register_buffer("zero_point", ops.tensor(0))

        def _get_name(self) -> str:
            return f"Quantized{name}"

        def forward(self, input: Tensor) -> Tensor:
            return functions.find(operator)(
                input, self.weight, self.bias, self.running_mean, self.running_var, self.eps, float(self.scale),
                int(self.zero_point),
            )  # fmt: skip

        @classmethod
        def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
            """The quantized layer of one that was observed."""
            bn = mod[0] if isinstance(mod, nni._FusedModule) else mod
            made = cls._of(bn)
            made.scale, made.zero_point = (ops.tensor(n) for n in _parameters(mod))
            return made

        @classmethod
        def from_reference(cls, bn: Any, output_scale: float, output_zero_point: int) -> Any:
            """The quantized layer of a float one."""
            made = cls._of(bn)
            made.scale, made.zero_point = ops.tensor(float(output_scale)), ops.tensor(int(output_zero_point))
            return made

        @classmethod
        def _of(cls, bn: Any) -> Any:
            made = cls(bn.num_features, bn.eps)
            for part in ("weight", "bias", "running_mean", "running_var"):
                setattr(made, part, getattr(bn, part))
            return made

    Made.__name__ = Made.__qualname__ = name
    Made._FLOAT_MODULE = kinds
    return Made


BatchNorm2d = _batch_norm("BatchNorm2d", nn.BatchNorm2d, "batch_norm2d", (nn.BatchNorm2d,))
BatchNorm3d = _batch_norm("BatchNorm3d", nn.BatchNorm3d, "batch_norm3d", (nn.BatchNorm3d,))
BNReLU2d = _batch_norm("BNReLU2d", nn.BatchNorm2d, "batch_norm2d_relu", (nni.BNReLU2d,))
BNReLU3d = _batch_norm("BNReLU3d", nn.BatchNorm3d, "batch_norm3d_relu", (nni.BNReLU3d,))


class _Affine:
    """Normalisations with a weight and a bias, and the scale and the zero point of the result."""

    def _set(self: Any, weight: Any, bias: Any, scale: float, zero_point: int) -> None:
        self.weight, self.bias = weight, bias
        self.register_buffer("scale", ops.tensor(scale))
        self.register_buffer("zero_point", ops.tensor(zero_point))

    def _get_name(self) -> str:
        return f"Quantized{type(self).__name__}"


class LayerNorm(_Affine, nn.LayerNorm):
    """Normalisation of a quantized tensor over its last dimensions."""

    def __init__(
        self, normalized_shape: Any, weight: Any, bias: Any, scale: float, zero_point: int, eps: float = 1e-5,
        elementwise_affine: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(normalized_shape, eps, elementwise_affine)
        self._set(weight, bias, scale, zero_point)

    def forward(self, input: Tensor) -> Tensor:
        return functions.find("layer_norm")(
            input, self.normalized_shape, self.weight, self.bias, self.eps, float(self.scale), int(self.zero_point)
        )

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> LayerNorm:
        """The quantized layer of one that was observed."""
        return cls.from_reference(mod, *_parameters(mod))

    @classmethod
    def from_reference(cls, mod: Any, scale: float, zero_point: int) -> LayerNorm:
        """The quantized layer of a float one."""
        return cls(mod.normalized_shape, mod.weight, mod.bias, float(scale), int(zero_point), mod.eps,
                   mod.elementwise_affine)  # fmt: skip


class GroupNorm(_Affine, nn.GroupNorm):
    """Normalisation of a quantized tensor over groups of channels."""

    def __init__(
        self, num_groups: int, num_channels: int, weight: Any, bias: Any, scale: float, zero_point: int,
        eps: float = 1e-5, affine: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(num_groups, num_channels, eps, affine)
        self._set(weight, bias, scale, zero_point)

    def forward(self, input: Tensor) -> Tensor:
        return functions.find("group_norm")(
            input, self.num_groups, self.weight, self.bias, self.eps, float(self.scale), int(self.zero_point)
        )

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> GroupNorm:
        """The quantized layer of one that was observed."""
        return cls(mod.num_groups, mod.num_channels, mod.weight, mod.bias, *_parameters(mod), mod.eps, mod.affine)


class _InstanceNorm(_Affine):
    """Normalisation of a quantized tensor over each channel of each example."""

    def __init__(
        self: Any, num_features: int, weight: Any, bias: Any, scale: float, zero_point: int, eps: float = 1e-5,
        momentum: float = 0.1, affine: bool = False, track_running_stats: bool = False, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats)  # type: ignore[call-arg]
        self._set(weight, bias, scale, zero_point)

    def forward(self: Any, input: Tensor) -> Tensor:
        return functions.find("instance_norm")(
            input, self.weight, self.bias, self.eps, float(self.scale), int(self.zero_point)
        )

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The quantized layer of one that was observed."""
        return cls.from_reference(mod, *_parameters(mod))

    @classmethod
    def from_reference(cls, mod: Any, scale: float, zero_point: int) -> Any:
        """The quantized layer of a float one."""
        return cls(mod.num_features, mod.weight, mod.bias, float(scale), int(zero_point), mod.eps, mod.affine)


class InstanceNorm1d(_InstanceNorm, nn.InstanceNorm1d):
    """Normalisation of a quantized tensor over each row of each example."""


class InstanceNorm2d(_InstanceNorm, nn.InstanceNorm2d):
    """Normalisation of a quantized tensor over each channel of each image."""


class InstanceNorm3d(_InstanceNorm, nn.InstanceNorm3d):
    """Normalisation of a quantized tensor over each channel of each volume."""


__all__ = [
    "BNReLU2d", "BNReLU3d", "BatchNorm2d", "BatchNorm3d", "DeQuantize", "Dropout", "ELU", "GroupNorm", "Hardswish",
    "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LayerNorm", "LeakyReLU", "MaxPool2d", "PReLU", "Quantize",
    "ReLU6", "Sigmoid", "Softmax",
]  # fmt: skip
