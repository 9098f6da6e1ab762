"""A distribution between 0 and 1 that comes close to that of a coin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..eager import Tensor
from ..eager import operators as ops
from . import constraints
from .odds import WithOdds
from .shapes import Relaxed
from .transforms import SigmoidTransform
from .utils import broadcast_all, clamp_probs

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(WithOdds):
    r"""The logarithm of the odds of :class:`RelaxedBernoulli`:
    :math:`(\log u - \log (1 - u) + \log p - \log (1 - p)) / T` with a uniform u.

    Args:
        temperature (Tensor): T.
        probs (float or Tensor, optional): :math:`p`.
        logits (float or Tensor, optional): :math:`\log p - \log (1 - p)`. Exactly one of the two is given.
        validate_args (bool, optional): as for :class:`Distribution`.

    Source: Maddison, Mnih, Teh, *The concrete distribution* (2017).

    Example::

        >>> import kagari as torch
        >>> from kagari.distributions.relaxed_bernoulli import LogitRelaxedBernoulli
        >>> LogitRelaxedBernoulli(torch.tensor(1.0), probs=0.5).log_prob(torch.tensor(0.0)).exp()
        tensor(0.2500)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    has_rsample = True

    def __init__(
        self, temperature: Tensor, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self.temperature = temperature
        self._take(probs, logits)
        super().__init__(self.param_shape, validate_args=validate_args)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values as a function of the parameters."""
        shape = self._extended_shape(sample_shape)
        p = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(ops.rand(shape, dtype=p.dtype))
        return (u.log() - (-u).log1p() + p.log() - (-p).log1p()) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        distance = logits - value.mul(self.temperature)
        return self.temperature.log() + distance - 2 * distance.exp().log1p()


class RelaxedBernoulli(Relaxed):
    r"""Numbers between 0 and 1, made of uniform ones as a function of p; they come close to 0 or 1 as the temperature
    falls.

    Args:
        temperature (Tensor): T.
        probs (float or Tensor, optional): :math:`p`.
        logits (float or Tensor, optional): :math:`\log p - \log (1 - p)`. Exactly one of the two is given.
        validate_args (bool, optional): as for :class:`Distribution`.

    Source: Maddison, Mnih, Teh, *The concrete distribution* (2017).

    Example::

        >>> import kagari as torch
        >>> torch.distributions.RelaxedBernoulli(torch.tensor(1.0), probs=0.5).log_prob(torch.tensor(0.5))
        tensor(0.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    base_dist: LogitRelaxedBernoulli

    def __init__(
        self, temperature: Tensor, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(LogitRelaxedBernoulli(temperature, probs, logits), SigmoidTransform(), validate_args)
