"""Whole derivatives of functions: Jacobians, Hessians and their products with vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..base.layout import layout
from ..engine.function import Hooks
from .api import filled, grad
from .library import function
from .modes import enable_grad
from .node import bare

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _listed(x: Any, what: str, name: str) -> tuple[tuple[Any, ...], bool]:
    """Tensors as a tuple, and whether they came as one. Raises TypeError for anything else."""
    single = not isinstance(x, tuple | list)
    listed = (x,) if single else tuple(x)
    for i, t in enumerate(listed):
        if not isinstance(t, Hooks.tensor_types):
            which = f"given {what}" if single else f"value at index {i}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the {which} has type "
                f"{type(t)}."
            )
    return listed, single


def _leaves(inputs: Sequence[Any], create_graph: bool) -> tuple[Any, ...]:
    """The inputs as tensors of their own that want gradients; still tied to the originals where a graph is created."""
    if create_graph:
        return tuple([function("alias").run((t,)) if t._needs else t.detach().requires_grad_() for t in inputs])
    return tuple([t.detach().requires_grad_() for t in inputs])


def stacked(rows: list[Any]) -> Any:
    """Tensors of one shape along a new first dimension, a dozen to a kernel."""
    parts = [function("unsqueeze").run((r, 0)) for r in rows]
    while len(parts) > 1:
        parts = [
            function("cat").miss(0, *parts[i : i + 12]) if i + 1 < len(parts) else parts[i]
            for i in range(0, len(parts), 12)
        ]
    return parts[0]


def jacobian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The derivative of every element of `func(*inputs)` by every element of the inputs.

    Args:
        func: takes the inputs as tensors, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        create_graph: whether the result can be differentiated.
        strict: raises RuntimeError where an output does not depend on an input, instead of giving zeros.
        vectorize: whether all products are computed at once, by `vmap`.
        strategy: `"reverse-mode"`, or `"forward-mode"`, a product for each element of the inputs, with `vectorize`.

    Returns for one input and one output a tensor of the output's shape followed by the input's; else tuples, by output
    and then by input.

    >>> import kagari as torch
    >>> torch.autograd.functional.jacobian(lambda x: x * x, torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    given, single_input = _listed(inputs, "inputs", "jacobian")
    if strategy == "forward-mode":
        if not vectorize:
            raise NotImplementedError(
                "Computing Jacobian using forward-AD or forward-over-reverse Hessian is only implemented for "
                "`vectorize=True`."
            )
        if strict:
            raise RuntimeError(
                'torch.autograd.functional.jacobian: `strict=True` and `strategy="forward-mode"` are not '
                'supported together (yet). Please either set `strict=False` or `strategy="reverse-mode"`.'
            )
        return _by_columns(func, given, create_graph, single_input)
    with enable_grad():
        leaves = _leaves(given, create_graph)
        outputs, single_output = _listed(func(*leaves), "outputs of the user-provided function", "jacobian")
        result = tuple([_rows(out, leaves, i, create_graph, strict, vectorize) for i, out in enumerate(outputs)])
    if single_input:
        result = tuple([r[0] for r in result])
    return result[0] if single_output else result


def _by_columns(func: Callable[..., Any], given: tuple[Any, ...], create_graph: bool, single_input: bool) -> Any:
    """The Jacobian by forward mode, all columns at once."""
    inputs = given if create_graph else tuple([bare(t) for t in given])
    single = False

    def push(*columns: Any) -> tuple[Any, ...]:
        nonlocal single
        with Hooks.duals.Jvp() as level:
            duals = [level.dual(t, column) for t, column in zip(inputs, columns)]
            outputs, single = _listed(func(*duals), "outputs of the user-provided function", "jacobian")
            return tuple([level.slope(out) for out in outputs])

    result = []
    for whole in Hooks.batches.each(push, *Hooks.batches.units(inputs)):
        ndim, start, found = whole._layout.ndim, 0, []
        for t in inputs:
            end = start + t._layout.numel
            part = function("slice").run((whole, 0, start, end, 1))
            last = function("permute").run((part, (*range(1, ndim), 0)))
            made = function("reshape").run((last, (*whole._layout.shape[1:], *t._layout.shape)))
            found.append(made if create_graph else bare(made))
            start = end
        result.append(found[0] if single_input else tuple(found))
    return result[0] if single else tuple(result)


def _rows(
    out: Any, leaves: tuple[Any, ...], number: int, create_graph: bool, strict: bool, vectorize: bool
) -> tuple[Any, ...]:
    """The derivative of one output by each input."""
    if vectorize and out._needs and out._layout.numel:
        return _at_once(out, leaves, number, create_graph, strict)
    rows: list[list[Any]] = [[] for _ in leaves]
    flat = function("reshape").run((out, (-1,)))
    for k in range(out._layout.numel):
        found: Sequence[Any] = [None] * len(leaves)
        if out._needs:
            at = function("select").run((flat, 0, k))
            found = grad(at, leaves, retain_graph=True, create_graph=create_graph, allow_unused=True)
        for i, g in enumerate(found):
            if g is None and strict:
                raise _independent(number, i)
            rows[i].append(filled(leaves[i]._layout, 0) if g is None else g)
    shapes = [(*out._layout.shape, *t._layout.shape) for t in leaves]
    return tuple([
        function("reshape").run((stacked(r), shape)) if r else filled(layout(shape, None, t._layout.dtype), 0)
        for r, shape, t in zip(rows, shapes, leaves)
    ])  # fmt: skip


def _at_once(out: Any, leaves: tuple[Any, ...], number: int, create_graph: bool, strict: bool) -> tuple[Any, ...]:
    """The same by one pass for all elements of the output."""
    (unit,) = Hooks.batches.units([out])
    found = grad(
        out, leaves, unit, retain_graph=True, create_graph=create_graph, allow_unused=True, is_grads_batched=True
    )
    result = []
    for i, (g, t) in enumerate(zip(found, leaves)):
        if g is None and strict:
            raise _independent(number, i)
        shape = (*out._layout.shape, *t._layout.shape)
        result.append(
            filled(layout(shape, None, t._layout.dtype), 0) if g is None else function("reshape").run((g, shape))
        )
    return tuple(result)


def _independent(number: int, i: int) -> RuntimeError:
    return RuntimeError(
        f"Output {number} of the user-provided function is independent of input {i}. This is not allowed in strict "
        "mode."
    )


def hessian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The second derivatives of a scalar function by every pair of elements of its inputs.

    Args are those of `jacobian`. Raises RuntimeError where `func` returns more than one element.

    >>> import kagari as torch
    >>> torch.autograd.functional.hessian(lambda x: (x * x * x).sum(), torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    given, single = _listed(inputs, "inputs", "hessian")

    def slope(*leaves: Any) -> Any:
        leaves = tuple([t if t._needs else bare(t).requires_grad_() for t in leaves])
        with enable_grad():
            out = func(*leaves)
        if not isinstance(out, Hooks.tensor_types) or out._layout.numel != 1:
            raise RuntimeError("The Tensor returned by the function given to hessian should contain a single element")
        found = _slopes(out, leaves, strict)
        return found[0] if single else found

    return jacobian(slope, given[0] if single else given, create_graph, strict, vectorize, outer_jacobian_strategy)


def _slopes(out: Any, leaves: tuple[Any, ...], strict: bool) -> tuple[Any, ...]:
    """The gradient of a scalar, itself differentiable."""
    found: Sequence[Any] = [None] * len(leaves)
    if out._needs:
        found = grad(out, leaves, create_graph=True, allow_unused=True)
    if strict and None in found:
        raise RuntimeError(
            f"The output of the user-provided function is independent of input {list(found).index(None)}."
        )
    return tuple([filled(t._layout, 0) if g is None else g for t, g in zip(leaves, found)])


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """`func(*inputs)` and the product of the vector `v` with its Jacobian; `v` may be left out for a scalar.

    >>> import kagari as torch
    >>> torch.autograd.functional.vjp(lambda x: x * x, torch.tensor([1.0, 2.0]), torch.ones(2))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    given, single = _listed(inputs, "inputs", "vjp")
    with enable_grad():
        leaves = _leaves(given, create_graph)
        outputs, single_output = _listed(func(*leaves), "outputs of the user-provided function", "vjp")
        seeds = None if v is None else _listed(v, "vector v", "vjp")[0]
        found = grad(outputs, leaves, seeds, create_graph=create_graph, allow_unused=True)
    if strict and None in found:
        raise RuntimeError(
            f"The output of the user-provided function is independent of input {list(found).index(None)}."
        )
    products = tuple([filled(t._layout, 0) if g is None else g for t, g in zip(leaves, found)])
    values = outputs if create_graph else tuple([o.detach() for o in outputs])
    return values[0] if single_output else values, products[0] if single else products


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """`func(*inputs)` and the product of its Jacobian with the vector `v`, which may be left out for a single number.

    A product from the left with any vector is differentiated by that vector, so the function is differentiated twice.

    >>> import kagari as torch
    >>> torch.autograd.functional.jvp(lambda x: x * x, torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0]))
    (tensor([1., 4.]), tensor([2., 0.]))
    """
    given, single = _listed(inputs, "inputs", "jvp")
    if v is None:
        if not single or given[0]._layout.numel != 1:
            raise RuntimeError(
                "The vector v can only be None if the input to the user-provided function is a single Tensor with a "
                "single element."
            )
        seeds: tuple[Any, ...] = (filled(given[0]._layout, 1),)
    else:
        seeds = _vectors(v, given, single, "jvp")
    with enable_grad():
        leaves = _leaves(given, create_graph)
        outputs, single_output = _listed(func(*leaves), "outputs of the user-provided function", "jvp")
        kept = [i for i, o in enumerate(outputs) if o._needs]
        if strict and len(kept) < len(outputs):
            at = next(i for i, o in enumerate(outputs) if not o._needs)
            raise RuntimeError(
                f"Output {at} of the user-provided function does not require gradients. The outputs must be computed "
                "in a differentiable manner from the input when running in strict mode."
            )
        # The gradient is linear in what it starts from, but rules may tell positive from negative numbers.
        left = [filled(outputs[i]._layout, 1).requires_grad_() for i in kept]
        rows = grad([outputs[i] for i in kept], leaves, left, create_graph=True, allow_unused=True) if kept else ()
        found = _pulled_back(rows, seeds, left, create_graph)
    products = [filled(o._layout, 0) for o in outputs]
    for i, product in zip(kept, found):
        products[i] = products[i] if product is None else product
    values = outputs if create_graph else tuple([o.detach() for o in outputs])
    return values[0] if single_output else values, products[0] if single_output else tuple(products)


