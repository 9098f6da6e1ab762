"""A note on an exception that left a module: which module it was, and what it was called with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..eager import Tensor

if TYPE_CHECKING:
    from .module import Module


def _describe(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{str(value.dtype).rpartition('.')[2]}{'(nested)' if value.is_nested else list(value.shape)}"
    return type(value).__name__


def note_failure(module: Module, error: Exception, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Notes on `error` where it happened; called for each module that it passes, from the innermost outwards.

    The innermost module writes the note, every outer one completes the path in it. Nothing is done before there is an
    error.
    """
    noted = vars(error).get("_module_note")
    path: str | None = ""
    if noted is None:
        inputs = [_describe(value) for value in args]
        inputs += [f"{key}={_describe(value)}" for key, value in kwargs.items()]
        noted = module, ", ".join(inputs), len(getattr(error, "__notes__", ()))
        vars(error)["_module_note"] = noted
        error.add_note("")
    else:
        path = next((name for name, child in module.named_modules() if child is noted[0]), None)
    culprit, called_with, position = noted
    if path is None or position >= len(error.__notes__):
        return
    where = f"{type(module).__name__}.{path} ({type(culprit).__name__})" if path else type(module).__name__
    error.__notes__[position] = f"In module {where}, called with ({called_with})"


__all__ = ["note_failure"]
