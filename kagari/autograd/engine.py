"""The backward pass: what resident/tape.py leaves to Python.

The loop over nodes is native and runs nodes of operators by itself. It comes here for nodes with hooks or a body in
Python, for leaves with hooks, for gradients of gradients, and where only the gradients of certain tensors are wanted.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ..base.layout import Layout
from ..engine.code import Native, native
from ..engine.function import Hooks
from . import modes
from .checkpoint import current
from .library import function
from .node import Node, OutputOf, edge_of
from .saved import NOTE, Packed

KEEP, CREATE, WATCHED = 1, 2, 4
# What is called when the pass that a thread is in has ended well, each by whom it is for.
at_end: dict[int, dict[Any, Callable[[], None]]] = {}
# Two passes in two threads may add to the same leaf; long kernels let go of the GIL.
_accumulating = threading.RLock()


def install(loaded: Native) -> None:
    """Tells the resident code where it finds us."""
    loaded.set_roots(
        on_node=_on_node, on_leaf=_on_leaf, on_join=_on_join, on_explain=_on_explain,
        add=loaded.operator_function("add", function("add").activate(), ""),
        add_in_place=loaded.operator_function("add_", function("add_").activate(), ""),
        clone=loaded.operator_function("clone", function("clone").activate(), ""),
    )  # fmt: skip


def run(
    roots: Sequence[Any],
    grads: Sequence[Any],
    keep: bool,
    create: bool,
    inputs: Sequence[Any] | None = None,
    accumulate: bool = True,
) -> list[Any]:
    """Propagates gradients from the roots.

    With `accumulate` they are added to the `grad` of the leaves (of `inputs` alone where given); else those of `inputs`
    are returned.
    """
    edges: list[Any] = []
    for t, g in zip(roots, grads):
        edges += (edge_of(t), g)
    flags = (KEEP if keep else 0) | (CREATE if create else 0) | (WATCHED if modes.anomaly else 0)
    wanted = guide = None
    if inputs is not None:
        wanted = _Wanted(inputs, accumulate)
        guide = wanted.guide(edges[::2])
    leaves: dict[Any, Any] = {}
    before, limited = modes.mode(), current.limited
    current.limited = inputs is not None
    modes.set_mode(before | modes.GRADIENTS if create else before & ~modes.GRADIENTS)
    try:
        native().run_pass(flags, wanted, guide, leaves, *edges)
        if leaves:
            _finish(wanted, leaves)
        if at_end:
            _end()
        return wanted.results() if wanted is not None else []
    except BaseException:
        at_end.pop(threading.get_ident(), None)
        raise
    finally:
        current.limited = limited
        modes.set_mode(before)


def plain(edge: Any, grad: Any, keep: bool) -> None:
    """The usual pass: from one root to all leaves, nothing recorded."""
    leaves: dict[Any, Any] = {}
    before = modes.mode()
    if before & modes.GRADIENTS:
        modes.set_mode(before & ~modes.GRADIENTS)
    try:
        native().run_pass(KEEP if keep else 0, None, None, leaves, edge, grad)
        if leaves:
            _finish(None, leaves)
        if at_end:
            _end()
    except BaseException:
        at_end.pop(threading.get_ident(), None)
        raise
    finally:
        if before & modes.GRADIENTS:
            modes.set_mode(before)


def call_at_end(key: Any, function: Callable[[], None]) -> None:
    """Has a function called, once for its key, when the backward pass that goes on in this thread has ended well."""
    at_end.setdefault(threading.get_ident(), {})[key] = function


def _end() -> None:
    for called in at_end.pop(threading.get_ident(), {}).values():
        called()


class _Wanted:
    """The tensors whose gradients alone are asked for."""

    def __init__(self, inputs: Sequence[Any], accumulate: bool) -> None:
        self.inputs, self.accumulate = inputs, accumulate
        self.edges = [edge_of(t) for t in inputs]
        self.leaves = {id(e) for e in self.edges if not isinstance(e, Node | OutputOf)}
        self.captured: dict[Node, set[int]] = {}
        for e in self.edges:
            if isinstance(e, Node | OutputOf):
                node, index = _place(e)
                self.captured.setdefault(node, set()).add(index)
        self.beyond: set[Node] = set()  # nodes with something wanted behind them
        self.found: dict[Any, Any] = {}

    def guide(self, roots: Sequence[Any]) -> dict[Node, bool]:
        """The nodes that have to run: True where they run as they are, False where a gradient is taken on the way."""
        reached: set[Node] = set()
        stack = [_place(e)[0] for e in roots if isinstance(e, Node | OutputOf)]
        while stack:
            node = stack.pop()
            if node not in reached:
                reached.add(node)
                stack.extend(_place(e)[0] for e in node._edges if isinstance(e, Node | OutputOf))
        guide: dict[Node, bool] = {}
        for node in sorted(reached, key=lambda n: n._sequence):
            for e in node._edges:
                if id(e) in self.leaves or (isinstance(e, Node | OutputOf) and _place(e)[0] in guide):
                    self.beyond.add(node)
                    break
            if node in self.beyond or node in self.captured:
                guide[node] = node not in self.captured
        return guide

    def take(self, node: Node, grads: Sequence[Any]) -> bool:
        """Takes what is wanted of a node's gradients; whether the node has to run."""
        for index in self.captured.get(node, ()):
            if grads[index] is not None:
                self.found[node, index] = grads[index]
        return node in self.beyond

    def results(self) -> list[Any]:
        """The gradients of the inputs."""
        return [self.found.get(_place(e) if isinstance(e, Node | OutputOf) else id(e)) for e in self.edges]


