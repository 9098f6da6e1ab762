"""Counts at random: from one seed those of the oracle, and the stream stands where the oracle's does."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari

RATES = [0.0, 0.3, 1.0, 5.0, 9.99, 10.0, 12.5, 50.0, 300.0, 1e5]
TRIALS = [10.0, 20.0, 100.0, 3.0, 1000.0, 0.0, 7.0, 5000.0, 15.0, 40.0]
CHANCES = [0.5, 0.1, 0.7, 0.9, 0.2, 0.5, 1.0, 0.3, 0.0, 0.98]


def drawn(lib: ModuleType, name: str, dtype: str) -> Any:
    """Some counts, and a number drawn after them."""
    lib.manual_seed(7)
    arguments = [RATES] if name == "poisson" else [TRIALS, CHANCES]
    tensors = [lib.tensor(a, dtype=getattr(lib, dtype)).repeat(20).reshape(20, 10) for a in arguments]
    return getattr(lib, name)(*tensors), lib.rand(1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["poisson", "binomial"])
def test_like_the_oracle(name: str, dtype: str, oracle: ModuleType) -> None:
    for got, want in zip(drawn(kagari, name, dtype), drawn(oracle, name, dtype)):
        assert str(got.dtype) == str(want.dtype)
        np.testing.assert_array_equal(got.numpy(), want.numpy())


def test_order_and_generators(oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):
        source = lib.Generator().manual_seed(3)
        turned = lib.arange(6.0).reshape(2, 3).t()
        results.append([lib.poisson(turned, source).tolist(), lib.binomial(turned, lib.tensor(0.5), source).tolist()])
    assert results[0] == results[1]


def test_no_gradient() -> None:
    x = kagari.tensor([3.0, 20.0], requires_grad=True)
    kagari.poisson(x).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [0.0, 0.0]


def test_moments() -> None:
    """Means and variances, within five standard errors."""
    kagari.manual_seed(0)
    n = 4000
    for rate in (0.5, 4.0, 30.0):
        found = kagari.poisson(kagari.full((n,), rate, dtype=kagari.float64)).numpy()
        assert abs(found.mean() - rate) < 5 * (rate / n) ** 0.5
        assert abs(found.var() / rate - 1) < 0.2
    for trials, p in ((8.0, 0.3), (200.0, 0.6)):
        full = [kagari.full((n,), v, dtype=kagari.float64) for v in (trials, p)]
        found, variance = kagari.binomial(*full).numpy(), trials * p * (1 - p)
        assert abs(found.mean() - trials * p) < 5 * (variance / n) ** 0.5
        assert abs(found.var() / variance - 1) < 0.2


def test_errors(oracle: ModuleType) -> None:
    for lib in (kagari, oracle):
        one = lib.tensor([1.0])
        with pytest.raises(RuntimeError, match="invalid Poisson rate, expected rate to be non-negative"):
            lib.poisson(-one)
        with pytest.raises(NotImplementedError, match="\"poisson_cpu\" not implemented for 'Long'"):
            lib.poisson(lib.tensor([1]))
        with pytest.raises(ValueError, match="binomial only supports floating-point dtypes for count, got: Long"):
            lib.binomial(lib.tensor([1]), one)
        with pytest.raises(RuntimeError, match="Found dtype Double but expected Float"):
            lib.binomial(one, one.double())
