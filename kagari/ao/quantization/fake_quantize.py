"""Modules that fake quantization: training sees the error that quantizing will make, and gradients pass through it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ...base import dtypes
from ...eager import Tensor
from ...eager import operators as ops
from ...nn import Module
from ...quantized.fake import (
    fake_quantize_per_channel_affine,
    fake_quantize_per_tensor_affine,
    fused_moving_avg_obs_fake_quant,
)
from ...quantized.scheme import (
    per_channel_affine_float_qparams,
    per_channel_symmetric,
    per_tensor_affine,
    per_tensor_symmetric,
)
from .observer import (
    FixedQParamsObserver,
    HistogramObserver,
    MovingAverageMinMaxObserver,
    MovingAveragePerChannelMinMaxObserver,
    default_fixed_qparams_range_0to1_observer,
    default_fixed_qparams_range_neg1to1_observer,
)
from .partial import _PartialWrapper, with_args
from .utils import is_per_channel, is_per_tensor

_ANY_SCALE = (per_channel_affine_float_qparams,)


class FakeQuantizeBase(ABC, Module):
    """The base class of modules that fake quantization: two switches, for observing and for quantizing."""

    fake_quant_enabled: Tensor
    observer_enabled: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("fake_quant_enabled", ops.tensor([1], dtype=dtypes.uint8))
        self.register_buffer("observer_enabled", ops.tensor([1], dtype=dtypes.uint8))

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """The input as it would be after quantizing."""

    @abstractmethod
    def calculate_qparams(self) -> Any:
        """The scale and the zero point."""

    def enable_fake_quant(self, enabled: bool = True) -> None:
        """Switches quantizing on, or off."""
        self.fake_quant_enabled[0] = 1 if enabled else 0

    def disable_fake_quant(self) -> None:
        """Switches quantizing off."""
        self.enable_fake_quant(False)

    def enable_observer(self, enabled: bool = True) -> None:
        """Switches observing on, or off."""
        self.observer_enabled[0] = 1 if enabled else 0

    def disable_observer(self) -> None:
        """Switches observing off."""
        self.enable_observer(False)

    with_args = classmethod(with_args)


class FakeQuantize(FakeQuantizeBase):
    r"""Observes its input, chooses a scale :math:`s` and a zero point :math:`z` for it, and gives what quantizing
    would: :math:`(\text{clamp}(\text{round}(x / s) + z, q_\min, q_\max) - z) s`.

    Args:
        observer: the class of the observer, which is made with the further arguments.
        quant_min, quant_max: the integers; those of the observer if not given.
        is_dynamic: whether scale and zero point are chosen anew in each call.

    Raises AssertionError for integers that the type does not hold.

    >>> import kagari as torch
    >>> fake = torch.ao.quantization.FakeQuantize(quant_min=0, quant_max=15)
    >>> fake(torch.tensor([0.0, 0.22, 1.5]))
    tensor([0.0000, 0.2000, 1.5000])
    """

    scale: Tensor
    zero_point: Tensor

    def __init__(
        self,
        observer: Any = MovingAverageMinMaxObserver,
        quant_min: int | None = None,
        quant_max: int | None = None,
        is_dynamic: bool = False,
        **observer_kwargs: Any,
    ) -> None:
        super().__init__()
        if quant_min is not None and quant_max is not None:
            assert quant_min <= quant_max, "quant_min must be less than or equal to quant_max"
            observer_kwargs = {**_checked(observer, quant_min, quant_max, observer_kwargs), "is_dynamic": is_dynamic}
        self.is_dynamic = is_dynamic
        self.activation_post_process: Any = observer(**observer_kwargs)
        self.quant_min: int = self.activation_post_process.quant_min
        self.quant_max: int = self.activation_post_process.quant_max
        floats = self.activation_post_process.qscheme in _ANY_SCALE
        self.register_buffer("scale", ops.tensor([1.0], dtype=dtypes.float32))
        self.register_buffer("zero_point", ops.tensor([0], dtype=dtypes.float32 if floats else dtypes.int32))
        self.dtype = self.activation_post_process.dtype
        self.qscheme = self.activation_post_process.qscheme
        self.ch_axis: int = getattr(self.activation_post_process, "ch_axis", -1)
        assert is_per_channel(self.qscheme) or is_per_tensor(self.qscheme), (
            "Only per channel and per tensor quantization are supported in fake quantize got qscheme: "
            + str(self.qscheme)
        )
        self.is_per_channel = is_per_channel(self.qscheme)

    def calculate_qparams(self) -> Any:
        """The scale and the zero point for what was observed."""
        return self.activation_post_process.calculate_qparams()

    def forward(self, X: Tensor) -> Tensor:
        if self.observer_enabled[0] == 1:
            self.activation_post_process(X.detach())
            for kept, new in zip((self.scale, self.zero_point), self.calculate_qparams()):
                if kept.shape != new.shape:
                    kept.resize_(new.shape)
                kept.copy_(new)
        if self.fake_quant_enabled[0] == 1:
            if self.is_per_channel:
                return fake_quantize_per_channel_affine(
                    X, self.scale, self.zero_point, self.ch_axis, self.quant_min, self.quant_max
                )
            return fake_quantize_per_tensor_affine(X, self.scale, self.zero_point, self.quant_min, self.quant_max)
        return X

    def extra_repr(self) -> str:
        return (
            f"fake_quant_enabled={self.fake_quant_enabled}, observer_enabled={self.observer_enabled}, "
            f"quant_min={self.activation_post_process.quant_min}, quant_max={self.activation_post_process.quant_max}, "
            f"dtype={self.dtype}, qscheme={self.qscheme}, ch_axis={self.ch_axis}, scale={self.scale}, "
            f"zero_point={self.zero_point}"
        )

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        for name in ("scale", "zero_point"):
            given = state_dict.get(prefix + name)
            if given is not None:
                getattr(self, name).resize_(given.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _checked(observer: Any, quant_min: int, quant_max: int, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of an observer with its integers. Raises AssertionError for such as the type does not hold."""
    dt = given.get("dtype", dtypes.quint8)
    if isinstance(observer, _PartialWrapper):
        dt = observer.p.keywords.get("dtype", dt)
    integers = dtypes.QUANTIZED.get(dt, dtypes.uint8 if dt is dtypes.quint4x2 else dt)
    info = ops.iinfo(integers)
    assert info.min <= quant_min, "quant_min out of bound"
    assert quant_max <= info.max, "quant_max out of bound"
    return {**given, "quant_min": quant_min, "quant_max": quant_max}


