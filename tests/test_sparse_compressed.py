"""Sparse tensors with compressed rows or columns, next to the oracle."""

from __future__ import annotations

import copy
import io
import pickle
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sparse_cases import described, same, text

import kagari

# Of CSR matrices s, f of doubles, n of integers, b a stack, h with a dense dimension; c of CSC, r of BSR, k of BSC, o
# in coordinate form; of dense ones D, d, e, E, w.
EXPRESSIONS = (
    "s", "c", "r", "k", "b", "h", "f", "n", "s.layout", "r.layout", "s.crow_indices()", "s.col_indices()",
    "s.ccol_indices()", "c.ccol_indices()", "c.row_indices()", "c.crow_indices()", "s.values()", "s._values()",
    "s.indices()", "s._indices()", "s._nnz()", "b._nnz()", "r._nnz()", "s.sparse_dim()", "s.dense_dim()",
    "b.sparse_dim(),b.dense_dim()", "h.sparse_dim(),h.dense_dim()", "s.is_sparse", "s.is_sparse_csr", "c.is_sparse_csr",
    "r.is_sparse_csr", "s.is_coalesced()", "s.coalesce()", "s.stride()", "s.is_contiguous()", "s.numpy()", "s.tolist()",
    "s.item()", "s.nbytes", "s.data_ptr()", "s.numel()", "len(s)", "s.device", "s.shape", "s.ndim", "s.dim()",
    "s.element_size()", "s.is_leaf", "s.requires_grad_().requires_grad", "bool(s)", "s.storage_offset()",
    "torch.sparse_csr_tensor([0,1,2],[0,1],[1.,2.])", "torch.sparse_csr_tensor(T([0,1,2]),T([0,1]),T([1.,2.]),(2,3))",
    "torch.sparse_csr_tensor(T([0,1,2]),T([0,1]),T([1.,2.]),(2,3),dtype=torch.float64)",
    "torch.sparse_csr_tensor(T([0,1,2],dtype=torch.int32),T([0,1],dtype=torch.int32),T([1.,2.]),(2,3))",
    "torch.sparse_csr_tensor(T([0,1,2],dtype=torch.int32),T([0,1]),T([1.,2.]),(2,3))",
    "torch.sparse_csr_tensor(T([0,1,2]),T([0,1]),T([1.,2.]),(2,3),requires_grad=True)",
    "torch.sparse_csc_tensor(T([0,1,2]),T([0,1]),T([1.,2.]),(3,2))",
    "torch.sparse_bsr_tensor(T([0,1,2]),T([0,1]),torch.ones(2,2,2),(4,4))",
    "torch.sparse_bsr_tensor(T([0,1,2]),T([0,1]),torch.ones(2,2,2))",
    "torch.sparse_bsc_tensor(T([0,1,2]),T([0,1]),torch.ones(2,2,2))",
    "torch.sparse_compressed_tensor(T([0,1,2]),T([0,1]),T([1.,2.]),layout=torch.sparse_csr)",
    "torch.sparse_compressed_tensor(T([0,1,2]),T([0,1]),T([1.,2.]),(2,2),layout=torch.sparse_csc)",
    "torch.sparse_compressed_tensor(T([0,1,2]),T([0,1]),T([1.,2.]))",
    "torch.sparse_compressed_tensor(T([0,1,2]),T([0,1]),T([1.,2.]),layout=torch.strided)",
    "torch.sparse_compressed_tensor((2,3),layout=torch.sparse_csr)", "torch.sparse_csr_tensor((2,3))",
    "torch.sparse_csr_tensor(T([0,1,3]),T([0,1]),T([1.,2.]),(2,3),check_invariants=True)",
    "torch.sparse_csr_tensor(T([1,1,2]),T([0,1]),T([1.,2.]),(2,3),check_invariants=True)",
    "torch.sparse_csr_tensor(T([0,2,1]),T([0,1]),T([1.,2.]),(2,3),check_invariants=True)",
    "torch.sparse_csr_tensor(T([0,1,2]),T([0,5]),T([1.,2.]),(2,3),check_invariants=True)",
    "torch.sparse_csr_tensor(T([0,1,2]),T([0,-1]),T([1.,2.]),(2,3),check_invariants=True)",
    "torch.sparse_csr_tensor(T([0,2,2]),T([1,0]),T([1.,2.]),(2,3),check_invariants=True)",
    "torch.sparse_csr_tensor(T([0,2,2]),T([1,1]),T([1.,2.]),(2,3),check_invariants=True)",
    "torch.sparse_csr_tensor(T([0,1]),T([0,1]),T([1.,2.]),(2,3),check_invariants=True)",
    "torch.sparse_csr_tensor(T([0,1,2]),T([0]),T([1.,2.]),(2,3),check_invariants=True)",
    "torch.sparse_csr_tensor(T([0,1,2]),T([0,1]),T([1.,2.,3.]),(2,3),check_invariants=True)",
    "torch.sparse_csr_tensor(T([0.,1,2]),T([0,1]),T([1.,2.]),(2,3),check_invariants=True)",
    "torch.sparse_csr_tensor(T([[0,1,2]]),T([0,1]),T([1.,2.]),(2,3),check_invariants=True)",
    "torch.sparse_csr_tensor(T([0,1,2]),T([0,1]),T([1.,2.]),(2,),check_invariants=True)",
    "torch.sparse_bsr_tensor(T([0,1,2]),T([0,1]),torch.ones(2,2,2),(5,4),check_invariants=True)",
    "torch.sparse_bsr_tensor(T([0,1,2]),T([0,1]),torch.ones(2),(4,4),check_invariants=True)",
    "torch.sparse_csr_tensor(T([0,1,2]),T([0,1]),T([1.,2.]),(2,3,4),check_invariants=True)",
    "torch.sparse_csc_tensor(T([0,1,2]),T([0,5]),T([1.,2.]),(3,2),check_invariants=True)",
    "torch.sparse_csr_tensor(T([0,1,3]),T([0,1]),T([1.,2.]))",
    "torch.sparse_csr_tensor(T([0,1,2]),T([0,5]),T([1.,2.]))", "s.to_dense()", "c.to_dense()", "r.to_dense()",
    "k.to_dense()", "b.to_dense()", "h.to_dense()", "s.to_sparse()", "c.to_sparse()", "r.to_sparse()", "b.to_sparse()",
    "h.to_sparse()", "s.to_sparse(1)", "s.to_sparse(layout=torch.sparse_csc)", "s.to_sparse_csr()", "s.to_sparse_csc()",
    "c.to_sparse_csr()", "s.to_sparse_bsr((1,3))", "s.to_sparse_bsc((1,3))", "r.to_sparse_csr()",
    "r.to_sparse_bsc((2,2))", "k.to_sparse_bsr((2,2))", "o.to_sparse_csr()", "o.to_sparse_csc()",
    "o.to_sparse_bsr((2,3))", "o.to_sparse_bsc((2,1))", "D.to_sparse_csr(dense_dim=1)", "D.to_sparse_bsr((2,2))",
    "D.to_sparse_bsr((0,2))", "D.to_sparse_bsr(2)", "D.to_sparse(layout=torch.sparse_bsr,blocksize=(1,3))",
    "D.to_sparse(layout=torch.sparse_csr)", "D.to_sparse(layout=torch.sparse_csr,dense_dim=1)",
    "D.to_sparse(layout=torch.sparse_csr,blocksize=(1,1))", "torch.ones(2,2,2).to_sparse_csr()",
    "torch.eye(2).unsqueeze(0).to_sparse_csr()", "torch.stack([D,D.flip(0)]).to_sparse_csr()",
    "torch.ones(2,3,2).to_sparse_csr(dense_dim=1)._nnz()",
    "torch.ones(4,4,2).to_sparse_bsr((2,2),dense_dim=1).values().shape", "s.t()", "s.T", "c.t()", "r.t()",
    "s.transpose(0,1)", "b.transpose(1,2)", "b.transpose(0,1)", "s.mT", "s*2", "2*s", "s*T(2.)", "s/2", "s*s", "s*d",
    "d*s", "s+s", "s+d", "d+s", "s-s", "d-s", "s-d", "s/s", "s/d", "s**2", "-s", "abs(s)", "s.sin()", "s.sqrt()",
    "c.sin()", "r.sin()", "s.relu()", "s.exp()", "s.sum()", "s.sum(0)", "s.sum(0,keepdim=True)",
    "s.sum(1,keepdim=True)", "s.sum((0,1),keepdim=True)", "s.mean()", "s.norm()", "torch.sparse.sum(s)", "s[0]",
    "s[0,1]", "s[:,1]", "s.select(0,1)", "b[0]", "c[0]", "s[:1]", "s[None]", "torch.cat([s,s])", "torch.stack([s,s])",
    "s.unsqueeze(0)", "s.clone()", "s.detach()", "s.data", "s.double()", "s.to(torch.float64)", "s.half()", "s.cpu()",
    "s.contiguous()", "s==s", "s.view(-1)", "torch.zeros_like(s)", "torch.empty_like(s).shape", "torch.ones_like(s)",
    "s.new_zeros(2,2)", "s.fill_(1)", "s.clone().zero_()", "s.clone().copy_(s)", "s.clone().copy_(d)",
    "d.clone().copy_(s)", "s.clone().mul_(2)", "s.clone().add_(s)", "d.clone().add_(s)", "s.clone().neg_()",
    "s.clone().sin_()", "s.clone().div_(2)", "s.clone().normal_().shape", "s.sparse_mask(s)", "d.sparse_mask(s)",
    "o.sparse_mask(s)", "s.sparse_mask(o)", "s.unbind()", "s.isnan()", "s.angle()", "s.conj()", "s.bool()",
    "s.index_select(0,T([1]))", "s.flatten()", "s.reshape(6)", "s.any()", "torch.equal(s,s)", "s.is_same_size(s)",
    "s@e", "s.mm(e)", "torch.sparse.mm(s,e)", "s@w", "s.mv(w)", "torch.mv(c,w)", "c@e", "r@torch.ones(4,2)",
    "r@torch.ones(4)", "s@s.t()", "s@c.t()", "s@D.t().to_sparse_csr()", "e.t()@c.t()", "e.t()@D.t().to_sparse_csr()",
    "torch.addmm(E,s,e,beta=2,alpha=3)", "torch.sparse.addmm(E,s,e)", "torch.addmv(torch.ones(2),s,w)", "torch.mm(s,o)",
    "s*o", "b.bmm(torch.ones(2,3,2))", "torch.baddbmm(torch.ones(2,2,2),b,torch.ones(2,3,2))", "s@d",
    "torch.nn.functional.linear(torch.ones(5,3),s)", "torch.nn.functional.linear(s,torch.ones(4,3))",
    "torch.sparse.sampled_addmm(s,torch.ones(2,4),torch.ones(4,3))",
    "torch.sparse.sampled_addmm(s,torch.ones(2,4),torch.ones(4,3),beta=2,alpha=3)",
    "torch.sparse.sampled_addmm(o,torch.ones(2,4),torch.ones(4,3))",
    "torch.sparse.sampled_addmm(d,torch.ones(2,4),torch.ones(4,3))",
    "torch.sparse.sampled_addmm(s,torch.ones(3,4),torch.ones(4,3))",
    "torch.sparse.sampled_addmm(s,torch.ones(2,4).double(),torch.ones(4,3))", "torch.sparse.mm(s,e,'sum')",
    "torch.sparse.mm(s,e,'mean')", "torch.sparse.mm(s,e,'amax')", "torch.sparse.mm(s,e,'amin')",
    "torch.sparse.mm(s,e,'foo')", "torch.sparse.mm(o,e,'mean')", "torch.sparse.softmax(s,1)",
    "torch.sparse.spdiags(torch.ones(2,3),T([0,1]),(3,3))",
    "torch.sparse.spdiags(torch.arange(6.).reshape(2,3),T([0,-1]),(3,3),layout=torch.sparse_csr)",
    "torch.sparse.spdiags(torch.arange(3.),T(1),(3,4))", "torch.sparse.spdiags(torch.ones(2,3),T([0,0]),(3,3))",
    "torch.sparse.spdiags(torch.ones(2,3),T([0]),(3,3))", "torch.sparse.spdiags(torch.ones(2,3),T([0.,1.]),(3,3))",
    "torch.sparse.spdiags(torch.ones(2,3),T([0,1]),(3,3,3))", "torch.sparse.spdiags(torch.ones(2,2,3),T([0,1]),(3,3))",
    "torch.sparse.spdiags(torch.ones(2,3),T([0,1]),(3,3),layout=torch.strided)",
    "torch.sparse.spdiags(torch.ones(2,3),T([0,1]),(3,3),layout=torch.sparse_bsr)",
    "torch.sparse.spdiags(torch.arange(10.).reshape(2,5),T([1,-2]),(3,4))",
    "torch.sparse.to_sparse_semi_structured(torch.ones(32,64).half())", "torch.zeros(2,3,layout=torch.sparse_csr)",
    "torch.zeros(2,3,layout=torch.sparse_csc)", "torch.zeros(2,3,layout=torch.sparse_bsr)",
    "torch.zeros(2,layout=torch.sparse_csr)", "torch.empty(2,2,3,layout=torch.sparse_csr)._nnz()",
    "torch.zeros_like(D,layout=torch.sparse_csr)", "torch.as_tensor(s)", "torch.tensor(s)",
)  # fmt: skip


