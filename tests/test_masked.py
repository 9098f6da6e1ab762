"""Masked tensors and `torch.masked`, next to the oracle."""

from __future__ import annotations

import copy
import pickle
import re
import warnings
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari import masked
from kagari.masked import masked_tensor


def scope(lib: Any) -> dict[str, Any]:
    d = lib.tensor([[3.0, 1.0, 2.0], [6.0, 5.0, 4.0]])
    k = lib.tensor([[True, False, True], [False, False, False]])
    made = lib.masked.masked_tensor
    return {
        "torch": lib, "masked": lib.masked, "masked_tensor": made, "F": lib.nn.functional, "d": d, "k": k,
        "m": made(d, k), "m2": made(d + 1, ~k), "g": made(d, k, requires_grad=True),
    }  # fmt: skip


def shown(value: Any, lib: Any) -> Any:
    if lib.masked.is_masked_tensor(value):
        text = repr(value).replace("-0.0000", " 0.0000")
        return text, str(value.dtype), tuple(value.shape), value.get_mask().tolist(), value.requires_grad
    if isinstance(value, lib.Tensor):
        numbers = [round(n, 4) if isinstance(n, float) else n for n in value.detach().reshape(-1).tolist()]
        return str(value.dtype), tuple(value.shape), repr(numbers)
    if isinstance(value, tuple | list):
        return [shown(part, lib) for part in value]
    return repr(value)


def outcome(text: str, lib: Any) -> Any:
    try:
        return "gives", shown(eval(text, scope(lib)), lib)
    except Exception as error:
        kind = next(k for k in type(error).__mro__ if k.__module__ == "builtins")
        return "raises", kind.__name__, str(error)


