"""Indexing, read and written, as with the oracle: elements, strides, gradients and errors."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from outcomes import assert_same, evaluated

import kagari
from kagari.capture.dynamo import _trace_wrapped_higher_order_op as Ours

NAMES: dict[str, Any] = {
    "x": lambda t: t.arange(24.0).reshape(2, 3, 4),
    "m": lambda t: t.arange(12.0).reshape(3, 4),
    "z": lambda t: t.tensor(1.0),
    "i": lambda t: t.tensor([1, 0, -1]),
    "e": lambda t: t.empty(0, dtype=t.int64),
}

READ = """
x[0]
x[-1]
x[1, 2]
x[1, 2, 3]
x[1:]
x[:, 1]
x[..., 1]
x[0, ..., 1]
x[:, ::2]
x[:, 1:3, ::3]
x[None]
x[:, None, 1]
x[..., None]
x[-2:]
x[3:1]
x[10:]
x[:, -100:2]
x[...]
x[()]
z[...]
z[None]
z[()]
x[True]
x[False]
z[True]
x[torch.tensor(1)]
x[np.int64(1)]
x[torch.tensor(0):torch.tensor(1)]
m.t()[1:, 0]
m.t()[:, ::2]
m[i]
m[:, i]
m[[0, 2]]
m[[0, 2], [1, 3]]
m[i, i]
m[i, 1]
m[1, i]
m[[[0, 1], [1, 2]]]
m[torch.tensor([[0, 1], [1, 2]]), torch.tensor([3, 0])]
m[e]
m[[]]
m[:, e]
m[np.array([0, 1])]
m[range(2)]
m[torch.tensor([0, 1], dtype=torch.int32)]
m[m > 5]
m[m[:, 0] > 2]
m[m > 100]
m[:, torch.tensor([True, False, True, True])]
m[torch.tensor([True, False, True]), 1]
m[torch.tensor([True, False, True]), i[:2]]
m[[True, False, True]]
m[torch.tensor(True)]
m[torch.tensor(False)]
x[0, i]
x[:, i]
x[:, i, 1]
x[:, i, i]
x[i[:2], :, i[:2]]
x[i[:2], 1:, i[:2]]
x[1, i, 1:3]
x[..., i]
x[None, :, i]
x[:, None, i]
x[x[..., 0] > 3]
x[0, x[0] > 5]
x.permute(2, 0, 1)[i]
x.permute(2, 0, 1)[1:, [0, 1], [2, 0]]
m.t()[i]
m.bool()[i]
m.bfloat16()[[0, 1], [1, 1]]
m.long()[m.long() % 2 == 0]
list(m[0])
[r.shape for r in x]
m.tolist()[1]
torch.stack(list(m)).shape
m[1].storage_offset()
m[1:, 2:].storage_offset()
m[0].data_ptr() == m.data_ptr()
"""

WRITTEN = """
x[0] = 1
x[0] = 1.5
x[:, 1] = torch.ones(4)
x[0] = torch.ones(1, 3, 4)
x[..., 0] = torch.tensor([[1], [2]])
x[:, ::2, 1:3] = -1
x[1, 2, 3] = torch.tensor(5)
x[()] = 2
z[()] = 3
z[...] = 4
m[0] = [1, 2, 3, 4]
m[:, 0] = np.array([7, 8, 9])
m[1:] = m[:-1].clone()
m[0] += 1
m[:, 1] *= 2
m[i] = 0
m[i, i] = torch.tensor([5.0, 6.0, 7.0])
m[:, i] = torch.ones(3, 1)
m[m > 5] = -1
m[m > 5] = m[m > 5] * 2
m[m > 5] = torch.zeros(6, dtype=torch.int64)
m[[True, False, True]] = torch.arange(4.0)
m[e] = 3
m[torch.tensor([[0, 1]]), 1:3] = torch.ones(1, 2, 2)
x[0, i] = 9
x[i[:2], :, i[:2]] = 4
x[:, [0, 2], 1] = torch.tensor([1.0, 2.0])
m.t()[0] = 3
m.t()[i] = 5
"""

ERRORS = """
m[5]
m[-4]
m[0, 0, 0]
m[1.5]
m["a"]
m[{}]
m[::-1]
m[::0]
z[0]
z[:]
m[torch.tensor([0, 5])]
m[torch.tensor([0, -4])]
m[[0, 1], [0, 7]]
m[torch.tensor([0.0, 1.0])]
m[torch.tensor([0, 1], dtype=torch.int16)]
m[torch.tensor([True, False])]
m[m]
m[[0, 1], [1, 2, 3]]
r = m; m[5] = 1
r = m; m[1.5] = 1
r = m; m[0, 0, 0] = 1
r = m; m[0] = torch.ones(3)
r = m; m[0:2] = torch.ones(3)
r = m; m[0] = "a"
r = m; m[0] = None
r = m; m[[0, 1]] = torch.ones(3)
r = m; m[[0, 5]] = 1
r = m; m[m > 3] = torch.ones(2)
r = m; m[torch.tensor([True, False])] = 1
r = z; z[0] = 3
r = i; i[0] = 2**63
m.requires_grad_()[0] = 1
len(z)
list(z)
"""


@pytest.mark.parametrize("source", READ.strip().split("\n"))
def test_read(source: str, oracle: ModuleType) -> None:
    assert_same(source, oracle, kagari, **NAMES)


@pytest.mark.parametrize("source", WRITTEN.strip().split("\n"))
def test_written(source: str, oracle: ModuleType) -> None:
    assert_same(f"{source}; r = (x, m, z)", oracle, kagari, **NAMES)


@pytest.mark.parametrize("source", ERRORS.strip().split("\n"))
def test_error(source: str, oracle: ModuleType) -> None:
    assert_same(source, oracle, kagari, **NAMES)


@pytest.mark.parametrize("source", [s for s in READ.strip().split("\n") if s[1] == "[" and s[0] in "xmz"])
def test_gradient_of_read(source: str, oracle: ModuleType) -> None:
    script = f"{source[0]}.requires_grad_(); y = {source}; (y * y).sum().backward(); r = {source[0]}.grad"
    assert_same(script, oracle, kagari, **NAMES)


@pytest.mark.parametrize("source", [s for s in WRITTEN.strip().split("\n") if s[0] in "xm" and s[1] == "["])
def test_gradient_of_written(source: str, oracle: ModuleType) -> None:
    """The gradient of what was written over is zero, of what was written that of its place."""
    name = source[0]
    script = (
        f"leaf = {name}.requires_grad_(); v = torch.ones(1, requires_grad=True); {name} = leaf * 1; "
        f"{source}; ({name} * {name} * v).sum().backward(); r = (leaf.grad, v.grad)"
    )
    assert_same(script, oracle, kagari, **NAMES)


def test_gradient_of_the_value(oracle: ModuleType) -> None:
    for statement in ("h[1:] = v", "h[i] = v", "h[h > 1] = v", "h[0] = v[0]"):
        script = (
            "w = torch.arange(4.0); v = torch.tensor([5.0], requires_grad=True); h = torch.arange(4.0); "
            f"{statement}; (h * w).sum().backward(); r = (v.grad, h.detach(), h.requires_grad)"
        )
        assert_same(script, oracle, kagari, **NAMES)


def test_views_share_memory_and_versions() -> None:
    m = kagari.zeros(3, 4)
    row = m[1]
    row[2] = 5
    assert m[1, 2].item() == 5
    assert m._version == row._version == 1
    assert evaluated("m[0].is_contiguous()", kagari, {"m": m})[1] == "True"


@pytest.mark.parametrize("index", ["i", "(i, i)", "(j, i)", "(0, i)", "(i, slice(1, 3))", "(i, None)", "(-i,)"])
def test_index_tensors_that_stay_tensors(oracle: ModuleType, index: str) -> None:
    """In their region, what tensors and numbers index is a copy, whatever it is elsewhere."""
    found = []
    for torch, region in ((kagari, Ours), (oracle, oracle._dynamo._trace_wrapped_higher_order_op)):
        x, i, j = torch.arange(12).view(3, 4), torch.tensor(1), torch.tensor([2, 0])
        at = eval(index, {"i": i, "j": j})
        with region.TransformGetItemToIndex():
            y = x[at]
        x.zero_()
        found.append((y.tolist(), list(y.shape)))
    assert found[0] == found[1]
