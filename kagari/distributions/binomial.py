"""The binomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..autograd.modes import no_grad
from ..eager import Tensor
from ..eager import operators as ops
from . import constraints
from .odds import WithOdds

__all__ = ["Binomial"]


class Binomial(WithOdds):
    r"""Counts of successes among n trials, :math:`p(k) = \binom{n}{k} p^k (1 - p)^{n - k}`.

    Args:
        total_count (int or Tensor): n. Default: 1
        probs (float or Tensor, optional): :math:`p`.
        logits (float or Tensor, optional): :math:`\log p - \log (1 - p)`. Exactly one of the two is given.
        validate_args (bool, optional): as for :class:`Distribution`.

    Example::

        >>> import kagari as torch
        >>> torch.distributions.Binomial(4, 0.5).log_prob(torch.tensor(2.0)).exp()
        tensor(0.3750)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        (count,) = self._take(probs, logits, total_count)
        self.total_count = count.type_as(self._param)
        super().__init__(self.param_shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """The counts up to the number of trials."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        """The most likely value."""
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values, without gradients."""
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return ops.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        n, logits = self.total_count, self.logits
        ways = ops.lgamma(n + 1) - ops.lgamma(value + 1) - ops.lgamma(n - value + 1)
        return ways + value * logits - n * (logits.clamp(min=0) + ops.log1p(ops.exp(-logits.abs())))

    def _trials(self, name: str) -> int:
        """The number of trials of all. Raises NotImplementedError where it differs."""
        if self.total_count.min() != self.total_count.max():
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{name}`.")
        return int(self.total_count.max())

    def entropy(self) -> Tensor:
        """The entropy."""
        self._trials("entropy")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(ops.exp(log_prob) * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values, along a new first dimension; of one batch entry unless `expand`."""
        n = self._trials("enumerate_support")
        values = ops.arange(1 + n, dtype=self._param.dtype).view(-1, *(1,) * len(self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values
