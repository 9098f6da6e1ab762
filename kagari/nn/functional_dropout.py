"""Dropout as functions, with PyTorch's signatures; `functional` shows them."""

from __future__ import annotations

import warnings

from ..eager import Tensor
from ..eager import operators as ops


def _check(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    r"""Zeroes elements at random with probability ``p`` and scales the others by :math:`1 / (1 - p)`.

    Args:
        input (Tensor): of any shape.
        p (float): the probability of an element to be zeroed. Default: 0.5
        training (bool): without it the input is returned as it is. Default: ``True``
        inplace (bool): writes into ``input``. Default: ``False``

    See :class:`~kagari.nn.Dropout`.
    """
    _check(p)
    if not training:
        return input
    return ops.dropout_(input, p, True) if inplace else ops.dropout(input, p, True)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    r"""Sets elements to the negative saturation of the SELU and keeps mean and variance.

    See :class:`~kagari.nn.AlphaDropout`.
    """
    _check(p)
    return ops.alpha_dropout_(input, p, training) if inplace else ops.alpha_dropout(input, p, training)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    r"""As :func:`alpha_dropout`, for whole channels. See :class:`~kagari.nn.FeatureAlphaDropout`."""
    _check(p)
    return ops.feature_alpha_dropout_(input, p, training) if inplace else ops.feature_alpha_dropout(input, p, training)


def _by_channel(input: Tensor, p: float, training: bool, inplace: bool, batched: bool) -> Tensor:
    drop = ops.feature_dropout_ if inplace else ops.feature_dropout
    if batched:
        return drop(input, p, training)
    return drop(input.unsqueeze(0), p, training).squeeze(0)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    r"""Zeroes whole channels at random and scales the others by :math:`1 / (1 - p)`.

    Args:
        input (Tensor): :math:`(N, C, L)` or :math:`(C, L)`.
        p (float): the probability of a channel to be zeroed. Default: 0.5
        training (bool): without it the input is returned as it is. Default: ``True``
        inplace (bool): writes into ``input``. Default: ``False``

    See :class:`~kagari.nn.Dropout1d`.
    """
    _check(p)
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. Note that dropout1d exists to "
            "provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional "
            "batch dimension (i.e. 2D or 3D inputs)."
        )
    return _by_channel(input, p, training, inplace, input.ndim == 3)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    r"""Zeroes whole channels at random and scales the others by :math:`1 / (1 - p)`.

    Args:
        input (Tensor): :math:`(N, C, H, W)`; :math:`(N, C, L)` is taken as that with a warning, as PyTorch does.
        p (float): the probability of a channel to be zeroed. Default: 0.5
        training (bool): without it the input is returned as it is. Default: ``True``
        inplace (bool): writes into ``input``. Default: ``False``

    See :class:`~kagari.nn.Dropout2d`.
    """
    _check(p)
    _warn_of_dims(input, "dropout2d", 2, (3, 4))
    if input.ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is "
            "desired - input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change "
            "in a future release to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To "
            "maintain the 1D channel-wise dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return _by_channel(input, p, training, inplace, True)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    r"""Zeroes whole channels at random and scales the others by :math:`1 / (1 - p)`.

    Args:
        input (Tensor): :math:`(N, C, D, H, W)` or :math:`(C, D, H, W)`.
        p (float): the probability of a channel to be zeroed. Default: 0.5
        training (bool): without it the input is returned as it is. Default: ``True``
        inplace (bool): writes into ``input``. Default: ``False``

    See :class:`~kagari.nn.Dropout3d`.
    """
    _check(p)
    _warn_of_dims(input, "dropout3d", 3, (4, 5))
    return _by_channel(input, p, training, inplace, input.ndim == 5)


def _warn_of_dims(input: Tensor, name: str, spatial: int, accepted: tuple[int, int]) -> None:
    if input.ndim not in accepted:
        warnings.warn(
            f"{name}: Received a {input.ndim}-D input to {name}, which is deprecated and will result in an error in a "
            "future release. To retain the behavior and silence this warning, please use dropout instead. Note that "
            f"{name} exists to provide channel-wise dropout on inputs with {spatial} spatial dimensions, a channel "
            f"dimension, and an optional batch dimension (i.e. {accepted[0]}D or {accepted[1]}D inputs).",
            stacklevel=3,
        )


__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
]
