"""The search along a line for a point that satisfies the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..eager import Tensor

_SUFFICIENT, _FLAT = 1e-4, 0.9  # how much of the first slope the loss has to follow, and may remain


class Point(NamedTuple):
    """A point of the line: how far it is, the loss there, the gradient, and the slope along the line."""

    t: float
    loss: float
    grad: Tensor
    slope: float


def strong_wolfe(
    evaluate: Callable[[float], Point], start: Point, t: float, scale: float, tolerance: float, most: int
) -> tuple[Point, int]:
    """A point where the loss fell by enough and the slope is flat enough, or the best one found; and the evaluations.

    It is first bracketed and then closed in on, both by cubic interpolation. `scale` is the greatest element of the
    direction: a bracket shorter than `tolerance` is not divided. There are at most `most` evaluations after the first.

    Source: Nocedal and Wright, *Numerical optimization* (2006), algorithms 3.5 and 3.6.
    """
    bracket, evaluations, rounds = _bracket(evaluate, start, t, most)
    low, high = bracket if bracket[0].loss <= bracket[1].loss else bracket[::-1]
    stuck, found = False, low is high
    while not found and rounds < most and abs(high.t - low.t) * scale >= tolerance:
        t, stuck = _inside(*bracket, stuck)
        new = evaluate(t)
        evaluations += 1
        rounds += 1
        first = bracket[0] is low  # the ends keep their places, by which equal losses are ordered
        if _falls_short(new, start) or new.loss >= low.loss:
            bracket = (low, new) if first else (new, low)
            low, high = bracket if bracket[0].loss <= bracket[1].loss else bracket[::-1]
        else:
            found = _is_flat(new, start)
            if not found and new.slope * (high.t - low.t) >= 0:
                high = low
            low = new
            bracket = (low, high) if first else (high, low)
    return low, evaluations


def _bracket(
    evaluate: Callable[[float], Point], start: Point, t: float, most: int
) -> tuple[tuple[Point, Point], int, int]:
    """Two points with a solution between them, or one twice that is a solution; the evaluations, and the rounds."""
    before, new = start, evaluate(t)
    for rounds in range(most):
        if _falls_short(new, start) or (rounds > 1 and new.loss >= before.loss):
            return (before, new), rounds + 1, rounds
        if _is_flat(new, start):
            return (new, new), rounds + 1, rounds
        if new.slope >= 0:
            return (before, new), rounds + 1, rounds
        bounds = (new.t + 0.01 * (new.t - before.t), new.t * 10)
        before, new = new, evaluate(_lowest(before, new, bounds))
    return (start, new), most + 1, most


def _falls_short(point: Point, start: Point) -> bool:
    return point.loss > start.loss + _SUFFICIENT * point.t * start.slope


def _is_flat(point: Point, start: Point) -> bool:
    return abs(point.slope) <= -_FLAT * start.slope


def _inside(a: Point, b: Point, stuck: bool) -> tuple[float, bool]:
    """Where to divide a bracket: not near its ends twice in a row."""
    least, most = min(a.t, b.t), max(a.t, b.t)
    t, margin = _lowest(a, b, (least, most)), 0.1 * (most - least)
    if min(most - t, t - least) >= margin:
        return t, False
    if not stuck and least < t < most:
        return t, True
    return (most - margin if abs(t - most) < abs(t - least) else least + margin), False


def _lowest(a: Point, b: Point, bounds: tuple[float, float]) -> float:
    """Where the cubic through two points with their slopes is lowest, within bounds."""
    if a.t > b.t:
        a, b = b, a
    least, most = bounds
    tilt = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = tilt * tilt - a.slope * b.slope
    if square < 0:
        return (least + most) / 2.0
    root = square**0.5
    t = b.t - (b.t - a.t) * ((b.slope + root - tilt) / (b.slope - a.slope + 2 * root))
    return min(max(t, least), most)


__all__ = ["Point", "strong_wolfe"]
