"""How a loss is reduced to a number, with the two arguments that said so before ``reduction`` did."""

from __future__ import annotations

import warnings

NUMBERS = {"none": 0, "mean": 1, "sum": 2}
"""The reductions there are, with the numbers that some operators know them by."""


def legacy_reduction(size_average: bool | None, reduce: bool | None, stacklevel: int = 3) -> str:
    """The ``reduction`` that the deprecated ``size_average`` and ``reduce`` stand for."""
    reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
        stacklevel=stacklevel,
    )
    return reduction


def check_reduction(reduction: str) -> None:
    """Refuses what is no reduction."""
    if reduction not in NUMBERS:
        raise ValueError(f"{reduction} is not a valid value for reduction")


def settled(reduction: str, size_average: bool | None, reduce: bool | None) -> str:
    """The reduction that a loss was asked for, in either way. Refuses what is none."""
    if size_average is not None or reduce is not None:
        return legacy_reduction(size_average, reduce, stacklevel=4)
    check_reduction(reduction)
    return reduction


def reduction_number(reduction: str) -> int:
    """The number of a reduction. Refuses what is none."""
    check_reduction(reduction)
    return NUMBERS[reduction]


__all__ = ["NUMBERS", "check_reduction", "legacy_reduction", "reduction_number", "settled"]
