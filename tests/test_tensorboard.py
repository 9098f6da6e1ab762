"""Event files of SummaryWriter, beside those that PyTorch writes for the same calls."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto import event_pb2
from tensorboard.compat.proto.graph_pb2 import GraphDef

import kagari as torch
from kagari.utils.tensorboard import FileWriter, RecordWriter, SummaryWriter


def events(folder: Path) -> Iterator[tuple[str, Any]]:
    """All messages below a folder, without their time and the name of their file."""
    for path in sorted(folder.rglob("events*")):
        for raw in RawEventFileLoader(str(path)).Load():
            event = event_pb2.Event.FromString(raw)
            event.wall_time = 0
            yield str(path.parent.relative_to(folder)), event


def pixels(encoded: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(encoded)))


def without_pictures(folder: Path) -> tuple[list[Any], list[Any]]:
    """The messages, and the pictures in them."""
    found, pictures = [], []
    for place, event in events(folder):
        for value in event.summary.value:
            if value.HasField("image"):
                pictures.append(pixels(value.image.encoded_image_string))
                value.image.encoded_image_string = b""
        found.append((place, str(event)))
    return found, pictures


def ramp(torch: Any, *shape: int) -> Any:
    return torch.arange(int(np.prod(shape)), dtype=torch.float32).reshape(shape) / float(np.prod(shape))


Program = Callable[[Any, Any], None]


def scalars(torch: Any, w: Any) -> None:
    w.add_scalar("a b/c", 1.5, 3)
    w.add_scalar("a", torch.tensor(2), torch.tensor(4), 12.5)
    w.add_scalar("a", np.float32(0.1), np.int64(5))
    w.add_scalar("a", True, 5.7)
    w.add_scalar("one", torch.ones(1, 1), new_style=True)
    w.add_scalar("one", 2.1, 3, new_style=True, double_precision=True)
    w.add_scalar("nan", float("nan"))
    w.add_scalar("grad", torch.ones(1, requires_grad=True) * 2)


def several_scalars(torch: Any, w: Any) -> None:
    for step in range(2):
        w.add_scalars("run/x y", {"a b": step, "c": torch.tensor(2.0)}, step)
    w.add_scalar("plain", 1)


def tensors(torch: Any, w: Any) -> None:
    kinds = ["float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool", "complex64", "complex128"]
    for kind in kinds:
        w.add_tensor("t", torch.tensor([[0, 1, 1]]).to(getattr(torch, kind)), 1)
    w.add_tensor("t", torch.tensor([1.5, -2j]))
    w.add_tensor("t", torch.tensor(2.5))
    w.add_tensor("t", torch.zeros(0, 3))


def histograms(torch: Any, w: Any) -> None:
    values = torch.tensor([0.001, 1, 2, 2, -3, 40])
    w.add_histogram("h", values, 1)
    w.add_histogram("h", values, 1, max_bins=5)
    for bins in ("auto", "fd", "sqrt", 3, [0, 1, 2, 5, 10, 200]):
        w.add_histogram("h", torch.arange(30.0).reshape(5, 6), 2, bins=bins)
        w.add_histogram("h", torch.arange(30.0) ** 2, 2, bins=bins, max_bins=2)
    w.add_histogram("h", np.arange(5), 3)
    w.add_histogram("h", 3.5, bins="auto")
    w.add_histogram("h", torch.ones(2, dtype=torch.bfloat16))
    w.add_histogram("h", torch.tensor([True, False]), bins=3)
    w.add_histogram("h", torch.tensor([float("nan"), 1.0]))
    w.add_histogram_raw("h", 0, 5, 10, 20, 30, [1, 2, 5], [3, 4, 3], 7)
    w.add_histogram_raw("h", 0, 5, 10, 20, 30, torch.tensor([1, 2, 5]), np.array([3, 4, 3]), 7)


def images(torch: Any, w: Any) -> None:
    image = ramp(torch, 3, 4, 5)
    w.add_image("i", image, 3)
    w.add_image("i", image[0], dataformats="HW")
    w.add_image("i", image[:1])
    w.add_image("i", image.permute(2, 0, 1), dataformats="wch")
    w.add_image("i", (image * 255).to(torch.uint8).numpy().transpose(1, 2, 0), dataformats="HWC")
    w.add_image("i", torch.ones(4, 2, 2))
    w.add_image("i", torch.tensor([[[-0.5, 0, 0.3, 1, 1.5, 300]]], dtype=torch.float64))
    w.add_images("i", ramp(torch, 10, 3, 4, 6))
    w.add_images("i", ramp(torch, 2, 1, 4, 6))
    w.add_images("i", ramp(torch, 2, 4, 4, 3), dataformats="NHWC")


def boxes(torch: Any, w: Any) -> None:
    image = ramp(torch, 3, 40, 50)
    two = torch.tensor([[1.0, 2, 10, 20], [5, 15, 40, 35]])
    w.add_image_with_boxes("i", image, two, 3)
    w.add_image_with_boxes("i", image, two.numpy(), 3, labels=["ab", "Cy"])
    w.add_image_with_boxes("i", image, two, 3, labels=["too few"])
    w.add_image_with_boxes("i", image, two[:1], 3, labels="one")
    w.add_image_with_boxes("i", image[0], two, 3, dataformats="HW")


def figures(torch: Any, w: Any) -> None:
    from matplotlib.figure import Figure

    def figure(height: float) -> Any:
        made = Figure(figsize=(1, 1), dpi=40)
        made.add_subplot().plot([1, height])
        return made

    w.add_figure("f", figure(2), 1)
    w.add_figure("f", [figure(2), figure(-2)], 2, close=False)


def sounds_and_texts(torch: Any, w: Any) -> None:
    w.add_audio("s", torch.tensor([0.0, 0.5, -1, 1]), 3)
    w.add_audio("s", torch.tensor([[0.0, 0.5, -1, 1]]), sample_rate=8000)
    w.add_text("t", "hällo *you*", 3)


def curves(torch: Any, w: Any) -> None:
    labels, predictions = torch.tensor([1, 0, 1, 1]), torch.tensor([0.1, 0.7, 0.8, 1.0])
    w.add_pr_curve("c", labels, predictions, 3)
    w.add_pr_curve("c", labels, predictions, 3, num_thresholds=5)
    w.add_pr_curve("c", labels.numpy(), predictions.numpy(), num_thresholds=300, weights=np.arange(4.0))
    w.add_pr_curve_raw("c", labels, labels, labels, labels, predictions, predictions, 3, num_thresholds=200)


def charts(torch: Any, w: Any) -> None:
    w.add_custom_scalars_multilinechart(["a", "b"])
    w.add_custom_scalars_marginchart(["a", "b", "c"], "category", "title")
    w.add_custom_scalars({"one": {"x": ["Multiline", ["a/b", "c"]]}, "two": {"y": ["Margin", ["a", "b", "c"]]}})


def meshes(torch: Any, w: Any) -> None:
    faces, camera = torch.tensor([[[0, 1, 2]]]), {"camera": {"fov": 3}, "a": 1}
    w.add_mesh("m", ramp(torch, 1, 4, 3), torch.arange(12).reshape(1, 4, 3), faces, camera, 2)
    w.add_mesh("n", ramp(torch, 1, 4, 3), faces=faces)
    w.add_mesh("n", ramp(torch, 2, 4, 3))


def hyperparameters(torch: Any, w: Any) -> None:
    some = {"lr": 0.1, "b": 2, "n": "adam", "f": True, "t": torch.tensor([2.0]), "no": None}
    w.add_hparams(some, {"acc": 10, "loss": torch.tensor(1.0)}, run_name="r")
    domains = {"lr": [0.1, 0.2], "n": ["adam", "sgd"], "f": [True]}
    w.add_hparams({"lr": 0.1, "n": "adam", "f": True}, {"acc": 10}, domains, run_name="s", global_step=4)
    w.add_hparams({}, {}, run_name="t")


PROGRAMS = (
    scalars, several_scalars, tensors, histograms, images, boxes, figures, sounds_and_texts, curves, charts, meshes,
    hyperparameters,
)  # fmt: skip


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("program", PROGRAMS)
def test_event_files_are_the_oracles(program: Program, tmp_path: Path, oracle: ModuleType) -> None:
    from torch.utils.tensorboard import SummaryWriter as Theirs

    with SummaryWriter(tmp_path / "ours") as w:
        program(torch, w)
    with Theirs(tmp_path / "theirs") as w:
        program(oracle, w)
    (ours, our_pictures), (theirs, their_pictures) = (without_pictures(tmp_path / n) for n in ("ours", "theirs"))
    assert ours == theirs
    assert len(ours) > 2
    for ours, theirs in zip(our_pictures, their_pictures, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def embeddings(torch: Any, w: Any) -> None:
    w.add_embedding(ramp(torch, 4, 2))
    w.add_embedding(ramp(torch, 4, 2).numpy(), ["a", "b", "ç", "d"], ramp(torch, 4, 3, 8, 8), 5, "a/b%c\\d")
    w.add_embedding(ramp(torch, 3, 2), [["a", "b"], ["c", 1], ["d", 3]], metadata_header=["x", "y"], tag="t")
    w.add_embedding(ramp(torch, 6, 2), torch.arange(6).tolist(), ramp(torch, 6, 1, 2, 3), 1)


def test_embeddings_are_the_oracles(tmp_path: Path, oracle: ModuleType) -> None:
    from torch.utils.tensorboard import SummaryWriter as Theirs

    for name, kind, library in (("ours", SummaryWriter, torch), ("theirs", Theirs, oracle)):
        with kind(tmp_path / name) as w:
            embeddings(library, w)
    files = [
        {p.relative_to(tmp_path / name) for p in (tmp_path / name).rglob("*") if not p.name.startswith("events")}
        for name in ("ours", "theirs")
    ]
    assert files[0] == files[1]
    for path in files[0]:
        ours, theirs = tmp_path / "ours" / path, tmp_path / "theirs" / path
        if path.suffix == ".png":
            np.testing.assert_array_equal(pixels(ours.read_bytes()), pixels(theirs.read_bytes()))
        elif path.suffix:
            assert ours.read_text() == theirs.read_text()


def test_runs_that_are_taken_up_again(tmp_path: Path, oracle: ModuleType) -> None:
    from torch.utils.tensorboard import SummaryWriter as Theirs

    for name, kind in (("ours", SummaryWriter), ("theirs", Theirs)):
        w = kind(str(tmp_path / name), purge_step=5, filename_suffix=".end", max_queue=1, flush_secs=1)
        w.add_scalar("a", 1, 5)
        w.close()
        w.close()
        w.add_scalar("a", 2, 6)  # in a file of its own
        w.flush()
        w.close()
    assert list(events(tmp_path / "ours")) == list(events(tmp_path / "theirs"))
    assert all(p.name.endswith(".end") for p in (tmp_path / "ours").iterdir())


WRONG: tuple[Callable[[Any, Any], Any], ...] = (
    lambda torch, w: w.add_scalar("a", [1.0]),
    lambda torch, w: w.add_scalar("a", None),
    lambda torch, w: w.add_scalar("a", "x"),
    lambda torch, w: w.add_scalar("a", 1j),
    lambda torch, w: w.add_scalar("a", torch.ones(2)),
    lambda torch, w: w.add_tensor("a", torch.ones(2).to(torch.uint16)),
    lambda torch, w: w.add_histogram("a", torch.ones(0)),
    lambda torch, w: w.add_histogram_raw("a", 0, 1, 2, 3, 4, [1, 2], [3]),
    lambda torch, w: w.add_image("a", torch.ones(2, 2)),
    lambda torch, w: w.add_image("a", torch.ones(2, 2, 2), dataformats="HHW"),
    lambda torch, w: w.add_audio("a", torch.ones(2, 2)),
    lambda torch, w: w.add_custom_scalars_marginchart(["a", "b"]),
    lambda torch, w: w.add_hparams([1], {}),
    lambda torch, w: w.add_hparams({"a": [1]}, {}),
    lambda torch, w: w.add_hparams({"a": 1}, {}, [1]),
    lambda torch, w: w.add_hparams({"a": 1}, {}, {"c": [1]}),
    lambda torch, w: w.add_hparams({"a": 1}, {}, {"a": ["b"]}),
    lambda torch, w: w.add_hparams({"a": 1}, {}, {"a": 3}),
    lambda torch, w: w.add_embedding(torch.ones(4)),
    lambda torch, w: w.add_embedding(torch.ones(4, 2), ["a"]),
    lambda torch, w: w.add_embedding(torch.ones(4, 2), label_img=torch.ones(3, 3, 2, 2)),
    lambda torch, w: w.add_embedding(torch.ones(1, 2), [["a", "b"]], metadata_header=["x"]),
)


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_errors_are_the_oracles(number: int, tmp_path: Path, oracle: ModuleType) -> None:
    from torch.utils.tensorboard import SummaryWriter as Theirs

    failures = []
    for name, kind, library in (("ours", SummaryWriter, torch), ("theirs", Theirs, oracle)):
        with kind(tmp_path / name) as w, pytest.raises(Exception) as failure:
            WRONG[number](library, w)
        failures.append((failure.type, " ".join(str(failure.value).replace("torch.Size", "").split())))
    assert failures[0] == failures[1]


def test_half_precision_is_read_back(tmp_path: Path) -> None:
    """PyTorch writes the bits of float32 into the field for 16 bits."""
    from tensorboard.util.tensor_util import make_ndarray

    with SummaryWriter(tmp_path) as w:
        w.add_tensor("half", torch.tensor([1.5, -2.0], dtype=torch.float16))
        w.add_tensor("bfloat", torch.tensor([1.5, -2.0], dtype=torch.bfloat16))
    (half, bfloat) = [event.summary.value[0].tensor for _, event in events(tmp_path) if event.summary.value]
    assert make_ndarray(half).tolist() == [1.5, -2.0]
    bits = np.array(bfloat.half_val, np.uint32) << 16
    assert bits.view(np.float32).tolist() == [1.5, -2.0]


def test_read_by_the_accumulator(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as w:
        for step in range(5):
            w.add_scalar("loss", 1 / (step + 1), step)
        w.add_histogram("weights", torch.randn(100), 1)
        w.add_image("picture", torch.rand(3, 4, 4))
        w.add_text("note", "words")
    read = EventAccumulator(str(tmp_path))
    read.Reload()
    assert [(e.step, e.value) for e in read.Scalars("loss")] == [(k, np.float32(1 / (k + 1))) for k in range(5)]
    assert read.Histograms("weights")[0].histogram_value.num == 100
    assert read.Images("picture")[0].width == 4
    assert read.Tensors("note/text_summary")[0].tensor_proto.string_val == [b"words"]


def test_images_of_another_size(tmp_path: Path, oracle: ModuleType) -> None:
    """PyTorch's message has the size from before."""
    from torch.utils.tensorboard import SummaryWriter as Theirs

    for name, kind, library in (("ours", SummaryWriter, torch), ("theirs", Theirs, oracle)):
        with kind(tmp_path / name) as w:
            for scale in (2, 0.5):
                image, box = ramp(library, 3, 40, 50), library.tensor([[1.0, 2, 10, 20]])
                w.add_image_with_boxes("i", image, box, rescale=scale)
    ours, theirs = (without_pictures(tmp_path / name)[1] for name in ("ours", "theirs"))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
    shown = [event.summary.value[0].image for _, event in events(tmp_path / "ours") if event.summary.value]
    assert [(message.height, message.width) for message in shown] == [(80, 100), (20, 25)]


