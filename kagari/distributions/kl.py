"""How far one distribution is from another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..eager import Tensor
from ..eager import operators as ops
from ..linalg import solve_triangular
from .bernoulli import Bernoulli
from .categorical import Categorical
from .distribution import Distribution
from .exponential import Exponential
from .independent import Independent, summed
from .laplace import Laplace
from .multivariate_normal import MultivariateNormal, half_log_det, squared_length
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform

__all__ = ["kl_divergence", "register_kl"]

Rule = Callable[[Any, Any], Tensor]


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    r"""The Kullback-Leibler divergence of two distributions, :math:`E_{x \sim p}[\log p(x) - \log q(x)]`.

    Raises NotImplementedError for pairs that have no rule.

    Source: Kullback and Leibler, *On information and sufficiency* (1951).

    Example::

        >>> import kagari as torch
        >>> normal = torch.distributions.Normal
        >>> torch.distributions.kl_divergence(normal(1.0, 1.0), normal(0.0, 1.0))
        tensor(0.5000)
    """
    for a in type(p).__mro__:
        for b in type(q).__mro__:
            if (a, b) in _RULES:
                return _RULES[a, b](p, q)
    raise NotImplementedError(
        f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}"
    )


def register_kl(type_p: type[Distribution], type_q: type[Distribution]) -> Callable[[Rule], Rule]:
    """Decorates a function of two distributions, which `kl_divergence` takes for these types and those below them.

    Raises TypeError for anything but types of distributions.

    Example::

        >>> import kagari as torch
        >>> class Point(torch.distributions.Distribution):
        ...     pass
        >>> @torch.distributions.register_kl(Point, Point)
        ... def between_points(p, q):
        ...     return torch.zeros(())
        >>> torch.distributions.kl_divergence(Point(), Point())
        tensor(0.)
    """
    for name, kind in (("type_p", type_p), ("type_q", type_q)):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {kind}")

    def put(rule: Rule) -> Rule:
        _RULES[type_p, type_q] = rule
        return rule

    return put


def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    one = p.probs * (ops.softplus(-q.logits) - ops.softplus(-p.logits))
    one = one.masked_fill(q.probs == 0, float("inf")).masked_fill(p.probs == 0, 0)
    zero = (1 - p.probs) * (ops.softplus(q.logits) - ops.softplus(p.logits))
    return one + zero.masked_fill(q.probs == 1, float("inf")).masked_fill(p.probs == 1, 0)


def _categorical(p: Categorical, q: Categorical) -> Tensor:
    terms = p.probs * (p.logits - q.logits)
    terms = terms.masked_fill((q.probs == 0).expand_as(terms), float("inf"))
    return terms.masked_fill((p.probs == 0).expand_as(terms), 0).sum(-1)


def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return summed(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * ops.exp(-distance / p.scale) - 1


def _multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two Multivariate Normals with different event shapes cannot be computed"
        )
    spread = solve_triangular(q.scale_tril, p.scale_tril, upper=False).pow(2).sum((-2, -1))
    distance = squared_length(q.scale_tril, q.loc - p.loc)
    return half_log_det(q.scale_tril) - half_log_det(p.scale_tril) + 0.5 * (spread + distance - p.event_shape[0])


def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


def _one_hot_categorical(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


def _uniform(p: Uniform, q: Uniform) -> Tensor:
    made = ((q.high - q.low) / (p.high - p.low)).log()
    return made.masked_fill((q.low > p.low) | (q.high < p.high), float("inf"))


_RULES: dict[tuple[type, type], Rule] = {
    (Bernoulli, Bernoulli): _bernoulli,
    (Categorical, Categorical): _categorical,
    (Exponential, Exponential): _exponential,
    (Independent, Independent): _independent,
    (Laplace, Laplace): _laplace,
    (MultivariateNormal, MultivariateNormal): _multivariate_normal,
    (Normal, Normal): _normal,
    (OneHotCategorical, OneHotCategorical): _one_hot_categorical,
    (Poisson, Poisson): _poisson,
    (TransformedDistribution, TransformedDistribution): _transformed,
    (Uniform, Uniform): _uniform,
}
