"""torch.signal.windows, beside PyTorch's."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import kagari as torch

OWN: dict[str, list[dict[str, Any]]] = {
    "general_cosine": [{"a": [0.5, 0.5]}, {"a": [0.5]}, {"a": (0.1, 0.2, 0.3)}],
    "exponential": [{}, {"tau": 3.0}],
    "gaussian": [{}, {"std": 0.5}],
    "kaiser": [{}, {"beta": 0.0}, {"beta": 3.5}],
    "general_hamming": [{}, {"alpha": 0.3}],
}


@pytest.mark.parametrize("name", torch.signal.windows.__all__)
def test_are_the_oracles(name: str, oracle: ModuleType) -> None:
    import torch.signal.windows as theirs

    assert set(torch.signal.windows.__all__) == set(theirs.__all__)
    for own in OWN.get(name, [{}]):
        for length in (0, 1, 2, 3, 8, 31):
            for sym in (True, False):
                for kind in ("float32", "float64"):
                    a = getattr(torch.signal.windows, name)(length, sym=sym, dtype=getattr(torch, kind), **own)
                    b = getattr(theirs, name)(length, sym=sym, dtype=getattr(oracle, kind), **own)
                    tolerance = 1e-6 if kind == "float32" else 1e-14
                    assert a.tolist() == pytest.approx(b.tolist(), abs=tolerance), (own, length, sym)
                    assert str(a.dtype) == str(b.dtype)


WRONG: list[tuple[str, Any, dict[str, Any]]] = [
    *[(name, -1, {"a": [1]} if name == "general_cosine" else {}) for name in torch.signal.windows.__all__],
    ("bartlett", 5, {"dtype": "float16"}),
    ("blackman", 5, {"dtype": "int32"}),
    ("general_cosine", 5, {"a": []}),
    ("general_cosine", 5, {"a": 0.5}),
    ("exponential", 5, {"center": 1.0}),
    ("exponential", 5, {"tau": -1}),
    ("gaussian", 5, {"std": 0}),
    ("kaiser", 5, {"beta": -1}),
]


@pytest.mark.parametrize("name, length, how", WRONG)
def test_errors_are_the_oracles(name: str, length: Any, how: dict[str, Any], oracle: ModuleType) -> None:
    import torch.signal.windows as theirs

    failures = []
    for library, windows in ((torch, torch.signal.windows), (oracle, theirs)):
        given = {k: getattr(library, v) if k == "dtype" else v for k, v in how.items()}
        with pytest.raises((TypeError, ValueError)) as failure:
            getattr(windows, name)(length, **given)
        failures.append((failure.type, str(failure.value)))
    assert failures[0] == failures[1]


def test_centre_gradient_and_default_dtype() -> None:
    window = torch.signal.windows.exponential(4, center=1.0, sym=False, requires_grad=True)
    assert window.requires_grad and window.is_leaf
    assert window.tolist() == pytest.approx([0.3678794, 1.0, 0.3678794, 0.1353353])
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.signal.windows.hann(4).dtype is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.signal.windows.hann(4, device="meta").is_meta
