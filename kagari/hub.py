"""Files from the network, kept in PyTorch's folder for them: `~/.cache/torch/hub`.

A file is written beside its place and moved there when it is whole, so that nobody sees half of one.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlparse
from urllib.request import Request, urlopen

from .serialization import load

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
    state: dict[str, Any] = load(path, map_location=map_location, weights_only=weights_only)
    return state


__all__ = ["download_url_to_file", "get_dir", "load_state_dict_from_url", "set_dir"]
