"""Calls that are recorded as other operators than their names say: indices, factories, and what looks at values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..eager import Tensor, operators
from ..eager.device import Device
from . import codes, types
from .ir import Value
from .tracing import PLACE, Tracer, number_tensor, warn

_ENDLESS = 9223372036854775807


def _size_of(t: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    found = function(*args, **kwargs)
    if isinstance(found, int):
        at = args[1] if len(args) > 1 else kwargs["dim"]
        return t.size_of(args[0], at % args[0].dim(), found)
    return type(found)(t.size_of(args[0], at, n) for at, n in enumerate(found))


def _get_item(t: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    viewed, tensors = _viewed(t, args[0], args[1])
    if not tensors:
        return t.result(viewed)
    return t.result(t.emitter.call("aten::index", (viewed, _indices(t, tensors)), PLACE))


def _set_item(t: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    viewed, tensors = _viewed(t, args[0], args[1])
    t.run_new()
    target = t.known[viewed]
    source = args[2] if isinstance(args[2], Tensor) else number_tensor(args[2]).to(target.dtype)
    if tensors:
        t.emitter.call("aten::index_put_", (viewed, _indices(t, tensors), t.value(source)), PLACE)
    else:
        t.emitter.call("aten::copy_", (viewed, t.value(source)), PLACE)
    t.run_new()


def _indices(t: Tracer, tensors: dict[int, Any]) -> Value:
    kind = types.List(types.Optional(types.Tensor))
    found = [tensors.get(at) for at in range(max(tensors) + 1)]
    made = t.emitter.emit("prim::ListConstruct", [t.value(one) for one in found], (kind,), PLACE).output
    t.known[made] = found
    return made


def _viewed(t: Tracer, tensor: Tensor, index: Any) -> tuple[Value, dict[int, Any]]:
    """The tensor after numbers, slices and None of an index, and the tensors that index dimensions."""
    parts = list(index) if isinstance(index, tuple) else [index]
    shown = sum(p.dim() if isinstance(p, Tensor) and p.dtype in (codes.DTYPES[11],) else p is not None and p is not ...
                for p in parts)  # fmt: skip
    value, dim = t.value(tensor), 0
    tensors: dict[int, Any] = {}
    for part in parts:
        if part is ...:
            dim += tensor.dim() - shown
        elif part is None:
            value = t.emitter.call("aten::unsqueeze", (value, t.value(dim)), PLACE)
            dim += 1
        elif isinstance(part, slice):
            bounds = (0 if part.start is None else part.start, _ENDLESS if part.stop is None else part.stop)
            if part != slice(None) or len(parts) > 1:
                step = 1 if part.step is None else part.step
                value = t.emitter.call("aten::slice", (value, *map(t.value, (dim, *bounds, step))), PLACE)
            dim += 1
        elif isinstance(part, int) and not isinstance(part, bool):
            value = t.emitter.call("aten::select", (value, t.value(dim), t.value(part)), PLACE)
        else:
            tensors[dim] = part if isinstance(part, Tensor) else operators.tensor(part)
            dim += tensors[dim].dim() if tensors[dim].dtype is codes.DTYPES[11] else 1
        t.run_new()
    return value, tensors


def _length(t: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    warn(
        "Using len to get tensor shape might cause the trace to be incorrect. Recommended usage would be "
        "tensor.shape[0]. Passing a tensor of different shape might lead to errors or silently give incorrect results."
    )
    return function(*args)


def _made_of_data(t: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if any(isinstance(a, Tensor) for a in args):
        warn(
            f"torch.{function.__name__} results are registered as constants in the trace. You can safely ignore this "
            "warning if you use this function to create tensors out of constant variables that would be the same "
            "every time you call this function. In any other case, this might cause the trace to be incorrect."
        )
    return function(*args, **kwargs)


def _to_python(t: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if function.__name__ == "item":
        return t.number("__float__" if args[0].dtype.is_floating_point else "__int__", function, args)
    warn(
        f"Converting a tensor to a {'NumPy array' if function.__name__ != 'tolist' else 'Python list'} might cause the "
        "trace to be incorrect. We can't record the data flow of Python values, so this value will be treated as a "
        "constant in the future. This means that the trace might not generalize to other inputs!"
    )
    return function(*args, **kwargs)


def _of_sizes(t: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function that makes a tensor of sizes, which may be one argument or several."""
    if args and all(isinstance(a, int) for a in args):
        args = (list(args),)
    words = {k: kwargs.get(k) for k in ("dtype", "layout", "device")}
    words["device"] = Device("cpu") if words["device"] is None else Device(words["device"])
    values = {k: t.value(v) for k, v in words.items()} | {"pin_memory": t.value(False)}
    made = t.emitter.call(f"aten::{function.__name__}", [t.value(a) for a in args], PLACE, values)
    return t.result(made)


