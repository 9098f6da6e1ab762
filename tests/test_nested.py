"""Nested tensors: `torch.nested`, next to the oracle, and by themselves next to a loop over sequences."""

from __future__ import annotations

import copy
import io
import logging
import pickle
import re
import warnings
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari import nested, nn
from kagari.nn import functional as F
from kagari.serialization import overlaid


def scope(lib: Any) -> dict[str, Any]:
    """What expressions use: x is jagged, h has heads, n has gaps, s is strided."""
    a, b = lib.arange(8.0).reshape(2, 4) / 8 - 0.4, lib.arange(12.0).reshape(3, 4).flip(0) / 7 - 0.9
    x = lib.nested.nested_tensor([a, b], layout=lib.jagged)
    rows = lib.arange(24.0).reshape(3, 4, 2)
    return {
        "torch": lib, "nested": lib.nested, "F": lib.nn.functional, "nn": lib.nn, "a": a, "b": b, "x": x,
        "y": lib.nested.nested_tensor([a, b], layout=lib.jagged), "h": x.unflatten(-1, [2, 2]).transpose(1, 2),
        "n": lib.nested.narrow(rows, 1, 0, lib.tensor([1, 3, 2]), layout=lib.jagged),
        "s": lib.nested.nested_tensor([a, b]), "v": lib.arange(12.0).reshape(6, 2), "o": lib.tensor([0, 2, 6]),
    }  # fmt: skip


def shown(value: Any, lib: Any) -> Any:
    """A result without its library and without the numbers of symbols."""
    if isinstance(value, lib.Tensor) and value.is_nested:
        text = re.sub(r"grad_fn=<[^>]*>(, )?", "", repr(value))
        return re.sub(r"j\d+", "j", text), str(value.dtype), [shown(t, lib) for t in value.unbind()]
    if isinstance(value, lib.Tensor):
        numbers = [round(n, 4) if isinstance(n, float) else n for n in value.detach().reshape(-1).tolist()]
        return str(value.dtype), tuple(value.shape), repr(numbers), value.requires_grad
    if isinstance(value, tuple | list):
        return [shown(part, lib) for part in value]
    return re.sub(r"j\d+", "j", repr(value))


def outcome(text: str, lib: Any) -> Any:
    names = scope(lib)
    try:
        return "gives", shown(eval(text, names), lib)
    except Exception as error:
        kind = next(k for k in type(error).__mro__ if k.__module__ == "builtins")
        return "raises", kind.__name__, re.sub(r"j\d+", "j", str(error))


@pytest.fixture(autouse=True)
def quiet() -> Any:
    """PyTorch warns that its nested tensors are a prototype, and tells why it takes which kernel."""
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


