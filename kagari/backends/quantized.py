"""What quantized layers compute with. There is one way to do it here; the names are those of PyTorch's libraries, of
which `x86` is the one whose results these are.
"""

from __future__ import annotations

import sys
from types import ModuleType

ENGINES = ("qnnpack", "onednn", "x86", "fbgemm")


class _Quantized(ModuleType):
    """The module with its switch."""

    _engine = "x86"

    @property
    def engine(self) -> str:
        """The library that programs ask for. Raises RuntimeError for one that PyTorch does not know."""
        return self._engine

    @engine.setter
    def engine(self, value: str) -> None:
        if value not in (*ENGINES, "none"):
            raise RuntimeError(f"{value} is not a valid value for quantized engine")
        self._engine = value

    @property
    def supported_engines(self) -> list[str]:
        """The libraries that can be asked for."""
        return list(ENGINES)

    @supported_engines.setter
    def supported_engines(self, value: object) -> None:
        raise RuntimeError("Assignment not supported")


sys.modules[__name__].__class__ = _Quantized

__all__ = ["ENGINES"]
