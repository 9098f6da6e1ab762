"""A module that several processes train together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...autograd.modes import is_grad_enabled, no_grad
from ...distributed import ProcessGroup, ReduceOp, all_gather_object, all_reduce, broadcast
from ...distributed.algorithms.join import Join, Joinable, JoinHook
from ...distributed.group import given
from ...eager import Tensor
from ...eager import operators as ops
from ..module import Module
from .buckets import Hook, Reducer

_FIRST, _EACH = 1 << 20, 25 << 20


class DistributedDataParallel(Module, Joinable):
    r"""Has several processes train one module, each with batches of its own (data parallelism).

    All processes begin with the parameters and buffers of process 0. After each backward pass the gradients become
    their mean over the processes, :math:`g \leftarrow \frac{1}{n} \sum_{r=1}^{n} g_r`, so that equal optimizers keep
    the parameters equal. They travel some parameters at a time. Before each forward pass in training, buffers (as the
    running statistics of batch norm) become those of process 0.

    Args:
        module (Module): what is trained, kept as ``module``; the same in all processes
        device_ids, output_device, dim: for GPUs; None where there are none.
        broadcast_buffers (bool): whether buffers follow those of process 0. Default: ``True``
        init_sync (bool): whether parameters and buffers begin as those of process 0. Default: ``True``
        process_group (ProcessGroup): the processes. Default: all
        bucket_cap_mb (float): how many MiB travel at a time. Default: 25, and 1 for the first
        find_unused_parameters (bool): whether a forward pass may leave parameters out. Default: ``False``
        gradient_as_bucket_view (bool): whether gradients lie where they travel from, which saves memory and a copy.
            Default: ``False``
        static_graph (bool): whether the same parameters are used in each pass; some may be left out in all of them.
            Default: ``False``
        check_reduction, delay_all_reduce_named_params, param_to_hook_all_reduce, mixed_precision, device_mesh,
            skip_all_reduce_unused_params: accepted, and mean nothing.

    Raises RuntimeError where the module has no parameters that want gradients, where modules differ among processes,
    and in the next forward pass where parameters were left out unexpectedly; ValueError for devices that there are not.

    Source: Li et al., *PyTorch Distributed: Experiences on Accelerating Data Parallel Training*, 2020.

    Example::

        >>> import kagari as torch
        >>> from kagari import distributed as dist, nn
        >>> dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
        >>> model = nn.parallel.DistributedDataParallel(nn.Linear(3, 2))
        >>> model(torch.ones(4, 3)).sum().backward()
        >>> model.module.bias.grad, list(model.state_dict())
        (tensor([4., 4.]), ['module.weight', 'module.bias'])
        >>> dist.destroy_process_group()
    """

    module: Module

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        init_sync: bool = True,
        process_group: ProcessGroup | None = None,
        bucket_cap_mb: float | None = None,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
        delay_all_reduce_named_params: Any = None,
        param_to_hook_all_reduce: Any = None,
        mixed_precision: Any = None,
        device_mesh: Any = None,
        skip_all_reduce_unused_params: bool = False,
    ) -> None:
        super().__init__()
        chosen = given(process_group)
        ignored = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))
        named = [(name, p) for name, p in module.named_parameters() if name not in ignored]
        parameters = [p for _, p in named if p.requires_grad]
        if not parameters:
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a "
                "gradient."
            )
        devices = {p.device for p in parameters}
        if device_ids or output_device is not None:
            raise ValueError(
                "DistributedDataParallel device_ids and output_device arguments only work with single-device/"
                f"multiple-device GPU modules or CPU modules, but got device_ids {device_ids}, output_device "
                f"{output_device}, and module parameters {devices}."
            )
        self.module, self.process_group, self.dim = module, chosen, dim
        self.device_ids, self.output_device = None, None
        self.device, self.device_type = parameters[0].device, parameters[0].device.type
        self.broadcast_buffers, self.static_graph = broadcast_buffers, static_graph
        self.find_unused_parameters, self.gradient_as_bucket_view = find_unused_parameters, gradient_as_bucket_view
        self.parameters_to_ignore = ignored
        self.require_backward_grad_sync = self.require_forward_param_sync = self._by_all = True
        if init_sync:
            self._check_equal(parameters)
            _follow(chosen, [*(p for _, p in named), *self._buffers_to_follow()])
        self.bucket_bytes_cap = _EACH if bucket_cap_mb is None else int(bucket_cap_mb * 2**20)
        self._listen(parameters)

    def _listen(self, parameters: Sequence[Tensor]) -> None:
        self.reducer = Reducer(
            parameters,
            self.process_group,
            min(_FIRST, self.bucket_bytes_cap),
            self.bucket_bytes_cap,
            self.find_unused_parameters or self.static_graph,
            self.gradient_as_bucket_view,
        )

    def _buffers_to_follow(self) -> list[Tensor]:
        return [b for name, b in self.module.named_buffers() if name not in self.parameters_to_ignore]

    def _check_equal(self, parameters: Sequence[Tensor]) -> None:
        """RuntimeError where another process has other parameters."""
        mine = [list(p.shape) for p in parameters]
        everybody: list[Any] = [None] * self.process_group.size()
        all_gather_object(everybody, mine, self.process_group)
        # All processes come to the same verdict, so that none waits for one that gave up.
        for rank, theirs in enumerate(everybody):
            if len(theirs) != len(everybody[0]):
                raise RuntimeError(
                    f"DDP expects same model across all ranks, but Rank {rank} has {len(theirs)} params, while rank 0 "
                    f"has inconsistent {len(everybody[0])} params."
                )
            for i, (here, there) in enumerate(zip(theirs, everybody[0])):
                if here != there:
                    raise RuntimeError(
                        f"[{rank}]: params[{i}] in this process with sizes {here} appears not to match sizes of the "
                        "same param in process 0."
                    )

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        work = Join.notify_join_context(self)
        if self._join_config.enable:
            self._any_averages(self.require_backward_grad_sync)
        if work is not None and not self._by_all:
            self.reducer.count = int(work.result()[0])
        self._follow_buffers()
        follow = is_grad_enabled() and self.require_backward_grad_sync
        if is_grad_enabled():
            self.require_forward_param_sync = self.require_backward_grad_sync
        if follow:
            self.reducer.expect()
        return self.module(*inputs, **kwargs)

    def _follow_buffers(self) -> None:
        if self.require_forward_param_sync and self.broadcast_buffers:
            root = self._leader(True) if self._join_config.enable else 0
            _follow(self.process_group, self._buffers_to_follow(), root)

    # Processes that are done before others, see `join`.

    def _any_averages(self, averaging: bool) -> bool:
        """Whether some process averages gradients in this round; `averaging` says whether this one does."""
        flag = ops.full((1,), float(averaging))
        all_reduce(flag, group=self.process_group)
        return bool(flag)

    def _leader(self, busy: bool) -> int:
        """The process whose buffers are followed: of those that are busy the one with the highest rank."""
        rank = ops.tensor([self.process_group.rank() if busy else -1])
        all_reduce(rank, ReduceOp.MAX, self.process_group)
        return int(rank)

    def join(
        self, divide_by_initial_world_size: bool = True, enable: bool = True, throw_on_early_termination: bool = False
    ) -> Join:
        """A context in which processes may have different numbers of batches.

        A process that leaves it keeps taking part in the averages of the others, with gradients of zero, and has their
        parameters in the end.

        Args:
            divide_by_initial_world_size (bool): whether sums are divided by the number of all processes, or by that of
                those that are not done. Default: ``True``
            enable (bool): whether the context has an effect. Default: ``True``
            throw_on_early_termination (bool): whether the first process that is done is an error in all. Default:
                ``False``
        """
        return Join(
            [self], enable, throw_on_early_termination, divide_by_initial_world_size=divide_by_initial_world_size
        )

    def join_hook(self, **kwargs: Any) -> JoinHook:
        """What a process that is done does for the others."""
        self._by_all = kwargs.get("divide_by_initial_world_size", True)
        return _Shadow(self)

    @property
    def join_device(self) -> Any:
        """The device of what travels."""
        return self.device

    @property
    def join_process_group(self) -> ProcessGroup:
        """The processes."""
        return self.process_group

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Gradients of backward passes of what is computed in this context are added up, and not averaged."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def register_comm_hook(self, state: Any, hook: Hook) -> None:
        """Has `hook(state, bucket)` do what averages gradients.

        The hook gets a `GradBucket`, and gives a `torch.futures.Future` of the vector that takes the place of
        ``bucket.buffer()``. RuntimeError for a second hook, TypeError for what can't be called.
        """
        if not callable(hook):
            raise TypeError("Communication hook must be callable.")
        if self.reducer.hook is not None:
            raise RuntimeError("register_comm_hook or register_builtin_comm_hook can only be called once.")
        self.reducer.hook, self.reducer.state = hook, state

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["process_group"], state["reducer"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy, or one from a file, is of all processes."""
        super().__setstate__(state)
        self.process_group = given(None)
        named = self.module.named_parameters()
        self._listen([p for name, p in named if p.requires_grad and name not in self.parameters_to_ignore])


