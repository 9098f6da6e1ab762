"""What `script` and `trace` give: functions, methods and modules that run graphs."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from types import MethodType
from typing import Any

from ..nn import Module
from . import code_text, saving
from .annotations import IGNORED, mark_of, tracing
from .invoking import bound
from .ir import Graph
from .passes import inlined
from .running import function_of
from .types import Class, Method

_set = object.__setattr__


class _Runs:
    """A graph, its text, and calls of it."""

    _script_method: Method

    @property
    def graph(self) -> Graph:
        """The graph, whose `str` shows it."""
        return self._script_method.graph

    @property
    def inlined_graph(self) -> Graph:
        """The graph with the graphs of all that it calls in it."""
        return inlined(self._script_method.graph)

    @property
    def code(self) -> str:
        """The function as a program, as PyTorch writes it."""
        return code_text.written(self._script_method, self._owner_type).text

    @property
    def code_with_constants(self) -> tuple[str, code_text.Constants]:
        """The function as a program, and the tensors that are its constants."""
        found = code_text.written(self._script_method, self._owner_type)
        return found.text, found.constants

    _owner_type: Class | None = None


class ScriptFunction(_Runs):
    """A function that was compiled or traced.

    >>> import kagari as torch
    >>> @torch.jit.script
    ... def scaled(x, by: float = 2.0):
    ...     if by > 0:
    ...         x = x * by
    ...     return x
    >>> scaled(torch.ones(2))
    tensor([2., 2.])
    >>> print(scaled.code)
    def scaled(x: Tensor,
        by: float=2.) -> Tensor:
      if torch.gt(by, 0):
        x0 = torch.mul(x, by)
      else:
        x0 = x
      return x0
    <BLANKLINE>
    """

    def __init__(self, method: Method, original: Callable[..., Any] | None = None) -> None:
        self._script_method = method
        self._run = function_of(method)
        if original is not None:
            functools.update_wrapper(self, original)
        self.name = method.name.rpartition(".")[2]

    @property
    def qualified_name(self) -> str:
        """The name that the function has in stored programs."""
        return self._script_method.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the graph."""
        given = bound(self._script_method, args, kwargs)
        if tracing.tracer is not None:
            return tracing.tracer.call_script(self._script_method, None, given, self._run)
        return self._run(*given)

    def save(self, f: Any, _extra_files: dict[str, Any] | None = None) -> None:
        """Saves the program: see :func:`kagari.jit.save`."""
        saving.save(self, f, _extra_files)

    def save_to_buffer(self, _extra_files: dict[str, Any] | None = None) -> bytes:
        """The bytes of the program that :func:`kagari.jit.save` writes."""
        return saving.save_to_buffer(self, _extra_files)

    def __repr__(self) -> str:
        return f"<torch.jit.ScriptFunction object at {hex(id(self))}>"


