"""Models and their weights by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from types import ModuleType
from typing import Any

from ...nn import Module
from .alexnet import BUILDERS as ALEXNET
from .convnext import BUILDERS as CONVNEXT
from .densenet import BUILDERS as DENSENET
from .detection.faster_rcnn import BUILDERS as FASTER_RCNN
from .detection.fcos import BUILDERS as FCOS
from .detection.keypoint_rcnn import BUILDERS as KEYPOINT_RCNN
from .detection.mask_rcnn import BUILDERS as MASK_RCNN
from .detection.retinanet import BUILDERS as RETINANET
from .detection.ssd import BUILDERS as SSD
from .detection.ssdlite import BUILDERS as SSDLITE
from .efficientnet import BUILDERS as EFFICIENTNET
from .googlenet import BUILDERS as GOOGLENET
from .inception import BUILDERS as INCEPTION
from .maxvit import BUILDERS as MAXVIT
from .mnasnet import BUILDERS as MNASNET
from .mobilenetv2 import BUILDERS as MOBILENET_V2
from .mobilenetv3 import BUILDERS as MOBILENET_V3
from .regnet import BUILDERS as REGNET
from .resnet import BUILDERS as RESNET
from .segmentation.deeplabv3 import BUILDERS as DEEPLABV3
from .segmentation.fcn import BUILDERS as FCN
from .segmentation.lraspp import BUILDERS as LRASPP
from .shufflenetv2 import BUILDERS as SHUFFLENET_V2
from .squeezenet import BUILDERS as SQUEEZENET
from .swin_transformer import BUILDERS as SWIN
from .vgg import BUILDERS as VGG
from .video.resnet import BUILDERS as VIDEO_RESNET
from .vision_transformer import BUILDERS as VIT
from .weights import WeightsEnum

_BUILDERS: dict[str, Callable[..., Module]] = {
    build.__name__: build
    for family in (
        ALEXNET, CONVNEXT, DEEPLABV3, DENSENET, EFFICIENTNET, FASTER_RCNN, FCN, FCOS, GOOGLENET, INCEPTION,
        KEYPOINT_RCNN, LRASPP, MASK_RCNN, MAXVIT, MNASNET, MOBILENET_V2, MOBILENET_V3, REGNET, RESNET, RETINANET,
        SHUFFLENET_V2, SQUEEZENET, SSD, SSDLITE, SWIN, VGG, VIDEO_RESNET, VIT,
    )
    for build in family
}  # fmt: skip


def list_models(
    module: ModuleType | None = None,
    include: Iterable[str] | str | None = None,
    exclude: Iterable[str] | str | None = None,
) -> list[str]:
    """The names of the models, in order.

    Args:
        module (module, optional): the package that they are in.
        include (str or list of str, optional): patterns, as of file names, one of which a name fits. Default: all
        exclude (str or list of str, optional): patterns, none of which a name fits. Default: none

    >>> from kagari.vision import models
    >>> models.list_models(include="resnet*", exclude=["*1", "*2"])
    ['resnet18', 'resnet34', 'resnet50']
    """
    included, excluded = ([given] if isinstance(given, str) else given for given in (include, exclude))
    return sorted(
        name
        for name, build in _BUILDERS.items()
        if (module is None or build.__module__.rpartition(".")[0] == module.__name__)
        and (not included or any(fnmatch(name, pattern) for pattern in included))
        and not any(fnmatch(name, pattern) for pattern in excluded or ())
    )


def get_model_builder(name: str) -> Callable[..., Module]:
    """The function that builds a model, by its name; capital letters don't matter. Raises ValueError for an unknown
    one."""
    build = _BUILDERS.get(name.lower())
    if build is None:
        raise ValueError(f"Unknown model {name.lower()}")
    return build


def get_model(name: str, **config: Any) -> Module:
    """A model, by its name; the arguments are those of the function that builds it. Raises ValueError for an unknown
    name.

    >>> from kagari.vision import models
    >>> models.get_model("squeezenet1_1", num_classes=3).classifier[1].out_channels
    3
    """
    return get_model_builder(name)(**config)


def get_model_weights(name: str | Callable[..., Module]) -> type[WeightsEnum]:
    """The weights that there are for a model, by its name or the function that builds it.

    Raises ValueError for an unknown name.
    """
    build: Any = get_model_builder(name) if isinstance(name, str) else name
    weights: type[WeightsEnum] = build.weights_of
    return weights


def get_weight(name: str) -> WeightsEnum:
    """Weights by their full name, as ``"ResNet50_Weights.IMAGENET1K_V2"``.

    Raises ValueError for another form and for an unknown model, KeyError for weights that it does not have.
    """
    kind, _, member = name.partition(".")
    if not member or "." in member:
        raise ValueError(f"Invalid weight name provided: '{name}'.")
    for build in _BUILDERS.values():
        if get_model_weights(build).__name__ == kind:
            return get_model_weights(build)[member]
    raise ValueError(f"The weight enum '{kind}' for the specific method couldn't be retrieved.")


__all__ = ["get_model", "get_model_builder", "get_model_weights", "get_weight", "list_models"]
