"""Arguments at the edge of what operators take, and what becomes of them in PyTorch."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari as torch

FLOATS = ["float16", "float32", "float64", "complex64"]


def outcome(package: ModuleType, source: str, **names: Any) -> Any:
    """What an expression gives: values as arrays, of an exception its type and text."""
    try:
        found = eval(source, {"torch": package, "F": package.nn.functional, "math": math}, names)
    except Exception as error:
        return type(error).__name__, str(error)
    return found.numpy() if isinstance(found, package.Tensor) else [x.numpy() for x in found]


def same(oracle: ModuleType, source: str) -> None:
    ours, theirs = outcome(torch, source), outcome(oracle, source)
    if isinstance(theirs, tuple):
        assert ours == theirs
    else:
        pairs = zip(ours, theirs) if isinstance(theirs, list) else [(ours, theirs)]
        for a, b in pairs:
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, 1e-6)


@pytest.mark.parametrize("dtype", [*FLOATS, "bool", "uint8", "int64"])
def test_inverted(dtype: str, oracle: ModuleType) -> None:
    same(oracle, f"~torch.ones(2, dtype=torch.{dtype})")
    same(oracle, f"torch.bitwise_not(torch.ones(2, dtype=torch.{dtype}))")


@pytest.mark.parametrize(
    "dims",
    [
        "torch.tensor([[1, 2], [0, 1]])", "torch.tensor([[1], [0]])", "torch.tensor(2)", "torch.tensor([2])",
        "torch.tensor([[1], [0], [0]])", "[[1, 2], [0, 1]]", "torch.tensor([[1.0, 2.0], [0.0, 1.0]])",
    ],
)  # fmt: skip
def test_dimensions_of_products(dims: str, oracle: ModuleType) -> None:
    a, b = "torch.arange(24.0).reshape(2, 3, 4)", "torch.arange(24.0).reshape(3, 4, 2)"
    same(oracle, f"torch.tensordot({a}, {b}, dims={dims})")


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool"])
@pytest.mark.parametrize(
    "call",
    [
        "F.avg_pool1d(x[0], 3, 2, 1)", "F.avg_pool2d(x, 2)", "F.avg_pool2d(x, 3, 2, 1, True, False)",
        "F.avg_pool2d(x, 2, divisor_override=-3)", "F.avg_pool3d(x, 2, 1, 1)", "F.adaptive_avg_pool3d(x, 2)",
    ],
)  # fmt: skip
def test_means_of_windows_of_integers(dtype: str, call: str, oracle: ModuleType) -> None:
    same(oracle, call.replace("x", f"(torch.arange(-15, 17).reshape(1, 2, 4, 4)).to(torch.{dtype})"))


@pytest.mark.parametrize("size", [8, 9, 12])
def test_of_many_nans_the_last_counts(size: int, oracle: ModuleType) -> None:
    """Up to 64 elements a window is written out, beyond it is reduced axis by axis."""
    numbers = np.random.default_rng(size).standard_normal((1, 1, 2 * size, size)).astype(np.float32)
    for row, column in ((2, 3), (2, 5), (size - 1, 0), (size - 2, size - 1)):
        numbers[0, 0, row, column] = np.nan
    expected = oracle.nn.functional.max_pool2d(oracle.tensor(numbers), size, return_indices=True)
    found = torch.nn.functional.max_pool2d(torch.tensor(numbers), size, return_indices=True)
    for a, b in zip(found, expected):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_numbers_are_scattered(dtype: str, oracle: ModuleType) -> None:
    x, at = f"torch.full((3,), 2 + 1j, dtype=torch.{dtype})", "torch.tensor([0, 0, 2])"
    source = f"torch.tensor([1 + 2j, 3j, 4], dtype=torch.{dtype})"
    same(oracle, f"{x}.scatter_reduce(0, {at}, {source}, 'mean')")
    same(oracle, f"{x}.scatter_reduce(0, {at}, {source}, 'mean', include_self=False)")
    same(oracle, f"{x}.scatter(0, {at}, 1 - 2j)")
    same(oracle, f"{x}.scatter_(0, {at}, 1 - 2j, reduce='add')")


def test_decompositions_do_no_more_than_they_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eigenvalues alone take no eigenvectors, and least squares one decomposition."""
    a = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
    expected = [torch.linalg.eigh(a)[0], torch.linalg.eig(a)[0].real.sort()[0]]
    calls = []
    original = np.linalg.svd
    monkeypatch.setattr(np.linalg, "svd", lambda *args: calls.append(args) or original(*args))
    monkeypatch.setattr(np.linalg, "eigh", None)
    monkeypatch.setattr(np.linalg, "eig", None)
    found = [torch.linalg.eigvalsh(a), torch.linalg.eigvals(a).real.sort()[0]]
    for x, y in zip(found, expected):
        np.testing.assert_allclose(x.numpy(), y.numpy(), 1e-6)
    solution, _, rank, values = torch.linalg.lstsq(a, a, driver="gelsd")
    np.testing.assert_allclose(solution.numpy(), np.eye(2), atol=1e-6)
    assert len(calls) == 1 and rank.item() == 2
    np.testing.assert_allclose(values.numpy(), expected[0].numpy()[::-1], 1e-6)


