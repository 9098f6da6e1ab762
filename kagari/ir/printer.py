"""Graphs as text, one line a value.

%0 = input float32[s0, 64] index=0
%1 = const weak float32[] number=2.0
%2 = reshape float32[1, 1] %1
%3 = expand float32[s0, 64] %2
%4 = mul float32[s0, 64] %0 %3
return %4
"""

from __future__ import annotations

from typing import Any

from ..base.symbols import Sym
from .graph import Graph, Value, topological

ATTRS = {
    "input": ("index",),
    "scalar": ("index",),
    "size": ("size",),
    "const": ("number",),
    "permute": ("dims",),
    "slice": ("starts", "steps"),
    "diagonal": ("dim0", "dim1"),
    "windows": ("dim", "step"),
    "pad": ("low", "high"),
    "cat": ("dim",),
    "iota": ("dim",),
    "reduce_sum": ("dims",),
    "reduce_prod": ("dims",),
    "reduce_max": ("dims",),
    "reduce_min": ("dims",),
    "argmax": ("dim",),
    "argmin": ("dim",),
    "argsort": ("dim", "descending"),
    "nth": ("dim",),
    "searchsorted": ("right",),
    "argcummax": ("dim",),
    "argcummin": ("dim",),
    "logcumsumexp": ("dim",),
    "cumsum": ("dim",),
    "cumprod": ("dim",),
    "gather": ("dim",),
    "pick": ("dim",),
    "scatter_add": ("dim",),
    "scatter_prod": ("dim",),
    "scatter_max": ("dim",),
    "scatter_min": ("dim",),
    "scatter": ("dim",),
    "depthwise": ("part", "stride", "low", "dilation"),
    "attend": ("causal", "part"),
    "attend_grad": ("causal", "argument"),
}
"""The names of each primitive's static attributes; primitives that are not listed have none."""


def format_graph(graph: Graph) -> str:
    """The values of a graph in the order of computation, inputs first, and its outputs."""
    order = topological((*graph.inputs, *graph.outputs))
    names = {v: f"%{i}" for i, v in enumerate(order)}
    lines = [f"{names[v]} = {format_value(v, [names[a] for a in v.args])}" for v in order]
    return "\n".join([*lines, "return " + ", ".join(names[v] for v in graph.outputs)])


def format_value(v: Value, args: list[str]) -> str:
    """One value, its arguments written as given: `mul float32[s0, 64] %1 %2`."""
    names = ATTRS.get(v.op, ())
    # Of an illegal value there may be more attributes than names.
    names = (*names, *(f"attr{i}" for i in range(len(names), len(v.attrs))))
    attrs = (f"{name}={_plain(attr)}" for name, attr in zip(names, v.attrs))
    return " ".join([v.op, *(["weak"] if v.weak else []), format_type(v), *args, *attrs])


def format_type(v: Value) -> str:
    """Dtype and shape: `float32[s0, 64]`."""
    return f"{v.dtype.name}[{', '.join(map(str, v.shape))}]"


def _plain(attr: Any) -> str:
    """Sizes by their expressions, without the values they have at the moment."""
    if isinstance(attr, tuple):
        return f"({', '.join(map(_plain, attr))})"
    return str(attr) if isinstance(attr, Sym) else repr(attr)
