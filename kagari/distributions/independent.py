"""Distributions of which several are taken as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..eager import Tensor
from . import constraints
from .distribution import Distribution

__all__ = ["Independent", "summed"]


def summed(value: Tensor, dims: int) -> Tensor:
    """The sum over so many of the last dimensions."""
    return value.sum(tuple(range(-dims, 0))) if dims else value


class Independent(Distribution):
    """Independent distributions as one: the last dimensions of the batch become part of the event.

    Args:
        base_distribution (Distribution): the distributions.
        reinterpreted_batch_ndims (int): how many dimensions of their batch one event takes in.
        validate_args (bool, optional): as for :class:`Distribution`.

    Raises ValueError where the batch has fewer dimensions.

    Example::

        >>> import kagari as torch
        >>> normal = torch.distributions.Normal(torch.zeros(3), torch.ones(3))
        >>> torch.distributions.Independent(normal, 1).log_prob(torch.zeros(3))
        tensor(-2.7568)
    """

    def __init__(
        self, base_distribution: Distribution, reinterpreted_batch_ndims: int, validate_args: bool | None = None
    ) -> None:
        batch, taken = base_distribution.batch_shape, reinterpreted_batch_ndims
        if taken > len(batch):
            raise ValueError(
                f"Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual {taken} vs "
                f"{len(batch)}"
            )
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, taken
        left = len(batch) - taken
        super().__init__(batch[:left], (*batch[left:], *base_distribution.event_shape), validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether values can be drawn with gradients."""
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        """Whether all values can be listed."""
        return not self.reinterpreted_batch_ndims and self.base_dist.has_enumerate_support

    @constraints.dependent_property
    def support(self) -> Any:
        """The set of values that can be drawn."""
        inner = self.base_dist.support
        return (
            constraints.independent(inner, self.reinterpreted_batch_ndims) if self.reinterpreted_batch_ndims else inner
        )

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Independent:
        """The same distribution, with its batch expanded to a shape."""
        shape = (*batch_shape, *self._event_shape[: self.reinterpreted_batch_ndims])
        return Independent(self.base_dist.expand(shape), self.reinterpreted_batch_ndims, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        """The most likely value."""
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.base_dist.variance

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values, without gradients."""
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values as a function of the parameters."""
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        return summed(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        """The entropy."""
        return summed(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values, along a new first dimension; of one batch entry unless `expand`."""
        if self.reinterpreted_batch_ndims:
            raise NotImplementedError("Enumeration over cartesian product is not implemented")
        return self.base_dist.enumerate_support(expand)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_dist}, {self.reinterpreted_batch_ndims})"
