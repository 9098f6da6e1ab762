"""Tools for tests: random tensors, comparisons that say where results differ, and cases from the operators' records."""

from __future__ import annotations

from .compare import assert_allclose, assert_close
from .make import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]
