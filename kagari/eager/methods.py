"""Methods and functions of tensors that are no operators of their own: conversions, filling, questions, results of
unknown size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base import dtypes
from ..base.dtypes import dtype
from ..base.errors import BroadcastError
from ..base.layout import Size, layout
from ..engine.function import Hooks
from ..ops.check import TYPE_NAMES
from . import (
    composed,
    convert,
    counted,
    creation,
    distinct,
    exchange,
    joining,
    linalg,
    object,
    parts,
    random,
    relayout,
    removed,
    short_time,
    sparsity,
    strided,
    views,
)
from .calls import call
from .formats import format_asked, lies_in, preserve_format
from .sizes import checked_value, number
from .tensor import Tensor

# Conversions


def _conversion(name: str, dt: dtype) -> Any:
    def method(self: Tensor, memory_format: Any = None) -> Tensor:
        made = self if self._layout.dtype is dt else call("to_dtype")(self, dt)
        return made if memory_format is None else convert.formatted(name, made, memory_format)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"The tensor as {dt.name}; itself where it is that already."
    return method


CONVERSIONS = tuple(
    _conversion(name, dt)
    for name, dt in {
        "float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16, "bfloat16": dtypes.bfloat16, "int":
        dtypes.int32, "long": dtypes.int64, "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8, "bool":
        dtypes.bool_, "chalf": dtypes.complex32, "cfloat": dtypes.complex64, "cdouble": dtypes.complex128,
    }.items()
)  # fmt: skip


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor in the dtype of another one."""
    return convert.to(self, other._layout.dtype)


def clone(self: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy with memory of its own; the gradient passes through.

    `memory_format` keeps the order of the dimensions in memory, or asks for another one.
    """
    form = format_asked("clone", memory_format)
    return call("clone")(self) if form is None else convert.copied_in(self, form)


def contiguous(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself where its elements lie in row-major order without gaps, else a copy for which that is so.

    `memory_format` asks for another order than the row-major one.
    """
    if memory_format is None:
        return self if self._layout.contiguous else call("contiguous")(self)
    if memory_format is preserve_format and not self._layout.contiguous:
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
    return convert.formatted("contiguous", self, memory_format)


def is_contiguous(self: Tensor, memory_format: Any = None) -> bool:
    """Whether the elements lie in row-major order without gaps, or in the order of a memory format."""
    if memory_format is None:
        return self._layout.contiguous
    form = format_asked("is_contiguous", memory_format)
    return self._layout.contiguous if form is None else lies_in(form, self._layout)


# Filling


def fill_(self: Tensor, value: Any) -> Tensor:
    """Overwrites every element with one value: a number, or a tensor without dimensions, to which the gradient goes."""
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
            )
        return call("fill_")(self, value)
    if type(value) is not float or self._layout.dtype is not dtypes.float32:
        value = checked_value(number("fill_", "value", 1, value), self._layout.dtype)
    return call("fill_")(self, value)


def zero_(self: Tensor) -> Tensor:
    """Overwrites every element with zero."""
    return call("zero_")(self)


def fill(input: Tensor, value: Any) -> Tensor:
    """One value in the shape of a tensor.

    >>> import kagari as torch
    >>> torch.fill(torch.zeros(2), 3)
    tensor([3., 3.])
    """
    return fill_(call("clone")(input), value)


# Questions


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and elements.

    >>> import kagari as torch
    >>> torch.equal(torch.ones(2), torch.ones(2))
    True
    """
    if not isinstance(other, Tensor):
        raise TypeError(f"equal(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}")
    return input.shape == other.shape and np.array_equal(convert.array_of(input), convert.array_of(other))


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close: `|input - other| <= atol + rtol * |other|`.

    >>> import kagari as torch
    >>> torch.allclose(torch.tensor([1.0]), torch.tensor([1.0 + 1e-7]))
    True
    """
    if input.dtype is not other.dtype:
        raise RuntimeError(f"{TYPE_NAMES[input.dtype]} did not match {TYPE_NAMES[other.dtype]}")
    return bool(call("all")(call("isclose")(input, other, rtol, atol, equal_nan)))


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero.

    >>> import kagari as torch
    >>> torch.is_nonzero(torch.tensor(2.0))
    True
    """
    return bool(input)


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape.

    >>> import kagari as torch
    >>> torch.is_same_size(torch.ones(2), torch.ones(3))
    False
    """
    return input.shape == other.shape


def get_device(self: Tensor) -> int:
    """The number of the device; -1 on the CPU."""
    return -1


def dim_order(self: Tensor) -> tuple[int, ...]:
    """The dimensions from the slowest to the fastest in memory."""
    strides = self._layout.strides
    return tuple(sorted(range(len(strides)), key=lambda d: -strides[d]))