JAGGED = """
x; x.shape; x.size(0); x.size(1); x.size(-1); x.stride(); x.dim(); x.ndim; x.numel(); len(x); x.layout; x.is_nested
x.offsets(); x.lengths(); x.values(); x.unbind(); x[0]; x[-1]; x[0, 1]; x[0, ..., 1]; x[..., 0]; x[..., None]
x.is_contiguous(); h.is_contiguous(); h; h.shape; n; n.unbind(); n.lengths(); n.contiguous(); n * 2; n.values()
x * 2; x + x; 1 - x; 2**x; 1 / x; x % 2; -x; x.abs(); x == x; x > 0; ~(x > 0); (x > 0) & (x > 1); x.cos(); F.gelu(x)
x + torch.ones(4); x + torch.ones(2, 1, 4); x + torch.ones(2, 3, 4); torch.ones(4) + x; x * torch.tensor(3.0)
torch.ones(1, 1, 4) * x; torch.where(x > 0, x, 0.0); torch.maximum(x, x); torch.lerp(x, x, 0.5); x.clamp(0, 1)
torch.frexp(x); x.masked_fill(x > 0, 3.0); torch.add(x, x, alpha=2); x.add_(1); x.relu_(); x.fill_(2.0); x.copy_(x)
F.relu(x); F.silu(x); F.softplus(x); F.leaky_relu(x); torch.isnan(x); x.zero_(); x.exp_()
x.sum(); x.sum(1); x.sum(-1); x.sum((0, 1)); x.sum((0, 1), keepdim=True); x.sum(1, keepdim=True); x.sum(-1, True)
x.mean(); x.mean(1); x.mean(-1); x.amax(1); x.amin(-1); x.max(1); x.max(-1); x.min(-1, keepdim=True); x.any(); x.all(1)
x.prod(1); x.argmax(1); x.argmin(); x.sum(1, dtype=torch.float64); h.sum(1); h.sum(2); h.sum(-1); h.sum((0, 2))
torch.softmax(x, -1); torch.softmax(x, 1); torch.log_softmax(x, -1); h.softmax(-1); F.softmin(x, -1)
F.layer_norm(x, (4,)); F.rms_norm(x, (4,)); F.layer_norm(h, (2,)); F.linear(x, torch.ones(3, 4)); F.dropout(x, 0.0)
x @ torch.ones(4, 2); x @ torch.ones(2, 4, 3); torch.bmm(x, torch.ones(2, 4, 3)); h @ torch.ones(2, 3)
x.transpose(1, 2) @ x; F.embedding(x.long(), torch.ones(5, 2)); F.scaled_dot_product_attention(h, h, h)
F.scaled_dot_product_attention(h, h, h).transpose(1, 2).flatten(-2)
x.transpose(1, 2); x.permute(0, 2, 1); x.mT; x.unsqueeze(1); x.unsqueeze(-1); x.squeeze(-1); x.flatten(-1)
x.unflatten(-1, (2, 2)); x.view(2, -1, 2, 2); x.reshape(2, x.size(1), -1); x.view(-1, -1, 4); x.view_as(x)
x.unsqueeze(-1).expand(2, -1, 4, 3); x.expand_as(x); h.transpose(1, 2).reshape(2, -1, 4); h.flatten(3)
x.chunk(2); x.chunk(2, -1); x.split(1, -1); x.split([1, 3], -1); x.narrow(-1, 0, 2); x.select(-1, 0); x.select(0, 1)
torch.cat([x, x], -1); torch.stack([x, x], -1); torch.unbind(x); list(x); x.detach(); x.clone(); x.contiguous()
x.to(torch.float64); x.half().dtype; x.bool(); x.to("cpu") is x; x.float() is x; x.type_as(y); x.data; x.type()
torch.zeros_like(x); torch.ones_like(x, dtype=torch.int64); torch.full_like(x, 2.0); torch.randn_like(x).shape
torch.zeros_like(x, requires_grad=True).requires_grad; x.is_same_size(x); x.is_same_size(y); torch.numel(x)
x.size(1) == x.shape[1]; x.size(1) == y.size(1); x.size(1) == 3; x.size(1) > 1; 2 * x.size(1); x.size(1) >= 2
x.to_padded_tensor(0.0); h.to_padded_tensor(1.0); x.transpose(1, 2).to_padded_tensor(0.0)
(x > 0).to_padded_tensor(False)
x.to_padded_tensor(0.0, output_size=(2, 5, 4)); x.to_padded_tensor(0.0, (2, 1, 4)); x.requires_grad_() is x
nn.Linear(4, 4, bias=False)(x).shape; x.element_size(); x.itemsize; x.nbytes; x.is_floating_point(); x.device
"""

