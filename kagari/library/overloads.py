"""PyTorch's operators as objects: `torch.ops.aten.add` has several overloads, `torch.ops.aten.add.Tensor` is one."""

from __future__ import annotations

from functools import cache
from typing import Any

from ..eager.aten import Schema, schemas
from .aten_functions import implementation
from .matching import Arguments, fitted, matched


class OpOverload:
    """One overload of an operator; calling it computes what the operator gives."""

    def __init__(self, packet: OpOverloadPacket, schema: Schema) -> None:
        self.overloadpacket, self._schema = packet, schema
        self._overloadname = schema.overload or "default"
        self._opname, self.namespace = packet._opname, "aten"
        self.__name__ = f"{self._opname}.{self._overloadname}"
        self.__module__ = "torch._ops.aten"
        self._function = implementation(schema)

    def __repr__(self) -> str:
        return f"<OpOverload(op='aten.{self._opname}', overload='{self._overloadname}')>"

    def __str__(self) -> str:
        return f"aten.{self.__name__}"

    def __reduce__(self) -> tuple[Any, ...]:
        return overload, (self._opname, self._overloadname)

    def __deepcopy__(self, memo: Any) -> OpOverload:
        return self

    def name(self) -> str:
        """The name that stored graphs have: `aten::add.Tensor`."""
        return f"{self._schema.name}.{self._schema.overload}".rstrip(".")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the operator gives. Raises RuntimeError for arguments that do not fit, NotImplementedError for an
        operator that Kagari does not have.
        """
        found = fitted(self._schema, args, kwargs, lenient=True)
        if found is None:
            raise RuntimeError(f"{self.name()}() does not take these arguments. Declaration: {self._schema}")
        if self._function is None:
            raise NotImplementedError(f"{self} is not there yet")
        return self._function(*found.args, **found.kwargs)


class OpOverloadPacket:
    """All overloads of an operator; calling it calls the first one that fits the arguments."""

    def __init__(self, name: str) -> None:
        self._opname, self._qualified_op_name = name, f"aten::{name}"
        self.__name__ = name
        self.__module__ = "torch._ops.aten"

    def __repr__(self) -> str:
        return f"<OpOverloadPacket(op='aten.{self._opname}')>"

    def __str__(self) -> str:
        return f"aten.{self._opname}"

    def __reduce__(self) -> tuple[Any, ...]:
        return packet, (self._opname,)

    def overloads(self) -> list[str]:
        """The names of the overloads."""
        return [schema.overload or "default" for schema in schemas(self._qualified_op_name)]

    def __getattr__(self, name: str) -> OpOverload:
        for schema in schemas(self._qualified_op_name) if not name.startswith("__") else ():
            if (schema.overload or "default") == name:
                made = self.__dict__[name] = OpOverload(self, schema)
                return made
        raise AttributeError(f"The underlying op of 'aten.{self._opname}' has no overload name '{name}'")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the operator gives. Raises RuntimeError where no overload takes the arguments."""
        found = matched(self._opname, args, kwargs)
        if found is None:
            raise RuntimeError(f"No overload of {self} takes these arguments; there are: {', '.join(self.overloads())}")
        return of(found)(*args, **kwargs)


def of(arguments: Arguments) -> OpOverload:
    """The overload that arguments were fitted to."""
    schema = arguments.schema
    return overload(schema.name.removeprefix("aten::"), schema.overload or "default")


@cache
def packet(name: str) -> OpOverloadPacket:
    """An operator by its name. Raises AttributeError where there is none."""
    if not schemas(f"aten::{name}"):
        raise AttributeError(f"'_OpNamespace' 'aten' object has no attribute '{name}'")
    return OpOverloadPacket(name)


def overload(name: str, which: str) -> OpOverload:
    """One overload by its name."""
    found: OpOverload = getattr(packet(name), which)
    return found


class AtenNamespace:
    """`torch.ops.aten`: PyTorch's own operators, of which Kagari has many."""

    def __repr__(self) -> str:
        return "<module 'torch.ops.aten' from 'torch.ops'>"

    def __getattr__(self, name: str) -> OpOverloadPacket:
        if name.startswith("__"):
            raise AttributeError(name)
        return packet(name)


class HigherOrderOperator:
    """An operator that takes graphs: `cond`, which runs one of two."""

    def __init__(self, name: str, function: Any) -> None:
        self.__name__, self._function = name, function
        self.__module__ = "torch.ops.higher_order"

    def __repr__(self) -> str:
        return self.__name__

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (higher_order, self.__name__)

    def __deepcopy__(self, memo: Any) -> HigherOrderOperator:
        return self

    def __call__(self, *args: Any) -> Any:
        """What the operator gives."""
        return self._function(*args)


def _cond(pred: Any, true_graph: Any, false_graph: Any, operands: Any) -> Any:
    return (true_graph if pred else false_graph)(*operands)


class HigherOrderNamespace:
    """`torch.ops.higher_order`: operators that take graphs."""

    cond = HigherOrderOperator("cond", _cond)

    def __repr__(self) -> str:
        return "<module 'torch.ops.higher_order' from 'torch.ops'>"


aten, higher_order = AtenNamespace(), HigherOrderNamespace()

__all__ = [
    "AtenNamespace",
    "HigherOrderNamespace",
    "HigherOrderOperator",
    "OpOverload",
    "OpOverloadPacket",
    "aten",
    "higher_order",
    "of",
    "overload",
    "packet",
]
