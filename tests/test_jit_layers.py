"""Layers as scripts and traces: what they compute, here and where PyTorch reads them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from test_jit import assert_same

import kagari
from kagari import nn

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),  # the oracle's
    pytest.mark.filterwarnings("ignore:Converting a tensor to a Python"),
    pytest.mark.filterwarnings("ignore:enable_nested_tensor"),
]

# A layer, and the sizes of its inputs.
LAYERS: dict[str, tuple[Any, tuple[tuple[int, ...], ...]]] = {
    "attention": (lambda: nn.MultiheadAttention(8, 2), ((3, 2, 8),) * 3),
    "attention, batch first": (lambda: nn.MultiheadAttention(8, 2, batch_first=True, bias=False), ((2, 3, 8),) * 3),
    "encoder layer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True), ((2, 3, 8),)),
    "encoder": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, 0.0), 2, norm=nn.LayerNorm(8), enable_nested_tensor=False
        ),
        ((3, 2, 8),),
    ),
    "decoder layer": (lambda: nn.TransformerDecoderLayer(8, 2, 16, 0.0), ((3, 2, 8), (4, 2, 8))),
    "bilinear": (lambda: nn.Bilinear(2, 3, 4), ((2, 2), (2, 3))),
    "transposed": (lambda: nn.ConvTranspose2d(2, 3, 2), ((1, 2, 4, 4),)),
    "same": (lambda: nn.Conv2d(2, 2, 3, padding="same"), ((1, 2, 4, 4),)),
    "circular": (lambda: nn.Conv1d(2, 2, 3, padding=1, padding_mode="circular"), ((1, 2, 4),)),
    "groups": (lambda: nn.GroupNorm(2, 4), ((2, 4, 3),)),
    "instances": (lambda: nn.InstanceNorm2d(3), ((2, 3, 4, 4),)),
    "rms": (lambda: nn.RMSNorm(3), ((2, 3),)),
    "prelu": (nn.PReLU, ((2, 3),)),
    "gelu": (lambda: nn.GELU("tanh"), ((3,),)),
    "softplus": (nn.Softplus, ((3,),)),
    "elu": (nn.ELU, ((3,),)),
    "up": (lambda: nn.Upsample(scale_factor=2.0, mode="bilinear"), ((1, 2, 4, 4),)),
    "reflected": (lambda: nn.ReflectionPad2d(1), ((1, 2, 4, 4),)),
    "shuffle": (lambda: nn.PixelShuffle(2), ((1, 4, 4, 4),)),
    "unflatten": (lambda: nn.Unflatten(1, (2, 2)), ((2, 4),)),
    "cosine": (nn.CosineSimilarity, ((2, 3), (2, 3))),
    "average": (lambda: nn.AvgPool3d(2), ((1, 1, 4, 4, 4),)),
    "largest": (lambda: nn.AdaptiveMaxPool2d(2), ((1, 2, 4, 4),)),
    "places": (lambda: nn.MaxPool2d(2, return_indices=True), ((1, 2, 4, 4),)),
    "unfold": (lambda: nn.Unfold(2), ((1, 2, 4, 4),)),
    "dropout": (lambda: nn.Dropout2d(0.5).eval(), ((2, 3, 4, 4),)),
    "logits": (nn.BCEWithLogitsLoss, ((3,), (3,))),
    "squares": (nn.MSELoss, ((3,), (3,))),
}  # fmt: skip


def made(name: str, how: str) -> tuple[Any, Any, list[Any]]:
    """The layer, its script or trace, and inputs."""
    kagari.manual_seed(0)
    layer, sizes = LAYERS[name]
    module = layer()
    args = [kagari.rand(*size) for size in sizes]
    return module, kagari.jit.trace(module, tuple(args)) if how == "trace" else kagari.jit.script(module), args


@pytest.mark.parametrize("how", ["script", "trace"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str, how: str) -> None:
    module, graph, args = made(name, how)
    assert_same(graph(*args), module(*args))
    assert_same(kagari.jit.load(io.BytesIO(graph.save_to_buffer()))(*args), module(*args))


@pytest.mark.oracle
@pytest.mark.parametrize("how", ["script", "trace"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_in_pytorch(name: str, how: str, oracle: Any) -> None:
    module, graph, args = made(name, how)
    other = oracle.jit.load(io.BytesIO(graph.save_to_buffer()))
    assert_same(module(*args), other(*(oracle.tensor(x.tolist()) for x in args)))


def test_masks_of_attention() -> None:
    kagari.manual_seed(0)
    module = nn.MultiheadAttention(8, 2, batch_first=True)
    scripted = kagari.jit.script(module)
    x = kagari.rand(2, 3, 8)
    padding = kagari.tensor([[False, False, True], [False, False, False]])
    causal = kagari.ones(3, 3).triu(1).bool()
    for need in (True, False):
        for mask in (None, causal):
            assert_same(scripted(x, x, x, padding, need, mask), module(x, x, x, padding, need, mask))
