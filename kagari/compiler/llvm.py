"""From LLVM IR text to the bytes of an object file, for one target.

The only place of the compiler that opens llvmlite.
"""

from __future__ import annotations

import threading
from typing import Any

from ..base.target import Target

_lock = threading.Lock()
_machines: dict[tuple[Target, int], Any] = {}


def version() -> str:
    """The version of the code generator: code that another one made is not taken from the store."""
    import llvmlite

    return llvmlite.__version__


def _machine(target: Target, level: int) -> Any:
    """The target machine for an optimisation level (0 to 3), made once."""
    import llvmlite.binding as llvm

    found = _machines.get((target, level))
    if found is None:
        if not _machines:
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
        found = _machines[target, level] = llvm.Target.from_triple(target.triple).create_target_machine(
            cpu=target.cpu, features=target.features, opt=level, reloc="pic", codemodel="default"
        )
    return found


def _optimised(llvm: Any, text: str, target: Target, level: int) -> tuple[Any, Any]:
    """The module after the passes of its level.

    Templates write loops as they should be, vectorised and unrolled, so three passes are enough for kernels: variables
    become registers, arithmetic on addresses is folded, empty blocks go. The standard pipeline takes ten times as long
    and finds nothing more.
    """
    machine = _machine(target, level)
    module = llvm.parse_assembly(text)
    module.triple = target.triple
    if level:
        builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=level))
        passes = llvm.create_new_module_pass_manager()
        passes.add_sroa_pass()
        passes.add_instruction_combine_pass()
        passes.add_simplify_cfg_pass()
        passes.run(module, builder)  # in one call: each waits for the interpreter's lock when it comes back
    return machine, module


def compile_object(text: str, target: Target, level: int = 2) -> bytes:
    """Optimises and assembles a module: 0 as it stands, 1 or more through the passes.

    Raises RuntimeError with LLVM's message where the text is not legal IR: that is a fault of a template, never of the
    user.
    """
    import llvmlite.binding as llvm

    with _lock:
        machine, module = _optimised(llvm, text, target, level)
        return machine.emit_object(module)


def disassemble(text: str, target: Target, level: int = 2) -> str:
    """The assembly of a module: what a reader of a slow kernel looks at."""
    import llvmlite.binding as llvm

    with _lock:
        machine, module = _optimised(llvm, text, target, level)
        return machine.emit_assembly(module)
