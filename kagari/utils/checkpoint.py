"""Memory for time: parts of a model whose intermediate values the backward pass computes again."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from ..autograd import Function, backward
from ..autograd.casting import snapshot
from ..autograd.checkpoint import CheckpointError, Part, current
from ..autograd.modes import enable_grad, is_grad_enabled
from ..eager import Tensor
from ..eager.random import get_rng_state, set_rng_state

Contexts = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]

_ASKED = (
    "the use_reentrant parameter should be passed explicitly. {version}. use_reentrant=False is recommended, but if "
    "you need to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs for more "
    "details on the differences between the two variants."
)


def noop_context_fn() -> Contexts:
    """Two contexts that do nothing: the default of `context_fn`."""
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], Contexts] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """Calls a function and keeps none of its intermediate values; the backward pass calls it again.

    Args:
        function: what is called, with the arguments that follow. It has to compute the same each time.
        use_reentrant: with False the function runs as it would without a checkpoint, and its nodes let go of what they
            saved. With True it runs without a record, and the backward pass runs another one inside: at least one
            argument has to want a gradient, `autograd.grad` and `backward(inputs=...)` are errors, and gradients that
            are to be differentiated again are not supported. False is the better choice; None warns, and means True.
        preserve_rng_state: whether the function sees the same random numbers again. Default: ``True``
        context_fn: gives two contexts, for the call and for the one in the backward pass. With `use_reentrant=False`.
        determinism_check: `"none"` leaves out the comparison of what was saved, by name, shape and dtype.
        debug, early_stop: accepted for PyTorch's sake. The function runs to its end the second time.

    The state of autocast is the same the second time. Raises ValueError for what does not go together;
    :class:`CheckpointError`, in the backward pass, where the function computes something else the second time; and
    RuntimeError where an argument was changed in place meanwhile.

    Source: Chen et al., *Training Deep Nets with Sublinear Memory Cost*, arXiv:1604.06174.

    >>> import kagari as torch
    >>> from kagari.utils.checkpoint import checkpoint
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> checkpoint(lambda x: (x * x).exp(), x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([  5.4366, 218.3926])
    """
    if use_reentrant is None:
        version = "Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an exception"
        warnings.warn("torch.utils.checkpoint: " + _ASKED.format(version=version), stacklevel=2)
        use_reentrant = True
    preserve = bool(kwargs.pop("preserve_rng_state", True))
    if not use_reentrant:
        return _stripped(function, args, kwargs, preserve, context_fn, determinism_check != "none")
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if context_fn is not noop_context_fn or debug is not False:
        raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
    return CheckpointFunction.apply(function, preserve, *args)


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """A region that says for all checkpoints in it whether they end early the second time. Accepted for PyTorch's sake.

    >>> from kagari.utils.checkpoint import set_checkpoint_early_stop
    >>> with set_checkpoint_early_stop(False):
    ...     pass
    """
    yield


@contextmanager
def _replayed(preserve: bool, numbers: Any, cast: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """The random numbers and the state of autocast of an earlier call; the numbers go on afterwards as before."""
    before = get_rng_state() if preserve else None
    if preserve:
        set_rng_state(numbers)
    try:
        with cast():
            yield
    finally:
        if before is not None:
            set_rng_state(before)


def _stripped(
    function: Callable[..., Any],
    args: Any,
    kwargs: Any,
    preserve: bool,
    context_fn: Callable[[], Contexts],
    check: bool,
) -> Any:
    if not is_grad_enabled():
        return function(*args, **kwargs)
    forward, recompute = context_fn()
    cast, numbers = snapshot(), get_rng_state() if preserve else None

    def again() -> Any:
        with _replayed(preserve, numbers, cast), recompute:
            return function(*args, **kwargs)

    part = Part(again, (args, kwargs), check)
    with forward:
        result = function(*args, **kwargs)
    part.strip(result)
    return result


class CheckpointFunction(Function):
    """The checkpoint that runs another backward pass inside of the backward pass."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
        """Calls the function; nothing is recorded."""
        if any(isinstance(a, Tensor) and a.requires_grad for a in args):
            ctx.function, ctx.preserve, ctx.cast = function, preserve, snapshot()
            ctx.numbers = get_rng_state() if preserve else None
            ctx.others = [None if isinstance(a, Tensor) else a for a in args]
            ctx.save_for_backward(*[a if isinstance(a, Tensor) else None for a in args])
        else:
            warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)
        return function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Calls the function again, records it, and runs backward from its results."""
        if current.limited:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` "
                "parameter to .backward(). To resolve this error, you can either set use_reentrant=False, or call "
                ".backward() without passing the `inputs` argument."
            )
        detached = [t if t is None else t.detach().requires_grad_(t.requires_grad) for t in ctx.saved_tensors]
        args = [o if t is None else t for t, o in zip(detached, ctx.others)]
        with enable_grad(), _replayed(ctx.preserve, ctx.numbers, ctx.cast):
            outputs = ctx.function(*args)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        pairs = [(o, g) for o, g in zip(outputs, grads) if isinstance(o, Tensor) and o.requires_grad]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([o for o, _ in pairs], [g for _, g in pairs])
        return None, None, *[None if t is None else t.grad for t in detached]


def checkpoint_sequential(
    functions: Iterable[Callable[..., Any]], segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Calls functions one after the other, in segments that are each a checkpoint, but for the last one.

    Args:
        functions: the layers, or an ``nn.Sequential``.
        segments: into how many parts of about one length they are cut.
        input: what the first one gets.
        use_reentrant, preserve_rng_state: see :func:`checkpoint`.

    Raises ValueError for other keyword arguments.

    >>> import kagari as torch
    >>> from kagari.utils.checkpoint import checkpoint_sequential
    >>> x = torch.ones(2, requires_grad=True)
    >>> checkpoint_sequential([torch.exp, torch.log, torch.exp], 2, x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([2.7183, 2.7183])
    """
    if use_reentrant is None:
        version = "In version 2.9 we will raise an exception if use_reentrant is not passed"
        warnings.warn("torch.utils.checkpoint.checkpoint_sequential: " + _ASKED.format(version=version), stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    layers = list(functions)
    length = len(layers) // segments

    def part(start: int, end: int) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for layer in layers[start:end]:
                x = layer(x)
            return x

        return run

    last = length * (segments - 1)
    for start in range(0, last, length):
        input = checkpoint(part(start, start + length), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return part(last, len(layers))(input)


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The tensors of a tuple as leaves of their own that want gradients where those did.

    Raises RuntimeError for anything but a tuple.
    """
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}")
    return tuple(t.detach().requires_grad_(t.requires_grad) if isinstance(t, Tensor) else t for t in inputs)


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warns where none of the inputs wants a gradient."""
    if not any(t.requires_grad for t in inputs if isinstance(t, Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


class DefaultDeviceType:
    """Which kind of devices a checkpoint looks at where no tensor tells: the CPU."""

    _kind = "cpu"

    @staticmethod
    def set_device_type(device: str = "cpu") -> None:
        """Says which kind."""
        DefaultDeviceType._kind = device

    @staticmethod
    def get_device_type() -> str:
        """The kind."""
        return DefaultDeviceType._kind


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """The numbers of the devices that arguments lie on, and the states of their generators; the CPU's is no part."""
    return [], []


def set_device_states(devices: Iterable[int], states: Iterable[Tensor], *, device_type: str | None = None) -> None:
    """Sets the generators of devices to these states. The CPU's is no part."""


__all__ = [
    "CheckpointError", "CheckpointFunction", "DefaultDeviceType", "check_backward_validity", "checkpoint",
    "checkpoint_sequential", "detach_variable", "get_device_states", "noop_context_fn", "set_checkpoint_early_stop",
    "set_device_states",
]  # fmt: skip
