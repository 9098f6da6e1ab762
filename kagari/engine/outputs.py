"""What becomes of a program's outputs: memory of their own, an argument, a view of one, or an argument overwritten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..base.dtypes import dtype, uint8
from ..base.layout import (
    Layout,
    channels_last_strides,
    contiguous_strides,
    is_dense,
    reshape_strides,
    suggests_channels_last,
)
from ..base.target import Target
from ..compiler.body import chain
from ..compiler.fuse import reshaped, strip
from ..ir.graph import Value
from .place import Ints, Place, Places, Recipe, model_of, product
from .plan import FRESH, IN_PLACE, SAME, VIEW

_CHANNELS = {"channels": any, "all channels": all}  # which arguments have to have their channels last


@dataclass(slots=True)
class Output:
    """What a plan makes of one output: memory of its own, an argument, a view of one, or an argument overwritten."""

    kind: int
    layout: Layout
    arg: int = 0
    offset: int = 0  # in bytes


def _is_uniform(v: Value) -> bool:
    """Whether all elements are one number that the program knows or is given."""
    v = strip(v)
    while v.op == "cast":
        v = strip(v.args[0])
    return v.op in ("const", "scalar")


class Outputs(Places):
    """Decides where each output is made. What is movement of another buffer is copied at the end."""

    def __init__(
        self, program: Recipe, layouts: Mapping[int, Layout], sizes: Mapping[Any, int], target: Target, make: Any
    ) -> None:
        super().__init__(program, sizes, target)
        self.layout = make
        self.layouts = layouts
        self.outputs: list[Output] = []

    def overwritten(self, argument: int, uniform: bool = False) -> Layout:
        """The layout of the argument that the result overwrites. A `uniform` one may show an element repeatedly."""
        lay = self.layouts[argument]
        if lay.numel and not uniform and any(s == 0 and n > 1 for n, s in zip(lay.shape, lay.strides)):
            raise RuntimeError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory "
                "location. Please "
                "clone() the tensor before performing the operation."
            )
        return lay

    def output(self, k: int, v: Value, copies: list[tuple[Value, Place]]) -> Output:
        program, number = self.program, len(self.program.inputs) + k
        if program.into is not None:
            lay = self.overwritten(program.into, _is_uniform(v))
            to = Place(number, tuple(lay.shape), lay.strides, lay.dtype)
            if program.aside or strip(v).op == "input" or (reshaped(v) and v.op == "reshape"):
                copies.append((v, to))
            else:
                self.places[v] = to
            return Output(IN_PLACE, lay, program.into)
        base = strip(v)
        shape = self.numbers(v.shape)
        if base.op == "input" and program.aliases != "fresh":
            place = self.places[base]
            if v is base and program.aliases == "same":
                return Output(SAME, self.layouts[base.attrs[0]], base.attrs[0])
            seen = self.view_of(place, v)
            if seen is not None:
                offset = seen.offset * v.dtype.itemsize
                return Output(VIEW, self.layout(shape, seen.strides, v.dtype), base.attrs[0], offset)
            self.refuse_copy(place, shape)
        if v in self.program.schedule.buffers and v not in self.places:
            strides = self.strides(shape) if model_of(v) is None else self.strides_of(v, shape)
            self.places[v] = Place(number, shape, strides, v.dtype)
            return Output(FRESH, self.layout(shape, strides, v.dtype))
        strides = self.strides(shape)
        if base.op != "input" and reshaped(v) and base not in self.places and base not in program.graph.outputs:
            whole = self.numbers(base.shape)
            inner = reshape_strides(shape, strides, whole)
            if inner is not None:
                self.places[base] = Place(number, whole, inner, v.dtype)
                return Output(FRESH, self.layout(shape, strides, v.dtype))
        copies.append((v, Place(number, shape, strides, v.dtype)))
        return Output(FRESH, self.layout(shape, strides, v.dtype))

    def view_of(self, place: Place, v: Value) -> Place | None:
        """Where the movement of a buffer lies in its memory, if it can be a view: no tensor runs backwards."""
        found = self.moved(place, chain(v), copy=False)
        return found if found is not None and all(s >= 0 for s in found.strides) else None

    def refuse_copy(self, place: Place, shape: Ints) -> None:
        """Raises RuntimeError where a view was asked for, which this movement of a buffer can't be."""
        if self.program.strict_view:
            raise RuntimeError(
                "view size is not compatible with input tensor's size and stride (at least one dimension spans "
                "across two contiguous subspaces). Use .reshape(...) instead. "
                f"Got size {list(place.shape)}, stride {list(place.strides)}, view {list(shape)}."
            )

    def lowered_output(self, k: int, dt: dtype, parts: tuple[Value, ...], copies: list[tuple[Value, Place]]) -> Output:
        """An output of a dtype that kernels do not know: the parts of its elements lie beside each other."""
        program, number = self.program, len(self.program.inputs) + k
        shape = self.numbers(parts[0].shape)
        together = dt.is_complex and len(parts) == 1
        shape = shape[:-1] if together else shape
        if program.into is not None:
            lay = self.overwritten(program.into)
            whole, made = Place(number, shape, lay.strides, dt), Output(IN_PLACE, lay, program.into)
        else:
            viewed = self.viewed(dt, parts, shape) if program.aliases != "fresh" else None
            if viewed is not None:
                return viewed
            strides = self.strides(shape)
            whole, made = Place(number, shape, strides, dt), Output(FRESH, self.layout(shape, strides, dt))
        for v, to in zip(parts, self.halves(whole, together)):
            if program.aside or strip(v).op == "input" or v not in program.schedule.buffers or v in self.places:
                copies.append((v, to))
            else:
                self.places[v] = to
        return made

    @staticmethod
    def halves(whole: Place, together: bool) -> tuple[Place, ...]:
        """Where the parts of a buffer's elements lie, or what lies in its memory, the parts together."""
        if not whole.dtype.is_complex:
            return (Place(whole.number, whole.shape, whole.strides, uint8),)
        strides, dt = tuple([2 * s for s in whole.strides]), whole.dtype.to_real()
        if together:
            return (Place(whole.number, (*whole.shape, 2), (*strides, 1), dt),)
        return tuple(Place(whole.number, whole.shape, strides, dt, i) for i in (0, 1))

    def viewed(self, dt: dtype, parts: tuple[Value, ...], shape: Ints) -> Output | None:
        """The output as a view of an input, where all parts are movement of it and lie beside each other."""
        bases = {strip(v) for v in parts}
        if len(bases) > 1 or next(iter(bases)).op != "input":
            return None
        (base,) = bases
        place = self.places[base]
        found = [self.view_of(place, v) for v in parts]
        if any(f is None for f in found):
            self.refuse_copy(place, shape)
            return None
        first, *other = [f for f in found if f is not None]
        offset, strides = first.offset * first.dtype.itemsize, first.strides
        if dt.is_complex:
            beside = all(p.offset == first.offset + 1 and p.strides == strides for p in other)
            if not other:
                beside, strides = strides[-1] == 1, strides[:-1]
            if not beside or first.offset % 2 or any(s % 2 for n, s in zip(shape, strides) if n != 1):
                return None
            strides = tuple([s // 2 for s in strides])
        lay = self.layout(shape, strides, dt)
        same = self.program.aliases == "same" and base.dtype is dt and strides == place.strides and not offset
        if same and shape == place.shape:
            return Output(SAME, self.layouts[base.attrs[0]], base.attrs[0])
        return Output(VIEW, lay, base.attrs[0], offset)

    def strides(self, shape: Ints) -> Ints:
        """The strides of an output that gets memory of its own."""
        places = [self.places[v] for v in self.program.inputs]
        if self.program.order == "operands":
            return operands_order(shape, [p for p in places if broadcasts(p.shape, shape)])
        if self.program.order == "first":
            first = next((p for v, p in zip(self.program.inputs, places) if v.attrs[0] == 0), None)
            if first is not None and first.shape == shape and len(shape) == 4 and first.strides[-1] == 1:
                return operands_order(shape, [first])
        if self.program.order == "last":
            return channels_last_strides(shape)
        if self.program.order in _CHANNELS and len(shape) in (4, 5):
            seen = [suggests_channels_last(p.shape, p.strides) for p in places if len(p.shape) == len(shape)]
            if _CHANNELS[self.program.order](seen) and seen:
                return channels_last_strides(shape)
        return contiguous_strides(shape)

    def copy_outputs(self, copies: list[tuple[Value, Place]]) -> None:
        """Outputs that are movement of other buffers, or the same values as other outputs.

        Where one may overwrite what another one reads, all are read before any is written.
        """
        copies = [self.before_reshape(v, to) for v, to in copies]
        sources = []
        for v, _ in copies:
            source = self.part(v)
            if self.program.aside and strip(v).op == "input":
                strides = contiguous_strides(source.shape)
                whole = Place(self.temp(product(source.shape) * v.dtype.itemsize), source.shape, strides, v.dtype)
                self.copy(source, whole)
                source = whole
            sources.append(source)
        for source, (_, to) in zip(sources, copies):
            self.copy(source, to)


def broadcasts(shape: Ints, target: Ints) -> bool:
    """Whether an operand of this shape takes part in a result of another one."""
    lacking = len(target) - len(shape)
    return lacking >= 0 and all(n in (1, m) for n, m in zip(shape, target[lacking:]))


def operands_order(shape: Ints, operands: list[Place]) -> Ints:
    """The strides of an element-wise result, which has no gaps.

    Its dimensions lie in the order of those of the operands. Of two dimensions the first operand decides that has steps
    of different sizes along them, and is not repeated along either.
    """
    whole = [p for p in operands if p.shape == shape]
    if whole and len(whole) == len(operands) and all(p.strides == whole[0].strides for p in whole[1:]):
        common = whole[0].strides
        if is_dense(shape, common):
            return common
    rows = contiguous_strides(shape)
    if operands and operands[0].shape == shape and operands[0].strides == rows:
        return rows
    seen = [_repeated(p, shape) for p in operands]
    order = list(reversed(range(len(shape))))  # from the innermost dimension to the outermost
    for i in range(1, len(order)):
        at = i
        for j in reversed(range(i)):
            swapped = _is_outer(order[j], order[at], shape, seen)
            if swapped:
                order[j], order[at] = order[at], order[j]
                at = j
            elif swapped is not None:
                break
    strides, step = [0] * len(shape), 1
    for d in order:
        strides[d] = step
        step = step * shape[d] if shape[d] > 1 else step
    return tuple(strides)


def _repeated(place: Place, shape: Ints) -> Ints:
    """The strides of an operand over the whole shape: 0 where it is repeated."""
    lacking = len(shape) - len(place.shape)
    ours = [0 if n == 1 and m != 1 else s for n, m, s in zip(place.shape, shape[lacking:], place.strides)]
    return (*(0,) * lacking, *ours)


def _is_outer(a: int, b: int, shape: Ints, operands: list[Ints]) -> bool | None:
    """Whether dimension a lies outside of b; None where no operand says so."""
    for strides in operands:
        x, y = strides[a], strides[b]
        if x == 0 or y == 0:
            continue
        if x != y:
            return x > y
        if shape[a] > shape[b]:
            return True
    return None
