"""What functions make of nested tensors of the layout `torch.strided`, by the names of the functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..eager import Tensor
from ..eager import operators as ops
from ..eager.overlay import elements
from ..eager.views import checked_dim
from .base import Answer, on_elements
from .strided import Part, StridedNestedTensor, each, packed, strided_of


def _inner(x: StridedNestedTensor, dim: int, refusal: str) -> int:
    """A dimension as one of the tensors of the batch. Raises RuntimeError for that of the batch."""
    at = checked_dim(dim, x.dim())
    if at == 0:
        raise RuntimeError(refusal)
    return at - 1


def _rows(x: StridedNestedTensor) -> Tensor | None:
    """All rows of the last dimension as one matrix, where tensors lie in row-major order and agree in its size."""
    sizes = {part.shape[-1] if part.shape else 0 for part in x._parts}
    if len(sizes) != 1 or not x.is_contiguous() or sizes == {0}:
        return None
    return elements(x).reshape(-1, sizes.pop())


def _on_rows(x: StridedNestedTensor, func: Callable[[Tensor], Tensor]) -> StridedNestedTensor:
    """A function of the last dimension."""
    rows = _rows(x)
    if rows is None:
        return each(func, x)
    made = func(rows)
    return strided_of(made.reshape(-1), [(*part.shape[:-1], made.shape[-1]) for part in x._parts])


# Shapes


def transpose(func: Answer, input: StridedNestedTensor, dim0: int, dim1: int) -> StridedNestedTensor:
    """Two dimensions exchanged: a view."""
    refusal = "Nested tensor dimension 0 cannot be transposed"
    a, b = (_inner(input, d, refusal) for d in (dim0, dim1))

    def exchanged(items: tuple[int, ...]) -> tuple[int, ...]:
        found = list(items)
        found[a], found[b] = found[b], found[a]
        return tuple(found)

    made = input._like(elements(input))
    made._parts = tuple([Part(exchanged(p.shape), exchanged(p.strides), p.begin) for p in input._parts])
    return made


def view(func: Answer, input: StridedNestedTensor, *shape: Any) -> StridedNestedTensor:
    """Other sizes of the tensors; -1 stands for the size that each has there."""
    sizes = list(shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)
    if sizes[0] != len(input):
        raise RuntimeError(
            f"{func.__name__}: For now nested {func.__name__} cannot change or infer the implicit batch dimension"
        )
    if sizes.count(-1) > 1 and any(at >= input.dim() for at, n in enumerate(sizes) if n == -1):
        raise RuntimeError("only one dimension can be inferred")
    kept = sizes.count(-1) > 1

    def one(t: Tensor) -> Tensor:
        wanted = [t.shape[i] if n == -1 and kept else n for i, n in enumerate(sizes[1:])]
        return func(t, wanted)

    return each(one, input)


def unsqueeze(func: Answer, input: StridedNestedTensor, dim: int) -> StridedNestedTensor:
    """A new dimension of size 1."""
    at = dim % (input.dim() + 1)
    if at == 0:
        raise RuntimeError(
            "unsqueeze(): For nested tensors, unsqueezing dimension 0 is not supported at the moment if you need this "
            "feature, please open an issue on github describing your use case."
        )
    return each(lambda t: t.unsqueeze(at - 1), input)


def squeeze(func: Answer, input: StridedNestedTensor, dim: int | None = None) -> StridedNestedTensor:
    """Without a dimension, where its size is 1."""
    if dim is None:
        raise RuntimeError(
            "squeeze(): For nested tensors, squeeze without the dim argument is not supported at the moment, however "
            "you can use squeeze(Tensor self, int dim) instead if you need this feature, please open an issue on "
            "github describing your use case."
        )
    at = _inner(
        input, dim,
        "squeeze(): For nested tensors, squeezing dimension 0 is not supported at the moment if you need this feature, "
        "please open an issue on github describing your use case.",
    )  # fmt: skip
    return each(lambda t: t.squeeze(at), input)


# Parts


def unbind(func: Answer, input: StridedNestedTensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The tensors of the batch."""
    return input.unbind(dim)


