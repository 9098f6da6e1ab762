"""Arithmetic with sizes, which may be numbers or stand for one, as exported programs have it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .answering import told

_NUMBERS = (np.integer, np.floating, int, float)


def sym_int(a: Any) -> int:
    """A number as an integer, towards zero.

    >>> import kagari as torch
    >>> torch.sym_int(-2.7)
    -2
    """
    return int(a)


def sym_float(a: Any) -> float:
    """A number as a floating-point number.

    >>> import kagari as torch
    >>> torch.sym_float(2)
    2.0
    """
    return float(a)


def _checked(a: Any, b: Any) -> bool:
    """Whether one of two numbers is a floating-point number. Raises AssertionError for what is no number."""
    for value in (a, b):
        if not isinstance(value, _NUMBERS):
            raise AssertionError(f"expected {_NUMBERS}, got {type(value)}")
    return isinstance(a, float | np.floating) or isinstance(b, float | np.floating)


def sym_max(a: Any, b: Any) -> Any:
    """The greater of two numbers; a floating-point number if one of them is.

    Raises AssertionError for what is no number.

    >>> import kagari as torch
    >>> torch.sym_max(3, 2.0)
    3.0
    """
    floating = _checked(a, b)
    found = max(a, b)
    return float(found) if floating else found


def sym_min(a: Any, b: Any) -> Any:
    """The less of two numbers; a floating-point number if one of them is.

    Raises AssertionError for what is no number.

    >>> import kagari as torch
    >>> torch.sym_min(3, 2.0)
    2.0
    """
    floating = _checked(a, b)
    found = min(a, b)
    return float(found) if floating else found


def sym_not(a: Any) -> bool:
    """Whether something is false.

    >>> import kagari as torch
    >>> torch.sym_not(0)
    True
    """
    return not a


def sym_sqrt(a: Any) -> float:
    """The square root of a number. Raises ValueError for a negative one.

    >>> import kagari as torch
    >>> torch.sym_sqrt(4)
    2.0
    """
    return math.sqrt(a)


def sym_sum(*args: Any) -> Any:
    """The sum of numbers, given one by one or in a sequence.

    >>> import kagari as torch
    >>> torch.sym_sum([1, 2, 3])
    6
    """
    values = args[0] if len(args) == 1 and isinstance(args[0], Iterable) else args
    return sum(values)


def sym_ite(b: Any, t: Any, f: Any) -> Any:
    """One of two values of the same type: the first if ``b`` is true.

    Raises AssertionError where it is no boolean, and for values of different types.

    >>> import kagari as torch
    >>> torch.sym_ite(True, 1, 2)
    1
    """
    if not isinstance(b, bool):
        raise AssertionError(f"expected SymBool or bool, got {type(b)}")
    if type(t) is not type(f):
        raise AssertionError(f"type mismatch: {type(t)} vs {type(f)}")
    return t if b else f


FUNCTIONS = (sym_float, sym_int, sym_ite, sym_max, sym_min, sym_not, sym_sqrt, sym_sum)

for _function in FUNCTIONS:
    told(_function)
