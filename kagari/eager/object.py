"""What a tensor is as an object: whose memory it sees, of which class and device it is; and Python functions on its
elements.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.modes import is_grad_enabled
from ..autograd.views import check_writable
from ..base.dtypes import float32
from ..base.later import Later
from ..base.layout import layout
from ..engine.function import Hooks
from . import answering, convert, relayout, shared
from .blocks import is_immaterial
from .calls import call
from .legacy import tensortype
from .storage import UntypedStorage, block_of

if TYPE_CHECKING:
    from .tensor import Tensor
    from .typed_storage import TypedStorage

typed_storage = Later(f"{__package__}.typed_storage")
_DEPRECATED = (
    "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage class. "
    "This should only matter to you if you are using storages directly.  To access UntypedStorage directly, use "
    "tensor.untyped_storage() instead of tensor.storage()"
)


# Memory


def set_(
    self: Tensor, source: Any = None, storage_offset: int = 0, size: Sequence[int] | None = None,
    stride: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    """Makes the tensor see the memory of another one, or a storage: all of it, or by offset, sizes and strides. Without
    a source it is empty. Raises RuntimeError for what lies outside of a storage, which does not grow, and for a leaf
    that wants a gradient.

    >>> import kagari as torch
    >>> x = torch.arange(4)
    >>> y = torch.empty(0, dtype=torch.int64).set_(x)
    >>> y.is_set_to(x)
    True
    """
    if self._needs and is_grad_enabled():
        check_writable(self)
    dt = self._layout.dtype
    if source is None:
        source = convert.empty((0,), dt)
    if isinstance(source, Hooks.tensor_types):
        if source.dtype is not dt:
            raise RuntimeError(
                f"Could not set tensor of type {source.dtype.type_name.lower()} to a tensor of type "
                f"{dt.type_name.lower()}"
            )
        if size is None:
            self._layout, self._storage, self._offset = source._layout, source._storage, source._offset
            return self
        source = source.untyped_storage()
    block = block_of(source)
    shape = (block.nbytes // dt.itemsize - storage_offset,) if size is None else tuple(size)
    lay = layout(shape, None if stride is None else tuple(stride), dt, is_immaterial(block))
    reach = 1 + sum((n - 1) * s for n, s in zip(lay.shape, lay.strides)) if lay.numel else 0
    needed = (storage_offset + reach) * dt.itemsize
    if needed > block.nbytes:
        raise RuntimeError(
            f"setStorage: sizes {list(lay.shape)}, strides {list(lay.strides)}, storage offset {storage_offset}, "
            f"and itemsize {dt.itemsize} requiring a storage size of {needed} are out of bounds for storage of "
            f"size {block.nbytes}"
        )
    self._layout, self._storage, self._offset = lay, block, storage_offset * dt.itemsize
    return self


def share_memory_(self: Tensor) -> Tensor:
    """Moves the tensor's memory, with all views of it, to where other processes see it, if it is not there.

    >>> import kagari as torch
    >>> x = torch.ones(2)
    >>> x.share_memory_().is_shared(), x[1:].is_shared()
    (True, True)
    """
    if self.is_meta:
        raise RuntimeError("share_memory_: only available on CPU, got a tensor on the device 'meta'")
    shared.share(self._storage)
    return self


def is_shared(self: Tensor) -> bool:
    """Whether other processes can see the memory, too."""
    return shared.is_shared(self._storage)


def is_pinned(self: Tensor, device: Any = None) -> bool:
    """Whether the memory is pinned for copies to a device."""
    return False


def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """Raises RuntimeError: there is no device to pin memory for."""
    raise RuntimeError("Cannot access accelerator device when none is available.")


def cuda(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Raises AssertionError: there is no GPU that tensors can lie on."""
    raise AssertionError("Kagari has no CUDA: the devices it has are 'cpu'")


def const_data_ptr(self: Tensor) -> int:
    """The address of the first element, for reading."""
    return self.data_ptr()


def is_storage(obj: Any) -> bool:
    """Whether an object is the memory of a tensor.

    >>> import kagari as torch
    >>> x = torch.ones(1)
    >>> torch.is_storage(x.untyped_storage()), torch.is_storage(x)
    (True, False)
    """
    return isinstance(obj, UntypedStorage | typed_storage.TypedStorage)


