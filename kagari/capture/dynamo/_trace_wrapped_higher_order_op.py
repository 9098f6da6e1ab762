"""The region in which index tensors stay tensors, under the name of the module that has it in PyTorch."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from ...eager.indexing import KEEPING

__all__ = ["TransformGetItemToIndex"]


class TransformGetItemToIndex:
    """Within it `x[i, j]` of tensors, and numbers beside them, makes a copy, also where they are of 0 dimensions.

    Elsewhere an integer tensor of 0 dimensions counts as the number that it holds, and what it selects is a view.

    >>> import kagari as torch
    >>> x, i = torch.arange(6).view(2, 3), torch.tensor(1)
    >>> with TransformGetItemToIndex():
    ...     row = x[i]
    >>> row, row.data_ptr() == x[i].data_ptr()
    (tensor([3, 4, 5]), False)
    """

    def __enter__(self) -> Self:
        KEEPING.regions += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:  # fmt: skip
        KEEPING.regions -= 1
