"""Operators of scripts whose arguments are not those of Kagari's function, each with all arguments of its schema."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..autograd.modes import is_grad_enabled, set_grad_enabled
from ..eager import Tensor, operators
from ..eager.device import Device
from ..eager.fourier import FFT
from ..eager.linalg import LINALG
from ..eager.polynomials import POLYNOMIALS
from ..nn import functional as F
from . import codes

Ints = Sequence[int]
# Functions of `torch.special` that have another name among the operators.
_SPECIAL = {"expit": "sigmoid", "gammainc": "igamma", "gammaincc": "igammac", "gammaln": "lgamma",
            "multigammaln": "mvlgamma", "psi": "digamma"}  # fmt: skip
_LINALG = {"linalg_matmul": "matmul"}


def elsewhere(name: str) -> Callable[..., Any] | None:
    """Kagari's function for an operator of linear algebra, Fourier transforms, special functions or networks."""
    space, _, rest = name.partition("_")
    found: Callable[..., Any] | None = None
    if space == "linalg":
        found = LINALG.get(rest)
        if found is None and name in _LINALG:
            found = getattr(operators, _LINALG[name])
    elif space == "fft":
        found = FFT.get(rest)
    elif space == "special":
        found = POLYNOMIALS.get(rest) or getattr(operators, _SPECIAL.get(rest, rest), None)
    if found is None:
        found = getattr(F, name, None)
    return found


def _convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Ints, padding: Ints, dilation: Ints, transposed: bool,
    output_padding: Ints, groups: int, *_: bool,
) -> Tensor:  # fmt: skip
    rank = weight.dim() - 2
    if transposed:
        conv = getattr(operators, f"conv_transpose{rank}d")
        out: Tensor = conv(x, weight, bias, stride, padding, output_padding, groups, dilation)
    else:
        out = getattr(operators, f"conv{rank}d")(x, weight, bias, stride, padding, dilation, groups)
    return out


def _layer_norm(x: Tensor, shape: Ints, weight: Tensor | None, bias: Tensor | None, eps: float, cudnn: bool) -> Tensor:
    found: Tensor = operators.layer_norm(x, shape, weight, bias, eps)
    return found


def _group_norm(x: Tensor, groups: int, weight: Tensor | None, bias: Tensor | None, eps: float, cudnn: bool) -> Tensor:
    return F.group_norm(x, groups, weight, bias, eps)


def _embedding_bag(
    weight: Tensor, indices: Tensor, offsets: Tensor, scale: bool, mode: int, sparse: bool,
    per_sample_weights: Tensor | None, include_last_offset: bool, padding_idx: int | None = None,
) -> Any:  # fmt: skip
    kind = ("sum", "mean", "max")[mode]
    found = F.embedding_bag(
        indices, weight, offsets, None, 2.0, scale, kind, sparse, per_sample_weights, include_last_offset, padding_idx
    )
    empty = offsets.new_zeros((0,))
    return found, empty, empty, empty


def _dropout_in_place(x: Tensor, p: float, train: bool) -> Tensor:
    return F.dropout(x, p, train, True)


def _feature_dropout(x: Tensor, p: float, train: bool) -> Tensor:
    if not train or not p:
        return x
    kept = x.new_empty(x.shape[:2] + (1,) * (x.dim() - 2)).bernoulli_(1 - p)
    return x * (kept / (1 - p) if p < 1 else kept)


def _upsample(mode: str, has_corners: bool, antialias: bool = False) -> Callable[..., Tensor]:
    """Resampling to a size, with scales for each dimension behind, or with one list of them."""

    def upsample(x: Tensor, size: Ints | None, *rest: Any) -> Tensor:
        corners = rest[0] if has_corners else None
        scales = rest[1:] if has_corners else rest
        listed = scales[0] if scales and isinstance(scales[0], list | tuple) else None
        options: dict[str, Any] = {"align_corners": corners} if has_corners else {}
        if antialias:
            options["antialias"] = True
        if size is not None:
            return F.interpolate(x, list(size), mode=mode, **options)
        return F.interpolate(x, scale_factor=tuple(listed or ()), mode=mode, **options)

    return upsample


