"""Collectives that gradients flow through: back to the processes that the values came from.

All processes of the group take part in the backward pass, too. The gradient of a collective is a collective: of sending
to all the sum of all, of collecting the sharing out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...autograd.function import Function
from ...eager import Tensor
from ...eager import operators as ops
from .. import collecting, reducing
from ..group import ProcessGroup, given
from ..reduction import RedOpType, ReduceOp

_Group = ProcessGroup | None


def _reduced(tensor: Tensor, op: RedOpType, group: _Group) -> Tensor:
    result = tensor.clone()
    reducing.all_reduce(result, op, group)
    return result


def _collected(tensor: Tensor, group: _Group) -> tuple[Tensor, ...]:
    found = [ops.empty_like(tensor) for _ in range(given(group).size())]
    collecting.all_gather(found, tensor, group)
    return tuple(found)


def _shared(tensors: Sequence[Tensor], op: RedOpType, group: _Group) -> Tensor:
    """What `reduce_scatter` gives this process."""
    result = ops.empty_like(tensors[given(group).rank()])
    reducing.reduce_scatter(result, list(tensors), op, group)
    return result


def _exchanged(tensors: Sequence[Tensor], shapes: Sequence[Sequence[int]], group: _Group) -> tuple[Tensor, ...]:
    found = [tensors[0].new_empty(shape) for shape in shapes]
    collecting.all_to_all(found, list(tensors), group)
    return tuple(found)


def _at(number: int, group: _Group) -> bool:
    """Whether this is the process with this number among all."""
    chosen = given(group)
    return chosen.ranks[chosen.rank()] == number


class _AllReduce(Function):
    @staticmethod
    def forward(ctx: Any, op: RedOpType, group: _Group, tensor: Tensor) -> Tensor:
        ctx.op, ctx.group = op, group
        return _reduced(tensor, op, group)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return None, None, _AllReduce.apply(ctx.op, ctx.group, grad)


class _AllGather(Function):
    @staticmethod
    def forward(ctx: Any, group: _Group, tensor: Tensor) -> tuple[Tensor, ...]:
        ctx.group = group
        return _collected(tensor, group)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return None, _ReduceScatter.apply(ReduceOp.SUM, ctx.group, *grads)


class _ReduceScatter(Function):
    @staticmethod
    def forward(ctx: Any, op: RedOpType, group: _Group, *tensors: Tensor) -> Tensor:
        ctx.group = group
        return _shared(tensors, op, group)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return None, None, *_AllGather.apply(ctx.group, grad)


class _Broadcast(Function):
    @staticmethod
    def forward(ctx: Any, src: int, group: _Group, tensor: Tensor) -> Tensor:
        ctx.src, ctx.group = src, group
        result = tensor.clone()
        collecting.broadcast(result, src, group)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        summed = _Reduce.apply(ctx.src, ReduceOp.SUM, ctx.group, grad)
        return None, None, summed if _at(ctx.src, ctx.group) else ops.zeros_like(grad)


class _Reduce(Function):
    @staticmethod
    def forward(ctx: Any, dst: int, op: RedOpType, group: _Group, tensor: Tensor) -> Tensor:
        ctx.dst, ctx.group = dst, group
        result = tensor.clone()
        reducing.reduce(result, dst, op, group)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return None, None, None, _Broadcast.apply(ctx.dst, ctx.group, grad)


class _Gather(Function):
    @staticmethod
    def forward(ctx: Any, dst: int, group: _Group, tensor: Tensor) -> tuple[Tensor, ...]:
        ctx.dst, ctx.group = dst, group
        found = [ops.zeros_like(tensor) for _ in range(given(group).size())]
        collecting.gather(tensor, found if _at(dst, group) else None, dst, group)
        return tuple(found)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return None, None, _Scatter.apply(ctx.dst, ctx.group, *grads)


class _Scatter(Function):
    @staticmethod
    def forward(ctx: Any, src: int, group: _Group, *tensors: Tensor) -> Tensor:
        ctx.src, ctx.group = src, group
        result = ops.zeros_like(tensors[0])
        collecting.scatter(result, list(tensors) if _at(src, group) else None, src, group)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return None, None, *_Gather.apply(ctx.src, ctx.group, grad)


class _AllToAll(Function):
    @staticmethod
    def forward(ctx: Any, group: _Group, shapes: Sequence[Sequence[int]], *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.group, ctx.shapes = group, [tensor.shape for tensor in tensors]
        return _exchanged(tensors, shapes, group)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return None, None, *_AllToAll.apply(ctx.group, ctx.shapes, *(grad.contiguous() for grad in grads))


def all_reduce(tensor: Tensor, op: RedOpType = ReduceOp.SUM, group: _Group = None) -> Tensor:
    """The tensors of all processes, reduced. The gradients are reduced in the same way.

    >>> import kagari as torch
    >>> from kagari import distributed as dist
    >>> dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    >>> x = torch.ones(2, requires_grad=True)
    >>> dist.nn.functional.all_reduce(x).sum().backward()
    >>> x.grad
    tensor([1., 1.])
    >>> dist.destroy_process_group()
    """
    result: Tensor = _AllReduce.apply(op, group, tensor)
    return result


def all_gather(tensor: Tensor, group: _Group = None) -> tuple[Tensor, ...]:
    """The tensors of all processes, one for each."""
    result: tuple[Tensor, ...] = _AllGather.apply(group, tensor)
    return result


def broadcast(tensor: Tensor, src: int, group: _Group = None) -> Tensor:
    """The tensor of process `src`."""
    result: Tensor = _Broadcast.apply(src, group, tensor)
    return result


def reduce(tensor: Tensor, dst: int, op: RedOpType = ReduceOp.SUM, group: _Group = None) -> Tensor:
    """In process `dst` the tensors of all, reduced; in the others their own."""
    result: Tensor = _Reduce.apply(dst, op, group, tensor)
    return result


def gather(tensor: Tensor, dst: int = 0, group: _Group = None) -> tuple[Tensor, ...]:
    """In process `dst` the tensors of all, one for each; in the others zeros."""
    result: tuple[Tensor, ...] = _Gather.apply(dst, group, tensor)
    return result


def scatter(tensors: Sequence[Tensor], src: int = 0, group: _Group = None) -> Tensor:
    """This process's one of the tensors of process `src`."""
    result: Tensor = _Scatter.apply(src, group, *tensors)
    return result


