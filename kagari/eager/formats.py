"""Names for how elements lie in memory, as arguments: `strided` is the one layout; memory formats order the
dimensions.
"""

from __future__ import annotations


class layout:
    """The kind of storage of a tensor. There is one, `kagari.strided`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class memory_format(layout):
    """The order of the dimensions in memory: `contiguous_format` is row-major, `preserve_format` that of the input."""

    __slots__ = ()


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")


def check_layout(name: str, given: object) -> None:
    """Raises TypeError unless `given` is a layout or None."""
    if given is not None and type(given) is not layout:
        raise TypeError(f"{name}(): argument 'layout' must be torch.layout, not {type(given).__name__}")


def keeps_strides(name: str, given: object) -> bool:
    """Whether a memory format asks for the input's strides. Raises TypeError for what is no memory format."""
    if given is None or given is preserve_format:
        return True
    if given is not contiguous_format:
        raise TypeError(f"{name}(): argument 'memory_format' must be torch.memory_format, not {type(given).__name__}")
    return False
