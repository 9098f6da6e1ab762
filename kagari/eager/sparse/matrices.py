"""What answers calls with compressed sparse tensors: functions of their values, and of their coordinate form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...autograd.node import bare
from ...base import dtypes
from ...base.dtypes import dtype
from .. import convert
from ..calls import call
from ..formats import layout, sparse_bsc, sparse_bsr, sparse_coo, sparse_csc, sparse_csr, strided
from ..views import checked_dim
from . import compressed, compressing, members, places, pointwise, product, tape
from . import reduce as reductions
from .compressed import BY_ROWS, NAMES, TURNED, Compressed, closed, made, opened, to_coo
from .coo import Coo
from .printing import text_of

# Parts


def _part(name: str, kinds: tuple[layout, ...], words: str, of: str) -> Callable[..., Any]:
    def answer(s: Compressed) -> Any:
        if s._kind not in kinds:
            raise RuntimeError(f"{name} expected sparse {words} compressed tensor layout but got {NAMES[s._kind]}")
        return bare(getattr(s, of))

    return answer


def _of_coordinates(name: str) -> Callable[..., Any]:
    def answer(s: Compressed, *args: Any) -> Any:
        raise RuntimeError(f"{name} expected sparse coordinate tensor layout but got {NAMES[s._kind]}")

    return answer


def values(s: Compressed) -> Any:
    """The values, through which gradients pass."""
    return opened(s) if s._needs else bare(s._elements)


def _no(what: str) -> Callable[..., Any]:
    def answer(s: Any, *args: Any, **kwargs: Any) -> Any:
        s = next(t for t in s if isinstance(t, Compressed)) if isinstance(s, tuple | list) else s
        raise RuntimeError(f"Sparse {NAMES[s._kind].removeprefix('Sparse').upper()} tensors do not have {what}")

    return answer


def _refused(s: Any, *args: Any, **kwargs: Any) -> Any:
    kind = next(t._kind for t in (s, *args) if isinstance(t, Compressed))
    raise RuntimeError(f"unsupported tensor layout: {NAMES[kind]}")


def numpy(s: Compressed, *args: Any, **kwargs: Any) -> Any:
    """Raises TypeError."""
    raise TypeError(f"can't convert {NAMES[s._kind]} layout tensor to numpy. Use Tensor.to_dense() first.")


# Conversions


def to_dense(s: Compressed, dtype: dtype | None = None, *, masked_grad: bool | None = None) -> Any:
    """The tensor with its zeros."""
    if dtype is not None:
        raise RuntimeError("dtype argument is not supported by sparse_to_dense")
    if s.dtype is dtypes.bool_:
        return members.to_dense(to_coo(s))
    target = places.zeros(s.shape, s.dtype)
    return tape.named("ToDense", places.put(target, s.elements_at(), compressed.flat_values(s)))


def to_sparse(
    s: Any, sparse_dim: int | None = None, *, layout: Any = None, blocksize: Any = None, **further: Any
) -> Any:
    """The tensor in coordinate form, or in another layout."""
    if sparse_dim not in (None, len(s.batch) + 2):
        raise RuntimeError(
            f"sparse_compressed_to_sparse: conversion from {NAMES[s._kind]} to Sparse with sparse_dim argument !=2 is "
            "not supported"
        )
    kind = (sparse_coo if blocksize is None else sparse_bsr) if layout is None else layout
    return compressing.converted("to_sparse", s, kind, blocksize)


def _into(kind: layout) -> Callable[..., Any]:
    name = f"to_{kind.name}"
    if kind in (sparse_bsr, sparse_bsc):
        return lambda s, blocksize, dense_dim=None: compressing.converted(name, s, kind, blocksize, dense_dim)
    return lambda s, dense_dim=None: compressing.converted(name, s, kind, None, dense_dim)


CONVERSIONS = {f"to_{kind.name}": _into(kind) for kind in NAMES}


def cast(s: Compressed, dt: dtype) -> Any:
    """The tensor in another dtype."""
    return s if dt is s.dtype else closed("ToCopy", call("to_dtype")(opened(s), dt), s)


def to(s: Any, *args: Any, **options: Any) -> Any:
    """`Tensor.to` in all its forms but for the device `meta`."""
    if not isinstance(s, Compressed):  # another tensor's, whose dtype is asked for
        return convert.to(s, args[0].dtype)
    dtype, copy = members.asked(*args, **options)
    found = s if dtype is None else cast(s, dtype)
    return clone(s) if copy and found is s else found


def _to(dt: dtype) -> Callable[..., Any]:
    return lambda s, memory_format=None: cast(s, dt)


def clone(s: Compressed, *, memory_format: Any = None) -> Any:
    """A copy with memory of its own."""
    copied = made(s._kind, call("clone")(s._starts), call("clone")(s._others), s._elements, s.shape)
    return closed("Clone", call("clone")(opened(s)), copied)


def deepcopy(s: Compressed, memo: dict[int, Any]) -> Any:
    """A copy as a leaf."""
    return members.deepcopied(s, memo, clone(s.bare()))


def rebuilt(kind: layout, starts: Any, others: Any, elements: Any, size: tuple[int, ...], needs: bool) -> Any:
    """A tensor that was pickled."""
    t = made(kind, starts, others, elements, size)
    t._needs = needs
    return t


def reduced(s: Compressed, protocol: Any) -> Any:
    """How the tensor is pickled."""
    return rebuilt, (s._kind, s._starts, s._others, s._elements, tuple(s.shape), s._needs)


def sparse_mask(t: Any, mask: Any) -> Any:
    """The elements of a tensor at the places of another one."""
    if not isinstance(mask, Compressed):
        raise RuntimeError("sparse_mask_sparse_compressed expects mask to have sparse compressed layout, got Sparse")
    members.check_mask(t, mask)
    return closed("SparseMask", compressed.at_places(t, mask), mask)


# Others of this kind


def zeros_like(
    input: Compressed, *, dtype: Any = None, layout: Any = None, requires_grad: bool = False, **o: Any
) -> Any:
    """A sparse tensor of zeros with the shape of another one; a dense one if that layout is asked for."""
    dt = input.dtype if dtype is None else dtype
    size, kind = tuple(input.shape), input._kind
    t = places.zeros(size, dt) if layout is strided else compressing.zeros(size, dt, layout or kind)
    return t.requires_grad_() if requires_grad else t


def ones_like(input: Compressed, *, dtype: Any = None, layout: Any = None, **further: Any) -> Any:
    """Ones at the places of a tensor; everywhere where a dense tensor is asked for."""
    dt = input.dtype if dtype is None else dtype
    if layout is strided:
        return convert.full(tuple(input.shape), 1, dt)
    return input.with_values(convert.full(tuple(input._elements.shape), 1, dt))


def new_zeros(s: Compressed, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """A sparse tensor of zeros."""
    shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    return compressing.zeros(shape, s.dtype if dtype is None else dtype, s._kind)


# Element by element


def _of_values(name: str, node: str) -> Callable[..., Any]:
    return lambda s, *args, **kwargs: closed(node, call(name)(opened(s), *args, **kwargs), s)


def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """`input + alpha * other`: sparse if both are, else dense."""
    if not (convert.is_tensor(input) and convert.is_tensor(other)) or input.shape != other.shape:
        shapes = [list(getattr(x, "shape", ())) for x in (input, other)]
        raise RuntimeError(
            f"add: expected 'self' and 'other' to have same size, but self has size {shapes[0]} while other has size "
            f"{shapes[1]} (FYI: op2-sparse addition does not currently support broadcasting)"
        )
    if not isinstance(input, Compressed) or not isinstance(other, Compressed):
        if input.layout is strided or other.layout is strided:
            return call("add")(input.to_dense(), other.to_dense(), alpha=alpha)
        raise RuntimeError(f"add: tensors of the layouts {input.layout} and {other.layout}")
    if input.has_places_of(other):
        return closed("Add", call("add")(opened(input), opened(other), alpha=alpha), input)
    total = pointwise.add(to_coo(input), to_coo(other), alpha=alpha)
    return compressed.of_coo("Add", total, input._kind, input.block)


def mul(input: Any, other: Any) -> Any:
    """The product: with a number, or at the places of the sparse tensor."""
    s, factor = (input, other) if isinstance(input, Compressed) else (other, input)
    if not convert.is_tensor(factor) or (not factor.ndim and factor.layout is strided):
        return closed("Mul", call("mul")(opened(s), factor), s)
    if factor.layout is strided:
        factor = call("expand")(factor, tuple(s.shape))
    elif factor.shape != s.shape:
        raise RuntimeError(f"mul: expected tensors of one size, got {list(s.shape)} and {list(factor.shape)}")
    elif not s.has_places_of(factor):
        coordinates = to_coo(factor) if isinstance(factor, Compressed) else factor
        return compressed.of_coo("Mul", pointwise.mul(to_coo(s), coordinates), s._kind, s.block)
    return closed("Mul", call("mul")(opened(s), compressed.at_places(factor, s)), s)


def sum(input: Compressed, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The sum over all elements; over dimensions of a matrix, which are kept with size 1."""
    if dim is None:
        return tape.named("Sum", call("sum")(opened(input), dtype=dtype))
    if not keepdim:
        raise RuntimeError("reduction operations on CSR tensors with keepdim=False is unsupported")
    found = reductions.sum(to_coo(input), dim, True, dtype=dtype)
    return compressing.converted("to_sparse", found, input._kind)


