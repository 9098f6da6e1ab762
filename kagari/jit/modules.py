"""Modules as classes of scripts, and as the modules that run them."""

from __future__ import annotations

import inspect
import typing
from typing import Any

from ..nn import Module
from ..nn.registry import TABLES
from . import layer_forms, types
from .annotations import EXPORTED, Attribute, mark_of
from .function import RecursiveScriptModule, ScriptModule
from .python_types import NoType, is_own, mangled, of_annotation, of_object, qualified
from .types import Class, Type
from .world import add_method, class_of, known_class

# Attributes that every module has, and that are none of its own.
_OWN = frozenset((*TABLES, *vars(Module())))
_HOOK = "_is_full_backward_hook"
_KNOWN: dict[tuple[Any, ...], Class] = {}


def script_type(module: Module) -> Class:
    """The class of a module: modules of equal structure have one."""
    if isinstance(module, ScriptModule):
        return module._script_type
    kind = Class(qualified(type(module)), is_module=True)
    kind.python = module
    hints = _hints(type(module))
    for name, parameter in module._parameters.items():
        kind.attributes[name] = types.Nothing if parameter is None else types.Tensor
        if parameter is not None:
            kind.parameters.append(name)
    for name, buffer in module._buffers.items():
        kind.attributes[name] = hints.get(name) or (types.Nothing if buffer is None else types.Tensor)
        if buffer is not None:
            kind.buffers.append(name)
    kind.attributes["training"] = types.Bool
    kind.attributes[_HOOK] = types.Nothing
    _plain_attributes(kind, module, hints)
    for name, child in module._modules.items():
        kind.attributes[name] = types.Nothing if child is None else script_type(child)
    key = (type(module), tuple(kind.attributes.items()), repr(sorted(kind.constants.items())), tuple(kind.parameters))
    known = _KNOWN.get(key)
    if known is not None:
        return known
    _KNOWN[key] = kind
    kind.name = mangled(kind.name)
    return kind


def _hints(cls: type) -> dict[str, Type]:
    """The types that a class says its attributes have."""
    found: dict[str, Type] = {}
    if is_own(cls):
        return found
    try:
        hints = typing.get_type_hints(cls)
    except (NameError, TypeError, AttributeError):
        return found
    for name, hint in hints.items():
        if typing.get_origin(hint) is typing.Final or hint is typing.Final:
            continue
        try:
            found[name] = of_annotation(hint, class_of)
        except NoType:
            continue
    return found


def _constants(module: Module) -> set[str]:
    """The attributes of a module that never change: those it says so of, and those of the layers of this package."""
    cls = type(module)
    found = {*getattr(cls, "__constants__", ())}
    for base in cls.__mro__:
        for name, hint in inspect.get_annotations(base).items():
            if typing.get_origin(hint) is typing.Final or hint is typing.Final or "Final" in str(hint):
                found.add(name)
    if is_own(cls):
        found |= {name for name in vars(module) if name not in _OWN}
    return found


def _plain_attributes(kind: Class, module: Module, hints: dict[str, Type]) -> None:
    constants = _constants(module)
    members = {*module._parameters, *module._buffers, *module._modules}
    for name, value in vars(module).items():
        if name in _OWN or name in members or isinstance(value, Module):
            continue
        if isinstance(value, Attribute):
            kind.attributes[name] = of_annotation(value.type, class_of)
            continue
        try:
            found = hints.get(name) or of_object(value, known_class)
        except NoType:
            continue
        if name in constants and name not in hints:
            kind.constants[name] = list(value) if isinstance(value, list) else value
        else:
            kind.attributes[name] = found


def scripted(module: Module) -> ScriptModule:
    """The module as one whose methods are graphs. It shares parameters and buffers with the original."""
    if isinstance(module, ScriptModule):
        return module
    kind = script_type(module)
    made = RecursiveScriptModule(kind)
    fill(made, module)
    _compile(kind, module)
    return made


def fill(made: ScriptModule, module: Module, child: Any = None) -> None:
    """Gives a script's module the members and attributes of the original."""
    for name, parameter in module._parameters.items():
        made.register_parameter(name, parameter)
    for name, buffer in module._buffers.items():
        made.register_buffer(name, buffer, name not in module._non_persistent_buffers_set)
    for name in made._script_type.attributes:
        if name in vars(module) and name not in (*module._parameters, *module._buffers, *module._modules):
            value = vars(module)[name]
            object.__setattr__(made, name, value.value if isinstance(value, Attribute) else value)
    object.__setattr__(made, "training", module.training)
    object.__setattr__(made, "_original", module)
    for name, inner in module._modules.items():
        made.add_module(name, None if inner is None else (child or scripted)(inner))


def _compile(kind: Class, module: Module) -> None:
    """Compiles `forward` and the methods that are to be there besides."""
    names = [n for n in dir(type(module)) if mark_of(getattr(type(module), n, None)) == EXPORTED]
    forward = type(module).forward
    if forward is not Module.forward:
        names.insert(0, "forward")
    for name in names:
        if name not in kind.methods:
            add_method(kind, layer_forms.method(type(module), name) or getattr(type(module), name), name)
    for name in names:
        _ = kind.methods[name].graph


__all__ = ["fill", "script_type", "scripted"]