@pytest.mark.parametrize("shape", ["(3, 0)", "(0, 3)", "(2, 3, 0)"])
@pytest.mark.parametrize("driver", ["gels", "gelsy", "gelsd"])
def test_least_squares_of_nothing(shape: str, driver: str, oracle: ModuleType) -> None:
    same(oracle, f"torch.linalg.lstsq(torch.ones({shape}), torch.ones({shape}), driver='{driver}')")


REFUSED = {
    "boolean size": lambda t: t.zeros(1).view(True, -1),
    "boolean sizes": lambda t: t.zeros(1).view((True, -1)),
    "boolean repeats": lambda t: t.zeros(1).repeat(True),
    "boolean dimension": lambda t: t.zeros(1).flip((False,)),
    "fraction as size": lambda t: t.nn.functional.interpolate(t.zeros(1, 2, 3), 0.5),
    "row of values": lambda t: t.zeros(2, 5).index_fill(1, t.tensor([0, 1]), t.zeros(2)),
    "kernel of nothing": lambda t: t.nn.functional.conv_transpose2d(t.zeros(2, 2, 3, 4), t.zeros(2, 3, 3, 0)),
    "made format": lambda t: t.memory_format("x"),
    "bools without arithmetic": lambda t: t.nn.functional.triplet_margin_loss(*[t.ones(2, 3).bool()] * 3),
    "single class for a batch": lambda t: t.nn.functional.cross_entropy(t.ones(2, 1), t.tensor(0)),
    "classes of a number": lambda t: t.nn.functional.cross_entropy(t.tensor(1.0), t.tensor([0])),
    "pool of no tensor": lambda t: t.nn.functional.max_pool2d(2, 2),
    "single number unflattened": lambda t: t.tensor(1.0).unflatten(0, (1, -1)),
    "bilinear bools": lambda t: t.nn.functional.bilinear(*[t.ones(2, 3).bool()] * 2, t.ones(2, 3, 3).bool()),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals_are_of_the_oracles_kind(what: str, oracle: ModuleType) -> None:
    with pytest.raises(Exception) as theirs:
        REFUSED[what](oracle)
    with pytest.raises(RuntimeError if isinstance(theirs.value, RuntimeError) else theirs.type):
        REFUSED[what](torch)


@pytest.mark.parametrize("amounts", [(-1, 3), (-2, 2), (3, -1), (-4, 2)])
def test_circular_padding_takes_from_what_is_left(amounts: tuple[int, int]) -> None:
    with pytest.raises(RuntimeError, match=r"wrapping around|empty dimension"):
        torch.nn.functional.pad(torch.zeros(2, 3), amounts, "circular")
