"""Tables of rows and bags of them against the oracle."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari import nn

LAYERS = (
    "Embedding(7, 3)",
    "Embedding(7, 3, padding_idx=2)",
    "Embedding(7, 3, padding_idx=-1, scale_grad_by_freq=True)",
    "Embedding(7, 3, max_norm=1.0)",
    "Embedding(7, 3, max_norm=0.5, norm_type=1.0, dtype=float64)",
    "EmbeddingBag(7, 3)",
    "EmbeddingBag(7, 3, mode='sum')",
    "EmbeddingBag(7, 3, mode='max')",
    "EmbeddingBag(7, 3, mode='max', padding_idx=3)",
    "EmbeddingBag(7, 3, max_norm=1.0, norm_type=3.0, padding_idx=-7)",
)


def numbers(tensor: Any) -> list[float]:
    return tensor.detach().double().reshape(-1).tolist()


def same(ours: Any, theirs: Any) -> None:
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert numbers(ours) == pytest.approx(numbers(theirs), rel=1e-5, abs=1e-6)


def run(lib: ModuleType, text: str) -> tuple[str, list[Any]]:
    """repr, the table before and after, the rows, and the table's gradient, from a seed."""
    lib.manual_seed(3)
    layer = eval(text, {"Embedding": lib.nn.Embedding, "EmbeddingBag": lib.nn.EmbeddingBag, "float64": lib.float64})
    before = layer.weight.detach().clone()
    rows = layer(lib.tensor([[1, 2, 2, 6], [6, 0, 2, 3]]))
    (rows * rows).sum().backward()
    assert list(layer.state_dict()) == ["weight"]
    return repr(layer), [before, layer.weight, rows, layer.weight.grad]


@pytest.mark.parametrize("text", LAYERS)
def test_layer(text: str, oracle: ModuleType) -> None:
    ours, theirs = run(kagari, text), run(oracle, text)
    assert ours[0] == theirs[0]
    for a, b in zip(ours[1], theirs[1], strict=True):
        same(a, b)


BAGS: dict[str, tuple[list[int], list[int], dict[str, Any]]] = {
    "sum": ([0, 3, 1, 3, 2], [0, 2, 4], {"mode": "sum"}),
    "mean": ([0, 3, 1, 3, 2], [0, 2, 4], {}),
    "max": ([0, 3, 1, 3, 2], [0, 2, 4], {"mode": "max"}),
    "empty bags": ([0, 3, 1, 3, 2], [0, 0, 4, 5], {}),
    "the maximum of empty bags": ([0, 3, 1, 3, 2], [0, 0, 4, 5], {"mode": "max"}),
    "last offset": ([0, 3, 1, 3, 2], [0, 2, 5], {"mode": "sum", "include_last_offset": True}),
    "maximum to the last offset": ([0, 3, 1, 3, 2], [0, 2, 5], {"mode": "max", "include_last_offset": True}),
    "padding": ([0, 3, 1, 3, 2, 3], [0, 2, 5], {"padding_idx": 3}),
    "maximum without padding": ([0, 3, 1, 3, 2, 3], [0, 2, 5], {"mode": "max", "padding_idx": -2}),
    "nothing": ([], [0, 0], {"mode": "sum"}),
    "no bags": ([0, 1], [], {}),
}


@pytest.mark.parametrize("name", BAGS)
def test_bags_of_a_vector(name: str, oracle: ModuleType) -> None:
    line, offsets, options = BAGS[name]
    results = []
    for lib in (kagari, oracle):
        lib.manual_seed(1)
        table = lib.randn(5, 4, requires_grad=True)
        index, begins = (lib.tensor(x, dtype=lib.int64) for x in (line, offsets))
        bags = lib.nn.functional.embedding_bag(index, table, begins, **options)
        if line and offsets:  # of no rows PyTorch's gradient dies
            (bags * bags).sum().backward()
        results.append([bags, lib.zeros_like(table) if table.grad is None else table.grad])
    for a, b in zip(*results, strict=True):
        same(a, b)


