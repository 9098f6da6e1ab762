"""What names outside of a function mean that is compiled from Python."""

from __future__ import annotations

import ast
import enum
import inspect
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from ..eager import Tensor, aten, device
from ..nn import Module
from . import actions, attention_forms, codes, forms, layer_forms, types
from .annotations import IGNORED, UNUSED, is_scripting, is_tracing, mark_of
from .compiling import Definition
from .emitting import type_of
from .frontend import Source, parsed_class
from .futures import fork, wait
from .ir import Value
from .python_types import NoType, home, is_own, mangled, of_annotation, of_object, qualified
from .sugar import Bound, Builtin, Called, Chosen, Ignored, Made, Members, Several, Static, Sugar
from .types import Class, Method, Type

_PACKAGE = __name__.partition(".")[0]
_FORMS = frozenset((forms.__file__, layer_forms.__file__, attention_forms.__file__))
_FUNCTIONS: dict[Any, Method] = {}
_CLASSES: dict[type, Class] = {}


_RENAMED = {"logsigmoid": "log_sigmoid"}  # operators that have another name in stored programs


# Functions


def method_of(function: Callable[..., Any]) -> Method:
    """A function of Python as one of scripts, made once."""
    found = _FUNCTIONS.get(function)
    if found is None:
        definition = Definition(function, None, class_of)
        found = _FUNCTIONS[function] = definition.method(PythonWorld(definition))
    return found


def operator_name(function: Any) -> str | None:
    """The name of the operator that a function of Kagari is; None for all others."""
    if getattr(function, "__self__", None) is not None and not isinstance(function, BuiltinFunctionType):
        return None
    name = getattr(function, "__name__", None)
    if not isinstance(name, str):
        return None
    module = home(function)
    if module == f"{_PACKAGE}.nn.native" and aten.schemas(f"aten::{name}"):
        return f"aten::{name}"
    spaces = {f"{_PACKAGE}.linalg": "linalg_", f"{_PACKAGE}.fft": "fft_"}
    if isinstance(function, BuiltinFunctionType) and name in _RENAMED:
        return f"aten::{_RENAMED[name]}"
    for prefix in (spaces.get(module, ""), ""):
        full = f"aten::{prefix}{name}"
        if aten.schemas(full) and any(found is function for found in actions.functions_named(prefix + name)):
            return full
    if isinstance(function, BuiltinFunctionType) and aten.schemas(f"aten::special_{name}"):
        return f"aten::special_{name}"
    return None


def sugared(found: Any, plain: bool = False) -> Sugar:
    """What an object of Python is in a script; `plain` where native functions are operators and nothing else."""
    method = getattr(found, "_script_method", None)
    if isinstance(method, Method):
        return Called(method)
    if isinstance(found, type):
        return Made(_CLASSES[found]) if found in _CLASSES else Static(found)
    if isinstance(found, BuiltinFunctionType) and found.__module__ in ("builtins", "math"):
        return Static(found)
    if isinstance(found, FunctionType | BuiltinFunctionType):
        return _of_function(found, plain)
    return Static(found)


def _of_function(found: Any, plain: bool) -> Sugar:
    if found in (fork, wait, is_scripting, is_tracing):
        return Static(found)
    name = found.__name__
    module = home(found)
    inside = module.partition(".")[0] == _PACKAGE
    if (inside and module.startswith(f"{_PACKAGE}.nn")) or (
        not plain and name in forms.NATIVE and operator_name(found) is not None
    ):
        if name in forms.CHOICES:
            first, indices, place = forms.CHOICES[name]
            methods = tuple(method_of(forms.FUNCTIONS[n]) for n in (first, indices))
            return Chosen((methods[0], methods[1]), "return_indices", place)
        if name in forms.FUNCTIONS:
            return Called(method_of(forms.FUNCTIONS[name]))
    operator = operator_name(found)
    if operator is not None:
        return Builtin(operator)
    if mark_of(found) in (IGNORED, UNUSED):
        return Ignored(found)
    if isinstance(found, FunctionType) and found.__code__.co_filename in _FORMS:
        return Called(method_of(found))
    original = getattr(found, "_original", found)
    if isinstance(original, FunctionType) and not (inside and not module.startswith(f"{_PACKAGE}.vision")):
        return Called(method_of(original))
    return Static(found)


# Classes


def class_of(cls: type) -> Type | None:
    """The type of a class of scripts; one that was not compiled yet is compiled now. None for what is no such class."""
    if cls in _CLASSES:
        return _CLASSES[cls]
    if is_own(cls) or cls.__module__.partition(".")[0] in ("builtins", "typing", "collections", "numpy"):
        return None
    if issubclass(cls, Module | Tensor | BaseException):
        return None
    return scripted_class(cls)


def known_class(cls: type) -> Type | None:
    """The type of a class that was compiled; None for all others. Attributes are objects of such classes alone."""
    return _CLASSES.get(cls)


def scripted_class(cls: type) -> Class:
    """Compiles a class: its attributes are those that `__init__` sets."""
    if cls in _CLASSES:
        return _CLASSES[cls]
    kind = Class(mangled(qualified(cls)))
    kind.python = cls
    _CLASSES[cls] = kind
    try:
        _fill_class(kind, cls)
    except BaseException:
        del _CLASSES[cls]
        raise
    return kind


