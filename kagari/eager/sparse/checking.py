"""`gradcheck` of functions of sparse tensors."""

from __future__ import annotations

from collections.abc import Callable
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


def as_sparse_gradcheck(gradcheck: Callable[..., bool]) -> Callable[..., bool]:
    """A `gradcheck` that takes sparse inputs."""

    def check(func: Callable[..., Any], inputs: Any, **options: Any) -> bool:
        given = inputs if isinstance(inputs, tuple | list) else (inputs,)
        sparse = [isinstance(t, Coo | Compressed) for t in given]
        like = [t.coalesce().detach() if isinstance(t, Coo) else t.detach() if s else t for t, s in zip(given, sparse)]

        def plain(*values: Any) -> Any:
            found = func(*[_of_values(t, v) if s else v for t, v, s in zip(like, values, sparse)])
            return tuple(map(_values_of, found)) if isinstance(found, tuple | list) else _values_of(found)

        leaves = []
        for t, own, s in zip(given, like, sparse):
            leaf = _values_of(own).detach().clone().requires_grad_(t.requires_grad) if s else t
            leaves.append(leaf)
        options.pop("masked", None)
        return gradcheck(plain, tuple(leaves), **options)

    return check
