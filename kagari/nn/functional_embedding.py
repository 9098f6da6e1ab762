"""Rows of a table looked up by number, as functions with PyTorch's signatures."""

from __future__ import annotations

import warnings

from ..autograd import no_grad
from ..base.dtypes import int64
from ..eager import Tensor
from ..eager import operators as ops


def _renormalise(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> None:
    """Scales down, in place, the rows that are looked up and longer than `max_norm`."""
    with no_grad():
        at = input.reshape(-1).to(int64)
        rows = ops.index_select(weight, 0, at)
        lengths = ops.norm(rows, norm_type, dim=1, keepdim=True)
        scaled = ops.where(lengths > max_norm, rows * (max_norm / (lengths + 1e-7)), rows)
        weight.scatter_(0, at.unsqueeze(1).expand(scaled.shape), scaled)


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    r"""Row ``input[i]`` of ``weight`` at each place. See :class:`~kagari.nn.Embedding`.

    Args:
        input (Tensor): row numbers, of any shape :math:`(*)`.
        weight (Tensor): :math:`(V, D)`.
        padding_idx (int, optional): a row that gets no gradient.
        max_norm (float, optional): rows that are looked up and longer than that are scaled down to it, in ``weight``.
        norm_type (float): the norm that ``max_norm`` means. Default: 2
        scale_grad_by_freq (bool): divides the gradient of a row by how often it was looked up. Default: ``False``
        sparse (bool): gives ``weight`` a sparse gradient, of the rows that are looked up. Default: ``False``

    Returns:
        A tensor of shape :math:`(*, D)`.
    """
    if padding_idx is not None:
        rows = weight.shape[0]
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= rows
    if max_norm is not None:
        _renormalise(weight, input, max_norm, norm_type)
    return ops.embedding(weight, input, -1 if padding_idx is None else padding_idx, scale_grad_by_freq, sparse)


def _check_bags(input: Tensor, weight: Tensor, offsets: Tensor | None, include_last_offset: bool) -> None:
    if weight.ndim != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.ndim}")
    if input.ndim not in (1, 2):
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}")
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                f"sequences. However, found offsets of type {type(offsets)}"
            )
        return
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    if not offsets.numel():
        if include_last_offset:
            raise RuntimeError("include_last_offset: number of offset should be at least 1")
        return
    first, last = int(offsets[0]), int(offsets[-1])
    if first != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, "
            f"got {first}"
        )
    if last > input.shape[0]:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {input.shape[0]} but got offsets[-1] of {last}"
        )


def _largest(
    input: Tensor, weight: Tensor, offsets: Tensor | None, include_last_offset: bool, padding_idx: int | None
) -> Tensor:
    """The largest element of each column in each bag, 0 for bags of nothing."""
    if offsets is None:
        inside = ops.ones_like(input, dtype=None) == 1
        table = input
    else:
        ends = offsets[1:] if include_last_offset else ops.cat([offsets[1:], offsets.new_full((1,), input.shape[0])])
        begins = offsets[:-1] if include_last_offset else offsets
        sizes = (ends - begins).unsqueeze(1)
        places = ops.arange(int(sizes.max()) if sizes.numel() else 0)  # (L,)
        inside = places < sizes  # (B, L)
        table = input[ops.where(inside, begins.unsqueeze(1) + places, 0)] if input.numel() else inside.long()
    if padding_idx is not None:
        rows = weight.shape[0]
        if not -rows <= padding_idx < rows:
            raise RuntimeError(
                f"padding_idx must be within the number of embeddings, {-rows} through {rows - 1}, but got "
                f"{padding_idx}"
            )
        inside = inside & (table != padding_idx % rows)
    found = ops.embedding(weight, table)  # (B, L, D)
    if not table.numel():
        return found.sum(1)
    largest = found.masked_fill(~inside.unsqueeze(2), float("-inf")).max(1)[0]
    return largest.masked_fill(~inside.any(1, keepdim=True), 0)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    r"""The sum, mean or maximum of rows of ``weight``, bag by bag. See :class:`~kagari.nn.EmbeddingBag`.

    Args:
        input (Tensor): row numbers, :math:`(B, L)`; with ``offsets`` :math:`(N)`, all bags one after the other.
        weight (Tensor): :math:`(V, D)`.
        offsets (Tensor, optional): :math:`(B)`, where in ``input`` each bag begins.
        max_norm (float, optional): rows that are looked up and longer than that are scaled down to it, in ``weight``.
        norm_type (float): the norm that ``max_norm`` means. Default: 2
        scale_grad_by_freq (bool): divides the gradient of a row by how often it was looked up. Default: ``False``
        mode (str): ``"sum"``, ``"mean"`` or ``"max"``. Default: ``"mean"``
        sparse (bool): gives ``weight`` a sparse gradient, of the rows that are looked up. Default: ``False``
        per_sample_weights (Tensor, optional): of the shape of ``input``, what each row is multiplied by in a sum.
        include_last_offset (bool): ``offsets`` has one more number, where the last bag ends. Default: ``False``
        padding_idx (int, optional): a row that counts for nothing.

    Returns:
        A tensor of shape :math:`(B, D)`.
    """
    if weight.dtype is int64 and input.is_floating_point():
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is "
            "deprecated, and should now be `embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        weight, input = input, weight
    if per_sample_weights is not None and input.shape != per_sample_weights.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the "
            f"same shape as the input ({input.shape})"
        )
    _check_bags(input, weight, offsets, include_last_offset)
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if max_norm is not None:
        _renormalise(weight, input, max_norm, norm_type)
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got "
            f"mode='{mode}'). Please open a feature request on GitHub."
        )
    if mode == "max":
        return _largest(input, weight, offsets, include_last_offset, padding_idx)
    return ops.embedding_bag(
        input, weight, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset, padding_idx
    )


__all__ = ["embedding", "embedding_bag"]
