"""What models of images are made of: torchvision's numbers, words and names of parameters."""

from __future__ import annotations

import importlib
import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari as torch
from kagari.vision import ops

RNG = np.random.default_rng(0)
CORNERS = RNG.uniform(0, 60, (7, 2)).astype(np.float32)
BOXES = np.concatenate([CORNERS, CORNERS + RNG.uniform(0, 40, (7, 2))], 1).astype(np.float32)
OTHERS = np.concatenate([BOXES[::2] + 3, BOXES[:1]]).astype(np.float32)
LOGITS, TARGETS = RNG.normal(size=(5, 3)).astype(np.float32), (RNG.random((5, 3)) > 0.5).astype(np.float32)
CIRCLE = np.hypot(*np.mgrid[-3:5, -4:6]) < RNG.uniform(1, 4, (3, 1, 1))

FUNCTIONS: dict[str, list[tuple[Any, ...]]] = {
    "box_convert": [(BOXES, a, b) for a in ("xyxy", "xywh", "cxcywh") for b in ("xyxy", "xywh", "cxcywh")],
    "box_area": [(BOXES,), (BOXES[0],), (BOXES, "xywh"), (BOXES.astype(np.uint8),), (BOXES.astype(np.float16),)],
    "box_iou": [(BOXES, OTHERS), (BOXES, OTHERS, "cxcywh"), (BOXES.astype(np.int64), OTHERS), (BOXES[:0], OTHERS)],
    "generalized_box_iou": [(BOXES, OTHERS), (BOXES.astype(np.int64), OTHERS.astype(np.int64))],
    "distance_box_iou": [(BOXES, OTHERS)],
    "complete_box_iou": [(BOXES, OTHERS)],
    "clip_boxes_to_image": [(BOXES, (40, 50))],
    "remove_small_boxes": [(BOXES, 20.0)],
    "masks_to_boxes": [(CIRCLE,), (CIRCLE[:0],)],
    "sigmoid_focal_loss": [(LOGITS, TARGETS), (LOGITS, TARGETS, -1, 1.5, "mean"), (LOGITS, TARGETS, 0.6, 2, "sum")],
    **{
        f"{kind}_box_iou_loss": [(BOXES, BOXES[::-1].copy(), "mean"), (BOXES, BOXES + 1), (BOXES[0], BOXES[1])]
        for kind in ("generalized", "distance", "complete")
    },
}


def built(library: ModuleType, arguments: tuple[Any, ...]) -> list[Any]:
    return [library.from_numpy(one.copy()) if isinstance(one, np.ndarray) else one for one in arguments]


@pytest.mark.parametrize(("name", "arguments"), [(name, one) for name, all_ in FUNCTIONS.items() for one in all_])
def test_numbers(name: str, arguments: Any, oracle: ModuleType, vision_oracle: ModuleType) -> None:
    made = getattr(ops, name)(*built(torch, arguments))
    expected = getattr(vision_oracle.ops, name)(*built(oracle, arguments))
    assert str(made.dtype) == str(expected.dtype) and tuple(made.shape) == tuple(expected.shape)
    np.testing.assert_allclose(made.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


ERRORS: dict[str, tuple[Any, ...]] = {
    "box_convert": (BOXES, "xyxy", "other"),
    "box_area": (BOXES, "other"),
    "sigmoid_focal_loss": (LOGITS, TARGETS, 2.0),
    "generalized_box_iou_loss": (BOXES, BOXES, "other"),
    "stochastic_depth": (LOGITS, 0.5, "other"),
    "drop_block2d": (LOGITS, 0.5, 3),
    "roi_align": (LOGITS[None, None], BOXES, 2),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, oracle: ModuleType, vision_oracle: ModuleType) -> None:
    with pytest.raises((ValueError, AssertionError)) as expected:
        getattr(vision_oracle.ops, name)(*built(oracle, ERRORS[name]))
    with pytest.raises(type(expected.value)) as error:
        getattr(ops, name)(*built(torch, ERRORS[name]))
    assert str(error.value) == str(expected.value)


def kept_by_hand(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    """The definition, box by box."""
    kept: list[int] = []
    for k in sorted(range(len(boxes)), key=lambda k: -scores[k]):
        for other in kept:
            a, b = boxes[k].astype(float), boxes[other].astype(float)
            sides = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
            common = sides.prod()
            if common / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - common) > threshold:
                break
        else:
            kept.append(k)
    return kept


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7, 1.0])
def test_nms(threshold: float) -> None:
    corners = RNG.uniform(0, 20, (40, 2))
    boxes = np.concatenate([corners, corners + RNG.uniform(1, 15, (40, 2))], 1).astype(np.float32)
    scores, classes = RNG.permutation(40).astype(np.float32), RNG.integers(0, 3, 40)
    made = ops.nms(torch.from_numpy(boxes), torch.from_numpy(scores), threshold)
    assert made.dtype is torch.int64 and made.tolist() == kept_by_hand(boxes, scores, threshold)
    made = ops.batched_nms(*map(torch.from_numpy, (boxes, scores, classes)), threshold)
    expected = []
    for group in range(3):
        (members,) = np.nonzero(classes == group)
        expected += members[kept_by_hand(boxes[members], scores[members], threshold)].tolist()
    assert made.tolist() == sorted(expected, key=lambda k: -scores[k])


