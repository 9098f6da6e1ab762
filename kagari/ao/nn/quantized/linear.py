"""Linear maps of integers."""

from __future__ import annotations

from typing import Any

from ....base import dtypes
from ....base.dtypes import dtype
from ....eager import Tensor
from ....eager import operators as ops
from ....nn import Linear as FloatLinear
from ....nn import Module, Parameter
from ....nn.multihead_attention import NonDynamicallyQuantizableLinear
from ....nn.utils import fuse_linear_bn_weights
from ....quantized import functions
from ....quantized.creation import _empty_affine_quantized
from ....quantized.packed import LinearPackedParams as Packed
from .. import fused as nni
from ..qat import fused as nniqat
from .base import WeightedQuantizedModule, observed, quantize_weight, require_float, result_parameters


class LinearPackedParams(Module):
    """The weight and the bias of a linear map, as a module: its state is the pair of both."""

    _version = 3
    _packed_params: Packed

    def __init__(self, dtype: dtype = dtypes.qint8) -> None:
        super().__init__()
        self.dtype = dtype
        if dtype is dtypes.qint8:
            weight: Tensor = _empty_affine_quantized([1, 1], scale=1, zero_point=0, dtype=dtypes.qint8)
        else:
            weight = ops.zeros(1, 1)
        self.set_weight_bias(weight, None)

    def set_weight_bias(self, weight: Tensor, bias: Tensor | None) -> None:
        """Sets both."""
        self._packed_params = Packed(weight, bias)

    def _weight_bias(self) -> tuple[Tensor, Tensor | None]:
        return self._packed_params.unpack()

    def forward(self, x: Tensor) -> Tensor:
        return x

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}dtype"] = self.dtype
        destination[f"{prefix}_packed_params"] = self._weight_bias()

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing: list[str], *rest: Any
    ) -> None:
        self.dtype = state_dict.pop(f"{prefix}dtype", self.dtype)
        if f"{prefix}_packed_params" in state_dict:
            self.set_weight_bias(*state_dict.pop(f"{prefix}_packed_params"))
        else:
            missing.append(f"{prefix}_packed_params")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, False, missing, *rest)

    def __repr__(self) -> str:
        return repr(self._weight_bias())


class Linear(WeightedQuantizedModule):
    r"""A linear map of a quantized tensor with a quantized weight, :math:`y = x A^T + b`, quantized for the result.

    Args:
        in_features, out_features: the sizes of rows.
        bias_: whether :math:`b` is added. Default: ``True``
        dtype: ``torch.qint8``, or ``torch.float16`` for dynamic quantization.

    Attributes:
        scale, zero_point: those of the result.

    >>> import kagari as torch
    >>> layer = torch.ao.nn.quantized.Linear(3, 2)
    >>> layer(torch.quantize_per_tensor(torch.ones(1, 3), 1.0, 0, torch.quint8)).shape
    torch.Size([1, 2])
    """

    _version = 3
    _FLOAT_MODULE: Any = (FloatLinear, NonDynamicallyQuantizableLinear)

    def __init__(self, in_features: int, out_features: int, bias_: bool = True, dtype: dtype = dtypes.qint8) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        bias = ops.zeros(out_features) if bias_ else None
        if dtype is dtypes.qint8:
            weight: Tensor = _empty_affine_quantized(
                [out_features, in_features], scale=1, zero_point=0, dtype=dtypes.qint8
            )
        elif dtype is dtypes.float16:
            weight = ops.zeros(out_features, in_features)
        else:
            raise RuntimeError("Unsupported dtype specified for quantized Linear!")
        self._packed_params = LinearPackedParams(dtype)
        self._packed_params.set_weight_bias(weight, bias)
        self.scale, self.zero_point = 1.0, 0

    def _get_name(self) -> str:
        return "QuantizedLinear"

    def __repr__(self) -> str:  # without the weight
        return f"{self._get_name()}({self.extra_repr()})"

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, scale={self.scale}, "
            f"zero_point={self.zero_point}, qscheme={self.weight().qscheme()}"
        )

    def forward(self, x: Tensor) -> Tensor:
        return self._packed_params._packed_params(x, self.scale, self.zero_point)

    def _weight_bias(self) -> tuple[Tensor, Tensor | None]:
        return self._packed_params._weight_bias()

    def weight(self) -> Any:
        """The weight."""
        return self._weight_bias()[0]

    def bias(self) -> Tensor | None:
        """The bias."""
        return self._weight_bias()[1]

    def set_weight_bias(self, w: Tensor, b: Tensor | None) -> None:
        """Sets both."""
        self._packed_params.set_weight_bias(w, b)

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Linear:
        """The quantized layer of one that was observed. Raises AssertionError for one of another kind."""
        return cls._of(mod, use_precomputed_fake_quant)

    @classmethod
    def _of(cls, mod: Any, use_precomputed_fake_quant: bool, *more: Any) -> Linear:
        observer = mod.activation_post_process
        if type(mod) is nniqat.LinearBn1d:
            mod.weight, mod.bias = _of_both(mod)
        elif not hasattr(mod, "weight_fake_quant"):
            require_float(cls, mod, cls._FLOAT_MODULE)
            mod = _first(mod)
        weight_observer = observed(mod, mod.weight, use_precomputed_fake_quant)
        make: Any = cls
        made: Linear = make(mod.in_features, mod.out_features, *more, dtype=weight_observer.dtype)
        made.set_weight_bias(quantize_weight(mod.weight, weight_observer), mod.bias)
        made.scale, made.zero_point = result_parameters(observer)
        return made

    @classmethod
    def from_reference(cls, ref_qlinear: Any, output_scale: float, output_zero_point: int) -> Linear:
        """The quantized layer of a float one that says how its weight is quantized."""
        made = cls(ref_qlinear.in_features, ref_qlinear.out_features)
        made.set_weight_bias(ref_qlinear.get_quantized_weight(), ref_qlinear.bias)
        made.scale, made.zero_point = float(output_scale), int(output_zero_point)
        return made