def storage(self: Tensor) -> TypedStorage:
    """The block of memory that the tensor and its views share, as elements of its dtype. Warns that `untyped_storage`
    is what remains.

    >>> import warnings
    >>> import kagari as torch
    >>> with warnings.catch_warnings(action="ignore"):
    ...     torch.arange(3)[1:].storage().tolist()
    [0, 1, 2]
    """
    warnings.warn(_DEPRECATED, stacklevel=2)
    return typed_storage.TypedStorage(wrap_storage=self.untyped_storage(), dtype=self.dtype)


# Class


def as_subclass(self: Tensor, cls: type) -> Any:
    """The same memory, with its history, as a tensor of a subclass."""
    if self._needs and self._grad_fn is None:
        self = call("alias")(self)  # gradients go to the leaf, which is the other tensor
    made: Any = object.__new__(cls)
    answering.appear(cls)
    made._layout, made._storage, made._offset = self._layout, self._storage, self._offset
    made._grad = made._extra = None
    made._needs, made._grad_fn, made._base = self._needs, self._grad_fn, self._base
    return made


def new(self: Tensor, *args: Any, device: Any = None) -> Tensor:
    """A tensor of this dtype, from sizes with whatever lies in its memory, or from data; as `torch.FloatTensor` and its
    like make them.
    """
    return tensortype(self.dtype)(*args, device=device)


def is_distributed(self: Tensor) -> bool:
    """Whether the tensor lies on several machines."""
    return False


def to_dense(self: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The tensor itself, which is dense; in another dtype where one is given."""
    return convert.to(self, dtype) if dtype is not None else self


# Of quantized tensors, which `quantized` has


def dequantize(self: Tensor) -> Tensor:
    """The numbers of a quantized tensor, as float32; this one is none, and has them already."""
    return convert.to(self, float32)


def _of_quantized(name: str) -> Callable[[Tensor], Any]:
    def method(self: Tensor) -> Any:
        raise NotImplementedError(f"Could not run 'aten::{name}' with arguments from the 'CPU' backend.")

    method.__name__ = method.__qualname__ = name
    method.__doc__ = "Raises NotImplementedError: a quantized tensor is what has that."
    return method


_OF_QUANTIZED = tuple(map(_of_quantized, (
    "int_repr", "q_per_channel_axis", "q_per_channel_scales", "q_per_channel_zero_points", "q_scale", "q_zero_point",
    "qscheme",
)))  # fmt: skip


# Functions of Python on elements


def _applied(name: str, target: Any, tensors: tuple[Any, ...], function: Callable[..., Any]) -> Any:
    if target.requires_grad:
        raise RuntimeError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead.")
    arrays = [np.broadcast_to(convert.array_of(t), tuple(target.shape)) for t in (target, *tensors)]
    found = [function(*values) for values in zip(*[a.ravel().tolist() for a in arrays])]
    made = convert.copied(np.array(found).reshape(tuple(target.shape)), target.dtype)
    return call("copy_")(target, made)


def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replaces each element by what a Python function makes of it. Slow: for tests and small tensors.

    >>> import kagari as torch
    >>> torch.arange(3).apply_(lambda x: x * x)
    tensor([0, 1, 4])
    """
    return _applied("apply_", self, (), callable)


def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replaces each element by what a Python function makes of it and of that of another tensor.

    >>> import kagari as torch
    >>> torch.arange(3).map_(torch.ones(3), lambda x, y: x + y)
    tensor([1, 2, 3])
    """
    return _applied("map_", self, (tensor,), callable)


def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """Replaces each element by what a Python function makes of it and of those of two other tensors.

    >>> import kagari as torch
    >>> torch.arange(2).map2_(torch.ones(2), torch.ones(2), lambda a, b, c: a + b + c)
    tensor([2, 3])
    """
    return _applied("map2_", self, (x, y), callable)


AS_STRIDED_ = next(f for f in relayout.CHANGING if f.__name__ == "as_strided_")


def module_load(self: Tensor, other: Tensor, assign: bool = False) -> Tensor:
    """What becomes of this tensor of a module where `load_state_dict` loads another one in its place, if
    `torch.__future__` has parameters exchanged: it takes over the numbers, or with ``assign`` is the other.
    """
    return other.detach() if assign else self.copy_(other).detach()


FUNCTIONS = (AS_STRIDED_, is_storage, relayout.resize_as_)
METHODS = (
    module_load,
    *_OF_QUANTIZED, apply_, as_subclass, const_data_ptr, cuda, dequantize, is_distributed, is_pinned, is_shared, map2_,
    map_, new, pin_memory, set_, share_memory_, storage, to_dense,
)  # fmt: skip
