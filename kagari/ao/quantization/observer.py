"""Observers: modules that give their input back, and note what a scale and a zero point are to be chosen for."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ...base import dtypes
from ...eager import Tensor
from ...eager import operators as ops
from ...nn import Module
from ...quantized.scheme import (
    per_channel_affine_float_qparams,
    per_channel_symmetric,
    per_tensor_affine,
    per_tensor_symmetric,
    qscheme,
)
from .histogram import HistogramObserver
from .observing import (
    EPS,
    MinMaxObserver,
    MovingAverageMinMaxObserver,
    MovingAveragePerChannelMinMaxObserver,
    ObserverBase,
    PerChannelMinMaxObserver,
    QParams,
    UniformQuantizationObserverBase,
)


class FixedQParamsObserver(ObserverBase):
    """Has a scale and a zero point that are given, whatever it sees.

    Args:
        scale, zero_point: what `calculate_qparams` gives.
        dtype, qscheme, quant_min, quant_max: what the tensors are to be quantized to.
    """

    scale: Tensor
    zero_point: Tensor

    def __init__(
        self,
        scale: float,
        zero_point: int,
        dtype: Any = dtypes.quint8,
        qscheme: qscheme = per_tensor_affine,
        quant_min: int = 0,
        quant_max: int = 255,
        is_dynamic: bool = False,
        **kwargs: Any,
    ) -> None:
        if is_dynamic:
            raise NotImplementedError("FixedQParamsObserver doesn't support dynamic quantization")
        super().__init__(dtype=dtype, is_dynamic=is_dynamic, **kwargs)
        self.quant_min, self.quant_max = quant_min, quant_max
        self.register_buffer("scale", ops.tensor([scale], dtype=dtypes.float32))
        self.register_buffer("zero_point", ops.tensor([zero_point], dtype=dtypes.int32))
        self.dtype, self.qscheme = dtype, qscheme

    def forward(self, X: Tensor) -> Tensor:
        return X

    def calculate_qparams(self) -> QParams:
        """The scale and the zero point that were given."""
        return self.scale, self.zero_point


class _Unobserving(ObserverBase):
    """An observer that notes nothing, and so has no scale."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    def calculate_qparams(self) -> Any:
        """Raises Exception: nothing is noted."""
        raise Exception(f"calculate_qparams should not be called for {type(self).__name__}")


class PlaceholderObserver(_Unobserving):
    """Says what type tensors are to be converted to, where no range need be known: float16, or dynamically.

    Args:
        dtype: the type. Default: ``float32``
        custom_op_name: an operator that does the quantizing.
        quant_min, quant_max, qscheme, eps, is_dynamic: how a tensor is quantized in each call.
    """

    def __init__(
        self,
        dtype: Any = dtypes.float32,
        custom_op_name: str = "",
        compute_dtype: Any = None,
        quant_min: int | None = None,
        quant_max: int | None = None,
        qscheme: qscheme | None = None,
        eps: float | None = None,
        is_dynamic: bool = False,
    ) -> None:
        super().__init__(dtype=dtype, is_dynamic=is_dynamic)
        self.qscheme = per_tensor_affine if qscheme is None else qscheme
        self.quant_min, self.quant_max = quant_min, quant_max
        self.eps = EPS if eps is None else eps
        self.custom_op = custom_op_name

    def extra_repr(self) -> str:
        return f"dtype={self.dtype}, is_dynamic={self.is_dynamic}"


class RecordingObserver(_Unobserving):
    """Keeps all tensors that it sees, for debugging.

    >>> import kagari as torch
    >>> observer = torch.ao.quantization.RecordingObserver()
    >>> _ = observer(torch.ones(2))
    >>> observer.get_tensor_value()
    [tensor([1., 1.])]
    """

    def __init__(self, dtype: Any = dtypes.quint8) -> None:
        super().__init__(dtype=dtype, is_dynamic=False)
        self.tensor_val: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.tensor_val.append(x.clone())
        return x

    def get_tensor_value(self) -> list[Tensor]:
        """What was seen."""
        return self.tensor_val


class NoopObserver(_Unobserving):
    """Says a type alone: nothing is to be quantized."""

    def __init__(self, dtype: Any = dtypes.float16, custom_op_name: str = "") -> None:
        super().__init__(dtype=dtype, is_dynamic=False)
        self.custom_op = custom_op_name


class ReuseInputObserver(_Unobserving):
    """Says that a result is quantized as the input is: of operators that only move elements."""

    def __init__(self) -> None:
        super().__init__(dtypes.quint8, is_dynamic=False)


