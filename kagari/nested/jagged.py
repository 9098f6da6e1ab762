"""Nested tensors of the layout `torch.jagged`: along one dimension all sequences lie in one tensor."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..base.layout import Size
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.formats import jagged
from ..eager.overlay import elements, leaf, overlaid, through, wrapped
from ..eager.views import checked_dim
from .base import Nested
from .sequences import Sequences, of_lengths
from .symbols import NestedInt


class NestedTensor(Nested):
    """A batch of tensors that differ in the size of one dimension, as :func:`torch.nested.nested_tensor` makes it.

    Its elements are the values of all sequences, one after the other along the ragged dimension: (B, j, D) are (T, D)
    with T the sum of all lengths.

    >>> import kagari as torch
    >>> nt = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)], layout=torch.jagged)
    >>> nt.size(0), nt.size(2), nt.values().shape, nt.offsets()
    (2, 3, torch.Size([6, 3]), tensor([0, 2, 6]))
    """

    __slots__ = ()
    _sequences: Sequences
    _ragged_idx: int

    def values(self) -> Tensor:
        """The elements of all sequences as a tensor."""
        return elements(self)

    def offsets(self) -> Tensor:
        """Where sequences begin, and the end of the last one."""
        return self._sequences.offsets

    def lengths(self) -> Tensor | None:
        """How long sequences are, where there are gaps between them; else None."""
        return self._sequences.lengths

    _values, _offsets, _lengths = property(values), property(offsets), property(lengths)

    @property
    def _max_seqlen(self) -> int:
        return self._sequences.longest

    @property
    def _min_seqlen(self) -> int:
        return self._sequences.shortest

    @property
    def layout(self) -> Any:
        """`torch.jagged`."""
        return jagged

    @property
    def shape(self) -> Any:
        """The size of each dimension, a symbol that of the ragged one."""
        sizes: list[Any] = list(self._layout.shape)
        sizes[self._ragged_idx - 1] = self._sequences.symbol
        return Size((len(self._sequences), *sizes))

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one of its sizes."""
        shape = self.shape
        return shape if dim is None else shape[checked_dim(dim, len(shape))]

    def stride(self, dim: int | None = None) -> Any:
        """Steps between neighbours of a dimension, in elements; a symbol that of the batch."""
        steps = self._layout.strides
        found = (self._sequences.symbol * steps[self._ragged_idx - 1], *steps)
        return found if dim is None else found[checked_dim(dim, len(found))]

    def dim(self) -> int:
        """The number of dimensions, that of the batch among them."""
        return self._layout.ndim + 1

    def numel(self) -> int:
        """The number of elements, with those in gaps."""
        return self._layout.numel

    nelement = numel

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie in row-major order without gaps."""
        return self._sequences.lengths is None and self._layout.contiguous

    def unbind(self, dim: int = 0) -> tuple[Tensor, ...]:
        """The sequences as tensors, views of the values."""
        if checked_dim(dim, self.dim()):
            raise RuntimeError("unbind(): only supported for NestedTensor on dim=0")
        values, along = elements(self), self._ragged_idx - 1
        return tuple([values.narrow(along, begin, n) for begin, n in self._sequences.bounds])

    def _of(self, tensors: Sequence[Tensor]) -> NestedTensor:
        along, sequences = self._ragged_idx - 1, self._sequences
        lengths = [t.shape[along] for t in tensors]
        same = sequences.lengths is None and sequences.fill(sum(lengths)) and lengths == sequences.sizes
        return jagged_of(ops.cat(tensors, along), sequences if same else of_lengths(lengths), self._ragged_idx)

    def to_padded_tensor(self, padding: float, output_size: Any = None) -> Tensor:
        """See :func:`torch.nested.to_padded_tensor`."""
        sequences, along = self._sequences, self._ragged_idx - 1
        if sequences.lengths is not None:
            raise RuntimeError("to_padded_tensor(): not supported for nested tensors with holes")
        length = sequences.longest if output_size is None else int(output_size[self._ragged_idx])
        rows = elements(self).movedim(along, 0)
        filled = ops.full((1, *rows.shape[1:]), padding, dtype=rows.dtype, device=rows.device)
        places = sequences.places(length, rows.shape[0]).to(rows.device)
        padded = ops.cat([rows, filled])[places.reshape(-1)].unflatten(0, (len(sequences), length))
        return padded.movedim(1, self._ragged_idx)

    def tolist(self) -> Any:
        """Raises RuntimeError: rows differ in length. A list of tensors is `unbind()`."""
        raise RuntimeError(".tolist() is not supported for tensor subclasses, got NestedTensor")

    def numpy(self, *, force: bool = False) -> Any:
        """Raises RuntimeError: there is no such array. The values have one."""
        raise RuntimeError(".numpy() is not supported for tensor subclasses.")

    def __len__(self) -> int:
        return len(self._sequences)

    def __getitem__(self, index: Any) -> Any:
        return _indexed(self, index)

    def __repr__(self) -> str:
        how = f", grad_fn={self.grad_fn}" if self.grad_fn is not None else ", requires_grad=True" * self.requires_grad
        return (
            f"NestedTensor(size={tuple(self.shape)}, offsets={self.offsets()}{how}, contiguous={self.is_contiguous()})"
        )

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        sequences = self._sequences
        kept = elements(self.detach())
        return rebuild, (kept, sequences.offsets, sequences.lengths, self._ragged_idx, self.requires_grad)

    @classmethod
    def _pointwise(
        cls, leader: Any, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        given = [beside(leader, a, name) for a in args]
        named = {k: beside(leader, v, name) for k, v in kwargs.items()}
        if isinstance(args[0], NestedTensor):
            return through(args[0], func, tuple(given[1:]), named, leader._like)
        return wrapped(func(*given, **named), leader._like)


def jagged_of(values: Tensor, sequences: Sequences, ragged: int) -> NestedTensor:
    """The values of sequences, with their place on the tape, as a nested tensor."""
    made: NestedTensor = overlaid(NestedTensor, values, _sequences=sequences, _ragged_idx=ragged)
    return made


def rebuild(values: Tensor, offsets: Tensor, lengths: Tensor | None, ragged: int, requires_grad: bool) -> NestedTensor:
    """What was pickled."""
    sequences = Sequences(offsets, lengths)
    made: NestedTensor = leaf(NestedTensor, values, requires_grad, _sequences=sequences, _ragged_idx=ragged)
    return made


# What stands beside a nested tensor in an operator on elements


def beside(x: NestedTensor, other: Any, name: str) -> Any:
    """Another argument in the form of the values of `x`: numbers as they are, tensors so that they broadcast.

    Raises RuntimeError for other sequences, and for a tensor of other sizes.
    """
    if isinstance(other, NestedTensor):
        if not _same_sequences(x, other):
            raise RuntimeError(
                f"cannot call binary pointwise function {name} with inputs of shapes {tuple(x.shape)} and "
                f"{tuple(other.shape)}"
            )
        return elements(other)
    if not isinstance(other, Tensor) or other.ndim == 0:
        return other
    if other.ndim > x.dim():
        raise NotImplementedError(
            f"{name}(): a nested tensor of {x.dim()} dimensions is not broadcast to the {other.ndim} of a tensor"
        )
    ragged = x._ragged_idx
    whole = other[(None,) * (x.dim() - other.ndim)]
    if whole.shape[0] == whole.shape[ragged] == 1:
        return whole.squeeze(0)
    batch, length, total = len(x._sequences), x._sequences.longest, x._layout.shape[ragged - 1]
    for dim, target in ((0, batch), (ragged, length)):
        if whole.shape[dim] not in (1, target):
            raise RuntimeError(
                f"The expanded size of the tensor ({target}) must match the existing size ({whole.shape[dim]}) at "
                f"non-singleton dimension {dim}.  Target sizes: {_padded_sizes(x)}.  Tensor sizes: {list(whole.shape)}"
            )
    if whole.shape[ragged] == 1:
        return whole.movedim(ragged, 1).squeeze(1)[ops.from_numpy(x._sequences.owners(total))].movedim(0, ragged - 1)
    rows = whole.expand(batch, *whole.shape[1:]).movedim(ragged, 1).flatten(0, 1)
    return rows[ops.from_numpy(x._sequences.places_in_padded(total, length))].movedim(0, ragged - 1)


def _same_sequences(x: NestedTensor, other: NestedTensor) -> bool:
    """Whether elements at one place belong together, be it that regular dimensions are broadcast."""
    if x.dim() != other.dim() or x._ragged_idx != other._ragged_idx:
        return False
    return bool(x._sequences.symbol == other._sequences.symbol)


def _padded_sizes(x: NestedTensor) -> list[int]:
    sizes = [len(x._sequences), *x._layout.shape]
    sizes[x._ragged_idx] = x._sequences.longest
    return sizes


# Indices


def _indexed(x: NestedTensor, index: Any) -> Any:
    """`x[i, ...]` is an index of one sequence; `x[..., i]` one of the last dimensions of all."""
    items = index if type(index) is tuple else (index,)
    if not items:
        return x
    first = items[0]
    if isinstance(first, int) and not isinstance(first, bool):
        if not -len(x) <= first < len(x):
            raise IndexError(f"index {first} is out of bounds for dimension 0 with size {len(x)}")
        begin, n = x._sequences.bounds[first]
        found = elements(x).narrow(x._ragged_idx - 1, begin, n)
        return found[items[1:]] if len(items) > 1 else found
    if isinstance(first, slice):
        raise RuntimeError("slice(): not supported for NestedTensor on dim=0")
    if first is not ... or any(not isinstance(i, int | slice | type(None)) or isinstance(i, bool) for i in items[1:]):
        raise NotImplementedError("a nested tensor is indexed by integers, slices and None behind `...`")
    reached = x.dim() - sum(i is not None for i in items[1:])
    if reached <= x._ragged_idx:
        raise RuntimeError("slice(): not supported for NestedTensor on ragged dim")
    return jagged_of(elements(x)[index], x._sequences, x._ragged_idx)


def regular_dim(x: NestedTensor, dim: int, name: str) -> int:
    """A dimension of a nested tensor as one of its values. Raises RuntimeError for that of the batch, and the ragged
    one.
    """
    dim = checked_dim(dim, x.dim())
    if dim == 0:
        raise RuntimeError(f"{name}(): not supported for NestedTensor on dim=0")
    if dim == x._ragged_idx:
        raise RuntimeError(f"{name}(): not supported for NestedTensor on ragged dim")
    return dim - 1


def sizes_of(shape: Any) -> tuple[list[Any], int]:
    """The sizes of values that a shape asks for, with -1 for the ragged one, and which dimension of the nested tensor
    that is: the one with a symbol, or -1 where there is none; 0 where there is neither.
    """
    inner = list(shape[1:])
    at = next((i for i, n in enumerate(inner) if isinstance(n, NestedInt)), None)
    if at is None:
        at = next((i for i, n in enumerate(inner) if n == -1), None)
    return inner, 0 if at is None else at + 1


def reshaped(x: NestedTensor, func: Callable[..., Any], shape: Any) -> NestedTensor:
    """A view with another shape of regular dimensions. Raises RuntimeError where sequences would be cut or joined."""
    inner, ragged = sizes_of(shape)
    before, after = x._layout.shape[: x._ragged_idx - 1], x._layout.shape[x._ragged_idx :]
    new_before, new_after = inner[: max(ragged - 1, 0)], inner[ragged:]
    whole = shape[0] in (-1, len(x)) and ragged and -1 not in new_before and math.prod(new_before) == math.prod(before)
    if not whole or (ragged > 1 and (x._ragged_idx == 1 or new_after != list(after))):
        raise RuntimeError(f"view(): cannot view shape {tuple(x.shape)} as {list(shape)}")
    inner[ragged - 1] = x._layout.shape[x._ragged_idx - 1]
    return jagged_of(func(elements(x), tuple(inner)), x._sequences, ragged)
