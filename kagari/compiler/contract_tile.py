"""The register tile that products are made of: a few rows times two vectors of sums that stay in registers.

In terms of P[rows, k] and Q[k, lanes]: each step along k loads the vectors of Q and broadcasts one element of P for
each row, read in place by any strides.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

from ..base.target import Target
from .kernel import Part
from .text import BITS, Builder, Val, vector

VECTORS = 2  # vectors in a row of a tile

TILE_PARAMS = (
    ("p", "ptr"),
    ("prow", "i64"),  # bytes from one row of P to the next
    ("pk", "i64"),  # bytes from one k of P to the next
    ("q", "ptr"),
    ("qk", "i64"),  # bytes from one k of Q to the next
    ("k", "i64"),
    ("area", "ptr"),  # sums [height][width]
    ("arow", "i64"),  # bytes from one row of them to the next
    ("cols", "i64"),  # lanes that exist
    ("more", "i1"),  # add to the sums in the area
)
AHEAD_PARAMS = (
    ("ahead", "ptr"),  # what is fetched for the next tiles
    ("fetched", "i64"),  # bytes of it with each k
)
PARTS_PARAMS = (
    ("inner", "i64"),  # k goes on by `pk` for so many steps
    ("pouter", "i64"),  # bytes from the first of these to that of the next
)
PIECES_PARAMS = (("pieces", "ptr"),)  # where the vectors of Q lie in two pieces, as `contract_slab` writes it


@dataclass(frozen=True, slots=True)
class Tile:
    """What the code of tiles depends on.

    `element` is what P and Q hold: float, double, or i32 for a pair of bfloat16 along k. `heights` are the rows of the
    tiles, tallest first.
    """

    element: str
    lanes: int
    vectors: int
    heights: tuple[int, ...]

    @property
    def sum_type(self) -> str:
        """The element type of the sums."""
        return "float" if self.element == "i32" else self.element

    @property
    def size(self) -> int:
        return BITS[self.element] // 8

    @property
    def width(self) -> int:
        return self.lanes * self.vectors

    @property
    def free_masks(self) -> bool:
        """Whether a masked load costs what a plain one does, as with AVX-512."""
        return self.lanes * self.size == 64


def tile_heights(target: Target, finely: bool = False) -> tuple[int, ...]:
    """Rows of the tiles: as many accumulators as registers allow, and smaller ones for the rows that are left.

    `finely` adds tiles that are two rows lower than the tallest: any even number of many rows is a sum of both heights.
    """
    tallest = (target.vector_registers - VECTORS - 2) // VECTORS
    return tuple(h for h in (tallest, tallest - 2 if finely else 0, 8, 4, 2) if 0 < h <= tallest)


@lru_cache(maxsize=4096)
def row_cycles(rows: int, heights: tuple[int, ...]) -> float:
    """Cycles per step along k and panel: two products a cycle, and no tile faster than the latency of four."""
    total, left = 0.0, rows
    for height in heights:
        count, left = divmod(left, height)
        total += count * max(4.0, height * VECTORS / 2)
    return total + (4.0 if left else 0.0)


def tall_rows(rows: int, heights: tuple[int, ...]) -> int:
    """How many rows have the tallest tiles, where the second heights are to fill the rest without a gap."""
    tall, lower = heights[:2]
    for count in range(1, min(lower, rows // lower + 1)):
        rest = rows - count * lower
        if rest >= 0 and rest % tall == 0:
            return rest
    return rows


@dataclass(frozen=True, slots=True)
class Tiles:
    """Functions, one for each height, that kernels share: area[height, width] (+)= P[height, k] @ Q[k, width].

    `ragged` says that lanes may be missing, as they are not where Q was packed into whole panels, `ahead` that they
    take `AHEAD_PARAMS`, too: where P lies far away, its next rows are asked for, a line with each step. With `in_parts`
    they take `PARTS_PARAMS`: k of P is two dimensions. With `in_pieces` they take `PIECES_PARAMS`, and Q is a table of
    what each k adds to these places, in bytes.

    Rows are reached from the row before by adding the row stride: the chain of additions overlaps with the arithmetic
    of the step before, needs two registers for any height, and any strides run at the same speed. A tile of one vector
    has half the arithmetic, and the chain of its lower half begins anew.
    """

    form: Tile
    ragged: bool
    ahead: bool = False
    in_parts: bool = False
    in_pieces: bool = False

    @property
    def part(self) -> Part:
        """The module of these functions."""
        name = self._name
        return Part(name, tuple([f"{name}{height}" for height in self.form.heights]), self._write)

    @property
    def _name(self) -> str:
        form, given = self.form, (self.ragged, self.ahead, self.in_parts, self.in_pieces)
        how = "".join(letter for letter, so in zip("rapi", given) if so)
        return f"tile_{form.element}_{'_'.join(map(str, form.heights))}_{form.vectors}x{form.lanes}_{how}_"

    @property
    def _params(self) -> tuple[tuple[str, str], ...]:
        taken = ((AHEAD_PARAMS, self.ahead), (PARTS_PARAMS, self.in_parts), (PIECES_PARAMS, self.in_pieces))
        return (*TILE_PARAMS, *[param for params, so in taken if so for param in params])

    def _write(self) -> str:
        b, params = Builder(), self._params
        for height in self.form.heights:
            values = b.begin_function(f"{self._name}{height}", params)
            writer = _TileWriter(b, self.form, height, dict(zip([param for param, _ in params], values)))
            writer.begin()
            writer.products(self.ragged)
            writer.end()
        return b.module()

    def at(self, b: Builder, height: Val) -> Val:
        """The function of this height."""
        heights, types = self.form.heights, [ty for _, ty in self._params]
        for h in heights:
            b.declare(f"{self._name}{h}", "void", types)
        function = Val(f"@{self._name}{heights[-1]}", "ptr")
        for h in heights[:-1]:
            function = b.select(b.icmp("eq", height, b.int(h)), Val(f"@{self._name}{h}", "ptr"), function)
        return function


class _TileWriter:
    """Writes one tile's function. `value` has its parameters by name: those that are there say what it can do."""

    def __init__(self, b: Builder, form: Tile, height: int, value: dict[str, Val]) -> None:
        self.b, self.form, self.height, self.value = b, form, height, value
        self.held, self.summed = vector(form.lanes, form.element), vector(form.lanes, form.sum_type)
        self.sums = [[b.var(self.summed, b.zero(self.summed)) for _ in range(form.vectors)] for _ in range(height)]
        rows = [value["area"]]
        for _ in range(height - 1):
            rows.append(b.gep(rows[-1], value["arow"], "i8"))
        self.places = [[b.gep(row, b.int(v * form.lanes), form.sum_type) for v in range(form.vectors)] for row in rows]

    def begin(self) -> None:
        """Sums from before, and where P and Q begin."""
        b, form, value = self.b, self.form, self.value
        with b.when(value["more"]):
            for slots, places in zip(self.sums, self.places):
                for slot, place in zip(slots, places):
                    b.set(slot, b.load(place, self.summed))
        self.q = b.var("ptr", value["q"])
        self.halves = {0: b.var("ptr", value["p"])}  # where the rows of each half begin
        if form.vectors == 1:
            middle = self.height // 2
            below = b.gep(value["p"], b.mul(value["prow"], b.int(middle)), "i8")
            self.halves[middle] = b.var("ptr", b.unknown(below))
        self.ahead = b.var("ptr", value["ahead"]) if "ahead" in value else None
        self.pieces = [_piece(b, value["pieces"], v, form) for v in range(form.vectors)] if "pieces" in value else []

    def products(self, ragged: bool) -> None:
        """The loop along k; two of them, where lanes may be missing and masks cost something."""
        b, form, cols = self.b, self.form, self.value["cols"]
        if not ragged:
            self.steps(None)
            return
        masks = [b.lane_mask(b.int(v * form.lanes), cols, form.lanes) for v in range(form.vectors)]
        if form.free_masks:
            self.steps(masks)
            return
        whole = b.icmp("sge", cols, b.int(form.width))
        full, partly, done = b.label(), b.label(), b.label()
        b.branch(whole, full, partly)
        b.block(full)
        self.steps(None)
        b.jump(done)
        b.block(partly)
        self.steps(masks)
        b.jump(done)
        b.block(done)

    def steps(self, masks: list[Val] | None) -> None:
        """The loop along k; without masks all lanes exist."""
        b, value = self.b, self.value
        if "inner" not in value:
            with b.loop(b.int(0), value["k"]):
                self.step(masks)
            return
        inner, jumps = value["inner"], [(half, value["pk"]) for half in self.halves.values()]
        if self.ahead is not None:
            jumps.append((self.ahead, value["fetched"]))
        with b.loop(b.int(0), value["k"], inner):
            with b.loop(b.int(0), inner):
                self.step(masks)
            for slot, along in jumps:
                b.set(slot, b.gep(b.get(slot, "ptr"), b.sub(value["pouter"], b.mul(inner, along)), "i8"))

    def step(self, masks: list[Val] | None) -> None:
        """One k: the vectors of Q times each row's element of P."""
        b, form, value = self.b, self.form, self.value
        row = b.get(self.q, "ptr")
        along = self.vectors(row, masks)
        b.set(self.q, b.gep(row, value["qk"], "i8"))
        firsts = {r: b.get(half, "ptr") for r, half in self.halves.items()}
        for r, half in self.halves.items():
            b.set(half, b.gep(firsts[r], value["pk"], "i8"))
        if self.ahead is not None:
            later = b.get(self.ahead, "ptr")
            b.prefetch(later)
            b.set(self.ahead, b.gep(later, value["fetched"], "i8"))
        here = firsts[0]
        for r, slots in enumerate(self.sums):
            here = firsts[r] if r in firsts else b.gep(here, value["prow"], "i8")
            one = b.splat(b.load(here, form.element), form.lanes)
            for slot, x in zip(slots, along):
                b.set(slot, _multiply_add(b, one, x, b.get(slot, self.summed)))

    def vectors(self, row: Val, masks: list[Val] | None) -> list[Val]:
        """What a step loads of Q."""
        b, form = self.b, self.form
        if self.pieces:
            further = b.load(row, "i64")
            return [_joined(b, piece, further, self.held) for piece in self.pieces]
        at = [b.gep(row, b.int(v * form.lanes), form.element) for v in range(form.vectors)]
        if masks is None:
            return [b.load(x, self.held) for x in at]
        return [b.masked_load(x, m, self.held) for x, m in zip(at, masks)]

    def end(self) -> None:
        """Stores the sums."""
        b = self.b
        for slots, places in zip(self.sums, self.places):
            for slot, place in zip(slots, places):
                b.store(b.get(slot, self.summed), place)
        b.ret()
        b.end_function()


