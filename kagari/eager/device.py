"""Devices. There is one, the CPU; the others' names are known so that an error can say what is missing."""

from __future__ import annotations

from typing import Any

from ..base.errors import MissingDeviceError

_KNOWN = ("cpu", "cuda", "mps", "xpu", "meta")


class Device:
    """Where a tensor lies: `torch.device("cpu")`.

    >>> import kagari as torch
    >>> torch.device("cpu")
    device(type='cpu')
    """

    __slots__ = ("type", "index")

    # In a `with`, the device of new tensors.

    def __enter__(self) -> Device:
        check_device(self)
        DEFAULT.append(self)
        return self

    def __exit__(self, *of_error: object) -> None:
        DEFAULT.pop()

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


CPU = Device("cpu")
DEFAULT = [CPU]  # the devices of the `with` that one is in, the innermost last


def check_device(device: Any) -> None:
    """Raises where a device is asked for that is not there."""
    if device is None or device is CPU:
        return
    found = Device(device)
    if found.type != "cpu":
        raise MissingDeviceError(f"Kagari was built without a backend for '{found}': the devices it has are 'cpu'")
