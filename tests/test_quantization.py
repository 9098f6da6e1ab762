"""Quantized models next to the oracle's: observers, configurations, layers, and the whole way with files between."""

from __future__ import annotations

import copy
import importlib
import io
import itertools
import re
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from quantized_models import convolutional, filled, language, numbers, transformer

import kagari

pytestmark = pytest.mark.filterwarnings("ignore")
Q = kagari.ao.quantization


@pytest.fixture(scope="module")
def theirs(oracle: ModuleType) -> ModuleType:
    """PyTorch with its quantization loaded."""
    importlib.import_module("torch.ao.quantization")
    return oracle


def said(x: Any) -> str:
    """What something prints, with the places of classes left out."""
    return re.sub(r"\b(torch|kagari)\.(ao\.)?(nn|quantization)[\w.]*\.", "", str(x))


OBSERVERS = [
    "MinMaxObserver()", "MinMaxObserver(dtype=torch.qint8, qscheme=torch.per_tensor_symmetric)",
    "MinMaxObserver(qscheme=torch.per_tensor_symmetric)", "MinMaxObserver(reduce_range=True)",
    "MinMaxObserver(dtype=torch.qint8, reduce_range=True)", "MinMaxObserver(quant_min=0, quant_max=127)",
    "MinMaxObserver(dtype=torch.qint32)", "MovingAverageMinMaxObserver()",
    "MovingAverageMinMaxObserver(averaging_constant=0.5)", "PerChannelMinMaxObserver()",
    "PerChannelMinMaxObserver(ch_axis=1, dtype=torch.qint8, qscheme=torch.per_channel_symmetric)",
    "PerChannelMinMaxObserver(qscheme=torch.per_channel_affine_float_qparams)",
    "MovingAveragePerChannelMinMaxObserver(0.3)", "HistogramObserver(bins=16)", "HistogramObserver(reduce_range=True)",
    "HistogramObserver(dtype=torch.qint8, qscheme=torch.per_tensor_symmetric)", "FixedQParamsObserver(0.5, 3)",
    "FakeQuantize()", "FakeQuantize(observer=Q.MinMaxObserver, quant_min=0, quant_max=127)",
    "FusedMovingAvgObsFakeQuantize()", "default_fake_quant()", "default_fused_per_channel_wt_fake_quant()",
    "default_per_channel_weight_fake_quant()", "default_symmetric_fixed_qparams_fake_quant()",
    "FixedQParamsFakeQuantize(observer=Q.default_fixed_qparams_range_0to1_observer)",
]  # fmt: skip


@pytest.mark.parametrize("text", OBSERVERS)
def test_observers(text: str, theirs: ModuleType) -> None:
    made = []
    for torch in (kagari, theirs):
        observer = eval(f"Q.{text}", {"Q": torch.ao.quantization, "torch": torch})
        seen: list[Any] = [said(observer)]
        for seed in range(3):
            seen.append(observer(numbers(torch, 4, 5, seed=seed) * (seed + 1)).detach().numpy())
        seen += [t.numpy() for t in observer.calculate_qparams()]
        seen += [(name, tuple(t.shape), said(t.dtype)) for name, t in observer.state_dict().items()]
        again = eval(f"Q.{text}", {"Q": torch.ao.quantization, "torch": torch})
        again.load_state_dict(observer.state_dict())
        made.append([*seen, *[t.numpy() for t in again.calculate_qparams()], said(again)])
    for ours, other in zip(*made, strict=True):
        if isinstance(ours, np.ndarray):
            assert ours.dtype == other.dtype
            np.testing.assert_allclose(ours, other, rtol=1e-6)
        else:
            assert re.sub(r"(\d\.\d{4})\d+", r"\1", str(ours)) == re.sub(r"(\d\.\d{4})\d+", r"\1", str(other))


