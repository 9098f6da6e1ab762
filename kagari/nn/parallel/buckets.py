"""Gradients of several processes, averaged some parameters at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...autograd import engine
from ...autograd.modes import no_grad
from ...distributed import ProcessGroup, all_reduce
from ...eager import Tensor
from ...eager import operators as ops
from ...futures import Future

Hook = Callable[[Any, "GradBucket"], Future[Tensor]]


class GradBucket:
    """The gradients of some parameters in one vector, as a hook of communication gets them."""

    def __init__(self, index: int, parameters: Sequence[Tensor], last: bool) -> None:
        self._index, self._parameters, self._last = index, list(parameters), last
        first = parameters[0]
        self._buffer = ops.zeros(sum(p.numel() for p in parameters), dtype=first.dtype, device=first.device)

    def index(self) -> int:
        """Its number: the parameters of the first are those that the network uses last."""
        return self._index

    def is_last(self) -> bool:
        """Whether none comes behind it."""
        return self._last

    def buffer(self) -> Tensor:
        """All gradients in one vector."""
        return self._buffer

    def set_buffer(self, tensor: Tensor) -> None:
        """Has another vector be that of the gradients."""
        self._buffer = tensor

    def parameters(self) -> list[Tensor]:
        """The parameters."""
        return self._parameters

    def gradients(self) -> list[Tensor]:
        """The gradient of each, as a part of the vector."""
        parts = self._buffer.split([p.numel() for p in self._parameters])
        return [part.view(p.shape) for part, p in zip(parts, self._parameters)]


def _divided(parameters: Sequence[Tensor], first: int, size: int) -> list[list[Tensor]]:
    """Parameters of one dtype together, up to so many bytes; fewer in the first group."""
    open_groups: dict[Any, list[Tensor]] = {}
    made: list[list[Tensor]] = []
    for p in parameters:
        group = open_groups.setdefault(p.dtype, [])
        group.append(p)
        if sum(q.numel() * q.element_size() for q in group) >= (size if made else first):
            made.append(open_groups.pop(p.dtype))
    return made + list(open_groups.values())


class Reducer:
    """Averages gradients of all processes after each backward pass that it expects.

    Args:
        parameters: those that want gradients
        group: the processes
        first, size: how many bytes the first bucket has, and each other one
        unused: whether parameters may get no gradient in this process; if they get none in any, theirs stay as they are
        as_view: whether gradients become parts of the buckets, instead of copies
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        group: ProcessGroup,
        first: int,
        size: int,
        unused: bool,
        as_view: bool,
    ) -> None:
        self.group, self.unused, self.as_view = group, unused, as_view
        self.count = group.size()  # which sums are divided by
        self.parameters = list(parameters)
        # The last layer's gradients are there first.
        groups = _divided(self.parameters, first, size)[::-1]
        self.buckets = [GradBucket(i, some, i == len(groups) - 1) for i, some in enumerate(groups)]
        self.hook: Hook | None = None
        self.state: Any = None
        self.expecting = False
        self.ready: set[int] = set()
        self.missing: list[int] = []
        for p in self.parameters:
            p.register_post_accumulate_grad_hook(self._arrived)

    def expect(self) -> None:
        """The next backward pass is one whose gradients are averaged."""
        if self.missing:
            raise RuntimeError(
                "Expected to have finished reduction in the prior iteration before starting a new one. This error "
                "indicates that your module has parameters that were not used in producing loss. You can enable unused "
                "parameter detection by passing the keyword argument `find_unused_parameters=True` to "
                "`torch.nn.parallel.DistributedDataParallel`, and by \nmaking sure all `forward` function outputs "
                "participate in calculating loss. \nParameter indices which did not receive grad for rank "
                f"{self.group.rank()}: {' '.join(map(str, self.missing))}"
            )
        self.expecting = True
        self.ready.clear()

    def _arrived(self, parameter: Tensor) -> None:
        if self.expecting:
            self.ready.add(id(parameter))
            engine.call_at_end(self, self._finish)

    def _finish(self) -> None:
        """The pass has ended: averages what it gave."""
        self.expecting = False
        self.missing = [i for i, p in enumerate(self.parameters) if id(p) not in self.ready]
        if self.missing and not self.unused:
            return
        self.missing = []
        with no_grad():
            self.reduce(self._used())

    def _used(self) -> list[bool]:
        """Which parameters have a gradient in some process."""
        if not self.unused:
            return [True] * len(self.parameters)
        counts = ops.tensor([int(id(p) in self.ready) for p in self.parameters])
        all_reduce(counts, group=self.group)
        return [count > 0 for count in counts.tolist()]

    def reduce(self, used: Sequence[bool]) -> None:
        """Averages the gradients of all processes. Without gradients being followed."""
        known = {id(p): one for p, one in zip(self.parameters, used)}
        under_way = []
        for bucket in self.buckets:
            for p, part in zip(bucket.parameters(), bucket.gradients()):
                if p.grad is None or id(p) not in self.ready:
                    part.zero_()
                elif p.grad.data_ptr() != part.data_ptr():
                    part.copy_(p.grad)
            under_way.append(self._started(bucket))
        for bucket, future in zip(self.buckets, under_way):
            result = future.wait()
            for p, part in zip(bucket.parameters(), result.split([q.numel() for q in bucket.parameters()])):
                if known[id(p)]:
                    self._give(p, part.view(p.shape), result is bucket.buffer())

    def _started(self, bucket: GradBucket) -> Future[Tensor]:
        if self.hook is not None:
            return self.hook(self.state, bucket)
        bucket.buffer().div_(self.count)
        work = all_reduce(bucket.buffer(), group=self.group, async_op=True)
        assert work is not None
        return work.get_future().then(lambda done: done.value()[0])

    def _give(self, p: Tensor, part: Tensor, own: bool) -> None:
        if self.as_view and own:
            p.grad = part
        elif p.grad is None:
            p.grad = part.clone()
        else:
            p.grad.copy_(part)

    def shadow(self) -> None:
        """Takes part in the averages of the other processes, with nothing."""
        self.ready.clear()
        with no_grad():
            self._used()
            for bucket in self.buckets:
                bucket.buffer().zero_()
            for future in [self._started(bucket) for bucket in self.buckets]:
                future.wait()


__all__ = ["GradBucket", "Reducer"]
