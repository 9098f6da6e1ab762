"""The distributions whose draws and probabilities take more than those of test_distributions.py, next to the oracle."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from test_distributions import COVARIANCE, ROUGH, assert_same_answers, known

import kagari

C = COVARIANCE.replace("]])", "]], dtype=a.dtype)")
MADE = f"""
Beta(b, b + 1)
Beta(0.5, 2.0)
Dirichlet(b.expand(2, 3))
Binomial(5, b / 4)
Binomial(lib.tensor([30.0, 2.0, 100.0]).to(a), logits=a)
Cauchy(a, b)
Chi2(b)
ContinuousBernoulli(b / 4)
ContinuousBernoulli(lib.tensor([0.4995, 0.5, 0.6]))
ContinuousBernoulli(logits=a)
FisherSnedecor(b * 2, b * 3)
Gamma(b, b + 1)
Geometric(b / 4)
Geometric(logits=a)
Gumbel(a, b)
HalfCauchy(b)
HalfNormal(b)
InverseGamma(b * 2, b)
LKJCholesky(3, b)
LKJCholesky(2)
LogisticNormal(a, b)
LowRankMultivariateNormal(a, lib.tensor([[1.0, 0.5], [0.3, 2.0], [0.1, 0.1]]).to(a) * b[0], b)
MixtureSameFamily(Categorical(b), Normal(a, b))
MixtureSameFamily(Categorical(logits=a), Independent(Normal(a.expand(2, 3).T, b.expand(2, 3).T), 1))
Multinomial(5, b.expand(2, 3))
NegativeBinomial(b * 3, b / 4)
NegativeBinomial(3.0, logits=a)
OneHotCategoricalStraightThrough(b.expand(2, 3))
Pareto(b, b + 2)
RelaxedBernoulli(lib.tensor(0.7), b / 4)
RelaxedBernoulli(b, logits=a)
RelaxedOneHotCategorical(lib.tensor(0.7), b.expand(2, 3))
StudentT(b * 2, a, b)
StudentT(3.0)
VonMises(a, b * 3)
Weibull(b, b + 1)
Wishart(b + 2, {C})
Wishart(lib.tensor(4.5).to(a), precision_matrix={C} * b[0])
Wishart(4, scale_tril={C}.tril() * b[0])
"""


@pytest.mark.filterwarnings("ignore:Low df values", "ignore:Singular sample detected")
@pytest.mark.parametrize("text", MADE.strip().splitlines())
def test_distributions(oracle: ModuleType, text: str) -> None:
    assert_same_answers(known(kagari, text, "float64"), known(oracle, text, "float64"), text.startswith(ROUGH))


def test_kumaraswamy(oracle: ModuleType) -> None:
    """All but the mode, which is NaN there."""
    ours, theirs = (known(lib, "Kumaraswamy(b, b + 1)", "float64") for lib in (kagari, oracle))
    mode = ours.pop("mode")
    np.testing.assert_allclose(mode[1:], [0.3209, 0.5185], atol=1e-4)
    for name in ("mode by b", "mode"):
        theirs.pop(name, None), ours.pop(name, None)
    assert_same_answers(ours, theirs)