def reduce_scatter(
    output: Tensor, input_list: Sequence[Tensor], op: RedOpType = ReduceOp.SUM, group: _Group = None
) -> Tensor:
    """What all processes have for this one, reduced. `output` is not used but for its place in the call."""
    result: Tensor = _ReduceScatter.apply(op, group, *input_list)
    return result


def all_to_all(
    output_tensor_list: Sequence[Tensor], input_tensor_list: Sequence[Tensor], group: _Group = None
) -> tuple[Tensor, ...]:
    """What all processes have for this one, one tensor for each; the shapes are those of `output_tensor_list`."""
    shapes = [tensor.shape for tensor in output_tensor_list]
    result: tuple[Tensor, ...] = _AllToAll.apply(group, shapes, *input_tensor_list)
    return result


def all_to_all_single(
    output: Tensor,
    input: Tensor,
    output_split_sizes: Sequence[int] | None = None,
    input_split_sizes: Sequence[int] | None = None,
    group: _Group = None,
) -> Tensor:
    """What all processes have for this one, along the first dimension; the shape is that of `output`."""
    size = given(group).size()
    parts = [
        tensor.split(list(sizes) if sizes else tensor.size(0) // size)
        for tensor, sizes in ((output, output_split_sizes), (input, input_split_sizes))
    ]
    return ops.cat(all_to_all(parts[0], [part.contiguous() for part in parts[1]], group))


__all__ = [
    "all_gather", "all_reduce", "all_to_all", "all_to_all_single", "broadcast", "gather", "reduce", "reduce_scatter",
    "scatter",
]  # fmt: skip
