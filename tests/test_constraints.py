"""The sets of `torch.distributions.constraints`, next to the oracle."""

from __future__ import annotations

from types import ModuleType

import pytest

import kagari
from kagari.distributions import constraints as ours

VALUES = """
[-1.0, 0.0, 0.5, 1.0, 2.0, float("nan"), float("inf")]
[0.25, 0.75]
[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
[[2.0, 0.5], [0.5, 1.0]]
[[1.0, 2.0], [2.0, 1.0]]
[[1.0, 0.0], [0.6, 0.8]]
[[[1.0, 0.0], [0.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]]]
[[0.0, 1.0, 0.0], [1.0, 1.0, 0.0]]
"""
SETS = """
boolean|nonnegative_integer|positive_integer|positive|nonnegative|real|unit_interval|lower_triangular|lower_cholesky
positive_definite|positive_semidefinite|symmetric|square|simplex|corr_cholesky|real_vector|one_hot|interval(0, 1)
half_open_interval(0, 1)|greater_than(1)|greater_than_eq(1)|less_than(1)|integer_interval(0, 1)|multinomial(3)
independent(positive, 2)|dependent|dependent(is_discrete=True, event_dim=1)|stack([real, positive], -1)
cat([real, positive], 0, [1, 1])|stack([simplex, boolean])
"""


@pytest.mark.parametrize("text", SETS.strip().replace("\n", "|").split("|"))
def test_sets(oracle: ModuleType, text: str) -> None:
    found = []
    for torch, module in ((kagari, ours), (oracle, oracle.distributions.constraints)):
        chosen = eval(text, vars(module))
        said: list[object] = [repr(chosen).replace("torch.distributions.", "") if "dependent" not in text else ""]
        for name in ("is_discrete", "event_dim"):
            try:
                said.append(getattr(chosen, name))
            except NotImplementedError as error:
                said.append(str(error))
        for value in VALUES.strip().splitlines():
            try:
                said.append(chosen.check(torch.tensor(eval(value))).tolist())
            except (ValueError, IndexError, RuntimeError) as error:
                said.append(type(error).__name__)
        found.append(said)
    assert found[0] == found[1]


def test_properties_that_depend(oracle: ModuleType) -> None:
    for module in (ours, oracle.distributions.constraints):

        class Distribution:
            @module.dependent_property(is_discrete=False, event_dim=1)
            def support(self, module: ModuleType = module) -> object:
                return module.interval(0, 2)

        assert module.is_dependent(Distribution.support) and not module.is_dependent(module.real)
        assert Distribution.support.event_dim == 1 and Distribution().support.upper_bound == 2
