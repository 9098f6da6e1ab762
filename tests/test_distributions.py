"""Distributions next to the oracle: draws from the same seed, probabilities, gradients, divergences, errors."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from outcomes import assert_same_error

import kagari

COVARIANCE = "lib.tensor([[2.0, 0.3], [0.3, 1.0]])"
MADE = f"""
Normal(a, b)
Normal(0.0, 2.0)
Uniform(a - 3, b)
Exponential(b)
Laplace(a, b)
Poisson(b * 3)
Bernoulli(probs=b / 4)
Bernoulli(logits=a)
Categorical(b)
Categorical(logits=a.expand(2, 3) * b)
OneHotCategorical(b.expand(2, 3))
MultivariateNormal(a[:2], {COVARIANCE})
MultivariateNormal(lib.stack([a[:2], b[:2]]), precision_matrix={COVARIANCE})
MultivariateNormal(a[:2], scale_tril={COVARIANCE}.tril())
Independent(Normal(a, b), 1)
LogNormal(a, b)
TransformedDistribution(Normal(a, b), [AffineTransform(1.0, -2.0), SigmoidTransform(), TanhTransform(cache_size=1)])
TransformedDistribution(Normal(a, b), AffineTransform(lib.zeros(2, 3), b, event_dim=1))
"""


def known(lib: ModuleType, text: str) -> list[Any]:
    """What a distribution says of itself, of 20 draws, and of how its draws and probabilities change."""
    lib.manual_seed(3)
    a = lib.tensor([0.1, -1.5, 0.7], requires_grad=True)
    b = lib.tensor([0.5, 1.5, 2.5], requires_grad=True)
    made = eval(text, {"lib": lib, "a": a, "b": b, **vars(lib.distributions)})
    found: list[Any] = [repr(made), tuple(made.batch_shape), tuple(made.event_shape), repr(made.support)]
    drawn = [made.sample(), made.sample((20,))]
    questions: list[Any] = [lambda: made.log_prob(drawn[1]), made.entropy, made.perplexity]
    questions += [lambda name=name: getattr(made, name) for name in ("mean", "variance", "stddev", "mode")]
    questions += [lambda: made.rsample((3,)), lambda: made.cdf(drawn[1]), lambda: made.icdf(lib.full((3,), 0.3))]
    questions += [made.enumerate_support, lambda: made.enumerate_support(expand=False)]
    results = drawn
    for question in questions:
        try:
            results.append(question())
        except NotImplementedError:
            found.append("not there")
    wider = made.expand((4, *made.batch_shape))
    found += [repr(wider), tuple(wider.sample().shape)]
    loss = sum(r.nan_to_num().float().sin().sum() for r in results if r.requires_grad)
    if isinstance(loss, lib.Tensor):
        grads = lib.autograd.grad(loss, [a, b], allow_unused=True)
        results += [g for g in grads if g is not None]
    return found + [r.detach().numpy() for r in results]


def assert_close(ours: list[Any], theirs: list[Any]) -> None:
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs):
        if isinstance(other, np.ndarray):
            assert mine.dtype == other.dtype
            np.testing.assert_allclose(mine, other, rtol=2e-5, atol=2e-6)
        else:
            assert mine == other


@pytest.mark.parametrize("text", MADE.strip().splitlines())
def test_distributions(oracle: ModuleType, text: str) -> None:
    assert_close(known(kagari, text), known(oracle, text))


def divergence(lib: ModuleType, text: str) -> list[Any]:
    a, b = lib.tensor([0.1, -1.5, 0.7]), lib.tensor([0.5, 1.5, 2.5], requires_grad=True)
    names = {"lib": lib, **vars(lib.distributions)}
    p = eval(text, {**names, "a": a, "b": b})
    q = eval(text.replace("a - 3", "a - 4"), {**names, "a": a + 0.2, "b": b * 1.3})
    made = lib.distributions.kl_divergence(p, q)
    (grad,) = lib.autograd.grad(made.sum(), b, allow_unused=True) if made.requires_grad else (None,)
    return [made.detach().numpy(), lib.zeros(1).numpy() if grad is None else grad.numpy()]


@pytest.mark.parametrize("text", [t for t in MADE.strip().splitlines() if "event_dim" not in t])
def test_divergences(oracle: ModuleType, text: str) -> None:
    assert_close(divergence(kagari, text), divergence(oracle, text))


ERRORS = """
Uniform(lib.tensor(1.0), lib.tensor(0.0))
Categorical()
Categorical(lib.tensor(0.3))
Categorical(lib.tensor([-1.0, 2.0]))
Categorical(lib.ones(3)).log_prob(lib.tensor(5))
Categorical(lib.ones(2)).rsample()
Normal(lib.tensor([0.0]), lib.tensor([-1.0]))
Normal("a", 1)
Normal(0.0, 1.0).log_prob(3)
Normal(lib.zeros(3), 1.0).log_prob(lib.zeros(2))
Normal(0.0, 1.0).enumerate_support()
Bernoulli()
Bernoulli(0.3).log_prob(lib.tensor(0.5))
Uniform(0.0, 1.0).log_prob(lib.tensor(2.0))
MultivariateNormal(lib.zeros(2))
MultivariateNormal(lib.tensor(0.0), lib.eye(1))
MultivariateNormal(lib.zeros(2), lib.zeros(2, 2))
MultivariateNormal(lib.zeros(2), lib.eye(2)).log_prob(lib.zeros(3))
Independent(Normal(0.0, 1.0), 1)
TransformedDistribution(Normal(0.0, 1.0), [3])
TransformedDistribution(Normal(0.0, 1.0), 3)
TransformedDistribution(Normal(0.0, 1.0), TanhTransform()).log_prob(lib.tensor(2.0))
TransformedDistribution(Normal(0.0, 1.0), AffineTransform(0.0, 1.0, event_dim=1))
TanhTransform(cache_size=2)
OneHotCategorical(lib.ones(2)).log_prob(lib.tensor([1.0, 1.0]))
kl_divergence(Normal(0.0, 1.0), Categorical(lib.ones(2)))
"""


@pytest.mark.parametrize("text", ERRORS.strip().splitlines())
def test_errors(oracle: ModuleType, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Once the oracle's compiler has been imported, its distributions check nothing by default.
    monkeypatch.setattr(oracle.distributions.Distribution, "_validate_args", True)
    assert_same_error(lambda lib: eval(text, {"lib": lib, **vars(lib.distributions)}), oracle, kagari)


def test_checks_can_be_turned_off() -> None:
    kinds = kagari.distributions
    assert kinds.Normal(0.0, -1.0, validate_args=False).scale.item() == -1.0
    kinds.Distribution.set_default_validate_args(False)
    try:
        assert kinds.Normal(0.0, -1.0).log_prob(kagari.tensor(0.0)).isnan()
    finally:
        kinds.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError, match="expected True or False"):
        kinds.Distribution.set_default_validate_args(3)
