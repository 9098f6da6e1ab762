"""From graphs to machine code: fusion, loop and contraction templates, LLVM IR, object code."""

from ..base.later import postpone

postpone(
    __name__, "attention", "depthwise", "kernel", "llvm", "native", "resident", "sort", "sort_merge", "sort_search",
    "sort_select",
)  # fmt: skip
