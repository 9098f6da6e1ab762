"""Recurrent layers that quantize their inputs and states in each call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..... import nn
from .....base import dtypes
from .....base.dtypes import dtype
from .....eager import Tensor
from .....eager import operators as ops
from .....quantized.creation import quantize_per_tensor
from .....quantized.packed import LinearPackedParams
from ..base import quantize_weight

State = tuple[Tensor, ...]


def _updated(mode: str, gates: Tensor, product: Tensor, state: State) -> State:
    """The state after a step, from the maps of the input and of the state."""
    if mode == "LSTM":
        i, f, g, o = (gates + product).chunk(4, 1)
        cell = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
        return o.sigmoid() * cell.tanh(), cell
    if mode == "GRU":
        (ir, iz, n), (hr, hz, hn) = gates.chunk(3, 1), product.chunk(3, 1)
        new = (n + (ir + hr).sigmoid() * hn).tanh()
        return ((state[0] - new) * (iz + hz).sigmoid() + new,)
    made = gates + product
    return (made.relu() if mode == "RNN_RELU" else made.tanh(),)


class CellParams:
    """The maps of the input and of the state in one direction of a layer."""

    def __init__(self, input: LinearPackedParams, hidden: LinearPackedParams) -> None:
        self.input, self.hidden = input, hidden

    def run(
        self, mode: str, x: Tensor, state: State, sizes: Sequence[int] | None, reverse: bool
    ) -> tuple[Tensor, State]:
        """All steps: (T, N, F) to (T, N, H), or packed rows, and the last state of each sequence."""
        gates = self.input.dynamic(x, True)
        steps = list(gates.unbind(0)) if sizes is None else list(gates.split(list(sizes)))
        order = range(len(steps) - 1, -1, -1) if reverse else range(len(steps))
        shown: list[Any] = [None] * len(steps)
        begin = state
        ended: list[State] = []
        state = tuple(part[: steps[order[0]].shape[0]] for part in begin)
        for t in order:
            rows, have = steps[t].shape[0], state[0].shape[0]
            if rows < have:  # some sequences end here
                ended.insert(0, tuple(part[rows:] for part in state))
                state = tuple(part[:rows] for part in state)
            elif rows > have:  # or begin, the other way round
                state = tuple(ops.cat([part, new[have:rows]]) for part, new in zip(state, begin))
            state = _updated(mode, steps[t], self.hidden.dynamic(state[0], True), state)
            shown[t] = state[0]
        last = tuple(ops.cat(parts) for parts in zip(state, *ended)) if ended else state
        return (ops.stack(shown) if sizes is None else ops.cat(shown)), last


class PackedParameter(nn.Module):
    """The maps of one direction of a layer, as a module."""

    def __init__(self, param: CellParams) -> None:
        super().__init__()
        self.param = param

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}param"] = self.param

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, *rest: Any
    ) -> None:
        self.param = state_dict.pop(f"{prefix}param")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, False, *rest)


def _packed(weight: Tensor, bias: Tensor | None, dt: dtype) -> LinearPackedParams:
    """A map of zeros to begin with, or one of a float weight."""
    return LinearPackedParams(quantize_per_tensor(weight, 1.0, 0, dtypes.qint8) if dt is dtypes.qint8 else weight, bias)


def _quantized(weight: Tensor, bias: Tensor | None, mod: Any) -> LinearPackedParams:
    """The map of a float layer's weight, which its configuration says how to quantize."""
    observer = mod.qconfig.weight()
    if observer.dtype is dtypes.float16:
        return LinearPackedParams(weight.detach(), bias)
    observer(weight)
    return LinearPackedParams(quantize_weight(weight, observer), bias)


def _require(cls: Any, mod: Any, kinds: tuple[type, ...]) -> dtype:
    """The dtype that a float layer's weights are to be of. Raises AssertionError for a layer of another kind,
    RuntimeError for another dtype.
    """
    assert type(mod) in kinds, f"nn.quantized.dynamic.{cls.__name__}.from_float only works for {kinds[0].__name__}"
    assert hasattr(mod, "qconfig"), "Input float module must have qconfig defined"
    dt: dtype = mod.qconfig.weight().dtype
    if dt not in (dtypes.qint8, dtypes.float16):
        raise RuntimeError(f"Unsupported dtype for Dynamic RNN quantization: {dt}")
    return dt


