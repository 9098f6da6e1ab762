"""What functions make of nested tensors of the layout `torch.jagged`, by the names of the functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..eager import Tensor
from ..eager import operators as ops
from ..eager.overlay import elements, leaf, wrapped
from ..eager.views import checked_dim
from .base import Answer, on_elements
from .jagged import NestedTensor, jagged_of, regular_dim, reshaped
from .sequences import of_lengths

# Shapes


def _exchanged(x: NestedTensor, order: Sequence[int]) -> NestedTensor:
    """The dimensions in another order, of which the first is that of the batch."""
    values = elements(x).permute([d - 1 for d in order[1:]])
    return jagged_of(values, x._sequences, list(order).index(x._ragged_idx))


def transpose(func: Answer, input: NestedTensor, dim0: int, dim1: int) -> NestedTensor:
    """Two dimensions exchanged."""
    order = list(range(input.dim()))
    a, b = checked_dim(dim0, len(order)), checked_dim(dim1, len(order))
    if a != b and 0 in (a, b):
        raise ValueError("Transpose is not supported on the batch dimension for jagged NT")
    order[a], order[b] = order[b], order[a]
    return _exchanged(input, order)


def permute(func: Answer, input: NestedTensor, *dims: Any) -> NestedTensor:
    """The dimensions in another order."""
    given = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
    order = [checked_dim(d, input.dim()) for d in given]
    if sorted(order) != list(range(input.dim())):
        raise RuntimeError(f"permute(): the dimensions {list(given)} are not those of a tensor with {input.dim()}")
    if order[0] != 0:
        raise ValueError("Permute is not supported on the batch dimension for jagged NT")
    return _exchanged(input, order)


def mT(func: Answer, input: NestedTensor) -> NestedTensor:
    """The last two dimensions exchanged."""
    return transpose(func, input, -2, -1)


def T(func: Answer, input: NestedTensor) -> NestedTensor:
    """Raises ValueError: the batch stays in front."""
    raise ValueError("Permute is not supported on the batch dimension for jagged NT")


def unsqueeze(func: Answer, input: NestedTensor, dim: int) -> NestedTensor:
    """A new dimension of size 1."""
    rank = input.dim()
    if not -rank - 1 <= dim <= rank:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-rank - 1}, {rank}], but got {dim})")
    at = dim % (rank + 1)
    if at == 0:
        raise RuntimeError("unsqueeze(): not supported for NestedTensor on dim=0")
    ragged = input._ragged_idx + (at <= input._ragged_idx)
    return jagged_of(elements(input).unsqueeze(at - 1), input._sequences, ragged)


def squeeze(func: Answer, input: NestedTensor, dim: int | None = None) -> NestedTensor:
    """Without a dimension, where its size is 1."""
    if dim is None:
        raise NotImplementedError("squeeze() of a nested tensor needs the dimension")
    at = regular_dim(input, dim, "squeeze")
    values = elements(input).squeeze(at)
    gone = values.ndim < input._layout.ndim and at + 1 < input._ragged_idx
    return jagged_of(values, input._sequences, input._ragged_idx - gone)


def flatten(func: Answer, input: NestedTensor, start_dim: int = 0, end_dim: int = -1) -> NestedTensor:
    """Several regular dimensions as one."""
    first, last = (checked_dim(d, input.dim()) for d in (start_dim, end_dim))
    for dim in range(first, last + 1):
        regular_dim(input, dim, "flatten")
    values = elements(input).flatten(first - 1, last - 1)
    return jagged_of(values, input._sequences, input._ragged_idx - (last - first) * (last < input._ragged_idx))


def unflatten(func: Answer, input: NestedTensor, dim: int, sizes: Sequence[int]) -> NestedTensor:
    """A regular dimension as several."""
    at = regular_dim(input, dim, "unflatten")
    values = elements(input).unflatten(at, sizes)
    more = values.ndim - input._layout.ndim
    return jagged_of(values, input._sequences, input._ragged_idx + more * (at + 1 < input._ragged_idx))


def view(func: Answer, input: NestedTensor, *shape: Any) -> NestedTensor:
    """Other regular dimensions; -1, or its symbol, stands for the ragged one."""
    return reshaped(input, func, shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)


def view_as(func: Answer, self: Tensor, other: Tensor) -> Tensor:
    """`self.view(other.shape)`, or another function of a shape."""
    name = func.__name__.removesuffix("_as")
    return getattr(self, name)(other.shape)


def expand(func: Answer, input: NestedTensor, *sizes: Any) -> NestedTensor:
    """Regular dimensions of size 1 repeated."""
    if not isinstance(input, NestedTensor):
        raise NotImplementedError("a tensor is not expanded to the shape of a nested one")
    shape = list(sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes)
    known = input.shape
    fits = len(shape) == len(known) and all(shape[d] in (-1, known[d]) for d in (0, input._ragged_idx))
    if not fits:
        raise RuntimeError(f"expand(): cannot expand shape {tuple(known)} -> {tuple(shape)}")
    shape[input._ragged_idx] = -1
    return jagged_of(elements(input).expand(*shape[1:]), input._sequences, input._ragged_idx)


# Parts


def unbind(func: Answer, input: NestedTensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The sequences."""
    return input.unbind(dim)


