"""Drawn images, for programs and tests that have no files: each follows from a seed and its index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ...eager.convert import from_numpy
from .vision import VisionDataset


class _Synthetic(VisionDataset):
    """Drawings of the classes by turns: a tensor, (1, size, size), float32, and the number of the class."""

    classes: ClassVar[list[str]]

    def __init__(
        self,
        length: int,
        size: int,
        seed: int,
        noise: float,
        transform: Callable[[Any], Any] | None,
        target_transform: Callable[[Any], Any] | None,
    ) -> None:
        super().__init__(None, transform=transform, target_transform=target_transform)
        self.length, self.size, self.seed, self.noise = length, size, seed, noise
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not 0 <= index < self.length:
            raise IndexError(f"{self.__class__.__name__} index out of range")
        draw, kind = np.random.default_rng((self.seed, index)), index % len(self.classes)
        image = self._draw(kind, draw)
        image = image + self.noise * draw.standard_normal(image.shape)
        return self._transformed(from_numpy(image.astype(np.float32)[None]), kind)

    def _draw(self, kind: int, draw: np.random.Generator) -> np.ndarray:
        """The drawing, white on black: (size, size), from 0 to 1."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        return f"Size: {self.size}\nSeed: {self.seed}"


class SyntheticShapes(_Synthetic):
    """Discs, rings, squares, crosses and stripes of random place and size, and noise. A sample is a tensor,
    (1, size, size), and the number of its shape. It follows from the seed and the index; the shapes take turns.

    Args:
        length (int): how many there are. Default: 1000
        size (int): height and width. Default: 24
        seed (int): another seed gives other drawings. Default: 0
        noise (float): the standard deviation of what is added to each pixel. Default: 0.4
        transform, target_transform: functions of a tensor and of a number.

    >>> from kagari.vision.datasets import SyntheticShapes
    >>> image, kind = SyntheticShapes(noise=0.0)[7]
    >>> tuple(image.shape), SyntheticShapes.classes[kind], image.unique().tolist()
    ((1, 24, 24), 'square', [0.0, 1.0])
    """

    classes: ClassVar = ["disc", "ring", "square", "cross", "stripes"]

    def __init__(
        self,
        length: int = 1000,
        size: int = 24,
        seed: int = 0,
        noise: float = 0.4,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(length, size, seed, noise, transform, target_transform)

    def _draw(self, kind: int, draw: np.random.Generator) -> np.ndarray:
        x, y = np.meshgrid(*[np.arange(self.size) - self.size / 2] * 2)
        reach = self.size / 6
        x, y = x - draw.uniform(-reach, reach), y - draw.uniform(-reach, reach)
        radius, across = draw.uniform(reach, 2 * reach), np.maximum(abs(x), abs(y))
        filled = (
            np.hypot(x, y) < radius, abs(np.hypot(x, y) - radius) < 1.5, across < radius,
            (np.minimum(abs(x), abs(y)) < 1.5) & (across < radius), (across < radius) & (np.floor(x) % 4 < 2),
        )[kind]  # fmt: skip
        return filled.astype(np.float64)


# The strokes of the digits: lines through points, (right, down) in a box of 4 by 6.
_STROKES = (
    (((2, 0), (3.5, 1), (4, 3), (3.5, 5), (2, 6), (0.5, 5), (0, 3), (0.5, 1), (2, 0)),),
    (((1, 1.2), (2.4, 0), (2.4, 6)),),
    (((0, 1.5), (0.7, 0.3), (2.2, 0), (3.6, 0.8), (3.6, 2.2), (0, 6), (4, 6)),),
    (((0.2, 0.4), (2, 0), (3.7, 0.9), (3.4, 2.4), (1.6, 2.9), (3.6, 3.6), (3.8, 5), (2, 6), (0.1, 5.4)),),
    (((2.8, 6), (2.8, 0), (0, 4), (4, 4)),),
    (((3.7, 0), (0.6, 0), (0.3, 2.8), (2.4, 2.4), (3.9, 3.6), (3.7, 5.2), (2, 6), (0.1, 5.5)),),
    (((3.2, 0), (1, 1.8), (0.1, 4), (0.8, 5.6), (2.3, 6), (3.8, 5), (3.7, 3.6), (2.2, 3), (0.3, 3.8)),),
    (((0, 0), (4, 0), (1.6, 6)),),
    (
        ((2, 0), (3.6, 0.8), (3.3, 2.3), (2, 2.9), (0.7, 2.3), (0.4, 0.8), (2, 0)),
        ((2, 2.9), (3.8, 3.8), (3.7, 5.4), (2, 6), (0.3, 5.4), (0.2, 3.8), (2, 2.9)),
    ),
    (((3.7, 2.2), (1.8, 3), (0.3, 2.4), (0.2, 1), (1.7, 0), (3.2, 0.4), (3.9, 2), (3, 4.2), (0.8, 6)),),
)


class SyntheticDigits(_Synthetic):
    """Digits in strokes of random width, place, size and slant, and noise, in the form of `MNIST`. A sample is a
    tensor, (1, size, size), and the digit. It follows from the seed and the index; the digits take turns.

    Args:
        length (int): how many there are. Default: 1000
        size (int): height and width. Default: 28
        seed (int): another seed gives other drawings. Default: 0
        noise (float): the standard deviation of what is added to each pixel. Default: 0.1
        transform, target_transform: functions of a tensor and of a digit.

    >>> from kagari.vision.datasets import SyntheticDigits
    >>> image, digit = SyntheticDigits(noise=0.0)[14]
    >>> tuple(image.shape), digit, image.min().item(), image.max().item()
    ((1, 28, 28), 4, 0.0, 1.0)
    """

    classes: ClassVar = [str(digit) for digit in range(10)]

    def __init__(
        self,
        length: int = 1000,
        size: int = 28,
        seed: int = 0,
        noise: float = 0.1,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(length, size, seed, noise, transform, target_transform)

    def _draw(self, kind: int, draw: np.random.Generator) -> np.ndarray:
        unit = self.size / 10
        turn, slant = draw.uniform(-0.2, 0.2), draw.uniform(-0.3, 0.3)
        spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        place = spin @ [[1, slant], [0, 1]] * unit * draw.uniform(0.85, 1.15, 2)
        middle = (self.size - 1) / 2 + draw.uniform(-unit, unit, 2)
        lines = [np.array(stroke) - (2, 3) + draw.uniform(-0.2, 0.2, (len(stroke), 2)) for stroke in _STROKES[kind]]
        lines = [line @ place.T + middle for line in lines]
        starts, ends = (np.concatenate([line[part] for line in lines]) for part in (slice(-1), slice(1, None)))
        pixels = np.stack(np.meshgrid(*[np.arange(self.size)] * 2), -1)[..., None, :]  # (size, size, 1, 2)
        along = ends - starts
        share = np.clip(((pixels - starts) * along).sum(-1) / (along**2).sum(-1), 0, 1)  # (size, size, lines)
        distance = np.linalg.norm(starts + share[..., None] * along - pixels, axis=-1).min(-1)
        return np.clip(draw.uniform(0.35, 0.6) * unit - distance + 0.5, 0, 1)


__all__ = ["SyntheticDigits", "SyntheticShapes"]
