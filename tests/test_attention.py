"""Attention and transformers against the oracle: state and results from a seed, masks, errors."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from outcomes import assert_equal, assert_same_error

import kagari

SMALL = "8, 2, 16"
ATTENTIONS = {
    "plain": ("8, 2", "q, q, q"),
    "without weights": ("8, 2", "q, q, q, need_weights=False"),
    "of another sequence": ("8, 2, batch_first=True", "q, k, k, average_attn_weights=False"),
    "without bias": ("8, 4, bias=False", "q, q, q"),
    "more keys": ("8, 2, add_bias_kv=True, add_zero_attn=True", "q, q, q, attn_mask=square"),
    "other sizes": ("8, 2, kdim=3, vdim=5", "q, q[..., :3], q[..., 1:6]"),
    "mask": ("8, 2", "q, q, q, attn_mask=square, need_weights=False"),
    "mask of numbers": ("8, 2", "q, q, q, attn_mask=square.to(q.dtype) * -2"),
    "mask of each head": ("8, 2", "q, q, q, attn_mask=square.expand(8, 5, 5), need_weights=False"),
    "padding": ("8, 2", "q, q, q, key_padding_mask=padding"),
    "padding and mask": ("8, 2", "q, q, q, key_padding_mask=padding, attn_mask=square, need_weights=False"),
    "causal": ("8, 2", "q, q, q, attn_mask=square, is_causal=True, need_weights=False"),
    "no batch": ("8, 2", "q[0], q[0], q[0], attn_mask=square[:4, :4]"),
    "no batch, of another sequence": ("8, 2", "q[0], q[1], q[2], key_padding_mask=padding[0, :4], need_weights=False"),
    "double": ("8, 2, dtype=float64", "q.double(), q.double(), q.double()"),
}
MODELS = {
    "encoder layer": (f"TransformerEncoderLayer({SMALL}, dropout=0)", "src"),
    "encoder layer, normalised first": (
        f"TransformerEncoderLayer({SMALL}, 0, 'gelu', norm_first=True, batch_first=True, bias=False)",
        "src, square[:4, :4], padding.t()",
    ),
    "decoder layer": (f"TransformerDecoderLayer({SMALL}, dropout=0)", "src, memory, square"),
    "decoder layer, normalised first": (
        f"TransformerDecoderLayer({SMALL}, 0, norm_first=True, batch_first=True)",
        "src, src * 2, memory_key_padding_mask=padding.t()",
    ),
    "encoder": (f"TransformerEncoder(TransformerEncoderLayer({SMALL}, dropout=0), 2, LayerNorm(8))", "src, square"),
    "decoder": (
        f"TransformerDecoder(TransformerDecoderLayer({SMALL}, dropout=0), 2)",
        "src, memory, square, tgt_is_causal=True",
    ),
    "transformer": (
        "Transformer(8, 2, 1, 2, 16, 0)",
        "src, memory, src_key_padding_mask=padding, tgt_mask=other, memory_key_padding_mask=padding",
    ),
    "transformer, batch first": ("Transformer(8, 2, 1, 1, 16, 0, 'gelu', batch_first=True)", "src, src"),
    "transformer of another encoder": ("Transformer(8, 2, 1, 1, 16, 0, custom_encoder=Take())", "src, memory"),
}


def inputs(t: Any) -> dict[str, Any]:
    q = t.rand(5, 4, 8) * 2 - 1
    return {
        "q": q,
        "k": t.rand(5, 3, 8),
        "src": q.clone(),
        "memory": t.rand(3, 4, 8),
        "square": t.triu(t.ones(5, 5), 1).bool(),
        "other": t.nn.Transformer.generate_square_subsequent_mask(3),
        "padding": t.tensor([[False, False, True, False, True]] * 4),
        "float64": t.float64,
        "True": True,
    }


def names(t: Any) -> dict[str, Any]:
    class Take(t.nn.Module):
        def forward(self, src: Any, **masks: Any) -> Any:
            return src * 2

    return {**{n: getattr(t.nn, n) for n in dir(t.nn) if n[0].isupper()}, "Take": Take, "float64": t.float64}


def numbers(tensor: Any) -> list[float]:
    return tensor.detach().double().reshape(-1).tolist()


def same(ours: Any, theirs: Any, tolerance: float = 2e-5) -> None:
    if theirs is None:
        assert ours is None
        return
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert numbers(ours) == pytest.approx(numbers(theirs), rel=tolerance, abs=tolerance, nan_ok=True)


@pytest.fixture(autouse=True)
def quiet() -> Any:
    """PyTorch warns of what nested tensors do not support."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="enable_nested_tensor")
        warnings.filterwarnings("ignore", message="Support for mismatched")
        yield


