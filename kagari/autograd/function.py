"""autograd.Function: operations whose gradient the user writes."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ..engine.function import Hooks
from ..ir.build import broadcast_shape
from . import modes
from .api import filled
from .library import function
from .node import FREED, Node, OutputOf, as_function, bare, changed, edge_of, is_standing
from .packing import pack
from .saved import NOTE, Packed, SavedTensor
from .views import check_writable, refresh, rewrite


class FunctionCtx(Node):
    """What `forward` and `backward` share; it is the node of the call on the tape. Any attribute can be set on it."""

    called = True
    _function: type[Function]
    _to_save: tuple[Any, ...] = ()
    _dirty: tuple[Any, ...] = ()
    _flat: tuple[Any, ...] = ()
    _materialize = True
    _inputs: tuple[Any, ...] = ()  # the layout of each tensor argument, None for the others
    _made: tuple[Any, ...] = ()  # the layout of each tensor that came out, None for what is no tensor
    _from: tuple[Any, ...] = ()  # for each saved tensor, the edge it came with or the number of the output that it is

    needs_input_grad: tuple[bool, ...] = ()

    def __repr__(self) -> str:
        return object.__repr__(self)

    def save_for_backward(self, *tensors: Any) -> None:
        """Keeps tensors for `backward`, where `saved_tensors` gives them. They are let go after the backward pass."""
        self._to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keeps tensors for `jvp`, as `save_for_backward` does."""
        self._to_save = tensors

    def mark_dirty(self, *args: Any) -> None:
        """Says which inputs `forward` changed in place; each has to be among the outputs."""
        self._dirty = args

    def mark_non_differentiable(self, *args: Any) -> None:
        """Says which outputs have no gradient."""
        self._flat = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros, rather than None, for outputs that nothing depends on. True unless set."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept. Raises RuntimeError where it has been let go, or was changed in place."""
        saved = self._saved
        if saved is None and isinstance(note := self.notes().get(NOTE), Packed):
            saved = note.take()
        if saved is None:
            raise RuntimeError(FREED)
        n = len(saved) >> 1
        return tuple([self._unpacked(i, t, saved[n + 1 + i]) for i, t in enumerate(saved[:n])])

    @property
    def _raw_saved_tensors(self) -> tuple[SavedTensor, ...]:
        """The places of what `save_for_backward` kept. Raises RuntimeError where it has been let go."""
        note = self.notes().get(NOTE)
        saved = note.saved if isinstance(note, Packed) else self._saved
        if saved is None:
            raise RuntimeError(FREED)
        return tuple([SavedTensor(self, i) for i in range(len(saved) >> 1)])

    def saved_as(self, i: int, t: Any) -> tuple[Any, Any]:
        """A tensor that is saved, with its place on the tape, and the edge that it has beside what the node knows."""
        place = self._from[i]
        return (t, edge_of(t)) if type(place) is not int else (self._unpacked(i, t, t._version), None)

    def _unpacked(self, i: int, t: Any, version: int) -> Any:
        if t is None:
            return None
        place = self._from[i]
        if t._version != version:
            raise changed(t, version, *((self, place) if type(place) is int else as_function(t._grad_fn)))
        if type(place) is not int:
            return t
        result = bare(t)
        if place >= 0:
            result._grad_fn, result._needs = self._output_edge(place), True
        return result

    def _output_edge(self, index: int) -> Any:
        return self if index == 0 else OutputOf(self, index)

    def keep(self, outputs: Sequence[Any]) -> None:
        """Turns what is to be saved into what is saved.

        An output is saved without history, or the node would hold itself alive.
        """
        items, tensors = list(self._to_save), Hooks.tensor_types
        places: list[Any] = [None] * len(items)
        numbers = {id(o): k for k, o in reversed(list(enumerate(outputs)))}
        for i, t in enumerate(items):
            if t is None:
                continue
            if not isinstance(t, tensors):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type {type(t).__name__}"
                )
            if t.is_inference():
                raise RuntimeError(modes.NOT_SAVED)
            if id(t) in numbers:
                places[i] = numbers[id(t)] if t._needs else -1
                items[i] = bare(t)
        self._to_save, self._from = (), tuple(places)
        self._saved = (*items, None, *[0 if t is None else t._version for t in items])

    # The node

    def name(self) -> str:
        """The class's name and `Backward`."""
        return type(self).__name__

    @property
    def outputs(self) -> int:
        """How many values `forward` returned."""
        return len(self._made)

    def apply_backward(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """Calls the user's `backward` and checks what it returns."""
        if self._materialize:
            grads = tuple([filled(lay, 0) if g is None and lay is not None else g for g, lay in zip(grads, self._made)])
        found = self._function.gradient()(self, *grads)
        found = found if isinstance(found, tuple) else (found,)
        return self._checked(found)

    def _checked(self, found: tuple[Any, ...]) -> tuple[Any, ...]:
        """The gradients for the tensor arguments; raises RuntimeError where one does not fit its argument."""
        name, count = self.name(), len(self._inputs)
        if len(found) < count or any(g is not None for g in found[count:]):
            raise RuntimeError(
                f"function {name} returned an incorrect number of gradients (expected {count}, got {len(found)})"
            )
        result: list[Any] = []
        for i, (g, lay) in enumerate(zip(found, self._inputs)):
            if lay is None:
                if g is not None:
                    raise RuntimeError(
                        f"function {name} returned a gradient different than None at position {i + 1}, but the "
                        "corresponding forward input was not a Variable"
                    )
                continue
            if g is None:
                result.append(None)
                continue
            if not isinstance(g, Hooks.tensor_types):
                raise RuntimeError(f"expected Variable or None (got {type(g).__name__})")
            result.append(_fitting(name, len(result), g, lay))
        return tuple(result)


def _fitting(name: str, index: int, grad: Any, lay: Any) -> Any:
    """A gradient in its input's shape and dtype: a larger one that the input was broadcast to is summed."""
    if grad._layout.shape != lay.shape:
        try:
            fits = broadcast_shape(tuple(lay.shape), tuple(grad._layout.shape)) == tuple(grad._layout.shape)
        except RuntimeError:
            fits = False
        if not fits:
            raise RuntimeError(
                f"Function {name} returned an invalid gradient at index {index} - got {list(grad._layout.shape)} but "
                f"expected shape compatible with {list(lay.shape)}"
            )
        extra = grad._layout.ndim - lay.ndim
        dims = (
            *range(extra),
            *(extra + d for d, n in enumerate(lay.shape) if n == 1 and grad._layout.shape[extra + d] != 1),
        )
        grad = function("reshape").run((function("sum").run((grad, dims, True)), tuple(lay.shape)))
    return grad if grad._layout.dtype is lay.dtype else function("to_dtype").run((grad, lay.dtype))


class Function:
    """An operation with a gradient of the user's own. Subclass it, and call it by `apply`.

    `forward(ctx, *args)` computes the result, `backward(ctx, *grads)` returns a gradient for each argument, None for
    those that have none. Both are static methods. With a static method `setup_context(ctx, inputs, output)`, `forward`
    takes no `ctx`.

    >>> import kagari as torch
    >>> class Square(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * x * grad
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor(6.)
    """

    _ctx: type[FunctionCtx] = FunctionCtx

    def __init_subclass__(cls, node: str = "Backward", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._ctx = type(f"{cls.__name__}{node}", (FunctionCtx,), {"_function": cls, "__module__": Function.__module__})

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Computes the result; to be written by the subclass."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Fills in `ctx` after `forward`; where the subclass has it, `forward` takes no `ctx`."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Returns a gradient for each argument of `forward`; to be written by the subclass."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    vjp = backward
    generate_vmap_rule = True
    stacked = False  # whether forward takes dimensions in front of its arguments for many examples

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *args: Any) -> Any:
        """Computes the results of many examples: `(output, out_dims)`, given where they are in each argument. A
        subclass may have it; else it is derived from `forward` and `backward`.
        """
        raise NotImplementedError("vmap is not implemented.")

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Returns how the results change where the arguments change so. A subclass may have it; else it is derived from
        `backward`.
        """
        raise NotImplementedError("jvp is not implemented.")

    @classmethod
    def compute(cls, ctx: Any, args: Sequence[Any]) -> Any:
        """The result, with `ctx` filled in and nothing recorded."""
        with modes.no_grad():
            if cls.setup_context is Function.setup_context:
                return cls.forward(ctx, *args)
            output = cls.forward(*args)
            cls.setup_context(ctx, tuple(args), output)
            return output

    @classmethod
    def gradient(cls) -> Callable[..., Any]:
        """The user's `backward`, or `vjp`, which is another name of it."""
        return cls.vjp if cls.vjp is not Function.vjp else cls.backward

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Calls the operation and, where an argument wants a gradient, puts it on the tape."""
        if kwargs or cls.setup_context is not Function.setup_context:
            args, kwargs = _bound(cls, args, kwargs), {}
        if Hooks.standing is not None and any(map(is_standing, args)):
            return Hooks.applications.applied(cls, args)
        return cls.called(args)[0]

    @classmethod
    def called(cls, args: tuple[Any, ...]) -> tuple[Any, FunctionCtx, list[Any]]:
        """The result for plain tensors, the context, and what it saved."""
        tensors = Hooks.tensor_types
        ctx = cls._ctx()
        recording = modes.mode() & modes.GRADIENTS
        given = [a for a in args if isinstance(a, tensors)]
        if recording:
            for a in given:
                if a._base is not None:
                    refresh(a)
        ctx.needs_input_grad = tuple([isinstance(a, tensors) and a._needs for a in args])
        ctx.begin(tuple([edge_of(a) for a in given]))
        output = cls.compute(ctx, args)
        ctx._inputs = tuple([a._layout if isinstance(a, tensors) else None for a in args])
        several = isinstance(output, tuple)
        before, saved = output if several else (output,), ctx._to_save
        outputs = join(ctx, given, before, recording and True in ctx.needs_input_grad)
        known = {id(b): o for b, o in zip(before, outputs)}
        return outputs if several else outputs[0], ctx, [known.get(id(t), t) for t in saved]


def _bound(cls: type[Function], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """The arguments of `forward` by position, defaults filled in."""
    import inspect

    context = () if cls.setup_context is not Function.setup_context else (None,)
    bound = inspect.signature(cls.forward).bind(*context, *args, **kwargs)
    bound.apply_defaults()
    return bound.args[len(context) :]


def join(ctx: FunctionCtx, given: list[Any], outputs: tuple[Any, ...], recorded: Any) -> tuple[Any, ...]:
    """The outputs with their place on the tape. An input that is returned as it is becomes a view of itself."""
    tensors = Hooks.tensor_types
    if ctx._dirty:
        _check_dirty(ctx, given, outputs, recorded)
    result = list(outputs)
    for k, t in enumerate(outputs):
        if not isinstance(t, tensors):
            continue
        dirty = any(t is d for d in ctx._dirty)
        flat = not recorded or not t._layout.dtype.is_differentiable or any(t is f for f in ctx._flat)
        if not dirty and any(t is g for g in given):
            result[k] = t = function("alias").run((t.detach(),)) if flat else _alias(t)
        if flat:
            if not dirty:
                t._grad_fn, t._needs = None, False
        elif dirty and any(t is g for g in given):
            rewrite(t, ctx._output_edge(k))
        else:
            t._grad_fn, t._needs = ctx._output_edge(k), True
            if t._base is not None:
                t._extra = {"custom": True}
    ctx._made = tuple([t._layout if isinstance(t, tensors) else None for t in result])
    if recorded:
        ctx.keep(result)
        pack(ctx)
        if modes.anomaly:
            ctx.notes()["forward"] = modes.forward_lines()
    ctx._dirty = ctx._flat = ctx._to_save = ()
    return tuple(result)


def _alias(t: Any) -> Any:
    """The same memory as a view that a custom Function made."""
    made = bare(t)
    made._base = t if t._base is None else t._base
    return made


def _check_dirty(ctx: FunctionCtx, given: list[Any], outputs: tuple[Any, ...], recorded: Any) -> None:
    for d in ctx._dirty:
        if not any(d is o for o in outputs):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that "
                "are modified inplace must all be outputs of the Function."
            )
        if not any(d is g for g in given):
            warnings.warn(
                "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that have been mutated "
                "should be passed to ctx.mark_dirty().",
                stacklevel=4,
            )
        elif recorded:
            if d._needs and d._grad_fn is None:
                raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
            check_writable(d)


class _Once(FunctionCtx):
    """The node of gradients that cannot be differentiated again."""

    def name(self) -> str:
        """PyTorch's name for it."""
        return "DelayedError"

    def apply_backward(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """Raises RuntimeError: this is the second differentiation."""
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a `backward` whose own gradient would be wrong: asking for that is an error.

    >>> from kagari.autograd.function import once_differentiable
    >>> callable(once_differentiable(lambda ctx, grad: grad))
    True
    """

    @functools.wraps(fn)
    def wrapper(ctx: Any, *args: Any) -> Any:
        with modes.no_grad():
            found = fn(ctx, *args)
        tensors = Hooks.tensor_types
        wanted = modes.mode() & modes.GRADIENTS and any(isinstance(a, tensors) and a._needs for a in args)
        if not wanted:
            return found
        listed = found if isinstance(found, tuple) else (found,)
        node = _Once()
        node.begin(tuple([edge_of(a) for a in args if isinstance(a, tensors)]))
        node._made = tuple([g._layout if isinstance(g, tensors) else None for g in listed])
        result = tuple([_delayed(node, k, g) if isinstance(g, tensors) else g for k, g in enumerate(listed)])
        return result if isinstance(found, tuple) else result[0]

    return wrapper


def _delayed(node: _Once, k: int, grad: Any) -> Any:
    made = bare(grad)
    made._grad_fn, made._needs = node._output_edge(k), True
    return made
