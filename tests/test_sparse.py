"""Sparse tensors in coordinate form, next to the oracle."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from sparse_cases import Spec, dense, gradients, outcome, same, sparse

import kagari

Operation = Callable[..., Any]

SHAPES = (
    Spec((4, 3)), Spec((4, 3), nnz=9, coalesced=False), Spec((4, 3), (2,)), Spec((5,), (3, 2), coalesced=False),
    Spec((2, 3, 2)), Spec((3, 3), nnz=0), Spec((0, 3)), Spec((3, 2), (0,)), Spec((6,), nnz=1), Spec((2, 2), (2, 2)),
    Spec((3, 4), nnz=40, coalesced=False, seed=3),
)  # fmt: skip
TYPES = (
    Spec((4, 3), dtype="float32"), Spec((4, 3), dtype="int64", coalesced=False), Spec((4, 3), dtype="int32"),
    Spec((4, 3), dtype="bool"), Spec((4, 3), dtype="complex128"), Spec((4, 3), (2,), dtype="complex64"),
)  # fmt: skip
UNARY = (
    "abs", "asin", "asinh", "atan", "atanh", "ceil", "deg2rad", "erf", "erfinv", "expm1", "floor", "frac", "isinf",
    "isnan", "isneginf", "isposinf", "log1p", "nan_to_num", "neg", "positive", "rad2deg", "relu", "round", "sgn",
    "sign", "signbit", "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc",
)  # fmt: skip
# Of a sparse tensor, another one of its sizes, and a dense one.
OPERATIONS: dict[str, Operation] = {
    "to_dense": lambda lib, s, t, d: s.to_dense(),
    "to_dense(float32)": lambda lib, s, t, d: s.to_dense(lib.float32),
    "coalesce": lambda lib, s, t, d: s.coalesce(),
    "values": lambda lib, s, t, d: s.coalesce().values(),
    "clone": lambda lib, s, t, d: s.clone(),
    "double": lambda lib, s, t, d: s.double(),
    "to(float32)": lambda lib, s, t, d: s.to(lib.float32),
    "to_sparse": lambda lib, s, t, d: d.to_sparse(),
    "to_sparse(1)": lambda lib, s, t, d: d.to_sparse(1),
    "s * 3": lambda lib, s, t, d: s * 3,
    "s * 0-d": lambda lib, s, t, d: s * lib.tensor(1.5),
    "s / 2": lambda lib, s, t, d: s / 2,
    "s // 2": lambda lib, s, t, d: s // 2,
    "s ** 2": lambda lib, s, t, d: s**2,
    "s ** 0": lambda lib, s, t, d: s**0,
    "s + t": lambda lib, s, t, d: s + t,
    "s + s": lambda lib, s, t, d: s + s,
    "s - t": lambda lib, s, t, d: lib.sub(s, t, alpha=2),
    "s * t": lambda lib, s, t, d: s * t,
    "s * d": lambda lib, s, t, d: s * d,
    "d * s": lambda lib, s, t, d: d * s,
    "d + s": lambda lib, s, t, d: lib.add(d, s, alpha=3),
    "d - s": lambda lib, s, t, d: d - s,
    "s + d": lambda lib, s, t, d: s + d,
    "s + 1": lambda lib, s, t, d: s + 1,
    "s / t": lambda lib, s, t, d: s / t,
    "d.sparse_mask": lambda lib, s, t, d: d.sparse_mask(s),
    "t.sparse_mask": lambda lib, s, t, d: t.sparse_mask(s),
    "sum": lambda lib, s, t, d: lib.sparse.sum(s),
    "sum(0)": lambda lib, s, t, d: lib.sparse.sum(s, 0),
    "sum(-1)": lambda lib, s, t, d: lib.sparse.sum(s, -1),
    "sum all": lambda lib, s, t, d: lib.sparse.sum(s, tuple(range(s.ndim))),
    "sum sparse": lambda lib, s, t, d: lib.sparse.sum(s, tuple(range(s.sparse_dim()))),
    "sum keepdim": lambda lib, s, t, d: s.sum(0, keepdim=True),
    "s.sum()": lambda lib, s, t, d: s.sum(),
    "x[1].sum()": lambda lib, s, t, d: d.to_sparse()[1].sum(),
    "norm": lambda lib, s, t, d: s.norm(),
    "any": lambda lib, s, t, d: s.any(),
    "transpose": lambda lib, s, t, d: s.transpose(0, 1),
    "t": lambda lib, s, t, d: s.t(),
    "permute": lambda lib, s, t, d: s.permute(*range(s.sparse_dim() - 1, -1, -1), *range(s.sparse_dim(), s.ndim)),
    "unsqueeze(0)": lambda lib, s, t, d: s.unsqueeze(0),
    "unsqueeze(-1)": lambda lib, s, t, d: s.unsqueeze(-1),
    "s[1]": lambda lib, s, t, d: s[1],
    "s[-1, 0]": lambda lib, s, t, d: s[-1, 0],
    "s[:, 1]": lambda lib, s, t, d: s[:, 1],
    "select(-1)": lambda lib, s, t, d: s.select(-1, 0),
    "index_select(0)": lambda lib, s, t, d: s.index_select(0, lib.tensor([1, 1, 0])),
    "index_select(1)": lambda lib, s, t, d: s.index_select(1, lib.tensor([1])),
    "narrow_copy(0)": lambda lib, s, t, d: s.narrow_copy(0, 1, 2),
    "narrow_copy(1)": lambda lib, s, t, d: s.narrow_copy(s.ndim - 1, 0, 1),
    "cat(0)": lambda lib, s, t, d: lib.cat([s, t, s]),
    "cat(-1)": lambda lib, s, t, d: lib.cat([s, t], -1),
    "stack": lambda lib, s, t, d: lib.stack([s, t]),
    "unbind": lambda lib, s, t, d: s.unbind(),
    "zeros_like": lambda lib, s, t, d: lib.zeros_like(s),
    "softmax(0)": lambda lib, s, t, d: lib.sparse.softmax(s, 0),
    "softmax(1)": lambda lib, s, t, d: lib.sparse.softmax(s, 1),
    "log_softmax(1)": lambda lib, s, t, d: lib.sparse.log_softmax(s, 1),
    "softmax(-1)": lambda lib, s, t, d: lib.sparse.softmax(s, -1),
    "log_softmax(0)": lambda lib, s, t, d: lib.sparse.log_softmax(s, 0),
    "log_softmax(-1)": lambda lib, s, t, d: lib.sparse.log_softmax(s, -1),
    "cumsum": lambda lib, s, t, d: s.cumsum(0),
    "s == t": lambda lib, s, t, d: s == t,
    "exp": lambda lib, s, t, d: s.exp(),
    **{name: (lambda lib, s, t, d, name=name: getattr(lib, name)(s)) for name in UNARY},
}
# PyTorch has no arithmetic of sparse booleans.
NOT_OF_BOOLEANS = {"s ** 2", "s + t", "s + s", "s * t", "square"}
# PyTorch's gradient of a softmax counted from the last dimension does not add up to zero; that of a sum with `keepdim`
# has more places than ours.
OTHER_GRADIENT = {"log_softmax(-1)", "softmax(-1)", "sum keepdim"}


@pytest.mark.oracle
@pytest.mark.parametrize("name", OPERATIONS)
def test_values(name: str, oracle: ModuleType) -> None:
    for spec in (*SHAPES, *TYPES):
        if spec.dtype == "bool" and name in NOT_OF_BOOLEANS:
            continue
        ours, theirs = (
            outcome(lib, OPERATIONS[name], *[sparse(lib, spec, k) for k in (0, 1)], full(lib, spec))
            for lib in (kagari, oracle)
        )
        assert same(ours, theirs), (spec, ours, theirs)


def full(lib: ModuleType, spec: Spec, **options: Any) -> Any:
    return dense(lib, (*spec.sparse, *spec.dense), spec.dtype, **options)


@pytest.mark.oracle
@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - OTHER_GRADIENT))
def test_gradients(name: str, oracle: ModuleType) -> None:
    for spec in SHAPES:
        if name == "s * t" and not spec.coalesced:  # of places that the other tensor alone has
            continue
        found = []
        for lib in (oracle, kagari):
            wanted = [sparse(lib, spec, k, requires_grad=True) for k in (0, 1)]
            try:
                found.append(gradients(lib, OPERATIONS[name], *wanted, full(lib, spec, requires_grad=True)))
            except Exception as error:
                if lib is oracle:
                    break
                raise AssertionError(spec) from error
        else:
            assert same(*found), (spec, *found)


# Of a sparse matrix (4, 3), another one (3, 5), dense ones (3, 5) and (4, 5), and a vector (3,).
PRODUCTS: dict[str, Operation] = {
    "s @ d": lambda lib, s, t, d, e, v: s @ d,
    "mm": lambda lib, s, t, d, e, v: lib.mm(s, d),
    "sparse.mm": lambda lib, s, t, d, e, v: lib.sparse.mm(s, d),
    "s @ t": lambda lib, s, t, d, e, v: s @ t,
    "sparse.mm(s, t)": lambda lib, s, t, d, e, v: lib.sparse.mm(s, t),
    "d.t @ s.t": lambda lib, s, t, d, e, v: d.t() @ s.t(),
    "addmm": lambda lib, s, t, d, e, v: lib.addmm(e, s, d, beta=2, alpha=3),
    "sparse.addmm": lambda lib, s, t, d, e, v: lib.sparse.addmm(e, s, d),
    "addmm broadcast": lambda lib, s, t, d, e, v: lib.sparse.addmm(e[:1], s, d),
    "mv": lambda lib, s, t, d, e, v: lib.mv(s, v),
    "s @ v": lambda lib, s, t, d, e, v: s @ v,
    "smm": lambda lib, s, t, d, e, v: lib.smm(s, d),
    "hspmm": lambda lib, s, t, d, e, v: lib.hspmm(s, d),
    "sspaddmm": lambda lib, s, t, d, e, v: lib.sspaddmm(e.to_sparse(), s, d, alpha=2),
    "linear": lambda lib, s, t, d, e, v: lib.nn.functional.linear(s, d.t()),
    "wrong sizes": lambda lib, s, t, d, e, v: s @ e,
    "wrong sizes, sparse": lambda lib, s, t, d, e, v: t @ s,
    "wrong dtype": lambda lib, s, t, d, e, v: s @ d.to(lib.float16),
    "a number": lambda lib, s, t, d, e, v: s @ lib.tensor(1.0),
    "dot": lambda lib, s, t, d, e, v: lib.dot(v.to_sparse(), v),
}  # fmt: skip


def operands(lib: ModuleType, spec: Spec, requires_grad: bool = False) -> list[Any]:
    options = {"requires_grad": requires_grad}
    return [
        sparse(lib, spec, **options), sparse(lib, spec._replace(sparse=(3, 5)), 1, **options),
        dense(lib, (3, 5), spec.dtype, 1, **options), dense(lib, (4, 5), spec.dtype, 2, **options),
        dense(lib, (3,), spec.dtype, 3, **options),
    ]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("name", PRODUCTS)
def test_products(name: str, oracle: ModuleType) -> None:
    for spec in MATRICES:
        if (spec.dtype == "int64" and name in OF_FLOATS) or (not spec.nnz and name == "wrong dtype"):
            continue
        ours, theirs = (outcome(lib, PRODUCTS[name], *operands(lib, spec)) for lib in (kagari, oracle))
        assert same(ours, theirs), (spec, ours, theirs)


MATRICES = (
    Spec((4, 3)), Spec((4, 3), nnz=9, coalesced=False), Spec((4, 3), nnz=0), Spec((4, 3), dtype="float32"),
    Spec((4, 3), dtype="complex128"), Spec((4, 3), dtype="int64"),
)  # fmt: skip
OF_FLOATS = {"s @ t", "sparse.mm(s, t)"}  # in PyTorch, which does not look at dtypes where there are no places
DIFFERENTIABLE = sorted(PRODUCTS.keys() - {"smm", "hspmm", "sspaddmm", "dot", "wrong dtype"})


@pytest.mark.oracle
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_of_products(name: str, oracle: ModuleType) -> None:
    for spec in MATRICES[:3]:
        found = []
        for lib in (oracle, kagari):
            try:
                found.append(gradients(lib, PRODUCTS[name], *operands(lib, spec, requires_grad=True)))
            except Exception as error:
                if lib is oracle:
                    break
                raise AssertionError(spec) from error
        else:
            assert same(*found), (spec, *found)


@pytest.mark.oracle
def test_stacks_of_products(oracle: ModuleType) -> None:
    def product(lib: ModuleType, s: Any, d: Any) -> Any:
        return lib.bmm(s, d)

    found = [
        gradients(
            lib,
            product,
            sparse(lib, Spec((2, 4, 3)), requires_grad=True),
            dense(lib, (2, 3, 5), "float64", requires_grad=True),
        )
        for lib in (kagari, oracle)
    ]
    assert same(*found)
