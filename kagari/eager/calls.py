"""Operators for the use of this floor: the native callable of any record, whether users see it or not."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from ..autograd.library import function
from ..engine.code import native


@cache
def call(name: str) -> Callable[..., Any]:
    """The native function of the operator with this name; a trailing underscore means its in-place form."""
    loaded = native()
    operator = function(name)
    return loaded.operator_function(name, operator.activate(), "")
