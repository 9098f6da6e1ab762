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
    "register_autocast", "register_autograd", "register_fake", "register_kernel", "register_vmap",
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


def register_kernel(
    op: Any, device_types: str | Sequence[str] | None, func: Callable[..., Any] | None = None, /, *, lib: Any = None
) -> Any:
    """Says what an operator computes on some devices. It is a decorator where the function is not given.

    Args:
        op: the operator, or its name
        device_types: `"cpu"`, which counts here, or others; None for all
        func: the function
        lib: accepted as PyTorch has it

    Raises RuntimeError for a name that no operator has.

    >>> import kagari as torch
    >>> @torch.library.custom_op("docs::thrice", mutates_args=())
    ... def thrice(x: torch.Tensor) -> torch.Tensor:
    ...     raise NotImplementedError
    >>> @torch.library.register_kernel("docs::thrice", "cpu")
    ... def on_cpu(x):
    ...     return x * 3
    >>> thrice(torch.ones(2))
    tensor([3., 3.])
    """
    return find(op).register_kernel(device_types, func)


def register_vmap(op: Any, func: Callable[..., Any] | None = None, /, *, lib: Any = None) -> Any:
    """Says how an operator is computed for many examples at once, where `torch.vmap` calls it.

    Else it is called for each example. It is a decorator where the function is not given.

    Args:
        op: the operator, or its name
        func: gets `info`, which has a `batch_size`, `in_dims`, where the examples are in each argument or None, and the
            arguments; and gives the results and where the examples are in them
        lib: accepted as PyTorch has it

    Raises RuntimeError for a name that no operator has.

    >>> import kagari as torch
    >>> @torch.library.custom_op("docs::squares", mutates_args=())
    ... def squares(x: torch.Tensor) -> torch.Tensor:
    ...     return (x * x).sum(-1)
    >>> @torch.library.register_vmap("docs::squares")
    ... def of_many(info, in_dims, x):
    ...     return squares(x.movedim(in_dims[0], 0)), 0
    >>> torch.vmap(squares, in_dims=1)(torch.ones(2, 3))
    tensor([2., 2., 2.])
    """
    return find(op).register_vmap(func)


def register_autocast(op: Any, device_type: str, cast_inputs: Any, /, *, lib: Any = None) -> None:
    """Says to which dtype the arguments of an operator go under autocast.

    Args:
        op: the operator, or its name
        device_type: `"cpu"`, which counts here, or `"cuda"`
        cast_inputs: the dtype of its tensors of floating-point numbers, but for those of float64
        lib: accepted as PyTorch has it

    Raises RuntimeError for a name that no operator has, ValueError for another type of devices.

    >>> import kagari as torch
    >>> @torch.library.custom_op("docs::same", mutates_args=())
    ... def same(x: torch.Tensor) -> torch.Tensor:
    ...     return x.clone()
    >>> torch.library.register_autocast("docs::same", "cpu", torch.bfloat16)
    >>> with torch.autocast("cpu"):
    ...     same(torch.ones(2)).dtype
    torch.bfloat16
    """
    find(op).register_autocast(device_type, cast_inputs)
