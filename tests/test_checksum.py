"""Checksums by kernels, those of zlib; and files that are read in parts, by several threads."""

from __future__ import annotations

import ctypes
import random
import zlib
from pathlib import Path

import pytest

import kagari
from kagari.base.target import Target
from kagari.compiler import checksum, llvm
from kagari.eager import convert
from kagari.engine import checksum as sums
from kagari.runtime import cpu
from kagari.serialization import filling

DATA = memoryview(random.Random(0).randbytes(70_001))


@pytest.mark.parametrize("width", [16, 32, 64])
def test_each_width(width: int, tmp_path: Path) -> None:
    host = cpu.host_target()
    needed = "+pclmul" if width == 16 else "+vpclmulqdq"
    if needed not in host.features.split(",") or host.vector_bytes < width:
        pytest.skip("the processor has no such products")
    features = host.features.replace("+vpclmulqdq", "-vpclmulqdq") if width == 16 else host.features
    target = host._replace(features=features, vector_bytes=width)
    fold = sums._function(checksum.fold_kernel(target), "pnp")
    fill = sums._function(checksum.fill_kernel(target), "nnpnppn")
    assert fold is not None and fill is not None
    (tmp_path / "x").write_bytes(DATA)
    memory, buffer = (convert.raw_array(kagari.zeros(n, dtype=kagari.uint8)) for n in (len(DATA), 512))
    with open(tmp_path / "x", "rb") as file:
        for blocks in (1, 2, 3, 100):
            data = convert.raw_array(kagari.tensor(list(DATA[3 : 3 + blocks * checksum.BLOCK]), dtype=kagari.uint8))
            for before in (0, 1, 0x80000000, 0xFFFFFFFF):
                one, other = sums._state(before), sums._state(before)
                at, other_at = ctypes.addressof(one), ctypes.addressof(other)
                fold(data.ctypes.data, len(data), at)
                args = (file.fileno(), 3, memory.ctypes.data, len(data), other_at, buffer.ctypes.data, len(buffer))
                assert fill(*args) == len(data) and bytes(memory[: len(data)]) == bytes(data)
                assert sums._of_state(one) == sums._of_state(other) == zlib.crc32(data, before)


def test_other_processors() -> None:
    import llvmlite.binding as binding

    target = Target("aarch64-unknown-linux-gnu", "neoverse-n1", "+aes", 16, 32, True, False, 4)
    assert checksum.fold_kernel(target._replace(features="")) is None
    assert checksum.fold_kernel(target._replace(triple="riscv64-unknown-linux-gnu")) is None
    try:
        binding.initialize_all_targets()
        binding.initialize_all_asmprinters()
        binding.Target.from_triple(target.triple)
    except RuntimeError:
        pytest.skip("llvmlite was built without AArch64")
    for kernel in (checksum.fold_kernel(target), checksum.fill_kernel(target)):
        assert kernel is not None and "pmull" in llvm.disassemble(kernel.write(), target, kernel.level)


def test_sums_are_those_of_zlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "_summed", [1 << 26])
    monkeypatch.setattr(sums, "_LEAST", 256)
    for n in (0, 1, 255, 256, 257, 511, 70_001):
        whole = zlib.crc32(DATA[:n], 7)
        assert sums.crc32(DATA[:n], 7) == whole
        for at in (0, n // 3, n):
            assert sums.joined(sums.crc32(DATA[:at], 7), sums.crc32(DATA[at:n]), n - at) == whole


@pytest.mark.parametrize("threads", [1, 4])
def test_damage_of_files_that_are_read_in_parts(threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are pieces for all threads, in three parts each, and kernels for the sums."""
    monkeypatch.setattr(sums, "_summed", [1 << 26])
    monkeypatch.setattr(sums, "_buffers", [])
    for name, value in (("_LEAST", 256), ("_BUFFER", 4096)):
        monkeypatch.setattr(sums, name, value)
    monkeypatch.setattr(filling, "_SHARE", 12288)
    before = kagari.get_num_threads()
    kagari.set_num_threads(threads)
    try:
        expected, path = kagari.arange(11_111), tmp_path / "x.pt"
        kagari.save(expected, path)
        assert kagari.equal(kagari.load(path), expected)
        whole = path.read_bytes()
        begin = whole.index(expected.numpy().tobytes())
        for at in range(begin, begin + expected.nbytes, 1000):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at // 1000 % 8]) + whole[at + 1 :])
            with pytest.raises(RuntimeError, match=r"x\.pt is damaged or was cut off: Bad CRC-32"):
                kagari.load(path)
        for length in range(1000, len(whole), 1000):
            path.write_bytes(whole[:length])
            with pytest.raises(RuntimeError, match=r"x\.pt is damaged"):
                kagari.load(path)
    finally:
        kagari.set_num_threads(before)


def test_a_file_that_becomes_shorter_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "_SHARE", 4096)
    monkeypatch.setattr(sums, "_LEAST", 256)
    path = tmp_path / "x"
    path.write_bytes(DATA)
    monkeypatch.setattr(filling, "_CHUNK", 1000)
    memory = convert.raw_array(kagari.empty(len(DATA), dtype=kagari.uint8)).data
    for summed in (0, 1 << 26):
        monkeypatch.setattr(sums, "_summed", [summed])
        for start in (0, 5):  # a kernel fills memory that is aligned
            target = memory[start:]
            path.write_bytes(DATA)
            with open(path, "rb") as file:
                filler = filling.Filler(file)
                assert filler.fill(start, target) == zlib.crc32(DATA[start:]) and target == DATA[start:]
                with open(path, "r+b") as other:
                    other.truncate(60_000)
                with pytest.raises(EOFError):
                    filler.fill(start, target)
