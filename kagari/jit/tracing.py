"""Recording: what a call does with tensors becomes a graph.

A mode is told of every call of a public function. The call is matched with an operator, or with the program that the
function is in a script (`forms.py`), and the operators are run one after the other and noted. Modules are noted as
blocks inside of each other; `lifting.py` makes methods of them.
"""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from types import BuiltinFunctionType, FrameType
from typing import Any

from ..eager import Tensor, answering, aten, operators, overriding
from ..nn import Module
from . import codes, types, world
from .annotations import tracing as state
from .emitting import Emitter, result_class, type_of
from .frontend import ScriptError, Source
from .ir import Block, Graph, Node, Value
from .running import compiled
from .sugar import Builtin, Called, Chosen
from .types import Method, Type

_PACKAGE = __name__.partition(".")[0]
_NOWHERE = Source("", "", 1, 0)
PLACE = ast.Pass(lineno=1, col_offset=0)
# What is no part of the computation: questions to a tensor that are answered by what is known of it.
_SILENT = frozenset((
    "dim", "ndimension", "stride", "is_floating_point", "is_complex", "requires_grad_", "retain_grad", "element_size",
    "data_ptr", "is_contiguous", "storage_offset", "register_hook", "is_signed", "__repr__", "__format__", "__hash__",
    "get_device", "is_tensor", "backward", "untyped_storage", "has_names", "is_same_size",
))  # fmt: skip
_BY_TENSORS = frozenset(("add", "sub", "mul", "div", "add_", "sub_", "mul_", "div_"))
"""Operators that take a number as a tensor."""
_NUMBERS = {"__bool__": "boolean", "__int__": "integer", "__float__": "float", "__index__": "index"}
_RECORDED = frozenset(("T", "mT", "H", "mH", "real", "imag", "data"))  # properties that are operators
_ENDLESS = 9223372036854775807
_ASKED = (types.Int, types.Float, types.Bool, types.Str, types.List(types.Int))


class TracerWarning(Warning):
    """A call did what a recording can't tell of: what it gave is a constant in the graph."""

    @staticmethod
    def ignore_lib_warnings() -> None:
        """Lets those that come from the package itself pass in silence."""
        warnings.filterwarnings("ignore", category=TracerWarning, module=rf"{_PACKAGE}.(?!jit)")


def warn(what: str) -> None:
    """Warns at the program's own line."""
    warnings.warn(what, TracerWarning, stacklevel=_level())


