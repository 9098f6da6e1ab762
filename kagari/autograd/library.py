"""Every operator record as a callable function, made once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from ..base.dtypes import dtype
from ..base.symbols import hint
from ..engine.code import SOON_NEEDED
from ..engine.function import REQUIRED, Function, Parameter
from ..ir.build import broadcast_shape, broadcast_to
from ..ir.graph import Value, cast
from ..ops import nodes
from ..ops import operator as definitions
from ..ops import records as families

if TYPE_CHECKING:
    from ..ops.operator import Operator, Param

SOON_NEEDED.append(lambda: families.OPERATORS)


@cache
def records() -> dict[str, Operator]:
    """The records of all operators, by name."""
    return {record.name: record for record in families.OPERATORS}


def _parameter(p: Param) -> Parameter:
    default = REQUIRED if p.default is definitions.REQUIRED else p.default
    return Parameter(p.name, p.kind, default, p.optional, p.keyword_only, p.many, p.accepts)


def make(record: Operator, *, dunder: str = "", inplace: bool = False, low: dtype | None = None) -> Function:
    """The function of a record, of a Python operator of it, which has a table of its own, or of its in-place form.

    With `low` it is the form under autocast to that dtype.
    """
    base = function(record.name + "_" * inplace) if dunder and low is None else None
    define = _overwriting(record) if inplace else record.define if low is None else _cast(record, record.define, low)
    gradient = record.gradient
    if low is not None and gradient is not None:
        gradient = _cast_gradient(record, gradient, low)
    made = Function(
        record.name + "_" * inplace, tuple(_parameter(p) for p in record.params), define, display=dunder or record.name,
        gradient=gradient, order=record.order, differentiable=record.differentiable, into=0 if inplace
        else None, spread=record.spread, strict_view=record.strict_view, aliases="fresh" if record.fresh else "view",
        recomputes=record.recomputes and not inplace, traces=base.traces if base else None,
    )  # fmt: skip
    made.record, made.dunder = record, dunder
    made.name_node, made.name_gradient = partial(_node_name, record), nodes.of_gradient
    if record.autocast is not None and not inplace and low is None:
        made.casting = lambda low: make(record, dunder=dunder, low=low)
    return made


def _node_name(record: Operator, args: tuple[Any, ...]) -> str:
    node = record.node or nodes.spelled(record.name, record.namespace)
    return node if isinstance(node, str) else node(args)


def _cast(record: Operator, define: Callable[..., Any], low: dtype) -> Callable[..., Any]:
    """The definition with its arguments in the dtypes that autocast gives them."""
    rule = record.autocast
    assert rule is not None

    def cast_define(*args: Any, **kwargs: Any) -> Any:
        values = rule((*args, *kwargs.values()), low)
        return define(*values[: len(args)], **dict(zip(kwargs, values[len(args) :])))

    return cast_define


def _cast_gradient(record: Operator, gradient: Callable[..., Any], low: dtype) -> Callable[..., Any]:
    """The same for the gradient, whose first argument is that of the results."""

    def cast_gradient(g: Any, *args: Any) -> Any:
        return _cast(record, partial(gradient, g), low)(*args)

    return cast_gradient


def _overwriting(record: Operator) -> Callable[..., Value]:
    """The definition whose result has the first argument's shape and dtype.

    Raises RuntimeError where the result does not fit: a larger shape, a dtype of a higher category, or the real size of
    a complex number.
    """

    def define(*args: Any, **kwargs: Any) -> Value:
        target = args[0]
        result = record.define(*args, **kwargs)
        if result.shape != target.shape:
            if broadcast_shape(result.shape, target.shape) != target.shape:
                raise RuntimeError(
                    f"output with shape {[hint(s) for s in target.shape]} doesn't match the broadcast shape "
                    f"{[hint(s) for s in result.shape]}"
                )
            result = broadcast_to(result, target.shape)
        if result.dtype.category > target.dtype.category:
            raise RuntimeError(
                f"result type {result.dtype.type_name} can't be cast to the desired output type "
                f"{target.dtype.type_name}"
            )
        if target.dtype.is_complex and result.dtype.is_floating_point:
            raise RuntimeError(f"In-place {record.name} is not supported for complex tensors.")
        return cast(result, target.dtype)

    return define


@cache
def function(name: str) -> Function:
    """The function of the operator with this name; a trailing underscore means its in-place form."""
    record = records().get(name)
    return make(record) if record is not None else make(records()[name[:-1]], inplace=True)