# Parts and products


def transpose(input: Compressed, dim0: int, dim1: int) -> Any:
    """Rows and columns exchanged: the same values, by columns what was by rows."""
    first = len(input.batch)
    kinds = ["Batch"] * first + ["Sparse"] * 2 + ["Dense"] * (input.ndim - first - 2)
    d0, d1 = checked_dim(dim0, input.ndim), checked_dim(dim1, input.ndim)
    if kinds[d0] != kinds[d1]:
        raise RuntimeError(
            "transpose(): can only transpose dimensions of the same type (Batch, Sparse, Dense), got "
            f"{d0}({kinds[d0]}) and {d1}({kinds[d1]})"
        )
    if d0 == d1:
        return alias(input)
    if kinds[d0] != "Sparse":
        raise NotImplementedError("transpose of stacks and of dense dimensions of compressed sparse tensors")
    size = list(input.shape)
    size[d0], size[d1] = size[d1], size[d0]
    found = opened(input)
    if input.block != (1, 1) or input._kind in compressed.BLOCKED:
        found = call("transpose")(found, first + 1, first + 2)
    like = made(TURNED[input._kind], input._starts, input._others, bare(found), size)
    return closed("Transpose", found, like)


def t(input: Compressed) -> Any:
    """The transpose of a matrix."""
    if input.ndim != 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return transpose(input, 0, 1)


