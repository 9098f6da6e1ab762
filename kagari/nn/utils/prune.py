"""Pruning: masks that keep a part of a parameter at zero. How they are computed is in `prune_methods.py`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from ...eager import Tensor
from ...eager import operators as ops
from ..module import Module
from .convert_parameters import parameters_to_vector
from .prune_methods import (
    BasePruningMethod,
    CustomFromMask,
    Identity,
    L1Unstructured,
    LnStructured,
    PruningContainer,
    RandomStructured,
    RandomUnstructured,
)

_M = TypeVar("_M", bound=Module)


def identity(module: _M, name: str) -> _M:
    r"""Gives a parameter a mask of ones: it is pruned, and stays as it was.

    Example::

        >>> from kagari import nn
        >>> layer = nn.utils.prune.identity(nn.Linear(2, 3), "bias")
        >>> layer.bias_mask.tolist()
        [1.0, 1.0, 1.0]
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: _M, name: str, amount: float) -> _M:
    r"""Prunes elements of a parameter at random.

    Pruning makes ``{name}_orig`` the parameter and ``{name}_mask`` a buffer; before each call, ``name`` becomes the
    product of the two. A parameter that is pruned again has the product of the masks.

    Args:
        module (Module): the module that has the parameter.
        name (str): the parameter.
        amount (int or float): how many elements, or which part of them from 0 to 1.

    Example::

        >>> from kagari import nn
        >>> layer = nn.utils.prune.random_unstructured(nn.Linear(2, 3), "weight", amount=1)
        >>> int((layer.weight_mask == 0).sum())
        1
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: _M, name: str, amount: float, importance_scores: Tensor | None = None) -> _M:
    r"""Prunes the elements of a parameter of the least magnitude.

    Args:
        module (Module): the module that has the parameter.
        name (str): the parameter.
        amount (int or float): how many elements, or which part of them from 0 to 1.
        importance_scores (Tensor, optional): whose magnitudes count, instead of those of the parameter.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.Linear(3, 1, bias=False)
        >>> layer.weight.data = torch.tensor([[1.0, -3.0, 2.0]])
        >>> nn.utils.prune.l1_unstructured(layer, "weight", amount=2).weight.tolist()
        [[0.0, -3.0, 0.0]]
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: _M, name: str, amount: float, dim: int) -> _M:
    r"""Prunes slices of a parameter along a dimension at random.

    Args:
        module (Module): the module that has the parameter.
        name (str): the parameter.
        amount (int or float): how many slices, or which part of them from 0 to 1.
        dim (int): the dimension.

    Example::

        >>> from kagari import nn
        >>> layer = nn.utils.prune.random_structured(nn.Linear(2, 3), "weight", amount=1, dim=0)
        >>> sorted(layer.weight_mask.sum(1).tolist())
        [0.0, 2.0, 2.0]
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: _M, name: str, amount: float, n: float | str, dim: int, importance_scores: Tensor | None = None
) -> _M:
    r"""Prunes the slices of a parameter along a dimension that have the least norm.

    Args:
        module (Module): the module that has the parameter.
        name (str): the parameter.
        amount (int or float): how many slices, or which part of them from 0 to 1.
        n (float or str): which norm, as in :func:`kagari.norm`.
        dim (int): the dimension.
        importance_scores (Tensor, optional): whose norms count, instead of those of the parameter.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.Linear(1, 3, bias=False)
        >>> layer.weight.data = torch.tensor([[1.0], [-3.0], [2.0]])
        >>> nn.utils.prune.ln_structured(layer, "weight", amount=1, n=2, dim=0).weight.tolist()
        [[0.0], [-3.0], [2.0]]
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: _M, name: str, mask: Tensor) -> _M:
    r"""Prunes a parameter by a mask of one's own, of zeros and ones.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> layer = nn.utils.prune.custom_from_mask(nn.Linear(2, 2), "bias", torch.tensor([1, 0]))
        >>> layer.bias[1].item() == 0
        True
    """
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    r"""Prunes the elements of several parameters as if they were one.

    Args:
        parameters (iterable): pairs of a module and the name of its parameter.
        pruning_method (type): an unstructured method, such as :class:`L1Unstructured`.
        importance_scores (dict, optional): scores by such pairs, instead of the parameters.
        **kwargs: what the method is made with.

    Example::

        >>> from kagari import nn
        >>> first, second = nn.Linear(2, 2), nn.Linear(2, 2)
        >>> prune = nn.utils.prune
        >>> prune.global_unstructured([(first, "weight"), (second, "weight")], prune.L1Unstructured, amount=4)
        >>> sum(int((layer.weight == 0).sum()) for layer in (first, second))
        4
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pairs = list(parameters)
    given = [getattr(module, name) for module, name in pairs]
    joined = parameters_to_vector([scores.get(pair, tensor) for pair, tensor in zip(pairs, given)])
    masks = [getattr(module, f"{name}_mask", None) for module, name in pairs]
    before = parameters_to_vector(
        [ops.ones_like(tensor) if mask is None else mask for mask, tensor in zip(masks, given)]
    )
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            f'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method {pruning_method} of '
            f"type {method.PRUNING_TYPE}"
        )
    method._tensor_name = "joined"
    mask = PruningContainer(method).compute_mask(joined, before)
    start = 0
    for (module, name), tensor in zip(pairs, given):
        custom_from_mask(module, name, mask[start : start + tensor.numel()].view_as(tensor))
        start += tensor.numel()


def remove(module: _M, name: str) -> _M:
    r"""Makes pruning permanent: the pruned values are the parameter, and the mask is gone.

    Example::

        >>> from kagari import nn
        >>> layer = nn.utils.prune.l1_unstructured(nn.Linear(2, 2), "weight", amount=1)
        >>> list(nn.utils.prune.remove(layer, "weight").state_dict())
        ['bias', 'weight']
    """
    for key, hook in list(module._forward_pre_hooks.items()):
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module: Module) -> bool:
    r"""Whether a parameter of the module or of one below it is pruned.

    Example::

        >>> from kagari import nn
        >>> nn.utils.prune.is_pruned(nn.Sequential(nn.utils.prune.identity(nn.Linear(2, 2), "weight")))
        True
    """
    return any(
        isinstance(hook, BasePruningMethod)
        for part in module.modules()
        for hook in (part._hooks.forward_pre.values() if part._hooks is not None else ())
    )


__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]
