"""Padding as layers, against the oracle; the operator itself is tested by its record."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari

LAYERS = (
    "ConstantPad1d(2, 3.5)", "ConstantPad2d((1, 2, 0, -1), 0)", "ConstantPad3d(1, 2)", "ConstantPad1d((1, 0), -inf)",
    "ZeroPad1d(1)", "ZeroPad2d((1, 0, 2, 1))", "ZeroPad3d((1, 2, 3, 4, 5, 6))",
    "ReflectionPad1d(2)", "ReflectionPad2d((1, 2, 0, 1))", "ReflectionPad3d(1)",
    "ReplicationPad1d((3, 1))", "ReplicationPad2d(1)", "ReplicationPad3d((1, 0, 2, 1, 0, 3))",
    "CircularPad1d(2)", "CircularPad2d((1, 3, 2, 1))", "CircularPad3d(1)",
)  # fmt: skip


def run(lib: ModuleType, text: str, dtype: str) -> tuple[Any, list[Any]]:
    layer = eval(text, {**{n: getattr(lib.nn, n) for n in kagari.nn.__all__}, "inf": float("inf")})
    rank = int(text[text.index("d(") - 1])
    numbers = np.random.default_rng(2).integers(-9, 9, (2, 3, *(4, 3, 5)[-rank:])).astype(np.float64)
    x = lib.tensor(numbers).to(getattr(lib, dtype)).requires_grad_(dtype.startswith("float"))
    y, alone = layer(x), layer(x[0])
    if x.requires_grad:
        (y[y > -1e9] ** 2).sum().backward()
    return layer, [y, alone, *([x.grad] if x.requires_grad else [])]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("text", LAYERS)
def test_layers(text: str, dtype: str, oracle: ModuleType) -> None:
    if "inf" in text and dtype == "int64":
        pytest.skip("no integer is infinite")
    (ours, got), (theirs, want) = run(kagari, text, dtype), run(oracle, text, dtype)
    assert repr(ours) == repr(theirs) and not ours.state_dict()
    assert (ours.padding, ours.__constants__) == (theirs.padding, tuple(theirs.__constants__))
    for a, b in zip(got, want, strict=True):
        assert str(a.dtype) == str(b.dtype)
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_a_value_for_a_mode_that_takes_none() -> None:
    x = kagari.ones(1, 2, 3)
    with pytest.raises(RuntimeError, match='Padding mode "circular" doesn\'t take in value argument'):
        kagari.nn.functional.pad(x, (1, 1), "circular", 1.0)
    assert kagari.nn.functional.pad(x, (1, 1), "circular", 0.0).shape == (1, 2, 5)
