"""Normalising layers against the oracle: results, gradients, running statistics, what they print and save."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from outcomes import assert_same_error

import kagari

LAYERS = {
    "BatchNorm1d(3)": (4, 3),
    "BatchNorm1d(3, momentum=None)": (4, 3, 5),
    "BatchNorm2d(3)": (4, 3, 5, 6),
    "BatchNorm2d(3, eps=0.1, momentum=0.7)": (2, 3, 4, 5),
    "BatchNorm2d(3, affine=False)": (2, 3, 4, 5),
    "BatchNorm2d(3, bias=False)": (2, 3, 4, 5),
    "BatchNorm2d(3, track_running_stats=False)": (2, 3, 4, 5),
    "BatchNorm2d(3, dtype=torch.float64)": (2, 3, 4, 5),
    "BatchNorm3d(3)": (2, 3, 2, 3, 4),
    "InstanceNorm1d(3)": (2, 3, 6),
    "InstanceNorm1d(3, affine=True)": (3, 6),
    "InstanceNorm1d(4)": (3, 6),
    "InstanceNorm2d(3, affine=True, track_running_stats=True)": (2, 3, 4, 5),
    "InstanceNorm2d(3, affine=True, bias=False)": (3, 4, 5),
    "InstanceNorm3d(3, track_running_stats=True)": (2, 3, 2, 3, 4),
    "GroupNorm(2, 4)": (3, 4, 5),
    "GroupNorm(4, 4, eps=0.1)": (3, 4, 5, 2),
    "GroupNorm(1, 4, affine=False)": (3, 4),
    "GroupNorm(1, 4, bias=False)": (3, 4, 2),
    "LocalResponseNorm(3)": (2, 5, 4),
    "LocalResponseNorm(2, alpha=0.5, beta=0.6, k=2.0)": (2, 5, 4, 3),
    "RMSNorm(5)": (3, 4, 5),
    "RMSNorm((4, 5), eps=0.1)": (3, 4, 5),
    "RMSNorm(5, elementwise_affine=False)": (3, 4, 5),
}


def make(lib: ModuleType, text: str) -> Any:
    return eval(text, {"torch": lib, **vars(lib.nn)})


def close(ours: Any, theirs: Any, tolerance: float = 2e-5) -> None:
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    a, b = (np.array(t.detach().tolist(), float) for t in (ours, theirs))
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def steps(lib: ModuleType, text: str, shape: tuple[int, ...]) -> list[tuple[str, Any]]:
    """What three steps of training and one of evaluation give: results, gradients, state."""
    layer = make(lib, text)
    random = np.random.default_rng(0)
    found = []
    for step in range(4):
        layer.train(step < 3)
        dtype = lib.float64 if "float64" in text else lib.float32
        x = lib.tensor(random.uniform(-2, 3, shape).tolist(), dtype=dtype, requires_grad=True)
        g = lib.tensor(random.uniform(-1, 1, shape).tolist(), dtype=dtype)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "input's size at dim=0 does not match num_features")
            y = layer(x)
        layer.zero_grad()
        y.backward(g)
        found += [("result", y), ("gradient", x.grad)]
        found += [(f"gradient of {name}", p.grad) for name, p in layer.named_parameters()]
        found += [(name, value.clone()) for name, value in layer.state_dict().items()]
    return found


@pytest.mark.parametrize("text", LAYERS)
def test_layer(text: str, oracle: ModuleType) -> None:
    ours, theirs = make(kagari, text), make(oracle, text)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    for name, value in theirs.state_dict().items():
        close(ours.state_dict()[name], value, 0)
    for (name, a), (same_name, b) in zip(steps(kagari, text, LAYERS[text]), steps(oracle, text, LAYERS[text])):
        assert name == same_name
        close(a, b)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_halves_with_statistics_in_single_precision(kind: str, oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        layer = lib.nn.BatchNorm2d(3)
        x = lib.tensor(np.random.default_rng(1).uniform(-2, 3, (2, 3, 4, 5)).tolist(), dtype=getattr(lib, kind))
        found.append([layer(x), layer.running_mean, layer.running_var, layer.eval()(x)])
    for a, b in zip(*found):
        close(a, b, 2e-2)
    for k in (1, 2):  # the running statistics
        close(found[0][k], found[1][k], 2e-6)


def test_statistics_change_in_place_and_only_while_training() -> None:
    layer = kagari.nn.BatchNorm1d(2)
    mean = layer.running_mean
    layer(kagari.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert layer.running_mean is mean
    assert mean.tolist() == pytest.approx([0.2, 0.3])
    assert not mean.requires_grad
    before = mean.tolist()
    layer.eval()(kagari.ones(1, 2))
    assert mean.tolist() == before
    assert layer.num_batches_tracked.item() == 1


def test_one_value_with_statistics_that_are_not_tracked(oracle: ModuleType) -> None:
    for lib in (kagari, oracle):
        mean, var = lib.zeros(3), lib.ones(3)
        result = lib.batch_norm(lib.ones(1, 3), None, None, mean, var, True, 0.1, 1e-5, False)
        assert result.tolist() == [[0.0] * 3]
        assert mean.tolist() == pytest.approx([0.1] * 3)
        assert all(np.isnan(var.tolist()))


def test_an_empty_batch_leaves_the_statistics_alone() -> None:
    layer = kagari.nn.BatchNorm2d(3)
    assert layer(kagari.zeros(0, 3, 2, 2)).shape == (0, 3, 2, 2)
    assert layer.running_mean.tolist() == [0.0] * 3
    assert layer.running_var.tolist() == [1.0] * 3


ERRORS = {
    "1d of 4d": lambda t, n: n.BatchNorm1d(3)(t.zeros(2, 3, 4, 5)),
    "1d of 1d": lambda t, n: n.BatchNorm1d(3)(t.zeros(3)),
    "2d of 3d": lambda t, n: n.BatchNorm2d(3)(t.zeros(2, 3, 4)),
    "3d of 4d": lambda t, n: n.BatchNorm3d(3)(t.zeros(2, 3, 4, 5)),
    "other channels": lambda t, n: n.BatchNorm2d(3)(t.zeros(2, 4, 4, 5)),
    "one value": lambda t, n: n.BatchNorm1d(3)(t.zeros(1, 3)),
    "one pixel": lambda t, n: n.BatchNorm2d(3)(t.zeros(1, 3, 1, 1)),
    "instance 1d of 4d": lambda t, n: n.InstanceNorm1d(3)(t.zeros(2, 3, 4, 5)),
    "instance 2d of 2d": lambda t, n: n.InstanceNorm2d(3)(t.zeros(2, 3)),
    "instance of one": lambda t, n: n.InstanceNorm1d(3)(t.zeros(2, 3, 1)),
    "instance of other channels": lambda t, n: n.InstanceNorm1d(3, affine=True)(t.zeros(2, 4, 5)),
    "half of the statistics": lambda t, n: n.functional.instance_norm(t.zeros(2, 3, 4), t.zeros(3), None),
    "no statistics": lambda t, n: n.functional.instance_norm(t.zeros(2, 3, 4), use_input_stats=False),
    "groups that do not divide": lambda t, n: n.GroupNorm(2, 3),
    "groups of other channels": lambda t, n: n.GroupNorm(3, 3)(t.zeros(2, 4, 3)),
    "groups of a vector": lambda t, n: n.functional.group_norm(t.zeros(3), 3),
    "groups of one value": lambda t, n: n.functional.group_norm(t.zeros(1, 3), 3),
    "rms of another width": lambda t, n: n.RMSNorm(3)(t.zeros(2, 4)),
    "a file without its count": lambda t, n: n.BatchNorm1d(1).load_state_dict(
        {k: t.ones(1) for k in ("weight", "bias", "running_mean", "running_var")} | {"_": t.ones(1)}
    ),
    "statistics for a layer without": lambda t, n: n.InstanceNorm1d(3).load_state_dict(
        {"running_mean": t.zeros(3), "running_var": t.zeros(3)}
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name: str, oracle: ModuleType) -> None:
    assert_same_error(lambda lib: ERRORS[name](lib, lib.nn), oracle, kagari)


def test_warning_about_channels(oracle: ModuleType) -> None:
    for lib in (kagari, oracle):
        with pytest.warns(UserWarning, match="input's size at dim=1 does not match num_features. You can silence"):
            lib.nn.InstanceNorm1d(3)(lib.ones(2, 4, 5))


def test_files_of_the_first_version_have_no_count() -> None:
    layer = kagari.nn.BatchNorm1d(2)
    layer(kagari.ones(3, 2))
    state = layer.state_dict()
    del state["num_batches_tracked"]
    with pytest.raises(RuntimeError, match="Missing key"):
        layer.load_state_dict(state)
    state._metadata[""]["version"] = 1
    layer.load_state_dict(state)
    assert layer.num_batches_tracked.item() == 1


def test_reset_makes_a_new_layer() -> None:
    layer = kagari.nn.BatchNorm1d(2)
    layer(kagari.ones(3, 2))
    layer.weight.data.fill_(3.0)
    layer.reset_parameters()
    new = kagari.nn.BatchNorm1d(2).state_dict()
    assert {k: v.tolist() for k, v in layer.state_dict().items()} == {k: v.tolist() for k, v in new.items()}
