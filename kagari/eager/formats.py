"""Names for how elements lie in memory, as arguments: layouts, `strided` for all but sparse and nested tensors; memory
formats order the dimensions.
"""

from __future__ import annotations

from typing import Self, TypeVar

from ..base.layout import Layout, channels_last_strides, contiguous_strides, is_channels_last, suggests_channels_last

Ints = tuple[int, ...]
F = TypeVar("F", bound="layout")


class layout:
    """The kind of storage: `kagari.strided`, one of sparse tensors, or `kagari.jagged` of nested ones."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        """Raises TypeError: there are no others."""
        raise TypeError(f"cannot create 'torch.{cls.__name__}' instances")

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class memory_format(layout):
    """The order of the dimensions in memory.

    `contiguous_format` is row-major, `preserve_format` that of the input, `channels_last` that of images (N, C, H, W)
    whose channels lie next to each other, and `channels_last_3d` the same for volumes (N, C, D, H, W).
    """

    __slots__ = ()


def _named(kind: type[F], name: str) -> F:
    made = object.__new__(kind)
    made.name = name
    return made


strided = _named(layout, "strided")
jagged = _named(layout, "jagged")
sparse_coo = _named(layout, "sparse_coo")
sparse_csr = _named(layout, "sparse_csr")
sparse_csc = _named(layout, "sparse_csc")
sparse_bsr = _named(layout, "sparse_bsr")
sparse_bsc = _named(layout, "sparse_bsc")
contiguous_format = _named(memory_format, "contiguous_format")
preserve_format = _named(memory_format, "preserve_format")
channels_last = _named(memory_format, "channels_last")
channels_last_3d = _named(memory_format, "channels_last_3d")
_RANKS = {channels_last: 4, channels_last_3d: 5}


def is_sparse_layout(given: object) -> bool:
    """Whether it is the layout of sparse tensors."""
    return type(given) is layout and given.name.startswith("sparse")


def check_layout(name: str, given: object) -> None:
    """Raises TypeError unless `given` is a layout or None, RuntimeError for that of sparse tensors."""
    if given is not None and type(given) is not layout:
        raise TypeError(f"{name}(): argument 'layout' must be torch.layout, not {type(given).__name__}")
    if is_sparse_layout(given):
        raise RuntimeError(f"{name}(...) is not implemented for sparse layout")


def format_asked(name: str, given: object) -> memory_format | None:
    """The memory format of an argument, None where it asks for the input's order. Raises TypeError for what is none."""
    if given is None or given is preserve_format:
        return None
    if not isinstance(given, memory_format):
        raise TypeError(f"{name}(): argument 'memory_format' must be torch.memory_format, not {type(given).__name__}")
    return given


def strides_in(form: memory_format, shape: Ints) -> Ints:
    """The strides of a new tensor. Raises RuntimeError where the format is for tensors of another rank."""
    if form is contiguous_format:
        return contiguous_strides(shape)
    if len(shape) != _RANKS[form]:
        raise RuntimeError(f"required rank {_RANKS[form]} tensor to use {form.name} format")
    return channels_last_strides(shape)


def suggested(form: memory_format, lay: Layout) -> bool:
    """Whether results made from the tensor would lie in that order: it has the order, be it with gaps."""
    last = lay.ndim in (4, 5) and suggests_channels_last(lay.shape, lay.strides)
    return last and lay.ndim == _RANKS[form] if form in _RANKS else not last


def lies_in(form: memory_format, lay: Layout) -> bool:
    """Whether a tensor lies in memory in that order, without gaps."""
    if form is contiguous_format:
        return lay.contiguous
    return lay.ndim == _RANKS[form] and is_channels_last(lay.shape, lay.strides)
