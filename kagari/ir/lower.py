"""The pass that leaves kernels nothing but the numbers they compute with: real ones of 16 bits and more.

A complex value becomes two values, its parts, a float of eight bits the byte that holds it. Of inputs only `real`,
`imag` and `storage` remain, which are movement: the parts are strided accesses of one buffer. What a complex or
eight-bit primitive means is written in `complexes.py` and `bytes.py`; all others are left as they are. Where nothing
tells the parts apart, they stay together (`packed.py`).
"""

from __future__ import annotations

from typing import TypeAlias

from ..base.dtypes import FLOAT8, LOWERED, bool_, float32, uint8
from . import build as ir
from . import bytes as small
from . import complexes, graph
from .graph import COMPARE, ELEMENTWISE, MOVEMENT, Graph, Value
from .packed import is_alike, pack

Parts: TypeAlias = tuple[Value, ...]

PLACED = MOVEMENT | {"pad", "cat", "where", "require", "gather", "pick", "scatter"}
"""Primitives that only put values into places: they do so with each part."""
LINEAR = PLACED | {"detach", "neg", "add", "sub", "reduce_sum", "cumsum", "scatter_add"}
"""Those of complex numbers that act on each part."""


def lower(g: Graph) -> tuple[Graph, tuple[int, ...]]:
    """The graph without complex values and floats of eight bits, and how many values each output has become."""
    order = g.values()
    if all(v.dtype not in LOWERED for v in order):
        return g, (1,) * len(g.outputs)
    if all(v.dtype not in FLOAT8 for v in order) and is_alike(order):
        return pack(order, g), (1,) * len(g.outputs)
    parts: dict[Value, Parts] = {}
    for v in order:
        parts[v] = _lowered(v, [parts[a] for a in v.args])
    outputs = [parts[v] for v in g.outputs]
    return Graph(g.inputs, [p for several in outputs for p in several]), tuple(map(len, outputs))


def _lowered(v: Value, args: list[Parts]) -> Parts:
    """The values in place of v, given those in place of its arguments."""
    if not any(x.dtype in LOWERED for x in (v, *v.args)):
        plain = tuple([a for (a,) in args])
        return (v if plain == v.args else Value(v.op, plain, v.attrs, v.shape, v.dtype, v.weak),)
    if v.op == "input":
        return (graph.part("real", v), graph.part("imag", v)) if v.dtype.is_complex else (graph.storage(v),)
    if v.op == "storage":
        return (_side_by_side(*args[0]),) if len(args[0]) == 2 else args[0]
    if v.op == "reinterpret":
        return (graph.reinterpret(args[0][0], uint8),)
    if v.op == "cast":
        return _cast(v, args[0])
    if any(x.dtype in FLOAT8 for x in (v, *v.args)):
        return _of_bytes(v, args)
    return _of_pairs(v, args)


def _side_by_side(real: Value, imag: Value) -> Value:
    """The parts along a new last dimension: of an input what lies in its memory."""
    if real.op == "real" and imag.op == "imag" and real.args == imag.args:
        return graph.storage(real.args[0])
    return graph.cat((ir.unsqueeze(real, real.ndim), ir.unsqueeze(imag, imag.ndim)), real.ndim)


def _cast(v: Value, x: Parts) -> Parts:
    (source,) = v.args
    if source.dtype in FLOAT8:
        x = (small.decode(x[0], source.dtype),)
    if v.dtype in FLOAT8:
        return (small.encode(x[0], v.dtype),)
    if v.dtype.is_complex:
        dt = v.dtype.to_real()
        return graph.cast(x[0], dt), graph.cast(x[1], dt) if len(x) > 1 else ir.full(v.shape, 0, dt)
    if v.dtype is bool_ and len(x) > 1:
        return (ir.ne(x[0], 0) | ir.ne(x[1], 0),)
    return (graph.cast(x[0], v.dtype),)


def _each(v: Value, args: list[Parts], count: int) -> Parts:
    """The primitive on each part; arguments that have but one serve all."""
    result = []
    for i in range(count):
        taken = tuple([a[i] if len(a) > 1 else a[0] for a in args])
        dt = taken[1 if v.op in ("where", "require") else 0].dtype
        result.append(Value(v.op, taken, v.attrs, v.shape, dt, v.weak))
    return tuple(result)


def _missing(v: Value) -> NotImplementedError:
    kernel = v.op.removeprefix("reduce_")
    return NotImplementedError(f"\"{kernel}_cpu\" not implemented for '{v.args[0].dtype.type_name}'")


def _of_bytes(v: Value, args: list[Parts]) -> Parts:
    if v.op == "const":
        return (small.encode(graph.const(v.attrs[0], float32, v.weak), v.dtype),)
    if v.op in PLACED:
        return _each(v, args, 1)
    if v.op not in ELEMENTWISE:
        raise _missing(v)
    wide = [small.decode(a[0], x.dtype) if x.dtype in FLOAT8 else a[0] for a, x in zip(args, v.args)]
    result = graph.elementwise(v.op, *wide)
    return (small.encode(result, v.dtype),) if v.dtype in FLOAT8 and result.dtype is float32 else (result,)


def _of_pairs(v: Value, args: list[Parts]) -> Parts:
    if v.op == "const":
        value, dt = complex(v.attrs[0]), v.dtype.to_real()
        return graph.const(value.real, dt, v.weak), graph.const(value.imag, dt, v.weak)
    if v.op in ("real", "imag"):
        return (args[0][v.op == "imag"],)
    if v.op in LINEAR:
        return _each(v, args, 2)
    if v.op == "complex":
        return args[0][0], args[1][0]
    if v.op == "abs":
        return (complexes.absolute(args[0]),)  # type: ignore[arg-type]
    if v.op == "dot":
        (a, b), (c, d) = args
        return ir.sub(graph.dot(a, c), graph.dot(b, d)), ir.add(graph.dot(a, d), graph.dot(b, c))
    if v.op in COMPARE:
        same = ir.eq(args[0][0], args[1][0]) & ir.eq(args[0][1], args[1][1])
        return (same if v.op == "eq" else ir.bitnot(same),)
    if v.op not in complexes.FORMULAS:
        raise _missing(v)
    return complexes.FORMULAS[v.op](*args)