def test_nms_of_few() -> None:
    same = torch.tensor([[0.0, 0.0, 1.0, 1.0]] * 3)
    assert ops.nms(same, torch.tensor([0.5, 0.5, 0.5]), 0.5).tolist() == [0]
    assert ops.nms(same[:0], torch.empty(0), 0.5).tolist() == []
    assert ops.batched_nms(same[:0], torch.empty(0), torch.empty(0), 0.5).tolist() == []
    with pytest.raises(RuntimeError, match="2d tensor of 4 columns"):
        ops.nms(same[0], torch.tensor([0.5]), 0.5)


REGIONS = np.array(
    [[0, 0.0, 0.0, 9.0, 6.0], [1, 2.5, 1.0, 30.0, 14.2], [0, -4.0, -3.0, 5.0, 3.0], [1, 7.0, 7.0, 7.2, 7.1]], np.float32
)


INSIDE = np.array([[0, 0.0, 0.0, 9.0, 6.0], [1, 2.5, 1.0, 12.0, 9.2], [1, 7.0, 7.0, 7.2, 7.1]], np.float32)


def aligned_by_hand(
    x: np.ndarray, region: np.ndarray, bins: tuple[int, int], scale: float, ratio: int, aligned: bool
) -> np.ndarray:
    """The definition, sample by sample: what lies further than a pixel beyond the edges is 0."""
    offset = 0.5 if aligned else 0.0
    left, top, right, bottom = (float(edge) * scale - offset for edge in region[1:])
    ends = [(top, bottom - top, bins[0], x.shape[2]), (left, right - left, bins[1], x.shape[3])]
    axes = []  # for each bin the places and weights of its samples
    for first, length, count, size in ends:
        each = (length if aligned else max(length, 1.0)) / count
        samples = ratio if ratio > 0 else math.ceil(each)
        matrix = np.zeros((count, size))
        for k in range(count):
            for i in range(samples):
                at = first + k * each + (i + 0.5) * each / samples
                if not -1 <= at <= size:
                    continue
                at = max(at, 0.0)
                low = min(int(at), size - 1)
                share = 0.0 if low == size - 1 else at - low
                matrix[k, low] += (1 - share) / samples
                matrix[k, min(low + 1, size - 1)] += share / samples
        axes.append(matrix)
    made: np.ndarray = np.einsum("iy,cyx,jx->cij", axes[0], x[int(region[0])], axes[1])
    return made


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [-1, 1, 2])
@pytest.mark.parametrize(("size", "scale"), [(2, 0.5), ((3, 2), 1.0)])
def test_roi_align(size: Any, scale: float, ratio: int, aligned: bool) -> None:
    features = RNG.normal(size=(2, 3, 11, 14)).astype(np.float32)
    made = ops.roi_align(torch.from_numpy(features), torch.from_numpy(REGIONS), size, scale, ratio, aligned)
    bins = (size, size) if isinstance(size, int) else size
    expected = np.stack([aligned_by_hand(features, region, bins, scale, ratio, aligned) for region in REGIONS])
    np.testing.assert_allclose(made.numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("aligned", [False, True])
def test_gradient_of_roi_align(aligned: bool, oracle: ModuleType, vision_oracle: ModuleType) -> None:
    features = RNG.normal(size=(2, 3, 11, 14)).astype(np.float32)
    # What torchvision does without its kernels, which takes regions inside of the image.
    theirs = importlib.import_module(f"{vision_oracle.__name__}.ops.roi_align")._roi_align.__wrapped__
    results = []
    for library in (torch, oracle):
        x, regions = library.from_numpy(features.copy()).requires_grad_(), library.from_numpy(INSIDE)
        if library is torch:
            made = ops.roi_align(x, regions, (3, 2), 1.0, 2, aligned)
        else:
            made = theirs(x, regions, 1.0, 3, 2, 2, aligned)
        (made * made).sum().backward()
        results.append((made.detach().numpy(), x.grad.numpy()))
    for ours, other in zip(*results):
        np.testing.assert_allclose(ours, other, rtol=1e-4, atol=1e-5)


def pooled_by_hand(x: np.ndarray, region: np.ndarray, bins: tuple[int, int], scale: float) -> np.ndarray:
    """The definition, bin by bin."""
    left, top, right, bottom = (math.floor(abs(e) * scale + 0.5) * (1 if e >= 0 else -1) for e in region[1:])
    made = np.zeros((x.shape[1], *bins), np.float32)
    for i in range(bins[0]):
        for j in range(bins[1]):
            sides = []
            for first, last, k, n, size in (
                (top, bottom, i, bins[0], x.shape[2]),
                (left, right, j, bins[1], x.shape[3]),
            ):
                each = np.float32(max(last - first + 1, 1)) / np.float32(n)
                begin, end = math.floor(k * each) + first, math.ceil((k + 1) * each) + first
                sides.append(slice(min(max(begin, 0), size), min(max(end, 0), size)))
            part = x[int(region[0]), :, sides[0], sides[1]]
            made[:, i, j] = part.max((1, 2)) if part.size else 0
    return made


@pytest.mark.parametrize(("size", "scale"), [(2, 0.5), ((3, 2), 1.0)])
def test_roi_pool(size: Any, scale: float) -> None:
    features = RNG.normal(size=(2, 3, 11, 14)).astype(np.float32)
    made = ops.roi_pool(torch.from_numpy(features), torch.from_numpy(REGIONS), size, scale)
    bins = (size, size) if isinstance(size, int) else size
    assert np.array_equal(made.numpy(), np.stack([pooled_by_hand(features, r, bins, scale) for r in REGIONS]))


def test_regions_of_each_image() -> None:
    features = torch.randn(2, 3, 11, 14)
    all_of_them = torch.from_numpy(REGIONS[[0, 2, 1, 3]])
    by_image = [all_of_them[:2, 1:], all_of_them[2:, 1:]]
    for function in (ops.roi_align, ops.roi_pool):
        assert torch.equal(function(features, by_image, 2), function(features, all_of_them, 2))
        assert function(features, all_of_them[:0], 2).shape == (0, 3, 2, 2)


@pytest.mark.parametrize("ratio", [-1, 2])
@pytest.mark.parametrize(("size", "scale"), [(2, 0.5), ((3, 2), 1.0)])
def test_roi_align_of_bins_apart(size: Any, scale: float, ratio: int) -> None:
    bins = (size, size) if isinstance(size, int) else size
    features = RNG.normal(size=(2, 3 * bins[0] * bins[1], 11, 14)).astype(np.float32)
    made = ops.ps_roi_align(torch.from_numpy(features), torch.from_numpy(REGIONS), size, scale, ratio)
    for region, found in zip(REGIONS, made.numpy()):
        each = aligned_by_hand(features, region, bins, scale, ratio, True).reshape(3, *bins, *bins)
        np.testing.assert_allclose(found, np.einsum("cijij->cij", each), rtol=1e-4, atol=1e-5)


def mean_by_hand(x: np.ndarray, region: np.ndarray, bins: tuple[int, int], scale: float) -> np.ndarray:
    """The definition, bin by bin: a bin has channels of its own, and ends before the last row and column."""
    left, top, right, bottom = (math.floor(abs(e) * scale + 0.5) * (1 if e >= 0 else -1) for e in region[1:])
    parts = x[int(region[0])].reshape(-1, *bins, *x.shape[2:])
    made = np.zeros((len(parts), *bins), np.float32)
    for i, j in np.ndindex(*bins):
        sides = []
        for first, last, k, n, size in ((top, bottom, i, bins[0], x.shape[2]), (left, right, j, bins[1], x.shape[3])):
            each = np.float32(max(last - first, 1)) / np.float32(n)
            ends = math.floor(k * each) + first, math.ceil((k + 1) * each) + first
            sides.append(slice(*(min(max(end, 0), size - 1) for end in ends)))
        part = parts[:, i, j, sides[0], sides[1]]
        made[:, i, j] = part.mean((1, 2)) if part.size else 0
    return made


@pytest.mark.parametrize(("size", "scale"), [(2, 0.5), ((3, 2), 1.0)])
def test_roi_pool_of_bins_apart(size: Any, scale: float) -> None:
    bins = (size, size) if isinstance(size, int) else size
    features = RNG.normal(size=(2, 3 * bins[0] * bins[1], 11, 14)).astype(np.float32)
    made = ops.ps_roi_pool(torch.from_numpy(features), torch.from_numpy(REGIONS), size, scale)
    expected = np.stack([mean_by_hand(features, region, bins, scale) for region in REGIONS])
    np.testing.assert_allclose(made.numpy(), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(RuntimeError, match=r"ps_roi_pool: input channels must be a multiple .*got .*\(2, 5, 11, 14\)"):
        ops.ps_roi_pool(torch.from_numpy(features[:, :5]), torch.from_numpy(REGIONS), size)


def test_levels_of_a_pyramid(oracle: ModuleType, vision_oracle: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    poolers = importlib.import_module(f"{vision_oracle.__name__}.ops.poolers")
    align = importlib.import_module(f"{vision_oracle.__name__}.ops.roi_align")._roi_align.__wrapped__
    # What torchvision does without its kernels, which takes regions inside of the image.
    monkeypatch.setattr(
        poolers,
        "roi_align",
        lambda x, rois, output_size, spatial_scale, sampling_ratio: align(
            x, rois, spatial_scale, *output_size, sampling_ratio, False
        ),
    )
    sides = np.array([10, 55, 56, 57, 111, 112, 113, 224, 400], np.float32)
    boxes = np.stack([np.full(9, 3.0), np.full(9, 5.0), 3 + sides, 5 + sides], 1).astype(np.float32)
    levels = {f"p{k}": RNG.normal(size=(2, 3, 512 >> k, 448 >> k)).astype(np.float32) for k in (2, 3, 4, 5)}
    shapes = [(512, 448), (500, 400)]
    for names in (["p2", "p3", "p4"], ["p3"], ["p2", "p3", "p4", "p5"]):
        made = []
        for library, room in ((torch, ops), (oracle, vision_oracle.ops)):
            pool = room.MultiScaleRoIAlign(names, (3, 2), 2)
            x = {name: library.from_numpy(one) for name, one in levels.items()}
            made.append((repr(pool), pool(x, [library.from_numpy(boxes[:5]), library.from_numpy(boxes[5:])], shapes)))
        assert made[0][0] == made[1][0]
        np.testing.assert_allclose(made[0][1].numpy(), made[1][1].numpy(), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="images list should not be empty"):
        ops.MultiScaleRoIAlign(["p3"], 2, 2)({"p3": torch.zeros(1, 1, 4, 4)}, [torch.zeros(0, 4)], [])
    with pytest.raises(ValueError, match=r"none of the maps \['p9'\]"):
        ops.MultiScaleRoIAlign(["p9"], 2, 2)({"p3": torch.zeros(1, 1, 4, 4)}, [torch.zeros(0, 4)], [(8, 8)])


def deformed_by_hand(
    x: np.ndarray, offset: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: tuple[int, int],
    padding: tuple[int, int], dilation: tuple[int, int], mask: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """The definition, pixel by pixel."""
    o, per, kh, kw = weight.shape
    groups, apart = x.shape[1] // per, offset.shape[1] // (2 * kh * kw)
    made = np.zeros((len(x), o, *offset.shape[2:]))

    def at(plane: np.ndarray, y: float, x: float) -> float:
        low, left = math.floor(y), math.floor(x)
        total = 0.0
        for row, column in ((low, left), (low, left + 1), (low + 1, left), (low + 1, left + 1)):
            if 0 <= row < plane.shape[0] and 0 <= column < plane.shape[1]:
                total += plane[row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
        return total

    for n, out, p, q in np.ndindex(*made.shape):
        made[n, out, p, q] = bias[out]
        for c, i, j in np.ndindex(per, kh, kw):
            channel = out // (o // groups) * per + c
            tap = channel // (x.shape[1] // apart) * kh * kw + i * kw + j
            dy, dx = offset[n, 2 * tap : 2 * tap + 2, p, q]
            place = (
                p * stride[0] - padding[0] + i * dilation[0] + dy,
                q * stride[1] - padding[1] + j * dilation[1] + dx,
            )
            made[n, out, p, q] += weight[out, c, i, j] * mask[n, tap, p, q] * at(x[n, channel], *place)
    return made


DEFORMED = {
    "plain": ((2, 2, 5, 6), (3, 2, 3, 2), 1, (1, 1), (0, 0), (1, 1)),
    "groups of weights": ((1, 4, 6, 6), (2, 2, 2, 2), 1, (2, 1), (1, 0), (1, 2)),
    "groups of offsets": ((2, 4, 5, 5), (4, 1, 3, 3), 2, (2, 2), (1, 1), (1, 1)),
}


@pytest.mark.parametrize("name", DEFORMED)
def test_deformed_convolutions(name: str) -> None:
    shape, kernel, apart, stride, padding, dilation = DEFORMED[name]
    sizes = [(shape[k + 2] + 2 * padding[k] - dilation[k] * (kernel[k + 2] - 1) - 1) // stride[k] + 1 for k in (0, 1)]
    taps = apart * kernel[2] * kernel[3]
    x, weight, bias = RNG.normal(size=shape), RNG.normal(size=kernel), RNG.normal(size=kernel[0])
    offset, mask = RNG.normal(size=(shape[0], 2 * taps, *sizes)) * 2, RNG.random((shape[0], taps, *sizes))
    given = [torch.from_numpy(one).requires_grad_() for one in (x, offset, weight, bias, mask)]

    def convolved(*given: torch.Tensor) -> torch.Tensor:
        return ops.deform_conv2d(*given[:4], stride, padding, dilation, given[4])

    expected = deformed_by_hand(x, offset, weight, bias, stride, padding, dilation, mask)
    np.testing.assert_allclose(convolved(*given).detach().numpy(), expected, rtol=1e-9, atol=1e-9)
    assert torch.autograd.gradcheck(convolved, given)
    straight = ops.deform_conv2d(given[0], given[1] * 0, given[2], given[3], stride, padding, dilation)
    groups = shape[1] // kernel[1]
    wanted = torch.nn.functional.conv2d(given[0], given[2], given[3], stride, padding, dilation, groups)
    torch.testing.assert_close(straight, wanted)


def test_shapes_of_deformed_convolutions() -> None:
    x, offset, weight = torch.zeros(1, 2, 5, 5), torch.zeros(1, 18, 3, 3), torch.zeros(3, 2, 3, 3)
    assert ops.deform_conv2d(x, offset, weight).shape == (1, 3, 3, 3)
    for given, message in (
        ((x, offset[:, :17], weight), r"offset.shape\[1\]=17, while 2 \* weight.size\[2\] \* weight.size\[3\]=18"),
        ((x, offset[:, :, 1:], weight), r"expected offset of shape \(1, 18, 3, 3\), got \(1, 18, 2, 3\)"),
        ((x[:, :1], offset, weight), "groups of the weight's"),
        ((x[:, :, 3:], offset, weight), r"the size \(0, 3\)"),
        ((x, offset, weight, None, 1, 0, 1, offset), r"expected mask of shape \(1, 9, 3, 3\)"),
    ):
        with pytest.raises(RuntimeError, match=message):
            ops.deform_conv2d(*given)
    for options, text in (((3, 4, 3, 1, 0, 1, 2), "in_channels"), ((4, 3, 3, 1, 0, 1, 2), "out_channels")):
        with pytest.raises(ValueError, match=f"{text} must be divisible by groups"):
            ops.DeformConv2d(*options)


# Layers. What is made from (nn, ops) and the input that it is called with

LAYERS = {
    "Conv2dNormActivation": (lambda nn, o: o.Conv2dNormActivation(3, 4), (2, 3, 6, 6)),
    "Conv2dNormActivation of more": (
        lambda nn, o: o.Conv2dNormActivation(4, 8, (3, 5), 2, None, 2, None, nn.SiLU, (1, 2), None),
        (2, 4, 9, 9),
    ),
    "Conv3dNormActivation": (lambda nn, o: o.Conv3dNormActivation(2, 3, bias=True), (2, 2, 4, 4, 4)),
    "SqueezeExcitation": (lambda nn, o: o.SqueezeExcitation(4, 2, nn.SiLU), (2, 4, 3, 3)),
    "MLP": (lambda nn, o: o.MLP(3, [4, 5], nn.LayerNorm, inplace=False), (2, 3)),
    "Permute": (lambda nn, o: o.Permute([0, 2, 1]), (2, 3, 4)),
    "StochasticDepth": (lambda nn, o: o.StochasticDepth(0.4, "row"), (9, 2)),
    "StochasticDepth of all": (lambda nn, o: o.StochasticDepth(0.4, "batch"), (3, 2)),
    "DropBlock2d": (lambda nn, o: o.DropBlock2d(0.2, 3), (2, 2, 8, 9)),
    "DropBlock3d": (lambda nn, o: o.DropBlock3d(0.2, 3), (1, 2, 5, 6, 5)),
    "FrozenBatchNorm2d": (lambda nn, o: o.FrozenBatchNorm2d(3), (2, 3, 2, 2)),
    "RoIAlign": (lambda nn, o: o.RoIAlign(3, 0.5, 2), None),
    "RoIPool": (lambda nn, o: o.RoIPool((3, 2), 0.5), None),
    "PSRoIAlign": (lambda nn, o: o.PSRoIAlign(3, 0.5, 2), None),
    "PSRoIPool": (lambda nn, o: o.PSRoIPool(3, 0.5), None),
    "DeformConv2d": (lambda nn, o: o.DeformConv2d(4, 6, (3, 1), 2, 1, 2, 2, False), None),
    "DeformConv2d of less": (lambda nn, o: o.DeformConv2d(4, 6, 3), None),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str, oracle: ModuleType, vision_oracle: ModuleType) -> None:
    make, shape = LAYERS[name]
    torch.manual_seed(0)
    oracle.manual_seed(0)
    ours, other = make(torch.nn, ops), make(oracle.nn, vision_oracle.ops)
    assert repr(ours) == repr(other) and list(ours.state_dict()) == list(other.state_dict())
    for made, expected in zip(ours.parameters(), other.parameters()):
        assert np.array_equal(made.detach().numpy(), expected.detach().numpy())
    if shape is None:
        return
    x = RNG.normal(size=shape).astype(np.float32)
    for seed in range(2):
        torch.manual_seed(seed)
        oracle.manual_seed(seed)
        made, expected = ours(torch.from_numpy(x.copy())), other(oracle.from_numpy(x.copy()))
        np.testing.assert_allclose(made.detach().numpy(), expected.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_frozen_batch_norm_takes_what_was_trained() -> None:
    trained, frozen = torch.nn.BatchNorm2d(3), ops.FrozenBatchNorm2d(3)
    trained(torch.randn(4, 3, 2, 2) * 3 + 1)
    frozen.load_state_dict(trained.state_dict())
    x = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(frozen(x), trained.eval()(x))
    assert list(frozen.parameters()) == []


@pytest.mark.parametrize("extra", [None, "LastLevelMaxPool", "LastLevelP6P7"])
def test_feature_pyramid(extra: str | None, oracle: ModuleType, vision_oracle: ModuleType) -> None:
    from kagari.vision.ops import feature_pyramid_network

    arguments = (4, 4) if extra == "LastLevelP6P7" else ()
    made = []
    for library, room, blocks in (
        (torch, ops, feature_pyramid_network),
        (oracle, vision_oracle.ops, importlib.import_module(f"{vision_oracle.__name__}.ops.feature_pyramid_network")),
    ):
        library.manual_seed(0)
        block = getattr(blocks, extra)(*arguments) if extra else None
        network = room.FeaturePyramidNetwork([2, 3], 4, block, library.nn.BatchNorm2d)
        library.manual_seed(1)
        levels = {"fine": library.randn(2, 2, 9, 8), "coarse": library.randn(2, 3, 5, 4)}
        made.append((repr(network), list(network.state_dict()), network(levels)))
    ours, other = made
    assert ours[:2] == other[:2] and list(ours[2]) == list(other[2])
    for x, y in zip(ours[2].values(), other[2].values()):
        np.testing.assert_allclose(x.detach().numpy(), y.detach().numpy(), rtol=1e-4, atol=1e-5)
