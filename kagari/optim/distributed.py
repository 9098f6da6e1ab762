"""Optimizers of several processes, under the names of `torch.distributed.optim`."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from ..distributed import rpc
from ..distributed.autograd import get_gradients
from ..eager import Tensor
from ..futures import Future, wait_all
from .optimizer import Optimizer
from .zero import ZeroRedundancyOptimizer

# One step at a time: programs that run in this process for several others may share parameters.
_lock = threading.Lock()


class _Local:
    """The optimizer of the parameters that lie in this process."""

    def __init__(
        self, optimizer_class: type[Optimizer], parameters: list[rpc.RRef[Tensor]], args: Any, kwargs: Any
    ) -> None:
        self.optimizer = optimizer_class([p.local_value() for p in parameters], *args, **kwargs)

    def step(self, context_id: int) -> None:
        """Updates them with the gradients of a context."""
        gradients = get_gradients(context_id)
        with _lock:
            for parameter, gradient in gradients.items():
                parameter.grad = gradient
            self.optimizer.step()


class DistributedOptimizer:
    """Updates parameters where they lie, with the gradients of a context of `torch.distributed.autograd`.

    Args:
        optimizer_class (type): the optimizer that each process has for its own parameters
        params_rref (list): references to parameters, in whatever processes
        args, kwargs: options of the optimizer

    Example::

        >>> import kagari as torch
        >>> from kagari import distributed as dist
        >>> from kagari.distributed import rpc
        >>> import tempfile
        >>> options = rpc.TensorPipeRpcBackendOptions(init_method=f"file://{tempfile.mkdtemp()}/store")
        >>> rpc.init_rpc("only", rank=0, world_size=1, rpc_backend_options=options)
        >>> w = torch.ones(1, requires_grad=True)
        >>> optimizer = DistributedOptimizer(torch.optim.SGD, [rpc.RRef(w)], lr=0.5)
        >>> with dist.autograd.context() as context_id:
        ...     dist.autograd.backward(context_id, [(3 * w).sum()])
        ...     optimizer.step(context_id)
        >>> w.detach()
        tensor([-0.5000])
        >>> rpc.shutdown()
    """

    def __init__(
        self, optimizer_class: type[Optimizer], params_rref: Sequence[rpc.RRef[Tensor]], *args: Any, **kwargs: Any
    ) -> None:
        by_owner = defaultdict(list)
        for parameter in params_rref:
            by_owner[parameter.owner()].append(parameter)
        made = [rpc.remote(owner, _Local, (optimizer_class, some, args, kwargs)) for owner, some in by_owner.items()]
        wait_all([one._get_future() for one in made])
        self.remote_optimizers = made

    def step(self, context_id: int) -> None:
        """Updates all parameters. Returns when they are updated; raises the first error that a process had."""
        futures: list[Future[Any]] = [one.rpc_async().step(context_id) for one in self.remote_optimizers]
        wait_all(futures)


__all__ = ["DistributedOptimizer", "ZeroRedundancyOptimizer"]
