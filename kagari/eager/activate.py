"""Joins the records with the Tensor class: methods, Python operators, in-place forms and functions, all bound to
native code.
"""

from __future__ import annotations

import copyreg
from functools import partial, reduce
from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd import engine as autograd_engine
from ..autograd import modes, packing
from ..autograd.library import function, make, records
from ..autograd.node import Node, OutputOf
from ..autograd.views import CHANGED_UNTRACKED, UNTRACKED
from ..base.dtypes import default_dtype, dtype, promote
from ..base.errors import KernelIndexError, OutOfMemoryError
from ..engine import interpret
from ..engine.code import Native, is_loaded, native
from ..engine.function import UNANSWERED, Function, Hooks, Parameter
from ..engine.plan import PLANS, Origin
from . import answering, convert, inplace, overriding
from .results import named
from .tensor import Tensor, offsets

if TYPE_CHECKING:
    from ..ops.operator import Operator

FUNCTIONS: dict[str, Any] = {}


def install(loaded: Native) -> None:
    """Runs once, when the resident code has been loaded."""
    Hooks.tensor_types = tuple(parameter_types)
    Hooks.convert = staticmethod(checked_arguments)
    Hooks.asked = staticmethod(overriding.asked)
    Hooks.override = staticmethod(override)
    Hooks.out = staticmethod(into_out)
    Hooks.in_place_gradient = staticmethod(inplace.with_gradient)
    Hooks.after = staticmethod(watch)
    offsets(loaded)
    loaded.set_roots(untracked=UNTRACKED)
    loaded.set_roots(
        tensor=Tensor,
        parameter=parameter_types[-1],
        node=Node,
        output_of=OutputOf,
        mode_of_thread=modes.mode,
        on_status=raise_status,
        on_no_memory=raise_no_memory,
    )
    modes.watch(loaded.set_mode)
    autograd_engine.install(loaded)
    for name in _LOOKING_UP:
        function(name).diverted = partial(_looked_up, name)
    for record in records().values():
        _install(loaded, record)
    copyreg.pickle(type(loaded.allocate_storage(0)), _pickled)


_LOOKING_UP = ("embedding", "embedding_bag", "gather")  # what may have a sparse gradient


def _looked_up(name: str, args: tuple[Any, ...]) -> Any:
    """A call that asks for a sparse gradient; UNANSWERED for any other."""
    asked = any(a is True for a in args)
    return getattr(Hooks.sparse.lookup, name)(args) if asked else UNANSWERED


def _pickled(block: Any) -> tuple[Any, ...]:
    """What a pickled operator is an attribute of. Its function is bound to the block that holds its state."""
    if not any(getattr(f, "__self__", None) is block for f in FUNCTIONS.values()):
        raise TypeError("cannot pickle a block of memory")
    return import_module, (f"{__package__}.operators",)


def register_parameter_type(cls: type) -> None:
    """Tells native code, now or when it is loaded, of a subclass that behaves as Tensor in every operator."""
    parameter_types.append(cls)
    if is_loaded():
        Hooks.tensor_types = tuple(parameter_types)
        native().set_roots(parameter=cls)


parameter_types: list[type] = [Tensor]


def _install(loaded: Native, record: Operator) -> None:
    """Gives an operator its faces: one callable serves as function, as method and under all aliases."""
    doc = f"{record.signature}\n--\n\n{record.doc}"
    made = loaded.operator_function(record.name, function(record.name).activate(), doc)
    _name(loaded, record, named(made, record.name, record.returns, doc) if record.returns else made, "")
    if record.inplace:
        changing = function(record.name + "_").activate()
        _name(loaded, record, loaded.operator_function(record.name + "_", changing, doc), "_")
    if record.dunder:
        operator = make(record, dunder=record.dunder)
        setattr(Tensor, record.dunder, loaded.operator_method(Tensor, record.dunder, operator.activate(), doc))
        _kept.append(operator)
        if record.inplace and record.dunder[2:-2] in _AUGMENTED:
            name = f"__i{record.dunder[2:]}"
            changing_operator = make(record, dunder=name, inplace=True)
            setattr(Tensor, name, loaded.operator_method(Tensor, name, changing_operator.activate(), doc))
            _kept.append(changing_operator)
        if record.reflected:
            setattr(Tensor, record.reflected, loaded.operator_reflected(Tensor, record.reflected, operator.activate()))


def _name(loaded: Native, record: Operator, made: Any, suffix: str) -> None:
    """Enters a callable under the operator's names, as far as it has that face."""
    method = made if isinstance(made, FunctionType) else loaded.bindable(made)
    for name in (record.name + suffix, *(alias + suffix for alias in record.aliases)):
        if record.function:
            FUNCTIONS[name] = made
        # What is no function, such as `copy_`, has its in-place form as a method alone.
        if (record.method or (suffix and not record.function)) and name not in Tensor.__dict__:
            setattr(Tensor, name, method)


