"""Floats that are part of an operator's structure: calls with them are in the resident table by their bits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import kagari as torch
import kagari.nn.functional as F
from kagari.engine.code import native
from kagari.engine.function import Function, Parameter, _float_word

KNOWN = [
    0.1, 0.2, 1.0, -1.0, 1.5, -0.1, 1e-100, 1e100, -1e100, 2.0**-510, 2.0**512, math.nextafter(2.0**513, 0), 0.0,
    math.inf, -math.inf, math.nextafter(0.1, 1), math.nextafter(0.1, 0),
]  # fmt: skip
UNKNOWN = [-0.0, math.nan, 5e-324, 1e300, -1e300, 2.0**513, math.nextafter(2.0**-510, 0)]


class Counted(Function):
    """Multiplies by a static number, and counts the calls that the resident table does not know."""

    def __init__(self) -> None:
        native()
        super().__init__("scaled", (Parameter("x", "tensor"), Parameter("by", "static")), lambda x, by: x * by)
        self.misses = 0
        self.call = native().operator_function("scaled", self.activate(), "")

    def miss(self, *args: Any, **kwargs: Any) -> Any:
        self.misses += 1
        return super().miss(*args, **kwargs)


counted = None


def scaled() -> Counted:
    """The one function of this file: native code points at it."""
    global counted
    counted = counted or Counted()
    return counted


def test_words_are_those_of_no_other_argument() -> None:
    words = [_float_word(a) for a in KNOWN]
    assert len({*words}) == len(KNOWN) and None not in words
    for word in words:
        assert word % 2 == 0 and -(1 << 63) <= word < 1 << 63
        assert word < 0 or word < 8 or word >= 1 << 48  # no address
    assert [_float_word(a) for a in UNKNOWN] == [None] * len(UNKNOWN)


@pytest.mark.parametrize("by", KNOWN)
def test_a_known_call_does_not_miss(by: float) -> None:
    x = torch.tensor([1.0, -2.0], dtype=torch.float64)
    scaled().call(x, by)
    before = scaled().misses
    for a in (by, float(np.float64(by)), by * 1.0):  # other objects of the same value
        assert scaled().call(x, a).tolist() == [by, by * -2.0]
    assert scaled().misses == before


@pytest.mark.parametrize("by", UNKNOWN)
def test_numbers_without_a_word_are_themselves(by: float) -> None:
    x = torch.tensor([1.0], dtype=torch.float64)
    for a in (0.0, 0.1, math.inf):
        scaled().call(x, a)
    for _ in range(2):
        found = scaled().call(x, by).item()
        assert np.array_equal(found, by, equal_nan=True) and math.copysign(1, found) == math.copysign(1, by)
    assert len([key for key in scaled().plans if key[-1] == (float, by.hex())]) == 1


def test_smoothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = torch.randn(4, 5), torch.tensor([0, 1, 4, 2])
    first = F.cross_entropy(x, y, label_smoothing=0.1)
    monkeypatch.setattr(Function, "run", None)
    assert F.cross_entropy(x, y, label_smoothing=0.05 * 2).item() == first.item()
