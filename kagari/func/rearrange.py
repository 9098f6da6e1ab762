"""Dimensions put into another order, joined and split, as a text says it: `rearrange`."""

from __future__ import annotations

import keyword
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from ..eager import Tensor
from ..eager import operators as ops

_DOTS = "..."
Axis = str | int
"""The name of a dimension, or a number for one without a name."""
Group = list[Axis]


class DimensionBindError(Exception):
    """The size of a dimension does not go with what a pattern says."""


@dataclass
class _Side:
    """One side of a pattern: groups of axes that are one dimension each; `...` stands for itself."""

    groups: list[Group | str]
    dots_inside: bool

    def names(self) -> set[str]:
        """The axes that have a name, `...` among them."""
        found = {axis for group in self.groups if group != _DOTS for axis in group if isinstance(axis, str)}
        return found | {_DOTS} if self.has_dots else found

    @property
    def has_dots(self) -> bool:
        """Whether there is an ellipsis."""
        return _DOTS in self.groups or self.dots_inside


def rearrange(tensor: Tensor | Sequence[Tensor], pattern: str, **axes_lengths: int) -> Tensor:
    """A tensor with its dimensions in another order, joined or split.

    A pattern names the dimensions that are there, an arrow, and those that are wanted. Names in parentheses are one
    dimension, the last of them the innermost. `...` stands for all dimensions without a name, `1` for one of size 1.

    Args:
        tensor (Tensor or sequence of Tensor): several tensors are stacked along a new first dimension.
        pattern (str): what is there and what is wanted.
        axes_lengths (int): the sizes of axes, where a dimension is split; one of them may be left out.

    Raises ValueError for a pattern that says nothing sensible of this tensor, `DimensionBindError` for sizes that don't
    go with it, TypeError for a size that is no integer.

    Source: Rogozhnikov, Einops: Clear and Reliable Tensor Manipulations with Einstein-like Notation, 2022.

    Example::

        >>> import kagari as torch
        >>> from kagari.func import rearrange
        >>> images = torch.rand(32, 30, 40, 3)
        >>> rearrange(images, "b h w c -> b (c h w)").shape
        torch.Size([32, 3600])
        >>> rearrange(images, "b (h1 h) (w1 w) c -> (b h1 w1) h w c", h1=2, w1=2).shape
        torch.Size([128, 15, 20, 3])
    """
    x: Tensor = tensor if isinstance(tensor, Tensor) else ops.stack(list(tensor))
    left, right = _sides(pattern, axes_lengths)
    if _DOTS not in left.groups and x.ndim != len(left.groups):
        raise ValueError(
            f"Number of dimensions in pattern ({len(left.groups)}) must be equal to the number of dimensions in the "
            f"tensor ({x.ndim})"
        )
    named = len(left.groups) - left.has_dots
    if named > x.ndim:
        raise ValueError(
            f"Number of dimensions in pattern ({named}) must be less than or equal to the number of dimensions in the "
            f"tensor ({x.ndim})"
        )
    hidden: Group = [f"{_DOTS}{k}" for k in range(x.ndim - named)]
    sizes: dict[Axis, int] = {}
    sizes.update(axes_lengths.items())
    there: Group = []
    for group, size in zip(_spread(left, hidden), x.shape):
        _split(group, size, sizes)
        there += [axis for axis in group if isinstance(axis, str)]
    wanted = _spread(right, hidden)
    order = [there.index(axis) for group in wanted for axis in group if isinstance(axis, str)]
    apart = x.reshape([sizes[axis] for axis in there]).permute(order)
    return apart.reshape([math.prod(sizes[axis] for axis in group if isinstance(axis, str)) for group in wanted])


def _spread(side: _Side, hidden: Group) -> list[Group]:
    """The groups of a side, with the dimensions that the ellipsis stands for."""
    groups: list[Group] = []
    for group in side.groups:
        if isinstance(group, str):
            groups += [[axis] for axis in hidden]
        else:
            groups.append([inner for axis in group for inner in (hidden if axis == _DOTS else [axis])])
    return groups


