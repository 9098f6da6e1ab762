"""Counts drawn at random, one after the other: how many numbers each takes from the stream depends on them.

Sources: Hörmann, "The transformed rejection method for generating Poisson random variables", 1993; Hörmann, "The
generation of binomial random variates", 1993; for small means Knuth's and Devroye's ways, by products and by geometric
gaps.
"""

from __future__ import annotations

import math
from collections.abc import Callable

Draw = Callable[[], float]
"""The next number of a stream, uniform over [0, 1)."""


def poisson(draw: Draw, rate: float) -> int:
    """A count of events with a mean of `rate`."""
    if rate == 0:
        return 0
    if rate >= 10:
        return _poisson_by_rejection(draw, rate)
    limit, product, count = math.exp(-rate), 1.0, 0
    while True:
        product *= draw()
        if product <= limit:
            return count
        count += 1


def _poisson_by_rejection(draw: Draw, rate: float) -> int:
    root, log_rate = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    scale = math.log(1.1239 + 1.1328 / (b - 3.4))
    inner = 0.9277 - 3.6224 / (b - 2)
    while True:
        u = draw() - 0.5
        v = draw()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + rate + 0.43) if us else -1
        if us >= 0.07 and v <= inner:
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        height = (math.log(v) if v else -math.inf) + scale - math.log(a / (us * us) + b)
        if height <= -rate + k * log_rate - math.lgamma(k + 1):
            return k


def binomial(draw: Draw, trials: float, p: float) -> float:
    """A count of successes among trials that each succeed with probability `p`."""
    if trials <= 0 or p <= 0:
        return 0.0
    if p >= 1:
        return trials
    if math.isnan(p):
        return math.nan
    rare = min(p, 1 - p)
    found = _binomial_by_rejection(draw, trials, rare) if trials * rare >= 10 else _binomial_by_gaps(draw, trials, rare)
    return found if p <= 0.5 else trials - found


def _binomial_by_gaps(draw: Draw, trials: float, p: float) -> float:
    """The gaps between successes are geometrically distributed."""
    passed, successes, log_failure = 0.0, 0, math.log1p(-p)
    while True:
        u = draw()
        passed += math.ceil(math.log(u) / log_failure) if u else math.inf
        if passed > trials:
            return float(successes)
        successes += 1


def _stirling_rest(k: float) -> float:
    """What Stirling's formula for ln k! leaves."""
    if k <= 9:
        return math.lgamma(k + 1) - ((k + 0.5) * math.log(k + 1) - (k + 1) + 0.5 * math.log(2 * math.pi))
    square = (k + 1) * (k + 1)
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)


def _binomial_by_rejection(draw: Draw, trials: float, p: float) -> float:
    spread = math.sqrt(trials * p * (1 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    center, inner, odds = trials * p + 0.5, 0.92 - 4.2 / b, p / (1 - p)
    alpha = (2.83 + 5.1 / b) * spread
    mode = math.floor((trials + 1) * p)
    while True:
        u = draw() - 0.5
        v = draw()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + center) if us else -1
        if us >= 0.07 and v <= inner:
            return float(k)
        if k < 0 or k > trials:
            continue
        height = math.log(v * alpha / (a / (us * us) + b)) if v else -math.inf
        bound = (
            (mode + 0.5) * math.log((mode + 1) / (odds * (trials - mode + 1)))
            + (trials + 1) * math.log((trials - mode + 1) / (trials - k + 1))
            + (k + 0.5) * math.log(odds * (trials - k + 1) / (k + 1))
            + _stirling_rest(mode) + _stirling_rest(trials - mode) - _stirling_rest(k) - _stirling_rest(trials - k)
        )  # fmt: skip
        if height <= bound:
            return float(k)