def select(func: Answer, input: NestedTensor, dim: int, index: int) -> Tensor:
    """A sequence, or a slice of all without a regular dimension."""
    if checked_dim(dim, input.dim()) == 0:
        return input[index]
    at = regular_dim(input, dim, "select")
    return jagged_of(
        elements(input).select(at, index), input._sequences, input._ragged_idx - (at + 1 < input._ragged_idx)
    )


def narrow(func: Answer, input: NestedTensor, dim: int, start: int, length: int) -> NestedTensor:
    """A part of a regular dimension."""
    return input._like(elements(input).narrow(regular_dim(input, dim, "narrow"), start, length))


def chunk(func: Answer, input: NestedTensor, chunks: int, dim: int = 0) -> tuple[NestedTensor, ...]:
    """Pieces of a regular dimension, or of the batch."""
    if checked_dim(dim, input.dim()) == 0:
        return _batches(input, chunks)
    return tuple([input._like(t) for t in elements(input).chunk(chunks, regular_dim(input, dim, "chunk"))])


def _batches(input: NestedTensor, chunks: int) -> tuple[NestedTensor, ...]:
    """At most so many batches of equal size."""
    sequences, along = input._sequences, input._ragged_idx - 1
    size = -(-len(sequences) // chunks)
    made = []
    for at in range(0, len(sequences), size):
        bounds = sequences.bounds[at : at + size]
        begin, end = bounds[0][0], bounds[-1][0] + bounds[-1][1]
        if sequences.lengths is not None:
            raise NotImplementedError("chunk(): a nested tensor with gaps is not cut into batches: call contiguous()")
        values = elements(input).narrow(along, begin, end - begin)
        made.append(jagged_of(values, of_lengths([n for _, n in bounds]), input._ragged_idx))
    return tuple(made)


def split(func: Answer, tensor: NestedTensor, split_size: Any, dim: int = 0) -> tuple[NestedTensor, ...]:
    """Pieces of a regular dimension."""
    name = "split" if isinstance(split_size, int) else "split_with_sizes"
    return tuple([tensor._like(t) for t in elements(tensor).split(split_size, regular_dim(tensor, dim, name))])


def _joined(name: str, tensors: Sequence[Any], dim: int, rank: int) -> list[Tensor]:
    """The values of nested tensors that are to be joined. Raises RuntimeError where they can't be."""
    leader = next(t for t in tensors if isinstance(t, NestedTensor))
    if not -rank <= dim < rank:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {dim})")
    if dim % rank == 0:
        raise RuntimeError(f"{name}(): not supported for NestedTensor on dim=0")
    if dim % rank == leader._ragged_idx:
        raise RuntimeError(f"{name}(): not supported for NestedTensor on ragged dim")
    for t in tensors:
        if not isinstance(t, NestedTensor) or t._sequences.symbol != leader._sequences.symbol:
            raise RuntimeError(f"{name}(): all tensors must be nested, of the same sequences")
    return [elements(t) for t in tensors]


def cat(func: Answer, tensors: Sequence[NestedTensor], dim: int = 0) -> NestedTensor:
    """Joins a regular dimension."""
    rank = next(t for t in tensors if isinstance(t, NestedTensor)).dim()
    values = _joined("cat", tensors, dim, rank)
    return tensors[0]._like(ops.cat(values, dim % rank - 1))


def stack(func: Answer, tensors: Sequence[NestedTensor], dim: int = 0) -> NestedTensor:
    """Joins along a new dimension."""
    rank = next(t for t in tensors if isinstance(t, NestedTensor)).dim() + 1
    values = _joined("stack", tensors, dim, rank)
    first = tensors[0]
    at = dim % rank
    return jagged_of(ops.stack(values, at - 1), first._sequences, first._ragged_idx + (at < first._ragged_idx))


# Memory and dtype


def contiguous(func: Answer, input: NestedTensor, *args: Any, **kwargs: Any) -> NestedTensor:
    """In row-major order and without gaps; itself where that is so."""
    whole = gapless(input)
    return whole if whole.is_contiguous() else whole._like(elements(whole).contiguous())


def gapless(input: NestedTensor) -> NestedTensor:
    """Without gaps between sequences, or beside them; itself where there are none."""
    total = input._layout.shape[input._ragged_idx - 1]
    without = input._sequences.lengths is None and input._sequences.fill(total)
    return input if without else input._of(input.unbind())


