"""What quantized layers have in common: a weight of integers, and a scale and a zero point for the result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ....base import dtypes
from ....eager import Tensor
from ....eager import operators as ops
from ....nn import Module
from ....quantized.creation import quantize_per_channel, quantize_per_tensor
from ....quantized.scheme import (
    per_channel_affine,
    per_channel_affine_float_qparams,
    per_channel_symmetric,
    per_tensor_affine,
    per_tensor_symmetric,
)


def quantize_weight(weight: Tensor, observer: Any) -> Any:
    """A weight as the integers that an observer, which has seen it, chooses. Raises ValueError for other schemes."""
    scale, zero_point = observer.calculate_qparams()
    weight, scheme = weight.detach().float(), observer.qscheme
    if scheme in (per_tensor_symmetric, per_tensor_affine):
        return quantize_per_tensor(weight, float(scale), int(zero_point), dtypes.qint8)
    if scheme in (per_channel_symmetric, per_channel_affine):
        return quantize_per_channel(
            weight, scale.to(dtypes.float64), zero_point.to(dtypes.int64), observer.ch_axis, dtypes.qint8
        )
    if scheme is per_channel_affine_float_qparams:
        return quantize_per_channel(weight, scale.float(), zero_point.float(), observer.ch_axis, observer.dtype)
    raise ValueError(f"Unexpected qscheme {scheme}")


def observed(mod: Module, weight: Tensor, precomputed: bool = False) -> Any:
    """The observer of a module's weight, which has seen it: that of faked quantization where there is one."""
    observer = getattr(mod, "weight_fake_quant", None)
    if observer is None:
        observer = mod.qconfig.weight()
    if not precomputed:
        observer(weight)
    return observer


def result_parameters(observer: Any) -> tuple[float, int]:
    """The scale and the zero point that an observer of results chooses; 1 and 0 where there is none for integers."""
    if observer is None or observer.dtype is dtypes.float32:
        return 1.0, 0
    scale, zero_point = observer.calculate_qparams()
    return float(scale), int(zero_point)


def require_float(cls: Any, mod: Module, kinds: tuple[type, ...]) -> None:
    """Raises AssertionError for a module that a quantized one is not made of."""
    if type(mod) not in kinds:
        names = ", ".join(kind.__name__ for kind in kinds)
        raise AssertionError(f"nnq.{cls.__name__}.from_float only works for {names}, but got: {type(mod).__name__}")
    assert hasattr(mod, "qconfig"), "Input float module must have qconfig defined"


class WeightedQuantizedModule(ABC, Module):
    """The base class of layers with a quantized weight."""

    scale: float
    zero_point: int

    @classmethod
    @abstractmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The quantized layer of another one that was observed."""

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        self._save_weight(destination, prefix)
        destination[f"{prefix}scale"] = ops.tensor(self.scale)
        destination[f"{prefix}zero_point"] = ops.tensor(self.zero_point)

    def _save_weight(self, destination: Any, prefix: str) -> None:
        """Saves the weight, where it is no state of a module within."""

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing: list[str], *rest: Any
    ) -> None:
        self._load_weight(state_dict, prefix, missing)
        for name, kind in (("scale", float), ("zero_point", int)):
            if prefix + name in state_dict:
                setattr(self, name, kind(state_dict.pop(prefix + name)))
            else:
                missing.append(prefix + name)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, False, missing, *rest)

    def _load_weight(self, state_dict: Any, prefix: str, missing: list[str]) -> None:
        """Loads the weight, where it is no state of a module within."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        made = type(self).__new__(type(self))
        Module.__init__(made)
        memo[id(self)] = made
        made.__setstate__(self.__getstate__())
        return made


__all__ = [
    "WeightedQuantizedModule", "observed", "quantize_weight", "require_float", "result_parameters",
]  # fmt: skip
