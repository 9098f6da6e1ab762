"""`nn.Module` compared name by name with the oracle's, hooks of all modules, layers that nobody registered."""

from __future__ import annotations

import copy
import importlib
import importlib.resources
import inspect
import pickle
import warnings
from collections import OrderedDict
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari import nn

CONTAINERS = ("Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict")

# Names of PyTorch's classes that ours don't have, with the reason.
MISSING = {
    "T_destination": "a variable of type checkers",
    "__getattr__": "members are ordinary attributes",
    "__annotations__": "depends on how the class is written",
    "_call_impl": "calling is one method",
    "_wrapped_call_impl": "calling is one method",
    "_slow_forward": "there is no tracing of calls",
    "_get_backward_hooks": "hooks are collected where they run",
    "_get_backward_pre_hooks": "hooks are collected where they run",
    "_maybe_warn_non_full_backward_hook": "there is one place where they run",
    "_replicate_for_data_parallel": "there is no data parallelism over devices of one process",
    "ipu": "a device that is not there",
    "mtia": "a device that is not there",
    "xpu": "a device that is not there",
    "_get_item_by_idx": "positions are looked up in another way",
    "_get_abs_string_index": "positions are looked up in another way",
    "_key_to_attr": "keys are attributes as they are",
}
# Methods whose parameters differ, with the reason.
DIFFERENT = {
    ("Module", "__init__"): "PyTorch names the class as well",
    ("ParameterList", "__call__"): "it is refused, whatever it is called with",
    ("ParameterDict", "__call__"): "it is refused, whatever it is called with",
}


def parameters(function: Any) -> list[tuple[str, Any, Any]] | None:
    try:
        return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]
    except ValueError:
        return None


@pytest.mark.parametrize("name", ["Module", *CONTAINERS])
def test_methods_are_the_oracles(name: str, oracle: ModuleType) -> None:
    ours, theirs = getattr(nn, name), getattr(oracle.nn, name)
    # Names of three underscores are marks that PyTorch's compiler leaves on classes when something has imported it.
    assert {n for n in dir(theirs) if n not in dir(ours) and not n.startswith("___")} - set(MISSING) == set()
    different = set()
    for method in dir(ours):
        a, b = getattr(ours, method), getattr(theirs, method, None)
        written = inspect.isfunction(a) and inspect.isfunction(b)
        if written and parameters(a) != parameters(b) and (name, method) not in DIFFERENT:
            different.add(method)
    assert different == set()


def test_every_reason_for_a_difference_is_needed(oracle: ModuleType) -> None:
    missing = {n for c in ("Module", *CONTAINERS) for n in dir(getattr(oracle.nn, c)) if n not in dir(getattr(nn, c))}
    assert set(MISSING) - missing <= {"__annotations__"}


def test_type_checkers_may_read_the_package() -> None:
    assert (importlib.resources.files("kagari") / "py.typed").is_file()


CONTAINED = {
    "empty dict of parameters": lambda t, n: n.ParameterDict().popitem(),
    "dict and dict of parameters": lambda t, n: {"b": 2} | n.ParameterDict({"a": 1}),
    "inserted": lambda t, n: n.ModuleList([n.ReLU()]).insert(5, n.Tanh()),
    "popped slice": lambda t, n: n.ModuleList([n.ReLU(), n.Tanh(), n.ReLU()]).pop(slice(0, 2)),
    "reversed": lambda t, n: list(reversed(n.ParameterDict({"a": 1, "b": 2}))),
    "bad keys": lambda t, n: n.ParameterDict({"a.b": n.Parameter(t.zeros(1))}),
    "every second": lambda t, n: n.ParameterList([1, 2, 3])[::2],
    "wrong arguments": lambda t, n: n.Linear(2, 2).to_empty(),
    "named apply": lambda t, n: n.Linear(2, 2).apply(),
}


@pytest.mark.parametrize("name", CONTAINED)
def test_containers_and_messages(name: str, oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):
        try:
            results.append(repr(CONTAINED[name](lib, lib.nn)))
        except Exception as error:
            results.append((type(error).__name__, str(error)))
    assert results[0] == results[1]


# Hooks of all modules


def hooks_of(lib: ModuleType) -> Any:
    return lib.nn.modules.module


class Log(list):
    """What hooks saw."""

    def hook(self, name: str, result: Any = None) -> Any:
        def seen(module: Any, *rest: Any) -> Any:
            self.append((name, type(module).__name__, repr(rest)))
            return result(*rest) if result is not None else None

        return seen