STRIDED = """
s; s.is_nested; s.layout; s.dim(); s.numel(); s.size(0); s.size(2); s.size(-1); s.unbind(); s.values(); s[0]; s[-1]
s[0, 1]; s[1, :, -1]; s[..., 0]; s.select(1, 0); s.narrow(0, 1, 1); s * 2; s + s; s - 1; s / s; -s; s == 1; s >= 1
s.cos(); F.relu(s); F.gelu(s); s.tanh(); s.isnan(); torch.logical_not(s); s.add_(s); s.mul_(2); s.tanh_(); s.fill_(3.0)
s.masked_fill(s > 0, 3.0); s.transpose(1, 2); s.transpose(1, 2).contiguous(); s.transpose(1, 2) * 2
s.reshape(2, -1, 2, 2); s.view(2, -1, 2, 2); s.reshape(2, -1, 2, 2).transpose(1, 2).reshape(2, 2, -1, 2)
s.unsqueeze(1); s.unsqueeze(-1); s.squeeze(-1); s.chunk(2, -1); torch.cat([s, s]); torch.cat([s, s], -1)
s.sum(-1, keepdim=True); torch.softmax(s, -1); torch.softmax(s, 1); F.linear(s, torch.ones(3, 4), torch.ones(3))
torch.bmm(s, s.transpose(1, 2)); s @ s.transpose(-1, -2); torch.bmm(s, torch.ones(2, 4, 3)); F.dropout(s, 0.0)
F.layer_norm(s, (4,), torch.ones(4), torch.zeros(4)); F.scaled_dot_product_attention(s, s, s); F.silu(s)
F.embedding(nested.nested_tensor([torch.tensor([1, 2]), torch.tensor([0])]), torch.ones(3, 2)); s.is_contiguous()
s.clone(); s.detach(); s.double(); s.to("cpu") is s; torch.zeros_like(s); torch.ones_like(s); s.copy_(s)
s.detach().requires_grad_(); s.to_padded_tensor(0.0); nested.to_padded_tensor(s, -1.0, (3, 5, 6)); torch.numel(s)
nested.nested_tensor([]); nested.nested_tensor([1, 2]); nested.nested_tensor([[1, 2], [3.0]]); s.nbytes
nested.nested_tensor([torch.ones(2), torch.ones(3, dtype=torch.int32)]); nested.as_nested_tensor(torch.ones(2, 3, 4))
nested.nested_tensor([[1, 2], [3, 4, 5]], dtype=torch.float64)
nested.nested_tensor([torch.ones(1, 2), torch.ones(2, 1)])
nested.as_nested_tensor((a, b), dtype=torch.float64); nested.narrow(torch.ones(3, 2), 0, 0, 2)
s.transpose(1, 2).is_contiguous()
torch._nested_tensor_from_mask(torch.ones(2, 3, 4), torch.tensor([[True, True, False], [True, False, False]]))
"""

MADE = """
nested.nested_tensor(torch.ones(2, 3), layout=torch.jagged); nested.as_nested_tensor(x, layout=torch.jagged)
nested.nested_tensor([torch.ones(2, 3), torch.ones(2, 2)], layout=torch.jagged)
nested.nested_tensor([torch.ones(0, 2), torch.ones(3, 2)], layout=torch.jagged)
nested.nested_tensor([[1, 2], [3, 4, 5]], layout=torch.jagged, dtype=torch.float64)
nested.nested_tensor((torch.ones(2), torch.ones(3)), layout=torch.jagged)
nested.nested_tensor([torch.ones(1, 2, 3), torch.ones(1, 4, 3)], layout=torch.jagged)
nested.nested_tensor([a, b], layout=torch.jagged, requires_grad=True)
nested.as_nested_tensor(torch.ones(2, 3, 4), layout=torch.jagged)
nested.as_nested_tensor((a, b), dtype=torch.float64, layout=torch.jagged)
nested.nested_tensor_from_jagged(v, o); nested.nested_tensor_from_jagged(v, lengths=torch.tensor([2, 4]))
nested.nested_tensor_from_jagged(v, o, torch.tensor([1, 3])); nested.nested_tensor_from_jagged(v.T, o, jagged_dim=2)
nested.nested_tensor_from_jagged(v, o).shape == nested.nested_tensor_from_jagged(v * 2, o).shape
nested.nested_tensor_from_jagged(v, o, min_seqlen=2, max_seqlen=4) + nested.nested_tensor_from_jagged(v, o)
nested.narrow(torch.ones(3, 4), 1, torch.tensor([0, 1, 2]), 2, layout=torch.jagged)
nested.narrow(torch.ones(3, 4, 2), 1, 0, 3, layout=torch.jagged)
nested.masked_select(a, torch.tensor([[True, False, True, True], [False, True, False, False]]))
nested.masked_select(torch.ones(2, 3, 4), torch.tensor([[[True], [False], [True]], [[False], [False], [True]]]))
nested.masked_select(torch.ones(3), torch.ones(3) > 0)
"""