def _to_dtype(x: Tensor, dtype: int, non_blocking: bool, copy: bool, memory_format: int | None = None) -> Tensor:
    return _to(x, None, dtype, copy, memory_format)


def _to_device(
    x: Tensor, device: Any, dtype: int | None, non_blocking: bool = False, copy: bool = False,
    memory_format: int | None = None,
) -> Tensor:  # fmt: skip
    return _to(x, device, dtype, copy, memory_format)


def _to(x: Tensor, device: Any, dtype: int | None, copy: bool, memory_format: int | None) -> Tensor:
    words: dict[str, Any] = {} if memory_format is None else {"memory_format": codes.format_of(memory_format)}
    if device is not None:
        words["device"] = device
    if dtype is not None:
        words["dtype"] = codes.dtype_of(dtype)
    return x.to(copy=copy, **words)


def _to_layout(
    x: Tensor, dtype: int | None, layout: int | None, device: Any, pin: bool | None, non_blocking: bool, copy: bool,
    memory_format: int | None,
) -> Tensor:  # fmt: skip
    return _to(x, device, dtype, copy, memory_format)


def _to_other(x: Tensor, other: Tensor, non_blocking: bool, copy: bool, memory_format: int | None) -> Tensor:
    return _to(x, other.device, codes.of_dtype(other.dtype), copy, memory_format)


def _tensor(value: Any, dtype: int | None, device: Any, requires_grad: bool) -> Tensor:
    return operators.tensor(value, dtype=codes.dtype_of(dtype), device=device, requires_grad=requires_grad)


def _as_tensor(value: Any, dtype: int | None, device: Any) -> Tensor:
    return operators.as_tensor(value, dtype=codes.dtype_of(dtype), device=device)


def _made(name: str, count: int) -> Callable[..., Tensor]:
    """A function that makes a tensor of `count` arguments, followed by dtype, layout, device and pinning."""
    function = getattr(operators, name)

    def make(*args: Any) -> Tensor:
        plain, (dtype, _, device, _) = args[:count], args[count : count + 4]
        found: Tensor = function(*plain, dtype=codes.dtype_of(dtype), device=device)
        return found

    return make


def _new(name: str) -> Callable[..., Tensor]:
    def make(x: Tensor, *args: Any) -> Tensor:
        *plain, dtype, _, device, _ = args
        found: Tensor = getattr(x, name)(*plain, dtype=codes.dtype_of(dtype), device=device)
        return found

    return make


def _randint_like(x: Tensor, *args: Any) -> Tensor:
    *bounds, dtype, _, device, _, _ = args
    return operators.randint_like(x, *bounds, dtype=codes.dtype_of(dtype), device=device)


def _window(name: str) -> Callable[..., Tensor]:
    def make(*args: Any) -> Tensor:
        *plain, dtype, _, device, _ = args
        found: Tensor = getattr(operators, name)(*plain, dtype=codes.dtype_of(dtype), device=device)
        return found

    return make


def _scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float, causal: bool, scale: float | None,
    gqa: bool,
) -> Tensor:  # fmt: skip
    return F.scaled_dot_product_attention(query, key, value, mask, dropout, causal, scale=scale, enable_gqa=gqa)


def _elu(x: Tensor, alpha: float, scale: float, input_scale: float) -> Tensor:
    if scale == input_scale == 1:
        return F.elu(x, alpha)
    return operators.where(x > 0, x * scale, alpha * scale * operators.expm1(x * input_scale))


def _stable_sort(x: Tensor, stable: bool | None, dim: int, descending: bool) -> Any:
    return operators.sort(x, dim=dim, descending=descending, stable=bool(stable))


def _stable_argsort(x: Tensor, stable: bool, dim: int, descending: bool) -> Any:
    return operators.argsort(x, dim=dim, descending=descending, stable=stable)


def _minimum(x: Tensor, other: Tensor) -> Tensor:
    found: Tensor = operators.minimum(x, other)
    return found


