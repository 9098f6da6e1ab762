"""Whole Jacobians and Hessians: a product with every unit vector, all at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..eager import Tensor
from ..eager.batched import units
from ..utils import _pytree as pytree
from .derivatives import Argnums, jvp, of_chosen, vjp
from .mapping import vmap


def _parts(whole: Any, tensors: Sequence[Any]) -> list[Any]:
    """The rows of a matrix of all unit vectors, for each tensor in the tensor's shape."""
    pieces = whole.split([t.numel() for t in tensors], 0)
    return [p.reshape((*t.shape, *whole.shape[1:])) for p, t in zip(pieces, tensors)]


def _check_chunk(name: str, size: int | None) -> None:
    if size is not None and size <= 0:
        raise ValueError(f"{name}: `chunk_size` should be greater than 0.")


def jacrev(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    r"""Makes a function that returns the Jacobian of `func`, by reverse mode: one product for each output element.

    Args:
        func (callable): takes tensors, or trees of them, and returns tensors.
        argnums (int or tuple of int): the arguments to differentiate by. Default: ``0``
        has_aux (bool): whether `func` returns something beside its output, which is returned, too. Default: ``False``
        chunk_size (int, optional): how many rows at once; None takes all.

    The Jacobian of an output of shape :math:`(*o)` by an input of shape :math:`(*i)` is of shape :math:`(*o, *i)`.

    Example::

        >>> import kagari as torch
        >>> torch.func.jacrev(torch.sin)(torch.zeros(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    _check_chunk("jacrev", chunk_size)

    @functools.wraps(func)
    def of(*args: Any, **kwargs: Any) -> Any:
        of_leaves, leaves, spec = of_chosen(func, args, kwargs, argnums)
        output, pullback, *aux = vjp(of_leaves, *leaves, has_aux=has_aux)
        outputs, out_spec = pytree.tree_flatten(output)

        def pull(*cotangents: Any) -> Any:
            return pullback(pytree.tree_unflatten(cotangents, out_spec))

        rows = vmap(pull, chunk_size=chunk_size)(*units(outputs))
        by_input = [_parts(row, outputs) for row in rows]
        found = []
        for k in range(len(outputs)):
            made = pytree.tree_unflatten([parts[k] for parts in by_input], spec)
            found.append(made[0] if isinstance(argnums, int) else made)
        result = pytree.tree_unflatten(found, out_spec)
        return (result, aux[0]) if has_aux else result

    return of


def jacfwd(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    r"""Makes a function that returns the Jacobian of `func`, by forward mode: one product for each input element.

    `randomness` says what random functions in `func` do, as in `vmap`. See `jacrev` for the rest.

    Example::

        >>> import kagari as torch
        >>> torch.func.jacfwd(torch.sin)(torch.zeros(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    _check_chunk("jacfwd", chunk_size)

    @functools.wraps(func)
    def of(*args: Any, **kwargs: Any) -> Any:
        of_leaves, leaves, spec = of_chosen(func, args, kwargs, argnums)
        shown: list[Any] = []

        def push(*columns: Any) -> Any:
            _, slopes, *aux = jvp(of_leaves, tuple(leaves), columns, has_aux=has_aux)
            shown[:] = [pytree.tree_structure(slopes), aux]
            return tuple(pytree.tree_leaves(slopes)), tuple(aux)

        columns, aux = vmap(push, randomness=randomness, chunk_size=chunk_size)(*units(leaves))
        found = []
        for column in columns:
            parts = []
            for part, t in zip(_parts(column, leaves), leaves):
                ahead = tuple(range(t.ndim))
                parts.append(part.movedim(ahead, tuple(range(-t.ndim, 0))) if ahead else part)
            made = pytree.tree_unflatten(parts, spec)
            found.append(made[0] if isinstance(argnums, int) else made)
        result = pytree.tree_unflatten(found, shown[0])
        if not has_aux:
            return result
        return result, pytree.tree_map(lambda t: t[0] if isinstance(t, Tensor) else t, aux[0])

    return of


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    r"""Makes a function that returns the second derivatives of `func`: `jacfwd` of `jacrev`.

    Example::

        >>> import kagari as torch
        >>> torch.func.hessian(lambda x: (x**3).sum())(torch.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
