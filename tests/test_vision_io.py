"""Pictures: reading, writing, and Pillow, which does it. The oracle's own reader can't be loaded beside the oracle."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kagari
from kagari.vision import io as pictures
from kagari.vision.io import ImageReadMode
from kagari.vision.pillow import pillow

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 7, 4), np.uint8)
SMOOTH = np.add.outer(np.arange(32), 2 * np.arange(40)).astype(np.uint8)[..., None] + np.array([0, 40, 90], np.uint8)


def saved(pixels: np.ndarray, kind: str, **options: Any) -> kagari.Tensor:
    """The bytes of a file that Pillow wrote."""
    file = io.BytesIO()
    pillow().fromarray(pixels).save(file, kind, **options)
    return kagari.from_numpy(np.frombuffer(file.getvalue(), np.uint8).copy())


def planes(pixels: np.ndarray) -> np.ndarray:
    """(H, W, C) or (H, W) to (C, H, W)."""
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


@pytest.mark.parametrize(("kind", "channels"), [*(("PNG", n) for n in range(5)), ("WEBP", 3), ("WEBP", 4)])
def test_channels_are_those_of_the_file(kind: str, channels: int) -> None:
    pixels = PIXELS[..., 0] if channels < 2 else PIXELS[..., :channels]
    data = saved(pixels, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    for decode in (pictures.decode_image, pictures.decode_png if kind == "PNG" else pictures.decode_webp):
        found = decode(data)
        assert found.dtype is kagari.uint8 and np.array_equal(found.numpy(), planes(pixels))


@pytest.mark.parametrize("mode", [m for m in ImageReadMode if m is not ImageReadMode.UNCHANGED])
def test_channels_that_are_asked_for(mode: ImageReadMode) -> None:
    theirs = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[mode.value]
    wanted = planes(np.asarray(pillow().fromarray(PIXELS).convert(theirs)))
    for asked in (mode, mode.name, mode.name.lower()):
        assert np.array_equal(pictures.decode_image(saved(PIXELS, "PNG"), asked).numpy(), wanted)


def test_sixteen_bits() -> None:
    deep = (PIXELS[..., 0].astype(np.uint16) << 8) + PIXELS[..., 1]
    data = saved(deep, "PNG")
    found = pictures.decode_png(data)
    assert found.dtype is kagari.uint16 and np.array_equal(found.numpy(), deep[None])
    assert np.array_equal(pictures.decode_png(data, "GRAY").numpy(), PIXELS[None, ..., 0])


def test_palettes_become_colours() -> None:
    drawn = pillow().fromarray(PIXELS[..., :3]).quantize(16)
    file = io.BytesIO()
    drawn.save(file, "PNG")
    data = kagari.from_numpy(np.frombuffer(file.getvalue(), np.uint8).copy())
    assert np.array_equal(pictures.decode_image(data).numpy(), planes(np.asarray(drawn.convert("RGB"))))


def test_jpeg() -> None:
    data = saved(SMOOTH, "JPEG", quality=95)
    assert kagari.equal(pictures.decode_jpeg(data), pictures.decode_image(data))
    assert np.abs(pictures.decode_jpeg(data).numpy().astype(int) - planes(SMOOTH)).max() < 12
    assert pictures.decode_jpeg(data, "GRAY").shape == (1, 32, 40)
    assert [picture.shape for picture in pictures.decode_jpeg([data, data])] == [(3, 32, 40)] * 2
    for mode in ("GRAY_ALPHA", "RGB_ALPHA"):
        with pytest.raises(RuntimeError, match="not supported for JPEG"):
            pictures.decode_jpeg(data, mode)


def test_the_orientation_that_a_file_says() -> None:
    turned = pillow().Exif()
    turned[0x0112] = 6
    data = saved(SMOOTH, "JPEG", quality=95, exif=turned)
    plain = pictures.decode_image(data)
    assert kagari.equal(pictures.decode_image(data, apply_exif_orientation=True), plain.rot90(-1, (1, 2)))


def test_gif() -> None:
    first, second = (pillow().fromarray(PIXELS[..., k]) for k in range(2))
    for more, shape in (([second], (2, 3, 6, 7)), ([], (3, 6, 7))):
        file = io.BytesIO()
        first.save(file, "GIF", save_all=True, append_images=more)
        data = kagari.from_numpy(np.frombuffer(file.getvalue(), np.uint8).copy())
        found = pictures.decode_image(data)
        assert found.shape == shape
        assert np.array_equal(found.reshape(-1, 3, 6, 7)[0].numpy(), np.stack([PIXELS[..., 0]] * 3))


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_written_is_read(tmp_path: Path, channels: int) -> None:
    picture = kagari.from_numpy(planes(PIXELS[..., :channels]).copy())
    pictures.write_png(picture, tmp_path / "a.png", compression_level=9)
    assert kagari.equal(pictures.read_image(tmp_path / "a.png"), picture)
    assert kagari.equal(pictures.decode_image(str(tmp_path / "a.png")), picture)
    smooth = kagari.from_numpy(planes(SMOOTH[..., :channels]).copy())
    sizes = []
    for quality in (95, 5):
        pictures.write_jpeg(smooth, tmp_path / "a.jpg", quality)
        sizes.append(len(pictures.read_file(tmp_path / "a.jpg")))
    assert sizes[0] > sizes[1] and len(pictures.encode_jpeg([smooth, smooth], 5)) == 2
    assert kagari.equal(pictures.encode_jpeg(smooth, 5), pictures.read_file(tmp_path / "a.jpg"))


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda: pictures.read_image("/gone.png"), RuntimeError, r"\[Errno 2\] No such file or directory: '/gone.png'"),
        (lambda: pictures.decode_image(kagari.zeros(3)), RuntimeError, "Expected a torch.uint8 tensor, got"),
        (lambda: pictures.decode_image(kagari.zeros(0, dtype=kagari.uint8)), RuntimeError, "non empty 1-dimensional"),
        (lambda: pictures.decode_image(kagari.zeros(4, dtype=kagari.uint8)), RuntimeError, "Unsupported image file"),
        (
            lambda: pictures.decode_png(saved(PIXELS[..., 0], "JPEG")),
            RuntimeError,
            "Could not decode the picture as PNG",
        ),
        (lambda: pictures.decode_png(saved(PIXELS, "PNG")[:60]), RuntimeError, "Could not decode the picture as PNG"),
        (lambda: pictures.encode_png(kagari.zeros(3, 4, 4)), RuntimeError, "dtype should be uint8, got"),
        (
            lambda: pictures.encode_png(kagari.zeros(4, 4, dtype=kagari.uint8)),
            RuntimeError,
            "3-dimensional tensor, got 2",
        ),
        (lambda: pictures.encode_jpeg(kagari.zeros(2, 4, 4, dtype=kagari.uint8)), RuntimeError, "1 or 3, got: 2"),
        (lambda: pictures.encode_png(kagari.zeros(1, 4, 4, dtype=kagari.uint8), 10), RuntimeError, "between 0 and 9"),
        (lambda: pictures.encode_jpeg(kagari.zeros(1, 4, 4, dtype=kagari.uint8), 0), ValueError, "between 1 and 100"),
    ],
)
def test_errors(ask: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ask()


PROBE = """
import sys
from kagari.vision.pillow import is_picture, pillow
import kagari.vision
assert not is_picture(object()) and not any(name.partition(".")[0] == "PIL" for name in sys.modules)
assert is_picture(pillow().new("L", (2, 3)))
"""


def test_pillow_is_opened_when_it_is_needed() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", PROBE], check=True)


def test_who_lacks_pillow_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name="PIL")

    monkeypatch.setattr(importlib, "import_module", fails)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'kagari\[vision\]'"):
        pillow()
