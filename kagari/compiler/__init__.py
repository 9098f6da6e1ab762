"""From graphs to machine code: fusion, loop and contraction templates, LLVM IR, object code."""
