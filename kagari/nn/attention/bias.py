"""Masks of attention that let each query look at the keys up to a diagonal."""

from __future__ import annotations

import warnings
from enum import IntEnum

from ...base.dtypes import bool_
from ...eager import Tensor
from ...eager import operators as ops


class CausalVariant(IntEnum):
    """At which corner of the mask the diagonal starts; they differ where there are more keys than queries.

    >>> from kagari.nn.attention.bias import CausalVariant
    >>> CausalVariant.LOWER_RIGHT
    <CausalVariant.LOWER_RIGHT: 2>
    """

    UPPER_LEFT = 1
    LOWER_RIGHT = 2

    def __str__(self) -> str:
        return f"CausalVariant.{self.name}"


class CausalBias(Tensor):
    r"""A boolean mask for `scaled_dot_product_attention`, :math:`(L, S)`: true where a query may look at a key.

    Query number i looks at keys 0 to i, or with `LOWER_RIGHT` at keys 0 to :math:`i + S - L`.

    Args:
        variant (CausalVariant): where the diagonal starts.
        seq_len_q (int): :math:`L`.
        seq_len_kv (int): :math:`S`.

    Raises AssertionError for any other variant. With `LOWER_RIGHT` and more queries than keys it warns, as the first
    queries look at none.

    Example::

        >>> from kagari.nn.attention.bias import CausalBias, CausalVariant
        >>> CausalBias(CausalVariant.LOWER_RIGHT, 1, 2)
        tensor([[True, True]])
    """

    __torch_function__ = None  # type: ignore[assignment]
    variant: CausalVariant
    seq_len_q: int
    seq_len_kv: int

    def __new__(cls, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> CausalBias:
        if not isinstance(variant, CausalVariant):
            raise AssertionError(f"variant must be a CausalVariant, got {type(variant).__name__}")
        last = seq_len_kv - seq_len_q if variant == CausalVariant.LOWER_RIGHT else 0
        made: CausalBias = ops.tril(ops.ones(seq_len_q, seq_len_kv, dtype=bool_), last).as_subclass(cls)
        made.variant, made.seq_len_q, made.seq_len_kv = variant, seq_len_q, seq_len_kv
        return made

    def __init__(self, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> None:
        if variant == CausalVariant.LOWER_RIGHT and seq_len_q > seq_len_kv:
            warnings.warn(
                "Lower right causal bias: with more queries than keys, the first queries look at no key", stacklevel=3
            )

    def __repr__(self) -> str:
        return repr(self.as_subclass(Tensor))


def causal_upper_left(*size: int) -> CausalBias:
    """The mask for so many queries and keys whose diagonal starts with the first key.

    Raises AssertionError for anything but two sizes.

    >>> from kagari.nn.attention.bias import causal_upper_left
    >>> causal_upper_left(1, 2)
    tensor([[ True, False]])
    """
    return CausalBias(CausalVariant.UPPER_LEFT, *_two("causal_upper_left", size))


def causal_lower_right(*size: int) -> CausalBias:
    """The mask for so many queries and keys whose diagonal ends with the last key, as after keys that were kept before.

    Raises AssertionError for anything but two sizes.

    >>> from kagari.nn.attention.bias import causal_lower_right
    >>> causal_lower_right(2, 3)
    tensor([[ True,  True, False],
            [ True,  True,  True]])
    """
    return CausalBias(CausalVariant.LOWER_RIGHT, *_two("causal_lower_right", size))


def _two(name: str, size: tuple[int, ...]) -> tuple[int, ...]:
    if len(size) != 2:
        raise AssertionError(f"{name} only supports 2D tensors")
    return size


__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]
