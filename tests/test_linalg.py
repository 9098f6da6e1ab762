"""Linear algebra against the oracle: values, gradients, second gradients, errors.

Factors that are unique up to signs are compared by what does not depend on these.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from outcomes import evaluated

import kagari

_random = np.random.default_rng(3)
ARRAYS = {
    "a": _random.normal(size=(2, 3, 3)), "t": _random.normal(size=(4, 3)), "w": _random.normal(size=(2, 2, 3)),
    "v": _random.normal(size=3), "b": _random.normal(size=(3, 2)), "i": _random.normal(size=(2, 3, 3)),
    "j": _random.normal(size=(4, 3)), "k": _random.normal(size=(2, 2, 3)), "l": _random.normal(size=3),
    "m": _random.normal(size=(3, 2)),
}  # fmt: skip
IMAGINARY = {"a": "i", "t": "j", "w": "k", "v": "l", "b": "m"}

# Expressions of square matrices a, a tall one t, wide ones w, a vector v, a matrix b that fits a, and p, which is
# positive definite.
SMOOTH = """
L.inv(a)
L.det(a)
L.slogdet(a)
torch.logdet(p)
L.solve(a, v)
L.solve(a, b)
L.solve(a, w, left=False)
L.cholesky(p)
L.cholesky(p, upper=True)
torch.cholesky_solve(b, L.cholesky(a @ adjoint(a)))
torch.cholesky_inverse(L.cholesky(p, upper=True), True)
L.solve_triangular(a, b, upper=False)
L.solve_triangular(a, w, upper=True, left=False, unitriangular=True)
torch.triangular_solve(b, a, transpose=True)[0]
L.lu(a)
L.lu(t)
L.lu(w)
L.lu_factor(w)[0]
L.lu_solve(*L.lu_factor(a), b, adjoint=True)
L.lu_solve(*L.lu_factor(a), w, left=False)
L.qr(a)
L.qr(t)
L.qr(w)
L.svdvals(w)
[x.abs() for x in L.svd(t, full_matrices=False)]
[x.abs() for x in L.svd(w, full_matrices=False)]
[x.abs() for x in L.eigh(p)]
L.eigvalsh(p, UPLO="U")
[x.abs() for x in L.eig(a)]
L.eigvals(a)
torch.orgqr(t, v * 0.3)
L.householder_product(t[:, :2], v[:2])
torch.ormqr(t, v * 0.3, t, transpose=True)
torch.ormqr(a[0], v * 0.3, w[1], left=False)
L.pinv(t)
L.pinv(w)
L.lstsq(t, t[:, 0]).solution
L.lstsq(w, w[..., :1]).solution
L.cond(a)
L.matrix_exp(a)
L.matrix_exp(a * 9) * 1e-14
torch.matrix_power(a, 5)
torch.matrix_power(a, -2)
L.multi_dot([t, b, w[0], v])
L.matrix_norm(a, "nuc", dim=(2, 0), keepdim=True)
L.matrix_norm(w, -2)
L.matrix_norm(w, float("inf"))
L.norm(t, 2)
L.vector_norm(w, 3, dim=(0, 1))
L.vecdot(w, v)
L.cross(t, v[None])
L.vander(v, N=4)
torch.kron(b, v)
torch.tensordot(w, b, 1)
torch.vdot(v, b[:, 0])
""".strip().splitlines()
# Of these the second gradient of PyTorch is another one, or none, or takes long for what it shows.
FIRST_ONLY = ("upper=False)", "upper=True, left", "L.pinv")


def _names(lib: ModuleType, dtype: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, other in IMAGINARY.items():
        values = ARRAYS[name] + (1j * ARRAYS[other] if dtype.startswith("complex") else 0)
        made[name] = lib.tensor(values.tolist(), dtype=getattr(lib, dtype)).requires_grad_()
    made["p"] = made["a"] @ made["a"].mT.conj() + lib.eye(3, dtype=getattr(lib, dtype))
    return made


def _squares(x: Any) -> Any:
    return (x * x.conj()).real if x.is_complex() else x * x


def _loss(lib: ModuleType, parts: list[Any]) -> Any:
    """A number that depends on every element in its own way."""
    total: Any = 0
    for x in parts:
        weight = np.cos(np.arange(x.numel())).reshape(tuple(x.shape))
        total = total + (lib.tensor(weight.tolist(), dtype=lib.float64).reshape(x.shape) * _squares(x)).sum()
    return total


def _results(lib: ModuleType, source: str, dtype: str) -> list[Any]:
    names = _names(lib, dtype)
    leaves = [names[n] for n in IMAGINARY]
    found = eval(source, {"torch": lib, "L": lib.linalg, "adjoint": lambda x: x.mT.conj(), **names})
    parts = list(found) if isinstance(found, tuple | list) else [found]
    first = lib.autograd.grad(_loss(lib, parts), leaves, create_graph=True, allow_unused=True)
    results = [*parts, *first]
    if not any(text in source for text in FIRST_ONLY):
        loss = _loss(lib, [g for g in first if g is not None])
        results += lib.autograd.grad(loss, leaves, allow_unused=True)
    return [None if x is None else x.detach().resolve_conj().numpy() for x in results]


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("source", SMOOTH)
def test_values_and_gradients(source: str, dtype: str, oracle: ModuleType) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, of names that it wants to be rid of
        ours, theirs = (_results(lib, source, dtype) for lib in (kagari, oracle))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        if a is None or b is None:
            assert a is b
            continue
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7 * (1 + np.abs(b).max(initial=0)))


SAME = """
torch.linalg.inv(o)
torch.linalg.inv(r)
torch.linalg.inv(x)
torch.linalg.inv(x.half())
torch.linalg.inv(torch.zeros(2, 2, 2))
torch.linalg.inv(torch.zeros(0, 0))
torch.linalg.inv_ex(x).info
torch.linalg.inv_ex(o).info
torch.linalg.inv_ex(o, check_errors=True)
torch.inverse(o)
torch.linalg.det(o)
torch.det(r)
torch.det(torch.zeros(0, 0))
torch.slogdet(o)
torch.logdet(-torch.eye(3))
torch.linalg.solve(o, v)
torch.linalg.solve(x, v)
torch.linalg.solve(x.double(), v)
torch.linalg.solve(x, r)
torch.linalg.solve(x, v, left=False)
torch.linalg.solve(x, torch.tensor(1.0))
torch.linalg.solve(torch.zeros(2, 3, 3), r.t())
torch.linalg.cholesky(-x)
torch.cholesky(torch.stack((x @ x.t(), -x)))
torch.linalg.cholesky_ex(-x).info
torch.linalg.qr(r, "x")
torch.linalg.qr(r, "r").Q
torch.linalg.svd(v)
torch.linalg.svdvals(torch.arange(4).reshape(2, 2))
torch.linalg.eigh(r)
torch.linalg.eigh(x, UPLO="x")
torch.linalg.eig(x.t() + r)
torch.linalg.lu_factor(o)
torch.linalg.lu_factor(x).pivots
torch.linalg.lu(x, pivot=False)
torch.linalg.solve_triangular(x, r, upper=True)
torch.cholesky_solve(r, x)
torch.linalg.matrix_rank(o)
torch.linalg.matrix_rank(x, tol=100.0)
torch.linalg.matrix_rank(x, atol=0.1, rtol=0.1)
torch.linalg.matrix_rank(x @ x.t(), hermitian=True)
torch.linalg.pinv(v)
torch.linalg.pinv(x, atol=2.0, hermitian=False)
torch.pinverse(o, 1e-5)
torch.linalg.cond(o, 1)
torch.linalg.cond(x, 1)
torch.linalg.cond(x, 3)
torch.linalg.cond(r, 1)
torch.linalg.lstsq(r, x)
torch.linalg.lstsq(x, x, driver="x")
torch.linalg.lstsq(r.t(), v[:, None], driver="gelsd").residuals
torch.linalg.lstsq(x, v, driver="gels").rank
torch.linalg.norm(x)
torch.linalg.norm(x, "fro")
torch.linalg.norm(x, "nuc")
torch.linalg.norm(x, -1)
torch.linalg.norm(x, 3)
torch.linalg.norm(v, 3)
torch.linalg.norm(v, "fro")
torch.linalg.norm(torch.ones(2, 2, 2), 2)
torch.linalg.norm(x, dim=(0, 1, 2))
torch.linalg.norm(x, dim=0)
torch.linalg.norm(x, dtype=torch.float64)
torch.linalg.norm(x.double(), dtype=torch.float32)
torch.linalg.norm(x.long())
torch.linalg.vector_norm(x, "fro")
torch.linalg.vector_norm(x, 0)
torch.linalg.matrix_norm(v)
torch.linalg.matrix_norm(x, "x")
torch.linalg.matrix_norm(x, dim=(0, 0))
torch.linalg.matrix_norm(x, dim=(0, 1, 2))
torch.nuclear_norm(x, keepdim=True)
torch.norm(x, "nuc")
x.norm("nuc", dim=(1, 0))
torch.norm(v, "nuc")
x.norm(3, 1, True)
torch.norm(x, dtype=torch.float64)
torch.frobenius_norm(x, 1)
torch.matrix_power(x, 0)
torch.matrix_power(x.long(), 3)
torch.matrix_power(r, 2)
torch.matrix_power(x, 1.5)
torch.linalg.matrix_exp(r)
torch.chain_matmul(x, v)
torch.chain_matmul()
torch.linalg.multi_dot([x])
torch.linalg.multi_dot([x, r])
torch.linalg.multi_dot([v, v])
torch.linalg.multi_dot([x, v, x])
torch.linalg.tensorinv(x.reshape(1, 3, 3), ind=2)
torch.linalg.tensorsolve(x.reshape(3, 1, 3), v)
torch.linalg.diagonal(r)
torch.geqrf(x)
torch.geqrf(r)
torch.geqrf(v)
torch.linalg.householder_product(r, v)
torch.linalg.householder_product(x, v.double())
torch.orgqr(x, r.t())
torch.ormqr(x, v, v)
torch.ormqr(x, v, r)
torch.norm_except_dim(x)
torch.norm_except_dim(x, 3, 1)
torch.norm_except_dim(x, 1, -1)
torch.pca_lowrank(x, q=4)
torch.manual_seed(0); r = torch.svd_lowrank(r @ x, q=2)[1]
torch.manual_seed(0); r = torch.pca_lowrank(x, q=2, niter=3)[1]
torch.linalg.det(x.half())
torch.linalg.eigh(x.long())
torch.linalg.eig(x.long())
torch.linalg.lu(x.bfloat16())
torch.linalg.cond(r[:, :0])
torch.linalg.pinv(r[:0])
torch.linalg.svdvals(r[:0])
torch.linalg.inv([1])
torch.linalg.inv(x, x)
torch.linalg.norm(x=x, axis=0)
torch.linalg.solve(x, 3)
torch.linalg.multi_dot([3, x])
torch.linalg.vecdot(x, [1.0])
torch.linalg.matrix_exp(x.half() * 0)
torch.addbmm(v, torch.ones(2, 3, 3), torch.ones(2, 3, 3))
torch.addr(r > 0, r[:, 0] > 0, v > 0)
torch.linalg.vecdot(v, v.long())
torch.linalg.cross(r, torch.ones(3, 3))
x.inverse() @ x
x.slogdet()
x.cholesky_inverse()
""".strip().splitlines()


@pytest.mark.parametrize("source", SAME)
def test_as_the_oracle(source: str, oracle: ModuleType) -> None:
    def names(lib: ModuleType) -> dict[str, Any]:
        x = lib.tensor([[2.0, -1.0, 0.0], [1.0, 3.0, 1.0], [0.5, 0.0, 4.0]])
        return {"x": x, "o": lib.ones(3, 3), "r": lib.arange(6.0).reshape(2, 3), "v": lib.tensor([1.0, -2.0, 3.0])}

    ours, theirs = (evaluated(source, lib, names(lib)) for lib in (kagari, oracle))
    assert ours[0] == theirs[0], (ours, theirs)
    if ours[0] == "raises":
        assert issubclass(
            ours[1], theirs[1] if theirs[1] is not oracle.linalg.LinAlgError else kagari.linalg.LinAlgError
        )
        assert ours[2] == theirs[2]
        return
    for a, b in zip(*(_flat(x[1]) for x in (ours, theirs)), strict=True):
        assert a[:2] == b[:2]  # strides are LAPACK's
        np.testing.assert_allclose(a[5], b[5], rtol=2e-5, atol=2e-5)


def _flat(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]


def test_results_have_names() -> None:
    x = kagari.eye(2)
    for function, fields in {
        kagari.linalg.eigh: ("eigenvalues", "eigenvectors"), kagari.linalg.svd: ("U", "S", "Vh"),
        kagari.linalg.lu: ("P", "L", "U"), kagari.slogdet: ("sign", "logabsdet"), kagari.svd: ("U", "S", "V"),
    }.items():  # fmt: skip
        assert function(x)._fields == fields


def test_factors_give_the_matrix_again() -> None:
    for shape in ((70, 70), (2, 40, 35), (3, 5), (0, 3), (2, 0, 0)):
        x = kagari.tensor(_random.normal(size=shape).tolist(), dtype=kagari.float64).reshape(shape)
        p, lower, upper = kagari.linalg.lu(x)
        q, r = kagari.linalg.qr(x, mode="complete")
        u, s, vh = kagari.linalg.svd(x, full_matrices=False)
        for product in (p @ lower @ upper, q @ r, u * s.unsqueeze(-2) @ vh):
            np.testing.assert_allclose(product.numpy(), x.numpy(), atol=1e-12)


def test_gradient_of_a_singular_determinant() -> None:
    values = [[1.0, 2.0, 0.0], [2.0, 4.0, 1.0], [0.0, 0.0, 3.0]]
    x = kagari.tensor(values, dtype=kagari.float64, requires_grad=True)
    kagari.det(x).backward()
    cofactors = [[12.0, -6.0, 0.0], [-6.0, 3.0, 0.0], [2.0, -1.0, 0.0]]
    np.testing.assert_allclose(x.grad.numpy(), cofactors, atol=1e-12)


@pytest.mark.parametrize("make", [lambda x: kagari.linalg.inv(x), lambda x: kagari.linalg.qr(x)])
def test_out(make: Callable[[Any], Any]) -> None:
    x = kagari.tensor([[2.0, 1.0], [0.0, 4.0]])
    wanted = make(x)
    if isinstance(wanted, tuple):
        targets = tuple(kagari.empty(0) for _ in wanted)
        kagari.linalg.qr(x, out=targets)
        assert all(kagari.equal(a, b) for a, b in zip(targets, wanted))
    else:
        target = kagari.empty(2, 2)
        assert kagari.linalg.inv(x, out=target) is target
        assert kagari.equal(target, wanted)


def test_float32_stays_float32() -> None:
    x = kagari.rand(3, 3) + kagari.eye(3) * 3
    for name in ("inv", "det", "svdvals", "matrix_exp", "pinv", "cond"):
        assert getattr(kagari.linalg, name)(x).dtype is kagari.float32
    assert kagari.linalg.eigvals(x).dtype is kagari.complex64


def test_what_is_not_finite_is_refused(oracle: ModuleType) -> None:
    for lib in (kagari, oracle):
        nan = lib.full((2, 2), float("nan"))
        for call in (lib.linalg.cholesky, lib.linalg.pinv, lib.linalg.svd):
            with pytest.raises(RuntimeError):
                call(nan)
        assert lib.linalg.cholesky_ex(nan).info.item() == 1
        assert [tuple(x.shape) for x in lib.svd(lib.ones(3, 5), compute_uv=False)] == [(3, 3), (3,), (5, 5)]


def test_results_written_elsewhere_carry_no_gradient(oracle: ModuleType) -> None:
    for lib in (kagari, oracle):
        a = lib.eye(2).requires_grad_()
        for call in (
            lambda lib, a: lib.linalg.inv(a, out=lib.empty(2, 2)),
            lambda lib, a: lib.cat([a], out=lib.empty(2, 2)),
        ):
            with pytest.raises(RuntimeError, match="support automatic differentiation"):
                call(lib, a)


@pytest.mark.parametrize("name", ["inv", "det", "eigvalsh", "svdvals", "pinv", "eigvals"])
def test_names_of_nodes(name: str, oracle: ModuleType) -> None:
    a, b = (getattr(lib.linalg, name)(lib.eye(2).requires_grad_()).grad_fn.name() for lib in (kagari, oracle))
    assert a == b
