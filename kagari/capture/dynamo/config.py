"""Settings of the front of PyTorch's compiler, `torch._dynamo.config`, with its defaults.

Programs set them at their beginning; they steer that compiler alone, and nothing here.
"""

from __future__ import annotations

suppress_errors = False
verbose = False
cache_size_limit = recompile_limit = 8
accumulated_cache_size_limit = accumulated_recompile_limit = 256
capture_scalar_outputs = False
capture_dynamic_output_shape_ops = False
automatic_dynamic_shapes = True
assume_static_by_default = True
force_parameter_static_shapes = True
optimize_ddp = True

__all__ = [
    "accumulated_cache_size_limit", "accumulated_recompile_limit", "assume_static_by_default",
    "automatic_dynamic_shapes", "cache_size_limit", "capture_dynamic_output_shape_ops", "capture_scalar_outputs",
    "force_parameter_static_shapes", "optimize_ddp", "recompile_limit", "suppress_errors", "verbose",
]  # fmt: skip
