"""Reductions, products and losses, as nodes of ONNX."""

from __future__ import annotations

from typing import Any

from ..base.dtypes import bool_, float32, int64
from .builder import Builder, Translate, Val, number, unsupported


def _axes(b: Builder, x: Val, dim: Any) -> str | None:
    """The dimensions as a constant; None for all of them."""
    if dim is None or dim == []:
        return None
    return b.array([dim] if isinstance(dim, int) else list(dim), int64)


def _reduction(kind: str) -> Translate:
    def run(b: Builder, x: Val, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Val:
        value = b.to(x, b.result.dtype)
        return b.emit(kind, value, _axes(b, x, dim), keepdims=int(keepdim))

    return run


def _of_booleans(kind: str) -> Translate:
    def run(b: Builder, x: Val, dim: Any = None, keepdim: bool = False) -> Val:
        number_of = b.op("Cast", b.to(x, bool_), to=number(int64))
        return b.emit("Cast", b.op(kind, number_of, _axes(b, x, dim), keepdims=int(keepdim)), to=number(bool_))

    return run


def _extreme(reduce: str, arg: str, pairwise: str) -> Translate:
    """`max` and `min`: of all elements, along a dimension with the places, or of two tensors."""

    def run(b: Builder, x: Val, other: Any = None, keepdim: bool = False) -> Any:
        if other is None:
            return b.emit(reduce, x, keepdims=0)
        if isinstance(other, Val):
            return b.emit(pairwise, b.to(x, b.result.dtype), b.to(other, b.result.dtype))
        values, places = b.result
        name = b.op(reduce, x, b.array([other], int64), keepdims=int(keepdim))
        return b.made(name, values), b.made(b.op(arg, x, axis=other, keepdims=int(keepdim)), places)

    return run


def _arg(kind: str) -> Translate:
    def run(b: Builder, x: Val, dim: int | None = None, keepdim: bool = False) -> Val:
        if dim is None:
            return b.emit(kind, b.op("Reshape", x, b.array([-1], int64)), axis=0, keepdims=0)
        return b.emit(kind, x, axis=dim, keepdims=int(keepdim))

    return run


def _variance(root: bool) -> Translate:
    def run(
        b: Builder, x: Val, dim: Any = None, unbiased: Any = True, keepdim: bool = False, *, correction: Any = None
    ) -> Val:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        axes, less = _axes(b, x, dim), float(correction if correction is not None else unbiased)
        apart = b.op("Sub", x, b.op("ReduceMean", x, axes, keepdims=1))
        total = b.op("ReduceSumSquare", apart, axes, keepdims=int(keepdim))
        sizes = b.shape(x) if axes is None else b.op("Gather", b.shape(x), axes)
        count = b.op("Cast", b.op("ReduceProd", sizes, keepdims=0), to=number(x.dtype))
        found = b.op("Div", total, b.op("Sub", count, b.to(less, x.dtype)))
        return b.emit("Sqrt", found) if root else b.made(found)

    return run


def _vector_norm(b: Builder, x: Val, order: Any = 2, dim: Any = None, keepdim: bool = False, **options: Any) -> Val:
    kinds = {1: "ReduceL1", 2: "ReduceL2"}
    if order in kinds:
        return b.emit(kinds[order], x, _axes(b, x, dim), keepdims=int(keepdim))
    if order in (float("inf"), float("-inf")):
        return b.emit(
            "ReduceMax" if order > 0 else "ReduceMin", b.op("Abs", x), _axes(b, x, dim), keepdims=int(keepdim)
        )
    power = b.op(
        "ReduceSum", b.op("Pow", b.op("Abs", x), b.to(order, x.dtype)), _axes(b, x, dim), keepdims=int(keepdim)
    )
    return b.emit("Pow", power, b.to(1 / order, x.dtype))


def _softmax(kind: str) -> Translate:
    return lambda b, x, dim, dtype=None: b.emit(kind, b.to(x, b.result.dtype), axis=dim)


def _cumsum(b: Builder, x: Val, dim: int, *, dtype: Any = None) -> Val:
    return b.emit("CumSum", b.to(x, b.result.dtype), b.array(dim, int64))


def _topk(b: Builder, x: Val, k: Any, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    values, places = b.result
    names = b.op("TopK", x, b.vector(k), outputs=2, axis=dim, largest=int(largest), sorted=int(sorted))
    return b.made(names[0], values), b.made(names[1], places)


def _sort(b: Builder, x: Val, dim: int = -1, descending: bool = False) -> Any:
    size = b.op("Gather", b.shape(x), b.array([dim], int64))
    values, places = b.result
    names = b.op("TopK", x, size, outputs=2, axis=dim, largest=int(descending), sorted=1)
    return b.made(names[0], values), b.made(names[1], places)


def _linear(b: Builder, x: Val, weight: Val, bias: Val | None = None) -> Val:
    if x.rank == 2:
        return b.emit("Gemm", x, weight, bias, transB=1)
    product = b.op("MatMul", x, b.op("Transpose", weight, perm=[1, 0]))
    return b.made(product) if bias is None else b.emit("Add", product, bias)


def _addmm(b: Builder, c: Val, x: Val, y: Val, *, beta: Any = 1, alpha: Any = 1) -> Val:
    return b.emit("Gemm", x, y, c, alpha=float(alpha), beta=float(beta))


def _baddbmm(b: Builder, c: Val, x: Val, y: Val, *, beta: Any = 1, alpha: Any = 1) -> Val:
    dt = b.result.dtype
    return b.emit("Add", b.op("Mul", c, b.to(beta, dt)), b.op("Mul", b.op("MatMul", x, y), b.to(alpha, dt)))


def _einsum(b: Builder, equation: str, operands: list[Val]) -> Val:
    return b.emit("Einsum", *operands, equation=equation)


def _outer(b: Builder, x: Val, y: Val) -> Val:
    return b.emit("Mul", b.op("Unsqueeze", x, b.array([1], int64)), y)


def _attention(
    b: Builder, q: Val, k: Val, v: Val, mask: Val | None = None, dropout: float = 0.0, causal: bool = False, *,
    scale: float | None = None, enable_gqa: bool = False,
) -> Val:  # fmt: skip
    """Attention as products and a softmax. q: (..., L, E), k and v: (..., S, E)."""
    if enable_gqa:
        raise unsupported("enable_gqa")
    dt = b.result.dtype
    factor = float(q.shape[-1]) ** -0.5 if scale is None else scale
    order = [*range(k.rank - 2), k.rank - 1, k.rank - 2]
    scores = b.op("MatMul", b.op("Mul", q, b.to(factor, dt)), b.op("Transpose", k, perm=order))
    if causal:
        length, source = (b.op("Gather", b.op("Shape", t), b.array([t.rank - 2], int64)) for t in (q, k))
        ones = b.op("Expand", b.to(True, bool_), b.op("Concat", length, source, axis=0))
        as_ints = b.op("Cast", ones, to=number(int64))
        kept = b.op("Cast", b.op("Trilu", as_ints, upper=0), to=number(bool_))
        scores = b.op("Where", kept, scores, b.to(float("-inf"), dt))
    if mask is not None and mask.dtype is bool_:
        scores = b.op("Where", mask, scores, b.to(float("-inf"), dt))
    elif mask is not None:
        scores = b.op("Add", scores, mask)
    weights = b.op("Softmax", scores, axis=-1)
    if dropout:
        weights = b.op("Dropout", weights, b.to(dropout, float32), b.to(True, bool_))
    return b.emit("MatMul", weights, v)


def _cross_entropy(
    b: Builder, x: Val, target: Val, weight: Val | None = None, reduction: int = 1, ignore: int = -100,
    smoothing: float = 0.0,
) -> Val:  # fmt: skip
    if smoothing or target.dtype is not int64:
        raise unsupported("label smoothing, or probabilities as targets")
    how = ("none", "mean", "sum")[reduction]
    return b.emit("SoftmaxCrossEntropyLoss", x, target, weight, reduction=how, ignore_index=ignore)


def _nll_loss(
    b: Builder, x: Val, target: Val, weight: Val | None = None, reduction: int = 1, ignore: int = -100
) -> Val:
    how = ("none", "mean", "sum")[reduction]
    return b.emit("NegativeLogLikelihoodLoss", x, target, weight, reduction=how, ignore_index=ignore)


def _reduced(b: Builder, losses: str, reduction: int) -> Val:
    return b.made(losses) if not reduction else b.emit(("", "ReduceMean", "ReduceSum")[reduction], losses, keepdims=0)


def _loss(kind: str) -> Translate:
    """A loss of differences: their squares or their absolute values."""

    def run(b: Builder, x: Val, y: Val, reduction: int = 1) -> Val:
        apart = b.op("Sub", x, y)
        return _reduced(b, b.op("Mul", apart, apart) if kind == "square" else b.op("Abs", apart), reduction)

    return run


def _smooth_l1(b: Builder, x: Val, y: Val, reduction: int = 1, beta: float = 1.0) -> Val:
    dt = x.dtype
    apart = b.op("Abs", b.op("Sub", x, y))
    near = b.op("Mul", b.op("Mul", apart, apart), b.to(0.5 / beta, dt))
    far = b.op("Sub", apart, b.to(0.5 * beta, dt))
    return _reduced(b, b.op("Where", b.op("Less", apart, b.to(beta, dt)), near, far), reduction)


def _bce_with_logits(
    b: Builder, x: Val, y: Val, weight: Val | None = None, pos_weight: Val | None = None, reduction: int = 1
) -> Val:
    if weight is not None or pos_weight is not None:
        raise unsupported("weights")
    losses = b.op("Sub", b.op("Softplus", x), b.op("Mul", x, y))
    return _reduced(b, losses, reduction)


REDUCE: dict[str, Translate] = {
    "addmm": _addmm,
    "all": _of_booleans("ReduceMin"),
    "amax": _reduction("ReduceMax"),
    "amin": _reduction("ReduceMin"),
    "any": _of_booleans("ReduceMax"),
    "argmax": _arg("ArgMax"),
    "argmin": _arg("ArgMin"),
    "baddbmm": _baddbmm,
    "binary_cross_entropy_with_logits": _bce_with_logits,
    "bmm": lambda b, x, y: b.emit("MatMul", x, y),
    "cross_entropy_loss": _cross_entropy,
    "cumsum": _cumsum,
    "dot": lambda b, x, y: b.emit("MatMul", x, y),
    "einsum": _einsum,
    "l1_loss": _loss("absolute"),
    "linalg_vector_norm": _vector_norm,
    "linear": _linear,
    "log_softmax": _softmax("LogSoftmax"),
    "logsumexp": _reduction("ReduceLogSumExp"),
    "matmul": lambda b, x, y: b.emit("MatMul", x, y),
    "max": _extreme("ReduceMax", "ArgMax", "Max"),
    "mean": _reduction("ReduceMean"),
    "min": _extreme("ReduceMin", "ArgMin", "Min"),
    "mm": lambda b, x, y: b.emit("MatMul", x, y),
    "mse_loss": _loss("square"),
    "mv": lambda b, x, y: b.emit("MatMul", x, y),
    "nll_loss_nd": _nll_loss,
    "outer": _outer,
    "prod": _reduction("ReduceProd"),
    "scaled_dot_product_attention": _attention,
    "smooth_l1_loss": _smooth_l1,
    "softmax": _softmax("Softmax"),
    "sort": _sort,
    "std": _variance(True),
    "sum": _reduction("ReduceSum"),
    "topk": _topk,
    "var": _variance(False),
}

__all__ = ["REDUCE"]
