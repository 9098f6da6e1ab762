"""What follows a product element by element is computed as its sums are finished, also of images and many matrices."""

from __future__ import annotations

import pytest

import kagari as torch
from kagari.autograd.library import records
from kagari.base.dtypes import float32
from kagari.base.symbols import Guards
from kagari.capture import groups
from kagari.engine.traced import Traced, symbolic_shape
from kagari.ir.graph import Value

CALLS = 12  # enough for a segment to be run singly, fused, and in the way that was chosen


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Every group that can be fused is."""
    monkeypatch.setattr(groups.Choice, "faster_fused", True)
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def launches(function, *args, rtol=1e-4, atol=1e-4):
    """The kernels of the compiled function's steps; it gives what the function gives eagerly."""
    compiled = torch.compile(function)
    compiled.choose(False)
    with torch.no_grad():
        for _ in range(CALLS):
            torch.testing.assert_close(compiled(*args), function(*args), rtol=rtol, atol=atol)
    return [kernel.launches for kernel in compiled.explain().parts[-1].kernels]


def test_the_bias_of_a_convolution_is_added_by_its_product():
    guards, names = Guards(), {}
    shapes = ((2, 3, 40, 40), (8, 3, 3, 3), (8,))
    values = [Value("input", (), (i,), symbolic_shape(s, names, guards), float32) for i, s in enumerate(shapes)]
    made = records()["conv2d"].define(*values)
    traced = Traced(dict(enumerate(values)), (made,), tuple(names.values()), guards, values=tuple(values))
    assert [s.kind for s in traced.variant(()).bindings.program.schedule.stages] == ["dot"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(("batch", "size", "stride"), [(3, 40, 1), (1, 40, 2), (3, 7, 1), (8, 14, 1), (2, 1, 1)])
def test_convolution_normalisation_residual_activation(batch, size, stride, last, dtype):
    conv = torch.nn.Conv2d(5, 20, 3, stride, 1).to(dtype)
    norm = torch.nn.BatchNorm2d(20).to(dtype).eval()
    for tensor in (norm.running_mean, norm.running_var, norm.weight.data, norm.bias.data):
        tensor.uniform_(0.5, 2)
    x, places = torch.randn(batch, 5, size, size, dtype=dtype), -(-size // stride)
    residual = torch.randn(batch, 20, places, places, dtype=dtype)
    if last:
        x, residual = (t.contiguous(memory_format=torch.channels_last) for t in (x, residual))
    plain = launches(lambda x: torch.relu(norm(conv(x))), x)
    assert launches(lambda x, r: torch.relu(norm(conv(x)) + r), x, residual) == plain or last
    assert len(plain) == 1 or last


def test_groups_and_values_that_others_read_as_well():
    conv = torch.nn.Conv2d(6, 8, 3, groups=2)
    x, r = torch.randn(2, 6, 12, 12), torch.randn(2, 8, 10, 10)
    launches(lambda x, r: (conv(x) + r).relu(), x, r)
    launches(lambda x, r: ((y := conv(x)), y * r), x, r)
    launches(lambda x, r: ((y := (conv(x) * r).tanh()), y.sum((2, 3)), y.permute(0, 2, 3, 1) + 1), x, r)
    launches(lambda x, r: ((y := conv(x)) - y.mean((0, 2, 3), keepdim=True)) * r.sigmoid(), x, r)


@pytest.mark.parametrize("shape", [(4, 33, 20, 17), (1, 9, 9, 9), (3, 1, 40, 50), (3, 50, 40, 1), (5, 70, 3, 90)])
def test_matrices_with_something_of_their_own_added(shape):
    batch, m, k, n = shape
    a, b, c = torch.randn(batch, m, k), torch.randn(batch, k, n), torch.randn(batch, m, n)
    added = [c, c[0], c[:, :1], c[..., :1], c[:, :1, :1], torch.randn(batch, n, m).transpose(1, 2)]
    assert {(*launches(lambda a, b, c: torch.bmm(a, b).add(c).relu(), a, b, c),) for c in added[:5]} == {(1,)}
    launches(lambda a, b, c: torch.bmm(a, b).add(c).relu(), a, b, added[5])
    # Two dimensions of the batch have more than one step.
    many = torch.randn(2, batch, m, n)
    launches(lambda a, b, c: (torch.matmul(a, b) + c).relu(), a.expand(2, batch, m, k), b, many)
