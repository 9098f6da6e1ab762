"""In-place operators on the tape, and writing into `out=`.

An in-place operator that wants a gradient computes its result beside the tensor, writes it there and takes over the
result's place on the tape.
"""

from __future__ import annotations

from typing import Any

from ..autograd import modes
from ..autograd.library import function
from ..autograd.node import Node, OutputOf, bare
from ..autograd.views import check_writable, rewrite
from ..base.layout import layout
from ..engine.function import Function
from .blocks import block


def with_gradient(f: Function, args: tuple[Any, ...]) -> Any:
    """An in-place operator where an argument wants a gradient. Raises RuntimeError for leaves and for views of
    leaves.
    """
    target = args[0]
    check_writable(target)
    before = bare(target)
    if modes.mode() & modes.WATCHED:  # there may be hooks, which are given what the node saves before it is overwritten
        with modes.no_grad():
            before = function("clone").run((before,))
    before._needs, before._grad_fn = target._needs, target._grad_fn
    result = function(f.name[:-1]).run((before, *args[1:]))
    if result._layout.shape != target._layout.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(result.shape)}"
        )
    check_cast(result, target)
    made = result._grad_fn
    if result._layout.dtype is not target._layout.dtype:
        result = function("to_dtype").run((result, target._layout.dtype))
    if made is not None:
        _keep_before(made.node if type(made) is OutputOf else made, before)
    with modes.no_grad():
        function("copy_").run((bare(target), result))
    if made is not None:
        if result._grad_fn is made and result._layout is target._layout:
            _keep_after(made.node if type(made) is OutputOf else made, result, target)
        rewrite(target, result._grad_fn)
    return target


def as_it_is(t: Any) -> Any:
    """The tensor with its present history, as an object of its own: what it was before it is overwritten."""
    made = bare(t)
    made._needs, made._grad_fn = t._needs, t._grad_fn
    return made


def overwrite(target: Any, result: Any) -> None:
    """Writes a result with history, of the same shape and dtype, into a tensor, which takes the history over."""
    with modes.no_grad():
        function("copy_").run((bare(target), result))
    rewrite(target, result._grad_fn)


def _keep_before(node: Node, before: Any) -> None:
    """A node that saved what is about to be overwritten keeps a copy of it."""
    saved = node._saved
    if not saved:
        return
    n = len(saved) >> 1
    items, versions = list(saved[:n]), list(saved[n + 1 :])
    for i, s in enumerate(items):
        if (
            getattr(s, "_storage", None) is before._storage
            and s._layout is before._layout
            and s._offset == before._offset
        ):
            with modes.no_grad():
                items[i], versions[i] = function("clone").run((bare(s),)), 0
            items[i]._needs, items[i]._grad_fn = s._needs, s._grad_fn
    node._saved = (*items, saved[n], *versions)


def _keep_after(node: Node, result: Any, target: Any) -> None:
    """A node that saved its result saves the tensor that it was written to: one block of memory less."""
    saved = node._saved
    if saved is None or not any(getattr(s, "_storage", None) is result._storage for s in saved):
        return
    n = len(saved) >> 1
    items, versions = list(saved[:n]), list(saved[n + 1 :])
    for i, s in enumerate(items):
        if getattr(s, "_storage", None) is result._storage and s._layout is target._layout:
            items[i], versions[i] = bare(target), target._storage.version
    node._saved = (*items, saved[n], *versions)


def check_cast(result: Any, target: Any) -> None:
    """Raises RuntimeError for a result of a higher category than the tensor that it is to be written into."""
    have, want = result._layout.dtype, target._layout.dtype
    if have.category > want.category:
        raise RuntimeError(f"result type {have.type_name} can't be cast to the desired output type {want.type_name}")


def write_out(target: Any, value: Any) -> None:
    """Writes a result into a tensor given as `out=`, which is resized where its shape is another.

    Raises RuntimeError where a gradient would have to pass through.
    """
    if modes.is_grad_enabled() and (value._needs or target._needs):
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of the arguments "
            "requires grad."
        )
    check_cast(value, target)
    if value._layout.meta is not target._layout.meta:
        raise RuntimeError(
            f"Attempting to copy from device {value.device} to device {target.device}, but cross-device copies are "
            "not allowed!"
        )
    if target._layout.shape != value._layout.shape:
        lay = layout(tuple(value._layout.shape), None, target._layout.dtype, target._layout.meta)
        if target._storage.nbytes < lay.nbytes + target._offset:
            target._storage, target._offset = block(lay), 0
        target._layout = lay
    function("copy_").run((target, value))
