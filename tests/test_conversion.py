"""torch.__future__: what becomes of parameters that are converted or loaded, beside PyTorch."""

from __future__ import annotations

import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari.nn import conversion


@pytest.fixture(autouse=True)
def as_before(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both libraries' settings are off before and behind each test."""
    yield
    libraries = [conversion]
    if "oracle" in request.fixturenames:
        libraries.append(request.getfixturevalue("oracle").__future__)
    for library in libraries:
        library.set_overwrite_module_params_on_conversion(False)
        library.set_swap_module_params_on_conversion(False)


def state(lib: Any, parameter: bool = False) -> dict[str, Any]:
    weight = lib.ones(2, 2)
    return {"weight": lib.nn.Parameter(weight) if parameter else weight, "bias": lib.ones(2), "b": lib.zeros(1)}


CHANGES: dict[str, Callable[[Any, Any], Any]] = {
    "double": lambda lib, m: m.double(),
    "nothing": lambda lib, m: m.to(lib.float32),
    "load": lambda lib, m: m.load_state_dict(state(lib)),
    "assign": lambda lib, m: m.load_state_dict(state(lib, True), assign=True),
    "assign tensors": lambda lib, m: m.load_state_dict(state(lib), assign=True),
}


def changed(lib: Any, settings: Any, overwrite: bool, swap: bool, change: Callable[[Any, Any], Any]) -> list[Any]:
    settings.set_overwrite_module_params_on_conversion(overwrite)
    settings.set_swap_module_params_on_conversion(swap)
    m = lib.nn.Linear(2, 2)
    m.register_buffer("b", lib.ones(1))
    m.weight.grad = lib.ones(2, 2)
    w, b, grad = m.weight, m.b, m.weight.grad
    change(lib, m)
    kinds = [str(t.dtype) for t in (m.weight, w, m.b)]
    grad_kind = None if m.weight.grad is None else str(m.weight.grad.dtype)
    same = m.weight is w, m.weight.grad is grad, m.b is b, type(m.weight).__name__, m.weight.requires_grad
    return [*kinds, grad_kind, *same, sorted(n for n, _ in m.named_parameters())]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_conversions_are_the_oracles(overwrite: bool, swap: bool, change: str, oracle: ModuleType) -> None:
    ours = changed(kagari, conversion, overwrite, swap, CHANGES[change])
    theirs = changed(oracle, oracle.__future__, overwrite, swap, CHANGES[change])
    assert ours == theirs


def test_parameters_that_others_watch_are_not_swapped() -> None:
    conversion.set_swap_module_params_on_conversion(True)
    layer = kagari.nn.Linear(2, 2)
    watched = weakref.ref(layer.weight)
    with pytest.raises(RuntimeError, match=r"_apply\(\): Couldn't swap Linear.weight"):
        layer.double()
    assert watched() is layer.weight


def test_an_optimizer_goes_on_with_what_was_swapped() -> None:
    conversion.set_swap_module_params_on_conversion(True)
    layer = kagari.nn.Linear(2, 1)
    optimizer = kagari.optim.SGD(layer.parameters(), lr=0.1)
    layer.double()
    layer(kagari.ones(3, 2, dtype=kagari.float64)).sum().backward()
    before = layer.weight.detach().clone()
    optimizer.step()
    assert kagari.allclose(layer.weight, before - 0.3)


def test_module_load(oracle: ModuleType) -> None:
    for lib in (kagari, oracle):
        x = lib.ones(2, dtype=lib.float64)
        assert x.module_load(lib.zeros(2)).tolist() == [0, 0]
        assert x.tolist() == [0, 0]
        assert str(x.module_load(lib.ones(3), assign=True).dtype).endswith("float32")


def test_is_found_under_the_name_of_torch() -> None:
    program = (
        "import kagari\nkagari.install_as_torch()\nimport torch\nimport torch.__future__ as f\n"
        "torch.__future__.set_swap_module_params_on_conversion(True)\nprint(f.get_swap_module_params_on_conversion())"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "True\n"