_kept: list[Function] = []
_AUGMENTED = frozenset(
    ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift"]
)


# What the engine asks of tensors


_OF_TENSORS = ("tensor", "operand", "either")


def checked_arguments(f: Function, args: tuple[Any, ...]) -> Any:
    """The arguments with lists as tuples and NumPy numbers as Python's.

    Raises TypeError naming the operator, the argument and its position where a type does not fit.
    """
    values = list(args)
    parameters, last = f.parameters, len(f.parameters) - 1
    for i, a in enumerate(args):
        p = parameters[i if i < last else last]
        kind = type(a)
        if kind is Tensor or isinstance(a, Tensor):
            if p.kind in _OF_TENSORS:
                continue
            if p.kind == "number":
                values[i] = a.item()
                continue
            if a.dtype.category <= 1 and a.numel() == 1:
                values[i] = _accepted(f, p, i, a.item()) if p.accepts else a.item()
                continue
        elif p.kind in ("static", "either"):
            values[i] = _static(a)
            if p.accepts and values[i] is not p.default:
                values[i] = _accepted(f, p, i, values[i])
            continue
        elif a is None and p.optional:
            continue
        elif p.kind == "operand" and isinstance(a, complex | np.complexfloating) and not isinstance(a, float):
            values[i] = _complex_operand(complex(a), args)
            continue
        elif p.kind != "tensor" and isinstance(a, int | float | complex | np.number | np.bool_):
            values[i] = (
                a.item()
                if isinstance(a, np.generic)
                else a
                if kind in (int, float, bool, complex)
                else _plain_number(a)
            )
            continue
        if f.dunder:
            return NotImplemented
        wanted = {"tensor": "Tensor", "operand": "Tensor", "number": "Number", "static": "a number"}[p.kind]
        raise TypeError(f"{f.display}(): argument '{p.name}' (position {i + 1}) must be {wanted}, not {kind.__name__}")
    return tuple(values)


def _complex_operand(value: complex, args: tuple[Any, ...]) -> Tensor:
    """A complex number as a tensor, in the precision that it has among the other arguments.

    Kernels take real numbers alone as operands, and another number should need no other kernel.
    """
    floats = [a._layout.dtype for a in args if isinstance(a, Tensor) and a._layout.dtype.is_differentiable]
    dt = reduce(promote, floats) if floats else default_dtype()
    return convert.full((), value, dt.to_complex())


def _plain_number(a: Any) -> Any:
    """A number of a subclass of int, float or complex as Python's own."""
    kinds: tuple[Any, ...] = (int, float, complex)
    return next(kind(a) for kind in kinds if isinstance(a, kind))


def _static(a: Any) -> Any:
    if isinstance(a, list | tuple):
        return tuple(_static(x) for x in a)
    if isinstance(a, np.generic):
        return a.item()
    if isinstance(a, Tensor) and a.numel() == 1:
        return a.item()
    return a


_TYPES = {int: "int", bool: "bool", float: "float", tuple: "ints", type(None): "None", dtype: "dtype", str: "str"}
_WORDS = {"int": "int", "bool": "bool", "float": "float", "ints": "tuple of ints", "dtype": "torch.dtype"}


def _accepted(f: Function, p: Parameter, position: int, value: Any) -> Any:
    """A static argument of a type that its parameter accepts. Raises TypeError for any other."""
    kind = _TYPES.get(type(value))
    if kind is None and hasattr(value, "__index__"):
        value, kind = value.__index__(), "int"
    if kind not in p.accepts:
        wanted = _WORDS["ints" if "ints" in p.accepts else p.accepts[0]]
        raise TypeError(
            f"{f.display}(): argument '{p.name}' (position {position + 1}) must be {wanted}, not {type(value).__name__}"
        )
    if kind == "ints":
        for at, n in enumerate(value):
            if not isinstance(n, int) or (type(n) is bool and not at):
                raise TypeError(
                    f"{f.display}(): argument '{p.name}' (position {position + 1}) must be tuple of ints, but found "
                    f"element of type {type(n).__name__} at pos {at}"
                )
        return tuple([int(n) for n in value])
    return value