def adjoint(input: Compressed) -> Any:
    """The conjugate transpose."""
    turned = transpose(input, -2, -1)
    return closed("Conj", call("conj_physical")(opened(turned)), turned) if input.is_complex() else turned


def alias(s: Compressed) -> Any:
    """The same places and values."""
    return closed("Alias", opened(s), s)


def select(input: Compressed, dim: int, index: int) -> Any:
    """A matrix of a stack; of a matrix a row or a column in coordinate form."""
    dim = checked_dim(dim, input.ndim)
    if dim >= len(input.batch):
        return to_coo(input).select(dim, index)
    n = input.shape[dim]
    if not -n <= index < n:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}"
        )
    parts = [call("select")(x, dim, index) for x in (input._starts, input._others, opened(input))]
    size = [*input.shape[:dim], *input.shape[dim + 1 :]]
    return closed("Select", parts[2], made(input._kind, parts[0], parts[1], bare(parts[2]), size))


def getitem(s: Compressed, index: Any) -> Any:
    """Integers and whole slices. Raises RuntimeError for all else."""
    items = index if isinstance(index, tuple) else (index,)
    if not all(isinstance(i, int | slice) and not isinstance(i, bool) for i in items) or len(items) > s.ndim:
        return _no("strides")(s)
    result, dim = s, 0
    for i in items:
        if isinstance(i, int):
            if not -result.shape[dim] <= i < result.shape[dim]:
                raise IndexError(f"index {i} is out of bounds for dimension {dim} with size {result.shape[dim]}")
            result = result.select(dim, i)
        elif i == slice(None):
            dim += 1
        else:
            return _no("strides")(s)
    return result


