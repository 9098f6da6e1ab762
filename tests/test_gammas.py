"""Draws from gamma and Dirichlet distributions next to the oracle's, and how they move with the parameters."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from outcomes import assert_same_error

import kagari

CONCENTRATIONS = [0.0, 0.01, 0.5, 1.0, 3.0, 40.0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["_standard_gamma", "_sample_dirichlet"])
def test_draws_are_the_oracles(name: str, dtype: str, oracle: ModuleType) -> None:
    drawn = []
    for lib in (kagari, oracle):
        lib.manual_seed(3)
        at = lib.tensor([CONCENTRATIONS] * 50, dtype=getattr(lib, dtype))
        made = getattr(lib, name)(at), getattr(lib, name)(at, generator=lib.Generator().manual_seed(5))
        drawn.append([t.numpy() for t in (*made, lib.rand(3), lib.randn(3))])
    for ours, theirs in zip(*drawn):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-38)


@pytest.mark.parametrize("a", [1e-3, 0.03, 0.3, 1.0, 2.5, 9.0, 50.0, 400.0])
def test_gamma_slopes(a: float) -> None:
    """dx/da = -(dP/da) / p, with the difference quotient of the distribution function."""
    x = kagari.tensor([1e-3, 0.1, 0.5, 0.9, 1.0, 1.1, 2.0], dtype=kagari.float64) * a
    at = kagari.full_like(x, a)
    h = 1e-5 * a
    change = (kagari.igamma(at + h, x) - kagari.igamma(at - h, x)) / (2 * h)
    density = ((at - 1) * x.log() - x - at.lgamma()).exp()
    known = density > 1e-30
    found = kagari._standard_gamma_grad(at, x)
    kagari.testing.assert_close(found[known], (-change / density)[known], rtol=1e-5, atol=1e-7)
    assert found.isfinite().all()


@pytest.mark.parametrize("a", [1e-3, 0.05, 1.0, 30.0])
@pytest.mark.parametrize("b", [1e-3, 0.05, 1.0, 30.0])
def test_beta_slopes(a: float, b: float) -> None:
    """d ln F / da and d ln (1 - F) / da by another quadrature, of the density in the logit."""
    x = kagari.tensor([1e-6, 0.01, 0.2, 0.5, 0.8, 0.99, 1 - 1e-6], dtype=kagari.float64)
    steps = kagari.exp(kagari.linspace(-40.0, 12.0, 20001, dtype=kagari.float64))
    found = kagari._dirichlet_grad(x, kagari.full_like(x, a), kagari.full_like(x, a + b))
    c = kagari.digamma(kagari.tensor([a, a + b], dtype=kagari.float64))
    for at, slope in zip(x.tolist(), found.tolist()):
        below = at < a / (a + b)
        # ln t and ln (1 - t) of logit t = logit at ± steps.
        odds = np.log(at) - np.log1p(-at) + (-steps if below else steps)
        log_t, log_rest = -kagari.nn.functional.softplus(-odds), -kagari.nn.functional.softplus(odds)
        height = (a * (log_t - np.log(at)) + b * (log_rest - np.log1p(-at))).exp()
        part = kagari.trapezoid((log_t - c[0] + c[1]) * height * steps, steps.log()).item()
        np.testing.assert_allclose(slope, -at * part if below else at * part, rtol=1e-5, atol=1e-300)


def test_gradients_reach_the_parameters(oracle: ModuleType) -> None:
    pairs = (
        (kagari._standard_gamma, oracle._standard_gamma),
        (kagari._sample_dirichlet, lambda at: oracle.distributions.Dirichlet(at).rsample()),
    )
    for pair in pairs:
        found = []
        for lib, draw in zip((kagari, oracle), pair):
            lib.manual_seed(3)
            at = lib.tensor([[0.5, 2.0, 9.0]] * 20, dtype=lib.float64, requires_grad=True)
            (draw(at) ** 2).sum().backward()
            found.append(at.grad.numpy())
        np.testing.assert_allclose(*found, rtol=5e-3, atol=5e-4)


ERRORS = """
lib._standard_gamma(lib.tensor([1]))
lib._standard_gamma(lib.ones(2, dtype=lib.float16))
lib._sample_dirichlet(lib.tensor([1]))
lib._standard_gamma_grad(lib.ones(2, dtype=lib.bfloat16), lib.ones(2, dtype=lib.bfloat16))
"""


@pytest.mark.parametrize("text", ERRORS.strip().splitlines())
def test_errors(text: str, oracle: ModuleType) -> None:
    assert_same_error(lambda lib: eval(text, {"lib": lib}), oracle, kagari)
