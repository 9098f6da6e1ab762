"""Results with named parts: tuples that print as PyTorch's do, such as what `max` along a dimension returns."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any


class Result(tuple[Any, ...]):
    """A tuple whose items have names."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __repr__(self) -> str:
        parts = ",\n".join(f"{name}={item!r}" for name, item in zip(self._fields, self))
        return f"torch.return_types.{type(self).__name__}(\n{parts})"

    def __reduce__(self) -> Any:
        return _rebuilt, (type(self).__name__, self._fields, tuple(self))


_kinds: dict[tuple[str, tuple[str, ...]], type[Result]] = {}


def kind_of(name: str, fields: tuple[str, ...]) -> type[Result]:
    """The class of an operator's results."""
    found = _kinds.get((name, fields))
    if found is None:
        members: dict[str, Any] = {f: property(itemgetter(i)) for i, f in enumerate(fields)}
        found = _kinds[name, fields] = type(name, (Result,), {"__slots__": (), "_fields": fields, **members})
    return found


def _rebuilt(name: str, fields: tuple[str, ...], items: tuple[Any, ...]) -> Result:
    return kind_of(name, fields)(items)


def named(call: Callable[..., Any], name: str, fields: tuple[str, ...], doc: str) -> Callable[..., Any]:
    """A function whose results, where they are tuples, get names."""
    kind = kind_of(name, fields)

    def function(*args: Any, **kwargs: Any) -> Any:
        result = call(*args, **kwargs)
        return kind(result) if type(result) is tuple else result

    function.__name__ = function.__qualname__ = name
    function.__module__ = f"{__package__}.operators"  # where it is found by this name
    function.__doc__ = doc
    return function
