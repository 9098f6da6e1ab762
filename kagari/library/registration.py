"""Operators that a program defines by their schema and gives their functions later: `torch.library.Library`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from ..autograd.modes import is_grad_enabled
from .namespaces import CustomOpDef, defined, enter, find, forget, tensors_of
from .schema import Schema, parse

_IMPLICIT, _EXPLICIT = "CompositeImplicitAutograd", "CompositeExplicitAutograd"
_KEYS = frozenset((_IMPLICIT, _EXPLICIT, "Autograd", "AutogradCPU", "AutogradCUDA", "CPU", "CUDA", "Meta"))
_OF_DEVICES = {"cpu": "CPU", "cuda": "CUDA", "meta": "Meta", "default": _EXPLICIT}
_KINDS = ("DEF", "FRAGMENT", "IMPL")

_kernels: dict[str, dict[str, Callable[..., Any]]] = {}  # by the operator's name and the dispatch key
_namespaces: set[str] = set()  # those with a library of the kind DEF


def fallthrough_kernel(*args: Any, **kwargs: Any) -> NoReturn:
    """What stands for the next function in turn, where it is given to :meth:`Library.impl`; it is not called."""
    raise NotImplementedError("fallthrough_kernel() should never be called.")


class _Operator(CustomOpDef):
    """An operator with functions for several dispatch keys."""

    def __init__(self, name: str, schema: Schema) -> None:
        super().__init__(name, schema, self._run, "!" in schema.text)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the operator gives. Raises NotImplementedError where there is no function for the tensors' device."""
        if self._mutates or self._backward is not None:
            return super().__call__(*args, **kwargs)
        return self._fn(**self._bound(args, kwargs))

    def _run(self, **bound: Any) -> Any:
        """Calls the function for these arguments: by position, without defaults at their end, as it may name its
        parameters as it likes.
        """
        parameters = self._schema.signature.parameters
        named = {n: v for n, v in bound.items() if parameters[n].kind is parameters[n].KEYWORD_ONLY}
        given = [(n, v) for n, v in bound.items() if n not in named]
        while given and type(given[-1][1]) in (int, float, bool, str, type(None)):
            name, value = given[-1]
            if value != parameters[name].default:
                break
            given.pop()
        return self._kernel(bound)(*[v for _, v in given], **named)

    def _kernel(self, bound: dict[str, Any]) -> Callable[..., Any]:
        tensors = [t for value in bound.values() for t in tensors_of(value)]
        recorded = is_grad_enabled() and any(t.requires_grad for t in tensors)
        device = "Meta" if any(t.is_meta for t in tensors) else "CPU"
        keys = (("Autograd", "AutogradCPU") if recorded else ()) + (device, _EXPLICIT, _IMPLICIT)
        kernels = _kernels.get(self._qualname, {})
        for key in keys:
            kernel = kernels.get(key, fallthrough_kernel)
            if kernel is not fallthrough_kernel:
                return kernel
        raise NotImplementedError(
            f"Could not run '{self._qualname}' with arguments from the '{device}' backend: it has "
            f"{', '.join(sorted(kernels)) or 'no functions'}."
        )


