"""The layers of transformers: attention and what sees each position by itself, each added to what it is given.

Shapes: L positions of a target, S of a source, N sequences in a batch, E numbers at each position. The batch comes
second, and first with `batch_first`; it may be left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager.device import Device
from . import functional as F
from .dropout import Dropout
from .functional_attention import canonical_mask, mask_type
from .linear import Linear
from .module import Module
from .multihead_attention import MultiheadAttention
from .normalization import LayerNorm

Activation = Callable[[Tensor], Tensor]


def _activation(wanted: str | Activation) -> Activation:
    """The function, which may be given by its name."""
    if not isinstance(wanted, str):
        return wanted
    if wanted not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {wanted}")
    found: Activation = F.relu if wanted == "relu" else F.gelu
    return found


class TransformerEncoderLayer(Module):
    r"""Attention of a sequence to itself, then two linear layers at each position; each is added to what it is given.

    .. math::
        z = \text{norm}_1(x + \text{attention}(x)), \qquad
        y = \text{norm}_2(z + W_2\, \text{activation}(W_1 z))

    Args:
        d_model (int): :math:`E`.
        nhead (int): how many heads the attention has.
        dim_feedforward (int): the size between the two linear layers. Default: 2048
        dropout (float): the probability of dropout, at weights of attention and after each part. Default: 0.1
        activation (str or Callable): ``"relu"``, ``"gelu"`` or a function. Default: relu
        layer_norm_eps (float): the eps of the normalisations. Default: 1e-5
        batch_first (bool): the batch comes first. Default: ``False``
        norm_first (bool): normalises what goes into a part instead of what comes out. Default: ``False``
        bias (bool): whether the layers have biases. Default: ``True``
        device, dtype: where the parameters are made, and of which type.

    Shape:
        - Input: :math:`(S, N, E)`.
        - Src_mask: :math:`(S, S)` or :math:`(N \cdot \text{nhead}, S, S)`, true where a position may not look at
          another one, or numbers that are added.
        - Src_key_padding_mask: :math:`(N, S)`, true for positions to be ignored.
        - Output: the shape of the input.

    Source: Vaswani et al., *Attention is all you need* (2017).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16)
        >>> tuple(layer(torch.randn(10, 3, 8)).shape)
        (10, 3, 8)
    """

    __constants__ = ("norm_first",)

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, **made)
        self.linear1 = Linear(d_model, dim_feedforward, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **made)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, **made)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, **made)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _activation(activation)
        # PyTorch's layer, as which this one may be loaded, asks for it.
        self.activation_relu_or_gelu = next((k for k, f in ((1, F.relu), (2, F.gelu)) if f is self.activation), 0)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        padding = canonical_mask(
            src_key_padding_mask, "src_key_padding_mask", mask_type(src_mask), "src_mask", src.dtype
        )
        mask = canonical_mask(src_mask, "src_mask", None, "", src.dtype, False)
        x = src
        if self.norm_first:
            x = x + self._attended(self.norm1(x), mask, padding, is_causal)
            return x + self._fed_forward(self.norm2(x))
        x = self.norm1(x + self._attended(x, mask, padding, is_causal))
        return self.norm2(x + self._fed_forward(x))

    def _attended(self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool) -> Tensor:
        found, _ = self.self_attn(
            x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=False, is_causal=is_causal
        )
        return self.dropout1(found)

    def _fed_forward(self, x: Tensor) -> Tensor:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerDecoderLayer(Module):
    r"""As :class:`TransformerEncoderLayer`, with attention to the memory of an encoder in between.

    Args:
        d_model (int): :math:`E`.
        nhead (int): how many heads each attention has.
        dim_feedforward (int): the size between the two linear layers. Default: 2048
        dropout (float): the probability of dropout, at weights of attention and after each part. Default: 0.1
        activation (str or Callable): ``"relu"``, ``"gelu"`` or a function. Default: relu
        layer_norm_eps (float): the eps of the normalisations. Default: 1e-5
        batch_first (bool): the batch comes first. Default: ``False``
        norm_first (bool): normalises what goes into a part instead of what comes out. Default: ``False``
        bias (bool): whether the layers have biases. Default: ``True``
        device, dtype: where the parameters are made, and of which type.

    Shape:
        - Tgt: :math:`(L, N, E)`.
        - Memory: :math:`(S, N, E)`.
        - Tgt_mask: :math:`(L, L)`; memory_mask: :math:`(L, S)`; either with :math:`N \cdot \text{nhead}` before.
        - Tgt_key_padding_mask: :math:`(N, L)`; memory_key_padding_mask: :math:`(N, S)`.
        - Output: the shape of tgt.

    Source: Vaswani et al., *Attention is all you need* (2017).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.TransformerDecoderLayer(d_model=8, nhead=2, dim_feedforward=16)
        >>> tuple(layer(torch.randn(10, 3, 8), torch.randn(7, 3, 8)).shape)
        (10, 3, 8)
    """

    __constants__ = ("norm_first",)

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, **made)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, **made)
        self.linear1 = Linear(d_model, dim_feedforward, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **made)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, **made)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, **made)
        self.norm3 = LayerNorm(d_model, eps=layer_norm_eps, **made)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        others = (memory, memory_mask, memory_key_padding_mask, memory_is_causal)
        x = tgt
        if self.norm_first:
            x = x + self._attended(self.norm1(x), *own)
            x = x + self._remembered(self.norm2(x), *others)
            return x + self._fed_forward(self.norm3(x))
        x = self.norm1(x + self._attended(x, *own))
        x = self.norm2(x + self._remembered(x, *others))
        return self.norm3(x + self._fed_forward(x))

    def _attended(self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool) -> Tensor:
        found, _ = self.self_attn(
            x, x, x, attn_mask=mask, key_padding_mask=padding, is_causal=is_causal, need_weights=False
        )
        return self.dropout1(found)

    def _remembered(
        self, x: Tensor, memory: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool
    ) -> Tensor:
        found, _ = self.multihead_attn(
            x, memory, memory, attn_mask=mask, key_padding_mask=padding, is_causal=is_causal, need_weights=False
        )
        return self.dropout2(found)

    def _fed_forward(self, x: Tensor) -> Tensor:
        return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))


__all__ = ["Activation", "TransformerDecoderLayer", "TransformerEncoderLayer"]
