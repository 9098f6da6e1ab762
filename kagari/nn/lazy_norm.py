"""Normalisations of channels that learn their number from the first input."""

from __future__ import annotations

from ..base.dtypes import dtype, int64
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.device import Device
from .batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, _NormBase
from .instancenorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from .lazy import LazyModuleMixin, _materialize
from .parameter import UninitializedBuffer, UninitializedParameter


class _LazyNormBase(LazyModuleMixin, _NormBase):
    """What all of them share."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: str | Device | None = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False)
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = ops.tensor(0, dtype=int64, device=device)

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params() and self.num_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        if self.has_uninitialized_params():
            self.num_features = input.shape[1]
            shape = (self.num_features,)
            _materialize(self, weight=shape, bias=shape, running_mean=shape, running_var=shape)
            self.reset_parameters()
        if not self.num_features and (self.affine or self.track_running_stats):
            self.num_features = input.shape[1]


class LazyBatchNorm1d(_LazyNormBase, BatchNorm1d):
    r"""A :class:`BatchNorm1d` that takes ``num_features`` from its first input.

    The other arguments are those of that class.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.LazyBatchNorm1d()
        >>> output = layer(torch.zeros(2, 3, 5))
        >>> layer.num_features, type(layer) is nn.BatchNorm1d
        (3, True)
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNormBase, BatchNorm2d):
    r"""A :class:`BatchNorm2d` that takes ``num_features`` from its first input.

    The other arguments are those of that class.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.LazyBatchNorm2d()
        >>> output = layer(torch.zeros(2, 3, 5, 5))
        >>> layer.num_features, type(layer) is nn.BatchNorm2d
        (3, True)
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNormBase, BatchNorm3d):
    r"""A :class:`BatchNorm3d` that takes ``num_features`` from its first input.

    The other arguments are those of that class.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.LazyBatchNorm3d()
        >>> output = layer(torch.zeros(2, 3, 5, 5, 5))
        >>> layer.num_features, type(layer) is nn.BatchNorm3d
        (3, True)
    """

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNormBase, InstanceNorm1d):
    r"""An :class:`InstanceNorm1d` that takes ``num_features`` from its first input.

    The other arguments are those of that class.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.LazyInstanceNorm1d()
        >>> output = layer(torch.zeros(2, 3, 5))
        >>> layer.num_features, type(layer) is nn.InstanceNorm1d
        (3, True)
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNormBase, InstanceNorm2d):
    r"""An :class:`InstanceNorm2d` that takes ``num_features`` from its first input.

    The other arguments are those of that class.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.LazyInstanceNorm2d()
        >>> output = layer(torch.zeros(2, 3, 5, 5))
        >>> layer.num_features, type(layer) is nn.InstanceNorm2d
        (3, True)
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNormBase, InstanceNorm3d):
    r"""An :class:`InstanceNorm3d` that takes ``num_features`` from its first input.

    The other arguments are those of that class.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.LazyInstanceNorm3d()
        >>> output = layer(torch.zeros(2, 3, 5, 5, 5))
        >>> layer.num_features, type(layer) is nn.InstanceNorm3d
        (3, True)
    """

    cls_to_become = InstanceNorm3d


__all__ = [
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
]