def _place(edge: Any) -> tuple[Node, int]:
    return (edge.node, edge.index) if type(edge) is OutputOf else (edge, 0)


# What native code asks for


def _on_node(wanted: _Wanted | None, flags: int, node: Node, grad: Any) -> tuple[Any, ...]:
    """Runs a node with all that may be tied to it: hooks, retained gradients, captured gradients."""
    grads: Sequence[Any]
    by_output = grad if type(grad) is dict else {0: grad}
    grads = [by_output.get(i) for i in range(node.outputs)]
    extra = node._extra
    if extra is not None:
        _before(extra, grads)
    if wanted is not None and not wanted.take(node, grads):
        return ()
    grads = tuple(grads)
    if extra is not None:
        for hook in tuple(extra.get("pre", {}).values()):
            grads = _replaced(hook, grads, hook(grads))
    note = extra.pop(NOTE, None) if extra is not None else None
    if note is not None:
        node._saved = note.take()
    try:
        outs = node.apply_backward(grads)
        if not isinstance(outs, tuple):
            outs = (outs,)
        if modes.anomaly and modes.anomaly[-1]:
            _check_nan(node, outs)
    except Exception as error:
        if extra is not None and "forward" in extra:
            error.add_note(
                f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{extra['forward']}"
            )
        raise
    finally:
        if flags & KEEP and isinstance(note, Packed):
            node._saved, node.notes()[NOTE] = None, note
    if extra is not None:
        for hook in tuple(extra.get("post", {}).values()):
            outs = _replaced(hook, outs, hook(outs, grads))
    return outs


def _before(extra: dict[str, Any], grads: Any) -> None:
    """Tensor hooks, then retained gradients: both see the sum of what came in for an output."""
    for index, hooks in extra.get("hooks", {}).items():
        if grads[index] is not None:
            grads[index] = call_hooks(hooks, grads[index])
    for index, retained in extra.get("retains", {}).items():
        t = retained()
        if t is not None and grads[index] is not None:
            kept = copied(grads[index])
            t._grad = kept if t._grad is None else added(t._grad, kept)


def call_hooks(hooks: dict[int, Callable[[Any], Any]], grad: Any) -> Any:
    """A gradient after a tensor's hooks. Raises where one returns what is no gradient of this tensor."""
    for hook in tuple(hooks.values()):
        replaced = hook(grad)
        if replaced is not None:
            grad = _fits(hook, grad, replaced)
    return grad


def _fits(hook: Callable[..., Any], grad: Any, replaced: Any) -> Any:
    if not isinstance(replaced, Hooks.tensor_types):
        raise TypeError(f"expected Variable, but hook returned '{type(replaced).__name__}'")
    name = getattr(hook, "__name__", type(hook).__name__)
    if grad is not None and replaced._layout.dtype is not grad._layout.dtype:
        raise RuntimeError(
            f"hook '{name}' has changed the type of value (was {grad._layout.dtype} got {replaced._layout.dtype})"
        )
    if grad is not None and replaced._layout.shape != grad._layout.shape:
        raise RuntimeError(f"hook '{name}' has changed the size of value")
    return replaced


def _replaced(hook: Callable[..., Any], grads: tuple[Any, ...], replaced: Any) -> tuple[Any, ...]:
    """A tuple of gradients after a node's hook."""
    if replaced is None:
        return grads
    result = replaced if isinstance(replaced, tuple) else (replaced,)
    if len(result) != len(grads):
        name = getattr(hook, "__name__", type(hook).__name__)
        raise RuntimeError(
            f"hook '{name}' has returned an incorrect number of values (got {len(result)}, but expected {len(grads)})"
        )
    return tuple([r if r is None else _fits(hook, g, r) for g, r in zip(grads, result)])


