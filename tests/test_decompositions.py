"""Graphs of fewer operators, none of which works in place: next to the oracle, and by what they compute."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import kagari
import kagari.export
from kagari.export import Dim
from kagari.export.graph_signature import OutputKind
from kagari.library import namespaces as ops
from kagari.utils import _pytree as pytree
from tests.test_aten import CASES, program
from tests.test_export import convolutional, small

pytestmark = pytest.mark.filterwarnings("ignore:.isinstance.treespec:FutureWarning")  # of the oracle
nn = kagari.nn
EQUAL = (
    "x.reshape(3, 2) + 1", "x.T.reshape(6)", "x.flatten()", "x.t().contiguous()", "x @ x.T", "lib.zeros(3) + x",
    "lib.ones_like(x)", "x.double()", "x.float() + 1", "x.squeeze(0)", "x.unbind()[0]", "x.chunk(3, 1)[0]", "F.silu(x)",
    "x.std()", "F.dropout(x, 0.5, False) + 1", "x.relu_() + 1", "x.clone().add_(1)", "x.sum()", "F.pad(x, (1, 1))",
    "x.unflatten(1, (1, 3))", "lib.tensor([1., 2, 3]) + x", "x.where(x > 0, 0.0)", "x.masked_fill(x > 0, 1.)",
    "lib.stack([x, x])", "F.layer_norm(x, (3,))", "F.mse_loss(x, x + 1)", "x[:, [0, 1]]", "lib.arange(3) + x", "1 - x",
    "x.type_as(x)", "x.unsqueeze(0) @ x.T.unsqueeze(0)", "F.softmax(x, 1)", "x.detach()", "x.transpose(0, 1)",
)  # fmt: skip


@pytest.mark.parametrize("text", EQUAL)
def test_graphs_are_the_oracles(oracle: ModuleType, text: str) -> None:
    codes = []
    for lib in (kagari, oracle):
        f = program(lib, text)
        made = lib.export.export(small(lib, lambda x, y, f=f: f(x)), (lib.ones(2, 3),)).run_decompositions()
        codes.append((made.graph_module.code, str(made.graph_signature)))
    assert codes[0] == codes[1]


@pytest.mark.parametrize("make", [
    lambda lib: (convolutional(lib).eval(), (2, 3, 8, 8)),
    lambda lib: (lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.GELU(), lib.nn.Linear(4, 2, bias=False)), (5, 7, 3)),
])  # fmt: skip
def test_networks_are_the_oracles(oracle: ModuleType, make: Callable[[Any], Any]) -> None:
    codes = []
    for lib in (kagari, oracle):
        module, shape = make(lib)
        codes.append(lib.export.export(module, (lib.ones(shape),)).run_decompositions().graph_module.code)
    assert codes[0] == codes[1]


@pytest.mark.parametrize(("text", "shape"), CASES[::3])
def test_results_stay(text: str, shape: tuple[int, ...]) -> None:
    f = program(kagari, text)
    x = kagari.arange(float(kagari.zeros(shape).numel())).reshape(shape) / 3 + 0.1
    made = kagari.export.export(small(kagari, lambda x, y: f(x)), (x,))
    results = [pytree.tree_leaves(p.module()(x.clone())) for p in (made, made.run_decompositions())]
    for ours, theirs in zip(*results, strict=True):
        kagari.testing.assert_close(ours, theirs)


def test_free_sizes_stay() -> None:
    module = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    sizes = ({0: Dim("b", min=2), 1: Dim("s", min=2)},)
    made = kagari.export.export(module, (kagari.rand(2, 5, 8),), dynamic_shapes=sizes).run_decompositions()
    x = kagari.rand(3, 4, 8)
    kagari.testing.assert_close(made.module()(x), module(x))


def test_new_values_of_buffers_are_outputs() -> None:
    class Counter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("count", kagari.zeros(1))

        def forward(self, x: Any) -> Any:
            self.count.add_(1).mul_(2)
            return x + self.count

    counter = Counter()
    made = kagari.export.export(counter, (kagari.zeros(1),)).run_decompositions()
    assert [spec.kind for spec in made.graph_signature.output_specs] == [
        OutputKind.BUFFER_MUTATION, OutputKind.USER_OUTPUT,
    ]  # fmt: skip
    assert dict(made.graph_signature.buffers_to_mutate) == {"mul": "count"}
    module = made.module()
    assert [module(kagari.zeros(1)).item() for _ in range(2)] == [2, 6]
    assert counter.count.item() == 6


def test_tables_of_ones_own() -> None:
    made = kagari.export.export(small(kagari, lambda x, y: kagari.nn.functional.silu(x.t())), (kagari.ones(2, 3),))
    own = made.run_decompositions({ops.aten.silu.default: lambda x: x * kagari.tanh(x)})
    assert "aten.tanh.default" in own.graph_module.code
    assert "aten.t.default" in own.graph_module.code
    assert made.run_decompositions({}).graph_module.code == made.graph_module.code


def test_what_is_refused() -> None:
    def forward(x: Any, y: Any) -> Any:
        z = x.clone()
        z[0].add_(1)
        return z

    trained = kagari.export.export(nn.BatchNorm1d(3), (kagari.ones(2, 3),))
    with pytest.raises(NotImplementedError, match="batch_norm in training"):
        trained.run_decompositions()
    made = kagari.export.export(small(kagari, forward), (kagari.ones(2, 3),))
    with pytest.raises(NotImplementedError, match=r"shares its memory with another one(.|\n)*test_decompositions"):
        made.run_decompositions()
