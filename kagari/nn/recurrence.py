"""What recurrent layers and cells share: a step of each kind, and a direction of a layer that takes it again and again.

Shapes: T steps, N sequences in a batch, F numbers in an input, H in a state, G in all gates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..eager import Tensor
from ..eager import operators as ops
from .pieces import pieces

State = tuple[Tensor, ...]
"""What a step hands to the next one: the hidden state, and of an LSTM the cell state."""

Step = Callable[[Tensor, State], State]
"""The gates of an input, (N, G), and a state to the next state."""

GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
"""How many gates of the size of the state each kind of network has."""


class Weights:
    """The matrices and biases of one direction of one layer.

    `projection` is the matrix that makes the hidden state of an LSTM smaller.
    """

    def __init__(
        self,
        mode: str,
        input: Tensor,
        hidden: Tensor,
        biases: tuple[Tensor, Tensor] | None,
        projection: Tensor | None = None,
    ) -> None:
        self.mode, self.input, self.hidden, self.projection = mode, input, hidden, projection
        # The reset gate of a GRU multiplies the bias of the state, which therefore is not one with the input's.
        apart = mode == "GRU" and biases is not None
        self.bias = None if biases is None else biases[0] if apart else biases[0] + biases[1]
        self.hidden_bias = biases[1] if biases is not None and apart else None

    def gates(self, x: Tensor) -> Tensor:
        """What the gates get from inputs, of all steps at once: (*, F) to (*, G)."""
        gates: Tensor = ops.linear(x, self.input, self.bias)
        return gates

    def step(self, gates: Tensor, state: State) -> State:
        """The state after one step."""
        if self.mode == "LSTM":
            hidden, cell = ops.lstm_step(gates, state[0], state[1], self.hidden)
            return (hidden if self.projection is None else ops.linear(hidden, self.projection)), cell
        if self.mode == "GRU":
            return (ops.gru_step(gates, state[0], self.hidden, self.hidden_bias),)
        return (ops.rnn_step(gates, state[0], self.hidden, self.mode.removeprefix("RNN_").lower()),)


def forwards(step: Step, gates: Sequence[Tensor], state: State) -> tuple[list[Tensor], State]:
    """The hidden state of each step, and the last state of each sequence.

    A step of fewer rows than the one before it leaves out sequences that have ended, which are the last ones.
    """
    shown, ended = [], []
    for x in gates:
        if x.shape[0] < state[0].shape[0]:
            ended.append(tuple(part[x.shape[0] :] for part in state))
            state = tuple(part[: x.shape[0]] for part in state)
        state = step(x, state)
        shown.append(state[0])
    if not ended:
        return shown, state
    return shown, tuple(ops.cat(parts) for parts in zip(*[state, *reversed(ended)]))


def backwards(step: Step, gates: Sequence[Tensor], state: State) -> tuple[list[Tensor], State]:
    """As `forwards`, from the last step to the first; the shorter a sequence is, the later it joins."""
    shown = []
    begins, state = state, tuple(part[: gates[-1].shape[0]] for part in state)
    for x in reversed(gates):
        have = state[0].shape[0]
        if x.shape[0] > have:
            state = tuple(ops.cat([part, begin[have : x.shape[0]]]) for part, begin in zip(state, begins))
        state = step(x, state)
        shown.append(state[0])
    return shown[::-1], state


def direction(
    weights: Weights, x: Tensor, state: State, sizes: Sequence[int] | None, reverse: bool
) -> tuple[Tensor, State]:
    """One direction of one layer: (T, N, F) to (T, N, H), or packed rows (*, F) to (*, H), and the last state.

    `sizes` are the numbers of rows in the steps of what is packed.
    """
    gates = weights.gates(x)
    steps = pieces(gates, sizes) if sizes is not None else pieces(gates.flatten(0, 1), [x.shape[1]] * x.shape[0])
    shown, state = (backwards if reverse else forwards)(weights.step, steps, state)
    return (ops.stack(shown) if sizes is None else ops.cat(shown)), state


__all__ = ["GATES", "State", "Weights", "direction"]
