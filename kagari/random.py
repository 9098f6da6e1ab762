"""The default generator of random numbers, under PyTorch's name for what it does."""

from __future__ import annotations

from collections.abc import Generator as Iterating
from collections.abc import Iterable
from contextlib import contextmanager
from typing import Any

from .eager.random import default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state


@contextmanager
def fork_rng(
    devices: Iterable[Any] | None = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str = "cuda",
) -> Iterating[None]:
    """Puts the default generator back into its state at the end of the block.

    Args:
        devices: further devices whose generators are kept. There is none but the CPU here, which always counts.
        enabled (bool): whether to do anything. Default: ``True``

    >>> import kagari as torch
    >>> with torch.random.fork_rng():
    ...     first = torch.rand(2)
    >>> torch.equal(first, torch.rand(2))
    True
    """
    if not enabled:
        yield
        return
    before = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(before)


__all__ = ["default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]
