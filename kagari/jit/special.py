"""Python's own functions in scripts, and those of `torch.jit`: calls that look at how their arguments are written."""

from __future__ import annotations

import ast
import math
import typing
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import codes, types
from .annotations import UNUSED, annotate, is_scripting, is_tracing, mark_of
from .expressions import Condition
from .frontend import NotSupportedError
from .futures import fork, wait
from .ir import Graph, Value
from .passes import captured
from .statements import Statements
from .sugar import Ignored, Inner, Range, Several, Static, Sugar, Super, Zipped
from .types import Type

Hint = Type | None
Handler = Callable[["Compiler", ast.Call, Hint], Value | Sugar]


class Uninitialized:
    """Names what a stored program has for a value that is never read."""


class UncheckedCast:
    """Names what a stored program has for a value of which more is known."""


class Compiler(Statements):
    """Makes the nodes of a function."""

    def special(self, function: Any) -> Handler | None:
        """What makes the value of a call that looks at its arguments as they are written; None for all others."""
        try:
            return _HANDLERS.get(function)
        except TypeError:  # what has no hash
            return None

    def told_condition(self, node: ast.expr) -> Condition | None:
        """A condition that tells what it says of types: `isinstance`, `hasattr` and what a call says of itself."""
        if not isinstance(node, ast.Call):
            return None
        called = self.expression(node.func)
        if not isinstance(called, Static):
            return None
        if called.value is isinstance:
            return self._instance_condition(node)
        if called.value is hasattr:
            return Condition(None, self._has(node))
        if called.value is is_scripting:
            return Condition(None, True)
        return None

    def _has(self, node: ast.Call) -> bool:
        owner, name = self.expression(node.args[0]), ast.literal_eval(node.args[1])
        if isinstance(owner, Value) and isinstance(owner.type, types.Class):
            kind = owner.type
            known = {*kind.attributes, *kind.constants, *kind.methods, *kind.properties}
            return name in known or self.world.member(owner, f"?{name}", self, node) is not None
        if isinstance(owner, Value) and isinstance(owner.type, types.Tuple):
            return name in owner.type.fields
        raise NotSupportedError("hasattr is only supported on modules and classes", self.source, node)

    def _instance_condition(self, node: ast.Call) -> Condition:
        value = self.value(node.args[0])
        wanted = self._types_of(node.args[1])
        inside = [t for t in _alternatives(value.type) if any(_is_instance(t, w) for w in wanted)]
        outside = [t for t in _alternatives(value.type) if t not in inside]
        subject = node.args[0].id if isinstance(node.args[0], ast.Name) else None
        if value.type != types.Anything and not outside:
            if subject is not None and value.type in wanted:
                self._cast_known(subject, value, node)
            return Condition(None, True)
        if value.type != types.Anything and not inside:
            return Condition(None, False)
        found = self.emit("prim::isinstance", (value,), (types.Bool,), node, types=tuple(wanted)).output
        if subject is None:
            return Condition(found)
        holds = {subject: wanted[0]} if len(wanted) == 1 else {}
        fails = {subject: outside[0]} if len(outside) == 1 and outside != [types.Anything] else {}
        return Condition(found, None, holds, fails)

    def _cast_known(self, subject: str, value: Value, node: ast.Call) -> None:
        """What is of a type for certain is known under its name as that, in a value of its own."""
        cast = self.emit("prim::unchecked_cast", (value,), (value.type,), node).output
        cast.name = subject
        self.frame.names[subject] = cast

    def _types_of(self, node: ast.expr) -> list[Type]:
        if isinstance(node, ast.Tuple):
            return [t for one in node.elts for t in self._types_of(one)]
        found = self.expression(node) if isinstance(node, ast.Name | ast.Attribute) else None
        if isinstance(found, Static) and isinstance(found.value, type) and found.value in (list, tuple, dict):
            return [types.Plain(found.value.__name__)]
        return [self.world.annotation(node, self.source)]

    def call_ignored(self, called: Ignored, args: Sequence[Value], kwargs: Mapping[str, Value], node: ast.AST) -> Value:
        """A call of what stays Python's, or an exception in the place of what is not to be there."""
        function = called.function
        if kwargs:
            raise NotSupportedError("ignored functions take no named arguments", self.source, node)
        result = self.world.result_of(function)
        if mark_of(function) == UNUSED:
            message = self.constant(
                f"This Python function is annotated to be ignored and cannot be run: {function.__name__}", node
            )
            self.raises(message, "", node)
            return self.emit("prim::Uninitialized", (), (result,), node).output
        owner = () if called.owner is None else (called.owner,)
        more = {"name": function.__name__, "function": function}
        return self.emit("prim::IgnoredCall", (*owner, *args), (result,), node, **more).output

    def with_item(self, item: ast.withitem, node: ast.With) -> bool:
        """Enters `torch.no_grad()` or an object with the methods for it."""
        if item.optional_vars is None and isinstance(item.context_expr, ast.Call):
            text = ast.unparse(item.context_expr.func)
            if text.endswith(("no_grad", "enable_grad")):
                self.frame.names["$grad"] = self.call("aten::is_grad_enabled", (), node)
                self.call("aten::set_grad_enabled", (self.constant(text.endswith("enable_grad"), node),), node)
                return True
        owner = self.value(item.context_expr)
        self.frame.names["$with"] = owner
        entered = self.magic("__enter__", owner, (), node)
        if item.optional_vars is not None and entered is not None:
            self.assign(item.optional_vars, entered)
        return entered is not None

    def leave_item(self, item: ast.withitem, node: ast.With) -> None:
        """Leaves it."""
        if "$grad" in self.frame.names:
            self.call("aten::set_grad_enabled", (self.as_value(self.frame.names.pop("$grad"), node),), node)
            return
        owner = self.as_value(self.frame.names.pop("$with"), node)
        nothing = self.constant(None, node)
        self.magic("__exit__", owner, (nothing, nothing, nothing), node)

    def rewritten(self, name: str, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.AST) -> Value | None:
        """Calls that are no operators: those of dictionaries and lists that become constants of others."""
        space, _, plain = name.partition("::")
        if space == "cast":
            return self.call("aten::to", (*args, self.constant(codes.CASTS[plain], node)), node, kwargs)
        if name == "aten::type" and len(args) == 2:
            return self.call("aten::to", args, node)
        if name == "prim::RaiseException":
            self.emit(name, args, (), node)
            return self.constant(None, node)
        if name == "prim::unchecked_unwrap_optional" and isinstance(args[0].type, types.Optional):
            return self.emit("prim::unchecked_cast", args, (args[0].type.element,), node).output
        if name == "aten::tolist":
            raise NotSupportedError("tolist() needs an annotation of its result", self.source, node)
        if name == "aten::to" and args and args[0].type == types.Tensor and len(args) == 1 and "other" in kwargs:
            return self.call("aten::to", (args[0], kwargs.pop("other")), node, kwargs)
        if name == "aten::new_tensor":
            return self.call("aten::tensor", args[1:], node, kwargs)
        if name == "aten::type_as" and len(args) == 2:
            return self.call("aten::type_as", args, node)
        return None


