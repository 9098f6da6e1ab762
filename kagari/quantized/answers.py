"""What quantized tensors answer to calls of operators.

Most operators have one of four answers: what moves or orders elements is done to the integers (`_MOVING`, `_ORDERING`);
comparisons look at the numbers (`_COMPARING`); what computes is done to the numbers, and quantized again as the
argument was (`_COMPUTING`). The others have a function of their own, in `_OWN`; the rest is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base import dtypes
from ..eager import Tensor, operators, overriding
from .scheme import BOUNDS, PerChannel, PerTensor

_MOVING = frozenset((
    "__getitem__", "alias", "as_strided", "channel_shuffle", "chunk", "clone", "contiguous", "detach", "dsplit",
    "expand", "expand_as", "flatten", "flip", "hsplit", "index_select", "masked_select", "moveaxis", "movedim",
    "narrow", "native_channel_shuffle", "permute", "pixel_shuffle", "pixel_unshuffle", "ravel", "repeat",
    "repeat_interleave", "reshape", "reshape_as", "roll", "rot90", "select", "split", "split_with_sizes", "squeeze",
    "swapaxes", "swapdims", "t", "tensor_split", "tile", "transpose", "unbind", "unflatten", "unfold", "unsqueeze",
    "view", "view_as", "vsplit",
))  # fmt: skip
_ORDERING = frozenset((
    "amax", "amin", "argsort", "max", "max_pool1d", "max_pool2d", "max_pool3d", "maximum", "median", "min", "minimum",
    "msort", "sort", "topk",
))  # fmt: skip
_COMPARING = frozenset((
    "__eq__", "__ge__", "__gt__", "__le__", "__lt__", "__ne__", "eq", "ge", "greater", "greater_equal", "gt", "le",
    "less", "less_equal", "lt", "ne", "not_equal",
))  # fmt: skip
_COMPUTING = frozenset((
    "adaptive_avg_pool2d", "adaptive_avg_pool3d", "avg_pool2d", "avg_pool3d", "gelu", "leaky_relu", "mean",
    "nanmean", "std", "threshold", "upsample_bilinear2d", "upsample_nearest2d", "interpolate", "upsample",
))  # fmt: skip
_ASKING = frozenset((
    "int_repr", "q_per_channel_axis", "q_per_channel_scales", "q_per_channel_zero_points", "q_scale", "q_zero_point",
))  # fmt: skip
# Of a tensor with a scale for each channel these are done to the integers as they are.
_ANY_SCHEME = frozenset(("alias", "clone", "contiguous", "detach"))


def answer(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The answer to a call. Raises NotImplementedError for what quantized tensors lack, RuntimeError for arithmetic
    with other tensors, and for views of what has a scale for each channel.
    """
    name = getattr(func, "__name__", "")
    if name in _OWN:
        return _OWN[name](*args, **kwargs)
    if name in _ASKING:
        return getattr(args[0], name)()
    if name in _MOVING or name in _ORDERING:
        return _on_integers(func, name, args, kwargs)
    if name in _COMPARING:
        return func(*[_numbers(a) for a in args], **kwargs)
    if name in _COMPUTING:
        q = next(a for a in args if is_quantized(a))
        return _like(func(*[_numbers(a) for a in args], **kwargs), q)
    with overriding.plain():
        known = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
    if len({a.dtype for a in known}) > 1 and name in ("add", "sub", "mul", "div", "rsub"):
        raise RuntimeError(
            "promoteTypes with quantized numbers is not handled yet; figure out what the correct rules should be, "
            f"offending types: {' '.join(a.dtype.type_name for a in known)}"
        )
    raise NotImplementedError(f"Could not run 'aten::{name}' with arguments from the 'QuantizedCPU' backend.")


def is_quantized(a: Any) -> bool:
    """Whether it is a quantized tensor."""
    return isinstance(a, Tensor) and a.dtype in dtypes.QUANTIZED


def _numbers(a: Any) -> Any:
    return a.dequantize() if is_quantized(a) else a


def _like(x: Any, q: Any) -> Any:
    """Numbers, quantized as another tensor is."""
    return type(q)(q._quantizer.quantize(x, q.dtype), q._quantizer)