def _piece(b: Builder, pieces: Val, v: int, form: Tile) -> tuple[Val, Val, Val, Val]:
    """The two places of vector `v`, and the masks of its lanes that count from the one and from the other."""
    at = [b.gep(pieces, b.int(3 * v + i), "i64") for i in range(3)]
    near, far, left = b.load(at[0], "ptr"), b.load(at[1], "ptr"), b.load(at[2], "i64")
    mask = b.lane_mask(b.int(0), left, form.lanes)
    return near, far, mask, b.binary("xor", mask, b.splat(Val("true", "i1"), form.lanes))


def _joined(b: Builder, piece: tuple[Val, Val, Val, Val], further: Val, held: str) -> Val:
    near, far, mask, others = piece
    first = b.masked_load(b.gep(near, further, "i8"), mask, held)
    return b.masked_load(b.gep(far, further, "i8"), others, held, first)


def _multiply_add(b: Builder, x: Val, y: Val, sums: Val) -> Val:
    """sums + x * y; for pairs of bfloat16 both products."""
    if x.element != "i32":
        return b.fma(x, y, sums)
    pairs = f"<{2 * x.lanes} x bfloat>"
    name = f"llvm.x86.avx512bf16.dpbf16ps.{32 * x.lanes}"
    return b.call(name, sums.type, sums, b.bitcast(x, pairs), b.bitcast(y, pairs))