ERRORS = """
x.transpose(0, 1); x.permute(1, 0, 2); x.sum(0); x.sum((1, 2)); x.softmax(0); h.softmax(2); x.unbind(1); x.size(3)
x.unsqueeze(0); x.squeeze(0); x.squeeze(1); x.flatten(); x.flatten(1); h.flatten(1, 2); x.chunk(2, 1); x.split(1)
x.split(1, 1); x.narrow(0, 0, 1); x.narrow(1, 0, 1); x.select(1, 0); x[0:1]; torch.cat([x, x]); torch.cat([x, x], 1)
torch.stack([x, x]); torch.stack([x, x], 1); x.view(-1); x.view(2, 3, 4); x.backward(); bool(x); x.item(); x.tolist()
x + torch.ones(2, 5, 4); x + torch.ones(5); x @ torch.ones(4); n.to_padded_tensor(0.0); x.size(1) < 5; x.numpy()
s.size(1); s.size(3); s.transpose(0, 1); s.unbind(1); s.narrow(1, 0, 1); s.chunk(2, 0); s.sum(-1)
s.sum(1, keepdim=True)
s.sum((1, 2)); s.softmax(0); s + torch.ones(4); torch.ones(4) + s; s @ torch.ones(4, 4); s.squeeze(); s.squeeze(0)
s.unsqueeze(0); s[2]; F.layer_norm(s, (4,)); F.linear(s, torch.ones(2, 3)); torch.bmm(s, s); s.reshape(-1, -1, 4)
s + nested.nested_tensor([a]); nested.to_padded_tensor(s, 0.0, (2, 1, 4)); nested.to_padded_tensor(s, 0.0, (2, 5))
nested.nested_tensor([], layout=torch.jagged); nested.nested_tensor([1, 2], layout=torch.jagged)
nested.nested_tensor(3)
nested.nested_tensor([[1, 2], [3.0]], layout=torch.jagged)
nested.nested_tensor([torch.ones(2), torch.ones(2, 2)], layout=torch.jagged); nested.nested_tensor(a)
nested.nested_tensor([torch.ones(1, 2, 3), torch.ones(2, 4, 3)], layout=torch.jagged); nested.as_nested_tensor(3)
nested.nested_tensor([a.int(), b.int()], layout=torch.jagged, requires_grad=True); nested.as_nested_tensor([a, 3])
nested.nested_tensor([a, torch.ones(2)]); nested.as_nested_tensor(torch.tensor(1.0)); nested.as_nested_tensor([[1]])
nested.as_nested_tensor(x); nested.nested_tensor_from_jagged(v); nested.nested_tensor_from_jagged(v, o, jagged_dim=0)
nested.narrow(v, 0, 0, 2, layout=torch.jagged); nested.narrow(v, 1, 0, o, layout=torch.strided)
nested.masked_select(a, a)
nested.narrow(v, 1, 0, [1], layout=torch.jagged); x.cumsum(-1); x.sort(); torch.triu(x); x.repeat(1, 1, 2)
F.pad(x, (1, 1))
torch._nested_tensor_from_mask(torch.ones(1, 3, 4), torch.tensor([[True, False, True]]))
"""


def listed(text: str) -> list[str]:
    return [part.strip() for line in text.strip().splitlines() for part in line.split(";")]


@pytest.mark.parametrize("group", [JAGGED, STRIDED, MADE], ids=["jagged", "strided", "made"])
def test_as_the_oracle(oracle: ModuleType, group: str) -> None:
    wrong = []
    for text in listed(group):
        ours, theirs = outcome(text, kagari), outcome(text, oracle)
        if ours != theirs or ours[0] != "gives":
            wrong.append((text, ours, theirs))
    assert not wrong


