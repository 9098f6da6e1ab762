"""`kagari.compile`, and the names of `kagari.compiler`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, overload

from .function import CompiledFunction

_F = TypeVar("_F", bound=Callable[..., Any])
_MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")
_CAPTURING = ("inductor", "kagari")
_PLAIN = ("eager", "aot_eager")


@overload
def compile(
    model: _F, *, fullgraph: bool = False, dynamic: bool | None = None, backend: str | None = None,
    mode: str | None = None, options: dict[str, Any] | None = None, disable: bool = False,
) -> _F: ...  # fmt: skip
@overload
def compile(
    model: None = None, *, fullgraph: bool = False, dynamic: bool | None = None, backend: str | None = None,
    mode: str | None = None, options: dict[str, Any] | None = None, disable: bool = False,
) -> Callable[[_F], _F]: ...  # fmt: skip
def compile(
    model: Any = None, *, fullgraph: bool = False, dynamic: bool | None = None, backend: str | None = None,
    mode: str | None = None, options: dict[str, Any] | None = None, disable: bool = False,
) -> Any:  # fmt: skip
    """A function, a module or a whole training step whose operators run together, fused across each other.

    The Python of the function runs in every call, so control flow, side effects and schedules are what they are
    without `compile`. Its operators are noted instead of run, and run as one program when a value is read, an optimizer
    updates its parameters, or the call ends: element-wise operators join the product of matrices before them or each
    other, and what nobody looks at is never written to memory. Backward passes and in-place updates are noted as well.

    The second call with operators of the same structure compiles them. Sizes and Python numbers are operands: a new
    batch size or another learning rate compiles nothing. The next calls measure what is faster, fused or not, captured
    or eager, and the faster way is kept. `compiled.explain()` tells what became of the function.

    Args:
        model (Callable or Module, optional): what is compiled; without it, a decorator is returned.
        fullgraph (bool): raises RuntimeError where a value is read back, which would split what runs together.
        dynamic (bool, optional): accepted as PyTorch has it; sizes are operands in any case.
        backend (str, optional): ``"inductor"`` (this one, under PyTorch's name), ``"kagari"`` the same; ``"eager"`` and
            ``"aot_eager"`` leave the function as it is.
        mode (str, optional): one of PyTorch's modes; all mean the same here.
        options (dict, optional): options of PyTorch's compiler, which mean nothing here.
        disable (bool): returns `model` itself.

    An index out of bounds is found when the operators run: its error comes at the end of the call, not at its line.
    The function must not change memory that it shares with NumPy behind the back of noted operators that read it.

    >>> import kagari as torch
    >>> @torch.compile
    ... def f(x):
    ...     return (x * 2 + 1).relu()
    >>> f(torch.tensor([-1.0, 1.0]))
    tensor([0., 3.])
    """
    settings = {"fullgraph": fullgraph, "dynamic": dynamic, "backend": backend, "mode": mode, "options": options}
    if model is None:
        return partial(compile, **settings, disable=disable)
    _check(model, backend, mode, options)
    if disable or backend in _PLAIN:
        return model
    if isinstance(model, CompiledFunction):
        return CompiledFunction(model.function, fullgraph)
    as_compiled = getattr(type(model), "_as_compiled", None)
    return CompiledFunction(model, fullgraph) if as_compiled is None else as_compiled(model, fullgraph)


def _check(model: Any, backend: Any, mode: str | None, options: Any) -> None:
    """Raises for what can't be compiled or asked for."""
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if mode is not None and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    if callable(backend):
        raise TypeError(
            "compile(): argument 'backend' must be a name: no graph of PyTorch's is made that it could take"
        )
    if backend is not None and backend not in (*_CAPTURING, *_PLAIN):
        raise RuntimeError(
            f"Invalid backend: {backend!r}, see `torch.compiler.list_backends()` for available backends."
        )
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")


def list_backends(exclude_tags: Any = ()) -> list[str]:
    """The backends that `compile` knows, but for those that leave a function as it is.

    >>> import kagari as torch
    >>> torch.compiler.list_backends()
    ['inductor', 'kagari']
    """
    return list(_CAPTURING)
