"""Reading programs: the text of an archive is compiled as that of a script is, and none of it is run as Python.

What it may name are operators, the classes and functions of the archive, and its constants. Objects are made by the
reader of pickles that calls nothing (`serialization/unpickle.py`).
"""

from __future__ import annotations

import ast
import enum
import os
import pickle
from collections import namedtuple
from typing import IO, Any

from ..eager import Tensor
from ..nn import Parameter
from ..serialization.archive import Reader, seekable
from ..serialization.load import ArchiveStorages
from ..serialization.storages import MapLocation
from ..serialization.unpickle import SafeUnpickler
from . import types
from .actions import ScriptObject, new_object
from .annotations import annotate
from .calls import REQUIRED
from .compiling import compiled_body
from .frontend import ScriptError, Source
from .function import RecursiveScriptModule
from .futures import fork
from .ir import Graph, Value
from .special import Compiler, UncheckedCast, Uninitialized
from .sugar import Builtin, Called, Made, Static, Sugar
from .types import Class, Method, Type

_TYPES: dict[str, Type] = {
    "Tensor": types.Tensor, "int": types.Int, "float": types.Float, "complex": types.Complex, "bool": types.Bool,
    "str": types.Str, "NoneType": types.Nothing, "number": types.Number, "Device": types.Device,
    "Any": types.Anything, "AnyEnumType": types.Anything, "Generator": types.Generator,
}  # fmt: skip
_NAMES: dict[str, Any] = {
    "annotate": annotate, "unchecked_cast": UncheckedCast, "uninitialized": Uninitialized, "int": int,
    "float": float, "bool": bool, "complex": complex, "str": str, "print": print, "range": range,
    "isinstance": isinstance, "getattr": getattr, "fork": fork, "sorted": sorted,
}  # fmt: skip
_RESERVED = frozenset((*dir(RecursiveScriptModule(Class(""))), "_forward", "_original")) - {"training"}
_NUMBERS = {"inf": float("inf"), "nan": float("nan")}


class Space:
    """What `torch`, `ops` and `__torch__` are in a stored program: `kind` and the names so far."""

    def __init__(self, kind: str, path: str = "") -> None:
        self.kind, self.path = kind, path


class Definitions:
    """Functions and classes that programs may name; none, unless a subclass knows some."""

    constants: tuple[Any, ...] = ()

    def find(self, name: str) -> Any:
        """A class or a function by its name; None where there is none."""
        return None

    def is_space(self, path: str) -> bool:
        """Whether names go on behind this one."""
        return False

    def method(
        self, name: str, node: ast.FunctionDef, owner: Class | None, source: Source, world: LoadedWorld
    ) -> Method:
        """A function, whose graph is made when it is asked for."""
        parameters = node.args.args if owner is None else node.args.args[1:]
        defaults: list[Any] = [REQUIRED] * (len(parameters) - len(node.args.defaults))
        defaults += [_literal(d, source) for d in node.args.defaults]
        arguments = [
            (p.arg, types.Tensor if p.annotation is None else world.annotation(p.annotation, source), default)
            for p, default in zip(parameters, defaults)
        ]
        returns = None if node.returns is None else world.annotation(node.returns, source)
        method = Method(name, arguments, returns)

        def build() -> Graph:
            graph = Graph()
            compiler = Compiler(source, graph, world)
            if owner is not None:
                own = node.args.args[0].arg
                compiler.frame.names[own] = graph.add_param(owner, own)
            compiled_body(compiler, method, node.body, node)
            return graph

        method.build = build
        return method


