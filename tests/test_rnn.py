"""Recurrent layers and cells against the oracle: state and results from a seed, packed sequences, errors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import kagari

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")

LAYERS = (
    "RNN(3, 4)",
    "RNN(3, 4, 2, 'relu', False, True, 0.0, True)",
    "RNN(3, 4, nonlinearity='relu', dtype=float64)",
    "LSTM(3, 4)",
    "LSTM(3, 4, num_layers=2, bidirectional=True)",
    "LSTM(3, 4, 2, proj_size=2, bidirectional=True)",
    "LSTM(3, 4, bias=False, batch_first=True)",
    "LSTM(3, 4, 3, dropout=0.4)",
    "GRU(3, 4)",
    "GRU(3, 4, 2, batch_first=True, bidirectional=True)",
    "GRU(3, 4, bias=False)",
    "GRU(3, 4, 2, dropout=0.3, dtype=float64)",
)
CELLS = (
    "RNNCell(3, 4)",
    "RNNCell(3, 4, nonlinearity='relu')",
    "LSTMCell(3, 4)",
    "LSTMCell(3, 4, bias=False)",
    "GRUCell(3, 4)",
    "GRUCell(3, 4, bias=False, dtype=float64)",
)


def numbers(tensor: Any) -> list[float]:
    return tensor.detach().double().reshape(-1).tolist()


def same(ours: Any, theirs: Any) -> None:
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert numbers(ours) == pytest.approx(numbers(theirs), rel=1e-5, abs=2e-6)


def made(lib: ModuleType, text: str) -> Any:
    lib.manual_seed(4)
    return eval(text, {**{n: getattr(lib.nn, n) for n in dir(lib.nn) if n[0].isupper()}, "float64": lib.float64})


def flat(found: Any) -> list[Any]:
    if isinstance(found, tuple) and not hasattr(found, "batch_sizes"):
        return [x for part in found for x in flat(part)]
    return [found.data, found.batch_sizes] if hasattr(found, "batch_sizes") else [found]


def outcome(lib: ModuleType, text: str, call: Callable[[ModuleType, Any, Any], Any]) -> tuple[Any, Any, list[Any]]:
    """repr, state, results and gradients; `call` is given a maker of random tensors and the layer."""
    layer = made(lib, text)
    leaves: list[Any] = []

    def rand(*shape: int) -> Any:
        x = lib.rand(*shape, dtype=next(layer.parameters()).dtype) * 2 - 1
        leaves.append(x.requires_grad_())
        return x

    found = flat(call(lib, rand, layer))
    sum((x * x).sum() for x in found if x.is_floating_point()).backward()
    grads = [x.grad for x in (*leaves, *layer.parameters())]
    return repr(layer), layer.state_dict(), [*found, *grads]


def compare(text: str, oracle: ModuleType, call: Callable[[ModuleType, Any, Any], Any]) -> None:
    ours, theirs = outcome(kagari, text, call), outcome(oracle, text, call)
    assert ours[0] == theirs[0]
    assert list(ours[1]) == list(theirs[1])
    for name, value in ours[1].items():
        assert numbers(value) == numbers(theirs[1][name])
    for a, b in zip(ours[2], theirs[2], strict=True):
        same(a, b)


def state(layer: Any, rand: Any, batch: tuple[int, ...]) -> Any:
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    hidden = rand(rows, *batch, layer.proj_size or layer.hidden_size)
    return (hidden, rand(rows, *batch, layer.hidden_size)) if layer.mode == "LSTM" else hidden


@pytest.mark.parametrize("text", LAYERS)
def test_layer(text: str, oracle: ModuleType) -> None:
    compare(text, oracle, lambda t, rand, layer: layer(rand(9, 9, 3)))


@pytest.mark.parametrize("text", LAYERS)
def test_layer_from_a_state(text: str, oracle: ModuleType) -> None:
    compare(text, oracle, lambda t, rand, layer: layer(rand(5, 5, 3), state(layer, rand, (5,))))


@pytest.mark.parametrize("text", ["RNN(3, 4)", "LSTM(3, 4, bidirectional=True)", "GRU(3, 4, 2, batch_first=True)"])
def test_layer_without_batch(text: str, oracle: ModuleType) -> None:
    compare(text, oracle, lambda t, rand, layer: layer(rand(5, 3)))
    compare(text, oracle, lambda t, rand, layer: layer(rand(1, 3), state(layer, rand, ())))


@pytest.mark.parametrize("text", [text for text in LAYERS if "dropout" not in text])
@pytest.mark.parametrize("lengths", [[5, 3, 3, 1], [2, 4, 1, 4]])
def test_packed(text: str, lengths: list[int], oracle: ModuleType) -> None:
    def call(t: Any, rand: Any, layer: Any) -> Any:
        sequences = [rand(n, 3) for n in lengths]
        packed = t.nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False)
        return layer(packed, state(layer, rand, (4,))) if "bias" in text else layer(packed)

    compare(text, oracle, call)


@pytest.mark.parametrize("text", CELLS)
def test_cell(text: str, oracle: ModuleType) -> None:
    def three_steps(t: Any, rand: Any, cell: Any) -> Any:
        carried = cell(rand(2, 3))
        for _ in range(2):
            carried = cell(rand(2, 3), carried)
        return carried

    compare(text, oracle, three_steps)
    compare(text, oracle, lambda t, rand, cell: cell(rand(3)))


@pytest.mark.parametrize("text", ["LSTM(3, 4, 2, proj_size=2, bidirectional=True)", "GRU(3, 4, bias=False)"])
def test_weights_by_layer(text: str, oracle: ModuleType) -> None:
    ours, theirs = made(kagari, text), made(oracle, text)
    assert [[tuple(w.shape) for w in ws] for ws in ours.all_weights] == [
        [tuple(w.shape) for w in ws] for ws in theirs.all_weights
    ]
    assert ours._flat_weights_names == theirs._flat_weights_names
    for a, b in zip(ours._flat_weights, theirs._flat_weights, strict=True):
        same(a, b)
    assert ours.flatten_parameters() is None


@pytest.mark.parametrize("layer", ["GRU(3, 4", "LSTM(3, 4, bidirectional=True", "LSTM(3, 4, proj_size=2", "RNN(3, 4"])
def test_second_gradients(layer: str, oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):
        made_layer = made(lib, f"{layer}, dtype=float64)")
        x = lib.rand(3, 2, 3, dtype=lib.float64).requires_grad_()
        shown, state = made_layer(x)
        last = state[-1] if isinstance(state, tuple) else state
        first = lib.autograd.grad((shown**2).sum() + last.sum(), [x, made_layer.weight_hh_l0], create_graph=True)
        results.append(lib.autograd.grad(sum((g * g).sum() for g in first), [x, *made_layer.parameters()]))
    for a, b in zip(*results, strict=True):
        same(a, b)


CALLS: dict[str, Callable[[Any], Any]] = {
    "no such nonlinearity": lambda t: t.nn.RNN(3, 4, nonlinearity="x"),
    "no such mode": lambda t: t.nn.RNNBase("x", 3, 4),
    "projection of an rnn": lambda t: t.nn.RNN(3, 4, proj_size=1),
    "projection of a gru": lambda t: t.nn.GRU(3, 4, proj_size=1),
    "projection as large as the state": lambda t: t.nn.LSTM(3, 4, proj_size=4),
    "projection below zero": lambda t: t.nn.LSTM(3, 4, proj_size=-1),
    "dropout of one layer": lambda t: t.nn.LSTM(3, 4, dropout=0.3) and None,
    "dropout above one": lambda t: t.nn.LSTM(3, 4, dropout=2),
    "dropout as a boolean": lambda t: t.nn.GRU(3, 4, dropout=True),
    "words for a size": lambda t: t.nn.LSTM(3, "a"),
    "no size": lambda t: t.nn.LSTM(3, 0),
    "no layers": lambda t: t.nn.LSTM(3, 2, 0),
    "a vector": lambda t: t.nn.RNN(3, 4)(t.ones(3)),
    "a vector for a gru": lambda t: t.nn.GRU(3, 4)(t.ones(3)),
    "another size of input": lambda t: t.nn.LSTM(3, 4)(t.ones(2, 5)),
    "a batch of states only": lambda t: t.nn.GRU(3, 4)(t.ones(2, 3), t.ones(1, 1, 4)),
    "a batch of inputs only": lambda t: t.nn.LSTM(3, 4)(t.ones(2, 2, 3), (t.ones(1, 4), t.ones(1, 4))),
    "states of another batch": lambda t: t.nn.RNN(3, 4)(t.ones(2, 2, 3), t.ones(1, 1, 4)),
    "cells of another size": lambda t: t.nn.LSTM(3, 4)(t.ones(2, 2, 3), (t.ones(1, 2, 4), t.ones(1, 2, 5))),
    "another dtype": lambda t: t.nn.GRU(3, 4)(t.ones(2, 2, 3).double()),
    "no steps": lambda t: t.nn.GRU(3, 4)(t.ones(0, 2, 3)),
    "a cell of three dimensions": lambda t: t.nn.RNNCell(3, 4)(t.ones(1, 1, 3)),
    "a cell's state of three dimensions": lambda t: t.nn.GRUCell(3, 4)(t.ones(1, 3), t.ones(1, 1, 4)),
    "an lstm cell's state of three dimensions": lambda t: t.nn.LSTMCell(3, 4)(t.ones(1, 3), [t.ones(1, 1, 4)] * 2),
    "a cell of another size": lambda t: t.nn.LSTMCell(3, 4)(t.ones(1, 5)),
    "a cell's state of another size": lambda t: t.nn.RNNCell(3, 4)(t.ones(1, 3), t.ones(1, 5)),
    "a cell's state of another batch": lambda t: t.nn.RNNCell(3, 4)(t.ones(1, 3), t.ones(2, 4)),
    "a cell of no such nonlinearity": lambda t: t.nn.RNNCell(3, 4, nonlinearity="x")(t.ones(1, 3)),
}


@pytest.mark.parametrize("name", CALLS)
def test_call(name: str, oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = CALLS[name](lib)
            except Exception as error:
                result = (type(error), str(error).replace("kagari.", "torch."))
        results.append((result, [(w.category, str(w.message)) for w in caught]))
    assert results[0] == results[1]
    assert results[1] != (None, []), "the oracle neither warns nor refuses"


def test_no_sequences() -> None:
    output, last = kagari.nn.GRU(3, 4)(kagari.ones(2, 0, 3))
    assert tuple(output.shape) == (2, 0, 4) and tuple(last.shape) == (1, 0, 4)
