"""Attention as functions, with PyTorch's signatures.

Shapes: L queries, S keys and values, N sequences in a batch, E numbers in a query, H heads of E / H numbers each.
"""

from __future__ import annotations

import math
import warnings

from ..base.dtypes import bool_, dtype
from ..eager import Tensor
from ..eager import operators as ops
from .pieces import pieces


class _Kernels:
    available = True


kernels = _Kernels()
"""Whether attention may be computed: `nn.attention.sdpa_kernel` may forbid all that there is."""


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    r"""Values averaged with weights that queries and keys give: :math:`\text{softmax}(s\, Q K^T + M) V`.

    Args:
        query (Tensor): :math:`(N, ..., L, E)`.
        key (Tensor): :math:`(N, ..., S, E)`.
        value (Tensor): :math:`(N, ..., S, D)`.
        attn_mask (Tensor, optional): :math:`M`, of a shape that broadcasts to :math:`(N, ..., L, S)`; a boolean one is
            true where a query may look at a key. A query that may look at none gets zeros.
        dropout_p (float): the probability of a weight to be zeroed. Default: 0.0
        is_causal (bool): query number i looks at keys 0 to i. Default: ``False``
        scale (float, optional): :math:`s`. Default: :math:`1 / \sqrt E`
        enable_gqa (bool): key and value may have fewer heads, in the third dimension from the end, each of which
            serves several of the query's. Default: ``False``

    Returns:
        A tensor of shape :math:`(N, ..., L, D)`.

    Without dropout memory is linear in :math:`L` and :math:`S`, forward and backward: the matrix of weights is never
    made. Keys that no query may look at do not matter, even where they are not finite.

    Sources: Vaswani et al., *Attention is all you need* (2017); Milakov and Gimelshein, *Online normalizer calculation
    for softmax* (2018); Dao et al., *FlashAttention* (2022).

    Example::

        >>> import kagari as torch
        >>> from kagari.nn import functional as F
        >>> F.scaled_dot_product_attention(torch.zeros(1, 2), torch.ones(2, 2), torch.tensor([[1.0], [3.0]])).tolist()
        [[2.0]]
    """
    if not kernels.available:
        raise RuntimeError(
            "No viable backend for scaled_dot_product_attention was found. This is likely due to turning off both the "
            "math kernel and the fused kernels."
        )
    if not dropout_p:
        return ops.scaled_dot_product_attention(query, key, value, attn_mask, is_causal, scale, enable_gqa)
    # Dropout draws in the order of memory, which must not be that of a transposed query.
    weights = ops.scaled_dot_product_attention(query, key, None, attn_mask, is_causal, scale, enable_gqa).contiguous()
    if enable_gqa:
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    return ops.matmul(ops.dropout(weights, dropout_p, True), value)


def canonical_mask(
    mask: Tensor | None, name: str, other_type: dtype | None, other_name: str, target_type: dtype, check: bool = True
) -> Tensor | None:
    """A mask as numbers that are added: -inf where a boolean one is true."""
    if mask is None:
        return None
    if mask.dtype is not bool_ and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {name} are supported")
    if check and other_type is not None and mask.dtype is not other_type:
        warnings.warn(
            f"Support for mismatched {name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )
    if mask.is_floating_point():
        return mask
    return ops.zeros_like(mask, dtype=target_type).masked_fill_(mask, float("-inf"))


def mask_type(mask: Tensor | None) -> dtype | None:
    """The dtype of a mask, if there is one."""
    return None if mask is None else mask.dtype


def _check_ranks(
    query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None, mask: Tensor | None, num_heads: int
) -> None:
    """Refuses arguments of which some are batched and some are not."""
    if query.ndim not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor"
        )
    rank = query.ndim
    how = "batched (3-D)" if rank == 3 else "unbatched (2-D)"
    if key.ndim != rank or value.ndim != rank:
        raise AssertionError(
            f"For {how} `query`, expected `key` and `value` to be {rank}-D but found {key.ndim}-D and {value.ndim}-D "
            "tensors respectively"
        )
    if padding is not None and padding.ndim != rank - 1:
        raise AssertionError(
            f"For {how} `query`, expected `key_padding_mask` to be `None` or {rank - 1}-D but found {padding.ndim}-D "
            "tensor instead"
        )
    if mask is None:
        return
    if mask.ndim not in (2, 3):
        raise AssertionError(
            f"For {how} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {mask.ndim}-D tensor instead"
        )
    expected = (num_heads, query.shape[0], key.shape[0])
    if rank == 2 and mask.ndim == 3 and tuple(mask.shape) != expected:
        raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {mask.shape}")