class Loaded(Definitions):
    """The classes and functions of an archive, compiled when they are asked for."""

    def __init__(self, reader: Reader, map_location: MapLocation) -> None:
        self.reader = reader
        self.known: dict[str, Any] = {}
        self.trees: dict[str, tuple[dict[str, ast.stmt], Source]] = {}
        storages = ArchiveStorages(reader, map_location, folder="constants")
        if reader.has("constants.pkl"):
            self.constants = tuple(_Unpickler(reader.read("constants.pkl"), storages.load, self).load())

    def find(self, name: str) -> Any:
        """A class or a function by its name; None where there is none."""
        if name in self.known:
            return self.known[name]
        space, _, short = name.rpartition(".")
        definitions, source = self._tree(space)
        node = definitions.get(short)
        if isinstance(node, ast.ClassDef):
            return self._class(name, node, source)
        if isinstance(node, ast.FunctionDef):
            method = self.known[name] = self.method(name, node, None, source, LoadedWorld(self))
            return method
        return None

    def compile(self) -> None:
        """Compiles all that was asked for, and what that asks for. Raises for what is none of the script language."""
        done: set[str] = set()
        while waiting := [name for name in self.known if name not in done]:
            for name in waiting:
                found = self.known[name]
                done.add(name)
                for method in found.methods.values() if isinstance(found, Class) else [found]:
                    _ = method.graph if isinstance(method, Method) and method.build is not None else None

    def is_space(self, path: str) -> bool:
        """Whether names go on behind this one."""
        start = f"code/{path.replace('.', '/')}"
        return any(n == f"{start}.py" or n.startswith(f"{start}/") for n in self.reader.names())

    def _tree(self, space: str) -> tuple[dict[str, ast.stmt], Source]:
        if space not in self.trees:
            path = f"code/{space.replace('.', '/')}.py"
            text = self.reader.read(path).decode() if self.reader.has(path) else ""
            try:
                body = ast.parse(text).body
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                raise RuntimeError(f"{self.reader.name} is damaged: {path} is no program ({error})") from error
            found = {n.name: n for n in body if isinstance(n, ast.ClassDef | ast.FunctionDef)}
            self.trees[space] = ({**found}, Source(text, path, 1, 0))
        return self.trees[space]

    def _class(self, name: str, node: ast.ClassDef, source: Source) -> Any:
        base = node.bases[0].id if node.bases and isinstance(node.bases[0], ast.Name) else ""
        if base == "Enum":
            return self._enum(name, node, source)
        if base == "NamedTuple":
            return self._named_tuple(name, node, source)
        if base not in ("Module", "Interface", ""):
            raise RuntimeError(f"{self.reader.name} has a class {name} of an unknown kind, {base}")
        kind = self.known[name] = Class(name, is_module=base == "Module")
        kind.is_interface = base == "Interface"
        world = LoadedWorld(self)
        for part in node.body:
            if isinstance(part, ast.FunctionDef):
                kind.methods[part.name] = self.method(part.name, part, kind, source, world)
            elif isinstance(part, ast.Assign | ast.AnnAssign):
                self._member(kind, part, world, source)
            elif not isinstance(part, ast.Pass):
                raise ScriptError("this can't be part of a stored class", source, part)
        return kind

    def _member(self, kind: Class, node: ast.Assign | ast.AnnAssign, world: LoadedWorld, source: Source) -> None:
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        if isinstance(node, ast.AnnAssign) and isinstance(target, ast.Name):
            _check_name(target.id, source, node)
            if node.value is not None:
                kind.constants[target.id] = _literal(node.value, source)
            else:
                kind.attributes[target.id] = world.annotation(node.annotation, source)
        elif isinstance(target, ast.Name) and target.id in ("__parameters__", "__buffers__") and node.value is not None:
            found = [n for n in _literal(node.value, source) if isinstance(n, str)]
            setattr(kind, target.id.strip("_"), found)
        elif isinstance(target, ast.Subscript) and node.value is not None:  # __annotations__["0"] = T
            name = _literal(target.slice, source)
            _check_name(name, source, node)
            kind.attributes[name] = world.annotation(node.value, source)
        elif not (isinstance(target, ast.Name) and target.id.startswith("__")):
            raise ScriptError("this can't be part of a stored class", source, node)

    def _enum(self, name: str, node: ast.ClassDef, source: Source) -> types.Enum:
        members = {}
        for part in node.body:
            if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name):
                _check_name(part.targets[0].id, source, part)
                members[part.targets[0].id] = _literal(part.value, source)
        python = enum.Enum(name.rpartition(".")[2], members)  # type: ignore[misc]
        value = types.Str if all(isinstance(v, str) for v in members.values()) else types.Int
        if any(isinstance(v, float) for v in members.values()):
            value = types.Float
        found = self.known[name] = types.Enum(name, value, python)
        return found

    def _named_tuple(self, name: str, node: ast.ClassDef, source: Source) -> types.Tuple:
        world = LoadedWorld(self)
        fields = [p for p in node.body if isinstance(p, ast.AnnAssign) and isinstance(p.target, ast.Name)]
        names = tuple(p.target.id for p in fields if isinstance(p.target, ast.Name))
        for field_name, part in zip(names, fields):
            _check_name(field_name, source, part)
        elements = tuple(world.annotation(p.annotation, source) for p in fields)
        python = namedtuple(name.rpartition(".")[2], names, rename=True)  # type: ignore[misc]
        found = self.known[name] = types.Tuple(elements, name, names, python)
        return found


def _check_name(name: Any, source: Source, node: ast.AST) -> None:
    """Raises ScriptError for a name of an attribute that Python itself has a use for."""
    if not isinstance(name, str) or name.startswith("__") or name in _RESERVED:
        raise ScriptError(f"the name {name!r} can't be that of an attribute", source, node)


