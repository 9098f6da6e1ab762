"""What distributions share: parameters of one shape, attributes computed when asked for, logits and probabilities."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any

from ..autograd.modes import enable_grad
from ..eager import Tensor
from ..eager import operators as ops

__all__ = [
    "broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits", "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]  # fmt: skip


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Tensors and numbers as tensors of one shape; numbers have the dtype of the first tensor, or the default one.

    Raises ValueError for anything else.

    >>> import kagari as torch
    >>> from kagari.distributions.utils import broadcast_all
    >>> broadcast_all(torch.zeros(2), 1.0)
    (tensor([0., 0.]), tensor([1., 1.]))
    """
    if not all(isinstance(v, Tensor | Number) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."
        )
    like = next((v for v in values if isinstance(v, Tensor)), None)
    dtype = ops.get_default_dtype() if like is None else like.dtype
    return tuple(ops.broadcast_tensors(*(v if isinstance(v, Tensor) else ops.tensor(v, dtype=dtype) for v in values)))


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities away from 0 and 1 by the precision of their dtype.

    >>> import kagari as torch
    >>> from kagari.distributions.utils import clamp_probs
    >>> clamp_probs(torch.tensor([0.0, 0.5])) > 0
    tensor([True, True])
    """
    eps = ops.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    r"""Probabilities: :math:`\text{softmax}` along the last dimension, or :math:`\sigma` of each where `is_binary`.

    >>> import kagari as torch
    >>> from kagari.distributions.utils import logits_to_probs
    >>> logits_to_probs(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """
    return ops.sigmoid(logits) if is_binary else ops.softmax(logits, -1)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    r"""Logits: :math:`\log p`, or :math:`\log p - \log (1 - p)` where `is_binary`.

    >>> import kagari as torch
    >>> from kagari.distributions.utils import probs_to_logits
    >>> probs_to_logits(torch.tensor([0.5]), is_binary=True)
    tensor([0.])
    """
    near = clamp_probs(probs)
    return ops.log(near) - ops.log1p(-near) if is_binary else ops.log(near)


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """Lower triangular matrices with the numbers of vectors, row by row, below the diagonal `diag` and on it.

    >>> import kagari as torch
    >>> from kagari.distributions.utils import vec_to_tril_matrix
    >>> vec_to_tril_matrix(torch.tensor([1.0, 2.0, 3.0]))
    tensor([[1., 0.],
            [2., 3.]])
    """
    n = round(((1 + 2 * diag) ** 2 + 8 * vec.shape[-1] + 4 * abs(diag) * (diag + 1)) ** 0.5 - 2 * diag - 1) // 2
    rows, columns = ops.tril_indices(n, n, diag)
    made = ops.zeros((*vec.shape[:-1], n, n), dtype=vec.dtype)
    made[..., rows, columns] = vec
    return made


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The numbers of matrices below the diagonal `diag` and on it, row by row.

    Raises ValueError for a diagonal outside of the matrices.

    >>> import kagari as torch
    >>> from kagari.distributions.utils import tril_matrix_to_vec
    >>> tril_matrix_to_vec(torch.tensor([[1.0, 0.0], [2.0, 3.0]]))
    tensor([1., 2., 3.])
    """
    n = mat.shape[-1]
    if diag < -n or diag >= n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = ops.tril_indices(n, n, diag)
    return mat[..., rows, columns]


class lazy_property:
    """A property that is computed when it is first asked for, with gradients, and then kept as an attribute.

    >>> from kagari.distributions.utils import lazy_property
    >>> class Circle:
    ...     @lazy_property
    ...     def area(self):
    ...         print("computed")
    ...         return 3.14
    >>> circle = Circle()
    >>> circle.area, circle.area
    computed
    (3.14, 3.14)
    """

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped, self.__doc__ = wrapped, wrapped.__doc__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value
