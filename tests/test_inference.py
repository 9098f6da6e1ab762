"""Tensors of inference mode: memory that no backward pass meets, and that does not change outside of the mode."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari.autograd.modes import NOT_CHANGED, NOT_SAVED

MADE: dict[str, Callable[[Any, Any], Any]] = {
    "ones": lambda lib, x: lib.ones(2, 3),
    "tensor": lambda lib, x: lib.tensor([1.0, 2.0]),
    "float": lambda lib, x: lib.tensor(1.0),
    "empty": lambda lib, x: lib.empty(0),
    "rand": lambda lib, x: lib.rand(3),
    "randint": lambda lib, x: lib.randint(3, (2,)),
    "arange": lambda lib, x: lib.arange(4),
    "full": lambda lib, x: lib.full((2,), 3.0),
    "eye": lambda lib, x: lib.eye(2),
    "zeros_like": lambda lib, x: lib.zeros_like(x),
    "sum": lambda lib, x: x.sum(),
    "add": lambda lib, x: x + 1,
    "add in place": lambda lib, x: lib.zeros(3).add_(1),
    "set": lambda lib, x: lib.zeros(3).index_fill_(0, lib.tensor([0]), 1),
    "clone": lambda lib, x: x.clone(),
    "to": lambda lib, x: x.double(),
    "to as it is": lambda lib, x: x.to(lib.float32),
    "contiguous": lambda lib, x: x.contiguous(),
    "view": lambda lib, x: x.view(-1),
    "view of one": lambda lib, x: lib.ones(2, 3).view(-1),
    "part": lambda lib, x: x[0],
    "picked": lambda lib, x: x[[0, 1]],
    "detach": lambda lib, x: x.detach(),
    "data": lambda lib, x: x.data,
    "cat": lambda lib, x: lib.cat([x, x]),
    "sort": lambda lib, x: x.sort()[0],
    "grown": lambda lib, x: lib.ones(2, requires_grad=True),
    "parameter": lambda lib, x: lib.nn.Parameter(lib.ones(2)),
    "linear": lambda lib, x: lib.nn.Linear(3, 2)(x),
    "gradients enabled": lambda lib, x: lib.enable_grad()(lambda: lib.nn.Linear(3, 2)(x))(),
    "turned off": lambda lib, x: lib.inference_mode(False)(lambda: lib.ones(2))(),
}


@pytest.mark.parametrize("name", MADE)
def test_what_is_made(name: str, oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        x = lib.ones(2, 3)
        with lib.inference_mode():
            t = MADE[name](lib, x)
        found.append((t.is_inference(), lib.is_inference(t), t.requires_grad, t.is_leaf))
    assert found[0] == found[1]


USED: dict[str, Callable[[Any, Any, Any], Any]] = {
    "version": lambda lib, x, w: x._version,
    "function": lambda lib, x, w: (x + 1).is_inference(),
    "view": lambda lib, x, w: x.view(-1).is_inference(),
    "clone": lambda lib, x, w: x.clone().add_(1).is_inference(),
    "detach": lambda lib, x, w: x.detach().is_inference(),
    "sum with a gradient": lambda lib, x, w: (x + w).sum().backward(),
    "product": lambda lib, x, w: x * w,
    "reflected": lambda lib, x, w: w * x,
    "matmul": lambda lib, x, w: x @ w.t(),
    "linear": lambda lib, x, w: lib.nn.Linear(3, 1)(x),
    "embedding": lambda lib, x, w: lib.nn.Embedding(4, 2)(x.long()).requires_grad,
    "embedding by numbers made inside": lambda lib, x, w: lib.nn.Embedding(4, 2)(inside(lib, lambda: lib.arange(3))),
    "custom": lambda lib, x, w: custom(lib).apply(x, w),
    "add_": lambda lib, x, w: x.add_(1),
    "of a view": lambda lib, x, w: x.view(-1).mul_(2),
    "set": lambda lib, x, w: x.__setitem__(0, 1.0),
    "set by numbers": lambda lib, x, w: x.__setitem__([0, 1], 1.0),
    "copy_": lambda lib, x, w: x.copy_(w),
    "zero_": lambda lib, x, w: x.zero_(),
    "uniform_": lambda lib, x, w: x.uniform_(),
    "resize_": lambda lib, x, w: x.resize_(3, 2),
    "squeeze_": lambda lib, x, w: x.squeeze_(),
    "out": lambda lib, x, w: lib.add(lib.ones(2, 3), 1, out=x),
    "without gradients": lambda lib, x, w: lib.no_grad()(lambda: x.add_(1))(),
    "inside": lambda lib, x, w: inside(lib, lambda: x.add_(1)).sum().item(),
    "wanting a gradient": lambda lib, x, w: x.requires_grad_(),
    "not wanting one": lambda lib, x, w: x.requires_grad_(False).requires_grad,
    "as a parameter": lambda lib, x, w: lib.nn.Parameter(x),
    "backward inside": lambda lib, x, w: inside(lib, lambda: (w * 2).sum().backward()),
    "gradient mode": lambda lib, x, w: lib.no_grad()(lib.inference_mode(False)(lib.is_grad_enabled))(),
    "modes": lambda lib, x, w: inside(lib, lambda: (lib.is_grad_enabled(), lib.is_inference_mode_enabled())),
    "bare decorator": lambda lib, x, w: lib.inference_mode(lambda: lib.ones(1))().is_inference(),
}  # fmt: skip


def inside(lib: Any, function: Callable[[], Any]) -> Any:
    with lib.inference_mode():
        return function()


def custom(lib: Any) -> Any:
    class Product(lib.autograd.Function):  # type: ignore[name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any, w: Any) -> Any:
            ctx.save_for_backward(x)
            return x * w

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return None, g * ctx.saved_tensors[0]

    return Product


@pytest.mark.parametrize("name", USED)
def test_what_can_be_done_with_them(name: str, oracle: ModuleType) -> None:
    found: list[Any] = []
    for lib in (kagari, oracle):
        with lib.inference_mode():
            x = lib.ones(2, 3)
        try:
            found.append(USED[name](lib, x, lib.ones(2, 3, requires_grad=True)))
        except RuntimeError as error:
            found.append(str(error).partition("\n")[0])
    assert found[0] == found[1]


def test_errors_change_nothing() -> None:
    with kagari.inference_mode():
        x = kagari.ones(2)
    w = kagari.ones(2, requires_grad=True)
    for change in (lambda: x.add_(1), lambda: x.uniform_(), lambda: x.__setitem__([0], 5.0), lambda: x.resize_(1)):
        with pytest.raises(RuntimeError) as error:
            change()
        assert str(error.value) == NOT_CHANGED
    with pytest.raises(RuntimeError) as error:
        _ = x * w
    assert str(error.value) == NOT_SAVED
    assert x.tolist() == [1.0, 1.0] and (w * 2).sum().item() == 4.0


def test_of_a_compiled_function() -> None:
    compiled = kagari.compile(lambda x: (x * 2 + 1).sum(0))
    x = kagari.ones(64, 64)
    for _ in range(12):
        with kagari.inference_mode():
            y = compiled(x)
        assert y.is_inference() and not compiled(x).is_inference()
    assert y.tolist() == [64 * 3.0] * 64


def test_of_a_recurrent_layer() -> None:
    """Whose sequence is one native call after some."""
    layer, x = kagari.nn.GRU(2, 3), kagari.ones(4, 1, 2)
    for _ in range(12):
        with kagari.inference_mode():
            assert layer(x)[0].is_inference()
        with kagari.no_grad():
            assert not layer(x)[0].is_inference()
    assert layer(x)[0].requires_grad


def test_other_threads_are_not_in_the_mode() -> None:
    inferred: list[bool] = []

    def run() -> None:
        inferred.extend((kagari.ones(2) + 1).is_inference() for _ in range(20))

    with kagari.inference_mode():
        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert all((kagari.ones(2) + 1).is_inference() for _ in range(20))
        for thread in threads:
            thread.join()
    assert inferred == [False] * 60


def test_before_anything_else() -> None:
    """What turns the mode on before native code is loaded."""
    script = "import kagari as torch\nwith torch.inference_mode(): x = torch.ones(2)\nassert x.is_inference()"
    subprocess.run([sys.executable, "-c", script], check=True)
