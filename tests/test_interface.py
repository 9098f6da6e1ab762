"""The public interface: what `kagari.__all__` lists is sorted, complete, there, and PyTorch's."""

from __future__ import annotations

import types
from types import ModuleType

import pytest

import kagari
from kagari.eager import operators

# Modules of the floors below, which Python makes attributes of the package when they are imported.
FLOORS = {"alias", "base", "capture", "compiler", "data", "eager", "engine", "ir", "ops", "quantized", "runtime"}
OURS = {"__version__", "array_api", "install_as_torch", "backends", "optim", "testing", "autograd", "nn", "vision"}


def test_sorted_without_repetition() -> None:
    assert list(kagari.__all__) == sorted(set(kagari.__all__))


def test_complete() -> None:
    public = {n for n in vars(kagari) if not n.startswith("_")} - FLOORS - {"annotations"}
    assert public | set(operators.WRITTEN) | operators.names("torch") <= set(kagari.__all__)


@pytest.mark.parametrize("name", kagari.__all__)
def test_there(name: str) -> None:
    value = getattr(kagari, name)
    if callable(value) and not isinstance(value, type):
        assert value.__doc__, f"{name} has no docstring"


def test_subpackages_list_what_they_have() -> None:
    of_nn = (kagari.nn, kagari.nn.functional, kagari.nn.init)
    leaves = (kagari.amp, kagari.backends, kagari.cpu, kagari.cuda, kagari.serialization, kagari.utils.data)
    of_vision = (kagari.vision, kagari.vision.datasets, kagari.vision.io, kagari.vision.models, kagari.hub)
    for package in (*of_nn, kagari.optim, kagari.autograd, *leaves, *of_vision):
        assert list(package.__all__) == sorted(package.__all__)
        for name in package.__all__:
            assert getattr(package, name) is not None


def test_unknown_names() -> None:
    for module in (kagari, kagari.nn.functional, operators):
        with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
            _ = module.nonsense
    assert "zeros" in dir(kagari)


def test_names_are_the_oracles(oracle: ModuleType) -> None:
    """In-place forms are functions here for every operator that has one, in PyTorch for some."""
    unknown = {n for n in kagari.__all__ if not hasattr(oracle, n)} - OURS
    assert {n for n in unknown if not n.endswith("_")} == set()
    assert all(hasattr(oracle.Tensor, n) for n in unknown)


def test_members_of_tensor_are_the_oracles(oracle: ModuleType) -> None:
    kagari.zeros(1)
    ours = {n for n in vars(kagari.Tensor) if not n.startswith("_")}
    # The array API standard asks for this one.
    assert {n for n in ours if not hasattr(oracle.Tensor, n)} == {"to_device"}


def test_signatures_of_methods_have_documentation() -> None:
    kagari.zeros(1)
    missing = [
        name
        for name, member in vars(kagari.Tensor).items()
        if not name.startswith("_") and not isinstance(member, types.MemberDescriptorType | bool) and not member.__doc__
    ]
    assert missing == []


def test_names_for_annotations(oracle: ModuleType) -> None:
    from kagari.types import Device, FileLike, Number, Storage
    from kagari.utils.hooks import RemovableHandle

    assert Number == oracle.types.Number
    assert FileLike == oracle.types.FileLike
    assert isinstance(kagari.device("cpu"), Device.__args__[0])
    assert isinstance(kagari.ones(1).untyped_storage(), Storage)
    assert isinstance(kagari.nn.Linear(1, 1).register_forward_hook(print), RemovableHandle)
