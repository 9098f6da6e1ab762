"""Pictures, films and sounds as the bytes of files."""

from __future__ import annotations

import importlib
import io
import math
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np

from .arrays import beside_each_other
from .library import pillow, proto

_THICKNESS = 2  # of the lines of a box


def png(pixels: Any, rescale: float = 1, boxes: Any = None, labels: Sequence[str] | None = None) -> Any:
    """The message with a picture, given as height, width and colours.

    Args:
        pixels (array): uint8.
        rescale (float): by how much it is made larger. Default: 1
        boxes (array, optional): (N, 4), the left, upper, right and lower edges of boxes to draw.
        labels (sequence of str, optional): what is written at each box.
    """
    image = pillow("Image").fromarray(np.ascontiguousarray(pixels))
    height, width, channels = pixels.shape
    if boxes is not None:
        for k, box in enumerate(boxes.tolist()):
            _draw_box(image, box, labels[k] if labels is not None else None)
    size = int(width * rescale), int(height * rescale)
    image = image.resize(size, pillow("Image").Resampling.LANCZOS)
    return _message(_saved([image], "PNG"), size[1], size[0], channels)


def _message(encoded: bytes, height: int, width: int, channels: int) -> Any:
    image = proto("summary").Summary.Image
    return image(height=height, width=width, colorspace=channels, encoded_image_string=encoded)


def _saved(images: list[Any], kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    images[0].save(file, format=kind, **options)
    return file.getvalue()


def _draw_box(image: Any, box: Sequence[float], label: str | None) -> None:
    """Draws a red box, and the label on a red ground that ends at its lower left corner."""
    left, top, right, bottom = box
    draw = pillow("ImageDraw").Draw(image)
    corners = [(left, top), (left, bottom), (right, bottom), (right, top), (left, top)]
    draw.line(corners, width=_THICKNESS, fill="Red")
    if not label:
        return
    font = pillow("ImageFont").load_default()
    start, upper, end, lower = font.getbbox(label)
    width, height = end - start, lower - upper
    margin = math.ceil(0.05 * height)
    ground = [(left, bottom - height - 2 * margin), (left + width, bottom)]
    draw.rectangle(ground, fill="Red")
    draw.text((left + margin, bottom - height - margin), label, fill="black", font=font)


def gif(films: Any, fps: float) -> Any:
    """The message with films (N, T, C, H, W) beside each other, in up to as many rows as columns."""
    count, times, channels = films.shape[:3]
    places = 1 << (count - 1).bit_length()  # those that stay empty are black
    columns = places >> ((count.bit_length() - 1) // 2)
    whole = np.zeros((places, *films.shape[1:]), films.dtype)
    whole[:count] = films
    if films.dtype != np.uint8:
        whole = (whole.astype(np.float32) * 255).clip(0, 255).astype(np.uint8)
    frames = [beside_each_other(whole[:, k], columns).transpose(1, 2, 0) for k in range(times)]
    frames = [np.repeat(frame, 3, axis=2) if channels == 1 else np.ascontiguousarray(frame) for frame in frames]
    images = [pillow("Image").fromarray(frame) for frame in frames]
    file = _saved(images, "GIF", save_all=True, append_images=images[1:], duration=1000 / fps, loop=0)
    return _message(file, *frames[0].shape)


def wav(samples: Any, sample_rate: int) -> bytes:
    """A file with a sound of one channel, given as numbers from -1 to 1, in 16 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(sample_rate)
        sound.writeframes((samples * np.iinfo(np.int16).max).astype("<i2").tobytes())
    return file.getvalue()


def drawn(figure: Any, close: bool) -> Any:
    """What a figure of Matplotlib's shows, or several of one size, as (C, H, W) or (N, C, H, W)."""
    if isinstance(figure, list):
        return np.stack([drawn(one, close) for one in figure])
    agg = _matplotlib("backends.backend_agg")
    canvas = agg.FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].transpose(2, 0, 1).copy()
    if close:
        _matplotlib("pyplot").close(figure)
    return pixels


def _matplotlib(name: str) -> Any:
    """A module of Matplotlib's, which is there where there is a figure."""
    return importlib.import_module(f"matplotlib.{name}")


__all__ = ["drawn", "gif", "png", "wav"]