def _literal(node: ast.expr, source: Source) -> Any:
    """A constant. Raises ScriptError for anything else."""
    if isinstance(node, ast.Name) and node.id in _NUMBERS:
        return _NUMBERS[node.id]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "annotate":
        return _literal(node.args[1], source)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError) as error:
        raise ScriptError("expected a constant", source, node) from error


class LoadedWorld:
    """What the names of a stored program mean."""

    has_inner_functions = True

    def __init__(self, loaded: Definitions) -> None:
        self.loaded = loaded

    def name(self, name: str, emitter: Any, node: ast.AST) -> Value | Sugar | None:
        """What a name stands for; None for an unknown one."""
        if name in ("torch", "ops", "__torch__", "CONSTANTS"):
            return Static(Space(name, name if name == "__torch__" else ""))
        if name in _NUMBERS:
            found: Value = emitter.constant(_NUMBERS[name], node)
            return found
        if name in _NAMES:
            return Static(_NAMES[name])
        return Static(_TYPES[name]) if name in _TYPES else None

    def result_of(self, function: Any) -> Type:
        """Stored programs call no functions of Python."""
        raise NotImplementedError

    def type_at(self, found: Any) -> Type | None:
        """The type that an object stands for; None for what is no type."""
        return found if isinstance(found, Type) else None

    def annotation(self, node: ast.expr, source: Source) -> Type:
        """The type that an annotation writes. Raises ScriptError for what is none."""
        if isinstance(node, ast.Constant) and node.value is None:
            return types.Nothing
        if isinstance(node, ast.Name) and node.id in _TYPES:
            return _TYPES[node.id]
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            return self._generic(node.value.id, node, source)
        path = _dotted(node)
        found = self.loaded.find(path) if path.startswith("__torch__.") else None
        if isinstance(found, Type):
            return found
        raise ScriptError(f"Unknown type name '{ast.unparse(node)}'", source, node)

    def _generic(self, name: str, node: ast.Subscript, source: Source) -> Type:
        inside = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        if name == "Tuple" and len(inside) == 1 and isinstance(inside[0], ast.Tuple) and not inside[0].elts:
            return types.Tuple(())
        parts = [self.annotation(part, source) for part in inside]
        if name == "Tuple":
            return types.Tuple(tuple(parts))
        if name == "Dict" and len(parts) == 2:
            return types.Dict(parts[0], parts[1])
        if name in ("List", "Optional", "Future", "Final") and len(parts) == 1:
            made = {"List": types.List, "Optional": types.optional, "Future": types.Future, "Final": lambda t: t}
            found: Type = made[name](parts[0])
            return found
        raise ScriptError(f"Unknown type constructor {name}", source, node)

    def attribute(self, owner: Any, name: str, emitter: Any, node: ast.AST) -> Value | Sugar | None:
        """What stands behind a point: an operator, a constant, a class or a function."""
        if isinstance(owner, types.Enum):
            return emitter.constant(owner.python[name], node, owner) if name in owner.python.__members__ else None
        if not isinstance(owner, Space):
            return None
        if owner.kind == "torch":
            return Builtin(f"aten::{name}")
        if owner.kind == "ops":
            return Builtin(f"{owner.path}::{name}") if owner.path else Static(Space("ops", name))
        if owner.kind == "CONSTANTS":
            return self._constant(name, emitter, node)
        path = f"{owner.path}.{name}"
        found = self.loaded.find(path)
        if isinstance(found, Method):
            return Called(found)
        if isinstance(found, Class):
            return Made(found)
        if found is not None:
            return Static(found)
        return Static(Space("__torch__", path)) if self.loaded.is_space(path) else None

    def _constant(self, name: str, emitter: Any, node: ast.AST) -> Value | None:
        at = int(name[1:]) if name[:1] == "c" and name[1:].isdigit() else -1
        if not 0 <= at < len(self.loaded.constants):
            return None
        constant = self.loaded.constants[at]
        made: Value = emitter.constant(constant, node, types.Tensor if isinstance(constant, Tensor) else None)
        return made

    def call(self, function: Any, args: list[Any], kwargs: dict[str, Any], emitter: Any, node: ast.AST) -> Any:
        """A call of a class: a named tuple."""
        if isinstance(function, types.Tuple):
            values = [emitter.as_value(a, node) for a in args]
            return emitter.emit("prim::TupleConstruct", values, (function,), node).output
        return emitter.fail("this can't be called in a stored program", node)

    def member(self, owner: Value, name: str, emitter: Any, node: ast.AST) -> Value | Sugar | None:
        """Modules of a stored program have what their classes have."""
        return None


