"""Functions that are being transformed: what stands for tensors in them, and who answers the calls of operators.

Each transformation of a call is a level. Its tensors (`Standing`) hold others, those of the levels below, or plain
ones. An operator is answered by the highest level among its arguments, which calls operators derived from it on what
its tensors hold (engine/derived.py). Each level has its own tape, between its own tensors.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

from ..autograd import modes, standing
from ..autograd.library import function
from ..autograd.node import bare
from ..engine.derived import nothing
from ..engine.function import Function, Hooks
from . import inplace
from .overlay import Overlay
from .tensor import Tensor


class Level:
    """A transformation that is going on: the more, the deeper. Its kind says how it answers an operator's call."""

    name = ""
    randomness = ""
    careful = False  # whether no change in place of what has views can be followed

    def __init__(self) -> None:
        self.depth = 0
        self._before: list[int] = []
        self.views: dict[int, list[weakref.ref[Any]]] = {}  # of blocks of memory, by their identity

    def __enter__(self) -> Any:
        active = _active.levels
        self._before.append(self.depth)  # a backward of the function's own enters it again
        self.depth = 1 + (active[-1].depth if active else 0)
        active.append(self)
        Hooks.standing, Hooks.transformed = Standing, staticmethod(transformed)
        Hooks.drawing = staticmethod(drawing)
        return self

    def __exit__(self, *exception: object) -> None:
        active = _active.levels
        del active[max(i for i, level in enumerate(active) if level is self)]
        self.depth = self._before.pop()

    def answer(self, f: Function, args: tuple[Any, ...]) -> Any:
        """The result of an operator, as this level's tensors."""
        raise NotImplementedError

    def lifted(self, t: Any) -> Any:
        """A tensor from below as one of this level's."""
        raise NotImplementedError

    def write(self, target: Any, value: Any) -> None:
        """Writes a tensor of one shape and dtype into another one."""
        raise NotImplementedError

    def own(self, t: Any) -> bool:
        """Whether it is one of this level's tensors."""
        return isinstance(t, Standing) and t._level is self


class _Active(threading.local):
    def __init__(self) -> None:
        self.levels: list[Level] = []


_active = _Active()


def current() -> Level | None:
    """The innermost transformation that is going on in this thread."""
    return _active.levels[-1] if _active.levels else None


_set_offset, _set_storage = Tensor._offset.__set__, Tensor._storage.__set__  # type: ignore[attr-defined]


class Unseen(RuntimeError):
    """A transformed function wants to see the elements of a tensor."""


class Standing(Tensor):
    """What stands for a tensor while a function is being transformed. It has no memory of its own."""

    __torch_function__ = None  # type: ignore[assignment]

    _level: Level
    _value: Any

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """An object alone: a level fills it in."""
        return object.__new__(cls)

    def _fill(self, level: Level, value: Any, lay: Any) -> None:
        if isinstance(value, Overlay):
            raise NotImplementedError(f"{level.name}: a {type(value).__name__} is not transformed, its elements are")
        self._level, self._value, self._layout = level, value, lay
        _set_offset(self, 0)
        _set_storage(self, nothing())
        self._needs, self._grad_fn, self._grad, self._base, self._extra = False, None, None, None, None

    def bare(self) -> Any:
        """The same without a place on its level's tape."""
        raise NotImplementedError

    def spread(self, made: Any) -> Any:
        """A new tensor as one that can be written to as this one, on all levels."""
        sizes: list[int] = []
        below: Any = self
        while isinstance(below, Standing):
            sizes[:0] = below.sizes()
            below = below._value
        if sizes:
            made = function("expand").run((made, (*sizes, *made._layout.shape)))
            made = function("clone").run((made,))
        return self.filled_with(made)

    def sizes(self) -> tuple[int, ...]:
        """The dimensions that the tensor which it holds has in front."""
        return ()

    def filled_with(self, lowest: Any) -> Any:
        """One like this, that holds another tensor on the lowest level."""
        return self.like(self._value.filled_with(lowest) if isinstance(self._value, Standing) else lowest)

    def like(self, value: Any) -> Any:
        """One like this that holds another tensor."""
        raise NotImplementedError

    def parts(self) -> tuple[Any, ...]:
        """The tensors that it holds."""
        return (self._value,)

    def after(self) -> Any:
        """What it is when the transformation has ended."""
        raise NotImplementedError

    def seen(self) -> Any:
        """The tensor whose elements are looked at, where that has an answer."""
        raise NotImplementedError

    def is_inference(self) -> bool:
        """Whether what it stands for was made in inference mode."""
        return bool(self._value.is_inference())

    @property
    def _storage(self) -> Any:
        raise Unseen(
            f"{self._level.name}: a function asks for the memory of a tensor that stands for others. It can't be "
            "transformed; write what it does with other operators."
        )

    @property
    def _version(self) -> int:
        return self._value._version

    def detach(self) -> Any:
        """The same without history, on all levels."""
        made = self.bare()
        made._value = self._value.detach()
        return made

    data = property(detach)