@pytest.fixture(autouse=True)
def quiet() -> Any:
    """PyTorch warns that its masked tensors are a prototype."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


TENSORS = """
m; g; m.get_data(); m.get_mask(); m.to_tensor(0.0); m.shape; m.dtype; m.size(); m.stride(); m.numel(); len(m); m.dim()
m.ndim; m.is_contiguous(); m.layout; m.device; m.requires_grad; g.requires_grad; g.is_leaf; m.is_sparse; m.type()
m.is_sparse_coo(); m.is_sparse_csr(); m.sum().item(); m.element_size(); m.is_floating_point(); m.data; m.to_dense()
m.sum(); m.sum(0); m.sum(1); m.sum((0, 1)); m.sum(1, keepdim=True); m.mean(); m.mean(1); m.amax(); m.amax(1); m.amin(0)
m.prod(1); m.argmax(); m.argmin(1); m.all(); m.all(1); m.var(); m.std(); torch.sum(m, dim=1); torch.amax(m, dim=(0, 1))
m.softmax(0); m.softmax(1); torch.softmax(m, -1); m + m; m + 1; m * 2; 1 + m; m + d; d + m; m / m; m**2; m.pow(2); -m
m.sqrt(); m.exp(); m.abs(); m == m; m > 1; m.eq(1); m.round(); m.nan_to_num(); m.clamp(0, 1); torch.maximum(m, m)
torch.atan2(m, m); m.floor_divide(2); m.remainder(2); m.reciprocal(); m.sigmoid(); torch.logaddexp(m, m); m.isfinite()
m.add_(1); m.mul_(2); torch.where(k, m, m2); torch.where(k, m, d); m[0]; m[:, 1]; m[0, 0]; m[0, 1]; m[k]; m[..., 0]
m[torch.tensor([0])]; m.reshape(3, 2); m.view(-1); m.t(); m.transpose(0, 1); m.flatten(); m.unsqueeze(0)
m.expand(2, 2, 3); m.contiguous(); m.clone(); m.detach(); m.to(torch.float64); m.int(); m.half(); m.select(0, 1)
m.narrow(1, 0, 2); m.chunk(2); m.split(1); torch.cat([m, m]); torch.stack([m, m]); torch.ones_like(m)
masked_tensor(d.int(), k); masked_tensor(d > 1, k); masked_tensor(torch.tensor(1.0), torch.tensor(False))
masked_tensor(torch.tensor([1e9, 1.0]), torch.tensor([False, True])); m.int().amax(1)
masked_tensor(torch.arange(30.0) * 1000, torch.arange(30) % 2 == 0); masked_tensor(torch.tensor(2), torch.tensor(True))
masked_tensor(torch.arange(8.0).reshape(2, 2, 2), torch.arange(8).reshape(2, 2, 2) > 3); masked.MaskedTensor(d, k)
masked.as_masked_tensor(d, k); masked.is_masked_tensor(m); masked.is_masked_tensor(d); masked.is_masked_tensor(3)
"""

REDUCTIONS = ("sum", "prod", "amax", "amin", "argmax", "argmin", "mean", "median", "logsumexp", "std", "var")
CALLS = """
masked.{f}(d, 1, mask=k); masked.{f}(d, dim=0, keepdim=True, mask=k); masked.{f}(d, 1); masked.{f}(d, 1, mask=k[0])
masked.{f}(d, 1, mask=k[:, :1]); masked.{f}(d, 1, mask=d); masked.{f}(d, 1, mask=k, dtype=torch.float64)
"""
ALL = "masked.{f}(d, mask=k); masked.{f}(d, (0, 1), mask=k); masked.{f}(d, (), mask=k); masked.{f}(d, None, mask=k)"
MORE = """
masked.sum(d.int(), 1, mask=k); masked.sum(d > 2, 1, mask=k); masked.prod(d > 2, 1, mask=k); masked.sum(m, 1)
masked.amax(d.int(), 1, mask=k); masked.amin(d.long(), 1, mask=k); masked.argmax(d.int(), 1, mask=k); masked.amax(m, 1)
masked.median(d, 1, mask=d != 4); masked.median(d.int(), 1, mask=d != 4); masked.std(d, 1, True, mask=k)
masked.std(d.int(), 1, mask=k, unbiased=False); masked.var(d, 1, unbiased=False, mask=k)
masked.var(d, None, True, mask=k)
masked.var(d, 0, correction=0, mask=~k); masked.norm(d, 2, 1, mask=k); masked.norm(d, float("inf"), 1, mask=k)
masked.norm(d, float("-inf"), 1, mask=k); masked.norm(d, 1.0, None, mask=k)
masked.norm(d, 3, (0, 1), keepdim=True, mask=k)
masked.norm(d); masked.norm(m, 2, 1); masked.normalize(d, 2.0, 1, mask=k); masked.normalize(d, 2.0, 1)
masked.logaddexp(d, d, input_mask=k, other_mask=~k); masked.logaddexp(d, d, dtype=torch.float64, input_mask=k)
masked.sum(torch.tensor(2.0), mask=torch.tensor(False)); masked.sum(d.bfloat16(), 1, mask=k); masked.logsumexp(m, 1)
masked.cumsum(d, 1, mask=k); masked.cumprod(d, 1, mask=k); masked.cumsum(d, 0, mask=k, dtype=torch.float64)
masked.softmax(d, 1, mask=k); masked.softmax(d, 0, mask=k, dtype=torch.float64); masked.log_softmax(d, 1, mask=k)
masked.softmin(d, 1, mask=k); masked.softmin(d, 1); masked.softmax(m, 1); masked.cumsum(d.int(), 1, mask=k)
"""

ERRORS = """
m + m2; m.item(); bool(m); m.tolist(); m.numpy(); masked_tensor([1, 2], [True, False]); masked_tensor(d, k.float())
masked_tensor(d, k[0]); masked_tensor(3, k); masked_tensor(m, k); masked_tensor(d, k[:, :2]); m.sort(); m.median()
masked_tensor(torch.tensor([1 + 2j]), torch.tensor([True])); masked.sum(d, 3, mask=k); masked.argmax(d, (0, 1), mask=k)
masked.sum(d, 1, mask=torch.ones(3, 2, 3) > 0); masked.amax(d > 2, 1, mask=k); masked.mean(d.int(), 1, mask=k)
masked.mean(d > 2, 1, mask=k); masked.median(d.int(), 1, mask=k); masked.var(d > 2, 1, mask=k); m.matmul(d.t())
masked_tensor(d.int(), k, requires_grad=True)
"""


def listed(text: str) -> list[str]:
    return [part.strip() for line in text.strip().splitlines() for part in line.split(";")]


def differences(texts: list[str], oracle: Any, kind: str, wording: bool) -> list[Any]:
    found = []
    for text in texts:
        ours, theirs = outcome(text, kagari), outcome(text, oracle)
        parts = None if wording else 2
        if ours[:parts] != theirs[:parts] or ours[0] != kind:
            found.append((text, ours, theirs))
    return found


def test_tensors_as_the_oracle(oracle: ModuleType) -> None:
    assert not differences(listed(TENSORS), oracle, "gives", True)


def test_functions_as_the_oracle(oracle: ModuleType) -> None:
    texts = [text.format(f=f) for f in REDUCTIONS for text in listed(CALLS)]
    texts += [text.format(f=f) for f in REDUCTIONS if f not in ("argmax", "argmin", "median") for text in listed(ALL)]
    texts = [
        t for t in texts if not re.fullmatch(r"masked.logsumexp\(d, mask=k\)", t)
    ]  # the oracle wants the dimension
    assert not differences(texts + listed(MORE), oracle, "gives", True)


def test_errors_as_the_oracle(oracle: ModuleType) -> None:
    assert not differences(listed(ERRORS), oracle, "raises", False)


def test_messages(oracle: ModuleType) -> None:
    texts = [
        "m + m2",
        "m.item()",
        "m.tolist()",
        "masked_tensor(d, k[0])",
        "masked_tensor(m, k)",
        "masked_tensor(d, k.int())",
    ]
    assert not differences(texts, oracle, "raises", True)


GRADIENTS = """
g.exp().sum().backward(); r = g.grad
(g * 2).mean().backward(); r = g.grad
torch.where(d > 2, g, m2).sum().backward(); r = g.grad
x = torch.tensor([1.0, 1.0], requires_grad=True); y = x / torch.tensor([0.0, 1.0]); masked.as_masked_tensor(y, torch.tensor([False, True])).sum().backward(); r = x.grad
b = torch.tensor(1.0, requires_grad=True); nan = torch.tensor([1.0, 2.0, float("nan")]); r = torch.autograd.grad(torch.sum(masked_tensor(nan, ~torch.isnan(nan)) * b), b)
a = masked_tensor(torch.ones(()), torch.tensor(True), requires_grad=True); r = torch.autograd.grad(torch.where(torch.tensor(False), a / 0, torch.ones(())), a)
masked.softmax(g, 1)[0].sum().backward(); r = masked.is_masked_tensor(g)
e = d.clone().requires_grad_(); masked.as_masked_tensor(e.transpose(0, 1), k.t()).sum().backward(); r = e.grad
"""  # noqa: E501


@pytest.mark.parametrize("text", GRADIENTS.strip().splitlines())
def test_gradients_as_the_oracle(oracle: ModuleType, text: str) -> None:
    found = []
    for lib in (kagari, oracle):
        names = scope(lib)
        exec(text, names)
        found.append(shown(names["r"], lib))
    assert found[0] == found[1]


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "amax", "amin", "std", "var", "logsumexp", "norm"])
def test_gradients_of_functions(oracle: ModuleType, name: str) -> None:
    found = []
    for lib in (kagari, oracle):
        x = lib.arange(9.0).reshape(3, 3).requires_grad_()
        mask = lib.tensor([[True, False, False], [True, False, True], [False, True, True]])
        getattr(lib.masked, name)(x, dim=1, mask=mask)[1:].sum().backward()
        found.append(x.grad.reshape(-1).tolist())
    assert found[0] == pytest.approx(found[1], rel=1e-5, nan_ok=True)


def test_places_move_with_the_mask() -> None:
    m = masked_tensor(kagari.arange(6.0).reshape(1, 2, 3), kagari.arange(6).reshape(1, 2, 3) > 2)
    assert m.T.shape == (3, 2, 1) and m.mT.shape == (1, 3, 2) and m.permute(2, 0, 1).shape == (3, 1, 2)
    for moved in (
        m.mT,
        m.flip(2),
        m.roll(1, 1),
        m.squeeze(0),
        m.diagonal(0, 1, 2),
        m.index_select(2, kagari.tensor([2])),
    ):
        assert ((moved.get_data() > 2) == moved.get_mask()).all()


def test_in_a_tutorial() -> None:
    """The mean of what is not zero, and of nothing."""
    y = kagari.arange(16.0) * kagari.arange(16.0).fmod(4)
    assert masked_tensor(y, y != 0).mean().item() == y[y != 0].mean().item()
    assert kagari.argmin(masked_tensor(y, y != 0)).item() == 1
    nothing = kagari.full((3,), float("nan"))
    assert repr(kagari.mean(masked_tensor(nothing, ~nothing.isnan()))) == "MaskedTensor(--, False)"


def test_reductions_of_a_masked_tensor_leave_out_what_is_not_there() -> None:
    """As `m.mean()` does; unlike PyTorch's `masked.mean(m)`, which counts all elements."""
    m = masked_tensor(kagari.tensor([1.0, 2.0, 9.0]), kagari.tensor([True, True, False]))
    assert masked.mean(m, 0).item() == 1.5 and masked.var(m, 0).item() == 0.5