def _alternatives(kind: Type) -> list[Type]:
    return [kind.element, types.Nothing] if isinstance(kind, types.Optional) else [kind]


def _is_instance(kind: Type, wanted: Type) -> bool:
    if wanted == types.Plain("list"):
        return isinstance(kind, types.List)
    if wanted == types.Plain("tuple"):
        return isinstance(kind, types.Tuple)
    if wanted == types.Plain("dict"):
        return isinstance(kind, types.Dict)
    return types.is_subtype(kind, wanted)


# Handlers


def _annotate(c: Compiler, node: ast.Call, hint: Hint) -> Value:
    kind = c.world.annotation(node.args[0], c.source)
    value = c.value(node.args[1], kind)
    if not types.is_subtype(value.type, kind):
        if value.type == types.Tensor and kind in (types.Int, types.Float, types.Number):
            return c.as_declared(value, kind, node)
        c.fail(f"expected an expression of type {kind} but found {value.type}", node)
    if value.is_constant and value.constant is None:
        return c.constant(None, node, kind)
    if isinstance(kind, types.Optional) and value.type != kind:
        return c.emit("prim::unchecked_cast", (value,), (kind,), node).output if _is_empty(value) else value
    return value


def _is_empty(value: Value) -> bool:
    return value.node is not None and value.node.kind == "prim::ListConstruct" and not value.node.inputs


