"""Initial values that need more than one draw for each number, and the old names, against the oracle."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import pytest

import kagari

DEPRECATED = (
    "uniform normal constant eye dirac xavier_uniform xavier_normal kaiming_uniform kaiming_normal orthogonal sparse"
)

FILLS = {
    **{
        f"dirac of {shape} in {groups}": lambda t, i, shape=shape, groups=groups: i.dirac_(t.full(shape, 7.0), groups)
        for shape in ((3, 2), (3, 2, 3), (4, 2, 3, 2), (2, 3, 1, 2, 2), (2, 2, 2, 2, 2, 2), (0, 2, 3))
        for groups in (1, 2)
    },
    **{
        f"orthogonal {shape}": lambda t, i, shape=shape: i.orthogonal_(t.empty(shape), 2.0)
        for shape in ((3,), (3, 3), (2, 5), (5, 2), (4, 2, 3), (3, 0), (40, 30))
    },
    "orthogonal transposed": lambda t, i: i.orthogonal_(t.empty(4, 3).t()),
    "orthogonal doubles": lambda t, i: i.orthogonal_(t.empty(4, 3, dtype=t.float64)),
    "orthogonal halves": lambda t, i: i.orthogonal_(t.empty(4, 3, dtype=t.float16)),
    "orthogonal integers": lambda t, i: i.orthogonal_(t.empty(4, 3, dtype=t.int64)),
    "orthogonal generated": lambda t, i: i.orthogonal_(t.empty(4, 3), generator=t.Generator().manual_seed(3)),
    "sparse": lambda t, i: i.sparse_(t.empty(6, 4), 0.3),
    "sparse generated": lambda t, i: i.sparse_(t.empty(6, 4), 0.5, 2.0, t.Generator().manual_seed(3)),
    "sparse all": lambda t, i: i.sparse_(t.empty(4, 3), 1.5),
    "sparse vector": lambda t, i: i.sparse_(t.empty(4), 0.3),
    "sparse parameter": lambda t, i: i.sparse_(t.nn.Parameter(t.empty(4, 3)), 0.3),
}


def outcome(fill: Any, lib: ModuleType) -> tuple[Any, ...]:
    """The values and the next random numbers, or the error."""
    lib.manual_seed(11)
    try:
        filled = fill(lib, lib.nn.init)
    except Exception as error:
        return type(error).__name__, str(error)
    values = [*filled.detach().reshape(-1).tolist(), *lib.rand(2).tolist()]
    return tuple(filled.shape), pytest.approx(values, rel=2e-5, abs=2e-6) if lib is not kagari else values


@pytest.mark.parametrize("name", FILLS)
def test_values(name: str, oracle: ModuleType) -> None:
    assert outcome(FILLS[name], kagari) == outcome(FILLS[name], oracle)


@pytest.mark.parametrize("name", DEPRECATED.split())
def test_old_name(name: str, oracle: ModuleType) -> None:
    said = []
    for lib in (kagari, oracle):
        weight = lib.zeros(2, 2, 2) if name == "dirac" else lib.zeros(2, 2)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            old = getattr(lib.nn.init, name)
            assert old(weight, *([0.3] if name in ("constant", "sparse") else [])) is weight
        said.append([(old.__name__, w.category, str(w.message)) for w in caught])
    assert said[0] == said[1]


def test_names_are_the_oracles(oracle: ModuleType) -> None:
    theirs = {
        name
        for name, value in vars(oracle.nn.init).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == "torch.nn.init" and callable(value)
    }
    assert theirs - set(kagari.nn.init.__all__) == set()
