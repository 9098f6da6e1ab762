"""Random changes of colour and shape, of a kind and strength that search or chance have found."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ....eager import Tensor
from ....eager import operators as ops
from ...tv_tensors import BoundingBoxes, Image, KeyPoints, Mask, TVTensor, Video, wrap
from ..interpolation import InterpolationMode
from . import functional as F
from .functional.convert import largest
from .mix import dirichlet
from .policies import AutoAugmentPolicy, policies
from .structure import is_picture, is_pure_tensor, leaves, with_leaves
from .transform import Transform, below, fill_for, fills_of

Mode = InterpolationMode | str | int
Bins = Callable[[int, int, int], Tensor]
"""The strengths, from the least to the greatest, by their number and the height and width of the image."""
Space = dict[str, tuple[Bins | None, bool]]
"""What can be done: how strongly, and whether in both directions."""


def _up_to(most: float) -> Bins:
    return lambda count, height, width: ops.linspace(0.0, most, count)


def _bits(most: int, fewer: int) -> Bins:
    return lambda count, height, width: (most - ops.arange(count) / ((count - 1) / fewer)).round()


def _space(
    shear: float, across: Bins, down: Bins, turn: float, tone: float, bits: Bins, brightest: float, others: list[str]
) -> Space:
    """What all policies can do, in their order, and what some can."""
    tones: Space = {name: (_up_to(tone), True) for name in ("Brightness", "Color", "Contrast", "Sharpness")}
    return {
        "ShearX": (_up_to(shear), True),
        "ShearY": (_up_to(shear), True),
        "TranslateX": (across, True),
        "TranslateY": (down, True),
        "Rotate": (_up_to(turn), True),
        **tones,
        "Posterize": (bits, False),
        "Solarize": (lambda count, height, width: ops.linspace(brightest, 0.0, count), False),
        **dict.fromkeys(("AutoContrast", "Equalize", *others), (None, False)),
    }


def _of_width(part: float) -> Bins:
    return lambda count, height, width: ops.linspace(0.0, part * width, count)


def _of_height(part: float) -> Bins:
    return lambda count, height, width: ops.linspace(0.0, part * height, count)


_PART = 150.0 / 331.0
"""How far an image is moved at most, as a part of its size."""


class AutoAugmenting(Transform):
    """What the policies share: one image or video is changed, and nothing else may have to follow."""

    _brightest = 1.0  # of the thresholds of solarize

    def __init__(self, *, interpolation: Mode = "nearest", fill: Any = None) -> None:
        super().__init__()
        self.interpolation = interpolation
        self.fill = fill
        self._fill = fills_of(fill)

    def forward(self, *inputs: Any) -> Any:
        sample = inputs if len(inputs) > 1 else inputs[0]
        flat = leaves(sample)
        index = self._image_in(flat)
        flat[index] = self._augmented(flat[index], fill_for(self._fill, flat[index]))
        return with_leaves(sample, iter(flat))

    def _image_in(self, flat: list[Any]) -> int:
        """Where the image is. Raises TypeError unless there is one, ValueError for what would have to follow it."""
        taken = self._taken(flat)
        found = []
        for k, (inpt, take) in enumerate(zip(flat, taken)):
            if take and (is_pure_tensor(inpt) or is_picture(inpt) or isinstance(inpt, Image | Video)):
                found.append(k)
            elif isinstance(inpt, BoundingBoxes | KeyPoints | Mask):
                raise TypeError(f"Inputs of type {type(inpt).__name__} are not supported by {type(self).__name__}()")
        if not found:
            raise TypeError("Expected to find an image or video in the sample, but found none.")
        if len(found) > 1:
            raise ValueError(
                "Auto augment transformations are only properly defined for a single image or video, but found "
                f"{len(found)}."
            )
        return found[0]

    def _augmented(self, image: Any, fill: Any) -> Any:
        """The image, changed; every subclass defines it."""
        raise NotImplementedError

    def _negative(self) -> bool:
        """A coin that says the direction."""
        return bool(ops.rand(()) <= 0.5)

    def _strength(
        self, space: Space, name: str, image: Any, count: int, index: int | Callable[[], int] | None
    ) -> float:
        """How strongly something is done, in which direction. The index is drawn where there are strengths alone."""
        bins, signed = space[name]
        if bins is None:
            return 0.0
        step = index() if callable(index) else index
        strength = float(bins(count, *F.get_size(image))[step])
        return -strength if signed and self._negative() else strength

    def _changed(self, image: Any, name: str, strength: float, fill: Any) -> Any:
        """What a name of a space means."""
        options = {"interpolation": self.interpolation, "fill": fill}
        if name in ("ShearX", "ShearY"):
            angle = math.degrees(math.atan(strength))
            shear = [angle, 0.0] if name == "ShearX" else [0.0, angle]
            return F.affine(image, angle=0.0, translate=[0, 0], scale=1.0, shear=shear, center=[0, 0], **options)
        if name in ("TranslateX", "TranslateY"):
            moved = [int(strength), 0] if name == "TranslateX" else [0, int(strength)]
            return F.affine(image, angle=0.0, translate=moved, scale=1.0, shear=[0.0, 0.0], **options)
        if name == "Rotate":
            return F.rotate(image, angle=strength, **options)
        if name in _TONES:
            return _TONES[name](image, 1.0 + strength)
        if name == "Posterize":
            return F.posterize(image, bits=int(strength))
        if name == "Solarize":
            return F.solarize(image, threshold=self._unit(image) * strength)
        return _PLAIN[name](image) if name in _PLAIN else image

    def _unit(self, image: Any) -> float:
        """What thresholds of solarize are multiplied by."""
        return largest(image.dtype) if isinstance(image, Tensor) else 255


_TONES = {"Brightness": F.adjust_brightness, "Color": F.adjust_saturation, "Contrast": F.adjust_contrast,
          "Sharpness": F.adjust_sharpness}  # fmt: skip
_PLAIN = {"AutoContrast": F.autocontrast, "Equalize": F.equalize, "Invert": F.invert}


class AutoAugment(AutoAugmenting):
    r"""One of the choices of a policy that was found by search.

    Args:
        policy (AutoAugmentPolicy): the data set that it was searched for. Default: ImageNet
        interpolation (InterpolationMode): nearest or bilinear. Default: nearest
        fill (number, sequence, or dict): what lies around it; see :class:`Pad`. Default: 0

    Raises ValueError for an unknown policy.

    Source: Cubuk and others, AutoAugment, 2018.

    Example::

        >>> import kagari as torch
        >>> from kagari.vision.transforms import v2
        >>> v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10)(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
        torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: Mode = "nearest",
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation=interpolation, fill=fill)
        self.policy = policy
        self._policies = policies(policy)
        across, down, bits = _of_width(_PART), _of_height(_PART), _bits(8, 4)
        self._space = _space(0.3, across, down, 30.0, 0.9, bits, self._brightest, ["Invert"])

    def _augmented(self, image: Any, fill: Any) -> Any:
        for name, probability, step in self._policies[below(len(self._policies))]:
            if ops.rand(()) <= probability:
                strength = self._strength(self._space, name, image, 10, step)
                image = self._changed(image, name, strength, fill)
        return image


