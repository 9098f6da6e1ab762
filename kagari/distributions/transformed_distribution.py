"""Distributions of what functions make of draws from others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..autograd.modes import no_grad
from ..eager import Size, Tensor
from . import constraints
from .distribution import Distribution
from .independent import Independent, summed
from .transforms import ComposeTransform, Transform

__all__ = ["TransformedDistribution"]


class TransformedDistribution(Distribution):
    r"""The distribution of :math:`y = f(x)`, where x is drawn from another:
    :math:`\log p(y) = \log p(x) - \log |\det \frac{dy}{dx}|`.

    Args:
        base_distribution (Distribution): the distribution of x.
        transforms (Transform, or list of Transform): f, or what it is composed of, in the order of application.
        validate_args (bool, optional): as for :class:`Distribution`.

    Raises ValueError for anything but transforms.

    Example::

        >>> import kagari as torch
        >>> kinds = torch.distributions
        >>> squashed = kinds.TransformedDistribution(kinds.Normal(0.0, 1.0), kinds.TanhTransform(cache_size=1))
        >>> squashed.log_prob(torch.tensor(0.0))
        tensor(-0.9189)
    """

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | list[Transform],
        validate_args: bool | None = None,
    ) -> None:
        if isinstance(transforms, Transform):
            self.transforms = [transforms]
        elif isinstance(transforms, list):
            if not all(isinstance(t, Transform) for t in transforms):
                raise ValueError("transforms must be a Transform or a list of Transforms")
            self.transforms = transforms
        else:
            raise ValueError(f"transforms must be a Transform or list, but was {transforms}")
        composed = ComposeTransform(self.transforms)
        needed, had = composed.domain.event_dim, len(base_distribution.event_shape)
        shape = base_distribution.batch_shape + base_distribution.event_shape
        if len(shape) < needed:
            raise ValueError(
                f"base_distribution needs to have shape with size at least {needed}, but got {Size(shape)}."
            )
        wide = composed.forward_shape(shape)
        needed_shape = composed.inverse_shape(wide)
        if needed_shape != shape:
            base_distribution = base_distribution.expand(needed_shape[: len(needed_shape) - had])
        if needed > had:
            base_distribution = Independent(base_distribution, needed - had)
        self.base_dist = base_distribution
        cut = len(wide) - composed.codomain.event_dim - max(had - needed, 0)
        super().__init__(wide[:cut], wide[cut:], validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether values can be drawn with gradients."""
        return self.base_dist.has_rsample

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Any:
        """The set of values that can be drawn."""
        if not self.transforms:
            return self.base_dist.support
        last = self.transforms[-1].codomain
        more = len(self._event_shape) - last.event_dim
        return constraints.independent(last, more) if more > 0 else last

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        """The same distribution, with its batch expanded to a shape."""
        made = super().expand(batch_shape)
        shape = ComposeTransform(self.transforms).inverse_shape((*batch_shape, *self._event_shape))
        made.base_dist = self.base_dist.expand(shape[: len(shape) - len(self.base_dist.event_shape)])
        return made

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values, without gradients."""
        with no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values as a function of the parameters."""
        return self._forward(self.base_dist.rsample(sample_shape))

    def _forward(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density of values."""
        if self._validate_args:
            self._validate_sample(value)
        dims, total, y = len(self._event_shape), None, value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            dims += transform.domain.event_dim - transform.codomain.event_dim
            slope = summed(transform.log_abs_det_jacobian(x, y), dims - transform.domain.event_dim)
            total, y = slope if total is None else total + slope, x
        base = summed(self.base_dist.log_prob(y), dims - len(self.base_dist.event_shape))
        return base if total is None else base - total

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values that are not larger."""
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        if self._validate_args:
            self.base_dist._validate_sample(value)
        return self._rising(self.base_dist.cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of `cdf`."""
        return self._forward(self.base_dist.icdf(self._rising(value)))

    def _rising(self, probability: Tensor) -> Tensor:
        """A probability of x as one of y, or the reverse."""
        sign = ComposeTransform(self.transforms).sign
        return probability if isinstance(sign, int) and sign == 1 else sign * (probability - 0.5) + 0.5