def vector(t: Any, *values: int) -> Any:
    return t.tensor(values, dtype=t.int64)


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "function of the package": lambda t, F: t.embedding(t.ones(3, 2), vector(t, 2, 0), 0),
    "padding outside": lambda t, F: F.embedding(vector(t, 0), t.ones(3, 2), 3),
    "padding far outside": lambda t, F: F.embedding(vector(t, 0), t.ones(3, 2), -4),
    "floats as numbers of rows": lambda t, F: F.embedding(t.ones(2), t.ones(3, 2)),
    "table of integers": lambda t, F: F.embedding(vector(t, 1), t.ones(3, 2, dtype=t.int64)),
    "layer padded outside": lambda t, F: t.nn.Embedding(3, 4, padding_idx=3),
    "layer of another table": lambda t, F: t.nn.Embedding(3, 4, _weight=t.ones(2, 2)),
    "layer of a vector": lambda t, F: t.nn.Embedding.from_pretrained(t.ones(2)),
    "bags padded outside": lambda t, F: t.nn.EmbeddingBag(3, 4, padding_idx=-4),
    "bags of another table": lambda t, F: t.nn.EmbeddingBag(3, 4, _weight=t.ones(2, 2)),
    "bags of a vector as table": lambda t, F: t.nn.EmbeddingBag.from_pretrained(t.ones(2)),
    "bags of no such mode": lambda t, F: t.nn.EmbeddingBag(3, 4, mode="x")(vector(t, 0), vector(t, 0)),
    "bags from one": lambda t, F: F.embedding_bag(vector(t, 0, 1), t.ones(3, 2), t.ones(1, dtype=t.int64), mode="sum"),
    "bags beyond the input": lambda t, F: F.embedding_bag(vector(t, 0, 1), t.ones(3, 2), vector(t, 0, 5)),
    "bags without offsets": lambda t, F: F.embedding_bag(vector(t, 0, 1), t.ones(3, 2)),
    "bags with too many offsets": lambda t, F: F.embedding_bag(vector(t, 0), t.ones(3, 2), vector(t, 0).unsqueeze(0)),
    "bags of rows with offsets": lambda t, F: F.embedding_bag(vector(t, 0, 1).unsqueeze(0), t.ones(3, 2), vector(t, 0)),
    "bags of a number": lambda t, F: F.embedding_bag(t.tensor(0), t.ones(3, 2)),
    "bags from a vector": lambda t, F: F.embedding_bag(vector(t, 0), t.ones(3), vector(t, 0)),
    "bags with other weights": lambda t, F: F.embedding_bag(
        vector(t, 0, 1), t.ones(3, 2), vector(t, 0), per_sample_weights=t.ones(3), mode="sum"
    ),
    "mean with weights": lambda t, F: F.embedding_bag(
        vector(t, 0, 1), t.ones(3, 2), vector(t, 0), per_sample_weights=t.ones(2)
    ),
    "maximum by frequency": lambda t, F: F.embedding_bag(
        vector(t, 0), t.ones(3, 2), vector(t, 0), mode="max", scale_grad_by_freq=True
    ),
    "last of no offsets": lambda t, F: F.embedding_bag(
        vector(t, 0), t.ones(3, 2), t.zeros(0, dtype=t.int64), include_last_offset=True
    ),
    "bags the wrong way round": lambda t, F: F.embedding_bag(t.ones(3, 2), vector(t, 0, 1), vector(t, 0)),
}


def attempt(call: Callable[[ModuleType, Any], Any], lib: ModuleType) -> tuple[Any, list[tuple[type, str]]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call(lib, lib.nn.functional)
        except Exception as error:
            # PyTorch goes on to show the tensor it found.
            text = str(error).replace("kagari.eager.tensor.", "torch.").partition("\n[")[0]
            result = (type(error), text)
    return result, [(w.category, str(w.message)) for w in caught]


@pytest.mark.parametrize("name", CALLS)
def test_call(name: str, oracle: ModuleType) -> None:
    (ours, our_warnings), (theirs, their_warnings) = attempt(CALLS[name], kagari), attempt(CALLS[name], oracle)
    assert our_warnings == their_warnings
    if isinstance(theirs, tuple):
        assert isinstance(ours, tuple), f"the oracle raises {theirs}"
        assert issubclass(ours[0], theirs[0])
        assert ours[1].replace("kagari.", "torch.") == theirs[1]
    else:
        assert not isinstance(ours, tuple), ours
        same(ours, theirs)


def test_pretrained_tables_are_shared_and_frozen() -> None:
    table = kagari.tensor([[1.0, 2.0], [3.0, 4.0]])
    for kind in (nn.Embedding, nn.EmbeddingBag):
        frozen, trained = kind.from_pretrained(table), kind.from_pretrained(table, freeze=False)
        assert not frozen.weight.requires_grad
        assert trained.weight.requires_grad
        assert frozen.weight.data_ptr() == table.data_ptr()


def test_padding_is_not_trained() -> None:
    layer = nn.Embedding(4, 3, padding_idx=1)
    layer(kagari.tensor([1, 1, 0])).sum().backward()
    assert layer.weight[1].tolist() == [0.0] * 3
    assert layer.weight.grad.tolist() == [[1.0] * 3, [0.0] * 3, [0.0] * 3, [0.0] * 3]


def test_gradient_of_a_large_table(oracle: ModuleType) -> None:
    """Rows that occur often, in a table that several threads share."""
    grads = []
    for lib in (kagari, oracle):
        lib.manual_seed(0)
        table, index = lib.randn(50, 300, requires_grad=True), lib.randint(0, 50, (64, 40))
        weights = lib.rand(64, 40, 300)
        (lib.nn.functional.embedding(index, table) * weights).sum().backward()
        grads.append(table.grad)
    assert numbers(grads[0]) == pytest.approx(numbers(grads[1]), rel=1e-4)