def _fill_class(kind: Class, cls: type) -> None:
    tree, _ = parsed_class(cls)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            member = vars(cls)[node.name]
            is_static = isinstance(member, staticmethod)
            if isinstance(member, property):
                _add_property(kind, node.name, member)
                continue
            function = member.__func__ if is_static else member
            definition = Definition(function, kind, class_of)
            method = definition.method(PythonWorld(definition))
            method.name = node.name
            (kind.statics if is_static else kind.methods)[node.name] = method
    if "__init__" in kind.methods:
        kind.methods["__init__"].returns = types.Nothing
        kind.is_open = True
        try:
            _ = kind.methods["__init__"].graph
        finally:
            kind.is_open = False


def _add_property(kind: Class, name: str, member: property) -> None:
    for suffix, function in (("", member.fget), ("setter", member.fset)):
        if function is None:
            continue
        definition = Definition(function, kind, class_of)
        made = definition.method(PythonWorld(definition))
        made.name = f"__{name}_{suffix or 'getter'}"
        kind.methods[made.name] = made
    setter = f"__{name}_setter" if member.fset is not None else None
    kind.properties[name] = (f"__{name}_getter", setter)


# Names


class PythonWorld:
    """What the names of a function of Python mean."""

    has_inner_functions = False

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.plain = definition.function.__code__.co_filename in _FORMS

    def name(self, name: str, emitter: Any, node: ast.AST) -> Value | Sugar | None:
        """What a name stands for; None for an unknown one."""
        names = self.definition.names
        return sugared(names[name], self.plain) if name in names else None

    def annotation(self, node: ast.expr, source: Source) -> Type:
        """The type that an annotation writes."""
        return self.definition.annotation(node, source)

    def result_of(self, function: Any) -> Type:
        """The type of what a function of Python gives: a tensor, unless it says something else."""
        return of_annotation(inspect.signature(function, eval_str=True).return_annotation, class_of)

    def type_at(self, found: Any) -> Type | None:
        """The type that an object stands for; None for what is no type."""
        try:
            return of_annotation(found, class_of)
        except (NoType, TypeError):
            return types.Anything if getattr(found, "__module__", "") == "typing" else None

    def attribute(self, owner: Any, name: str, emitter: Any, node: ast.AST) -> Value | Sugar | None:
        """An attribute of an object of Python."""
        if isinstance(owner, type) and issubclass(owner, enum.Enum) and name in owner.__members__:
            return constant_of(owner[name], emitter, node)
        try:
            return sugared(getattr(owner, name), self.plain)
        except AttributeError:
            is_package = isinstance(owner, ModuleType) and owner.__name__.startswith(_PACKAGE)
            return Builtin(f"aten::{name}") if is_package and aten.schemas(f"aten::{name}") else None

    def call(self, function: Any, args: list[Any], kwargs: dict[str, Any], emitter: Any, node: ast.AST) -> Any:
        """A call of an object of Python: of a class. Raises ScriptError for what scripts can't call."""
        if isinstance(function, Members):
            return function
        if isinstance(function, type):
            if issubclass(function, tuple) and hasattr(function, "_fields"):
                return self._named_tuple(function, args, kwargs, emitter, node)
            kind = class_of(function)
            values = [emitter.as_value(a, node) for a in args]
            if isinstance(kind, Class):
                words = {n: emitter.as_value(a, node) for n, a in kwargs.items()}
                return emitter.make_object(kind, values, words, node)
            if function is device:
                text = values[0]
                if len(values) == 2:
                    text = emitter.call("aten::format", (emitter.constant("{}:{}", node), *values), node)
                return emitter.emit(
                    "aten::device", (text,), (types.Device,), node, aten.schemas("aten::device")[0]
                ).output
        if isinstance(function, BuiltinFunctionType):
            emitter.fail(f"Python builtin {function!r} is currently not supported in Torchscript", node.func)  # type: ignore[attr-defined]
        emitter.fail(f"{getattr(function, '__name__', function)!r} can't be called in a script", node)

    def _named_tuple(self, cls: Any, args: list[Any], kwargs: dict[str, Any], emitter: Any, node: ast.AST) -> Value:
        kind = of_annotation(cls, class_of)
        assert isinstance(kind, types.Tuple)
        given = {**dict(zip(kind.fields, args)), **kwargs}
        values = []
        for name, element in zip(kind.fields, kind.elements):
            if name in given:
                values.append(emitter.as_value(given[name], node))
            elif name in cls._field_defaults:
                values.append(emitter.constant(cls._field_defaults[name], node, element))
            else:
                emitter.fail(f"Argument {name} not provided.", node)
        made: Value = emitter.emit("prim::TupleConstruct", values, (kind,), node).output
        return made

    def member(self, owner: Value, name: str, emitter: Any, node: ast.AST) -> Value | Sugar | None:
        """A member of a module that its type does not have yet: a method of its class, or what a container has."""
        kind = owner.type
        if not isinstance(kind, Class) or not isinstance(kind.python, Module):
            return None
        module = kind.python
        if name in ("[]", "*", "*values", "*items", "*keys"):
            return _of_container(owner, kind, name, emitter, node)
        if name.startswith("?"):
            return Static(name) if hasattr(module, name[1:]) else None
        if name.startswith("super."):
            return _of_super(owner, kind, module, name.removeprefix("super."), emitter, self.definition)
        if name in ("values", "items", "keys", "children", "named_children"):
            which = {"children": "values", "named_children": "items"}.get(name, name)
            return Static(Members(owner, which))
        return _method_of_module(owner, kind, module, name, emitter, node)


