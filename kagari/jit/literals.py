"""Constants in programs, in the form in which PyTorch writes them."""

from __future__ import annotations

import math
from typing import Any

from . import types
from .types import Method, Type


class Constants:
    """The tensors that are constants of programs: `CONSTANTS.c0` and so on."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def place(self, value: Any) -> int:
        """The number of a constant."""
        for at, known in enumerate(self.values):
            if known is value:
                return at
        self.values.append(value)
        return len(self.values) - 1

    def __getattr__(self, name: str) -> Any:
        if name[:1] == "c" and name[1:].isdigit() and int(name[1:]) < len(self.values):
            return self.values[int(name[1:])]
        raise AttributeError(name)


def literal(value: Any, kind: Type, constants: Constants) -> str:
    """A constant in a program."""
    if value is None:
        return f"annotate({kind}, None)" if isinstance(kind, types.Optional) else "None"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, complex):
        return f"{number(value.real)}+{number(value.imag)}j"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        if not value:
            return f"annotate({kind}, [])"
        inside = kind.element if isinstance(kind, types.List) else types.Int
        return f"[{', '.join(literal(v, inside, constants) for v in value)}]"
    if isinstance(value, tuple):
        parts = [literal(v, t, constants) for v, t in zip(value, kind.parts())]
        return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"
    if isinstance(kind, types.Enum):
        return f"{kind}.{value.name}"
    if kind == types.Device:
        return f"torch.device({quoted(str(value))})"
    if isinstance(value, Method):
        return value.name
    return f"CONSTANTS.c{constants.place(value)}"


def number(value: float) -> str:
    """A float with all digits that tell it from others."""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    text = f"{value:.17g}"
    return text if any(c in text for c in ".e") else f"{text}."


def quoted(text: str) -> str:
    """Text in quotation marks."""
    special = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r",
               "\t": "\\t", "\v": "\\v"}  # fmt: skip
    encoded = text.encode()
    parts = [special.get(chr(b)) or (chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in encoded]
    return '"' + "".join(parts) + '"'


__all__ = ["Constants", "literal", "number", "quoted"]
