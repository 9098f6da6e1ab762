"""DLPack: memory shared with NumPy and with the oracle, both ways."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

import kagari

NAMES = ("bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "float16", "float32", "float64")


@pytest.mark.parametrize("name", NAMES)
def test_to_and_from_numpy(name: str) -> None:
    x = kagari.arange(6).reshape(2, 3).to(getattr(kagari, name))
    array = np.from_dlpack(x.t())
    assert array.dtype == name
    assert array.strides == (x.element_size(), 3 * x.element_size())
    np.testing.assert_array_equal(array, x.t().numpy())
    back = kagari.from_dlpack(array)
    assert back.dtype is x.dtype
    assert back.data_ptr() == x.data_ptr()
    assert back.stride() == (1, 3)


def test_memory_is_shared_and_kept() -> None:
    array = np.zeros(3)
    x = kagari.from_dlpack(array)
    x[1] = 5
    assert array[1] == 5
    del array
    assert x.tolist() == [0, 5, 0]
    y = kagari.ones(2)
    seen = np.from_dlpack(y)
    y.mul_(3)
    del y
    assert seen.tolist() == [3, 3]


def test_copies() -> None:
    x = kagari.ones(2)
    array = np.from_dlpack(x, copy=True)
    copied = kagari.from_dlpack(x, copy=True)
    x.zero_()
    assert array.tolist() == copied.tolist() == [1, 1]


@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (2, 3, 4)])
def test_shapes(shape: tuple[int, ...]) -> None:
    x = kagari.ones(shape)
    assert np.from_dlpack(x).shape == shape
    assert kagari.from_dlpack(np.ones(shape, "float32")).shape == shape


def test_a_capsule_is_taken() -> None:
    x = kagari.arange(3)
    assert kagari.from_dlpack(x.__dlpack__()).data_ptr() == x.data_ptr()
    assert x.__dlpack_device__() == (1, 0)


def test_errors() -> None:
    with pytest.raises(BufferError, match="require gradient"):
        kagari.ones(2, requires_grad=True).__dlpack__()
    with pytest.raises(BufferError, match="bfloat16"):
        np.from_dlpack(kagari.ones(2, dtype=kagari.bfloat16))
    with pytest.raises(BufferError, match="stream"):
        kagari.ones(2).__dlpack__(stream=1)
    with pytest.raises(RuntimeError, match="invalid capsule"):
        kagari.from_dlpack([1])


@pytest.mark.parametrize("name", [n for n in NAMES if n != "bool"])
def test_with_the_oracle(name: str, oracle: ModuleType) -> None:
    theirs = oracle.arange(6).to(getattr(oracle, name))
    ours = kagari.from_dlpack(theirs)
    assert str(ours.dtype) == str(theirs.dtype)
    assert ours.data_ptr() == theirs.data_ptr()
    assert oracle.from_dlpack(ours[::2]).tolist() == [0, 2, 4]


def test_arrays_of_what_requires_grad(oracle: ModuleType) -> None:
    """Only where gradients are recorded is it refused."""
    for lib in (kagari, oracle):
        x = lib.ones(2, requires_grad=True)
        for call in (x.numpy, x.__array__):
            with pytest.raises(RuntimeError, match="Can't call numpy"):
                call()
            with lib.no_grad():
                np.testing.assert_array_equal(call(), [1, 1])


@pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")
def test_numpy_keeps_scalars_without_dimensions(oracle: ModuleType) -> None:
    """Where they had one, `plt.bar` could not draw tensors."""
    for lib in (kagari, oracle):
        t = lib.tensor([1, 2, 3])
        assert np.matmul(t, t).shape == () and np.take(t, 1).shape == () and np.sqrt(t).shape == (3,)
