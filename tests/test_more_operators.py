"""What records' samples can't show of views by strides, stacks, grids and blocks: as with the oracle."""

from __future__ import annotations

import warnings
from types import ModuleType

import numpy as np
import pytest
from outcomes import assert_same

import kagari

NAMES = {
    "x": lambda t: t.arange(12.0).reshape(3, 4),
    "v": lambda t: t.arange(3),
    "w": lambda t: t.arange(3.0).requires_grad_(),
    "c": lambda t: t.arange(16.0).reshape(2, 2, 4),
}

SAME = """
torch.hstack((x, x))
torch.hstack((v, v, torch.tensor([1.5])))
torch.hstack((torch.tensor(1.0), torch.tensor(2)))
torch.hstack([x, x], out=torch.zeros(0))
torch.hstack(())
torch.hstack(x)
torch.hstack([x, 1])
torch.vstack((v, v))
torch.vstack((x, x[0]))
torch.vstack((torch.zeros(2), torch.zeros(3)))
torch.row_stack([v, v])
torch.dstack((v, v))
torch.dstack((x, x))
torch.dstack(())
torch.column_stack((v, v))
torch.column_stack((v, x))
torch.column_stack((torch.tensor(1.0), torch.tensor(2.0)))
torch.atleast_1d(torch.tensor(1.0))
torch.atleast_1d(torch.tensor(1.0), x)
torch.atleast_2d(v)
torch.atleast_2d((v, x))
torch.atleast_3d(v)
torch.atleast_3d(x)
torch.atleast_3d(torch.tensor(1.0))
torch.atleast_1d()
torch.meshgrid(v, v + 5, indexing="ij")
torch.meshgrid(v, torch.arange(2), torch.arange(4), indexing="xy")
torch.meshgrid([v, torch.tensor(1)], indexing="ij")
torch.meshgrid(v, indexing="xy")
torch.meshgrid(v, v, indexing="z")
torch.meshgrid(v, w, indexing="ij")
torch.meshgrid(indexing="ij")
torch.cartesian_prod(v, torch.arange(2), v)
torch.cartesian_prod(v)
torch.cartesian_prod(x)
torch.combinations(v)
torch.combinations(v, 3, with_replacement=True)
torch.combinations(v, 0)
torch.combinations(v, 5)
torch.combinations(v, -1)
torch.combinations(x)
torch.block_diag(x, v, torch.tensor(7))
torch.block_diag()
torch.block_diag(c)
torch.hsplit(x, 2)
torch.hsplit(v, 3)
torch.hsplit(x, 3)
torch.hsplit(x, [1, 3])
x.hsplit(1, 2)
x.hsplit(sections=2)
torch.vsplit(x, [1])
torch.vsplit(v, 3)
torch.vsplit(x, 2)
torch.dsplit(c, 2)
c.dsplit(indices=(1,))
torch.dsplit(x, 2)
torch.unsafe_chunk(x, 2)
x.unsafe_split(2)
x.unsafe_split_with_sizes((1, 2))
torch.split_copy(x, 2)
torch.unbind_copy(v)
torch.split_with_sizes_copy(x, (1, 2))
torch.as_strided(x, (2, 2), (1, 2))
torch.as_strided(x, (2, 2), (1, 2), 1)
x[1:].as_strided((2, 2), (1, 1))
x[1:].as_strided((2, 2), (1, 1), 0)
torch.as_strided(x, (2, 0), (100, 1), 5000)
torch.as_strided(x, (2, 20), (1, 2), 1)
torch.as_strided(x, (2, 2), (1,))
torch.as_strided(x, (2, 2), (-1, 1))
torch.as_strided(x, (2, 2), (1, 1), -1)
torch.as_strided(x, 2, 2)
torch.as_strided_copy(x, (2,), (3,))
torch.as_strided_scatter(x, torch.tensor([7.0, 8.0]), (2,), (3,))
torch.as_strided_scatter(x, torch.tensor([7.0]), (2,), (3,))
x.unfold(0, 2, 1)
x.unfold(1, 3, 1)
x.t().unfold(-1, 2, 2)
x.ravel()
torch.ravel(x.t())
torch.ravel(torch.tensor(1.0))
r = x.unfold(1, 2, 1); r[0, 1, 1] = 9; r = x
r = x.diagonal(1); r.fill_(7); r = x
r = x.as_strided((2, 2), (5, 1)); r.mul_(-1); r = x
y = x.as_strided_((2, 3), (1, 2)); r = (y is x, x)
w.as_strided_((2,), (1,))
y = w * 2; y.as_strided_((2,), (2,)); y.sum().backward(); r = w.grad
y = (w * 1).as_strided((2, 2), (1, 1)); (y * y).sum().backward(); r = w.grad
y = (w * 1)[1:].as_strided((3,), (1,), 0); (y * y).sum().backward(); r = w.grad
y = w * 1; z = y.as_strided((2,), (2,)); z.mul_(5); (y * y).sum().backward(); r = w.grad
y = (w.as_strided((2,2), (1,1)) ** 3).sum(); torch.autograd.grad(y, w, create_graph=True)[0].sum().backward(); r=w.grad
y = w * 1; y.unfold(0, 2, 1)[0].mul_(3); (y * y).sum().backward(); r = w.grad
y = w * 1; torch.stack((y, y, y)).fill_diagonal_(7).pow(2).sum().backward(); r = w.grad
y = w * 1; y.diag().pow(2).sum().backward(); r = w.grad
torch.hstack((w, w * 2)).pow(2).sum().backward(); r = w.grad
torch.block_diag(w, w * 2).pow(2).sum().backward(); r = w.grad
x.index_put((torch.tensor([0, 1]), torch.tensor([1, 2])), torch.tensor([9.0, 8.0]))
x.index_put((torch.tensor([0, 0]), torch.tensor([1, 1])), torch.tensor([9.0, 8.0]), accumulate=True)
x.index_put((x > 5,), torch.tensor(5.0))
x.index_put((x > 5,), torch.arange(6.0), accumulate=True)
x.index_put([torch.tensor([-1])], torch.ones(4))
x.index_put((torch.tensor([7]),), torch.tensor(5.0))
x.index_put((torch.tensor([0, 1]),), torch.ones(3))
x.index_put(torch.tensor([0, 1]), torch.ones(3))
x.index_put((torch.tensor([0]),), 1.0)
x.index_put((0,), torch.tensor(1.0))
x.index_put((v, v, v), torch.tensor(1.0))
x.index_put((torch.tensor([0]),), torch.ones(4, dtype=torch.float64))
r = (x.index_put_((v,), torch.ones(4), True) is x, x, x._version)
x.bfloat16().index_put_((v,), torch.ones(4).bfloat16(), True)
y = (w * 1).index_put((torch.tensor([0, 0]),), w[:2] * 3, accumulate=True); (y * y).sum().backward(); r = w.grad
y = (w * 1).index_put((torch.tensor([1]),), w[2:] * 3); (y * y).sum().backward(); r = w.grad
torch.repeat_interleave(v)
torch.repeat_interleave(v, v)
torch.repeat_interleave(x, v, 0)
x.repeat_interleave(torch.tensor([1, 0, 2, 1]), dim=1, output_size=4)
x.repeat_interleave(torch.tensor([2]), 0)
x.repeat_interleave(torch.tensor(2), 1)
torch.repeat_interleave(x, 2)
torch.repeat_interleave(x, v, 1)
torch.repeat_interleave(x, torch.tensor([1, -2, 1]), 0)
torch.repeat_interleave(x, torch.tensor([[1, 2]]), 0)
torch.repeat_interleave(x, torch.tensor([1.0, 2.0, 3.0]), 0)
torch.repeat_interleave(x, v, 0, output_size=5)
w.repeat_interleave(torch.tensor([1, 0, 3])).pow(2).sum().backward(); r = w.grad
torch.nonzero_static(torch.tensor([1, 0, 2]), size=3)
torch.nonzero_static(torch.tensor([1, 0, 2]), size=1, fill_value=7)
torch.nonzero_static(torch.tensor(1), size=2)
x.nonzero_static(size=2)
torch.nonzero_static(x, size=-1)
torch.tril_indices(3, 3)
torch.triu_indices(2, 3, 1)
torch.tril_indices(3, 2, -1, dtype=torch.int32)
torch.tril_indices(0, 2)
torch.tril_indices(-1, 2)
torch.triu_indices(2, -2)
torch.tril_indices(2.5, 2)
torch.tril_indices(2, 2, dtype=torch.float32)
torch.range(0, 3)
torch.range(1, 2, 0.25)
torch.range(3, 0, -1.5)
torch.range(0, 3, dtype=torch.int64)
torch.range(3, 0)
torch.range(0, 3, 0)
torch.range(1, float("inf"))
torch.empty_permuted((2, 3, 4), (0, 2, 1)).stride()
torch.empty_permuted((2, 3), (0, 0))
torch.empty_permuted((2, 3), (0,))
torch.empty_permuted((2, 3), (0, 2))
torch.gradient(x)
torch.gradient(x, dim=0)
torch.gradient(x, dim=(0, 1), spacing=(1.0, 2.0))
torch.gradient(x[0], spacing=2.0)
torch.gradient(x[0] ** 2, edge_order=2)
torch.gradient(torch.tensor([1, 2, 4, 9]))
torch.gradient(v[:2])
torch.gradient(x[:1])
torch.gradient(x[:2], edge_order=2)
torch.gradient(x, edge_order=3)
torch.gradient(x, spacing=(1.0,))
torch.gradient(x, spacing=[1, 2], dim=0)
torch.gradient(x, dim=(0, 0))
torch.gradient(x, dim=3)
torch.gradient(torch.tensor(1.0))
torch.gradient(v.to(torch.uint8))
torch.gradient(w)[0].pow(2).sum().backward(); r = w.grad
x.double().float_power_(2)
x.float_power_(2)
(x[:, 1:] + 1).polygamma(0).round(decimals=4)
y = x + 1; r = y.polygamma_(2) is y
torch.special.expit(x).equal(torch.sigmoid(x))
torch.special.gammaln(x + 1).equal(torch.lgamma(x + 1))
x.apply_(lambda a: a * 2)
v.apply_(lambda a: a + 0.5)
w.apply_(lambda a: a)
x.map_(x[0].clone(), lambda a, b: a + b)
x.map2_(x, x, lambda a, b, c: a + b * c)
r = x.bfloat16().apply_(lambda a: a + 1)
r = v.new(2).set_(v).is_set_to(v)
torch.zeros(1).set_()
torch.zeros(1).set_(x.untyped_storage())
torch.zeros(1).set_(x.untyped_storage(), 1, (2,), (3,))
v.new([1.5, 2])
v.new(2, 3).shape
x.sum_to_size(2, 4)
(x.is_meta, x.is_mps, x.is_xpu, x.is_nested, x.is_pinned(), x.is_shared(), x.is_distributed(), x.is_mkldnn)
(x.to_dense() is x, x.const_data_ptr() == x.data_ptr())
x.pin_memory()
(torch.is_storage(x.untyped_storage()), torch.is_storage(x))
(x.untyped_storage() is x[1:].untyped_storage(), x.untyped_storage()._cdata == x[1:].untyped_storage()._cdata)
s = x.untyped_storage(); r = (s.nbytes(), s.size(), len(s), s.element_size(), str(s.device), s.is_cuda)
x.untyped_storage().data_ptr() == x.data_ptr()
s = x.untyped_storage(); r = (s.tolist(), s[4:8].tolist(), s[-1], [int(b) for b in s][:3])
s = v.clone().untyped_storage(); s[0] = 7; s[1:3] = 1; r = (s.tolist(), s.fill_(0).tolist(), s.clone().nbytes())
torch.UntypedStorage([1, 2, 3]).tolist()
s = torch.UntypedStorage(2); r = (s.copy_(torch.UntypedStorage([8, 9])).tolist(), s)
x.untyped_storage()["a"]
torch.UntypedStorage(2)[2]
torch.resize_as_(v, torch.ones(1, 2))
torch.as_strided_(x, (2,), (3,))
y = (w * 2).as_subclass(torch.nn.Parameter); r = (type(y).__name__, y.grad_fn is not None)
y = w * 1; y.index_copy_(0, torch.tensor([1]), w[2:] * 3); (y * y).sum().backward(); r = w.grad
y = w * 1; y.scatter_reduce_(0, torch.tensor([0, 0]), w[1:] * 2, "amax"); (y * y).sum().backward(); r = w.grad
y = w * 1; y.index_reduce_(0, torch.tensor([0, 0]), w[1:] * 2, "amin"); (y * y).sum().backward(); r = w.grad
y = w * 1; y.put_(torch.tensor([-1]), w[:1] * 5); (y * y).sum().backward(); r = w.grad
y = w * 1; y.masked_scatter_(torch.tensor([True, False, True]), w[1:] * 2); (y * y).sum().backward(); r = w.grad
y = (w.double() * 1).float_power_(2); y.sum().backward(); r = w.grad
y = w * 1; y[1:].scatter_(0, torch.tensor([1]), w[:1] * 2); (y * y).sum().backward(); r = w.grad
y = w * 1 + 1; y.polygamma_(2); y.sum().backward(); r = (w.grad * 1000).round()
w.index_copy_(0, torch.tensor([1]), torch.ones(1))
w.masked_scatter_(torch.tensor([True, False, True]), torch.ones(2))
torch.zeros(4).masked_scatter(torch.ones(4).bool(), torch.ones(2))
x.scatter(1, torch.tensor([[0], [1]]), value=7)
x.scatter_(1, torch.tensor([[0], [1]]), 2, reduce="add")
x.unfold(0, 5, 1)
x.as_strided((2,), (1,), 11)
torch.diagonal_scatter(w, torch.ones(1))
torch.select_scatter(x, w[:1].expand(4), 0, 1).sum().backward(); r = w.grad
torch.slice_scatter(x, w[:1].expand(1, 4), 0, 1, 2).sum().backward(); r = w.grad
torch.hann_window(-1)
torch.hann_window(0)
torch.hann_window(1)
torch.hann_window(2.5)
"""


