"""Products beyond those of matrices: over chosen dimensions, of blocks, of vectors in space, and added to something."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..base.dtypes import accumulate, bfloat16, dtype, float16
from ..base.symbols import Size, hint, product, settled
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .autocast import lower
from .check import TYPE_NAMES, require
from .matmul import combined, require_addend, vector_product
from .operator import Number, Operator, Tensor, operator
from .reduce import cumprod, summed
from .samples import Make, Sample, args, wanted
from .shapes import expanded, narrowed

# Over chosen dimensions


def _contracted(dims: Any, a: Value, b: Value) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The dimensions of both factors that a sum is over. Raises RuntimeError where they don't fit."""
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        return tuple(range(-dims, 0)), tuple(range(dims))
    if not isinstance(dims, tuple):
        raise RuntimeError(
            "tensordot expects dims to be int or tuple[list[int], list[int]] or list[list[int]] containing two lists, "
            f"but got dims={dims}"
        )
    first, second = dims
    for name, given in (("dims_self", first), ("dims_other", second)):
        if not isinstance(given, tuple):
            raise TypeError(
                f"tensordot(): argument '{name}' (position {3 + (name != 'dims_self')}) must be tuple of ints, not "
                f"{type(given).__name__}"
            )
        for n in given:
            if not isinstance(n, int):
                raise TypeError(
                    f"tensordot(): argument '{name}' (position {3 + (name != 'dims_self')}) must be tuple of ints, but "
                    f"found element of type {type(n).__name__} at pos {given.index(n)}"
                )
    if len(first) != len(second):
        raise RuntimeError("both dimension lists should have same length")
    return first, second


def _over_dimensions(make: Make) -> Iterator[Sample]:
    yield (make(2, 3, 4), make(3, 4, 5)), {}
    yield (make(2, 3), make(3, 4, noncontiguous=True), 1), {}
    yield (make(2), make(3), 0), {}
    yield (make(2, 3, 4), make(5, 2, 3)), {"dims": ((0, 1), (1, 2))}
    yield (make(2, 3, 4), make(4, 1)), {"dims": ((1, -1), (1, 0))}
    yield (make(2, 0), make(0, 3), 1), {}


def _lower_unless_number(args: tuple[Any, ...], low: dtype) -> tuple[Any, ...]:
    """Under autocast it is in lower precision where dimensions are left, and so a product of matrices."""
    first, second = _contracted(args[2], *args[:2])
    return args if len(first) == args[0].ndim and len(second) == args[1].ndim else lower(args, low)


@operator(
    autocast=_lower_unless_number,
    method=False,
    dtypes="fic",
    samples=_over_dimensions,
    errors=[
        (
            args(wanted(2, 3), wanted(3, 4)),
            RuntimeError,
            "contracted dimensions need to match, but first has size 2 in dim -2 and second has size 3 in dim 0",
        ),
        (args(wanted(2, 3), wanted(3, 4), -1), RuntimeError, "tensordot expects dims >= 0, but got dims=-1"),
        (args(wanted(2, 3), wanted(3, 4), 3), RuntimeError, "tensordot expects dims < ndim_a or ndim_b, but got"),
        (
            args(wanted(2, 3), wanted(2, 3), ((0, 1), (0,))),
            RuntimeError,
            "both dimension lists should have same length",
        ),
        (args(wanted(2, 3), wanted(2, 3), ((0, 0), (0, 0))), RuntimeError, "dim 0 appears multiple times in the list"),
        (args(wanted(2, 3), wanted(3, 2, dtype="float64"), 1), RuntimeError, "both inputs should have same dtype"),
    ],
    node="ViewBackward0",
)
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Value:
    """Sums of products over the last `dims` dimensions of `a` and the first of `b`, or over two lists of dimensions.

    The result has the other dimensions of `a`, then those of `b`.

    >>> import kagari as torch
    >>> torch.tensordot(torch.tensor([[1, 2], [3, 4]]), torch.tensor([[1, 1], [0, 1]]), dims=([0, 1], [1, 0]))
    tensor(8)
    """
    first, second = _contracted(dims, a, b)
    if a.dtype is not b.dtype:
        raise RuntimeError("both inputs should have same dtype")
    lefts, rights = ([ir.normalize_dim(d, x.ndim) for d in some] for x, some in ((a, first), (b, second)))
    for some in (lefts, rights):
        for d in some:
            if some.count(d) > 1:
                raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    for at, other, (c, d) in zip(first, second, zip(lefts, rights)):
        if a.shape[c] != b.shape[d] and 1 not in (a.shape[c], b.shape[d]):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {hint(a.shape[c])} in dim {at} and second "
                f"has size {hint(b.shape[d])} in dim {other}"
            )
    require("addmm_impl_cpu_", a.dtype, 1, 3)
    # A size of 1 repeats: what it meets is summed.
    repeated = [(c, d) for c, d in zip(lefts, rights) if a.shape[c] != b.shape[d]]
    left = tuple(c for c, d in repeated if b.shape[d] == 1)
    right = tuple(d for c, d in repeated if a.shape[c] == 1)
    a = ir.sum_(a, left, True) if left else a
    b = ir.sum_(b, right, True) if right else b
    rows, columns = [d for d in range(a.ndim) if d not in lefts], [d for d in range(b.ndim) if d not in rights]
    inner = ir.count(a, tuple(lefts))
    x = graph.reshape(graph.permute(a, (*rows, *lefts)), (ir.count(a, tuple(rows)), inner))
    y = graph.reshape(graph.permute(b, (*rights, *columns)), (inner, ir.count(b, tuple(columns))))
    shape = (*[a.shape[d] for d in rows], *[b.shape[d] for d in columns])
    return graph.reshape(graph.dot(x, y), shape)


