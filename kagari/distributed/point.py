"""Messages from one process to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..eager import Tensor
from .group import ProcessGroup, given, outside
from .memory import Lent, checked
from .network import mesh
from .work import MessageWork, Work

_Group = ProcessGroup | None


def _peer(group: ProcessGroup, everywhere: int | None, inside: int | None, role: str) -> int:
    """The number among all of the other process."""
    if everywhere is not None and inside is not None:
        raise ValueError("Can't specify both group_rank and global_rank")
    if inside is not None:
        if not 0 <= inside < group.size():
            raise ValueError(f"Group rank {inside} is not part of group {group}")
        return group.ranks[inside]
    if everywhere is None:
        raise ValueError("Must specify global_rank or group_rank")
    if everywhere not in group.ranks:
        raise ValueError(f"Invalid {role} rank: {everywhere} is not part of group {group}")
    return everywhere


def _refuse_self(peer: int, role: str) -> None:
    if peer == given(None).rank():
        raise ValueError(f"Invalid {role} rank: {role} rank should not be the same as the rank of the current process.")


def isend(
    tensor: Tensor, dst: int | None = None, group: _Group = None, tag: int = 0, group_dst: int | None = None
) -> Work | None:
    """Sends a tensor to a process, and goes on at once.

    Args:
        tensor (Tensor): what is sent; it may not change until the Work that is given back has been waited for
        dst (int): the number of the other process among all; or `group_dst`, that in the group
        group (ProcessGroup): which processes. Default: all
        tag (int): which message of the other's it is: that with this tag
    """
    checked(tensor, "tensor")
    if outside(group):
        return None
    chosen = given(group)
    peer = _peer(chosen, dst, group_dst, "destination")
    _refuse_self(peer, "destination")
    lent = Lent(tensor)
    pending = chosen.mesh.send(peer, 2 * chosen.number + 1, tag, lent.view)
    return MessageWork(chosen.mesh, pending, tensor, "send", chosen.timeout)


def irecv(
    tensor: Tensor, src: int | None = None, group: _Group = None, tag: int = 0, group_src: int | None = None
) -> Work | None:
    """Receives a tensor from a process, and goes on at once.

    Args:
        tensor (Tensor): changed in place; it has its elements when the Work that is given back has been waited for
        src (int): the number of the other process among all; or `group_src`, that in the group. Default: any
        group, tag: as for `isend`.
    """
    checked(tensor, "tensor")
    if outside(group):
        return None
    chosen = given(group)
    peer = mesh.ANY if src is None and group_src is None else _peer(chosen, src, group_src, "source")
    if peer != mesh.ANY:
        _refuse_self(peer, "source")
    lent = Lent(tensor, back=True)
    pending = chosen.mesh.receive(peer, 2 * chosen.number + 1, tag, lent.view)
    return MessageWork(chosen.mesh, pending, tensor, "recv", chosen.timeout, lent.give_back, chosen.ranks)


def send(
    tensor: Tensor, dst: int | None = None, group: _Group = None, tag: int = 0, group_dst: int | None = None
) -> None:
    """Sends a tensor to a process, and waits until it may be changed. Arguments as for `isend`.

    ValueError where the process is this one.
    """
    work = isend(tensor, dst, group, tag, group_dst)
    if work is not None:
        work.wait()


def recv(
    tensor: Tensor, src: int | None = None, group: _Group = None, tag: int = 0, group_src: int | None = None
) -> int:
    """Receives a tensor from a process, or from any. Arguments as for `irecv`.

    Gives the number of the process, -1 outside of the group.
    """
    work = irecv(tensor, src, group, tag, group_src)
    if work is None:
        return -1
    work.wait()
    assert isinstance(work, MessageWork)
    return given(group).ranks[work.source_rank()]


class P2POp:
    """A message for `batch_isend_irecv`.

    Args:
        op: `torch.distributed.isend` or `torch.distributed.irecv`
        tensor (Tensor): what is sent, or changed in place
        peer (int): the number of the other process among all; or `group_peer`, that in the group
        group, tag: as for `isend`.
    """

    def __init__(
        self,
        op: Callable[..., Work | None],
        tensor: Tensor,
        peer: int | None = None,
        group: _Group = None,
        tag: int = 0,
        group_peer: int | None = None,
    ) -> None:
        if op is not isend and op is not irecv:
            raise ValueError(
                "Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or "
                "``torch.distributed.irecv``."
            )
        checked(tensor, "tensor")
        self.op, self.tensor, self.group, self.tag = op, tensor, given(group), tag
        self.peer = _peer(self.group, peer, group_peer, "peer")
        self.group_peer = self.group.ranks.index(self.peer)

    def __repr__(self) -> str:
        kind = "isend" if self.op is isend else "irecv"
        return f"P2POp({kind}, peer={self.peer}, {tuple(self.tensor.shape)}, tag={self.tag})"


def batch_isend_irecv(p2p_op_list: Sequence[P2POp]) -> list[Work]:
    """Sends and receives several messages; the Works to wait for."""
    if not isinstance(p2p_op_list, list) or not p2p_op_list or not all(isinstance(p, P2POp) for p in p2p_op_list):
        raise ValueError("Invalid ``p2p_op_list``. Each op is expected to to be of type ``torch.distributed.P2POp``.")
    started = [one.op(one.tensor, one.peer, one.group, one.tag) for one in p2p_op_list]
    return [work for work in started if work is not None]


__all__ = ["P2POp", "batch_isend_irecv", "irecv", "isend", "recv", "send"]
