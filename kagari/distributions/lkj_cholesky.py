"""The distribution of random correlation matrices, by their factors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from ..autograd.modes import no_grad
from ..eager import Size, Tensor
from ..eager import operators as ops
from . import constraints
from .beta import Beta
from .distribution import Distribution

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    r"""Lower triangular factors L of correlation matrices :math:`C = L L^T` with :math:`p(C) \propto |C|^{\eta - 1}`.

    Args:
        dim (int): how many numbers are correlated.
        concentration (float or Tensor): :math:`\eta > 0`; with 1 all correlation matrices are equally likely.
            Default: 1
        validate_args (bool, optional): as for :class:`Distribution`.

    Raises ValueError for less than two numbers.

    Source: Lewandowski, Kurowicka, Joe, *Generating random correlation matrices based on vines and extended onion
    method* (2009).

    Example::

        >>> import kagari as torch
        >>> torch.distributions.LKJCholesky(3, 0.5).sample().square().sum(-1).round()
        tensor([1., 1., 1.])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim, self.concentration = dim, ops.as_tensor(concentration, dtype=getattr(concentration, "dtype", None))
        super().__init__(self.concentration.size(), (dim, dim), validate_args)
        rows = ops.arange(dim - 1, dtype=self.concentration.dtype)
        rows = ops.cat([rows.new_zeros(1), rows])
        marginal = self.concentration + 0.5 * (dim - 2)
        self._beta = Beta(rows + 0.5, marginal.unsqueeze(-1) - 0.5 * rows)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> LKJCholesky:
        """The same distribution, with its batch expanded to a shape."""
        made = super().expand(Size(batch_shape))
        made._beta = self._beta.expand((*batch_shape, self.dim))
        return made

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values, without gradients."""
        with no_grad():
            # Each row is a direction and a length, the square of which has a beta distribution.
            squares = self._beta.sample(sample_shape).unsqueeze(-1)
            drawn = ops.randn(self._extended_shape(sample_shape), dtype=squares.dtype).tril(-1)
            below = squares.sqrt() * (drawn / ops.norm(drawn, dim=-1, keepdim=True)).nan_to_num(nan=0.0)
            least = ops.finfo(below.dtype).tiny
            return below + (1 - below.square().sum(-1)).clamp(min=least).sqrt().diag_embed()

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        diagonal, dim = value.diagonal(dim1=-1, dim2=-2)[..., 1:], self.dim
        order = ops.arange(2, dim + 1)
        powers = 2 * (self.concentration - 1).unsqueeze(-1) + dim - order
        a, n = self.concentration + 0.5 * (dim - 1), dim - 1
        constant = 0.5 * n * math.log(math.pi) + ops.mvlgamma(a - 0.5, n) - ops.lgamma(a) * n
        return (powers * diagonal.log()).sum(-1) - constant
