"""What programs ask of sparse tensors, and how they print, are copied, saved and differentiated, next to the oracle."""

from __future__ import annotations

import copy
import io
import pickle
from types import ModuleType
from typing import Any

import pytest
from sparse_cases import said, text

import kagari
from kagari.autograd.library import function

# Of sparse tensors s, its coalesced form c, u with a place that occurs twice, h with a dense dimension, n of integers,
# b3 with three dimensions; of dense ones d, e, E, w.
EXPRESSIONS = (
    "torch.sparse_coo_tensor(i,v)", "torch.sparse_coo_tensor(i,v).is_coalesced()",
    "torch.sparse_coo_tensor([[0,1],[1,0]],[1,2])", "torch.sparse_coo_tensor(i,[1,2.,3],dtype=torch.float64)",
    "torch.sparse_coo_tensor(T([0,1]),T([1.,2]))", "torch.sparse_coo_tensor(T([[0.,1]]),T([1.,2]))",
    "torch.sparse_coo_tensor(i.int(),v)._indices().dtype", "torch.sparse_coo_tensor(i,v,(2,2))",
    "torch.sparse_coo_tensor(i,v,(2,2),check_invariants=True)",
    "torch.sparse_coo_tensor(-i,v,(2,3),check_invariants=True)", "torch.sparse_coo_tensor(i,v,(2,3,4))",
    "torch.sparse_coo_tensor(i,v[:2],(2,3))", "torch.sparse_coo_tensor(i,v,(2,))",
    "torch.sparse_coo_tensor(i,v,(2,3),check_invariants=False,is_coalesced=True).is_coalesced()",
    "torch.sparse_coo_tensor(T([[1,0]]),v[:2],(2,),is_coalesced=True,check_invariants=True)",
    "torch.sparse_coo_tensor(torch.empty(2,0),torch.empty(0))",
    "torch.sparse_coo_tensor(torch.empty(2,0,dtype=torch.int64),torch.empty(0))",
    "torch.sparse_coo_tensor(torch.empty(2,0,dtype=torch.int64),torch.empty(0),(2,3))",
    "torch.sparse_coo_tensor(torch.empty(0,1,dtype=torch.int64),torch.ones(1))",
    "torch.sparse_coo_tensor(torch.empty(0,1,dtype=torch.int64),torch.ones(1),())",
    "torch.sparse_coo_tensor((2,3),dtype=torch.int32,requires_grad=False)",
    "torch.sparse_coo_tensor((2,3),requires_grad=True)", "torch.sparse_coo_tensor(T([[0,1]]),torch.ones(2,3),(2,4))",
    "torch.sparse_coo_tensor(T([[0,1]]),torch.ones(2,3),(2,3)).dense_dim()",
    "torch.sparse_coo_tensor(T([[0,-1]]),torch.ones(2))", "torch.sparse_coo_tensor(T([[0,1]]),T(1.))",
    "torch.sparse_coo_tensor(i,v,(2,-3))", "s.indices()", "s.values()", "c.indices()", "s._indices()", "s.stride()",
    "s.is_contiguous()", "s.nbytes", "s.data_ptr()", "s.untyped_storage()", "s.item()", "s.tolist()", "s.numpy()",
    "bool(s)", "s.reshape(3,2)", "s.type()", "s.is_sparse_csr", "d.is_sparse", "d.sparse_dim()", "d.dense_dim()",
    "d.indices()", "d.values()", "d.coalesce()", "d.is_coalesced()", "s.to_dense()", "u.to_dense()", "u.coalesce()",
    "u", "d.to_sparse(1)", "d.to_sparse(3)", "d.to_sparse(0)", "d.to_sparse(-1)", "T(2.).to_sparse()",
    "T(0.).to_sparse()", "T(2.).to_sparse(0)", "torch.zeros(2,0).to_sparse()", "T([True,False]).to_sparse()",
    "s.to_sparse()", "s.to_sparse(1)", "s.to_sparse(2)", "d.to_sparse(layout=torch.sparse_coo)",
    "d.to_sparse(layout=torch.strided)", "d.to_sparse(sparse_dim=1).dense_dim()", "s.clone().is_coalesced()",
    "s.detach()", "s.data", "s+1", "s*2", "2*s", "s/2", "s*T(2.)", "s*d", "d*s", "s+s", "s+d", "d+s", "s-d", "d-s",
    "s/s", "s/d", "d/s", "s//2", "s**2", "s.pow(2)", "s.pow(0)", "s**-1", "-s", "abs(s)", "s.sqrt()", "s*0.0",
    "s.sum()", "s.sum(0)", "s.sum(-1)", "s.norm()", "s.t()", "s.T", "s.transpose(0,1)", "s.permute(1,0)",
    "h.transpose(0,2)", "h.permute(1,0,2)", "h.permute(2,1,0)", "s[0]", "s[0,1]", "s[:,0]", "s[None]", "s.select(0,1)",
    "s.narrow_copy(1,0,2)", "s.index_select(1,T([0,2]))", "torch.cat([s,s])", "torch.cat([s,s],1)",
    "torch.stack([s,s])", "torch.cat([s,d])", "s.unsqueeze(0)", "s.unbind()", "len(s)", "torch.zeros_like(s)",
    "torch.empty_like(s)", "torch.zeros_like(s,layout=torch.strided)", "torch.zeros_like(d,layout=torch.sparse_coo)",
    "s.new_zeros(2)", "s.new_tensor([1.])", "s.new(2,3)", "torch.sparse.sum(s)", "torch.sparse.sum(s,0)",
    "torch.sparse.sum(s,(0,1))", "torch.sparse.sum(h,2)", "torch.sparse.sum(h,(0,2))", "torch.sparse.sum(d)",
    "torch.sparse.sum(s,dtype=torch.float64)", "torch.sparse.softmax(s,1)", "torch.sparse.log_softmax(s,0)", "s@e",
    "s.mm(e)", "torch.mm(s,e)", "torch.sparse.mm(s,e)", "torch.spmm(s,e)", "torch.smm(s,e)", "torch.hspmm(s,e)",
    "torch.dsmm(s,e)", "torch.hsmm(s,e)", "s@s.t()", "torch.sparse.mm(s,s.t())", "e.t()@s.t()", "torch.mm(e.t(),s.t())",
    "torch.sparse.mm(e.t(),s.t())", "torch.addmm(E,s,e,beta=2,alpha=3)", "torch.sparse.addmm(E,s,e)",
    "torch.sspaddmm(torch.zeros(2,4).to_sparse(),s,e)", "s.mv(w)", "s@w", "torch.mv(s,w)", "torch.matmul(s,e)",
    "b3.bmm(torch.ones(2,3,2))", "b3@torch.ones(2,3,2)", "torch.bmm(torch.ones(2,2,2),b3)", "h@w", "s@d", "n@e",
    "n@e.long()", "n.mm(e)", "torch.mm(s,w)", "s@T(1.)", "torch.nn.functional.linear(E.t().new_ones(5,3),s)",
    "torch.nn.functional.linear(s,torch.ones(4,3))", "torch.einsum('ij,jk->ik',s,e)", "torch.outer(w.to_sparse(),w)",
    "torch.tensordot(s,e,1)", "d.sparse_mask(s)", "d.sparse_mask(u)", "s.sparse_mask(u)",
    "torch.ones(3,3).sparse_mask(s)", "s.sparse_mask(c).is_coalesced()", "d.double().sparse_mask(s)",
    "s.clone().sparse_resize_((4,4),2,0)", "s.clone().sparse_resize_((1,1),2,0)",
    "s.clone().sparse_resize_((4,4,2),2,1)", "s.clone().sparse_resize_and_clear_((4,4),1,1)",
    "s.clone().resize_as_sparse_(h)", "s.clone().zero_()", "s.clone().copy_(u)", "d.clone().copy_(s)",
    "s.clone().copy_(d)", "s.clone().add_(s)", "s.clone().add_(d)", "d.clone().add_(s)", "s.clone().sub_(s)",
    "s.clone().mul_(2)", "s.clone().mul_(d)", "s.clone().mul_(s)", "d.clone().mul_(s)", "s.clone().div_(2)",
    "s.clone().neg_()", "s.clone().abs_()", "s.clone().t_()", "s.clone().transpose_(0,1)", "u+u",
    "(u+u).is_coalesced()", "(c+c).is_coalesced()", "u.abs()", "u*2", "u*d", "(u*d).is_coalesced()", "c*torch.ones(3)",
    "c*torch.ones(2,1)", "torch.ones(3)*c", "h*h", "s*h", "h*torch.ones(2,3,2)", "s*torch.ones(2,2,3)",
    "s*torch.sparse_coo_tensor(T([[0]]),T([2.]),(3,))", "s+torch.sparse_coo_tensor(T([[0]]),T([2.]),(3,))", "s+n",
    "n+n", "n*2.5", "n/2", "n+s", "n.div(2,rounding_mode='floor')", "s.div(2,rounding_mode='trunc')",
    "torch.add(s,s,alpha=2)", "torch.sub(s,s,alpha=2)", "torch.add(d,s,alpha=2)", "torch.add(d,u)",
    "torch.add(torch.ones(3),s)", "torch.add(d.long(),s)", "torch.add(d,n)", "d.long().add_(s)", "s.double()",
    "s.to(torch.float64)", "s.to(torch.int32)", "s.half()", "s.float() is s", "s.cpu() is s", "s.is_coalesced()",
    "s.bool()", "s.isnan()", "s.any()", "s.nan_to_num()", "s.relu()", "torch.relu(s)", "torch.nn.functional.relu(s)",
    "s.norm(1)", "s.norm(2,0)", "torch.norm(s)", "s.isposinf()", "s.sign()", "s.sgn()", "s.signbit()",
    "torch.is_nonzero(s)", "s.new_empty(2,2)", "torch.ones_like(s,layout=torch.strided)",
    "torch.empty(2,3,layout=torch.sparse_coo)", "torch.zeros(2,3,layout=torch.sparse_coo)", "s.expand(2,2,3)",
    "s.repeat(2,1)", "s.broadcast_to((2,2,3))", "s.flatten()", "s.contiguous()", "s.sum((0,1))",
    "s.sum(0,keepdim=True)", "s.sum(dtype=torch.float64)", "n.sum()", "n.sum(0)", "torch.sparse.sum(n)",
    "torch.sparse.sum(n,0)", "h.sum(2)", "h.sum(-1)", "h.sum()", "h.sum((0,1))", "torch.sparse.sum(h,(0,1))", "h[0]",
    "h[0,2]", "h[0,2,1]", "h[:,:,0]", "h.select(2,1)", "h.index_select(2,T([1]))", "s.index_select(0,T([1,1,0]))",
    "s.index_select(0,T([5]))", "s.index_select(0,T([-1]))", "s.index_select(0,T(1))", "u.index_select(1,T([1]))",
    "u[0]", "u[0].is_coalesced()", "c[0].is_coalesced()", "s[0,2]", "u[0,1]", "s[-1]", "s[2]", "torch.hstack([s,s])",
    "torch.vstack([s,s])", "torch.cat([s,h])", "torch.cat([c,c]).is_coalesced()", "torch.cat([h,h],2)",
    "torch.cat([s,n])", "s.t().is_coalesced()", "c.t().is_coalesced()", "c.unsqueeze(0).is_coalesced()",
    "h.unsqueeze(3).dense_dim()", "h.unsqueeze(2).dense_dim()", "h.unsqueeze(-1).dense_dim()", "s.unsqueeze(-1)",
    "s.movedim(0,1)", "s.swapaxes(0,1)", "s.mT", "s.H", "s.adjoint()", "h.t()", "s.permute(0,0)", "s.permute(0)",
    "torch.sparse.softmax(s,0)", "torch.sparse.softmax(h,2)", "torch.sparse.softmax(s,5)", "torch.sparse.softmax(s,-1)",
    "torch.sparse.softmax(s,1,torch.float64)", "torch.sparse.softmax(n,1)", "torch.sparse.softmax(u,1)",
    "s.type(torch.float64)", "s.type('torch.sparse.DoubleTensor')", "s.element_size()", "s.__deepcopy__({})",
    "s.share_memory_()", "s.pin_memory()", "torch.tensor(s)", "torch.as_tensor(s)", "s.narrow_copy(0,1,1)",
    "h.narrow_copy(2,0,1)", "s.conj()", "s.is_same_size(s)", "s.log1p()", "s.asin()", "s.deg2rad()", "s.ceil()",
    "n.sqrt()", "n.sin()", "n.abs()", "s.floor_divide(2)", "s.floor_divide(T(2.))", "s.true_divide(2)", "s and 1",
    "s.neg().is_coalesced()", "c.neg().is_coalesced()", "c.mul(2).is_coalesced()", "u.mul(2).is_coalesced()",
    "u.sqrt().is_coalesced()", "u.neg()", "u.sqrt()", "u.pow(2)", "u/2", "u//2", "s.square()", "s.frac()",
    "s.stride(0)", "s.grad", "s.is_leaf", "s.dim_order()", "s.layout", "s.device", "s.get_device()", "torch.numel(s)",
    "torch.is_tensor(s)", "torch.is_floating_point(s)", "s.storage_offset()", "'%s' % (s.shape,)",
    "[x.shape for x in s]", "list(s)[0]", "s.detach().is_coalesced()", "c.detach().is_coalesced()",
    "c.to(torch.float64).is_coalesced()", "s.is_pinned()", "s.is_shared()", "s.map_(s,lambda x,y:x)", "s.nelement()",
    "s.numpy(force=True)", "s.__array__()",
)  # fmt: skip


