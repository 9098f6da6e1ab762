"""Activations with parameters, noise or gates, shrinkage, and every dropout, against the oracle from the same seed."""

from __future__ import annotations

import inspect
import warnings
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari import nn

LAYERS = (
    "PReLU()",
    "PReLU(4, 0.1)",
    "PReLU(4, dtype=torch.float64).float()",
    "RReLU()",
    "RReLU(0.1, 0.7, True)",
    "RReLU().eval()",
    "Threshold(0.2, 7.0)",
    "Threshold(-0.5, -1, True)",
    "Softshrink()",
    "Softshrink(0.9)",
    "Hardshrink()",
    "Hardshrink(0.9)",
    "GLU()",
    "GLU(1)",
    "Softmax2d()",
    "Dropout1d()",
    "Dropout1d(0.3, True)",
    "Dropout2d(0.3)",
    "Dropout3d(0.6, True)",
    "Dropout3d(1.0)",
    "AlphaDropout()",
    "AlphaDropout(0.2, True)",
    "AlphaDropout(0.0)",
    "AlphaDropout(1.0)",
    "FeatureAlphaDropout()",
    "FeatureAlphaDropout(0.3, True)",
    "FeatureAlphaDropout().eval()",
)


def numbers(tensor: Any) -> Any:
    return pytest.approx(tensor.detach().double().reshape(-1).tolist(), rel=1e-6, abs=1e-6, nan_ok=True)


def shape_for(text: str) -> tuple[int, ...]:
    return {"Dropout1d": (3, 4, 6), "Dropout3d": (3, 4, 2, 2, 6)}.get(text.partition("(")[0], (3, 4, 6, 2))


def run(lib: ModuleType, text: str) -> tuple[str, list[Any]]:
    """The layer's repr; output and gradients for an input from the same seed, and what the generator gives next."""
    lib.manual_seed(7)
    layer = eval(text, {"torch": lib, **vars(lib.nn)})
    leaf = (lib.rand(*shape_for(text)) * 4 - 2).requires_grad_()
    output = layer(leaf * 1)
    (output * output).sum().backward()
    return repr(layer), [output, leaf.grad, *(weight.grad for weight in layer.parameters()), lib.rand(3)]


@pytest.mark.parametrize("text", LAYERS)
def test_layer(text: str, oracle: ModuleType) -> None:
    ours, theirs = run(kagari, text), run(oracle, text)
    assert ours[0] == theirs[0]
    for a, b in zip(ours[1], theirs[1], strict=True):
        assert a.shape == tuple(b.shape)
        assert a.detach().reshape(-1).tolist() == numbers(b)


