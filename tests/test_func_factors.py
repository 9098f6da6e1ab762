"""`torch.func.vmap` over factors of matrices, least squares and checkpoints."""

from __future__ import annotations

from typing import Any

import pytest

import kagari
from kagari import linalg
from kagari.func import grad, jacfwd, jacrev, vmap
from kagari.utils.checkpoint import checkpoint

A = kagari.tensor([[[2.0, 1.0], [1.0, 3.0]], [[1.0, 4.0], [2.0, 5.0]]], dtype=kagari.float64)
B = kagari.tensor([[1.0], [2.0]], dtype=kagari.float64)
DIFFERENTIABLE = {
    "lu_factor": lambda a: linalg.lu_factor(a).LU,
    "lu": lambda a: linalg.lu(a).L @ linalg.lu(a).U * 2,
    "lu_unpack": lambda a: kagari.lu_unpack(*linalg.lu_factor(a)).U,
    "lu_solve": lambda a: linalg.lu_solve(*linalg.lu_factor(a), B),
    "lstsq": lambda a: linalg.lstsq(a, B).solution,
    "pinv": lambda a: linalg.pinv(a),
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_examples_are_one_call(name: str) -> None:
    f = DIFFERENTIABLE[name]
    kagari.testing.assert_close(vmap(f)(A), kagari.stack([f(a) for a in A]))
    jacobians = kagari.stack([jacrev(f)(a) for a in A])
    kagari.testing.assert_close(vmap(jacrev(f))(A), jacobians)
    kagari.testing.assert_close(vmap(jacfwd(f))(A), jacobians)


@pytest.mark.parametrize("shape", [(3, 4, 2), (3, 2, 4)])
@pytest.mark.parametrize("driver", ["gels", "gelsy", "gelsd", "gelss"])
def test_least_squares_with_all_its_results(shape: tuple[int, ...], driver: str) -> None:
    kagari.manual_seed(0)
    x = kagari.randn(shape, dtype=kagari.float64)

    def solved(a: Any) -> Any:
        return list(linalg.lstsq(a, a[:, :1], driver=driver))

    for many, one in zip(vmap(solved)(x), zip(*[solved(a) for a in x], strict=True), strict=True):
        kagari.testing.assert_close(many, kagari.stack(one))


def test_symmetric_factors() -> None:
    symmetric = A @ A.mT

    def solved(a: Any) -> Any:
        return linalg.ldl_solve(*linalg.ldl_factor(a), B)

    kagari.testing.assert_close(vmap(solved)(symmetric), linalg.solve(symmetric, B.expand(2, 2, 1)))


def test_a_singular_example_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"\(Batch element 1\): U\[2,2\] is zero"):
        vmap(linalg.lu_factor)(kagari.stack([A[0], kagari.ones(2, 2, dtype=kagari.float64)]))
    assert vmap(linalg.lu_factor_ex)(kagari.zeros(2, 2, 2)).info.tolist() == [1, 1]


def test_checkpoints() -> None:
    def f(x: Any) -> Any:
        return checkpoint(lambda y: (y.sin() * y).sum(), x, use_reentrant=False)

    x = kagari.arange(6.0).reshape(2, 3)
    kagari.testing.assert_close(vmap(f)(x), (x.sin() * x).sum(1))
    kagari.testing.assert_close(vmap(grad(f))(x), x.cos() * x + x.sin())
