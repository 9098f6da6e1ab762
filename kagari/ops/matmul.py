"""Products of matrices and vectors, all of them one contraction.

`dot` sums over the last dimension of one factor and the last but one of the other. Batch dimensions that repeat a
factor cost nothing: the kernel joins them with the rows where the other factor allows it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..base.dtypes import accumulate
from ..base.symbols import hint, product
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from . import nodes
from .autocast import lower
from .check import C_NAMES, TYPE_NAMES, require
from .operator import Number, Operator, Tensor, operator
from .samples import Make, Sample, args, wanted
from .shapes import expanded, listed


def _contract(a: Value, b: Value) -> Value:
    """The matrix product of two values with equal batch dimensions."""
    if not a.dtype.is_differentiable:
        require("addmm_impl_cpu_", a.dtype, 1)
    return graph.dot(a, b)


def _require_matrices(a: Value, b: Value) -> None:
    """Raises RuntimeError unless inner sizes and dtypes agree. The message joins the leading dimensions of `a`."""
    rows = product(a.shape[:-1])
    if a.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({hint(rows)}x{hint(a.shape[-1])} and "
            f"{hint(b.shape[-2])}x{hint(b.shape[-1])})"
        )
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {C_NAMES[a.dtype]} != {C_NAMES[b.dtype]}"
        )


def _require_vector(a: Value, vec: Value) -> None:
    if a.shape[-1] != vec.shape[0]:
        rows = hint(product(a.shape[:-1]))
        raise RuntimeError(
            f"size mismatch, got input ({rows}), mat ({rows}x{hint(a.shape[-1])}), vec ({hint(vec.shape[0])})"
        )
    if a.dtype is not vec.dtype:
        names = TYPE_NAMES[vec.dtype], TYPE_NAMES[a.dtype], TYPE_NAMES[vec.dtype]
        raise RuntimeError("addmv input tensors must have the same dtype, but got {}, {}, and {}".format(*names))


def _require_batches(a: Value, b: Value) -> None:
    count = hint(product(a.shape[:-2]))
    if a.shape[-1] != b.shape[-2] or any(x != y for x, y in zip(a.shape[:-2], b.shape[:-2])):
        got = [hint(product(b.shape[:-2])), hint(b.shape[-2])]
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{count}, {hint(a.shape[-1])}] but got: "
            f"{got}."
        )
    if a.dtype is not b.dtype:
        raise RuntimeError(f"expected scalar type {TYPE_NAMES[a.dtype]} but found {TYPE_NAMES[b.dtype]}")


def vector_product(a: Value, b: Value) -> Value:
    """The inner product of two vectors."""
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {TYPE_NAMES[a.dtype]} and {TYPE_NAMES[b.dtype]}"
        )
    if a.shape[0] != b.shape[0]:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor {listed(a.shape)} and src {listed(b.shape)} to have the same "
            f"number of elements, "
            f"but got {hint(a.shape[0])} and {hint(b.shape[0])} elements respectively"
        )
    require("dot", a.dtype, 1, 3)
    wide = accumulate(a.dtype)
    return graph.cast(graph.reduce("sum", ir.mul(graph.cast(a, wide), graph.cast(b, wide)), (0,)), a.dtype)


def _times_vector(a: Value, vec: Value) -> Value:
    """Matrices of any number of batch dimensions times a vector: `(*, m, k)` and `(k,)` to `(*, m)`."""
    _require_vector(a, vec)
    column = graph.reshape(vec, (*[1] * (a.ndim - 2), vec.shape[0], 1))
    result = _contract(a, graph.expand(column, (*a.shape[:-2], vec.shape[0], 1)))
    return graph.reshape(result, a.shape[:-1])


def _times_matrix(a: Value, b: Value) -> Value:
    """`(*, m, k)` and `(k, n)` to `(*, m, n)`: the matrix is shared by the batch."""
    _require_matrices(a, b)
    batch = a.shape[:-2]
    return _contract(a, graph.expand(graph.reshape(b, (*[1] * len(batch), *b.shape)), (*batch, *b.shape)))


def _batched(a: Value, b: Value) -> Value:
    batch = ir.broadcast_shape(a.shape[:-2], b.shape[:-2])
    a, b = ir.broadcast_to(a, (*batch, *a.shape[-2:])), ir.broadcast_to(b, (*batch, *b.shape[-2:]))
    _require_batches(a, b)
    return _contract(a, b)


def _pairs(*shapes: tuple[tuple[int, ...], tuple[int, ...]]):
    """Samples: two factors of each pair of shapes, and again not contiguous."""

    def samples(make: Make) -> Iterator[Sample]:
        for a, b in shapes:
            yield (make(*a), make(*b)), {}
            if len(a) > 1 and len(b) > 1 and 0 not in (*a, *b):
                yield (make(*a, noncontiguous=True), make(*b, noncontiguous=True)), {}

    return samples


def _product_node(args: nodes.Arguments) -> str:
    a, b = nodes.rank(args), nodes.rank(args, 1)
    if a == 1 and b <= 2:
        return "DotBackward0" if b == 1 else "SqueezeBackward4"
    if a == 2 and b <= 2:
        return "MvBackward0" if b == 1 else "MmBackward0"
    return "UnsafeViewBackward0"


@operator(
    autocast=lower,
    dunder="__matmul__",
    reflected="__rmatmul__",
    dtypes="fic",
    samples=_pairs(
        ((2, 3), (3, 4)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 4, 3), (3, 5)), ((2, 4, 3), (2, 3, 5)),
        ((1, 4, 3), (2, 3, 5)), ((2, 1, 4, 3), (3, 3, 5)), ((4, 3), (2, 3, 5)), ((3,), (2, 3, 5)), ((2, 4, 3), (3,)),
        ((0, 3), (3, 4)), ((2, 0), (0, 4)), ((17, 33), (33, 65)), ((1, 3), (3, 1)), ((3, 1), (1, 4)),
    ),
    errors=[
        (args(wanted(2, 3), wanted(4, 5)), RuntimeError, r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 4x5\)"),
        (
            args(wanted(2, 3), wanted(3, 4, dtype="float64")),
            RuntimeError,
            "expected m1 and m2 to have the same dtype, but got: float != double",
        ),
        (args(wanted(2, 3), wanted(4)), RuntimeError, r"size mismatch, got input \(2\), mat \(2x3\), vec \(4\)"),
        (args(wanted(2), wanted(4, 3)), RuntimeError, r"mat1 and mat2 shapes cannot be multiplied \(1x2 and 4x3\)"),
        (args(wanted(2), wanted(3)), RuntimeError, r"inconsistent tensor size, expected tensor \[2\] and src \[3\]"),
        (
            args(wanted(), wanted(3)),
            RuntimeError,
            "both arguments to matmul need to be at least 1D, but they are 0D and 1D",
        ),
        (
            args(wanted(2, 2, 3), wanted(2, 4, 5)),
            RuntimeError,
            r"first two dimensions of batch2 tensor to be: \[2, 3\] but got: \[2, 4\]",
        ),
        (
            args(wanted(2, 2, 3), wanted(3, 3, 5)),
            RuntimeError,
            r"The size of tensor a \(2\) must match the size of tensor b \(3\)",
        ),
        (
            args(wanted(2, 2, 3), wanted(4, 5)),
            RuntimeError,
            r"mat1 and mat2 shapes cannot be multiplied \(4x3 and 4x5\)",
        ),
    ],
    node=_product_node,
)  # fmt: skip
def matmul(input: Tensor, other: Tensor) -> Value:
    """The matrix product; of two vectors their inner product.

    A vector counts as a row on the left and as a column on the right.
    Of more than two dimensions the leading ones are batches, and broadcast: `(*, m, k)` and `(*, k, n)` to `(*, m, n)`.

    >>> import kagari as torch
    >>> torch.ones(2, 3) @ torch.ones(3, 2)
    tensor([[3., 3.],
            [3., 3.]])
    """
    a, b = input, other
    if not a.ndim or not b.ndim:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D")
    if a.ndim == b.ndim == 1:
        return vector_product(a, b)
    if b.ndim == 1:
        return _times_vector(a, b)
    row = graph.reshape(a, (1, a.shape[0])) if a.ndim == 1 else a
    result = _times_matrix(row, b) if b.ndim == 2 else _batched(row, b)
    return result if a.ndim > 1 else graph.reshape(result, (*result.shape[:-2], result.shape[-1]))


@operator(
    autocast=lower,
    dtypes="fic",
    samples=_pairs(((2, 3), (3, 4)), ((0, 3), (3, 4)), ((5, 1), (1, 1)), ((18, 40), (40, 35))),
    errors=[
        (args(wanted(2, 3), wanted(4, 5)), RuntimeError, r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 4x5\)"),
        (args(wanted(2), wanted(4, 5)), RuntimeError, "self must be a matrix"),
        (args(wanted(2, 3), wanted(3)), RuntimeError, "mat2 must be a matrix"),
        (
            args(wanted(2, 3), wanted(3, 4, dtype="float64")),
            RuntimeError,
            "expected m1 and m2 to have the same dtype, but got: float != double",
        ),
    ],
)
def mm(input: Tensor, mat2: Tensor) -> Value:
    """The product of two matrices: `(m, k)` and `(k, n)` to `(m, n)`."""
    for x, name in ((input, "self"), (mat2, "mat2")):
        if x.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix")
    return _times_matrix(input, mat2)


@operator(
    autocast=lower,
    dtypes="fic",
    samples=_pairs(((2, 3, 4), (2, 4, 5)), ((1, 3, 4), (1, 4, 1)), ((0, 2, 3), (0, 3, 2))),
    errors=[
        (args(wanted(2, 3), wanted(2, 3, 4)), RuntimeError, "batch1 must be a 3D tensor"),
        (args(wanted(2, 3, 4), wanted(2, 3)), RuntimeError, "batch2 must be a 3D tensor"),
        (args(wanted(2, 3, 4), wanted(2, 3, 4)), RuntimeError, r"batch2 tensor to be: \[2, 4\] but got: \[2, 3\]"),
        (args(wanted(2, 3, 4), wanted(3, 4, 4)), RuntimeError, r"batch2 tensor to be: \[2, 4\] but got: \[3, 4\]"),
    ],
)
def bmm(input: Tensor, mat2: Tensor) -> Value:
    """The products of the matrices of two batches: `(b, m, k)` and `(b, k, n)` to `(b, m, n)`."""
    for i, x in enumerate((input, mat2)):
        if x.ndim != 3:
            raise RuntimeError(f"batch{i + 1} must be a 3D tensor")
    _require_batches(input, mat2)
    return _contract(input, mat2)


def _require_mv(mat: Value, vec: Value, out_ndim: int) -> None:
    if mat.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {out_ndim}, {mat.ndim}, {vec.ndim}")
    _require_vector(mat, vec)


@operator(
    dtypes="fic",
    samples=_pairs(((2, 3), (3,)), ((0, 3), (3,)), ((40, 33), (33,))),
    errors=[
        (args(wanted(2, 3), wanted(2)), RuntimeError, r"size mismatch, got input \(2\), mat \(2x3\), vec \(2\)"),
        (args(wanted(2), wanted(2)), RuntimeError, r"vector \+ matrix @ vector expected, got 1, 1, 1"),
    ],
)
def mv(input: Tensor, vec: Tensor) -> Value:
    """A matrix times a vector: `(m, k)` and `(k,)` to `(m,)`."""
    _require_mv(input, vec, 1)
    return _times_vector(input, vec)


@operator(
    dtypes="fic",
    samples=_pairs(((3,), (3,)), ((0,), (0,)), ((1000,), (1000,))),
    errors=[
        (args(wanted(2), wanted(3)), RuntimeError, r"inconsistent tensor size, expected tensor \[2\] and src \[3\]"),
        (args(wanted(2, 2), wanted(2, 2)), RuntimeError, "1D tensors expected, but got 2D and 2D tensors"),
        (
            args(wanted(2), wanted(2, dtype="float64")),
            RuntimeError,
            "expected both vectors to have same dtype, but found Float and Double",
        ),
    ],
)
def dot(input: Tensor, tensor: Tensor) -> Value:
    """The inner product of two vectors, `sum_i a_i b_i`."""
    if input.ndim != 1 or tensor.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {input.ndim}D and {tensor.ndim}D tensors")
    return vector_product(input, tensor)


@operator(
    aliases=("ger",),
    samples=_pairs(((2,), (3,)), ((0,), (3,)), ((20,), (33,))),
    errors=[(args(wanted(2), wanted(2, 2)), RuntimeError, "outer: Expected 1-D argument vec2, but got 2-D")],
    node="MulBackward0",
)
def outer(input: Tensor, vec2: Tensor) -> Value:
    """All products of two vectors' elements: `out_ij = a_i b_j`."""
    for x, name in ((input, "self"), (vec2, "vec2")):
        if x.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {x.ndim}-D")
    return ir.mul(ir.unsqueeze(input, 1), vec2)


