"""The base of exponential families."""

from __future__ import annotations

from typing import Any

from ..autograd import grad
from ..autograd.modes import enable_grad
from ..eager import Tensor
from .distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    r"""Distributions of the form :math:`p(x) = e^{\langle t(x), \theta \rangle - F(\theta) + k(x)}`, with the natural
    parameters :math:`\theta` and the logarithm F of what makes the sum one.

    A subclass has `_natural_params`, a tuple of tensors, `_log_normalizer`, a function of them, and
    `_mean_carrier_measure`, the mean of k. The entropy follows from them:
    :math:`F(\theta) - \langle \theta, \nabla F(\theta) \rangle - E[k]`.

    Source: Nielsen, Nock, *Entropies and cross-entropies of exponential families* (2010).

    Example::

        >>> import kagari as torch
        >>> isinstance(torch.distributions.Normal(0.0, 1.0), torch.distributions.ExponentialFamily)
        True
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> Any:
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The entropy."""
        result = -self._mean_carrier_measure
        parameters = [p.detach().requires_grad_() for p in self._natural_params]
        with enable_grad():
            log_normalizer = self._log_normalizer(*parameters)
            slopes = grad(log_normalizer.sum(), parameters, create_graph=True)
        result = result + log_normalizer
        for p, slope in zip(parameters, slopes):
            result = result - (p * slope).reshape((*self._batch_shape, -1)).sum(-1)
        return result
