"""What a sparse tensor in coordinate form is asked for, and what it is turned into."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from ...autograd.node import bare
from ...base import dtypes
from ...base.dtypes import dtype
from .. import convert, creation
from ..calls import call
from ..formats import sparse_coo, strided
from . import compressing, coo, making, places, tape
from .coo import Coo
from .printing import text

# Parts


def indices(s: Coo) -> Any:
    """The places of a coalesced tensor."""
    _check_coalesced("indices", s)
    return bare(s._at)


def values(s: Coo) -> Any:
    """The values of a coalesced tensor, through which gradients pass."""
    _check_coalesced("values", s)
    return tape.opened(s) if s._needs else bare(s._elements)


def _check_coalesced(name: str, s: Coo) -> None:
    if not s._ordered:
        raise RuntimeError(f"Cannot get {name} on an uncoalesced tensor, please call .coalesce() first")


def _coalesced_(s: Coo, coalesced: bool) -> Coo:
    s._ordered = coalesced
    return s


def nbytes(s: Coo) -> int:
    """Raises RuntimeError: there are several tensors."""
    raise RuntimeError(
        "nbytes is not defined for sparse tensors.  If you want the size of the constituent tensors, add the nbytes "
        "of the indices and values.  If you want the size of the  equivalent dense tensor, multiply numel() by "
        "element_size()"
    )


# Conversions


def to_dense(s: Coo, dtype: dtype | None = None, *, masked_grad: bool | None = None) -> Any:
    """The tensor with its zeros. Its gradient has the places of the sparse one; all with `masked_grad=False`."""
    if dtype is not None:
        raise RuntimeError("dtype argument is not supported by sparse_to_dense")
    target = places.zeros(s.shape, s.dtype)
    if s.dtype is dtypes.bool_:
        full = places.put(target.to(dtypes.int32), s._at, s._elements.to(dtypes.int32))
        return call("ne")(full, 0)
    if masked_grad is False and s._needs and places.recording():
        return _ToDense.apply(s)
    return tape.named("ToDense", places.put(target, s._at, tape.opened(s)))


class _ToDense(tape.Function, node="Backward0"):
    """The tensor with its zeros."""

    @staticmethod
    def forward(ctx: Any, s: Coo) -> Any:
        """The values in their places."""
        return places.put(places.zeros(s.shape, s.dtype), s._at, s._elements)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """All of the gradient."""
        return making.to_sparse_coo(grad)


def to_sparse(s: Coo, sparse_dim: int | None = None, *, layout: Any = None, blocksize: Any = None, **o: Any) -> Any:
    """The tensor itself; in another layout where one is given."""
    if layout not in (None, sparse_coo):
        return compressing.converted("to_sparse", s, layout, blocksize)
    if sparse_dim is not None and sparse_dim != s._at.shape[0]:
        raise RuntimeError(
            "to_sparse: conversion from Sparse to Sparse with sparse_dim argument !=self.sparse_dim() is not supported"
        )
    return s


def cast(s: Coo, dt: dtype) -> Any:
    """The tensor in another dtype."""
    if dt is s.dtype:
        return s
    before = s.dtype
    return tape.linear("ToCopy", lambda values: call("to_dtype")(values, dt), lambda grad: grad.to(before), s)


def to(s: Any, *args: Any, **options: Any) -> Any:
    """`Tensor.to` in all its forms but for the device `meta`."""
    if not isinstance(s, Coo):  # another tensor's, whose dtype is asked for
        return convert.to(s, args[0].dtype)
    dtype, copy = asked(*args, **options)
    found = s if dtype is None else cast(s, dtype)
    return clone(s) if copy and found is s else found


def asked(*args: Any, dtype: Any = None, device: Any = None, copy: bool = False, **other: Any) -> tuple[Any, bool]:
    """The dtype that the arguments of `to` ask for, and whether they ask for a copy."""
    flags = [a for a in args if isinstance(a, bool)]
    for a in args:
        if isinstance(a, dtypes.dtype):
            dtype = a
        elif convert.is_tensor(a):
            dtype = a.dtype
        elif not isinstance(a, bool) and a is not None:
            device = a
    making.check_device(device)
    return dtype, copy or (len(flags) > 1 and flags[1])


def type_(s: Coo, dtype: Any = None) -> Any:
    """The name of the tensor's type, or the tensor in another dtype."""
    if dtype is None:
        return f"torch.sparse.{s.dtype.type_name}Tensor"
    if isinstance(dtype, str):
        dtype = next((dt for dt in dtypes.ALL if dtype == f"torch.sparse.{dt.type_name}Tensor"), None)
        if dtype is None:
            raise ValueError("invalid type")
    return cast(s, dtype)


