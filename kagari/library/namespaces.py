"""The operators that :func:`custom_op` has made, as `torch.ops` shows them: `torch.ops.NAMESPACE.NAME`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..autograd import casting
from ..autograd.function import Function
from ..autograd.modes import no_grad
from ..autograd.recorder import current, watched
from ..base.dtypes import dtype
from ..capture import queue
from ..capture.runner import eagerly
from ..eager import Tensor
from ..eager.overriding import answered, answering, skipped, state
from ..quantized import functions
from .overloads import AtenNamespace, HigherOrderNamespace, aten, higher_order
from .schema import Schema

_DEFINED: dict[str, CustomOpDef] = {}


class CustomOpDef:
    """An operator that :func:`custom_op` has made; calling it is calling the operator."""

    def __init__(self, name: str, schema: Schema, fn: Callable[..., Any], mutates: bool) -> None:
        self._qualname, self._schema, self._mutates = name, schema, mutates
        self._fn = eagerly(fn, queue.OPAQUE)  # the compiler does not look into it
        self._backward: Callable[..., Any] | None = None
        self._setup_context: Callable[..., Any] | None = None
        self._fake: Callable[..., Any] | None = None
        self._cast: dtype | None = None  # to what its arguments go under autocast
        self._function = _differentiable(self)

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._qualname})>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the operator gives. Raises RuntimeError for arguments that don't fit the schema."""
        if state.stack and not skipped():
            return answered(self, self._qualname, answering((*args, *kwargs.values())), args, kwargs)
        if current.watchers:
            return watched(self, self._called, args, kwargs)
        return self._called(*args, **kwargs)

    def _called(self, *args: Any, **kwargs: Any) -> Any:
        if self._cast is not None and casting.is_on():
            with casting.off():
                return self._called(*casting.converted(args, self._cast), **casting.converted(kwargs, self._cast))
        bound = self._bound(args, kwargs)
        if self._mutates:
            with no_grad():
                return self._given(bound)
        return self._function.apply(*bound.values())

    def _given(self, bound: dict[str, Any]) -> Any:
        """What the function gives; for tensors without memory the one that tells shapes, if there is one."""
        if self._fake is not None and any(t.is_meta for t in tensors_of(list(bound.values()))):
            told = self._schema.signature.bind(**bound)
            return self._fake(*told.args, **told.kwargs)
        return self._fn(**bound)

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name, with defaults. Raises RuntimeError for too many, too few, and tensors amiss."""
        schema, name = self._schema, self._qualname
        declaration = f"Declaration: {name}{schema.text}"
        for position, given in enumerate(schema.signature.parameters.values()):
            missing = given.name not in kwargs and (given.kind is given.KEYWORD_ONLY or position >= len(args))
            if missing and given.default is given.empty:
                raise RuntimeError(f"{name}() is missing value for argument '{given.name}'. {declaration}")
        try:
            bound = schema.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise RuntimeError(f"{name}(): {error}. {declaration}") from None
        bound.apply_defaults()
        for position, (argument, value) in enumerate(bound.arguments.items()):
            kind = schema.types[argument]
            if kind.startswith("Tensor") and "[" not in kind and not isinstance(value, Tensor):
                if value is None and kind.endswith("?"):
                    continue
                raise RuntimeError(
                    f"{name}() Expected a value of type 'Tensor' for argument '{argument}' but instead found type "
                    f"'{type(value).__name__}'.\nPosition: {position}\nValue: {value}\n{declaration}"
                )
            if kind.startswith("Tensor") and any(t.requires_grad for t in tensors_of(value)) and "[" in kind:
                raise RuntimeError(
                    f"{name}(): the list of tensors '{argument}' has one that requires grad, which own operators don't "
                    "pass gradients to; give each tensor as an argument of its own"
                )
        return dict(bound.arguments)

    def register_autograd(
        self, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None
    ) -> None:
        """Says what the gradient is; see :func:`kagari.library.register_autograd`."""
        if self._mutates:
            raise RuntimeError(
                f"Cannot register autograd formula for non-functional operator {self._qualname}: it changes arguments"
            )
        self._backward, self._setup_context = backward, setup_context

    def register_kernel(
        self, device_types: str | Sequence[str] | None, fn: Callable[..., Any] | None = None, /
    ) -> Callable[..., Any]:
        """Says what the operator computes on some devices; see :func:`kagari.library.register_kernel`."""
        kinds = [device_types] if isinstance(device_types, str) else device_types

        def register(fn: Callable[..., Any]) -> Callable[..., Any]:
            if kinds is None or "cpu" in kinds:
                self._fn = eagerly(fn, queue.OPAQUE)
            return fn

        return register if fn is None else register(fn)

    def register_vmap(self, func: Callable[..., Any] | None = None, /) -> Any:
        """Says how many examples are computed at once; see :func:`kagari.library.register_vmap`."""

        def register(func: Callable[..., Any]) -> Callable[..., Any]:
            self._function.generate_vmap_rule = False
            self._function.vmap = staticmethod(func)  # type: ignore[method-assign]
            return func

        return register if func is None else register(func)

    def register_autocast(self, device_type: str, cast_inputs: dtype, /) -> None:
        """Says to which dtype arguments go under autocast; see :func:`kagari.library.register_autocast`."""
        if device_type not in ("cpu", "cuda"):
            raise ValueError(f"device_type {device_type} must be one of 'cpu' and 'cuda'")
        if device_type == "cpu":
            self._cast = cast_inputs

    def register_fake(self, fn: Callable[..., Any], /) -> Callable[..., Any]:
        """Takes a function that tells shapes without computing, and gives it back."""
        self._fake = fn
        return fn

    def overload(self) -> OwnOverload:
        """The operator as `torch.ops` shows it, for a graph. Raises NotImplementedError where nothing tells shapes."""
        name = self._qualname.partition("::")[2]
        if self._fake is None:
            raise NotImplementedError(
                f"There was no fake impl registered for {self!r}. This is necessary for torch.compile/export/fx "
                f"tracing to work. Please use `{name}.register_fake` to add an fake impl."
            )
        if self._mutates:
            raise NotImplementedError(f"{self._qualname}: graphs of operators that change arguments are not there yet")
        return OwnOverload(self, f"{self._qualname.replace('::', '.')}.default")

    def trimmed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments in order, without defaults at the end, and those by name alone."""
        parameters, bound = self._schema.signature.parameters, self._bound(args, kwargs)
        named = {n: v for n, v in bound.items() if parameters[n].kind is parameters[n].KEYWORD_ONLY}
        ordered = [(n, v) for n, v in bound.items() if n not in named]
        while ordered and not [*tensors_of(ordered[-1][1])] and ordered[-1][1] == parameters[ordered[-1][0]].default:
            ordered.pop()
        return [v for _, v in ordered], {n: v for n, v in named.items() if v != parameters[n].default}


