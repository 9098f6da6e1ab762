"""Contractions: C[batch, m, n] = epilogue(sum over k of A[batch, m, k] * B[batch, k, n]), for any strides.

**Tiles.** The work is done by a register tile: `height` rows times two vectors of accumulators (14 x 32 floats with
AVX-512, 6 x 16 with AVX2). A step along k loads two vectors of the *vector operand* Q[k, lanes] and broadcasts `height`
elements of the *row operand* P[rows, k]. P is read in place whatever its strides are: broadcasting loads keep up with
the multipliers from L1 and L2, for contiguous rows, contiguous columns and anything else. What lies
farther away a tile fetches ahead for the tiles below it, a line with each step. Where lanes are few, the last of them
have a tile of one vector.

**Orientation.** Q must be contiguous along its lanes. Either P is A and Q is B, with lanes along n; or P is B
transposed and Q is A transposed, with lanes along m, and a finished tile is transposed on its way to the epilogue,
which always sees vectors along n. `_orient` takes what costs less: a linear layer's `x @ w.T` reads its large weight in
place as P, and the small x becomes Q.

**Packing.** Where Q is not contiguous along its lanes, or is large and reused, a worker first copies the block of Q it
needs into panels of one tile's width, in scratch memory of its own that stays in its L2. Nothing is shared, so a
contraction is one launch without barriers. Where P fits in an L2, a larger Q is read in place: it passes
by panel after panel, and the next one is fetched meanwhile.

**Blocks.** The parallel range counts blocks of C. A block is as wide as its packed Q fits in L2; along k it is cut only
where k is longer than `K_WHOLE`, and then the sums of the block wait in scratch memory. `_blocks` weighs balance
against packing and streaming P. A sum over k is always done by one worker.

**Windows.** The vector operand of a convolution is a view of more dimensions than two. Workers copy the lines of the
image that they need, and tiles read windows of them in place (`contract_slab`). Where rows of the result are short,
workers pack windows straight from where they lie (`contract_windows`). The lanes of small images are those of the whole
batch, and so are those of small matrices that are all multiplied by one. Of P, k may be two dimensions then: weights of
a channel have several taps. Tiles step over both; where the inner one is long, the sums wait in memory in between.
Windows of 3 x 3 that touch have kernels with fewer multiplications where channels are many (`winograd`).

**Other forms.** Matrix times vector is bound by memory and has loops of its own (`contract_vector`). A launch before
the contraction (`contract_prepare`) rewrites what tiles do not read well: 16-bit operands, and a P contiguous
along its rows whose columns are many, lie far apart or in one cache set.

Code depends on element type, orientation, how Q is packed and the epilogue; every size and stride is an operand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from ..base.target import Target
from . import winograd_choice
from .contract_common import ELEMENTS
from .contract_epilogue import Epilogue
from .contract_micro import Form, write_contraction
from .contract_prepare import OUTER_BLOCK, Rewrite, write_rewrite
from .contract_problem import Matrix, Problem
from .contract_slab import Slab, slab_of
from .contract_tile import VECTORS, row_cycles, tall_rows, tile_heights
from .contract_vector import LONGEST, VectorForm, write_vector
from .contract_windows import Windows
from .kernel import Kernel, Launch
from .text import BITS

FREE_MASKS = 64  # bytes of vectors whose masked loads cost what plain ones do
K_WHOLE = 2048  # a longer sum is cut
K_BLOCK = 512  # into blocks of about this length
SUMS_ROWS = 420  # rows of a block whose sums wait in memory
SUMS_PANELS = 8  # and its panels
FEW_LANES = 512  # images of no more places are taken together
FILLED = 0.95  # and matrices with one P, where their tiles would be filled less than this
LOWER = 0.95  # tiles are lower than they can be where that takes less than this part of the time
COPY_ROWS = 48  # contiguous Q is packed where at least this many rows share it
COPY_BYTES = 32 << 10  # it spans more than an L1
COPY_TRAFFIC = 24 << 20  # and the rows together read this much of it
PAGE = 4096  # lines so far apart share one set of an L1
WAYS = 8  # which holds so many of them
NARROW_PANELS = 16  # of no more panels the last one may be of one vector
STREAM_SHARE = 0.7  # of an L2 that P and a panel may fill where Q streams
STREAM_PANELS = 16  # panels of Q for each thread, at least
STREAM_RUNS = 24  # into about so many runs each thread's panels are cut
TURN_LANES = 128  # P contiguous along its rows is rewritten where this many lanes use it
TURN_BYTES = 1 << 20  # and it spans this much memory
PACK_CYCLES = {
    "": 0.0, "copy": 0.5, "transpose": 0.3, "gather": 2.0, "runs1": 0.3, "runs2": 0.6, "columns1": 0.5, "columns2": 0.7,
}  # for each float of Q  # fmt: skip
ROW_CYCLES = 20.0  # for each row of Q, which may lie in a page of its own
SLAB_SHARE = 0.6  # of an L2 that a slab may fill
SLAB_CYCLES = 0.4  # for each float of a slab
TURN_CYCLES = 1.0  # for each float of a P that is rewritten
L1_LINES = 512  # lines of an L1
FAR_CYCLES = 3.0  # for each step of a tile that reads P from a new line, out of more lines than an L1 has
PARALLEL_WORK = 1 << 19  # multiplications worth waking other threads
PARALLEL_ELEMENTS = 1 << 17  # of a matrix that is read for each of them
# The blocks that are weighed: into how many parts the rows are cut, and how many panels are side by side. Fewer for
# work so small
# that weighing them would take as long.
SMALL_WORK = 1 << 24
COARSE_PARTS, COARSE_WIDTHS = (1, 2, 4), (1, 4)
SLAB_ROWS, SLAB_PARTS = (1, 2, 4, 6, 8, 14, 16, 28, 32, 56, 112), (1, 2, 4)
FINE_PARTS, FINE_WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16, 32), (1, 2, 3, 4, 6, 8, 12, 16, 32, 64)


def contraction(
    dtype: str,
    batch: tuple[int, ...],
    m: int,
    n: int,
    k: int,
    a_strides: tuple[int, ...],
    b_strides: tuple[int, ...],
    c_strides: tuple[int, ...],
    a: int,
    b: int,
    c: int,
    scratch: Callable[[int], int],
    epilogue: Epilogue,
    target: Target,
    windows: Windows | None = None,
    outer: tuple[int, int] = (1, 0),
) -> list[Launch]:
    """The launches that compute C[*batch, m, n] = epilogue(A[*batch, m, k] @ B[*batch, k, n]).

    Strides are in elements, one per batch dimension and then row and column; C's column stride must be 1, or, with
    `windows`, its row stride: then the epilogue's rows and columns are C's columns and rows. `a`, `b`, `c`
    are buffer numbers; `scratch(nbytes)` gives the number of a temporary buffer, aligned to 64 bytes. A and B are of
    `dtype`, C is of the epilogue's. Where B is made of `windows`, of which `mode` is not empty, its strides count for
    the batch alone, and it is of 32 or 64 bits. Then k may be `outer[0]` parts, between which A steps by `outer[1]`.
    """
    if n > 1 and c_strides[-1] != 1 and (windows is None or c_strides[-2] != 1):
        raise ValueError(f"contraction: C must be contiguous along n, got strides {c_strides}")
    if not m or not n or 0 in batch:
        return []
    operands = [Matrix(buf, s[:-2], *s[-2:]) for buf, s in ((a, a_strides), (b, b_strides), (c, c_strides))]
    batch, operands = _merge_batch(batch, operands)
    if epilogue.folds:
        batch, m, operands = _fold_batch(batch, m, operands)
    p, q, out = operands
    problem = Problem(ELEMENTS[dtype], batch, m, n, k, p, q, out, transposed=False, windows=windows, outer=outer)
    if outer[0] > 1 and k // outer[0] < K_BLOCK:
        problem = replace(problem, inner=k // outer[0])
    if _is_ragged(problem, target):
        windows = Windows(((k, q.row),), ((n, q.col),))
        problem = replace(problem, windows=windows)
    if windows is not None:
        for way in (winograd_choice.launches, winograd_choice.weight_launches):
            if found := way(dtype, problem, scratch, epilogue, target):
                return found
    if windows is not None:
        if n > 1 and c_strides[-1] != 1:
            problem = replace(problem, c=out.turned, transposed=True)
        slab = slab_for(dtype, windows, target) if outer[0] == 1 or problem.inner else None
        if slab is None and windows.border is not None:
            raise ValueError("contraction: zeros around windows that are packed have to be in memory")
        problem = _fold_images(problem) if slab is None else replace(problem, slab=slab)
        problem, launches = _prepare(problem, scratch, target) if outer[0] == 1 else (problem, [])
        return [*launches, _launch(problem, scratch, epilogue, target)]
    if mode := _vector_mode(problem):
        return [_vector_launch(problem, mode, epilogue, target)]
    problem, launches = _prepare(_orient(problem, target), scratch, target)
    return [*launches, _launch(problem, scratch, epilogue, target)]


def _merge_batch(batch: tuple[int, ...], operands: list[Matrix]) -> tuple[tuple[int, ...], list[Matrix]]:
    """Drops batch dimensions of size 1 and joins neighbours that every operand walks through with one stride."""
    if not batch:
        return batch, operands
    sizes: list[int] = []
    kept: list[list[int]] = []
    for d, size in enumerate(batch):
        strides = [x.batch[d] for x in operands]
        if size == 1:
            continue
        if sizes and all(outer == inner * size for outer, inner in zip(kept[-1], strides)):
            sizes[-1] *= size
            kept[-1] = strides
        else:
            sizes.append(size)
            kept.append(strides)
    columns = list(zip(*kept)) if kept else [()] * len(operands)
    return tuple(sizes), [replace(x, batch=tuple(s)) for x, s in zip(operands, columns)]


def _fold_batch(batch: tuple[int, ...], m: int, operands: list[Matrix]) -> tuple[tuple[int, ...], int, list[Matrix]]:
    """Makes the innermost batch dimension part of m: its matrices share B, and A and C go on with the same stride."""
    if not batch or operands[1].batch[-1] != 0:
        return batch, m, operands
    rows = [x.batch[-1] if m == 1 else x.row for x in operands]
    if any(x.batch[-1] != m * row for x, row in zip(operands[::2], rows[::2])):
        return batch, m, operands
    rows[1] = operands[1].row
    return batch[:-1], m * batch[-1], [replace(x, batch=x.batch[:-1], row=row) for x, row in zip(operands, rows)]


def slab_for(dtype: str, windows: Windows, target: Target) -> Slab | None:
    """What tiles read such windows from in place, if they can: masks have to be free, and a slab must fit."""
    size = BITS[ELEMENTS[dtype]] // 8
    lanes = target.lanes(size)
    slab = slab_of(windows, lanes) if target.vector_bytes >= FREE_MASKS else None
    if slab is None or slab.elements(slab.rows_of(VECTORS * lanes, windows.lanes[1][0])) * size > _room(target):
        return None
    return slab


def _room(target: Target) -> float:
    """Bytes of a slab at most."""
    return target.l2_bytes * SLAB_SHARE


def _rows_at_once(problem: Problem, slab: Slab, lanes: int) -> int:
    """The most rows of an image that a block of so many lanes touches."""
    return slab.rows_of(lanes, problem.lanes // slab.row)


def _is_ragged(problem: Problem, target: Target) -> bool:
    """Whether the lanes of matrices with the same P fill their last tiles so badly that all become one's."""
    q, rows, lanes = problem.q, problem.rows, problem.lanes
    if problem.windows is not None or lanes > FEW_LANES or q.col != 1 or lanes == 1 or rows < COPY_ROWS:
        return False
    if len(problem.batch) != 1 or problem.p.batch[0] or BITS[problem.element] == 16:
        return False
    width = VECTORS * target.lanes(BITS[problem.element] // 8)
    return lanes / (-(-lanes // width) * width) < FILLED


def _fold_images(problem: Problem) -> Problem:
    """Makes a batch of small images one of many lanes: tiles are full, and P is read for all images at once."""
    p, q, c, windows, lanes = problem.p, problem.q, problem.c, problem.windows, problem.lanes
    if windows is None or lanes > FEW_LANES or len(problem.batch) != 1 or p.batch[0]:
        return problem
    (count,), (apart,) = problem.batch, c.batch
    if problem.transposed and apart != lanes * c.row:
        return problem
    windows = replace(windows, lanes=(*windows.lanes, (count, q.batch[0])))
    p, q, c = (replace(x, batch=()) for x in (p, q, c))
    image = (lanes, 0 if problem.transposed else apart)
    return replace(problem, batch=(), lanes=count * lanes, p=p, q=q, c=c, windows=windows, image=image)


def _records(batch: tuple[int, ...], *operands: Matrix) -> list[int]:
    """Size and strides of each batch dimension, the innermost first."""
    return [word for record in reversed(list(zip(batch, *(x.batch for x in operands)))) for word in record]


def _is_parallel(problem: Problem, target: Target) -> bool:
    work = problem.batches * problem.rows * problem.lanes * (problem.k + 8)
    return target.threads > 1 and work >= PARALLEL_WORK


def _matrix_vector(problem: Problem) -> tuple[Matrix, Matrix, int]:
    """A contraction with one row or one lane as P[rows, k] q[k]: P, q as a row, and the number of rows."""
    if problem.rows == 1:
        return problem.q.turned, problem.p, problem.lanes
    return problem.p, problem.q.turned, problem.rows


def _vector_mode(problem: Problem) -> str:
    """How `contract_vector` computes a problem with one row or one lane; `` where it does not."""
    if 1 not in (problem.rows, problem.lanes):
        return ""
    matrix, q, rows = _matrix_vector(problem)
    if matrix.col == 1 and q.col == 1:
        return "dot"
    return "axpy" if matrix.row == 1 or rows == 1 else ""


def _vector_launch(problem: Problem, mode: str, epilogue: Epilogue, target: Target) -> Launch:
    """Sizes and strides in the order of `contract_vector.OPERANDS`."""
    matrix, q, rows = _matrix_vector(problem)
    form = VectorForm(mode, problem.element, target.lanes(max(BITS[problem.element] // 8, 4)), problem.rows == 1)
    kernel = Kernel(f"matvec.{form.key}.{epilogue.key}", "matvec", lambda: write_vector(form, epilogue), level=1)
    parallel = target.threads > 1 and problem.batches * rows * problem.k >= PARALLEL_ELEMENTS
    parts = target.threads if parallel else 1
    row_block = min(LONGEST, -(-rows // (64 * parts)) * 64)
    row_blocks = -(-rows // row_block)
    ops = [rows, problem.k, row_block, row_blocks, matrix.row, matrix.col, q.col, problem.c.row]
    ops += [len(problem.batch), *epilogue.ops, *_records(problem.batch, matrix, q, problem.c)]
    total = problem.batches * row_blocks
    bufs = (matrix.buf, q.buf, problem.c.buf, *epilogue.bufs)
    return Launch(kernel, bufs, tuple(ops), total, 1 if parallel else total)


def _prepare(problem: Problem, scratch: Callable[[int], int], target: Target) -> tuple[Problem, list[Launch]]:
    """Rewrites the operands that tiles cannot read in place, or should not."""
    if BITS[problem.element] == 16:
        return _widen(problem, scratch, target)
    if not _is_turned(problem):
        return problem, []
    k = problem.k
    p, launch = _rewrite(problem, problem.p, problem.rows, k, k, "turn", problem.element, scratch, target)
    return replace(problem, p=p), [launch]


def _is_far(problem: Problem) -> bool:
    """P is contiguous along its rows, and tiles would read it k by k over a large memory, or out of one cache set."""
    p, size = problem.p, BITS[problem.element] // 8
    apart = abs(p.col) * size
    return p.row == 1 and p.col != 1 and (problem.k * apart >= TURN_BYTES or (problem.k > WAYS and apart % PAGE == 0))


def _has_many_lines(problem: Problem) -> bool:
    """P is contiguous along its rows, and a tile would read it out of more lines than an L1 has."""
    return problem.p.row == 1 and problem.p.col != 1 and problem.k > L1_LINES


def _is_turned(problem: Problem) -> bool:
    """A P that tiles would read from far away is rewritten where enough lanes use it."""
    return problem.lanes >= TURN_LANES and (_is_far(problem) or _has_many_lines(problem))


def _widen(problem: Problem, scratch: Callable[[int], int], target: Target) -> tuple[Problem, list[Launch]]:
    """16-bit operands as float, or as pairs along k where the processor multiplies those."""
    p, q, k = problem.p, problem.q.turned, problem.k
    if not k:
        return replace(problem, element="float"), []
    pairs = problem.element == "bfloat" and target.has_bf16_dot and 1 in (p.row, p.col) and 1 in (q.row, q.col)
    result, length = ("i32", (k + 1) // 2) if pairs else ("float", k)
    if _is_turned(problem):
        p, launch = _rewrite(problem, p, problem.rows, length, length, "turn", result, scratch, target)
        first = [launch]
    else:
        p, first = _widen_operand(problem, p, problem.rows, length, result, scratch, target)
    q, second = _widen_operand(problem, q, problem.lanes, length, result, scratch, target)
    return replace(problem, element=result, k=length, p=p, q=q.turned), first + second


def _widen_operand(
    problem: Problem, x: Matrix, rows: int, k: int, result: str, scratch: Callable[[int], int], target: Target
) -> tuple[Matrix, list[Launch]]:
    """x[rows, k] in elements of type `result`, contiguous along the dimension that it is contiguous along."""
    pairs = result == "i32"
    if x.col == 1:
        if pairs and problem.k % 2 == 0 and not any(s % 2 for s in (x.row, *x.batch)):
            return replace(x, row=x.row // 2, batch=tuple(s // 2 for s in x.batch)), []
        x, launch = _rewrite(problem, x, rows, k, problem.k if pairs else k, "copy", result, scratch, target)
    elif x.row == 1:
        mode = "weave" if pairs else "copy"
        x, launch = _rewrite(problem, x.turned, k, rows, rows, mode, result, scratch, target)
        x = x.turned
    else:
        x, launch = _rewrite(problem, x, rows, k, k, "gather", result, scratch, target)
    return x, [launch]


def _rewrite(
    problem: Problem,
    x: Matrix,
    outer: int,
    width: int,
    inner: int,
    mode: str,
    result: str,
    scratch: Callable[[int], int],
    target: Target,
) -> tuple[Matrix, Launch]:
    """A launch that writes x[batch, outer, inner] in lines of at least `width` elements; and the operand it makes."""
    lanes = target.lanes(BITS[result] // 8)
    form = Rewrite(mode, "i16" if result == "i32" else problem.element, result, lanes)
    kernel = Kernel(f"prepare.{form.key}", "prepare", lambda: write_rewrite(form), level=1)
    pitch = -(-width // lanes) * lanes
    pitch += lanes if pitch * BITS[result] // 8 % PAGE == 0 else 0  # rows a page apart would share cache sets
    shared = [i for i, s in enumerate(x.batch) if s == 0]
    sizes = [1 if i in shared else size for i, size in enumerate(problem.batch)]
    strides, count = [0] * len(sizes), 1
    for i in reversed(range(len(sizes))):
        strides[i] = 0 if i in shared else count * outer * pitch
        count *= sizes[i]
    blocks = -(-outer // OUTER_BLOCK)
    ops = [outer, inner, blocks, x.row, x.col, problem.k, pitch, len(sizes)]
    ops += _records(tuple(sizes), x)
    buf = scratch(count * outer * pitch * BITS[result] // 8)
    total = count * blocks
    parallel = target.threads > 1 and count * outer * width >= PARALLEL_WORK // 32
    launch = Launch(kernel, (x.buf, buf), tuple(ops), total, 1 if parallel else total)
    return Matrix(buf, tuple(strides), pitch, 1), launch


@lru_cache(maxsize=4096)
def _tiling(rows: int, heights: tuple[int, ...]) -> tuple[float, int]:
    """The cycles of so many rows and the height of their tallest tiles: a lower one where that fills them better."""
    best = row_cycles(rows, heights), heights[0]
    for i in range(1, len(heights)):
        cycles = row_cycles(rows, heights[i:])
        if cycles < LOWER * best[0]:
            best = cycles, heights[i]
    return best


def _packing(problem: Problem, target: Target) -> str:
    """How a worker copies Q: `copy`, `transpose`, `gather`, a mode of windows, or `` for not at all."""
    if problem.slab is not None:
        return problem.slab.mode
    if problem.windows is not None:
        return problem.windows.mode
    q = problem.q
    if q.col == 1 or problem.lanes == 1:
        span = problem.k * abs(q.row) * BITS[problem.element] // 8
        shared = problem.rows >= COPY_ROWS and span > COPY_BYTES and problem.rows * span >= COPY_TRAFFIC
        return "copy" if shared and not _streams(problem, target) else ""
    return "transpose" if q.row == 1 and problem.k > 1 else "gather"


def _streams(problem: Problem, target: Target) -> bool:
    """Whether P stays in an L2 while a Q that is larger than that passes by, one panel after the other.

    Each panel is fetched while the one before it is used. Rows of Q must not share a few sets of the cache.
    """
    size = BITS[problem.element] // 8
    apart, width = abs(problem.q.row) * size, VECTORS * target.lanes(size)
    if problem.lanes < STREAM_PANELS * target.threads * width or problem.rows < COPY_ROWS or problem.q.col != 1:
        return False
    if not apart % (PAGE // 4):
        return False
    kept = (problem.rows + width) * problem.k * size
    large = problem.k * problem.lanes * size > target.l2_bytes
    return large and problem.k <= K_WHOLE and kept <= STREAM_SHARE * target.l2_bytes


def _orient(problem: Problem, target: Target) -> Problem:
    """The cheaper of the two ways to see the product; a small one leaves the plain way only where that gains much.

    The time small products save is less than that of compiling the code for both ways.
    """
    other = Problem(
        problem.element,
        problem.batch,
        problem.lanes,
        problem.rows,
        problem.k,
        problem.q.turned,
        problem.p.turned,
        problem.c,
        True,
    )
    gain = 1.0 if _is_parallel(problem, target) else 0.75
    return other if _cycles(other, target) < gain * _cycles(problem, target) else problem


def _cycles(problem: Problem, target: Target) -> float:
    """About how many cycles one matrix takes on one core, to compare orientations."""
    size = BITS[problem.element] // 8
    form = _form(problem, target)
    panels = _panels(problem.lanes, form)
    steps = _tiling(int(problem.rows), form.heights)[0]
    turned = TURN_CYCLES * problem.k * problem.rows if _is_turned(problem) else 0.0
    if not turned and (_is_far(problem) or _has_many_lines(problem)):
        steps += FAR_CYCLES * -(-problem.rows // form.heights[0])
    tiles = panels * problem.k * steps
    pack = PACK_CYCLES[form.pack] * problem.k * problem.lanes
    out = problem.rows * problem.lanes * (0.6 if problem.transposed and problem.rows > 1 else 0.25)
    return tiles + (pack + turned + out) * size / 4


def _form(problem: Problem, target: Target) -> Form:
    """The code a problem needs."""
    pack = _packing(problem, target)
    return _form_of(
        problem.element, problem.transposed, pack, problem.inner > 0, _narrows(problem, pack, target), target
    )


def _narrows(problem: Problem, pack: str, target: Target) -> bool:
    """Whether tiles of one vector are worth their code: images have odd sizes, and matrices few panels."""
    if problem.windows is not None:
        return pack.startswith(("runs", "slab"))
    return problem.lanes < NARROW_PANELS * VECTORS * target.lanes(BITS[problem.element] // 8)


def _panels(lanes: int, form: Form) -> float:
    """How many panels so many lanes are; one of them may be narrow."""
    return -(-lanes // form.lanes) / VECTORS if form.narrows else -(-lanes // form.width)


@lru_cache(maxsize=256)
def _form_of(element: str, transposed: bool, pack: str, in_parts: bool, narrows: bool, target: Target) -> Form:
    heights = tile_heights(target, finely=pack.startswith("slab"))
    return Form(element, target.lanes(BITS[element] // 8), VECTORS, heights, transposed, pack, in_parts, narrows)


_kernels: dict[tuple[Form, str], Kernel] = {}


def _launch(problem: Problem, scratch: Callable[[int], int], epilogue: Epilogue, target: Target) -> Launch:
    """Sizes and strides in the order of `contract_micro.OPERANDS`."""
    form = _form(problem, target)
    kernel = _kernels.get((form, epilogue.key))
    if kernel is None:
        key = f"contract.{form.key}.{epilogue.key}"
        kernel = Kernel(key, "contract", lambda: write_contraction(form, epilogue), 1, form.parts)
        _kernels[form, epilogue.key] = kernel
    parts, apart = (1, problem.outer[1]) if problem.inner else problem.outer
    k = problem.k // parts
    whole = k <= K_WHOLE or problem.slab is not None
    k_block = max(1, k if whole else -(-k // -(-k // K_BLOCK)))
    k_block = -(-k_block // problem.inner) * problem.inner if problem.inner else k_block
    parallel = _is_parallel(problem, target)
    row_block, lane_block = _blocks(problem, form, k_block, target, target.threads if parallel else 1)
    row_blocks, lane_blocks = -(-problem.rows // row_block), -(-problem.lanes // lane_block)
    depth = -(-k_block // form.lanes) * form.lanes
    packed = lane_block * depth * form.size if form.pack else 0
    window_ops = problem.windows.ops if problem.windows is not None else []
    if problem.slab is not None:
        at_once = _rows_at_once(problem, problem.slab, lane_block)
        packed, window_ops = -(-problem.slab.elements(at_once) // 16) * 16 * form.size, problem.slab.ops(at_once)
    sums_step = form.tile_bytes if k_block < problem.k else 0
    tallest = _tallest(problem, form, row_block)
    across = -(-lane_block // form.width)
    sums = sums_step * _most_tiles(row_block, tallest) * across
    table = -(-k_block // 8) * 64 if problem.windows is not None else 0
    worker_bytes = packed + sums + table
    memory = scratch(worker_bytes * target.threads) if worker_bytes else problem.c.buf
    ops = [
        problem.rows,
        problem.lanes,
        k,
        parts,
        apart,
        problem.inner,
        row_block,
        lane_block,
        k_block,
        row_blocks,
        lane_blocks,
    ]
    ops += [problem.p.row, problem.p.col, problem.q.row, problem.q.col, problem.c.row]
    # The tiles beside each other together fetch the rows of P below them, which lie behind each other.
    fetched = -(-tallest // across) * form.size if problem.p.col == 1 else 0
    tall = tall_rows(row_block, form.heights) if problem.slab is not None else row_block
    ops += [depth, tallest, tall, fetched, worker_bytes, packed, sums_step, packed + sums]
    ops += [problem.image[0] or problem.lanes, problem.image[1], len(problem.batch), *epilogue.ops]
    ops += _records(problem.batch, problem.p, problem.q, problem.c)
    ops += window_ops
    total = problem.batches * row_blocks * lane_blocks
    bufs = (problem.p.buf, problem.q.buf, problem.c.buf, memory, *epilogue.bufs)
    # Panels that stream come one after the other, as each asks for the next one.
    run = total // (target.threads * STREAM_RUNS) if not form.pack and _streams(problem, target) else 1
    return Launch(kernel, bufs, tuple(ops), total, max(1, run) if parallel else total)


def _tallest(problem: Problem, form: Form, rows: int) -> int:
    """The height of tiles: a lower one where it fills the rows of a block better, or where rows of P lie whole pages
    apart, and so share one set of the L1 cache.
    """
    apart = problem.p.row * form.size
    height = form.heights[0] if problem.slab is not None else _tiling(int(rows), form.heights)[1]
    return min(height, 8) if apart and apart % PAGE == 0 else height


def _most_tiles(rows: int, tallest: int) -> int:
    """The most tiles above each other that up to so many rows take: tall ones and `tallest // 4 + 1` others."""
    return rows // tallest + tallest // 4 + 1


def _blocks(problem: Problem, form: Form, k_block: int, target: Target, threads: int) -> tuple[int, int]:
    """Rows and lanes of a block of C: what makes the last worker finish first by a simple model of a piece's cost.

    The packed Q of a block fills half of an L2.
    """
    panels = -(-problem.lanes // form.width)
    if problem.slab is not None:
        return _slab_blocks(problem, problem.slab, form, target, threads)
    if not form.pack and _streams(problem, target):
        return problem.rows, form.width
    widest = max(1, target.l2_bytes // 2 // (k_block * form.width * form.size)) if form.pack else panels
    tallest = problem.rows
    if k_block < problem.k:
        tallest, widest = min(tallest, SUMS_ROWS), min(widest, SUMS_PANELS)
    if threads == 1:
        return tallest, min(panels, widest) * form.width
    width, size, height, batches, k = form.width, form.size, form.heights[0], problem.batches, problem.k
    most = _panels(problem.lanes, form)
    pack = width * PACK_CYCLES[form.pack] * size / 4
    apart = ROW_CYCLES if form.pack == "copy" else 0.0
    best: tuple[float, int, int] | None = None
    small = batches * problem.rows * problem.lanes * k < SMALL_WORK
    parts, widths = (COARSE_PARTS, COARSE_WIDTHS) if small else (FINE_PARTS, FINE_WIDTHS)
    talls = {min(tallest, -(-problem.rows // (n * height)) * height) for n in parts}
    if problem.windows is None and problem.rows >= threads * height:  # windows cost too much for each thread to pack
        talls.add(min(tallest, -(-problem.rows // threads)))
    wides: set[float] = {min(panels, widest, n) for n in widths} | {min(panels, widest)}
    if not form.pack:
        wides.add(_panels(-(-problem.lanes // (threads * form.lanes)) * form.lanes, form))
    options = [(-(-problem.lanes // int(wide * width)), min(wide, most), int(wide * width)) for wide in wides]
    widest_option = min(options)
    for tall in talls:
        tiles = k * (_tiling(int(tall), form.heights)[0] + pack)
        streamed = k * (tall * size / 16 + apart) + 300  # P arrives from L3, Q row by row
        rounds, left = divmod(batches * -(-problem.rows // tall), threads)
        if not left:  # each thread has as many blocks of each width
            across, _, lane_block = widest_option
            cost = rounds * (tiles * most + across * streamed)
            if best is None or cost < best[0]:
                best = (cost, tall, lane_block)
            continue
        rows = rounds * threads + left
        for across, wide, lane_block in options:
            cost = -(-rows * across // threads) * (tiles * wide + streamed)
            if best is None or cost < best[0]:
                best = (cost, tall, lane_block)
    assert best is not None
    fair = -(-problem.rows // -(-problem.rows // best[1]))
    return min(best[1], fair), best[2]


def _slab_blocks(problem: Problem, slab: Slab, form: Form, target: Target, threads: int) -> tuple[int, int]:
    """Rows and lanes of a block whose lanes read a slab, which is of whole lines."""
    width, size, height, rows, k = form.width, form.size, form.heights[0], problem.rows, problem.k
    best: tuple[float, int, int] | None = None
    for count in SLAB_ROWS:
        wide = -(-min(count * slab.row, problem.lanes) // width)
        elements = slab.elements(_rows_at_once(problem, slab, wide * width))
        if best is not None and elements * size > _room(target):
            break
        for parts in SLAB_PARTS:
            tall = min(rows, -(-rows // (parts * height)) * height)
            pieces = problem.batches * -(-rows // tall) * -(-problem.lanes // (wide * width))
            tiles = wide * k * row_cycles(int(tall), form.heights)
            streamed = k * tall * size / 16  # P arrives from L3
            cost = -(-pieces // threads) * (tiles + streamed + SLAB_CYCLES * elements + 3 * k + 300)
            if best is None or cost < best[0]:
                best = (cost, tall, wide)
    assert best is not None
    return best[1], best[2] * width
