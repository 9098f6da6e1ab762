"""Operations in which the tensors of all processes of a group become one."""

from __future__ import annotations

from collections.abc import Sequence

from ..autograd.modes import no_grad
from ..eager import Tensor
from ..eager import operators as ops
from .group import ProcessGroup, given
from .memory import Lent, checked, checked_list, same_dtype
from .reduction import RedOpType, ReduceOp, check, reduce_into
from .taking_part import STEPS, is_outside, root_of, shares
from .work import Work

_Group = ProcessGroup | None
_TOGETHER = 1 << 13  # bytes up to which all processes send each other all: one message's time, not two


def _reduce_all(group: ProcessGroup, tag: int, flat: Tensor, op: RedOpType, name: str) -> None:
    """Reduces vectors of all processes, in place."""
    size, me = group.size(), group.rank()
    others = [peer for peer in range(size) if peer != me]
    if not others or not flat.numel():
        reduce_into(op, flat, (), size)
    elif flat.numel() * flat.element_size() <= _TOGETHER:
        found = ops.empty((size, flat.numel()), dtype=flat.dtype)
        found[me] = flat
        group.trade(tag, [(p, Lent(flat).view) for p in others], [(p, Lent(found[p]).view) for p in others], name)
        # In the order of the processes, so that all get the same sum.
        reduce_into(op, found[0], found[1:], size)
        flat.copy_(found[0])
    else:
        parts = shares(flat.numel(), size)
        mine = flat[parts[me]]
        _reduce_part(group, tag, [flat[part] for part in parts], mine, op, name)
        ready = [(peer, Lent(mine).view) for peer in others]
        group.trade(tag + 1, ready, [(peer, Lent(flat[parts[peer]]).view) for peer in others], name)


def _reduce_part(
    group: ProcessGroup, tag: int, parts: Sequence[Tensor], into: Tensor, op: RedOpType, name: str
) -> None:
    """Reduces what all processes have for this one into a vector; `parts` are what this one has for each."""
    size, me = group.size(), group.rank()
    others = [peer for peer in range(size) if peer != me]
    found = ops.empty((size, into.numel()), dtype=into.dtype)
    group.trade(tag, [(p, Lent(parts[p]).view) for p in others], [(p, Lent(found[p]).view) for p in others], name)
    into.copy_(parts[me])
    reduce_into(op, into, [found[p] for p in others], size)


def all_reduce(
    tensor: Tensor, op: RedOpType = ReduceOp.SUM, group: _Group = None, async_op: bool = False
) -> Work | None:
    r"""Reduces the tensors of all processes, and leaves the result in each of them: :math:`x \leftarrow \sum_r x_r`.

    Args:
        tensor (Tensor): changed in place; of one shape and dtype in all processes
        op (ReduceOp): how. Default: their sum
        group (ProcessGroup): which processes. Default: all
        async_op (bool): whether to go on at once; the Work that is given back then waits. Default: ``False``

    Each process reduces its part and sends it to the others, so that all have the same bits.
    """
    checked(tensor, "tensor")
    if is_outside(group, "all_reduce"):
        return None
    chosen = given(group)
    check(op, tensor, "all_reduce")

    def run(ticket: int) -> None:
        with no_grad(), Lent(tensor, back=True) as lent:
            _reduce_all(chosen, ticket * STEPS, lent.flat, op, "all_reduce")

    return chosen.launch(run, [tensor], "all_reduce", async_op)


def all_reduce_coalesced(
    tensors: Sequence[Tensor], op: RedOpType = ReduceOp.SUM, group: _Group = None, async_op: bool = False
) -> Work | None:
    """Several tensors as by `all_reduce`, together."""
    if isinstance(tensors, Tensor):
        tensors = [tensors]
    checked_list(tensors, "tensors")
    same_dtype(tensors)
    if is_outside(group, "all_reduce_coalesced"):
        return None
    chosen = given(group)
    for tensor in tensors:
        check(op, tensor, "all_reduce")

    def run(ticket: int) -> None:
        with no_grad():
            flat = ops.cat([tensor.detach().reshape(-1) for tensor in tensors])
            _reduce_all(chosen, ticket * STEPS, flat, op, "all_reduce_coalesced")
            for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors])):
                tensor.detach().copy_(part.view(tensor.shape))

    return chosen.launch(run, tensors, "all_reduce_coalesced", async_op)


