"""Operations in which all processes of a group take part."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

from ..autograd.modes import no_grad
from ..eager import Tensor
from ..eager import operators as ops
from .group import ProcessGroup, given, outside
from .memory import Lent, checked, checked_list, empty, same_dtype
from .reduction import RedOpType, ReduceOp, check, reduce_into
from .work import Work

_Group = ProcessGroup | None
_TOGETHER = 1 << 13  # bytes up to which all processes send each other all: one message's time, not two
_STEPS = 64  # tags that an operation may use


def _root(group: ProcessGroup, everywhere: int | None, inside: int | None, what: str) -> int:
    """The number in the group of the one process that is different, told by that among all or by that in the group."""
    if everywhere is not None and inside is not None:
        raise ValueError("Can't specify both group_rank and global_rank")
    if inside is None:
        if everywhere is None:
            raise ValueError("Must specify global_rank or group_rank")
        if everywhere not in group.ranks:
            if everywhere >= given(None).size() or everywhere < 0:
                raise RuntimeError(f"ProcessGroupGloo::{what}: invalid root rank: {everywhere}")
            raise ValueError(f"Global rank {everywhere} is not part of group {group}")
        return group.ranks.index(everywhere)
    if not 0 <= inside < group.size():
        raise RuntimeError(f"ProcessGroupGloo::{what}: invalid root rank: {inside}")
    return inside


def _is_outside(group: Any, name: str) -> bool:
    if outside(group):
        rank = given(None).rank()
        warnings.warn(f"Running {name} on global rank {rank} which does not belong to the given group.", stacklevel=3)
        return True
    return False


def _parts(count: int, size: int) -> list[slice]:
    """`count` elements, shared among `size` processes."""
    ends = [count * i // size for i in range(size + 1)]
    return [slice(a, b) for a, b in pairwise(ends)]


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
        parts = _parts(flat.numel(), size)
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
    if _is_outside(group, "all_reduce"):
        return None
    chosen = given(group)
    check(op, tensor, "all_reduce")

    def run(ticket: int) -> None:
        with no_grad(), Lent(tensor, back=True) as lent:
            _reduce_all(chosen, ticket * _STEPS, lent.flat, op, "all_reduce")

    return chosen.launch(run, [tensor], "all_reduce", async_op)


def all_reduce_coalesced(
    tensors: Sequence[Tensor], op: RedOpType = ReduceOp.SUM, group: _Group = None, async_op: bool = False
) -> Work | None:
    """Several tensors as by `all_reduce`, together."""
    if isinstance(tensors, Tensor):
        tensors = [tensors]
    checked_list(tensors, "tensors")
    same_dtype(tensors)
    if _is_outside(group, "all_reduce_coalesced"):
        return None
    chosen = given(group)
    for tensor in tensors:
        check(op, tensor, "all_reduce")

    def run(ticket: int) -> None:
        with no_grad():
            flat = ops.cat([tensor.detach().reshape(-1) for tensor in tensors])
            _reduce_all(chosen, ticket * _STEPS, flat, op, "all_reduce_coalesced")
            for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors])):
                tensor.detach().copy_(part.view(tensor.shape))

    return chosen.launch(run, tensors, "all_reduce_coalesced", async_op)


def broadcast(
    tensor: Tensor, src: int | None = None, group: _Group = None, async_op: bool = False, group_src: int | None = None
) -> Work | None:
    """Sends the tensor of one process to all others.

    Args:
        tensor (Tensor): what is sent by process `src`, and changed in place in the others
        src (int): its number among all; or `group_src`, that in the group
        group, async_op: as for `all_reduce`.
    """
    checked(tensor, "tensor")
    if _is_outside(group, "broadcast"):
        return None
    chosen = given(group)
    root = _root(chosen, src, group_src, "broadcast")

    def run(ticket: int) -> None:
        with no_grad(), Lent(tensor, back=chosen.rank() != root) as lent:
            _spread(chosen, ticket * _STEPS, root, lent.view)

    return chosen.launch(run, [tensor], "broadcast", async_op)


def _spread(group: ProcessGroup, tag: int, root: int, view: memoryview) -> None:
    """Sends bytes of one process to all others, who hand them on: twice as many have them after each step."""
    size = group.size()
    me = (group.rank() - root) % size
    reach = 1
    while reach < size:
        if me < reach:
            if me + reach < size:
                group.trade(tag, [((me + reach + root) % size, view)], [], "broadcast")
        elif me < 2 * reach:
            group.trade(tag, [], [((me - reach + root) % size, view)], "broadcast")
        reach *= 2


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
    if _is_outside(group, "reduce"):
        return None
    chosen = given(group)
    root = _root(chosen, dst, group_dst, "reduce")
    check(op, tensor, "reduce")

    def run(ticket: int) -> None:
        size, me, tag = chosen.size(), chosen.rank(), ticket * _STEPS
        with no_grad(), Lent(tensor, back=me == root) as lent:
            parts = _parts(lent.flat.numel(), size)
            # What others reduce is no result of theirs: it is kept apart.
            mine = lent.flat[parts[me]] if me == root else ops.empty_like(lent.flat[parts[me]])
            _reduce_part(chosen, tag, [lent.flat[part] for part in parts], mine, op, "reduce")
            if me == root:
                found = [(p, Lent(lent.flat[parts[p]]).view) for p in range(size) if p != root]
                chosen.trade(tag + 1, [], found, "reduce")
            else:
                chosen.trade(tag + 1, [(root, Lent(mine).view)], [], "reduce")

    return chosen.launch(run, [tensor], "reduce", async_op)


def _collect(group: ProcessGroup, tag: int, own: Tensor, into: Sequence[Tensor], name: str) -> None:
    """The tensors of all processes, in each of them."""
    others = [peer for peer in range(group.size()) if peer != group.rank()]
    with no_grad(), Lent(own) as sent:
        found = [Lent(into[peer], back=True) for peer in others]
        group.trade(tag, [(p, sent.view) for p in others], [(p, lent.view) for p, lent in zip(others, found)], name)
        for lent in found:
            lent.give_back()
        into[group.rank()].detach().copy_(own.detach())


def all_gather(
    tensor_list: Sequence[Tensor], tensor: Tensor, group: _Group = None, async_op: bool = False
) -> Work | None:
    """Collects the tensors of all processes in each of them.

    Args:
        tensor_list (list of Tensor): one for each process, changed in place
        tensor (Tensor): that of this process, of one shape and dtype in all of them
        group, async_op: as for `all_reduce`.
    """
    checked_list(tensor_list, "tensor_list")
    checked(tensor, "tensor")
    same_dtype([*tensor_list, tensor])
    if _is_outside(group, "all_gather"):
        return None
    chosen = given(group)
    if len(tensor_list) != chosen.size():
        raise RuntimeError(
            "ProcessGroupGloo::allgather: invalid output tensor list at index 0 "
            f"(expected length {chosen.size()}, got {len(tensor_list)})"
        )
    _same_shape("allgather", tensor, tensor_list)

    def run(ticket: int) -> None:
        _collect(chosen, ticket * _STEPS, tensor, tensor_list, "all_gather")

    return chosen.launch(run, tensor_list, "all_gather", async_op)


def _same_shape(what: str, tensor: Tensor, others: Sequence[Tensor]) -> None:
    for i, one in enumerate(others):
        if one.shape != tensor.shape:
            raise RuntimeError(
                f"ProcessGroupGloo::{what}: invalid tensor size at index {i} "
                f"(expected {_sizes(tensor)}, got {_sizes(one)})"
            )


def _sizes(tensor: Tensor) -> str:
    return f"({', '.join(map(str, tensor.shape))})"


def all_gather_coalesced(
    output_tensor_lists: Sequence[Sequence[Tensor]],
    input_tensor_list: Sequence[Tensor],
    group: _Group = None,
    async_op: bool = False,
) -> Work | None:
    """Several tensors as by `all_gather`: for each process a list of them."""
    checked_list(input_tensor_list, "input_tensor_list")
    if _is_outside(group, "all_gather_coalesced"):
        return None
    chosen = given(group)
    for outputs in output_tensor_lists:
        checked_list(outputs, "output_tensor_lists")

    def run(ticket: int) -> None:
        for i, tensor in enumerate(input_tensor_list):
            into = [outputs[i] for outputs in output_tensor_lists]
            _collect(chosen, ticket * _STEPS, tensor, into, "all_gather_coalesced")

    return chosen.launch(run, [one for outs in output_tensor_lists for one in outs], "all_gather_coalesced", async_op)


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: _Group = None, async_op: bool = False
) -> Work | None:
    """Collects the tensors of all processes in one tensor, behind each other along the first dimension or stacked.

    Args:
        output_tensor (Tensor): of the size of the first dimension times the number of processes, or of one dimension
            more; changed in place
        input_tensor (Tensor): that of this process, of one shape and dtype in all of them
        group, async_op: as for `all_reduce`.
    """
    checked(output_tensor, "output_tensor")
    checked(input_tensor, "input_tensor")
    same_dtype([output_tensor, input_tensor])
    if _is_outside(group, "all_gather_into_tensor"):
        return None
    chosen = given(group)
    size = chosen.size()
    if output_tensor.numel() != size * input_tensor.numel():
        raise RuntimeError(
            f"all_gather_into_tensor: the output has {output_tensor.numel()} elements, "
            f"expected {size} times the {input_tensor.numel()} of the input"
        )

    def run(ticket: int) -> None:
        with no_grad(), Lent(output_tensor, back=True) as lent:
            into = [lent.flat[part].view(input_tensor.shape) for part in _parts(lent.flat.numel(), size)]
            _collect(chosen, ticket * _STEPS, input_tensor, into, "all_gather_into_tensor")

    return chosen.launch(run, [output_tensor], "all_gather_into_tensor", async_op)


def gather(
    tensor: Tensor,
    gather_list: Sequence[Tensor] | None = None,
    dst: int | None = None,
    group: _Group = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Collects the tensors of all processes in one of them.

    Args:
        tensor (Tensor): that of this process, of one shape and dtype in all of them
        gather_list (list of Tensor): in process `dst` one for each process, changed in place; None in the others
        dst (int): its number among all; or `group_dst`, that in the group. Default: 0
        group, async_op: as for `all_reduce`.
    """
    checked(tensor, "tensor")
    if gather_list:
        checked_list(gather_list, "gather_list")
        same_dtype([*gather_list, tensor])
    if _is_outside(group, "gather"):
        return None
    chosen = given(group)
    root = _root(chosen, 0 if dst is None and group_dst is None else dst, group_dst, "gather")
    me, size = chosen.rank(), chosen.size()
    _only(me == root, gather_list, "gather_list", "destination")
    if gather_list:
        if len(gather_list) != size:
            raise RuntimeError(
                f"ProcessGroupGloo::gather: Incorrect output list size {len(gather_list)}. Output list size should be "
                f"{size}, same as size of the process group."
            )
        _same_shape("gather", tensor, gather_list)

    def run(ticket: int) -> None:
        tag = ticket * _STEPS
        with no_grad():
            if not gather_list:
                chosen.trade(tag, [(root, Lent(tensor).view)], [], "gather")
                return
            found = [(peer, Lent(gather_list[peer], back=True)) for peer in range(size) if peer != me]
            chosen.trade(tag, [], [(peer, lent.view) for peer, lent in found], "gather")
            for _, lent in found:
                lent.give_back()
            gather_list[me].detach().copy_(tensor.detach())

    return chosen.launch(run, gather_list or [], "gather", async_op)


