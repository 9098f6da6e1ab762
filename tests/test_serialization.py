"""Files of `save` and `load`: exchanged with the oracle in both directions, damaged, and with evil intent."""

from __future__ import annotations

import builtins
import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari
from kagari import nn, optim
from kagari.serialization.rebuild import Block
from kagari.serialization.unpickle import SafeUnpickler

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")


def file_of(torch: Any, obj: Any, **arguments: Any) -> io.BytesIO:
    """A file in memory to which `torch`, ours or the oracle, has saved an object."""
    file = io.BytesIO()
    torch.save(obj, file, **arguments)
    file.seek(0)
    return file


def contents(torch: Any) -> dict[str, Any]:
    """Everything that a file may have without being trusted."""
    base = torch.arange(10).float()
    numbers = torch.tensor([[0, 1, 2], [3, 4, 5]])
    return {
        **{dt: numbers.to(getattr(torch, dt)) for dt in DTYPES},
        "base": base, "slice": base[2:4], "transposed": base.view(2, 5).t(), "strided": base[1::3],
        "expanded": torch.ones(1).expand(3), "scalar": torch.tensor(2.5), "empty": torch.empty(0, 3),
        "special": torch.tensor([float("nan"), float("inf"), -0.0]),
        "wanted": torch.ones(2, requires_grad=True), "computed": torch.ones(2, requires_grad=True) * 2,
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "frozen": torch.nn.Parameter(torch.ones(1), requires_grad=False),
        "size": base.shape, "dtype": torch.float16, "device": torch.device("cpu"),
        "python": [None, True, -1, 300, 70000, -(2**70), 1.5, "täxt", b"\x00\xff", 1 + 2j],
        "groups": [(), (1,), (1, 2, 3, 4), {1, 2}],
        "nested": {"list": [{"deep": base[0]}], 3: OrderedDict(a=1), "bytes": bytearray(b"xy")},
    }  # fmt: skip


def flat(obj: Any) -> Any:
    """A structure with tensors as what can be compared: their numbers and all that a file keeps of them."""
    if hasattr(obj, "requires_grad"):
        values = obj.detach().float().tolist()
        place = tuple(obj.shape), obj.stride(), obj.storage_offset()
        return repr(values), str(obj.dtype), obj.requires_grad, obj.is_leaf, type(obj).__name__, place
    if isinstance(obj, dict):
        return type(obj).__name__, [(key, flat(value)) for key, value in obj.items()]
    if isinstance(obj, list):
        return [flat(value) for value in obj]
    return obj if obj is None or type(obj).__module__ == "builtins" else repr(obj)