@contextmanager
def tall_first(
    b: Builder, heights: tuple[int, ...], first: Val, stop: Val, tallest: Val, tall_rows: Val | None = None
) -> Iterator[tuple[Val, ...]]:
    """Cuts rows into tiles, tall ones first: yields the first row, the height of the tile and how many rows it has.

    After so many `tall_rows` no tile has the first of the heights. Where the smallest tile is taller than the rows
    left, which is one row, it has to compute this row again.
    """
    slot = b.var("i64", first)
    head, body, done = b.label(), b.label(), b.label()
    b.jump(head)
    b.block(head)
    row = b.get(slot, "i64")
    left = b.sub(stop, row)
    b.branch(b.icmp("sgt", left, b.int(0)), body, done)
    b.block(body)
    if tall_rows is not None:
        beyond = b.icmp("sge", b.sub(row, first), tall_rows)
        tallest = b.intrinsic("smin", "i64", tallest, b.select(beyond, b.int(heights[1]), b.int(heights[0])))
    height, room = b.int(heights[-1]), b.intrinsic("smin", "i64", left, tallest)
    for h in reversed(heights[:-1]):
        height = b.select(b.icmp("sge", room, b.int(h)), b.int(h), height)
    rows = b.intrinsic("smin", "i64", left, height)
    yield row, height, rows
    b.set(slot, b.add(row, rows))
    b.jump(head)
    b.block(done)


def call_tile(b: Builder, function: Val, *args: Val) -> None:
    """Calls a tile function: in one place for all heights, as a call with so many arguments is long."""
    b.emit(f"call void {function.name}({', '.join(f'{a.type} {a.name}' for a in args)})")
