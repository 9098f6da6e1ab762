"""`torch.library.Library`, `define` and `impl` next to the oracle."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from outcomes import assert_same_error

import kagari
from kagari.library import namespaces

_count = itertools.count()


@pytest.fixture
def space() -> Iterator[str]:
    """A namespace that no other test uses: the oracle keeps its own for good."""
    yield f"kagari_tests_{next(_count)}"


def ops(lib: Any, space: str) -> Any:
    return getattr(namespaces if lib is kagari else lib.ops, space)


@pytest.mark.filterwarnings("ignore:.*autograd kernel was not registered:UserWarning")
def test_defined_and_given_functions(oracle: ModuleType, space: str) -> None:
    found = []
    for lib in (kagari, oracle):
        library = lib.library.Library(space, "DEF")
        assert library.define("scale(Tensor x, float by=1.0, *, int n=1) -> Tensor") == "scale"
        library.impl("scale", lambda a, b=3.0, *, n=1: a * b * n)
        library.define("inc(Tensor x) -> Tensor")
        with pytest.raises(NotImplementedError, match=f"Could not run '{space}::inc'"):
            ops(lib, space).inc(lib.ones(1))
        library.impl("inc", lambda t: t + 1, "CPU")
        library.impl("later", lambda t: t - 1, "CPU")
        library.define("later(Tensor x) -> Tensor")
        library.impl("later", lib.library.fallthrough_kernel, "Autograd")
        x = lib.ones(2, requires_grad=True)
        results = [ops(lib, space).scale(x), ops(lib, space).scale(x, 2.0, n=2), ops(lib, space).inc(x)]
        results.append(ops(lib, space).later.default(x))
        (grad,) = lib.autograd.grad(sum(r.sum() for r in results), x)
        texts = str(ops(lib, space).scale), str(ops(lib, space).scale.default), repr(library)
        found.append(([r.tolist() for r in results], grad.tolist(), texts, [r.grad_fn.name() for r in results]))
        library._destroy()
        with pytest.raises(AttributeError):
            _ = ops(lib, space).scale
    assert found[0] == found[1]


def test_functions_by_device_and_gradient(oracle: ModuleType, space: str) -> None:
    for lib in (kagari, oracle):
        assert lib.library.define(f"{space}::sine", "(Tensor x) -> Tensor") is None

        @lib.library.impl(f"{space}::sine", "cpu")  # type: ignore[untyped-decorator]
        def sine(x: Any) -> Any:
            return x.sin()

        lib.library.impl(f"{space}::sine", "default", lambda x: x.new_zeros(3))
        x = lib.zeros(2, requires_grad=True)
        assert ops(lib, space).sine(x).tolist() == [0.0, 0.0]
        assert ops(lib, space).sine(lib.zeros(2, device="meta")).shape == (3,)
        lib.library.register_autograd(f"{space}::sine", lambda ctx, grad: grad * 5)
        assert lib.autograd.grad(ops(lib, space).sine(x).sum(), x)[0].tolist() == [5.0, 5.0]


def test_a_function_for_gradients(oracle: ModuleType, space: str) -> None:
    for lib in (kagari, oracle):
        library = lib.library.Library(space, "FRAGMENT")
        lib.library.define(library, "twice(Tensor x) -> Tensor")(lambda x: x * 2)
        lib.library.impl(library, "twice", "CPU")(lambda x: x * 2)
        op = ops(lib, space).twice

        class Twice(lib.autograd.Function):  # type: ignore[name-defined, misc]
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x * 2

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                return grad * 7

        library.impl("twice", Twice.apply, "Autograd")
        x = lib.ones(1, requires_grad=True)
        assert lib.autograd.grad(op(x), x)[0].tolist() == [7.0]
        assert op(lib.ones(1)).tolist() == [2.0]


@pytest.mark.parametrize("call", [
    "L.define('bad')", "L.impl('op', print, 'NOKEY')", "lib.library.Library('x', 'Q')",
    "lib.library.Library('prim', 'DEF')", "lib.library.define('nospace', '() -> ()')",
    "lib.library.fallthrough_kernel()",
])  # fmt: skip
def test_errors(oracle: ModuleType, space: str, call: str) -> None:
    assert_same_error(lambda lib: eval(call, {"lib": lib, "L": lib.library.Library(space, "FRAGMENT")}), oracle, kagari)


def test_once_only(oracle: ModuleType, space: str) -> None:
    for lib in (kagari, oracle):
        library = lib.library.Library(space, "DEF")
        library.define("op(Tensor x) -> Tensor")
        with pytest.raises(RuntimeError, match="with the same name and overload name multiple times"):
            library.define("op(Tensor x) -> Tensor")
        with pytest.raises(RuntimeError, match="Only a single TORCH_LIBRARY can be used"):
            lib.library.Library(space, "DEF")