def _dotted(node: ast.expr) -> str:
    """The names of a chain of attributes; an empty text for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


# Objects


class _Unpickler(SafeUnpickler):
    """Reads objects of the archive's classes."""

    def __init__(self, data: bytes, persistent_load: Any, loaded: Loaded) -> None:
        super().__init__(data, persistent_load)
        self.loaded = loaded

    def name(self, module: str, name: str) -> None:
        """Puts a class of the archive, or what builds a list, on the stack."""
        if module == "torch.jit._pickle" and (name == "restore_type_tag" or name.startswith("build_")):
            self.stack.append(_contents)
        elif module == "__torch__" or module.startswith("__torch__."):
            found = self.loaded.find(f"{module}.{name}")
            if not isinstance(found, Class):
                raise pickle.UnpicklingError(f"the file has no class {module}.{name}")
            self.stack.append(found)
        else:
            super().name(module, name)

    def reduce(self) -> None:
        """A call; what builds a list gives it as it is."""
        if self.stack[-2] is _contents:
            arguments = self.stack.pop()
            self.stack[-1] = arguments[0]
        else:
            super().reduce()

    def newobj(self) -> None:
        """A new object of a class."""
        self.stack.pop()
        kind = self.stack.pop()
        if not isinstance(kind, Class):
            raise pickle.UnpicklingError("making an object of what is no class of the program is not allowed")
        self.stack.append(RecursiveScriptModule(kind) if kind.is_module else new_object(kind))

    def build(self) -> None:
        """Sets the attributes of an object."""
        state, made = self.stack.pop(), self.stack[-1]
        if not isinstance(made, RecursiveScriptModule | ScriptObject) or not isinstance(state, dict):
            raise pickle.UnpicklingError("setting the state of what is no object of the program is not allowed")
        _fill(made, state)


def _contents() -> None:
    """Stands for the functions that give containers their types, which the program says, too."""


def _fill(made: Any, state: dict[str, Any]) -> None:
    kind: Class = made._script_type
    for name, value in state.items():
        if name not in kind.attributes:
            raise pickle.UnpicklingError(f"the class {kind.name} has no attribute {name!r}")
        if not isinstance(made, RecursiveScriptModule):
            setattr(made, name, value)
        elif isinstance(value, RecursiveScriptModule):
            made.add_module(name, value)
        elif name in kind.parameters:
            found = value if value is None else Parameter(value.detach(), value.requires_grad)
            made.register_parameter(name, found)
        elif name in kind.buffers:
            made.register_buffer(name, value)
        else:
            object.__setattr__(made, name, value)


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: MapLocation = None,
    _extra_files: dict[str, Any] | None = None,
    _restore_shapes: bool = False,
) -> Any:
    """Loads a program that :func:`save`, or PyTorch's, has written.

    Nothing of the file is run as Python: its text is compiled in the language of scripts. Raises RuntimeError for what
    is damaged or no such file, and for operators that are not there.

    Args:
        f: a path, or a file opened for reading in binary mode
        map_location: where the tensors shall lie, as :func:`kagari.load` has it
        _extra_files: a dictionary whose keys name further files; their contents are put in
        _restore_shapes (bool): accepted as PyTorch has it

    >>> import io, kagari as torch
    >>> def f(x, n: int):
    ...     for i in range(n):
    ...         x = x * 2
    ...     return x
    >>> file = io.BytesIO(torch.jit.script(f).save_to_buffer())
    >>> torch.jit.load(file)(torch.ones(2), 3)
    tensor([8., 8.])
    """
    if isinstance(f, str | os.PathLike):
        path = os.fspath(f)
        if not os.path.exists(path):
            raise ValueError(f"The provided filename {path} does not exist")
        if os.path.isdir(path):
            raise ValueError(f"The provided filename {path} is a directory")
        with open(path, "rb") as file:
            return _read(file, path, map_location, _extra_files)
    return _read(seekable(f), "the file", map_location, _extra_files)


def _read(file: IO[bytes], name: str, map_location: MapLocation, extra: dict[str, Any] | None) -> Any:
    reader = Reader(file, name, program=True)
    if not reader.has("constants.pkl"):
        raise RuntimeError(f"{name} has no constants.pkl: it is no program that jit.save() wrote")
    if extra is not None:
        extra.update({key: reader.read(f"extra/{key}") if reader.has(f"extra/{key}") else b"" for key in extra})
    loaded = Loaded(reader, map_location)
    storages = ArchiveStorages(reader, map_location)
    found = _Unpickler(reader.read("data.pkl"), storages.load, loaded).load()
    if not isinstance(found, RecursiveScriptModule):
        raise RuntimeError(f"{name} is damaged: it has no module")
    loaded.compile()
    return found


__all__ = ["Definitions", "Loaded", "LoadedWorld", "load"]