def clone(s: Coo, *, memory_format: Any = None) -> Any:
    """A copy with memory of its own."""
    return _Clone.apply(s) if s._needs and places.recording() else _copied(s)


def _copied(s: Coo) -> Coo:
    return coo.made(call("clone")(s._at), call("clone")(s._elements), s.shape, s._ordered)


class _Clone(tape.Function, node="Backward0"):
    """A copy."""

    @staticmethod
    def forward(ctx: Any, s: Coo) -> Any:
        """Indices and values in memory of their own."""
        return _copied(s)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """The gradient as it came."""
        return grad


def detach_(s: Coo) -> Coo:
    """Forgets the tensor's history."""
    s._grad_fn, s._needs = None, False
    return s


def set_data(s: Coo, other: Any) -> None:
    """Makes the tensor see what another one does."""
    if not isinstance(other, Coo):
        raise RuntimeError(
            "Attempted to call `variable.set_data(tensor)`, but `variable` and `tensor` have incompatible tensor type."
        )
    s.take_over(other)


def deepcopy(s: Coo, memo: dict[int, Any]) -> Any:
    """A copy as a leaf. Raises RuntimeError for what operators made."""
    return deepcopied(s, memo, _copied(s))


def deepcopied(s: Any, memo: dict[int, Any], made: Any) -> Any:
    """A copy of a sparse tensor's parts, as a leaf with its attributes and its gradient."""
    if s._grad_fn is not None:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment. "
            "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage."
        )
    if id(s) in memo:
        return memo[id(s)]
    memo[id(s)] = made
    made._needs = s._needs
    made.__dict__.update({name: value for name, value in vars(s).items() if name not in vars(made)})
    if s._grad is not None:
        made._grad = copy.deepcopy(s._grad, memo)
    return made


def rebuilt(at: Any, elements: Any, size: tuple[int, ...], ordered: bool, needs: bool) -> Coo:
    """A tensor that was pickled."""
    made = coo.made(at, elements, size, ordered)
    made._needs = needs
    return made


def reduced(s: Coo, protocol: Any) -> Any:
    """How the tensor is pickled."""
    return rebuilt, (s._at, s._elements, tuple(s.shape), s._ordered, s._needs)


# Questions to which there is no answer


def item(s: Coo) -> Any:
    """The value of a tensor with one element."""
    if s.numel() != 1:
        raise RuntimeError(f"a Tensor with {s.numel()} elements cannot be converted to Scalar")
    return s.bare().to_dense().item()


def truth(s: Coo) -> bool:
    """Whether the only element is not zero."""
    if s.numel() != 1:
        many = "more than one value" if s.numel() else "no values"
        raise RuntimeError(f"Boolean value of Tensor with {many} is ambiguous")
    return bool(item(s))


def numpy(s: Coo, *args: Any, **kwargs: Any) -> Any:
    """Raises TypeError."""
    raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")


def no_memory(s: Coo, *args: Any) -> Any:
    """Raises RuntimeError."""
    raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")


def no_storage(s: Coo, *args: Any) -> Any:
    """Raises NotImplementedError."""
    raise NotImplementedError("Cannot access storage of SparseTensorImpl")


