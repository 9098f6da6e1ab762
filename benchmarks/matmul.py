"""Matrix products, next to the peak rate of the processor."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from .measure import Bench, Framework, Row, Step
from .peak import peak_flops

TITLE = "Matrix products"

REQUIRED = {256: 1.3, 512: 1.7, 1024: 2.0, 2048: 2.0}
REQUIRED_SHARE = {1024: 0.8, 2048: 0.8}


def product(torch: Framework, n: int, dtype: str) -> Step:
    """n x n times n x n."""
    a, b = (torch.randn(n, n).to(getattr(torch, dtype)) for _ in range(2))
    return lambda: a @ b


def rows(bench: Bench) -> Iterator[Row]:
    """fp32 by size with the share of the peak, then bf16."""
    peak = peak_flops(bench.threads)
    yield Row("peak rate of fused multiply-adds, fp32", "", f"{peak / 1e9:.0f} GFLOP/s")
    for n, at_least in REQUIRED.items():
        pair = bench.compare(partial(product, n=n, dtype="float32"))
        yield pair.row(f"fp32, n = {n}", at_least, flops=2.0 * n**3)
        shares = [2.0 * n**3 / seconds / peak for seconds in (pair.pytorch, pair.kagari)]
        required = REQUIRED_SHARE.get(n)
        yield Row(
            f"fp32, n = {n}: share of the peak",
            f"{shares[0]:.0%}",
            f"{shares[1]:.0%}",
            None,
            f">= {required:.0%}" if required else "",
            shares[1] >= required if required else None,
        )
    pair = bench.compare(partial(product, n=1024, dtype="bfloat16"))
    yield pair.row("bf16, n = 1024", at_least=1.0, flops=2.0 * 1024**3)
