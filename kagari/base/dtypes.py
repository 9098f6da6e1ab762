"""The number types and PyTorch's promotion rules between them."""

from __future__ import annotations

from collections.abc import Iterable


class dtype:
    """A number type, such as `kagari.float32`.

    `type_name` is what PyTorch's messages and its typed storages call it. `itemsize` is in bytes. `category` orders the
    kinds: 0 bool, 1 integer, 2 floating point, 3 complex. `rank` orders the types of one category.
    """

    __slots__ = ("name", "type_name", "itemsize", "category", "rank", "is_signed")

    def __init__(self, name: str, type_name: str, itemsize: int, category: int, rank: int, is_signed: bool) -> None:
        self.name, self.type_name, self.itemsize = name, type_name, itemsize
        self.category, self.rank, self.is_signed = category, rank, is_signed

    @property
    def is_floating_point(self) -> bool:
        """True for the floating-point types.

        >>> import kagari
        >>> kagari.float16.is_floating_point, kagari.int8.is_floating_point
        (True, False)
        """
        return self.category == 2

    @property
    def is_complex(self) -> bool:
        """True for the complex types.

        >>> import kagari
        >>> kagari.complex64.is_complex, kagari.float32.is_complex
        (True, False)
        """
        return self.category == 3

    @property
    def is_differentiable(self) -> bool:
        """True for what can have gradients: floating-point and complex types."""
        return self.category > 1

    def to_real(self) -> dtype:
        """The type of the parts of a complex type; any other type itself.

        >>> import kagari
        >>> kagari.complex64.to_real()
        torch.float32
        """
        return _PARTS.get(self, self)

    def to_complex(self) -> dtype:
        """The complex type with parts of this type. Raises RuntimeError where there is none, as for integers.

        >>> import kagari
        >>> kagari.float64.to_complex()
        torch.complex128
        """
        if self.category == 3:
            return self
        if self not in _WHOLES:
            raise RuntimeError(f"Unknown Complex ScalarType for {self.type_name}")
        return _WHOLES[self]

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return "bool_" if self.name == "bool" else self.name


bool_ = dtype("bool", "Bool", 1, 0, 0, False)
uint8 = dtype("uint8", "Byte", 1, 1, 0, False)
int8 = dtype("int8", "Char", 1, 1, 0, True)
int16 = dtype("int16", "Short", 2, 1, 1, True)
uint16 = dtype("uint16", "UInt16", 2, 1, 1, False)
int32 = dtype("int32", "Int", 4, 1, 2, True)
uint32 = dtype("uint32", "UInt32", 4, 1, 2, False)
int64 = dtype("int64", "Long", 8, 1, 3, True)
uint64 = dtype("uint64", "UInt64", 8, 1, 3, False)
float16 = dtype("float16", "Half", 2, 2, 0, True)
bfloat16 = dtype("bfloat16", "BFloat16", 2, 2, 0, True)
float32 = dtype("float32", "Float", 4, 2, 1, True)
float64 = dtype("float64", "Double", 8, 2, 2, True)
complex32 = dtype("complex32", "ComplexHalf", 4, 3, 0, True)
complex64 = dtype("complex64", "ComplexFloat", 8, 3, 1, True)
complex128 = dtype("complex128", "ComplexDouble", 16, 3, 2, True)
float8_e4m3fn = dtype("float8_e4m3fn", "Float8_e4m3fn", 1, 2, -1, True)
float8_e4m3fnuz = dtype("float8_e4m3fnuz", "Float8_e4m3fnuz", 1, 2, -1, True)
float8_e5m2 = dtype("float8_e5m2", "Float8_e5m2", 1, 2, -1, True)
float8_e5m2fnuz = dtype("float8_e5m2fnuz", "Float8_e5m2fnuz", 1, 2, -1, True)

quint8 = dtype("quint8", "QUInt8", 1, 1, 0, False)
qint8 = dtype("qint8", "QInt8", 1, 1, 0, True)
qint32 = dtype("qint32", "QInt32", 4, 1, 2, True)
quint4x2 = dtype("quint4x2", "QUInt4x2", 1, 1, 0, False)
quint2x4 = dtype("quint2x4", "QUInt2x4", 1, 1, 0, False)

