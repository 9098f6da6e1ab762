"""Models whose parameters are the means of another's. PyTorch has them in `torch.optim.swa_utils`."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable
from typing import Any

from ..autograd import no_grad
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.device import Device
from ..nn import Module
from ..nn.batchnorm import _BatchNorm
from ..optim.swa_utils import Average, Averages, get_swa_multi_avg_fn


class AveragedModel(Module):
    r"""A copy of a model whose parameters are means of those that the model has had: of weights along the way of an
    optimizer, which generalise better than the last ones (SWA), or an exponential moving average (EMA).

    Args:
        model (Module): copied, as ``module``.
        device: where the copy and the means are kept. Default: where the model is
        avg_fn (callable, optional): gives the new mean of the mean, the parameter and the number of those averaged. Use
            :func:`~kagari.optim.swa_utils.get_ema_avg_fn` for moving averages. Default: equal weights
        multi_avg_fn (callable, optional): changes a list of means, given them, the parameters and the number.
        use_buffers (bool): whether buffers are averaged as well. Else they are those of the model. Default: ``False``

    Attributes:
        n_averaged: how often parameters were averaged, a buffer.

    Raises:
        AssertionError: if both functions are given.

    Source: Izmailov et al., *Averaging weights leads to wider optima and better generalization* (2018).

    Example::

        >>> import kagari as torch
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> mean = torch.optim.swa_utils.AveragedModel(model)
        >>> for value in (1.0, 2.0, 6.0):
        ...     _ = torch.nn.init.constant_(model.weight, value)
        ...     mean.update_parameters(model)
        >>> mean.module.weight.item(), mean.n_averaged.item()
        (3.0, 3)
    """

    n_averaged: Tensor
    module: Module

    def __init__(
        self,
        model: Module,
        device: str | Device | None = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Averages | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", ops.tensor(0, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the copy with the means makes of its arguments."""
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Takes the present parameters of a model into the means. The first ones are the means."""
        means, current = (self._averaged(m) for m in (self.module, model))
        if self.n_averaged == 0:
            for mean, value in zip(means, current):
                mean.copy_(value)
        elif self.avg_fn is not None:
            for mean, value in zip(means, current):
                mean.copy_(self.avg_fn(mean, value.to(mean.device), self.n_averaged))
        else:
            average = self.multi_avg_fn or get_swa_multi_avg_fn()
            for dtype in dict.fromkeys(mean.dtype for mean in means):
                chosen = [(mean, value) for mean, value in zip(means, current) if mean.dtype is dtype]
                average([mean for mean, _ in chosen], [value for _, value in chosen], self.n_averaged)
        if not self.use_buffers:
            for kept, buffer in zip(self.module.buffers(), model.buffers()):
                kept.copy_(buffer)
        self.n_averaged += 1

    def _averaged(self, model: Module) -> list[Tensor]:
        buffers = model.buffers() if self.use_buffers else ()
        return [t.detach() for t in itertools.chain(model.parameters(), buffers)]


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: str | Device | None = None) -> None:
    """Makes the running statistics of a model's batch normalisations those of a whole pass over data: averaged
    parameters have seen no batch.

    Args:
        loader: gives batches; of a list or tuple the first part goes into the model.
        model (Module): its layers keep their momentum, and it its mode.
        device: where batches are moved to, if given.

    Example::

        >>> import kagari as torch
        >>> model = torch.nn.BatchNorm1d(1)
        >>> torch.optim.swa_utils.update_bn([torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0], [7.0]])], model)
        >>> model.running_mean
        tensor([4.])
    """
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    if not norms:
        return
    momenta, training = [norm.momentum for norm in norms], model.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    model.train()
    for batch in loader:
        input = batch[0] if isinstance(batch, list | tuple) else batch
        model(input if device is None else input.to(device))
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    model.train(training)


__all__ = ["AveragedModel", "update_bn"]
