"""Convolutions, pooling, normalisation and recurrent layers, as nodes of ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base.dtypes import int64
from .builder import Builder, Translate, Val, unsupported

_GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN": (0,)}
"""ONNX's order of gates, as places in PyTorch's: i, o, f, c of i, f, g, o, and z, r, h of r, z, n."""


def _each(value: Any, count: int) -> list[int]:
    return [value] * count if isinstance(value, int) else list(value)


def _conv(
    b: Builder, x: Val, weight: Val, bias: Val | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Val:  # fmt: skip
    count = weight.rank - 2
    settings: dict[str, Any] = {"strides": _each(stride, count), "dilations": _each(dilation, count), "group": groups}
    if padding == "same":
        settings["auto_pad"] = "SAME_UPPER"
    elif padding != "valid":
        settings["pads"] = _each(padding, count) * 2
    return _with_batch(b, "Conv", x, count, (weight, bias), settings)


def _with_batch(b: Builder, kind: str, x: Val, count: int, more: Sequence[Any], settings: dict[str, Any]) -> Val:
    """A node for images in a batch; one without gets one."""
    if x.rank == count + 2:
        return b.emit(kind, x, *more, **settings)
    first = b.array([0], int64)
    return b.emit("Squeeze", b.op(kind, b.op("Unsqueeze", x, first), *more, **settings), first)


def _conv_transpose(
    b: Builder, x: Val, weight: Val, bias: Val | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Val:  # fmt: skip
    count = weight.rank - 2
    settings = {
        "strides": _each(stride, count), "dilations": _each(dilation, count), "group": groups,
        "pads": _each(padding, count) * 2, "output_padding": _each(output_padding, count),
    }  # fmt: skip
    return _with_batch(b, "ConvTranspose", x, count, (weight, bias), settings)


def _convolution(
    b: Builder, x: Val, weight: Val, bias: Val | None, stride: Any, padding: Any, dilation: Any, transposed: bool,
    output_padding: Any, groups: int,
) -> Val:  # fmt: skip
    if transposed:
        return _conv_transpose(b, x, weight, bias, stride, padding, output_padding, groups, dilation)
    return _conv(b, x, weight, bias, stride, padding, dilation, groups)


def _pool_settings(count: int, kernel: Any, stride: Any, padding: Any, ceil_mode: bool) -> dict[str, Any]:
    window = _each(kernel, count)
    return {
        "kernel_shape": window, "strides": _each(stride, count) if stride else window,
        "pads": _each(padding, count) * 2, "ceil_mode": int(ceil_mode),
    }  # fmt: skip


def _max_pool(count: int) -> Translate:
    def run(
        b: Builder, x: Val, kernel: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
    ) -> Val:
        settings = _pool_settings(count, kernel, stride, padding, ceil_mode)
        return _with_batch(b, "MaxPool", x, count, (), {**settings, "dilations": _each(dilation, count)})

    return run


def _avg_pool(count: int) -> Translate:
    def run(
        b: Builder, x: Val, kernel: Any, stride: Any = (), padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> Val:  # fmt: skip
        if divisor_override is not None:
            raise unsupported("a divisor of its own")
        settings = _pool_settings(count, kernel, stride, padding, ceil_mode)
        return _with_batch(b, "AveragePool", x, count, (), {**settings, "count_include_pad": int(count_include_pad)})

    return run


def _adaptive(count: int, whole: str, window: str) -> Translate:
    """Pooling to a size: windows that do not overlap, where the size divides the input's."""

    def run(b: Builder, x: Val, size: Any) -> Val:
        wanted = _each(size, count)
        have = x.shape[-count:]
        if all(n == 1 for n in wanted):
            return _with_batch(b, whole, x, count, (), {})
        if any(not isinstance(n, int) or n % m for n, m in zip(have, wanted)):
            raise unsupported(f"pooling of {have} to {wanted}, which does not divide it")
        kernel = [n // m for n, m in zip(have, wanted)]
        return _with_batch(b, window, x, count, (), {"kernel_shape": kernel, "strides": kernel})

    return run


def _default(b: Builder, value: Val | None, fill: float, x: Val) -> Val:
    """A weight or bias for each channel; one that changes nothing where there is none."""
    return value if value is not None else Val(b.array([fill] * int(x.shape[1]), x.dtype), x.dtype, (x.shape[1],))


def _batch_norm(
    b: Builder, x: Val, weight: Val | None, bias: Val | None, mean: Val | None, var: Val | None, training: bool,
    momentum: float, eps: float, enabled: bool = False,
) -> Val:  # fmt: skip
    if training or mean is None or var is None:
        raise unsupported("batch_norm of a batch's own mean and variance; export the model in evaluation mode")
    scale, shift = _default(b, weight, 1.0, x), _default(b, bias, 0.0, x)
    return b.emit("BatchNormalization", x, scale, shift, mean, var, epsilon=eps)


def _instance_norm(
    b: Builder, x: Val, weight: Val | None, bias: Val | None, mean: Val | None, var: Val | None, own: bool,
    momentum: float, eps: float, enabled: bool = False,
) -> Val:  # fmt: skip
    if not own:
        return _batch_norm(b, x, weight, bias, mean, var, False, momentum, eps)
    scale, shift = _default(b, weight, 1.0, x), _default(b, bias, 0.0, x)
    return b.emit("InstanceNormalization", x, scale, shift, epsilon=eps)


def _layer_norm(
    b: Builder, x: Val, shape: list[int], weight: Val | None = None, bias: Val | None = None, eps: float = 1e-5,
    enabled: bool = False,
) -> Val:  # fmt: skip
    scale = weight if weight is not None else b.op("Expand", b.to(1, x.dtype), b.ints(shape))
    return b.emit("LayerNormalization", x, scale, bias, axis=-len(shape), epsilon=eps)


def _rms_norm(b: Builder, x: Val, shape: list[int], weight: Val | None = None, eps: float | None = None) -> Val:
    dt = x.dtype
    axes = b.array(list(range(-len(shape), 0)), int64)
    least = {"float64": 2.220446049250313e-16, "float32": 1.1920928955078125e-07}.get(
        str(dt).removeprefix("torch."), 1e-7
    )
    mean = b.op("ReduceMean", b.op("Mul", x, x), axes, keepdims=1)
    root = b.op("Sqrt", b.op("Add", mean, b.to(least if eps is None else eps, dt)))
    found = b.op("Div", x, root)
    return b.made(found) if weight is None else b.emit("Mul", found, weight)


def _group_norm(
    b: Builder, x: Val, groups: int, weight: Val | None = None, bias: Val | None = None, eps: float = 1e-5,
    enabled: bool = False,
) -> Val:  # fmt: skip
    ones, zeros = (b.array([fill] * groups, x.dtype) for fill in (1.0, 0.0))
    rows = b.op("Reshape", x, b.array([0, groups, -1], int64))
    found = b.op("Reshape", b.op("InstanceNormalization", rows, ones, zeros, epsilon=eps), b.op("Shape", x))
    sizes = b.array([-1, *[1] * (x.rank - 2)], int64)
    if weight is not None:
        found = b.op("Mul", found, b.op("Reshape", weight, sizes))
    return b.made(found) if bias is None else b.emit("Add", found, b.op("Reshape", bias, sizes))


def _embedding(b: Builder, weight: Val, indices: Val, *rest: Any) -> Val:
    return b.emit("Gather", weight, indices)


def _resize(mode: str, corners: bool) -> Translate:
    def run(b: Builder, x: Val, size: Any, *rest: Any) -> Val:
        align, scales = (rest[0], rest[1]) if corners else (False, rest[0])
        where = "align_corners" if align else "half_pixel" if corners else "asymmetric"
        settings: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": where}
        if mode == "nearest":
            settings["nearest_mode"] = "floor"
        elif mode == "cubic":
            settings["cubic_coeff_a"] = -0.75
        if size is not None:
            head = b.op("Slice", b.shape(x), b.array([0], int64), b.array([2], int64))
            return b.emit("Resize", x, None, None, b.op("Concat", head, b.ints(size), axis=0), **settings)
        return b.emit("Resize", x, None, b.array([1.0, 1.0, *scales], x.dtype), **settings)

    return run


def _grid_sampler(b: Builder, x: Val, grid: Val, mode: int, padding: int, align: bool) -> Val:
    kinds, paddings = ("linear", "nearest", "cubic"), ("zeros", "border", "reflection")
    return b.emit("GridSample", x, grid, mode=kinds[mode], padding_mode=paddings[padding], align_corners=int(align))


# Recurrent layers


def _gates(b: Builder, kind: str, value: Val, size: int) -> str:
    """A matrix or bias with ONNX's order of gates."""
    rows = [row for gate in _GATES[kind] for row in range(gate * size, (gate + 1) * size)]
    ordered: str = b.op("Gather", value, b.array(rows, int64), axis=0) if len(_GATES[kind]) > 1 else value.name
    return ordered


def _recurrent(kind: str, activation: str = "") -> Translate:
    def run(
        b: Builder, x: Val, hx: Any, params: list[Val], biased: bool, layers: int, dropout: float, train: bool,
        both: bool, batch_first: bool,
    ) -> list[Val]:  # fmt: skip
        states = hx if isinstance(hx, list) else [hx]
        directions, each = 1 + both, len(params) // (layers * (1 + both))
        if each > 2 + 2 * biased:
            raise unsupported("a projection")
        if dropout and train:
            raise unsupported("dropout between layers; export the model in evaluation mode")
        size = int(params[1].shape[-1])
        settings: dict[str, Any] = {"hidden_size": size, "direction": "bidirectional" if both else "forward"}
        if kind == "GRU":
            settings["linear_before_reset"] = 1
        if activation:
            settings["activations"] = [activation] * directions
        current = b.op("Transpose", x, perm=[1, 0, 2]) if batch_first else x.name
        ends: list[list[str]] = []
        for layer in range(layers):
            parts = [
                params[(layer * directions + d) * each : (layer * directions + d + 1) * each] for d in range(directions)
            ]
            current, last = _layer(b, kind, current, parts, states, layer * directions, biased, settings)
            ends.append(last)
        shown = b.op("Transpose", current, perm=[1, 0, 2]) if batch_first else current
        last_states = [b.op("Concat", *names, axis=0) if layers > 1 else names[0] for names in zip(*ends)]
        return [b.made(name, part) for name, part in zip([shown, *last_states], b.result)]

    return run


def _layer(
    b: Builder, kind: str, x: str, parts: list[list[Val]], states: list[Val], at: int, biased: bool,
    settings: dict[str, Any],
) -> tuple[str, list[str]]:  # fmt: skip
    """One layer: what it shows, (T, N, D H), and its last states, (D, N, H)."""
    first, size = b.array([0], int64), int(settings["hidden_size"])

    def stacked(of: list[str]) -> str:
        rows = [b.op("Unsqueeze", one, first) for one in of]
        joined: str = rows[0] if len(rows) == 1 else b.op("Concat", *rows, axis=0)
        return joined

    weights = [stacked([_gates(b, kind, part[k], size) for part in parts]) for k in (0, 1)]
    bias = None
    if biased:
        pairs = [[_gates(b, kind, part[k], size) for k in (2, 3)] for part in parts]
        bias = stacked([b.op("Concat", *pair, axis=0) for pair in pairs])
    ends = b.array([at + len(parts)], int64)
    begins = [b.op("Slice", state, b.array([at], int64), ends, first) for state in states]
    shown, *last = b.op(kind, x, *weights, bias, None, *begins, outputs=1 + len(states), **settings)
    turned = b.op("Transpose", shown, perm=[0, 2, 1, 3])  # (T, D, N, H) to (T, N, D, H)
    return b.op("Reshape", turned, b.array([0, 0, -1], int64)), last


LAYERS: dict[str, Translate] = {
    **{f"conv{n}d": _conv for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": _conv_transpose for n in (1, 2, 3)},
    **{f"max_pool{n}d": _max_pool(n) for n in (1, 2, 3)},
    **{f"avg_pool{n}d": _avg_pool(n) for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d": _adaptive(n, "GlobalAveragePool", "AveragePool") for n in (1, 2, 3)},
    "batch_norm": _batch_norm,
    "convolution": _convolution,
    "embedding": _embedding,
    "grid_sampler": _grid_sampler,
    "group_norm": _group_norm,
    "gru.input": _recurrent("GRU"),
    "instance_norm": _instance_norm,
    "layer_norm": _layer_norm,
    "lstm.input": _recurrent("LSTM"),
    "rms_norm": _rms_norm,
    "rnn_relu.input": _recurrent("RNN", "Relu"),
    "rnn_tanh.input": _recurrent("RNN", "Tanh"),
    "upsample_bicubic2d.vec": _resize("cubic", True),
    "upsample_bilinear2d.vec": _resize("linear", True),
    "upsample_linear1d.vec": _resize("linear", True),
    "upsample_nearest1d.vec": _resize("nearest", False),
    "upsample_nearest2d.vec": _resize("nearest", False),
    "upsample_nearest3d.vec": _resize("nearest", False),
    "upsample_trilinear3d.vec": _resize("linear", True),
}

__all__ = ["LAYERS"]
