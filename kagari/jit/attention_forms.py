"""What attention is in a script: programs that are compiled and never run in Python. See `forms.py`."""

from __future__ import annotations

from typing import Optional, Tuple  # noqa: UP035 - these are programs of scripts

from ..base.dtypes import bool_
from ..eager import Tensor
from ..eager import operators as torch
from .forms import dropout


def _additive(mask: Tensor, like: Tensor) -> Tensor:
    if mask.dtype == bool_:
        return torch.zeros_like(mask, dtype=like.dtype).masked_fill_(mask, float("-inf"))
    return mask.to(like.dtype)


def _joined_mask(
    mask: Optional[Tensor], padding: Optional[Tensor], batch: int, heads: int, like: Tensor
) -> Optional[Tensor]:
    found: Optional[Tensor] = None
    if mask is not None:
        added = _additive(mask, like)
        found = added if added.dim() == 2 else added.view(batch, heads, added.size(1), added.size(2))
    if padding is not None:
        by_key = _additive(padding, like).view(batch, 1, 1, padding.size(-1))
        found = by_key if found is None else found + by_key
    return found


def _split(x: Tensor, heads: int) -> Tensor:
    return x.view(x.size(0), x.size(1), heads, x.size(2) // heads).transpose(1, 2)


def multihead_attention(
    self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Optional[Tensor] = None,
    need_weights: bool = True, attn_mask: Optional[Tensor] = None, average_attn_weights: bool = True,
    is_causal: bool = False,
) -> Tuple[Tensor, Optional[Tensor]]:  # fmt: skip
    assert self._qkv_same_embed_dim, "keys and values of other sizes are not there in scripts"
    assert self.bias_k is None and not self.add_zero_attn, "bias_k, bias_v and add_zero_attn are not there in scripts"
    batched = query.dim() == 3
    if not batched:
        query, key, value = query.unsqueeze(0), key.unsqueeze(0), value.unsqueeze(0)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    elif not self.batch_first:
        query, key, value = query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1)
    size, heads = self.embed_dim, self.num_heads
    weight, bias = self.in_proj_weight, self.in_proj_bias
    if bias is None:
        q = torch.linear(query, weight[:size])
        k = torch.linear(key, weight[size : 2 * size])
        v = torch.linear(value, weight[2 * size :])
    else:
        q = torch.linear(query, weight[:size], bias[:size])
        k = torch.linear(key, weight[size : 2 * size], bias[size : 2 * size])
        v = torch.linear(value, weight[2 * size :], bias[2 * size :])
    q, k, v = _split(q, heads), _split(k, heads), _split(v, heads)
    mask = _joined_mask(attn_mask, key_padding_mask, q.size(0), heads, q)
    weights: Optional[Tensor] = None
    if need_weights:
        scores = torch.matmul(q, k.transpose(-2, -1)) * (float(self.head_dim) ** -0.5)
        if mask is not None:
            scores = scores + mask
        chosen = dropout(scores.softmax(-1), self.dropout, self.training)
        out = torch.matmul(chosen, v)
        weights = chosen.mean(1) if average_attn_weights else chosen
    else:
        p = self.dropout if self.training else 0.0
        out = torch.scaled_dot_product_attention(q, k, v, mask, p, is_causal and mask is None)
    out = self.out_proj(out.transpose(1, 2).reshape(q.size(0), q.size(2), size))
    if not batched:
        if weights is not None:
            weights = weights.squeeze(0)
        return out.squeeze(0), weights
    return out if self.batch_first else out.transpose(0, 1), weights


def encoder_layer(
    self, src: Tensor, src_mask: Optional[Tensor] = None, src_key_padding_mask: Optional[Tensor] = None,
    is_causal: bool = False,
) -> Tensor:  # fmt: skip
    x = src
    if self.norm_first:
        x = x + self._attended(self.norm1(x), src_mask, src_key_padding_mask, is_causal)
        return x + self._fed_forward(self.norm2(x))
    x = self.norm1(x + self._attended(x, src_mask, src_key_padding_mask, is_causal))
    return self.norm2(x + self._fed_forward(x))


def encoder(
    self, src: Tensor, mask: Optional[Tensor] = None, src_key_padding_mask: Optional[Tensor] = None,
    is_causal: Optional[bool] = None,
) -> Tensor:  # fmt: skip
    for layer in self.layers:
        src = layer(src, mask, src_key_padding_mask, is_causal is not None and is_causal)
    if self.norm is not None:
        src = self.norm(src)
    return src


def decoder(
    self, tgt: Tensor, memory: Tensor, tgt_mask: Optional[Tensor] = None, memory_mask: Optional[Tensor] = None,
    tgt_key_padding_mask: Optional[Tensor] = None, memory_key_padding_mask: Optional[Tensor] = None,
    tgt_is_causal: Optional[bool] = None, memory_is_causal: bool = False,
) -> Tensor:  # fmt: skip
    causal = tgt_is_causal is not None and tgt_is_causal
    for layer in self.layers:
        tgt = layer(
            tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, causal, memory_is_causal
        )
    if self.norm is not None:
        tgt = self.norm(tgt)
    return tgt


LAYERS = {
    "MultiheadAttention": {"forward": multihead_attention}, "TransformerEncoderLayer": {"forward": encoder_layer},
    "TransformerEncoder": {"forward": encoder}, "TransformerDecoder": {"forward": decoder},
}  # fmt: skip
"""By the name of the layer's class."""

__all__ = ["LAYERS"]
