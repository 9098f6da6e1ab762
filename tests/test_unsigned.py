"""uint16, uint32 and uint64: values as NumPy's; conversions and promotion as the oracle's, which has few operators."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from outcomes import assert_same

import kagari

NAMES = ("uint16", "uint32", "uint64")

SCRIPTS = """
torch.tensor([0, 5, {most}], dtype=torch.{name})
torch.tensor([{most} + 1], dtype=torch.{name})
torch.tensor([0, 5, {most}], dtype=torch.{name}).tolist()
torch.tensor({most}, dtype=torch.{name}).item()
torch.tensor([0, 5, {most}], dtype=torch.{name}).float()
torch.tensor([0, 5, {most}], dtype=torch.{name}).to(torch.uint8)
torch.tensor([1.5, 300.0, 60000.0]).to(torch.{name})
torch.tensor([-1, 3]).to(torch.{name})
torch.tensor([1, 2], dtype=torch.{name}) * torch.tensor([3, 4], dtype=torch.{name})
torch.tensor([1, 2], dtype=torch.{name}) / 4
torch.tensor([1, 2], dtype=torch.{name}) + 1.5
torch.tensor([1, 2], dtype=torch.{name}) + torch.tensor([1.5])
torch.tensor([1, 2], dtype=torch.{name}) + torch.tensor([1])
torch.tensor([1, 2], dtype=torch.{name}) == torch.tensor([1, 3], dtype=torch.{name})
torch.tensor([1, 2], dtype=torch.{name}) & torch.tensor([3, 2], dtype=torch.{name})
torch.tensor([1, 2], dtype=torch.{name}).sum()
torch.tensor([[1, 2], [3, 4]], dtype=torch.{name}).t().contiguous()
torch.tensor([1, 2], dtype=torch.{name})[torch.tensor([1, 0])]
torch.cat([torch.tensor([1], dtype=torch.{name})] * 2)
torch.zeros(3, dtype=torch.{name})
torch.full((2,), 7, dtype=torch.{name})
torch.tensor([1, 2], dtype=torch.{name}).numpy().dtype.name
torch.from_numpy(np.array([1, {most}], '{name}'))
torch.iinfo(torch.{name})
torch.iinfo(torch.{name}).max
torch.promote_types(torch.{name}, torch.float16)
torch.promote_types(torch.{name}, torch.uint8)
torch.promote_types(torch.{name}, torch.bool)
torch.promote_types(torch.{name}, torch.complex64)
torch.result_type(torch.tensor([True]), torch.tensor(1, dtype=torch.{name}))
torch.tensor([True]) * torch.tensor(1, dtype=torch.{name})
torch.tensor([1], dtype=torch.{name}) * torch.tensor(True)
torch.tensor([1], dtype=torch.{name}) * 1j
torch.{name}.itemsize, torch.{name}.is_signed, torch.{name}.is_floating_point
torch.tensor([1], dtype=torch.{name}).type()
"""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("script", SCRIPTS.strip().split("\n"))
def test_like_the_oracle(script: str, name: str, oracle: ModuleType) -> None:
    most = int(np.iinfo(name).max)
    assert_same(script.format(name=name, most=most), oracle, kagari)


@pytest.mark.parametrize("name", NAMES)
def test_like_numpy(name: str) -> None:
    """What the oracle has no kernels for: the values are those of NumPy's types of the same names."""
    rng = np.random.default_rng(0)
    most = int(np.iinfo(name).max)
    a, b = (rng.integers(1, most, 100, dtype=name, endpoint=True) for _ in range(2))
    x, y = kagari.from_numpy(a), kagari.from_numpy(b)
    pairs = [
        (x + y, a + b), (x - y, a - b), (x // y, a // b), (x % y, a % b), (x < y, a < b), (x >> 3, a >> 3),
        (kagari.maximum(x, y), np.maximum(a, b)), (x.max(), a.max()), (x.min(), a.min()), (x.argmax(), a.argmax()),
        (kagari.where(x > y, x, y), np.where(a > b, a, b)), (~x, ~a), (x ** 2, a ** 2),
    ]  # fmt: skip
    for got, want in pairs:
        np.testing.assert_array_equal(got.numpy(), want)
        assert got.numpy().dtype == want.dtype
