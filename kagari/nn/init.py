"""Initial values of weights, written into a tensor in place and without gradient.

Each function draws from the generator as PyTorch does, so that a seed gives the same weights.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec

import numpy as np

from ..autograd import no_grad
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.answering import told

if TYPE_CHECKING:
    from ..eager import Generator

_P = ParamSpec("_P")

_LINEAR = frozenset(
    ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid")
)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    r"""The factor on the standard deviation of weights that keeps the variance of signals through a nonlinearity.

    ================  ============================================
    nonlinearity      gain
    ================  ============================================
    linear, conv      :math:`1`
    sigmoid           :math:`1`
    tanh              :math:`5/3`
    relu              :math:`\sqrt{2}`
    leaky_relu        :math:`\sqrt{2 / (1 + \text{param}^2)}`
    selu              :math:`3/4`
    ================  ============================================

    Example::

        >>> from kagari import nn
        >>> nn.init.calculate_gain("leaky_relu", 2)
        0.6324555320336759
    """
    if nonlinearity in _LINEAR:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        if param is None:
            param = 0.01
        elif isinstance(param, bool) or not isinstance(param, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + param**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    r"""Fills with values from the uniform distribution :math:`\mathcal{U}(a, b)`."""
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    r"""Fills with values from the normal distribution :math:`\mathcal{N}(\text{mean}, \text{std}^2)`."""
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    r"""Fills with values from :math:`\mathcal{N}(\text{mean}, \text{std}^2)` that lie between ``a`` and ``b``.

    By rejection: values outside are drawn again. Where fewer than 3 in 10 would lie inside, the proposals are uniform
    between ``a`` and ``b`` instead, accepted in proportion to the density.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    below, above = ((1.0 + math.erf((bound - mean) / (std * math.sqrt(2.0)))) / 2.0 for bound in (a, b))
    # Where the density is highest between the two bounds.
    peak = min(max(mean, a), b)

    def propose_normal() -> tuple[Tensor, Tensor]:
        values = ops.empty_like(tensor).normal_(mean, std, generator=generator)
        return values, (values < a) | (values > b)

    def propose_uniform() -> tuple[Tensor, Tensor]:
        values = ops.empty_like(tensor).uniform_(a, b, generator=generator)
        heights = (((peak - mean) ** 2 - (values - mean) ** 2) / (2 * std * std)).exp()
        return values, ops.empty_like(tensor).uniform_(0.0, 1.0, generator=generator) > heights

    propose = propose_normal if above - below > 0.3 else propose_uniform
    with no_grad():
        values, rejected = propose()
        tensor.copy_(values)
        while rejected.any():
            values, again = propose()
            tensor.copy_(ops.where(rejected, values, tensor))
            rejected = rejected & again
        return tensor


