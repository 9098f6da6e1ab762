"""Who takes part in an operation of a group, and with what."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

from .group import ProcessGroup, given, outside

STEPS = 64  # tags that an operation may use


def root_of(group: ProcessGroup, everywhere: int | None, inside: int | None, what: str) -> int:
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


def is_outside(group: Any, name: str) -> bool:
    """Whether this process is not in the group of an operation, which it is warned of then."""
    if outside(group):
        rank = given(None).rank()
        warnings.warn(f"Running {name} on global rank {rank} which does not belong to the given group.", stacklevel=3)
        return True
    return False


def shares(count: int, size: int) -> list[slice]:
    """`count` elements, shared among `size` processes."""
    ends = [count * i // size for i in range(size + 1)]
    return [slice(a, b) for a, b in pairwise(ends)]
