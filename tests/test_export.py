"""Exported programs next to the oracle: graphs, signatures, sizes that are free, and what is refused."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import kagari
import kagari.export
from kagari.capture.dynamo.exc import UserError

nn = kagari.nn


def small(lib: ModuleType, forward: Callable[..., Any]) -> Any:
    """A module without members that calls a function."""

    class Small(lib.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any, y: Any = None) -> Any:
            return forward(x, y)

    return Small()


def whole(lib: ModuleType) -> Any:
    """A module with parameters, buffers of both kinds, a constant and nested results."""

    class Whole(lib.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.linear = lib.nn.Linear(3, 4)
            self.register_buffer("total", lib.ones(4))
            self.register_buffer("scale", lib.ones(4), persistent=False)
            self.shift = lib.ones(1)

        def forward(self, x: Any, parts: Any, *, factor: Any = 2) -> Any:
            z = self.linear(x) + self.total * self.scale + self.shift + lib.tensor([1.0, 2, 3, 4])
            self.total.add_(1)
            if x.shape[0] > 5:
                z = z * factor
            return {"a": z.view(x.shape[0] * 2, -1), "b": [lib.cat([x, parts["k"][0]]), x.shape[0], None, "text"]}

    return Whole()


def convolutional(lib: ModuleType) -> Any:
    """A module with convolutions, normalisation and pooling."""
    layers = lib.nn
    return layers.Sequential(
        layers.Conv2d(3, 8, 3, padding=1), layers.BatchNorm2d(8), layers.ReLU(), layers.MaxPool2d(2), layers.Flatten(),
        layers.Dropout(0.5), layers.Linear(128, 10), layers.Softmax(1),
    )  # fmt: skip


def text_of(program: Any) -> str:
    """A program as text without the places in files that are not the same."""
    return re.sub(r" *# File: .*\n *\n?| *# No stacktrace.*\n| *\n(?= *\n)", "", str(program))


def exported_whole(lib: ModuleType, **options: Any) -> Any:
    arguments = (lib.ones(8, 3), {"k": [lib.ones(8, 3)]})
    return lib.export.export(whole(lib), arguments, {"factor": 3}, **options)


def shapes_of_whole(lib: ModuleType) -> Any:
    batch = lib.export.Dim("batch", min=6, max=64)
    return {"x": {0: batch}, "parts": {"k": [{0: batch}]}, "factor": None}


@pytest.mark.parametrize("free", [False, True])
def test_a_program_with_everything(oracle: ModuleType, free: bool) -> None:
    ours, theirs = (
        exported_whole(lib, dynamic_shapes=shapes_of_whole(lib) if free else None) for lib in (kagari, oracle)
    )
    assert text_of(ours) == text_of(theirs)
    assert ours.module().code == theirs.module().code
    assert list(ours.state_dict) == list(theirs.state_dict)
    assert list(ours.constants) == list(theirs.constants)
    assert str(ours.call_spec) == str(theirs.call_spec)
    assert str(ours.range_constraints) == str(theirs.range_constraints)
    for name in ("parameters", "buffers", "user_inputs", "user_outputs", "non_persistent_buffers"):
        assert getattr(ours.graph_signature, name) == getattr(theirs.graph_signature, name)


@pytest.mark.parametrize("training", [False, True])
def test_a_network(oracle: ModuleType, training: bool) -> None:
    ours, theirs = (
        lib.export.export(convolutional(lib).train(training), (lib.ones(2, 3, 8, 8),)) for lib in (kagari, oracle)
    )
    assert text_of(ours) == text_of(theirs)


@pytest.mark.filterwarnings("ignore:The tensor attributes")  # of the oracle
@pytest.mark.parametrize("text", ["LSTM(4, 5, 2, bidirectional=True, batch_first=True)", "GRU(4, 5)", "RNN(4, 5)"])
def test_recurrent_networks(oracle: ModuleType, text: str) -> None:
    ours, theirs = (lib.export.export(eval(f"lib.nn.{text}"), (lib.ones(2, 3, 4),)) for lib in (kagari, oracle))
    assert ours.graph_module.code == theirs.graph_module.code


@pytest.mark.parametrize("make", [
    lambda: (nn.LSTM(4, 5, 2, bidirectional=True, batch_first=True), (kagari.rand(2, 3, 4),)),
    lambda: (nn.GRU(4, 5), (kagari.rand(3, 4), kagari.rand(1, 5))),
    lambda: (nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 2)), (kagari.rand(3, 4),)),
    lambda: (convolutional(kagari).eval(), (kagari.rand(2, 3, 8, 8),)),
    lambda: (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval(), (kagari.rand(2, 5, 8),)),
    lambda: (nn.MultiheadAttention(8, 2), (kagari.rand(5, 2, 8),) * 3),
    lambda: (nn.Sequential(nn.Embedding(5, 3), nn.LayerNorm(3)), (kagari.tensor([[0, 1], [2, 3]]),)),
    lambda: (kagari.vision.models.resnet18(num_classes=3).eval(), (kagari.rand(1, 3, 64, 64),)),
    lambda: (
        kagari.vision.models.VisionTransformer(32, 16, 1, 2, 8, 16, num_classes=3).eval(), (kagari.rand(1, 3, 32, 32),)
    ),
])  # fmt: skip
def test_programs_compute_what_the_module_does(make: Callable[[], tuple[Any, tuple[Any, ...]]]) -> None:
    module, arguments = make()
    program = kagari.export.export(module, arguments)
    results = [f(*arguments) for f in (module, program.module())]
    kagari.testing.assert_close(*results)
    gradients = []
    for result in results:
        first = result[0] if isinstance(result, tuple) else result
        parameters = [p for p in module.parameters() if p.requires_grad]
        gradients.append(kagari.autograd.grad(first.square().sum(), parameters, allow_unused=True))
    for ours, theirs in zip(*gradients):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            kagari.testing.assert_close(ours, theirs)


def test_free_sizes() -> None:
    batch = kagari.export.Dim("batch", min=2, max=64)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    program = kagari.export.export(module, (kagari.rand(3, 3, 9, 9),), dynamic_shapes=({0: batch},))
    for count in (2, 3, 17, 64):
        x = kagari.rand(count, 3, 9, 9)
        kagari.testing.assert_close(program.module()(x), module(x))


SIZES = (  # the program, the shapes of the inputs, and what is said of them
    ("x + 1", [(8, 3)], "({0: Dim('a', max=6)},)"), ("x + 1", [(8, 3)], "({0: 9},)"), ("x + 1", [(8, 3)], "({0: 8},)"),
    ("x + 1", [(8, 3)], "({0: Dim.AUTO(min=4, max=10)},)"), ("x + 1", [(8, 3)], "(Dim('a'),)"),
    ("x + 1", [(1, 3)], "({0: Dim('a')},)"), ("x + 1", [(1, 3)], "({0: Dim.AUTO},)"),
    ("x + 1", [(1, 3)], "({0: Dim.DYNAMIC},)"), ("x + 1", [(8, 3)], "{'z': {0: Dim('a')}}"),
    ("x + lib.ones(8, 3)", [(8, 3)], "({0: Dim('a')},)"), ("x + lib.ones(8, 3)", [(8, 3)], "({0: Dim.AUTO},)"),
    ("x * 2 if x.shape[0] > 5 else x", [(8, 3)], "({0: Dim.DYNAMIC},)"),
    ("x * 2 if x.shape[0] > 5 else x", [(8, 3)], "({0: Dim('a', min=2, max=64)},)"),
    ("x * 2 if x.shape[0] <= 16 else x", [(8, 3)], "({0: Dim('a')},)"),
    ("x * 2 if x.shape[0] == 8 else x", [(8, 3)], "({0: Dim('a')},)"),
    ("x * 2 if x.shape[0] != 9 else x", [(8, 3)], "({0: Dim.AUTO, 1: Dim.AUTO},)"),
    ("x + y", [(8, 3), (8, 3)], "({0: Dim('a')}, {0: Dim('b')})"), ("x + y", [(8, 3), (8, 3)], "({0: Dim('a')}, None)"),
    ("x + y", [(8, 3), (8, 3)], "({0: Dim.AUTO}, {0: Dim.AUTO})"), ("x + y", [(8, 3), (1, 3)], "({0: Dim('a')}, None)"),
    ("x[1:] + y", [(8, 3), (7, 3)], "({0: Dim.DYNAMIC}, {0: Dim.AUTO})"),
    (
        "x @ y if x.shape[0] <= 16 else y", [(8, 16), (16, 32)],
        "({0: Dim('a'), 1: Dim('b')}, {0: Dim('c'), 1: Dim('d')})",
    ),
    ("x + y", [(8, 3), (8, 3)], "({0: Dim.AUTO, 1: Dim.AUTO}, {0: Dim.AUTO, 1: Dim.AUTO})"),
    ("x + y", [(4, 4), (4, 4)], "({0: Dim.AUTO, 1: Dim.AUTO}, {0: Dim.AUTO, 1: Dim.AUTO})"),
    ("x.flatten() + y", [(4, 3), (12,)], "({0: Dim.AUTO, 1: Dim.AUTO}, {0: Dim.AUTO})"),
    ("x.flatten() + y", [(4, 3), (12,)], "({0: Dim.AUTO}, {0: Dim.AUTO})"),
    ("x.flatten(), x.shape[0] * x.shape[1], lib.cat([x, x])", [(4, 3)], "({0: Dim('a'), 1: Dim('b')},)"),
    ("lib.zeros(x.shape[0] * 2, x.size(1)) + x.shape[0] // 2", [(8, 3)], "({0: Dim('a')},)"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "shapes", "said"), SIZES)
def test_sizes(oracle: ModuleType, text: str, shapes: list[tuple[int, ...]], said: str) -> None:
    outcomes = []
    for lib in (kagari, oracle):
        forward = eval(f"lambda x, y: {text if ',' not in text else f'({text})'}", {"lib": lib})
        free = eval(said, {"Dim": lib.export.Dim})
        try:
            program = lib.export.export(small(lib, forward), tuple(lib.ones(s) for s in shapes), dynamic_shapes=free)
            outcomes.append(text_of(program))
        except Exception as error:
            outcomes.append(f"{type(error).__name__}: {error}")
    assert outcomes[0] == outcomes[1]


def test_dims(oracle: ModuleType) -> None:
    texts = (
        "Dim('a')", "Dim('a', min=2)", "Dim('a', max=9)", "Dim('a') - 1", "2 * Dim('a') + 1", "Dim('a b')", "Dim.AUTO",
        "Dim('a', min=3, max=2)", "Dim('a') * 1.5", "Dim.DYNAMIC(min=3)", "export.dims('a', 'b', min=1)",
    )  # fmt: skip
    for text in texts:
        outcomes = []
        for lib in (kagari, oracle):
            try:
                outcomes.append(repr(eval(text, {"Dim": lib.export.Dim, "export": lib.export})))
            except Exception as error:
                outcomes.append(f"{type(error).__name__}: {error}")
        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("call", [
    "m(rand(70, 3), {'k': [rand(70, 3)]}, factor=3)", "m(rand(3, 3), {'k': [rand(3, 3)]}, factor=3)",
    "m(rand(8, 4), {'k': [rand(8, 3)]}, factor=3)", "m(rand(8, 3), {'k': [rand(9, 3)]}, factor=3)",
    "m(rand(8, 3), {'k': [rand(8, 3)]}, factor=4)", "m(rand(8, 3), {'k': [rand(8, 3)]})", "m(rand(8, 3), factor=3)",
    "m.train()", "m.eval()",
])  # fmt: skip
def test_calls_that_are_refused(oracle: ModuleType, call: str) -> None:
    outcomes = []
    for lib in (kagari, oracle):
        module = exported_whole(lib, dynamic_shapes=shapes_of_whole(lib)).module()
        with pytest.raises(Exception) as caught:
            eval(call, {"m": module, "rand": lib.rand})
        outcomes.append((type(caught.value).__name__, str(caught.value)))
    assert outcomes[0] == outcomes[1]


def test_comparisons_are_conditions(oracle: ModuleType) -> None:
    outcomes = []
    for lib in (kagari, oracle):
        model = small(lib, lambda x, y: x * 2 if x.shape[0] == 9 else x)
        module = lib.export.export(model, (lib.ones(8, 3),), dynamic_shapes=({0: lib.export.Dim.AUTO},)).module()
        assert module(lib.ones(7, 3)).shape == (7, 3)
        with pytest.raises(AssertionError) as caught:
            module(lib.ones(9, 3))
        outcomes.append(str(caught.value))
    assert outcomes[0] == outcomes[1]


def test_nothing_of_the_module_changes() -> None:
    module = convolutional(kagari)
    before = copy.deepcopy(module.state_dict())
    state = kagari.get_rng_state()
    program = kagari.export.export(module, (kagari.rand(2, 3, 8, 8),))
    for name, value in module.state_dict().items():
        assert kagari.equal(value, before[name])
    kagari.set_rng_state(state)
    assert program.state_dict["0.weight"] is module[0].weight
    program.module()(kagari.rand(2, 3, 8, 8))
    assert module[1].num_batches_tracked.item() == 1


def test_assigned_buffers_are_written() -> None:
    class Counter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("count", kagari.zeros(1))

        def forward(self, x: Any) -> Any:
            self.count = self.count + 1
            return x + self.count

    counter = Counter()
    exported = kagari.export.export(counter, (kagari.zeros(1),)).module()
    assert counter.count.item() == 0
    assert [exported(kagari.zeros(1)).item() for _ in range(2)] == [1, 2]


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Expected `mod` to be an instance of `torch\.nn\.Module`"):
        kagari.export.export(lambda x: x, (kagari.ones(1),))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="Expecting `args` to be a tuple"):
        kagari.export.export(nn.ReLU(), kagari.ones(1))  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match=r"Could not guard on data-dependent expression[\s\S]*test_export"):
        kagari.export.export(small(kagari, lambda x, y: x if x.sum() > 0 else -x), (kagari.ones(1),))
    with pytest.raises(RuntimeError, match=r"Unable to call ExportedProgram directly"):
        kagari.export.export(nn.ReLU(), (kagari.ones(1),))(kagari.ones(1))
    with pytest.raises(NotImplementedError, match="local_response_norm"):
        kagari.export.export(nn.LocalResponseNorm(2), (kagari.ones(1, 2, 3),))


def test_shapes_collection() -> None:
    x, y = kagari.ones(4, 2), kagari.ones(4, 2)
    shapes = kagari.export.ShapesCollection()
    batch = kagari.export.Dim("batch")
    shapes[x] = shapes[y] = {0: batch}
    program = kagari.export.export(small(kagari, lambda x, y: x + y[0]), (x, [y]), dynamic_shapes=shapes)
    assert program.module()(kagari.ones(3, 2), [kagari.ones(3, 2)]).shape == (3, 2)


def test_regions_without_gradients() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, x: Any) -> Any:
            with kagari.no_grad():
                scale = self.linear(x) * 2
            return self.linear(x) * scale

    model, x = Model(), kagari.rand(2, 3)
    gradients = []
    for f in (model, kagari.export.export(model, (x,)).module()):
        gradients.append(kagari.autograd.grad(f(x).sum(), list(model.parameters())))
    for ours, theirs in zip(*gradients):
        kagari.testing.assert_close(ours, theirs)


def test_regions_of_autocast() -> None:
    class Model(nn.Module):
        def forward(self, x: Any) -> Any:
            with kagari.autocast("cpu", dtype=kagari.bfloat16):
                return x @ x

    with pytest.raises(NotImplementedError, match=r"regions of autocast.*test_export"):
        kagari.export.export(Model(), (kagari.rand(3, 3),))
