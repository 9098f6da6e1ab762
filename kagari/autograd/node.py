"""The tape: a node for each operator call that wants a gradient, tied to those of its inputs by edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..engine.code import native
from ..engine.function import BACKWARDS, Hooks
from . import modes
from .saved import NOTE, Packed, SavedTensor

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
    "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
    "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved "
    "tensors after calling backward."
)


# Nodes of operators that take a number as they take a tensor: it has its place, without a history.
_ARITHMETIC = frozenset(["AddBackward0", "SubBackward0", "MulBackward0", "DivBackward0"])


class Node:
    """A step of the backward pass.

    An edge is another node, a leaf tensor, an `OutputOf` for all but the first output of a node, or None. Nodes of
    operators are made by the resident code (resident/tape.py, `record_node`), with the `Tape` of their plan. What is
    saved is a tuple: the values, the sizes that the backward operator takes, the version of each value; None when it
    was let go.
    """

    __slots__ = ("_tape", "_saved", "_edges", "_sequence", "_extra", "__weakref__")

    called: ClassVar[bool] = False  # whether the class has the name of its nodes
    _tape: Any
    _saved: tuple[Any, ...] | None
    _edges: tuple[Any, ...]
    _sequence: int
    _extra: dict[str, Any] | None

    def begin(self, edges: tuple[Any, ...]) -> None:
        """Puts a node that Python made on the tape, as the youngest."""
        self._tape, self._saved, self._extra = None, (), None
        self._edges, self._sequence = edges, native().next_sequence(None)

    def name(self) -> str:
        """The name of the operator's backward, such as `AddBackward0`."""
        return self._tape.name

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes this one hands gradients to, each with the number of its output, and None for
        tensors that need none.
        """
        found = [(named(node), output) for node, output in map(as_function, self._edges)]
        if self._tape is None:
            return tuple(found)
        at, nothing = dict(zip(self._tape.edges, found, strict=True)), (None, 0)
        shown = [at.get(place, nothing) for place in BACKWARDS[self._tape.backward].operands]
        return (*shown, nothing) if len(shown) == 1 and self.name() in _ARITHMETIC else tuple(shown)

    def apply_backward(self, grads: tuple[Any, ...]) -> Any:
        """The gradients of the inputs, one for each edge, from those of the outputs.

        Raises RuntimeError where what was saved is gone or was changed.
        """
        self.check_saved()
        saved, tape = self._saved, self._tape
        assert saved is not None
        n = len(saved) >> 1
        # Backward operators take dense gradients.
        grads = tuple([g.to_dense() if g is not None and g._layout.compound else g for g in grads])
        if modes.mode() & modes.GRADIENTS:
            values = [v if code >= 0 else self._restored(v, ~code) for v, code in zip(saved, tape.saved)]
            return BACKWARDS[tape.backward].exact.miss(*values, saved[n], *grads)
        return tape.backward(*saved[: n + 1], *grads)

    def _restored(self, value: Any, output: int) -> Any:
        """A saved output with its place on the tape, for gradients of gradients."""
        if output >= self.outputs:
            return value
        alias = bare(value)
        alias._grad_fn, alias._needs = self if output == 0 else OutputOf(self, output), True
        return alias

    def saved_as(self, i: int, t: Any) -> tuple[Any, Any]:
        """A tensor that is saved, with its place on the tape, and the edge that it has beside what the node knows."""
        code = self._tape.saved[i]
        return (t, edge_of(t)) if code >= 0 else (self._restored(t, ~code), None)

    @staticmethod
    def with_history(t: Any, edge: Any) -> Any:
        """A tensor with the place on the tape of one that it stands for."""
        if edge_of(t) is edge:
            return t
        made = bare(t)
        if edge is not None:
            if isinstance(edge, Hooks.tensor_types):
                leaf, edge = edge, _Relay()
                edge.begin((leaf,))
            made._grad_fn, made._needs = edge, True
        return made

    def __getattr__(self, name: str) -> Any:
        """What is saved of an argument, `_saved_self`, or of the result, `_saved_result`; None for other arguments.

        `_raw_saved_self` is the place it is saved in.
        """
        raw, is_saved, of = name.partition("_saved_")
        tape = self._tape if is_saved and raw in ("", "_raw") else None
        if tape is not None:
            backward = BACKWARDS[tape.backward]
            if of in backward.saved_names:
                i = backward.saved_names.index(of)
                return SavedTensor(self, i) if raw else self._saved_value(i)
            if of in backward.argument_names:
                return None
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def _saved_value(self, i: int) -> Any:
        if self._saved is None and isinstance(note := self.notes().get(NOTE), Packed):
            return note.take()[i]
        self.check_saved()
        item = self._saved[i]  # type: ignore[index]
        return self.saved_as(i, item)[0] if hasattr(item, "_storage") else item

    def check_saved(self) -> None:
        """Raises RuntimeError where what was saved is gone or was changed."""
        if self._saved is None:
            raise RuntimeError(FREED)
        n = len(self._saved) >> 1
        for i, item in enumerate(self._saved[:n]):
            storage = getattr(item, "_storage", None)
            if storage is not None and storage.version != self._saved[n + 1 + i]:
                code = self._tape.saved[i]
                made_by, output = (self, ~code) if code < 0 else as_function(item._grad_fn)
                raise changed(item, self._saved[n + 1 + i], made_by, output)

    @property
    def outputs(self) -> int:
        """How many outputs the operator had."""
        return len(self._tape.shapes)

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(grad_inputs, grad_outputs)` after this node ran; what it returns replaces `grad_inputs`."""
        return RemovableHandle(self.notes().setdefault("post", {}), hook)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(grad_outputs)` before this node runs; what it returns replaces them."""
        return RemovableHandle(self.notes().setdefault("pre", {}), hook)

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for whoever wants to note something."""
        return self.notes().setdefault("metadata", {})

    def notes(self) -> dict[str, Any]:
        """What is rarely there: hooks, retained gradients, the forward line."""
        if self._extra is None:
            self._extra = {}
        return self._extra

    def __repr__(self) -> str:
        return f"<{self.name().rpartition('::')[2]} object at {id(self):#x}>"


_classes: dict[tuple[type[Node], str], type[Node]] = {}


def named(node: Any) -> Any:
    """The node, of a class that is called as it: PyTorch's nodes are told by `type(y.grad_fn).__name__`.

    The resident code makes nodes of one class. One that a program looks at changes it; it runs by way of Python then.
    """
    kind = type(node)
    if not issubclass(kind, Node) or kind.called:
        return node
    name = node.name().rpartition("::")[2]
    found = _classes.get((kind, name))
    if found is None:
        body = {"__slots__": (), "__module__": "builtins", "__doc__": kind.__doc__, "called": True}
        found = _classes[kind, name] = type(name, (kind,), body)
    node.__class__ = found
    return node


def changed(item: Any, version: int, made_by: Node | None, output: int) -> RuntimeError:
    """The error for a saved tensor that was written to."""
    kind = item._layout.dtype.type_name
    of = ""
    if made_by is not None:
        name = made_by.name().rstrip("0123456789").removesuffix("Backward")
        of = f", which is output {output} of {name},"
    hint = (
        "the notes of this error show the operation that failed to compute its gradient. The variable in question was "
        "changed in there or anywhere later. Good luck!"
    )
    if not modes.anomaly:
        hint = (
            "enable anomaly detection to find the operation that failed to compute its gradient, with "
            "torch.autograd.set_detect_anomaly(True, check_nan=False)."
        )
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[torch.{kind}Tensor {list(item._layout.shape)}]{of} is at version {item._version}; expected "
        f"version {version} instead. Hint: {hint}"
    )


class _Relay(Node):
    """Hands a gradient on to the leaf that an unpacked tensor stands for."""

    __slots__ = ()
    outputs = 1

    def name(self) -> str:
        """As what it appears in the graph."""
        return "AliasBackward0"

    def apply_backward(self, grads: tuple[Any, ...]) -> Any:
        """The gradient as it came."""
        return grads


class OutputOf:
    """An output of a node other than the first, as the target of an edge."""

    __slots__ = ("node", "index")

    def __init__(self, node: Node, index: int) -> None:
        self.node, self.index = node, index


class AccumulateGrad:
    """How a leaf appears among `next_functions`: the place where its gradient gathers."""

    __slots__ = ("variable",)

    def __init__(self, variable: Any) -> None:
        self.variable = variable

    def name(self) -> str:
        """The name that PyTorch gives it."""
        return "torch::autograd::AccumulateGrad"

    @property
    def next_functions(self) -> tuple[()]:
        """Nothing: the way ends here."""
        return ()

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook((), (grad,))` after the gradient was added to the leaf's."""
        return RemovableHandle(self.variable._notes().setdefault("post", {}), hook)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook((grad,))` before the gradient is added to the leaf's; what it returns replaces it."""
        return RemovableHandle(self.variable._notes().setdefault("pre", {}), hook)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccumulateGrad) and other.variable is self.variable

    def __hash__(self) -> int:
        return hash(self.variable)

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self.variable):#x}>"


class RemovableHandle:
    """Takes a hook away again: by `remove()`, or at the end of a `with`."""

    _next = 0

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> None:
        RemovableHandle._next += 1
        self.hooks, self.id = hooks, RemovableHandle._next
        hooks[self.id] = hook

    def remove(self) -> None:
        """Takes the hook away; does nothing the second time."""
        self.hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def is_standing(t: Any) -> bool:
    """Whether it stands for a tensor in a function that is being transformed."""
    return Hooks.standing is not None and isinstance(t, Hooks.standing)


def bare(t: Any) -> Any:
    """The same memory without a place on the tape."""
    if is_standing(t):
        return t.bare()
    return native().make_tensor(t._layout, t._storage, t._offset)


def edge_of(t: Any) -> Any:
    """Where a tensor's gradient goes: its node, itself where it is a leaf that wants one, None otherwise."""
    return None if not t._needs else t if t._grad_fn is None else t._grad_fn


def as_function(edge: Any) -> tuple[Any, int]:
    """An edge as a node and the number of its output."""
    if edge is None or isinstance(edge, Node):
        return edge, 0
    if isinstance(edge, OutputOf):
        return edge.node, edge.index
    return AccumulateGrad(edge), 0
