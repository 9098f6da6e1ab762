"""Operators derived from others: for many examples at once, and for the derivative along a direction.

Both are made from the trace of the operator that they come from, so they hold for what is derived itself, for backward
operators, and for the sizes that a trace holds for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from ..base.layout import layout
from ..base.symbols import Guards, Size, Sym, evaluate
from ..ir import build
from ..ir.batch import batch
from ..ir.forward import forward
from ..ir.graph import Value, topological
from .code import native
from .function import Function
from .traced import Traced


class _Copy:
    """Values of a trace at certain sizes, with guards of their own."""

    def __init__(self, symbols: Sequence[str], sizes: Sequence[int]) -> None:
        self.guards = Guards()
        self._values = dict(zip(symbols, sizes))
        self._known: dict[str, Sym] = {}
        self._new: dict[Value, Value] = {}

    def __call__(self, v: Value) -> Value:
        for x in topological([v]):
            if x not in self._new:
                args = tuple([self._new[a] for a in x.args])
                self._new[x] = Value(x.op, args, self._at(x.attrs), self._at(x.shape), x.dtype, x.weak)
        return self._new[v]

    def _at(self, x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple([self._at(item) for item in x])
        if not isinstance(x, Sym):
            return x
        text = str(x)
        if text not in self._known:
            self._known[text] = Sym(x.poly, evaluate(x, self._values), self.guards)
        return self._known[text]


class _Derived(Function):
    """An operator whose traces are made from those of another one."""

    def __init__(self, base: Function, name: str) -> None:
        super().__init__(f"{name}({base.name})", base.parameters, None, display=base.display)
        self.kinds, self.differentiable, self.base = base.kinds, base.differentiable, base
        self.order = base.order if base.order == "operands" else ""
        self.strict_view, self.aliases, self.recomputes = base.strict_view, base.aliases, base.recomputes
        self.name_node = base.name_node
        self.record = base.record
        self._made: dict[Any, tuple[Traced, list[Traced]]] = {}
        self.call = native().operator_function(self.name, self.activate(), "")

    def miss(self, *args: Any) -> Any:
        """A call that its table does not know: the arguments need no checks."""
        return self.run(args, args)

    def _candidate(self, of: Traced, key: Any, sizes: tuple[int, ...], make: Callable[[], Traced]) -> Traced:
        """A trace that holds for these sizes, made where there is none."""
        candidates = self._made.setdefault((id(of), key), (of, []))[1]
        found = next((t for t in candidates if t.holds(sizes)), None)
        if found is None:
            found = make()
            candidates.append(found)
        return found

    def _trace(
        self,
        inputs: dict[int, Value],
        outputs: Sequence[Value],
        symbols: tuple[str, ...],
        sizes: tuple[int, ...],
        guards: Guards,
        gradient: Callable[..., Any] | None = None,
    ) -> Traced:
        count = 1 + max(inputs, default=-1)
        return Traced(
            inputs,
            tuple(outputs),
            symbols,
            guards,
            values=tuple([inputs.get(i) for i in range(count)]),
            gradient=gradient,
            order=self.order,
            strict_view=self.strict_view,
            aliases=self.aliases,
            recomputes=self.recomputes,
            sizes=sizes,
        )


class BatchedFunction(_Derived):
    """An operator of many examples: the arguments in `which` have them as a dimension in front."""

    def __init__(self, base: Function, which: frozenset[int]) -> None:
        super().__init__(base, "vmap")
        self.which = which

    def traced(self, args: tuple[Any, ...]) -> tuple[Traced, tuple[int, ...]]:
        """The trace of one example's operator, batched."""
        single = [_example(a) if i in self.which else a for i, a in enumerate(args)]
        traced, sizes = self.base.traced(tuple(single))
        size = args[min(self.which)]._layout.shape[0]
        # Equal sizes share a symbol, as in every trace.
        place = size if size < 2 else -1 - sizes.index(size) if size in sizes else None
        new = sizes if place is not None else (*sizes, size)
        return self._candidate(traced, place, new, lambda: self._batched(traced, sizes, size)), new

    def _batched(self, traced: Traced, sizes: tuple[int, ...], size: int) -> Traced:
        copy = _Copy(traced.symbols, sizes)
        symbols, new = traced.symbols, sizes
        count: Size = size
        if size >= 2:
            if size not in sizes:
                symbols, new = (*symbols, f"s{len(symbols)}"), (*sizes, size)
            name = symbols[sizes.index(size)] if size in sizes else symbols[-1]
            count = Sym.symbol(name, size, copy.guards)
        inputs, leaves = {}, {}
        for i, v in traced.inputs.items():
            inputs[i] = copy(v)
            if i in self.which:
                whole = Value("input", (), (i,), (count, *inputs[i].shape), v.dtype)
                leaves[inputs[i]] = inputs[i] = whole
        outputs = batch([copy(v) for v in traced.outputs], leaves, count)

        def gradient(grads: Any, *_: Any) -> list[Value | None]:
            seeds = _seeds(traced)
            wrt = tuple([i for i, v in traced.inputs.items() if v.op == "input" and v.dtype.is_differentiable])
            single = [copy(g) for g in traced._gradients(wrt, seeds)]
            given = grads if isinstance(grads, tuple | list) else [grads]
            ends = {copy(s): g for s, g in zip(seeds, given) if s is not None and g is not None}
            found = dict(zip(wrt, batch(single, leaves | ends, count)))
            return [found.get(i) for i, v in sorted(traced.inputs.items()) if v.op == "input"]

        rule = None if traced.gradient is None else gradient
        return self._trace(inputs, outputs, symbols, new, copy.guards, rule)