KINDS = [lambda d, n: d.normal(size=n) * d.uniform(0.1, 5), lambda d, n: np.maximum(d.normal(size=n), 0),
         lambda d, n: d.exponential(size=n), lambda d, n: d.uniform(-1, 3, n), lambda d, n: d.standard_t(2, n),
         lambda d, n: np.zeros(n)]  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_histograms(seed: int, theirs: ModuleType) -> None:
    drawn = np.random.default_rng(seed)
    options = {"bins": (2048, 256, 64)[seed % 3], "reduce_range": bool(seed % 2)}
    observers = [torch.ao.quantization.HistogramObserver(**options) for torch in (kagari, theirs)]
    for _ in range(drawn.integers(1, 6)):
        values = KINDS[drawn.integers(len(KINDS))](drawn, int(drawn.integers(1, 3000))).astype(np.float32)
        for torch, observer in zip((kagari, theirs), observers):
            observer(torch.from_numpy(values))
    (scale, zero), (their_scale, their_zero) = (o.calculate_qparams() for o in observers)
    assert (scale.item(), zero.item()) == (their_scale.item(), their_zero.item())
    np.testing.assert_allclose(observers[0].histogram.numpy(), observers[1].histogram.numpy(), atol=1e-3)


def test_nothing_observed() -> None:
    for observer in (Q.MinMaxObserver(), Q.HistogramObserver(), Q.PerChannelMinMaxObserver()):
        with pytest.warns(UserWarning, match="must run observer before"):
            scale, zero_point = observer.calculate_qparams()
        assert (scale.item(), zero_point.item()) == (1, 0)
    observer = Q.MinMaxObserver()
    assert observer(kagari.empty(0)).numel() == 0
    observer(kagari.ones(2))
    observer.reset_min_max_vals()
    assert observer.min_val.item() == float("inf")


@pytest.mark.parametrize(
    "text",
    [
        "MinMaxObserver(dtype=torch.float32)", "MinMaxObserver(qscheme=torch.per_channel_affine)",
        "MinMaxObserver(quant_min=5, quant_max=9)", "PerChannelMinMaxObserver(qscheme=torch.per_tensor_affine)",
        "MovingAverageMinMaxObserver(qscheme=torch.per_channel_affine)", "get_default_qconfig('nonsense')",
        "HistogramObserver(qscheme=torch.per_channel_affine)", "PlaceholderObserver().calculate_qparams()",
        "QConfig(activation=Q.MinMaxObserver(), weight=Q.default_weight_observer)",
        "prepare_qat(nn.Linear(1, 1).eval())",
        "fuse_modules(nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)), ['0', '1'])",
        "quantize_dynamic(nn.Linear(1, 1), dtype=torch.int8)", "FakeQuantize(quant_min=-1, quant_max=300)",
    ],
)  # fmt: skip
def test_errors(text: str, theirs: ModuleType) -> None:
    found = []
    for torch in (kagari, theirs):
        with pytest.raises(Exception) as error:
            eval(f"Q.{text}", {"Q": torch.ao.quantization, "torch": torch, "nn": torch.nn})
        found.append((type(error.value), str(error.value)))
    assert found[0] == found[1]


@pytest.mark.parametrize("name", [n for n in Q.__all__ if "qconfig" in n or "default_" in n])
def test_configurations_print_as_the_oracles(name: str, theirs: ModuleType) -> None:
    ours, other = getattr(Q, name), getattr(theirs.ao.quantization, name)
    if hasattr(ours, "p") or isinstance(ours, tuple):
        assert said(ours) == said(other)


@pytest.mark.parametrize(
    ("backend", "version"), list(itertools.product(("x86", "fbgemm", "qnnpack", "onednn"), (0, 1)))
)
def test_default_configurations(backend: str, version: int, theirs: ModuleType) -> None:
    for torch_a, torch_b in ((kagari, theirs),):
        a, b = torch_a.ao.quantization, torch_b.ao.quantization
        assert said(a.get_default_qconfig(backend)) == said(b.get_default_qconfig(backend))
        assert said(a.get_default_qat_qconfig(backend, version)) == said(b.get_default_qat_qconfig(backend, version))
    same = Q.get_default_qconfig(backend), Q.get_default_qconfig(backend)
    assert Q.qconfig_equals(*same) and not Q.qconfig_equals(same[0], Q.default_qconfig)