def names(torch: Any) -> dict[str, Any]:
    T = torch.tensor
    i, v = T([[0, 1, 1], [2, 0, 2]]), T([3.0, 4, 5])
    checked: dict[str, Any] = {"check_invariants": True}
    s = torch.sparse_coo_tensor(i, v, (2, 3), **checked)
    return {
        "torch": torch, "T": T, "i": i, "v": v, "s": s, "c": s.coalesce(), "d": torch.ones(2, 3),
        "e": torch.arange(12.0).reshape(3, 4), "E": torch.ones(2, 4), "w": torch.ones(3),
        "u": torch.sparse_coo_tensor(T([[0, 0, 1], [1, 1, 2]]), v, (2, 3), **checked),
        "h": torch.sparse_coo_tensor(i, torch.ones(3, 2), (2, 3, 2), **checked),
        "n": torch.sparse_coo_tensor(i, v.long(), (2, 3), **checked), "b3": torch.ones(2, 2, 3).to_sparse(),
    }  # fmt: skip


@pytest.mark.oracle
def test_expressions(oracle: ModuleType) -> None:
    found = [(x, text(names, kagari, x), text(names, oracle, x)) for x in EXPRESSIONS]
    assert [each for each in found if each[1] != each[2]] == []


def leaf(torch: Any, **options: Any) -> Any:
    at, values = torch.tensor([[0, 1, 1], [2, 0, 2]]), torch.tensor([3.0, 4.0, 5.0])
    return torch.sparse_coo_tensor(at, values, (2, 3), requires_grad=True, check_invariants=True, **options)