def _unchecked_cast(c: Compiler, node: ast.Call, hint: Hint) -> Value:
    kind = c.world.annotation(node.args[0], c.source)
    return c.emit("prim::unchecked_cast", (c.value(node.args[1]),), (kind,), node).output


def _uninitialized(c: Compiler, node: ast.Call, hint: Hint) -> Value:
    return c.emit("prim::Uninitialized", (), (c.world.annotation(node.args[0], c.source),), node).output


def _isinstance(c: Compiler, node: ast.Call, hint: Hint) -> Value:
    found = c._instance_condition(node)
    return c.constant(found.known, node) if found.value is None else found.value


def _hasattr(c: Compiler, node: ast.Call, hint: Hint) -> Value:
    return c.constant(c._has(node), node)


def _getattr(c: Compiler, node: ast.Call, hint: Hint) -> Value | Sugar:
    owner, name = c.expression(node.args[0]), c.value(node.args[1])
    if not name.is_constant:
        c.fail("getattr's second argument must be a string literal", node)
    text = name.constant
    assert name.node is not None
    name.node.remove()
    if len(node.args) > 2 and not c._has(node):
        return c.expression(node.args[2], hint)
    return c.attribute(owner, text, node)


def _super(c: Compiler, node: ast.Call, hint: Hint) -> Sugar:
    owner = c.look_up("self", node)
    assert isinstance(owner, Value)
    return Super(owner)


def _range(c: Compiler, node: ast.Call, hint: Hint) -> Sugar:
    bounds = []
    for one in node.args:
        value = c.value(one)
        bounds.append(value if value.type == types.Int else c.call("aten::IntImplicit", (value,), node))
    if not 1 <= len(bounds) <= 3:
        c.fail(
            "range expected at least 1 arguments, got 0" if not bounds else "range expected at most 3 arguments", node
        )
    return Range(tuple(bounds))


def _zip(c: Compiler, node: ast.Call, hint: Hint) -> Sugar:
    return Zipped(tuple(c.expression(one) for one in node.args))


def _enumerate(c: Compiler, node: ast.Call, hint: Hint) -> Sugar:
    start = node.args[1] if len(node.args) > 1 else next((k.value for k in node.keywords), None)
    bounds: tuple[Value, ...] = ()
    if start is not None:
        bounds = (c.value(start), c.constant(9223372036854775807, node))
    return Zipped((Range(bounds), c.expression(node.args[0])))


def _len(c: Compiler, node: ast.Call, hint: Hint) -> Value:
    found = c.expression(node.args[0])
    known = None
    if not isinstance(found, Range) and not (isinstance(found, Value) and found.type == types.Tensor):
        known = c.static_elements(found, node)
    if known is not None:
        return c.constant(len(known), node)
    value = c.as_value(found, node)
    magic = c.magic("__len__", value, (), node)
    return c.call("aten::len", (value,), node) if magic is None else magic


def _number(name: str) -> Handler:
    def convert(c: Compiler, node: ast.Call, hint: Hint) -> Value:
        args = [c.value(one) for one in node.args] or [c.constant(0, node)]
        magic = c.magic(f"__{name.lower()}__", args[0], (), node)
        if magic is not None:
            return magic
        if str(args[0].type) == name.lower():
            return args[0]
        return c.call(f"aten::{name}", args, node)

    return convert


