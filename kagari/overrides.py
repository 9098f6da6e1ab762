"""Functions for types that answer calls by `__torch_function__`, as `torch.overrides`.

A subclass of Tensor, or any class with a class method `__torch_function__(cls, func, types, args=(), kwargs=None)`, is
handed the calls that it is an argument of. A :class:`TorchFunctionMode` is handed all calls of its thread. Functions
and methods of one operator are one object here: `torch.add is torch.Tensor.add`.
"""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from .eager import Tensor, answering, operators, overriding
from .eager.overriding import state

__all__ = [
    "BaseTorchFunctionMode", "TorchFunctionMode", "enable_reentrant_dispatch", "get_default_nowrap_functions",
    "get_ignored_functions", "get_overridable_functions", "get_testing_overrides", "handle_torch_function",
    "has_torch_function", "has_torch_function_unary", "has_torch_function_variadic", "is_tensor_like",
    "is_tensor_method_or_property", "redispatch_function", "resolve_name", "wrap_torch_function",
]  # fmt: skip

_P = ParamSpec("_P")
_R = TypeVar("_R")
_PACKAGE = __name__.rpartition(".")[0]
_SPACES = ("torch", "torch.nn.functional", "torch.nn.init", "torch.linalg", "torch.fft", "torch.special")


# Functions of one's own that are told


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether an argument answers calls, or a mode does.

    >>> import kagari as torch
    >>> torch.overrides.has_torch_function((torch.ones(1), 2))
    False
    """
    given = relevant_args if isinstance(relevant_args, list | tuple) else ()
    told = bool(state.stack) or any(type(a) is not Tensor and overriding.asked(type(a)) for a in given)
    return told and not overriding.skipped()


def has_torch_function_unary(arg: Any) -> bool:
    """`has_torch_function((arg,))`."""
    return has_torch_function((arg,))


def has_torch_function_variadic(*args: Any) -> bool:
    """`has_torch_function(args)`."""
    return has_torch_function(args)


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Hands a call to the modes and arguments that answer it. Raises TypeError where none has an answer.

    >>> import kagari as torch
    >>> class Marked(torch.Tensor):
    ...     pass
    >>> def double(x):
    ...     if torch.overrides.has_torch_function_unary(x):
    ...         return torch.overrides.handle_torch_function(double, (x,), x)
    ...     return x * 2
    >>> double(torch.ones(1).as_subclass(Marked))
    Marked([2.])
    """
    found: list[Any] = []
    for a in relevant_args:
        if overriding.answers(type(a)):
            overriding.enter(found, a)
    name = f"{public_api.__module__}.{public_api.__name__}"
    return overriding.answered(public_api, resolve_name(public_api) or name, found, args, kwargs)


