"""Compressed sparse tensors from indices and values, with the checks of both, and from tensors of other layouts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...base import dtypes
from ...base.dtypes import dtype
from .. import convert, creation
from ..calls import call
from ..formats import layout, sparse_coo, sparse_csc, sparse_csr, strided
from ..sizes import dtype_of
from . import compressed, coo, invariants, making, places, tape
from .compressed import BLOCKED, BY_ROWS, NAMES, Compressed
from .coo import Coo


def tensor(
    kind: layout, starts: Any, others: Any, values: Any, size: Any = None, *, dtype: Any = None, device:
    Any = None, pin_memory: bool = False, requires_grad: bool = False, check_invariants: bool | None = None,
) -> Any:  # fmt: skip
    """A sparse tensor of compressed indices, of plain ones and of values."""
    making.check_device(device)
    starts, others = (t if convert.is_tensor(t) else creation.tensor(t) for t in (starts, others))
    values = making.as_values(values, dtype)
    size = _inferred(kind, starts, others, values) if size is None else tuple(size)
    if invariants.asked(check_invariants):
        check(kind, starts, others, values, size)
    like = compressed.made(kind, starts.detach(), others.detach(), values.detach(), size)
    made = compressed.closed("SparseCompressedTensor", values, like)
    return made.detach().requires_grad_() if requires_grad else made


def _inferred(kind: layout, starts: Any, others: Any, values: Any) -> tuple[int, ...]:
    """The smallest size that has all places."""
    stacks = others.ndim - 1
    block = tuple(values.shape)[stacks + 1 : stacks + 3] if kind in BLOCKED else (1, 1)
    array = convert.array_of(others)
    lines, width = starts.shape[-1] - 1, int(array.max()) + 1 if array.size else 0
    rows, columns = (lines, width) if kind in BY_ROWS else (width, lines)
    dense = tuple(values.shape)[stacks + (3 if kind in BLOCKED else 1) :]
    return (*tuple(others.shape)[:-1], rows * block[0], columns * block[1], *dense)


def check(kind: layout, starts: Any, others: Any, values: Any, size: tuple[int, ...]) -> None:
    """Raises RuntimeError where indices, values and size do not fit."""
    a, b, lines, across = (
        ("crow_indices", "col_indices", "row", "ncols") if kind in BY_ROWS else
        ("ccol_indices", "row_indices", "column", "nrows")
    )  # fmt: skip
    stacks, blocked = starts.ndim - 1, kind in BLOCKED
    if starts.ndim != others.ndim:
        raise RuntimeError(
            f"{a} and {b} dimensionalities must be equal but got {starts.ndim} and {others.ndim}, respectively"
        )
    if values.ndim <= stacks + 2 * blocked:
        raise RuntimeError(
            f"values must have dimensionality > sum of batch and block dimensionalities (={stacks} + {2 * blocked}) "
            f"but got {values.ndim}"
        )
    dense = values.ndim - stacks - 1 - 2 * blocked
    if len(size) != stacks + 2 + dense:
        raise RuntimeError(
            "tensor dimensionality must be sum of batch, base, and dense dimensionalities "
            f"(={stacks} + 2 + {dense}) but got {len(size)}"
        )
    block = tuple(values.shape)[stacks + 1 : stacks + 3] if blocked else (1, 1)
    for i in (0, 1):
        if size[stacks + i] % block[i]:
            raise RuntimeError(
                f"tensor shape[{stacks + i}] (={size[stacks + i]}) must be divisible with blocksize[{i}] (={block[i]}) "
                "as defined by values shape"
            )
    rows, columns = size[stacks] // block[0], size[stacks + 1] // block[1]
    count, width = (rows, columns) if kind in BY_ROWS else (columns, rows)
    _check_lengths(kind, starts, others, values, count, stacks)
    if starts.dtype is not others.dtype:
        raise RuntimeError(
            f"{a} and {b} must have the same dtype, bot got {starts.dtype.type_name} and {others.dtype.type_name}, "
            "respectively"
        )
    if starts.dtype not in (dtypes.int32, dtypes.int64):
        raise RuntimeError(f"{a} and {b} must be an int32 or int64 type, but got: {starts.dtype.type_name}")
    _check_numbers(a, b, f"n{lines}s" if lines == "row" else "ncols", across, starts, others, width)


def _check_lengths(kind: layout, starts: Any, others: Any, values: Any, count: int, stacks: int) -> None:
    a, b = ("crow_indices", "col_indices") if kind in BY_ROWS else ("ccol_indices", "row_indices")
    lines = "rows" if kind in BY_ROWS else "columns"
    if starts.shape[-1] != count + 1:
        raise RuntimeError(
            f"{a}.shape[-1] must be equal to the number of {lines} + 1 (={count + 1}), but got {starts.shape[-1]}"
        )
    nnz = values.shape[stacks]
    if others.shape[-1] != nnz:
        raise RuntimeError(
            f"{b}.shape[-1] must be equal to nnz (={nnz}) as defined by values.shape[{stacks}], but got "
            f"{others.shape[-1]}"
        )


def _check_numbers(a: str, b: str, lines: str, across: str, starts: Any, others: Any, width: int) -> None:
    begins, numbers = (convert.array_of(t).reshape(-1, t.shape[-1]).astype(np.int64) for t in (starts, others))
    nnz = numbers.shape[-1]
    if (begins[:, 0] != 0).any():
        raise RuntimeError(f"`{a}[..., 0] == 0` is not satisfied.")
    if (begins[:, -1] != nnz).any():
        raise RuntimeError(f"`{a}[..., -1] == nnz` is not satisfied.")
    counts = np.diff(begins)
    if ((counts < 0) | (counts > width)).any():
        raise RuntimeError(f"`0 <= {a}[..., 1:] - {a}[..., :-1] <= {across}` is not satisfied.")
    if ((numbers < 0) | (numbers >= width)).any():
        raise RuntimeError(f"`0 <= {b} < {across}` is not satisfied.")
    for row, count in zip(numbers, counts):
        line = np.repeat(np.arange(count.size), count)
        if (np.diff(line * max(width, 1) + row) <= 0).any():
            raise RuntimeError(
                f"`{b}[..., {a}[..., i - 1]:{a}[..., i]] for all i = 1, ..., {lines} are sorted and distinct along the "
                "last dimension values` is not satisfied."
            )


def zeros(size: tuple[int, ...], dt: dtype, kind: layout) -> Compressed:
    """A sparse tensor of zeros. Raises RuntimeError for layouts with blocks, and for what are no matrices."""
    if kind in BLOCKED:
        raise RuntimeError(
            f"zeros_sparse_compressed expected sparse compressed (non-block) tensor layout but got {NAMES[kind]}"
        )
    if len(size) < 2:
        raise RuntimeError(
            f"torch.zeros: Only batched sparse compressed (non-block) tensors are supported, but got size {list(size)}"
        )
    lines = size[-2] if kind in BY_ROWS else size[-1]
    starts, others = places.zeros((*size[:-2], lines + 1), dtypes.int64), places.zeros((*size[:-2], 0), dtypes.int64)
    return compressed.made(kind, starts, others, places.zeros((*size[:-2], 0), dt), size)


def of_parts(kind: layout, parts: tuple[Any, ...]) -> Any:
    """A sparse tensor of what its `parts` gave. Raises RuntimeError for parts that do not fit."""
    if kind is sparse_coo:
        at, values, size, *coalesced = parts
        if at.dtype is not dtypes.int64:
            raise RuntimeError(f"indices must be of int64, got {at.dtype}")
        return making.assembled(at, values, size, bool(coalesced and coalesced[0]), check=True)
    return tensor(kind, *parts, check_invariants=True)


def of_zeros(size: Any, dt: Any, kind: layout, requires_grad: bool = False) -> Any:
    """A sparse tensor of zeros, as `torch.zeros` and its like make one of a layout."""
    shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else tuple(size)
    dt = convert.default_dtype() if dt is None else dtype_of("zeros", dt)
    made = coo.empty(shape, len(shape), dt) if kind is sparse_coo else zeros(shape, dt, kind)
    return creation.finished(made, None, requires_grad)


# From other layouts


def converted(name: str, t: Any, kind: layout, blocksize: Any = None, dense_dim: int | None = None) -> Any:
    """A tensor of any layout in another one; `name` is that of the function which was called."""
    if kind is strided:
        return t.to_dense()
    block = _block(name, t, kind, blocksize, dense_dim)
    if isinstance(t, Compressed):
        if t._kind is kind and (kind not in BLOCKED or t.block == block):
            return t
        if t._kind in BLOCKED and kind not in (*BLOCKED, sparse_coo):
            raise RuntimeError(
                f"sparse_compressed_to_{kind.name}: expected SparseCsr or SparseCsc layout but got {NAMES[t._kind]}"
            )
        coordinates = compressed.to_coo(t)
    elif isinstance(t, Coo):
        coordinates = tape.coalesced(t)
    else:
        coordinates = making.to_sparse_coo(t, t.ndim - _dense_dim(name, t, dense_dim))
    if kind is sparse_coo:
        return coordinates
    if len(coordinates.sparse_sizes) < 2 or (isinstance(t, Coo) and len(t.sparse_sizes) != 2):
        raise RuntimeError(f"{name}: expected a tensor with 2 sparse dimensions, got {len(coordinates.sparse_sizes)}")
    node = "".join(part.capitalize() for part in name.split("_"))
    return compressed.of_coo(node, coordinates, kind, block)


def _dense_dim(name: str, t: Any, dense_dim: int | None) -> int:
    given, most = dense_dim or 0, max(t.ndim - 2, 0)
    if not 0 <= given <= most:
        source = "dense_to_sparse" if name == "to_sparse" else f"dense_{name}"
        raise RuntimeError(f"{source}: dense_dim argument must be in [0,{most}] range, but {given} is given")
    if t.ndim < 2:
        raise IndexError(f"{name}: a matrix or a stack of them is expected, got a tensor of {t.ndim} dimensions")
    return given


def _block(name: str, t: Any, kind: layout, blocksize: Any, dense_dim: int | None) -> tuple[int, int]:
    if kind not in BLOCKED:
        if blocksize is not None:
            raise RuntimeError(
                f"dense_to_sparse: conversion from Strided to {NAMES.get(kind, 'Sparse')} with blocksize argument "
                "given is not supported"
            )
        return 1, 1
    if blocksize is None:
        raise RuntimeError(f"{name}: conversion to {NAMES[kind]} requires blocksize argument")
    block = (blocksize, blocksize) if isinstance(blocksize, int) else tuple(blocksize)
    function = f"dense_to_{kind.name}" if t.layout is strided else f"{name}"
    if any(b <= 0 for b in block):
        raise RuntimeError(f"{function}: blocksize needs to be positive, but got {list(block)}")
    dense = (dense_dim or 0) if t.layout is strided else len(t.dense_sizes)
    sizes = tuple(t.shape)[t.ndim - 2 - dense : t.ndim - dense]
    if any(n % b for n, b in zip(sizes, block)):
        raise RuntimeError(
            f"{function}: tensor sparse size ({sizes[0]},{sizes[1]}) must be divisible by given blocksize "
            f"({block[0]},{block[1]})"
        )
    return block


def spdiags(diagonals: Any, offsets: Any, shape: Sequence[int], layout: Any = None) -> Any:
    """A sparse matrix of which rows of `diagonals` are diagonals."""
    diagonals = diagonals.unsqueeze(0) if diagonals.ndim == 1 else diagonals
    offsets = offsets.unsqueeze(0) if not offsets.ndim else offsets
    _check_diagonals(diagonals, offsets, shape, layout)
    height, width = shape
    places_of, rows = [], []
    for k, step in enumerate(convert.array_of(offsets).tolist()):
        begin, end = max(step, 0), min(width, height + step, diagonals.shape[1])
        if end < begin:
            raise RuntimeError(f"Trying to create tensor with negative dimension {end - begin}")
        columns = np.arange(begin, end)
        places_of.append(np.stack([columns - step, columns]))
        rows.append(call("narrow")(call("select")(diagonals, 0, k), 0, begin, end - begin))
    at = places.whole_numbers(np.concatenate(places_of, 1))
    found = tape.closed("Spdiags", call("cat")(0, *rows), at, tuple(shape))
    return found if layout in (None, sparse_coo) else converted("to_sparse", found, layout)


def _check_diagonals(diagonals: Any, offsets: Any, shape: Sequence[int], kind: Any) -> None:
    if diagonals.ndim != 2:
        raise RuntimeError("Diagonals must be vector or matrix")
    if len(shape) != 2:
        raise RuntimeError("Output shape must be 2d")
    if offsets.ndim != 1:
        raise RuntimeError("Offsets must be scalar or vector")
    if diagonals.shape[0] != offsets.shape[0]:
        raise RuntimeError(
            f"Number of diagonals ({diagonals.shape[0]}) does not match the number of offsets ({offsets.shape[0]})"
        )
    if kind not in (None, sparse_coo, sparse_csc, sparse_csr):
        raise RuntimeError(
            f"Only output layouts (Sparse, SparseCsc, SparseCsr) are supported, got {NAMES.get(kind, 'Strided')}"
        )
    if offsets.dtype is not dtypes.int64:
        raise RuntimeError(f"Offset Tensor must have dtype Long but got {offsets.dtype.type_name}")
    if len(set(convert.array_of(offsets).tolist())) < offsets.shape[0]:
        raise RuntimeError("Offset tensor contains duplicate values")
