"""Tensors with the tangents along which they change: the level of forward-mode differentiation."""

from __future__ import annotations

from typing import Any

from ..autograd.library import function
from ..engine import derived
from ..engine.function import Function
from .creation import zeros_like
from .levels import Level, Standing


class Jvp(Level):
    """A derivative along one direction that is being taken."""

    name = "jvp"
    careful = True

    def lifted(self, t: Any) -> Any:
        """A tensor that does not change, as one of this level's."""
        return t if self.own(t) else Dual(self, t, None)

    def dual(self, primal: Any, tangent: Any) -> Dual:
        """A tensor and its tangent. Raises RuntimeError for a tangent of another shape or dtype."""
        if tangent.shape != primal.shape:
            raise RuntimeError(
                "Trying to set a forward gradient that has a different size than that of the original Tensor, this is "
                f"not supported. Tensor is of size {list(primal.shape)} while the given forward gradient is of size "
                f"{list(tangent.shape)}."
            )
        if tangent.dtype is not primal.dtype:
            raise RuntimeError(f"Expected a tangent of dtype {primal.dtype}, but got one of {tangent.dtype}")
        return Dual(self, primal, tangent)

    def carried(self, primal: Any, tangent: Any) -> Dual:
        """A result and its tangent."""
        return Dual(self, primal, tangent)

    def slope(self, t: Any) -> Any:
        """How a tensor changes, zeros where it does not."""
        found = self.tangent(t)
        return zeros_like(self.primal(t)) if found is None else found

    def primal(self, t: Any) -> Any:
        """The tensor without its tangent."""
        return t._value if self.own(t) else t

    def tangent(self, t: Any) -> Any:
        """How a tensor changes; None where it does not."""
        return t._tangent if self.own(t) else None

    def answer(self, f: Function, args: tuple[Any, ...]) -> Any:
        """Calls the operator, and its derivative along the tangents of its arguments."""
        values = tuple([self.primal(a) for a in args])
        which = tuple([i for i, a in enumerate(args) if self.tangent(a) is not None])
        result = f.run(values)
        parts = result if isinstance(result, tuple) else (result,)
        changes: list[Any] = [None] * len(parts)
        changing = [k for k, r in enumerate(parts) if r._layout.dtype.is_differentiable]
        if which and changing and f.differentiable:
            found = derived.derivative(f, which)(*values, *[args[i]._tangent for i in which])
            for k, t in zip(changing, found if isinstance(found, tuple) else (found,)):
                changes[k] = t
        followed = any(self.own(a) and a._needs for a in args)  # by this level's tape
        made = tuple([Dual(self, r, t) if followed or t is not None else r for r, t in zip(parts, changes)])
        return made if isinstance(result, tuple) else made[0]

    def write(self, target: Any, value: Any) -> None:
        """Writes a tensor of one shape and dtype, and its tangent, into another one."""
        function("copy_").run((self.primal(target), self.primal(value)))
        if self.own(target):
            target._tangent = self.tangent(value)


class Dual(Standing):
    """A tensor and its tangent, which is None where it does not change."""

    _level: Jvp
    _tangent: Any

    def __init__(self, level: Jvp, primal: Any, tangent: Any) -> None:
        self._tangent = tangent
        self._fill(level, primal, primal._layout)

    def bare(self) -> Dual:
        """The same without a place on its level's tape."""
        return Dual(self._level, self._value, self._tangent)

    def like(self, value: Any) -> Dual:
        """A tensor without a tangent."""
        return Dual(self._level, value, None)

    def seen(self) -> Any:
        """The tensor without its tangent."""
        return self._value.seen() if isinstance(self._value, Standing) else self._value

    def after(self) -> Any:
        """The tensor without its tangent."""
        return self._value

    def parts(self) -> tuple[Any, ...]:
        """The tensor and its tangent."""
        return (self._value,) if self._tangent is None else (self._value, self._tangent)

    def holds_all(self, other: Any) -> bool:
        """A tensor has room for what is of its shape."""
        return True

    def detach(self) -> Any:
        """The tensor without history and without its tangent."""
        return self._value.detach()

    data = property(detach)

    def __repr__(self) -> str:
        if self._tangent is None or not self._level.depth:
            return repr(self._value)
        return f"{repr(self._value)[:-1]}, tangent={self._tangent!r})"
