"""Sparse tensors in modules, files, checks and transformations, next to the oracle."""

from __future__ import annotations

import copy
import io
import warnings
from types import ModuleType
from typing import Any

import pytest
from sparse_cases import said

import kagari


def graph_convolution(torch: Any) -> Any:
    torch.manual_seed(0)

    class Convolution(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("adjacency", torch.eye(4).to_sparse())
            self.linear = torch.nn.Linear(3, 2)

        def forward(self, x: Any) -> Any:
            return torch.spmm(self.adjacency, self.linear(x))

    module, x = Convolution(), torch.arange(12.0).reshape(4, 3) / 12
    optimizer = torch.optim.SGD(module.parameters(), 0.01)
    for _ in range(3):
        optimizer.zero_grad()
        module(x).pow(2).sum().backward()
        optimizer.step()
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    again = Convolution()
    again.load_state_dict(torch.load(file))
    wide = copy.deepcopy(module).double()
    return module(x), again(x), wide(x.double()), wide.adjacency, list(module.state_dict()), module.half().adjacency


def types_of_old(torch: Any) -> Any:
    i, v = torch.LongTensor([[0, 1, 1], [2, 0, 2]]), torch.FloatTensor([3, 4, 5])
    s = torch.sparse.FloatTensor(i, v, torch.Size([2, 3]))
    kinds = isinstance(s, torch.sparse.FloatTensor), isinstance(s, torch.sparse.LongTensor)
    return s, torch.sparse.FloatTensor(2, 3), torch.sparse.LongTensor(i, v.long()), kinds, torch.sparse.HalfTensor


def state_of_an_optimizer(torch: Any) -> Any:
    rows = torch.nn.Embedding(5, 3, sparse=True)
    rows.weight.data.fill_(1.0)
    optimizer = torch.optim.SGD(rows.parameters(), 0.1, momentum=0.9)
    rows(torch.tensor([1, 2])).sum().backward()
    optimizer.step()
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    other = torch.optim.SGD(rows.parameters(), 0.1)
    other.load_state_dict(torch.load(file))
    other.step()
    return rows.weight, other.state[rows.weight]["momentum_buffer"]


def compared(torch: Any) -> Any:
    eye = torch.eye(3)
    s, t = eye.to_sparse(), torch.tensor([[1.0, 1, 0], [0, 0, 0], [0, 0, 1]]).to_sparse()
    blocks = [eye.to_sparse_bsc((n, n)) for n in (1, 3)]
    pairs = [
        (s, s * 1), (s, s * 2), (s, t), (s, eye), (s, torch.ones(3, 3).to_sparse()), blocks,
        (s.to_sparse_csr(), t.to_sparse_csr()), (s.to_sparse_csr(), (s * 2).to_sparse_csr()), (s, s.double()),
        (s.to_sparse_csr(), s.to_sparse_csc()), (s.to_sparse_csc(), t.to_sparse_csc()),
        (s, torch.ones(2, 2).to_sparse()),
    ]  # fmt: skip
    torch.testing.assert_close(s, eye, check_layout=False)
    return [said(torch.testing.assert_close, *pair) for pair in pairs]


def results_in_place_of_others(torch: Any) -> Any:
    s, dense, sparse = torch.eye(2).to_sparse(), torch.empty(2, 2), torch.zeros(2, 2).to_sparse()
    torch.mm(s, torch.ones(2, 2), out=dense)
    torch.add(s, s, out=sparse)
    return dense, sparse


def hooks_of_leaves(torch: Any) -> Any:
    rows, seen = torch.nn.Embedding(5, 3, sparse=True), []
    rows.weight.register_hook(lambda g: seen.append(g.is_sparse))
    rows.weight.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.is_sparse))
    rows(torch.tensor([1])).sum().backward()
    return seen


def checked(torch: Any) -> Any:
    s = torch.eye(3, dtype=torch.float64).to_sparse().requires_grad_()
    gradcheck = torch.autograd.gradcheck
    return (
        gradcheck(lambda x: torch.sparse.sum(x * x), (s,), masked=True),
        gradcheck(lambda x: (x * 2).to_dense(), (s,), masked=True),
        said(lambda: gradcheck(lambda x: x * 2, (s,), masked=True)),
    )


def made_of_arrays(torch: Any) -> Any:
    at = [[0, 1], [1, 0]]
    return [
        torch.sparse_coo_tensor(at, [1, 2], [2, 2], dtype=torch.float32),
        torch.sparse_coo_tensor(indices=torch.tensor(at).numpy(), values=[1.0, 2.0], size=(2, 2)),
        torch.sparse_csr_tensor(crow_indices=[0, 1], col_indices=[1], values=[2.0], size=(1, 3)),
    ]


def of_large_sizes(torch: Any) -> Any:
    s = torch.sparse_coo_tensor([[10**6]] * 3, [1.0], (10**6 + 1,) * 3)
    return (s + s).coalesce(), torch.sparse.sum(s, 0)


def scaled(torch: Any) -> Any:
    rows = torch.nn.Embedding(5, 3, sparse=True)
    rows.weight.data.fill_(1.0)
    optimizer, scaler = torch.optim.SGD(rows.parameters(), 0.1), torch.amp.GradScaler("cpu")
    scaler.scale(rows(torch.tensor([1])).sum()).backward()
    scaler.step(optimizer)
    return rows.weight


def transformed(torch: Any) -> Any:
    s = torch.eye(3).to_sparse()
    return (
        torch.func.grad(lambda x: (s @ x).pow(2).sum())(torch.ones(3, 2)),
        torch.func.vmap(lambda x: s @ x)(torch.ones(4, 3)),
        torch.autograd.functional.jacobian(lambda x: s @ x, torch.ones(3, 1)),
    )


def of_sixteen_bits(torch: Any) -> Any:
    s = torch.eye(3).to_sparse().bfloat16()
    return s @ torch.ones(3, 2).bfloat16(), s + s, s.half().to_dense()


def told_to_modes(torch: Any) -> Any:
    s, seen = torch.eye(2).to_sparse(), []

    class Telling(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(func.__name__)
            return func(*args, **(kwargs or {}))

    with Telling():
        result = (s @ torch.ones(2, 2)) + (s * 2).coalesce().to_dense()
        seen.append(s.ndim + s.shape[0])
    return seen, result


def of_subclasses(torch: Any) -> Any:
    class Mine(torch.Tensor):  # type: ignore[misc]
        pass

    found = torch.eye(2).to_sparse() @ torch.ones(2, 2).as_subclass(Mine)
    return type(found).__name__, found.sum()


def collated(torch: Any) -> Any:
    torch.utils.data.default_collate([torch.eye(2).to_sparse()] * 2)


PROGRAMS = (
    graph_convolution, types_of_old, state_of_an_optimizer, compared, results_in_place_of_others, hooks_of_leaves,
    checked, made_of_arrays, of_large_sizes, scaled, transformed, of_sixteen_bits,
    told_to_modes, of_subclasses, collated,
)  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs(program: Any, oracle: ModuleType) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = (said(program, lib) for lib in (kagari, oracle))
    assert ours == theirs


def test_compiled_functions() -> None:
    s = kagari.eye(3).to_sparse()
    compiled = kagari.compile(lambda x: (s @ x) * 2 + 1)
    for _ in range(4):
        assert compiled(kagari.ones(3, 2)).tolist() == [[3.0, 3.0]] * 3
