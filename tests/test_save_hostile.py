"""Files that are made to do harm: nothing of theirs runs, and nothing takes memory or time out of proportion."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from typing import Any

import pytest

import kagari
from kagari.serialization import legacy

END = b"."


def text(word: str) -> bytes:
    """The instruction that puts a text on the stack."""
    return b"X" + struct.pack("<I", len(word.encode())) + word.encode()


def number(n: int) -> bytes:
    """The instruction that puts a number on the stack."""
    data = n.to_bytes(n.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def storage(key: str = "0", numel: bytes = number(3), location: bytes = text("cpu")) -> bytes:
    """The description of a storage."""
    return b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + location + numel + b"tQ"


def tensor(saved: bytes, offset: int = 0, size: bytes = number(3), stride: bytes = number(1)) -> bytes:
    """A tensor over a storage."""
    how = saved + number(offset) + b"(" + size + b"t(" + stride + b"t\x89N"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + how + b"tR"


def call(module: str, name: str, arguments: bytes) -> bytes:
    return f"c{module}\n{name}\n".encode() + b"(" + arguments + b"tR"


def doubled(times: int) -> bytes:
    """A tuple that stands twice in a tuple, that one again, and so on: few bytes, and 2 ** times elements."""
    return b")q\x00" + b"".join(b"h\x00h\x00\x86q\x00" for _ in range(times))


def archive(pickled: bytes, **records: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("x/data.pkl", b"\x80\x02" + pickled + END)
        for name, data in {"0": bytes(12), **records}.items():
            made.writestr(f"x/data/{name}", data)
    file.seek(0)
    return file


def old(pickled: bytes) -> io.BytesIO:
    """The same in the format of before version 1.6."""
    head = b"".join(pickle.dumps(part, 2) for part in (legacy.MAGIC, legacy.PROTOCOL, {"little_endian": True}))
    keys = pickle.dumps(["0"], 2) + struct.pack("<q", 3) + bytes(12)
    return io.BytesIO(head + b"\x80\x02" + pickled.replace(b"tQ", b"NtQ") + END + keys)


DEEP = b")" + b"\x85" * 200_000
HARMFUL = {
    "system": call("os", "system", text("true")),
    "posix": call("posix", "system", text("true")),
    "nested": call("collections", "OrderedDict", b"](" + text("a") + call("os", "system", text("true")) + b"\x86ae"),
    "getattr": call("builtins", "getattr", call("builtins", "getattr", b"ctorch\nTensor\n" + text("a")) + text("b")),
    "attributes of a module": call("torch", "os.system", text("true")),
    "chain": b"ctorch.serialization\nos.system\n(" + text("true") + b"tR",
    "built-in": call("__builtin__", "exec", text("pass")),
    "instance": b"(" + text("true") + b"ios\nsystem\n",
    "object": b"(cos\nsystem\n" + text("true") + b"o",
    "new": b"cos\n_wrap_close\n)\x81",
    "new with names": b"\x80\x04ccollections\nOrderedDict\n)}\x92",
    "by number": b"\x82\x01",
    "state of a function": b"ctorch._utils\n_rebuild_tensor_v2\n}" + text("__code__") + b"Nsb",
    "state in slots": b"ctorch\nSize\n(" + number(1) + b"\x85tR}" + text("x") + b"Nsb",
    "buffer": b"\x97",
    "memory of a size": call("builtins", "bytearray", number(1 << 40)),
    "memory of a negative size": call("builtins", "bytearray", number(-1)),
    "length beyond the file": b"\x8e" + struct.pack("<Q", 1 << 62),
    "negative length": b"\x8b" + struct.pack("<i", -5),
    "key that is a great many": b"}" + doubled(60) + b"Ns",
    "set of a great many": call("builtins", "set", b"](" + doubled(60) + b"e"),
    "deep key": b"}" + DEEP + b"Ns",
    "deep element": b"\x8f(" + DEEP + b"\x90",
    "storage named by a great many": doubled(60) + b"Q",
    "place that is a great many": tensor(storage(location=doubled(60))),
    "size that is a great many": tensor(storage(), size=doubled(60)),
    "storage of a negative size": tensor(storage(numel=number(-3))),
    "storage of 2 ** 70": tensor(storage(numel=number(1 << 70))),
    "storage of a size of many digits": tensor(storage(numel=number(1 << 1000))),
    "tensor beyond its storage": tensor(storage(), size=number(4)),
    "tensor of 2 ** 62": tensor(storage(), size=number(1 << 62)),
    "negative size": tensor(storage(), size=number(-3)),
    "negative stride": tensor(storage(), stride=number(-1)),
    "negative offset": tensor(storage(), offset=-1),
    "stride of 2 ** 70": tensor(storage(), size=number(1), stride=number(1 << 70)),
    "empty, of a size of 2 ** 70": tensor(storage(), size=number(0) + number(1 << 70), stride=number(1) * 2),
    "another record": tensor(storage("../../../../etc/passwd")),
    "root": tensor(storage("/etc/passwd")),
    "its own pickle": tensor(storage("../data.pkl")),
}


@pytest.mark.parametrize("name", HARMFUL)
@pytest.mark.parametrize("form", [archive, old])
def test_is_refused(name: str, form: Any) -> None:
    with pytest.raises((pickle.UnpicklingError, RuntimeError)) as raised:
        kagari.load(form(HARMFUL[name]))
    assert len(str(raised.value)) < 1500


def test_what_is_like_it_and_means_no_harm_is_not_refused() -> None:
    assert kagari.load(archive(tensor(storage()))).tolist() == [0.0, 0.0, 0.0]
    assert kagari.load(old(tensor(storage()))).tolist() == [0.0, 0.0, 0.0]
    for given in ({((1, 2), (3,)): "x"}, {(): {((),)}}, bytearray(b"a\xff"), frozenset([(1, (2, 3))])):
        for protocol in (2, 4, 5):
            file = io.BytesIO()
            kagari.save(given, file, pickle_protocol=protocol)
            file.seek(0)
            assert kagari.load(file) == given
    assert len(kagari.load(archive(doubled(60)))) == 2


def packed(n: int) -> io.BytesIO:
    """An archive whose pickle is n zeros, compressed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made, made.open("x/data.pkl", "w") as record:
        for _ in range(n >> 20):
            record.write(bytes(1 << 20))
    file.seek(0)
    return file


