"""Graphs as programs, in the form in which PyTorch writes and stores them.

A value that is used once, by the next node that is written, stands in the expression that uses it; a variable of the
program keeps its name and its line, and so does what would make a line too long.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Sequence
from typing import Any

from . import types
from .calls import REQUIRED
from .emitting import type_of
from .ir import Block, Graph, Node, Value
from .literals import Constants, literal, quoted
from .types import Class, Method, Type

_LONG = 40  # an expression inside of another one is shorter
_ENDLESS = 9223372036854775807
_RESERVED = frozenset((
    *keyword.kwlist, "_", "as", "aten", "attribute", "CONSTANTS", "fork", "getattr", "inf", "nan", "ops", "print",
    "torch", "__torch__", "uninitialized", "unchecked_cast", "annotate", "int", "float", "bool", "self", "range",
    "isinstance", "infj", "nanj",
))  # fmt: skip
_NUMBERS = {"aten::Int": "int", "aten::Float": "float", "aten::Bool": "bool", "aten::Complex": "complex",
            "aten::str": "str", "aten::sorted": "sorted"}  # fmt: skip
_IMPLICIT = {"aten::IntImplicit": "int", "aten::FloatImplicit": "float", "aten::ScalarImplicit": "number",
             "aten::ComplexImplicit": "complex"}  # fmt: skip


class Written:
    """A program: its text, its constants, and the functions and classes it speaks of."""

    def __init__(self, constants: Constants, named: bool, used: Callable[[Any], None]) -> None:
        self.text = ""
        self.constants, self.named, self.used = constants, named, used


def written(
    method: Method, owner: Class | None, constants: Constants | None = None, level: int = 0,
    used: Callable[[Any], None] = lambda found: None, named: bool = False,
) -> Written:  # fmt: skip
    """The program of a function or method.

    `used` is told of the classes and functions it speaks of; `named` writes the class of `self`.
    """
    result = Written(constants or Constants(), named, used)
    _Printer(result, level).function(method, owner)
    return result


def class_text(kind: Class | types.Tuple | types.Enum, constants: Constants, used: Callable[[Any], None]) -> str:
    """The program of a class: what it has, and its methods."""
    short = str(kind).rpartition(".")[2]
    if isinstance(kind, types.Enum):
        values = [f"  {m.name} = {literal(m.value, kind.value, constants)}\n" for m in kind.python]
        return f"class {short}(Enum):\n" + "".join(values)
    printer = _Printer(Written(constants, True, used), 1)
    if isinstance(kind, types.Tuple):
        fields = [f"  {name} : {printer.type(t)}\n" for name, t in zip(kind.fields, kind.elements)]
        return f"class {short}(NamedTuple):\n" + "".join(fields)
    text = f"class {short}(Module):\n" if kind.is_module else f"class {short}:\n"
    if kind.is_module:
        for title, names in (("parameters", kind.parameters), ("buffers", kind.buffers)):
            text += f"  __{title}__ = [{''.join(f'{quoted(n)}, ' for n in names)}]\n"
    for name, found in kind.attributes.items():
        written_type = printer.type(found)
        plain = name.isidentifier() and not keyword.iskeyword(name)
        text += f"  {name} : {written_type}\n" if plain else f"  __annotations__[{quoted(name)}] = {written_type}\n"
    for method in kind.methods.values():
        text += written(method, kind, constants, 1, used, True).text
    return text if kind.attributes or kind.methods else text + "  pass\n"


class _Printer:
    """Writes one function."""

    def __init__(self, result: Written, level: int) -> None:
        self.result, self.level = result, level
        self.lines: list[str] = []
        self.text: dict[Value, str] = {}  # the name of a value, or the expression it is written as
        self.taken: set[str] = set()
        self.counts: dict[str, int] = {}
        self.inside: set[Node] = set()  # nodes that are written in the expression that uses them

    # Names

    def new_name(self, base: str) -> str:
        """A name that is not taken yet."""
        name = base if base[:1].isalpha() or base[:1] == "_" else f"_{base}" if base else "_"
        name = "".join(c if c.isalnum() or c == "_" else "_" for c in name)
        root = name
        while name in self.taken or name in _RESERVED:
            count = self.counts.get(root, 0)
            self.counts[root] = count + 1
            name = f"{root}{count}"
        self.taken.add(name)
        return name

    def name(self, value: Value) -> str:
        """The name of a value from now on."""
        self.text[value] = self.new_name(value.name)
        return self.text[value]

    def use(self, value: Value) -> str:
        """A value in an expression."""
        if value not in self.text and value.is_constant:
            self._speaks_of(value)
            return literal(value.constant, value.type, self.result.constants)
        return self.text[value]

    def _speaks_of(self, value: Value) -> None:
        if isinstance(value.constant, Method) or isinstance(value.type, types.Enum):
            self.result.used(value.constant if isinstance(value.constant, Method) else value.type)

    def type(self, kind: Type) -> str:
        """A type in a program."""
        for part in _all_parts(kind):
            if isinstance(part, Class | types.Enum) or (isinstance(part, types.Tuple) and part.name):
                self.result.used(part)
        return str(kind)

    def line(self, text: str) -> None:
        """A line of the program."""
        self.lines.append("  " * self.level + text)

    # Functions

    def function(self, method: Method, owner: Class | None) -> None:
        """The whole function."""
        graph = method.graph
        params = list(graph.params)
        header = []
        if owner is not None and params:
            own = params.pop(0)
            self.taken.add(own.name or "self")
            self.text[own] = own.name or "self"
            header.append(self.text[own] + (f": {owner}" if self.result.named else ""))
        for param, (name, kind, default) in zip(params, _arguments(method, params)):
            param_name = self.new_name(name)
            self.text[param] = param_name
            shown = (
                "" if default is REQUIRED else f"={literal(default, type_of(default) or kind, self.result.constants)}"
            )
            header.append(f"{param_name}: {self.type(kind)}{shown}")
        short = method.name.rpartition(".")[2]
        joined = (",\n" + "  " * self.level + "    ").join(header)
        self.line(f"def {short}({joined}) -> {self.type(method.result)}:")
        self.level += 1
        self.body(graph)
        self.level -= 1
        self.result.text = "\n".join(self.lines) + "\n"

    def body(self, graph: Graph) -> None:
        """The statements of a whole graph."""
        self._choose(graph)
        self._long_constants(graph)
        self._block(graph)
        if graph.results:
            self._split(graph.results)
            results = ", ".join(self.use(v) for v in graph.results)
            self.line(f"return {results}")

    def _long_constants(self, graph: Graph) -> None:
        """Constants that are long have a line of their own, at the beginning."""
        seen: list[tuple[str, Value]] = []
        for value in _constants(graph):
            written = literal(value.constant, value.type, self.result.constants)
            if not self._is_long(written):
                continue
            known = next((v for text, v in seen if text == written), None)
            if known is not None:
                self.text[value] = self.text[known]
                continue
            self._speaks_of(value)
            self.line(f"{self.name(value)} = {written}")
            seen.append((written, value))

    def _is_long(self, text: str) -> bool:
        return len(text) + 2 * self.level >= _LONG

    # What stands inside of expressions

    def _choose(self, block: Block) -> None:
        self._choose_inputs(block.end, len(block.nodes))
        for at in reversed(range(len(block.nodes))):
            node = block.nodes[at]
            if node.kind != "prim::Constant" and node not in self.inside:
                for inner in node.blocks:
                    self._choose(inner)
                self._choose_inputs(node, at)

    def _choose_inputs(self, node: Node, at: int) -> int:
        """Which of a node's inputs are written in its expression; gives the place of what comes before all of it."""
        assert node.owner is not None
        nodes = node.owner.nodes
        before = _before(nodes, at)
        for value in reversed(node.inputs):
            if before >= 0 and value.node is nodes[before] and self._fits_inside(value):
                self.inside.add(nodes[before])
                before = self._choose_inputs(nodes[before], before)
        return before

    def _fits_inside(self, value: Value) -> bool:
        node = value.node
        assert node is not None
        if len(node.outputs) != 1 or len(value.uses) != 1 or node.blocks:
            return False
        (user,) = value.uses
        if value.name and user.kind != "prim::Return":
            return False
        if user.kind == "prim::Loop" and user.inputs.index(value) >= 2:
            return False
        return user.kind != "prim::fork" and node.kind not in ("prim::isinstance", "prim::CreateObject", "prim::fork")

    def _split(self, values: Sequence[Value]) -> None:
        """Gives those names that would make the line too long, and all before them, so that the order stays."""
        last = 0
        for at, value in enumerate(values):
            if value.node in self.inside and self._is_long(self.text[value]):
                last = at + 1
        for value in values[:last]:
            if value.node in self.inside:
                assert value.node is not None
                self.inside.discard(value.node)
                written = self.text[value]
                self.line(f"{self.name(value)} = {written}")

    # Statements

    def _block(self, block: Block) -> None:
        for node in block.nodes:
            if node.kind != "prim::Constant":
                self._node(node)

    def _node(self, node: Node) -> None:
        self._split(node.inputs)
        if node.kind == "prim::If":
            self._if(node)
        elif node.kind == "prim::Loop":
            self._loop(node)
        elif node.kind == "prim::fork":
            self._fork(node)
        elif node.kind == "prim::SetAttr":
            owner, value = node.inputs
            self.line(f"{self.use(owner)}.{node.attributes['name']} = {self.use(value)}")
        elif node.kind == "prim::CreateObject":
            kind = self.type(node.output.type)
            self.line(f"{self.name(node.output)} = {kind}.__new__({kind})")
        elif node.kind in ("prim::TupleUnpack", "prim::ListUnpack"):
            names = "".join(f"{self.name(v)}, " for v in node.outputs)
            self.line(f"{names}= {self.use(node.inputs[0])}")
        else:
            written = self._expression(node)
            if node in self.inside:
                self.text[node.output] = written
            elif node.outputs:
                self.line(f"{', '.join(self._declared(v) for v in node.outputs)} = {written}")
            else:
                self.line(written)

    def _declared(self, value: Value) -> str:
        return self.name(value)

    def _if(self, node: Node) -> None:
        names = [self.name(v) for v in node.outputs]
        for number, (word, block) in enumerate(zip((f"if {self.use(node.inputs[0])}:", "else:"), node.blocks)):
            self.line(word)
            self.level += 1
            before = len(self.lines)
            self._block(block)
            if names:
                self._assign(names, node.outputs, block, number == 0)
            elif len(self.lines) == before:
                self.line("pass")
            self.level -= 1

    def _assign(self, names: list[str], outputs: Sequence[Value], block: Block, first: bool) -> None:
        """What a branch gives; where the type of a result is wider than that of either branch, it is written."""
        values = ", ".join(self._result(v) for v in block.results)
        wider = len(names) == 1 and isinstance(outputs[0].type, types.Optional)
        if first and wider and block.results[0].type != outputs[0].type:
            self.line(f"{names[0]} : {self.type(outputs[0].type)} = {values}")
            return
        self.line(f"{', '.join(names)} = {values}")

    def _result(self, value: Value) -> str:
        if value.is_constant and value.constant is None:
            return "None"
        return self.use(value)

    def _loop(self, node: Node) -> None:
        (body,) = node.blocks
        count, start, *values = node.inputs
        index, *carried = body.params
        names = [self.name(p) for p in carried]
        always = all(v.is_constant and v.constant is True for v in (start, body.results[0]))
        counted = not (count.is_constant and count.constant == _ENDLESS)
        for name, value in zip(names, values):
            self.line(f"{name} = {self.use(value)}")
        if always:
            self.line(f"for {self.name(index)} in range({self.use(count)}):")
            results = body.results[1:]
        else:
            if counted:
                self.line(f"{self.name(index)} = 0")
            going = self.new_name("")
            self.line(f"{going} = {self._begins(count, start, counted)}")
            self.line(f"while {going}:")
            names, results = [going, *names], body.results
        for name, output in zip(names if always else names[1:], node.outputs):
            self.text[output] = name
        self.level += 1
        before = len(self.lines)
        self._block(body)
        shown = [self.use(v) for v in results]
        if not always and counted:
            following = self.new_name("")
            self.line(f"{following} = torch.add({self.text[index]}, 1)")
            shown[0] = f"torch.__and__(torch.lt({following}, {self.use(count)}), {shown[0]})"
            names, shown = [*names, self.text[index]], [*shown, following]
        if names:
            self.line(f"{', '.join(names)} = {', '.join(shown)}")
        elif len(self.lines) == before:
            self.line("pass")
        self.level -= 1

    def _begins(self, count: Value, start: Value, counted: bool) -> str:
        if not counted:
            return self.use(start)
        runs = f"torch.gt({self.use(count)}, 0)"
        return runs if start.is_constant and start.constant is True else f"torch.__and__({runs}, {self.use(start)})"

    def _fork(self, node: Node) -> None:
        graph: Graph = node.attributes["graph"]
        name = self.new_name("__forked_function")
        self.line(f"def {name}():")
        inner = _Printer(self.result, self.level + 1)
        inner.taken, inner.counts = self.taken, self.counts
        inner.text.update(zip(graph.params, map(self.use, node.inputs)))
        inner.body(graph)
        self.lines += inner.lines
        self.line(f"{self.name(node.output)} = fork({name})")

    # Expressions

    def _expression(self, node: Node) -> str:
        writes = _KINDS.get(node.kind)
        if writes is not None:
            return writes(self, node)
        if node.kind in _NUMBERS and len(node.inputs) == 1:
            return f"{_NUMBERS[node.kind]}({self.use(node.inputs[0])})"
        if node.kind in _IMPLICIT:
            return f"annotate({_IMPLICIT[node.kind]}, {self.use(node.inputs[0])})"
        if node.kind == "aten::__getitem__":
            owner, at = map(self.use, node.inputs)
            return f"{_in_brackets(node.inputs[0], owner, self)}[{at}]"
        space, _, name = node.kind.partition("::")
        prefix = "torch" if space == "aten" else f"ops.{space}"
        return f"{prefix}.{name}({', '.join(self._arguments(node))})"

    def _arguments(self, node: Node) -> list[str]:
        schema = node.schema
        if schema is None:
            return [self.use(v) for v in node.inputs]
        count = len(schema.arguments)
        last = len(node.inputs)
        while 0 < last <= count and _is_default(node.inputs[last - 1], schema.arguments[last - 1]):
            last -= 1
        shown = []
        for at, value in enumerate(node.inputs[:last]):
            text = self.use(value)
            if at < count and schema.arguments[at].keyword_only:
                text = f"{schema.arguments[at].name}={text}"
            shown.append(text)
        return shown