def training(torch: Any) -> tuple[Any, Any]:
    """A model and its optimizer after two steps."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.LayerNorm(4), torch.nn.Linear(4, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.ones(2, 3)).sum().backward()
        optimizer.step()
    return model, optimizer


def as_loaded(obj: Any) -> Any:
    """What a file makes of the contents: a computed tensor comes back as a leaf."""
    return {**obj, "computed": obj["computed"].detach().requires_grad_()}


def test_round_trip() -> None:
    expected = flat(as_loaded(contents(kagari)))
    for arguments in ({}, {"weights_only": False}):
        assert flat(kagari.load(file_of(kagari, contents(kagari)), **arguments)) == expected
    for protocol in (2, 3, 4, 5):
        assert flat(kagari.load(file_of(kagari, contents(kagari), pickle_protocol=protocol))) == expected


def test_reads_the_oracles_files(oracle: ModuleType) -> None:
    expected = flat(as_loaded(contents(oracle)))
    for arguments in ({}, {"weights_only": False}):
        assert flat(kagari.load(file_of(oracle, contents(oracle)), **arguments)) == expected


def test_the_oracle_reads_our_files(oracle: ModuleType) -> None:
    expected = flat(as_loaded(contents(kagari)))
    assert flat(oracle.load(file_of(kagari, contents(kagari)), weights_only=True)) == expected


def test_states_go_both_ways(oracle: ModuleType) -> None:
    for here, there in ((kagari, oracle), (oracle, kagari)):
        model, optimizer = training(here)
        state = there.load(file_of(here, {"model": model.state_dict(), "optimizer": optimizer.state_dict()}))
        assert state["model"]._metadata == model.state_dict()._metadata
        copy, copied_optimizer = training(there)
        copy.load_state_dict(state["model"])
        copied_optimizer.load_state_dict(state["optimizer"])
        for torch, m, o in ((here, model, optimizer), (there, copy, copied_optimizer)):
            o.zero_grad()
            m(2 * torch.ones(1, 3)).sum().backward()
            o.step()
        for ours, theirs in zip(model.parameters(), copy.parameters()):
            assert ours.flatten().tolist() == pytest.approx(theirs.flatten().tolist(), rel=1e-4, abs=1e-5)


def test_modules_go_both_ways(oracle: ModuleType) -> None:
    for here, there in ((kagari, oracle), (oracle, kagari), (kagari, kagari)):
        model, _ = training(here)
        model[0].register_buffer("offset", here.ones(2))
        loaded = there.load(file_of(here, model), weights_only=False)
        assert str(loaded) == str(model) and type(loaded) is there.nn.Sequential
        assert list(loaded.state_dict()) == list(model.state_dict())
        expected = model(here.ones(2, 3)).tolist()
        for found, wanted in zip(loaded(there.ones(2, 3)).tolist(), expected):
            assert found == pytest.approx(wanted, rel=1e-5)


def test_operators_go_both_ways(oracle: ModuleType) -> None:
    for here, there in ((kagari, oracle), (oracle, kagari), (kagari, kagari)):
        functions = [here.relu, here.sin, here.nn.functional.softplus, here.nn.functional.gelu]
        loaded = there.load(file_of(here, functions), weights_only=False)
        x = [-1.0, 0.5]
        for ours, theirs in zip(functions, loaded):
            assert ours(here.tensor(x)).tolist() == pytest.approx(theirs(there.tensor(x)).tolist(), rel=1e-5)
        with pytest.raises(pickle.UnpicklingError):
            there.load(file_of(here, functions))


def test_memory_is_shared_as_before() -> None:
    base = kagari.zeros(4)
    tied = nn.Parameter(base[:2])
    a, b, c, d = kagari.load(file_of(kagari, [base, base[1:], tied, tied]))
    a[1] = 5.0
    assert b[0] == 5.0 and c[1] == 5.0 and c is d
    assert a.untyped_storage() is b.untyped_storage()


def test_attributes_of_tensors_and_buffers_are_kept() -> None:
    tensor, parameter = kagari.ones(1), nn.Parameter(kagari.ones(1))
    tensor.note, parameter.note = "a", ["b"]
    found, kept, buffer = kagari.load(file_of(kagari, [tensor, parameter, nn.Buffer(kagari.ones(1), persistent=False)]))
    assert found.note == "a" and kept.note == ["b"] and type(kept) is nn.Parameter
    assert type(buffer) is nn.Buffer and buffer.persistent is False


def test_attributes_go_both_ways(oracle: ModuleType) -> None:
    for here, there in ((kagari, oracle), (oracle, kagari)):
        tensor, parameter = here.ones(1), here.nn.Parameter(here.ones(1))
        tensor.note = parameter.note = "a"
        found, kept, buffer = there.load(file_of(here, [tensor, parameter, here.nn.Buffer(here.ones(1))]))
        assert found.note == kept.note == "a" and isinstance(buffer, there.nn.Buffer)


def test_records_are_the_oracles(tmp_path: Path, oracle: ModuleType) -> None:
    ours, theirs = tmp_path / "ours.v1.pt", tmp_path / "theirs.v1.pt"
    kagari.save({"a": kagari.ones(3), "b": kagari.zeros(5)}, ours)
    oracle.save({"a": oracle.ones(3), "b": oracle.zeros(5)}, theirs)
    archives = [zipfile.ZipFile(path) for path in (ours, theirs)]
    names = [[name.partition("/")[2] for name in archive.namelist()] for archive in archives]
    assert names[0] == names[1] and archives[0].namelist()[0] == "ours.v1/data.pkl"
    for name in set(names[0]) - {".data/serialization_id"}:
        assert archives[0].read(f"ours.v1/{name}") == archives[1].read(f"theirs.v1/{name}"), name
    raw = ours.read_bytes()
    for info in archives[0].infolist():
        name, extra = struct.unpack("<HH", raw[info.header_offset + 26 : info.header_offset + 30])
        assert (info.header_offset + 30 + name + extra) % 64 == 0, info.filename
    for archive in archives:
        archive.close()


@pytest.mark.parametrize("as_path", [str, Path])
def test_paths(tmp_path: Path, as_path: Any) -> None:
    path = as_path(tmp_path / "x.pt")
    kagari.save(kagari.ones(2), path)
    assert kagari.load(path).tolist() == [1.0, 1.0]
    with open(path, "rb") as file:
        assert kagari.load(file).tolist() == [1.0, 1.0]
    mapped = kagari.load(path, mmap=True)
    mapped[0] = 7.0
    assert mapped.tolist() == [7.0, 1.0] and kagari.load(path).tolist() == [1.0, 1.0]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    kagari.save([1], path)
    path.chmod(0o640)
    with pytest.raises(Exception, match="pickle"):
        kagari.save([kagari.ones(1), lambda: None], path)
    assert kagari.load(path) == [1] and list(tmp_path.iterdir()) == [path]
    link = tmp_path / "link.pt"
    link.symlink_to(path)
    kagari.save([2], link)
    assert link.is_symlink() and kagari.load(path) == [2] and path.stat().st_mode & 0o777 == 0o640


def test_errors_of_save(tmp_path: Path, oracle: ModuleType) -> None:
    for torch in (kagari, oracle):
        with pytest.raises(RuntimeError, match=r"Parent directory .*nowhere does not exist\."):
            torch.save(1, str(tmp_path / "nowhere" / "x.pt"))
        with pytest.raises(AttributeError, match="expected 'f' to be string, path, or a file-like object"):
            torch.save(1, 2)
        with pytest.raises(FileNotFoundError):
            torch.load(tmp_path / "missing.pt")
        with pytest.raises(AttributeError, match="has no attribute"):
            torch.load(2)
        with pytest.raises(EOFError):
            torch.load(io.BytesIO())


def test_damaged_files(tmp_path: Path) -> None:
    whole = file_of(kagari, {"weight": kagari.ones(100), "step": 1}).getvalue()
    path = tmp_path / "x.pt"
    for length in range(1, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(RuntimeError, match=r"x\.pt is (damaged|no file)"):
            kagari.load(path)
    at = whole.index(struct.pack("<f", 1.0) * 100) + 40
    path.write_bytes(whole[:at] + b"\x11" + whole[at + 1 :])
    with pytest.raises(RuntimeError, match="damaged or was cut off: Bad CRC-32"):
        kagari.load(path)
    path.write_bytes(b"no archive at all")
    with pytest.raises(RuntimeError, match="is no file that save"):
        kagari.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/readme.txt", "hello")
    with pytest.raises(RuntimeError, match=r"no record data\.pkl"):
        kagari.load(path)


def test_no_change_of_a_pickle_gets_past_the_reader() -> None:
    """Any damage is an UnpicklingError or a RuntimeError that speaks of the file: never a crash, never a call."""
    whole = zipfile.ZipFile(file_of(kagari, {"w": kagari.ones(3)[1:], "o": OrderedDict(a=1)})).read("archive/data.pkl")
    base = kagari.ones(3)
    block = Block(base._storage, base.dtype, base.nbytes)
    refused = 0
    for at in range(len(whole)):
        for byte in (0, ord("R"), ord("."), ord("c"), whole[at] ^ 1):
            changed = whole[:at] + bytes([byte]) + whole[at + 1 :]
            try:
                SafeUnpickler(changed, lambda saved: block).load()
            except (pickle.UnpicklingError, RuntimeError):
                refused += 1
    assert refused > len(whole)


def archive_with(pickled: bytes, **records: bytes) -> io.BytesIO:
    """An archive around a pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x/data.pkl", pickled)
        for name, data in records.items():
            archive.writestr(f"x/data/{name}", data)
    file.seek(0)
    return file


