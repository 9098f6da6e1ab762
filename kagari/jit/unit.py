"""Functions of scripts that are given as text."""

from __future__ import annotations

import ast
from typing import Any

from .frontend import Source
from .function import ScriptFunction
from .ir import Value
from .loading import Definitions, LoadedWorld
from .sugar import Called, Sugar
from .types import Method


class CompilationUnit:
    """Functions in the language of scripts, from text, as attributes. The text is compiled and never run as Python.

    Raises RuntimeError for what is none of the language.

    >>> import kagari as torch
    >>> unit = torch.jit.CompilationUnit('''
    ... def double(x: Tensor) -> Tensor:
    ...     return x * 2
    ... def fourfold(x: Tensor) -> Tensor:
    ...     return double(double(x))
    ... ''')
    >>> unit.fourfold(torch.ones(2))
    tensor([4., 4.])
    """

    def __init__(self, lang: str | None = None, _frames_up: int = 0) -> None:
        self._functions: dict[str, Method] = {}
        if lang is not None:
            self.define(lang)

    def define(self, lang: str, rcb: Any = None, _frames_up: int = 0) -> None:
        """Adds the functions of a text."""
        source = Source(lang, "<string>", 1, 0)
        world = _UnitWorld(self._functions)
        added = []
        for node in ast.parse(lang).body:
            if not isinstance(node, ast.FunctionDef):
                raise RuntimeError("a compilation unit has functions alone")
            added.append(world.loaded.method(node.name, node, None, source, world))
            self._functions[node.name] = added[-1]
        for method in added:
            _ = method.graph

    def __getattr__(self, name: str) -> ScriptFunction:
        if name.startswith("__") or name not in self._functions:
            raise AttributeError(f"'CompilationUnit' has no attribute '{name}'")
        return ScriptFunction(self._functions[name])


class _UnitWorld(LoadedWorld):
    """What names mean in a unit: its own functions, too."""

    def __init__(self, functions: dict[str, Method]) -> None:
        super().__init__(Definitions())
        self.functions = functions

    def name(self, name: str, emitter: Any, node: ast.AST) -> Value | Sugar | None:
        """What a name stands for; None for an unknown one."""
        if name in self.functions:
            return Called(self.functions[name])
        return super().name(name, emitter, node)


__all__ = ["CompilationUnit"]
