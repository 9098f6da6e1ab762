"""Calls of Kagari's functions as calls of `torch.ops.aten`: PyTorch's names of operators, and its order of arguments.

Most functions have the operator's name and its order of arguments, or its names of arguments. What differs is here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from types import FunctionType
from typing import Any

from ..base import dtypes
from ..eager import Tensor, operators
from ..eager.aten import Schema, schemas
from ..eager.device import Device as device
from ..eager.formats import strided
from .aten_functions import INTERPOLATIONS, PADDINGS, REDUCTIONS
from .matching import Arguments, fitted, matched

Call = Callable[[Arguments], Any]
"""Does, or notes, a call of an operator, and gives the result."""

_RENAMED = {
    "cross_entropy": "cross_entropy_loss", "nll_loss": "nll_loss_nd", "logsigmoid": "log_sigmoid",
    "dropout1d": "feature_dropout", "dropout2d": "feature_dropout", "dropout3d": "feature_dropout",
    "unfold": "im2col", "fold": "col2im", "T": "numpy_T", "H": "matrix_H", "data": "detach",
    "__sub__": "sub", "__isub__": "sub_", "__rsub__": "rsub", "__truediv__": "div", "__itruediv__": "div_",
    "__floordiv__": "floor_divide", "__mod__": "remainder", "__pow__": "pow", "__matmul__": "matmul", "__eq__": "eq",
    "__ne__": "ne", "__invert__": "bitwise_not", "__neg__": "neg", "__abs__": "abs", "__add__": "add",
    "__mul__": "mul", "__iadd__": "add_", "__imul__": "mul_", "__lt__": "lt", "__le__": "le", "__gt__": "gt",
    "__ge__": "ge",
}  # fmt: skip
_PARAMETERS = {"training": "train", "input": "self"}
"""Names of parameters that are others in operators, where the operator does not have this one."""
_SET = {"inplace", "return_indices", "size_average", "reduce", "_stacklevel", "reduction", "padding_idx"}
_ALWAYS = {"cudnn_enable": False, "cudnn_enabled": False}
_DTYPES = {
    "bfloat16": dtypes.bfloat16, "bool": dtypes.bool_, "char": dtypes.int8, "double": dtypes.float64,
    "float": dtypes.float32, "half": dtypes.float16, "int": dtypes.int32, "long": dtypes.int64, "short": dtypes.int16,
    "byte": dtypes.uint8, "cfloat": dtypes.complex64, "cdouble": dtypes.complex128,
}  # fmt: skip
_LISTS = frozenset(("block_diag", "broadcast_tensors", "cartesian_prod", "meshgrid"))
_END = (1 << 63) - 1


def aten_call(call: Call, path: str, function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """The result of a call of a function, made of calls of operators; NotImplemented where no operator stands for it.

    Args:
        call: does a call of an operator
        path: the name of the function, such as `torch.nn.functional.relu`
        function: the function
        args, kwargs: its arguments

    >>> import kagari as torch
    >>> noted = []
    >>> aten_call(noted.append, "torch.relu", torch.relu, [torch.ones(1)], {})
    >>> str(noted[0].schema)
    'aten::relu'
    """
    space, _, name = path.removesuffix(".__get__").rpartition(".")
    kwargs = {key: value for key, value in kwargs.items() if value is not None or key != "out"}
    inner = space.rpartition(".")[2]
    written = _WRITTEN.get(f"{inner}.{name}") or (_WRITTEN.get(name) if inner in ("torch", "Tensor") else None)
    if name in ("add", "mul") and len(args) == 2 and not isinstance(args[0], Tensor):
        args = (args[1], args[0])
    if written is not None:
        return written(lambda name, *args, **kwargs: called(call, name, args, kwargs), *args, **kwargs)
    if inner in ("special", "linalg", "fft"):
        name = f"{inner}_{name}"
    if isinstance(function, FunctionType) and space == "torch.nn.functional":
        found = _by_name(_RENAMED.get(name, name), function, args, kwargs)
        if found is not None:
            return call(found)
    return called(call, _RENAMED.get(name, name), args, kwargs)


def called(call: Call, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """The result of a call whose arguments are in the operator's order; NotImplemented where there is no operator."""
    if name == "_assert_tensor_metadata":
        return call(Arguments(schemas(f"aten::{name}")[0], list(args), kwargs))
    found = matched(name, args, _completed(name, args, kwargs))
    return NotImplemented if found is None else call(found)