class RandAugment(AutoAugmenting):
    r"""Some random changes, all equally strong.

    Args:
        num_ops (int): how many. Default: 2
        magnitude (int): how strong. Default: 9
        num_magnitude_bins (int): how many strengths there are. Default: 31
        interpolation (InterpolationMode): nearest or bilinear. Default: nearest
        fill (number, sequence, or dict): what lies around it; see :class:`Pad`. Default: 0

    Source: Cubuk and others, RandAugment, 2019.
    """

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: Mode = "nearest",
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation=interpolation, fill=fill)
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins
        across, down, bits = _of_width(_PART), _of_height(_PART), _bits(8, 4)
        nothing: Space = {"Identity": (None, False)}
        self._space = nothing | _space(0.3, across, down, 30.0, 0.9, bits, self._brightest, [])

    def _augmented(self, image: Any, fill: Any) -> Any:
        for _ in range(self.num_ops):
            name = list(self._space)[below(len(self._space))]
            count = self.num_magnitude_bins
            strength = self._strength(self._space, name, image, count, self.magnitude)
            image = self._changed(image, name, strength, fill)
        return image


class TrivialAugmentWide(AutoAugmenting):
    r"""One random change, of any strength.

    Args:
        num_magnitude_bins (int): how many strengths there are. Default: 31
        interpolation (InterpolationMode): nearest or bilinear. Default: nearest
        fill (number, sequence, or dict): what lies around it; see :class:`Pad`. Default: 0

    Source: Müller and Hutter, TrivialAugment, 2021.
    """

    def __init__(self, num_magnitude_bins: int = 31, interpolation: Mode = "nearest", fill: Any = None) -> None:
        super().__init__(interpolation=interpolation, fill=fill)
        self.num_magnitude_bins = num_magnitude_bins
        nothing: Space = {"Identity": (None, False)}
        moved = _up_to(32.0)
        self._space = nothing | _space(0.99, moved, moved, 135.0, 0.99, _bits(8, 6), self._brightest, [])

    def _augmented(self, image: Any, fill: Any) -> Any:
        name = list(self._space)[below(len(self._space))]
        count = self.num_magnitude_bins
        return self._changed(image, name, self._strength(self._space, name, image, count, lambda: below(count)), fill)


