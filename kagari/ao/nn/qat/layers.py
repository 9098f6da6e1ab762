"""Layers whose weights are fake quantized: what training that is aware of quantization trains."""

from __future__ import annotations

from typing import Any

from .... import nn
from ....eager import Tensor
from ....eager import operators as ops
from ....nn import functional as F
from ....nn.multihead_attention import NonDynamicallyQuantizableLinear
from .. import fused as nni


def require(cls: Any, mod: Any, kinds: Any) -> Any:
    """The configuration of a layer that one for training is made of. Raises AssertionError for another kind, and where
    there is none.
    """
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    if type(mod) not in kinds:
        raise AssertionError(
            f"qat.{cls.__name__}.from_float only works for {kinds[0].__name__}, got {type(mod).__name__}"
        )
    assert hasattr(mod, "qconfig"), "Input float module must have qconfig defined"
    assert mod.qconfig, "Input float module must have a valid qconfig"
    return mod.qconfig


def convolved(mod: Any, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What a convolution layer computes, with another weight and another bias."""
    padding = mod.padding
    if mod.padding_mode != "zeros":
        input = F.pad(input, mod._reversed_padding_repeated_twice, mod.padding_mode)
        padding = (0,) * mod.rank
    result: Tensor = getattr(ops, mod.operator)(input, weight, bias, mod.stride, padding, mod.dilation, mod.groups)
    return result


def form_of(conv: Any) -> dict[str, Any]:
    """The arguments that another convolution of the same form is made with."""
    return {
        "in_channels": conv.in_channels, "out_channels": conv.out_channels, "kernel_size": conv.kernel_size,
        "stride": conv.stride, "padding": conv.padding, "dilation": conv.dilation, "groups": conv.groups,
        "bias": conv.bias is not None, "padding_mode": conv.padding_mode,
    }  # fmt: skip


class Linear(nn.Linear):
    """A linear map with a fake quantized weight. `qconfig` says how; raises AssertionError without one."""

    _FLOAT_MODULE: Any = (nn.Linear, NonDynamicallyQuantizableLinear, nni.LinearReLU)

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, qconfig: Any = None, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(in_features, out_features, bias, device, dtype)
        assert qconfig, "qconfig must be provided for QAT module"
        self.qconfig = qconfig
        self.weight_fake_quant = qconfig.weight()

    def forward(self, input: Tensor) -> Tensor:
        return ops.linear(input, self.weight_fake_quant(self.weight), self.bias)

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The layer of a float one, whose `qconfig` says how its weight is quantized."""
        qconfig = require(cls, mod, cls._FLOAT_MODULE)
        inner = mod[0] if isinstance(mod, nni._FusedModule) else mod
        made = cls(inner.in_features, inner.out_features, bias=inner.bias is not None, qconfig=qconfig)
        made.weight, made.bias = inner.weight, inner.bias
        return made

    def to_float(self) -> Any:
        """The float layer with the same weight."""
        made = nn.Linear(self.in_features, self.out_features, self.bias is not None)
        made.weight = nn.Parameter(self.weight.detach())
        if self.bias is not None:
            made.bias = nn.Parameter(self.bias.detach())
        made.train(self.training)
        return made


class _ConvNd(nn.Module):
    """What convolutions with a fake quantized weight share."""

    _FLOAT_MODULE: Any = None
    _FLOAT_CONV_MODULE: Any = None

    def __init__(self, *args: Any, qconfig: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        assert qconfig, "qconfig must be provided for QAT module"
        self.qconfig = qconfig
        self.weight_fake_quant = qconfig.weight()

    def forward(self: Any, input: Tensor) -> Tensor:
        return convolved(self, input, self.weight_fake_quant(self.weight), self.bias)

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The layer of a float one, whose `qconfig` says how its weight is quantized."""
        qconfig = require(cls, mod, cls._FLOAT_MODULE)
        inner: Any = mod[0] if isinstance(mod, nni._FusedModule) else mod
        made: Any = cls(**form_of(inner), qconfig=qconfig)
        made.weight, made.bias = inner.weight, inner.bias
        return made

    def to_float(self: Any) -> Any:
        """The float layer with the same weight."""
        made = self._FLOAT_CONV_MODULE(**form_of(self))
        made.weight = nn.Parameter(self.weight.detach())
        if self.bias is not None:
            made.bias = nn.Parameter(self.bias.detach())
        made.train(self.training)
        return made


class Conv1d(_ConvNd, nn.Conv1d):
    """A convolution over one dimension with a fake quantized weight. `qconfig` says how."""

    _FLOAT_MODULE = _FLOAT_CONV_MODULE = nn.Conv1d


class Conv2d(_ConvNd, nn.Conv2d):
    """A convolution over two dimensions with a fake quantized weight. `qconfig` says how."""

    _FLOAT_MODULE = _FLOAT_CONV_MODULE = nn.Conv2d


class Conv3d(_ConvNd, nn.Conv3d):
    """A convolution over three dimensions with a fake quantized weight. `qconfig` says how."""

    _FLOAT_MODULE = _FLOAT_CONV_MODULE = nn.Conv3d


class Embedding(nn.Embedding):
    """An embedding with a fake quantized table. `qconfig` says how; raises AssertionError without one."""

    _FLOAT_MODULE: Any = nn.Embedding

    def __init__(self, *args: Any, qconfig: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        assert qconfig, "qconfig must be provided for QAT module"
        self.qconfig = qconfig
        self.weight_fake_quant = qconfig.weight()

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input, self.weight_fake_quant(self.weight), self.padding_idx, self.max_norm, self.norm_type,
            self.scale_grad_by_freq, self.sparse,
        )  # fmt: skip

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The layer of a float one, whose `qconfig` says how its table is quantized."""
        qconfig = require(cls, mod, cls._FLOAT_MODULE)
        return cls(
            mod.num_embeddings, mod.embedding_dim, mod.padding_idx, mod.max_norm, mod.norm_type,
            mod.scale_grad_by_freq, mod.sparse, mod.weight, qconfig=qconfig,
        )  # fmt: skip


class EmbeddingBag(nn.EmbeddingBag):
    """An embedding of bags with a fake quantized table. `qconfig` says how; raises AssertionError without one."""

    _FLOAT_MODULE: Any = nn.EmbeddingBag

    def __init__(self, *args: Any, qconfig: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        assert qconfig, "qconfig must be provided for QAT module"
        self.qconfig = qconfig
        self.weight_fake_quant = qconfig.weight()

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        return F.embedding_bag(
            input, self.weight_fake_quant(self.weight), offsets, self.max_norm, self.norm_type,
            self.scale_grad_by_freq, self.mode, self.sparse, per_sample_weights, self.include_last_offset,
            self.padding_idx,
        )  # fmt: skip

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The layer of a float one, whose `qconfig` says how its table is quantized."""
        qconfig = require(cls, mod, cls._FLOAT_MODULE)
        return cls(
            mod.num_embeddings, mod.embedding_dim, mod.max_norm, mod.norm_type, mod.scale_grad_by_freq, mod.mode,
            mod.sparse, mod.weight, mod.include_last_offset, mod.padding_idx, qconfig=qconfig,
        )  # fmt: skip


__all__ = [
    "Conv1d", "Conv2d", "Conv3d", "Embedding", "EmbeddingBag", "Linear", "convolved", "form_of", "require",
]  # fmt: skip
