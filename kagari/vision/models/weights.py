"""Trained weights: where they lie, how their images are prepared, and the decorator of functions that build models."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, partial, wraps
from pathlib import Path
from typing import Any, Self, TypeVar

from ...hub import load_state_dict_from_url
from ...nn import Module
from .presets import ImageClassification

M = TypeVar("M", bound=Module)

BASE = "https://download.pytorch.org/models/"


@dataclass(frozen=True)
class Weights:
    """The address of a file of weights, what makes a model's input of an image, and what is known of the weights."""

    url: str
    transforms: Callable[..., Any] = field(compare=False)
    meta: dict[str, Any] = field(compare=False)


class WeightsEnum(Enum):
    """The weights that there are for a model. A member is given to the function that builds it.

    >>> from kagari.vision.models import ResNet18_Weights
    >>> ResNet18_Weights.DEFAULT
    ResNet18_Weights.IMAGENET1K_V1
    >>> ResNet18_Weights.DEFAULT.meta["categories"][:2]
    ['tench', 'goldfish']
    """

    @classmethod
    def verify(cls, obj: Any) -> Self | None:
        """The member that is meant by itself or its name; None for None.

        Raises TypeError for weights of another model, KeyError for an unknown name.
        """
        if isinstance(obj, str):
            return cls[obj.removeprefix(f"{cls.__name__}.")]
        if obj is not None and not isinstance(obj, cls):
            raise TypeError(
                f"Invalid Weight class provided; expected {cls.__name__} but received {obj.__class__.__name__}."
            )
        return obj

    def get_state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The tensors by their names; the arguments are those of `hub.load_state_dict_from_url`."""
        return load_state_dict_from_url(self.url, *args, **kwargs)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}.{self._name_}"

    @property
    def url(self) -> str:
        """Where the file lies."""
        url: str = self.value.url
        return url

    @property
    def transforms(self) -> Callable[..., Any]:
        """Makes the transform from an image to the model's input."""
        transforms: Callable[..., Any] = self.value.transforms
        return transforms

    @property
    def meta(self) -> dict[str, Any]:
        """What is known: ``num_params``, ``min_size`` of images, the names of the ``categories``."""
        meta: dict[str, Any] = self.value.meta
        return meta


@cache
def imagenet_categories() -> tuple[str, ...]:
    """The names of ImageNet's 1000 classes, in the order of a classifier's outputs."""
    return tuple(Path(__file__).with_name("imagenet.txt").read_text(encoding="utf-8").splitlines())


def imagenet(
    file: str, num_params: int, acc1: float, acc5: float, min_size: int = 1, crop_size: int = 224, **preset: Any
) -> Weights:
    """Weights that were trained on ImageNet's 1000 classes.

    Args:
        file (str): the name at PyTorch's download site.
        num_params (int): how many numbers there are.
        acc1, acc5 (float): the share of test images, in percent, whose class is the first, or among the first five.
        min_size (int): the smallest height and width of images.
        crop_size (int): the height and width that images were cut to.
        preset: further arguments of the transform, `ImageClassification`.
    """
    meta = {
        "num_params": num_params,
        "min_size": (min_size, min_size),
        "categories": list(imagenet_categories()),
        "_metrics": {"ImageNet-1K": {"acc@1": acc1, "acc@5": acc5}},
    }
    return Weights(BASE + file, partial(ImageClassification, crop_size=crop_size, **preset), meta)


def features(file: str, num_params: int, min_size: int) -> Weights:
    """Weights of a classifier without its last layers, as SSD's authors trained them: the images' channels have the
    deviation of one step of a byte."""
    transform = partial(ImageClassification, crop_size=224, mean=(0.48235, 0.45882, 0.40784), std=(1 / 255,) * 3)
    return Weights(BASE + file, transform, {"num_params": num_params, "min_size": (min_size,) * 2, "categories": None})


@dataclass(frozen=True)
class Start:
    """What the backbone of a model begins with."""

    weights: WeightsEnum | None
    progress: bool
    is_trained: bool
    """Whether it has weights in the end, its own or those of the whole model."""


