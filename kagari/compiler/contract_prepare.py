"""A launch that rewrites one operand of a contraction: in another element type, or contiguous along k.

16-bit operands become float, or, for processors with a bfloat16 dot product, 32-bit pairs of neighbours along k. An
operand whose rows are read k by k over a large memory becomes contiguous along k, which touches fewer pages at a time.
The result is dense: out[batch, outer, inner], inner padded to whole vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

from .contract_common import batch_bases
from .contract_epilogue import convert, fetch
from .contract_pack import quad, shuffle, transpose
from .text import BITS, Builder, Val, vector

OUTER_BLOCK = 64  # outer indices of one piece of the parallel range

OPERANDS = (
    "outer",
    "inner",  # elements of the result; of the source where the mode is `copy` and the types pair up
    "blocks",  # pieces of one matrix
    "step_outer",  # of the source, in elements
    "step_inner",
    "limit",  # k of the source, where pairs are made
    "pitch",  # elements from one outer index of the result to the next
    "batch_rank",  # number of batch dimensions; (size, stride) of each follow, innermost first
)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What the code of a rewriting kernel depends on.

    `mode` is `copy` for a source contiguous along inner, `turn` for one contiguous along outer, `gather` for any, and
    `weave` for pairs from a source contiguous along inner whose pairs lie along outer. `lanes` are those of the result.
    """

    mode: str
    source: str
    result: str
    lanes: int

    @property
    def pairs(self) -> bool:
        return self.result == "i32"

    @property
    def key(self) -> str:
        return f"{self.mode}.{self.source}.{self.result}.{self.lanes}"


def write_rewrite(form: Rewrite) -> str:
    """The module of one rewriting kernel, `prepare`; bufs are the source and the result."""
    b = Builder()
    bufs, ops, _, begin, end, _, _ = b.begin_function("prepare")
    source, result = (b.load(b.gep(bufs, b.int(i), "ptr"), "ptr") for i in (0, 1))
    op = {name: b.load(b.gep(ops, b.int(i), "i64"), "i64") for i, name in enumerate(OPERANDS)}
    with b.loop(begin, end) as piece:
        batch = b.binary("udiv", piece, op["blocks"])
        first = b.mul(b.binary("urem", piece, op["blocks"]), b.int(OUTER_BLOCK))
        stop = b.intrinsic("smin", "i64", op["outer"], b.add(first, b.int(OUTER_BLOCK)))
        records = b.gep(ops, b.int(len(OPERANDS)), "i64")
        (src,) = batch_bases(b, op["batch_rank"], records, batch, [source], [form.source])
        dst = b.gep(result, b.mul(b.mul(batch, op["outer"]), op["pitch"]), form.result)
        if form.mode == "turn":
            _turn(b, form, op, src, dst, first, stop)
        else:
            with b.loop(first, stop) as o:
                line = b.gep(dst, b.mul(o, op["pitch"]), form.result)
                {"copy": _copy, "weave": _weave, "gather": _gather}[form.mode](b, form, op, src, line, o)
    b.ret()
    b.end_function()
    return b.module()


def _copy(b: Builder, form: Rewrite, op: dict[str, Val], src: Val, line: Val, o: Val) -> None:
    """One line, contiguous in both; pairs are what lies side by side already."""
    row = b.gep(src, b.mul(o, op["step_outer"]), form.source)
    lanes = 2 * form.lanes if form.pairs else form.lanes
    result = form.source if form.pairs else form.result
    with b.loop(b.int(0), op["inner"], lanes) as i:
        mask = b.lane_mask(i, op["inner"], lanes)
        x = fetch(b, b.gep(row, i, form.source), vector(lanes, form.source), mask)
        b.store(convert(b, x, result), b.gep(line, i, result))


