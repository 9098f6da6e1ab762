"""`gradcheck` of functions of sparse tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import compressed, tape
from .compressed import Compressed
from .coo import Coo


def _of_values(s: Any, values: Any) -> Any:
    """Values at the places of a sparse tensor."""
    return tape.like("Values", values, s) if isinstance(s, Coo) else compressed.closed("Values", values, s)


def _values_of(t: Any) -> Any:
    """The values of a sparse tensor, which gradients pass; another thing as it is."""
    if isinstance(t, Coo):
        return tape.opened(tape.coalesced(t))
    return compressed.opened(t) if isinstance(t, Compressed) else t


def of_values(func: Callable[..., Any], given: Sequence[Any]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A function as one of the values of its sparse arguments, and these. It raises ValueError for a sparse result."""
    sparse = [isinstance(t, Coo | Compressed) for t in given]
    like = [t.coalesce().detach() if isinstance(t, Coo) else t.detach() if s else t for t, s in zip(given, sparse)]

    def plain(*values: Any) -> Any:
        found = func(*[_of_values(t, v) if s else v for t, v, s in zip(like, values, sparse)])
        if any(isinstance(t, Coo | Compressed) for t in (found if isinstance(found, tuple | list) else (found,))):
            raise ValueError(
                "Sparse output is not supported at gradcheck yet. Please call to_dense(masked_grad=...) on the output "
                "of fn for gradcheck."
            )
        return found

    leaves = []
    for t, own, s in zip(given, like, sparse):
        leaves.append(_values_of(own).detach().clone().requires_grad_(t.requires_grad) if s else t)
    return plain, tuple(leaves)


def as_sparse_gradcheck(gradcheck: Callable[..., bool]) -> Callable[..., bool]:
    """A `gradcheck` that takes sparse inputs, and functions with sparse results."""

    def check(func: Callable[..., Any], inputs: Any, **options: Any) -> bool:
        def dense(*given: Any) -> Any:
            found = func(*given)
            return tuple(map(_values_of, found)) if isinstance(found, tuple | list) else _values_of(found)

        plain, leaves = of_values(dense, inputs if isinstance(inputs, tuple | list) else (inputs,))
        options.pop("masked", None)
        return gradcheck(plain, leaves, **options)

    return check