def builder(
    weights_of: type[WeightsEnum],
    given: Callable[[WeightsEnum], dict[str, Any]] = lambda weights: {},
    adapt: Callable[[Any, dict[str, Any]], dict[str, Any]] = lambda model, state: state,
    backbone: tuple[type[WeightsEnum], WeightsEnum | None] | None = None,
    **usual: Any,
) -> Callable[[Callable[..., M]], Callable[..., M]]:
    """Gives a function that builds a model the arguments ``weights`` and ``progress``.

    Args:
        weights_of: the weights that there are.
        given: what weights say of the model's arguments, besides the number of classes; who says otherwise is refused.
        adapt: makes a model's state of what is in the file.
        backbone: the weights that there are for its backbone, and those that it has by default. The model has the
            argument ``weights_backbone``, then, and the function gets what comes of it, a `Start`, as ``start``.
        usual: further arguments of a model with weights; who says otherwise is followed.
    """

    def decorate(build: Callable[..., M]) -> Callable[..., M]:
        @wraps(build)
        def made(*args: Any, progress: bool = True, **kwargs: Any) -> M:
            progress = _by_position(build.__name__, args, progress, kwargs)
            weights = _chosen(build.__name__, weights_of, kwargs, "weights", "pretrained", None)
            if backbone is not None:
                names = ("weights_backbone", "pretrained_backbone")
                below = _chosen(build.__name__, backbone[0], kwargs, *names, backbone[1])
                kwargs["start"] = Start(None if weights else below, progress, weights is not None or below is not None)
            if weights is None:
                return build(**kwargs)
            kwargs = {**usual, **kwargs}
            for name, value in {**_classes(weights), **given(weights)}.items():
                if kwargs.get(name) is None:
                    kwargs[name] = value
                if kwargs[name] != value:
                    raise ValueError(f"The parameter '{name}' expected value {value} but got {kwargs[name]} instead.")
            model = build(**kwargs)
            model.load_state_dict(adapt(model, weights.get_state_dict(progress=progress, check_hash=True)))
            return model

        options: dict[str, tuple[Any, Any]] = {"weights": (None, weights_of | None), "progress": (True, bool)}
        if backbone is not None:
            options["weights_backbone"] = (backbone[1], backbone[0] | None)
        first = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for name, (default, annotation) in options.items()
        ]
        signature = inspect.signature(build)
        own = [parameter for name, parameter in signature.parameters.items() if name != "start"]
        made.__signature__ = signature.replace(parameters=[*first, *own])  # type: ignore[attr-defined]
        made.weights_of = weights_of  # type: ignore[attr-defined]
        return made

    return decorate


def _classes(weights: WeightsEnum) -> dict[str, Any]:
    """The number of classes that weights are for, if they are for any."""
    categories = weights.meta["categories"]
    return {} if categories is None else {"num_classes": len(categories)}


def _by_position(model: str, args: tuple[Any, ...], progress: bool, kwargs: dict[str, Any]) -> bool:
    """Names the arguments that programs for older versions give by position; whether to show progress."""
    if len(args) > 2:
        raise TypeError(f"{model}() takes weights and progress as positional arguments, but {len(args)} were given")
    if args:
        names = " and ".join(f"'{name}'" for name in ("weights", "progress")[: len(args)])
        _deprecated(f"Using {names} as positional parameter(s) is", ". Please use keyword parameter(s) instead.")
        kwargs["weights"], progress = (*args, progress)[:2]
    return progress


# What `pretrained=True` means.
_FIRST = ("IMAGENET1K_V1", "COCO_V1", "COCO_WITH_VOC_LABELS_V1", "KINETICS400_V1")


def _chosen(
    model: str, weights_of: type[WeightsEnum], kwargs: dict[str, Any], name: str, older: str, default: Any
) -> WeightsEnum | None:
    """Takes the weights that are asked for out of arguments, also as programs for older versions do."""
    if older in kwargs:
        _deprecated(f"The parameter '{older}' is", f", please use '{name}' instead.")
        kwargs[name] = kwargs.pop(older)
    wanted = kwargs.pop(name, default)
    if wanted is not None and not isinstance(wanted, str | WeightsEnum):
        meant = next((weights_of[first] for first in _FIRST if first in weights_of.__members__), None)
        if wanted and meant is None:
            raise ValueError(f"No weights available for model {model}")
        meant = meant if wanted else None
        latest = f" You can also use `{name}={weights_of.__name__}.DEFAULT` to get the most up-to-date weights."
        _deprecated(
            f"Arguments other than a weight enum or `None` for '{name}' are",
            f". The current behavior is equivalent to passing `{name}={meant}`.{latest if wanted else ''}",
        )
        wanted = meant
    return weights_of.verify(wanted)


def _deprecated(what: str, advice: str) -> None:
    warnings.warn(f"{what} deprecated since 0.13 and may be removed in the future{advice}", stacklevel=4)


__all__ = ["BASE", "Start", "Weights", "WeightsEnum", "builder", "features", "imagenet"]
