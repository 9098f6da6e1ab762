"""`Module`: named parameters, buffers and sub-modules, and a ``forward`` that is run by calling the module.

A call costs one test for hooks over calling ``forward``, and reading a parameter costs what reading any attribute
costs; `members.py` says how.
"""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from ..autograd import RemovableHandle, no_grad
from ..base.dtypes import dtype
from ..eager import Tensor
from ..eager import operators as ops
from ..eager.device import Device
from .checks import check_leaf, check_name, typename
from .hooks import CallHooks, StateHooks, call_with_hooks, hook_table, insert_hook
from .members import Members
from .notes import note_failure
from .parameter import Buffer, Parameter
from .placement import parse_to
from .state import (
    EXTRA_STATE,
    _IncompatibleKeys,
    find_unexpected,
    load,
    load_members,
    overrides_extra_state,
    saved_members,
)

_TABLES = ("_parameters", "_buffers", "_modules")
# What holds the hooks, None where there are none, and PyTorch's names for the tables in it.
_HOLDERS = {
    "_hooks": (
        "_forward_hooks", "_forward_hooks_with_kwargs", "_forward_hooks_always_called", "_forward_pre_hooks",
        "_forward_pre_hooks_with_kwargs", "_backward_hooks", "_backward_pre_hooks",
    ),
    "_state_hooks": (
        "_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks",
    ),
}  # fmt: skip
# Not `self.x = ...`, which would ask whether to register; and never through `__dict__`: an object whose dictionary was
# never asked for keeps its attributes in its own fields, where Python reads them about twice as fast.
_set = object.__setattr__


