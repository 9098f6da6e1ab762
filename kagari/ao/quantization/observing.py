"""Observers of ranges: modules that give their input back, and note the smallest and the largest number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ...base import dtypes
from ...eager import Tensor
from ...eager import operators as ops
from ...nn import Module
from ...quantized.scheme import (
    per_channel_affine,
    per_channel_affine_float_qparams,
    per_channel_symmetric,
    per_tensor_affine,
    per_tensor_symmetric,
    qscheme,
)
from .partial import with_args, with_callable_args
from .utils import calculate_qmin_qmax, check_min_max_valid, is_per_channel, is_per_tensor, validate_qmin_qmax

EPS = 1.1920928955078125e-07
"""The smallest scale: the distance of 1 to the next larger float32."""
_OBSERVED = (
    dtypes.qint8, dtypes.quint8, dtypes.quint4x2, dtypes.qint32, dtypes.int8, dtypes.uint8, dtypes.int16, dtypes.int32,
    dtypes.float8_e5m2, dtypes.float8_e4m3fn, dtypes.uint16,
)  # fmt: skip
QParams = tuple[Tensor, Tensor]


class ObserverBase(ABC, Module):
    """The base class of observers. A subclass has a `forward` that notes what it sees and gives it back, and
    `calculate_qparams`, which gives a scale and a zero point for it.

    Args:
        dtype: what type the observed tensors are to be quantized to.
        is_dynamic: whether that is to be done anew in each call.
    """

    with_args = classmethod(with_args)
    with_callable_args = classmethod(with_callable_args)

    def __init__(self, dtype: Any, is_dynamic: bool = False) -> None:
        super().__init__()
        self.dtype = dtype
        self.is_dynamic = is_dynamic

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Notes what it sees."""

    @abstractmethod
    def calculate_qparams(self) -> Any:
        """The scale and the zero point."""


class UniformQuantizationObserverBase(ObserverBase):
    r"""The base class of observers that choose a scale :math:`s` and a zero point :math:`z` for a range of numbers
    :math:`[x_\min, x_\max]`, widened to hold 0, and one of integers :math:`[q_\min, q_\max]`.

    .. math::
        s = \frac{x_\max - x_\min}{q_\max - q_\min}, \quad z = q_\min - \text{round}(x_\min / s)

    and for symmetric schemes :math:`s = 2 \max(|x_\min|, x_\max) / (q_\max - q_\min)` with the middle of the integers
    as :math:`z`.

    Args:
        dtype, qscheme: what the tensors are to be quantized to. Default: ``quint8``, ``per_tensor_affine``
        reduce_range: whether one bit less is used.
        quant_min, quant_max: the integers; those of the type if not given.
        factory_kwargs: the device and dtype of the buffers.
        eps: the smallest scale.

    Raises AssertionError for integers without 0, and for a type that is none of integers.
    """

    eps: Tensor
    min_val: Tensor
    max_val: Tensor

    def __init__(
        self,
        dtype: Any = dtypes.quint8,
        qscheme: qscheme = per_tensor_affine,
        reduce_range: bool = False,
        quant_min: int | None = None,
        quant_max: int | None = None,
        factory_kwargs: dict[str, Any] | None = None,
        eps: float = EPS,
        is_dynamic: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, is_dynamic=is_dynamic, **kwargs)
        self.qscheme = qscheme
        self.reduce_range = reduce_range
        self.register_buffer("eps", ops.tensor([eps], **(factory_kwargs or {})))
        assert is_per_tensor(qscheme) or is_per_channel(qscheme), (
            "Default Observer only works for per_tensor_affine, per_tensor_symmetric, per_channel_affine, "
            "per_channel_symmetric and per_channel_float_qparams quantization scheme"
        )
        assert dtype in _OBSERVED, f"Default Observer only works for {_OBSERVED} data type"
        self.has_customized_qrange = quant_min is not None and quant_max is not None
        if quant_min is not None and quant_max is not None:
            validate_qmin_qmax(quant_min, quant_max)
        self.quant_min, self.quant_max = calculate_qmin_qmax(
            quant_min, quant_max, self.has_customized_qrange, dtype, reduce_range
        )

    def _calculate_qparams(self, min_val: Tensor, max_val: Tensor) -> QParams:
        if not check_min_max_valid(min_val, max_val):
            return ops.tensor([1.0]), ops.tensor([0])
        low, high, steps = min_val.clamp(max=0), max_val.clamp(min=0), float(self.quant_max - self.quant_min)
        if self.qscheme in (per_tensor_symmetric, per_channel_symmetric):
            scale = ops.maximum(ops.maximum(-low, high) / (steps / 2), self.eps)
            return scale, ops.full(tuple(scale.shape), self._middle(), dtype=dtypes.int64)
        if self.qscheme is per_channel_affine_float_qparams:
            scale = (max_val - min_val) / steps
            scale = ops.where(scale > self.eps, scale, ops.ones_like(scale))
            return scale, -1 * min_val / scale
        scale = ops.maximum((high - low) / steps, self.eps)
        zero_point = self.quant_min - (low / scale).round().to(dtypes.int32)
        return scale, zero_point.clamp(self.quant_min, self.quant_max)

    def _middle(self) -> int:
        """The zero point of symmetric schemes."""
        if self.dtype not in (dtypes.quint8, dtypes.uint8):
            return (1 << 15) if self.dtype is dtypes.uint16 else 0
        return (self.quant_min + self.quant_max) // 2 if self.has_customized_qrange else 128

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any) -> None:
        if (local_metadata or {}).get("version") in (None, 1):  # files of before eps was kept
            state_dict.setdefault(f"{prefix}eps", ops.tensor([EPS]))
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    _version = 3

    def reset_min_max_vals(self) -> None:
        """Forgets what was seen. Raises NotImplementedError where a subclass does not say how."""
        raise NotImplementedError("Cannot reset min/max values in the given observer.")


