"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ...eager import Tensor
from ...eager import operators as ops


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Joins parameters, flattened, into one vector; gradients flow through it.

    Example::

        >>> import kagari as torch
        >>> layer = torch.nn.Linear(2, 3)
        >>> tuple(torch.nn.utils.parameters_to_vector(layer.parameters()).shape)
        (9,)
    """
    return ops.cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Makes consecutive pieces of a vector the data of parameters.

    Example::

        >>> import kagari as torch
        >>> layer = torch.nn.Linear(2, 1)
        >>> torch.nn.utils.vector_to_parameters(torch.tensor([1.0, 2.0, 3.0]), layer.parameters())
        >>> layer.bias.tolist()
        [3.0]
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected kagari.Tensor, but got: {type(vec).__name__}")
    start = 0
    for parameter in parameters:
        end = start + parameter.numel()
        parameter.data = vec[start:end].view_as(parameter).data
        start = end


__all__ = ["parameters_to_vector", "vector_to_parameters"]
