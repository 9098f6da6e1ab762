"""The models that are trained in the benchmarks. Each is built from a seed and gives a function that does one step."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from .framework import Framework, TrainStep

MLP_BATCH = 32
GAN_BATCH = 64
GENERATOR = (100, 256, 512, 1024, 784)
DISCRIMINATOR = (784, 1024, 512, 256, 1)


def linear_regression(torch: Framework) -> tuple[Any, TrainStep]:
    """A line through 100 noisy points: mean squared error, SGD."""
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 100).unsqueeze(1)
    y = 2 * x + 1 + 0.1 * torch.randn(100, 1)
    model = torch.nn.Linear(1, 1)
    criterion = torch.nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step() -> list[Any]:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return [loss]

    return model, step


def mlp(torch: Framework) -> tuple[Any, TrainStep]:
    """64-64-10 on a batch of 32: ReLU, cross entropy, Adam."""
    torch.manual_seed(0)
    x = torch.randn(MLP_BATCH, 64)
    y = torch.randint(0, 10, (MLP_BATCH,))
    nn = torch.nn
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters())

    def step() -> list[Any]:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return [loss]

    return model, step


def gan(torch: Framework) -> tuple[Any, TrainStep]:
    """Generator 100-256-512-1024-784 against discriminator 784-1024-512-256-1, batch 64: the discriminator's step, then
    the generator's, each with its own Adam."""
    torch.manual_seed(0)
    nn = torch.nn
    generator = _perceptron(torch, GENERATOR, nn.Tanh())
    discriminator = _perceptron(torch, DISCRIMINATOR, nn.Sigmoid())
    criterion = nn.BCELoss()
    generator_optimizer = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    discriminator_optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    images = torch.rand(GAN_BATCH, DISCRIMINATOR[0]) * 2 - 1
    real, fake = torch.ones(GAN_BATCH, 1), torch.zeros(GAN_BATCH, 1)

    def step() -> list[Any]:
        generated = generator(torch.randn(GAN_BATCH, GENERATOR[0]))
        discriminator_optimizer.zero_grad()
        on_real = criterion(discriminator(images), real)
        on_fake = criterion(discriminator(generated.detach()), fake)
        discriminator_loss = on_real + on_fake
        discriminator_loss.backward()
        discriminator_optimizer.step()

        generator_optimizer.zero_grad()
        generator_loss = criterion(discriminator(generated), real)
        generator_loss.backward()
        generator_optimizer.step()
        return [discriminator_loss, generator_loss]

    return nn.Sequential(generator, discriminator), step


def _perceptron(torch: Framework, widths: tuple[int, ...], last: Any) -> Any:
    layers = []
    for n_in, n_out in pairwise(widths):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.LeakyReLU(0.2)]
    return torch.nn.Sequential(*layers[:-1], last)
