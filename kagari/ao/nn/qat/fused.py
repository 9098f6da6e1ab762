"""Several layers in one, whose weight is fake quantized: with the batch normalisation behind it, as it will be in the
end, multiplied into the weight.
"""

from __future__ import annotations

from typing import Any

from .... import nn
from ....eager import Tensor
from ....eager import operators as ops
from ....nn import init
from .. import fused as nni
from .layers import Linear, _ConvNd, convolved, form_of, require


class _Normalised(nni.Whole, nn.Module):
    """A layer and the batch normalisation behind it.

    The weight is multiplied by what normalising with the running variance would, fake quantized so, and the result
    divided by it again; then it is normalised with the statistics of the batch.
    """

    bn: Any
    weight: Any
    bias: Any
    weight_fake_quant: Any
    _version = 2

    def _add(self, bn: Any, freeze_bn: bool, qconfig: Any) -> None:
        assert qconfig, "qconfig must be provided for QAT module"
        self.qconfig = qconfig
        self.freeze_bn = freeze_bn if self.training else True
        self.bn = bn
        self.weight_fake_quant = qconfig.weight()
        self.reset_bn_parameters()
        if self.training:
            self.freeze_bn_stats() if freeze_bn else self.update_bn_stats()
        else:
            self.freeze_bn_stats()

    def reset_running_stats(self) -> None:
        """Sets the running mean to 0 and the running variance to 1."""
        self.bn.reset_running_stats()

    def reset_bn_parameters(self) -> None:
        """Draws the normalisation's parameters anew."""
        self.bn.reset_running_stats()
        init.uniform_(self.bn.weight)
        init.zeros_(self.bn.bias)

    def update_bn_stats(self) -> Any:
        """From now on the normalisation learns its statistics."""
        self.freeze_bn = False
        self.bn.training = True
        return self

    def freeze_bn_stats(self) -> Any:
        """From now on the normalisation keeps its statistics."""
        self.freeze_bn = True
        self.bn.training = False
        return self

    def train(self, mode: bool = True) -> Any:
        """Sets the mode; frozen statistics stay frozen."""
        self.training = mode
        if not self.freeze_bn:
            for module in self.children():
                module.train(mode)
        return self

    def _through(self, input: Tensor) -> Tensor:
        factor = self.bn.weight / ops.sqrt(self.bn.running_var + self.bn.eps)
        rows = [-1] + [1] * (self.weight.ndim - 1)
        channels = [1, -1] + [1] * (self.weight.ndim - 2)
        weight = self.weight_fake_quant(self.weight * factor.reshape(rows))
        x = self._apply_weight(input, weight) / factor.reshape(channels)
        x = x if self.bias is None else x + self.bias.reshape(channels)
        normalised: Tensor = self.bn(x)
        return normalised

    def _apply_weight(self, input: Tensor, weight: Tensor) -> Tensor:
        """The layer with another weight, and no bias."""
        raise NotImplementedError


def _take_over(made: Any, layer: Any, bn: Any) -> Any:
    """Gives a layer for training the parameters and statistics of a float one and its normalisation."""
    made.weight, made.bias = layer.weight, layer.bias
    made.bn.weight, made.bn.bias = bn.weight, bn.bias
    made.bn.running_mean, made.bn.running_var = bn.running_mean, bn.running_var
    made.bn.num_batches_tracked = bn.num_batches_tracked
    return made


