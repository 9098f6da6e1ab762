"""Layers, losses, initial weights and gradient helpers against the oracle."""

from __future__ import annotations

import inspect
import re
import warnings
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari import nn

LAYERS = (
    "Linear(4, 3)",
    "Linear(4, 3, bias=False)",
    "Linear(4, 3).double()",
    "Identity(3, unused=4)",
    "ReLU()",
    "ReLU(inplace=True)",
    "ReLU6()",
    "ReLU6(True)",
    "LeakyReLU()",
    "LeakyReLU(0.2, True)",
    "Sigmoid()",
    "Tanh()",
    "GELU()",
    "GELU('tanh')",
    "SiLU()",
    "SiLU(True)",
    "Mish()",
    "Softplus()",
    "Softplus(2.0, 1.0)",
    "ELU()",
    "ELU(2.0, True)",
    "CELU()",
    "CELU(1.5)",
    "SELU()",
    "Hardtanh()",
    "Hardtanh(-0.5, 0.5, True)",
    "Hardsigmoid()",
    "Hardswish()",
    "LogSigmoid()",
    "Softsign()",
    "Tanhshrink()",
    "Softmax(1)",
    "Softmax()",
    "Softmin(0)",
    "LogSoftmax(-1)",
    "Dropout(0.5)",
    "Dropout(0.3, True)",
    "Dropout(0.3).eval()",
    "LayerNorm(4)",
    "LayerNorm((6, 4), eps=1e-3)",
    "LayerNorm(4, elementwise_affine=False)",
    "LayerNorm(4, bias=False)",
    "Flatten(0)",
    "Unflatten(1, (2, 2))",
    "Sequential(Linear(4, 8), GELU(), LayerNorm(8), Linear(8, 1))",
)

LOSSES = (
    "L1Loss",
    "MSELoss",
    "SmoothL1Loss",
    "SmoothL1Loss beta=0.3",
    "SmoothL1Loss beta=0.0",
    "HuberLoss delta=0.3",
    "BCELoss",
    "BCEWithLogitsLoss",
    "NLLLoss",
    "NLLLoss ignore_index=1",
    "CrossEntropyLoss",
    "CrossEntropyLoss ignore_index=1",
    "CrossEntropyLoss label_smoothing=0.1",
)

# Functions whose signature the interpreter can tell on both sides.
SIGNATURES = (
    "relu",
    "relu6",
    "leaky_relu",
    "silu",
    "mish",
    "elu",
    "celu",
    "selu",
    "hardtanh",
    "hardsigmoid",
    "hardswish",
    "softmax",
    "softmin",
    "log_softmax",
    "softsign",
    "tanhshrink",
    "sigmoid",
    "tanh",
    "dropout",
    "layer_norm",
    "l1_loss",
    "mse_loss",
    "smooth_l1_loss",
    "huber_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "nll_loss",
    "cross_entropy",
)

CLASSES = tuple(
    name for name in nn.__all__ if isinstance(getattr(nn, name), type) and name not in ("Module", "Parameter", "Buffer")
)


def make(lib: ModuleType, text: str) -> Any:
    return eval(text, {name: getattr(lib.nn, name) for name in nn.__all__})


def numbers(tensor: Any) -> list[float]:
    return tensor.detach().reshape(-1).tolist()


def same(ours: Any, theirs: Any, tolerance: float = 2e-6) -> None:
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert numbers(ours) == pytest.approx(numbers(theirs), rel=tolerance, abs=tolerance, nan_ok=True)


def run(lib: ModuleType, text: str) -> tuple[str, list[Any], list[Any]]:
    """The layer's repr, its initial weights, and output and gradients for an input that comes from the same seed."""
    lib.manual_seed(7)
    layer = make(lib, text)
    weights = [weight.detach().clone() for weight in layer.parameters()]
    dtype = weights[0].dtype if weights else lib.float32
    leaf = (lib.rand(6, 4, dtype=dtype) * 4 - 2).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        output = layer(leaf * 1)
    (output * output).sum().backward()
    return repr(layer), weights, [output, leaf.grad, *(weight.grad for weight in layer.parameters())]


