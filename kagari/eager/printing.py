"""How a tensor prints: character for character as in PyTorch.

All numbers of a tensor share one format, chosen from the finite ones that are not zero: integers with a trailing dot
if all are integral, else fixed point, else, where the range is too wide for that, scientific notation. A tensor of
more than `threshold` elements shows only `edgeitems` at both ends of each dimension; nothing else of it is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Formatter = Callable[[Any], str]


@dataclass(slots=True)
class PrintOptions:
    """What `set_printoptions` sets. `sci_mode` None lets the numbers decide."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES: dict[str, dict[str, float]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}
_options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print.

    Args:
        precision: digits after the point (default 4).
        threshold: number of elements above which a tensor is summarised (default 1000).
        edgeitems: elements shown at both ends of a summarised dimension (default 3).
        linewidth: characters per line (default 80).
        profile: "default", "short" or "full", a set of the four above, which the others override.
        sci_mode: scientific notation always (True), never (False), or where the numbers ask for it (None).
    """
    changes = dict(_PROFILES[profile]) if profile is not None else {}
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    changes.update((name, value) for name, value in given.items() if value is not None)
    for name, value in changes.items():
        setattr(_options, name, value)
    _options.sci_mode = sci_mode


def get_printoptions() -> dict[str, object]:
    """The current print options, by name."""
    return asdict(_options)


def format_tensor(
    array: np.ndarray | None,
    *,
    dtype_name: str,
    size: tuple[int, ...] = (),
    decode: Callable[[np.ndarray], np.ndarray] = np.asarray,
    default_dtype_name: str = "float32",
    prefix: str = "tensor(",
    requires_grad: bool = False,
    grad_fn: str | None = None,
    parameter: bool = False,
) -> str:
    """The text of a tensor.

    Args:
        array: the elements; None of a tensor on the device `meta`, of which `size` is shown.
        decode: gives the numbers of elements that are stored in a way of their own; called on what is shown.
        dtype_name: the type without its package, `float32`; left out of the text where it is the usual one.
        default_dtype_name: the default floating type.
        prefix: what the text starts with; further lines are indented by its length.
        requires_grad: whether a leaf asks for gradients.
        grad_fn: the name of the node that made the tensor, `AddBackward0`.
        parameter: whether this is a `Parameter`.
    """
    suffixes = []
    if array is None:
        shown = "..."
        suffixes += ["device='meta'", f"size={size}"]
        usual = dtype_name == default_dtype_name
    elif array.size == 0:
        shown = "[]"
        if array.ndim != 1:
            suffixes.append(f"size={array.shape}")
        usual = dtype_name == default_dtype_name
    else:
        shown = body(array, decode, len(prefix))
        if _options.edgeitems == 0:
            suffixes.append(f"size={array.shape}")
        usual = dtype_name in (default_dtype_name, _complex_of(default_dtype_name), "int64", "bool")
    if not usual:
        suffixes.append(f"dtype=torch.{dtype_name}")
    if grad_fn is not None:
        suffixes.append(f"grad_fn=<{grad_fn}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    text = with_suffixes(prefix + shown, suffixes, len(prefix))
    return "Parameter containing:\n" + text if parameter else text


def format_values(array: np.ndarray | None, suffixes: list[str]) -> str:
    """The text of a tensor that says particular things of itself: numbers, and suffixes behind them."""
    shown = "..." if array is None else body(array, np.asarray, len("tensor(")) if array.size else "[]"
    return with_suffixes(f"tensor({shown}", suffixes, len("tensor("))


def _complex_of(dtype_name: str) -> str:
    return {"float16": "complex32", "float64": "complex128"}.get(dtype_name, "complex64")


def with_suffixes(text: str, suffixes: list[str], indent: int, *, newline: bool = False) -> str:
    """The text with its suffixes, each on a new line where it would not fit, and the closing parenthesis. With
    `newline` the first of them begins one in any case.
    """
    parts = [text]
    width = len(text) - text.rfind("\n") + 1
    for i, suffix in enumerate(suffixes):
        if width + len(suffix) + 2 > _options.linewidth or (newline and not i):
            parts.append(",\n" + " " * indent + suffix)
            width = indent + len(suffix)
        else:
            parts.append(", " + suffix)
            width += len(suffix) + 2
    return "".join(parts) + ")"


def body(array: np.ndarray, decode: Callable[[np.ndarray], np.ndarray], indent: int) -> str:
    """The numbers in their brackets."""
    edge = _options.edgeitems
    summarised = array.size > _options.threshold
    cut = [summarised and size > 2 * edge for size in array.shape]
    if summarised:
        array = _edges(array, cut, edge)
    array = decode(array)
    formatter, width = _formatter_of(array)
    return _nested(array.tolist(), cut, indent, formatter, width)


def _edges(array: np.ndarray, cut: list[bool], edge: int) -> np.ndarray:
    """The array without what a summary leaves out."""
    for dim, is_cut in enumerate(cut):
        if is_cut:
            before = (slice(None),) * dim
            array = array[(*before, np.r_[0:edge, array.shape[dim] - edge : array.shape[dim]])]
    return array


def _nested(values: Any, cut: list[bool], indent: int, formatter: Formatter, width: int) -> str:
    """Nested lists as nested brackets; the innermost dimension is broken into lines of equal length."""
    if not cut:
        return formatter(values)
    if len(cut) == 1:
        items = [formatter(value) for value in values]
        gap = " ..." if items else "..."
    else:
        items = [_nested(value, cut[1:], indent + 1, formatter, width) for value in values]
        gap = "..."
    if cut[0]:
        items.insert(len(items) // 2, gap)
    if len(cut) > 1:
        return "[" + ("," + "\n" * (len(cut) - 1) + " " * (indent + 1)).join(items) + "]"
    per_line = max(1, (_options.linewidth - indent) // (width + 2))
    lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _formatter_of(array: np.ndarray) -> tuple[Formatter, int]:
    """What turns an element into text, and the width all get."""
    if array.dtype.kind == "c":
        return _complex_formatter(array)
    if array.dtype.kind == "f":
        return _float_formatter(array)
    width = max(map(len, map(str, array.ravel().tolist())), default=1)
    return (lambda value: str(value).rjust(width)), width


def _float_formatter(array: np.ndarray) -> tuple[Formatter, int]:
    """One format for all numbers, from those that are finite and not zero."""
    values = array.astype(np.float64).ravel()
    values = values[np.isfinite(values) & (values != 0)]
    if not values.size:
        return _padded(".0f", 1, "."), 1
    magnitudes = np.abs(values)
    smallest, largest = magnitudes.min(), magnitudes.max()
    integral = bool((values == np.ceil(values)).all())
    scientific = _options.sci_mode
    if scientific is None:
        scientific = largest / smallest > 1000 or largest > 1e8 or (not integral and smallest < 1e-4)
    spec = f".{_options.precision}e" if scientific else ".0f" if integral else f".{_options.precision}f"
    dot = "." if integral and not scientific else ""
    width = max(len(format(value, spec)) for value in values.tolist()) + len(dot)
    return _padded(spec, width, dot), width


def _padded(spec: str, width: int, dot: str) -> Formatter:
    """A formatter of floats; infinities and NaN get no dot."""

    def formatted(value: float) -> str:
        text = format(value, spec)
        return (text + dot if math.isfinite(value) else text).rjust(width)

    return formatted


def _complex_formatter(array: np.ndarray) -> tuple[Formatter, int]:
    """Real and imaginary part, each in the format of its own numbers."""
    real, real_width = _float_formatter(array.real)
    imag, imag_width = _float_formatter(array.imag)

    def formatted(value: complex) -> str:
        part = imag(value.imag).lstrip()
        return real(value.real) + ("" if part[0] == "-" else "+") + part + "j"

    return formatted, real_width + imag_width + 1
