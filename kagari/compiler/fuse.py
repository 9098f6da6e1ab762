"""Fusion: which values of a graph become buffers, and which kernels make them.

A *stage* makes one or more buffers from others. Its kinds:

    loop      element-wise values and reductions over one iteration space: softmax, layer norm, a loss... one kernel
    dot       a contraction with the element-wise values that follow it as epilogue
    copy      parts written into regions of one buffer: cat, pad
    scatter   values written, or added, at computed places of a copy
    scan      running sums, products and extrema
    sort      places of elements in order
    select    elements at places of an order
    search    places of elements among ordered ones
    depthwise convolution of each channel alone, or a gradient of it, with what follows it as epilogue
    attend, attend_grad   attention, or its gradients: all parts that are asked for of the same arguments

Within a loop stage element-wise values are computed where they are used, never stored: movement of buffers becomes
addressing, and cheap values that several stages need are computed in each.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..base.symbols import Size, hint, identical
from ..ir.graph import ELEMENTWISE, LEAVES, MOVEMENT, Graph, Value
from ..ir.simplify import is_number

Space = tuple[tuple[Size, ...], tuple[int, ...]]

REDUCTIONS = frozenset(("reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "argmax", "argmin"))
PARTED = frozenset(("attend", "attend_grad"))
GATHERS = frozenset(("gather", "pick"))
_OWN_STAGE = {
    "dot": "dot", "cat": "copy", "pad": "copy", "scatter": "scatter", "scatter_add": "scatter",
    "scatter_prod": "scatter", "scatter_max": "scatter", "scatter_min": "scatter", "cumsum": "scan",
    "cumprod": "scan", "argsort": "sort", "nth": "select",
    "searchsorted": "search", "argcummax": "scan", "argcummin": "scan", "logcumsumexp": "scan",
    "depthwise": "depthwise", "attend": "attend", "attend_grad": "attend_grad",
}  # fmt: skip
"""Primitives that a kernel of its own computes, with the kind of its stage."""


@dataclass(slots=True)
class Stage:
    """One step of a program: `outputs` are the values it stores, in buffers of their own."""

    kind: str
    outputs: list[Value]
    space: Space = ((), ())
    source: Value | None = None  # the dot, cat, pad, scatter, scan, sort, search, or the first part of attention


@dataclass(slots=True)
class Schedule:
    """The stages in order, and the values that are buffers.

    `homes` has those that are parts of another buffer from the start: what is joined, and the number of the part.
    """

    stages: list[Stage] = field(default_factory=list)
    buffers: set[Value] = field(default_factory=set)
    apart: set[Value] = field(default_factory=set)
    homes: dict[Value, tuple[Value, int]] = field(default_factory=dict)


def strip(v: Value) -> Value:
    """The value that a chain of movement starts from."""
    while v.op in MOVEMENT:
        v = v.args[0]
    return v


def located(v: Value, buffers: set[Value]) -> tuple[Value, tuple[Value, ...]]:
    """The buffer that v is movement of, else the value the movement starts from; and the movement, in order."""
    moves = []
    while v.op in MOVEMENT and v not in buffers:
        moves.append(v)
        v = v.args[0]
    return v, tuple(reversed(moves))


def reshaped(v: Value) -> bool:
    """Whether v is another shape of what a kernel makes: the memory of one is that of the other."""
    while v.op == "reshape":
        v = v.args[0]
    return v.op in _OWN_STAGE or v.op in GATHERS or v.op in REDUCTIONS or v.op in ELEMENTWISE


def kept(v: Value) -> tuple[Size, ...]:
    """The shape of a reduction with its reduced dimensions back as 1."""
    dims = _dims(v)
    return tuple(1 if d in dims else s for d, s in enumerate(v.args[0].shape))


def _dims(v: Value) -> tuple[int, ...]:
    return v.attrs[0] if v.op.startswith("reduce_") else v.attrs


def space_of(v: Value) -> Space:
    """The iteration space a reduction needs: the shape it reads and the dimensions it removes."""
    return (v.args[0].shape, _dims(v))


def rows_match(v: Value, space: Space) -> Value | None:
    """r where v is a value of shape `space` made by repeating a value r that has one element a row."""
    shape, dims = space
    if v.op != "expand" or not identical(v.shape, shape):
        return None
    inner = v.args[0]
    if not identical(inner.shape, tuple(1 if d in dims else s for d, s in enumerate(shape))):
        return None
    base = inner.args[0] if inner.op == "reshape" else inner
    outer = tuple(s for d, s in enumerate(shape) if d not in dims)
    return base if identical(base.shape, outer) and inner.op == "reshape" else None


class _Fuser:
    """`buffers` are the values that lie in memory; `apart` those whose readers must take them from there."""

    def __init__(self, graph: Graph, overwrites: bool) -> None:
        self.graph = graph
        self.overwrites = overwrites
        self.order = graph.values()
        self.users = graph.users()
        self.schedule = Schedule()
        self.buffers = self.schedule.buffers
        self.apart: set[Value] = set()
        # The reductions inside the kernel that computes a value, and those inside a kernel that reads it.
        self.inside: dict[Value, frozenset[Value]] = {}
        self.inline: dict[Value, frozenset[Value]] = {}

    def run(self) -> Schedule:
        self.choose_buffers()
        while not self.choose_inline():
            pass
        self.place()
        return self.schedule

    def choose_buffers(self) -> None:
        """Outputs that are not plain views, and what must lie in memory before something can read it."""
        for v in self.graph.outputs:
            base = strip(v)
            self.buffers.add(base if base.op == "input" or reshaped(v) else v)
        for v in self.order:
            if v.op == "input":
                self.buffers.add(v)
            elif v.op in _OWN_STAGE:
                self.buffers.add(v)
                if v.op not in ("cat", "pad"):
                    # What is scattered over may be repeated numbers: these are written where the result will lie.
                    stored = v.args[1:] if _OWN_STAGE[v.op] == "scatter" and strip(v.args[0]).op in LEAVES else v.args
                    self.buffers.update(strip(a) for a in stored if strip(a).op not in LEAVES)
                    self.buffers.update(a for a in stored if strip(a).op in LEAVES and strip(a).op != "input")
                if v.op == "cat" and not self.overwrites:
                    self.make_in_place(v)
            elif v.op in GATHERS:
                self.buffers.add(strip(v.args[0]) if strip(v.args[0]).op not in LEAVES else v.args[0])
            elif v.op in MOVEMENT:
                base = strip(v)
                if (base.op in ELEMENTWISE and not is_number(base)) or base.op in GATHERS or base.op == "iota":
                    self.buffers.add(base)

    def make_in_place(self, joined: Value) -> None:
        """Element-wise parts of what is joined are made where they will lie, by one loop where they fit into one."""
        for number, part in enumerate(joined.args):
            if part.op in ELEMENTWISE and not is_number(part) and part not in self.buffers:
                self.buffers.add(part)
                self.schedule.homes[part] = joined, number

    def choose_inline(self) -> bool:
        """One sweep over the values. False where one was found that must be apart: then the sweep starts again."""
        self.inline, self.inside = {}, {}
        for v in self.order:
            if v.op in MOVEMENT:
                base = strip(v)
                reds: frozenset[Value] = frozenset()
                if base.op in REDUCTIONS and base not in self.apart:
                    if not in_rows(v, base):
                        return self.set_apart(base)
                    reds = frozenset((base,))
                self.inline[v] = self.inside[v] = reds
            elif v.op in ELEMENTWISE or v.op in REDUCTIONS or v.op in GATHERS:
                reds = frozenset().union(*(self.inline[a] for a in v.args))
                own = space_of(v) if v.op in REDUCTIONS else None
                spaces = {space_of(r) for r in reds} | ({own} if own else set())
                whole = own is not None and len(own[1]) == len(own[0]) and reds
                if len(spaces) > 1 or whole or (v.op in GATHERS and reds):
                    return self.set_apart(*(self.rows_read(v) or reds))
                self.inside[v] = frozenset((v, *reds)) if own else reds
                self.inline[v] = frozenset() if v in self.apart else frozenset((v,)) if own else reds
            else:
                for a in v.args:
                    base = strip(a)
                    if self.inline[a] and (base not in self.buffers or (base.op in REDUCTIONS and a is not base)):
                        return self.set_apart(*self.inline[a])
                self.inline[v] = self.inside[v] = frozenset()
        return True

    def rows_read(self, v: Value) -> tuple[Value, ...]:
        """The argument of the reduction v where it has one element a row of another kernel, such as the losses of a
        batch.

        It is stored in place of the reductions that it is made of.
        """
        (arg, *_), reds = v.args, self.inline[v.args[0]]
        spaces = {space_of(r) for r in reds}
        if v.op not in REDUCTIONS or arg.op not in ELEMENTWISE or len(spaces) != 1:
            return ()
        ((shape, dims),) = spaces
        return (arg,) if arg.ndim < len(shape) and len(dims) < len(shape) else ()

    def set_apart(self, *values: Value) -> bool:
        self.apart.update(values)
        self.buffers.update(values)
        return False

    # Placement: stages in the order of the values they store

    def place(self) -> None:
        epilogues = self.epilogues()
        for v in self.order:
            if v not in self.buffers or v.op == "input":
                continue
            if v in epilogues:
                source = epilogues[v]
                self.schedule.stages.append(Stage(_OWN_STAGE[source.op], [v], source=source))
            elif v.op in _OWN_STAGE:
                self.own_stage(v)
            else:
                self.join(v)
        self.schedule.apart = self.apart

    def own_stage(self, v: Value) -> None:
        """A stage of its own; parts of the same attention share one."""
        for stage in self.schedule.stages:
            first = stage.source
            if v.op in PARTED and first is not None and _alike(first, v):
                stage.outputs.append(v)
                return
        self.schedule.stages.append(Stage(_OWN_STAGE[v.op], [v], source=v))

    def epilogues(self) -> dict[Value, Value]:
        """Buffers that are element-wise in one dot of the same shape, or a depthwise convolution, which nothing else
        reads: output -> dot.
        """
        result: dict[Value, Value] = {}
        for i, v in enumerate(self.order):
            if v.op not in ("dot", "depthwise") or v.attrs[:1] == ("weight",) or v in self.graph.outputs:
                continue
            w = self.outlet(v, i)
            if w is None or w.dtype.category != 2 or w in result:
                continue
            if not self.inside[w] and self.loads_only(w, v):
                result[w] = v
                self.buffers.discard(v)
        return result

    def outlet(self, dot: Value, at: int) -> Value | None:
        """The buffer through which all that is made of a dot goes, element by element."""
        waiting = set(self.users[dot])
        for v in self.order[at + 1 :]:
            if v not in waiting:
                continue
            if v.op not in ELEMENTWISE or not identical(v.shape, dot.shape):
                return None
            waiting.remove(v)
            if v in self.buffers:
                return v if not waiting else None
            waiting.update(self.users[v])
        return None

    def loads_only(self, v: Value, dot: Value) -> bool:
        """All that v reads besides the dot is computed element by element from what lies in memory before v."""
        before = set(self.order[: self.order.index(v)])
        stack, seen = [v], set()
        while stack:
            w = stack.pop()
            if w in seen or w is dot:
                continue
            seen.add(w)
            base = strip(w)
            if w is not v and w.op in MOVEMENT and is_number(base):
                continue
            if w is not v and (base.op in LEAVES or base in self.buffers):
                if base.op not in LEAVES and base not in before:
                    return False
                if w.op == "iota" and w.attrs[0] < dot.ndim - 2:  # an epilogue knows its row and its column
                    return False
            elif w.op in ELEMENTWISE and not (w.op in ("idiv", "rem") and w.dtype.category < 2):  # those report errors
                stack.extend(w.args)
            else:
                return False
        return True

    def join(self, v: Value) -> None:
        """Puts v into the last stage that can compute it along with its own outputs, or into a stage of its own."""
        reds = self.inside[v] if v.op in ELEMENTWISE else frozenset()
        own = space_of(v) if v.op in REDUCTIONS else space_of(next(iter(reds))) if reds else (v.shape, ())
        for stage in reversed(self.schedule.stages):
            if stage.kind == "loop" and _joins(v.shape, own, stage.space) and self.computable(v, stage):
                stage.outputs.append(v)
                return
        self.schedule.stages.append(Stage("loop", [v], own))

    def computable(self, v: Value, stage: Stage) -> bool:
        """All that v reads is made before the stage, or in it for the same element or row."""
        if v.op in MOVEMENT and located(v.args[0], self.buffers)[0] in stage.outputs:
            return False  # it reads other places than those where it writes, even where the shapes are equal
        made: set[Value] = set()
        for earlier in self.schedule.stages:
            if earlier is stage:
                break
            made.update(earlier.outputs)
        stack, seen = [v], set()
        while stack:
            w = stack.pop()
            if w in seen:
                continue
            seen.add(w)
            if w is not v and w not in stage.outputs:
                base, _ = located(w, self.buffers)
                if base in self.buffers:
                    here = base in stage.outputs and base not in self.apart and rows_match(w, stage.space) is base
                    if base.op != "input" and base not in made and not here:
                        return False
                    continue
                w = base
            if w.op in GATHERS:  # other elements of the source are read: all of it must be there
                source, _ = located(w.args[0], self.buffers)
                if source.op != "input" and source not in made:
                    return False
                stack.append(w.args[1])
            else:
                stack.extend(w.args)
        return True


def _alike(a: Value, b: Value) -> bool:
    """Whether two values are parts of the same attention."""
    return (a.op, a.args, a.attrs[:1]) == (b.op, b.args, b.attrs[:1])


def _joins(shape: tuple[Size, ...], own: Space, space: Space) -> bool:
    """Whether what needs the space `own` can be computed in a loop over `space`, for each element or row."""
    # By how sizes are written: two that are equal by chance are not so for all sizes that the program is bound to.
    if identical(space[0], own[0]) and space[1] == own[1]:
        return True
    if own[1] or len(space[1]) == len(space[0]):
        return False
    rows = tuple(s for d, s in enumerate(space[0]) if d not in space[1])
    return identical(shape, space[0]) or identical(shape, rows)


def in_rows(v: Value, r: Value) -> bool:
    """Whether v, a movement of the reduction r, repeats it along the dimensions it removed, and does nothing else."""
    shape, dims = space = space_of(r)
    if v.op == "reshape":
        return v.args[0] is r and identical(v.shape, kept(r))
    return len(dims) < len(shape) and rows_match(v, space) is r


def fuse(graph: Graph, overwrites: bool) -> Schedule:
    """The schedule of a simplified graph; `overwrites` says that its result takes the memory of an input."""
    return _Fuser(graph, overwrites).run()


def extent(space: Space) -> int:
    """Elements of a space at the sizes of the trace."""
    n = 1
    for s in space[0]:
        n *= hint(s)
    return n
