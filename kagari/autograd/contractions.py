"""How many operations the products of a call take, by the formulas of PyTorch's counter, and under which names.

Products of matrices are counted in the graph of the operator, forward and backward, two operations for each
multiplication. Products with a vector have no formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt, prod
from typing import Any
from weakref import WeakKeyDictionary

from ..base.symbols import Size, evaluate
from ..engine.function import BackwardFunction, Function, Hooks
from ..engine.traced import Traced
from ..ir.graph import Graph
from ..ir.simplify import simplify

# The matrices that an operator multiplies, by the numbers of their arguments.
_PRODUCTS = {
    "mm": (0, 1), "bmm": (0, 1), "matmul": (0, 1), "linear": (0, 1), "tensordot": (0, 1), "addmm": (1, 2),
    "addbmm": (1, 2), "baddbmm": (1, 2),
}  # fmt: skip
_NAMED = {"addmm": "addmm", "baddbmm": "baddbmm"}  # the others are mm or, of stacks of matrices, bmm
_CONVOLUTIONS = frozenset((
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "convolution",
))  # fmt: skip
_ATTENTION = "scaled_dot_product_attention"
_COUNTED = frozenset([*_PRODUCTS, *_CONVOLUTIONS, _ATTENTION, "einsum"])
Shape = tuple[int, ...]
_dots: WeakKeyDictionary[Traced, list[tuple[Size, ...]]] = WeakKeyDictionary()  # the sizes of each product


def count(f: Function, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> tuple[str, int] | None:
    """The name of what a call is counted as, and its operations; None for a call that is not counted."""
    backward = isinstance(f, BackwardFunction)
    name = f.name.partition("_backward")[0] if backward else f.name
    if name not in _COUNTED or any(Hooks.standing is not None and isinstance(a, Hooks.standing) for a in args):
        return None
    if not backward:
        args = f.arrange(args, {key: value for key, value in kwargs.items() if key != "out"})
    if name in _CONVOLUTIONS:
        return _convolution(f, name, args, result)
    if name == _ATTENTION:
        return _attention(f, args, result)
    if name == "einsum":
        found = _in_graph(f, args)
        return ("bmm", found) if found else None
    return _product(f, name, args, result)


def is_backward(f: Any) -> bool:
    """Whether an operator is the gradient of another one."""
    return isinstance(f, BackwardFunction)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Hooks.tensor_types)


def _shapes(f: Function, args: Sequence[Any], result: Any, numbers: Sequence[int]) -> list[Shape] | None:
    """The shapes of arguments of the forward call: of what was saved of them, or of their gradients."""
    if not isinstance(f, BackwardFunction):
        return [args[k]._layout.shape for k in numbers]
    there = dict(zip(f.variant.edges, result if isinstance(result, tuple | list) else (result,)))
    there |= dict(zip(f.variant.saved, args))
    found: list[Any] = [there.get(k) for k in numbers]
    return [a._layout.shape for a in found] if all(map(_is_tensor, found)) else None


def _product(f: Function, name: str, args: tuple[Any, ...], result: Any) -> tuple[str, int] | None:
    """Every matrix whose gradient is computed takes as many operations as the product itself."""
    numbers = _PRODUCTS[name]
    shapes = _shapes(f, args, result, numbers)
    backward = isinstance(f, BackwardFunction)
    if shapes is None or (backward and f.name.count("_backward") > 1):
        found = _in_graph(f, args)
        return ("mm", found) if found else None
    ranks = [len(shape) for shape in shapes]
    if name == "matmul" and (ranks[1] == 1 or (ranks[0] == 1 and ranks[1] != 2)):
        return None
    stacked = name != "tensordot" and min(ranks) > 2
    label = "bmm" if stacked else "mm"
    if backward:
        made = [k for k in numbers if k in f.variant.edges]  # type: ignore[attr-defined]
        return (label, len(made) * _multiplied(name, shapes, args[-1])) if made else None
    if name == "linear":
        label = "addmm" if len(args) > 2 and args[2] is not None else "mm"
    return _NAMED.get(name, label), _multiplied(name, shapes, result)


def _multiplied(name: str, shapes: list[Shape], result: Any) -> int:
    """The operations of a product with this result, or of its gradient with one of that shape."""
    numbers = prod(result._layout.shape)
    if name == "tensordot":
        return 2 * isqrt(prod(shapes[0]) * prod(shapes[1]) * numbers)
    return 2 * numbers * shapes[0][-1] * (shapes[0][0] if name == "addbmm" else 1)


def _in_graph(f: Function, args: tuple[Any, ...]) -> int:
    """The operations of all products of matrices in the graph of an operator."""
    traced, sizes = f.traced(args if isinstance(f, BackwardFunction) else Hooks.convert(f, args))
    found = _dots.get(traced)
    if found is None:
        values = simplify(Graph(traced.inputs.values(), traced.outputs)).values()
        found = _dots[traced] = [(*v.shape, v.args[0].shape[-1]) for v in values if v.op == "dot"]
    known = dict(zip(traced.symbols, sizes))
    return sum(2 * prod([evaluate(n, known) for n in numbers]) for numbers in found)


def _convolution(f: Function, name: str, args: tuple[Any, ...], result: Any) -> tuple[str, int] | None:
    shapes = _shapes(f, args, result, (0, 1))
    if shapes is None:
        return None
    x, w = shapes
    backward = isinstance(f, BackwardFunction)
    y = (args[-1] if backward else result)._layout.shape
    channels = 1 - len(w)
    transposed = "transpose" in name or (name == "convolution" and y[channels] != w[0])
    forward = 2 * prod(x if transposed else y) * prod(w[1:])
    if not backward:
        return "convolution", forward
    groups = (y if transposed else x)[channels] // w[1]
    edges = f.variant.edges  # type: ignore[attr-defined]
    # As PyTorch counts: the gradient of grouped weights as if every channel met every other one.
    return "convolution_backward", forward * ((0 in edges) + groups * (1 in edges))


def _attention(f: Function, args: tuple[Any, ...], result: Any) -> tuple[str, int] | None:
    """Two products forward; backward the scores again and two for each of them.

    Where the weights alone are asked for, as there is dropout, they are a product of stacks of matrices.
    """
    backward = isinstance(f, BackwardFunction)
    shapes = _shapes(f, args, result, (0, 1))
    if shapes is None:
        return None
    (query, key), value = shapes, None
    if backward or args[2] is not None:
        value = _shapes(f, args, result, (2,))
    rows = 2 * prod(query[:-1]) * key[-2]
    if value is None:
        return "bmm", rows * query[-1] * (2 if backward else 1)
    if backward:
        return "_scaled_dot_product_flash_attention_backward", rows * (3 * query[-1] + 2 * value[0][-1])
    return "_scaled_dot_product_flash_attention", rows * (query[-1] + value[0][-1])


__all__ = ["count", "is_backward"]