@pytest.mark.parametrize("text", LAYERS)
def test_layer(text: str, oracle: ModuleType) -> None:
    ours, theirs = run(kagari, text), run(oracle, text)
    assert ours[0] == theirs[0]
    for ours_weight, theirs_weight in zip(ours[1], theirs[1], strict=True):
        assert numbers(ours_weight) == numbers(theirs_weight)
    for ours_value, theirs_value in zip(ours[2], theirs[2], strict=True):
        same(ours_value, theirs_value, 2e-5)


def loss_of(lib: ModuleType, name: str, reduction: str, weighted: bool) -> tuple[Any, Any]:
    name, *options = name.split()
    classes = name in ("NLLLoss", "CrossEntropyLoss")
    lib.manual_seed(3)
    input = lib.rand(6, 4)
    target = lib.randint(0, 4, (6,)) if classes else lib.rand(6, 4)
    keywords = {key: float(value) if "." in value else int(value) for key, value in (o.split("=") for o in options)}
    if weighted:
        keywords["weight"] = lib.rand(4)
    input.requires_grad_()
    loss = getattr(lib.nn, name)(reduction=reduction, **keywords)(input, target)
    (loss * loss).sum().backward()
    return loss, input.grad


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_loss(name: str, reduction: str, oracle: ModuleType) -> None:
    takes_weight = name.split()[0] in ("BCELoss", "BCEWithLogitsLoss", "NLLLoss", "CrossEntropyLoss")
    for weighted in (False, True) if takes_weight else (False,):
        for ours, theirs in zip(
            loss_of(kagari, name, reduction, weighted), loss_of(oracle, name, reduction, weighted), strict=True
        ):
            same(ours, theirs, 1e-5)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_loss_with_a_weight_for_each_element(name: str, reduction: str, oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):
        lib.manual_seed(0)
        a, b, weight = lib.rand(3, 4), lib.rand(3, 4), lib.rand(3, 4)
        results.append(getattr(lib.nn.functional, name)(a, b, reduction=reduction, weight=weight))
    same(*results)


