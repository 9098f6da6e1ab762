"""A compiled module: what `kagari.compile` makes of one."""

from __future__ import annotations

from typing import Any

from ..capture.function import CompiledFunction
from .module import Module


class OptimizedModule(Module):
    """A module whose call is compiled.

    The original one is `_orig_mod`, under which its parameters are found as well: `state_dict()` has keys such as
    ``_orig_mod.weight``. Attributes are those of the original module, both read and written.

    >>> import kagari as torch
    >>> compiled = torch.compile(torch.nn.Linear(2, 1))
    >>> list(compiled.state_dict())
    ['_orig_mod.weight', '_orig_mod.bias']
    """

    _own = frozenset(("_orig_mod", "forward", "fullgraph", "training"))

    def __init__(self, mod: Module, fullgraph: bool = False) -> None:
        super().__init__()
        self._orig_mod, self.fullgraph = mod, fullgraph
        self.forward = CompiledFunction(mod.__call__, fullgraph)
        object.__setattr__(self, "training", mod.training)

    def explain(self) -> Any:
        """What became of the module's calls: see :func:`kagari.compile`."""
        compiled: Any = self.forward
        return compiled.explain()

    def train(self, mode: bool = True) -> OptimizedModule:
        """Sets the original module's mode, and with it this one's."""
        self._orig_mod.train(mode)
        object.__setattr__(self, "training", mode)
        return self

    def __getattr__(self, name: str) -> Any:
        if name in ("_orig_mod", "_modules"):
            raise AttributeError(name)
        return getattr(self._orig_mod, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._own or "_orig_mod" not in vars(self):
            super().__setattr__(name, value)
        else:
            setattr(self._orig_mod, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._orig_mod, name)

    def __len__(self) -> int:
        return len(self._orig_mod)

    def __reduce__(self) -> Any:
        return OptimizedModule, (self._orig_mod, self.fullgraph)


# `kagari.compile` finds it here: it lies below this floor.
Module._as_compiled = OptimizedModule
