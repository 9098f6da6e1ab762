"""Convolutions by Winograd's transformations: windows of 3 x 3 that touch, of images with many channels.

They take 16 multiplications for what else takes 36. It is worth it where channels are many enough, both of the image
and of the result, that transforming patches and sums costs little, and patches many enough that transforming the
weights does. `suited` weighs that against the plain sum, and how to cut the work.

Elements that are infinite or NaN make all four results of a patch that they touch NaN, not only those whose windows
they lie in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ..base.target import Target
from .contract_epilogue import Epilogue
from .contract_tile import VECTORS, row_cycles, tall_rows, tile_heights
from .contract_windows import Dims, Windows
from .kernel import Kernel, Launch
from .text import Builder
from .winograd_kernel import RUN_WORDS, Form, write_winograd
from .winograd_parts import POINTS, TAPS, write_weights

SIZE = 4  # bytes of an element
FREE_MASKS = 64  # bytes of vectors whose masked loads cost what plain ones do
GAIN = 0.9  # it has to take less than this part of the plain sum's time
PLAIN = 0.85  # of the processor's peak that plain sums reach
PRODUCTS = 0.9  # and that the products here do
WEIGHT_CYCLES = 12.0  # to transform the weights of one channel for one row
PATCH_CYCLES = 45.0  # and a vector of patches of one channel,
RESULT_CYCLES = 60.0  # and a vector of sums of one row
STREAM_BYTES = 16.0  # of weights that arrive in a cycle
PIECE_CYCLES = 3000.0  # of a piece, whatever its size
L2_SHARE = 0.75  # of an L2 that patches and sums of a block fill, if they have more than one panel
ROW_PARTS = (1, 2, 4)
FEWEST = 8  # channels, of the image and of the result
MOST_VECTORS = 16  # of patches in a block
WEIGHT_BAND = 16  # rows of weights in a piece


class Image(NamedTuple):
    """Where patches lie, as `IMAGE_OPERANDS` says."""

    across: int
    down: int
    plane_step: int
    line_step: int
    corner: int
    top: int
    left: int
    height: int
    width: int


class Blocks(NamedTuple):
    """How the work is cut: rows of a piece, and vectors of patches."""

    rows: int
    vectors: int


@dataclass(frozen=True, slots=True)
class Weights:
    """Where the weights of all windows lie: steps from row to row, channel to channel, and of their lines and taps."""

    buf: int
    row: int
    channel: int
    line: int
    tap: int


def image_of(windows: Windows) -> Image | None:
    """Where the patches of such windows lie; None if they are others than 3 x 3 that touch."""
    return patches_of(windows, windows.rows, windows.lanes) if len(windows.lanes) == 2 else None


def patches_of(windows: Windows, taps: Dims, places: Dims) -> Image | None:
    """`image_of` with the dimensions of taps and channels, and of places along lines and columns."""
    if len(taps) != 3:
        return None
    (wide, tap), (tall, tap_line), (_, plane) = taps
    (width, step), (height, line) = places
    if (wide, tall) != (TAPS, TAPS) or step != 1 or abs(tap) != 1 or abs(tap_line) != line or plane <= 0:
        return None
    corner = windows.offset + sum((size - 1) * s for size, s in taps if s < 0)
    across, down = (width + 1) // 2, (height + 1) // 2
    if windows.border is None:
        reach = TAPS - 1
        return Image(across, down, plane, line, corner, 0, 0, height + reach, width + reach)
    border = windows.border
    whole_plane, whole_line = border.whole[1:]
    above = corner % whole_plane
    first, plane_step, line_step = (border.within(x) for x in (corner - above, plane, line))
    if first is None or plane_step is None or line_step is None or line != whole_line:
        return None
    top, left = above // whole_line - border.low[0], above % whole_line - border.low[1]
    return Image(across, down, plane_step, line_step, border.offset + first, top, left, *border.size)


def suited(dtype: str, rows: int, channels: int, images: int, size: tuple[int, int], target: Target) -> Blocks | None:
    """How to cut the convolution that makes `rows` channels of so many `images` of such a size; None for plain sums."""
    if dtype != "float32" or target.vector_bytes < FREE_MASKS:
        return None
    return _cut(int(rows), int(channels), int(images), int(size[0]), int(size[1]), target)


@lru_cache(maxsize=1024)
def _cut(rows: int, channels: int, images: int, height: int, width: int, target: Target) -> Blocks | None:
    """`suited` for numbers that are no more than that: what is weighed here leaves no conditions."""
    if min(rows, channels) < FEWEST:
        return None
    lanes, threads = target.lanes(SIZE), target.threads
    heights = tile_heights(target, finely=True)
    pixels = images * height * width
    plain = TAPS * TAPS * channels * row_cycles(rows, heights) * pixels / (lanes * VECTORS) / PLAIN / threads
    vectors = -(-images * ((height + 1) // 2) * ((width + 1) // 2) // lanes)
    best: tuple[float, Blocks] | None = None
    for parts in ROW_PARTS:
        tall = -(-rows // parts)
        row_cost = row_cycles(tall, heights)
        most = int(target.l2_bytes * L2_SHARE) // (POINTS * SIZE * lanes * (channels + tall))
        for count in range(1, max(VECTORS, min(MOST_VECTORS, most)) + 1):
            panels = count // VECTORS + (0.6 if count % VECTORS else 0.0)
            products = POINTS * channels * row_cost * panels / PRODUCTS
            streamed = POINTS * SIZE * tall * channels / STREAM_BYTES
            around = count * (PATCH_CYCLES * channels + RESULT_CYCLES * tall)
            pieces = -(-vectors // count) * parts
            cost = -(-pieces // threads) * (products + streamed + around + PIECE_CYCLES)
            if best is None or cost < best[0]:
                best = cost, Blocks(tall, count)
    assert best is not None
    whole = best[0] + WEIGHT_CYCLES * rows * channels / threads
    return best[1] if whole < GAIN * plain else None


def launches(
    image: Image, blocks: Blocks, weights: Weights, flipped: tuple[bool, bool], rows: int, channels: int, images: int,
    image_step: int, size: tuple[int, int], source: int, out: int, out_image: int, out_row: int,
    scratch: Callable[[int], int], epilogue: Epilogue, target: Target,
) -> list[Launch]:  # fmt: skip
    """The launches that transform the weights, `flipped` along lines and columns or not, and that do the rest.

    `size` are the lines and columns of the result, of which images and rows are `out_image` and `out_row` apart.
    """
    lanes = target.lanes(SIZE)
    heights = tile_heights(target, finely=True)
    pitch = -(-channels // lanes) * lanes + lanes
    point = rows * pitch + lanes
    transformed = scratch(POINTS * point * SIZE)
    steps, first = [weights.line, weights.tap], 0
    side_by_side = steps == [TAPS, 1] and flipped[0] == flipped[1]
    mode = ("turned" if flipped[0] else "taps") if side_by_side else "gather"
    if mode == "gather":
        first = sum((TAPS - 1) * step for step, turned in zip(steps, flipped) if turned)
        steps = [-step if turned else step for step, turned in zip(steps, flipped)]
    ops = [rows, channels, weights.row, weights.channel, *steps, first, pitch, point, WEIGHT_BAND]
    kernel = Kernel(f"winograd.weights.{mode}.{lanes}", "winograd_weights", lambda: _weights(lanes, mode))
    before = Launch(kernel, (weights.buf, transformed), tuple(ops), -(-rows // WEIGHT_BAND), 1)

    block = blocks.vectors * lanes
    form = Form("float", lanes, VECTORS, heights)
    panels = -(-blocks.vectors // VECTORS)
    panel = channels * form.width
    vpoint = panels * panel + lanes
    mpoint = (blocks.rows + 1) * block + lanes
    sums_at = POINTS * vpoint * SIZE
    lines_at = sums_at + POINTS * mpoint * SIZE
    runs_at = lines_at + 2 * 2 * block * SIZE
    worker = -(-(runs_at + RUN_WORDS * block * 8) // 64) * 64
    memory = scratch(worker * target.threads)
    patches, row_blocks = images * image.across * image.down, -(-rows // blocks.rows)
    fetched = -(-heights[0] // panels) * SIZE
    main = [
        rows, channels, patches, blocks.rows, block, row_blocks, pitch, point, tall_rows(blocks.rows, heights),
        fetched, mpoint, sums_at, lines_at, runs_at, worker, out_image, out_row, *size,
    ]  # fmt: skip
    main += [image.across, image.down, image_step, *image[2:], vpoint, panel]
    key = f"winograd.{form.key}.{epilogue.key}"
    kernel = Kernel(key, "winograd", lambda: write_winograd(form, epilogue), 1, form.parts)
    bufs = (transformed, source, out, memory, *epilogue.bufs)
    total = row_blocks * -(-patches // block)
    return [before, Launch(kernel, bufs, (*main, *epilogue.ops), total, 1)]


def _weights(lanes: int, mode: str) -> str:
    """The module of the kernel that transforms weights."""
    b = Builder()
    write_weights(b, lanes, mode)
    return b.module()