def test_tables_are_the_oracles(theirs: ModuleType) -> None:
    """Classes by name; the oracle has some for layers that are missing here."""
    b = theirs.ao.quantization
    for name in ("get_default_static_quant_module_mappings", "get_default_qat_module_mappings",
                 "get_default_dynamic_quant_module_mappings", "get_embedding_qat_module_mappings"):  # fmt: skip
        ours, other = ({(k.__name__, v.__name__) for k, v in getattr(m, name)().items()} for m in (Q, b))
        assert ours == other
    assert {k.__name__ for k in Q.get_default_qconfig_propagation_list()} == {
        k.__name__ for k in b.get_default_qconfig_propagation_list()
    }


# Layers

LAYERS = [
    "nnq.Linear(3, 2)", "nnq.Conv2d(2, 4, 3)",
    "nnq.Conv2d(2, 4, 3, stride=2, padding=1, dilation=2, groups=2, bias=False)", "nnq.Conv1d(2, 4, 3, padding=1)",
    "nnq.Conv3d(2, 4, 3)", "nnq.ConvTranspose2d(2, 4, 3)", "nnq.ConvTranspose1d(2, 4, 3)",
    "nnq.Quantize(0.1, 3, torch.quint8)", "nnq.DeQuantize()", "nnq.BatchNorm2d(3)", "nnq.ELU(0.1, 3)",
    "nnq.Hardswish(0.1, 3)", "nnq.LeakyReLU(0.1, 3)", "nnq.PReLU(0.1, 3)", "nnq.ReLU6()", "nnq.Sigmoid(0.1, 3)",
    "nnq.Softmax(None, 0.1, 3)", "nnq.Dropout()", "nnq.Embedding(4, 3)", "nnq.EmbeddingBag(4, 3)",
    "nnq.FloatFunctional()", "nnq.QFunctional()", "nnq.FXFloatFunctional()", "nnq.MaxPool2d(2)",
    "nnq.dynamic.Linear(3, 2)", "nnq.dynamic.LSTM(3, 2, 2, bidirectional=True)", "nnq.dynamic.GRUCell(3, 2)",
    "nnq.dynamic.Conv2d(2, 4, 3)", "nnq.dynamic.ConvTranspose2d(2, 4, 3)",
    "nni.ConvReLU2d(nn.Conv2d(1, 1, 1), nn.ReLU())", "nni.quantized.LinearReLU(3, 2)",
    "nni.quantized.ConvReLU2d(1, 1, 1)", "nni.quantized.BNReLU2d(3)", "nni.quantized.LinearLeakyReLU(3, 2, 0.1)",
    "nni.quantized.dynamic.LinearReLU(3, 2)", "nni.quantized.ConvAdd2d(1, 1, 1)",
    "nnqat.Linear(3, 2, qconfig=Q.get_default_qat_qconfig())", "nnqat.Conv2d(1, 2, 3, qconfig=Q.default_qat_qconfig)",
    "nni.qat.ConvBnReLU2d(1, 2, 3, qconfig=Q.get_default_qat_qconfig())",
    "nni.qat.LinearBn1d(3, 2, qconfig=Q.default_qat_qconfig)",
    "nnqat.Embedding(3, 2, qconfig=Q.default_embedding_qat_qconfig)",
]  # fmt: skip


def places(torch: ModuleType) -> dict[str, Any]:
    ao = torch.ao
    for name in ("intrinsic.qat", "intrinsic.quantized.dynamic", "quantized.dynamic", "qat"):
        importlib.import_module(f"{torch.__name__}.ao.nn.{name}")
    return {"torch": torch, "nn": torch.nn, "nnq": ao.nn.quantized, "nni": ao.nn.intrinsic, "nnqat": ao.nn.qat,
            "Q": ao.quantization}  # fmt: skip


@pytest.mark.parametrize("text", LAYERS)
def test_layers_print_and_keep_their_state_as_the_oracles(text: str, theirs: ModuleType) -> None:
    made = []
    for torch in (kagari, theirs):
        layer = eval(text, places(torch))
        made.append((said(layer), [(k, said(getattr(v, "dtype", ""))) for k, v in layer.state_dict().items()]))
    assert made[0] == made[1]


