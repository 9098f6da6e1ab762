"""Images turned, moved, seen from elsewhere, or as on something elastic, at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....eager import Tensor
from ....eager import operators as ops
from ..interpolation import InterpolationMode
from . import functional as F
from .structure import query_size
from .transform import RandomApplyTransform, Transform, below, fill_for, fills_of, uniform

Mode = InterpolationMode | str | int
Angles = float | Sequence[float]


def _angles(given: Angles, name: str, sizes: tuple[int, ...] = (2,)) -> list[float]:
    """Bounds of an angle; of a number they are that far from 0. Raises ValueError and TypeError for others."""
    if isinstance(given, int | float):
        if given < 0:
            raise ValueError(f"If {name} is a single number, it must be positive.")
        return [-float(given), float(given)]
    if not isinstance(given, list | tuple):
        raise TypeError(f"{name} should be a number or a sequence of length {' or '.join(map(str, sizes))}.")
    if len(given) not in sizes:
        raise ValueError(f"{name} should be a sequence of length {' or '.join(map(str, sizes))}.")
    return [float(one) for one in given]


def _center(center: Any) -> Any:
    if center is not None and not (isinstance(center, list | tuple) and len(center) == 2):
        raise ValueError("center should be a sequence of length 2.")
    return center


class RandomRotation(Transform):
    r"""Turned by a random angle.

    Args:
        degrees (float or tuple of float): bounds of the angle, or how far it may be from 0.
        interpolation (InterpolationMode): nearest or bilinear. Default: nearest
        expand (bool): whether the result is large enough to hold all of it. Default: ``False``
        center (sequence of float, optional): x and y. Default: the middle
        fill (number, sequence, or dict): what lies around it; see :class:`Pad`. Default: 0

    Raises ValueError and TypeError for other bounds.
    """

    def __init__(
        self,
        degrees: Angles,
        interpolation: Mode = "nearest",
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.degrees = _angles(degrees, "degrees")
        self.interpolation = interpolation
        self.expand = expand
        self.fill = fill
        self._fill = fills_of(fill)
        self.center = _center(center)

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """A random angle."""
        return uniform(degrees[0], degrees[1])

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"angle": self.get_params(self.degrees)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        options = {"interpolation": self.interpolation, "expand": self.expand, "center": self.center}
        return self._call_kernel(F.rotate, inpt, **params, **options, fill=fill_for(self._fill, inpt))


class RandomAffine(Transform):
    r"""Turned, moved, scaled and sheared at random, around its centre.

    Args:
        degrees (float or tuple of float): bounds of the angle, or how far it may be from 0.
        translate (tuple of float, optional): how far it may be moved, of width and height. Default: not at all
        scale (tuple of float, optional): bounds of the scale. Default: 1
        shear (float or tuple of float, optional): bounds of the angle along x, and along y if there are four, or how
            far it may be from 0 along x. Default: 0
        interpolation (InterpolationMode): nearest or bilinear. Default: nearest
        fill (number, sequence, or dict): what lies around it; see :class:`Pad`. Default: 0
        center (sequence of float, optional): x and y. Default: the middle

    Raises ValueError and TypeError for other bounds.
    """

    def __init__(
        self,
        degrees: Angles,
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: Angles | None = None,
        interpolation: Mode = "nearest",
        fill: Any = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.degrees = _angles(degrees, "degrees")
        if translate is not None and any(not 0.0 <= one <= 1.0 for one in _pair(translate, "translate")):
            raise ValueError("translation values should be between 0 and 1")
        self.translate = translate
        if scale is not None and any(one <= 0 for one in _pair(scale, "scale")):
            raise ValueError("scale values should be positive")
        self.scale = scale
        self.shear = None if shear is None else _angles(shear, "shear", (2, 4))
        self.interpolation = interpolation
        self.fill = fill
        self._fill = fills_of(fill)
        self.center = _center(center)

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """A random angle, translation, scale and shear of an image of this width and height."""
        angle = uniform(degrees[0], degrees[1])
        moved = [0, 0]
        if translate is not None:
            moved = [round(uniform(-part * size, part * size)) for part, size in zip(translate, img_size)]
        scale = 1.0 if scale_ranges is None else uniform(scale_ranges[0], scale_ranges[1])
        x = y = 0.0
        if shears is not None:
            x = uniform(shears[0], shears[1])
            y = uniform(shears[2], shears[3]) if len(shears) == 4 else 0.0
        return angle, (moved[0], moved[1]), scale, (x, y)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        size = query_size(flat_inputs)[::-1]
        drawn = self.get_params(self.degrees, self.translate, self.scale, self.shear, size)
        return dict(zip(("angle", "translate", "scale", "shear"), drawn))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        options = {"interpolation": self.interpolation, "center": self.center, "fill": fill_for(self._fill, inpt)}
        return self._call_kernel(F.affine, inpt, **params, **options)


def _pair(given: Any, name: str) -> Sequence[float]:
    if not isinstance(given, list | tuple):
        raise TypeError(f"{name} should be a sequence of length 2.")
    if len(given) != 2:
        raise ValueError(f"{name} should be a sequence of length 2.")
    return given


class RandomPerspective(RandomApplyTransform):
    r"""As seen from a random place, with a probability.

    Args:
        distortion_scale (float): how far the corners may move inwards, of half the width and height. Default: 0.5
        p (float): the probability. Default: 0.5
        interpolation (InterpolationMode): nearest or bilinear. Default: bilinear
        fill (number, sequence, or dict): what lies around it; see :class:`Pad`. Default: 0

    Raises ValueError for a scale that is not between 0 and 1.
    """

    def __init__(
        self, distortion_scale: float = 0.5, p: float = 0.5, interpolation: Mode = "bilinear", fill: Any = 0
    ) -> None:
        super().__init__(p)
        if not 0 <= distortion_scale <= 1:
            raise ValueError("Argument distortion_scale value should be between 0 and 1")
        self.distortion_scale = distortion_scale
        self.interpolation = interpolation
        self.fill = fill
        self._fill = fills_of(fill)

    @staticmethod
    def get_params(width: int, height: int, distortion_scale: float) -> tuple[list[list[int]], list[list[int]]]:
        """The corners of an image, and random points inside near them."""
        wide, high = int(distortion_scale * (width // 2)) + 1, int(distortion_scale * (height // 2)) + 1
        left, right = (wide,), (width, width - wide)
        top, bottom = (high,), (height, height - high)
        ends = [[below(*x), below(*y)] for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]
        return [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], ends

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        return dict(zip(("startpoints", "endpoints"), self.get_params(width, height, self.distortion_scale)))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        options = {"interpolation": self.interpolation, "fill": fill_for(self._fill, inpt)}
        return self._call_kernel(F.perspective, inpt, **params, **options)


class ElasticTransform(Transform):
    r"""As on something elastic: each pixel comes from a random place nearby, and neighbours from near each other.

    Args:
        alpha (float or sequence of float): how far away, along x and y. Default: 50
        sigma (float or sequence of float): how smooth it is, along x and y. Default: 5
        interpolation (InterpolationMode): nearest or bilinear. Default: bilinear
        fill (number, sequence, or dict): what lies around it; see :class:`Pad`. Default: 0

    Raises ValueError and TypeError for other numbers.
    """

    def __init__(
        self, alpha: Angles = 50.0, sigma: Angles = 5.0, interpolation: Mode = "bilinear", fill: Any = 0
    ) -> None:
        super().__init__()
        self.alpha = _each(alpha, "alpha")
        self.sigma = _each(sigma, "sigma")
        self.interpolation = interpolation
        self.fill = fill
        self._fill = fills_of(fill)

    @staticmethod
    def get_params(alpha: list[float], sigma: list[float], size: list[int]) -> Tensor:
        """A random displacement [1, H, W, 2]."""
        parts = []
        for far, smooth, length in zip(alpha, sigma, size[::-1]):
            part = ops.rand([1, 1, *size]) * 2 - 1
            if smooth > 0.0:
                side = int(8 * smooth + 1) // 2 * 2 + 1
                part = F.gaussian_blur(part, [side, side], list(sigma))
            parts.append(part * far / length)
        made: Tensor = ops.cat(parts, 1).permute(0, 2, 3, 1)
        return made

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"displacement": self.get_params(self.alpha, self.sigma, list(query_size(flat_inputs)))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        options = {"interpolation": self.interpolation, "fill": fill_for(self._fill, inpt)}
        return self._call_kernel(F.elastic, inpt, **params, **options)


def _each(given: Angles, name: str) -> list[float]:
    """One number along x and one along y."""
    if not isinstance(given, int | float | list | tuple):
        raise TypeError(f"{name} should be a number or a sequence of numbers. Got {type(given)}")
    numbers = [float(given)] * 2 if isinstance(given, int | float) else [float(one) for one in given]
    if len(numbers) not in (1, 2):
        raise ValueError(f"If {name} is a sequence its length should be 2. Got {len(numbers)}")
    return numbers * 2 if len(numbers) == 1 else numbers


__all__ = ["ElasticTransform", "RandomAffine", "RandomPerspective", "RandomRotation"]
