"""Recurrent layers: a step that is taken for each element of a sequence, with a state that goes from one to the next.

Shapes: T steps, N sequences in a batch, F numbers in an input, H in a state, D directions (1 or 2), K layers.
"""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any, overload

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.device import Device
from . import init
from .module import Module
from .native import gru, lstm, rnn_relu, rnn_tanh
from .parameter import Parameter
from .recurrence import GATES, State
from .utils.rnn import PackedSequence

_NETWORKS = {"LSTM": lstm, "GRU": gru, "RNN_TANH": rnn_tanh, "RNN_RELU": rnn_relu}
# The attributes of PyTorch's modules that follow from others, and what has them here.
_DERIVED = {"_flat_weights_names": "_flat_weights_names", "_all_weights": "all_names", "_flat_weights": "_flat_weights"}


class RNNBase(Module):
    r"""What :class:`RNN`, :class:`LSTM` and :class:`GRU` have in common.

    Args:
        mode (str): ``"RNN_TANH"``, ``"RNN_RELU"``, ``"LSTM"`` or ``"GRU"``.
        input_size (int): :math:`F`.
        hidden_size (int): :math:`H`.
        num_layers (int): :math:`K`. Default: 1
        bias (bool): whether there are biases. Default: ``True``
        batch_first (bool): the batch comes first, :math:`(N, T, F)`. Default: ``False``
        dropout (float): the probability of dropout after each layer but the last. Default: 0.0
        bidirectional (bool): a second direction runs from the end to the beginning. Default: ``False``
        proj_size (int): of an LSTM, the size to which the hidden state is projected. Default: 0, not at all
        device, dtype: where the parameters are made, and of which type.

    Example::

        >>> from kagari import nn
        >>> nn.RNNBase("GRU", 3, 4)
        RNNBase(3, 4)
    """

    __constants__ = (
        "mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional",
        "proj_size",
    )  # fmt: skip
    _name = "RNN"

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        _check_settings(hidden_size, num_layers, dropout, proj_size)
        if mode not in GATES:
            raise ValueError(f"Unrecognized RNN mode: {mode}")
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        shown, gates = proj_size or hidden_size, GATES[mode] * hidden_size
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else shown * self._directions
            shapes: list[tuple[str, tuple[int, ...]]] = [("weight_ih", (gates, inputs)), ("weight_hh", (gates, shown))]
            shapes += [("bias_ih", (gates,)), ("bias_hh", (gates,))] if bias else []
            shapes += [("weight_hr", (proj_size, hidden_size))] if proj_size else []
            for suffix in self._suffixes(layer):
                for name, shape in shapes:
                    self.register_parameter(name + suffix, Parameter(ops.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _suffixes(self, layer: int) -> list[str]:
        """What the names of a layer's parameters end in, one direction after the other."""
        return [f"_l{layer}{'_reverse' * reverse}" for reverse in range(self._directions)]

    def _names(self, suffix: str) -> list[str]:
        names = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if self.bias else [])]
        return [name + suffix for name in (*names, *(["weight_hr"] if self.proj_size else []))]

    @property
    def _flat_weights_names(self) -> list[str]:
        """The names of all parameters, in order."""
        return [name for layer in self.all_names for name in layer]

    @property
    def all_names(self) -> list[list[str]]:
        """The names of the parameters, a list for each direction of each layer."""
        return [self._names(suffix) for layer in range(self.num_layers) for suffix in self._suffixes(layer)]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, a list for each direction of each layer."""
        return [[getattr(self, name) for name in names] for names in self.all_names]

    @property
    def _flat_weights(self) -> list[Parameter]:
        """All parameters, in order."""
        return [getattr(self, name) for name in self._flat_weights_names]

    def __getstate__(self) -> dict[str, Any]:
        """With what PyTorch's modules have as attributes, and these ones derive."""
        return {**super().__getstate__(), **{name: getattr(self, ours) for name, ours in _DERIVED.items()}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({name: value for name, value in state.items() if name not in _DERIVED})

    def flatten_parameters(self) -> None:
        """Nothing: there is no library that wants the weights in one piece."""

    def reset_parameters(self) -> None:
        """Draws all weights anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        options = {
            "proj_size": (self.proj_size, 0),
            "num_layers": (self.num_layers, 1),
            "bias": (self.bias, True),
            "batch_first": (self.batch_first, False),
            "dropout": (self.dropout, 0),
            "bidirectional": (self.bidirectional, False),
        }
        shown = "".join(f", {name}={value}" for name, (value, default) in options.items() if value != default)
        return f"{self.input_size}, {self.hidden_size}{shown}"

    def _state_sizes(self) -> list[int]:
        """The sizes of the parts of a state."""
        return [self.proj_size or self.hidden_size, self.hidden_size][: 2 if self.mode == "LSTM" else 1]

    def _check_input(self, x: Tensor, packed: bool) -> None:
        weight = self.weight_ih_l0
        if x.dtype is not weight.dtype:
            raise ValueError(
                f"RNN input dtype ({x.dtype}) does not match weight dtype ({weight.dtype}). Convert input: "
                f"input.to({weight.dtype}), or convert model: model.to({x.dtype})"
            )
        if packed and x.ndim != 2:
            raise RuntimeError(f"input must have 2 dimensions, got {x.ndim}")
        if x.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {x.shape[-1]}"
            )

    def _check_state(self, state: State, batch: int) -> None:
        rows = self.num_layers * self._directions
        for number, (part, size) in enumerate(zip(state, self._state_sizes())):
            if tuple(part.shape) != (rows, batch, size):
                what = f"hidden[{number}]" if self.mode == "LSTM" else "hidden"
                raise RuntimeError(f"Expected {what} size {(rows, batch, size)}, got {list(part.shape)}")

    def _zeros(self, x: Tensor, batch: int) -> State:
        """The state that sequences begin with where none is given."""
        rows = self.num_layers * self._directions
        sizes = [(rows, batch, size) for size in self._state_sizes()]
        return tuple(ops.zeros(size, dtype=x.dtype, device=x.device) for size in sizes)

    def _all_layers(self, first: tuple[Tensor, ...], state: State, *last: bool) -> tuple[Tensor, State]:
        """What all layers show, and their last states. `first` is the input, behind it the sizes of the steps of what
        is packed; `last` says of all else whether the batch comes first.
        """
        begin = state if self.mode == "LSTM" else state[0]
        options = (self.bias, self.num_layers, float(self.dropout), self.training, self.bidirectional, *last)
        shown, *ends = _NETWORKS[self.mode](*first, begin, self._flat_weights, *options)
        return shown, tuple(ends)

    def _packed(self, input: PackedSequence, state: State | None) -> tuple[PackedSequence, State]:
        data, batch_sizes, order, back = input
        count = int(batch_sizes[0])
        self._check_input(data, True)
        if state is None:
            state = self._zeros(data, count)
        elif order is not None:
            state = tuple(part.index_select(1, order) for part in state)
        self._check_state(state, count)
        shown, last = self._all_layers((data, batch_sizes), state)
        if back is not None:
            last = tuple(part.index_select(1, back) for part in last)
        return PackedSequence(shown, batch_sizes, order, back), last

    def _padded(self, input: Tensor, state: State | None) -> tuple[Tensor, State]:
        self._check_ranks(input, state)
        batched = input.ndim == 3
        of_batch = int(not self.batch_first)
        x = input if batched else input.unsqueeze(of_batch)
        if state is None:
            state = self._zeros(x, x.shape[of_batch])
        elif not batched:
            state = tuple(part.unsqueeze(1) for part in state)
        self._check_input(x, False)
        self._check_state(state, x.shape[of_batch])
        if not x.shape[1 - of_batch]:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        shown, last = self._all_layers((x,), state, self.batch_first)
        if not batched:
            return shown.squeeze(of_batch), tuple(part.squeeze(1) for part in last)
        return shown, last

    def _check_ranks(self, input: Tensor, state: State | None) -> None:
        if input.ndim not in (2, 3):
            tensor = " tensor" * (self._name == "RNN")
            raise ValueError(f"{self._name}: Expected input to be 2D or 3D, got {input.ndim}D{tensor} instead")
        if state is None or all(part.ndim == input.ndim for part in state):
            return
        how = "batched 3-D" if input.ndim == 3 else "unbatched 2-D"
        what, found = "hx", f"{state[0].ndim}-D tensor"
        if self.mode == "LSTM":
            what, found = "hx and cx", f"({state[0].ndim}-D, {state[1].ndim}-D) tensors"
        raise RuntimeError(f"For {how} input, {what} should also be {input.ndim}-D but got {found}")

    def _run(self, input: Tensor | PackedSequence, state: State | None) -> tuple[Any, State]:
        return self._packed(input, state) if isinstance(input, PackedSequence) else self._padded(input, state)


def _check_settings(hidden_size: int, num_layers: int, dropout: float, proj_size: int) -> None:
    if not isinstance(dropout, numbers.Number) or isinstance(dropout, bool) or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
            f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=4,
        )
    if not isinstance(hidden_size, int):
        raise TypeError(f"hidden_size should be of type int, got: {type(hidden_size).__name__}")
    if hidden_size <= 0:
        raise ValueError("hidden_size must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


def _refuse_projection(settings: dict[str, Any]) -> None:
    if "proj_size" in settings:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RNNBase):
    r"""Elman's recurrent network: each step mixes the input with what the step before it left.

    .. math::
        h_t = \tanh(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})

    Args:
        input_size (int): :math:`F`.
        hidden_size (int): :math:`H`.
        num_layers (int): :math:`K`, each layer on top of the one before it. Default: 1
        nonlinearity (str): ``"tanh"`` or ``"relu"``. Default: ``"tanh"``
        bias (bool): whether there are biases. Default: ``True``
        batch_first (bool): the batch comes first, :math:`(N, T, F)`. Default: ``False``
        dropout (float): the probability of dropout after each layer but the last. Default: 0.0
        bidirectional (bool): a second direction runs from the end to the beginning. Default: ``False``
        device, dtype: where the parameters are made, and of which type.

    Shape:
        - Input: :math:`(T, N, F)` or :math:`(T, F)`, or a :class:`~kagari.nn.utils.rnn.PackedSequence`.
        - Hx: :math:`(D K, N, H)` or :math:`(D K, H)`, zeros by default.
        - Output: :math:`(T, N, D H)` or :math:`(T, D H)`, the states of the last layer; and the last state of each
          layer, of the shape of hx.

    Attributes:
        weight_ih_l[k], weight_hh_l[k]: of shape :math:`(H, F)`, or :math:`(H, D H)` above the first layer, and
            :math:`(H, H)`, from :math:`\mathcal{U}(-\sqrt{k}, \sqrt{k})`, where :math:`k = 1 / H`; of the other
            direction with ``_reverse`` at the end.
        bias_ih_l[k], bias_hh_l[k]: of shape :math:`(H)`, from the same distribution.

    Source: Elman, *Finding structure in time* (1990).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> output, last = nn.RNN(10, 20, 2)(torch.randn(5, 3, 10))
        >>> tuple(output.shape), tuple(last.shape)
        ((5, 3, 20), (2, 3, 20))
    """

    nonlinearity: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        if len(args) > 3:
            nonlinearity, args = args[3], (*args[:3], *args[4:])
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)
        self.nonlinearity = nonlinearity

    @overload
    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]: ...
    @overload
    def forward(self, input: PackedSequence, hx: Tensor | None = None) -> tuple[PackedSequence, Tensor]: ...
    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        output, (last,) = self._run(input, None if hx is None else (hx,))
        return output, last


class LSTM(RNNBase):
    r"""A network with a long short-term memory: gates decide what the cell keeps, takes in and shows.

    .. math::
        i, f, g, o &= W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh} \\
        c_t &= \sigma(f) \odot c_{t-1} + \sigma(i) \odot \tanh(g) \\
        h_t &= \sigma(o) \odot \tanh(c_t)

    Args:
        input_size (int): :math:`F`.
        hidden_size (int): :math:`H`.
        num_layers (int): :math:`K`, each layer on top of the one before it. Default: 1
        bias (bool): whether there are biases. Default: ``True``
        batch_first (bool): the batch comes first, :math:`(N, T, F)`. Default: ``False``
        dropout (float): the probability of dropout after each layer but the last. Default: 0.0
        bidirectional (bool): a second direction runs from the end to the beginning. Default: ``False``
        proj_size (int): :math:`P`, the size to which the hidden state is projected. Default: 0, not at all
        device, dtype: where the parameters are made, and of which type.

    Shape:
        - Input: :math:`(T, N, F)` or :math:`(T, F)`, or a :class:`~kagari.nn.utils.rnn.PackedSequence`.
        - Hx: a pair, the hidden state :math:`(D K, N, H)` (:math:`P` for :math:`H` with a projection) and the cell
          state :math:`(D K, N, H)`, zeros by default; or both without :math:`N`.
        - Output: :math:`(T, N, D H)` or :math:`(T, D H)`, the hidden states of the last layer; and the last states of
          each layer, a pair of the shapes of hx.

    Attributes:
        weight_ih_l[k], weight_hh_l[k]: of shape :math:`(4 H, F)`, or :math:`(4 H, D H)` above the first layer, and
            :math:`(4 H, H)`, from :math:`\mathcal{U}(-\sqrt{k}, \sqrt{k})`, where :math:`k = 1 / H`; of the other
            direction with ``_reverse`` at the end.
        bias_ih_l[k], bias_hh_l[k]: of shape :math:`(4 H)`, from the same distribution.
        weight_hr_l[k]: of shape :math:`(P, H)`, with a projection only.

    Source: Hochreiter and Schmidhuber, *Long short-term memory* (1997).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> output, (hidden, cell) = nn.LSTM(10, 20, 2)(torch.randn(5, 3, 10))
        >>> tuple(output.shape), tuple(cell.shape)
        ((5, 3, 20), (2, 3, 20))
    """

    _name = "LSTM"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    @overload
    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, ...]]: ...
    @overload
    def forward(
        self, input: PackedSequence, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[PackedSequence, tuple[Tensor, ...]]: ...
    def forward(self, input: Any, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Any, tuple[Tensor, ...]]:
        return self._run(input, None if hx is None else (hx[0], hx[1]))


class GRU(RNNBase):
    r"""A network of gated units: one gate decides what of the state is forgotten, one what of it is used.

    .. math::
        r_t &= \sigma(W_{ir} x_t + b_{ir} + W_{hr} h_{t-1} + b_{hr}) \\
        z_t &= \sigma(W_{iz} x_t + b_{iz} + W_{hz} h_{t-1} + b_{hz}) \\
        n_t &= \tanh(W_{in} x_t + b_{in} + r_t \odot (W_{hn} h_{t-1} + b_{hn})) \\
        h_t &= (1 - z_t) \odot n_t + z_t \odot h_{t-1}

    Args:
        input_size (int): :math:`F`.
        hidden_size (int): :math:`H`.
        num_layers (int): :math:`K`, each layer on top of the one before it. Default: 1
        bias (bool): whether there are biases. Default: ``True``
        batch_first (bool): the batch comes first, :math:`(N, T, F)`. Default: ``False``
        dropout (float): the probability of dropout after each layer but the last. Default: 0.0
        bidirectional (bool): a second direction runs from the end to the beginning. Default: ``False``
        device, dtype: where the parameters are made, and of which type.

    Shape:
        - Input: :math:`(T, N, F)` or :math:`(T, F)`, or a :class:`~kagari.nn.utils.rnn.PackedSequence`.
        - Hx: :math:`(D K, N, H)` or :math:`(D K, H)`, zeros by default.
        - Output: :math:`(T, N, D H)` or :math:`(T, D H)`, the states of the last layer; and the last state of each
          layer, of the shape of hx.

    Attributes:
        weight_ih_l[k], weight_hh_l[k]: of shape :math:`(3 H, F)`, or :math:`(3 H, D H)` above the first layer, and
            :math:`(3 H, H)`, from :math:`\mathcal{U}(-\sqrt{k}, \sqrt{k})`, where :math:`k = 1 / H`; of the other
            direction with ``_reverse`` at the end.
        bias_ih_l[k], bias_hh_l[k]: of shape :math:`(3 H)`, from the same distribution.

    Source: Cho et al., *Learning phrase representations using RNN encoder-decoder for statistical machine translation*
    (2014).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> output, last = nn.GRU(10, 20, bidirectional=True)(torch.randn(5, 3, 10))
        >>> tuple(output.shape), tuple(last.shape)
        ((5, 3, 40), (2, 3, 20))
    """

    _name = "GRU"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)

    @overload
    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]: ...
    @overload
    def forward(self, input: PackedSequence, hx: Tensor | None = None) -> tuple[PackedSequence, Tensor]: ...
    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        output, (last,) = self._run(input, None if hx is None else (hx,))
        return output, last


__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]
