"""Whether an operator of a program's own does what it says."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import Any

from ..capture.compile import compile
from ..eager import Tensor
from ..eager import operators as ops
from .namespaces import CustomOpDef, OwnOverload, find, tensors_of
from .overloads import OpOverload, OpOverloadPacket

_DEFAULT = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")
_ALL = (*_DEFAULT[:3], "test_aot_dispatch_static", _DEFAULT[3])
Values = tuple[Any, ...]


class OpCheckError(Exception):
    """An operator does not do what it says."""


class MetadataMismatchError(RuntimeError):
    """What tells shapes tells others than those of the results."""


def opcheck(
    op: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None = None,
    *,
    test_utils: str | Sequence[str] = _DEFAULT,
    raise_exception: bool = True,
    atol: float | None = None,
    rtol: float | None = None,
) -> dict[str, Any]:
    """Checks that an operator does what it says, with some arguments.

    Args:
        op: what :func:`custom_op` has made, or the operator as `torch.ops` has it
        args, kwargs: what it is called with. Arguments that want gradients have those checked, too.
        test_utils: which checks are made: `test_schema`, that it changes no argument that it does not say it changes,
            and shares no memory; `test_autograd_registration`, that its results follow gradients where it has a
            formula; `test_faketensor`, that its fake tells the shapes, dtypes and strides of the results;
            `test_aot_dispatch_dynamic` and `test_aot_dispatch_static`, that results and gradients are the same where it
            is compiled. Default: all but the last one
        raise_exception: whether the first failure is raised. Default: True
        atol, rtol: how far results of a compiled call may be off

    Returns the name of each check with `"SUCCESS"`, or with the exception if those are not raised.

    Raises `OpCheckError` for a failure, ValueError for what is no operator and for unknown checks.

    >>> import kagari as torch
    >>> @torch.library.custom_op("docs::half", mutates_args=())
    ... def half(x: torch.Tensor) -> torch.Tensor:
    ...     return x / 2
    >>> torch.library.opcheck(half, (torch.ones(2),), test_utils="test_schema")
    {'test_schema': 'SUCCESS'}
    """
    if not isinstance(op, CustomOpDef | OwnOverload | OpOverload | OpOverloadPacket):
        raise ValueError(
            "opcheck(op, ...): op must be instance of torch._ops.OpOverload, e.g. torch.ops.aten.sin.default, got "
            f"{type(op)}"
        )
    wanted = (test_utils,) if isinstance(test_utils, str) else tuple(test_utils)
    if not set(wanted) <= set(_ALL):
        raise ValueError(
            f"opcheck(op, ..., test_utils={test_utils}), expected test_utils to be subset of {_ALL} but it was not"
        )
    check = _Check(op, args, kwargs or {}, atol, rtol)
    found: dict[str, Any] = {}
    for name in wanted:
        try:
            check.run(name)
            found[name] = "SUCCESS"
        except Exception as error:
            if raise_exception:
                traceback.print_exc()
                raise OpCheckError(
                    f"opcheck(op, ...): {name} failed with {error} (scroll up for stack trace)"
                ) from error
            found[name] = error
    return found


class _Check:
    """The checks of one call. Operators that are there already have no schema or fake of the program's own."""

    def __init__(
        self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], atol: float | None, rtol: float | None
    ) -> None:
        self.op = op
        self.own = find(op) if isinstance(op, CustomOpDef | OwnOverload) else None
        self.args, self.kwargs, self.atol, self.rtol = args, kwargs, atol, rtol

    def run(self, name: str) -> None:
        """Makes a check. Raises what speaks against the operator."""
        if name == "test_schema":
            self._schema()
        elif name == "test_autograd_registration":
            self._gradients()
        elif name == "test_faketensor":
            self._fake()
        else:
            self._compiled(name == "test_aot_dispatch_dynamic")

    def _copied(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments anew, as leaves."""

        def copied(value: Any) -> Any:
            if isinstance(value, Tensor):
                return value.detach().clone().requires_grad_(value.requires_grad)
            return type(value)(map(copied, value)) if isinstance(value, list | tuple) else value

        return tuple(map(copied, self.args)), {name: copied(value) for name, value in self.kwargs.items()}

    def _schema(self) -> None:
        args, kwargs = self._copied()
        if self.own is None:
            self.op(*args, **kwargs)
            return
        bound = self.own._schema.signature.bind(*args, **kwargs)
        before = {name: [t.detach().clone() for t in tensors_of(value)] for name, value in bound.arguments.items()}
        self.op(*args, **kwargs)
        for name, value in bound.arguments.items():
            same = all(_same(a, b) for a, b in zip(tensors_of(value), before[name]))
            if not same and "!" not in self.own._schema.types[name]:
                raise RuntimeError(f"Argument {name} is not defined as mutable but was mutated")

    def _gradients(self) -> None:
        args, kwargs = self._copied()
        given = list(tensors_of([*args, *kwargs.values()]))
        results = list(tensors_of(_listed(self.op(*args, **kwargs))))
        has_formula = self.own is None or self.own._backward is not None
        wanted = has_formula and any(t.requires_grad for t in given)
        if wanted and results and not any(t.requires_grad for t in results if t.is_floating_point() or t.is_complex()):
            raise RuntimeError(f"{self.op} has an autograd formula, but its results don't require grad")

    def _fake(self) -> None:
        if self.own is not None and self.own._fake is None:
            name = self.own._qualname.rpartition("::")[2]
            raise RuntimeError(
                f"There was no fake impl registered for {self.own}. This is necessary for torch.compile/export/fx "
                f"tracing to work. Please use `{name}.register_fake` to add an fake impl."
            )
        args, kwargs = self._copied()
        expected = list(tensors_of(_listed(self.op(*args, **kwargs))))
        args, kwargs = self._copied()
        told = self.op(*_on_meta(args), **{name: _on_meta(value) for name, value in kwargs.items()})
        shown = f"{self.own._qualname.replace('::', '.')}.default" if self.own is not None else str(self.op)
        head = f"When comparing the output of {shown} on FakeTensor and concrete Tensors, found mismatched tensor"
        for real, fake in zip(expected, tensors_of(_listed(told)), strict=True):
            for what, a, b in (
                ("Shapes", real.shape, fake.shape),
                ("Dtypes", real.dtype, fake.dtype),
                ("Strides", real.stride(), fake.stride()),
            ):
                if a != b:
                    raise MetadataMismatchError(f"{head} metadata: {what} {a} and {b} are not equal!")

    def _compiled(self, dynamic: bool) -> None:
        eager = self._called(self.op)
        compiled = self._called(compile(lambda *args, **kwargs: self.op(*args, **kwargs), dynamic=dynamic))
        for a, b in zip(eager, compiled, strict=True):
            if not _close(a, b, self.rtol, self.atol):
                raise RuntimeError(f"{self.op} gives other results or gradients where it is compiled: {a} and {b}")

    def _called(self, function: Callable[..., Any]) -> list[Tensor]:
        """The results, what the arguments became, and their gradients."""
        args, kwargs = self._copied()
        given = list(tensors_of([*args, *kwargs.values()]))
        results = list(tensors_of(_listed(function(*args, **kwargs))))
        followed = [t for t in results if t.requires_grad]
        if followed:
            sum(t.sum().abs() for t in followed).backward()
        return [*results, *given, *(t.grad for t in given if t.grad is not None)]


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


def _on_meta(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().to("meta")
    return type(value)(map(_on_meta, value)) if isinstance(value, list | tuple) else value


def _same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors have the same elements; NaN is NaN."""
    return a.shape == b.shape and bool((ops.eq(a, b) | (a.isnan() & b.isnan())).all())


def _close(a: Tensor, b: Tensor, rtol: float | None, atol: float | None) -> bool:
    if not (a.is_floating_point() or a.is_complex()):
        return _same(a, b)
    options = {"rtol": 1e-5 if rtol is None else rtol, "atol": 1e-6 if atol is None else atol}
    return a.shape == b.shape and ops.allclose(a, b, equal_nan=True, **options)


__all__ = ["MetadataMismatchError", "OpCheckError", "opcheck"]
