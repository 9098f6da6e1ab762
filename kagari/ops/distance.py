"""Distances between vectors, and products of two of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..base.dtypes import accumulate, bool_, float32, float64, int64
from ..base.symbols import Size, hint
from ..ir import build as ir
from ..ir import graph
from ..ir.graph import Value
from .autocast import single
from .check import C_NAMES, TYPE_NAMES, result_type
from .operator import Number, Operator, Tensor, operator
from .samples import Make, Sample, args, wanted
from .shapes import listed, settled
from .softmax import spread


def root(x: Value) -> Value:
    """The square root, whose gradient at 0 is 0 here."""
    zero = ir.eq(x, 0)
    return ir.where(zero, 0, ir.sqrt(ir.where(zero, 1, x)))


def _power(x: Value, p: float) -> Value:
    """`|x| ** p`, whose gradient at 0 is 0 here."""
    zero = ir.eq(x, 0)
    return ir.where(zero, 0, ir.pow_(ir.where(zero, 1, ir.abs_(x)), p))


def length(x: Value, p: float, dims: tuple[int, ...]) -> Value:
    """`sum(|x_i| ** p) ** (1 / p)` over `dims`; its gradient is 0 where the length is 0."""
    if p == 0:
        return graph.reduce("sum", graph.cast(graph.cast(x, bool_), x.dtype), dims)
    if p == 1:
        return graph.reduce("sum", ir.abs_(x), dims)
    if p == 2:
        return root(graph.reduce("sum", ir.mul(x, x), dims))
    if math.isinf(p):
        return graph.reduce("max" if p > 0 else "min", ir.abs_(x), dims)
    return _power(graph.reduce("sum", _power(x, p), dims), 1 / p)


def distance(x1: Value, x2: Value, p: float, eps: Number) -> Value:
    """The length of `x1 - x2 + eps` along the last dimension, of the shape as they broadcast and their real dtype."""
    apart = ir.add(ir.sub(x1, x2), eps)
    apart = apart if apart.ndim else graph.reshape(apart, (1,))
    size = ir.abs_(apart) if apart.dtype.is_complex else graph.cast(apart, accumulate(apart.dtype))
    return graph.cast(length(size, float(p), (apart.ndim - 1,)), apart.dtype.to_real())


def _two(make: Make) -> Iterator[Sample]:
    yield (make(2, 3), make(2, 3)), {}
    yield (make(4, 5, noncontiguous=True), make(5)), {}
    yield (make(2, 1, 3), make(4, 3)), {}


def _neighbours(make: Make) -> Iterator[Sample]:
    yield from _two(make)
    for p in (1.0, 3.0, 0.5, 0.0, math.inf):
        yield (make(2, 3), make(2, 3)), {"p": p}
    yield (make(2, 3), make(2, 3)), {"eps": 0.5, "keepdim": True}
    yield (make(3), make(3)), {}
    yield (make(), make()), {}
    yield (make(0, 3), make(0, 3)), {}
    yield (make(2, 3), make(2, 3, dtype="int64")), {}


_LAST = (
    args(wanted(2, 3), wanted(2, 4)),
    RuntimeError,
    r"The size of tensor a \(3\) must match the size of tensor b \(4\) at non-singleton dimension 1",
)


@operator(method=False, out=False, dtypes="fic", samples=_neighbours, errors=[_LAST], node="NormBackward1")
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: Number = 1e-6, keepdim: bool = False) -> Value:
    """The norm `sum(|x1_i - x2_i + eps| ** p) ** (1 / p)` of the difference of vectors, along the last dimension.

    >>> import kagari as torch
    >>> torch.pairwise_distance(torch.tensor([3.0, 4.0]), torch.zeros(2))
    tensor(5.0000)
    """
    result = distance(x1, x2, p, eps)
    return ir.unsqueeze(result, result.ndim) if keepdim else result


def _directions(make: Make) -> Iterator[Sample]:
    yield from _two(make)
    yield (make(2, 3), make(2, 3)), {"dim": 0}
    yield (make(3), make(3)), {"dim": 0}
    yield (make(), make()), {"dim": 0}
    yield (make(2, 0), make(2, 0)), {}
    zero = make(values=[[0.0, 0.0], [3.0, 4.0]], dtype="float32", constant=True)
    yield (zero, make(2, 2, dtype="float32")), {}
    yield (zero, make(2, 2, dtype="float32")), {"dim": -1, "eps": 5.0}
    yield (make(2, 3), make(2, 3, dtype="int64")), {}


def _unit(x: Value, eps: Number, dim: int) -> Value:
    """x over its length, which is taken to be no less than eps; that bound has the gradient of the length."""
    have = length(x, 2.0, (dim,))
    bounded = ir.add(graph.detach(ir.maximum(have, eps)), ir.sub(have, graph.detach(have)))
    return ir.div(x, spread(x, bounded, (dim,)))


@operator(
    method=False,
    out=False,
    dtypes="f",
    samples=_directions,
    errors=[
        _LAST,
        (
            args(wanted(2, 3, dtype="int64"), wanted(2, 3, dtype="int64")),
            RuntimeError,
            "expected common dtype to be floating point, yet common dtype is Long",
        ),
        (args(wanted(3), wanted(3)), IndexError, r"Dimension out of range \(expected to be in range of \[-1, 0\]"),
    ],
    node="SumBackward1",
)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: Number = 1e-8) -> Value:
    """`x1 . x2 / (max(|x1|, eps) max(|x2|, eps))` along `dim`, after both have been brought to one shape.

    >>> import kagari as torch
    >>> torch.cosine_similarity(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0]), dim=0)
    tensor(0.)
    """
    dt = result_type(x1, x2)
    if not dt.is_floating_point:
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {TYPE_NAMES[dt]}")
    shape = ir.broadcast_shape(x1.shape, x2.shape)
    dim = ir.normalize_dim(dim, len(shape))
    a, b = (graph.cast(ir.broadcast_to(x, shape or (1,)), accumulate(dt)) for x in (x1, x2))
    return graph.cast(graph.reduce("sum", ir.mul(_unit(a, eps, dim), _unit(b, eps, dim)), (dim,)), dt)


# All pairs


def require_wide(kernel: str, x: Value) -> None:
    """Raises NotImplementedError for half precision, unless there is nothing to compute."""
    dt = x.dtype
    if dt not in (float32, float64) and not any(isinstance(s, int) and s == 0 for s in x.shape):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{TYPE_NAMES[dt]}'")


def _points(make: Make) -> Iterator[Sample]:
    for p in (2.0, 1.0, 3.0, 0.5, 0.0, math.inf):
        yield (make(4, 3), p), {}
    yield (make(5, 4, noncontiguous=True),), {}
    yield (make(2, 3),), {}
    yield (make(1, 3),), {}
    yield (make(0, 3, constant=True),), {}  # of whose gradient PyTorch dies
    yield (make(3, 0),), {}
    yield (make(values=[[0.0, 1.0], [0.0, 1.0], [2.0, 3.0]]),), {}


@operator(
    method=False,
    out=False,
    dtypes="f",
    samples=_points,
    errors=[
        (args(wanted(3)), RuntimeError, "pdist only supports 2D tensors, got: 1D"),
        (args(wanted(3, 3), -1.0), RuntimeError, "pdist only supports non-negative p values"),
        (args(wanted(3, 3, dtype="int64")), RuntimeError, "pdist only supports floating-point dtypes"),
    ],
)
def pdist(input: Tensor, p: float = 2.0) -> Value:
    """The distances of all pairs of rows, `(N, M)` to `(N (N - 1) / 2,)`: 0 and 1, 0 and 2, and so on.

    >>> import kagari as torch
    >>> torch.pdist(torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if not input.dtype.is_floating_point:
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    if isinstance(input.shape[0], int) and input.shape[0] < 2:
        return ir.full((0,), 0, input.dtype)
    require_wide("pdist", input)
    count = input.shape[0]
    table = length(_apart(input, input), float(p), (2,))
    return graph.gather(graph.reshape(table, (count * count,)), _above_diagonal(count), 0)


def _above_diagonal(count: Size) -> Value:
    """The places of the elements above the diagonal of a square matrix, row by row, in the matrix as a vector.

    Before row i there are i (2 N - i - 1) / 2 of them; the number of one is turned back into i by solving for it.
    """
    size = ir.lift(count)
    number = graph.iota((settled(count * (count - 1) // 2),), 0)
    middle = ir.sub(graph.cast(size, float64), 0.5)
    inside = ir.sub(ir.sub(ir.mul(middle, middle), ir.mul(graph.cast(number, float64), 2)), 1)
    i = graph.cast(ir.floor(ir.sub(middle, ir.sqrt(inside))), int64)
    before = ir.shr(ir.mul(i, ir.sub(ir.sub(ir.mul(size, 2), 1), i)), 1)
    j = ir.add(ir.add(ir.sub(number, before), i), 1)
    return ir.add(ir.mul(i, size), j)


def _apart(a: Value, b: Value) -> Value:
    """The differences of the rows of `(*, P, M)` and `(*, R, M)`: `(*, P, R, M)`."""
    shape = (*a.shape[:-1], b.shape[-2], a.shape[-1])
    left, right = ir.unsqueeze(a, a.ndim - 1), ir.unsqueeze(b, b.ndim - 2)
    return ir.sub(graph.expand(left, shape), graph.expand(right, shape))


def _by_product(a: Value, b: Value) -> Value:
    """The Euclidean distances from `|a|^2 + |b|^2 - 2 a . b`: fewer operations, less exact where rows are close."""
    squares = (graph.reduce("sum", ir.mul(x, x), (x.ndim - 1,)) for x in (a, b))
    of_a, of_b = (ir.unsqueeze(s, s.ndim - k) for k, s in enumerate(squares))
    total = ir.sub(ir.add(of_a, of_b), ir.mul(graph.dot(a, ir.transpose(b)), 2))
    return root(ir.where(ir.lt(total, 0), 0, total))


MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")


def _clouds(make: Make) -> Iterator[Sample]:
    for p in (2.0, 1.0, 3.0, 0.5, 0.0, math.inf):
        yield (make(4, 3), make(5, 3), p), {}
    yield (make(2, 4, 3), make(5, 3)), {}
    yield (make(4, 3, noncontiguous=True), make(2, 1, 5, 3)), {}
    # Numbers that even half precision squares exactly.
    grid = make(values=[[k % 5, k % 3, k % 2] for k in range(30)]), make(values=[[0.5, 1.5, 0.5], [1.5, -0.5, 2.5]])
    yield grid, {}
    yield grid[::-1], {"compute_mode": MODES[1]}
    yield (make(30, 3), make(4, 3)), {"compute_mode": MODES[2]}
    yield (make(0, 3), make(5, 3)), {}
    yield (make(2, 0), make(3, 0)), {}


@operator(
    autocast=single,
    method=False,
    out=False,
    dtypes="f",
    samples=_clouds,
    errors=[
        (args(wanted(3), wanted(3)), RuntimeError, "cdist only supports at least 2D tensors, X1 got: 1D"),
        (
            args(wanted(3, 3), wanted(3, 3, dtype="int64")),
            RuntimeError,
            "cdist only supports floating-point dtypes, X2 got: Long",
        ),
        (
            args(wanted(3, 3), wanted(3, 2)),
            RuntimeError,
            "X1 and X2 must have the same number of columns. X1: 3 X2: 2",
        ),
        (args(wanted(3, 3), wanted(3, 3), -1.0), RuntimeError, "cdist only supports non-negative p values"),
        (
            args(wanted(2, 3, 3), wanted(4, 3, 3)),
            RuntimeError,
            r"The size of tensor a \(2\) must match the size of tensor b \(4\) at non-singleton dimension 0",
        ),
        (
            args(wanted(3, 3), wanted(3, 3), compute_mode="fast"),
            ValueError,
            "fast is not a valid value for compute_mode",
        ),
    ],
)
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = MODES[0]) -> Value:
    """The distances of each row of `x1` from each of `x2`: `(*, P, M)` and `(*, R, M)` to `(*, P, R)`.

    Of more than 25 rows the Euclidean distance is computed by a matrix product, if `compute_mode` does not forbid it.

    >>> import kagari as torch
    >>> torch.cdist(torch.tensor([[0.0, 0.0], [0.0, 1.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([[5.0000],
            [4.2426]])
    """
    if compute_mode not in MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    for name, x in (("X1", x1), ("X2", x2)):
        if not x.dtype.is_floating_point:
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {TYPE_NAMES[x.dtype]}")
    for name, x in (("X1", x1), ("X2", x2)):
        if x.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.ndim}D")
    columns = x1.shape[-1], x2.shape[-1]
    if columns[0] != columns[1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {hint(columns[0])} X2: {hint(columns[1])}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    if x1.dtype is not x2.dtype:
        raise RuntimeError(f"expected scalar type {TYPE_NAMES[x1.dtype]} but found {TYPE_NAMES[x2.dtype]}")
    batch = ir.broadcast_shape(x1.shape[:-2], x2.shape[:-2])
    a, b = (ir.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (x1, x2))
    many = compute_mode == MODES[0] and (a.shape[-2] > 25 or b.shape[-2] > 25)
    if p == 2 and (many or compute_mode == MODES[1]):
        return _by_product(a, b)
    apart = _apart(a, b)
    require_wide("cdist", apart)
    return length(apart, float(p), (apart.ndim - 1,))


def _forms(make: Make) -> Iterator[Sample]:
    yield (make(4, 3), make(4, 5), make(2, 3, 5)), {}
    yield (make(4, 3), make(4, 5), make(2, 3, 5), make(2)), {}
    yield (make(2, 4, 3, noncontiguous=True), make(2, 4, 5), make(2, 3, 5), make(2)), {}
    yield (make(3), make(5), make(2, 3, 5), make(2)), {}
    yield (make(0, 3), make(0, 5), make(2, 3, 5), make(2)), {}


@operator(
    method=False,
    out=False,
    dtypes="fic",
    samples=_forms,
    errors=[
        (
            args(wanted(2, 3), wanted(3), wanted(2, 3, 4)),
            RuntimeError,
            r"bilinear\(\): input dimensions do not match: got 2 and 1",
        ),
        (
            args(wanted(2, 3), wanted(3, 4), wanted(2, 3, 4)),
            RuntimeError,
            r"bilinear\(\): input batch dimensions do not match at dim 0: got 2 and 3",
        ),
        (
            args(wanted(2, 3), wanted(2, 4), wanted(2, 5, 4)),
            RuntimeError,
            r"bilinear\(\): input1 size does not match weight size: got 3 but expected 5",
        ),
        (
            args(wanted(2, 3), wanted(2, 4), wanted(2, 3, 5)),
            RuntimeError,
            r"bilinear\(\): input2 size does not match weight size: got 4 but expected 5",
        ),
        (
            args(wanted(2, 3), wanted(2, 4), wanted(2, 3, 4), wanted(3)),
            RuntimeError,
            r"bilinear\(\): bias size does not match weight size: got 3 but expected 2",
        ),
        (
            args(wanted(2, 3), wanted(2, 4, dtype="float64"), wanted(2, 3, 4)),
            RuntimeError,
            "All tensors must have the same dtype, got input1: float, input2: double, weight: float",
        ),
    ],
)
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Value:
    """`y_o = x1^T W_o x2 + b_o`: `(*, I)`, `(*, J)`, `(O, I, J)` and `(O,)` to `(*, O)`."""
    _require_form(input1, input2, weight, bias)
    outs, left, right = weight.shape
    flat = tuple(graph.reshape(x, (ir.count(x, tuple(range(x.ndim - 1))), x.shape[-1])) for x in (input1, input2))
    matrix = graph.reshape(graph.permute(weight, (1, 0, 2)), (left, outs * right))
    wide = accumulate(weight.dtype)
    half = graph.reshape(graph.dot(flat[0], matrix), (flat[0].shape[0], outs, right))  # (N, O, J)
    product = ir.mul(graph.cast(half, wide), graph.cast(ir.unsqueeze(flat[1], 1), wide))
    result = graph.reduce("sum", product, (2,))
    if bias is not None:
        result = ir.add(result, graph.cast(bias, wide))
    return graph.reshape(graph.cast(result, weight.dtype), (*input1.shape[:-1], outs))


def _require_form(input1: Value, input2: Value, weight: Value, bias: Value | None) -> None:
    if input1.ndim != input2.ndim:
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {input1.ndim} and {input2.ndim}")
    for d, (a, b) in enumerate(zip(input1.shape[:-1], input2.shape[:-1])):
        if a != b:
            raise RuntimeError(
                f"bilinear(): input batch dimensions do not match at dim {d}: got {hint(a)} and {hint(b)}"
            )
    for number, x in ((1, input1), (2, input2)):
        if x.shape[-1] != weight.shape[number]:
            raise RuntimeError(
                f"bilinear(): input{number} size does not match weight size: got {hint(x.shape[-1])} but expected "
                f"{hint(weight.shape[number])}"
            )
    if bias is not None and (bias.ndim != 1 or bias.shape[0] != weight.shape[0]):
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got "
            f"{hint(bias.shape[0]) if bias.ndim == 1 else listed(bias.shape)} but expected {hint(weight.shape[0])}"
        )
    if not input1.dtype is input2.dtype is weight.dtype:
        names = (C_NAMES[x.dtype] for x in (input1, input2, weight))
        raise RuntimeError(
            "All tensors must have the same dtype, got input1: {}, input2: {}, weight: {}".format(*names)
        )


OPERATORS: tuple[Operator, ...] = (pairwise_distance, cosine_similarity, pdist, cdist, bilinear)
