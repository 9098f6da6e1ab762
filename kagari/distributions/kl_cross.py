"""Divergences of distributions of different kinds: `-H(p) - E_p[log q]`, by what is known of means under p."""

from __future__ import annotations

import math
from typing import Any

from ..eager import Tensor
from ..eager import operators as ops
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .continuous_bernoulli import ContinuousBernoulli
from .exponential import Exponential
from .gamma import Gamma
from .gumbel import EULER, Gumbel
from .laplace import Laplace
from .normal import Normal
from .pareto import Pareto
from .poisson import Poisson
from .uniform import Uniform

__all__ = ["CROSS_RULES"]


# What is known of means


def _mean_log(p: Any) -> Tensor:
    """The mean of the logarithm."""
    if isinstance(p, Beta):
        return p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    if isinstance(p, Exponential):
        return -p.rate.log() - EULER
    if isinstance(p, Pareto):
        return p.scale.log() + p.alpha.reciprocal()
    return _mean_log_between(p.low, p.high)


def _mean_log_between(low: Tensor, high: Tensor) -> Tensor:
    """The mean of the logarithm of uniform numbers."""
    return (ops.xlogy(high, high) - ops.xlogy(low, low)) / (high - low) - 1


def _mean_exp(p: Any, s: Tensor) -> Tensor:
    """The mean of `exp(-s x)`."""
    if isinstance(p, Exponential):
        return p.rate / (p.rate + s)
    if isinstance(p, Gamma):
        return (1 + s / p.rate).pow(-p.concentration)
    if isinstance(p, Normal):
        return ops.exp(0.5 * (p.scale * s).pow(2) - p.loc * s)
    return (ops.exp(-p.low * s) - ops.exp(-p.high * s)) / (s * (p.high - p.low))


def _infinite_where(condition: Tensor, value: Tensor) -> Tensor:
    return value.masked_fill(condition, math.inf)


# One rule for each kind of q


def _infinite(p: Any, q: Any) -> Tensor:
    return ops.full(p.batch_shape, math.inf, dtype=p.mean.dtype)


def _to_normal(p: Any, q: Normal) -> Tensor:
    spread = q.scale.pow(2)
    return 0.5 * (2 * math.pi * spread).log() + (p.variance + (p.mean - q.loc).pow(2)) / (2 * spread) - p.entropy()


def _to_exponential(p: Any, q: Exponential) -> Tensor:
    return q.rate * p.mean - q.rate.log() - p.entropy()


def _to_gamma(p: Any, q: Gamma) -> Tensor:
    a, rate = q.concentration, q.rate
    return a.lgamma() - a * rate.log() + (1 - a) * _mean_log(p) + rate * p.mean - p.entropy()


def _to_gumbel(p: Any, q: Gumbel) -> Tensor:
    power = ops.exp(q.loc / q.scale) * _mean_exp(p, q.scale.reciprocal())
    return q.scale.log() + (p.mean - q.loc) / q.scale + power - p.entropy()


def _beta_uniform(p: Beta, q: Uniform) -> Tensor:
    return _infinite_where((q.low > 0) | (q.high < 1), (q.high - q.low).log() - p.entropy())


def _continuous_bernoulli_uniform(p: ContinuousBernoulli, q: Uniform) -> Tensor:
    return _infinite_where((q.low >= 0) | (q.high <= 1), (q.high - q.low).log() - p.entropy())


def _to_continuous_bernoulli(p: Any, q: ContinuousBernoulli) -> Tensor:
    return -p.mean * q.logits - (-q.probs).log1p() - q._log_norm() - p.entropy()


def _normal_laplace(p: Normal, q: Laplace) -> Tensor:
    distance = p.loc - q.loc
    ratio = distance / p.scale
    mean = math.sqrt(2 / math.pi) * p.scale * ops.exp(-0.5 * ratio.pow(2)) + distance * ops.erf(math.sqrt(0.5) * ratio)
    return (2 * q.scale).log() + mean / q.scale - p.entropy()


def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return q.rate - p.probs * q.rate.log() - p.entropy()


# From uniform numbers and from Pareto's: infinite where they lie outside of what q allows


def _uniform_beta(p: Uniform, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    mean = (1 - a) * _mean_log(p) + (1 - b) * _mean_log_between(1 - p.high, 1 - p.low)
    constant = a.lgamma() + b.lgamma() - (a + b).lgamma()
    return _infinite_where((p.high > 1) | (p.low < 0), constant + mean - p.entropy())


def _uniform_continuous_bernoulli(p: Uniform, q: ContinuousBernoulli) -> Tensor:
    return _infinite_where((p.high >= 1) | (p.low <= 0), _to_continuous_bernoulli(p, q))


def _uniform_exponential(p: Uniform, q: Exponential) -> Tensor:
    return _infinite_where(p.low < 0, _to_exponential(p, q))


def _uniform_gamma(p: Uniform, q: Gamma) -> Tensor:
    return _infinite_where(p.low < 0, _to_gamma(p, q))


def _uniform_pareto(p: Uniform, q: Pareto) -> Tensor:
    made = (q.alpha + 1) * _mean_log(p) - q.alpha.log() - q.alpha * q.scale.log() - p.entropy()
    return _infinite_where(p.low < q.scale, made)


def _pareto_exponential(p: Pareto, q: Exponential) -> Tensor:
    return _infinite_where(p.alpha <= 1, _to_exponential(p, q))


def _pareto_gamma(p: Pareto, q: Gamma) -> Tensor:
    return _infinite_where(p.alpha <= 1, _to_gamma(p, q))


def _pareto_normal(p: Pareto, q: Normal) -> Tensor:
    return _infinite_where(p.alpha <= 2, _to_normal(p, q))


CROSS_RULES: dict[tuple[type, type], Any] = {
    **{(p, Normal): _to_normal for p in (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Uniform)},
    **{(p, Exponential): _to_exponential for p in (Beta, ContinuousBernoulli, Gamma)},
    **{(p, Gamma): _to_gamma for p in (Beta, Exponential)},
    **{(p, Gumbel): _to_gumbel for p in (Exponential, Gamma, Normal, Uniform)},
    (Beta, Uniform): _beta_uniform,
    (ContinuousBernoulli, Uniform): _continuous_bernoulli_uniform,
    **{(p, Uniform): _infinite for p in (Exponential, Gamma, Gumbel, Laplace, Normal, Pareto)},
    **{(p, Pareto): _infinite for p in (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Normal)},
    **{(p, Beta): _infinite for p in (Exponential, Gamma, Gumbel, Laplace, Normal, Pareto)},
    **{(p, ContinuousBernoulli): _infinite for p in (Exponential, Gamma, Gumbel, Laplace, Normal, Pareto)},
    **{(p, Exponential): _infinite for p in (Gumbel, Laplace, Normal)},
    **{(p, Gamma): _infinite for p in (Gumbel, Laplace, Normal)},
    (Beta, ContinuousBernoulli): _to_continuous_bernoulli,
    (Bernoulli, Poisson): _bernoulli_poisson,
    (Normal, Laplace): _normal_laplace,
    (Pareto, Exponential): _pareto_exponential,
    (Pareto, Gamma): _pareto_gamma,
    (Pareto, Normal): _pareto_normal,
    (Poisson, Bernoulli): _infinite,
    (Poisson, Binomial): _infinite,
    (Uniform, Beta): _uniform_beta,
    (Uniform, ContinuousBernoulli): _uniform_continuous_bernoulli,
    (Uniform, Exponential): _uniform_exponential,
    (Uniform, Gamma): _uniform_gamma,
    (Uniform, Pareto): _uniform_pareto,
}
