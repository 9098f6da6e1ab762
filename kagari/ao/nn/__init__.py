"""Layers of quantized models: `quantized` computes with integers, `qat` learns with faked ones, `intrinsic` has layers
that are several in one.
"""

from __future__ import annotations

from . import intrinsic, qat, quantized

__all__ = ["intrinsic", "qat", "quantized"]
