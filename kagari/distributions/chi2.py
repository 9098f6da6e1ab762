"""The chi-squared distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from ..eager import Tensor
from . import constraints
from .gamma import Gamma

__all__ = ["Chi2"]


class Chi2(Gamma):
    r"""The sum of the squares of k standard normal numbers: the gamma distribution with :math:`\alpha = k / 2` and
    :math:`\beta = 1 / 2`.

    Args:
        df (float or Tensor): :math:`k > 0`.
        validate_args (bool, optional): as for :class:`Distribution`.

    Example::

        >>> import kagari as torch
        >>> torch.distributions.Chi2(3.0).mean
        tensor(3.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Tensor:
        """The degrees of freedom."""
        return self.concentration * 2
