"""What kernels of depthwise convolution are made of: where taps find what they multiply, and lines in scratch memory.

A worker copies the rows of a channel into scratch memory of its own, as *lines* with zeros around them. There every
window is complete, and what a tap multiplies for neighbouring places lies side by side: where the places are `stride`
apart, a line is as many *planes*, each of every `stride`-th element. Any strides of the source come to the same lines.
"""

from __future__ import annotations

from dataclasses import dataclass

from .contract_pack import shuffle
from .text import Builder, Val, vector

FILL_PARAMS = (
    ("to", "ptr"),  # lines [rows][planes][pitch]
    ("source", "ptr"),  # element (0, 0) of the channel
    ("row_step", "i64"),  # strides of the source, in elements
    ("col_step", "i64"),
    ("top", "i64"),  # the source's row that the first line is; rows that are not there are zeros
    ("rows", "i64"),
    ("height", "i64"),  # rows of the source
    ("skipped", "i64"),  # columns of the source that no line holds
    ("cols", "i64"),  # and those that it holds
    ("first", "i64"),  # where in a plane they begin
    ("used", "i64"),  # elements of a plane that are read: zeros, where the source has none
    ("pitch", "i64"),
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
    to, source, row_step, col_step, top, rows, height, skipped, cols, first, used, pitch = b.begin_function(
        name, FILL_PARAMS, linkage="internal", attributes="noinline"
    )
    element, lanes, planes = form.element, form.lanes, form.planes
    source = b.gep(source, b.mul(skipped, col_step), element)
    together = b.int(lanes * planes)
    with b.loop(b.int(0), rows) as i:
        row = b.add(top, i)
        count = b.select(b.icmp("ult", row, height), cols, b.int(0))
        line = b.gep(to, b.mul(i, b.mul(pitch, b.int(planes))), element)
        starts = [b.gep(line, b.mul(b.int(plane), pitch), element) for plane in range(planes)]
        for start in starts:
            with b.loop(b.int(0), b.add(first, b.int(1)), lanes) as j:
                b.store(b.zero(form.held), b.gep(start, j, element))
        read = b.gep(source, b.mul(row, row_step), element)
        written = []
        for residue in range(planes):
            plane, shift = form.place(residue)
            written.append(b.gep(starts[plane], b.add(first, b.int(shift)), element))
        if form.beside:
            _copy(b, form, read, written, count)
        else:
            for residue, start in enumerate(written):
                with b.loop(b.int(residue), count, planes) as j:
                    x = b.load(b.gep(read, b.mul(j, col_step), element), element)
                    b.store(x, b.gep(start, b.binary("udiv", j, b.int(planes)), element))
        # Behind the last vector that was stored, or behind the last element of a source that is not contiguous.
        for residue, start in enumerate(written):
            plane, shift = form.place(residue)
            left = b.sub(b.add(count, b.int(planes - 1)), b.int(residue))
            each = b.binary("udiv", left, b.int(planes))
            if form.beside:
                vectors = b.binary("udiv", b.add(count, b.sub(together, b.int(1))), together)
                each = b.mul(vectors, b.int(lanes))
            with b.loop(each, b.sub(used, b.add(first, b.int(shift))), lanes) as j:
                b.store(b.zero(form.held), b.gep(start, j, element))
    b.ret()
    b.end_function()


def _copy(b: Builder, form: Lines, read: Val, written: list[Val], count: Val) -> None:
    """Copies a row of contiguous elements, whole vectors at a time; what is missing of the last ones becomes zeros."""
    element, lanes, planes = form.element, form.lanes, form.planes
    together = lanes * planes

    def step(at: Val, masked: bool) -> None:
        parts = []
        for v in range(planes):
            here = b.add(at, b.int(v * lanes))
            address = b.gep(read, here, element)
            mask = b.lane_mask(here, count, lanes) if masked else None
            parts.append(b.load(address, form.held) if mask is None else b.masked_load(address, mask, form.held))
        place = b.binary("udiv", at, b.int(planes))
        for x, start in zip(apart(b, parts), written):
            b.store(x, b.gep(start, place, element))

    whole = b.sub(count, b.binary("urem", count, b.int(together)))
    with b.loop(b.int(0), whole, together) as at:
        step(at, False)
    with b.when(b.icmp("ne", whole, count)):
        step(whole, True)


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
