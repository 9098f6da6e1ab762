"""One step of a recurrent network: a product with the state, and what gates make of it, as one operator.

In shapes, N stands for the batch, H for the size of the state, and G for that of all gates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base.dtypes import accumulate, dtype
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .autocast import lower
from .operator import Operator, Tensor, operator
from .shapes import narrowed


def _wide(x: Value) -> Value:
    return graph.cast(x, accumulate(x.dtype))


def _times(hidden: Value, weight: Value) -> Value:
    """The state times the matrix of all gates: `(N, H)` and `(G, H)` to `(N, G)`."""
    return _wide(graph.dot(hidden, ir.transpose(weight)))


def _gate(x: Value, number: int, size: Value) -> Value:
    """One of the gates that lie side by side, of the size of the state: `(N, G)` to `(N, H)`."""
    return narrowed(x, 1, size.shape[1] * number, size.shape[1])


@operator(autocast=lower, namespace="nn.functional", method=False, out=False)
def rnn_step(gates: Tensor, hidden: Tensor, weight: Tensor, nonlinearity: str) -> Value:
    """`f(a + h W^T)` with f the hyperbolic tangent or relu, of an input a that was projected before."""
    total = ir.add(_wide(gates), _times(hidden, weight))
    result = ir.tanh(total) if nonlinearity == "tanh" else ir.where(ir.le(total, 0), 0, total)
    return graph.cast(result, gates.dtype)


def _lstm_gates(gates: Value, hidden: Value, cell: Value, weight: Value) -> tuple[Value, Value, Value, Value]:
    """The gates of input, forgetting and output, and what would be taken in: i, f, g, o."""
    total = ir.add(_wide(gates), _times(hidden, weight))
    i, f, g, o = (_gate(total, k, cell) for k in range(4))
    return ir.sigmoid(i), ir.sigmoid(f), ir.tanh(g), ir.sigmoid(o)


def _through(slopes: tuple[Value, ...], hidden: Value, weight: Value) -> tuple[Value, Value, Value]:
    """The gradients of the gates side by side, of the state and of the matrix that it was multiplied by."""
    joined = graph.cast(graph.cat(slopes, 1), weight.dtype)
    return joined, graph.dot(joined, weight), graph.dot(ir.transpose(joined), hidden)


def _lstm_gradient(g: Sequence[Value], gates: Value, hidden: Value, cell: Value, weight: Value) -> list[Value]:
    """Written out, so that the gradients of the gates are joined and not each filled up with zeros and added."""
    i, f, new, o = _lstm_gates(gates, hidden, cell, weight)
    shown, kept, old = _wide(g[0]), _wide(g[1]), _wide(cell)
    bent = ir.tanh(ir.add(ir.mul(f, old), ir.mul(i, new)))
    kept = ir.add(kept, ir.mul(ir.mul(shown, o), ir.sub(1, ir.mul(bent, bent))))
    slopes = (
        ir.mul(ir.mul(kept, new), _slope(i)),
        ir.mul(ir.mul(kept, old), _slope(f)),
        ir.mul(ir.mul(kept, i), ir.sub(1, ir.mul(new, new))),
        ir.mul(ir.mul(shown, bent), _slope(o)),
    )
    joined, by_hidden, by_weight = _through(slopes, hidden, weight)
    return [joined, by_hidden, graph.cast(ir.mul(kept, f), cell.dtype), by_weight]


def _slope(gate: Value) -> Value:
    """The derivative of the logistic function, from its value."""
    return ir.mul(gate, ir.sub(1, gate))


def _lower_but_cell(args: tuple[Any, ...], low: dtype) -> tuple[Any, ...]:
    """Under autocast the cell state, to which all steps add, stays as it is; the rest is in lower precision."""
    gates, hidden, cell, weight = args
    gates, hidden, weight = lower((gates, hidden, weight), low)
    return gates, hidden, cell, weight


@operator(
    autocast=_lower_but_cell, namespace="nn.functional", method=False, out=False, returns=("hidden", "cell"),
    gradient=_lstm_gradient,
)  # fmt: skip
def lstm_step(gates: Tensor, hidden: Tensor, cell: Tensor, weight: Tensor) -> tuple[Value, Value]:
    """`c' = s(f) c + s(i) tanh(g)` and `h' = s(o) tanh(c')`, where `i, f, g, o` are the parts of `a + h W^T`.

    Source: Hochreiter and Schmidhuber, Long Short-Term Memory, 1997.
    """
    i, f, g, o = _lstm_gates(gates, hidden, cell, weight)
    kept = ir.add(ir.mul(f, _wide(cell)), ir.mul(i, g))
    shown = ir.mul(o, ir.tanh(kept))
    return graph.cast(shown, gates.dtype), graph.cast(kept, cell.dtype)


def _gru_parts(gates: Value, hidden: Value, weight: Value, bias: Value | None) -> tuple[Value, Value, Value, Value]:
    """The gates of reset and update, what is new, and the part of it that the reset gate multiplies."""
    a, b = _wide(gates), _times(graph.cast(hidden, weight.dtype), weight)
    b = b if bias is None else ir.add(b, _wide(bias))
    r, z = (ir.sigmoid(ir.add(_gate(a, k, hidden), _gate(b, k, hidden))) for k in range(2))
    old = _gate(b, 2, hidden)
    return r, z, ir.tanh(ir.add(_gate(a, 2, hidden), ir.mul(r, old))), old


def _gru_gradient(g: Value, gates: Value, hidden: Value, weight: Value, bias: Value | None = None) -> list[Value]:
    """Written out, so that the gradients of the gates are joined and not each filled up with zeros and added."""
    r, z, n, old = _gru_parts(gates, hidden, weight, bias)
    g = _wide(g)
    new = ir.mul(ir.mul(g, ir.sub(1, z)), ir.sub(1, ir.mul(n, n)))
    update = ir.mul(ir.mul(g, ir.sub(_wide(hidden), n)), _slope(z))
    reset = ir.mul(ir.mul(new, old), _slope(r))
    by_state, by_hidden, by_weight = _through((reset, update, ir.mul(new, r)), graph.cast(hidden, weight.dtype), weight)
    by_gates = graph.cast(graph.cat((reset, update, new), 1), gates.dtype)
    by_hidden = graph.cast(ir.add(_wide(by_hidden), ir.mul(g, z)), hidden.dtype)
    grads = [by_gates, by_hidden, by_weight]
    return grads if bias is None else [*grads, ir.sum_to(by_state, bias.shape)]


def _lower_but_state(args: tuple[Any, ...], low: dtype) -> tuple[Any, ...]:
    """Under autocast the state, to which all steps add, stays as it is; the rest is in lower precision."""
    gates, hidden, *others = args
    return (*lower((gates,), low), hidden, *lower(tuple(others), low))


@operator(autocast=_lower_but_state, namespace="nn.functional", method=False, out=False, gradient=_gru_gradient)
def gru_step(gates: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor | None = None) -> Value:
    """`h' = n + s(z) (h - n)` with `n = tanh(a_n + s(r) b_n)`, of parts of `a` and of `b = h W^T + bias`.

    Source: Cho and others, Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
    Translation, 2014 (arXiv 1406.1078).
    """
    _, z, n, _ = _gru_parts(gates, hidden, weight, bias)
    return graph.cast(ir.add(n, ir.mul(z, ir.sub(_wide(hidden), n))), hidden.dtype)


OPERATORS: tuple[Operator, ...] = (rnn_step, lstm_step, gru_step)