def accumulates(torch: Any) -> Any:
    s, d = leaf(torch), torch.ones(3, 2, requires_grad=True)
    for _ in range(2):
        torch.sparse.mm(s, d).pow(2).sum().backward()
    return s.grad, d.grad, s.grad.is_sparse, s.is_leaf


def gives_grad_to_values(torch: Any) -> Any:
    values = torch.tensor([3.0, 4.0, 5.0], requires_grad=True)
    s = torch.sparse_coo_tensor(torch.tensor([[0, 0, 1], [2, 2, 0]]), values, (2, 3), check_invariants=True)
    (s.coalesce() * 2).to_dense().pow(2).sum().backward()
    return values.grad, s, s.coalesce(), s.is_leaf


def dense_to_sparse_and_back(torch: Any) -> Any:
    x = torch.tensor([[1.0, 0.0], [2.0, 3.0]], requires_grad=True)
    (x.to_sparse() * torch.tensor([[2.0, 5.0], [7.0, 1.0]])).to_dense().pow(2).sum().backward()
    return x.grad


def gradient_of_all_elements(torch: Any) -> Any:
    s = leaf(torch)
    (s.to_dense(masked_grad=False) * torch.arange(6.0).reshape(2, 3)).sum().backward()
    return s.grad.to_dense()