def _list(c: Compiler, node: ast.Call, hint: Hint) -> Value:
    if not node.args:
        return c.expression(ast.copy_location(ast.List([], ast.Load()), node), hint)  # type: ignore[return-value]
    found = c.expression(node.args[0])
    if isinstance(found, Value) and isinstance(found.type, types.List):
        return c.call("aten::list", (found,), node)
    if isinstance(found, Value) and found.type == types.Str:
        return c.call("aten::list", (found,), node)
    name = ast.copy_location(ast.Name("$element", ast.Load()), node)
    target = ast.copy_location(ast.Name("$element", ast.Store()), node)
    generator = ast.comprehension(target, node.args[0], [], 0)
    return c._of_ListComp(ast.copy_location(ast.ListComp(name, [generator]), node), hint)


def _dict(c: Compiler, node: ast.Call, hint: Hint) -> Value:
    if node.args:
        found = c.value(node.args[0])
        if isinstance(found.type, types.Dict):
            return c.call("aten::dict", (found,), node)
        raise NotSupportedError("dict() of a list aren't supported", c.source, node)
    keys: list[ast.expr | None] = [ast.copy_location(ast.Constant(k.arg), node) for k in node.keywords]
    made = ast.copy_location(ast.Dict(keys, [k.value for k in node.keywords]), node)
    return c._of_Dict(made, hint)


def _tuple(c: Compiler, node: ast.Call, hint: Hint) -> Value | Sugar:
    found = c.expression(node.args[0])
    known = c.static_elements(found, node)
    if known is None and isinstance(hint, types.Tuple) and isinstance(found, Value):
        parts = c.emit("prim::ListUnpack", (found,), hint.elements, node).outputs
        return c.as_value(Several(parts), node)
    if known is None:
        c.fail("cannot statically infer the expected size of a list in this context", node)
    return c.as_value(Several(known), node) if all(isinstance(k, Value) for k in known) else Several(known)


def _several(name: str) -> Handler:
    """`min`, `max` and the like, of one list or of numbers."""

    def choose(c: Compiler, node: ast.Call, hint: Hint) -> Value:
        values = [c.value(one) for one in node.args]
        if len(values) == 1 and isinstance(values[0].type, types.Tuple):
            kind = types.List(values[0].type.elements[0])
            values = [c._list_of_tuple(values[0], kind, node)]
        if types.Tensor in [v.type for v in values]:
            return c.call(f"aten::{name}", values, node)
        found = values[0]
        if len(values) == 1:
            return c.call(f"prim::{name}", values, node)
        for other in values[1:]:
            found = c.call(f"prim::{name}", (found, other), node)
        return found

    return choose


def _plain(name: str) -> Handler:
    def call(c: Compiler, node: ast.Call, hint: Hint) -> Value:
        args, kwargs = c.arguments(node)
        values = [c.as_value(a, node) for a in args]
        words = {k: c.as_value(a, node) for k, a in kwargs.items()}
        if name == "prim::abs" and values[0].type == types.Tensor:
            return c.call("aten::abs", values, node)
        return c.call(name, values, node, words)

    return call


def _print(c: Compiler, node: ast.Call, hint: Hint) -> Value:
    c.emit("prim::Print", [c.value(one) for one in node.args], (), node)
    return c.constant(None, node)


def _warn(c: Compiler, node: ast.Call, hint: Hint) -> Value:
    args, kwargs = c.arguments(node)
    values = [c.as_value(a, node) for a in args[:1]]
    level = kwargs.get("stacklevel")
    values.append(c.constant(2, node) if level is None else c.as_value(level, node))
    c.call("aten::warn", values, node)
    return c.constant(None, node)


def _is_scripting(c: Compiler, node: ast.Call, hint: Hint) -> Value:
    return c.constant(True, node)


def _is_tracing(c: Compiler, node: ast.Call, hint: Hint) -> Value:
    return c.constant(False, node)


