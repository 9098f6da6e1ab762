"""Calls of a module with other parameters and buffers than its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ...eager import Tensor
from ..module import Module


def functional_call(
    module: Module,
    parameters_and_buffers: Mapping[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    r"""A deprecated name of :func:`kagari.func.functional_call`, for one dictionary."""
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in a future "
        "version of PyTorch. Please use `torch.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return call_with(module, parameters_and_buffers, args, kwargs, tie_weights, strict)


def call_with(
    module: Module, tensors: Any, args: Any, kwargs: dict[str, Any] | None, tie_weights: bool, strict: bool
) -> Any:
    """Calls a module while it has other tensors; `func.functional_call` says more."""
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with _swapped(module, tensors, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def joined(dictionaries: Any) -> Any:
    """One dictionary of several. Raises ValueError for what are no dictionaries, and for keys in more than one."""
    if isinstance(dictionaries, dict):
        return dictionaries
    if not isinstance(dictionaries, Sequence) or not all(isinstance(part, dict) for part in dictionaries):
        raise ValueError(
            f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(dictionaries)}"
        )
    keys = [key for part in dictionaries for key in part]
    repeated = [key for key in dict.fromkeys(keys) if keys.count(key) > 1]
    if repeated:
        raise ValueError(f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous")
    return {key: value for part in dictionaries for key, value in part.items()}


def _names_of_tensors(module: Module) -> dict[int, list[str]]:
    """The paths of every parameter and buffer, those of one tensor together."""
    found: dict[int, list[str]] = {}
    for members in (module.named_parameters, module.named_buffers):
        for name, tensor in members(remove_duplicate=False):
            found.setdefault(id(tensor), []).append(name)
    return found


def _tied(groups: list[list[str]], tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, each under all names that its tensor in the module has."""
    spread = dict(tensors)
    for group in groups:
        given = [name for name in group if name in tensors]
        if len({id(tensors[name]) for name in given}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(given)}, which are tied. Consider using "
                "tie_weights=False"
            )
        spread.update((name, tensors[given[0]]) for name in group if given)
    return spread


def _check_names(module: Module, known: set[str], given: set[str]) -> None:
    unexpected, missing = sorted(given - known), sorted(known - given)
    if unexpected or missing:
        lines = [f"Error(s) in reparametrizing for {type(module).__name__}:"]
        for kind, names in (("Unexpected", unexpected), ("Missing", missing)):
            if names:
                lines.append(f"\t{kind} key(s): {', '.join(map(repr, names))}.")
        raise RuntimeError("\n".join(lines))


def _table_of(module: Module, path: str) -> tuple[Any, str]:
    """The table that has the member at a path, or the attributes of its module, and its name there."""
    prefix, _, name = path.rpartition(".")
    if not name:
        raise KeyError('tensor name can\'t be empty string ""')
    owner = module.get_submodule(prefix)
    for table in (owner._parameters, owner._buffers):
        if name in table:
            return table, name
    if hasattr(owner, name) and not isinstance(getattr(owner, name), Tensor):
        raise TypeError(f"attribute `{path}`: {getattr(owner, name)} is not an instance of torch.Tensor")
    return owner._buffers, name


@contextmanager
def _swapped(module: Module, tensors: dict[str, Tensor], tie_weights: bool, strict: bool) -> Iterator[None]:
    """Puts tensors in place of the module's own, and those back; what the call has put in place goes to `tensors`."""
    groups = list(_names_of_tensors(module).values())
    spread = _tied(groups, tensors) if tie_weights else dict(tensors)
    if strict:
        _check_names(module, {name for group in groups for name in group}, set(spread))
    before: list[tuple[str, Any, str, bool, Any]] = []
    try:
        for path, tensor in spread.items():
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(f"{tensor} is not an instance of torch.Tensor")
            table, name = _table_of(module, path)
            before.append((path, table, name, name in table, table.get(name)))
            table[name] = tensor
        yield
    finally:
        for path, table, name, was_there, old in reversed(before):
            if path in tensors:
                tensors[path] = table.get(name)
            if was_there:
                table[name] = old
            else:
                table.pop(name, None)


__all__ = ["functional_call"]