def wrap_torch_function(
    dispatcher: Callable[_P, Iterable[Any]],
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Makes a function one whose calls are told; `dispatcher` gives, of its arguments, those that may answer.

    >>> import kagari as torch
    >>> class Marked(torch.Tensor):
    ...     pass
    >>> @torch.overrides.wrap_torch_function(lambda x: (x,))
    ... def double(x):
    ...     return x * 2
    >>> double(torch.ones(1).as_subclass(Marked))
    Marked([2.])
    """

    def inner(func: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(func)
        def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            relevant = tuple(dispatcher(*args, **kwargs))
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return func(*args, **kwargs)

        return wrapped

    return inner


def redispatch_function(func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
    """Calls a function inside of a `__torch_function__` without being told of that call again, but of what it calls.

    >>> import kagari as torch
    >>> class Loud(torch.Tensor):
    ...     @classmethod
    ...     def __torch_function__(cls, func, types, args=(), kwargs=None):
    ...         return torch.overrides.redispatch_function(func, types, args, kwargs or {})
    >>> type(torch.sum(torch.ones(2).as_subclass(Loud))).__name__
    'Tensor'
    """
    state.skip = True
    try:
        return func(*args, **(kwargs or {}))
    finally:
        state.skip = False


def is_tensor_like(inp: Any) -> bool:
    """Whether it is a tensor, or of a type with `__torch_function__`.

    >>> import kagari as torch
    >>> torch.overrides.is_tensor_like(torch.ones(1)), torch.overrides.is_tensor_like(1.0)
    (True, False)
    """
    return type(inp) is Tensor or hasattr(inp, "__torch_function__")


# Modes


class TorchFunctionMode:
    """A context in which all calls of a thread are handed to its method `__torch_function__`.

    Within that method the mode is told of nothing. The last mode that was entered is told first; what it calls itself,
    the ones before are told.

    >>> import kagari as torch
    >>> class Log(torch.overrides.TorchFunctionMode):
    ...     def __torch_function__(self, func, types, args=(), kwargs=None):
    ...         print(func.__name__)
    ...         return func(*args, **(kwargs or {}))
    >>> with Log():
    ...     x = torch.ones(2) + 1
    ones
    add
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Answers a call. Raises NotImplementedError: a mode of one's own says what it does."""
        raise NotImplementedError

    def __enter__(self) -> TorchFunctionMode:
        answering.push(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        answering.pop()

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> TorchFunctionMode:
        """The deprecated spelling of making one."""
        warnings.warn("`Mode.push()` is no longer necessary and can be replaced with just `with Mode()`", stacklevel=2)
        return cls(*args, **kwargs)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that does what would be done without it."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """The call as it is."""
        return func(*args, **(kwargs or {}))


def _get_current_function_mode() -> TorchFunctionMode | None:
    return state.stack[-1] if state.stack else None


def _get_current_function_mode_stack() -> list[TorchFunctionMode]:
    return list(state.stack)


@contextmanager
def enable_reentrant_dispatch() -> Iterator[None]:
    """For the inside of `__torch_dispatch__`, which Kagari does not call. Raises RuntimeError when it is entered."""
    raise RuntimeError("Accessing torch dispatch state outside of '__torch_dispatch__' is not allowed.")
    yield


# Which functions are told


def _module(space: str) -> Any:
    return importlib.import_module(space.replace("torch", _PACKAGE, 1))


def _is_function(member: Any) -> bool:
    return callable(member) and not inspect.isclass(member) and not inspect.ismodule(member)


@cache
def _overridable() -> dict[Any, list[Callable[..., Any]]]:
    """The functions and methods that are told, by where they are."""
    ignored = get_ignored_functions()
    found: dict[Any, list[Callable[..., Any]]] = {}
    for space in _SPACES:
        module = _module(space)
        members = [getattr(module, name) for name in module.__all__ if not name.startswith("_")]
        found[module] = [f for f in members if _is_function(f) and f not in ignored and _module_of_tensors(f)]
    found[Tensor] = []
    for name in dir(Tensor):
        member = inspect.getattr_static(Tensor, name)
        if isinstance(member, property):
            if not name.startswith("_"):
                found[member] = [member.__get__]
        elif _is_method(name, member):
            found[Tensor].append(getattr(Tensor, name))
    return found


def _is_method(name: str, member: Any) -> bool:
    hidden = name.startswith("_") and not name.startswith("__")
    of_object = name in object.__dict__ and name not in Tensor.__dict__
    return callable(member) and not hidden and not of_object and name not in answering.SILENT


def _module_of_tensors(function: Any) -> bool:
    """Whether a function lies with those on tensors: the package shows functions of other modules, too."""
    place = getattr(function, "__module__", None) or "eager"  # native functions have none
    return place.removeprefix(f"{_PACKAGE}.").partition(".")[0] in ("eager", "fft", "linalg", "nn", "special")


def get_overridable_functions() -> dict[Any, list[Callable[..., Any]]]:
    """The functions and methods whose calls are told: lists of them by module, by class, and by property.

    >>> import kagari as torch
    >>> torch.matmul in torch.overrides.get_overridable_functions()[torch]
    True
    """
    return {place: list(functions) for place, functions in _overridable().items()}


@cache
def get_ignored_functions() -> set[Callable[..., Any]]:
    """The public functions that no argument answers: they ask for the environment, or make tensors.

    >>> import kagari as torch
    >>> torch.is_tensor in torch.overrides.get_ignored_functions()
    True
    """
    module = _module("torch")
    shown = [getattr(module, name) for name in (*operators.SILENT, *operators.OF_ANYTHING, *operators.FROM_SIZES)
             if name in module.__all__]  # fmt: skip
    members = [getattr(Tensor, name) for name in answering.SILENT if hasattr(Tensor, name)]
    return {*shown, *members}


def get_testing_overrides() -> dict[Callable[..., Any], Callable[..., Any]]:
    """For each function that is told one of the same signature that gives -1.

    >>> import kagari as torch
    >>> torch.overrides.get_testing_overrides()[torch.relu](torch.ones(1))
    -1
    """
    return {f: _dummy(f) for functions in _overridable().values() for f in functions}


def _dummy(function: Callable[..., Any]) -> Callable[..., int]:
    try:
        signature = inspect.signature(function)
    except ValueError:
        signature = inspect.signature(lambda *args, **kwargs: -1)
    if getattr(function, "__name__", "") == "__get__":
        signature = inspect.signature(lambda self: -1)

    def dummy(*args: Any, **kwargs: Any) -> int:
        signature.bind(*args, **kwargs)
        return -1

    dummy.__signature__ = signature  # type: ignore[attr-defined]
    return dummy


def get_default_nowrap_functions() -> set[Callable[..., Any]]:
    """The functions whose results Tensor's own `__torch_function__` gives as they are."""
    return overriding.unwrapped()


@cache
def _names() -> dict[Callable[..., Any], str]:
    names: dict[Callable[..., Any], str] = {}

    def enter(member: Any, name: str, whole: str) -> None:
        before = names.get(member, "").rpartition(".")[2]
        if not before or (name == getattr(member, "__name__", "") != before):  # rather than under an alias
            names[member] = whole

    for space in _SPACES:
        module = _module(space)
        for name in module.__all__:
            if _is_function(member := getattr(module, name)):
                enter(member, name, f"{space}.{name}")
    for name in dir(Tensor):
        member = inspect.getattr_static(Tensor, name)
        if isinstance(member, property):
            for part in ("__get__", "__set__", "__delete__"):
                names[getattr(member, part)] = f"torch.Tensor.{name}.{part}"
        elif callable(member):
            enter(getattr(Tensor, name), name, f"torch.Tensor.{name}")
    return names


def resolve_name(f: Callable[..., Any]) -> str | None:
    """The name of a function or method that is told; None for others.

    >>> import kagari as torch
    >>> torch.overrides.resolve_name(torch.Tensor.shape.__get__)
    'torch.Tensor.shape.__get__'
    """
    return _names().get(f)


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether it is a method or property of Tensor.

    >>> import kagari as torch
    >>> torch.overrides.is_tensor_method_or_property(torch.Tensor.detach)
    True
    """
    places = _overridable()
    return func in places[Tensor] or getattr(func, "__name__", None) == "__get__"
