"""What can be asked of, and told to, the machinery that runs the operators."""

from __future__ import annotations

from . import cuda, cudnn, kagari, mkl, mkldnn, mps, openmp, quantized

__all__ = ["cuda", "cudnn", "kagari", "mkl", "mkldnn", "mps", "openmp", "quantized"]
