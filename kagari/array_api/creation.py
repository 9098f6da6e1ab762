"""Arrays from nothing but sizes and numbers, and from other objects, as the array API spells them."""

from __future__ import annotations

from typing import Any

from ..base.dtypes import dtype as Dtype
from ..eager import Tensor, operators


def asarray(obj: Any, /, *, dtype: Dtype | None = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """An object as an array: numbers, nested sequences of them, arrays of any library.

    >>> import kagari as torch
    >>> torch.array_api.asarray([1, 2])
    tensor([1, 2])
    """
    return operators.asarray(obj, dtype=dtype, device=device, copy=copy)


def arange(
    start: float, /, stop: float | None = None, step: float = 1, *, dtype: Dtype | None = None, device: Any = None
) -> Tensor:
    """The numbers from `start` to before `stop`, `step` apart; with one bound from 0.

    >>> import kagari as torch
    >>> torch.array_api.arange(3)
    tensor([0, 1, 2])
    """
    low, high = (0, start) if stop is None else (start, stop)
    if (high < low) if step > 0 else (high > low):
        whole = all(isinstance(x, int) for x in (low, high, step))
        return operators.empty(0, dtype=dtype or (operators.arange(0).dtype if whole else None), device=device)
    return operators.arange(low, high, step, dtype=dtype, device=device)


def empty(shape: Any, *, dtype: Dtype | None = None, device: Any = None) -> Tensor:
    """An array with whatever lies in its memory.

    >>> import kagari as torch
    >>> torch.array_api.empty((2, 3)).shape
    torch.Size([2, 3])
    """
    return operators.empty(shape, dtype=dtype, device=device)


def zeros(shape: Any, *, dtype: Dtype | None = None, device: Any = None) -> Tensor:
    """An array of zeros.

    >>> import kagari as torch
    >>> torch.array_api.zeros(2)
    tensor([0., 0.])
    """
    return operators.zeros(shape, dtype=dtype, device=device)


def ones(shape: Any, *, dtype: Dtype | None = None, device: Any = None) -> Tensor:
    """An array of ones.

    >>> import kagari as torch
    >>> torch.array_api.ones(2)
    tensor([1., 1.])
    """
    return operators.ones(shape, dtype=dtype, device=device)


def full(shape: Any, fill_value: complex, *, dtype: Dtype | None = None, device: Any = None) -> Tensor:
    """An array of one value.

    >>> import kagari as torch
    >>> torch.array_api.full(2, 7)
    tensor([7, 7])
    """
    return operators.full((shape,) if isinstance(shape, int) else shape, fill_value, dtype=dtype, device=device)


def empty_like(x: Tensor, /, *, dtype: Dtype | None = None, device: Any = None) -> Tensor:
    """`empty` with the shape and type of another array.

    >>> import kagari as torch
    >>> torch.array_api.empty_like(torch.ones(2)).shape
    torch.Size([2])
    """
    return operators.empty_like(x, dtype=dtype, device=device)


def zeros_like(x: Tensor, /, *, dtype: Dtype | None = None, device: Any = None) -> Tensor:
    """Zeros with the shape and type of another array.

    >>> import kagari as torch
    >>> torch.array_api.zeros_like(torch.ones(2))
    tensor([0., 0.])
    """
    return operators.zeros_like(x, dtype=dtype, device=device)


def ones_like(x: Tensor, /, *, dtype: Dtype | None = None, device: Any = None) -> Tensor:
    """Ones with the shape and type of another array.

    >>> import kagari as torch
    >>> torch.array_api.ones_like(torch.zeros(2))
    tensor([1., 1.])
    """
    return operators.ones_like(x, dtype=dtype, device=device)


def full_like(x: Tensor, /, fill_value: complex, *, dtype: Dtype | None = None, device: Any = None) -> Tensor:
    """One value with the shape and type of another array.

    >>> import kagari as torch
    >>> torch.array_api.full_like(torch.zeros(2), 7)
    tensor([7., 7.])
    """
    return operators.full_like(x, fill_value, dtype=dtype, device=device)


def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Dtype | None = None, device: Any = None
) -> Tensor:
    """Ones on the k-th diagonal, zeros elsewhere.

    >>> import kagari as torch
    >>> torch.array_api.eye(2, 3, k=1)
    tensor([[0., 1., 0.],
            [0., 0., 1.]])
    """
    columns = n_rows if n_cols is None else n_cols
    made = operators.zeros((n_rows, columns), dtype=dtype, device=device)
    if -n_rows < k < columns:
        made.diagonal(k).fill_(1)
    return made


def linspace(
    start: complex, stop: complex, /, num: int, *, dtype: Dtype | None = None, device: Any = None, endpoint: bool = True
) -> Tensor:
    """`num` numbers from `start` to `stop`, evenly spaced; without `endpoint` the last one is left out.

    >>> import kagari as torch
    >>> torch.array_api.linspace(0, 1, 4, endpoint=False)
    tensor([0.0000, 0.2500, 0.5000, 0.7500])
    """
    if isinstance(start, complex) or isinstance(stop, complex):
        parts = (
            linspace(complex(start).real, complex(stop).real, num, endpoint=endpoint),
            linspace(complex(start).imag, complex(stop).imag, num, endpoint=endpoint),
        )
        made = operators.complex(*parts)
        return made if dtype is None else made.to(dtype)
    if endpoint:
        return operators.linspace(start, stop, num, dtype=dtype, device=device)
    return operators.linspace(start, stop, num + 1, dtype=dtype, device=device)[:num]


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> list[Tensor]:
    """The coordinates of a grid, one array for each axis.

    >>> import kagari as torch
    >>> [x.shape for x in torch.array_api.meshgrid(torch.ones(2), torch.ones(3))]
    [torch.Size([3, 2]), torch.Size([3, 2])]
    """
    if len(arrays) < 2:
        return list(arrays)
    return list(operators.meshgrid(*arrays, indexing=indexing))


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The matrices' lower triangle, zeros above the k-th diagonal.

    >>> import kagari as torch
    >>> torch.array_api.tril(torch.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return operators.tril(x, k)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The matrices' upper triangle, zeros below the k-th diagonal.

    >>> import kagari as torch
    >>> torch.array_api.triu(torch.ones(2, 2))
    tensor([[1., 1.],
            [0., 1.]])
    """
    return operators.triu(x, k)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """An array over the memory of another library's array.

    >>> import numpy, kagari as torch
    >>> torch.array_api.from_dlpack(numpy.arange(3))
    tensor([0, 1, 2])
    """
    return operators.from_dlpack(x, device=device, copy=copy)


FUNCTIONS = (
    arange, asarray, empty, empty_like, eye, from_dlpack, full, full_like, linspace, meshgrid, ones, ones_like, tril,
    triu, zeros, zeros_like,
)  # fmt: skip
