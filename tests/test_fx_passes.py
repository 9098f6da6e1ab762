"""Passes over graphs, what traces note, and modules written out as files, beside PyTorch's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari import fx
from kagari.fx.passes.graph_drawer import FxGraphDrawer
from kagari.fx.passes.shape_prop import ShapeProp
from kagari.fx.passes.split_module import split_module


def network(lib: Any) -> Any:
    class Net(lib.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            nn = lib.nn
            self.seq = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 3)))
            self.p = nn.Parameter(lib.ones(3))
            self.sub = nn.Module()
            self.sub.w = nn.Parameter(lib.ones(3))

        def forward(self, x: Any, y: int = 2, *a: Any, **k: Any) -> Any:
            z = self.seq(x)
            u = z + self.p
            v = z * self.p + self.sub.w
            t = u.chunk(2)
            return {"a": u + v * y, "b": t[0]}

    return Net()


PARTS = {"add": 0, "mul": 1, "add_1": 1, "chunk": 0, "getitem": 2, "mul_1": 2, "add_2": 2}
SPLITS: list[tuple[Callable[[Any], Any], dict[str, Any], dict[str, Any]]] = [
    (network, PARTS, {}),
    (network, PARTS, {"tuple_return": True}),
    (network, PARTS, {"keep_original_order": True, "partition_affix": "pp"}),
    (lambda lib: lambda x: (x + 1) * 2 + 3, {"add_1": 1}, {"keep_original_node_name": True}),
    (network, PARTS, {"keep_original_input_name": False}),
    (lambda lib: lambda x: (x.relu() + x.tanh()).sin(), {"relu": 3, "tanh": "b", "add": 3, "sin": 1}, {}),
    (lambda lib: lambda x: x, {}, {}),
    (lambda lib: lambda x, y: x + 1, {}, {}),
    (lambda lib: lambda x: (x + 1, x.relu(), x), {"relu": 1}, {}),
    (lambda lib: lambda x: (x + 1, x.relu())[0], {"relu": 1}, {}),
]


def described(lib: Any, split: Any) -> list[Any]:
    inner = [(n, m.code) for n, m in split.named_modules() if isinstance(m, lib.fx.GraphModule)]
    nodes = [(node.format_node(), node.type) for node in split.graph.nodes]
    return [str(split), inner, nodes, [n for n, _ in split.named_parameters()]]


@pytest.mark.parametrize("number", range(len(SPLITS)))
def test_splits_are_the_oracles(number: int, oracle: ModuleType) -> None:
    from torch.fx.passes.split_module import split_module as theirs

    program, parts, how = SPLITS[number]
    found = []
    for lib, split in ((kagari, split_module), (oracle, theirs)):
        names: dict[str, str] = {}
        traced = lib.fx.symbolic_trace(program(lib))
        made = split(traced, None, lambda node: parts.get(node.name, 0), names, **how)
        found.append([*described(lib, made), names])
    assert found[0] == found[1]


def test_a_split_module_computes_the_same() -> None:
    model = network(kagari)
    split = split_module(fx.symbolic_trace(model), None, lambda node: PARTS.get(node.name, 0))
    x = kagari.rand(4, 2)
    for name, value in model(x).items():
        assert kagari.equal(split(x)[name], value)
    with pytest.raises(RuntimeError, match="cycle exists between partitions!"):
        traced = fx.symbolic_trace(lambda x: (x.relu() + x.tanh()).sin())
        split_module(traced, None, lambda node: 1 if node.name == "add" else 0)


def test_notes_are_the_oracles(oracle: ModuleType) -> None:
    from torch.fx.passes.shape_prop import ShapeProp as Theirs

    found = []
    for lib, propagate in ((kagari, ShapeProp), (oracle, Theirs)):
        nn = lib.nn
        model = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), nn.Flatten())
        traced = lib.fx.symbolic_trace(model)
        propagate(traced).propagate(lib.ones(2, 1, 4, 4))
        notes = [(n.name, str(n.meta["tensor_meta"])) for n in traced.graph.nodes]
        stacks = [
            {k: (p, t.__name__) for k, (p, t) in n.meta.get("nn_module_stack", {}).items()} for n in traced.graph.nodes
        ]
        found.append((notes, stacks))
    assert found[0] == found[1]


class Doubled(kagari.nn.Module):
    def forward(self, x: Any) -> Any:
        y = x * 2
        return y + 1


def test_lines_that_made_nodes() -> None:
    tracer = fx.Tracer()
    tracer.record_stack_traces = True
    model = kagari.nn.Sequential(Doubled())
    graph = tracer.trace(model)
    assert graph._tracer_cls is fx.Tracer
    lines = {node.name: node.stack_trace for node in graph.nodes}
    assert lines["x" if "x" in lines else "input_1"] is None
    assert lines["mul"].startswith(f'File "{__file__}", line ')
    assert lines["mul"].endswith("in forward\n    y = x * 2")
    assert "mul" not in {n.name for n in fx.symbolic_trace(model).graph.nodes if n.stack_trace}


def test_parameters_are_read_once(oracle: ModuleType) -> None:
    codes = []
    for lib in (kagari, oracle):
        layer = lib.nn.Linear(2, 2)
        layer.register_buffer("b", lib.ones(2))

        class Uses(lib.nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self, layer: Any) -> None:
                super().__init__()
                self.layer = layer

            def forward(self, x: Any) -> Any:
                return x @ self.layer.weight + x @ self.layer.weight * self.layer.b + self.layer.b

        codes.append(lib.fx.symbolic_trace(Uses(layer)).code)
    assert codes[0] == codes[1]


def test_functions_with_effects_stay() -> None:
    def note(x: Any) -> None:
        seen.append(x)

    seen: list[Any] = []
    graph = fx.Graph()
    graph.call_function(note, (graph.placeholder("x"),))
    graph.output(None)
    kept = fx.Graph()
    kept.graph_copy(graph, {})
    assert fx.Graph.eliminate_dead_code(graph)
    fx.has_side_effect(note)
    assert not kept.eliminate_dead_code()
    assert fx.map_arg is fx.node.map_arg


def test_drawings() -> None:
    traced = fx.symbolic_trace(network(kagari))
    for node in [n for n in traced.graph.nodes if str(n.target).startswith("*")]:
        traced.graph.erase_node(node)
    ShapeProp(traced).propagate(kagari.ones(1, 2))
    text = FxGraphDrawer(traced, "net").get_dot_graph().to_string()
    assert "digraph net {" in text and "seq_0 -> seq_1_0;" in text and '"seq.0.weight" -> seq_0;' in text
    assert "op_code=call_module\\n|torch.nn.linear.Linear\\n|in_features: 2\\nout_features: 3\\n" in text
    assert "|shape=(1, 3)\\n" in text
    bare = FxGraphDrawer(traced, "net", ignore_getattr=True, ignore_parameters_and_buffers=True).get_dot_graph()
    assert "get_attr" not in bare.to_string() and "weight" not in bare.to_string()
    split = split_module(traced, None, lambda node: PARTS.get(node.name, 0))
    drawer = FxGraphDrawer(split, "net")
    assert list(drawer.get_all_dot_graphs()) == ["net", "net_submod_0", "net_submod_1", "net_submod_2"]
    assert "chunk" in drawer.get_dot_graph("submod_0").to_string()


def test_drawings_need_pydot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydot", None)
    with pytest.raises(RuntimeError, match="requires the pydot package"):
        FxGraphDrawer(fx.symbolic_trace(lambda x: x), "m")


def of_ones_own(x: Any) -> Any:
    return x


class Written(kagari.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = kagari.nn.ModuleList([kagari.nn.Linear(2, 3)])
        self.norm = kagari.nn.BatchNorm1d(3)
        self.scale = kagari.nn.Parameter(kagari.rand(3), requires_grad=False)
        self.register_buffer("shift", kagari.rand(3))

    def forward(self, x: Any, factor: float = float("inf")) -> Any:
        y = kagari.nn.functional.gelu(self.norm(self.inner[0](x))) * self.scale + self.shift
        return kagari.clamp(y, max=factor) + kagari.tensor([1.0, 2, 3])


def test_layers_that_do_not_print_all_are_files(tmp_path: Path) -> None:
    nn = kagari.nn
    layers = nn.Sequential(nn.Conv2d(1, 1, 3, padding="same"), nn.Conv2d(1, 2, 1).double(), nn.Dropout(0.3))
    fx.symbolic_trace(layers).to_folder(tmp_path)
    text = (tmp_path / "module.py").read_text()
    assert 'setattr(self, "2", Dropout(p=0.3, inplace=False))' in text
    space = {"__file__": str(tmp_path / "module.py")}
    exec(text, space)
    assert [str(p.dtype) for p in space["FxModule"]().parameters()] == ["torch.float32"] * 2 + ["torch.float64"] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0.pt",
        "1.pt",
        "__init__.py",
        "module.py",
        "state_dict.pt",
    ]


def test_modules_as_folders(tmp_path: Path) -> None:
    traced = fx.symbolic_trace(Written().eval())
    x = kagari.rand(4, 2)
    expected = traced(x)
    traced.to_folder(tmp_path / "written", "Written")
    kagari.save((x, expected), tmp_path / "data.pt")
    program = (
        "import kagari\nfrom written import Written\nx, y = kagari.load('data.pt')\nmodel = Written().eval()\n"
        "print(kagari.equal(model(x), y), model.scale.requires_grad)"
    )
    env = {"PYTHONPATH": str(Path(kagari.__file__).parents[1]), "HOME": str(Path.home())}
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert (result.stdout, result.stderr) == ("True False\n", "")
    assert '"norm", BatchNorm1d(3' in (tmp_path / "written" / "module.py").read_text()
