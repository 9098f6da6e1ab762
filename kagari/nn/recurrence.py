"""What recurrent layers and cells share: a step of each kind, and a direction of a layer that takes it again and again.

Shapes: T steps, N sequences in a batch, F numbers in an input, H in a state, G in all gates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..autograd import Function, grad, is_grad_enabled
from ..capture.recording import Recorded
from ..eager import Tensor
from ..eager import operators as ops
from .pieces import pieces

State = tuple[Tensor, ...]
"""What a step hands to the next one: the hidden state, and of an LSTM the cell state."""

GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
"""How many gates of the size of the state each kind of network has."""

FEW_ROWS, MANY_STEPS = 24, 8
"""With up to so many rows in all of so many steps, the columns of a matrix are laid side by side once, not in each."""


def _updated(mode: str, gates: Tensor, product: Tensor, state: State) -> State:
    """The state that gates make, of an LSTM before its projection."""
    if mode == "LSTM":
        hidden, cell = ops.lstm_update(gates, product, state[1])
        return hidden, cell
    if mode == "GRU":
        return (ops.gru_update(gates, product, state[0]),)
    return (ops.rnn_update(gates, product, mode.removeprefix("RNN_").lower()),)


def _slopes(mode: str, gates: Tensor, product: Tensor, state: State, grads: State) -> tuple[Tensor, Tensor, State]:
    """The gradients of the gates, of the product, and of the old state apart from the product.

    The first two are one but for a GRU.
    """
    if mode == "LSTM":
        slopes, by_cell = ops.lstm_slopes(gates, product, state[1], *grads)
        return slopes, slopes, (by_cell,)
    if mode == "GRU":
        by_gates, by_product, by_hidden = ops.gru_slopes(gates, product, state[0], *grads)
        return by_gates, by_product, (by_hidden,)
    slopes = ops.rnn_slopes(gates, product, grads[0], mode.removeprefix("RNN_").lower())
    return slopes, slopes, ()


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
        return _step(self.mode, gates, state, state[0], self.hidden, self.hidden_bias, self.projection)[0]


def _step(
    mode: str, gates: Tensor, state: State, factor: Tensor, weight: Tensor, bias: Tensor | None,
    projection: Tensor | None,
) -> tuple[State, Tensor, Tensor]:  # fmt: skip
    """The state after one step, the product of the old state, and the hidden state before its projection.

    `factor` is the hidden state in the dtype of the matrix.
    """
    product = ops.linear(factor, weight, bias)
    whole, *cell = _updated(mode, gates, product, state)
    hidden = whole if projection is None else ops.linear(whole, projection)
    return (hidden, *cell), product, whole


def _carried(state: State, begin: State, have: int, rows: int) -> State:
    """A state of so many rows for another number of them: sequences that have ended, the last ones, are left out, and
    those that begin join.
    """
    if rows <= have:
        return state if rows == have else tuple(part[:rows] for part in state)
    return tuple(ops.cat([part, new[have:rows]]) for part, new in zip(state, begin))


def _run(
    mode: str, steps: Sequence[Tensor], sizes: Sequence[int], begin: State, weight: Tensor, bias: Tensor | None,
    projection: Tensor | None,
) -> tuple[list[State], list[Tensor], list[Tensor], State]:  # fmt: skip
    """All steps in the order in which they are taken: the states, the products, the states before their projection; and
    the last state of each sequence.
    """
    states: list[State] = []
    products, wholes = [], []
    ended: list[State] = []
    have = sizes[0]
    state = tuple(part[:have] for part in begin)
    mixed = state[0].dtype is not weight.dtype
    if max(sizes) <= FEW_ROWS and len(sizes) >= MANY_STEPS:
        weight = weight.mT.contiguous().mT
    for gates, rows in zip(steps, sizes):
        if rows < have:
            ended.insert(0, tuple(part[rows:] for part in state))
        state, have = _carried(state, begin, have, rows), rows
        factor = state[0].to(weight.dtype) if mixed else state[0]
        state, product, whole = _step(mode, gates, state, factor, weight, bias, projection)
        states.append(state)
        products.append(product)
        wholes.append(whole)
    last = tuple(ops.cat(parts) for parts in zip(state, *ended)) if ended else state
    return states, products, wholes, last


def _in_turn(x: Tensor, sizes: Sequence[int], reverse: bool) -> Sequence[Tensor]:
    """The rows of each step, in the order in which steps are taken."""
    cut = pieces(x, sizes)
    return cut[::-1] if reverse else cut


def _joined(parts: Sequence[Tensor], reverse: bool) -> Tensor:
    """The rows of all steps from those of each, in the order in which they were taken."""
    joined: Tensor = ops.cat(parts[::-1] if reverse else parts)
    return joined


class _Kind(NamedTuple):
    """What a direction is apart from its tensors, and which of the optional ones there are."""

    mode: str
    sizes: tuple[int, ...]
    reverse: bool
    biased: bool
    projected: bool

    @property
    def rows(self) -> tuple[int, ...]:
        """How many sequences there are in each step, in the order in which steps are taken."""
        return self.sizes[::-1] if self.reverse else self.sizes

    @property
    def parts(self) -> int:
        """How many tensors a state consists of."""
        return 2 if self.mode == "LSTM" else 1

    @property
    def given(self) -> int:
        """The number of arguments."""
        return 2 + self.biased + self.projected + self.parts

    def arguments(self, tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None, State]:
        """The gates, the matrix, its bias, the projection and the state to begin with."""
        gates, weight, *rest = tensors
        bias = rest.pop(0) if self.biased else None
        projection = rest.pop(0) if self.projected else None
        return gates, weight, bias, projection, tuple(rest[: self.parts])


def _all(kind: _Kind, *tensors: Tensor) -> tuple[list[State], list[Tensor], list[Tensor], State]:
    """What `_run` gives for these arguments."""
    gates, weight, bias, projection, begin = kind.arguments(tensors)
    steps = _in_turn(gates, kind.sizes, kind.reverse)
    return _run(kind.mode, steps, kind.rows, begin, weight, bias, projection)


def _seen(kind: _Kind, *tensors: Tensor) -> tuple[Tensor, ...]:
    """All steps: the hidden states and the last state."""
    states, *_, last = _all(kind, *tensors)
    return _joined([state[0] for state in states], kind.reverse), *(part.clone() for part in last)


def _kept(kind: _Kind, *tensors: Tensor) -> tuple[Tensor, ...]:
    """All steps: the hidden states, the last state, and what gradients are made of, which nobody else may change."""
    states, products, wholes, last = _all(kind, *tensors)
    hidden, *cells = (_joined(parts, kind.reverse) for parts in zip(*states))
    made = (products, wholes) if kind.projected else (products,)
    kept = *(_joined(parts, kind.reverse) for parts in made), hidden.clone(), *cells
    return hidden, *(part.clone() for part in last), *kept


class _Recurrence(Function):
    """A direction as one node: the gradients of its matrices are one product over all steps, not a sum of many."""

    @staticmethod
    def forward(ctx: Any, kind: _Kind, *tensors: Tensor) -> tuple[Tensor, ...]:
        hidden, *rest = _KEPT(kind, *tensors)
        ctx.kind = kind
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, *rest[kind.parts :])
        return hidden, *rest[: kind.parts]

    @staticmethod
    def backward(ctx: Any, by_hidden: Tensor | None, *by_last: Tensor | None) -> tuple[Any, ...]:
        kind: _Kind = ctx.kind
        saved = ctx.saved_tensors
        arguments = saved[: kind.given]
        if is_grad_enabled():  # gradients of these gradients: step by step, as autograd finds them
            pairs = [(x, g) for x, g in zip(_seen(kind, *arguments), (by_hidden, *by_last)) if g is not None]
            wanted = [x for x in arguments if x.requires_grad]
            outputs, seeds = ([pair[k] for pair in pairs] for k in (0, 1))
            found = iter(grad(outputs, wanted, seeds, create_graph=True))
            return None, *(next(found) if x.requires_grad else None for x in arguments)
        begin = kind.arguments(arguments)[-1]
        ended = [part.new_zeros(part.shape) if g is None else g for g, part in zip(by_last, begin)]
        shown = [] if by_hidden is None else [by_hidden]
        return None, *_GRADIENTS(kind, *saved, *ended, *shown)


def _gradients(kind: _Kind, *tensors: Tensor) -> tuple[Tensor, ...]:
    """The gradients of the arguments. `tensors` are these, what forward kept, and the gradients of the last state and,
    where there are any, of the hidden states.
    """
    gates, weight, bias, projection, begin = kind.arguments(tensors)
    rows, count = kind.rows, len(kind.rows)
    rest = list(tensors[kind.given :])

    def taken() -> Sequence[Tensor]:
        return _in_turn(rest.pop(0), kind.sizes, kind.reverse)

    steps = _in_turn(gates, kind.sizes, kind.reverse)
    products, wholes = taken(), taken() if kind.projected else []
    states: list[State] = list(zip(*(taken() for _ in begin)))
    ended = [rest.pop(0) for _ in begin]
    shown = taken() if rest else [None] * count
    before = [tuple(part[: rows[0]] for part in begin)]
    before += [_carried(state, begin, have, n) for state, have, n in zip(states, rows, rows[1:])]
    carry = tuple(g[: rows[-1]] for g in ended)
    joined: list[State] = []
    by_gates, by_products, by_projected = [], [], []
    for t in reversed(range(count)):
        hidden = carry[0] if shown[t] is None else carry[0] + shown[t]
        whole = hidden if projection is None else hidden @ projection
        slopes, by_product, direct = _slopes(kind.mode, steps[t], products[t], before[t], (whole, *carry[1:]))
        by_gates.append(slopes)
        by_products.append(by_product)
        by_projected.append(hidden)
        back = by_product @ weight
        carry = (back + direct[0],) if kind.mode == "GRU" else (back, *direct)
        have, had = rows[t], rows[max(t - 1, 0)]
        if had > have:
            carry = tuple(ops.cat([part, g[have:had]]) for part, g in zip(carry, ended))
        elif had < have:
            joined.insert(0, tuple(part[had:] for part in carry))
            carry = tuple(part[:had] for part in carry)
    by_begin = tuple(ops.cat(found) for found in zip(carry, *joined)) if joined else carry
    flat = _joined(by_products[::-1], kind.reverse)
    old = _joined([state[0] for state in before], kind.reverse).to(flat.dtype)
    return (
        _joined(by_gates[::-1], kind.reverse) if kind.mode == "GRU" else flat,
        flat.mT @ old, *(() if bias is None else (flat.sum(0),)),
        *(() if projection is None else (ops.cat(by_projected).mT @ ops.cat(wholes[::-1]),)), *by_begin,
    )  # fmt: skip


_SEEN, _KEPT, _GRADIENTS = Recorded(_seen), Recorded(_kept), Recorded(_gradients)


def direction(
    weights: Weights, x: Tensor, state: State, sizes: Sequence[int] | None, reverse: bool
) -> tuple[Tensor, State]:
    """One direction of one layer: (T, N, F) to (T, N, H), or packed rows (*, F) to (*, H), and the last state.

    `sizes` are the numbers of rows in the steps of what is packed.
    """
    gates = weights.gates(x)
    rows = [x.shape[1]] * x.shape[0] if sizes is None else list(sizes)
    flat = gates.flatten(0, 1) if sizes is None else gates
    # Under autocast the gates are in lower precision. The matrices follow them, once, and so does a hidden state that
    # is made anew in each step; one that all steps add to stays as it is.
    low = gates.dtype
    bias, projection = (x if x is None else x.to(low) for x in (weights.hidden_bias, weights.projection))
    matrices = weights.hidden.to(low), bias, projection
    state = state if weights.mode == "GRU" else (state[0].to(low), *state[1:])
    kind = _Kind(weights.mode, tuple(rows), reverse, bias is not None, projection is not None)
    tensors = [x for x in (flat, *matrices, *state) if x is not None]
    hidden, *last = _Recurrence.apply(kind, *tensors) if is_grad_enabled() else _SEEN(kind, *tensors)
    return (hidden.unflatten(0, tuple(x.shape[:2])) if sizes is None else hidden), tuple(last)


__all__ = ["GATES", "State", "Weights", "direction"]
