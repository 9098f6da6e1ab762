"""Special functions far from where samples are, and what `torch.special` shows, next to the oracle."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

import kagari

FAR = [-40.0, -9.0, -2.5, -1.0, -0.3, 0.0, 1e-4, 0.7, 3.0, 7.9, 8.1, 19.9, 20.1, 60.0, 300.0]
GRIDS = {
    "i0": FAR, "i0e": FAR, "i1": FAR, "i1e": FAR, "erfcx": [x for x in FAR if x > -20], "log_ndtr": FAR, "ndtr": FAR,
    "ndtri": [0.0, 1e-300, 1e-20, 1e-8, 1e-3, 0.049, 0.051, 0.3, 0.5, 0.7, 0.99, 1 - 1e-9, 1.0, -0.1, 1.1],
    "entr": [-1.0, 0.0, 1e-300, 0.5, 1.0, 1e6],
}  # fmt: skip


@pytest.mark.parametrize("name", GRIDS)
def test_far_out(name: str, oracle: ModuleType) -> None:
    for dtype, tolerance in (("float64", 1e-11), ("float32", 5e-5)):
        values, gradients = [], []
        for lib in (kagari, oracle):
            x = lib.tensor(GRIDS[name], dtype=getattr(lib, dtype), requires_grad=True)
            y = getattr(lib.special, name)(x)
            y.sum().backward()
            values.append(y.detach().numpy())
            gradients.append(x.grad.numpy())
        np.testing.assert_allclose(*values, rtol=tolerance, atol=1e-15)
        np.testing.assert_allclose(*gradients, rtol=10 * tolerance, atol=1e-6)


def test_zeta_and_polygamma(oracle: ModuleType) -> None:
    at = [-3.3, -0.5, 0.1, 0.9, 2.0, 30.0, 1e4]
    for n in (2, 3, 7):
        got, want = (lib.special.zeta(float(n), lib.tensor(at, dtype=lib.float64)).numpy() for lib in (kagari, oracle))
        np.testing.assert_allclose(got, want, rtol=1e-10)
        got, want = (
            lib.polygamma(n, lib.tensor([x for x in at if x > 0], dtype=lib.float64)).numpy()
            for lib in (kagari, oracle)
        )
        np.testing.assert_allclose(got, want, rtol=1e-10)


def test_names(oracle: ModuleType) -> None:
    assert set(kagari.special.__all__) <= set(oracle.special.__all__)
    assert sorted(dir(kagari.special)) == kagari.special.__all__
    x = kagari.tensor([0.3, 0.6])
    assert kagari.special.expit(x).equal(kagari.sigmoid(x))
    assert kagari.special.gammaln(x).equal(kagari.lgamma(x))
    with pytest.raises(AttributeError, match=r"module 'kagari.special' has no attribute 'nonsense'"):
        _ = kagari.special.nonsense
