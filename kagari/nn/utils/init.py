"""Modules without their initial values."""

from __future__ import annotations

import inspect
from typing import Any

from ...eager.random import default_generator
from ..module import Module


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Any:
    r"""Makes a module whose parameters and buffers hold whatever lies in memory.

    Args:
        module_cls (type): the class of the module; it has to take ``device``.
        *args, **kwargs: what it is made with.

    Raises RuntimeError for what is no class of modules, and for one that does not take ``device``.

    Example::

        >>> from kagari import nn
        >>> nn.utils.skip_init(nn.Linear, 5, 1)
        Linear(in_features=5, out_features=1, bias=True)
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    parameters = inspect.signature(module_cls).parameters
    if "device" not in parameters and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    device = kwargs.pop("device", "cpu")
    state = default_generator.get_state()
    try:
        return module_cls(*args, **kwargs, device=device).to_empty(device=device)
    finally:
        default_generator.set_state(state)  # what nobody will see is not drawn from the program's stream


__all__ = ["skip_init"]