def _is_default(value: Value, argument: Any) -> bool:
    if not value.is_constant or argument.is_required:
        return False
    default = argument.default
    if argument.spread and isinstance(default, int) and isinstance(value.constant, list):
        default = [default] * argument.spread
    return bool(value.constant == default and type(value.constant) is type(default))


def _before(nodes: list[Node], at: int) -> int:
    """The place of the last node before that is no constant; -1 where there is none."""
    at -= 1
    while at >= 0 and nodes[at].kind == "prim::Constant":
        at -= 1
    return at


def _constants(block: Block) -> list[Value]:
    """The constants of a graph in the order in which they are used."""
    found: dict[Value, None] = {}

    def visit(inner: Block) -> None:
        for node in inner.nodes:
            found.update((v, None) for v in node.inputs if v.is_constant)
            for part in node.blocks:
                visit(part)
        found.update((v, None) for v in inner.results if v.is_constant)

    visit(block)
    return list(found)


def _all_parts(kind: Type) -> list[Type]:
    return [kind, *(part for inner in kind.parts() for part in _all_parts(inner))]


def _arguments(method: Method, params: list[Value]) -> list[tuple[str, Type, Any]]:
    return method.arguments or [(p.name or "argument_1", p.type, REQUIRED) for p in params]


def _in_brackets(value: Value, text: str, printer: _Printer) -> str:
    return f"({text})" if value.node in printer.inside else text