def _maximum(x: Tensor, other: Tensor) -> Tensor:
    found: Tensor = operators.maximum(x, other)
    return found


def _scaled(name: str) -> Callable[..., Tensor]:
    """`add` and `sub` with `alpha` as their third argument."""

    def call(x: Tensor, other: Any, alpha: Any) -> Tensor:
        found: Tensor = getattr(x, name)(other, alpha=alpha)
        return found

    return call


def _norm(x: Tensor, p: Any, *rest: Any) -> Tensor:
    dim, keepdim = (rest[0], rest[1]) if len(rest) > 1 else (None, False)
    dtype = rest[-1] if rest and isinstance(rest[-1], int) and not isinstance(rest[-1], bool) else None
    found: Tensor = operators.norm(x, "fro" if p is None else p, dim, keepdim, dtype=codes.dtype_of(dtype))
    return found


def _max_unpool3d(x: Tensor, indices: Tensor, size: Ints, stride: Ints, padding: Ints) -> Tensor:
    return F.max_unpool3d(x, indices, 1, list(stride), list(padding), list(size))


def _implicit(kind: type) -> Callable[[Tensor], Any]:
    def number(x: Tensor) -> Any:
        if x.dim():
            raise RuntimeError(f"Cannot convert a tensor of dimension {x.dim()} to scalar")
        return kind(x)

    return number


def _gradient(x: Tensor) -> Tensor | None:
    return x.grad


_BITS = {"and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor", "lshift": "bitwise_left_shift",
         "rshift": "bitwise_right_shift"}  # fmt: skip


def _bits() -> dict[str, Callable[..., Any]]:
    """`&` and its like, which are operators of their own."""
    found: dict[str, Callable[..., Any]] = {}
    for name, function in _BITS.items():
        for overload in ("Tensor", "Scalar"):
            found[f"aten::__{name}__.{overload}"] = getattr(operators, function)
            found[f"aten::__i{name}__.{overload}"] = getattr(operators, f"{function}_")
    return found