ERRORS = {
    "linear of another width": lambda t, n: n.Linear(2, 3)(t.zeros(3, 4)),
    "linear without input": lambda t, n: n.Linear(2, 3)(),
    "linear of integers": lambda t, n: n.Linear(2, 3, dtype=t.int32),
    "dropout above one": lambda t, n: n.Dropout(1.1),
    "dropout below zero": lambda t, n: n.functional.dropout(t.zeros(2), -0.1),
    "hardtanh turned round": lambda t, n: n.Hardtanh(2, 1),
    "hardtanh function turned round": lambda t, n: n.functional.hardtanh(t.zeros(1), 2, 1),
    "gelu of no kind": lambda t, n: n.GELU("erf")(t.zeros(1)),
    "unflatten to a number": lambda t, n: n.Unflatten(1, 3),
    "unflatten to words": lambda t, n: n.Unflatten(1, (3, "a")),
    "layer norm of another width": lambda t, n: n.LayerNorm(3)(t.zeros(3, 4)),
    "layer norm of nothing": lambda t, n: n.functional.layer_norm(t.zeros(3, 4), []),
    **{
        f"{name} with no such reduction": lambda t, n, name=name: getattr(n.functional, name)(
            t.full((2,), 0.5), t.full((2,), 0.5), reduction="average"
        )
        for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy")
    },
    "mse of other weights": lambda t, n: n.functional.mse_loss(t.zeros(3), t.zeros(3), weight=t.zeros(1)),
    "mse of weights and no such reduction": lambda t, n: n.functional.mse_loss(
        t.zeros(3), t.zeros(3), weight=t.zeros(3), reduction="average"
    ),
    "mse of sizes that do not broadcast": lambda t, n: n.MSELoss()(t.zeros(4), t.zeros(5)),
    "bce of other sizes": lambda t, n: n.BCELoss()(t.zeros(3), t.zeros(4)),
    "bce outside of probabilities": lambda t, n: n.BCELoss()(t.full((1,), 2.0), t.zeros(1)),
    "bce with logits of other sizes": lambda t, n: n.BCEWithLogitsLoss()(t.zeros(3), t.zeros(4)),
    "nll of another batch": lambda t, n: n.NLLLoss()(t.zeros(3, 4), t.zeros(2, dtype=t.int64)),
    "nll of a class that is not": lambda t, n: n.NLLLoss()(t.zeros(1, 4), t.full((1,), 9)),
    "cross entropy smoothed too much": lambda t, n: n.CrossEntropyLoss(label_smoothing=2.0)(
        t.zeros(1, 4), t.zeros(1, dtype=t.int64)
    ),
    "negative beta": lambda t, n: n.SmoothL1Loss(beta=-1.0)(t.zeros(1), t.zeros(1)),
    "no delta": lambda t, n: n.HuberLoss(delta=0.0)(t.zeros(1), t.zeros(1)),
    "gain of no such thing": lambda t, n: n.init.calculate_gain("gelu"),
    "gain of a word": lambda t, n: n.init.calculate_gain("leaky_relu", "a"),
    "xavier of a vector": lambda t, n: n.init.xavier_uniform_(t.zeros(3)),
    "kaiming of no such mode": lambda t, n: n.init.kaiming_uniform_(t.zeros(3, 2), mode="x"),
    "identity of a vector": lambda t, n: n.init.eye_(t.zeros(3)),
    "clip by a norm that is not finite": lambda t, n: n.utils.get_total_norm(
        [t.full((1,), float("nan"))], error_if_nonfinite=True
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name: str, oracle: ModuleType) -> None:
    raised = []
    for lib in (kagari, oracle):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(Exception) as caught:  # which one is what is compared
                ERRORS[name](lib, lib.nn)
        raised.append(
            (caught.type, re.sub(r"Target \d+ is", "Target is", str(caught.value).replace("torch.", "kagari.")))
        )
    assert issubclass(raised[0][0], raised[1][0])
    assert raised[0][1] == raised[1][1]


WARNINGS = {
    "mse of other sizes": lambda t, n: n.functional.mse_loss(t.zeros(3, 4), t.zeros(4)),
    "l1 of other sizes": lambda t, n: n.functional.l1_loss(t.zeros(3, 4), t.zeros(4)),
    "size_average": lambda t, n: n.functional.mse_loss(t.zeros(3), t.zeros(3), size_average=False),
    "reduce": lambda t, n: n.functional.nll_loss(t.zeros(1, 3), t.zeros(1, dtype=t.int64), reduce=False),
    "size_average of a layer": lambda t, n: n.MSELoss(size_average=True),
    "softmax without dim": lambda t, n: n.functional.softmax(t.zeros(2, 2)),
    "hardtanh by its old names": lambda t, n: n.Hardtanh(min_value=-3, max_value=2),
    "no elements to initialise": lambda t, n: n.init.kaiming_uniform_(t.zeros(0, 3)),
    "mean far outside": lambda t, n: n.init.trunc_normal_(t.zeros(2), 4.1),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_warning(name: str, oracle: ModuleType) -> None:
    said = []
    for lib in (kagari, oracle):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            WARNINGS[name](lib, lib.nn)
        said.append([(w.category, str(w.message).replace("torch.", "kagari.")) for w in caught])
    assert said[0] == said[1]


def test_warning_about_sizes_points_at_the_caller() -> None:
    with pytest.warns(UserWarning, match="different to the input size") as caught:
        nn.functional.mse_loss(kagari.zeros(3, 4), kagari.zeros(4))
    assert caught[0].filename == __file__


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    kept = inspect.signature(function).parameters.values()
    shown = [(p.name, getattr(p.default, "__name__", p.default), p.kind) for p in kept if p.name != "self"]
    return shown  # a function by its name: that is all it has in common with the oracle's


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature_of_function(name: str, oracle: ModuleType) -> None:
    assert parameters(getattr(nn.functional, name)) == parameters(getattr(oracle.nn.functional, name))


@pytest.mark.parametrize("name", CLASSES)
def test_signature_of_layer(name: str, oracle: ModuleType) -> None:
    theirs = [p for p in parameters(getattr(oracle.nn, name).__init__) if p[0] not in ("args", "kwargs")]
    ours = [p for p in parameters(getattr(nn, name).__init__) if p[0] not in ("args", "kwargs")]
    assert ours == theirs


FILLS = {
    "uniform": lambda n, w: n.init.uniform_(w, -2, 3),
    "normal": lambda n, w: n.init.normal_(w, 1, 2),
    "xavier uniform": lambda n, w: n.init.xavier_uniform_(w, gain=2),
    "xavier normal": lambda n, w: n.init.xavier_normal_(w),
    "kaiming uniform": lambda n, w: n.init.kaiming_uniform_(w, a=0.3, mode="fan_out"),
    "kaiming normal": lambda n, w: n.init.kaiming_normal_(w, nonlinearity="relu"),
    "truncated": lambda n, w: n.init.trunc_normal_(w, std=0.5, a=-0.5, b=0.7),
    "truncated to a tail": lambda n, w: n.init.trunc_normal_(w, a=1.0, b=2.0),
    "truncated to a sliver": lambda n, w: n.init.trunc_normal_(w, a=-0.1, b=0.1),
    "ones": lambda n, w: n.init.ones_(w),
    "zeros": lambda n, w: n.init.zeros_(w),
    "constant": lambda n, w: n.init.constant_(w, 0.3),
    "identity": lambda n, w: n.init.eye_(w),
}


@pytest.mark.parametrize("shape", [(5, 3), (20, 30)])
@pytest.mark.parametrize("name", FILLS)
def test_initial_values(name: str, shape: tuple[int, ...], oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):
        lib.manual_seed(11)
        weight = lib.nn.Parameter(lib.full(shape, 9.0))
        assert FILLS[name](lib.nn, weight) is weight
        # What comes next shows that as many numbers were drawn.
        results += [weight, lib.rand(3)]
    same(results[0], results[2])
    same(results[1], results[3])


@pytest.mark.parametrize("nonlinearity", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
def test_gain(nonlinearity: str, oracle: ModuleType) -> None:
    for param in (None, 0.3, 2):
        ours = nn.init.calculate_gain(nonlinearity, param)
        assert ours == oracle.nn.init.calculate_gain(nonlinearity, param)


@pytest.mark.parametrize("norm_type", [1, 2.0, 3, "inf"])
def test_clipping_by_norm(norm_type: Any, oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):
        params = [lib.nn.Parameter(lib.zeros(2)) for _ in range(3)]
        params[0].grad, params[1].grad = lib.tensor([3.0, 4.0]), lib.tensor([-5.0, 1.0])
        norm = lib.nn.utils.clip_grad_norm_((param for param in params), 2.0, norm_type)
        results.append([norm, params[0].grad, params[1].grad])
        assert params[2].grad is None
    for ours, theirs in zip(*results, strict=True):
        same(ours, theirs)


def test_clipping_nothing() -> None:
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0.0
    weight = nn.Parameter(kagari.zeros(2))
    weight.grad = kagari.tensor([0.1, -3.0])
    nn.utils.clip_grad_value_(weight, 1)
    assert weight.grad.tolist() == pytest.approx([0.1, -1.0])


def test_parameters_as_a_vector_and_back() -> None:
    layer = nn.Linear(2, 3)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    nn.utils.vector_to_parameters(vector * 2, layer.parameters())
    assert numbers(layer.weight) + numbers(layer.bias) == pytest.approx([2 * value for value in numbers(vector)])
    with pytest.raises(TypeError, match="but got: list"):
        nn.utils.vector_to_parameters([1.0], layer.parameters())


def test_dropout_scales_what_it_keeps() -> None:
    kagari.manual_seed(0)
    dropped = nn.Dropout(0.25)(kagari.ones(4000))
    assert sorted(set(dropped.tolist())) == pytest.approx([0.0, 4 / 3])
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.05)
    x = kagari.ones(3)
    assert nn.functional.dropout(x, 0.5, training=False) is x
