"""The von Mises distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from ..autograd.modes import no_grad
from ..eager import Tensor
from ..eager import operators as ops
from ..special import i0e, i1e
from . import constraints
from .distribution import Distribution
from .shapes import Centred
from .utils import broadcast_all

__all__ = ["VonMises"]


class VonMises(Centred, Distribution):
    r"""Angles, :math:`p(x) = \frac{1}{2 \pi I_0(\kappa)} e^{\kappa \cos (x - \mu)}`.

    Args:
        loc (Tensor): the middle, :math:`\mu`, in radians.
        concentration (Tensor): :math:`\kappa > 0`.
        validate_args (bool, optional): as for :class:`Distribution`.

    Source: Best, Fisher, *Efficient simulation of the von Mises distribution* (1979).

    Example::

        >>> import kagari as torch
        >>> torch.distributions.VonMises(torch.tensor(0.0), torch.tensor(4.0)).variance
        tensor(0.1365)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        k = self.concentration
        return k * (ops.cos(value - self.loc) - 1) - math.log(2 * math.pi) - i0e(k).log()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values, without gradients."""
        shape = self._extended_shape(sample_shape)
        with no_grad():
            k, loc = self.concentration.double(), self.loc.double()
            angles = _angles(k.expand(shape), _proposal(k).expand(shape))
            return ((angles + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return 1 - i1e(self.concentration) / i0e(self.concentration)


def _proposal(k: Tensor) -> Tensor:
    """The parameter of the wrapped Cauchy distribution from which angles are proposed."""
    tau = 1 + (1 + 4 * k**2).sqrt()
    rho = (tau - (2 * tau).sqrt()) / (2 * k)
    return ops.where(k < 1e-5, 1 / k + k, (1 + rho**2) / (2 * rho))


def _angles(k: Tensor, r: Tensor) -> Tensor:
    """Angles around 0: proposals, made anew until each has been accepted."""
    found, done = ops.empty_like(k), ops.full(k.shape, False)
    while not done.all():
        u1, u2, u3 = ops.rand((3, *k.shape), dtype=k.dtype).unbind()
        z = ops.cos(math.pi * u1)
        cosine = (1 + r * z) / (r + z)
        c = k * (r - cosine)
        accepted = ((c * (2 - c) - u2) > 0) | ((c / u2).log() + 1 - c >= 0)
        if accepted.any():
            found = ops.where(accepted, (u3 - 0.5).sign() * cosine.acos(), found)
            done = done | accepted
    return found
