"""What transforms do, as functions of images, videos, masks, boxes, points and Pillow images, where that makes sense.

The function `resize` has the kernels `resize_image`, `resize_mask`..., which take plain tensors.
"""

from __future__ import annotations

from ...interpolation import InterpolationMode
from .affine import (
    affine,
    affine_bounding_boxes,
    affine_image,
    affine_keypoints,
    affine_mask,
    rotate,
    rotate_bounding_boxes,
    rotate_image,
    rotate_keypoints,
    rotate_mask,
)
from .blend import grayscale_to_rgb, grayscale_to_rgb_image, rgb_to_grayscale, rgb_to_grayscale_image
from .color import (
    adjust_brightness,
    adjust_brightness_image,
    adjust_contrast,
    adjust_contrast_image,
    adjust_gamma,
    adjust_gamma_image,
    adjust_hue,
    adjust_hue_image,
    adjust_saturation,
    adjust_saturation_image,
    permute_channels,
    permute_channels_image,
)
from .compress import jpeg, jpeg_image
from .convert import (
    convert_image_dtype,
    normalize,
    normalize_image,
    pil_to_tensor,
    to_dtype,
    to_dtype_image,
    to_image,
    to_pil_image,
    to_tensor,
)
from .crop import (
    center_crop,
    center_crop_bounding_boxes,
    center_crop_image,
    center_crop_keypoints,
    center_crop_mask,
    crop,
    crop_bounding_boxes,
    crop_image,
    crop_keypoints,
    crop_mask,
    five_crop,
    five_crop_image,
    resized_crop,
    resized_crop_bounding_boxes,
    resized_crop_image,
    resized_crop_keypoints,
    resized_crop_mask,
    ten_crop,
    ten_crop_image,
)
from .dispatch import register_kernel
from .filter import (
    adjust_sharpness,
    adjust_sharpness_image,
    erase,
    erase_image,
    gaussian_blur,
    gaussian_blur_image,
    gaussian_noise,
    gaussian_noise_image,
)
from .flip import (
    horizontal_flip,
    horizontal_flip_bounding_boxes,
    horizontal_flip_image,
    horizontal_flip_keypoints,
    horizontal_flip_mask,
    vertical_flip,
    vertical_flip_bounding_boxes,
    vertical_flip_image,
    vertical_flip_keypoints,
    vertical_flip_mask,
)
from .meta import (
    clamp_bounding_boxes,
    clamp_keypoints,
    convert_bounding_box_format,
    get_dimensions,
    get_num_channels,
    get_num_frames,
    get_size,
    sanitize_bounding_boxes,
    sanitize_keypoints,
)
from .pad import pad, pad_bounding_boxes, pad_image, pad_keypoints, pad_mask
from .resize import resize, resize_bounding_boxes, resize_image, resize_keypoints, resize_mask
from .tone import (
    autocontrast,
    autocontrast_image,
    equalize,
    equalize_image,
    invert,
    invert_image,
    posterize,
    posterize_image,
    solarize,
    solarize_image,
)
from .video import uniform_temporal_subsample, uniform_temporal_subsample_video
from .warp import (
    elastic,
    elastic_bounding_boxes,
    elastic_image,
    elastic_keypoints,
    elastic_mask,
    perspective,
    perspective_bounding_boxes,
    perspective_image,
    perspective_keypoints,
    perspective_mask,
)

# Other names of the same.
elastic_transform = elastic
get_image_num_channels = get_num_channels
get_image_size = get_size
hflip = horizontal_flip
to_grayscale = rgb_to_grayscale
vflip = vertical_flip

