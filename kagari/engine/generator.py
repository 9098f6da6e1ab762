"""The generator of random numbers, for the floors above."""

from __future__ import annotations

from ..runtime.counts import binomial, poisson
from ..runtime.gammas import gamma
from ..runtime.generator import STATE_BYTES, Generator, fill_order

__all__ = ["binomial", "gamma", "poisson", "STATE_BYTES", "Generator", "fill_order"]