def _level() -> int:
    """The stack level of the program's own line."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame):
        level, frame = level + 1, frame.f_back
    return level - 1


def _is_ours(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__", "")
    inside = name.startswith(f"{_PACKAGE}.") and not name.startswith((f"{_PACKAGE}.nn", f"{_PACKAGE}.vision"))
    return inside or "<importlib" in frame.f_code.co_filename


class Size(int):
    """A size of a tensor while it is recorded: a number that knows where it came from."""

    value: Value
    tracer: Tracer

    def _with(self, name: str, other: Any, swap: bool = False) -> Any:
        plain = getattr(int, name)(self, other)
        if plain is NotImplemented or not isinstance(plain, int) or not isinstance(other, int) or state.depth == 0:
            return plain
        mine, theirs = self.value, self.tracer.as_number(other)
        operator = _ARITHMETIC[name]
        made = self.tracer.emitter.call(operator, (theirs, mine) if swap else (mine, theirs), PLACE)
        self.tracer.run_new()
        return self.tracer.size(plain, made)


_ARITHMETIC = {
    "__add__": "aten::add", "__sub__": "aten::sub", "__mul__": "aten::mul", "__floordiv__": "aten::floor_divide",
    "__radd__": "aten::add", "__rmul__": "aten::mul", "__rsub__": "aten::sub", "__rfloordiv__": "aten::floor_divide",
}  # fmt: skip
for _name in _ARITHMETIC:
    _swap = _name in ("__rsub__", "__rfloordiv__")
    setattr(Size, _name, lambda self, other, name=_name, swap=_swap: self._with(name, other, swap))


class Scope:
    """A module that is running: its block, and the node that stands for it in the block around it."""

    def __init__(self, module: Module | None, path: tuple[str, ...], block: Block, node: Node | None) -> None:
        self.module, self.path, self.block, self.node = module, path, block, node


class Tracer:
    """Notes what happens."""

    def __init__(self, root: Module | None, handlers: Mapping[str, Any]) -> None:
        """`handlers` are for calls that are no operator by their name."""
        self.handlers = handlers
        self.graph = Graph()
        self.emitter = Emitter(_NOWHERE, self.graph)
        self.root = root
        self.values: dict[int, Value] = {}  # by the identity of tensors
        self.known: dict[Value, Any] = {}  # what each value is in this call
        self.kept: list[Any] = []  # what has to live, so that identities stay
        self.scopes = [Scope(root, (), self.graph, None)]
        self.paths: dict[int, tuple[str, ...]] = {}
        self.owners: dict[int, tuple[str, ...]] = {}
        if root is not None:
            for name, module in root.named_modules():
                path = tuple(name.split(".")) if name else ()
                self.paths[id(module)] = path
                for table in (module._parameters, module._buffers):
                    for key, tensor in table.items():
                        if tensor is not None:
                            self.owners.setdefault(id(tensor), (*path, key))

    # Values

    def know(self, tensor: Any, value: Value) -> None:
        """A tensor is this value from now on."""
        self.values[id(tensor)] = value
        self.kept.append(tensor)
        self.known[value] = tensor
        if isinstance(tensor, Tensor):
            value.shape = shape_text(tensor)

    def value(self, found: Any, name: str = "") -> Value:
        """An object of the program as a value of the graph."""
        if isinstance(found, Tensor):
            return self._tensor(found, name)
        if isinstance(found, Size):
            return self._as_int(found)
        if isinstance(found, list | tuple):
            return self._several(found, name)
        if isinstance(found, dict):
            return self._dictionary(found)
        number = codes.of_object(found)
        plain = found if number is None else number
        if type_of(plain) is None:
            raise RuntimeError(f"a {type(found).__name__} can't be part of a trace")
        return self._noted(self.emitter.constant(plain, PLACE), plain)

    def _noted(self, value: Value, what: Any) -> Value:
        self.known[value] = what
        return value

    def _tensor(self, tensor: Tensor, name: str = "") -> Value:
        found = self.values.get(id(tensor))
        if found is None and id(tensor) in self.owners:
            found = Node("trace::Attribute", (), (types.Tensor,), path=self.owners[id(tensor)]).output
            assert found.node is not None
            self.graph.nodes.insert(0, found.node)
            found.node.owner = self.graph
            found.name = self.owners[id(tensor)][-1]
            self.know(tensor, found)
        if found is None or found.is_constant:
            if tensor.requires_grad:
                raise RuntimeError(
                    "Cannot insert a Tensor that requires grad as a constant. Consider making it a parameter or "
                    f"input, or detaching the gradient\nTensor:\n{tensor}"
                )
            found = self.emitter.constant(tensor, PLACE, types.Tensor)
            self.know(tensor, found)
        if not found.name and not found.is_constant:
            found.name = name or self._name_in_program(tensor)
        return found

    def _name_in_program(self, tensor: Tensor) -> str:
        """The variable of the innermost function that has the tensor."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and _is_ours(frame):
            frame = frame.f_back
        for name, found in (frame.f_locals if frame is not None else {}).items():
            if found is tensor:
                return name if name != "self" and name.isidentifier() else ""
        return ""

    def _as_int(self, size: Size) -> Value:
        made = self.emitter.call("aten::Int", (size.value,), PLACE)
        return self._noted(made, int(size))

    def _several(self, found: Sequence[Any], name: str) -> Value:
        values = [self.value(one, name) for one in found]
        kinds = {v.type for v in values}
        if isinstance(found, tuple) and not all(isinstance(one, int | float | Tensor | None) for one in found):
            kind: Type = types.Tuple(tuple(v.type for v in values))
            node = self.emitter.emit("prim::TupleConstruct", values, (kind,), PLACE)
            return self._noted(node.output, tuple(self.known[v] for v in values))
        inside = types.unify_all(list(kinds)) if kinds else types.Int
        if inside is None:
            raise RuntimeError(f"a list of several types can't be part of a trace: {sorted(map(str, kinds))}")
        made = self.emitter.emit("prim::ListConstruct", values, (types.List(inside),), PLACE).output
        return self._noted(made, [self.known[v] for v in values])

    def _dictionary(self, found: dict[Any, Any]) -> Value:
        pairs = [self.value(one) for pair in found.items() for one in pair]
        keys, values = types.unify_all([p.type for p in pairs[::2]]), types.unify_all([p.type for p in pairs[1::2]])
        if keys is None or values is None:
            raise RuntimeError("a dictionary of several types can't be part of a trace")
        made = self.emitter.emit("prim::DictConstruct", pairs, (types.Dict(keys, values),), PLACE).output
        return self._noted(made, found)

    def as_number(self, found: int) -> Value:
        """A number beside a size, which is a tensor in the graph."""
        if isinstance(found, Size):
            return found.value
        return self._tensor(number_tensor(found))

    def size(self, number: int, value: Value) -> Size:
        """A size, with the tensor that it is in the graph."""
        made = Size(number)
        made.value, made.tracer = value, self
        self.known.setdefault(value, number_tensor(number))
        return made

    # Running

    def run_new(self) -> None:
        """Runs the nodes that were added and not run yet."""
        new: list[Node] = []
        for node in reversed(self.emitter.block.nodes):
            if all(v in self.known for v in node.outputs):
                break
            new.append(node)
        for node in reversed(new):
            results = perform(node, [self.known[v] for v in node.inputs])
            for value, result in zip(node.outputs, results):
                self.known[value] = result
                if isinstance(result, Tensor):
                    self.know(result, value)

    def result(self, value: Value) -> Any:
        """What a value is, with its parts known as values of their own."""
        self.run_new()
        found = self.known[value]
        if isinstance(value.type, types.Tuple) and value.node is not None and value.node.kind == "prim::TupleConstruct":
            parts = [self.result(v) for v in value.node.inputs]
            return result_class(value.type.fields)(*parts) if value.type.fields else tuple(parts)
        if isinstance(value.type, types.List) and found and isinstance(found[0], Tensor):
            node = self.emitter.emit("prim::ListUnpack", (value,), [types.Tensor] * len(found), PLACE)
            for output, tensor in zip(node.outputs, found):
                self.know(tensor, output)
        if isinstance(found, int) and not isinstance(found, bool) and value.type == types.Int and not value.is_constant:
            tensor = self.emitter.call("prim::NumToTensor", (value,), PLACE)
            self.run_new()
            return self.size(found, tensor)
        return found

    def inline(self, method: Method, args: Sequence[Value]) -> Value:
        """Runs the graph of a function, with its control flow as it is in this call, and notes its operators."""
        graph = method.graph
        table: dict[Value, Value] = {}
        for param, value in zip(graph.params, args):
            table[param] = value
            if not value.name and value.type == types.Tensor and not value.is_constant:
                value.name = param.name
        self._inline_block(graph, table)
        return table[graph.results[0]]

    def _inline_block(self, block: Block, table: dict[Value, Value]) -> None:
        for node in block.nodes:
            inputs = [table[v] for v in node.inputs]
            if node.kind == "prim::If":
                chosen = node.blocks[0 if self.known[inputs[0]] else 1]
                self._inline_block(chosen, table)
                table.update(zip(node.outputs, [table[v] for v in chosen.results]))
            elif node.kind == "prim::Loop":
                self._inline_loop(node, inputs, table)
            elif node.kind == "prim::CallFunction":
                table[node.output] = self.inline(node.inputs[0].constant, inputs[1:])
            elif node.kind == "prim::unchecked_cast":
                table[node.output] = inputs[0]
            elif node.kind == "prim::RaiseException":
                raise RuntimeError(self.known[inputs[0]])
            else:
                self._inline_node(node, inputs, table)

    def _inline_node(self, node: Node, inputs: list[Value], table: dict[Value, Value]) -> None:
        results = [v.type for v in node.outputs]
        if node.kind == "prim::Constant":
            copied = self.emitter.emit(node.kind, (), results, PLACE, value=node.attributes["value"])
        elif len(results) == 1 and results[0] in _ASKED:
            # What a function asks of sizes is known, and no part of the trace.
            (found,) = perform(node, [self.known[v] for v in inputs])
            self.known[table.setdefault(node.output, self.value(found))] = found
            return
        else:
            inputs = [self._beside(v) for v in inputs]
            copied = self.emitter.emit(node.kind, inputs, results, PLACE, node.schema, **node.attributes)
        self.run_new()
        table.update(zip(node.outputs, copied.outputs))

    def _beside(self, value: Value) -> Value:
        """A list of numbers that are known, made anew beside the operator that takes it."""
        node = value.node
        if node is None or node.kind != "prim::ListConstruct" or not all(v.is_constant for v in node.inputs):
            return value
        copied = self.emitter.emit(node.kind, node.inputs, [value.type], PLACE).output
        return self._noted(copied, self.known[value])

    def _inline_loop(self, node: Node, inputs: list[Value], table: dict[Value, Value]) -> None:
        (body,) = node.blocks
        going, carried, count = self.known[inputs[1]], inputs[2:], 0
        while going and count < self.known[inputs[0]]:
            table[body.params[0]] = self._noted(self.emitter.constant(count, PLACE), count)
            table.update(zip(body.params[1:], carried))
            self._inline_block(body, table)
            going, *carried = (table[v] for v in body.results)
            going, count = self.known[going], count + 1
        table.update(zip(node.outputs, carried))

    # Modules

    def enter(self, module: Module) -> None:
        """A module is called."""
        path = self.paths.get(id(module))
        if path is None or module is self.root:
            self.scopes.append(Scope(None, self.scopes[-1].path, self.emitter.block, None))
            return
        node = self.emitter.emit("trace::Call", (), (), PLACE, path=path)
        block = node.add_block()
        self.scopes.append(Scope(module, path, block, node))
        self.emitter.block = block

    def leave(self) -> None:
        """It has ended."""
        scope = self.scopes.pop()
        if scope.node is not None:
            assert scope.node.owner is not None
            self.emitter.block = scope.node.owner

    # Calls

    def call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a public function."""
        name = getattr(function, "__name__", "")
        if name == "__get__":
            return self._property(function, args)
        if name in _SILENT or (name.startswith("__get") and name != "__getitem__"):
            return function(*args, **kwargs)
        if name in _NUMBERS:
            return self.number(name, function, args)
        handler = self.handlers.get(name)
        if handler is not None:
            found = handler(self, function, args, kwargs)
            if found is not NotImplemented:
                return found
        sugar = world.sugared(function)
        if isinstance(sugar, Builtin):
            return self.builtin(sugar.name, args, kwargs)
        if isinstance(sugar, Chosen):
            chosen = args[sugar.place] if len(args) > sugar.place else kwargs.get(sugar.name)
            sugar = Called(sugar.methods[bool(chosen)])
        if isinstance(sugar, Called):
            return self._form(sugar.method, args, kwargs)
        if name and aten.schemas(f"aten::{name.strip('_') if name.startswith('__') else name}"):
            return self.builtin(f"aten::{name.strip('_') if name.startswith('__') else name}", args, kwargs)
        if isinstance(function, BuiltinFunctionType):
            raise NotImplementedError(f"calls of {name} can't be recorded: stored programs have no such operator")
        return _again(self, function, args, kwargs)

    def _property(self, function: Any, args: tuple[Any, ...]) -> Any:
        found = function(*args)
        name = _property_name(function)
        if name == "shape":
            return type(found)(self.size_of(args[0], at, n) for at, n in enumerate(found))
        if name in _RECORDED and isinstance(found, Tensor):
            operator = {"T": "numpy_T", "H": "matrix_H", "data": "detach"}.get(name, name)
            return self.builtin(f"aten::{operator}", args, {})
        return found

    def size_of(self, tensor: Tensor, at: int, number: int) -> Size:
        """A size of a tensor, which is noted where it comes from."""
        made = self.emitter.call("aten::size", (self.value(tensor), self.value(at)), PLACE)
        self.known[made] = int(number)
        tensor_of = self.emitter.call("prim::NumToTensor", (made,), PLACE)
        self.run_new()
        return self.size(int(number), tensor_of)

    def number(self, name: str, function: Any, args: tuple[Any, ...]) -> Any:
        """A tensor as a number, with a warning: the graph has it as a constant."""
        if id(args[0]) in self.values or id(args[0]) in self.owners:
            warn(
                f"Converting a tensor to a Python {_NUMBERS[name]} might cause the trace to be incorrect. We can't "
                "record the data flow of Python values, so this value will be treated as a constant in the future. "
                "This means that the trace might not generalize to other inputs!"
            )
        return function(*args)

    def builtin(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """A call of an operator, noted and run."""
        plain = name.partition("::")[2]
        if plain in _BY_TENSORS and len(args) == 2 and isinstance(args[1], int | float) and isinstance(args[0], Tensor):
            other = args[1]
            tensor = self.as_number(other) if isinstance(other, int) else self._tensor(number_tensor(other))
            values = [self.value(args[0]), tensor]
        else:
            values = [self.value(a) for a in args]
        words = {k: self.value(v) for k, v in kwargs.items() if k != "out" or v is not None}
        words = {k: v for k, v in words.items() if k not in ("requires_grad", "pin_memory") or self.known[v]}
        try:
            made = self.emitter.call(name, values, PLACE, words)
        except ScriptError as error:
            raise RuntimeError(f"this call can't be recorded: {error}") from error
        return self.result(made)

    def _form(self, method: Method, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A function that is a program in scripts."""
        given = dict(zip([name for name, _, _ in method.arguments], args)) | kwargs
        values = []
        for name, kind, default in method.arguments:
            found = given.get(name, default)
            if isinstance(found, int | float) and method.spread.get(name):
                found = [found] * method.spread[name]
            if kind in (types.Float, types.Optional(types.Float)) and isinstance(found, int):
                found = float(found)
            if isinstance(found, tuple) and isinstance(kind, types.List):
                found = list(found)
            values.append(self.value(found, name))
        return self.result(self.inline(method, values))

    def call_script(self, method: Method, owner: Any, args: Sequence[Any], run: Callable[..., Any]) -> Any:
        """A call of a script, which is noted as one."""
        values = [self.value(a, name) for a, (name, _, _) in zip(args, method.arguments)]
        if owner is None:
            function = self.emitter.emit("prim::Constant", (), (types.Code,), PLACE, value=method)
            self.known[function.output] = method
            node = self.emitter.emit("prim::CallFunction", (function.output, *values), (method.result,), PLACE)
        else:
            node = self.emitter.emit(
                "trace::Script", values, (method.result,), PLACE, path=self.paths[id(owner)], name=method.name
            )
        with overriding.silence():
            found = run(*args) if owner is None else run(owner, *args)
        self.known[node.output] = found
        return self._taken_apart(node.output, found)

    def _taken_apart(self, value: Value, found: Any) -> Any:
        """The parts of a result, known as values."""
        if isinstance(found, Tensor):
            self.know(found, value)
        elif isinstance(value.type, types.Tuple):
            node = self.emitter.emit("prim::TupleUnpack", (value,), value.type.elements, PLACE)
            for output, part in zip(node.outputs, found):
                self.known[output] = part
                self._taken_apart(output, part)
        elif isinstance(value.type, types.List) and found and isinstance(found[0], Tensor):
            node = self.emitter.emit("prim::ListUnpack", (value,), [types.Tensor] * len(found), PLACE)
            for output, part in zip(node.outputs, found):
                self.know(part, output)
        return found


