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
GeneralizedPareto(a, b, lib.tensor([0.2, 0.0, -0.3]))
"""


QUESTIONS = (
    "entropy", "perplexity", "mean", "variance", "stddev", "mode", "rsample", "cdf", "icdf", "log_prob",
    "enumerate_support",
)  # fmt: skip
# Where the oracle has no gradient, or none that is one: by name of the question, the beginnings of descriptions.
WITHOUT_GRADIENT = {
    "cdf": ("Chi2", "Gamma", "InverseGamma", "MixtureSameFamily(Categorical(b), Gamma"),
    "rsample": ("Wishart",),
    "variance": ("FisherSnedecor", "StudentT"),
    "stddev": ("FisherSnedecor", "StudentT"),
    "mode": ("Wishart", "FisherSnedecor"),
}
# Where the oracle's gradients are approximations.
ROUGH = ("Beta", "Dirichlet", "Gamma", "Chi2", "FisherSnedecor", "InverseGamma", "StudentT")


def known(lib: ModuleType, text: str, dtype: str = "float32") -> dict[str, Any]:
    """What a distribution says of itself, of 20 draws, and of how its draws and probabilities change."""
    lib.manual_seed(3)
    a = lib.tensor([0.1, -1.5, 0.7], requires_grad=True, dtype=getattr(lib, dtype))
    b = lib.tensor([0.5, 1.5, 2.5], requires_grad=True, dtype=getattr(lib, dtype))
    made = eval(text, {"lib": lib, "a": a, "b": b, **vars(lib.distributions)})
    found: dict[str, Any] = {"repr": repr(made), "support": repr(made.support)}
    found |= {"batch": tuple(made.batch_shape), "event": tuple(made.event_shape)}
    drawn = made.sample((20,))
    found |= {"one": made.sample(), "drawn": drawn}
    given = {"log_prob": (drawn,), "cdf": (drawn,), "rsample": ((3,),), "icdf": (lib.full((3,), 0.3),)}
    for name in QUESTIONS:
        try:
            asked = getattr(made, name)
            found[name] = asked(*given.get(name, ())) if callable(asked) else asked
        except NotImplementedError:
            continue
        if found[name].requires_grad and not text.startswith(WITHOUT_GRADIENT.get(name, ("-",))):
            loss = found[name].nan_to_num().sin().sum()
            grads = lib.autograd.grad(loss, [a, b], allow_unused=True, retain_graph=True)
            found |= {f"{name} by {of}": g for of, g in zip("ab", grads) if g is not None}
    wider = made.expand((4, *made.batch_shape))
    found |= {"wider": repr(wider), "drawn wider": wider.sample()}
    return {k: v.detach().numpy() if isinstance(v, lib.Tensor) else v for k, v in found.items()}


def assert_same_answers(ours: dict[str, Any], theirs: dict[str, Any], rough: bool = False) -> None:
    assert list(ours) == list(theirs)
    for name, other in theirs.items():
        mine = ours[name]
        if isinstance(other, np.ndarray):
            assert mine.dtype == other.dtype
            tolerance = 1e-5 if mine.dtype == np.float64 else 1e-4
            tolerance = 2e-2 if rough and name.startswith("rsample by") else tolerance
            np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance / 10, err_msg=name)
        else:
            assert mine == other


@pytest.mark.parametrize("text", MADE.strip().splitlines())
def test_distributions(oracle: ModuleType, text: str) -> None:
    assert_same_answers(known(kagari, text), known(oracle, text))


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
Beta(1.0, -1.0)
Gamma(-1.0, 1.0)
StudentT(-1.0)
Chi2(-1.0)
Dirichlet(lib.tensor(1.0))
Geometric(0.0)
Geometric()
Binomial(3)
Binomial(3, 1.5)
Binomial(lib.tensor([2.0, 3.0]), 0.5 * lib.ones(2)).entropy()
Binomial(lib.tensor([2.0, 3.0]), 0.5 * lib.ones(2)).enumerate_support()
Multinomial(lib.ones(2), lib.ones(3))
Multinomial(0, lib.ones(2)).sample()
Wishart(lib.tensor(1.0), lib.eye(3))
Wishart(lib.tensor(3.0))
Wishart(lib.tensor(3.0), lib.ones(3))
LKJCholesky(1)
LowRankMultivariateNormal(lib.tensor(1.0), lib.ones(1, 1), lib.ones(1))
LowRankMultivariateNormal(lib.ones(2), lib.ones(2), lib.ones(2))
LowRankMultivariateNormal(lib.ones(2), lib.ones(3, 1), lib.ones(2))
LowRankMultivariateNormal(lib.ones(2), lib.ones(2, 1), lib.ones(3))
MixtureSameFamily(Normal(0.0, 1.0), Normal(0.0, 1.0))
MixtureSameFamily(Categorical(lib.ones(2)), 3)
MixtureSameFamily(Categorical(lib.ones(2)), Normal(lib.ones(3), 1.0))
MixtureSameFamily(Categorical(lib.ones(4, 2)), Normal(lib.ones(3, 2), 1.0))
NegativeBinomial(3.0)
RelaxedBernoulli(lib.tensor(1.0))
VonMises(lib.tensor(0.0), lib.tensor(-1.0))
Pareto(-1.0, 1.0)
InverseGamma(1.0, -1.0)
HalfNormal(-1.0)
Weibull(1.0, -1.0)
GeneralizedPareto(1.0, 1.0, 0.0).log_prob(lib.tensor(0.0))
Gamma(1.0, 1.0).icdf(lib.tensor(0.5))
Poisson(1.0).entropy()
kl_divergence(Binomial(2, 0.5), Binomial(3, 0.5))
ContinuousBernoulli(1.5, validate_args=True)
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
