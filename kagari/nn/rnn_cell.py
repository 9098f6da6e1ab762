"""Single steps of recurrent networks as layers, for loops that are written out.

Shapes: N sequences in a batch, F numbers in an input, H in a state.
"""

from __future__ import annotations

import math

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.device import Device
from . import init
from .module import Module
from .parameter import Parameter
from .recurrence import State, Weights


class RNNCellBase(Module):
    r"""What :class:`RNNCell`, :class:`LSTMCell` and :class:`GRUCell` have in common.

    Args:
        input_size (int): :math:`F`.
        hidden_size (int): :math:`H`.
        bias (bool): whether there are biases.
        num_chunks (int): how many gates there are.
        device, dtype: where the parameters are made, and of which type.

    Example::

        >>> from kagari import nn
        >>> nn.RNNCellBase(3, 4, True, num_chunks=2)
        RNNCellBase(3, 4)
    """

    __constants__: tuple[str, ...] = ("input_size", "hidden_size", "bias")
    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        self.weight_ih = Parameter(ops.empty((gates, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(ops.empty((gates, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            made = Parameter(ops.empty((gates,), device=device, dtype=dtype)) if bias else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all weights anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        bias = "" if self.bias else f", bias={self.bias}"
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        return f"{self.input_size}, {self.hidden_size}{bias}" + (
            "" if nonlinearity == "tanh" else f", nonlinearity={nonlinearity}"
        )

    def _stepped(self, mode: str, input: Tensor, state: State | None, parts: tuple[str, ...]) -> State:
        """One step; `parts` are what messages call the parts of the state."""
        name = type(self).__name__
        if input.ndim not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.ndim}D instead")
        for what, part in zip(parts, state or ()):
            if part.ndim not in (1, 2):
                raise ValueError(f"{name}: Expected {what} to be 1D or 2D, got {part.ndim}D instead")
        batched = input.ndim == 2
        x = input if batched else input.unsqueeze(0)
        if state is None:
            state = (x.new_zeros((x.shape[0], self.hidden_size)),) * len(parts)
        elif not batched:
            state = tuple(part.unsqueeze(0) for part in state)
        self._check_sizes(x, state)
        biases = None if self.bias_ih is None or self.bias_hh is None else (self.bias_ih, self.bias_hh)
        weights = Weights(mode, self.weight_ih, self.weight_hh, biases)
        result = weights.step(weights.gates(x), state)
        return result if batched else tuple(part.squeeze(0) for part in result)

    def _check_sizes(self, x: Tensor, state: State) -> None:
        if x.shape[1] != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {x.shape[1]} expected {self.input_size}")
        for number, part in enumerate(state):
            if x.shape[0] != part.shape[0]:
                raise RuntimeError(
                    f"Input batch size {x.shape[0]} doesn't match hidden{number} batch size {part.shape[0]}"
                )
            if part.shape[1] != self.hidden_size:
                raise RuntimeError(
                    f"hidden{number} has inconsistent hidden_size: got {part.shape[1]}, expected {self.hidden_size}"
                )


class RNNCell(RNNCellBase):
    r"""One step of an :class:`~kagari.nn.RNN`: :math:`h' = \tanh(W_{ih} x + b_{ih} + W_{hh} h + b_{hh})`.

    Args:
        input_size (int): :math:`F`.
        hidden_size (int): :math:`H`.
        bias (bool): whether there are biases. Default: ``True``
        nonlinearity (str): ``"tanh"`` or ``"relu"``. Default: ``"tanh"``
        device, dtype: where the parameters are made, and of which type.

    Shape:
        - Input: :math:`(N, F)` or :math:`(F)`.
        - Hx: :math:`(N, H)` or :math:`(H)`, zeros by default.
        - Output: the shape of hx.

    Attributes:
        weight_ih, weight_hh: of shape :math:`(H, F)` and :math:`(H, H)`, from :math:`\mathcal{U}(-\sqrt{k}, \sqrt{k})`,
            where :math:`k = 1 / H`.
        bias_ih, bias_hh: of shape :math:`(H)`, from the same distribution.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.RNNCell(10, 20)(torch.randn(3, 10)).shape)
        (3, 20)
    """

    __constants__ = ("input_size", "hidden_size", "bias", "nonlinearity")
    nonlinearity: str

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=1, device=device, dtype=dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        mode = f"RNN_{self.nonlinearity.upper()}"
        return self._stepped(mode, input, None if hx is None else (hx,), ("hidden",))[0]


class LSTMCell(RNNCellBase):
    r"""One step of an :class:`~kagari.nn.LSTM`.

    Args:
        input_size (int): :math:`F`.
        hidden_size (int): :math:`H`.
        bias (bool): whether there are biases. Default: ``True``
        device, dtype: where the parameters are made, and of which type.

    Shape:
        - Input: :math:`(N, F)` or :math:`(F)`.
        - Hx: a pair, the hidden state and the cell state, each :math:`(N, H)` or :math:`(H)`, zeros by default.
        - Output: a pair of the same shapes.

    Attributes:
        weight_ih, weight_hh: of shape :math:`(4 H, F)` and :math:`(4 H, H)`, from
            :math:`\mathcal{U}(-\sqrt{k}, \sqrt{k})`, where :math:`k = 1 / H`.
        bias_ih, bias_hh: of shape :math:`(4 H)`, from the same distribution.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> hidden, cell = nn.LSTMCell(10, 20)(torch.randn(3, 10))
        >>> tuple(hidden.shape), tuple(cell.shape)
        ((3, 20), (3, 20))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=4, device=device, dtype=dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        hidden, cell = self._stepped("LSTM", input, None if hx is None else tuple(hx), ("hx[0]", "hx[1]"))
        return hidden, cell


class GRUCell(RNNCellBase):
    r"""One step of a :class:`~kagari.nn.GRU`.

    Args:
        input_size (int): :math:`F`.
        hidden_size (int): :math:`H`.
        bias (bool): whether there are biases. Default: ``True``
        device, dtype: where the parameters are made, and of which type.

    Shape:
        - Input: :math:`(N, F)` or :math:`(F)`.
        - Hx: :math:`(N, H)` or :math:`(H)`, zeros by default.
        - Output: the shape of hx.

    Attributes:
        weight_ih, weight_hh: of shape :math:`(3 H, F)` and :math:`(3 H, H)`, from
            :math:`\mathcal{U}(-\sqrt{k}, \sqrt{k})`, where :math:`k = 1 / H`.
        bias_ih, bias_hh: of shape :math:`(3 H)`, from the same distribution.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.GRUCell(10, 20)(torch.randn(3, 10)).shape)
        (3, 20)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=3, device=device, dtype=dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._stepped("GRU", input, None if hx is None else (hx,), ("hidden",))[0]


__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]
