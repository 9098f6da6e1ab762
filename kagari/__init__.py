"""Kagari: a deep-learning framework with PyTorch's programming interface that generates its own kernels.

    import kagari as torch

This module is the public interface: `__all__` lists it. Operators and sub-packages are loaded when they are first asked
for.
"""

from __future__ import annotations

import importlib as _importlib
from math import e, inf, nan, pi
from typing import Any as _Any

from . import autograd
from .autograd.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .base.dtypes import (
    bfloat16,
    complex32,
    complex64,
    complex128,
    float8_e4m3fn,
    float8_e4m3fnuz,
    float8_e5m2,
    float8_e5m2fnuz,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    qint8,
    qint32,
    quint2x4,
    quint4x2,
    quint8,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .base.dtypes import bool_ as bool
from .base.dtypes import complex32 as chalf
from .base.dtypes import complex64 as cfloat
from .base.dtypes import complex128 as cdouble
from .base.dtypes import float16 as half
from .base.dtypes import float32 as float
from .base.dtypes import float64 as double
from .base.dtypes import int16 as short
from .base.dtypes import int32 as int
from .base.dtypes import int64 as long
from .base.errors import OutOfMemoryError
from .capture import compiler
from .capture.compile import compile
from .eager import Generator, Size, Tensor, device, dtype
from .eager import operators as _operators
from .eager.formats import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    jagged,
    layout,
    memory_format,
    preserve_format,
    sparse_bsc,
    sparse_bsr,
    sparse_coo,
    sparse_csc,
    sparse_csr,
    strided,
)
from .eager.random import default_generator
from .eager.storage import UntypedStorage
from .engine.code import get_num_threads, set_num_threads

__version__ = "0.1.0"
newaxis = None

_PACKAGES = frozenset((
    "accelerator", "amp", "ao", "array_api", "backends", "cpu", "cuda", "distributed", "distributions", "export", "fft",
    "func", "futures", "fx", "hub", "jit", "library", "linalg", "masked", "mps", "multiprocessing", "nested", "nn",
    "onnx", "optim", "overrides", "profiler", "random", "serialization", "signal", "sparse", "special", "testing",
    "types", "utils", "vision", "xpu",
))  # fmt: skip
# What a module below has and this one shows.
_SHOWN = {
    "TypedStorage": "eager.typed_storage", "GradScaler": "amp", "autocast": "amp", "get_device_module": "accelerator",
    "install_as_torch": "alias", "_nested_tensor_from_mask": "nested", "load": "serialization",
    "save": "serialization", "vmap": "func",
    **dict.fromkeys((
        "autocast_decrement_nesting", "autocast_increment_nesting", "clear_autocast_cache", "get_autocast_cpu_dtype",
        "get_autocast_dtype", "get_autocast_gpu_dtype", "is_autocast_cache_enabled", "is_autocast_cpu_enabled",
        "is_autocast_enabled", "set_autocast_cache_enabled", "set_autocast_cpu_dtype", "set_autocast_cpu_enabled",
        "set_autocast_dtype", "set_autocast_enabled", "set_autocast_gpu_dtype",
    ), "amp.state"),
    **dict.fromkeys((
        "_choose_qparams_per_tensor", "_empty_affine_quantized", "_empty_per_channel_affine_quantized",
        "_fake_quantize_learnable_per_channel_affine", "_fake_quantize_learnable_per_tensor_affine",
        "_make_per_channel_quantized_tensor", "_make_per_tensor_quantized_tensor", "dequantize", "empty_quantized",
        "fake_quantize_per_channel_affine", "fake_quantize_per_tensor_affine", "fused_moving_avg_obs_fake_quant",
        "int_repr", "per_channel_affine", "per_channel_affine_float_qparams", "per_channel_symmetric",
        "per_tensor_affine", "per_tensor_symmetric", "q_per_channel_axis", "q_per_channel_scales",
        "q_per_channel_zero_points", "q_scale", "q_zero_point", "qscheme", "quantize_per_channel",
        "quantize_per_tensor", "quantize_per_tensor_dynamic",
    ), "quantized"),
    **dict.fromkeys((
        "affine_grid_generator", "binary_cross_entropy_with_logits", "conv_tbc", "ctc_loss", "embedding_bag",
        "grid_sampler", "grid_sampler_2d", "grid_sampler_3d", "gru", "gru_cell", "lstm", "lstm_cell",
        "native_batch_norm", "native_dropout", "native_group_norm", "native_layer_norm", "rnn_relu", "rnn_relu_cell",
        "rnn_tanh", "rnn_tanh_cell",
    ), "nn.native"),
    **dict.fromkeys((
        "BFloat16Storage", "BoolStorage", "ByteStorage", "CharStorage", "ComplexDoubleStorage", "ComplexFloatStorage",
        "DoubleStorage", "FloatStorage", "HalfStorage", "IntStorage", "LongStorage", "ShortStorage",
    ), "eager.typed_storage"),
    **dict.fromkeys((
        "sym_float", "sym_int", "sym_ite", "sym_max", "sym_min", "sym_not", "sym_sqrt", "sym_sum",
    ), "eager.symbolic"),
}  # fmt: skip

