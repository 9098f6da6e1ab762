"""The tape of functions that are being transformed: nodes between what stands for tensors in them.

Such nodes call backward operators with what they saved. That stands for tensors, too, so the gradients are transformed
in the same way, and can be differentiated.
"""

from __future__ import annotations

from typing import Any

from ..base.layout import layout
from ..base.symbols import evaluate
from ..engine.function import BACKWARDS, BackwardFunction, Function
from .api import filled
from .node import FREED, Node, OutputOf, changed, edge_of


class StandingNode(Node):
    """The node of an operator's call with arguments that stand for tensors."""

    __slots__ = ("backward", "codes", "layouts", "sizes")

    backward: BackwardFunction
    codes: tuple[int, ...]
    layouts: tuple[Any, ...]
    sizes: tuple[int, ...]

    def name(self) -> str:
        """The name of the operator's backward."""
        return self.backward.node_of

    @property
    def outputs(self) -> int:
        """How many outputs the operator had."""
        return len(self.layouts)

    def check_saved(self) -> None:
        """Raises RuntimeError where what was saved is gone or was changed."""
        if self._saved is None:
            raise RuntimeError(FREED)
        n = len(self._saved) >> 1
        for item, version in zip(self._saved[:n], self._saved[n + 1 :]):
            if version is not None and item._version != version:
                raise changed(item, version, None, 0)

    def apply_backward(self, grads: tuple[Any, ...]) -> Any:
        """The gradients of the inputs, by the operator that can be differentiated itself."""
        self.check_saved()
        assert self._saved is not None
        values = [self._place(v, code) for v, code in zip(self._saved, self.codes)]
        return self.backward.exact.run((*values, self.sizes, *grads))

    def _place(self, value: Any, code: int) -> Any:
        """A saved value; a saved output has its place on the tape."""
        if code >= 0 or ~code >= self.outputs:
            return value
        alias = value.bare()
        alias._grad_fn, alias._needs = self if code == -1 else OutputOf(self, ~code), True
        return alias


def record(f: Function, args: tuple[Any, ...], needs: tuple[int, ...], results: tuple[Any, ...]) -> None:
    """Puts a call on the tape, where the arguments in `needs` want gradients."""
    while True:  # making a variant decides on sizes, too
        traced, sizes = f.traced(args)
        variant = traced.variant(needs)
        if traced.holds(sizes):
            break
    if variant.backward is None:
        return
    node = StandingNode()
    node.begin(tuple([edge_of(args[i]) if i in needs else None for i in variant.edges]))
    node.backward = BACKWARDS[f.backward(variant.backward, variant, f.name_node(args))]
    node.codes, node.sizes = variant.saved, sizes
    node.layouts = tuple([r._layout for r in results])
    values: list[Any] = []
    known = dict(zip(traced.symbols, sizes))
    exact = variant.exact
    assert exact is not None
    for k, code in enumerate(variant.saved):
        if code >= 0:
            values.append(args[code])
        elif ~code < len(results):
            values.append(results[~code].bare())
        else:  # computed again from the others
            like = exact.inputs[k]
            shape = tuple([evaluate(n, known) for n in like.shape])
            values.append(filled(layout(shape, None, like.dtype), 0))
    versions = [getattr(v, "_version", None) for v in values]
    node._saved = (*values, sizes, *versions)
    for k, r in enumerate(results):
        if r._layout.dtype.is_differentiable:
            r._grad_fn, r._needs = node if k == 0 else OutputOf(node, k), True
