"""Tracing: a program is run on proxies, and what they record is its graph. The module has PyTorch's name."""

from __future__ import annotations

import builtins
import inspect
import math
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import FunctionType, ModuleType
from typing import Any

from ..eager import Tensor
from ..nn import Module, Parameter, Sequential
from . import names
from .graph import Graph
from .graph_module import GraphModule
from .node import Node, Target
from .proxy import TracerBase, found

_wrapped: dict[tuple[int, str], dict[str, Any]] = {}


def wrap(fn_or_name: str | Callable[..., Any]) -> Any:
    """Has traces record the calls of a function of the module that this is called in, by name or as a decorator.

    Raises RuntimeError for anything else, NotImplementedError where it is called inside a function.

    Example::

        >>> from kagari.fx import symbolic_trace, wrap
        >>> wrap("len")
        'len'
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    frame = sys._getframe(1)
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__
    _wrapped[id(frame.f_globals), name] = frame.f_globals
    return fn_or_name


def _recorded(function: names.Function) -> Callable[..., Any]:
    """A function that is recorded where an argument is a proxy."""

    @wraps(function.target)
    def call(*args: Any, **kwargs: Any) -> Any:
        proxies = found([*args, *kwargs.values()])
        if not proxies:
            return function.target(*args, **kwargs)
        if function.method is not None:
            return proxies[0].tracer.create_proxy("call_method", function.method, args, kwargs)
        if function.filled:
            args, kwargs = names.filled(function.target, args, kwargs)
        return proxies[0].tracer.create_proxy("call_function", function.target, args, kwargs)

    return call


def _recorded_as_is(function: Callable[..., Any]) -> Callable[..., Any]:
    return _recorded(names.Function(function, "", False, None))


class _Patches:
    """Values that are set for the time of a trace."""

    def __init__(self) -> None:
        self.before: list[tuple[Any, str, Any]] = []

    def set(self, holder: Any, name: str, value: Any) -> None:
        """Sets a global of a module, given as its dictionary, or an attribute of a class."""
        table = holder if isinstance(holder, dict) else vars(holder)
        self.before.append((holder, name, table.get(name, self)))
        self._put(holder, name, value)

    def undo(self) -> None:
        """Has everything as it was."""
        for holder, name, value in reversed(self.before):
            self._put(holder, name, value)

    def _put(self, holder: Any, name: str, value: Any) -> None:
        if not isinstance(holder, dict):
            setattr(holder, name, value)
        elif value is self:
            del holder[name]
        else:
            holder[name] = value


def _patch_functions(
    patches: _Patches,
    programs: list[dict[str, Any]],
    autowrap_modules: tuple[ModuleType, ...],
    autowrap_functions: tuple[Callable[..., Any], ...],
) -> None:
    """Has the public functions, those of more modules, and what the programs have wrapped record their calls."""
    calls: dict[int, Callable[..., Any]] = {id(f): _recorded_as_is(f) for f in autowrap_functions}
    for wrapped in autowrap_modules:
        for name, value in list(vars(wrapped).items()):
            if callable(value) and not name.startswith("_"):
                patches.set(vars(wrapped), name, calls.setdefault(id(value), _recorded_as_is(value)))
    places: list[dict[str, Any]] = [vars(names.package())]
    if isinstance(shown := sys.modules.get("torch"), ModuleType) and shown.__doc__ == names.package().__doc__:
        places.append(vars(shown))
    for space, functions in names.spaces().items():
        modules = [vars(sys.modules[f"{names.package().__name__}.{space}"])] if space else places
        for name, function in functions.items():
            call = _recorded(function)
            calls.setdefault(id(function.target), call)
            for module in modules:
                patches.set(module, name, call)
    inner = sys.modules[f"{names.package().__name__}.eager.operators"]
    for program in [*programs, vars(inner)]:
        for name, value in list(program.items()):
            if id(value) in calls:
                patches.set(program, name, calls[id(value)])
    for (_, name), program in list(_wrapped.items()):
        target = program.get(name, getattr(builtins, name, None))
        if target is not None:
            patches.set(program, name, _recorded_as_is(target))


class Tracer(TracerBase):
    """Runs a module or function on proxies; subclasses say which modules stay whole.

    Args:
        autowrap_modules (tuple of modules): their public functions are recorded as calls, not looked into.
        autowrap_functions (tuple of callables): functions of the program that are recorded as calls.
        param_shapes_constant (bool): has no effect, as the shapes of parameters always are constants of the graph.

    Example::

        >>> from kagari import fx, nn
        >>> class Whole(fx.Tracer):
        ...     def is_leaf_module(self, m, module_qualified_name):
        ...         return True
        >>> model = nn.Sequential(nn.Sequential(nn.ReLU()), nn.Tanh())
        >>> [node.name for node in Whole().trace(model).nodes]
        ['input_1', '_0', '_1', 'output']
    """

    root: Module
    record_stack_traces = False
    """Whether nodes note, in ``meta["stack_trace"]``, the lines of the program that made them."""

    def __init__(
        self,
        autowrap_modules: tuple[ModuleType, ...] = (math,),
        autowrap_functions: tuple[Callable[..., Any], ...] = (),
        param_shapes_constant: bool = False,
    ) -> None:
        self._autowrap = tuple(autowrap_modules), tuple(autowrap_functions)
        self._constants: dict[int, str] = {}
        self._read: dict[int, Node] = {}
        self.module_stack: dict[str, tuple[str, type[Module]]] = {}  # the modules that are being called
        self._paths: dict[Module, str] = {}

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """Whether a call of a module is one node: those of ``nn`` are, but for `Sequential`."""
        place = type(m).__module__
        ours = place.startswith(("torch.nn", f"{names.package().__name__}.nn"))
        return ours and not isinstance(m, Sequential)

    def path_of_module(self, mod: Module) -> str:
        """The path of a module below the root. Raises NameError where it is not there."""
        if mod not in self._paths:
            raise NameError("module is not installed as a submodule")
        return self._paths[mod]

    def call_module(self, m: Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a module: a node, or what its ``forward`` records."""
        path = self.path_of_module(m)
        before = self.module_stack
        self.module_stack = {**before, path: (path, type(m))}
        try:
            if self.is_leaf_module(m, path):
                return self.create_proxy("call_module", path, args, kwargs)
            return forward(*args, **kwargs)
        finally:
            self.module_stack = before

    def create_node(
        self, kind: str, target: Target, args: Any, kwargs: Any, name: str | None = None, type_expr: Any = None
    ) -> Node:
        """Adds a node to the graph, which notes the modules that are being called."""
        made = super().create_node(kind, target, args, kwargs, name, type_expr)
        if self.module_stack:
            made.meta["nn_module_stack"] = dict(self.module_stack)
        if self.record_stack_traces and (trace := _lines()):
            made.meta["stack_trace"] = trace
        return made

    def create_arg(self, a: Any) -> Any:
        """An argument as nodes have it; tensors become nodes that read them from the module."""
        if isinstance(a, Parameter):  # is read once
            if id(a) not in self._read:
                self._read[id(a)] = self.create_node("get_attr", self._path_of_tensor(a), (), {})
            return self._read[id(a)]
        if isinstance(a, Tensor):
            return self.create_node("get_attr", self._path_of_tensor(a), (), {})
        return super().create_arg(a)

    def _value(self, a: Any) -> Any:
        return self.create_arg(a) if isinstance(a, Tensor) else super()._value(a)

    def _path_of_tensor(self, tensor: Tensor) -> str:
        if id(tensor) not in self._constants:
            if isinstance(tensor, Parameter):
                raise NameError("parameter is not a member of this module")
            name = next(n for k in range(sys.maxsize) if not hasattr(self.root, n := f"_tensor_constant{k}"))
            setattr(self.root, name, tensor)
            self._constants[id(tensor)] = name
        return self._constants[id(tensor)]

    def trace(self, root: Any, concrete_args: dict[str, Any] | None = None) -> Graph:
        """The graph of a module or function.

        Args:
            root (Module or callable): what is traced.
            concrete_args (dict): values that arguments have; the graph checks them.

        Raises :class:`TraceError` where the program needs to know a value.
        """
        self.root = root if isinstance(root, Module) else Module()
        function = type(root).forward if isinstance(root, Module) else root
        self._read = {}
        self._paths = {module: path for path, module in self.root.named_modules()}
        for path, module in self._paths_of_modules():
            for name, value in vars(module).items():
                if isinstance(value, Tensor):
                    self._constants.setdefault(id(value), f"{path}.{name}".lstrip("."))
        self.graph = Graph(self.root if isinstance(root, Module) else None, type(self))
        arguments = self.create_args_for_root(function, isinstance(root, Module), concrete_args)
        with self._recording(function):
            result = _by_position(function)(*arguments)
        kind = getattr(function, "__annotations__", {}).get("return")
        self.create_node("output", "output", (self.create_arg(result),), {}, type_expr=kind)
        return self.graph

    def _paths_of_modules(self) -> Iterator[tuple[str, Module]]:
        return ((path, module) for module, path in self._paths.items())

    def create_args_for_root(
        self, root_fn: Callable[..., Any], is_module: bool, concrete_args: dict[str, Any] | None = None
    ) -> list[Any]:
        """The arguments to trace a function with: a proxy for each."""
        args: list[Any] = [self.root] if is_module else []
        named: dict[str, Any] = {}
        rest: list[Any] = []
        parameters = list(inspect.signature(root_fn).parameters.values())[is_module:]
        for p in sorted(parameters, key=lambda p: p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)):
            stars = "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""
            if concrete_args is not None and p.name in concrete_args:
                value = self._specialized(p, concrete_args[p.name])
            else:
                default = () if p.default is p.empty else (p.default,)
                kind = None if stars or p.annotation is p.empty else p.annotation
                value = self.create_proxy("placeholder", stars + p.name, default, {}, type_expr=kind)
            if p.kind is p.KEYWORD_ONLY:
                named[p.name] = value
            elif stars:
                rest.append(value)
            else:
                args.append(value)
        return [*args, *named.values(), *rest]

    def _specialized(self, p: inspect.Parameter, value: Any) -> Any:
        default = () if p.default is p.empty else (p.default,)
        given = self.create_proxy("placeholder", f"{p.name}_1", default, {})
        if isinstance(value, bool | int | float | str):
            message = f"{p.name} has been specialized to have value {value} but got another value"
            self.create_proxy("call_function", names._assert, (given == value, message), {})
        return value

    @contextmanager
    def _recording(self, function: Callable[..., Any]) -> Iterator[None]:
        patches, plain = _Patches(), Module.__call__

        def call(module: Any, *args: Any, **kwargs: Any) -> Any:
            return self.call_module(module, lambda *a, **k: plain(module, *a, **k), args, kwargs)

        programs = {id(space): space for f in self._programs(function) for space in [f.__globals__]}
        _patch_functions(patches, list(programs.values()), *self._autowrap)
        patches.set(Module, "__call__", call)
        try:
            yield
        finally:
            patches.undo()

    def _programs(self, function: Callable[..., Any]) -> list[FunctionType]:
        functions = [function, *(type(module).forward for module in self._paths)]
        return [f for f in functions if isinstance(f, FunctionType)]