class Calls:
    """Pickled, it asks the reader for a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


HARMFUL = {
    "system": lambda mark: Calls(os.system, f"touch {mark}"),
    "eval": lambda mark: Calls(builtins.eval, f"open({mark!r}, 'w')"),
    "open": lambda mark: Calls(builtins.open, mark, "w"),
    "getattr": lambda mark: Calls(getattr, "", "join"),
    "import": lambda mark: Calls(builtins.__import__, "antigravity"),
    "popen": lambda mark: Calls(subprocess.Popen, ["touch", mark]),
    "nested": lambda mark: Calls(OrderedDict, [("a", Calls(os.system, f"touch {mark}"))]),
    "in a set": lambda mark: [{"x": (Calls(os.mkdir, mark),)}],
    "loads": lambda mark: Calls(pickle.loads, pickle.dumps(Calls(os.mkdir, mark))),
}


@pytest.mark.parametrize("name", HARMFUL)
@pytest.mark.parametrize("protocol", [2, 4])
def test_refuses_to_run_code(name: str, protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "was_here"
    pickled = pickle.dumps(HARMFUL[name](str(mark)), protocol)
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed: the file asks for"):
        kagari.load(archive_with(pickled))
    assert not mark.exists() and "antigravity" not in sys.modules


def test_refuses_names_reached_through_allowed_ones(tmp_path: Path) -> None:
    mark = str(tmp_path / "was_here").encode()
    dotted = b"\x80\x04\x8c\x0bcollections\x8c\x18OrderedDict.__init__.__x\x93."
    global_dotted = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2.__globals__\n."
    called_value = b"\x80\x02X\x01\x00\x00\x00a(X" + struct.pack("<I", len(mark)) + mark + b"tR."
    called_dtype = b"\x80\x02ctorch\nfloat32\n)R."
    from_type = b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(ccollections\nOrderedDict\nctorch\nTensor\n)}tR."
    old_module = b"\x80\x02c__builtin__\neval\n(X\x01\x00\x00\x001tR."
    text_instruction = b"cos\nsystem\n(S'true'\ntR."
    state = b"\x80\x02ctorch\nSize\n(K\x01tR}b."
    for pickled in (dotted, global_dotted, called_value, called_dtype, from_type, old_module, text_instruction, state):
        with pytest.raises((pickle.UnpicklingError, RuntimeError)):
            kagari.load(archive_with(pickled))


class Unsafe:
    """A class that a file may name only if it is allowed."""

    def __init__(self, x: int) -> None:
        self.x = x


def test_safe_globals() -> None:
    def load(**arguments: Any) -> Any:
        return kagari.load(file_of(kagari, Unsafe(3)), **arguments)

    with pytest.raises(pickle.UnpicklingError, match=r"asks for .*test_serialization\.Unsafe, not on the list"):
        load()
    with kagari.serialization.safe_globals([Unsafe]):
        assert load().x == 3
    assert kagari.serialization.get_safe_globals() == []
    with pytest.raises(pickle.UnpicklingError):
        load()
    assert load(weights_only=False).x == 3


def test_numbers_of_numpy_can_be_allowed(oracle: ModuleType) -> None:
    for torch in (kagari, oracle):
        with pytest.raises(pickle.UnpicklingError):
            kagari.load(file_of(torch, {"loss": np.float64(0.5)}))
        scalar = np._core.multiarray.scalar
        with kagari.serialization.safe_globals(
            [(scalar, f"{scalar.__module__}.scalar"), np.dtype, type(np.dtype("f8"))]
        ):
            assert kagari.load(file_of(torch, {"loss": np.float64(0.5)})) == {"loss": 0.5}


def tensor_pickle(offset: int, size: tuple[int, ...], stride: tuple[int, ...], numel: int = 3) -> bytes:
    """A pickle of one float tensor on storage 0."""
    file = io.BytesIO()
    pickler = pickle._Pickler(file, 2)
    pickler.write(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n")
    for value in ("0", "cpu", numel):
        pickler.save(value)
    pickler.write(b"tQ")
    for value in (offset, size, stride, False, None):
        pickler.save(value)
    pickler.write(b"tR.")
    return file.getvalue()


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [(0, (4,), (1,)), (1, (3,), (1,)), (-1, (2,), (1,)), (0, (2,), (3,)), (0, (2,), (-1,)), (0, (-2,), (1,)),
     (0, (2, 2), (1,)), (3, (), ()), (0, (2**62, 2**62), (1, 1)), (2**62, (1,), (1,))],
)  # fmt: skip
def test_no_tensor_reaches_beyond_its_storage(offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
    data = struct.pack("<3f", 1.0, 2.0, 3.0)
    assert kagari.load(archive_with(tensor_pickle(1, (2,), (1,)), **{"0": data})).tolist() == [2.0, 3.0]
    with pytest.raises(RuntimeError, match=r"storage|no tensor has"):
        kagari.load(archive_with(tensor_pickle(offset, size, stride), **{"0": data}))
    with pytest.raises(RuntimeError, match="has 12 bytes, its tensors need 4000"):
        kagari.load(archive_with(tensor_pickle(0, (1000,), (1,), 1000), **{"0": data}))
    with pytest.raises(RuntimeError, match="has no record data/0"):
        kagari.load(archive_with(tensor_pickle(0, (1,), (1,))))


def test_byte_order() -> None:
    file = archive_with(tensor_pickle(0, (3,), (1,)), **{"0": struct.pack(">3f", 1.0, 2.0, 3.0)})
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("x/byteorder", "big" if sys.byteorder == "little" else "little")
    file.seek(0)
    assert kagari.load(file).tolist() == [1.0, 2.0, 3.0]


def test_map_location() -> None:
    elsewhere = tensor_pickle(0, (3,), (1,)).replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")

    def load(location: Any) -> Any:
        return kagari.load(archive_with(elsewhere, **{"0": bytes(12)}), map_location=location)

    seen = []
    for location in (
        "cpu",
        kagari.device("cpu"),
        {"cuda:0": "cpu"},
        lambda s, where: seen.append((s.nbytes(), where)) or s,
    ):
        assert load(location).tolist() == [0.0, 0.0, 0.0]
    assert seen == [(12, "cuda:0")]
    for wrong in (3, kagari.ones(1).untyped_storage()):
        with pytest.raises(RuntimeError, match=r"map_location returned .*, expected None or a storage of 12 bytes"):
            load(lambda storage, where, wrong=wrong: wrong)
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        load(None)
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        load(lambda storage, where: None)
    with pytest.raises(RuntimeError, match=r"don't know how to restore data location .* \(tagged with nonsense\)"):
        load("nonsense")


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_unknown_dtypes_are_named(oracle: ModuleType) -> None:
    with pytest.raises(pickle.UnpicklingError, match=r"a dtype that Kagari lacks \(torch\.QUInt4x2Storage\)"):
        kagari.load(file_of(oracle, oracle.QUInt4x2Storage(1)))


def test_missing_classes_are_named(oracle: ModuleType) -> None:
    with pytest.raises(AttributeError, match=r"torch\.ao\.nn\.quantizable\.modules\.rnn\.LSTM.*does not have"):
        kagari.load(file_of(oracle, oracle.ao.nn.quantizable.LSTM(1, 1)), weights_only=False)


def test_optimizer_resumes() -> None:
    model, optimizer = training(kagari)
    copy = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.LayerNorm(4), nn.Linear(4, 1))
    copied_optimizer = optim.Adam(copy.parameters(), lr=0.5)
    state = kagari.load(file_of(kagari, {"model": model.state_dict(), "optimizer": optimizer.state_dict()}))
    copy.load_state_dict(state["model"])
    copied_optimizer.load_state_dict(state["optimizer"])
    for m, o in ((model, optimizer), (copy, copied_optimizer)):
        o.zero_grad()
        m(kagari.ones(1, 3)).sum().backward()
        o.step()
    assert all(kagari.equal(a, b) for a, b in zip(model.parameters(), copy.parameters()))
