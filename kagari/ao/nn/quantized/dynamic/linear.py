"""Linear maps that quantize their inputs in each call."""

from __future__ import annotations

from typing import Any

from .....base import dtypes
from .....base.dtypes import dtype
from .....eager import Tensor
from ... import fused as nni
from ...qat import fused as nniqat
from ...qat import layers as nnqat
from .. import linear as nnq
from ..base import quantize_weight


class Linear(nnq.Linear):
    r"""A linear map of a float32 tensor, which is quantized for it, with a quantized weight. The arguments are those of
    :class:`kagari.ao.nn.quantized.Linear`.

    >>> import kagari as torch
    >>> torch.ao.nn.quantized.dynamic.Linear(20, 30)(torch.randn(128, 20)).shape
    torch.Size([128, 30])
    """

    _version = 4
    _relu = False
    _OF: tuple[type, ...] = (*nnq.Linear._FLOAT_MODULE, nnqat.Linear, nniqat.LinearReLU, nni.LinearReLU)

    def __init__(self, in_features: int, out_features: int, bias_: bool = True, dtype: dtype = dtypes.qint8) -> None:
        super().__init__(in_features, out_features, bias_, dtype)
        self.version = 4

    def _get_name(self) -> str:
        return "DynamicQuantizedLinear"

    def extra_repr(self) -> str:
        parts = [f"in_features={self.in_features}", f"out_features={self.out_features}",
                 f"dtype={self._packed_params.dtype}"]  # fmt: skip
        if self._packed_params.dtype is dtypes.qint8:
            parts.append(f"qscheme={self.weight().qscheme()}")
        return ", ".join(parts)

    def forward(self, x: Tensor) -> Tensor:
        return self._packed_params._packed_params.dynamic(x, True, self._relu)

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The quantized layer of a float one, whose `qconfig` says how its weight is quantized. Raises AssertionError
        for one of another kind, RuntimeError for another dtype.
        """
        if type(mod) not in cls._OF:
            names = [kind.__name__ for kind in cls._OF]
            raise AssertionError(f"nn.quantized.dynamic.Linear.from_float only works for one of {names}")
        assert hasattr(mod, "qconfig"), "Input float module must have qconfig defined"
        observer = mod.qconfig.weight()
        if type(mod) is nni.LinearReLU:
            mod = mod[0]
        observer(mod.weight)
        if observer.dtype is dtypes.qint8:
            weight = quantize_weight(mod.weight, observer)
        elif observer.dtype is dtypes.float16:
            weight = mod.weight.detach().float()
        else:
            raise RuntimeError("Unsupported dtype specified for dynamic quantized Linear!")
        made = cls(mod.in_features, mod.out_features, dtype=observer.dtype)
        made.set_weight_bias(weight, mod.bias)
        return made

    @classmethod
    def from_reference(cls, ref_qlinear: Any, *unused: Any) -> Any:
        """The quantized layer of a float one that says how its weight is quantized."""
        made = cls(ref_qlinear.in_features, ref_qlinear.out_features, dtype=ref_qlinear.weight_dtype)
        made.set_weight_bias(ref_qlinear.get_quantized_weight(), ref_qlinear.bias)
        return made


class LinearReLU(Linear):
    """The positive part of a linear map of a float32 tensor, which is quantized for it."""

    _relu = True
    _OF = (nni.LinearReLU, nniqat.LinearReLU)

    def __init__(self, in_features: int, out_features: int, bias: bool = True, dtype: dtype = dtypes.qint8) -> None:
        super().__init__(in_features, out_features, bias, dtype)

    def _get_name(self) -> str:
        return "DynamicQuantizedLinearReLU"


__all__ = ["Linear", "LinearReLU"]
