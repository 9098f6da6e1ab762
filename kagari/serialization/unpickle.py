"""A reader of pickles that runs no code of theirs.

A pickle is a program for a small machine with a stack. Python's own reader lets the program import and call anything;
this one knows the instructions that data needs, and calls nothing but what is on a list. An instruction, a name or a
call that is not known ends it with an UnpicklingError.
"""

from __future__ import annotations

import pickle
import pickletools
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from reprlib import repr as short
from typing import Any

from .names import is_callable, lookup_safe, takes_state

_ADVICE = (
    "If you trust the source of the file, allow the name with torch.serialization.add_safe_globals, or load with "
    "weights_only=False, which runs whatever code the file asks for"
)
_KEY_TUPLES, _KEY_ELEMENTS = 10_000, 1_000_000


class SafeUnpickler:
    """Reads one pickle. `persistent_load` is asked for the storages; `encoding` is that of the text of Python 2."""

    def __init__(self, data: bytes, persistent_load: Callable[[Any], Any], encoding: str = "utf-8") -> None:
        self.data, self.at = data, 0
        self.persistent_load, self.encoding = persistent_load, encoding
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []  # the stacks below the open marks
        self.memo: dict[int, Any] = {}

    def load(self) -> Any:
        """The object. Raises UnpicklingError for what is not allowed and for what is no pickle."""
        try:
            while (code := self.take(1)) != pickle.STOP:
                step = _STEPS.get(code)
                if step is None:
                    raise pickle.UnpicklingError(f"Weights only load failed: unsupported operation {code!r}. {_ADVICE}")
                step(self)
            return self.stack.pop()
        except (IndexError, KeyError, TypeError, ValueError, AttributeError, struct.error) as error:
            raise pickle.UnpicklingError(
                f"Weights only load failed: the pickle is damaged near byte {self.at} ({error!r})"
            ) from error

    def take(self, n: int) -> bytes:
        """The next n bytes."""
        if n < 0 or self.at + n > len(self.data):
            raise pickle.UnpicklingError("Weights only load failed: the pickle ends too early")
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, code: str) -> Any:
        """The next number, in a format of `struct`."""
        return struct.unpack(code, self.take(struct.calcsize(code)))[0]

    def line(self) -> str:
        """The text up to the next line break."""
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise pickle.UnpicklingError("Weights only load failed: the pickle ends too early")
        text = self.take(end - self.at + 1)[:-1]
        return text.decode()

    def pop_mark(self) -> list[Any]:
        """What lies above the last mark."""
        above, self.stack = self.stack, self.marks.pop()
        return above

    def name(self, module: str, name: str) -> None:
        """Puts the object behind a name on the stack."""
        try:
            self.stack.append(lookup_safe(module, name))
        except KeyError:
            raise pickle.UnpicklingError(_refusal(module, name)) from None

    def memoize(self, key: int) -> None:
        """Keeps what lies on top."""
        self.memo[key] = self.stack[-1]

    # Instructions that do more than to put data on the stack

    def global_(self) -> None:
        module, name = self.line(), self.line()
        self.name(module, name)

    def stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError("a name that is no text")
        self.name(module, name)

    def reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not is_callable(function):
            raise pickle.UnpicklingError(
                f"Weights only load failed: a call of {short(function)} is not allowed. {_ADVICE}"
            )
        if function in (set, frozenset, OrderedDict, Counter) and arguments:
            _check_keys(arguments[0])
        self.stack.append(function(*arguments))

    def newobj(self) -> None:
        arguments, kind = self.stack.pop(), self.stack.pop()
        if not isinstance(kind, type) or not is_callable(kind):
            raise pickle.UnpicklingError(f"Weights only load failed: making a {short(kind)} is not allowed. {_ADVICE}")
        self.stack.append(kind.__new__(kind, *arguments))

    def build(self) -> None:
        state, made = self.stack.pop(), self.stack[-1]
        kind = type(made)
        if kind is OrderedDict and isinstance(state, dict):
            vars(made).update(state)
        elif not takes_state(kind):
            raise pickle.UnpicklingError(
                f"Weights only load failed: setting the state of a {kind.__name__} is not allowed. {_ADVICE}"
            )
        elif hasattr(made, "__setstate__"):
            made.__setstate__(state)
        else:
            vars(made).update(state)

    def persistent(self) -> None:
        self.stack.append(self.persistent_load(self.stack.pop()))

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def tuple_of_mark(self) -> None:
        items = tuple(self.pop_mark())
        self.stack.append(items)

    def frozenset_of_mark(self) -> None:
        items = self.pop_mark()
        _check_keys(items)
        self.stack.append(frozenset(items))

    def tuple_of(self, n: int) -> None:
        if len(self.stack) < n:
            raise IndexError("the stack is too small")
        self.stack[-n:] = [tuple(self.stack[-n:])]

    def append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise TypeError("appending to what is no list")
        target.extend(items)

    def add(self) -> None:
        items = self.pop_mark()
        target = self.stack[-1]
        if not isinstance(target, set):
            raise TypeError("adding to what is no set")
        _check_keys(items)
        target.update(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise TypeError("setting an item of what is no dict")
        if len(items) % 2:
            raise ValueError("a key without a value")
        _check_keys(items[::2])
        for key, value in zip(items[::2], items[1::2]):
            target[key] = value


def _check_keys(keys: Iterable[Any]) -> None:
    """Raises UnpicklingError for a tuple whose hash would take the stack or for ever.

    Few bytes of a pickle can nest tuples deep, or stand one in another many times over.
    """
    for key in keys:
        open_tuples = [key] if isinstance(key, tuple) else []
        tuples = elements = 0
        while open_tuples:
            inner = open_tuples.pop()
            tuples, elements = tuples + 1, elements + len(inner)
            if tuples > _KEY_TUPLES or elements > _KEY_ELEMENTS:
                raise pickle.UnpicklingError("Weights only load failed: a key is a tuple of too many others")
            open_tuples.extend(x for x in inner if isinstance(x, tuple))


def named_in(data: bytes) -> Iterator[tuple[str, str]]:
    """Module and name of each class and function that a pickle asks for. Nothing in it is run.

    Raises UnpicklingError for what is no pickle.
    """
    texts: list[Any] = [None, None]
    memo: dict[int, Any] = {}
    try:
        value: Any
        for code, value, _ in pickletools.genops(data):
            if code.name == "GLOBAL":
                module, name = value.split(" ", 1)
                yield module, name
            elif code.name == "STACK_GLOBAL":
                yield texts[-2], texts[-1]
            elif code.name == "MEMOIZE":
                memo[len(memo)] = texts[-1]
            elif code.name in ("PUT", "BINPUT", "LONG_BINPUT"):
                memo[value] = texts[-1]
            elif code.name in ("GET", "BINGET", "LONG_BINGET"):
                texts.append(memo.get(value))
            elif isinstance(value, str):
                texts.append(value)
    except ValueError as error:
        raise pickle.UnpicklingError(f"the pickle is damaged ({error})") from error


def _refusal(module: str, name: str) -> str:
    """Why a name is not allowed, and what can be done."""
    if module == "torch" and name.endswith("Storage"):
        return f"Weights only load failed: the file has tensors of a dtype that Kagari lacks ({module}.{name})"
    return f"Weights only load failed: the file asks for {module}.{name}, not on the list of safe names. {_ADVICE}"


def _integer(digits: bytes) -> int:
    return int.from_bytes(digits, "little", signed=True)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _pushes(value: Callable[[SafeUnpickler], Any]) -> Callable[[SafeUnpickler], None]:
    return lambda u: u.stack.append(value(u))


_STEPS: dict[bytes, Callable[[SafeUnpickler], Any]] = {
    pickle.PROTO: lambda u: u.take(1),
    pickle.FRAME: lambda u: u.take(8),
    pickle.MARK: SafeUnpickler.mark,
    pickle.POP: lambda u: u.stack.pop(),
    pickle.NONE: _pushes(lambda u: None),
    pickle.NEWTRUE: _pushes(lambda u: True),
    pickle.NEWFALSE: _pushes(lambda u: False),
    pickle.BININT: _pushes(lambda u: u.number("<i")),
    pickle.BININT1: _pushes(lambda u: u.number("<B")),
    pickle.BININT2: _pushes(lambda u: u.number("<H")),
    pickle.LONG1: _pushes(lambda u: _integer(u.take(u.number("<B")))),
    pickle.LONG4: _pushes(lambda u: _integer(u.take(u.number("<i")))),
    pickle.BINFLOAT: _pushes(lambda u: u.number(">d")),
    pickle.SHORT_BINSTRING: _pushes(lambda u: u.take(u.number("<B")).decode(u.encoding)),
    pickle.BINSTRING: _pushes(lambda u: u.take(u.number("<i")).decode(u.encoding)),
    pickle.BINUNICODE: _pushes(lambda u: _text(u.take(u.number("<I")))),
    pickle.SHORT_BINUNICODE: _pushes(lambda u: _text(u.take(u.number("<B")))),
    pickle.BINUNICODE8: _pushes(lambda u: _text(u.take(u.number("<Q")))),
    pickle.BINBYTES: _pushes(lambda u: u.take(u.number("<I"))),
    pickle.SHORT_BINBYTES: _pushes(lambda u: u.take(u.number("<B"))),
    pickle.BINBYTES8: _pushes(lambda u: u.take(u.number("<Q"))),
    pickle.BYTEARRAY8: _pushes(lambda u: bytearray(u.take(u.number("<Q")))),
    pickle.EMPTY_TUPLE: _pushes(lambda u: ()),
    pickle.EMPTY_LIST: _pushes(lambda u: []),
    pickle.EMPTY_DICT: _pushes(lambda u: {}),
    pickle.EMPTY_SET: _pushes(lambda u: set()),
    pickle.TUPLE: SafeUnpickler.tuple_of_mark,
    pickle.TUPLE1: lambda u: u.tuple_of(1),
    pickle.TUPLE2: lambda u: u.tuple_of(2),
    pickle.TUPLE3: lambda u: u.tuple_of(3),
    pickle.FROZENSET: SafeUnpickler.frozenset_of_mark,
    pickle.APPEND: lambda u: u.append([u.stack.pop()]),
    pickle.APPENDS: lambda u: u.append(u.pop_mark()),
    pickle.ADDITEMS: SafeUnpickler.add,
    pickle.SETITEM: lambda u: u.set_items([u.stack.pop(), u.stack.pop()][::-1]),
    pickle.SETITEMS: lambda u: u.set_items(u.pop_mark()),
    pickle.BINPUT: lambda u: u.memoize(u.number("<B")),
    pickle.LONG_BINPUT: lambda u: u.memoize(u.number("<I")),
    pickle.MEMOIZE: lambda u: u.memoize(len(u.memo)),
    pickle.BINGET: _pushes(lambda u: u.memo[u.number("<B")]),
    pickle.LONG_BINGET: _pushes(lambda u: u.memo[u.number("<I")]),
    pickle.GLOBAL: SafeUnpickler.global_,
    pickle.STACK_GLOBAL: SafeUnpickler.stack_global,
    pickle.REDUCE: lambda u: u.reduce(),
    pickle.NEWOBJ: lambda u: u.newobj(),
    pickle.BUILD: lambda u: u.build(),
    pickle.BINPERSID: SafeUnpickler.persistent,
}

__all__ = ["SafeUnpickler", "named_in"]
