"""A distribution of parts of one that comes close to that of one of several classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..eager import Size, Tensor
from ..eager import operators as ops
from . import constraints
from .categorical import Categorical
from .distribution import Distribution
from .shapes import Relaxed
from .transforms import ExpTransform
from .utils import broadcast_all, clamp_probs

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(Distribution):
    r"""The logarithms of :class:`RelaxedOneHotCategorical`: those of a softmax of :math:`(\log p_k + g_k) / T` with
    Gumbel numbers g.

    Args:
        temperature (Tensor): T.
        probs (Tensor, optional): :math:`(*, K)`, weights that need not sum to one.
        logits (Tensor, optional): :math:`(*, K)`, logarithms of weights. Exactly one of the two is given.
        validate_args (bool, optional): as for :class:`Distribution`.

    Source: Maddison, Mnih, Teh, *The concrete distribution* (2017).

    Example::

        >>> import kagari as torch
        >>> from kagari.distributions.relaxed_categorical import ExpRelaxedCategorical
        >>> ExpRelaxedCategorical(torch.tensor(1.0), torch.ones(3)).sample().exp().sum().round()
        tensor(1.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        temperature: Tensor,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._categorical, self.temperature = Categorical(probs, logits), temperature
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> ExpRelaxedCategorical:
        """The same distribution, with its batch expanded to a shape."""
        made = ExpRelaxedCategorical.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made._categorical, made._batch_shape = self._categorical.expand(batch_shape), Size(batch_shape)
        return made

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._categorical.param_shape

    @property
    def logits(self) -> Tensor:
        """Logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self._categorical.probs

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws values as a function of the parameters."""
        u = clamp_probs(ops.rand(self._extended_shape(sample_shape), dtype=self.logits.dtype))
        scores = (self.logits - (-u.log()).log()) / self.temperature
        return scores - scores.logsumexp(-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, of values."""
        if self._validate_args:
            self._validate_sample(value)
        n = self._event_shape[0]
        logits, value = broadcast_all(self.logits, value)
        constant = ops.full_like(self.temperature, float(n)).lgamma() + self.temperature.log() * (n - 1)
        score = logits - value.mul(self.temperature)
        return (score - score.logsumexp(-1, keepdim=True)).sum(-1) + constant


class RelaxedOneHotCategorical(Relaxed):
    r"""K parts of one, made of uniform numbers as a function of the probabilities; they come close to a vector with a
    single one as the temperature falls.

    Args:
        temperature (Tensor): T.
        probs (Tensor, optional): :math:`(*, K)`, weights that need not sum to one.
        logits (Tensor, optional): :math:`(*, K)`, logarithms of weights. Exactly one of the two is given.
        validate_args (bool, optional): as for :class:`Distribution`.

    Source: Maddison, Mnih, Teh, *The concrete distribution* (2017).

    Example::

        >>> import kagari as torch
        >>> torch.distributions.RelaxedOneHotCategorical(torch.tensor(0.5), torch.ones(3)).sample().sum().round()
        tensor(1.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    base_dist: ExpRelaxedCategorical

    def __init__(
        self,
        temperature: Tensor,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args)