def get_observer_state_dict(mod: Module) -> OrderedDict[str, Any]:
    """The entries of a module's state that belong to observers."""
    return OrderedDict((k, v) for k, v in mod.state_dict().items() if "activation_post_process" in k)


def load_observer_state_dict(mod: Module, obs_dict: dict[str, Any]) -> None:
    """Loads the entries that :func:`get_observer_state_dict` gave into a module that was prepared."""
    for key in mod.load_state_dict(obs_dict, strict=False).missing_keys:
        if "observer" in key or "activation_post_process" in key:
            raise Exception(f"Missing keys for observer {key} in state_dict")


def is_activation_post_process(module: Any) -> bool:
    """Whether a module observes, or fakes quantization."""
    return isinstance(module, ObserverBase) or hasattr(module, "fake_quant_enabled")


for _cls in (
    HistogramObserver, MinMaxObserver, MovingAverageMinMaxObserver, MovingAveragePerChannelMinMaxObserver, ObserverBase,
    PerChannelMinMaxObserver, UniformQuantizationObserverBase,
):  # fmt: skip
    _cls.__module__ = __name__  # where programs find it

default_observer = MinMaxObserver.with_args(quant_min=0, quant_max=127)
default_histogram_observer = HistogramObserver.with_args(quant_min=0, quant_max=127)
default_placeholder_observer = PlaceholderObserver
default_debug_observer = RecordingObserver
default_weight_observer = MinMaxObserver.with_args(dtype=dtypes.qint8, qscheme=per_tensor_symmetric)
weight_observer_range_neg_127_to_127 = MinMaxObserver.with_args(
    dtype=dtypes.qint8, qscheme=per_tensor_symmetric, quant_min=-127, quant_max=127, eps=2**-12
)
default_per_channel_weight_observer = PerChannelMinMaxObserver.with_args(
    dtype=dtypes.qint8, qscheme=per_channel_symmetric
)
per_channel_weight_observer_range_neg_127_to_127 = PerChannelMinMaxObserver.with_args(
    dtype=dtypes.qint8, qscheme=per_channel_symmetric, quant_min=-127, quant_max=127, eps=2**-12
)
default_dynamic_quant_observer = PlaceholderObserver.with_args(
    dtype=dtypes.quint8, quant_min=0, quant_max=255, is_dynamic=True
)
default_float_qparams_observer = PerChannelMinMaxObserver.with_args(
    dtype=dtypes.quint8, qscheme=per_channel_affine_float_qparams, ch_axis=0
)
default_float_qparams_observer_4bit = PerChannelMinMaxObserver.with_args(
    dtype=dtypes.quint4x2, qscheme=per_channel_affine_float_qparams, ch_axis=0
)
default_fixed_qparams_range_neg1to1_observer = FixedQParamsObserver.with_args(
    scale=2.0 / 256.0, zero_point=128, dtype=dtypes.quint8, quant_min=0, quant_max=255
)
default_fixed_qparams_range_0to1_observer = FixedQParamsObserver.with_args(
    scale=1.0 / 256.0, zero_point=0, dtype=dtypes.quint8, quant_min=0, quant_max=255
)
default_symmetric_fixed_qparams_observer = default_fixed_qparams_range_neg1to1_observer
default_affine_fixed_qparams_observer = default_fixed_qparams_range_0to1_observer
default_reuse_input_observer = ReuseInputObserver

__all__ = [
    "EPS", "FixedQParamsObserver", "HistogramObserver", "MinMaxObserver", "MovingAverageMinMaxObserver",
    "MovingAveragePerChannelMinMaxObserver", "NoopObserver", "ObserverBase", "PerChannelMinMaxObserver",
    "PlaceholderObserver", "RecordingObserver", "ReuseInputObserver", "UniformQuantizationObserverBase",
    "default_affine_fixed_qparams_observer", "default_debug_observer", "default_dynamic_quant_observer",
    "default_fixed_qparams_range_0to1_observer", "default_fixed_qparams_range_neg1to1_observer",
    "default_float_qparams_observer", "default_float_qparams_observer_4bit", "default_histogram_observer",
    "default_observer", "default_per_channel_weight_observer", "default_placeholder_observer",
    "default_reuse_input_observer", "default_symmetric_fixed_qparams_observer", "default_weight_observer",
    "get_observer_state_dict", "is_activation_post_process", "load_observer_state_dict",
    "per_channel_weight_observer_range_neg_127_to_127", "weight_observer_range_neg_127_to_127",
]  # fmt: skip