def _rewrapped(result: Any, q: Any, quantizer: Any) -> Any:
    """The integers of a result as quantized tensors; indices and masks as they are."""
    if isinstance(result, Tensor):
        return type(q)(result, quantizer) if result.dtype is dtypes.QUANTIZED[q.dtype] else result
    if isinstance(result, tuple | list):
        return type(result)([_rewrapped(part, q, quantizer) for part in result])
    return result


# What moves elements


def _on_integers(func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    q = next(a for a in (*args, *kwargs.values()) if is_quantized(a))
    same = [a for a in args if is_quantized(a)]
    if any(a._quantizer != q._quantizer for a in same):
        raise RuntimeError(f"{name}: expected quantized tensors of one scale and one zero point")
    quantizer = q._quantizer
    if isinstance(quantizer, PerChannel):
        quantizer = _moved_channels(quantizer, q, name, args[1:])
    given = [a._integers() if is_quantized(a) else a for a in args]
    return _rewrapped(func(*given, **{k: a._integers() if is_quantized(a) else a for k, a in kwargs.items()}),
                      q, quantizer)  # fmt: skip


def _moved_channels(quantizer: PerChannel, q: Any, name: str, args: tuple[Any, ...]) -> Any:
    """What holds for the result where each channel has its own scale. Raises RuntimeError where it can't be said."""
    if name in _ANY_SCHEME:
        return quantizer
    if name == "unsqueeze":
        dim = args[0] % (q.ndim + 1)
        return quantizer.moved(quantizer.axis + (dim <= quantizer.axis))
    place = (0, args[0]) if name == "__getitem__" else (args[0] % q.ndim, args[1]) if name == "select" else None
    if place is not None and place[0] == quantizer.axis and type(place[1]) is int:
        return quantizer.at(place[1])
    raise RuntimeError("Setting strides is possible only on uniformly quantized tensor")


def _joined(join: str) -> Callable[..., Any]:
    """`cat` and `stack`: as the first of the tensors is quantized."""

    def answer(tensors: Any, dim: int = 0, **kwargs: Any) -> Any:
        first = tensors[0]
        for t in tensors:
            if not is_quantized(t):
                raise NotImplementedError("Could not run 'aten::qscheme' with arguments from the 'CPU' backend.")
        parts = [t._integers() if t._quantizer == first._quantizer
                 else first._quantizer.quantize(t.dequantize(), first.dtype) for t in tensors]  # fmt: skip
        return type(first)(getattr(operators, join)(parts, dim), first._quantizer)

    return answer


def _pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    if mode != "constant":
        raise NotImplementedError(f"quantized tensors are padded with constants, not with mode='{mode}'")
    zero = input._quantizer.quantize(operators.tensor(float(value or 0)), input.dtype).item()
    return type(input)(operators.constant_pad_nd(input._integers(), list(pad), zero), input._quantizer)


# Writing


def _copy_(self: Any, src: Any, non_blocking: bool = False) -> Any:
    if not is_quantized(self):
        raise RuntimeError(
            "Copying from quantized Tensor to non-quantized Tensor is not allowed, please use dequantize to get a "
            "float Tensor from a quantized Tensor"
        )
    if is_quantized(src):
        if src.dtype is not self.dtype:
            raise RuntimeError("Quantized Copy only works with the same dtype")
        self._quantizer = src._quantizer
        self._integers().copy_(src._integers())
    else:
        if src.dtype is not dtypes.float32:
            raise RuntimeError("Quantized copy only works with float source Tensors")
        self._integers().copy_(self._quantizer.quantize(src, self.dtype))
    return self


def _fill_(self: Any, value: Any) -> Any:
    number = operators.tensor(float(value)).expand(self.shape)
    self._integers().copy_(self._quantizer.quantize(number, self.dtype))
    return self


def _put(self: Any, index: Any, value: Any) -> None:
    if is_quantized(value):
        value = value.dequantize()
    x = value if isinstance(value, Tensor) else operators.tensor(float(value))
    self._integers()[index] = self._uniform().quantize(x, self.dtype)


def _masked_fill(input: Any, mask: Tensor, value: Any) -> Any:
    filled = input._uniform().quantize(operators.tensor(float(value)), input.dtype)
    return type(input)(input._integers().masked_fill(mask, filled.item()), input._quantizer)


# Conversions


def _to(self: Any, *args: Any, **kwargs: Any) -> Any:
    asked = [a for a in (*args, *kwargs.values()) if isinstance(a, dtypes.dtype)]
    if asked and asked[0] is not self.dtype:
        raise RuntimeError("Creation of quantized tensor requires quantized dtype like torch.quint8")
    moved = self._integers().to(*[a for a in args if a not in asked],
                                **{k: v for k, v in kwargs.items() if k != "dtype"})  # fmt: skip
    return self if moved.data_ptr() == self.data_ptr() and not self.is_meta else type(self)(moved, self._quantizer)


def _to_float(self: Any, *args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("Creation of quantized tensor requires quantized dtype like torch.quint8")


def _empty_like(input: Any, **kwargs: Any) -> Any:
    return type(input)(operators.empty_like(input._integers()), input._quantizer)


def _equal(input: Any, other: Any) -> bool:
    if not (is_quantized(input) and is_quantized(other)):
        return False
    same = input.dtype is other.dtype and input._quantizer == other._quantizer
    return same and input._integers().equal(other._integers())


# Bounds, and functions with a scale of their own


def _relu(input: Any, inplace: bool = False) -> Any:
    made = input._integers().clamp(min=input._uniform().zero_point)
    return _result(input, made, inplace)


def _relu_(input: Any) -> Any:
    return _relu(input, True)


def _result(input: Any, made: Tensor, inplace: bool) -> Any:
    """Integers of the same scale: as a new tensor, or written into the argument."""
    if inplace:
        input._integers().copy_(made)
        return input
    return type(input)(made, input._quantizer)


def _clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    low, high = BOUNDS[input.dtype]
    bounds = [None if b is None else input._uniform().quantize(operators.tensor(float(b)), input.dtype).item()
              for b in (min, max)]  # fmt: skip
    made = input._integers().clamp(low if bounds[0] is None else bounds[0], high if bounds[1] is None else bounds[1])
    return type(input)(made, input._quantizer)


def _hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    return _result(input, _clamp(input, min_val, max_val)._integers(), inplace)


def _relu6(input: Any, inplace: bool = False) -> Any:
    return _hardtanh(input, 0.0, 6.0, inplace)


def _fixed(name: str, steps: int, centred: bool) -> Callable[..., Any]:
    """A function whose results lie in a known range, and are quantized for that."""

    def answer(input: Any, inplace: bool = False) -> Any:
        low = BOUNDS[input.dtype][0]
        if input.dtype is dtypes.qint32:
            quantizer = PerTensor((2.0 if centred else 1.0) / (1 << 32), 0 if centred else low)
        else:
            quantizer = PerTensor(1.0 / steps, low + 128 * centred)
        return type(input)(
            quantizer.quantize(getattr(operators, name)(input.dequantize()), input.dtype), quantizer
        )  # fmt: skip

    return answer


def _dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    if training:
        raise NotImplementedError(
            "Could not run 'aten::bernoulli_.float' with arguments from the 'QuantizedCPU' backend."
        )
    return input


def _isclose(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("isclose is not supported for quantized inputs.")


def _dequantized(input: Any) -> Any:
    return input.dequantize() if isinstance(input, Tensor) else tuple([t.dequantize() for t in input])


_OWN: dict[str, Callable[..., Any]] = {
    "allclose": _isclose, "isclose": _isclose, "cat": _joined("cat"), "concat": _joined("cat"),
    "concatenate": _joined("cat"), "stack": _joined("stack"), "pad": _pad, "copy_": _copy_, "fill_": _fill_,
    "__setitem__": _put, "masked_fill": _masked_fill, "to": _to, "cpu": _to, "empty_like": _empty_like,
    "equal": _equal, "relu": _relu, "relu_": _relu_, "clamp": _clamp, "clip": _clamp, "hardtanh": _hardtanh,
    "relu6": _relu6, "sigmoid": _fixed("sigmoid", 256, False), "tanh": _fixed("tanh", 128, True),
    "hardsigmoid": _fixed("hardsigmoid", 256, False), "dropout": _dropout, "dequantize": _dequantized,
    "float": _to_float, "double": _to_float, "half": _to_float, "int": _to_float, "long": _to_float,
    "bool": _to_float, "byte": _to_float, "char": _to_float, "short": _to_float, "bfloat16": _to_float,
}  # fmt: skip


__all__ = ["answer", "is_quantized"]