def run(lib: ModuleType, module: str, call: str) -> tuple[str, dict[str, Any], list[Any]]:
    """repr, state, and the results and gradients for inputs from the same seed."""
    lib.manual_seed(2)
    layer = eval(module, names(lib))
    given = inputs(lib)
    leaf = given["src" if "src" in call else "q"].requires_grad_()
    found = eval(f"layer({call})", {**given, "layer": layer})
    outputs = list(found) if isinstance(found, tuple) else [found]
    sum((x * x).sum() for x in outputs if x is not None).backward()
    return repr(layer), layer.state_dict(), [*outputs, leaf.grad, *(p.grad for p in layer.parameters())]


def compare(module: str, call: str, oracle: ModuleType) -> None:
    ours, theirs = run(kagari, module, call), run(oracle, module, call)
    assert ours[0] == theirs[0]
    assert list(ours[1]) == list(theirs[1])
    for name, value in ours[1].items():
        assert numbers(value) == pytest.approx(numbers(theirs[1][name]), rel=1e-6), name
    for a, b in zip(ours[2], theirs[2], strict=True):
        same(a, b)


@pytest.mark.parametrize("name", ATTENTIONS)
def test_attention(name: str, oracle: ModuleType) -> None:
    arguments, call = ATTENTIONS[name]
    compare(f"MultiheadAttention({arguments})", call, oracle)


@pytest.mark.parametrize("name", MODELS)
def test_transformer(name: str, oracle: ModuleType) -> None:
    compare(*MODELS[name], oracle)


def test_state_goes_both_ways(oracle: ModuleType) -> None:
    """Weights of the oracle's transformer give its results here, in training's opposite too."""
    theirs = oracle.nn.Transformer(8, 2, 1, 1, 16).eval()
    ours = kagari.nn.Transformer(8, 2, 1, 1, 16).eval()
    ours.load_state_dict({k: kagari.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    results = []
    for lib, model in ((kagari, ours), (oracle, theirs)):
        lib.manual_seed(0)
        results.append(model(lib.rand(5, 2, 8), lib.rand(4, 2, 8)))
    same(*results)


def test_dropout_draws_the_same_numbers(oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):
        lib.manual_seed(0)
        q, k, v = lib.rand(2, 3, 5, 4), lib.rand(2, 3, 6, 4), lib.rand(2, 3, 6, 4)
        results.append(lib.nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=0.5))
        heads = lib.randn(2, 5, 3, 4).transpose(1, 2)  # as they come from one product for all heads
        results.append(lib.nn.functional.scaled_dot_product_attention(heads, heads, heads, dropout_p=0.5))
        layer = lib.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.4)
        results.append(layer(lib.rand(5, 2, 8)))
        results.append(layer.self_attn(*[lib.rand(5, 2, 8)] * 3)[0])
    for ours, theirs in zip(results[:4], results[4:], strict=True):
        same(ours, theirs)


def test_few_heads_serve_many_with_dropout() -> None:
    q, k = kagari.rand(1, 4, 3, 2), kagari.rand(1, 2, 3, 2)
    attend = kagari.nn.functional.scaled_dot_product_attention
    many = k.repeat_interleave(2, 1)
    kagari.manual_seed(0)
    few = attend(q, k, k, dropout_p=0.5, enable_gqa=True)
    kagari.manual_seed(0)
    same(few, attend(q, many, many, dropout_p=0.5))


@pytest.mark.parametrize("options", [{}, {"is_causal": True, "scale": 0.3}, {"enable_gqa": True}])
def test_second_gradient(options: dict[str, Any], oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):
        lib.manual_seed(0)
        heads = 2 if "enable_gqa" in options else 4
        q, k, v, weights = (lib.rand(2, h, 3, 2, dtype=lib.float64) for h in (4, heads, heads, 4))
        for x in (q, k, v):
            x.requires_grad_()
        y = attend(lib, q, k, v, options)
        firsts = lib.autograd.grad((y * weights).sum(), [q, k, v], create_graph=True)
        results.append([*firsts, *lib.autograd.grad(sum((x * x).sum() for x in firsts), [q, k, v])])
    for ours, theirs in zip(*results, strict=True):
        same(ours, theirs, 1e-9)


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"enable_gqa": True}, {"dropout_p": 0.1}])
@pytest.mark.parametrize("turned", [False, True])
def test_the_result_lies_as_the_query_does(options: dict[str, Any], turned: bool, oracle: ModuleType) -> None:
    """Programs rely on it: `y.transpose(1, 2).view(batch, length, width)` is a view where heads are parts of rows."""

    def strides(t: Any) -> Any:
        q = t.ones(2, 6, 4, 8).transpose(1, 2) if turned else t.ones(2, 4, 6, 8)
        found = (
            [t.nn.functional.scaled_dot_product_attention(q, q[:, :2], q[:, :2], **options)]
            if options.get("enable_gqa")
            else [t.nn.functional.scaled_dot_product_attention(x, q, q, **options) for x in (q, q[:, :, :1], q[0])]
        )
        return [y.stride() for y in found]

    assert strides(kagari) == strides(oracle)