class _Shadow(JoinHook):
    """Has no batch, and answers those who have: gradients of zero, and buffers as they say."""

    def __init__(self, model: DistributedDataParallel) -> None:
        self.model = model

    def main_hook(self) -> None:
        model = self.model
        averaging = model._any_averages(False)
        if model.require_forward_param_sync and model.broadcast_buffers:
            _follow(model.process_group, model._buffers_to_follow(), model._leader(False))
        model.require_forward_param_sync = averaging
        if averaging:
            model.reducer.shadow()

    def post_hook(self, is_last_joiner: bool) -> None:
        model = self.model
        _follow(
            model.process_group,
            [*model.module.parameters(), *model._buffers_to_follow()],
            model._leader(is_last_joiner),
        )


def _follow(chosen: ProcessGroup, tensors: Iterable[Tensor], root: int = 0) -> None:
    """Makes tensors those of one process, all of one dtype at a time."""
    by_dtype: dict[Any, list[Tensor]] = {}
    for tensor in tensors:
        by_dtype.setdefault(tensor.dtype, []).append(tensor.detach())
    with no_grad():
        for some in by_dtype.values():
            flat = ops.cat([one.reshape(-1) for one in some])
            broadcast(flat, group=chosen, group_src=root)
            if chosen.rank() != root:
                for one, part in zip(some, flat.split([one.numel() for one in some])):
                    one.copy_(part.view(one.shape))


__all__ = ["DistributedDataParallel"]
