"""Activations as functions, with PyTorch's signatures; `functional` shows them."""

from __future__ import annotations

import warnings

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager import operators as ops


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    r""":math:`\max(0, x)`, element by element. See :class:`~kagari.nn.ReLU`."""
    return ops.relu_(input) if inplace else ops.relu(input)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    r""":math:`x` above ``threshold``, ``value`` elsewhere."""
    return ops.threshold_(input, threshold, value) if inplace else ops.threshold(input, threshold, value)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    r""":math:`\min(\max(0, x), 6)`, element by element. See :class:`~kagari.nn.ReLU6`."""
    return ops.relu6_(input) if inplace else ops.relu6(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    r""":math:`\max(0, x) + \text{negative\_slope} \cdot \min(0, x)`. See :class:`~kagari.nn.LeakyReLU`."""
    return ops.leaky_relu_(input, negative_slope) if inplace else ops.leaky_relu(input, negative_slope)


def sigmoid(input: Tensor) -> Tensor:
    r""":math:`1 / (1 + e^{-x})`, element by element. See :class:`~kagari.nn.Sigmoid`."""
    return ops.sigmoid(input)


def tanh(input: Tensor) -> Tensor:
    r"""The hyperbolic tangent, element by element. See :class:`~kagari.nn.Tanh`."""
    return ops.tanh(input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    r""":math:`x \cdot \sigma(x)`, element by element. See :class:`~kagari.nn.SiLU`."""
    return ops.silu_(input) if inplace else ops.silu(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    r""":math:`x \cdot \tanh(\text{softplus}(x))`, element by element. See :class:`~kagari.nn.Mish`."""
    return ops.mish_(input) if inplace else ops.mish(input)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    r""":math:`\max(0, x) + \min(0, \alpha (e^x - 1))`. See :class:`~kagari.nn.ELU`."""
    return ops.elu_(input, alpha) if inplace else ops.elu(input, alpha)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    r""":math:`\max(0, x) + \min(0, \alpha (e^{x / \alpha} - 1))`. See :class:`~kagari.nn.CELU`."""
    return ops.celu_(input, alpha) if inplace else ops.celu(input, alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    r""":math:`s (\max(0, x) + \min(0, \alpha (e^x - 1)))`. See :class:`~kagari.nn.SELU`."""
    return ops.selu_(input) if inplace else ops.selu(input)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    r""":math:`x` clipped to :math:`[\text{min\_val}, \text{max\_val}]`. See :class:`~kagari.nn.Hardtanh`."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if min_val < 0 and input.dtype.category == 1 and not input.dtype.is_signed:
        raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    return ops.hardtanh_(input, min_val, max_val) if inplace else ops.hardtanh(input, min_val, max_val)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    r""":math:`a \cdot \sigma(b)` with the halves a and b of the input along ``dim``. See :class:`~kagari.nn.GLU`."""
    return ops.glu(input, dim)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    r""":math:`\text{ReLU6}(x + 3) / 6`. See :class:`~kagari.nn.Hardsigmoid`."""
    return ops.hardsigmoid_(input) if inplace else ops.hardsigmoid(input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    r""":math:`x \cdot \text{ReLU6}(x + 3) / 6`. See :class:`~kagari.nn.Hardswish`."""
    return ops.hardswish_(input) if inplace else ops.hardswish(input)


def softsign(input: Tensor) -> Tensor:
    r""":math:`x / (1 + |x|)`. See :class:`~kagari.nn.Softsign`."""
    return ops.softsign(input)


def tanhshrink(input: Tensor) -> Tensor:
    r""":math:`x - \tanh(x)`. See :class:`~kagari.nn.Tanhshrink`."""
    return ops.tanhshrink(input)


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    r""":math:`e^{x_i} / \sum_j e^{x_j}` along ``dim``. See :class:`~kagari.nn.Softmax`.

    Args:
        input (Tensor): of any shape.
        dim (int): the dimension along which the results sum to one.
        dtype (dtype, optional): what the input is cast to first.
    """
    if dim is None:
        dim = _implicit_dim("softmax", input.ndim, _stacklevel)
    return ops.softmax(input, dim, dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    r""":math:`\text{softmax}(-x)` along ``dim``. See :class:`~kagari.nn.Softmin`."""
    if dim is None:
        dim = _implicit_dim("softmin", input.ndim, _stacklevel)
    return ops.softmax(-input, dim, dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    r""":math:`\log \text{softmax}(x)` along ``dim``, without the loss of precision of doing the two in turn."""
    if dim is None:
        dim = _implicit_dim("log_softmax", input.ndim, _stacklevel)
    return ops.log_softmax(input, dim, dtype)


def _implicit_dim(name: str, ndim: int, stacklevel: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    r""":math:`x` above 0, elsewhere a random multiple of it. See :class:`~kagari.nn.RReLU`."""
    rectify = ops.rrelu_ if inplace else ops.rrelu
    return rectify(input, lower, upper, training)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    r"""Samples from the categories that ``logits`` gives, so that gradients pass.

    .. math::
        y = \text{softmax}\left(\frac{x + g}{\tau}\right), \qquad g_i = -\log e_i, \quad e_i \sim \text{Exp}(1)

    Args:
        logits (Tensor): :math:`(*, C)`, unnormalised logarithms of probabilities.
        tau (float): :math:`\tau`, the temperature; towards 0 the samples come near to one-hot vectors. Default: 1
        hard (bool): whether to give one-hot vectors, with the gradient of the soft ones. Default: ``False``
        eps (float): has no effect.
        dim (int): the dimension of the categories. Default: -1

    Source: Jang, Gu and Poole, *Categorical reparameterization with Gumbel-softmax* (2017).

    Example::

        >>> import kagari as torch
        >>> torch.nn.functional.gumbel_softmax(torch.zeros(2, 5), hard=True).sum(1).tolist()
        [1.0, 1.0]
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -ops.empty_like(logits).exponential_().log()
    soft = ops.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    chosen = soft.max(dim, keepdim=True)[1]
    one_hot = ops.zeros_like(logits).scatter_(dim, chosen, 1.0)
    return one_hot - soft.detach() + soft


__all__ = [
    "celu",
    "elu",
    "glu",
    "gumbel_softmax",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "rrelu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
]
