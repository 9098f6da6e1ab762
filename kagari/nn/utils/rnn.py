"""Sequences of different lengths in one batch: padded to the longest, or packed without padding, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from ...base import dtypes
from ...eager import Tensor
from ...eager import operators as ops


class PackedSequence_(NamedTuple):
    """The fields of a :class:`PackedSequence`."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(PackedSequence_):
    r"""A batch of sequences without padding: the first step of each, then the second of those that have one, and so on.

    Made by :func:`pack_padded_sequence` and :func:`pack_sequence`; recurrent layers take it and give it back.

    Attributes:
        data (Tensor): :math:`(\sum L, *)`, the steps.
        batch_sizes (Tensor): how many sequences reach each step, int64.
        sorted_indices (Tensor, optional): which sequence of the batch stands where, longest first.
        unsorted_indices (Tensor, optional): where each sequence of the batch stands: the inverse permutation.

    Example::

        >>> import kagari as torch
        >>> packed = torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2, 3]), torch.tensor([4, 5])])
        >>> packed.data.tolist(), packed.batch_sizes.tolist()
        ([1, 4, 2, 5, 3], [2, 2, 1])
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:  # the two as one pair
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The sequences on another device or in another dtype; itself where nothing changes."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        return type(self)(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def cpu(self, *args: Any, **kwargs: Any) -> Self:
        """The sequences on the CPU."""
        return self.to(*args, device="cpu", **kwargs)

    def cuda(self, *args: Any, **kwargs: Any) -> Self:
        """The sequences on a GPU."""
        return self.to(*args, device=kwargs.pop("device", "cuda"), **kwargs)

    def double(self) -> Self:
        """The data as float64."""
        return self.to(dtype=dtypes.float64)

    def float(self) -> Self:
        """The data as float32."""
        return self.to(dtype=dtypes.float32)

    def half(self) -> Self:
        """The data as float16."""
        return self.to(dtype=dtypes.float16)

    def long(self) -> Self:
        """The data as int64."""
        return self.to(dtype=dtypes.int64)

    def int(self) -> Self:
        """The data as int32."""
        return self.to(dtype=dtypes.int32)

    def short(self) -> Self:
        """The data as int16."""
        return self.to(dtype=dtypes.int16)

    def char(self) -> Self:
        """The data as int8."""
        return self.to(dtype=dtypes.int8)

    def byte(self) -> Self:
        """The data as uint8."""
        return self.to(dtype=dtypes.uint8)

    @property
    def is_cuda(self) -> bool:
        """Whether the data lies on a GPU."""
        return self.data.is_cuda


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    r"""The permutation that undoes another one; ``None`` for ``None``.

    Example::

        >>> import kagari as torch
        >>> torch.nn.utils.rnn.invert_permutation(torch.tensor([2, 0, 1])).tolist()
        [1, 2, 0]
    """
    if permutation is None:
        return None
    places = ops.arange(permutation.numel(), device=permutation.device)
    return ops.empty_like(permutation).scatter_(0, permutation, places.to(permutation.dtype))


def _checked_lengths(lengths: Tensor | Sequence[int]) -> list[int]:
    if not isinstance(lengths, Tensor):
        return [int(length) for length in lengths]
    if lengths.ndim != 1:
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.ndim}D {lengths.device} Long tensor"
        )
    return lengths.long().tolist()


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | list[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    r"""Packs a padded batch; gradients flow to the steps that are kept.

    Args:
        input (Tensor): :math:`(T, B, *)`, or :math:`(B, T, *)` with ``batch_first``.
        lengths (Tensor or list of int): the length of each sequence, at most :math:`T`.
        batch_first (bool): whether the batch is the first dimension. Default: ``False``
        enforce_sorted (bool): whether sequences that don't come longest first are an error; otherwise they are
            sorted. Default: ``True``

    Raises RuntimeError for lengths that are not positive, too many, too few, too large or not sorted.

    Example::

        >>> import kagari as torch
        >>> from kagari.nn.utils.rnn import pack_padded_sequence
        >>> padded = torch.tensor([[1, 2, 0], [3, 4, 5]])
        >>> packed = pack_padded_sequence(padded, [2, 3], batch_first=True, enforce_sorted=False)
        >>> packed.data.tolist(), packed.batch_sizes.tolist(), packed.sorted_indices.tolist()
        ([3, 1, 4, 2, 5], [2, 2, 1], [1, 0])
    """
    if not isinstance(input, Tensor):
        raise TypeError(
            f"_pack_padded_sequence(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
        )
    long = _checked_lengths(lengths)
    order = None
    if not enforce_sorted:
        order = _longest_first(long)
        input = input.index_select(0 if batch_first else 1, order)
        long = sorted(long, reverse=True)
    if batch_first:
        input = input.transpose(0, 1)
    if not input.numel():
        raise RuntimeError("Cannot pack empty tensors.")
    steps, batch = input.shape[0], input.size(1)
    _check_lengths(long, batch)
    if long[0] > steps:
        raise RuntimeError(
            f"pack_padded_sequence: the longest sequence has {long[0]} steps, but input of shape "
            f"{list(input.shape)} (steps first) has {steps}"
        )
    present = _present(long)
    rows = input.reshape(steps * batch, *input.shape[2:])
    return _packed(rows, np.flatnonzero(present), present, order)


def _longest_first(lengths: list[int]) -> Tensor:
    return ops.tensor(sorted(range(len(lengths)), key=lambda place: -lengths[place]), dtype=dtypes.int64)


def _present(lengths: list[int]) -> np.ndarray:
    """Whether a sequence reaches a step: (T, B)."""
    return np.arange(max(lengths))[:, None] < np.array(lengths)


def _packed(rows: Tensor, places: np.ndarray, present: np.ndarray, order: Tensor | None) -> PackedSequence:
    """The rows at the places of the steps, one step of all sequences after the other."""
    data = rows.index_select(0, ops.from_numpy(places))
    return PackedSequence(data, ops.from_numpy(present.sum(1)), order, None)


def _check_lengths(lengths: list[int], batch: int) -> None:
    if len(lengths) != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(lengths)} (batch_size={batch})"
        )
    if min(lengths) <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if lengths != sorted(lengths, reverse=True):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you "
            "do not need ONNX exportability."
        )


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    r"""The inverse of :func:`pack_padded_sequence`: a padded batch and the lengths, in the order before sorting.

    Args:
        sequence (PackedSequence): what was packed.
        batch_first (bool): whether to give :math:`(B, T, *)` instead of :math:`(T, B, *)`. Default: ``False``
        padding_value (float): what stands behind the end of a sequence. Default: 0.0
        total_length (int, optional): :math:`T`, by default the length of the longest sequence.

    Example::

        >>> import kagari as torch
        >>> from kagari.nn.utils.rnn import pack_sequence, pad_packed_sequence
        >>> padded, lengths = pad_packed_sequence(pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]))
        >>> padded.tolist(), lengths.tolist()
        ([[1, 3], [2, 0]], [2, 1])
    """
    longest = sequence.batch_sizes.numel()
    total = longest if total_length is None else total_length
    if total < longest:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {longest}"
        )
    data, sizes = sequence.data, sequence.batch_sizes
    batch, rest = int(sizes[0]), data.shape[1:]
    present = ops.arange(batch) < sizes.unsqueeze(1)  # (longest, B)
    # Where each place's step lies in the data; the row of padding comes last.
    places = ops.full((total, batch), data.shape[0], dtype=dtypes.int64)
    places[:longest][present] = ops.arange(data.shape[0])
    rows = ops.cat([data, ops.full((1, *rest), padding_value, dtype=data.dtype, device=data.device)])
    padded = rows.index_select(0, places.reshape(-1)).reshape(total, batch, *rest)
    lengths = present.sum(0)
    if batch_first:
        padded = padded.transpose(0, 1)
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(0 if batch_first else 1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices]
    return padded, lengths


def pad_sequence(
    sequences: Tensor | list[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    r"""Stacks sequences of different lengths, padded to the longest.

    Args:
        sequences (list of Tensor): :math:`(L_i, *)` each.
        batch_first (bool): whether to give :math:`(B, T, *)` instead of :math:`(T, B, *)`. Default: ``False``
        padding_value (float): what is filled in. Default: 0.0
        padding_side (str): ``'right'`` or ``'left'``: where it is filled in. Default: ``'right'``

    Example::

        >>> import kagari as torch
        >>> torch.nn.utils.rnn.pad_sequence([torch.tensor([1, 2]), torch.tensor([3])], batch_first=True).tolist()
        [[1, 2], [3, 0]]
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    parts = _alike(sequences)
    lengths = [part.shape[0] for part in parts]
    present = _present(lengths)
    # Where each place's step lies among the rows; the row of padding comes last.
    places = np.where(present, _starts(lengths) + np.arange(len(present))[:, None], sum(lengths))
    if padding_side == "left":
        for column, length in enumerate(lengths):
            places[:, column] = np.roll(places[:, column], len(places) - length)
    if batch_first:
        places = places.T
    first = parts[0]
    padding = ops.full((1, *first.shape[1:]), padding_value, dtype=first.dtype, device=first.device)
    rows = ops.cat([*parts, padding]).index_select(0, ops.from_numpy(places.reshape(-1)))
    return rows.reshape(*places.shape, *first.shape[1:])


