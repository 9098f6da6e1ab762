"""Quantization of graphs next to the oracle's: programs character for character, and numbers."""

from __future__ import annotations

import copy
import importlib
import re
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from quantized_models import filled, numbers

import kagari
from kagari.ao.quantization import quantize_fx

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def theirs(oracle: ModuleType) -> ModuleType:
    """PyTorch with its quantization of graphs loaded."""
    importlib.import_module("torch.ao.quantization.quantize_fx")
    return oracle


def said(x: Any) -> str:
    """What something prints, without the places of classes, and with numbers cut short."""
    text = re.sub(r"\b(torch|kagari)\.(ao\.)?(nn\.modules|nn|quantization)\.[\w.]*\.", "", str(x))
    text = re.sub(r" : (_Any_|_Tensor_|torch.Tensor)| -> \w+|(?<= :) 'Any'", "", text)
    return re.sub(r"(\d\.\d{4})\d+", r"\1", text)


def images(torch: ModuleType) -> Any:
    nn, functional = torch.nn, torch.nn.functional

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.relu = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()
            self.again, self.pool, self.drop = nn.Conv2d(4, 4, 1), nn.MaxPool2d(2), nn.Dropout()
            self.linear = nn.Linear(4, 2)

        def forward(self, x):
            x = self.relu(self.norm(self.conv(x)))
            x = self.pool(functional.relu(x + self.again(x)))
            x = self.drop(torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1))
            return torch.sigmoid(self.linear(x))

    return Net(), [(2, 3, 8, 8)]


def pieces(torch: ModuleType) -> Any:
    nn, functional = torch.nn, torch.nn.functional

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.norm = nn.Linear(4, 4), nn.LayerNorm(4)
            self.weight = nn.Parameter(torch.zeros(4, 4))

        def forward(self, x, y):
            x = self.linear(x) * y
            x = torch.cat([x, self.norm(x)], 1).reshape(-1, 4)
            x = functional.linear(x, self.weight)
            return x.chunk(2), x + 1

    return Net(), [(2, 4), (2, 4)]


def nested(torch: ModuleType) -> Any:
    nn, functional = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.Conv2d(4, 4, 3, padding=1)
            self.norms = nn.ModuleList([nn.BatchNorm2d(4), nn.BatchNorm2d(4)])
            self.relu = nn.ReLU()

        def forward(self, x):
            y = self.relu(self.norms[0](self.first(x)))
            y = self.norms[1](self.second(y))
            y = y + x
            return functional.hardswish(self.relu(y))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 1)
            self.layers = nn.Sequential(Block(), Block())
            self.head = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))

        def forward(self, x):
            x = self.layers(self.stem(x)).mean([2, 3])
            x = self.head(x)
            return functional.log_softmax(x, 1)

    return Net(), [(2, 3, 6, 6)]


def functions(torch: ModuleType) -> Any:
    nn, functional = torch.nn, torch.nn.functional

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(5, 3, 2, 2))
            self.bias = nn.Parameter(torch.zeros(5))
            self.pool = nn.MaxPool2d(2)

        def forward(self, x):
            form = (1, 1), (1, 1), (1, 1), 1
            x = functional.relu(functional.conv2d(x, self.weight, self.bias, *form))
            x = self.pool(functional.leaky_relu(x, 0.1))
            n = x.size(0)
            return torch.tanh(functional.elu(x)).reshape(n, -1)

    return Net(), [(2, 3, 5, 5)]


MODELS = [images, pieces, nested, functions]


def prepared(torch: ModuleType, make: Any, mapping: Any, how: str = "prepare_fx") -> Any:
    model, shapes = make(torch)
    model = filled(torch, model)
    model = model.eval() if how == "prepare_fx" else model.train()
    given = tuple(numbers(torch, *shape) for shape in shapes)
    return getattr(torch.ao.quantization.quantize_fx, how)(model, mapping, given), shapes


def inputs(torch: ModuleType, shapes: list[Any], seed: int) -> list[Any]:
    return [numbers(torch, *shape, seed=seed + i) for i, shape in enumerate(shapes)]


def flat(result: Any) -> list[np.ndarray]:
    if isinstance(result, tuple | list):
        return [a for part in result for a in flat(part)]
    return [result.detach().numpy()]


@pytest.mark.parametrize(("make", "backend"), [*((make, "x86") for make in MODELS), (nested, "qnnpack")])
def test_static(make: Any, backend: str, theirs: ModuleType) -> None:
    made = []
    for torch in (kagari, theirs):
        model, shapes = prepared(torch, make, torch.ao.quantization.get_default_qconfig_mapping(backend))
        texts = [said(model.code), said(model.graph), said(model)]
        for seed in range(3):
            model(*inputs(torch, shapes, seed))
        model = torch.ao.quantization.quantize_fx.convert_fx(model)
        texts += [said(model.code), said(model.graph), re.sub(r"scale=[\w.\[\]()-]+", "", said(model))]
        made.append((texts, sorted(model.state_dict()), flat(model(*inputs(torch, shapes, 9)))))
    assert made[0][:2] == made[1][:2]
    for ours, other in zip(made[0][2], made[1][2]):
        np.testing.assert_allclose(ours, other, atol=1e-5)


