"""Pictures as tensors: decoding, encoding, and files."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from ...base.dtypes import uint8
from ...eager import Tensor
from ...eager.convert import from_numpy
from ..pillow import pillow

Path_ = str | os.PathLike[str]


class ImageReadMode(Enum):
    """Which channels a picture is read with: those it has, or others, to which its colours are converted."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4


_MODES = {
    ImageReadMode.GRAY: "L", ImageReadMode.GRAY_ALPHA: "LA", ImageReadMode.RGB: "RGB", ImageReadMode.RGB_ALPHA: "RGBA",
}  # fmt: skip
_DEEP = ("I", "I;16", "I;16B", "I;16L")  # Pillow's modes of 16 bits for each pixel
_STARTS = ((b"\xff\xd8\xff", "JPEG"), (b"\x89PNG", "PNG"), (b"GIF8", "GIF"), (b"RIFF", "WEBP"))


def read_file(path: Path_) -> Tensor:
    """The bytes of a file: (N,), uint8. Raises RuntimeError where it can't be read."""
    try:
        return from_numpy(np.fromfile(path, np.uint8))
    except OSError as error:
        raise RuntimeError(f"[Errno {error.errno}] {error.strerror}: '{os.fspath(path)}'") from error


def write_file(filename: Path_, data: Tensor) -> None:
    """Writes bytes, (N,), uint8, to a file. Raises RuntimeError for a tensor of another kind."""
    Path(filename).write_bytes(_bytes(data))


def _bytes(data: Any) -> bytes:
    if not isinstance(data, Tensor) or data.dtype is not uint8:
        raise RuntimeError(f"Expected a torch.uint8 tensor, got {getattr(data, 'dtype', type(data).__name__)}")
    if data.ndim != 1 or data.numel() == 0:
        raise RuntimeError(f"Expected a non empty 1-dimensional tensor, got one of shape {tuple(data.shape)}")
    result: bytes = data.numpy().tobytes()
    return result


def _mode(mode: ImageReadMode | str) -> ImageReadMode:
    return ImageReadMode[mode.upper()] if isinstance(mode, str) else mode


def _decode(data: Any, kinds: Iterable[str], mode: ImageReadMode | str, apply_exif_orientation: bool) -> Tensor:
    """The picture in some bytes, of one of Pillow's kinds. Raises RuntimeError for other kinds and broken pictures."""
    raw, wanted = _bytes(data), _mode(mode)
    image = pillow()
    try:
        with image.open(io.BytesIO(raw), formats=tuple(kinds)) as picture:
            if picture.format == "JPEG" and wanted is ImageReadMode.GRAY:
                picture.draft("L", None)  # the file's own luminance
            if apply_exif_orientation:
                picture = pillow("ImageOps").exif_transpose(picture)
            return _tensor(picture, wanted)
    except (OSError, SyntaxError, ValueError) as error:
        raise RuntimeError(f"Could not decode the picture as {' or '.join(kinds)}: {error}") from error


