"""Modules that are imported when one of their members is first asked for.

What the first operation needs and `import kagari` does not, how operators are defined, traced and compiled, is
postponed by its package:

    postpone(__name__, "llvm")              in compiler/__init__.py
    from ..compiler import llvm             elsewhere: the module, or what stands for it
    llvm.compile_object(...)                imports it, the first time

`from ..compiler.llvm import compile_object` imports it at once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


class Later:
    """Stands for a module in its package until it is imported, and has the module's own namespace from then on.

    `sys.modules` does not know it: threads that need the module at once wait for each other as in any import.
    """

    __slots__ = ("__dict__", "_later")

    def __init__(self, name: str) -> None:
        self._later = name

    def __getattr__(self, member: str) -> Any:
        module = import_module(self._later)
        self.__dict__ = module.__dict__
        return getattr(module, member)


def postpone(package: str, *names: str) -> None:
    """Has these modules of a package imported on first use."""
    for name in names:
        setattr(sys.modules[package], name, Later(f"{package}.{name}"))
