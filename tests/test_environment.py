"""Settings of the program, questions about objects, and the types of old: as with the oracle."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from outcomes import assert_same

import kagari

NAMES = {"x": lambda t: t.ones(2)}

SAME = """
torch.FloatTensor()
torch.FloatTensor(2, 3).shape
torch.FloatTensor(torch.Size([2, 3])).shape
torch.FloatTensor(size=(2,)).shape
torch.FloatTensor([1, 2])
torch.FloatTensor((2, 3))
torch.FloatTensor(range(3))
torch.FloatTensor(np.array([1.5, 2]))
torch.LongTensor([1.5, 2])
torch.LongTensor(np.array([1.5, 2]))
torch.LongTensor(torch.tensor(3))
torch.BoolTensor([1, 0])
torch.ByteTensor([1, 0])
torch.HalfTensor(2).dtype
torch.BFloat16Tensor([1])
torch.DoubleTensor([[1], [2]])
torch.FloatTensor(1.5)
torch.FloatTensor(True)
torch.FloatTensor("a")
torch.FloatTensor(-1)
torch.FloatTensor([[1], [2, 3]])
torch.FloatTensor(x) is x
torch.FloatTensor(x).is_set_to(x)
isinstance(x, torch.FloatTensor)
isinstance(x, torch.LongTensor)
isinstance(1, torch.LongTensor)
isinstance(torch.nn.Parameter(x), torch.FloatTensor)
(torch.FloatTensor, torch.FloatTensor.dtype, torch.FloatTensor.__name__, torch.FloatTensor.is_cuda)
x.type(torch.LongTensor)
x.type(torch.FloatTensor) is x
torch.set_default_tensor_type(torch.LongTensor)
torch.set_default_tensor_type(torch.DoubleTensor); r = torch.zeros(1)
torch.get_float32_matmul_precision()
torch.set_float32_matmul_precision("high"); r = torch.get_float32_matmul_precision()
torch.set_float32_matmul_precision("x"); r = torch.get_float32_matmul_precision()
torch.are_deterministic_algorithms_enabled()
torch.use_deterministic_algorithms(True); r = torch.get_deterministic_debug_mode()
torch.set_deterministic_debug_mode("warn"); r = torch.is_deterministic_algorithms_warn_only_enabled()
torch.use_deterministic_algorithms(1)
torch.set_deterministic_debug_mode("x")
torch.set_deterministic_debug_mode(7)
torch.get_default_device()
torch.set_default_device("cpu:0"); r = torch.get_default_device()
torch.set_default_device(None); r = torch.get_default_device()
exec("with torch.device('cpu:0') as d: r = (d, torch.get_default_device())"); r = (r, torch.get_default_device())
torch.set_warn_always(True); r = torch.is_warn_always_enabled()
torch.set_warn_always(1)
torch.set_num_interop_threads(0)
torch.is_anomaly_enabled()
torch.is_anomaly_check_nan_enabled()
torch.set_anomaly_enabled(True, False); r = (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled())
torch.constant_pad_nd(x, (1, 2), 3.0)
torch.constant_pad_nd(x, (-1, 2))
torch.typename(x)
torch.typename(1)
torch.typename(int)
torch.typename("")
torch.get_device(x)
torch.is_inference(x)
torch.is_distributed(x)
torch.is_distributed(1)
y = (torch.ones(2, requires_grad=True) * 2); r = (torch.detach_(y) is y, y)
"""


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What a test sets is set back, in the oracle too where it is installed."""
    yield
    for lib in filter(None, (kagari, sys.modules.get("torch"))):
        lib.set_default_dtype(lib.float32)
        lib.set_float32_matmul_precision("highest")
        lib.use_deterministic_algorithms(False)
        lib.set_default_device(None)
        lib.set_warn_always(False)
        lib.set_anomaly_enabled(False)


@pytest.mark.parametrize("source", SAME.strip().split("\n"))
def test_like_the_oracle(source: str, oracle: ModuleType) -> None:
    assert_same(source, oracle, kagari, **NAMES)


def test_devices_that_are_not_there() -> None:
    for enter in (kagari.set_default_device, lambda name: kagari.device(name).__enter__()):
        with pytest.raises(RuntimeError, match="without a backend for 'cuda'"):
            enter("cuda")
    assert kagari.get_default_device() == kagari.device("cpu")


@pytest.mark.parametrize("kind", [AssertionError, RuntimeError])
def test_who_waits_for_either_error_gets_it(kind: type[Exception]) -> None:
    """PyTorch without CUDA raises the first for "cuda"; with CUDA, but without a GPU, the second."""
    with pytest.raises(kind):
        kagari.ones(1).to("cuda")


def test_types_are_pickled_by_name() -> None:
    assert pickle.loads(pickle.dumps(kagari.LongTensor)) is kagari.LongTensor


def test_typename_of_modules() -> None:
    assert kagari.typename(kagari.nn.Linear(1, 1)).endswith(".Linear")
