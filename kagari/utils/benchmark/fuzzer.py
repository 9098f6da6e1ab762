"""Tensors of random sizes, orders and steps to measure with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ...base.dtypes import dtype, float32
from ...eager import Tensor
from ...eager import operators as ops
from ...eager.random import manual_seed

_TRIES = 1000  # for one set of parameters
_LARGEST = 127  # of random integers, which so are bytes, too


class ParameterAlias:
    """Stands in a distribution for the value of another parameter."""

    def __init__(self, alias_to: str) -> None:
        self.alias_to = alias_to

    def __repr__(self) -> str:
        return f"ParameterAlias[alias_to: {self.alias_to}]"


class FuzzedParameter:
    """A number, or anything else, that is drawn anew for each set of tensors.

    Args:
        name (str): by which sizes and steps of tensors call it.
        minval, maxval (number, optional): the least and the greatest value.
        distribution (str or dict): `"uniform"`, of integers if both bounds are such; `"loguniform"`, of integers, as
            often below as above the geometric mean of the bounds; or values and how probable each is.
        strict (bool): whether it is drawn once for a set, rather than again when the set is refused. Default: ``False``

    Raises AssertionError for another distribution, for probabilities that don't sum up to 1, and for bounds where
    there are probabilities.

    Example::

        >>> import numpy as np
        >>> from kagari.utils.benchmark import FuzzedParameter
        >>> 1 <= FuzzedParameter("n", 1, 9, "uniform").sample(np.random.RandomState(0)) <= 9
        True
    """

    def __init__(
        self,
        name: str,
        minval: float | None = None,
        maxval: float | None = None,
        distribution: str | dict[Any, float] | None = None,
        strict: bool = False,
    ) -> None:
        self._name, self._minval, self._maxval, self.strict = name, minval, maxval, strict
        self._distribution = distribution
        if isinstance(distribution, dict):
            if minval is not None or maxval is not None:
                raise AssertionError("minval and maxval have no meaning for a distribution of given values")
            if not math.isclose(sum(distribution.values()), 1):
                raise AssertionError("Distribution is not normalized")
        elif distribution not in ("uniform", "loguniform"):
            raise AssertionError(f"Unknown distribution: {distribution}")
        elif minval is None or maxval is None:
            raise AssertionError(f"a {distribution} distribution needs minval and maxval")

    @property
    def name(self) -> str:
        """The name."""
        return self._name

    def sample(self, state: np.random.RandomState) -> Any:
        """A value."""
        if isinstance(self._distribution, dict):
            values = list(self._distribution)
            return values[state.choice(len(values), p=list(self._distribution.values()))]
        assert self._minval is not None and self._maxval is not None
        if self._distribution == "loguniform":
            low, high = math.log2(self._minval), math.log2(self._maxval)
            return int(2 ** state.uniform(low=low, high=high))
        if isinstance(self._minval, int) and isinstance(self._maxval, int):
            return int(state.randint(self._minval, self._maxval + 1))
        return float(state.uniform(low=self._minval, high=self._maxval))


class FuzzedTensor:
    """A tensor that is made anew for each set of parameters.

    Args:
        name (str): its name.
        size (tuple of str or int): its sizes, by parameters or numbers.
        steps (tuple of str or int, optional): it is every so manieth element of a larger one. Default: 1 each
        probability_contiguous (float): how probable it is that its dimensions lie in order. Default: 0.5
        min_elements, max_elements (int, optional): sets of parameters that make others are refused.
        max_allocation_bytes (int, optional): the same for the bytes of the larger one.
        dim_parameter (str, optional): the parameter that says how many of the sizes there are.
        roll_parameter (str, optional): the parameter that says by how much the order is rolled.
        dtype (dtype): of which type it is. Default: float32
        cuda (bool): not supported, there are no GPUs.
        tensor_constructor (callable, optional): makes the larger tensor of `size`, `dtype` and all parameters. Default:
            numbers from 0 to 1, or integers from 0 to 127
    """

    def __init__(
        self,
        name: str,
        size: tuple[str | int, ...],
        steps: tuple[str | int, ...] | None = None,
        probability_contiguous: float = 0.5,
        min_elements: int | None = None,
        max_elements: int | None = None,
        max_allocation_bytes: int | None = None,
        dim_parameter: str | None = None,
        roll_parameter: str | None = None,
        dtype: dtype = float32,
        cuda: bool = False,
        tensor_constructor: Callable[..., Tensor] | None = None,
    ) -> None:
        if cuda:
            raise NotImplementedError("FuzzedTensor: cuda=True: there are no GPUs yet")
        self._name, self._size, self._steps = name, size, steps
        self._probability_contiguous = probability_contiguous
        self._least = 0 if min_elements is None else min_elements
        self._most = math.inf if max_elements is None else max_elements
        self._most_bytes = math.inf if max_allocation_bytes is None else max_allocation_bytes
        self._dim_parameter, self._roll_parameter = dim_parameter, roll_parameter
        self._dtype, self._construct = dtype, tensor_constructor or self.default_tensor_constructor

    @property
    def name(self) -> str:
        """The name."""
        return self._name

    @staticmethod
    def default_tensor_constructor(size: tuple[int, ...], dtype: dtype, **kwargs: Any) -> Tensor:
        """Random numbers from 0 to 1, or integers from 0 to 127."""
        if dtype.is_floating_point or dtype.is_complex:
            made: Tensor = ops.rand(size, dtype=dtype)
            return made
        return ops.randint(0, _LARGEST, size=size, dtype=dtype)

    def _concrete(self, params: dict[str, Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The sizes and the steps."""
        dim = len(self._size) if self._dim_parameter is None else params[self._dim_parameter]
        size = tuple(params[n] if n in params else int(n) for n in self._size[:dim])
        steps = tuple(params[n] if n in params else int(n) for n in (self._steps or (1,) * dim)[:dim])
        return size, steps

    def satisfies_constraints(self, params: dict[str, Any]) -> bool:
        """Whether it has as many elements as it may have with these parameters."""
        size, steps = self._concrete(params)
        large = math.prod(n * step for n, step in zip(size, steps)) * self._dtype.itemsize
        return self._least <= math.prod(size) <= self._most and large <= self._most_bytes

    def _make(self, params: dict[str, Any], state: np.random.RandomState) -> tuple[Tensor, dict[str, Any]]:
        """The tensor, and what is known of it."""
        size, steps = self._concrete(params)
        order = np.arange(len(size))
        if state.rand() > self._probability_contiguous and len(size) > 1:
            while (order == np.arange(len(size))).all():
                order = state.permutation(len(size))
        if self._roll_parameter is not None:
            order = np.roll(order, params[self._roll_parameter])
        large = tuple(n * step for n, step in zip(size, steps))
        raw = self._construct(size=tuple(large[d] for d in order), dtype=self._dtype, **params)
        made = raw.permute(tuple(np.argsort(order).tolist()))
        made = made[tuple(slice(0, n * step, step) for n, step in zip(size, steps))]
        about = {
            "numel": made.numel(),
            "order": order,
            "steps": steps,
            "is_contiguous": made.is_contiguous(),
            "dtype": str(self._dtype),
        }
        return made, about


