"""What the operators' records say about testing, as cases: arguments of calls, for every library alike.

A case holds numbers, not tensors: `build` makes the same tensors of Kagari and of the oracle from them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from types import ModuleType
from typing import Any

import numpy as np

from ..base.dtypes import dtype as Dtype
from ..ops.operator import Operator
from ..ops.samples import Wanted

DTYPES = {
    "f": ("float32", "float64", "bfloat16", "float16"), "i": ("int64", "uint8"), "b": ("bool",),
    "c": ("complex64", "complex128"),
}  # fmt: skip
"""What the letters of a record's `dtypes` stand for."""

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
COMPLEX = frozenset(DTYPES["c"])
COMPLEX_SAMPLES = 2
"""So many of a record's samples are of complex numbers, too: they are the same kernels on two parts."""


@dataclass(frozen=True, eq=False)
class Array:
    """A tensor as its numbers, its dtype, whether it lies in memory with gaps, and whether it is a constant."""

    values: np.ndarray
    dtype: str
    noncontiguous: bool = False
    constant: bool = False

    @property
    def differentiable(self) -> bool:
        """Whether gradients with respect to it exist."""
        return self.dtype in FLOATS | COMPLEX and not self.constant


class Maker:
    """Makes the arrays of one case; always the same ones for the same name."""

    def __init__(self, dtype: str, name: str) -> None:
        self.dtype, self.used = dtype, False
        self.random = np.random.default_rng(zlib.crc32(name.encode()))

    def __call__(
        self,
        *shape: int,
        dtype: Any = None,
        low: float = -3,
        high: float = 3,
        noncontiguous: bool = False,
        values: Any = None,
        constant: bool = False,
    ) -> Array:
        """An array of random numbers from `low` to `high`, or of `values`; as a constant it wants no gradient."""
        self.used |= dtype is None
        name = self.dtype if dtype is None else getattr(dtype, "name", dtype)
        if values is not None:
            numbers: Any = np.asarray(values, np.float64)
        elif name in FLOATS:
            numbers = self.random.uniform(low, high, shape)
        elif name in COMPLEX:
            numbers = self.random.uniform(low, high, (2, *shape))
            numbers = numbers[0] + 1j * numbers[1]
        elif name == "bool":
            numbers = self.random.integers(0, 2, shape)
        else:
            low = max(low, 0) if name.startswith("uint") else low
            bottom = int(np.ceil(low))
            numbers = self.random.integers(bottom, max(int(np.floor(high)), bottom) + 1, shape)
        return Array(_rounded(np.asarray(numbers), name), name, noncontiguous, constant)

    def wanted(self, w: Wanted) -> Array:
        """The array that the arguments of an error ask for, without zeros."""
        return self(*w.shape, dtype=w.dtype, low=1)


def _rounded(numbers: np.ndarray, name: str) -> np.ndarray:
    """The numbers as the dtype holds them; bfloat16 as float32."""
    if name == "bfloat16":
        bits = numbers.astype(np.float32).view(np.uint32)
        return np.where(np.isfinite(numbers), (bits & np.uint32(0xFFFF0000)).view(np.float32), numbers).astype(
            np.float32
        )
    if name not in FLOATS | COMPLEX:
        numbers = np.nan_to_num(numbers, posinf=3, neginf=-3)
        if name.startswith("uint"):
            numbers = np.abs(numbers)
    return numbers.astype(name)


@dataclass(frozen=True, eq=False)
class Case:
    """One call of one operator."""

    record: Operator
    dtype: str
    number: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.record.name}-{self.dtype}-{self.number}"

    @property
    def arrays(self) -> list[Array]:
        """The tensors among the arguments, in order."""
        return list(_arrays((*self.args, *self.kwargs.values())))


def _arrays(arguments: Iterable[Any]) -> Iterator[Array]:
    for a in arguments:
        if isinstance(a, Array):
            yield a
        elif isinstance(a, tuple | list):
            yield from _arrays(a)


def cases(records: Iterable[Operator], dtypes: Iterable[str] | None = None) -> Iterator[Case]:
    """The cases of the records' samples in each dtype they take; what does not depend on the dtype once."""
    for record in records:
        if record.samples is None:
            continue
        names = [name for letter in record.dtypes for name in DTYPES[letter]]
        for name in names:
            if dtypes is None or name in dtypes:
                count = COMPLEX_SAMPLES if name in COMPLEX else None
                yield from islice(cases_in(record, name, name == names[0]), count)


def cases_in(record: Operator, dtype: str, first: bool = False) -> Iterator[Case]:
    """The cases of a record's samples in one dtype, also one it does not state.

    What does not depend on the dtype is among them only where that is the `first` one.
    """
    assert record.samples is not None
    maker = Maker(dtype, record.name)
    samples = iter(record.samples(maker))
    number = 0
    while True:
        maker.used = False
        sample = next(samples, None)
        if sample is None:
            return
        if maker.used or first:
            yield Case(record, dtype, number, *sample)
        number += 1


def failures(records: Iterable[Operator]) -> Iterator[tuple[Case, type, str]]:
    """The calls that must fail: (case, type of exception, pattern of its text)."""
    for record in records:
        for number, ((args, kwargs), error, pattern) in enumerate(record.errors):
            made = mapped(Maker("float32", record.name).wanted, Wanted, args, kwargs)
            yield Case(record, "error", number, *made), error, pattern


def mapped(function: Callable[[Any], Any], kind: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Arguments in which whatever is of a type is replaced, also inside of lists and tuples."""

    def replaced(a: Any) -> Any:
        if isinstance(a, kind):
            return function(a)
        return type(a)(replaced(x) for x in a) if type(a) in (tuple, list) else a

    return tuple(replaced(a) for a in args), {name: replaced(a) for name, a in kwargs.items()}


def build(case: Case, library: ModuleType, requires_grad: bool = False) -> Any:
    """The arguments of a case with a library's tensors and dtypes: (args, kwargs, the tensors in order)."""
    tensors: list[Any] = []

    def made(a: Array) -> Any:
        tensors.append(tensor(a, library, requires_grad and a.differentiable))
        return tensors[-1]

    args, kwargs = mapped(made, Array, case.args, case.kwargs)
    args, kwargs = mapped(lambda d: getattr(library, d.name.rstrip("_")), Dtype, args, kwargs)
    return args, kwargs, tensors


def tensor(a: Array, library: ModuleType, requires_grad: bool = False) -> Any:
    """An array as a tensor of a library."""
    dt = getattr(library, a.dtype)
    values = np.repeat(a.values, 2, axis=-1) if a.noncontiguous and a.values.ndim else a.values
    made = library.tensor(values.tolist(), dtype=dt).reshape(values.shape)
    if values is not a.values:
        made = made[..., ::2]
    return made.requires_grad_() if requires_grad else made


def target(record: Operator, library: ModuleType, variant: str = "") -> Callable[..., Any]:
    """The function of a record in a library, as users find it; `variant` is `_` for the in-place one."""
    name = record.name + variant
    if variant or not record.function:
        return lambda input, *args, **kwargs: getattr(input, name)(*args, **kwargs)
    space = library
    for part in record.namespace.split(".") if record.namespace != "torch" else ():
        space = getattr(space, part)
    return getattr(space, name.removeprefix("linalg_"))
