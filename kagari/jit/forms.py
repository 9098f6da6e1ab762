"""What functions of `nn.functional` are in a script: their programs, to be compiled and never run in Python.

Functions of `nn.functional` look at types and settings in ways that scripts can't express, and stored programs have
functions of these names, arguments and defaults. So what surrounds the operator of each stands here once more, in the
language of scripts. What the operator computes is defined in `ops`, as always. `layer_forms.py` has the layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, List, Optional, Tuple  # noqa: UP035 - these are programs of scripts

from ..eager import Tensor
from ..eager import operators as torch
from . import types
from .annotations import annotate
from .python_types import Spread

Ints1, Ints2, Ints3, Floats1 = Spread(1), Spread(2), Spread(3), Spread(1, types.Float)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    if inplace:
        result = torch.relu_(input)
    else:
        result = torch.relu(input)
    return result


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    return hardtanh(input, 0.0, 6.0, inplace)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return torch.hardtanh_(input, min_val, max_val) if inplace else torch.hardtanh(input, min_val, max_val)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    return torch.leaky_relu_(input, negative_slope) if inplace else torch.leaky_relu(input, negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    return torch.elu_(input, alpha) if inplace else torch.elu(input, alpha)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    return torch.celu_(input, alpha) if inplace else torch.celu(input, alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    return torch.selu_(input) if inplace else torch.selu(input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    return torch.silu_(input) if inplace else torch.silu(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    return torch.mish_(input) if inplace else torch.mish(input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    return torch.hardswish_(input) if inplace else torch.hardswish(input)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    return torch.hardsigmoid_(input) if inplace else torch.hardsigmoid(input)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    return torch.threshold_(input, threshold, value) if inplace else torch.threshold(input, threshold, value)


def softsign(input: Tensor) -> Tensor:
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    return input - input.tanh()


def glu(input: Tensor, dim: int = -1) -> Tensor:
    return torch.glu(input, dim)


def softmax(input: Tensor, dim: Optional[int] = None, _stacklevel: int = 3, dtype: Optional[int] = None) -> Tensor:
    if dim is None:
        dim = _get_softmax_dim("softmax", input.dim(), _stacklevel)
    return torch.softmax(input, dim, dtype)


def log_softmax(input: Tensor, dim: Optional[int] = None, _stacklevel: int = 3, dtype: Optional[int] = None) -> Tensor:
    if dim is None:
        dim = _get_softmax_dim("log_softmax", input.dim(), _stacklevel)
    return torch.log_softmax(input, dim, dtype)


def softmin(input: Tensor, dim: Optional[int] = None, _stacklevel: int = 3, dtype: Optional[int] = None) -> Tensor:
    if dim is None:
        dim = _get_softmax_dim("softmin", input.dim(), _stacklevel)
    return torch.softmax(-input, dim, dtype)


def _get_softmax_dim(name: str, ndim: int, stacklevel: int) -> int:
    if ndim == 0 or ndim == 1 or ndim == 3:
        found = 0
    else:
        found = 1
    return found


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    return torch.dropout_(input, p, training) if inplace else torch.dropout(input, p, training)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    return _by_channel(input, p, training, 2)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    return _by_channel(input, p, training, 0)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    return _by_channel(input, p, training, 4)


def _by_channel(input: Tensor, p: float, training: bool, unbatched: int) -> Tensor:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if input.dim() == unbatched:
        return torch.feature_dropout(input.unsqueeze(0), p, training).squeeze(0)
    return torch.feature_dropout(input, p, training)


def batch_norm(
    input: Tensor, running_mean: Optional[Tensor], running_var: Optional[Tensor], weight: Optional[Tensor] = None,
    bias: Optional[Tensor] = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    if training:
        _verify_batch_size(input.size())
    return torch.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, True)


def _verify_batch_size(size: List[int]) -> None:
    count = size[0]
    for i in range(len(size) - 2):
        count *= size[i + 2]
    if count == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")


def instance_norm(
    input: Tensor, running_mean: Optional[Tensor] = None, running_var: Optional[Tensor] = None,
    weight: Optional[Tensor] = None, bias: Optional[Tensor] = None, use_input_stats: bool = True,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    return torch.instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, True)


def layer_norm(
    input: Tensor, normalized_shape: List[int], weight: Optional[Tensor] = None, bias: Optional[Tensor] = None,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    return torch.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(
    input: Tensor, num_groups: int, weight: Optional[Tensor] = None, bias: Optional[Tensor] = None, eps: float = 1e-5
) -> Tensor:
    return torch.group_norm(input, num_groups, weight, bias, eps)


def rms_norm(
    input: Tensor, normalized_shape: List[int], weight: Optional[Tensor] = None, eps: Optional[float] = None
) -> Tensor:
    return torch.rms_norm(input, normalized_shape, weight, eps)


def embedding(
    input: Tensor, weight: Tensor, padding_idx: Optional[int] = None, max_norm: Optional[float] = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    if max_norm is not None:
        raise RuntimeError("embedding with max_norm is not there in scripts")
    if padding_idx is None:
        padding_idx = -1
    elif padding_idx < 0:
        padding_idx = weight.size(0) + padding_idx
    return torch.embedding(weight, input, padding_idx, scale_grad_by_freq, sparse)


def pad(input: Tensor, pad: List[int], mode: str = "constant", value: Optional[float] = None) -> Tensor:
    return torch.pad(input, pad, mode, value)


def _max_pool1d(
    input: Tensor, kernel_size: Ints1, stride: Optional[Ints1] = None, padding: Ints1 = 0, dilation: Ints1 = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tensor:  # fmt: skip
    if stride is None:
        stride = annotate(List[int], [])
    return torch.max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool1d_with_indices(
    input: Tensor, kernel_size: Ints1, stride: Optional[Ints1] = None, padding: Ints1 = 0, dilation: Ints1 = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tuple[Tensor, Tensor]:  # fmt: skip
    if stride is None:
        stride = annotate(List[int], [])
    return torch.max_pool1d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)


def _max_pool2d(
    input: Tensor, kernel_size: Ints2, stride: Optional[Ints2] = None, padding: Ints2 = 0, dilation: Ints2 = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tensor:  # fmt: skip
    if stride is None:
        stride = annotate(List[int], [])
    return torch.max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d_with_indices(
    input: Tensor, kernel_size: Ints2, stride: Optional[Ints2] = None, padding: Ints2 = 0, dilation: Ints2 = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tuple[Tensor, Tensor]:  # fmt: skip
    if stride is None:
        stride = annotate(List[int], [])
    return torch.max_pool2d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)


def _max_pool3d(
    input: Tensor, kernel_size: Ints3, stride: Optional[Ints3] = None, padding: Ints3 = 0, dilation: Ints3 = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tensor:  # fmt: skip
    if stride is None:
        stride = annotate(List[int], [])
    return torch.max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d_with_indices(
    input: Tensor, kernel_size: Ints3, stride: Optional[Ints3] = None, padding: Ints3 = 0, dilation: Ints3 = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tuple[Tensor, Tensor]:  # fmt: skip
    if stride is None:
        stride = annotate(List[int], [])
    return torch.max_pool3d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)


def adaptive_avg_pool2d(input: Tensor, output_size: Ints2) -> Tensor:
    assert len(input.size()) > len(output_size)
    return torch.adaptive_avg_pool2d(input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Ints3) -> Tensor:
    assert len(input.size()) > len(output_size)
    return torch.adaptive_avg_pool3d(input, output_size)


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Ints1, return_indices: bool = False
) -> Tuple[Tensor, Tensor]:
    return torch.adaptive_max_pool1d(input, output_size)


def _adaptive_max_pool1d(input: Tensor, output_size: Ints1, return_indices: bool = False) -> Tensor:
    return adaptive_max_pool1d_with_indices(input, output_size)[0]


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: Ints2, return_indices: bool = False
) -> Tuple[Tensor, Tensor]:
    return torch.adaptive_max_pool2d(input, output_size)


def _adaptive_max_pool2d(input: Tensor, output_size: Ints2, return_indices: bool = False) -> Tensor:
    return adaptive_max_pool2d_with_indices(input, output_size)[0]


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: Ints3, return_indices: bool = False
) -> Tuple[Tensor, Tensor]:
    return torch.adaptive_max_pool3d(input, output_size)


def _adaptive_max_pool3d(input: Tensor, output_size: Ints3, return_indices: bool = False) -> Tensor:
    return adaptive_max_pool3d_with_indices(input, output_size)[0]


def _reduction(reduction: str) -> int:
    if reduction == "none":
        found = 0
    elif reduction == "mean":
        found = 1
    elif reduction == "sum":
        found = 2
    else:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return found


def _legacy(size_average: Optional[bool], reduce: Optional[bool], reduction: str) -> int:
    if size_average is None and reduce is None:
        return _reduction(reduction)
    averaged = True if size_average is None else size_average
    reduced = True if reduce is None else reduce
    if averaged and reduced:
        return 1
    return 2 if reduced else 0


def cross_entropy(
    input: Tensor, target: Tensor, weight: Optional[Tensor] = None, size_average: Optional[bool] = None,
    ignore_index: int = -100, reduce: Optional[bool] = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    number = _legacy(size_average, reduce, reduction)
    return torch.cross_entropy_loss(input, target, weight, number, ignore_index, label_smoothing)


def nll_loss(
    input: Tensor, target: Tensor, weight: Optional[Tensor] = None, size_average: Optional[bool] = None,
    ignore_index: int = -100, reduce: Optional[bool] = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    return torch.nll_loss_nd(input, target, weight, _legacy(size_average, reduce, reduction), ignore_index)


def mse_loss(
    input: Tensor, target: Tensor, size_average: Optional[bool] = None, reduce: Optional[bool] = None,
    reduction: str = "mean", weight: Optional[Tensor] = None,
) -> Tensor:  # fmt: skip
    assert weight is None, "weights are not there in scripts"
    return torch.mse_loss(input, target, _legacy(size_average, reduce, reduction))


def l1_loss(
    input: Tensor, target: Tensor, size_average: Optional[bool] = None, reduce: Optional[bool] = None,
    reduction: str = "mean", weight: Optional[Tensor] = None,
) -> Tensor:  # fmt: skip
    assert weight is None, "weights are not there in scripts"
    return torch.l1_loss(input, target, _legacy(size_average, reduce, reduction))


def smooth_l1_loss(
    input: Tensor, target: Tensor, size_average: Optional[bool] = None, reduce: Optional[bool] = None,
    reduction: str = "mean", beta: float = 1.0,
) -> Tensor:  # fmt: skip
    return torch.smooth_l1_loss(input, target, _legacy(size_average, reduce, reduction), beta)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Optional[Tensor] = None
) -> Tensor:
    assert weight is None, "weights are not there in scripts"
    return torch.huber_loss(input, target, _reduction(reduction), delta)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Optional[Tensor] = None, size_average: Optional[bool] = None,
    reduce: Optional[bool] = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    return torch.binary_cross_entropy(input, target, weight, _legacy(size_average, reduce, reduction))


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Optional[Tensor] = None, size_average: Optional[bool] = None,
    reduce: Optional[bool] = None, reduction: str = "mean", pos_weight: Optional[Tensor] = None,
) -> Tensor:  # fmt: skip
    number = _legacy(size_average, reduce, reduction)
    return torch.binary_cross_entropy_with_logits(input, target, weight, pos_weight, number)


def kl_div(
    input: Tensor, target: Tensor, size_average: Optional[bool] = None, reduce: Optional[bool] = None,
    reduction: str = "mean", log_target: bool = False,
) -> Tensor:  # fmt: skip
    if reduction == "batchmean":
        return torch.kl_div(input, target, 2, log_target=log_target) / input.size(0)
    return torch.kl_div(input, target, _legacy(size_average, reduce, reduction), log_target=log_target)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    return input / input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)


def unfold(input: Tensor, kernel_size: Ints2, dilation: Ints2 = 1, padding: Ints2 = 0, stride: Ints2 = 1) -> Tensor:
    return torch.im2col(input, kernel_size, dilation, padding, stride)


def fold(
    input: Tensor, output_size: Ints2, kernel_size: Ints2, dilation: Ints2 = 1, padding: Ints2 = 0, stride: Ints2 = 1
) -> Tensor:
    return torch.col2im(input, output_size, kernel_size, dilation, padding, stride)


def interpolate(
    input: Tensor, size: Optional[Ints1] = None, scale_factor: Optional[Floats1] = None, mode: str = "nearest",
    align_corners: Optional[bool] = None, recompute_scale_factor: Optional[bool] = None, antialias: bool = False,
) -> Tensor:  # fmt: skip
    assert not antialias, "antialias is not there in scripts"
    dims = input.dim() - 2
    sizes = annotate(List[int], [])
    for i in range(dims):
        if size is not None:
            sizes.append(size[i] if len(size) > 1 else size[0])
        elif scale_factor is not None:
            factor = scale_factor[i] if len(scale_factor) > 1 else scale_factor[0]
            sizes.append(int(math.floor(float(input.size(i + 2)) * factor)))
        else:
            raise ValueError("either size or scale_factor should be defined")
    corners = False if align_corners is None else align_corners
    if mode == "nearest" and dims == 1:
        found = torch.upsample_nearest1d(input, sizes)
    elif mode == "nearest" and dims == 2:
        found = torch.upsample_nearest2d(input, sizes)
    elif mode == "nearest" and dims == 3:
        found = torch.upsample_nearest3d(input, sizes)
    elif mode == "linear" and dims == 1:
        found = torch.upsample_linear1d(input, sizes, corners)
    elif mode == "bilinear" and dims == 2:
        found = torch.upsample_bilinear2d(input, sizes, corners)
    elif mode == "bicubic" and dims == 2:
        found = torch.upsample_bicubic2d(input, sizes, corners)
    elif mode == "trilinear" and dims == 3:
        found = torch.upsample_trilinear3d(input, sizes, corners)
    else:
        raise NotImplementedError(f"the mode {mode} is not there in scripts for {input.dim()} dimensions")
    return found


FUNCTIONS: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        relu, relu6, hardtanh, leaky_relu, elu, celu, selu, silu, mish, hardswish, hardsigmoid, threshold, softsign,
        tanhshrink, glu, softmax, log_softmax, softmin, _get_softmax_dim, dropout, dropout1d, dropout2d, dropout3d,
        _by_channel, batch_norm, _verify_batch_size, instance_norm, layer_norm, group_norm, rms_norm, embedding, pad,
        _max_pool1d, max_pool1d_with_indices, _max_pool2d, max_pool2d_with_indices, _max_pool3d,
        max_pool3d_with_indices, adaptive_avg_pool2d, adaptive_avg_pool3d, adaptive_max_pool1d_with_indices,
        _adaptive_max_pool1d, adaptive_max_pool2d_with_indices, _adaptive_max_pool2d,
        adaptive_max_pool3d_with_indices, _adaptive_max_pool3d, _reduction, _legacy, cross_entropy, nll_loss,
        mse_loss, l1_loss, smooth_l1_loss, huber_loss, binary_cross_entropy, binary_cross_entropy_with_logits,
        kl_div, normalize, fold, unfold, interpolate,
    )
}  # fmt: skip
"""By name; each takes its place among the functions of networks, also in stored programs."""
for _f in FUNCTIONS.values():
    _f.__module__ = f"{__name__.partition('.')[0]}.nn.functional"

NATIVE = frozenset(("layer_norm", "rms_norm", "normalize"))
"""Those whose function of networks is the operator itself, and that are functions in scripts all the same."""
CHOICES = {
    f"{name}{n}d": (f"_{name}{n}d", f"{name}{n}d_with_indices", place)
    for name, place in (("max_pool", 6), ("adaptive_max_pool", 2))
    for n in (1, 2, 3)
}
"""Functions that `return_indices`, an argument at this place, makes one of two."""

__all__ = ["CHOICES", "FUNCTIONS", "NATIVE"]
