"""The backward pass, as users start it."""

from __future__ import annotations

from typing import Any

from ..base.layout import Layout, layout
from ..engine.code import native
from ..engine.function import Hooks
from . import engine
from .library import function


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """The backward pass of several tensors; see `Tensor.backward`."""
    roots = (tensors,) if isinstance(tensors, Hooks.tensor_types) else tuple(tensors)
    seeds = seeds_of(roots, grad_tensors)
    if inputs is not None:
        inputs = (inputs,) if isinstance(inputs, Hooks.tensor_types) else tuple(inputs)
        if not inputs:
            raise RuntimeError("'inputs' argument to backward() cannot be empty.")
    engine.run(roots, seeds, create_graph if retain_graph is None else retain_graph, create_graph, inputs)


def grad(
    outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
    allow_unused: bool | None = None, is_grads_batched: bool = False, materialize_grads: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """The gradients of outputs with respect to inputs, as a tuple; no `grad` is touched.

    Raises RuntimeError where an input has no part in the outputs, unless `allow_unused`.

    >>> import kagari as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> torch.autograd.grad(x**3, x)
    (tensor(27.),)
    """
    roots = (outputs,) if isinstance(outputs, Hooks.tensor_types) else tuple(outputs)
    leaves = (inputs,) if isinstance(inputs, Hooks.tensor_types) else tuple(inputs)
    for t in leaves:
        if not t._needs:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    seeds = seeds_of(roots, grad_outputs)
    found = engine.run(
        roots, seeds, create_graph if retain_graph is None else retain_graph, create_graph, leaves, accumulate=False
    )
    for i, g in enumerate(found):
        if g is None:
            if materialize_grads:
                found[i] = filled(leaves[i]._layout, 0)
            elif not allow_unused:
                raise RuntimeError(
                    "One of the differentiated Tensors appears to not have been used in the graph. Set "
                    "allow_unused=True if this is the "
                    "desired behavior."
                )
    return tuple(found)


def seeds_of(roots: tuple[Any, ...], grads: Any) -> list[Any]:
    """The gradient a backward pass starts from, for each root."""
    grads = [None] * len(roots) if grads is None else [grads] if isinstance(grads, Hooks.tensor_types) else list(grads)
    result = []
    for root, g in zip(roots, grads):
        if not root._needs:
            raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
        if g is None:
            if root._layout.numel != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            g = _one(root._layout)
        elif g._layout.shape != root._layout.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{len(result)}] has a shape of {g.shape} and output[{len(result)}] "
                f"has a shape of {root.shape}."
            )
        result.append(g)
    return result


_ones: dict[Layout, Any] = {}


def _one(lay: Layout) -> Any:
    """The gradient that a backward pass starts from: a 1 of this layout, kept and never written to."""
    found = _ones.get(lay)
    if found is None:
        found = _ones[lay] = filled(lay, 1)
    return found


def filled(lay: Layout, value: float) -> Any:
    """A contiguous tensor of one value, with the shape and dtype of a layout."""
    lay = layout(tuple(lay.shape), None, lay.dtype)
    made = native().make_tensor(lay, native().allocate_storage(lay.nbytes), 0)
    return function("fill_").run((made, value))
