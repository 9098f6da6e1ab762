"""A module in two parts, for two threads to compile at once.

Generated code is a few long functions or many short ones, each compiled for itself. A part has some of them, as much
text as the other, and declares those it has not: what was the module's own is hidden, so that calls between the parts
are as direct as they were within one. Constants are in both parts; variables, which are arrays of words (native.py),
in the first.
"""

from __future__ import annotations

import re

_LEAST = 20_000  # characters: a shorter text is compiled in the time that a second module takes to set up
_FUNCTION = re.compile(r"^define (internal )?([^\n@]*@[\w.]+\([^\n]*?\))[^\n()]*\{\n.*?^\}\n", re.M | re.S)
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
    declared = [f"declare {'hidden ' if other[1] else ''}{other[2]}\n" for other in others]
    return "".join([*declared, *(one[0].replace("define internal ", "define hidden ", 1) for one in mine)])
