"""Layers that learn the size of their inputs, and tensors without a shape, against the oracle."""

from __future__ import annotations

import copy
import pickle
import warnings
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari import nn

pytestmark = pytest.mark.filterwarnings("ignore")

INPUTS = {
    "LazyLinear(3)": (2, 4),
    "LazyLinear(3, bias=False)": (2, 5, 4),
    "LazyConv1d(4, 2)": (2, 3, 5),
    "LazyConv1d(4, 2, stride=2, padding=1, bias=False)": (3, 5),
    "LazyConv2d(4, 2, groups=2)": (2, 6, 5, 5),
    "LazyConv2d(4, 3, padding=1, padding_mode='circular')": (2, 3, 5, 5),
    "LazyConv3d(4, 2)": (2, 3, 3, 3, 3),
    "LazyConvTranspose1d(4, 2)": (2, 3, 5),
    "LazyConvTranspose2d(4, 2, stride=2, output_padding=1)": (2, 3, 5, 5),
    "LazyConvTranspose3d(4, 2, bias=False)": (2, 3, 2, 2, 2),
    "LazyBatchNorm1d()": (4, 3),
    "LazyBatchNorm2d(affine=False)": (2, 3, 5, 5),
    "LazyBatchNorm3d(bias=False)": (2, 3, 2, 2, 2),
    "LazyInstanceNorm1d()": (2, 3, 5),
    "LazyInstanceNorm2d(track_running_stats=False)": (2, 3, 5, 5),
    "LazyInstanceNorm3d(affine=False, track_running_stats=False)": (2, 3, 2, 2, 2),
}


def make(lib: ModuleType, text: str) -> Any:
    lib.manual_seed(5)
    return eval(text, vars(lib.nn).copy())


def numbers(tensor: Any) -> list[float]:
    return tensor.detach().double().reshape(-1).tolist()