def gradients_of_gradients(torch: Any) -> Any:
    s, d = leaf(torch), torch.ones(3, 2, requires_grad=True)
    first = torch.autograd.grad(torch.sparse.mm(s, d).pow(2).sum(), [s, d], create_graph=True)
    return torch.autograd.grad(first[1].pow(2).sum(), [d]), first[1].detach()


def hooks(torch: Any) -> Any:
    s, seen = leaf(torch), []
    s.register_hook(lambda g: seen.append(g.to_dense()))
    y = s * 2
    y.retain_grad()
    torch.sparse.sum(y).backward()
    return seen, y.grad.to_dense(), type(y.grad_fn).__name__, y.requires_grad


def changes_in_place(torch: Any) -> Any:
    s = leaf(torch)
    y = (s * 2).coalesce()
    y.mul_(3)
    torch.sparse.sum(y).backward()
    return s.grad.to_dense(), y.to_dense()


def changes_a_leaf(torch: Any) -> Any:
    leaf(torch).mul_(2)


def sees_memory(torch: Any) -> Any:
    values = torch.ones(2)
    s = torch.sparse_coo_tensor(torch.tensor([[0, 1]]), values, (2,), check_invariants=True)
    s._values().mul_(3)
    s.detach()._values().add_(1)
    return values, s._version, s.to_dense()


