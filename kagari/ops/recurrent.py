"""What the gates of a recurrent network make of a state, element by element, and the gradients of that.

Gates get a sum of two parts: one from the input, projected for all steps at once, and the product of the state with
their matrix. In shapes, N stands for the batch, H for the size of the state, and G for that of all gates.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..base.dtypes import accumulate
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .operator import Operator, Tensor, operator
from .shapes import narrowed


def _wide(x: Value) -> Value:
    return graph.cast(x, accumulate(x.dtype))


def _gate(x: Value, number: int, size: Value) -> Value:
    """One of the gates that lie side by side, of the size of the state: `(N, G)` to `(N, H)`."""
    return narrowed(x, 1, size.shape[1] * number, size.shape[1])


def _slope(gate: Value) -> Value:
    """The derivative of the logistic function, from its value."""
    return ir.mul(gate, ir.sub(1, gate))


def _bent(gates: Value, product: Value, nonlinearity: str) -> Value:
    total = ir.add(_wide(gates), _wide(product))
    return ir.tanh(total) if nonlinearity == "tanh" else ir.where(ir.le(total, 0), 0, total)


@operator(namespace="nn.functional", method=False, out=False)
def rnn_slopes(gates: Tensor, product: Tensor, g: Tensor, nonlinearity: str) -> Value:
    """The gradient of the gates where g is that of `rnn_update`."""
    bent, wide = _bent(gates, product, nonlinearity), _wide(g)
    slope = ir.sub(1, ir.mul(bent, bent)) if nonlinearity == "tanh" else ir.where(ir.gt(bent, 0), 1, 0)
    return graph.cast(ir.mul(wide, slope), gates.dtype)


def _rnn_gradient(g: Value, gates: Value, product: Value, nonlinearity: str) -> list[Value]:
    return [rnn_slopes.define(gates, product, g, nonlinearity)] * 2


@operator(namespace="nn.functional", method=False, out=False, gradient=_rnn_gradient)
def rnn_update(gates: Tensor, product: Tensor, nonlinearity: str) -> Value:
    """`f(a + b)` with f the hyperbolic tangent or relu."""
    return graph.cast(_bent(gates, product, nonlinearity), gates.dtype)


def _lstm_gates(gates: Value, product: Value, cell: Value) -> tuple[Value, Value, Value, Value]:
    """The gates of input, forgetting and output, and what would be taken in: i, f, g, o."""
    total = ir.add(_wide(gates), _wide(product))
    i, f, g, o = (_gate(total, k, cell) for k in range(4))
    return ir.sigmoid(i), ir.sigmoid(f), ir.tanh(g), ir.sigmoid(o)


@operator(namespace="nn.functional", method=False, out=False, returns=("gates", "cell"))
def lstm_slopes(
    gates: Tensor, product: Tensor, cell: Tensor, by_hidden: Tensor, by_cell: Tensor
) -> tuple[Value, Value]:
    """The gradients of the gates and of the cell where `by_hidden` and `by_cell` are those of `lstm_update`."""
    i, f, new, o = _lstm_gates(gates, product, cell)
    shown, kept, old = _wide(by_hidden), _wide(by_cell), _wide(cell)
    bent = ir.tanh(ir.add(ir.mul(f, old), ir.mul(i, new)))
    kept = ir.add(kept, ir.mul(ir.mul(shown, o), ir.sub(1, ir.mul(bent, bent))))
    slopes = (
        ir.mul(ir.mul(kept, new), _slope(i)),
        ir.mul(ir.mul(kept, old), _slope(f)),
        ir.mul(ir.mul(kept, i), ir.sub(1, ir.mul(new, new))),
        ir.mul(ir.mul(shown, bent), _slope(o)),
    )
    return graph.cast(graph.cat(slopes, 1), gates.dtype), graph.cast(ir.mul(kept, f), cell.dtype)


def _lstm_gradient(g: Sequence[Value], gates: Value, product: Value, cell: Value) -> list[Value]:
    """Written out, so that the gradients of the gates are joined and not each filled up with zeros and added."""
    slopes, by_cell = lstm_slopes.define(gates, product, cell, *g)
    return [slopes, slopes, by_cell]


@operator(namespace="nn.functional", method=False, out=False, returns=("hidden", "cell"), gradient=_lstm_gradient)
def lstm_update(gates: Tensor, product: Tensor, cell: Tensor) -> tuple[Value, Value]:
    """`c' = s(f) c + s(i) tanh(g)` and `h' = s(o) tanh(c')`, where `i, f, g, o` are the parts of `a + b`.

    Source: Hochreiter and Schmidhuber, Long Short-Term Memory, 1997.
    """
    i, f, g, o = _lstm_gates(gates, product, cell)
    kept = ir.add(ir.mul(f, _wide(cell)), ir.mul(i, g))
    return graph.cast(ir.mul(o, ir.tanh(kept)), gates.dtype), graph.cast(kept, cell.dtype)


def _gru_parts(gates: Value, product: Value, hidden: Value) -> tuple[Value, Value, Value, Value]:
    """The gates of reset and update, what is new, and the part of it that the reset gate multiplies."""
    a, b = _wide(gates), _wide(product)
    r, z = (ir.sigmoid(ir.add(_gate(a, k, hidden), _gate(b, k, hidden))) for k in range(2))
    old = _gate(b, 2, hidden)
    return r, z, ir.tanh(ir.add(_gate(a, 2, hidden), ir.mul(r, old))), old


@operator(namespace="nn.functional", method=False, out=False, returns=("gates", "product", "hidden"))
def gru_slopes(gates: Tensor, product: Tensor, hidden: Tensor, g: Tensor) -> tuple[Value, Value, Value]:
    """The gradients of the arguments of `gru_update` where g is that of its result."""
    r, z, n, old = _gru_parts(gates, product, hidden)
    g = _wide(g)
    new = ir.mul(ir.mul(g, ir.sub(1, z)), ir.sub(1, ir.mul(n, n)))
    update = ir.mul(ir.mul(g, ir.sub(_wide(hidden), n)), _slope(z))
    reset = ir.mul(ir.mul(new, old), _slope(r))
    by_gates, by_product = (graph.cat((reset, update, last), 1) for last in (new, ir.mul(new, r)))
    return (
        graph.cast(by_gates, gates.dtype), graph.cast(by_product, product.dtype),
        graph.cast(ir.mul(g, z), hidden.dtype),
    )  # fmt: skip


def _gru_gradient(g: Value, gates: Value, product: Value, hidden: Value) -> list[Value]:
    """Written out, so that the gradients of the gates are joined and not each filled up with zeros and added."""
    return list(gru_slopes.define(gates, product, hidden, g))


@operator(namespace="nn.functional", method=False, out=False, gradient=_gru_gradient)
def gru_update(gates: Tensor, product: Tensor, hidden: Tensor) -> Value:
    """`h' = n + s(z) (h - n)` with `n = tanh(a_n + s(r) b_n)`, of parts of `a` and of `b`.

    Source: Cho and others, Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
    Translation, 2014 (arXiv 1406.1078).
    """
    _, z, n, _ = _gru_parts(gates, product, hidden)
    return graph.cast(ir.add(n, ir.mul(z, ir.sub(_wide(hidden), n))), hidden.dtype)


OPERATORS: tuple[Operator, ...] = (rnn_update, rnn_slopes, lstm_update, lstm_slopes, gru_update, gru_slopes)