@pytest.mark.parametrize("make", [images, nested])
def test_training(make: Any, theirs: ModuleType) -> None:
    made = []
    for torch in (kagari, theirs):
        mapping = torch.ao.quantization.get_default_qat_qconfig_mapping("x86")
        model, shapes = prepared(torch, make, mapping, "prepare_qat_fx")
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        texts = [said(model.code), said(model)]
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        losses = []
        for seed in range(2):
            loss = (model(*inputs(torch, shapes, seed)) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model = torch.ao.quantization.quantize_fx.convert_fx(model.eval())
        made.append(([*texts, said(model.code)], losses, flat(model(*inputs(torch, shapes, 9)))))
    assert made[0][0] == made[1][0]
    np.testing.assert_allclose(made[0][1], made[1][1], rtol=1e-3)
    np.testing.assert_allclose(made[0][2][0], made[1][2][0], atol=0.05)


def test_dynamic(theirs: ModuleType) -> None:
    made = []
    for torch in (kagari, theirs):
        nn, quantization = torch.nn, torch.ao.quantization
        model = filled(torch, nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.LSTM(4, 4))).eval()
        mapping = quantization.QConfigMapping().set_global(quantization.default_dynamic_qconfig)
        model = quantization.quantize_fx.prepare_fx(model, mapping, (numbers(torch, 3, 2, 4),))
        texts = [said(model.graph)]
        model = quantization.quantize_fx.convert_fx(model)
        made.append(([*texts, said(model.graph), said(model)], flat(model(numbers(torch, 3, 2, 4)))))
    assert made[0][0] == made[1][0]
    for ours, other in zip(made[0][1], made[1][1]):
        np.testing.assert_allclose(ours, other, atol=1e-6)


@pytest.mark.parametrize("choose", [
    lambda q, nn: q.QConfigMapping().set_global(q.default_qconfig).set_module_name("layers.0", None),
    lambda q, nn: q.QConfigMapping().set_global(q.default_qconfig).set_object_type(nn.Conv2d, None),
    lambda q, nn: q.QConfigMapping().set_module_name_regex("head.*", q.default_qconfig),
    lambda q, nn: q.QConfigMapping().set_module_name("head", q.default_per_channel_qconfig),
    lambda q, nn: {"": q.default_qconfig, "module_name": [("stem", None)]},
])  # fmt: skip
def test_parts_of_a_model(choose: Any, theirs: ModuleType) -> None:
    made = []
    for torch in (kagari, theirs):
        quantization = torch.ao.quantization
        model, shapes = prepared(torch, nested, choose(quantization, torch.nn))
        texts = [said(model.code)]
        model(*inputs(torch, shapes, 1))
        model = quantization.quantize_fx.convert_fx(model)
        made.append(([*texts, said(model.code)], flat(model(*inputs(torch, shapes, 2)))))
    assert made[0][0] == made[1][0]
    np.testing.assert_allclose(made[0][1][0], made[1][1][0], atol=1e-5)


def test_fusing(theirs: ModuleType) -> None:
    made = []
    for torch in (kagari, theirs):
        model = filled(torch, images(torch)[0]).eval()
        joined = torch.ao.quantization.quantize_fx.fuse_fx(model)
        made.append((said(joined), said(joined.graph)))
        x = numbers(torch, 2, 3, 8, 8)
        assert torch.allclose(joined(x), model(x), atol=1e-5)
    assert made[0] == made[1]


def test_mappings_print_and_turn_into_dictionaries(theirs: ModuleType) -> None:
    made = []
    for torch in (kagari, theirs):
        quantization = torch.ao.quantization
        mapping = quantization.QConfigMapping().set_global(quantization.default_qconfig).set_module_name("a", None)
        mapping.set_module_name_regex("b.*", quantization.default_dynamic_qconfig)
        mapping.set_object_type("reshape", None)
        mapping.set_module_name_object_type_order("c", torch.nn.Linear, 1, None)
        again = quantization.QConfigMapping.from_dict(mapping.to_dict())
        assert str(again) == str(mapping)
        made.append((said(mapping), said(mapping.to_dict())))
        for backend in ("x86", "qnnpack"):
            for default in (quantization.get_default_qconfig_mapping, quantization.get_default_qat_qconfig_mapping):
                table = default(backend).object_type_qconfigs
                made[-1] += (said([(getattr(k, "__name__", k), v) for k, v in table.items()]),)
    assert made[0] == made[1]


def test_copies_and_states() -> None:
    model, shapes = prepared(kagari, images, kagari.ao.quantization.get_default_qconfig_mapping())
    (x,) = inputs(kagari, shapes, 3)
    model(x)
    one, other = quantize_fx.convert_fx(model), copy.deepcopy(model)
    other(10 * x)
    other = quantize_fx.convert_fx(other)
    assert not kagari.equal(one(x), other(x))
    other.load_state_dict(one.state_dict())
    assert kagari.equal(one(x), other(x)) and kagari.equal(copy.deepcopy(one)(x), one(x))


@pytest.mark.parametrize("call", [
    lambda m, x: quantize_fx.prepare_fx(m, {"": None}, x, backend_config={}),
    lambda m, x: quantize_fx.prepare_fx(m, {"": None}, x, _equalization_config={}),
    lambda m, x: quantize_fx.prepare_fx(m, {"": None}, x, {"nonsense": 1}),
    lambda m, x: quantize_fx.convert_fx(quantize_fx.prepare_fx(m, {"": None}, x), qconfig_mapping={}),
])  # fmt: skip
def test_what_is_missing(call: Any) -> None:
    with pytest.raises(NotImplementedError):
        call(kagari.nn.Sequential(kagari.nn.Linear(2, 2)).eval(), (kagari.ones(1, 2),))
