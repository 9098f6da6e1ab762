"""Discrete Fourier transforms against the oracle: values, gradients, second gradients, errors."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from outcomes import evaluated

import kagari

_random = np.random.default_rng(7)
REAL, IMAGINARY = _random.normal(size=(3, 4, 5)), _random.normal(size=(3, 4, 5))

# Expressions of x, which is real, and of z, which is complex.
TRANSFORMS = """
F.fft(x)
F.fft(z, 7, 1, "ortho")
F.fft(x, 3, 0, "forward")
F.ifft(x)
F.ifft(z, 2, -2, "forward")
F.fft2(x, (5, 3))
F.fft2(z, dim=(0, 2), norm="ortho")
F.ifft2(z)
F.fftn(x)
F.fftn(z, (3, -1), norm="forward")
F.fftn(z, dim=(2, 0))
F.fftn(x, dim=())
F.ifftn(z, (2, 6), (1, 0))
F.ifftn(x, norm="ortho")
F.rfft(x)
F.rfft(x, 8, 1, "ortho")
F.rfft(x, 1)
F.irfft(z)
F.irfft(x, 7, 0)
F.irfft(z, 6, 1, "forward")
F.irfft(z, 1)
F.rfft2(x, (6, 3))
F.irfft2(z, norm="ortho")
F.rfftn(x, dim=(2, 1))
F.rfftn(x, (4, 3, 6), norm="forward")
F.irfftn(z)
F.irfftn(z, (4, 5), (2, 0))
F.hfft(z)
F.hfft(z, 5, 0, "ortho")
F.ihfft(x)
F.ihfft(x, 6, 1, "forward")
F.hfft2(z, (3, 4))
F.ihfft2(x, norm="ortho")
F.hfftn(z)
F.ihfftn(x, (4, 4), (0, 2))
F.fftshift(z, (0, 2))
F.ifftshift(x)
F.fft(x.transpose(0, 2)[::2])
""".strip().splitlines()


def _results(lib: ModuleType, source: str, dtype: str) -> list[Any]:
    x = lib.tensor(REAL.tolist(), dtype=getattr(lib, dtype)).requires_grad_()
    z = lib.complex(x * 0.5, lib.tensor(IMAGINARY.tolist(), dtype=x.dtype))
    found = eval(source, {"F": lib.fft, "x": x, "z": z})
    weight = lib.tensor(np.cos(np.arange(found.numel())).tolist(), dtype=x.dtype).reshape(found.shape)
    loss = ((found * found.conj()).real * weight).sum()
    (first,) = lib.autograd.grad(loss, x, create_graph=True)
    (second,) = lib.autograd.grad((first * first * lib.tensor(IMAGINARY.tolist(), dtype=x.dtype)).sum(), x)
    return [t.detach().resolve_conj().numpy() for t in (found, first, second)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("source", TRANSFORMS)
def test_values_and_gradients(source: str, dtype: str, oracle: ModuleType) -> None:
    ours, theirs = (_results(lib, source, dtype) for lib in (kagari, oracle))
    for a, b in zip(ours, theirs):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=0, atol=np.finfo(dtype).eps * 300 * (1 + np.abs(b).max(initial=0)))


SAME = """
torch.fft.fft(torch.arange(4))
torch.fft.fft(torch.tensor([True, False]))
torch.fft.fft(x.half())
torch.fft.rfft(x.bfloat16())
torch.fft.fft(torch.tensor(1.0))
torch.fft.fftn(torch.tensor(1.0))
torch.fft.rfftn(torch.tensor(1.0))
torch.fft.irfftn(torch.tensor(1.0 + 0j))
torch.fft.fft(x, 0)
torch.fft.fft(x, 2.0)
torch.fft.fft(x, dim=2)
torch.fft.fft(x, norm="half")
torch.fft.fft(x, norm=3)
torch.fft.fft([1.0])
torch.fft.fft(torch.ones(0))
torch.fft.fftn(x, dim=(0, 0))
torch.fft.fftn(x, dim=(0, 3))
torch.fft.fftn(x, (2, 3, 4))
torch.fft.fftn(x, (2,), (0, 1))
torch.fft.fft2(torch.ones(3))
torch.fft.rfft(z)
torch.fft.ihfft(z)
torch.fft.rfft2(z)
torch.fft.ihfftn(z)
torch.fft.irfft(z[:, :1])
torch.fft.irfftn(z, (2, 0))
torch.fft.fft(x, out=torch.empty(0, dtype=torch.complex128))
torch.fft.fftfreq(5)
torch.fft.fftfreq(4, 2, dtype=torch.float64)
torch.fft.fftfreq(0)
torch.fft.fftfreq(4, 0)
torch.fft.fftfreq(4, dtype=torch.int32)
torch.fft.fftfreq(4.0)
torch.fft.rfftfreq(7, 0.1)
torch.fft.rfftfreq(3, requires_grad=True)
torch.fft.fftshift(torch.arange(5))
torch.fft.fftshift(torch.tensor(1.0))
torch.fft.ifftshift(x, 3)
""".strip().splitlines()


@pytest.mark.parametrize("source", SAME)
def test_same_as_the_oracle(source: str, oracle: ModuleType) -> None:
    values = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    ours, theirs = (
        evaluated(source, lib, {"x": lib.tensor(values), "z": lib.complex(lib.tensor(values), lib.tensor(values))})
        for lib in (kagari, oracle)
    )
    assert ours[0] == theirs[0], (ours, theirs)
    if ours[0] == "raises":
        assert ours[1:] == theirs[1:]
        return
    for a, b in zip(ours[1][:3], theirs[1][:3]):
        assert a == b
    np.testing.assert_allclose(ours[1][5], theirs[1][5], rtol=1e-6, atol=1e-6)


SHORT = """
torch.stft(x, 8, window=h, return_complex=True)
torch.stft(z, 8, 3, 6, h[:6])
torch.stft(x, 7, window=h[:7], center=False, onesided=False, return_complex=True)
torch.stft(x, 8, window=h, pad_mode="constant", normalized=True, return_complex=True)
torch.stft(x, 8, window=h, return_complex=False)
torch.stft(x[0], 8, window=h.to(z.dtype))
torch.istft(s, 8, window=h)
torch.istft(s, 8, window=h, length=17)
torch.istft(s, 8, window=h, length=40)
torch.istft(torch.stft(z, 8, window=h, normalized=True), 8, window=h, normalized=True, return_complex=True)
torch.istft(torch.stft(z, 8, window=h), 8, window=h)
s[0].istft(8, 2, 6, h[:6])
""".strip().splitlines()


@pytest.mark.filterwarnings("ignore:.*(deprecated|shorter)")
@pytest.mark.parametrize("source", SHORT)
def test_short_times(source: str, oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        x = lib.tensor(REAL.reshape(3, 20).tolist(), dtype=lib.float64).requires_grad_()
        h, z = (
            lib.hann_window(8, dtype=lib.float64),
            lib.complex(x, lib.tensor(IMAGINARY.reshape(3, 20).tolist()).double()),
        )
        s = lib.stft(x, 8, window=h, return_complex=True)
        y = eval(source, {"torch": lib, "x": x, "h": h, "z": z, "s": s})
        weight = lib.tensor(np.cos(np.arange(y.numel())).tolist(), dtype=lib.float64).reshape(y.shape)
        loss = ((y * y.conj()).real * weight).sum()
        found.append([t.detach().resolve_conj().numpy() for t in (y, lib.autograd.grad(loss, x)[0])])
    for a, b in zip(*found):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * (1 + abs(b).max()))


SHORT_FAULTS = """
torch.stft(x, 8, window=h)
torch.stft(x, 8, 2, 6, h, return_complex=True)
torch.stft(x, 8, 0, window=h, return_complex=True)
torch.stft(x, 0, window=h, return_complex=True)
torch.stft(x, 50, window=h, return_complex=True, center=False)
torch.stft(x, 50, window=h, return_complex=True)
torch.stft(torch.complex(x, x), 8, window=h, onesided=True)
torch.stft(x[None, None], 8, window=h, return_complex=True)
torch.stft(torch.arange(20), 8, window=h, return_complex=True)
torch.stft(x, 8, win_length=9, return_complex=True)
torch.stft(x, 8, window=h, return_complex=True, align_to_window=True)
torch.istft(s, 8, window=h, center=False)
torch.istft(s, 8, window=h, return_complex=True)
torch.istft(s, 8, window=h, onesided=False)
torch.istft(s, 10, window=h)
torch.istft(x, 8, window=h)
torch.istft(s, 8, 9, window=h)
torch.istft(s, 8, window=torch.complex(h, h))
torch.istft(s[:0], 8)
torch.istft(s, 8, window=h[:6])
""".strip().splitlines()


@pytest.mark.parametrize("source", SHORT_FAULTS)
def test_faults_of_short_times(source: str, oracle: ModuleType) -> None:
    said = []
    for lib in (kagari, oracle):
        x, h = lib.arange(20.0), lib.hann_window(8)
        names = {"x": x, "h": h, "s": lib.stft(x, 8, window=h, return_complex=True)}
        said.append(evaluated(source, lib, names))
    assert said[0] == said[1]


def test_names(oracle: ModuleType) -> None:
    assert set(oracle.fft.__all__) - {"Tensor"} <= set(kagari.fft.__all__)
    x = kagari.ones(4)
    with kagari.autocast("cpu", kagari.bfloat16):
        assert kagari.fft.rfft(x.bfloat16()).dtype == kagari.complex64