# Products added to something


def combined(x: Value, result: Value, beta: Number, alpha: Number) -> Value:
    """`beta * x + alpha * result`; where beta is 0, x does not count, NaN or not."""
    for name, number in (("beta", beta), ("alpha", alpha)):
        if not result.dtype.is_floating_point and ir.lift(number).dtype.is_floating_point:
            raise RuntimeError(f"For integral input tensors, argument {name} must not be a floating point number.")
    scaled = result if _is_one(alpha) else ir.mul(result, alpha)
    added = expanded(x, result.shape)
    if _is_one(beta):
        return ir.add(scaled, added)
    return ir.add(scaled, ir.where(graph.expand(_zero(beta, len(result.shape)), result.shape), 0, ir.mul(added, beta)))


def _is_one(number: Number) -> bool:
    return not isinstance(number, Value) and number == 1


def _zero(number: Number, ndim: int) -> Value:
    return graph.reshape(ir.eq(number, 0), (1,) * ndim)


def require_addend(x: Value, a: Value, b: Value) -> None:
    """Raises RuntimeError unless all three have one dtype."""
    for other, name in ((x, "self"), (a, "mat1")):
        if other.dtype is not b.dtype:
            raise RuntimeError(
                f"{name} and mat2 must have the same dtype, but got {TYPE_NAMES[other.dtype]} and {TYPE_NAMES[b.dtype]}"
            )


