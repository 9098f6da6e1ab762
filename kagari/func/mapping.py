"""vmap: a function that is written for one example, called for many."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..eager import Tensor
from ..eager.batched import Vmap
from ..eager.levels import Standing
from ..eager.views import cat
from ..utils import _pytree as pytree

_RANDOMNESS = ("error", "different", "same")


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    r"""Makes a function of many examples from a function of one.

    `vmap(func)(x)` is the stack of `func(x[0])`, `func(x[1])` and so on. The function runs once: every operator in it
    is replaced by one that is derived from it for all examples.

    Args:
        func (callable): takes tensors, or trees of them, and returns tensors.
        in_dims (int, None or tree of them): the dimension of each input along which the examples are; None where all
            examples share the input, as they share what is given by keyword. Default: ``0``
        out_dims (int, None or tree of them): where the examples are in each output. None says that the output does not
            depend on the example. Default: ``0``
        randomness (str): what random functions do: ``"error"``, ``"different"`` numbers for each example, or the
            ``"same"`` ones for all. Default: ``"error"``
        chunk_size (int, optional): how many examples at once; None takes all.

    Raises ValueError where `in_dims` or `out_dims` do not fit or the sizes differ, RuntimeError where the function asks
    for an element (`.item()`, `if x > 0`), needs a shape that depends on elements, writes what each example has into
    what all share, or draws random numbers in ``"error"`` mode.

    Example::

        >>> import kagari as torch
        >>> batched_dot = torch.func.vmap(torch.dot)
        >>> batched_dot(torch.ones(3, 5), torch.ones(3, 5))
        tensor([5., 5., 5.])
        >>> torch.func.vmap(torch.mul, in_dims=(0, None), out_dims=1)(torch.arange(3.0), torch.tensor([1.0, 10.0]))
        tensor([[ 0.,  1.,  2.],
                [ 0., 10., 20.]])
    """
    if randomness not in _RANDOMNESS:
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")
    name = getattr(func, "__name__", repr(func))

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, dims, spec, size = _inputs(name, in_dims, args, kwargs)
        call = functools.partial(_call, functools.partial(func, **kwargs), name, spec, out_dims, randomness)
        if chunk_size is None or chunk_size >= size:
            return call(leaves, dims, size)
        parts = []
        for start in range(0, size, chunk_size):
            n = min(chunk_size, size - start)
            part = [x if d is None else x.narrow(d, start, n) for x, d in zip(leaves, dims)]
            parts.append(call(part, dims, n))
        return _joined(parts, out_dims, name)

    return mapped


def _inputs(
    name: str, in_dims: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Any], list[Any], Any, int]:
    """The leaves of the arguments, the dimension of each that has the examples, the tree, and how many there are."""
    said = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, int | tuple | list):
        raise ValueError(
            f"{said}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, "
            f"got: {type(in_dims)}."
        )
    leaves, spec = pytree.tree_flatten(args)
    if not args and not kwargs:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a "
            "function with no inputs. The latter is unsupported."
        )
    dims = _spread(in_dims if isinstance(in_dims, int) else tuple(in_dims), args)
    if dims is None:
        raise ValueError(
            f"{said}: in_dims is not compatible with the structure of `inputs`. in_dims has structure "
            f"{pytree.tree_structure(in_dims)} but inputs has structure {spec}."
        )
    found = []
    for x, d in zip(leaves, dims):
        if d is not None and not isinstance(d, int):
            raise ValueError(
                f"{said}: Got in_dim={d} for an input but in_dim must be either an integer dimension or None."
            )
        if d is not None and not isinstance(x, Tensor):
            raise ValueError(
                f"{said}: Got in_dim={d} for an input but the input is of type {type(x)}. We cannot vmap over "
                "non-Tensor arguments, please use None as the respective in_dim"
            )
        if d is not None and not -x.ndim <= d < x.ndim:
            raise ValueError(
                f"{said}: Got in_dim={d} for some input, but that input is a Tensor of dimensionality {x.ndim} so "
                f"expected in_dim to satisfy -{x.ndim} <= in_dim < {x.ndim}."
            )
        found.append(d if d is None else d % x.ndim)
    sizes = [x.shape[d] for x, d in zip(leaves, found) if d is not None]
    if not sizes:
        raise ValueError(f"{said}: expected at least one Tensor to vmap over, got none")
    if len({*sizes}) > 1:
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the "
            "mapped dimension"
        )
    return leaves, found, spec, sizes[0]


def _spread(dims: Any, tree: Any) -> list[Any] | None:
    """A dimension for each leaf of a tree, from a tree that may end earlier; None where it does not fit."""
    if isinstance(dims, int) or dims is None:
        return [dims] * len(pytree.tree_leaves(tree))
    if pytree.tree_is_leaf(tree) or pytree.tree_is_leaf(dims):
        return None
    branches: list[Any]
    if isinstance(dims, dict):
        if not isinstance(tree, dict) or dims.keys() != tree.keys():
            return None
        branches = [_spread(dims[k], tree[k]) for k in tree]
    else:
        parts = tree if isinstance(tree, tuple | list) else None
        if parts is None or len(parts) != len(dims) or isinstance(dims, tuple) is not isinstance(tree, tuple):
            return None
        branches = [_spread(d, t) for d, t in zip(dims, parts)]
    if any(b is None for b in branches):
        return None
    return [d for b in branches for d in b]


def _call(
    func: Callable[..., Any],
    name: str,
    spec: Any,
    out_dims: Any,
    randomness: str,
    leaves: Sequence[Any],
    dims: Sequence[Any],
    size: int,
) -> Any:
    with Vmap(size, randomness) as level:
        standing = [x if d is None else level.batched(x.movedim(d, 0) if d else x) for x, d in zip(leaves, dims)]
        outputs = func(*pytree.tree_unflatten(standing, spec))
        found, out_spec = pytree.tree_flatten(outputs)
        places = _places(name, out_dims, outputs, out_spec)
        return pytree.tree_unflatten([_output(name, level, t, d) for t, d in zip(found, places)], out_spec)


def _places(name: str, out_dims: Any, outputs: Any, spec: Any) -> list[Any]:
    places = _spread(out_dims, outputs)
    if places is None and isinstance(out_dims, tuple) and len(out_dims) == 1 and isinstance(outputs, Tensor):
        places = list(out_dims)
    if places is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of "
            f"`outputs`. out_dims has structure {pytree.tree_structure(out_dims)} but outputs has structure {spec}."
        )
    return places


def _output(name: str, level: Vmap, t: Any, dim: Any) -> Any:
    """An output of all examples."""
    if dim is None:
        if level.own(t):
            if t._many:
                raise ValueError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None")
            return t._value
        return t
    if not isinstance(t, Tensor):
        raise ValueError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(t)}. Did you mean to set out_dims= "
            "to None for output?"
        )
    whole = level.examples(t)
    return whole.movedim(0, dim) if dim else whole


def _joined(parts: list[Any], out_dims: Any, name: str) -> Any:
    """The outputs of chunks as those of all examples."""
    spec = pytree.tree_structure(parts[0])
    places = _places(name, out_dims, parts[0], spec)
    columns = zip(*[pytree.tree_leaves(p) for p in parts])
    joined = [column[0] if d is None else cat(column, d) for column, d in zip(columns, places)]
    return pytree.tree_unflatten(joined, spec)


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """The function as it is. In PyTorch it is traced without changes in place; here a trace has none.

    Raises RuntimeError where `remove` is neither ``"mutations"`` nor ``"mutations_and_views"``.

    >>> import kagari as torch
    >>> torch.func.functionalize(lambda x: x.clone().add_(1))(torch.ones(2))
    tensor([2., 2.])
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            f"functionalize(f, remove='mutations'): received invalid argument for remove={remove}. Valid options are:"
            "\n     remove='mutations': all inplace and out= operators will be removed from the program\n     "
            "remove='mutations_and_views': In addition to the above, all aliasing operators will be removed."
        )

    @functools.wraps(func)
    def same(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return same


def debug_unwrap(tensor: Any, *, recurse: bool = True) -> Any:
    """What a tensor inside of a transformed function stands for: to look at, not to compute with.

    >>> import kagari as torch
    >>> def f(x):
    ...     print(torch.func.debug_unwrap(x))
    ...     return x
    >>> _ = torch.func.vmap(f)(torch.arange(3.0))
    tensor([0., 1., 2.])
    """
    while isinstance(tensor, Standing):
        tensor = tensor._value
        if not recurse:
            break
    return tensor


__all__ = ["debug_unwrap", "functionalize", "vmap"]