def test_films(tmp_path: Path) -> None:
    film = (ramp(torch, 3, 4, 3, 8, 8) * 255).to(torch.uint8)
    with SummaryWriter(tmp_path) as w:
        w.add_video("v", film, 1, fps=10)
        w.add_video("v", film[:, :, :1].to(torch.float32) / 255)
    shown = [event.summary.value[0].image for _, event in events(tmp_path) if event.summary.value]
    for message in shown:
        picture = Image.open(io.BytesIO(message.encoded_image_string))
        assert picture.n_frames == 4
        assert (message.height, message.width) == (picture.height, picture.width) == (8, 32)
    assert Image.open(io.BytesIO(shown[0].encoded_image_string)).info["duration"] == 100


def test_loud_sounds_are_cut_off(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as w, pytest.warns(UserWarning, match="amplitude out of range"):
        w.add_audio("s", torch.tensor([0.0, -2, 2]))
    audio = next(event.summary.value[0].audio for _, event in events(tmp_path) if event.summary.value)
    assert np.frombuffer(audio.encoded_audio_string[-6:], "<i2").tolist() == [0, -32767, 32767]


def test_letters_that_mean_nothing(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as w, pytest.raises(ValueError, match="order of HW, CHW or NCHW, got HWA"):
        w.add_image("i", torch.ones(3, 2, 2), dataformats="HWA")


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 2, 3)
        self.seq = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        self.rnn = torch.nn.LSTM(2, 3, batch_first=True)
        self.scale = torch.nn.Parameter(torch.ones(2))

    def forward(self, x: Any, shift: Any) -> Any:
        y = torch.nn.functional.relu(self.conv(x)).flatten(1)
        low, high = (self.seq(y) * self.scale + torch.zeros(2)).chunk(2)
        high = high * 2
        high.add_(shift)
        return {"low": low.to(torch.float32), "rnn": self.rnn(high[None])[0]}


def graph_of(folder: Path) -> dict[str, Any]:
    for _, event in events(folder):
        if event.graph_def:
            return {node.name: node for node in GraphDef.FromString(event.graph_def).node}
    raise AssertionError("no graph")


def shape(node: Any) -> list[int]:
    return [dim.size for dim in node.attr["_output_shapes"].list.shape[0].dim]


def test_the_graph_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with SummaryWriter(tmp_path) as w:
        w.add_graph(Net(), (torch.rand(4, 1, 4, 4), torch.rand(2)), verbose=True)
    nodes = graph_of(tmp_path)
    assert "Net/Conv2d[conv]/conv2d = aten::conv2d(input/x" in capsys.readouterr().out
    linear = nodes["Net/Sequential[seq]/Linear[2]/linear"]
    assert list(linear.input) == ["Net/Sequential[seq]/ReLU[1]/relu"] + [
        f"Net/Sequential[seq]/Linear[2]/{name}" for name in ("weight", "bias")
    ]
    assert shape(linear) == [4, 2]
    assert nodes["Net/mul"].input[1] == "Net/scale"
    assert nodes["Net/scale"].op == "prim::GetAttr"
    assert nodes["Net/add"].input[1] == "Net/zeros"
    assert list(nodes["Net/add_"].input) == ["Net/mul_1", "input/shift"]
    assert list(nodes["Net/mul_1"].input) == ["Net/chunk:1"]
    assert nodes["Net/chunk"].attr["attr"].s == b"{ argument 1 : 2}"
    assert [name for name in nodes if "LSTM" in name and nodes[name].op != "prim::GetAttr"] == ["Net/LSTM[rnn]/lstm"]
    assert list(nodes["output/output.1"].input) == ["Net/chunk"]  # `to` gives its argument
    assert list(nodes["output/output.2"].input) == ["Net/LSTM[rnn]/lstm"]
    assert shape(nodes["output/output.2"]) == [1, 2, 3]
    assert {source.partition(":")[0] for node in nodes.values() for source in node.input} <= set(nodes)


@pytest.mark.filterwarnings("ignore:`torch.jit.trace:DeprecationWarning")
def test_graphs_show_the_modules_of_the_oracles(tmp_path: Path, oracle: ModuleType) -> None:
    from torch.utils.tensorboard import SummaryWriter as Theirs

    found = []
    for name, kind, library in (("ours", SummaryWriter, torch), ("theirs", Theirs, oracle)):
        nn = library.nn
        model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Sequential(nn.Flatten(), nn.Linear(8, 3)))
        with kind(tmp_path / name) as w:
            w.add_graph(model, library.rand(5, 1, 4, 4))
        nodes = graph_of(tmp_path / name)
        calls = [n for n in nodes.values() if n.op.startswith("aten")]
        found.append([(n.name.rpartition("/")[0], n.op.replace("_convolution", "conv2d")) for n in calls])
        assert shape(nodes["output/output.1"]) == [5, 3]
    assert found[0] == found[1]


