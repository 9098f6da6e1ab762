"""Factors of symmetric and Hermitian matrices against the oracle, and equations solved with them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from outcomes import assert_same_error

import kagari

SIZES = [1, 2, 3, 5, 8, 17, 40]
KINDS = [("float64", False), ("float64", True), ("complex128", False), ("complex128", True), ("float32", False)]


def numbers(shape: tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    found = random.standard_normal(shape)
    return (found + 1j * random.standard_normal(shape) if dtype.startswith("complex") else found).astype(dtype)


def whole(a: np.ndarray, hermitian: bool) -> np.ndarray:
    """The matrix that the lower triangle stands for."""
    lower, other = np.tril(a), np.swapaxes(np.tril(a, -1), -1, -2)
    found = lower + (other.conj() if hermitian else other)
    if hermitian:
        found[..., range(a.shape[-1]), range(a.shape[-1])] = np.diagonal(found, axis1=-2, axis2=-1).real
    return found


@pytest.mark.parametrize(("dtype", "hermitian"), KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_factors(size: int, dtype: str, hermitian: bool, oracle: ModuleType) -> None:
    """Weak diagonals make blocks of two. Only the lower triangle is read."""
    a = numbers((size, size), dtype, size)
    a[range(size), range(size)] *= 0.2
    theirs = oracle.linalg.ldl_factor(oracle.tensor(a.tolist(), dtype=getattr(oracle, dtype)), hermitian=hermitian)
    ours = kagari.linalg.ldl_factor(kagari.tensor(a), hermitian=hermitian)
    assert ours.pivots.tolist() == theirs.pivots.tolist()
    tolerance = 2e-3 if dtype == "float32" else 1e-9
    np.testing.assert_allclose(ours.LD.numpy(), theirs.LD.numpy(), tolerance, tolerance)
    b = numbers((size, 2), dtype, 7)
    x = kagari.linalg.ldl_solve(*ours, kagari.tensor(b), hermitian=hermitian)
    np.testing.assert_allclose(whole(a, hermitian) @ x.numpy(), b, tolerance, tolerance)


def test_stacks() -> None:
    """Leading dimensions of factors and right sides broadcast, where the oracle crashes."""
    a, b = numbers((2, 1, 4, 4), "float64", 0), numbers((3, 4, 2), "float64", 1)
    factors = kagari.linalg.ldl_factor_ex(kagari.tensor(a))
    assert factors.info.tolist() == [[0], [0]] and factors.info.dtype is kagari.int32
    x = kagari.linalg.ldl_solve(*factors[:2], kagari.tensor(b))
    np.testing.assert_allclose(whole(a, False) @ x.numpy(), np.broadcast_to(b, (2, 3, 4, 2)), 1e-9)
    empty = kagari.linalg.ldl_factor(kagari.ones(2, 0, 0))
    assert empty.LD.shape == (2, 0, 0) and empty.pivots.shape == (2, 0)


def test_singular(oracle: ModuleType) -> None:
    a = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    ours, theirs = (lib.linalg.ldl_factor_ex(lib.tensor(a)) for lib in (kagari, oracle))
    assert [x.tolist() for x in ours] == [x.tolist() for x in theirs]
    for name, options in (("ldl_factor", {}), ("ldl_factor_ex", {"check_errors": True})):
        with pytest.raises(kagari.linalg.LinAlgError, match=rf"{name}: .*D\[0\] is zero"):
            getattr(kagari.linalg, name)(kagari.tensor(a), **options)


REFUSED: list[Any] = [
    lambda L, t: L.ldl_factor(t.ones(3)),
    lambda L, t: L.ldl_factor(t.ones(3, 2)),
    lambda L, t: L.ldl_factor(t.ones(2, 2, dtype=t.int64)),
    lambda L, t: L.ldl_factor(t.ones(2, 2, dtype=t.float16)),
    lambda L, t: L.ldl_solve(t.eye(3), t.ones(3, dtype=t.int32), t.ones(3)),
    lambda L, t: L.ldl_solve(t.eye(3), t.ones(3, dtype=t.int32), t.ones(2, 2)),
    lambda L, t: L.ldl_solve(t.eye(3), t.ones(2, dtype=t.int32), t.ones(3, 2)),
    lambda L, t: L.ldl_solve(t.eye(3), t.ones(3), t.ones(3, 2)),
    lambda L, t: L.ldl_solve(t.eye(3), t.ones(3, dtype=t.int32), t.ones(3, 2, dtype=t.float64)),
    lambda L, t: L.ldl_solve(t.ones(2, 3), t.ones(3, dtype=t.int32), t.ones(3, 2)),
]


@pytest.mark.parametrize("call", REFUSED)
def test_refused(call: Any, oracle: ModuleType) -> None:
    assert_same_error(lambda lib: call(lib.linalg, lib), oracle, kagari)
