"""Files from the network, which are in their place when they are whole; addresses of files stand for the network."""

from __future__ import annotations

import hashlib
import importlib
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

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


# Models of repositories

HUBCONF = """
dependencies = ["math"]
import neighbour

def model(width, bias=True):
    "A layer."
    return neighbour.layer(width, bias)

def _hidden():
    pass
"""
NEIGHBOUR = """
import kagari

def layer(width, bias):
    return kagari.nn.Linear(width, 1, bias)
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model; and what stands for GitHub, where there is an archive of it."""
    folder = tmp_path / "somebody-net-1234"
    folder.mkdir()
    (folder / "hubconf.py").write_text(HUBCONF)
    (folder / "neighbour.py").write_text(NEIGHBOUR)
    archives = tmp_path / "github" / "somebody" / "net" / "zipball"
    archives.mkdir(parents=True)
    with zipfile.ZipFile(archives / "master", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"{folder.name}/{path.name}")
    monkeypatch.setattr(hub, "_GITHUB", (tmp_path / "github").as_uri())
    monkeypatch.delitem(sys.modules, "neighbour", raising=False)
    return folder


def test_a_model_of_a_folder(repository: Path) -> None:
    model = hub.load(str(repository), "model", 3, source="local", bias=False)
    assert (model.in_features, model.bias) == (3, None)
    assert str(repository) not in sys.path


def test_a_model_of_a_repository(repository: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    answers = iter(["n", "yes"])
    monkeypatch.setattr("builtins.input", lambda text: next(answers))
    with pytest.raises(RuntimeError, match="Untrusted repository: somebody/net"):
        hub.load("somebody/net", "model", 3)
    assert not home.exists()
    assert hub.load("somebody/net", "model", 3).in_features == 3
    assert (home / "trusted_list").read_text() == "somebody_net\n"
    assert sorted(path.name for path in home.iterdir()) == ["somebody_net_master", "trusted_list"]
    capfd.readouterr()
    assert list(hub.list("somebody/net")) == ["model"]  # it is there, and trusted
    assert f"Using cache found in {home / 'somebody_net_master'}" in capfd.readouterr().err
    assert hub.help("somebody/net", "model") == "A layer."
    (home / "somebody_net_master" / "more").touch()
    hub.load("somebody/net:master", "model", 3, verbose=False, force_reload=True)
    assert not (home / "somebody_net_master" / "more").exists()


def test_what_can_be_wrong_with_a_repository(repository: Path) -> None:
    with pytest.raises(ValueError, match=r'Unknown source: "disk". Allowed values: "github" | "local".'):
        hub.load(str(repository), "model", source="disk")
    with pytest.raises(RuntimeError, match="Cannot find callable other in hubconf"):
        hub.load(str(repository), "other", source="local")
    with pytest.raises(FileNotFoundError, match=r"there is no hubconf.py in "):
        hub.load(str(repository.parent), "model", source="local")
    with pytest.raises(ValueError, match="expected a repository as 'owner/name'"):
        hub.load("net", "model", trust_repo=True)
    with pytest.raises(RuntimeError, match="can't download"):
        hub.load("somebody/nothing", "model", trust_repo=True)
    (repository / "hubconf.py").write_text("dependencies = ['math', 'a_package_that_is_not_there']")
    with pytest.raises(RuntimeError, match="Missing dependencies: a_package_that_is_not_there"):
        hub.load(str(repository), "model", source="local")


def test_the_name_of_old() -> None:
    assert importlib.import_module("kagari.utils.model_zoo").load_url is hub.load_state_dict_from_url
