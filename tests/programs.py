"""Small programs, run on Kagari and on the oracle: what they return, or the error they end with, has to be the same."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

Program = Callable[[Any], Any]


def outcome(program: Program, library: ModuleType) -> Any:
    """What a program returns, without the library it came from; for an error its type and the text's first line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _plain(program(library))
        except Exception as error:
            return type(error).__name__, str(error).split("\n")[0]


def _plain(value: Any) -> Any:
    if hasattr(value, "requires_grad"):
        rounded = [round(x, 4) for x in value.detach().double().reshape(-1).tolist()]
        return str(value.dtype), tuple(value.shape), value.requires_grad, value.is_leaf, rounded
    if isinstance(value, tuple | list):
        return [_plain(x) for x in value]
    return value


def collector() -> tuple[list[Program], Callable[[Program], Program]]:
    """A list, and a decorator that adds programs to it."""
    programs: list[Program] = []

    def add(program: Program) -> Program:
        programs.append(program)
        return program

    return programs, add
