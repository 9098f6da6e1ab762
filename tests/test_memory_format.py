"""The order of dimensions in memory: formats as arguments, results that keep the order of what they are made from."""

from __future__ import annotations

import pickle
import random
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari
from tests.outcomes import assert_same

rows = lambda lib: lib.arange(480.0).reshape(2, 8, 6, 5) / 7  # noqa: E731


def images(lib: ModuleType) -> Any:
    return rows(lib).to(memory_format=lib.channels_last)


def gaps(lib: ModuleType) -> Any:
    return images(lib)[:, :, ::2]


FORMATS = """
(x.stride(), x.is_contiguous(), x.is_contiguous(memory_format=torch.channels_last))
x.is_contiguous(memory_format=torch.channels_last_3d)
(r0.is_contiguous(memory_format=torch.preserve_format), x.is_contiguous(memory_format=torch.preserve_format))
(r0.contiguous(memory_format=torch.channels_last).stride(), x.contiguous(memory_format=torch.channels_last) is x)
r0.contiguous(memory_format=torch.preserve_format) is r0
x.contiguous(memory_format=torch.preserve_format)
(x.to(memory_format=torch.channels_last) is x, x.to(memory_format=torch.contiguous_format).stride())
x.to(torch.float64, memory_format=torch.contiguous_format).stride()
x.to(torch.float64).stride()
x.to("cpu", memory_format=torch.channels_last, copy=True).stride()
(x.double().stride(), x.double(memory_format=torch.contiguous_format).stride(), x.cpu() is x)
r0.cpu(memory_format=torch.channels_last).stride()
(x.clone().stride(), x.clone(memory_format=torch.contiguous_format).stride(), g.clone().stride())
r0.clone(memory_format=torch.channels_last)
(torch.empty_like(x).stride(), torch.zeros_like(x, memory_format=torch.contiguous_format).stride())
torch.ones_like(r0, memory_format=torch.channels_last)
torch.rand_like(r0, memory_format=torch.channels_last).stride()
torch.empty(2, 3, 4, 5, memory_format=torch.channels_last).stride()
torch.empty(2, 3, 4, 5, 6, memory_format=torch.channels_last_3d).stride()
torch.empty(2, 3, memory_format=torch.channels_last)
torch.empty(2, 3, memory_format=torch.preserve_format)
torch.empty(0).resize_(2, 3, 4, 5, memory_format=torch.channels_last).stride()
torch.zeros(2, 3).to(memory_format=torch.channels_last)
torch.zeros(2, 3, 4, 5, 6).to(memory_format=torch.channels_last)
torch.zeros(2, 3).contiguous(memory_format=3)
torch.zeros(2, 1, 4, 4).to(memory_format=torch.channels_last).stride()
torch.zeros(2, 1, 4, 4).contiguous(memory_format=torch.channels_last).stride()
torch.zeros(2, 1, 4, 4).to(memory_format=torch.channels_last).to(memory_format=torch.contiguous_format).stride()
torch.zeros(2, 3, 1, 1).to(memory_format=torch.channels_last).stride()
torch.zeros(0, 3, 4, 5).to(memory_format=torch.channels_last).stride()
torch.zeros(0, 3, 4, 5).is_contiguous(memory_format=torch.channels_last)
(g.is_contiguous(memory_format=torch.channels_last), g.contiguous(memory_format=torch.channels_last).stride())
[repr(f) for f in (torch.channels_last, torch.channels_last_3d, torch.contiguous_format, torch.preserve_format)]
torch.nn.Conv2d(3, 4, 2).to(memory_format=torch.channels_last).weight.stride()
torch.nn.Conv3d(3, 4, 2).to(memory_format=torch.channels_last_3d).weight.stride()
torch.nn.Conv2d(3, 4, 2).to(memory_format=torch.channels_last_3d)
w = r0.clone().requires_grad_(); (w.to(memory_format=torch.channels_last) * x).sum().backward(); r = w.grad
"""