def names(torch: Any) -> dict[str, Any]:
    T = torch.tensor
    D = T([[1.0, 0, 2], [0, 0, 3]])
    blocks = torch.block_diag(torch.ones(2, 2), torch.arange(4.0).reshape(2, 2))
    return {
        "torch": torch, "T": T, "D": D, "d": torch.arange(6.0).reshape(2, 3) + 1, "e": torch.arange(12.0).reshape(3, 4),
        "E": torch.ones(2, 4), "w": torch.ones(3), "s": D.to_sparse_csr(), "c": D.to_sparse_csc(),
        "r": blocks.to_sparse_bsr((2, 2)), "k": blocks.to_sparse_bsc((2, 2)), "o": D.to_sparse(),
        "f": D.double().to_sparse_csr(), "n": D.long().to_sparse_csr(), "b": torch.stack([D, D * 2]).to_sparse_csr(),
        "h": torch.ones(2, 3, 2).to_sparse_csr(dense_dim=1),
    }  # fmt: skip


@pytest.mark.oracle
def test_expressions(oracle: ModuleType) -> None:
    found = [(x, text(names, kagari, x), text(names, oracle, x)) for x in EXPRESSIONS]
    assert [each for each in found if each[1] != each[2]] == []


LAYOUTS = ("sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc")


