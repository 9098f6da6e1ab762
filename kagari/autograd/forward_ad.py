"""Forward-mode differentiation by dual tensors: a tensor with its tangent, along which a function changes.

    with torch.autograd.forward_ad.dual_level():
        dual = make_dual(x, tangent)
        primal, slope = unpack_dual(f(dual))

The slope is the product of the Jacobian of `f` with the tangent. The derivative of every operator is derived from its
gradient; see `torch.func.jvp` for a function that does all this.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..engine.function import Hooks
from .node import is_standing

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]

_levels: list[Any] = []


class UnpackedDualTensor(NamedTuple):
    """A tensor, and its tangent: None where it has none."""

    primal: Any
    tangent: Any


def enter_dual_level() -> int:
    """Begins a region in which tensors can have tangents, and returns its number. Raises RuntimeError inside of one."""
    if _levels:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _levels.append(Hooks.duals.Jvp())
    _levels[-1].__enter__()
    return len(_levels) - 1


def exit_dual_level(*, level: int | None = None) -> None:
    """Ends the region: tensors lose their tangents. Raises RuntimeError where there is none."""
    if not _levels or level not in (None, len(_levels) - 1):
        raise RuntimeError("Trying to exit a forward AD level that was not the last one that was created.")
    _levels.pop().__exit__()


class dual_level:
    """A region in which tensors can have tangents, as a context manager.

    >>> import kagari as torch
    >>> from kagari.autograd import forward_ad
    >>> with forward_ad.dual_level():
    ...     x = forward_ad.make_dual(torch.tensor(3.0), torch.tensor(1.0))
    ...     forward_ad.unpack_dual(x * x)
    UnpackedDualTensor(primal=tensor(9.), tangent=tensor(6.))
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *exception: object) -> None:
        exit_dual_level()


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """The tensor with a tangent.

    Raises RuntimeError outside of a region and for a tangent of another shape, ValueError where either is not of
    floats.
    """
    if not _levels:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for name, t in (("primal", tensor), ("tangent", tangent)):
        if not t._layout.dtype.is_differentiable:
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {t._layout.dtype}")
    return _levels[-1].dual(tensor, tangent)


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """A tensor without its tangent, and the tangent; None where it has none, or its region has ended."""
    if not _levels:
        return UnpackedDualTensor(tensor.after() if is_standing(tensor) else tensor, None)
    return UnpackedDualTensor(_levels[-1].primal(tensor), _levels[-1].tangent(tensor))
