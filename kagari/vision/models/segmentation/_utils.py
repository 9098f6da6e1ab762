"""What models of segmentation share."""

from __future__ import annotations

from collections import OrderedDict

from .... import nn
from ....eager import Tensor
from ....nn import functional as F


class _SimpleSegmentationModel(nn.Module):
    r"""Classes of pixels, said of the features of a backbone and brought to the size of the image.

    Args:
        backbone (Module): makes maps ``out`` and, for the auxiliary classifier, ``aux``.
        classifier (Module): makes a map of classes.
        aux_classifier (Module, optional): makes another one, in training, of features further below.

    Shape:
        - Input: :math:`(N, 3, H, W)`. Output: a dictionary of ``out`` and, with an auxiliary classifier, ``aux``:
          :math:`(N, \text{classes}, H, W)`.
    """

    def __init__(self, backbone: nn.Module, classifier: nn.Module, aux_classifier: nn.Module | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.aux_classifier = aux_classifier

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        features = self.backbone(x)
        parts = {"out": self.classifier, "aux": self.aux_classifier}
        size = (x.shape[-2], x.shape[-1])
        return OrderedDict(
            (name, F.interpolate(part(features[name]), size=size, mode="bilinear", align_corners=False))
            for name, part in parts.items()
            if part is not None
        )


__all__ = ["_SimpleSegmentationModel"]