class ForwardFunction(_Derived):
    """The derivative of an operator along tangents of the arguments in `which`, which follow the arguments.

    It has a result for each differentiable output.
    """

    def __init__(self, base: Function, which: tuple[int, ...]) -> None:
        super().__init__(base, "jvp")
        self.which, self.strict_view, self.aliases = which, False, "fresh"

    def traced(self, args: tuple[Any, ...]) -> tuple[Traced, tuple[int, ...]]:
        """The trace of the operator, differentiated."""
        count = len(args) - len(self.which)
        traced, sizes = self.base.traced(args[:count])
        return self._candidate(traced, count, sizes, lambda: self._derivative(traced, sizes, count)), sizes

    def _derivative(self, traced: Traced, sizes: tuple[int, ...], count: int) -> Traced:
        seeds = _seeds(traced)
        gradients = traced._gradients(self.which, seeds)
        copy = _Copy(traced.symbols, sizes)
        inputs = {i: copy(v) for i, v in traced.inputs.items()}
        tangents = [
            Value("input", (), (count + k,), inputs[i].shape, inputs[i].dtype) for k, i in enumerate(self.which)
        ]
        copied = [None if s is None else copy(s) for s in seeds]
        found = forward([copy(g) for g in gradients], copied, tangents)
        outputs = [build.full(s.shape, 0, s.dtype) if t is None else t for s, t in zip(copied, found) if s is not None]
        inputs |= {count + k: t for k, t in enumerate(tangents)}
        return self._trace(inputs, outputs, traced.symbols, sizes, copy.guards)


def _seeds(traced: Traced) -> list[Value | None]:
    """Leaves that stand for the gradients of the outputs; None for outputs that have none."""
    return [
        Value("input", (), (-1 - k,), v.shape, v.dtype) if v.dtype.is_differentiable else None
        for k, v in enumerate(traced.outputs)
    ]


@cache
def _nothing() -> Any:
    """Memory of no size."""
    return native().allocate_storage(0)


def _example(t: Any) -> Any:
    """What stands for one of the examples where only shape and dtype matter."""
    lay = t._layout
    return native().make_tensor(layout(tuple(lay.shape)[1:], None, lay.dtype, lay.meta), _nothing(), 0)


def batched(f: Function, which: tuple[int, ...]) -> Callable[..., Any]:
    """The operator of many examples, which the arguments in `which` have as a dimension in front; made once."""
    found = f.derived.get(("vmap", which))
    if found is None:
        made = BatchedFunction(f, frozenset(which))
        found = f.derived["vmap", which] = made.call
        f.derived[found] = made
    return found


def derivative(f: Function, which: tuple[int, ...]) -> Callable[..., Any]:
    """The derivative of an operator along tangents of the arguments in `which`, which follow the others; made once."""
    found = f.derived.get(("jvp", which))
    if found is None:
        made = ForwardFunction(f, which)
        found = f.derived["jvp", which] = made.call
        f.derived[found] = made
    return found
