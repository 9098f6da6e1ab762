"""Files from the network, which are in their place when they are whole; addresses of files stand for the network."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import ModuleType

import pytest

import kagari
from kagari import hub


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of downloads of the test's own."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(hub, "_folder", None)
    return tmp_path / "home" / "hub"


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """A file of weights, under a name that has its digest."""
    path = tmp_path / "net.pth"
    kagari.save({"weight": kagari.arange(3)}, path)
    return path.rename(tmp_path / f"net-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth")


def test_folders_are_the_oracles(oracle: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub.get_dir() == oracle.hub.get_dir()
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv("XDG_CACHE_HOME", "~/some")
        monkeypatch.delenv(name)
        assert hub.get_dir() == oracle.hub.get_dir()
    hub.set_dir("~/there")
    assert hub.get_dir() == str(Path.home() / "there")


def test_a_file_is_downloaded_once(home: Path, served: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        state = hub.load_state_dict_from_url(served.as_uri(), check_hash=True)
        assert state["weight"].tolist() == [0, 1, 2]
        served.unlink(missing_ok=True)
    assert [path.name for path in (home / "checkpoints").iterdir()] == [served.name]
    assert capsys.readouterr().err == f'Downloading: "{served.as_uri()}" to {home / "checkpoints" / served.name}\n'


def test_a_file_that_is_there_is_used(home: Path) -> None:
    (home / "checkpoints").mkdir(parents=True)
    kagari.save({"weight": kagari.ones(2)}, home / "checkpoints" / "mine.pth")
    state = hub.load_state_dict_from_url("http://127.0.0.1:9/other.pth", file_name="mine.pth", check_hash=True)
    assert state["weight"].tolist() == [1, 1]


def test_another_digest(tmp_path: Path, served: Path) -> None:
    target = tmp_path / "out.pth"
    with pytest.raises(RuntimeError, match='invalid hash value \\(expected "0123", got "'):
        hub.download_url_to_file(served.as_uri(), str(target), "0123")
    assert sorted(path.name for path in tmp_path.iterdir()) == [served.name]


def test_no_network(home: Path) -> None:
    with pytest.raises(
        RuntimeError, match=r"can't download http://127.0.0.1:9/x.pth to .*hub/checkpoints/x.pth: .*refused"
    ):
        hub.load_state_dict_from_url("http://127.0.0.1:9/x.pth")
    assert list((home / "checkpoints").iterdir()) == []