class Module:
    r"""The base class of every layer and model.

    A model is a class that makes its parts in ``__init__`` and says in ``forward`` what they compute. A
    :class:`~kagari.nn.Parameter`, :class:`~kagari.nn.Buffer` or :class:`Module` that is assigned to an attribute is
    registered under that name, and is found by :meth:`parameters`, :meth:`state_dict`, :meth:`to` and the like.
    ``super().__init__()`` comes first.

    An exception that leaves a module carries a note with the module's path and the shapes it was called with.

    Unlike in PyTorch, registered members are ordinary attributes (they stand in ``__dict__``) and there is no
    ``Module.__getattr__``: a subclass that defines ``__getattr__`` is asked for unknown names only, and ``copy.copy``
    of a module has its own tables of members.

    Example::

        >>> import kagari as torch
        >>> from kagari import nn
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.hidden = nn.Linear(2, 8)
        ...         self.out = nn.Linear(8, 1)
        ...
        ...     def forward(self, x):
        ...         return self.out(self.hidden(x).relu())
        >>> net = Net()
        >>> net
        Net(
          (hidden): Linear(in_features=2, out_features=8, bias=True)
          (out): Linear(in_features=8, out_features=1, bias=True)
        )
        >>> tuple(net(torch.zeros(4, 2)).shape)
        (4, 1)
    """

    training: bool
    _version: int = 1
    _parameters: dict[str, Any]  # of Parameter or None
    _buffers: dict[str, Any]  # of Tensor or None
    _modules: dict[str, Any]  # of Module or None
    _non_persistent_buffers_set: set[str]
    _hooks: CallHooks | None
    _state_hooks: StateHooks | None

    _forward_hooks = hook_table("_hooks", CallHooks, "forward")
    _forward_hooks_with_kwargs = hook_table("_hooks", CallHooks, "forward_with_kwargs")
    _forward_hooks_always_called = hook_table("_hooks", CallHooks, "forward_always_called")
    _forward_pre_hooks = hook_table("_hooks", CallHooks, "forward_pre")
    _forward_pre_hooks_with_kwargs = hook_table("_hooks", CallHooks, "forward_pre_with_kwargs")
    _backward_hooks = hook_table("_hooks", CallHooks, "backward")
    _backward_pre_hooks = hook_table("_hooks", CallHooks, "backward_pre")
    _state_dict_hooks = hook_table("_state_hooks", StateHooks, "save_post")
    _state_dict_pre_hooks = hook_table("_state_hooks", StateHooks, "save_pre")
    _load_state_dict_pre_hooks = hook_table("_state_hooks", StateHooks, "load_pre")
    _load_state_dict_post_hooks = hook_table("_state_hooks", StateHooks, "load_post")

    def __init__(self) -> None:
        _set(self, "training", True)
        _set(self, "_parameters", Members(self))
        _set(self, "_buffers", Members(self))
        _set(self, "_non_persistent_buffers_set", set())
        _set(self, "_modules", Members(self))
        _set(self, "_hooks", None)
        _set(self, "_state_hooks", None)

    # Calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._hooks is not None:
            try:
                return call_with_hooks(self, self._hooks, args, kwargs)
            except Exception as error:
                note_failure(self, error, args, kwargs)
                raise
        try:
            if kwargs:
                return self.forward(*args, **kwargs)
            if len(args) == 1:
                # The common call, without building a second tuple for it.
                (only,) = args
                return self.forward(only)
            return self.forward(*args)
        except Exception as error:
            note_failure(self, error, args, kwargs)
            raise

    def forward(self, *input: Any) -> Any:
        """What the module computes; every subclass defines it. Call the module instead, so that its hooks run."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    # Members

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Tensor, Module)):
            self._set_member(name, value)
            return
        try:
            registered = name in self._parameters or name in self._modules or name in self._buffers
        except AttributeError:  # before Module.__init__
            registered = False
        if registered:
            self._set_member(name, value)
        elif name in _TABLES and "_hooks" in vars(self):
            self._set_table(name, value)
        else:
            _set(self, name, value)

    def _set_member(self, name: str, value: Any) -> None:
        if not hasattr(self, "_modules"):
            for kind, noun in ((Parameter, "parameters"), (Module, "module"), (Buffer, "buffer")):
                if isinstance(value, kind):
                    raise AttributeError(f"cannot assign {noun} before Module.__init__() call")
            _set(self, name, value)
            return
        self._adopt_tables()
        if isinstance(value, Parameter):
            if name not in self._parameters:
                if hasattr(type(self), name):
                    raise KeyError(f"attribute '{name}' already exists")
                check_name("parameter", name)
                self._drop_member(name)
            check_leaf(name, value)
            self._parameters[name] = value
        elif name in self._parameters:
            if value is not None:
                self._refuse(name, value, "parameter", "kagari.nn.Parameter or None")
            self._parameters[name] = None
        elif isinstance(value, Module):
            if name not in self._modules:
                self._drop_member(name)
            self._modules[name] = value
        elif name in self._modules:
            if value is not None:
                self._refuse(name, value, "child module", "kagari.nn.Module or None")
            self._modules[name] = None
        elif isinstance(value, Buffer):
            if name not in self._buffers:
                check_name("buffer", name)
            self._buffers[name] = value
            self._mark_persistent(name, value.persistent)
        elif name in self._buffers:
            if value is not None and not isinstance(value, Tensor):
                self._refuse(name, value, "buffer", "kagari.nn.Buffer, kagari.Tensor or None")
            self._buffers[name] = value
        else:
            _set(self, name, value)

    def _refuse(self, name: str, value: object, kind: str, expected: str) -> None:
        raise TypeError(f"cannot assign '{typename(value)}' as {kind} '{name}' ({expected} expected)")

    def _drop_member(self, name: str) -> None:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]
        self._non_persistent_buffers_set.discard(name)

    def _mark_persistent(self, name: str, persistent: bool) -> None:
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def _set_table(self, name: str, items: Mapping[str, Any]) -> None:
        old = getattr(self, name)
        items = dict(items)
        if isinstance(old, Members):
            old.release()
        _set(self, name, Members(self, items))

    def _adopt_tables(self) -> None:
        # A subclass with its own `__setstate__` may have put plain dictionaries in place.
        if type(self._modules) is not Members:
            for name in _TABLES:
                self._set_table(name, getattr(self, name))

    def __delattr__(self, name: str) -> None:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]
                self._non_persistent_buffers_set.discard(name)
                vars(self).pop(name, None)  # where the table is a plain dictionary
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        names = {*super().__dir__(), *self._parameters, *self._buffers, *self._modules}
        # "0", "1", ... of a container are no attributes one could write.
        return sorted(name for name in names if not name[0].isdigit())

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter.

        ``None`` reserves the name: the module has no such parameter, as a ``Linear`` without bias.
        """
        if not hasattr(self, "_parameters"):
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        check_name("parameter", name)
        if hasattr(self, name) and name not in self._parameters:
            raise KeyError(f"attribute '{name}' already exists")
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{typename(param)}' object to parameter '{name}' "
                    "(kagari.nn.Parameter or None required)"
                )
            check_leaf(name, param)
        self._adopt_tables()
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a buffer: state that is no parameter. It is left out of ``state_dict`` if it is not ``persistent``."""
        if not hasattr(self, "_buffers"):
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        check_name("buffer", name)
        if hasattr(self, name) and name not in self._buffers:
            raise KeyError(f"attribute '{name}' already exists")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (kagari Tensor or None required)"
            )
        self._adopt_tables()
        self._buffers[name] = tensor
        self._mark_persistent(name, persistent)

    def add_module(self, name: str, module: Module | None) -> None:
        """Adds a child module."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        check_name("module", name, show=True)
        if hasattr(self, name) and name not in self._modules:
            raise KeyError(f"attribute '{name}' already exists")
        self._adopt_tables()
        self._modules[name] = module

    def register_module(self, name: str, module: Module | None) -> None:
        """Another name for :meth:`add_module`."""
        self.add_module(name, module)

    # Looking around

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path such as ``"encoder.layers.3"``; ``""`` is the module itself."""
        module: Any = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def _get_member(self, target: str) -> tuple[Module, str, Any]:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        return module, name, getattr(module, name)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path such as ``"encoder.norm.weight"``."""
        _, name, value = self._get_member(target)
        if not isinstance(value, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return value

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path."""
        module, name, value = self._get_member(target)
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return value

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Puts ``module`` at a dotted path. With ``strict``, only in the place of an existing one."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{type(parent).__name__} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """All modules of the tree with their paths, this one first. A module that is found twice is given once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """All modules of the tree, this one first."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules right below this one with their names."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules right below this one."""
        for _, module in self.named_children():
            yield module

    def _named_members(
        self, members_of: Callable[[Module], Any], prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        # By identity: the equality of tensors is a tensor.
        seen: set[int] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, value in members_of(module):
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield f"{path}.{name}" if path else name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters of the tree with their paths. A shared parameter is given once."""
        yield from self._named_members(lambda module: module._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of the tree, in the order in which they were registered. This is what an optimizer takes."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers of the tree with their paths."""
        yield from self._named_members(lambda module: module._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers of the tree."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    # Changing all of the tree

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Calls ``fn`` on every module of the tree, children first: the place for one's own initialisation."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Sets the tree to training (or evaluation) mode, which dropout and its like depend on."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Sets the tree to evaluation mode: ``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Says of every parameter whether it is to be trained."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients of every parameter, or fills them with zeros."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad = parameter.grad.detach().zero_()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replaces the data of every parameter and gradient, and every buffer, by ``fn`` of it.

        Parameters stay the same objects.
        """
        if recurse:
            for module in self.children():
                module._apply(fn)
        with no_grad():
            for parameter in self._parameters.values():
                if parameter is not None:
                    grad = parameter.grad
                    parameter.data = fn(parameter.data)
                    if grad is not None:
                        grad.data = fn(grad.data)
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Moves and casts the tree in place: ``to(device)``, ``to(dtype)``, ``to(device, dtype)`` or ``to(tensor)``.

        Only floating-point members are cast.
        """
        place, kind, non_blocking = parse_to(args, kwargs)
        if kind is not None and not (kind.is_floating_point or kind.is_complex):
            raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={kind}")

        def convert(tensor: Tensor) -> Tensor:
            cast = kind if tensor.is_floating_point() or tensor.is_complex() else None
            return tensor.to(place or tensor.device, cast or tensor.dtype, non_blocking)

        return self._apply(convert)

    def to_empty(self, *, device: str | Device | int | None, recurse: bool = True) -> Self:
        """Moves the tree to a device without copying its values."""
        return self._apply(lambda tensor: ops.empty_like(tensor, device=device), recurse=recurse)

    def cpu(self) -> Self:
        """Moves the tree to the CPU."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device: int | Device | None = None) -> Self:
        """Moves the tree to a GPU."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def type(self, dst_type: dtype | str) -> Self:
        """Casts every parameter and buffer, integers too."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def float(self) -> Self:
        """Casts floating-point members to 32 bits."""
        return self._apply(lambda tensor: tensor.float() if tensor.is_floating_point() else tensor)

    def double(self) -> Self:
        """Casts floating-point members to 64 bits."""
        return self._apply(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)

    def half(self) -> Self:
        """Casts floating-point members to 16 bits (IEEE)."""
        return self._apply(lambda tensor: tensor.half() if tensor.is_floating_point() else tensor)

    def bfloat16(self) -> Self:
        """Casts floating-point members to 16 bits (brain float)."""
        return self._apply(lambda tensor: tensor.bfloat16() if tensor.is_floating_point() else tensor)

    # Saving and loading

    def get_extra_state(self) -> Any:
        """What a subclass saves besides its members. Define it together with :meth:`set_extra_state`."""
        raise RuntimeError("get_extra_state() is called only on modules that define it")

    def set_extra_state(self, state: Any) -> None:
        """Takes back what :meth:`get_extra_state` gave."""
        raise RuntimeError("set_extra_state() is called only on modules that define it")

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Parameters and persistent buffers of the tree by their paths, sharing memory with the module.

        They are detached unless ``keep_vars``.
        """
        if args:
            warnings.warn("Positional args are being deprecated, use kwargs instead.", FutureWarning, stacklevel=2)
            given: list[Any] = [*args, *(destination, prefix, keep_vars)[len(args) :]]
            destination, prefix, keep_vars = given
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        hooks = self._state_hooks
        for hook in () if hooks is None else hooks.save_pre.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in () if hooks is None else hooks.save_post.values():
            result = hook(self, destination, prefix, local_metadata)
            destination = destination if result is None else result
        return destination

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Saves what belongs to this module alone; a subclass may add to it."""
        for name, value in saved_members(self).items():
            destination[prefix + name] = value if keep_vars else value.detach()
        if overrides_extra_state(self, Module, "get_extra_state"):
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copies parameters and buffers out of ``state_dict`` into the tree.

        Args:
            state_dict (dict): what :meth:`state_dict` gave.
            strict (bool): whether missing and unexpected keys are an error. A wrong shape always is. Default: ``True``
            assign (bool): puts the dictionary's tensors in place of the module's instead of copying. Default: ``False``

        Returns:
            A named tuple of ``missing_keys`` and ``unexpected_keys``.
        """
        return load(self, state_dict, strict, assign)

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Loads what belongs to this module alone; a subclass may rename keys of older versions first."""
        for hook in () if self._state_hooks is None else list(self._state_hooks.load_pre.values()):
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        assign = local_metadata.get("assign_to_params_buffers", False)
        load_members(self, state_dict, prefix, assign, strict, missing_keys, error_msgs)
        key = prefix + EXTRA_STATE
        if overrides_extra_state(self, Module, "set_extra_state"):
            if key in state_dict:
                self.set_extra_state(state_dict[key])
            elif strict:
                missing_keys.append(key)
        elif strict and key in state_dict:
            unexpected_keys.append(key)
        if strict:
            find_unexpected(self, state_dict, prefix, unexpected_keys)

    def __getstate__(self) -> dict[str, Any]:
        """The attributes as PyTorch's modules have them, each member once: in its table."""
        tables = {name: dict(getattr(self, name)) for name in _TABLES}
        state = {
            name: value
            for name, value in vars(self).items()
            if name not in _HOLDERS and not any(name in table and table[name] is value for table in tables.values())
        }
        hooks = {
            name: OrderedDict() if getattr(self, holder) is None else getattr(self, name)
            for holder, names in _HOLDERS.items()
            for name in names
        }
        return {**state, **hooks, **tables}

    def __setstate__(self, state: dict[str, Any]) -> None:
        empty = []
        for holder, names in _HOLDERS.items():
            _set(self, holder, None)
            empty += [name for name in names if not state.get(name)]
        for name, value in state.items():
            if name not in _TABLES and name not in empty:
                _set(self, name, value)
        _set(self, "_non_persistent_buffers_set", set(state.get("_non_persistent_buffers_set", ())))
        for name in _TABLES:
            _set(self, name, Members(self, state.get(name, {})))

    # Hooks

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(module, args)`` before each ``forward``; what it returns, if not ``None``, replaces the
        arguments.

        With ``with_kwargs`` it is ``hook(module, args, kwargs)``, which may return a pair.
        """
        handle = insert_hook(self._forward_pre_hooks, hook, prepend)
        _mark(self._forward_pre_hooks_with_kwargs, handle, with_kwargs)
        return handle

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(module, args, output)`` after each ``forward``; what it returns, if not ``None``, replaces the
        output.

        With ``with_kwargs`` it is ``hook(module, args, kwargs, output)``. With ``always_call`` it runs after an
        exception too.
        """
        handle = insert_hook(self._forward_hooks, hook, prepend)
        _mark(self._forward_hooks_with_kwargs, handle, with_kwargs)
        _mark(self._forward_hooks_always_called, handle, always_call)
        return handle

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(module, grad_output)`` before the gradients pass the module; it may return other ones."""
        return insert_hook(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(module, grad_input, grad_output)`` when the gradients have passed the module.

        It may return gradients to replace ``grad_input``, which has one entry for each positional argument.
        """
        return insert_hook(self._backward_hooks, hook, prepend)

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(module, prefix, keep_vars)`` before the module is saved."""
        return insert_hook(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(module, state_dict, prefix, local_metadata)`` after the module is saved."""

        def checked(*args: Any) -> None:
            if hook(*args) is not None:
                raise RuntimeError("state_dict post-hook must return None")

        return self._register_state_dict_hook(checked)

    def _register_state_dict_hook(self, hook: Callable) -> RemovableHandle:
        """As :meth:`register_state_dict_post_hook`; a dictionary that the hook returns replaces the state."""
        return insert_hook(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(module, state_dict, prefix, metadata, strict, missing, unexpected, errors)`` before loading."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook: Callable, with_module: bool = False) -> RemovableHandle:
        if with_module:
            hook = functools.partial(hook, self)
        return insert_hook(self._load_state_dict_pre_hooks, hook)

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(module, incompatible_keys)`` after loading; it may change the lists in place."""
        return insert_hook(self._load_state_dict_post_hooks, hook)

    # Printing

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What a subclass adds to its line in ``repr``: usually its sizes and options."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        lines = [f"({name}): {module!r}".replace("\n", "\n  ") for name, module in self._modules.items()]
        if not lines and len(extra_lines) <= 1:
            return f"{self._get_name()}({extra})"
        body = "\n  ".join(extra_lines + lines)
        return f"{self._get_name()}(\n  {body}\n)"


def _mark(table: dict[int, bool], handle: RemovableHandle, flag: bool) -> None:
    if flag:
        table[handle.id] = True
    else:
        table.pop(handle.id, None)  # the mark of a removed hook, whose number came free


__all__ = ["Module"]