def _lines() -> str:
    """The lines of the program, inside of what is traced, that lead to here."""
    frames = traceback.extract_stack()
    begin = max(k for k, frame in enumerate(frames) if (frame.filename, frame.name) == (__file__, "trace"))
    package = os.path.dirname(os.path.dirname(__file__))
    own = [frame for frame in frames[begin:] if not frame.filename.startswith(package)]
    return "".join(traceback.format_list(own)).strip()


def _by_position(function: Any) -> Any:
    """A function whose parameters are all given by position, those with stars as one value each."""
    if not isinstance(function, FunctionType):
        return function
    code, stars = function.__code__, inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
    count = code.co_argcount + code.co_kwonlyargcount + (code.co_flags & stars).bit_count()
    plain = code.replace(co_argcount=count, co_kwonlyargcount=0, co_posonlyargcount=0, co_flags=code.co_flags & ~stars)
    return FunctionType(plain, function.__globals__, function.__name__, None, function.__closure__)


def symbolic_trace(root: Any, concrete_args: dict[str, Any] | None = None) -> GraphModule:
    """A module that does what another module or a function does, as a graph that can be read and changed.

    Args:
        root (Module or callable): what is traced.
        concrete_args (dict): values that arguments have.

    Raises :class:`TraceError` where the program needs to know a value.

    Example::

        >>> import kagari as torch
        >>> print(torch.fx.symbolic_trace(lambda x: torch.relu(x) + 1).code.strip())
        def forward(self, x):
            relu = torch.relu(x);  x = None
            add = relu + 1;  relu = None
            return add
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, Module) else getattr(root, "__name__", type(root).__name__)
    return GraphModule(tracer.root, graph, name)


__all__ = ["Tracer", "symbolic_trace", "wrap"]
