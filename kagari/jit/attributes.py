"""Attributes in scripts: of tensors, of modules and objects, of Python's modules."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from ..eager import aten
from . import codes, types
from .ir import Value
from .scopes import Scopes
from .sugar import Bound, Builtin, Called, Fresh, Made, Members, Static, Sugar, Super

# What is written as an attribute of a tensor, and the operator that it is.
_OF_TENSORS = {
    "shape": "aten::size", "T": "aten::numpy_T", "mT": "aten::mT", "H": "aten::matrix_H", "mH": "aten::mH",
    "ndim": "aten::dim", "real": "aten::real", "imag": "aten::imag", "is_leaf": "aten::is_leaf",
    **{name: f"prim::{name}" for name in (
        "data", "device", "dtype", "grad", "is_cpu", "is_cuda", "is_meta", "is_mkldnn", "is_quantized", "is_sparse",
        "itemsize", "layout", "name", "nbytes", "requires_grad",
    )},
}  # fmt: skip
_OF_DEVICES = {"type": "prim::type", "index": "prim::index"}


class Attributes(Scopes):
    """Makes values of attributes."""

    def attribute(self, owner: Value | Sugar, name: str, node: ast.AST) -> Value | Sugar:
        """An attribute of what an expression stands for. Raises ScriptError where there is none."""
        found: Value | Sugar | None
        if isinstance(owner, Value):
            found = self._of_value(owner, name, node)
        elif isinstance(owner, Static):
            found = self.world.attribute(owner.value, name, self, node)
        elif isinstance(owner, Made):
            method = owner.type.statics.get(name)
            found = Called(method) if method is not None else Fresh(owner.type) if name == "__new__" else None
        elif isinstance(owner, Members):
            found = self._of_value(owner.owner, name, node)
        elif isinstance(owner, Super):
            found = self.world.member(owner.owner, f"super.{name}", self, node)
        else:
            found = None
        if found is None:
            self.fail(f"{_kind(owner)} has no attribute {name}", node)
        return found

    def _of_value(self, owner: Value, name: str, node: ast.AST) -> Value | Sugar | None:
        kind = owner.type
        if isinstance(kind, types.Class):
            return self._of_object(owner, kind, name, node)
        if kind == types.Tensor and name in _OF_TENSORS:
            return self.call(_OF_TENSORS[name], (owner,), node)
        if kind == types.Device and name in _OF_DEVICES:
            return self.call(_OF_DEVICES[name], (owner,), node)
        if isinstance(kind, types.Tuple) and name in kind.fields:
            return self.tuple_element(owner, kind.fields.index(name), node)
        if isinstance(kind, types.Enum) and name in ("name", "value"):
            result = types.Str if name == "name" else kind.value
            return self.emit(f"prim::Enum{name.title()}", (owner,), (result,), node).output
        if kind == types.Tensor and name in codes.CASTS and name != "bool":
            return Builtin(f"cast::{name}", owner)
        if aten.schemas(f"aten::{name}") or name in ("add_", "split", "tolist", "type", "new_tensor"):
            return Builtin(f"aten::{name}", owner)
        self.fail(f"'{kind}' object has no attribute or method '{name}'.", node)

    def _of_object(self, owner: Value, kind: types.Class, name: str, node: ast.AST) -> Value | Sugar | None:
        if name in kind.attributes:
            return self.get_attribute(owner, name, kind.attributes[name], node)
        if name in kind.constants:
            return self.constant(kind.constants[name], node)
        if name in kind.properties:
            return self.call_method(owner, kind.methods[kind.properties[name][0]], (), {}, node)
        member = self.world.member(owner, name, self, node)
        if member is not None:
            return member
        if name in kind.methods:
            return Bound(owner, kind.methods[name])
        if name in kind.statics:
            return Called(kind.statics[name])
        if kind.is_module:
            self.fail(f"Module '{kind.name.rpartition('.')[2]}' has no attribute '{name}' ", node)
        self.fail(
            f"Tried to access nonexistent attribute or method '{name}' of type '{kind}'. Did you forget to initialize "
            "an attribute in __init__()?", node,
        )  # fmt: skip

    def get_attribute(self, owner: Value, name: str, kind: types.Type, node: ast.AST) -> Value:
        """Reads an attribute of an object."""
        found = self.emit("prim::GetAttr", (owner,), (kind,), node, name=name).output
        found.name = name if name.isidentifier() else f"_{name}"
        return found

    def set_attribute(self, owner: Value, name: str, value: Value, node: ast.AST) -> None:
        """Writes an attribute of an object. Raises ScriptError where it has none, or one of another type."""
        if not isinstance(owner.type, types.Class):
            self.fail(f"'{owner.type}' object has no attribute {name} that could be set", node)
        if name in owner.type.properties and owner.type.properties[name][1] is not None:
            setter = owner.type.properties[name][1]
            assert setter is not None
            self.call_method(owner, owner.type.methods[setter], (value,), {}, node)
            return
        known = owner.type.attributes.get(name)
        if known is None and owner.type.is_open:
            known = owner.type.attributes[name] = value.type
        if known is None:
            if name in owner.type.constants:
                self.fail(f"Tried to set an attribute: {name} which is a constant", node)
            self.fail(
                f"Tried to set nonexistent attribute: {name}. Did you forget to initialize it in __init__()?", node
            )
        if not types.is_subtype(value.type, known):
            self.fail(f"Wrong type for attribute assignment. Expected {known} but got {value.type}", node)
        self.emit("prim::SetAttr", (owner, value), (), node, name=name)

    def tuple_element(self, owner: Value, at: int, node: ast.AST) -> Value:
        """An element of a tuple."""
        assert isinstance(owner.type, types.Tuple)
        if owner.node is not None and owner.node.kind == "prim::TupleConstruct":
            return owner.node.inputs[at]
        index = self.constant(at, node)
        return self.emit("prim::TupleIndex", (owner, index), (owner.type.elements[at],), node).output

    def call_method(
        self, owner: Value, method: types.Method, args: Sequence[Value], kwargs: Mapping[str, Value], node: ast.AST
    ) -> Value:
        """A call of a method. `calls.py` makes it."""
        raise NotImplementedError


def _kind(owner: Value | Sugar) -> str:
    return "object" if isinstance(owner, Static) else type(owner).__name__.lower()


__all__ = ["Attributes"]
