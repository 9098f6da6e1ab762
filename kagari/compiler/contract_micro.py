"""The kernel of a contraction: register tiles of C, and the loops that walk over them.

Everything here is in terms of P[rows, k] and Q[k, lanes]: a tile keeps `height` x `vectors` accumulator registers, and
each step along k loads `vectors` registers of Q and broadcasts `height` elements of P, read in place by any strides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from .contract_common import batch_bases
from .contract_epilogue import Context, Epilogue
from .contract_pack import quad, transpose, write_pack
from .contract_slab import OPERANDS as SLAB_OPERANDS
from .contract_slab import write_pieces, write_slab_pack
from .contract_tile import Tile, Tiles, call_tile, tall_first
from .contract_windows import write_window_pack
from .kernel import Part
from .text import Builder, Val, vector

# The kernel's operands before those of the epilogue and the batch dimensions; strides are in elements.
OPERANDS = (
    "rows",
    "lanes",
    "k",  # the sum: `outer` times so many
    "outer",
    "pouter",  # from one of these parts of P to the next
    "inner",  # how many k a part has, where tiles step over parts themselves; `outer` is 1 then
    "row_block",  # a piece of the parallel range is a block of C: this many rows
    "lane_block",  # and this many lanes, a multiple of the tile's width where Q is packed
    "k_block",
    "row_blocks",
    "lane_blocks",
    "prow",
    "pk",
    "qk",
    "qlane",
    "crow",  # from one row of C to the next: of the tile's rows, or of its lanes where C is transposed
    "depth",  # k_block rounded up to whole vectors
    "tallest",  # no tile higher than this
    "tall_rows",  # and none of the first height after so many rows of a block
    "fetched",  # bytes of P's next rows that a tile fetches ahead with each k
    "worker_bytes",  # scratch memory of one worker: the packed block of Q, then the sums of the whole block of C
    "sums_at",
    "sums_step",  # bytes from one tile's sums to the next; 0 where k is one block and one tile's memory serves all
    "table_at",  # where the scratch memory of a worker has room for offsets; only for windows
    "image",  # lanes of one image, of several whose windows are taken together
    "image_step",  # from one image's C to the next
    "batch_rank",  # number of batch dimensions; (size, P stride, Q stride, C stride) of each follow, innermost first
)
# Behind these, where Q is made of windows, `Windows.ops`, or those of a slab.


@dataclass(frozen=True, slots=True)
class Form(Tile):
    """All that the code of a kernel depends on, but the epilogue.

    `transposed` says that C's contiguous dimension runs along the rows. `pack` says how a worker
    copies its block of Q: `copy`, `transpose`, `gather`, a mode of `Windows` or of a `Slab`, or not at all.
    `in_parts` says that tiles step over parts of P, `narrows` that there are tiles of one vector for the last lanes,
    where they are no more.
    """

    transposed: bool
    pack: str
    in_parts: bool
    narrows: bool

    @property
    def windows(self) -> bool:
        return self.pack.startswith(("runs", "columns", "slab"))

    @property
    def slab(self) -> bool:
        return self.pack.startswith("slab")

    def tiles(self, vectors: int) -> Tiles:
        """Its tiles of so many vectors."""
        return Tiles(
            Tile(self.element, self.lanes, vectors, self.heights), not self.pack, True, self.in_parts, self.slab
        )

    @property
    def packs(self) -> str:
        """The name of the function that packs Q."""
        return f"pack_{self.pack}_{self.element}_{self.vectors}x{self.lanes}"

    @property
    def parts(self) -> tuple[Part, ...]:
        """What its kernels call."""
        tiles = [self.tiles(vectors).part for vectors in ((self.vectors, 1) if self.narrows else (self.vectors,))]
        packing = [Part(self.packs, (self.packs,), partial(_write_packing, self))] if self.pack else []
        return (*tiles, *packing)

    @property
    def padded_height(self) -> int:
        """Rows of a tile's memory: whole squares, so that it can be transposed."""
        return -(-self.heights[0] // self.lanes) * self.lanes

    @property
    def tile_bytes(self) -> int:
        return self.padded_height * self.width * self.size

    @property
    def key(self) -> str:
        shape = f"{'-'.join(map(str, self.heights))}x{self.vectors}x{self.lanes}"
        how = f"{'t' if self.transposed else 'n'}{'p' if self.in_parts else ''}{'s' if self.narrows else ''}"
        return f"{self.element}.{shape}.{how}.{self.pack or 'direct'}"


def write_contraction(form: Form, epilogue: Epilogue) -> str:
    """The module of one kernel, `contract`, which calls `form.parts`."""
    b = Builder()
    _write_kernel(b, form, epilogue)
    return b.module()


def _write_packing(form: Form) -> str:
    """The module of the function that packs Q."""
    b = Builder()
    if form.slab:
        write_slab_pack(b, form.packs, form.pack, form.element, form.lanes)
    else:
        write = write_window_pack if form.windows else write_pack
        write(b, form.packs, form.pack, form.element, form.lanes, form.vectors)
    return b.module()


class _Walk:
    """Writes the kernel: pieces, blocks of k, tiles. Its attributes are the values those loops share."""

    def __init__(self, b: Builder, form: Form, epilogue: Epilogue) -> None:
        self.b, self.form, self.epilogue = b, form, epilogue
        bufs, ops, scalars, self.begin, self.end, worker, _ = b.begin_function("contract")
        load = lambda base, i, ty: b.load(b.gep(base, b.int(i), ty), ty)  # noqa: E731
        self.p, self.q, self.c, scratch = (load(bufs, i, "ptr") for i in range(4))
        self.op = {name: load(ops, i, "i64") for i, name in enumerate(OPERANDS)}
        extra = tuple(load(ops, len(OPERANDS) + i, "i64") for i in range(len(epilogue.ops)))
        self.batch_ops = b.gep(ops, b.int(len(OPERANDS) + len(epilogue.ops)), "i64")
        self.window_ops = b.gep(self.batch_ops, b.mul(self.op["batch_rank"], b.int(4)), "i64")
        more_bufs = tuple(load(bufs, 4 + i, "ptr") for i in range(len(epilogue.bufs)))
        self.context = Context(more_bufs, extra, scalars, b.int(0))
        self.packed = b.gep(scratch, b.mul(worker, self.op["worker_bytes"]), "i8")
        room = f"[{form.padded_height * form.vectors + 1} x {vector(form.lanes, form.sum_type)}]"
        self.tile, self.turned = b.var(room), b.var(room)
        self.pieces_room = b.var(f"[{3 * form.vectors} x i64]")
        self.table = b.gep(self.packed, self.op["table_at"], "i8")
        self.image_row = b.int(0)
        single = b.icmp("eq", self.op["sums_step"], b.int(0))
        self.sums = b.select(single, self.tile, b.gep(self.packed, self.op["sums_at"], "i8"))

    def bytes(self, name: str) -> Val:
        """A stride of P or Q in bytes, or one of C that holds plain sums."""
        return self.b.mul(self.op[name], self.b.int(self.form.size))

    def pieces(self) -> None:
        """for each block of C in [begin, end): which one is it, and where does it lie?"""
        b, op = self.b, self.op
        with b.loop(self.begin, self.end) as piece:
            row_index = b.binary("urem", piece, op["row_blocks"])
            rest = b.binary("udiv", piece, op["row_blocks"])
            lane_index = b.binary("urem", rest, op["lane_blocks"])
            batch = b.binary("udiv", rest, op["lane_blocks"])
            self.context = Context(self.context.bufs, self.context.ops, self.context.scalars, batch)
            elements = [self.form.element, self.form.element, self.epilogue.element]
            bases = [self.p, self.q, self.c]
            p, q, self.c_base = batch_bases(b, op["batch_rank"], self.batch_ops, batch, bases, elements)
            self.row0 = b.mul(row_index, op["row_block"])
            self.row1 = b.intrinsic("smin", "i64", op["rows"], b.add(self.row0, op["row_block"]))
            self.lane0 = b.mul(lane_index, op["lane_block"])
            self.lane1 = b.intrinsic("smin", "i64", op["lanes"], b.add(self.lane0, op["lane_block"]))
            inner = b.intrinsic("smax", "i64", op["k"], b.int(1))
            with b.loop(b.int(0), op["outer"]) as part, b.loop(b.int(0), inner, op["k_block"]) as k0:
                self._block(b.gep(p, b.mul(part, self.bytes("pouter")), "i8"), q, part, k0)

    def _block(self, p: Val, q: Val, part: Val, k0: Val) -> None:
        """One block of k of one block of C: pack Q, then all tiles, tall ones first."""
        b, op, form = self.b, self.op, self.form
        k = b.intrinsic("smin", "i64", op["k_block"], b.sub(op["k"], k0))
        place = b.add(b.mul(part, op["k"]), k0)
        self.more = b.icmp("sgt", place, b.int(0))
        last = b.icmp("sge", b.add(place, op["k_block"]), b.mul(op["k"], op["outer"]))
        prow, pk, qk, qlane = (self.bytes(name) for name in ("prow", "pk", "qk", "qlane"))
        if form.in_parts:
            p = b.gep(p, b.mul(b.binary("udiv", k0, op["inner"]), self.bytes("pouter")), "i8")
        else:
            p = b.gep(p, b.mul(k0, pk), "i8")
        q_base, q = q, b.gep(b.gep(q, b.mul(place, qk), "i8"), b.mul(self.lane0, qlane), "i8")
        panel_step = b.int(form.width * form.size)
        if form.slab:
            self._pack_slab(q_base)
            q, qk, panel_step = self.table, b.int(8), b.int(0)
        elif form.windows:
            self._pack_windows(q_base, place, k)
            q, qk, panel_step = self.packed, panel_step, b.mul(panel_step, op["depth"])
        elif form.pack:
            b.call(self.form.packs, "void", self.packed, q, qk, qlane, k, b.sub(self.lane1, self.lane0), op["depth"])
            q, qk, panel_step = self.packed, panel_step, b.mul(panel_step, op["depth"])
        sums_slot = b.var("ptr", self.sums)
        limits = (op["tallest"], op["tall_rows"])
        with tall_first(b, form.heights, self.row0, self.row1, *limits) as (row, height, rows):
            p_row, q_slot = b.gep(p, b.mul(row, prow), "i8"), b.var("ptr", q)
            ahead_slot = b.var("ptr", b.gep(p_row, b.mul(rows, prow), "i8"))
            step = b.select(b.icmp("slt", rows, height), b.int(0), prow)
            with b.loop(self.lane0, self.lane1, form.width) as lane:
                cols = b.intrinsic("smin", "i64", b.int(form.width), b.sub(self.lane1, lane))
                sums, q_panel = b.get(sums_slot, "ptr"), b.get(q_slot, "ptr")
                area, apart, pending = self._area(sums, row, lane, b.icmp("eq", rows, height), cols, last)
                tile = (p_row, step, pk, q_panel, qk, k, area, apart, cols, self.more)
                if self.epilogue.streams:
                    with b.when(last):
                        self._ask(row, lane, rows, cols)
                ahead = b.get(ahead_slot, "ptr")
                parts = (op["inner"], self.bytes("pouter")) if form.in_parts else ()
                asked = self._asked(ahead, q_panel, qk, row)
                self._tile(height, cols, *tile, *asked, *parts, *self._pieces_at(lane))
                b.set(ahead_slot, b.gep(ahead, b.mul(op["inner"] if form.in_parts else k, op["fetched"]), "i8"))
                with b.when(pending):
                    self._finish(sums, row, lane, rows, cols)
                b.set(sums_slot, b.gep(sums, op["sums_step"], "i8"))
                b.set(q_slot, b.gep(q_panel, panel_step, "i8"))

    def _area(self, sums: Val, row: Val, lane: Val, whole: Val, cols: Val, last: Val) -> tuple[Val, Val, Val]:
        """Where a tile puts its sums, how far its rows lie apart there, and whether they wait for the epilogue then.

        Sums that are C already go there at once, if the tile is full and all of k is one block.
        """
        b, op, form = self.b, self.op, self.form
        apart = b.int(form.width * form.size)
        if form.transposed or not self.epilogue.plain or self.epilogue.element != form.sum_type:
            return sums, apart, last
        at, base = lane, self.c_base
        if form.windows:
            image = b.binary("udiv", lane, op["image"])
            at = b.sub(lane, b.mul(image, op["image"]))
            base = b.gep(base, b.mul(image, op["image_step"]), self.epilogue.element)
            whole = b.binary("and", whole, b.icmp("sle", b.add(at, b.int(form.width)), op["image"]))
        whole = b.binary("and", whole, b.icmp("eq", cols, b.int(form.width)))
        first = b.binary("xor", self.more, Val("true", "i1"))
        straight = b.binary("and", b.binary("and", whole, last), first)
        c = b.gep(base, b.add(b.mul(row, op["crow"]), at), self.epilogue.element)
        pending = b.binary("and", last, b.binary("xor", straight, Val("true", "i1")))
        return b.select(straight, c, sums), b.select(straight, self.bytes("crow"), apart), pending

    def _asked(self, ahead: Val, panel: Val, qk: Val, row: Val) -> tuple[Val, Val]:
        """What a tile fetches ahead, and the bytes from one k to the next: rows of P.

        The two tiles at the top do that for the next panel, of a Q that is read in place, each for half of its lines.
        """
        b, op, form = self.b, self.op, self.form
        if form.pack:
            return ahead, op["fetched"]
        above = b.sub(row, self.row0)
        half = b.select(b.icmp("eq", above, b.int(0)), b.int(0), b.int(form.width // 2))
        next_panel = b.gep(panel, b.add(b.int(form.width), half), form.element)
        top = b.icmp("sle", above, op["tallest"])
        return b.select(top, next_panel, ahead), b.select(top, qk, op["fetched"])

    def _tile(self, height: Val, cols: Val, *args: Val) -> None:
        b, form = self.b, self.form
        function = form.tiles(form.vectors).at(b, height)
        if form.narrows:
            narrow = b.icmp("sle", cols, b.int(form.lanes))
            function = b.select(narrow, form.tiles(1).at(b, height), function)
        call_tile(b, function, *args)

    def _pack_windows(self, q: Val, k0: Val, k: Val) -> None:
        b, op = self.b, self.op
        source = b.gep(q, b.load(self.window_ops, "i64"), self.form.element)
        dims = b.gep(self.window_ops, b.int(1), "i64")
        lanes = b.sub(self.lane1, self.lane0)
        b.call(self.form.packs, "void", self.packed, source, dims, self.table, k0, k, self.lane0, lanes, op["depth"])

    def _pack_slab(self, q: Val) -> None:
        b = self.b
        row = b.load(b.gep(self.window_ops, b.int(SLAB_OPERANDS.index("row")), "i64"), "i64")
        self.image_row = b.binary("udiv", self.lane0, row)
        last = b.binary("udiv", b.sub(self.lane1, b.int(1)), row)
        rows = b.add(b.sub(last, self.image_row), b.int(1))
        b.call(self.form.packs, "void", self.packed, q, self.window_ops, self.table, self.image_row, rows)

    def _pieces_at(self, lane: Val) -> list[Val]:
        """Where the vectors from this lane on lie, for a tile that reads a slab."""
        if not self.form.slab:
            return []
        b, form = self.b, self.form
        op = {name: b.load(b.gep(self.window_ops, b.int(i), "i64"), "i64") for i, name in enumerate(SLAB_OPERANDS)}
        write_pieces(
            b, self.pieces_room, self.packed, op, self.image_row, lane, self.lane1, form.vectors, form.lanes,
            form.element,
        )  # fmt: skip
        return [self.pieces_room]

    def _ask(self, row: Val, lane: Val, rows: Val, cols: Val) -> None:
        """Has the epilogue ask for what it will need of a tile; what lies in its second image comes when it is read."""
        b, op, form = self.b, self.op, self.form
        image = b.binary("udiv", lane, op["image"])
        context = replace(self.context, batch=b.add(self.context.batch, image))
        lane = b.sub(lane, b.mul(image, op["image"]))
        if form.transposed:
            self.epilogue.ask(b, lane, row, cols, form.heights[0], context)
        else:
            self.epilogue.ask(b, row, lane, rows, form.width, context)

    def _finish(self, sums: Val, row: Val, lane: Val, rows: Val, cols: Val) -> None:
        """Gives a finished tile to the epilogue, row by row of C."""
        if self.form.transposed:
            self._turn(sums, cols)
            self._store_rows(self.turned, self.form.padded_height, lane, row, cols, rows)
        elif self.form.windows:
            self._store_images(sums, row, lane, rows, cols)
        else:
            self._store_rows(sums, self.form.width, row, lane, rows, cols)

    def _store_images(self, sums: Val, row: Val, lane: Val, rows: Val, cols: Val) -> None:
        """A finished tile whose lanes may belong to several images, one after the other."""
        b, op, whole, context = self.b, self.op, self.c_base, self.context
        slot = b.var("i64", b.int(0))
        head, body, done = b.label(), b.label(), b.label()
        b.jump(head)
        b.block(head)
        first = b.get(slot, "i64")
        b.branch(b.icmp("slt", first, cols), body, done)
        b.block(body)
        at = b.add(lane, first)
        image = b.binary("udiv", at, op["image"])
        place = b.sub(at, b.mul(image, op["image"]))
        count = b.intrinsic("smin", "i64", b.sub(cols, first), b.sub(op["image"], place))
        self.c_base = b.gep(whole, b.mul(image, op["image_step"]), self.epilogue.element)
        self.context = replace(context, batch=b.add(context.batch, image))
        self._store_rows(b.gep(sums, first, self.form.sum_type), self.form.width, row, place, rows, count)
        self.c_base, self.context = whole, context
        b.set(slot, b.add(first, count))
        b.jump(head)
        b.block(done)

    def _turn(self, sums: Val, cols: Val) -> None:
        """turned[width, padded_height] = the transposed tile; rows beyond its height are whatever the memory held."""
        b, form = self.b, self.form
        q = quad(form.lanes)
        with b.loop(b.int(0), cols, q) as lane:
            for r in range(0, form.padded_height, form.lanes):
                places = [b.add(lane, b.int((r + i) * form.width)) for i in range(form.lanes)]
                rows = [b.load(b.gep(sums, at, form.sum_type), vector(q, form.sum_type)) for at in places]
                for i, x in enumerate(transpose(b, rows)):
                    at = b.add(b.mul(b.add(lane, b.int(i)), b.int(form.padded_height)), b.int(r))
                    b.store(x, b.gep(self.turned, at, form.sum_type))

    def _store_rows(self, sums: Val, step: int, row: Val, col: Val, rows: Val, cols: Val) -> None:
        """Hands C[row : row + rows, col : col + cols] to the epilogue; rows of sums are `step` elements apart."""
        b, lanes, sum_type = self.b, self.form.lanes, self.form.sum_type
        whole = b.binary("and", cols, b.int(-lanes))
        mask = b.lane_mask(whole, cols, lanes)
        ragged = b.icmp("ne", whole, cols)
        out = b.gep(self.c_base, b.add(b.mul(row, self.op["crow"]), col), self.epilogue.element)
        out_slot, sums_slot = b.var("ptr", out), b.var("ptr", sums)
        parts = self._parts()

        def vector_at(r: Val, i: Val, width: int, mask: Val | None) -> None:
            acc = b.load(b.gep(b.get(sums_slot, "ptr"), i, sum_type), vector(width, sum_type))
            place = b.gep(b.get(out_slot, "ptr"), i, self.epilogue.element)
            self.epilogue.store(b, place, acc, b.add(row, r), b.add(col, i), width, mask, self.context)

        def whole_row(r: Val) -> None:
            for first, width in parts:
                vector_at(r, b.int(first), width, None)

        def ragged_row(r: Val) -> None:
            with b.loop(b.int(0), whole, lanes) as i:
                vector_at(r, i, lanes, None)
            with b.when(ragged):
                vector_at(r, whole, lanes, mask)

        full = b.icmp("eq", cols, b.int(sum(width for _, width in parts))) if parts else Val("false", "i1")
        for write, wanted in ((whole_row, full), (ragged_row, b.binary("xor", full, Val("true", "i1")))):
            with b.when(wanted), b.loop(b.int(0), rows) as r:
                write(r)
                b.set(out_slot, b.gep(b.get(out_slot, "ptr"), self.op["crow"], self.epilogue.element))
                b.set(sums_slot, b.gep(b.get(sums_slot, "ptr"), b.int(step), sum_type))

    def _parts(self) -> list[tuple[int, int]]:
        """Where a row of C that a whole tile fills is stored: first element and number of lanes.

        Powers of two, since stores under a mask are slow with AVX2; a row that is transposed is as long as a tile is
        high. Nothing where such a row is one store under a mask that costs nothing.
        """
        form = self.form
        length = form.heights[0] if form.transposed else form.width
        parts: list[tuple[int, int]] = []
        if form.free_masks and length % form.lanes:
            return parts
        first = 0
        while first < length:
            width = min(form.lanes, 1 << (length - first).bit_length() - 1)
            parts.append((first, width))
            first += width
        return parts


def _write_kernel(b: Builder, form: Form, epilogue: Epilogue) -> None:
    """Defines @contract."""
    walk = _Walk(b, form, epilogue)
    walk.pieces()
    b.ret()
    b.end_function()
