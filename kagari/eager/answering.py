"""Calls of what is written in Python, told to types and modes that answer them: see `overriding`.

A program without such types and modes pays nothing for them. So there is no wrapper around functions; the code of a
function is exchanged, in place, when the first of them appears: whoever holds the function holds the one that tells.
Methods and properties that a subclass of Tensor inherits are those of :class:`Answering`, which stands between the
subclass and Tensor, and modes have those of Tensor itself exchanged while they last.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import Any, NamedTuple

from ..engine.code import native
from . import overriding
from .overriding import answered, answering, answers, skipped, state

SILENT = frozenset((
    "__hash__", "__init_subclass__", "__iter__", "__new__", "__torch_function__", "__array_namespace__",
    "_make_subclass", "as_subclass",
))  # fmt: skip
# Members that begin as private ones do, and are told nevertheless.
_PUBLIC = frozenset(("_coalesced_", "_dimI", "_dimV", "_indices", "_nnz", "_values", "_version"))
_lock = threading.RLock()


class _Told(NamedTuple):
    """What calls of a function are told as: what can be called, under which name; `types` as in :func:`told`."""

    func: Callable[..., Any]
    name: str
    types: bool = True


class _Exchange:
    """Functions whose code can be exchanged, and those whose code is."""

    def __init__(self) -> None:
        self.known: dict[FunctionType, _Told] = {}
        self.awake = False

    def add(self, function: FunctionType, told: _Told) -> None:
        """One more function."""
        with _lock:
            if function not in self.known:
                self.known[function] = told
                if self.awake:
                    _exchange(function, told)

    def wake(self) -> None:
        """From now on calls are told."""
        with _lock:
            if not self.awake:
                native()  # which the types of plain tensors are known with
                self.awake = True
                for function, told in self.known.items():
                    _exchange(function, told)

    def rest(self) -> None:
        """From now on they are not."""
        with _lock:
            if self.awake:
                self.awake = False
                for function in self.known:
                    original = function.__dict__.pop("__wrapped__")
                    function.__code__ = original.__code__
                    function.__dict__.update(original.__dict__)


_functions, _members = _Exchange(), _Exchange()
_running = [0]  # how many modes there are, in all threads


def told(function: Any, place: str = "torch", *, types: bool = True) -> Any:
    """Has calls of a public function told, if it is written in Python, and gives it back; `place` is the module that
    shows it, `types` says whether those of its arguments have a say, or modes alone.
    """
    if isinstance(function, FunctionType):
        _functions.add(function, _Told(function, f"{place}.{function.__name__}", types))
    return function


def appear(cls: type | None = None) -> None:
    """A type that answers calls has appeared: a subclass of Tensor that has been prepared, or another."""
    if not _functions.awake and (cls is None or (_between and issubclass(cls, _between[0]))):
        _functions.wake()


def push(mode: Any) -> None:
    """A mode begins in this thread."""
    with _lock:
        _functions.wake()
        _running[0] += 1
        if not _members.known:
            _know_members()
        _members.wake()
    overriding.set_stack((*state.stack, mode))


def pop() -> Any:
    """The innermost mode of this thread ends."""
    mode = state.stack[-1]
    overriding.set_stack(state.stack[:-1])
    with _lock:
        _running[0] -= 1
        if not _running[0]:
            _members.rest()
    return mode


# Exchanged code


# Warnings do not count frames of the import system. Exchanged code says it is of such a file, so that the `stacklevel`
# of a warning still leads to the caller of the function. It sees the globals of the function, so its own are constants.
_UNCOUNTED = "<importlib._bootstrap, as warnings see it>"


def _template(*args: Any, **kwargs: Any) -> Any:
    answer: Any = "answer"
    original: Any = "original"
    result = answer(args, kwargs)
    return original(*args, **kwargs) if result is answer else result


def _exchange(function: FunctionType, told: _Told) -> None:
    """Has a function tell of its calls. What it did before is its `__wrapped__`."""
    code = function.__code__
    original = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    original.__kwdefaults__ = function.__kwdefaults__
    original.__dict__.update(function.__dict__)
    func, name, types = told

    def answer(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        found = answering((*args, *kwargs.values())) if types else []
        if (found or state.stack) and not skipped():
            return answered(func, name, found, args, kwargs)
        return answer  # nobody is asked

    given = {"answer": answer, "original": original}
    function.__wrapped__ = original  # type: ignore[attr-defined]
    function.__code__ = _template.__code__.replace(
        co_consts=tuple([given.get(c, c) for c in _template.__code__.co_consts]),
        co_freevars=code.co_freevars, co_name=code.co_name, co_filename=_UNCOUNTED,
    )  # fmt: skip


# Members of Tensor


def _told_members(tensor: type) -> dict[str, Any]:
    """The methods and properties of Tensor that are written in Python."""
    return {
        name: member
        for name, member in tensor.__dict__.items()
        if isinstance(member, FunctionType | property) and name not in SILENT
        if not name.startswith("_") or name.startswith("__") or name in _PUBLIC
    }


def _know_members() -> None:
    for member in _told_members(overriding.Hooks.tensor_types[0]).values():
        for function, func in _parts(member):
            if function not in _functions.known:
                _members.add(function, _Told(func, f"torch.Tensor.{function.__name__}"))


def _parts(member: Any) -> list[tuple[Any, Any]]:
    """The functions of a method or property, and what their calls are told as."""
    if not isinstance(member, property):
        return [(member, member)]
    parts = ((member.fget, member.__get__), (member.fset, member.__set__), (member.fdel, member.__delete__))
    return [(function, func) for function, func in parts if function is not None]


def _teller(function: Callable[..., Any], func: Any) -> Callable[..., Any]:
    """A method that tells of its calls as those of `func`."""
    name = f"torch.Tensor.{function.__name__}"

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        found = answering((*args, *kwargs.values()))
        if found and not skipped():
            return answered(func, name, found, args, kwargs)
        return function(*args, **kwargs)

    return call


def _answering(tensor: type) -> type:
    """The class that stands between Tensor and its subclasses that answer calls."""
    members: dict[str, Any] = {"__slots__": (), "__doc__": tensor.__doc__, "_tells_of_members": False}
    for name, member in _told_members(tensor).items():
        tellers: list[Any] = [_teller(*part) for part in _parts(member)]
        members[name] = property(*tellers) if isinstance(member, property) else tellers[0]
    made = type("Answering", (tensor,), members)
    made.__module__ = tensor.__module__
    made._tells_of_members = True  # type: ignore[attr-defined]
    return made


_between: list[Any] = []


def prepare(cls: type, tensor: type) -> None:
    """Has a new subclass of Tensor answer calls of methods and properties that it inherits.

    A class says with `_tells_of_members = False` that it answers calls of operators alone.
    """
    if not answers(cls) or not getattr(cls, "_tells_of_members", True):
        return
    if not _between:
        _between.append(_answering(tensor))
    if _between[0] not in cls.__mro__:
        bases = [_between[0] if base is tensor else base for base in cls.__bases__]
        cls.__bases__ = tuple(bases if tensor in cls.__bases__ else (*bases, _between[0]))
