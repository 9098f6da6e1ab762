"""The types of old: `torch.FloatTensor` and its like, which make tensors of one dtype and tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base import dtypes
from ..base.dtypes import dtype as base_dtype
from . import convert, types
from .formats import strided
from .sizes import blank


class tensortype(type):
    """The type of `torch.FloatTensor` and its like, which are types, for annotations as well.

    Calling one makes a tensor of its dtype: of given sizes with whatever lies in its memory, or with a copy of data.

    >>> import kagari as torch
    >>> torch.LongTensor([1, 2])
    tensor([1, 2])
    >>> isinstance(torch.zeros(2), torch.FloatTensor), isinstance(torch.zeros(2), torch.LongTensor)
    (True, False)
    """

    is_cuda = is_sparse = False
    layout = strided
    dtype: Any

    def __new__(cls, dt: base_dtype) -> tensortype:
        """The type of the tensors of a dtype."""
        doc = f"Makes tensors of {dt.name}, from sizes or from data; `isinstance` tells whether one is."
        members = {"__doc__": doc, "__module__": __name__.partition(".")[0], "dtype": dt}
        return super().__new__(cls, f"{dt.type_name}Tensor", (), members)

    def __init__(self, dt: base_dtype) -> None:
        super().__init__(self.__name__, (), {})

    def __instancecheck__(self, instance: Any) -> bool:
        return convert.is_tensor(instance) and instance.dtype is self.dtype

    def __call__(self, *args: Any, size: Any = None, device: Any = None) -> Any:
        """A tensor from sizes, or from a sequence, an array or a tensor of this dtype."""
        if size is not None:
            args = (tuple(size),)
        elif len(args) == 1 and not isinstance(args[0], int):
            return self._from_data(args[0])
        elif len(args) == 1 and isinstance(args[0], bool):
            raise TypeError("new(): data must be a sequence (got bool)")
        return blank("new", args or (0,), self.dtype, device)

    def _from_data(self, data: Any) -> Any:
        if convert.is_tensor(data):
            if data.dtype is not self.dtype:
                raise TypeError(f"expected a tensor of {self.dtype.name} (got one of {data.dtype.name})")
            return data.detach()
        if type(data).__name__ == "Size":
            return blank("new", tuple(data), self.dtype)
        if isinstance(data, str):
            raise TypeError("new(): invalid data type 'str'")
        if not isinstance(data, Sequence) and not hasattr(data, "__array__"):
            raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")
        return convert.from_data(data, self.dtype)

    def __repr__(self) -> str:
        return f"<class 'torch.{self.__name__}'>"


BoolTensor = tensortype(dtypes.bool_)
ByteTensor = tensortype(dtypes.uint8)
CharTensor = tensortype(dtypes.int8)
ShortTensor = tensortype(dtypes.int16)
IntTensor = tensortype(dtypes.int32)
LongTensor = tensortype(dtypes.int64)
HalfTensor = tensortype(dtypes.float16)
BFloat16Tensor = tensortype(dtypes.bfloat16)
FloatTensor = tensortype(dtypes.float32)
DoubleTensor = tensortype(dtypes.float64)

TYPES = (
    BFloat16Tensor, BoolTensor, ByteTensor, CharTensor, DoubleTensor, FloatTensor, HalfTensor, IntTensor, LongTensor,
    ShortTensor,
)  # fmt: skip


def set_default_tensor_type(t: Any) -> None:
    """Sets the default dtype by a type's name or the type: `torch.DoubleTensor`. Raises TypeError for other than
    floating-point ones.

    >>> import kagari as torch
    >>> torch.set_default_tensor_type(torch.FloatTensor)
    """
    found = next((kind for kind in TYPES if t is kind or t == f"torch.{kind.__name__}"), None)
    if found is None:
        raise TypeError(f"invalid type object: {t!r} is not a type of tensors")
    if found.dtype.category != 2:
        raise TypeError("only floating-point types are supported as the default type")
    types.set_default_dtype(found.dtype)


FUNCTIONS = (*TYPES, set_default_tensor_type)