class ScriptMethod(_Runs):
    """A method of a script's module."""

    def __init__(self, owner: Module, kind: Class, method: Method) -> None:
        self._owner, self._owner_type, self._script_method = owner, kind, method
        self._run = function_of(method)

    @property
    def name(self) -> str:
        """The name of the method."""
        return self._script_method.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the graph."""
        given = bound(self._script_method, args, kwargs)
        if tracing.tracer is not None:
            return tracing.tracer.call_script(self._script_method, self._owner, given, self._run)
        return self._run(self._owner, *given)

    def __repr__(self) -> str:
        return f"<torch.ScriptMethod object at {hex(id(self))}>"


class ScriptModule(Module):
    """A module whose methods are graphs. :func:`script`, :func:`trace` and :func:`load` make them.

    >>> import kagari as torch
    >>> m = torch.jit.script(torch.nn.Linear(2, 3))
    >>> m
    RecursiveScriptModule(original_name=Linear)
    >>> print(m.code)
    def forward(self,
        input: Tensor) -> Tensor:
      weight = self.weight
      bias = self.bias
      return torch.linear(input, weight, bias)
    <BLANKLINE>
    """

    _script_type: Class

    def __init__(self, kind: Class | None = None) -> None:
        super().__init__()
        if kind is not None:
            _set(self, "_script_type", kind)

    def __getattr__(self, name: str) -> Any:
        kind = vars(self).get("_script_type")
        if kind is not None:
            if name in kind.methods:
                method = ScriptMethod(self, kind, kind.methods[name])
                _set(self, name, method)
                return method
            if name in kind.constants:
                return kind.constants[name]
            if name in kind.properties:
                return getattr(self, kind.properties[name][0])()
        ignored = getattr(type(vars(self).get("_original")), name, None)
        if ignored is not None and mark_of(ignored) == IGNORED:
            return MethodType(ignored, self)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    @property
    def forward(self) -> Any:  # type: ignore[override]
        """What the module computes. Raises NotImplementedError for a module without a `forward`."""
        if "forward" not in self._script_type.methods:
            raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')
        found = vars(self).get("_forward")
        if found is None:
            found = ScriptMethod(self, self._script_type, self._script_type.methods["forward"])
            _set(self, "_forward", found)
        return found

    def _of_forward(self, name: str) -> Any:
        if "forward" not in self._script_type.methods:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return getattr(self.forward, name)

    @property
    def original_name(self) -> str:
        """The name of the class that it was made from."""
        return self._script_type.name.rpartition(".")[2]

    @property
    def graph(self) -> Graph:
        """The graph of `forward`."""
        found: Graph = self._of_forward("graph")
        return found

    @property
    def inlined_graph(self) -> Graph:
        """The graph of `forward`, with the graphs of all that it calls in it."""
        found: Graph = self._of_forward("inlined_graph")
        return found

    @property
    def code(self) -> str:
        """`forward` as a program."""
        found: str = self._of_forward("code")
        return found

    @property
    def code_with_constants(self) -> tuple[str, code_text.Constants]:
        """`forward` as a program, and the tensors that are its constants."""
        found: tuple[str, code_text.Constants] = self._of_forward("code_with_constants")
        return found

    def extra_repr(self) -> str:
        """The name of the class that it was made from."""
        return f"original_name={self.original_name}"

    def save(self, f: Any, _extra_files: dict[str, Any] | None = None) -> None:
        """Saves the program: see :func:`kagari.jit.save`."""
        saving.save(self, f, _extra_files)

    def save_to_buffer(self, _extra_files: dict[str, Any] | None = None) -> bytes:
        """The bytes of the program that :func:`kagari.jit.save` writes."""
        return saving.save_to_buffer(self, _extra_files)

    def __deepcopy__(self, memo: dict[int, Any]) -> ScriptModule:
        """A module of its own parameters, buffers and attributes, with the same graphs."""
        made = memo[id(self)] = type(self)(self._script_type)
        for name, parameter in self._parameters.items():
            made.register_parameter(name, copy.deepcopy(parameter, memo))
        for name, buffer in self._buffers.items():
            made.register_buffer(name, copy.deepcopy(buffer, memo), name not in self._non_persistent_buffers_set)
        for name, value in vars(self).items():
            if name in self._script_type.attributes and name not in (*self._parameters, *self._buffers, *self._modules):
                _set(made, name, copy.deepcopy(value, memo))
        for name, child in self._modules.items():
            made.add_module(name, copy.deepcopy(child, memo))
        _set(made, "training", self.training)
        _set(made, "_original", vars(self).get("_original"))
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise RuntimeError(
            "Mixed serialization of script and non-script modules is not supported. For purely script modules use "
            "my_module.save(<filename>) instead."
        )

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __getitem__(self, at: Any) -> Any:
        return self._modules[at] if isinstance(at, str) else list(self._modules.values())[at]

    def __bool__(self) -> bool:
        return True


class RecursiveScriptModule(ScriptModule):
    """What :func:`script` makes of a module, and of each module in it."""


class TracedModule(ScriptModule):
    """What :func:`trace` makes of the modules inside of the one that is traced."""

    def _get_name(self) -> str:
        return self.original_name


class TopLevelTracedModule(TracedModule):
    """What :func:`trace` makes of a module."""


__all__ = [
    "RecursiveScriptModule", "ScriptFunction", "ScriptMethod", "ScriptModule", "TopLevelTracedModule", "TracedModule",

]  # fmt: skip
