"""ONNX models of programs: checked by the library, and run by its reference implementation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kagari
from kagari.export import Dim
from kagari.library import namespaces as ops
from tests.test_aten import CASES, leaves, program

onnx = pytest.importorskip("onnx")
torch_onnx = kagari.onnx
nn = kagari.nn
UNSUPPORTED = (
    "F.max_pool2d(x, 2, return_indices=True)", "F.unfold(x, 2)", "lib.tensordot(x, x, 2)", "x.round(decimals=1)",
)  # fmt: skip


class Of(nn.Module):
    """A module that calls a function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        """What the function gives."""
        return self.function(x)


@pytest.mark.parametrize(("text", "shape"), CASES)
def test_operators(text: str, shape: tuple[int, ...]) -> None:
    module = Of(program(kagari, text))
    x = kagari.arange(float(kagari.zeros(shape).numel())).reshape(shape) / 3 + 0.1
    if text in UNSUPPORTED:
        with pytest.raises(
            torch_onnx.UnsupportedOperatorError, match=r"has no form in ONNX here(.|\n)*called at: File"
        ):
            torch_onnx.export(module, (x,))
        return
    model = torch_onnx.export(module, (x,))
    onnx.checker.check_model(model.model_proto, full_check=True)
    for ours, theirs in zip(leaves(module(x)), model(x), strict=True):
        kagari.testing.assert_close(theirs, ours.detach())


MODELS = (
    (lambda: nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 2), nn.Softmax(-1)), (3, 4), {0: "b"}, (5, 4)),
    (lambda: nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.AvgPool2d(2),
        nn.Flatten(), nn.Dropout(), nn.Linear(32, 10)), (2, 3, 8, 8), {0: "b"}, (3, 3, 8, 8)),
    (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 5, 8), {0: "b", 1: "s"}, (3, 4, 8)),
    (lambda: nn.LSTM(4, 5, 2, bidirectional=True, batch_first=True), (2, 3, 4), {0: "b", 1: "t"}, (4, 2, 4)),
    (lambda: nn.GRU(4, 5), (2, 3, 4), {}, (2, 3, 4)),
    (lambda: nn.RNN(4, 5, 2), (2, 3, 4), {}, (2, 3, 4)),
    (lambda: nn.Sequential(nn.Conv1d(2, 4, 3, stride=2), nn.GroupNorm(2, 4), nn.SiLU()), (2, 2, 9), {}, (2, 2, 9)),
    (lambda: kagari.vision.models.resnet18(num_classes=3), (1, 3, 64, 64), {}, (1, 3, 64, 64)),
    (lambda: kagari.vision.models.mobilenet_v3_small(num_classes=3), (1, 3, 64, 64), {}, (1, 3, 64, 64)),
)  # fmt: skip


@pytest.mark.parametrize(("make", "shape", "free", "other"), MODELS)
def test_models(make: Callable[[], Any], shape: Any, free: dict[int, str], other: Any) -> None:
    module = make().eval()
    sizes = ({dim: Dim(name, min=2) for dim, name in free.items()},)
    model = torch_onnx.export(module, (kagari.rand(shape),), dynamic_shapes=sizes, verify=True)
    onnx.checker.check_model(model.model_proto, full_check=True)
    x = kagari.rand(other)
    wanted = [leaf for part in leaves(module(x)) for leaf in leaves(part)]
    for ours, theirs in zip(wanted, model(x), strict=True):
        kagari.testing.assert_close(theirs, ours.detach(), rtol=1e-3, atol=1e-5)
    dims = model.model_proto.graph.input[0].type.tensor_type.shape.dim
    assert {k: dims[k].dim_param for k in free} == free


def test_names_and_files(tmp_path: Path) -> None:
    path, module = tmp_path / "model.onnx", nn.Linear(300, 2)
    made = torch_onnx.export(
        module, (kagari.ones(3, 300),), path, input_names=["x"], output_names=["y"], opset_version=18,
        dynamic_axes={"x": {0: "batch"}},
    )  # fmt: skip
    read = onnx.load(path)
    assert (tmp_path / "model.onnx.data").is_file()
    assert [v.name for v in (*read.graph.input, *read.graph.output)] == ["x", "y"]
    assert {t.name for t in read.graph.initializer} == {"weight", "bias"}
    assert read.opset_import[0].version == 18
    x = kagari.rand(5, 300)
    (got,) = onnx.reference.ReferenceEvaluator(read).run(None, {"x": x.numpy()})
    kagari.testing.assert_close(kagari.tensor(got), module(x).detach())
    made.save(tmp_path / "alone.onnx", external_data=False, keep_initializers_as_inputs=True)
    assert [v.name for v in onnx.load(tmp_path / "alone.onnx").graph.input] == ["x", "weight", "bias"]
    assert repr(made).startswith("ONNXProgram(x -> y")


def test_translations_of_ones_own() -> None:

    module = Of(lambda x: kagari.tensordot(x, x, 2))
    table = {ops.aten.tensordot.default: lambda b, x, y, first, second: b.emit("ReduceSumSquare", x, keepdims=0)}
    x = kagari.rand(2, 3)
    (got,) = torch_onnx.export(module, (x,), custom_translation_table=table)(x)
    kagari.testing.assert_close(got, module(x))


def test_what_is_refused() -> None:
    x = kagari.ones(2, 3)
    with pytest.raises(ValueError, match="opset_version has to be from"):
        torch_onnx.export(nn.ReLU(), (x,), opset_version=9)
    with pytest.raises(NotImplementedError, match="dynamo=False"):
        torch_onnx.export(nn.ReLU(), (x,), dynamo=False)
    with pytest.raises(torch_onnx.UnsupportedOperatorError, match="evaluation mode"):
        torch_onnx.export(nn.BatchNorm1d(3, track_running_stats=False), (x,))
    with pytest.raises(torch_onnx.UnsupportedOperatorError, match="shares its memory"):
        torch_onnx.export(Of(lambda x: x.clone()[0].add_(1)), (x,))
    with pytest.raises(torch_onnx.OnnxExporterError, match="the constant 3"):
        torch_onnx.export(Of(lambda x: (x, 3)), (x,))
