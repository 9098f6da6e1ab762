"""Attention whose scores and masks a function of the positions tells.

The functions are written for one score or one position. They are called once, with tensors of positions that broadcast
to all scores, so they have to be element by element; two of their values are computed alone, and RuntimeError is raised
where these are others.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt
from typing import Any, NamedTuple

from ...autograd.modes import no_grad
from ...base import dtypes
from ...eager import Tensor
from ...eager import operators as ops

__all__ = [
    "AuxOutput", "AuxRequest", "BlockMask", "and_masks", "create_block_mask", "create_mask", "flex_attention",
    "noop_mask", "or_masks",
]  # fmt: skip

_DEFAULT_SPARSE_BLOCK_SIZE = 128
_Mod = Callable[..., Tensor]
_COUNTS = (
    "kv_num_blocks", "kv_indices", "full_kv_num_blocks", "full_kv_indices", "q_num_blocks", "q_indices",
    "full_q_num_blocks", "full_q_indices",
)  # fmt: skip
_MORE = (
    "...\nTo print out more, set BlockMask.to_string(limit=N)\n"
    "You can also index (BlockMask[batch, head]) to choose a specific batch or head"
)


class AuxRequest(NamedTuple):
    """What :func:`flex_attention` gives besides its result: logarithms of sums, largest scores."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for with :class:`AuxRequest`; None for the rest."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


