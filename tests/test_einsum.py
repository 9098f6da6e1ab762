"""Einstein's summation as users write it, against the oracle: notations, gradients, errors."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from outcomes import evaluated

import kagari

EQUATIONS = {
    "ij,jk->ik": [(2, 3), (3, 4)],
    "ij,kj": [(2, 3), (4, 3)],
    "bij,bjk->bik": [(2, 3, 4), (2, 4, 5)],
    "...ij,...jk": [(2, 1, 3, 4), (5, 4, 2)],
    "...i,...i->...": [(2, 3, 4), (3, 4)],
    "i...,j...->ij...": [(2, 3), (4, 1)],
    "bhid,bhjd->bhij": [(2, 2, 3, 4), (2, 2, 5, 4)],
    "i,j": [(3,), (4,)],
    "Ba,aA": [(2, 3), (3, 4)],
    "ii": [(3, 3)],
    "iji->j": [(3, 2, 3)],
    "i...->...": [(2, 3, 4)],
    "bn,anm,bm->ba": [(2, 3), (5, 3, 4), (2, 4)],
    "ab,cd,ef->ace": [(2, 3), (2, 3), (2, 3)],
    "ij,ij,ij->": [(2, 3), (2, 1), (1, 3)],
    "iii,i->i": [(3, 3, 3), (3,)],
    ",i->i": [(), (3,)],
}


def _results(library: ModuleType, equation: str, shapes: list[tuple[int, ...]], dtype: str) -> list[Any]:
    """The result, the gradients of the sum of its squares, and the second ones."""
    random = np.random.default_rng(0)
    parts = [random.uniform(-1, 1, (2, *shape)) for shape in shapes]
    values = [p[0] + 1j * p[1] if dtype.startswith("complex") else p[0] for p in parts]
    operands = [library.tensor(v.tolist(), dtype=getattr(library, dtype)).requires_grad_() for v in values]
    made = library.einsum(equation, *operands)
    first = library.autograd.grad((made * made.conj()).real.sum(), operands, create_graph=True)
    second = library.autograd.grad(sum((g * g.conj()).real.sum() for g in first), operands)
    return [made, *first, *second]


@pytest.mark.parametrize("equation", EQUATIONS)
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_values_and_gradients(equation: str, dtype: str, oracle: ModuleType) -> None:
    ours, theirs = (_results(lib, equation, EQUATIONS[equation], dtype) for lib in (kagari, oracle))
    for a, b in zip(ours, theirs):
        assert a.shape == b.shape
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)


SAME = """
torch.einsum("ij, jk -> ik", a, b)
torch.einsum("ij,jk->ik", [a, b])
torch.einsum("ij,jk->ki", a, b)
torch.einsum("ij->ji", a)
torch.einsum("", s)
torch.einsum(",", s, s)
torch.einsum("ij->...ij", a)
torch.einsum("ij->i...", a)
torch.einsum(a, [0, 1], b, [1, 2], [0, 2])
torch.einsum(a, [0, 1], b, [1, 2])
torch.einsum(a, [..., 0], b, [0, 1], [..., 1])
torch.einsum(a, [0, 52])
torch.einsum("ij,jk->ik", i, i.t())
torch.einsum("ij->j", i > 1)
torch.einsum("ij,ij->ij", i > 1, a)
torch.einsum("ij,jk->ik", i > 1, b > 1)
torch.einsum("ij,jk->ik", a, b.double())
torch.einsum("ij,jk->ik", a.half(), b.half())
torch.einsum("ij", a, b)
torch.einsum("ij,jk", a)
torch.einsum("ijk", a)
torch.einsum("...ijk", a)
torch.einsum("ij->k", a)
torch.einsum("ij->ii", a)
torch.einsum("i1->i", a)
torch.einsum("i.j->i", a)
torch.einsum("...i...->i", a)
torch.einsum("ij->i.", a)
torch.einsum("ij->...i...", a)
torch.einsum("ij->ij->", a)
torch.einsum("ij,jk", a, a)
torch.einsum("ii", a)
torch.einsum("i...,j...->ij...", a, b)
torch.einsum("ij")
torch.einsum(a)
torch.einsum(3, a)
torch.einsum("ij->", 3)
""".strip().splitlines()


@pytest.mark.parametrize("source", SAME)
def test_as_the_oracle(source: str, oracle: ModuleType) -> None:
    def names(lib: ModuleType) -> dict[str, Any]:
        a, b = lib.arange(6.0).reshape(2, 3), lib.arange(12.0).reshape(3, 4)
        return {"a": a, "b": b, "i": lib.arange(6).reshape(2, 3), "s": lib.tensor(2.0)}

    ours, theirs = (evaluated(f"r = ({source}) + 0", lib, names(lib)) for lib in (kagari, oracle))
    assert ours == theirs


def test_what_moves_elements_is_a_view() -> None:
    x = kagari.arange(9.0).reshape(3, 3)
    for equation in ("ij->ji", "ii->i", "...->..."):
        assert kagari.einsum(equation, x).data_ptr() == x.data_ptr()