def _upsamples() -> dict[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {}
    for rank, mode in ((1, "linear"), (2, "bilinear"), (2, "bicubic"), (3, "trilinear")):
        found[f"aten::upsample_{mode}{rank}d"] = _upsample(mode, True)
        found[f"aten::_upsample_{mode}{rank}d_aa"] = _upsample(mode, True, True)
    for rank in (1, 2, 3):
        found[f"aten::upsample_nearest{rank}d"] = _upsample("nearest", False)
        found[f"aten::_upsample_nearest_exact{rank}d"] = _upsample("nearest-exact", False)
    return found


OPERATORS: dict[str, Callable[..., Any]] = {
    "aten::_convolution": _convolution,
    "aten::layer_norm": _layer_norm, "aten::group_norm": _group_norm,
    "aten::embedding_bag": _embedding_bag, "aten::dropout": F.dropout, "aten::dropout_": _dropout_in_place,
    "aten::feature_dropout": _feature_dropout,
    "aten::to.dtype": _to_dtype, "aten::to.prim_dtype": _to_dtype, "aten::to.device": _to_device,
    "aten::to.prim_Device": _to_device, "aten::to.other": _to_other, "aten::to.dtype_layout": _to_layout,
    **{f"aten::tensor{o}": _tensor for o in ("", ".float", ".int", ".bool", ".complex")},
    "aten::as_tensor": _as_tensor, "aten::zeros": _made("zeros", 1), "aten::ones": _made("ones", 1),
    "aten::rand": _made("rand", 1), "aten::randn": _made("randn", 1), "aten::randperm": _made("randperm", 1),
    "aten::eye": _made("eye", 1), "aten::eye.m": _made("eye", 2), "aten::full": _made("full", 2),
    "aten::arange": _made("arange", 1), "aten::arange.start": _made("arange", 2),
    "aten::arange.start_step": _made("arange", 3), "aten::randint": _made("randint", 2),
    "aten::randint.low": _made("randint", 3), "aten::linspace": _made("linspace", 3),
    "aten::logspace": _made("logspace", 4), "aten::scalar_tensor": _made("scalar_tensor", 1),
    **{f"aten::{name}": _new(name) for name in ("new_zeros", "new_ones", "new_empty", "new_full")},
    **{f"aten::{name}": _window(name) for name in ("hann_window", "hamming_window", "bartlett_window",
                                                   "blackman_window", "kaiser_window")},
    "aten::randint_like": _randint_like, "aten::scaled_dot_product_attention": _scaled_dot_product_attention,
    "aten::elu": _elu, "aten::sort.stable": _stable_sort, "aten::argsort.stable": _stable_argsort,
    "aten::max.other": _maximum, "aten::min.other": _minimum, "aten::add.Scalar": _scaled("add"),
    "aten::add_.Scalar": _scaled("add_"), "aten::sub.Scalar": _scaled("sub"), "aten::sub_.Scalar": _scaled("sub_"),
    "aten::norm.ScalarOpt_dim_dtype": _norm, "aten::norm.ScalarOpt_dtype": _norm,
    "aten::max_unpool3d": _max_unpool3d,
    "aten::Bool.Tensor": bool, "aten::Int.Tensor": int, "aten::Float.Tensor": float, "aten::Complex.Tensor": complex,
    "aten::IntImplicit": _implicit(int), "aten::FloatImplicit": _implicit(float),
    "aten::ComplexImplicit": _implicit(complex), "aten::ScalarImplicit": Tensor.item,
    "aten::Int.Scalar": int, "aten::Float.Scalar": float,
      "aten::is_leaf": lambda x: x.is_leaf,
    "aten::size": lambda x: list(x.shape), "aten::size.int": Tensor.size, "aten::len.Tensor": len,
    "aten::_cast_Float": lambda x, non_blocking: x.float(),
    "aten::_shape_as_tensor": lambda x: operators.tensor(list(x.shape)),
    "aten::where": operators.where,
    "aten::is_grad_enabled": is_grad_enabled, "aten::set_grad_enabled": set_grad_enabled,
    "aten::result_type.Tensor": lambda a, b: codes.of_dtype(operators.result_type(a, b)),
    "aten::clone": lambda x, f: x.clone() if f is None else x.clone(memory_format=codes.format_of(f)),
    "aten::contiguous": lambda x, f: x.contiguous() if not f else x.contiguous(memory_format=codes.format_of(f)),
    "aten::cat": lambda tensors, dim: operators.cat(tensors, dim),
    "aten::expand": lambda x, size, implicit: x.expand(size),
    "aten::addmm": lambda x, a, b, beta, alpha: operators.addmm(x, a, b, beta=beta, alpha=alpha),
    "aten::multinomial": lambda x, n, replacement, *_: x.multinomial(n, replacement),
    "aten::bernoulli": lambda x, *_: x.bernoulli(), "aten::copy_": lambda x, y, *_: x.copy_(y),
    "aten::adaptive_max_pool2d": F.adaptive_max_pool2d_with_indices,
    "aten::adaptive_max_pool3d": F.adaptive_max_pool3d_with_indices,
    "aten::adaptive_max_pool1d": F.adaptive_max_pool1d_with_indices,
    "prim::shape": lambda x: list(x.shape), "prim::device": lambda x: x.device,
    "prim::dtype": lambda x: codes.of_dtype(x.dtype), "prim::requires_grad": lambda x: x.requires_grad,
    "prim::data": lambda x: x.data, "prim::grad": _gradient, "prim::NumToTensor": operators.tensor,
    "prim::layout": lambda x: 0, "prim::itemsize": lambda x: x.itemsize, "prim::nbytes": lambda x: x.nbytes,
    "prim::name": lambda x: None, "prim::type": lambda d: Device(d).type, "prim::index": lambda d: Device(d).index,
    **{f"prim::{name}": lambda x, name=name: getattr(x, name) for name in ("is_cpu", "is_cuda", "is_meta")},
    **{f"prim::{name}": lambda x: False for name in ("is_mkldnn", "is_quantized", "is_sparse")},
    **_bits(), **_upsamples(),}  # fmt: skip

__all__ = ["OPERATORS", "elsewhere"]