class RNNBase(nn.RNNBase):
    """What :class:`LSTM` and :class:`GRU` have in common."""

    _version = 2

    def __init__(
        self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, dtype: dtype = dtypes.qint8,
    ) -> None:  # fmt: skip
        nn.Module.__init__(self)
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, float(dropout), bidirectional
        self.proj_size, self.dtype, self.version, self.training = 0, dtype, 2, False
        rows = {"LSTM": 4, "GRU": 3}[mode] * hidden_size
        cells = []
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else hidden_size * self._directions
            for _ in range(self._directions):
                biases = [ops.zeros(rows) if bias else None for _ in range(2)]
                parts = [_packed(ops.zeros(rows, n), b, dtype) for n, b in zip((inputs, hidden_size), biases)]
                cells.append(PackedParameter(CellParams(*parts)))
        self._all_weight_values = nn.ModuleList(cells)

    def _get_name(self) -> str:
        return f"DynamicQuantized{self.mode}"

    def __repr__(self) -> str:
        return f"{self._get_name()}({self.extra_repr()})"

    def __getstate__(self) -> dict[str, Any]:
        return nn.Module.__getstate__(self)

    def _check_input(self, x: Tensor, packed: bool) -> None:
        if x.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {x.shape[-1]}"
            )

    def _check_ranks(self, input: Tensor, state: Any) -> None:
        if input.ndim != 3:
            raise RuntimeError(f"input must have 3 dimensions, got {input.ndim}")

    def _all_layers(self, first: tuple[Tensor, ...], state: Any, *last: bool) -> tuple[Tensor, State]:
        turned = last == (True,)
        x = first[0].transpose(0, 1) if turned else first[0]
        sizes = first[1].tolist() if len(first) > 1 else None
        begins = [tuple(rows) for rows in zip(*[part.unbind(0) for part in state])]
        ends: list[State] = []
        for layer in range(self.num_layers):
            shown = []
            for reverse in range(self._directions):
                cell: Any = self._all_weight_values[len(ends)]
                one, end = cell.param.run(self.mode, x, begins[len(ends)], sizes, bool(reverse))
                shown.append(one)
                ends.append(end)
            x = shown[0] if len(shown) == 1 else ops.cat(shown, -1)
            if self.dropout and layer < self.num_layers - 1:
                x = nn.functional.dropout(x, self.dropout, self.training)
        return x.transpose(0, 1) if turned else x, tuple(ops.stack(parts) for parts in zip(*ends))

    def _unpacked(self) -> list[tuple[str, LinearPackedParams]]:
        """The maps by the ends of their names, such as `ih_l0`."""
        suffixes = [s for layer in range(self.num_layers) for s in self._suffixes(layer)]
        cells: list[Any] = list(self._all_weight_values)
        return [(f"{part}{s}", getattr(cell.param, name)) for s, cell in zip(suffixes, cells)
                for part, name in (("ih", "input"), ("hh", "hidden"))]  # fmt: skip

    def get_weight(self) -> dict[str, Tensor]:
        """The weights by their names."""
        return {f"weight_{name}": packed.unpack()[0] for name, packed in self._unpacked()}

    def get_bias(self) -> dict[str, Tensor | None]:
        """The biases by their names."""
        return {f"bias_{name}": packed.unpack()[1] for name, packed in self._unpacked()}

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The quantized layer of a float one, whose `qconfig` says how its weights are quantized. Raises AssertionError
        for one of another kind, NotImplementedError for one with a projection.
        """
        dt = _require(cls, mod, (nn.LSTM, nn.GRU))
        if mod.proj_size:
            raise NotImplementedError("an LSTM with a projection is not quantized")
        made: Any = cls(
            mod.input_size, mod.hidden_size, mod.num_layers, mod.bias, mod.batch_first, mod.dropout, mod.bidirectional,
            dtype=dt,
        )  # fmt: skip
        suffixes = [s for layer in range(mod.num_layers) for s in mod._suffixes(layer)]
        for suffix, cell in zip(suffixes, made._all_weight_values):
            pairs = [(getattr(mod, f"weight_{p}{suffix}"), getattr(mod, f"bias_{p}{suffix}") if mod.bias else None)
                     for p in ("ih", "hh")]  # fmt: skip
            cell.param = CellParams(*[_quantized(weight, bias, mod) for weight, bias in pairs])
        return made


class LSTM(RNNBase):
    """A network of long short-term memory with weights of integers. The arguments are those of :class:`kagari.nn.LSTM`.

    >>> import kagari as torch
    >>> output, state = torch.ao.nn.quantized.dynamic.LSTM(10, 20, 2)(torch.randn(5, 3, 10))
    >>> output.shape
    torch.Size([5, 3, 20])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def forward(self, input: Any, hx: Any = None) -> Any:
        return self._run(input, None if hx is None else tuple(hx))