# Kinds of nodes


def _joined(p: _Printer, values: Sequence[Value]) -> str:
    return ", ".join(map(p.use, values))


def _trailing(p: _Printer, values: Sequence[Value]) -> str:
    return "".join(f"{p.use(v)}, " for v in values)


def _get_attribute(p: _Printer, node: Node) -> str:
    name, owner = node.attributes["name"], p.use(node.inputs[0])
    if not name.isidentifier() or keyword.iskeyword(name):
        return f"getattr({owner}, {quoted(name)})"
    return f"{_in_brackets(node.inputs[0], owner, p)}.{name}"


def _call_method(p: _Printer, node: Node) -> str:
    p.type(node.inputs[0].type)
    return f"({p.use(node.inputs[0])}).{node.attributes['name']}({_trailing(p, node.inputs[1:])})"


def _call_function(p: _Printer, node: Node) -> str:
    return f"{p.use(node.inputs[0])}({_trailing(p, node.inputs[1:])})"


def _tuple(p: _Printer, node: Node) -> str:
    kind = node.output.type
    if isinstance(kind, types.Tuple) and kind.name.startswith("__torch__"):
        return f"{p.type(kind)}({_joined(p, node.inputs)})"
    return f"({p.use(node.inputs[0])},)" if len(node.inputs) == 1 else f"({_joined(p, node.inputs)})"


