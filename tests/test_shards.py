"""Checkpoints of several files: the names and the index that everyone uses, and one state at any moment."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari.serialization import load_shards, safetensors, save_shards
from kagari.serialization import shards as module


def state(value: float = 1.0) -> dict[str, Any]:
    """Five tensors of 40, 40, 8, 80 and 0 bytes."""
    return {
        "a": kagari.full((10,), value), "b": kagari.full((10,), value + 1), "c": kagari.tensor([3]),
        "d": kagari.full((10, 2), value, dtype=kagari.float32), "e": kagari.zeros(0, 2),
    }  # fmt: skip


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return sorted(a) == sorted(b) and all(a[k].dtype is b[k].dtype and kagari.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("safe", [True, False])
def test_names_and_index(tmp_path: Path, safe: bool) -> None:
    save_shards(state(), tmp_path, max_shard_size=88, safe=safe)
    stem, ending = ("model", "safetensors") if safe else ("pytorch_model", "bin")
    first, second = (f"{stem}-0000{n}-of-00002.{ending}" for n in (1, 2))
    index = json.loads((tmp_path / f"{stem}.{ending}.index.json").read_text())
    assert index == {
        "metadata": {"total_size": 168}, "weight_map": {"a": first, "b": first, "c": first, "d": second, "e": second},
    }  # fmt: skip
    assert sorted(os.listdir(tmp_path)) == sorted([first, second, f"{stem}.{ending}.index.json"])
    for path in (tmp_path, tmp_path / f"{stem}.{ending}.index.json"):
        for mapped in (True, False):
            assert same(load_shards(path, mmap=mapped), state())
    assert sorted(load_shards(tmp_path / first)) == ["a", "b", "c"]


@pytest.mark.parametrize("safe", [True, False])
def test_the_oracle_reads_the_files(tmp_path: Path, oracle: ModuleType, safe: bool) -> None:
    read = pytest.importorskip("safetensors.torch").load_file if safe else oracle.load
    save_shards(state(), tmp_path, max_shard_size=88, safe=safe)
    (index,) = tmp_path.glob("*.index.json")
    for name, file in json.loads(index.read_text())["weight_map"].items():
        assert read(tmp_path / file)[name].tolist() == state()[name].tolist()


def test_one_file_has_no_index(tmp_path: Path) -> None:
    save_shards(state(), tmp_path)
    assert os.listdir(tmp_path) == ["model.safetensors"] and same(load_shards(tmp_path), state())
    save_shards({}, tmp_path)
    assert load_shards(tmp_path) == {}


def test_shared_memory_is_shared_again(tmp_path: Path) -> None:
    tied = {**state(), "z": kagari.ones(4)}
    tied["y"] = tied["z"]
    for safe in (True, False):
        save_shards(tied, tmp_path / str(safe), max_shard_size=50, safe=safe)
        for mapped in (True, False):
            found = load_shards(tmp_path / str(safe), mmap=mapped)
            assert same(found, tied) and found["y"].data_ptr() == found["z"].data_ptr()


def test_a_model_and_its_layouts(tmp_path: Path) -> None:
    model = kagari.nn.Sequential(kagari.nn.Linear(3, 4), kagari.nn.Linear(4, 2))
    turned = {name: t.t() if t.ndim == 2 else t for name, t in model.state_dict().items()}
    save_shards(turned, tmp_path, max_shard_size="60B", metadata={"author": "me"})
    found = load_shards(tmp_path)
    assert same(found, turned) and all(t.is_contiguous() for t in found.values())
    assert safetensors.safe_open(next(tmp_path.glob("model-*"))).metadata() == {"format": "pt", "author": "me"}


@pytest.mark.parametrize(
    ("size", "nbytes"),
    [(5, 5), ("5GB", 5 * 10**9), ("2 gib", 2**31), ("1.5KB", 1500), ("7", 7), ("10MB", 10**7), ("1TB", 10**12)],
)
def test_sizes(size: Any, nbytes: int) -> None:
    assert module._bytes_of(size) == nbytes


@pytest.mark.parametrize("size", [0, -1, "GB", "5XB", "", None, 1.5])
def test_sizes_that_are_none(size: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_shard_size should be a positive number of bytes"):
        save_shards(state(), tmp_path, max_shard_size=size)


def test_what_is_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint in .* none of model\.safetensors, "):
        load_shards(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no checkpoint at"):
        load_shards(tmp_path / "x.safetensors")
    save_shards(state(), tmp_path, max_shard_size=88)
    index, second = tmp_path / "model.safetensors.index.json", tmp_path / "model-00002-of-00002.safetensors"
    whole = second.read_bytes()
    second.unlink()
    with pytest.raises(FileNotFoundError, match=r"is not whole: .* names 2 files, of which 1 are missing: model-00002"):
        load_shards(tmp_path)
    second.write_bytes(whole[:50])
    with pytest.raises(Exception, match="Error while deserializing header"):
        load_shards(tmp_path)
    second.write_bytes(safetensors.save({"d": state()["d"]}))
    with pytest.raises(RuntimeError, match=r"is of other files: model-00002-of-00002.safetensors lacks 1 .*: e"):
        load_shards(tmp_path)
    text = index.read_text()
    for name in ("../x", "/etc/passwd", "..", "", "a/b", "a\\\\b", "\\u0000"):
        index.write_text(text.replace("model-00001-of-00002.safetensors", name))
        with pytest.raises(RuntimeError, match="names a file outside of its folder"):
            load_shards(tmp_path)
    for wrong in ("", "{}", "[1]", '{"weight_map": 3}', '{"weight_map": {"a": 1}}', text[:60]):
        index.write_text(wrong)
        with pytest.raises(RuntimeError, match=r"index\.json is damaged"):
            load_shards(tmp_path)


SIZES = {"one file": 10**6, "two files": 88}


class _Stopped(BaseException):
    pass


@pytest.mark.parametrize("before", SIZES)
@pytest.mark.parametrize("after", SIZES)
@pytest.mark.parametrize("formats", [(True, True), (True, False), (False, True), (False, False)])
def test_stopped_at_any_moment(
    tmp_path: Path, before: str, after: str, formats: tuple[bool, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each change of the folder it has the old state or the new one, and once the new one, no more the old."""
    changes = 0
    last_one = False

    def watched(change: Any) -> Any:
        def changing(*args: Any, **options: Any) -> None:
            nonlocal last_one, changes
            change(*args, **options)
            changes += 1
            if stop == changes:
                raise _Stopped
            is_new = same(load_shards(tmp_path), state(5.0))
            assert is_new or (not last_one and same(load_shards(tmp_path), state()))
            last_one = is_new

        return changing

    real = os.replace, os.unlink
    monkeypatch.setattr(os, "replace", watched(real[0]))
    monkeypatch.setattr(os, "unlink", watched(real[1]))
    stop = -1
    for moment in (*range(1, 8), -1):
        stop = moment
        with monkeypatch.context() as plain:
            plain.setattr(os, "replace", real[0])
            plain.setattr(os, "unlink", real[1])
            save_shards(state(), tmp_path, max_shard_size=SIZES[before], safe=formats[0])
        changes, last_one = 0, False
        try:
            save_shards(state(5.0), tmp_path, max_shard_size=SIZES[after], safe=formats[1])
        except _Stopped:
            found = load_shards(tmp_path)
            assert same(found, state()) or same(found, state(5.0))
    assert same(load_shards(tmp_path), state(5.0))
    ending = ".safetensors" if formats[1] else ".bin"
    assert all(ending in name for name in os.listdir(tmp_path))
    assert len(os.listdir(tmp_path)) == {"one file": 1, "two files": 3}[after]


def test_readers_beside_a_writer(tmp_path: Path) -> None:
    save_shards(state(0.0), tmp_path, max_shard_size=1)
    faults: list[BaseException] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            try:
                found = load_shards(tmp_path)
                assert found["b"][0] == found["a"][0] + 1 and kagari.equal(found["d"][:, 0], found["a"])
            except BaseException as error:
                faults.append(error)
                return

    reader = threading.Thread(target=read)
    reader.start()
    for value in range(1, 25):
        save_shards(state(float(value)), tmp_path, max_shard_size=SIZES["one file"] if value % 5 == 0 else 1)
    ended.set()
    reader.join()
    assert faults == []
