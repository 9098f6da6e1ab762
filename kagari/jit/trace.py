"""`trace`: functions and modules recorded from a call."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..autograd.modes import no_grad
from ..eager import Tensor
from ..eager import operators as ops
from ..nn import Module
from ..nn.global_hooks import register_module_forward_hook, register_module_forward_pre_hook
from . import types
from .calls import REQUIRED
from .function import ScriptFunction, ScriptModule, TopLevelTracedModule
from .ir import Value
from .lifting import Lifter, members_of, traced_type
from .passes import drop_unused
from .python_types import qualified
from .recorded_calls import HANDLERS
from .tracing import PLACE, Tracer, TracerWarning, recording
from .types import Method


def trace(
    func: Any,
    example_inputs: Any = None,
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: Any = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_kwarg_inputs: Mapping[str, Any] | None = None,
    _store_inputs: bool = True,
) -> Any:
    """Records what a function or a module does in one call, as a graph.

    Only what is done with tensors is recorded. What Python decides from them, such as the branch of an `if`, is in the
    graph as it was in this call; a :class:`TracerWarning` tells of such places. :func:`script` keeps control flow.

    Raises RuntimeError for calls that can't be recorded: parameters of other modules, lists and dictionaries as
    results (without `strict=False`).

    Args:
        func: a function, a module, or a method of a module
        example_inputs: a tuple of arguments, or one tensor
        optimize: accepted as PyTorch has it
        check_trace (bool): runs the recording once more and warns where it gives something else. Default: ``True``
        check_inputs: further tuples of arguments to check it with
        check_tolerance (float): how far results may be apart. Default: 1e-5
        strict (bool): refuses results that are lists or dictionaries. Default: ``True``
        example_kwarg_inputs: arguments by name, instead of `example_inputs`

    >>> import kagari as torch
    >>> def f(x):
    ...     return x * 2 + x.size(0)
    >>> traced = torch.jit.trace(f, torch.ones(2))
    >>> traced(torch.ones(3))
    tensor([5., 5., 5.])
    """
    if isinstance(func, ScriptFunction | ScriptModule):
        warnings.warn(
            "The input to trace is already a ScriptModule, tracing it is a no-op. Returning the object as is.",
            stacklevel=2,
        )
        return func
    args = _arguments(func, example_inputs, example_kwarg_inputs)
    if isinstance(func, Module):
        return _module(func, {"forward": args}, check_trace, check_inputs, check_tolerance, strict)
    owner = getattr(func, "__self__", None)
    if isinstance(owner, Module):
        name = func.__name__
        made = _module(owner, {name: args}, check_trace, check_inputs, check_tolerance, strict)
        return getattr(made, name)
    tracer = Tracer(None, HANDLERS)
    names = _record(tracer, func, args, strict)
    graph = tracer.graph
    drop_unused(graph)
    method = Method(qualified(func), [(n, p.type, REQUIRED) for n, p in zip(names, graph.params)], graph.result)
    method.made = graph
    made_function = ScriptFunction(method)
    if check_trace:
        for given in (args, *(check_inputs or ())):
            _check(func, made_function, _tuple_of(given), check_tolerance)
    return made_function


def trace_module(
    mod: Module,
    inputs: Mapping[str, Any],
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: Any = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_inputs_is_kwarg: bool = False,
    _store_inputs: bool = True,
) -> Any:
    """Records several methods of a module; `inputs` has the arguments of each, by its name. See :func:`trace`.

    >>> import kagari as torch
    >>> net = torch.nn.Linear(2, 3)
    >>> torch.jit.trace_module(net, {"forward": torch.ones(1, 2)})
    Linear(original_name=Linear)
    """
    if not isinstance(mod, Module):
        raise AttributeError("expected torch.nn.Module as the first argument")
    if not isinstance(inputs, Mapping):
        raise AttributeError("expected a dictionary of (method_name, input) pairs")
    given = {
        name: _arguments(getattr(mod, name), None, args) if example_inputs_is_kwarg else _tuple_of(args)
        for name, args in inputs.items()
    }
    return _module(mod, given, check_trace, None, check_tolerance, strict)


def _tuple_of(given: Any) -> tuple[Any, ...]:
    return given if isinstance(given, tuple) else tuple(given) if isinstance(given, list) else (given,)


def _arguments(func: Any, inputs: Any, words: Mapping[str, Any] | None) -> tuple[Any, ...]:
    if words is None:
        if inputs is None:
            raise RuntimeError("example_kwarg_inputs should be a dict" if inputs is None else "")
        return _tuple_of(inputs)
    if not isinstance(words, Mapping):
        raise RuntimeError("example_kwarg_inputs should be a dict")
    call = func.forward if isinstance(func, Module) else func
    return inspect.signature(call).bind(**words).args


def _module(
    module: Module, calls: Mapping[str, tuple[Any, ...]], check: bool, more: Any, tolerance: float, strict: bool
) -> ScriptModule:
    kind = traced_type(module)
    for name, args in calls.items():
        method = module if name == "forward" else getattr(module, name)
        tracer = Tracer(module, HANDLERS)
        names = _record(tracer, method, args, strict)
        Lifter(kind).lift(tracer.graph, name, names)
        drop_unused(tracer.graph)
    made = TopLevelTracedModule(kind)
    members_of(made, module)
    if check:
        for name, args in calls.items():
            original = module if name == "forward" else getattr(module, name)
            for given in (args, *((more or ()) if name == "forward" else ())):
                _check(original, made if name == "forward" else getattr(made, name), _tuple_of(given), tolerance)
    return made


@contextmanager
def _modules(tracer: Tracer) -> Iterator[None]:
    """Has the tracer told of modules that are called."""

    def enter(module: Module, args: Any) -> None:
        if not isinstance(module, ScriptModule):
            tracer.enter(module)

    def leave(module: Module, args: Any, output: Any) -> None:
        if not isinstance(module, ScriptModule):
            tracer.leave()

    hooks = [register_module_forward_pre_hook(enter), register_module_forward_hook(leave)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _record(tracer: Tracer, func: Callable[..., Any], args: tuple[Any, ...], strict: bool) -> list[str]:
    """Calls the function and has its graph made; gives the names of its parameters."""
    names = _names(func, args)
    inputs = []
    for name, arg in zip(names, args):
        value = tracer.graph.add_param(_type_of(arg), name)
        inputs.append(_input(tracer, value, arg))
    with recording(tracer), _modules(tracer):
        found = func(*inputs)
    tracer.graph.end.add_input(_output(tracer, found, strict))
    return names


def _input(tracer: Tracer, value: Value, arg: Any) -> Any:
    """The argument that is passed: another tensor object over the same memory, so that it is known by itself."""
    if isinstance(arg, Tensor):
        alias = arg.detach().requires_grad_(arg.requires_grad) if arg.is_leaf else arg.view_as(arg)
        tracer.know(alias, value)
        return alias
    tracer.known[value] = arg
    if isinstance(value.type, types.Tuple):
        node = tracer.emitter.emit("prim::TupleUnpack", (value,), value.type.elements, PLACE)
        return tuple(_input(tracer, v, part) for v, part in zip(node.outputs, arg))
    if isinstance(value.type, types.List):
        node = tracer.emitter.emit("prim::ListUnpack", (value,), [value.type.element] * len(arg), PLACE)
        return [_input(tracer, v, part) for v, part in zip(node.outputs, arg)]
    if isinstance(value.type, types.Dict):
        return {k: _input(tracer, _entry(tracer, value, k), v) for k, v in arg.items()}
    return arg


def _entry(tracer: Tracer, value: Value, key: Any) -> Value:
    return tracer.emitter.call("aten::__getitem__", (value, tracer.value(key)), PLACE)


def _type_of(arg: Any) -> types.Type:
    if isinstance(arg, Tensor):
        return types.Tensor
    if isinstance(arg, tuple):
        return types.Tuple(tuple(_type_of(a) for a in arg))
    if isinstance(arg, list) and arg:
        return types.List(_type_of(arg[0]))
    if isinstance(arg, dict) and arg:
        key, value = next(iter(arg.items()))
        return types.Dict(types.Str if isinstance(key, str) else types.Int, _type_of(value))
    for python, kind in ((bool, types.Bool), (int, types.Int), (float, types.Float), (str, types.Str)):
        if isinstance(arg, python):
            return kind
    raise RuntimeError(
        "Type 'Tuple' cannot be traced. Only Tensors and (possibly nested) Lists, Dicts, and Tuples of Tensors can be "
        f"traced, but got value of type {type(arg).__name__}"
    )


def _names(func: Any, args: tuple[Any, ...]) -> list[str]:
    """The names of the parameters that the arguments are for."""
    call = func.forward if isinstance(func, Module) else func
    try:
        parameters = list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    found = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][: len(args)]
    return found + [f"argument_{k + 1}" for k in range(len(found), len(args))]


def _output(tracer: Tracer, found: Any, strict: bool) -> Value:
    if isinstance(found, tuple):
        parts = [_output(tracer, part, strict) for part in found]
        kind = types.Tuple(tuple(p.type for p in parts))
        return tracer.emitter.emit("prim::TupleConstruct", parts, (kind,), PLACE).output
    if isinstance(found, list | dict):
        if strict:
            what = type(found).__name__
            raise RuntimeError(
                f"Encountering a {what} at the output of the tracer might cause the trace to be incorrect, this is "
                "only valid if the container structure does not change based on the module's inputs. Consider using a "
                "constant container instead (e.g. for `list`, use a `tuple` instead. for `dict`, use a `NamedTuple` "
                "instead). If you absolutely need this and know the side effects, pass strict=False to trace() to "
                "allow this behavior."
            )
        return tracer.value(found)
    if isinstance(found, Tensor):
        return tracer.value(found)
    raise RuntimeError(
        "Only tensors, lists, tuples of tensors, or dictionary of tensors can be output from traced functions"
    )


def _check(func: Callable[..., Any], traced: Any, args: tuple[Any, ...], tolerance: float) -> None:
    """Warns where the recording and the function give different results."""
    state = ops.get_rng_state()
    with no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", TracerWarning)
        wanted = func(*args)
        ops.set_rng_state(state)
        given = traced(*args)
        ops.set_rng_state(state)
    for number, (a, b) in enumerate(zip(_tensors(wanted), _tensors(given)), 1):
        if a.shape != b.shape or not ops.allclose(
            a.double(), b.double(), rtol=tolerance, atol=tolerance, equal_nan=True
        ):
            different = int((a != b).sum()) if a.shape == b.shape else a.numel()
            warnings.warn(
                f"Output nr {number}. of the traced function does not match the corresponding output of the Python "
                f"function. Detailed error:\nTensor-likes are not close!\n\nMismatched elements: {different} / "
                f"{a.numel()}",
                TracerWarning,
                stacklevel=4,
            )


def _tensors(found: Any) -> list[Any]:
    if isinstance(found, Tensor):
        return [found]
    if isinstance(found, dict):
        return [t for part in found.values() for t in _tensors(part)]
    if isinstance(found, tuple | list):
        return [t for part in found for t in _tensors(part)]
    return []


__all__ = ["trace", "trace_module"]