def quantized(torch: ModuleType, *shape: int, seed: int = 0) -> Any:
    return torch.quantize_per_tensor(numbers(torch, *shape, seed=seed), 0.03, 100, torch.quint8)


CONVERTED = {
    "linear": ("nn.Linear(6, 5)", (3, 6)), "conv1d": ("nn.Conv1d(4, 6, 3, padding=1)", (2, 4, 9)),
    "conv2d": ("nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False)", (2, 4, 9, 9)),
    "groups": ("nn.Conv2d(4, 8, 3, groups=2, dilation=2)", (2, 4, 9, 9)),
    "depthwise": ("nn.Conv2d(4, 4, 3, groups=4)", (2, 4, 9, 9)), "conv3d": ("nn.Conv3d(2, 3, 2)", (1, 2, 4, 5, 6)),
    "reflect": ("nn.Conv2d(4, 6, 3, padding=1, padding_mode='reflect')", (2, 4, 7, 7)),
    "batch norm": ("nn.BatchNorm2d(4)", (2, 4, 5, 5)), "layer norm": ("nn.LayerNorm(6)", (3, 6)),
    "group norm": ("nn.GroupNorm(2, 4)", (2, 4, 5)),
    "instance norm": ("nn.InstanceNorm2d(4, affine=True)", (2, 4, 5, 5)), "elu": ("nn.ELU()", (3, 40)),
    "hardswish": ("nn.Hardswish()", (3, 40)), "leaky": ("nn.LeakyReLU()", (3, 40)), "relu6": ("nn.ReLU6()", (3, 40)),
    "relu": ("nn.ReLU()", (3, 40)), "max pool": ("nn.MaxPool2d(2)", (1, 2, 6, 6)),
    "average pool": ("nn.AvgPool2d(2)", (1, 2, 6, 6)), "adaptive pool": ("nn.AdaptiveAvgPool2d(2)", (1, 2, 6, 6)),
    "sigmoid": ("nn.Sigmoid()", (3, 40)), "tanh": ("nn.Tanh()", (3, 40)), "hardtanh": ("nn.Hardtanh()", (3, 40)),
    "upsample": ("nn.Upsample(scale_factor=2)", (1, 2, 3, 3)),
}  # fmt: skip


@pytest.mark.parametrize("case", CONVERTED)
@pytest.mark.parametrize("backend", ["x86", "qnnpack"])
def test_converted_layers_give_the_oracles_integers(case: str, backend: str, theirs: ModuleType) -> None:
    text, shape = CONVERTED[case]
    results = []
    for torch in (kagari, theirs):
        quantization = torch.ao.quantization
        layer = filled(torch, eval(text, places(torch)), 3).eval()
        layer.qconfig = quantization.get_default_qconfig(backend)
        model = quantization.prepare(torch.nn.Sequential(layer))
        model(numbers(torch, *shape, seed=5))
        model = quantization.convert(model)
        result = model(quantized(torch, *shape))
        results.append((result.int_repr().numpy(), result.q_scale(), result.q_zero_point(), said(model)))
    (ours, scale, zero, _), (other, their_scale, their_zero, _) = results
    assert abs(scale - their_scale) < 1e-6 * their_scale and zero == their_zero
    off = np.abs(ours.astype(int) - other.astype(int))
    # A scale that differs in its last bit may turn an integer over.
    assert off.max() <= (0 if scale == their_scale else 1)
    assert (off > 0).mean() < 0.02


@pytest.mark.parametrize("case", ["add", "mul", "cat", "add_relu", "add_scalar", "mul_scalar", "matmul"])
def test_functional_modules(case: str, theirs: ModuleType) -> None:
    arguments = {
        "cat": lambda a, b: ([a, b], 1), "add_scalar": lambda a, b: (a, 0.7), "mul_scalar": lambda a, b: (a, -0.7),
    }.get(case, lambda a, b: (a, b))  # fmt: skip
    results = []
    for torch in (kagari, theirs):
        functional = torch.ao.nn.quantized.FloatFunctional()
        functional.qconfig = torch.ao.quantization.default_qconfig
        model = torch.ao.quantization.prepare(torch.nn.ModuleDict({"f": functional}))
        getattr(model["f"], case)(*arguments(numbers(torch, 4, 4, seed=1), numbers(torch, 4, 4, seed=2)))
        model = torch.ao.quantization.convert(model)
        result = getattr(model["f"], case)(*arguments(quantized(torch, 4, 4), quantized(torch, 4, 4, seed=4)))
        results.append((result.int_repr().numpy().tolist(), result.q_scale(), result.q_zero_point()))
    assert results[0] == results[1]


