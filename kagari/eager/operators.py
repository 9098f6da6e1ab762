"""Every function on tensors: those written on this floor, and the operators, whose native functions are made on first
use.

Looking up an operator loads the resident code; importing this module does not.
"""

from __future__ import annotations

from typing import Any

from ..autograd.library import RECORDS
from ..engine.code import native
from . import (
    activate,
    composed,
    convert,
    counted,
    counts,
    creation,
    distinct,
    einsum,
    environment,
    exchange,
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
        *legacy.FUNCTIONS, *object.FUNCTIONS, *counted.FUNCTIONS, *composed.FUNCTIONS, *sequences.FUNCTIONS,
        *methods.FUNCTIONS, *NORMALIZATIONS, *noise.FUNCTIONS, *distinct.FUNCTIONS, *pool.FUNCTIONS, *einsum.FUNCTIONS,
        *linalg.FUNCTIONS, convert.is_tensor, set_printoptions,
    )
} | views.ALIASES | joining.ALIASES  # fmt: skip


def _names(namespace: str) -> frozenset[str]:
    """The names of the operators of a namespace, with their aliases and in-place forms."""
    records = [r for r in RECORDS.values() if r.function and r.namespace == namespace]
    plain = [n for r in records for n in (r.name, *r.aliases)]
    changing = [f"{n}_" for r in records if r.inplace for n in (r.name, *r.aliases)]
    return frozenset((*plain, *changing))


TENSOR_OPERATORS = _names("torch")
NETWORK_OPERATORS = _names("nn.functional")
SPECIAL_OPERATORS = _names("special")
LINALG_OPERATORS = _names("linalg")

PUBLIC = frozenset(WRITTEN) | TENSOR_OPERATORS
globals().update(WRITTEN)


def public(name: str) -> Any:
    """A function of the package's own namespace. Raises AttributeError for names that are not there."""
    if name not in PUBLIC:
        raise AttributeError(f"module 'kagari' has no attribute {name!r}")
    return WRITTEN[name] if name in WRITTEN else __getattr__(name)


def __getattr__(name: str) -> Any:
    if name not in TENSOR_OPERATORS | NETWORK_OPERATORS | SPECIAL_OPERATORS | LINALG_OPERATORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    native()
    found = globals()[name] = activate.FUNCTIONS[name]
    return found
