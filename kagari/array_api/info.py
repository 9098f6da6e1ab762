"""What the namespace says of itself."""

from __future__ import annotations

from typing import Any

from ..base.dtypes import default_dtype, dtype, int64
from ..eager import device
from .dtypes import ALL, KINDS


class Info:
    """What the namespace can do, which devices there are and which number types.

    >>> import kagari as torch
    >>> torch.array_api.__array_namespace_info__().default_device()
    device(type='cpu')
    """

    def capabilities(self) -> dict[str, Any]:
        """Whether masks and results whose size depends on values are there, and how many dimensions an array may
        have.
        """
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> device:
        """Where new arrays lie."""
        return device("cpu")

    def default_dtypes(self, *, device: Any = None) -> dict[str, dtype]:
        """The types of new arrays by kind."""
        real = default_dtype()
        return {
            "real floating": real, "complex floating": real.to_complex(), "integral": int64, "indexing": int64,
        }  # fmt: skip

    def devices(self) -> list[device]:
        """All devices."""
        return [device("cpu")]

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, dtype]:
        """The number types by name, of all kinds or of one."""
        if kind is None:
            return dict(ALL)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        return {name: dt for name, dt in ALL.items() if any(dt in KINDS[k] for k in kinds)}


def __array_namespace_info__() -> Info:
    """What the namespace says of itself.

    >>> import kagari as torch
    >>> torch.array_api.__array_namespace_info__().capabilities()["max dimensions"]
    64
    """
    return Info()
