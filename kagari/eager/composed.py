"""Functions of operators that take their arguments in other ways than a record can: sequences, the order, the dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..base import dtypes
from ..engine.function import Hooks
from .calls import call

if TYPE_CHECKING:
    from .tensor import Tensor


def gradient(
    input: Tensor, *, spacing: Any = 1, dim: int | Sequence[int] | None = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """Slopes of a function known at sample points, a tensor for each dimension: by central differences inside, at the
    ends by differences of order `edge_order`.

    Args:
        input: the values at the sample points.
        spacing: their distance; or for each dimension the distance, or a vector with the coordinates.
        dim: the dimensions, by default all.
        edge_order: 1 or 2.

    >>> import kagari as torch
    >>> torch.gradient(torch.tensor([1.0, 2.0, 4.0, 7.0]))
    (tensor([1.0000, 1.5000, 2.5000, 3.0000]),)
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    dims = list(range(input.ndim)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    for i, d in enumerate(dims):
        if d in dims[:i]:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    if isinstance(spacing, Hooks.tensor_types) and spacing.ndim:
        raise TypeError(
            "gradient() received an invalid combination of arguments - got (Tensor, spacing=Tensor), but expected a "
            "number or a tuple"
        )
    if not isinstance(spacing, Sequence):
        gaps = [spacing] * len(dims)
    elif len(spacing) != len(dims):
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = "
            f"{input.ndim}', since dim argument was not given, but got a list of length {len(spacing)}"
            if dim is None
            else "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to "
            f"have the same length, but got a spacing argument of length {len(spacing)} and a dim argument of length "
            f"{len(dims)}."
        )
    else:
        gaps = list(spacing)
    slope = call("slope")
    return tuple([slope(input, gap, d, edge_order) for gap, d in zip(gaps, dims)])


def constant_pad_nd(input: Tensor, pad: Sequence[int], value: Any = 0) -> Tensor:
    """A tensor with one value around it: `pad` holds two amounts for each dimension, the last dimension first.

    >>> import kagari as torch
    >>> torch.constant_pad_nd(torch.ones(2), (1, 1), 7)
    tensor([7., 1., 1., 7.])
    """
    return call("pad")(input, tuple(pad), "constant", value)


def float_power_(self: Tensor, exponent: Any) -> Tensor:
    """`float_power` in place, for tensors of float64. Raises RuntimeError for others.

    >>> import kagari as torch
    >>> torch.tensor([3.0], dtype=torch.float64).float_power_(2)
    tensor([9.], dtype=torch.float64)
    """
    if self.dtype is not dtypes.float64:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {self.dtype.type_name} but the operation's result requires "
            "dtype Double"
        )
    return call("pow_")(self, exponent)


def polygamma(self: Tensor, n: int) -> Tensor:
    """The derivative of order `n` of the digamma function.

    >>> import kagari as torch
    >>> torch.tensor([1.0]).polygamma(1)
    tensor([1.6449])
    """
    return call("polygamma")(n, self)


def polygamma_(self: Tensor, n: int) -> Tensor:
    """`polygamma` in place.

    >>> import kagari as torch
    >>> torch.tensor([1.0]).polygamma_(1)
    tensor([1.6449])
    """
    # Of a copy: what is saved for the gradient must not be overwritten.
    return call("copy_")(self, polygamma(call("clone")(self), n))


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """Sums of products over the last `dims` dimensions of `a` and the first of `b`, or over two lists of dimensions.

    The result has the other dimensions of `a`, then those of `b`. The lists may be the rows of a tensor.

    >>> import kagari as torch
    >>> torch.tensordot(torch.tensor([[1, 2], [3, 4]]), torch.tensor([[1, 1], [0, 1]]), dims=([0, 1], [1, 0]))
    tensor(8)
    """
    if isinstance(dims, Hooks.tensor_types) and dims.numel() != 1:
        if dims.shape[0] != 2:
            raise AssertionError(f"dims tensor must have size 2 in first dimension, got {dims.shape[0]}")
        dims = dims.tolist()
    return call("tensordot")(a, b, dims) if out is None else call("tensordot")(a, b, dims, out=out)


FUNCTIONS = (constant_pad_nd, gradient, tensordot)
METHODS = (float_power_, polygamma, polygamma_)
