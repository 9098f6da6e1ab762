"""PyTorch's file format of before version 1.6, in both directions."""

from __future__ import annotations

import io
import os
import pickle
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari.serialization import legacy


def saved(torch: ModuleType, obj: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(obj, file, _use_new_zipfile_serialization=False, **options)
    return file.getvalue()


def everything(torch: ModuleType) -> dict[str, Any]:
    torch.manual_seed(0)
    x = torch.arange(6.0).reshape(2, 3)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(x).sum().backward()
    optimizer.step()
    return {
        "whole": x, "row": x[0], "turned": x.t(), "half": torch.tensor([1.5], dtype=torch.bfloat16),
        "complex": torch.tensor([1 + 2j]), "none": torch.zeros(0, 3), "bool": torch.tensor([True, False]),
        "weights": model.state_dict(), "optimizer": optimizer.state_dict(), "list": [1, "two", None, 3.0, (4,)],
        "parameter": torch.nn.Parameter(torch.ones(2)), "size": x.shape,
    }  # fmt: skip


@pytest.mark.parametrize("way", ["ours to theirs", "theirs to ours", "ours to ours"])
@pytest.mark.parametrize("trusted", [False, True])
def test_round_trip(oracle: ModuleType, way: str, trusted: bool) -> None:
    source, target = {
        "ours to theirs": (kagari, oracle), "theirs to ours": (oracle, kagari), "ours to ours": (kagari, kagari),
    }[way]  # fmt: skip
    given = everything(source)
    found = target.load(io.BytesIO(saved(source, given)), weights_only=not trusted)
    assert repr(found) == repr(given) and isinstance(found["parameter"], target.nn.Parameter)
    found["whole"][0, 0] = 9
    assert found["row"][0] == found["turned"][0, 0] == 9


def test_files_and_positions(tmp_path: Path) -> None:
    path = tmp_path / "old.pt"
    kagari.save([kagari.ones(2)], path, _use_new_zipfile_serialization=False)
    assert path.read_bytes().startswith(legacy.START)
    assert kagari.load(path)[0].tolist() == [1.0, 1.0]
    with pytest.raises(RuntimeError, match="mmap can only be used"):
        kagari.load(path, mmap=True)
    file = io.BytesIO(b"before" + path.read_bytes())
    file.seek(6)
    assert kagari.load(file, map_location="cpu")[0].tolist() == [1.0, 1.0]


def test_whole_modules() -> None:
    model = kagari.nn.Sequential(kagari.nn.Linear(2, 3), kagari.nn.ReLU())
    found = kagari.load(io.BytesIO(saved(kagari, model)), weights_only=False)
    assert repr(found) == repr(model) and kagari.equal(found[0].weight, model[0].weight)


def test_files_that_are_cut_off_or_changed() -> None:
    whole = saved(kagari, {"a": kagari.arange(5), "b": kagari.ones(3, dtype=kagari.bfloat16)})
    for length in range(1, len(whole)):
        with pytest.raises((RuntimeError, pickle.UnpicklingError, EOFError)):
            kagari.load(io.BytesIO(whole[:length]))
    for at in range(len(whole)):
        with suppress(RuntimeError, pickle.UnpicklingError):
            kagari.load(io.BytesIO(whole[:at] + bytes([whole[at] ^ 0x15]) + whole[at + 1 :]))


class _Attack:
    def __reduce__(self) -> Any:
        return os.mkdir, ("attacked",)


@pytest.mark.parametrize("place", range(4))
def test_nothing_in_a_file_runs(place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parts: list[Any] = [legacy.PROTOCOL, {"little_endian": True}, {}, []]
    parts[place] = _Attack()
    data = b"".join(pickle.dumps(part, 2) for part in (legacy.MAGIC, *parts))
    with pytest.raises(pickle.UnpicklingError, match=r"mkdir"):
        kagari.load(io.BytesIO(data))
    assert os.listdir(tmp_path) == []
