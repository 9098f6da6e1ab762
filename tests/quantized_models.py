"""Models that the tests of quantization quantize, for either library, with the same weights."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np


def filled(torch: ModuleType, model: Any, seed: int = 0, scale: float = 0.4) -> Any:
    """A model with numbers in it that do not depend on the library."""
    drawn = np.random.default_rng(seed)
    with torch.no_grad():
        for name, value in sorted(model.state_dict().items()):
            if not value.is_floating_point():
                continue
            numbers = drawn.normal(0, scale, tuple(value.shape))
            if "running_var" in name or name.endswith("bn.weight"):
                numbers = np.abs(numbers) + 0.5
            value.copy_(torch.tensor(numbers.tolist()).reshape(value.shape))
    return model


def numbers(torch: ModuleType, *shape: int, seed: int = 1) -> Any:
    """A tensor of normal numbers."""
    return torch.tensor(np.random.default_rng(seed).normal(size=shape).tolist())


def convolutional(torch: ModuleType) -> Any:
    """A block of MobileNetV2 with all around it: convolutions, of channels alone, a sum, a mean, linear maps."""
    nn, quantization = torch.nn, torch.ao.quantization

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.quant, self.dequant = quantization.QuantStub(), quantization.DeQuantStub()
            self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
            self.expand = nn.Sequential(nn.Conv2d(8, 24, 1), nn.BatchNorm2d(24), nn.ReLU())
            self.depth = nn.Sequential(nn.Conv2d(24, 24, 3, 1, 1, groups=24), nn.BatchNorm2d(24), nn.ReLU())
            self.project = nn.Sequential(nn.Conv2d(24, 8, 1), nn.BatchNorm2d(8))
            self.sum = torch.ao.nn.quantized.FloatFunctional()
            self.pool = nn.MaxPool2d(2)
            self.head = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 5))

        def forward(self, x: Any) -> Any:
            x = self.stem(self.quant(x))
            x = self.sum.add(x, self.project(self.depth(self.expand(x))))
            x = self.pool(x).mean([2, 3])
            return self.dequant(self.head(x))

        def fuse(self, training: bool = False) -> Any:
            join = quantization.fuse_modules_qat if training else quantization.fuse_modules
            names = [[f"{part}.{i}" for i in range(3)] for part in ("stem", "expand", "depth")]
            names += [["project.0", "project.1"], ["head.0", "head.1"]]
            return join(self, names)

    return filled(torch, Net())


def language(torch: ModuleType) -> Any:
    """A model of language: an embedding, a network of long short-term memory, and a linear map."""
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Embedding(20, 12)
            self.rnn = nn.LSTM(12, 16, 2, dropout=0.5)
            self.decoder = nn.Linear(16, 20)

        def forward(self, words: Any, hidden: Any) -> Any:
            output, hidden = self.rnn(self.encoder(words), hidden)
            return self.decoder(output), hidden

    return filled(torch, Net())


def transformer(torch: ModuleType) -> Any:
    """Two layers of a transformer, as BERT has them, with attention written out."""
    nn = torch.nn

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query, self.key, self.value, self.output = (nn.Linear(16, 16) for _ in range(4))
            self.within, self.back = nn.Linear(16, 32), nn.Linear(32, 16)
            self.norms = nn.ModuleList([nn.LayerNorm(16), nn.LayerNorm(16)])

        def forward(self, x: Any) -> Any:
            q, k, v = (f(x).unflatten(-1, (4, 4)).transpose(1, 2) for f in (self.query, self.key, self.value))
            weights = (q @ k.transpose(-1, -2) / 2).softmax(-1)
            x = self.norms[0](x + self.output((weights @ v).transpose(1, 2).flatten(2)))
            return self.norms[1](x + self.back(nn.functional.gelu(self.within(x))))

    return filled(torch, nn.Sequential(nn.Linear(12, 16), Layer(), Layer(), nn.Linear(16, 2)), scale=0.3)