def _sums(x: tuple[int, ...], a: tuple[int, ...], b: tuple[int, ...], *broadcast: tuple[int, ...]):
    """Samples: an addend of shape x, or of one that broadcasts to it, and two factors; beta and alpha."""

    def samples(make: Make) -> Iterator[Sample]:
        for shape in (x, *broadcast):
            yield (make(*shape), make(*a), make(*b)), {}
        yield (make(*x), make(*a), make(*b)), {"beta": 2, "alpha": 3}
        yield (make(*x), make(*a), make(*b)), {"beta": 0}
        if len(a) > 1:
            yield (make(*x), make(*a, noncontiguous=True), make(*b)), {"alpha": 2}

    return samples


@operator(
    autocast=lower,
    inplace=True,
    dtypes="fic",
    samples=_sums((2, 4), (2, 3), (3, 4), (4,), (1, 1), (2, 1), ()),
    errors=[
        (
            args(wanted(2, 2), wanted(2, 3), wanted(4, 2)),
            RuntimeError,
            r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 4x2\)",
        ),
        (
            args(wanted(3, 3), wanted(2, 3), wanted(3, 2)),
            RuntimeError,
            r"The expanded size of the tensor \(2\) must match the existing",
        ),
        (args(wanted(2, 2), wanted(2, 3), wanted(3)), RuntimeError, "mat2 must be a matrix, got 1-D tensor"),
        (
            args(wanted(2, 2, dtype="float64"), wanted(2, 3), wanted(3, 2)),
            RuntimeError,
            "self and mat2 must have the same dtype, but got",
        ),
    ],
)
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Value:
    """`beta * input + alpha * (mat1 @ mat2)`, where `input` broadcasts to `(m, n)`."""
    for x, name in ((mat1, "mat1"), (mat2, "mat2")):
        if x.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix, got {x.ndim}-D tensor")
    require_addend(input, mat1, mat2)
    return combined(input, _times_matrix(mat1, mat2), beta, alpha)


