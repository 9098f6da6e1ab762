"""Data sets of images, from local files, and drawn ones that need none."""

from __future__ import annotations

from .caltech import Caltech101, Caltech256
from .cifar import CIFAR10, CIFAR100
from .coco import CocoCaptions, CocoDetection
from .fakedata import FakeData
from .folder import DatasetFolder, ImageFolder
from .mnist import EMNIST, KMNIST, MNIST, FashionMNIST
from .stl10 import STL10
from .svhn import SVHN
from .synthetic import SyntheticDigits, SyntheticShapes
from .vision import VisionDataset
from .voc import VOCDetection, VOCSegmentation

__all__ = [
    "CIFAR10", "CIFAR100", "Caltech101", "Caltech256", "CocoCaptions", "CocoDetection", "DatasetFolder", "EMNIST",
    "FakeData", "FashionMNIST", "ImageFolder", "KMNIST", "MNIST", "STL10", "SVHN", "SyntheticDigits", "SyntheticShapes",
    "VOCDetection", "VOCSegmentation", "VisionDataset",
]  # fmt: skip