def outcome(scenario: Any, lib: ModuleType) -> tuple[Any, ...]:
    """What a scenario gives, or its error, and its warnings, without the library's name."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        lib.manual_seed(0)
        try:
            result = "gives", repr(scenario(lib, lib.nn.functional))
        except Exception as error:
            result = "raises", type(error).__name__, str(error)
        said = [(warning.category.__name__, str(warning.message)) for warning in caught]
    return *(part.replace("torch.", "kagari.") for part in result), said


def listed(*tensors: Any) -> list[Any]:
    return [
        (tuple(t.shape), str(t.dtype).rpartition(".")[2], [round(x, 4) for x in t.reshape(-1).tolist()])
        for t in tensors
    ]


def drawn(t: Any, result: Any) -> list[Any]:
    """A result, and what the generator gives after it."""
    return listed(result, t.rand(2))


def in_place(t: Any, drop: Any) -> list[Any]:
    x = t.ones(2, 2, 2, 2)
    y = drop(x, 0.5, training=True, inplace=True)
    return [y.data_ptr() == x.data_ptr(), *drawn(t, x)]


def special(t: Any) -> Any:
    return t.tensor([-1.0, -0.0, float("nan"), float("inf"), -float("inf"), 2.0])


SCENARIOS = {
    "prelu of special values": lambda t, f: listed(f.prelu(special(t), t.tensor(0.5)), special(t).prelu(t.ones(1))),
    "prelu of another weight": lambda t, f: f.prelu(t.zeros(2, 3), t.zeros(2)),
    "prelu of a number": lambda t, f: f.prelu(t.zeros(2, 3), 0.5),
    "glu of an odd size": lambda t, f: f.glu(t.zeros(3)),
    "rrelu": lambda t, f: drawn(t, f.rrelu(t.randn(3, 5), training=True)),
    "rrelu of special values": lambda t, f: drawn(t, f.rrelu(special(t), training=True)),
    "rrelu transposed": lambda t, f: drawn(t, f.rrelu(t.randn(5, 3).t(), 0.2, 0.9, True)),
    "rrelu of doubles": lambda t, f: drawn(t, f.rrelu(special(t).double(), training=True)),
    "rrelu of bfloat16": lambda t, f: drawn(t, f.rrelu(special(t).bfloat16(), training=True)),
    "rrelu of nothing": lambda t, f: drawn(t, f.rrelu(t.zeros(0, 3), training=True)),
    "rrelu of half": lambda t, f: f.rrelu(t.zeros(2).half(), training=True),
    "rrelu of integers": lambda t, f: f.rrelu(t.zeros(2, dtype=t.int64), training=True),
    "rrelu of integers in evaluation": lambda t, f: f.rrelu(t.zeros(2, dtype=t.int64)),
    "rrelu turned round": lambda t, f: f.rrelu(t.zeros(2), 0.5, 0.2),
    "rrelu without end": lambda t, f: t.rrelu(t.zeros(2), 0.5, float("inf"), True),
    "rrelu in place": lambda t, f: [y is x and listed(x) for x in [special(t)] for y in [f.rrelu_(x, training=True)]],
    "rrelu with a generator": lambda t, f: drawn(
        t, t.rrelu(special(t), training=True, generator=t.Generator().manual_seed(3))
    ),
    **{
        f"{name} of {shape}": lambda t, f, name=name, shape=shape: drawn(
            t, getattr(f, name)(t.ones(shape), training=True)
        )
        for name in ("dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
        for shape in ((), (3,), (2, 3), (2, 3, 4), (2, 3, 2, 2), (2, 3, 1, 1, 2), (0, 3, 2))
    },
    **{
        f"{name} {case}": lambda t, f, name=name, make=make: make(t, getattr(f, name))
        for name in ("dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
        for case, make in {
            "above one": lambda t, drop: drop(t.ones(2, 2, 2, 2), 1.5),
            "below zero": lambda t, drop: drop(t.ones(2, 2, 2, 2), -0.5),
            "of integers": lambda t, drop: drop(t.ones(2, 2, 2, dtype=t.int64), training=True),
            "of half": lambda t, drop: drawn(t, drop(t.ones(2, 2, 2).half(), training=True)),
            "of all": lambda t, drop: drawn(t, drop(t.ones(2, 2, 2), 1.0, training=True)),
            "of none": lambda t, drop: drawn(t, drop(t.ones(2, 2, 2), 0.0, training=True)),
            "in evaluation": lambda t, drop: drawn(t, drop(t.ones(2, 2, 2), 0.5, training=False)),
            "in place": in_place,
            "of a transposed tensor": lambda t, drop: drawn(t, drop(t.ones(3, 4, 2).transpose(0, 1), training=True)),
        }.items()
    },
    "alpha dropout of torch": lambda t, f: drawn(t, t.alpha_dropout(t.randn(4, 5), 0.4, True)),
    "alpha dropout of torch above one": lambda t, f: t.alpha_dropout(t.ones(3), 2.0, True),
    "feature dropout of torch": lambda t, f: drawn(t, t.feature_dropout(t.randn(4, 5, 2), 0.4, True)),
    "feature alpha dropout of torch in place": lambda t, f: drawn(
        t, t.feature_alpha_dropout_(t.randn(4, 5, 2), 0.4, True)
    ),
    "gumbel": lambda t, f: drawn(t, f.gumbel_softmax(t.randn(3, 5), 0.7)),
    "gumbel hard": lambda t, f: drawn(t, f.gumbel_softmax(t.randn(3, 5), hard=True)),
    "gumbel hard along columns": lambda t, f: drawn(t, f.gumbel_softmax(t.randn(3, 5), hard=True, dim=0)),
    "gumbel of integers": lambda t, f: f.gumbel_softmax(t.tensor([1, 2])),
    "gumbel with eps": lambda t, f: drawn(t, f.gumbel_softmax(t.randn(3, 5), eps=0.1)),
    "softmax2d of a vector": lambda t, f: t.nn.Softmax2d()(t.zeros(3)),
    "dropout layer above one": lambda t, f: t.nn.Dropout2d(1.5),
    "softshrink below zero": lambda t, f: t.nn.Softshrink(-1.0)(t.zeros(2)),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_as_the_oracle(name: str, oracle: ModuleType) -> None:
    assert outcome(SCENARIOS[name], kagari) == outcome(SCENARIOS[name], oracle)


def test_gradient_of_hard_samples_is_that_of_soft_ones(oracle: ModuleType) -> None:
    grads = []
    for lib in (kagari, oracle):
        lib.manual_seed(5)
        logits = lib.randn(4, 3).requires_grad_()
        samples = lib.nn.functional.gumbel_softmax(logits, 0.5, hard=True)
        (samples * lib.tensor([1.0, 2.0, 3.0])).sum().backward()
        grads.append(logits.grad)
    assert grads[0].reshape(-1).tolist() == numbers(grads[1])


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    kagari.manual_seed(0)
    output = nn.AlphaDropout(0.4)(kagari.randn(200_000))
    assert abs(output.mean().item()) < 0.02
    assert abs(output.std().item() - 1) < 0.02


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize(
    "name",
    ["rrelu", "glu", "gumbel_softmax", "alpha_dropout", "feature_alpha_dropout", "dropout1d", "dropout2d", "dropout3d"],
)
def test_signature(name: str, oracle: ModuleType) -> None:
    assert parameters(getattr(nn.functional, name)) == parameters(getattr(oracle.nn.functional, name))


def test_layers_are_where_pytorch_has_them(oracle: ModuleType) -> None:
    for name in ("activation", "dropout"):
        theirs = set(getattr(oracle.nn.modules, name).__all__)
        assert theirs - set(getattr(nn, name).__all__) <= {"MultiheadAttention"}
