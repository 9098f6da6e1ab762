"""A branch that depends on values, as a function: `torch.cond`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .tensor import Tensor


def cond(
    pred: Tensor | bool, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: tuple[Any, ...] = ()
) -> Any:
    r"""What one of two functions gives, by the value of a tensor. An exported program has both of them.

    Args:
        pred (Tensor or bool): with one element, which says whether it is the first function.
        true_fn, false_fn (callable): functions of the operands, whose results are alike.
        operands (tuple): tensors, in nested lists, tuples and dictionaries.

    Raises RuntimeError for other arguments.

    Example::

        >>> import kagari as torch
        >>> x = torch.tensor([4.0])
        >>> torch.cond(x.sum() > 0, lambda x: x.sqrt(), lambda x: -x, (x,))
        tensor([2.])
    """
    check_cond(pred, true_fn, false_fn, operands)
    return (true_fn if pred else false_fn)(*operands)


def check_cond(pred: Any, true_fn: Any, false_fn: Any, operands: Any) -> None:
    """Raises RuntimeError for arguments that :func:`cond` does not take."""
    if not isinstance(pred, bool | Tensor):
        raise RuntimeError(f"Expected pred to be bool or tensor, but got {pred}.")
    if isinstance(pred, Tensor) and pred.numel() != 1:
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    if not callable(true_fn) or not callable(false_fn):
        raise RuntimeError("Expect both branches to be callable.")
    if not isinstance(operands, tuple | list):
        raise RuntimeError(
            "Expect operands to be a tuple of possibly nested dict/list/tuple that only consists of tensor leaves, "
            f"but got {operands}."
        )


FUNCTIONS = (cond,)
