"""What distributions share whose parameter is a probability or the logarithm of its odds."""

from __future__ import annotations

from typing import Any

from ..eager import Size, Tensor
from .distribution import Distribution
from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["WithOdds"]


class WithOdds(Distribution):
    """A distribution of which either `probs` or `logits` is given, and the other follows."""

    def _take(self, probs: Any, logits: Any, *others: Any) -> list[Tensor]:
        """Keeps the one that is given, and returns the other parameters; all in one shape."""
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        *rest, chosen = broadcast_all(*others, logits if probs is None else probs)
        setattr(self, "logits" if probs is None else "probs", chosen)
        return rest

    @property
    def _param(self) -> Tensor:
        return self.__dict__["probs" if "probs" in self.__dict__ else "logits"]

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._param.size()

    @lazy_property
    def logits(self) -> Tensor:
        """Logarithms of the odds."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        """The probabilities."""
        return logits_to_probs(self.logits, is_binary=True)
