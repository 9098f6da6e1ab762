"""What nested tensors of both layouts have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from ..eager import Tensor
from ..eager.overlay import Overlay, elements, pointwise, through

Answer = Callable[..., Any]


class Nested(Overlay):
    """A batch of tensors of different sizes."""

    __slots__ = ()
    _answers: ClassVar[dict[str, Answer]] = {}

    @classmethod
    def _answer(cls, name: str, func: Answer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        leader = next(a for a in _flat((*args, *kwargs.values())) if isinstance(a, Nested))
        answer = type(leader)._answers.get(name)
        if answer is not None:
            return answer(func, *args, **kwargs)
        if name in pointwise() and (name != "where" or len(args) + len(kwargs) == 3):
            return type(leader)._pointwise(leader, name, func, args, kwargs)
        raise NotImplementedError(f"{name.strip('.')}() is not there for nested tensors of the layout {leader.layout}")

    @classmethod
    def _pointwise(cls, leader: Any, name: str, func: Answer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of an operator on elements at one place."""
        raise NotImplementedError

    @property
    def is_nested(self) -> bool:
        """True."""
        return True

    def unbind(self, dim: int = 0) -> tuple[Tensor, ...]:
        """The tensors of the batch."""
        raise NotImplementedError

    def _of(self, tensors: Sequence[Tensor]) -> Any:
        """Tensors, one made of each of this batch, as a nested tensor of its layout."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.unbind())

    def __format__(self, spec: str) -> str:
        return object.__format__(self, spec)

    @property
    def ndim(self) -> int:
        """The number of dimensions, that of the batch among them."""
        return self.dim()

    def __bool__(self) -> bool:
        if self.numel() != 1:
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(self.item())

    def item(self) -> Any:
        """The only element as a number."""
        if self.numel() != 1:
            raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        return next(t for t in self.unbind() if t.numel()).item()


def _flat(given: tuple[Any, ...]) -> Iterator[Any]:
    for a in given:
        yield from a if isinstance(a, tuple | list) else (a,)


def on_elements(func: Answer, input: Any, *args: Any, **kwargs: Any) -> Any:
    """A function of one tensor that keeps its shape."""
    rest = tuple([elements(a) for a in args])
    return through(input, func, rest, {k: elements(v) for k, v in kwargs.items()}, input._like)