def _vectors(v: Any, like: tuple[Any, ...], single: bool, name: str) -> tuple[Any, ...]:
    """The vector as a tuple of tensors, one for each input. Raises RuntimeError where it does not fit them."""
    found = _listed(v, "v", name)[0]
    if len(found) != len(like):
        raise RuntimeError(
            "The given v should contain a single Tensor."
            if single
            else f"v is a tuple of invalid length: should be {len(like)} but got {len(found)}."
        )
    for i, (part, t) in enumerate(zip(found, like)):
        if part.shape != t.shape:
            entry = "" if single else f"Entry {i} in "
            raise RuntimeError(f"{entry}v has invalid size: should be {t.shape} but got {part.shape}.")
    return found


def _pulled_back(outputs: Sequence[Any], seeds: Sequence[Any], leaves: Sequence[Any], create_graph: bool) -> Any:
    """The gradients of the leaves from those of the outputs, None where there are none."""
    pairs = [(o, seed) for o, seed in zip(outputs, seeds) if o is not None and o._needs]
    if not pairs:
        return [None] * len(leaves)
    return grad([o for o, _ in pairs], leaves, [s for _, s in pairs], create_graph=create_graph, allow_unused=True)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """`func(*inputs)`, a scalar, and the product of its Hessian with the vector `v`.

    >>> import kagari as torch
    >>> torch.autograd.functional.hvp(lambda x: (x * x).sum(), torch.tensor([1.0, 2.0]), torch.ones(2))
    (tensor(5.), tensor([2., 2.]))
    """
    return _hessian_product("hvp", func, inputs, v, create_graph, strict)


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """`func(*inputs)`, a scalar, and the product of the vector `v` with its Hessian: that of `hvp`, as it is symmetric.

    >>> import kagari as torch
    >>> torch.autograd.functional.vhp(lambda x: (x * x).sum(), torch.tensor([1.0, 2.0]), torch.ones(2))
    (tensor(5.), tensor([2., 2.]))
    """
    return _hessian_product("vhp", func, inputs, v, create_graph, strict)


def _hessian_product(
    name: str, func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool, strict: bool
) -> tuple[Any, Any]:
    given, single = _listed(inputs, "inputs", name)
    seeds = _vectors(v, given, single, name)
    with enable_grad():
        leaves = _leaves(given, create_graph)
        (out, *_), _ = _listed(func(*leaves), "outputs of the user-provided function", name)
        if out._layout.numel != 1:
            raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")
        found = _pulled_back(_slopes(out, leaves, strict), seeds, leaves, create_graph)
    products = tuple([filled(t._layout, 0) if g is None else g for t, g in zip(leaves, found)])
    return out if create_graph else out.detach(), products[0] if single else products
