"""Attention of sequences of different lengths that lie one after the other, without padding."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import Any, NamedTuple

from ...eager import Tensor
from ...eager import operators as ops

__all__ = ["AuxRequest", "varlen_attn", "varlen_attn_out"]


class AuxRequest(NamedTuple):
    """What :func:`varlen_attn` gives besides its result: logarithms of sums."""

    lse: bool = False


def _bounds(offsets: Tensor) -> list[tuple[int, int]]:
    """Where each sequence begins and ends."""
    places = [int(n) for n in offsets.tolist()]
    return list(pairwise(places))


def _sources(
    key: Tensor, value: Tensor, cu_seq_k: Tensor | None, used: Tensor | None, block_table: Tensor | None, count: int
) -> list[tuple[Tensor, Tensor]]:
    """Keys and values of each sequence, (S, H, E). Raises ValueError where nothing says which they are."""
    lengths = None if used is None else [int(n) for n in used.tolist()]
    if block_table is not None:
        if lengths is None:
            raise ValueError("varlen_attn: block_table needs seqused_k, the number of tokens that are in use")
        rows = zip(block_table.unbind(), lengths, strict=True)
        return [(key[pages].flatten(0, 1)[:n], value[pages].flatten(0, 1)[:n]) for pages, n in rows]
    if cu_seq_k is None:
        raise ValueError("varlen_attn: cu_seq_k says where sequences of keys begin, unless there is a block_table")
    bounds = _bounds(cu_seq_k)
    if len(bounds) != count:
        raise ValueError(f"varlen_attn: {count} sequences of queries, but {len(bounds)} of keys")
    ends = [end if lengths is None else begin + lengths[i] for i, (begin, end) in enumerate(bounds)]
    return [(key[begin:end], value[begin:end]) for (begin, _), end in zip(bounds, ends)]


def _window(length: int, source: int, size: tuple[int, int]) -> Tensor | None:
    """Which keys a query may look at: the last query stands at the last key. None for all."""
    left, right = size
    if left < 0 and right < 0:
        return None
    distance = ops.arange(source) - ops.arange(source - length, source).unsqueeze(1)
    before = distance >= (-left if left >= 0 else -source)
    return before & (distance <= right) if right >= 0 else before


def _logarithms(query: Tensor, key: Tensor, seen: Tensor | None, scale: float | None, groups: int) -> Tensor:
    """log(sum(exp(score))) of each query, (L, H)."""
    if groups > 1:
        key = key.repeat_interleave(groups, 1)
    scores = query.float().transpose(0, 1) @ key.float().permute(1, 2, 0)
    scores = scores * (1 / sqrt(query.shape[-1]) if scale is None else scale)
    if seen is not None:
        scores = scores.masked_fill(~seen, float("-inf"))
    return scores.logsumexp(-1).transpose(0, 1)


def varlen_attn(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seq_q: Tensor,
    cu_seq_k: Tensor | None,
    max_q: int,
    max_k: int,
    *,
    return_aux: AuxRequest | None = None,
    scale: float | None = None,
    window_size: tuple[int, int] = (-1, -1),
    enable_gqa: bool = False,
    seqused_k: Tensor | None = None,
    block_table: Tensor | None = None,
    num_splits: int | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Attention within each of several sequences, which lie one after the other in one tensor.

    Args:
        query (Tensor): :math:`(T_q, H, E)`, with :math:`T_q` the sum of all lengths.
        key, value (Tensor): :math:`(T_k, H_k, E)`; with a ``block_table`` pages, :math:`(P, \text{size}, H_k, E)`.
        cu_seq_q (Tensor): where sequences of queries begin, and the end of the last, :math:`(N + 1)`.
        cu_seq_k (Tensor, optional): the same of keys; may be left out with a ``block_table``.
        max_q, max_k (int): the largest lengths, which Kagari does not ask for.
        return_aux (AuxRequest, optional): what to give besides the result: the logarithms of sums, :math:`(T_q, H)`.
        scale (float, optional): the factor of scores. Default: :math:`1 / \sqrt E`
        window_size (tuple): how many keys before and behind its own a query may look at, -1 for all; the last query
            stands at the last key. ``(-1, 0)`` is causal. Default: all
        enable_gqa (bool): whether a head of keys may serve several of queries. Default: ``False``
        seqused_k (Tensor, optional): how many keys of each sequence count, :math:`(N)`. Default: all
        block_table (Tensor, optional): which pages the keys of a sequence lie in, :math:`(N, \text{pages})`.
        num_splits (int, optional): accepted as PyTorch has it.

    Returns:
        :math:`(T_q, H, E)`.

    A query that may look at no key gets zeros. Raises ValueError where heads or sequences do not fit.

    Example::

        >>> import kagari as torch
        >>> from kagari.nn.attention.varlen import varlen_attn
        >>> x = torch.randn(5, 2, 4)
        >>> begins = torch.tensor([0, 2, 5])
        >>> y = varlen_attn(x, x, x, begins, begins, 3, 3, window_size=(-1, 0))
        >>> y.shape, torch.allclose(y[2], x[2])
        (torch.Size([5, 2, 4]), True)
    """
    heads, sources = query.shape[1], key.shape[-2]
    if heads != sources and (not enable_gqa or heads % sources):
        raise ValueError(f"varlen_attn: {heads} heads of queries and {sources} of keys; enable_gqa={enable_gqa}")
    bounds = _bounds(cu_seq_q)
    results, logarithms = [], []
    for (begin, end), (k, v) in zip(bounds, _sources(key, value, cu_seq_k, seqused_k, block_table, len(bounds))):
        q, seen = query[begin:end], _window(end - begin, k.shape[0], window_size)
        sides = [t.transpose(0, 1) for t in (q, k, v)]
        found = ops.scaled_dot_product_attention(*sides, seen, False, scale, heads != sources)
        results.append(found.transpose(0, 1))
        if return_aux is not None and return_aux.lse:
            logarithms.append(_logarithms(q, k, seen, scale, heads // sources))
    result: Tensor = ops.cat(results)
    return (result, ops.cat(logarithms)) if logarithms else result


def varlen_attn_out(out: Tensor, *args: Any, **kwargs: Any) -> Tensor | tuple[Tensor, Tensor]:
    """:func:`varlen_attn` that writes its result into a tensor.

    Example::

        >>> import kagari as torch
        >>> from kagari.nn.attention.varlen import varlen_attn_out
        >>> x, begins = torch.ones(3, 1, 2), torch.tensor([0, 3])
        >>> varlen_attn_out(torch.empty(3, 1, 2), x, x, x, begins, begins, 3, 3).tolist()
        [[[1.0, 1.0]], [[1.0, 1.0]], [[1.0, 1.0]]]
    """
    found = varlen_attn(*args, **kwargs)
    if isinstance(found, tuple):
        return out.copy_(found[0]), found[1]
    return out.copy_(found)
