"""From LLVM IR text to the bytes of an object file, for one target.

The only place of the compiler that opens llvmlite.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any

from ..base.target import Target
from .halves import halves

_lock = threading.Lock()
_machines: dict[tuple[Target, int, int], Any] = {}


def version() -> str:
    """The version of the code generator: code that another one made is not taken from the store."""
    import llvmlite

    return llvmlite.__version__


def _machine(target: Target, level: int, thread: int = 0) -> Any:
    """The target machine for an optimisation level (0 to 3), made once; each of two threads has its own."""
    import llvmlite.binding as llvm

    found = _machines.get((target, level, thread))
    if found is None:
        if not _machines:
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
        found = _machines[target, level, thread] = llvm.Target.from_triple(target.triple).create_target_machine(
            cpu=target.cpu, features=target.features, opt=level, reloc="pic", codemodel="default"
        )
    return found


def _optimised(llvm: Any, text: str, target: Target, level: int, thread: int = 0) -> tuple[Any, Any]:
    """The machine, and the module after the passes of its level.

    Templates write loops as they should be, vectorised and unrolled, so three passes are enough for kernels: variables
    become registers, arithmetic on addresses is folded, empty blocks go. The standard pipeline takes ten times as long
    and finds nothing more.
    """
    machine = _machine(target, level, thread)
    module = llvm.parse_assembly(text, llvm.create_context())
    module.triple = target.triple
    if level:
        builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=level))
        passes = llvm.create_new_module_pass_manager()
        passes.add_sroa_pass()
        passes.add_instruction_combine_pass()
        passes.add_simplify_cfg_pass()
        passes.run(module, builder)  # in one call: each waits for the interpreter's lock when it comes back
    return machine, module


def compile_object(text: str, target: Target, level: int = 2, halved: bool = False) -> bytes:
    """Optimises and assembles a module: 0 as it stands, 1 or more through the passes.

    With `halved` a long one becomes two objects, one behind the other, which two threads make at once.
    Raises RuntimeError with LLVM's message where the text is not legal IR: that is a fault of a template, never of the
    user.
    """
    import llvmlite.binding as llvm

    with _lock:
        texts = halves(text) if halved else (text,)
        return b"".join(_emitted_at_once([_optimised(llvm, part, target, level, k) for k, part in enumerate(texts)]))


def _emitted_at_once(modules: list[tuple[Any, Any]]) -> list[bytes]:
    """The objects of modules, each further one made by a thread of its own."""
    objects: dict[int, bytes] = {}

    def emit(k: int) -> None:
        objects[k] = _emitted(*modules[k])

    threads = [threading.Thread(target=emit, args=(k,)) for k in range(1, len(modules))]
    for k, thread in enumerate(threads, 1):
        try:
            thread.start()
        except RuntimeError:  # the interpreter is about to end and starts no more threads
            emit(k)
    emit(0)
    for thread in threads:
        if thread.ident is not None:
            thread.join()
    return [objects[k] for k in range(len(modules))]


def _emitted(machine: Any, module: Any) -> bytes:
    """What `emit_object` gives, without llvmlite's lock, which is one for all of LLVM.

    LLVM asks for none where threads have contexts and machines of their own.
    """
    from llvmlite.binding import ffi

    locked = ffi.lib.LLVMPY_TargetMachineEmitToMemory
    emit = ctypes.CDLL(ffi.lib._name, handle=ffi.lib._handle).LLVMPY_TargetMachineEmitToMemory
    emit.argtypes, emit.restype = locked.argtypes, locked.restype
    with ffi.OutputString() as message:
        buffer = emit(machine, module, 1, message)
        if not buffer:
            raise RuntimeError(str(message))
    try:
        return ctypes.string_at(ffi.lib.LLVMPY_GetBufferStart(buffer), ffi.lib.LLVMPY_GetBufferSize(buffer))
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


def disassemble(text: str, target: Target, level: int = 2) -> str:
    """The assembly of a module: what a reader of a slow kernel looks at."""
    import llvmlite.binding as llvm

    with _lock:
        machine, module = _optimised(llvm, text, target, level)
        return machine.emit_assembly(module)