def require_per_tensor(name: str, scheme: qscheme, before: int = 0, between: int = 20, more: str = "") -> None:
    """Raises NotImplementedError for a scheme with a scale for each channel, in the spacing of PyTorch's messages."""
    if not is_per_tensor(scheme):
        raise NotImplementedError(
            f"{name}'s qscheme only support {' ' * before}torch.per_tensor_symmetric {' ' * between}and "
            f"torch.per_tensor_affine.{more}"
        )


class MinMaxObserver(UniformQuantizationObserverBase):
    """Notes the smallest and the largest number of all that it sees. The arguments are those of
    :class:`UniformQuantizationObserverBase`; raises NotImplementedError for schemes with a scale for each channel.

    >>> import kagari as torch
    >>> observer = torch.ao.quantization.MinMaxObserver()
    >>> _ = observer(torch.tensor([-1.0, 4.1]))
    >>> observer.calculate_qparams()
    (tensor([0.0200]), tensor([50], dtype=torch.int32))
    """

    def __init__(
        self,
        dtype: Any = dtypes.quint8,
        qscheme: qscheme = per_tensor_affine,
        reduce_range: bool = False,
        quant_min: int | None = None,
        quant_max: int | None = None,
        factory_kwargs: dict[str, Any] | None = None,
        eps: float = EPS,
        is_dynamic: bool = False,
        **kwargs: Any,
    ) -> None:
        require_per_tensor("MinMaxObserver", qscheme)
        super().__init__(
            dtype=dtype, qscheme=qscheme, reduce_range=reduce_range, quant_min=quant_min, quant_max=quant_max,
            factory_kwargs=factory_kwargs, eps=eps, is_dynamic=is_dynamic, **kwargs,
        )  # fmt: skip
        self.register_buffer("min_val", ops.tensor(float("inf"), **(factory_kwargs or {})))
        self.register_buffer("max_val", ops.tensor(float("-inf"), **(factory_kwargs or {})))

    def forward(self, x_orig: Tensor) -> Tensor:
        if x_orig.numel():
            low, high = ops.aminmax(x_orig.detach().to(self.min_val.dtype))
            self.min_val.copy_(ops.minimum(low, self.min_val))
            self.max_val.copy_(ops.maximum(high, self.max_val))
        return x_orig

    def calculate_qparams(self) -> QParams:
        """The scale and the zero point for the range that was seen; 1 and 0, with a warning, where nothing was."""
        return self._calculate_qparams(self.min_val, self.max_val)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}"

    def reset_min_max_vals(self) -> None:
        """Forgets what was seen."""
        self.min_val.copy_(ops.tensor(float("inf")))
        self.max_val.copy_(ops.tensor(float("-inf")))


class MovingAverageMinMaxObserver(MinMaxObserver):
    r"""Notes averages of the smallest and of the largest numbers, :math:`x \leftarrow (1 - c) x + c x_\text{new}`.

    Args:
        averaging_constant: :math:`c`. Default: 0.01

    The others are those of :class:`MinMaxObserver`.
    """

    def __init__(
        self,
        averaging_constant: float = 0.01,
        dtype: Any = dtypes.quint8,
        qscheme: qscheme = per_tensor_affine,
        reduce_range: bool = False,
        quant_min: int | None = None,
        quant_max: int | None = None,
        eps: float = EPS,
        is_dynamic: bool = False,
        **kwargs: Any,
    ) -> None:
        require_per_tensor("MovingAverageMinMaxObserver", qscheme, 16, 0, f"{' ' * 17}but got: {qscheme}")
        self.averaging_constant = averaging_constant
        if is_dynamic and self.averaging_constant != 1:
            raise NotImplementedError(
                "MovingAverageMinMaxObserver doesn't support dynamic quantization for averaging constant of "
                f"{self.averaging_constant}"
            )
        super().__init__(
            dtype=dtype, qscheme=qscheme, reduce_range=reduce_range, quant_min=quant_min, quant_max=quant_max, eps=eps,
            is_dynamic=is_dynamic, **kwargs,
        )  # fmt: skip
        self.averaging_constant = averaging_constant

    def forward(self, x_orig: Tensor) -> Tensor:
        if x_orig.numel():
            low, high = ops.aminmax(x_orig.detach().to(self.min_val.dtype))
            if self.min_val != float("inf") or self.max_val != float("-inf"):
                low = self.min_val + self.averaging_constant * (low - self.min_val)
                high = self.max_val + self.averaging_constant * (high - self.max_val)
            self.min_val.copy_(low)
            self.max_val.copy_(high)
        return x_orig