# The whole way


def calibrated(torch: ModuleType, backend: str) -> Any:
    """The convolutional model, joined, observed and converted."""
    model = convolutional(torch).eval().fuse()
    model.qconfig = torch.ao.quantization.get_default_qconfig(backend)
    prepared = torch.ao.quantization.prepare(model)
    for seed in range(3):
        prepared(numbers(torch, 4, 3, 16, 16, seed=seed))
    return torch.ao.quantization.convert(prepared)


@pytest.mark.parametrize("backend", ["x86", "qnnpack"])
def test_static_quantization(backend: str, theirs: ModuleType) -> None:
    ours, other = (calibrated(torch, backend) for torch in (kagari, theirs))
    assert re.sub(r"scale=[\w.\[\]()-]+", "", said(ours)) == re.sub(r"scale=[\w.\[\]()-]+", "", said(other))
    assert list(ours.state_dict()) == list(other.state_dict())
    x = [numbers(torch, 4, 3, 16, 16, seed=9) for torch in (kagari, theirs)]
    np.testing.assert_allclose(ours(x[0]).numpy(), other(x[1]).numpy(), atol=1e-5)


def test_states_go_between_the_libraries(theirs: ModuleType) -> None:
    models = {torch: calibrated(torch, "x86") for torch in (kagari, theirs)}
    x = {torch: numbers(torch, 4, 3, 16, 16, seed=9) for torch in models}
    for writer, reader in ((kagari, theirs), (theirs, kagari), (kagari, kagari)):
        file = io.BytesIO()
        writer.save(models[writer].state_dict(), file)
        file.seek(0)
        state = reader.load(file)
        model = calibrated(reader, "x86")
        for name in ("head.0.scale", "stem.0.scale"):
            assert float(state[name]) == float(models[writer].state_dict()[name])
        assert not model.load_state_dict(state).missing_keys
        ours, other = model(x[reader]).detach().numpy(), models[writer](x[writer]).detach().numpy()
        np.testing.assert_allclose(ours, other, atol=1e-6)


def test_loading_changes_the_model() -> None:
    one, other = calibrated(kagari, "x86"), convolutional(kagari).eval().fuse()
    other.qconfig = Q.default_qconfig
    prepared = Q.prepare(filled(kagari, other, 5))
    prepared(numbers(kagari, 2, 3, 16, 16))
    other = Q.convert(prepared)
    x = numbers(kagari, 2, 3, 16, 16, seed=7)
    assert not kagari.equal(one(x), other(x))
    state = one.state_dict()
    with pytest.raises(RuntimeError, match="Missing key"):
        other.load_state_dict({k: v for k, v in state.items() if k != "stem.0.scale"})
    other.load_state_dict(state)
    assert kagari.equal(one(x), other(x))


def reloaded(model: Any) -> Any:
    file = io.BytesIO()
    kagari.save(model, file)
    file.seek(0)
    return kagari.load(file, weights_only=False)


@pytest.mark.parametrize("how", [copy.deepcopy, reloaded])
def test_copies_of_models(how: Any) -> None:
    nn = kagari.nn
    static = nn.Sequential(Q.QuantStub(), nn.Conv2d(2, 3, 1), nn.Flatten(), nn.Linear(12, 2), Q.DeQuantStub()).eval()
    static.qconfig = Q.default_qconfig
    prepared = Q.prepare(filled(kagari, static))
    x = numbers(kagari, 3, 2, 2, 2)
    prepared(x)
    dynamic = filled(kagari, nn.ModuleList([nn.LSTM(4, 3), nn.GRUCell(4, 3), nn.Linear(4, 3), nn.Embedding(4, 3)]))
    recurrent, cell, linear, _ = Q.quantize_dynamic(dynamic)
    rows = numbers(kagari, 2, 5, 4)
    for model, given in ((Q.convert(prepared), x), (linear, rows), (cell, rows[0])):
        assert kagari.equal(how(model)(given), model(given))
    assert kagari.equal(how(recurrent)(rows)[0], recurrent(rows)[0])