def close(ours: Any, theirs: Any) -> None:
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert numbers(ours) == pytest.approx(numbers(theirs), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("text", INPUTS)
def test_first_call(text: str, oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):
        layer = make(lib, text)
        before = repr(layer), list(layer.state_dict()), layer.has_uninitialized_params()
        output = layer(lib.rand(INPUTS[text]))
        state = layer.state_dict()
        results.append(([*before, type(layer).__name__, repr(layer), list(state)], output, state))
    assert results[0][0] == results[1][0]
    close(results[0][1], results[1][1])
    for ours, theirs in zip(results[0][2].values(), results[1][2].values(), strict=True):
        close(ours, theirs)


@pytest.mark.parametrize("text", INPUTS)
def test_loading_gives_the_shapes(text: str) -> None:
    first, second = make(kagari, text), make(kagari, text)
    x = kagari.rand(INPUTS[text])
    first.eval()(x)
    second.load_state_dict(first.state_dict())
    assert not second.has_uninitialized_params()
    assert kagari.equal(second.eval()(x), first(x))
    assert type(second) is type(first)


def test_call_after_the_first_costs_no_hooks() -> None:
    layer = nn.LazyLinear(3)
    layer(kagari.ones(1, 2))
    assert type(layer) is nn.Linear and layer._hooks is None


def test_other_hooks_stay() -> None:
    layer = nn.LazyLinear(3)
    layer.register_forward_hook(lambda module, args, output: output * 0)
    layer(kagari.ones(1, 2))
    assert layer(kagari.ones(1, 2)).tolist() == [[0.0, 0.0, 0.0]]
    assert len(layer._forward_pre_hooks) == 0


def outcome(scenario: Any, lib: ModuleType) -> tuple[str, ...]:
    lib.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = "gives", repr(scenario(lib, lib.nn))
        except Exception as error:
            result = "raises", type(error).__name__, str(error).partition(" in ")[0]
    return tuple(part.replace("torch.", "kagari.") for part in result)


def materialized(tensor: Any, *args: Any, **kwargs: Any) -> list[Any]:
    tensor.materialize(*args, **kwargs)
    return [type(tensor).__name__, tuple(tensor.shape), tensor.requires_grad, tensor.dtype]


def own(t: Any, initialize: Any) -> Any:
    class Own(t.nn.modules.lazy.LazyModuleMixin, t.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = t.nn.UninitializedParameter()
            self.register_buffer("table", t.nn.UninitializedBuffer())

        def forward(self, x: Any, y: int = 3) -> Any:
            return self.weight * 0 + x + y

    if initialize is not None:
        Own.initialize_parameters = initialize
    return Own()


def both(self: Any, x: Any, y: int = 3) -> None:
    self.weight.materialize(x.shape)
    self.table.materialize((y,))


SCENARIOS = {
    "parameter": lambda t, n: n.UninitializedParameter(),
    "buffer": lambda t, n: n.UninitializedBuffer(),
    "parameter materialized": lambda t, n: materialized(n.UninitializedParameter(), (2, 3)),
    "parameter of doubles": lambda t, n: materialized(n.UninitializedParameter(False), (2,), dtype=t.float64),
    "buffer materialized": lambda t, n: materialized(n.UninitializedBuffer(), (2,)),
    "shape": lambda t, n: n.UninitializedParameter().shape,
    "sum": lambda t, n: n.UninitializedParameter().sum(),
    "add": lambda t, n: n.UninitializedParameter() + 1,
    "function": lambda t, n: t.exp(n.UninitializedBuffer()),
    "dtype": lambda t, n: n.UninitializedParameter(dtype=t.float64).dtype,
    "kinds": lambda t, n: [
        isinstance(n.UninitializedParameter(), n.Parameter),
        n.UninitializedParameter().is_leaf,
        n.parameter.is_lazy(n.UninitializedBuffer()),
        n.parameter.is_lazy(n.Parameter()),
    ],
    "copied": lambda t, n: type(copy.deepcopy(n.UninitializedParameter(False))).__name__,
    "pickled": lambda t, n: pickle.loads(pickle.dumps(n.UninitializedParameter(False))).requires_grad,
    "shared": lambda t, n: n.UninitializedParameter().share_memory_(),
    "layer as double": lambda t, n: n.LazyLinear(3).double()(t.ones(1, 2).double()).dtype,
    "norm as double": lambda t, n: n.LazyBatchNorm1d().double()(t.ones(2, 2).double()).dtype,
    "layer copied": lambda t, n: [
        (type(m).__name__, tuple(m(t.ones(1, 2)).shape), type(m).__name__, len(m._forward_pre_hooks))
        for m in (copy.deepcopy(n.LazyLinear(3)), pickle.loads(pickle.dumps(n.LazyLinear(3))))
    ],
    "model": lambda t, n: n.Sequential(n.LazyLinear(4), n.ReLU(), n.LazyLinear(2))(t.ones(1, 3)).shape,
    "optimizer": lambda t, n: len(t.optim.SGD(n.LazyLinear(3).parameters(), lr=0.1).param_groups[0]["params"]),
    "loaded from a lazy one": lambda t, n: n.LazyLinear(3).load_state_dict(n.LazyLinear(3).state_dict()),
    "loaded into a ready one": lambda t, n: n.Linear(2, 3).load_state_dict(n.LazyLinear(3).state_dict()),
    "loaded with another width": lambda t, n: n.LazyLinear(3).load_state_dict(n.Linear(2, 2).state_dict()),
    "without input": lambda t, n: n.LazyLinear(3)(),
    "by keyword": lambda t, n: n.LazyLinear(3)(input=t.ones(1, 2)).shape,
    "of a number": lambda t, n: n.LazyLinear(3)(t.ones(())),
    "convolution of too many dimensions": lambda t, n: n.LazyConv2d(4, 2)(t.ones(1, 2, 3, 4, 5)),
    "convolution in groups": lambda t, n: n.LazyConv2d(4, 2, groups=2)(t.ones(1, 3, 4, 4)),
    "own": lambda t, n: [own(t, both)(t.ones(2), y=4).tolist(), type(own(t, both)).__name__],
    "own saved": lambda t, n: own(t, both).state_dict(),
    "own half done": lambda t, n: own(t, lambda self, x: self.weight.materialize(x.shape))(t.ones(2)),
    "own without": lambda t, n: own(t, None)(t.ones(2)),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_as_the_oracle(name: str, oracle: ModuleType) -> None:
    assert outcome(SCENARIOS[name], kagari) == outcome(SCENARIOS[name], oracle)