def sets_a_gradient(torch: Any) -> Any:
    s = leaf(torch)
    s.grad = (s * 2).detach()
    return s.grad.to_dense(), s.detach().requires_grad


def copies(torch: Any) -> Any:
    s = leaf(torch)
    s.grad = (s * 2).detach()
    made = copy.deepcopy(s)
    again = pickle.loads(pickle.dumps(s.detach()))
    return made, made.grad, again, again.is_coalesced(), copy.deepcopy({"a": s.detach()})


def forbids_a_copy(torch: Any) -> Any:
    try:
        copy.deepcopy(leaf(torch) * 2)
    except RuntimeError as error:
        return str(error)[:100]


def joins_dense_and_sparse(torch: Any) -> Any:
    x, s = torch.ones(2, 3, requires_grad=True), leaf(torch)
    (x * 2 + s.to_dense() * 3).sum().backward()
    (x + s * 2).sum().backward()
    return x.grad, s.grad.to_dense()


def keeps_infinities_apart(torch: Any) -> Any:
    """What is not there is zero, not a product with zero."""
    at, inf = torch.tensor([[0, 1]]), float("inf")
    s = torch.sparse_coo_tensor(at, torch.tensor([inf, float("nan")]), (3,), is_coalesced=True, check_invariants=True)
    mask = torch.sparse_coo_tensor(torch.tensor([[1, 2]]), torch.ones(2), (3,), check_invariants=True)
    return s.sparse_mask(mask), s.to_dense(), (s + mask).coalesce()


def conjugates(torch: Any) -> Any:
    at, values = torch.tensor([[0, 1]]), torch.tensor([1 + 2j, 3 - 1j])
    s = torch.sparse_coo_tensor(at, values, (2,), requires_grad=True, check_invariants=True)
    torch.sparse.sum(s * (2 + 1j)).abs().backward()
    return s.detach().conj().to_dense().resolve_conj(), s.grad.to_dense()


