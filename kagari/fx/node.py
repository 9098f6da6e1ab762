"""A step of a graph: what is called, with which arguments, and who uses the result."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from . import names

if TYPE_CHECKING:
    from .graph import Graph

OPERATIONS = ("call_function", "call_method", "call_module", "get_attr", "output", "placeholder", "root")
Target = Callable[..., Any] | str
Function = TypeVar("Function", bound=Callable[..., Any])


def map_aggregate(a: Any, fn: Callable[[Any], Any]) -> Any:
    """What ``fn`` makes of every value in nested tuples, lists, dictionaries and slices.

    Example::

        >>> from kagari.fx.node import map_aggregate
        >>> map_aggregate([1, (2, {"a": 3})], lambda value: value * 10)
        [10, (20, {'a': 30})]
    """
    if isinstance(a, tuple):
        parts = [map_aggregate(part, fn) for part in a]
        return type(a)(*parts) if hasattr(a, "_make") else tuple(parts)
    if isinstance(a, list):
        return [map_aggregate(part, fn) for part in a]
    if isinstance(a, dict):
        return {name: map_aggregate(part, fn) for name, part in a.items()}
    if isinstance(a, slice):
        return slice(*(map_aggregate(part, fn) for part in (a.start, a.stop, a.step)))
    return fn(a)


def map_arg(a: Any, fn: Callable[[Node], Any]) -> Any:
    """What ``fn`` makes of every node in an argument; all else stays.

    Example::

        >>> from kagari.fx.node import map_arg
        >>> map_arg((1, 2), lambda node: node.name)
        (1, 2)
    """
    return map_aggregate(a, lambda part: fn(part) if isinstance(part, Node) else part)


_with_effects: set[Any] = {operator.setitem}


def has_side_effect(fn: Function) -> Function:
    """Has calls of a function stay in graphs although no one uses what they give. It is a decorator, too.

    Example::

        >>> from kagari import fx
        >>> @fx.has_side_effect
        ... def note(x):
        ...     print(x)
        >>> graph = fx.Graph()
        >>> node = graph.call_function(note, (1,))
        >>> graph.eliminate_dead_code()
        False
    """
    _with_effects.add(fn)
    return fn


def shown(value: Any) -> str:
    """An argument as printed graphs have it."""
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))}{',' * (len(value) == 1)})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {shown(part)}' for name, part in value.items())}}}"
    return f"%{value}" if isinstance(value, Node) else str(value)


class Node:
    """A step of a :class:`Graph`; the graph makes it.

    Args:
        graph (Graph): the graph that it belongs to.
        name (str): its name, once in the graph.
        op (str): ``placeholder``, ``get_attr``, ``call_function``, ``call_method``, ``call_module`` or ``output``.
        target (str or callable): what is called, or the name of it.
        args, kwargs: the arguments; nodes stand for their results.
        return_type: an annotation, if there is one.

    Example::

        >>> from kagari import fx
        >>> node = list(fx.symbolic_trace(lambda x: x + 1).graph.nodes)[1]
        >>> node.op, node.name, node.args[1], node.format_node()
        ('call_function', 'add', 1, '%add : [num_users=1] = call_function[target=operator.add](args = (%x, 1), kwargs = {})')
    """  # noqa: E501

    def __init__(
        self,
        graph: Graph,
        name: str,
        op: str,
        target: Target,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        return_type: Any = None,
    ) -> None:
        self.graph, self.name, self.op, self.target, self.type = graph, name, op, target, return_type
        self.users: dict[Node, None] = {}
        self.meta: dict[str, Any] = {}
        self._inputs: dict[Node, None] = {}
        self._args: tuple[Any, ...] = ()
        self._kwargs: dict[str, Any] = {}
        self._prev = self._next = self
        self._erased = False
        self._set(args, kwargs)

    def __repr__(self) -> str:
        return self.name

    @property
    def args(self) -> tuple[Any, ...]:
        """The arguments by position."""
        return self._args

    @args.setter
    def args(self, value: tuple[Any, ...]) -> None:
        self._set(value, self._kwargs)

    @property
    def kwargs(self) -> dict[str, Any]:
        """The arguments by keyword."""
        return self._kwargs

    @kwargs.setter
    def kwargs(self, value: dict[str, Any]) -> None:
        self._set(self._args, value)

    def _set(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for node in self._inputs:
            node.users.pop(self, None)
        self._inputs = {}
        self._args = map_arg(tuple(args), self._used)
        self._kwargs = map_arg(dict(kwargs), self._used)

    def _used(self, node: Node) -> Node:
        self._inputs[node] = node.users[self] = None
        return node

    @property
    def all_input_nodes(self) -> list[Node]:
        """The nodes among the arguments, each once."""
        return list(self._inputs)

    @property
    def prev(self) -> Node:
        """The node before it."""
        return self._prev

    @property
    def next(self) -> Node:
        """The node behind it."""
        return self._next

    @property
    def stack_trace(self) -> str | None:
        """Where the program made it, if the trace kept that."""
        return self.meta.get("stack_trace")

    def prepend(self, x: Node) -> None:
        """Moves a node of the same graph in front of this one."""
        if self.graph is not x.graph:
            raise AssertionError("Attempting to move a Node into a different Graph")
        if x is self:
            return
        x._leave()
        before = self._prev
        before._next, x._prev, x._next, self._prev = x, before, self, x

    def append(self, x: Node) -> None:
        """Moves a node of the same graph behind this one."""
        self._next.prepend(x)

    def _leave(self) -> None:
        self._prev._next, self._next._prev = self._next, self._prev
        self._prev = self._next = self

    def update_arg(self, idx: int, arg: Any) -> None:
        """Replaces an argument by position."""
        args = list(self._args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx: int, arg: Any) -> None:
        """Puts an argument before the one at a position."""
        self.args = (*self._args[:idx], arg, *self._args[idx:])

    def update_kwarg(self, key: str, arg: Any) -> None:
        """Sets an argument by keyword."""
        self.kwargs = {**self._kwargs, key: arg}

    def replace_input_with(self, old_input: Node, new_input: Node) -> None:
        """Puts one node in the place of another among the arguments."""

        def changed(node: Node) -> Node:
            return new_input if node is old_input else node

        self._set(map_arg(self._args, changed), map_arg(self._kwargs, changed))

    def replace_all_uses_with(
        self,
        replace_with: Node,
        delete_user_cb: Callable[[Node], bool] = lambda user: True,
        *,
        propagate_meta: bool = False,
    ) -> list[Node]:
        """Puts another node in the place of this one wherever it is used, and gives the users that were changed."""
        if propagate_meta:
            replace_with.meta.update(self.meta)
        users = [user for user in self.users if delete_user_cb(user)]
        for user in users:
            user.replace_input_with(self, replace_with)
        return users

    def is_impure(self) -> bool:
        """Whether it may not be left out although no one uses it."""
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_function":
            return self.target in _with_effects or names.path(self.target) == "torch._assert"
        return False

    def _pretty_print_target(self, target: Any) -> str:
        return target if isinstance(target, str) else names.path(target)

    def format_node(self) -> str | None:
        """Its line in a printed graph."""
        kind = "" if self.type is None else f"{annotation(self.type)} "
        head = f"%{self.name} : {kind}[num_users={len(self.users)}] = {self.op}"
        if self.op == "placeholder":
            default = f"(default={self.args[0]})" if self.args else ""
            return f"{head}[target={self.target}]{default}"
        if self.op == "output":
            return f"return {self.args[0]}"
        place = f"{head}[target={self._pretty_print_target(self.target)}]"
        return place if self.op == "get_attr" else f"{place}(args = {shown(self.args)}, kwargs = {shown(self.kwargs)})"


def annotation(kind: Any) -> str:
    """An annotation in printed graphs."""
    if isinstance(kind, type):
        return kind.__name__ if kind.__module__ == "builtins" else names.path(kind)
    return repr(kind)


__all__ = ["Node", "Target", "has_side_effect", "map_aggregate", "map_arg"]
