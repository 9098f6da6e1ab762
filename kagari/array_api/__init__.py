"""The Python array API standard, version 2024.12 (https://data-apis.org/array-api/2024.12): tensors under its names.

`x.__array_namespace__()` is this module. Functions take and return tensors; where PyTorch and the standard differ, in
the promotion of arrays without dimensions, in names and in defaults, these functions keep to the standard. The methods
of tensors keep to PyTorch.

    from kagari import array_api as xp
    xp.sum(xp.asarray([1, 2]))
"""

from __future__ import annotations

import math
from typing import Any

from . import arrange as _arrange
from . import creation as _creation
from . import dtypes as _dtypes
from . import elementwise as _elementwise
from . import fft as fft
from . import linalg as linalg
from . import reduce as _reduce
from .info import __array_namespace_info__

VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")
__array_api_version__ = VERSIONS[-1]

_FUNCTIONS: tuple[Any, ...] = (
    *_arrange.FUNCTIONS, *_creation.FUNCTIONS, *_dtypes.FUNCTIONS, *_elementwise.FUNCTIONS, *_reduce.FUNCTIONS,
    __array_namespace_info__,
)  # fmt: skip
_MEMBERS: dict[str, Any] = {
    **_dtypes.ALL, **{f.__name__: f for f in _FUNCTIONS}, "e": math.e, "inf": math.inf, "nan": math.nan,
    "newaxis": None, "pi": math.pi,
}  # fmt: skip
globals().update(_MEMBERS)

__all__ = sorted([*_MEMBERS, "VERSIONS", "fft", "linalg", "__array_api_version__"])
