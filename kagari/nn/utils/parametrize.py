"""Parameters computed from others: reading `module.weight` gives `f(original)`, with a module `f` of one's own."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...autograd import no_grad
from ...eager import Tensor
from ..container import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter

_cached: dict[tuple[int, str], Tensor] = {}
_caching = 0


@contextmanager
def cached() -> Iterator[None]:
    r"""Computes each parametrized tensor once inside of the ``with`` block.

    Example::

        >>> from kagari import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
        >>> with nn.utils.parametrize.cached():
        ...     layer.weight is layer.weight
        True
        >>> layer.weight is layer.weight
        False
    """
    global _caching
    _caching += 1
    try:
        yield
    finally:
        _caching -= 1
        if not _caching:
            _cached.clear()


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _overwrite(tensor: Tensor, value: Tensor) -> None:
    """Makes the value the data of a tensor, whatever its shape was."""
    tensor.data = value.detach()


def _inverted(modules: Sequence[Module], value: Any, required: bool) -> Any:
    """What the parametrizations would compute the value from, the last one first."""
    for module in reversed(modules):
        if not hasattr(module, "right_inverse"):
            if required:
                raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
            continue
        try:
            value = module.right_inverse(value)
        except NotImplementedError:
            if required:
                raise
    return value


class ParametrizationList(ModuleList):
    r"""What stands behind one parametrized tensor: the original, or originals, and the modules that compute it.

    The original is ``original``; where the first module's ``right_inverse`` gives several, they are ``original0``,
    ``original1`` and so on.

    Args:
        modules (sequence of Module): the parametrizations, in the order in which they are applied.
        original (Tensor): the parameter or buffer as it was.
        unsafe (bool): whether shape and dtype may change. Default: ``False``

    Example::

        >>> from kagari import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
        >>> [tuple(p.shape) for p in layer.parametrizations.weight.parameters()]
        [(2, 1), (2, 3)]
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with no_grad():
            new = _inverted(list(self), original, required=False)
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1
        if self.is_tensor:
            if new.dtype is not dtype:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {dtype}\nright_inverse(original).dtype: {new.dtype}"
                )
            _overwrite(original, new)
            _register(self, "original", original)
        else:
            self._register_several(original, new)
        if not unsafe:
            self._check(shape, dtype)

    def _register_several(self, original: Tensor, new: Any) -> None:
        expected = "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...)."
        if not isinstance(new, Sequence):
            raise ValueError(f"{expected} Got {type(new).__name__}")
        self.ntensors = len(new)
        for position, part in enumerate(new):
            if not isinstance(part, Tensor):
                raise ValueError(f"{expected} Got element {position} of the sequence with type {type(part).__name__}.")
            if isinstance(original, Parameter):
                part = Parameter(part, original.requires_grad)
            part.requires_grad_(original.requires_grad)
            _register(self, f"original{position}", part)

    def _check(self, shape: Any, dtype: Any) -> None:
        result = self()
        if not isinstance(result, Tensor):
            raise ValueError(f"A parametrization must return a tensor. Got {type(result).__name__}.")
        for what, before, after in (("dtype", dtype, result.dtype), ("shape", shape, result.shape)):
            if before != after:
                raise ValueError(
                    f"Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag is "
                    f"enabled.\nunparametrized {what}: {before}\nparametrized {what}: {after}"
                )

    def originals(self) -> list[Tensor]:
        """The tensors that are kept."""
        names = ["original"] if self.is_tensor else [f"original{position}" for position in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    def right_inverse(self, value: Tensor) -> None:
        """Sets the originals so that the parametrized tensor becomes ``value``, as far as the parametrizations can."""
        with no_grad():
            new = _inverted(list(self), value, required=True)
            if not self.is_tensor:
                if not isinstance(new, Sequence):
                    raise ValueError(f"'right_inverse' must return a sequence of tensors. Got {type(new).__name__}.")
                if len(new) != self.ntensors:
                    raise ValueError(
                        "'right_inverse' must return a sequence of tensors of length "
                        f"{self.ntensors}. Got a sequence of length {len(new)}."
                    )
            parts = [new] if self.is_tensor else list(new)
            for part, original in zip(parts, self.originals()):
                if not isinstance(part, Tensor):
                    raise ValueError(f"`right_inverse` should return a tensor. Got {type(part).__name__}")
                if part.dtype is not original.dtype:
                    raise ValueError(
                        f"The tensor returned by `right_inverse` has dtype {part.dtype} while `original` has dtype "
                        f"{original.dtype}"
                    )
                _overwrite(original, part)

    def forward(self) -> Tensor:
        first, *others = self
        value = first(*self.originals())
        for module in others:
            value = module(value)
        return value


def _refuse_pickling(self: Module) -> Any:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(): save that, and load it into a "
        "module that was parametrized in the same way"
    )


def _deepcopy(self: Module, memo: dict[int, Any]) -> Module:
    replica = type(self).__new__(type(self))
    memo[id(self)] = replica
    state: Any = super(type(self), self).__getstate__()
    replica.__setstate__(copy.deepcopy(state, memo))
    return replica


def _give_own_class(module: Module) -> None:
    """Makes the module the only instance of a class of its own, which can have properties."""
    cls = type(module)
    members: dict[str, Any] = {"__getstate__": _refuse_pickling, "__module__": ParametrizationList.__module__}
    if not hasattr(cls, "__deepcopy__"):
        members["__deepcopy__"] = _deepcopy
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), members)
    module.parametrizations = ModuleDict()