def test_causal_biases(oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        bias = importlib.import_module(f"{lib.__name__}.nn.attention.bias")
        q, k = (lib.arange(float(n * 4)).sin().view(1, 2, n // 2, 4) for n in (6, 10))
        masks = [bias.causal_upper_left(3, 5), bias.causal_lower_right(3, 5), bias.causal_lower_right(3, 3)]
        said = [lib.nn.functional.scaled_dot_product_attention(q, k, k, m) for m in masks[:2]]
        with pytest.warns(UserWarning, match="Lower right causal bias"):
            masks.append(bias.causal_lower_right(3, 2))
        for wrong, sizes in ((bias.causal_upper_left, (3,)), (bias.CausalBias, (1, 2, 3))):
            with pytest.raises(AssertionError) as caught:
                wrong(*sizes)
            said.append(str(caught.value))
        found.append([*map(repr, masks), *said, *((int(m.variant), m.seq_len_q, m.seq_len_kv) for m in masks)])
    assert_equal(*found)


def attend(lib: ModuleType, q: Any, k: Any, v: Any, options: dict[str, Any]) -> Any:
    """The function; of PyTorch's kernels the one that has second gradients."""
    if lib is kagari:
        return lib.nn.functional.scaled_dot_product_attention(q, k, v, **options)
    kernels = importlib.import_module("torch.nn.attention")
    with kernels.sdpa_kernel(kernels.SDPBackend.MATH):
        return lib.nn.functional.scaled_dot_product_attention(q, k, v, **options)


def attention(t: Any) -> Any:
    return t.nn.MultiheadAttention(4, 2)


ERRORS: dict[str, Callable[[Any], Any]] = {
    "no heads": lambda t: t.nn.MultiheadAttention(4, 0),
    "heads that do not divide": lambda t: t.nn.MultiheadAttention(4, 3),
    "four dimensions": lambda t: attention(t)(*[t.ones(1, 1, 1, 4)] * 3),
    "a batch of keys only": lambda t: attention(t)(t.ones(1, 4), t.ones(1, 1, 4), t.ones(1, 1, 4)),
    "a batch of queries only": lambda t: attention(t)(t.ones(1, 1, 4), t.ones(1, 4), t.ones(1, 4)),
    "padding without batch": lambda t: attention(t)(*[t.ones(1, 1, 4)] * 3, key_padding_mask=t.ones(1)),
    "padding of another length": lambda t: attention(t)(*[t.ones(1, 1, 4)] * 3, key_padding_mask=t.ones(1, 3)),
    "mask of a dimension": lambda t: attention(t)(*[t.ones(1, 1, 4)] * 3, attn_mask=t.ones(1)),
    "mask of another shape": lambda t: attention(t)(*[t.ones(1, 1, 4)] * 3, attn_mask=t.ones(2, 1)),
    "mask of other heads": lambda t: attention(t)(*[t.ones(1, 1, 4)] * 3, attn_mask=t.ones(1, 1, 1)),
    "mask of other heads without batch": lambda t: attention(t)(*[t.ones(1, 4)] * 3, attn_mask=t.ones(1, 1, 1)),
    "mask of integers": lambda t: attention(t)(*[t.ones(1, 1, 4)] * 3, attn_mask=t.ones(1, 1, dtype=t.int64)),
    "causal without mask": lambda t: attention(t)(*[t.ones(1, 1, 4)] * 3, is_causal=True),
    "another size": lambda t: attention(t)(*[t.ones(1, 1, 6)] * 3),
    "values of another length": lambda t: attention(t)(t.ones(1, 1, 4), t.ones(1, 1, 4), t.ones(2, 1, 4)),
    "no such activation": lambda t: t.nn.TransformerEncoderLayer(4, 2, 8, activation="x"),
    "another batch": lambda t: t.nn.Transformer(4, 2, 1, 1, 8)(t.ones(2, 3, 4), t.ones(2, 2, 4)),
    "another size of features": lambda t: t.nn.Transformer(4, 2, 1, 1, 8)(t.ones(2, 3, 5), t.ones(2, 3, 4)),
    "dropout above one": lambda t: t.nn.functional.scaled_dot_product_attention(*[t.ones(2, 3)] * 3, dropout_p=1.5),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name: str, oracle: ModuleType) -> None:
    assert_same_error(ERRORS[name], oracle, kagari, exact=False)


UNPACKED = [
    {"norm_first": True, "batch_first": False}, {"batch_first": False, "bias": False}, {"bias": False},
    {"activation": abs}, {"nhead": 1}, {"layer_norm_eps": 1e-3}, {},
]  # fmt: skip


@pytest.mark.parametrize("options", UNPACKED, ids=str)
def test_an_encoder_that_is_not_packed_says_why_as_the_oracle(options: dict[str, Any], oracle: ModuleType) -> None:
    said = []
    for lib in (kagari, oracle):
        layer = lib.nn.TransformerEncoderLayer(**{"d_model": 4, "nhead": 2, "batch_first": True, **options})
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            encoder = lib.nn.TransformerEncoder(layer, 1)
            lib.nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
            lib.nn.TransformerEncoder(lib.nn.ReLU(), 1)
        said.append((encoder.use_nested_tensor, [str(warning.message) for warning in seen]))
    assert said[0] == said[1]
