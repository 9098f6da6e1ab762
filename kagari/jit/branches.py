"""The order of statements in scripts: branches, and what leaves a block before its end."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from . import types
from .expressions import Condition, Expressions
from .frontend import UnsupportedNodeError
from .ir import Block, Node, Value
from .scopes import Frame
from .sugar import Sugar
from .types import Type

RESULT, RETURNED, LEFT = "$result", "$returned", "$left"
"""Names that stand for what a function returns, whether it has, and whether a loop was left."""
_NAMES = {ast.Try: "try blocks", ast.Global: "global variables", ast.Nonlocal: "nonlocal variables",
          ast.Import: "import statements", ast.ImportFrom: "import statements", ast.ClassDef: "class definitions",
          ast.AsyncFunctionDef: "async function definitions", ast.AsyncFor: "async for loops",
          ast.AsyncWith: "async with statements", ast.Match: "match statements"}  # fmt: skip
# How a block ends: always by leaving it (True), never (False), or as a value says.
Exit = bool | Value


class Branches(Expressions):
    """Makes nodes of statements one after the other, and of conditions."""

    returns: Type | None = None  # what the function is to give, where that was said

    def run(self, body: Sequence[ast.stmt]) -> Exit:
        """The nodes of statements."""
        for at, statement in enumerate(body):
            rest = body[at + 1 :]
            if isinstance(statement, ast.If):
                left = self._if(statement, rest)
                if left is not None:
                    return left
                continue
            left = self.statement(statement)
            if left is True:
                return True
            if left is not False:
                return self._guarded(left, rest, statement)
        return False

    def statement(self, node: ast.stmt) -> Exit:
        """The nodes of one statement; whether it leaves the block."""
        method: Callable[..., Exit | None] | None = getattr(self, f"_on_{type(node).__name__}", None)
        if method is None:
            what = _NAMES.get(type(node), type(node).__name__)
            raise UnsupportedNodeError(f"{what} aren't supported", self.source, head_of(node))
        left = method(node)
        return False if left is None else left

    def _guarded(self, left: Value, rest: Sequence[ast.stmt], node: ast.stmt) -> Exit:
        """What follows a statement that may have left the block."""
        if not rest:
            return left
        condition = Condition(left)
        return self._branches(condition, lambda: True, lambda: self.run(rest), node)

    # Branches

    def _if(self, node: ast.If, rest: Sequence[ast.stmt]) -> Exit | None:
        """None where what follows is still to be run."""
        condition = self.condition(node.test)
        if condition.known is not None:
            left = self.run([*(node.body if condition.known else node.orelse), *rest])
            return left
        first, second = always_leaves(node.body), always_leaves(node.orelse)
        body, orelse = list(node.body), list(node.orelse)
        if first and not second and not _only_raises(body):
            orelse, rest = [*orelse, *rest], ()
        elif second and not first and not _only_raises(orelse):
            body, rest = [*body, *rest], ()
        left = self._branches(condition, lambda: self.run(body), lambda: self.run(orelse), node)
        if left is False:
            return None if rest else False
        if left is True:
            return True
        return self._guarded(left, rest, node)

    def _branches(
        self, condition: Condition, body: Callable[[], Exit], orelse: Callable[[], Exit], node: ast.AST
    ) -> Exit:
        """A conditional statement of two parts."""
        assert condition.value is not None
        outcome = self.emit("prim::If", (condition.value,), (), node)
        frames, exits = [], []
        for run, refined in ((body, condition.holds), (orelse, condition.fails)):
            outer, self.block = self.block, outcome.add_block()
            self.enter()
            self.refine(refined, node)
            exits.append(run())
            frames.append(self.leave())
            self.block = outer
        raised = [_raises(block) for block in outcome.blocks]
        self._merge(outcome, frames, raised, node)
        if exits[0] is exits[1] and isinstance(exits[0], bool):
            return exits[0]
        if any(raised):
            return exits[raised.index(False)] if not all(raised) else True
        for block, left in zip(outcome.blocks, exits):
            value = left if isinstance(left, Value) else constant_in(block, left, types.Bool)
            block.end.add_input(value)
        outcome.outputs.append(Value(types.Bool, outcome))
        return outcome.outputs[-1]

    def _merge(self, outcome: Node, frames: list[Frame], raised: list[bool], node: ast.AST) -> None:
        """Has names stand for what they stand for after either of two blocks."""
        first, second = frames
        for name in reversed([*first.names, *(n for n in second.names if n not in first.names)]):
            sides = [frame.find(name) for frame in frames]
            if all(side is sides[0] for side in sides):
                continue
            found = self._merged(name, outcome, sides, raised, node)
            if found is not None:
                self.frame.names.pop(name, None)
                self.frame.names[name] = found

    def _merged(
        self, name: str, outcome: Node, sides: list[Value | Sugar | None], raised: list[bool], node: ast.AST
    ) -> Value | Sugar | None:
        for at, side in enumerate(sides):
            if side is None and not raised[at] and not name.startswith("$"):
                self.frame.missing[name] = ("false" if at else "true"), node
                self.frame.names.pop(name, None)
                return None
        known = [s for s, gone in zip(sides, raised) if s is not None and not gone]
        if not known:
            return None
        if not all(isinstance(k, Value) for k in known):
            return known[0]
        kinds = [k.type for k in known if isinstance(k, Value)]
        common = types.unify_all(kinds) or self.declared.get(name)
        kind = self._refuse_types(name, kinds, node) if common is None else common
        for block, side in zip(outcome.blocks, sides):
            value = side if isinstance(side, Value) else absent(block, name, kind)
            if isinstance(side, Value) and not is_visible(side, block):
                value = absent(block, name, kind)
            block.end.add_input(value)
        made = Value(kind, outcome, "" if name.startswith("$") else name)
        outcome.outputs.append(made)
        return made

    def _refuse_types(self, name: str, kinds: Sequence[Type], node: ast.AST) -> NoReturn:
        if name == RESULT:
            self.fail(
                f"Previous return statement returned a value of type {kinds[0]} but this return statement returns a "
                f"value of type {kinds[-1]}", self.last_return or node,
            )  # fmt: skip
        self.fail(
            f"Type mismatch: {name} is set to type {kinds[0]} in the true branch and type {kinds[-1]} in the false "
            "branch", node,
        )  # fmt: skip

    last_return: ast.AST | None = None


def head_of(node: ast.stmt) -> ast.AST:
    """The word that a statement begins with."""
    word = {"For": 3, "While": 5, "Try": 3, "With": 4, "Global": 6}.get(type(node).__name__)
    if word is None:
        return node
    return ast.Pass(
        lineno=node.lineno, col_offset=node.col_offset, end_lineno=node.lineno, end_col_offset=node.col_offset + word
    )


def always_leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether statements never reach their end."""
    for node in body:
        if isinstance(node, ast.Return | ast.Raise | ast.Break | ast.Continue):
            return True
        if isinstance(node, ast.If) and always_leaves(node.body) and always_leaves(node.orelse):
            return True
    return False


