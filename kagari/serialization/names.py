"""The names in a file, which are PyTorch's, and the objects of Kagari that they stand for."""

from __future__ import annotations

import importlib
import sys
from collections import Counter, OrderedDict
from collections.abc import Iterable
from contextlib import AbstractContextManager
from types import BuiltinFunctionType, FunctionType
from typing import Any

from ..base import dtypes
from ..base.dtypes import dtype
from ..base.layout import Size
from ..eager import Tensor, device, operators
from ..quantized.scheme import SCHEMES
from . import overlaid, rebuild

ROOT = __name__.partition(".")[0]


class StorageType:
    """A storage class of PyTorch: a name for a dtype, or for none."""

    __slots__ = ("dtype", "name")

    def __init__(self, name: str, dt: dtype | None) -> None:
        self.name, self.dtype = name, dt


STORAGE_TYPES = {
    dt: StorageType(f"{name}Storage", dt)
    for name, dt in {
        "Bool": dtypes.bool_, "Byte": dtypes.uint8, "Char": dtypes.int8, "Short": dtypes.int16, "Int": dtypes.int32,
        "Long": dtypes.int64, "Half": dtypes.float16, "BFloat16": dtypes.bfloat16, "Float": dtypes.float32,
        "Double": dtypes.float64, "ComplexFloat": dtypes.complex64, "ComplexDouble": dtypes.complex128,
        "QUInt8": dtypes.quint8, "QInt8": dtypes.qint8, "QInt32": dtypes.qint32,
    }.items()
}  # fmt: skip
BYTES = StorageType("UntypedStorage", None)
"""The storage of dtypes that have no class of their own: the file says the dtype with each tensor."""

# What a file may call, and what it may name besides. All else is refused unless `weights_only` is off.
CALLS: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor_v2"): rebuild.rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v3"): rebuild.rebuild_tensor_of_bytes,
    ("torch._utils", "_rebuild_qtensor"): rebuild.rebuild_quantized,
    ("torch._utils", "_rebuild_meta_tensor_no_storage"): rebuild.rebuild_meta_tensor,
    ("torch._utils", "_rebuild_parameter"): rebuild.rebuild_parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): rebuild.rebuild_parameter_with_state,
    ("torch._tensor", "_rebuild_from_type_v2"): rebuild.rebuild_from_type,
    ("torch._utils", "_rebuild_sparse_tensor"): rebuild.rebuild_sparse_tensor,
    ("torch._utils", "_rebuild_nested_tensor"): overlaid.rebuild_nested_tensor,
    ("torch._utils", "_rebuild_wrapper_subclass"): overlaid.rebuild_wrapper,
    ("torch.nested._internal.nested_tensor", "_rebuild_njt"): overlaid.rebuild_njt,
    ("torch._dynamo.decorators", "_DimRange"): overlaid.DimRange,
    ("torch.serialization", "_get_layout"): rebuild.make_layout,
    ("torch", "Size"): rebuild.make_size,
    ("torch", "device"): device,
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "Counter"): Counter,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "bytearray"): rebuild.make_bytearray,
    ("builtins", "bytes"): rebuild.make_bytes,
    ("builtins", "complex"): complex,
    ("_codecs", "encode"): rebuild.make_bytes,
}
NAMED: dict[tuple[str, str], Any] = {
    ("torch", "Tensor"): Tensor,
    ("torch.nested._internal.nested_tensor", "NestedTensor"): overlaid.JaggedKind,
    ("torch.masked.maskedtensor.core", "MaskedTensor"): overlaid.MaskedKind,
    ("torch.storage", "UntypedStorage"): BYTES,
    **{("torch", dt.name): dt for dt in (*dtypes.ALL, *dtypes.QUANTIZED)},
    **{("torch", scheme.name): scheme for scheme in SCHEMES},
    **{("torch", kind.name): kind for kind in STORAGE_TYPES.values()},
}
# Where PyTorch's operators say they come from; `weights_only` does not let them pass.
_OPERATORS = {("torch._C", "_VariableFunctionsClass"): operators}
_NETWORK_OPERATORS = "torch._C._nn"
_IN_TORCH = {id(found): place for table in (NAMED, CALLS) for place, found in table.items() if place[0][:5] == "torch"}
_IN_TORCH[id(Size)] = ("torch", "Size")
# Classes that are not public, and lie elsewhere here.
_ELSEWHERE = {("torch.nn.modules.linear", "NonDynamicallyQuantizableLinear"): f"{ROOT}.nn.multihead_attention"}
# The functions of networks lie in several modules, of which this one has them all.
_FUNCTIONS = f"{ROOT}.nn.functional"
# Files of Python 2's protocols give built-in names the module they had there.
_OLD_MODULES = {"__builtin__": "builtins"}

_safe: list[Any] = []