def noop_mask(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    """The mask that lets everything through."""
    return batch.new_ones((), dtype=dtypes.bool_)


def and_masks(*mask_mods: _Mod) -> _Mod:
    """What all of these masks let through."""

    def both(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        result = noop_mask(b, h, q, k)
        for mod in mask_mods:
            result = result & mod(b, h, q, k)
        return result

    return both


def or_masks(*mask_mods: _Mod) -> _Mod:
    """What one of these masks lets through."""

    def either(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        result = ~noop_mask(b, h, q, k)
        for mod in mask_mods:
            result = result | mod(b, h, q, k)
        return result

    return either


def _everywhere(mod: _Mod, shape: tuple[int, ...], device: Any, *scores: Tensor) -> Tensor:
    """What a function gives for all positions. Raises RuntimeError where it is not element by element."""
    places = [ops.arange(n, device=device).reshape([n if d == i else 1 for d in range(4)]) for i, n in enumerate(shape)]
    found = mod(*scores, *places).expand(shape)
    with no_grad():
        for at in (tuple(n // 2 for n in shape), tuple(n - 1 for n in shape)) if prod(shape) else ():
            alone = mod(*(score[at] for score in scores), *(ops.tensor(i, device=device) for i in at))
            if alone.numel() != 1 or not ops.isclose(alone.double(), found[at].double(), equal_nan=True).item():
                raise RuntimeError(
                    f"flex_attention: {getattr(mod, '__name__', mod)} gives {alone.tolist()} for the position {at} "
                    f"alone and {found[at].tolist()} among all positions: it has to be element by element"
                )
    return found


def create_mask(
    mod_fn: _Mod, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = None
) -> Tensor:  # fmt: skip
    """The mask of shape (B, H, Q_LEN, KV_LEN) that a function of the positions tells; None counts as one.

    >>> create_mask(lambda b, h, q, k: q >= k, None, None, 2, 2).tolist()
    [[[[True, False], [True, True]]]]
    """
    return _everywhere(mod_fn, (B or 1, H or 1, Q_LEN, KV_LEN), device)


class BlockMask:
    """A mask, and which blocks of it let everything, something or nothing through.

    Attributes:
        shape: (B, H, Q_LEN, KV_LEN)
        kv_num_blocks, kv_indices: of each row of blocks, how many let something through, and those in front
        full_kv_num_blocks, full_kv_indices: the same of blocks that let everything through
        q_num_blocks, q_indices, full_q_num_blocks, full_q_indices: the same of each column of blocks

    ``print(mask)`` draws the blocks; ``mask[batch, head]`` is a part of it.
    """

    def __init__(self, mask: Tensor, mask_mod: _Mod, block: tuple[int, int]) -> None:
        self._mask, self.mask_mod, self.BLOCK_SIZE = mask, mask_mod, block
        self.shape = tuple(mask.shape)
        self.seq_lengths = self.shape[2:]
        rows, columns = (-(-n // size) for n, size in zip(self.seq_lengths, block))
        padded = mask.new_zeros((*self.shape[:2], rows * block[0], columns * block[1]))
        padded[..., : self.shape[2], : self.shape[3]] = mask
        counts = padded.reshape(*self.shape[:2], rows, block[0], columns, block[1]).sum((3, 5))
        full = counts == block[0] * block[1]
        self._some = counts > 0
        partial = self._some & ~full
        self.kv_num_blocks, self.kv_indices = _ordered(partial)
        self.full_kv_num_blocks, self.full_kv_indices = _ordered(full)
        self.q_num_blocks, self.q_indices = _ordered(partial.mT)
        self.full_q_num_blocks, self.full_q_indices = _ordered(full.mT)

    def __getitem__(self, index: Any) -> BlockMask:
        index = index if isinstance(index, tuple) else (index,)
        kept = tuple([slice(i, i + 1 or None) if isinstance(i, int) else i for i in index])
        return BlockMask(self._mask[kept], self.mask_mod, self.BLOCK_SIZE)

    def __str__(self) -> str:
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, \n{self.to_string().strip()}\n)"

    def __repr__(self) -> str:
        lines = [f"{name}={getattr(self, name).shape}" for name in _COUNTS]
        lines += [f"BLOCK_SIZE={self.BLOCK_SIZE}", f"shape={self.shape}", f"sparsity={self.sparsity():.2f}%"]
        lines.append(f"mask_mod={getattr(self.mask_mod, '__name__', self.mask_mod)}")
        return "BlockMask(\n    " + ",\n    ".join(lines) + "\n)"

    def to_string(self, grid_size: int | tuple[int, int] = (20, 20), limit: int = 4) -> str:
        """A picture of the blocks of each head, of the first `limit` ones: full where they let something through.

        With more rows or columns than `grid_size` several share a character, which is light where only some of them
        let something through; -1 draws all.

        >>> create_block_mask(lambda b, h, q, k: q >= k, None, None, 4, 4, BLOCK_SIZE=2).to_string()
        '(0, 0)\\n██  \\n████\\n'
        """
        sizes = (grid_size, grid_size) if isinstance(grid_size, int) else grid_size
        some = self.to_dense().tolist()
        places = [(b, h) for b in range(self.shape[0]) for h in range(self.shape[1])]
        pictures = [f"{place}\n{_drawn(some[place[0]][place[1]], sizes)}\n" for place in places[:limit]]
        if len(places) > limit:
            pictures.append(_MORE)
        return "\n".join(pictures)

    def numel(self) -> int:
        """How many elements the mask has."""
        return prod(self.shape)

    def to_dense(self) -> Tensor:
        """For each block, whether it lets something through."""
        return self._some.int()

    def sparsity(self) -> float:
        """How much of the mask lies in blocks that let nothing through, in percent."""
        return 100 * (1 - int(self._some.sum()) * prod(self.BLOCK_SIZE) / self.numel())


def _drawn(blocks: list[list[int]], sizes: tuple[int, int]) -> str:
    """Rows of blocks as lines of characters, several blocks to a character where there are more than so many."""
    high, wide = (1 if size < 0 else -(-n // size) for n, size in zip((len(blocks), len(blocks[0])), sizes))
    lines = []
    for top in range(0, len(blocks), high):
        rows = blocks[top : top + high]
        cells = [[x for row in rows for x in row[left : left + wide]] for left in range(0, len(blocks[0]), wide)]
        lines.append("".join(["██" if all(cell) else "░░" if any(cell) else "  " for cell in cells]))
    return "\n".join(lines)


def _ordered(blocks: Tensor) -> tuple[Tensor, Tensor]:
    return blocks.sum(-1).int(), blocks.int().argsort(dim=-1, descending=True, stable=True).int()


def create_block_mask(
    mask_mod: _Mod,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: Any = None,
    BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
    _compile: bool = False,
) -> BlockMask:
    """The :class:`BlockMask` that a function of the positions tells; it is computed as a whole.

    >>> create_block_mask(lambda b, h, q, k: q >= k, None, None, 4, 4, BLOCK_SIZE=2).to_dense().tolist()
    [[[[1, 0], [1, 1]]]]
    """
    block = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else BLOCK_SIZE
    return BlockMask(create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device), mask_mod, block)


def _check(q: Tensor, k: Tensor, v: Tensor, mask: BlockMask | None, gqa: bool) -> None:
    if q.is_nested or k.is_nested or v.is_nested:
        raise NotImplementedError(
            "flex_attention does not support NestedTensor inputs. Convert inputs to dense tensors before calling "
            "flex_attention."
        )
    if not q.ndim == k.ndim == v.ndim == 4:
        raise NotImplementedError("NYI: query, key, and value must be 4D tensors")
    if q.size(0) != k.size(0) and (mask is None or k.size(0) != 1):
        raise ValueError(
            "Expect query and key/value to have the same batch size, or non-none block_mask, but got "
            f"block_mask={mask}, Bq={q.size(0)}, and Bkv={k.size(0)}."
        )
    if q.size(-1) != k.size(-1):
        raise ValueError(
            f"Expect query and key/value to have the same embedding dimension but got E={q.size(-1)} and "
            f"E={k.size(-1)}."
        )
    if not gqa and q.size(1) != k.size(1):
        raise ValueError(
            f"Expect query and key/value to have the same number of heads but got Hq={q.size(1)} and "
            f"Hkv={k.size(1)}. Try setting enable_gqa=True for GQA."
        )
    if q.size(1) % k.size(1):
        raise ValueError(
            f"Expect number of query heads to be a multiple of kv heads for GQA but got Hq={q.size(1)} and "
            f"Hkv={k.size(1)}."
        )
    if mask is not None and mask.seq_lengths != (q.size(2), k.size(2)):
        raise ValueError(
            f"block_mask was created for block_mask.shape={mask.shape} but got q_len={q.size(2)} and "
            f"kv_len={k.size(2)}. Create a new block mask for these lengths."
        )


def flex_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: _Mod | None = None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: Any = None,
    *,
    return_aux: AuxRequest | None = None,
) -> Any:
    r"""``softmax(score_mod(scale * query @ key.mT)) @ value``, with gradients; a row of which all is masked is zero.

    Shapes are :math:`(B, H, L, E)`, :math:`(B, H_{kv}, S, E)`, :math:`(B, H_{kv}, S, E_v)`, and
    :math:`(B, H, L, E_v)` of the result. All scores are in memory at a time.

    Args:
        score_mod: changes a score: ``score_mod(score, batch, head, q_idx, kv_idx)``
        block_mask: from :func:`create_block_mask`
        scale: Default: :math:`1 / \sqrt{E}`
        enable_gqa: whether a head of keys may serve several of queries
        return_lse, return_aux: what to give besides the result
        kernel_options: accepted as PyTorch has it

    Raises ValueError and NotImplementedError for shapes that don't fit.

    >>> import kagari as torch
    >>> x = torch.arange(4.0).view(1, 1, 2, 2)
    >>> flex_attention(x, x, x, block_mask=create_block_mask(lambda b, h, q, k: q == k, None, None, 2, 2)).tolist()
    [[[[0.0, 1.0], [2.0, 3.0]]]]
    """
    _check(query, key, value, block_mask, enable_gqa)
    groups = query.size(1) // key.size(1)
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    work = dtypes.float64 if query.dtype is dtypes.float64 else dtypes.float32
    scores = query.to(work) @ key.to(work).mT * (1 / sqrt(query.size(-1)) if scale is None else scale)
    if score_mod is not None:
        scores = _everywhere(score_mod, tuple(scores.shape), query.device, scores)
    if block_mask is not None:
        scores = ops.where(block_mask._mask, scores, -float("inf"))
    lse = scores.logsumexp(-1)
    weights = (scores - lse.masked_fill(lse == -float("inf"), 0.0).unsqueeze(-1)).exp()
    result = (weights @ value.to(work)).to(query.dtype)
    if return_aux is not None:
        largest = scores.amax(-1) if return_aux.max_scores else None
        return result, AuxOutput(lse if return_aux.lse else None, largest)
    return (result, lse) if return_lse else result
