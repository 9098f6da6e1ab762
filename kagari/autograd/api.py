"""The two ways to ask for gradients: `backward`, which fills in `grad`, and `grad`, which returns them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from sys import getrefcount
from typing import Any

from ..base.layout import Layout, layout
from ..engine.function import Hooks
from . import engine
from .engine import blank
from .library import function
from .views import refresh

Tensors = Any

ONLY_INPUTS = (
    "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for other parts "
    "of the graph, please use torch.autograd.backward."
)


def backward(
    tensors: Tensors, grad_tensors: Tensors = None, retain_graph: bool | None = None, create_graph: bool = False,
    grad_variables: Tensors = None, inputs: Tensors = None,
) -> None:  # fmt: skip
    """Adds the gradients of several tensors to the `grad` of the leaves they were computed from.

    Args:
        tensors: the tensors to start from.
        grad_tensors: for each, the gradient of some scalar with respect to it; may be left out for tensors of one
        element. retain_graph: whether what was saved is kept for another pass; as `create_graph` if None. create_graph:
        whether the pass is recorded itself, for gradients of gradients. grad_variables: an old name of `grad_tensors`.
        inputs: the tensors that alone get gradients.

    Raises RuntimeError where nothing recorded how a tensor came about, where what was saved has been let go, and where
    it was overwritten.

    >>> import kagari as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> torch.autograd.backward([(x * x).sum(), x.sum()])
    >>> x.grad
    tensor([3., 5.])
    """
    roots = _listed(tensors)
    if inputs is not None:
        inputs = _fresh(_listed(inputs))
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        for t in inputs:
            t.retain_grad()
    grads = _seeds(roots, grad_tensors if grad_variables is None else grad_variables)
    engine.run(roots, grads, create_graph if retain_graph is None else retain_graph, create_graph, inputs)


def backward_from(root: Any, gradient: Any, keep: bool) -> None:
    """`backward` of one tensor in the usual case: no graph is created, every leaf gets its gradient."""
    if root._base is not None:
        refresh(root)
    if gradient is None and root._needs and root._layout.numel == 1 and not root._layout.dtype.is_complex:
        gradient = one(root._layout)
    else:
        gradient = seed(root, gradient)
    edge = root._grad_fn
    engine.plain(root if edge is None else edge, gradient, keep)


def grad(
    outputs: Tensors, inputs: Tensors, grad_outputs: Tensors = None, retain_graph: bool | None = None, create_graph:
    bool = False, only_inputs: bool = True, allow_unused: bool | None = None, is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:  # fmt: skip
    """The gradients of outputs with respect to inputs, as a tuple; no `grad` is touched.

    Args:
        outputs: the tensors to differentiate.
        inputs: the tensors to differentiate with respect to; for a dictionary of them the result is one, too.
        grad_outputs: a gradient for each output; may be left out for outputs of one element.
        retain_graph: whether what was saved is kept for another pass; as `create_graph` if None.
        create_graph: whether the pass is recorded itself, for gradients of gradients.
        only_inputs: an old option without effect: False warns that `backward` is what reaches other leaves.
        allow_unused: gives None for an input that has no part in the outputs, instead of an error.
        is_grads_batched: whether `grad_outputs` has a stack of gradients for each output, along a dimension in front;
        so has each result then.
        materialize_grads: gives zeros for an input that has no part in the outputs.

    >>> import kagari as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> torch.autograd.grad(x * x, x)
    (tensor(6.),)
    """
    if isinstance(inputs, Mapping):
        options = retain_graph, create_graph, only_inputs, allow_unused, is_grads_batched, materialize_grads
        return dict(zip(inputs, grad(outputs, tuple(inputs.values()), grad_outputs, *options), strict=True))
    if not only_inputs:
        warnings.warn(ONLY_INPUTS, FutureWarning, stacklevel=2)
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    if is_grads_batched:
        return Hooks.batches.each(
            lambda *each: grad(
                outputs, inputs, each, retain_graph, create_graph, True, allow_unused, False, materialize_grads
            ),
            *_listed(grad_outputs),
        )
    roots, wanted = _listed(outputs), _fresh(_listed(inputs))
    if not wanted:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    seeds = _seeds(roots, grad_outputs)
    for t in wanted:
        if not t._needs:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    found = engine.run(
        roots, seeds, create_graph if retain_graph is None else retain_graph, create_graph, wanted, accumulate=False
    )
    for i, g in enumerate(found):
        if g is not None:
            continue
        if materialize_grads:
            found[i] = filled(wanted[i]._layout, 0)
        elif not allow_unused:
            raise RuntimeError(
                f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set "
                "allow_unused=True if this is the desired behavior."
            )
    return tuple(found)


def _listed(tensors: Tensors) -> tuple[Any, ...]:
    return (tensors,) if isinstance(tensors, Hooks.tensor_types) else tuple(tensors)


def _fresh(tensors: tuple[Any, ...]) -> tuple[Any, ...]:
    for t in tensors:
        refresh(t)
    return tensors


def filled(lay: Layout, value: float) -> Any:
    """A contiguous tensor of one value."""
    made = blank(layout(tuple(lay.shape), None, lay.dtype, lay.meta))
    function("fill_").run((made, value))
    return made


_ones: dict[Layout, Any] = {}


def one(lay: Layout) -> Any:
    """The gradient that a backward pass starts from: a 1 of this layout.

    It is kept for the next pass, unless a hook has written to it, or a program has got hold of it.
    """
    found = _ones.get(lay)
    if found is None or found._storage.version or getrefcount(found) > 3:
        found = _ones[lay] = filled(lay, 1)
        found._storage.version = 0
    return found


def _seeds(roots: Sequence[Any], grads: Any) -> list[Any]:
    """The gradient a pass starts from, for each root."""
    grads = [None] * len(roots) if grads is None else _listed(grads)
    if len(grads) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(grads)} gradients")
    return [seed(root, g, i) for i, (root, g) in enumerate(zip(roots, grads))]


def seed(root: Any, grad: Any, index: int = 0) -> Any:
    """The gradient a pass starts from at a root: the one given, or 1. Raises RuntimeError where neither will do."""
    refresh(root)
    lay = root._layout
    if not root._needs:
        raise RuntimeError(f"element {index} of tensors does not require grad and does not have a grad_fn")
    if grad is None:
        if lay.numel != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        if lay.dtype.is_complex:
            raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {lay.dtype}")
        return one(lay)
    if not isinstance(grad, Hooks.tensor_types):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(grad).__name__}")
    if grad._layout.shape != lay.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{index}] has a shape of {grad._layout.shape} and output[{index}] has a "
            f"shape of {lay.shape}."
        )
    return grad if grad._layout.dtype is lay.dtype else function("to_dtype").run((grad, lay.dtype))
