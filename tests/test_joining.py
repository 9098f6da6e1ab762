"""Joining tensors, and parts of them, against the oracle.

`cat` and `stack` take lists, so their records have no samples."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari

SHAPES = [
    ([(2, 3), (4, 3)], 0),
    ([(2, 3), (2, 1), (2, 2)], -1),
    ([(3,), (0,), (2,)], 0),
    ([(2, 3), (0,), (1, 3)], 0),
    ([(2, 0, 3), (2, 4, 3)], 1),
    ([(5,)], 0),
    ([(1, 2)] * 20, 0),
]


def made(library: ModuleType, shape: tuple[int, ...], dtype: str = "float32", seed: int = 0) -> Any:
    values = np.random.default_rng(seed + sum(shape)).uniform(1, 5, shape)
    return library.tensor(values.tolist(), dtype=getattr(library, dtype)).reshape(shape)


@pytest.mark.parametrize(("shapes", "dim"), SHAPES)
def test_cat(shapes: list[tuple[int, ...]], dim: int, oracle: ModuleType) -> None:
    results = []
    for library in (kagari, oracle):
        parts = [made(library, s, seed=i).requires_grad_() for i, s in enumerate(shapes)]
        joined = library.cat(parts, dim)
        (joined * made(library, tuple(joined.shape))).sum().backward()
        results.append([joined.detach(), *(p.grad for p in parts)])
    for ours, theirs in zip(*results):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_cat_promotes(oracle: ModuleType) -> None:
    for names in (("int64", "float32"), ("bool", "uint8"), ("float16", "bfloat16"), ("float32", "float64", "int32")):
        ours, theirs = (lib.cat([made(lib, (2,), n) for n in names]) for lib in (kagari, oracle))
        assert str(ours.dtype) == str(theirs.dtype)
        assert ours.tolist() == theirs.tolist()


def test_cat_of_transposed_and_repeated_parts(oracle: ModuleType) -> None:
    ours, theirs = (
        lib.cat([made(lib, (3, 2)).t(), made(lib, (2, 1)).expand(2, 4), made(lib, (2, 6))[:, ::2]], 1)
        for lib in (kagari, oracle)
    )
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert ours.is_contiguous()


def test_cat_of_one_is_a_copy() -> None:
    x = kagari.zeros(2)
    y = kagari.cat([x])
    y += 1
    assert x.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("shapes", "dim"), [([(2, 3), (2, 4)], 0), ([(2, 3), (2,)], 0), ([(2, 3), (2, 3)], 2), ([(), ()], 0)]
)
def test_cat_refuses(shapes: list[tuple[int, ...]], dim: int, oracle: ModuleType) -> None:
    with pytest.raises((RuntimeError, IndexError)) as theirs:
        oracle.cat([oracle.ones(s) for s in shapes], dim)
    with pytest.raises(type(theirs.value)) as ours:
        kagari.cat([kagari.ones(s) for s in shapes], dim)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("dim", [0, 1, -1, 2])
def test_stack(dim: int, oracle: ModuleType) -> None:
    ours, theirs = (lib.stack([made(lib, (2, 3), seed=i) for i in range(3)], dim) for lib in (kagari, oracle))
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize(
    "index", [slice(1, None), slice(None, -1), slice(0, 100), slice(3, 1), slice(1, 5, 2), slice(4, None, 3)]
)
def test_slices_are_views_with_gradients(index: slice, oracle: ModuleType) -> None:
    results = []
    for library in (kagari, oracle):
        x = made(library, (5, 4)).requires_grad_()
        part = x[index, 1::2]
        (part * part).sum().backward()
        results.append((part.detach().numpy(), part.stride(), x.grad.numpy()))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][2], results[1][2])
    if results[1][0].size:
        assert results[0][1] == results[1][1]


def test_views_share_memory() -> None:
    x = kagari.zeros(2, 3)
    for view in (
        x.view(6),
        x.t(),
        x[0],
        x.unsqueeze(0),
        x.flatten(),
        x.expand(2, 2, 3),
        x.narrow(1, 0, 2),
        x.movedim(0, 1),
    ):
        assert view.data_ptr() == x.data_ptr()
    x.view(-1)[4] = 7
    assert x.tolist() == [[0, 0, 0], [0, 7, 0]]


def test_copies_do_not_share_memory() -> None:
    x = kagari.zeros(2, 3)
    for copy in (x.flip(0), x.repeat(1, 1), x.tile(1), x.roll(0, 0), x.flip(())):
        assert copy.data_ptr() != x.data_ptr()