def no_reshape(s: Coo, *args: Any, **kwargs: Any) -> Any:
    """Raises RuntimeError."""
    raise RuntimeError("reshape is not implemented for sparse tensors")


def no_expand(s: Coo, *args: Any, **kwargs: Any) -> Any:
    """Raises RuntimeError."""
    raise RuntimeError("expand is unsupported for Sparse tensors")


def stride(s: Coo, dim: int | None = None) -> Any:
    """Zeros: there are no steps."""
    return (0,) * s.ndim if dim is None else 0


def dim_order(s: Coo) -> Any:
    """Raises AttributeError."""
    raise AttributeError(
        f"Can't get dim order on sparse type: {type_(s)} Use Tensor.to_dense() to convert to a dense tensor first."
    )


# Others of this kind


def zeros_like(
    input: Coo, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False, memory_format: Any = None,
) -> Any:  # fmt: skip
    """A sparse tensor of zeros with the shape of another one; a dense one if that layout is asked for."""
    dt = input.dtype if dtype is None else dtype
    made = places.zeros(input.shape, dt) if layout is strided else coo.empty(input.shape, len(input.sparse_sizes), dt)
    return made.requires_grad_() if requires_grad else made


def ones_like(input: Coo, *, dtype: Any = None, layout: Any = None, **further: Any) -> Any:
    """A dense tensor of ones. Raises NotImplementedError for a sparse one."""
    if layout is not strided:
        raise Coo.cannot("fill_.Scalar")
    return convert.full(tuple(input.shape), 1, input.dtype if dtype is None else dtype)