def _starts(lengths: list[int]) -> np.ndarray:
    """Where each sequence begins when they are joined."""
    return np.cumsum([0, *lengths[:-1]])


def _alike(sequences: Iterable[Tensor]) -> list[Tensor]:
    """The sequences, all in the dtype and with the trailing dimensions of the first one."""
    parts = list(sequences)
    if not parts:
        raise RuntimeError("received an empty list of sequences")
    if any(not part.ndim for part in parts):
        raise RuntimeError("pad_sequence: sequences need at least one dimension, but one is a number")
    shape, kind = parts[0].shape[1:], parts[0].dtype
    alike = all(part.shape[1:] == shape and part.dtype is kind for part in parts)
    return parts if alike else [_like(part, parts[0]) for part in parts]


def _like(part: Tensor, first: Tensor) -> Tensor:
    if part.shape[1:] != first.shape[1:]:
        for dim, (wanted, got) in enumerate(zip(first.shape[1:], part.shape[1:]), 1):
            if got not in (1, wanted):
                raise RuntimeError(
                    f"The size of tensor a ({wanted}) must match the size of tensor b ({got}) at non-singleton "
                    f"dimension {dim}"
                )
        part = part.expand(part.shape[0], *first.shape[1:])
    return part.to(first.dtype)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    r"""The sequences of a padded batch, each in its own length: the inverse of :func:`pad_sequence`.

    Example::

        >>> import kagari as torch
        >>> parts = torch.nn.utils.rnn.unpad_sequence(torch.tensor([[1, 3], [2, 0]]), torch.tensor([2, 1]))
        >>> [part.tolist() for part in parts]
        [[1, 2], [3]]
    """
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [part[:length] for part, length in zip(padded_sequences, lengths.tolist(), strict=True)]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    r"""Packs sequences of different lengths.

    Args:
        sequences (list of Tensor): :math:`(L_i, *)` each.
        enforce_sorted (bool): whether they have to come longest first; otherwise they are sorted. Default: ``True``

    Example::

        >>> import kagari as torch
        >>> torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]).data.tolist()
        [1, 3, 2]
    """
    parts = _alike(sequences)
    lengths = [part.shape[0] for part in parts]
    order = None
    if not enforce_sorted:
        order = _longest_first(lengths)
        parts = [parts[place] for place in order.tolist()]
        lengths = sorted(lengths, reverse=True)
    _check_lengths(lengths, len(parts))
    present = _present(lengths)
    places = (_starts(lengths) + np.arange(len(present))[:, None])[present]
    return _packed(ops.cat(parts), places, present, order)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    r"""The sequences that were packed: the inverse of :func:`pack_sequence`.

    Example::

        >>> import kagari as torch
        >>> from kagari.nn.utils.rnn import pack_sequence, unpack_sequence
        >>> [part.tolist() for part in unpack_sequence(pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]))]
        [[1, 2], [3]]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]
