"""What computes PyTorch's operators: Kagari's function of the same name, or what is written here where there is none
that takes the arguments in this order.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

from ..eager import Tensor, operators
from ..eager.aten import Schema

_PACKAGE = __name__.partition(".")[0]
_PREFIXED = ("special", "linalg", "fft")
REDUCTIONS = ("none", "mean", "sum")
INTERPOLATIONS = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")
_IGNORED = ("pin_memory", "layout", "cudnn_enable", "cudnn_enabled")
"""Arguments of which there is one kind here."""


@cache
def _module(space: str) -> Any:
    """A module above this one, which shows functions: what runs needs what the program has imported anyway."""
    return importlib.import_module(f"{_PACKAGE}.{space}".rstrip("."))


def _F(name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(_module("nn.functional"), name)
    return found


def _index(indices: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(slice(None) if index is None else index for index in indices)


def _slice(self: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Tensor:
    at = dim % self.dim()
    part: Tensor = self[(*[slice(None)] * at, slice(start, end, step))]
    return part


def _index_put_(self: Tensor, indices: Sequence[Any], values: Tensor, accumulate: bool = False) -> Tensor:
    if accumulate:
        return self.index_put_(tuple(indices), values, True)
    self[_index(indices)] = values
    return self


def _resized(mode: str, ordered: bool) -> Callable[..., Any]:
    """`interpolate` in a mode, of which the arguments have `align_corners` in the middle if it is `ordered`."""

    def run(self: Tensor, size: Any, *rest: Any) -> Any:
        corners, scales = rest if ordered else (None, *rest)
        factors = scales[0] if scales is not None and len(set(scales)) == 1 else scales
        return _F("interpolate")(self, size, factors, mode, corners)

    return run


def _padded(mode: str) -> Callable[..., Any]:
    return lambda self, padding: _F("pad")(self, padding, mode)


def _im2col(self: Tensor, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    return _F("unfold")(self, tuple(kernel), tuple(dilation), tuple(padding), tuple(stride))


def _col2im(self: Tensor, size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    return _F("fold")(self, tuple(size), tuple(kernel), tuple(dilation), tuple(padding), tuple(stride))


def _cross_entropy(
    self: Tensor, target: Tensor, weight: Any = None, reduction: str = "mean", ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    options = {"ignore_index": ignore_index, "reduction": reduction, "label_smoothing": label_smoothing}
    return _F("cross_entropy")(self, target, weight, **options)


def _nll_loss(
    self: Tensor, target: Tensor, weight: Any = None, reduction: str = "mean", ignore_index: int = -100
) -> Any:
    return _F("nll_loss")(self, target, weight, ignore_index=ignore_index, reduction=reduction)


def _losses(name: str, *order: str) -> Callable[..., Any]:
    """A loss whose function has other parameters between these, which come in this order behind input and target."""

    def run(self: Tensor, target: Tensor, *rest: Any) -> Any:
        return _F(name)(self, target, **dict(zip(order, rest)))

    return run


def _batch_norm(input: Tensor, weight: Any, bias: Any, mean: Any, var: Any, *rest: Any) -> Any:
    return _F("batch_norm")(input, mean, var, weight, bias, *rest[:3])


def _instance_norm(input: Tensor, weight: Any, bias: Any, mean: Any, var: Any, *rest: Any) -> Any:
    return _F("instance_norm")(input, mean, var, weight, bias, *rest[:3])


def _pooled(name: str) -> Callable[..., Any]:
    """A pooling, whose stride may be said to be that of the window by an empty list."""

    def run(self: Tensor, kernel: Any, stride: Any = (), *rest: Any) -> Any:
        return _F(name)(self, tuple(kernel), tuple(stride) or None, *rest)

    return run


def _assert_tensor_metadata(a: Tensor, size: Any = None, stride: Any = None, dtype: Any = None, **rest: Any) -> None:
    if dtype is not None and a.dtype is not dtype:
        raise RuntimeError(f"Tensor dtype mismatch! Expected: {dtype} Got: {a.dtype}")


def _property(name: str) -> Callable[..., Any]:
    return lambda self: getattr(self, name)


_WRITTEN: dict[str, Callable[..., Any]] = {
    "_assert_tensor_metadata": _assert_tensor_metadata,
    "_log_softmax": lambda self, dim, half: _module("").log_softmax(self, dim),
    "_native_batch_norm_legit_no_training": lambda input, weight, bias, mean, var, momentum, eps: _module(
        ""
    ).native_batch_norm(input, weight, bias, mean, var, False, momentum, eps),
    "_softmax": lambda self, dim, half: _module("").softmax(self, dim),
    "_to_copy": lambda self, **options: self.to(**options, copy=True),
    "alias": lambda self: self.view_as(self),
    "batch_norm": _batch_norm,
    "binary_cross_entropy": _losses("binary_cross_entropy", "weight", "reduction"),
    "binary_cross_entropy_with_logits": _losses(
        "binary_cross_entropy_with_logits", "weight", "pos_weight", "reduction"
    ),
    "broadcast_tensors": lambda tensors: _module("").broadcast_tensors(*tensors),
    "col2im": _col2im,
    "cross_entropy_loss": _cross_entropy,
    "einsum": lambda equation, tensors: _module("").einsum(equation, *tensors),
    "embedding": lambda weight, indices, *rest: _module("").embedding(weight, indices, *rest),
    "huber_loss": _losses("huber_loss", "reduction", "delta"),
    "im2col": _im2col,
    "index": lambda self, indices: self[_index(indices)],
    "index_put": lambda self, *rest: _index_put_(self.clone(), *rest),
    "index_put_": _index_put_,
    "instance_norm": _instance_norm,
    "kl_div": lambda self, target, reduction="mean", *, log_target=False: _F("kl_div")(
        self, target, reduction=reduction, log_target=log_target
    ),
    "l1_loss": _losses("l1_loss", "reduction"),
    "lift_fresh": lambda self: self,
    "lift_fresh_copy": lambda self: self.clone(),
    "log_sigmoid": lambda self: _F("logsigmoid")(self),
    "log_softmax": lambda self, dim, dtype=None: _module("").log_softmax(self, dim, dtype=dtype),
    "meshgrid": lambda tensors, *, indexing="ij": _module("").meshgrid(*tensors, indexing=indexing),
    "mse_loss": _losses("mse_loss", "reduction"),
    "nll_loss": _nll_loss,
    "nll_loss2d": _nll_loss,
    "nll_loss_nd": _nll_loss,
    "rsub": lambda self, other, *, alpha=1: other - self * alpha,
    "slice": _slice,
    "smooth_l1_loss": _losses("smooth_l1_loss", "reduction", "beta"),
    "softmax": lambda self, dim, dtype=None: _module("").softmax(self, dim, dtype=dtype),
    "sym_size": lambda self, dim: self.size(dim),
    "upsample_bicubic2d.vec": _resized("bicubic", True),
    "upsample_bilinear2d.vec": _resized("bilinear", True),
    "upsample_linear1d.vec": _resized("linear", True),
    "upsample_nearest1d.vec": _resized("nearest", False),
    "upsample_nearest2d.vec": _resized("nearest", False),
    "upsample_nearest3d.vec": _resized("nearest", False),
    "upsample_trilinear3d.vec": _resized("trilinear", True),
    "tensordot": lambda self, other, first, second: _module("").tensordot(self, other, (first, second)),
    **{f"{kind}_pad{n}d": _padded(mode) for kind, mode in (("reflection", "reflect"), ("replication", "replicate"))
       for n in (1, 2, 3)},
    **{f"{kind}_pool{n}d": _pooled(f"{kind}_pool{n}d") for kind in ("avg", "max") for n in (1, 2, 3)},
    **{f"max_pool{n}d_with_indices": _pooled(f"max_pool{n}d_with_indices") for n in (1, 2, 3)},
    **{theirs: _property(ours) for theirs, ours in
       (("numpy_T", "T"), ("mT", "mT"), ("matrix_H", "H"), ("mH", "mH"), ("real", "real"), ("imag", "imag"))},
}  # fmt: skip


def _found(name: str) -> Callable[..., Any] | None:
    """The function or method of a name."""
    space, _, inner = name.partition("_")
    places = [(_module(space), inner)] if space in _PREFIXED and inner else []
    places += [(_module(""), name), (_module("nn.functional"), name), (Tensor, name), (operators, name)]
    for place, attribute in places:
        function = getattr(place, attribute, None)
        if callable(function):
            return function
    return None


def is_written(schema: Schema) -> bool:
    """Whether what computes an overload is no function of its name that takes its arguments as they are."""
    name = schema.name.removeprefix("aten::")
    return name in _WRITTEN or f"{name}.{schema.overload}" in _WRITTEN


def implementation(schema: Schema) -> Callable[..., Any] | None:
    """What computes an overload of arguments in its order; None where Kagari has nothing for it."""
    name = schema.name.removeprefix("aten::")
    function = _WRITTEN.get(f"{name}.{schema.overload}") or _WRITTEN.get(name)
    if function is None and not (schema.overload == "vec" or name.startswith("_assert")):
        function = _found(name)
    return None if function is None else partial(_run, schema, function)


def _run(schema: Schema, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    parameters = schema.arguments
    values = []
    for p, value in zip(parameters, args):
        if p.name in _IGNORED:
            continue
        if p.name == "reduction" and type(value) is int:
            value = REDUCTIONS[value]
        values.append(tuple(value) if isinstance(value, list) else value)
    named = {name: value for name, value in kwargs.items() if name not in _IGNORED and value is not None}
    return function(*values, **named)


__all__ = ["INTERPOLATIONS", "PADDINGS", "REDUCTIONS", "implementation", "is_written"]
