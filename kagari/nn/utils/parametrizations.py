"""Parametrizations that are often wanted: weight and spectral normalisation, and orthogonal matrices."""

from __future__ import annotations

from typing import Any, TypeVar

from ...autograd import no_grad
from ...eager import Tensor
from ...eager import operators as ops
from ..module import Module
from .orthogonal import orthogonal
from .parametrize import register_parametrization
from .spectral_norm import as_matrix, default_dim
from .weight_norm import normalized_weight

_M = TypeVar("_M", bound=Module)


class _WeightNorm(Module):
    """Direction times length."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return normalized_weight(weight_g, weight_v, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return ops.norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: _M, name: str = "weight", dim: int | None = 0) -> _M:
    r"""Parametrizes a weight by its length and its direction, :math:`w = g \frac{v}{\lVert v \rVert}`.

    The originals are the lengths, ``original0``, and the directions, ``original1``. States that were saved from
    :func:`kagari.nn.utils.weight_norm` can be loaded.

    Args:
        module (Module): the module that has the weight.
        name (str): the weight. Default: ``"weight"``
        dim (int, optional): the dimension of which each slice has a length of its own; ``None`` for one length of all.
            Default: 0

    Source: Salimans and Kingma, *Weight normalization* (2016).

    Example::

        >>> from kagari import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
        >>> tuple(layer.parametrizations.weight.original0.shape)
        (2, 1)
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    below = f"parametrizations.{name}."

    def rename(state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        old = [f"{prefix}{name}_{part}" for part in "gv"]
        if all(key in state_dict for key in old):
            for position, key in enumerate(old):
                state_dict[f"{prefix}{below}original{position}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    """Division by the greatest singular value, which two vectors estimate by power iteration."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            with no_grad():
                matrix = as_matrix(weight, self.dim)
                for vector, size in zip(("_u", "_v"), matrix.shape):
                    drawn = ops.empty(size, dtype=weight.dtype, device=weight.device).normal_(0, 1)
                    self.register_buffer(vector, ops.normalize(drawn, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _power_method(self, matrix: Tensor, steps: int) -> None:
        with no_grad():
            for _ in range(steps):
                self._u.copy_(ops.normalize(matrix.mv(self._v), dim=0, eps=self.eps))
                self._v.copy_(ops.normalize(matrix.t().mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return ops.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        # The next call writes into the vectors, and the gradient of this one needs them.
        u, v = self._u.clone(), self._v.clone()
        return weight / ops.dot(u, matrix.mv(v))

    def right_inverse(self, value: Tensor) -> Tensor:
        # Of a weight that is normalised already, this is the inverse; of others, the nearest there is.
        return value


def spectral_norm(
    module: _M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> _M:
    r"""Parametrizes a weight as one divided by its greatest singular value, :math:`w = \frac{W}{\sigma(W)}`.

    The value is estimated by power iteration: 15 steps first, and further ones whenever the weight is read while
    training. A vector is divided by its norm.

    Args:
        module (Module): the module that has the weight.
        name (str): the weight. Default: ``"weight"``
        n_power_iterations (int): the steps in each call. Default: 1
        eps (float): keeps norms from zero. Default: 1e-12
        dim (int, optional): the dimension of the outputs: by default 1 for transposed convolutions, else 0.

    Source: Miyato et al., *Spectral normalization for generative adversarial networks* (2018).

    Example::

        >>> from kagari import nn
        >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(20, 10))
        >>> _, sigma = layer.weight.detach().square().sum().sqrt(), layer.weight.detach() @ layer.weight.detach().T
        >>> bool(sigma.trace() >= 1 - 1e-3)
        True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    dim = default_dim(module) if dim is None else dim
    register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
    return module


__all__ = ["orthogonal", "spectral_norm", "weight_norm"]