def unbind(input: Compressed, dim: int = 0) -> tuple[Any, ...]:
    """The slices along a dimension."""
    return tuple([select(input, dim, i) for i in range(input.shape[checked_dim(dim, input.ndim)])])


def iterated(s: Any) -> Iterator[Any]:
    """The slices along the first dimension, one after the other."""
    return iter(unbind(s))


def _by_coordinates(answer: Callable[..., Any]) -> Callable[..., Any]:
    """A product, computed in coordinate form; a sparse result is in CSR."""

    def product_of(*args: Any, **kwargs: Any) -> Any:
        a, b = args[-2:]
        if a.ndim == b.ndim == 2 and a.shape[1] != b.shape[0] and answer is not product.linear:
            sizes = f"{a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]}"
            raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({sizes})")
        found = answer(*[to_coo(a) if isinstance(a, Compressed) else a for a in args], **kwargs)
        if not isinstance(found, Coo):
            return found
        kind = next((a._kind for a in args if isinstance(a, Compressed)), None)
        if kind is None:
            return found
        return compressed.of_coo("Mm", found, sparse_csc if kind is sparse_csc else sparse_csr)

    return product_of


masked_mm = _by_coordinates(product.masked_mm)


def masked_addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """`torch.sparse.addmm`."""
    return _by_coordinates(product.addmm)(input, mat1, mat2, beta=beta, alpha=alpha, multiply=product.masked_mm)


def addmv(input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """`beta * input + alpha * mat @ vec`."""
    return tape.named("Addmv", input * beta + product.mv(to_coo(mat), vec) * alpha)


def sampled_addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1.0, alpha: Any = 1.0) -> Any:
    """`alpha * mat1 @ mat2 + beta * input` at the places of a sparse `input`."""
    if not isinstance(input, Compressed) or input._kind is not sparse_csr:
        backend = input._backend if isinstance(input, Coo | Compressed) else "CPU"
        raise NotImplementedError(
            f"Could not run 'aten::sparse_sampled_addmm' with arguments from the '{backend}' backend."
        )
    _check_sampled(input, mat1, mat2)
    at = input.elements_at()
    stack, (rows, columns) = places.rows(at)[:-2], places.rows(at)[-2:]
    left, right = mat1[(*stack, rows)], call("transpose")(mat2, -2, -1)[(*stack, columns)]
    found = call("reshape")(call("sum")(call("mul")(left, right), (-1,)), tuple(input._elements.shape))
    total = call("add")(call("mul")(found, alpha), call("mul")(opened(input), beta))
    return closed("SparseSampledAddmm", total, input)


def _check_sampled(s: Compressed, a: Any, b: Any) -> None:
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"sampled_addmm: Expected mat1 and mat2 to have the same dtype, but got {a.dtype.type_name} and "
            f"{b.dtype.type_name}"
        )
    if a.dtype is not s.dtype:
        raise RuntimeError(
            f"sampled_addmm: Expected mat1 and self to have the same dtype, but got {a.dtype.type_name} and "
            f"{s.dtype.type_name}"
        )
    if a.ndim < 2 or b.ndim < 2:
        raise RuntimeError("sampled_addmm: Expected mat1 to be a matrix")
    if s.shape[-2] != a.shape[-2]:
        raise RuntimeError("sampled_addmm: self.shape[-2] must match mat1.shape[-2]")
    if s.shape[-1] != b.shape[-1]:
        raise RuntimeError("sampled_addmm: self.shape[-1] must match mat2.shape[-1]")
    if a.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"
        )