@pytest.mark.parametrize("source", FORMATS.strip().split("\n"))
def test_formats(source: str, oracle: ModuleType) -> None:
    assert_same(source, oracle, kagari, x=images, r0=rows, g=gaps)


def test_formats_are_single_objects() -> None:
    assert pickle.loads(pickle.dumps(kagari.channels_last)) is kagari.channels_last
    assert isinstance(kagari.channels_last_3d, kagari.memory_format)


KEPT = """
F.conv2d(x, w)
F.conv2d(r0, w.to(memory_format=torch.channels_last))
F.conv2d(x, torch.ones(4, 8, 1, 1), stride=2)
F.conv2d(x, torch.ones(8, 1, 3, 3), groups=8)
F.conv2d(x, torch.ones(4, 4, 3, 3), torch.ones(4), padding=1, groups=2)
F.conv_transpose2d(x, torch.ones(8, 4, 3, 3), stride=2)
F.conv3d(v, torch.ones(4, 3, 2, 2, 2))
F.max_pool2d(x, 2)
F.max_pool2d(x, 3, 1, 1, return_indices=True)[1]
F.avg_pool2d(x, 2)
F.avg_pool2d(g, 2)
F.avg_pool3d(v, 2)
F.adaptive_avg_pool2d(x, 2)
F.adaptive_max_pool2d(x, 2)
F.lp_pool2d(x.abs(), 2, 2)
F.batch_norm(x, torch.zeros(8), torch.ones(8))
F.batch_norm(x, None, None, training=True)
torch.nn.BatchNorm2d(8)(x)
F.group_norm(x, 2)
F.instance_norm(x)
F.local_response_norm(x, 3)
F.interpolate(x, scale_factor=2)
F.interpolate(x, scale_factor=2, mode="bilinear")
F.interpolate(x, scale_factor=2, mode="bicubic")
F.pad(x, (1, 1))
F.pad(x, (1, 1, 1, 1), mode="reflect")
F.pixel_shuffle(x, 2)
F.pixel_unshuffle(x[..., :4], 2)
F.channel_shuffle(x, 2)
F.dropout(x)
F.dropout2d(x)
F.prelu(x, torch.ones(8))
torch.cat([x, x], 1)
torch.cat([x, r0], 1)
torch.softmax(x, 1)
torch.where(x > 0, x, 0.0)
x + 1
x * r0
r0 * x
x * torch.ones(8, 1, 1)
torch.ones(5) * x
g + 1
x.sum(1, keepdim=True)
x.relu()
"""


@pytest.mark.parametrize("source", KEPT.strip().split("\n"))
def test_results_keep_the_order(source: str, oracle: ModuleType) -> None:
    """The strides of dimensions of more than one element."""
    seen = []
    for lib in (kagari, oracle):
        names = {"x": images(lib), "r0": rows(lib), "g": gaps(lib), "w": lib.ones(4, 8, 3, 3)}
        v = lib.ones(2, 3, 4, 4, 4).to(memory_format=lib.channels_last_3d)
        made = eval(source, {"torch": lib, "F": lib.nn.functional, "v": v, **names})
        seen.append([(n, s) for n, s in zip(made.shape, made.stride()) if n > 1])
    assert seen[0] == seen[1]


def convolved(lib: ModuleType, last: tuple[bool, bool], numbers: dict[str, Any], how: tuple[int, ...]) -> list[Any]:
    """The result of a convolution and its gradients, with the strides of each."""
    x, w = (
        lib.tensor(numbers[name]).to(memory_format=lib.channels_last if there else lib.contiguous_format)
        for name, there in zip("xw", last)
    )
    b = None if numbers["b"] is None else lib.tensor(numbers["b"])
    x.requires_grad_()
    w.requires_grad_()
    y = lib.nn.functional.conv2d(x, w, b, *how)
    y.square().sum().backward()
    return [(t.detach().numpy(), [s for n, s in zip(t.shape, t.stride()) if n > 1]) for t in (y, x.grad, w.grad)]