# Blocks


def _blocks(make: Make) -> Iterator[Sample]:
    for a, b in (((2, 3), (3, 2)), ((3,), (2, 2, 2)), ((), (2, 2)), ((0, 2), (2, 3))):
        yield (make(*a), make(*b)), {}
    yield (make(2, 3, noncontiguous=True), make(2, 2, noncontiguous=True)), {}


@operator(samples=_blocks, node="UnsafeViewBackward0")
def kron(input: Tensor, other: Tensor) -> Value:
    """Kronecker's product: a block `input_ij * other` for each element of `input`.

    Missing dimensions come first; each dimension has the product of both sizes.

    >>> import kagari as torch
    >>> torch.kron(torch.tensor([[1, 2]]), torch.tensor([[1], [3]]))
    tensor([[1, 2],
            [3, 6]])
    """
    ndim = max(input.ndim, other.ndim)
    sizes = [(*[1] * (ndim - x.ndim), *x.shape) for x in (input, other)]
    a = graph.reshape(input, tuple(n for s in sizes[0] for n in (s, 1)))
    b = graph.reshape(other, tuple(n for s in sizes[1] for n in (1, s)))
    return graph.reshape(ir.mul(a, b), tuple(settled(s * t) for s, t in zip(*sizes)))


# Vectors


@operator(
    dtypes="fic",
    samples=lambda make: iter([((make(3), make(3)), {}), ((make(0), make(0)), {})]),
    errors=[
        (args(wanted(3), wanted(2, 3)), RuntimeError, "1D tensors expected, but got 1D and 2D tensors"),
        (args(wanted(3), wanted(2)), RuntimeError, r"inconsistent tensor size, expected tensor \[3\] and src \[2\]"),
    ],
)
def vdot(input: Tensor, other: Tensor) -> Value:
    """The sum of products of the conjugates of one vector's elements with those of another.

    >>> import kagari as torch
    >>> torch.vdot(torch.tensor([1j, 2.0]), torch.tensor([1j, 1.0]))
    tensor(3.+0.j)
    """
    if input.ndim != 1 or other.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {input.ndim}D and {other.ndim}D tensors")
    return vector_product(ir.conj(input), other)


def _along(make: Make) -> Iterator[Sample]:
    for shapes, dim in ((((2, 3), (2, 3)), -1), (((2, 3), (1, 3)), -1), (((3, 2), (3, 1)), 0), (((0, 3), (0, 3)), -1)):
        yield tuple(make(*s) for s in shapes), {"dim": dim}


