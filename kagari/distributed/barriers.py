"""Waiting for all processes of a group."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from .group import ProcessGroup, given
from .memory import empty
from .taking_part import STEPS, is_outside
from .work import Work

_Group = ProcessGroup | None


def barrier(
    group: _Group = None, async_op: bool = False, device_ids: Any = None, timeout: timedelta | None = None
) -> Work | None:
    """Waits until all processes of a group have come here.

    Args:
        group, async_op: as for `all_reduce`
        device_ids: accepted, and means nothing
        timeout (timedelta): how long. Default: that of the group
    """
    if is_outside(group, "barrier"):
        return None
    chosen = given(group)

    def run(ticket: int) -> None:
        size, me, reach = chosen.size(), chosen.rank(), 1
        nothing = empty()
        step = 0
        while reach < size:  # after each step it knows of twice as many
            before, behind = (me - reach) % size, (me + reach) % size
            chosen.trade(ticket * STEPS + step, [(behind, nothing)], [(before, nothing)], "barrier")
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
    if is_outside(group, "monitored_barrier"):
        return
    chosen = given(group)
    seconds = (timeout or chosen.timeout).total_seconds()
    tag, channel, nothing = chosen.ticket() * STEPS, 2 * chosen.number, empty()
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


__all__ = ["barrier", "monitored_barrier"]
