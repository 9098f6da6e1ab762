"""Where a program is while it is traced: its lines, without those that only pass its calls on."""

from __future__ import annotations

import linecache
import sys
from pathlib import Path
from types import FrameType

_PACKAGE = Path(__file__).parents[2]
_HIDDEN = tuple(str(_PACKAGE / name) for name in ("eager", "engine", "fx", "library", "nn/functional", "overrides"))
_MODULE = str(_PACKAGE / "nn" / "module")
_OPERATIONS = tuple(str(_PACKAGE / name) for name in ("autograd/function.py", "eager/applied.py"))
_ENDS = tuple(str(_PACKAGE / name) for name in ("export", "fx/experimental/proxy"))


def _frames() -> list[FrameType]:
    """The frames of the program, the innermost first; those that only pass calls on are left out."""
    found, frame = [], sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_ENDS):
            break
        if not name.startswith((*_HIDDEN, _MODULE, "<")):
            found.append(frame)
        frame = frame.f_back  # type: ignore[assignment]
    return found


def stack() -> str:
    """Where the program is, as tracebacks say it, the innermost line last."""
    lines = []
    for frame in reversed(_frames()):
        code, line = frame.f_code, frame.f_lineno
        source = linecache.getline(code.co_filename, line).strip()
        lines.append(f'  File "{code.co_filename}", line {line}, in {code.co_name}\n    {source}\n')
    return "".join(lines)


def where() -> str:
    """The line of the program that is being run."""
    for frame in _frames():
        source = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}, code: {source}"
    return "an unknown place"


def in_operation() -> bool:
    """Whether the forward of a `torch.autograd.Function` is running: gradients are off in it, and pass all the same."""
    frame = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.startswith(_ENDS):
        if frame.f_code.co_filename in _OPERATIONS:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


__all__ = ["in_operation", "stack", "where"]
