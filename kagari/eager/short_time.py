"""The Fourier transform of short frames of a signal, and the signal of such frames."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from ..autograd.casting import in_float32
from ..base.dtypes import dtype
from ..base.later import Later
from ..ops.check import TYPE_NAMES
from . import composed, creation
from .calls import call

_LEAST = 1e-11  # the squares of windows that overlap have to sum up to more


_fourier: Any = Later(f"{__package__}.fourier")


def _transform(name: str) -> Callable[..., Any]:
    return _fourier.FFT[name]


def _said(value: Any) -> str:
    """An argument as messages show it."""
    if value is None or not isinstance(value, bool):
        return str(value)
    return str(int(value))


def _refusal(name: str, x: Any, window: Any, settings: dict[str, Any], reason: str) -> RuntimeError:
    """The error that says what was asked for, and why it can't be."""
    kind = x.type() if name == "stft" else f"CPU{TYPE_NAMES[x.dtype]}Type"
    shown = None if window is None else f"{window.type()}{{[{', '.join(map(str, window.shape))}]}}"
    listed = [(n, _said(value)) for n, value in settings.items()]
    listed.insert(1 + list(settings).index("win_length"), ("window", str(shown)))
    signal = f"{kind}[{', '.join(map(str, x.shape))}]"
    return RuntimeError(f"{name}({signal}, {', '.join(f'{n}={value}' for n, value in listed)}) {reason}")


def _unwindowed(says: str) -> None:
    warnings.warn(
        f"A window was not provided. A rectangular window will be applied{says}To suppress this warning and use a "
        "rectangular window, explicitly set `window=torch.ones(n_fft, device=<device>)`.",
        UserWarning,
        stacklevel=4,
    )


def _whole(window: Any, win_length: int, n_fft: int, dt: dtype) -> Any:
    """The window in the middle of as many elements as a frame has."""
    if window is None:
        window = creation.ones(win_length, dtype=dt.to_real())
    left = (n_fft - win_length) // 2
    return window if win_length == n_fft else composed.constant_pad_nd(window, [left, n_fft - win_length - left])