def _only(here: bool, tensors: Sequence[Tensor] | None, name: str, role: str) -> None:
    """Whether a list is there where it is needed, and only there."""
    if here and not tensors:
        raise ValueError(f"Argument ``{name}`` must be specified on {role} rank.")
    if not here and tensors:
        raise ValueError(f"Argument ``{name}`` must NOT be specified on non-{role} ranks.")


def scatter(
    tensor: Tensor,
    scatter_list: Sequence[Tensor] | None = None,
    src: int | None = None,
    group: _Group = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """Sends each process one of the tensors of process `src`.

    Args:
        tensor (Tensor): changed in place; of one shape and dtype in all processes
        scatter_list (list of Tensor): in process `src` one for each process; None in the others
        src (int): its number among all; or `group_src`, that in the group. Default: 0
        group, async_op: as for `all_reduce`.
    """
    checked(tensor, "tensor")
    if scatter_list:
        checked_list(scatter_list, "scatter_list")
        same_dtype([*scatter_list, tensor])
    if _is_outside(group, "scatter"):
        return None
    chosen = given(group)
    root = _root(chosen, 0 if src is None and group_src is None else src, group_src, "scatter")
    me, size = chosen.rank(), chosen.size()
    _only(me == root, scatter_list, "scatter_list", "source")
    if scatter_list:
        if len(scatter_list) != size:
            raise RuntimeError(
                f"ProcessGroupGloo::scatter: Incorrect input list size {len(scatter_list)}. Input list size should be "
                f"{size}, same as size of the process group."
            )
        _same_shape("scatter", tensor, scatter_list)

    def run(ticket: int) -> None:
        tag = ticket * _STEPS
        with no_grad(), Lent(tensor, back=True) as lent:
            if not scatter_list:
                chosen.trade(tag, [], [(root, lent.view)], "scatter")
                return
            sent = [(peer, Lent(scatter_list[peer])) for peer in range(size) if peer != me]
            chosen.trade(tag, [(peer, one.view) for peer, one in sent], [], "scatter")
            lent.flat.copy_(scatter_list[me].detach().reshape(-1))

    return chosen.launch(run, [tensor], "scatter", async_op)


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
    if _is_outside(group, "reduce_scatter"):
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
            _reduce_part(chosen, ticket * _STEPS, parts, lent.flat, op, "reduce_scatter")

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
    if _is_outside(group, "reduce_scatter_tensor"):
        return None
    chosen = given(group)
    if input.numel() != chosen.size() * output.numel():
        raise RuntimeError(
            f"reduce_scatter_tensor: the input has {input.numel()} elements, expected {chosen.size()} times the "
            f"{output.numel()} of the output"
        )
    parts = [part.view(output.shape) for part in input.detach().reshape(-1).chunk(chosen.size())]
    return reduce_scatter(output, parts, op, group, async_op)


def all_to_all(
    output_tensor_list: Sequence[Tensor],
    input_tensor_list: Sequence[Tensor],
    group: _Group = None,
    async_op: bool = False,
) -> Work | None:
    """Sends each process a tensor, and gets one from each.

    Args:
        output_tensor_list (list of Tensor): what comes from each process, changed in place
        input_tensor_list (list of Tensor): what goes to each
        group, async_op: as for `all_reduce`.
    """
    checked_list(output_tensor_list, "output_tensor_list")
    checked_list(input_tensor_list, "input_tensor_list")
    same_dtype([*output_tensor_list, *input_tensor_list])
    if _is_outside(group, "all_to_all"):
        return None
    chosen = given(group)
    me, size = chosen.rank(), chosen.size()
    for name, tensors in (("output", output_tensor_list), ("input", input_tensor_list)):
        if len(tensors) != size:
            raise RuntimeError(
                f"all_to_all: the {name} list has {len(tensors)} tensors, expected one for each of the {size} processes"
            )

    def run(ticket: int) -> None:
        others = [peer for peer in range(size) if peer != me]
        with no_grad():
            sent = [(peer, Lent(input_tensor_list[peer])) for peer in others]
            found = [(peer, Lent(output_tensor_list[peer], back=True)) for peer in others]
            chosen.trade(
                ticket * _STEPS, [(p, one.view) for p, one in sent], [(p, one.view) for p, one in found], "all_to_all"
            )
            for _, lent in found:
                lent.give_back()
            output_tensor_list[me].detach().copy_(input_tensor_list[me].detach())

    return chosen.launch(run, output_tensor_list, "all_to_all", async_op)


def all_to_all_single(
    output: Tensor,
    input: Tensor,
    output_split_sizes: Sequence[int] | None = None,
    input_split_sizes: Sequence[int] | None = None,
    group: _Group = None,
    async_op: bool = False,
) -> Work | None:
    """Sends each process a part of a tensor, and gets a part of another from each.

    Args:
        output (Tensor): what comes, in the order of the processes, along the first dimension; changed in place
        input (Tensor): what goes to each of them
        output_split_sizes, input_split_sizes (list of int): the sizes of the parts. Default: equal ones
        group, async_op: as for `all_reduce`.
    """
    checked(output, "output")
    checked(input, "input")
    if _is_outside(group, "all_to_all_single"):
        return None
    size = given(group).size()
    parts = []
    for tensor, sizes in ((output, output_split_sizes), (input, input_split_sizes)):
        if not sizes:
            if tensor.size(0) % size:
                raise RuntimeError("Tensor's dim 0 does not divide equally across group size")
            sizes = [tensor.size(0) // size] * size
        elif len(sizes) != size:
            raise RuntimeError("Number of tensor splits not equal to group size")
        elif sum(sizes) != tensor.size(0):
            raise RuntimeError("Split sizes doesn't match total dim 0 size")
        parts.append(list(tensor.detach().split(list(sizes))))
    return all_to_all(parts[0], parts[1], group, async_op)


def barrier(
    group: _Group = None, async_op: bool = False, device_ids: Any = None, timeout: timedelta | None = None
) -> Work | None:
    """Waits until all processes of a group have come here.

    Args:
        group, async_op: as for `all_reduce`
        device_ids: accepted, and means nothing
        timeout (timedelta): how long. Default: that of the group
    """
    if _is_outside(group, "barrier"):
        return None
    chosen = given(group)

    def run(ticket: int) -> None:
        size, me, reach = chosen.size(), chosen.rank(), 1
        nothing = empty()
        step = 0
        while reach < size:  # after each step it knows of twice as many
            before, behind = (me - reach) % size, (me + reach) % size
            chosen.trade(ticket * _STEPS + step, [(behind, nothing)], [(before, nothing)], "barrier")
            reach, step = 2 * reach, step + 1

    return chosen.launch(run, [], "barrier", async_op, timeout)


def monitored_barrier(group: _Group = None, timeout: timedelta | None = None, wait_all_ranks: bool = False) -> None:
    """As `barrier`, and tells who has not come.

    Args:
        group: as for `all_reduce`
        timeout (timedelta): how long. Default: that of the group
        wait_all_ranks (bool): whether all that have not come are told, or the first of them. Default: ``False``

    RuntimeError in process 0 where some have not come in time.
    """
    if _is_outside(group, "monitored_barrier"):
        return
    chosen = given(group)
    seconds = (timeout or chosen.timeout).total_seconds()
    tag, channel, nothing = chosen.ticket() * _STEPS, 2 * chosen.number, empty()
    if chosen.rank():
        chosen.mesh.send(chosen.ranks[0], channel, tag, nothing)
        pending = chosen.mesh.receive(chosen.ranks[0], channel, tag + 1, nothing)
        pending.wait(seconds, "monitored_barrier")
        return
    missing = []
    for peer in range(1, chosen.size()):
        pending = chosen.mesh.receive(chosen.ranks[peer], channel, tag, nothing)
        try:
            pending.wait(seconds, "monitored_barrier")
        except RuntimeError:
            missing.append(peer)
            if not wait_all_ranks:
                break
    if missing:
        names = ", ".join(map(str, missing))
        raise RuntimeError(f"[Rank 0]: Ranks {names} failed to pass monitoredBarrier in {round(seconds * 1000)} ms")
    for peer in range(1, chosen.size()):
        chosen.mesh.send(chosen.ranks[peer], channel, tag + 1, nothing)


__all__ = [
    "all_gather", "all_gather_coalesced", "all_gather_into_tensor", "all_reduce", "all_reduce_coalesced", "all_to_all",
    "all_to_all_single", "barrier", "broadcast", "gather", "monitored_barrier", "reduce", "reduce_scatter",
    "reduce_scatter_tensor", "scatter",
]  # fmt: skip
