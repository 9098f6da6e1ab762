"""Operations in which processes of a group get each other's tensors."""

from __future__ import annotations

from collections.abc import Sequence

from ..autograd.modes import no_grad
from ..eager import Tensor
from .group import ProcessGroup, given
from .memory import Lent, checked, checked_list, same_dtype
from .taking_part import STEPS, is_outside, root_of, shares
from .work import Work

_Group = ProcessGroup | None


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
    if is_outside(group, "broadcast"):
        return None
    chosen = given(group)
    root = root_of(chosen, src, group_src, "broadcast")

    def run(ticket: int) -> None:
        with no_grad(), Lent(tensor, back=chosen.rank() != root) as lent:
            _spread(chosen, ticket * STEPS, root, lent.view)

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
    if is_outside(group, "all_gather"):
        return None
    chosen = given(group)
    if len(tensor_list) != chosen.size():
        raise RuntimeError(
            "ProcessGroupGloo::allgather: invalid output tensor list at index 0 "
            f"(expected length {chosen.size()}, got {len(tensor_list)})"
        )
    _same_shape("allgather", tensor, tensor_list)

    def run(ticket: int) -> None:
        _collect(chosen, ticket * STEPS, tensor, tensor_list, "all_gather")

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
    if is_outside(group, "all_gather_coalesced"):
        return None
    chosen = given(group)
    for outputs in output_tensor_lists:
        checked_list(outputs, "output_tensor_lists")

    def run(ticket: int) -> None:
        for i, tensor in enumerate(input_tensor_list):
            into = [outputs[i] for outputs in output_tensor_lists]
            _collect(chosen, ticket * STEPS, tensor, into, "all_gather_coalesced")

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
    if is_outside(group, "all_gather_into_tensor"):
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
            into = [lent.flat[part].view(input_tensor.shape) for part in shares(lent.flat.numel(), size)]
            _collect(chosen, ticket * STEPS, input_tensor, into, "all_gather_into_tensor")

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
    if is_outside(group, "gather"):
        return None
    chosen = given(group)
    root = root_of(chosen, 0 if dst is None and group_dst is None else dst, group_dst, "gather")
    me, size = chosen.rank(), chosen.size()
    _one_for_each(gather_list, tensor, me == root, size, "gather", "destination")

    def run(ticket: int) -> None:
        tag = ticket * STEPS
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


def _one_for_each(
    tensors: Sequence[Tensor] | None, tensor: Tensor, here: bool, size: int, what: str, role: str
) -> None:
    """Whether a list of tensors like one, for each process of a group, is there where it is needed, and only there."""
    name, direction = f"{what}_list", "output" if what == "gather" else "input"
    if here and not tensors:
        raise ValueError(f"Argument ``{name}`` must be specified on {role} rank.")
    if not here and tensors:
        raise ValueError(f"Argument ``{name}`` must NOT be specified on non-{role} ranks.")
    if not tensors:
        return
    if len(tensors) != size:
        raise RuntimeError(
            f"ProcessGroupGloo::{what}: Incorrect {direction} list size {len(tensors)}. {direction.capitalize()} list "
            f"size should be {size}, same as size of the process group."
        )
    _same_shape(what, tensor, tensors)


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
    if is_outside(group, "scatter"):
        return None
    chosen = given(group)
    root = root_of(chosen, 0 if src is None and group_src is None else src, group_src, "scatter")
    me, size = chosen.rank(), chosen.size()
    _one_for_each(scatter_list, tensor, me == root, size, "scatter", "source")

    def run(ticket: int) -> None:
        tag = ticket * STEPS
        with no_grad(), Lent(tensor, back=True) as lent:
            if not scatter_list:
                chosen.trade(tag, [], [(root, lent.view)], "scatter")
                return
            sent = [(peer, Lent(scatter_list[peer])) for peer in range(size) if peer != me]
            chosen.trade(tag, [(peer, one.view) for peer, one in sent], [], "scatter")
            lent.flat.copy_(scatter_list[me].detach().reshape(-1))

    return chosen.launch(run, [tensor], "scatter", async_op)


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
    if is_outside(group, "all_to_all"):
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
                ticket * STEPS, [(p, one.view) for p, one in sent], [(p, one.view) for p, one in found], "all_to_all"
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
    if is_outside(group, "all_to_all_single"):
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


__all__ = [
    "all_gather", "all_gather_coalesced", "all_gather_into_tensor", "all_to_all", "all_to_all_single", "broadcast",
    "gather", "scatter",
]  # fmt: skip