class GRU(RNNBase):
    """A network of gated units with weights of integers. The arguments are those of :class:`kagari.nn.GRU`.

    >>> import kagari as torch
    >>> output, state = torch.ao.nn.quantized.dynamic.GRU(10, 20, 2)(torch.randn(5, 3, 10))
    >>> output.shape
    torch.Size([5, 3, 20])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input: Any, hx: Any = None) -> Any:
        output, last = self._run(input, None if hx is None else (hx,))
        return output, last[0]


# Single steps


class RNNCellBase(nn.Module):
    """What :class:`RNNCell`, :class:`LSTMCell` and :class:`GRUCell` have in common."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, num_chunks: int = 4, dtype: dtype = dtypes.qint8
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias, self.weight_dtype = input_size, hidden_size, bias, dtype
        rows = num_chunks * hidden_size
        self.bias_ih, self.bias_hh = (ops.zeros(rows) if bias else None for _ in range(2))
        self._packed_weight_ih = _packed(ops.zeros(rows, input_size), self.bias_ih, dtype)
        self._packed_weight_hh = _packed(ops.zeros(rows, hidden_size), self.bias_hh, dtype)

    def _get_name(self) -> str:
        return f"DynamicQuantized{type(self).__name__}"

    def extra_repr(self) -> str:
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        shown = f"{self.input_size}, {self.hidden_size}" + (", bias=False" if not self.bias else "")
        return shown + (f", nonlinearity={nonlinearity}" if nonlinearity != "tanh" else "")

    def _step(self, mode: str, input: Tensor, state: State | None) -> State:
        if input.ndim != 2 or input.shape[1] != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {input.shape[-1]}, expected {self.input_size}")
        if state is None:
            zeros = ops.zeros(input.shape[0], self.hidden_size, dtype=input.dtype)
            state = (zeros,) * (2 if mode == "LSTM" else 1)
        for part in state:
            if tuple(part.shape) != (input.shape[0], self.hidden_size):
                raise RuntimeError(
                    f"Input batch size {input.shape[0]} and hidden size {self.hidden_size} do not match a state of "
                    f"size {list(part.shape)}"
                )
        maps = self._packed_weight_ih.dynamic(input, True), self._packed_weight_hh.dynamic(state[0], True)
        return _updated(mode, *maps, state)

    def get_weight(self) -> dict[str, Tensor]:
        """The weights by their names."""
        return {"weight_ih": self._packed_weight_ih.unpack()[0], "weight_hh": self._packed_weight_hh.unpack()[0]}

    def get_bias(self) -> dict[str, Tensor | None]:
        """The biases by their names."""
        return {"bias_ih": self._packed_weight_ih.unpack()[1], "bias_hh": self._packed_weight_hh.unpack()[1]}

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}_packed_weight_ih"] = self._packed_weight_ih
        destination[f"{prefix}_packed_weight_hh"] = self._packed_weight_hh

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, *rest: Any
    ) -> None:
        self._packed_weight_ih = state_dict.pop(f"{prefix}_packed_weight_ih")
        self._packed_weight_hh = state_dict.pop(f"{prefix}_packed_weight_hh")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, False, *rest)

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The quantized layer of a float one, whose `qconfig` says how its weights are quantized. Raises AssertionError
        for one of another kind.
        """
        dt = _require(cls, mod, (nn.LSTMCell, nn.GRUCell, nn.RNNCell))
        more: dict[str, Any] = {"nonlinearity": mod.nonlinearity} if type(mod) is nn.RNNCell else {}
        made: Any = cls(mod.input_size, mod.hidden_size, bias=mod.bias, dtype=dt, **more)
        made._packed_weight_ih = _quantized(mod.weight_ih, mod.bias_ih, mod)
        made._packed_weight_hh = _quantized(mod.weight_hh, mod.bias_hh, mod)
        return made


class RNNCell(RNNCellBase):
    """A step of Elman's recurrent network with weights of integers. The arguments are those of
    :class:`kagari.nn.RNNCell`.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh",
        dtype: dtype = dtypes.qint8,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, num_chunks=1, dtype=dtype)
        if nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {nonlinearity}")
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(f"RNN_{self.nonlinearity.upper()}", input, None if hx is None else (hx,))[0]


class LSTMCell(RNNCellBase):
    """A step of long short-term memory with weights of integers. The arguments are those of
    :class:`kagari.nn.LSTMCell`.
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, dtype: dtype = dtypes.qint8) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=4, dtype=dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> State:
        return self._step("LSTM", input, hx)


class GRUCell(RNNCellBase):
    """A step of a gated unit with weights of integers. The arguments are those of :class:`kagari.nn.GRUCell`."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, dtype: dtype = dtypes.qint8) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=3, dtype=dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step("GRU", input, None if hx is None else (hx,))[0]


__all__ = ["GRU", "LSTM", "CellParams", "GRUCell", "LSTMCell", "PackedParameter", "RNNCell"]
