"""Both formats in both directions: all dtypes, layouts, containers, devices and kinds of files at once."""

from __future__ import annotations

import gzip
import io
import itertools
import tempfile
from collections import Counter, OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import kagari

DTYPES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "float16", "bfloat16", "float32",
    "float64", "complex32", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz",
    "float8_e5m2fnuz",
)  # fmt: skip
VIEWS = {
    "whole": lambda x: x, "slice": lambda x: x[1:], "row": lambda x: x[1], "turned": lambda x: x.t(),
    "column": lambda x: x[:, 1:2], "every other": lambda x: x[:, ::2], "element": lambda x: x[1, 2],
    "nothing": lambda x: x[:0], "repeated": lambda x: x[:1].expand(4, 3),
}  # fmt: skip
WAYS = {"ours to theirs": (0, 1), "theirs to ours": (1, 0), "ours to ours": (0, 0)}
FORMATS = {"new": {}, "old": {"_use_new_zipfile_serialization": False}}


NOT_IN_THE_OLD_FORMAT = ("uint16", "uint32", "uint64", "complex32", *(name for name in DTYPES if "float8" in name))
"""PyTorch writes these, and can't read them again."""
pytestmark = pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")


def of_dtypes(torch: Any) -> dict[str, Any]:
    """Views of a tensor of each dtype; all views of one share its memory."""
    made = {}
    base = torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
    for name in DTYPES:
        whole = base.to(getattr(torch, name))
        made.update({f"{name}, {what}": view(whole) for what, view in VIEWS.items()})
    return made


def of_containers(torch: Any) -> dict[str, Any]:
    """Everything that may be around tensors."""
    torch.manual_seed(0)
    x = torch.arange(6.0)
    shared = [x]
    model = torch.nn.Sequential(torch.nn.Conv1d(1, 2, 3), torch.nn.BatchNorm1d(2), torch.nn.GRU(4, 2))
    states = []
    for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.Adagrad, torch.optim.RMSprop):
        layer = torch.nn.Linear(2, 1)
        optimizer = kind(layer.parameters(), lr=0.01, **({"momentum": 0.9} if kind is torch.optim.SGD else {}))
        layer(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        states.append(optimizer.state_dict())
    return {
        "twice": [x, x, shared, shared], "model": model.state_dict(), "optimizers": states,
        "parameter": torch.nn.Parameter(torch.ones(2)), "frozen": torch.nn.Parameter(torch.ones(2), False),
        "buffer": torch.nn.Buffer(torch.ones(1)), "wanted": torch.ones(2, requires_grad=True),
        "nested": OrderedDict(a=[({"x": (x[1:], [])},)], b={1: {2.5: {None: {"k": x[2]}}}}),
        "python": [1, -(2**100), 1.5, float("inf"), "täxt\n", b"\0\xff", None, True, 2 + 1j, {1, 2}],
        "counts": Counter("abca"), "bytes": bytearray(b"xy"), "shape": x.shape, "device": x.device, "dtype": x.dtype,
    }  # fmt: skip


def plain(torch: Any, obj: Any) -> Any:
    """What can be compared: of tensors the bits, and all that a file keeps of them."""
    if isinstance(obj, torch.Tensor):
        wide = obj.detach().contiguous().reshape(-1)
        bits = wide.view(torch.uint8).tolist() if wide.numel() else []
        place = tuple(obj.shape), obj.stride(), obj.storage_offset(), obj.untyped_storage().nbytes()
        kind = "Buffer" if isinstance(obj, torch.nn.Buffer) else type(obj).__name__
        return kind, str(obj.dtype), obj.requires_grad, bits, place
    if isinstance(obj, dict):
        return type(obj).__name__, [(key, plain(torch, value)) for key, value in obj.items()]
    if isinstance(obj, list | tuple) and type(obj) in (list, tuple):
        return type(obj).__name__, [plain(torch, value) for value in obj]
    return repr(obj)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, oracle: ModuleType) -> tuple[Any, Any]:
    source, target = WAYS[request.param]
    return (kagari, oracle)[source], (kagari, oracle)[target]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("make", [of_dtypes, of_containers])
@pytest.mark.parametrize("options", [{}, {"weights_only": False}, {"mmap": True}])
def test_everything(way: Any, form: str, make: Any, options: dict[str, Any], tmp_path: Path) -> None:
    source, target = way
    if form == "old" and "mmap" in options:
        pytest.skip("the old format can't be mapped")
    given = make(source)
    if form == "old" and target is not kagari:
        given = {name: x for name, x in given.items() if name.partition(",")[0] not in NOT_IN_THE_OLD_FORMAT}
    source.save(given, tmp_path / "x.pt", **FORMATS[form])
    found = target.load(tmp_path / "x.pt", **options)
    for name in given:
        assert plain(target, found[name]) == plain(source, given[name]), name
    assert list(found) == list(given)
    if make is of_dtypes:
        found["float32, whole"].zero_()
        assert found["float32, turned"].sum() == 0 and found["float64, whole"].sum() != 0
    else:
        assert found["twice"][0] is found["twice"][1] and found["twice"][2] is found["twice"][3]


