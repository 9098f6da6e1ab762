"""The public test tools: `assert_close` says what PyTorch says, `make_tensor` makes what it is asked for."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari.testing import assert_close, make_tensor

NAN = float("nan")

PAIRS: list[tuple[Any, Any, dict[str, Any]]] = [
    ([1.0, 2.0, 3.0], [1.0, 2.5, 3.0], {}),
    ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], {}),
    ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 4.00001]], {}),
    ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 4.1]], {"rtol": 0.0, "atol": 0.0}),
    ([1, 2, 3], [1, 2, 4], {}),
    ([1, 2, 3], [1.0, 2.0, 3.0], {}),
    ([1, 2, 3], [1.0, 2.0, 3.0], {"check_dtype": False}),
    ([1.0, 2.0], [1.0, 2.0, 3.0], {}),
    ([NAN, 1.0], [NAN, 1.0], {}),
    ([NAN, 1.0], [NAN, 1.0], {"equal_nan": True}),
    ([True, False], [True, True], {}),
    ([1.0, 2.0], [1.0, 2.1], {"rtol": 0.1, "atol": 0.0}),
    ([1.0, 2.0], [1.0, 2.1], {"msg": "what happened"}),
    ([1.0, 2.0], [1.0, 2.1], {"rtol": 0.1}),
]


def outcome(function: Any, *args: Any, **kwargs: Any) -> tuple[str, str]:
    """The type and the text of the error, if there is one."""
    try:
        function(*args, **kwargs)
    except Exception as error:
        return type(error).__name__, str(error)
    return "", ""


@pytest.mark.parametrize("number", range(len(PAIRS)))
def test_tensors_as_the_oracle(oracle: ModuleType, number: int) -> None:
    actual, expected, options = PAIRS[number]
    got = outcome(assert_close, kagari.tensor(actual), kagari.tensor(expected), **options)
    want = outcome(oracle.testing.assert_close, oracle.tensor(actual), oracle.tensor(expected), **options)
    assert got == want


@pytest.mark.parametrize(("actual", "expected"), [(1.0, 1.5), (1, 2), (1.0, 1.0), ([1.0, 2.0], [1.0, 2.0, 3.0])])
def test_numbers_as_the_oracle(oracle: ModuleType, actual: Any, expected: Any) -> None:
    assert outcome(assert_close, actual, expected) == outcome(oracle.testing.assert_close, actual, expected)


def test_the_place_in_a_container_is_named(oracle: ModuleType) -> None:
    def message(library: ModuleType, function: Any) -> tuple[str, str]:
        return outcome(
            function, {"a": [library.zeros(2), library.zeros(2)]}, {"a": [library.zeros(2), library.ones(2)]}
        )

    assert message(kagari, assert_close) == message(oracle, oracle.testing.assert_close)


def test_make_tensor() -> None:
    made = make_tensor(4, 6, dtype=kagari.float64, low=-2, high=3, requires_grad=True, noncontiguous=True)
    assert tuple(made.shape) == (4, 6)
    assert made.dtype is kagari.float64
    assert made.requires_grad
    assert not made.is_contiguous()
    assert bool(((made >= -2) & (made < 3)).all())
    assert set(make_tensor(100, dtype=kagari.bool).tolist()) == {True, False}
    assert bool((make_tensor((50, 2), dtype=kagari.int64, low=-1, high=1, exclude_zero=True) != 0).all())
    with pytest.raises(ValueError, match="`low` must be less than `high`"):
        make_tensor(2, dtype=kagari.float32, low=1, high=1)
