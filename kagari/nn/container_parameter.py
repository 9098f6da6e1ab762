"""Modules that hold parameters."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping
from typing import Any

from ..eager import Tensor
from .module import Module
from .parameter import Parameter


def position_of(index: int, length: int) -> int:
    """A position counted from the front, where `index` may count from the back."""
    index = operator.index(index)
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of range")
    return index % length


def pairs_of(items: Any, owner: str, name: str) -> list[tuple[str, Any]]:
    """The key-value pairs of a mapping, or of an iterable of pairs."""
    if not isinstance(items, Iterable):
        raise TypeError(
            f"{name}.update should be called with an iterable of key/value pairs, but got {type(items).__name__}"
        )
    if isinstance(items, Mapping) or (isinstance(items, Module) and hasattr(items, "items")):
        return list(items.items())
    pairs = []
    for position, pair in enumerate(items):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{owner} update sequence element #{position} should be Iterable; is{type(pair).__name__}")
        pair = tuple(pair)
        if len(pair) != 2:
            raise ValueError(f"{owner} update sequence element #{position} has length {len(pair)}; 2 is required")
        pairs.append(pair)
    return pairs


def _as_parameter(value: Any) -> Any:
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _line(key: object, value: Any, type_of: Callable[[Tensor], object]) -> str:
    """The line of a member in `repr`. Lists name dtypes and dictionaries types, as PyTorch's do."""
    if not isinstance(value, Tensor):
        return f"  ({key}): Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"  ({key}): {kind} containing: [{type_of(value)} of size {'x'.join(map(str, value.shape))}]"


class ParameterList(Module):
    r"""A list of parameters, all of which are registered. Tensors become parameters; anything else is kept as it is.

    Args:
        values (iterable, optional): the values.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> weights = nn.ParameterList([torch.zeros(2), torch.zeros(3)])
        >>> [len(weight) for weight in weights]
        [2, 3]
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __getitem__(self, idx: int | slice) -> Any:
        if isinstance(idx, slice):
            return type(self)(getattr(self, str(position)) for position in range(*idx.indices(len(self))))
        return getattr(self, str(position_of(idx, len(self))))

    def __setitem__(self, idx: int, param: Any) -> None:
        setattr(self, str(position_of(idx, len(self))), _as_parameter(param))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, str(position)) for position in range(self._size))

    def append(self, value: Any) -> ParameterList:
        """Adds a value at the end."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Adds values at the end."""
        # A tensor can be iterated over, but hardly anyone means its rows.
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}")
        for value in values:
            self.append(value)
        return self

    def __iadd__(self, parameters: Iterable[Any]) -> ParameterList:
        return self.extend(parameters)

    def extra_repr(self) -> str:
        return "\n".join(_line(position, value, lambda x: x.dtype) for position, value in enumerate(self))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    r"""A dictionary of parameters, all of which are registered. Tensors become parameters; anything else is kept as it
    is.

    Keys keep their order; those of a plain ``dict`` are sorted first.

    Args:
        parameters (mapping, optional): the values by their names, or pairs of name and value.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> ends = nn.ParameterDict({"left": torch.zeros(2), "right": torch.ones(2)})
        >>> ends["right"].tolist()
        [1.0, 1.0]
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def _attribute(self, key: str) -> str:
        if not isinstance(key, str):
            raise TypeError(
                "Index given to ParameterDict cannot be used as a key as it is not a string "
                f"(type is '{type(key).__name__}')."
            )
        return key

    def __getitem__(self, key: str) -> Any:
        return getattr(self, self._attribute(key))

    def __setitem__(self, key: str, value: Any) -> None:
        setattr(self, self._attribute(key), _as_parameter(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, self._attribute(key))

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def copy(self) -> ParameterDict:
        """Another dictionary of the same parameters."""
        return ParameterDict(list(self.items()))

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or ``default``."""
        if key not in self:
            return default
        return self[key]

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key, which becomes ``default`` if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Takes out every value."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key: str) -> Any:
        """Takes out the value of a key."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Takes out the newest pair."""
        if not self._keys:
            raise KeyError("popitem(): dictionary is empty")
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new dictionary with the same value for each key."""
        return ParameterDict((key, default) for key in keys)

    def keys(self) -> KeysView[str]:
        """The keys."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Pairs of key and value."""
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Iterable[Any]:
        """The values."""
        return (self[key] for key in self._keys)

    def update(self, parameters: Any) -> None:
        """Adds or replaces values."""
        pairs = pairs_of(parameters, "ParameterDict", "ParametersDict")
        for key, value in sorted(pairs, key=lambda pair: pair[0]) if type(parameters) is dict else pairs:
            self[key] = value

    def extra_repr(self) -> str:
        return "\n".join(_line(key, value, lambda x: x.type()) for key, value in self.items())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterDict should not be called.")

    def __or__(self, other: Mapping[str, Any]) -> ParameterDict:
        joined = self.copy()
        joined.update(other)
        return joined

    def __ror__(self, other: Mapping[str, Any]) -> Any:
        # A plain dictionary stays one.
        return {**other, **dict(self.items())}

    def __ior__(self, other: Mapping[str, Any]) -> ParameterDict:
        self.update(other)
        return self


__all__ = ["ParameterDict", "ParameterList", "pairs_of", "position_of"]
