"""Operators of a program's own: functions under a name, with gradients that are written for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .checking import opcheck
from .namespaces import CustomOpDef, enter, find
from .registration import Library, define, fallthrough_kernel, impl
from .schema import infer_schema, parse

__all__ = [
    "CustomOpDef", "Library", "custom_op", "define", "fallthrough_kernel", "impl", "infer_schema", "opcheck",
    "register_autograd", "register_fake",
]  # fmt: skip


def custom_op(
    name: str,
    fn: Callable[..., Any] | None = None,
    /,
    *,
    mutates_args: str | Sequence[str],
    device_types: str | Sequence[str] | None = None,
    schema: str | None = None,
    tags: Sequence[Any] | None = None,
) -> Any:
    """Makes an operator of a function on tensors. It is a decorator where the function is not given.

    Args:
        name: `namespace::name`, under which `torch.ops` shows it
        fn: what it computes. It runs without recording; its results share no memory with its arguments.
        mutates_args: names of the arguments that it changes, or `"unknown"`
        schema: what it takes and gives, such as `(Tensor x, float s) -> Tensor`. Default: from its annotations
        device_types, tags: accepted as PyTorch has them; there is one kind of devices

    Raises ValueError for a name without namespace, and where the annotations don't tell the schema.

    >>> import kagari as torch
    >>> @torch.library.custom_op("docs::double", mutates_args=())
    ... def double(x: torch.Tensor) -> torch.Tensor:
    ...     return x * 2
    >>> double.register_autograd(lambda ctx, grad: grad * 2)
    >>> x = torch.ones(2, requires_grad=True)
    >>> double(x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """
    if name.count("::") != 1:
        raise ValueError(f"custom_op(): expected a name such as 'namespace::name', got {name!r}")

    def make(fn: Callable[..., Any]) -> CustomOpDef:
        text = infer_schema(fn, mutates_args=mutates_args) if schema is None else schema
        return enter(CustomOpDef(name, parse(text), fn, bool(mutates_args)))

    return make if fn is None else make(fn)


def register_autograd(
    op: Any, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None, lib: Any = None
) -> None:
    """Says what the gradient of an operator is.

    Args:
        op: the operator, or its name
        backward: gets the context and the gradients of the results, and gives those of the arguments, None for others
        setup_context: gets the context, `inputs` and `output` when the operator has run, and keeps what is needed
        lib: accepted as PyTorch has it

    Raises RuntimeError for a name that no operator has, and for one that changes arguments.

    >>> import kagari as torch
    >>> torch.library.register_autograd("docs::none", lambda ctx, grad: grad)
    Traceback (most recent call last):
    RuntimeError: operator docs::none does not exist
    """
    find(op).register_autograd(backward, setup_context=setup_context)


def register_fake(op: Any, func: Callable[..., Any] | None = None, /, *, lib: Any = None) -> Any:
    """Takes a function that tells the shapes of an operator's results without computing them, and gives it back.

    It runs where a tensor is on the device `meta`. Other calls run the operator itself, compiled or not. It is a
    decorator where the function is not given. Raises RuntimeError for a name that no operator has.

    >>> import kagari as torch
    >>> torch.library.register_fake("docs::none", lambda x: x)
    Traceback (most recent call last):
    RuntimeError: operator docs::none does not exist
    """
    found = find(op)
    return found.register_fake if func is None else found.register_fake(func)
