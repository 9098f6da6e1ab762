"""Joining a layer with the batch normalisation behind it, for evaluation."""

from __future__ import annotations

import copy
from typing import TypeVar

from ...autograd import no_grad
from ...eager import Tensor
from ...eager import operators as ops
from ..batchnorm import _BatchNorm
from ..module import Module
from ..parameter import Parameter

_M = TypeVar("_M", bound=Module)


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    r"""Weight and bias of a convolution that does what another one and the normalisation of its outputs do together.

    .. math::
        w' = w \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}}, \qquad
        b' = (b - \mu) \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}} + \beta

    Args:
        conv_w, conv_b (Tensor): weight and, if there is one, bias of the convolution.
        bn_rm, bn_rv (Tensor): running mean :math:`\mu` and variance :math:`\sigma^2`.
        bn_eps (float): :math:`\epsilon`.
        bn_w, bn_b (Tensor): :math:`\gamma` and :math:`\beta`, if there are such.
        transpose (bool): whether the convolution is a transposed one. Default: ``False``

    Example::

        >>> import kagari as torch
        >>> one = torch.ones(1)
        >>> fuse = torch.nn.utils.fuse_conv_bn_weights
        >>> weight, bias = fuse(torch.ones(1, 1, 1), None, one, one, 0.0, 2 * one, one)
        >>> weight.tolist(), bias.tolist()
        ([[[2.0]]], [-1.0])
    """
    with no_grad():
        bias = ops.zeros_like(bn_rm) if conv_b is None else conv_b
        scale = ops.rsqrt(bn_rv + bn_eps)
        if bn_w is not None:
            scale = bn_w * scale
        shape = [1] * conv_w.ndim
        shape[1 if transpose else 0] = -1
        weight = (conv_w * scale.reshape(shape)).to(conv_w.dtype)
        bias = (bias - bn_rm) * scale
        bias = (bias if bn_b is None else bias + bn_b).to(conv_w.dtype if conv_b is None else conv_b.dtype)
    wanted = conv_w.requires_grad, conv_w.requires_grad if conv_b is None else conv_b.requires_grad
    return Parameter(weight, wanted[0]), Parameter(bias, wanted[1])


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    r"""As :func:`fuse_conv_bn_weights`, for a linear layer.

    Example::

        >>> import kagari as torch
        >>> one = torch.ones(1)
        >>> fuse = torch.nn.utils.fuse_linear_bn_weights
        >>> weight, bias = fuse(torch.ones(1, 1), one, one, one, 0.0, 2 * one, one)
        >>> weight.tolist(), bias.tolist()
        ([[2.0]], [1.0])
    """
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def _fused(layer: _M, bn: _BatchNorm, transpose: bool) -> _M:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    fused = copy.deepcopy(layer)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_conv_bn_eval(conv: _M, bn: _BatchNorm, transpose: bool = False) -> _M:
    r"""A convolution that does what another one and the normalisation behind it do; both are in evaluation mode.

    Args:
        conv (Module): the convolution.
        bn (Module): the batch normalisation of its outputs.
        transpose (bool): whether the convolution is a transposed one. Default: ``False``

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> model = nn.Sequential(nn.Conv1d(2, 3, 1), nn.BatchNorm1d(3)).eval()
        >>> x = torch.ones(1, 2, 4)
        >>> torch.allclose(nn.utils.fuse_conv_bn_eval(*model)(x), model(x), atol=1e-6)
        True
    """
    return _fused(conv, bn, transpose)


def fuse_linear_bn_eval(linear: _M, bn: _BatchNorm) -> _M:
    r"""As :func:`fuse_conv_bn_eval`, for a linear layer.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).eval()
        >>> x = torch.ones(1, 2)
        >>> torch.allclose(nn.utils.fuse_linear_bn_eval(*model)(x), model(x), atol=1e-6)
        True
    """
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    return _fused(linear, bn, False)


__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]
