"""Attention in windows of images, as in `swin_transformer`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ... import nn
from ...eager import Tensor
from ...eager import operators as ops
from ...eager.convert import from_numpy
from ...fx import wrap
from ...nn import functional as F

Pair = Sequence[int]


def _windows(x: Tensor, window: Pair) -> Tensor:
    """The windows of images: (N, H, W, C) to (N * windows, tokens, C)."""
    n, h, w, c = x.shape
    x = x.view(n, h // window[0], window[0], w // window[1], window[1], c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, window[0] * window[1], c)


def _images(x: Tensor, window: Pair, h: int, w: int) -> Tensor:
    """The images of windows: (N * windows, tokens, C) to (N, H, W, C)."""
    x = x.view(-1, h // window[0], w // window[1], window[0], window[1], x.size(-1))
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, h, w, x.size(-1))


@lru_cache(maxsize=64)
def _mask(h: int, w: int, window: tuple[int, int], shift: tuple[int, int]) -> np.ndarray:
    """-100 for tokens of a window that are not neighbours in the image before the shift: (windows, tokens, tokens)."""
    region = np.zeros((h, w), np.float32)
    for axis, place in enumerate((region, region.T)):
        if shift[axis]:
            place[-window[axis] :] += 3**axis
            place[-shift[axis] :] += 3**axis
    in_windows = region.reshape(h // window[0], window[0], w // window[1], window[1]).transpose(0, 2, 1, 3)
    of_tokens = in_windows.reshape(-1, window[0] * window[1])
    return np.where(of_tokens[:, :, None] == of_tokens[:, None, :], np.float32(0), np.float32(-100))


def relative_position_index(rows: int, columns: int) -> Tensor:
    """A number for where one token of a window lies seen from another: (tokens, tokens)."""
    at = np.indices((rows, columns)).reshape(2, -1)
    down, right = at[:, :, None] - at[:, None, :]
    return from_numpy((down + rows - 1) * (2 * columns - 1) + right + columns - 1)


def shifted_window_attention(
    input: Tensor,
    qkv_weight: Tensor,
    proj_weight: Tensor,
    relative_position_bias: Tensor,
    window_size: Pair,
    num_heads: int,
    shift_size: Pair,
    attention_dropout: float = 0.0,
    dropout: float = 0.0,
    qkv_bias: Tensor | None = None,
    proj_bias: Tensor | None = None,
    logit_scale: Tensor | None = None,
    training: bool = True,
) -> Tensor:
    """Attention within the windows of images, after a shift: (N, H, W, C) to the same.

    With ``logit_scale``, attention is by the cosine of queries and keys, and keys have no bias.
    """
    n, h, w, c = input.shape
    x = F.pad(input, (0, 0, 0, -w % window_size[1], 0, -h % window_size[0]))
    padded = (x.size(1), x.size(2))
    # One window over the whole image needs no shift.
    shift = tuple(0 if size <= window else s for size, window, s in zip(padded, window_size, shift_size))
    if any(shift):
        x = ops.roll(x, [-s for s in shift], (1, 2))
    x = _windows(x, window_size)
    if logit_scale is not None and qkv_bias is not None:
        qkv_bias = qkv_bias.clone()
        qkv_bias[c : 2 * c].zero_()
    qkv = F.linear(x, qkv_weight, qkv_bias).view(x.size(0), x.size(1), 3, num_heads, c // num_heads)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (N * windows, heads, tokens, C / heads)
    if logit_scale is not None:
        scale = ops.clamp(logit_scale, max=math.log(100.0)).exp()
        attention = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1) * scale
    else:
        attention = (q * (c // num_heads) ** -0.5) @ k.transpose(-2, -1)
    attention = attention + relative_position_bias
    if any(shift):
        mask = from_numpy(_mask(*padded, tuple(window_size), shift))
        by_image = attention.view(n, mask.size(0), num_heads, x.size(1), x.size(1))
        attention = (by_image + mask.unsqueeze(1)).view_as(attention)
    attention = F.dropout(attention.softmax(-1), attention_dropout, training)
    x = (attention @ v).transpose(1, 2).reshape(x.size(0), x.size(1), c)
    x = F.dropout(F.linear(x, proj_weight, proj_bias), dropout, training)
    x = _images(x, window_size, *padded)
    if any(shift):
        x = ops.roll(x, shift, (1, 2))
    return x[:, :h, :w].contiguous()


wrap("shifted_window_attention")  # a graph of the model keeps it as one call: it looks at sizes


class ShiftedWindowAttention(nn.Module):
    """Attention within the windows of images, with a bias for each relative position: (N, H, W, C) to the same.

    Raises ValueError for a window or a shift that is no pair.
    """

    def __init__(
        self,
        dim: int,
        window_size: Pair,
        shift_size: Pair,
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(window_size) != 2 or len(shift_size) != 2:
            raise ValueError("window_size and shift_size must be of length 2")
        self.window_size, self.shift_size, self.num_heads = window_size, shift_size, num_heads
        self.attention_dropout, self.dropout = attention_dropout, dropout
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self.define_relative_position_bias_table()
        self.define_relative_position_index()

    def define_relative_position_bias_table(self) -> None:
        """Makes what the bias is taken from."""
        rows, columns = (2 * size - 1 for size in self.window_size)
        self.relative_position_bias_table = nn.Parameter(ops.zeros(rows * columns, self.num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def define_relative_position_index(self) -> None:
        """Makes the row of the table for each pair of tokens: (tokens * tokens,)."""
        self.register_buffer("relative_position_index", relative_position_index(*self.window_size).flatten())

    def get_relative_position_bias(self) -> Tensor:
        """The bias for each pair of tokens: (1, heads, tokens, tokens)."""
        return self._of_pairs(self.relative_position_bias_table)

    def _of_pairs(self, table: Tensor) -> Tensor:
        tokens = self.window_size[0] * self.window_size[1]
        return table[self.relative_position_index].view(tokens, tokens, -1).permute(2, 0, 1).contiguous().unsqueeze(0)

    def forward(self, x: Tensor) -> Tensor:
        return shifted_window_attention(
            x, self.qkv.weight, self.proj.weight, self.get_relative_position_bias(), self.window_size, self.num_heads,
            self.shift_size, self.attention_dropout, self.dropout, self.qkv.bias, self.proj.bias,
            getattr(self, "logit_scale", None), self.training,
        )  # fmt: skip


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """As `ShiftedWindowAttention`, but by cosines, and with a bias that a small network makes of relative positions."""

    def __init__(
        self,
        dim: int,
        window_size: Pair,
        shift_size: Pair,
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(dim, window_size, shift_size, num_heads, qkv_bias, proj_bias, attention_dropout, dropout)
        self.logit_scale = nn.Parameter(ops.log(10 * ops.ones((num_heads, 1, 1))))
        self.cpb_mlp = nn.Sequential(nn.Linear(2, 512), nn.ReLU(inplace=True), nn.Linear(512, num_heads, bias=False))
        if self.qkv.bias is not None:
            nn.init.zeros_(self.qkv.bias[dim : 2 * dim])

    def define_relative_position_bias_table(self) -> None:
        """Makes what the network sees: relative positions on a logarithmic scale, (1, rows, columns, 2)."""
        steps = (8 * ops.arange(1.0 - size, size) / (size - 1) for size in self.window_size)
        table = ops.stack(ops.meshgrid(*steps, indexing="ij"), -1).unsqueeze(0)
        self.register_buffer("relative_coords_table", table.sign() * ops.log2(table.abs() + 1.0) / 3.0)

    def get_relative_position_bias(self) -> Tensor:
        """The bias for each pair of tokens: (1, heads, tokens, tokens)."""
        return 16 * ops.sigmoid(self._of_pairs(self.cpb_mlp(self.relative_coords_table).view(-1, self.num_heads)))


__all__ = [
    "Pair", "ShiftedWindowAttention", "ShiftedWindowAttentionV2", "relative_position_index", "shifted_window_attention",
]  # fmt: skip
