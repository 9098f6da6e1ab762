"""Exported programs in `.pt2` files: written and read here, and by the oracle."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari.export.deserialize import text_of
from kagari.export.serialize import expression
from tests.test_export import convolutional, exported_whole, shapes_of_whole, small

MODELS: tuple[tuple[Callable[[ModuleType], Any], tuple[int, ...]], ...] = (
    (lambda lib: convolutional(lib).eval(), (4, 3, 8, 8)),
    (lambda lib: lib.nn.LSTM(4, 5, 2), (2, 3, 4)),
    (lambda lib: lib.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval(), (2, 5, 8)),
    (lambda lib: small(lib, lambda x, y: (
        x.to(lib.float64), x.split(1, 1)[0], x.masked_fill(x > 0, float("-inf")), x[:, lib.tensor([0, 2])],
        lib.full((2,), True), x.clone(memory_format=lib.contiguous_format), lib.max(x, 1)[1], lib.stack([x, x]),
    )), (2, 3)),
)  # fmt: skip


def first(result: Any) -> Any:
    """The first tensor of a result."""
    return result[0] if isinstance(result, tuple) else result


def test_a_program_comes_back() -> None:
    program, file = exported_whole(kagari, dynamic_shapes=shapes_of_whole(kagari)), io.BytesIO()
    kagari.export.save(program, file, extra_files={"note": "kept"})
    extra = {"note": ""}
    read = kagari.export.load(file, extra_files=extra)
    assert str(read) == str(program)
    assert extra == {"note": "kept"}
    assert str(read.call_spec) == str(program.call_spec)
    x = kagari.rand(9, 3)
    for ours, theirs in zip(*(p.module()(x, {"k": [x]}, factor=3)["b"] for p in (program, read)), strict=True):
        assert kagari.equal(ours, theirs) if isinstance(ours, kagari.Tensor) else ours == theirs
    with pytest.raises(AssertionError, match=r"Guard failed: x\.size\(\)\[0\] <= 64"):
        read.module()(kagari.rand(70, 3), {"k": [kagari.rand(70, 3)]}, factor=3)
    kagari.testing.assert_close(first(read.example_inputs)[0], kagari.ones(8, 3))


@pytest.mark.filterwarnings("ignore:The tensor attributes")  # of the oracle
@pytest.mark.parametrize(("make", "shape"), MODELS)
def test_files_of_both(oracle: ModuleType, make: Callable[[ModuleType], Any], shape: Any, tmp_path: Path) -> None:
    for writer, reader in ((kagari, kagari), (kagari, oracle), (oracle, kagari)):
        path = str(tmp_path / "model.pt2")
        sizes = ({0: writer.export.Dim("n", min=2)},) if len(shape) == 4 else None
        program = writer.export.export(make(writer), (writer.ones(shape),), dynamic_shapes=sizes)
        writer.export.save(program, path)
        read = reader.export.load(path)
        assert read.graph_module.code == program.graph_module.code
        assert str(read.range_constraints) == str(program.range_constraints)
        wanted, got = first(program.module()(writer.ones(shape))), first(read.module()(reader.ones(shape)))
        assert abs(wanted.detach().numpy() - got.detach().numpy()).max() < 1e-5


@pytest.mark.parametrize("text", ["s77", "2*s77", "s77 + 1", "s77 - 1", "3*s77 + 4", "(s77//2)", "((s77 + 1)//2)",
                                  "2*s77*s31", "s77**2"])  # fmt: skip
def test_expressions(text: str) -> None:
    written = text_of(expression(text))
    for value in (2, 5, 9):
        assert eval(written, {"s77": value, "s31": 3}) == eval(text, {"s77": value, "s31": 3})


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="must be an instance of 'ExportedProgram'"):
        kagari.export.save(kagari.nn.ReLU(), io.BytesIO())  # type: ignore[arg-type]
    path, changed = tmp_path / "a.pt2", tmp_path / "b.pt2"
    kagari.export.save(kagari.export.export(kagari.nn.ReLU(), (kagari.ones(2),)), path)
    for old, new, error in (
        ('"major": 8', '"major": 9', "schema version 9"), ("aten.relu", "aten.nonsense", "aten.nonsense"),
    ):  # fmt: skip
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(changed, "w") as target:
            for name in source.namelist():
                target.writestr(name, source.read(name).replace(old.encode(), new.encode()))
        with pytest.raises((RuntimeError, NotImplementedError), match=error):
            kagari.export.load(changed)
    with zipfile.ZipFile(path) as source:
        assert json.loads(source.read("a/models/model.json"))["schema_version"]["major"] == 8
