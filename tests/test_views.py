"""Views that come as several tensors, and joining: as with the oracle."""

from __future__ import annotations

from types import ModuleType

import pytest
from outcomes import assert_same

import kagari

NAMES = {"x": lambda t: t.arange(12.0).reshape(3, 4), "z": lambda t: t.tensor(1.0)}

SAME = """
torch.unbind(x)
x.unbind(1)
x.t().unbind(-1)
torch.split(x, 2)
torch.broadcast_tensors(x, x)[0] is x
x.split(3, 1)
x.split([1, 3], dim=1)
x.split(0, 1) if 0 in x.shape else 0
torch.split_with_sizes(x, [1, 2])
torch.zeros(0, 2).split(2)
torch.chunk(x, 2)
x.chunk(3, 1)
x.chunk(9)
x.tensor_split(2)
x.tensor_split(3, 1)
x.tensor_split((1, 3), 1)
x.tensor_split((2, 1))
torch.tensor_split(x, torch.tensor([1]))
torch.cat([x, x])
torch.cat((x, x, x), dim=1)
torch.cat([x] * 30)
torch.cat([x, torch.ones(1, 4, dtype=torch.float64)])
torch.cat([torch.zeros(0), x])
torch.cat([x[:0], x])
torch.cat([x.t(), x.t()], -1)
torch.cat([x, x], out=torch.zeros(0))
torch.concat([x, x])
torch.concatenate([x, x])
torch.stack([x, x])
torch.stack([x, x], -1)
torch.stack((z, z, z))
torch.stack([x] * 20, 1).shape
torch.broadcast_tensors(x, torch.ones(4))
torch.broadcast_shapes((2, 1), (3,), 3)
x.nonzero()
torch.nonzero(x > 5, as_tuple=True)
torch.nonzero(z)
torch.argwhere(x > 9)
torch.where(x > 5)
torch.where(x > 5, x, 0)
x.where(x > 5, -x)
x.masked_select(x > 5)
torch.masked_select(x, torch.tensor([True, False, True, False]))
x.clone(memory_format=torch.contiguous_format)
x.t().clone()
x.t().clone(memory_format=torch.contiguous_format)
x.t().contiguous()
x.contiguous().data_ptr() == x.data_ptr()
x.T
x.mT
x.H
z.T, z.H, z.mT, z.mH
torch.zeros(0, 3).chunk(2)
x.view_as(torch.ones(4, 3))
x.broadcast_to(2, 3, 4)
x.double()
x.int()
x.bool()
x.to(torch.float16)
x.to("cpu", torch.int64)
x.to(torch.ones(1, dtype=torch.int8))
x.float() is x
x.type()
x.type(torch.int32)
x.type("torch.DoubleTensor")
x.type_as(torch.ones(1, dtype=torch.int32))
x.max(1)
x.max(1).indices
x.max(0, keepdim=True).values
x.min(dim=1)
x.max()
x.max(torch.full((4,), 5.0))
torch.max(x, 1)
torch.aminmax(x)
torch.equal(x, x)
torch.equal(x, x.long())
torch.allclose(x, x + 1e-9)
x.is_nonzero() if x.numel() == 1 else z.is_nonzero()
x.fill_(3)
x.fill_(torch.tensor(2))
x.zero_()
x[:, :1].expand(3, 4).fill_(3), x
x[:1].expand(3, 4).zero_(), x
x.copy_(torch.ones(4))
x.copy_(3)
x.t().copy_(torch.arange(12).reshape(4, 3))
3.0 in x
x.dim_order()
x.t().dim_order()
"""

ERRORS = """
z.unbind()
x.unbind(2)
z.split(1)
x.split(-1)
x.split(1.5)
x.split([1, 1])
x.split([-1, 4])
x.chunk(0)
z.chunk(1)
z.roll(1, 0)
x.tensor_split(0)
z.tensor_split(2)
torch.cat([])
torch.cat([x, 3])
torch.cat(x)
torch.cat([x, z])
torch.cat([x, x[0]])
torch.cat([x, x.t()])
torch.cat([x, x], 2)
torch.stack([])
torch.stack([x, z])
torch.stack([x, x], 3)
torch.broadcast_shapes((2,), (3,))
torch.broadcast_tensors(x, z, torch.ones(3))
torch.broadcast_tensors(torch.ones(2, 1), torch.ones(3), torch.ones(4, 1, 2))
torch.masked_select(x, torch.tensor([1, 0]))
torch.allclose(x, x.long())
x.clone(memory_format=3)
x.fill_(torch.ones(2))
x.copy_(torch.ones(5))
x.copy_(torch.ones(2, 3, 4))
x.requires_grad_().copy_(torch.ones(4))
x.long().fill_(1e30)
"a" in x
"""


@pytest.mark.parametrize("source", SAME.strip().split("\n"))
def test_same_as_the_oracle(source: str, oracle: ModuleType) -> None:
    assert_same(source, oracle, kagari, **NAMES)


@pytest.mark.parametrize("source", ERRORS.strip().split("\n"))
def test_error(source: str, oracle: ModuleType) -> None:
    assert_same(source, oracle, kagari, **NAMES)


GRADIENTS = """
torch.stack([p * k for k, p in enumerate(x.unbind(1))])
torch.cat([p * k for k, p in enumerate(x.split(2))])
torch.cat([p * k for k, p in enumerate(x.split([1, 3], 1))], 1)
torch.stack(list(x)[::-1])
x.chunk(2)[1]
x.tensor_split(3, 1)[2]
torch.cat([x, x.t().reshape(3, 4)], 1)
x.masked_select(x > 5)
torch.where(x > 5, x, -x)
x.max(1)[0]
x.clone(memory_format=torch.contiguous_format)
x.double()
torch.broadcast_tensors(x, torch.ones(2, 1, 1))[0]
"""


@pytest.mark.parametrize("source", GRADIENTS.strip().split("\n"))
def test_gradient(source: str, oracle: ModuleType) -> None:
    script = f"x.requires_grad_(); y = {source}; (y * y).sum().backward(); r = x.grad"
    assert_same(script, oracle, kagari, **NAMES)


def test_what_reverses_more_than_two_dimensions_warns_as_the_oracle(oracle: ModuleType) -> None:
    oracle.set_warn_always(True)
    for shape in ((), (2,), (1, 2, 3)):
        said = []
        for lib in (kagari, oracle):
            with pytest.warns(UserWarning) as seen:
                assert lib.ones(shape).T.shape == shape[::-1]
            said.append(str(seen[0].message).partition(" (Triggered")[0])
        assert said[0] == said[1]
    oracle.set_warn_always(False)


def test_pieces_share_memory() -> None:
    x = kagari.zeros(4, 2)
    x.split(2)[1].fill_(1)
    x.unbind()[0].fill_(2)
    assert x.tolist() == [[2, 2], [0, 0], [1, 1], [1, 1]]
    assert x._version == 2
