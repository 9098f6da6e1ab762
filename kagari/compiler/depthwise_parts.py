"""What kernels of depthwise convolution are made of: where taps find what they multiply, and lines in scratch memory.

A worker copies the rows of a channel into scratch memory of its own, as *lines* with zeros around them. There every
window is complete, and what a tap multiplies for neighbouring places lies side by side: where the places are `stride`
apart, a line is as many *planes*, each of every `stride`-th element. Any strides of the source come to the same lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .contract_pack import shuffle
from .text import Builder, Val, vector

FILL_PARAMS = (
    ("to", "ptr"),  # lines [rows][planes]
    ("source", "ptr"),  # element (0, 0) of the channel
    ("row_step", "i64"),  # strides of the source, in elements
    ("col_step", "i64"),
    ("top", "i64"),  # the source's row that the first line is; rows that are not there are zeros
    ("rows", "i64"),
    ("height", "i64"),  # rows of the source
    ("skipped", "i64"),  # columns of the source that no line holds
    ("cols", "i64"),  # and those that it holds
    ("first", "i64"),  # where in a plane they begin; what lies around them is zero before and stays so
    ("pitch", "i64"),  # from one plane to the next
    ("line", "i64"),  # from one row to the next
)


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension. Places of the result are counted in steps of `phases`, each with a sum of its own.

    The source is the input of the convolution; with `inverse` it is the output, and the result the input. `rest` is
    what the zeros before the input are beyond a multiple of the stride.
    """

    taps: int
    stride: int
    dilation: int
    rest: int
    inverse: bool

    @property
    def phases(self) -> int:
        return self.stride if self.inverse else 1

    @property
    def step(self) -> int:
        """How far apart in the source neighbouring places are."""
        return 1 if self.inverse else self.stride

    def offset(self, phase: int, tap: int) -> int | None:
        """What a tap multiplies lies so far behind the first of what the place needs; None where it is not of use."""
        if not self.inverse:
            return tap * self.dilation
        at = self._at(phase, tap)
        return None if at is None else at - self._least

    def origin(self, low: int) -> int:
        """The element of the source that the first place needs first, with so many zeros before the input."""
        return low // self.stride + self._least if self.inverse else -low

    @property
    def reach(self) -> int:
        """The largest offset."""
        return max(self._all()) - self._least if self.inverse else (self.taps - 1) * self.dilation

    def _at(self, phase: int, tap: int) -> int | None:
        at, left = divmod(phase + self.rest - tap * self.dilation, self.stride)
        return None if left else at

    def _all(self) -> list[int]:
        found = (self._at(phase, tap) for phase in range(self.stride) for tap in range(self.taps))
        return [at for at in found if at is not None]

    @property
    def _least(self) -> int:
        return min(self._all())


@dataclass(frozen=True, slots=True)
class Lines:
    """What the code that fills lines depends on: their planes, and whether the source's columns lie side by side."""

    element: str
    lanes: int
    planes: int
    rest: int
    beside: bool

    @property
    def held(self) -> str:
        """The type of a vector."""
        return vector(self.lanes, self.element)

    def place(self, residue: int) -> tuple[int, int]:
        """The plane of every `planes`-th column, and how far behind `first` it begins there."""
        shift, plane = divmod(residue + self.rest, self.planes)
        return plane, shift


def write_fill(b: Builder, name: str, form: Lines) -> None:
    """Defines the function that fills lines."""
    to, source, row_step, col_step, top, rows, height, skipped, cols, first, pitch, line = b.begin_function(
        name, FILL_PARAMS, linkage="internal", attributes="noinline"
    )
    element, planes = form.element, form.planes
    clamped = [b.intrinsic("smin", "i64", rows, b.intrinsic("smax", "i64", b.int(0), x))
               for x in (b.sub(b.int(0), top), b.sub(height, top))]  # fmt: skip
    copy = _Copy(b, form, cols, col_step)

    def starts(i: Val) -> list[Val]:
        """Where the columns that are so many apart begin, the first ones first."""
        found = []
        for residue in range(planes):
            plane, shift = form.place(residue)
            at = b.add(b.add(b.mul(i, line), b.mul(b.int(plane), pitch)), b.add(first, b.int(shift)))
            found.append(b.gep(to, at, element))
        return found

    source = b.gep(source, b.add(b.mul(skipped, col_step), b.mul(top, row_step)), element)
    for begin, end in ((b.int(0), clamped[0]), (clamped[1], rows)):
        with b.loop(begin, end) as i:
            copy.zeros(starts(i))
    with b.loop(clamped[0], clamped[1]) as i:
        copy.row(b.gep(source, b.mul(i, row_step), element), starts(i))
    b.ret()
    b.end_function()


