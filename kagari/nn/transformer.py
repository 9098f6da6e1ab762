"""Transformers: stacks of layers, and an encoder and a decoder together.

Shapes: L positions of a target, S of a source, N sequences in a batch, E numbers at each position. The batch comes
second, and first with `batch_first`; it may be left out.
"""

from __future__ import annotations

import copy
import warnings
from typing import Any

from ..autograd.modes import is_grad_enabled
from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.device import Device
from . import functional as F
from . import init
from .container import ModuleList
from .functional_attention import canonical_mask, mask_type
from .module import Module
from .normalization import LayerNorm
from .transformer_layer import Activation, TransformerDecoderLayer, TransformerEncoderLayer


def _square_subsequent_mask(size: int, device: str | Device | None = None, dtype: dtype | None = None) -> Tensor:
    """-inf above the diagonal, 0 elsewhere: position i looks at positions 0 to i."""
    return ops.triu(ops.full((size, size), float("-inf"), dtype=dtype, device=device), diagonal=1)


def _is_causal(mask: Tensor | None, said: bool | None, size: int | None) -> bool:
    """Whether a mask is causal, found out by comparison where it is not said."""
    if said is not None or mask is None:
        return said is True
    causal = _square_subsequent_mask(mask.shape[-2] if size is None else size, mask.device, mask.dtype)
    return mask.shape == causal.shape and bool((mask == causal).all())


def _length(x: Tensor, layers: ModuleList) -> int | None:
    """The number of positions, where the shape says it."""
    if x.ndim not in (2, 3):
        return None
    attention = getattr(layers[0], "self_attn", None) if len(layers) else None
    return x.shape[1 if x.ndim == 3 and getattr(attention, "batch_first", False) else 0]


def _clones(module: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(module) for _ in range(count)])


