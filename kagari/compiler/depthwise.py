"""Convolution of each channel alone, and its gradients: launches of the kernels that compute them.

    output    y[n, c, p] = sum over i of x[n, c, p * stride + i * dilation - low] w[c, i]
    input     x from y and w: for each phase of the stride its own taps, the results put between each other
    weight    w from x and y

There is no matrix in it: each weight meets one element of each window, so what counts is how often memory is read.
Bands of rows are copied into lines with zeros around them (`depthwise_parts`), where each worker finds them again in
its first-level cache, or are read in place where that is as fast. Output and input are one kernel (`depthwise_slide`),
the weight another (`depthwise_weight`); while they compute, both fetch what comes next.

Code depends on the number of taps, stride, dilation and dtype; every size and stride in memory is an operand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..base.target import Target
from ..ir.graph import LONGEST_TAPS
from . import depthwise_slide, depthwise_weight
from .contract_common import ELEMENTS
from .depthwise_parts import Axis
from .epilogue import BodyEpilogue
from .kernel import Kernel, Launch
from .serial import Placed

WIDE = 64  # bytes of vectors of which masked loads cost little more than others
LINES_BYTES = 24 << 10  # of the lines of a band, which stay in an L1 with the rows they come from
PARALLEL_WORK = 1 << 16  # products worth waking other threads
PIECES = 8  # for each thread, where there are as many

Ints = Sequence[int]


@dataclass(frozen=True, slots=True)
class Shapes:
    """The sizes of an image, of the weights of a channel, and of what they make of it, along both dimensions."""

    source: tuple[int, int]
    taps: tuple[int, int]
    result: tuple[int, int]


def _fixed(n: int, most: int) -> int:
    """A number that code depends on, as one that does not depend on sizes."""
    return next(i for i in range(most + 1) if n == i)


def _up(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple


def _axes(taps: Ints, stride: Ints, low: Ints, dilation: Ints, inverse: bool) -> list[Axis]:
    return [
        Axis(_fixed(k, LONGEST_TAPS), s, d, _fixed(a % s, s), inverse)
        for k, s, d, a in zip(taps, stride, dilation, low)
    ]


def _lines(op: dict[str, int], axis: Axis, low: int, width: int, places: int, lanes: int) -> None:
    """Which columns of the source lines hold, and how long they are; `places` of the result are computed."""
    planes = 1 if axis.inverse else axis.stride
    origin = axis.origin(low)
    first = low // planes if planes > 1 else max(0, -origin)
    op["skipped"] = max(0, origin)
    op["kept"] = max(0, width - op["skipped"])
    op["first"] = first
    copied = first + 1 + _up(-(-op["kept"] // planes), lanes)
    # Of a second plane the copied elements begin one earlier, where the zeros before them are no whole step.
    early = int(planes > 1 and axis.rest > 0)
    op["shift"] = -(op["first"] + early) % lanes
    op["pitch"] = _up(max(copied, places + axis.reach // planes), lanes) + early
    op["line"] = _up(op["pitch"] * planes, lanes)


def _band(lines_bytes: int, axis: Axis, places: int, height: int, line: int) -> int:
    """Places of a band: as many as lines fit for, in whole tiles."""
    fit = (lines_bytes // line - axis.reach - 1) // axis.step + 1
    return min(max(height, _up(places, height)), max(height, fit // height * height))


def _strides(op: dict[str, int], name: str, place: Placed, names: str) -> None:
    for dim, stride in zip(names.split(), place.strides):
        op[f"{name}_{dim}"] = stride
    op[f"{name}_at"] = place.offset


def _grain(total: int, work: int, target: Target) -> int:
    parallel = target.threads > 1 and work >= PARALLEL_WORK
    return max(1, total // (PIECES * target.threads)) if parallel else max(1, total)


def slide_launch(
    part: str,
    source: Placed,
    weight: Placed,
    out: Placed,
    stride: Ints,
    low: Ints,
    dilation: Ints,
    epilogue: BodyEpilogue,
    target: Target,
    temp: Callable[[int], int],
) -> Launch:
    """The `output`, or the `input`, which is contiguous along its rows; none of them is empty."""
    down, across = _axes(weight.shape[1:], stride, low, dilation, part == "input")
    images, channels, rows, cols = out.shape
    size, lanes = source.dtype.itemsize, target.lanes(source.dtype.itemsize)
    across_places, places = -(-cols // across.phases), -(-rows // down.phases)
    height, vectors = _tile(across_places, down, across, lanes, target)
    beside = bool(source.strides[3] == 1 or source.shape[3] == 1)
    direct = beside and (part == "input" or across.stride == 1) and target.vector_bytes == WIDE
    masked = _masked(across, source, cols, across.origin(low[1]), vectors, lanes) if direct else None
    form = depthwise_slide.Form(
        ELEMENTS[source.dtype.name], lanes, target.vector_registers, down, across, height, vectors, beside, direct,
        masked,
    )  # fmt: skip
    op: dict[str, int] = {"channels": channels, "rows": rows, "cols": cols, "places": places}
    _lines(op, across, low[1], source.shape[3], _up(across_places, vectors * lanes), lanes)
    op["band"] = _band(LINES_BYTES, down, places, height, op["line"] * size)
    op["bands"] = -(-places // op["band"])
    op["source_rows"], op["source_cols"] = source.shape[2:]
    op["origin"], op["left"] = down.origin(low[0]), across.origin(low[1])
    _strides(op, "source", source, "image channel row col")
    _strides(op, "weight", weight, "channel row col")
    _strides(op, "out", out, "image channel row")
    rows_held = (op["band"] - 1) * down.step + down.reach + 1
    op["ahead"] = source.strides[1] if op["bands"] == 1 else op["band"] * down.step * source.strides[2]
    op["ahead_out"] = out.strides[1] if op["bands"] == 1 else op["band"] * down.phases * out.strides[2]
    op["held"] = rows_held * op["line"]
    if direct:
        op["line"] = _up(_up(cols, vectors * lanes) + across.reach + 1, lanes)
        op["held"] = op["line"] * (1 if masked is None else 2)
    op["worker"] = _up(form.taps, lanes) + op["held"] + lanes
    memory = temp(op["worker"] * size * target.threads)
    total = images * channels * op["bands"]
    steps = [step * view.dtype.itemsize for view in epilogue.loads for step in view.strides[:2]]
    key = f"depthwise.{form.key}.{epilogue.key}"
    kernel = Kernel(key, "depthwise", lambda: depthwise_slide.write_slide(form, epilogue))
    ops = (*(op[name] for name in depthwise_slide.OPERANDS), *epilogue.ops, *steps)
    bufs = (source.number, weight.number, out.number, memory, *epilogue.bufs)
    return Launch(kernel, bufs, ops, total, _grain(total, images * channels * rows * cols * form.taps, target))


def _masked(across: Axis, source: Placed, cols: int, left: int, vectors: int, lanes: int) -> tuple[int, ...] | None:
    """Which vectors of a row, by how far behind a tile's first column they begin, need a mask at the ends of the row.

    What others read beyond the row's end is of no use to a result that is stored. It lies in the next row, so that is
    as long, and of the last row there is a copy. None where that is not so, and all vectors need masks.
    """
    width, ends = vectors * lanes, source.shape[3]
    beyond = _up(cols, width) + left + across.reach - ends
    if across.phases > 1 or across.step > 1 or beyond > ends or source.strides[2] < ends:
        return None
    shifts = [j * across.dilation for j in range(across.taps)]
    found = {v + shift for v in range(0, width, lanes) for shift in shifts if v + shift < -left}
    for first in range(0, cols, lanes):  # of the results in a vector, whose last one needs the elements up to
        last = min(first + lanes, cols) - 1 + left
        found |= {first % width + shift for shift in shifts if last + shift >= ends}
    return tuple(sorted(found))


def _tile(places: int, down: Axis, across: Axis, lanes: int, target: Target) -> tuple[int, int]:
    """How many places along the height a tile has, and how many vectors: its sums take half of the registers."""
    sums = target.vector_registers // 2 // (down.phases * across.phases)
    vectors = 1 if places <= lanes or sums < 4 else 2
    return max(1, min(sums // vectors, 7)), vectors


def weight_launch(
    source: Placed,
    slope: Placed,
    out: Placed,
    stride: Ints,
    low: Ints,
    dilation: Ints,
    target: Target,
    temp: Callable[[int], int],
) -> Launch:
    """The `weight`: of input and output, one image at least of each of which is not empty, or of no images."""
    down, across = _axes(out.shape[1:], stride, low, dilation, False)
    images, channels, rows, cols = slope.shape
    size, lanes = source.dtype.itemsize, target.lanes(source.dtype.itemsize)
    height = 4
    together = max(1, min(across.taps, (target.vector_registers - height - 2) // down.taps))
    beside = [bool(x.strides[3] == 1 or x.shape[3] == 1) for x in (source, slope)]
    form = depthwise_weight.Form(
        ELEMENTS[source.dtype.name], lanes, down, across, height, together, (beside[0], beside[1])
    )
    op: dict[str, int] = {"images": images, "rows": rows, "cols": cols}
    _lines(op, across, low[1], source.shape[3], _up(cols, lanes), lanes)
    op["slope_pitch"] = _up(cols, lanes)
    line = (op["line"] * down.step + op["slope_pitch"]) * size // down.step
    op["band"] = _band(LINES_BYTES, down, rows, height, line)
    op["bands"] = -(-rows // op["band"])
    op["source_rows"], op["origin"] = source.shape[2], down.origin(low[0])
    _strides(op, "source", source, "image channel row col")
    _strides(op, "slope", slope, "image channel row col")
    _strides(op, "weight", out, "channel row col")
    rows_held = (op["band"] - 1) * down.step + down.reach + 1
    op["slopes_at"] = down.taps * across.taps * lanes + rows_held * op["line"] + lanes
    op["worker"] = op["slopes_at"] + op["band"] * op["slope_pitch"]
    memory = temp(op["worker"] * size * target.threads)
    kernel = Kernel(f"depthwise_weight.{form.key}", "depthwise_weight", lambda: depthwise_weight.write_weight(form))
    ops = tuple(op[name] for name in depthwise_weight.OPERANDS)
    bufs = (source.number, slope.number, out.number, memory)
    work = images * channels * rows * cols * down.taps * across.taps
    return Launch(kernel, bufs, ops, channels, _grain(channels, work, target))