def add_safe_globals(safe_globals: Iterable[Any]) -> None:
    """Lets files name these classes and functions, and thereby make instances of them and call them, though they are
    loaded with `weights_only=True`. A pair of an object and a name allows the object under that name.

    >>> import kagari as torch
    >>> from fractions import Fraction
    >>> torch.serialization.add_safe_globals([Fraction])
    >>> torch.serialization.get_safe_globals()
    [<class 'fractions.Fraction'>]
    >>> torch.serialization.clear_safe_globals()
    """
    _safe.extend(found for found in safe_globals if found not in _safe)


def get_safe_globals() -> list[Any]:
    """The classes and functions that were added by `add_safe_globals`."""
    return list(_safe)


def clear_safe_globals() -> None:
    """Forgets what was added by `add_safe_globals`."""
    _safe.clear()


class safe_globals(AbstractContextManager[None]):
    """Lets files name these classes and functions inside a `with` block."""

    def __init__(self, safe_globals: Iterable[Any]) -> None:
        self.added = list(safe_globals)
        self.before: list[Any] = []

    def __enter__(self) -> None:
        self.before = get_safe_globals()
        add_safe_globals(self.added)

    def __exit__(self, *error: object) -> None:
        _safe[:] = self.before


def lookup_safe(module: str, name: str) -> Any:
    """The object behind a name, if it is on the list. Raises KeyError if not; nothing is imported."""
    module = _OLD_MODULES.get(module, module)
    place = (module, name)
    for table in (CALLS, NAMED):
        if place in table:
            return table[place]
    for entry in _safe:
        found, full_name = entry if isinstance(entry, tuple) else (entry, None)
        own = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
        if full_name == f"{module}.{name}" or (full_name is None and place in (own, in_torch(found))):
            return found
    raise KeyError(place)


def is_callable(found: Any) -> bool:
    """Whether a file may call the object."""
    return any(found is allowed for allowed in CALLS.values()) or is_added(found)


def takes_state(kind: type) -> bool:
    """Whether a file may set the state of an object of this class."""
    return kind is overlaid.DimRange or is_added(kind)


def is_added(found: Any) -> bool:
    """Whether the object was allowed by `add_safe_globals`."""
    return any(found is (entry[0] if isinstance(entry, tuple) else entry) for entry in _safe)


def lookup(module: str, name: str) -> Any:
    """The object of Kagari behind a name of PyTorch's or torchvision's, in whatever module; the module is imported.

    PyTorch's modules are often finer than Kagari's: `torch.nn.modules.linear` is looked for in `nn`, where all layers
    can be found.
    """
    for table in (CALLS, NAMED, _OPERATORS):
        if (module, name) in table:
            return table[module, name]
    if (module, name) in _ELSEWHERE:
        return getattr(importlib.import_module(_ELSEWHERE[module, name]), name)
    root, *parts = ("torch", "nn", "functional") if module == _NETWORK_OPERATORS else module.split(".")
    if root == "torchvision":
        parts.insert(0, "vision")
    for length in range(len(parts), -1, -1):
        path = ".".join((ROOT, *parts[:length]))
        try:
            found = importlib.import_module(path)
        except ModuleNotFoundError:
            continue
        if hasattr(found, name.partition(".")[0]):
            for part in name.split("."):
                found = getattr(found, part)
            return found
    raise AttributeError(f"the file asks for {module}.{name}, which Kagari does not have")


def in_torch(found: Any) -> tuple[str, str] | None:
    """Module and name under which PyTorch or torchvision has the object, None for what is no part of Kagari."""
    place = _IN_TORCH.get(id(found))
    if isinstance(found, BuiltinFunctionType):
        return _of_operator(found)
    if place is not None or not isinstance(found, type | FunctionType):
        return place
    module, name = found.__module__, found.__qualname__
    if module.partition(".")[0] in ("torch", "torchvision"):  # where the program's torch is Kagari, classes say so
        module = f"{ROOT}{module.replace('torchvision', 'torch.vision', 1).removeprefix('torch')}"
    if module != ROOT and not module.startswith(f"{ROOT}."):
        return None
    for their_place, our_module in _ELSEWHERE.items():
        if (our_module, their_place[1]) == (module, name):
            return their_place
    if module.startswith(_FUNCTIONS) and getattr(sys.modules[_FUNCTIONS], name, None) is found:
        return "torch.nn.functional", name
    # The shortest module that has it is the public one.
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        path = ".".join(parts[:length])
        if getattr(sys.modules.get(path), name, None) is found:
            public = ".".join(("torch", *parts[1:length]))
            return public.replace("torch.vision", "torchvision", 1), name
    return None


def _of_operator(found: BuiltinFunctionType) -> tuple[str, str] | None:
    """Module and name of an operator; None for any other native function."""
    name = found.__name__
    if name in operators.names("torch") and getattr(operators, name) is found:
        return "torch", name
    if name in operators.names("nn.functional") and getattr(operators, name) is found:
        return "torch.nn.functional", name
    return None


__all__ = [
    "BYTES", "STORAGE_TYPES", "StorageType", "add_safe_globals", "clear_safe_globals", "get_safe_globals", "in_torch",
    "is_added", "is_callable", "lookup", "lookup_safe", "safe_globals",
]  # fmt: skip