def number_tensor(number: float) -> Tensor:
    """A number as a tensor of no dimension, of the widest type of its kind."""
    from_number: Tensor = operators.tensor(number, dtype=codes.DTYPES[7 if isinstance(number, float) else 4])
    return from_number


def shape_text(tensor: Tensor) -> str:
    """What the text of a graph says of a tensor: `Float(2, 3, strides=[3, 1], requires_grad=0, device=cpu)`."""
    name = tensor.type().rpartition(".")[2].removesuffix("Tensor")
    inside = [*map(str, tensor.shape)]
    if tensor.dim():
        inside.append(f"strides=[{', '.join(map(str, tensor.stride()))}]")
    inside += [f"requires_grad={int(tensor.requires_grad)}", f"device={tensor.device}"]
    return f"{name}({', '.join(inside)})"


def perform(node: Node, inputs: Sequence[Any]) -> Sequence[Any]:
    """What a node gives of these inputs."""
    if node.kind == "prim::Constant":
        return (node.attributes["value"],)
    graph = Graph()
    params = [graph.add_param(v.type) if not v.is_constant else graph.constant(v.constant, v.type) for v in node.inputs]
    copied = graph.append(Node(node.kind, params, [v.type for v in node.outputs], node.schema, **node.attributes))
    kind = types.Tuple(tuple(v.type for v in copied.outputs))
    graph.end.add_input(graph.append(Node("prim::TupleConstruct", copied.outputs, (kind,))).output)
    given = [value for value, v in zip(inputs, node.inputs) if not v.is_constant]
    found: Sequence[Any] = compiled(graph)(*given)
    return found


def _property_name(getter: Any) -> str:
    """The name of the property that a getter is of."""
    owner = getattr(getter, "__self__", None)
    function = getattr(owner, "fget", None)
    return getattr(function, "__name__", "")


class _Mode:
    """Is told of calls."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer

    def __torch_function__(self, function: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.tracer.call(function, tuple(args), dict(kwargs or {}))


def _again(tracer: Tracer, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Calls a function, and has what it calls itself recorded."""
    answering.push(_Mode(tracer))
    overriding.state.skip = True
    try:
        return function(*args, **kwargs)
    finally:
        answering.pop()


@cache
def _have_all_told() -> None:
    """Has calls of all functions told that are written in Python, also of those that no program has asked for."""
    for name in operators.WRITTEN:
        operators.public(name)


@contextmanager
def recording(tracer: Tracer) -> Iterator[None]:
    """Has calls recorded."""
    _have_all_told()
    before = state.tracer
    state.tracer, state.depth = tracer, state.depth + 1
    answering.push(_Mode(tracer))
    try:
        yield
    finally:
        answering.pop()
        state.tracer, state.depth = before, state.depth - 1


__all__ = ["PLACE", "Tracer", "TracerWarning", "number_tensor", "recording", "shape_text", "warn"]
