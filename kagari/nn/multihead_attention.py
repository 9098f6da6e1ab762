"""Attention of several heads as a layer."""

from __future__ import annotations

from typing import Any

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.device import Device
from . import functional as F
from . import init
from .functional_attention import canonical_mask, mask_type
from .linear import Linear
from .module import Module
from .parameter import Parameter


class NonDynamicallyQuantizableLinear(Linear):
    """A :class:`~kagari.nn.Linear` by the name that the output projection of attention has in PyTorch."""


class MultiheadAttention(Module):
    r"""Attention of several heads: each query gets an average of values, with weights from queries and keys.

    .. math::
        \text{head}_i = \text{softmax}\left(\frac{Q W^Q_i (K W^K_i)^T}{\sqrt{E / H}}\right) V W^V_i,
        \qquad y = [\text{head}_1, ..., \text{head}_H]\, W^O

    Args:
        embed_dim (int): :math:`E`, the size of a query and of a result.
        num_heads (int): :math:`H`, among which :math:`E` is shared.
        dropout (float): the probability of a weight to be zeroed in training. Default: 0.0
        bias (bool): whether all projections have a bias. Default: ``True``
        add_bias_kv (bool): whether a key and a value that are learned are appended. Default: ``False``
        add_zero_attn (bool): whether a key and a value of zeros are appended. Default: ``False``
        kdim (int, optional): the size of a key. Default: :math:`E`
        vdim (int, optional): the size of a value. Default: :math:`E`
        batch_first (bool): the batch comes first, :math:`(N, L, E)`, instead of second. Default: ``False``
        device, dtype: where the parameters are made, and of which type.

    Shape:
        - Query: :math:`(L, N, E)`, or :math:`(L, E)` without a batch.
        - Key: :math:`(S, N, E_k)`; Value: :math:`(S, N, E_v)`; or without :math:`N`.
        - Key_padding_mask: :math:`(N, S)`, true (or -inf) for keys to be ignored.
        - Attn_mask: :math:`(L, S)` or :math:`(N H, L, S)`, true where a query may not look at a key, or numbers that
          are added.
        - Output: the shape of the query; and the weights, :math:`(N, L, S)`, or :math:`(N, H, L, S)` if they are not
          averaged, or ``None`` if they are not needed, which is faster.
        - With ``batch_first`` and without masks, all three may be nested tensors, :math:`(N, j, E)`: so is the output
          then, and the weights are filled up with zeros.

    Attributes:
        in_proj_weight: :math:`W^Q, W^K, W^V` in one, of shape :math:`(3 E, E)`, Xavier uniform; of other sizes of keys
            or values three, ``q_proj_weight``, ``k_proj_weight`` and ``v_proj_weight``.
        in_proj_bias: of shape :math:`(3 E)`, zeros.
        out_proj: the :class:`~kagari.nn.Linear` layer of :math:`W^O`, with a bias of zeros.
        bias_k, bias_v: of shape :math:`(1, 1, E)`, Xavier normal.

    Source: Vaswani et al., *Attention is all you need* (2017).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> attention = nn.MultiheadAttention(8, 2, batch_first=True)
        >>> x = torch.randn(4, 5, 8)
        >>> y, weights = attention(x, x, x)
        >>> tuple(y.shape), tuple(weights.shape)
        ((4, 5, 8), (4, 5, 5))
    """

    __constants__ = ("batch_first",)
    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} "
                "instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")

        def made(present: bool, *shape: int) -> Parameter | None:
            return Parameter(ops.empty(shape, device=device, dtype=dtype)) if present else None

        packed = self._qkv_same_embed_dim
        self.register_parameter("q_proj_weight", made(not packed, embed_dim, embed_dim))
        self.register_parameter("k_proj_weight", made(not packed, embed_dim, self.kdim))
        self.register_parameter("v_proj_weight", made(not packed, embed_dim, self.vdim))
        self.register_parameter("in_proj_weight", made(packed, 3 * embed_dim, embed_dim))
        self.register_parameter("in_proj_bias", made(bias, 3 * embed_dim))
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.register_parameter("bias_k", made(add_bias_kv, 1, 1, embed_dim))
        self.register_parameter("bias_v", made(add_bias_kv, 1, 1, embed_dim))
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draws the matrices anew, but for that of the output, which draws its own."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, None if self.in_proj_bias is None else self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        if query.is_nested:
            return self._of_each(query, key, value, key_padding_mask, need_weights, attn_mask, average_attn_weights)
        padding = canonical_mask(key_padding_mask, "key_padding_mask", mask_type(attn_mask), "attn_mask", query.dtype)
        mask = canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, False)
        turned = self.batch_first and query.ndim == 3
        if turned:
            # What is one tensor stays one: that it is decides how it is projected.
            first = query.transpose(0, 1)
            second = first if key is query else key.transpose(0, 1)
            query, key, value = first, second, second if value is key else value.transpose(0, 1)
        result, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=padding,
            need_weights=need_weights,
            attn_mask=mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return result.transpose(0, 1) if turned else result, weights

    def _of_each(
        self,
        query: Any,
        key: Any,
        value: Any,
        padding: Tensor | None,
        need_weights: bool,
        mask: Tensor | None,
        average: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Attention within each sequence of a nested tensor; the weights filled up with zeros."""
        if not self.batch_first or padding is not None or mask is not None:
            raise AssertionError(
                "MultiheadAttention does not support NestedTensor unless batch_first is True, and with masks"
            )
        queries = query.unbind()
        keys = queries if key is query else key.unbind()  # what is one tensor stays one, as above
        values = keys if value is key else value.unbind()
        found = [
            self.forward(q, k, v, need_weights=need_weights, average_attn_weights=average)
            for q, k, v in zip(queries, keys, values, strict=True)
        ]
        result = query._of([x for x, _ in found])
        if not need_weights:
            return result, None
        sizes = [max(x.shape[0] for x in column) for column in (queries, keys)]
        weights = [
            ops.pad(w, (0, sizes[1] - w.shape[-1], 0, sizes[0] - w.shape[-2])) for _, w in found if w is not None
        ]
        return result, ops.stack(weights)


__all__ = ["MultiheadAttention"]
