"""Every operator record as a callable function, made once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from ..base.symbols import hint
from ..engine.function import REQUIRED, Function, Parameter
from ..ir.build import broadcast_shape, broadcast_to
from ..ir.graph import Value, cast
from ..ops import operator as definitions
from ..ops import records as families

if TYPE_CHECKING:
    from ..ops.operator import Operator, Param


@cache
def records() -> dict[str, Operator]:
    """The records of all operators, by name."""
    return {record.name: record for record in families.OPERATORS}


def _parameter(p: Param) -> Parameter:
    default = REQUIRED if p.default is definitions.REQUIRED else p.default
    return Parameter(p.name, p.kind, default, p.optional, p.keyword_only, p.many, p.accepts)


def make(record: Operator, *, dunder: str = "", inplace: bool = False) -> Function:
    """The function of a record, of a Python operator of it, which has a table of its own, or of its in-place form."""
    base = function(record.name + "_" * inplace) if dunder else None
    define = _overwriting(record) if inplace else record.define
    made = Function(
        record.name + "_" * inplace, tuple(_parameter(p) for p in record.params), define, display=dunder or record.name,
        gradient=record.gradient, order=record.order, differentiable=record.differentiable, into=0 if inplace
        else None, spread=record.spread, strict_view=record.strict_view, aliases="fresh" if record.fresh else "view",
        traces=base.traces if base else None,
    )  # fmt: skip
    made.record, made.dunder = record, dunder
    return made


def _overwriting(record: Operator) -> Callable[..., Value]:
    """The definition whose result has the first argument's shape and dtype.

    Raises RuntimeError where the result does not fit: a larger shape, or a dtype of a higher category.
    """

    def define(*args: Any, **kwargs: Any) -> Value:
        target = args[0]
        result = record.define(*args, **kwargs)
        if result.dtype.category > target.dtype.category:
            raise RuntimeError(
                f"result type {result.dtype.type_name} can't be cast to the desired output type "
                f"{target.dtype.type_name}"
            )
        if result.shape != target.shape:
            if broadcast_shape(result.shape, target.shape) != target.shape:
                raise RuntimeError(
                    f"output with shape {[hint(s) for s in target.shape]} doesn't match the broadcast shape "
                    f"{[hint(s) for s in result.shape]}"
                )
            result = broadcast_to(result, target.shape)
        return cast(result, target.dtype)

    return define


@cache
def function(name: str) -> Function:
    """The function of the operator with this name; a trailing underscore means its in-place form."""
    record = records().get(name)
    return make(record) if record is not None else make(records()[name[:-1]], inplace=True)
