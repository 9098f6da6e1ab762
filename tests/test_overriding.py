"""Types with `__torch_function__` next to the oracle."""

from __future__ import annotations

import copy
import pickle
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from outcomes import assert_same_error

import kagari

CALLS = (
    "t + 1", "1 - t", "plain + t", "lib.add(t, t)", "t.sum()", "t.max(0)", "t @ t", "t == 1", "lib.where(t > 0, t, t)",
    "lib.nn.functional.softmax(t, -1)", "lib.nn.Linear(2, 3)(t)", "t.add_(1)", "lib.nn.Parameter(plain) * 2",
    "other + t", "t[0]", "t[:, 1]", "t[t > 2]", "t.detach()", "t.split(1)", "t.unbind()", "t.to(lib.float64)",
    "t.type(lib.int64)", "t.new_zeros(2)", "t.nonzero()", "t.contiguous()", "t.masked_select(t > 0)", "list(t)",
    "lib.cat((plain, t))", "t.is_contiguous()", "t.tolist()", "t.detach()[0].view(-1)",
)  # fmt: skip


def kinds(result: Any) -> Any:
    return [kinds(part) for part in result] if isinstance(result, tuple) else type(result).__name__


@pytest.mark.parametrize("text", CALLS)
def test_results_of_subclasses(oracle: ModuleType, text: str) -> None:
    found = []
    for lib in (kagari, oracle):
        kind = type("Marked", (lib.Tensor,), {})
        names = {"lib": lib, "t": lib.ones(2, 2).as_subclass(kind), "plain": lib.ones(2, 2)}
        names["other"] = lib.ones(2, 2).as_subclass(type("Below", (kind,), {}))
        found.append(kinds(eval(text, names)))
    assert found[0] == found[1]


def test_a_method_of_its_own() -> None:
    class Kept(kagari.Tensor):
        def detach(self) -> str:  # type: ignore[override]
            return "kept"

    class Below(Kept):
        pass

    x = kagari.ones(2).as_subclass(Below)
    assert x.detach() == "kept"
    assert type(x[0]) is Below
    x[0] = 3.0
    assert x.tolist() == [3.0, 1.0]


def logging(lib: ModuleType, log: list[Any]) -> type:
    class Logging(lib.Tensor):  # type: ignore[name-defined, misc]
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            log.append((func.__name__, [kind.__name__ for kind in types]))
            return super().__torch_function__(func, types, args, kwargs or {})

    return Logging


def test_a_subclass_that_looks_on(oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        log: list[Any] = []
        x = lib.tensor([1.0, 2.0], requires_grad=True)
        y = lib.add(x.as_subclass(logging(lib, log)), x)
        del log[1:]  # PyTorch tells of attributes, too
        z = (y * 3).sum() if lib is kagari else lib.sum(lib.mul(y, 3))
        (grad,) = lib.autograd.grad(z, x)
        found.append((log[0], type(y).__name__, np.asarray(grad.tolist()).tolist()))
    assert found[0] == found[1]


class Diagonal:
    """A type of another library's, which knows a sum."""

    def __init__(self, value: float) -> None:
        self.value = value

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return args[0].value if func.__name__ == "sum" else NotImplemented


def test_types_that_are_no_tensors(oracle: ModuleType) -> None:
    assert kagari.sum(Diagonal(3.0)) == oracle.sum(Diagonal(3.0)) == 3.0  # type: ignore[arg-type]
    assert_same_error(lambda lib: lib.mul(Diagonal(3.0), 2), oracle, kagari)


class Kept(kagari.Tensor):
    """A subclass that pickle finds."""


def test_pickled_tensors_keep_their_class_and_attributes() -> None:
    for x in (kagari.ones(2).as_subclass(Kept), kagari.ones(2), kagari.empty(2, device="meta").as_subclass(Kept)):
        x.note = 5
        for again in (pickle.loads(pickle.dumps(x)), copy.copy(x), copy.deepcopy(x)):
            assert type(again) is type(x) and again.note == 5 and again.shape == x.shape
    x = pickle.loads(pickle.dumps(kagari.ones(2, requires_grad=True).as_subclass(Kept).detach().requires_grad_()))
    assert type(x) is Kept and x.is_leaf and x.requires_grad


def test_text(oracle: ModuleType) -> None:
    for lib in (kagari, oracle):
        kind = type("Marked", (lib.Tensor,), {})
        assert repr(lib.ones(2, 2).as_subclass(kind)) == "Marked([[1., 1.],\n        [1., 1.]])"
        assert repr(lib.nn.Buffer(lib.ones(1))) == "tensor([1.])"
