"""Layers that normalise each channel of each sample by itself."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager.device import Device
from . import functional as F
from .batchnorm import _NormBase


class _InstanceNorm(_NormBase):
    """What the layers for inputs of one, two and three spatial dimensions share; `_ndim` is that of a batch."""

    _ndim: int

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: str | Device | None = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (self._ndim - 1, self._ndim):
            raise ValueError(f"expected {self._ndim - 1}D or {self._ndim}D input (got {input.dim()}D input)")

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        channels = input.dim() - self._ndim + 1
        if input.size(channels) != self.num_features:
            self._mind_channels(input, channels)
        if not channels:
            return self._normalized(input.unsqueeze(0)).squeeze(0)
        return self._normalized(input)

    def _mind_channels(self, input: Tensor, dim: int) -> None:
        """Another number of channels is an error only where there are parameters for each."""
        if self.affine:
            raise ValueError(
                f"expected input's size at dim={dim} to match num_features ({self.num_features}), but got: "
                f"{input.size(dim)}."
            )
        warnings.warn(
            f"input's size at dim={dim} does not match num_features. You can silence this warning by not passing in "
            "num_features, which is not used because affine=False",
            stacklevel=3,
        )

    def _normalized(self, input: Tensor) -> Tensor:
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Files of the first version may have running statistics that were never used."""
        found = [n for n in ("running_mean", "running_var") if prefix + n in state_dict]
        if local_metadata.get("version") is None and not self.track_running_stats and found:
            names, name = " and ".join(f'"{prefix + n}"' for n in found), type(self).__name__
            error_msgs.append(
                f"Unexpected running stats buffer(s) {names} for {name} with track_running_stats=False. If state_dict "
                "is a checkpoint saved before 0.4.0, this may be expected because "
                f"{name} does not track running stats by default since 0.4.0. Please remove these keys from "
                "state_dict. If the running stats are actually needed, instead set track_running_stats=True in "
                f"{name} to enable them. See the documentation of {name} for details."
            )
            unused = {prefix + n for n in found}
            state_dict = {key: value for key, value in state_dict.items() if key not in unused}
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class InstanceNorm1d(_InstanceNorm):
    r"""Normalises each channel of each sequence. See :class:`InstanceNorm2d`.

    Shape:
        - Input: :math:`(N, C, L)` or :math:`(C, L)`.
        - Output: the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.InstanceNorm1d(5)(torch.randn(2, 5, 8)).shape)
        (2, 5, 8)
    """

    _ndim = 3


class InstanceNorm2d(_InstanceNorm):
    r"""Normalises each channel of each sample by its own mean and (biased) variance:

    .. math::
        y = \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} \cdot \gamma + \beta

    Args:
        num_features (int): the number of channels :math:`C`.
        eps (float): :math:`\epsilon`. Default: 1e-5
        momentum (float): how far the running estimates move. Default: 0.1
        affine (bool): whether there are :math:`\gamma` and :math:`\beta`. Default: ``False``
        track_running_stats (bool): whether running estimates are kept while training, and used in evaluation mode.
            Default: ``False``
        device, dtype: where parameters and estimates are made, and of which type.
        bias (bool): whether an affine layer has :math:`\beta`. Default: ``True``

    Shape:
        - Input: :math:`(N, C, H, W)` or :math:`(C, H, W)`.
        - Output: the same.

    Attributes:
        weight: :math:`\gamma`, of shape :math:`(C)`, ones at first.
        bias: :math:`\beta`, of shape :math:`(C)`, zeros at first.

    Raises:
        ValueError: for an input of other dimensions, or with one element a channel while training.

    Source: Ulyanov, Vedaldi and Lempitsky, *Instance normalization* (2016).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.InstanceNorm2d(3)(torch.randn(2, 3, 8, 8)).shape)
        (2, 3, 8, 8)
    """

    _ndim = 4


class InstanceNorm3d(_InstanceNorm):
    r"""Normalises each channel of each volume. See :class:`InstanceNorm2d`.

    Shape:
        - Input: :math:`(N, C, D, H, W)` or :math:`(C, D, H, W)`.
        - Output: the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.InstanceNorm3d(3)(torch.randn(2, 3, 4, 4, 4)).shape)
        (2, 3, 4, 4, 4)
    """

    _ndim = 5


__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]
