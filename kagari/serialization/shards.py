"""Checkpoints in several files: each has some of the tensors, and an index says which has which.

model-00001-of-00002.safetensors   some tensors
model-00002-of-00002.safetensors   the others
model.safetensors.index.json       {"metadata": {"total_size": bytes}, "weight_map": {tensor: file}}

With `safe=False` they are files of `save`: pytorch_model-00001-of-00002.bin and so on. A state that fits one file is
written without an index, as model.safetensors or pytorch_model.bin. Who reads prefers that file to an index.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..eager import Tensor
from . import safetensors, sharing
from .archive import replacing
from .load import load
from .save import save

_UNITS = {unit + end: base**power for end, base in (("B", 1000), ("IB", 1024))
          for power, unit in enumerate(("", "K", "M", "G", "T"))}  # fmt: skip
_UNITS[""] = 1
_INDEX = ".index.json"
_TRIES = 20  # readings of an index whose files go away meanwhile


@dataclass(frozen=True)
class _Kind:
    """A format of shards: the names of its files, and whether it is safetensors."""

    stem: str
    ending: str
    safe: bool

    @property
    def single(self) -> str:
        return self.stem + self.ending

    @property
    def index(self) -> str:
        return self.single + _INDEX

    def is_in(self, folder: str) -> bool:
        """Whether the folder has anything of a checkpoint."""
        return bool({self.single, self.index} & set(os.listdir(folder)) or self.shards_in(folder))

    def shards_in(self, folder: str) -> set[str]:
        """The files that can only be shards."""
        pattern = re.compile(rf"{self.stem}-(?:[0-9a-f]{{8}}-)?\d{{5}}-of-\d{{5}}{re.escape(self.ending)}")
        return {name for name in os.listdir(folder) if pattern.fullmatch(name)}


_SAFE, _PICKLED = _KINDS = (_Kind("model", ".safetensors", True), _Kind("pytorch_model", ".bin", False))


def save_shards(
    tensors: Mapping[str, Tensor],
    folder: str | os.PathLike[str],
    *,
    max_shard_size: int | str = "5GB",
    safe: bool = True,
    metadata: dict[str, str] | None = None,
) -> None:
    """Saves a dictionary of tensors, such as the state of a module, in files of limited size.

    What was saved in the folder before stays until all is written, and then goes at once: a reader finds the old state
    or the new one. One program at a time may write. Tensors that share memory are written once; :func:`load_shards`
    gives them back under all their names.

    Args:
        tensors: tensors by name
        folder: the folder; it is made where it is missing
        max_shard_size: bytes that the tensors of a file may have, as a number or with a unit: ``"500MB"``, ``"2GiB"``.
            A tensor that is larger has a file of its own. Default: ``"5GB"``
        safe (bool): whether to write safetensors, or files of :func:`save`. Default: ``True``
        metadata: texts to keep in each safetensors file

    Raises ValueError for sizes that can't be read.

    >>> import os, tempfile, kagari as torch
    >>> from kagari.serialization import load_shards, save_shards
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_shards({"a": torch.ones(2), "b": torch.zeros(2)}, folder, max_shard_size=8)
    ...     sorted(os.listdir(folder))[0], load_shards(folder)
    ('model-00001-of-00002.safetensors', {'a': tensor([1., 1.]), 'b': tensor([0., 0.])})
    """
    limit = _bytes_of(max_shard_size)
    kind, folder = (_SAFE if safe else _PICKLED), os.fspath(folder)
    os.makedirs(folder, exist_ok=True)
    kept = sharing.duplicates(tensors) if safe else {}
    dropped = {name: kept_name for kept_name, others in kept.items() for name in others}
    shards = _divided({name: t for name, t in tensors.items() if name not in dropped}, limit)
    names = _names(kind, len(shards), not kind.is_in(folder))
    for name, shard in zip(names, shards):
        path = os.path.join(folder, name)
        if safe:
            aliases = {other: kept_name for other, kept_name in dropped.items() if kept_name in shard}
            made = {key: t.contiguous() for key, t in shard.items()}
            safetensors.save_file(made, path, {"format": "pt", **(metadata or {}), **aliases})
        else:
            save(shard, path)
    if len(shards) > 1:
        total = sum(_nbytes(t) for shard in shards for t in shard.values())
        where = {key: name for name, shard in zip(names, shards) for key in shard}
        with replacing(os.path.join(folder, kind.index)) as file:
            text = json.dumps({"metadata": {"total_size": total}, "weight_map": where}, indent=2, ensure_ascii=False)
            file.write(f"{text}\n".encode())
    _clean(folder, {kind.index if len(shards) > 1 else kind.single, *names})


def load_shards(path: str | os.PathLike[str], *, map_location: Any = None, mmap: bool = True) -> dict[str, Tensor]:
    """Loads the tensors that `save_shards`, or another library with the same files, has written.

    Args:
        path: the folder, an index in it, or a single file
        map_location: as :func:`load` takes it; safetensors go to devices only
        mmap (bool): whether to map the files into memory, and so to read what is used only. Default: ``True``

    Raises FileNotFoundError where there is no checkpoint, or where files of one are missing, and RuntimeError for an
    index that is damaged or speaks of tensors that its files lack.
    """
    path = os.fspath(path)
    folder, asked = (path, None) if os.path.isdir(path) else os.path.split(path)
    for tried in range(_TRIES):
        try:
            name, kind = _found(folder, asked)
            where = _index(os.path.join(folder, name)) if name.endswith(_INDEX) else None
            files = [name] if where is None else sorted(set(where.values()))
            missing = [file for file in files if not os.path.isfile(os.path.join(folder, file))]
            if not missing:
                return _read(folder, files, kind, where, map_location, mmap)
        except FileNotFoundError:
            if tried == _TRIES - 1:
                raise
            continue
        # The files of an index go when a new one has taken its place, and it goes when there is but one file.
        if asked is not None and where is None:
            break
    raise FileNotFoundError(
        f"the checkpoint in {folder} is not whole: {name} names {len(files)} files, of which {len(missing)} are "
        f"missing: {', '.join(missing)}"
    )


def _read(
    folder: str, files: Iterable[str], kind: _Kind, where: Mapping[str, str] | None, map_location: Any, mmap: bool
) -> dict[str, Tensor]:
    """The tensors of files. Raises RuntimeError where the index and they don't agree."""
    found: dict[str, Tensor] = {}
    aliases: dict[str, str] = {}
    for name in files:
        path = os.path.join(folder, name)
        if kind.safe:
            with safetensors.safe_open(path, "pt", map_location or "cpu", backend="mmap" if mmap else "pread") as file:
                here = file.get_tensors()
                aliases.update({k: v for k, v in (file.metadata() or {}).items() if v in here and k not in here})
        else:
            here = load(path, map_location, weights_only=True, mmap=mmap)
        absent = [key for key, file_name in (where or {}).items() if file_name == name and key not in here]
        if absent:
            raise RuntimeError(
                f"the index in {folder} is of other files: {name} lacks {len(absent)} of its tensors: "
                f"{', '.join(absent[:5])}"
            )
        found.update(here)
    order = [key for key in where or found if key in found]
    return {**{key: found[key] for key in order}, **{key: found[kept] for key, kept in aliases.items()}}


