"""Modules as functions of their parameters, and many modules of one kind as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..eager import Tensor
from ..eager.views import stack
from ..nn import Module, ModuleList
from ..nn.batchnorm import _BatchNorm
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


def stack_module_state(models: Sequence[Module] | ModuleList) -> tuple[dict[str, Any], dict[str, Any]]:
    r"""The parameters and buffers of several modules of one kind, stacked along a new first dimension, for `vmap`.

    Returns the parameters, which are new leaves, and the buffers, each by their paths.

    Raises RuntimeError where there are no modules, and for modules of different classes or modes.

    Example::

        >>> import kagari as torch
        >>> layers = [torch.nn.Linear(2, 1) for _ in range(3)]
        >>> parameters, buffers = torch.func.stack_module_state(layers)
        >>> def call(parameters, buffers, x):
        ...     return torch.func.functional_call(layers[0], (parameters, buffers), (x,))
        >>> torch.func.vmap(call, (0, 0, None))(parameters, buffers, torch.ones(4, 2)).shape
        torch.Size([3, 4, 1])
    """
    if not len(models):
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if len({type(m) for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = [dict(m.named_parameters()) for m in models]
    buffers = [dict(m.named_buffers()) for m in models]
    return {k: _stacked(k, parameters) for k in parameters[0]}, {k: _stacked(k, buffers) for k in buffers[0]}


def _stacked(name: str, states: Sequence[dict[str, Any]]) -> Any:
    """A tensor of each module; a leaf where they want gradients."""
    tensors = [state[name] for state in states]
    wanted = {t.requires_grad for t in tensors}
    if len(wanted) > 1:
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
    if not wanted.pop():
        return stack(tensors)
    return stack([t.detach() for t in tensors]).requires_grad_()


def replace_all_batch_norm_modules_(root: Module) -> Module:
    r"""Has every batch norm of a module normalise by the batch at hand alone, without running statistics.

    Running statistics are written to in place, which `vmap` can't do: all examples share them. Returns the module.

    Example::

        >>> import kagari as torch
        >>> net = torch.func.replace_all_batch_norm_modules_(torch.nn.Sequential(torch.nn.BatchNorm1d(3)))
        >>> net[0].track_running_stats
        False
    """
    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root


__all__ = ["functional_call", "replace_all_batch_norm_modules_", "stack_module_state"]
