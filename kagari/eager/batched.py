"""Tensors of many examples in a function that is written for one: the level of `vmap`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np

from ..autograd.library import function
from ..base.dtypes import int64
from ..base.layout import Layout, layout
from ..engine import derived
from ..engine.function import Function
from .convert import copied
from .levels import Level, Standing, Unseen
from .tensor import Tensor
from .views import stack


class Vmap(Level):
    """A call for `size` examples at once. `randomness` is `error`, `different` or `same`."""

    name = "vmap"

    def __init__(self, size: int, randomness: str = "error") -> None:
        super().__init__()
        self.size, self.randomness = size, randomness

    def batched(self, value: Any) -> Batched:
        """The examples along the first dimension of a tensor, as one of them."""
        return Batched(self, value, True)

    def lifted(self, t: Any) -> Any:
        """A tensor that all examples share, as one of this level's."""
        return t if self.own(t) else Batched(self, t, False)

    def answer(self, f: Function, args: tuple[Any, ...]) -> Any:
        """Calls the batched operator, or the operator itself where all examples share its arguments."""
        values, places = [], []
        for i, a in enumerate(args):
            if isinstance(a, Batched) and a._level is self:
                values.append(a._value)
                if a._many:
                    places.append(i)
            else:
                values.append(a)
        many = bool(places)
        result = derived.batched(f, tuple(places))(*values) if many else f.run(tuple(values))
        if isinstance(result, tuple):
            return tuple([Batched(self, r, many) for r in result])
        return Batched(self, result, many)

    def write(self, target: Any, value: Any) -> None:
        """Writes a tensor of one shape and dtype into another one."""
        source = value._value if self.own(value) else value
        function("copy_").run((target._value if self.own(target) else target, source))

    def drawn(self, draw: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Batched:
        """Random numbers for each example: of all at once where one argument is a tensor, or all are sizes."""
        self.randomness, before = "", self.randomness
        try:
            whole = [self.examples(a) if isinstance(a, Tensor) else a for a in args]
            tensors = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
            if len(tensors) > 1 or draw.__name__ == "randperm":
                rows = [_row(whole, tensors, i) for i in range(self.size)]
                return Batched(self, stack([draw(*row, **kwargs) for row in rows]), True)
            if tensors:
                return Batched(self, draw(*whole, **kwargs), True)
            if "size" in kwargs:
                kwargs = {**kwargs, "size": (self.size, *kwargs["size"])}
            elif args and not isinstance(args[-1], int):
                args = (*args[:-1], (self.size, *args[-1]))
            else:
                args = (self.size, *args)
            return Batched(self, draw(*args, **kwargs), True)
        finally:
            self.randomness = before

    def examples(self, t: Any) -> Any:
        """All examples of a tensor, along its first dimension; what they share is repeated."""
        if self.own(t) and t._many:
            return t._value
        t = t._value if self.own(t) else t
        return function("expand").run((function("unsqueeze").run((t, 0)), (self.size, *t.shape)))


def _row(whole: list[Any], tensors: list[int], i: int) -> list[Any]:
    """The arguments of one example."""
    return [function("select").run((a, 0, i)) if k in tensors else a for k, a in enumerate(whole)]


@lru_cache(4096)
def _of_one(lay: Layout, many: bool) -> Layout:
    """The layout of an example, where there are many along the first dimension."""
    return layout(tuple(lay.shape)[many:], None, lay.dtype, lay.meta)


class Batched(Standing):
    """One example of many, or what they share."""

    _level: Vmap
    _many: bool

    def __init__(self, level: Vmap, value: Any, many: bool) -> None:
        self._many = many
        self._fill(level, value, _of_one(value._layout, many))

    def bare(self) -> Batched:
        """The same without a place on its level's tape."""
        return Batched(self._level, self._value, self._many)

    def sizes(self) -> tuple[int, ...]:
        """How many examples there are, where each has its own."""
        return (self._level.size,) if self._many else ()

    def like(self, value: Any) -> Batched:
        """One like this that holds another tensor."""
        return Batched(self._level, value, self._many)

    def seen(self) -> Any:
        """What the examples share. Raises RuntimeError where each has its own."""
        if self._many:
            raise Unseen(
                "vmap: a function asks for elements, by .item(), .tolist() or .numpy() or by an index that is a mask, "
                "of a tensor that stands for many examples. Please write what it does with other operators, such as "
                "torch.where()."
            )
        return self._value.seen() if isinstance(self._value, Standing) else self._value

    def __bool__(self) -> bool:
        if self._many:
            raise RuntimeError(
                "vmap: a function takes a tensor that stands for many examples for a condition: data-dependent control "
                "flow can't be batched. Please use torch.where() instead of `if`."
            )
        return bool(self._value)

    def after(self) -> Any:
        """Raises RuntimeError: what stands for one example is of no use outside."""
        raise RuntimeError("vmap: a tensor of a function was kept, and used when its call had ended")

    def holds_all(self, other: Any) -> bool:
        """Whether it has room for what the examples have in another tensor."""
        return self._many or not (isinstance(other, Batched) and other._level is self._level and other._many)

    def __repr__(self) -> str:
        inner = f"bdim=0, value={self._value!r}" if self._many else f"value={self._value!r}"
        return f"BatchedTensor(lvl={self._level.depth}, {inner})"


def places(lay: Layout, start: int) -> Any:
    """Where the elements of a layout lie, counted in elements from a place in memory: a vector."""
    found = np.full((), start, np.int64)
    for n, step in zip(lay.shape, lay.strides):
        found = found[..., None] + np.arange(n) * step
    return copied(found.reshape(-1), int64)


def each(function_of_one: Callable[..., Any], *stacks: Any) -> tuple[Any, ...]:
    """Calls a function, which returns a tuple of tensors and None, for each example of stacks along their first
    dimension.
    """
    with Vmap(stacks[0]._layout.shape[0]) as level:
        found = function_of_one(*[level.batched(t) for t in stacks])
        return tuple([None if t is None else level.examples(t) for t in found])


def units(tensors: Sequence[Any]) -> list[Any]:
    """For each tensor as many of its shape as all have elements: together the unit vectors."""
    sizes = [t._layout.numel for t in tensors]
    count = sum(sizes)
    made = []
    for start, t in zip(accumulate(sizes, initial=0), tensors):
        rows = np.eye(count, t._layout.numel, -start).reshape(count, *t._layout.shape)
        made.append(copied(rows, t._layout.dtype))
    return made
