"""Resampling and shuffling layers against the oracle: values, gradients, what they print, errors and warnings."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from outcomes import assert_same_error

import kagari

LAYERS = {
    "Upsample(scale_factor=2)": (2, 3, 4, 5),
    "Upsample(size=(3, 4), mode='bilinear', align_corners=True)": (2, 3, 4, 5),
    "Upsample(scale_factor=(2, 3), recompute_scale_factor=True)": (2, 3, 4, 5),
    "Upsample(scale_factor=1.7, mode='linear')": (2, 3, 7),
    "Upsample(size=5, mode='trilinear')": (1, 2, 3, 4, 6),
    "UpsamplingNearest2d(scale_factor=2)": (2, 3, 4, 5),
    "UpsamplingBilinear2d(size=4)": (2, 3, 3, 5),
    "PixelShuffle(2)": (2, 8, 3, 2),
    "PixelUnshuffle(3)": (2, 1, 6, 3),
    "ChannelShuffle(2)": (2, 4, 3),
}
LINE = (
    "size=5", "size=9", "size=1", "scale_factor=2", "scale_factor=0.7",
    "scale_factor=2.6, recompute_scale_factor=True",
)  # fmt: skip


def numbers(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).uniform(-2, 3, shape)


def close(ours: Any, theirs: Any, tolerance: float = 2e-5) -> None:
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    a, b = (np.array(t.detach().tolist(), float) for t in (ours, theirs))
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def compare(
    oracle: ModuleType, call: str, shape: tuple[int, ...], dtype: str = "float32", tolerance: float = 2e-5
) -> None:
    """A call of `F` with `x`, and its gradient, in both libraries."""
    found = []
    for lib in (kagari, oracle):
        x = lib.tensor(numbers(shape).tolist(), dtype=getattr(lib, dtype), requires_grad=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = eval(call, {"F": lib.nn.functional, "x": x, "torch": lib})
        (y * y.detach()).sum().backward()
        found.append([y, x.grad])
    for a, b in zip(*found):
        close(a, b, tolerance)


@pytest.mark.parametrize("text", LAYERS)
def test_layer(text: str, oracle: ModuleType) -> None:
    assert repr(eval(text, vars(kagari.nn).copy())) == repr(eval(text, vars(oracle.nn).copy()))
    compare(oracle, f"torch.nn.{text}(x)", LAYERS[text])


@pytest.mark.parametrize("target", LINE)
@pytest.mark.parametrize(
    "mode", ["nearest", "nearest-exact", "linear", "linear', align_corners=True, mode='linear", "area"]
)
def test_along_a_line(mode: str, target: str, oracle: ModuleType) -> None:
    kind = mode.split("'")[0]
    aligned = ", align_corners=True" if "align" in mode else ""
    compare(oracle, f"F.interpolate(x, {target}, mode={kind!r}{aligned})", (2, 3, 6))


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_images(mode: str, aligned: bool, antialias: bool, oracle: ModuleType) -> None:
    for target in ("size=(3, 9)", "size=(13, 2)", "scale_factor=(0.5, 1.5)"):
        call = f"F.interpolate(x, {target}, mode={mode!r}, align_corners={aligned}, antialias={antialias})"
        compare(oracle, call, (2, 3, 7, 6))


@pytest.mark.parametrize("factor", [1.2, 2.3])
def test_factors_that_round_to_repetition(factor: float, oracle: ModuleType) -> None:
    for mode in ("nearest", "nearest-exact"):
        compare(oracle, f"F.interpolate(x, scale_factor={factor}, mode={mode!r})", (1, 1, 2, 3))


def test_the_lanczos_filter(oracle: ModuleType) -> None:
    compare(oracle, "F.interpolate(x, size=(5, 17), mode='lanczos', antialias=True)", (1, 2, 12, 11))


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "trilinear", "area"])
def test_volumes(mode: str, oracle: ModuleType) -> None:
    compare(oracle, f"F.interpolate(x, size=(4, 5, 3), mode={mode!r})", (1, 2, 3, 4, 6))


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_other_dtypes(mode: str, dtype: str, oracle: ModuleType) -> None:
    tolerance = {"float64": 1e-9, "float16": 1e-2, "bfloat16": 6e-2}[dtype]
    compare(oracle, f"F.interpolate(x, size=(5, 9), mode={mode!r})", (1, 2, 4, 6), dtype, tolerance)


def test_bytes(oracle: ModuleType) -> None:
    ours, theirs = (
        lib.nn.functional.interpolate(lib.arange(12, dtype=lib.uint8).reshape(1, 1, 3, 4), size=(4, 7))
        for lib in (kagari, oracle)
    )
    assert ours.tolist() == theirs.tolist()


def test_sizes_that_were_not_seen_before(oracle: ModuleType) -> None:
    for size in range(2, 8):
        for mode in ("nearest", "linear"):
            compare(oracle, f"F.interpolate(x, size=8, mode={mode!r})", (1, 2, size))


def test_other_elements_are_not_touched() -> None:
    x = kagari.tensor([[[float("nan"), 1.0, 2.0, 3.0]]])
    y = kagari.nn.functional.interpolate(x, size=8, mode="linear")
    assert not y[0, 0, 3:].isnan().any()
    assert y[0, 0, :2].isnan().all()


def test_gradient_of_the_gradient() -> None:
    x = kagari.tensor(numbers((1, 2, 4, 3)).tolist(), dtype=kagari.float64, requires_grad=True)

    def resized(x: Any) -> Any:
        return kagari.nn.functional.interpolate(x, size=(3, 5), mode="bilinear")

    assert kagari.autograd.gradcheck(resized, (x,))
    assert kagari.autograd.gradgradcheck(resized, (x,))


ERRORS = {
    "no target": lambda t, f: f.interpolate(t.ones(1, 1, 4, 4)),
    "two targets": lambda t, f: f.interpolate(t.ones(1, 1, 4, 4), size=3, scale_factor=2),
    "three sizes of two": lambda t, f: f.interpolate(t.ones(1, 1, 4, 4), size=(3, 4, 5)),
    "three factors of two": lambda t, f: f.interpolate(t.ones(1, 1, 4, 4), scale_factor=(2, 3, 4)),
    "factor of a size": lambda t, f: f.interpolate(t.ones(1, 1, 4, 4), size=3, recompute_scale_factor=True),
    "aligned nearest": lambda t, f: f.interpolate(t.ones(1, 1, 4, 4), size=3, align_corners=True),
    "linear image": lambda t, f: f.interpolate(t.ones(1, 1, 4, 4), size=3, mode="linear"),
    "bilinear line": lambda t, f: f.interpolate(t.ones(1, 1, 4), size=3, mode="bilinear"),
    "bicubic line": lambda t, f: f.interpolate(t.ones(1, 1, 4), size=3, mode="bicubic"),
    "trilinear image": lambda t, f: f.interpolate(t.ones(1, 1, 4, 4), size=3, mode="trilinear"),
    "a matrix": lambda t, f: f.interpolate(t.ones(4, 4), size=3),
    "no such mode": lambda t, f: f.interpolate(t.ones(1, 1, 4, 4), size=3, mode="average"),
    "filtered nearest": lambda t, f: f.interpolate(t.ones(1, 1, 4, 4), size=3, antialias=True),
    "unfiltered lanczos": lambda t, f: f.interpolate(t.ones(1, 1, 4, 4), size=3, mode="lanczos"),
    "to nothing": lambda t, f: f.interpolate(t.ones(1, 1, 4, 4), size=0),
    "of nothing": lambda t, f: f.interpolate(t.ones(1, 1, 0, 4), size=(3, 4)),
    "no channels": lambda t, f: f.interpolate(t.ones(1, 0, 4, 4), size=3),
    "a broken size": lambda t, f: f.interpolate(t.ones(1, 1, 4, 4), size=(2.0, 2)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name: str, oracle: ModuleType) -> None:
    assert_same_error(lambda lib: ERRORS[name](lib, lib.nn.functional), oracle, kagari)


@pytest.mark.parametrize("name", ["upsample", "upsample_nearest", "upsample_bilinear"])
def test_old_names(name: str, oracle: ModuleType) -> None:
    compare(oracle, f"F.{name}(x, 4)", (1, 2, 3, 3))
    with pytest.warns(UserWarning, match=f"`nn.functional.{name}` is deprecated.") as caught:
        getattr(kagari.nn.functional, name)(kagari.ones(1, 1, 2, 2), 4)
    assert caught[0].filename == __file__
