"""What a trace decides on sizes holds for the calls that use it, also what it decides late."""

import kagari as torch
from kagari.base.symbols import Guards, Sym
from kagari.engine.code import native
from kagari.engine.function import Function, Parameter
from kagari.engine.traced import Traced
from kagari.ir import build as ir


def test_decisions_of_a_variant_are_guards_of_its_trace(monkeypatch) -> None:
    """A variant is made after its trace; a comparison that it makes is one more condition of the trace."""
    shapes = []
    original = Traced.variant

    def variant(self: Traced, needs):
        if needs not in self.variants:
            (size,) = self.inputs[0].shape
            shapes.append((size.hint, bool(size < 50)))
        return original(self, needs)

    monkeypatch.setattr(Traced, "variant", variant)
    double = Function("double", (Parameter("x", "tensor"),), lambda x: ir.add(x, x))
    for n, traces in ((20, 1), (30, 1), (70, 2), (40, 2), (80, 2)):
        assert double.miss(torch.ones(n)).tolist() == [2.0] * n
        assert sum(map(len, double.traces.values())) == traces
    assert {*shapes} == {(20, True), (70, False)}


def test_decisions_of_a_backward_program_hold_for_the_sizes_it_runs_at(monkeypatch) -> None:
    """It is made at the first backward pass, when calls of other sizes have been recorded already."""
    decided = []
    original = Traced.variant

    def variant(self: Traced, needs):
        if self.aliases == "same" and needs not in self.variants:  # a backward operator
            (size,) = self.inputs[max(self.inputs)].shape
            decided.append((size.hint, bool(size < 50)))
        return original(self, needs)

    monkeypatch.setattr(Traced, "variant", variant)
    native()
    double = Function("double", (Parameter("x", "tensor"),), lambda x: ir.add(x, x))
    call = native().operator_function("double", double.activate(), "")
    inputs = [torch.ones(n, requires_grad=True) for n in (20, 70, 30, 80)]
    outputs = [call(x) for x in inputs]
    for x, y in zip(inputs, outputs):
        y.backward(torch.ones_like(y))
        assert x.grad.tolist() == [2.0] * len(x)
    assert sum(map(len, double.traces.values())) == 1
    assert decided == [(20, True), (70, False)]


def test_remainders_by_a_size() -> None:
    guards = Guards()
    rest = 100 % Sym.symbol("s0", 7, guards)
    assert rest.hint == 2 and eval(str(rest), {"s0": 7}) == 2
    assert (
        rest == 2
        and eval(next(iter(guards.conditions)), {"s0": 7})
        and not eval(next(iter(guards.conditions)), {"s0": 8})
    )