class PerChannelMinMaxObserver(UniformQuantizationObserverBase):
    """Notes the smallest and the largest number of each channel.

    Args:
        ch_axis: the dimension of the channels. Default: 0

    The others are those of :class:`UniformQuantizationObserverBase`; raises NotImplementedError for schemes with one
    scale for all channels.
    """

    def __init__(
        self,
        ch_axis: int = 0,
        dtype: Any = dtypes.quint8,
        qscheme: qscheme = per_channel_affine,
        reduce_range: bool = False,
        quant_min: int | None = None,
        quant_max: int | None = None,
        factory_kwargs: dict[str, Any] | None = None,
        eps: float = EPS,
        is_dynamic: bool = False,
        **kwargs: Any,
    ) -> None:
        if not is_per_channel(qscheme):
            raise NotImplementedError(
                f"PerChannelMinMaxObserver's qscheme only support {' ' * 20}torch.per_channel_symmetric, "
                "torch.per_channel_affine and torch.per_channel_affine_float_qparams."
            )
        if is_dynamic:
            raise NotImplementedError("PerChannelMinMaxObserver doesn't support dynamic quantization")
        super().__init__(
            dtype=dtype, qscheme=qscheme, reduce_range=reduce_range, quant_min=quant_min, quant_max=quant_max,
            factory_kwargs=factory_kwargs, eps=eps, is_dynamic=is_dynamic, **kwargs,
        )  # fmt: skip
        self.ch_axis = ch_axis
        self.register_buffer("min_val", ops.tensor([], **(factory_kwargs or {})))
        self.register_buffer("max_val", ops.tensor([], **(factory_kwargs or {})))

    def _range(self, x: Tensor) -> QParams:
        """The smallest and the largest number of each channel."""
        rows = x.detach().to(self.min_val.dtype).movedim(self.ch_axis, 0).flatten(1)
        return rows.amin(1), rows.amax(1)

    def forward(self, x_orig: Tensor) -> Tensor:
        if x_orig.numel():
            low, high = self._range(x_orig if x_orig.ndim > 1 else x_orig.reshape(-1, 1))
            if self.min_val.numel() and self.max_val.numel():
                low, high = self._merged(low, high)
            self.min_val.resize_(low.shape).copy_(low)
            self.max_val.resize_(high.shape).copy_(high)
        return x_orig

    def _merged(self, low: Tensor, high: Tensor) -> QParams:
        """A new range joined with the one of before."""
        return ops.minimum(low, self.min_val), ops.maximum(high, self.max_val)

    def calculate_qparams(self) -> QParams:
        """The scales and the zero points of the channels."""
        return self._calculate_qparams(self.min_val, self.max_val)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}"

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        for name in ("min_val", "max_val"):  # of as many channels as the file has
            given = state_dict.get(prefix + name)
            if given is not None:
                getattr(self, name).resize_(given.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def reset_min_max_vals(self) -> None:
        """Forgets what was seen."""
        self.min_val, self.max_val = ops.empty(0), ops.empty(0)


class MovingAveragePerChannelMinMaxObserver(PerChannelMinMaxObserver):
    """Notes averages of the smallest and of the largest number of each channel: :class:`PerChannelMinMaxObserver` as
    :class:`MovingAverageMinMaxObserver` is to :class:`MinMaxObserver`.
    """

    def __init__(
        self,
        averaging_constant: float = 0.01,
        ch_axis: int = 0,
        dtype: Any = dtypes.quint8,
        qscheme: qscheme = per_channel_affine,
        reduce_range: bool = False,
        quant_min: int | None = None,
        quant_max: int | None = None,
        eps: float = EPS,
        is_dynamic: bool = False,
        **kwargs: Any,
    ) -> None:
        if is_dynamic:
            raise NotImplementedError("MovingAveragePerChannelMinMaxObserver doesn't support dynamic quantization")
        super().__init__(
            ch_axis=ch_axis, dtype=dtype, qscheme=qscheme, reduce_range=reduce_range, quant_min=quant_min,
            quant_max=quant_max, eps=eps, is_dynamic=is_dynamic, **kwargs,
        )  # fmt: skip
        self.averaging_constant = averaging_constant

    def _merged(self, low: Tensor, high: Tensor) -> QParams:
        c = self.averaging_constant
        return self.min_val + c * (low - self.min_val), self.max_val + c * (high - self.max_val)


__all__ = [
    "EPS", "MinMaxObserver", "MovingAverageMinMaxObserver", "MovingAveragePerChannelMinMaxObserver", "ObserverBase",
    "PerChannelMinMaxObserver", "QParams", "UniformQuantizationObserverBase", "require_per_tensor",
]  # fmt: skip