def constant_(tensor: Tensor, val: float) -> Tensor:
    r"""Fills with one value."""
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    r"""Fills with ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    r"""Fills with zeros."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    r"""Makes a matrix the identity: as many inputs of a linear layer as possible pass unchanged."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    with no_grad():
        tensor.copy_(ops.eye(*tensor.shape, dtype=tensor.dtype, device=tensor.device))
    return tensor


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many values an output is made from, and how many an input goes into, for a weight (out, in, *kernel)."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    outputs, inputs, *kernel = tensor.shape
    field = math.prod(kernel)
    return inputs * field, outputs * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    r"""Fills with :math:`\mathcal{U}(-a, a)`, where :math:`a = \text{gain} \sqrt{6 / (\text{fan\_in} +
    \text{fan\_out})}`.

    Source: Glorot and Bengio, *Understanding the difficulty of training deep feedforward neural networks* (2010).
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    r"""Fills with a normal distribution of deviation :math:`\text{gain} \sqrt{2 / (\text{fan\_in} + \text{fan\_out})}`.

    Source: Glorot and Bengio, *Understanding the difficulty of training deep feedforward neural networks* (2010).
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / float(fan_in + fan_out)), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float | None:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return None
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    r"""Fills with :math:`\mathcal{U}(-b, b)`, where :math:`b = \text{gain} \sqrt{3 / \text{fan\_mode}}`.

    Args:
        tensor (Tensor): a weight of at least two dimensions.
        a (float): the negative slope of the ``leaky_relu`` that follows. Default: 0
        mode (str): ``"fan_in"`` keeps the variance on the way forward, ``"fan_out"`` on the way back. Default:
            ``"fan_in"``
        nonlinearity (str): what follows the layer. Default: ``"leaky_relu"``
        generator (Generator, optional): where random numbers come from.

    Source: He et al., *Delving deep into rectifiers* (2015).
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    r"""Fills with a normal distribution of deviation :math:`\text{gain} / \sqrt{\text{fan\_mode}}`.

    The arguments are those of :func:`kaiming_uniform_`.

    Source: He et al., *Delving deep into rectifiers* (2015).
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0.0, std, generator)


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    r"""Fills the weight of a convolution so that it passes its input channels on as they are, as far as there are such.

    Args:
        tensor (Tensor): a weight of three, four or five dimensions.
        groups (int): the groups of the convolution, each of which gets the identity. Default: 1

    Example::

        >>> import kagari as torch
        >>> torch.nn.init.dirac_(torch.empty(2, 2, 3)).tolist()
        [[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    outputs, inputs, *kernel = tensor.shape
    if outputs % groups:
        raise ValueError("dim 0 must be divisible by groups")
    size = outputs // groups
    middle = tuple(length // 2 for length in kernel)
    with no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(size, inputs)):
                tensor[(group * size + channel, channel, *middle)] = 1
    return tensor


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    r"""Fills with a random matrix of orthonormal rows, or columns where there are more rows, times ``gain``.

    Args:
        tensor (Tensor): a weight of at least two dimensions; those after the first count as one.
        gain (float): what the matrix is multiplied with. Default: 1
        generator (Generator, optional): where random numbers come from.

    Source: Saxe, McClelland and Ganguli, *Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks* (2013).

    Example::

        >>> import kagari as torch
        >>> weight = torch.nn.init.orthogonal_(torch.empty(2, 3))
        >>> torch.allclose(weight @ weight.T, torch.eye(2), atol=1e-6)
        True
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if not tensor.numel():
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    with no_grad():
        drawn = ops.empty((rows, columns), dtype=tensor.dtype, device=tensor.device).normal_(generator=generator)
        if tensor.dtype.itemsize < 4:
            raise NotImplementedError(f"\"geqrf_cpu\" not implemented for '{tensor.dtype.type_name}'")
        tall = drawn.numpy() if rows >= columns else drawn.numpy().T
        q, r = np.linalg.qr(tall)
        # Of the decompositions, the one whose r has a positive diagonal: q is uniform over all orthogonal matrices.
        q *= np.sign(np.diagonal(r))
        found = ops.from_numpy(np.ascontiguousarray(q if rows >= columns else q.T))
        tensor.copy_(found.view_as(tensor)).mul_(gain)
    return tensor


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    r"""Fills a matrix with a normal distribution, and sets a part of each column to zero.

    Args:
        tensor (Tensor): a matrix.
        sparsity (float): the part of each column that is zero, rounded up.
        std (float): the deviation of the others. Default: 0.01
        generator (Generator, optional): where the normal numbers come from.

    Source: Martens, *Deep learning via Hessian-free optimization* (2010).

    Example::

        >>> import kagari as torch
        >>> (torch.nn.init.sparse_(torch.empty(10, 2), 0.3) == 0).sum(0).tolist()
        [3, 3]
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(columns):
            tensor[ops.randperm(rows)[:zeros], column] = 0
    return tensor


def _deprecated(function: Callable[_P, Tensor]) -> Callable[_P, Tensor]:
    """The function under its old name, with a warning."""
    name = function.__name__.removesuffix("_")

    def old(*args: _P.args, **kwargs: _P.kwargs) -> Tensor:
        warnings.warn(f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`.", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    old.__name__ = old.__qualname__ = name
    old.__doc__ = f"A deprecated name of :func:`{name}_`."
    return old


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)


__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

for _function in (constant_, kaiming_uniform_, normal_, uniform_):  # the others are told of as what they call
    told(_function, "torch.nn.init")
