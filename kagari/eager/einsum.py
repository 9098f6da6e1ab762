"""`einsum` as users call it: with a text or with lists of numbers, and operands one by one or in a list."""

from __future__ import annotations

import string
import sys
from collections.abc import Sequence
from typing import Any

from ..engine.function import Hooks
from .calls import call

_LETTERS = string.ascii_uppercase + string.ascii_lowercase


def einsum(*args: Any) -> Any:
    r"""Sums of products of elements, as Einstein's notation says it.

    `einsum(equation, *operands)`: the equation has the labels of each operand's dimensions, separated by commas, and
    after `->` those of the result. Elements are multiplied where labels are equal, and summed over labels that the
    result does not have. A repeated label of one operand takes a diagonal, `...` stands for any number of dimensions,
    which broadcast. Without `->` the result has the labels that occur once, in alphabetical order.

    `einsum(operand, labels, ..., labels_of_result)` says the same with numbers from 0 to 51 and `Ellipsis`.

    More than two operands are joined from left to right.

    Raises RuntimeError for an equation that does not fit the operands, or sizes that do not fit each other.

    >>> import kagari as torch
    >>> a, b = torch.tensor([[1, 2], [3, 4]]), torch.tensor([[1, 0], [1, 1]])
    >>> torch.einsum("ij,jk->ik", a, b)
    tensor([[3, 2],
            [7, 4]])
    >>> torch.einsum(a, [0, 0])
    tensor(5)
    """
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    equation, operands = _from_lists(args) if isinstance(args[0], Hooks.tensor_types) else (args[0], args[1:])
    if not isinstance(equation, str):
        raise TypeError(f"einsum(): argument 'equation' (position 1) must be str, not {type(equation).__name__}")
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    for i, x in enumerate(operands):
        if not isinstance(x, Hooks.tensor_types):
            raise TypeError(f"expected Tensor as element {i} in argument 1, but got {type(x).__name__}")
    # Plans are found by the identity of the text.
    return call("einsum")(sys.intern(equation), *operands)


def _from_lists(args: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """The equation that lists of numbers after each operand stand for, and the operands."""
    count = len(args) // 2
    equation = ",".join(_text(args[2 * i + 1]) for i in range(count))
    if len(args) % 2:
        equation += "->" + _text(args[-1])
    return equation, tuple(args[: 2 * count : 2])


def _text(labels: Any) -> str:
    letters: list[str] = []
    for n in labels:
        if n is not ... and not (n >= 0 and n < len(_LETTERS)):
            raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")
        letters.append("..." if n is ... else _LETTERS[n])
    return "".join(letters)


FUNCTIONS = (einsum,)
