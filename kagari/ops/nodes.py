"""What PyTorch calls the nodes of gradients, which tensors print: `AddBackward0`.

A name is the operator's in capitalised parts, and which of its forms it was. Where PyTorch has several forms, or makes
an operator of others, of which the last one is seen, it stands in the table: as it is, or as a function of the
arguments of a call, of which those that are left out at the end are missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Arguments = tuple[Any, ...]
Name = str | Callable[[Arguments], str]


def _given(args: Arguments, position: int) -> Any:
    return args[position] if len(args) > position else None


def _dims(args: Arguments, position: int = 0) -> int:
    return len(args[position].shape)


def _is_tensor(x: Any) -> bool:
    return hasattr(x, "shape")


def _if_given(name: str, position: int = 1) -> Name:
    """Form 1 where an argument is given, such as a dimension, and 0 elsewhere."""
    return lambda args: f"{name}{int(_given(args, position) is not None)}"


def _if_tensor(name: str, position: int, other: int = 0) -> Name:
    """Form 1 where an argument is a tensor, and another one where it is a number."""
    return lambda args: f"{name}{1 if _is_tensor(_given(args, position)) else other}"


def _extremum(name: str) -> Name:
    return lambda args: f"{name}imum0" if _is_tensor(_given(args, 1)) else f"{name}{int(len(args) < 2)}"


def _reduced(position: int, default: str | int = "mean", none: str = "") -> Name:
    """The last step of a loss: its reduction, or what is before that."""

    def name(args: Arguments) -> str:
        reduction: Any = args[position] if len(args) > position else default
        return {"mean": "Mean0", 1: "Mean0", "sum": "Sum0", 2: "Sum0"}.get(reduction, none)

    return name


def _power(args: Arguments) -> str:
    return f"Pow{0 if not _is_tensor(args[1]) else 1 if _is_tensor(args[0]) else 2}"


def _reshaped(args: Arguments) -> str:
    return "View0" if args[0].is_contiguous() else "UnsafeView0"


def _padded(args: Arguments) -> str:
    mode = _given(args, 2) or "constant"
    if mode == "constant":
        return "ConstantPadNd0"
    if mode == "circular":
        return "CopySlices"
    return f"{'Reflection' if mode == 'reflect' else 'Replication'}Pad{len(args[1]) // 2}D0"


def _product(args: Arguments) -> str:
    a, b = _dims(args), _dims(args, 1)
    if a == 1 and b <= 2:
        return "Dot0" if b == 1 else "Squeeze4"
    if a == 2 and b <= 2:
        return "Mv0" if b == 1 else "Mm0"
    return "UnsafeView0"


def _linear(args: Arguments) -> str:
    if _given(args, 2) is None:
        return {1: "Squeeze4", 2: "Mm0"}.get(_dims(args), "UnsafeView0")
    return {1: "Add0", 2: "Addmm0"}.get(_dims(args), "View0")


def _batched(name: str, rank: int) -> Name:
    """A single image is made a batch, and taken out of it."""
    return lambda args: name if _dims(args) == rank + 2 else "Squeeze1"


_PLACES, _ATTENTION = "MaxPool{}DWithIndices0", "ScaledDotProductFlashAttentionForCpu0"

NODES: dict[str, Name] = {
    # Several forms
    "sum": _if_given("Sum"), "mean": _if_given("Mean"), "prod": _if_given("Prod"), "median": _if_given("Median"),
    "nanmedian": _if_given("Nanmedian"), "max": _extremum("Max"), "min": _extremum("Min"),
    "squeeze": lambda args: f"Squeeze{0 if len(args) < 2 else 2 if isinstance(args[1], tuple) else 1}",
    "sub": lambda args: "Sub0" if _is_tensor(args[0]) else "Rsub1",
    "rsub": lambda args: f"Rsub{int(not _is_tensor(args[1]))}",
    "div": lambda args: f"Div{2 if _given(args, 2) is not None else 0}",
    "remainder": _if_tensor("Remainder", 1), "fmod": _if_tensor("Fmod", 1), "pow": _power, "float_power": _power,
    "lerp": _if_tensor("Lerp", 2), "masked_fill": _if_tensor("MaskedFill", 2),
    "clamp_min": _if_tensor("ClampMin", 1), "clamp_max": _if_tensor("ClampMax", 1),
    "clamp": lambda args: f"Clamp{int(not any(map(_is_tensor, args[1:])))}",
    "xlogy": lambda args: f"Xlogy{0 if _is_tensor(args[0]) and _is_tensor(args[1]) else 2 - _is_tensor(args[1])}",
    "copysign": lambda args: f"Copysign{int(not _is_tensor(args[1]))}",
    "scatter": lambda args: f"Scatter{int(not _is_tensor(args[3]))}",
    "sort": lambda args: f"Sort{int(_given(args, 3) is not None)}",
    # Other operators
    "quantile": "Squeeze4", "nanquantile": "Squeeze4", "to_dtype": "ToCopy0", "contiguous": "Clone0",
    "unfold_view": "Unfold0",
    "square": "Pow0", "ndtr": "Mul1", "relu6": "Hardtanh0", "selu": "Elu0", "logsigmoid": "LogSigmoid0",
    "softsign": "Div0", "tanhshrink": "Sub0", "prelu": "PreluKernel0", "nanmean": "Div0", "norm": "LinalgVectorNorm0",
    "trapezoid": "Mul1", "cumulative_trapezoid": "Cumsum0", "reshape": _reshaped, "flatten": _reshaped,
    "unflatten": "View0", "sum_to_size": "Sum1", "corrcoef": "Clamp1",
    "swapaxes": "Transpose0", "movedim": "Permute0", "broadcast_to": "Expand0", "expand_as": "Expand0",
    "narrow": "Slice0", "tile": "Repeat0",
    "pad": _padded, "diag": lambda args: "DiagEmbed0" if _dims(args) == 1 else "DiagonalBackward0_copy",
    "diagflat": "DiagEmbed0",
    "fliplr": "Flip0", "flipud": "Flip0", "take_along_dim": "Gather0", "matmul": _product, "outer": "Mul0",
    "linear": _linear, "cross": "LinalgCross0", "linalg_vecdot": "Sum1", "linalg_vander": "Cat0", "kron": "UnsafeView0",
    "msort": "Sort0", "diff": "Sub0", "cov": "Squeeze0", "layer_norm": "NativeLayerNorm0", "rms_norm": "Mul0",
    "normalize": "Div0", "pairwise_distance": "Norm1", "cosine_similarity": "Sum1", "batch_norm": "NativeBatchNorm0",
    "batch_norm_tracked": "NativeBatchNorm0", "instance_norm": "View0", "instance_norm_tracked": "View0",
    "group_norm": "NativeGroupNorm0", "einsum": "View0", "tensordot": "View0", "inner": "View0",
    "repeat_interleave": "View0", "local_response_norm": "Div0",
    # Losses
    "nll_loss": lambda args: "NllLoss2D0" if _dims(args) > 2 else "NllLoss0", "cross_entropy": "NllLoss0",
    "l1_loss": _reduced(2, none="Abs0"), "kl_div": _reduced(2, 0, "Sub0"), "poisson_nll_loss": _reduced(5, 0, "Sub0"),
    "gaussian_nll_loss": _reduced(5, none="Mul1"), "multilabel_soft_margin_loss": _reduced(3, none="Div0"),
    "margin_ranking_loss": _reduced(4, 0, "ClampMin0"), "triplet_margin_loss": _reduced(7, 0, "ClampMin0"),
    "hinge_embedding_loss": _reduced(3, 0, "Add0"), "cosine_embedding_loss": _reduced(4, 0, "Add0"),
    # Windows
    **{f"conv{t}{n}d": _batched("Convolution0", n) for n in (1, 2, 3) for t in ("", "_transpose")},
    **{f"max_pool{n}d_with_indices": "Squeeze1" if n == 1 else _PLACES.format(n) for n in (1, 2, 3)},
    **{f"adaptive_max_pool{n}d_with_indices": "Squeeze1" if n == 1 else f"AdaptiveMaxPool{n}D0" for n in (1, 2, 3)},
    "placed": lambda args: "Squeeze1" if args[3] == 1 else _PLACES.format(args[3]),
    "scaled_dot_product_attention": lambda args: _ATTENTION if _dims(args) == 4 else "UnsafeView0",
    "avg_pool1d": "Squeeze1", "adaptive_avg_pool1d": "Squeeze1",
}  # fmt: skip


def node_name(operator: str, namespace: str, args: Arguments) -> str:
    """The name of the node of an operator's gradient in a call.

    >>> node_name("log1p", "torch", ())
    'Log1PBackward0'
    """
    found = NODES.get(operator)
    if found is not None:
        name = found if isinstance(found, str) else found(args)
        return f"{name[:-1]}Backward{name[-1]}" if name[-1].isdigit() else name
    viewed = operator.removesuffix("_copy")
    words = [*(["special"] if namespace == "special" else []), *(viewed if viewed in _VIEWS else operator).split("_")]
    capital = re.sub(r"(\d)([a-z])", lambda m: m[1] + m[2].upper(), "".join(w.capitalize() for w in words))
    return f"{capital}Backward0{'_copy' if viewed in _VIEWS and viewed != operator else ''}"


_VIEWS = frozenset(
    [
        "view",
        "unfold",
        "slice",
        "squeeze",
        "unsqueeze",
        "permute",
        "transpose",
        "t",
        "expand",
        "select",
        "diagonal",
        "alias",
    ]
)
