"""Files and models from the network, kept in PyTorch's folder for them: `~/.cache/torch/hub`.

A file is written beside its place and moved there when it is whole, so that nobody sees half of one.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from http.client import HTTPException
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import URLError
from urllib.parse import urlparse
from urllib.request import Request, urlopen

from .serialization import load as load_file

_HASH_IN_NAME = re.compile(r"-([a-f0-9]*)\.")
_CHUNK = 1 << 17
_folder: str | None = None


def get_dir() -> str:
    """The folder of the files: what `set_dir` said, or ``$TORCH_HOME/hub``, by default ``~/.cache/torch/hub``.

    ``XDG_CACHE_HOME`` takes the place of ``~/.cache`` where it is set.
    """
    if _folder is not None:
        return _folder
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.join(os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))), "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Says where files are kept from now on."""
    global _folder
    _folder = os.path.expanduser(d)


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Downloads a file; it appears under its name when it is whole and has the right digest.

    Args:
        url (str): where it lies.
        dst (str): the path it is written to. The folder has to be there.
        hash_prefix (str, optional): how the SHA-256 digest begins.
        progress (bool): whether a terminal shows how far it is. Default: ``True``

    Raises RuntimeError, which names the file and where it was to lie, where it can't be had or has another digest.
    """
    part = f"{os.path.expanduser(dst)}.{os.getpid()}.partial"
    digest = hashlib.sha256()
    try:
        with urlopen(Request(url, headers={"User-Agent": "kagari.hub"})) as source, open(part, "wb") as target:
            total, done = int(source.headers.get("Content-Length") or 0), 0
            while chunk := source.read(_CHUNK):
                target.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                if progress:
                    _show(done, total)
        if total and done < total:
            raise ConnectionError(f"the connection ended after {done} of {total} bytes")
        if hash_prefix and not digest.hexdigest().startswith(hash_prefix):
            raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()}")')
        os.replace(part, os.path.expanduser(dst))
    except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise RuntimeError(
            f"can't download {url} to {dst}: {error}. Without a network, put the file there by other means"
        ) from error
    finally:
        Path(part).unlink(missing_ok=True)


def _show(done: int, total: int) -> None:
    """Writes how far a download is over what stood in the line before."""
    if sys.stderr.isatty():
        share = f" {done / total:4.0%}" if total else ""
        print(f"\r{done / 2**20:8.1f} MB{share}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> dict[str, Any]:
    """Loads what `torch.save` wrote, from the folder of downloaded files; what is not there yet is downloaded.

    Args:
        url (str): where the file lies.
        model_dir (str, optional): the folder. Default: ``checkpoints`` in that of `get_dir`
        map_location: as of `torch.load`.
        progress (bool): whether a terminal shows how far the download is. Default: ``True``
        check_hash (bool): whether the name ends in the first digits of the file's SHA-256 digest, as in
            ``resnet18-f37072fd.pth``, which a download has to have. Default: ``False``
        file_name (str, optional): the name in the folder. Default: the last part of the address
        weights_only (bool): as of `torch.load`. Default: ``True``, unlike PyTorch's: files run no code

    Raises RuntimeError, which names the file and where it was to lie, where it can't be had or has another digest.
    """
    folder = Path(model_dir) if model_dir is not None else Path(get_dir()) / "checkpoints"
    path = folder / (file_name or os.path.basename(urlparse(url).path))
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f'Downloading: "{url}" to {path}', file=sys.stderr)
        found = _HASH_IN_NAME.search(path.name) if check_hash else None
        download_url_to_file(url, str(path), found[1] if found else None, progress)
    state: dict[str, Any] = load_file(path, map_location=map_location, weights_only=weights_only)
    return state


# Models of repositories


_TRUSTED_OWNERS = frozenset(["facebookresearch", "facebookincubator", "pytorch", "fairinternal"])
_CONFIGURATION, _GITHUB = "hubconf.py", "https://github.com"


def load_model(
    repo_or_dir: str,
    model: str,
    *args: Any,
    source: str = "github",
    trust_repo: bool | str | None = "check",
    force_reload: bool = False,
    verbose: bool = True,
    skip_validation: bool = False,
    **kwargs: Any,
) -> Any:
    """What a function of a repository's ``hubconf.py`` returns: a model, as a rule.

    That file is a program and is run. One written for PyTorch says ``import torch``, which means Kagari where
    :func:`kagari.install_as_torch` was called or the program was started by ``python -m kagari``.

    Args:
        repo_or_dir (str): ``owner/name``, or ``owner/name:branch_or_tag``, on GitHub; a folder if `source` is "local".
        model (str): the name of the function.
        args, kwargs: its arguments.
        source (str): ``"github"`` or ``"local"``. Default: ``"github"``
        trust_repo: ``True`` notes that the repository is trusted, ``False`` asks at the terminal, ``"check"`` asks
            unless that was noted before. Default: ``"check"``
        force_reload (bool): whether what was downloaded before is downloaded again. Default: ``False``
        verbose (bool): whether to say where that was found. Default: ``True``
        skip_validation (bool): accepted; a branch that is not there is an error of the download.

    Raises ValueError for another source, RuntimeError for a function that is not there or packages that are missing.
    """
    source = source.lower()
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    folder = repo_or_dir
    if source == "github":
        folder = _repository(repo_or_dir, force_reload, trust_repo, "load", verbose)
    return _entry(_configuration(folder), model)(*args, **kwargs)


def list_models(
    github: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: bool | str | None = "check",
    verbose: bool = True,
) -> Sequence[str]:
    """The names of the functions that a repository's ``hubconf.py`` has; arguments as of :func:`load`."""
    module = _configuration(_repository(github, force_reload, trust_repo, "list", verbose))
    return [name for name, found in vars(module).items() if callable(found) and not name.startswith("_")]


