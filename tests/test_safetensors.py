"""The safetensors format: exchanged with the oracle in both directions, with its errors, and whole or not at all."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari.serialization import safetensors as ours

NAMES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "float16", "bfloat16", "float32",
    "float64", "complex64", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz",
)  # fmt: skip


@pytest.fixture(scope="module")
def theirs(oracle: ModuleType) -> ModuleType:
    return importlib.import_module("safetensors.torch")


def numbers(torch: Any) -> dict[str, Any]:
    """A tensor of each dtype, and those whose shapes are special."""
    base = torch.tensor([[0.0, 1.0, 2.5], [-0.0, 3.0, 4.0]])
    made = {name: base.to(getattr(torch, name)) for name in NAMES}
    special = torch.tensor([float("nan"), float("-inf")])
    return {**made, "scalar": torch.tensor(2.5), "none": torch.zeros(0, 3), "special": special, "täxt": torch.ones(1)}


def plain(torch: Any, tensors: dict[str, Any]) -> Any:
    """What can be compared: dtypes, shapes and bits."""
    return {
        name: (str(t.dtype), tuple(t.shape), t.reshape(-1).view(torch.uint8).tolist() if t.numel() else [])
        for name, t in tensors.items()
    }


@pytest.mark.parametrize("backend", ["mmap", "pread"])
def test_files_go_both_ways(tmp_path: Path, theirs: ModuleType, oracle: ModuleType, backend: str) -> None:
    expected = plain(oracle, numbers(oracle))
    ours.save_file(numbers(kagari), tmp_path / "ours", metadata={"a": "b"})
    theirs.save_file(numbers(oracle), tmp_path / "theirs", metadata={"a": "b"})
    assert plain(oracle, theirs.load_file(tmp_path / "ours")) == expected
    for name in ("ours", "theirs"):
        assert plain(kagari, ours.load_file(tmp_path / name, backend=backend)) == expected
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_bytes_go_both_ways(theirs: ModuleType, oracle: ModuleType) -> None:
    expected = plain(oracle, numbers(oracle))
    assert (
        plain(kagari, ours.load(theirs.save(numbers(oracle))))
        == plain(oracle, theirs.load(ours.save(numbers(kagari))))
        == expected
    )


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc")
def test_what_is_not_asked_for_is_not_read(tmp_path: Path) -> None:
    ours.save_file({"large": kagari.zeros(8_000_000), "small": kagari.ones(2, 3)}, tmp_path / "x")

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1])

    before = resident()
    found = ours.load_file(tmp_path / "x")
    assert found["small"].sum() == 6.0 and resident() - before < 4_000  # pages
    assert found["large"].sum() == 0.0


def test_changes_do_not_reach_the_file(tmp_path: Path) -> None:
    ours.save_file({"x": kagari.ones(2)}, tmp_path / "x")
    first, second = ours.load_file(tmp_path / "x")["x"], ours.load_file(tmp_path / "x")["x"]
    first.fill_(7.0)
    ours.save_file({"x": first}, tmp_path / "x")
    assert second.tolist() == [1.0, 1.0] and ours.load_file(tmp_path / "x")["x"].tolist() == [7.0, 7.0]


def test_an_opened_file(tmp_path: Path, oracle: ModuleType) -> None:
    ours.save_file({"b": kagari.arange(6).reshape(2, 3), "a": kagari.ones(1)}, tmp_path / "x", {"note": "n"})
    real = importlib.import_module("safetensors").safe_open
    for file in (ours.safe_open(tmp_path / "x"), real(tmp_path / "x", "pt")):
        with file as opened:
            assert sorted(opened.keys()) == ["a", "b"] and opened.metadata() == {"note": "n"}
            assert opened.offset_keys() == ["b", "a"] and opened.get_tensor("a").tolist() == [1.0]
            part = opened.get_slice("b")
            assert (part.get_shape(), part.get_dtype()) == ([2, 3], "I64")
            assert part[:, 1:].tolist() == [[1, 2], [4, 5]] and part[1, 2].tolist() == 5
            with pytest.raises(Exception, match="File does not contain tensor c"):
                opened.get_tensor("c")
    with pytest.raises(ValueError, match="framework should be 'pt', got 'tf'"):
        ours.safe_open(tmp_path / "x", "tf")
    with pytest.raises(ValueError, match="backend should be 'mmap' or 'pread'"):
        ours.safe_open(tmp_path / "x", backend="magic")
    with pytest.raises(RuntimeError, match="cuda"):
        ours.load_file(tmp_path / "x", device=0)


def tied(torch: Any) -> Any:
    torch.manual_seed(0)
    model = torch.nn.ModuleDict({"b": torch.nn.Linear(2, 2), "a": torch.nn.Linear(2, 2)})
    model["a"].weight = model["b"].weight
    return model


def test_models_with_shared_parameters(tmp_path: Path, theirs: ModuleType, oracle: ModuleType) -> None:
    ours.save_model(tied(kagari), tmp_path / "ours")
    theirs.save_model(tied(oracle), str(tmp_path / "theirs"))
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    for name in ("ours", "theirs"):
        for module, torch in ((ours, kagari), (theirs, oracle)):
            model = tied(torch)
            with torch.no_grad():
                model["a"].weight.zero_()
            assert module.load_model(model, tmp_path / name) == (set(), [])
            assert model["a"].weight is model["b"].weight
            assert model["a"].weight.tolist() == tied(torch)["a"].weight.tolist()


def refusals(torch: Any, module: Any, folder: Path) -> dict[str, Any]:
    """What is refused, by what it is."""
    base, layer = torch.ones(4), torch.nn.Linear(2, 2)
    part = torch.nn.Linear(2, 2)
    part.bias = torch.nn.Parameter(torch.ones(4)[:2])
    turned = torch.nn.Linear(3, 2)
    turned.weight = torch.nn.Parameter(torch.ones(3, 2).t())
    module.save_file({"weight": torch.ones(2, 2), "more": torch.ones(1)}, folder / "x")

    def save(tensors: Any) -> Any:
        return lambda: module.save_file(tensors, folder / "y")

    return {
        "a list": save([base]), "no tensor": save({"x": 1}), "shared": save({"x": base, "y": base}),
        "overlapping": save({"x": base[:3], "y": base[2:]}), "turned": save({"x": torch.ones(2, 3).t()}),
        "keys": lambda: module.load_model(layer, folder / "x"),
        "partial": lambda: module.save_model(part, folder / "y"),
        "turned parameter": lambda: module.save_model(turned, folder / "y", force_contiguous=False),
    }  # fmt: skip


def test_errors_are_the_oracles(tmp_path: Path, theirs: ModuleType, oracle: ModuleType) -> None:
    texts = []
    for torch, module in ((kagari, ours), (oracle, theirs)):
        for what, refused in refusals(torch, module, tmp_path).items():
            with pytest.raises((ValueError, RuntimeError)) as raised:
                refused()
            text = " ".join(str(raised.value).replace("{'y', 'x'}", "{'x', 'y'}").split())
            texts.append((what, raised.type, text.replace(f"'{torch.__name__}.", "'torch.")))
    half = len(texts) // 2
    assert texts[:half] == texts[half:] and half == 8
    assert not (tmp_path / "y").exists()


def test_parts_that_do_not_overlap_are_saved(tmp_path: Path) -> None:
    base = kagari.arange(4)
    ours.save_file({"x": base[:2], "y": base[2:]}, tmp_path / "x")
    assert {k: v.tolist() for k, v in ours.load_file(tmp_path / "x").items()} == {"x": [0, 1], "y": [2, 3]}


def test_dtypes_that_the_format_lacks() -> None:
    with pytest.raises(ValueError, match=r"Key `x` is of the dtype .*complex128, which the safetensors format"):
        ours.save({"x": kagari.ones(1, dtype=kagari.complex128)})
    whole = ours.save({"x": kagari.ones(8, dtype=kagari.uint8)})
    with pytest.raises(TypeError, match="tensor x is of the dtype F8_E8M0, which Kagari does not have"):
        ours.load(_with_header(whole, whole[8:].partition(b"}}")[0].replace(b'"U8"', b'"F8_E8M0"') + b"}}"))


def _with_header(whole: bytes, header: bytes) -> bytes:
    length = int.from_bytes(whole[:8], "little")
    return len(header).to_bytes(8, "little") + header + whole[8 + length :]


def test_damaged_files(tmp_path: Path) -> None:
    damaged = importlib.import_module("safetensors").SafetensorError
    whole = ours.save({"x": kagari.arange(10), "y": kagari.ones(3)})
    for length in range(len(whole)):
        (tmp_path / "x").write_bytes(whole[:length])
        with pytest.raises(damaged):
            ours.load_file(tmp_path / "x")
        with pytest.raises(damaged):
            ours.load(whole[:length])
    header = int.from_bytes(whole[:8], "little") + 8
    for at in range(header):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        (tmp_path / "x").write_bytes(changed)
        try:
            found = ours.load_file(tmp_path / "x")
        except (damaged, TypeError):
            continue
        assert sum(t.numel() * t.element_size() for t in found.values()) == len(whole) - header


def test_a_file_that_is_cut_off_after_it_was_opened(tmp_path: Path) -> None:
    tensors = {"large": kagari.arange(2_000_000), "empty": kagari.ones(0), "last": kagari.ones(5)}
    ours.save_file(tensors, tmp_path / "x")
    found = ours.load_file(tmp_path / "x", backend="pread")
    assert all(kagari.equal(found[name], tensors[name]) for name in tensors)
    with ours.safe_open(tmp_path / "x", backend="pread") as file:
        first, *_, last = file.offset_keys()
        os.truncate(tmp_path / "x", os.path.getsize(tmp_path / "x") - 4)
        assert kagari.equal(file.get_tensor(first), tensors[first])
        with pytest.raises(importlib.import_module("safetensors").SafetensorError, match=f"cut off: tensor {last} is"):
            file.get_tensor(last)


def test_numbers_at_odd_addresses(tmp_path: Path) -> None:
    whole = ours.save({"x": kagari.arange(3)})
    header = whole[8 : 8 + int.from_bytes(whole[:8], "little")] + b" "
    (tmp_path / "x").write_bytes(_with_header(whole, header))
    assert ours.load_file(tmp_path / "x")["x"].tolist() == [0, 1, 2]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    ours.save_file({"x": kagari.ones(1)}, path)
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    path.chmod(0o640)
    with pytest.raises(TypeError):
        ours.save_file({"x": kagari.zeros(1)}, path, metadata={"x": 1})  # type: ignore[dict-item]
    assert ours.load_file(path)["x"].tolist() == [1.0] and list(tmp_path.iterdir()) == [path]
    ours.save_file({"x": kagari.zeros(1)}, path)
    assert ours.load_file(path)["x"].tolist() == [0.0] and path.stat().st_mode & 0o777 == 0o640
    with pytest.raises(RuntimeError, match=r"Parent directory .*nowhere does not exist"):
        ours.save_file({}, tmp_path / "nowhere" / "x")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_programs_that_import_it_from_the_library(tmp_path: Path) -> None:
    program = """
        import sys, torch
        from safetensors.torch import load_file, load_model, save_file, save_model
        import safetensors

        save_file({"x": torch.ones(2)}, sys.argv[1])
        save_model(torch.nn.Linear(2, 2), sys.argv[1] + "m")
        print(load_file(sys.argv[1]), load_model(torch.nn.Linear(2, 2), sys.argv[1] + "m"))
        print(safetensors.torch.load.__module__)
    """
    (tmp_path / "x.py").write_text(textwrap.dedent(program))
    command = [sys.executable, "-m", "kagari", str(tmp_path / "x.py"), str(tmp_path / "x")]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert found == "{'x': tensor([1., 1.])} (set(), [])\nkagari.serialization.safetensors\n"


def test_the_library_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'kagari\[safetensors\]'"):
        ours.save({})