def tensors_of(value: Any) -> Iterator[Tensor]:
    """The tensors of an argument, lists looked into."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_of(part)


def _memory(value: Any) -> list[int]:
    """Where the tensors lie that have elements in memory."""
    return [t.untyped_storage().data_ptr() for t in tensors_of(value) if t.numel() and not t.is_meta]


def _differentiable(op: CustomOpDef) -> type[Function]:
    """The function on the tape that runs an operator."""

    def forward(ctx: Any, *args: Any) -> Any:
        result = op._given(dict(zip(op._schema.types, args)))
        made = _memory(result)
        if len(set(made)) < len(made) or not set(made).isdisjoint(_memory(args)):
            raise RuntimeError(
                f"{op._qualname}: The output of this custom operator (1) must not also be an input to this custom "
                "operator and (2) may not alias any inputs to this custom operator or other returns. Clone the "
                "offending outputs"
            )
        if op._setup_context is not None:
            names = list(op._schema.signature.parameters.values())
            by_name = {p.name: a for p, a in zip(names, args) if p.kind is p.KEYWORD_ONLY}
            inputs_of = tuple(a for p, a in zip(names, args) if p.name not in by_name)
            more = {"keyword_only_inputs": by_name} if by_name else {}
            op._setup_context(ctx=ctx, inputs=inputs_of, output=result, **more)
        return result

    def backward(ctx: Any, *grads: Any) -> Any:
        if op._backward is None:
            raise RuntimeError(
                f"Trying to backward through {op._qualname.replace('::', '.')}.default but no autograd formula was "
                "registered. Please use register_autograd to add one."
            )
        found = eagerly(op._backward, queue.OPAQUE)(ctx, *grads)
        found = found if isinstance(found, tuple) else (found,)
        return (*found, *(None,) * (len(op._schema.types) - len(found)))

    name = f"GeneratedBackwardFor_{op._qualname.replace('::', '_')}_default"
    return type(name, (Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)})


# What torch.ops shows


class OwnOverload:
    """One operator."""

    def __init__(self, op: CustomOpDef, shown: str) -> None:
        self._op, self._shown = op, shown
        self.__name__ = shown.rpartition("::")[2].rpartition(".")[2]

    def __repr__(self) -> str:
        return self._shown

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the operator gives."""
        return self._op(*args, **kwargs)


class _OpOverloadPacket(OwnOverload):
    """All operators of one name, of which there is one: `default`."""

    @property
    def default(self) -> OwnOverload:
        """The operator."""
        return OwnOverload(self._op, f"{self._shown}.default")


class _OpNamespace:
    """The operators of one namespace."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"<module 'torch.ops.{self._name}' from 'torch.ops'>"

    def __getattr__(self, name: str) -> Any:
        op = _DEFINED.get(f"{self._name}::{name}")
        if op is None:
            if self._name == "quantized":
                return functions.find(name)
            raise AttributeError(f"'_OpNamespace' '{self._name}' object has no attribute '{name}'")
        return _OpOverloadPacket(op, f"{self._name}.{name}")


def __getattr__(name: str) -> _OpNamespace | AtenNamespace | HigherOrderNamespace:
    if name in ("aten", "higher_order"):
        return aten if name == "aten" else higher_order
    if name != "quantized" and not any(known.startswith(f"{name}::") for known in _DEFINED):
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return _OpNamespace(name)


def find(op: str | CustomOpDef | OwnOverload) -> CustomOpDef:
    """The operator of a name, or as `torch.ops` shows it. Raises RuntimeError for a name that no operator has."""
    if isinstance(op, CustomOpDef):
        return op
    if isinstance(op, OwnOverload):
        return op._op
    if op not in _DEFINED:
        raise RuntimeError(f"operator {op} does not exist")
    return _DEFINED[op]


def enter(op: CustomOpDef) -> CustomOpDef:
    """Makes an operator known under its name; one of before that has the same name is forgotten."""
    _DEFINED[op._qualname] = op
    return op


def defined(name: str) -> bool:
    """Whether an operator has this name."""
    return name in _DEFINED


def forget(name: str) -> None:
    """Takes an operator away."""
    _DEFINED.pop(name, None)
