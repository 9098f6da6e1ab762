"""References to values that lie in one process, their owner, and are used in others.

The owner counts who else refers to a value. A process that passes a reference on counts for the receiver before the
message leaves, so that the count is never too small; who drops one says so by a note.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any, Generic, TypeVar

from ...futures import Future
from . import gradients, state

_T = TypeVar("_T")
Id = tuple[int, int]


class _Entry:
    """A value of this process, and how many references others have to it."""

    def __init__(self) -> None:
        self.value: Future[Any] = Future()
        self.count = 0


_entries: dict[Id, _Entry] = {}
_lock = threading.Lock()


def entry(name: Id) -> _Entry:
    """What an owner knows of a value, which may be yet to come."""
    with _lock:
        return _entries.setdefault(name, _Entry())


def count(name: Id, change: int, known: _Entry | None = None) -> None:
    """Counts references of others; without any, the value is only kept by references of this process."""
    with _lock:
        found = _entries.get(name) or known or _Entry()
        found.count += change
        if found.count:
            _entries[name] = found
        else:
            _entries.pop(name, None)


def forget() -> None:
    """Forgets all values that others referred to."""
    with _lock:
        _entries.clear()


def _text(name: Id | None) -> str:
    if name is None:
        return "none"
    return f"GloballyUniqueId(created_on={name[0]}, local_id={name[1]})"


class RRef(Generic[_T]):
    """A reference to a value that lies in one process, its owner, and may be used in others.

    Made of a value, this process is the owner; :func:`remote` makes one whose owner is another process. It may be sent
    as an argument or a result of calls. The value is kept as long as any process refers to it.

    Args:
        value: what it refers to.
        type_hint: the type, where the value is a `ScriptModule`.
    """

    def __init__(self, value: Any, type_hint: Any = None) -> None:
        if type_hint is not None:
            raise RuntimeError(
                "type_hint should only be specified when the RRef being created contains a ScriptModule."
            )
        here = state.here()
        self._owner, self._name = here.agent.info.id, here.new_id()
        self._fork: Id | None = None
        self._entry: _Entry | None = _Entry()
        self._entry.value.set_result(value)
        self._made: Future[Any] = self._entry.value

    @classmethod
    def _of(cls, owner: int, name: Id, made: Future[Any] | None = None) -> RRef[Any]:
        """One for a value that lies with the owner. `made` is done when the owner knows it."""
        self = object.__new__(cls)
        here = state.here()
        self._owner, self._name = owner, name
        mine = owner == here.agent.info.id
        self._fork = None if mine else here.new_id()
        self._entry = entry(name) if mine else None
        if made is None:
            made = Future()
            made.set_result(None)
        self._made = self._entry.value if self._entry is not None else made
        return self

    def owner(self) -> Any:
        """The process that the value lies in."""
        return state.here().agent.infos[self._owner]

    def owner_name(self) -> str:
        """The name of that process."""
        return str(self.owner().name)

    def is_owner(self) -> bool:
        """Whether the value lies in this process."""
        return self._entry is not None

    def confirmed_by_owner(self) -> bool:
        """Whether the owner knows of this reference, and has the value. Raises the error that making it had."""
        if not self._made.done():
            return False
        self._made.value()
        return True

    def _get_future(self) -> Future[Any]:
        """Done when the owner has the value; has the error that making it had."""
        return self._made

    def local_value(self) -> Any:
        """The value, in the process that it lies in. RuntimeError elsewhere."""
        if self._entry is None:
            raise RuntimeError(
                f"For UserRRef(rref_id={_text(self._name)}, fork_id={_text(self._fork)}), can't call localValue() on "
                f"user {state.here().agent.info}. Call it on owner {self.owner()}"
            )
        return self._entry.value.wait()

    def to_here(self, timeout: float = -1.0) -> Any:
        """A copy of the value, or the value itself in the process that it lies in. Waits for it."""
        if self._entry is not None:
            return self._entry.value.wait()
        return state.here().call(self._owner, _value, (self,), {}, timeout).wait()

    def rpc_sync(self, timeout: float = -1.0) -> _Proxy:
        """What has the value's methods, called where it lies; waits for results.

        `rref.rpc_sync().f(x)` is `f(x)` of the value.
        """
        return _Proxy(self, lambda future: future.wait(), timeout)

    def rpc_async(self, timeout: float = -1.0) -> _Proxy:
        """The same, with futures of results."""
        return _Proxy(self, state.here().handed, timeout)

    def remote(self, timeout: float = -1.0) -> _Proxy:
        """The same, with references to results, which stay where they are."""
        return _Proxy(self, None, timeout)

    def backward(self, dist_autograd_ctx_id: int = -1, retain_graph: bool = False) -> None:
        """Runs the backward pass of the value, a loss, where it lies: of the context, or of none."""
        context = None if dist_autograd_ctx_id == -1 else dist_autograd_ctx_id
        if self._entry is not None:
            _back(self, context, retain_graph)
        else:
            state.here().call(self._owner, _back, (self, context, retain_graph), {}, -1.0).wait()

    def __repr__(self) -> str:
        if self._entry is not None:
            return f"OwnerRRef({_text(self._name)})"
        return f"UserRRef(RRefId = {_text(self._name)}, ForkId = {_text(self._fork)})"

    def __reduce__(self) -> Any:
        raise RuntimeError("Can not pickle rref in python pickler, rref can only be pickled when using RPC")

    def __del__(self) -> None:
        if getattr(self, "_entry", self) is None and state.current:
            state.current[0].agent.tell(self._owner, [b"%d" % part for part in self._name])

    # On the way

    def _leave(self, to: int, held: list[Id]) -> tuple[int, Id]:
        """What stands for it in a message, counted for whoever gets it. To its owner, the message counts: `held`."""
        if self._entry is not None:
            count(self._name, 1, self._entry)
            if to == self._owner:
                held.append(self._name)
        elif to == self._owner:
            held.append(self._name)
        else:
            state.here().call(self._owner, count, (self._name, 1), {}, -1.0).wait()
        return self._owner, self._name


class _Proxy:
    """The methods of what a reference refers to."""

    def __init__(self, rref: RRef[Any], give: Any, timeout: float) -> None:
        self._rref, self._give, self._timeout = rref, give, timeout

    def __getattr__(self, name: str) -> Any:
        return partial(self._call, name)

    def _call(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        rref = self._rref
        given = (rref, name, *args)
        if self._give is None:
            return make(rref._owner, invoke, given, kwargs, self._timeout)
        return self._give(state.here().call(rref._owner, invoke, given, kwargs, self._timeout))


def invoke(rref: RRef[Any], name: str, /, *args: Any, **kwargs: Any) -> Any:
    """Calls a method of a value where it lies."""
    return getattr(rref.local_value(), name)(*args, **kwargs)


def _value(rref: RRef[Any]) -> Any:
    return rref.local_value()


def _back(rref: RRef[Any], context: int | None, retain_graph: bool) -> None:
    root = rref.local_value()
    if context is None:
        root.backward(retain_graph=retain_graph)
    else:
        gradients.backward(context, [root], retain_graph)


def make(to: int, function: Any, args: Any, kwargs: Any, timeout: float) -> RRef[Any]:
    """A reference to what a function will give in another process."""
    here = state.here()
    name = here.new_id()
    made = here.call(to, function, args, kwargs, timeout, name)
    rref = RRef._of(to, name, made)
    if rref.is_owner():  # the request counts, as for another process, which would say when it has no reference left
        made.add_done_callback(lambda _: count(name, -1))
    return rref


__all__ = ["RRef"]