def is_same_size(func: Answer, self: Tensor, other: Tensor) -> bool:
    """Whether shapes are equal."""
    return bool(self.shape == other.shape)


def copy_(func: Answer, self: NestedTensor, src: NestedTensor, non_blocking: bool = False) -> NestedTensor:
    """Overwrites the elements with those of another nested tensor."""
    if not isinstance(self, NestedTensor) or not isinstance(src, NestedTensor) or self.shape != src.shape:
        raise RuntimeError(
            f"copy_() only supports Nested tensors that have same size and the exact same offset tensor, "
            f"got {tuple(self.shape)} and {tuple(src.shape)}"
        )
    return on_elements(func, self, src)


def like(func: Answer, input: NestedTensor, *args: Any, **kwargs: Any) -> NestedTensor:
    """A new tensor of the same shape."""
    needs = kwargs.pop("requires_grad", False)
    made = input._like(func(elements(input).detach(), *args, **kwargs))
    return leaf(NestedTensor, elements(made), True, **made.__dict__) if needs else made


def numel(func: Answer, input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


def data(func: Answer, input: NestedTensor) -> NestedTensor:
    """Without history."""
    return input._like(elements(input).detach())


# Reductions


def reduction(func: Answer, input: NestedTensor, *args: Any, **kwargs: Any) -> Any:
    """A reduction of all elements, of regular dimensions, of the ragged one for each sequence, or of both that and the
    batch.
    """
    if args and isinstance(args[0], Tensor):
        return {"max": ops.maximum, "min": ops.minimum}[func.__name__](input, args[0])
    given = dict(zip(("dim", "keepdim"), args)) | {("dim" if k == "axis" else k): v for k, v in kwargs.items()}
    dim, keepdim = given.pop("dim", None), given.pop("keepdim", False)
    rank, ragged, name = input.dim(), input._ragged_idx, func.__name__
    input = gapless(input)
    if dim is None or dim == ():
        return func(elements(input), **given)
    dims = {checked_dim(d, rank) for d in ((dim,) if isinstance(dim, int) else dim)}
    if 0 in dims and ragged not in dims:
        raise RuntimeError(
            f"{name}(): reducing along the batch dimension but not the ragged dimension is not supported for nested "
            "tensors"
        )
    along = _as_given(dim, sorted(d - 1 for d in dims if d))
    if 0 in dims:
        return wrapped(func(elements(input), along, keepdim, **given), lambda t: t.unsqueeze(0) if keepdim else t)
    if ragged in dims:
        if len(dims) > 1:
            raise RuntimeError(
                f"{name}(): reducing along a ragged and non-batch dimension is not supported for nested tensors"
            )
        return _stacked([func(t, along, keepdim, **given) for t in input.unbind()])
    left = ragged if keepdim else ragged - sum(d < ragged for d in dims)
    return wrapped(func(elements(input), along, keepdim, **given), lambda t: jagged_of(t, input._sequences, left))


def _as_given(dim: Any, dims: list[int]) -> Any:
    """Dimensions as one number where one was given."""
    return dims[0] if isinstance(dim, int) or len(dims) == 1 else tuple(dims)


def _stacked(results: list[Any]) -> Any:
    """Results of all sequences as one tensor, or as tensors of what several have."""
    if not isinstance(results[0], tuple):
        return ops.stack(results)
    parts = [ops.stack(list(column)) for column in zip(*results)]
    return type(results[0])(parts)


def softmax(func: Answer, input: NestedTensor, dim: int, *args: Any, **kwargs: Any) -> NestedTensor:
    """Along a regular dimension, or within each sequence."""
    at, name = checked_dim(dim, input.dim()), func.__name__
    if at == 0:
        raise RuntimeError(f"{name}(): not supported when reducing across the batch dimension for NestedTensor")
    if at != input._ragged_idx:
        return input._like(func(elements(input), at - 1, *args, **kwargs))
    if at > 1:
        raise RuntimeError(
            f"{name}(): not supported when reducing along the ragged dimension for ragged_idx > 1 for NestedTensor"
        )
    return input._of([func(t, 0, *args, **kwargs) for t in input.unbind()])


def normalization(func: Answer, input: NestedTensor, normalized_shape: Any, *args: Any, **kwargs: Any) -> NestedTensor:
    """Over the last dimensions, all of them regular."""
    if isinstance(normalized_shape, int):
        normalized_shape = (normalized_shape,)
    if input.dim() - len(normalized_shape) <= input._ragged_idx:
        raise RuntimeError(f"{func.__name__}(): not supported for NestedTensor over the ragged dimension")
    return input._like(func(elements(input), normalized_shape, *args, **kwargs))


# Products


def linear(func: Answer, input: NestedTensor, weight: Tensor, bias: Tensor | None = None) -> NestedTensor:
    """A matrix times the last dimension."""
    if not isinstance(input, NestedTensor) or input._ragged_idx == input.dim() - 1:
        raise ValueError("linear(): expected input to be a nested tensor whose last dimension is regular")
    return input._like(func(elements(input), weight, bias))


def matmul(func: Answer, input: Any, other: Any) -> Any:
    """Nested times dense: a matrix for all, or one for each sequence; nested times nested: over the ragged dimension.

    Raises RuntimeError for other shapes.
    """
    if isinstance(input, NestedTensor) and not isinstance(other, NestedTensor) and input._ragged_idx < input.dim() - 1:
        if other.ndim == 2:
            return input._like(ops.matmul(elements(input), other))
        if other.ndim == input.dim() and other.shape[0] == len(input):
            return input._of([ops.matmul(t, m) for t, m in zip(input.unbind(), other.unbind())])
    if _over_ragged(input, other):
        return ops.stack([ops.matmul(a, b) for a, b in zip(input.unbind(), other.unbind())])
    shown = [tuple(t.shape) if isinstance(t, NestedTensor) else t.shape for t in (input, other)]
    raise RuntimeError(f"matmul(): not supported between inputs of shapes {shown[0]} and {shown[1]}")


def _over_ragged(a: Any, b: Any) -> bool:
    """Whether a product is a sum over the ragged dimension: (B, D, j) times (B, j, E)."""
    if not (isinstance(a, NestedTensor) and isinstance(b, NestedTensor) and a.dim() == b.dim() == 3):
        return False
    return a._ragged_idx == 2 and b._ragged_idx == 1 and a._sequences.symbol == b._sequences.symbol


def embedding(func: Answer, input: NestedTensor, weight: Tensor, *args: Any, **kwargs: Any) -> NestedTensor:
    """Rows of a table."""
    return input._like(func(elements(input), weight, *args, **kwargs))


def scaled_dot_product_attention(
    func: Answer, query: Any, key: Any, value: Any, attn_mask: Any = None, *args: Any, **kwargs: Any
) -> NestedTensor:
    """Attention within each sequence: query (B, H, j, E), key and value (B, H, k, E)."""
    for t in (query, key, value):
        if not isinstance(t, NestedTensor) or t.dim() != 4 or t._ragged_idx != 2:
            raise RuntimeError(
                "No viable backend for scaled_dot_product_attention was found: nested tensors have the shape "
                "(batch, heads, sequence, numbers), all three"
            )
    if attn_mask is not None:
        raise NotImplementedError("scaled_dot_product_attention() of nested tensors has no attn_mask")
    if len(key) != len(query) or key._sequences.sizes != value._sequences.sizes:
        raise RuntimeError(
            f"scaled_dot_product_attention(): {len(query)} sequences of queries, keys of the lengths "
            f"{key._sequences.sizes} and values of {value._sequences.sizes}"
        )
    parts = zip(query.unbind(), key.unbind(), value.unbind())
    # (L, H, E) of each, one after the other: the order that the heads are joined in afterwards
    found = [func(q, k, v, None, *args, **kwargs).transpose(0, 1) for q, k, v in parts]
    return transpose(func, transpose(func, query, 1, 2)._of(found), 1, 2)


def _names(answer: Callable[..., Any], *names: str) -> dict[str, Answer]:
    return dict.fromkeys(names, answer)


ANSWERS = {
    **{f.__name__: f for f in (
        transpose, permute, unsqueeze, squeeze, flatten, unflatten, view, view_as, expand, unbind, select, narrow,
        chunk, split, cat, stack, contiguous, is_same_size, copy_, numel, softmax, linear, matmul, embedding,
        scaled_dot_product_attention,
    )},
    **_names(transpose, "swapaxes", "swapdims"),
    **_names(view, "reshape"),
    **_names(view_as, "reshape_as", "expand_as"),
    **_names(split, "split_with_sizes"),
    **_names(cat, "concat", "concatenate"),
    **_names(matmul, "bmm", "__matmul__"),
    **_names(softmax, "log_softmax", "softmin"),
    **_names(normalization, "layer_norm", "rms_norm"),
    **_names(reduction, "sum", "mean", "prod", "amax", "amin", "max", "min", "all", "any", "argmax", "argmin"),
    **_names(
        on_elements, "clone", "detach", "to", "cpu", "type_as", "type", "float", "double", "half", "bfloat16", "int",
        "long", "short", "char", "byte", "bool", "cfloat", "cdouble", "conj", "resolve_conj", "resolve_neg", "fill_",
        "zero_", "normal_", "uniform_", "bernoulli_", "exponential_", "random_", "dropout", "alpha_dropout", "rrelu",
        "to_dtype", "detach_", "._real_property", "._imag_property",
    ),
    **_names(like, "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "randint_like"),
    ".data": data, ".mT": mT, ".T": T,
}  # fmt: skip
