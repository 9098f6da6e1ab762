"""Functions of layers as `torch` itself has them: as PyTorch's native operators take their arguments.

A reduction is 0 for none, 1 for the mean, 2 for the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base.dtypes import bool_
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.answering import told
from . import functional as F
from .recurrence import State, Weights, direction

_REDUCTIONS = ("none", "mean", "sum")
_INTERPOLATIONS = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")
_MODES = ("sum", "mean", "max")
Reduced = tuple[Tensor, Tensor, Tensor]


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None, reduction: int = 0
) -> Tensor:
    """See :func:`kagari.nn.functional.binary_cross_entropy_with_logits`."""
    return F.binary_cross_entropy_with_logits(
        input, target, weight, reduction=_REDUCTIONS[reduction], pos_weight=pos_weight
    )


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    blank: int = 0,
    reduction: int = 1,
    zero_infinity: bool = False,
) -> Tensor:
    """See :func:`kagari.nn.functional.ctc_loss`."""
    how = _REDUCTIONS[reduction]
    return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, how, zero_infinity)


def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """See :func:`kagari.nn.functional.grid_sample`; modes are numbers: bilinear, nearest, bicubic, and zeros, border,
    reflection.
    """
    how = _INTERPOLATIONS[interpolation_mode], _PADDINGS[padding_mode]
    return F.grid_sample(input, grid, *how, align_corners=align_corners)


def grid_sampler_2d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """:func:`grid_sampler` of images."""
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def grid_sampler_3d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """:func:`grid_sampler` of volumes."""
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def affine_grid_generator(theta: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """See :func:`kagari.nn.functional.affine_grid`."""
    return F.affine_grid(theta, size, align_corners)


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    r"""A convolution along time, of sequences :math:`(T, N, C)` by weights :math:`(K, C, D)`: to :math:`(T', N, D)`.

    Args:
        input (Tensor): the sequences.
        weight (Tensor): the weights of each of K steps.
        bias (Tensor): :math:`(D)`.
        pad (int): how many zeros are put on both ends. Default: 0

    Raises RuntimeError for other shapes.

    Example::

        >>> import kagari as torch
        >>> torch.conv_tbc(torch.ones(3, 1, 2), torch.ones(2, 2, 1), torch.zeros(1)).flatten()
        tensor([4., 4.])
    """
    if input.ndim != 3:
        raise RuntimeError("Input must have 3 dims: time, batch, in_channel")
    if weight.ndim != 3:
        raise RuntimeError("Weight tensor must have 3 dims: kernel_width, in_channels, out_channels.")
    if bias.ndim != 1:
        raise RuntimeError("Bias must be 1-D")
    made: Tensor = F.conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return made.permute(2, 0, 1)


def embedding_bag(
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The sum, mean or maximum of rows, for mode 0, 1 or 2; and but for sums the bag of each row, how many rows each
    bag has, and which rows the maxima are of, or again how many there are.

    See :func:`kagari.nn.functional.embedding_bag`.
    """
    made = F.embedding_bag(
        indices, weight, offsets, None, 2, scale_grad_by_freq, _MODES[mode], sparse, per_sample_weights,
        include_last_offset, padding_idx,
    )  # fmt: skip
    count = len(offsets) - include_last_offset
    if mode == 0:
        none = offsets.new_zeros(count)
        return made, offsets.new_empty(0), none, none
    ends = offsets[1:] if include_last_offset else ops.cat([offsets[1:], offsets.new_tensor([len(indices)])])
    bags = ops.searchsorted(ends, ops.arange(len(indices), dtype=ends.dtype), right=True)
    counted = bags if padding_idx is None else bags[indices != padding_idx]
    sizes = ops.bincount(counted, minlength=count)
    if mode == 1:
        return made, bags, sizes, sizes
    highest = weight[indices] == made.detach()[bags]
    if padding_idx is not None:
        highest = highest & (indices != padding_idx).unsqueeze(1)
    rows = ops.where(highest, indices.unsqueeze(1), len(weight))
    first = ops.full(tuple(made.shape), len(weight), dtype=rows.dtype)
    first = first.scatter_reduce(0, bags.unsqueeze(1).expand_as(rows), rows, "amin")
    return made, bags, sizes, ops.where(first == len(weight), 0, first)


def _spread(input: Tensor, dims: Sequence[int], eps: float) -> tuple[Tensor, Tensor]:
    """The mean, and one over the standard deviation."""
    mean = input.mean(list(dims), keepdim=True)
    variance = input.var(list(dims), correction=0, keepdim=True)
    return mean, (variance + eps).rsqrt()


def native_layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> Reduced:
    """A layer norm, the mean of each row, and one over its standard deviation.

    See :func:`kagari.nn.functional.layer_norm`.
    """
    made = F.layer_norm(input, normalized_shape, weight, bias, eps)
    return made, *_spread(input.detach(), range(-len(normalized_shape), 0), eps)


def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int, eps: float
) -> Reduced:
    """A group norm, the mean of each group, and one over its standard deviation.

    See :func:`kagari.nn.functional.group_norm`.
    """
    made = F.group_norm(input, group, weight, bias, eps)
    mean, scale = _spread(input.detach().reshape(N, group, -1), [2], eps)
    return made, mean.squeeze(2), scale.squeeze(2)


