"""How far one distribution is from another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..eager import Tensor
from .distribution import Distribution
from .independent import Independent, summed
from .kl_cross import CROSS_RULES
from .kl_same import SAME_RULES
from .transformed_distribution import TransformedDistribution

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


def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return summed(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


_RULES: dict[tuple[type, type], Rule] = {
    **SAME_RULES,
    **CROSS_RULES,
    (Independent, Independent): _independent,
    (TransformedDistribution, TransformedDistribution): _transformed,
}
