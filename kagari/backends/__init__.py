"""What can be asked of, and told to, the machinery that runs the operators."""

from __future__ import annotations

from . import cpu, cuda, cudnn, kagari, mkl, mkldnn, mps, openmp, opt_einsum, quantized

__all__ = ["cpu", "cuda", "cudnn", "kagari", "mkl", "mkldnn", "mps", "openmp", "opt_einsum", "quantized"]
