"""Detectors: their first values, losses, gradients and results are torchvision's, and so is what they are made of."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari
from kagari.vision import models
from kagari.vision.models import detection

RNG = np.random.default_rng(0)
IMAGES = [RNG.random((3, 60, 72)), RNG.random((3, 48, 64))]
BOXES = [np.array([[4.0, 6, 40, 50], [30, 20, 60, 44], [8, 8, 20, 30]]), np.array([[10.0, 5, 50, 40]])]


def targets(library: Any) -> list[dict[str, Any]]:
    """What the images show: boxes, masks that fill half of them, and key points in them."""
    made = []
    for image, boxes in zip(IMAGES, BOXES):
        masks = np.zeros((len(boxes), *image.shape[1:]), np.uint8)
        for mask, (left, top, right, bottom) in zip(masks, boxes.astype(int)):
            mask[top:bottom, left : (left + right) // 2] = 1
        share = np.linspace(-0.1, 1, 5)[None, :, None]
        points = boxes[:, None, :2] + share * (boxes[:, None, 2:] - boxes[:, None, :2])
        seen = np.broadcast_to((np.arange(5) % 3)[None, :, None], (*points.shape[:2], 1))
        known = {
            "boxes": boxes,
            "labels": np.arange(len(boxes)) % 2 + 1,
            "masks": masks,
            "keypoints": np.concatenate([points, seen], 2).astype(np.float32),
        }
        made.append({name: library.from_numpy(value.copy()) for name, value in known.items()})
    return made


def nms(boxes: Any, scores: Any, threshold: float) -> Any:
    """The definition: what a torchvision without its native library lacks."""
    kept: list[int] = []
    numbers = boxes.numpy()
    for k in (-scores.numpy()).argsort(kind="stable"):
        here, others = numbers[k], numbers[kept]
        sides = np.minimum(here[2:], others[:, 2:]) - np.maximum(here[:2], others[:, :2])
        common = sides.clip(0).prod(1)
        areas = (here[2:] - here[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(1)
        with np.errstate(invalid="ignore"):
            if not (common / (areas - common) > threshold).any():
                kept.append(int(k))
    return boxes.new_tensor(kept).long()


@pytest.fixture(scope="module")
def their(oracle: ModuleType, vision_oracle: ModuleType) -> Any:
    """The models of torchvision, complete: boxes that overlap are dropped, regions are aligned without a compiler."""
    extension = importlib.import_module(f"{vision_oracle.__name__}.extension")
    if extension._has_ops():
        yield vision_oracle.models
        return
    library = oracle.library.Library("torchvision", "FRAGMENT")
    library.impl("nms", nms, "CPU")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vision_oracle.ops.boxes, "_assert_has_ops", lambda: None)
        align = importlib.import_module(f"{vision_oracle.__name__}.ops.roi_align")
        patch.setattr(align, "_roi_align", align._roi_align.__wrapped__)
        yield vision_oracle.models


def library_of(m: Any) -> Any:
    return kagari if m is models else sys.modules["torch"]


def pyramid(m: Any, channels: int = 8) -> Any:
    """Two maps of features."""
    nn = library_of(m).nn
    body = nn.Sequential(nn.Conv2d(3, 6, 5, 4, 2), nn.ReLU(), nn.Conv2d(6, 6, 3, 2, 1))
    return m.detection.backbone_utils.BackboneWithFPN(body, {"0": "0", "2": "1"}, [6, 6], channels)


def anchors(m: Any) -> Any:
    return m.detection.anchor_utils.AnchorGenerator(((12,), (24,), (40,)), ((0.5, 1.0, 2.0),) * 3)


def two_stages(m: Any, kind: str, **options: Any) -> Any:
    pools = importlib.import_module(m.__name__.replace("models", "ops")).MultiScaleRoIAlign
    d = m.detection
    return getattr(d, kind)(
        pyramid(m),
        rpn_anchor_generator=anchors(m),
        box_roi_pool=pools(["0", "1"], 3, 2),
        box_head=d.faster_rcnn.TwoMLPHead(72, 16),
        box_predictor=d.faster_rcnn.FastRCNNPredictor(16, 3),
        box_score_thresh=0.0,
        rpn_pre_nms_top_n_train=100,
        rpn_pre_nms_top_n_test=60,
        rpn_post_nms_top_n_train=40,
        rpn_post_nms_top_n_test=30,
        min_size=(64, 56),
        max_size=80,
        **{name: part(d, pools) for name, part in options.items()},
    )


def faster_rcnn(m: Any) -> Any:
    return two_stages(m, "FasterRCNN")


def mask_rcnn(m: Any) -> Any:
    return two_stages(
        m,
        "MaskRCNN",
        mask_roi_pool=lambda d, pools: pools(["0", "1"], 4, 2),
        mask_head=lambda d, pools: d.mask_rcnn.MaskRCNNHeads(8, (8, 8), 1),
        mask_predictor=lambda d, pools: d.mask_rcnn.MaskRCNNPredictor(8, 8, 3),
    )


def keypoint_rcnn(m: Any) -> Any:
    return two_stages(
        m,
        "KeypointRCNN",
        keypoint_roi_pool=lambda d, pools: pools(["0", "1"], 4, 2),
        keypoint_head=lambda d, pools: d.keypoint_rcnn.KeypointRCNNHeads(8, (8,)),
        keypoint_predictor=lambda d, pools: d.keypoint_rcnn.KeypointRCNNPredictor(8, 5),
    )


def retinanet(m: Any) -> Any:
    options = {"anchor_generator": anchors(m), "min_size": 64, "max_size": 80, "score_thresh": 0.001}
    return m.detection.RetinaNet(pyramid(m), 3, detections_per_img=40, **options)


def retinanet_of_overlaps(m: Any) -> Any:
    model = retinanet(m)
    model.head.regression_head._loss_type = "giou"
    return model


def fcos(m: Any) -> Any:
    places = m.detection.anchor_utils.AnchorGenerator(((4,), (8,), (16,)), ((1.0,),) * 3)
    options = {"anchor_generator": places, "min_size": 64, "max_size": 80, "score_thresh": 0.01}
    return m.detection.FCOS(pyramid(m, 32), 3, **options)


def ssd(m: Any) -> Any:
    boxes = m.detection.anchor_utils.DefaultBoxGenerator([[2], [2, 3], [2]], min_ratio=0.2)
    return m.detection.ssd.SSD(pyramid(m), boxes, (64, 48), 3, head=m.detection.ssd.SSDHead([8] * 3, [4, 6, 4], 3))


def single_map(m: Any) -> Any:
    nn = library_of(m).nn
    body = nn.Sequential(nn.Conv2d(3, 8, 7, 8, 3), nn.ReLU())
    body.out_channels = 8
    pools = importlib.import_module(m.__name__.replace("models", "ops")).MultiScaleRoIAlign
    options = {
        "rpn_anchor_generator": m.detection.rpn.AnchorGenerator(((16, 32),), ((0.5, 1.0),)),
        "box_roi_pool": pools(["0"], 2, 2),
        "rpn_post_nms_top_n_train": 20,
        "rpn_post_nms_top_n_test": 20,
    }
    return m.detection.FasterRCNN(body, 3, min_size=48, max_size=64, **options)


DETECTORS = (faster_rcnn, mask_rcnn, keypoint_rcnn, retinanet, retinanet_of_overlaps, fcos, ssd, single_map)


def close(found: Any, wanted: Any, tolerance: float = 1e-4) -> None:
    found, wanted = (np.asarray(x.detach()) for x in (found, wanted))
    assert found.shape == wanted.shape
    scale = max(1e-6, np.abs(wanted.astype(np.float64)).max(initial=0))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("build", DETECTORS)
def test_detectors_are_the_oracles(their: Any, build: Callable[[Any], Any]) -> None:
    """In double precision, so that no box is chosen otherwise."""
    runs = []
    for m in (models, their):
        library = library_of(m)
        library.manual_seed(0)
        model = build(m)
        first = {name: value.clone() for name, value in model.state_dict().items()}
        if runs:
            model.load_state_dict({name: library.from_numpy(value.numpy()) for name, value in runs[0][0].items()})
        images = [library.from_numpy(image) for image in IMAGES]
        losses = model.double()(images, targets(library))
        sum(losses.values()).backward()
        gradients = {name: p.grad for name, p in model.named_parameters()}
        with library.no_grad():
            results = model.eval()(images)
        runs.append((first, losses, gradients, results, repr(model)))
    for found, wanted in zip(*(run[:3] for run in runs)):
        assert list(found) == list(wanted)
        for name in wanted:
            close(found[name], wanted[name])
    for found, wanted in zip(runs[0][3], runs[1][3]):
        assert list(found) == list(wanted) and len(wanted["boxes"]) > 0
        for name in wanted:
            close(found[name], wanted[name])
            assert str(found[name].dtype) == str(wanted[name].dtype)
    assert runs[0][4] == runs[1][4]


@pytest.mark.parametrize("build", [faster_rcnn, retinanet, fcos, ssd, mask_rcnn])
def test_images_without_objects(their: Any, build: Callable[[Any], Any]) -> None:
    runs = []
    for m in (models, their):
        library = library_of(m)
        library.manual_seed(0)
        model = build(m)
        known = targets(library)[:1]
        known[0]["boxes"] = known[0]["boxes"].float()
        known += [
            {"boxes": library.zeros(0, 4), "labels": library.zeros(0, dtype=library.int64)}
            | {"masks": library.zeros(0, 48, 64)}
        ]
        runs.append(model([library.from_numpy(image.astype(np.float32)) for image in IMAGES], known))
    for name, wanted in runs[1].items():
        close(runs[0][name], wanted, 1e-3)


@pytest.mark.parametrize(
    ("build", "part"),
    [
        (mask_rcnn, "rpn"),
        (mask_rcnn, "roi_heads"),
        (keypoint_rcnn, "roi_heads"),
        *((b, "") for b in (retinanet, fcos, ssd)),
    ],
)
def test_images_in_which_nothing_is_found(their: Any, build: Callable[[Any], Any], part: str) -> None:
    runs = []
    for m in (models, their):
        model = build(m).eval()
        (getattr(model, part) if part else model).score_thresh = 1.1
        runs.append(model([library_of(m).zeros(3, 60, 72)])[0])
    assert {name: tuple(value.shape) for name, value in runs[0].items()} == {
        name: tuple(value.shape) for name, value in runs[1].items()
    }


# Facts that were measured with torchvision 0.29.1 and PyTorch 2.14.1: a seeded Mask R-CNN on images of a formula.
LOSSES = {
    "loss_classifier": 0.9664017388683526,
    "loss_box_reg": 0.013316969465218865,
    "loss_mask": 0.7520037027709645,
    "loss_objectness": 0.6925980448722839,
    "loss_rpn_box_reg": 0.0018157071093633924,
}
RESULT = [117.48518949725431, 6066.457204041036, 14.134743078042252, 4877.702098138632, 45]


def formula(library: Any) -> Any:
    return library.arange(3 * 64 * 64.0).reshape(3, 64, 64).mul(0.37).sin().mul(0.5).add(0.5)


def measured(m: Any) -> tuple[dict[str, float], list[float]]:
    """The losses of a seeded model, and sums of its results."""
    library = library_of(m)
    library.manual_seed(0)
    model = mask_rcnn(m).double()
    image = formula(library).double()
    known = {
        "boxes": library.tensor([[4.0, 6.0, 40.0, 50.0], [30.0, 20.0, 60.0, 44.0]]).double(),
        "labels": library.tensor([1, 2]),
        "masks": (library.arange(2 * 64 * 64).reshape(2, 64, 64) % 3 == 0).to(library.uint8),
    }
    losses = model([image], [known])
    with library.no_grad():
        (found,) = model.eval()([image])
    first = [found["boxes"][0].sum(), found["boxes"].sum(), found["scores"].sum(), found["masks"].sum()]
    return {name: loss.item() for name, loss in losses.items()}, [float(x) for x in first] + [len(found["labels"])]


def test_a_seeded_model_says_what_was_measured() -> None:
    losses, result = measured(models)
    assert losses == pytest.approx(LOSSES, rel=1e-4) and result == pytest.approx(RESULT, rel=1e-3)


# Parts


def numbers(*values: Any) -> Callable[[Any], list[Any]]:
    return lambda library: [library.from_numpy(np.array(v)) if isinstance(v, np.ndarray) else v for v in values]


QUALITY = RNG.random((4, 30))
QUALITY[:, 10:14] = QUALITY[:, 10:11]
EDGES = np.concatenate([RNG.uniform(-5, 30, (9, 2)), RNG.uniform(34, 70, (9, 2))], 1)
MASKS = RNG.random((9, 1, 14, 14))
MAPS = RNG.standard_normal((9, 5, 7, 7))


def images_of(m: Any, *sizes: tuple[int, int]) -> Any:
    library = library_of(m)
    height, width = (max(size[k] for size in sizes) for k in range(2))
    return m.detection.image_list.ImageList(library.zeros(len(sizes), 3, height, width), list(sizes))


def maps_of(m: Any) -> list[Any]:
    return [library_of(m).zeros(2, 4, 5, 7), library_of(m).zeros(2, 4, 3, 4)]


def through(m: Any, make: str, *arguments: Any, **options: Any) -> Any:
    generator = getattr(m.detection.anchor_utils, make)(*arguments, **options)
    return [
        repr(generator),
        generator.num_anchors_per_location(),
        *generator(images_of(m, (40, 50), (38, 56)), maps_of(m)),
    ]


def transformed(m: Any, *options: Any, training: bool = True, **more: Any) -> Any:
    library = library_of(m)
    transform = m.detection.transform.GeneralizedRCNNTransform(*options, [0.5, 0.4, 0.3], [0.2, 0.3, 0.4], **more)
    library.manual_seed(3)
    images = [library.from_numpy(image.astype(np.float32)) for image in IMAGES]
    batch, known = transform.train(training)(images, targets(library))
    return [
        repr(transform),
        batch.tensors,
        batch.image_sizes,
        *(t[n] for t in known for n in ("boxes", "masks", "keypoints")),
    ]


def coded(m: Any, name: str, *options: Any) -> Any:
    library, coder = library_of(m), getattr(m.detection._utils, name)(*options)
    one, other = (library.from_numpy(x) for x in (EDGES, EDGES[::-1].copy()))
    encode = getattr(coder, "encode_single", coder.encode)
    codes = encode(one, other)
    return [codes, getattr(coder, "decode_single", coder.decode)(codes * 3, other)]


def drawn(m: Any) -> Any:
    library = library_of(m)
    library.manual_seed(1)
    labels = [library.from_numpy(np.arange(40) % 4 - 1), library.zeros(7)]
    return [x for masks in m.detection._utils.BalancedPositiveNegativeSampler(8, 0.5)(labels) for x in masks]


def called(path: str, *values: Any) -> Callable[[Any], Any]:
    def call(m: Any) -> Any:
        module, _, name = path.rpartition(".")
        found = getattr(importlib.import_module(f"{m.__name__}.detection.{module}"), name)(
            *numbers(*values)(library_of(m))
        )
        return found if isinstance(found, list | tuple) else [found]

    return call


INDEX = np.arange(9) % 3
PARTS: list[Callable[[Any], Any]] = [
    lambda m: [m.detection._utils.Matcher(0.8, 0.6)(*numbers(QUALITY)(library_of(m)))],
    lambda m: [m.detection._utils.Matcher(0.8, 0.6, True)(*numbers(QUALITY)(library_of(m)))],
    lambda m: [m.detection._utils.SSDMatcher(0.8)(*numbers(QUALITY)(library_of(m)))],
    drawn,
    lambda m: coded(m, "BoxCoder", (10.0, 10.0, 5.0, 5.0)),
    lambda m: coded(m, "BoxCoder", (1.0, 1.0, 1.0, 1.0), 0.5),
    lambda m: coded(m, "BoxLinearCoder"),
    lambda m: coded(m, "BoxLinearCoder", False),
    lambda m: through(m, "AnchorGenerator", (8, 16), (0.5, 1.0, 2.0)),
    lambda m: through(m, "AnchorGenerator", ((8, 12), (16,)), ((1.0,), (0.5, 1.0))),
    lambda m: through(m, "DefaultBoxGenerator", [[2], [2, 3]]),
    lambda m: through(m, "DefaultBoxGenerator", [[2], [2, 3]], steps=[8, 16], clip=False),
    lambda m: through(m, "DefaultBoxGenerator", [[2], [2, 3]], scales=[0.1, 0.5, 1.2]),
    lambda m: transformed(m, (40, 50, 60), 70),
    lambda m: transformed(m, (40, 50, 60), 70, training=False),
    lambda m: transformed(m, 50, 70, size_divisible=1, fixed_size=(50, 44)),
    lambda m: transformed(m, 50, 70, _skip_resize=True),
    called("roi_heads.paste_masks_in_image", MASKS, EDGES, (66, 68)),
    called("roi_heads.project_masks_on_boxes", MASKS[:3, 0], EDGES / 5, INDEX, 4),
    called("roi_heads.heatmaps_to_keypoints", MAPS, EDGES),
    called("roi_heads.keypoints_to_heatmap", np.tile(EDGES[:, None, :3], (1, 5, 1)), EDGES, 7),
    called("roi_heads.expand_boxes", EDGES, 1.5),
    called("transform.resize_boxes", EDGES, (10, 20), (15, 60)),
    called("transform.resize_keypoints", MAPS[..., :3], (10, 20), (15, 60)),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(PARTS)))
def test_parts_of_detectors(their: Any, number: int) -> None:
    for found, wanted in zip(*(PARTS[number](m) for m in (models, their))):
        if hasattr(wanted, "detach"):
            close(found, wanted, 1e-5)
        else:
            assert found == wanted


def test_masks_of_boxes_beyond_the_image_and_of_none() -> None:
    paste = detection.roi_heads.paste_masks_in_image
    boxes = kagari.tensor([[-30.0, -30.0, -20.0, -20.0], [2.0, 2.0, 2.0, 2.0]])
    pasted = paste(kagari.ones(2, 1, 4, 4), boxes, (8, 8))
    assert pasted[0].sum() == 0 and pasted[1].sum() > 0
    assert paste(kagari.ones(0, 1, 4, 4), boxes[:0], (8, 8)).shape == (0, 1, 8, 8)


# Errors


def asked(m: Any, target: Any = None, dtype: str = "float32") -> Any:
    library = library_of(m)
    image = library.zeros(3, 48, 48, dtype=getattr(library, dtype))
    return faster_rcnn(m)([image], target and target(library))


def resnet18(m: Any, **options: Any) -> Any:
    return m.detection.backbone_utils.resnet_fpn_backbone(backbone_name="resnet18", weights=None, **options)


ERRORS: list[Callable[[Any], Any]] = [
    lambda m: asked(m),
    lambda m: asked(m, lambda t: [{"boxes": t.zeros(4), "labels": t.ones(1, dtype=t.int64)}]),
    lambda m: asked(m, lambda t: [{"boxes": [1.0], "labels": t.ones(1, dtype=t.int64)}]),
    lambda m: asked(m, lambda t: [{"boxes": t.zeros(1, 4), "labels": t.ones(1, dtype=t.int64)}]),
    lambda m: asked(m, lambda t: [{"boxes": t.tensor([[1.0, 1, 9, 9]]), "labels": t.ones(1)}]),
    lambda m: asked(m, lambda t: [{"boxes": t.tensor([[1.0, 1, 9, 9]]), "labels": t.ones(1)}], "uint8"),
    lambda m: faster_rcnn(m).eval()([library_of(m).zeros(48, 48)]),
    lambda m: m.detection.FasterRCNN(library_of(m).nn.Identity(), 2),
    lambda m: m.detection.FasterRCNN(pyramid(m)),
    lambda m: m.detection.FasterRCNN(pyramid(m), 2, box_predictor=m.detection.faster_rcnn.FastRCNNPredictor(4, 2)),
    lambda m: m.detection.FasterRCNN(pyramid(m), 2, rpn_anchor_generator=3),
    lambda m: m.detection.FasterRCNN(pyramid(m), 2, box_roi_pool=3),
    lambda m: m.detection.MaskRCNN(pyramid(m), 2, mask_roi_pool=3),
    lambda m: m.detection.KeypointRCNN(pyramid(m), 2, keypoint_roi_pool=3),
    lambda m: m.detection.RetinaNet(pyramid(m), 2, anchor_generator=3),
    lambda m: m.detection.FCOS(pyramid(m), 2, anchor_generator=anchors(m)),
    lambda m: m.detection._utils.Matcher(0.3, 0.5),
    lambda m: m.detection._utils.Matcher(0.5, 0.3)(library_of(m).zeros(0, 3)),
    lambda m: m.detection._utils.Matcher(0.5, 0.3)(library_of(m).zeros(3, 0)),
    lambda m: through(m, "AnchorGenerator"),
    lambda m: m.detection.anchor_utils.DefaultBoxGenerator([[2], [2]], steps=[1]),
    lambda m: m.detection.faster_rcnn.FastRCNNPredictor(4, 2)(library_of(m).zeros(2, 4, 2, 2)),
    lambda m: resnet18(m, trainable_layers=6),
    lambda m: resnet18(m, returned_layers=[5]),
    lambda m: m.segmentation.lraspp_mobilenet_v3_large(weights_backbone=None, aux_loss=True),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors_are_of_the_oracles_kind(their: Any, number: int) -> None:
    with pytest.raises((AssertionError, NotImplementedError, TypeError, ValueError)) as wanted:
        ERRORS[number](their)
    with pytest.raises(wanted.type) as found:
        ERRORS[number](models)
    assert len(str(found.value)) > 20


# Backbones


def frozen(model: Any) -> list[str]:
    return [name for name, parameter in model.named_parameters() if not parameter.requires_grad]


def mobilenet(m: Any, name: str, **options: Any) -> Any:
    return m.detection.backbone_utils.mobilenet_backbone(backbone_name=name, weights=None, **options)


BACKBONES: list[Callable[[Any], Any]] = [
    resnet18,
    lambda m: resnet18(m, trainable_layers=5, returned_layers=[2, 4]),
    lambda m: mobilenet(m, "mobilenet_v2", fpn=True, trainable_layers=3),
    lambda m: mobilenet(m, "mobilenet_v3_large", fpn=False, trainable_layers=0),
]


@pytest.mark.parametrize("build", BACKBONES)
def test_backbones_and_what_of_them_learns(vision_oracle: ModuleType, build: Callable[[Any], Any]) -> None:
    ours, theirs = (build(m) for m in (models, vision_oracle.models))
    assert frozen(ours) == frozen(theirs) and repr(ours) == repr(theirs)
    assert ours.out_channels == theirs.out_channels


@pytest.mark.parametrize(
    "name", ["fasterrcnn_resnet50_fpn", "retinanet_resnet50_fpn_v2", "ssdlite320_mobilenet_v3_large"]
)
def test_weights_of_a_backbone_freeze_its_first_layers(
    vision_oracle: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    made = []
    for m in (models, vision_oracle.models):
        body = "resnet50" if "resnet" in name else "mobilenet_v3_large"
        state = m.get_model(body).state_dict()
        monkeypatch.setattr(m.get_model_weights(body), "get_state_dict", lambda self, state=state, **options: state)
        made.append(m.get_model(name, weights_backbone="DEFAULT", trainable_backbone_layers=2))
    assert frozen(made[0]) == frozen(made[1]) != []
    assert repr(made[0]) == repr(made[1])


def test_weights_of_the_first_version_add_nothing_to_variances(
    vision_oracle: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    reprs = []
    for m in (models, vision_oracle.models):
        d = m.detection
        state = {
            k: v for k, v in d.fasterrcnn_resnet50_fpn(weights_backbone=None).state_dict().items() if "tracked" not in k
        }
        monkeypatch.setattr(
            d.FasterRCNN_ResNet50_FPN_Weights, "get_state_dict", lambda self, state=state, **options: state
        )
        reprs.append(repr(d.fasterrcnn_resnet50_fpn(weights="DEFAULT")))
        with pytest.raises(ValueError, match="num_classes"):
            d.fasterrcnn_resnet50_fpn(weights="DEFAULT", num_classes=3)
    assert reprs[0] == reprs[1] and "eps=0.0)" in reprs[0]


def test_names_in_files_of_older_versions() -> None:
    for part, old, new in (
        (detection.rpn.RPNHead(8, 3), "conv.0.0.", "conv."),
        (detection.mask_rcnn.MaskRCNNHeads(8, (8,), 1), "0.0.", "mask_fcn1."),
        (detection.retinanet.RetinaNetRegressionHead(8, 3), "conv.1.0.", "conv.2."),
    ):
        state = dict(part.state_dict())
        state = {(new + name.removeprefix(old) if name.startswith(old) else name): v for name, v in state.items()}
        found = part.load_state_dict(state, strict=False)
        assert not any(name.startswith(new) and not name.startswith(old) for name in found.unexpected_keys)


def test_heads_are_exchanged_as_the_tutorial_does() -> None:
    model = mask_rcnn(models)
    inside = model.roi_heads.box_predictor.cls_score.in_features
    model.roi_heads.box_predictor = detection.faster_rcnn.FastRCNNPredictor(inside, 2)
    inside = model.roi_heads.mask_predictor.conv5_mask.in_channels
    model.roi_heads.mask_predictor = detection.mask_rcnn.MaskRCNNPredictor(inside, 8, 2)
    box = kagari.vision.tv_tensors.BoundingBoxes([[4.0, 6, 40, 50]], format="XYXY", canvas_size=(48, 48))
    mask = kagari.vision.tv_tensors.Mask(kagari.ones(1, 48, 48, dtype=kagari.uint8))
    image = kagari.vision.tv_tensors.Image(kagari.rand(3, 48, 48))
    optimizer = kagari.optim.SGD(model.parameters(), lr=0.005, momentum=0.9)
    seen = []
    for _ in range(6):
        losses = model([image], [{"boxes": box, "labels": kagari.tensor([1]), "masks": mask}])
        loss = sum(losses.values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    assert min(seen[3:]) < seen[0]
    (found,) = model.eval()([image])
    assert found["masks"].shape == (len(found["boxes"]), 1, 48, 48) and set(found["labels"].tolist()) <= {1}


# Segmentation


def test_the_heads_of_segmentation(vision_oracle: ModuleType) -> None:
    runs: list[Any] = []
    for m in (models, vision_oracle.models):
        library, s = library_of(m), m.segmentation
        library.manual_seed(0)
        backbone = m._utils.IntermediateLayerGetter(
            library.nn.Sequential(library.nn.Conv2d(3, 8, 3, 4), library.nn.ReLU()), {"0": "aux", "1": "out"}
        )
        heads = s.deeplabv3.DeepLabHead(8, 3, (1, 2)), s.fcn.FCNHead(8, 3)
        model = s.DeepLabV3(backbone, *heads)
        if runs:
            model.load_state_dict({key: library.from_numpy(value.numpy()) for key, value in runs[0][0].items()})
        x = library.from_numpy(IMAGES[0][None].astype(np.float32))
        names = {"0": "low", "1": "high"}
        lite = s.LRASPP(m._utils.IntermediateLayerGetter(library.nn.Sequential(*backbone.values()), names), 8, 8, 3, 4)
        if runs:
            lite.load_state_dict({key: library.from_numpy(value.numpy()) for key, value in runs[0][1].items()})
        found = model.eval()(x), s.FCN(backbone, heads[1]).eval()(x), lite.eval()(x)
        runs.append((model.state_dict(), lite.state_dict(), *found))
    for ours, theirs in zip(runs[0], runs[1]):
        assert list(ours) == list(theirs)
        for key in theirs:
            close(ours[key], theirs[key])
