"""Functions of quantized tensors: what `torch.ops.quantized` has.

    add(qa, qb, scale, zero_point)

takes quantized tensors and quantizes its result with the given scale and zero point; `add_relu` is its positive part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base import dtypes
from ..eager import Tensor, operators
from ..eager.calls import call
from .packed import ConvForm, ConvPackedParams, EmbeddingPackedParams, LinearPackedParams
from .scheme import PerTensor
from .tensor import QuantizedTensor


class QuantizedOp:
    """A function of quantized tensors, under the name that `torch.ops.quantized` shows."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.__name__ = self.__qualname__ = name
        self.__module__ = "torch.ops.quantized"
        self.__doc__ = function.__doc__
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function gives."""
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"quantized.{self.__name__}"

    def __reduce__(self) -> tuple[Any, ...]:
        return find, (self.__name__,)


def _quantized(x: Tensor, scale: float, zero_point: int, dt: Any = dtypes.quint8) -> QuantizedTensor:
    quantizer = PerTensor(float(scale), int(zero_point))
    return QuantizedTensor(quantizer.requantize(x, dt), quantizer)


# Layers


def _linear(relu: bool) -> Callable[..., Any]:
    def linear(X: Any, W_prepack: LinearPackedParams, Y_scale_i: float, Y_zero_point_i: int) -> Any:
        """A linear map."""
        return W_prepack(X, Y_scale_i, Y_zero_point_i, relu)

    return linear


def _linear_dynamic(relu: bool) -> Callable[..., Any]:
    def linear_dynamic(X: Tensor, W_prepack: LinearPackedParams, reduce_range: bool = False) -> Tensor:
        """A linear map of a float32 tensor that is quantized for it."""
        return W_prepack.dynamic(X, reduce_range, relu)

    return linear_dynamic


def _linear_leaky_relu(X: Any, W_prepack: LinearPackedParams, scale: float, zero_point: int, slope: float) -> Any:
    """A linear map, of which negative results are made smaller."""
    made = operators.leaky_relu(W_prepack._map(X, False), slope)
    return _quantized(made, scale, zero_point)


def _linear_tanh(X: Any, W_prepack: LinearPackedParams, scale: float, zero_point: int) -> Any:
    """The hyperbolic tangent of a linear map."""
    return _quantized(W_prepack._map(X, False).tanh(), scale, zero_point)


def _listed(n: Any, rank: int) -> tuple[int, ...]:
    return (n,) * rank if isinstance(n, int) else tuple(n) * (rank if len(n) == 1 else 1)


def _conv_prepack(rank: int, transposed: bool) -> Callable[..., Any]:
    def prepack(weight: Any, bias: Any, *form: Any) -> ConvPackedParams:
        """The weight, the bias and the form of a convolution, for the functions that compute it."""
        listed = [_listed(n, rank) for n in form[:-1]]
        if transposed:
            stride, padding, more, dilation = listed
            return ConvPackedParams(weight, bias, ConvForm(stride, padding, dilation, form[-1], more))
        stride, padding, dilation = listed
        return ConvPackedParams(weight, bias, ConvForm(stride, padding, dilation, form[-1]))

    return prepack


def _conv(relu: bool) -> Callable[..., Any]:
    def conv(qx: Any, packed_weight: ConvPackedParams, output_scale: float, output_zero_point: int) -> Any:
        """A convolution."""
        return packed_weight(qx, output_scale, output_zero_point, relu)

    return conv


def _conv_add(relu: bool) -> Callable[..., Any]:
    def conv(qx: Any, qaccum: Any, packed_weight: ConvPackedParams, output_scale: float, output_zero_point: int) -> Any:
        """A convolution with another tensor added."""
        return packed_weight(qx, output_scale, output_zero_point, relu, qaccum)

    return conv


def _conv_dynamic(qx: Tensor, packed_weight: ConvPackedParams, reduce_range: bool = False) -> Tensor:
    """A convolution of a float32 tensor that is quantized for it."""
    return packed_weight.dynamic(qx, reduce_range)


def _unpack(packed_weights: Any) -> Any:
    """The weight, and the bias where there is one."""
    return packed_weights.unpack()


def _embedding(weight: EmbeddingPackedParams, indices: Tensor, pruned_weights: bool = False) -> Tensor:
    """Rows of an embedding."""
    return weight.rows(indices)


def _embedding_bag(
    weight: EmbeddingPackedParams, indices: Tensor, offsets: Tensor | None = None, scale_grad_by_freq: bool = False,
    mode: int = 0, pruned_weights: bool = False, per_sample_weights: Tensor | None = None,
    compressed_indices_mapping: Tensor | None = None, include_last_offset: bool = False,
) -> Tensor:  # fmt: skip
    """Sums of the rows of each bag."""
    if compressed_indices_mapping is not None:
        raise NotImplementedError("embeddings of which rows were taken away are not there")
    rows = weight.rows(indices)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights[..., None]
    if offsets is None:
        return rows.sum(1)
    flat, n = rows.reshape(-1, rows.shape[-1]), indices.numel()
    starts = offsets[:-1] if include_last_offset else offsets
    bags = operators.searchsorted(starts.long(), operators.arange(n), right=True) - 1
    return operators.zeros(starts.numel(), rows.shape[-1]).index_add(0, bags, flat)


# Arithmetic


def _binary(name: str, relu: bool) -> Callable[..., Any]:
    def binary(qa: Any, qb: Any, scale: float | None = None, zero_point: int | None = None) -> Any:
        """The result for the numbers that two quantized tensors stand for, or one and a number."""
        if not isinstance(qb, Tensor) or scale is None or zero_point is None:
            return _with_number(name, relu)(qa, qb)
        made = call("quantized_sum")(*_parts(qa), *_parts(qb)) if name == "add" else qa.dequantize() * qb.dequantize()
        return _quantized(made.relu() if relu else made, scale, zero_point, qa.dtype)

    return binary


def _parts(q: Any) -> tuple[Tensor, float, int]:
    own = q._uniform()
    return q._integers(), float(np.float32(own.scale)), own.zero_point


def _with_number(name: str, relu: bool) -> Callable[..., Any]:
    """A sum or a product with a number: the integers stay as they are where that can be, with another scale."""

    def scalar(qa: Any, b: Any) -> Any:
        """The result for the numbers that a quantized tensor stands for, and a number."""
        number = b.item() if isinstance(b, Tensor) else b
        made = _times(qa, float(number)) if name == "mul" else _plus(qa, float(number))
        return operators.relu(made) if relu else made

    return scalar


def _times(qa: Any, number: float) -> Any:
    own, low, high = qa._uniform(), *_bounds(qa)
    if number > 0:
        return QuantizedTensor(qa._integers().clone(), PerTensor(own.scale * number, own.zero_point))
    if number == 0:
        return QuantizedTensor(operators.zeros_like(qa._integers()), PerTensor(1.0, 0))
    turned = (low + high) - qa._integers().to(dtypes.int32)
    return QuantizedTensor(turned.to(qa._integers().dtype), PerTensor(own.scale * -number, low + high - own.zero_point))


def _bounds(qa: Any) -> tuple[int, int]:
    return (0, 255) if qa.dtype is dtypes.quint8 else (-128, 127)


def _plus(qa: Any, number: float) -> Any:
    own, low, high = qa._uniform(), *_bounds(qa)
    steps = round(number / own.scale)
    zero = own.zero_point - steps
    if low <= zero <= high:
        return QuantizedTensor(qa._integers().clone(), PerTensor(own.scale, zero))
    reach = high - zero if zero < low else zero - low
    quantizer = PerTensor(reach / (high - low) * own.scale, low if zero < low else high)
    numbers = PerTensor(own.scale, zero).dequantize(qa._integers())
    return QuantizedTensor(quantizer.quantize(numbers, qa.dtype), quantizer)


def _cat(relu: bool) -> Callable[..., Any]:
    def cat(qx: Sequence[Any], dim: int, scale: float | None = None, zero_point: int | None = None) -> Any:
        """Tensors side by side, quantized alike."""
        first = qx[0]._uniform()
        quantizer = PerTensor(
            first.scale if scale is None else float(scale), first.zero_point if zero_point is None else int(zero_point)
        )
        made = operators.cat([quantizer.quantize(q.dequantize(), q.dtype) for q in qx], dim)
        joined = QuantizedTensor(made, quantizer)
        return operators.relu(joined) if relu else joined

    return cat


def _matmul(qa: Any, qb: Any, scale: float, zero_point: int) -> Any:
    """The product of matrices."""
    return _quantized(qa.dequantize() @ qb.dequantize(), scale, zero_point, qa.dtype)


# Activations and normalisations


def _activation(name: str) -> Callable[..., Any]:
    def activation(qx: Any, output_scale: float, output_zero_point: int) -> Any:
        """The function of the numbers that a quantized tensor stands for."""
        return _quantized(getattr(operators, name)(qx.dequantize()), output_scale, output_zero_point, qx.dtype)

    return activation


def _elu(
    self: Any, output_scale: float, output_zero_point: int, alpha: float = 1, scale: float = 1, input_scale: float = 1
) -> Any:
    """`scale * elu(x)`, with the exponential of `input_scale * x`."""
    x = self.dequantize()
    made = scale * operators.where(x > 0, x, alpha * (x * input_scale).expm1())
    return _quantized(made, output_scale, output_zero_point, self.dtype)


def _celu(self: Any, output_scale: float, output_zero_point: int, alpha: float = 1) -> Any:
    """The continuously differentiable exponential linear unit."""
    return _elu(self, output_scale, output_zero_point, alpha, 1.0, 1.0 / alpha)


def _leaky_relu(qx: Any, negative_slope: float, inplace: bool, output_scale: float, output_zero_point: int) -> Any:
    """Negative numbers made smaller."""
    return _quantized(operators.leaky_relu(qx.dequantize(), negative_slope), output_scale, output_zero_point, qx.dtype)


def _prelu(qx: Any, weight: Tensor, output_scale: float, output_zero_point: int) -> Any:
    """Negative numbers made smaller, by channel."""
    slopes = weight.dequantize() if isinstance(weight, QuantizedTensor) else weight
    return _quantized(operators.prelu(qx.dequantize(), slopes), output_scale, output_zero_point, qx.dtype)


def _softmax(qx: Any, dim: int, output_scale: float, output_zero_point: int) -> Any:
    """Exponentials, divided by their sum along a dimension."""
    return _quantized(qx.dequantize().softmax(dim), output_scale, output_zero_point, qx.dtype)


def _dropout(self: Any, output_scale: float, output_zero_point: int, p: float = 0.5, training: bool = False) -> Any:
    """The tensor itself: it is not trained."""
    return self


def _relu6(qx: Any, inplace: bool = False) -> Any:
    """Numbers held between 0 and 6."""
    return operators.relu6(qx, inplace) if hasattr(operators, "relu6") else operators.hardtanh(qx, 0.0, 6.0)


def _clamp(qx: Any, min: float | None = None, max: float | None = None) -> Any:
    """Numbers held between two others."""
    return operators.clamp(qx, min, max)


def _batch_norm(relu: bool) -> Callable[..., Any]:
    def batch_norm(
        qx: Any, weight: Tensor | None, bias: Tensor | None, mean: Tensor, var: Tensor, eps: float, output_scale: float,
        output_zero_point: int,
    ) -> Any:  # fmt: skip
        """Normalisation with a mean and a variance that are given."""
        made = operators.batch_norm(qx.dequantize(), weight, bias, mean, var, False, 0.0, eps, False)
        return _quantized(made.relu() if relu else made, output_scale, output_zero_point, qx.dtype)

    return batch_norm


def _layer_norm(
    input: Any, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float,
    output_scale: float, output_zero_point: int,
) -> Any:  # fmt: skip
    """Normalisation over the last dimensions."""
    made = operators.layer_norm(input.dequantize(), tuple(normalized_shape), weight, bias, eps)
    return _quantized(made, output_scale, output_zero_point, input.dtype)


def _group_norm(
    input: Any, num_groups: int, weight: Tensor | None, bias: Tensor | None, eps: float, output_scale: float,
    output_zero_point: int,
) -> Any:  # fmt: skip
    """Normalisation over groups of channels."""
    made = operators.group_norm(input.dequantize(), num_groups, weight, bias, eps)
    return _quantized(made, output_scale, output_zero_point, input.dtype)


def _instance_norm(
    input: Any, weight: Tensor | None, bias: Tensor | None, eps: float, output_scale: float, output_zero_point: int
) -> Any:
    """Normalisation over each channel of each example."""
    return _group_norm(input, input.shape[1], weight, bias, eps, output_scale, output_zero_point)


def _max_pool2d(qx: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Any:
    """The largest number of each window."""
    return operators.max_pool2d(qx, kernel_size, stride, padding, dilation, ceil_mode)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{f"linear{'_relu' * r}": _linear(r) for r in (False, True)},
    **{f"linear{'_relu' * r}_dynamic{half}": _linear_dynamic(r) for r in (False, True) for half in ("", "_fp16")},
    "linear_leaky_relu": _linear_leaky_relu, "linear_tanh": _linear_tanh, "linear_prepack": LinearPackedParams,
    "linear_prepack_fp16": LinearPackedParams, "linear_unpack": _unpack, "linear_unpack_fp16": _unpack,
    **{f"conv{d}d{'_relu' * r}": _conv(r) for d in (1, 2, 3) for r in (False, True)},
    **{f"conv{t}{d}d": _conv(False) for d in (1, 2, 3) for t in ("_transpose",)},
    **{f"conv{t}{d}d_dynamic": _conv_dynamic for d in (1, 2, 3) for t in ("", "_transpose")},
    **{f"conv{t}{d}d_unpack": _unpack for d in (1, 2, 3) for t in ("", "_transpose")},
    **{f"conv{t}{d}d_prepack": _conv_prepack(d, bool(t)) for d in (1, 2, 3) for t in ("", "_transpose")},
    "conv2d_add": _conv_add(False), "conv2d_add_relu": _conv_add(True),
    "embedding_bag_prepack": EmbeddingPackedParams, "embedding_bag_unpack": _unpack, "embedding_byte": _embedding,
    "embedding_bag_byte": _embedding_bag,
    **{f"{n}{'_relu' * r}": _binary(n, r) for n in ("add", "mul") for r in (False, True)},
    **{f"{n}_scalar{'_relu' * r}": _with_number(n, r) for n in ("add", "mul") for r in (False, True)},
    "cat": _cat(False), "cat_relu": _cat(True), "matmul": _matmul,
    **{n: _activation(n) for n in ("hardswish", "sigmoid", "tanh")},
    "elu": _elu, "celu": _celu, "leaky_relu": _leaky_relu, "prelu": _prelu, "softmax": _softmax, "dropout": _dropout,
    "relu6": _relu6, "clamp": _clamp, "max_pool2d": _max_pool2d,
    **{f"batch_norm{d}{'_relu' * r}": _batch_norm(r) for d in ("", "1d", "2d", "3d") for r in (False, True)},
    "layer_norm": _layer_norm, "group_norm": _group_norm, "instance_norm": _instance_norm,
}  # fmt: skip
FUNCTIONS: dict[str, QuantizedOp] = {name: QuantizedOp(name, f) for name, f in _FUNCTIONS.items()}


def find(name: str) -> QuantizedOp:
    """The function of a name. Raises AttributeError where there is none."""
    if name not in FUNCTIONS:
        raise AttributeError(f"'_OpNamespace' 'quantized' object has no attribute '{name}'")
    return FUNCTIONS[name]


def __getattr__(name: str) -> QuantizedOp:
    return find(name)


__all__ = ["FUNCTIONS", "QuantizedOp", "find"]
