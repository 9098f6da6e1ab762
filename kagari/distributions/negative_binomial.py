"""The negative binomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..autograd.modes import no_grad
from ..eager import Tensor
from ..eager import operators as ops
from . import constraints
from .gamma import Gamma
from .odds import WithOdds

__all__ = ["NegativeBinomial"]


class NegativeBinomial(WithOdds):
    r"""Counts of successes before the r-th failure,
    :math:`p(k) = \frac{\Gamma(r + k)}{k! \, \Gamma(r)} (1 - p)^r p^k`.

    Args:
        total_count (float or Tensor): r, which need not be whole.
        probs (float or Tensor, optional): :math:`p`.
        logits (float or Tensor, optional): :math:`\log p - \log (1 - p)`. Exactly one of the two is given.
        validate_args (bool, optional): as for :class:`Distribution`.

    Example::

        >>> import kagari as torch
        >>> torch.distributions.NegativeBinomial(2.0, torch.tensor(0.75)).mean
        tensor(6.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        (count,) = self._take(probs, logits, total_count)
        self.total_count = count.type_as(self._param)
        super().__init__(self.param_shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self.total_count * ops.exp(self.logits)

    @property
    def mode(self) -> Tensor:
        """The most likely value."""
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.mean / ops.sigmoid(-self.logits)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values, without gradients."""
        with no_grad():
            rates = Gamma(self.total_count, ops.exp(-self.logits), validate_args=False).sample(sample_shape)
            return ops.poisson(rates)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        r, logits = self.total_count, self.logits
        ways = ops.lgamma(r + value) - ops.lgamma(1.0 + value) - ops.lgamma(r)
        ways = ways.masked_fill(r + value == 0.0, 0.0)
        return r * ops.logsigmoid(-logits) + value * ops.logsigmoid(logits) + ways