@pytest.mark.parametrize("form", FORMATS)
def test_whole_modules(way: Any, form: str) -> None:
    source, target = way

    def model(torch: Any) -> Any:
        torch.manual_seed(0)
        layer = torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True), 1)
        parts = torch.nn.ModuleDict({"a": torch.nn.Embedding(5, 8), "b": torch.nn.ParameterList([torch.ones(2)])})
        return torch.nn.ModuleList([layer, parts, torch.nn.Dropout(0.5), torch.nn.Flatten(), torch.nn.LSTM(2, 3)])

    file = io.BytesIO()
    source.save(model(source), file, **FORMATS[form])
    file.seek(0)
    found = target.load(file, weights_only=False)
    assert repr(found) == repr(model(source))
    assert plain(target, dict(found.state_dict())) == plain(source, dict(model(source).state_dict()))
    found[0].eval()
    x = target.arange(24.0).reshape(1, 3, 8) / 24
    expected = model(source)[0].eval()(source.arange(24.0).reshape(1, 3, 8) / 24)
    assert found[0](x).flatten().tolist() == pytest.approx(expected.flatten().tolist(), abs=1e-5)


LOCATIONS: dict[str, Any] = {
    "none": lambda torch: None, "text": lambda torch: "cpu", "device": lambda torch: torch.device("cpu"),
    "table": lambda torch: {"cuda:0": "cpu", "cpu": "cpu"}, "empty table": lambda torch: {},
    "function": lambda torch: lambda storage, place: storage, "none of it": lambda torch: lambda storage, place: None,
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("location", LOCATIONS)
def test_devices(way: Any, form: str, location: str) -> None:
    source, target = way
    file = io.BytesIO()
    source.save([source.arange(3), source.ones(2).bfloat16()], file, **FORMATS[form])
    for trusted in (False, True):
        file.seek(0)
        found = target.load(file, map_location=LOCATIONS[location](target), weights_only=not trusted)
        assert [x.tolist() for x in found] == [[0, 1, 2], [1.0, 1.0]]


class Plain:
    """A file with what is asked for at least."""

    def __init__(self, data: bytes = b"") -> None:
        self._file = io.BytesIO(data)
        for name in ("read", "readline", "seek", "tell", "readinto") if data else ("write",):
            setattr(self, name, getattr(self._file, name))


OPENED: dict[str, Any] = {
    "in memory": lambda path: io.BytesIO(path.read_bytes()), "buffered": lambda path: path.open("rb"),
    "unbuffered": lambda path: path.open("rb", buffering=0), "both": lambda path: path.open("r+b"),
    "compressed": gzip.open, "least": lambda path: Plain(path.read_bytes()),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", OPENED)
def test_opened_files(way: Any, form: str, kind: str, tmp_path: Path) -> None:
    source, target = way
    path = tmp_path / "x.pt"
    source.save({"x": source.arange(1000), "y": source.ones(3)}, path, **FORMATS[form])
    if kind == "compressed":
        path.write_bytes(gzip.compress(path.read_bytes()))
    file = OPENED[kind](path)
    found = target.load(file)
    assert found["x"].tolist() == list(range(1000)) and found["y"].tolist() == [1.0, 1.0, 1.0]
    if hasattr(file, "close"):
        file.close()


@pytest.mark.parametrize("form", FORMATS)
def test_files_to_write_to(form: str, tmp_path: Path, oracle: ModuleType) -> None:
    obj = {"x": kagari.arange(500_000), "y": kagari.ones(3)}

    def check(data: bytes) -> None:
        for torch in (kagari, oracle):
            found = torch.load(io.BytesIO(data))
            assert found["x"].sum() == 499_999 * 250_000 and found["y"].tolist() == [1.0, 1.0, 1.0]

    with gzip.open(tmp_path / "x.gz", "wb", 1) as packed:
        kagari.save(obj, packed, **FORMATS[form])
    check(gzip.decompress((tmp_path / "x.gz").read_bytes()))
    least = Plain()
    kagari.save(obj, least, **FORMATS[form])  # type: ignore[arg-type]
    check(least._file.getvalue())
    for mode, buffering in itertools.product(("wb", "w+b"), (0, -1)):
        with open(tmp_path / "x.pt", mode, buffering=buffering) as opened:
            kagari.save(obj, opened, **FORMATS[form])
        check((tmp_path / "x.pt").read_bytes())
    with tempfile.SpooledTemporaryFile() as spooled:
        kagari.save(obj, spooled, **FORMATS[form])
        spooled.seek(0)
        check(spooled.read())
