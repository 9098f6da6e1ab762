"""`nn.Module` and the containers: against the oracle, scenario by scenario, and on their own where Kagari differs."""

from __future__ import annotations

import copy
import gc
import operator
import pickle
import warnings
import weakref
from collections import OrderedDict
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari import nn

# The oracle's name, its file layout and its requests to its users are not part of the wording.
WORDING = {
    "torch.": "kagari.",
    "torch Tensor": "kagari Tensor",
    ".nn.modules.": ".nn.",
    "Open an issue on github if you need non-string keys.": "",
}


def outcome(scenario: Any, lib: ModuleType) -> tuple[Any, ...]:
    """What a scenario gives: its result or its error, and the kinds of warnings, without the library's name."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        lib.manual_seed(0)
        try:
            result = "gives", repr(scenario(lib, lib.nn))
        except Exception as error:
            result = "raises", type(error).__name__, str(error)
    said = []
    for part in result:
        for theirs, ours in WORDING.items():
            part = part.replace(theirs, ours)
        said.append(part.rstrip())
    return (*said, [warning.category.__name__ for warning in caught])


def net(n: Any) -> Any:
    return n.Sequential(n.Linear(2, 3), n.Sequential(n.ReLU(), n.Linear(3, 1)))


def with_buffers(t: Any, n: Any) -> Any:
    module = n.Module()
    module.register_buffer("running", t.zeros(2))
    module.register_buffer("transient", t.ones(1), persistent=False)
    module.register_buffer("absent", None)
    return module


def named(n: Any, *names: str) -> Any:
    return n.Sequential(OrderedDict((name, n.ReLU()) for name in names))


def unfinished(n: Any, value: Any) -> Any:
    class Unfinished(n.Module):
        def __init__(self) -> None:
            self.value = value

    return Unfinished


def extra(n: Any) -> Any:
    class Extra(n.Module):
        def __init__(self) -> None:
            super().__init__()
            self.count = 1

        def get_extra_state(self) -> int:
            return self.count

        def set_extra_state(self, state: int) -> None:
            self.count = state

    return Extra()


def wordy(n: Any, text: str) -> Any:
    class Wordy(n.Module):
        def extra_repr(self) -> str:
            return text

    return Wordy()


def doing(subject: Any, *actions: Any) -> Any:
    """The subject after some actions on it."""
    for action in actions:
        action(subject)
    return subject


def shared(n: Any) -> Any:
    class Shared(n.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = n.Linear(1, 1)
            self.second = self.first
            self.own = self.first.weight
            self.register_module("nothing", None)

    return Shared()


def shadowed(n: Any) -> Any:
    class Shadowed(n.Module):
        weight = None

        def __init__(self) -> None:
            super().__init__()
            self.weight = n.Linear(1, 1).weight

    return Shadowed()


SCENARIOS = {
    # Assigning
    "parameter before init": lambda t, n: unfinished(n, n.Linear(1, 1).weight)(),
    "module before init": lambda t, n: unfinished(n, n.ReLU())(),
    "buffer before init": lambda t, n: unfinished(n, n.Buffer(t.zeros(1)))(),
    "init with arguments": lambda t, n: n.Module(3),
    "init with keywords": lambda t, n: n.Module(a=3),
    "int as parameter": lambda t, n: setattr(n.Linear(1, 1), "weight", 3),
    "module as parameter": lambda t, n: setattr(n.Linear(1, 1), "bias", 3.0),
    "bias None": lambda t, n: doing(n.Linear(1, 1), lambda m: setattr(m, "bias", None)),
    "int as child": lambda t, n: setattr(net(n), "0", 3),
    "child None": lambda t, n: doing(net(n), lambda m: setattr(m, "0", None)),
    "int as buffer": lambda t, n: setattr(with_buffers(t, n), "running", 3),
    "parameter over buffer": lambda t, n: [
        sorted(table)
        for m in [doing(with_buffers(t, n), lambda m: setattr(m, "running", n.Linear(1, 1).bias))]
        for table in (m._parameters, m._buffers)
    ],
    "parameter over attribute": lambda t, n: doing(
        n.Linear(1, 1), lambda m: setattr(m, "x", 3), lambda m: setattr(m, "x", m.bias)
    )._parameters.keys(),
    "parameter where the class has one": lambda t, n: shadowed(n),
    "parameter with a dot": lambda t, n: setattr(n.Linear(1, 1), "a.b", n.Linear(1, 1).bias),
    "transient buffer object": lambda t, n: list(
        doing(n.Module(), lambda m: setattr(m, "b", n.Buffer(t.zeros(1), persistent=False))).state_dict()
    ),
    "unknown attribute": lambda t, n: n.Module().nothing,
    "delete unknown": lambda t, n: delattr(n.Module(), "nothing"),
    "delete parameter": lambda t, n: doing(n.Linear(1, 1), lambda m: delattr(m, "weight")).weight,
    "delete child": lambda t, n: doing(net(n), lambda m: delattr(m, "0")),
    **{
        f"register {kind} as {name!r}": lambda t, n, kind=kind, name=name: {
            "parameter": lambda m: m.register_parameter(name, None),
            "buffer": lambda m: m.register_buffer(name, None),
            "module": lambda m: m.register_module(name, None),
        }[kind](n.Linear(1, 1))
        for kind in ("parameter", "buffer", "module")
        for name in ("", "a.b", 3, "training", "forward", "in_features", "fresh")
    },
    "register tensor as buffer int": lambda t, n: n.Module().register_buffer("b", 3),
    "register int as parameter": lambda t, n: n.Module().register_parameter("p", 3),
    "register int as module": lambda t, n: n.Module().register_module("m", 3),
    # Looking around
    "no forward": lambda t, n: n.Module()(3),
    "submodule": lambda t, n: net(n).get_submodule("1.0"),
    "submodule missing": lambda t, n: net(n).get_submodule("1.5"),
    "submodule is none": lambda t, n: net(n).get_submodule("0.weight"),
    "parameter": lambda t, n: tuple(net(n).get_parameter("1.1.weight").shape),
    "parameter missing": lambda t, n: net(n).get_parameter("0.nothing"),
    "parameter is none": lambda t, n: net(n).get_parameter("0.in_features"),
    "buffer": lambda t, n: with_buffers(t, n).get_buffer("running").tolist(),
    "buffer is none": lambda t, n: net(n).get_buffer("0.bias"),
    "set submodule": lambda t, n: doing(net(n), lambda m: m.set_submodule("1.0", n.Tanh())),
    "set submodule nowhere": lambda t, n: net(n).set_submodule("", n.Tanh()),
    "set submodule below nothing": lambda t, n: net(n).set_submodule("7.1", n.Tanh()),
    "set submodule strictly": lambda t, n: net(n).set_submodule("1.9", n.Tanh(), strict=True),
    "set submodule to int": lambda t, n: net(n).set_submodule("1.0", 3),
    "named modules": lambda t, n: [name for name, _ in net(n).named_modules(prefix="p")],
    "named modules shared": lambda t, n: [
        [name for name, _ in shared(n).named_modules(remove_duplicate=flag)] for flag in (True, False)
    ],
    "named parameters shared": lambda t, n: [
        [name for name, _ in shared(n).named_parameters(remove_duplicate=flag)] for flag in (True, False)
    ],
    "named parameters here": lambda t, n: [name for name, _ in net(n).named_parameters(recurse=False)],
    "named parameters below": lambda t, n: [name for name, _ in net(n).named_parameters("p")],
    "named children": lambda t, n: [name for name, _ in shared(n).named_children()],
    "buffers": lambda t, n: [name for name, _ in with_buffers(t, n).named_buffers()],
    "repr with None": lambda t, n: shared(n),
    "repr with lines": lambda t, n: n.Sequential(wordy(n, "a=1\nb=2"), wordy(n, "a=1")),
    "repr with line and child": lambda t, n: doing(wordy(n, "a=1"), lambda m: m.add_module("child", n.ReLU())),
    # Changing the tree
    "train": lambda t, n: [m.training for m in net(n).train(False).modules()],
    "train with int": lambda t, n: net(n).train(1),
    "frozen": lambda t, n: [p.requires_grad for p in net(n).requires_grad_(False).parameters()],
    "apply order": lambda t, n: (lambda seen: net(n).apply(lambda m: seen.append(type(m).__name__)) and seen)([]),
    "apply int": lambda t, n: net(n).apply(3),
    "double": lambda t, n: net(n).double()[0].weight.dtype,
    "to dtype": lambda t, n: net(n).to(t.float64)[0].weight.dtype,
    "to device and dtype": lambda t, n: net(n).to("cpu", t.float64)[0].weight.dtype,
    "to keywords": lambda t, n: net(n).to(dtype=t.float64)[0].weight.dtype,
    "to tensor": lambda t, n: net(n).to(t.zeros(1, dtype=t.float64))[0].weight.dtype,
    "to integers": lambda t, n: net(n).to(t.int32),
    "to keeps integers": lambda t, n: (
        doing(n.Module(), lambda m: m.register_buffer("i", t.zeros(1, dtype=t.int64))).to(t.float64).i.dtype
    ),
    "type": lambda t, n: net(n).type(t.float64)[0].weight.dtype,
    # State
    "state keys": lambda t, n: list(net(n).state_dict(prefix="p.")),
    "state keys of buffers": lambda t, n: list(with_buffers(t, n).state_dict()),
    "state keys shared": lambda t, n: list(shared(n).state_dict()),
    "state metadata": lambda t, n: net(n).state_dict()._metadata,
    "state detached": lambda t, n: [v.requires_grad for v in net(n).state_dict().values()],
    "state kept": lambda t, n: [v.requires_grad for v in net(n).state_dict(keep_vars=True).values()],
    "state by position": lambda t, n: list(net(n).state_dict({}, "p.")),
    "load": lambda t, n: net(n).load_state_dict(net(n).state_dict()),
    "load int": lambda t, n: net(n).load_state_dict(3),
    "load nothing": lambda t, n: net(n).load_state_dict({}),
    "load more": lambda t, n: net(n).load_state_dict({**net(n).state_dict(), "a.b": 1, "0.w": 2, "0.a.b": 3}),
    "load other shapes": lambda t, n: net(n).load_state_dict(
        {**net(n).state_dict(), "0.weight": t.zeros(1), "1.1.bias": 3}
    ),
    "load all wrong": lambda t, n: net(n).load_state_dict({"0.weight": t.zeros(1), "z": 3}),
    "load loosely": lambda t, n: net(n).load_state_dict({"z": t.zeros(1)}, strict=False),
    "load loosely other shape": lambda t, n: net(n).load_state_dict({"0.weight": t.zeros(1)}, strict=False),
    "load extra": lambda t, n: (
        doing(n.Sequential(extra(n)), lambda m: m.load_state_dict({"0._extra_state": 7}))[0].count
    ),
    "load extra missing": lambda t, n: n.Sequential(extra(n)).load_state_dict({}),
    "load extra unexpected": lambda t, n: n.ReLU().load_state_dict({"_extra_state": 1}),
    "load post hook returns": lambda t, n: doing(
        n.ReLU(), lambda m: m.register_load_state_dict_post_hook(lambda *args: 3)
    ).load_state_dict({}),
    "state post hook returns": lambda t, n: doing(
        n.ReLU(), lambda m: m.register_state_dict_post_hook(lambda *args: 3)
    ).state_dict(),
    # Containers
    "sequential": lambda t, n: net(n),
    "sequential named": lambda t, n: named(n, "a", "b"),
    "sequential int": lambda t, n: n.Sequential(3),
    "sequential dict": lambda t, n: n.Sequential({"a": n.ReLU()}),
    "sequential of none": lambda t, n: n.Sequential()(3),
    "sequential two inputs": lambda t, n: n.Sequential()(3, 4),
    "sequential index": lambda t, n: net(n)[-1],
    "sequential index out": lambda t, n: net(n)[5],
    "sequential index string": lambda t, n: net(n)["0"],
    "sequential slice": lambda t, n: named(n, "a", "b", "c")[1:],
    "sequential delete": lambda t, n: doing(named(n, "a", "b", "c"), lambda m: m.__delitem__(1)),
    "sequential delete slice": lambda t, n: doing(net(n), lambda m: m.__delitem__(slice(0, 1))),
    "sequential replace": lambda t, n: doing(net(n), lambda m: m.__setitem__(-1, n.Tanh())),
    "sequential append": lambda t, n: net(n).append(n.Tanh()),
    "sequential append int": lambda t, n: net(n).append(3),
    "sequential insert": lambda t, n: net(n).insert(-1, n.Tanh()),
    "sequential insert before named": lambda t, n: named(n, "a", "b").insert(0, n.Tanh()),
    "sequential insert behind named": lambda t, n: named(n, "a", "1").insert(1, n.Tanh()),
    "sequential insert far": lambda t, n: net(n).insert(9, n.Tanh()),
    "sequential insert int": lambda t, n: net(n).insert(0, 3),
    "sequential extend": lambda t, n: net(n).extend([n.Tanh()]),
    "sequential pop": lambda t, n: net(n).pop(0),
    "sequential add": lambda t, n: net(n) + net(n),
    "sequential add int": lambda t, n: net(n) + 3,
    "sequential times": lambda t, n: 2 * net(n),
    "sequential times nothing": lambda t, n: net(n) * 0,
    "sequential times half": lambda t, n: net(n) * 0.5,
    "sequential times itself": lambda t, n: doing(net(n), lambda m: m.__imul__(2)),
    "list": lambda t, n: n.ModuleList([n.ReLU(), n.ReLU(), net(n), net(n)]),
    "list empty": lambda t, n: n.ModuleList(),
    "list int": lambda t, n: n.ModuleList(3),
    "list called": lambda t, n: n.ModuleList()(3),
    "list slice": lambda t, n: n.ModuleList([n.ReLU(), n.Tanh()])[1:],
    "list index out": lambda t, n: n.ModuleList()[0],
    "list add": lambda t, n: operator.add(n.ModuleList([n.ReLU()]), [n.Tanh()]),
    "list insert": lambda t, n: doing(n.ModuleList([n.ReLU()]), lambda m: m.insert(0, n.Tanh())),
    "list delete": lambda t, n: doing(n.ModuleList([n.ReLU(), n.Tanh()]), lambda m: m.__delitem__(0)),
    "dict": lambda t, n: n.ModuleDict({"b": n.ReLU(), "a": n.Tanh()}),
    "dict missing": lambda t, n: n.ModuleDict()["a"],
    "dict update int": lambda t, n: n.ModuleDict().update(3),
    "dict update ints": lambda t, n: n.ModuleDict().update([3]),
    "dict update triples": lambda t, n: n.ModuleDict().update([(1, 2, 3)]),
    "dict update pairs": lambda t, n: doing(n.ModuleDict(), lambda m: m.update([("x", n.ReLU())])),
    "dict bad name": lambda t, n: n.ModuleDict({"keys": n.ReLU()}),
    "dict pop": lambda t, n: n.ModuleDict({"b": n.ReLU()}).pop("b"),
    "parameters": lambda t, n: n.ParameterList([t.zeros(2, 3), 4, "a"]),
    "parameters slice": lambda t, n: n.ParameterList([t.zeros(2, 3), 4, "a"])[1:],
    "parameters index out": lambda t, n: n.ParameterList()[0],
    "parameters called": lambda t, n: n.ParameterList()(3),
    "parameters of a tensor": lambda t, n: n.ParameterList(t.zeros(3)),
    "parameters keys": lambda t, n: list(n.ParameterList([t.zeros(2), 3, t.zeros(1)]).state_dict()),
    "parameter dict": lambda t, n: list(n.ParameterDict({"b": t.zeros(2), "a": 3}).keys()),
    "parameter dict missing": lambda t, n: n.ParameterDict()["a"],
    "parameter dict update int": lambda t, n: n.ParameterDict(3),
    "parameter dict popitem": lambda t, n: n.ParameterDict({"a": 1, "b": 2}).popitem(),
    "parameter dict union": lambda t, n: list(
        (n.ParameterDict({"b": t.zeros(2)}) | n.ParameterDict({"a": t.zeros(1)})).state_dict()
    ),
    "parameter dict fromkeys": lambda t, n: list(n.ParameterDict().fromkeys(["x", "y"], t.zeros(1)).state_dict()),
    # Parameters
    "parameter of int": lambda t, n: n.Parameter(t.zeros(1, dtype=t.int32)),
    "parameter of int without gradient": lambda t, n: n.Parameter(t.zeros(1, dtype=t.int32), requires_grad=False),
    "parameter of number": lambda t, n: n.Parameter(3),
    "parameter repr": lambda t, n: n.Parameter(t.zeros(2)),
    "parameter of nothing": lambda t, n: n.Parameter(),
    "parameter of result": lambda t, n: n.Parameter(n.Parameter(t.zeros(1)) * 2).is_leaf,
    "result of parameter": lambda t, n: type(n.Parameter(t.zeros(1)) * 2) is t.Tensor,
    "buffer object": lambda t, n: isinstance(n.Buffer(t.zeros(1)), n.Buffer),
    # Hooks
    "pre hook": lambda t, n: doing(n.Identity(), lambda m: m.register_forward_pre_hook(lambda m, args: args[0] + 1))(1),
    "pre hook with kwargs": lambda t, n: doing(
        n.Identity(),
        lambda m: m.register_forward_pre_hook(lambda m, args, kwargs: ((kwargs["input"] + 1,), {}), with_kwargs=True),
    )(input=1),
    "pre hook bad": lambda t, n: doing(
        n.Identity(), lambda m: m.register_forward_pre_hook(lambda *args: 3, with_kwargs=True)
    )(1),
    "hook order": lambda t, n: doing(
        n.Identity(),
        lambda m: m.register_forward_hook(lambda m, args, output: (*output, "second")),
        lambda m: m.register_forward_hook(lambda m, args, output: (*output, "first"), prepend=True),
    )(()),
    "hook with kwargs": lambda t, n: doing(
        n.Identity(), lambda m: m.register_forward_hook(lambda m, args, kwargs, out: (args, kwargs), with_kwargs=True)
    )(input=2),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_as_the_oracle(name: str, oracle: ModuleType) -> None:
    assert outcome(SCENARIOS[name], kagari) == outcome(SCENARIOS[name], oracle)


def test_backward_hooks_see_and_replace_gradients() -> None:
    layer = nn.Linear(2, 2, bias=False)
    seen = []
    layer.register_full_backward_pre_hook(lambda m, grad_output: (grad_output[0] * 2,))
    handle = layer.register_full_backward_hook(
        lambda m, grad_input, grad_output: seen.append((grad_input[0].tolist(), grad_output[0].tolist()))
    )
    x = kagari.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    assert seen == [(x.grad.tolist(), [[2.0, 2.0]])]
    assert kagari.allclose(x.grad, 2 * layer.weight.detach().sum(0, keepdim=True))
    handle.remove()
    layer(x).sum().backward()
    assert len(seen) == 1


def test_backward_hook_where_no_input_requires_gradient() -> None:
    layer = nn.Linear(2, 2)
    seen = []
    layer.register_full_backward_hook(lambda m, grad_input, grad_output: seen.append(grad_input))
    with pytest.warns(UserWarning, match="no inputs require gradients"):
        layer(kagari.ones(1, 2)).sum().backward()
    assert seen == [(None,)]
    assert layer.bias.grad.tolist() == [1.0, 1.0]


def test_hook_that_is_always_called_sees_the_failure() -> None:
    layer, seen = nn.Linear(2, 2), []
    layer.register_forward_hook(lambda m, args, output: seen.append(output), always_call=True)
    with pytest.raises(RuntimeError):
        layer(kagari.ones(1, 3))
    assert seen == [None]


def test_handle_removes_a_hook_and_tables_can_be_cleared() -> None:
    layer = nn.Identity()
    with layer.register_forward_hook(lambda m, args, output: output + 1):
        assert layer(1) == 2
    assert layer(1) == 1
    layer.register_forward_hook(lambda m, args, output: output + 1)
    layer._forward_hooks.clear()
    assert layer(1) == 1
    layer._forward_hooks[0] = lambda m, args, output: output + 5
    assert layer(1) == 6
    layer._forward_hooks = OrderedDict()
    assert layer(1) == 1


def test_error_names_the_module_and_its_inputs() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Sequential(nn.ReLU(), nn.Linear(2, 3))])

        def forward(self, x: kagari.Tensor) -> kagari.Tensor:
            for layer in self.layers:
                x = layer(x)
            return x

    with pytest.raises(RuntimeError) as caught:
        Net()(kagari.ones(4, 5))
    assert caught.value.__notes__ == ["In module Net.layers.0.1 (Linear), called with (float32[4, 5])"]
    with pytest.raises(TypeError) as caught:
        nn.Identity()(1, mask=kagari.ones(1))
    assert caught.value.__notes__ == ["In module Identity, called with (int, mask=float32[1])"]


def test_members_are_attributes_however_they_are_written() -> None:
    layer = nn.Linear(1, 1)
    other = nn.Parameter(kagari.ones(1, 1))
    layer._parameters["weight"] = other
    assert layer.weight is other and vars(layer)["weight"] is other
    layer._parameters.update(extra=other)
    assert layer.extra is other
    assert layer._parameters.pop("extra") is other and not hasattr(layer, "extra")
    assert layer._parameters.popitem()[0] == "bias" and not hasattr(layer, "bias")
    layer._modules |= {"child": nn.ReLU()}
    assert isinstance(layer.child, nn.ReLU)
    layer._modules = {"other": nn.Tanh()}
    assert isinstance(layer.other, nn.Tanh) and not hasattr(layer, "child")
    layer._parameters.clear()
    assert not hasattr(layer, "weight")


def test_tensor_takes_the_place_of_a_parameter_that_was_deleted() -> None:
    layer = nn.Linear(1, 1)
    del layer._parameters["weight"]
    layer.weight = kagari.full((1, 1), 3.0)
    assert "weight" not in layer.state_dict() and layer.weight.item() == 3.0


def test_attribute_of_the_class_wins() -> None:
    class Net(nn.Module):
        def loss(self) -> str:
            return "method"

    net = Net()
    net._modules["loss"] = nn.MSELoss()
    assert net.loss() == "method"


def test_getattr_of_a_subclass_is_asked_for_unknown_names_only() -> None:
    class Wrapper(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.inner, name)

    assert Wrapper(nn.Linear(3, 4)).in_features == 3


def test_copies_have_members_of_their_own() -> None:
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    for copied in (copy.deepcopy(tied), pickle.loads(pickle.dumps(tied))):
        assert copied[0].weight is copied[1].weight is not tied[0].weight
        assert kagari.equal(copied[0].weight, tied[0].weight)
        copied[0].bias = None
        assert copied[0]._parameters["bias"] is None and tied[0].bias is not None
    shallow = copy.copy(tied[0])
    assert shallow.weight is tied[0].weight
    shallow.bias = None
    assert tied[0].bias is not None


def test_state_that_a_subclass_restores_by_itself() -> None:
    layer = pickle.loads(pickle.dumps(Holder(1, 1)))
    layer.bias = None
    assert layer.bias is None and layer._parameters["bias"] is None
    layer.child = nn.ReLU()
    assert list(layer._modules) == ["child"]


class Holder(nn.Linear):
    """A layer that is pickled its own way, by its dictionary as it stands."""

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def test_model_is_freed_at_once() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    gone = weakref.ref(net[0])
    gc.disable()
    try:
        del net
        assert gone() is None
    finally:
        gc.enable()


def test_loading_copies_or_assigns() -> None:
    source, target = nn.Linear(2, 2), nn.Linear(2, 2)
    weight = target.weight
    target.load_state_dict(source.state_dict())
    assert target.weight is weight and kagari.equal(weight, source.weight)
    state = source.state_dict()
    target.load_state_dict(state, assign=True)
    assert isinstance(target.weight, nn.Parameter) and target.weight is not weight
    assert target.weight.data_ptr() == state["weight"].data_ptr()


def test_casting_keeps_the_parameter_and_casts_its_gradient() -> None:
    layer = nn.Linear(2, 2)
    weight = layer.weight
    layer(kagari.ones(1, 2)).sum().backward()
    layer.double()
    assert layer.weight is weight and weight.dtype == weight.grad.dtype == kagari.float64


def test_gradients_are_dropped_or_zeroed() -> None:
    layer = nn.Linear(1, 1)
    layer(kagari.ones(1, 1)).sum().backward()
    layer.zero_grad(set_to_none=False)
    assert layer.bias.grad.tolist() == [0.0]
    layer.zero_grad()
    assert layer.bias.grad is None


def test_public_names_are_complete_and_sorted_by_kind() -> None:
    assert all(hasattr(nn, name) for name in nn.__all__)
    assert all(getattr(nn, name).__doc__ for name in nn.__all__)
    assert all(hasattr(nn.functional, name) for name in nn.functional.__all__)
