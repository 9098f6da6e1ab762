"""The rate of fused multiply-adds that this processor can sustain: the ceiling of any matrix product.

A loop over accumulators that depend on nothing but themselves runs on every thread at once. There are enough of them to
hide the latency of the instruction on any processor of today, and few enough to stay in registers.
"""

from __future__ import annotations

import ctypes
import time
from concurrent.futures import ThreadPoolExecutor

import llvmlite.binding as llvm

ACCUMULATORS = 12
LOOPS = 100_000_000


def peak_flops(threads: int) -> float:
    """fp32 operations per second of all threads together; a fused multiply-add is two."""
    features = llvm.get_host_cpu_features()
    lanes = 16 if features.get("avx512f") else 8 if features.get("avx2") else 4
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features.flatten(), opt=2
    )
    with llvm.create_mcjit_compiler(llvm.parse_assembly(_source(lanes)), machine) as engine:
        engine.finalize_object()
        function = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_int64, ctypes.c_float)(engine.get_function_address("peak"))
        with ThreadPoolExecutor(threads) as pool:
            best = min(_seconds(pool, function, threads) for _ in range(3))
    return 2.0 * lanes * ACCUMULATORS * LOOPS * threads / best


def _seconds(pool: ThreadPoolExecutor, function: ctypes._CFunctionType, threads: int) -> float:
    start = time.perf_counter()
    list(pool.map(function, [LOOPS] * threads, [0.5] * threads))
    return time.perf_counter() - start


def _source(lanes: int) -> str:
    """LLVM IR of `peak(loops, x)`, which repeats a = a * x + x; x is an argument lest LLVM does the sum."""
    vector = f"<{lanes} x float>"
    indices = range(ACCUMULATORS)
    # Different starting values, or LLVM would see that one accumulator is enough.
    starts = [f"  %start{i} = insertelement {vector} %factor, float {i}.0, i32 0" for i in indices]
    phis = [f"  %a{i} = phi {vector} [ %start{i}, %entry ], [ %b{i}, %loop ]" for i in indices]
    work = [
        f"  %b{i} = call {vector} @llvm.fma.v{lanes}f32({vector} %a{i}, {vector} %factor, {vector} %factor)"
        for i in indices
    ]
    total = [f"  %s{i} = fadd {vector} %s{i - 1}, %b{i}" for i in indices[1:]]
    return "\n".join(
        [
            f'target triple = "{llvm.get_default_triple()}"',
            f"declare {vector} @llvm.fma.v{lanes}f32({vector}, {vector}, {vector})",
            "define float @peak(i64 %loops, float %x) {",
            "entry:",
            f"  %one = insertelement {vector} poison, float %x, i32 0",
            f"  %factor = shufflevector {vector} %one, {vector} poison, <{lanes} x i32> zeroinitializer",
            *starts,
            "  br label %loop",
            "loop:",
            "  %n = phi i64 [ %loops, %entry ], [ %m, %loop ]",
            *phis,
            *work,
            "  %m = sub i64 %n, 1",
            "  %more = icmp ne i64 %m, 0",
            "  br i1 %more, label %loop, label %done",
            "done:",
            f"  %s0 = fadd {vector} %b0, %b0",
            *total,
            f"  %result = extractelement {vector} %s{ACCUMULATORS - 1}, i32 0",
            "  ret float %result",
            "}",
        ]
    )
