"""Programs: a graph with its schedule, made once for a structure, and bound to the layouts of each call.

Making a program traces, simplifies, differentiates and fuses. Binding does none of that: it puts numbers into what is
there, and takes some tens of microseconds for layouts never seen before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from ..base.layout import layout
from ..base.symbols import Sym, evaluate, hint
from ..base.target import Target
from ..compiler.body import Body, build_body
from ..compiler.epilogue import epilogue_body
from ..compiler.fuse import fuse, strip
from ..ir.flatten import flatten
from ..ir.graph import MOVEMENT, Graph
from ..ir.lower import lower
from ..ir.simplify import simplify
from ..ir.spec import verify
from .binder import Binder, Bound
from .place import Ints, Recipe


class Program(Recipe):
    """A graph ready to be bound. `symbols` are the names its symbolic sizes are written in.

    `order` says how outputs lie in memory, as in an operator's record. `into` is the number of the argument that the
    only output overwrites. `aliases` says what becomes of an output that is an input, or movement
    of one: a `view`, the `same` tensor (a view where it was moved), or `fresh` memory. `strict_view` refuses where a
    view can't be had. With `overwrites` outputs may lie where inputs do that their kernels read element by element.
    """

    def __init__(
        self,
        graph: Graph,
        symbols: tuple[str, ...],
        order: str = "",
        into: int | None = None,
        strict_view: bool = False,
        aliases: str = "view",
        overwrites: bool = False,
    ) -> None:
        verify(graph)  # an illegal graph would make kernels that read where nothing is
        self.strict_view, self.aliases = strict_view, aliases
        self.types = [v.dtype for v in graph.outputs]
        lowered, self.counts = lower(graph)
        graph = simplify(lowered)
        self.graph = graph = flatten(graph) if into is None else graph
        self.symbols, self.order, self.into = symbols, order, into
        self.inputs = [v for v in graph.inputs if v.op == "input"]
        self.schedule = fuse(graph, into is not None)
        self.bodies: dict[int, Body] = {}
        for i, stage in enumerate(self.schedule.stages):
            if stage.kind == "loop":
                self.bodies[i] = build_body(stage, self.schedule.buffers, self.schedule.apart)
            elif stage.kind in ("dot", "depthwise") and stage.outputs[0] is not stage.source:
                self.bodies[i] = epilogue_body(stage, self.schedule.buffers)
        if into is not None or overwrites:
            for body in self.bodies.values():
                body.in_place = True
                body.write_key()
        self.aside = into is not None and self._reads_out_of_order()
        self._sizes = self._collect_sizes()
        self._keys = [s._key for s in self._sizes]
        self._evaluated = False

    @cached_property
    def _evaluate(self) -> Callable[..., Ints]:
        """A function of the symbols' values that gives those of all sizes."""
        return eval(f"lambda {','.join(self.symbols)}: ({''.join([f'{s},' for s in self._sizes])})")

    def _values(self, sizes: Ints) -> dict[Any, int]:
        """All sizes by their keys, at these values of the symbols."""
        if self._evaluated:
            return dict(zip(self._keys, self._evaluate(*sizes)))
        self._evaluated = True  # most programs are bound once: a function is worth its making the second time
        named = dict(zip(self.symbols, sizes))
        return {s._key: evaluate(s, named) for s in self._sizes}

    @cached_property
    def has_sizes(self) -> bool:
        """Whether sizes are written into it as numbers, as those of static arguments are."""
        return any(isinstance(n, int) and n >= 2 for v in self.graph.values() for n in v.shape)

    def _reads_out_of_order(self) -> bool:
        """Whether the kernel that makes the result reads elements of an input other than the one it writes.

        Only inputs of the result's shape and dtype count: those may be the very tensor that is overwritten.
        """
        dt, parts = self.types[0], self.counts[0]
        if parts > 1:
            return True
        (out,) = self.graph.outputs
        shape = [*map(hint, out.shape[:-1] if dt.is_complex else out.shape)]
        twins = {v for v in self.inputs if v.dtype is dt and [*map(hint, v.shape)] == shape}
        for i, stage in enumerate(self.schedule.stages):
            if out not in stage.outputs:
                continue
            accesses = self.bodies[i].accesses if i in self.bodies else []
            if any(a.base in twins and (a.gather or any(m.op != "storage" for m in a.moves)) for a in accesses):
                return True
            source = stage.source
            args = source.args if source is not None else ()
            in_order = args[:1] if stage.kind in ("scan", "scatter") else ()
            return any(strip(a) in twins and (a not in in_order or a.op in MOVEMENT) for a in args)
        return out.op in MOVEMENT and strip(out) in twins

    def _collect_sizes(self) -> list[Sym]:
        found: dict[Any, Sym] = {}

        def visit(x: Any) -> None:
            if isinstance(x, Sym):
                found.setdefault(x._key, x)
            elif isinstance(x, tuple):
                for y in x:
                    visit(y)

        for v in (*self.inputs, *self.graph.values()):
            for n in v.shape:
                if isinstance(n, Sym):
                    found.setdefault(n._key, n)
            if v.attrs:
                visit(v.attrs)
        for body in self.bodies.values():
            visit(tuple(body.sizes))
            visit(body.space)
        return list(found.values())

    def bind(self, layouts: Mapping[int, Any], sizes: Ints, target: Target, make: Any = layout) -> Bound:
        """The launches and outputs at these layouts (by argument number) and values of the symbols.

        `make` makes the layouts of outputs: other than `layout` where a binding is recorded.
        """
        return Binder(self, layouts, self._values(sizes), target, make).run()

    def shapes(self, sizes: Ints) -> dict[int, Ints]:
        """The shapes of the inputs by argument number."""
        values = self._values(sizes)
        return {v.attrs[0]: tuple([s if isinstance(s, int) else values[s._key] for s in v.shape]) for v in self.inputs}