def select(func: Answer, input: StridedNestedTensor, dim: int, index: int) -> Tensor:
    """A tensor of the batch, or a slice of each."""
    at = checked_dim(dim, input.dim())
    return input[index] if at == 0 else each(lambda t: t.select(at - 1, index), input)


def narrow(func: Answer, input: StridedNestedTensor, dim: int, start: int, length: int) -> StridedNestedTensor:
    """A part of the batch."""
    if checked_dim(dim, input.dim()):
        raise RuntimeError(f"narrow(): only dim=0 supported for nested tensors, but got: {dim}")
    return packed(input.unbind()[start : start + length])


def chunk(func: Answer, input: StridedNestedTensor, chunks: int, dim: int = 0) -> tuple[StridedNestedTensor, ...]:
    """Pieces of the last dimension."""
    if checked_dim(dim, input.dim()) != input.dim() - 1:
        raise RuntimeError("Chunk for nested tensors is currently only supported for the last dimension.")
    return tuple([packed(column) for column in zip(*[t.chunk(chunks, -1) for t in input.unbind()])])


def cat(func: Answer, tensors: Sequence[Any], dim: int = 0) -> StridedNestedTensor:
    """Joins batches, or tensors at one place of them."""
    if any(not isinstance(t, StridedNestedTensor) for t in tensors):
        raise RuntimeError("cat(): expected each tensor in given list to be nested.")
    at = checked_dim(dim, tensors[0].dim())
    if at == 0:
        return packed([t for x in tensors for t in x.unbind()])
    return packed([ops.cat(column, at - 1) for column in zip(*[x.unbind() for x in tensors])])


# Memory and dtype


def contiguous(func: Answer, input: StridedNestedTensor, *args: Any, **kwargs: Any) -> StridedNestedTensor:
    """Each tensor in row-major order; itself where that is so."""
    return input if input.is_contiguous() else packed(input.unbind())


def copy_(func: Answer, self: StridedNestedTensor, src: Any, non_blocking: bool = False) -> StridedNestedTensor:
    """Overwrites the elements with those of another nested tensor."""
    if not isinstance(src, StridedNestedTensor) or [p.shape for p in self._parts] != [p.shape for p in src._parts]:
        raise RuntimeError("copy_ only supports tensors that are the same size for Nested implementations")
    for target, source in zip(self.detach().unbind(), src.unbind()):
        target.copy_(source)
    return self


def like(func: Answer, input: StridedNestedTensor, *args: Any, **kwargs: Any) -> StridedNestedTensor:
    """A new tensor of the same sizes."""
    return input._like(func(elements(input).detach(), *args, **kwargs))


