"""Checks of what is registered with a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..eager import Tensor

if TYPE_CHECKING:
    from .parameter import Parameter


def typename(value: object) -> str:
    """How error messages call the type of a value."""
    if isinstance(value, Tensor):
        return value.type()
    cls = value if isinstance(value, type) else type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def check_name(kind: str, name: object, show: bool = False) -> None:
    """Refuses what cannot be a part of a dotted path; with `show` the error repeats the name."""
    if not isinstance(name, str):
        raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
    if "." in name:
        raise KeyError(f'{kind} name can\'t contain "."' + (f", got: {name}" if show else ""))
    if name == "":
        raise KeyError(f'{kind} name can\'t be empty string ""')


def check_leaf(name: str, param: Parameter) -> None:
    """Refuses a parameter that is the result of an operation: training could not change it."""
    if param.grad_fn is not None:
        raise ValueError(
            f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. "
            f"To express '{name}' as a function of another Tensor, compute the value in the forward() method."
        )


__all__ = ["check_leaf", "check_name", "typename"]