def test_dynamic_quantization_of_a_model_of_language(theirs: ModuleType) -> None:
    words = np.random.default_rng(0).integers(0, 20, (7, 3)).tolist()
    results = []
    for torch in (kagari, theirs):
        model = torch.ao.quantization.quantize_dynamic(
            language(torch), {torch.nn.LSTM, torch.nn.Linear}, dtype=torch.qint8
        )
        zeros = torch.zeros(2, 3, 16), torch.zeros(2, 3, 16)
        output, hidden = model(torch.tensor(words), zeros)
        results.append((said(model), output.detach().numpy(), *[h.detach().numpy() for h in hidden]))
    assert results[0][0] == results[1][0]
    for ours, other in zip(results[0][1:], results[1][1:]):
        np.testing.assert_allclose(ours, other, atol=1e-6)


@pytest.mark.parametrize("name", ["qint8", "float16"])
def test_dynamic_quantization_of_a_transformer(name: str, theirs: ModuleType) -> None:
    results = []
    for torch in (kagari, theirs):
        model = torch.ao.quantization.quantize_dynamic(
            transformer(torch).eval(), {torch.nn.Linear}, dtype=getattr(torch, name)
        )
        results.append((said(model), list(model.state_dict()), model(numbers(torch, 2, 7, 12)).detach().numpy()))
    assert results[0][:2] == results[1][:2]
    np.testing.assert_allclose(results[0][2], results[1][2], atol=2e-6)


RECURRENT = ["LSTM(6, 5)", "LSTM(6, 5, 2, bidirectional=True)", "GRU(6, 5, 2, batch_first=True)",
             "GRU(6, 5, bidirectional=True)", "LSTMCell(6, 5)", "GRUCell(6, 5)",
             "RNNCell(6, 5)"]  # fmt: skip


@pytest.mark.parametrize("text", RECURRENT)
def test_recurrent_layers(text: str, theirs: ModuleType) -> None:
    results = []
    for torch in (kagari, theirs):
        layer = filled(torch, eval(f"nn.{text}", {"nn": torch.nn}))
        (made,) = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(layer), {type(layer)})
        x = numbers(torch, 4, 6) if "Cell" in text else numbers(torch, 7, 4, 6)
        found = made(x)
        flat = [found] if not isinstance(found, tuple) else [p for part in found for p in (
            part if isinstance(part, tuple) else (part,))]  # fmt: skip
        weights = [w.int_repr().numpy() for w in made.get_weight().values()]
        results.append((said(made), [f.detach().numpy() for f in flat], weights))
    assert results[0][0] == results[1][0]
    for ours, other in zip(results[0][1] + results[0][2], results[1][1] + results[1][2]):
        np.testing.assert_allclose(ours, other, atol=1e-6)


def test_packed_sequences(theirs: ModuleType) -> None:
    results = []
    for torch in (kagari, theirs):
        layer = filled(torch, torch.nn.LSTM(6, 5, bidirectional=True))
        (made,) = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(layer), {torch.nn.LSTM})
        packed = torch.nn.utils.rnn.pack_padded_sequence(numbers(torch, 7, 3, 6), torch.tensor([7, 5, 2]))
        output, hidden = made(packed)
        results.append([output.data, *hidden])
    for ours, other in zip(*results):
        np.testing.assert_allclose(ours.detach().numpy(), other.detach().numpy(), atol=1e-6)


def test_embeddings(theirs: ModuleType) -> None:
    results = []
    for torch in (kagari, theirs):
        nn, quantization = torch.nn, torch.ao.quantization
        model = filled(torch, nn.ModuleList([nn.Embedding(10, 4), nn.EmbeddingBag(10, 4, mode="sum")]))
        made = quantization.quantize_dynamic(model, dtype=torch.quint8)
        words, starts = torch.tensor([1, 2, 4, 9]), torch.tensor([0, 3])
        results.append((said(made[0])[:60], made[0](words).numpy(), made[1](words, starts).numpy(),
                        made[0].weight().int_repr().numpy()))  # fmt: skip
    assert results[0][0] == results[1][0]
    for ours, other in zip(results[0][1:], results[1][1:]):
        np.testing.assert_allclose(ours, other, atol=1e-6)