def numel(func: Answer, input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


def data(func: Answer, input: StridedNestedTensor) -> StridedNestedTensor:
    """Without history."""
    return input._like(elements(input).detach())


# Arithmetic along dimensions


def reduced(func: Answer, input: StridedNestedTensor, dim: Any = None, keepdim: bool = False, **kwargs: Any) -> Any:
    """The sum of the last dimension, which stays with size 1."""
    dims = (dim,) if isinstance(dim, int) else tuple(dim or ())
    if len(dims) != 1:
        raise RuntimeError("NestedTensor only allows reduction of a single dimension for now.")
    at = checked_dim(dims[0], input.dim())
    if at != input.dim() - 1:
        raise RuntimeError(
            f"NestedTensor can only be reduced across the last dimension for now got dimension {at} instead."
        )
    if not keepdim:
        raise RuntimeError("NestedTensor always requires keepdim=True for now.")
    return _on_rows(input, lambda rows: func(rows, -1, True, **kwargs))


def softmax(func: Answer, input: StridedNestedTensor, dim: int, *args: Any, **kwargs: Any) -> StridedNestedTensor:
    """Along a dimension of the tensors."""
    at = _inner(input, dim, f"Cannot apply {func.__name__} across nested dimension 0")
    if at == input.dim() - 2:
        return _on_rows(input, lambda rows: func(rows, -1, *args, **kwargs))
    return each(lambda t: func(t, at, *args, **kwargs), input)


def layer_norm(
    func: Answer, input: StridedNestedTensor, normalized_shape: Any, weight: Any = None, bias: Any = None,
    eps: float = 1e-5,
) -> StridedNestedTensor:  # fmt: skip
    """Over the last dimensions."""
    if weight is None or bias is None:
        raise ValueError("NestedTensor layer_norm requires weight and bias")
    if len(tuple(normalized_shape)) == 1:
        return _on_rows(input, lambda rows: func(rows, normalized_shape, weight, bias, eps))
    return each(lambda t: func(t, normalized_shape, weight, bias, eps), input)


def linear(func: Answer, input: StridedNestedTensor, weight: Tensor, bias: Tensor | None = None) -> StridedNestedTensor:
    """A matrix times the last dimension."""
    last = input.size(-1)
    if last != weight.shape[1]:
        raise RuntimeError(
            "Shape mismatch for NestedTensor Linear: Expected input's (a nested tensor) 'last_dim' to equal "
            f"'weight.size(1), but got: last_dim = {last}, and weight.size(1) = {weight.shape[1]}"
        )
    return _on_rows(input, lambda rows: func(rows, weight, bias))


def matmul(func: Answer, input: Any, other: Any) -> StridedNestedTensor:
    """Products of the tensors of two batches."""
    if not (isinstance(input, StridedNestedTensor) and isinstance(other, StridedNestedTensor)):
        words = [f"{'' if isinstance(t, StridedNestedTensor) else 'non-'}nested" for t in (input, other)]
        raise RuntimeError(f"Expected both to be nested, but got a {words[0]} self and {words[1]} other")
    return each(ops.matmul, input, other)


def bmm(func: Answer, input: Any, mat2: Any) -> StridedNestedTensor:
    """Products of the matrices of two batches, of which one may be a plain tensor."""
    products = []
    for i, (a, b) in enumerate(zip(input.unbind(), mat2.unbind())):
        if a.shape[-1] != b.shape[0]:
            sizes = f"{a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]}"
            raise RuntimeError(f"{i}-th nested matrices in batch cannot be multiplied ({sizes})")
        products.append(ops.mm(a, b))
    return packed(products)


def embedding(func: Answer, input: StridedNestedTensor, weight: Tensor, *args: Any, **kwargs: Any) -> Any:
    """Rows of a table."""
    return each(lambda t: func(t, weight, *args, **kwargs), input)


def scaled_dot_product_attention(func: Answer, query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
    """Attention of each tensor of the batch."""
    return each(lambda q, k, v: func(q, k, v, *args, **kwargs), query, key, value)


def _names(answer: Callable[..., Any], *names: str) -> dict[str, Answer]:
    return dict.fromkeys(names, answer)


ANSWERS = {
    **{f.__name__: f for f in (
        transpose, view, unsqueeze, squeeze, unbind, select, narrow, chunk, cat, contiguous, copy_, numel, softmax,
        layer_norm, linear, matmul, bmm, embedding, scaled_dot_product_attention,
    )},
    **_names(view, "reshape"),
    **_names(softmax, "log_softmax"),
    **_names(matmul, "__matmul__"),
    **_names(cat, "concat", "concatenate"),
    **_names(reduced, "sum"),
    **_names(
        on_elements, "clone", "detach", "to", "cpu", "type_as", "type", "float", "double", "half", "bfloat16", "int",
        "long", "short", "char", "byte", "bool", "conj", "resolve_conj", "resolve_neg", "fill_", "zero_", "normal_",
        "uniform_", "dropout", "to_dtype", "detach_", "._real_property", "._imag_property",
    ),
    **_names(like, "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like"),
    ".data": data,
}  # fmt: skip