def run_forward(lib: ModuleType) -> list[Any]:
    log, m, n = Log(), hooks_of(lib), lib.nn
    model = n.Sequential(n.ReLU(), n.Tanh())
    model[0].register_forward_pre_hook(log.hook("own pre"))
    model[0].register_forward_hook(log.hook("own"))
    with (
        m.register_module_forward_pre_hook(log.hook("pre", lambda args: args[0] + 1)),
        m.register_module_forward_hook(log.hook("after", lambda args, output: output * 2)),
        m.register_module_forward_hook(log.hook("with kwargs"), with_kwargs=True),
    ):
        log.append(model(lib.zeros(1)).tolist())
    log.append(model(lib.zeros(1)).tolist())
    return log


def run_failure(lib: ModuleType) -> list[Any]:
    log = Log()
    with (
        hooks_of(lib).register_module_forward_hook(log.hook("always"), always_call=True),
        pytest.raises(RuntimeError),
    ):
        lib.nn.Sequential(lib.nn.Linear(2, 2))(lib.zeros(1, 3))
    return [entry[:2] for entry in log]


def run_backward(lib: ModuleType) -> list[Any]:
    log, m, n = Log(), hooks_of(lib), lib.nn
    model, x = n.Sequential(n.ReLU(), n.Tanh()), lib.ones(1, requires_grad=True)
    model[0].register_full_backward_hook(lambda module, grad_input, grad_output: (grad_input[0] * 10,))
    with (
        m.register_module_full_backward_hook(log.hook("gradients")),
        m.register_module_full_backward_pre_hook(log.hook("before", lambda grads: (grads[0] * 2,))),
    ):
        model(x).backward()
        with pytest.raises(RuntimeError) as caught:
            m.register_module_backward_hook(print)
    return [*log, x.grad.tolist(), str(caught.value)]