@pytest.mark.parametrize(("backend", "version"), list(itertools.product(("x86", "qnnpack"), (0, 1))))
def test_training_that_is_aware_of_quantization(backend: str, version: int, theirs: ModuleType) -> None:
    results = []
    for torch in (kagari, theirs):
        quantization = torch.ao.quantization
        model = convolutional(torch).train().fuse(True)
        model.qconfig = quantization.get_default_qat_qconfig(backend, version)
        model = quantization.prepare_qat(model)
        model.head[2].p = 0.0
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        losses = []
        for seed in range(2):
            loss = (model(numbers(torch, 4, 3, 16, 16, seed=seed)) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.apply(quantization.disable_observer)
        model.apply(torch.ao.nn.intrinsic.qat.freeze_bn_stats)
        losses.append((model(numbers(torch, 4, 3, 16, 16, seed=5)) ** 2).mean().item())
        made = quantization.convert(model.eval())

        results.append(
            (losses, list(model.state_dict()), said(type(made)), made(numbers(torch, 4, 3, 16, 16)).detach())
        )
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-4)
    assert results[0][1:3] == results[1][1:3]
    np.testing.assert_allclose(results[0][3].numpy(), results[1][3].numpy(), atol=0.05)


def test_training_makes_progress() -> None:
    model = kagari.nn.Sequential(kagari.nn.Linear(4, 16), kagari.nn.ReLU(), kagari.nn.Linear(16, 1))
    model = filled(kagari, Q.QuantWrapper(model)).train()
    model.qconfig = Q.get_default_qat_qconfig()
    model = Q.prepare_qat(model)
    optimizer = kagari.optim.Adam(model.parameters(), lr=0.05)
    x = numbers(kagari, 64, 4)
    target = x.sum(1, keepdim=True).sin()
    losses = []
    for _ in range(120):
        loss = kagari.nn.functional.mse_loss(model(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 3
    made = Q.convert(model.eval())
    assert abs(kagari.nn.functional.mse_loss(made(x), target).item() - losses[-1]) < 0.1


def test_whole_calls(theirs: ModuleType) -> None:
    results = []
    for torch in (kagari, theirs):
        quantization = torch.ao.quantization
        wrapped = quantization.QuantWrapper(filled(torch, torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())))
        wrapped.qconfig = quantization.default_qconfig
        data = [(numbers(torch, 5, 4, seed=s), None) for s in range(2)]
        made = quantization.quantize(wrapped, quantization.default_eval_fn, [data])
        results.append((said(made), made(numbers(torch, 5, 4, seed=7)).detach().numpy()))
    assert re.sub(r"scale=[\w.\[\]()-]+", "", results[0][0]) == re.sub(r"scale=[\w.\[\]()-]+", "", results[1][0])
    np.testing.assert_allclose(results[0][1], results[1][1], atol=1e-5)


def test_configurations_by_name_and_class() -> None:
    nn = kagari.nn
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.LSTM(2, 2)))
    made = Q.quantize_dynamic(model, {"0": Q.default_dynamic_qconfig, nn.LSTM: Q.default_dynamic_qconfig})
    assert [type(m).__name__ for m in made.modules()][:6] == [
        "Sequential", "Linear", "LinearPackedParams", "Sequential", "Linear", "LSTM",
    ]  # fmt: skip
    assert type(made[1][0]) is nn.Linear and type(made[0]) is kagari.ao.nn.quantized.dynamic.Linear
    assert type(model[0]) is nn.Linear


def test_backends() -> None:
    quantized = kagari.backends.quantized
    assert quantized.engine == "x86" and "qnnpack" in quantized.supported_engines
    quantized.engine = "qnnpack"
    quantized.engine = "x86"
    with pytest.raises(RuntimeError, match="foo is not a valid value for quantized engine"):
        quantized.engine = "foo"
