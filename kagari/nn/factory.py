"""The arguments that say where a layer's tensors are made."""

from __future__ import annotations

from typing import Any


def factory_kwargs(kwargs: dict[str, Any] | None) -> dict[str, Any]:
    r"""The ``device``, ``dtype`` and ``memory_format`` among the keyword arguments of a layer.

    They may stand in ``kwargs`` themselves or in ``kwargs["factory_kwargs"]``. Raises TypeError for one that stands in
    both, and for any other.

    Example::

        >>> from kagari import nn
        >>> sorted(nn.factory_kwargs({"device": "cpu", "factory_kwargs": {"dtype": None}}).items())
        [('device', 'cpu'), ('dtype', None)]
    """
    if kwargs is None:
        return {}
    known = ("device", "dtype", "memory_format")
    unknown = kwargs.keys() - {*known, "factory_kwargs"}
    if unknown:
        raise TypeError(f"unexpected kwargs {unknown}")
    found = dict(kwargs.get("factory_kwargs", {}))
    for name in known:
        if name in kwargs:
            if name in found:
                raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
            found[name] = kwargs[name]
    return found


__all__ = ["factory_kwargs"]
