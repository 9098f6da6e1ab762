"""Traces: a definition run once for a structure, and what follows from it: the programs with and without gradients.

The backward operator of a trace takes what was saved, the sizes of the forward call and the gradients of the outputs.
Its graph is made by differentiating the forward graph, so it can be differentiated in turn: there is no rule for second
gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..base.symbols import Guards, Size, Sym, evaluate
from ..ir import build, graph
from ..ir.differentiate import differentiate
from ..ir.graph import ELEMENTWISE, LEAVES, MOVEMENT, Graph, Value, cast, rebuild, topological
from ..ir.simplify import simplify
from .binding import Bindings
from .plan import Frame
from .program import Program

GradientRule = Callable[..., Sequence[Value | None]]
_CHEAP = ELEMENTWISE | MOVEMENT


@dataclass(slots=True)
class Variant:
    """A program for one choice of the inputs that want gradients. `backward` is None where there are none.

    `exact` is the backward operator to differentiate: it takes the same arguments, but computes from inputs and outputs
    what the other one finds saved, so that the gradient's own gradient sees where that came from.
    """

    program: Program
    visible: int
    saved: tuple[int, ...] = ()
    edges: tuple[int, ...] = ()
    backward: Traced | None = None
    exact: Traced | None = None
    bindings: Bindings = field(init=False)

    def __post_init__(self) -> None:
        positions = tuple([v.attrs[0] for v in self.program.inputs])
        frame = Frame(positions, self.visible, self.backward is not None, self.saved, self.edges)
        self.bindings = Bindings(self.program, frame)


class Traced:
    """The graph of a definition on inputs of one structure.

    `inputs` are the leaves by argument number, `values` all arguments as the gradient rule wants them, `sizes` those of
    the symbols that it was traced at.
    """

    def __init__(
        self,
        inputs: dict[int, Value],
        outputs: tuple[Value, ...],
        symbols: tuple[str, ...],
        guards: Guards,
        *,
        values: tuple[Any, ...] = (),
        gradient: GradientRule | None = None,
        order: str = "",
        into: int | None = None,
        strict_view: bool = False,
        aliases: str = "view",
        recomputes: bool = False,
        overwrites: bool = False,
        sizes: tuple[int, ...] | None = None,
    ) -> None:
        self.inputs, self.outputs, self.symbols, self.sizes = inputs, outputs, symbols, sizes
        self.values, self.gradient, self.order, self.into = values, gradient, order, into
        self.strict_view, self.aliases, self.recomputes = strict_view, aliases, recomputes
        self.overwrites = overwrites
        self.guards, self._compiled = guards, 0
        self._guard: Callable[..., bool] | None = None
        self.variants: dict[tuple[int, ...], Variant] = {}

    def holds(self, sizes: tuple[int, ...]) -> bool:
        """Whether all that was decided on sizes is so for these: when this was traced, and for its variants since."""
        if sizes == self.sizes:
            return True
        if self._compiled != len(self.guards.conditions):
            self._compiled, self._guard = len(self.guards.conditions), _compile_guards(self.guards, self.symbols)
        return self._guard is None or self._guard(*sizes)

    def variant(self, needs: tuple[int, ...]) -> Variant:
        """The program where the arguments numbered in `needs` want gradients."""
        found = self.variants.get(needs)
        if found is None:
            found = self._with_gradient(needs) if needs else self._plain(self.outputs)
            self.variants[needs] = found
        return found

    def _plain(self, outputs: tuple[Value, ...], taped: bool = False) -> Variant:
        aliases = "view" if taped and self.aliases == "same" else self.aliases
        whole = Graph(self.inputs.values(), outputs)
        program = Program(whole, self.symbols, self.order, self.into, self.strict_view, aliases, self.overwrites)
        return Variant(program, len(self.outputs))

    def recordable_in_place(self, needs: tuple[int, ...]) -> bool:
        """Whether the operator can overwrite its argument as it runs and be differentiated:

        its backward needs nothing overwritten.
        """
        joint = self._joint(needs)
        if joint is None:
            return False
        saved, hidden = _cut(joint[1], joint[2], self.recomputes)
        return not hidden and all(v.op != "input" or v.attrs[0] != self.into for v in saved)

    def _joint(self, needs: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[Value, ...], tuple[Value, ...]] | None:
        """The inputs that get gradients, and the outputs and those gradients as one graph;

        None where there are none.
        """
        wrt = tuple(i for i in needs if self.inputs[i].dtype.is_differentiable)
        seeds = [
            Value("input", (), (-1 - k,), v.shape, v.dtype) if v.dtype.is_differentiable else None
            for k, v in enumerate(self.outputs)
        ]
        if not wrt or not any(seeds):
            return None
        grads = self.gradients(wrt, seeds)
        visible = len(self.outputs)
        leaves = [*self.inputs.values(), *(s for s in seeds if s is not None)]
        joint = simplify(Graph(leaves, (*self.outputs, *grads))).outputs
        outputs = joint[:visible]
        # What an output shows in another shape is read from there, so that it is saved as that output.
        shown = {v.args[0]: graph.reshape(v, v.args[0].shape) for v in outputs if v.op == "reshape" and _is_result(v)}
        return wrt, outputs, tuple(rebuild(joint[visible:], shown))

    def _with_gradient(self, needs: tuple[int, ...]) -> Variant:
        joint = self._joint(needs)
        if joint is None:
            return self._plain(self.outputs)
        edges, outputs, grads = joint
        visible = len(outputs)
        saved, hidden = _cut(outputs, grads, self.recomputes)
        backward = _backward(saved, grads, outputs, visible, self.symbols, self.order)
        exact = (
            _backward(saved, grads, outputs, visible, self.symbols, self.order, frozenset(hidden))
            if hidden
            else backward
        )
        forward = self._plain((*outputs, *hidden), taped=True)
        codes = tuple(_code(v, outputs, hidden) for v in saved)
        return Variant(forward.program, visible, codes, edges, backward, exact)

    def gradients(self, wrt: tuple[int, ...], seeds: list[Value | None]) -> list[Value]:
        """One gradient for each argument in `wrt`, zeros where the operator is flat."""
        if self.gradient is not None:
            rule = self.gradient(seeds[0] if len(self.outputs) == 1 else seeds, *self.values)
            by_argument = dict(
                zip((i for i, v in enumerate(self.values) if isinstance(v, Value) and v.op == "input"), rule)
            )
            found = [by_argument.get(i) for i in wrt]
        else:
            found = differentiate(self.outputs, seeds, [self.inputs[i] for i in wrt])
        result = []
        for i, g in zip(wrt, found):
            x = self.inputs[i]
            g = (
                build.full(x.shape, 0, x.dtype)
                if g is None
                else build.broadcast_to(build.sum_to(cast(g, x.dtype), x.shape), x.shape)
            )
            result.append(g)
        return result


def _compile_guards(guards: Guards, symbols: tuple[str, ...]) -> Callable[..., bool] | None:
    """The guards as one function of the symbols; None where there are none."""
    if not guards.conditions:
        return None
    return eval(f"lambda {','.join(symbols)}: {' and '.join(guards.conditions)}")


def _cut(outputs: Sequence[Value], grads: Sequence[Value], recomputes: bool) -> tuple[list[Value], list[Value]]:
    """What the backward graph needs of the forward one: (all that is saved, the values among it that become hidden
    outputs).

    Inputs and outputs are saved as they are, cheap values are computed again, the rest is an output more. Cheap outputs
    are computed again too where `recomputes` says so.
    """
    order = topological(grads)
    late: set[Value] = set()
    for v in order:
        if (v.op == "input" and v.attrs[0] < 0) or any(a in late for a in v.args):
            late.add(v)
    saved: dict[Value, None] = {}
    hidden: dict[Value, None] = {}
    results = set() if recomputes else set(filter(_is_result, outputs))
    stack, seen = list(grads), set()
    while stack:
        v = stack.pop()
        if v in seen:
            continue
        seen.add(v)
        if v in late:
            stack.extend(v.args)
        elif v.op in ("input", "scalar") or v in results:
            saved[v] = None
        elif v.op in _CHEAP:
            stack.extend(v.args)
        elif v.op not in ("const", "size", "iota"):
            saved[v] = hidden[v] = None
    for v in topological(hidden):
        if v.op in ("input", "scalar"):
            saved[v] = None
    return list(saved), list(hidden)


def _is_result(v: Value) -> bool:
    """Whether an output has been computed, rather than being a view of an argument."""
    while v.op == "reshape":
        v = v.args[0]
    return v.op not in MOVEMENT and v.op not in LEAVES


def _code(v: Value, outputs: Sequence[Value], hidden: Sequence[Value]) -> int:
    if v.op in ("input", "scalar"):
        return int(v.attrs[0])
    return ~([*outputs, *hidden].index(v))


def _backward(
    saved: Sequence[Value],
    grads: Sequence[Value],
    outputs: Sequence[Value],
    visible: int,
    symbols: tuple[str, ...],
    order: str,
    computed: frozenset[Value] = frozenset(),
) -> Traced:
    """The backward operator: arguments are the saved values, the sizes, then a gradient for each visible output.

    The saved values in `computed` are arguments that it leaves alone and computes itself.
    """
    new: dict[Value, Value] = {}
    inputs: dict[int, Value] = {}
    for i, v in enumerate(saved):
        op = "scalar" if v.op == "scalar" else "input"
        inputs[i] = Value(op, (), (i,), v.shape, v.dtype, v.weak)
        if v not in computed:
            new[v] = inputs[i]
    for k in range(visible):
        if outputs[k].dtype.is_differentiable:
            i = len(saved) + 1 + k
            inputs[i] = Value("input", (), (i,), outputs[k].shape, outputs[k].dtype)
    for v in topological(grads):
        if v.op == "input" and v.attrs[0] < 0:
            new[v] = inputs[len(saved) - v.attrs[0]]
    return Traced(inputs, tuple(rebuild(grads, new)), symbols, Guards(), order=order, aliases="same")


class Restatement:
    """Values of a trace with its symbols at these sizes, and with guards of their own."""

    def __init__(self, symbols: Sequence[str], sizes: Sequence[int]) -> None:
        self.guards = Guards()
        self._values = dict(zip(symbols, sizes))
        self._known: dict[Any, Sym] = {}
        self._new: dict[Value, Value] = {}

    def __call__(self, values: Iterable[Value]) -> list[Value]:
        listed = list(values)
        for v in topological(listed):
            if v not in self._new:
                args = tuple([self._new[a] for a in v.args])
                self._new[v] = Value(v.op, args, self._at_sizes(v.attrs), self._at_sizes(v.shape), v.dtype, v.weak)
        return [self._new[v] for v in listed]

    def _at_sizes(self, x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple([self._at_sizes(item) for item in x])
        if not isinstance(x, Sym):
            return x
        if x._key not in self._known:
            self._known[x._key] = Sym(x.poly, evaluate(x, self._values), self.guards)
        return self._known[x._key]


def restated(traced: Traced, sizes: tuple[int, ...]) -> Traced:
    """A backward operator with its symbols at these sizes, and with guards of its own.

    What it was made with are those of the forward call's trace, at the sizes that were traced.
    """
    restate = Restatement(traced.symbols, sizes)
    values = restate((*traced.inputs.values(), *traced.outputs))
    inputs, outputs = dict(zip(traced.inputs, values)), tuple(values[len(traced.inputs) :])
    return Traced(inputs, outputs, traced.symbols, restate.guards, order=traced.order, aliases="same", sizes=sizes)


def without(traced: Traced, missing: tuple[int, ...]) -> Traced:
    """A backward operator where the gradients with these argument numbers are not there: they count as zeros."""
    new = {traced.inputs[i]: build.full(traced.inputs[i].shape, 0, traced.inputs[i].dtype) for i in missing}
    inputs = {i: v for i, v in traced.inputs.items() if i not in missing}
    outputs = tuple(rebuild(traced.outputs, new))
    return Traced(
        inputs, outputs, traced.symbols, traced.guards, order=traced.order, aliases="same", sizes=traced.sizes
    )


def symbolic_shape(shape: Sequence[int], names: dict[int, str], guards: Guards) -> tuple[Size, ...]:
    """A shape with a symbol for each size but 0 and 1; equal sizes share one."""
    result: list[Size] = []
    for n in shape:
        if n < 2:
            result.append(n)
        else:
            name = names.setdefault(n, f"s{len(names)}")
            result.append(Sym.symbol(name, n, guards))
    return tuple(result)
