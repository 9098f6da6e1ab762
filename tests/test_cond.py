"""Branches and operators of a program's own in graphs: next to the oracle, and by themselves."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import kagari
import kagari.export
from kagari.library import namespaces as ops
from tests.test_export import small

BRANCHES = (
    "lib.cond(x.sum() > 0, lambda x: x.sin(), lambda x: x.cos(), (x,))",
    "lib.cond(x.sum() > 0, lambda x, y: (x + y, y * 2), lambda x, y: (x - y, y), (x, x + 1))[0]",
    "lib.cond(x.any(), lambda x: lib.cond(x.sum() > 1, lambda x: x * 2, lambda x: x * 3, (x,)), lambda x: -x, (x,))",
    "lib.cond(True, lambda x: x.sin(), lambda x: x.cos(), (x,))",
)


@pytest.mark.parametrize("text", BRANCHES)
def test_branches(text: str) -> None:
    module = small(kagari, eval(f"lambda x, y: {text}", {"lib": kagari}))
    program = kagari.export.export(module, (kagari.ones(2, 3),)).module()
    for x in (kagari.rand(2, 3), -kagari.rand(2, 3), kagari.zeros(2, 3)):
        inputs = [x.clone().requires_grad_() for _ in range(2)]
        results = [f(t) for f, t in zip((module, program), inputs)]
        kagari.testing.assert_close(*results)
        for result in results:
            result.square().sum().backward()
        kagari.testing.assert_close(inputs[0].grad, inputs[1].grad)


def test_a_graph_is_the_oracles(oracle: ModuleType) -> None:
    codes = []
    for lib in (kagari, oracle):
        model = small(lib, eval(f"lambda x, y: {BRANCHES[0]}", {"lib": lib}))
        made = lib.export.export(model, (lib.ones(2, 3),)).graph_module
        codes.append([made.code, made.true_graph_0.code, made.false_graph_0.code])
    assert codes[0] == codes[1]


def test_parameters_of_branches() -> None:
    class Model(kagari.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = kagari.nn.Linear(3, 3), kagari.nn.Linear(3, 3)

        def forward(self, x: Any) -> Any:
            return kagari.cond(x.sum() > 0, lambda x: self.first(x), lambda x: self.second(x), (x,))

    model = Model()
    sizes = ({0: kagari.export.Dim("n")},)
    program = kagari.export.export(model, (kagari.ones(2, 3),), dynamic_shapes=sizes).module()
    for x in (kagari.ones(4, 3), -kagari.ones(5, 3)):
        kagari.testing.assert_close(program(x), model(x))


@pytest.mark.parametrize(("arguments", "message"), [
    (("a", abs, abs, (kagari.ones(1),)), "Expected pred to be bool or tensor, but got a."),
    ((kagari.ones(2), abs, abs, (kagari.ones(1),)), "Expected pred to be bool or single-element tensor"),
    ((kagari.ones(1), 1, abs, (kagari.ones(1),)), "Expect both branches to be callable"),
    ((kagari.ones(1), abs, abs, kagari.ones(1)), "Expect operands to be a tuple"),
])  # fmt: skip
def test_what_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        kagari.cond(*arguments)


def test_branches_that_differ() -> None:
    model = small(kagari, lambda x, y: kagari.cond(x.sum() > 0, lambda x: x, lambda x: x[0], (x,)))
    with pytest.raises(RuntimeError, match="same shapes and dtypes"):
        kagari.export.export(model, (kagari.ones(2, 3),))


def test_operators_of_ones_own() -> None:
    @kagari.library.custom_op("test_cond::scaled", mutates_args=())
    def scaled(x: kagari.Tensor, by: float = 2.0) -> kagari.Tensor:
        return x * by

    def forward(x: Any, y: Any) -> Any:
        return scaled(x) + ops.test_cond.scaled(x, 3.0)

    with pytest.raises(NotImplementedError, match="There was no fake impl registered"):
        kagari.export.export(small(kagari, forward), (kagari.ones(2),))
    scaled.register_fake(lambda x, by=2.0: kagari.empty_like(x))
    program = kagari.export.export(small(kagari, forward), (kagari.ones(2),))
    assert "scaled = torch.ops.test_cond.scaled.default(x)" in program.graph_module.code
    assert program.module()(kagari.ones(2)).tolist() == [5, 5]