class Fuzzer:
    """Draws sets of parameters, and makes tensors of each.

    Args:
        parameters (list of FuzzedParameter): the parameters, or lists of them.
        tensors (list of FuzzedTensor): the tensors, or lists of them.
        constraints (list of callable, optional): get the parameters, and say whether the set may be.
        seed (int, optional): of all that is drawn, the tensors' elements as well.

    Raises ValueError for names that occur twice, and where no set of parameters is found.

    Example::

        >>> from kagari.utils.benchmark import FuzzedParameter, FuzzedTensor, Fuzzer
        >>> fuzzer = Fuzzer([FuzzedParameter("n", 1, 9, "uniform")], [FuzzedTensor("x", ("n", 4))], seed=0)
        >>> for tensors, about, params in fuzzer.take(2):
        ...     tensors["x"].shape == (params["n"], 4), about["x"]["numel"] == 4 * params["n"]
        (True, True)
        (True, True)
    """

    def __init__(
        self,
        parameters: list[FuzzedParameter | list[FuzzedParameter]],
        tensors: list[FuzzedTensor | list[FuzzedTensor]],
        constraints: list[Callable[[dict[str, Any]], bool]] | None = None,
        seed: int | None = None,
    ) -> None:
        self._parameters: list[FuzzedParameter] = list(_flat(parameters))
        self._tensors: list[FuzzedTensor] = list(_flat(tensors))
        names = [*(p.name for p in self._parameters), *(t.name for t in self._tensors)]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"Duplicate names in parameters and tensors: {twice}")
        self._constraints = constraints or []
        self._seed = int(np.random.randint(0, 2**31)) if seed is None else seed
        self._rejections, self._draws = 0, 0

    def take(self, n: int) -> Iterator[tuple[dict[str, Tensor], dict[str, Any], dict[str, Any]]]:
        """So many sets: the tensors, what is known of each, and the parameters, all by name."""
        state = np.random.RandomState(self._seed)
        manual_seed(int(state.randint(0, 2**31)))
        for _ in range(n):
            params = self._drawn(state)
            made = {tensor.name: tensor._make(params, state) for tensor in self._tensors}
            yield {k: v for k, (v, _) in made.items()}, {k: about for k, (_, about) in made.items()}, params

    @property
    def rejection_rate(self) -> float:
        """Which part of the sets was refused."""
        return self._rejections / self._draws if self._draws else 0.0

    def _drawn(self, state: np.random.RandomState) -> dict[str, Any]:
        strict = {p.name: p.sample(state) for p in self._parameters if p.strict}
        for _ in range(_TRIES):
            params = {**strict, **{p.name: p.sample(state) for p in self._parameters if not p.strict}}
            for name, value in list(params.items()):
                while isinstance(value, ParameterAlias):
                    value = params[name] = params[value.alias_to]
            self._draws += 1
            if all(may(params) for may in self._constraints) and all(
                tensor.satisfies_constraints(params) for tensor in self._tensors
            ):
                return params
            self._rejections += 1
        raise ValueError("Failed to generate a set of valid parameters.")


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from value
        else:
            yield value


__all__ = ["FuzzedParameter", "FuzzedTensor", "Fuzzer", "ParameterAlias"]