def _completed(name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Named arguments with what the function does not have, and operators do."""
    name = name.partition(".")[0]
    parameters, kwargs = _parameters(name), dict(kwargs)
    if "input" in kwargs and "input" not in parameters:
        kwargs["self"] = kwargs.pop("input")
    if not kwargs.get("requires_grad", True):
        del kwargs["requires_grad"]
    if name in operators.FROM_SIZES and kwargs.get("device") is None:
        kwargs["device"] = device("cpu")
    if name in operators.FROM_SIZES or name.endswith("_like") or name.startswith("new_"):
        kwargs["pin_memory"] = False
    return kwargs | {key: value for key, value in _ALWAYS.items() if key in parameters}


@cache
def _parameters(name: str) -> frozenset[str]:
    return frozenset(p.name for schema in schemas(f"aten::{name}") for p in schema.arguments)


def _by_name(name: str, function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Arguments | None:
    """The call of an operator whose parameters have the names of the function's; None where none fits."""
    signature = inspect.signature(function)
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    values = bound.arguments
    if values.get("inplace"):
        name += "_"
    if values.get("return_indices"):
        name += "_with_indices"
    if values.get("size_average") is not None or values.get("reduce") is not None:
        return None
    if isinstance(values.get("reduction"), str):
        values["reduction"] = REDUCTIONS.index(values["reduction"]) if values["reduction"] in REDUCTIONS else -1
    for schema in schemas(f"aten::{name}"):
        named = _named(schema, values, signature)
        found = None if named is None else fitted(schema, (), named)
        if found is not None:
            return found
    return None


def _named(schema: Schema, values: dict[str, Any], signature: inspect.Signature) -> dict[str, Any] | None:
    """The arguments by the names of a schema; None where it lacks one that is not at its default."""
    there = {p.name for p in schema.arguments}
    named = {key: value for key, value in _ALWAYS.items() if key in there}
    for key, value in values.items():
        own = key if key in there else _PARAMETERS.get(key, key)
        if own in there:
            named[own] = value
        elif key not in _SET and value is not signature.parameters[key].default:
            return None
    return named


# Calls that are several, or other, operators


def _getitem(call: Any, self: Tensor, index: Any) -> Any:
    """Numbers, slices and None one after the other, then all tensors at once."""
    parts = list(index) if isinstance(index, tuple) else [index]
    taken = sum(_dims(part) for part in parts)
    if any(part is Ellipsis for part in parts):
        dots = next(i for i, part in enumerate(parts) if part is Ellipsis)
        parts[dots : dots + 1] = [slice(None)] * (self.dim() - taken)
    result, dim = self, 0
    indices: list[Any] = []
    for part in parts:
        if part is None:
            result = call("unsqueeze", result, dim)
        elif isinstance(part, slice):
            if (part.start, part.stop, part.step) != (None, None, None):
                step = 1 if part.step is None else part.step
                start, stop = part.start or 0, _END if part.stop is None else part.stop
                result = call("slice", result, dim, start, stop, step)
        elif isinstance(part, int) and not isinstance(part, bool):
            result = call("select", result, dim, part)
            continue
        elif isinstance(part, bool):
            return NotImplemented
        else:
            at = part if isinstance(part, Tensor) else call("lift_fresh_copy", operators.tensor(part))
            indices += [None] * (dim - len(indices)) + [at]
            dim += _dims(part) - 1
        dim += 1
    return call("index", result, indices) if indices else result


def _dims(part: Any) -> int:
    """How many dimensions a part of an index takes."""
    if isinstance(part, Tensor) and part.dtype is dtypes.bool_:
        return part.dim()
    return 0 if part is None or part is Ellipsis else 1


def _setitem(call: Any, self: Tensor, index: Any, value: Any) -> Any:
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, Tensor | list) for part in parts):
        if not all(isinstance(part, Tensor) or part == slice(None) for part in parts):
            return NotImplemented
        indices: list[Any] = []
        for part in parts:
            indices += [part] if isinstance(part, Tensor) else [None]
        while indices and indices[-1] is None:
            indices.pop()
        call("index_put_", self, indices, _tensor(call, value, self))
        return None
    target = _getitem(call, self, index)
    value = _tensor(call, value, self)
    call("copy_" if value.dim() else "fill_", target, value)
    return None


def _tensor(call: Any, value: Any, like: Tensor) -> Any:
    return value if isinstance(value, Tensor) else call("lift_fresh_copy", operators.tensor(value, dtype=like.dtype))


def _to(call: Any, self: Tensor, *args: Any, **kwargs: Any) -> Any:
    options = dict(kwargs)
    for value in args:
        if isinstance(value, dtypes.dtype):
            options["dtype"] = value
        elif isinstance(value, device | str):
            options["device"] = device(value)
        elif isinstance(value, Tensor):
            options["dtype"], options["device"] = value.dtype, device("cpu")
        else:
            return NotImplemented
    call("_assert_tensor_metadata", self, dtype=self.dtype, device=device("cpu"), layout=strided)
    if options.get("device") is None and options.get("memory_format") is None and options.get("dtype") is not None:
        options.pop("device", None)
        return call("to", self, options.pop("dtype"), **options)
    target = options.pop("device", None)
    kind = options.pop("dtype", None) or self.dtype
    return call("to", self, dtype=kind, layout=strided, device=device("cpu") if target is None else target, **options)