@operator(
    inplace=True,
    dtypes="fic",
    samples=_sums((2,), (2, 3), (3,), (1,), ()),
    errors=[
        (
            args(wanted(2), wanted(2, 3), wanted(2)),
            RuntimeError,
            r"size mismatch, got input \(2\), mat \(2x3\), vec \(2\)",
        ),
        (args(wanted(2), wanted(2), wanted(2)), RuntimeError, r"vector \+ matrix @ vector expected, got 1, 1, 1"),
    ],
)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Value:
    """`beta * input + alpha * (mat @ vec)`, where `input` broadcasts to `(m,)`."""
    _require_mv(mat, vec, input.ndim)
    if input.dtype is not mat.dtype:
        names = (TYPE_NAMES[x.dtype] for x in (input, mat, vec))
        raise RuntimeError("addmv input tensors must have the same dtype, but got {}, {}, and {}".format(*names))
    return combined(input, _times_vector(mat, vec), beta, alpha)


@operator(
    autocast=lower,
    inplace=True,
    dtypes="fic",
    samples=_sums((2, 3, 5), (2, 3, 4), (2, 4, 5), (3, 1), (5,)),
    errors=[
        (
            args(wanted(2, 2, 2), wanted(2, 2, 3), wanted(2, 4, 2)),
            RuntimeError,
            r"batch2 tensor to be: \[2, 3\] but got: \[2, 4\]",
        ),
        (args(wanted(3, 3, 3), wanted(2, 2, 3), wanted(2, 3, 2)), RuntimeError, "The expanded size of the tensor"),
        (
            args(wanted(2, 2, 2, dtype="float64"), wanted(2, 2, 3), wanted(2, 3, 2)),
            RuntimeError,
            "Input dtypes must be the same, got: input double, batch1: float, batch2: float",
        ),
    ],
)
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Value:
    """`beta * input + alpha * (batch1 @ batch2)`, where `input` broadcasts to `(b, m, n)`."""
    for i, x in enumerate((batch1, batch2)):
        if x.ndim != 3:
            raise RuntimeError(f"batch{i + 1} must be a 3D tensor")
    if input.dtype is not batch1.dtype or input.dtype is not batch2.dtype:
        names = [C_NAMES[x.dtype] for x in (input, batch1, batch2)]
        raise RuntimeError("Input dtypes must be the same, got: input {}, batch1: {}, batch2: {}".format(*names))
    _require_batches(batch1, batch2)
    return combined(input, _contract(batch1, batch2), beta, alpha)


