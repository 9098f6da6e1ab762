"""Elements and slices in scripts, read and written."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from . import types
from .attributes import Attributes
from .ir import Value
from .sugar import Members, Several, Static, Sugar
from .types import Type


class Indexing(Attributes):
    """Makes values of subscripts."""

    def _of_Subscript(self, node: ast.Subscript, hint: Type | None) -> Value | Sugar:
        owner = self.expression(node.value)
        if isinstance(owner, Static):
            kind = self.world.type_at(owner.value)
            if kind is not None:  # a type in an expression, such as List[int]
                return Static(self.world.annotation(node, self.source))
            self.fail(f"'{type(owner.value).__name__}' object is not subscriptable", node)
        if isinstance(owner, Several):
            return owner.parts[self._known_index(node.slice, len(owner.parts))]
        if isinstance(owner, Members) or (isinstance(owner, Value) and isinstance(owner.type, types.Class)):
            inner = owner.owner if isinstance(owner, Members) else owner
            member = self.world.member(inner, "[]", self, node)
            if member is not None:
                return member
            found = self.magic("__getitem__", inner, (self.value(node.slice),), node)
            if found is not None:
                return found
            self.fail(f"'{inner.type}' object is not subscriptable", node)
        assert isinstance(owner, Value)
        return self.element(owner, node.slice, node)

    def element(self, owner: Value, index: ast.expr, node: ast.AST) -> Value:
        """An element, or the elements of a slice."""
        kind = owner.type
        if kind == types.Tensor:
            return self._of_tensor(owner, index, node)
        if isinstance(kind, types.Tuple):
            return self._of_tuple(owner, kind, index, node)
        if isinstance(index, ast.Slice):
            bounds = [self._bound(b, node) for b in (index.lower, index.upper, index.step)]
            bounds[2] = self.constant(1, node) if index.step is None else bounds[2]
            return self.call("aten::slice", (owner, *bounds), node)
        if isinstance(kind, types.List | types.Dict) or kind == types.Str:
            return self.call("aten::__getitem__", (owner, self.value(index)), node)
        self.fail(f"'{kind}' object is not subscriptable", node)

    def _known_index(self, index: ast.expr, length: int) -> int:
        value = self.value(index)
        if not value.is_constant or not isinstance(value.constant, int):
            self.fail("tuple index must be a compile time constant", index)
        if not -length <= value.constant < length:
            self.fail(f"Tuple index out of range: {value.constant} of {length}", index)
        return value.constant % length

    def _of_tuple(self, owner: Value, kind: types.Tuple, index: ast.expr, node: ast.AST) -> Value:
        if not isinstance(index, ast.Slice):
            value = self.value(index)
            known = set(kind.elements)
            if not value.is_constant and len(known) == 1:
                return self.emit("prim::TupleIndex", (owner, value), tuple(known), node).output
            if value.node is not None:
                value.node.remove()
            return self.tuple_element(owner, self._known_index(index, len(kind.elements)), node)
        places = [None if b is None else self._known_bound(b) for b in (index.lower, index.upper, index.step)]
        chosen = range(len(kind.elements))[slice(*places)]
        parts = [self.tuple_element(owner, k, node) for k in chosen]
        made = types.Tuple(tuple(p.type for p in parts))
        return self.emit("prim::TupleConstruct", parts, (made,), node).output

    def _known_bound(self, node: ast.expr) -> int:
        value = self.value(node)
        if not value.is_constant:
            self.fail("tuple slice indices must be integer constants", node)
        found: int = value.constant
        return found

    def _bound(self, node: ast.expr | None, at: ast.AST) -> Value:
        return self.constant(None, at) if node is None else self.value(node)

    # Tensors

    def _of_tensor(self, owner: Value, index: ast.expr, node: ast.AST) -> Value:
        viewed, tensors = self._viewed(owner, index, node)
        if not tensors:
            if viewed is owner:
                return self.call("aten::alias", (owner,), node)
            return viewed
        return self.call("aten::index", (viewed, self._listed(tensors, node)), node)

    def _listed(self, tensors: Sequence[Value | None], node: ast.AST) -> Value:
        kind = types.Optional(types.Tensor)
        values = [self.constant(None, node) if t is None else t for t in tensors]
        return self.emit("prim::ListConstruct", values, (types.List(kind),), node).output

    def _viewed(self, owner: Value, index: ast.expr, node: ast.AST) -> tuple[Value, list[Value | None]]:
        """The tensor after what numbers, slices and None do to it, and the tensors that index its dimensions."""
        parts = list(index.elts) if isinstance(index, ast.Tuple) else [index]
        if isinstance(index, ast.Name):
            found = self.expression(index)
            if isinstance(found, Value) and isinstance(found.type, types.Tuple):
                return self._viewed_by(owner, [(index, v) for v in self._tuple_parts(found, index)], node)
        return self._viewed_by(owner, [(part, None) for part in parts], node)

    def _tuple_parts(self, value: Value, node: ast.AST) -> list[Value]:
        return self.unpacked(value, node)

    def _viewed_by(
        self, owner: Value, parts: Sequence[tuple[ast.expr, Value | None]], node: ast.AST
    ) -> tuple[Value, list[Value | None]]:
        dim = 0
        tensors: dict[int, Value | None] = {}
        current = owner
        evaluated = [(part, self._index_part(part) if value is None else value) for part, value in parts]
        for at, (part, value) in enumerate(evaluated):
            place = self.constant(dim, node)
            if isinstance(part, ast.Slice):
                lower, upper, step = value  # type: ignore[misc]
                if (lower, upper, step) != (None, None, None) or len(parts) > 1 or not tensors:
                    current = self._sliced(current, place, lower, upper, step, node)
                dim += 1
            elif isinstance(part, ast.Constant) and part.value is ...:
                dim = -_dimensions([p for p, _ in evaluated[at + 1 :]])
            elif value.type == types.Nothing:
                current = self.call("aten::unsqueeze", (current, place), node)
                dim += 1
            elif value.type == types.Int:
                current = self.call("aten::select", (current, place, value), node)
            else:
                tensors[dim] = self._index_tensor(value, node)
                dim += 1
        if not tensors:
            return current, []
        if min(tensors) < 0:
            self.fail("Ellipses followed by tensor indexing is currently not supported", node)
        return current, [tensors.get(k) for k in range(max(tensors) + 1)]

    def _index_part(self, part: ast.expr) -> Any:
        if isinstance(part, ast.Slice):
            return tuple(None if b is None else self.value(b) for b in (part.lower, part.upper, part.step))
        if isinstance(part, ast.Constant) and part.value is ...:
            return None
        value = self.value(part)
        return self._index_tensor(value, part) if isinstance(value.type, types.List) else value

    def _sliced(
        self, owner: Value, dim: Value, lower: Value | None, upper: Value | None, step: Value | None, node: ast.AST
    ) -> Value:
        args = [owner, dim, *(self.constant(None, node) if b is None else b for b in (lower, upper))]
        args.append(self.constant(1, node) if step is None else step)
        return self.call("aten::slice", args, node)

    def _index_tensor(self, value: Value, node: ast.AST) -> Value:
        if isinstance(value.type, types.List):
            return self.call("aten::tensor", (value,), node, self._dtype_of_index(value, node))
        if value.type != types.Tensor:
            self.fail(
                "Unsupported operation: indexing tensor with unsupported index type "
                f"'{value.type}'. Only ints, slices, lists and tensors are supported", node,
            )  # fmt: skip
        return value

    def _dtype_of_index(self, value: Value, node: ast.AST) -> dict[str, Value]:
        assert isinstance(value.type, types.List)
        return {"dtype": self.constant(11 if value.type.element == types.Bool else 4, node)}

    # Assignment

    def assign_element(self, owner: Value, index: ast.expr, value: Value, node: ast.AST) -> None:
        """`owner[index] = value`."""
        kind = owner.type
        if isinstance(kind, types.List | types.Dict):
            self.call("aten::_set_item", (owner, self.value(index), value), node)
        elif kind == types.Tensor:
            viewed, tensors = self._viewed(owner, index, node)
            tensor = value if value.type == types.Tensor else self._as_tensor(value, viewed, node)
            if tensors:
                self.call("aten::index_put_", (viewed, self._listed(tensors, node), tensor), node)
            else:
                self.call("aten::copy_", (viewed, tensor), node)
        elif self.magic("__setitem__", owner, (self.value(index), value), node) is None:
            self.fail(f"'{kind}' object does not support item assignment", node)

    def _as_tensor(self, value: Value, like: Value, node: ast.AST) -> Value:
        """A number as a tensor of the kind of another one."""
        dtype, device = (self.call(f"prim::{name}", (like,), node) for name in ("dtype", "device"))
        return self.call("aten::tensor", (value,), node, {"dtype": dtype, "device": device})


def _dimensions(parts: Sequence[ast.expr]) -> int:
    """Of how many dimensions of the tensor these parts of an index speak."""
    return sum(1 for p in parts if not (isinstance(p, ast.Constant) and p.value is None))


__all__ = ["Indexing"]