class AugMix(AutoAugmenting):
    r"""The image mixed with what chains of random changes make of it.

    Args:
        severity (int): how strong the changes may be, of ten. Default: 3
        mixture_width (int): how many chains. Default: 3
        chain_depth (int): how many changes in each; -1 for 1 to 3. Default: -1
        alpha (float): the weights are of the distributions Beta and Dirichlet with this parameter. Default: 1.0
        all_ops (bool): whether brightness, colour, contrast and sharpness are among them. Default: ``True``
        interpolation (InterpolationMode): nearest or bilinear. Default: bilinear
        fill (number, sequence, or dict): what lies around it; see :class:`Pad`. Default: 0

    Raises ValueError for a severity that is not between 1 and 10.

    Source: Hendrycks and others, AugMix, 2019.
    """

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: Mode = "bilinear",
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation=interpolation, fill=fill)
        if not 1 <= severity <= 10:
            raise ValueError(f"The severity must be between [1, 10]. Got {severity} instead.")
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops
        across, down = _of_width(1.0 / 3.0), _of_height(1.0 / 3.0)
        space = _space(0.3, across, down, 30.0, 0.9, _bits(4, 4), self._brightest, [])
        tones = {name: space.pop(name) for name in _TONES}
        self._space: Space = space | tones if all_ops else space

    def _augmented(self, image: Any, fill: Any) -> Any:
        whole = F.pil_to_tensor(image) if is_picture(image) else image
        plain = whole.as_subclass(Tensor)
        batch = plain.reshape(*[1] * max((5 if isinstance(image, Video) else 4) - plain.ndim, 0), *plain.shape)
        made = self._mixed(batch, fill).reshape(plain.shape).to(plain.dtype)
        if is_picture(image):
            return F.to_pil_image(made)
        return wrap(made, like=image) if isinstance(image, TVTensor) else made

    def _mixed(self, batch: Tensor, fill: Any) -> Tensor:
        count = len(batch)
        shape = [count] + [1] * (batch.ndim - 1)
        own = ops.tensor([dirichlet(self.alpha, self.alpha) for _ in range(count)])
        weights = ops.tensor([dirichlet(*[self.alpha] * self.mixture_width) for _ in range(count)]) * own[:, 1:]
        mixed = own[:, 0].reshape(shape) * batch
        for k in range(self.mixture_width):
            changed = batch
            for _ in range(self.chain_depth if self.chain_depth > 0 else below(4, 1)):
                name = list(self._space)[below(len(self._space))]
                strength = self._strength(self._space, name, changed, 10, lambda: below(self.severity))
                changed = self._changed(changed, name, strength, fill)
            mixed = mixed + weights[:, k].reshape(shape) * changed
        return mixed


__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]