def test_graphs_of_onnx_files(tmp_path: Path, oracle: ModuleType) -> None:
    """PyTorch gives outputs the name of the node that makes them."""
    import onnx
    from torch.utils.tensorboard import SummaryWriter as Theirs

    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    calls = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("LeakyRelu", ["h"], ["y"], alpha=0.5),
        helper.make_node("Split", ["y"], ["a", "b"], axis=1, num_outputs=2),
        helper.make_node("Add", ["b", "b"], ["z"]),
    ]
    x, z = helper.make_tensor_value_info("x", kind, ["N", 2]), helper.make_tensor_value_info("z", kind, [1, 3])
    graph = helper.make_graph(calls, "net", [x], [z], [helper.make_tensor("w", kind, [2, 4], [1.0] * 8)])
    onnx.save(helper.make_model(graph), tmp_path / "model.onnx")
    found = []
    for name, writer in (("ours", SummaryWriter), ("theirs", Theirs)):
        with writer(tmp_path / name) as w:
            w.add_onnx_graph(str(tmp_path / "model.onnx"))
        found.append(graph_of(tmp_path / name))
    ours, theirs = found
    assert ours["x"] == theirs["x"]
    for name in ("h", "y"):
        assert (ours[name].op, list(ours[name].input)) == (theirs[name].op, list(theirs[name].input))
    assert b"alpha = 0.5" in ours["y"].attr["parameters"].s
    assert list(ours["z"].input) == ["a:1", "a:1"]
    assert list(ours["output/z"].input) == ["z"]
    assert {source.partition(":")[0] for node in ours.values() for source in node.input} <= set(ours)
    assert shape_of(ours["output/z"]) == [1, 3]


