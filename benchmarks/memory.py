"""Operations that are bound by memory rather than by arithmetic: element-wise, reductions, rows, copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .framework import Build, Framework, Step, with_gradients
from .measure import Bench, Row, geometric_row

TITLE = "Element-wise operations, reductions, rows and copies"

FLOOR = 0.8
SIZES = {"64K": 256, "4M": 2048}
"""Square matrices with so many elements."""

# Each takes the framework and matrices x and y, a row r, and a mask m.
FORWARD: dict[str, Callable[..., Any]] = {
    "add": lambda torch, x, y, r, m: x + y,
    "mul": lambda torch, x, y, r, m: x * y,
    "div": lambda torch, x, y, r, m: x / y,
    "add a row": lambda torch, x, y, r, m: x + r,
    "where": lambda torch, x, y, r, m: torch.where(m, x, y),
    "greater": lambda torch, x, y, r, m: x > y,
    "relu": lambda torch, x, y, r, m: torch.relu(x),
    "abs": lambda torch, x, y, r, m: torch.abs(x),
    "sqrt": lambda torch, x, y, r, m: torch.sqrt(y),
    "exp": lambda torch, x, y, r, m: torch.exp(x),
    "log": lambda torch, x, y, r, m: torch.log(y),
    "tanh": lambda torch, x, y, r, m: torch.tanh(x),
    "sigmoid": lambda torch, x, y, r, m: torch.sigmoid(x),
    "gelu": lambda torch, x, y, r, m: torch.nn.functional.gelu(x),
    "sum": lambda torch, x, y, r, m: x.sum(),
    "sum over rows": lambda torch, x, y, r, m: x.sum(0),
    "sum over columns": lambda torch, x, y, r, m: x.sum(1),
    "mean": lambda torch, x, y, r, m: x.mean(),
    "max": lambda torch, x, y, r, m: x.max(),
    "amax over columns": lambda torch, x, y, r, m: x.amax(1),
    "softmax": lambda torch, x, y, r, m: torch.softmax(x, 1),
    "log_softmax": lambda torch, x, y, r, m: torch.log_softmax(x, 1),
    "layer_norm": lambda torch, x, y, r, m: torch.nn.functional.layer_norm(x, r.shape, r, r),
    "transposed copy": lambda torch, x, y, r, m: x.t().contiguous(),
    "cast to bfloat16": lambda torch, x, y, r, m: x.to(torch.bfloat16),
}
FORWARD_BACKWARD = ("mul", "gelu", "softmax", "log_softmax", "layer_norm")


def arguments(torch: Framework, n: int) -> tuple[Any, Any, Any, Any]:
    """Two n x n matrices, the second one positive, a row of n, and a mask."""
    x = torch.randn(n, n)
    return x, torch.rand(n, n) + 0.5, torch.rand(n), x > 0


def forward(operation: Callable[..., Any], n: int) -> Build:
    """The operation alone."""

    def build(torch: Framework) -> Step:
        given = arguments(torch, n)
        return lambda: operation(torch, *given)

    return build


def forward_backward(operation: Callable[..., Any], n: int) -> Build:
    """The operation and the gradients of all its floating-point arguments."""

    def build(torch: Framework) -> Step:
        *given, mask = arguments(torch, n)
        return with_gradients(lambda: operation(torch, *given, mask), given, torch.ones(n, n))

    return build


def rows(bench: Bench) -> Iterator[Row]:
    """All operations at both sizes, the slowest, and the geometric mean."""
    ratios = {}
    for size, n in SIZES.items():
        builds = {f"{name}, {size}": forward(operation, n) for name, operation in FORWARD.items()}
        for name in FORWARD_BACKWARD:
            builds[f"{name}, forward + backward, {size}"] = forward_backward(FORWARD[name], n)
        for what, build in builds.items():
            pair = bench.compare(build)
            ratios[what] = pair.ratio
            yield pair.row(what, at_least=FLOOR)
    yield geometric_row("element-wise operations, reductions, rows and copies", list(ratios.values()), at_least=1.3)
