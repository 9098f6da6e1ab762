"""A continuous form of the distribution of a coin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from ..autograd.modes import no_grad
from ..eager import Tensor
from ..eager import operators as ops
from . import constraints
from .exp_family import ExponentialFamily
from .odds import WithOdds
from .utils import clamp_probs

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(WithOdds, ExponentialFamily):
    r"""Numbers between 0 and 1, :math:`p(x) = C(p) p^x (1 - p)^{1 - x}` with
    :math:`C(p) = \frac{2 \tanh^{-1} (1 - 2 p)}{1 - 2 p}`, which is 2 at one half.

    Args:
        probs (float or Tensor, optional): :math:`p`.
        logits (float or Tensor, optional): :math:`\log p - \log (1 - p)`. Exactly one of the two is given.
        lims (tuple of float): between these series are used, where the formulas divide 0 by 0. Default: (0.499, 0.501)
        validate_args (bool, optional): as for :class:`Distribution`.

    Source: Loaiza-Ganem, Cunningham, *The continuous Bernoulli: fixing a pervasive error in variational autoencoders*
    (2019).

    Example::

        >>> import kagari as torch
        >>> torch.distributions.ContinuousBernoulli(0.5).log_prob(torch.tensor(0.3))
        tensor(0.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        self._take(probs, logits)
        if probs is not None:
            if validate_args and not self.arg_constraints["probs"].check(self.probs).all():
                raise ValueError("The parameter probs has invalid values")
            self.probs = clamp_probs(self.probs)
        self._lims = lims
        super().__init__(self.param_shape, validate_args=validate_args)

    def _regular(self) -> tuple[Tensor, Tensor]:
        """Where the formulas hold, and the probabilities, elsewhere others of which the formulas can be computed."""
        low, high = self._lims
        regular = (self.probs <= low) | (self.probs > high)
        return regular, ops.where(regular, self.probs, low)

    def _log_norm(self) -> Tensor:
        """ln C(p)."""
        regular, p = self._regular()
        small = p <= 0.5
        distance = ops.where(
            small, ops.log1p(-2.0 * ops.where(small, p, 0.0)), ops.log(2.0 * ops.where(small, 1.0, p) - 1.0)
        )
        formula = ops.log((ops.log1p(-p) - ops.log(p)).abs()) - distance
        square = (self.probs - 0.5).pow(2)
        return ops.where(regular, formula, math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * square) * square)

    @property
    def mean(self) -> Tensor:
        """The mean."""
        regular, p = self._regular()
        formula = p / (2.0 * p - 1.0) + 1.0 / (ops.log1p(-p) - ops.log(p))
        x = self.probs - 0.5
        return ops.where(regular, formula, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.pow(2)) * x)

    @property
    def variance(self) -> Tensor:
        """The variance."""
        regular, p = self._regular()
        formula = p * (p - 1.0) / (1.0 - 2.0 * p).pow(2) + 1.0 / (ops.log1p(-p) - ops.log(p)).pow(2)
        square = (self.probs - 0.5).pow(2)
        return ops.where(regular, formula, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * square) * square)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values, without gradients."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values as a function of the parameters."""
        return self.icdf(ops.rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        logits, value = ops.broadcast_tensors(self.logits, value)
        return self._log_norm() - ops.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values that are not larger."""
        if self._validate_args:
            self._validate_sample(value)
        regular, p = self._regular()
        formula = (p.pow(value) * (1.0 - p).pow(1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        inside = ops.where(regular, formula, value)
        return ops.where(value <= 0.0, 0.0, ops.where(value >= 1.0, 1.0, inside))

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of `cdf`."""
        regular, p = self._regular()
        formula = ops.log1p(-p + value * (2.0 * p - 1.0)) - ops.log1p(-p)
        return ops.where(regular, formula / (ops.log(p) - ops.log1p(-p)), value)

    def entropy(self) -> Tensor:
        """The entropy."""
        log_zero, log_one = ops.log1p(-self.probs), ops.log(self.probs)
        return self.mean * (log_zero - log_one) - self._log_norm() - log_zero

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        (x,) = natural_params
        low, high = self._lims
        regular = (x <= low - 0.5) | (x > high - 0.5)
        safe = ops.where(regular, x, low - 0.5)
        formula = ops.log(ops.expm1(safe).abs()) - ops.log(safe.abs())
        return ops.where(regular, formula, 0.5 * x + x.pow(2) / 24.0 - x.pow(4) / 2880.0)

    @property
    def _mean_carrier_measure(self) -> Any:
        return 0
