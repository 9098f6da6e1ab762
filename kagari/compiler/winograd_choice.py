"""Which contractions of windows are computed by Winograd's way, and their launches."""

from __future__ import annotations

from collections.abc import Callable

from ..base.target import Target
from . import winograd, winograd_weight
from .contract_epilogue import Epilogue
from .contract_problem import Problem
from .contract_windows import Windows
from .kernel import Launch


def suits(dtype: str, windows: Windows, rows: int, images: int, target: Target) -> bool:
    """Whether a convolution of so many images, whose factors are one matrix of so many rows, is done by Winograd's way.

    Or the gradient of its weights, where windows are those of all images.
    """
    if winograd_weight.image_of(windows) is not None:
        (width, _), (height, _) = windows.rows[:2]
        images = windows.rows[2][0] if len(windows.rows) == 3 else 1
        return winograd_weight.suited(dtype, rows, windows.lanes[2][0], images, (height, width), target) is not None
    if winograd.image_of(windows) is None:
        return False
    (width, _), (height, _) = windows.lanes
    return winograd.suited(dtype, rows, windows.rows[2][0], images, (height, width), target) is not None


def launches(
    dtype: str, problem: Problem, scratch: Callable[[int], int], epilogue: Epilogue, target: Target
) -> list[Launch]:
    """The launches of a convolution that fewer multiplications do; none where that is not worth it."""
    windows, p, q, c = problem.windows, problem.p, problem.q, problem.c
    assert windows is not None
    image = winograd.image_of(windows)
    if image is None or len(problem.batch) > 1 or any(p.batch) or (c.col != 1 and problem.lanes > 1):
        return []
    (width, _), (height, _) = windows.lanes
    (_, tap), (_, tap_line), (channels, _) = windows.rows
    images, rows = problem.batches, problem.rows
    blocks = winograd.suited(dtype, rows, channels, images, (height, width), target)
    if blocks is None:
        return []
    parts, apart = problem.outer
    line, channel = 3 * p.col, 9 * p.col
    if parts > 1:
        line, channel = (line, apart) if parts == channels else (apart, 3 * apart)
    step, out_step = (x.batch[0] if x.batch else 0 for x in (q, c))
    return winograd.launches(
        image, blocks, winograd.Weights(p.buf, p.row, channel, line, p.col), (tap_line < 0, tap < 0), rows, channels,
        images, step, (height, width), q.buf, c.buf, out_step, c.row, scratch, epilogue, target,
    )  # fmt: skip


def weight_launches(
    dtype: str, problem: Problem, scratch: Callable[[int], int], epilogue: Epilogue, target: Target
) -> list[Launch]:
    """The launches of a gradient of weights that fewer multiplications do; none where that is not worth it."""
    windows, p, q, c = problem.windows, problem.p, problem.q, problem.c
    assert windows is not None
    image = winograd_weight.image_of(windows)
    if image is None or problem.batch or p.col != 1 or c.col != 1:
        return []
    (width, _), (height, _) = windows.rows[:2]
    images, step = windows.rows[2] if len(windows.rows) == 3 else (1, 0)
    channels, (parts, apart) = windows.lanes[2][0], problem.outer
    blocks = winograd_weight.suited(dtype, problem.rows, channels, images, (height, width), target)
    if blocks is None or parts not in (1, images):
        return []
    apart = apart if parts > 1 else height * width
    if windows.border is not None:
        inside = windows.border.within(step)
        if inside is None:
            return []
        step = inside
    results = winograd_weight.Results(p.buf, apart, p.row, (height, width))
    return winograd_weight.launches(
        image, blocks, problem.rows, channels, images, step, q.buf, results, c.buf, c.row, scratch, epilogue, target
    )
