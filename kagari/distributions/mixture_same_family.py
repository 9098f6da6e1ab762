"""Mixtures of distributions of one kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..autograd.modes import no_grad
from ..eager import Size, Tensor
from ..eager import operators as ops
from . import constraints
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    r"""First one of K distributions is chosen, then a value is drawn from it: :math:`p(x) = \sum_k w_k p_k(x)`.

    Args:
        mixture_distribution (Categorical): which is chosen, with batch :math:`(*)`.
        component_distribution (Distribution): the distributions, with batch :math:`(*, K)`.
        validate_args (bool, optional): as for :class:`Distribution`.

    Raises ValueError for anything else, and where the batches do not fit.

    Example::

        >>> import kagari as torch
        >>> kinds = torch.distributions
        >>> two = kinds.Normal(torch.tensor([-1.0, 3.0]), torch.ones(2))
        >>> kinds.MixtureSameFamily(kinds.Categorical(torch.ones(2)), two).mean
        tensor(1.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(" The Mixture distribution needs to be an  instance of torch.distributions.Categorical")
        if not isinstance(component_distribution, Distribution):
            raise ValueError("The Component distribution needs to be an instance of torch.distributions.Distribution")
        batch, count = component_distribution.batch_shape, mixture_distribution.logits.shape[-1]
        for have, want in zip(reversed(mixture_distribution.batch_shape), reversed(batch[:-1])):
            if have != 1 and want != 1 and have != want:
                raise ValueError(
                    f"`mixture_distribution.batch_shape` ({mixture_distribution.batch_shape}) is not compatible with "
                    f"`component_distribution.batch_shape`({batch[:-1]})"
                )
        if count != batch[-1]:
            raise ValueError(
                f"`mixture_distribution component` ({count}) does not equal `component_distribution.batch_shape[-1]` "
                f"({batch[-1]})"
            )
        self._mixture_distribution, self._component_distribution = mixture_distribution, component_distribution
        self._num_component = count
        super().__init__(batch[:-1], component_distribution.event_shape, validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> MixtureSameFamily:
        """The same distribution, with its batch expanded to a shape."""
        made = MixtureSameFamily.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        made._component_distribution = self._component_distribution.expand((*batch_shape, self._num_component))
        made._batch_shape = Size(batch_shape)
        return made

    @constraints.dependent_property
    def support(self) -> Any:
        """The set of values that can be drawn, which must be in that of one of the distributions."""
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Categorical:
        """Which distribution is chosen."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The distributions."""
        return self._component_distribution

    def _weights(self) -> Tensor:
        """The probabilities of the distributions, in the shape of values."""
        probs = self._mixture_distribution.probs
        return probs.reshape((*probs.shape, *(1,) * len(self._event_shape)))

    def _averaged(self, value: Tensor) -> Tensor:
        return (self._weights() * value).sum(-1 - len(self._event_shape))

    def _pad(self, x: Tensor) -> Tensor:
        return x.unsqueeze(-1 - len(self._event_shape))

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self._averaged(self._component_distribution.mean)

    @property
    def variance(self) -> Tensor:
        """The variance."""
        parts = self._component_distribution
        return self._averaged(parts.variance) + self._averaged((parts.mean - self._pad(self.mean)).pow(2))

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values that are not larger."""
        each = self._component_distribution.cdf(self._pad(value))
        return (each * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        each = self._component_distribution.log_prob(self._pad(value))
        return ops.logsumexp(each + ops.log_softmax(self._mixture_distribution.logits, -1), -1)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values, without gradients."""
        with no_grad():
            chosen = self._mixture_distribution.sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            n = len(self._event_shape)
            at = chosen.reshape((*chosen.shape, *(1,) * (n + 1)))
            at = at.expand((*chosen.shape, 1, *self._event_shape))
            return drawn.gather(-1 - n, at).squeeze(-1 - n)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(\n  {self._mixture_distribution},\n  {self._component_distribution})"
