"""Views and in-place changes on the tape.

A change through a view is one of the view's base: the base gets a node that says so (`ChangedView`). The history of
every view of that base is then out of date. Its storage notes the number of the change, and a view whose node is older
gets a new one when it is next used: elements of the base, as it is now (`StridedView`).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from ..base.layout import Layout, layout
from ..engine.code import native
from ..engine.function import Hooks
from . import modes
from .engine import blank, laid_out
from .library import function
from .node import Node, OutputOf, edge_of, is_standing

# Notes of a view made where nothing is recorded, shared by all of them.
UNTRACKED = MappingProxyType({"untracked": True})
_AMBIGUOUS = (
    "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both "
    "the view and the inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or "
    "both outside (if you want the inplace to be tracked)."
)
CHANGED_UNTRACKED = (
    f"A view was created in no_grad mode and is being modified inplace with grad mode enabled. {_AMBIGUOUS}"
)


class ChangedView(Node):
    """The node of a base that was changed through a view: edges to the base before, and to what was written."""

    __slots__ = ("base", "view", "offset")

    def __init__(self, base: Any, view: Any, edges: tuple[Any, Any]) -> None:
        self.begin(edges)
        self.base, self.view, self.offset = base._layout, view._layout, view._offset - base._offset

    def name(self) -> str:
        """PyTorch's name for it."""
        return "torch::autograd::CopySlices"

    @property
    def outputs(self) -> int:
        """The base."""
        return 1

    def apply_backward(self, grads: tuple[Any, ...]) -> tuple[Any, Any]:
        """The gradient outside of the view for the base before, that inside for what was written."""
        if is_standing(grads[0]):
            return self._by_operators(grads[0])
        whole = laid_out(grads[0], self.base)
        part = strided(whole, self.view, self.offset)
        inside = function("clone").run((part,))
        function("zero_").run((part,))
        return whole, inside

    def _by_operators(self, grad: Any) -> tuple[Any, Any]:
        """The same for what stands for a tensor, and has no memory to write to."""
        places = Hooks.batches.places
        flat = function("strided_sum").run((grad, reach(self.base), self.base.strides, 0))
        at = places(self.view, self.offset // self.base.dtype.itemsize)
        inside = function("index_select").run((flat, 0, at))
        rest = function("index_fill").run((flat, 0, at, 0))
        outside = function("index_select").run((rest, 0, places(self.base, 0)))
        shapes = tuple(self.base.shape), tuple(self.view.shape)
        return function("reshape").run((outside, shapes[0])), function("reshape").run((inside, shapes[1]))


class StridedView(Node):
    """The node of a view by its layout alone, whatever made it."""

    __slots__ = ("base", "view", "offset")

    def __init__(self, base: Any, view: Any) -> None:
        self.begin((edge_of(base),))
        self.base, self.view, self.offset = base._layout, view._layout, view._offset - base._offset

    def name(self) -> str:
        """PyTorch's name for it."""
        return "AsStridedBackward0"

    @property
    def outputs(self) -> int:
        """The view."""
        return 1

    def apply_backward(self, grads: tuple[Any, ...]) -> tuple[Any]:
        """The gradient at the view's places, zeros elsewhere. Elements that the view shows repeatedly get the sum."""
        if is_standing(grads[0]) or not self.within():
            return (self.summed(grads[0]),)
        whole = blank(self.base)
        function("zero_").run((whole,))
        grad, lay = grads[0], self.view
        repeated = tuple(d for d, (n, s) in enumerate(zip(lay.shape, lay.strides)) if n > 1 and s == 0)
        if repeated:
            grad = function("sum").run((grad, repeated, True))
            lay = layout(
                tuple(1 if d in repeated else n for d, n in enumerate(lay.shape)), lay.strides, lay.dtype, lay.meta
            )
        function("copy_").run((strided(whole, lay, self.offset), grad))
        return (whole,)

    def within(self) -> bool:
        """Whether the view lies within the base, and shows an element more than once by strides of 0 alone."""
        item = self.base.dtype.itemsize
        if self.offset < 0 or self.offset // item + reach(self.view) > reach(self.base):
            return False
        last = 0
        for step, n in sorted((s, n) for n, s in zip(self.view.shape, self.view.strides) if n > 1 and s):
            if step <= last:
                return False
            last += step * (n - 1)
        return True

    def summed(self, grad: Any) -> Any:
        """The gradient added up over memory that base and view both lie in, seen as the base sees it."""
        at = self.offset // self.base.dtype.itemsize
        before = max(-at, 0)
        extent = before + max(reach(self.base), at + reach(self.view))
        flat = function("strided_sum").run((grad, extent, self.view.strides, before + at))
        if is_standing(flat):
            read = function("index_select").run((flat, 0, Hooks.batches.places(self.base, before)))
            return function("reshape").run((read, tuple(self.base.shape)))
        return strided(flat, self.base, before * self.base.dtype.itemsize)


def reach(lay: Layout) -> int:
    """How many elements of memory a layout spans."""
    return 1 + sum((n - 1) * s for n, s in zip(lay.shape, lay.strides)) if lay.numel else 0


def tell_base(view: Any, source: Any) -> None:
    """Notes whose view a tensor is, as `view_of` of resident/dispatch.py does for views made by operators."""
    view._base = source if source._base is None else source._base
    if not modes.mode() & modes.GRADIENTS:
        view._extra = UNTRACKED


def strided(base: Any, lay: Layout, offset: int) -> Any:
    """A view of a base by layout and offset in bytes."""
    view = native().make_tensor(lay, base._storage, base._offset + offset)
    if modes.mode() & modes.GRADIENTS:
        view._base = base if base._base is None else base._base
        if base._needs:
            view._grad_fn, view._needs = StridedView(base, view), True
    return view


def as_several(name: str, views: tuple[Any, ...]) -> tuple[Any, ...]:
    """Notes of new views that one function made together: none can be changed in place where gradients are wanted.

    So it is in PyTorch, where they have one node, and are no elements of a base to it.
    """
    for i, view in enumerate(views):
        view._extra = {"several": (i, name)}
    return views


def refresh(t: Any) -> None:
    """Gives a view a new place on the tape where its base's history has changed since it got its own.

    Raises RuntimeError for a view that was made where nothing is recorded.
    """
    base = t._base
    if base is None or not t._storage.history or not base._needs:
        return
    edge = t._grad_fn
    node = edge.node if type(edge) is OutputOf else edge
    if node is not None and node._sequence >= t._storage.history:
        return
    kind = t._extra or {}
    if "untracked" in kind:
        raise RuntimeError(
            "A view was created in no_grad mode and its base or another view of its base has been modified inplace "
            "with grad mode enabled. " + _AMBIGUOUS
        )
    if "custom" in kind:
        raise RuntimeError(
            f"{_custom(t)} is a view and its base or another view of its base has been modified inplace. {_FORBIDDEN}"
        )
    if "several" in kind:
        i, name = kind["several"]
        raise RuntimeError(
            f"Output {i} of {name} is a view and its base or another view of its base has been modified inplace. "
            f"{_SEVERAL}"
        )
    t._grad_fn, t._needs = StridedView(base, t), True


Hooks.refresh = staticmethod(refresh)


def check_writable(t: Any) -> None:
    """Raises RuntimeError where an in-place change would lose a gradient that is wanted: for leaves, certain views."""
    base = t._base
    if base is not None:
        kind = t._extra or {}
        if "untracked" in kind:
            raise RuntimeError(CHANGED_UNTRACKED)
        if "custom" in kind:
            raise RuntimeError(f"{_custom(t)} is a view and is being modified inplace. {_FORBIDDEN}")
        if "several" in kind and (base._needs or t._needs):
            i, name = kind["several"]
            raise RuntimeError(f"Output {i} of {name} is a view and is being modified inplace. {_SEVERAL}")
        if (base._needs or t._needs) and base._grad_fn is None:
            raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
    if t._needs and t._grad_fn is None:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")


_FORBIDDEN = (
    "This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic "
    "to handle view+inplace would override the custom backward associated with the custom Function, leading to "
    "incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the custom Function."
)

_SEVERAL = (
    "This view is the output of a function that returns multiple views. Such functions do not allow the output views "
    "to be modified inplace. You should replace the inplace operation by an out-of-place one."
)


def _custom(t: Any) -> str:
    node, index = (t._grad_fn.node, t._grad_fn.index) if type(t._grad_fn) is OutputOf else (t._grad_fn, 0)
    return f"Output {index} of {node.name().removesuffix('Backward')}"


def rewrite(t: Any, edge: Any) -> None:
    """Makes an edge the history of a tensor that was overwritten; of a view, its base's too."""
    base = t._base
    if base is None:
        old = t._grad_fn
        t._grad_fn, t._needs = edge, True
        t._storage.history = _number(edge)
        if t._extra is not None and "retains" in t._extra:
            _move_retained(t, old, edge)
        return
    base._grad_fn, base._needs = ChangedView(base, t, (edge_of(base), edge)), True
    base._storage.history = _number(base._grad_fn)
    t._grad_fn, t._needs = StridedView(base, t), True


def _number(edge: Any) -> int:
    return (edge.node if type(edge) is OutputOf else edge)._sequence


def _move_retained(t: Any, old: Any, new: Any) -> None:
    """A tensor whose gradient is retained has it retained at its new place."""
    index = old.index if type(old) is OutputOf else 0
    kept = (old.node if type(old) is OutputOf else old).notes().get("retains", {}).pop(index, None)
    if kept is None:  # a view in place has moved it already
        return
    index = new.index if type(new) is OutputOf else 0
    (new.node if type(new) is OutputOf else new).notes().setdefault("retains", {})[index] = kept
