"""Which sizes of the inputs an exported program takes. The module has PyTorch's name."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from ..capture.dynamo.exc import UserError
from ..eager import Tensor
from ..utils import _pytree as pytree

_PAGE = (
    " For more information about this error, see: "
    "https://pytorch.org/docs/main/generated/exportdb/index.html#dynamic-shapes-validation"
)


class Infinity(int):
    """The upper bound of sizes that have none."""

    def __new__(cls) -> Infinity:
        """There is one."""
        return super().__new__(cls, (1 << 63) - 1)

    def __repr__(self) -> str:
        return "int_oo"

    __str__ = __repr__


int_oo = Infinity()


@dataclass(frozen=True)
class ValueRanges:
    """From where to where sizes go, both ends included."""

    lower: int
    upper: int

    def __repr__(self) -> str:
        return f"VR[{self.lower}, {self.upper}]"


class _Hint(Enum):
    AUTO = auto()
    STATIC = auto()
    DYNAMIC = auto()


@dataclass(frozen=True)
class DimHint:
    """How a size is to be treated where no name is given to it: see :class:`Dim`."""

    type: _Hint
    min: int | None = None
    max: int | None = None

    def __call__(self, min: int | None = None, max: int | None = None) -> DimHint:
        """The same within bounds."""
        return DimHint(self.type, min, max)

    def __repr__(self) -> str:
        bounds = [f"{name}={value}" for name, value in (("min", self.min), ("max", self.max)) if value is not None]
        return f"DimHint({', '.join([self.type.name, *bounds])})"


class Dim:
    """A size with a name, which an exported program takes any value of.

    Where one is given for several dimensions, they are equal. ``2 * dim``, ``dim + 1`` and the like are sizes that
    depend on it. `Dim.AUTO` lets the program decide whether a size is free, `Dim.DYNAMIC` demands it, and `Dim.STATIC`
    is a size that is the example's.

    Args:
        name (str): its name.
        min, max (int): its bounds, both included. Default: 0, and no upper one

    Example::

        >>> import kagari as torch
        >>> batch = torch.export.Dim("batch", min=4, max=64)
        >>> batch, 2 * batch, batch - 1
        (Dim('batch', min=4, max=64), 2*batch, batch - 1)
    """

    AUTO, DYNAMIC, STATIC = (DimHint(_Hint[name]) for name in ("AUTO", "DYNAMIC", "STATIC"))

    def __init__(self, name: str, *, min: int | None = None, max: int | None = None) -> None:
        if not name.isidentifier():
            raise AssertionError(f"Dim name must be a valid identifier, got {name}")
        self.__name__ = name
        self.min, self.max = 0 if min is None else min, int_oo if max is None else max
        if self.max <= self.min:
            raise AssertionError(f"Cannot create Dim with inconsistent min={min}, max={max}")
        self.root, self.factor, self.rest = self, 1, 0

    def __repr__(self) -> str:
        if self.root is not self:
            return self.__name__
        bounds = [f"min={self.min}"] * (self.min != 2) + [f"max={self.max}"] * (self.max is not int_oo)
        return f"Dim({', '.join([repr(self.__name__), *bounds])})"

    def _derived(self, factor: int, rest: int) -> Dim:
        made = object.__new__(Dim)
        made.root, made.factor, made.rest = self.root, factor, rest
        name = self.root.__name__ if factor == 1 else f"{factor}*{self.root.__name__}"
        made.__name__ = name if not rest else f"{name} + {rest}" if rest > 0 else f"{name} - {-rest}"
        made.min = factor * self.root.min + rest
        made.max = int_oo if self.root.max is int_oo else factor * self.root.max + rest
        return made

    def __add__(self, other: int) -> Dim:
        return self._derived(self.factor, self.rest + _whole("add", other, self))

    def __sub__(self, other: int) -> Dim:
        return self._derived(self.factor, self.rest - _whole("subtract", other, self))

    def __mul__(self, other: int) -> Dim:
        if type(other) is not int or other <= 0:
            raise NotImplementedError(
                f"Attempted to multiply {other} with {self.__name__}, where a positive integer was expected. "
                "(Only increasing linear operations with integer coefficients are supported.)"
            )
        return self._derived(self.factor * other, self.rest * other)

    __radd__, __rmul__ = __add__, __mul__


def _whole(what: str, value: Any, dim: Dim) -> int:
    if type(value) is not int:
        raise NotImplementedError(
            f"Attempted to {what} {value} to {dim.__name__}, where an integer was expected. "
            "(Only increasing linear operations with integer coefficients are supported.)"
        )
    return value


def dims(*names: str, min: int | None = None, max: int | None = None) -> tuple[Dim, ...]:
    """Several :class:`Dim` of the same bounds.

    Example::

        >>> import kagari as torch
        >>> torch.export.dims("height", "width", max=64)
        (Dim('height', min=0, max=64), Dim('width', min=0, max=64))
    """
    return tuple(Dim(name, min=min, max=max) for name in names)


class ShapesCollection:
    """Sizes by the tensors that have them, for `dynamic_shapes` of inputs that are nested deeply.

    Example::

        >>> import kagari as torch
        >>> x = torch.ones(4, 2)
        >>> shapes = torch.export.ShapesCollection()
        >>> shapes[x] = {0: torch.export.Dim("batch")}
        >>> shapes.dynamic_shapes(torch.nn.Linear(2, 1), (x,))
        {'input': {0: Dim('batch', min=0)}}
    """

    def __init__(self) -> None:
        self._shapes: dict[int, Any] = {}
        self._kept: list[Tensor] = []

    def __setitem__(self, t: Tensor, shape: Any) -> None:
        if not isinstance(t, Tensor):
            raise AssertionError(f"Cannot assign shape to non-tensor type {type(t)}")
        self._shapes[id(t)] = shape
        self._kept.append(t)

    def __getitem__(self, t: Tensor) -> Any:
        """The sizes of a tensor."""
        return self._shapes.setdefault(id(t), {})

    def __len__(self) -> int:
        return len(self._shapes)

    def dynamic_shapes(self, m: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Any:
        """The sizes by the names of arguments."""
        named = combined(m, args, kwargs or {})
        return {name: pytree.tree_map(lambda leaf: self._shapes.get(id(leaf)), value) for name, value in named.items()}


def combined(mod: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name; a trailing `*args` is one tuple, what `**kwargs` takes has its own names."""
    signature = inspect.signature(mod.forward)
    bound = signature.bind(*args, **kwargs)
    found: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            found.update(value)
        else:
            found[name] = value
    order = [name for name in found if name not in kwargs] + [name for name in kwargs if name in found]
    return {name: found[name] for name in order}