def _cast(t: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return t.builtin("aten::to", (args[0], codes.CASTS[function.__name__]), kwargs)


def _to(t: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    found = function(*args, **kwargs)
    if found is args[0]:
        return found
    return t.builtin("aten::to", (args[0], found.dtype if found.dtype is not args[0].dtype else found.device), {})


def _reversed_sub(t: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return t.builtin("aten::rsub", args, kwargs)


def _reversed_div(t: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return t.builtin("aten::mul", (t.builtin("aten::reciprocal", (args[0],), {}), args[1]), {})


def _equation(t: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    operands = list(args[1]) if len(args) == 2 and isinstance(args[1], list | tuple) else list(args[1:])
    return t.builtin("aten::einsum", (args[0], operands), {})


def _from_list(t: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return t.builtin(f"aten::{function.__name__}", (list(args[0]), *args[1:]), kwargs)


def _convolved(t: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A convolution, as the one operator of all of them."""
    name = function.__name__
    rank, transposed = int(name[-2]), "transpose" in name
    order = ["input", "weight", "bias", "stride", "padding", "dilation", "groups"]
    if transposed:
        order[5:] = ["output_padding", "groups", "dilation"]
    given: dict[str, Any] = {"bias": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1, "output_padding": 0}
    given |= dict(zip(order, args)) | kwargs
    if isinstance(given["padding"], str):
        return t.builtin(f"aten::{name}", [given[k] for k in order], {})
    for key in ("stride", "padding", "dilation", "output_padding"):
        given[key] = [given[key]] * rank if isinstance(given[key], int) else list(given[key])
    order = ["input", "weight", "bias", "stride", "padding", "dilation"]
    rest = (transposed, given["output_padding"], given["groups"], False, False, True, True)
    return t.builtin("aten::_convolution", [*(given[k] for k in order), *rest], {})


def _cut(t: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    x, sizes, *dim = args
    return tuple(t.builtin("aten::split_with_sizes", (x, list(sizes), *dim), kwargs))


def _interpolated(t: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    names = ("input", "size", "scale_factor", "mode", "align_corners", "recompute_scale_factor", "antialias")
    given: dict[str, Any] = {**dict.fromkeys(names), "mode": "nearest", **dict(zip(names, args)), **kwargs}
    x, mode, rank = given["input"], given["mode"], given["input"].dim() - 2
    if mode == "area" or given["antialias"] or given["recompute_scale_factor"]:
        return NotImplemented
    size, factor = (
        None if g is None else list(g) if isinstance(g, list | tuple) else [g] * rank
        for g in (given["size"], given["scale_factor"])
    )
    factor = None if factor is None else [float(f) for f in factor]
    name = f"_upsample_nearest_exact{rank}d" if mode == "nearest-exact" else f"upsample_{mode}{rank}d"
    corners = () if mode.startswith("nearest") else (bool(given["align_corners"]),)
    return t.builtin(f"aten::{name}", (x, size, *corners, factor), {})


Handler = Callable[[Tracer, Any, tuple[Any, ...], dict[str, Any]], Any]
HANDLERS: dict[str, Handler] = {
    "size": _size_of, "__getitem__": _get_item, "__setitem__": _set_item, "__len__": _length,
    "tensor": _made_of_data, "as_tensor": _made_of_data, "numpy": _to_python, "tolist": _to_python,
    "item": _to_python, "__array__": _to_python, "einsum": _equation, "to": _to,
    "__rsub__": _reversed_sub, "__rtruediv__": _reversed_div, "__rdiv__": _reversed_div,
    **dict.fromkeys(("cat", "stack", "concat", "hstack", "vstack"), _from_list),
    "interpolate": _interpolated, "pieces": _cut,
    **dict.fromkeys([f"conv{of}{n}d" for of in ("", "_transpose") for n in (1, 2, 3)], _convolved),
    **dict.fromkeys(("zeros", "ones", "rand", "randn", "empty"), _of_sizes),
    **dict.fromkeys(codes.CASTS, _cast),
}  # fmt: skip

__all__ = ["HANDLERS"]