def test_copies() -> None:
    m = masked_tensor(kagari.ones(2), kagari.tensor([True, False]), requires_grad=True)
    for made in (copy.copy(m), copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        assert repr(made) == repr(m) and made.requires_grad


SPARSE = """
c; c.get_data(); c.get_mask(); c.layout; c.is_sparse; c.is_sparse_coo(); c.is_sparse_csr(); c.to_dense(); c.shape
c.dim(); c.size(); c.numel(); len(c); c.dtype; c.sum(); c.amin(); c.mean(); c.prod(); c.sin(); c * 2; c + c; c + 1
-c; c.sqrt()
c == c; c > 3; c.double(); c.clone(); c.detach(); c[0]; masked_tensor(s1, t)
torch.div(masked_tensor(s2, t), masked_tensor(s1, t))
masked_tensor(s1, t).get_data(); masked_tensor(s1, t).get_mask(); masked_tensor(s1, t).sum()
masked_tensor(s1, t).to_dense()
masked_tensor(d.to_sparse(), k.to_sparse()).get_data(); masked_tensor(s1.float(), t, requires_grad=True).requires_grad
w; w.get_data(); w.get_mask(); w.layout; w.is_sparse; w.is_sparse_csr(); w.is_sparse_coo(); w.to_dense(); w * 2; w + w
w.sum(); w.sin(); w.amax(); c.to_sparse_csr().get_data(); masked_tensor(p, q); masked_tensor(p, q).get_data()
masked_tensor(p, q).get_mask(); masked_tensor(d.to_sparse_csr(), k.to_sparse_csr()).get_data(); w.shape; len(w)
"""
SPARSE_ERRORS = """
c + w; masked_tensor(d.to_sparse_csr(), k.to_sparse())
masked_tensor(torch.tensor([[0, 0, 3]]).to_sparse_csr(), torch.tensor([[True, False, True]]).to_sparse_csr())
masked_tensor(d.to_sparse(), k); masked_tensor(d, k.to_sparse()); c + m; c * c.to_dense()
masked_tensor(torch.tensor([[0, 0, 3]]).to_sparse(), torch.tensor([[True, False, True]]).to_sparse())
masked_tensor(torch.sparse_coo_tensor([[0], [0]], [1.0], (2, 3)), torch.sparse_coo_tensor([[1], [1]], [True], (2, 3)))
"""


def sparse_outcome(text: str, lib: Any) -> Any:
    names = scope(lib)
    places = [[0, 1, 1], [2, 0, 2]]
    names |= {
        "c": names["m"].to_sparse_coo(), "s1": lib.sparse_coo_tensor(places, [3, 4, 5], (2, 3)),
        "s2": lib.sparse_coo_tensor(places, [20, 30, 40], (2, 3)),
        "t": lib.sparse_coo_tensor(places, lib.tensor([True, False, True]), (2, 3)), "w": names["m"].to_sparse_csr(),
        "p": lib.sparse_csr_tensor(lib.tensor([0, 2, 4]), lib.tensor([0, 1, 0, 1]), lib.arange(1.0, 5.0)),
        "q": lib.sparse_csr_tensor(
            lib.tensor([0, 2, 4]), lib.tensor([0, 1, 0, 1]), lib.tensor([True, False, False, True])
        ),
    }  # fmt: skip
    try:
        found = eval(text, names)
    except Exception as error:
        return "raises", next(k for k in type(error).__mro__ if k.__module__ == "builtins").__name__, str(error)
    return "gives", repr(found).replace("-0.0000", " 0.0000")


def test_sparse_as_the_oracle(oracle: ModuleType) -> None:
    assert not [t for t in listed(SPARSE) if sparse_outcome(t, kagari) != sparse_outcome(t, oracle)]
    for text in listed(SPARSE_ERRORS):
        assert sparse_outcome(text, kagari) == sparse_outcome(text, oracle)


def test_a_tutorial_of_adagrad(oracle: ModuleType) -> None:
    """The update of sparse gradients: the mask says where the state is looked at."""
    found = []
    for lib in (kagari, oracle):
        gradient = lib.sparse_coo_tensor(
            lib.tensor([[0, 1, 1], [2, 0, 2]]), lib.tensor([3.0, 4.0, 5.0]), [2, 4]
        ).coalesce()
        param, state = lib.arange(8).reshape(2, 4).float(), lib.full((2, 4), 0.5)
        mask = (gradient.to_dense() != 0).to_sparse()
        masked_gradient = lib.masked.masked_tensor(gradient, mask)
        state = state + masked_gradient.pow(2).get_data()
        std = lib.masked.masked_tensor(state.to_sparse(), mask).sqrt().add(1e-10)
        param = param.add((masked_gradient / std).get_data(), alpha=-0.1)
        found.append((repr(state), repr(std), repr(param)))
    assert found[0] == found[1]


def test_gradients_through_sparse_masked_tensors() -> None:
    m = masked_tensor(kagari.tensor([[3.0, 4.0]]), kagari.tensor([[False, True]]), requires_grad=True)
    (m.to_sparse_coo() * 2).to_dense().sum().backward()
    assert repr(m.grad) == repr(masked_tensor(kagari.tensor([[0.0, 2.0]]), m.get_mask()))
    assert m.to_sparse_coo().sum(1).item() == 4.0
    for made in (copy.deepcopy(m.detach().to_sparse_coo()), pickle.loads(pickle.dumps(m.to_sparse_coo()))):
        assert made.is_sparse_coo() and repr(made) == repr(m)
