"""The kernel of a convolution by Winograd's transformations: a worker does all three steps for a block of patches.

It transforms the patches into scratch memory of its own, multiplies them with the weights that an earlier launch has
transformed, by the register tiles of all other products, and makes results of the sums, line by line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from .contract_epilogue import Context, Epilogue
from .contract_pack import shuffle
from .contract_tile import Tile, Tiles, call_tile, tall_first
from .kernel import Part
from .text import BITS, CACHE_LINE, Builder, Val, vector
from .winograd_parts import EDGE, IMAGE_OPERANDS, PATCH_PARAMS, POINTS, each_run, gathered_results, write_patches

OPERANDS = (
    "rows",  # channels of the result
    "channels",
    "patches",  # of all images
    "row_block",  # a piece of the parallel range has so many rows
    "patch_block",  # and patches, a multiple of a vector's
    "row_blocks",
    "upitch",  # elements from one row of the transformed weights to the next,
    "upoint",  # and from one of the 16 to the next
    "tall_rows",  # of a block, after which no tile has the first height
    "fetched",  # bytes of the next rows that a tile fetches ahead with each channel
    "mpoint",  # elements from the sums of one of the 16 to the next
    "sums_at",  # bytes of scratch memory before the sums,
    "lines_at",  # two lines of results,
    "runs_at",  # and the table of runs
    "worker_bytes",
    "out_image",  # strides of the result in elements
    "out_row",
    "out_height",
    "out_width",
)
# Behind these `IMAGE_OPERANDS`, and the operands of the epilogue.
ROWS_AHEAD = 4  # how far ahead of results their lines are fetched
RUN_WORDS = 5  # of each line of patches in a block: its first lane, how many, the image, its row and column of results


@dataclass(frozen=True, slots=True)
class Form(Tile):
    """All that the code depends on, but the epilogue."""

    def tiles(self, vectors: int) -> Tiles:
        """Its tiles of so many vectors."""
        return Tiles(replace(self, vectors=vectors), ragged=False, ahead=True)

    @property
    def patches(self) -> str:
        """The name of the function that transforms patches."""
        return f"winograd_patches_{self.vectors}x{self.lanes}"

    @property
    def parts(self) -> tuple[Part, ...]:
        """What its kernels call."""
        return (*self.tile_parts, Part(self.patches, (self.patches,), partial(_write_patches, self)))

    @property
    def tile_parts(self) -> tuple[Part, ...]:
        """The tiles among them."""
        return tuple([self.tiles(vectors).part for vectors in (self.vectors, 1)])

    @property
    def key(self) -> str:
        return f"{'-'.join(map(str, self.heights))}x{self.vectors}x{self.lanes}"


def _write_patches(form: Form) -> str:
    """The module of the function that transforms patches."""
    b = Builder()
    write_patches(b, form.patches, form.lanes, form.vectors)
    return b.module()


def write_winograd(form: Form, epilogue: Epilogue) -> str:
    """The module of one kernel, `winograd`, which calls `form.parts`."""
    b = Builder()
    writer = _Writer(b, form, epilogue)
    writer.pieces()
    b.ret()
    b.end_function()
    return b.module()


def write_products(
    b: Builder, form: Form, rows: Val, tall: Val, left: tuple[Val, Val, Val], right: tuple[Val, Val], k: Val,
    lanes: Val, sums: Val, apart: Val, more: Val,
) -> None:  # fmt: skip
    """sums[row, lane] (+)= P[row, k] Q[k, lane], whose rows are `apart` elements apart.

    `left` is P, the elements from row to row, and the bytes of its next rows that are fetched with each k; `right` the
    first panel of Q, and the elements from one to the next. After so many rows of `tall` no tile has the first height.
    """
    p, pitch, fetched = left
    q, panel = right
    pitch, apart, panel = (b.mul(x, b.int(form.size)) for x in (pitch, apart, panel))
    wide = b.int(form.width * form.size)
    with tall_first(b, form.heights, b.int(0), rows, rows, tall) as (row, height, exist):
        here = b.gep(p, b.mul(row, pitch), "i8")
        step = b.select(b.icmp("slt", exist, height), b.int(0), pitch)
        ahead_slot, q_slot = b.var("ptr", b.gep(here, b.mul(exist, pitch), "i8")), b.var("ptr", q)
        area = b.gep(sums, b.mul(row, apart), "i8")
        with b.loop(b.int(0), lanes, form.width) as lane:
            cols, columns, ahead = b.sub(lanes, lane), b.get(q_slot, "ptr"), b.get(ahead_slot, "ptr")
            narrow = b.icmp("sle", cols, b.int(form.lanes))
            function = b.select(narrow, form.tiles(1).at(b, height), form.tiles(form.vectors).at(b, height))
            args = (here, step, b.int(form.size), columns, wide, k, b.gep(area, lane, "float"), apart, cols, more)
            call_tile(b, function, *args, ahead, fetched)
            b.set(ahead_slot, b.gep(ahead, b.mul(k, fetched), "i8"))
            b.set(q_slot, b.gep(columns, panel, "i8"))


class _Writer:
    """Its attributes are the values that the loops share."""

    def __init__(self, b: Builder, form: Form, epilogue: Epilogue) -> None:
        self.b, self.form, self.epilogue = b, form, epilogue
        bufs, ops, scalars, self.begin, self.end, worker, _ = b.begin_function("winograd")
        load = lambda base, i, ty: b.load(b.gep(base, b.int(i), ty), ty)  # noqa: E731
        self.weights, self.source, self.out, scratch = (load(bufs, i, "ptr") for i in range(4))
        names = (*OPERANDS, *IMAGE_OPERANDS)
        self.op = {name: load(ops, i, "i64") for i, name in enumerate(names)}
        self.image_ops = b.gep(ops, b.int(len(OPERANDS)), "i64")
        extra = tuple(load(ops, len(names) + i, "i64") for i in range(len(epilogue.ops)))
        more_bufs = tuple(load(bufs, 4 + i, "ptr") for i in range(len(epilogue.bufs)))
        self.context = Context(more_bufs, extra, scalars, b.int(0))
        self.patched = b.gep(scratch, b.mul(worker, self.op["worker_bytes"]), "i8")
        self.sums, self.lines, self.runs = (
            b.gep(self.patched, self.op[name], "i8") for name in ("sums_at", "lines_at", "runs_at")
        )

    def pieces(self) -> None:
        """for each block in [begin, end): all its steps."""
        b, op, form = self.b, self.op, self.form
        with b.loop(self.begin, self.end) as piece:
            row0 = b.mul(b.binary("urem", piece, op["row_blocks"]), op["row_block"])
            row1 = b.intrinsic("smin", "i64", op["rows"], b.add(row0, op["row_block"]))
            first = b.mul(b.binary("udiv", piece, op["row_blocks"]), op["patch_block"])
            exist = b.intrinsic("smin", "i64", op["patch_block"], b.sub(op["patches"], first))
            count = b.binary("and", b.add(exist, b.int(form.lanes - 1)), b.int(-form.lanes))
            b.declare(form.patches, "void", [ty for _, ty in PATCH_PARAMS])
            planes = op["channels"]
            b.call_local(form.patches, self.patched, self.source, self.image_ops, planes, first, count, op["patches"])
            with b.loop(b.int(0), b.int(POINTS)) as point:
                self._products(point, row0, row1, count)
            runs = self._find_runs(first, exist)
            with b.loop(row0, row1) as row:
                self._results(b.sub(row, row0), count)
                with b.loop(b.int(0), runs) as run:
                    self._store(row, b.gep(self.runs, b.mul(run, b.int(RUN_WORDS)), "i64"))

    def _products(self, point: Val, row0: Val, row1: Val, count: Val) -> None:
        """The matrix product of one of the 16 points: sums[row, patch]."""
        b, op, form = self.b, self.op, self.form
        weights = b.gep(self.weights, b.add(b.mul(point, op["upoint"]), b.mul(row0, op["upitch"])), "float")
        patches = b.gep(self.patched, b.mul(point, op["point"]), "float")
        sums = b.gep(self.sums, b.mul(point, op["mpoint"]), "float")
        rows, no = b.sub(row1, row0), Val("false", "i1")
        left, right = (weights, op["upitch"], op["fetched"]), (patches, op["panel"])
        write_products(b, form, rows, op["tall_rows"], left, right, op["channels"], count, sums, op["patch_block"], no)

    def _find_runs(self, first: Val, exist: Val) -> Val:
        """Fills the table of runs; returns how many there are."""
        b, op = self.b, self.op
        runs = b.var("i64")
        with each_run(b, op, first, exist, runs) as piece:
            length, column = b.sub(piece.high, piece.low), b.mul(piece.place, b.int(2))
            cols = b.intrinsic("smin", "i64", b.mul(length, b.int(2)), b.sub(op["out_width"], column))
            entry = b.gep(self.runs, b.mul(piece.number, b.int(RUN_WORDS)), "i64")
            row = b.mul(piece.row, b.int(2))
            for i, x in enumerate((b.mul(piece.low, b.int(2)), cols, piece.image, row, column)):
                b.store(x, b.gep(entry, b.int(i), "i64"))
        return b.get(runs, "i64")

    def _results(self, row: Val, count: Val) -> None:
        """lines[2, 2 * patch] = A^T sums A for one row of the block."""
        b, op, lanes = self.b, self.op, self.form.lanes
        held = vector(lanes, "float")
        start = b.gep(self.sums, b.mul(row, op["patch_block"]), "float")
        below = b.mul(op["patch_block"], b.int(2))
        with b.loop(b.int(0), count, lanes) as lane:
            here = b.gep(start, lane, "float")
            m = [b.load(b.gep(here, b.mul(op["mpoint"], b.int(point)), "float"), held) for point in range(POINTS)]
            down = [gathered_results(b, m[j::EDGE]) for j in range(EDGE)]
            for y in range(2):
                left, right = gathered_results(b, [column[y] for column in down])
                to = b.gep(self.lines, b.add(b.mul(lane, b.int(2)), b.mul(below, b.int(y))), "float")
                for half in range(2):
                    picks = [i + j for i in range(half * lanes // 2, (half + 1) * lanes // 2) for j in (0, lanes)]
                    b.store(shuffle(b, left, right, picks), b.gep(to, b.int(half * lanes), "float"))

    def _store(self, row: Val, run: Val) -> None:
        """Gives both lines of a run to the epilogue."""
        b, op, lanes, element = self.b, self.op, self.form.lanes, self.epilogue.element
        start, cols, image, top, column = (b.load(b.gep(run, b.int(i), "i64"), "i64") for i in range(RUN_WORDS))
        context = replace(self.context, batch=image)
        whole = b.binary("and", cols, b.int(-lanes))
        mask, ragged = b.lane_mask(whole, cols, lanes), b.icmp("ne", whole, cols)
        base = b.gep(self.out, b.add(b.mul(image, op["out_image"]), b.mul(row, op["out_row"])), element)
        down = b.intrinsic("smin", "i64", b.int(2), b.sub(op["out_height"], top))
        with b.loop(b.int(0), down) as line:
            results = b.gep(self.lines, b.add(b.mul(b.mul(line, op["patch_block"]), b.int(2)), start), "float")
            place = b.add(b.mul(b.add(top, line), op["out_width"]), column)

            def put(i: Val, mask: Val | None, results: Val = results, place: Val = place) -> None:
                acc = b.load(b.gep(results, i, "float"), vector(lanes, "float"))
                at = b.add(place, i)
                self.epilogue.store(b, b.gep(base, at, element), acc, row, at, lanes, mask, context)

            self._fetch(row, base, place, cols, context)
            with b.loop(b.int(0), whole, lanes) as i:
                put(i, None)
            with b.when(ragged):
                put(whole, mask)

    def _fetch(self, row: Val, base: Val, place: Val, cols: Val, context: Context) -> None:
        """Asks for what a later row writes, and its epilogue reads, where a row that begins at `base` stores a line."""
        b, element = self.b, self.epilogue.element
        later = b.gep(base, b.add(place, b.mul(self.op["out_row"], b.int(ROWS_AHEAD))), element)
        together = CACHE_LINE // (BITS[element] // 8)
        with b.loop(b.int(0), cols, together) as i:
            b.prefetch(b.gep(later, i, element), write=True)
            if self.epilogue.streams:
                ahead = b.add(row, b.int(ROWS_AHEAD))
                self.epilogue.ask(b, ahead, b.add(place, i), b.int(1), together, context)