def test_errors_as_the_oracle(oracle: ModuleType) -> None:
    wrong = []
    for text in listed(ERRORS):
        ours, theirs = outcome(text, kagari), outcome(text, oracle)
        if ours[:2] != theirs[:2] or ours[0] != "raises":
            wrong.append((text, ours, theirs))
    assert not wrong


def test_parts_of_complex_numbers() -> None:
    parts = [kagari.tensor([1 + 2j, 3 - 1j]), kagari.tensor([5j])]
    for layout in LAYOUTS:
        x = nested.as_nested_tensor(parts, layout=layout)
        assert [t.tolist() for t in x.imag] == [[2.0, -1.0], [5.0]] and x.real.is_nested and x.conj()[0][0] == 1 - 2j


LAYOUTS = [kagari.jagged, kagari.strided]


def sequences() -> list[Any]:
    return [kagari.randn(n, 8, requires_grad=True) for n in (3, 1, 5)]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_gradients_are_those_of_a_loop(layout: Any) -> None:
    kagari.manual_seed(0)
    given = sequences()
    net = nn.Sequential(nn.Linear(8, 6), nn.GELU(), nn.LayerNorm(6), nn.Linear(6, 2), nn.Softmax(-1))
    weights = [kagari.randn(len(t), 2) for t in given]

    def loss(results: Any) -> Any:
        return sum((r * w).sum() for r, w in zip(results, weights, strict=True))

    loss([net(t) for t in given]).backward()
    expected = [t.grad for t in given], [p.grad for p in net.parameters()]
    for t in (*given, *net.parameters()):
        t.grad = None
    loss(net(nested.as_nested_tensor(given, layout=layout)).unbind()).backward()
    for one, other in zip((*expected[0], *expected[1]), (*given, *net.parameters()), strict=True):
        kagari.testing.assert_close(other.grad, one)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_a_leaf_has_a_nested_gradient(layout: Any) -> None:
    x = nested.nested_tensor([kagari.ones(2, 3), kagari.ones(1, 3)], layout=layout, requires_grad=True)
    seen: list[Any] = []
    x.register_hook(lambda g: seen.append(g) or g * 2)
    y = x * 3
    y.backward(kagari.ones_like(y))
    assert x.is_leaf and x.grad.is_nested and seen[0].is_nested and x.grad.layout is layout
    assert x.grad[0].tolist() == [[6.0] * 3] * 2
    (found,) = kagari.autograd.grad((x * x).to_padded_tensor(0.0).sum(), x)
    assert found.is_nested and found[1].tolist() == [[4.0] * 3]
    kagari.optim.SGD([x], 1.0).step()
    assert x.detach()[0].tolist() == [[-5.0] * 3] * 2
    x.grad = None
    assert x.grad is None
    with pytest.raises(RuntimeError, match="leaf Variable"):
        x.add_(1)
    with kagari.no_grad():
        x.add_(1)
    assert x.is_leaf and x.requires_grad


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_changes_in_place_are_followed(layout: Any) -> None:
    given = sequences()
    x = nested.as_nested_tensor(given, layout=layout)
    assert x.mul_(3) is x
    F.relu(x, inplace=True)
    x.to_padded_tensor(0.0).sum().backward()
    for t in given:
        kagari.testing.assert_close(t.grad, 3.0 * (t.detach() > 0))


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_copies(layout: Any) -> None:
    x = nested.nested_tensor([kagari.ones(2, 3), kagari.ones(1, 3)], layout=layout, requires_grad=True)
    for made in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert type(made) is type(x) and made.requires_grad and [t.tolist() for t in made] == [t.tolist() for t in x]


