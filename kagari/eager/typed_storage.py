"""A tensor's memory as a sequence of elements, as programs of before `untyped_storage` ask for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..base import dtypes
from ..base.dtypes import dtype as Dtype
from . import convert
from .device import Device
from .object import set_
from .storage import UntypedStorage


class TypedStorage:
    """An untyped storage seen as elements of one dtype.

    Args:
        wrap_storage (UntypedStorage): the memory.
        dtype (dtype): what its elements are.

    >>> import kagari as torch
    >>> block = torch.tensor([1, 2, 3]).untyped_storage()
    >>> elements = torch.TypedStorage(wrap_storage=block, dtype=torch.int64)
    >>> elements.tolist(), elements.size(), elements.nbytes()
    ([1, 2, 3], 3, 24)
    """

    __slots__ = ("_flat", "_untyped")
    is_cuda = False

    def __init__(self, *, wrap_storage: UntypedStorage, dtype: Dtype) -> None:
        self._untyped = wrap_storage
        self._flat = set_(convert.empty((0,), dtype), wrap_storage)

    @property
    def _block(self) -> Any:
        return self._untyped._block

    @property
    def dtype(self) -> Dtype:
        """What the elements are."""
        return self._flat.dtype

    @property
    def device(self) -> Device:
        """Where the memory is."""
        return self._untyped.device

    def untyped(self) -> UntypedStorage:
        """The memory as bytes."""
        return self._untyped

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._untyped.data_ptr()

    def nbytes(self) -> int:
        """How many bytes there are."""
        return self._untyped.nbytes()

    def element_size(self) -> int:
        """How many bytes an element has."""
        return self.dtype.itemsize

    def size(self) -> int:
        """How many elements there are."""
        return len(self)

    def __len__(self) -> int:
        return len(self._flat)

    def type(self) -> str:
        """The name of the class that PyTorch once had for this dtype, such as `torch.LongStorage`."""
        return self._flat.type().replace("Tensor", "Storage")

    def is_shared(self) -> bool:
        """Whether other processes can see the memory, too."""
        return self._untyped.is_shared()

    def tolist(self) -> list[Any]:
        """The elements."""
        return self._flat.tolist()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, index: int) -> Any:
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        if not isinstance(index, int):
            raise RuntimeError(f"can't index a {type(self)} with {type(index)}")
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} out of range for storage of size {len(self)}")
        return self._flat[index].item()

    def __setitem__(self, index: int | slice, value: Any) -> None:
        self._flat[index] = value

    def fill_(self, value: Any) -> TypedStorage:
        """Gives all elements one value."""
        self._flat.fill_(value)
        return self

    def clone(self) -> TypedStorage:
        """A copy in memory of its own."""
        return TypedStorage(wrap_storage=self._untyped.clone(), dtype=self.dtype)

    def __repr__(self) -> str:
        elements = "...\n" if self._flat.is_meta else "".join(f" {x}\n" for x in self.tolist())
        return f"{elements}[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {len(self)}]"


class _Kind(type):
    """Makes classes that storages of one dtype are instances of, and that make such."""

    dtype: Dtype

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, TypedStorage) and (cls is _Legacy or instance.dtype is cls.dtype)

    def __call__(cls, *args: Any, wrap_storage: UntypedStorage | None = None) -> TypedStorage:
        """A storage of so many elements, of these elements, or over this memory; an empty one without arguments."""
        if len(args) + (wrap_storage is not None) > 1 or (args and not isinstance(args[0], int | Sequence)):
            kinds = ", ".join(type(a).__name__ for a in args)
            raise TypeError(
                f"{cls.__name__} received an invalid combination of arguments. Expected one of:\n * no arguments\n"
                f" * (int size)\n * (Sequence data)\n * (*, UntypedStorage wrap_storage)\nArguments of type {kinds}"
            )
        if wrap_storage is not None:
            return TypedStorage(wrap_storage=wrap_storage, dtype=cls.dtype)
        given = args[0] if args else 0
        if isinstance(given, int):
            made = convert.empty((given,), cls.dtype)
        else:
            made = convert.empty((len(given),), cls.dtype)
            for k, value in enumerate(given):
                made[k] = value
        return TypedStorage(wrap_storage=made.untyped_storage(), dtype=cls.dtype)


class _Legacy(TypedStorage, metaclass=_Kind):
    """What the classes for one dtype have in common."""

    __slots__ = ()


def _kind(name: str, dtype: Dtype) -> _Kind:
    doc = f"A storage of elements of {dtype}, of a given size or with given elements: a :class:`TypedStorage`."
    return _Kind(name, (_Legacy,), {"__slots__": (), "__doc__": doc, "__module__": __name__, "dtype": dtype})


BoolStorage, ByteStorage = _kind("BoolStorage", dtypes.bool_), _kind("ByteStorage", dtypes.uint8)
CharStorage, ShortStorage = _kind("CharStorage", dtypes.int8), _kind("ShortStorage", dtypes.int16)
IntStorage, LongStorage = _kind("IntStorage", dtypes.int32), _kind("LongStorage", dtypes.int64)
HalfStorage, BFloat16Storage = _kind("HalfStorage", dtypes.float16), _kind("BFloat16Storage", dtypes.bfloat16)
FloatStorage, DoubleStorage = _kind("FloatStorage", dtypes.float32), _kind("DoubleStorage", dtypes.float64)
ComplexFloatStorage = _kind("ComplexFloatStorage", dtypes.complex64)
ComplexDoubleStorage = _kind("ComplexDoubleStorage", dtypes.complex128)

__all__ = [
    "BFloat16Storage", "BoolStorage", "ByteStorage", "CharStorage", "ComplexDoubleStorage", "ComplexFloatStorage",
    "DoubleStorage", "FloatStorage", "HalfStorage", "IntStorage", "LongStorage", "ShortStorage", "TypedStorage",
    "UntypedStorage",
]  # fmt: skip
