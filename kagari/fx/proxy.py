"""`Proxy`: stands for a value while a program is traced, and records what is done with it."""

from __future__ import annotations

import dis
import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ..eager import Tensor
from ..nn import Parameter
from . import names
from .graph import Graph
from .node import Node, Target, map_aggregate

# What a parameter and a proxy on the right of it are joined by.
_SIGNS = {name: getattr(operator, name) for name in ("add", "sub", "mul", "matmul", "pow")} | {"div": operator.truediv}


class TraceError(ValueError):
    """A program asks for a value that a trace does not have."""


class TracerBase:
    """Makes nodes of what proxies record."""

    graph: Graph

    def create_node(
        self, kind: str, target: Target, args: Any, kwargs: Any, name: str | None = None, type_expr: Any = None
    ) -> Node:
        """Adds a node to the graph."""
        return self.graph.create_node(kind, target, args, kwargs, name, type_expr)

    def proxy(self, node: Node) -> Proxy:
        """A proxy for the result of a node."""
        return Proxy(node, self)

    def create_proxy(
        self, kind: str, target: Target, args: Any, kwargs: Any, name: str | None = None, type_expr: Any = None
    ) -> Proxy:
        """Adds a node whose arguments may have proxies, and gives a proxy for its result."""
        node = self.create_node(kind, target, self.create_arg(args), self.create_arg(kwargs), name, type_expr)
        return self.proxy(node)

    def create_arg(self, a: Any) -> Any:
        """An argument as nodes have it. Raises NotImplementedError for what can't be written as source."""
        return map_aggregate(a, self._value)

    def _value(self, a: Any) -> Any:
        if isinstance(a, Proxy):
            return a.node
        plain = a is ... or isinstance(a, str | int | float | complex | Node | range | type | None)
        if plain or callable(a) or repr(a).startswith(("torch.", "device(")):
            return a
        raise NotImplementedError(f"argument of type: {type(a)}")

    def to_bool(self, obj: Proxy) -> bool:
        """What a proxy is as a condition: an error, unless a subclass knows better."""
        raise TraceError("symbolically traced variables cannot be used as inputs to control flow")

    def iter(self, obj: Proxy) -> Iterator[Any]:
        """What a loop over a proxy goes through: an error, unless the program says how many values it expects."""
        frame = sys._getframe(2)
        count = unpacked(frame)
        if count is not None:
            return (self.create_proxy("call_function", operator.getitem, (obj, k), {}) for k in range(count))
        raise TraceError(
            "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a loop or as a *args or "
            "**kwargs function argument. See the torch.fx docs on pytorch.org for a more detailed explanation of what "
            "types of control flow can be traced, and check out the Proxy docstring for help troubleshooting Proxy "
            "iteration errors"
        )

    def keys(self, obj: Proxy) -> Any:
        """The keys of a proxy that is unpacked by ``**``."""
        return Attribute(obj, "keys")()


def unpacked(frame: Any) -> int | None:
    """Into how many names the running line unpacks; None where it does something else."""
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.offset == frame.f_lasti:
            return instruction.arg if instruction.opname == "UNPACK_SEQUENCE" else None
    return None


class GraphAppendingTracer(TracerBase):
    """Adds what proxies record to a graph that is there."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph


class Proxy:
    """Stands for the result of a node; what a program does with it becomes a node, too.

    Example::

        >>> from kagari import fx
        >>> graph = fx.Graph()
        >>> (fx.Proxy(graph.placeholder("x")) + 1).relu().node.name
        'relu'
    """

    def __init__(self, node: Node, tracer: TracerBase | None = None) -> None:
        self.tracer = GraphAppendingTracer(node.graph) if tracer is None else tracer
        self.node = node

    def __repr__(self) -> str:
        return f"Proxy({self.node.name})"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Attribute(self, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        """Records the call."""
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self) -> Iterator[Any]:
        return self.tracer.iter(self)

    def __bool__(self) -> bool:
        return self.tracer.to_bool(self)

    def keys(self) -> Any:
        """The keys, where it is unpacked by ``**``."""
        return self.tracer.keys(self)

    def __len__(self) -> int:
        raise RuntimeError(
            "'len' is not supported in symbolic tracing by default. If you want this call to be recorded, please call "
            "torch.fx.wrap('len') at module scope"
        )

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tracer = found([*args, *(kwargs or {}).values()])[0].tracer
        function = names.known(func)
        name = getattr(func, "__name__", "")
        if isinstance(args[0], Parameter) and name in _SIGNS:
            return tracer.create_proxy("call_function", _SIGNS[name], args, kwargs or {})
        if isinstance(args[0], Proxy) and function is None:  # a method whose tensor is not the first argument
            function = names.spaces()[""].get(name)
        if function is None or isinstance(args[0], Tensor):
            return tracer.create_proxy("call_method", name, args, kwargs or {})
        return tracer.create_proxy("call_function", function.target, args, kwargs or {})


class Attribute(Proxy):
    """An attribute of a proxy: a method, if it is called, and else a value."""

    def __init__(self, root: Proxy, attr: str) -> None:
        self.root, self.attr, self.tracer = root, attr, root.tracer
        self._made: Node | None = None

    @property
    def node(self) -> Node:  # type: ignore[override]
        """The node of the value, made when it is asked for."""
        if self._made is None:
            self._made = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {}).node
        return self._made

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        """Records the call of the method."""
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


def found(value: Any) -> list[Proxy]:
    """The proxies in nested arguments."""
    proxies: list[Proxy] = []

    def see(part: Any) -> Any:
        if isinstance(part, Proxy):
            proxies.append(part)
        return part

    map_aggregate(value, see)
    return proxies


def _recording(function: Callable[..., Any], reflected: bool) -> Callable[..., Any]:
    def call(self: Proxy, *rest: Any) -> Any:
        args = (rest[0], self) if reflected else (self, *rest)
        return self.tracer.create_proxy("call_function", function, args, {})

    return call


_TWO = ("add", "sub", "mul", "floordiv", "truediv", "mod", "pow", "lshift", "rshift", "and_", "or_", "xor", "matmul")
for _name in _TWO:
    _plain = _name.rstrip("_")
    setattr(Proxy, f"__{_plain}__", _recording(getattr(operator, _name), False))
    setattr(Proxy, f"__r{_plain}__", _recording(getattr(operator, _name), True))
for _name in ("eq", "ne", "lt", "gt", "le", "ge", "pos", "neg", "invert", "abs", "getitem"):
    setattr(Proxy, f"__{_name}__", _recording(getattr(operator, _name), False))
Proxy.__hash__ = object.__hash__  # type: ignore[method-assign]

__all__ = ["Attribute", "GraphAppendingTracer", "Proxy", "TraceError", "TracerBase"]
