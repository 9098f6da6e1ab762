"""Averaged models, and layers that work on several devices or processes where there are some, against the oracle."""

from __future__ import annotations

import copy
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from outcomes import assert_same_error

import kagari


def layers(lib: ModuleType) -> Any:
    """A model with a parameter and a buffer of each kind, the same in both libraries."""
    model = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4, momentum=0.3), lib.nn.Linear(4, 2))
    random = np.random.default_rng(0)
    with lib.no_grad():
        for p in model.parameters():
            p.copy_(lib.tensor(random.standard_normal(tuple(p.shape)).tolist()))
    return model


def batches(lib: ModuleType, count: int = 3) -> list[Any]:
    random = np.random.default_rng(1)
    return [lib.tensor(random.standard_normal((5, 3)).tolist()) for _ in range(count)]


def state(model: Any) -> dict[str, Any]:
    return {name: t.tolist() for name, t in model.state_dict().items()}


def same(ours: Any, theirs: Any) -> None:
    mine, expected = state(ours), state(theirs)
    assert list(mine) == list(expected)
    for name in mine:
        np.testing.assert_allclose(mine[name], expected[name], 2e-5, 1e-6, err_msg=name)


AVERAGES = {
    "equal": {},
    "buffers": {"use_buffers": True},
    "moving": {"avg_fn": "get_ema_avg_fn(0.75)"},
    "moving lists": {"multi_avg_fn": "get_ema_multi_avg_fn(0.75)", "device": "cpu"},
}


@pytest.mark.parametrize("how", AVERAGES)
def test_means_of_models(how: str, oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        swa = __import__(f"{lib.__name__}.optim.swa_utils", fromlist=["AveragedModel"])
        options = {k: eval(v, vars(swa)) if k.endswith("fn") else v for k, v in AVERAGES[how].items()}
        if how == "buffers":  # PyTorch averages no integers, of which there is a count
            model = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Linear(4, 2))
            model[0].register_buffer("extra", lib.ones(2))
            with lib.no_grad():
                for p in model.parameters():
                    p.fill_(0.5)
        else:
            model = layers(lib)
        mean = swa.AveragedModel(model, **options)
        optimizer = lib.optim.SGD(model.parameters(), lr=0.1)
        for batch in batches(lib):
            optimizer.zero_grad()
            model(batch).square().sum().backward()
            optimizer.step()
            if how == "buffers":
                model[0].extra.mul_(3)
            mean.update_parameters(model)
        assert mean.module is not model
        assert mean.n_averaged.item() == 3
        found.append(mean)
    same(*found)
    ours, theirs = (mean.eval()(batches(lib, 1)[0]).tolist() for mean, lib in zip(found, (kagari, oracle)))
    np.testing.assert_allclose(ours, theirs, 2e-4, 1e-5)


def test_one_way_to_average(oracle: ModuleType) -> None:
    assert_same_error(
        lambda lib: lib.optim.swa_utils.AveragedModel(lib.nn.Linear(2, 1), avg_fn=print, multi_avg_fn=print),
        oracle,
        kagari,
    )
    assert_same_error(
        lambda lib: lib.optim.swa_utils.AveragedModel(lib.nn.Linear(2, 1)).update_parameters(lib.nn.Linear(3, 1)),
        oracle,
        kagari,
        exact=False,
    )


def test_an_averaged_model_is_saved_and_copied() -> None:
    model = kagari.optim.swa_utils.AveragedModel(layers(kagari))
    other = kagari.optim.swa_utils.AveragedModel(kagari.nn.Linear(1, 1))
    other.module = copy.deepcopy(model.module)
    model.update_parameters(layers(kagari))
    assert other.load_state_dict(model.state_dict()).missing_keys == []
    assert other.n_averaged.item() == 1
    assert not hasattr(kagari.optim.swa_utils, "nonsense")


def test_statistics_of_a_pass(oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        model = layers(lib).eval()
        model(batches(lib, 1)[0])
        data = [batches(lib)[0], [batches(lib)[1], 7], (batches(lib)[2],)]
        lib.optim.swa_utils.update_bn(data, model, device="cpu")
        assert not model.training and model[1].momentum == 0.3
        found.append(model)
    same(*found)
    assert kagari.optim.swa_utils.update_bn([kagari.ones(1, 3)], kagari.nn.Linear(3, 1)) is None


@pytest.mark.parametrize("size", [3, 4, 5])
def test_responses_across_maps(size: int, oracle: ModuleType) -> None:
    values = np.random.default_rng(size).standard_normal((2, 7, 3, 3)).tolist()
    ours, theirs = (lib.nn.CrossMapLRN2d(size, alpha=0.1, beta=0.6, k=2.0) for lib in (kagari, oracle))
    assert repr(ours) == repr(theirs)
    np.testing.assert_allclose(ours(kagari.tensor(values)).numpy(), theirs(oracle.tensor(values)).numpy(), 1e-5)
    x = kagari.tensor(values, dtype=kagari.float64, requires_grad=True)
    assert kagari.autograd.gradcheck(ours, x)
    assert_same_error(lambda lib: lib.nn.CrossMapLRN2d(size)(lib.ones(2, 3)), oracle, kagari)


def test_batches_of_one_process(oracle: ModuleType) -> None:
    found = []
    for lib in (kagari, oracle):
        model = layers(lib)
        model.append(lib.nn.BatchNorm2d(3, affine=False, track_running_stats=False)).append(lib.nn.InstanceNorm1d(3))
        before = model[1].eval()
        converted = lib.nn.SyncBatchNorm.convert_sync_batchnorm(model)
        assert type(converted[1]) is lib.nn.SyncBatchNorm and not converted[1].training
        assert converted[1].weight is before.weight and converted[1].running_mean is before.running_mean
        converted[1].train()
        converted[:2](batches(lib, 1)[0])
        found.append(converted)
    assert repr(found[0]) == repr(found[1])
    same(*found)
    for shape in ((4,), (3, 0), (3, 5)):
        assert_same_error(lambda lib, shape=shape: lib.nn.SyncBatchNorm(4)(lib.ones(shape)), oracle, kagari)


def test_data_without_devices_to_share_it(oracle: ModuleType) -> None:
    for lib in (kagari, oracle):
        inner = layers(lib)
        model = lib.nn.DataParallel(inner, device_ids=[0])
        assert model.device_ids == [] and model.module is inner
        assert list(model.state_dict()) == [f"module.{name}" for name in inner.state_dict()]
        model.eval()
        assert model(input=batches(lib, 1)[0]).tolist() == inner(batches(lib, 1)[0]).tolist()
        assert lib.nn.parallel.DataParallel is lib.nn.DataParallel