def _list(p: _Printer, node: Node) -> str:
    kind = node.output.type
    assert isinstance(kind, types.List)
    written = f"[{_joined(p, node.inputs)}]"
    if not node.inputs or any(v.type != kind.element for v in node.inputs[:1]):
        return f"annotate({p.type(kind)}, {written})"
    return written


def _dict(p: _Printer, node: Node) -> str:
    pairs = zip(node.inputs[::2], node.inputs[1::2])
    written = "{" + ", ".join(f"{p.use(k)}: {p.use(v)}" for k, v in pairs) + "}"
    return written if node.inputs else f"annotate({p.type(node.output.type)}, {written})"


def _raise(p: _Printer, node: Node) -> str:
    message, *kind = node.inputs
    named = [v for v in kind if not (v.is_constant and v.constant is None)]
    return f"ops.prim.RaiseException({_joined(p, [message, *named])})"


def _isinstance(p: _Printer, node: Node) -> str:
    kinds = [p.type(t) for t in node.attributes["types"]]
    shown = kinds[0] if len(kinds) == 1 else f"[{', '.join(kinds)}]"
    return f"isinstance({p.use(node.inputs[0])}, {shown})"


def _ignored(p: _Printer, node: Node) -> str:
    if p.result.named:
        raise RuntimeError(
            f"Could not export Python function call '{node.attributes['name']}'. Remove calls to Python functions "
            "before export. Did you forget to add @script or @script_method annotation? If this is a nn.ModuleList, "
            "add it to __constants__"
        )
    return f"^{node.attributes['name']}({_joined(p, node.inputs)})"


_KINDS: dict[str, Callable[[_Printer, Node], str]] = {
    "prim::GetAttr": _get_attribute, "prim::CallMethod": _call_method, "prim::CallFunction": _call_function,
    "prim::TupleConstruct": _tuple, "prim::ListConstruct": _list, "prim::DictConstruct": _dict,
    "prim::unchecked_cast": lambda p, n: f"unchecked_cast({p.type(n.output.type)}, {p.use(n.inputs[0])})",
    "prim::Uninitialized": lambda p, n: f"uninitialized({p.type(n.output.type)})",
    "prim::TupleIndex": lambda p, n: f"({p.use(n.inputs[0])})[{p.use(n.inputs[1])}]",
    "prim::RaiseException": _raise, "prim::isinstance": _isinstance, "prim::IgnoredCall": _ignored,
    "prim::Print": lambda p, n: f"print({_joined(p, n.inputs)})",
}  # fmt: skip

__all__ = ["Constants", "class_text", "written"]
