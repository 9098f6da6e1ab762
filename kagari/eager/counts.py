"""New tensors of counts drawn at random, each with a mean of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine import generator as streams
from ..ops.check import C_NAMES, TYPE_NAMES
from . import convert
from .calls import call
from .indexing import recorded
from .random import Generator, default_generator

if TYPE_CHECKING:
    from .tensor import Tensor


def _filled(values: list[float], like: Any) -> Any:
    """The counts in the shape and dtype of a tensor. Its gradient is 0 everywhere, and is recorded as that."""
    made = convert.copied(np.array(values, np.float64).reshape(tuple(like.shape)), like.dtype)
    return call("add")(call("mul")(like, 0), made) if recorded(like) else made


def _source(generator: Generator | None) -> Callable[[], float]:
    chosen = default_generator if generator is None else generator
    return lambda: float(chosen.uniform(1, "float64")[0])


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Counts of events, each with the mean that stands in its place of `input`. From one seed they are PyTorch's.

    Raises RuntimeError for negative means. The gradient is 0.

    >>> import kagari as torch
    >>> torch.poisson(torch.zeros(2))
    tensor([0., 0.])
    """
    if input.dtype.category != 2:
        raise NotImplementedError(f"\"poisson_cpu\" not implemented for '{TYPE_NAMES[input.dtype]}'")
    rates = convert.array_of(input.detach())
    if not (rates >= 0).all():
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    draw = _source(generator)
    return _filled([streams.poisson(draw, float(rate)) for rate in rates.ravel()], input)


def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """Counts of successes, each among so many trials and with such a probability as stand in its place of `count` and
    `prob`, which broadcast. The gradient is 0.

    From one seed they are PyTorch's, but where float32 is too short for the count: it is computed in float64 here.

    >>> import kagari as torch
    >>> torch.binomial(torch.tensor([3.0, 3.0]), torch.tensor([0.0, 1.0]))
    tensor([0., 3.])
    """
    for name, t in (("count", count), ("prob", prob)):
        if t.dtype.category != 2:
            raise ValueError(f"binomial only supports floating-point dtypes for {name}, got: {TYPE_NAMES[t.dtype]}")
    if prob.dtype is not count.dtype:
        raise RuntimeError(
            f"Found dtype {C_NAMES[prob.dtype].capitalize()} but expected {C_NAMES[count.dtype].capitalize()}"
        )
    trials, chances = np.broadcast_arrays(*[convert.array_of(t.detach()) for t in (count, prob)])
    draw = _source(generator)
    drawn = [streams.binomial(draw, float(n), float(p)) for n, p in zip(trials.ravel(), chances.ravel())]
    return _filled(drawn, call("add")(count, call("mul")(prob, 0)))


FUNCTIONS = (binomial, poisson)