def _only_raises(body: Sequence[ast.stmt]) -> bool:
    """Whether a block ends with an exception, and not otherwise."""
    inside = [n for statement in body for n in ast.walk(statement)]
    return not any(isinstance(n, ast.Return | ast.Break | ast.Continue) for n in inside)


def _raises(block: Block) -> bool:
    """Whether a block ends with an exception."""
    return any(node.kind == "prim::RaiseException" for node in block.nodes[-1:]) or any(
        node.kind == "prim::If" and len(node.blocks) == 2 and all(_raises(b) for b in node.blocks)
        for node in block.nodes[-1:]
    )


def is_visible(value: Value, block: Block) -> bool:
    """Whether a value may be used in a block: one of the block itself, or of a block around it."""
    owner = value.node.owner if value.node is not None else None
    around: Block | None = block
    while around is not None:
        if owner is around or value in around.params:
            return True
        around = around.node.owner if around.node is not None else None
    return False


def absent(block: Block, name: str, kind: Type) -> Value:
    """What stands for a value that a block does not have."""
    if name in (RETURNED, LEFT):
        return constant_in(block, False, types.Bool)
    return block.append(Node("prim::Uninitialized", (), (kind,))).output


def constant_in(block: Block, value: Any, kind: Type) -> Value:
    """A constant at the end of a block."""
    return block.append(Node("prim::Constant", (), (kind,), value=value)).output


__all__ = [
    "LEFT", "RESULT", "RETURNED", "Branches", "Exit", "always_leaves", "constant_in", "head_of", "is_visible",
]  # fmt: skip
