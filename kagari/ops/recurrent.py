"""One step of a recurrent network: a product with the state, and what gates make of it, as one operator.

In shapes, N stands for the batch, H for the size of the state, and G for that of all gates.
"""

from __future__ import annotations

from ..base.dtypes import accumulate
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
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


@operator(namespace="nn.functional", method=False, out=False)
def rnn_step(gates: Tensor, hidden: Tensor, weight: Tensor, nonlinearity: str) -> Value:
    """`f(a + h W^T)` with f the hyperbolic tangent or relu, of an input a that was projected before."""
    total = ir.add(_wide(gates), _times(hidden, weight))
    result = ir.tanh(total) if nonlinearity == "tanh" else ir.where(ir.le(total, 0), 0, total)
    return graph.cast(result, gates.dtype)


@operator(namespace="nn.functional", method=False, out=False, returns=("hidden", "cell"))
def lstm_step(gates: Tensor, hidden: Tensor, cell: Tensor, weight: Tensor) -> tuple[Value, Value]:
    """`c' = s(f) c + s(i) tanh(g)` and `h' = s(o) tanh(c')`, where `i, f, g, o` are the parts of `a + h W^T`.

    Source: Hochreiter and Schmidhuber, Long Short-Term Memory, 1997.
    """
    total = ir.add(_wide(gates), _times(hidden, weight))
    i, f, g, o = (_gate(total, k, cell) for k in range(4))
    kept = ir.add(ir.mul(ir.sigmoid(f), _wide(cell)), ir.mul(ir.sigmoid(i), ir.tanh(g)))
    shown = ir.mul(ir.sigmoid(o), ir.tanh(kept))
    return graph.cast(shown, gates.dtype), graph.cast(kept, gates.dtype)


@operator(namespace="nn.functional", method=False, out=False)
def gru_step(gates: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor | None = None) -> Value:
    """`h' = n + s(z) (h - n)` with `n = tanh(a_n + s(r) b_n)`, of parts of `a` and of `b = h W^T + bias`.

    Source: Cho and others, Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
    Translation, 2014 (arXiv 1406.1078).
    """
    a, b = _wide(gates), _times(hidden, weight)
    b = b if bias is None else ir.add(b, _wide(bias))
    r, z = (ir.sigmoid(ir.add(_gate(a, k, hidden), _gate(b, k, hidden))) for k in range(2))
    n = ir.tanh(ir.add(_gate(a, 2, hidden), ir.mul(r, _gate(b, 2, hidden))))
    return graph.cast(ir.add(n, ir.mul(z, ir.sub(_wide(hidden), n))), gates.dtype)


OPERATORS: tuple[Operator, ...] = (rnn_step, lstm_step, gru_step)
