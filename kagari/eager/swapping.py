"""Tensors that change places."""

from __future__ import annotations

import weakref
from typing import Any

from .tensor import Tensor

_SLOTS = ("_layout", "_storage", "_offset", "_needs", "_grad_fn", "_grad", "_base", "_extra")


def swap_tensors(t1: Tensor, t2: Tensor) -> None:
    """Exchanges all of two tensors but who they are: whoever holds the one sees what the other was.

    Memory, class, history, gradient and attributes are exchanged. Raises RuntimeError for a tensor that has weak
    references.

    >>> import kagari as torch
    >>> x, y = torch.ones(2), torch.zeros(3)
    >>> torch.utils.swap_tensors(x, y)
    >>> x, y
    (tensor([0., 0., 0.]), tensor([1., 1.]))
    """
    for name, t in (("t1", t1), ("t2", t2)):
        if weakref.getweakrefs(t):
            raise RuntimeError(f"Cannot swap {name} because it has weakref associated with it")
    a: Any = t1
    b: Any = t2
    a.__class__, b.__class__ = b.__class__, a.__class__
    a.__dict__, b.__dict__ = b.__dict__, a.__dict__
    for name in _SLOTS:
        before = getattr(a, name)
        setattr(a, name, getattr(b, name))
        setattr(b, name, before)