class _Copy:
    """Copies the columns of a row; contiguous ones by vectors, of whose last ones what is missing becomes zeros."""

    def __init__(self, b: Builder, form: Lines, cols: Val, step: Val) -> None:
        self.b, self.form, self.cols, self.step = b, form, cols, step
        together = form.lanes * form.planes
        self.whole = b.sub(cols, b.binary("urem", cols, b.int(together)))
        self.ragged = b.icmp("ne", self.whole, cols)
        firsts = [b.add(self.whole, b.int(v * form.lanes)) for v in range(form.planes)]
        self.masks = [b.lane_mask(first, cols, form.lanes) for first in firsts]

    def row(self, read: Val, written: list[Val]) -> None:
        b, form = self.b, self.form
        if not form.beside:
            for residue, start in enumerate(written):
                with b.loop(b.int(residue), self.cols, form.planes) as j:
                    x = b.load(b.gep(read, b.mul(j, self.step), form.element), form.element)
                    b.store(x, b.gep(start, b.binary("udiv", j, b.int(form.planes)), form.element))
            return
        with b.loop(b.int(0), self.whole, form.lanes * form.planes) as at:
            self._vectors(read, written, at, [None] * form.planes)
        with b.when(self.ragged):
            self._vectors(read, written, self.whole, self.masks)

    def _vectors(self, read: Val, written: list[Val], at: Val, masks: Sequence[Val | None]) -> None:
        b, form = self.b, self.form
        parts = []
        for v, mask in enumerate(masks):
            address = b.gep(read, b.add(at, b.int(v * form.lanes)), form.element)
            parts.append(b.load(address, form.held) if mask is None else b.masked_load(address, mask, form.held))
        place = b.binary("udiv", at, b.int(form.planes))
        for x, start in zip(apart(b, parts), written):
            b.store(x, b.gep(start, place, form.element))

    def zeros(self, written: list[Val]) -> None:
        """What stands for a row that is not there."""
        b, form = self.b, self.form
        for start in written:
            with b.loop(b.int(0), self.cols, form.lanes * form.planes) as at:
                place = b.binary("udiv", at, b.int(form.planes))
                b.store(b.zero(form.held), b.gep(start, place, form.element))


def write_zeros(b: Builder, to: Val, elements: Val, form: Lines) -> None:
    """Zeros all lines, a multiple of vectors."""
    with b.loop(b.int(0), elements, form.lanes) as i:
        b.store(b.zero(form.held), b.gep(to, i, form.element))


def apart(b: Builder, parts: list[Val]) -> list[Val]:
    """Vectors that lie behind each other as those of every so-many-th element, beginning with each of the first."""
    count = len(parts)
    if count == 1:
        return parts
    lanes, whole = parts[0].lanes, joined(b, parts)
    return [shuffle(b, whole, whole, range(i, lanes * count, count)) for i in range(count)]


def between(b: Builder, parts: list[Val]) -> list[Val]:
    """The inverse of `apart`: the elements of vectors put between each other."""
    count = len(parts)
    if count == 1:
        return parts
    lanes, whole = parts[0].lanes, joined(b, parts)
    picks = [part * lanes + lane for lane in range(lanes) for part in range(count)]
    return [shuffle(b, whole, whole, picks[i * lanes : (i + 1) * lanes]) for i in range(count)]


def joined(b: Builder, parts: list[Val]) -> Val:
    """Vectors as a longer one."""
    whole = parts[0]
    for x in parts[1:]:
        if x.lanes < whole.lanes:  # operands of a shuffle have one length
            x = shuffle(b, x, x, [i % x.lanes for i in range(whole.lanes)])
        whole = shuffle(b, whole, x, range(whole.lanes + parts[0].lanes))
    return whole