def _projected(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    separate: tuple[Tensor | None, Tensor | None, Tensor | None] | None,
) -> list[Tensor]:
    """Query, key and value times their matrices, which are rows of one, or separate ones."""
    size = query.shape[-1]
    biases = [None] * 3 if bias is None else list(bias.split(size))
    if separate is not None:
        for name, each in zip("qkv", separate):
            if each is None:
                raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
        return [ops.linear(x, w, b) for x, w, b in zip((query, key, value), separate, biases)]
    if weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    if query is key and key is value:
        return list(pieces(ops.linear(query, weight, bias), [size] * 3, -1))
    return [ops.linear(x, w, b) for x, w, b in zip((query, key, value), weight.split(size), biases)]


def _checked_mask(mask: Tensor | None, length: int, source: int, count: int) -> Tensor | None:
    """A mask of three dimensions: (1, L, S) or (N H, L, S)."""
    if mask is None:
        return None
    if mask.ndim == 2:
        if tuple(mask.shape) != (length, source):
            raise RuntimeError(f"The shape of the 2D attn_mask is {mask.shape}, but should be {(length, source)}.")
        return mask.unsqueeze(0)
    if mask.ndim != 3:
        raise RuntimeError(f"attn_mask's dimension {mask.ndim} is not supported")
    if tuple(mask.shape) != (count, length, source):
        raise RuntimeError(f"The shape of the 3D attn_mask is {mask.shape}, but should be {(count, length, source)}.")
    return mask


