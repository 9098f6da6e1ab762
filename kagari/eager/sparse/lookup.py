"""What is looked up in a tensor, with a gradient that is sparse: the places that were looked up."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autograd.library import function
from ...base import dtypes
from ...engine.function import UNANSWERED
from .. import convert
from ..calls import call
from . import places, tape


def _wanted(t: Any, given: tuple[Any, ...], flag: int) -> bool:
    """Whether a call asks for a sparse gradient, and there is somebody who wants it."""
    plain = convert.is_tensor(t) and not convert.is_standing(t)
    return len(given) > flag and bool(given[flag]) and plain and t._needs and places.recording()


def gather(given: tuple[Any, ...]) -> Any:
    """`torch.gather(input, dim, index, sparse_grad)`."""
    return tape.called(_Gather, "Gather").apply(*given[:3]) if _wanted(given[0], given, 3) else UNANSWERED


class _Gather(tape.Function):
    """The elements at an index along a dimension."""

    @staticmethod
    def forward(ctx: Any, input: Any, dim: int, index: Any) -> Any:
        """As without a sparse gradient."""
        ctx.of = tuple(input.shape), dim % max(input.ndim, 1), index
        return function("gather").run((input, dim, index))

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """A place for each element of the index."""
        shape, dim, index = ctx.of
        array = convert.array_of(index)
        grid = [d.reshape(-1) for d in np.indices(array.shape)]
        if grid:
            grid[dim] = array.reshape(-1)
        at = places.whole_numbers(np.stack(grid)) if grid else convert.empty((0, 1), dtypes.int64)
        return tape.closed("SparseCooTensorWithDims", call("reshape")(grad, (-1,)), at, shape), None, None


def embedding(given: tuple[Any, ...]) -> Any:
    """`torch.embedding(weight, indices, padding_idx, scale_grad_by_freq, sparse)`."""
    if not _wanted(given[0], given, 4):
        return UNANSWERED
    return tape.called(_Embedding, "Embedding").apply(*given[:4])


class _Embedding(tape.Function):
    """Rows of a table."""

    @staticmethod
    def forward(ctx: Any, weight: Any, indices: Any, padding_idx: int, by_frequency: bool) -> Any:
        """As without a sparse gradient."""
        ctx.of = tuple(weight.shape), indices, padding_idx, by_frequency
        return function("embedding").run((weight, indices))

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """A row for each that was looked up and is not padding."""
        shape, indices, padding_idx, by_frequency = ctx.of
        if by_frequency:
            raise RuntimeError("embedding_backward: scale_grad_by_freq not supported with sparse gradients")
        return _of_rows(shape, indices, call("reshape")(grad, (-1, shape[1])), padding_idx), None, None, None


def _of_rows(shape: tuple[int, ...], indices: Any, rows: Any, padding_idx: int) -> Any:
    found = convert.array_of(indices).astype(np.int64).reshape(-1)
    if padding_idx >= 0:
        kept = (found != padding_idx).nonzero()[0]
        found, rows = found[kept], call("index_select")(rows, 0, places.whole_numbers(kept))
    return tape.closed("SparseCooTensorWithDims", rows, places.whole_numbers(found[None]), shape)


def embedding_bag(given: tuple[Any, ...]) -> Any:
    """`embedding_bag(input, weight, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights,
    include_last_offset, padding_idx)`: rows are looked up, and added up bag by bag.
    """
    if not _wanted(given[1], given, 5):
        return UNANSWERED
    given = (*given, *_DEFAULTS[len(given) :])
    input, weight, offsets, by_frequency, mode, _, scale, last, padding_idx = given
    return tape.called(_EmbeddingBag, "EmbeddingBag").apply(
        input, weight, offsets, by_frequency, mode, scale, last, padding_idx
    )


_DEFAULTS = (None, None, None, False, "mean", False, None, False, None)


class _EmbeddingBag(tape.Function):
    """Sums or means of rows of a table, bag by bag."""

    @staticmethod
    def forward(
        ctx: Any,
        input: Any,
        weight: Any,
        offsets: Any,
        by_frequency: bool,
        mode: str,
        scale: Any,
        last: bool,
        padding: Any,
    ) -> Any:
        """As without a sparse gradient."""
        ctx.save_for_backward(weight if scale is not None else None, scale)
        ctx.of = input, tuple(weight.shape), offsets, by_frequency, mode == "mean", last
        ctx.padding = -1 if padding is None else padding % weight.shape[0]
        return function("embedding_bag").run((input, weight, offsets, False, mode, False, scale, last, padding))

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """For each row that was looked up that of its bag; for `scale` products with the rows."""
        input, shape, offsets, by_frequency, mean, last = ctx.of
        if by_frequency:
            raise RuntimeError("embedding_backward: scale_grad_by_freq not supported with sparse gradients")
        weight, scale = ctx.saved_tensors
        at = call("reshape")(input, (-1,))
        bags, count = _bags(input, offsets, last)
        counted = convert.array_of(at) != ctx.padding
        rows = call("index_select")(grad, 0, places.whole_numbers(bags))
        if mean:
            sizes = np.maximum(np.bincount(bags, counted, count), 1)[bags]
            rows = call("div")(rows, convert.copied(sizes[:, None], grad.dtype))
        of_scale = None
        if scale is not None:
            factors = call("mul")(call("reshape")(scale, (-1,)), convert.copied(counted, grad.dtype))
            products = call("sum")(call("mul")(rows, call("index_select")(weight, 0, at)), (1,))
            of_scale = call("reshape")(call("mul")(products, convert.copied(counted, grad.dtype)), tuple(scale.shape))
            rows = call("mul")(rows, call("unsqueeze")(factors, 1))
        of_weight = _of_rows(shape, at, rows, ctx.padding)
        return None, of_weight, None, None, None, of_scale, None, None


def _bags(input: Any, offsets: Any, last: bool) -> tuple[np.ndarray, int]:
    """The number of each element's bag, and how many bags there are."""
    if offsets is None:
        return np.repeat(np.arange(input.shape[0]), input.shape[1]), input.shape[0]
    begins = convert.array_of(offsets)
    count = begins.size - 1 if last else begins.size
    return np.searchsorted(begins[:count], np.arange(input.shape[0]), "right") - 1, count