def help_of_model(
    github: str,
    model: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: bool | str | None = "check",
) -> str | None:
    """The docstring of a function that a repository's ``hubconf.py`` has; arguments as of :func:`load`."""
    found: str | None = _entry(
        _configuration(_repository(github, force_reload, trust_repo, "help", True)), model
    ).__doc__
    return found


def _repository(github: str, force_reload: bool, trust_repo: bool | str | None, what: str, verbose: bool) -> str:
    """The folder with a repository's files, downloaded if it is not there. Raises ValueError for another form."""
    place, _, branch = github.partition(":")
    owner, _, name = place.partition("/")
    if not name or "/" in name:
        raise ValueError(f"expected a repository as 'owner/name' or 'owner/name:branch', got {github!r}")
    folder = os.path.join(get_dir(), f"{owner}_{name}_{(branch or 'main').replace('/', '_')}")
    old = folder.removesuffix("_main") + "_master"
    if not branch and not os.path.isdir(folder) and os.path.isdir(old):
        folder = old
    _ask(owner, name, trust_repo, what)
    if os.path.isdir(folder) and not force_reload:
        if verbose:
            print(f"Using cache found in {folder}", file=sys.stderr)
        return folder
    os.makedirs(get_dir(), exist_ok=True)
    for candidate in [branch] if branch else ["main", "master"]:
        target = f"{folder.removesuffix('_main')}_{candidate}" if not branch else folder
        try:
            _unpack(f"{_GITHUB}/{owner}/{name}/zipball/{candidate}", target)
        except RuntimeError as error:
            failed = error
        else:
            return target
    raise failed


def _unpack(url: str, folder: str) -> None:
    """Downloads an archive of one folder, whose files are in place when all are there."""
    with tempfile.TemporaryDirectory(dir=get_dir()) as temporary:
        archive = os.path.join(temporary, "archive.zip")
        download_url_to_file(url, archive, progress=False)
        with zipfile.ZipFile(archive) as opened:
            top = opened.namelist()[0].partition("/")[0]
            opened.extractall(temporary)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(os.path.join(temporary, top), folder)


def _ask(owner: str, name: str, trust_repo: bool | str | None, what: str) -> None:
    """Makes sure that a repository is trusted. Raises RuntimeError where the answer is no."""
    noted = Path(get_dir()) / "trusted_list"
    entry = f"{owner}_{name}"
    known = noted.read_text().split() if noted.exists() else []
    if trust_repo == "check" and (entry in known or owner in _TRUSTED_OWNERS):
        return
    if trust_repo is not True and entry not in known:
        answer = input(
            f"The repository {owner}/{name} does not belong to the list of trusted repositories and as such cannot be "
            "downloaded. Do you trust this repository and wish to add it to the trusted list of repositories (y/N)?"
        )
        if answer.lower() not in ("y", "yes"):
            raise RuntimeError(f"Untrusted repository: {owner}/{name}, asked for by {what}()")
    if entry not in known:
        noted.parent.mkdir(parents=True, exist_ok=True)
        noted.write_text("\n".join([*known, entry]) + "\n")


def _configuration(folder: str) -> ModuleType:
    """The module ``hubconf`` of a folder, which finds its neighbours while it is imported."""
    path = os.path.join(folder, _CONFIGURATION)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no {_CONFIGURATION} in {folder}")
    spec = spec_from_file_location("hubconf", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    missing = [name for name in getattr(module, "dependencies", ()) if find_spec(name) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    return module


def _entry(module: ModuleType, name: str) -> Any:
    if not isinstance(name, str):
        raise ValueError("Invalid input: model should be a string of function name")
    found = getattr(module, name, None)
    if not callable(found):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return found


load, list, help = load_model, list_models, help_of_model

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]