def _with_batch(
    query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """The arguments as a batch of one. What is one tensor stays one: that it is decides how it is projected."""
    first = query.unsqueeze(1)
    second = first if key is query else key.unsqueeze(1)
    third = second if value is key else value.unsqueeze(1)
    return first, second, third, None if padding is None else padding.unsqueeze(0)


def _longer(
    k: Tensor, v: Tensor, mask: Tensor | None, padding: Tensor | None, more: tuple[Tensor, Tensor], dim: int
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """One key and one value more, which every query may look at."""
    mask, padding = (None if x is None else ops.pad(x, (0, 1)) for x in (mask, padding))
    return ops.cat([k, more[0]], dim), ops.cat([v, more[1]], dim), mask, padding


def _with_padding(
    mask: Tensor | None, padding: Tensor | None, batch: int, num_heads: int, source: int
) -> Tensor | None:
    """The two masks added, the one of keys (N, S) repeated over heads and queries: (N H, L or 1, S)."""
    if padding is None:
        return mask
    for dim, size in enumerate((batch, source)):
        if padding.shape[dim] != size:
            raise AssertionError(f"Expected key_padded_mask.shape[{dim}] to be {size}, but got {padding.shape[dim]}")
    keys = padding.reshape(batch, 1, 1, source).expand(-1, num_heads, -1, -1).reshape(batch * num_heads, 1, source)
    return keys if mask is None else mask + keys


def _check_sizes(query: Tensor, key: Tensor, value: Tensor, embed_dim: int, num_heads: int, separate: bool) -> None:
    if query.shape[-1] != embed_dim:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim}, but got {query.shape[-1]}")
    if embed_dim % num_heads:
        raise AssertionError(f"embed_dim {embed_dim} not divisible by num_heads {num_heads}")
    if separate and key.shape[:2] != value.shape[:2]:
        raise AssertionError(f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
    if not separate and key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")


def _heads(x: Tensor, static: Tensor | None, name: str, count: int, head_dim: int) -> Tensor:
    """(S, N, E) to (N H, S, E / H), or what stands for it."""
    if static is None:
        return x.reshape(x.shape[0], count, head_dim).transpose(0, 1)
    if static.shape[0] != count:
        raise AssertionError(f"expecting {name}.size(0) of {count}, but got {static.shape[0]}")
    if static.shape[2] != head_dim:
        raise AssertionError(f"expecting {name}.size(2) of {head_dim}, but got {static.shape[2]}")
    return static


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    r"""Attention of several heads, with the weights of a :class:`~kagari.nn.MultiheadAttention` as arguments.

    Args:
        query (Tensor): :math:`(L, N, E)` or :math:`(L, E)`.
        key (Tensor): :math:`(S, N, E_k)` or :math:`(S, E_k)`.
        value (Tensor): :math:`(S, N, E_v)` or :math:`(S, E_v)`.
        embed_dim_to_check (int): :math:`E`.
        num_heads (int): :math:`H`.
        in_proj_weight, in_proj_bias: the matrices of query, key and value, :math:`(3 E, E)`, and :math:`(3 E)`.
        bias_k, bias_v: a key and a value more, :math:`(1, 1, E)`.
        add_zero_attn (bool): a key and a value of zeros more.
        dropout_p (float): the probability of a weight to be zeroed in training.
        out_proj_weight, out_proj_bias: the matrix that joins the heads, :math:`(E, E)`, and :math:`(E)`.
        training (bool): whether weights are dropped.
        key_padding_mask (Tensor, optional): :math:`(N, S)` or :math:`(S)`, true (or -inf) for keys to be ignored.
        need_weights (bool): whether the weights are returned too.
        attn_mask (Tensor, optional): :math:`(L, S)` or :math:`(N H, L, S)`, true where a query may not look at a key,
            or numbers that are added.
        use_separate_proj_weight (bool): whether the next three stand for ``in_proj_weight``.
        q_proj_weight, k_proj_weight, v_proj_weight: :math:`(E, E)`, :math:`(E, E_k)` and :math:`(E, E_v)`.
        static_k, static_v: :math:`(N H, S, E / H)`, in place of the projected key and value.
        average_attn_weights (bool): whether the weights that are returned are averaged over heads.
        is_causal (bool): says of ``attn_mask`` that it is causal.

    Returns:
        :math:`(L, N, E)` or :math:`(L, E)`; and the weights, :math:`(N, L, S)`, or :math:`(N, H, L, S)` if they are not
        averaged, or ``None``.
    """
    _check_ranks(query, key, value, key_padding_mask, attn_mask, num_heads)
    batched = query.ndim == 3
    if not batched:
        query, key, value, key_padding_mask = _with_batch(query, key, value, key_padding_mask)
    length, batch, embed_dim = query.shape
    padding = canonical_mask(key_padding_mask, "key_padding_mask", mask_type(attn_mask), "attn_mask", query.dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    causal = is_causal and padding is None and not need_weights
    mask = None if causal else canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, False)
    _check_sizes(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias, separate)
    count, head_dim = batch * num_heads, embed_dim // num_heads
    mask = _checked_mask(mask, length, key.shape[0], count)
    if bias_k is not None and bias_v is not None:
        more = bias_k.expand(-1, batch, -1), bias_v.expand(-1, batch, -1)
        k, v, mask, padding = _longer(k, v, mask, padding, more, 0)
    q = _heads(q, None, "query", count, head_dim)
    k, v = _heads(k, static_k, "static_k", count, head_dim), _heads(v, static_v, "static_v", count, head_dim)
    if add_zero_attn:
        more = k.new_zeros((count, 1, head_dim)), v.new_zeros((count, 1, head_dim))
        k, v, mask, padding = _longer(k, v, mask, padding, more, 1)
    mask = _with_padding(mask, padding, batch, num_heads, k.shape[1])
    dropout_p = dropout_p if training else 0.0
    if need_weights:
        heads, weights = _weighted(q, k, v, mask, dropout_p)
        weights = weights.unflatten(0, (batch, num_heads))
        weights = weights.mean(1) if average_attn_weights else weights
    else:
        heads, weights = _averaged(q, k, v, mask, dropout_p, causal, batch), None
    # (N H, L, E / H) to (L, N, E)
    result = ops.linear(heads.transpose(0, 1).reshape(length, batch, embed_dim), out_proj_weight, out_proj_bias)
    if not batched:
        return result.squeeze(1), None if weights is None else weights.squeeze(0)
    return result, weights


def _weighted(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout_p: float) -> tuple[Tensor, Tensor]:
    """The heads' values averaged, (N H, L, E / H), and the weights that do it, (N H, L, S)."""
    scaled = q * math.sqrt(1.0 / q.shape[-1])
    keys = k.transpose(1, 2)
    scores = ops.bmm(scaled, keys) if mask is None else ops.baddbmm(mask, scaled, keys)
    weights = ops.softmax(scores, -1)
    if dropout_p > 0:
        weights = ops.dropout(weights, dropout_p, True)
    return ops.bmm(weights, v), weights


def _averaged(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout_p: float, causal: bool, batch: int
) -> Tensor:
    """The heads' values averaged, without the weights: (N H, L, E / H)."""
    # With a dimension for the heads, or dropout would draw in another shape.
    q, k, v = (x.unflatten(0, (batch, -1)) for x in (q, k, v))
    if mask is not None and mask.shape[0] != 1:
        mask = mask.unflatten(0, (batch, -1))
    return scaled_dot_product_attention(q, k, v, mask, dropout_p, causal).flatten(0, 1)


__all__ = ["canonical_mask", "mask_type", "multi_head_attention_forward", "scaled_dot_product_attention"]
