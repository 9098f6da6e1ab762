"""The multinomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..autograd.modes import no_grad
from ..eager import Size, Tensor
from ..eager import operators as ops
from . import constraints
from .binomial import Binomial
from .categorical import Categorical
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["Multinomial"]


class Multinomial(Distribution):
    r"""How often each of K classes comes in n draws, :math:`p(x) = n! \prod_k p_k^{x_k} / x_k!`.

    Args:
        total_count (int): n. Default: 1
        probs (Tensor, optional): :math:`(*, K)`, weights that need not sum to one.
        logits (Tensor, optional): :math:`(*, K)`, logarithms of weights. Exactly one of the two is given.
        validate_args (bool, optional): as for :class:`Distribution`.

    Raises NotImplementedError where the number of draws is not an integer.

    Example::

        >>> import kagari as torch
        >>> torch.distributions.Multinomial(8, torch.tensor([1.0, 3.0])).mean
        tensor([2., 6.])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    total_count: int

    def __init__(
        self,
        total_count: int = 1,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs, logits)
        self._binomial = Binomial(total_count, probs=self.probs)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Multinomial:
        """The same distribution, with its batch expanded to a shape."""
        made = Multinomial.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made._categorical, made._batch_shape = self._categorical.expand(batch_shape), Size(batch_shape)
        return made

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """The vectors of counts."""
        return constraints.multinomial(self.total_count)

    @property
    def logits(self) -> Tensor:
        """Logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self._categorical.probs

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._categorical.param_shape

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values, without gradients."""
        with no_grad():
            drawn = self._categorical.sample((self.total_count, *sample_shape)).movedim(0, -1)
            counts = ops.zeros(self._extended_shape(sample_shape), dtype=self.probs.dtype)
            return counts.scatter_add_(-1, drawn, ops.ones_like(drawn, dtype=counts.dtype)).type_as(self.probs)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        logits = logits.masked_fill((value == 0) & (logits == -float("inf")), 0)
        ways = ops.lgamma(value.sum(-1) + 1) - ops.lgamma(value + 1).sum(-1)
        return ways + (logits * value).sum(-1)

    def entropy(self) -> Tensor:
        """The entropy."""
        n = ops.tensor(self.total_count)
        counts = self._binomial.enumerate_support(expand=False)[1:]
        repeated = (ops.exp(self._binomial.log_prob(counts)) * ops.lgamma(counts + 1)).sum((0, -1))
        return n * self._categorical.entropy() - ops.lgamma(n + 1) + repeated