def _first(mod: Any) -> Any:
    """The linear layer of several in one, with their configuration."""
    if isinstance(mod, nni._FusedModule):
        inner = mod[0]
        if not hasattr(inner, "qconfig"):
            inner.qconfig = mod.qconfig
        return inner
    return mod


def _of_both(mod: Any) -> tuple[Parameter, Parameter]:
    bn = mod.bn
    return fuse_linear_bn_weights(mod.weight, mod.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias)


class LinearReLU(Linear):
    """The positive part of a linear map of integers."""

    _FLOAT_MODULE: Any = (nni.LinearReLU,)

    def __init__(self, in_features: int, out_features: int, bias: bool = True, dtype: dtype = dtypes.qint8) -> None:
        super().__init__(in_features, out_features, bias, dtype)

    def _get_name(self) -> str:
        return "QuantizedLinearReLU"

    def forward(self, x: Tensor) -> Tensor:
        return self._packed_params._packed_params(x, self.scale, self.zero_point, True)


class LinearLeakyReLU(Linear):
    """A linear map of integers, of which negative results are made smaller."""

    _FLOAT_MODULE: Any = (nni.LinearLeakyReLU,)

    def __init__(
        self, in_features: int, out_features: int, negative_slope: float, bias: bool = True, dtype: dtype = dtypes.qint8
    ) -> None:
        super().__init__(in_features, out_features, bias, dtype)
        self.negative_slope = negative_slope

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> LinearLeakyReLU:
        """The quantized layer of one that was observed. Raises AssertionError for one of another kind."""
        slope = mod[1].negative_slope if type(mod) in cls._FLOAT_MODULE else 0.01
        made: Any = cls._of(mod, use_precomputed_fake_quant, slope)
        return made

    def _get_name(self) -> str:
        return "QuantizedLinearLeakyReLU"

    def forward(self, x: Tensor) -> Tensor:
        return functions.find("linear_leaky_relu")(
            x, self._packed_params._packed_params, self.scale, self.zero_point, self.negative_slope
        )


class LinearTanh(Linear):
    """The hyperbolic tangent of a linear map of integers."""

    _FLOAT_MODULE: Any = (nni.LinearTanh,)

    def __init__(self, in_features: int, out_features: int, bias: bool = True, dtype: dtype = dtypes.qint8) -> None:
        super().__init__(in_features, out_features, bias, dtype)

    def _get_name(self) -> str:
        return "QuantizedLinearTanh"

    def forward(self, x: Tensor) -> Tensor:
        return functions.find("linear_tanh")(x, self._packed_params._packed_params, self.scale, self.zero_point)


__all__ = ["Linear", "LinearLeakyReLU", "LinearPackedParams", "LinearReLU", "LinearTanh"]
