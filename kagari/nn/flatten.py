"""Layers that change the shape and nothing else."""

from __future__ import annotations

from ..eager import Tensor
from .module import Module


class Flatten(Module):
    r"""Joins a range of dimensions into one.

    Args:
        start_dim (int): the first one. Default: 1, so that the batch stays
        end_dim (int): the last one. Default: -1

    Shape:
        - Input: :math:`(*, S_\text{start}, ..., S_\text{end}, *)`.
        - Output: :math:`(*, \prod_{i=\text{start}}^{\text{end}} S_i, *)`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.Flatten()(torch.randn(32, 1, 5, 5)).shape)
        (32, 25)
    """

    __constants__ = ("start_dim", "end_dim")
    start_dim: int
    end_dim: int

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    r"""Splits a dimension into several.

    Args:
        dim (int): which one.
        unflattened_size (tuple of int): the sizes it is split into; one of them may be -1.

    Shape:
        - Input: :math:`(*, S_\text{dim}, *)`.
        - Output: :math:`(*, U_1, ..., U_n, *)`, where :math:`\prod_i U_i = S_\text{dim}`.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> tuple(nn.Unflatten(1, (2, 5))(torch.randn(3, 10)).shape)
        (3, 2, 5)
    """

    __constants__ = ("dim", "unflattened_size")
    dim: int
    unflattened_size: tuple[int, ...] | list[int]

    def __init__(self, dim: int, unflattened_size: tuple[int, ...] | list[int]) -> None:
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError(
                f"unflattened_size must be a tuple of ints, but found type {type(unflattened_size).__name__}"
            )
        for position, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                raise TypeError(
                    "unflattened_size must be tuple of ints, "
                    f"but found element of type {type(size).__name__} at pos {position}"
                )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


__all__ = ["Flatten", "Unflatten"]
