"""The size of what an installation brings with it: a distribution and all that it requires."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from .measure import Bench, Row, size

TITLE = "Installed size"

KAGARI_REQUIRES = ("numpy", "llvmlite")


def closure(name: str, found: dict[str, int] | None = None) -> dict[str, int]:
    """Bytes of each installed distribution that the named one needs, itself included.

    A requirement that is not installed is one whose condition (a platform, an older Python) does not hold here.
    """
    found = {} if found is None else found
    key = name.lower().replace("_", "-")
    if key in found:
        return found
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        return found
    paths = [Path(str(file.locate())) for file in installed.files or () if file.suffix != ".pyc"]
    found[key] = sum(path.stat().st_size for path in paths if path.is_file())
    for requirement in installed.requires or ():
        if "extra ==" not in requirement:
            closure(re.split(r"[^\w.-]", requirement, maxsplit=1)[0], found)
    return found


def rows(bench: Bench) -> Iterator[Row]:
    """PyTorch as it is installed here, next to Kagari."""
    pytorch = closure("torch")
    kagari = {"kagari": sum(path.stat().st_size for path in Path(bench.kagari.__file__).parent.rglob("*.py"))}
    for name in KAGARI_REQUIRES:
        closure(name, kagari)
    totals = [sum(sizes.values()) for sizes in (pytorch, kagari)]
    yield Row(
        f"{len(pytorch)} and {len(kagari)} distributions, without compiled byte code",
        size(totals[0]),
        size(totals[1]),
        totals[0] / totals[1],
    )
