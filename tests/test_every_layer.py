"""Every layer against PyTorch's: its signature, its text, its state from a seed, and what it makes of an input.

A layer that `kagari.nn` shows and that no line of the table makes is a failure.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari
import kagari.nn as nn

Shape = tuple[int, ...]

POINTWISE = [
    "ELU", "Hardshrink", "Hardsigmoid", "Hardtanh", "Hardswish", "LeakyReLU", "LogSigmoid", "PReLU", "ReLU", "ReLU6",
    "RReLU", "SELU", "CELU", "GELU", "Sigmoid", "SiLU", "Mish", "Softplus", "Softshrink", "Softsign", "Tanh",
    "Tanhshrink", "Identity", "AlphaDropout", "Dropout",
]  # fmt: skip
BY_RANK: dict[str, tuple[tuple[Any, ...], dict[str, Any], int]] = {
    "AdaptiveAvgPool": ((3,), {}, 7), "AdaptiveMaxPool": ((2,), {}, 7), "AvgPool": ((2,), {"padding": 1}, 6),
    "MaxPool": ((3, 2), {"padding": 1, "ceil_mode": True}, 7), "LPPool": ((2, 2), {}, 6),
    "BatchNorm": ((4,), {"momentum": 0.2}, 5), "InstanceNorm": ((4,), {"affine": True}, 5),
    "Conv": ((4, 6, 3), {"stride": 2, "padding": 1, "groups": 2}, 6),
    "ConvTranspose": ((4, 6, 3), {"stride": 2, "padding": 1, "output_padding": 1}, 4),
    "CircularPad": ((1,), {}, 4), "ConstantPad": ((2, 3.5), {}, 4), "ReflectionPad": ((1,), {}, 4),
    "ReplicationPad": ((2,), {}, 4), "ZeroPad": ((1,), {}, 4), "Dropout": ((0.3,), {}, 3),
    "LazyBatchNorm": ((), {"bias": False}, 4), "LazyInstanceNorm": ((), {"affine": True}, 4),
    "LazyConv": ((3, 2), {"bias": False}, 4), "LazyConvTranspose": ((3, 2), {"stride": 2}, 3),
}  # fmt: skip
LOSSES: dict[str, list[tuple[str, Shape]]] = {
    "BCELoss": [("unit", (3, 4)), ("unit", (3, 4))], "BCEWithLogitsLoss": [("", (3, 4)), ("unit", (3, 4))],
    "CosineEmbeddingLoss": [("", (3, 4)), ("", (3, 4)), ("sign", (3,))],
    "CrossEntropyLoss": [("", (3, 4)), ("4", (3,))],
    "GaussianNLLLoss": [("", (3, 4)), ("", (3, 4)), ("unit", (3, 4))],
    "HingeEmbeddingLoss": [("", (3, 4)), ("sign", (3, 4))], "HuberLoss": [("", (3, 4)), ("", (3, 4))],
    "KLDivLoss": [("", (3, 4)), ("unit", (3, 4))], "L1Loss": [("", (3, 4)), ("", (3, 4))],
    "MarginRankingLoss": [("", (3,)), ("", (3,)), ("sign", (3,))], "MSELoss": [("", (3, 4)), ("", (3, 4))],
    "MultiLabelMarginLoss": [("", (3, 4)), ("4", (3, 4))],
    "MultiLabelSoftMarginLoss": [("", (3, 4)), ("unit", (3, 4))], "MultiMarginLoss": [("", (3, 4)), ("4", (3,))],
    "NLLLoss": [("", (3, 4)), ("4", (3,))], "PoissonNLLLoss": [("", (3, 4)), ("unit", (3, 4))],
    "SmoothL1Loss": [("", (3, 4)), ("", (3, 4))], "SoftMarginLoss": [("", (3, 4)), ("sign", (3, 4))],
    "TripletMarginLoss": [("", (3, 4))] * 3, "TripletMarginWithDistanceLoss": [("", (3, 4))] * 3,
}  # fmt: skip
OTHERS: list[tuple[str, tuple[Any, ...], dict[str, Any], list[tuple[str, Shape]]]] = [
    ("Linear", (4, 3), {}, [("", (2, 4))]), ("Linear", (4, 3, False), {}, [("", (2, 4))]),
    ("Bilinear", (4, 3, 2), {}, [("", (5, 4)), ("", (5, 3))]), ("CosineSimilarity", (), {}, [("", (3, 4))] * 2),
    ("PairwiseDistance", (1.5,), {}, [("", (3, 4))] * 2), ("Embedding", (5, 3), {"padding_idx": 1}, [("5", (2, 4))]),
    ("Embedding", (5, 3), {"max_norm": 1.0, "scale_grad_by_freq": True}, [("5", (2, 4))]),
    ("EmbeddingBag", (5, 3), {"mode": "sum"}, [("5", (2, 4))]), ("Flatten", (), {}, [("", (2, 3, 4))]),
    ("Unflatten", (1, (2, 3)), {}, [("", (2, 6))]), ("Fold", ((4, 5), 2), {}, [("", (1, 8, 12))]),
    ("Unfold", (2,), {"padding": 1}, [("", (1, 2, 4, 5))]), ("GLU", (), {}, [("", (3, 4))]),
    ("Threshold", (0.1, 20.0), {}, [("", (3, 4))]), ("Softmax", (1,), {}, [("", (3, 4))]),
    ("LogSoftmax", (), {"dim": -1}, [("", (3, 4))]), ("Softmin", (0,), {}, [("", (3, 4))]),
    ("Softmax2d", (), {}, [("", (2, 3, 4, 4))]), ("FeatureAlphaDropout", (), {}, [("", (2, 3, 4, 4))]),
    ("GroupNorm", (2, 4), {}, [("", (2, 4, 5))]), ("LayerNorm", ((3, 4),), {}, [("", (2, 3, 4))]),
    ("AdaptiveLogSoftmaxWithLoss", (4, 9, [3, 6]), {}, [("", (5, 4)), ("9", (5,))]),
    ("LazyLinear", (3,), {}, [("", (2, 4))]),
    ("LinearCrossEntropyLoss", (4, 5), {}, [("", (3, 4)), ("5", (3,))]),
    ("LocalResponseNorm", (3,), {}, [("", (2, 5, 4))]), ("CrossMapLRN2d", (3, 0.1), {}, [("", (2, 5, 4, 3))]),
    ("SyncBatchNorm", (3,), {"momentum": 0.2, "bias": False}, [("", (2, 3, 4))]),
    ("ChannelShuffle", (2,), {}, [("", (1, 4, 2, 3))]), ("PixelShuffle", (2,), {}, [("", (1, 8, 2, 3))]),
    ("PixelUnshuffle", (2,), {}, [("", (1, 2, 4, 6))]), ("CTCLoss", (1, "sum", True), {}, []),
    ("FractionalMaxPool2d", (2, 3), {}, [("", (1, 2, 6, 6))]), ("FractionalMaxPool3d", (2,), {"output_ratio": 0.5}, []),
    ("Upsample", (None, 1.5, "bilinear"), {}, [("", (1, 2, 4, 5))]), ("Upsample", ((3, 7),), {}, [("", (1, 2, 4, 5))]),
    ("UpsamplingBilinear2d", (None, 2), {}, [("", (1, 2, 3, 4))]),
    ("UpsamplingNearest2d", (5,), {}, [("", (1, 2, 3, 4))]),
    ("RMSNorm", (4,), {"eps": 1e-4}, [("", (2, 4))]), ("GELU", ("tanh",), {}, [("", (3, 4))]),
    ("BatchNorm2d", (3,), {"affine": False, "track_running_stats": False}, [("", (2, 3, 4, 4))]),
    ("Conv2d", (3, 4, (3, 5)), {"padding": "same", "padding_mode": "reflect"}, [("", (2, 3, 6, 7))]),
    ("MaxUnpool1d", (2,), {}, []), ("MaxUnpool2d", (2, 3), {}, []), ("MaxUnpool3d", (2,), {"padding": 1}, []),
    ("MultiheadAttention", (8, 2), {"batch_first": True}, [("", (2, 3, 8))] * 3),
    ("MultiheadAttention", (8, 2), {"kdim": 4, "vdim": 6, "bias": False, "add_bias_kv": True}, []),
    ("RNN", (3, 4, 2), {"nonlinearity": "relu"}, [("", (5, 2, 3))]), ("RNN", (3, 4), {"bidirectional": True}, []),
    ("LSTM", (3, 4, 2), {"batch_first": True, "bidirectional": True}, [("", (2, 5, 3))]),
    ("LSTM", (3, 4), {"proj_size": 2}, [("", (5, 2, 3))]), ("GRU", (3, 4), {"dropout": 0.0}, [("", (5, 2, 3))]),
    ("RNNBase", ("GRU", 3, 4), {}, []), ("RNNCellBase", (3, 4, True, 2), {}, []),
    ("RNNCell", (3, 4), {}, [("", (2, 3))]), ("LSTMCell", (3, 4), {}, [("", (2, 3))]),
    ("GRUCell", (3, 4, False), {}, [("", (2, 3))]),
    ("TransformerEncoderLayer", (8, 2, 16), {"dropout": 0.0}, [("", (3, 2, 8))]),
    ("TransformerDecoderLayer", (8, 2, 16), {"norm_first": True}, [("", (3, 2, 8))] * 2),
    ("Transformer", (8, 2, 1, 1, 16), {"batch_first": True}, [("", (2, 3, 8))] * 2),
]  # fmt: skip
CONTAINERS = {
    "DataParallel": lambda nn: nn.DataParallel(nn.Linear(3, 2)),
    "Module": lambda nn: nn.Module(), "Container": lambda nn: nn.Container(a=nn.Linear(1, 2)),
    "ModuleList": lambda nn: nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU()]),
    "ModuleDict": lambda nn: nn.ModuleDict({"x": nn.Linear(2, 3), "y": nn.Tanh()}),
    "Sequential": lambda nn: nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Dropout(0.1))),
    "ParameterList": lambda nn: nn.ParameterList([nn.Parameter(nn.Linear(2, 2).weight.detach()), 3]),
    "ParameterDict": lambda nn: nn.ParameterDict({"w": nn.Parameter(nn.Linear(2, 2).weight.detach())}),
    "TransformerEncoder": lambda nn: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2, nn.LayerNorm(8)),
    "TransformerDecoder": lambda nn: nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2),
}  # fmt: skip
SYNONYMS = {"NLLLoss2d": "NLLLoss"}
"""Old names of classes, deprecated where they are called."""


def _table() -> list[tuple[str, tuple[Any, ...], dict[str, Any], list[tuple[str, Shape]]]]:
    rows = [(name, (), {}, [("", (3, 4))]) for name in POINTWISE] + OTHERS
    for family, (args, kwargs, size) in BY_RANK.items():
        for rank in (1, 2, 3):
            rows.append((f"{family}{rank}d", args, kwargs, [("", (2, 4, *[size] * rank))]))
    for name, inputs in LOSSES.items():
        rows += [(name, (), {}, inputs), (name, (), {"reduction": "none"}, inputs)]
    return rows


TABLE = _table()


def _input(torch: ModuleType, rng: np.random.Generator, kind: str, shape: Shape) -> Any:
    if kind.isdigit():
        return torch.tensor(rng.integers(0, int(kind), shape).tolist())
    values = rng.uniform(0.05, 0.95, shape) if kind == "unit" else rng.uniform(-2, 2, shape)
    return torch.tensor((np.sign(values) if kind == "sign" else values).tolist())


def _numbers(result: Any) -> list[np.ndarray]:
    """The tensors of a result, in order."""
    if isinstance(result, tuple | list):
        return [x for part in result for x in _numbers(part)]
    return [] if result is None else [result.detach().numpy()]


def _same_state(ours: Any, theirs: Any) -> None:
    mine, other = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(other)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert [n for n, _ in ours.named_buffers()] == [n for n, _ in theirs.named_buffers()]
    for name, value in other.items():
        assert str(mine[name].dtype) == str(value.dtype) and tuple(mine[name].shape) == tuple(value.shape)
        np.testing.assert_allclose(mine[name].numpy(), value.numpy(), rtol=1e-6, atol=1e-6, err_msg=name)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", TABLE, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(TABLE)])
def test_layer(row: tuple[str, tuple[Any, ...], dict[str, Any], list[tuple[str, Shape]]], oracle: ModuleType) -> None:
    name, args, kwargs, shapes = row
    made = []
    for torch in (kagari, oracle):
        torch.manual_seed(7)
        made.append(getattr(torch.nn, name)(*args, **kwargs))
    ours, theirs = made
    assert repr(ours) == repr(theirs)
    if not name.startswith("Lazy"):  # those have a state once they have seen an input
        _same_state(ours, theirs)
    if not shapes:
        return
    results = []
    for torch, layer in ((kagari, ours), (oracle, theirs)):
        rng = np.random.default_rng(3)
        inputs = [_input(torch, rng, kind, shape) for kind, shape in shapes]
        layer.eval() if "Dropout" in name or name in ("RReLU", "Transformer", "TransformerDecoderLayer") else None
        results.append(_numbers(layer(*inputs)))
    assert len(results[0]) == len(results[1]) > 0
    for mine, other in zip(*results):
        assert mine.shape == other.shape and mine.dtype == other.dtype
        np.testing.assert_allclose(mine, other, rtol=2e-5, atol=2e-6)
    assert repr(ours) == repr(theirs)
    _same_state(ours, theirs)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CONTAINERS)
def test_container(name: str, oracle: ModuleType) -> None:
    made = []
    for torch in (kagari, oracle):
        torch.manual_seed(7)
        made.append(CONTAINERS[name](torch.nn))
    assert repr(made[0]) == repr(made[1])
    _same_state(*made)


def _shown() -> list[str]:
    return [n for n in dir(nn) if inspect.isclass(getattr(nn, n)) and issubclass(getattr(nn, n), nn.Module)]


def test_every_layer_is_in_the_table() -> None:
    assert {*_shown()} == {name for name, *_ in TABLE} | {*CONTAINERS} | {*SYNONYMS}


@pytest.mark.parametrize("name", sorted({*_shown()} - {"Container", *SYNONYMS}))
def test_signature(name: str, oracle: ModuleType) -> None:
    """Names, kinds and defaults of parameters."""

    def parameters(torch: ModuleType) -> list[tuple[str, Any, Any]]:
        found = inspect.signature(getattr(torch.nn, name)).parameters.values()
        return [(p.name, p.kind, getattr(p.default, "__name__", p.default)) for p in found]

    assert parameters(kagari) == parameters(oracle)


BUILT: dict[str, Callable[[ModuleType, ModuleType], Any]] = {
    "layer norm of a numpy size": lambda lib, nn: nn.LayerNorm(np.int64(4)).normalized_shape,
    "rms norm of a numpy size": lambda lib, nn: nn.RMSNorm(np.int64(4)).normalized_shape,
    "pooling by a numpy size": lambda lib, nn: nn.LPPool2d(2, np.int64(2))(lib.ones(1, 4, 4)).tolist(),
    "resampling to numpy sizes": lambda lib, nn: nn.functional.interpolate(
        lib.ones(1, 1, 4, 4), (np.int64(2), np.int64(2))
    ).tolist(),
}


@pytest.mark.parametrize("name", BUILT)
def test_numbers_of_numpy_are_sizes(name: str, oracle: ModuleType) -> None:
    ours, theirs = (BUILT[name](lib, lib.nn) for lib in (kagari, oracle))
    assert ours == theirs


REFUSED: dict[str, Callable[[ModuleType], Any]] = {
    "circular padding of a matrix": lambda lib: lib.nn.CircularPad2d(1)(lib.ones(2, 2)),
    "largest of bags with a row that is not there": lambda lib: lib.nn.functional.embedding_bag(
        lib.tensor([[0, 1]]), lib.ones(3, 2), mode="max", padding_idx=7
    ),
    "attention with a mask for another batch": lambda lib: lib.nn.MultiheadAttention(4, 2)(
        *[lib.ones(5, 3, 4)] * 3, key_padding_mask=lib.zeros(2, 5, dtype=lib.bool)
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, oracle: ModuleType) -> None:
    raised = []
    for lib in (kagari, oracle):
        with pytest.raises(Exception) as caught:  # which one is what is compared
            REFUSED[name](lib)
        raised.append(caught.type)
    assert raised[0] is raised[1]
