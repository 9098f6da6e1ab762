"""What can be set for reading and writing files: checksums, byte order, mapping, and files without their data."""

from __future__ import annotations

import io
import mmap
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari import serialization


def saved(t: Any, obj: Any) -> io.BytesIO:
    file = io.BytesIO()
    t.save(obj, file)
    file.seek(0)
    return file


def state(t: Any) -> dict[str, Any]:
    return {"a": t.ones(300_000), "b": t.arange(3), "c": [1, "x"]}


def test_files_without_checksums_in_both_directions(oracle: ModuleType) -> None:
    for writer, reader in ((kagari, oracle), (oracle, kagari), (kagari, kagari)):
        writer.serialization.set_crc32_options(False)
        try:
            assert not writer.serialization.get_crc32_options()
            file = saved(writer, state(writer))
        finally:
            writer.serialization.set_crc32_options(True)
        assert {info.CRC for info in zipfile.ZipFile(file).infolist()} == {0}
        file.seek(0)
        found = reader.load(file)
        assert (found["a"].sum().item(), found["b"].tolist(), found["c"]) == (300_000.0, [0, 1, 2], [1, "x"])


def test_one_missing_checksum_is_damage() -> None:
    whole = bytearray(saved(kagari, state(kagari)).getvalue())
    entry = whole.index(b"PK\1\2")
    whole[entry + 16 : entry + 20] = bytes(4)
    with pytest.raises(RuntimeError, match="damaged"):
        kagari.load(io.BytesIO(whole))


def test_without_data(oracle: ModuleType) -> None:
    for writer, reader in ((kagari, oracle), (oracle, kagari)):
        with writer.serialization.skip_data():
            file = saved(writer, state(writer))
        found = reader.load(file)
        assert (found["a"][:2].tolist(), found["b"].tolist(), found["c"]) == ([0.0, 0.0], [0, 0, 0], [1, "x"])
    file = saved(kagari, state(kagari))
    with serialization.skip_data():
        found = kagari.load(file)
    assert (found["a"].shape, found["b"].dtype, found["c"]) == ((300_000,), kagari.int64, [1, "x"])
    assert len(file.getvalue()) > 1_200_000


def test_mapped_files_that_are_written_through(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    kagari.save(kagari.zeros(4), path)
    kagari.load(path, mmap=True).add_(1)
    assert kagari.load(path).tolist() == [0.0] * 4
    with serialization.set_default_mmap_options(mmap.MAP_SHARED):
        assert serialization.get_default_mmap_options() == mmap.MAP_SHARED
        kagari.load(path, mmap=True).add_(1)
    assert serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    assert kagari.load(path, mmap=True).tolist() == [1.0] * 4
    with pytest.raises(ValueError, match=r"expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, but got 5"):
        serialization.set_default_mmap_options(5)


def test_byte_order_of_files_that_do_not_say_theirs() -> None:
    whole = saved(kagari, kagari.tensor([1], dtype=kagari.int16))
    old, new = zipfile.ZipFile(whole), io.BytesIO()
    with zipfile.ZipFile(new, "w", zipfile.ZIP_STORED) as archive:
        for info in old.infolist():
            if not info.filename.endswith("byteorder"):
                archive.writestr(info.filename, old.read(info))
    try:
        for order, value in (
            (None, 1),
            (serialization.LoadEndianness.LITTLE, 1),
            (serialization.LoadEndianness.BIG, 256),
        ):
            serialization.set_default_load_endianness(order)
            assert serialization.get_default_load_endianness() is order
            new.seek(0)
            assert kagari.load(new).item() == value
    finally:
        serialization.set_default_load_endianness(None)
    with pytest.raises(TypeError, match="Invalid argument type in function set_default_load_endianness"):
        serialization.set_default_load_endianness("big")  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", [2, 4])
def test_names_that_are_not_safe(protocol: int, oracle: ModuleType) -> None:
    for writer in (kagari, oracle):
        file = io.BytesIO()
        obj = [writer.nn.Linear(1, 1), Path("a"), Path("b"), writer.nn.Linear(1, 1)]
        writer.save(obj, file, pickle_protocol=protocol)
        file.seek(0)
        found = sorted(serialization.get_unsafe_globals_in_checkpoint(file))
        assert [name.rpartition(".")[2] for name in found] == ["PosixPath", "Linear"]
        file.seek(0)
        if protocol == 2:  # others PyTorch does not read
            assert found == sorted(oracle.serialization.get_unsafe_globals_in_checkpoint(file))
    assert serialization.get_unsafe_globals_in_checkpoint(saved(kagari, state(kagari))) == []
    with serialization.safe_globals([type(Path("a"))]):
        assert serialization.get_unsafe_globals_in_checkpoint(saved(kagari, Path("a"))) == []
