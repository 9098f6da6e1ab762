"""The number types and PyTorch's promotion rules between them."""

from __future__ import annotations


class dtype:
    """A number type, such as `kagari.float32`.

    `itemsize` is in bytes. `category` orders the kinds: 0 bool, 1 integer, 2 floating point. `rank` orders the types of
    one category.
    """

    __slots__ = ("name", "itemsize", "category", "rank", "is_signed", "_numpy")

    def __init__(self, name: str, itemsize: int, category: int, rank: int, is_signed: bool) -> None:
        self.name, self.itemsize, self.category, self.rank, self.is_signed = name, itemsize, category, rank, is_signed

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
        """True for the complex types; there are none yet."""
        return False

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return "bool_" if self.name == "bool" else self.name


bool_ = dtype("bool", 1, 0, 0, False)
uint8 = dtype("uint8", 1, 1, 0, False)
int8 = dtype("int8", 1, 1, 0, True)
int16 = dtype("int16", 2, 1, 1, True)
int32 = dtype("int32", 4, 1, 2, True)
int64 = dtype("int64", 8, 1, 3, True)
float16 = dtype("float16", 2, 2, 0, True)
bfloat16 = dtype("bfloat16", 2, 2, 0, True)
float32 = dtype("float32", 4, 2, 1, True)
float64 = dtype("float64", 8, 2, 2, True)

ALL = (bool_, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64)
FLOATING = (float16, bfloat16, float32, float64)
INTEGRAL = (uint8, int8, int16, int32, int64)


_default = [float32]


def default_dtype() -> dtype:
    """The dtype of new tensors, and of Python floats among tensors of integers."""
    return _default[0]


def set_default_dtype(dt: dtype) -> None:
    """Makes `dt` the default dtype."""
    _default[0] = dt


def promote(a: dtype, b: dtype) -> dtype:
    """The smallest type that holds both, as `torch.promote_types`.

    >>> import kagari
    >>> promote(kagari.uint8, kagari.int8), promote(kagari.float16, kagari.bfloat16)
    (torch.int16, torch.float32)
    >>> promote(kagari.int64, kagari.float16)
    torch.float16
    """
    if a is b:
        return a
    if a.category != b.category:
        return a if a.category > b.category else b
    if a.rank != b.rank:
        return a if a.rank > b.rank else b
    return int16 if a.category == 1 else float32


def accumulate(dt: dtype) -> dtype:
    """The type a sum over this type is carried in: float32 for the 16-bit floats, the type itself otherwise."""
    return float32 if dt.category == 2 and dt.itemsize == 2 else dt
