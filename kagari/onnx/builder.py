"""Making an ONNX graph: its nodes, constants and values. The library `onnx` is opened here."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.dtypes import dtype, int64
from ..eager import Tensor
from ..fx.node import Node

TYPES = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9, "float16": 10,
    "float64": 11, "uint32": 12, "uint64": 13, "complex64": 14, "complex128": 15, "bfloat16": 16,
}  # fmt: skip
"""The numbers that ONNX has for dtypes."""


def library(part: str = "") -> Any:
    """The library, or a module of it. Raises ModuleNotFoundError where it is missing."""
    try:
        return importlib.import_module(f"onnx.{part}".rstrip("."))
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "torch.onnx needs the library onnx: pip install 'kagari[onnx]'", name=error.name
        ) from error


class OnnxExporterError(RuntimeError):
    """A program that has no form in ONNX."""


class UnsupportedOperatorError(OnnxExporterError, NotImplementedError):
    """An operator that has no form in ONNX here."""


def number(dt: dtype) -> int:
    """ONNX's number of a dtype."""
    return TYPES[str(dt).removeprefix("torch.")]


@dataclass(frozen=True)
class Val:
    """A value of an ONNX graph: its name, its dtype, and its sizes, which are numbers or expressions."""

    name: str
    dtype: dtype
    shape: tuple[Any, ...]

    @property
    def rank(self) -> int:
        """How many dimensions it has."""
        return len(self.shape)


class Builder:
    """The graph that is being made."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}
        self.result: Any = None
        self._numbers: dict[Any, str] = {}
        self._count = 0

    def name(self, like: str) -> str:
        """A name that nothing has yet."""
        self._count += 1
        return f"{like}/{self._count}"  # the program's own names have no slash

    def op(self, kind: str, *inputs: Val | str | None, outputs: int = 1, **attributes: Any) -> Any:
        """Adds a node; gives the name of its output, or a list of them."""
        names = [self.name(kind.lower()) for _ in range(outputs)]
        given = ["" if i is None else i.name if isinstance(i, Val) else i for i in inputs]
        while given and not given[-1]:
            given.pop()
        settings = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(library("helper").make_node(kind, given, names, name=self.name("node"), **settings))
        return names[0] if outputs == 1 else names

    def made(self, name: str, like: Tensor | None = None) -> Val:
        """A value that is the result of the operator, or is like another tensor."""
        meta = self.result if like is None else like
        return Val(name, meta.dtype, tuple(meta.shape))

    def emit(self, kind: str, *inputs: Val | str | None, **attributes: Any) -> Val:
        """Adds a node whose output is the result of the operator."""
        return self.made(self.op(kind, *inputs, **attributes))

    def array(self, value: Any, dt: dtype | None = None) -> str:
        """A constant."""
        data = np.asarray(value, None if dt is None else numpy_dtype(dt))
        key = (data.tobytes(), data.dtype.str, data.shape)
        if key not in self._numbers:
            self._numbers[key] = self.name("constant")
            self.constants[self._numbers[key]] = data
        return self._numbers[key]

    def to(self, value: Any, dt: dtype) -> Val:
        """A value or number as a tensor of a dtype."""
        if not isinstance(value, Val):
            return Val(self.array(value, dt), dt, ())
        return value if value.dtype is dt else Val(self.op("Cast", value, to=number(dt)), dt, value.shape)

    def ints(self, values: Sequence[Any]) -> str:
        """Sizes as a tensor of one dimension; some may be values."""
        if all(isinstance(v, int) for v in values):
            return self.array(list(values), int64)
        parts = [self.array([v], int64) if isinstance(v, int) else self.vector(v) for v in values]
        joined: str = self.op("Concat", *parts, axis=0)
        return joined

    def vector(self, value: Any) -> str:
        """A number as a tensor of one dimension."""
        if isinstance(value, int):
            return self.array([value], int64)
        made: str = self.op("Reshape", self.to(value, int64), self.array([1], int64))
        return made

    def shape(self, value: Val) -> str:
        """The sizes of a value."""
        if all(isinstance(n, int) for n in value.shape):
            return self.array(list(value.shape), int64)
        made: str = self.op("Shape", value)
        return made


def numpy_dtype(dt: dtype) -> Any:
    """NumPy's dtype for one; bfloat16 is ml_dtypes'."""
    name = str(dt).removeprefix("torch.")
    return np.dtype(importlib.import_module("ml_dtypes").bfloat16) if name == "bfloat16" else np.dtype(name)


Translate = Callable[..., Any]
"""Makes nodes for an operator: gets the builder and the arguments, gives the result, or several."""


def unsupported(reason: str) -> UnsupportedOperatorError:
    """The error for arguments of an operator that have no form."""
    return UnsupportedOperatorError(reason)


def place(node: Node) -> str:
    """Where the program calls an operator."""
    lines = (node.stack_trace or "").rstrip().splitlines()
    return "\n".join(lines[-2:]).strip() or "an unknown place"


__all__ = ["Builder", "OnnxExporterError", "Translate", "UnsupportedOperatorError", "Val", "library", "number",
           "numpy_dtype", "place", "unsupported"]  # fmt: skip
