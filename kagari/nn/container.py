"""Modules that hold other modules. Those that hold parameters are shown here too, as PyTorch has them in one place."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from itertools import chain
from typing import Any, Self, overload

from .container_parameter import ParameterDict, ParameterList, pairs_of, position_of
from .module import Module


class Container(Module):
    """Modules by their names, given as keywords. Deprecated: a subclass of :class:`Module` does that by itself."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        warnings.warn(
            "`nn.Container` is deprecated. All of its functionality is now implemented in `nn.Module`. Subclass that "
            "instead.",
            FutureWarning,
            stacklevel=2,
        )
        for name, module in kwargs.items():
            self.add_module(name, module)


class _Numbered(Module):
    """What :class:`Sequential` and :class:`ModuleList` share: children in a row, named by their positions."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def _name_at(self, index: int) -> str:
        return list(self._modules)[position_of(index, len(self))]

    def __setitem__(self, idx: int, module: Module) -> None:
        setattr(self, self._name_at(idx), module)

    def __delitem__(self, idx: int | slice) -> None:
        modules = list(self._modules.values())
        if not isinstance(idx, slice):
            idx = position_of(idx, len(modules))
        del modules[idx]
        self._renumber(modules)

    def _renumber(self, modules: Iterable[Module]) -> None:
        self._modules = {str(position): module for position, module in enumerate(modules)}

    def append(self, module: Module) -> Self:
        """Adds a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def __getitem__(self, idx: int | slice) -> Any:
        raise NotImplementedError

    def pop(self, key: int | slice) -> Module:
        """Takes out a module, or a slice of them."""
        module = self[key]
        del self[key]
        return module


class Sequential(_Numbered):
    r"""Modules one after the other: each takes what the one before gave.

    Args:
        *args: the modules, or one ``OrderedDict`` that names them.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
        >>> tuple(model(torch.zeros(4, 2)).shape)
        (4, 1)
        >>> model[-1]
        Linear(in_features=8, out_features=1, bias=True)
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0] if len(args) == 1 and isinstance(args[0], OrderedDict) else None
        for name, module in enumerate(args) if named is None else named.items():
            self.add_module(str(name), module)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)
        return input

    def __getitem__(self, idx: int | slice) -> Any:
        if isinstance(idx, slice):
            names = list(self._modules)[idx]
            part = type(self)()
            for name in names:
                part.add_module(name, self._modules[name])
            return part
        return self._modules[self._name_at(idx)]

    def insert(self, index: int, module: Module) -> Self:
        """Puts a module before position ``index``. Those behind it are called by their new positions; raises KeyError
        where one of them has a name of its own.
        """
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        length = len(self)
        if not -length <= index <= length:
            raise IndexError(f"Index out of range: {index}")
        index += length if index < 0 else 0
        for place in range(length, index, -1):
            self._modules[str(place)] = self._modules[str(place - 1)]
        self._modules[str(index)] = module
        return self

    def extend(self, sequential: Iterable[Module]) -> Self:
        """Adds modules at the end."""
        for module in list(sequential):
            self.append(module)
        return self

    def _check_other(self, other: object) -> Sequential:
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)!s} is given.")
        return other

    def _check_factor(self, factor: object) -> int:
        if not isinstance(factor, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(factor)}")
        if factor <= 0:
            raise ValueError(f"Non-positive multiplication factor {factor} for {type(self)}")
        return factor

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *self._check_other(other))

    def __iadd__(self, other: Sequential) -> Self:
        return self.extend(self._check_other(other))

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*list(self) * self._check_factor(other))

    __rmul__ = __mul__

    def __imul__(self, other: int) -> Self:
        return self.extend(list(self) * (self._check_factor(other) - 1))


class ModuleList(_Numbered):
    r"""A list of modules, all of which are registered.

    Args:
        modules (iterable, optional): the modules.

    Example::

        >>> from kagari import nn
        >>> nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        ModuleList(
          (0-2): 3 x Linear(in_features=4, out_features=4, bias=True)
        )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    @overload
    def __getitem__(self, idx: int) -> Module: ...
    @overload
    def __getitem__(self, idx: slice) -> ModuleList: ...
    def __getitem__(self, idx: int | slice) -> Any:
        if isinstance(idx, slice):
            return type(self)(list(self._modules.values())[idx])
        return self._modules[self._name_at(idx)]

    def insert(self, index: int, module: Module) -> None:
        """Puts a module before position ``index``."""
        modules = list(self._modules.values())
        modules.insert(index, module)
        self._renumber(modules)

    def extend(self, modules: Iterable[Module]) -> Self:
        """Adds modules at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList(chain(self, other))

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __repr__(self) -> str:
        """As any module's, with equal neighbours joined: ``(0-2): 3 x Linear(...)``."""
        runs: list[list[Any]] = []  # first, last, text
        for position, module in enumerate(self):
            text = repr(module)
            if runs and runs[-1][2] == text:
                runs[-1][1] = position
            else:
                runs.append([position, position, text])
        if not runs:
            return f"{self._get_name()}()"
        lines = []
        for first, last, text in runs:
            text = text.replace("\n", "\n  ")
            lines.append(f"({first}): {text}" if first == last else f"({first}-{last}): {last - first + 1} x {text}")
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(Module):
    r"""A dictionary of modules, all of which are registered. Keys keep their order.

    Args:
        modules (mapping, optional): the modules by their names, or pairs of name and module.

    Example::

        >>> from kagari import nn
        >>> choices = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh()})
        >>> choices["tanh"]
        Tanh()
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Takes out every module."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Takes out a module."""
        module = self[key]
        del self[key]
        return module

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._modules.keys()

    def items(self) -> ItemsView[str, Module]:
        """Pairs of name and module."""
        return self._modules.items()

    def values(self) -> ValuesView[Module]:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Mapping[str, Module]) -> None:
        """Adds or replaces modules."""
        for key, module in pairs_of(modules, "ModuleDict", "ModuleDict"):
            self[key] = module


__all__ = ["Container", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]