def _add_property(module: Module, name: str) -> None:
    def read(self: Module) -> Tensor:
        if not _caching:
            return self.parametrizations[name]()
        key = id(self), name
        if key not in _cached:
            _cached[key] = self.parametrizations[name]()
        return _cached[key]

    def write(self: Module, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(read, write))


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    r"""Puts a parametrization behind a parameter or buffer of a module.

    Reading ``module.weight`` then computes ``parametrization(original)``; assigning to it goes through
    ``parametrization.right_inverse``, if there is one. The original is the parameter that is trained, and is found at
    ``module.parametrizations.weight.original``. A second parametrization is applied to the result of the first.

    Args:
        module (Module): the module that has the tensor.
        tensor_name (str): the tensor.
        parametrization (Module): what computes it.
        unsafe (bool): whether shape and dtype may change. Default: ``False``

    Raises ValueError where there is no such tensor, or where the parametrization changes its shape or dtype.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> class Symmetric(nn.Module):
        ...     def forward(self, x):
        ...         return x.triu() + x.triu(1).transpose(-1, -2)
        >>> layer = nn.utils.parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
        >>> torch.equal(layer.weight, layer.weight.T)
        True
        >>> [name for name, _ in layer.named_parameters()]
        ['bias', 'parametrizations.weight.original']
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        behind = module.parametrizations[tensor_name]
        if not unsafe:
            _check_next(module, tensor_name, parametrization)
        behind.append(parametrization)
        behind.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        behind = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _give_own_class(module)
        _add_property(module, tensor_name)
        module.parametrizations[tensor_name] = behind
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def _check_next(module: Module, name: str, parametrization: Module) -> None:
    """Checks a parametrization that is to follow others."""
    before = getattr(module, name)
    after = parametrization(before)
    if not isinstance(after, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(after).__name__}.")
    for what in ("dtype", "shape"):
        if getattr(after, what) != getattr(before, what):
            raise ValueError(
                f"Registering a parametrization may not change the {what} of the tensor, unless the `unsafe` flag is "
                f"enabled.\nmodule.{name}.{what}: {getattr(before, what)}\n"
                f"parametrization(module.{name}).{what}: {getattr(after, what)}"
            )
    if not hasattr(parametrization, "right_inverse"):
        return
    try:
        back = parametrization.right_inverse(after)
    except NotImplementedError:
        return
    if not isinstance(back, Tensor):
        raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}")
    for what in ("dtype", "shape"):
        if getattr(back, what) != getattr(before, what):
            raise ValueError(
                f"The tensor returned by parametrization.right_inverse must have the same {what} as module.{name}, "
                f"unless the `unsafe` flag is enabled.\nmodule.{name}.{what}: {getattr(before, what)}\n"
                f"returned {what}: {getattr(back, what)}"
            )


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    r"""Whether a tensor of the module is parametrized, or any of them.

    Example::

        >>> from kagari import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
        >>> parametrize = nn.utils.parametrize
        >>> parametrize.is_parametrized(layer), parametrize.is_parametrized(layer, "bias")
        (True, False)
    """
    behind = getattr(module, "parametrizations", None)
    if not isinstance(behind, ModuleDict):
        return False
    return len(behind) > 0 if tensor_name is None else tensor_name in behind


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    r"""Makes a parametrized tensor an ordinary one again.

    Args:
        module (Module): the module that has the tensor.
        tensor_name (str): the tensor.
        leave_parametrized (bool): whether it keeps the computed value instead of the original's. Default: ``True``

    Example::

        >>> from kagari import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
        >>> nn.utils.parametrize.remove_parametrizations(layer, "weight")
        Linear(in_features=2, out_features=2, bias=True)
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    behind = module.parametrizations[tensor_name]
    if not behind.is_tensor and not leave_parametrized:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    if leave_parametrized:
        value = getattr(module, tensor_name)
    if not behind.is_tensor:
        original = Parameter(value) if value.requires_grad else value
    else:
        original = behind.original
        if leave_parametrized:
            _overwrite(original, value)
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type_before_parametrizations(module)
    return module


def type_before_parametrizations(module: Module) -> type:
    r"""The class of the module before it was parametrized.

    Example::

        >>> from kagari import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
        >>> nn.utils.parametrize.type_before_parametrizations(layer).__name__
        'Linear'
    """
    cls = type(module)
    return cls.__bases__[0] if cls.__dict__.get("__getstate__") is _refuse_pickling else cls


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    r"""Parametrizes a module as another one is, with the same parametrizations and the same originals.

    Args:
        from_module (Module): the module that is parametrized.
        to_module (Module): the module that is to be.
        tensor_name (str, optional): the tensor; by default all that are parametrized.

    Example::

        >>> from kagari import nn
        >>> first = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
        >>> second = nn.utils.parametrize.transfer_parametrizations_and_params(first, nn.Linear(2, 2))
        >>> first.weight.equal(second.weight)
        True
    """
    if not is_parametrized(from_module):
        return to_module
    source = from_module.parametrizations
    for name in source if tensor_name is None else [tensor_name]:
        behind = source[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        for parametrization in behind:
            register_parametrization(to_module, name, parametrization, unsafe=behind.unsafe)
        target = to_module.parametrizations[name]
        for key, original in [*behind._parameters.items(), *behind._buffers.items()]:
            setattr(target, key, original)
    return to_module


__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]