def _layers(make: Make) -> Iterator[Sample]:
    for shape in ((2, 3), (3,), (2, 4, 3), (0, 3), (2, 1, 2, 3)):
        yield (make(*shape), make(5, 3)), {}
        yield (make(*shape), make(5, 3), make(5)), {}
    yield (make(4, 3, noncontiguous=True), make(5, 3, noncontiguous=True), make(5)), {}
    yield (make(2, 4, 3, noncontiguous=True), make(5, 3), make(5)), {}
    yield (make(2, 3), make(3)), {}
    yield (make(3), make(3), make()), {}
    yield (make(70, 35), make(66, 35), make(66)), {}


def _linear_node(args: nodes.Arguments) -> str:
    if nodes.given(args, 2) is None:
        return {1: "SqueezeBackward4", 2: "MmBackward0"}.get(nodes.rank(args), "UnsafeViewBackward0")
    return "AddmmBackward0" if nodes.rank(args) == 2 else "ViewBackward0"


@operator(
    autocast=lower,
    namespace="nn.functional",
    method=False,
    out=False,
    dtypes="fic",
    samples=_layers,
    errors=[
        (args(wanted(2, 3), wanted(4, 5)), RuntimeError, r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 5x4\)"),
        (
            args(wanted(2, 2, 3), wanted(4, 5)),
            RuntimeError,
            r"mat1 and mat2 shapes cannot be multiplied \(4x3 and 5x4\)",
        ),
        (args(wanted(3), wanted(4, 5)), RuntimeError, r"mat1 and mat2 shapes cannot be multiplied \(1x3 and 5x4\)"),
        (
            args(wanted(2, 3), wanted(4, 3), wanted(5)),
            RuntimeError,
            r"The expanded size of the tensor \(4\) must match the existing size \(5\)",
        ),
        (
            args(wanted(2, 3), wanted(4, 3, dtype="float64")),
            RuntimeError,
            "expected m1 and m2 to have the same dtype, but got: float != double",
        ),
        (
            args(wanted(2, 3), wanted(4, 3), wanted(4, dtype="float64")),
            RuntimeError,
            "self and mat2 must have the same dtype, but got Double and Float",
        ),
        (
            args(wanted(2, 3, dtype="float64"), wanted(4, 3), wanted(4)),
            RuntimeError,
            "mat1 and mat2 must have the same dtype, but got Double and Float",
        ),
        (
            args(wanted(), wanted(4, 3)),
            RuntimeError,
            "both arguments to linear need to be at least 1D, but they are 0D and 2D",
        ),
    ],
    node=_linear_node,
)
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Value:
    """`input @ weight.T + bias`: `(*, in)` and `(out, in)` to `(*, out)`; of a weight that is a vector, to `(*,)`."""
    if not input.ndim or not weight.ndim:
        raise RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are {input.ndim}D and {weight.ndim}D"
        )
    if weight.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {weight.ndim}D")
    if bias is not None:
        require_addend(bias, input, weight)
    if weight.ndim == 1:
        result = vector_product(input, weight) if input.ndim == 1 else _times_vector(input, weight)
    else:
        rows = graph.reshape(input, (1, input.shape[0])) if input.ndim == 1 else input
        result = _times_matrix(rows, ir.transpose(weight))
    if bias is not None:
        result = ir.add(result, expanded(bias, result.shape))
    return result if input.ndim > 1 or weight.ndim == 1 else graph.reshape(result, (result.shape[-1],))


OPERATORS: tuple[Operator, ...] = (matmul, mm, bmm, mv, dot, outer, addmm, addmv, baddbmm, linear)
