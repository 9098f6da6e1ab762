"""Graphs of fewer operators, none of which changes its arguments: :meth:`ExportedProgram.run_decompositions`.

What has a rule here is made of other operators, as PyTorch does it for its core set; all else stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..base import dtypes
from ..eager import Tensor
from ..eager.device import Device as device
from ..eager.formats import contiguous_format, preserve_format, strided

Call = Callable[..., Any]
"""Notes a call of an operator by its name, and gives the result."""
Rule = Callable[..., Any]
"""Makes an operator of others: it gets what notes calls, and the arguments."""

_CPU = device("cpu")


def _view(call: Call, x: Tensor, sizes: Sequence[Any]) -> Any:
    if len(sizes) == x.dim() and all(a is b or (type(a) is type(b) is int and a == b) for a, b in zip(sizes, x.shape)):
        return x
    if not x.is_contiguous():
        x = call("clone", x, memory_format=contiguous_format)
    return call("view", x, list(sizes))


def _reshape(call: Call, x: Tensor, sizes: list[Any]) -> Any:
    return _view(call, x, _whole(x, sizes))


def _whole(x: Tensor, sizes: Sequence[Any]) -> list[Any]:
    """Sizes without -1."""
    known = _product([n for n in sizes if not _is_open(n)])
    return [x.numel() // known if _is_open(n) else n for n in sizes]


def _is_open(size: Any) -> bool:
    return type(size) is int and size == -1


def _flatten(call: Call, x: Tensor, start: int = 0, end: int = -1) -> Any:
    shape: list[Any] = list(x.shape)
    start, end = start % max(len(shape), 1), end % max(len(shape), 1)
    return _view(call, x, [*shape[:start], _product(shape[start : end + 1]), *shape[end + 1 :]])


def _unflatten(call: Call, x: Tensor, dim: int, sizes: list[Any]) -> Any:
    shape: list[Any] = list(x.shape)
    at = dim % len(shape)
    known = _product([n for n in sizes if not _is_open(n)])
    parts = [shape[at] // known if _is_open(n) else n for n in sizes]
    return _view(call, x, [*shape[:at], *parts, *shape[at + 1 :]])


def _swapped(call: Call, x: Tensor, first: int, second: int) -> Any:
    order = list(range(x.dim()))
    order[first], order[second] = order[second], order[first]
    return call("permute", x, order)


def _turned(call: Call, x: Tensor) -> Any:
    return call("permute", x, list(reversed(range(x.dim()))))


def _contiguous(call: Call, x: Tensor, **options: Any) -> Any:
    return x if x.is_contiguous() else call("clone", x, memory_format=contiguous_format)


def _linear(call: Call, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
    shape: list[Any] = list(x.shape)
    flat = [_product(shape[:-1]), shape[-1]]
    if bias is None:
        turned = call("permute", weight, [1, 0])
        found = call("mm", _view(call, x, flat), turned)
    else:
        rows = _view(call, x, flat)
        found = call("addmm", bias, rows, call("permute", weight, [1, 0]))
    return found if len(shape) == 2 else call("view", found, [*shape[:-1], weight.shape[0]])


def _product(sizes: Sequence[Any]) -> Any:
    result: Any = 1
    for size in sizes:
        result = size if type(result) is int and result == 1 else result * size
    return result


def _matmul(call: Call, x: Tensor, y: Tensor) -> Any:
    if x.dim() == 2 and y.dim() == 2:
        return call("mm", x, y)
    if x.dim() < 2 or y.dim() < 2:
        return NotImplemented
    a: list[Any] = list(x.shape)
    b: list[Any] = list(y.shape)
    if y.dim() == 2 and x.is_contiguous():
        found = call("mm", _view(call, x, [_product(a[:-1]), a[-1]]), y)
        return call("view", found, [*a[:-1], b[-1]])
    if x.dim() == y.dim() == 3 and int(a[0]) == int(b[0]):
        batch = a[:1]
    else:
        count = max(x.dim(), y.dim()) - 2
        left, right = ([1] * (count - len(s) + 2) + s[:-2] for s in (a, b))
        batch = [m if type(n) is int and n == 1 else n for n, m in zip(left, right)]
    rows = _product(batch)
    stacked = [call("view", call("expand", t, [*batch, *s[-2:]]), [rows, *s[-2:]]) for t, s in ((x, a), (y, b))]
    return call("view", call("bmm", *stacked), [*batch, a[-2], b[-1]])


def _conv(count: int) -> Rule:
    def rule(
        call: Call, x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = None, padding: Any = None,
        dilation: Any = None, groups: int = 1,
    ) -> Any:  # fmt: skip
        if isinstance(padding, str) or x.dim() != count + 2:
            return NotImplemented
        ones, zeros = [1] * count, [0] * count
        settings = (stride or ones, padding or zeros, dilation or ones, False, zeros, groups)
        return call("convolution", x, weight, bias, *settings)

    return rule


def _max_pool(name: str) -> Rule:
    return lambda call, x, *args: call(name, x, *args)[0]


def _batch_norm(
    call: Call, x: Tensor, weight: Any, bias: Any, mean: Any, var: Any, training: bool, momentum: float, eps: float,
    enabled: bool = False,
) -> Any:  # fmt: skip
    if training or mean is None:
        return NotImplemented
    return call("_native_batch_norm_legit_no_training", x, weight, bias, mean, var, momentum, eps)[0]


def _layer_norm(
    call: Call, x: Tensor, shape: list[int], weight: Any = None, bias: Any = None, eps: float = 1e-5,
    enabled: bool = False,
) -> Any:  # fmt: skip
    return call("native_layer_norm", x, shape, weight, bias, eps)[0]


def _dropout(call: Call, x: Tensor, p: float, train: bool) -> Any:
    return call("native_dropout", x, p, True)[0] if train and p else call("clone", x)


def _to(call: Call, x: Tensor, dtype: Any = None, *args: Any, **options: Any) -> Any:
    kind = dtype or options.get("dtype")
    memory = options.get("memory_format")
    if kind is None or (kind is x.dtype and memory is None):
        return x
    return call("_to_copy", x, dtype=kind) if memory is None else call("_to_copy", x, dtype=kind, memory_format=memory)


def _made(value: Any) -> Rule:
    def rule(call: Call, sizes: Any, *, dtype: Any = None, **options: Any) -> Any:
        kind = dtype or dtypes.default_dtype()
        return call("full", sizes, value, dtype=kind, layout=strided, device=_CPU, pin_memory=False)

    return rule


def _made_like(value: Any) -> Rule:
    return lambda call, x, **options: call(
        "full_like", x, value, pin_memory=False, memory_format=preserve_format,
        **{key: v for key, v in options.items() if key == "dtype"},
    )  # fmt: skip


def _squeeze(call: Call, x: Tensor, dim: Any = None) -> Any:
    dims = [d for d, n in enumerate(x.shape) if type(n) is int and n == 1] if dim is None else [dim]
    return call("squeeze", x, dims)


def _chunk(call: Call, x: Tensor, count: int, dim: int = 0) -> Any:
    return _parts(call, x, -(-int(x.shape[dim]) // count), dim)


def _parts(call: Call, x: Tensor, size: int, dim: int = 0) -> Any:
    whole: Any = x.shape[dim]
    if type(whole) is not int or type(size) is not int:
        return NotImplemented
    sizes = [min(size, whole - at) for at in range(0, whole, size)] or [whole]
    return call("split_with_sizes", x, sizes, dim)


def _pad(call: Call, x: Tensor, pads: list[Any], mode: str = "constant", value: Any = None) -> Any:
    if mode != "constant":
        return NotImplemented
    return call("constant_pad_nd", x, pads, 0.0 if value is None else value)


def _std(call: Call, x: Tensor, *args: Any, **options: Any) -> Any:
    return call("sqrt", call("var", x, *args, **({"correction": 1.0} if not args and not options else options)))


def _stack(call: Call, tensors: list[Tensor], dim: int = 0) -> Any:
    at = dim % (tensors[0].dim() + 1)
    if at:
        return call("cat", [call("unsqueeze", t, at) for t in tensors], at)
    return call("view", call("cat", tensors), [len(tensors), *tensors[0].shape])


def _mse_loss(call: Call, x: Tensor, y: Tensor, reduction: int = 1) -> Any:
    losses = call("pow", call("sub", x, y), 2)
    return losses if not reduction else call(("", "mean", "sum")[reduction], losses)


def _number(call: Call, value: Any, like: Tensor) -> Any:
    return call("scalar_tensor", value, dtype=like.dtype, layout=strided, device=_CPU)


def _where(call: Call, condition: Tensor, x: Tensor, other: Any) -> Any:
    return call("where", condition, x, _number(call, other, x))


def _masked_fill(call: Call, x: Tensor, mask: Tensor, value: Any) -> Any:
    return call("where", mask, _number(call, value, x), x)


def _broadcast(call: Call, tensors: list[Tensor]) -> Any:
    if len({tuple(t.shape) for t in tensors}) == 1:
        return tensors
    return NotImplemented


def _unbind(call: Call, x: Tensor, dim: int = 0) -> Any:
    count: Any = x.shape[dim]
    if type(count) is not int:
        return NotImplemented
    at = dim % x.dim()
    return [call("squeeze", call("slice", x, at, k, k + 1), [at]) for k in range(count)]


def _arange(call: Call, *bounds: Any, **options: Any) -> Any:
    start, end, step = (0, *bounds, 1) if len(bounds) == 1 else (*bounds, 1) if len(bounds) == 2 else bounds
    settings = {**options, "layout": strided, "device": _CPU, "pin_memory": False}
    return call("arange.start_step", start, end, *([] if step == 1 else [step]), **settings)


RULES: dict[str, Rule] = {
    "arange": _arange,
    "batch_norm": _batch_norm,
    "broadcast_tensors": _broadcast,
    "chunk": _chunk,
    "contiguous": _contiguous,
    "conv1d": _conv(1),
    "conv2d": _conv(2),
    "conv3d": _conv(3),
    "detach": lambda call, x: call("alias", x),
    "detach_": lambda call, x: x,
    "dropout": _dropout,
    "expand_as": lambda call, x, other: call("expand", x, list(other.shape)),
    "flatten": _flatten,
    "layer_norm": _layer_norm,
    "lift_fresh_copy": lambda call, x: call("clone", x),
    "linear": _linear,
    "log_softmax": lambda call, x, dim, dtype=None: NotImplemented if dtype else call("_log_softmax", x, dim, False),
    "mT": lambda call, x: _swapped(call, x, -2, -1),
    "masked_fill.Scalar": _masked_fill,
    "matmul": _matmul,
    "max_pool2d": _max_pool("max_pool2d_with_indices"),
    "max_pool3d": _max_pool("max_pool3d_with_indices"),
    "mse_loss": _mse_loss,
    "numpy_T": _turned,
    "ones": _made(1),
    "ones_like": _made_like(1),
    "pad": _pad,
    "reshape": _reshape,
    "rsub": lambda call, x, other, **options: NotImplemented if options else call("sub", other, x),
    "silu": lambda call, x: call("mul", x, call("sigmoid", x)),
    "softmax": lambda call, x, dim, dtype=None: NotImplemented if dtype else call("_softmax", x, dim, False),
    "split": _parts,
    "squeeze": _squeeze,
    "stack": _stack,
    "std": _std,
    "sum.default": lambda call, x, **options: call("sum.dim_IntList", x, [], **options),
    "t": _turned,
    "to": _to,
    "transpose": _swapped,
    "type_as": lambda call, x, other: _to(call, x, other.dtype),
    "unbind": _unbind,
    "unflatten": _unflatten,
    "view": _reshape,
    "where.ScalarOther": _where,
    "zeros": _made(0),
    "zeros_like": _made_like(0),
}

__all__ = ["RULES", "Rule"]