def gives_all_of_a_place_the_same(torch: Any) -> Any:
    values = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    s = torch.sparse_coo_tensor(torch.tensor([[0, 0, 1]]), values, (2,), check_invariants=True)
    mask = torch.sparse_coo_tensor(torch.tensor([[0, 0, 1]]), torch.ones(3), (2,), check_invariants=True)
    (s.sparse_mask(mask).to_dense() * torch.tensor([5.0, 7.0])).sum().backward(retain_graph=True)
    first, values.grad = values.grad, None
    ((s * 2 + s).to_dense() * torch.tensor([5.0, 7.0])).sum().backward()
    return first, values.grad


def few_places_are_in_order(torch: Any) -> Any:
    one = torch.sparse_coo_tensor([[0]], [1.0], (2,), check_invariants=True)
    return one.is_coalesced(), torch.sparse_coo_tensor((2, 3)).is_coalesced(), one.values()


def state_of_checks(torch: Any) -> Any:
    check = torch.sparse.check_sparse_tensor_invariants
    before = check.is_enabled()
    with check():
        inside = check.is_enabled()
    with check(False):
        return before, inside, check.is_enabled()


def checked_places(torch: Any) -> Any:
    with torch.sparse.check_sparse_tensor_invariants():
        torch.sparse_coo_tensor(torch.tensor([[3]]), torch.ones(1), (2,))


PROGRAMS = (
    accumulates, gives_grad_to_values, dense_to_sparse_and_back, gradient_of_all_elements, gradients_of_gradients,
    hooks, changes_in_place, changes_a_leaf, sees_memory, sets_a_gradient, copies, forbids_a_copy,
    joins_dense_and_sparse, state_of_checks, checked_places, keeps_infinities_apart, conjugates,
    gives_all_of_a_place_the_same, few_places_are_in_order,
)  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs(program: Any, oracle: ModuleType) -> None:
    ours, theirs = (said(program, lib) for lib in (kagari, oracle))
    assert ours == theirs


@pytest.mark.oracle
@pytest.mark.parametrize("coalesced", [False, True])
def test_files_are_pytorchs(oracle: ModuleType, coalesced: bool) -> None:
    for writer, reader in ((oracle, kagari), (kagari, oracle), (kagari, kagari)):
        file, s = io.BytesIO(), names(writer)["h"]
        writer.save({"s": s.coalesce() if coalesced else s, "again": [s]}, file)
        file.seek(0)
        found = reader.load(file)
        assert str(found["s"]) == str(s)
        assert found["s"].is_coalesced() is coalesced


def test_a_file_is_not_trusted() -> None:
    file = io.BytesIO()
    s = kagari.sparse_coo_tensor([[5]], [1.0], (2,), check_invariants=False)
    kagari.save(s, file)
    file.seek(0)
    with pytest.raises(RuntimeError, match="size is inconsistent with indices"):
        kagari.load(file)


def test_without_memory_of_its_own() -> None:
    """No kernel sees a sparse tensor, whatever way a call takes."""
    s = leaf(kagari).detach()
    with pytest.raises(NotImplementedError, match="cumsum"):
        s.cumsum(0)
    with kagari.overrides.BaseTorchFunctionMode(), pytest.raises(NotImplementedError, match="SparseCPU"):
        s.exp()
    with pytest.raises(NotImplementedError, match="storage"):
        s.untyped_storage()
    with pytest.raises(NotImplementedError, match="no memory of its own"):
        function("exp").run((s,))


def test_devices() -> None:
    for device, kind in (("cuda", RuntimeError), ("meta", NotImplementedError), ("nowhere", RuntimeError)):
        for make in (
            lambda d: kagari.sparse_coo_tensor([[0]], [1.0], (2,), device=d),
            lambda d: kagari.sparse_csr_tensor([0, 1], [0], [1.0], device=d),
            lambda d: leaf(kagari).detach().to(d),
            lambda d: leaf(kagari).detach().to_sparse_csr().to(d),
        ):
            with pytest.raises(kind):
                make(device)
