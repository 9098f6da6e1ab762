"""Gradients as they are, or in two bytes an element on their way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ....base.dtypes import bfloat16, dtype, float16
from ....eager import Tensor
from ....futures import Future
from ...group import ProcessGroup, given
from ...reducing import all_reduce

Hook = Callable[[Any, "Bucket"], Future[Tensor]]


class Bucket(Protocol):
    """What holds the gradients of some parameters in one vector."""

    def buffer(self) -> Tensor:
        """The vector."""

    def set_buffer(self, tensor: Tensor) -> None:
        """Has another be the vector."""


def _summed(group: ProcessGroup, tensor: Tensor) -> Future[list[Tensor]]:
    work = all_reduce(tensor, group=group, async_op=True)
    assert work is not None
    return work.get_future()


def allreduce_hook(process_group: ProcessGroup | None, bucket: Bucket) -> Future[Tensor]:
    """The mean over the processes, as without a hook.

    >>> import kagari as torch
    >>> from kagari import distributed as dist, nn
    >>> from kagari.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
    >>> dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    >>> model = nn.parallel.DistributedDataParallel(nn.Linear(3, 2))
    >>> model.register_comm_hook(None, allreduce_hook)
    >>> model(torch.ones(1, 3)).sum().backward()
    >>> model.module.bias.grad
    tensor([1., 1.])
    >>> dist.destroy_process_group()
    """
    group = given(process_group)
    return _summed(group, bucket.buffer().div_(group.size())).then(lambda done: done.value()[0])


def _narrow(process_group: ProcessGroup | None, bucket: Bucket, kind: dtype) -> Future[Tensor]:
    group, buffer = given(process_group), bucket.buffer()
    sent = buffer.to(kind).div_(group.size())
    return _summed(group, sent).then(lambda done: buffer.copy_(done.value()[0]))


def fp16_compress_hook(process_group: ProcessGroup | None, bucket: Bucket) -> Future[Tensor]:
    """The mean over the processes, which travels as float16."""
    return _narrow(process_group, bucket, float16)


def bf16_compress_hook(process_group: ProcessGroup | None, bucket: Bucket) -> Future[Tensor]:
    """The mean over the processes, which travels as bfloat16."""
    return _narrow(process_group, bucket, bfloat16)


def _wrapped(hook: Hook, kind: dtype) -> Hook:
    def narrow(state: Any, bucket: Bucket) -> Future[Tensor]:
        wide = bucket.buffer()
        bucket.set_buffer(wide.to(kind))

        def widen(done: Future[Tensor]) -> Tensor:
            bucket.set_buffer(wide)
            return wide.copy_(done.value())

        return hook(state, bucket).then(widen)

    return narrow


def fp16_compress_wrapper(hook: Hook) -> Hook:
    """A hook that gets the gradients as float16."""
    return _wrapped(hook, float16)


def bf16_compress_wrapper(hook: Hook) -> Hook:
    """A hook that gets the gradients as bfloat16."""
    return _wrapped(hook, bfloat16)


__all__ = [
    "allreduce_hook", "bf16_compress_hook", "bf16_compress_wrapper", "fp16_compress_hook", "fp16_compress_wrapper",
]  # fmt: skip
