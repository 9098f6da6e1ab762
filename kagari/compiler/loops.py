"""Loop kernels: an outer parallel space and, inside it, a sequence of loops over a row that stays in cache.

`bind` fixes a body at the sizes and strides of one call. It drops dimensions of size 1, joins those that lie behind
each other, and picks the dimension that is vectorised:

    element-wise   no reduced dimension: the vector runs along the last dimension of the result
    row            the vector runs along a reduced dimension: one accumulator for each lane, joined at the end of the
    row
    column         the vector runs along a kept dimension: a block of columns is accumulated side by side

What remains is a `Nest`: tags, stride classes and dtypes, and that alone is what code depends on. Sizes and strides are
operands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..base.dtypes import accumulate, dtype
from ..base.layout import is_contiguous
from ..base.target import Target
from .body import Body, Node
from .kernel import Kernel, Launch
from .loop_frame import TILE, Nest
from .loop_reductions import WIDEST
from .loop_writer import write_nest

# Elements below which a second thread costs more than it brings, for plain bodies, and for each heavy value of others.
GRAIN, HEAVY_GRAIN = 16384, 4096
# A row longer than this, where there are too few rows for the threads, is cut into pieces that are joined by a second
# kernel.
PIECE = 32768
# A vector along fewer elements than this is mostly empty.
SHORT = 8
# More bytes than the last-level cache holds: what is written goes past the caches.
STREAMED = 40 << 20


@dataclass(slots=True)
class View:
    """Where an access or an output finds its elements:

    buffer number, element offset and a stride for each dimension. Where it has elements only in ranges of some
    dimensions, there are zeros around them: `inside` has the dimension, a name that equal ranges share, first and end.
    """

    buf: int
    offset: int
    strides: tuple[int, ...]
    dtype: dtype
    gather_stride: int = 0
    inside: tuple[tuple[int, object, int, int], ...] = ()

    @property
    def turned(self) -> View:
        """The same elements with the last two dimensions exchanged."""
        return replace(self, strides=(*self.strides[:-2], self.strides[-1], self.strides[-2]))


def bind(
    body: Body,
    shape: tuple[int, ...],
    loads: list[View],
    stores: list[View],
    sizes: list[int],
    target: Target,
    scratch: Callable[[int, dtype], int],
) -> list[Launch]:
    """The launches of a body at the given sizes. Strides of loads and stores are over all dimensions of the space."""
    reduced = body.space[1]
    if not _count(tuple(n for d, n in enumerate(shape) if d not in reduced)):
        return []
    views = loads + stores
    ranges = {name: (d, first, end) for v in loads for d, name, first, end in v.inside}
    flat = None if reduced or ranges else _flat(views, stores[0].strides)
    if flat is not None and is_contiguous(shape, stores[0].strides) and not body.has_iota:
        return [_flat_launch(body, _count(shape), flat, views, len(loads), sizes, target)]
    order = _order(shape, reduced, views, stores, body)
    indexed = [*_iota_dims(body), *(d for d, _, _ in ranges.values())]
    dims, strides, places = _collapse(shape, reduced, order, [v.strides for v in views], indexed)
    vec = _vector_dim(dims, strides[: len(loads)], all(not body.nodes[r].whole for r in body.roots))
    sizes_of = [n for n, _ in dims]
    tags = "".join("r" if r else "o" for _, r in dims)
    tile = None if ranges else _tile_dim(tags, sizes_of, vec, strides[: len(loads)])
    columns = "r" in tags and tags[vec] == "o"
    lanes = _lanes(body, target, sizes_of[vec] if columns else None)
    width = _width(columns, sizes_of, vec, strides[: len(loads)], body, lanes, target)
    total = _range(tags, sizes_of, vec, width)
    if tile is not None:
        total = total // sizes_of[tile] * -(-sizes_of[tile] // TILE) * -(-sizes_of[vec] // TILE)
    pieces = _pieces(tags, sizes_of, vec, total, width, body, target)
    names = sorted({v.buf for v in views})
    number = {b: i for i, b in enumerate(names)}
    classes = tuple(_classes(row, vec, tile) for row in strides)
    nest = Nest(
        body=body,
        tags=tags,
        vec=vec,
        classes=classes,
        dtypes=tuple(v.dtype for v in views),
        loads=len(loads),
        bufs=tuple(number[v.buf] for v in views),
        iotas=tuple(places[: len(places) - len(ranges)]),
        ranges=tuple(places[len(places) - len(ranges) :]),
        inside=tuple(tuple([list(ranges).index(name) for _, name, _, _ in v.inside]) for v in views),
        block=lanes,
        split=pieces > 1,
        vector_bytes=target.vector_bytes,
        tile=tile,
        far=tile is not None and _count(tuple(sizes_of)) * sum(v.dtype.itemsize for v in views) > target.l2_bytes,
        wide=width > lanes,
        stream=tags == "o" and _streams(sizes_of[0], views, len(loads)),
    )
    ops = [*sizes_of]
    for view, row, cls in zip(views, strides, classes):
        ops.append(view.offset)
        ops += [s for s, c in zip(row, cls) if c == "s"]
        ops += [view.gather_stride]
    ops += sizes
    for _, first, end in ranges.values():
        ops += [first, end]
    if nest.wide:
        ops.append(width)
    if pieces > 1:
        return _split(nest, sizes_of, strides, pieces, total, ops, views, sizes, names, target, scratch)
    grain = _grain(body, total, _count(tuple(sizes_of)) // max(1, total), target)
    if total == 1 or (tags == "o" and grain % 64):
        grain = (grain + 63) & ~63
    return [Launch(_kernel(nest), tuple(names), tuple(ops), total, grain)]


_flat_kernels: dict[tuple[object, ...], tuple[Kernel, tuple[int, ...], int]] = {}


def _flat_launch(
    body: Body, n: int, flat: list[tuple[int, ...]], views: list[View], loads: int, sizes: list[int], target: Target
) -> Launch:
    """The launch of an element-wise kernel over one dimension. What it depends on but its size is looked up at once."""
    stream = _streams(n, views, loads)
    short = (body.key, tuple(flat), tuple([(v.buf, v.dtype) for v in views]), stream, target)
    found = _flat_kernels.get(short)
    if found is None:
        names = sorted({v.buf for v in views})
        block = _lanes(body, target)
        nest = Nest(
            body=body,
            tags="o",
            vec=0,
            classes=tuple(_classes(row, 0, None) for row in flat),
            dtypes=tuple(v.dtype for v in views),
            loads=loads,
            bufs=tuple(names.index(v.buf) for v in views),
            iotas=(),
            block=block,
            split=False,
            vector_bytes=target.vector_bytes,
            stream=stream,
        )
        found = _flat_kernels[short] = (_kernel(nest), tuple(names), block)
    ops = [n]
    for v in views:
        ops += (v.offset, v.gather_stride)
    grain = (_grain(body, n, 1, target) + 63) & ~63
    return Launch(found[0], found[1], (*ops, *sizes), n, grain)


def _streams(n: int, views: list[View], loads: int) -> bool:
    """Whether an element-wise kernel over n elements moves more than the caches hold, and writes memory of its own."""
    if n * sum([v.dtype.itemsize for v in views]) <= STREAMED:
        return False
    read = {v.buf for v in views[:loads]}
    return all(v.offset == 0 and v.buf not in read for v in views[loads:])


def _flat(views: list[View], strides: tuple[int, ...]) -> list[tuple[int, ...]] | None:
    """The strides of an element-wise kernel over one dimension, where every view is one number or goes through memory
    in one way.

    That way is row-major without gaps or sizes of 1, the commonest case; None for all others.
    """
    result: list[tuple[int, ...]] = []
    for v in views:
        if v.strides == strides:
            result.append((1,))
        elif any(v.strides):
            return None
        else:
            result.append((0,))
    return result


def _classes(row: tuple[int, ...], vec: int, tile: int | None) -> tuple[str, ...]:
    """For each dimension how a view steps:

    `0` not at all, `1` and `2` by so many along the vector, `t` by one along the tile, else `s`.
    """
    transposed = tile is not None and row[tile] == 1 and row[vec] not in (0, 1)
    return tuple(
        "0" if s == 0 else str(s) if s in (1, 2) and d == vec else "t" if transposed and d == tile else "s"
        for d, s in enumerate(row)
    )


def _tile_dim(tags: str, sizes: list[int], vec: int, strides: list[tuple[int, ...]]) -> int | None:
    """The dimension along which an element-wise kernel reads contiguously while it writes along another one."""
    if "r" in tags or sizes[vec] < 8:
        return None
    for row in strides:
        for d, s in enumerate(row):
            if s == 1 and d != vec and sizes[d] >= 8 and row[vec] not in (0, 1):
                return d
    return None


_kernels: dict[tuple[object, ...], Kernel] = {}


def _kernel(nest: Nest) -> Kernel:
    """The kernel of a nest; its key as text is made once."""
    short = (
        nest.body.key,
        nest.tags,
        nest.vec,
        nest.classes,
        nest.dtypes,
        nest.bufs,
        nest.iotas,
        nest.block,
        nest.split,
        nest.tile,
        nest.far,
        nest.stream,
        nest.wide,
        nest.ranges,
        nest.inside,
    )
    found = _kernels.get(short)
    if found is None:
        found = _kernels[short] = Kernel(nest.key(), "loop", lambda: write_nest(nest, "loop"), 1)
    return found


def _count(sizes: tuple[int, ...]) -> int:
    n = 1
    for s in sizes:
        n *= s
    return n


def _iota_dims(body: Body) -> list[int]:
    reduced = body.space[1]
    outer = [d for d in range(len(body.space[0])) if d not in reduced]
    return [n.extra if n.whole else outer[n.extra] for n in body.nodes if n.op == "iota"]


def _order(
    shape: tuple[int, ...], reduced: tuple[int, ...], views: list[View], stores: list[View], body: Body
) -> list[int]:
    """Kept dimensions first, by falling stride of what is written; reduced ones by falling stride of what is read."""
    kept = [d for d in range(len(shape)) if d not in reduced]
    writes = max(stores, key=lambda v: sum(1 for s in v.strides if s))
    kept.sort(key=lambda d: -abs(writes.strides[d]))
    if not reduced:
        return kept
    reads = max(views, key=lambda v: sum(1 for s in v.strides if s))
    return kept + sorted(reduced, key=lambda d: -abs(reads.strides[d]))


def _collapse(
    shape: tuple[int, ...],
    reduced: tuple[int, ...],
    order: list[int],
    strides: list[tuple[int, ...]],
    indexed: list[int],
) -> tuple[list[tuple[int, bool]], list[tuple[int, ...]], list[int]]:
    """Dimensions without those of size 1, neighbours joined where every view allows it:

    (size, reduced), strides, where those are whose index counts.
    """
    dims: list[list[int]] = []  # size, reduced, last original dimension
    columns: list[list[int]] = []
    place: dict[int, int] = {}
    for d in order:
        n, r = shape[d], int(d in reduced)
        if n == 1:
            continue
        mine = [s[d] for s in strides]
        joins = dims and dims[-1][1] == r and d not in indexed and dims[-1][2] not in indexed
        if joins and all(a == n * s for a, s in zip(columns[-1], mine)):
            dims[-1][0] *= n
            dims[-1][2] = d
            columns[-1] = mine
            continue
        place[d] = len(dims)
        dims.append([n, r, d])
        columns.append(mine)
    # A symbol may turn out to be 1, as the number of windows that show an element: a reduction still needs its loop.
    if not any(r for _, r, _ in dims) if reduced else not dims:
        dims.append([1, int(bool(reduced)), -1])
        columns.append([0] * len(strides))
    rows = [tuple(c[i] for c in columns) for i in range(len(strides))]
    return [(n, bool(r)) for n, r, _ in dims], rows, [place.get(d, -1) for d in indexed]


def _vector_dim(dims: list[tuple[int, bool]], loads: list[tuple[int, ...]], spaced: bool) -> int:
    """The dimension that most of what is read steps through by one element; among equals the last one.

    Where `spaced`, steps by two count for half, as windows two apart make them. Without a reduction it is the last one,
    along which results are contiguous, unless that is shorter than a vector.
    """
    if not any(r for _, r in dims) and dims[-1][0] >= SHORT:
        return len(dims) - 1
    sizes = tuple(n for n, _ in dims)
    best, most = len(dims) - 1, 0
    for d, n in enumerate(sizes):
        read = 0
        for row in loads:
            if row[d] == 1 or (spaced and row[d] == 2):
                read += _count(tuple(m for m, s in zip(sizes, row) if s)) * (2 if row[d] == 1 else 1)
        if read * min(n, 64) >= most > 0 or (read and not most):
            best, most = d, read * min(n, 64)
    return best


def _lanes(body: Body, target: Target, columns: int | None = None) -> int:
    """Lanes of the main loop: a few registers' worth for light bodies, so that loads and arithmetic overlap.

    No more than so many columns need where these are reduced side by side: what is left over is done at once, too.
    """
    size = max((4, *(n.dtype.itemsize for n in body.nodes if n.op in ("load", "gather"))))
    registers = 2 if body.heavy or len(body.nodes) > 12 else 4
    while columns is not None and registers > 1 and columns <= target.vector_bytes // size * (registers // 2):
        registers //= 2
    return target.vector_bytes // size * registers


def _width(
    columns: bool, sizes: list[int], vec: int, loads: list[tuple[int, ...]], body: Body, lanes: int, target: Target
) -> int:
    """The columns of a block of the column form; more than the lanes of a vector where they can wait in memory."""
    if not columns:
        return lanes
    plain = not any(n.level > 1 or (n.whole and n.level) or n.op.startswith("arg") for n in body.nodes)
    rows = not any(body.nodes[r].whole for r in body.roots)
    if sizes[vec] < 4 * lanes or not (plain and rows) or all(row[vec] != 1 for row in loads):
        return lanes
    blocks = max(-(-sizes[vec] // WIDEST), min(2 * target.threads, sizes[vec] // (4 * lanes)))
    return -(-sizes[vec] // (blocks * lanes)) * lanes


def _range(tags: str, sizes: list[int], vec: int, width: int) -> int:
    """The parallel range."""
    if tags == "o":
        return sizes[0]
    total = _count(tuple(n for d, n in enumerate(sizes) if tags[d] == "o" and d != vec))
    return total * -(-sizes[vec] // width) if tags[vec] == "o" and "r" in tags else total


def _grain(body: Body, total: int, each: int, target: Target) -> int:
    """Indices of the range worth a thread's while: `each` elements lie behind one index."""
    least = HEAVY_GRAIN // body.heavy if body.heavy else GRAIN
    if total * max(1, each) <= 2 * least or target.threads == 1:
        return max(1, total)
    fair = -(-total // (target.threads * 2))
    return max(1, min(-(-total // target.threads), max(fair, least // max(1, each))))


def _pieces(tags: str, sizes: list[int], vec: int, total: int, width: int, body: Body, target: Target) -> int:
    """Into how many pieces the first reduced dimension is cut; 1 where the rows are enough for the threads."""
    if "r" not in tags or total >= 2 * target.threads or target.threads == 1:
        return 1
    first = tags.index("r")
    inner = _count(tuple(n for d, n in enumerate(sizes) if tags[d] == "r" and d != first))
    inner *= min(sizes[vec], width) if tags[vec] == "o" else 1
    pieces = sizes[first] * inner // PIECE
    simple = all(n.level <= 1 and not (n.whole and n.level) and not n.op.startswith("arg") for n in body.nodes)
    simple = simple and not any(n.op == "iota" and not n.whole for n in body.nodes)
    roots = all(body.nodes[r].level == 1 for r in body.roots)
    return min(pieces, 64, sizes[first]) if simple and roots and pieces > 1 else 1


def _split(
    nest: Nest,
    sizes_of: list[int],
    strides: list[tuple[int, ...]],
    pieces: int,
    total: int,
    ops: list[int],
    views: list[View],
    sizes: list[int],
    names: list[int],
    target: Target,
    scratch: Callable[[int, dtype], int],
) -> list[Launch]:
    """Two kernels: each piece of the rows is reduced on its own, then the pieces are joined and the results finished.

    The partial results lie as [pieces, rows].
    """
    body, tags = nest.body, nest.tags
    first = tags.index("r")
    length = -(-sizes_of[first] // pieces)
    pieces = -(-sizes_of[first] // length)
    outer = [n for n, tag in zip(sizes_of, tags) if tag == "o"]
    count = _count(tuple(outer))
    reductions = [i for i, n in enumerate(body.nodes) if n.op.startswith("reduce")]
    partial = [scratch(pieces * count, body.nodes[i].dtype) for i in reductions]
    nest.partial = tuple(range(len(names), len(names) + len(partial)))
    reduce_pieces = Launch(_kernel(nest), (*names, *partial), (*ops, length, count, pieces), total * pieces, 1)

    joined, loads = _joining(body, reductions)
    keep = [d for d, tag in enumerate(tags) if tag == "o"]
    steps = tuple(_count(tuple(outer[d + 1 :])) for d in range(len(outer)))
    seen = [View(p, 0, (*steps, count), accumulate(body.nodes[i].dtype)) for p, i in zip(partial, reductions)]
    others = [*loads, *range(nest.loads, len(views))]
    for i in others:
        view = views[i]
        seen.append(View(view.buf, view.offset, (*(strides[i][d] for d in keep), 0), view.dtype, view.gather_stride))
    split_at = len(reductions) + len(loads)
    shape = (*outer, pieces)
    joined.space = (shape, (len(outer),))
    return [reduce_pieces, *bind(joined, shape, seen[:split_at], seen[split_at:], sizes, target, scratch)]


def _joining(body: Body, reductions: list[int]) -> tuple[Body, list[int]]:
    """The body that reduces the partial results and goes on as the whole one did;

    and which of the old accesses it loads.
    """
    result = Body(body.space, sizes=body.sizes)
    wanted: set[int] = set()
    stack = list(body.roots)
    while stack:
        i = stack.pop()
        if i not in wanted:
            wanted.add(i)
            stack.extend(() if i in reductions else body.nodes[i].args)
    number: dict[int, int] = {}
    loads: list[int] = []
    for i in sorted(wanted):
        node = body.nodes[i]
        if i in reductions:
            result.nodes.append(Node("load", (), accumulate(node.dtype), extra=reductions.index(i)))
            result.nodes.append(Node(node.op, (len(result.nodes) - 1,), node.dtype, level=1, whole=False))
        else:
            extra = node.extra
            if node.op in ("load", "gather"):
                loads.append(node.extra)
                extra = len(reductions) + len(loads) - 1
            args = tuple(number[a] for a in node.args)
            result.nodes.append(Node(node.op, args, node.dtype, extra, node.value, node.level, node.whole))
        number[i] = len(result.nodes) - 1
    result.roots = [number[r] for r in body.roots]
    result.write_key()
    return result, loads