Sizes = dict[int, Any]
"""What is said of the dimensions of a tensor: a Dim, a hint, a number or None."""


def by_leaf(named: dict[str, Any], dynamic_shapes: Any) -> list[Sizes]:
    """What is said of the sizes of each leaf of the arguments. Raises UserError where it does not fit them."""
    if dynamic_shapes is None:
        return [{} for value in named.values() for _ in pytree.tree_leaves(value)]
    if isinstance(dynamic_shapes, dict):
        if list(dynamic_shapes) != list(named) and set(dynamic_shapes) != set(named):
            raise UserError(
                "When `dynamic_shapes` is specified as a dict, its top-level keys must be the arg names "
                f"{list(named)} of `inputs`, but here they are {list(dynamic_shapes)}. Alternatively, you could also "
                "ignore arg names entirely and specify `dynamic_shapes` as a list/tuple matching `inputs`."
                f"{_PAGE}"
            )
        given = [dynamic_shapes[name] for name in named]
    else:
        given = list(dynamic_shapes)
        if len(given) != len(named):
            raise UserError(
                f"Detected mismatch between the structure of `inputs` and `dynamic_shapes`: `inputs` has {len(named)} "
                f"elements, but `dynamic_shapes` has {len(given)} elements{_PAGE}"
            )
    found: list[Sizes] = []
    for position, (value, shapes) in enumerate(zip(named.values(), given)):
        _collect(value, shapes, f"[{position}]", found)
    return found


def _collect(value: Any, shapes: Any, path: str, found: list[Sizes]) -> None:
    if isinstance(value, Tensor) or shapes is None or not isinstance(value, dict | list | tuple):
        sizes = _of_tensor(value, shapes, path) if isinstance(value, Tensor) else {}
        found.extend([sizes] if isinstance(value, Tensor) else [{} for _ in pytree.tree_leaves(value)])
        return
    keys: Sequence[Any] = list(value) if isinstance(value, dict) else range(len(value))
    if len(shapes) != len(keys):
        raise UserError(
            f"Detected mismatch between the structure of `inputs` and `dynamic_shapes`: `inputs{path}` has {len(keys)} "
            f"elements, but `dynamic_shapes{path}` has {len(shapes)} elements{_PAGE}"
        )
    for key in keys:
        _collect(value[key], shapes[key], f"{path}[{key!r}]", found)


def _of_tensor(tensor: Tensor, shapes: Any, path: str) -> Sizes:
    if shapes is None:
        return {}
    if isinstance(shapes, list | tuple):
        shapes = dict(enumerate(shapes))
    if not isinstance(shapes, dict):
        raise UserError(
            f"Unexpected input tensor shape {shapes} specified at `dynamic_shapes{path}` (expected either a list/tuple "
            "of dimensions, or a dict mapping indices to dimensions, where each dimension is an int, a Dim, Dim.AUTO, "
            f"Dim.STATIC, or Dim.DYNAMIC)\n{_PAGE.strip()}"
        )
    return {(dim + tensor.dim() if dim < 0 else dim): said for dim, said in shapes.items() if said is not None}


__all__ = [
    "Dim", "DimHint", "ShapesCollection", "Sizes", "ValueRanges", "by_leaf", "combined", "dims", "int_oo",
]  # fmt: skip