def test_attention_of_a_tutorial() -> None:
    """Heads split and joined around attention, on sequences and on padded ones; compiled, too."""

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.packed, self.out = nn.Linear(16, 48), nn.Linear(16, 16)

        def forward(self, x: Any) -> Any:
            heads = [t.unflatten(-1, [4, 4]).transpose(1, 2) for t in kagari.chunk(self.packed(x), 3, dim=-1)]
            found = F.scaled_dot_product_attention(*heads, is_causal=True)
            return self.out(found.transpose(1, 2).flatten(-2))

    kagari.manual_seed(0)
    net = Attention()
    x = nested.nested_tensor([kagari.randn(n, 16) for n in (5, 1, 7)], layout=kagari.jagged)
    padded = net(x.to_padded_tensor(0.0))
    found = net(x)
    for one, other, n in zip(found.unbind(), padded, (5, 1, 7), strict=True):
        kagari.testing.assert_close(one, other[:n])
    found.to_padded_tensor(0.0).sum().backward()
    gradient = net.packed.weight.grad.clone()
    net.zero_grad()
    sum(row[:n].sum() for row, n in zip(padded, (5, 1, 7), strict=True)).backward()
    kagari.testing.assert_close(gradient, net.packed.weight.grad)
    kagari.testing.assert_close(kagari.compile(net)(x).values(), found.values())


def test_attention_to_other_sequences() -> None:
    kagari.manual_seed(0)
    q, k, v = (
        nested.nested_tensor([kagari.randn(2, n, 4) for n in sizes], layout=kagari.jagged)
        for sizes in ((2, 3), (4, 1), (4, 1))
    )
    found = F.scaled_dot_product_attention(q, k, v)
    for one, *parts in zip(found.unbind(), q.unbind(), k.unbind(), v.unbind(), strict=True):
        kagari.testing.assert_close(one, F.scaled_dot_product_attention(*parts))
    assert found.shape == q.shape
    with pytest.raises(RuntimeError, match="lengths"):
        F.scaled_dot_product_attention(q, k, q)


def test_values_beside_sequences() -> None:
    """What lies between, before and behind sequences has no part in anything."""
    values = kagari.arange(12.0).reshape(6, 2)
    for offsets, lengths in (([1, 3, 4], None), ([0, 3, 5], [2, 1])):
        x = nested.nested_tensor_from_jagged(
            values, kagari.tensor(offsets), None if lengths is None else kagari.tensor(lengths)
        )
        parts = x.unbind()
        assert x.sum() == sum(t.sum() for t in parts) and x.contiguous().numel() == sum(t.numel() for t in parts)
        padded = kagari.arange(8.0).reshape(2, 2, 2)
        others = [(padded[:, :1], padded[:, :1]), (padded, [p[: len(t)] for p, t in zip(padded, parts)])]
        for dense, each in others:
            for found, t, other in zip((x * dense).unbind(), parts, each, strict=True):
                kagari.testing.assert_close(found, t * other)
        for found, t in zip(x.softmax(1).unbind(), parts, strict=True):
            kagari.testing.assert_close(found, t.softmax(0))


def test_gaps_have_no_part_in_reductions() -> None:
    """Unlike in PyTorch, which adds up what lies between sequences."""
    x = nested.narrow(kagari.arange(6.0).view(2, 3), 1, 0, kagari.tensor([1, 2]), layout=kagari.jagged)
    assert x.sum().item() == 7.0 and x.sum(1).tolist() == [0.0, 7.0]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_multihead_attention(layout: Any) -> None:
    kagari.manual_seed(0)
    given = sequences()
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    x = nested.as_nested_tensor(given, layout=layout)
    found, weights = layer(x, x, x)
    for i, t in enumerate(given):
        one, w = layer(t, t, t)
        kagari.testing.assert_close(found[i], one)
        kagari.testing.assert_close(weights[i, : len(t), : len(t)], w)
    assert weights[0, :, 3:].abs().sum() == 0
    assert (x + found).is_nested
    with pytest.raises(AssertionError, match="NestedTensor"):
        layer(x, x, x, key_padding_mask=kagari.zeros(3, 5))
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), 2)
    for one, t in zip(encoder(x).unbind(), given, strict=True):
        kagari.testing.assert_close(one, encoder(t[None])[0])