@pytest.mark.parametrize("seed", range(16))
def test_convolutions_with_channels_last(seed: int, oracle: ModuleType) -> None:
    choose, made = random.Random(seed), np.random.default_rng(seed)
    groups = choose.choice([1, 1, 2, 4])
    channels, outs = groups * choose.choice([2, 3, 8]), groups * choose.choice([1, 2, 16])
    taps = choose.choice([(1, 1), (3, 3), (1, 3)])
    numbers = {
        "x": made.normal(size=(choose.choice([1, 3]), channels, choose.choice([5, 11]), choose.choice([6, 20]))),
        "w": made.normal(size=(outs, channels // groups, *taps)),
        "b": choose.choice([None, made.normal(size=outs)]),
    }
    how = (choose.choice([1, 2]), choose.choice([0, 1]), 1, groups)
    last = choose.choice([(True, False), (True, True), (False, True)])
    ours, theirs = (convolved(lib, last, numbers, how) for lib in (kagari, oracle))
    for (a, strides), (b, wanted) in zip(ours, theirs):
        assert strides == wanted
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def operand(lib: ModuleType, shape: list[int], order: list[int], halved: list[bool]) -> Any:
    """A tensor whose dimensions lie in memory in some order, every second element of some of them."""
    whole = [2 * n if half else n for n, half in zip(shape, halved)]
    made = lib.zeros([whole[d] for d in order]).permute([order.index(d) for d in range(len(shape))])
    return made[tuple(slice(None, None, 2 if half else 1) for half in halved)]


def test_order_of_elementwise_results(oracle: ModuleType) -> None:
    """300 sums and products of operands of any order of dimensions, repeated along some: strides as the oracle's."""
    choose = random.Random(5)
    for _ in range(300):
        shape = [choose.choice([2, 3, 4]) for _ in range(choose.randint(1, 4))]
        kinds = []
        for _ in range(choose.randint(1, 3)):
            rank = choose.randint(1, len(shape))
            sizes = shape[len(shape) - rank :]
            order = choose.sample(range(rank), rank) if choose.random() < 0.6 else list(range(rank))
            kinds.append((sizes, order, [choose.random() < 0.15 for _ in sizes]))
        strides = []
        for lib in (kagari, oracle):
            tensors = [operand(lib, *kind) for kind in kinds]
            made = (
                tensors[0].exp() if len(tensors) == 1 else tensors[0] + tensors[1] if len(tensors) == 2
                else lib.addcmul(*tensors)
            )  # fmt: skip
            strides.append((tuple(made.shape), made.stride()))
        assert strides[0] == strides[1], kinds


def test_steps_of_parameters_with_channels_last(oracle: ModuleType) -> None:
    """One-pixel kernels are in row-major order, too, with other strides; gradients come in either order."""
    seen = []
    for lib in (kagari, oracle):
        weights = [
            lib.arange(24.0).reshape(4, 3, *size).to(memory_format=lib.channels_last).requires_grad_()
            for size in ((1, 2), (2, 1), (2, 1))
        ]
        weights.append(lib.arange(12.0).reshape(4, 3, 1, 1).to(memory_format=lib.channels_last).requires_grad_())
        for number, w in enumerate(weights):
            w.grad = lib.ones_like(w) if number == 1 else lib.ones(w.shape)
        optimizer = lib.optim.Adam(weights, lr=0.25)
        for _ in range(2):
            optimizer.step()
        seen.append([w.tolist() for w in weights])
    np.testing.assert_allclose(
        np.concatenate([np.ravel(x) for x in seen[0]]), np.concatenate([np.ravel(x) for x in seen[1]])
    )


@pytest.mark.parametrize("dim", range(4))
def test_stacks_and_flips_keep_channels_last(dim: int, oracle: ModuleType) -> None:
    seen = []
    for lib in (kagari, oracle):
        x = lib.arange(120.0).reshape(2, 3, 4, 5).to(memory_format=lib.channels_last)
        stacked, flipped = lib.stack([x, x + 1], dim), x.flip(dim)
        seen.append([(t.stride(), t.tolist()) for t in (stacked, flipped)])
    assert seen[0] == seen[1]
