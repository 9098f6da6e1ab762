"""One operator on each tensor of a list: `torch._foreach_add` and its like, all of one definition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from .tensor import Tensor

_UNARY = (
    "abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "exp", "expm1", "floor", "frac", "lgamma",
    "log", "log10", "log1p", "log2", "neg", "reciprocal", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh", "sqrt",
    "tan", "tanh", "trunc",
)  # fmt: skip
_WITH_OTHERS = (
    "add", "addcdiv", "addcmul", "clamp_max", "clamp_min", "div", "lerp", "maximum", "minimum", "mul", "pow", "sub",
)  # fmt: skip
_BOTH = (*_UNARY, *_WITH_OTHERS)
NAMES = (*_BOTH, *(f"{name}_" for name in _BOTH), "clone", "copy_", "max", "mm", "norm", "zero_")
# Numbers may stand for tensors in these, which the operators of the same name do not take.
_METHODS = {"maximum": "clamp_min", "minimum": "clamp_max", "maximum_": "clamp_min_", "minimum_": "clamp_max_"}


def _each(name: str, tensors: Any, *others: Any, **options: Any) -> Any:
    """The operator on each tensor: lists give each its own argument, all else is the same for all of them."""
    if name == "pow" and isinstance(tensors, int | float):  # one base, and a list of exponents
        return tuple([tensors**t for t in others[0]])
    if not isinstance(tensors, list | tuple):
        raise TypeError(f"_foreach_{name}(): argument 'self' must be tuple of Tensors, not {type(tensors).__name__}")
    if not tensors:
        raise RuntimeError("Tensor list must have at least one tensor.")
    if name.startswith("addc"):
        first, second, options["value"] = _with_value(others, options)
        others = (first, second)
    rows: list[Any] = [_spread(other, tensors) for other in others]
    named = [dict(zip(options, row)) for row in zip(*[_spread(v, tensors) for v in options.values()])]
    method = getattr(Tensor, _METHODS.get(name, name))
    made = [method(t, *row, **(named[i] if named else {})) for i, (t, *row) in enumerate(zip(tensors, *rows))]
    return list(tensors) if name.endswith("_") else tuple(made)


def _with_value(others: Sequence[Any], options: dict[str, Any]) -> tuple[Any, ...]:
    """The arguments of `addcmul` and `addcdiv` with their factor as the last one: a number, or numbers."""
    value = others[2] if len(others) > 2 else options.pop("scalars", options.pop("value", 1))
    return *others[:2], value.tolist() if isinstance(value, Tensor) else value


def _spread(value: Any, tensors: Sequence[Any]) -> Sequence[Any]:
    """An argument for each tensor. Raises RuntimeError for a list of another length."""
    if not isinstance(value, list | tuple):
        return [value] * len(tensors)
    if len(value) != len(tensors):
        if isinstance(value[0] if value else 0, Tensor):
            raise RuntimeError(
                f"Tensor lists must have the same number of tensors, got {len(tensors)} and {len(value)}"
            )
        raise RuntimeError("Tensor list must have same number of elements as scalar list.")
    return value


def _function(name: str) -> Callable[..., Any]:
    each = partial(_each, name)

    def function(self: Any, *args: Any, **kwargs: Any) -> Any:
        others = [kwargs.pop(key) for key in _OTHERS if key in kwargs]
        return each(self, *args, *others, **kwargs)

    function.__name__ = function.__qualname__ = f"_foreach_{name}"
    function.__doc__ = (
        f"`{name}` on each tensor of a list: a tuple of results{', which are the tensors' if name[-1] == '_' else ''}. "
        "Further arguments are lists of as many tensors or numbers, or the same for all."
    )
    return function


# By these names the arguments after the first one may be given, in this order.
_OTHERS = ("other", "tensor1", "tensors1", "tensor2", "scalar", "exponent", "weight", "weights", "src", "ord")

FUNCTIONS = tuple([_function(name) for name in NAMES])