def _split(group: Group, size: int, sizes: dict[Axis, int]) -> None:
    """Finds the sizes of the axes of a dimension."""
    names = [axis for axis in group if isinstance(axis, str)]
    unknown = [axis for axis in names if axis not in sizes]
    known = math.prod(sizes[axis] for axis in names if axis in sizes)
    if len(unknown) > 1:
        raise DimensionBindError(f"cannot infer the sizes of two dimensions at once {' and '.join(unknown)}")
    if not unknown:
        if known != size:
            raise DimensionBindError(
                f"Dimension sizes to do not match ({size} != {known}) when matching dimension pack "
                f"({' '.join(map(str, group))})"
            )
        return
    if known <= 0 or size % known:
        shape = tuple(sizes.get(axis, "?") for axis in names)
        raise DimensionBindError(f"inferred dimension does not evenly fit into larger dimension: {size} vs {shape}")
    sizes[unknown[0]] = size // known


# Patterns


def _sides(pattern: str, axes_lengths: dict[str, int]) -> tuple[_Side, _Side]:
    """What is there, and what is wanted."""
    try:
        texts = pattern.split("->")
        left, right = map(_parsed, texts)
    except ValueError as error:
        if len(texts) != 2:
            raise ValueError("Pattern must contain a single '->' separator") from None
        raise error
    if right.has_dots and not left.has_dots:
        raise ValueError(f"Ellipsis found in right side, but not left side of a pattern {pattern}")
    if left.dots_inside:
        raise ValueError(f"Ellipsis is parenthesis in the left side is not allowed: {pattern}")
    for group in (*left.groups, *right.groups):
        if group != _DOTS and any(isinstance(axis, int) and axis != 1 for axis in group):
            raise ValueError("rearrange only supports unnamed axes of size 1")
    if alone := left.names() ^ right.names():
        raise ValueError(f"Identifiers only on one side of rearrange expression (should be on both): {alone}")
    if unknown := set(axes_lengths) - left.names():
        raise ValueError(f"Identifiers not found in rearrange expression: {unknown}")
    for length in axes_lengths.values():
        if not isinstance(length, int):
            raise TypeError(f"rearrange axis lengths must be integers, got: {type(length)}")
    return left, right


def _parsed(text: str) -> _Side:
    """One side of a pattern."""
    if "." in text and (_DOTS not in text or text.count(_DOTS) != 1 or text.count(".") != 3):
        only = "; only one ellipsis for tensor " if _DOTS in text else ""
        raise ValueError(f"Expression may contain dots only inside ellipsis (...){only}")
    side, inside, seen = _Side([], False), False, set[str]()
    for word in text.replace(_DOTS, f" {_DOTS} ").replace("(", " ( ").replace(")", " ) ").split():
        if word == "(":
            if inside:
                raise ValueError("Axis composition is one-level (brackets inside brackets not allowed)")
            inside = True
            side.groups.append([])
        elif word == ")":
            if not inside:
                raise ValueError("Brackets are not balanced")
            inside = False
        elif word == _DOTS and not inside:
            side.groups.append(_DOTS)
        else:
            axis = _axis(word)
            if axis in seen:
                raise ValueError(f"Indexing expression contains duplicate dimension '{axis}'")
            if isinstance(axis, str):
                seen.add(axis)
            side.dots_inside |= axis == _DOTS
            last = side.groups[-1] if inside else None
            if isinstance(last, list):
                last.append(axis)
            else:
                side.groups.append([axis])
    if inside:
        raise ValueError(f"Imbalanced parentheses in expression: '{text}'")
    return side


def _axis(word: str) -> Axis:
    """An axis by its name or its size."""
    if word == _DOTS:
        return word
    if word.isdecimal():
        return int(word)
    if not word.isidentifier():
        raise ValueError(f"Invalid axis identifier: {word}\nnot a valid python identifier")
    if word.startswith("_") or word.endswith("_"):
        raise ValueError(f"Invalid axis identifier: {word}\naxis name should should not start or end with underscore")
    if keyword.iskeyword(word):
        warnings.warn(f"It is discouraged to use axes names that are keywords: {word}", RuntimeWarning, stacklevel=5)
    return word


__all__ = ["DimensionBindError", "rearrange"]
