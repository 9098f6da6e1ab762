"""Divergences of distributions of the same kind."""

from __future__ import annotations

import math
from typing import Any

from ..autograd import grad
from ..autograd.modes import enable_grad
from ..eager import Tensor
from ..eager import operators as ops
from ..linalg import solve_triangular
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .continuous_bernoulli import ContinuousBernoulli
from .dirichlet import Dirichlet
from .exp_family import ExponentialFamily
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import EULER, Gumbel
from .half_normal import HalfNormal
from .laplace import Laplace
from .lowrank_multivariate_normal import LowRankMultivariateNormal
from .multivariate_normal import MultivariateNormal, half_log_det
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .pareto import Pareto
from .poisson import Poisson
from .uniform import Uniform

__all__ = ["SAME_RULES"]


def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    one = p.probs * (ops.softplus(-q.logits) - ops.softplus(-p.logits))
    one = one.masked_fill(q.probs == 0, math.inf).masked_fill(p.probs == 0, 0)
    zero = (1 - p.probs) * (ops.softplus(q.logits) - ops.softplus(p.logits))
    return one + zero.masked_fill(q.probs == 1, math.inf).masked_fill(p.probs == 1, 0)


def _beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet(p._dirichlet, q._dirichlet)


def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    each = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return (p.total_count * each).masked_fill(p.total_count > q.total_count, math.inf)


def _categorical(p: Categorical, q: Categorical) -> Tensor:
    terms = p.probs * (p.logits - q.logits)
    terms = terms.masked_fill((q.probs == 0).expand_as(terms), math.inf)
    return terms.masked_fill((p.probs == 0).expand_as(terms), 0).sum(-1)


def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    return ((p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)).log() - (4 * p.scale * q.scale).log()


def _continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    mine = p._log_norm() + (-p.probs).log1p()
    return p.mean * (p.logits - q.logits) + mine - q._log_norm() - (-q.probs).log1p()


def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    constant = total.lgamma() - b.sum(-1).lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
    return constant + ((a - b) * (a.digamma() - total.digamma().unsqueeze(-1))).sum(-1)


def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


def _exponential_family(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """By the Bregman divergence of the logarithms of what makes the sums one."""
    if type(p) is not type(q):
        raise NotImplementedError(
            f"KL(p || q) of exponential families of different types: {type(p).__name__} and {type(q).__name__}"
        )
    theirs = q._natural_params
    mine = [x.detach().requires_grad_() for x in p._natural_params]
    with enable_grad():
        log_normalizer = p._log_normalizer(*mine)
        slopes = grad(log_normalizer.sum(), mine, create_graph=True)
    result = q._log_normalizer(*theirs) - log_normalizer
    for a, b, slope in zip(mine, theirs, slopes):
        term = (b - a) * slope
        result = result - term.reshape((*term.shape[: term.ndim - len(q.event_shape)], -1)).sum(-1)
    return result


def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    constant = b * (p.rate / q.rate).log() + b.lgamma() - a.lgamma()
    return constant + (a - b) * a.digamma() + (q.rate - p.rate) * (a / p.rate)


def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc) / q.scale
    return -ratio.log() + distance + ratio * EULER + ops.exp((1 + ratio).lgamma() - distance) - (1 + EULER)


def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normal(p.base_dist, q.base_dist)


def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * ops.exp(-distance / p.scale) - 1


def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


def _one_hot_categorical(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    made = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return made.masked_fill(p.scale < q.scale, math.inf)


def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


def _uniform(p: Uniform, q: Uniform) -> Tensor:
    made = ((q.high - q.low) / (p.high - p.low)).log()
    return made.masked_fill((q.low > p.low) | (q.high < p.high), math.inf)


# Normal distributions of vectors


def _vectors(p: Any, q: Any) -> Tensor:
    """Of covariances that are given as a whole or as ones of low rank."""
    if p.event_shape != q.event_shape:
        kinds = {isinstance(x, LowRankMultivariateNormal) for x in (p, q)}
        name = "(Low Rank) " if len(kinds) == 2 else "Low Rank " if kinds == {True} else ""
        raise ValueError(
            f"KL-divergence between two {name}Multivariate Normals with different event shapes cannot be computed"
        )
    spread = _squares(q, (q.loc - p.loc).unsqueeze(-1))
    for part in _parts(p):
        spread = spread + _squares(q, part)
    return 0.5 * (_log_det(q) - _log_det(p) + spread - p.event_shape[0])


def _parts(p: Any) -> list[Tensor]:
    """Matrices whose products with themselves add up to the covariances."""
    if isinstance(p, LowRankMultivariateNormal):
        return [p._factor, p._diag.sqrt().diag_embed()]
    return [p._factor]


def _squares(q: Any, part: Tensor) -> Tensor:
    """The trace of the product of a matrix with the inverse of the covariances and with itself."""
    if not isinstance(q, LowRankMultivariateNormal):
        return solve_triangular(q._factor, part, upper=False).pow(2).sum((-2, -1))
    scaled = part / q._diag.unsqueeze(-1)
    inner = solve_triangular(q._capacitance_tril, q._factor.mT @ scaled, upper=False)
    return (part * scaled).sum((-2, -1)) - inner.pow(2).sum((-2, -1))


def _log_det(p: Any) -> Tensor:
    return p._log_det() if isinstance(p, LowRankMultivariateNormal) else 2 * half_log_det(p._factor)


SAME_RULES: dict[tuple[type, type], Any] = {
    (Bernoulli, Bernoulli): _bernoulli,
    (Beta, Beta): _beta,
    (Binomial, Binomial): _binomial,
    (Categorical, Categorical): _categorical,
    (Cauchy, Cauchy): _cauchy,
    (ContinuousBernoulli, ContinuousBernoulli): _continuous_bernoulli,
    (Dirichlet, Dirichlet): _dirichlet,
    (Exponential, Exponential): _exponential,
    (ExponentialFamily, ExponentialFamily): _exponential_family,
    (Gamma, Gamma): _gamma,
    (Geometric, Geometric): _geometric,
    (Gumbel, Gumbel): _gumbel,
    (HalfNormal, HalfNormal): _half_normal,
    (Laplace, Laplace): _laplace,
    (LowRankMultivariateNormal, LowRankMultivariateNormal): _vectors,
    (LowRankMultivariateNormal, MultivariateNormal): _vectors,
    (MultivariateNormal, LowRankMultivariateNormal): _vectors,
    (MultivariateNormal, MultivariateNormal): _vectors,
    (Normal, Normal): _normal,
    (OneHotCategorical, OneHotCategorical): _one_hot_categorical,
    (Pareto, Pareto): _pareto,
    (Poisson, Poisson): _poisson,
    (Uniform, Uniform): _uniform,
}
