"""Static arguments of a wrong type: refused by name, position and type, before a definition sees them."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari
import kagari.nn.functional as F

WRONG = [
    ("cumsum", (1.0,), {}, r"argument 'dim' \(position 2\) must be int, not float"),
    ("cumsum", (True,), {}, r"argument 'dim' \(position 2\) must be int, not bool"),
    ("cumsum", ("a",), {}, r"argument 'dim' \(position 2\) must be int, not str"),
    ("cumsum", (1,), {"dtype": 3}, "argument 'dtype'.* must be torch.dtype, not int"),
    ("sum", (0, 1), {}, r"argument 'keepdim' \(position 3\) must be bool, not int"),
    ("argmax", ("a",), {}, r"argument 'dim' \(position 2\) must be int, not str"),
    ("argmax", (), {"keepdim": None}, "argument 'keepdim'.* must be bool, not NoneType"),
    ("permute", ((1.0, 0),), {}, r"argument 'dims' .*must be tuple of ints, but found element of type float at pos 0"),
    ("roll", (1.0,), {}, r"argument 'shifts' \(position 2\) must be tuple of ints, not float"),
    ("flatten", ("1",), {}, r"argument 'start_dim' \(position 2\) must be int, not str"),
    ("diag_embed", (float("inf"),), {}, r"argument 'offset' \(position 2\) must be int, not float"),
    ("sum", ([0, "a"],), {}, "argument 'dim'"),
    ("isclose", (), {"other": 1.0, "rtol": "a"}, "argument 'rtol'"),
]


@pytest.mark.parametrize("name, args, kwargs, pattern", WRONG)
def test_wrong_types(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], pattern: str) -> None:
    with pytest.raises(TypeError, match=rf"{name}\(\): {pattern}"):
        getattr(kagari, name)(kagari.ones(2, 3), *args, **_tensors(kagari, kwargs))


@pytest.mark.parametrize("name, args, kwargs, pattern", WRONG)
def test_wrong_types_of_the_oracle(name, args, kwargs, pattern: str, oracle: ModuleType) -> None:
    with pytest.raises(TypeError):
        getattr(oracle, name)(oracle.ones(2, 3), *args, **_tensors(oracle, kwargs))


def _tensors(library: ModuleType, kwargs: dict[str, Any]) -> dict[str, Any]:
    return {k: library.ones(2, 3) if k == "other" else v for k, v in kwargs.items()}


def test_what_counts_as_an_integer() -> None:
    class Index:
        def __index__(self) -> int:
            return 1

    x = kagari.arange(6.0).reshape(2, 3)
    for one in (1, np.int64(1), Index(), kagari.tensor(1)):
        assert kagari.cumsum(x, one).tolist() == [[0.0, 1.0, 3.0], [3.0, 7.0, 12.0]]
    assert x.reshape(np.int32(3), 2).shape == x.reshape((np.int64(3), kagari.tensor(2))).shape == (3, 2)


def test_an_operator_is_not_hidden_by_a_module() -> None:
    """Modules of the package share names with operators."""
    names = [n for n in F.__all__ if not callable(getattr(F, n))]
    assert names == [] and callable(kagari.sum)


def test_the_last_sizes_that_differ_are_named(oracle: ModuleType) -> None:
    said = []
    for lib in (kagari, oracle):
        with pytest.raises(RuntimeError) as caught:
            lib.ones(4, 3, 2) * lib.ones(4, 3)
        said.append(str(caught.value))
    assert (
        said[0]
        == said[1]
        == ("The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 2")
    )