def _tensor(picture: Any, mode: ImageReadMode) -> Tensor:
    """The channels of a picture of Pillow's: (C, H, W), uint8; uint16 for those of 16 bits that stay as they are."""
    if picture.mode in _DEEP and mode is ImageReadMode.UNCHANGED:
        return from_numpy(np.asarray(picture).astype(np.uint16)[None])
    if picture.mode in _DEEP:
        picture = pillow().fromarray((np.asarray(picture).astype(np.uint16) >> 8).astype(np.uint8))
    if mode is not ImageReadMode.UNCHANGED:
        picture = picture.convert(_MODES[mode])
    elif picture.mode not in _MODES.values():
        picture = picture.convert(_own_mode(picture))
    pixels = np.array(picture)
    return from_numpy(pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _own_mode(picture: Any) -> str:
    """The mode that has the channels of a picture with a palette, of black and white, or of ink."""
    if picture.mode == "1":
        return "L"
    return "RGBA" if picture.has_transparency_data else "RGB"


def decode_jpeg(
    input: Tensor | list[Tensor],
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    device: object = "cpu",
    apply_exif_orientation: bool = False,
) -> Any:
    """The picture in the bytes of a JPEG file, or those in a list of them: (C, H, W), uint8.

    Args:
        input (Tensor or list of Tensor): the bytes, (N,), uint8.
        mode (ImageReadMode or str): the channels. Default: those of the file
        device: ``"cpu"``.
        apply_exif_orientation (bool): whether the picture is turned as the file says. Default: ``False``

    Raises RuntimeError for bytes of another kind and for modes with transparency.
    """
    if isinstance(input, list):
        return [decode_jpeg(data, mode, device, apply_exif_orientation) for data in input]
    if _mode(mode) in (ImageReadMode.GRAY_ALPHA, ImageReadMode.RGB_ALPHA):
        raise RuntimeError(f"The provided mode is not supported for JPEG files: {_mode(mode)}")
    return _decode(input, ("JPEG",), mode, apply_exif_orientation)


def decode_png(
    input: Tensor, mode: ImageReadMode | str = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False
) -> Tensor:
    """The picture in the bytes of a PNG file: (C, H, W), uint8; a grey one of 16 bits is uint16.

    Arguments and errors are those of `decode_jpeg`.
    """
    return _decode(input, ("PNG",), mode, apply_exif_orientation)


def decode_webp(input: Tensor, mode: ImageReadMode | str = ImageReadMode.UNCHANGED) -> Tensor:
    """The picture in the bytes of a WebP file: (C, H, W), uint8. Arguments and errors are those of `decode_jpeg`."""
    return _decode(input, ("WEBP",), mode, False)


def decode_gif(input: Tensor) -> Tensor:
    """The pictures in the bytes of a GIF file: (N, 3, H, W), or (3, H, W) where there is one, uint8.

    Raises RuntimeError for bytes of another kind.
    """
    raw = _bytes(input)
    try:
        with pillow().open(io.BytesIO(raw), formats=("GIF",)) as picture:
            frames = [np.array(frame.convert("RGB")) for frame in pillow("ImageSequence").Iterator(picture)]
    except (OSError, SyntaxError, ValueError) as error:
        raise RuntimeError(f"Could not decode the picture as GIF: {error}") from error
    pixels = from_numpy(np.ascontiguousarray(np.stack(frames).transpose(0, 3, 1, 2)))
    return pixels if len(frames) > 1 else pixels[0]


def decode_image(
    input: Tensor | str, mode: ImageReadMode | str = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False
) -> Tensor:
    """The picture in the bytes of a JPEG, PNG, GIF or WebP file, or in the file of a path: (C, H, W), uint8.

    Args:
        input (Tensor or str): the bytes, (N,), uint8, or the path.
        mode (ImageReadMode or str): the channels. Default: those of the file
        apply_exif_orientation (bool): whether the picture is turned as the file says. Default: ``False``

    Raises RuntimeError for files that can't be read and for pictures of other kinds.

    >>> import kagari as torch
    >>> from kagari.vision.io import decode_image, encode_png
    >>> picture = torch.arange(48, dtype=torch.uint8).view(3, 4, 4)
    >>> torch.equal(decode_image(encode_png(picture)), picture)
    True
    """
    data = read_file(input) if isinstance(input, str | os.PathLike) else input
    start = _bytes(data)[:4]
    kind = next((kind for begin, kind in _STARTS if start.startswith(begin)), None)
    if kind is None:
        raise RuntimeError(
            f"Unsupported image file. Only jpeg, png, webp and gif are currently supported; this one begins with "
            f"{start.hex(' ')}"
        )
    if kind == "GIF":
        return decode_gif(data)
    if kind == "JPEG":
        return decode_jpeg(data, mode, apply_exif_orientation=apply_exif_orientation)
    return _decode(data, (kind,), mode, apply_exif_orientation)


def read_image(
    path: Path_, mode: ImageReadMode | str = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False
) -> Tensor:
    """The picture in a file. Arguments and errors are those of `decode_image`."""
    return decode_image(read_file(path), mode, apply_exif_orientation)


def _encode(input: Any, kind: str, **options: Any) -> Tensor:
    """The bytes of a file of one of Pillow's kinds. Raises RuntimeError for what is no picture of 1 or 3 channels."""
    if not isinstance(input, Tensor) or input.dtype is not uint8:
        got = getattr(input, "dtype", type(input).__name__)
        raise RuntimeError(f"Input tensor dtype should be uint8, got {got}")
    if input.ndim != 3:
        raise RuntimeError(f"Input data should be a 3-dimensional tensor, got {input.ndim} dimensions")
    if input.size(0) not in (1, 3):
        raise RuntimeError(f"The number of channels should be 1 or 3, got: {input.size(0)}")
    pixels = np.ascontiguousarray(input.permute(1, 2, 0).squeeze(2).numpy())
    file = io.BytesIO()
    pillow().fromarray(pixels).save(file, kind, **options)
    return from_numpy(np.frombuffer(file.getvalue(), np.uint8).copy())


def encode_png(input: Tensor, compression_level: int = 6) -> Tensor:
    """The bytes of a PNG file of a picture, (1, H, W) or (3, H, W), uint8: (N,), uint8.

    Raises RuntimeError for another tensor, and for a level that is not from 0 to 9.
    """
    if not 0 <= compression_level <= 9:
        raise RuntimeError(f"Compression level should be between 0 and 9, got {compression_level}")
    return _encode(input, "PNG", compress_level=compression_level)


def encode_jpeg(input: Tensor | list[Tensor], quality: int = 75) -> Any:
    """The bytes of a JPEG file of a picture, (1, H, W) or (3, H, W), uint8, or those of a list of them: (N,), uint8.

    Raises ValueError for a quality that is not from 1 to 100, RuntimeError for another tensor.
    """
    if not 1 <= quality <= 100:
        raise ValueError("Image quality should be a positive number between 1 and 100")
    if isinstance(input, list):
        return [encode_jpeg(picture, quality) for picture in input]
    return _encode(input, "JPEG", quality=quality)


def write_png(input: Tensor, filename: Path_, compression_level: int = 6) -> None:
    """Writes a picture to a PNG file. Arguments and errors are those of `encode_png`."""
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input: Tensor, filename: Path_, quality: int = 75) -> None:
    """Writes a picture to a JPEG file. Arguments and errors are those of `encode_jpeg`."""
    write_file(filename, encode_jpeg(input, quality))


__all__ = [
    "ImageReadMode", "decode_gif", "decode_image", "decode_jpeg", "decode_png", "decode_webp", "encode_jpeg",
    "encode_png", "read_file", "read_image", "write_file", "write_jpeg", "write_png",
]  # fmt: skip
