"""What a call in a graph is to quantization: its role, which decides what is observed and what takes its place."""

from __future__ import annotations

from typing import Any

from .... import nn
from ....fx import Node
from ...nn import fused as nni
from ..quantization_mappings import DEFAULT_DYNAMIC_QUANT_MODULE_MAPPINGS, DEFAULT_STATIC_QUANT_MODULE_MAPPINGS

WEIGHTED, OWN, SHARED, FIXED, BINARY, CAT, FUNCTIONAL, RECURRENT, TABLE, INFO = (
    "weighted", "own", "shared", "fixed", "binary", "cat", "functional", "recurrent", "table", "info",
)  # fmt: skip

_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_RECURRENT = (nn.LSTM, nn.GRU, nn.LSTMCell, nn.GRUCell, nn.RNNCell)
_OWN = (
    nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.ELU,
    nn.Hardswish, nn.LeakyReLU, nn.PReLU, nn.Dropout, nni.BNReLU2d, nni.BNReLU3d,
)  # fmt: skip
_SHARED = (
    nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d, nn.Identity, nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.Flatten,
    nn.Upsample, nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle, nn.Unflatten,
)  # fmt: skip
_FIXED = (nn.Sigmoid, nn.Tanh, nn.Hardsigmoid)
_SHARED_CALLS = frozenset((
    "adaptive_avg_pool2d", "adaptive_avg_pool3d", "avg_pool2d", "avg_pool3d", "channel_shuffle", "clamp", "contiguous",
    "detach", "flatten", "hardtanh", "interpolate", "max_pool1d", "max_pool2d", "max_pool3d", "mean",
    "permute", "pixel_shuffle", "pixel_unshuffle", "relu", "relu6", "relu_", "repeat", "reshape", "squeeze",
    "transpose", "unsqueeze", "view",
))  # fmt: skip
_FIXED_CALLS = frozenset(("hardsigmoid", "sigmoid", "sigmoid_", "tanh", "tanh_"))
_INFO_CALLS = frozenset(("dim", "numel", "size"))
OWN_CALLS = frozenset(("dropout", "elu", "hardswish", "instance_norm", "layer_norm", "leaky_relu"))
BINARY_CALLS = {"add": "add", "iadd": "add", "imul": "mul", "matmul": "matmul", "mul": "mul"}
FUNCTIONAL_CALLS = frozenset(("conv1d", "conv2d", "conv3d", "linear"))


def name_of(node: Node) -> str:
    """The name of the function or method that a node calls."""
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")


def kind_of(node: Node, modules: dict[str, Any]) -> Any:
    """The class, the function or the method's name by which a node is configured."""
    return type(modules[str(node.target)]) if node.op == "call_module" else node.target


def is_relu(node: Node, modules: dict[str, Any]) -> bool:
    """Whether a node takes the positive part of a tensor."""
    if node.op == "call_module":
        return type(modules[str(node.target)]) is nn.ReLU
    return node.op in ("call_function", "call_method") and name_of(node) in ("relu", "relu_")


def _of_module(kind: type) -> str | None:
    if kind in (nn.Embedding, nn.EmbeddingBag):
        return TABLE
    if kind in _RECURRENT:
        return RECURRENT
    if kind in _OWN:
        return OWN
    if kind in _SHARED:
        return SHARED
    if kind in _FIXED:
        return FIXED
    if kind in _WEIGHTED or kind.__module__.startswith(nni.__package__):
        known = DEFAULT_STATIC_QUANT_MODULE_MAPPINGS, DEFAULT_DYNAMIC_QUANT_MODULE_MAPPINGS
        return WEIGHTED if any(kind in table for table in known) else None
    return None


def role_of(node: Node, modules: dict[str, Any]) -> str | None:
    """What a node is to quantization; None for what stays as it is."""
    if node.op == "call_module":
        return _of_module(type(modules[str(node.target)]))
    if node.op not in ("call_function", "call_method"):
        return None
    name = name_of(node)
    if name in _INFO_CALLS:
        return INFO
    if name in _FIXED_CALLS:
        return FIXED
    if name in _SHARED_CALLS:
        return SHARED
    if node.op == "call_method":
        return None
    if name in BINARY_CALLS:
        return BINARY
    if name in ("cat", "concat"):
        return CAT
    if name in FUNCTIONAL_CALLS:
        return FUNCTIONAL
    return OWN if name in OWN_CALLS else None


__all__ = [
    "BINARY", "BINARY_CALLS", "CAT", "FIXED", "FUNCTIONAL", "FUNCTIONAL_CALLS", "INFO", "OWN", "OWN_CALLS", "RECURRENT",
    "SHARED", "TABLE", "WEIGHTED", "is_relu", "kind_of", "name_of", "role_of",
]  # fmt: skip