@in_float32
def stft(
    input: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Any:
    r"""The short-time Fourier transform: that of frames of a signal, each weighed by a window.

    .. math:: X[f, t] = \sum_k w_k \, x_{t h + k} \, e^{-2 \pi i f k / n}

    Args:
        input: (L,) or (B, L), real or complex.
        n_fft: n, the elements of a frame.
        hop_length: h, from one frame to the next; `n_fft // 4` by default.
        win_length: elements of the window, in the middle of a frame; `n_fft` by default.
        window: w; ones by default, with a warning.
        center: whether frame t has element `t h` in its middle: the signal is padded by `pad_mode`, half a frame at
            both ends.
        normalized: divides by the root of n.
        onesided: only the first `n // 2 + 1` frequencies; by default of a real signal and window.
        return_complex: complex results, or pairs of real ones, which are deprecated. Needed for real signals.
        align_to_window: accepted without `center`, where it changes nothing of a window in the middle.

    Returns (F, T), or (B, F, T). Raises RuntimeError for other shapes and sizes that do not fit.
    Source: Allen, "Short term spectral analysis, synthesis, and modification by discrete Fourier transform", 1977.

    >>> import kagari as torch
    >>> torch.stft(torch.ones(16), 8, window=torch.hann_window(8), return_complex=True).shape
    torch.Size([5, 9])
    """
    if window is None:
        _unwindowed(
            ",which is known to cause spectral leakage. Other windows such as torch.hann_window or "
            "torch.hamming_window are recommended to reduce spectral leakage."
        )
    hop = n_fft // 4 if hop_length is None else hop_length
    length = n_fft if win_length is None else win_length
    if center and align_to_window is not None:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    x = input
    if center:
        lead = (1,) * (3 - x.ndim)
        padded = call("pad")(x.reshape(*lead, *x.shape), (n_fft // 2, n_fft // 2), pad_mode)
        x = padded.reshape(padded.shape[len(lead) :])
    settings = {
        "n_fft": n_fft, "hop_length": hop, "win_length": length, "normalized": normalized, "onesided": onesided,
        "return_complex": return_complex, "align_to_window": align_to_window,
    }  # fmt: skip
    refusal = partial(_refusal, "stft", x, window, settings)
    is_complex = x.dtype.is_complex or (window is not None and window.dtype.is_complex)
    if return_complex is None:
        if not is_complex:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will further require that "
                "return_complex=True in a future PyTorch release."
            )
    elif not return_complex:
        warnings.warn(
            "stft with return_complex=False is deprecated. In a future pytorch release, stft will return complex "
            "tensors for all inputs, and return_complex=False will raise an error. Note: you can still call "
            "torch.view_as_real on the complex output to recover the old return format.",
            UserWarning,
            stacklevel=3,
        )
    if x.dtype.category < 2:
        raise refusal(": expected a tensor of floating point or complex values")
    if not 0 < x.ndim < 3:
        raise refusal(": expected a 1D or 2D tensor")
    if not 0 < n_fft <= x.shape[-1]:
        raise refusal(f": expected 0 < n_fft < {x.shape[-1]}, but got n_fft={n_fft}")
    if hop <= 0:
        raise refusal(f": expected hop_length > 0, but got hop_length={hop}")
    if not 0 < length <= n_fft:
        raise refusal(f": expected 0 < win_length <= n_fft, but got win_length={length}")
    if window is not None and tuple(window.shape) != (length,):
        raise refusal(
            f": expected a 1D window tensor of size equal to win_length={length}, but got window with size "
            f"{list(window.shape)}"
        )
    frames = x.unfold(-1, n_fft, hop)
    if window is not None or length < n_fft:
        frames = frames * _whole(window, length, n_fft, x.dtype)
    if onesided and is_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    half = not is_complex if onesided is None else onesided
    found = _transform("rfft" if half else "fft")(frames, None, -1, "ortho" if normalized else "backward")
    found = found.transpose(-1, -2)
    return call("view_as_real")(found) if return_complex is False else found


@in_float32
def istft(
    input: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Any:
    """The inverse of `stft`: frames are weighed by the window again, added where they overlap, and divided by the sums
    of the squares of the windows there.

    Args:
        input: (F, T) or (B, F, T), complex.
        length: elements of the signal; what is left over is cut off, or zeros follow, with a warning.
        return_complex: whether the signal is complex, of all frequencies.

    The others are those of `stft`. Returns (L,) or (B, L). Raises RuntimeError for sizes that do not fit, and where
    windows leave out elements of the signal.
    Source: Griffin and Lim, "Signal estimation from modified short-time Fourier transform", 1984.

    >>> import kagari as torch
    >>> window = torch.hann_window(8)
    >>> torch.istft(torch.stft(torch.ones(8), 8, window=window, return_complex=True), 8, window=window)
    tensor([1., 1., 1., 1., 1., 1., 1., 1.])
    """
    if window is None:
        _unwindowed(".Please provide the same window used by stft to make the inversion lossless.")
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    if not input.dtype.is_complex:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    settings = {
        "n_fft": n_fft, "hop_length": hop, "win_length": win, "center": center, "normalized": normalized,
        "onesided": onesided, "length": length, "return_complex": return_complex,
    }  # fmt: skip
    refusal = partial(_refusal, "istft", input, window, settings)
    if not input.numel():
        raise refusal(": input tensor cannot be empty.")
    if input.ndim not in (2, 3):
        raise refusal(f": expected a tensor with 2 or 3 dimensions, but got {input.ndim + 1}")
    half = input.shape[-2] != n_fft if onesided is None else onesided
    if half and input.shape[-2] != n_fft // 2 + 1:
        raise refusal(
            ": expected the frequency dimension (3rd to the last) of the input tensor to match n_fft / 2 + 1 "
            f"when onesided=True, but got {input.shape[-2]}"
        )
    if not half and input.shape[-2] != n_fft:
        raise refusal(
            ": expected the frequency dimension (3rd to the last) of the input tensor to match n_fft when "
            f"onesided=False, but got {input.shape[-2]}"
        )
    if not 0 < hop <= win:
        raise refusal(": expected 0 < hop_length <= win_length")
    if not 0 < win <= n_fft:
        raise refusal(": expected 0 < win_length <= n_fft")
    if window is not None and tuple(window.shape) != (win,):
        raise refusal(": Invalid window shape. window has to be 1D and length of `win_length`")
    if return_complex and half:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if not return_complex and window is not None and window.dtype.is_complex:
        raise RuntimeError("Complex windows are incompatible with return_complex=False")

    weights = _whole(window, win, n_fft, input.dtype)
    norm, spectra = "ortho" if normalized else "backward", input.transpose(-1, -2)
    if return_complex:
        frames = _transform("ifft")(spectra, None, -1, norm)
    else:
        frames = _transform("irfft")(spectra if half else spectra.narrow(-1, 0, n_fft // 2 + 1), n_fft, -1, norm)
    count = frames.shape[-2]
    whole = n_fft + hop * (count - 1)
    first = n_fft // 2 if center else 0
    end = whole - (n_fft // 2 if center else 0) if length is None else min(first + length, whole)
    added = _overlapped(frames * weights, hop, whole)[..., first:end]
    squares = _overlapped((weights * weights).expand(count, n_fft), hop, whole)[first:end]
    if float(squares.detach().abs().min()) <= _LEAST:
        raise refusal("window overlap add min: 1")
    found = added / squares
    missing = 0 if length is None else length - (end - first)
    if missing <= 0:
        return found
    warnings.warn(
        "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. "
        "Please check your center and hop_length settings.",
        UserWarning,
        stacklevel=3,
    )
    return composed.constant_pad_nd(found, [0, missing])


def _overlapped(frames: Any, hop: int, whole: int) -> Any:
    """Frames (.., T, n) added up `hop` elements apart."""
    count, n = frames.shape[-2:]
    places = (creation.arange(count) * hop)[:, None] + creation.arange(n)
    flat = frames.reshape(*frames.shape[:-2], count * n)
    zeros = creation.zeros(*flat.shape[:-1], whole, dtype=flat.dtype)
    return call("index_add")(zeros, -1, places.reshape(-1), flat)


FUNCTIONS = (istft, stft)
METHODS = FUNCTIONS
