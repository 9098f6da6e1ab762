"""Random sparse tensors, the same for Kagari and for the oracle, and what comes of operations on them."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np


class Spec(NamedTuple):
    """Sparse and dense sizes, places, dtype, whether coalesced."""

    sparse: tuple[int, ...]
    dense: tuple[int, ...] = ()
    nnz: int = 5
    dtype: str = "float64"
    coalesced: bool = True
    seed: int = 0


def numbers(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.startswith("int"):
        return rng.integers(-4, 5, shape).astype(dtype)
    found = rng.uniform(0.1, 0.9, shape) * rng.choice([-1, 1], shape)
    return (found + 1j * rng.uniform(-1, 1, shape) if dtype.startswith("complex") else found).astype(dtype)


def sparse(lib: ModuleType, spec: Spec, seed: int = 0, requires_grad: bool = False) -> Any:
    rng = np.random.default_rng(1000 * spec.seed + seed)
    nnz = spec.nnz if all(spec.sparse) else 0
    at = np.stack([rng.integers(0, max(n, 1), nnz) for n in spec.sparse])
    values = numbers(rng, (nnz, *spec.dense), spec.dtype)
    size = (*spec.sparse, *spec.dense)
    s = lib.sparse_coo_tensor(lib.from_numpy(at), lib.from_numpy(values), size, check_invariants=True)
    s = s.coalesce() if spec.coalesced else s
    return s.detach().requires_grad_() if requires_grad else s


def dense(lib: ModuleType, shape: tuple[int, ...], dtype: str, seed: int = 7, requires_grad: bool = False) -> Any:
    made = lib.from_numpy(numbers(np.random.default_rng(seed), shape, dtype))
    return made.requires_grad_() if requires_grad else made


def strided(t: Any) -> Any:
    return t if str(t.layout) == "torch.strided" else t.to_dense()


def described(value: Any, lib: ModuleType) -> Any:
    """A result without its library."""
    if isinstance(value, tuple | list):
        return [described(x, lib) for x in value]
    if not isinstance(value, lib.Tensor):
        return value
    elements = strided(value.detach())
    if value.dtype in (lib.bfloat16, lib.float16):
        elements = elements.float()
    return str(value.layout), str(value.dtype), tuple(value.shape), value.requires_grad, np.array(elements.numpy())


def same(ours: Any, theirs: Any) -> bool:
    """Whether two descriptions are equal, numbers up to rounding."""
    if isinstance(ours, np.ndarray) and isinstance(theirs, np.ndarray):
        precision = 1e-5 if ours.dtype in (np.float32, np.complex64) else 1e-9
        return np.allclose(ours, theirs, precision, precision, equal_nan=True)
    if isinstance(ours, list | tuple) and isinstance(theirs, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return bool(ours == theirs)


def outcome(lib: ModuleType, operation: Any, *arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return "gives", described(operation(lib, *arguments), lib)
        except Exception as error:
            return "raises", type(error).__name__


def gradients(lib: ModuleType, operation: Any, *arguments: Any) -> Any:
    """The result, and the gradients of what wants one, of a weighted sum of the result's elements."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = operation(lib, *arguments)
        total: Any = 0
        for i, r in enumerate(result if isinstance(result, tuple | list) else (result,)):
            full = strided(r)
            kind = str(full.dtype).rpartition(".")[2]
            total = total + (full * dense(lib, tuple(full.shape), kind, 11 + i)).sum()
        wanted = [a for a in arguments if isinstance(a, lib.Tensor) and a.requires_grad]
        found = lib.autograd.grad(total, wanted, lib.ones_like(total), allow_unused=True)
    return [None if g is None else described(g, lib)[1:] for g in found]


def text(names: Any, lib: ModuleType, expression: str) -> tuple[str, str]:
    """What an expression gives, or the error. Where the oracle lists backends or overloads the type of the error is
    enough.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scope = names(lib)
        try:
            return "gives", str(eval(expression, scope))
        except Exception as error:
            said = str(error).split("\n")[0]
            for listing in ("Could not run", "received an invalid combination"):
                said = listing if listing in said else said
            return type(error).__name__, said


def said(call: Any, *arguments: Any) -> str:
    """The text of what a call gives, or of its error."""
    try:
        return str(call(*arguments))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
