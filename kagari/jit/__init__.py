"""Programs as graphs of typed operations, as `torch.jit`: compiled from source, or recorded from a call.

`script` reads the source of a function or module and keeps its control flow, `trace` notes what a call does. Both give
a graph (`ir.py`) of PyTorch's operators, which runs as a function of Python that calls Kagari's (`running.py`), and is
written as a program (`code_text.py`).
"""

from __future__ import annotations

from .annotations import Attribute, Final, annotate, export, ignore, is_scripting, is_tracing, unused
from .freezing import freeze, optimize_for_inference, run_frozen_optimizations
from .function import (
    RecursiveScriptModule,
    ScriptFunction,
    ScriptMethod,
    ScriptModule,
    TopLevelTracedModule,
    TracedModule,
)
from .futures import Future, fork, wait
from .loading import load
from .running import Error
from .saving import export_opnames, save
from .scripting import is_of as isinstance
from .scripting import script, script_if_tracing
from .settings import (
    enable_onednn_fusion,
    onednn_fusion_enabled,
    optimized_execution,
    set_fusion_strategy,
    strict_fusion,
)
from .trace import trace, trace_module
from .tracing import TracerWarning
from .unit import CompilationUnit

__all__ = [
    "Attribute", "CompilationUnit", "Error", "Final", "Future", "RecursiveScriptModule", "ScriptFunction",
    "ScriptMethod", "ScriptModule", "TopLevelTracedModule", "TracedModule", "TracerWarning", "annotate",
    "enable_onednn_fusion", "export", "export_opnames", "fork", "freeze", "ignore", "is_scripting", "is_tracing",
    "isinstance", "load", "onednn_fusion_enabled", "optimize_for_inference", "optimized_execution",
    "run_frozen_optimizations", "save", "script", "script_if_tracing", "set_fusion_strategy", "strict_fusion", "trace",
    "trace_module", "unused", "wait",
]  # fmt: skip