QUANTIZED = {quint8: uint8, qint8: int8, qint32: int32}
"""Numbers as integers with a scale and a zero point, which a tensor has (`kagari/quantized`), and those integers."""
FLOATING = (float16, bfloat16, float32, float64)
COMPLEX = (complex32, complex64, complex128)
FLOAT8 = (float8_e4m3fn, float8_e4m3fnuz, float8_e5m2, float8_e5m2fnuz)
"""Floats of eight bits: kept in memory and converted, not computed with."""
LOWERED = frozenset((*COMPLEX, *FLOAT8))
"""The types that kernels do not compute with: `ir/lower.py` writes them as others."""
ALL = (bool_, uint8, int8, int16, uint16, int32, uint32, int64, uint64, *FLOATING, *COMPLEX, *FLOAT8)
_PARTS = {complex32: float16, complex64: float32, complex128: float64}
_WHOLES = {float16: complex32, bfloat16: complex64, float32: complex64, float64: complex128}
INTEGRAL = (uint8, int8, int16, uint16, int32, uint32, int64, uint64)
_ALONE = (uint16, uint32, uint64)
"""Integers that are promoted to floating-point types and to nothing else."""


_default = [float32]


def default_dtype() -> dtype:
    """The dtype of new tensors, and of Python floats among tensors of integers."""
    return _default[0]


def set_default_dtype(dt: dtype) -> None:
    """Makes `dt` the default dtype."""
    _default[0] = dt


def promote(a: dtype, b: dtype) -> dtype:
    """The smallest type that holds both, as `torch.promote_types`.

    Raises RuntimeError for uint16, uint32 or uint64 with another integer, bool or a complex type, and for a float of
    eight bits with any other type, which PyTorch does not define.

    >>> import kagari
    >>> promote(kagari.uint8, kagari.int8), promote(kagari.float16, kagari.bfloat16)
    (torch.int16, torch.float32)
    >>> promote(kagari.int64, kagari.float16)
    torch.float16
    """
    if a is b:
        return a
    if max(a.category, b.category) != 2 and (a in _ALONE or b in _ALONE):
        raise RuntimeError(
            "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote "
            f"{a.type_name} and {b.type_name}"
        )
    if a in FLOAT8 or b in FLOAT8:
        raise RuntimeError(
            f"Promotion for Float8 Types is not supported, attempted to promote {a.type_name} and {b.type_name}"
        )
    if a.category != b.category:
        low, high = sorted((a, b), key=lambda t: t.category)
        if high.category == 3 and low.category == 2:
            return promote(low.to_complex(), high)
        return high
    if a.rank != b.rank:
        return a if a.rank > b.rank else b
    return int16 if a.category == 1 else float32


def arithmetic(sized: Iterable[dtype], unsized: Iterable[dtype], numbers: Iterable[dtype]) -> dtype:
    """The type that arithmetic has, given the types of tensors with dimensions, of those without, and of numbers.

    Tensors with dimensions decide; 0-d tensors, then numbers, only raise the category. The order is bool, integer,
    float, complex; a float becomes complex in its own precision. Raises RuntimeError where `promote` does.

    >>> import kagari
    >>> arithmetic([kagari.int8], [kagari.int64], [kagari.float32])
    torch.float32
    """
    result: dtype | None = None
    for group in (sized, unsized, numbers):
        best: dtype | None = None
        for dt in group:
            best = dt if best is None else promote(best, dt)
        if best is None:
            continue
        if result is None:
            result = best
        elif best.category > result.category and best.is_complex:
            result = result.to_complex() if result.category == 2 else best
        elif best.category > result.category:
            result = promote(result, best)
    assert result is not None
    return result


def accumulate(dt: dtype) -> dtype:
    """The type a sum over this type is carried in: float32 for the 16-bit floats, the type itself otherwise."""
    if dt is complex32:
        return complex64
    return float32 if dt.category == 2 and dt.itemsize == 2 else dt
