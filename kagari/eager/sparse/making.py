"""Sparse tensors from indices and values, with the checks of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...base import dtypes
from ...base.dtypes import dtype
from .. import convert, creation
from ..calls import call
from ..device import is_meta
from ..sizes import dtype_of
from . import coo, invariants, places, tape


def sparse_coo_tensor(
    indices: Any = None, values: Any = None, size: Sequence[int] | None = None, *, dtype: Any = None, device: Any =
    None, pin_memory: bool = False, requires_grad: bool = False, check_invariants: bool | None = None, is_coalesced:
    bool | None = None,
) -> Any:  # fmt: skip
    """A sparse tensor in coordinate form: see `sparsity`."""
    check_device(device)
    if values is None:
        if not _is_sizes(indices):
            raise TypeError(
                "sparse_coo_tensor() received an invalid combination of arguments - got "
                f"({'' if indices is None else type(indices).__name__})"
            )
        dt = convert.default_dtype() if dtype is None else dtype_of("sparse_coo_tensor", dtype)
        return creation.finished(coo.empty(indices, len(indices), dt), None, requires_grad)
    at = _indices(indices)
    values = as_values(values, dtype)
    made = assembled(at, values, size, is_coalesced, check_invariants)
    return made.detach().requires_grad_() if requires_grad else made


def check_device(device: Any) -> None:
    """Raises NotImplementedError for the device `meta`, and the usual errors for devices that are not there."""
    if device is not None and is_meta(device):
        raise NotImplementedError("sparse tensors on the device 'meta' are not there")


def _is_sizes(given: Any) -> bool:
    return isinstance(given, Sequence) and all(isinstance(n, int) for n in given)


def _indices(given: Any) -> Any:
    at = given.detach() if convert.is_tensor(given) else creation.tensor(given)
    return at if at.dtype is dtypes.int64 else at.to(dtypes.int64)


def as_values(given: Any, dt: dtype | None) -> Any:
    """Values as a plain tensor."""
    values = given if convert.is_tensor(given) else creation.tensor(given, dtype=dt)
    return values if dt is None or values.dtype is dt else values.to(dt)


def assembled(
    at: Any, values: Any, size: Sequence[int] | None, is_coalesced: bool | None = None, check: bool | None = None
) -> Any:
    """The sparse tensor of indices and values, to which gradients pass. Raises RuntimeError where they do not fit."""
    if at.ndim != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(at.shape)}")
    if not values.ndim:
        values = values.unsqueeze(0)
    size = invariants.inferred(at, values) if size is None else tuple(size)
    invariants.check_coo_shapes(at, values, size)
    if invariants.asked(check):
        invariants.check_coo(at, size, bool(is_coalesced))
    return tape.closed("SparseCooTensorWithDimsAndTensors", values, at, size, bool(is_coalesced) or at.shape[1] < 2)


def to_sparse_coo(dense: Any, sparse_dim: int | None = None) -> Any:
    """The elements of a dense tensor that are not zero, or its blocks that have one, as a sparse tensor."""
    ndim = dense.ndim
    sparse_dim = ndim if sparse_dim is None else sparse_dim
    if not 0 <= sparse_dim <= ndim:
        raise RuntimeError(
            f"dense_to_sparse: sparse_dim argument must be in [0,{ndim}] range, but {sparse_dim} is given"
        )
    if ndim and not sparse_dim:
        raise RuntimeError("dense_to_sparse: sparse_dim argument must be in >0 when self.dim()>0")
    wanted = dense._needs and places.recording()
    return ToSparse.apply(dense, sparse_dim) if wanted else _sparse(dense, sparse_dim)


def _sparse(dense: Any, sparse_dim: int) -> Any:
    nonzero = call("ne")(dense, 0)
    if sparse_dim < dense.ndim:
        nonzero = call("any")(nonzero, tuple(range(sparse_dim, dense.ndim)))
    mask = convert.array_of(nonzero).reshape(-1)
    sizes = tuple(dense.shape)[:sparse_dim]
    found = mask.nonzero()[0]
    at = places.columns(found, sizes)
    return coo.made(at, call("clone")(places.taken(dense, at)[: found.size]), dense.shape, True)


class ToSparse(tape.Function, node="Backward0"):
    """A dense tensor as a sparse one."""

    @staticmethod
    def forward(ctx: Any, dense: Any, sparse_dim: int) -> Any:
        """Its elements that are not zero."""
        return _sparse(dense, sparse_dim)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """The gradient as a dense tensor."""
        return grad.to_dense(), None


FUNCTIONS = (sparse_coo_tensor,)