def native_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Reduced:
    """A batch norm, and where it trains the mean of each channel and one over its standard deviation.

    See :func:`kagari.nn.functional.batch_norm`.
    """
    made = F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if not training:
        return made, input.new_empty(0), input.new_empty(0)
    mean, scale = _spread(input.detach(), [d for d in range(input.ndim) if d != 1], eps)
    return made, mean.flatten(), scale.flatten()


def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """A dropout, and which elements were kept. Without ``train`` all are."""
    if train is False:
        return input.clone(), ops.ones_like(input, dtype=bool_)
    kept = ops.dropout(ops.ones_like(input.detach()), p, True) != 0
    scale = 1 / (1 - p) if p < 1 else 0.0
    return input * kept * scale, kept


# Recurrent networks


def _weights(mode: str, params: Sequence[Tensor], has_biases: bool) -> Weights:
    """The weights of a direction: two matrices, two biases, and a projection, where there are such."""
    biases = (params[2], params[3]) if has_biases else None
    return Weights(mode, params[0], params[1], biases, *params[4 if has_biases else 2 :])


def _network(mode: str, args: Sequence[Any]) -> tuple[Tensor, ...]:
    """All layers of a network: what the last one shows, and the last states.

    The arguments are the input, the sizes of its steps if it is packed, the states, and what :func:`lstm` takes.
    """
    packed = isinstance(args[2], Tensor) or (mode == "LSTM" and isinstance(args[1], Tensor))
    input, sizes = args[0], args[1].tolist() if packed else None
    states, params, has_biases, num_layers, dropout, train, bidirectional = args[1 + packed : 8 + packed]
    batch_first = not packed and args[8]
    begins = list(zip(*[part.unbind(0) for part in (states if mode == "LSTM" else [states])]))
    each = len(params) // len(begins)
    ends: list[State] = []
    x = input.transpose(0, 1) if batch_first else input
    for layer in range(num_layers):
        shown = []
        for reverse in range(1 + bidirectional):
            k = len(ends)
            weights = _weights(mode, params[k * each : (k + 1) * each], has_biases)
            one, end = direction(weights, x, begins[k], sizes, bool(reverse))
            shown.append(one)
            ends.append(end)
        x = shown[0] if len(shown) == 1 else ops.cat(shown, -1)
        if dropout and train and layer < num_layers - 1:
            x = F.dropout(x, dropout)
    return x.transpose(0, 1) if batch_first else x, *(ops.stack(parts) for parts in zip(*ends))


def lstm(*args: Any) -> tuple[Tensor, ...]:
    """An LSTM of several layers: what it shows, the last hidden states and the last cell states.

    Args:
        input (Tensor): :math:`(T, N, F)`, or with ``batch_first`` :math:`(N, T, F)`; or the rows of what is packed, and
            then the numbers of rows in the steps.
        hx (sequence of Tensor): the first hidden and cell states.
        params (sequence of Tensor): for each direction of each layer the matrices of input and state, their biases, and
            a projection, if there are such.
        has_biases, num_layers, dropout, train, bidirectional, batch_first: as :class:`~kagari.nn.LSTM` has them; what
            is packed has no ``batch_first``.
    """
    return _network("LSTM", args)


def gru(*args: Any) -> tuple[Tensor, ...]:
    """A GRU of several layers; see :func:`lstm`. Its state is one tensor."""
    return _network("GRU", args)


def rnn_tanh(*args: Any) -> tuple[Tensor, ...]:
    """A plain recurrent network of several layers; see :func:`lstm`. Its state is one tensor."""
    return _network("RNN_TANH", args)


def rnn_relu(*args: Any) -> tuple[Tensor, ...]:
    """A plain recurrent network of several layers, with ReLU; see :func:`lstm`. Its state is one tensor."""
    return _network("RNN_RELU", args)


def _cell(
    mode: str, input: Tensor, state: State, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
) -> State:
    biases = None if b_ih is None or b_hh is None else (b_ih, b_hh)
    weights = Weights(mode, w_ih, w_hh, biases)
    return weights.step(weights.gates(input), state)


def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """One step of an LSTM: the hidden and the cell state. See :class:`~kagari.nn.LSTMCell`."""
    return _cell("LSTM", input, tuple(hx), w_ih, w_hh, b_ih, b_hh)


def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of a GRU. See :class:`~kagari.nn.GRUCell`."""
    return _cell("GRU", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of a plain recurrent network. See :class:`~kagari.nn.RNNCell`."""
    return _cell("RNN_TANH", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of a plain recurrent network, with ReLU. See :class:`~kagari.nn.RNNCell`."""
    return _cell("RNN_RELU", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


__all__ = [
    "affine_grid_generator", "binary_cross_entropy_with_logits", "conv_tbc", "ctc_loss", "embedding_bag",
    "grid_sampler", "grid_sampler_2d", "grid_sampler_3d", "gru", "gru_cell", "lstm", "lstm_cell", "native_batch_norm",
    "native_dropout", "native_group_norm", "native_layer_norm", "rnn_relu", "rnn_relu_cell", "rnn_tanh",
    "rnn_tanh_cell",
]  # fmt: skip

for _name in __all__:
    told(globals()[_name])
