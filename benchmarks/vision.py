"""Models of images: each is built from a seed and gives a function that does one step."""

from __future__ import annotations

from typing import Any

from .framework import Framework, Step, TrainStep

MNIST_BATCH = 64
RESNET_BATCH = 8
STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))
"""The width of each stage of ResNet-18 and the stride of its first block."""


def resnet18(torch: Framework, classes: int = 1000) -> Any:
    """Two residual blocks a stage. Source: He and others, Deep Residual Learning, 2015 (arXiv 1512.03385)."""
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[name-defined]
        def __init__(self, inputs: int, width: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
            self.norm1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(width)
            self.skip = nn.Identity()
            if inputs != width:
                self.skip = nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))

        def forward(self, x: Any) -> Any:
            y = torch.relu(self.norm1(self.conv1(x)))
            return torch.relu(self.norm2(self.conv2(y)) + self.skip(x))

    blocks, inputs = [], 64
    for width, stride in STAGES:
        blocks += [Block(inputs, width, stride), Block(width, width, 1)]
        inputs = width
    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))


def resnet_inference(torch: Framework, batch: int) -> Step:
    """ResNet-18 in evaluation mode on images of 224 x 224."""
    torch.manual_seed(0)
    model = resnet18(torch).eval()
    x = torch.randn(batch, 3, 224, 224)

    def step() -> Any:
        with torch.no_grad():
            return model(x)

    return step


def resnet_training(torch: Framework) -> tuple[Any, TrainStep]:
    """ResNet-18 on images of 64 x 64: cross entropy, SGD with momentum."""
    torch.manual_seed(0)
    model = resnet18(torch)
    x, y = torch.randn(RESNET_BATCH, 3, 64, 64), torch.randint(0, 1000, (RESNET_BATCH,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    return model, _classification(torch, model, optimizer, x, y)


def mnist(torch: Framework) -> tuple[Any, TrainStep]:
    """Two convolutions and two linear layers on digits of 28 x 28: cross entropy, Adam."""
    torch.manual_seed(0)
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    x, y = torch.randn(MNIST_BATCH, 1, 28, 28), torch.randint(0, 10, (MNIST_BATCH,))
    return model, _classification(torch, model, torch.optim.Adam(model.parameters()), x, y)


def _classification(torch: Framework, model: Any, optimizer: Any, x: Any, y: Any) -> TrainStep:
    def step() -> list[Any]:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return [loss]

    return step