class Library:
    """Operators of one namespace, defined by schemas, and the functions that they call.

    Args:
        ns: the namespace
        kind: `"DEF"` for the only library that owns the namespace, `"FRAGMENT"` for one of several that define
            operators in it, `"IMPL"` for one that gives functions to operators of others
        dispatch_key: the key of :meth:`impl` where none is given

    Raises ValueError for another kind and for the namespace `prim`, RuntimeError for a second library that owns a
    namespace.

    >>> import kagari as torch
    >>> lib = torch.library.Library("docs_library", "DEF")
    >>> lib.define("scale(Tensor x, float by=2.0) -> Tensor")
    'scale'
    >>> lib.impl("scale", lambda x, by=2.0: x * by, "CPU")
    >>> from kagari.library import namespaces as ops  # torch.ops, where Kagari is torch
    >>> ops.docs_library.scale(torch.ones(2))
    tensor([2., 2.])
    """

    def __init__(self, ns: str, kind: str, dispatch_key: str = "") -> None:
        if kind not in _KINDS:
            raise ValueError(f"Unsupported kind: {kind}")
        if ns == "prim" and kind != "FRAGMENT":
            raise ValueError("prim is a reserved namespace. Please try creating a library with another name.")
        if kind == "DEF" and ns in _namespaces:
            raise RuntimeError(
                f"Only a single TORCH_LIBRARY can be used to register the namespace {ns}; please put all of your "
                "definitions in a single library of the kind DEF, or use the kind FRAGMENT"
            )
        if kind == "DEF":
            _namespaces.add(ns)
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key
        self._defined: list[str] = []
        self._given: list[tuple[str, str]] = []

    def __repr__(self) -> str:
        return f"Library(kind={self.kind}, ns={self.ns}, dispatch_key={self.dispatch_key})>"

    def define(self, schema: str, alias_analysis: str = "", *, tags: Any = ()) -> str:
        """Defines an operator by its name and schema, and gives the name; `alias_analysis` and `tags` are accepted as
        PyTorch has them. Raises RuntimeError for a name without schema, and for one that is defined already.
        """
        name, opening, rest = schema.partition("(")
        whole = f"{self.ns}::{name.strip()}"
        if not opening:
            raise RuntimeError("Tried to parse a function schema but only the operator name was given")
        if defined(whole):
            raise RuntimeError(
                f"Tried to register an operator ({self.ns}::{schema}) with the same name and overload name multiple "
                "times. Each overload's schema should only be registered with a single call to def()."
            )
        enter(_Operator(whole, parse(opening + rest)))
        self._defined.append(whole)
        return name.strip()

    def impl(
        self, op_name: Any, fn: Callable[..., Any], dispatch_key: str = "", *, allow_override: bool = True
    ) -> None:
        """Gives an operator its function for a dispatch key.

        Keys are `CPU` and `Meta` for devices, `Autograd` for arguments that want gradients, and
        `CompositeExplicitAutograd` and `CompositeImplicitAutograd`, the default, for all. The function gets the
        arguments by position; what it computes is recorded, unless the operator has a gradient of its own. The operator
        may be defined later. Raises RuntimeError for another key, and where there is a function already and
        `allow_override` is false.
        """
        key = dispatch_key or self.dispatch_key or _IMPLICIT
        if key not in _KEYS:
            raise RuntimeError(f"could not parse dispatch key: {key}")
        name = op_name if isinstance(op_name, str) else find(op_name)._qualname
        whole = name if "::" in name else f"{self.ns}::{name}"
        kernels = _kernels.setdefault(whole, {})
        if key in kernels and not allow_override:
            raise RuntimeError(f"there is a function of {whole} for the key {key} already")
        kernels[key] = fn
        self._given.append((whole, key))

    def _destroy(self) -> None:
        """Takes away what was defined and given by this library."""
        for whole in self._defined:
            forget(whole)
        for whole, key in self._given:
            _kernels.get(whole, {}).pop(key, None)
        if self.kind == "DEF":
            _namespaces.discard(self.ns)
        self._defined, self._given = [], []


_fragments: dict[str, Library] = {}


def _fragment(qualname: str, lib: Library | None) -> tuple[Library, str]:
    """The library for a whole name, and the name in it. Raises ValueError for a name without namespace."""
    namespace, colons, name = qualname.partition("::")
    if not colons:
        raise ValueError(
            f'Expected `qualname` to be of the form "namespace::name", but got {qualname}. The qualname passed to the '
            "torch.library APIs must consist of a namespace and a name, e.g. aten::sin"
        )
    found = lib or _fragments.get(namespace)
    if found is None:
        found = _fragments[namespace] = Library(namespace, "FRAGMENT")
    return found, name


def define(qualname: Any, schema: str, alias_analysis: str = "", *, lib: Any = None, tags: Any = ()) -> Any:
    """Defines an operator by its whole name and schema, to be given functions by :func:`impl`.

    As a decorator, `define(lib, schema)` defines the operator and gives it the function. Raises ValueError for a name
    without namespace.

    >>> import kagari as torch
    >>> torch.library.define("docs_define::sine", "(Tensor x) -> Tensor")
    >>> @torch.library.impl("docs_define::sine", "cpu")
    ... def sine(x):
    ...     return x.sin()
    >>> from kagari.library import namespaces as ops  # torch.ops, where Kagari is torch
    >>> ops.docs_define.sine(torch.zeros(1))
    tensor([0.])
    """
    if isinstance(qualname, Library):
        name = qualname.define(schema, alias_analysis, tags=tags)

        def wrap(fn: Callable[..., Any]) -> Callable[..., Any]:
            qualname.impl(name, fn)
            return fn

        return wrap
    library, name = _fragment(qualname, lib)
    library.define(name + schema, alias_analysis, tags=tags)
    return None


def impl(
    qualname: Any, types: str | Iterable[str] = "", func: Callable[..., Any] | None = None, *, lib: Any = None
) -> Any:
    """Gives an operator its function for types of devices: `"cpu"`, `"meta"`, or `"default"` for all of them.

    It is a decorator where the function is not given; `impl(lib, name, dispatch_key)` is one for a :class:`Library`.
    Raises ValueError for a name without namespace, RuntimeError for another type.
    """
    if isinstance(qualname, Library):
        key = func or ""

        def of_library(fn: Callable[..., Any]) -> Callable[..., Any]:
            qualname.impl(types, fn, key)  # type: ignore[arg-type]
            return fn

        return of_library
    library, name = _fragment(qualname, lib)
    names = (types,) if isinstance(types, str) else tuple(types)

    def register(fn: Callable[..., Any]) -> Callable[..., Any]:
        for one in names:
            library.impl(name, fn, _OF_DEVICES.get(one, one))
        return fn

    if func is None:
        return register
    register(func)
    return None
