"""The profiler: which operators and kernels a program spends its time in."""

from __future__ import annotations

from ..autograd.profiler import record_function
from .profiler import profile, supported_activities, tensorboard_trace_handler
from .schedule import ProfilerAction, ProfilerActivity, schedule

__all__ = [
    "ProfilerAction", "ProfilerActivity", "profile", "record_function", "schedule", "supported_activities",
    "tensorboard_trace_handler",
]  # fmt: skip
