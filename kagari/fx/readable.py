"""Generated code for readers: with the dtypes and shapes of values, and the lines of the program that compute them."""

from __future__ import annotations

import re
from typing import Any

from ..eager import Tensor
from .codegen import Writer
from .node import Node

SHORT = {
    "float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16", "complex64": "c64", "complex128": "c128",
    "complex32": "c32", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "uint8": "u8", "bool": "b8",
    "uint16": "u16", "uint32": "u32", "uint64": "u64", "float8_e4m3fn": "f8e4m3fn", "float8_e5m2": "f8e5m2",
    "float8_e4m3fnuz": "f8e4m3fnuz", "float8_e5m2fnuz": "f8e5m2fnuz",
}  # fmt: skip
_PLACE = re.compile(r'  File "(?P<file>.*)", line (?P<line>\d+), in (?P<name>.*)\n    (?P<code>.*)\n?$')


def described(node: Node) -> str:
    """The dtype and shape of what a node gives: `f32[2, 3]`; of a size its expression; of other things nothing."""
    value: Any = node.meta.get("val")
    if isinstance(value, Tensor):
        sizes = node.meta.get("shape", tuple(value.shape))
        return f"{SHORT[str(value.dtype).removeprefix('torch.')]}[{', '.join(map(str, sizes))}]"
    return f"Sym({value})" if isinstance(value, int | float) and not isinstance(value, bool) else ""


class Readable(Writer):
    """Writes a graph for readers."""

    _before = ""

    def noted(self, node: Node) -> str:
        """The dtype and shape of a value."""
        found = described(node)
        return f': "{found}"' if found else ""

    def write(self, node: Node, ended: list[str]) -> None:
        """The line of a node, with a line of the program in front where that is another one than before."""
        if node.op not in ("placeholder", "output"):
            place = self._place(node)
            if place != self._before:
                self.body += ["", place] if self.body else [place]
                self._before = place
        super().write(node, ended)

    def _place(self, node: Node) -> str:
        trace = node.stack_trace or ""
        found = _PLACE.search(trace[trace.rfind("  File ") :]) if trace else None
        if found is None:
            return "# No stacktrace found for following nodes"
        return f"# File: {found['file']}:{found['line']} in {found['name']}, code: {found['code']}"


__all__ = ["Readable", "described"]
