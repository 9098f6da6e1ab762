"""Invertible functions and the registries of them, next to the oracle."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from outcomes import assert_same_error

import kagari

MADE = """
AbsTransform()
AffineTransform(1.0, -2.0)
CatTransform([ExpTransform(), AffineTransform(1.0, 2.0)], -1, [1, 2])
CatTransform([ExpTransform(), AffineTransform(1.0, 2.0)], 0, [2, 2])
ComposeTransform([AffineTransform(1.0, 0.5), SoftplusTransform(), StickBreakingTransform()])
CorrCholeskyTransform()
CumulativeDistributionTransform(Normal(0.5, 2.0))
ExpTransform()
ExpTransform().inv.inv
IndependentTransform(SigmoidTransform(), 1)
PowerTransform(lib.tensor([2.0, 0.5, -1.0]))
ReshapeTransform((4, 3), (2, 6))
SigmoidTransform()
SoftmaxTransform()
SoftplusTransform()
StackTransform([ExpTransform(), TanhTransform(), AffineTransform(0.0, 2.0)], -1)
StickBreakingTransform()
TanhTransform()
biject_to(constraints.greater_than(2.0))
biject_to(constraints.less_than(2.0))
biject_to(constraints.half_open_interval(-1.0, 3.0))
biject_to(constraints.interval(0, 1))
biject_to(constraints.simplex)
transform_to(constraints.simplex)
biject_to(constraints.independent(constraints.positive, 1))
biject_to(constraints.cat([constraints.real, constraints.positive], -1, [1, 2]))
biject_to(constraints.stack([constraints.real, constraints.positive, constraints.unit_interval], -1))
transform_to(constraints.corr_cholesky)
transform_to(constraints.real_vector)
SQUARE LowerCholeskyTransform()
SQUARE PositiveDefiniteTransform()
SQUARE transform_to(constraints.lower_cholesky)
SQUARE transform_to(constraints.positive_semidefinite)
""".strip().splitlines()


def known(lib: ModuleType, text: str) -> dict[str, Any]:
    """What a transform says of itself, of numbers, and of their gradients."""
    shape = (2, 3, 3) if text.startswith("SQUARE") else (4, 3)
    made = eval(text.removeprefix("SQUARE "), {"lib": lib, **vars(lib.distributions)})
    x = lib.linspace(-0.9, 1.3, shape[0] * shape[1] * (3 if len(shape) == 3 else 1), dtype=lib.float64).reshape(shape)
    x = (x.abs() + 0.1 if "Power" in text else x).requires_grad_()
    y = made(x)
    found: dict[str, Any] = {"repr": repr(made), "y": y, "x": made.inv(y.detach()), "bijective": made.bijective}
    found["shapes"] = tuple(made.forward_shape(x.shape)), tuple(made.inverse_shape(y.shape))
    found["sets"] = made.domain.event_dim, made.codomain.event_dim, repr(made.domain), repr(made.codomain)
    for name, question in (
        ("sign", lambda: made.sign),
        ("slope", lambda: made.log_abs_det_jacobian(x, y)),
        ("dim", lambda: made.event_dim),
    ):
        try:
            found[name] = question()
        except (NotImplementedError, ValueError) as error:
            found[name] = type(error)
    parts = [y, *(v for v in (found["slope"],) if isinstance(v, lib.Tensor))]
    loss = sum((v * v).sum() for v in parts)
    (found["grad"],) = lib.autograd.grad(loss, x)
    return {k: v.detach().numpy() if isinstance(v, lib.Tensor) else v for k, v in found.items()}


@pytest.mark.parametrize("text", MADE)
def test_transforms(text: str, oracle: ModuleType) -> None:
    ours, theirs = known(kagari, text), known(oracle, text)
    for name, other in theirs.items():
        if isinstance(other, np.ndarray):
            np.testing.assert_allclose(ours[name], other, rtol=1e-6, atol=1e-7, err_msg=name)
        else:
            assert ours[name] == other, name


def test_all_names_are_there(oracle: ModuleType) -> None:
    for name in ("", ".transforms", ".constraints"):
        ours, theirs = kagari.distributions, oracle.distributions
        for part in name.split(".")[1:]:
            ours, theirs = getattr(ours, part), getattr(theirs, part)
        assert set(theirs.__all__) <= {*ours.__all__}, name


def test_caches() -> None:
    f = kagari.distributions.ExpTransform()
    kept = f.with_cache()
    assert f.with_cache(0) is f and kept._cache_size == 1 and kept == f
    x = kagari.tensor([700.0])
    assert kept.inv(kept(x)) is x
    assert f.inv(f(x)).isinf()


ERRORS = """
Transform().sign
StickBreakingTransform().event_dim and SoftmaxTransform().forward_shape(())
SoftmaxTransform().log_abs_det_jacobian(lib.ones(2), lib.ones(2))
CorrCholeskyTransform().forward_shape((4,))
CorrCholeskyTransform().inverse_shape((4, 3))
ReshapeTransform((4,), (3,))
ReshapeTransform((4,), (2, 2)).forward_shape((7, 3))
IndependentTransform(ExpTransform(), 2)(lib.ones(2))
biject_to(constraints.lower_cholesky)
transform_to(constraints.boolean)
biject_to.register(3, lambda constraint: None)
CorrCholeskyTransform().event_dim
"""


@pytest.mark.parametrize("text", ERRORS.strip().splitlines())
def test_errors(text: str, oracle: ModuleType) -> None:
    assert_same_error(lambda lib: eval(text, {"lib": lib, **vars(lib.distributions)}), oracle, kagari)