@pytest.mark.parametrize("source", SAME.strip().split("\n"))
def test_like_the_oracle(source: str, oracle: ModuleType) -> None:
    assert_same(source, oracle, kagari, **NAMES)


def test_meshgrid_warns() -> None:
    with pytest.warns(UserWarning, match="required to pass the indexing argument"):
        kagari.meshgrid(kagari.arange(2), kagari.arange(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kagari.cartesian_prod(kagari.arange(2), kagari.arange(2))


def test_gradient_of_powers() -> None:
    """PyTorch has no gradient of `vander`: the powers' own."""
    x = kagari.tensor([1.0, 2.0, 3.0], dtype=kagari.float64, requires_grad=True)
    assert kagari.autograd.gradcheck(lambda t: kagari.vander(t, 4), (x,))


@pytest.mark.parametrize("name", ["hann", "hamming", "blackman", "bartlett", "kaiser"])
def test_windows(name: str, oracle: ModuleType) -> None:
    ours, theirs = (getattr(lib, f"{name}_window") for lib in (kagari, oracle))
    for length in (1, 2, 3, 4, 9, 64):
        for periodic in (True, False):
            got, want = ours(length, periodic), theirs(length, periodic)
            assert str(got.dtype) == str(want.dtype)
            np.testing.assert_allclose(got.numpy(), want.numpy(), atol=1e-6)
    assert ours(4, dtype=kagari.float16, requires_grad=True).requires_grad
    with pytest.raises(RuntimeError, match=f"{name}_window expects floating point dtypes"):
        ours(3, dtype=kagari.int64)


@pytest.mark.parametrize("order", [1, 2])
def test_slopes_at_coordinates(order: int, oracle: ModuleType) -> None:
    got, want = (
        lib.gradient(
            lib.arange(12.0).reshape(3, 4) ** 2,
            spacing=(lib.arange(3.0) * 2, lib.tensor([0.0, 1, 3, 4])),
            edge_order=order,
        )
        for lib in (kagari, oracle)
    )
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
    with pytest.raises(RuntimeError, match="as many elements as the dimension"):
        kagari.gradient(kagari.arange(4.0), spacing=(kagari.arange(3.0),))


def test_set_within_the_storage() -> None:
    """PyTorch lets the storage grow here."""
    with pytest.raises(RuntimeError, match="requiring a storage size of 236 are out of bounds for storage of size 48"):
        kagari.zeros(1).set_(kagari.zeros(12).untyped_storage(), 1, (20,), (3,))


def test_integrals_of_nothing() -> None:
    empty = kagari.zeros(2, 0)
    assert kagari.trapezoid(empty, kagari.zeros(0)).tolist() == kagari.trapezoid(empty).tolist() == [0.0, 0.0]
    assert (
        kagari.cumulative_trapezoid(empty, kagari.zeros(0)).shape == kagari.cumulative_trapezoid(empty).shape == (2, 0)
    )


def test_memory_of_another_tensor_in_part(oracle: ModuleType) -> None:
    for lib in (kagari, oracle):
        source = lib.arange(6)
        assert lib.empty(0, dtype=lib.int64).set_(source, 1, (2,), (2,)).tolist() == [1, 3]
        x = lib.ones(3, requires_grad=True)
        y = (x * x).sum()
        lib.empty(0).set_(x.detach())
        y.backward()
        assert x.grad.tolist() == [2.0, 2.0, 2.0]
        assert lib.norm_except_dim(lib.tensor([3.0, -4.0])).tolist() == [3.0, 4.0]
