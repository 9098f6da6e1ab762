"""Blocks of memory, which tensors and their views share, and those that have none: of tensors on the device `meta`."""

from __future__ import annotations

import ctypes
from typing import Any

from ..base.layout import Layout
from ..engine.code import native

_IMMATERIAL = object()  # the owner of blocks that have no memory
_Words = ctypes.c_longlong * 4  # the fourth word of a block is its size


def block(lay: Layout, nbytes: int | None = None) -> Any:
    """A block for a tensor of a layout: of as many bytes as there are elements, or as are given."""
    nbytes = lay.nbytes if nbytes is None else nbytes
    return immaterial(nbytes) if lay.meta else native().allocate_storage(nbytes)


def immaterial(nbytes: int) -> Any:
    """A block that has a size, and no memory."""
    return told_size(native().allocate_storage(0), nbytes)


def told_size(of: Any, nbytes: int) -> Any:
    """A block without memory, once it knows its size: those of operators' results don't."""
    if of.owner is None:
        of.owner = _IMMATERIAL
        _Words.from_address(id(of))[3] = nbytes
    return of


def is_immaterial(of: Any) -> bool:
    """Whether a block is known to have no memory."""
    return of.owner is _IMMATERIAL
