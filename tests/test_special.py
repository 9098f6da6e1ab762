"""Special functions far from where samples are, and what `torch.special` shows, next to the oracle."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from outcomes import assert_same_error

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
    assert set(kagari.special.__all__) == set(oracle.special.__all__)
    assert sorted(dir(kagari.special)) == kagari.special.__all__
    x = kagari.tensor([0.3, 0.6])
    assert kagari.special.expit(x).equal(kagari.sigmoid(x))
    assert kagari.special.gammaln(x).equal(kagari.lgamma(x))
    with pytest.raises(AttributeError, match=r"module 'kagari.special' has no attribute 'nonsense'"):
        _ = kagari.special.nonsense


# The oracle's of these are off by up to 1e-5 in some places; these are the numbers, computed with 30 digits.
EXACT = {
    "airy_ai": {
        -30.5: -0.0043336372887428654, -9.9: 0.13623502644797943, -2.1: 0.16348451299929268, 0.0:
        0.35502805388781724, 0.3: 0.27880648195500492, 2.0: 0.034924130423274379, 12.5: 2.3968278260780499e-14,
    },
    "bessel_j0": {
        0.1: 0.99750156206604003, 5.0: -0.1775967713143383, 19.9: 0.17287775639261846, 20.1: 0.15953606793729709,
        150.0: -0.00077409037539429125,
    },
    "bessel_j1": {
        0.1: 0.049937526036242, 5.0: -0.32757913759146522, 19.9: 0.050117424807379741, 20.1: 0.082801005760209763,
        150.0: -0.06514516365772736,
    },
    "bessel_y0": {
        0.1: -1.5342386513503668, 5.0: -0.30851762524903378, 19.9: 0.045762094159385479, 20.1: 0.078810592428750293,
        150.0: -0.065142221509037355,
    },
    "bessel_y1": {
        0.1: -6.4589510947020266, 5.0: 0.14786314339122684, 19.9: -0.17178303121049256, 20.1: -0.15762598074781154,
        150.0: 0.00055695634956083998,
    },
    "scaled_modified_bessel_k0": {
        0.001: 7.0307160023782515, 0.1: 2.6823261022628943, 1.9: 0.86145061675175579, 2.1: 0.82301715253166206,
        500.0: 0.056035915417234515,
    },
    "scaled_modified_bessel_k1": {
        0.001: 1000.9967345590684, 0.1: 10.890182683049696, 1.9: 1.06747092981457, 2.1: 1.0023680527405791, 500.0:
        0.056091923370555569,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_exact_to_rounding(name: str) -> None:
    found = getattr(kagari.special, name)(kagari.tensor(list(EXACT[name]), dtype=kagari.float64)).numpy()
    np.testing.assert_allclose(found, list(EXACT[name].values()), rtol=2e-13, atol=5e-15)


POLYNOMIALS = ("hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p")
CALLS = """
f(x, 0)
f(x, 1)
f(x, 2.7)
f(x, -1)
f(x, 13)
f(x, n)
f(1.5, n)
f(3, n)
f(x.double(), n)
f(x, n.double())
f(x.long(), n)
f(x > 0, n)
f(x[:0], 5)
f(x[:, None], n)
f(x, n, out=torch.empty(6))
"""


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials(name: str, oracle: ModuleType) -> None:
    for text in CALLS.strip().splitlines():
        found = []
        for lib in (kagari, oracle):
            x = lib.tensor([-1.0, 0.5, 1.0, 2.0, -2.5, 0.0], requires_grad="out" not in text)
            names = {"f": getattr(lib.special, name), "x": x, "n": lib.tensor([0, 1, 2, 5, 9, -1]), "torch": lib}
            found.append(eval(text, names))
        assert str(found[0].dtype).split(".")[1] == str(found[1].dtype).split(".")[1], text
        assert found[0].requires_grad == found[1].requires_grad, text
        np.testing.assert_allclose(found[0].numpy(), found[1].numpy(), rtol=1e-5, atol=1e-5, err_msg=text)


@pytest.mark.parametrize("name", POLYNOMIALS)
@pytest.mark.parametrize("text", ["(x.half(), 2)", "(x.bfloat16(), 2)", "(x + 0j, 2)", "(2.0, 3)"])
def test_polynomials_refuse(text: str, name: str, oracle: ModuleType) -> None:
    call = f"lib.special.{name}{text}"
    assert_same_error(lambda lib: eval(call, {"lib": lib, "x": lib.ones(2)}), oracle, kagari)
