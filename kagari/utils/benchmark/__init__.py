"""Measuring how long statements take, and tables of what was measured."""

from __future__ import annotations

from .compare import Compare
from .fuzzer import FuzzedParameter, FuzzedTensor, Fuzzer, ParameterAlias
from .measurement import Measurement, TaskSpec, select_unit
from .timer import Language, Timer, timer

__all__ = [
    "Compare", "FuzzedParameter", "FuzzedTensor", "Fuzzer", "Language", "Measurement", "ParameterAlias", "TaskSpec",
    "Timer", "select_unit", "timer",
]  # fmt: skip
