"""Tensors that are more than their elements: what nested and masked tensors have in common.

Such a tensor is a subclass of Tensor. Its memory and its place on the tape are those of a plain tensor, its elements;
attributes say what they mean. It answers all calls by `__torch_function__`, with operators on the elements, so that
gradients follow and plain tensors know nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Self

from ..autograd.library import records
from ..engine.function import Function, Hooks
from .overriding import plain
from .tensor import Tensor

Wrap = Callable[[Tensor], Any]
_GRAD: Any = Tensor.__dict__["grad"]
# What asks for the object or for its memory, and means the same of every kind.
AS_IT_IS = frozenset((
    "_is_view", "const_data_ptr", "data_ptr", "element_size", "get_device", "is_complex", "is_conj", "is_distributed",
    "is_floating_point", "is_inference", "is_neg", "is_pinned", "is_shared", "is_signed",
    "register_post_accumulate_grad_hook", "requires_grad_", "retain_grad", "share_memory_", "storage_offset",
    "untyped_storage",
    # Properties; those that are False for all plain tensors have no names of their own.
    ".<lambda>", "._version", ".device", ".dtype", ".grad_fn", ".is_cpu", ".is_leaf", ".is_meta", ".itemsize",
    ".layout", ".nbytes", ".ndim", ".output_nr", ".requires_grad", ".requires_grad=", ".retains_grad", ".shape",
))  # fmt: skip


class Overlay(Tensor):
    """A tensor of elements that mean more than their numbers. Its kinds say in `_answer` what calls give."""

    __slots__ = ()

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: tuple[type, ...], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Answers a call by its name; what asks for the object or its memory is answered as for any tensor."""
        name, kwargs = name_of(func), kwargs or {}
        if name in AS_IT_IS:
            with plain():
                return func(*args, **kwargs)
        if name in _DIFFERENTIATING:  # of kagari.autograd: those of Overlay itself are told to nobody
            return _DIFFERENTIATING[name](func, *args, **kwargs)
        return cls._answer(name, func, args, kwargs)

    @classmethod
    def _answer(cls, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of a call."""
        raise NotImplementedError

    def _like(self, elements: Tensor) -> Self:
        """Elements as one of this kind that means the same."""
        made: Self = elements.as_subclass(type(self))
        made.__dict__.update(self.__dict__)
        return made

    @property
    def grad(self) -> Tensor | None:
        """What backward passes have added up, as a tensor of this kind."""
        with plain():
            found = _GRAD.__get__(self)
        return found if found is None or isinstance(found, Overlay) else self._like(found)

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        with plain():
            _GRAD.__set__(self, elements(value))

    @grad.deleter
    def grad(self) -> None:
        with plain():
            _GRAD.__delete__(self)

    def backward(self, gradient: Tensor | None = None, *args: Any, **kwargs: Any) -> None:
        """:meth:`Tensor.backward`; the gradient may be of this kind."""
        elements(self).backward(elements(gradient), *args, **kwargs)

    def register_hook(self, hook: Callable[[Any], Any]) -> Any:
        """:meth:`Tensor.register_hook`; the hook gets the gradient as a tensor of this kind."""

        def told(gradient: Tensor) -> Any:
            return elements(hook(self._like(gradient)))

        with plain():
            return super().register_hook(told)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        with plain():
            return super().__deepcopy__(memo)


def elements(t: Any) -> Any:
    """The elements of a tensor of such a kind as a plain tensor, with its place on the tape; anything else as it is."""
    if not isinstance(t, Overlay):
        return t
    with plain():
        return t.as_subclass(Tensor)


def overlaid(kind: type, tensor: Tensor, **attributes: Any) -> Any:
    """A plain tensor, with its place on the tape, as the elements of one of such a kind."""
    made: Any = tensor.as_subclass(kind)
    made.__dict__.update(attributes)
    return made


def leaf(kind: type, tensor: Tensor, requires_grad: bool, **attributes: Any) -> Any:
    """A plain tensor as the elements of a leaf of such a kind."""
    made = Tensor._make_subclass(kind, tensor, requires_grad)
    made.__dict__.update(attributes)
    return made


def pass_back(answer: Callable[[Any, tuple[Any, ...]], Any]) -> None:
    """Has calls of backward operators answered, whose gradients may be more than their elements from now on."""
    Hooks.passed_back = staticmethod(answer)


def _bare(given: Any) -> Any:
    """Tensors as their elements, in a list or not."""
    return [elements(t) for t in given] if isinstance(given, list | tuple) else elements(given)


def _backward(func: Callable[..., Any], tensors: Any, grad_tensors: Any = None, *args: Any, **kwargs: Any) -> None:
    """`autograd.backward`, which adds to the `grad` of elements."""
    with plain():
        func(_bare(tensors), _bare(grad_tensors), *args, **kwargs)


def _grad(
    func: Callable[..., Any], outputs: Any, inputs: Any, grad_outputs: Any = None, *args: Any, **kwargs: Any
) -> Any:
    """`autograd.grad`, with gradients of the kind that the inputs are of."""
    with plain():
        found = func(_bare(outputs), inputs, _bare(grad_outputs), *args, **kwargs)
    several = inputs if isinstance(inputs, list | tuple) else (inputs,)
    return tuple([g if g is None or isinstance(g, Overlay) else _kind(t)(g) for t, g in zip(several, found)])


def _kind(t: Any) -> Wrap:
    """What makes a gradient of a tensor one of its kind."""
    return t._like if isinstance(t, Overlay) else lambda g: g


_DIFFERENTIATING: dict[str, Callable[..., Any]] = {"backward": _backward, "grad": _grad}


def name_of(func: Callable[..., Any]) -> str:
    """What a call is told as: the name of a function or method; `.name` of a property, `.name=` where it is set."""
    name: str = getattr(func, "__name__", "")
    owner = getattr(func, "__self__", None)
    if isinstance(owner, Function):  # of an operator that is none of the functions that users see
        return owner.name
    if not isinstance(owner, property):
        return name
    return f".{getattr(owner.fget, '__name__', '')}{'=' * (name == '__set__')}"


@cache
def pointwise() -> frozenset[str]:
    """The names of operators that make each element from the elements at its place, all their faces."""
    found: set[str] = set()
    for record in records().values():
        if record.pointwise and record.name not in _NOT_POINTWISE:
            for name in (record.name, *record.aliases):
                found.update((name, f"{name}_"))
            found.update((record.dunder, record.reflected))
    return frozenset(found - {""})


_NOT_POINTWISE = frozenset(("argsort", "clone", "copy", "fill", "msort", "prelu", "sort", "to_dtype", "zero"))


def through(t: Any, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], wrap: Wrap) -> Any:
    """What a function makes of the elements of a tensor, and of further arguments; the parts of a tuple each for
    themselves. The tensor itself where the function gives its argument back, changed in place or not.
    """
    inner = elements(t)
    before = inner._grad_fn
    result = func(inner, *args, **kwargs)
    if result is inner:
        if inner._grad_fn is not before:
            t._needs, t._grad_fn = inner._needs, inner._grad_fn
        return t
    return wrapped(result, wrap)


def wrapped(result: Any, wrap: Wrap) -> Any:
    """A tensor, or the parts of a tuple of tensors, as `wrap` makes them; anything else as it is."""
    if isinstance(result, tuple):
        parts = [wrapped(part, wrap) for part in result]
        return type(result)(parts)
    return wrap(result) if isinstance(result, Tensor) else result
