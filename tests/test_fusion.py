"""Which operators are one kernel: the stages of their programs, forward and backward."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kagari.autograd.library import records
from kagari.base.dtypes import dtype, float32, int64
from kagari.base.symbols import Guards
from kagari.engine.interpret import interpret
from kagari.engine.traced import Traced, symbolic_shape
from kagari.ir import graph
from kagari.ir.differentiate import differentiate
from kagari.ir.graph import Graph, Value
from kagari.ir.simplify import simplify
from kagari.ir.spec import verify

FLOATS, CLASSES = (32, 100), (32,)


def traced(name: str, *arguments: Any) -> tuple[Traced, tuple[int, ...]]:
    """The trace of an operator, and the arguments that want gradients. Sizes and a dtype stand for a tensor."""
    guards, names = Guards(), {}
    inputs: dict[int, Value] = {}
    values: list[Any] = []
    for i, a in enumerate(arguments):
        if isinstance(a, tuple) and a and isinstance(a[-1], dtype):
            inputs[i] = Value("input", (), (i,), symbolic_shape(a[:-1], names, guards), a[-1])
        values.append(inputs.get(i, a))
    record = records()[name]
    result = record.define(*values)
    made = Traced(inputs, (result,), tuple(names.values()), guards, values=tuple(values), gradient=record.gradient)
    return made, tuple(i for i, v in inputs.items() if v.dtype is float32)


def kinds(program: Any) -> list[str]:
    return [stage.kind for stage in program.schedule.stages]


def floats(*shape: int) -> tuple[Any, ...]:
    return (*shape, float32)


ROWS = [
    ("softmax", (floats(32, 100), 1), 1, 1),
    ("softmax", (floats(8, 10, 12), 1), 1, 1),
    ("log_softmax", (floats(32, 100), -1), 1, 1),
    ("layer_norm", (floats(32, 100), (100,)), 1, 1),
    ("layer_norm", (floats(32, 100), (100,), floats(100), floats(100)), 1, 2),
    ("rms_norm", (floats(32, 100), (100,), floats(100)), 1, 2),
    ("nll_loss", (floats(32, 100), (32, int64)), 1, 1),
    ("cross_entropy", (floats(32, 100), (32, int64), None, "none"), 1, 1),
    ("cross_entropy", (floats(32, 100), (32, int64)), 2, 1),
    ("cross_entropy", (floats(8, 10, 4, 6), (8, 4, 6, int64)), 2, 1),
    ("cross_entropy", (floats(32, 100), (32, int64), None, "mean", -100, 0.1), 2, 1),
    ("mse_loss", (floats(32, 100), floats(32, 100)), 1, 1),
    ("binary_cross_entropy_with_logits", (floats(32, 100), floats(32, 100)), 1, 1),
    ("binary_cross_entropy", (floats(32, 100), floats(32, 100)), 1, 1),
]


@pytest.mark.parametrize(("name", "arguments", "forward", "backward"), ROWS)
def test_loops(name: str, arguments: tuple[Any, ...], forward: int, backward: int) -> None:
    made, needs = traced(name, *arguments)
    variant = made.variant(needs)
    assert variant.backward is not None
    assert kinds(made.variant(()).program) == ["loop"] * forward
    assert kinds(variant.program) == ["loop"] * forward
    assert kinds(variant.backward.variant(()).program) == ["loop"] * backward


PRODUCTS = [
    ("mm", (floats(8, 16), floats(16, 4)), ["dot"] * 2),
    ("mv", (floats(8, 16), floats(16)), ["loop", "dot"]),
    ("linear", (floats(8, 16), floats(4, 16), floats(4)), ["dot", "dot", "loop"]),
    ("linear", (floats(8, 6, 16), floats(4, 16), floats(4)), ["dot", "dot", "loop"]),
    ("matmul", (floats(8, 6, 16), floats(16, 4)), ["dot"] * 2),
    ("baddbmm", (floats(3, 8, 4), floats(3, 8, 16), floats(3, 16, 4)), ["dot"] * 2),
]


@pytest.mark.parametrize(("name", "arguments", "backward"), PRODUCTS)
def test_products(name: str, arguments: tuple[Any, ...], backward: list[str]) -> None:
    made, needs = traced(name, *arguments)
    variant = made.variant(needs)
    assert variant.backward is not None
    assert kinds(variant.program) == ["dot"]
    assert sorted(kinds(variant.backward.variant(()).program)) == sorted(backward)


def test_pick_means_one_element_of_each_row() -> None:
    x, at = Value("input", (), (0,), (3, 4, 2), float32), Value("input", (), (1,), (3, 2), int64)
    picked = graph.pick(x, at, 1)
    verify(Graph((x, at), (picked,)))
    values, places = np.arange(24, dtype=np.float32).reshape(3, 4, 2), np.array([[0, 3], [1, 1], [2, 0]])
    (got,) = interpret(Graph((x, at), (picked,)), [values, places])
    np.testing.assert_array_equal(got, np.take_along_axis(values, places[:, None], 1)[:, 0])
    g = Value("input", (), (2,), (3, 2), float32)
    (slope,) = differentiate([picked], [g], [x])
    assert slope is not None
    (got,) = interpret(Graph((x, at, g), (slope,)), [values, places, np.ones((3, 2), np.float32)])
    want = np.zeros_like(values)
    np.put_along_axis(want, places[:, None], 1, 1)
    np.testing.assert_array_equal(got, want)


def test_a_turned_sum_is_written_by_another_kernel() -> None:
    """A square matrix is no other shape when it is turned, but its elements are elsewhere."""
    made, wanted = traced("linear", floats(4, 1, 3), floats(3, 3))
    backward = made.variant(wanted).backward
    assert backward is not None
    turned = next(
        v for stage in backward.variant(()).program.schedule.stages for v in stage.outputs if v.op == "permute"
    )
    outputs = [stage.outputs for stage in backward.variant(()).program.schedule.stages]
    assert [turned] in outputs


def test_pick_checks_its_index() -> None:
    x, at = Value("input", (), (0,), (2, 4), float32), Value("input", (), (1,), (2,), int64)
    with pytest.raises(IndexError, match="index 4 is out of bounds for dimension 1 with size 4"):
        interpret(Graph((x, at), (graph.pick(x, at, 1),)), [np.zeros((2, 4)), np.array([0, 4])])


def test_detached_values_have_no_gradient_and_leave_no_trace() -> None:
    x = Value("input", (), (0,), (5,), float32)
    y = graph.detach(x) * x
    (slope,) = differentiate([y], [x], [x])
    assert slope is not None
    (got,) = interpret(Graph((x,), (slope,)), [np.arange(5.0)])
    np.testing.assert_array_equal(got, np.arange(5.0) ** 2)
    assert all(v.op != "detach" for v in simplify(Graph((x,), (y, slope))).values())