class FixedQParamsFakeQuantize(FakeQuantize):
    """Fakes quantization with a scale and a zero point that are given, by a :class:`FixedQParamsObserver`."""

    def __init__(self, observer: Any) -> None:
        super().__init__(observer=observer)
        assert type(self.activation_post_process) is FixedQParamsObserver, (
            f"{type(self).__name__}'s observer must be a {FixedQParamsObserver.__name__}"
        )
        self.scale, self.zero_point = self.activation_post_process.scale, self.activation_post_process.zero_point
        assert is_per_tensor(self.qscheme), (
            "Only per tensor quantization is supported FixedQParamsFakeQuantize module, got qscheme:"
            + str(self.qscheme)
        )

    def calculate_qparams(self) -> Any:
        """The scale and the zero point that were given."""
        return self.scale, self.zero_point

    def extra_repr(self) -> str:
        return (
            f"fake_quant_enabled={self.fake_quant_enabled}, observer_enabled={self.observer_enabled}, "
            f"scale={self.scale}, zero_point={self.zero_point}, dtype={self.dtype}, "
            f"quant_min={self.activation_post_process.quant_min}, quant_max={self.activation_post_process.quant_max}, "
            f"qscheme={self.qscheme}"
        )


class FusedMovingAvgObsFakeQuantize(FakeQuantize):
    """:class:`FakeQuantize` with averages of the smallest and the largest number, in one call
    (:func:`~kagari.fused_moving_avg_obs_fake_quant`).
    """

    def __init__(
        self,
        observer: Any = MovingAverageMinMaxObserver,
        quant_min: int = 0,
        quant_max: int = 255,
        **observer_kwargs: Any,
    ) -> None:
        super().__init__(observer, quant_min, quant_max, **observer_kwargs)
        assert isinstance(
            self.activation_post_process, MovingAverageMinMaxObserver | MovingAveragePerChannelMinMaxObserver
        ), "Fused observer+fake_quant module only works with MovingAverageMinMaxObserver"
        self.register_buffer("fake_quant_enabled", ops.tensor([1], dtype=dtypes.int64))
        self.register_buffer("observer_enabled", ops.tensor([1], dtype=dtypes.int64))
        self.is_symmetric_quant = self.activation_post_process.qscheme in (per_tensor_symmetric, per_channel_symmetric)

    def calculate_qparams(self) -> Any:
        """The scale and the zero point for what was observed."""
        return self.activation_post_process.calculate_qparams()

    def extra_repr(self) -> str:
        return (
            f"fake_quant_enabled={self.fake_quant_enabled}, observer_enabled={self.observer_enabled}, "
            f"scale={self.scale}, zero_point={self.zero_point}, dtype={self.dtype}, "
            f"quant_min={self.activation_post_process.quant_min}, quant_max={self.activation_post_process.quant_max}, "
            f"qscheme={self.qscheme}, reduce_range={self.activation_post_process.reduce_range}"
        )

    def forward(self, X: Tensor) -> Tensor:
        observer = self.activation_post_process
        return fused_moving_avg_obs_fake_quant(
            X, self.observer_enabled, self.fake_quant_enabled, observer.min_val, observer.max_val, self.scale,
            self.zero_point, observer.averaging_constant, observer.quant_min, observer.quant_max, self.ch_axis,
            self.is_per_channel, self.is_symmetric_quant,
        )  # fmt: skip


