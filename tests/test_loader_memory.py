"""Long lists in data sets: workers read them without having copies of their own."""

from __future__ import annotations

import copy
import multiprocessing
import operator
import os
import pickle
from collections import namedtuple
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kagari.data import packing
from kagari.utils import data

COUNT = 1 << 16
Point = namedtuple("Point", "x y")


def samples(n: int) -> list[Any]:
    return [{"path": f"/data/images/{k:08d}.jpg", "label": k % 1000, "box": [k, k + 1, k + 2]} for k in range(n)]


class Images(data.Dataset[Any]):
    def __init__(self, n: int) -> None:
        self.samples = samples(n)
        self.name = "images"

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, k: int) -> Any:
        sample = self.samples[k]
        return len(sample["path"]), sample["label"], sample["box"][0]


def grown(dataset: Any) -> tuple[int, int]:
    """How many KiB of their own the workers got in a pass, and the sum of all indices that came."""
    loader = data.DataLoader(dataset, 512, shuffle=True, num_workers=2, persistent_workers=True, collate_fn=_last)
    total, before = 0, []
    for step, batch in enumerate(loader):
        if step == 2:
            before = [_dirty(process.pid) for process in multiprocessing.active_children()]
        total += batch
    after = [_dirty(process.pid) for process in multiprocessing.active_children()]
    assert len(before) == len(after) == 2
    return max(b - a for a, b in zip(before, after)), total


def _last(batch: list[Any]) -> int:
    return sum(sample["box"][0] if isinstance(sample, dict) else sample[-1] for sample in batch)


def _dirty(pid: int | None) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty"))


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="no /proc")
@pytest.mark.parametrize("kind", ["list", "attribute", "part"])
def test_workers_have_no_copies(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    n = COUNT + 1000
    dataset = {"list": samples, "attribute": Images, "part": lambda n: data.Subset(Images(n), list(range(n)))}[kind](n)
    expected = n * (n - 1) // 2
    growth, total = grown(dataset)
    assert total == expected and growth < 3_000
    monkeypatch.setattr(packing, "_LONG", n + 1)
    growth, total = grown(dataset)
    assert total == expected and growth > 8_000


def test_a_packed_list_passes_for_a_list() -> None:
    given = [1, "a", (2.5, None), {"x": [b"y", {3}]}, np.arange(3), np.float32(2), PurePosixPath("/a"), -(2**80)]
    packed = packing.pack(given)
    assert packed is not None and isinstance(packed, list) and len(packed) == len(given)
    assert packed[1] == "a" and packed[-1] == -(2**80) and packed[1:3] == given[1:3] and packed[np.int64(0)] == 1
    assert [type(x) for x in packed] == [type(x) for x in given] and packed[4].tolist() == [0, 1, 2]
    for wrong in (len(given), -len(given) - 1):
        with pytest.raises(IndexError, match="list index out of range"):
            packed[wrong]
    with pytest.raises(TypeError):
        packed["a"]
    with pytest.raises(AttributeError, match="'list' object has no attribute 'state_dict'"):
        packed.state_dict  # noqa: B018


@pytest.mark.parametrize(
    "use",
    [
        lambda x: x.append(7), lambda x: x.sort(), lambda x: x.insert(1, 5), lambda x: x.__setitem__(0, 9),
        lambda x: x.__delitem__(0), lambda x: x.pop(), lambda x: x.index(2), lambda x: x.count(3), lambda x: 2 in x,
        lambda x: x.__add__([1]), lambda x: operator.add([1], x), lambda x: x * 2, sorted, list, repr, sum,
        lambda x: x == [3, 1, 2],
        lambda x: list(reversed(x)), copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x)), np.array,
    ],
)  # fmt: skip
def test_what_is_done_to_a_list(use: Any) -> None:
    plain, packed = [3, 1, 2], packing.pack([3, 1, 2])
    expected, found = use(plain), use(packed)
    assert type(found) is type(expected) and np.array_equal(found, expected) and packed == plain


def test_what_is_more_than_its_contents_is_not_packed() -> None:
    shared = SimpleNamespace()
    for element in (shared, object(), Point(1, 2), len, print, Images, np.array([None]), {"x": [shared]}, open):
        assert packing.pack([1, element]) is None
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert packing.pack([deep]) is None


def test_where_lists_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_LONG", 4)
    images, short = Images(5), Images(2)
    joined = data.ConcatDataset([data.Subset(images, [0, 1, 2, 4]), short, data.Subset(images, [1])])
    found = sorted(packing.packed(joined), key=lambda one: one.name)
    assert [(one.owner, one.name, len(one.elements)) for one in found] == [
        (joined.datasets[0], "indices", 4), (images, "samples", 5),
    ]  # fmt: skip
    assert packing.unpack(joined, found) is joined
    assert type(images.samples) is packing.PackedList and type(short.samples) is list
    assert [joined[k] for k in range(7)] == [Images(5)[k] for k in (0, 1, 2, 4, 0, 1, 1)]
    (whole,) = packing.packed([1, 2, 3, 4])
    assert packing.unpack([1, 2, 3, 4], [whole]) is whole.elements
