"""Which functions a trace records, and the names by which generated code calls them: PyTorch's."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import cache
from types import BuiltinFunctionType, BuiltinMethodType, FunctionType
from typing import Any, NamedTuple

from ..library import namespaces
from ..library.overloads import HigherOrderOperator, OpOverload

_PACKAGE = __name__.partition(".")[0]
_FUNCTIONS = (FunctionType, BuiltinFunctionType, BuiltinMethodType)
# Functions of `torch` that PyTorch has in Python: it records their defaults by keyword ...
_FILLED = frozenset((
    "cdist", "lu", "norm", "pca_lowrank", "split", "stft", "svd_lowrank", "tensordot", "unique", "unique_consecutive",
))  # fmt: skip
# ... and these as they were called.
_IN_PYTHON = _FILLED | {
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_tensors", "cartesian_prod", "chain_matmul",
    "einsum", "meshgrid", "unravel_index",
}  # fmt: skip
_NATIVE = frozenset((
    "avg_pool2d", "avg_pool3d", "elu_", "gelu", "hardtanh_", "leaky_relu_", "linear", "logsigmoid", "one_hot",
    "scaled_dot_product_attention", "softplus", "softshrink",
))  # fmt: skip
_METHODS = frozenset(("sigmoid", "tanh"))  # what the functions of these names in `nn.functional` call
_PLAIN = frozenset(("compile", "is_storage", "is_tensor", "load", "save", "typename"))


class Function(NamedTuple):
    """A function that is recorded: its path in generated code, and in which form its arguments are kept."""

    target: Callable[..., Any]
    path: str
    filled: bool
    method: str | None


def _assert(condition: Any, message: str) -> None:
    """What a trace with concrete arguments checks when it runs."""
    if not condition:
        raise AssertionError(message)


class _Place:
    """A namespace whose names are looked up when they are asked for."""

    def __init__(self, find: Callable[[str], Any]) -> None:
        self._find = find

    def __getattr__(self, name: str) -> Any:
        return self._find(name)


def package() -> Any:
    """The package, which no module imports."""
    return sys.modules[_PACKAGE]


def _inner(name: str) -> Any:
    if name == "_nn":
        functional = package().nn.functional
        return _Place(lambda of: getattr(functional, "logsigmoid" if of == "log_sigmoid" else of))
    space = name.removeprefix("_")
    return _Place(lambda of: getattr(getattr(package(), space), of.removeprefix(f"{space}_")))


def _outer(name: str) -> Any:
    if name == "_C":
        return _Place(_inner)
    if name == "ops":
        return namespaces
    if name in ("functional", "_lowrank"):
        return package()
    return _assert if name == "_assert" else getattr(package(), name)


torch = _Place(_outer)
"""What generated code means by `torch`."""


@cache
def spaces() -> dict[str, dict[str, Function]]:
    """The functions that are recorded, by the name of their module below the package."""
    found = {"": _of_torch()}
    for space in ("linalg", "fft", "special"):
        module = getattr(package(), space)
        paths = {name: f"torch._C._{space}.{space}_{name}" for name in module.__all__}
        found[space] = {
            name: Function(function, path, False, None)
            for name, path in paths.items()
            if isinstance(function := getattr(module, name), _FUNCTIONS)
        }
    found["nn.functional"] = _of_functional()
    return found


@cache
def _of_torch() -> dict[str, Function]:
    found = {}
    for name in package().__all__:
        function = getattr(package(), name)
        if isinstance(function, _FUNCTIONS) and name not in _PLAIN:
            place = "torch._lowrank" if name.endswith("_lowrank") else "torch.functional"
            path = f"{place}.{name}" if name in _IN_PYTHON else f"torch.{name}"
            found[name] = Function(function, path, name in _FILLED, None)
    return found


def _of_functional() -> dict[str, Function]:
    functional, found = package().nn.functional, {}
    shared = {id(f.target): f for f in _of_torch().values()}
    for name in functional.__all__:
        function = getattr(functional, name)
        if id(function) in shared:
            found[name] = shared[id(function)]
        elif name in _NATIVE:
            found[name] = Function(
                function, f"torch._C._nn.{'log_sigmoid' if name == 'logsigmoid' else name}", False, None
            )
        elif name in _METHODS:
            found[name] = Function(function, f"torch.nn.functional.{name}", False, name)
        else:
            found[name] = Function(function, f"torch.nn.functional.{name}", True, None)
    return found


@cache
def _by_target() -> dict[int, Function]:
    named = [(name, function) for functions in spaces().values() for name, function in functions.items()]
    found = {id(f.target): f for name, f in reversed(named) if name == f.target.__name__}
    for _, function in named:
        found.setdefault(id(function.target), function)
    return found


def known(target: Any) -> Function | None:
    """What is known of a function that is recorded; None for any other."""
    return _by_target().get(id(target))


def at(path: str) -> Any:
    """The function at a path that generated code has."""
    found: Any = torch
    for atom in path.split(".")[1:]:
        found = getattr(found, atom)
    return found


@cache
def _signature(target: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(target)


def filled(target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """The arguments as PyTorch records them: those with a default by keyword, with their defaults."""
    bound = _signature(target).bind(*args, **kwargs)
    bound.apply_defaults()
    parameters = _signature(target).parameters
    needed = [name for name in bound.arguments if parameters[name].default is inspect.Parameter.empty]
    return (
        tuple(bound.arguments[name] for name in needed),
        {name: value for name, value in bound.arguments.items() if name not in needed},
    )


def short(target: Any) -> str:
    """What a node that calls a function is named after."""
    if isinstance(target, OpOverload):
        name = target.overloadpacket.__name__
        return name.strip("_") if name.startswith("__") else name
    if isinstance(target, namespaces.OwnOverload):
        return str(target).split(".")[1]
    return path(target).rpartition(".")[2]


def path(target: Any) -> str:
    """The name of a function, type or built-in function in printed graphs."""
    function = known(target)
    if function is not None:
        return function.path
    if isinstance(target, OpOverload | namespaces.OwnOverload):
        return f"torch.ops.{target}"
    if isinstance(target, HigherOrderOperator):
        return f"torch.ops.higher_order.{target}"
    if target is _assert:
        return "torch._assert"
    module = getattr(target, "__module__", None) or "builtins"
    name: str = getattr(target, "__qualname__", None) or repr(target)
    module = "operator" if module == "_operator" else module
    head, _, rest = module.partition(".")
    if head == _PACKAGE:
        return f"torch.{name}" if getattr(package(), name, None) is target else f"torch.{rest}.{name}"
    return f"{module}.{name}"


__all__ = ["Function", "at", "filled", "known", "package", "path", "short", "spaces", "torch"]
