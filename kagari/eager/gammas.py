"""Numbers of gamma distributions and vectors of Dirichlet distributions, with gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine import generator as streams
from ..ops.check import TYPE_NAMES
from . import convert
from .calls import call
from .indexing import recorded
from .random import Generator, default_generator

if TYPE_CHECKING:
    from .tensor import Tensor


def _drawn(kernel: str, concentration: Any, wide: bool, generator: Generator | None) -> np.ndarray:
    """Numbers of rate 1 in float64; `wide` makes float64 of the concentrations, too.

    Raises NotImplementedError for other types than float32 and float64.
    """
    dt = concentration.dtype
    if dt.category != 2 or dt.itemsize < 4:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{TYPE_NAMES[dt]}'")
    wanted = convert.array_of(concentration.detach())
    wanted = wanted.astype(np.float64) if wide else wanted
    source = default_generator if generator is None else generator
    found = [streams.gamma(source.one, source.one_normal, a) for a in wanted.ravel()]
    return np.array(found, np.float64).reshape(wanted.shape)


def _finished(name: str, input: Any, values: np.ndarray) -> Any:
    made = convert.copied(values, input.dtype)
    return call(name)(input, made) if recorded(input) else made


def _standard_gamma(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers of gamma distributions of rate 1, each with the concentration that stands in its place of `input`.

    From one seed they are PyTorch's. The gradient is that of implicit differentiation, precise to the dtype.

    >>> import kagari as torch
    >>> torch._standard_gamma(torch.full((1000,), 3.0)).mean().round()
    tensor(3.)
    """
    drawn = _drawn("gamma_cpu", input, False, generator)
    return _finished("moving_gamma", input, np.maximum(drawn, _least(input)))


def _sample_dirichlet(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Vectors of Dirichlet distributions, each with the concentrations in its place of `input`, along the last
    dimension. From one seed they are PyTorch's. The gradient is that of implicit differentiation.

    >>> import kagari as torch
    >>> torch._sample_dirichlet(torch.ones(2, 5)).sum(-1)
    tensor([1., 1.])
    """
    drawn = _drawn("dirichlet", input, True, generator)
    least = _least(input)
    drawn = np.maximum(drawn, least)
    values = drawn / drawn.sum(-1, keepdims=True) if drawn.ndim else drawn / drawn
    return _finished("moving_dirichlet", input, np.clip(values, least, 1 - _step(input) / 2))


def _least(t: Any) -> float:
    """The smallest normal number of the dtype."""
    return float(np.finfo(t.dtype.name).tiny)


def _step(t: Any) -> float:
    return float(np.finfo(t.dtype.name).eps)


FUNCTIONS = (_sample_dirichlet, _standard_gamma)
