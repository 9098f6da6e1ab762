"""Results with named parts, such as the values and indices of a maximum along a dimension."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from functools import wraps
from typing import Any


def result_type(name: str, parts: tuple[str, ...]) -> Any:
    """A tuple with names for its parts, printed as PyTorch prints `torch.return_types.max`."""
    base: Any = namedtuple(name, parts)

    def shown(self: Any) -> str:
        lines = ",\n".join(f"{part}={value!r}" for part, value in zip(parts, self))
        return f"torch.return_types.{name}(\n{lines})"

    return type(name, (base,), {"__slots__": (), "__module__": "torch.return_types", "__repr__": shown})


def named(function: Callable[..., Any], name: str, parts: tuple[str, ...], doc: str) -> Callable[..., Any]:
    """A native function whose tuples have names for their parts."""
    kind = result_type(name, parts)

    @wraps(function, assigned=())
    def call(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return kind(*result) if type(result) is tuple else result

    call.__name__ = call.__qualname__ = name
    call.__doc__ = doc
    return call
