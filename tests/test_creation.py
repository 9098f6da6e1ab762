"""Tensors from sizes, numbers and data: elements, dtypes, strides and errors as with the oracle."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from outcomes import assert_same

import kagari

SAME = """
torch.zeros(2, 3)
torch.zeros((2, 3))
torch.zeros([2, 3])
torch.zeros(torch.Size([2]))
torch.zeros(size=(2,))
torch.zeros(())
torch.zeros([])
torch.zeros(0, 3)
torch.zeros(np.int64(2))
torch.zeros(torch.tensor(2), 3)
torch.zeros([torch.tensor(2), 3])
torch.zeros(2, dtype=int)
torch.zeros(2, dtype=torch.bfloat16)
torch.zeros(2, requires_grad=True)
torch.zeros(2, device="cpu", layout=torch.strided)
torch.zeros(2, out=torch.ones(3))
torch.zeros(2, out=torch.ones(2, dtype=torch.int64))
torch.zeros(2)._version
torch.ones(2, 3, dtype=torch.uint8)
torch.ones(2, dtype=torch.bool)
torch.ones(2, dtype=torch.float16)
torch.empty(2, 0)
torch.empty(2, 3, dtype=torch.int16).shape
torch.empty(2, memory_format=torch.contiguous_format).shape
torch.full((2,), True)
torch.full((2,), 1)
torch.full((2, 2), 1.5)
torch.full((2,), 1.5, dtype=torch.int64)
torch.full((2,), 1.5, dtype=torch.bool)
torch.full((2,), -1, dtype=torch.uint8)
torch.full((2,), float("nan"))
torch.full((2,), float("inf"), dtype=torch.float16)
torch.full((2,), torch.tensor(3))
torch.full((), 2)
torch.scalar_tensor(3)
torch.scalar_tensor(True)
torch.scalar_tensor(3, dtype=torch.int8)
torch.zeros_like(torch.ones(2, dtype=torch.int32))
torch.zeros_like(torch.ones(2, 3).t())
torch.zeros_like(torch.ones(2, 3)[:, ::2])
torch.zeros_like(torch.ones(2, 1, 3).expand(2, 4, 3))
torch.zeros_like(torch.ones(2, 3, 4).permute(2, 0, 1)[::2])
torch.zeros_like(torch.ones(2, 3).t(), memory_format=torch.contiguous_format)
torch.zeros_like(torch.ones(2, requires_grad=True))
torch.ones_like(torch.ones(2), dtype=torch.int64)
torch.ones_like(torch.ones(2, 3).t(), dtype=torch.float64, requires_grad=True)
torch.full_like(torch.ones(2, dtype=torch.int64), 1.5)
torch.full_like(torch.ones(2, dtype=torch.bool), 2)
torch.empty_like(torch.ones(4, 2).t()).stride()
torch.empty_strided((2, 3), (1, 2)).stride()
torch.arange(5)
torch.arange(5.0)
torch.arange(1, 2.5, 0.5)
torch.arange(5, 0, -1)
torch.arange(0, 1, 0.3)
torch.arange(2.5, dtype=torch.int64)
torch.arange(torch.tensor(3))
torch.arange(torch.tensor(3.0))
torch.arange(True)
torch.arange(start=1, end=4)
torch.arange(end=4)
torch.arange(0, 10, 0.1, dtype=torch.int32)
torch.arange(3, dtype=torch.bfloat16)
torch.arange(3, dtype=torch.float16)
torch.arange(0)
torch.arange(0, 100, 7, dtype=torch.float64)
torch.arange(3, out=torch.zeros(0))
torch.linspace(0, 1, 5)
torch.linspace(-1, 1, 100)
torch.linspace(0, 1, 0)
torch.linspace(3, 1, 1)
torch.linspace(0, 10, 4, dtype=torch.int64)
torch.linspace(10, 0, 4, dtype=torch.int32)
torch.linspace(0, 1, 5, dtype=torch.float16)
torch.linspace(torch.tensor(0.0), 1, 3)
torch.logspace(0, 2, 3)
torch.logspace(0, 2, 3, base=2)
torch.logspace(0, 2, 3, 2, dtype=torch.int64)
torch.eye(2)
torch.eye(2, 3)
torch.eye(3, 2)
torch.eye(0)
torch.eye(2, dtype=torch.bool)
torch.tensor(3)
torch.tensor(3.5)
torch.tensor(True)
torch.tensor([1, 2])
torch.tensor((1.0, 2.0))
torch.tensor([1, 2], dtype=torch.float32)
torch.tensor([1.7, -1.7], dtype=torch.int32)
torch.tensor([[1, 2], [3, 4]])
torch.tensor([[1.5], [2.0]], dtype=torch.float64, requires_grad=True)
torch.tensor([True, False])
torch.tensor([True, 2])
torch.tensor([True, 2.0])
torch.tensor([1, 2.5])
torch.tensor([])
torch.tensor([[], []])
torch.tensor(())
torch.tensor([1e40])
torch.tensor(2**63, dtype=torch.float32)
torch.tensor(-1, dtype=torch.uint8)
torch.tensor([float("nan")])
torch.tensor([float("inf")], dtype=torch.bool)
torch.tensor([1.5, 2.5], dtype=torch.bfloat16)
torch.tensor(np.float64(3))
torch.tensor([np.float32(3)])
torch.tensor([np.float64(3), 1])
torch.tensor(np.arange(6).reshape(2, 3))
torch.tensor(np.arange(6).reshape(2, 3).T)
torch.tensor(np.ones(2, np.float16), dtype=torch.float32)
torch.tensor([np.array([1, 2]), np.array([3, 4])])
torch.tensor([torch.tensor(1.0), 2])
torch.tensor([torch.tensor([1.0])])
torch.tensor(range(3))
torch.tensor(torch.ones(2))
torch.as_tensor([1, 2], dtype=torch.float32)
torch.as_tensor(np.array([1, 2]))
torch.as_tensor(np.array([1, 2]), dtype=torch.float32)
torch.asarray([1, 2])
torch.from_numpy(np.arange(6).reshape(2, 3)[:, ::2])
torch.frombuffer(bytearray([1, 0, 2, 0]), dtype=torch.int16)
torch.ones(2, dtype=torch.int32).new_tensor([1.5])
torch.ones(2).new_zeros(3)
torch.ones(2, dtype=torch.int8).new_ones((2,), dtype=torch.bool)
torch.ones(2).new_full((2,), 3)
torch.ones(2).new_empty(2, 0)
torch.ones(2).new_empty_strided((2, 2), (1, 2)).stride()
torch.Tensor([1, 2])
torch.Tensor(2, 0)
torch.finfo(torch.bfloat16)
torch.finfo(torch.float64).eps
torch.iinfo(torch.uint8)
torch.promote_types(torch.uint8, torch.int8)
torch.result_type(torch.tensor([1]), 1.5)
torch.result_type(torch.tensor([1]), torch.tensor(2.0))
torch.result_type(torch.tensor(1), torch.tensor(2.0, dtype=torch.float64))
torch.result_type(torch.ones(2, dtype=torch.float16), torch.tensor(1j))
torch.can_cast(torch.int64, torch.uint8)
torch.can_cast(torch.float32, torch.int64)
"""

ERRORS = """
torch.result_type(torch.tensor([1]), torch.tensor(1.0).to(torch.float8_e5m2))
torch.result_type(torch.ones(2).to(torch.float8_e5m2), 1j)
torch.zeros()
torch.zeros(-1)
torch.ones(2, -1)
torch.zeros(2.0)
torch.zeros("a")
torch.zeros(True)
torch.zeros(2, 3.0)
torch.zeros((2,), 3)
torch.zeros(2, dtype="float32")
torch.zeros(2, dtype=np.float32)
torch.zeros(2, layout=3)
torch.zeros(2, foo=1)
torch.zeros(2**62, 2**62)
torch.zeros(2, out=3)
torch.zeros(2, dtype=torch.int64, requires_grad=True)
torch.tensor([1], requires_grad=True)
torch.full((2,), 300, dtype=torch.uint8)
torch.full((2,), 1e40)
torch.full((2,), float("nan"), dtype=torch.int32)
torch.full((2,), 1e20, dtype=torch.int64)
torch.full((2,), 2**63)
torch.full(2, 1)
torch.full((2,), "a")
torch.full((2,), torch.tensor([3]))
torch.zeros_like([1])
torch.empty_strided((2, 3), (1,))
torch.empty_strided((2,), (-1,))
torch.arange()
torch.arange(0, 5, 0)
torch.arange(0, -5)
torch.arange(0, float("inf"))
torch.arange(0, 2, dtype=torch.bool)
torch.arange("a")
torch.arange(1, 2, 3, 4)
torch.linspace(0, 1, -1)
torch.linspace(0, 1, 5, dtype=torch.bool)
torch.linspace(torch.tensor([0.0]), 1, 3)
torch.logspace(0, 1, -3)
torch.eye(-1)
torch.eye(2, -1)
torch.eye(2.0)
torch.tensor([[1], [1, 2]])
torch.tensor([1, [2]])
torch.tensor("a")
torch.tensor(["a"])
torch.tensor(None)
torch.tensor([None])
torch.tensor(2**63)
torch.tensor([2**63])
torch.tensor(300, dtype=torch.uint8)
torch.tensor([300], dtype=torch.uint8)
torch.tensor([float("nan")], dtype=torch.int64)
torch.tensor([torch.tensor([1.0, 2.0])])
torch.tensor({1: 2})
torch.tensor(iter([1]))
torch.from_numpy(3)
torch.from_numpy(np.arange(3)[::-1])
torch.ones(2).new_full(2, 3)
torch.finfo(3.5)
torch.set_default_dtype(torch.int32)
torch.set_default_dtype(3)
torch.promote_types(1, torch.int8)
torch.ones(2).requires_grad_().numpy()
torch.ones(2).item()
float(torch.ones(2))
bool(torch.ones(2))
bool(torch.ones(0))
"""


@pytest.mark.parametrize("source", SAME.strip().split("\n"))
def test_same_as_the_oracle(source: str, oracle: ModuleType) -> None:
    assert_same(source, oracle, kagari)


@pytest.mark.parametrize("source", ERRORS.strip().split("\n"))
def test_error(source: str, oracle: ModuleType) -> None:
    assert_same(source, oracle, kagari)


@pytest.mark.parametrize("steps", [2, 7, 64, 1001])
def test_sequences(steps: int, oracle: ModuleType) -> None:
    """PyTorch rounds twice here and there, depending on its vectors' width."""
    for dtype in ("float32", "float64"):
        for make in (
            lambda t, dtype: t.linspace(-1.3, 2.7, steps, dtype=dtype),
            lambda t, dtype: t.arange(-0.3, 1, 1 / steps, dtype=dtype),
        ):
            ours, theirs = (make(t, getattr(t, dtype)).numpy() for t in (kagari, oracle))
            np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=2 * np.finfo(dtype).eps)


def test_numpy_shares_memory() -> None:
    array = np.zeros(3, np.float32)
    t = kagari.from_numpy(array)
    t += 1
    array[0] = 5
    assert t.tolist() == [5.0, 1.0, 1.0]
    assert t.numpy() is not array and np.shares_memory(t.numpy(), array)
    assert kagari.as_tensor(array).data_ptr() == t.data_ptr()


def test_default_dtype() -> None:
    kagari.set_default_dtype(kagari.float64)
    try:
        for t in (
            kagari.zeros(1),
            kagari.tensor([1.5]),
            kagari.arange(1.0),
            kagari.rand(1),
            kagari.ones(1, dtype=kagari.int32) / 2,
        ):
            assert t.dtype is kagari.float64
    finally:
        kagari.set_default_dtype(kagari.float32)
    assert kagari.zeros(1).dtype is kagari.float32


def test_too_much_memory_is_said_so() -> None:
    with pytest.raises(kagari.OutOfMemoryError, match="you tried to allocate 4000000000000000000 bytes"):
        kagari.zeros(10**18)
