"""What a trace decides on sizes holds for the calls that use it, also what it decides late."""

import kagari as torch
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
