"""Images of noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...eager import operators as ops
from ...eager.random import get_rng_state, manual_seed, set_rng_state
from ..pillow import pillow
from .vision import VisionDataset


class FakeData(VisionDataset):
    """Pictures of noise with random classes, each of which follows from its index.

    Args:
        size (int): how many there are. Default: 1000
        image_size (tuple of int): channels, height and width. Default: ``(3, 224, 224)``
        num_classes (int): classes. Default: 10
        transform, target_transform: functions of a picture and of a number.
        random_offset (int): is added to the index that seeds the noise. Default: 0
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: Sequence[int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(None, transform=transform, target_transform=target_transform)
        self.size, self.image_size, self.num_classes = size, image_size, num_classes
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= len(self):
            raise IndexError(f"{self.__class__.__name__} index out of range")
        before = get_rng_state()
        manual_seed(index + self.random_offset)
        noise = ops.randn(*self.image_size)
        target = int(ops.randint(0, self.num_classes, size=(1,)))
        set_rng_state(before)
        pixels = noise.mul(255).byte().permute(1, 2, 0).squeeze(2).contiguous()
        return self._transformed(pillow().fromarray(pixels.numpy()), target)

    def __len__(self) -> int:
        return self.size


__all__ = ["FakeData"]