def new_zeros(s: Coo, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """A sparse tensor of zeros, with sparse dimensions alone."""
    shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    made = coo.empty(shape, len(shape), s.dtype if dtype is None else dtype)
    return made.requires_grad_() if requires_grad else made


def new_tensor(s: Coo, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """A dense tensor of data."""
    return creation.tensor(data, dtype=s.dtype if dtype is None else dtype, requires_grad=requires_grad)


# Changes


def check_changeable(s: Any) -> None:
    """Raises RuntimeError for a leaf that wants gradients."""
    if s._needs and s._grad_fn is None and places.recording():
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")


def overwrite(s: Coo, result: Any) -> Coo:
    """A result written into a tensor, which takes its place on the tape. Raises RuntimeError where the dtype of the
    result is of a higher category.
    """
    check_changeable(s)
    if not isinstance(result, Coo):
        raise Coo.cannot("copy_")
    if result.dtype.category > s.dtype.category:
        raise RuntimeError(
            f"result type {result.dtype.type_name} can't be cast to the desired output type {s.dtype.type_name}"
        )
    result = cast(result, s.dtype)
    if s._elements.shape == result._elements.shape and s._elements is not result._elements:
        call("copy_")(s._elements, bare(result._elements))
        result_elements = s._elements
    else:
        result_elements = result._elements
    s.take_over(coo.made(result._at, result_elements, result.shape, result._ordered))
    if places.recording():
        s._grad_fn, s._needs = result._grad_fn, result._needs
    return s


def no_accelerator(s: Coo, *args: Any) -> Any:
    """Raises RuntimeError: there is no device to pin memory for."""
    raise RuntimeError("Cannot access accelerator device when none is available.")


def zero_(s: Coo) -> Coo:
    """Forgets all places."""
    check_changeable(s)
    return overwrite(s, coo.empty(s.shape, s._at.shape[0], s.dtype))


def copy_(s: Any, src: Any, non_blocking: bool = False) -> Any:
    """Becomes a copy of another sparse tensor, in its own dtype."""
    if not (isinstance(s, Coo) and isinstance(src, Coo)):
        raise RuntimeError(
            "copy_() between dense and sparse Tensors is not implemented! Found self type = "
            f"{s.type()} and src type = {src.type()}"
        )
    check_changeable(s)
    return overwrite(s, cast(clone(src), s.dtype))


def sparse_resize_(s: Coo, size: Sequence[int], sparse_dim: int, dense_dim: int) -> Coo:
    """Changes the sizes, and which dimensions are sparse. Raises RuntimeError where elements would be lost."""
    size = tuple(size)
    if sparse_dim + dense_dim != len(size):
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, sparse_dim = "
            f"{sparse_dim}, dense_dim = {dense_dim}"
        )
    if s._at.shape[1]:
        _check_growing(s, size, sparse_dim, dense_dim)
    elements = s._elements
    shape = (elements.shape[0], *size[sparse_dim:])
    if tuple(elements.shape) != shape:
        grown = places.zeros(shape, s.dtype)
        if s._at.shape[1]:
            block = grown
            for d, n in enumerate(elements.shape):
                block = block.narrow(d, 0, n)
            call("copy_")(block, elements)
        elements = grown
    at = s._at if s._at.shape[0] == sparse_dim else places.none(sparse_dim)
    s.take_over(coo.made(at, elements, size, s._ordered))
    return s


_OPTIONS = """
You could try the following options:
1. If you need an empty sparse tensor of this size, call `x = torch.sparse_coo_tensor(size)`.
2. If you need to resize this tensor, you have the following options:
\t1. For both sparse and dense dimensions, keep the number of them constant and the size of them non-shrinking, and \
then try the same call again.
\t2. Or, create a new sparse tensor with the correct indices and values from this sparse tensor."""


def _check_growing(s: Coo, size: tuple[int, ...], sparse_dim: int, dense_dim: int) -> None:
    before = len(s.sparse_sizes), len(s.dense_sizes)
    for name, old, new in (("sparse", before[0], sparse_dim), ("dense", before[1], dense_dim)):
        if old != new:
            raise RuntimeError(
                f"changing the number of {name} dimensions (from {old} to {new}) on a non-empty sparse tensor is not "
                f"supported.{_OPTIONS}"
            )
    parts = (("sparse", s.sparse_sizes, size[:sparse_dim]), ("dense", s.dense_sizes, size[sparse_dim:]))
    for name, old_sizes, new_sizes in parts:
        if any(n < o for n, o in zip(new_sizes, old_sizes)):
            raise RuntimeError(
                f"shrinking the size of {name} dimensions (from {list(old_sizes)} to {list(new_sizes)}) on a non-empty "
                f"sparse tensor is not supported.{_OPTIONS}"
            )


def sparse_resize_and_clear_(s: Coo, size: Sequence[int], sparse_dim: int, dense_dim: int) -> Coo:
    """Changes the sizes and which dimensions are sparse, and forgets all places."""
    s.take_over(coo.empty(size, sparse_dim, s.dtype))
    return s


def resize_as_sparse_(s: Coo, the_template: Coo) -> Coo:
    """Takes over the sizes of another sparse tensor."""
    return sparse_resize_(s, the_template.shape, len(the_template.sparse_sizes), len(the_template.dense_sizes))


def check_mask(t: Any, mask: Any) -> None:
    """Raises RuntimeError unless a mask has the shape of what it masks."""
    if t.shape != mask.shape:
        raise RuntimeError(
            "sparse_mask(): operands have incompatible sizes; self has size "
            f"{list(t.shape)} but mask has size {list(mask.shape)}"
        )


def sparse_mask(t: Any, mask: Any) -> Any:
    """The elements of a dense or sparse tensor at the places of another sparse one."""
    if not isinstance(mask, Coo):
        raise NotImplementedError(f"Could not run 'aten::sparse_mask' with a mask of the layout {mask.layout}.")
    check_mask(t, mask)
    if isinstance(t, Coo) and t._at is mask._at:
        return t
    if isinstance(t, Coo) and t._needs and places.recording():
        return _Masked.apply(t, mask)
    return tape.closed("SparseMask", tape.at_places(t, mask._at), mask._at, mask.shape, mask._ordered)


class _Masked(tape.Function, node="Backward0"):
    """The elements of a sparse tensor at the places of another one, whose gradient has the places of that one."""

    @staticmethod
    def forward(ctx: Any, s: Coo, mask: Coo) -> Any:
        """Zeros where there are none."""
        ctx.mask = mask.bare()
        return coo.made(mask._at, tape.at_places(s, mask._at), mask.shape, mask._ordered)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """The gradient at these places."""
        return sparse_mask(grad, ctx.mask), None


def contiguous(s: Coo, memory_format: Any = None) -> Any:
    """Raises RuntimeError: there is no order in memory."""
    raise RuntimeError("unsupported memory format option Contiguous")


def conj(s: Any) -> Any:
    """The conjugate: the tensor itself where its elements are real."""
    return s.conj_physical() if s.is_complex() else s


def as_it_is(s: Coo, *args: Any, **kwargs: Any) -> Coo:
    """The tensor itself."""
    return s


def _to(dt: dtype) -> Any:
    return lambda s, memory_format=None: cast(s, dt)


CASTS = {
    "float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16, "bfloat16": dtypes.bfloat16, "int":
    dtypes.int32, "long": dtypes.int64, "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8, "bool":
    dtypes.bool_, "chalf": dtypes.complex32, "cfloat": dtypes.complex64, "cdouble": dtypes.complex128,
}  # fmt: skip
ANSWERS = {
    "__array__": numpy, "__bool__": truth, "__complex__": lambda s: complex(item(s)), "__deepcopy__": deepcopy,
    "__float__": lambda s: float(item(s)), "__format__": lambda s, spec: object.__format__(s, spec),
    "__int__": lambda s: int(item(s)), "__reduce_ex__": reduced, "__repr__": text, "_coalesced_": _coalesced_,
    "_dimI": lambda s: len(s.sparse_sizes), "_dimV": lambda s: len(s.dense_sizes), "_indices": lambda s: bare(s._at),
    "_nnz": lambda s: s._at.shape[1], "_values": lambda s: bare(s._elements), "broadcast_to": no_expand, "clone": clone,
    "coalesce": tape.coalesced, "contiguous": contiguous, "copy_": copy_, "cpu": as_it_is, "data": Coo.bare,
    "data=": set_data, "data_ptr": no_memory, "dense_dim": lambda s: len(s.dense_sizes), "detach": Coo.bare,
    "detach_": detach_, "dim_order": dim_order, "einsum": no_reshape, "empty_like": zeros_like, "expand": no_expand,
    "expand_as": no_expand, "flatten": no_reshape, "indices": indices, "is_coalesced": lambda s: s._ordered,
    "is_contiguous": lambda s, memory_format=None: False, "is_nonzero": truth,
    "is_pinned": lambda s, device=None: False, "is_shared": no_storage, "item": item, "map_": no_memory,
    "nbytes": nbytes, "new": new_zeros, "new_empty": new_zeros, "new_tensor": new_tensor, "new_zeros": new_zeros,
    "numpy": numpy, "ones_like": ones_like, "outer": no_reshape, "pin_memory": no_accelerator, "repeat": no_expand,
    "reshape": no_reshape, "resize_as_sparse_": resize_as_sparse_, "share_memory_": no_storage,
    "sparse_dim": lambda s: len(s.sparse_sizes), "sparse_mask": sparse_mask, "sparse_resize_": sparse_resize_,
    "sparse_resize_and_clear_": sparse_resize_and_clear_, "storage": no_storage, "storage_offset": lambda s: 0,
    "stride": stride, "tensordot": no_reshape, "to": to, "to_dense": to_dense, "to_sparse": to_sparse,
    "to_sparse_coo": to_sparse, "tolist": no_memory, "type": type_, "type_as": lambda s, other: to(s, other.dtype),
    "untyped_storage": no_storage, "values": values, "zero_": zero_, "zeros_like": zeros_like,
    **{name: _to(dt) for name, dt in CASTS.items()},
}  # fmt: skip
