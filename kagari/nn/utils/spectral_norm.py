"""Spectral normalisation by a hook: the greatest singular value of a weight is kept at one.

`parametrizations.spectral_norm` is the newer way.
"""

from __future__ import annotations

from typing import Any, TypeVar

from ...autograd import no_grad
from ...eager import Tensor
from ...eager import operators as ops
from ..module import Module
from ..parameter import Parameter

_M = TypeVar("_M", bound=Module)


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight with a dimension in front and the others joined."""
    if dim:
        weight = weight.permute(dim, *[other for other in range(weight.ndim) if other != dim])
    return weight.reshape(weight.shape[0], -1)


def default_dim(module: Module) -> int:
    """The dimension of the outputs: transposed convolutions have it second."""
    return 1 if getattr(module, "transposed", False) else 0


class SpectralNorm:
    """The hook that computes the weight before each call."""

    _version = 1

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The weight, divided by its greatest singular value as the two vectors estimate it."""
        weight, u, v = (getattr(module, f"{self.name}_{part}") for part in ("orig", "u", "v"))
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(ops.normalize(matrix.t().mv(u), dim=0, eps=self.eps))
                    u.copy_(ops.normalize(matrix.mv(v), dim=0, eps=self.eps))
                # The next call writes into the vectors, and the gradient of this one needs them.
                u, v = u.clone(), v.clone()
        return weight / ops.dot(u, matrix.mv(v))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))

    def note_version(self, module: Module, state: Any, prefix: str, metadata: dict[str, Any]) -> None:
        """Says in the metadata of a saved state how the weight is kept."""
        metadata.setdefault("spectral_norm", {})[f"{self.name}.version"] = self._version


def _hook_of(module: Module, name: str) -> tuple[int, SpectralNorm] | None:
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            return key, hook
    return None


def spectral_norm(
    module: _M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> _M:
    r"""Divides a weight by its greatest singular value, :math:`w = \frac{W}{\sigma(W)}`.

    The value is estimated by power iteration, a step of which is made in each call while training. The parameter is
    ``{name}_orig``; ``{name}_u`` and ``{name}_v`` are buffers.

    Args:
        module (Module): the module that has the weight.
        name (str): the weight. Default: ``"weight"``
        n_power_iterations (int): the steps in each call. Default: 1
        eps (float): keeps norms from zero. Default: 1e-12
        dim (int, optional): the dimension of the outputs: by default 1 for transposed convolutions, else 0.

    Source: Miyato et al., *Spectral normalization for generative adversarial networks* (2018).

    Example::

        >>> from kagari import nn
        >>> layer = nn.utils.spectral_norm(nn.Linear(3, 2))
        >>> list(layer.state_dict())
        ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if _hook_of(module, name) is not None:
        raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
    hook = SpectralNorm(name, n_power_iterations, default_dim(module) if dim is None else dim, eps)
    weight = module._parameters[name]
    with no_grad():
        rows, columns = as_matrix(weight, hook.dim).shape
        u, v = (
            ops.normalize(ops.empty(size, dtype=weight.dtype, device=weight.device).normal_(0, 1), dim=0, eps=eps)
            for size in (rows, columns)
        )
    del module._parameters[name]
    module.register_parameter(f"{name}_orig", weight)
    # Until the first call, the weight as it was: other code may want to look at it.
    setattr(module, name, weight.data)
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    module.register_forward_pre_hook(hook)
    module._register_state_dict_hook(hook.note_version)
    return module


def remove_spectral_norm(module: _M, name: str = "weight") -> _M:
    r"""Makes the weight a parameter again, as it was computed last.

    Example::

        >>> from kagari import nn
        >>> layer = nn.utils.spectral_norm(nn.Linear(3, 2))
        >>> list(nn.utils.remove_spectral_norm(layer).state_dict())
        ['bias', 'weight']
    """
    found = _hook_of(module, name)
    if found is None:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    key, hook = found
    with no_grad():
        weight = hook.compute_weight(module, do_power_iteration=False)
    for attribute in (name, f"{name}_u", f"{name}_v", f"{name}_orig"):
        delattr(module, attribute)
    module.register_parameter(name, Parameter(weight.detach()))
    del module._forward_pre_hooks[key]
    for number, other in list(module._state_dict_hooks.items()):
        if getattr(other, "__self__", None) is hook:
            del module._state_dict_hooks[number]
    return module


__all__ = ["SpectralNorm", "remove_spectral_norm", "spectral_norm"]