@operator(
    autocast=lower,
    namespace="linalg",
    method=False,
    dtypes="fc",
    samples=_along,
    errors=[
        (
            args(wanted(3), wanted(3, dtype="float64")),
            RuntimeError,
            "linalg.vecdot: Expected x and y to have the same dtype, but found x of type Float and y of type Double",
        ),
        (
            args(wanted(3, dtype="int64"), wanted(3)),
            RuntimeError,
            "linalg.vecdot: Expected a floating point or complex tensor as input. Got Long",
        ),
    ],
    node="SumBackward1",
)
def linalg_vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Value:
    """Sums along `dim` of the conjugates of x times y, which broadcast.

    >>> import kagari as torch
    >>> torch.linalg.vecdot(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    if x.dtype.category < 2:
        raise RuntimeError(
            f"linalg.vecdot: Expected a floating point or complex tensor as input. Got {TYPE_NAMES[x.dtype]}"
        )
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"linalg.vecdot: Expected x and y to have the same dtype, but found x of type {TYPE_NAMES[x.dtype]} and y "
            f"of type {TYPE_NAMES[y.dtype]} instead"
        )
    wide = accumulate(x.dtype)
    products = ir.mul(ir.conj(graph.cast(x, wide)), graph.cast(y, wide))
    return graph.cast(ir.sum_(products, (ir.normalize_dim(dim, products.ndim),)), x.dtype)


_CROSS_ERRORS = [
    (args(wanted(2, 3), wanted(3)), RuntimeError, "linalg.cross: inputs must have the same number of dimensions."),
    (
        args(wanted(2, 3), wanted(2, 3), dim=0),
        RuntimeError,
        "linalg.cross: inputs dimension 0 must have length 3. Got 2 and 2",
    ),
]


def _crossed(a: Value, b: Value, dim: int) -> Value:
    """`a_{i+1} b_{i+2} - a_{i+2} b_{i+1}` along a dimension of three elements, counted around."""
    if a.ndim != b.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    at = ir.normalize_dim(dim, a.ndim)
    if a.shape[at] != 3 or b.shape[at] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {hint(a.shape[at])} and {hint(b.shape[at])}"
        )
    if a.dtype is not b.dtype:
        raise RuntimeError(f"expected scalar type {TYPE_NAMES[a.dtype]} but found {TYPE_NAMES[b.dtype]}")
    require("cross", a.dtype, 1, 3)
    (a1, a2), (b1, b2) = ((_turned(x, at, 1), _turned(x, at, 2)) for x in (a, b))
    return ir.sub(ir.mul(a1, b2), ir.mul(a2, b1))


def _turned(x: Value, dim: int, by: int) -> Value:
    return graph.cat((narrowed(x, dim, by, 3 - by), narrowed(x, dim, 0, by)), dim)


@operator(namespace="linalg", method=False, dtypes="fic", samples=_along, errors=_CROSS_ERRORS)
def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Value:
    """The vector product in space, along a dimension of three elements; other dimensions broadcast.

    >>> import kagari as torch
    >>> torch.linalg.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    return _crossed(input, other, dim)


@operator(dtypes="fic", samples=_along, errors=_CROSS_ERRORS, node="LinalgCrossBackward0")
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Value:
    """The vector product in space, along a dimension of three elements: the first one that has so many, if not given.

    >>> import kagari as torch
    >>> torch.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0]), dim=0)
    tensor([0, 0, 1])
    """
    if dim is None:
        if not any(s == 3 for s in input.shape):
            raise RuntimeError("no dimension of size 3 in input")
        dim = next(d for d, s in enumerate(input.shape) if s == 3)
    return _crossed(input, other, dim)


# Added to something


def _outer_sums(make: Make) -> Iterator[Sample]:
    for shape in ((2, 3), (3,), ()):
        yield (make(*shape), make(2), make(3)), {}
    yield (make(2, 3), make(2), make(3)), {"beta": 2, "alpha": 3}
    yield (make(2, 3), make(2), make(3)), {"beta": 0}


@operator(
    inplace=True,
    dtypes="fibc",
    samples=_outer_sums,
    errors=[
        (args(wanted(2, 3), wanted(3), wanted(3)), RuntimeError, r"The expanded size of the tensor \(3\) must match"),
        (args(wanted(2, 3), wanted(3), wanted(2, 3)), RuntimeError, "addr: Expected 1-D argument vec2, but got 2-D"),
    ],
)
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Value:
    """`beta * input + alpha * vec1 vec2^T`, where `input` broadcasts to `(n, m)`.

    >>> import kagari as torch
    >>> torch.addr(torch.tensor(1), torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[4, 5],
            [7, 9]])
    """
    for x, name in ((vec1, "vec1"), (vec2, "vec2")):
        if x.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {x.ndim}-D")
    dt = ir.result_type(input, ir.mul(ir.unsqueeze(vec1, 1), vec2))
    outer = ir.mul(ir.unsqueeze(graph.cast(vec1, dt), 1), graph.cast(vec2, dt))
    return graph.cast(combined(graph.cast(input, dt), outer, beta, alpha), dt)


