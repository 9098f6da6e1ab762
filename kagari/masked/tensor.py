"""MaskedTensor: data and a mask, as one tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeGuard

from ..base import dtypes
from ..base.dtypes import bool_
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.overlay import Overlay, elements, leaf, overlaid

Answer = Callable[..., Any]
_DTYPES = (
    dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64, dtypes.bool_, dtypes.int8, dtypes.int16,
    dtypes.int32, dtypes.int64,
)  # fmt: skip


class MaskedTensor(Overlay):
    """A tensor of which some elements are not there.

    Args:
        data: the elements; those that are not there may be anything.
        mask: booleans of the same shape, true where an element is there.
        requires_grad: whether gradients are wanted.

    Operators on elements want equal masks; reductions leave out what is not there, and a result of nothing is not there
    itself. The gradient of a masked tensor is one with the same mask.

    Raises TypeError and ValueError for data and a mask that do not fit.

    >>> import kagari as torch
    >>> from kagari.masked import masked_tensor
    >>> mt = masked_tensor(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([True, False, True]))
    >>> mt + 1
    MaskedTensor(
      [  2.0000,       --,   5.0000]
    )
    >>> mt.sum()
    MaskedTensor(  5.0000, True)
    """

    __slots__ = ()
    _mask: Tensor
    _answers: ClassVar[dict[str, Answer]] = {}

    def __new__(cls, data: Any, mask: Any, requires_grad: bool = False) -> MaskedTensor:
        """A leaf."""
        check(data, mask)
        made: MaskedTensor = leaf(cls, data.detach(), requires_grad, _mask=mask.detach())
        return made

    def __init__(self, data: Any, mask: Any, requires_grad: bool = False) -> None:
        # `__new__` has made the whole of it. Without this, Tensor's own constructor would see the arguments again.
        pass

    @classmethod
    def _answer(cls, name: str, func: Answer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        answer = cls._answers.get(name)
        if answer is None:
            raise TypeError(f"{name.strip('.')}() is not there for masked tensors")
        return answer(func, *args, **kwargs)

    def _with(self, data: Tensor, mask: Tensor) -> MaskedTensor:
        """A result with the mask of this tensor, which was broadcast as the data were."""
        return masked_of(data, mask)

    def get_data(self) -> Tensor:
        """The elements as a plain tensor; those that are not there may be anything."""
        return elements(self)

    def get_mask(self) -> Tensor:
        """True where an element is there."""
        return self._mask

    _masked_data, _masked_mask = property(get_data), property(get_mask)

    def to_tensor(self, value: Any) -> Tensor:
        """A plain tensor, with a value for what is not there."""
        return elements(self).masked_fill(~self._mask, value)

    def to_sparse_coo(self) -> MaskedTensor:
        """The elements that are there, with the places where they are: data and mask are sparse tensors."""
        return self.to_sparse()

    def is_sparse_coo(self) -> bool:
        """Whether data and mask are sparse tensors in coordinate form."""
        return False

    def is_sparse_csr(self) -> bool:
        """Whether data and mask are sparse tensors of compressed rows."""
        return False

    def to_dense(self, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
        """The tensor itself; in another dtype where one is given."""
        return self if dtype is None else self.to(dtype)

    def tolist(self) -> Any:
        """Raises RuntimeError: what is not there is no number. `to_tensor(value)` has one for it."""
        raise RuntimeError(".tolist() is not supported for tensor subclasses, got MaskedTensor")

    def numpy(self, *, force: bool = False) -> Any:
        """Raises RuntimeError: what is not there is no number. `to_tensor(value)` has one for it."""
        raise RuntimeError(".numpy() is not supported for tensor subclasses.")

    def item(self) -> Any:
        """The only element as a number."""
        if self.numel() != 1:
            raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        return elements(self).item()

    def __getitem__(self, index: Any) -> MaskedTensor:
        return masked_of(elements(self)[index], self._mask[index])

    def __iter__(self) -> Iterator[Any]:
        return iter([masked_of(t, m) for t, m in zip(elements(self).unbind(), self._mask.unbind())])

    def __len__(self) -> int:
        return len(self._mask)

    def __bool__(self) -> bool:
        return bool(elements(self))

    def __format__(self, spec: str) -> str:
        return object.__format__(self, spec)

    def __repr__(self) -> str:
        data, mask = elements(self.detach()), self._mask
        if not mask.ndim:
            return f"MaskedTensor({_number(data.item(), self.is_floating_point()) if mask else '--'}, {bool(mask)})"
        lines = _lines(data.tolist(), mask.tolist(), self.is_floating_point())
        return "MaskedTensor(\n" + "\n".join(f"  {line}" for line in lines) + "\n)"

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return MaskedTensor, (elements(self.detach()), self._mask, self.requires_grad)


def _number(value: Any, floating: bool) -> str:
    return f"{value:8.4f}" if floating else str(value)


def _lines(data: Any, mask: Any, floating: bool) -> list[str]:
    """Nested lists as lines of text; what is not there is as wide as the widest number beside it."""
    if not data or not isinstance(data[0], list):
        shown = [_number(n, floating) if there else "--" for n, there in zip(data, mask)]
        width = max([8, *map(len, shown)])
        items = [text if there else text.rjust(width) for text, there in zip(shown, mask)]
        return ["[" + ", ".join(items) + "]"]
    lines = ["["]
    for i, (part, there) in enumerate(zip(data, mask)):
        inner = [f"  {line}" for line in _lines(part, there, floating)]
        inner[-1] += "," * (i + 1 < len(data))
        lines += inner
    return [*lines, "]"]


def check(data: Any, mask: Any) -> None:
    """Raises TypeError and ValueError for data and a mask that do not fit."""
    for name, given in (("data", data), ("mask", mask)):
        if not isinstance(given, Tensor) or isinstance(given, MaskedTensor):
            raise TypeError(f"{name} must be a Tensor")
    if data.layout is not mask.layout:
        raise TypeError("data and mask must have the same layout.")
    if mask.dtype is not bool_:
        raise TypeError("mask must have dtype bool.")
    if data.dtype not in _DTYPES:
        raise TypeError(f"{data.dtype} is not supported in MaskedTensor.")
    if data.ndim != mask.ndim:
        raise ValueError("data.dim() must equal mask.dim()")
    if data.shape != mask.shape:
        raise ValueError("data.size() must equal mask.size()")


def masked_of(data: Tensor, mask: Tensor) -> MaskedTensor:
    """Data with their place on the tape and a mask."""
    made: MaskedTensor = overlaid(MaskedTensor, data, _mask=mask)
    return made


def mask_of(x: MaskedTensor | Tensor) -> Tensor:
    """The mask of a masked tensor; true everywhere for a plain one."""
    return x._mask if isinstance(x, MaskedTensor) else ops.ones_like(x, dtype=bool_)


def is_masked_tensor(obj: Any, /) -> TypeGuard[MaskedTensor]:
    """Whether it is a :class:`MaskedTensor`.

    >>> import kagari as torch
    >>> torch.masked.is_masked_tensor(torch.ones(1))
    False
    """
    return isinstance(obj, MaskedTensor)