def _switch(method: str, doc: str) -> Any:
    def switch(mod: Any) -> None:
        if isinstance(mod, FakeQuantizeBase):
            getattr(mod, method)()

    switch.__name__ = switch.__qualname__ = method
    switch.__doc__ = f"{doc} in a module that fakes quantization: `model.apply({method})`."
    return switch


disable_fake_quant = _switch("disable_fake_quant", "Switches quantizing off")
enable_fake_quant = _switch("enable_fake_quant", "Switches quantizing on")
disable_observer = _switch("disable_observer", "Switches observing off")
enable_observer = _switch("enable_observer", "Switches observing on")


def _averaging(dtype: Any, quant_min: int, quant_max: int, **more: Any) -> _PartialWrapper:
    return FakeQuantize.with_args(
        observer=MovingAverageMinMaxObserver, quant_min=quant_min, quant_max=quant_max, dtype=dtype, **more
    )


default_fake_quant = _averaging(dtypes.quint8, 0, 255, qscheme=per_tensor_affine, reduce_range=True)
default_weight_fake_quant = _averaging(dtypes.qint8, -128, 127, qscheme=per_tensor_symmetric, reduce_range=False)
default_dynamic_fake_quant = FakeQuantize.with_args(
    observer=MovingAverageMinMaxObserver, quant_min=0, quant_max=255, is_dynamic=True, dtype=dtypes.quint8,
    averaging_constant=1,
)  # fmt: skip
default_fixed_qparams_range_neg1to1_fake_quant = FixedQParamsFakeQuantize.with_args(
    observer=default_fixed_qparams_range_neg1to1_observer
)
default_fixed_qparams_range_0to1_fake_quant = FixedQParamsFakeQuantize.with_args(
    observer=default_fixed_qparams_range_0to1_observer
)
default_symmetric_fixed_qparams_fake_quant = default_fixed_qparams_range_neg1to1_fake_quant
default_affine_fixed_qparams_fake_quant = default_fixed_qparams_range_0to1_fake_quant
default_per_channel_weight_fake_quant = FakeQuantize.with_args(
    observer=MovingAveragePerChannelMinMaxObserver, quant_min=-128, quant_max=127, dtype=dtypes.qint8,
    qscheme=per_channel_symmetric, reduce_range=False, ch_axis=0,
)  # fmt: skip
default_embedding_fake_quant = FakeQuantize.with_args(
    observer=MovingAveragePerChannelMinMaxObserver, qscheme=per_channel_affine_float_qparams, dtype=dtypes.quint8,
    quant_min=0, quant_max=255, ch_axis=0, averaging_constant=1,
)  # fmt: skip
default_embedding_fake_quant_4bit = FakeQuantize.with_args(
    observer=MovingAveragePerChannelMinMaxObserver, qscheme=per_channel_affine_float_qparams, ch_axis=0,
    dtype=dtypes.quint4x2, averaging_constant=1,
)  # fmt: skip
default_histogram_fake_quant = FakeQuantize.with_args(
    observer=HistogramObserver, quant_min=0, quant_max=255, dtype=dtypes.quint8, qscheme=per_tensor_affine,
    reduce_range=True,
)  # fmt: skip
default_fused_act_fake_quant = FusedMovingAvgObsFakeQuantize.with_args(
    observer=MovingAverageMinMaxObserver, quant_min=0, quant_max=255, dtype=dtypes.quint8
)
default_fused_wt_fake_quant = FusedMovingAvgObsFakeQuantize.with_args(
    observer=MovingAverageMinMaxObserver, quant_min=-128, quant_max=127, dtype=dtypes.qint8,
    qscheme=per_tensor_symmetric,
)  # fmt: skip
default_fused_per_channel_wt_fake_quant = FusedMovingAvgObsFakeQuantize.with_args(
    observer=MovingAveragePerChannelMinMaxObserver, quant_min=-128, quant_max=127, dtype=dtypes.qint8,
    qscheme=per_channel_symmetric,
)  # fmt: skip
fused_wt_fake_quant_range_neg_127_to_127 = FusedMovingAvgObsFakeQuantize.with_args(
    observer=MovingAverageMinMaxObserver, quant_min=-127, quant_max=127, dtype=dtypes.qint8,
    qscheme=per_tensor_symmetric, eps=2**-12,
)  # fmt: skip
fused_per_channel_wt_fake_quant_range_neg_127_to_127 = FusedMovingAvgObsFakeQuantize.with_args(
    observer=MovingAveragePerChannelMinMaxObserver, quant_min=-127, quant_max=127, dtype=dtypes.qint8,
    qscheme=per_channel_symmetric, eps=2**-12,
)  # fmt: skip

__all__ = [
    "FakeQuantize", "FakeQuantizeBase", "FixedQParamsFakeQuantize", "FusedMovingAvgObsFakeQuantize",
    "default_affine_fixed_qparams_fake_quant", "default_dynamic_fake_quant", "default_embedding_fake_quant",
    "default_embedding_fake_quant_4bit", "default_fake_quant", "default_fixed_qparams_range_0to1_fake_quant",
    "default_fixed_qparams_range_neg1to1_fake_quant", "default_fused_act_fake_quant",
    "default_fused_per_channel_wt_fake_quant", "default_fused_wt_fake_quant", "default_histogram_fake_quant",
    "default_per_channel_weight_fake_quant", "default_symmetric_fixed_qparams_fake_quant", "default_weight_fake_quant",
    "disable_fake_quant", "disable_observer", "enable_fake_quant", "enable_observer",
    "fused_per_channel_wt_fake_quant_range_neg_127_to_127", "fused_wt_fake_quant_range_neg_127_to_127",
]  # fmt: skip
