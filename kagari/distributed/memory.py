"""Tensors as the bytes that travel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base.dtypes import uint8
from ..eager import Tensor


class Lent:
    """A tensor's elements as one vector, and as bytes: its own memory, or a copy where it is not contiguous.

    Leaving the context copies them back, if `back` says that they are changed.
    """

    def __init__(self, tensor: Tensor, back: bool = False) -> None:
        self.tensor, self.back = tensor.detach(), back
        self.flat = self.tensor.reshape(-1)
        self.own = self.tensor.is_contiguous()
        self.view = memoryview(self.flat.view(uint8).numpy()) if self.flat.numel() else empty()

    def give_back(self) -> None:
        """Copies what has been changed to where it belongs."""
        if self.back and not self.own:
            self.tensor.copy_(self.flat.view(self.tensor.shape))

    def __enter__(self) -> Lent:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: Any) -> None:
        if kind is None:
            self.give_back()


def empty() -> memoryview:
    """No bytes, where bytes may be written."""
    return memoryview(bytearray())


def checked(tensor: Any, name: str) -> None:
    """TypeError for what is no tensor."""
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor\n             "
            f"but got {type(tensor)} instead."
        )


def checked_list(tensors: Any, name: str) -> None:
    """TypeError for what is no list of tensors."""
    if not isinstance(tensors, list | tuple) or not all(isinstance(one, Tensor) for one in tensors):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor]\n"
            f"             but got {type(tensors)} with elements of type "
            f"{[type(one) for one in tensors] if isinstance(tensors, list | tuple) else None}."
        )


def same_dtype(tensors: Sequence[Tensor]) -> None:
    """ValueError where elements have different types."""
    for one in tensors[1:]:
        if one.dtype != tensors[0].dtype:
            raise ValueError(f"Invalid usage of tensors with different dtypesFound {tensors[0].dtype} and  {one.dtype}")
