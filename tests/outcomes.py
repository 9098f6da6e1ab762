"""The same expression on Kagari and on the oracle, and what comes of it, in a form in which the two can be compared."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest


def described(value: Any, lib: ModuleType) -> Any:
    """A result without its library: tensors as their elements, dtype, strides and whether they want gradients."""
    if isinstance(value, lib.Tensor):
        detached = value.detach()
        elements = detached.float() if value.dtype is lib.bfloat16 else detached
        return (
            str(value.dtype), tuple(value.shape), value.stride(), value.requires_grad, value.is_leaf,
            np.array(elements.numpy()).tolist(),
        )  # fmt: skip
    if isinstance(value, tuple | list):
        return [described(x, lib) for x in value]
    return repr(value)


def evaluated(source: str, lib: ModuleType, names: dict[str, Any]) -> tuple[Any, ...]:
    """What an expression, or statements with the result in `r`, gives or raises."""
    scope = {"torch": lib, "np": np, **names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if ";" in source or source.startswith("r ="):
                exec(source, scope)
                return "gives", described(scope["r"], lib)
            return "gives", described(eval(source, scope), lib)
        except Exception as error:
            return "raises", type(error), str(error).split("\n")[0].strip()


def assert_same(source: str, oracle: ModuleType, kagari: ModuleType, **names: Any) -> None:
    """Compares the two. An error's type may be a subclass; of a message that lists overloads the beginning counts."""
    ours, theirs = (
        evaluated(source, lib, {name: make(lib) for name, make in names.items()}) for lib in (kagari, oracle)
    )
    assert ours[0] == theirs[0], (ours, theirs)
    if ours[0] == "gives":
        assert_equal(ours[1], theirs[1])
        return
    assert issubclass(ours[1], theirs[1]), (ours, theirs)
    said, expected = (text.partition(", but expected")[0] for text in (ours[2], theirs[2]))
    assert said == expected


def assert_equal(ours: Any, theirs: Any) -> None:
    """Descriptions that are equal, NaNs included."""
    assert repr(ours) == repr(theirs)


def assert_same_error(
    call: Callable[[ModuleType], Any], oracle: ModuleType, kagari: ModuleType, exact: bool = True
) -> None:
    """Both raise one type of exception, of which ours may be a subclass unless `exact`, with one text."""
    raised = []
    for lib in (kagari, oracle):
        with pytest.raises(Exception) as caught:  # which one is what is compared
            call(lib)
        raised.append((caught.type, str(caught.value).replace("kagari.", "torch.")))
    (ours, said), (theirs, expected) = raised
    assert ours is theirs or (not exact and issubclass(ours, theirs))
    assert said == expected
