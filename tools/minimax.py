"""Derives the polynomial coefficients of `kagari/compiler/vecmath_tables.py` and writes that file.

A Remez exchange on a dense Chebyshev grid in multiple precision: for each entry of FITS the polynomial P of the given
degree minimises max |weight(x) * (f(x) - P(x))| on [lo, hi]. `python tools/minimax.py [NAME...]` prints the errors
reached; without names it also writes the file. It needs mpmath.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mpmath as mp
import numpy as np

mp.mp.dps = 60
Real = Callable[[mp.mpf], mp.mpf]
LN2, ROOT2, PI = mp.log(2), mp.sqrt(2), mp.pi
DIGAMMA_ROOT = mp.findroot(mp.digamma, 1.4616321449683622)


def _alternation(errors: Sequence[mp.mpf], count: int) -> list[int]:
    """Indices of `count` extrema of alternating sign, the largest ones."""
    runs: list[int] = []
    for i, e in enumerate(errors):
        if runs and (errors[runs[-1]] > 0) == (e > 0):
            if abs(e) > abs(errors[runs[-1]]):
                runs[-1] = i
        else:
            runs.append(i)
    while len(runs) > count:
        runs.pop(0 if abs(errors[runs[0]]) < abs(errors[runs[-1]]) else -1)
    return runs


def remez(f: Real, weight: Real, lo: mp.mpf, hi: mp.mpf, degree: int) -> tuple[list[mp.mpf], mp.mpf]:
    """Coefficients, lowest first, and the largest weighted error."""
    count, size = degree + 2, 24 * (degree + 2)
    middle, half = (mp.mpf(lo) + hi) / 2, (mp.mpf(hi) - lo) / 2
    grid = [middle - half * mp.cos(PI * i / size) for i in range(size + 1)]
    values, weights = [f(x) for x in grid], [weight(x) for x in grid]
    weights = [max(w, mp.mpf("1e-4") * max(weights)) for w in weights]
    chosen = [round(i * size / (count - 1)) for i in range(count)]
    for _ in range(30):
        rows = [[grid[i] ** k for k in range(degree + 1)] + [(-1) ** j / weights[i]] for j, i in enumerate(chosen)]
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix([values[i] for i in chosen]))
        coefficients = [solution[k] for k in range(degree + 1)]
        errors = [w * (v - mp.polyval(coefficients[::-1], x)) for x, v, w in zip(grid, values, weights, strict=True)]
        worst = max(abs(e) for e in errors)
        if worst <= abs(solution[degree + 1]) * mp.mpf("1.01"):
            break
        chosen = _alternation(errors, count)
        if len(chosen) < count:
            raise ArithmeticError("the error has too few sign changes: lower the degree")
    return coefficients, worst


@dataclass
class Fit:
    """One table: the function of the reduced variable, its weight, and (lo, hi, degree) for float and for double."""

    name: str
    comment: str
    f: Real
    weight: Real
    single: tuple[object, object, int] | None
    double: tuple[object, object, int]


def _limit(f: Real, at: object, value: object) -> Real:
    """`f` with its removable singularity at one point filled in."""
    return lambda x: mp.mpf(value) if abs(x - at) < mp.mpf(10) ** -30 else f(x)


def _one(_: mp.mpf) -> mp.mpf:
    return mp.mpf(1)


def _erf_exponent(a: mp.mpf) -> mp.mpf:
    return (-mp.log(mp.erfc(a)) / a - 2 / mp.sqrt(PI)) / a


def _erfcx(k: int) -> Real:
    def scaled(t: mp.mpf) -> mp.mpf:
        a = k * (1 + t) / (1 - t)
        return (1 + 2 * a) * mp.exp(a * a) * mp.erfc(a)

    return scaled


def _erfinv_of_w(w: mp.mpf) -> mp.mpf:
    """erfinv(x) / x where w = -log(1 - x*x)."""
    x = mp.sqrt(-mp.expm1(-w))
    tail = mp.exp(-w) / (1 + x)  # 1 - x, without cancellation
    start = mp.sqrt(w) if w > 1 else x * mp.sqrt(PI) / 2
    return mp.findroot(lambda v: mp.log(mp.erfc(v)) - mp.log(tail), (start, start * mp.mpf("0.9"))) / x


def _stirling(t: mp.mpf) -> mp.mpf:
    """x * (lgamma(x) - ((x - 1/2) log x - x + log(2 pi) / 2)) at x = 1 / t."""
    x = 1 / t
    return x * (mp.loggamma(x) - ((x - mp.mpf(1) / 2) * mp.log(x) - x + mp.log(2 * PI) / 2))


def _digamma_tail(t: mp.mpf) -> mp.mpf:
    """x * (log x - digamma x) at x = 1 / t."""
    return (mp.log(1 / t) - mp.digamma(1 / t)) / t


def _shifted(f: Real, centre: object) -> Real:
    return lambda h: f(centre + h)


_PHI = LN2 / 2 * mp.mpf("1.0001")
FITS = (
    Fit("EXP", "e^r = 1 + r + r^2 P(r), |r| <= log 2", _limit(lambda r: (mp.exp(r) - 1 - r) / r**2, 0, "0.5"),
        lambda r: r * r * mp.exp(-r), (-2 * _PHI, 2 * _PHI, 5), (-2 * _PHI, 2 * _PHI, 11)),
    Fit("EXPM1", "e^r = 1 + r + r^2 P(r), |r| <= log(2) / 2", _limit(lambda r: (mp.exp(r) - 1 - r) / r**2, 0, "0.5"),
        lambda r: abs(r), (-_PHI, _PHI, 4), (-_PHI, _PHI, 9)),
    Fit("LOG", "log(1 + f) = f + f^2 P(f), sqrt(1/2) <= 1 + f <= sqrt(2)",
        _limit(lambda f: (mp.log1p(f) - f) / f**2, 0, "-0.5"), lambda f: abs(f),
        (1 / ROOT2 - 1, ROOT2 - 1, 8), (1 / ROOT2 - 1, ROOT2 - 1, 19)),
    Fit("ATANH", "atanh(s) = s + s^3 / 3 + s^5 P(s^2), |s| <= (sqrt(2) - 1) / (sqrt(2) + 1)",
        _limit(lambda z: (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1 - z / 3) / z**2, 0, "0.2"), lambda z: z + 1,
        (0, "0.0295", 2), (0, "0.0295", 6)),
    Fit("SIN", "sin r = r + r^3 P(r^2), |r| <= pi / 4",
        _limit(lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, 0, mp.mpf(-1) / 6), lambda z: z,
        ("1e-9", (PI / 4) ** 2, 2), ("1e-9", (PI / 4) ** 2, 5)),
    Fit("COS", "cos r = 1 - r^2 / 2 + r^4 P(r^2), |r| <= pi / 4",
        _limit(lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2, 0, mp.mpf(1) / 24), lambda z: z * z,
        ("1e-5", (PI / 4) ** 2, 2), ("1e-5", (PI / 4) ** 2, 5)),
    Fit("ATAN", "atan a = a + a^3 P(a^2), 0 <= a <= 1",
        _limit(lambda z: (mp.atan(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, 0, mp.mpf(-1) / 3), lambda z: z,
        ("1e-9", 1, 8), ("1e-9", 1, 20)),
    Fit("ASIN", "asin s = s + s^3 P(s^2), 0 <= s <= 1/2",
        _limit(lambda z: (mp.asin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, 0, mp.mpf(1) / 6), lambda z: z,
        ("1e-9", "0.25", 4), ("1e-9", "0.25", 11)),
    Fit("SINH", "sinh x = x + x^3 P(x^2), |x| <= 1",
        _limit(lambda z: (mp.sinh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, 0, mp.mpf(1) / 6), lambda z: z,
        ("1e-9", 1, 3), ("1e-9", 1, 6)),
    Fit("ERF", "erf a = 1 - exp(-(2 / sqrt(pi) a + a^2 P(a))), 0 <= a <= 4 (float) or 6 (double)",
        _limit(_erf_exponent, 0, 2 / PI), lambda a: a * a * mp.erfc(a) / mp.erf(a) if a else mp.mpf(0),
        ("1e-9", "3.95", 7), ("1e-9", "5.95", 25)),
    Fit("ERFCX", "erfc a = exp(-a^2) / (1 + 2a) * P(t), t = (a - 3) / (a + 3), a >= 1/2", _erfcx(3), _one,
        (mp.mpf("-2.5") / mp.mpf("3.5"), mp.mpf("7.2") / mp.mpf("13.2"), 9),
        (mp.mpf("-2.5") / mp.mpf("3.5"), mp.mpf("24.3") / mp.mpf("30.3"), 20)),
    Fit("ERFINV_CENTRE", "erfinv x = x P(w), w = -log(1 - x^2) <= 6",
        _limit(_erfinv_of_w, 0, mp.sqrt(PI) / 2), _one, (0, 6, 10), (0, 6, 22)),
    Fit("ERFINV_TAIL", "erfinv x = x P(sqrt(w) - 4), 6 <= w <= 17 (float) or 37 (double)", _shifted(
        lambda s: _erfinv_of_w(s * s), 4), lambda s: 1 / (4 + s),
        (mp.sqrt(6) - 4, mp.sqrt(17) - 4, 8), (mp.sqrt(6) - 4, mp.sqrt(37) - 4, 27)),
    Fit("LGAMMA2", "lgamma(2 + h) = h P(h), |h| <= 1/2", _limit(
        lambda h: mp.loggamma(2 + h) / h, 0, 1 - mp.euler), _one, None, ("-0.5", "0.5", 16)),
    Fit("STIRLING", "lgamma(x) = (x - 1/2) log x - x + log(2 pi) / 2 + P(1/x) / x, x >= 2.5", _limit(
        _stirling, 0, mp.mpf(1) / 12), _one, None, ("1e-9", "0.4", 14)),
    Fit("DIGAMMA1", "digamma(r + h) = h P(h), 1 <= r + h <= 2, r its root", _limit(
        lambda h: mp.digamma(DIGAMMA_ROOT + h) / h, 0, mp.polygamma(1, DIGAMMA_ROOT)), _one, None,
        (1 - DIGAMMA_ROOT, 2 - DIGAMMA_ROOT, 20)),
    Fit("DIGAMMA_TAIL", "digamma(x) = log x - P(1/x) / x, x >= 2", _limit(
        _digamma_tail, 0, "0.5"), _one, None, ("1e-9", "0.5", 17)),
)  # fmt: skip


CONSTANTS = {
    "LN2": LN2,
    "LOG2E": 1 / LN2,
    "LOG10E": 1 / mp.log(10),
    "LOG10_2": LN2 / mp.log(10),
    "HALF_PI": PI / 2,
    "TWO_OVER_ROOT_PI": 2 / mp.sqrt(PI),
    "DIGAMMA_ROOT": DIGAMMA_ROOT,
}


def _parts(value: mp.mpf) -> tuple[float, float, float]:
    high = float(value)
    middle = float(value - high)
    return high, middle, float(value - high - middle)


def _table(coefficients: Sequence[mp.mpf], element: str) -> list[str]:
    rounded = [str(np.float32(mp.nstr(c, 20))) if element == "float" else repr(float(c)) for c in coefficients]
    lines, line = [], ""
    for text in rounded:
        if len(line) + len(text) > 105:
            lines.append(line.rstrip())
            line = ""
        line += text + ", "
    return [*lines, line.rstrip()]


def main(only: Sequence[str] = ()) -> None:
    """Fits, prints the errors, and writes the tables unless only some were asked for."""
    out = [
        '"""Coefficients, lowest power first, as tools/minimax.py writes them: not to be edited."""',
        "",
        "# fmt: off",
        "",
    ]
    for fit in FITS:
        if only and fit.name not in only:
            continue
        out += [f"# {fit.comment}", f"{fit.name} = {{"]
        for element, spec in (("float", fit.single), ("double", fit.double)):
            if spec is not None:
                coefficients, error = remez(fit.f, fit.weight, mp.mpf(spec[0]), mp.mpf(spec[1]), spec[2])
                print(f"{fit.name:14} {element:6} degree {spec[2]:2} error {mp.nstr(error, 3)}", flush=True)
                out += [f'    "{element}": (', *("        " + line for line in _table(coefficients, element)), "    ),"]
        out += ["}", ""]
    if not only:
        out += ["# Constants as unevaluated sums of three doubles"]
        out += [f"{name} = ({', '.join(map(repr, _parts(value)))})" for name, value in CONSTANTS.items()]
        path = Path(__file__).parents[1] / "kagari" / "compiler" / "vecmath_tables.py"
        path.write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
