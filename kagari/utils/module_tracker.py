"""Which modules are being called, or have their gradient computed: `torch.utils.module_tracker`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from ..autograd import engine
from ..autograd.graph import Node
from ..eager import Tensor
from ..nn import Module
from ..nn.module import register_module_forward_hook, register_module_forward_pre_hook
from ._pytree import tree_leaves


class ModuleTracker:
    """Knows, inside of a ``with`` block, the modules that are being called or have their gradient computed.

    A module is called by its class, and one inside of it by that and its path, such as `Sequential.0`. In a backward
    pass the modules are those that the result, whose gradient was computed last, came from.

    Attributes:
        parents (set of str): the names, and `Global`.
        is_bw (bool): whether a gradient is being computed.

    Example::

        >>> import kagari as torch
        >>> from kagari.utils.module_tracker import ModuleTracker
        >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2))
        >>> with ModuleTracker() as tracker:
        ...     handle = model[0].register_forward_pre_hook(lambda *_: print(sorted(tracker.parents)))
        ...     y = model(torch.ones(1, 2))
        ['Global', 'Sequential', 'Sequential.0']
    """

    def __init__(self) -> None:
        self._region = ExitStack()
        self._forget()

    def _forget(self) -> None:
        self._names: dict[Module, str] = {}
        self._entered: tuple[str, ...] = ()
        self._behind: tuple[str, ...] = ()
        self._known: dict[int, Node] = {}  # nodes that lead to their modules
        self.is_bw = False

    @property
    def parents(self) -> set[str]:
        """The modules that are being called, or else those whose gradient is being computed."""
        return {"Global", *(self._entered or self._behind)}

    @property
    def behind(self) -> set[str]:
        """The modules whose gradient is being computed."""
        return {"Global", *self._behind}

    def __enter__(self) -> ModuleTracker:
        self._region = ExitStack()
        self._region.enter_context(register_module_forward_pre_hook(self._enter))
        self._region.enter_context(register_module_forward_hook(self._leave, always_call=True))
        return self

    def __exit__(self, *exception: object) -> None:
        self._region.close()
        self._forget()

    def _enter(self, module: Module, args: Any) -> None:
        """A module begins. Those inside of it are called after it."""
        name = self._names.setdefault(module, type(module).__name__)
        for inner, child in module.named_children():
            self._names.setdefault(child, f"{name}.{inner}")
        self._entered = (*self._entered, name)

    def _leave(self, module: Module, args: Any, result: Any) -> None:
        """A module ends; what it calls in its gradient hangs on its result."""
        self.tie(result)
        self._entered = self._entered[:-1]

    def tie(self, result: Any) -> None:
        """Has the nodes of a result say which modules they belong to when a backward pass comes to them."""
        modules = self._entered or self._behind
        for tensor in tree_leaves(result):
            node = tensor.grad_fn if isinstance(tensor, Tensor) else None
            if node is not None and id(node) not in self._known:
                self._known[id(node)] = node
                node.register_prehook(lambda grads: self._comes_to(modules))

    def _comes_to(self, modules: tuple[str, ...]) -> None:
        self._behind, self.is_bw = modules, True
        engine.call_at_end(self, self._end_of_pass)

    def _end_of_pass(self) -> None:
        self._behind, self.is_bw = (), False


__all__ = ["ModuleTracker"]
