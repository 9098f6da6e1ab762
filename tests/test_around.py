"""Names that programs use around their tensors, beside PyTorch's."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari.utils import checkpoint, collect_env, dlpack

Call = Callable[[Any], Any]

REFUSED: dict[str, Call] = {
    "resize": lambda lib: lib.ones(2).resize(3),
    "resize_as": lambda lib: lib.ones(2).resize_as(lib.ones(3, 2)),
    "accelerator": lambda lib: lib.accelerator.memory_reserved(),
    "memory info": lambda lib: lib.accelerator.get_memory_info(),
    "stats": lambda lib: lib.accelerator.memory_stats(),
    "index": lambda lib: lib.accelerator.device_index(0).__enter__(),
    "old index": lambda lib: lib.accelerator.current_device_idx(),
    "no tuple": lambda lib: lib.utils.checkpoint.detach_variable([1]),
    "no file": lambda lib: lib.from_file("/nowhere/at/all", size=2),
    "allclose": lambda lib: lib.testing.assert_allclose(lib.ones(2), lib.ones(2) + 1),
    "allclose of another dtype": lambda lib: lib.testing.assert_allclose(
        lib.ones(2, dtype=lib.float16), lib.ones(2, dtype=lib.float64) * 3
    ),
    "allclose of numbers": lambda lib: lib.testing.assert_allclose(1.0, 2.0),
    "allclose with one tolerance": lambda lib: lib.testing.assert_allclose(lib.ones(1), lib.ones(1), rtol=1.0),
    "allclose with words": lambda lib: lib.testing.assert_allclose(lib.ones(1), lib.ones(1) * 2, msg="words"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_errors_are_the_oracles(name: str, oracle: ModuleType) -> None:
    messages = []
    for lib in (kagari, oracle):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises((RuntimeError, AssertionError, ValueError)) as failure:
                REFUSED[name](lib)
        messages.append((failure.type, str(failure.value)))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("name", ["eig", "lstsq", "solve", "symeig", "reinforce"])
def test_what_was_removed_says_what_stands_in_its_place(name: str, oracle: ModuleType) -> None:
    for lib in (kagari, oracle):
        x = lib.ones(2, 2)
        with pytest.raises(RuntimeError, match=r"removed.[\s\S]*torch\.(linalg|distributions)"):
            getattr(x, name)(*([x] if name in ("lstsq", "solve", "reinforce") else []))


WARNS: list[Call] = [
    lambda lib: lib.ones(2).resize(1, 2).tolist(),
    lambda lib: lib.ones(2).resize_as(lib.ones(2, 1)).tolist(),
    lambda lib: lib.ones(2).volatile,
    lambda lib: lib.testing.assert_allclose(lib.ones(2), lib.ones(2, dtype=lib.float64) + 1e-5),
    lambda lib: lib.utils.checkpoint.check_backward_validity((lib.ones(2), 3)),
]


@pytest.mark.parametrize("number", range(len(WARNS)))
def test_warnings_are_the_oracles(number: int, oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            result = WARNS[number](lib)
        found.append((result, [(str(w.message), w.category) for w in seen]))
    assert found[0] == found[1]


def test_small_answers_are_the_oracles(oracle: ModuleType) -> None:
    for lib in (kagari, oracle):
        assert lib.ones(2).name is None
        assert lib.backends.opt_einsum.get_opt_einsum() is None
        assert not lib.backends.opt_einsum.is_available()
        assert lib.profiler.kineto_available()
        assert lib.profiler.DeviceType.CPU.name == "CPU"
        assert lib.utils.checkpoint.get_device_states(lib.ones(2)) == ([], [])
        assert lib.utils.checkpoint.DefaultDeviceType.get_device_type() == "cpu"
        with lib.autograd.set_multithreading_enabled(False), lib.accelerator.device_index(None):
            pass
        p = lib.ones(2, requires_grad=True)
        first, second, third = lib.utils.checkpoint.detach_variable((p * 2, 3, p.detach()))
        assert (first.requires_grad, first.is_leaf, second, third.requires_grad) == (True, True, 3, False)
    assert kagari.backends.cpu.get_cpu_capability() in ("AVX512", "AVX2", "DEFAULT")
    checkpoint.set_device_states([], [])


SIZES: list[Call] = [
    lambda lib: lib.sym_int(-2.7),
    lambda lib: lib.sym_int("3"),
    lambda lib: lib.sym_float(2),
    lambda lib: lib.sym_max(1, 2.0),
    lambda lib: lib.sym_max(True, 2),
    lambda lib: lib.sym_max(lib.ones(1), 2),
    lambda lib: lib.sym_min(1, 2.0),
    lambda lib: lib.sym_min("a", 2),
    lambda lib: lib.sym_not(1.5),
    lambda lib: lib.sym_sqrt(4),
    lambda lib: lib.sym_sqrt(-1),
    lambda lib: [lib.sym_sum([1, 2, 3]), lib.sym_sum(1, 2), lib.sym_sum(3), lib.sym_sum([]), lib.sym_sum([1.5, 2])],
    lambda lib: lib.sym_ite(False, 1, 2),
    lambda lib: lib.sym_ite(1, 2, 3),
    lambda lib: lib.sym_ite(True, 1, 2.0),
]


@pytest.mark.parametrize("number", range(len(SIZES)))
def test_arithmetic_of_sizes_is_the_oracles(number: int, oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        try:
            result: Any = SIZES[number](lib)
        except (AssertionError, ValueError) as error:
            result = type(error), str(error).replace("kagari.Tensor", "torch.Tensor")
        found.append((type(result), result))
    assert found[0] == found[1]


def storages(lib: Any) -> list[Any]:
    x = lib.ones(2)
    made = [lib.FloatStorage([1, 2]), lib.FloatStorage(), lib.BoolStorage([True]), lib.LongStorage((3, 4))]
    over = lib.IntStorage(wrap_storage=lib.tensor([1, 2], dtype=lib.int32).untyped_storage())
    return [
        [(s.tolist(), s.size(), str(s.dtype)) for s in [*made, over]],
        (lib.HalfStorage(3).size(), lib.DoubleStorage(2).nbytes(), str(lib.ComplexFloatStorage.dtype)),
        [isinstance(t.storage(), lib.FloatStorage) for t in (x, x.int(), x.double())],
        isinstance(made[0], lib.TypedStorage),
        issubclass(lib.ShortStorage, lib.TypedStorage),
        isinstance(x, lib.FloatStorage),
    ]


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated:UserWarning")
def test_storages_of_one_dtype_are_the_oracles(oracle: ModuleType) -> None:
    assert storages(kagari) == storages(oracle)
    for given in (2.5, {}):
        for lib in (kagari, oracle):
            with pytest.raises(TypeError):
                lib.FloatStorage(given)


def test_tensors_over_files(tmp_path: Path, oracle: ModuleType) -> None:
    for k, lib in enumerate((kagari, oracle)):
        path = tmp_path / f"{k}.bin"
        shared = lib.from_file(str(path), shared=True, size=3, dtype=lib.int32)
        assert shared.tolist() == [0, 0, 0]
        shared[1] = 7
        own = lib.from_file(str(path), size=2, dtype=lib.int32)
        own[0] = 9
        assert own.tolist() == [9, 7]
        assert path.read_bytes() == bytes([0] * 4 + [7] + [0] * 7)
        assert lib.from_file(str(path)).shape == (0,)


def test_files_that_are_too_short(tmp_path: Path) -> None:
    path = tmp_path / "short.bin"
    path.write_bytes(b"1234")
    with pytest.raises(RuntimeError, match="size <4> is smaller than the required mapping size <8>"):
        kagari.from_file(str(path), size=2)


def test_capsules_go_both_ways(oracle: ModuleType) -> None:
    import torch.utils.dlpack as theirs

    x = kagari.arange(3)
    y = theirs.from_dlpack(dlpack.to_dlpack(x))
    y[0] = 5
    assert dlpack.from_dlpack(theirs.to_dlpack(y)).tolist() == x.tolist() == [5, 1, 2]
    assert {k.name: k.value for k in dlpack.DLDeviceType} == {
        name: kind.value if hasattr(kind, "value") else kind[0]
        for name, kind in theirs.DLDeviceType.__members__.items()
    }


def test_what_a_report_says() -> None:
    env = collect_env.get_env_info()
    text = collect_env.get_pretty_env_info()
    assert env.packages["numpy"] in text and f"CPU: {env.cpu}" in text
    result = subprocess.run(
        [sys.executable, "-m", "kagari.utils.collect_env"], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[0] == f"Kagari version: {kagari.__version__}"
