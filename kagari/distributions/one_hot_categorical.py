"""The distribution over finitely many classes, each a vector with a single one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..eager import Size, Tensor
from ..eager import operators as ops
from . import constraints
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["OneHotCategorical", "OneHotCategoricalStraightThrough"]


class OneHotCategorical(Distribution):
    r"""One of K vectors of length K with a single one, :math:`p(e_k) = p_k`.

    Args:
        probs (Tensor, optional): :math:`(*, K)`, weights that need not sum to one.
        logits (Tensor, optional): :math:`(*, K)`, logarithms of weights. Exactly one of the two is given.
        validate_args (bool, optional): as for :class:`Distribution`.

    Example::

        >>> import kagari as torch
        >>> torch.distributions.OneHotCategorical(torch.tensor([0.0, 1.0])).sample()
        tensor([0., 1.])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        self._categorical = Categorical(probs, logits, validate_args)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> OneHotCategorical:
        """The same distribution, with its batch expanded to a shape."""
        made = OneHotCategorical.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made._categorical, made._batch_shape = self._categorical.expand(batch_shape), Size(batch_shape)
        return made

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._categorical.param_shape

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self.probs

    @property
    def mode(self) -> Tensor:
        """The most likely value."""
        return ops.one_hot(self.probs.argmax(-1), self._event_shape[0]).to(self.probs)

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values, without gradients."""
        return ops.one_hot(self._categorical.sample(sample_shape), self._event_shape[0]).to(self.probs)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        return self._categorical.log_prob(value.max(-1)[1])

    def entropy(self) -> Tensor:
        """The entropy."""
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values, along a new first dimension; of one batch entry unless `expand`."""
        n = self._event_shape[0]
        values = ops.eye(n, dtype=self.probs.dtype).view(n, *(1,) * len(self._batch_shape), n)
        return values.expand(n, *self._batch_shape, n) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    r"""As :class:`OneHotCategorical`, with the gradient of the probabilities for what is drawn.

    Args:
        probs (Tensor, optional): :math:`(*, K)`, weights that need not sum to one.
        logits (Tensor, optional): :math:`(*, K)`, logarithms of weights. Exactly one of the two is given.
        validate_args (bool, optional): as for :class:`Distribution`.

    Source: Bengio, Leonard, Courville, *Estimating or propagating gradients through stochastic neurons for conditional
    computation* (2013).

    Example::

        >>> import kagari as torch
        >>> p = torch.tensor([0.25, 0.75], requires_grad=True)
        >>> torch.distributions.OneHotCategoricalStraightThrough(p).rsample().sum().backward()
        >>> p.grad
        tensor([0., 0.])
    """

    has_rsample = True

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values, as if they were the probabilities where gradients are asked for."""
        probs = self.probs
        return self.sample(sample_shape) + (probs - probs.detach())
