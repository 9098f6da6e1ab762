"""Random numbers as tensors: the oracle's from the same seed, in any layout, and its errors."""

from __future__ import annotations

import pickle
from types import ModuleType

import pytest
from outcomes import assert_same

import kagari

FLOATS = ("float32", "float64", "float16", "bfloat16")

# What is equal bit for bit; what goes through log, sin or cos is compared with a tolerance below.
EXACT = """
torch.rand(5)
torch.rand(2, 3, dtype=torch.float64)
torch.rand((1000,), dtype=torch.bfloat16)
torch.rand(3, dtype=torch.float16)
torch.rand(0)
torch.rand(2, requires_grad=True)
torch.rand(2, 3, out=torch.ones(3))
torch.rand(2, generator=torch.Generator().manual_seed(5))
torch.rand_like(torch.ones(2, 3, dtype=torch.float64).t())
torch.rand_like(torch.ones(4, 6)[:, ::2])
torch.randint(10, (3,))
torch.randint(3, 7, (2, 20))
torch.randint(high=3, size=(2,))
torch.randint(1, high=3, size=(4,))
torch.randint(0, 2**40, (5,))
torch.randint(0, 300, (4,), dtype=torch.float32)
torch.randint(2, (9,), dtype=torch.bool)
torch.randint_like(torch.ones(2, 3), 5)
torch.randint_like(torch.ones(2, 3).t(), 2, 5)
torch.randperm(10)
torch.randperm(1000)
torch.randperm(0)
torch.randperm(5, dtype=torch.float32)
torch.zeros(7).uniform_(-2, 3)
torch.zeros(2, 3).t().uniform_()
torch.zeros(4, 6)[:, ::2].uniform_(1, 2)
torch.zeros(6, dtype=torch.bfloat16).uniform_(-1, 1)
torch.zeros(6).random_()
torch.zeros(6, dtype=torch.int64).random_()
torch.zeros(6, dtype=torch.uint8).random_()
torch.zeros(6, dtype=torch.bool).random_()
torch.zeros(6).random_(5)
torch.zeros(6, dtype=torch.int32).random_(-5, 5)
torch.zeros(6).random_(to=5)
torch.zeros(40).bernoulli_(0.3)
torch.zeros(40, dtype=torch.int64).bernoulli_()
torch.zeros(3, 4).bernoulli_(torch.tensor([[0.1], [0.5], [0.9]]))
torch.bernoulli(torch.linspace(0, 1, 30))
torch.bernoulli(torch.linspace(0, 1, 30, dtype=torch.float64))
torch.bernoulli(torch.ones(20), 0.4)
torch.ones(20).bernoulli(0.4)
torch.multinomial(torch.tensor([1.0, 2.0, 3.0]), 2)
torch.multinomial(torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]]), 1)
torch.multinomial(torch.tensor([1.0, 2.0]), 30, True)
torch.multinomial(torch.tensor([1.0, 2.0], dtype=torch.float64), 30, replacement=True)
torch.multinomial(torch.ones(0, 2), 1)
torch.dropout(torch.ones(50), 0.3, True)
torch.dropout(torch.ones(5, 10).t(), 0.3, True)
torch.dropout(torch.ones(50, dtype=torch.float64), 0.3, True)
torch.dropout(torch.ones(5), 1.0, True)
torch.dropout(torch.ones(5), 0.0, True)
torch.dropout(torch.ones(5, dtype=torch.int64), 0.0, True)
torch.dropout_(torch.ones(20), 0.5, True)
torch.nn.functional.dropout(torch.ones(30), 0.2)
torch.randn(15)
torch.normal(0.0, 1.0, (7,))
torch.initial_seed()
torch.get_rng_state().shape
torch.Generator().initial_seed()
torch.Generator().device
torch.manual_seed(-1).initial_seed()
torch.manual_seed(3.5).initial_seed()
torch.rand(2)._version
torch.zeros(2).uniform_()._version
"""

CLOSE = """
torch.randn(16, dtype={})
torch.randn(100, dtype={})
torch.randn(3, 7, dtype={})
torch.randn_like(torch.ones(5, 8, dtype={}).t())
torch.randn_like(torch.ones(5, 16, dtype={})[:, ::2])
torch.zeros(40, dtype={}).normal_(2, 3)
torch.zeros(6, 8, dtype={})[:, ::2].normal_()
torch.zeros(20, dtype={}).exponential_(2.0)
torch.zeros(20, dtype={}).log_normal_()
torch.zeros(20, dtype={}).cauchy_(1, 2)
torch.zeros(20, dtype={}).geometric_(0.3)
torch.normal(torch.arange(20.0).to({}), 2.0)
torch.normal(1.0, torch.arange(20.0).to({}))
torch.normal(torch.arange(20.0).to({}), torch.ones(2, 1, dtype={}))
"""