def shape_of(node: Any) -> list[int]:
    return [dim.size for dim in node.attr["shape"].shape.dim]


def test_names_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with SummaryWriter(comment="_mine") as w:
        assert str(w.log_dir).startswith(f"runs{os.sep}")
        assert w.get_logdir() == w.log_dir
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.endswith(f"_{os.uname().nodename}_mine")


def test_a_file_of_its_own(tmp_path: Path) -> None:
    writer = FileWriter(tmp_path)
    assert writer.get_logdir() == str(tmp_path)
    writer.add_event(event_pb2.Event(), step=3, walltime=2.5)
    writer.flush()
    writer.reopen()
    writer.close()
    read = [event_pb2.Event.FromString(raw) for p in tmp_path.iterdir() for raw in RawEventFileLoader(str(p)).Load()]
    assert [(event.step, event.wall_time) for event in read if event.step] == [(3, 2.5)]
    assert len(list(tmp_path.iterdir())) == 2
    assert RecordWriter.__name__ == "RecordWriter"


WITHOUT = """
import sys
sys.modules["tensorboard"] = None
try:
    from kagari.utils.tensorboard import SummaryWriter
except ImportError as error:
    print(error)
"""


def test_says_what_to_install() -> None:
    result = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    assert "pip install 'kagari[tensorboard]'" in result.stdout


def test_is_found_under_the_name_of_torch(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import json, torch\nfrom torch.utils.tensorboard import SummaryWriter\nfrom torch.utils.tensorboard.summary "
        "import hparams\nprint(json.dumps([SummaryWriter.__module__, hparams.__name__]))\n"
    )
    result = subprocess.run(
        [sys.executable, "-m", "kagari", str(program)], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert json.loads(result.stdout) == ["torch.utils.tensorboard.writer", "hparams"]
