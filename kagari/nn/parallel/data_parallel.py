"""Layers that share a batch among devices."""

from __future__ import annotations

from typing import Any

from ..module import Module


class DataParallel(Module):
    r"""Shares each batch among several GPUs. Where there are none, as here, the module itself does the work.

    Programs that wrap their models in it run, and what they save has the same names: those of the module with
    ``module.`` before them.

    Args:
        module (Module): what does the work, kept as ``module``.
        device_ids, output_device, dim: which GPUs there are, where results go, and which dimension is shared. They mean
            nothing without GPUs.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> model = nn.DataParallel(nn.Linear(3, 2))
        >>> tuple(model(torch.randn(4, 3)).shape), list(model.state_dict())
        ((4, 2), ['module.weight', 'module.bias'])
    """

    module: Module
    device_ids: list[int]

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module = module
        self.device_ids = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


__all__ = ["DataParallel"]
