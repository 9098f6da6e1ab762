"""A module in two parts, for two threads to compile at once.

Generated code is a few long functions or many short ones, each compiled for itself. A part has some of them, as much
text as the other, and declares those it has not: what was the module's own is hidden, so that calls between the parts
are as direct as they were within one. Constants are in both parts, variables in the first.
"""

from __future__ import annotations

import re

_LEAST = 20_000  # characters: a shorter text is compiled in the time that a second module takes to set up
_FUNCTION = re.compile(r"^define (internal )?([^\n@]*)@([\w.]+)(\([^\n]*?\))([^\n()]*)\{\n.*?^\}\n", re.M | re.S)
_VARIABLE = re.compile(r"^(@\w+ = )global (\[\d+ x \w+\]) zeroinitializer", re.M)


def halves(text: str) -> tuple[str, ...]:
    """The two parts of a module; the module as it is where that is not worth it."""
    functions = list(_FUNCTION.finditer(text))
    if len(text) < _LEAST or len(functions) < 2:
        return (text,)
    parts: tuple[list[re.Match[str]], ...] = ([], [])
    sizes = [0, 0]
    for function in sorted(functions, key=lambda f: len(f[0]), reverse=True):
        shorter = sizes.index(min(sizes))
        parts[shorter].append(function)
        sizes[shorter] += len(function[0])
    rest = _FUNCTION.sub("", text)
    first, second = (_part(mine, others) for mine, others in (parts, parts[::-1]))
    return rest + first, _VARIABLE.sub(r"\1external global \2", rest) + second


def _part(mine: list[re.Match[str]], others: list[re.Match[str]]) -> str:
    lines = [
        f"declare {'hidden ' if own else ''}{kind}@{name}{params}\n" for own, kind, name, params in map(_head, others)
    ]
    for function in mine:
        own, kind, name, params = _head(function)
        start = len(f"define {own}{kind}@{name}{params}")
        lines.append(f"define {'hidden ' if own else ''}{kind}@{name}{params}{function[0][start:]}")
    return "".join(lines)


def _head(function: re.Match[str]) -> tuple[str, str, str, str]:
    own, kind, name, params, _ = function.groups()
    return own or "", kind, name, params
