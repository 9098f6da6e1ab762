"""What layers are in a script whose own `forward` can't be compiled: programs that are compiled and never run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, List, Optional, Tuple  # noqa: UP035 - these are programs of scripts

from ..eager import Tensor
from ..eager import operators as torch
from . import attention_forms
from .forms import batch_norm, celu, elu, glu, hardsigmoid, hardswish, leaky_relu, mish, pad, relu, selu, silu
from .python_types import home

Weights = Tuple[Tensor, Tensor]


def sequential(self, input):
    for module in self:
        input = module(input)
    return input


def conv(self, input: Tensor) -> Tensor:
    return self._conv_forward(input, self.weight, self.bias)


def convolve1d(self, input: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
    if self.padding_mode != "zeros":
        padded = pad(input, self._reversed_padding_repeated_twice, self.padding_mode)
        return torch.conv1d(padded, weight, bias, self.stride, [0], self.dilation, self.groups)
    return torch.conv1d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


def convolve2d(self, input: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
    if self.padding_mode != "zeros":
        padded = pad(input, self._reversed_padding_repeated_twice, self.padding_mode)
        return torch.conv2d(padded, weight, bias, self.stride, [0, 0], self.dilation, self.groups)
    return torch.conv2d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


def convolve3d(self, input: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
    if self.padding_mode != "zeros":
        padded = pad(input, self._reversed_padding_repeated_twice, self.padding_mode)
        return torch.conv3d(padded, weight, bias, self.stride, [0, 0, 0], self.dilation, self.groups)
    return torch.conv3d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


def conv_transpose1d(self, input: Tensor, output_size: Optional[List[int]] = None) -> Tensor:
    assert output_size is None, "output_size is not there in scripts"
    return torch.conv_transpose1d(
        input, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
    )


def conv_transpose2d(self, input: Tensor, output_size: Optional[List[int]] = None) -> Tensor:
    assert output_size is None, "output_size is not there in scripts"
    return torch.conv_transpose2d(
        input, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
    )


def conv_transpose3d(self, input: Tensor, output_size: Optional[List[int]] = None) -> Tensor:
    assert output_size is None, "output_size is not there in scripts"
    return torch.conv_transpose3d(
        input, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
    )


def batch_normalization(self, input: Tensor) -> Tensor:
    self._check_input_dim(input)
    if self.momentum is None:
        factor = 0.0
    else:
        factor = self.momentum
    if self.training and self.track_running_stats:
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1.0 / float(self.num_batches_tracked)
    if self.training:
        bn_training = True
    else:
        bn_training = (self.running_mean is None) and (self.running_var is None)
    return batch_norm(
        input,
        self.running_mean if not self.training or self.track_running_stats else None,
        self.running_var if not self.training or self.track_running_stats else None,
        self.weight, self.bias, bn_training, factor, self.eps,
    )  # fmt: skip


def _relu(self, input: Tensor) -> Tensor:
    return relu(input, self.inplace)


def _leaky_relu(self, input: Tensor) -> Tensor:
    return leaky_relu(input, self.negative_slope, self.inplace)


def _glu(self, input: Tensor) -> Tensor:
    return glu(input, self.dim)


def _elu(self, input: Tensor) -> Tensor:
    return elu(input, self.alpha, self.inplace)


def _celu(self, input: Tensor) -> Tensor:
    return celu(input, self.alpha, self.inplace)


def _selu(self, input: Tensor) -> Tensor:
    return selu(input, self.inplace)


def _silu(self, input: Tensor) -> Tensor:
    return silu(input, self.inplace)


def _mish(self, input: Tensor) -> Tensor:
    return mish(input, self.inplace)


def _hardswish(self, input: Tensor) -> Tensor:
    return hardswish(input, self.inplace)


def _hardsigmoid(self, input: Tensor) -> Tensor:
    return hardsigmoid(input, self.inplace)


def lstm(self, input: Tensor, hx: Optional[Weights] = None) -> Tuple[Tensor, Weights]:
    batched = input.dim() == 3
    x = input if batched else input.unsqueeze(1)
    if hx is None:
        rows = self.num_layers * (2 if self.bidirectional else 1)
        count = x.size(0) if self.batch_first and batched else x.size(1)
        shown = self.proj_size if self.proj_size > 0 else self.hidden_size
        hidden = torch.zeros([rows, count, shown], dtype=x.dtype, device=x.device)
        cell = torch.zeros([rows, count, self.hidden_size], dtype=x.dtype, device=x.device)
    else:
        hidden = hx[0] if batched else hx[0].unsqueeze(1)
        cell = hx[1] if batched else hx[1].unsqueeze(1)
    out, last, last_cell = torch.lstm(
        x, [hidden, cell], self._flat_weights, self.bias, self.num_layers, self.dropout, self.training,
        self.bidirectional, self.batch_first and batched,
    )  # fmt: skip
    if batched:
        return out, (last, last_cell)
    return out.squeeze(1), (last.squeeze(1), last_cell.squeeze(1))


def gru(self, input: Tensor, hx: Optional[Tensor] = None) -> Tuple[Tensor, Tensor]:
    batched = input.dim() == 3
    x = input if batched else input.unsqueeze(1)
    if hx is None:
        rows = self.num_layers * (2 if self.bidirectional else 1)
        count = x.size(0) if self.batch_first and batched else x.size(1)
        hidden = torch.zeros([rows, count, self.hidden_size], dtype=x.dtype, device=x.device)
    else:
        hidden = hx if batched else hx.unsqueeze(1)
    out, last = torch.gru(
        x, hidden, self._flat_weights, self.bias, self.num_layers, self.dropout, self.training, self.bidirectional,
        self.batch_first and batched,
    )  # fmt: skip
    if batched:
        return out, last
    return out.squeeze(1), last.squeeze(1)


def rnn(self, input: Tensor, hx: Optional[Tensor] = None) -> Tuple[Tensor, Tensor]:
    batched = input.dim() == 3
    x = input if batched else input.unsqueeze(1)
    if hx is None:
        rows = self.num_layers * (2 if self.bidirectional else 1)
        count = x.size(0) if self.batch_first and batched else x.size(1)
        hidden = torch.zeros([rows, count, self.hidden_size], dtype=x.dtype, device=x.device)
    else:
        hidden = hx if batched else hx.unsqueeze(1)
    turned = self.batch_first and batched
    if self.mode == "RNN_TANH":
        out, last = torch.rnn_tanh(
            x, hidden, self._flat_weights, self.bias, self.num_layers, self.dropout, self.training,
            self.bidirectional, turned,
        )  # fmt: skip
    else:
        out, last = torch.rnn_relu(
            x, hidden, self._flat_weights, self.bias, self.num_layers, self.dropout, self.training,
            self.bidirectional, turned,
        )  # fmt: skip
    if batched:
        return out, last
    return out.squeeze(1), last.squeeze(1)


def lstm_cell(self, input: Tensor, hx: Optional[Weights] = None) -> Weights:
    batched = input.dim() == 2
    x = input if batched else input.unsqueeze(0)
    if hx is None:
        hidden = torch.zeros([x.size(0), self.hidden_size], dtype=x.dtype, device=x.device)
        cell = hidden
    else:
        hidden = hx[0] if batched else hx[0].unsqueeze(0)
        cell = hx[1] if batched else hx[1].unsqueeze(0)
    out = torch.lstm_cell(x, [hidden, cell], self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
    return out if batched else (out[0].squeeze(0), out[1].squeeze(0))


def gru_cell(self, input: Tensor, hx: Optional[Tensor] = None) -> Tensor:
    batched = input.dim() == 2
    x = input if batched else input.unsqueeze(0)
    if hx is None:
        hidden = torch.zeros([x.size(0), self.hidden_size], dtype=x.dtype, device=x.device)
    else:
        hidden = hx if batched else hx.unsqueeze(0)
    out = torch.gru_cell(x, hidden, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
    return out if batched else out.squeeze(0)


def rnn_cell(self, input: Tensor, hx: Optional[Tensor] = None) -> Tensor:
    batched = input.dim() == 2
    x = input if batched else input.unsqueeze(0)
    if hx is None:
        hidden = torch.zeros([x.size(0), self.hidden_size], dtype=x.dtype, device=x.device)
    else:
        hidden = hx if batched else hx.unsqueeze(0)
    if self.nonlinearity == "tanh":
        out = torch.rnn_tanh_cell(x, hidden, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
    else:
        out = torch.rnn_relu_cell(x, hidden, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
    return out if batched else out.squeeze(0)


LAYERS: dict[str, dict[str, Callable[..., Any]]] = {
    "Sequential": {"forward": sequential},
    "Conv1d": {"forward": conv, "_conv_forward": convolve1d},
    "Conv2d": {"forward": conv, "_conv_forward": convolve2d},
    "Conv3d": {"forward": conv, "_conv_forward": convolve3d},
    "ConvTranspose1d": {"forward": conv_transpose1d}, "ConvTranspose2d": {"forward": conv_transpose2d},
    "ConvTranspose3d": {"forward": conv_transpose3d}, "_BatchNorm": {"forward": batch_normalization},
    "ReLU": {"forward": _relu}, "LeakyReLU": {"forward": _leaky_relu}, "GLU": {"forward": _glu},
    "ELU": {"forward": _elu}, "CELU": {"forward": _celu}, "SELU": {"forward": _selu},
    "SiLU": {"forward": _silu}, "Mish": {"forward": _mish}, "Hardswish": {"forward": _hardswish},
    "Hardsigmoid": {"forward": _hardsigmoid}, "LSTM": {"forward": lstm}, "GRU": {"forward": gru},
    "RNN": {"forward": rnn}, "LSTMCell": {"forward": lstm_cell}, "GRUCell": {"forward": gru_cell},
    "RNNCell": {"forward": rnn_cell}, **attention_forms.LAYERS,
}  # fmt: skip
"""By the name of the layer's class, or of the one that it inherits its `forward` from."""
_NN = f"{__name__.partition('.')[0]}.nn."


def method(cls: type, name: str) -> Callable[..., Any] | None:
    """The program of a layer's method; None where the layer's own can be compiled."""
    for base in cls.__mro__:
        if home(base).startswith(_NN) and name in LAYERS.get(base.__name__, ()):
            return LAYERS[base.__name__][name]
        if name in vars(base):
            return None
    return None


__all__ = ["method"]