# Results whose size depends on the values


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero: a row for each, or with `as_tuple` a tensor for each dimension.

    >>> import kagari as torch
    >>> torch.nonzero(torch.tensor([0, 3, 4]))
    tensor([[1],
            [2]])
    """
    array = convert.raw_array(input) if input.dtype is not dtypes.bfloat16 else convert.array_of(input)
    if as_tuple:
        found = np.atleast_1d(array).nonzero()
        return tuple([convert.copied(part, dtypes.int64) for part in found])
    rows = np.argwhere(array).T  # one for each dimension in memory, as PyTorch has it
    made = convert.copied(np.ascontiguousarray(rows), dtypes.int64)
    return convert.wrap(layout(rows.shape[::-1], (1, rows.shape[1]), dtypes.int64), made._storage)


def argwhere(input: Tensor) -> Tensor:
    """The indices of the elements that are not zero, a row for each.

    >>> import kagari as torch
    >>> torch.argwhere(torch.tensor([0, 3]))
    tensor([[1]])
    """
    return nonzero(input)


def masked_select(input: Tensor, mask: Tensor, *, out: Any = None) -> Tensor:
    """The elements where the mask, broadcast against the tensor, is true, in one dimension.

    >>> import kagari as torch
    >>> torch.masked_select(torch.tensor([1, 2, 3]), torch.tensor([True, False, True]))
    tensor([1, 3])
    """
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    values, chosen = broadcast_tensors(input, mask)
    return creation.finished(values[chosen], out)


def where(condition: Tensor, input: Any = None, other: Any = None, *, out: Any = None) -> Any:
    """Elements of `input` where the condition is true, of `other` elsewhere; with the condition alone, as
    `nonzero(as_tuple=True)`.

    >>> import kagari as torch
    >>> torch.where(torch.tensor([True, False]), torch.tensor([1, 2]), 0)
    tensor([1, 0])
    """
    if input is None:
        return nonzero(condition, as_tuple=True)
    return call("where")(condition, input, other) if out is None else call("where")(condition, input, other, out=out)


def _where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """The tensor's elements where the condition is true, those of `other` elsewhere."""
    return call("where")(condition, self, other)


_where.__name__ = "where"


# Shapes


def broadcast_shapes(*shapes: int | Sequence[int]) -> Size:
    """The shape that tensors of these shapes broadcast to.

    >>> import kagari as torch
    >>> torch.broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """

    def refuse(at: int, result: list[int], shape: tuple[int, ...], d: int) -> RuntimeError:
        return RuntimeError(
            f"Attempting to broadcast a dimension of length {shape[-d]} at -{d}! Mismatching argument at index {at} "
            f"had {shape}; but expected shape should be broadcastable to {result}"
        )

    return _broadcast([(given,) if isinstance(given, int) else tuple(given) for given in shapes], refuse)


def _broadcast(shapes: Sequence[tuple[int, ...]], refuse: Callable[..., RuntimeError]) -> Size:
    """The common shape; `refuse` makes the error for a dimension, counted from the last, where there is none."""
    result: list[int] = []
    for at, shape in enumerate(shapes):
        result[:0] = [1] * (len(shape) - len(result))
        for d in range(1, len(shape) + 1):
            if result[-d] != shape[-d] and shape[-d] != 1:
                if result[-d] != 1:
                    raise refuse(at, result, shape, d)
                result[-d] = shape[-d]
    return Size(result)


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Views of the tensors in the shape they broadcast to; a tensor that has it is given back as it is.

    >>> import kagari as torch
    >>> [t.shape for t in torch.broadcast_tensors(torch.ones(2, 1), torch.ones(3))]
    [torch.Size([2, 3]), torch.Size([2, 3])]
    """
    given = tensors[0] if len(tensors) == 1 and not isinstance(tensors[0], Hooks.tensor_types) else tensors

    def refuse(at: int, result: list[int], shape: tuple[int, ...], d: int) -> RuntimeError:
        return BroadcastError(result[-d], shape[-d], len(result) - d)

    shape = _broadcast([tuple(t.shape) for t in given], refuse)
    return tuple([t if t.shape == shape else t.expand(shape) for t in given])


def detach(input: Tensor) -> Tensor:
    """The same memory without history.

    >>> import kagari as torch
    >>> torch.detach(torch.ones(1, requires_grad=True))
    tensor([1.])
    """
    return input.detach()


FUNCTIONS = (
    allclose, argwhere, broadcast_shapes, broadcast_tensors, clone, detach, equal, fill, fill_, is_nonzero,
    is_same_size, masked_select, nonzero, where, zero_,
)  # fmt: skip
METHODS = (
    *CONVERSIONS, *parts.METHODS, *creation.METHODS, *exchange.METHODS, *random.METHODS, *relayout.METHODS,
    *views.METHODS, *joining.METHODS, *strided.METHODS, *counted.METHODS, *object.METHODS, *composed.METHODS, allclose,
    argwhere, clone, contiguous, dim_order, equal, fill_, get_device, is_contiguous, is_nonzero, is_same_size,
    masked_select, nonzero, type_as, _where, *distinct.METHODS, *linalg.METHODS, *short_time.METHODS,
    *sparsity.METHODS, *removed.METHODS,
)  # fmt: skip


def attach() -> None:
    """Makes the methods of this floor members of Tensor."""
    for method in METHODS:
        setattr(Tensor, method.__name__, method)
    for name, member in (parts.PROPERTIES | removed.PROPERTIES).items():
        setattr(Tensor, name, member)
