"""Functions on functions: a module as a function of its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..eager import Tensor
from ..nn import Module
from ..nn.utils.stateless import call_with, joined


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: dict[str, Tensor] | Sequence[dict[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    r"""Calls a module with other parameters and buffers than its own, which it has again afterwards.

    Args:
        module (Module): what is called.
        parameter_and_buffer_dicts (dict, or sequence of dict): the tensors by their paths. Those that are not given
            stay the module's own. What the call writes into a buffer is written into the one that was given.
        args (tuple, or anything): the arguments; what is no tuple is the only one.
        kwargs (dict, optional): the keyword arguments.
        tie_weights (bool): whether a tensor that the module has in several places is replaced in all of them.
            Default: ``True``
        strict (bool): whether every tensor of the module has to be given, and no other. Default: ``False``

    Raises RuntimeError where ``strict`` finds something, ValueError for two tensors for one that is tied.

    Example::

        >>> import kagari as torch
        >>> layer = torch.nn.Linear(2, 1, bias=False)
        >>> torch.func.functional_call(layer, {"weight": torch.ones(1, 2)}, torch.tensor([3.0, 4.0])).tolist()
        [7.0]
    """
    return call_with(module, joined(parameter_and_buffer_dicts), args, kwargs, tie_weights, strict)


__all__ = ["functional_call"]
