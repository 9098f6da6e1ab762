"""Random changes of colour and shape, with the words and the random numbers of torchvision's first interface."""

from __future__ import annotations

from typing import Any

from ...eager import operators as ops
from .interpolation import InterpolationMode
from .v2 import auto
from .v2.auto import AutoAugmentPolicy
from .v2.transform import below

Mode = InterpolationMode | str | int


class _First(auto.AutoAugmenting):
    """The direction comes from a random whole number, thresholds are of bytes."""

    _brightest = 255.0

    def _negative(self) -> bool:
        return bool(below(2))

    def _unit(self, image: Any) -> float:
        return 1.0

    def __repr__(self) -> str:
        shown = [f"{name}={getattr(self, name)}" for name in self._shown]
        return f"{type(self).__name__}({', '.join(shown)})"

    _shown: tuple[str, ...]


class AutoAugment(_First, auto.AutoAugment):
    """One of the choices of a policy that was found by search. See :class:`~.v2.AutoAugment`."""

    _shown = ("policy", "fill")

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: Mode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(policy, interpolation, fill)

    @staticmethod
    def get_params(transform_num: int) -> tuple[int, Any, Any]:
        """Which choice, and for its two steps whether they are taken, and in which direction."""
        return below(transform_num), ops.rand((2,)), ops.randint(2, (2,))

    def _augmented(self, image: Any, fill: Any) -> Any:
        choice, chances, directions = self.get_params(len(self._policies))
        steps = zip(self._policies[choice], chances.tolist(), directions.tolist())
        for (name, probability, step), chance, direction in steps:
            if chance <= probability:
                bins, signed = self._space[name]
                strength = 0.0 if bins is None else float(bins(10, *auto.F.get_size(image))[step or 0])
                image = self._changed(image, name, -strength if signed and direction == 0 else strength, fill)
        return image


class RandAugment(_First, auto.RandAugment):
    """Some random changes, all equally strong. See :class:`~.v2.RandAugment`."""

    _shown = ("num_ops", "magnitude", "num_magnitude_bins", "interpolation", "fill")

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: Mode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(num_ops, magnitude, num_magnitude_bins, interpolation, fill)


class TrivialAugmentWide(_First, auto.TrivialAugmentWide):
    """One random change, of any strength. See :class:`~.v2.TrivialAugmentWide`."""

    _shown = ("num_magnitude_bins", "interpolation", "fill")

    def __init__(
        self, num_magnitude_bins: int = 31, interpolation: Mode = InterpolationMode.NEAREST, fill: Any = None
    ) -> None:
        super().__init__(num_magnitude_bins, interpolation, fill)


class AugMix(_First, auto.AugMix):
    """The image mixed with what chains of random changes make of it. See :class:`~.v2.AugMix`."""

    _shown = ("severity", "mixture_width", "chain_depth", "alpha", "all_ops", "interpolation", "fill")

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: Mode = InterpolationMode.BILINEAR,
        fill: Any = None,
    ) -> None:
        super().__init__(severity, mixture_width, chain_depth, alpha, all_ops, interpolation, fill)


__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]
