"""Joins that need no copy: the parts are written where the whole will be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from ..base.layout import Layout
from .queue import FRESH, GONE, At
from .segment import Step


def without_joins(steps: Sequence[Step], slots: Sequence[int]) -> list[Step]:
    """The steps without those that join rows of memory which nothing else is to have: each part gets its place in the
    whole's memory.
    """
    fresh = _fresh(steps, slots)
    place: dict[int, At] = {}
    kept: list[Step] = []
    for step in steps:
        if not _joins(step, fresh, place):
            kept.append(step)
            continue
        ((whole, at),) = step.outputs
        for part, _ in step.inputs:
            place[part] = whole, at
            at += fresh[part].nbytes

    def found(at: At) -> At:
        slot, offset = at
        while slot in place:
            slot, begin = place[slot]
            offset += begin
        return slot, offset

    return [replace(s, inputs=[*map(found, s.inputs)], outputs=[*map(found, s.outputs)]) for s in kept]


def _fresh(steps: Sequence[Step], slots: Sequence[int]) -> dict[int, Layout]:
    """The slots that one step fills, and nothing writes to or holds afterwards."""
    writes = Counter(slot for slot, _ in chain.from_iterable(step.outputs for step in steps))
    return {
        slot: lay
        for step in steps
        for kind, lay, (slot, _) in zip(step.shape.kinds, step.shape.layouts, step.outputs)
        if kind == FRESH and writes[slot] == 1 and slots[slot] == GONE
    }


def _joins(step: Step, fresh: dict[int, Layout], place: dict[int, At]) -> bool:
    """Whether a step does nothing but laying whole fresh memory one after the other."""
    if len(step.calls) != 1 or step.shape.name != "cat" or step.shape.kinds != (FRESH,):
        return False
    (whole,) = step.shape.layouts
    parts = [slot for slot, _ in step.inputs]
    if len(set(parts)) != len(parts) or any(p not in fresh or p in place for p in parts):
        return False
    if any(offset or lay is not fresh[slot] for (slot, offset), lay in zip(step.inputs, step.layouts)):
        return False
    lays = [whole, *step.layouts]
    if not all(lay.contiguous and lay.dtype is whole.dtype and lay.shape[1:] == whole.shape[1:] for lay in lays):
        return False
    return sum([lay.shape[0] for lay in step.layouts]) == whole.shape[0]