def _cast(kind: Any) -> Callable[..., Any]:
    return lambda call, self, **options: _to(call, self, kind, **options)


def _type(call: Any, self: Tensor, dtype: Any = None) -> Any:
    return _to(call, self, dtype) if isinstance(dtype, dtypes.dtype) else NotImplemented


def _with_list(name: str) -> Callable[..., Any]:
    def run(call: Any, *tensors: Any, **kwargs: Any) -> Any:
        listed = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
        return call(name, list(listed), **kwargs)

    return run


def _einsum(call: Any, equation: str, *tensors: Any) -> Any:
    listed = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    return call("einsum", equation, list(listed))


def _tensordot(call: Any, a: Tensor, b: Tensor, dims: Any = 2) -> Any:
    if isinstance(dims, int):
        dims = (list(range(-dims, 0)), list(range(dims)))
    return call("tensordot", a, b, *[[d] if isinstance(d, int) else list(d) for d in dims])


def _grid_sample(
    call: Any,
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: Any = None,
) -> Any:
    if mode not in INTERPOLATIONS or padding_mode not in PADDINGS:
        return NotImplemented
    places = INTERPOLATIONS.index(mode), PADDINGS.index(padding_mode)
    return call("grid_sampler", input, grid, *places, bool(align_corners))


def _embedding(
    call: Any, input: Tensor, weight: Tensor, padding_idx: Any = None, max_norm: Any = None, norm_type: float = 2.0,
    scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Any:  # fmt: skip
    if max_norm is not None:
        return NotImplemented
    at = -1 if padding_idx is None else padding_idx % int(weight.shape[0])
    return call("embedding", weight, input, at, scale_grad_by_freq, sparse)


def _interpolate(
    call: Any, input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: Any = None, recompute_scale_factor: Any = None, antialias: bool = False,
) -> Any:  # fmt: skip
    count = input.dim() - 2
    if mode not in ("nearest", "linear", "bilinear", "bicubic", "trilinear") or antialias or recompute_scale_factor:
        return NotImplemented
    sizes = None if size is None else list(size) if isinstance(size, list | tuple) else [size] * count
    scales = None
    if scale_factor is not None:
        scales = [
            float(s) for s in (scale_factor if isinstance(scale_factor, list | tuple) else [scale_factor] * count)
        ]
    corners = () if mode == "nearest" else (bool(align_corners),)
    return call(f"upsample_{mode}{count}d.vec", input, sizes, *corners, scales)


def _of_broadcast(name: str) -> Callable[..., Any]:
    """A loss of tensors that are brought to one shape first."""

    def run(
        call: Any, input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
        *rest: Any, **options: Any,
    ) -> Any:  # fmt: skip
        if (
            size_average is not None
            or reduce is not None
            or reduction not in REDUCTIONS
            or options.get("weight") is not None
        ):
            return NotImplemented
        options.pop("weight", None)
        first, second = call("broadcast_tensors", [input, target])
        return call(name, first, second, REDUCTIONS.index(reduction), *rest, *options.values())

    return run


def _huber(
    call: Any, input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> Any:
    return _of_broadcast("huber_loss")(call, input, target, None, None, reduction, delta, weight=weight)


def _normalize(call: Any, input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    norm = call("clamp_min", call("linalg_vector_norm", input, float(p), [dim], True), eps)
    return call("div", input, call("expand_as", norm, input))


def _norm(call: Any, self: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    if p not in ("fro", None) and not isinstance(p, int | float):
        return NotImplemented
    dims = [dim] if isinstance(dim, int) else None if dim is None else list(dim)
    return call("linalg_vector_norm", self, 2 if p in ("fro", None) else p, dims, keepdim, dtype=dtype)


def _divided(call: Any, self: Tensor, other: Any) -> Any:
    return call("mul", call("reciprocal", self), other)


_WRITTEN: dict[str, Callable[..., Any]] = {
    "Tensor.__getitem__": _getitem,
    "Tensor.__rpow__": lambda call, self, other: call("pow", other, self),
    "Tensor.__rtruediv__": _divided,
    "Tensor.__setitem__": _setitem,
    "Tensor.cpu": lambda call, self, **options: _to(call, self, device("cpu")),
    "Tensor.to": _to,
    "Tensor.type": _type,
    "Tensor.where": lambda call, self, condition, other: call("where", condition, self, other),
    "einsum": _einsum,
    "functional.embedding": _embedding,
    "functional.grid_sample": _grid_sample,
    "functional.huber_loss": _huber,
    "functional.interpolate": _interpolate,
    "functional.normalize": _normalize,
    "norm": _norm,
    "tensordot": _tensordot,
    **{f"Tensor.{name}": _cast(kind) for name, kind in _DTYPES.items()},
    **{name: _with_list(name) for name in _LISTS},
    **{f"functional.{name}": _of_broadcast(name) for name in ("l1_loss", "mse_loss", "smooth_l1_loss")},
}

__all__ = ["Call", "aten_call", "called"]
