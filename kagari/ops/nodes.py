"""What PyTorch calls the nodes of gradients, which tensors print: `AddBackward0`.

A name is the operator's in capitalised parts, `Backward`, and which of its forms it was. Where PyTorch has several
forms, or makes an operator of others, of which the last one is seen, the record says it in `node`: as it is, or as a
function of the arguments of a call, of which those that are left out at the end are missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Arguments = tuple[Any, ...]
Named = Callable[[Arguments], str]


def given(args: Arguments, position: int) -> Any:
    """The argument at a position, or None."""
    return args[position] if len(args) > position else None


def rank(args: Arguments, position: int = 0) -> int:
    """How many dimensions an argument has."""
    return len(args[position].shape)


def is_tensor(x: Any) -> bool:
    """Whether an argument is a tensor and no number."""
    return hasattr(x, "shape")


def if_given(name: str, position: int = 1) -> Named:
    """Form 1 where an argument is given, such as a dimension, and 0 elsewhere."""
    return lambda args: f"{name}Backward{int(given(args, position) is not None)}"


def if_tensor(name: str, position: int) -> Named:
    """Form 1 where an argument is a tensor, and 0 where it is a number."""
    return lambda args: f"{name}Backward{int(is_tensor(given(args, position)))}"


def reduced(position: int, default: str | int = "mean", none: str = "") -> Named:
    """The last step of a loss: its reduction, or what is before that."""
    last = {"mean": "MeanBackward0", 1: "MeanBackward0", "sum": "SumBackward0", 2: "SumBackward0"}
    return lambda args: last.get(args[position] if len(args) > position else default, none)


def power(args: Arguments) -> str:
    """Of numbers and tensors as base and exponent."""
    return f"PowBackward{0 if not is_tensor(args[1]) else 1 if is_tensor(args[0]) else 2}"


_VIEWS = frozenset(
    (
        "view", "unfold", "slice", "squeeze", "unsqueeze", "permute", "transpose", "t", "expand", "select", "diagonal",
        "alias",
    )
)  # fmt: skip


def spelled(operator: str, namespace: str) -> str:
    """The name that follows from an operator's.

    >>> spelled("log1p", "torch")
    'Log1PBackward0'
    """
    viewed = operator.removesuffix("_copy")
    words = [*(["special"] if namespace == "special" else []), *(viewed if viewed in _VIEWS else operator).split("_")]
    capital = re.sub(r"(\d)([a-z])", lambda m: m[1] + m[2].upper(), "".join(w.capitalize() for w in words))
    return f"{capital}Backward0{'_copy' if viewed in _VIEWS and viewed != operator else ''}"


# PyTorch composes these gradients of other operators, of which the last one is seen.
_PRODUCTS = frozenset((
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Cos", "Cosh", "Digamma", "Erf", "Erfc", "Erfinv", "Exp", "Expm1", "I0",
    "Lgamma", "LinalgVectorNorm", "Logsumexp", "Mish", "Pow", "Prod", "Reciprocal", "Rsqrt", "Silu", "Sin", "Sinh",
    "Std", "Tan", "Var",
))  # fmt: skip
_QUOTIENTS = frozenset(("Atan", "Atanh", "Log", "Log10", "Log1P", "Log2", "Sqrt"))
_NAMED = {
    "LogSoftmax": "LogSoftmaxBackwardData", "Relu": "ThresholdBackward", "Softmax": "SoftmaxBackwardData",
}  # fmt: skip


def of_gradient(node: str) -> str:
    """The name of the node of a gradient that is to be differentiated again, from that of what it is the gradient of.

    >>> of_gradient("PowBackward0"), of_gradient("TanhBackward0")
    ('MulBackward0', 'TanhBackwardBackward0')
    """
    name = node.rstrip("0123456789")
    operator = name.removesuffix("Backward")
    if operator in _PRODUCTS:
        return "MulBackward0"
    if operator in _QUOTIENTS:
        return "DivBackward0"
    return f"{_NAMED.get(operator, name)}Backward0"
