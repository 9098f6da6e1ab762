"""Classes with some of their arguments given: what configurations hold in place of observers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


class _PartialWrapper:
    """A class, or another callable, with arguments given; some of them are made anew in each call."""

    def __init__(self, p: functools.partial[Any]) -> None:
        self.p = p
        self.callable_args: dict[str, Callable[[], Any]] = {}

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        made = {name: make() for name, make in self.callable_args.items() if name not in keywords}
        return self.p(*args, **{**keywords, **made})

    def __repr__(self) -> str:
        return repr(self.p) + repr(self.callable_args)

    def with_args(self, **kwargs: Any) -> _PartialWrapper:
        """The same with further arguments given."""
        made = _PartialWrapper(functools.partial(self.p, **kwargs))
        made.callable_args = dict(self.callable_args)
        return made

    def with_callable_args(self, **kwargs: Callable[[], Any]) -> _PartialWrapper:
        """The same with further arguments that are made anew in each call."""
        made = _PartialWrapper(self.p)
        made.callable_args = {**self.callable_args, **kwargs}
        return made


def with_args(cls_or_self: Any, **kwargs: Any) -> _PartialWrapper:
    """A class with arguments given, to be called with the others.

    >>> from kagari.ao.quantization import MinMaxObserver
    >>> MinMaxObserver.with_args(quant_min=0, quant_max=127)()
    MinMaxObserver(min_val=inf, max_val=-inf)
    """
    return _PartialWrapper(functools.partial(cls_or_self)).with_args(**kwargs)


def with_callable_args(cls_or_self: Any, **kwargs: Callable[[], Any]) -> _PartialWrapper:
    """A class with arguments given by functions, which each call of it calls."""
    return _PartialWrapper(functools.partial(cls_or_self)).with_callable_args(**kwargs)


__all__ = ["with_args", "with_callable_args"]