def _fork(c: Compiler, node: ast.Call, hint: Hint) -> Value:
    called = c.expression(node.args[0])
    if isinstance(called, Inner):
        return _fork_inner(c, called, node)
    rest = ast.copy_location(ast.Call(node.args[0], node.args[1:], node.keywords), node)
    args, kwargs = c.arguments(rest)
    inner = Graph()
    outer, c.block = c.block, inner
    result = c.as_value(c.called(called, args, kwargs, rest), node)
    c.block = outer
    return _forked(c, inner, result, node)


def _forked(c: Compiler, inner: Graph, result: Value, node: ast.Call) -> Value:
    inner.end.add_input(result)
    inputs = captured(inner)
    return c.emit("prim::fork", inputs, (types.Future(result.type),), node, graph=inner).output


def _fork_inner(c: Compiler, called: Inner, node: ast.Call) -> Value:
    """What a stored program forks: a function that stands before."""
    inner = Graph()
    outer, returns = c.block, c.returns
    c.block, c.returns = inner, None
    c.enter()
    c.run(called.body)
    result = c.as_value(c.leave().names["$result"], node)
    c.block, c.returns = outer, returns
    return _forked(c, inner, result, node)


def _wait(c: Compiler, node: ast.Call, hint: Hint) -> Value:
    value = c.value(node.args[0])
    if not isinstance(value.type, types.Future):
        c.fail(f"wait expects a Future, got {value.type}", node)
    return c.call("aten::wait", (value,), node)


def _reversed(c: Compiler, node: ast.Call, hint: Hint) -> Value | Sugar:
    found = c.expression(node.args[0])
    known = c.static_elements(found, node)
    if known is not None:
        return Several([*known][::-1])
    step = c.constant(-1, node)
    nothing = c.constant(None, node)
    return c.call("aten::slice", (c.as_value(found, node), nothing, nothing, step), node)


def _cast(c: Compiler, node: ast.Call, hint: Hint) -> Value:
    return c.value(node.args[1])


_MATH = (
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "copysign", "cos", "cosh", "degrees", "erf",
    "erfc", "exp", "expm1", "fabs", "factorial", "floor", "fmod", "frexp", "gamma", "gcd", "isfinite", "isinf",
    "isnan", "ldexp", "lgamma", "log", "log10", "log1p", "log2", "modf", "pow", "radians", "remainder", "sin", "sinh",
    "sqrt", "tan", "tanh",
)  # fmt: skip
_HANDLERS: dict[Any, Handler] = {
    annotate: _annotate, UncheckedCast: _unchecked_cast, Uninitialized: _uninitialized, isinstance: _isinstance,
    hasattr: _hasattr, getattr: _getattr, super: _super, range: _range, zip: _zip, enumerate: _enumerate, len: _len,
    int: _number("Int"), float: _number("Float"), bool: _number("Bool"), complex: _number("Complex"), str: _plain(
        "aten::str"
    ), list: _list, dict: _dict, tuple: _tuple, min: _several("min"), max: _several("max"), abs: _plain("prim::abs"),
    print: _print, round: _plain("aten::round"), sum: _plain("aten::sum"), any: _plain("aten::any"),
    all: _plain("aten::all"), sorted: _plain("aten::sorted"), reversed: _reversed, ord: _plain("aten::ord"),
    chr: _plain("aten::chr"), hash: _plain("aten::hash"), divmod: _plain("aten::divmod"), hex: _plain("aten::hex"),
    oct: _plain("aten::oct"), bin: _plain("aten::bin"), pow: _plain("aten::pow"), fork: _fork, wait: _wait,
    warnings.warn: _warn, is_tracing: _is_tracing,
    is_scripting: _is_scripting, typing.cast: _cast,
    **{getattr(math, name): _plain(f"aten::{'mathremainder' if name == 'remainder' else name}") for name in _MATH},
}  # fmt: skip
__all__ = ["Compiler", "UncheckedCast", "Uninitialized"]