class TransformerEncoder(Module):
    r"""Encoder layers one after the other, each of them a copy of the one that is given.

    Args:
        encoder_layer (TransformerEncoderLayer): what is copied, with its weights.
        num_layers (int): how many times.
        norm (Module, optional): a normalisation at the end.
        enable_nested_tensor (bool): the outputs of positions to be ignored are zeros, where no gradient is wanted, in
            evaluation, without a mask, and for layers with the batch first and PyTorch's usual options. Default:
            ``True``
        mask_check (bool): whether that is so only for positions to be ignored at the end of sequences. Default:
            ``True``

    Shape: that of :class:`TransformerEncoderLayer`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        >>> tuple(nn.TransformerEncoder(layer, num_layers=2)(torch.randn(3, 10, 8)).shape)
        (3, 10, 8)
    """

    __constants__ = ("norm",)

    def __init__(
        self,
        encoder_layer: TransformerEncoderLayer,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        reason = _why_not_packed(encoder_layer)
        self.use_nested_tensor = enable_nested_tensor and not reason
        if enable_nested_tensor and reason:
            warnings.warn(
                f"enable_nested_tensor is True, but self.use_nested_tensor is False because {reason}", stacklevel=2
            )
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        padding = canonical_mask(src_key_padding_mask, "src_key_padding_mask", mask_type(mask), "mask", src.dtype)
        mask = canonical_mask(mask, "mask", None, "", src.dtype, False)
        causal = _is_causal(mask, is_causal, None if mask is None else _length(src, self.layers))
        empty = None if padding is None or mask is not None else self._left_out(src, padding)
        causal = causal and empty is None  # PyTorch looks at the hint no more then
        for layer in self.layers:
            src = layer(src, src_mask=mask, is_causal=causal, src_key_padding_mask=padding)
        if empty is not None:
            src = src.masked_fill(empty.unsqueeze(-1), 0.0)
        return src if self.norm is None else self.norm(src)

    def _left_out(self, src: Tensor, padding: Tensor) -> Tensor | None:
        """The positions for which PyTorch would compute no outputs: they are zeros then. None where it computes all."""
        if not self.use_nested_tensor or src.ndim != 3 or self.layers[0].training:
            return None
        if is_grad_enabled() and (src.requires_grad or any(p.requires_grad for p in self.layers[0].parameters())):
            return None
        kept = padding == 0
        return ~kept & (kept[:, 1:] <= kept[:, :-1]).all() if self.mask_check else ~kept


def _why_not_packed(layer: Module) -> str:
    """What keeps PyTorch from computing with nested tensors in an encoder of this layer; nothing where it does."""
    if not isinstance(layer, TransformerEncoderLayer):
        return "encoder_layer was not TransformerEncoderLayer"
    attention = layer.self_attn
    reasons = {
        "norm_first was True": layer.norm_first,
        "self_attn.batch_first was not True(use batch_first for better inference performance)": not (
            attention.batch_first
        ),
        "self_attn was passed bias=False": attention.in_proj_bias is None,
        "self_attn._qkv_same_embed_dim was not True": not attention._qkv_same_embed_dim,
        "activation_relu_or_gelu was not True": not layer.activation_relu_or_gelu,
        "norm1.eps was not equal to encoder_layer.norm2.eps": layer.norm1.eps != layer.norm2.eps,
        "self_attn.num_heads is odd": attention.num_heads % 2 == 1,
    }
    return next((f"encoder_layer.{reason}" for reason, holds in reasons.items() if holds), "")


class TransformerDecoder(Module):
    r"""Decoder layers one after the other, each of them a copy of the one that is given.

    Args:
        decoder_layer (TransformerDecoderLayer): what is copied, with its weights.
        num_layers (int): how many times.
        norm (Module, optional): a normalisation at the end.

    Shape: that of :class:`TransformerDecoderLayer`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), num_layers=2)
        >>> tuple(decoder(torch.randn(10, 3, 8), torch.randn(7, 3, 8)).shape)
        (10, 3, 8)
    """

    __constants__ = ("norm",)

    def __init__(self, decoder_layer: TransformerDecoderLayer, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        causal = _is_causal(tgt_mask, tgt_is_causal, _length(tgt, self.layers))
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    r"""An encoder of a source sequence and a decoder of a target sequence that looks at what was encoded.

    Args:
        d_model (int): :math:`E`. Default: 512
        nhead (int): how many heads each attention has. Default: 8
        num_encoder_layers, num_decoder_layers (int): how many layers. Default: 6
        dim_feedforward (int): the size between the two linear layers of a layer. Default: 2048
        dropout (float): the probability of dropout. Default: 0.1
        activation (str or Callable): ``"relu"``, ``"gelu"`` or a function. Default: relu
        custom_encoder, custom_decoder (Module, optional): instead of the ones that are made otherwise.
        layer_norm_eps (float): the eps of the normalisations. Default: 1e-5
        batch_first (bool): the batch comes first. Default: ``False``
        norm_first (bool): normalises what goes into a part instead of what comes out. Default: ``False``
        bias (bool): whether the layers have biases. Default: ``True``
        device, dtype: where the parameters are made, and of which type.

    Shape:
        - Src: :math:`(S, N, E)`.
        - Tgt: :math:`(L, N, E)`.
        - Src_mask: :math:`(S, S)`; tgt_mask: :math:`(L, L)`; memory_mask: :math:`(L, S)`.
        - Src_key_padding_mask and memory_key_padding_mask: :math:`(N, S)`; tgt_key_padding_mask: :math:`(N, L)`.
        - Output: the shape of tgt.

    All matrices are Xavier uniform.

    Source: Vaswani et al., *Attention is all you need* (2017).

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> model = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
        >>> tuple(model(torch.randn(3, 10, 8), torch.randn(3, 7, 8)).shape)
        (3, 7, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        custom_encoder: Any | None = None,
        custom_decoder: Any | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first)
        if custom_encoder is not None:
            self.encoder = custom_encoder
        else:
            encoder_layer = TransformerEncoderLayer(*sizes, **made)
            norm = LayerNorm(d_model, eps=layer_norm_eps, **made)
            self.encoder = TransformerEncoder(encoder_layer, num_encoder_layers, norm)
        if custom_decoder is not None:
            self.decoder = custom_decoder
        else:
            decoder_layer = TransformerDecoderLayer(*sizes, **made)
            norm = LayerNorm(d_model, eps=layer_norm_eps, **made)
            self.decoder = TransformerDecoder(decoder_layer, num_decoder_layers, norm)
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        """Draws all matrices anew."""
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        batch = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[batch] != tgt.shape[batch]:
            raise RuntimeError("the batch number of src and tgt must be equal")
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(
        sz: int, device: str | Device | None = None, dtype: dtype | None = None
    ) -> Tensor:
        r"""A causal mask: -inf above the diagonal, where a position may not look, and 0 elsewhere.

        Example::

            >>> from kagari import nn
            >>> nn.Transformer.generate_square_subsequent_mask(2).tolist()
            [[0.0, -inf], [0.0, 0.0]]
        """
        return _square_subsequent_mask(sz, device, dtype)


__all__ = ["Transformer", "TransformerDecoder", "TransformerEncoder"]