def transformed(f: Function, args: tuple[Any, ...]) -> Any:
    """Answers a call of an operator with standing tensors among its arguments."""
    level: Any = None
    ended = False
    for a in args:
        if isinstance(a, Standing):
            own = a._level
            ended = ended or not own.depth
            if level is None or own.depth > level.depth:
                level = own
    if ended:
        return f.run(tuple([a.after() if isinstance(a, Standing) and not a._level.depth else a for a in args]))
    if f.into is not None:
        return _in_place(level, f, args)
    result = level.answer(f, args)
    _record(level, f, args, result)
    return result


def _record(level: Level, f: Function, args: tuple[Any, ...], result: Any) -> None:
    """Puts a call on the level's tape, where one of its tensors wants a gradient, and notes the views that it made."""
    results = result if isinstance(result, tuple) else (result,)
    if modes.is_grad_enabled() and f.differentiable:
        needs = tuple([i for i, a in enumerate(args) if isinstance(a, Standing) and a._needs and a._level is level])
        if needs and all(map(level.own, results)):
            standing.record(f, args, needs, results)
    for r in results:
        lowest = _lowest(r)
        if lowest._base is not None and lowest is not r:
            level.views.setdefault(id(lowest._storage), []).append(weakref.ref(r))


def _lowest(t: Any) -> Any:
    """The plain tensor below a standing one."""
    while isinstance(t, Standing):
        t = t._value
    return t


VARIABLE = "differentiated by"
"""The note of a leaf that a derivative was taken by: the state of the call that takes it."""


class State:
    """Whether a call that takes a derivative has its outputs. Leaves refer to it, and it to nothing."""

    def __init__(self, finished: bool = False) -> None:
        self.finished = finished


_FINISHED = State(True)


def private(t: Any) -> Any:
    """A leaf with a tensor's value, for a derivative inside of an operation: nothing outside depends on it."""
    made = bare(t).requires_grad_()
    made._notes()[VARIABLE] = _FINISHED
    return made


def wants(t: Any) -> bool:
    """Whether a tensor wants a gradient on any level."""
    return isinstance(t, Tensor) and (t._needs or (isinstance(t, Standing) and any(map(wants, t.parts()))))


def _in_place(level: Level, f: Function, args: tuple[Any, ...]) -> Any:
    """Computes the result beside the tensor and writes it there: `copy_` alone writes."""
    target: Any = args[0]
    result: Any = args[1] if len(args) > 1 else None
    recording = modes.is_grad_enabled()
    if f.name != "copy_":
        # What is saved for the gradient stays as it is.
        before = function("clone").run((target,)) if recording and any(map(wants, args)) else target
        result = function(f.record.name).run((before, *args[1:]))
        inplace.check_cast(result, target)
    if result._layout.dtype is not target._layout.dtype:
        result = function("to_dtype").run((result, target._layout.dtype))
    if result._layout.shape != target._layout.shape:
        result = function("expand").run((result, tuple(target._layout.shape)))
    if not level.own(target) or (level.own(result) and not target.holds_all(result)):
        raise RuntimeError(
            "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other` in "
            f"extra_args that has more elements than `self`: {f.display}() would write {result!r} into {target!r}. "
            "Use the form of the operator that is not in place, or make `self` of what the examples have."
        )
    followed = recording and level.own(result) and result._needs
    if recording and target._needs and target._grad_fn is None:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    if (followed or (recording and target._needs) or level.careful) and _shown(level, target):
        raise RuntimeError(
            f"{f.display}_(): {level.name} can't follow a change in place of a tensor that shares its memory with "
            "views; write into a clone of it"
        )
    if followed and result._grad_fn is None:
        result = function("alias").run((result,))
    level.write(target, result)
    if recording:
        target._needs, target._grad_fn = (True, result._grad_fn) if followed else (False, None)
    return target


def _shown(level: Level, target: Any) -> bool:
    """Whether there is a view of a tensor's memory, be it the tensor itself."""
    block = id(_lowest(target)._storage)
    alive = [ref for ref in level.views.get(block, ()) if ref() is not None]
    level.views[block] = alive
    return bool(alive)


def drawing() -> Any:
    """The call of vmap whose examples draw random numbers of their own, or None. Raises RuntimeError where none are to
    be drawn.
    """
    for level in reversed(_active.levels):
        kind = level.randomness
        if kind == "error":
            raise RuntimeError(
                "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
                "'different' randomness flags on vmap or perform the randomness operation out of vmap"
            )
        if kind == "different":
            return level
    return None