def test_encoder_leaves_positions_out_as_the_oracle(oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        lib.manual_seed(0)
        layer = lib.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        odd = lib.nn.TransformerEncoderLayer(6, 3, 16, batch_first=True)
        first = lib.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
        with warnings.catch_warnings(action="ignore"):
            uses = [lib.nn.TransformerEncoder(one, 1).use_nested_tensor for one in (layer, odd, first)]
        encoder = lib.nn.TransformerEncoder(layer, 2)
        p = lib.arange(64.0).reshape(2, 4, 8).sin()
        right = lib.tensor([[False, False, True, True], [False, False, False, True]])
        gaps = lib.tensor([[False, True, False, True], [False, False, False, True]])
        emptied = []
        encoder.eval()
        for grad in (True, False):
            with lib.set_grad_enabled(grad):
                for mask in (right, gaps):
                    emptied.append(encoder(p, src_key_padding_mask=mask)[0, -1].tolist() == [0.0] * 8)
        found.append((uses, emptied))
    assert found[0] == found[1] == ([True, False, False], [False, False, True, False])


def test_positions_are_left_out_of_each_example() -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1).eval()
    p, mask = kagari.randn(2, 4, 8), kagari.tensor([[False, True, True, True], [False, False, False, True]])
    with kagari.no_grad():
        whole = encoder(p, src_key_padding_mask=mask)
        each = kagari.vmap(lambda q, m: encoder(q[None], src_key_padding_mask=m[None])[0])(p, mask)
        compiled = kagari.compile(encoder)(p, src_key_padding_mask=mask)
    for other in (each, compiled):
        kagari.testing.assert_close(other, whole)


FILES = {
    "jagged": "nested.nested_tensor([a, b], layout=torch.jagged, requires_grad=True)",
    "strided": "nested.nested_tensor([a, b]).transpose(1, 2)",
    "gaps": "n",
    "heads": "h",
    "masked": "torch.masked.masked_tensor(a, a > 0, requires_grad=True)",
}


@pytest.mark.parametrize("name", FILES)
def test_files_are_pytorchs(oracle: ModuleType, name: str) -> None:
    libs = (kagari, oracle)
    for writer in libs:
        file = io.BytesIO()
        written = eval(FILES[name], scope(writer))
        writer.save(written, file)
        for reader in libs:
            file.seek(0)
            found = reader.load(file, weights_only=name != "masked" or reader is kagari)
            assert re.sub(r"j\d+", "j", repr(found)) == re.sub(r"j\d+", "j", repr(written))
            assert found.requires_grad == written.requires_grad


def test_a_file_can_not_reach_beyond_its_values() -> None:
    line, ones = kagari.arange(4.0), kagari.ones(1, 1, dtype=kagari.int64)
    for sizes, strides, begins in ((ones * 5, ones, ones[0] * 0), (ones, ones, ones[0] * 4), (ones, -ones, ones[0])):
        with pytest.raises(RuntimeError, match="elements"):
            overlaid.rebuild_nested_tensor(line, sizes, strides, begins)
    for offsets, ragged in (([0, 5], 1), ([-1, 2], 1), ([0, 4], 2), ([0, 4], 0)):
        parts = {"values": line, "offsets": kagari.tensor(offsets), "_ragged_idx": ragged}
        with pytest.raises(RuntimeError, match="nested tensor"):
            overlaid.rebuild_njt(parts)
    with pytest.raises(RuntimeError, match="expected"):
        overlaid.rebuild_njt({"values": 1})


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_what_is_not_there_is_refused(layout: Any) -> None:
    """Nothing computes with the elements as if they were all."""
    x = nested.nested_tensor([kagari.ones(2, 3), kagari.ones(1, 3)], layout=layout)
    for call in (
        lambda: kagari.vmap(lambda y: y * 2)(x), lambda: kagari.func.grad(lambda y: y.sum())(x),
        lambda: nn.Parameter(x), lambda: nn.Buffer(x), lambda: kagari.where(x > 0), lambda: kagari.equal(x, x),
        lambda: nn.BatchNorm1d(3)(x), lambda: x.__setitem__(0, 1.0), lambda: x.cuda(),
    ):  # fmt: skip
        with pytest.raises(RuntimeError):
            call()
