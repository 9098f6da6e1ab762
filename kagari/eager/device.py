"""Devices: the CPU, and `meta`, where tensors have no memory.

The others' names are known so that an error can say what is missing.
"""

from __future__ import annotations

from typing import Any

from ..base.errors import MissingDeviceError

_KNOWN = ("cpu", "cuda", "mps", "xpu", "meta")


class Device:
    """Where a tensor lies: `torch.device("cpu")`; or that it lies nowhere: `torch.device("meta")`.

    Tensors on `meta` have a shape, strides and a dtype, and no memory. Operators on them find out the shapes of
    results and compute nothing. In a `with`, a device is that of new tensors.

    >>> import kagari as torch
    >>> torch.device("cpu")
    device(type='cpu')
    >>> with torch.device("meta"):
    ...     x = torch.ones(1 << 40)
    >>> x + 1
    tensor(..., device='meta', size=(1099511627776,))
    """

    __slots__ = ("type", "index")

    def __enter__(self) -> Device:
        is_meta(self)
        DEFAULT.append(self)
        BLANKS.clear()
        return self

    def __exit__(self, *of_error: object) -> None:
        DEFAULT.pop()
        BLANKS.clear()

    type: str
    index: int | None

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        if isinstance(type, Device):
            type, index = type.type, type.index
        if not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, not {type.__class__.__name__}")
        name, _, number = type.partition(":")
        if name not in _KNOWN:
            raise RuntimeError(f"Expected one of {', '.join(_KNOWN)} device type at start of device string: {type}")
        if number and not number.isdigit():
            raise RuntimeError(f"Invalid device string: '{type}'")
        self.type, self.index = name, int(number) if number else index

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + (f", index={self.index})" if self.index is not None else ")")

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))


CPU, META = Device("cpu"), Device("meta")
BLANKS: dict[tuple[Any, ...], Any] = {}  # layouts of new tensors: to be cleared where their device changes
DEFAULT = [CPU]  # the devices of the `with` that one is in, the innermost last


def is_meta(device: Any) -> bool:
    """Whether a device is `meta`; None stands for that of new tensors. Raises for a device that is not there."""
    if device is None:
        return DEFAULT[-1].type == "meta"
    if device is CPU:
        return False
    found = device if type(device) is Device else Device(device)
    if found.type not in ("cpu", "meta"):
        raise MissingDeviceError(
            f"Kagari was built without a backend for '{found}': the devices it has are 'cpu' and 'meta'"
        )
    return found.type == "meta"


def check_device(device: Any) -> None:
    """Raises where a device is asked for that has no memory, or is not there."""
    if device is not None and is_meta(device):
        raise RuntimeError("there is no memory on the device 'meta': expected 'cpu'")
