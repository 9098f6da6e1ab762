"""From graphs to machine code: fusion, loop and contraction templates, LLVM IR, object code."""

from ..base.later import postpone

postpone(__name__, "kernel", "llvm", "native", "resident")
