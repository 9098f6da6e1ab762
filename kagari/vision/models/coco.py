"""Weights that were trained on COCO's images: the classes, and what is known of the weights."""

from __future__ import annotations

from functools import partial
from typing import Any

from .presets import ObjectDetection, SemanticSegmentation
from .weights import BASE, Weights

# N/A is a number that no object has.
COCO = (
    "__background__", "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "N/A", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse",
    "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "N/A", "backpack", "umbrella", "N/A", "N/A", "handbag",
    "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove",
    "skateboard", "surfboard", "tennis racket", "bottle", "N/A", "wine glass", "cup", "fork", "knife", "spoon", "bowl",
    "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair",
    "couch", "potted plant", "bed", "N/A", "dining table", "N/A", "N/A", "toilet", "N/A", "tv", "laptop", "mouse",
    "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "N/A", "book", "clock",
    "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
PERSON = ("no person", "person")
KEYPOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
VOC = (
    "__background__", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip


def coco(file: str, num_params: int, categories: tuple[str, ...] = COCO, **metrics: float) -> Weights:
    """Weights of a detector.

    Args:
        file (str): the name at PyTorch's download site.
        num_params (int): how many numbers there are.
        categories (tuple of str): the classes. Default: COCO's
        metrics: the mean average precision of boxes (``box_map``), masks (``mask_map``) and key points (``kp_map``).
    """
    names: dict[str, Any] = {"keypoint_names": list(KEYPOINTS)} if categories is PERSON else {}
    meta = {
        "categories": list(categories),
        **names,
        "min_size": (1, 1),
        "num_params": num_params,
        "_metrics": {"COCO-val2017": metrics},
    }
    return Weights(BASE + file, ObjectDetection, meta)


def coco_as_voc(file: str, num_params: int, miou: float, pixel_acc: float) -> Weights:
    """Weights of a model of segmentation, for those of COCO's classes that Pascal VOC has, too.

    Args:
        file (str): the name at PyTorch's download site.
        num_params (int): how many numbers there are.
        miou (float): the mean of what is common by what is covered, in percent.
        pixel_acc (float): the share of right pixels, in percent.
    """
    meta = {
        "categories": list(VOC),
        "min_size": (1, 1),
        "num_params": num_params,
        "_metrics": {"COCO-val2017-VOC-labels": {"miou": miou, "pixel_acc": pixel_acc}},
    }
    return Weights(BASE + file, partial(SemanticSegmentation, resize_size=520), meta)


__all__ = ["COCO", "KEYPOINTS", "PERSON", "VOC", "coco", "coco_as_voc"]
