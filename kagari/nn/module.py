"""`Module`: named parameters, buffers and sub-modules, and a ``forward`` that is run by calling the module.

A call costs one test for hooks over calling ``forward``, and reading a parameter costs what reading any attribute
costs; `members.py` says how. The class is built in layers, each of which knows those below it alone: `registry.py` has
the tables of members, `tree.py` goes through the children, `placement.py` moves and casts, `saving.py` saves and loads,
`hooking.py` takes hooks, and here is what calls, copies and prints.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload

from ..capture.compile import compile
from .global_hooks import (
    EVERYWHERE,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from .hooking import HOLDERS, Hooking
from .hooks import call_with_hooks
from .members import Members, forgotten
from .notes import note_failure
from .registry import TABLES
from .state import EXTRA_STATE as _EXTRA_STATE_KEY_SUFFIX  # noqa: F401 - what programs read of PyTorch's
from .state import _IncompatibleKeys as _IncompatibleKeys

# As in `registry.py`.
_set = object.__setattr__

if TYPE_CHECKING:
    _P = ParamSpec("_P")
    _R = TypeVar("_R", covariant=True)

    class _HasForward(Protocol[_P, _R]):
        @property
        def forward(self) -> Callable[_P, _R]: ...

    class _Call:
        """Tells a type checker that calling a module takes and gives what its ``forward`` does."""

        @overload
        def __get__(self, module: None, owner: Any) -> Callable[..., Any]: ...
        @overload
        def __get__(self, module: _HasForward[_P, _R], owner: Any) -> Callable[_P, _R]: ...
        def __get__(self, module: Any, owner: Any) -> Any: ...


class Module(Hooking):
    r"""The base class of every layer and model.

    A model is a class that makes its parts in ``__init__`` and says in ``forward`` what they compute. A
    :class:`~kagari.nn.Parameter`, :class:`~kagari.nn.Buffer` or :class:`Module` that is assigned to an attribute is
    registered under that name, and is found by :meth:`parameters`, :meth:`state_dict`, :meth:`to` and the like.
    ``super().__init__()`` comes first.

    A layer in a plain list, tuple or dictionary is not registered; :class:`ModuleList` and :class:`ModuleDict` are for
    that. A warning names such a layer when the parameters or the state are asked for, unless it is registered with some
    module, frozen, or in evaluation mode.

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

    dump_patches: bool = False
    call_super_init: bool = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if (args or kwargs) and not self.call_super_init:
            self._refuse_arguments(args, kwargs)
        _set(self, "training", True)
        _set(self, "_parameters", Members(self))
        _set(self, "_buffers", Members(self))
        _set(self, "_non_persistent_buffers_set", set())
        _set(self, "_modules", Members(self))
        _set(self, "_hooks", None)
        _set(self, "_state_hooks", None)
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def _refuse_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        name = f"{type(self).__name__}.__init__()"
        if kwargs:
            raise TypeError(f"{name} got an unexpected keyword argument '{next(iter(kwargs))}'")
        raise TypeError(f"{name} takes 1 positional argument but {len(args) + 1} were given")

    # Calling

    if TYPE_CHECKING:
        __call__: _Call
        forward: Callable[..., Any]
    else:

        def __call__(self, *args, **kwargs):
            try:
                if self._hooks is not None or EVERYWHERE:
                    return call_with_hooks(self, args, kwargs)
                if kwargs:
                    return self.forward(*args, **kwargs)
                if len(args) == 1:
                    # The common call, without building a second tuple for it.
                    (only,) = args
                    return self.forward(only)
                return self.forward(*args)
            except Exception as error:
                if "_hooks" not in vars(self):
                    raise AttributeError(forgotten(self, "_hooks"), name="_hooks", obj=self) from None
                note_failure(self, error, args, kwargs)
                raise

        def forward(self, *input):
            """What the module computes; every subclass defines it. Call the module instead, so that its hooks run."""
            raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    _compiled_call_impl: Any = None
    _as_compiled: Callable[..., Any]  # what `kagari.compile` makes of a module: see `optimized.py`

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compiles this module's ``forward`` in place; the arguments are those of :func:`kagari.compile`.

        Copies and pickles of the module are not compiled.
        """
        compiled = compile(self.forward, *args, **kwargs)
        _set(self, "_compiled_call_impl", compiled)
        _set(self, "forward", compiled)

    # Copying and pickling

    def __getstate__(self) -> dict[str, Any]:
        """The attributes as PyTorch's modules have them, each member once: in its table."""
        tables = {name: dict(getattr(self, name)) for name in TABLES}
        state = {
            name: value
            for name, value in vars(self).items()
            if name not in HOLDERS
            and (value is None or value is not self._compiled_call_impl)
            and not any(name in table and table[name] is value for table in tables.values())
        }
        hooks = {
            name: OrderedDict() if getattr(self, holder) is None else getattr(self, name)
            for holder, names in HOLDERS.items()
            for name in names
        }
        return {**state, **hooks, **tables}

    def __setstate__(self, state: dict[str, Any]) -> None:
        empty = []
        for holder, names in HOLDERS.items():
            _set(self, holder, None)
            empty += [name for name in names if not state.get(name)]
        for name, value in state.items():
            if name not in TABLES and name not in empty:
                _set(self, name, value)
        _set(self, "_non_persistent_buffers_set", set(state.get("_non_persistent_buffers_set", ())))
        for name in TABLES:
            _set(self, name, Members(self, state.get(name, {})))

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


# Python names the function in the error for a call with wrong arguments: there is one class as far as users know.
for _layer in Module.__mro__[1:-1]:
    for _name, _member in vars(_layer).items():
        if isinstance(_member, FunctionType):
            _member.__module__, _member.__qualname__ = __name__, f"Module.{_name}"


__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]