def _batch_sums(make: Make) -> Iterator[Sample]:
    # PyTorch rounds to half precision after each batch.
    wide = [make(*s, dtype="float64") for s in ((3, 5), (2, 3, 4), (2, 4, 5))]
    yield tuple(wide), {"beta": 2, "alpha": 3}
    yield (make(3, 5), make(2, 3, 4), make(2, 4, 5)), {"beta": 0}
    yield (make(3, 5), make(0, 3, 4), make(0, 4, 5)), {}


@operator(
    autocast=lower,
    inplace=True,
    dtypes="fic",
    samples=_batch_sums,
    errors=[
        (
            args(wanted(3, 5), wanted(2, 3, 4), wanted(2, 3, 5)),
            RuntimeError,
            r"Incompatible matrix sizes for bmm \(3x4 and 3x5\)",
        ),
        (
            args(wanted(3, 5), wanted(2, 3, 4), wanted(1, 4, 5)),
            RuntimeError,
            "batch1 and batch2 must have same number of batches, got 2 and 1",
        ),
        (
            args(wanted(3, 4), wanted(2, 3, 4), wanted(2, 4, 5)),
            RuntimeError,
            r"The expanded size of the tensor \(5\) must match the existing size \(4\)",
        ),
    ],
)
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Value:
    """`beta * input + alpha * sum_b(batch1_b @ batch2_b)`, where `input` broadcasts to `(m, n)`.

    >>> import kagari as torch
    >>> torch.addbmm(torch.zeros(1, 1), torch.ones(2, 1, 3), torch.ones(2, 3, 1))
    tensor([[6.]])
    """
    for x in (batch1, batch2):
        ir.normalize_dim(2, x.ndim)
    (b, m, k), (c, inner, n) = batch1.shape, batch2.shape
    if b != c:
        raise RuntimeError(f"batch1 and batch2 must have same number of batches, got {hint(b)} and {hint(c)}")
    if k != inner:
        raise RuntimeError(f"Incompatible matrix sizes for bmm ({hint(m)}x{hint(k)} and {hint(inner)}x{hint(n)})")
    require_addend(input, batch1, batch2)
    expanded(input, (m, n))
    require("addmm_impl_cpu_", batch1.dtype, 1, 3)
    rows = graph.reshape(graph.permute(batch1, (1, 0, 2)), (m, product((b, k))))
    columns = graph.reshape(batch2, (product((b, k)), n))
    return combined(input, graph.dot(rows, columns), beta, alpha)


# Of themselves


def _bases(make: Make) -> Iterator[Sample]:
    yield (make(3),), {}
    yield (make(2, 3),), {"N": 4}
    yield (make(2, 2, 3, noncontiguous=True),), {"N": 2}
    yield (make(0, 3),), {}


@operator(
    namespace="linalg",
    method=False,
    out=False,
    dtypes="fic",
    samples=_bases,
    errors=[
        (args(wanted(3), N=1), RuntimeError, "N must be greater than 1."),
        (args(wanted()), RuntimeError, "N must be greater than 1."),
        (
            args(wanted(3, dtype="bool")),
            RuntimeError,
            "linalg.vander supports floating point, complex, and integer tensors, but got Bool",
        ),
    ],
    node="CatBackward0",
)
def linalg_vander(x: Tensor, *, N: int | None = None) -> Value:
    """Vandermonde's matrices: for each vector along the last dimension its powers 0 to `N - 1` as columns.

    >>> import kagari as torch
    >>> torch.linalg.vander(torch.tensor([2, 3]), N=3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    if x.dtype.category < 1 or x.dtype in (float16, bfloat16):
        raise RuntimeError(
            f"linalg.vander supports floating point, complex, and integer tensors, but got {TYPE_NAMES[x.dtype]}"
        )
    columns: Size = N if N is not None else x.shape[-1] if x.ndim else 1
    if columns < 2:
        raise RuntimeError("N must be greater than 1.")
    x = ir.unsqueeze(x if x.dtype.category > 1 else summed(x), x.ndim)
    ones = ir.full(x.shape, 1, x.dtype)
    factors = graph.cat((ones, graph.expand(x, (*x.shape[:-1], settled(columns - 1)))), x.ndim - 1)
    result: Value = cumprod.define(factors, x.ndim - 1)
    return result


OPERATORS: tuple[Operator, ...] = (
    tensordot, kron, vdot, linalg_vecdot, linalg_cross, cross, addr, addbmm, linalg_vander,
)  # fmt: skip
