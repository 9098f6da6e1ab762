"""The graph of a model: what one run of it calls, by the paths of its modules, as TensorBoard shows it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from ...eager import Tensor
from ...nn import Module, RNNBase
from ...nn.module import register_module_forward_hook, register_module_forward_pre_hook
from ...overrides import TorchFunctionMode, resolve_name
from .._pytree import tree_leaves
from .library import proto

_attr, _shape = proto("attr_value").AttrValue, proto("tensor_shape").TensorShapeProto
_GETTER = "__get__"


def recorded(model: Module, inputs: Any) -> tuple[Any, Any]:
    """The graph of a model that is called with these inputs, a tensor or a tuple, and on which devices it ran."""
    args = inputs if isinstance(inputs, tuple) else (inputs,)
    recorder = _Recorder(model)
    recorder.add_inputs(args)
    handles = [
        register_module_forward_pre_hook(recorder.enter),
        register_module_forward_hook(recorder.leave, always_call=True),
    ]
    try:
        with recorder:
            result = model(*args)
    finally:
        for handle in handles:
            handle.remove()
    recorder.add_outputs(result)
    graph = proto("graph").GraphDef(node=recorder.nodes, versions=proto("versions").VersionDef(producer=22))
    statistics = proto("step_stats")
    device = statistics.DeviceStepStats(device="/device:CPU:0")
    return graph, proto("config").RunMetadata(step_stats=statistics.StepStats(dev_stats=[device]))


class _Recorder(TorchFunctionMode):
    """Makes a node of each call of a function that gives tensors."""

    def __init__(self, model: Module) -> None:
        self.nodes: list[Any] = []
        self._taken: set[str] = set()
        self._sources: dict[int, str] = {}  # by tensor the output of a node that it is
        self._alive: list[Tensor] = []  # their numbers must not go to others
        self._model, self._root = model, type(model).__name__
        self._scopes = _scopes(model)
        self._members = {
            id(tensor): (self._scopes[module], name)
            for module in model.modules()
            for name, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
        }
        self._entered: list[Module] = []

    def add_inputs(self, args: tuple[Any, ...]) -> None:
        """A node for each tensor that the model is called with, by the name of the parameter."""
        bound = inspect.signature(self._model.forward).bind(*args)
        for name, value in bound.arguments.items():
            for tensor in _tensors(value):
                self._add(f"input/{name}", "IO Node", (), [tensor])

    def add_outputs(self, result: Any) -> None:
        """A node for each tensor that the model gives."""
        for number, tensor in enumerate(_tensors(result), 1):
            source = self._source(tensor)
            self._add(f"output/output.{number}", "IO Node", [source], [tensor])

    def enter(self, module: Module, args: Any) -> None:
        """A module begins."""
        self._entered.append(module)

    def leave(self, module: Module, args: Any, result: Any) -> None:
        """A module has ended; a recurrent one is one node, and not one for each step."""
        if isinstance(module, RNNBase) and not self._inside(before=1):
            inputs = [self._source(tensor) for tensor in [*_tensors(args), *module.parameters()]]
            kind = module.mode.lower()
            self._add(f"{self._scope()}/{kind}", f"aten::{kind}", inputs, _tensors(result))
        self._entered.pop()

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Calls the function and notes it, unless it only asks or hands its argument back."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        given, made = _tensors((args, kwargs)), _tensors(result)
        name = _name(func)
        changes = name.endswith("_")
        if made and not self._inside() and (changes or not any(tensor is g for tensor in made for g in given)):
            inputs = [self._source(tensor) for tensor in given]
            self._add(f"{self._scope()}/{name}", f"aten::{name}", inputs, made, _options(args, kwargs))
        return result

    def _inside(self, before: int = 0) -> bool:
        """Whether a module that is one node is being called."""
        return any(isinstance(module, RNNBase) for module in self._entered[: len(self._entered) - before])

    def _scope(self) -> str:
        """The path of the module that is being called; one that the model does not have lies where it is called."""
        made: list[str] = []
        for module in reversed(self._entered):
            if module in self._scopes:
                return "/".join([self._scopes[module], *reversed(made)])
            made.append(type(module).__name__)
        return self._root

    def _source(self, tensor: Tensor) -> str:
        """The output of a node that a tensor is; it may be a member of the model, or a constant of the program."""
        if id(tensor) not in self._sources:
            if id(tensor) in self._members:
                scope, name = self._members[id(tensor)]
                self._add(f"{scope}/{name}", "prim::GetAttr", (), [tensor], f"{{ name : {name}}}")
            else:
                self._add(f"{self._scope()}/constant", "prim::Constant", (), [tensor])
        return self._sources[id(tensor)]

    def _add(self, name: str, op: str, inputs: Iterable[str], outputs: list[Tensor], options: str = "") -> None:
        unique, number = name, 0
        while unique in self._taken:
            number += 1
            unique = f"{name}_{number}"
        self._taken.add(unique)
        shapes = [_shape(dim=[_shape.Dim(size=size) for size in tensor.shape]) for tensor in outputs]
        attributes = {
            "_output_shapes": _attr(list=_attr.ListValue(shape=shapes)),
            "attr": _attr(s=options.encode()),
        }
        self.nodes.append(proto("node_def").NodeDef(name=unique, op=op, input=inputs, attr=attributes))
        for k, tensor in enumerate(outputs):
            self._sources[id(tensor)] = f"{unique}:{k}" if k else unique
        self._alive += outputs


def _scopes(model: Module) -> dict[Module, str]:
    """The path of each module: its class, and in brackets its name in the one that has it."""
    found = {model: type(model).__name__}
    for module in model.modules():
        for name, child in module.named_children():
            found.setdefault(child, f"{found[module]}/{type(child).__name__}[{name}]")
    return found


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]


def _name(function: Callable[..., Any]) -> str:
    """The name of a function, a method, or the property that a getter reads."""
    name = getattr(function, "__name__", type(function).__name__)
    if name == _GETTER:
        name = (resolve_name(function) or name).removesuffix(f".{_GETTER}").rpartition(".")[2]
    return name[2:-2] if name.startswith("__") else name


def _options(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The arguments that are no tensors, as text."""
    found = {**{f"argument {k}": value for k, value in enumerate(args)}, **kwargs}
    plain = {name: value for name, value in found.items() if not _tensors(value)}
    return f"{{ {', '.join(f'{name} : {value}' for name, value in plain.items())}}}" if plain else "{}"


__all__ = ["recorded"]
