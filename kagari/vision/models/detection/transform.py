"""Images as detectors take them: normalized, of similar sizes, in one batch; and results in the images' own pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .... import nn
from ....base.dtypes import uint8
from ....eager import Tensor
from ....eager import operators as ops
from ....nn import functional as F
from .image_list import ImageList
from .masks import paste_masks_in_image

Target = dict[str, Any]
Size = Sequence[int]


def _ratios(original_size: Size, new_size: Size, like: Tensor) -> Tensor:
    """How much larger x and y become."""
    made: Tensor = like.new_tensor([new_size[1], new_size[0]]) / like.new_tensor([original_size[1], original_size[0]])
    return made


def resize_keypoints(keypoints: Tensor, original_size: Size, new_size: Size) -> Tensor:
    """Key points [..., K, 3] (x, y, visibility) in an image of another size; sizes are (height, width)."""
    places = keypoints[..., :2] * _ratios(original_size, new_size, keypoints)
    return ops.cat([places, keypoints[..., 2:]], -1)


def resize_boxes(boxes: Tensor, original_size: Size, new_size: Size) -> Tensor:
    """Boxes [N, 4], as edges, in an image of another size; sizes are (height, width).

    >>> import kagari as torch
    >>> from kagari.vision.models.detection.transform import resize_boxes
    >>> resize_boxes(torch.tensor([[1.0, 2.0, 3.0, 4.0]]), (10, 10), (20, 30))
    tensor([[3., 4., 9., 8.]])
    """
    if not boxes.is_floating_point():
        boxes = boxes.to(ops.get_default_dtype())
    made: Tensor = boxes * _ratios(original_size, new_size, boxes).repeat(2)
    return made


class GeneralizedRCNNTransform(nn.Module):
    r"""Normalizes images, resizes them and what is known of them, and pads them to one batch.

    The shorter side becomes ``min_size``, unless the longer one would be above ``max_size``.

    Args:
        min_size (int or list of int): the shorter side; in training one of several is drawn for each image, in
            evaluation the last one is taken.
        max_size (int): what the longer side does not exceed.
        image_mean, image_std (list of float): of each channel.
        size_divisible (int): what height and width of the batch are multiples of. Default: 32
        fixed_size (tuple of int, optional): width and height of all images instead.
        kwargs: ``_skip_resize=True`` leaves the sizes as they are.
    """

    def __init__(
        self,
        min_size: int | Sequence[int],
        max_size: int,
        image_mean: Sequence[float],
        image_std: Sequence[float],
        size_divisible: int = 32,
        fixed_size: tuple[int, int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.min_size = min_size if isinstance(min_size, list | tuple) else (min_size,)
        self.max_size = max_size
        self.image_mean, self.image_std = image_mean, image_std
        self.size_divisible, self.fixed_size = size_divisible, fixed_size
        self._skip_resize = kwargs.pop("_skip_resize", False)
        if kwargs:
            raise TypeError(f"GeneralizedRCNNTransform got unexpected keyword arguments {', '.join(kwargs)}")

    def forward(
        self, images: Sequence[Tensor], targets: Sequence[Target] | None = None
    ) -> tuple[ImageList, list[Target] | None]:
        """A batch of the images [C, H, W], and the targets in its pixels.

        Raises ValueError for images of other shapes, TypeError for images of integers.
        """
        resized, changed = [], []
        for k, image in enumerate(images):
            if image.ndim != 3:
                raise ValueError(
                    f"images is expected to be a list of 3d tensors of shape [C, H, W], got {tuple(image.shape)}"
                )
            image, target = self.resize(self.normalize(image), None if targets is None else dict(targets[k]))
            resized.append(image)
            changed.append(target)
        sizes = [(image.shape[-2], image.shape[-1]) for image in resized]
        batch = ImageList(self.batch_images(resized, self.size_divisible), sizes)
        return batch, None if targets is None else [target for target in changed if target is not None]

    def normalize(self, image: Tensor) -> Tensor:
        """The image less the mean of each channel, by its deviation."""
        if not image.is_floating_point():
            raise TypeError(
                f"Expected input images to be of floating type (in range [0, 1]), but found type {image.dtype} instead"
            )
        mean, std = (image.new_tensor(list(given)).reshape(-1, 1, 1) for given in (self.image_mean, self.image_std))
        made: Tensor = (image - mean) / std
        return made

    def torch_choice(self, k: Sequence[int]) -> int:
        """One of several numbers, drawn as `torch` draws."""
        return k[int(ops.empty(1).uniform_(0.0, float(len(k))).item())]

    def resize(self, image: Tensor, target: Target | None = None) -> tuple[Tensor, Target | None]:
        """An image in another size, and the boxes, masks and key points of its target."""
        original = (image.shape[-2], image.shape[-1])
        if self.training:
            if self._skip_resize:
                return image, target
            shorter = self.torch_choice(self.min_size)
        else:
            shorter = self.min_size[-1]
        size = self._size(original, shorter)
        image = F.interpolate(image[None], size=size, mode="bilinear", align_corners=False)[0]
        if target is None:
            return image, target
        if "masks" in target:
            masks = target["masks"][:, None].float()
            target["masks"] = F.interpolate(masks, size=size)[:, 0].to(uint8)
        target["boxes"] = resize_boxes(target["boxes"], original, size)
        if "keypoints" in target:
            target["keypoints"] = resize_keypoints(target["keypoints"], original, size)
        return image, target

    def _size(self, original: tuple[int, int], shorter: int) -> tuple[int, int]:
        """The height and width that an image gets."""
        if self.fixed_size is not None:
            return self.fixed_size[1], self.fixed_size[0]
        scale = min(shorter / min(original), self.max_size / max(original))
        return math.floor(original[0] * scale), math.floor(original[1] * scale)

    def max_by_axis(self, the_list: Sequence[Sequence[int]]) -> list[int]:
        """The largest of each place of several lists."""
        return [max(numbers) for numbers in zip(*the_list)]

    def batch_images(self, images: Sequence[Tensor], size_divisible: int = 32) -> Tensor:
        """The images in one tensor, with zeros to the right and below."""
        channels, *sides = self.max_by_axis([image.shape for image in images])
        height, width = (math.ceil(side / size_divisible) * size_divisible for side in sides)
        batch: Tensor = images[0].new_zeros((len(images), channels, height, width))
        for k, image in enumerate(images):
            batch[k, : image.shape[0], : image.shape[1], : image.shape[2]] = image
        return batch

    def postprocess(
        self, result: list[Target], image_shapes: Sequence[Size], original_image_sizes: Sequence[Size]
    ) -> list[Target]:
        """In evaluation: boxes, masks and key points in the pixels of the images before they were resized."""
        if self.training:
            return result
        for found, size, original in zip(result, image_shapes, original_image_sizes):
            found["boxes"] = resize_boxes(found["boxes"], size, original)
            if "masks" in found:
                found["masks"] = paste_masks_in_image(found["masks"], found["boxes"], original)
            if "keypoints" in found:
                found["keypoints"] = resize_keypoints(found["keypoints"], size, original)
        return result

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(\n    Normalize(mean={self.image_mean}, std={self.image_std})\n"
            f"    Resize(min_size={self.min_size}, max_size={self.max_size}, mode='bilinear')\n)"
        )


__all__ = ["GeneralizedRCNNTransform", "resize_boxes", "resize_keypoints"]