def _of_container(owner: Value, kind: Class, name: str, emitter: Any, node: ast.AST) -> Sugar | Value | None:
    """The modules in a container, or one of them."""
    names = [n for n in kind.python._modules if n in kind.attributes]

    def get(one: str) -> Value:
        found: Value = emitter.get_attribute(owner, one, kind.attributes[one], node)
        return found

    if name == "[]":
        index = emitter.value(node.slice)  # type: ignore[attr-defined]
        if not index.is_constant:
            emitter.fail("Unable to extract string literal index. Only constant indices of modules can be used", node)
        key = index.constant
        index.node.remove()
        if isinstance(key, int):
            if not -len(names) <= key < len(names):
                emitter.fail(f"Index {key} is out of range for the {len(names)} modules", node)
            key = names[key]
        return get(key) if key in names else None
    if name == "*keys":
        return Several([emitter.constant(n, node) for n in names])
    if name == "*items":
        return Several([Several([emitter.constant(n, node), get(n)]) for n in names])
    return Several([get(n) for n in names])


def _of_super(
    owner: Value, kind: Class, module: Module, name: str, emitter: Any, definition: Definition
) -> Sugar | None:
    """A method of a base class, compiled under a name of its own."""
    mro = type(module).__mro__
    home = next(
        c
        for c in mro
        if definition.function in vars(c).values()
        or any(getattr(m, "__func__", None) is definition.function for m in vars(c).values())
    )
    for base in mro[mro.index(home) + 1 :]:
        if name in vars(base):
            key = f"__super_{base.__name__}_{name}"
            if key not in kind.methods:
                add_method(kind, vars(base)[name], key)
            return Bound(owner, kind.methods[key])
    return None


def _own_tensors(owner: Value, module: Module, found: list[Tensor], emitter: Any, node: ast.AST) -> Value | None:
    """A list of a module's own parameters, such as the weights of a recurrent network in their order."""
    names = {id(p): name for name, p in module._parameters.items()}
    if not all(id(one) in names for one in found):
        return None
    values = [emitter.get_attribute(owner, names[id(one)], types.Tensor, node) for one in found]
    made: Value = emitter.emit("prim::ListConstruct", values, (types.List(types.Tensor),), node).output
    return made


def _method_of_module(
    owner: Value, kind: Class, module: Module, name: str, emitter: Any, node: ast.AST
) -> Value | Sugar | None:
    if name in kind.methods:
        return Bound(owner, kind.methods[name])
    form = layer_forms.method(type(module), name)
    if form is not None:
        add_method(kind, form, name)
        return Bound(owner, kind.methods[name])
    if not hasattr(type(module), name) and name not in vars(module):
        return None
    found = getattr(module, name)
    mark = mark_of(found)
    if mark in (IGNORED, UNUSED):
        return Ignored(getattr(found, "__func__", found), owner if isinstance(found, MethodType) else None)
    if isinstance(found, MethodType):
        add_method(kind, found.__func__, name)
        return Bound(owner, kind.methods[name])
    if isinstance(found, FunctionType | BuiltinFunctionType):
        return sugared(found)
    if isinstance(found, list) and found and all(isinstance(one, Tensor) for one in found):
        return _own_tensors(owner, module, found, emitter, node)
    if home(type(module)).startswith(f"{_PACKAGE}.nn") and type_of(found) is not None:
        return constant_of(found, emitter, node)
    try:
        of_object(found, known_class)
        reason = "its type is not known"
    except NoType as error:
        reason = str(error)
    return emitter.fail(
        f"Module '{type(module).__name__}' has no attribute '{name}' (This attribute exists on the Python module, but "
        f"we failed to convert Python type: '{type(found).__name__}' to a TorchScript type. {reason}. Its type was "
        "inferred; try adding a type annotation for the attribute.)", node,
    )  # fmt: skip


def add_method(kind: Class, function: Callable[..., Any], name: str) -> Method:
    """Compiles a method of a module's class."""
    definition = Definition(function, kind, class_of)
    method = definition.method(PythonWorld(definition))
    method.name = name
    kind.methods[name] = method
    return method


def constant_of(value: Any, emitter: Any, node: ast.AST) -> Value:
    """A constant of any type that scripts have."""
    number = codes.of_object(value)
    plain = value if number is None else number
    return emitter.constant(plain, node, type_of(plain) or of_object(plain, class_of))


__all__ = ["PythonWorld", "add_method", "class_of", "known_class", "method_of", "scripted_class", "sugared"]
