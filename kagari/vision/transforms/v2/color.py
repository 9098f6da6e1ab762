"""Colours and tones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....eager import operators as ops
from . import functional as F
from .structure import query_chw
from .transform import RandomApplyTransform, Transform, uniform

Range = float | Sequence[float] | None


class Grayscale(Transform):
    r"""Grey.

    Args:
        num_output_channels (int): 1, or 3 equal ones. Default: 1
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.rgb_to_grayscale, inpt, self.num_output_channels)


class RandomGrayscale(RandomApplyTransform):
    r"""Grey, with a probability, of as many channels as there were.

    Args:
        p (float): the probability. Default: 0.1
    """

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"num_output_channels": query_chw(flat_inputs)[0]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.rgb_to_grayscale, inpt, **params)


class RGB(Transform):
    """Grey images as images of three equal channels; others stay as they are."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.grayscale_to_rgb, inpt)


class ColorJitter(Transform):
    r"""Random brightness, contrast, saturation and hue, in a random order.

    Args:
        brightness (float or tuple of float): bounds of the factor, or how far it may be from 1. Default: none
        contrast (float or tuple of float): likewise.
        saturation (float or tuple of float): likewise.
        hue (float or tuple of float): bounds of the shift, or how far it may be from 0; at most 0.5.

    Raises TypeError for what is no number, ValueError for bounds that can't be.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms import v2
        >>> v2.ColorJitter(0.5, hue=0.3)
        ColorJitter(brightness=(0.5, 1.5), hue=(-0.3, 0.3))
    """

    def __init__(
        self, brightness: Range = None, contrast: Range = None, saturation: Range = None, hue: Range = None
    ) -> None:
        super().__init__()
        self.brightness = _bounds(brightness, "brightness")
        self.contrast = _bounds(contrast, "contrast")
        self.saturation = _bounds(saturation, "saturation")
        self.hue = _bounds(hue, "hue", center=0, limits=(-0.5, 0.5), clip=False)

    @staticmethod
    def get_params(
        brightness: Sequence[float] | None,
        contrast: Sequence[float] | None,
        saturation: Sequence[float] | None,
        hue: Sequence[float] | None,
    ) -> tuple[Any, float | None, float | None, float | None, float | None]:
        """The order, and the factors; None where there are no bounds."""
        order = ops.randperm(4)
        b, c, s, h = (None if one is None else uniform(*one) for one in (brightness, contrast, saturation, hue))
        return order, b, c, s, h

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        return {"order": order.tolist(), "factors": factors}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        functions = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for k in params["order"]:
            if params["factors"][k] is not None:
                inpt = self._call_kernel(functions[k], inpt, params["factors"][k])
        return inpt


def _bounds(
    value: Range,
    name: str,
    center: float = 1.0,
    limits: tuple[float, float] = (0, float("inf")),
    clip: bool = True,
) -> tuple[float, float] | None:
    """The bounds of a factor; None where they allow its neutral value alone."""
    if value is None:
        return None
    if isinstance(value, int | float):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be non negative.")
        low, high = center - value, center + value
        if clip:
            low = max(low, 0.0)
    elif isinstance(value, list | tuple) and len(value) == 2:
        low, high = value
    else:
        raise TypeError(f"{name}={value} should be a single number or a sequence with length 2.")
    if not limits[0] <= low <= high <= limits[1]:
        raise ValueError(f"{name} values should be between {limits} and increasing, but got {[low, high]}.")
    return None if low == high == center else (float(low), float(high))


class RandomInvert(RandomApplyTransform):
    """The negative, with probability ``p``. See :func:`~.functional.invert`."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.invert, inpt)


class RandomPosterize(RandomApplyTransform):
    r"""Fewer tones, with a probability. See :func:`~.functional.posterize`.

    Args:
        bits (int): of each channel.
        p (float): the probability. Default: 0.5
    """

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.posterize, inpt, self.bits)


class RandomSolarize(RandomApplyTransform):
    r"""Bright tones inverted, with a probability. See :func:`~.functional.solarize`.

    Args:
        threshold (float): from which on.
        p (float): the probability. Default: 0.5
    """

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.solarize, inpt, self.threshold)


class RandomAutocontrast(RandomApplyTransform):
    """The whole range of tones, with probability ``p``. See :func:`~.functional.autocontrast`."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.autocontrast, inpt)


class RandomEqualize(RandomApplyTransform):
    """All tones equally frequent, with probability ``p``. See :func:`~.functional.equalize`."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.equalize, inpt)


class RandomAdjustSharpness(RandomApplyTransform):
    r"""Softer or sharper, with a probability. See :func:`~.functional.adjust_sharpness`.

    Args:
        sharpness_factor (float): 0 is soft, 1 as it is, 2 sharp.
        p (float): the probability. Default: 0.5
    """

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.adjust_sharpness, inpt, self.sharpness_factor)


class RandomChannelPermutation(Transform):
    """The channels in a random order."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"permutation": ops.randperm(query_chw(flat_inputs)[0]).tolist()}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.permute_channels, inpt, params["permutation"])


class RandomPhotometricDistort(Transform):
    r"""Random brightness, contrast, saturation, hue, and order of the channels, each with a probability.

    Args:
        brightness (tuple of float): bounds of the factor. Default: (0.875, 1.125)
        contrast (tuple of float): bounds of the factor. Default: (0.5, 1.5)
        saturation (tuple of float): bounds of the factor. Default: (0.5, 1.5)
        hue (tuple of float): bounds of the shift. Default: (-0.05, 0.05)
        p (float): the probability. Default: 0.5

    Source: Liu and others, SSD: Single Shot MultiBox Detector, 2015.
    """

    def __init__(
        self,
        brightness: tuple[float, float] = (0.875, 1.125),
        contrast: tuple[float, float] = (0.5, 1.5),
        saturation: tuple[float, float] = (0.5, 1.5),
        hue: tuple[float, float] = (-0.05, 0.05),
        p: float = 0.5,
    ) -> None:
        super().__init__()
        self.brightness = brightness
        self.contrast = contrast
        self.hue = hue
        self.saturation = saturation
        self.p = p

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        channels = query_chw(flat_inputs)[0]
        bounds = (self.brightness, self.contrast, self.saturation, self.hue)
        factors = [uniform(*one) if ops.rand(1) < self.p else None for one in bounds]
        early = bool(ops.rand(()) < 0.5)
        order = ops.randperm(channels).tolist() if ops.rand(1) < self.p else None
        return {"factors": factors, "early": early, "order": order}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        functions = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for k in (0, 1, 2, 3) if params["early"] else (0, 2, 3, 1):
            if params["factors"][k] is not None:
                inpt = self._call_kernel(functions[k], inpt, params["factors"][k])
        if params["order"] is not None:
            inpt = self._call_kernel(F.permute_channels, inpt, params["order"])
        return inpt


__all__ = [
    "RGB", "ColorJitter", "Grayscale", "RandomAdjustSharpness", "RandomAutocontrast", "RandomChannelPermutation",
    "RandomEqualize", "RandomGrayscale", "RandomInvert", "RandomPhotometricDistort", "RandomPosterize",
    "RandomSolarize",
]  # fmt: skip