def matrix(lib: ModuleType, shape: tuple[int, ...], dtype: str, dense_dim: int = 0, seed: int = 0) -> Any:
    """A dense tensor, half of whose elements or blocks are zero, as many in each matrix of a stack."""
    rng = np.random.default_rng(seed)
    sparse = shape[: len(shape) - dense_dim]
    count = int(np.prod(sparse[-2:]))
    chosen = (
        np.concatenate(
            [np.isin(np.arange(count), rng.permutation(count)[: count // 2]) for _ in range(int(np.prod(sparse[:-2])))]
        )
        if count
        else np.zeros(0, bool)
    )
    values = rng.integers(1, 9, shape) * chosen.reshape(*sparse, *[1] * dense_dim)
    return lib.from_numpy(values.astype(dtype))


def parts(t: Any) -> Any:
    """The tensors that a sparse one consists of."""
    kind = str(t.layout).rpartition("_")[2]
    if kind == "coo":
        t = t.coalesce()
        found = (t._indices(), t._values())
    elif kind in ("csr", "bsr"):
        found = (t.crow_indices(), t.col_indices(), t.values())
    else:
        found = (t.ccol_indices(), t.row_indices(), t.values())
    return str(t.layout), str(t.dtype), tuple(t.shape), [np.array(p.detach().numpy()) for p in found]


CASES = (
    ((4, 6), "float32", 0), ((4, 6), "int64", 0), ((4, 6), "complex64", 0), ((4, 6), "bool", 0),
    ((2, 4, 6), "float64", 0),
    ((2, 1, 4, 2), "float64", 0), ((4, 6, 3), "float64", 1), ((4, 2, 2, 3), "int32", 2), ((2, 4, 6, 3), "float64", 1),
    ((0, 6), "float32", 0), ((4, 0), "float32", 0),
)  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("first", LAYOUTS)
def test_conversions(first: str, oracle: ModuleType) -> None:
    """From dense tensors to one layout, from there to another, and back."""

    def converted(lib: ModuleType, shape: tuple[int, ...], dtype: str, dense_dim: int, second: str) -> Any:
        d = matrix(lib, shape, dtype, dense_dim)
        if first == "sparse_coo":
            s = d.to_sparse(d.ndim - dense_dim)
        else:
            blocks = {"blocksize": (2, 1)} if first[7] == "b" else {}
            s = d.to_sparse(layout=getattr(lib, first), dense_dim=dense_dim, **blocks)
        found = [parts(s), described(s.to_dense(), lib)]
        if len(shape) - dense_dim == 2:
            blocks = {"blocksize": (2, 1)} if second[7] == "b" else {}
            found.append(parts(s.to_sparse(layout=getattr(lib, second), **blocks)))
        return found

    for case in CASES:
        for second in LAYOUTS:
            outcomes = []
            for lib in (kagari, oracle):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        outcomes.append(converted(lib, *case, second))
                    except Exception as error:
                        outcomes.append(type(error))
            if isinstance(outcomes[1], type):
                continue  # there are pairs that PyTorch does not convert
            assert same(*outcomes), (case, second, outcomes)


# Of a CSR matrix (2, 3), a dense one of its size, and one of (3, 5).
OPERATIONS: dict[str, Callable[..., Any]] = {
    "to_dense": lambda lib, s, d, e: s.to_dense(),
    "values": lambda lib, s, d, e: s.values(),
    "to_sparse": lambda lib, s, d, e: s.to_sparse(),
    "to_sparse_csc": lambda lib, s, d, e: s.to_sparse_csc(),
    "sparse.mm": lambda lib, s, d, e: lib.sparse.mm(s, e),
    "sparse.addmm": lambda lib, s, d, e: lib.sparse.addmm(d @ e, s, e, beta=2, alpha=3),
    "mean": lambda lib, s, d, e: lib.sparse.mm(s, e, "mean"),
    "amax": lambda lib, s, d, e: lib.sparse.mm(s, e, "amax"),
    "s * 2": lambda lib, s, d, e: s * 2,
    "s * d": lambda lib, s, d, e: s * d.detach(),
    "s + s": lambda lib, s, d, e: s + s,
    "neg": lambda lib, s, d, e: -s,
    "clone": lambda lib, s, d, e: s.clone(),
    "double": lambda lib, s, d, e: s.double(),
    "sampled_addmm": lambda lib, s, d, e: lib.sparse.sampled_addmm(s, d, e[:, :3], beta=2, alpha=3),
    "d.to_sparse_csr": lambda lib, s, d, e: d.to_sparse_csr() * 2,
    "constructor": lambda lib, s, d, e: lib.sparse_csr_tensor(
        lib.tensor([0, 2, 3]), lib.tensor([0, 2, 2]), d[0] * 2, (2, 3), check_invariants=True
    ),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients(name: str, oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        scope = names(lib)
        s, d = scope["s"].requires_grad_(), scope["d"].requires_grad_()
        e = lib.arange(15.0).reshape(3, 5).requires_grad_()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = OPERATIONS[name](lib, s, d, e)
            full = y if y.layout == lib.strided else y.to_dense()
            weights = lib.arange(1.0, full.numel() + 1).reshape(full.shape)
            grads = lib.autograd.grad((full * weights).sum(), [s, d, e], allow_unused=True)
            found.append([described(y.detach(), lib), *[None if g is None else described(g, lib)[1:] for g in grads]])
    assert same(*found), found


@pytest.mark.oracle
@pytest.mark.parametrize("layout", LAYOUTS[1:])
def test_files_are_pytorchs(oracle: ModuleType, layout: str) -> None:
    blocks = {"blocksize": (2, 1)} if layout[7] == "b" else {}
    for writer, reader in ((oracle, kagari), (kagari, oracle), (kagari, kagari)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            s = matrix(writer, (4, 6), "float32").to_sparse(layout=getattr(writer, layout), **blocks)
            file = io.BytesIO()
            writer.save({"s": s, "again": [s]}, file)
            file.seek(0)
            assert str(reader.load(file)["s"]) == str(s)


def test_a_file_is_not_trusted() -> None:
    file = io.BytesIO()
    kagari.save(kagari.sparse_csr_tensor([0, 1, 2], [0, 9], [1.0, 2.0], (2, 3), check_invariants=False), file)
    file.seek(0)
    with pytest.raises(RuntimeError, match="col_indices < ncols"):
        kagari.load(file)


def test_copies() -> None:
    s = names(kagari)["s"].requires_grad_()
    s.grad = (s * 2).detach()
    made, again = copy.deepcopy(s), pickle.loads(pickle.dumps(s))
    assert str(made) == str(again) == str(s)
    assert made.grad.values().tolist() == [2.0, 4.0, 6.0]
    made.detach().mul_(5)
    assert s.values().tolist() == [1.0, 2.0, 3.0]


def test_gradcheck_of_values() -> None:
    check = kagari.sparse.as_sparse_gradcheck(kagari.autograd.gradcheck)
    d = kagari.tensor([[1.0, 0, 2], [0, 0, 3]], dtype=kagari.float64)
    e = kagari.arange(6, dtype=kagari.float64).reshape(3, 2).requires_grad_()
    for s in (d.to_sparse(), d.to_sparse_csr(), d.to_sparse_bsc((2, 1))):
        assert check(lambda x, y: kagari.sparse.mm(x, y).sin(), (s.requires_grad_(), e))
        assert check(lambda x: x * 3, (s,))
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        check(lambda x: kagari.sparse.sum(x.detach() * x), (d.to_sparse().requires_grad_(),))


def test_half_empty_matrices_are_for_gpus() -> None:
    with pytest.raises(RuntimeError, match="Only CUDA tensors are currently supported"):
        kagari.sparse.to_sparse_semi_structured(kagari.ones(32, 64))
