"""Divergences between distributions next to the oracle's: values, gradients, and which pairs have one."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from test_distributions import COVARIANCE

import kagari

C = COVARIANCE.replace("]])", "]], dtype=a.dtype)")
# The second of a pair has other parameters: `s` is 0 in the first and 1 in the second.
MADE = f"""
Bernoulli(b / (4 + s))
Beta(b, b + 1 + s)
Binomial(5, b / (4 + s))
Categorical(b + s)
Cauchy(a + s, b)
Chi2(b + s)
ContinuousBernoulli(b / (4 + s))
Dirichlet(b + s)
Exponential(b + s)
Gamma(b + s, b + 1)
Geometric(b / (4 + s))
Gumbel(a + s, b)
HalfNormal(b + s)
Independent(Normal(a + s, b), 1)
InverseGamma(b + s, b)
Laplace(a + s, b)
LogNormal(a + s, b)
LowRankMultivariateNormal(a[:2] + s, {C}, b[:2])
LowRankMultivariateNormal(a[1:] + s, b[:2, None], b[1:])
MultivariateNormal(a[:2] + s, scale_tril={C}.tril())
MultivariateNormal(a[:2] + s, {C} * (1 + s))
Normal(a + s, b)
OneHotCategorical(b + s)
Pareto(b, b + 2 - s)
Poisson(b + s)
StudentT(b)
TransformedDistribution(Normal(a + s, b), [AffineTransform(1.0, 2.0), ExpTransform()])
Uniform(a - 3 - s, b)
Uniform(b / 10 + s / 10, b / 5 + 0.3)
Uniform(b * 0 - s, b * 0 + 1)
Wishart(b + 2 + s, {C})
""".strip().splitlines()


def divergence(lib: ModuleType, pair: tuple[str, str]) -> list[Any]:
    a = lib.tensor([0.1, -1.5, 0.7], dtype=lib.float64)
    b = lib.tensor([0.5, 1.5, 2.5], dtype=lib.float64, requires_grad=True)
    p, q = (eval(x, {"lib": lib, "a": a, "b": b, "s": s, **vars(lib.distributions)}) for s, x in enumerate(pair))
    try:
        found = lib.distributions.kl_divergence(p, q)
    except (NotImplementedError, ValueError) as error:
        return [type(error)]
    known = found.isfinite()
    if not (found.requires_grad and known.any()):
        return [found.detach().numpy(), np.zeros(3)]
    (grad,) = lib.autograd.grad(found[known].sum(), b, allow_unused=True)
    return [found.detach().numpy(), np.zeros(3) if grad is None else grad.nan_to_num().numpy()]


@pytest.mark.filterwarnings("ignore:Low df values")
@pytest.mark.parametrize("p", MADE)
def test_divergences(oracle: ModuleType, p: str) -> None:
    for q in MADE:
        ours, theirs = divergence(kagari, (p, q)), divergence(oracle, (p, q))
        assert len(ours) == len(theirs), (q, ours, theirs)
        for mine, other in zip(ours, theirs):
            if isinstance(other, type):
                assert mine is other, q
            else:
                np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-7, err_msg=q)


def test_a_family_has_the_divergence_of_bregman() -> None:
    class Rate(kagari.distributions.ExponentialFamily):
        def __init__(self, rate: Any) -> None:
            self.rate = rate
            super().__init__(rate.shape, validate_args=False)

        _natural_params = property(lambda self: (-self.rate,))
        _mean_carrier_measure = 0

        def _log_normalizer(self, x: Any) -> Any:
            return -(-x).log()

    p, q = kagari.tensor([0.5, 2.0]), kagari.tensor([1.0, 1.5])
    exponential = kagari.distributions.Exponential
    kagari.testing.assert_close(
        kagari.distributions.kl_divergence(Rate(p), Rate(q)),
        kagari.distributions.kl_divergence(exponential(p), exponential(q)),
    )
    kagari.testing.assert_close(Rate(p).entropy(), exponential(p).entropy())
