"""Layers that normalise each channel over the batch, and the running statistics that they keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..base.dtypes import dtype, int64
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.device import Device
from . import functional as F
from .module import Module
from .normalization import _Affine


class _NormBase(_Affine):
    """The parameters and the running statistics of a normalisation of channels."""

    _version = 2
    __constants__ = ("track_running_stats", "momentum", "eps", "num_features", "affine")
    num_features: int
    eps: float
    momentum: float | None
    affine: bool
    track_running_stats: bool
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: str | Device | None = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._make((num_features,), affine, bias, device, dtype)
        running = track_running_stats
        self.register_buffer("running_mean", ops.zeros(num_features, device=device, dtype=dtype) if running else None)
        self.register_buffer("running_var", ops.ones(num_features, device=device, dtype=dtype) if running else None)
        self.register_buffer("num_batches_tracked", ops.tensor(0, dtype=int64, device=device) if running else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forgets what was seen: mean 0, variance 1."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Forgets the running statistics and makes the affine map the identity."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input_dim(self, input: Tensor) -> None:
        raise NotImplementedError

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        """Files of the first version have no count of batches: it stays what it is."""
        key = prefix + "num_batches_tracked"
        version = local_metadata.get("version")
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            count = self.num_batches_tracked
            state_dict = {**state_dict, key: ops.tensor(0, dtype=int64) if count is None else count}
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class _BatchNorm(_NormBase):
    """What the layers for inputs of one, two and three spatial dimensions share."""

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1.0 / float(self.num_batches_tracked)
        tracked = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if tracked else None,
            self.running_var if tracked else None,
            self.weight,
            self.bias,
            self.training or (self.running_mean is None and self.running_var is None),
            factor,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    r"""Normalises each feature, or each channel of a sequence, over the batch. See :class:`BatchNorm2d`.

    Shape:
        - Input: :math:`(N, C)` or :math:`(N, C, L)`.
        - Output: the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.BatchNorm1d(100)(torch.randn(20, 100)).shape)
        (20, 100)
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (2, 3):
            raise ValueError(f"expected 2D or 3D input (got {input.dim()}D input)")


class BatchNorm2d(_BatchNorm):
    r"""Normalises each channel over the batch and applies an affine map to it:

    .. math::
        y = \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} \cdot \gamma + \beta

    While training, mean and (biased) variance are those of the channel in this batch, and running estimates of them
    move towards the batch's mean and unbiased variance :math:`s`:

    .. math::
        \hat s \leftarrow (1 - \text{momentum}) \cdot \hat s + \text{momentum} \cdot s

    In evaluation mode the running estimates are used.

    Args:
        num_features (int): the number of channels :math:`C`.
        eps (float): :math:`\epsilon`. Default: 1e-5
        momentum (float, optional): how far the running estimates move; ``None`` makes them the mean over all batches.
            Default: 0.1
        affine (bool): whether there are :math:`\gamma` and :math:`\beta`. Default: ``True``
        track_running_stats (bool): without it the batch's own statistics are used in evaluation mode, too.
            Default: ``True``
        device, dtype: where parameters and estimates are made, and of which type.
        bias (bool): whether there is :math:`\beta`. Default: ``True``

    Shape:
        - Input: :math:`(N, C, H, W)`.
        - Output: the same.

    Attributes:
        weight: :math:`\gamma`, of shape :math:`(C)`, ones at first.
        bias: :math:`\beta`, of shape :math:`(C)`, zeros at first.
        running_mean: of shape :math:`(C)`, zeros at first.
        running_var: of shape :math:`(C)`, ones at first.
        num_batches_tracked: how many batches the estimates come from.

    Raises:
        ValueError: for an input of other dimensions, or with one value a channel while training.

    Source: Ioffe and Szegedy, *Batch normalization* (2015).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> norm = nn.BatchNorm2d(3)
        >>> tuple(norm(torch.randn(20, 3, 8, 8)).shape), norm.num_batches_tracked.item()
        ((20, 3, 8, 8), 1)
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() != 4:
            raise ValueError(f"expected 4D input (got {input.dim()}D input)")


class BatchNorm3d(_BatchNorm):
    r"""Normalises each channel of volumes over the batch. See :class:`BatchNorm2d`.

    Shape:
        - Input: :math:`(N, C, D, H, W)`.
        - Output: the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.BatchNorm3d(3)(torch.randn(2, 3, 4, 4, 4)).shape)
        (2, 3, 4, 4, 4)
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() != 5:
            raise ValueError(f"expected 5D input (got {input.dim()}D input)")


class SyncBatchNorm(_BatchNorm):
    r"""Normalises each channel over the batches of all processes of a group. See :class:`BatchNorm2d`.

    In a single process it is a batch normalisation of inputs of any number of dimensions.

    Args:
        num_features, eps, momentum, affine, track_running_stats, device, dtype, bias: as in :class:`BatchNorm2d`.
        process_group: which processes belong together. Default: all

    Shape:
        - Input: :math:`(N, C, *)`.
        - Output: the same.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.SyncBatchNorm(3)(torch.randn(20, 3, 8)).shape)
        (20, 3, 8)
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: str | Device | None = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")
        if input.shape[1] == 0:
            raise ValueError("SyncBatchNorm number of input channels should be non-zero")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The module with a layer of this class in place of each batch normalisation, with the same parameters, running
        statistics and mode.

        Example::

            >>> from kagari import nn
            >>> type(nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.BatchNorm1d(3)))[0]).__name__
            'SyncBatchNorm'
        """
        made = module
        if isinstance(module, _BatchNorm):
            made = cls(
                module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats,
                process_group,
            )  # fmt: skip
            for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                setattr(made, name, getattr(module, name))
            made.training = module.training
        for name, child in module.named_children():
            made.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return made


__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"]
