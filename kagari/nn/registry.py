"""What a module has registered: parameters, buffers and child modules, and how assigning to an attribute registers."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ..eager import Tensor
from .checks import check_leaf, check_name, typename
from .global_hooks import announce
from .members import Members, Unmade
from .parameter import Buffer, Parameter, UninitializedBuffer

if TYPE_CHECKING:
    from .module import Module

TABLES = ("_parameters", "_buffers", "_modules")
# Not `self.x = ...`, which would ask whether to register; and never through `__dict__`: an object whose dictionary was
# never asked for keeps its attributes in its own fields, where Python reads them about twice as fast.
_set = object.__setattr__

# Containers that register nothing.
PLAIN = frozenset((list, tuple, dict, set, OrderedDict))


class Note:
    """The attributes of a module that hold such containers and were not looked into yet; `hidden.py` does that."""

    __slots__ = ("names", "module", "passed")

    def __init__(self, module: weakref.ref[Any]) -> None:
        self.module = module
        self.names: set[str] = set()
        self.passed = 0  # how often others were looked into


# By the module's identity.
NOTED: dict[int, Note] = {}


def _forget(noted: dict[int, Any], key: int, gone: object) -> None:
    # The table is passed in: at the interpreter's end, a callback may not find it any more.
    noted.pop(key, None)


def _root() -> str:
    """The package under the name that programs know it by."""
    return Parameter.__module__.partition(".")[0]


class Registry:
    """The lowest part of :class:`Module`: its tables of members."""

    _parameters: dict[str, Any]  # of Parameter or None
    _buffers: dict[str, Any]  # of Tensor or None
    _modules: dict[str, Any]  # of Module or None
    _non_persistent_buffers_set: set[str]

    if TYPE_CHECKING:
        # Buffers, parameters and children that a checker has not seen assigned.
        def __getattr__(self, name: str) -> Any: ...
    else:
        _parameters, _buffers, _modules = Unmade(), Unmade(), Unmade()

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Tensor, Registry)):
            self._set_member(name, value)
            return
        try:
            registered = name in self._parameters or name in self._modules or name in self._buffers
        except AttributeError:  # before Module.__init__
            registered = False
        if registered:
            self._set_member(name, value)
        elif name in TABLES and "_hooks" in vars(self):
            self._set_table(name, value)
        else:
            _set(self, name, value)
            if type(value) in PLAIN:
                self._note_container(name, value)

    def _note_container(self, name: str, value: Any) -> None:
        # What is in a tuple now is all that will ever be in it.
        if type(value) is tuple and not any(isinstance(x, (Tensor, Registry)) or type(x) in PLAIN for x in value):
            return
        key = id(self)
        if key not in NOTED:
            NOTED[key] = Note(weakref.ref(self, partial(_forget, NOTED, key)))
        NOTED[key].names.add(name)

    def _set_member(self, name: str, value: Any) -> None:
        if not hasattr(self, "_modules"):
            for kind, noun in ((Parameter, "parameters"), (Registry, "module"), (Buffer, "buffer")):
                if isinstance(value, kind):
                    raise AttributeError(f"cannot assign {noun} before Module.__init__() call")
            _set(self, name, value)
            return
        self._adopt_tables()
        if isinstance(value, Parameter):
            if name not in self._parameters:
                if hasattr(type(self), name):
                    raise KeyError(f"attribute '{name}' already exists")
                check_name("parameter", name)
                self._drop_member(name)
            check_leaf(name, value)
            self._parameters[name] = announce("parameter", self, name, value)
        elif name in self._parameters:
            if value is not None:
                self._refuse(name, value, "parameter", f"{_root()}.nn.Parameter or None")
            self._parameters[name] = None
        elif isinstance(value, Registry):
            if name not in self._modules:
                self._drop_member(name)
            self._modules[name] = announce("module", self, name, value)
        elif name in self._modules:
            if value is not None:
                self._refuse(name, value, "child module", "kagari.nn.Module or None")
            self._modules[name] = announce("module", self, name, value)
        elif isinstance(value, (Buffer, UninitializedBuffer)):
            if name not in self._buffers:
                check_name("buffer", name)
            self._buffers[name] = announce("buffer", self, name, value)
            self._mark_persistent(name, value.persistent)
        elif name in self._buffers:
            if value is not None and not isinstance(value, Tensor):
                self._refuse(name, value, "buffer", "kagari.nn.Buffer, kagari.Tensor or None")
            self._buffers[name] = announce("buffer", self, name, value)
        else:
            _set(self, name, value)

    def _refuse(self, name: str, value: object, kind: str, expected: str) -> None:
        raise TypeError(f"cannot assign '{typename(value)}' as {kind} '{name}' ({expected} expected)")

    def _drop_member(self, name: str) -> None:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]
        self._non_persistent_buffers_set.discard(name)

    def _mark_persistent(self, name: str, persistent: bool) -> None:
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def _set_table(self, name: str, items: Mapping[str, Any]) -> None:
        old = getattr(self, name)
        items = dict(items)
        if isinstance(old, Members):
            old.release()
        _set(self, name, Members(self, items))

    def _adopt_tables(self) -> None:
        # A subclass with its own `__setstate__` may have put plain dictionaries in place.
        if type(self._modules) is not Members:
            for name in TABLES:
                self._set_table(name, getattr(self, name))

    def __delattr__(self, name: str) -> None:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]
                self._non_persistent_buffers_set.discard(name)
                vars(self).pop(name, None)  # where the table is a plain dictionary
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        names = {*super().__dir__(), *self._parameters, *self._buffers, *self._modules}
        # "0", "1", ... of a container are no attributes one could write.
        return sorted(name for name in names if not name[0].isdigit())

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter.

        ``None`` reserves the name: the module has no such parameter, as a ``Linear`` without bias.
        """
        if not hasattr(self, "_parameters"):
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        check_name("parameter", name)
        if hasattr(self, name) and name not in self._parameters:
            raise KeyError(f"attribute '{name}' already exists")
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{typename(param)}' object to parameter '{name}' "
                    f"({_root()}.nn.Parameter or None required)"
                )
            check_leaf(name, param)
            param = announce("parameter", self, name, param)
        self._adopt_tables()
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a buffer: state that is no parameter. It is left out of ``state_dict`` if it is not ``persistent``."""
        if not hasattr(self, "_buffers"):
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        check_name("buffer", name)
        if hasattr(self, name) and name not in self._buffers:
            raise KeyError(f"attribute '{name}' already exists")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (kagari Tensor or None required)"
            )
        self._adopt_tables()
        self._buffers[name] = announce("buffer", self, name, tensor)
        self._mark_persistent(name, persistent)

    def add_module(self, name: str, module: Module | None) -> None:
        """Adds a child module."""
        if not isinstance(module, Registry) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        check_name("module", name, show=True)
        if hasattr(self, name) and name not in self._modules:
            raise KeyError(f"attribute '{name}' already exists")
        self._adopt_tables()
        self._modules[name] = announce("module", self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """Another name for :meth:`add_module`."""
        self.add_module(name, module)


__all__ = ["NOTED", "PLAIN", "TABLES", "Registry"]
