"""Random index expressions, legal and not, read and written, against the oracle: 5,000 of them.

An expression is drawn as text, so that a failure says what to type: `x[1:, [0, 2], None] = 3`.
"""

from __future__ import annotations

import random
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari

COUNT, CHUNKS = 5000, 20
SHAPES = ((5,), (3, 4), (2, 3, 4), (4, 1, 3), (2, 0, 3), ())
VIEWS = ("x", "x", "x", "x.transpose(0, -1)", "x[..., None]", "x.expand(2, *x.shape)")


def number(draw: random.Random, size: int) -> int:
    """An index along a dimension, one in twenty out of range."""
    return draw.randint(-size, size - 1) if size and draw.random() < 0.95 else draw.choice((size, -size - 1))


def numbers(draw: random.Random, size: int, count: int) -> list[int]:
    return [draw.randint(-size, size - 1) if size and draw.random() < 0.99 else size for _ in range(count)]


def a_slice(draw: random.Random, size: int) -> str:
    ends = [str(draw.randint(-size - 2, size + 2)) if draw.random() < 0.6 else "" for _ in range(2)]
    step = draw.choice(("", "", ":1", ":2", ":3", ":-1" if draw.random() < 0.1 else ""))
    return f"{ends[0]}:{ends[1]}{step}"


def an_array(draw: random.Random, size: int, count: int) -> str:
    """Indices as a list, a tensor of some integer type or an array, of one or two dimensions."""
    if draw.random() < 0.25:
        return str([numbers(draw, size, count) for _ in range(draw.choice((1, 2)))]).join(("torch.tensor(", ")"))
    values = numbers(draw, size, count)
    how = draw.choice(("{}", "torch.tensor({})", "torch.tensor({}, dtype=torch.int32)", "np.array({}, 'int64')"))
    if not values and "tensor" in how:
        how = "torch.tensor({}, dtype=torch.int64)"
    return how.format(values)


def a_mask(draw: random.Random, shape: tuple[int, ...]) -> str:
    """A mask over some dimensions, now and then of a wrong size."""
    if draw.random() < 0.1:
        shape = (*shape[:-1], shape[-1] + 1)
    count = int(np.prod(shape))
    values = np.array([draw.random() < 0.5 for _ in range(count)], dtype=bool).reshape(shape)
    return f"torch.tensor({values.tolist()}, dtype=torch.bool).reshape({list(shape)})"


def expression(draw: random.Random, shape: tuple[int, ...]) -> str:
    """What stands between the brackets, for a tensor of this shape."""
    parts: list[str] = []
    count, d, ellipsis = draw.choice((1, 2, 2, 3)), 0, False
    rank = len(shape) + (draw.random() < 0.03)
    while d < rank and draw.random() < 0.85:
        size = shape[d] if d < len(shape) else 2
        kind = draw.random()
        if kind < 0.25:
            parts.append(str(number(draw, size)))
        elif kind < 0.5:
            parts.append(a_slice(draw, size))
        elif kind < 0.7:
            parts.append(an_array(draw, size, count if draw.random() < 0.97 else count + 1))
        elif kind < 0.78 and d < len(shape):
            over = draw.randint(1, len(shape) - d)
            parts.append(a_mask(draw, shape[d : d + over]))
            d += over - 1
        elif kind < 0.86:
            parts.append("None")
            continue
        elif kind < 0.91 and not ellipsis:
            parts.append("...")
            ellipsis = True
            d += draw.randint(0, max(0, rank - d - 1)) - 1
        elif kind < 0.94:
            parts.append(draw.choice(("True", "False", "torch.tensor(True)")))
            continue
        elif kind < 0.98:
            parts.append(draw.choice((f"torch.tensor({number(draw, size)})", f"np.int64({number(draw, size)})")))
        else:
            parts.append(draw.choice(("1.5", "'a'", "torch.tensor([0.5])", "{}")))
        d += 1
    return ", ".join(parts) if parts else draw.choice(("...", "()", ":", "None"))


def statement(draw: random.Random) -> str:
    """A line of code that binds `r`, with the tensor it is about."""
    shape = draw.choice(SHAPES)
    view = draw.choice(VIEWS) if shape else "x"
    seen = {"x.transpose(0, -1)": (*shape[-1:], *shape[1:-1], *shape[:1]) if len(shape) > 1 else shape}.get(view, shape)
    seen = {"x[..., None]": (*shape, 1), "x.expand(2, *x.shape)": (2, *shape)}.get(view, seen)
    make = f"x = torch.arange({int(np.prod(shape))}).reshape({list(shape)})"
    make += draw.choice(("", ".float()", ".double()", ".to(torch.uint8)"))
    index = expression(draw, seen)
    if draw.random() < 0.5 or "expand" in view:
        return f"{make}; r = {view}[{index}]"
    value = draw.choice(
        (
            "7", "-1", "2.5", "True", "None", "[9]", "np.float64(4)", "torch.tensor(3)", "torch.tensor([5])",
            "torch.ones(4)", "torch.ones(1, 1)", "torch.full((3,), 2)", f"{view}[{index}] * 2",
        )
    )  # fmt: skip
    return f"{make}; y = {view}; y[{index}] = {value}; r = x"


def result(source: str, torch: ModuleType) -> Any:
    """(dtype, shape, values, strides) of `r`, or the exception. There are strides of dimensions of more than one
    element, and None for a result that is not a view.
    """
    names: dict[str, Any] = {"torch": torch, "np": np}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(source, names)
            r = names["r"]
            strides = [step for step, size in zip(r.stride(), r.shape) if size > 1] if r.numel() else []
            return str(r.dtype), tuple(r.shape), r.tolist(), strides if r._is_view() else None
    except Exception as error:
        return error


def same(got: Any, want: Any) -> bool:
    """Whether two results agree. A copy is row-major here, while PyTorch may keep the order that a transposed source
    has in memory: strides count where the oracle made a view.
    """
    if isinstance(want, Exception) or isinstance(got, Exception):
        return type(got) is type(want)
    return got[:3] == want[:3] and (want[3] is None or got[3] == want[3])


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_like_the_oracle(chunk: int, oracle: ModuleType) -> None:
    draw = random.Random(chunk)
    failed = []
    for _ in range(COUNT // CHUNKS):
        source = statement(draw)
        want, got = result(source, oracle), result(source, kagari)
        if not same(got, want):
            failed.append(f"{source}\n    PyTorch: {want!r}\n    Kagari:  {got!r}")
    assert not failed, f"{len(failed)} expressions:\n" + "\n".join(failed)
