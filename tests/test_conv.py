"""Convolutions as functions and as layers, and windows as columns, against the oracle."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari
from kagari.autograd import gradcheck, gradgradcheck

LAYERS = (
    "Conv1d(4, 6, 3)",
    "Conv1d(4, 6, 3, padding='same', padding_mode='circular', dtype=float64)",
    "Conv2d(4, 6, (3, 2), stride=(2, 1), padding=1, dilation=(1, 2), groups=2, bias=False)",
    "Conv2d(4, 4, 3, padding='same', padding_mode='reflect')",
    "Conv2d(4, 4, 3, padding=(2, 1), padding_mode='replicate', groups=4)",
    "Conv2d(4, 5, 1, padding='valid')",
    "Conv3d(4, 2, 2, padding=1, padding_mode='circular')",
    "ConvTranspose1d(4, 3, 3, 2, 1)",
    "ConvTranspose2d(4, 6, (3, 2), stride=2, padding=1, output_padding=1, groups=2, bias=False, dilation=(2, 1))",
    "ConvTranspose3d(4, 2, 2, 2, bias=True)",
    "Unfold((3, 2), dilation=1, padding=1, stride=2)",
    "Sequential(Unfold(2), Fold((6, 5), 2))",
)
SIZES = {1: (7,), 2: (6, 5), 3: (4, 5, 4)}


def make(lib: ModuleType, text: str) -> Any:
    names = {n: getattr(lib.nn, n) for n in kagari.nn.__all__}
    return eval(text, {**names, "float64": lib.float64})


def numbers(t: Any) -> np.ndarray:
    return np.array(t.detach().numpy())


def run(lib: ModuleType, text: str) -> tuple[Any, list[Any]]:
    """The layer, and from one seed its output and the gradients of input and weights."""
    lib.manual_seed(3)
    layer = make(lib, text)
    rank = next((n for n in (1, 3) if f"{n}d" in text), 2)
    dtype = next((p.dtype for p in layer.parameters()), lib.float32)
    x = lib.rand(2, 4, *SIZES[rank], dtype=dtype).requires_grad_()
    y = layer(x)
    (y * y * y).sum().backward()
    return layer, [y, layer(x[0]), x.grad, *(p.grad for p in layer.parameters())]


@pytest.mark.parametrize("text", LAYERS)
def test_layers(text: str, oracle: ModuleType) -> None:
    (ours, got), (theirs, want) = run(kagari, text), run(oracle, text)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for p, q in zip(ours.parameters(), theirs.parameters()):
        np.testing.assert_array_equal(numbers(p), numbers(q))
    for a, b in zip(got, want, strict=True):
        assert str(a.dtype) == str(b.dtype)
        np.testing.assert_allclose(numbers(a), numbers(b), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("text", [t for t in LAYERS if "Sequential" not in t])
def test_attributes_and_constants(text: str, oracle: ModuleType) -> None:
    ours, theirs = make(kagari, text), make(oracle, text)
    assert tuple(ours.__constants__) == tuple(theirs.__constants__)
    for name in (*ours.__constants__, *(("transposed", "_reversed_padding_repeated_twice") if "Conv" in text else ())):
        assert getattr(ours, name) == getattr(theirs, name)


WRONG = (
    "Conv2d(3, 4, 3, groups=2)",
    "Conv2d(4, 3, 3, groups=2)",
    "Conv2d(4, 3, 3, groups=0)",
    "Conv2d(3, 4, 3, padding='same', stride=2)",
    "ConvTranspose2d(3, 4, 3, padding_mode='reflect')",
    "ConvTranspose2d(3, 4, 3)(rand(1, 3, 4, 4), output_size=(9, 9))",
    "ConvTranspose2d(3, 4, 3)(rand(1, 3, 4, 4), output_size=(9,))",
    "Conv2d(3, 4, 3)(rand(1, 2, 4, 4))",
    "functional.unfold(rand(1, 2, 4, 4), 5)",
    "functional.unfold(rand(1, 2, 4, 4), 2, stride=0)",
    "functional.unfold(rand(1, 2, 4, 4), 2, padding=-1)",
    "functional.unfold(rand(1, 2, 4, 4), (2, 2, 2))",
    "functional.unfold(rand(1, 0, 4, 4), 2)",
    "functional.fold(rand(1, 8, 8), (4, 4), 2)",
    "functional.fold(rand(1, 7, 9), (4, 4), 2)",
    "functional.fold(rand(9), (4, 4), 2)",
)


@pytest.mark.parametrize("text", WRONG)
def test_errors(text: str, oracle: ModuleType) -> None:
    raised = []
    for lib in (kagari, oracle):
        with pytest.raises((RuntimeError, ValueError)) as error:
            eval(text, {**vars(lib.nn), "rand": lib.rand, **{n: getattr(lib.nn, n) for n in kagari.nn.__all__}})
        raised.append(error.value)
    assert type(raised[0]) is type(raised[1]) and str(raised[0]) == str(raised[1])


def test_unknown_paddings() -> None:
    """PyTorch lists what there is in any order."""
    with pytest.raises(ValueError, match=r"padding_mode must be one of \{.*\}, but got padding_mode='foo'"):
        kagari.nn.Conv2d(3, 4, 3, padding_mode="foo")
    with pytest.raises(ValueError, match=r"Invalid padding string 'foo', should be one of \{.*\}"):
        kagari.nn.Conv2d(3, 4, 3, padding="foo")


def test_the_wanted_size_of_an_output(oracle: ModuleType) -> None:
    for size in ((9, 10), (2, 4, 10, 9)):
        sizes = []
        for lib in (kagari, oracle):
            layer = lib.nn.ConvTranspose2d(3, 4, 3, stride=2)
            sizes.append(tuple(layer(lib.rand(2, 3, 4, 4), output_size=size).shape))
        assert sizes[0] == sizes[1] == (2, 4, *size[-2:])


def arguments(lib: ModuleType, *shapes: tuple[int, ...]) -> list[Any]:
    random = np.random.default_rng(1)
    return [lib.tensor(random.normal(size=shape), requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("taps", [1, 2, 5])
@pytest.mark.parametrize(("dilation", "groups"), [(1, 1), (2, 1), (1, 2)])
def test_all_strides(stride: int, taps: int, dilation: int, groups: int, oracle: ModuleType) -> None:
    """Plain and transposed, where the last window ends before the input does and where it does not."""
    for padding, size in ((0, 11), (2, 12)):
        shapes = (2, 4, size), (4, 4 // groups, taps)
        results = []
        for lib in (kagari, oracle):
            x, w = arguments(lib, *shapes)
            y = lib.conv1d(x, w, None, stride, padding, dilation, groups)
            z = lib.conv_transpose1d(x, w, None, stride, padding, 0, groups, dilation)
            ((y**3).sum() + (z**3).sum()).backward()
            results.append([y, z, x.grad, w.grad])
        for a, b in zip(*results):
            np.testing.assert_allclose(numbers(a), numbers(b), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("stride", [(2, 2), (3, 2), (2, 1)])
@pytest.mark.parametrize("groups", [1, 2])
def test_phases_done_alone(stride: tuple[int, int], groups: int, oracle: ModuleType) -> None:
    """Many channels, and numbers of taps that the stride does not divide: values, first and second gradients."""
    for padding, size, dilation in (((1, 0), (11, 8), 1), ((0, 2), (10, 9), (1, 2))):
        results = []
        for lib in (kagari, oracle):
            x, g, w = arguments(lib, (2, 34, *size), (2, 4, 5, 4), (4, 34 // groups, 5, 3))
            y = lib.conv2d(x, w, None, stride, padding, dilation, groups)
            z = lib.conv_transpose2d(g, w, None, stride, padding, (1, 0), groups, dilation)
            first = lib.autograd.grad((y**3).sum() + (z**3).sum(), (x, g, w), create_graph=True)
            second = lib.autograd.grad(sum((d**2).sum() for d in first), (x, g, w))
            results.append([y, z, *first, *second])
        for a, b in zip(*results):
            scale = np.abs(numbers(b)).max()
            np.testing.assert_allclose(numbers(a) / scale, numbers(b) / scale, rtol=0, atol=1e-12)


def test_gradients_to_second_order() -> None:
    x, w, b = arguments(kagari, (1, 2, 4, 3), (2, 1, 2, 2), (2,))
    for function in (
        lambda x, w, b: kagari.conv2d(x, w, b, stride=(2, 1), padding=1, dilation=(1, 2), groups=2),
        lambda x, w, b: kagari.conv_transpose2d(x, w, b, stride=(2, 1), padding=1, groups=2),
    ):
        assert gradcheck(function, (x, w, b)) and gradgradcheck(function, (x, w, b))
    (columns,) = arguments(kagari, (8, 6))
    for of_image in (
        lambda x: kagari.nn.functional.unfold(x[0], (2, 3), padding=1, stride=2),
        lambda x: kagari.nn.functional.fold(columns, (3, 4), 2) * kagari.nn.functional.pad(x[0], (0, 1, 0, -1)),
    ):
        assert gradcheck(of_image, (x,)) and gradgradcheck(of_image, (x,))


@pytest.mark.parametrize("shape", [(8, 64, 14, 14), (2, 3, 33, 35), (1, 130, 7, 7)])
@pytest.mark.parametrize("stride", [1, 2])
def test_larger_images(shape: tuple[int, ...], stride: int, oracle: ModuleType) -> None:
    """Sizes at which products are cut into blocks and shared among threads."""
    results = []
    for lib in (kagari, oracle):
        x, w = (t.detach().float() for t in arguments(lib, shape, (66, shape[1], 3, 3)))
        x.requires_grad_(), w.requires_grad_()
        y = lib.conv2d(x, w, None, stride, 1)
        (y * y).sum().backward()
        results.append([y, x.grad, w.grad])
    for a, b in zip(*results):
        scale = np.abs(numbers(b)).max()
        np.testing.assert_allclose(numbers(a) / scale, numbers(b) / scale, atol=5e-6)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    ("taps", "how"),
    [
        ((3, 3), {"padding": 1}),
        ((5, 4), {"padding": (2, 1), "stride": (1, 2)}),
        ((5, 3), {"padding": "same", "dilation": (1, 2)}),
        ((5, 1), {"padding": (2, 0)}),
        ((7, 7), {"padding": 3, "stride": 2}),
        ((3, 3), {"padding": (30, 1), "stride": (2, 1)}),
    ],
)
def test_windows_of_a_part_of_an_image(taps: tuple[int, int], how: dict, groups: int, oracle: ModuleType) -> None:
    """Zeros around a view with gaps, which the product adds by itself where rows are long."""
    results = []
    for lib in (kagari, oracle):
        x, w = arguments(lib, (3, 7, 40, 50), (8, 6 // groups, *taps))
        y = lib.conv2d(x[:, 1:, 3:-2, 4:-1], w, groups=groups, **how)
        (y * y).sum().backward()
        results.append([y, x.grad, w.grad])
    for a, b in zip(*results):
        scale = np.abs(numbers(b)).max()
        np.testing.assert_allclose(numbers(a) / scale, numbers(b) / scale, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["int64", "int32", "uint8", "int8", "int16"])
def test_integers(kind: str, oracle: ModuleType) -> None:
    got, want = (
        lib.conv2d(lib.ones(1, 2, 4, 4).to(getattr(lib, kind)), lib.ones(3, 2, 3, 3).to(getattr(lib, kind)), None, 1, 1)
        for lib in (kagari, oracle)
    )
    assert str(got.dtype) == str(want.dtype) and got.tolist() == want.tolist()


def test_batches_and_channels_in_other_orders(oracle: ModuleType) -> None:
    """Inputs and weights that lie in memory in another order, and with gaps."""
    results = []
    for lib in (kagari, oracle):
        x, w = arguments(lib, (6, 7, 2, 6), (3, 4, 3, 4))
        seen, weight = x.permute(2, 3, 0, 1)[:, ::2], w.permute(3, 0, 1, 2)[:, :, 1:, :]
        y = lib.conv2d(seen, weight, padding=1)
        (y * y).sum().backward()
        results.append([y, x.grad, w.grad])
    for a, b in zip(*results):
        np.testing.assert_allclose(numbers(a), numbers(b), rtol=1e-9, atol=1e-9)


def test_many_sizes_share_one_trace() -> None:
    """A length never seen before needs no new trace."""
    from kagari.autograd.library import function

    w = kagari.ones(3, 2, 3)
    for n in (20, 21):
        kagari.conv1d(kagari.ones(4, 2, n), w, padding=1)
    before = sum(map(len, function("conv1d").traces.values()))
    for n in range(22, 40):
        assert kagari.conv1d(kagari.ones(4, 2, n), w, padding=1)[0, 0, 1] == 6
    assert sum(map(len, function("conv1d").traces.values())) == before


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(("stride", "padding", "groups"), [(1, 0, 1), (2, 1, 2), (3, 2, 1)])
def test_gradients_as_functions(rank: int, stride: int, padding: int, groups: int, oracle: ModuleType) -> None:
    random = np.random.default_rng(3)
    x, w = random.normal(size=(2, 4, *[7] * rank)), random.normal(size=(6, 4 // groups, *[3] * rank))
    found = []
    for lib in (kagari, oracle):
        a, b = lib.tensor(x.tolist()), lib.tensor(w.tolist())
        settings = (stride, padding, 1, groups)
        y = getattr(lib.nn.functional, f"conv{rank}d")(a, b, None, *settings)
        of_input, of_weight = (getattr(lib.nn.grad, f"conv{rank}d_{part}") for part in ("input", "weight"))
        grads = [of_input(x.shape, b, y, *settings), of_weight(a, w.shape, y, *settings)]
        assert not any(g.requires_grad for g in grads)
        tracked = of_input(x.shape, b.requires_grad_(), y, *settings)
        second = lib.autograd.grad((tracked * a).sum(), b)
        found.append([t.detach().numpy() for t in (*grads, tracked, *second)])
    for one, other in zip(*found):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)
