"""Names for what functions take, to annotate programs with, as `torch.types`."""

from __future__ import annotations

import builtins
import os
from typing import IO, TypeAlias

from .eager import device as _device
from .eager.storage import UntypedStorage as Storage

Number: TypeAlias = builtins.int | builtins.float | builtins.bool
Device: TypeAlias = _device | str | int | None
FileLike: TypeAlias = str | os.PathLike[str] | IO[bytes]

__all__ = ["Device", "FileLike", "Number", "Storage"]