def reduce(
    tensor: Tensor,
    dst: int | None = None,
    op: RedOpType = ReduceOp.SUM,
    group: _Group = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Reduces the tensors of all processes into that of one.

    Args:
        tensor (Tensor): changed in place in process `dst`; of one shape and dtype in all processes
        dst (int): its number among all; or `group_dst`, that in the group
        op, group, async_op: as for `all_reduce`.
    """
    checked(tensor, "tensor")
    if is_outside(group, "reduce"):
        return None
    chosen = given(group)
    root = root_of(chosen, dst, group_dst, "reduce")
    check(op, tensor, "reduce")

    def run(ticket: int) -> None:
        size, me, tag = chosen.size(), chosen.rank(), ticket * STEPS
        with no_grad(), Lent(tensor, back=me == root) as lent:
            parts = shares(lent.flat.numel(), size)
            # What others reduce is no result of theirs: it is kept apart.
            mine = lent.flat[parts[me]] if me == root else ops.empty_like(lent.flat[parts[me]])
            _reduce_part(chosen, tag, [lent.flat[part] for part in parts], mine, op, "reduce")
            if me == root:
                found = [(p, Lent(lent.flat[parts[p]]).view) for p in range(size) if p != root]
                chosen.trade(tag + 1, [], found, "reduce")
            else:
                chosen.trade(tag + 1, [(root, Lent(mine).view)], [], "reduce")

    return chosen.launch(run, [tensor], "reduce", async_op)


def reduce_scatter(
    output: Tensor,
    input_list: Sequence[Tensor],
    op: RedOpType = ReduceOp.SUM,
    group: _Group = None,
    async_op: bool = False,
) -> Work | None:
    """Reduces lists of tensors of all processes; each gets one of the results.

    Args:
        output (Tensor): this process's result, changed in place
        input_list (list of Tensor): for each process a tensor of its `output`'s shape
        op, group, async_op: as for `all_reduce`.
    """
    checked(output, "output")
    checked_list(input_list, "input_list")
    same_dtype([output, *input_list])
    if is_outside(group, "reduce_scatter"):
        return None
    chosen = given(group)
    check(op, output, "reduce_scatter")
    if len(input_list) != chosen.size():
        raise RuntimeError(
            f"reduce_scatter: the input list has {len(input_list)} tensors, expected one for each of the "
            f"{chosen.size()} processes"
        )

    def run(ticket: int) -> None:
        with no_grad(), Lent(output, back=True) as lent:
            parts = [one.detach().reshape(-1) for one in input_list]
            _reduce_part(chosen, ticket * STEPS, parts, lent.flat, op, "reduce_scatter")

    return chosen.launch(run, [output], "reduce_scatter", async_op)


def reduce_scatter_tensor(
    output: Tensor, input: Tensor, op: RedOpType = ReduceOp.SUM, group: _Group = None, async_op: bool = False
) -> Work | None:
    """Reduces tensors of all processes; each gets a part of the result.

    Args:
        output (Tensor): this process's part, changed in place
        input (Tensor): as many times its elements as there are processes
        op, group, async_op: as for `all_reduce`.
    """
    checked(output, "output")
    checked(input, "input")
    if is_outside(group, "reduce_scatter_tensor"):
        return None
    chosen = given(group)
    if input.numel() != chosen.size() * output.numel():
        raise RuntimeError(
            f"reduce_scatter_tensor: the input has {input.numel()} elements, expected {chosen.size()} times the "
            f"{output.numel()} of the output"
        )
    parts = [part.view(output.shape) for part in input.detach().reshape(-1).chunk(chosen.size())]
    return reduce_scatter(output, parts, op, group, async_op)


__all__ = ["all_reduce", "all_reduce_coalesced", "reduce", "reduce_scatter", "reduce_scatter_tensor"]
