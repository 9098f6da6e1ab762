"""What each of several processes does in tests, with Kagari or with the oracle, and what it finds."""

from __future__ import annotations

import json
import math
import os
import tempfile
import warnings
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from types import ModuleType
from typing import Any

Body = Callable[[ModuleType, ModuleType, int, int, Callable[[str, Callable[[], Any]], None]], None]


def told(value: Any) -> Any:
    """A result without its library."""
    if hasattr(value, "requires_grad"):
        return [str(value.dtype), list(value.shape), repr(value.tolist())]
    if isinstance(value, list | tuple):
        return [told(one) for one in value]
    return value if isinstance(value, str | int | float | bool | type(None)) else repr(value)


def alike(here: Any, there: Any) -> bool:
    """Whether two results are equal but for the rounding of their numbers."""
    if isinstance(here, list) and isinstance(there, list):
        return len(here) == len(there) and all(alike(a, b) for a, b in zip(here, there))
    if isinstance(here, float) and isinstance(there, float):
        return math.isclose(here, there, rel_tol=1e-4, abs_tol=1e-6)
    return bool(here == there)


def process(rank: int, size: int, folder: str, library: str, body: Body) -> None:
    """Does what a body says as process `rank` of `size`, and writes what came of it."""
    torch, dist = import_module(library), import_module(f"{library}.distributed")
    found: dict[str, Any] = {}

    def case(name: str, call: Callable[[], Any]) -> None:
        try:
            found[name] = told(call())
        except Exception as error:
            found[name] = [type(error).__name__, str(error).split("\n")[0]]

    place, limit = f"file://{folder}/store", timedelta(seconds=60)
    dist.init_process_group("gloo", init_method=place, timeout=limit, rank=rank, world_size=size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        body(torch, dist, rank, size, case)
    with open(os.path.join(folder, f"{rank}.json"), "w") as file:
        json.dump(found, file)
    # Nobody closes a connection that another one still uses, as it might in a barrier.
    ended = dist.FileStore(os.path.join(folder, "ended"), size)
    ended.set(str(rank), "")
    ended.wait([str(other) for other in range(size)])
    dist.destroy_process_group()


def run(library: str, size: int, body: Body) -> list[dict[str, Any]]:
    """What all processes found."""
    with tempfile.TemporaryDirectory() as folder:
        import_module(f"{library}.multiprocessing").spawn(process, (size, folder, library, body), nprocs=size)
        results = []
        for rank in range(size):
            with open(os.path.join(folder, f"{rank}.json")) as file:
                results.append(json.load(file))
    return results
