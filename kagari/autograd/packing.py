"""Hooks on what nodes save: a tensor is packed where it is saved, and unpacked where the backward pass needs it.

In a region with hooks every call is watched. A node that is new then has its saved tensors taken away; the note in
their place has what `pack` made of them, and gets them back by `unpack`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..engine.code import native
from . import modes
from .saved import pack_saved


class _Region(threading.local):
    def __init__(self) -> None:
        self.hooks: list[tuple[Callable[[Any], Any], Callable[[Any], Any], int]] = []  # and the modes before
        self.forbidden: list[str] = []  # why there may be no hooks
        self.since = 0  # number of the last node that was looked at


_region = _Region()


class saved_tensors_hooks:
    """A region whose nodes hand each tensor that they save to `pack_hook`, and get it from `unpack_hook`.

    `pack_hook(tensor)` returns anything; `unpack_hook` gets that in the backward pass, each time it is needed, and
    returns a tensor with the same contents. Both run without recording of gradients, unless the backward pass itself
    is recorded. Of regions within each other the innermost counts.

    Raises RuntimeError where `disable_saved_tensors_hooks` is on, where `pack_hook` writes to the tensor it gets, and
    where `unpack_hook` returns one of another shape or dtype; TypeError for hooks that can't be called, and where
    `unpack_hook` returns no tensor.

    >>> import kagari as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), lambda kept: torch.tensor(kept)):
    ...     y = x.exp()
    >>> y.sum().backward()
    >>> x.grad
    tensor([2.7183, 2.7183])
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if not callable(self.pack_hook) or not callable(self.unpack_hook):
            kinds = type(self.pack_hook).__name__, type(self.unpack_hook).__name__
            raise TypeError(f"saved_tensors_hooks(): expected two functions, got {kinds[0]} and {kinds[1]}")
        if _region.forbidden:
            raise RuntimeError(_region.forbidden[-1])
        before = modes.mode()
        _region.since = native().next_sequence(None)
        _region.hooks.append((self.pack_hook, self.unpack_hook, before))
        modes.set_mode(before | modes.WATCHED)

    def __exit__(self, *exception: object) -> None:
        modes.restore(modes.WATCHED, _region.hooks.pop()[2])


class save_on_cpu(saved_tensors_hooks):
    """A region whose nodes keep what they save in the CPU's memory, and get it back to the device in the backward pass.

    `pin_memory` asks for memory that is quick to copy to a device of `device_type`; on the CPU there is none.

    >>> import kagari as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.autograd.graph.save_on_cpu():
    ...     y = x.exp()
    >>> y.sum().backward()
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: (t.device, t.cpu()), lambda kept: kept[1].to(kept[0]))


class disable_saved_tensors_hooks:
    """A region in which hooks on saved tensors are an error with this text.

    Raises RuntimeError with it where there are hooks already, or where some are set inside.
    """

    def __init__(self, error_message: str) -> None:
        self.error_message = error_message

    def __enter__(self) -> None:
        if _region.hooks:
            raise RuntimeError(self.error_message)
        _region.forbidden.append(self.error_message)

    def __exit__(self, *exception: object) -> None:
        _region.forbidden.pop()


def pack(node: Any) -> None:
    """Packs what a node saved, where it is new in a region with hooks."""
    region = _region
    if not region.hooks or node._sequence <= region.since:
        return
    region.since = node._sequence
    saved = node._saved
    if saved is None or len(saved) < 2:
        return
    packing, unpacking, _ = region.hooks[-1]
    pack_saved(node, range(len(saved) >> 1), packing, unpacking)