def _weave(b: Builder, form: Rewrite, op: dict[str, Val], src: Val, line: Val, o: Val) -> None:
    """One line of pairs from two lines of the source; a missing second line counts as zeros."""
    k = b.add(o, o)
    row = b.gep(src, b.mul(k, op["step_outer"]), form.source)
    below = b.gep(row, op["step_outer"], form.source)
    both = b.icmp("slt", b.add(k, b.int(1)), op["limit"])
    step, ty = 2 * form.lanes, vector(2 * form.lanes, "i16")
    whole = b.select(both, b.binary("and", op["inner"], b.int(-step)), b.int(0))
    with b.loop(b.int(0), whole, step) as i:
        x, y = (b.load(b.gep(at, i, form.source), ty) for at in (row, below))
        for half in (0, form.lanes):
            picks = [half + j + z for j in range(form.lanes) for z in (0, step)]
            b.store(shuffle(b, x, y, picks), b.gep(line, b.add(i, b.int(half)), form.result))
    exists = b.splat(both, form.lanes)
    with b.loop(whole, op["inner"], form.lanes) as i:
        mask = b.lane_mask(i, op["inner"], form.lanes)
        x = _pairs(b, form.lanes, b.gep(row, i, form.source), b.gep(below, i, form.source), mask, exists)
        b.store(x, b.gep(line, i, form.result))


def _pairs(b: Builder, lanes: int, low: Val, high: Val, mask: Val, exists: Val) -> Val:
    """Two vectors of 16-bit elements, combined lane by lane."""
    halves = [
        b.cast("zext", b.masked_load(at, on, vector(lanes, "i16")), vector(lanes, "i32"))
        for at, on in ((low, mask), (high, b.binary("and", mask, exists)))
    ]
    return b.binary("or", halves[0], b.binary("shl", halves[1], b.int(16, halves[1].type)))


def _gather(b: Builder, form: Rewrite, op: dict[str, Val], src: Val, line: Val, o: Val) -> None:
    """One line, element by element."""
    row = b.gep(src, b.mul(o, op["step_outer"]), form.source)
    with b.loop(b.int(0), op["inner"]) as i:
        x = b.load(b.gep(row, b.mul(i, op["step_inner"]), form.source), form.source)
        b.store(convert(b, x, form.result), b.gep(line, i, form.result))


def _turn(b: Builder, form: Rewrite, op: dict[str, Val], src: Val, dst: Val, first: Val, stop: Val) -> None:
    """Lines first..stop from a source that is contiguous along outer: squares of `lanes` x `quad` are transposed.

    Rows of the source lie far apart, where no processor fetches ahead by itself: each square asks for a part of those
    below.
    """
    q = quad(form.lanes)
    depth = 2 * form.lanes if form.pairs else form.lanes  # rows of a square
    share = -(-depth * q // OUTER_BLOCK)
    with b.loop(b.int(0), op["inner"], form.lanes) as i:
        below = b.mul(b.add(i, b.int(form.lanes)), b.int(depth // form.lanes))
        ahead = b.var("ptr", b.gep(src, b.add(b.mul(below, op["step_inner"]), first), form.source))
        with b.loop(first, stop, q) as o:
            for _ in range(share):
                row = b.get(ahead, "ptr")
                for line in range(0, OUTER_BLOCK, 64 // (BITS[form.source] // 8)):
                    b.prefetch(b.gep(row, b.int(line), form.source))
                b.set(ahead, b.gep(row, op["step_inner"], form.source))
            mask = b.lane_mask(o, stop, q)
            rows = [_turn_row(b, form, op, src, b.add(i, b.int(r)), o, mask) for r in range(form.lanes)]
            for j, x in enumerate(transpose(b, rows)):
                at = b.add(o, b.int(j))
                with b.when(b.icmp("slt", at, stop)):
                    b.store(x, b.gep(dst, b.add(b.mul(at, op["pitch"]), i), form.result))


def _turn_row(b: Builder, form: Rewrite, op: dict[str, Val], src: Val, i: Val, o: Val, mask: Val) -> Val:
    """result[o : o + q, i] before it is transposed; inner indices that do not exist repeat the last one."""
    i = b.intrinsic("smin", "i64", i, b.sub(op["inner"], b.int(1)))
    if not form.pairs:
        at = b.gep(src, b.add(b.mul(i, op["step_inner"]), o), form.source)
        return convert(b, fetch(b, at, vector(mask.lanes, form.source), mask), form.result)
    k = b.add(i, i)
    at = b.gep(src, b.add(b.mul(k, op["step_inner"]), o), form.source)
    exists = b.splat(b.icmp("slt", b.add(k, b.int(1)), op["limit"]), mask.lanes)
    return _pairs(b, mask.lanes, at, b.gep(at, op["step_inner"], form.source), mask, exists)
