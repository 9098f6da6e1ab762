"""AlexNet, in the form of its second paper: Krizhevsky, *One weird trick for parallelizing convolutional neural
networks* (2014)."""

from __future__ import annotations

from typing import Any

from ... import nn
from ...eager import Tensor
from .weights import WeightsEnum, builder, imagenet


class AlexNet(nn.Module):
    r"""Five convolutions and three linear layers.

    Args:
        num_classes (int): classes. Default: 1000
        dropout (float): the probability of each feature to be dropped before a linear layer. Default: 0.5

    Shape:
        - Input: :math:`(N, 3, H, W)`, at least 63x63. Output: :math:`(N, \text{num\_classes})`.
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2),
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2),
        )  # fmt: skip
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(inplace=True),
            nn.Dropout(dropout), nn.Linear(4096, 4096), nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return result


class AlexNet_Weights(WeightsEnum):
    """Weights of :func:`alexnet`."""

    IMAGENET1K_V1 = imagenet("alexnet-owt-7be5be79.pth", 61_100_840, 56.522, 79.066, min_size=63)
    DEFAULT = IMAGENET1K_V1


@builder(AlexNet_Weights)
def alexnet(**kwargs: Any) -> AlexNet:
    """AlexNet; the arguments are those of `AlexNet`."""
    return AlexNet(**kwargs)


BUILDERS = (alexnet,)

__all__ = ["AlexNet", "AlexNet_Weights", "alexnet"]
