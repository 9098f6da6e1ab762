"""Matrix products, next to the peak rate of the processor."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from .framework import Framework, Step
from .measure import Bench, Row

TITLE = "Matrix products"

REQUIRED = {256: 1.3, 512: 1.7, 1024: 2.0, 2048: 2.0}
REQUIRED_SHARE = {1024: 0.8, 2048: 0.8}


def product(torch: Framework, n: int, dtype: str) -> Step:
    """n x n times n x n."""
    a, b = (torch.randn(n, n).to(getattr(torch, dtype)) for _ in range(2))
    return lambda: a @ b


def rows(bench: Bench) -> Iterator[Row]:
    """fp32 by size with the share of the peak, then bf16."""
    yield Row("peak rate of fused multiply-adds, fp32", "", f"{bench.peak / 1e9:.0f} GFLOP/s")
    for n, at_least in REQUIRED.items():
        pair = bench.compare(partial(product, n=n, dtype="float32"), count=True)
        yield pair.row(f"matmul, fp32, n = {n}", at_least)
        if required := REQUIRED_SHARE.get(n):
            pytorch, kagari = pair.shares
            what = f"matmul, fp32, n = {n}: share of the peak"
            yield Row(what, f"{pytorch:.0%}", f"{kagari:.0%}", None, f">= {required:.0%}", kagari >= required)
    yield bench.compare(partial(product, n=1024, dtype="bfloat16"), count=True).row(
        "matmul, bf16, n = 1024", at_least=1.0
    )
