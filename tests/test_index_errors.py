"""An index that is out of bounds is named, with its dimension; the exception has PyTorch's type."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import kagari

CALLS: dict[str, Any] = {
    "gather": lambda t: t.gather(t.ones(2, 3), 1, t.tensor([[0, 7]])),
    "gather, negative": lambda t: t.gather(t.ones(3), 0, t.tensor([-1])),
    "scatter": lambda t: t.zeros(3).scatter_(0, t.tensor([1, 3]), 1.0),
    "scatter_add": lambda t: t.zeros(3).scatter_add_(0, t.tensor([1, -4]), t.ones(2)),
    "index_select": lambda t: t.index_select(t.ones(3, 2), 0, t.tensor([2, 5])),
    "take": lambda t: t.take(t.ones(2, 3), t.tensor([6])),
    "take, negative": lambda t: t.take(t.ones(2, 3), t.tensor([-7])),
    "index_add": lambda t: t.zeros(3).index_add_(0, t.tensor([3]), t.ones(1)),
    "index_copy": lambda t: t.zeros(3).index_copy_(0, t.tensor([3]), t.ones(1)),
    "index_fill": lambda t: t.zeros(3).index_fill_(0, t.tensor([3]), 1.0),
    "embedding": lambda t: t.nn.Embedding(3, 2)(t.tensor([[0, 3]])),
    "embedding, negative": lambda t: t.nn.Embedding(3, 2)(t.tensor([-2])),
    "embedding, differentiated": lambda t: t.nn.functional.embedding(t.tensor([9]), t.ones(3, 2).requires_grad_()),
    "embedding_bag": lambda t: t.nn.EmbeddingBag(3, 2)(t.tensor([4]), t.tensor([0])),
    "x[index]": lambda t: t.ones(3)[t.tensor([1, 5])],
    "x[index] = y": lambda t: t.ones(3).__setitem__(t.tensor([-4]), 0.0),
    "cross_entropy": lambda t: t.nn.functional.cross_entropy(t.zeros(2, 3), t.tensor([0, 5])),
    "nll_loss": lambda t: t.nn.functional.nll_loss(t.zeros(2, 3), t.tensor([-1, 0])),
}
VALUES = {
    "gather": 7, "gather, negative": -1, "scatter": 3, "scatter_add": -4, "index_select": 5, "take": 6,
    "take, negative": -7, "index_add": 3, "index_copy": 3, "index_fill": 3, "embedding": 3,
    "embedding, negative": -2, "embedding, differentiated": 9, "embedding_bag": 4, "x[index]": 5,
    "x[index] = y": -4, "cross_entropy": 5, "nll_loss": -1,
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_the_index_is_named(name: str, oracle: ModuleType) -> None:
    kinds = []
    for t in (kagari, oracle):
        with pytest.raises((IndexError, RuntimeError)) as caught:
            CALLS[name](t)
        kinds.append(caught)
    assert kinds[0].type is kinds[1].type
    text = str(kinds[0].value)
    assert f"index {VALUES[name]} is out of bounds for dimension " in text or f"Target {VALUES[name]} is out" in text


def test_where_pytorch_goes_around() -> None:
    with pytest.raises(RuntimeError, match="index 4 is out of bounds for dimension 0 with size 3"):
        kagari.take_along_dim(kagari.ones(3), kagari.tensor([4]), 0)


def test_a_compiled_call_says_so_too() -> None:
    with pytest.raises(IndexError, match=r"out of range|out of bounds"):
        step = kagari.compile(lambda x, i: kagari.index_select(x, 0, i).sum().item())
        for _ in range(5):
            step(kagari.ones(3), kagari.tensor([7]))