def _found(folder: str, asked: str | None) -> tuple[str, _Kind]:
    """The file that a checkpoint begins with, and its format. Raises FileNotFoundError where there is none."""
    if asked is not None:
        if not os.path.isfile(os.path.join(folder, asked)):
            raise FileNotFoundError(f"there is no checkpoint at {os.path.join(folder, asked)}")
        return asked, _SAFE if asked.removesuffix(_INDEX).endswith(_SAFE.ending) else _PICKLED
    for kind in _KINDS:
        for name in (kind.single, kind.index):
            if os.path.isfile(os.path.join(folder, name)):
                return name, kind
    names = ", ".join(name for kind in _KINDS for name in (kind.single, kind.index))
    raise FileNotFoundError(f"there is no checkpoint in {folder}, which has none of {names}")


def _index(path: str) -> dict[str, str]:
    """The files of the tensors. Raises RuntimeError for what is no index, and for files outside of its folder."""
    with open(path, encoding="utf-8") as file:
        try:
            where = json.load(file)["weight_map"]
        except (ValueError, KeyError, TypeError) as error:
            raise RuntimeError(f"{path} is damaged or is no index of a checkpoint: {error!r}") from error
    if not isinstance(where, dict) or not all(isinstance(name, str) for name in where.values()):
        raise RuntimeError(f"{path} is damaged: its weight_map does not give a file for each tensor")
    for name in where.values():
        if name in ("", ".", "..") or name != os.path.basename(name) or "\\" in name or "\0" in name:
            raise RuntimeError(f"{path} names a file outside of its folder: {name!r}")
    return where


def _divided(tensors: Mapping[str, Tensor], limit: int) -> list[dict[str, Tensor]]:
    """The tensors in groups of limited size; those that share memory stay together."""
    group_of = {name: at for at, names in enumerate(sharing.shared(tensors)) for name in names}
    groups: dict[Any, dict[str, Tensor]] = {}
    for name, t in tensors.items():
        groups.setdefault(group_of.get(name, name), {})[name] = t
    shards: list[dict[str, Tensor]] = [{}]
    filled = 0
    for group in groups.values():
        nbytes = max(map(_nbytes, group.values()))
        if shards[-1] and filled + nbytes > limit:
            shards.append({})
            filled = 0
        shards[-1].update(group)
        filled += nbytes
    return shards


def _clean(folder: str, new: set[str]) -> None:
    """Removes what was there; the file that a reader looks for first goes last, which makes the new one valid."""
    first = [name for kind in _KINDS for name in (kind.single, kind.index)]
    shards = sorted(name for kind in _KINDS for name in kind.shards_in(folder))
    for name in (*reversed(first), *shards):
        if name not in new:
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, name))


def _names(kind: _Kind, count: int, is_first: bool) -> list[str]:
    """Names for the files: those that everyone uses, or ones that no reader of an earlier index knows."""
    if count == 1:
        return [kind.single]
    numbers = [f"{at:05d}-of-{count:05d}{kind.ending}" for at in range(1, count + 1)]
    names = [f"{kind.stem}-{number}" for number in numbers]
    if not is_first:
        token = secrets.token_hex(4)
        names = [f"{kind.stem}-{token}-{number}" for number in numbers]
    return names


def _nbytes(t: Tensor) -> int:
    return t.numel() * t.element_size()


def _bytes_of(size: int | str) -> int:
    """A number of bytes. Raises ValueError for what is none."""
    if isinstance(size, int) and size > 0:
        return size
    parts = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Z]*)\s*", str(size).upper())
    if not isinstance(size, str) or parts is None or parts[2] not in _UNITS:
        raise ValueError(f"max_shard_size should be a positive number of bytes, or one with a unit as '5GB': {size!r}")
    return int(float(parts[1]) * _UNITS[parts[2]])


__all__ = ["load_shards", "save_shards"]