ERRORS = """
torch.rand(2, dtype=torch.int64)
torch.randn(2, dtype=torch.int64)
torch.rand_like(torch.ones(2, dtype=torch.int64))
torch.rand_like([1])
torch.rand()
torch.randint(3, 3, (2,))
torch.randint(0, 300, (2,), dtype=torch.uint8)
torch.randint(0, 300, (2,), dtype=torch.int8)
torch.randint(0, 3, (2,), dtype=torch.bool)
torch.randint(10)
torch.randint(0, 4, 2)
torch.randint(3.0, (2,))
torch.randint(3, (2,), requires_grad=True)
torch.randperm(-1)
torch.randperm(3.0)
torch.randperm(300, dtype=torch.uint8)
torch.ones(2).uniform_(2, 1)
torch.ones(2).uniform_(0, 1e39)
torch.ones(2, dtype=torch.int64).uniform_()
torch.ones(2).normal_(0, -1)
torch.ones(2).random_(3, 3)
torch.ones(2).bernoulli_(2)
torch.ones(2).exponential_(0)
torch.ones(2, dtype=torch.int64).exponential_()
torch.ones(2).log_normal_(1, 0)
torch.ones(2, dtype=torch.int64).log_normal_()
torch.ones(2).cauchy_(0, 0)
torch.ones(2, dtype=torch.int64).cauchy_()
torch.ones(2).geometric_(1)
torch.ones(2, dtype=torch.bool).geometric_(0.5)
torch.ones(1).expand(3).uniform_()
torch.bernoulli(torch.tensor([1, 0]))
torch.normal(0.0, -1.0, (2,))
torch.normal(torch.zeros(2), -torch.ones(2))
torch.normal(2.0, 3.0)
torch.multinomial(torch.tensor([1.0, 2.0]), 3)
torch.multinomial(torch.tensor([1, 2]), 1)
torch.multinomial(torch.tensor([-1.0, 2.0]), 1)
torch.multinomial(torch.tensor([0.0, 0.0]), 1)
torch.multinomial(torch.tensor([float("nan"), 0.0]), 1)
torch.multinomial(torch.tensor([0.0, 1.0]), 0)
torch.multinomial(torch.ones(2, 2, 2), 1)
torch.multinomial(torch.tensor(1.0), 1)
torch.dropout(torch.ones(2), 2.0, True)
torch.dropout(torch.ones(2, dtype=torch.int64), 0.5, True)
torch.ones(2, requires_grad=True).uniform_()
torch.ones(2, requires_grad=True)[:1].normal_()
torch.dropout_(torch.ones(2, requires_grad=True), 0.5, True)
torch.manual_seed("a")
torch.manual_seed(2**64)
torch.set_rng_state(torch.zeros(3, dtype=torch.uint8))
torch.set_rng_state(3)
torch.set_rng_state(torch.zeros(5056))
"""


@pytest.mark.parametrize("source", EXACT.strip().split("\n"))
def test_same_as_the_oracle(source: str, oracle: ModuleType) -> None:
    for lib in (kagari, oracle):
        lib.manual_seed(7)
    assert_same(source, oracle, kagari)
    assert kagari.randint(2**31, (1,)).item() == oracle.randint(2**31, (1,)).item(), "not as many numbers were drawn"


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("source", CLOSE.strip().split("\n"))
def test_close_to_the_oracle(source: str, dtype: str, oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):
        lib.manual_seed(7)
        made = eval(source.replace("{}", f"torch.{dtype}"), {"torch": lib})
        results.append((tuple(made.shape), made.stride(), str(made.dtype), made.double().numpy().ravel()))
    assert results[0][:3] == results[1][:3]
    tolerance = {"float32": 1e-5, "float64": 1e-12, "float16": 2e-3, "bfloat16": 2e-2}[dtype]
    assert results[0][3] == pytest.approx(results[1][3], rel=tolerance, abs=tolerance)
    assert kagari.randint(2**31, (1,)).item() == oracle.randint(2**31, (1,)).item(), "not as many numbers were drawn"


@pytest.mark.parametrize("source", ERRORS.strip().split("\n"))
def test_error(source: str, oracle: ModuleType) -> None:
    assert_same(source, oracle, kagari)


def test_state_goes_back_and_forth(oracle: ModuleType) -> None:
    kagari.manual_seed(3)
    kagari.randn(5)
    state = kagari.get_rng_state()
    wanted = kagari.rand(4).tolist()
    oracle.set_rng_state(oracle.from_numpy(state.numpy()))
    assert oracle.rand(4).tolist() == wanted
    kagari.set_rng_state(state)
    assert kagari.rand(4).tolist() == wanted


def test_generators_are_apart() -> None:
    one, other = kagari.Generator().manual_seed(1), kagari.Generator().manual_seed(1)
    kagari.manual_seed(5)
    wanted = kagari.rand(3, generator=one).tolist()
    kagari.rand(3)
    assert kagari.rand(3, generator=other).tolist() == wanted
    copied = pickle.loads(pickle.dumps(one))
    assert kagari.rand(3, generator=copied).tolist() == kagari.rand(3, generator=one).tolist()
    with pytest.raises(TypeError):
        kagari.rand(2, generator=3)


def test_dropout_has_the_masks_gradient() -> None:
    x = kagari.ones(50, requires_grad=True)
    y = kagari.dropout(x, 0.5, True)
    y.sum().backward()
    assert x.grad.tolist() == y.tolist()
    assert y.grad_fn.name() == "MulBackward0"


def test_a_draw_in_place_has_no_gradient() -> None:
    x = kagari.ones(4, requires_grad=True)
    h = x * 3
    h[:2].uniform_()
    (h * 2).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 6.0, 6.0]
    x.grad = None
    h = x * 3
    h.normal_()
    assert h.requires_grad
    h.sum().backward()
    assert x.grad.tolist() == [0.0] * 4


def test_a_draw_in_place_is_seen_by_the_backward_pass() -> None:
    x = kagari.ones(4, requires_grad=True)
    h = x * 3
    y = h * h
    h.data.uniform_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
