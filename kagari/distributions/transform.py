"""Functions with an inverse, of which the others are subclasses."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

from ..eager import Size, Tensor

__all__ = ["Transform"]


class Transform:
    r"""A function with an inverse and the logarithm of its slope.

    A subclass has `domain` and `codomain`, which are constraints, `bijective`, which says whether the inverse undoes it
    everywhere, `sign`, which is 1 where it rises and -1 where it falls, and the methods `_call`, `_inverse` and
    `log_abs_det_jacobian`.

    Args:
        cache_size (int): 1 keeps the last pair of argument and result, so that the inverse of that result is exact.
            Default: 0

    Raises ValueError for any other size.

    Example::

        >>> import kagari as torch
        >>> f = torch.distributions.ExpTransform()
        >>> f(torch.tensor(0.0)), f.inv(torch.tensor(1.0))
        (tensor(1.), tensor(0.))
    """

    bijective: Any = False
    domain: Any
    codomain: Any

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise ValueError("cache_size must be 0 or 1")
        self._cache_size = cache_size
        self._last: tuple[Tensor | None, Tensor | None] = (None, None)

    @property
    def event_dim(self) -> int:
        """How many of the last dimensions are one event. Raises ValueError where it changes their number."""
        if self.domain.event_dim != self.codomain.event_dim:
            raise ValueError("Please use either .domain.event_dim or .codomain.event_dim")
        return int(self.domain.event_dim)

    @property
    def sign(self) -> Any:
        """1 where the function rises, -1 where it falls. Not all functions have it."""
        raise NotImplementedError

    @property
    def inv(self) -> Transform:
        """The inverse."""
        return _InverseTransform(self)

    def with_cache(self, cache_size: int = 1) -> Any:
        """The same function with another `cache_size`."""
        if cache_size == self._cache_size:
            return self
        made = copy(self)
        Transform.__init__(made, cache_size)
        return made

    def __call__(self, x: Tensor) -> Tensor:
        """The result for x."""
        if self._last[0] is x and x is not None:
            assert self._last[1] is not None
            return self._last[1]
        y = self._call(x)
        if self._cache_size:
            self._last = x, y
        return y

    def inverse_of(self, y: Tensor) -> Tensor:
        """The argument whose result is y."""
        if self._last[1] is y and y is not None:
            assert self._last[0] is not None
            return self._last[0]
        x = self._inverse(y)
        if self._cache_size:
            self._last = x, y
        return x

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The logarithm of the absolute value of the slope at x, whose result is y."""
        raise NotImplementedError

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the result, from that of the argument."""
        return Size(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the argument, from that of the result."""
        return Size(shape)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _InverseTransform(Transform):
    """The inverse of a transform."""

    def __init__(self, transform: Transform) -> None:
        super().__init__(transform._cache_size)
        self._of = transform
        self.domain, self.codomain, self.bijective = transform.codomain, transform.domain, transform.bijective

    @property
    def sign(self) -> Any:
        return self._of.sign

    @property
    def inv(self) -> Transform:
        return self._of

    def __call__(self, x: Tensor) -> Tensor:
        return self._of.inverse_of(x)

    def inverse_of(self, y: Tensor) -> Tensor:
        return self._of(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._of.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        return self._of.inverse_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        return self._of.forward_shape(shape)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _InverseTransform) and self._of == other._of

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._of!r})"
