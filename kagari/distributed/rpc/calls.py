"""A call as bytes, what runs it, and its result as bytes.

Functions travel by name and arguments pickled, so processes have to trust each other. A request consists of the
pickled function and arguments, the pickled rest: context, message and tensors that want gradients, and the references
that it counts for.
"""

from __future__ import annotations

import io
import json
import pickle
import socket
import sys
import traceback
from concurrent import futures
from pathlib import Path
from typing import Any

from ...eager import Tensor
from ...futures import Future
from . import gradients, rref, state
from .agent import Agent, Parts
from .options import WorkerInfo

_GOOD, _BAD = b"+", b"-"
# Files whose lines tell nothing of what was called.
_OWN = str(Path(__file__).parent), str(Path(__file__).parents[2] / "futures.py"), str(Path(futures.__file__).parent)


class _Pickler(pickle.Pickler):
    """References, and in a context tensors that want gradients, travel by themselves."""

    def __init__(self, file: io.BytesIO, to: int, context: int | None) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.to, self.context = to, context
        self.tensors: list[Tensor] = []
        self.held: list[rref.Id] = []

    def persistent_id(self, obj: Any) -> Any:
        """What stands for an object that is not pickled."""
        if type(obj) is rref.RRef:
            return "rref", obj._leave(self.to, self.held)
        if self.context is not None and isinstance(obj, Tensor) and obj.requires_grad:
            self.tensors.append(obj)
            return "tensor", len(self.tensors) - 1
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, tensors: Any) -> None:
        super().__init__(io.BytesIO(data))
        self.tensors = tensors

    def persistent_load(self, pid: Any) -> Any:
        """The object that something stands for."""
        kind, what = pid
        return self.tensors[what] if kind == "tensor" else rref.RRef._of(*what)


def _packed(value: Any, to: int, context: int | None) -> tuple[Parts, list[rref.Id]]:
    file = io.BytesIO()
    pickler = _Pickler(file, to, context)
    pickler.dump(value)
    message = None if context is None else gradients.sent(context, to, pickler.tensors)
    rest = context, message, [t.detach() for t in pickler.tensors]
    return [file.getvalue(), pickle.dumps(rest)], pickler.held


def _unpacked(body: bytes, rest: bytes) -> tuple[Any, int | None]:
    context, message, values = pickle.loads(rest)
    with gradients.within(context):
        tensors = values if context is None else gradients.received(context, message, values)
        return _Unpickler(body, tensors).load(), context


def call(
    to: int, function: Any, args: Any, kwargs: Any, timeout: float = -1.0, name: rref.Id | None = None
) -> Future[Any]:
    """A future of what a function gives in another process; with a name, the result stays there under it."""
    agent = state.here().agent
    parts, held = _packed((function, tuple(args or ()), dict(kwargs or {})), to, gradients.current())
    return agent.ask(to, [*parts, json.dumps(held).encode(), json.dumps(name).encode()], timeout)


def _result(answer: Parts) -> Any:
    how, *parts = answer
    found, _ = _unpacked(*parts)
    if how == _GOOD:
        return found
    raise _error(*found)


def _error(kind: Any, text: str) -> Exception:
    """The error of another process as one of the same type, if it can be made of a text."""
    try:
        made = kind(text)
    except Exception:
        return RuntimeError(text)
    # Of the text of a look-up that failed, Python shows the form with quotes.
    return RuntimeError(text) if isinstance(made, LookupError) or not isinstance(made, Exception) else made


def arrive(peer: int, parts: Parts) -> None:
    """Counts the references that a request brings to their owner, and the one that its result will have."""
    held, name = json.loads(parts[2]), json.loads(parts[3])
    brought = held if peer != state.here().agent.info.id else []  # a process has counted for itself already
    for one in (*brought, *([name] if name else ())):
        rref.count(tuple(one), 1)


def note(peer: int, parts: Parts) -> None:
    """A reference of another process is gone."""
    created_on, local_id = map(int, parts)
    rref.count((created_on, local_id), -1)


def handle(peer: int, parts: Parts) -> Future[Parts]:
    """Runs a request: a future of its answer."""
    answer: Future[Parts] = Future()
    name = json.loads(parts[3])
    known = rref.entry(tuple(name)) if name else None
    context = None

    def finish(done: Future[Any]) -> None:
        try:
            value = done.value()
            if known is not None:
                known.value.set_result(value)
                value = None
            found = [_GOOD, *_packed(value, peer, context)[0]]
        except Exception as error:
            if known is not None and not known.value.done():
                known.value.set_exception(error)
            found = [_BAD, *_packed(_told(error), peer, None)[0]]
        answer.set_result(found)

    running: Future[Any] = Future()
    try:
        (function, args, kwargs), context = _unpacked(*parts[:2])
        for one in json.loads(parts[2]):
            rref.count(tuple(one), -1)
        with gradients.within(context):
            result = function(*args, **kwargs)
            if _is_asynchronous(function, args):
                if not isinstance(result, Future):
                    raise RuntimeError(
                        "Functions decorated with @rpc.async_function must return a torch.futures.Future object, but "
                        f"got {type(result)}"
                    )
                running = result
            else:
                running.set_result(result)
    except Exception as error:
        running.set_exception(error)
    running.add_done_callback(finish)
    return answer


def _is_asynchronous(function: Any, args: Any) -> bool:
    if function is rref.invoke:
        function = getattr(args[0].local_value(), args[1], None)
    return hasattr(function, "_wrapped_async_rpc_function")


def _told(error: Exception) -> tuple[Any, str]:
    """The type of an error, if the other side may know it, and where it came from."""
    said = traceback.TracebackException.from_exception(error)
    theirs = [frame for frame in said.stack if not frame.filename.startswith(_OWN)]
    said.stack = traceback.StackSummary.from_list(theirs)
    text = f"On {state.here().agent.info}:\n{error!r}\n{''.join(said.format())}"
    print(text, file=sys.stderr)
    try:
        pickle.dumps(type(error))
    except Exception:
        return RuntimeError, text
    return type(error), text


def agent_of(
    infos: list[WorkerInfo], rank: int, links: dict[int, socket.socket], threads: int, timeout: float
) -> Agent:
    """An agent whose requests are calls."""
    return Agent(infos, rank, links, threads, timeout, arrive, handle, note, _result)
