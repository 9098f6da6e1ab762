"""Every function on tensors: those written on this floor, and the operators, whose native functions are made on first
use.

Looking up an operator loads the resident code; importing this module does not.
"""

from __future__ import annotations

from functools import cache
from types import FunctionType
from typing import Any

from ..autograd.library import records
from ..engine.code import native
from . import (
    activate,
    answering,
    branches,
    composed,
    convert,
    counted,
    counts,
    creation,
    distinct,
    einsum,
    environment,
    exchange,
    foreach,
    gammas,
    joining,
    legacy,
    linalg,
    methods,
    noise,
    object,
    parts,
    pool,
    random,
    sequences,
    short_time,
    sparsity,
    strided,
    types,
    views,
)
from .normalize import FUNCTIONS as NORMALIZATIONS  # `normalize` is an operator
from .printing import set_printoptions

WRITTEN: dict[str, Any] = {
    f.__name__: f
    for f in (
        *parts.FUNCTIONS, *creation.FUNCTIONS, *exchange.FUNCTIONS, *random.FUNCTIONS, *counts.FUNCTIONS,
        *types.FUNCTIONS, *views.FUNCTIONS, *joining.FUNCTIONS, *strided.FUNCTIONS, *environment.FUNCTIONS,
        *legacy.FUNCTIONS, *object.FUNCTIONS, *counted.FUNCTIONS, *branches.FUNCTIONS, *composed.FUNCTIONS,
        *sequences.FUNCTIONS, *methods.FUNCTIONS, *NORMALIZATIONS, *noise.FUNCTIONS, *distinct.FUNCTIONS,
        *pool.FUNCTIONS, *einsum.FUNCTIONS, *foreach.FUNCTIONS, *linalg.FUNCTIONS, *short_time.FUNCTIONS,
        *gammas.FUNCTIONS, *sparsity.FUNCTIONS, convert.is_tensor, set_printoptions,
    )
} | views.ALIASES | joining.ALIASES  # fmt: skip


globals().update(WRITTEN)
for _f in WRITTEN.values():
    if isinstance(_f, FunctionType) and _f.__globals__.get(_f.__qualname__) is not _f:
        _f.__module__ = __name__  # where pickle finds what is made under a name


# What types and modes are not told of: questions to the environment, and memory of others. Of what makes a tensor of
# anything, modes alone are told.
SILENT = frozenset((
    *({f.__name__ for f in environment.FUNCTIONS} - {
        "detach_", "get_default_device", "get_device", "is_distributed", "is_inference", "set_default_device",
    }),
    "broadcast_shapes", "can_cast", "from_dlpack", "from_numpy", "frombuffer", "get_rng_state", "initial_seed",
    "is_storage", "is_tensor", "manual_seed", "promote_types", "seed", "set_default_dtype", "get_default_dtype",
    "set_default_tensor_type", "set_printoptions", "set_rng_state", "typename",
))  # fmt: skip
FROM_SIZES = frozenset((
    "arange", "bartlett_window", "blackman_window", "empty", "empty_permuted", "empty_strided", "eye", "full",
    "hamming_window", "hann_window", "kaiser_window", "linspace", "logspace", "normal", "ones", "rand", "randint",
    "randn", "randperm", "range", "tril_indices", "triu_indices", "vander", "zeros",
))  # fmt: skip
OF_ANYTHING = frozenset(("as_tensor", "asarray", "get_default_device", "scalar_tensor", "set_default_device", "tensor"))


@cache
def names(*namespaces: str) -> frozenset[str]:
    """The names of the operators of these namespaces, with their aliases and in-place forms."""
    found = [r for r in records().values() if r.function and r.namespace in namespaces]
    plain = [n for r in found for n in (r.name, *r.aliases)]
    changing = [f"{n}_" for r in found if r.inplace for n in (r.name, *r.aliases)]
    return frozenset((*plain, *changing))


def public(name: str) -> Any:
    """A function of the package's own namespace. Raises AttributeError for names that are not there."""
    if name in WRITTEN:
        found = WRITTEN[name]
        return found if name in SILENT else answering.told(found, types=name not in OF_ANYTHING)
    if name.startswith("__") or name not in names("torch"):
        raise AttributeError(f"module 'kagari' has no attribute {name!r}")
    return __getattr__(name)


def __getattr__(name: str) -> Any:
    # Python asks every module for names such as `__path__`: the records are not read for them.
    if name.startswith("__") or name not in names("torch", "nn.functional", "special", "linalg"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    native()
    found = globals()[name] = activate.FUNCTIONS[name]
    return found