def run_node(lib: ModuleType) -> list[Any]:
    class Exp(lib.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.exp(), x

    log, x = Log(), lib.ones(1, requires_grad=True)
    model = Exp()
    model.register_backward_hook(log.hook("last operation", lambda grad_input, grad_output: (grad_input[0] * 3,)))
    with pytest.warns(FutureWarning, match="non-full backward hook"):
        output, _ = model(x)
    output.backward()
    with pytest.raises(RuntimeError) as caught:
        model.register_full_backward_hook(print)
    return [*log, x.grad.tolist(), str(caught.value)]


def run_registration(lib: ModuleType) -> list[Any]:
    log, m, n = Log(), hooks_of(lib), lib.nn

    class Net(n.Module):
        def __init__(self) -> None:
            super().__init__()
            self.child = n.Linear(1, 1)
            self.weight = n.Parameter(lib.zeros(1))
            self.register_parameter("nothing", None)
            self.register_buffer("absent", None)
            self.register_buffer("running", lib.zeros(1))
            self.add_module("later", None)
            self.running = lib.ones(1)
            self.later = n.ReLU()
            self.weight = self.running = self.later = None

    with (
        m.register_module_parameter_registration_hook(log.hook("parameter")),
        m.register_module_buffer_registration_hook(log.hook("buffer")),
        m.register_module_module_registration_hook(log.hook("module")),
    ):
        Net()
        n.ParameterList([lib.zeros(1)])
        n.ModuleDict({"a": n.ReLU()})
    kept = [(kind, cls, rest.partition(",")[0]) for kind, cls, rest in log]
    with m.register_module_module_registration_hook(lambda module, name, child: n.Tanh()):
        kept.append(repr(n.Sequential(n.ReLU())))
    with m.register_module_buffer_registration_hook(lambda module, name, buffer: buffer + 1):
        module = n.Module()
        module.register_buffer("x", lib.zeros(1))
        kept.append(module.x.tolist())
    with m.register_module_parameter_registration_hook(lambda module, name, p: n.Parameter(p.detach() * 0 + 7)):
        module.p = n.Parameter(lib.zeros(1))
        kept.append(module.p.tolist())
    return kept


@pytest.mark.parametrize("scenario", [run_forward, run_failure, run_backward, run_node, run_registration])
def test_hooks_of_all_modules(scenario: Any, oracle: ModuleType) -> None:
    ours = scenario(kagari)
    assert len(ours) > 2 or scenario is run_failure
    assert ours == scenario(oracle)


def test_hooks_of_all_modules_leave_nothing_behind() -> None:
    run_forward(kagari)
    assert not nn.global_hooks.EVERYWHERE


def test_hook_of_the_last_operation_of_all_modules() -> None:
    log, x = Log(), kagari.ones(1, requires_grad=True)
    with nn.module.register_module_backward_hook(log.hook("of all")):
        with pytest.warns(FutureWarning, match="non-full backward hook"):
            output = nn.Sequential(nn.Tanh())(x)
        output.backward()
    assert [entry[:2] for entry in log] == [("of all", "Tanh"), ("of all", "Sequential")]


# Construction


def test_initialising_further_base_classes(oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):

        class Other:
            def __init__(self, size: int = 0) -> None:
                self.size = size

        class Cooperative(lib.nn.Module, Other):
            call_super_init = True

            def __init__(self) -> None:
                super().__init__(size=3)

        class Alone(lib.nn.Module, Other):
            def __init__(self) -> None:
                super().__init__(size=3)

        with pytest.raises(TypeError) as caught:
            Alone()
        results.append((Cooperative().size, str(caught.value)))
    assert results[0] == results[1]


class Forgetful(nn.Module):
    """A module that does not initialise its base."""

    def __init__(self) -> None:
        self.size = 3

    def forward(self, x: Any) -> Any:
        return x


@pytest.mark.parametrize(
    "use",
    [
        lambda m: m(1),
        lambda m: list(m.parameters()),
        lambda m: m.eval(),
        lambda m: m.state_dict(),
        lambda m: m.load_state_dict({}),
        lambda m: m.to("cpu"),
        lambda m: m.register_forward_hook(print),
        repr,
    ],
)
def test_error_says_what_was_forgotten(use: Any) -> None:
    with pytest.raises(AttributeError, match=r"Forgetful.__init__\(\) has to call super\(\).__init__\(\) first"):
        use(Forgetful())


def test_attributes_before_init_are_plain() -> None:
    module = Forgetful()
    assert module.size == 3
    with pytest.raises(AttributeError, match=r"no attribute 'other'$"):
        _ = module.other


# Layers in plain containers


class Holder(nn.Module):
    """A module with an attribute of one's choice."""

    def __init__(self, value: Any, **members: Any) -> None:
        super().__init__()
        self.kept = value
        for name, member in members.items():
            setattr(self, name, member)

    def forward(self, x: Any) -> Any:
        return x


def said(*uses: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for use in uses:
            use()
    assert all(warning.filename == __file__ for warning in caught)
    return [str(warning.message) for warning in caught]


LOST = {
    "list": (lambda: [nn.Linear(1, 1), nn.Linear(1, 1)], "list", "Linear", "kept[0] and 1 more are", "ModuleList"),
    "tuple": (lambda: (3, nn.Linear(1, 1)), "tuple", "Linear", "kept[1] is", "ModuleList"),
    "dict": (lambda: {"a": nn.Linear(1, 1)}, "dict", "Linear", "kept['a'] is", "ModuleDict"),
    "nested": (lambda: [[3], {"b": [nn.Linear(1, 1)]}], "list", "Linear", "kept[1]['b'][0] is", "ModuleList"),
    "parameter": (lambda: [nn.Parameter(kagari.zeros(1))], "list", "Parameter", "kept[0] is", "ParameterList"),
}


@pytest.mark.parametrize("name", LOST)
def test_lost_layers_are_named_once(name: str) -> None:
    make, kind, cls, place, better = LOST[name]
    model = Holder(make())
    message = (
        f"Holder.kept is a plain {kind}: the {cls} Holder.{place} not registered: parameters(), state_dict(), to() "
        f"and train() pass by it. Use nn.{better} instead."
    )
    assert said(lambda: list(model.parameters()), lambda: list(model.parameters()), model.state_dict) == [message]


def test_lost_layers_are_found_in_the_tree_and_when_they_came_later() -> None:
    inner = Holder([])
    model = nn.Sequential(nn.ReLU(), inner)
    inner.kept.append(nn.Linear(1, 1))
    assert [text.partition(":")[0] for text in said(model.state_dict)] == ["Sequential.1.kept is a plain list"]


def test_loading_finds_lost_layers() -> None:
    model = Holder([nn.Linear(1, 1)])
    assert len(said(lambda: model.load_state_dict({}))) == 1


def parent_of_its_child() -> nn.Module:
    inner = Holder(None, own=nn.Linear(1, 1))
    outer = nn.Sequential(inner)
    inner.kept = [outer]
    return inner


def frozen() -> nn.Module:
    return nn.Linear(1, 1).requires_grad_(False)


SHARED = nn.Sequential(nn.Linear(1, 1))
INNOCENT = {
    "registered under another name": lambda: (lambda layer: Holder([layer], layer=layer))(nn.Linear(1, 1)),
    "registered in a list afterwards": lambda: (lambda layer: Holder([layer], all=nn.ModuleList([layer])))(nn.ReLU()),
    "registered with another model": lambda: Holder([SHARED[0]]),
    "parameters of registered layers": lambda: (lambda layer: Holder([layer.weight], layer=layer))(nn.Linear(1, 1)),
    "parameters of another model": lambda: Holder(list(SHARED.parameters())),
    "frozen": lambda: Holder([frozen()]),
    "in evaluation mode": lambda: Holder([nn.Linear(1, 1).eval()]),
    "without parameters": lambda: Holder([nn.ReLU(), nn.Dropout()]),
    "constant parameter": lambda: Holder([nn.Parameter(kagari.zeros(1), requires_grad=False)]),
    "what contains the model": parent_of_its_child,
    "numbers": lambda: Holder([1, 2.0, "a", None]),
    "tensors": lambda: Holder({"a": kagari.zeros(1)}),
    "classes": lambda: Holder([nn.Linear, nn.ReLU]),
    "replaced": lambda: (lambda m: setattr(m, "kept", nn.ModuleList(m.kept)) or m)(Holder([nn.Linear(1, 1)])),
    "deleted": lambda: (lambda m: delattr(m, "kept") or m)(Holder([nn.Linear(1, 1)])),
}


@pytest.mark.parametrize("name", INNOCENT)
def test_no_false_alarm(name: str) -> None:
    model = INNOCENT[name]()
    assert said(lambda: list(model.parameters()), model.state_dict) == []


def test_no_alarm_while_the_model_is_being_made() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = [nn.Linear(1, 1)]
            for parameter in self.parameters():
                parameter.data.zero_()
            self.layers = nn.ModuleList(self.layers)

    assert said(lambda: list(Model().parameters())) == []


def test_notes_of_containers_go_with_their_modules() -> None:
    before = set(nn.registry.NOTED)
    model = Holder([3])
    assert len(set(nn.registry.NOTED) - before) == 1
    del model
    assert set(nn.registry.NOTED) == before


def test_notes_of_modules_that_nobody_asks_for_are_dropped() -> None:
    forgotten, model = Holder([nn.Linear(1, 1)]), nn.Linear(1, 1)
    for _ in range(150):
        list(model.parameters())
    assert id(forgotten) not in nn.registry.NOTED
    assert said(lambda: list(forgotten.parameters())) == []


# Where PyTorch has its layers


def test_layers_are_found_by_pytorchs_files(oracle: ModuleType) -> None:
    for name in nn.__all__:
        value = getattr(nn, name)
        if isinstance(value, type) and hasattr(oracle.nn, name):
            place, _, file = getattr(oracle.nn, name).__module__.rpartition(".")
            if place == "torch.nn.modules":
                assert getattr(importlib.import_module(f"kagari.nn.modules.{file}"), name) is value
    assert nn.modules.Linear is nn.Linear
    assert nn.modules.conv._ConvNd is nn.conv._ConvNd
    assert {"Linear", "Bilinear"} <= set(dir(nn.modules.linear)) and "Linear" in dir(nn.modules)
    for module in (nn.modules, nn.modules.linear):
        with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
            _ = module.nonsense


def test_tools_of_pytorchs_layers(oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):
        u = lib.nn.modules.utils
        state = OrderedDict({"module.a": 1, "b": 2, "module.c.d": 3})
        state._metadata = OrderedDict({"": 1, "module": 2, "module.c": 3})
        u.consume_prefix_in_state_dict_if_present(state, "module.")
        tuples = [u._pair(3), u._pair([1, 2, 3]), u._single(2), u._triple("ab"), u._quadruple(None), u._ntuple(5)(2)]
        sizes = [u._list_with_default([None, 3], [9, 1, 2]), u._list_with_default(4, [1, 2])]
        with pytest.raises(ValueError) as caught:
            u._list_with_default([None, 3], [1])
        results.append([tuples, u._reverse_repeat_tuple((1, 2), 2), sizes, str(caught.value), state, state._metadata])
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "kwargs",
    [
        None,
        {},
        {"device": "cpu", "dtype": None},
        {"factory_kwargs": {"dtype": 3}, "device": "cpu"},
        {"factory_kwargs": {"dtype": 3}, "dtype": 3},
        {"other": 3},
    ],
)
def test_factory_arguments(kwargs: Any, oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):
        try:
            results.append(lib.nn.factory_kwargs(kwargs))
        except TypeError as error:
            results.append(str(error))
    assert results[0] == results[1]


def test_container_of_old(oracle: ModuleType) -> None:
    shown = []
    for lib in (kagari, oracle):
        with pytest.warns(FutureWarning) as caught:
            shown.append((repr(lib.nn.Container(first=lib.nn.ReLU())), str(caught[0].message)))
    assert shown[0] == shown[1]


def test_copies_keep_their_hooks() -> None:
    layer = nn.Identity()
    layer.register_forward_hook(_add_one)
    layer.register_backward_hook(_add_one)
    for copied in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert copied(1) == 2
        assert len(copied._backward_node_hooks) == 1


def _add_one(module: Any, args: Any, output: Any) -> Any:
    return output + 1


def test_types_of_arguments_have_pytorchs_names(oracle: ModuleType) -> None:
    theirs = importlib.import_module("torch.nn.common_types")
    ours = importlib.import_module("kagari.nn.common_types")
    assert {name for name in vars(theirs) if name.endswith("_t")} == {
        name for name in vars(ours) if name.endswith("_t")
    }