def reduced_mm(mat1: Any, mat2: Any, reduce: str) -> Any:
    """The product of a CSR and a dense matrix with another way to join the terms of an element: `sum`, `mean`, `amax`
    or `amin`.
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if not isinstance(mat1, Compressed) or mat1._kind is not sparse_csr:
        backend = mat1._backend if isinstance(mat1, Coo | Compressed) else "CPU"
        raise NotImplementedError(
            f"Could not run 'aten::_sparse_mm_reduce_impl' with arguments from the '{backend}' backend."
        )
    if reduce == "prod":
        raise NotImplementedError("torch.sparse.mm: reduce='prod'")
    if reduce == "sum":
        return product.masked_mm(to_coo(mat1), mat2)
    rows, columns = places.rows(mat1.elements_at())
    terms = call("mul")(opened(mat1).unsqueeze(1), call("index_select")(mat2, 0, columns))
    zeros = places.zeros((mat1.shape[0], mat2.shape[1]), mat1.dtype)
    joined = call("index_reduce")(zeros, 0, rows, terms, reduce, include_self=False)
    return tape.named("SparseMmReduceImpl", joined)


# Changes


def overwrite(s: Compressed, result: Any) -> Compressed:
    """A result written into a tensor, which takes its place on the tape."""
    members.check_changeable(s)
    if result.dtype.category > s.dtype.category:
        raise RuntimeError(
            f"result type {result.dtype.type_name} can't be cast to the desired output type {s.dtype.type_name}"
        )
    result = cast(result, s.dtype)
    if s.has_places_of(result) and s._elements is not result._elements:
        call("copy_")(s._elements, bare(result._elements))
        s._edits += 1
    else:
        s.take_over(result)
    if places.recording():
        s._grad_fn, s._needs = result._grad_fn, result._needs
    return s


def in_place(name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
    """The form of an answer that changes its first argument."""

    def changing(s: Any, *args: Any, **kwargs: Any) -> Any:
        result = answer(s, *args, **kwargs)
        return overwrite(s, result) if isinstance(s, Compressed) else pointwise.into_dense(s, result, name)

    return changing


def copy_(s: Any, src: Any, non_blocking: bool = False) -> Any:
    """Takes over the values of another tensor of this layout, and its places."""
    if not isinstance(s, Compressed):
        raise RuntimeError("copy_sparse_compressed_ expected sparse compressed tensor layout but got Strided")
    kind = NAMES.get(src.layout, "Strided" if src.layout is strided else "Sparse")
    if src.layout is not s._kind:
        raise RuntimeError(
            "torch.copy_: copy of sparse compressed tensors having different layouts is not supported. self layout is "
            f"{NAMES[s._kind]} and src layout is {kind}"
        )
    if src._elements.shape != s._elements.shape or src.shape != s.shape:
        raise RuntimeError(
            "torch.copy_: only sparse compressed tensors with the same number of specified elements are supported."
        )
    return overwrite(s, cast(clone(src), s.dtype))


def zero_(s: Compressed) -> Compressed:
    """Forgets all places."""
    return overwrite(s, zeros_like(s))


def _filling(name: str) -> Callable[..., Any]:
    def answer(s: Compressed, *args: Any, **kwargs: Any) -> Compressed:
        members.check_changeable(s)
        getattr(s._elements, name)(*args, **kwargs)
        return s

    return answer


def text(s: Compressed, **kwargs: Any) -> str:
    """The text of a tensor."""
    names = ("crow_indices", "col_indices") if s._kind in BY_ROWS else ("ccol_indices", "row_indices")
    parts = [*zip(names, (s._starts, s._others)), ("values", s._elements)]
    return text_of(s, parts, s._others.shape[-1], newline=False)


_UNARY = {**pointwise.UNARY, **pointwise.LINEAR, "angle": "Angle"}
_UNSUPPORTED = ("sub", "div", "pow", "floor_divide", "sub_", "div_", "__eq__", "__ne__", "exp", "eq", "ne")
_PRODUCTS = ("addmm", "linear", "matmul", "mm", "mv", "spmm", "dsmm")
ANSWERS: dict[str, Callable[..., Any]] = {
    **{name: _of_values(name, node) for name, node in _UNARY.items() if name not in ("nan_to_num", "square")},
    **dict.fromkeys(_UNSUPPORTED, _refused),
    **{name: _by_coordinates(product.ANSWERS[name]) for name in _PRODUCTS},
    **{name: _to(dt) for name, dt in members.CASTS.items()},
    **{name: _of_coordinates(name) for name in ("coalesce", "indices", "is_coalesced")},
    **{name: _no("strides") for name in ("stride", "squeeze", "unsqueeze")},
    **{name: _no("is_contiguous") for name in ("cat", "contiguous", "flatten", "is_contiguous", "reshape", "stack")},
    **CONVERSIONS,
    "H": adjoint, "__array__": numpy, "__bool__": members.truth, "__deepcopy__": deepcopy,
    "__float__": lambda s: float(members.item(s)), "__format__": lambda s, spec: object.__format__(s, spec),
    "__getitem__": getitem, "__int__": lambda s: int(members.item(s)), "__reduce_ex__": reduced, "__repr__": text,
    "_nnz": lambda s: s._others.shape[-1], "add": add, "addmv": addmv, "adjoint": adjoint,
    "ccol_indices": _part("ccol_indices", (sparse_csc, sparse_bsc), "column", "_starts"), "clone": clone,
    "col_indices": _part("col_indices", (sparse_csr, sparse_bsr), "row", "_others"), "conj": members.conj,
    "copy_": copy_, "cpu": members.as_it_is,
    "crow_indices": _part("crow_indices", (sparse_csr, sparse_bsr), "row", "_starts"), "data": Compressed.bare,
    "data=": members.set_data, "data_ptr": members.no_memory, "dense_dim": lambda s: len(s.dense_sizes),
    "detach": Compressed.bare, "detach_": members.detach_, "empty_like": zeros_like, "expand": members.no_expand,
    "fill_": _filling("fill_"), "is_nonzero": members.truth, "item": members.item, "mH": adjoint,
    "mT": lambda s: transpose(s, -2, -1), "mul": mul,
    "nbytes": lambda s: s._layout.nbytes,
    "new_empty": new_zeros, "new_zeros": new_zeros, "normal_": _filling("normal_"), "numpy": numpy,
    "ones_like": ones_like, "pin_memory": members.no_accelerator, "resolve_conj": members.as_it_is,
    "resolve_neg": members.as_it_is,
    "row_indices": _part("row_indices", (sparse_csc, sparse_bsc), "column", "_others"), "select": select,
    "sparse_dim": lambda s: 2, "sparse_mask": sparse_mask, "storage_offset": lambda s: 0, "sum": sum, "t": t, "to": to,
    "to_dense": to_dense, "to_sparse": to_sparse, "to_sparse_coo": to_sparse, "tolist": members.no_memory,
    "transpose": transpose, "type_as": lambda s, other: to(s, other.dtype), "unbind": unbind,
    "untyped_storage": members.no_storage, "values": values, "zero_": zero_, "zeros_like": zeros_like,
}  # fmt: skip
ANSWERS |= {
    f"{name}_": in_place(name, ANSWERS[name]) for name in ("add", "mul", *pointwise.CHANGING) if name in ANSWERS
}
