"""The parametrization of orthogonal matrices against the oracle."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from outcomes import assert_same_error

import kagari

MAPS = ["matrix_exp", "cayley", "householder"]


def made(lib: ModuleType, shape: tuple[int, int], orthogonal_map: str | None, trivial: bool, dtype: str) -> Any:
    lib.manual_seed(5)
    layer = lib.nn.Linear(shape[1], shape[0], dtype=getattr(lib, dtype))
    orthogonal = lib.nn.utils.parametrizations.orthogonal
    return orthogonal(layer, orthogonal_map=orthogonal_map, use_trivialization=trivial)


def values(state: dict[str, Any], seed: int) -> dict[str, list[Any]]:
    """Random numbers in place of the original, with signs on the diagonal, which reflections have there."""
    random, found = np.random.default_rng(seed), {}
    for name, t in state.items():
        numbers = np.array(t.numpy())
        if name.endswith("original"):
            numbers = random.standard_normal(numbers.shape)
            numbers = numbers + 1j * random.standard_normal(numbers.shape) if t.is_complex() else numbers
            np.fill_diagonal(numbers, [(-1) ** i for i in range(min(numbers.shape))])
        found[name] = numbers.tolist()
    return found


@pytest.mark.parametrize("trivial", [True, False])
@pytest.mark.parametrize("orthogonal_map", [*MAPS, None])
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (2, 4)])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_the_same_matrix(
    dtype: str, shape: tuple[int, int], orthogonal_map: str | None, trivial: bool, oracle: ModuleType
) -> None:
    if dtype == "complex128" and (orthogonal_map == "householder" or not trivial):
        return assert_same_error(lambda lib: made(lib, shape, "householder", trivial, dtype), oracle, kagari)
    if not trivial and orthogonal_map in ("matrix_exp", "cayley", None if shape == (4, 4) else "cayley"):
        return assert_same_error(
            lambda lib: setattr(
                made(lib, shape, orthogonal_map, trivial, dtype), "weight", lib.ones(shape, dtype=getattr(lib, dtype))
            ),
            oracle,
            kagari,
        )
    theirs, ours = (made(lib, shape, orthogonal_map, trivial, dtype) for lib in (oracle, kagari))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    state, results = values(theirs.state_dict(), 3), []
    for lib, layer in ((oracle, theirs), (kagari, ours)):
        layer.load_state_dict({k: lib.tensor(v, dtype=getattr(lib, dtype)) for k, v in state.items()})
        weight = layer.weight
        (weight * weight.conj() * lib.arange(shape[1])).sum().abs().backward()
        original = layer.parametrizations.weight.original
        results.append((weight.detach().numpy(), original.grad.numpy()))
    for mine, other in zip(results[1], results[0]):
        np.testing.assert_allclose(mine, other, 1e-8, 1e-9)
    q = results[1][0] if shape[0] >= shape[1] else results[1][0].conj().T
    np.testing.assert_allclose(q.conj().T @ q, np.eye(min(shape)), atol=1e-10)
    return None


@pytest.mark.parametrize("orthogonal_map", MAPS)
def test_what_is_assigned(orthogonal_map: str, oracle: ModuleType) -> None:
    """Orthogonal matrices are kept, of others the nearest directions are; without a base only reflections can do it."""
    turned = [[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, -1.0]]
    for given in (turned, [[2.0, 1.0, 0.0], [0.0, 1.0, 3.0], [1.0, 1.0, 1.0]]):
        found = []
        for lib in (kagari, oracle):
            layer = made(lib, (3, 3), orthogonal_map, True, "float64")
            layer.weight = lib.tensor(given, dtype=lib.float64)
            found.append(layer.weight.detach().numpy())
        np.testing.assert_allclose(*found, atol=1e-12)
    layer = made(kagari, (3, 2), "householder", False, "float64")
    layer.weight = kagari.tensor([[0.6, -0.8], [0.8, 0.6], [0.0, 0.0]], dtype=kagari.float64)
    np.testing.assert_allclose(layer.weight.detach().numpy()[:2], np.array(turned)[:2, :2], atol=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda orthogonal, nn, lib: orthogonal(nn.Linear(3, 2), "x"),
        lambda orthogonal, nn, lib: orthogonal(nn.Linear(3, 2), "bias"),
        lambda orthogonal, nn, lib: orthogonal(nn.Linear(3, 2), orthogonal_map="q"),
        lambda orthogonal, nn, lib: setattr(orthogonal(nn.Linear(3, 3)), "weight", lib.eye(4)),
    ],
)
def test_refused(call: Any, oracle: ModuleType) -> None:
    assert_same_error(lambda lib: call(lib.nn.utils.parametrizations.orthogonal, lib.nn, lib), oracle, kagari)
