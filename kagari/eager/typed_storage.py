"""A tensor's memory as a sequence of elements, as programs of before `untyped_storage` ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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


__all__ = ["TypedStorage", "UntypedStorage"]