# Each initial begins a line: two changes seldom meet in one.
__all__ = [
    "BFloat16Storage", "BFloat16Tensor", "BoolStorage", "BoolTensor", "ByteStorage", "ByteTensor",
    "CharStorage", "CharTensor", "ComplexDoubleStorage", "ComplexFloatStorage",
    "DoubleStorage", "DoubleTensor",
    "FloatStorage", "FloatTensor",
    "Generator", "GradScaler",
    "HalfStorage", "HalfTensor",
    "IntStorage", "IntTensor",
    "LongStorage", "LongTensor",
    "OutOfMemoryError",
    "ShortStorage", "ShortTensor", "Size",
    "Tensor", "TypedStorage",
    "UntypedStorage",
    "__version__",
    "_choose_qparams_per_tensor",
    "_dirichlet_grad",
    "_empty_affine_quantized", "_empty_per_channel_affine_quantized",
    "_fake_quantize_learnable_per_channel_affine", "_fake_quantize_learnable_per_tensor_affine",
    "_foreach_abs", "_foreach_abs_", "_foreach_acos", "_foreach_acos_", "_foreach_add", "_foreach_add_",
    "_foreach_addcdiv", "_foreach_addcdiv_", "_foreach_addcmul", "_foreach_addcmul_", "_foreach_asin", "_foreach_asin_",
    "_foreach_atan", "_foreach_atan_", "_foreach_ceil", "_foreach_ceil_", "_foreach_clamp_max", "_foreach_clamp_max_",
    "_foreach_clamp_min", "_foreach_clamp_min_", "_foreach_clone", "_foreach_copy_", "_foreach_cos", "_foreach_cos_",
    "_foreach_cosh", "_foreach_cosh_", "_foreach_div", "_foreach_div_", "_foreach_erf", "_foreach_erf_",
    "_foreach_erfc", "_foreach_erfc_", "_foreach_exp", "_foreach_exp_", "_foreach_expm1", "_foreach_expm1_",
    "_foreach_floor", "_foreach_floor_", "_foreach_frac", "_foreach_frac_", "_foreach_lerp", "_foreach_lerp_",
    "_foreach_lgamma", "_foreach_lgamma_", "_foreach_log", "_foreach_log10", "_foreach_log10_", "_foreach_log1p",
    "_foreach_log1p_", "_foreach_log2", "_foreach_log2_", "_foreach_log_", "_foreach_max", "_foreach_maximum",
    "_foreach_maximum_", "_foreach_minimum", "_foreach_minimum_", "_foreach_mm", "_foreach_mul", "_foreach_mul_",
    "_foreach_neg", "_foreach_neg_", "_foreach_norm", "_foreach_pow", "_foreach_pow_", "_foreach_reciprocal",
    "_foreach_reciprocal_", "_foreach_round", "_foreach_round_", "_foreach_rsqrt", "_foreach_rsqrt_",
    "_foreach_sigmoid", "_foreach_sigmoid_", "_foreach_sign", "_foreach_sign_", "_foreach_sin", "_foreach_sin_",
    "_foreach_sinh", "_foreach_sinh_", "_foreach_sqrt", "_foreach_sqrt_", "_foreach_sub", "_foreach_sub_",
    "_foreach_tan", "_foreach_tan_", "_foreach_tanh", "_foreach_tanh_", "_foreach_trunc", "_foreach_trunc_",
    "_foreach_zero_",
    "_make_per_channel_quantized_tensor", "_make_per_tensor_quantized_tensor",
    "_nested_tensor_from_mask",
    "_sample_dirichlet", "_standard_gamma", "_standard_gamma_grad",
    "abs", "abs_", "absolute", "absolute_", "accelerator", "acos", "acos_", "acosh", "acosh_", "adaptive_avg_pool1d",
    "adaptive_max_pool1d", "add", "add_", "addbmm", "addbmm_", "addcdiv", "addcdiv_", "addcmul", "addcmul_", "addmm",
    "addmm_", "addmv", "addmv_", "addr", "addr_", "adjoint", "affine_grid_generator", "alias_copy", "all", "allclose",
    "alpha_dropout", "alpha_dropout_", "amax", "amin", "aminmax", "amp", "angle", "any", "ao", "arange", "arccos",
    "arccos_", "arccosh", "arccosh_", "arcsin", "arcsin_", "arcsinh", "arcsinh_", "arctan", "arctan2", "arctan2_",
    "arctan_", "arctanh", "arctanh_", "are_deterministic_algorithms_enabled", "argmax", "argmin", "argsort", "argwhere",
    "array_api", "as_strided", "as_strided_", "as_strided_copy", "as_strided_scatter", "as_tensor", "asarray", "asin",
    "asin_", "asinh", "asinh_", "atan", "atan2", "atan2_", "atan_", "atanh", "atanh_", "atleast_1d", "atleast_2d",
    "atleast_3d", "autocast", "autocast_decrement_nesting", "autocast_increment_nesting", "autograd", "avg_pool1d",
    "backends", "baddbmm", "baddbmm_", "bartlett_window", "batch_norm", "bernoulli", "bfloat16", "bilinear",
    "binary_cross_entropy_with_logits", "bincount", "binomial", "bitwise_and", "bitwise_and_", "bitwise_left_shift",
    "bitwise_left_shift_", "bitwise_not", "bitwise_not_", "bitwise_or", "bitwise_or_", "bitwise_right_shift",
    "bitwise_right_shift_", "bitwise_xor", "bitwise_xor_", "blackman_window", "block_diag", "bmm", "bool",
    "broadcast_shapes", "broadcast_tensors", "broadcast_to", "bucketize",
    "can_cast", "cartesian_prod", "cat", "cdist", "cdouble", "ceil", "ceil_", "celu", "celu_", "cfloat", "chain_matmul",
    "chalf", "channel_shuffle", "channels_last", "channels_last_3d", "cholesky", "cholesky_inverse", "cholesky_solve",
    "chunk", "clamp", "clamp_", "clamp_max", "clamp_max_", "clamp_min", "clamp_min_", "clear_autocast_cache", "clip",
    "clip_", "clone", "column_stack", "combinations", "compile", "compiler", "complex", "complex128", "complex32",
    "complex64", "concat", "concatenate", "cond", "conj", "conj_physical", "conj_physical_", "constant_pad_nd",
    "contiguous_format", "conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "convolution", "copysign", "copysign_", "corrcoef", "cos", "cos_", "cosh", "cosh_",
    "cosine_embedding_loss", "cosine_similarity", "count_nonzero", "cov", "cpu", "cross", "ctc_loss", "cuda", "cummax",
    "cummin", "cumprod", "cumprod_", "cumsum", "cumsum_", "cumulative_trapezoid",
    "default_generator", "deg2rad", "deg2rad_", "dequantize", "det", "detach", "detach_", "detach_copy", "device",
    "diag", "diag_embed", "diagflat", "diagonal", "diagonal_copy", "diagonal_scatter", "diff", "digamma", "digamma_",
    "dist", "distributed", "distributions", "div", "div_", "divide", "divide_", "dot", "double", "dropout", "dropout_",
    "dsmm", "dsplit", "dstack", "dtype",
    "e", "einsum", "embedding", "embedding_bag", "empty", "empty_like", "empty_permuted", "empty_quantized",
    "empty_strided", "enable_grad", "eq", "eq_", "equal", "erf", "erf_", "erfc", "erfc_", "erfinv", "erfinv_", "exp",
    "exp2", "exp2_", "exp_", "expand_copy", "expm1", "expm1_", "export", "eye",
    "fake_quantize_per_channel_affine", "fake_quantize_per_tensor_affine", "feature_alpha_dropout",
    "feature_alpha_dropout_", "feature_dropout", "feature_dropout_", "fft", "fill", "fill_", "finfo", "fix", "fix_",
    "flatten", "flip", "fliplr", "flipud", "float", "float16", "float32", "float64", "float8_e4m3fn", "float8_e4m3fnuz",
    "float8_e5m2", "float8_e5m2fnuz", "float_power", "floor", "floor_", "floor_divide", "floor_divide_", "fmax", "fmin",
    "fmod", "fmod_", "frac", "frac_", "frexp", "frobenius_norm", "from_dlpack", "from_file", "from_numpy", "frombuffer",
    "full", "full_like", "func", "fused_moving_avg_obs_fake_quant", "futures", "fx",
    "gather", "gcd", "gcd_", "ge", "ge_", "geqrf", "ger", "get_autocast_cpu_dtype", "get_autocast_dtype",
    "get_autocast_gpu_dtype", "get_default_device", "get_default_dtype", "get_deterministic_debug_mode", "get_device",
    "get_device_module", "get_float32_matmul_precision", "get_num_interop_threads", "get_num_threads", "get_rng_state",
    "gradient", "greater", "greater_", "greater_equal", "greater_equal_", "grid_sampler", "grid_sampler_2d",
    "grid_sampler_3d", "group_norm", "gru", "gru_cell", "gt", "gt_",
    "half", "hamming_window", "hann_window", "hardshrink", "heaviside", "heaviside_", "hinge_embedding_loss", "histc",
    "histogram", "histogramdd", "hsmm", "hsplit", "hspmm", "hstack", "hub", "hypot", "hypot_",
    "i0", "i0_", "igamma", "igamma_", "igammac", "igammac_", "iinfo", "imag", "index_add", "index_add_", "index_copy",
    "index_copy_", "index_fill", "index_fill_", "index_put", "index_put_", "index_reduce", "index_reduce_",
    "index_select", "inf", "inference_mode", "initial_seed", "inner", "install_as_torch", "instance_norm", "int",
    "int16", "int32", "int64", "int8", "int_repr", "inverse", "is_anomaly_check_nan_enabled", "is_anomaly_enabled",
    "is_autocast_cache_enabled", "is_autocast_cpu_enabled", "is_autocast_enabled", "is_complex", "is_conj",
    "is_deterministic_algorithms_warn_only_enabled", "is_distributed", "is_floating_point", "is_grad_enabled",
    "is_inference", "is_inference_mode_enabled", "is_neg", "is_nonzero", "is_same_size", "is_signed", "is_storage",
    "is_tensor", "is_warn_always_enabled", "isclose", "isfinite", "isin", "isinf", "isnan", "isneginf", "isposinf",
    "isreal", "istft",
    "jagged", "jit",
    "kaiser_window", "kl_div", "kron", "kthvalue",
    "layer_norm", "layout", "lcm", "lcm_", "ldexp", "ldexp_", "le", "le_", "lerp", "lerp_", "less", "less_",
    "less_equal", "less_equal_", "lgamma", "lgamma_", "library", "linalg", "linspace", "load", "log", "log10", "log10_",
    "log1p", "log1p_", "log2", "log2_", "log_", "log_softmax", "logaddexp", "logaddexp2", "logcumsumexp", "logdet",
    "logical_and", "logical_and_", "logical_not", "logical_not_", "logical_or", "logical_or_", "logical_xor",
    "logical_xor_", "logit", "logit_", "logspace", "logsumexp", "long", "lstm", "lstm_cell", "lt", "lt_", "lu",
    "lu_solve", "lu_unpack",
    "manual_seed", "margin_ranking_loss", "masked", "masked_fill", "masked_fill_", "masked_scatter", "masked_scatter_",
    "masked_select", "matmul", "matrix_exp", "matrix_power", "max", "max_pool1d", "max_pool1d_with_indices",
    "max_pool2d", "max_pool3d", "maximum", "mean", "median", "memory_format", "meshgrid", "min", "minimum", "mm",
    "mode", "moveaxis", "movedim", "mps", "msort", "mul", "mul_", "multinomial", "multiply", "multiply_",
    "multiprocessing", "mv", "mvlgamma", "mvlgamma_",
    "nan", "nan_to_num", "nan_to_num_", "nanmean", "nanmedian", "nanquantile", "nansum", "narrow", "narrow_copy",
    "native_batch_norm", "native_channel_shuffle", "native_dropout", "native_group_norm", "native_layer_norm", "ne",
    "ne_", "neg", "neg_", "negative", "negative_", "nested", "newaxis", "nextafter", "nextafter_", "nn", "no_grad",
    "nonzero", "nonzero_static", "norm", "norm_except_dim", "normal", "not_equal", "not_equal_", "nuclear_norm",
    "numel",
    "ones", "ones_like", "onnx", "optim", "orgqr", "ormqr", "outer", "overrides",
    "pairwise_distance", "pca_lowrank", "pdist", "per_channel_affine", "per_channel_affine_float_qparams",
    "per_channel_symmetric", "per_tensor_affine", "per_tensor_symmetric", "permute", "permute_copy", "pi", "pinverse",
    "pixel_shuffle", "pixel_unshuffle", "poisson", "poisson_nll_loss", "polar", "polygamma", "positive", "pow", "pow_",
    "prelu", "preserve_format", "prod", "profiler", "promote_types", "put", "put_",
    "q_per_channel_axis", "q_per_channel_scales", "q_per_channel_zero_points", "q_scale", "q_zero_point", "qint32",
    "qint8", "qr", "qscheme", "quantile", "quantize_per_channel", "quantize_per_tensor", "quantize_per_tensor_dynamic",
    "quint2x4", "quint4x2", "quint8",
    "rad2deg", "rad2deg_", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "random", "randperm",
    "range", "ravel", "real", "reciprocal", "reciprocal_", "relu", "relu_", "remainder", "remainder_", "renorm",
    "renorm_", "repeat_interleave", "reshape", "resize_as_", "resize_as_sparse_", "resolve_conj", "resolve_neg",
    "result_type", "rms_norm", "rnn_relu", "rnn_relu_cell", "rnn_tanh", "rnn_tanh_cell", "roll", "rot90", "round",
    "round_", "row_stack", "rrelu", "rrelu_", "rsqrt", "rsqrt_", "rsub",
    "save", "scalar_tensor", "scatter", "scatter_", "scatter_add", "scatter_add_", "scatter_reduce", "scatter_reduce_",
    "searchsorted", "seed", "select", "select_copy", "select_scatter", "selu", "selu_", "serialization",
    "set_anomaly_enabled", "set_autocast_cache_enabled", "set_autocast_cpu_dtype", "set_autocast_cpu_enabled",
    "set_autocast_dtype", "set_autocast_enabled", "set_autocast_gpu_dtype", "set_default_device", "set_default_dtype",
    "set_default_tensor_type", "set_deterministic_debug_mode", "set_float32_matmul_precision", "set_flush_denormal",
    "set_grad_enabled", "set_num_interop_threads", "set_num_threads", "set_printoptions", "set_rng_state",
    "set_warn_always", "sgn", "sgn_", "short", "sigmoid", "sigmoid_", "sign", "sign_", "signal", "signbit", "sin",
    "sin_", "sinc", "sinc_", "sinh", "sinh_", "slice_copy", "slice_scatter", "slogdet", "smm", "softmax", "sort",
    "sparse", "sparse_bsc", "sparse_bsc_tensor", "sparse_bsr", "sparse_bsr_tensor", "sparse_compressed_tensor",
    "sparse_coo", "sparse_coo_tensor", "sparse_csc", "sparse_csc_tensor", "sparse_csr", "sparse_csr_tensor", "special",
    "split", "split_copy", "split_with_sizes", "split_with_sizes_copy", "spmm", "sqrt", "sqrt_", "square", "square_",
    "squeeze", "squeeze_copy", "sspaddmm", "stack", "std", "std_mean", "stft", "strided", "sub", "sub_", "subtract",
    "subtract_", "sum", "svd", "svd_lowrank", "swapaxes", "swapdims", "sym_float", "sym_int", "sym_ite", "sym_max",
    "sym_min", "sym_not", "sym_sqrt", "sym_sum",
    "t", "t_copy", "take", "take_along_dim", "tan", "tan_", "tanh", "tanh_", "tensor", "tensor_split", "tensordot",
    "testing", "threshold", "threshold_", "tile", "topk", "trace", "transpose", "transpose_copy", "trapezoid", "trapz",
    "triangular_solve", "tril", "tril_", "tril_indices", "triplet_margin_loss", "triu", "triu_", "triu_indices",
    "true_divide", "true_divide_", "trunc", "trunc_", "typename", "types",
    "uint16", "uint32", "uint64", "uint8", "unbind", "unbind_copy", "unflatten", "unfold_copy", "unique",
    "unique_consecutive", "unravel_index", "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes", "unsqueeze",
    "unsqueeze_copy", "use_deterministic_algorithms", "utils",
    "vander", "var", "var_mean", "vdot", "view_as_complex", "view_as_real", "view_copy", "vision", "vmap", "vsplit",
    "vstack",
    "where",
    "xlogy", "xlogy_", "xpu",
    "zero_", "zeros", "zeros_like",
]  # fmt: skip


def __getattr__(name: str) -> _Any:
    """Sub-packages, and the functions on tensors."""
    if name in _PACKAGES:
        return _importlib.import_module(f".{name}", __name__)
    if name in _SHOWN:
        shown = globals()[name] = getattr(_importlib.import_module(f".{_SHOWN[name]}", __name__), name)
        return shown
    found = globals()[name] = _operators.public(name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
