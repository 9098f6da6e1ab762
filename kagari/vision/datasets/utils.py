"""Files of data sets: digests, downloads, archives; and the check of an argument that is one of a few words."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlparse

from ...hub import download_url_to_file

T = TypeVar("T", str, bytes)
PathLike = str | Path

_OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_TARS = (".tar", ".tgz", ".tbz", ".tbz2", ".tar.gz", ".tar.bz2", ".tar.xz")


def calculate_md5(fpath: PathLike, chunk_size: int = 1024 * 1024) -> str:
    """The MD5 digest of a file, in hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            digest.update(chunk)
    return digest.hexdigest()


def check_md5(fpath: PathLike, md5: str, **kwargs: Any) -> bool:
    """Whether a file has this MD5 digest."""
    return md5 == calculate_md5(fpath, **kwargs)


def check_integrity(fpath: PathLike, md5: str | None = None) -> bool:
    """Whether a file is there and has this MD5 digest, if one is given."""
    return os.path.isfile(fpath) and (md5 is None or check_md5(fpath, md5))


def download_url(url: str, root: PathLike, filename: PathLike | None = None, md5: str | None = None) -> None:
    """Downloads a file into a folder, unless it is there and whole. It appears when it is whole and has its digest.

    Args:
        url (str): where it lies.
        root (str or Path): the folder, which is made.
        filename (str or Path, optional): its name there. Default: the last part of the address
        md5 (str, optional): its digest.

    Raises RuntimeError, which names the address and the folder, where it can't be had or has another digest.
    """
    folder = Path(root).expanduser()
    path = folder / (filename or os.path.basename(urlparse(url).path))
    if check_integrity(path, md5):
        return
    folder.mkdir(parents=True, exist_ok=True)
    unchecked = path.with_name(f"{path.name}.{os.getpid()}.unchecked")
    try:
        download_url_to_file(url, str(unchecked))
        if not check_integrity(unchecked, md5):
            raise RuntimeError(
                f"File not found or corrupted: {url}, downloaded to {folder}, has the MD5 digest "
                f"{calculate_md5(unchecked)}, expected {md5}"
            )
        os.replace(unchecked, path)
    finally:
        unchecked.unlink(missing_ok=True)


def extract_archive(from_path: PathLike, to_path: PathLike | None = None, remove_finished: bool = False) -> PathLike:
    """Unpacks a zip or tar archive into a folder, or a compressed file; by default beside itself.

    Nothing is written outside of the folder. Returns where it lies. Raises RuntimeError for other kinds of files.
    """
    source = Path(from_path)
    target = Path(to_path) if to_path is not None else source.parent
    target.mkdir(parents=True, exist_ok=True)
    if source.name.endswith(_TARS):
        with tarfile.open(source) as tar:
            tar.extractall(target, filter="data")
    elif source.suffix == ".zip":
        with zipfile.ZipFile(source) as archive:
            archive.extractall(target)
    elif source.suffix in _OPENERS:
        target /= source.stem
        part = target.with_name(f"{target.name}.{os.getpid()}.partial")
        try:
            with _OPENERS[source.suffix](source, "rb") as packed, open(part, "wb") as file:
                shutil.copyfileobj(packed, file)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    else:
        known = sorted((*_TARS, ".zip", *_OPENERS))
        raise RuntimeError(f"Unknown compression or archive type: '{source.name}'. Known are the endings {known}.")
    if remove_finished:
        source.unlink()
    return target


def download_and_extract_archive(
    url: str,
    download_root: PathLike,
    extract_root: PathLike | None = None,
    filename: PathLike | None = None,
    md5: str | None = None,
    remove_finished: bool = False,
) -> None:
    """Downloads an archive into a folder, as `download_url` does, and unpacks it, as `extract_archive` does."""
    download_url(url, download_root, filename, md5)
    archive = Path(download_root).expanduser() / (filename or os.path.basename(urlparse(url).path))
    extract_archive(archive, extract_root or download_root, remove_finished)


def verify_str_arg(
    value: T, arg: str | None = None, valid_values: Iterable[T] | None = None, custom_msg: str | None = None
) -> T:
    """The value, if it is a string and among the valid ones. Raises ValueError if not."""
    if not isinstance(value, str | bytes):
        where = "" if arg is None else f" for argument {arg}"
        raise ValueError(f"Expected type str{where}, but got type {type(value)}.")
    if valid_values is not None and value not in valid_values:
        listed = ", ".join(f"'{valid!s}'" for valid in valid_values)
        raise ValueError(custom_msg or f"Unknown value '{value!s}' for argument {arg}. Valid values are {{{listed}}}.")
    return value


__all__ = [
    "calculate_md5", "check_integrity", "check_md5", "download_and_extract_archive", "download_url", "extract_archive",
    "verify_str_arg",
]  # fmt: skip
