"""The gradient of a convolution's weights by Winograd's transformations, of windows of 3 x 3 that touch.

With patches d of four by four elements and gradients y of the two by two results of each it is
G^T [(A y A^T) * (B^T d B)] G, summed over all patches of all images: each of the 16 points is a matrix product that
sums over patches.

Work is cut into blocks of rows and channels, and where these are few, into parts of the patches whose sums are added
afterwards. A worker transforms some patches of a block at a time and adds their products to the block's sums, which a
second launch transforms into weights.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from ..base.target import Target
from . import winograd
from .contract_epilogue import Epilogue
from .contract_tile import VECTORS, row_cycles, tall_rows, tile_heights
from .contract_windows import Windows
from .kernel import Kernel, Launch, Part
from .winograd import SIZE, Image
from .winograd_kernel import Form
from .winograd_parts import POINTS, TAPS
from .winograd_weight_kernel import functions, write_sums, write_taps

TURN_CYCLES = 60.0  # to turn a vector of patches of one channel
SPREAD_CYCLES = 60.0  # to transform a vector of gradients of results of one row
SUM_CYCLES = 4.0  # to read and write a vector of sums
ROW_BLOCKS, CHANNEL_BLOCKS = (16, 32, 64, 128, 256), (16, 32, 64, 128)
DEPTHS = (16, 32, 48, 64, 96, 128)
TAP_BAND = 4  # rows of weights in a piece


class Blocks(NamedTuple):
    """How the work is cut: rows and channels of a piece, parts of the patches, and how many at a time."""

    rows: int
    channels: int
    parts: int
    depth: int


class Results(NamedTuple):
    """Where gradients of results lie: steps in elements, and their number along lines and columns."""

    buf: int
    image_step: int
    plane_step: int
    size: tuple[int, int]


def image_of(windows: Windows) -> Image | None:
    """Where the patches of windows lie over which gradients of weights sum; None if they are not 3 x 3 that touch."""
    if len(windows.rows) not in (2, 3) or any(step < 0 for _, step in windows.lanes):
        return None
    return winograd.patches_of(windows, windows.lanes, windows.rows[:2])


def suited(dtype: str, rows: int, channels: int, images: int, size: tuple[int, int], target: Target) -> Blocks | None:
    """How to cut the gradient of rows x channels x 3 x 3 weights over so many images; None for plain sums."""
    if dtype != "float32" or target.vector_bytes < winograd.FREE_MASKS:
        return None
    return _cut(int(rows), int(channels), int(images), int(size[0]), int(size[1]), target)


@lru_cache(maxsize=1024)
def _cut(rows: int, channels: int, images: int, height: int, width: int, target: Target) -> Blocks | None:
    """`suited` for numbers that are no more than that: what is weighed here leaves no conditions."""
    if min(rows, channels) < winograd.FEWEST:
        return None
    lanes, threads = target.lanes(SIZE), target.threads
    heights = tile_heights(target, finely=True)
    panels = -(-TAPS * TAPS * channels // (lanes * VECTORS))
    plain = images * height * width * row_cycles(rows, heights) * panels / winograd.PLAIN / threads
    vectors = -(-images * ((height + 1) // 2) * ((width + 1) // 2) // lanes)
    best: tuple[float, Blocks] | None = None
    for parts in {1, min(threads, vectors)}:
        share = -(-vectors // parts)
        for tall in {min(n, rows) for n in ROW_BLOCKS} | {rows}:
            row_cost = row_cycles(tall, heights)
            for wide in {min(n, channels) for n in CHANNEL_BLOCKS}:
                across = -(-wide // lanes) / VECTORS
                pieces = parts * -(-rows // tall) * -(-channels // wide)
                products = POINTS * share * lanes * row_cost * across / winograd.PRODUCTS
                around = share * ((winograd.PATCH_CYCLES + TURN_CYCLES) * wide + SPREAD_CYCLES * tall)
                for depth in DEPTHS:
                    held = POINTS * SIZE * (depth * (tall + wide) + tall * wide)
                    if held > winograd.L2_SHARE * target.l2_bytes:
                        continue
                    added = SUM_CYCLES * POINTS * tall * wide / lanes * -(-share * lanes // depth)
                    cost = -(-pieces // threads) * (products + around + added + winograd.PIECE_CYCLES)
                    if best is None or cost < best[0]:
                        best = cost, Blocks(tall + tall % 2, wide, parts, depth)
    assert best is not None
    blocks = best[1]
    whole = best[0] + SUM_CYCLES * rows * channels * (POINTS * blocks.parts + TAPS * TAPS) / lanes / threads
    return blocks if whole < winograd.GAIN * plain else None


def launches(
    image: Image, blocks: Blocks, rows: int, channels: int, images: int, image_step: int, source: int,
    results: Results, out: int, out_row: int, scratch: Callable[[int], int], epilogue: Epilogue, target: Target,
) -> list[Launch]:  # fmt: skip
    """The launches that sum up all points, and that make weights of them."""
    lanes = target.lanes(SIZE)
    form = Form("float", lanes, VECTORS, tile_heights(target, finely=True))
    patches = images * image.across * image.down
    part = -(-patches // (blocks.parts * lanes)) * lanes
    pitch = -(-channels // lanes) * lanes
    point_sums = (rows + 1) * pitch + lanes
    part_sums = POINTS * point_sums
    sums = scratch(blocks.parts * part_sums * SIZE)
    panel = blocks.depth * form.width
    point = -(-blocks.channels // form.width) * panel + lanes
    step = blocks.depth + lanes  # from row to row of the transformed gradients
    point_results = blocks.rows * step + lanes
    results_at = POINTS * point * SIZE
    room_at = results_at + POINTS * point_results * SIZE
    worker = room_at + POINTS * lanes * lanes * SIZE
    memory = scratch(worker * target.threads)
    row_blocks, channel_blocks = -(-rows // blocks.rows), -(-channels // blocks.channels)
    ops = [
        rows, channels, patches, part, blocks.depth, blocks.rows, blocks.channels, row_blocks, channel_blocks, pitch,
        point_sums, part_sums, tall_rows(blocks.rows, form.heights), results_at, room_at, worker,
    ]  # fmt: skip
    ops += [image.across, image.down, image_step, *image[2:], point, panel]
    height, width = results.size
    ops += [image.across, image.down, results.image_step, results.plane_step, width, 0, 0, 0, height, width]
    ops += [point_results, step]
    parts = (*form.tile_parts, *(Part(name, (name,), write) for name, write in functions(form)))
    kernel = Kernel(f"winograd.sums.{form.key}", "winograd_sums", lambda: write_sums(form), 1, parts)
    bufs, total = (results.buf, source, sums, memory), blocks.parts * row_blocks * channel_blocks
    first = Launch(kernel, bufs, tuple(ops), total, 1)

    line = (pitch * TAPS * TAPS + lanes) * SIZE
    lines = scratch(line * target.threads)
    ops = [rows, channels, blocks.parts, pitch, point_sums, part_sums, out_row, TAP_BAND, line, *epilogue.ops]
    key = f"winograd.taps.{lanes}.{epilogue.key}"
    kernel = Kernel(key, "winograd_taps", lambda: write_taps(lanes, epilogue))
    last = Launch(kernel, (sums, out, lines, *epilogue.bufs), tuple(ops), -(-rows // TAP_BAND), 1)
    return [first, last]
