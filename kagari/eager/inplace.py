"""In-place operators on the tape, and writing into `out=`.

An in-place operator that wants a gradient computes its result beside the tensor, writes it there and takes over the
result's place on the tape. On a view, the change is one of the view's base as well, and the view's history becomes one
of the base's.
"""

from __future__ import annotations

from typing import Any

from ..autograd import modes
from ..autograd.library import function
from ..autograd.node import Node
from ..base.layout import layout
from ..engine.code import native
from ..engine.function import Function


def with_gradient(f: Function, args: tuple[Any, ...]) -> Any:
    """An in-place operator where an argument wants a gradient. Raises RuntimeError for leaves and for views of
    leaves.
    """
    target = args[0]
    check(target)
    out_of_place = function(f.name[:-1])
    alias = alias_of(target)
    result = out_of_place.run((alias, *args[1:]))
    _keep_original(result, alias)
    if result._layout.shape != target._layout.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(result.shape)}"
        )
    if result._layout.dtype is not target._layout.dtype:
        result = function("to_dtype").run((result, target._layout.dtype))
    overwrite(target, result)
    return target


def alias_of(t: Any) -> Any:
    """The tensor as it is now, with its history, as an object of its own."""
    made = native().make_tensor(t._layout, t._storage, t._offset)
    made._needs, made._grad_fn = t._needs, t._grad_fn
    return made


def _keep_original(result: Any, alias: Any) -> None:
    """Where the backward needs the value that is about to be overwritten, it gets a copy."""
    node = result.grad_fn
    if node is None or type(node) is not Node or not node._saved:
        return
    place = (alias._storage, alias._layout, alias._offset)
    saved, versions = list(node._saved), list(node._versions)
    for i, item in enumerate(saved):
        if (getattr(item, "_storage", None), getattr(item, "_layout", None), getattr(item, "_offset", None)) == place:
            with modes.no_grad():
                saved[i] = function("clone").run((item,))
            versions[i] = saved[i]._storage.version
    node._saved, node._versions = tuple(saved), tuple(versions)


def check(target: Any) -> None:
    """Raises RuntimeError where a tensor that wants a gradient may not be overwritten: a leaf, or a view of one."""
    base = target._base
    if target._needs and target._grad_fn is None:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    if base is not None and base._needs and base._grad_fn is None:
        raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")


def overwrite(target: Any, result: Any) -> None:
    """Writes a result with history into a tensor, which takes the history over."""
    with modes.no_grad():
        plain = native().make_tensor(target._layout, target._storage, target._offset)
        function("copy_").run((plain, result))
    base = target._base
    if base is not None:
        _rebase(base, target, result)
    target._grad_fn, target._needs = result._grad_fn, result._needs


def _rebase(base: Any, view: Any, result: Any) -> None:
    """Gives a base the history of a change made through a view: outside of the view its old one, inside the result's.

    The view's elements of the incoming gradient belong to the result; what is left belongs to the old base.
    """
    node = ChangedView.__new__(ChangedView)
    old = base._grad_fn if base._grad_fn is not None else None
    node._backward = None
    node._saved, node._versions = (), ()
    node._edges = (old, result._grad_fn if result._needs else None)
    node._sequence = next_sequence()
    node._name, node._shapes, node._extra = "CopySlices", (base._layout,), None
    node.view = (view._layout, view._offset - base._offset)
    base._grad_fn, base._needs = node, True


def next_sequence() -> int:
    """The number of the next node on the tape."""
    roots = native().roots
    roots[32] += 1
    return roots[32]


class ChangedView(Node):
    """The node of a base that was changed through a view."""

    __slots__ = ("view",)

    def apply_backward(self, grads: tuple[Any, ...]) -> tuple[Any, Any]:
        (grad,) = grads
        lay, offset = self.view
        whole = function("clone").run((grad,), ()) if not grad._layout.contiguous else function("clone").run((grad,))
        part = native().make_tensor(_strided_as(lay, whole._layout), whole._storage, whole._offset + offset)
        inner = function("clone").run((part,))
        function("zero_").run((part,))
        return whole, inner

    def release(self) -> None:
        pass


def _strided_as(view: Any, base: Any) -> Any:
    """The view's layout within a copy of its base; both are contiguous bases."""
    return layout(tuple(view.shape), view.strides, base.dtype)


def write_out(target: Any, value: Any) -> None:
    """Writes a result into a tensor given as `out=`, which is resized where its shape is another."""
    if value._layout.dtype.category > target._layout.dtype.category:
        names = {
            "float32": "Float",
            "float64": "Double",
            "int64": "Long",
            "bool": "Bool",
            "int32": "Int",
            "float16": "Half",
        }
        have, want = (names.get(t._layout.dtype.name, t._layout.dtype.name) for t in (value, target))
        raise RuntimeError(f"result type {have} can't be cast to the desired output type {want}")
    if target._layout.shape != value._layout.shape:
        lay = layout(tuple(value._layout.shape), None, target._layout.dtype)
        if target._storage.nbytes < lay.nbytes + target._offset:
            target._storage, target._offset = native().allocate_storage(lay.nbytes), 0
        target._layout = lay
    function("copy_").run((target, value))
