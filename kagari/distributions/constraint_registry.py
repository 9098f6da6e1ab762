"""Transforms from all numbers, without constraint, to the sets of `constraints`, for programs that optimize or sample.

>>> import kagari as torch
>>> kinds = torch.distributions
>>> kinds.transform_to(kinds.constraints.positive)(torch.tensor(0.0))
tensor(1.)
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any

from . import constraints
from .composed_transforms import ComposeTransform, IndependentTransform, identity_transform
from .elementwise_transforms import AffineTransform, ExpTransform, SigmoidTransform
from .joined_transforms import CatTransform, StackTransform
from .transform import Transform
from .vector_transforms import (
    CorrCholeskyTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    SoftmaxTransform,
    StickBreakingTransform,
)

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]

Factory = Callable[[Any], Transform]


class ConstraintRegistry:
    """Which function makes a transform to a set of which type.

    >>> import kagari as torch
    >>> from kagari.distributions.constraint_registry import ConstraintRegistry
    >>> mine = ConstraintRegistry()
    >>> made = mine.register(torch.distributions.constraints.real, lambda c: torch.distributions.identity_transform)
    >>> mine(torch.distributions.constraints.real)(torch.tensor(2.0))
    tensor(2.)
    """

    def __init__(self) -> None:
        self._factories: dict[type, Factory] = {}

    def register(self, constraint: Any, factory: Factory | None = None) -> Any:
        """Says which function makes the transform; without one, a decorator. Raises TypeError for anything but sets and
        types of them.
        """
        if factory is None:
            return lambda chosen: self.register(constraint, chosen)
        kind = type(constraint) if isinstance(constraint, constraints.Constraint) else constraint
        if not (isinstance(kind, type) and issubclass(kind, constraints.Constraint)):
            raise TypeError(f"Expected constraint to be either a Constraint subclass or instance, but got {constraint}")
        self._factories[kind] = factory
        return factory

    def __call__(self, constraint: constraints.Constraint) -> Transform:
        """The transform to a set. Raises NotImplementedError for sets that nobody has registered."""
        if type(constraint) not in self._factories:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return self._factories[type(constraint)](constraint)


biject_to = ConstraintRegistry()
"""Bijections, of which the logarithm of the slope is known."""
transform_to = ConstraintRegistry()
"""Transforms that need not be bijections, but are better to compute with."""


def _above(constraint: Any) -> Transform:
    return ComposeTransform([ExpTransform(), AffineTransform(constraint.lower_bound, 1)])


def _below(constraint: Any) -> Transform:
    return ComposeTransform([ExpTransform(), AffineTransform(constraint.upper_bound, -1)])


def _between(constraint: Any) -> Transform:
    low, high = constraint.lower_bound, constraint.upper_bound
    if isinstance(low, Number) and isinstance(high, Number) and low == 0 and high == 1:
        return SigmoidTransform()
    return ComposeTransform([SigmoidTransform(), AffineTransform(low, high - low)])


def _register(registry: ConstraintRegistry) -> None:
    """What both have."""

    def independent(constraint: Any) -> Transform:
        return IndependentTransform(registry(constraint.base_constraint), constraint.reinterpreted_batch_ndims)

    def cat(constraint: Any) -> Transform:
        return CatTransform([registry(c) for c in constraint.cseq], constraint.dim, constraint.lengths)

    def stack(constraint: Any) -> Transform:
        return StackTransform([registry(c) for c in constraint.cseq], constraint.dim)

    for kind, factory in (
        (constraints.real, lambda constraint: identity_transform),
        (constraints.independent, independent),
        (constraints.positive, _above),
        (constraints.nonnegative, _above),
        (constraints.less_than, _below),
        (constraints.interval, _between),
        (constraints.half_open_interval, _between),
        (constraints.corr_cholesky, lambda constraint: CorrCholeskyTransform()),
        (constraints.cat, cat),
        (constraints.stack, stack),
    ):
        registry.register(kind, factory)


_register(biject_to)
_register(transform_to)
biject_to.register(constraints.simplex, lambda constraint: StickBreakingTransform())
transform_to.register(constraints.simplex, lambda constraint: SoftmaxTransform())
transform_to.register(constraints.lower_cholesky, lambda constraint: LowerCholeskyTransform())
transform_to.register(constraints.positive_definite, lambda constraint: PositiveDefiniteTransform())
transform_to.register(constraints.positive_semidefinite, lambda constraint: PositiveDefiniteTransform())
