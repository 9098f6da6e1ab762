"""Gradients that are sparse, of tables and of `gather`, and the optimizers that take them, next to the oracle."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sparse_cases import said

import kagari


def table(torch: Any, bag: bool = False, **options: Any) -> Any:
    made = (torch.nn.EmbeddingBag if bag else torch.nn.Embedding)(5, 3, sparse=True, **options)
    with torch.no_grad():
        made.weight.copy_(torch.arange(15.0).reshape(5, 3))
    return made


def looked_up(torch: Any) -> Any:
    rows = table(torch, padding_idx=1)
    found = [rows]
    for index in ([0, 2, 2], [[1, 1], [4, 0]], []):
        y = rows(torch.tensor(index, dtype=torch.int64))
        y.pow(2).sum().backward()
        found += [y, rows.weight.grad, rows.weight.grad.is_coalesced()]
    return found


def gathered(torch: Any) -> Any:
    x, v = torch.arange(12.0).reshape(3, 4).requires_grad_(), torch.arange(3.0).requires_grad_()
    torch.gather(x, 1, torch.tensor([[0, 1], [2, 2]]), sparse_grad=True).pow(2).sum().backward()
    first, x.grad = x.grad, None
    x.gather(-2, torch.tensor([[0, 1, 0, 2]]), sparse_grad=True).pow(2).sum().backward()
    v.gather(0, torch.tensor([2, 2]), sparse_grad=True).sum().backward()
    return first, x.grad, v.grad


def bags(torch: Any) -> Any:
    found = []
    for mode in ("sum", "mean"):
        for options in ({}, {"padding_idx": 2}, {"include_last_offset": True}):
            rows = table(torch, bag=True, mode=mode, **options)
            offsets = torch.tensor([0, 3, 3, 4] if options.get("include_last_offset") else [0, 3, 3])
            y = rows(torch.tensor([0, 2, 2, 4]), offsets)
            (y * torch.arange(9.0).reshape(3, 3)).sum().backward()
            found += [y, rows.weight.grad]
            scale = (torch.arange(4.0) + 1).reshape(1, 4).requires_grad_() if mode == "sum" else None
            y = rows(torch.tensor([[0, 2, 2, 4]]), per_sample_weights=scale)
            rows.weight.grad = None
            y.pow(2).sum().backward()
            found += [rows.weight.grad, None if scale is None else scale.grad]
    return found


def by_frequency(torch: Any) -> Any:
    table(torch, scale_grad_by_freq=True)(torch.tensor([0, 0])).sum().backward()


def bags_by_frequency(torch: Any) -> Any:
    table(torch, bag=True, scale_grad_by_freq=True, mode="sum")(torch.tensor([[0, 0]])).sum().backward()


def meets_dense_gradients(torch: Any) -> Any:
    found, index = [], torch.tensor([1, 2])
    rows = table(torch)
    (rows(index).sum() + rows.weight.sum()).backward()
    found.append(rows.weight.grad)
    rows = table(torch)
    for loss in (lambda: rows(index), lambda: rows.weight, lambda: rows(index), lambda: rows(index)):
        loss().sum().backward()
        found.append(rows.weight.grad.clone())
    return found


def passes_through_operators(torch: Any) -> Any:
    rows = table(torch)
    torch.nn.functional.embedding(torch.tensor([1, 2]), rows.weight * 2, sparse=True).sum().backward()
    return rows.weight.grad.to_dense()


def is_set_to_zero(torch: Any) -> Any:
    rows = table(torch)
    optimizer = torch.optim.SGD(rows.parameters(), 0.1)
    rows(torch.tensor([1, 2])).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    return rows.weight.grad


def is_not_wanted(torch: Any) -> Any:
    rows = table(torch)
    with torch.no_grad():
        first = rows(torch.tensor([1]))
    return first, table(torch, max_norm=1.0)(torch.tensor([1, 2])), rows.weight.requires_grad


def refuses(torch: Any, **options: Any) -> Any:
    found = []
    for options in ({"lr": -1}, {"eps": 0.0}, {"betas": (1.0, 0.5)}, {"betas": (0.5, 1.0)}, {"maximize": True}):
        found.append(said(lambda given: torch.optim.SparseAdam([torch.ones(2, requires_grad=True)], **given), options))
    leaf = torch.ones(2, 2).to_sparse().requires_grad_()
    dense = torch.ones(2, requires_grad=True)
    dense.sum().backward()
    found.append(said(lambda _: torch.optim.SparseAdam([leaf]), None))
    return [*found, said(lambda _: torch.optim.SparseAdam([dense]).step(), None)]


PROGRAMS = (
    looked_up, gathered, bags, by_frequency, bags_by_frequency, meets_dense_gradients, passes_through_operators,
    is_set_to_zero, is_not_wanted, refuses,
)  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs(program: Any, oracle: ModuleType) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = (said(program, lib) for lib in (kagari, oracle))
    assert ours == theirs


OPTIONS: tuple[dict[str, Any], ...] = (
    {}, {"weight_decay": 0.1}, {"momentum": 0.9}, {"maximize": True}, {"foreach": True}, {"fused": True},
    {"momentum": 0.9, "nesterov": True}, {"lr_decay": 0.1}, {"betas": (0.5, 0.7)}, {"momentum": 0.9, "dampening": 0.3},
)  # fmt: skip
OPTIMIZERS = (
    "ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "Muon", "NAdam", "RAdam", "RMSprop",
    "Rprop", "SGD", "SparseAdam",
)  # fmt: skip


def trained(torch: Any, name: str, options: dict[str, Any]) -> Any:
    """The table after three steps and the names of the state, or the error."""
    rows = table(torch, padding_idx=1)
    kind = getattr(torch.optim, name)
    try:
        optimizer = kind(rows.parameters(), lr=0.1, **options) if name != "LBFGS" else kind(rows.parameters())
    except Exception as error:
        return type(error).__name__
    try:
        for k in range(3):

            def closure(k: int = k) -> Any:
                optimizer.zero_grad()
                loss = rows(torch.tensor([[0, 2], [2, k]])).pow(2).sum()
                loss.backward()
                return loss

            closure()
            optimizer.step(closure if name == "LBFGS" else None)
    except Exception as error:
        return type(error).__name__, str(error).split("\n")[0]
    state = optimizer.state_dict()["state"].get(0, {})
    return np.array(rows.weight.detach().numpy()), sorted(state) if name != "LBFGS" else []


@pytest.mark.oracle
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name: str, oracle: ModuleType) -> None:
    for options in OPTIONS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours, theirs = (trained(lib, name, options) for lib in (kagari, oracle))
        if isinstance(theirs[0], np.ndarray):
            np.testing.assert_allclose(ours[0], theirs[0], 1e-4, 1e-5)
            assert ours[1] == theirs[1]
        else:
            assert ours == theirs, options


def test_only_what_was_looked_up_changes() -> None:
    rows = table(kagari)
    optimizer = kagari.optim.SparseAdam(rows.parameters(), lr=0.5)
    rows(kagari.tensor([3])).sum().backward()
    optimizer.step()
    assert rows.weight[3].tolist() == [8.5, 9.5, 10.5]
    assert rows.weight[:3].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
