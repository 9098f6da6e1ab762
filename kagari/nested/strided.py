"""Nested tensors of the layout `torch.strided`: tensors of any sizes, one after the other in one piece of memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..base.dtypes import int64
from ..base.layout import contiguous_strides
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.overlay import elements, leaf, overlaid, through, wrapped
from ..eager.views import checked_dim
from .base import Nested

Ints = tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """Where a tensor of the batch lies among the elements of all."""

    shape: Ints
    strides: Ints
    begin: int


class StridedNestedTensor(Nested):
    """A batch of tensors of one number of dimensions, as :func:`torch.nested.nested_tensor` makes it.

    >>> import kagari as torch
    >>> torch.nested.nested_tensor([torch.ones(1), torch.zeros(2)])
    nested_tensor([
      tensor([1.]),
      tensor([0., 0.])
    ])
    """

    __slots__ = ()
    _parts: tuple[Part, ...]

    def values(self) -> Tensor:
        """The elements of all tensors, one after the other."""
        return elements(self)

    @property
    def shape(self) -> Any:
        """Raises RuntimeError: not all dimensions have a size."""
        raise RuntimeError("a nested tensor of the layout torch.strided has no shape; size(dim) is one of its sizes")

    def size(self, dim: int | None = None) -> Any:
        """The size of a dimension. Raises RuntimeError where tensors differ in it."""
        if dim is None:
            return self.shape
        at = checked_dim(dim, self.dim())
        sizes = {part.shape[at - 1] for part in self._parts} if at else {len(self._parts)}
        if len(sizes) != 1:
            raise RuntimeError(f"Given dimension {dim} is irregular and does not have a size.")
        return sizes.pop()

    def stride(self, dim: int | None = None) -> Any:
        """Raises RuntimeError: tensors of different sizes differ in their strides."""
        raise RuntimeError("a nested tensor of the layout torch.strided has no strides")

    def dim(self) -> int:
        """The number of dimensions, that of the batch among them."""
        return len(self._parts[0].shape) + 1 if self._parts else 1

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether each tensor lies in row-major order, behind the one before."""
        at = 0
        for part in self._parts:
            if part.begin != at or part.strides != contiguous_strides(part.shape):
                return False
            at += math.prod(part.shape)
        return True

    def numel(self) -> int:
        """The number of elements."""
        return sum(math.prod(part.shape) for part in self._parts)

    nelement = numel

    def unbind(self, dim: int = 0) -> tuple[Tensor, ...]:
        """The tensors of the batch, as views."""
        if at := checked_dim(dim, self.dim()):
            raise RuntimeError(f"NestedTensor can only be unbound along dimension 0 got dimension {at} instead.")
        line = elements(self)
        step, start = line.stride(0), line.storage_offset()  # the elements may be every other one in memory
        return tuple([
            line.as_strided(p.shape, tuple([n * step for n in p.strides]), start + p.begin * step) for p in self._parts
        ])  # fmt: skip

    def _of(self, tensors: Sequence[Tensor]) -> StridedNestedTensor:
        return packed(tensors)

    def to_padded_tensor(self, padding: float, output_size: Any = None) -> Tensor:
        """See :func:`torch.nested.to_padded_tensor`."""
        if not self._parts:
            raise RuntimeError("at least one constituent tensor should have non-zero numel")
        sizes = [max(column) for column in zip(*[part.shape for part in self._parts])]
        if output_size is not None:
            if len(output_size) != self.dim():
                raise RuntimeError(
                    "Length of output_size does not match NestedTensor dims. Broadcasting is not supported."
                )
            if len(self._parts) > output_size[0] or any(n > m for n, m in zip(sizes, output_size[1:])):
                raise RuntimeError(
                    "Value in output_size is less than NestedTensor padded size. Truncation is not supported."
                )
            sizes = list(output_size[1:])
        rows = []
        for t in self.unbind():
            missing = [(0, size - n) for n, size in zip(t.shape, sizes)]
            rows.append(ops.pad(t, [n for pair in reversed(missing) for n in pair], value=padding) if missing else t)
        if output_size is not None:
            empty = ops.full(tuple(sizes), padding, dtype=self.dtype, device=self.device)
            rows += [empty] * (output_size[0] - len(rows))
        return ops.stack(rows)

    def _nested_tensor_size(self) -> Tensor:
        return ops.tensor([part.shape for part in self._parts], dtype=int64)

    def _nested_tensor_strides(self) -> Tensor:
        return ops.tensor([part.strides for part in self._parts], dtype=int64)

    def _nested_tensor_storage_offsets(self) -> Tensor:
        return ops.tensor([part.begin for part in self._parts], dtype=int64)

    def tolist(self) -> Any:
        """Raises RuntimeError: rows differ in length. A list of tensors is `unbind()`."""
        raise RuntimeError("tolist() is not there for nested tensors: call it on those of unbind()")

    def numpy(self, *, force: bool = False) -> Any:
        """Raises RuntimeError: there is no such array."""
        raise RuntimeError("numpy() is not there for nested tensors: call it on those of unbind()")

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: Any) -> Any:
        items = index if type(index) is tuple else (index,)
        first = items[0] if items else ...
        if isinstance(first, int) and not isinstance(first, bool):
            if not -len(self) <= first < len(self):
                raise IndexError(f"index {first} is out of bounds for dimension 0 with size {len(self)}")
            found = self.unbind()[first]
            return found[items[1:]] if len(items) > 1 else found
        if first is not ...:
            raise NotImplementedError("slicing the batch of a nested tensor is not there")
        return packed([t[index] for t in self.unbind()])

    def __repr__(self) -> str:
        needs = self.requires_grad
        inner = [repr(t.detach().requires_grad_(needs)) for t in self.unbind()]
        lines = ["\n".join(f"  {line}" for line in text.split("\n")) for text in inner]
        node = self.grad_fn
        how = f", grad_fn=<{node.name().rpartition('::')[2]}>" if node is not None else ", requires_grad=True" * needs
        return "nested_tensor([\n" + ",\n".join(lines) + f"\n]{how})"

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return rebuild, (elements(self.detach()), self._parts, self.requires_grad)

    @classmethod
    def _pointwise(
        cls, leader: Any, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        _check_nested(args)
        others = [a for a in (*args, *kwargs.values()) if isinstance(a, StridedNestedTensor)]
        if all(other._parts == leader._parts for other in others):
            rest = tuple([elements(a) for a in args[1:]])
            named = {k: elements(v) for k, v in kwargs.items()}
            if isinstance(args[0], StridedNestedTensor):
                return through(args[0], func, rest, named, leader._like)
            return wrapped(func(args[0], *rest, **named), leader._like)
        if any([p.shape for p in other._parts] != [p.shape for p in leader._parts] for other in others):
            raise RuntimeError(f"{name} does not support broadcasting when given a NestedTensor")
        return each(func, *args, **kwargs)


def _check_nested(args: tuple[Any, ...]) -> None:
    """Raises RuntimeError for a nested tensor beside a plain one of more than one element."""
    kinds = [isinstance(a, Nested) for a in args[:2] if isinstance(a, Tensor) and (isinstance(a, Nested) or a.ndim)]
    if False in kinds:
        words = [f"{'' if kind else 'non-'}nested" for kind in kinds]
        raise RuntimeError(f"Expected both self and other to be nested, but got a {words[0]} self and {words[1]} other")


def strided_of(line: Tensor, shapes: Sequence[Ints]) -> StridedNestedTensor:
    """The elements of tensors of these shapes, one after the other, as a nested tensor."""
    made: StridedNestedTensor = overlaid(StridedNestedTensor, line, _parts=laid_out(shapes))
    return made


def laid_out(shapes: Sequence[Ints]) -> tuple[Part, ...]:
    """Tensors of these shapes, one after the other in row-major order."""
    parts, at = [], 0
    for shape in shapes:
        parts.append(Part(tuple(shape), contiguous_strides(tuple(shape)), at))
        at += math.prod(shape)
    return tuple(parts)


def packed(tensors: Sequence[Tensor]) -> StridedNestedTensor:
    """Tensors as a nested one; gradients pass back to them."""
    line = ops.cat([t.reshape(-1) for t in tensors]) if tensors else ops.empty(0)
    return strided_of(line, [tuple(t.shape) for t in tensors])


def each(func: Callable[..., Any], *args: Any, **kwargs: Any) -> StridedNestedTensor:
    """A function of each tensor of the batch."""
    count = next(len(a) for a in (*args, *kwargs.values()) if isinstance(a, StridedNestedTensor))

    def parts(a: Any) -> Sequence[Any]:
        return a.unbind() if isinstance(a, StridedNestedTensor) else [a] * count

    columns = [parts(a) for a in args]
    named = {k: parts(v) for k, v in kwargs.items()}
    return packed([func(*[c[i] for c in columns], **{k: c[i] for k, c in named.items()}) for i in range(count)])


def rebuild(line: Tensor, parts: tuple[Part, ...], requires_grad: bool) -> StridedNestedTensor:
    """What was pickled."""
    made: StridedNestedTensor = leaf(StridedNestedTensor, line, requires_grad, _parts=parts)
    return made
