"""What happens to a finished sum of a contraction: it is converted, combined with other buffers and stored.

A contraction hands its epilogue one vector of sums at a time, always along a row of C, so a bias, a residual or an
activation is written like any other element-wise code.
"""

from __future__ import annotations

from dataclasses import dataclass

from .contract_common import ELEMENTS
from .elementwise import to_bfloat
from .text import BITS, Builder, Val, vector


@dataclass(frozen=True, slots=True)
class Context:
    """What an epilogue may look at besides its sums.

    `bufs` and `ops` are the kernel's values of the epilogue's own buffers and operands, in its order; `scalars` is the
    pointer to the launch's Python scalars, `batch` the index of the matrix, counted over all batch dimensions.
    """

    bufs: tuple[Val, ...]
    ops: tuple[Val, ...]
    scalars: Val
    batch: Val


class Epilogue:
    """Converts and stores; the base of all epilogues.

    `key` names the code `store` writes, and `plain` says that it does nothing else. `bufs` and `ops` are the buffer
    numbers and operands it needs. `folds` says that `store` looks neither at the row nor at the batch index, so that
    rows of several matrices may count as those of one; None means that this holds where there are no buffers.
    """

    def __init__(
        self,
        out_dtype: str,
        key: str = "store",
        bufs: tuple[int, ...] = (),
        ops: tuple[int, ...] = (),
        folds: bool | None = None,
    ) -> None:
        self.out_dtype, self.bufs, self.ops = out_dtype, bufs, ops
        self.key, self.plain = f"{key}.{out_dtype}", key == "store"
        self.element = ELEMENTS[out_dtype]
        self.folds = not bufs if folds is None else folds

    @property
    def streams(self) -> bool:
        """Whether it reads elements that no other tile does, for which a tile asks before it computes."""
        return False

    def ask(self, b: Builder, row: Val, col: Val, rows: Val, cols: int, context: Context) -> None:
        """Asks for what C[row : row + rows, col : col + cols] will need."""

    def store(
        self, b: Builder, out: Val, acc: Val, row: Val, col: Val, lanes: int, mask: Val | None, context: Context
    ) -> None:
        """Writes C[row, col : col + lanes], which begins at `out`; `mask` says which lanes exist, None means all."""
        put(b, out, convert(b, acc, self.element), mask)


def convert(b: Builder, x: Val, element: str) -> Val:
    """A float vector (or scalar) in another float type."""
    if x.element == element:
        return x
    if element == "bfloat":
        return to_bfloat(b, convert(b, x, "float"))
    op = "fptrunc" if BITS[element] < BITS[x.element] else "fpext"
    return b.cast(op, x, vector(x.lanes, element))


def put(b: Builder, pointer: Val, x: Val, mask: Val | None) -> None:
    """Stores a vector; lanes whose mask bit is off stay as they are."""
    if x.element in ("half", "bfloat"):
        x = b.bitcast(x, vector(x.lanes, "i16"))  # few processors have masked stores of 16-bit floats
    if mask is None:
        b.store(x, pointer)
    else:
        b.masked_store(x, pointer, mask)


def fetch(b: Builder, pointer: Val, type_: str, mask: Val | None) -> Val:
    """Loads a vector; lanes whose mask bit is off are not read and give zero."""
    ty = Val("", type_)
    held = vector(ty.lanes, "i16") if ty.element in ("half", "bfloat") else type_
    return b.bitcast(b.load(pointer, held) if mask is None else b.masked_load(pointer, mask, held), type_)
