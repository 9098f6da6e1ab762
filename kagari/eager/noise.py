"""Functions that multiply with noise: dropout of channels, dropout that keeps mean and variance, randomized rectifiers.

From the same seed the noise is PyTorch's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import dtypes
from ..base.dtypes import dtype
from ..ops.check import TYPE_NAMES
from . import convert
from .calls import call
from .creation import blank_like
from .random import Generator, bernoulli_, default_generator, each_example
from .sizes import blank

if TYPE_CHECKING:
    from .tensor import Tensor

# Of the SELU: minus the value that it approaches on the negative side, scale times alpha.
_SATURATION = 1.7580993408473766


def _check(p: float) -> None:
    if not 0 <= p <= 1:
        shown = int(p) if float(p).is_integer() else p
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {shown}")


def _feature_noise(input: Tensor, p: float) -> Any:
    """Ones, with probability 1 - p, and zeros: one number for each channel of each sample."""
    if input.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    shape = (*input.shape[:2], *(1,) * (input.ndim - 2))
    return _channel_noise(p, input.dtype, input.device, shape)


@each_example
def _channel_noise(p: float, dt: dtype, device: Any, shape: tuple[int, ...]) -> Any:
    return bernoulli_(blank("feature_dropout", (shape,), dt, device), 1 - p)


@each_example
def _noise(input: Tensor, p: float) -> Any:
    """Ones, with probability 1 - p, and zeros."""
    return bernoulli_(blank_like("alpha_dropout", input, None, None, None), 1 - p)


def _dropped(input: Tensor, p: float, train: bool, feature: bool, alpha: bool, suffix: str) -> Tensor:
    """What the six functions share; `suffix` is `_` for the forms that write into the input."""
    _check(p)
    if not train or p == 0 or not input.numel():
        return input
    multiply = call("mul" + suffix)
    if p == 1:
        return multiply(input, call("zero_")(blank("dropout", (), input.dtype, input.device)))
    noise = _feature_noise(input, p) if feature else _noise(input, p)
    if not alpha:
        return multiply(input, call("div_")(noise, 1 - p))
    scale = 1 / math.sqrt((_SATURATION * _SATURATION * p + 1) * (1 - p))
    shift = call("add_")(call("mul_")(call("add")(noise, -1), _SATURATION * scale), _SATURATION * scale * p)
    return call("add_")(multiply(input, call("mul_")(noise, scale)), shift)


def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    r"""Zeroes whole channels, `input[n, c]`, with probability p and scales the others by :math:`1 / (1 - p)`.

    >>> import kagari as torch
    >>> torch.feature_dropout(torch.ones(1, 2), 1.0, True)
    tensor([[0., 0.]])
    """
    return _dropped(input, p, train, True, False, "")


def feature_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """As `feature_dropout`, in place."""
    return _dropped(input, p, train, True, False, "_")


def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    r"""Sets elements to the negative saturation of the SELU with probability p, then scales and shifts all of them.

    Inputs of mean 0 and variance 1 keep both: :math:`a (x m + \alpha' (1 - m)) + b` with the mask m,
    :math:`a = ((1 - p) (1 + p \alpha'^2))^{-1/2}`, :math:`b = -a p \alpha'` and :math:`\alpha' = -1.7581`.

    >>> import kagari as torch
    >>> torch.alpha_dropout(torch.ones(2), 0.5, False)
    tensor([1., 1.])
    """
    return _dropped(input, p, train, False, True, "")


def alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """As `alpha_dropout`, in place."""
    return _dropped(input, p, train, False, True, "_")


def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """As `alpha_dropout`, for whole channels `input[n, c]`.

    >>> import kagari as torch
    >>> torch.feature_alpha_dropout(torch.ones(1, 2), 0.5, False)
    tensor([[1., 1.]])
    """
    return _dropped(input, p, train, True, True, "")


def feature_alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """As `feature_alpha_dropout`, in place."""
    return _dropped(input, p, train, True, True, "_")


# The randomized rectifier


def _rectified(
    input: Tensor, lower: float, upper: float, training: bool, generator: Generator | None, suffix: str
) -> Tensor:
    for name, bound in (("lower", lower), ("upper", upper)):
        if not math.isfinite(bound):
            raise RuntimeError(f"rrelu: {name} bound must be finite, got {bound}")
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if not training:
        return call("leaky_relu" + suffix)(input, (lower + upper) / 2)
    dt = input.dtype
    if dt.category != 2 or dt is dtypes.float16:
        raise NotImplementedError(f"\"rrelu_with_noise_out_cpu\" not implemented for '{TYPE_NAMES[dt]}'")
    slopes = np.ones(tuple(input.shape))
    below = convert.array_of(input.detach()) <= 0
    source = default_generator if generator is None else generator
    slopes[below] = source.uniform(int(below.sum()), "float64", lower, upper)
    return call("mul" + suffix)(input, convert.copied(slopes, dt))


def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    r"""`input_i` above 0, and elsewhere a multiple of it: random from [lower, upper) for each element in training, else
    the middle of the two.

    >>> import kagari as torch
    >>> torch.rrelu(torch.tensor([-1.0, 2.0]), 0.25, 0.75)
    tensor([-0.5000,  2.0000])
    """
    return _rectified(input, lower, upper, training, generator, "")


def rrelu_(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """As `rrelu`, in place."""
    return _rectified(input, lower, upper, training, generator, "_")


FUNCTIONS = (
    alpha_dropout, alpha_dropout_, feature_alpha_dropout, feature_alpha_dropout_, feature_dropout, feature_dropout_,
    rrelu, rrelu_,
)  # fmt: skip
