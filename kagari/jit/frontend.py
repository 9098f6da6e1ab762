"""Programs as syntax trees, and errors that show the place in them."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_CONTEXT = 3  # lines that an error shows before its place, that one among them, and after it


@dataclass(frozen=True)
class Source:
    """The text that a tree was read from, and where it stands."""

    text: str
    file: str
    first_line: int  # of the text in the file
    indent: int  # what was taken from the front of each line

    def place(self, node: ast.AST) -> str:
        """Where a node stands, as graphs have it."""
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        return f"{self.file}:{line + self.first_line - 1}:{column + self.indent}"

    def marked(self, node: ast.AST) -> str:
        """The lines around a node, with the node marked."""
        lines = self.text.splitlines()
        first: int = getattr(node, "lineno", 1)
        last: int = getattr(node, "end_lineno", None) or first
        start, stop = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", None) or 1
        shown = [f'  File "{self.file}", line {first + self.first_line - 1}']
        for number in range(max(1, first - _CONTEXT + 1), min(len(lines), last + _CONTEXT) + 1):
            line = " " * self.indent + lines[number - 1]
            shown.append(line)
            if first <= number <= last:
                begin = start if number == first else len(lines[number - 1]) - len(lines[number - 1].lstrip())
                end = stop if number == last else len(lines[number - 1])
                mark = " " * (begin + self.indent) + "~" * max(1, end - begin)
                shown.append(mark + (" <--- HERE" if number == last else ""))
        return "\n".join(shown) + "\n"


class ScriptError(RuntimeError):
    """A program that is none of the script language; the text shows the place."""

    def __init__(self, message: str, source: Source, node: ast.AST) -> None:
        super().__init__(f"\n{message}:\n{source.marked(node)}")


class FrontendError(Exception):
    """A program that can't be read as one of scripts; the text shows the place."""

    def __init__(self, message: str, source: Source, node: ast.AST) -> None:
        super().__init__(f"{message}:\n{source.marked(node)}")


class NotSupportedError(FrontendError):
    """Python that scripts do not have."""


class UnsupportedNodeError(NotSupportedError):
    """A statement or an expression that scripts do not have."""


def parsed(function: Callable[..., Any]) -> tuple[ast.FunctionDef, Source]:
    """The tree of a function's definition. Raises RuntimeError where its source is not to be found."""
    function = inspect.unwrap(function)
    try:
        lines, first = inspect.getsourcelines(function)
        file = inspect.getsourcefile(function) or "<unknown>"
    except (OSError, TypeError) as error:
        raise OSError(
            f"Can't get source for {function}. TorchScript requires source access in order to carry out compilation, "
            "make sure original .py files are available."
        ) from error
    text = "".join(lines)
    plain = textwrap.dedent(text)
    indent = len(text.splitlines()[0]) - len(plain.splitlines()[0])
    source = Source(plain, file, first, indent)
    tree = ast.parse(plain).body
    if len(tree) != 1 or not isinstance(tree[0], ast.FunctionDef):
        raise RuntimeError(
            f"Expected a single top-level function: {file}:{first}. If it is a lambda, write it as a function"
        )
    return tree[0], source


def parsed_class(cls: type) -> tuple[ast.ClassDef, Source]:
    """The tree of a class definition."""
    lines, first = inspect.getsourcelines(cls)
    text = "".join(lines)
    plain = textwrap.dedent(text)
    indent = len(text.splitlines()[0]) - len(plain.splitlines()[0])
    tree = ast.parse(plain).body[0]
    assert isinstance(tree, ast.ClassDef)
    return tree, Source(plain, inspect.getsourcefile(cls) or "<unknown>", first, indent)


__all__ = [
    "FrontendError",
    "NotSupportedError",
    "ScriptError",
    "Source",
    "UnsupportedNodeError",
    "parsed",
    "parsed_class",
]
