"""Programs as graphs of typed operations, as `torch.jit`: compiled from source, or recorded from a call.

`script` reads the source of a function or module and keeps its control flow, `trace` notes what a call does. Both give
a graph (`ir.py`) of PyTorch's operators, which runs as a function of Python that calls Kagari's (`running.py`), and is
written as a program (`code_text.py`).
"""

from __future__ import annotations

from .annotations import Attribute, Final, annotate, export, ignore, is_scripting, is_tracing, unused
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
from .saving import save
from .scripting import script, script_if_tracing
from .trace import trace, trace_module
from .tracing import TracerWarning

__all__ = [
    "Attribute", "Error", "Final", "Future", "RecursiveScriptModule", "ScriptFunction", "ScriptMethod", "ScriptModule",
    "TopLevelTracedModule", "TracedModule", "TracerWarning", "annotate", "export", "fork", "ignore", "is_scripting",
    "is_tracing", "load", "save", "script", "script_if_tracing", "trace", "trace_module", "unused", "wait",
]  # fmt: skip