def _on_join(have: Any, index: int, grad: Any) -> dict[int, Any]:
    """The gradients of a node's outputs by number, with one more added."""
    joined = have if type(have) is dict else {} if have is None else {0: have}
    old = joined.get(index)
    joined[index] = grad if old is None else added(old, grad)
    return joined


def _on_explain(node: Node) -> None:
    """Raises for a node whose saved tensors are gone or were overwritten."""
    node.check_saved()
    raise RuntimeError(f"{node.name()} returned no gradient")


def _on_leaf(wanted: _Wanted | None, leaves: dict[Any, Any], leaf: Any, grad: Any) -> None:
    """A gradient of a leaf: added at once, or gathered where hooks wait for the sum."""
    if wanted is not None and id(leaf) not in wanted.leaves:
        return
    if leaf._extra is None and (wanted is None or wanted.accumulate):
        _accumulate(leaf, grad, alone=False)
    else:
        have = leaves.get(leaf)
        leaves[leaf] = grad if have is None else added(have, grad)


def _finish(wanted: _Wanted | None, leaves: dict[Any, Any]) -> None:
    """Hands leaves the sums of their gradients, through their hooks."""
    for leaf in tuple(leaves):
        grad = leaves.pop(leaf)
        extra = leaf._extra or {}
        if "hooks" in extra:
            grad = call_hooks(extra["hooks"], grad)
        if wanted is not None and not wanted.accumulate:
            wanted.found[id(leaf)] = grad
            continue
        for hook in tuple(extra.get("pre", {}).values()):
            (grad,) = _replaced(hook, (grad,), hook((grad,)))
        # References to a gradient that nobody else holds: `grad` and the argument of getrefcount.
        alone = not grad._layout.compound and sys.getrefcount(grad) == 2 and sys.getrefcount(grad._storage) == 2
        _accumulate(leaf, grad, alone)
        for hook in tuple(extra.get("accumulated", {}).values()):
            hook(leaf)
        for hook in tuple(extra.get("post", {}).values()):
            hook((), (grad,))


def added(a: Any, b: Any) -> Any:
    """The sum of two gradients. Of a dense and a compound one, such as a sparse one, the dense one is the first."""
    if not (a._layout.compound or b._layout.compound):
        return function("add").run((a, b))
    return function("add").miss(*((b, a) if a._layout.compound and not b._layout.compound else (a, b)))


def copied(grad: Any) -> Any:
    """A gradient in memory of its own."""
    return grad.clone() if grad._layout.compound else function("clone").run((grad,))


def _accumulate(leaf: Any, grad: Any, alone: bool) -> None:
    """Adds to a leaf's gradient: in place, unless the sum itself is to be differentiated."""
    have, lay = leaf._grad, leaf._layout
    if grad._layout.compound or (have is not None and have._layout.compound):
        _accumulate_compound(leaf, have, grad)
    elif type(grad) not in Hooks.tensor_types:
        leaf._grad = grad if have is None else have + grad
    elif modes.mode() & modes.GRADIENTS:
        leaf._grad = function("clone").run((grad,)) if have is None else function("add").run((have, grad))
    elif have is not None:
        with _accumulating:
            function("add_").run((have, grad))
    elif (
        alone
        and not grad._needs
        and grad._layout.strides == lay.strides
        and grad._storage.nbytes == grad._layout.nbytes
    ):
        leaf._grad = grad
    elif lay.dense or lay.meta:
        leaf._grad = laid_out(grad, lay)
    else:
        leaf._grad = function("contiguous").run((grad,))


def _accumulate_compound(leaf: Any, have: Any, grad: Any) -> None:
    if have is None:
        leaf._grad = copied(grad)
    elif modes.mode() & modes.GRADIENTS or not grad._layout.compound:
        leaf._grad = added(have, grad)
    else:
        with _accumulating:
            function("add_").miss(have, grad)


def blank(lay: Layout) -> Any:
    """A tensor of this layout in memory of its own, with whatever lies there."""
    extent = 1 + sum((n - 1) * s for n, s in zip(lay.shape, lay.strides)) if lay.numel else 0
    return native().make_tensor(lay, native().allocate_storage(0 if lay.meta else extent * lay.dtype.itemsize), 0)


def laid_out(t: Any, lay: Layout) -> Any:
    """A copy of a tensor in a given layout."""
    made = blank(lay)
    function("copy_").run((made, t))
    return made


def _check_nan(node: Node, outs: tuple[Any, ...]) -> None:
    for i, o in enumerate(outs):
        if o is not None and o._layout.compound:
            o = o._values()
        if o is not None and function("any").run((function("ne").run((o, o)),)).item():
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output.")