# A video is a batch of images.
adjust_brightness_video = adjust_brightness_image
adjust_contrast_video = adjust_contrast_image
adjust_gamma_video = adjust_gamma_image
adjust_hue_video = adjust_hue_image
adjust_saturation_video = adjust_saturation_image
adjust_sharpness_video = adjust_sharpness_image
affine_video = affine_image
autocontrast_video = autocontrast_image
center_crop_video = center_crop_image
crop_video = crop_image
elastic_video = elastic_image
equalize_video = equalize_image
erase_video = erase_image
five_crop_video = five_crop_image
gaussian_blur_video = gaussian_blur_image
gaussian_noise_video = gaussian_noise_image
horizontal_flip_video = horizontal_flip_image
invert_video = invert_image
normalize_video = normalize_image
pad_video = pad_image
permute_channels_video = permute_channels_image
perspective_video = perspective_image
posterize_video = posterize_image
resize_video = resize_image
resized_crop_video = resized_crop_image
rotate_video = rotate_image
solarize_video = solarize_image
ten_crop_video = ten_crop_image
to_dtype_video = to_dtype_image
vertical_flip_video = vertical_flip_image

__all__ = [
    "InterpolationMode", "adjust_brightness", "adjust_brightness_image", "adjust_brightness_video", "adjust_contrast",
    "adjust_contrast_image", "adjust_contrast_video", "adjust_gamma", "adjust_gamma_image", "adjust_gamma_video",
    "adjust_hue", "adjust_hue_image", "adjust_hue_video", "adjust_saturation", "adjust_saturation_image",
    "adjust_saturation_video", "adjust_sharpness", "adjust_sharpness_image", "adjust_sharpness_video", "affine",
    "affine_bounding_boxes", "affine_image", "affine_keypoints", "affine_mask", "affine_video", "autocontrast",
    "autocontrast_image", "autocontrast_video", "center_crop", "center_crop_bounding_boxes", "center_crop_image",
    "center_crop_keypoints", "center_crop_mask", "center_crop_video", "clamp_bounding_boxes", "clamp_keypoints",
    "convert_bounding_box_format", "convert_image_dtype", "crop", "crop_bounding_boxes", "crop_image", "crop_keypoints",
    "crop_mask", "crop_video", "elastic", "elastic_bounding_boxes", "elastic_image", "elastic_keypoints",
    "elastic_mask", "elastic_transform", "elastic_video", "equalize", "equalize_image", "equalize_video", "erase",
    "erase_image", "erase_video", "five_crop", "five_crop_image", "five_crop_video", "gaussian_blur",
    "gaussian_blur_image", "gaussian_blur_video", "gaussian_noise", "gaussian_noise_image", "gaussian_noise_video",
    "get_dimensions", "get_image_num_channels", "get_image_size", "get_num_channels", "get_num_frames", "get_size",
    "grayscale_to_rgb", "grayscale_to_rgb_image", "hflip", "horizontal_flip", "horizontal_flip_bounding_boxes",
    "horizontal_flip_image", "horizontal_flip_keypoints", "horizontal_flip_mask", "horizontal_flip_video", "invert",
    "invert_image", "invert_video", "jpeg", "jpeg_image", "normalize", "normalize_image", "normalize_video", "pad",
    "pad_bounding_boxes", "pad_image", "pad_keypoints", "pad_mask", "pad_video", "permute_channels",
    "permute_channels_image", "permute_channels_video", "perspective", "perspective_bounding_boxes",
    "perspective_image", "perspective_keypoints", "perspective_mask", "perspective_video", "pil_to_tensor", "posterize",
    "posterize_image", "posterize_video", "register_kernel", "resize", "resize_bounding_boxes", "resize_image",
    "resize_keypoints", "resize_mask", "resize_video", "resized_crop", "resized_crop_bounding_boxes",
    "resized_crop_image", "resized_crop_keypoints", "resized_crop_mask", "resized_crop_video", "rgb_to_grayscale",
    "rgb_to_grayscale_image", "rotate", "rotate_bounding_boxes", "rotate_image", "rotate_keypoints", "rotate_mask",
    "rotate_video", "sanitize_bounding_boxes", "sanitize_keypoints", "solarize", "solarize_image", "solarize_video",
    "ten_crop", "ten_crop_image", "ten_crop_video", "to_dtype", "to_dtype_image", "to_dtype_video", "to_grayscale",
    "to_image", "to_pil_image", "to_tensor", "uniform_temporal_subsample", "uniform_temporal_subsample_video",
    "vertical_flip", "vertical_flip_bounding_boxes", "vertical_flip_image", "vertical_flip_keypoints",
    "vertical_flip_mask", "vertical_flip_video", "vflip",
]  # fmt: skip
