"""The body of a loop kernel: what is computed for one element of an iteration space, as a list of nodes.

A node's arguments come before it. Leaves read memory through an *access*: a buffer and the movement between it and the
space.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..base.dtypes import dtype, float64
from ..base.symbols import Size
from ..ir.graph import ELEMENTWISE, MOVEMENT, Value
from .fuse import GATHERS, REDUCTIONS, Space, Stage, kept, located, rows_match, strip


@dataclass(slots=True)
class Node:
    """One computed or loaded value.

    `level` counts the reductions below it: 0 none, 1 needs one pass over the row, ...
    """

    op: str
    args: tuple[int, ...]
    dtype: dtype
    extra: int = 0  # number of the access, scalar, size or dimension
    value: float = 0.0  # of a literal
    level: int = 0
    whole: bool = True  # one value for each element of the space; else one for each row


@dataclass(slots=True)
class Access:
    """A buffer seen from the space:

    the movements, outermost first, that lead from `base` to the space's (or its rows') shape.
    """

    base: Value
    moves: tuple[Value, ...]
    rows: bool  # the shape is that of the rows
    gather: tuple[int, bool] | None = (
        None  # the dimension that is looked up, whose stride is taken at run time; whether it goes
    )


@dataclass(slots=True)
class Body:
    """The nodes of a stage.

    `roots` are the nodes stored, one for each output; `sizes` the symbolic numbers it computes with.
    """

    space: Space
    nodes: list[Node] = field(default_factory=list)
    accesses: list[Access] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)
    key: str = ""
    heavy: int = 0  # how many values of an element cost tens of instructions
    has_iota: bool = False
    in_place: bool = False  # the output's memory may be that of an input

    def write_key(self) -> None:
        """Sets the key: all of the body that code depends on."""
        lines = [
            f"{n.op}.{n.dtype.name}({','.join(map(str, n.args))}){n.extra}"
            + (f"={n.value!r}" if n.op in ("const", "gather") else "")
            + ("" if n.whole else "r")
            for n in self.nodes
        ]
        self.key = ";".join(lines) + ">" + ",".join(map(str, self.roots))
        self.heavy = sum(n.op in HEAVY for n in self.nodes)
        if self.in_place and self.heavy and any(n.level for n in self.nodes):
            self.key += "!"
        self.has_iota = any(n.op == "iota" for n in self.nodes)


HEAVY = frozenset(
    [
        "exp",
        "exp2",
        "expm1",
        "log",
        "log2",
        "log10",
        "log1p",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "acosh",
        "atanh",
        "erf",
        "erfc",
        "erfinv",
        "lgamma",
        "digamma",
        "sigmoid",
        "pow",
        "atan2",
        "idiv",
        "rem",
        "gcd",
    ]
)


class BodyBuilder:
    """Turns the values of a stage into nodes."""

    def __init__(self, space: Space, buffers: set[Value], apart: set[Value], own: set[Value]) -> None:
        self.body = Body(space)
        self.buffers, self.apart, self.own = buffers, apart, own
        self.memo: dict[tuple[Value, bool], int] = {}
        self.numbers: dict[tuple[Value, dtype], int] = {}
        shape, dims = space
        self.outer = tuple(s for d, s in enumerate(shape) if d not in dims)

    def root(self, v: Value) -> None:
        """Adds an output."""
        whole = v.shape == self.body.space[0] and v.op not in REDUCTIONS
        self.node(v, whole)
        self.body.roots.append(self.operand(v, whole, False))

    def add(self, node: Node) -> int:
        self.body.nodes.append(node)
        return len(self.body.nodes) - 1

    def node(self, v: Value, whole: bool) -> int:
        """The number of the node that computes v; iterative over the arguments."""
        stack = [(v, whole)]
        while stack:
            w, is_whole = stack[-1]
            if (w, is_whole) in self.memo:
                stack.pop()
                continue
            wanted = [a for a in self.arguments(w, is_whole) if a not in self.memo]
            if wanted:
                stack.extend(wanted)
            else:
                self.memo[w, is_whole] = self.make(w, is_whole)
                stack.pop()
        return self.memo[v, whole]

    def is_load(self, v: Value) -> bool:
        return v.op == "input" or (v in self.buffers and v not in self.own)

    def arguments(self, v: Value, whole: bool) -> list[tuple[Value, bool]]:
        """The values, and their levels, whose nodes v's node needs."""
        if self.is_load(v) or is_number(v) or v.op in ("size", "iota"):
            return []
        if v.op in REDUCTIONS:
            return [(v.args[0], True)]
        if v.op in MOVEMENT:
            row = self.row(v)
            if row is not None:
                return [(row, False)]
            base = strip(v)
            return [] if self.is_load(base) else [(base, whole)]
        if v.op in GATHERS:
            return [(v.args[1], whole)]
        return [(a, whole) for a in v.args if not is_number(a)]

    def number(self, v: Value, dt: dtype) -> int:
        """The node of a literal or of a Python number in the dtype its user computes with:

        a double reaches it unrounded.
        """
        base = strip(v)
        found = self.numbers.get((base, dt))
        if found is None:
            node = Node(base.op, (), dt, whole=False)
            if base.op == "const":
                node.value = base.attrs[0]
            else:
                node.extra = base.attrs[0]
            found = self.numbers[base, dt] = self.add(node)
        return found

    def operand(self, a: Value, whole: bool, weak: bool) -> int:
        """The node of an argument; among Python numbers alone, arithmetic is that of doubles."""
        dt = float64 if weak and a.dtype.category == 2 else a.dtype
        if is_number(a):
            return self.number(a, dt)
        at = self.memo[a, whole]
        node = self.body.nodes[at]
        return at if node.dtype is dt else self.add(Node("cast", (at,), dt, level=node.level, whole=node.whole))

    def row(self, v: Value) -> Value | None:
        """The reduction that v repeats over the rows, where this kernel computes it itself."""
        base = strip(v)
        if base.op not in REDUCTIONS or (base in self.buffers and base not in self.own) or base in self.apart:
            return None
        if v.op == "reshape" and v.args[0] is base and v.shape == kept(base):
            return base
        return base if rows_match(v, self.body.space) is base else None

    def make(self, v: Value, whole: bool) -> int:
        if self.is_load(v):
            return self.load(v, (), whole)
        if is_number(v):
            return self.number(v, v.dtype)
        if v.op == "size":
            self.body.sizes.append(v.attrs[0])
            return self.add(Node("size", (), v.dtype, extra=len(self.body.sizes) - 1, whole=False))
        if v.op == "iota":
            return self.add(Node("iota", (), v.dtype, extra=v.attrs[0], whole=whole))
        if v.op in REDUCTIONS:
            arg = self.operand(v.args[0], True, False)
            return self.add(Node(v.op, (arg,), v.dtype, level=self.body.nodes[arg].level + 1, whole=False))
        if v.op in MOVEMENT:
            return self.movement(v, whole)
        if v.op in GATHERS:
            return self.gather(v, whole)
        assert v.op in ELEMENTWISE, v
        if v.op == "cast" and v.dtype.category == 2 and is_number(v.args[0]) and v.args[0].dtype.category == 2:
            return self.number(v.args[0], v.dtype)
        args = tuple(self.operand(a, whole, v.weak or (v.op == "cast" and a.weak)) for a in v.args)
        level = max(self.body.nodes[a].level for a in args)
        dt = float64 if v.weak and v.dtype.category == 2 else v.dtype
        return self.add(Node(v.op, args, dt, level=level, whole=any(self.body.nodes[a].whole for a in args)))

    def movement(self, v: Value, whole: bool) -> int:
        row = self.row(v)
        if row is not None:
            return self.memo[row, False]
        base = strip(v)
        if not self.is_load(base):
            return self.memo[base, whole]
        return self.load(base, chain(v), whole)

    def load(self, base: Value, moves: tuple[Value, ...], whole: bool) -> int:
        self.body.accesses.append(Access(base, moves, not whole))
        dt = moves[-1].dtype if moves else base.dtype
        return self.add(Node("load", (), dt, extra=len(self.body.accesses) - 1, whole=whole))

    def gather(self, v: Value, whole: bool) -> int:
        """A load whose place along one dimension is computed."""
        source, index, dim = v.args[0], self.memo[v.args[1], whole], v.attrs[0]
        self.body.accesses.append(Access(*located(source, self.buffers), not whole, (dim, v.op == "pick")))
        self.body.sizes.append(source.shape[dim])
        level = self.body.nodes[index].level
        node = Node(
            "gather", (index,), v.dtype, extra=len(self.body.accesses) - 1, value=len(self.body.sizes) - 1, level=level
        )
        node.whole = whole
        return self.add(node)


def is_number(v: Value) -> bool:
    """Whether v is a literal or a Python number, repeated or not."""
    return strip(v).op in ("const", "scalar")


def chain(v: Value) -> tuple[Value, ...]:
    """The movements from v's base up to v, the first to be applied first."""
    moves = []
    while v.op in MOVEMENT:
        moves.append(v)
        v = v.args[0]
    return tuple(reversed(moves))


def build_body(stage: Stage, buffers: set[Value], apart: set[Value]) -> Body:
    """The body of a loop stage."""
    builder = BodyBuilder(stage.space, buffers, apart, set(stage.outputs))
    for v in stage.outputs:
        builder.root(v)
    builder.body.write_key()
    return builder.body
