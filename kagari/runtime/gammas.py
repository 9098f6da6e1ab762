"""Numbers of gamma distributions, drawn one after the other: how many numbers each takes from the stream depends on
them.

Source: Marsaglia, Tsang, "A simple method for generating gamma variables", 2000.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

_THIRD, _SQUEEZE = 0.3333333432674408, 0.03310000151395798
"""1 / 3 and 0.0331 as float32 holds them, as which PyTorch has them."""


def gamma(draw: Callable[[], float], normal: Callable[[], float], concentration: Any) -> float:
    """A number of the gamma distribution of rate 1. `draw` gives the next uniform number, `normal` the next normal.

    The concentration is a float64 or float32 of NumPy: what is computed of it alone has its precision.
    """
    if concentration == 0:
        return 0.0
    scale = 1.0
    if concentration < 1:
        scale = (1 - draw()) ** float(1 / concentration)
        concentration += 1
    d = float(concentration - _THIRD)
    if not 0 < d < math.inf:
        return d
    c = 1 / math.sqrt(9 * d)
    while True:
        x = normal()
        y = 1 + c * x
        if y <= 0:
            continue
        v, square = y * y * y, x * x
        u = 1 - draw()
        if u < 1 - _SQUEEZE * square * square or math.log(u) < 0.5 * square + d * (1 - v + math.log(v)):
            return scale * d * v