class _ConvBnNd(_Normalised):
    """A convolution and the batch normalisation behind it; a subclass says over how many dimensions."""

    _FLOAT_MODULE: Any = None
    _FLOAT_CONV_MODULE: Any = None
    _FLOAT_BN_MODULE: Any = None

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: Any = None, padding_mode: str = "zeros", eps: float = 1e-05,
        momentum: float = 0.1, freeze_bn: bool = False, qconfig: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bool(bias), padding_mode
        )
        self._add(self._FLOAT_BN_MODULE(out_channels, eps, momentum, True, True), freeze_bn, qconfig)

    def _apply_weight(self, input: Tensor, weight: Tensor) -> Tensor:
        return convolved(self, input, weight, None)

    def forward(self, input: Tensor) -> Tensor:
        return self._through(input)

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The layer of a float one, whose `qconfig` says how its weight is quantized."""
        qconfig = require(cls, mod, cls._FLOAT_MODULE)
        conv, bn = mod[0], mod[1]
        made = cls(**form_of(conv), eps=bn.eps, momentum=bn.momentum, freeze_bn=False, qconfig=qconfig)
        return _take_over(made, conv, bn)


class _ReLU(_ConvBnNd):
    """The positive part of that."""

    def forward(self, input: Tensor) -> Tensor:
        return self._through(input).relu()


_CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_PLACE = __package__.replace("ao.nn.qat", "ao.nn.intrinsic.qat")


def _conv_bn(name: str, rank: int, base: type, floats: Any, what: str) -> Any:
    members = {
        "_FLOAT_MODULE": floats, "_FLOAT_CONV_MODULE": _CONVS[rank - 1], "_FLOAT_BN_MODULE": _NORMS[rank - 1],
        "__doc__": f"{what} over {rank} dimensions, of which the weight is fake quantized. `qconfig` says how.",
        "__module__": _PLACE,
    }  # fmt: skip
    return type(name, (base, _CONVS[rank - 1]), members)


ConvBn1d, ConvBn2d, ConvBn3d = (
    _conv_bn(f"ConvBn{d}d", d, _ConvBnNd, getattr(nni, f"ConvBn{d}d"), "A convolution and its batch normalisation")
    for d in (1, 2, 3)
)
ConvBnReLU1d, ConvBnReLU2d, ConvBnReLU3d = (
    _conv_bn(f"ConvBnReLU{d}d", d, _ReLU, getattr(nni, f"ConvBnReLU{d}d"),
             "The positive part of a convolution and its batch normalisation")
    for d in (1, 2, 3)
)  # fmt: skip


class _ConvReLUNd(nni.Whole, _ConvNd):
    """The positive part of a convolution with a fake quantized weight."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).relu()


def _conv_relu(rank: int) -> Any:
    members = {
        "_FLOAT_MODULE": getattr(nni, f"ConvReLU{rank}d"), "_FLOAT_CONV_MODULE": _CONVS[rank - 1],
        "__doc__": f"The positive part of a convolution over {rank} dimensions with a fake quantized weight.",
        "__module__": _PLACE,
    }  # fmt: skip
    return type(f"ConvReLU{rank}d", (_ConvReLUNd, _CONVS[rank - 1]), members)


ConvReLU1d, ConvReLU2d, ConvReLU3d = (_conv_relu(d) for d in (1, 2, 3))


class LinearReLU(nni.Whole, Linear):
    """The positive part of a linear map with a fake quantized weight. `qconfig` says how."""

    _FLOAT_MODULE: Any = nni.LinearReLU

    def __init__(self, in_features: int, out_features: int, bias: bool = True, qconfig: Any = None) -> None:
        super().__init__(in_features, out_features, bias, qconfig)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).relu()

    def to_float(self) -> Any:
        """The float layers with the same weight."""
        return nni.LinearReLU(super().to_float(), nn.ReLU())


class LinearBn1d(_Normalised, nn.Linear):
    """A linear map and its batch normalisation, of which the weight is fake quantized. `qconfig` says how."""

    _FLOAT_MODULE: Any = nni.LinearBn1d

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, eps: float = 1e-05, momentum: float = 0.1,
        freeze_bn: bool = False, qconfig: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(in_features, out_features, bias)
        self._add(nn.BatchNorm1d(out_features, eps, momentum, True, True), freeze_bn, qconfig)

    def _apply_weight(self, input: Tensor, weight: Tensor) -> Tensor:
        return ops.linear(input, weight)

    def forward(self, input: Tensor) -> Tensor:
        return self._through(input)

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The layer of a float one, whose `qconfig` says how its weight is quantized."""
        qconfig = require(cls, mod, cls._FLOAT_MODULE)
        linear, bn = mod[0], mod[1]

        made = cls(
            linear.in_features, linear.out_features, linear.bias is not None, bn.eps, bn.momentum, False, qconfig
        )
        return _take_over(made, linear, bn)


for _cls in (LinearReLU, LinearBn1d):
    _cls.__module__ = _PLACE  # where programs find it


def update_bn_stats(mod: Any) -> None:
    """Lets the normalisation of a layer learn its statistics: `model.apply(update_bn_stats)`."""
    if isinstance(mod, _Normalised):
        mod.update_bn_stats()


def freeze_bn_stats(mod: Any) -> None:
    """Lets the normalisation of a layer keep its statistics: `model.apply(freeze_bn_stats)`."""
    if isinstance(mod, _Normalised):
        mod.freeze_bn_stats()


__all__ = [
    "ConvBn1d", "ConvBn2d", "ConvBn3d", "ConvBnReLU1d", "ConvBnReLU2d", "ConvBnReLU3d", "ConvReLU1d", "ConvReLU2d",
    "ConvReLU3d", "LinearBn1d", "LinearReLU", "freeze_bn_stats", "update_bn_stats",
]  # fmt: skip