def test_a_small_archive_of_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kagari.serialization.archive._UNPACKED", 1 << 20)
    with pytest.raises(RuntimeError, match="packed so tightly that they are made to fill the memory"):
        kagari.load(packed(1 << 21))


def test_records_on_each_other() -> None:
    file = archive(tensor(storage()), **{"1": bytes(1000)})
    raw = bytearray(file.getvalue())
    entry = bytes(raw[raw.rindex(b"PK\1\2") : raw.rindex(b"PK\5\6")])
    copies = b"".join(entry.replace(b"data/1", f"data/{n}".encode()) for n in range(2, 8))
    end = bytearray(raw[raw.rindex(b"PK\5\6") :])
    count, size = struct.unpack_from("<H", end, 10)[0] + 6, struct.unpack_from("<L", end, 12)[0] + len(copies)
    struct.pack_into("<2HL", end, 8, count, count, size)
    with pytest.raises(RuntimeError, match="its records overlap, or are larger than the file"):
        kagari.load(io.BytesIO(bytes(raw[: raw.rindex(b"PK\5\6")]) + copies + bytes(end)))


def test_compressed_archives_can_be_read() -> None:
    plain, dense = io.BytesIO(), io.BytesIO()
    kagari.save({"x": kagari.arange(1000)}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(dense, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    dense.seek(0)
    assert kagari.equal(kagari.load(dense)["x"], kagari.arange(1000))
