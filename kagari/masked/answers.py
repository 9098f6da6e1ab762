"""What functions make of masked tensors, by the names of the functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..autograd.modes import is_grad_enabled
from ..base.dtypes import bool_
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.formats import sparse_coo, sparse_csr
from ..eager.overlay import elements, pointwise, through, wrapped
from . import normalizations, reductions
from .gradients import Marked
from .sparse import SparseMaskedTensor, to_sparse
from .tensor import Answer, MaskedTensor, mask_of, masked_of

# Elements


def on_elements(func: Answer, input: Any, *args: Any, **kwargs: Any) -> Any:
    """An operator on elements at one place. Raises ValueError where masks differ."""
    tensors = [a for a in (input, *args, *kwargs.values()) if isinstance(a, Tensor)]
    leader = next(t for t in tensors if isinstance(t, MaskedTensor))
    _check_layouts(leader, tensors)
    mask = leader._mask
    masks = [t._mask for t in tensors if isinstance(t, MaskedTensor)]
    if any(m.shape != mask.shape or not bool((m == mask).all()) for m in masks):
        raise ValueError("Input masks must match. If you need support for this, please open an issue on Github.")
    recorded = is_grad_enabled() and any(t.requires_grad for t in tensors)

    def bare(a: Any) -> Any:
        if not isinstance(a, MaskedTensor):
            wants = recorded and isinstance(a, Tensor) and a.requires_grad
            return Marked.apply(a.expand(mask.shape), mask) if wants else a
        # A gradient must not meet what is not there: 0 times NaN would be NaN.
        return ops.where(mask, elements(a), ops.ones((), dtype=a.dtype)) if recorded else elements(a)

    def wrap(t: Tensor) -> MaskedTensor:
        return leader._with(t, mask if mask.shape == t.shape else mask.expand(t.shape))

    rest, named = tuple([bare(a) for a in args]), {k: bare(v) for k, v in kwargs.items()}
    changing = func.__name__.endswith("_") and not func.__name__.endswith("__")
    if isinstance(input, MaskedTensor) and (changing or not recorded):
        return through(input, func, rest, named, wrap)
    return wrapped(func(bare(input), *rest, **named), wrap)


def _check_layouts(leader: MaskedTensor, tensors: Sequence[Tensor]) -> None:
    """Raises ValueError for tensors of two layouts, and for sparse ones of different places."""
    for t in tensors:
        if t.layout is not leader.layout and t.ndim:
            raise ValueError(f"`a` and `b` must have the same layout. Got {leader.layout} and {t.layout}")
        if isinstance(leader, SparseMaskedTensor) and isinstance(t, SparseMaskedTensor):
            same = leader._size == t._size and leader._indices.shape == t._indices.shape
            if not same or not bool((leader._indices == t._indices).all()):
                raise ValueError("sparse masked tensors must have the same indices")


def where(func: Answer, condition: Tensor, input: Any = None, other: Any = None) -> MaskedTensor:
    """An element of one or of the other, there where that one is there."""
    if input is None or other is None:
        raise TypeError("where() of a masked tensor alone is not there: look at its mask")
    sides = [t if isinstance(t, Tensor) else ops.full_like(elements(condition), t) for t in (input, other)]
    chosen = (elements(condition), ~elements(condition))
    parts = [
        Marked.apply(elements(t), c & t._mask) if isinstance(t, MaskedTensor) and t.requires_grad else elements(t)
        for t, c in zip(sides, chosen)
    ]
    return masked_of(ops.where(chosen[0], *parts), ops.where(chosen[0], *[mask_of(t) for t in sides]))


# Shapes, and parts


def on_both(func: Answer, input: Any, *args: Any, **kwargs: Any) -> Any:
    """A function that puts elements to other places, and the mask with them."""
    data = func(elements(input), *args, **kwargs)
    mask = func(input._mask, *args, **kwargs)
    if isinstance(data, Tensor):
        return masked_of(data, mask)
    parts = [masked_of(t, m) for t, m in zip(data, mask)]
    return type(data)(parts)


def joined(func: Answer, tensors: Sequence[Any], *args: Any, **kwargs: Any) -> MaskedTensor:
    """Several tensors as one."""
    data = func([elements(t) for t in tensors], *args, **kwargs)
    return masked_of(data, func([mask_of(t) for t in tensors], *args, **kwargs))


def on_data(func: Answer, input: MaskedTensor, *args: Any, **kwargs: Any) -> Any:
    """A function of the elements that leaves them in their places, or asks for them."""
    return through(input, func, tuple([elements(a) for a in args]), kwargs, input._like)


def data(func: Answer, input: MaskedTensor) -> MaskedTensor:
    """Without history."""
    return input._like(elements(input).detach())


def transposed(func: Answer, input: MaskedTensor) -> MaskedTensor:
    """The dimensions in the opposite order."""
    return masked_of(elements(input).T, input._mask.T)


def matrix_transposed(func: Answer, input: MaskedTensor) -> MaskedTensor:
    """The last two dimensions exchanged."""
    return masked_of(elements(input).mT, input._mask.mT)


def like(func: Answer, input: MaskedTensor, *args: Any, **kwargs: Any) -> MaskedTensor:
    """A new tensor with the same mask."""
    needs = kwargs.pop("requires_grad", False)
    return MaskedTensor(func(elements(input).detach(), *args, **kwargs), input._mask, needs)


# Along dimensions


def reduction(func: Answer, input: MaskedTensor, *args: Any, **kwargs: Any) -> MaskedTensor:
    """A reduction of what is there, there where anything is."""
    if isinstance(input, SparseMaskedTensor) and (args or kwargs or func.__name__ in ("argmax", "argmin")):
        input = input.to_dense()
    names: tuple[str, ...] = ("dim", "keepdim")
    if func.__name__ in ("std", "var"):
        names = ("unbiased",) if args and isinstance(args[0], bool) else ("dim", "unbiased", "keepdim")
    found = dict(zip(names, args)) | kwargs
    dim = found.pop("dim", None)
    result = getattr(reductions, func.__name__)(input, dim, **found)
    return masked_of(result, _any(input._mask, dim, found.get("keepdim", False)))


def _any(mask: Tensor, dim: Any, keepdim: bool) -> Tensor:
    """Whether anything is there."""
    return ops.any(mask) if dim is None or dim == () else ops.any(mask, dim, keepdim)


def every(func: Answer, input: MaskedTensor, dim: Any = None, keepdim: bool = False) -> MaskedTensor:
    """Whether all elements that are there are true, or any is."""
    there = ops.where(input._mask, elements(input).to(bool_), ops.tensor(func.__name__ == "all"))
    result = func(there) if dim is None else func(there, dim, keepdim)
    return masked_of(result, _any(input._mask, dim, keepdim))


def normalization(func: Answer, input: MaskedTensor, dim: int, dtype: Any = None) -> MaskedTensor:
    """A normalization among what is there."""
    return masked_of(getattr(normalizations, func.__name__)(input, dim, dtype=dtype), input._mask)


_CONVERSIONS = (
    "bfloat16", "bool", "byte", "char", "copy_", "cpu", "detach", "detach_", "double", "fill_", "float", "half", "int",
    "long", "short", "to", "to_dtype", "type", "type_as", "zero_", "._real_property", "._imag_property",
)  # fmt: skip
_REDUCTIONS = ("amax", "amin", "argmax", "argmin", "mean", "prod", "std", "sum", "var")
OF_SPARSE: dict[str, Answer] = {
    **dict.fromkeys(pointwise(), on_elements),
    **dict.fromkeys((*_CONVERSIONS, "clone"), on_data),
    **dict.fromkeys(_REDUCTIONS, reduction),
    ".data": data,
}
ANSWERS: dict[str, Answer] = {
    **dict.fromkeys(pointwise(), on_elements),
    "where": where,
    **dict.fromkeys((
        "broadcast_to", "chunk", "clone", "contiguous", "diagonal", "expand", "flatten", "flip", "gather",
        "index_select", "masked_select", "movedim", "moveaxis", "narrow", "permute", "ravel", "repeat", "reshape",
        "roll", "select", "split", "split_with_sizes", "squeeze", "swapaxes", "swapdims", "t", "take_along_dim",
        "tensor_split", "tile", "transpose", "unbind", "unflatten", "unfold", "unsqueeze", "view",
    ), on_both),
    **dict.fromkeys(("cat", "concat", "concatenate", "hstack", "stack", "vstack"), joined),
    **dict.fromkeys((
        *_CONVERSIONS, "dim", "is_contiguous", "ndimension", "nelement", "numel", "size", "stride",
    ), on_data),
    **dict.fromkeys(("empty_like", "full_like", "ones_like", "rand_like", "randn_like", "zeros_like"), like),
    **dict.fromkeys(_REDUCTIONS, reduction),
    **dict.fromkeys(("all", "any"), every),
    **dict.fromkeys(("log_softmax", "softmax", "softmin"), normalization),
    "to_sparse": lambda func, input: to_sparse(input, sparse_coo),
    "to_sparse_csr": lambda func, input, dense_dim=None: to_sparse(input, sparse_csr),
    ".data": data, ".T": transposed, ".mT": matrix_transposed,
}  # fmt: skip
