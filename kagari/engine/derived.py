"""Operators derived from others: for many examples at once, and for the derivative along a direction.

Both are made from the trace of the operator that they come from, so they hold for what is derived itself, for backward
operators, and for the sizes that a trace holds for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from ..base.layout import layout
from ..base.symbols import Guards, Size, Sym
from ..ir import build
from ..ir.batch import batch
from ..ir.forward import forward
from ..ir.graph import Value
from .code import native
from .function import Function
from .traced import Restatement, Traced


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
        return self._candidate(traced, place, new, lambda: self._batched(traced, sizes, new, size)), new

    def _batched(self, traced: Traced, sizes: tuple[int, ...], new: tuple[int, ...], size: int) -> Traced:
        """`new` are the sizes of the examples, and how many there are where that is another size of at least 2."""
        restate = Restatement(traced.symbols, sizes)
        symbols = traced.symbols if new == sizes else (*traced.symbols, f"s{len(sizes)}")
        count: Size = size if size < 2 else Sym.symbol(symbols[new.index(size)], size, restate.guards)
        inputs, leaves = dict(zip(traced.inputs, restate(traced.inputs.values()))), {}
        for i in self.which:
            one = inputs[i]
            leaves[one] = inputs[i] = Value("input", (), (i,), (count, *one.shape), one.dtype)
        outputs = batch(restate(traced.outputs), leaves, count)

        def gradient(grads: Any, *_: Any) -> list[Value | None]:
            seeds = _seeds(traced)
            wrt = tuple([i for i, v in traced.inputs.items() if v.op == "input" and v.dtype.is_differentiable])
            given = grads if isinstance(grads, tuple | list) else [grads]
            pairs = [(s, g) for s, g in zip(seeds, given) if s is not None and g is not None]
            ends = dict(zip(restate(s for s, _ in pairs), [g for _, g in pairs]))
            found = dict(zip(wrt, batch(restate(traced.gradients(wrt, seeds)), leaves | ends, count)))
            return [found.get(i) for i, v in sorted(traced.inputs.items()) if v.op == "input"]

        rule = None if traced.gradient is None else gradient
        return self._trace(inputs, outputs, symbols, new, restate.guards, rule)


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
        restate = Restatement(traced.symbols, sizes)
        inputs = dict(zip(traced.inputs, restate(traced.inputs.values())))
        tangents = [
            Value("input", (), (count + k,), inputs[i].shape, inputs[i].dtype) for k, i in enumerate(self.which)
        ]
        ends = restate(s for s in seeds if s is not None)
        found = forward(restate(traced.gradients(self.which, seeds)), ends, tangents)
        outputs = [build.full(s.shape, 0, s.dtype) if t is None else t for s, t in zip(ends, found)]
        inputs |= {count + k: t for k, t in enumerate(tangents)}
        return self._trace(inputs, outputs, traced.symbols, sizes, restate.guards)


def _seeds(traced: Traced) -> list[Value | None]:
    """Leaves that stand for the gradients of the outputs; None for outputs that have none."""
    return [
        Value("input", (), (-1 - k,), v.shape, v.dtype) if v.dtype.is_differentiable else None
        for k, v in enumerate(traced.outputs)
    ]


@cache
def nothing() -> Any:
    """Memory of no size."""
    return native().allocate_storage(0)


def _example(t: Any) -> Any:
    """What stands for one of the examples where only shape and dtype matter."""
    lay = t._layout
    return native().make_tensor(layout(tuple(lay.shape)[1:], None, lay.dtype, lay.meta), nothing(), 0)


def batched(f: Function, which: tuple[int, ...]) -> Callable[..., Any]:
    """The operator of many examples, which the arguments in `which` have as a dimension in front; made once."""
    found = f.derived.get(("vmap", which))
    if found is None:
        found = f.derived["vmap", which] = BatchedFunction(f, frozenset(which))
    return found.call


def derivative(f: Function, which: tuple[int, ...]) -> Callable[..., Any]:
    """The derivative of an operator along tangents of the arguments in `which`, which follow the others; made once."""
    found = f.derived.get(("jvp", which))
    if found is None:
        found = f.derived["jvp", which] = ForwardFunction(f, which)
    return found.call
