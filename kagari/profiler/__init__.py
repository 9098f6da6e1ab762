"""The profiler: which operators and kernels a program spends its time in."""

from __future__ import annotations

from enum import Enum

from ..autograd.profiler import record_function
from .profiler import profile, supported_activities, tensorboard_trace_handler
from .schedule import ProfilerAction, ProfilerActivity, schedule


class DeviceType(Enum):
    """The kinds of devices that events may be of; here they are of the first."""

    CPU = 0
    CUDA = 1


def kineto_available() -> bool:
    """Whether regions and kernels can be recorded with their times."""
    return True


__all__ = [
    "DeviceType", "ProfilerAction", "ProfilerActivity", "kineto_available", "profile", "record_function", "schedule",
    "supported_activities", "tensorboard_trace_handler",
]  # fmt: skip
