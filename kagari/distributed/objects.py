"""Objects that travel pickled: only between processes that trust each other."""

from __future__ import annotations

import pickle
from typing import Any

from ..base.dtypes import int64, uint8
from ..eager import Tensor
from ..eager import operators as ops
from .collecting import all_gather, broadcast, gather, scatter
from .group import ProcessGroup, given, outside
from .point import recv, send

_Group = ProcessGroup | None


def _packed(obj: Any) -> tuple[Tensor, Tensor]:
    """An object as bytes, and how many."""
    data = ops.frombuffer(bytearray(pickle.dumps(obj)), dtype=uint8)
    return data, ops.tensor([data.numel()])


def _unpacked(data: Tensor, count: int) -> Any:
    return pickle.loads(data[:count].numpy().tobytes())


def _sizes(count: int, group: _Group) -> list[Tensor]:
    return [ops.zeros(count, dtype=int64) for _ in range(given(group).size())]


def _padded(data: Tensor, length: int) -> Tensor:
    return ops.cat([data, ops.zeros(length - data.numel(), dtype=uint8)])


def all_gather_object(object_list: list[Any], obj: Any, group: _Group = None) -> None:
    """Collects objects of all processes in each of them: `object_list`, one for each, is changed in place."""
    if outside(group):
        return
    data, size = _packed(obj)
    sizes = _sizes(1, group)
    all_gather(sizes, size, group)
    counts = [int(one) for one in sizes]
    longest = max(counts)
    found = [ops.empty(longest, dtype=uint8) for _ in counts]
    all_gather(found, _padded(data, longest), group)
    for i, (one, count) in enumerate(zip(found, counts)):
        object_list[i] = _unpacked(one, count)


def gather_object(
    obj: Any,
    object_gather_list: list[Any] | None = None,
    dst: int | None = None,
    group: _Group = None,
    group_dst: int | None = None,
) -> None:
    """Collects objects of all processes in one of them, whose list, one for each, is changed in place.

    ValueError where that process gives no list, or another one does.
    """
    if outside(group):
        return
    chosen = given(group)
    root = chosen.ranks[group_dst] if group_dst is not None else 0 if dst is None else dst
    here = given(None).rank() == root
    if here and not object_gather_list:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    if not here and object_gather_list:
        raise ValueError("Argument ``gather_list`` must NOT be specified on non-destination ranks.")
    data, size = _packed(obj)
    sizes = _sizes(1, group)
    all_gather(sizes, size, group)
    counts = [int(one) for one in sizes]
    longest = max(counts)
    found = [ops.empty(longest, dtype=uint8) for _ in counts] if here else None
    gather(_padded(data, longest), found, root, group)
    if found is not None and object_gather_list is not None:
        for i, (one, count) in enumerate(zip(found, counts)):
            object_gather_list[i] = _unpacked(one, count)


def broadcast_object_list(
    object_list: list[Any],
    src: int | None = None,
    group: _Group = None,
    device: Any = None,
    group_src: int | None = None,
) -> None:
    """Sends the objects of one process to all others, whose lists, of the same length, are changed in place."""
    if outside(group):
        return
    chosen = given(group)
    root = chosen.ranks[group_src] if group_src is not None else 0 if src is None else src
    here = given(None).rank() == root
    packed = [_packed(obj) for obj in object_list] if here else []
    sizes = ops.cat([size for _, size in packed]) if here else ops.zeros(len(object_list), dtype=int64)
    broadcast(sizes, root, group)
    counts = [int(one) for one in sizes]
    data = ops.cat([one for one, _ in packed]) if here else ops.empty(sum(counts), dtype=uint8)
    broadcast(data, root, group)
    if not here:
        _unpack_into(object_list, data, counts)


def _unpack_into(object_list: list[Any], data: Tensor, counts: list[int]) -> None:
    for i, part in enumerate(data.split(counts)):
        object_list[i] = _unpacked(part, counts[i])


def scatter_object_list(
    scatter_object_output_list: list[Any],
    scatter_object_input_list: list[Any] | None = None,
    src: int | None = None,
    group: _Group = None,
    group_src: int | None = None,
) -> None:
    """Sends each process one of the objects of process `src`: it becomes the first of the list that it gives."""
    if outside(group):
        return
    if not isinstance(scatter_object_output_list, list) or len(scatter_object_output_list) < 1:
        raise ValueError("Expected argument scatter_object_output_list to be a list of size at least 1.")
    chosen = given(group)
    root = chosen.ranks[group_src] if group_src is not None else 0 if src is None else src
    here = given(None).rank() == root
    packed = [_packed(obj) for obj in scatter_object_input_list or ()] if here else []
    longest = ops.tensor([max((data.numel() for data, _ in packed), default=0)])
    broadcast(longest, root, group)
    length = int(longest)
    found, size = ops.empty(length, dtype=uint8), ops.zeros(1, dtype=int64)
    scatter(found, [_padded(data, length) for data, _ in packed] if here else None, root, group)
    scatter(size, [count for _, count in packed] if here else None, root, group)
    scatter_object_output_list[0] = _unpacked(found, int(size))


def send_object_list(
    object_list: list[Any],
    dst: int | None = None,
    group: _Group = None,
    device: Any = None,
    group_dst: int | None = None,
    use_batch: bool = False,
) -> None:
    """Sends objects to a process, which calls `recv_object_list` with a list of the same length."""
    if outside(group):
        return
    packed = [_packed(obj) for obj in object_list]
    send(ops.cat([size for _, size in packed]), dst, group, group_dst=group_dst)
    send(ops.cat([data for data, _ in packed]), dst, group, group_dst=group_dst)


def recv_object_list(
    object_list: list[Any],
    src: int | None = None,
    group: _Group = None,
    device: Any = None,
    group_src: int | None = None,
    use_batch: bool = False,
) -> int:
    """Receives objects from a process, or from any; the list is changed in place. Gives the number of the process."""
    if outside(group):
        return -1
    sizes = ops.zeros(len(object_list), dtype=int64)
    sender = recv(sizes, src, group, group_src=group_src)
    counts = [int(one) for one in sizes]
    data = ops.empty(sum(counts), dtype=uint8)
    recv(data, sender, group)
    _unpack_into(object_list, data, counts)
    return sender


__all__ = [
    "all_gather_object", "broadcast_object_list", "gather_object", "recv_object_list", "scatter_object_list",
    "send_object_list",
]  # fmt: skip