def override(f: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Hands a call to the modes of the thread and to the types among its arguments that answer it.

    Modes are told of public functions alone: UNANSWERED for others without such arguments, and for a call that is not
    to be told.
    """
    answering.appear()
    found = overriding.answering((*args, *kwargs.values()))
    public = FUNCTIONS.get(f.name) or getattr(Tensor, f.name, None) or getattr(Tensor, f.dunder or f.name, None)
    if (public is None and not found) or overriding.skipped():
        return UNANSWERED
    func = public or f.miss
    if f.dunder in _TOLD_REFLECTED and not isinstance(args[0], Tensor):
        func, args = getattr(Tensor, f.record.reflected), (args[1], args[0])
    elif f.dunder in ("__eq__", "__ne__"):
        func = getattr(Tensor, f.dunder)
    result = overriding.hand(func, found, args, kwargs)
    if result is NotImplemented and not f.dunder:
        told = "".join(f"\n\n  - tensor subclass {type(a)}" for a in found)
        raise TypeError(
            f"Multiple dispatch failed for 'torch.{f.display}'; all __torch_function__ handlers returned "
            f"NotImplemented:{told}\n\nFor more information, try re-running with TORCH_LOGS=not_implemented"
        )
    return result


# Whose reflected form is told as such, as in PyTorch: that of others is the same with its arguments exchanged.
_TOLD_REFLECTED = frozenset(["__sub__", "__pow__", "__truediv__", "__floordiv__", "__mod__", "__matmul__"])


def into_out(f: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call with `out=`: the result is written there, resized where it has to be. No gradient passes through."""
    out = kwargs.pop("out")
    if out is None:
        return f.miss(*args, **kwargs)
    outs = out if isinstance(out, tuple | list) else (out,)
    tensors = [a for a in (*args, *kwargs.values(), *outs) if isinstance(a, Tensor)]
    if modes.is_grad_enabled() and any(t._needs for t in tensors):
        raise RuntimeError(
            f"{f.display}(): functions with out=... arguments don't support automatic differentiation, but one of "
            "the arguments requires grad."
        )
    result = f.apply(args, kwargs)  # as in PyTorch, autocast leaves calls with `out=` alone
    for target, value in zip(outs, result if isinstance(result, tuple) else (result,)):
        if not isinstance(target, Tensor):
            raise TypeError(f"{f.display}(): argument 'out' must be Tensor, not {type(target).__name__}")
        inplace.write_out(target, value)
    return out


def watch(f: Function, result: Any) -> None:
    """Looks at the nodes of a call: notes the line of the program, in anomaly mode, and packs what is saved."""
    for t in result if isinstance(result, tuple) else (result,):
        if isinstance(t, Tensor) and t.grad_fn is not None:
            packing.pack(t.grad_fn)
            if modes.anomaly:
                t.grad_fn.notes().setdefault("forward", modes.forward_lines())


def raise_status(status: int, miss: Any, plan: int, tensors: tuple[Tensor, ...]) -> None:
    """The exception for the error bits that a kernel set. `tensors` are the plan's inputs, where they are known."""
    f: Function = miss.__self__
    if status & 1:
        raise RuntimeError("ZeroDivisionError")
    if status & 16:
        refusal = f.record.refusal
        raise RuntimeError(refusal(*[_looked_at(t) for t in tensors]) if callable(refusal) else refusal)
    if status & 64:
        raise RuntimeError(modes.NOT_SAVED)
    if status & 128:
        raise RuntimeError(modes.NOT_CHANGED)
    if status & 8:
        raise RuntimeError(CHANGED_UNTRACKED)
    if status & 4:
        raise RuntimeError(
            f"{f.display}: unsupported operation: some elements of the input tensor and the written-to tensor refer "
            "to a single memory "
            "location. Please clone() the tensor before performing the operation."
        )
    origin = PLANS[plan].origin
    found = _bad_index(origin, tensors) if tensors and origin is not None else None
    if "loss" in f.name or f.name == "cross_entropy":
        raise IndexError(f"Target {found.index} is out of bounds." if found else "Target is out of bounds.")
    if found is None:
        raise KernelIndexError
    kind = f.record.index_error if f.record is not None else IndexError
    raise kind(f"{f.display}(): index out of range in self: {found}")


def _looked_at(t: Tensor) -> np.ndarray:
    """The values, of a dtype that NumPy has."""
    values = t.detach()
    return (values.double() if values.is_floating_point() else values).numpy()


def _bad_index(origin: Origin, tensors: tuple[Tensor, ...]) -> interpret.OutOfBounds | None:
    """Which index of a call is out of bounds. Floats have no say in that."""
    program = origin.program
    arrays = {}
    for v, t in zip(program.inputs, tensors):
        shape, floats = t._layout.shape, t._layout.dtype.is_differentiable
        arrays[v.attrs[0]] = np.zeros(shape) if floats else t.detach().numpy()
    return interpret.out_of_bounds(program.graph, arrays, dict(zip(program.symbols, origin.sizes)))


def raise_no_memory(nbytes: int) -> None:
    """Says how much was asked for and how much the pool holds."""
    stats = native().stats
    raise OutOfMemoryError(
        f"can't allocate memory: you tried to allocate {nbytes} bytes. {stats[0]} bytes are in use by tensors, "
        f"{stats[2] - stats[0]} bytes are "
        "pooled."
    )
